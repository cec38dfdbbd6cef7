/* SPDX-License-Identifier: MIT */
/* See conn.h for the phases.  Input is in conn_input.c. */
#include "http/conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"
#include "http/conn_input.h"
#include "http/exchange.h"
#include "http/memory.h"
#include "http/res.h"
#include "net/file.h"

#include <errno.h>

/*
 * A peer may go on sending after its last answer, a whole body that was refused
 * (10 MiB are allowed by default) among it; past this much it is reset.
 */
enum { CONN_LINGER_BYTES_MAX = 32 * 1024 * 1024 };

enum {
    /* What may wait behind a request that is being answered. */
    CONN_WAIT_BYTES_MAX = 16 * 1024,
    /* Of a file, for one send: as much as there is room for in the kernel. */
    CONN_FILE_PART = 1024 * 1024
};

static void conn_update_timer(struct flare__conn *conn);

/* Whoever was to answer is told that nobody waits. */
static void conn_drop_exchange(struct flare__conn *conn)
{
    struct flare__exchange *x = conn->x;

    if (x == NULL)
        return;
    conn->x = NULL;
    if (conn->file_bytes != 0) { /* the backend still reads it */
        conn->file = x->res.file;
        x->res.file = -1;
    }
    if (x->res.state != FLARE__RES_COMPLETE)
        flare__exchange_end(x, FLARE_E_GONE);
    flare__exchange_bury(x);
}

/* Ends whatever the connection was about. */
static void conn_leave(struct flare__conn *conn, enum flare__conn_phase phase)
{
    bool has_guest = conn->phase == FLARE__CONN_GUEST;

    conn->phase = (uint8_t)phase;
    if (has_guest)
        flare__conn_take_back(conn);
    else
        conn_drop_exchange(conn);
}

static void conn_close(struct flare__conn *conn, enum flare__close_how how)
{
    struct flare_loop *loop = conn->http->loop;

    if (conn->phase == FLARE__CONN_DEAD)
        return;
    conn_leave(conn, FLARE__CONN_DEAD);
    flare__wheel_stop(&loop->wheel, &conn->timer);
    flare__loop_task_cancel(loop, &conn->task);
    FLARE__TRACE3(close, conn, (int)how, conn->requests);
    flare__wire_close(loop, &conn->sock, how);
}

static void conn_on_timer(struct flare__timer *timer)
{
    struct flare__conn *conn =
        FLARE_CONTAINER_OF(timer, struct flare__conn, timer);
    uint64_t now_ms = conn->http->loop->now_ms;

    if (now_ms >= conn->stall.look_ms &&
        flare__stall_look(&conn->stall, conn->http->loop, &conn->sock,
                          conn->http->options->send_timeout_ms)) {
        conn->http->counters.timeouts++;
        flare__conn_abort(conn);
        return;
    }
    if (now_ms >= conn->read_deadline_ms) {
        FLARE__TRACE2(deadline, conn, conn->phase);
        if (conn->phase == FLARE__CONN_LINGER)
            conn_close(conn, FLARE__CLOSE_GRACEFUL); /* it had its time */
        else
            flare__conn_on_read_timeout(conn);
        flare__conn_flush(conn);
    }
    conn_update_timer(conn);
}

/*
 * Deadlines are lazy: moving one away is a store, and the timer finds out when
 * it fires; only one that comes nearer touches the wheel.
 */
static void conn_update_timer(struct flare__conn *conn)
{
    uint64_t at_ms = conn->read_deadline_ms < conn->stall.look_ms
                         ? conn->read_deadline_ms
                         : conn->stall.look_ms;

    if (conn->phase == FLARE__CONN_DEAD || at_ms == UINT64_MAX)
        return;
    if (flare__timer_is_armed(&conn->timer) && conn->timer.expiry_ms <= at_ms)
        return;
    flare__wheel_start(&conn->http->loop->wheel, &conn->timer, at_ms,
                       conn_on_timer);
}

void flare__conn_set_read_deadline(struct flare__conn *conn, uint32_t in_ms)
{
    conn->read_deadline_ms = conn->http->loop->now_ms + in_ms;
    conn_update_timer(conn);
}

void flare__conn_abort(struct flare__conn *conn)
{
    if (conn->phase == FLARE__CONN_DEAD)
        return;
    conn->http->counters.aborted++;
    conn_close(conn, FLARE__CLOSE_ABORT);
}

