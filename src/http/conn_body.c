/* SPDX-License-Identifier: MIT */
/*
 * Bodies: collected behind their head, or given to a handler as they come.
 * The framing is followed in one place for both.
 */
#include "http/conn_input.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/exchange.h"
#include "http/memory.h"

#include <errno.h>
#include <string.h>

enum {
    BODY_BUFFER_BYTES = 1024,  /* the least a kept head is given */
    BODY_EXPECT_BYTES = 16384, /* the most a body gets before its bytes came */
    BODY_GROWTH = 4,           /* room for so many times what has come */

    /* The buffers that a worker keeps for the next bodies. */
    SPARE_BYTES_MIN = 65536,
    SPARE_BYTES_MAX = 4 * 1024 * 1024,
    SPARE_TOTAL_MAX = 16 * 1024 * 1024,
    SPARE_LOOKS_MAX = 8 /* for one that is large enough */
};

/* One of the worker's spare buffers with room for `cap` bytes, or NULL. */
static struct flare__inbuf *spare_take(struct flare__http *h, uint32_t cap)
{
    struct flare__inbuf **place = &h->spare_in;

    for (int i = 0; *place != NULL && i < SPARE_LOOKS_MAX; i++) {
        struct flare__inbuf *in = *place;

        if (in->cap >= cap) {
            *place = in->next;
            h->spare_in_bytes -= in->cap;
            *in = (struct flare__inbuf){.cap = in->cap};
            return in;
        }
        place = &in->next;
    }
    return NULL;
}

struct flare__inbuf *flare__inbuf_new(struct flare__conn *conn, uint32_t cap)
{
    struct flare__inbuf *in;

    if (cap < BODY_BUFFER_BYTES)
        cap = BODY_BUFFER_BYTES;
    in = flare__alloc(conn->http->options->al, sizeof(*in) + cap);
    if (in == NULL)
        return NULL;
    *in = (struct flare__inbuf){.cap = cap};
    return in;
}

/*
 * Why they are kept: most of what a body of 1 MiB costs is the kernel's giving
 * of 256 fresh pages.  Those just done with are what the next ones need.
 */
void flare__inbuf_free(struct flare__http *h, struct flare__inbuf *in)
{
    if (in != NULL && in->cap >= SPARE_BYTES_MIN &&
        in->cap <= SPARE_BYTES_MAX &&
        h->spare_in_bytes + in->cap <= SPARE_TOTAL_MAX &&
        !flare__memory_is(h, FLARE__MEMORY_TIGHT)) {
        in->next = h->spare_in;
        h->spare_in = in;
        h->spare_in_bytes += in->cap;
        return;
    }
    flare__free(h->options->al, in);
}

void flare__inbuf_trim(struct flare__http *h)
{
    while (h->spare_in != NULL) {
        struct flare__inbuf *in = h->spare_in;

        h->spare_in = in->next;
        flare__free(h->options->al, in);
    }
    h->spare_in_bytes = 0;
}

/*
 * What a buffer that must hold `need` bytes is given.  A length that was told
 * counts as far as its bytes come: one that is a lie costs no memory.
 */
static uint32_t inbuf_cap(const struct flare__inbuf *in, uint32_t need)
{
    uint64_t cap = (uint64_t)in->cap * 2;

    if (in->expected >= need) {
        cap = (uint64_t)need * BODY_GROWTH;
        if (cap > in->expected)
            cap = in->expected;
    }
    if (cap > UINT32_MAX - sizeof(*in))
        cap = UINT32_MAX - sizeof(*in);
    return cap < need ? need : (uint32_t)cap;
}

static int inbuf_grow(struct flare__http *h, struct flare__inbuf **place,
                      uint32_t need)
{
    struct flare__inbuf *old = *place;
    uint32_t cap = inbuf_cap(old, need);
    struct flare__inbuf *in =
        spare_take(h, old->expected > cap ? old->expected : cap);

    if (in != NULL) {
        cap = in->cap;
        memcpy(in, old, sizeof(*old) + old->len);
        flare__free(h->options->al, old);
    } else {
        in = flare__realloc(h->options->al, old, sizeof(*in) + cap);
        if (in == NULL)
            return -ENOMEM;
    }
    in->cap = cap;
    *place = in;
    return 0;
}

