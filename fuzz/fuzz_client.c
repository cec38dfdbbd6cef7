/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a server says to a client, in the simulated world.  The
 * first byte chooses how it is asked; behind it are answers with 0xfe between
 * them, one for each request that comes, the connection being closed behind the
 * last if a bit says so.
 *
 * Properties: every call ends once; the pool's books are right; nothing is
 * left; a body that is whole is within its bound; and where no redirect is
 * followed the first call ends the same whether the bytes come at once, or one
 * each millisecond.  (Where one is, bytes behind an answer may come before or
 * after the connection is used again, and then matter or do not.)
 */
#include <flare/client.h>

#include "backends/sim.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "http/client.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 80, CALLS = 3, PEERS = 32, BODY_MAX = 50000, INPUT_MAX = 4096 };

enum {
    HOW_HEAD = 1,
    HOW_POST = 2,
    HOW_STREAM = 4, /* on_data, and a pause in each */
    HOW_FOLLOW = 8,
    HOW_CLOSE = 16, /* FIN behind the last answer */
    HOW_EXPECT = 32
};

struct outcome {
    int rc;
    int status;
    size_t len;
    uint64_t hash; /* of the body */
};

struct peer {
    flare_stream *stream;
    struct flare_str left; /* of its answer, one byte at a time */
    struct flare__timer timer;
};

static struct {
    struct flare__sim *world;
    flare_loop *loop;
    flare_client *client;
    struct flare_str answers; /* that are to come */
    struct peer peers[PEERS];
    uint32_t peer_count;
    uint32_t ends;
    struct outcome first;
    unsigned how;
    bool is_cut;
} run;

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            flare__sim_fail(run.world, "%s:%d: %s", __FILE__, __LINE__,        \
                            #condition);                                       \
    } while (0)

/* ---- the server ---- */

static void peer_on_timer(struct flare__timer *timer)
{
    struct peer *p = FLARE_CONTAINER_OF(timer, struct peer, timer);

    if (p->stream == NULL)
        return;
    if (p->left.len > 0) {
        (void)!flare_stream_write(p->stream,
                                  (struct flare_str){p->left.ptr, 1});
        p->left.ptr++;
        p->left.len--;
        flare__wheel_start(&run.loop->wheel, &p->timer, run.loop->now_ms + 1,
                           peer_on_timer);
    } else if (run.answers.len == 0 && (run.how & HOW_CLOSE)) {
        flare_stream_close(p->stream);
    }
}

/* The next answer; one that is still being said is cut short by it. */
static void peer_answer(struct peer *p)
{
    const char *mark = memchr(run.answers.ptr, 0xfe, run.answers.len);
    size_t n =
        mark != NULL ? (size_t)(mark - run.answers.ptr) : run.answers.len;
    struct flare_str answer = {run.answers.ptr, n};

    n += mark != NULL;
    run.answers.ptr += n;
    run.answers.len -= n;
    if (run.is_cut) {
        p->left = answer;
    } else if (answer.len > 0) {
        (void)!flare_stream_write(p->stream, answer);
    }
    peer_on_timer(&p->timer);
}

static void peer_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    if (data.len >= 4 && memcmp(data.ptr + data.len - 4, "\r\n\r\n", 4) == 0)
        peer_answer(ctx);
}

static void peer_on_closed(flare_stream *s, int rc,
                           const struct flare_error *err, void *ctx)
{
    struct peer *p = ctx;

    (void)s;
    (void)rc;
    (void)err;
    p->stream = NULL;
    flare__wheel_stop(&run.loop->wheel, &p->timer);
}

static const struct flare_stream_handler peer_handler = {
    .on_data = peer_on_data,
    .on_closed = peer_on_closed,
};

static void on_accept(flare_stream *s, void *ctx)
{
    struct peer *p = &run.peers[run.peer_count++];

    (void)ctx;
    MUST(run.peer_count <= PEERS);
    *p = (struct peer){.stream = s};
    flare_stream_handle(s, &peer_handler, p);
}

static void on_no_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
    MUST(!"data before on_open");
}

static const struct flare_stream_handler accept_handler = {
    .on_open = on_accept,
    .on_data = on_no_data,
};

/* ---- the calls ---- */

static struct flare__timer resume_timer;
static flare_call *paused;

static void on_resume(struct flare__timer *timer)
{
    flare_call *call = paused;

    (void)timer;
    paused = NULL;
    if (call != NULL)
        flare_call_resume(call);
}

static void add(struct flare_str data)
{
    run.first.len += data.len;
    for (size_t i = 0; i < data.len; i++)
        run.first.hash =
            (run.first.hash ^ (uint8_t)data.ptr[i]) * 1099511628211;
}