/* Whether more input has a place to go. */
static bool conn_wants_input(const struct flare__conn *conn)
{
    switch ((enum flare__conn_phase)conn->phase) {
    case FLARE__CONN_HEAD:
        return !conn->is_paused;
    case FLARE__CONN_STREAM:
        if (!flare__body_is_paused(conn->x))
            return true;
        /* fall through */
    case FLARE__CONN_ANSWER:
        return conn->in == NULL || conn->in->len < CONN_WAIT_BYTES_MAX;
    case FLARE__CONN_GUEST:
        return conn->guest.kind->ops->wants_input(&conn->guest);
    case FLARE__CONN_PROXY:
    case FLARE__CONN_BODY:
    case FLARE__CONN_LINGER:
        return true;
    case FLARE__CONN_DEAD:
        break;
    }
    return false;
}

static void conn_start_recv(struct flare__conn *conn)
{
    struct flare_loop *loop = conn->http->loop;

    if (conn->is_receiving || conn->is_eof)
        return;
    if (flare__wire_recv_start(loop, &conn->sock) < 0) {
        flare__conn_abort(conn);
        return;
    }
    conn->is_receiving = true;
    conn->is_stopping = false;
}

static void conn_stop_recv(struct flare__conn *conn)
{
    struct flare_loop *loop = conn->http->loop;

    if (!conn->is_receiving || conn->is_stopping)
        return;
    conn->is_stopping = true;
    flare__wire_recv_stop(loop, &conn->sock);
}

/* The last answer is on its way: what follows depends on what is sent. */
static void conn_linger_step(struct flare__conn *conn)
{
    struct flare_loop *loop = conn->http->loop;

    if (conn->is_sending || conn->out.bytes != 0)
        return;
    if (conn->is_eof || conn->is_over) {
        conn_close(conn, FLARE__CLOSE_GRACEFUL);
        return;
    }
    if (conn->is_fin_sent)
        return;
    conn->is_fin_sent = true;
    flare__wire_shutdown_send(loop, &conn->sock);
    flare__conn_set_read_deadline(conn, conn->http->options->linger_timeout_ms);
}

void flare__conn_linger(struct flare__conn *conn)
{
    struct flare__http *h = conn->http;

    FLARE_ASSERT(conn->phase < FLARE__CONN_LINGER);
    conn_leave(conn, FLARE__CONN_LINGER);
    conn->read_deadline_ms = UINT64_MAX; /* the send deadline rules */
    conn->is_paused = false;
    flare__free(h->options->al, conn->in);
    conn->in = NULL;
}

/* ---- answers that come later ---- */

bool flare__conn_must_end(const struct flare__exchange *x)
{
    if (!x->is_streamed || !x->is_body_open)
        return false;
    return x->must_continue ||
           (!x->body.is_chunked && x->body.left > FLARE__CONN_DISCARD_MAX);
}

void flare__conn_touch(struct flare__conn *conn)
{
    const struct flare__exchange *x = conn->x;
    bool is_awaited =
        conn->phase == FLARE__CONN_ANSWER ||
        (conn->phase == FLARE__CONN_STREAM && flare__body_is_paused(x));

    if (is_awaited && x->timeout_ms != UINT32_MAX)
        flare__conn_set_read_deadline(conn, x->timeout_ms);
    else if (is_awaited)
        conn->read_deadline_ms = UINT64_MAX;
    flare__conn_flush(conn);
}

void flare__conn_release(struct flare__conn *conn, enum flare__dispatched how)
{
    struct flare__exchange *x = conn->x;

    conn->x = NULL;
    flare__exchange_bury(x);
    conn->phase = FLARE__CONN_HEAD;
    flare__conn_after(conn, x, how);
    if (conn->phase == FLARE__CONN_HEAD)
        conn->is_paused = true; /* the end of the turn sees what waits */
}

