/* SPDX-License-Identifier: MIT */
/* See stream.h for the phases.  What its owner calls is in stream_api.c. */
#include "tcp/stream.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/sock.h"
#include "tcp/connect.h"
#include "tcp/listen.h"

#include <errno.h>

/*
 * How long a connection on which sending has failed is read on: what its peer
 * said before it left (an early answer, say) may be on its way through this
 * very turn.
 */
enum { STREAM_LAST_WORDS_MS = 1000 };

static void stream_on_turn_end(struct flare__task *task);
static void stream_update_timer(struct flare_stream *s);

/* ---- the end ---- */

/* The filter's sentence, which goes with its socket; without memory the code's
 * has to do. */
static void stream_keep_error(struct flare_stream *s)
{
    const struct flare_error *err = flare__wire_error(&s->link->sock);

    if (err == NULL || s->err != NULL)
        return;
    s->err = flare__alloc(&s->loop->allocator, sizeof(*s->err));
    if (s->err != NULL)
        *s->err = *err;
}

static void stream_evict(struct flare__resident *resident)
{
    struct flare_stream *s =
        FLARE_CONTAINER_OF(resident, struct flare_stream, resident);

    flare__stream_die(s, FLARE_E_STOPPED, FLARE__CLOSE_ABORT);
}

/* The sentence of on_closed. */
static void stream_explain(const struct flare_stream *s,
                           struct flare_error *err)
{
    char name[FLARE_ADDR_TEXT_MAX];

    if (s->rc == 0) {
        *err = (struct flare_error){.code = 0};
        return;
    }
    if (s->connect != NULL) {
        flare__connect_explain(s->connect, s->rc, err);
        return;
    }
    if (s->err != NULL && s->err->code == s->rc) {
        *err = *s->err;
        return;
    }
    (void)flare_addr_format(&s->peer, name, sizeof(name));
    (void)flare__error(err, s->rc, "%s: %s", name, flare_strerror(s->rc));
}

/* Nothing of it is left in the backend. */
static void stream_finish(struct flare_stream *s)
{
    struct flare_loop *loop = s->loop;
    struct flare_error err;

    FLARE_ASSERT(s->phase == FLARE__STREAM_DEAD && s->links == 0);
    flare__loop_task_cancel(loop, &s->task);
    flare__out_clear(&s->out, &s->home->pool);
    flare__out_clear(&s->held, &s->home->pool);
    stream_explain(s, &err);
    if (s->handler->on_closed != NULL)
        s->handler->on_closed(s, s->rc, &err, s->ctx);
    flare__stream_undo(s);
}

void flare__stream_undo(struct flare_stream *stream)
{
    struct flare_loop *loop = stream->loop;

    if (stream->link != NULL && stream->link != &stream->own)
        flare__free(&loop->allocator, stream->link);
    flare__connect_free(stream->connect);
    flare__free(&loop->allocator, stream->err);
    if (stream->listener != NULL)
        flare__listener_left(stream->listener);
    flare__loop_task_cancel(loop, &stream->task);
    flare__loop_resident_remove(loop, &stream->resident);
    flare__slab_give(&stream->home->streams, stream);
}

void flare__stream_die(struct flare_stream *stream, int rc,
                       enum flare__close_how how)
{
    struct flare_loop *loop = stream->loop;

    if (stream->phase == FLARE__STREAM_DEAD)
        return;
    if (rc < 0 && stream->link != NULL)
        stream_keep_error(stream);
    stream->phase = FLARE__STREAM_DEAD;
    stream->rc = rc;
    flare__wheel_stop(&loop->wheel, &stream->timer);
    flare__loop_task_cancel(loop, &stream->task);
    if (stream->connect != NULL)
        flare__connect_cut(stream->connect, NULL);
    if (stream->link != NULL) {
        stream->link->is_closing = true;
        flare__wire_close(loop, &stream->link->sock, how);
    }
    if (stream->links == 0)
        flare__stream_touch(stream); /* nothing but this turn to wait for */
}

