/* SPDX-License-Identifier: MIT */
/*
 * The peer's bytes: cut into heads and bodies, in place where they lie whole
 * in what was received.  Nothing is parsed after an error or a last answer.
 */
#include "http/conn_input.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/conn_peer.h"
#include "http/exchange.h"

#include <errno.h>
#include <string.h>

/* Of one connection before others get a turn. */
enum { INPUT_TURN_REQUESTS = 256 };

void flare__conn_refuse(struct flare__conn *conn, int error, bool is_head)
{
    struct flare__http *h = conn->http;

    h->counters.refused++;
    if (error == FLARE_E_TIMEOUT)
        h->counters.timeouts++;
    if (conn->phase == FLARE__CONN_PROXY) {
        flare__conn_linger(conn); /* without a word */
    } else if (conn->x == NULL) {
        flare__dispatch_error(conn, error, is_head);
        flare__conn_linger(conn);
    } else if (conn->x->is_discarding) {
        flare__conn_linger(conn);
    } else {
        flare__exchange_fail(conn->x, error); /* lingers, or is cut */
    }
}

/* The body at fault may be that of a HEAD; half a head is not asked. */
void flare__conn_fail(struct flare__conn *conn, int error)
{
    const struct flare__inbuf *in = conn->in;
    bool is_head = false;

    if (conn->phase == FLARE__CONN_BODY) {
        size_t at = in->bytes[0] == '\r' ? 2 : 0; /* the CRLF that may lead */

        is_head = memcmp(in->bytes + at, "HEAD ", 5) == 0;
    }
    flare__conn_refuse(conn, error, is_head);
}

/* Keeps the start of a head, or requests that must wait. */
static void input_keep(struct flare__conn *conn, const char *bytes,
                       uint32_t len)
{
    FLARE_ASSERT(conn->in == NULL);
    conn->in = flare__inbuf_new(conn, len);
    if (conn->in == NULL || flare__inbuf_append(conn, bytes, len) < 0)
        flare__conn_fail(conn, -ENOMEM);
}

/* Answered; another request may come. */
static inline void input_go_on(struct flare__conn *conn)
{
    const struct flare__http *h = conn->http;

    conn->read_deadline_ms = h->loop->now_ms + h->options->idle_timeout_ms;
    if (FLARE_UNLIKELY(conn->out.bytes > h->options->output_bytes_max))
        conn->is_paused = true;
}

/*
 * The last answer is queued.  A close resets the connection if input is left
 * unread, and that may destroy the answer (FAILURES K03): only a peer that said
 * it would send no more, and has not, is spared the lingering.
 */
static void input_end(struct flare__conn *conn, const struct flare__exchange *x)
{
    bool is_over = (x->head.flags & FLARE__HEAD_KEEP_ALIVE) == 0 &&
                   !x->is_body_open && conn->in == NULL;

    flare__conn_linger(conn);
    conn->is_over = is_over;
}

void flare__conn_after(struct flare__conn *conn,
                       const struct flare__exchange *x,
                       enum flare__dispatched how)
{
    switch (how) {
    case FLARE__DISPATCHED:
        input_go_on(conn);
        break;
    case FLARE__DISPATCHED_LAST:
        if (x->res.upgrade != NULL)
            flare__conn_switch(conn, x->res.upgrade);
        else
            input_end(conn, x);
        break;
    case FLARE__DISPATCHED_LATER:
        conn->phase = FLARE__CONN_ANSWER;
        flare__conn_touch(conn);
        flare__body_give_whole(conn);
        break;
    case FLARE__DISPATCHED_BROKEN:
        flare__conn_abort(conn);
        break;
    }
}

/* ---- heads ---- */

/* The head in hand is answered with an error.  Returns what it took: all. */
static int input_refuse_head(struct flare__conn *conn, int error, uint32_t len)
{
    bool is_head = conn->http->x->head.method_id == FLARE_METHOD_HEAD;

    flare__conn_refuse(conn, error, is_head);
    return (int)len;
}

/*
 * The limit of this request's body; a route may have its own.  Sets whether it
 * is to be given to the handler as it comes.
 */
