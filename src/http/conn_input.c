/* SPDX-License-Identifier: MIT */
/*
 * The peer's bytes: cut into heads and bodies, in place where they lie whole
 * in what was received.  Nothing is parsed after an error or a last answer.
 */
#include "http/conn_input.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/dispatch.h"

#include <errno.h>
#include <string.h>

enum {
    INPUT_TURN_REQUESTS = 256, /* of one connection before others get a turn */
    INPUT_BUFFER_BYTES = 1024, /* the least a kept head is given */
    INPUT_BODY_BYTES = 16384   /* the most a body gets before its bytes came */
};

/* `is_head`: the request is known to be HEAD, whose answer has no body. */
static void input_refuse(struct flare__conn *conn, int error, bool is_head)
{
    struct flare__http *h = conn->http;

    h->counters.refused++;
    if (error == FLARE_E_TIMEOUT)
        h->counters.timeouts++;
    flare__dispatch_error(conn, error, is_head);
    flare__conn_linger(conn);
}

/* The body at fault may be that of a HEAD; half a head is not asked. */
static void input_fail(struct flare__conn *conn, int error)
{
    const struct flare__inbuf *in = conn->in;
    bool is_head = false;

    if (conn->phase == FLARE__CONN_BODY) {
        size_t at = in->bytes[0] == '\r' ? 2 : 0; /* the CRLF that may lead */

        is_head = memcmp(in->bytes + at, "HEAD ", 5) == 0;
    }
    input_refuse(conn, error, is_head);
}

/* ---- input that must be kept ---- */

static struct flare__inbuf *inbuf_new(struct flare__conn *conn, uint32_t cap)
{
    struct flare__inbuf *in;

    if (cap < INPUT_BUFFER_BYTES)
        cap = INPUT_BUFFER_BYTES;
    in = flare__alloc(conn->http->options->al, sizeof(*in) + cap);
    if (in == NULL)
        return NULL;
    *in = (struct flare__inbuf){.cap = cap};
    return in;
}

/* Appends to conn->in, doubling it.  -ENOMEM. */
static int inbuf_append(struct flare__conn *conn, const char *bytes,
                        uint32_t len)
{
    struct flare__inbuf *in = conn->in;

    if (len > in->cap - in->len) {
        uint32_t cap = in->cap * 2;

        if (cap < in->len + len)
            cap = in->len + len;
        in = flare__realloc(conn->http->options->al, in, sizeof(*in) + cap);
        if (in == NULL)
            return -ENOMEM;
        in->cap = cap;
        conn->in = in;
    }
    memcpy(in->bytes + in->len, bytes, len);
    in->len += len;
    return 0;
}

/* Keeps the start of a head, or requests that must wait. */
static void input_keep(struct flare__conn *conn, const char *bytes,
                       uint32_t len)
{
    FLARE_ASSERT(conn->in == NULL);
    conn->in = inbuf_new(conn, len);
    if (conn->in == NULL || inbuf_append(conn, bytes, len) < 0)
        input_fail(conn, -ENOMEM);
}

/* ---- bodies ---- */

/* The time by which the next bytes of the body must be here. */
static void body_set_deadline(struct flare__conn *conn)
{
    const struct flare__http_options *o = conn->http->options;
    const struct flare__inbuf *in = conn->in;
    uint64_t now_ms = conn->http->loop->now_ms;
    uint64_t left_ms = o->body_gap_ms;

    if (o->body_rate_min != 0) {
        uint64_t by_ms = in->started_ms + o->body_grace_ms +
                         in->wire_bytes * 1000 / o->body_rate_min;
        uint64_t rate_ms = by_ms > now_ms ? by_ms - now_ms : 0;

        if (rate_ms < left_ms)
            left_ms = rate_ms;
    }
    flare__conn_set_read_deadline(conn, (uint32_t)left_ms);
}

/* The next request may come; or this one's answer was the last. */
static void input_after_request(struct flare__conn *conn, bool goes_on)
{
    if (!goes_on) {
        flare__conn_linger(conn);
        return;
    }
    conn->read_deadline_ms =
        conn->http->loop->now_ms + conn->http->options->idle_timeout_ms;
    if (conn->out.bytes > conn->http->options->output_bytes_max)
        conn->is_paused = true;
}

/* The head and its body are whole in conn->in: parse again, in place. */
static void body_complete(struct flare__conn *conn)
{
    struct flare__http *h = conn->http;
    struct flare__inbuf *in = conn->in;
    struct flare_str body = {in->bytes + in->head_len, in->len - in->head_len};
    int rc;
    bool goes_on;

    conn->in = NULL;
    conn->phase = FLARE__CONN_HEAD;
    rc =
        flare__head_parse(&h->head, &h->options->head, in->bytes, in->head_len);
    FLARE_ASSERT(rc >= 0 && (uint32_t)rc == in->head_len);
    goes_on = flare__dispatch(conn, body);
    flare__free(h->options->al, in);
    input_after_request(conn, goes_on);
}

