/* SPDX-License-Identifier: MIT */
/* See conn.h: the life of a connection, its deadlines, its end. */
#include "ws/conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"

#include <errno.h>

static struct flare_ws *ws_of(struct flare__guest *g)
{
    return FLARE_CONTAINER_OF(g, struct flare_ws, guest);
}

/* ---- the end ---- */

static void ws_count_close(struct flare_ws *ws, unsigned code)
{
    struct flare_stats *counters = flare__ws_counters(ws);
    unsigned place = FLARE_STATS_CLOSE_OTHER;

    if (code >= 1000 && code <= 1015)
        place = code - 1000;
    else if (code >= 3000 && code <= 3999)
        place = FLARE_STATS_CLOSE_3XXX;
    else if (code >= 4000 && code <= 4999)
        place = FLARE_STATS_CLOSE_4XXX;
    counters->ws_closed++;
    counters->ws_closes[place]++;
}

void flare__ws_tell(struct flare_ws *ws, unsigned code, struct flare_str reason)
{
    const struct flare_ws_handler *h = flare__ws_handler(ws);

    FLARE_ASSERT(flare__ws_is_over(ws));
    if (ws->is_told)
        return;
    ws->is_told = true;
    ws_count_close(ws, code);
    FLARE__TRACE2(ws__close, ws, code);
    if (h->on_closed != NULL)
        h->on_closed(ws, (uint16_t)code, reason, ws->ctx);
}

void flare__ws_finish(struct flare_ws *ws, enum flare__ws_verdict verdict)
{
    if (flare__ws_is_over(ws))
        return;
    ws->verdict = (uint8_t)verdict;
    flare__guest_flush(&ws->guest);
}

int flare__ws_queue_close(struct flare_ws *ws, unsigned code,
                          struct flare_str reason)
{
    char frame[FLARE__WS_CONTROL_FRAME_MAX];
    struct flare__out_pool *pool = flare__guest_pool(&ws->guest);
    const void *key;
    char room[4];
    int len;
    int rc = flare__ws_frame_key(ws, room, &key);

    if (rc < 0)
        return -ENOMEM; /* as good as none */
    len = flare__ws_write_close(frame, code, reason, key);
    if (len < 0)
        return len;
    rc = flare__out_copy(flare__guest_out(&ws->guest), pool,
                         (struct flare_str){frame, (size_t)len});
    if (rc < 0)
        return rc;
    ws->has_closed = true;
    flare__guest_flush(&ws->guest);
    return 0;
}

void flare__ws_fail(struct flare_ws *ws, unsigned code, const char *why)
{
    struct flare_str reason = flare_str(why);
    int rc = 0;

    ws->is_failed = true;
    if (!ws->has_closed)
        rc = flare__ws_queue_close(ws, code, reason);
    flare__ws_finish(ws, rc < 0 ? FLARE__WS_BREAKS : FLARE__WS_LEAVES);
    flare__ws_tell(ws, code, reason);
}

int flare_ws_close(flare_ws *ws, uint16_t code, struct flare_str reason)
{
    int rc;

    FLARE_DCHECK(flare__loop_is_owner(flare_ws_loop(ws)));
    if (ws->verdict == FLARE__WS_DIALS)
        flare__ws_dial_cancel(ws);
    if (flare__ws_is_over(ws) || ws->has_closed)
        return 0;
    rc = flare__ws_queue_close(ws, code, reason);
    if (rc == 0)
        flare__guest_deadline(&ws->guest, flare__ws_end(ws)->close_timeout_ms);
    else if (rc == -ENOMEM)
        flare_ws_abort(ws);
    return rc;
}

void flare_ws_abort(flare_ws *ws)
{
    FLARE_DCHECK(flare__loop_is_owner(flare_ws_loop(ws)));
    if (ws->verdict == FLARE__WS_DIALS)
        flare__ws_dial_cancel(ws);
    flare__ws_finish(ws, FLARE__WS_BREAKS);
}

/* ---- the guest ---- */

static void ws_start(struct flare__guest *g, const void *offered)
{
    const struct flare__ws_offer *offer = offered;
    struct flare_ws *ws = ws_of(g);

    ws->ctx = offer->ctx;
    ws->protocol = offer->protocol;
    flare__ws_counters(ws)->ws_opened++;
    if (offer->has_deflate && flare__ws_reader_code(ws, &offer->deflate) < 0)
        flare__ws_finish(ws, FLARE__WS_BREAKS);
    flare__guest_deadline(g, flare__ws_end(ws)->ping_interval_ms);
}

static void ws_on_input(struct flare__guest *g, char *bytes, size_t len)
{
    struct flare_ws *ws = ws_of(g);

    ws->is_pinged = false;
    if (!ws->has_closed) /* that deadline stands */
        flare__guest_deadline(g, flare__ws_end(ws)->ping_interval_ms);
    if (!flare__ws_is_over(ws))
        flare__ws_input(ws, bytes, len);
}

/* What has come is looked at first: the end of the turn sees to it. */
static void ws_on_eof(struct flare__guest *g)
{
    struct flare_ws *ws = ws_of(g);

    ws->is_eof = true;
    flare__guest_flush(g);
}