void flare__conn_answered(struct flare__conn *conn)
{
    struct flare__exchange *x = conn->x;
    bool is_last = x->res.is_last || conn->http->is_draining;

    conn->http->counters.responses++;
    FLARE__TRACE2(request__end, conn, x->res.status);
    flare__exchange_end(x, 0);
    flare__conn_flush(conn);
    if (conn->phase == FLARE__CONN_STREAM && !is_last) {
        x->is_discarding = true;
        x->body.max = x->body.bytes + FLARE__CONN_DISCARD_MAX;
        conn->is_paused = true; /* what was held back comes now */
        flare__body_set_deadline(conn);
        return;
    }
    flare__conn_release(conn,
                        is_last ? FLARE__DISPATCHED_LAST : FLARE__DISPATCHED);
}

/* The next part of a file, once what was queued is gone.  -errno. */
static int conn_send_file(struct flare__conn *conn)
{
    struct flare_loop *loop = conn->http->loop;
    const struct flare_res *res = &conn->x->res;

    conn->file_bytes = res->file_left < CONN_FILE_PART
                           ? (uint32_t)res->file_left
                           : CONN_FILE_PART;
    return flare__wire_sendfile(loop, &conn->sock, res->file, res->file_at,
                                conn->file_bytes);
}

static void conn_on_file_sent(struct flare__conn *conn)
{
    struct flare_res *res = &conn->x->res;

    res->file_at += conn->file_bytes;
    res->file_left -= conn->file_bytes;
    res->body_bytes += conn->file_bytes;
    conn->file_bytes = 0;
    if (res->file_left == 0)
        flare__res_complete(res);
}

static bool conn_has_file(const struct flare__conn *conn)
{
    return conn->phase != FLARE__CONN_GUEST && conn->x != NULL &&
           conn->x->res.file >= 0;
}

/* Starts the next send, if there is something to be sent.  -errno. */
static int conn_send(struct flare__conn *conn)
{
    struct flare_loop *loop = conn->http->loop;
    struct iovec one;
    const struct iovec *iov;
    uint32_t count;
    int rc;

    if (conn->out.bytes != 0) {
        count = flare__out_next(&conn->out, &conn->http->pool, &one, &iov);
        rc = flare__wire_send(loop, &conn->sock, iov, count);
    } else if (conn_has_file(conn)) {
        rc = conn_send_file(conn);
    } else {
        return 0;
    }
    if (rc < 0)
        return rc;
    conn->is_sending = true;
    flare__stall_start(&conn->stall, loop->now_ms,
                       conn->http->options->send_timeout_ms);
    conn_update_timer(conn);
    return 0;
}

/* The guest's end of the turn. */
static void conn_turn_guest(struct flare__conn *conn)
{
    switch (conn->guest.kind->ops->turn(&conn->guest)) {
    case FLARE__GUEST_STAYS:
        break;
    case FLARE__GUEST_LEAVES:
        flare__conn_linger(conn);
        break;
    case FLARE__GUEST_BREAKS:
        flare__conn_abort(conn);
        break;
    }
}

static void conn_turn_requests(struct flare__conn *conn)
{
    if (conn->is_paused)
        flare__conn_resume(conn);
    if (conn->phase == FLARE__CONN_GUEST) /* it was just invited */
        return;
    if (FLARE_UNLIKELY(conn->x != NULL))
        flare__res_go_on(&conn->x->res);
    if (conn->phase != FLARE__CONN_GUEST)
        conn->turn_requests = conn->requests;
}

/*
 * The end of a turn in which something happened: goes on with input that was
 * paused, starts the send of what is queued, goes on with lingering, asks for
 * more input.
 */
static void conn_on_turn_end(struct flare__task *task)
{
    struct flare__conn *conn =
        FLARE_CONTAINER_OF(task, struct flare__conn, task);

    if (FLARE_UNLIKELY(conn->phase == FLARE__CONN_GUEST))
        conn_turn_guest(conn);
    else
        conn_turn_requests(conn);
    if (conn->phase == FLARE__CONN_DEAD)
        return;
    if (!conn->is_sending && conn_send(conn) < 0) {
        flare__conn_abort(conn);
        return;
    }
    if (conn->phase == FLARE__CONN_LINGER)
        conn_linger_step(conn);
    if (!conn_wants_input(conn))
        conn_stop_recv(conn);
    else if (!conn->is_receiving)
        conn_start_recv(conn);
}

void flare__conn_flush(struct flare__conn *conn)
{
    if (conn->phase != FLARE__CONN_DEAD)
        flare__loop_task(conn->http->loop, &conn->task, conn_on_turn_end);
}

