/* SPDX-License-Identifier: MIT */
/* Streams of slots; see link.h. */
#include "tools/bench/link.h"

#include <errno.h>

enum {
    BLOCK_BYTES = 64 * 1024,
    GIVE_BYTES = 16 * 1024, /* above it a write costs less without the copy */
    CLOSE_MS = 500
};

/* ---- a stream that nobody listens to any more ---- */

static void ignore_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    (void)stream;
    (void)data;
    (void)ctx;
}

static void on_gone(flare_stream *stream, int rc, const struct flare_error *err,
                    void *ctx)
{
    (void)stream;
    (void)rc;
    (void)err;
    worker_link_closed(ctx);
}

static const struct flare_stream_handler gone = {
    .on_data = ignore_data,
    .on_closed = on_gone,
};

void link_close(struct slot *slot)
{
    flare_stream_handle(slot->link, &gone, slot->worker);
    flare_stream_close(slot->link);
}

void link_abort(struct slot *slot)
{
    flare_stream_handle(slot->link, &gone, slot->worker);
    flare_stream_abort(slot->link);
}

/* ---- writing ---- */

void link_write(struct slot *slot, struct flare_str bytes)
{
    int rc = flare_stream_write(slot->link, bytes);

    (void)rc; /* on_closed follows, or a timeout */
}

void link_fill_block(struct worker *w, struct flare_str one)
{
    struct text_out block = {.bytes = NULL};

    do {
        text_out_add(&block, one);
    } while (block.len + one.len <= BLOCK_BYTES &&
             block.len / one.len < w->job->depth);
    w->block = (struct flare_str){block.bytes, block.len};
    w->block_one = one.len;
}

void link_send_block(struct slot *slot, uint32_t count)
{
    struct worker *w = slot->worker;
    uint32_t copies = (uint32_t)(w->block.len / w->block_one);

    worker_count_bytes(w, 0, count * w->block_one,
                       worker_oldest(slot)->sent_ns);
    while (count > 0) {
        uint32_t n = count < copies ? count : copies;
        struct flare_str bytes = {w->block.ptr, n * w->block_one};
        int rc;

        count -= n;
        if (bytes.len < GIVE_BYTES)
            rc = flare_stream_write(slot->link, bytes);
        else
            rc = flare_stream_give(slot->link, bytes, NULL, NULL);
        (void)rc; /* as above */
    }
}

/* ---- one that has ended by itself ---- */

static enum tally_error kind_of(const struct slot *slot, int rc)
{
    if (flare_error_class(rc) == FLARE_CLASS_TLS)
        return TALLY_TLS;
    if (slot->state == SLOT_CONNECTING)
        return rc == -ECONNREFUSED ? TALLY_REFUSED
               : rc == -ETIMEDOUT  ? TALLY_CONNECT_TIMEOUT
                                   : TALLY_CONNECT;
    if (rc == -ECONNRESET || rc == -EPIPE)
        return TALLY_RESET;
    return rc == 0 ? TALLY_CLOSED : TALLY_OTHER;
}

void link_on_closed(flare_stream *stream, int rc, const struct flare_error *err,
                    void *ctx)
{
    struct slot *slot = ctx;
    struct worker *w = slot->worker;

    (void)stream;
    slot->link = NULL;
    worker_lost(slot, kind_of(slot, rc), err->text);
    worker_link_closed(w);
}

/* ---- connecting ---- */

/* In whole milliseconds, within what a stream takes. */
static uint32_t timeout_ms(const struct job *job)
{
    uint64_t ms = (job->timeout_ns + 999999) / 1000000;

    return ms < 1 ? 1 : ms > 86400000 ? 86400000 : (uint32_t)ms;
}

int link_open(struct slot *slot, const struct flare_stream_handler *handler)
{
    const struct job *job = slot->worker->job;
    struct flare_tcp_options options = {
        .handler = handler,
        .ctx = slot,
        .connect_timeout_ms = timeout_ms(job),
        .attempt_timeout_ms = timeout_ms(job),
        .close_timeout_ms = CLOSE_MS,
        .write_timeout_ms = timeout_ms(job),
        .queue_max = 1u << 30,
        .tls_client = slot->worker->tls,
        .tls_host = job->host,
        .tls_handshake_timeout_ms = timeout_ms(job),
    };
    flare_stream *stream;
    int rc;

    if (job->is_tls == false)
        options.tls_host = NULL;
    rc = flare_tcp_connect_addr(slot->worker->loop, &stream, &job->addr,
                                &options, NULL);
    if (rc == 0)
        slot->link = stream;
    return rc;
}