/* The queue is not full of what the peer does not read, nor is anybody here
 * who does not want to hear more. */
static bool ws_wants_input(const struct flare__guest *g)
{
    const struct flare_ws *ws = (const struct flare_ws *)(const void *)g;

    return !flare__ws_is_over(ws) && !ws->is_paused &&
           !flare__ws_has_rest(ws) &&
           flare__guest_queued(g) <= flare__ws_end(ws)->queue_high;
}

static void ws_ping(struct flare_ws *ws)
{
    const struct flare__ws_end *end = flare__ws_end(ws);
    struct flare_str nothing = {NULL, 0};

    if (flare__ws_queue_control(ws, FLARE__WS_PING, nothing) < 0) {
        flare__guest_deadline(&ws->guest, end->ping_interval_ms); /* later */
        return;
    }
    ws->is_pinged = true;
    flare__guest_deadline(&ws->guest, end->pong_timeout_ms);
}

static void ws_on_deadline(struct flare__guest *g)
{
    struct flare_ws *ws = ws_of(g);

    if (flare__ws_is_over(ws))
        return;
    if (ws->has_closed || ws->is_pinged)
        flare__ws_finish(ws, FLARE__WS_BREAKS);
    else if (!ws_wants_input(g) || flare__guest_queued(g) != 0)
        /* it is not heard, or cannot be asked: sending has its own time */
        flare__guest_deadline(g, flare__ws_end(ws)->ping_interval_ms);
    else
        ws_ping(ws);
}

static void ws_drain_queue(struct flare_ws *ws)
{
    const struct flare_ws_handler *h = flare__ws_handler(ws);

    if (!ws->is_full ||
        flare__guest_queued(&ws->guest) > flare__ws_end(ws)->queue_low)
        return;
    ws->is_full = false;
    if (h->on_drain != NULL)
        h->on_drain(ws, ws->ctx);
}

static enum flare__guest_turn ws_on_turn(struct flare__guest *g)
{
    struct flare_ws *ws = ws_of(g);
    const struct flare_ws_handler *h = flare__ws_handler(ws);

    if (!ws->is_open) {
        ws->is_open = true;
        if (h->on_open != NULL)
            h->on_open(ws, ws->ctx);
    }
    if (!flare__ws_is_over(ws) && !ws->has_closed)
        ws_drain_queue(ws);
    flare__ws_go_on(ws);
    if (ws->is_eof && !flare__ws_has_rest(ws))
        flare__ws_finish(ws, FLARE__WS_LEAVES);
    switch ((enum flare__ws_verdict)ws->verdict) {
    case FLARE__WS_GOES_ON:
        break;
    case FLARE__WS_LEAVES:
        return FLARE__GUEST_LEAVES;
    case FLARE__WS_BREAKS:
    case FLARE__WS_DIALS:
        return FLARE__GUEST_BREAKS;
    }
    return FLARE__GUEST_STAYS;
}

static void ws_on_drain(struct flare__guest *g)
{
    (void)flare_ws_close(ws_of(g), FLARE_WS_CLOSE_GOING_AWAY,
                         (struct flare_str){NULL, 0}); /* or it is aborted */
}

static void ws_on_gone(struct flare__guest *g)
{
    struct flare_ws *ws = ws_of(g);

    ws->verdict = FLARE__WS_BREAKS;
    flare__ws_tell(ws, FLARE__WS_CLOSE_ABNORMAL, (struct flare_str){NULL, 0});
    flare__ws_reader_drop(ws);
}

const struct flare__guest_ops flare__ws_guest_ops = {
    .start = ws_start,
    .input = ws_on_input,
    .eof = ws_on_eof,
    .deadline = ws_on_deadline,
    .wants_input = ws_wants_input,
    .turn = ws_on_turn,
    .drain = ws_on_drain,
    .gone = ws_on_gone,
};

/* ---- questions ---- */

void flare_ws_pause(flare_ws *ws)
{
    if (ws->is_paused || flare__ws_is_over(ws))
        return;
    ws->is_paused = true;
    flare__guest_flush(&ws->guest);
}

void flare_ws_resume(flare_ws *ws)
{
    if (!ws->is_paused || flare__ws_is_over(ws))
        return;
    ws->is_paused = false;
    flare__guest_flush(&ws->guest);
}

size_t flare_ws_queued(const flare_ws *ws)
{
    return flare__guest_queued(&ws->guest);
}

struct flare_str flare_ws_subprotocol(const flare_ws *ws)
{
    if (ws->protocol == 0)
        return (struct flare_str){NULL, 0};
    return flare__ws_handler(ws)->protocols[ws->protocol - 1];
}

const struct flare_addr *flare_ws_peer(flare_ws *ws)
{
    return flare__guest_peer(&ws->guest);
}

flare_loop *flare_ws_loop(const flare_ws *ws)
{
    return flare__guest_loop(&ws->guest);
}

void *flare_ws_ctx(const flare_ws *ws)
{
    return ws->ctx;
}

void flare_ws_set_ctx(flare_ws *ws, void *ctx)
{
    ws->ctx = ctx;
}