static inline uint64_t input_body_limit(struct flare__exchange *x,
                                        bool *is_streamed)
{
    uint64_t limit = x->req.http->options->body_bytes_max;

    *is_streamed = false;
    if ((x->head.flags & (FLARE__HEAD_CHUNKED | FLARE__HEAD_HAS_LENGTH)) == 0)
        return limit;
    if (flare__dispatch_find(x) < 0 || x->found < 0)
        return limit; /* the answer is the library's, after the body */
    *is_streamed = (x->req.match.flags & FLARE_ROUTE_STREAM_BODY) != 0 &&
                   ((x->head.flags & FLARE__HEAD_CHUNKED) != 0 ||
                    x->head.content_length != 0); /* else no byte will come */
    return x->req.match.body_bytes_max != 0 ? x->req.match.body_bytes_max
                                            : limit;
}

/* The head of `head_len` bytes is in hand.  Returns what it took. */
static inline int input_on_head(struct flare__conn *conn, const char *bytes,
                                uint32_t head_len, uint32_t len)
{
    struct flare__exchange *x = conn->http->x;
    bool is_chunked = (x->head.flags & FLARE__HEAD_CHUNKED) != 0;
    bool is_streamed;
    uint64_t limit;
    int rc;

    flare__exchange_begin(x, conn);
    x->wire = (struct flare_str){bytes, head_len};
    limit = input_body_limit(x, &is_streamed);
    if (!is_chunked && x->head.content_length > limit)
        return input_refuse_head(conn, FLARE_E_BODY_TOO_LARGE, len);
    if (FLARE_UNLIKELY(is_streamed)) {
        flare__body_stream(conn, limit, len - head_len);
        return (int)head_len;
    }
    if (!is_chunked && x->head.content_length <= len - head_len) {
        struct flare_str body = {bytes + head_len,
                                 (size_t)x->head.content_length};
        enum flare__dispatched how;

        how = flare__dispatch(conn, body);
        if (FLARE_LIKELY(how == FLARE__DISPATCHED))
            input_go_on(conn);
        else
            flare__conn_after(conn, x, how);
        return (int)(head_len + (uint32_t)body.len);
    }
    rc = flare__body_collect(conn, limit, len - head_len);
    if (rc < 0)
        return input_refuse_head(conn, rc, len);
    return (int)head_len;
}

/* What came behind the request that led to it is a guest's, who may change it:
 * a lease, or what was kept of one. */
static void input_guest(struct flare__conn *conn, const char *bytes,
                        uint32_t len)
{
    conn->guest.kind->ops->input(&conn->guest, (char *)(uintptr_t)bytes, len);
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

        if (conn->phase == FLARE__CONN_ANSWER)
            return pos;
        if (conn->phase == FLARE__CONN_GUEST) {
            input_guest(conn, bytes + pos, len - pos);
            return len;
        }
        if (conn->phase == FLARE__CONN_PROXY) {
            rc = flare__conn_proxy(conn, bytes + pos, len - pos);
            if (rc == 0)
                return pos;
            if (rc > 0 && conn->is_tls) {
                pos += (uint32_t)rc;
                flare__conn_secure(conn,
                                   (struct flare_str){bytes + pos, len - pos});
                return len;
            }
        } else if (conn->phase != FLARE__CONN_HEAD) {
            if (conn->phase == FLARE__CONN_STREAM &&
                flare__body_is_paused(conn->x))
                return pos;
            rc = flare__body_input(conn, bytes + pos, len - pos);
        } else {
            if (conn->is_paused)
                return pos;
            if (budget-- == 0) { /* no later lease of this turn has more */
                conn->is_paused = true;
                return pos;
            }
            rc = flare__head_parse(&h->x->head, &h->options->head, bytes + pos,
                                   len - pos);
            if (rc == 0)
                return pos;
            if (rc > 0)
                rc = input_on_head(conn, bytes + pos, (uint32_t)rc, len - pos);
        }
        if (rc < 0) {
            flare__conn_fail(conn, rc);
            break;
        }
        pos += (uint32_t)rc;
    }
    if (pos < len)
        conn->is_over = false;
    return len; /* after the last answer the rest is nobody's */
}