/* Returns what it took, or an error. */
static int body_input_chunked(struct flare__conn *conn, const char *bytes,
                              uint32_t len)
{
    const struct flare__http_options *o = conn->http->options;
    struct flare_str in = {bytes, len};
    struct flare_str data;

    for (;;) {
        int rc =
            flare__chunked_decode(&conn->in->chunked, &o->chunked, &in, &data);

        if (rc < 0)
            return rc;
        if (rc == FLARE__CHUNKED_MORE)
            return (int)len;
        if (rc == FLARE__CHUNKED_END) {
            body_complete(conn);
            return (int)(len - in.len);
        }
        if (data.len >
            (size_t)o->body_bytes_max - (conn->in->len - conn->in->head_len))
            return FLARE_E_BODY_TOO_LARGE;
        rc = inbuf_append(conn, data.ptr, (uint32_t)data.len);
        if (rc < 0)
            return rc;
    }
}

/* Returns what it took, or an error. */
static int body_input(struct flare__conn *conn, const char *bytes, uint32_t len)
{
    struct flare__inbuf *in = conn->in;
    int rc;

    if (in->is_chunked)
        return body_input_chunked(conn, bytes, len);
    if (len > in->body_left)
        len = (uint32_t)in->body_left;
    rc = inbuf_append(conn, bytes, len);
    if (rc < 0)
        return rc;
    conn->in->body_left -= len;
    if (conn->in->body_left == 0)
        body_complete(conn);
    return (int)len;
}

/*
 * A head with a body that is not whole yet.  `available` bytes of it are here;
 * a peer that waits to be told to go on is told, if the body is wanted.
 */
static int body_begin(struct flare__conn *conn, const char *head,
                      uint32_t head_len, uint32_t available)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct flare__http *h = conn->http;
    const struct flare__head *parsed = &h->head;
    uint64_t expected = parsed->content_length;
    bool must_say =
        (parsed->flags & FLARE__HEAD_CONTINUE) != 0 && available == 0;
    char *room;
    int rc;

    if (must_say) {
        rc = flare__dispatch_check(h);
        if (rc < 0)
            return rc;
    }
    if (expected > INPUT_BODY_BYTES)
        expected = INPUT_BODY_BYTES;
    conn->in = inbuf_new(conn, head_len + (uint32_t)expected);
    if (conn->in == NULL || inbuf_append(conn, head, head_len) < 0)
        return -ENOMEM;
    conn->in->head_len = head_len;
    conn->in->started_ms = h->loop->now_ms;
    conn->in->is_chunked = (parsed->flags & FLARE__HEAD_CHUNKED) != 0;
    conn->in->body_left = parsed->content_length;
    conn->in->wire_bytes = available;
    flare__chunked_init(&conn->in->chunked);
    conn->phase = FLARE__CONN_BODY;
    if (!must_say)
        return 0;
    room = flare__out_reserve(&conn->out, &h->pool, sizeof(go_on) - 1);
    if (room == NULL)
        return -ENOMEM;
    memcpy(room, go_on, sizeof(go_on) - 1);
    flare__out_commit(&conn->out, sizeof(go_on) - 1);
    return 0;
}

/* ---- heads ---- */

/* The head in h->head is answered with an error.  Returns what it took: all. */
static int input_refuse_head(struct flare__conn *conn, int error, uint32_t len)
{
    bool is_head = conn->http->head.method_id == FLARE_METHOD_HEAD;

    input_refuse(conn, error, is_head);
    return (int)len;
}

/* The head of `head_len` bytes is in h->head.  Returns what it took. */
static int input_on_head(struct flare__conn *conn, const char *bytes,
                         uint32_t head_len, uint32_t len)
{
    struct flare__http *h = conn->http;
    struct flare_str body = {bytes + head_len, 0};
    int rc;

    if ((h->head.flags & FLARE__HEAD_CHUNKED) == 0) {
        if (h->head.content_length > h->options->body_bytes_max)
            return input_refuse_head(conn, FLARE_E_BODY_TOO_LARGE, len);
        body.len = (size_t)h->head.content_length;
        if (body.len <= len - head_len) {
            input_after_request(conn, flare__dispatch(conn, body));
            return (int)(head_len + (uint32_t)body.len);
        }
    }
    rc = body_begin(conn, bytes, head_len, len - head_len);
    if (rc < 0)
        return input_refuse_head(conn, rc, len);
    body_set_deadline(conn);
    return (int)head_len;
}

/*
 * Takes requests from the front of the bytes until they end, the output is
 * full, the turn is over or the connection has had its last answer.  Returns
 * how many bytes it took; what is left is the start of a head, or waits.
 */
