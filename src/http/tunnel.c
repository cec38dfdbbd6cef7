/* SPDX-License-Identifier: MIT */
/*
 * A guest that relays: the connection of a request, joined with a stream.
 *
 * The tunnel lives until both have let go of it, the guest with `gone`, the
 * stream with on_closed; which comes first is anybody's.  The guest's input is
 * written to the stream, and not asked for while that is full; the stream's is
 * copied into the connection's output, and the stream is paused while that is.
 */
#include <flare/tunnel.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "http/exchange.h"
#include "http/list.h"
#include "http/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    TUNNEL_IDLE_MS = 600000,
    TUNNEL_TIME_MAX = 86400000,
    /* Unsent bytes for the peer at which the stream is paused, and goes on; as
     * a stream has them for the other way. */
    TUNNEL_QUEUE_HIGH = 256 * 1024,
    TUNNEL_QUEUE_LOW = 64 * 1024,
    TUNNEL_PROTOCOL_MAX = 64
};

struct tunnel {
    struct flare_allocator al;
    struct flare__guest *guest; /* NULL: gone */
    flare_stream *stream;       /* NULL: closed */
    uint32_t idle_ms;
    bool has_ended; /* the stream's peer sends nothing more */
    bool is_broken;
    bool is_full_up;   /* the stream's queue, until its on_drain */
    bool is_full_down; /* the connection's; the stream is paused */
    uint32_t early_len;
    char early[];
};

/* In the room of a connection. */
struct tunnel_guest {
    struct flare__guest guest;
    struct tunnel *tunnel;
};
_Static_assert(sizeof(struct tunnel_guest) <= FLARE__GUEST_BYTES,
               "a tunnel does not fit in the room of a guest");

static struct tunnel *tunnel_of(const struct flare__guest *g)
{
    return ((const struct tunnel_guest *)(const void *)g)->tunnel;
}

static void tunnel_free_if_over(struct tunnel *t)
{
    struct flare_allocator al = t->al;

    if (t->guest == NULL && t->stream == NULL)
        flare__free(&al, t);
}

/* Something has moved: the silence begins anew. */
static void tunnel_moved(struct tunnel *t)
{
    flare__guest_deadline(t->guest, t->idle_ms);
}

static void tunnel_break(struct tunnel *t)
{
    t->is_broken = true;
    flare__guest_flush(t->guest);
}

/* ---- from the stream to the peer ---- */

static void tunnel_send(struct tunnel *t, struct flare_str data)
{
    if (flare__out_copy(flare__guest_out(t->guest), flare__guest_pool(t->guest),
                        data) < 0) {
        tunnel_break(t);
        return;
    }
    if (flare__guest_queued(t->guest) > TUNNEL_QUEUE_HIGH) {
        t->is_full_down = true;
        flare_stream_pause(t->stream);
    }
    flare__guest_flush(t->guest);
}

static void tunnel_on_data(flare_stream *stream, struct flare_str data,
                           void *ctx)
{
    struct tunnel *t = ctx;

    (void)stream;
    if (t->guest == NULL || t->is_broken)
        return;
    tunnel_moved(t);
    tunnel_send(t, data);
}

static void tunnel_on_end(flare_stream *stream, void *ctx)
{
    struct tunnel *t = ctx;

    (void)stream;
    t->has_ended = true;
    if (t->guest != NULL)
        flare__guest_flush(t->guest);
}

static void tunnel_on_drain(flare_stream *stream, void *ctx)
{
    struct tunnel *t = ctx;

    (void)stream;
    t->is_full_up = false;
    if (t->guest != NULL)
        flare__guest_flush(t->guest); /* which asks for input again */
}

static void tunnel_on_closed(flare_stream *stream, int rc,
                             const struct flare_error *err, void *ctx)
{
    struct tunnel *t = ctx;

    (void)stream, (void)err;
    t->stream = NULL;
    if (t->guest != NULL && (rc < 0 || !t->has_ended))
        tunnel_break(t);
    tunnel_free_if_over(t);
}

static const struct flare_stream_handler tunnel_stream = {
    .on_data = tunnel_on_data,
    .on_end = tunnel_on_end,
    .on_drain = tunnel_on_drain,
    .on_closed = tunnel_on_closed,
};

/* ---- from the peer to the stream ---- */

static void tunnel_start(struct flare__guest *g, const void *offer)
{
    struct tunnel *t = *(struct tunnel *const *)offer;

    ((struct tunnel_guest *)(void *)g)->tunnel = t;
    t->guest = g;
    flare_stream_handle(t->stream, &tunnel_stream, t);
    tunnel_moved(t);
    if (t->early_len > 0)
        tunnel_send(t, (struct flare_str){t->early, t->early_len});
    if (!t->is_full_down)
        flare_stream_resume(t->stream); /* if its owner had paused it */
}

static void tunnel_on_input(struct flare__guest *g, char *bytes, size_t len)
{
    struct tunnel *t = tunnel_of(g);
    int rc;

    if (t->stream == NULL || t->is_broken)
        return;
    tunnel_moved(t);
    rc = flare_stream_write(t->stream, (struct flare_str){bytes, len});
    if (rc > 0)
        t->is_full_up = true;
    else if (rc < 0)
        tunnel_break(t);
}

