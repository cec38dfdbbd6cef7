/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 as fast as it goes: requests written as they are, answers only
 * framed (answer.h).  A request that is always the same is there `depth` times
 * in one block, so that what is sent at once is one write.
 */
#include "tools/bench/link.h"

/* ---- sending ---- */

/* Flights that are sent again get the text they had. */
static void send_written(struct slot *slot, uint32_t count)
{
    struct worker *w = slot->worker;
    uint32_t depth = w->job->depth;

    w->out.len = 0;
    for (uint32_t i = slot->count - count; i < slot->count; i++) {
        struct flight *flight = &slot->flights[(slot->first + i) % depth];
        struct text_pen pen = w->pen;

        pen.seq = flight->seq;
        requests_write(&w->job->requests, &pen, &w->out, &flight->is_head);
        w->pen.random = pen.random;
    }
    link_write(slot, (struct flare_str){w->out.bytes, w->out.len});
    worker_count_bytes(w, 0, w->out.len, worker_oldest(slot)->sent_ns);
}

static void http_send(struct slot *slot, uint32_t count)
{
    if (slot->worker->job->requests.fixed.len > 0)
        link_send_block(slot, count);
    else
        send_written(slot, count);
}

/* ---- receiving ---- */

static bool of_head(struct slot *slot)
{
    const struct requests *requests = &slot->worker->job->requests;

    if (requests->fixed.len > 0)
        return requests->fixed_is_head;
    return worker_oldest(slot)->is_head;
}

/* One answer has ended.  Whether the connection goes on. */
static bool end_answer(struct slot *slot, uint64_t now)
{
    unsigned status = slot->answer.head.status;

    worker_answered(slot, status, now);
    return !slot->answer.head.is_last && !slot->worker->job->closes;
}

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    struct slot *slot = ctx;
    uint64_t now = pace_now();

    (void)stream;
    worker_count_bytes(slot->worker, data.len, 0, now);
    while (data.len > 0) {
        enum answer_state state;

        if (slot->count == 0) {
            worker_lost(slot, TALLY_FRAMING, "bytes that nobody asked for");
            return;
        }
        slot->answer.of_head = of_head(slot);
        state = answer_feed(&slot->answer, &data);
        if (state == ANSWER_BAD) {
            worker_lost(slot, TALLY_FRAMING, slot->answer.fault);
            return;
        }
        if (state == ANSWER_DONE && !end_answer(slot, now)) {
            worker_reopen(slot);
            worker_refill(slot, now);
            return;
        }
    }
    worker_refill(slot, now);
}

static void on_end(flare_stream *stream, void *ctx)
{
    struct slot *slot = ctx;
    uint64_t now = pace_now();
    enum answer_state state = answer_end(&slot->answer);

    (void)stream;
    if (state == ANSWER_BAD) {
        worker_lost(slot, TALLY_CLOSED, slot->answer.fault);
    } else if (state == ANSWER_DONE) {
        end_answer(slot, now);
        worker_reopen(slot);
        worker_refill(slot, now);
    } else if (slot->count > 0) {
        worker_lost(slot, TALLY_CLOSED,
                    "the connection ended before the answer");
    } else {
        worker_reopen(slot);
    }
}

static void on_open(flare_stream *stream, void *ctx)
{
    (void)stream;
    worker_opened(ctx);
}

static const struct flare_stream_handler handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = link_on_closed,
};

static int http_open(struct slot *slot)
{
    return link_open(slot, &handler);
}

static void http_begin(struct worker *w)
{
    if (w->job->requests.fixed.len > 0)
        link_fill_block(w, w->job->requests.fixed);
}

const struct protocol http_protocol = {
    .open = http_open,
    .send = http_send,
    .close = link_close,
    .abort = link_abort,
    .begin = http_begin,
};
