/* SPDX-License-Identifier: MIT */
/*
 * WebSocket: messages are sent, and what comes back is their answers, in order.
 * As with HTTP the bytes are made beforehand where they are always the same,
 * mask included, and only framed on the way back (frames.h): a client that
 * checked every character would measure itself.
 */
#include "tools/bench/frames.h"
#include "tools/bench/link.h"

#include <string.h>

/* ---- sending ---- */

static void add_message(struct worker *w, struct text_out *out,
                        struct text_out *payload, uint64_t seq)
{
    const struct job *job = w->job;
    struct text_pen pen = w->pen;

    pen.seq = seq;
    payload->len = 0;
    text_write(&job->message, &pen, payload);
    frames_write(out, job->is_binary ? FRAMES_BINARY : FRAMES_TEXT,
                 (struct flare_str){payload->bytes, payload->len}, &pen);
    w->pen.random = pen.random;
}

static void send_written(struct slot *slot, uint32_t count)
{
    struct worker *w = slot->worker;
    struct text_out payload = {.bytes = NULL};

    w->out.len = 0;
    for (uint32_t i = slot->count - count; i < slot->count; i++) {
        uint32_t at = (slot->first + i) % w->job->depth;

        add_message(w, &w->out, &payload, slot->flights[at].seq);
    }
    text_out_fini(&payload);
    link_write(slot, (struct flare_str){w->out.bytes, w->out.len});
    worker_count_bytes(w, 0, w->out.len, worker_oldest(slot)->sent_ns);
}

static void ws_send(struct slot *slot, uint32_t count)
{
    if (slot->worker->block.len > 0)
        link_send_block(slot, count);
    else
        send_written(slot, count);
}

static void send_control(struct slot *slot, enum frames_opcode opcode,
                         struct flare_str payload)
{
    struct text_out out = {.bytes = NULL};

    frames_write(&out, opcode, payload, &slot->worker->pen);
    link_write(slot, (struct flare_str){out.bytes, out.len});
    text_out_fini(&out);
}

/* With code 1000. */
static void ws_close(struct slot *slot)
{
    if (slot->state == SLOT_OPEN)
        send_control(slot, FRAMES_CLOSE, FLARE_STR("\x03\xe8"));
    link_close(slot);
}

/* ---- receiving ---- */

/* A ping or close.  Whether the connection goes on. */
static bool take_control(struct slot *slot)
{
    struct frames *f = &slot->frames;
    struct flare_str payload = {f->control, f->control_len};

    if (f->opcode == FRAMES_PING) {
        send_control(slot, FRAMES_PONG, payload);
        return true;
    }
    if (slot->count > 0) {
        worker_lost(slot, TALLY_CLOSED, "a close before the answer");
        return false;
    }
    worker_reopen(slot);
    return false;
}

static void read_frames(struct slot *slot, struct flare_str data, uint64_t now)
{
    while (data.len > 0) {
        switch (frames_feed(&slot->frames, &data)) {
        case FRAMES_MORE:
            break;
        case FRAMES_MESSAGE:
            /* One that nobody waits for is a greeting. */
            if (slot->count > 0)
                worker_answered(slot, 0, now);
            break;
        case FRAMES_CONTROL:
            if (!take_control(slot))
                return;
            break;
        case FRAMES_BAD:
            worker_lost(slot, TALLY_FRAMING, slot->frames.fault);
            return;
        }
    }
    worker_refill(slot, now);
}

/* The answer to the handshake; what follows it stays in `*data`.  Whether the
 * connection goes on. */
static bool read_handshake(struct slot *slot, struct flare_str *data)
{
    enum answer_state state = answer_feed(&slot->answer, data);
    char why[64];

    if (state == ANSWER_BAD) {
        worker_lost(slot, TALLY_WEBSOCKET, slot->answer.fault);
        return false;
    }
    if (slot->answer.head.status == 0 ||
        (slot->answer.head.is_informal && state == ANSWER_MORE))
        return true;
    if (slot->answer.head.status != 101) {
        snprintf(why, sizeof(why), "the handshake was answered with %u",
                 slot->answer.head.status);
        worker_lost(slot, TALLY_WEBSOCKET, why);
        return false;
    }
    memset(&slot->frames, 0, sizeof(slot->frames));
    worker_opened(slot);
    return true;
}

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    struct slot *slot = ctx;
    uint64_t now = pace_now();

    (void)stream;
    worker_count_bytes(slot->worker, data.len, 0, now);
    if (slot->state == SLOT_CONNECTING && !read_handshake(slot, &data))
        return;
    if (slot->state == SLOT_OPEN)
        read_frames(slot, data, now);
}

static void on_end(flare_stream *stream, void *ctx)
{
    struct slot *slot = ctx;

    (void)stream;
    if (slot->state == SLOT_CONNECTING)
        worker_lost(slot, TALLY_WEBSOCKET, "closed within the handshake");
    else if (slot->count > 0)
        worker_lost(slot, TALLY_CLOSED,
                    "the connection ended before the "
                    "answer");
    else
        worker_reopen(slot);
}

/* ---- connecting ---- */

static void on_open(flare_stream *stream, void *ctx)
{
    struct slot *slot = ctx;
    struct worker *w = slot->worker;
    bool is_head;

    (void)stream;
    answer_reset(&slot->answer);
    slot->answer.wants_ws = true;
    w->out.len = 0;
    requests_write(&w->job->requests, &w->pen, &w->out, &is_head);
    link_write(slot, (struct flare_str){w->out.bytes, w->out.len});
}

static const struct flare_stream_handler handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = link_on_closed,
};

static int ws_open(struct slot *slot)
{
    return link_open(slot, &handler);
}

static void ws_begin(struct worker *w)
{
    struct text_out out = {.bytes = NULL};
    struct text_out payload = {.bytes = NULL};

    if (!w->job->message.is_fixed)
        return;
    add_message(w, &out, &payload, 0);
    link_fill_block(w, (struct flare_str){out.bytes, out.len});
    text_out_fini(&out);
    text_out_fini(&payload);
}

const struct protocol ws_protocol = {
    .open = ws_open,
    .send = ws_send,
    .close = ws_close,
    .abort = link_abort,
    .begin = ws_begin,
};
