/* SPDX-License-Identifier: MIT */
/*
 * What is sent: frames written into the output of the connection, which leaves
 * at the end of the turn.  A message is queued whole or not at all.
 */
#include "ws/conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ws/mask.h"

#include <errno.h>
#include <string.h>

enum {
    SEND_DEFLATE_BYTES = 16384, /* of a compressed frame, at most */
    SEND_FIN = 0x80,
    SEND_SHORT_MAX = 125, /* to a client; its length is in the ... */
    SEND_SHORT_HEAD = 2,  /* ... second byte */
    SEND_PIECE_MAX = FLARE__OUT_PIECE_MAX, /* past it a frame lies in many */
    SEND_SHARED_COPY_MAX = 1024 /* below it a copy is cheaper than a vector */
};

/* ---- the queue ---- */

/* Whether `len` bytes more have a place. */
static int send_room(struct flare_ws *ws, size_t len)
{
    const struct flare__ws_end *end = flare__ws_end(ws);
    uint32_t queued = flare__guest_queued(&ws->guest);

    FLARE_DCHECK(flare__loop_is_owner(flare_ws_loop(ws)));
    if (flare__ws_is_over(ws) || ws->has_closed)
        return FLARE_E_GONE;
    if (len > INT32_MAX)
        return FLARE_E_RANGE;
    if (queued == 0 ||
        (queued <= end->queue_max && len <= end->queue_max - queued))
        return 0;
    end->counters->ws_refused++;
    if (end->handler->closes_slow)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_TRY_LATER,
                             FLARE_STR("too slow")); /* or it is aborted */
    return FLARE_E_OUTPUT_FULL;
}

/* `len` bytes of a message were queued: 1 if much is. */
static int send_done(struct flare_ws *ws, size_t len, bool is_last)
{
    struct flare_stats *counters = flare__ws_counters(ws);

    counters->ws_bytes_out += len;
    counters->ws_messages_out += is_last;
    flare__guest_flush(&ws->guest);
    if (flare__guest_queued(&ws->guest) <= flare__ws_end(ws)->queue_high)
        return 0;
    ws->is_full = true;
    return 1;
}

static bool send_is_masked(const struct flare_ws *ws)
{
    return flare__ws_end(ws)->rules.is_client;
}

int flare__ws_frame_key(const struct flare_ws *ws, char room[4],
                        const void **out)
{
    struct flare__ws_home *home;

    *out = NULL;
    if (!send_is_masked(ws))
        return 0;
    home = flare__ws_home_of(flare_ws_loop(ws));
    *out = room;
    return flare__ws_keys_take(&home->keys, room);
}

/* A client's: copied and masked at once, in one piece. */
static int send_masked(struct flare_ws *ws, const struct flare__ws_frame *frame,
                       const char *payload)
{
    struct flare__out *out = flare__guest_out(&ws->guest);
    struct flare__ws_frame masked = *frame;
    char head[FLARE__WS_HEAD_MAX];
    char key[4];
    size_t head_len;
    char *p;

    if (flare__ws_frame_key(ws, key, &masked.key) < 0)
        return -ENOMEM; /* as good as none */
    head_len = flare__ws_write_head(head, &masked);
    p = flare__out_reserve(out, flare__guest_pool(&ws->guest),
                           (uint32_t)(head_len + frame->len));
    if (p == NULL)
        return -ENOMEM;
    memcpy(p, head, head_len);
    if (frame->len > 0)
        flare__mask(p + head_len, payload, (size_t)frame->len,
                    flare__mask_key(key));
    flare__out_commit(out, (uint32_t)(head_len + frame->len));
    return 0;
}

/* A frame, copied.  -ENOMEM. */
static int send_frame(struct flare_ws *ws, const struct flare__ws_frame *frame,
                      const char *payload)
{
    struct flare__out *out = flare__guest_out(&ws->guest);
    struct flare__out_pool *pool = flare__guest_pool(&ws->guest);
    char head[FLARE__WS_HEAD_MAX];
    size_t head_len = flare__ws_write_head(head, frame);
    uint32_t size = (uint32_t)(head_len + frame->len);
    char *p;

    if (send_is_masked(ws))
        return send_masked(ws, frame, payload);
    if (size > SEND_PIECE_MAX) /* in chunks that are there already */
        return flare__out_copy_two(
            out, pool, (struct flare_str){head, head_len},
            (struct flare_str){payload, (size_t)frame->len});
    p = flare__out_reserve(out, pool, size);
    if (p == NULL)
        return -ENOMEM;
    memcpy(p, head, head_len);
    if (frame->len > 0)
        memcpy(p + head_len, payload, (size_t)frame->len);
    flare__out_commit(out, size);
    return 0;
}