static void tunnel_on_eof(struct flare__guest *g)
{
    struct tunnel *t = tunnel_of(g);

    if (t->stream != NULL)
        flare_stream_shutdown(t->stream);
}

static bool tunnel_wants_input(const struct flare__guest *g)
{
    return !tunnel_of(g)->is_full_up;
}

/* What waits for somebody to read it has a deadline of its own. */
static void tunnel_on_deadline(struct flare__guest *g)
{
    struct tunnel *t = tunnel_of(g);

    if (flare__guest_queued(g) != 0 ||
        (t->stream != NULL && flare_stream_queued(t->stream) != 0))
        tunnel_moved(t);
    else
        tunnel_break(t);
}

static enum flare__guest_turn tunnel_on_turn(struct flare__guest *g)
{
    struct tunnel *t = tunnel_of(g);

    if (t->is_broken)
        return FLARE__GUEST_BREAKS;
    if (t->has_ended)
        return FLARE__GUEST_LEAVES;
    if (t->is_full_down && flare__guest_queued(g) <= TUNNEL_QUEUE_LOW) {
        t->is_full_down = false;
        flare_stream_resume(t->stream);
    }
    return FLARE__GUEST_STAYS;
}

static void tunnel_on_server_drain(struct flare__guest *g)
{
    (void)g; /* its ends know when they are done, nobody else does */
}

static void tunnel_on_gone(struct flare__guest *g)
{
    struct tunnel *t = tunnel_of(g);

    t->guest = NULL;
    if (t->stream != NULL && t->has_ended)
        flare_stream_close(t->stream);
    else if (t->stream != NULL)
        flare_stream_abort(t->stream);
    tunnel_free_if_over(t);
}

static const struct flare__guest_ops tunnel_ops = {
    .start = tunnel_start,
    .input = tunnel_on_input,
    .eof = tunnel_on_eof,
    .deadline = tunnel_on_deadline,
    .wants_input = tunnel_wants_input,
    .turn = tunnel_on_turn,
    .drain = tunnel_on_server_drain,
    .gone = tunnel_on_gone,
};
static const struct flare__guest_kind tunnel_kind = {.ops = &tunnel_ops};

/* ---- the answer ---- */

/* RFC 9110 section 7.8: no protocol that was not asked for. */
static bool tunnel_is_asked(const flare_req *req, struct flare_str protocol)
{
    const struct flare__exchange *x = FLARE__EXCHANGE_OF(req, req);
    struct flare_str name;
    struct flare_str rest;
    struct flare_str one;

    if ((x->head.flags & FLARE__HEAD_UPGRADE) == 0 ||
        protocol.len > TUNNEL_PROTOCOL_MAX)
        return false;
    for (size_t i = 0; flare_req_header_at(req, i, &name, &rest) == 0; i++) {
        if (!flare_str_equal_nocase(name, FLARE_STR("Upgrade")))
            continue;
        while (flare__list_next(&rest, FLARE__QUOTED_STRING, &one))
            if (flare_str_equal_nocase(one, protocol))
                return true;
    }
    return false;
}

static int tunnel_new(struct tunnel **out, flare_stream *stream,
                      struct flare_str early,
                      const struct flare_tunnel_options *options)
{
    const struct flare_allocator *al = &flare_stream_loop(stream)->allocator;
    uint32_t idle_ms = options != NULL && options->idle_timeout_ms != 0
                           ? options->idle_timeout_ms
                           : TUNNEL_IDLE_MS;
    struct tunnel *t;

    if ((idle_ms > TUNNEL_TIME_MAX && idle_ms != FLARE_UNLIMITED) ||
        early.len > INT32_MAX)
        return FLARE_E_RANGE;
    t = flare__calloc(al, 1, sizeof(*t) + early.len);
    if (t == NULL)
        return -ENOMEM;
    t->al = *al;
    t->stream = stream;
    t->idle_ms = idle_ms;
    t->early_len = (uint32_t)early.len;
    if (early.len > 0)
        memcpy(t->early, early.ptr, early.len);
    *out = t;
    return 0;
}

int flare_res_tunnel(flare_req *req, flare_res *res, struct flare_str protocol,
                     flare_stream *stream, struct flare_str early,
                     const struct flare_tunnel_options *options)
{
    char lines[TUNNEL_PROTOCOL_MAX + 48];
    struct flare__upgrade upgrade = {.kind = &tunnel_kind};
    struct tunnel *t;
    int rc;

    FLARE_ASSERT(flare_stream_loop(stream) == flare__upgrade_loop(res));
    if (!tunnel_is_asked(req, protocol))
        return FLARE_E_BAD_INPUT;
    rc = tunnel_new(&t, stream, early, options);
    if (rc < 0)
        return rc;
    rc = snprintf(lines, sizeof(lines),
                  "Upgrade: %.*s\r\nConnection: Upgrade\r\n",
                  FLARE_STR_ARG(protocol));
    upgrade.lines = (struct flare_str){lines, (size_t)rc};
    upgrade.offer = &t;
    upgrade.offer_bytes = sizeof(t);
    rc = flare__upgrade(res, &upgrade); /* it starts in there, or at the return
                                           of the handler: nothing is between */
    if (rc < 0)
        flare__free(&flare_stream_loop(stream)->allocator, t);
    return rc;
}