/* ---- deadlines ---- */

static void stream_on_deadline(struct flare_stream *s)
{
    uint64_t now_ms = s->loop->now_ms;

    if (now_ms >= s->stall.look_ms &&
        flare__stall_look(&s->stall, s->loop, &s->link->sock,
                          s->limits.write_timeout_ms)) {
        flare__stream_die(s, -ETIMEDOUT, FLARE__CLOSE_ABORT);
        return;
    }
    if (now_ms < s->read_deadline_ms)
        return;
    if (s->send_rc != 0)
        flare__stream_die(s, s->send_rc, FLARE__CLOSE_ABORT);
    else if (s->phase == FLARE__STREAM_CLOSING) /* it had its time */
        flare__stream_die(s, 0, FLARE__CLOSE_GRACEFUL);
    else
        flare__stream_die(s, -ETIMEDOUT, FLARE__CLOSE_ABORT);
}

static void stream_on_timer(struct flare__timer *timer)
{
    struct flare_stream *s =
        FLARE_CONTAINER_OF(timer, struct flare_stream, timer);

    stream_on_deadline(s);
    stream_update_timer(s);
}

static void stream_update_timer(struct flare_stream *s)
{
    uint64_t at_ms = s->read_deadline_ms < s->stall.look_ms
                         ? s->read_deadline_ms
                         : s->stall.look_ms;

    if (s->phase == FLARE__STREAM_DEAD || at_ms == UINT64_MAX)
        return;
    if (flare__timer_is_armed(&s->timer) && s->timer.expiry_ms <= at_ms)
        return;
    flare__wheel_start(&s->loop->wheel, &s->timer, at_ms, stream_on_timer);
}

static void stream_expect(struct flare_stream *s)
{
    if (s->limits.read_timeout_ms == FLARE_UNLIMITED ||
        s->phase != FLARE__STREAM_OPEN || s->send_rc != 0)
        return;
    s->read_deadline_ms = s->is_paused || s->is_eof
                              ? UINT64_MAX
                              : s->loop->now_ms + s->limits.read_timeout_ms;
    stream_update_timer(s);
}

/* ---- sending ---- */

/*
 * The timer that it arms is stopped as soon as nothing is waited for, though it
 * could find that out by itself: a loop with no timer waits without one of the
 * kernel's, which costs more than both (0.4 us of 6.9 for each message of one
 * connection, measured with epoll on Linux 6.18).
 */
static int stream_send(struct flare_stream *s)
{
    struct flare_loop *loop = s->loop;
    struct iovec one;
    const struct iovec *iov;
    uint32_t count;
    int rc;

    count = flare__out_next(&s->out, &s->home->pool, &one, &iov);
    rc = flare__wire_send(loop, &s->link->sock, iov, count);
    if (rc < 0)
        return rc;
    s->is_sending = true;
    flare__stall_start(&s->stall, s->loop->now_ms, s->limits.write_timeout_ms);
    stream_update_timer(s);
    return 0;
}

/* Sending is over; what the peer has said may still be read. */
static void stream_on_send_failed(struct flare_stream *s, int rc)
{
    if (!s->is_receiving || s->is_paused || s->is_stopping ||
        s->phase != FLARE__STREAM_OPEN) {
        flare__stream_die(s, rc, FLARE__CLOSE_ABORT);
        return;
    }
    s->send_rc = rc;
    flare__out_clear(&s->out, &s->home->pool);
    s->read_deadline_ms = s->loop->now_ms + STREAM_LAST_WORDS_MS;
    stream_update_timer(s);
}

