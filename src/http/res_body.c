/* SPDX-License-Identifier: MIT */
/*
 * Bodies that come in pieces: written by a handler, asked of it, or read from a
 * file.  Framed by their declared length, by chunks, or, to HTTP/1.0 peers, by
 * the end of the connection.  What is not whole is never ended as if it were
 * (FAILURES H43): the connection is cut.
 */
#include "base/assert.h"
#include "http/chunked.h"
#include "http/exchange.h"
#include "http/filter.h"
#include "http/res.h"
#include "net/file.h"

#include <errno.h>
#include <string.h>

enum {
    BODY_CHUNK_FRAME = FLARE__CHUNK_LINE_MAX + 2,
    BODY_FILE_COPY_MAX = 64 << 10, /* a smaller file is sent with its head */
    BODY_PULLS_MAX = 64            /* pieces asked for in one go */
};

static struct flare__exchange *body_exchange(struct flare_res *res)
{
    return FLARE__EXCHANGE_OF(res, res);
}

/* ---- writing ---- */

/* Frames and queues a piece.  -ENOMEM; FLARE_E_RANGE. */
static int body_put(struct flare_res *res, struct flare_str bytes)
{
    struct flare__out *out = &res->conn->out;
    char *start;
    char *p;

    if (bytes.len == 0)
        return 0;
    start = flare__out_reserve(out, &res->http->pool,
                               (uint32_t)bytes.len + BODY_CHUNK_FRAME);
    if (start == NULL)
        return -ENOMEM;
    p = start;
    if (res->is_chunked)
        p = flare__chunk_line(p, bytes.len);
    memcpy(p, bytes.ptr, bytes.len);
    p += bytes.len;
    if (res->is_chunked) {
        memcpy(p, "\r\n", 2);
        p += 2;
    }
    flare__out_commit(out, (uint32_t)(p - start));
    res->body_bytes += bytes.len;
    return 0;
}

static int body_sink(void *ctx, struct flare_str bytes)
{
    return body_put(ctx, bytes);
}

static int body_feed(struct flare_res *res, struct flare_str bytes,
                     enum flare__filter_how how)
{
    struct flare__filter *f = res->filter;

    if (f != NULL)
        return f->feed(f, bytes, how, body_sink, res);
    return body_put(res, bytes);
}

/* Something was queued, or should have been. */
static void body_touch(struct flare_res *res)
{
    if (body_exchange(res)->is_detached)
        flare__conn_touch(res->conn);
}

static int body_check(const struct flare_res *res)
{
    if (res->conn == NULL)
        return FLARE_E_GONE;
    return res->state == FLARE__RES_BODY && res->file < 0 ? 0
                                                          : FLARE_E_NOT_STARTED;
}

int flare_res_start(flare_res *res, int status, struct flare_str type,
                    uint64_t length)
{
    int rc;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    rc = flare__res_prepare(res, status, type, length);
    if (rc < 0)
        return rc;
    if (res->filter != NULL)
        res->length = FLARE_LENGTH_UNKNOWN;
    res->is_chunked = res->length == FLARE_LENGTH_UNKNOWN &&
                      body_exchange(res)->head.minor != 0;
    rc = flare__res_queue_head(res);
    if (rc < 0)
        return rc;
    res->state = FLARE__RES_BODY;
    res->is_full = false;
    body_exchange(res)->is_touched = true;
    body_touch(res);
    return 0;
}

int flare_res_write(flare_res *res, struct flare_str bytes)
{
    const struct flare__out *out;
    int rc = body_check(res);

    flare__res_check_thread(res);
    if (rc < 0)
        return rc;
    if (bytes.len > INT32_MAX ||
        (res->filter == NULL && res->length != FLARE_LENGTH_UNKNOWN &&
         bytes.len > res->length - res->body_bytes))
        return FLARE_E_RANGE;
    if (res->has_no_body)
        return 0;
    out = &res->conn->out;
    /* What the answers before it, or its head, have filled was no write's. */
    if (res->is_full && out->bytes > res->http->options->output_bytes_max)
        return FLARE_E_OUTPUT_FULL;
    rc = body_feed(res, bytes, FLARE__FILTER_MORE);
    if (rc < 0 && res->filter != NULL)
        flare_res_abort(res); /* what the coding has taken in is lost */
    if (rc < 0)
        return rc;
    body_touch(res);
    res->is_full = out->bytes > res->http->options->output_bytes_max;
    return res->is_full;
}

int flare_res_flush(flare_res *res)
{
    int rc = body_check(res);

    flare__res_check_thread(res);
    if (rc < 0 || res->has_no_body || res->filter == NULL)
        return rc;
    rc = body_feed(res, (struct flare_str){NULL, 0}, FLARE__FILTER_FLUSH);
    if (rc < 0)
        flare_res_abort(res);
    else
        body_touch(res);
    return rc;
}

/* The last chunk, and the trailers behind it. */
static int body_put_end(struct flare_res *res)
{
    uint32_t size = 3 + res->extra_len + 2;
    char *p;

    if (!res->is_chunked || res->has_no_body)
        return 0;
    p = flare__out_reserve(&res->conn->out, &res->http->pool, size);
    if (p == NULL)
        return -ENOMEM;
    memcpy(p, "0\r\n", 3);
    if (res->extra_len > 0)
        memcpy(p + 3, res->extra, res->extra_len);
    memcpy(p + 3 + res->extra_len, "\r\n", 2);
    flare__out_commit(&res->conn->out, size);
    return 0;
}