static void on_data(flare_call *call, struct flare_str data, void *ctx)
{
    MUST(data.len > 0);
    if (ctx != NULL)
        add(data);
    if (paused != NULL)
        return;
    flare_call_pause(call);
    paused = call;
    flare__wheel_start(&run.loop->wheel, &resume_timer, run.loop->now_ms + 2,
                       on_resume);
}

static void on_done(flare_call *call, int rc, flare_reply *reply,
                    const struct flare_error *err, void *ctx)
{
    run.ends++;
    if (paused == call)
        paused = NULL;
    MUST(rc == err->code && (rc < 0 || reply != NULL));
    if (rc == 0)
        MUST(flare_reply_body(reply).len <= BODY_MAX);
    if (ctx == NULL)
        return;
    run.first.rc = rc;
    run.first.status = reply != NULL ? flare_reply_status(reply) : 0;
    if (rc == 0 && (run.how & HOW_STREAM) == 0)
        add(flare_reply_body(reply));
}

static const struct flare_call_handler streams = {.on_data = on_data,
                                                  .on_done = on_done};
static const struct flare_call_handler collects = {.on_done = on_done};

static void ask(bool is_first)
{
    struct flare_ask a = {.url = FLARE_STR("http://192.0.2.1/a"),
                          .no_redirects = (run.how & HOW_FOLLOW) == 0};
    uint32_t before = run.ends;

    if (run.how & HOW_HEAD) {
        a.method = FLARE_METHOD_HEAD;
    } else if (run.how & HOW_POST) {
        a.method = FLARE_METHOD_POST;
        a.body = FLARE_STR("\r\n\r\n");
        a.expect_continue = (run.how & HOW_EXPECT) != 0;
    }
    MUST(flare_call_start(run.client, NULL, &a,
                          run.how & HOW_STREAM ? &streams : &collects,
                          is_first ? &run : NULL, NULL) == 0);
    while (run.ends == before) {
        MUST(flare__loop_turn(run.loop, UINT64_MAX) == 0);
        flare__pool_check(&run.client->pool);
    }
    MUST(run.ends == before + 1);
}

static struct outcome play(const uint8_t *data, size_t size, bool is_cut)
{
    static const struct flare__sim_config calm = {.is_calm = true};
    const struct flare_client_config config = {.body_bytes_max = BODY_MAX,
                                               .head_bytes_max = 2048,
                                               .first_byte_timeout_ms = 20000,
                                               .between_bytes_timeout_ms =
                                                   20000};
    struct flare__loop_config lc = {.al = &flare__allocator_default,
                                    .ops = &flare__backend_sim};
    struct flare__backend_config bc = {.al = &flare__allocator_default};
    const struct flare_tcp_options options = {.handler = &accept_handler};
    flare_listener *listener;

    memset(&run, 0, sizeof(run));
    run.how = data[0];
    run.is_cut = is_cut;
    run.answers = (struct flare_str){(const char *)data + 1, size - 1};
    run.first.hash = 14695981039346656037u;
    run.world = flare__sim_new(&calm);
    bc.sim = run.world;
    MUST(lc.ops->open(&lc.backend, &bc, NULL) == 0);
    MUST(flare__loop_open(&run.loop, &lc) == 0);
    MUST(flare_tcp_listen_fd(run.loop, &listener,
                             flare__sim_listen(run.world, PORT, 64), &options,
                             NULL) == 0);
    MUST(flare_client_new(&run.client, run.loop, &config, NULL) == 0);
    for (int i = 0; i < CALLS; i++)
        ask(i == 0);
    flare_client_free(run.client);
    flare__wheel_stop(&run.loop->wheel, &resume_timer);
    flare_loop_free(run.loop);
    MUST(flare__sim_fds(run.world) == 0);
    flare__sim_free(run.world);
    return run.first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole;
    struct outcome cut;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    whole = play(data, size, /* is_cut = */ false);
    cut = play(data, size, /* is_cut = */ true);
    if (data[0] & (HOW_FOLLOW | HOW_EXPECT)) /* its second may pass */
        return 0;
    if (whole.rc != cut.rc || whole.status != cut.status ||
        (whole.rc == 0 && (whole.len != cut.len || whole.hash != cut.hash))) {
        fprintf(stderr, "fuzz_client: whole %d %d %zu, cut %d %d %zu\n",
                whole.rc, whole.status, whole.len, cut.rc, cut.status, cut.len);
        abort();
    }
    return 0;
}