/* A send is done with, and its memory is ours again. */
static void stream_on_sent(struct flare_stream *s)
{
    int32_t res = s->sent_res;
    bool is_whole = res >= 0 && (uint32_t)res == s->out.in_flight;

    s->is_sending = false;
    flare__stall_end(&s->stall);
    flare__out_sent(&s->out, &s->home->pool);
    if (s->phase == FLARE__STREAM_DEAD)
        return;
    if (!is_whole) {
        stream_on_send_failed(s, res < 0 ? res : -EPIPE);
        return;
    }
    if (s->out.bytes != 0 || s->is_shut)
        flare__stream_touch(s);
    else if (s->read_deadline_ms == UINT64_MAX)
        flare__wheel_stop(&s->loop->wheel, &s->timer); /* see stream_send */
    if (s->is_above && s->out.bytes <= s->limits.queue_low) {
        s->is_above = false;
        if (s->handler->on_drain != NULL && s->phase == FLARE__STREAM_OPEN)
            s->handler->on_drain(s, s->ctx);
    }
}

/* The queue has been sent: what follows if its owner has ended writing. */
static void stream_end_writing(struct flare_stream *s)
{
    struct flare_loop *loop = s->loop;
    bool is_closing = s->phase == FLARE__STREAM_CLOSING;

    if (is_closing && (s->is_eof || !s->has_written)) {
        flare__stream_die(s, 0, FLARE__CLOSE_GRACEFUL);
        return;
    }
    if (!s->is_fin_sent) {
        s->is_fin_sent = true;
        flare__wire_shutdown_send(loop, &s->link->sock);
    }
    if (is_closing && s->read_deadline_ms == UINT64_MAX) {
        s->read_deadline_ms = loop->now_ms + s->limits.close_timeout_ms;
        stream_update_timer(s);
    }
    if (s->is_eof && !s->is_end_due)
        flare__stream_die(s, 0, FLARE__CLOSE_GRACEFUL);
}

/* ---- receiving ---- */

/* The peer's FIN, once everything before it was delivered. */
static void stream_on_end(struct flare_stream *s)
{
    s->is_end_due = false;
    stream_expect(s); /* nothing any more */
    if (s->handler->on_end != NULL)
        s->handler->on_end(s, s->ctx);
    else
        flare_stream_close(s);
}

/* What came while reading was paused. */
static void stream_deliver_held(struct flare_stream *s)
{
    while (s->held.bytes != 0 && !s->is_paused &&
           s->phase == FLARE__STREAM_OPEN) {
        struct flare__out_chunk *c = s->held.head;
        struct flare_str data = {c->data + c->sent, c->len - c->sent};

        c->sent = c->len;
        s->held.in_flight = (uint32_t)data.len;
        s->handler->on_data(s, data, s->ctx);
        flare__out_sent(&s->held, &s->home->pool);
    }
    if (s->is_end_due && s->held.bytes == 0 && !s->is_paused &&
        s->phase == FLARE__STREAM_OPEN)
        stream_on_end(s);
}

static void stream_on_bytes(struct flare_stream *s, struct flare_str data)
{
    if (s->phase != FLARE__STREAM_OPEN)
        return; /* dropped: its owner has let go */
    stream_expect(s);
    if (FLARE_LIKELY(!s->is_paused && s->held.bytes == 0)) {
        s->handler->on_data(s, data, s->ctx);
        return;
    }
    if (flare__out_copy(&s->held, &s->home->pool, data) < 0)
        flare__stream_die(s, -ENOMEM, FLARE__CLOSE_ABORT);
}

static void stream_on_eof(struct flare_stream *s)
{
    s->is_eof = true;
    if (s->send_rc != 0) {
        flare__stream_die(s, s->send_rc, FLARE__CLOSE_ABORT);
        return;
    }
    if (s->phase == FLARE__STREAM_OPEN) {
        s->is_end_due = true;
        if (!s->is_paused && s->held.bytes == 0)
            stream_on_end(s);
    }
    flare__stream_touch(s);
}