/* The kernel has the bytes of a send, if perhaps not all of them. */
static void conn_on_sent(struct flare__conn *conn, int32_t res)
{
    uint32_t expected = conn->out.in_flight + conn->file_bytes;

    conn->is_sent_whole = res >= 0 && (uint32_t)res == expected;
    if (res > 0)
        conn->http->counters.bytes_out += (uint32_t)res;
}

/* A send is done with, and its memory is ours again. */
static void conn_on_released(struct flare__conn *conn)
{
    conn->is_sending = false;
    flare__stall_end(&conn->stall);
    flare__out_sent(&conn->out, &conn->http->pool);
    if (conn->phase == FLARE__CONN_DEAD)
        return;
    if (!conn->is_sent_whole) {
        flare__conn_abort(conn);
        return;
    }
    if (conn->file_bytes != 0)
        conn_on_file_sent(conn);
    flare__conn_flush(conn);
}

static void conn_on_recv_bytes(struct flare__conn *conn,
                               const struct flare__event *ev)
{
    struct flare_loop *loop = conn->http->loop;

    if (conn->phase == FLARE__CONN_GUEST) {
        conn->guest.kind->ops->input(&conn->guest, (char *)ev->data,
                                     (size_t)ev->res);
    } else if (conn->phase < FLARE__CONN_LINGER) {
        flare__conn_input(conn, (const char *)ev->data, (uint32_t)ev->res);
    } else if (conn->phase == FLARE__CONN_LINGER) {
        conn->is_over = false; /* it does send on, whatever it said */
        conn->linger_bytes += (uint32_t)ev->res;
        if (conn->linger_bytes > CONN_LINGER_BYTES_MAX)
            flare__conn_abort(conn);
    }
    flare__wire_lease_put(loop, ev->lease);
}

/*
 * Whether nobody misses anything if the peer's end came without close_notify.
 * With a request in hand it may be anybody's, and is an abort (FAILURES T08).
 */
static bool conn_is_at_rest(const struct flare__conn *conn)
{
    return conn->phase == FLARE__CONN_LINGER ||
           (conn->phase == FLARE__CONN_HEAD && conn->in == NULL &&
            conn->out.bytes == 0 && !conn->is_sending);
}

static void conn_on_recv(struct flare__conn *conn,
                         const struct flare__event *ev)
{
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        conn->is_receiving = false;
        conn->is_stopping = false;
    }
    if (ev->res > 0) {
        conn->http->counters.bytes_in += (uint32_t)ev->res;
        conn_on_recv_bytes(conn, ev);
    } else if (ev->res == 0 ||
               (ev->res == FLARE_E_TLS_TRUNCATED && conn_is_at_rest(conn))) {
        conn->is_eof = true;
        if (conn->phase < FLARE__CONN_LINGER)
            flare__conn_on_eof(conn);
    } else if (ev->res != -ECANCELED) {
        flare__conn_abort(conn);
    }
    flare__conn_flush(conn);
}

static void conn_free(struct flare__conn *conn)
{
    struct flare__http *h = conn->http;
    bool is_tls_counted = conn->is_tls_counted; /* it is given back below */

    FLARE_ASSERT(conn->phase == FLARE__CONN_DEAD);
    flare__out_clear(&conn->out, &h->pool);
    flare__free(h->options->al, conn->in);
    flare__free(h->options->al, conn->ends);
    flare__file_close(conn->file);
    h->counters.closed++;
    flare__slab_give(&h->conns, conn);
    if (FLARE_UNLIKELY(h->memory != NULL))
        flare__memory_sub(h->memory,
                          sizeof(*conn) +
                              (is_tls_counted ? FLARE__MEMORY_TLS_BYTES : 0));
    if (h->is_full && h->conns.live < h->options->connections_max) {
        h->is_full = false;
        flare__http_update_listening(h);
    }
}

/* No TLS came of it.  Whoever speaks HTTP in clear is told so, in clear. */
static void conn_on_insecure(struct flare__conn *conn, int32_t res)
{
    if (res == -ETIMEDOUT)
        conn->http->counters.timeouts++;
    flare__http_note_handshake(conn->http, res, flare__wire_error(&conn->sock));
    if (res == FLARE_E_TLS_PLAIN && conn->phase == FLARE__CONN_HEAD &&
        flare__wire_leave(&conn->sock)) {
        conn->is_tls = false;
        flare__conn_refuse(conn, FLARE_E_PLAIN_HTTP, /* is_head = */ false);
        flare__conn_flush(conn);
        return;
    }
    flare__conn_abort(conn);
}