int flare__ws_queue_control(struct flare_ws *ws, unsigned opcode,
                            struct flare_str payload)
{
    char frame[FLARE__WS_CONTROL_FRAME_MAX];
    const void *key;
    char room[4];
    size_t len;
    int rc;

    if (flare__ws_frame_key(ws, room, &key) < 0)
        return -ENOMEM; /* as good as none */
    len = flare__ws_write_control(frame, opcode, payload, key);
    rc = flare__out_copy(flare__guest_out(&ws->guest),
                         flare__guest_pool(&ws->guest),
                         (struct flare_str){frame, len});
    if (rc == 0)
        flare__guest_flush(&ws->guest);
    return rc;
}

/* ---- compressed messages ---- */

static bool send_is_deflated(const struct flare_ws *ws, size_t len)
{
    return ws->reader != NULL && ws->reader->coding != NULL &&
           len >= flare__ws_end(ws)->deflate_min_bytes;
}

/*
 * Deflates a message into as many frames as it takes.  Returns 0; 1: it is to
 * go as it is, there is no memory to deflate it; or -ENOMEM, and then the peer
 * could not follow any more: the connection is reset.
 */
static int send_deflated(struct flare_ws *ws, enum flare_ws_kind kind,
                         struct flare_str bytes)
{
    struct flare__ws_deflate *to = &ws->reader->coding->to;
    struct flare__ws_frame frame = {.opcode = (uint8_t)kind,
                                    .is_compressed = true};
    char out[SEND_DEFLATE_BYTES];

    do {
        int len = flare__ws_deflate_feed(to, &bytes, FLARE__WS_FLUSH_MESSAGE,
                                         out, sizeof(out));

        if (len < 0)
            return 1;
        frame.len = (uint64_t)len;
        frame.is_fin = !flare__ws_deflate_is_busy(to);
        if (send_frame(ws, &frame, out) < 0) {
            flare_ws_abort(ws);
            return -ENOMEM;
        }
        frame.opcode = FLARE__WS_CONTINUATION;
        frame.is_compressed = false;
    } while (flare__ws_deflate_is_busy(to));
    flare__ws_deflate_rest(to);
    return 0;
}

/* ---- messages ---- */

/* What stands against sending that message now, if anything. */
static int send_check(struct flare_ws *ws, enum flare_ws_kind kind,
                      struct flare_str bytes)
{
    int rc;

    if (ws->is_sending)
        return FLARE_E_ALREADY_ANSWERED;
    if (kind == FLARE_WS_TEXT && !flare__utf8_is_valid(bytes))
        return FLARE_E_WS_TEXT;
    rc = send_room(ws, bytes.len);
    return rc;
}

/* The usual frame: its header is two bytes, and it has room in one piece. */
static int send_short(struct flare_ws *ws, enum flare_ws_kind kind,
                      struct flare_str bytes)
{
    struct flare__out *out = flare__guest_out(&ws->guest);
    uint32_t size = SEND_SHORT_HEAD + (uint32_t)bytes.len;
    char *p = flare__out_reserve(out, flare__guest_pool(&ws->guest), size);

    if (p == NULL)
        return -ENOMEM;
    p[0] = (char)(SEND_FIN | kind);
    p[1] = (char)bytes.len;
    if (bytes.len > 0)
        memcpy(p + SEND_SHORT_HEAD, bytes.ptr, bytes.len);
    flare__out_commit(out, size);
    return 0;
}

static int send_message(struct flare_ws *ws, enum flare_ws_kind kind,
                        struct flare_str bytes)
{
    const struct flare__ws_frame frame = {
        .len = bytes.len,
        .opcode = (uint8_t)kind,
        .is_fin = true,
    };
    int rc = send_check(ws, kind, bytes);

    if (rc < 0)
        return rc;
    rc = send_is_deflated(ws, bytes.len) ? send_deflated(ws, kind, bytes) : 1;
    if (rc > 0)
        rc = bytes.len <= SEND_SHORT_MAX && !flare__ws_end(ws)->rules.is_client
                 ? send_short(ws, kind, bytes)
                 : send_frame(ws, &frame, bytes.ptr);
    return rc < 0 ? rc : send_done(ws, bytes.len, /* is_last = */ true);
}

int flare_ws_send_text(flare_ws *ws, struct flare_str text)
{
    return send_message(ws, FLARE_WS_TEXT, text);
}

int flare_ws_send_binary(flare_ws *ws, struct flare_str bytes)
{
    return send_message(ws, FLARE_WS_BINARY, bytes);
}