static void stream_on_recv(struct flare_stream *s,
                           const struct flare__event *ev)
{
    if (FLARE_UNLIKELY((ev->flags & FLARE__EV_MORE) == 0)) {
        s->is_receiving = false;
        s->is_stopping = false;
        flare__stream_touch(s);
    }
    if (FLARE_LIKELY(ev->res > 0)) {
        const struct flare_str data = {(const char *)ev->data, (size_t)ev->res};

        flare__home_deliver(s->home, data, ev->lease);
        stream_on_bytes(s, data);
        if (flare__home_delivered(s->home))
            flare__wire_lease_put(s->loop, ev->lease);
    } else if (ev->res == 0 || (ev->res == FLARE_E_TLS_TRUNCATED &&
                                s->phase == FLARE__STREAM_CLOSING)) {
        stream_on_eof(s); /* what is dropped unread may be cut short */
    } else if (ev->res != -ECANCELED) {
        flare__stream_die(s, ev->res, FLARE__CLOSE_ABORT);
    }
}

static bool stream_wants_input(const struct flare_stream *s)
{
    if (s->is_eof)
        return false;
    return s->phase == FLARE__STREAM_CLOSING || !s->is_paused;
}

static void stream_update_recv(struct flare_stream *s)
{
    struct flare_loop *loop = s->loop;
    bool wants = stream_wants_input(s);
    int rc;

    if (wants == s->is_receiving)
        return;
    if (!wants) {
        if (!s->is_stopping && !s->is_eof)
            flare__wire_recv_stop(loop, &s->link->sock);
        s->is_stopping = true;
        return;
    }
    if (s->read_deadline_ms == UINT64_MAX)
        stream_expect(s);
    rc = flare__wire_recv_start(loop, &s->link->sock);
    if (rc < 0) {
        flare__stream_die(s, rc, FLARE__CLOSE_ABORT);
        return;
    }
    s->is_receiving = true;
    s->is_stopping = false;
}

/* ---- turns and events ---- */

static void stream_on_turn_end(struct flare__task *task)
{
    struct flare_stream *s =
        FLARE_CONTAINER_OF(task, struct flare_stream, task);
    int rc = 0;

    if (s->phase == FLARE__STREAM_DEAD) {
        stream_finish(s);
        return;
    }
    if (s->phase < FLARE__STREAM_OPEN)
        return;
    if (FLARE_UNLIKELY(s->held.bytes != 0 || s->is_end_due))
        stream_deliver_held(s);
    if (s->phase == FLARE__STREAM_DEAD)
        return;
    if (!s->is_sending) {
        if (s->out.bytes != 0)
            rc = stream_send(s);
        else if (FLARE_UNLIKELY(s->out.head != NULL))
            flare__out_sent(&s->out, &s->home->pool); /* empty ones */
        if (rc < 0) {
            flare__stream_die(s, rc, FLARE__CLOSE_ABORT);
            return;
        }
        if (s->is_shut && s->out.bytes == 0)
            stream_end_writing(s);
    }
    if (s->phase != FLARE__STREAM_DEAD)
        stream_update_recv(s);
}

void flare__stream_touch(struct flare_stream *stream)
{
    if (stream->phase == FLARE__STREAM_DEAD && stream->links != 0)
        return; /* its last CLOSED finishes it */
    flare__loop_task(stream->loop, &stream->task, stream_on_turn_end);
}

static void stream_on_closed(struct flare_stream *s, struct flare__link *link)
{
    link->is_used = false;
    s->links--;
    if (link != &s->own && link != s->link)
        flare__free(&s->loop->allocator, link);
    if (s->phase == FLARE__STREAM_DEAD && s->links == 0)
        stream_finish(s);
}

/* The handshake is over. */
static void stream_on_open(struct flare_stream *s, struct flare__link *link,
                           int res)
{
    if (s->phase != FLARE__STREAM_SECURING)
        return;
    if (res < 0) {
        flare__stream_die(s, res, FLARE__CLOSE_ABORT);
        return;
    }
    flare__stream_open(s, link);
    if (s->handler->on_open != NULL)
        s->handler->on_open(s, s->ctx);
}