static int inbuf_add(struct flare__conn *conn, struct flare__inbuf **place,
                     const char *bytes, uint32_t len)
{
    struct flare__inbuf *in = *place;

    if (len > in->cap - in->len) {
        int rc = inbuf_grow(conn->http, place, in->len + len);

        if (rc < 0)
            return rc;
        in = *place;
    }
    memcpy(in->bytes + in->len, bytes, len);
    in->len += len;
    return 0;
}

int flare__inbuf_append(struct flare__conn *conn, const char *bytes,
                        uint32_t len)
{
    return inbuf_add(conn, &conn->in, bytes, len);
}

/* ---- framing ---- */

static void body_init(struct flare__body *b, struct flare__exchange *x,
                      uint64_t max, uint32_t available)
{
    const struct flare__http *h = x->req.http;

    *b = (struct flare__body){
        .is_chunked = (x->head.flags & FLARE__HEAD_CHUNKED) != 0,
        .left = x->head.content_length,
        .started_ms = h->loop->now_ms,
        .wire_bytes = available,
        .max = max,
    };
    flare__chunked_init(&b->chunked);
    x->is_touched = true;
    b->chunked.trailers_max = h->options->head.fields_max;
    x->must_continue =
        (x->head.flags & FLARE__HEAD_CONTINUE) != 0 && available == 0;
}

/* As flare__chunked_decode, for either framing; counts and bounds the data. */
static int body_next(struct flare__body *b,
                     const struct flare__chunked_limits *limits,
                     struct flare_str *in, struct flare_str *data)
{
    if (b->is_chunked) {
        int rc = flare__chunked_decode(&b->chunked, limits, in, data);

        if (rc != FLARE__CHUNKED_DATA) /* trailers are none of the body */
            return rc;
    } else {
        if (b->left == 0)
            return FLARE__CHUNKED_END;
        if (in->len == 0)
            return FLARE__CHUNKED_MORE;
        *data = *in;
        if (data->len > b->left)
            data->len = (size_t)b->left;
        b->left -= data->len;
        in->ptr += data->len;
        in->len -= data->len;
    }
    if (data->len > b->max - b->bytes)
        return FLARE_E_BODY_TOO_LARGE;
    b->bytes += data->len;
    return FLARE__CHUNKED_DATA;
}

void flare__body_set_deadline(struct flare__conn *conn)
{
    const struct flare__http_options *o = conn->http->options;
    const struct flare__body *b =
        conn->phase == FLARE__CONN_STREAM ? &conn->x->body : &conn->in->body;
    uint64_t now_ms = conn->http->loop->now_ms;
    uint64_t left_ms = o->body_gap_ms;

    if (o->body_rate_min != 0) {
        uint64_t by_ms = b->started_ms + o->body_grace_ms +
                         b->wire_bytes * 1000 / o->body_rate_min;
        uint64_t rate_ms = by_ms > now_ms ? by_ms - now_ms : 0;

        if (rate_ms < left_ms)
            left_ms = rate_ms;
    }
    flare__conn_set_read_deadline(conn, (uint32_t)left_ms);
}

/* A peer that waits to be told to go on is told.  -ENOMEM. */
static int body_continue(struct flare__conn *conn)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *room =
        flare__out_reserve(&conn->out, &conn->http->pool, sizeof(go_on) - 1);

    if (room == NULL)
        return -ENOMEM;
    memcpy(room, go_on, sizeof(go_on) - 1);
    flare__out_commit(&conn->out, sizeof(go_on) - 1);
    return 0;
}

/* ---- collected bodies ---- */

/* For a head, and for a body of `expected` bytes if that is the truth. */
static struct flare__inbuf *body_buffer(struct flare__conn *conn,
                                        size_t head_len, uint64_t expected)
{
    struct flare__inbuf *in = NULL;

    if (expected > BODY_EXPECT_BYTES && expected <= SPARE_BYTES_MAX)
        in = spare_take(conn->http, (uint32_t)(head_len + expected));
    if (in != NULL)
        return in;
    if (expected > BODY_EXPECT_BYTES)
        expected = BODY_EXPECT_BYTES;
    return flare__inbuf_new(conn, (uint32_t)(head_len + expected));
}