int flare_res_finish(flare_res *res)
{
    int rc = body_check(res);

    flare__res_check_thread(res);
    if (rc < 0)
        return rc;
    if (!res->has_no_body && res->length != FLARE_LENGTH_UNKNOWN &&
        res->body_bytes != res->length) {
        flare_res_abort(res);
        return FLARE_E_RANGE;
    }
    if (!res->has_no_body && res->filter != NULL)
        rc = body_feed(res, (struct flare_str){NULL, 0}, FLARE__FILTER_END);
    if (rc >= 0)
        rc = body_put_end(res);
    if (rc < 0) {
        flare_res_abort(res);
        return rc;
    }
    body_touch(res);
    flare__res_complete(res);
    return 0;
}

void flare_res_abort(flare_res *res)
{
    flare__res_check_thread(res);
    if (res->conn == NULL || res->state != FLARE__RES_BODY)
        return;
    if (body_exchange(res)->is_detached)
        flare__conn_abort(res->conn); /* which ends it */
    else
        flare__exchange_end(body_exchange(res), FLARE_E_GONE); /* dispatch.c */
}

/* RFC 9110 section 6.5.1: what must be known before the body is used. */
static bool body_is_trailer(struct flare_str name)
{
    static const char *const refused[] = {
        "Transfer-Encoding",
        "Content-Length",
        "Host",
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Content-Range",
        "Trailer",
        "Connection",
        "Set-Cookie",
        "Cache-Control",
        "WWW-Authenticate",
        "Age",
        "Expires",
        "Date",
        "Location",
        "Retry-After",
        "Vary",
        "Keep-Alive",
        "Upgrade",
        "Cookie",
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (flare_str_equal_nocase(flare_str(refused[i]), name))
            return false;
    return true;
}

int flare_res_trailer(flare_res *res, const char *name, struct flare_str value)
{
    int rc = body_check(res);

    if (rc < 0)
        return rc;
    if (!body_is_trailer(flare_str(name)))
        return FLARE_E_BAD_HEADER;
    return flare__res_line(res, flare_str(name), value);
}

/* ---- pulling ---- */

void flare_res_on_drain(flare_res *res, flare_drain_fn fn, void *ctx)
{
    if (res->pull != NULL)
        return;
    res->on_drain = fn;
    res->flow_ctx = ctx;
    body_exchange(res)->is_touched = true;
}

int flare_res_pull(flare_res *res, int status, struct flare_str type,
                   uint64_t length, flare_pull_fn fn, void *ctx)
{
    int rc = flare_res_start(res, status, type, length);

    if (rc < 0)
        return rc;
    res->pull = fn;
    res->flow_ctx = ctx;
    res->is_full = true; /* the end of the turn finds that it is not */
    return 0;
}

void flare_res_pull_resume(flare_res *res)
{
    flare__res_check_thread(res);
    if (res->conn == NULL || res->pull == NULL)
        return;
    res->is_full = true;
    body_touch(res);
}

/* Asks for pieces until there are enough. */
static void body_pull(struct flare_res *res)
{
    struct flare__exchange *x = body_exchange(res);

    for (int i = 0; i < BODY_PULLS_MAX && !res->is_full; i++) {
        uint64_t before = res->body_bytes;
        int rc = res->pull(&x->req, res, res->flow_ctx);

        if (rc < 0)
            flare__exchange_settle(x, rc);
        if (rc != 0 || res->state != FLARE__RES_BODY)
            return;
        if (res->body_bytes == before)
            break; /* nothing to say just now: others first */
    }
    if (!res->is_full) {
        res->is_full = true;
        flare__conn_flush(res->conn);
    }
}

/* ---- files ---- */

static int body_file_small(struct flare_res *res, int fd, uint64_t offset,
                           uint32_t length)
{
    struct flare__out *out = &res->conn->out;
    char *room = flare__out_reserve(out, &res->http->pool, length);
    int64_t got;

    if (room == NULL)
        return -ENOMEM;
    got = flare__file_read(fd, room, length, offset);
    if (got < 0)
        return (int)got;
    flare__out_commit(out, (uint32_t)got);
    res->body_bytes = (uint64_t)got;
    return (uint32_t)got == length ? 0 : FLARE_E_RANGE;
}

int flare_res_file(flare_res *res, int status, struct flare_str type, int fd,
                   uint64_t offset, uint64_t length)
{
    int rc;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    if (length == FLARE_LENGTH_UNKNOWN || offset > INT64_MAX)
        return FLARE_E_RANGE;
    res->is_file = true;
    rc = flare__res_prepare(res, status, type, length);
    res->is_file = false;
    if (rc < 0)
        return rc;
    FLARE_ASSERT(res->filter == NULL);
    rc = flare__res_queue_head(res);
    if (rc < 0)
        return rc;
    res->state = FLARE__RES_BODY;
    if (res->has_no_body || length <= BODY_FILE_COPY_MAX) {
        if (!res->has_no_body && length > 0)
            rc = body_file_small(res, fd, offset, (uint32_t)length);
        if (rc < 0) {
            flare_res_abort(res); /* its head is out */
            return rc;
        }
        flare__file_close(fd);
        flare__res_complete(res);
        return 0;
    }
    res->file = fd;
    res->file_at = offset;
    res->file_left = length;
    body_touch(res);
    return 0;
}

void flare__res_go_on(struct flare_res *res)
{
    struct flare__exchange *x = body_exchange(res);

    if (res->state != FLARE__RES_BODY || !res->is_full ||
        res->conn->out.bytes > res->http->options->output_bytes_max / 2)
        return;
    res->is_full = false;
    if (res->pull != NULL)
        body_pull(res);
    else if (res->on_drain != NULL)
        res->on_drain(&x->req, res, res->flow_ctx);
}