/* A pause that output did not cause ends with the turn. */
static void input_schedule(struct flare__conn *conn)
{
    if (conn->is_paused && conn->phase < FLARE__CONN_LINGER &&
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
        flare__conn_fail(conn, FLARE_E_BAD_REQUEST);
}

/* Works on what is kept in conn->in. */
static void input_consume_kept(struct flare__conn *conn, bool is_new)
{
    struct flare__inbuf *in = conn->in;
    uint32_t taken;

    conn->in = NULL;
    taken = input_consume(conn, in->bytes, in->len);
    if (taken == in->len || conn->phase >= FLARE__CONN_LINGER) {
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
        conn->in->body.wire_bytes += len;
    else if (conn->phase == FLARE__CONN_STREAM)
        conn->x->body.wire_bytes += len;
    if (conn->phase != FLARE__CONN_BODY && conn->in != NULL) {
        if (flare__inbuf_append(conn, bytes, len) < 0)
            flare__conn_fail(conn, -ENOMEM);
        else if (!conn->is_paused)
            input_consume_kept(conn, /* is_new = */ false);
    } else {
        taken = input_consume(conn, bytes, len);
        if (taken < len) {
            input_keep(conn, bytes + taken, len - taken);
            input_on_rest(conn, /* is_new = */ true);
        }
    }
    if (conn->phase == FLARE__CONN_BODY ||
        (conn->phase == FLARE__CONN_STREAM && !flare__body_is_paused(conn->x)))
        flare__body_set_deadline(conn);
    input_schedule(conn);
}

/* Output has drained, or the next turn has come: on with what waits. */
void flare__conn_resume(struct flare__conn *conn)
{
    if (conn->phase >= FLARE__CONN_LINGER || !conn->is_paused)
        return;
    if (conn->phase == FLARE__CONN_HEAD &&
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
    if (conn->phase == FLARE__CONN_GUEST) {
        conn->guest.kind->ops->eof(&conn->guest);
        return;
    }
    if (conn->phase == FLARE__CONN_HEAD && conn->is_paused)
        return;
    if (conn->phase == FLARE__CONN_ANSWER)
        return; /* on to it after the answer */
    if (conn->phase == FLARE__CONN_STREAM && conn->in != NULL)
        return; /* not all that came has been looked at */
    if (conn->in != NULL || conn->x != NULL)
        flare__conn_fail(conn, FLARE_E_BAD_REQUEST);
    else
        flare__conn_linger(conn);
}

/* The handler has not answered, or not gone on, in the time it has. */
static void input_on_answer_timeout(struct flare__conn *conn)
{
    if (conn->is_sending || conn->out.bytes != 0) {
        flare__conn_touch(conn); /* the peer's turn: its deadline is another */
        return;
    }
    conn->http->counters.timeouts++;
    flare__exchange_fail(conn->x, FLARE_E_OVERLOADED);
}

/*
 * Too slow: told so if anything of a request has come.  The time of half a head
 * runs also while an answer before it is being sent: the peer has that in hand.
 */
void flare__conn_on_read_timeout(struct flare__conn *conn)
{
    bool is_idle;

    if (conn->phase == FLARE__CONN_GUEST) {
        conn->read_deadline_ms = UINT64_MAX;
        conn->guest.kind->ops->deadline(&conn->guest);
        return;
    }
    is_idle = conn->in == NULL && conn->out.bytes != 0;
    if (conn->phase == FLARE__CONN_HEAD && (conn->is_paused || is_idle)) {
        /* It waits for us, not we for it. */
        flare__conn_set_read_deadline(conn,
                                      conn->http->options->idle_timeout_ms);
    } else if (conn->phase == FLARE__CONN_ANSWER ||
               (conn->phase == FLARE__CONN_STREAM &&
                flare__body_is_paused(conn->x))) {
        input_on_answer_timeout(conn);
    } else if (conn->in != NULL || conn->x != NULL) {
        flare__conn_fail(conn, FLARE_E_TIMEOUT);
    } else {
        conn->http->counters.timeouts++;
        flare__conn_linger(conn);
    }
}
