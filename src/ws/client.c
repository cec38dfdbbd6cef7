/* SPDX-License-Identifier: MIT */
/* See client.h: the open connection on its stream. */
#include "ws/client.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { CLIENT_WRITE_TIMEOUT_MS = 30000 /* as a stream's */ };

/* ---- the host ---- */

static struct flare_loop *host_loop(const struct flare__guest *g)
{
    return flare__ws_client_of(g)->loop;
}

static const struct flare_allocator *host_allocator(
    const struct flare__guest *g)
{
    return &flare__ws_client_of(g)->loop->allocator;
}

/* Of a stream on which sending has failed nothing more is asked. */
static struct flare__out *host_out(const struct flare__guest *g)
{
    struct flare__ws_client_conn *c = flare__ws_client_of(g);

    return c->stream != NULL && c->stream->send_rc == 0 &&
                   c->stream->phase == FLARE__STREAM_OPEN
               ? &c->stream->out
               : &c->nowhere;
}

static struct flare__out_pool *host_pool(const struct flare__guest *g)
{
    return &flare__home_of(flare__ws_client_of(g)->loop)->pool;
}

static void host_flush(struct flare__guest *g)
{
    struct flare__ws_client_conn *c = flare__ws_client_of(g);

    flare__ws_client_touch(c);
    if (c->stream == NULL)
        return;
    c->stream->has_written = true;
    flare__stream_touch(c->stream);
}

static void client_on_timer(struct flare__timer *timer)
{
    struct flare__ws_client_conn *c =
        FLARE_CONTAINER_OF(timer, struct flare__ws_client_conn, timer);

    if (c->deadline_ms > c->loop->now_ms) { /* it has moved away */
        if (c->deadline_ms != UINT64_MAX)
            flare__wheel_start(&c->loop->wheel, timer, c->deadline_ms,
                               client_on_timer);
        return;
    }
    c->deadline_ms = UINT64_MAX;
    c->ws.guest.kind->ops->deadline(&c->ws.guest);
    flare__ws_client_touch(c);
}

static void host_deadline(struct flare__guest *g, uint32_t in_ms)
{
    struct flare__ws_client_conn *c = flare__ws_client_of(g);

    c->deadline_ms = UINT64_MAX;
    if (in_ms == FLARE_UNLIMITED)
        return;
    c->deadline_ms = c->loop->now_ms + in_ms;
    if (!flare__timer_is_armed(&c->timer) ||
        c->timer.expiry_ms > c->deadline_ms)
        flare__wheel_start(&c->loop->wheel, &c->timer, c->deadline_ms,
                           client_on_timer);
}

static const struct flare_addr *host_peer(struct flare__guest *g)
{
    return &flare__ws_client_of(g)->peer;
}

const struct flare__guest_host flare__ws_client_host = {
    .loop = host_loop,
    .allocator = host_allocator,
    .out = host_out,
    .pool = host_pool,
    .flush = host_flush,
    .deadline = host_deadline,
    .peer = host_peer,
};

/* ---- turns ---- */

/* Reading and the queue's low mark, as the guest wants them now. */
static void client_steer(struct flare__ws_client_conn *c)
{
    const struct flare__ws_end *end = flare__ws_end(&c->ws);

    if (c->ws.guest.kind->ops->wants_input(&c->ws.guest))
        flare_stream_resume(c->stream);
    else
        flare_stream_pause(c->stream);
    if (c->ws.is_full || c->stream->out.bytes > end->queue_high)
        c->stream->is_above = true; /* its on_drain is a turn here */
}

static void client_turn(struct flare__ws_client_conn *c)
{
    struct flare__guest *g = &c->ws.guest;
    enum flare__guest_turn turn = g->kind->ops->turn(g);

    flare__out_clear(&c->nowhere, host_pool(g));
    switch (turn) {
    case FLARE__GUEST_STAYS:
        client_steer(c);
        break;
    case FLARE__GUEST_LEAVES:
        c->deadline_ms = UINT64_MAX;
        flare_stream_close(c->stream);
        break;
    case FLARE__GUEST_BREAKS:
        flare_stream_abort(c->stream);
        break;
    }
}

static void client_on_task(struct flare__task *task)
{
    struct flare__ws_client_conn *c =
        FLARE_CONTAINER_OF(task, struct flare__ws_client_conn, task);

    if (c->stream != NULL)
        client_turn(c);
    if (c->dial != NULL)
        flare__ws_dial_settle(c);
    if (c->is_gone && c->dial == NULL)
        flare__free(&c->loop->allocator, c);
}

void flare__ws_client_touch(struct flare__ws_client_conn *c)
{
    flare__loop_task(c->loop, &c->task, client_on_task);
}

/* ---- what the stream says ---- */

static void client_on_data(flare_stream *stream, struct flare_str data,
                           void *ctx)
{
    struct flare__ws_client_conn *c = ctx;

    (void)stream;
    /* a server's frames are not masked, so nothing is written there */
    c->ws.guest.kind->ops->input(&c->ws.guest, (char *)(uintptr_t)data.ptr,
                                 data.len);
    flare__ws_client_touch(c);
}

static void client_on_end(flare_stream *stream, void *ctx)
{
    struct flare__ws_client_conn *c = ctx;

    (void)stream;
    c->ws.guest.kind->ops->eof(&c->ws.guest);
}

static void client_on_drain(flare_stream *stream, void *ctx)
{
    (void)stream;
    flare__ws_client_touch(ctx);
}

static void client_on_closed(flare_stream *stream, int rc,
                             const struct flare_error *err, void *ctx)
{
    struct flare__ws_client_conn *c = ctx;

    (void)stream, (void)rc, (void)err;
    flare__wheel_stop(&c->loop->wheel, &c->timer);
    c->stream = NULL;
    c->ws.guest.kind->ops->gone(&c->ws.guest);
    flare__wheel_stop(&c->loop->wheel, &c->timer); /* on_closed armed it? */
    flare__out_clear(&c->nowhere, host_pool(&c->ws.guest));
    flare__loop_task_cancel(c->loop, &c->task);
    c->is_gone = true;
    if (c->dial == NULL)
        flare__free(&c->loop->allocator, c);
    else
        flare__ws_client_touch(c);
}

static const struct flare_stream_handler client_stream = {
    .on_data = client_on_data,
    .on_end = client_on_end,
    .on_drain = client_on_drain,
    .on_closed = client_on_closed,
};

void flare__ws_client_begin(struct flare__ws_client_conn *c,
                            struct flare_stream *stream,
                            const struct flare__ws_offer *offer,
                            struct flare_str early)
{
    struct flare__guest *g = &c->ws.guest;
    const struct flare__ws_end *end = flare__ws_end(&c->ws);

    c->stream = stream;
    c->peer = flare_stream_peer(stream);
    c->deadline_ms = UINT64_MAX;
    stream->limits.queue_low = end->queue_low;
    stream->limits.write_timeout_ms = CLIENT_WRITE_TIMEOUT_MS;
    stream->limits.close_timeout_ms = end->close_timeout_ms;
    flare_stream_handle(stream, &client_stream, c);
    c->ws.verdict = FLARE__WS_GOES_ON;
    g->kind->ops->start(g, offer);
    if (early.len > 0)
        g->kind->ops->input(g, (char *)(uintptr_t)early.ptr, early.len);
    flare__ws_client_touch(c);
}