int flare__body_collect(struct flare__conn *conn, uint64_t max,
                        uint32_t available)
{
    struct flare__exchange *x = conn->http->x;
    struct flare_str head = x->wire;
    uint64_t expected = x->head.content_length;
    bool is_said = (x->head.flags & FLARE__HEAD_CONTINUE) && available == 0;

    if (flare__memory_is(conn->http, FLARE__MEMORY_SCARCE))
        return FLARE_E_OVERLOADED;
    if (is_said) {
        int rc = flare__dispatch_find(x);

        if (rc < 0)
            return rc;
    }
    conn->in = body_buffer(conn, head.len, expected);
    if (conn->in == NULL ||
        flare__inbuf_append(conn, head.ptr, (uint32_t)head.len) < 0)
        return -ENOMEM;
    conn->in->head_len = (uint32_t)head.len;
    if (expected > 0 && expected <= INT32_MAX)
        conn->in->expected = (uint32_t)(head.len + expected);
    body_init(&conn->in->body, x, max, available);
    x->is_found = false; /* another request may come into this hand */
    conn->phase = FLARE__CONN_BODY;
    flare__body_set_deadline(conn);
    return is_said ? body_continue(conn) : 0;
}

/* The head and its body are whole in conn->in: parse again, in place. */
static void body_complete(struct flare__conn *conn)
{
    struct flare__http *h = conn->http;
    struct flare__exchange *x = h->x;
    struct flare__inbuf *in = conn->in;
    struct flare_str body = {in->bytes + in->head_len,
                             in->len - in->head_len - in->trailers_len};
    enum flare__dispatched how;
    int rc;

    rc =
        flare__head_parse(&x->head, &h->options->head, in->bytes, in->head_len);
    FLARE_ASSERT(rc >= 0 && (uint32_t)rc == in->head_len);
    x->wire = (struct flare_str){in->bytes, in->head_len};
    x->inbuf = in;
    flare__exchange_begin(x, conn);
    how = flare__dispatch(conn, body);
    if (how != FLARE__DISPATCHED_LATER) {
        x->inbuf = NULL;
        conn->in = NULL;
        flare__inbuf_free(h, in);
    }
    conn->phase = FLARE__CONN_HEAD;
    flare__conn_after(conn, x, how);
}

static int body_input_collected(struct flare__conn *conn, struct flare_str in)
{
    const struct flare__chunked_limits *limits = &conn->http->options->chunked;
    size_t len = in.len;
    struct flare_str data;

    for (;;) {
        int rc = body_next(&conn->in->body, limits, &in, &data);

        if (rc < 0)
            return rc;
        if (rc == FLARE__CHUNKED_MORE)
            return (int)len;
        if (rc == FLARE__CHUNKED_END) {
            body_complete(conn);
            return (int)(len - in.len);
        }
        if (rc == FLARE__CHUNKED_TRAILER)
            conn->in->trailers_len += (uint32_t)data.len;
        rc = flare__inbuf_append(conn, data.ptr, (uint32_t)data.len);
        if (rc < 0)
            return rc;
    }
}

/* ---- streamed bodies ---- */

bool flare__body_is_paused(const struct flare__exchange *x)
{
    if (x->is_discarding)
        return false;
    return x->req.on_body == NULL || x->req.is_body_paused;
}

void flare__body_stream(struct flare__conn *conn, uint64_t max,
                        uint32_t available)
{
    struct flare__exchange *x = conn->http->x;
    enum flare__dispatched how;

    body_init(&x->body, x, max, available);
    x->is_streamed = true;
    x->is_touched = true;
    x->is_body_open = true;
    how = flare__dispatch(conn, (struct flare_str){NULL, 0});
    if (how == FLARE__DISPATCHED && flare__exchange_detach(x) < 0)
        how = FLARE__DISPATCHED_LAST;
    if (how == FLARE__DISPATCHED) { /* answered before its body was read */
        conn->phase = FLARE__CONN_STREAM;
        x->is_discarding = true;
        x->body.max = x->body.bytes + FLARE__CONN_DISCARD_MAX;
        flare__body_set_deadline(conn);
        return;
    }
    if (how != FLARE__DISPATCHED_LATER) {
        flare__conn_after(conn, x, how);
        return;
    }
    conn->phase = FLARE__CONN_STREAM;
    if (flare__body_is_paused(x))
        flare__conn_touch(conn);
    else
        flare__body_set_deadline(conn);
}