static uint32_t input_consume(struct flare__conn *conn, const char *bytes,
                              uint32_t len)
{
    struct flare__http *h = conn->http;
    uint32_t done = conn->requests - conn->turn_requests;
    uint32_t budget =
        done < INPUT_TURN_REQUESTS ? INPUT_TURN_REQUESTS - done : 0;
    uint32_t pos = 0;

    while (pos < len && conn->phase < FLARE__CONN_LINGER) {
        int rc;

        if (conn->phase == FLARE__CONN_BODY) {
            rc = body_input(conn, bytes + pos, len - pos);
        } else {
            if (conn->is_paused)
                return pos;
            if (budget-- == 0) { /* no later lease of this turn has more */
                conn->is_paused = true;
                return pos;
            }
            rc = flare__head_parse(&h->head, &h->options->head, bytes + pos,
                                   len - pos);
            if (rc == 0)
                return pos;
            if (rc > 0)
                rc = input_on_head(conn, bytes + pos, (uint32_t)rc, len - pos);
        }
        if (rc < 0) {
            input_fail(conn, rc);
            break;
        }
        pos += (uint32_t)rc;
    }
    return len; /* after the last answer the rest is nobody's */
}

/* A pause that output did not cause ends with the turn. */
static void input_schedule(struct flare__conn *conn)
{
    if (conn->is_paused && conn->phase == FLARE__CONN_HEAD &&
        conn->out.bytes <= conn->http->options->output_bytes_max)
        flare__conn_flush(conn);
}

/* What is left of `len` bytes after `taken`: the start of the next head. */
static void input_on_rest(struct flare__conn *conn, bool is_new)
{
    if (conn->phase != FLARE__CONN_HEAD || conn->is_paused)
        return;
    if (is_new) /* absolute: later bytes of this head do not move it */
        flare__conn_set_read_deadline(conn,
                                      conn->http->options->head_timeout_ms);
    if (conn->is_eof)
        input_fail(conn, FLARE_E_BAD_REQUEST);
}

/* Works on what is kept in conn->in. */
static void input_consume_kept(struct flare__conn *conn, bool is_new)
{
    struct flare__inbuf *in = conn->in;
    uint32_t taken;

    conn->in = NULL;
    taken = input_consume(conn, in->bytes, in->len);
    if (conn->phase != FLARE__CONN_HEAD || taken == in->len) {
        flare__free(conn->http->options->al, in);
        return;
    }
    in->len -= taken;
    memmove(in->bytes, in->bytes + taken, in->len);
    conn->in = in;
    input_on_rest(conn, is_new || taken > 0);
}

void flare__conn_input(struct flare__conn *conn, const char *bytes,
                       uint32_t len)
{
    uint32_t taken;

    if (conn->phase == FLARE__CONN_BODY)
        conn->in->wire_bytes += len;
    if (conn->phase == FLARE__CONN_HEAD && conn->in != NULL) {
        if (inbuf_append(conn, bytes, len) < 0)
            input_fail(conn, -ENOMEM);
        else if (!conn->is_paused)
            input_consume_kept(conn, /* is_new = */ false);
    } else {
        taken = input_consume(conn, bytes, len);
        if (taken < len) {
            input_keep(conn, bytes + taken, len - taken);
            input_on_rest(conn, /* is_new = */ true);
        }
    }
    if (conn->phase == FLARE__CONN_BODY)
        body_set_deadline(conn);
    input_schedule(conn);
}

/* Output has drained, or the next turn has come: on with what waits. */
void flare__conn_resume(struct flare__conn *conn)
{
    if (conn->phase != FLARE__CONN_HEAD || !conn->is_paused ||
        conn->out.bytes > conn->http->options->output_bytes_max)
        return;
    conn->is_paused = false;
    if (conn->in != NULL)
        input_consume_kept(conn, /* is_new = */ true);
    if (conn->is_eof && conn->phase < FLARE__CONN_LINGER)
        flare__conn_on_eof(conn); /* nothing if it is paused again */
    input_schedule(conn);
}

/*
 * The peer has sent its last byte.  What is whole is still answered; half a
 * request is refused (FAILURES K02).
 */
void flare__conn_on_eof(struct flare__conn *conn)
{
    if (conn->phase == FLARE__CONN_HEAD && conn->is_paused)
        return;
    if (conn->in != NULL)
        input_fail(conn, FLARE_E_BAD_REQUEST);
    else
        flare__conn_linger(conn);
}

/*
 * Too slow: told so if anything of a request has come.  The time of half a head
 * runs also while an answer before it is being sent: the peer has that in hand.
 */
void flare__conn_on_read_timeout(struct flare__conn *conn)
{
    bool is_idle = conn->in == NULL && conn->out.bytes != 0;

    if (conn->phase == FLARE__CONN_HEAD && (conn->is_paused || is_idle)) {
        /* It waits for us, not we for it. */
        flare__conn_set_read_deadline(conn,
                                      conn->http->options->idle_timeout_ms);
        return;
    }
    if (conn->in != NULL) {
        input_fail(conn, FLARE_E_TIMEOUT);
        return;
    }
    conn->http->counters.timeouts++;
    flare__conn_linger(conn);
}