/* The head of a frame, and a chunk that stands for its payload. */
static int send_borrowed(struct flare_ws *ws, enum flare_ws_kind kind,
                         struct flare_str bytes, flare_free_fn free_fn,
                         void *free_ctx)
{
    struct flare__out_pool *pool = flare__guest_pool(&ws->guest);
    struct flare__out *out = flare__guest_out(&ws->guest);
    const struct flare__ws_frame frame = {
        .len = bytes.len,
        .opcode = (uint8_t)kind,
        .is_fin = true,
    };
    char head[FLARE__WS_HEAD_MAX];
    size_t head_len = flare__ws_write_head(head, &frame);
    struct flare__out_chunk *chunk =
        flare__out_borrow(pool, bytes, free_fn, free_ctx);

    if (chunk == NULL)
        return -ENOMEM;
    if (flare__out_copy(out, pool, (struct flare_str){head, head_len}) < 0) {
        flare__out_forget(pool, chunk);
        return -ENOMEM;
    }
    flare__out_append(out, chunk);
    return send_done(ws, bytes.len, /* is_last = */ true);
}

int flare_ws_send_give(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, flare_free_fn free_fn,
                       void *free_ctx)
{
    int rc = send_check(ws, kind, bytes);

    if (rc < 0)
        return rc;
    if (bytes.len > 0 && !send_is_masked(ws) &&
        !send_is_deflated(ws, bytes.len))
        return send_borrowed(ws, kind, bytes, free_fn, free_ctx);
    rc = send_message(ws, kind, bytes);
    if (rc >= 0 && free_fn != NULL)
        free_fn(free_ctx, (void *)(uintptr_t)bytes.ptr);
    return rc;
}

int flare_ws_send_fragment(flare_ws *ws,
                           const struct flare_ws_fragment *fragment)
{
    const struct flare__ws_frame frame = {
        .len = fragment->bytes.len,
        .opcode = fragment->is_first ? (uint8_t)fragment->kind
                                     : (uint8_t)FLARE__WS_CONTINUATION,
        .is_fin = fragment->is_last,
    };
    int rc;

    if (fragment->is_first == ws->is_sending)
        return fragment->is_first ? FLARE_E_ALREADY_ANSWERED
                                  : FLARE_E_NOT_STARTED;
    if (fragment->kind == FLARE_WS_TEXT &&
        !flare__utf8_is_valid(fragment->bytes))
        return FLARE_E_WS_TEXT;
    rc = send_room(ws, fragment->bytes.len);
    if (rc == 0)
        rc = send_frame(ws, &frame, fragment->bytes.ptr);
    if (rc < 0)
        return rc;
    ws->is_sending = !fragment->is_last;
    return send_done(ws, fragment->bytes.len, fragment->is_last);
}

/* How long the head of a server's frame is. */
static size_t send_head_len(struct flare_str frame)
{
    unsigned char len = (unsigned char)frame.ptr[1];

    if (len < 126)
        return 2;
    return len == 126 ? 4 : 10;
}

/* The frame of a server once more, as a client's. */
static int send_remasked(struct flare_ws *ws, struct flare_str frame)
{
    const unsigned char *head = (const unsigned char *)frame.ptr;
    size_t head_len = send_head_len(frame);
    const struct flare__ws_frame again = {
        .len = frame.len - head_len,
        .opcode = head[0] & 0x0F,
        .is_fin = true,
    };

    return send_frame(ws, &again, frame.ptr + head_len);
}

int flare__ws_send_shared(struct flare_ws *ws, struct flare_str frame,
                          flare_free_fn free_fn, void *ctx)
{
    struct flare__out *out = flare__guest_out(&ws->guest);
    struct flare__out_pool *pool = flare__guest_pool(&ws->guest);
    struct flare__out_chunk *chunk;
    size_t len = frame.len - send_head_len(frame);
    int rc = ws->is_sending ? FLARE_E_ALREADY_ANSWERED : 0;

    if (rc == 0)
        rc = send_room(ws, frame.len);
    if (rc < 0)
        return rc;
    if (frame.len <= SEND_SHARED_COPY_MAX || send_is_masked(ws)) {
        rc = send_is_masked(ws) ? send_remasked(ws, frame)
                                : flare__out_copy(out, pool, frame);
        if (rc < 0)
            return rc;
        free_fn(ctx, NULL);
        return send_done(ws, len, /* is_last = */ true);
    }
    chunk = flare__out_borrow(pool, frame, free_fn, ctx);
    if (chunk == NULL)
        return -ENOMEM;
    flare__out_append(out, chunk);
    return send_done(ws, len, /* is_last = */ true);
}

int flare_ws_ping(flare_ws *ws, struct flare_str payload)
{
    int rc;

    if (payload.len > FLARE__WS_CONTROL_MAX)
        return FLARE_E_RANGE;
    rc = send_room(ws, payload.len);
    return rc < 0 ? rc : flare__ws_queue_control(ws, FLARE__WS_PING, payload);
}