int flare_req_read(flare_req *req, flare_body_fn fn, void *ctx)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(req, req);
    struct flare__conn *conn = x->res.conn;

    if (req->on_body != NULL || x->is_read || conn == NULL)
        return FLARE_E_NO_BODY;
    if (x->must_continue && x->res.state != FLARE__RES_OPEN)
        return FLARE_E_NO_BODY; /* no 100 inside an answer: none will come */
    x->is_read = true;
    x->is_touched = true;
    if (x->must_continue && body_continue(conn) < 0)
        return -ENOMEM;
    x->must_continue = false;
    req->on_body = fn;
    req->body_ctx = ctx;
    req->is_body_paused = true;
    flare_req_body_resume(req);
    return 0;
}

void flare_req_body_resume(flare_req *req)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(req, req);

    if (!req->is_body_paused || x->res.conn == NULL)
        return;
    req->is_body_paused = false;
    if (!x->is_detached)
        return;
    if (x->res.conn->phase == FLARE__CONN_ANSWER) {
        flare__body_give_whole(x->res.conn);
        return;
    }
    x->res.conn->is_paused = true; /* the end of the turn brings what waits */
    x->body.started_ms = req->http->loop->now_ms; /* the wait was ours */
    x->body.wire_bytes = 0;
    flare__body_set_deadline(x->res.conn);
    flare__conn_flush(x->res.conn);
}

/* Gives a piece to who takes the body. */
static void body_give(struct flare__conn *conn, struct flare_str piece,
                      bool is_last)
{
    struct flare__exchange *x = conn->x;
    struct flare_req *req = &x->req;
    flare_body_fn fn = req->on_body;
    int rc;

    if (x->is_discarding) {
        if (is_last)
            flare__conn_release(conn, FLARE__DISPATCHED);
        return;
    }
    if (is_last) {
        x->is_body_open = false;
        req->on_body = NULL;
        conn->phase = FLARE__CONN_ANSWER;
        flare__conn_touch(conn);
    }
    rc = fn(req, &x->res, piece, is_last, req->body_ctx);
    if (rc < 0) {
        flare__exchange_settle(x, rc);
    } else if (rc == FLARE_LATER && !is_last) {
        req->is_body_paused = true;
        if (conn->phase == FLARE__CONN_STREAM)
            flare__conn_touch(conn);
    }
}

void flare__body_give_whole(struct flare__conn *conn)
{
    struct flare_req *req = &conn->x->req;

    if (req->on_body != NULL && !req->is_body_paused)
        body_give(conn, req->body, /* is_last = */ true);
}

/* Trailers of a body that is given in pieces; with a bound of the decoder's. */
static int body_keep_trailer(struct flare__conn *conn, struct flare_str part)
{
    struct flare__exchange *x = conn->x;
    uint32_t len = (uint32_t)part.len;

    if (x->is_discarding)
        return 0;
    if (x->trailers == NULL)
        x->trailers = flare__inbuf_new(conn, len);
    if (x->trailers == NULL)
        return -ENOMEM;
    return inbuf_add(conn, &x->trailers, part.ptr, len);
}

static int body_input_streamed(struct flare__conn *conn, struct flare_str in)
{
    const struct flare__chunked_limits *limits = &conn->http->options->chunked;
    size_t len = in.len;

    while (conn->phase == FLARE__CONN_STREAM &&
           !flare__body_is_paused(conn->x)) {
        struct flare__body *b = &conn->x->body;
        struct flare_str data = {NULL, 0};
        int rc = body_next(b, limits, &in, &data);

        if (rc < 0)
            return rc;
        if (rc == FLARE__CHUNKED_MORE)
            return (int)len;
        if (rc == FLARE__CHUNKED_TRAILER) {
            rc = body_keep_trailer(conn, data);
            if (rc < 0)
                return rc;
            continue;
        }
        body_give(conn, data,
                  rc == FLARE__CHUNKED_END || (!b->is_chunked && b->left == 0));
    }
    return conn->phase < FLARE__CONN_LINGER ? (int)(len - in.len) : (int)len;
}

int flare__body_input(struct flare__conn *conn, const char *bytes, uint32_t len)
{
    struct flare_str in = {bytes, len};

    return conn->phase == FLARE__CONN_BODY ? body_input_collected(conn, in)
                                           : body_input_streamed(conn, in);
}