/* The handshake is over. */
static void conn_on_open(struct flare__conn *conn, int32_t res)
{
    if (conn->phase == FLARE__CONN_DEAD)
        return;
    if (res < 0)
        conn_on_insecure(conn, res);
    else if (conn->phase == FLARE__CONN_HEAD && conn->in == NULL)
        flare__conn_set_read_deadline(conn,
                                      conn->http->options->head_timeout_ms);
}

void flare__conn_secure(struct flare__conn *conn, struct flare_str early)
{
    const struct flare__http_options *options = conn->http->options;
    const struct flare__wire_start start = {
        .handshake_timeout_ms = options->tls_handshake_timeout_ms,
        .early = early,
        .is_receiving = conn->is_receiving,
    };

    /* the handshake has its own deadline */
    conn->read_deadline_ms = UINT64_MAX;
    if (options->tls->start(options->tls, conn->http->loop, &conn->sock, &start,
                            NULL) < 0) {
        flare__conn_abort(conn);
        return;
    }
    if (FLARE_UNLIKELY(conn->http->memory != NULL)) {
        conn->is_tls_counted = true;
        flare__memory_add(conn->http->memory, FLARE__MEMORY_TLS_BYTES);
    }
}

static void conn_on_event(struct flare__sock *sock,
                          const struct flare__event *ev)
{
    struct flare__conn *conn =
        FLARE_CONTAINER_OF(sock, struct flare__conn, sock);

    switch (ev->kind) {
    case FLARE__EV_RECV:
        conn_on_recv(conn, ev);
        break;
    case FLARE__EV_SENT:
        conn_on_sent(conn, ev->res);
        if ((ev->flags & FLARE__EV_RELEASE_DUE) == 0)
            conn_on_released(conn);
        break;
    case FLARE__EV_RELEASED:
        conn_on_released(conn);
        break;
    case FLARE__EV_OPEN:
        conn_on_open(conn, ev->res);
        break;
    case FLARE__EV_CLOSED:
        conn_free(conn);
        break;
    default:
        FLARE_ASSERT(!"an event that no connection asked for");
    }
}

void flare__conn_accept(struct flare__http *h, int fd, bool is_tls)
{
    struct flare_loop *loop = h->loop;
    struct flare__conn *conn = flare__slab_take(&h->conns);

    if (conn == NULL) {
        h->counters.shed++;
        loop->ops->discard(loop->backend, fd);
        return;
    }
    *conn = (struct flare__conn){
        .http = h,
        .file = -1,
        .phase =
            h->options->has_proxy_header ? FLARE__CONN_PROXY : FLARE__CONN_HEAD,
        .stall.look_ms = UINT64_MAX,
        .read_deadline_ms = loop->now_ms + h->options->head_timeout_ms,
        .is_tls = is_tls,
    };
    conn->sock.on_event = conn_on_event;
    if (loop->ops->attach(loop->backend, &conn->sock, fd) < 0) {
        flare__slab_give(&h->conns, conn);
        h->counters.shed++;
        loop->ops->discard(loop->backend, fd);
        return;
    }
    h->counters.accepted++;
    FLARE__TRACE2(accept, conn, is_tls);
    if (FLARE_UNLIKELY(h->memory != NULL))
        flare__memory_add(h->memory, sizeof(*conn));
    if (h->conns.live >= h->options->connections_max) {
        h->is_full = true; /* accepting waits for one to go */
        flare__http_pause_listening(h);
    }
    if (is_tls && conn->phase != FLARE__CONN_PROXY)
        flare__conn_secure(conn, (struct flare_str){NULL, 0});
    if (conn->phase == FLARE__CONN_DEAD)
        return; /* no memory for TLS */
    conn_update_timer(conn);
    conn_start_recv(conn);
}

void flare__conn_drain(struct flare__conn *conn)
{
    bool is_idle = conn->phase <= FLARE__CONN_HEAD && conn->in == NULL;

    if (!is_idle)
        return;
    flare__conn_linger(conn);
    flare__conn_flush(conn);
}
