/* SPDX-License-Identifier: MIT */
/*
 * The bytes are a schedule of the simulated world in which streams connect,
 * talk and end, and every callback makes any call it likes.  Property: the
 * world's ledgers hold, every stream ends once, what was given comes back once,
 * what arrives is what was sent, from its first byte on; and the same bytes
 * give the same run.
 *
 * With FUZZ_STREAM_TLS it is fuzz_tls_stream: all of them speak TLS.
 */
#include <flare/loop.h>
#include <flare/tcp.h>

#include "backends/sim.h"
#include "base/alloc.h"
#ifdef FUZZ_STREAM_TLS
#include "fuzz/stream_tls.h"
#endif
#include "net/loop.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 80, DIALS = 4, ENDS = 2 * DIALS + 1, TURNS = 400 };

struct end {
    flare_stream *stream; /* NULL: none, or gone */
    uint32_t sent;        /* bytes of the stream's pattern, queued */
    uint32_t got;
    bool is_over;
};

static struct {
    struct flare__sim *world;
    struct end ends[ENDS];
    uint32_t count;
    uint32_t given, given_back;
} run;

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            flare__sim_fail(run.world, "%s:%d: %s", __FILE__, __LINE__,        \
                            #condition);                                       \
    } while (0)

static char byte_at(uint32_t at)
{
    return (char)(at * 7 + at / 251);
}

static void on_given_back(void *ctx, void *block)
{
    (void)ctx;
    run.given_back++;
    free(block);
}

/* Some more of the pattern, copied or given. */
static void send_some(struct end *end, bool is_given)
{
    uint32_t len = flare__sim_below(run.world, 30000);
    char *bytes = malloc(len + 1);
    struct flare_str s = {bytes, len};
    int rc;

    MUST(bytes != NULL);
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = byte_at(end->sent + i);
    rc = is_given ? flare_stream_give(end->stream, s, on_given_back, NULL)
                  : flare_stream_write(end->stream, s);
    if (rc >= 0)
        end->sent += len;
    if (rc >= 0 && is_given)
        run.given++;
    else
        free(bytes);
}

static void any_call(struct end *end)
{
    switch (flare__sim_below(run.world, 16)) {
    case 1:
        flare_stream_pause(end->stream);
        break;
    case 2:
        flare_stream_resume(end->stream);
        break;
    case 3:
        flare_stream_shutdown(end->stream);
        break;
    case 4:
        flare_stream_close(end->stream);
        break;
    case 5:
        flare_stream_abort(end->stream);
        break;
    case 6:
    case 7:
        send_some(end, /* is_given = */ false);
        break;
    case 8:
        send_some(end, /* is_given = */ true);
        break;
    default: /* mostly nothing, so that they live for a while */
        break;
    }
}

static void on_call(flare_stream *stream, void *ctx)
{
    struct end *end = ctx;

    MUST(end->stream == stream && !end->is_over);
    any_call(end);
}

static void on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    struct end *end = ctx;

    MUST(end->stream == stream && !end->is_over && data.len > 0);
    any_call(end); /* the bytes stay what they are */
    for (size_t i = 0; i < data.len; i++)
        MUST(data.ptr[i] == byte_at(end->got + (uint32_t)i));
    end->got += (uint32_t)data.len;
    any_call(end);
}

static void on_closed(flare_stream *stream, int rc,
                      const struct flare_error *err, void *ctx)
{
    struct end *end = ctx;

    MUST(end->stream == stream && !end->is_over && err->code == rc);
    any_call(end);
    end->is_over = true;
    end->stream = NULL;
}

static const struct flare_stream_handler handler = {
    .on_open = on_call,
    .on_data = on_data,
    .on_end = on_call,
    .on_drain = on_call,
    .on_closed = on_closed,
};

/* Accepted: the next place is its own from now on. */
static void on_accepted(flare_stream *stream, void *ctx)
{
    struct end *end = &run.ends[run.count];

    (void)ctx;
    MUST(run.count++ < ENDS);
    end->stream = stream;
    flare_stream_handle(stream, &handler, end);
    on_call(stream, end);
}

static const struct flare_stream_handler first_handler = {
    .on_open = on_accepted,
    .on_data = on_data,
};

static void dial(flare_loop *loop, const struct flare_addr *to)
{
    struct end *end = &run.ends[run.count];
    struct flare_tcp_options o = {.handler = &handler,
                                  .ctx = end,
                                  .queue_high = 20000,
                                  .queue_low = 10000,
                                  .read_timeout_ms = 5000};

    MUST(run.count < ENDS);
#ifdef FUZZ_STREAM_TLS
    stream_tls_client(&o);
#endif
    if (flare_tcp_connect_addr(loop, &end->stream, to, &o, NULL) == 0)
        run.count++;
}

static flare_loop *loop_open(void)
{
    struct flare__backend_config bc = {
        .al = &flare__allocator_default, .sim = run.world, .lease_count = 8};
    struct flare__loop_config lc = {.ops = &flare__backend_sim,
                                    .al = &flare__allocator_default};
    flare_loop *loop;

    if (lc.ops->open(&lc.backend, &bc, NULL) < 0 ||
        flare__loop_open(&loop, &lc) < 0)
        abort();
    loop->receive_buffers = bc.lease_count;
    return loop;
}

static uint64_t run_once(const uint8_t *data, size_t size)
{
    const struct flare__sim_config config = {.tape = data, .tape_len = size};
    struct flare_tcp_options o = {.handler = &first_handler};
    struct flare_addr to;
    flare_listener *listener;
    flare_loop *loop;
    uint64_t hash;

    memset(&run, 0, sizeof(run));
    run.world = flare__sim_new(&config);
    if (run.world == NULL ||
        flare_addr_parse(&to, FLARE_STR("192.0.2.1:80"), NULL) < 0)
        abort();
    loop = loop_open();
#ifdef FUZZ_STREAM_TLS
    stream_tls_begin();
    stream_tls_server(&o);
#endif
    if (flare_tcp_listen_fd(loop, &listener,
                            flare__sim_listen(run.world, PORT, 0), &o,
                            NULL) < 0)
        abort();
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn % 16 == 0 && turn / 16 < DIALS)
            dial(loop, &to);
        if (flare__loop_turn(loop, loop->now_ns + 10000000) < 0)
            abort();
    }
    flare_loop_free(loop);
#ifdef FUZZ_STREAM_TLS
    stream_tls_end();
#endif
    for (uint32_t i = 0; i < run.count; i++)
        MUST(run.ends[i].is_over);
    MUST(run.given == run.given_back);
    MUST(flare__sim_fds(run.world) == 0);
    hash = flare__sim_hash(run.world);
    flare__sim_free(run.world);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash = run_once(data, size);

    if (size % 4 == 1 && hash != run_once(data, size))
        abort();
    return 0;
}