static void stream_on_event(struct flare__sock *sock,
                            const struct flare__event *ev)
{
    struct flare__link *link =
        FLARE_CONTAINER_OF(sock, struct flare__link, sock);
    struct flare_stream *s = link->stream;

    switch (ev->kind) {
    case FLARE__EV_RECV:
        stream_on_recv(s, ev);
        break;
    case FLARE__EV_SENT:
        s->sent_res = ev->res;
        if ((ev->flags & FLARE__EV_RELEASE_DUE) == 0)
            stream_on_sent(s);
        break;
    case FLARE__EV_RELEASED:
        stream_on_sent(s);
        break;
    case FLARE__EV_CONNECT:
        if (!link->is_closing)
            flare__connect_on_result(s->connect, link, ev->res);
        break;
    case FLARE__EV_OPEN:
        stream_on_open(s, link, ev->res);
        break;
    case FLARE__EV_CLOSED:
        stream_on_closed(s, link);
        break;
    default:
        FLARE_ASSERT(!"an event that no stream asked for");
    }
}

/* ---- beginnings ---- */

int flare__stream_new(struct flare_stream **out, struct flare_loop *loop,
                      const struct flare_tcp_options *options)
{
    struct flare__home *home;
    struct flare_stream *s;

    if (loop->is_ending)
        return FLARE_E_STOPPED;
    home = flare__home_of(loop);
    s = home != NULL ? flare__slab_take(&home->streams) : NULL;
    if (s == NULL)
        return home != NULL && flare__slab_is_full(&home->streams) ? -EMFILE
                                                                   : -ENOMEM;
    *s = (struct flare_stream){
        .loop = loop,
        .home = home,
        .handler = options->handler,
        .ctx = options->ctx,
        .limits = flare__tcp_limits(options),
        .read_deadline_ms = UINT64_MAX,
        .stall.look_ms = UINT64_MAX,
    };
    flare__loop_resident_add(loop, &s->resident, stream_evict);
    *out = s;
    return 0;
}

int flare__stream_attach(struct flare_stream *stream, struct flare__link *link,
                         int fd)
{
    struct flare_loop *loop = stream->loop;
    int rc;

    *link = (struct flare__link){.stream = stream,
                                 .sock.on_event = stream_on_event};
    rc = loop->ops->attach(loop->backend, &link->sock, fd);
    if (rc < 0)
        return rc;
    link->is_used = true;
    stream->links++;
    return 0;
}

void flare__stream_drop(struct flare_stream *stream, struct flare__link *link)
{
    link->is_closing = true;
    flare__wire_close(stream->loop, &link->sock, FLARE__CLOSE_ABORT);
}

void flare__stream_open(struct flare_stream *stream, struct flare__link *link)
{
    stream->link = link;
    stream->phase = FLARE__STREAM_OPEN;
    flare__stream_touch(stream);
}

bool flare__stream_secure(struct flare_stream *stream, struct flare__link *link,
                          const struct flare_tcp_options *options,
                          struct flare__wire_start *start)
{
    struct flare__wire_maker *maker = flare__tcp_maker(options);
    struct flare_error err;
    int rc;

    if (maker == NULL) {
        flare__stream_open(stream, link);
        return true;
    }
    stream->link = link;
    stream->phase = FLARE__STREAM_SECURING;
    start->handshake_timeout_ms = options->tls_handshake_timeout_ms;
    if (options->tls_host != NULL)
        start->host = flare_str(options->tls_host);
    rc = maker->start(maker, stream->loop, &link->sock, start, &err);
    if (rc < 0) {
        stream->err = flare__alloc(&stream->loop->allocator, sizeof(err));
        if (stream->err != NULL)
            *stream->err = err;
        flare__stream_die(stream, rc, FLARE__CLOSE_ABORT);
    }
    return false;
}

struct flare_addr flare__stream_ask(struct flare_loop *loop,
                                    struct flare__sock *sock,
                                    flare__stream_ask_fn ask)
{
    struct flare__addr addr;

    addr.len = sizeof(addr.storage);
    if (ask(loop->backend, sock, &addr.storage, &addr.len) < 0)
        return (struct flare_addr){.kind = FLARE_ADDR_NONE};
    return flare__addr_get(&addr);
}
