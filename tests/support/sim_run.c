/* SPDX-License-Identifier: MIT */
/*
 * See sim_run.h.  The acts of a schedule:
 *
 *   1  faults strike; clients and attackers come; perhaps a drain begins
 *   2  faults stop: an honest newcomer gets all its answers within a bound,
 *      the attackers are thrown out by their deadlines, another is served
 *   3  nobody is left: no connection, no timer, no lease, memory at its floor
 *   4  drain, and everything goes back
 */
#include "tests/support/sim_run.h"

#include "tests/support/sim_memory.h"

#include <errno.h>
#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

enum {
    RUN_CLIENTS_MAX = 4,
    RUN_HOSTILES_MAX = 3,
    RUN_PEERS_MAX = 16,     /* at most that many are connected at once */
    RUN_STEPS_MAX = 400000, /* turns; past it somebody spins */
    RUN_ARENA_BYTES = 2200, /* of an exchange, as it is kept */
    RUN_PROMISE_BYTES = 128,
    RUN_NEWCOMER_S = 10 /* all its answers within that, in a calm world */
};

#define RUN_REPLAY                                                             \
    "FLARE_SIM_SEEDS=1 FLARE_SIM_TRACE=1 CK_FORK=no "                          \
    "tests/http/test_sim_server"

struct sim_run {
    struct flare__sim *world;
    struct sim_server server;
    struct sim_client clients[RUN_CLIENTS_MAX + 1]; /* the last: newcomer */
    struct sim_hostile hostiles[RUN_HOSTILES_MAX];
    uint32_t client_count, hostile_count;
    uint32_t next_conn; /* the number of the next peer */
    struct sim_memory memory;
    uint64_t seed;
    FILE *trace;
    uint32_t call_rate; /* of calls that fail, per 1000 */
    uint64_t failed_calls;
    uint64_t steps;
    uint64_t drain_ns; /* when it begins in act 1; UINT64_MAX: not */
    size_t floor_bytes;
};

struct sim_run *sim_run_new(void)
{
    struct sim_run *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
#ifdef __GLIBC__
    /* Memory is not handed back to the kernel between two runs. */
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
#endif
    r->world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    if (r->world == NULL)
        abort();
    return r;
}

void sim_run_free(struct sim_run *r)
{
    flare__sim_free(r->world);
    free(r);
}

void sim_run_trace(struct sim_run *r, FILE *out)
{
    r->trace = out;
}

/* A backend call now and then fails for want of memory. */
static int run_call_site(void *ctx, const char *name)
{
    struct sim_run *r = ctx;

    (void)name;
    if (r->call_rate == 0 ||
        flare__sim_below(r->world, 1000) < 1000 - r->call_rate)
        return 0;
    r->failed_calls++;
    return -ENOMEM;
}

/* ---- setting up ---- */

/* Times so long that nobody honest can miss them, or short ones. */
static void run_draw_config(struct sim_run *r, struct flare_server_config *c)
{
    struct flare__sim *w = r->world;
    bool is_patient = flare__sim_below(w, 2) == 0;
    uint32_t ms =
        is_patient ? 24 * 3600 * 1000 : 500 + flare__sim_below(w, 5000);

    *c = (struct flare_server_config){
        .server_name = "sim",
        .fields_bytes_max = 1024 << flare__sim_below(w, 3),
        .body_bytes_max = 32768,
        .output_bytes_max = 1024u << flare__sim_below(w, 8),
        .head_timeout_ms = ms,
        .body_gap_ms = ms,
        .body_grace_ms = ms,
        .body_rate_min = is_patient ? FLARE_UNLIMITED : 100,
        .idle_timeout_ms = ms,
        .send_timeout_ms = ms,
        .linger_timeout_ms = is_patient ? 60 * 1000 : 500,
        .answer_timeout_ms = ms,
        .drain_timeout_ms = is_patient ? 24 * 3600 * 1000 : 20 * 1000,
        .connections_max = 64,
    };
    if (flare__sim_below(w, 8) == 1)
        c->requests_per_connection_max = 1 + flare__sim_below(w, 4);
    if (flare__sim_below(w, 6) == 1)
        c->connections_max = 4;
}

static void run_open(struct sim_run *r)
{
    struct flare__sim *w = r->world;
    struct sim_server_setup setup = {.world = w, .al = &r->memory.al};
    int rc;

    run_draw_config(r, &setup.config);
    setup.workers = 1 + flare__sim_below(w, SIM_WORKERS_MAX);
    setup.lease_bytes = 256u << flare__sim_below(w, 5);
    setup.lease_count = 1u << flare__sim_below(w, 6);
    rc = sim_server_open(&r->server, &setup);
    if (rc < 0)
        flare__sim_fail(w, "open: %d", rc);
    r->call_rate =
        flare__sim_below(w, 8) == 1 ? 1 + flare__sim_below(w, 100) : 0;
}

static uint64_t run_soon(struct sim_run *r)
{
    return flare__sim_now(r->world) +
           flare__sim_below(r->world, 200) * UINT64_C(1000000);
}

static void run_people(struct sim_run *r)
{
    struct flare__sim *w = r->world;
    r->next_conn = 0;
    r->client_count = 1 + flare__sim_below(w, RUN_CLIENTS_MAX);
    r->hostile_count = flare__sim_below(w, RUN_HOSTILES_MAX + 1);
    for (uint32_t i = 0; i < r->client_count; i++) {
        sim_client_draw(&r->clients[i], &r->server, r->next_conn++, 0);
        sim_client_start(&r->clients[i], run_soon(r));
    }
    for (uint32_t i = 0; i < r->hostile_count; i++) {
        uint32_t kind = flare__sim_below(w, SIM_HOSTILE_KINDS);
        uint32_t row = flare__sim_below(w, sim_smuggler_rows());

        sim_hostile_start(&r->hostiles[i], &r->server, r->next_conn++,
                          (enum sim_hostile_kind)kind, row, run_soon(r));
    }
    r->drain_ns = UINT64_MAX;
    if (flare__sim_below(w, 6) == 1)
        r->drain_ns = run_soon(r);
}

/* Whether connections may be turned away because the server is full. */
static bool run_is_narrow(const struct sim_run *r)
{
    return r->server.config.connections_max < RUN_PEERS_MAX;
}

/* No connection on which nothing good happens lives longer. */
static uint64_t run_patience(const struct sim_run *r)
{
    const struct flare_server_config *c = &r->server.config;
    uint64_t ms =
        2 * ((uint64_t)c->head_timeout_ms + c->body_gap_ms + c->body_grace_ms +
             c->send_timeout_ms + c->linger_timeout_ms + c->answer_timeout_ms);

    return ms * 1000000 + 100 * SIM_S;
}

/* ---- turning ---- */

/* One turn; whether something was left to do before the limit. */
static bool run_step(struct sim_run *r, uint64_t limit_ns)
{
    if (++r->steps > RUN_STEPS_MAX)
        flare__sim_fail(r->world, "%u turns: somebody spins", RUN_STEPS_MAX);
    return sim_server_step(&r->server, limit_ns) != FLARE__SIM_OVER;
}

static bool clients_are_done(const struct sim_run *r)
{
    for (uint32_t i = 0; i < r->client_count; i++)
        if (r->clients[i].result == SIM_CLIENT_RUNS)
            return false;
    return true;
}

/* Act 1.  Faults may slow everything down, but nothing for ever. */
static void run_faults(struct sim_run *r)
{
    struct flare__sim *w = r->world;
    uint64_t end_ns = flare__sim_now(w) + 30 * 24 * 3600 * SIM_S;

    while (!clients_are_done(r)) {
        uint64_t limit_ns = r->drain_ns < end_ns && !r->server.is_draining
                                ? r->drain_ns
                                : end_ns;

        bool goes_on = run_step(r, limit_ns);

        if (flare__sim_now(w) >= r->drain_ns)
            sim_server_drain(&r->server);
        if (!goes_on && limit_ns == end_ns)
            flare__sim_fail(w, "an honest client waits for ever");
        if (flare__sim_below(w, 64) == 1)
            sim_server_post(&r->server,
                            flare__sim_below(w, r->server.worker_count));
    }
}

/*
 * Whether the server may have lost patience with it: past a deadline, or past
 * the lingering after a last answer, which a slow network has not delivered.
 * Never where it has all the time in the world.
 */
static bool client_was_slow(const struct sim_run *r, const struct sim_client *c)
{
    const struct flare_server_config *n = &r->server.config;
    /* one more: the loop's clock has dropped a fraction of one */
    uint64_t ms = (c->done_ns - c->started_ns) / 1000000 + 1;
    bool may_linger = r->server.is_draining || sim_client_may_end(c) ||
                      n->requests_per_connection_max != FLARE_UNLIMITED;

    if (n->body_rate_min == FLARE_UNLIMITED)
        return false;
    if (may_linger && ms >= n->linger_timeout_ms)
        return true;
    return sim_server_counters(&r->server).timeouts > 0 &&
           ms >= n->head_timeout_ms;
}

static enum sim_excuse client_excuse(const struct sim_run *r,
                                     const struct sim_client *c)
{
    bool is_handled = c->answered < SIM_REQUESTS_MAX &&
                      r->server.calls[c->conn][c->answered] != 0;

    if (c->peer.is_excused)
        return SIM_EXCUSE_WORLD;
    if (c->saw_last)
        return SIM_EXCUSE_LAST; /* the client has checked why */
    if (sim_client_may_be_cut(c))
        return SIM_EXCUSE_BROKEN;
    if (r->server.is_draining && !is_handled)
        return SIM_EXCUSE_DRAIN;
    if (r->failed_calls > 0)
        return SIM_EXCUSE_CALLS;
    if (run_is_narrow(r) && sim_server_counters(&r->server).shed > 0)
        return SIM_EXCUSE_FULL;
    return client_was_slow(r, c) ? SIM_EXCUSE_SLOW : SIM_NO_EXCUSE;
}

static void run_check_clients(struct sim_run *r, struct sim_run_sums *sums)
{
    for (uint32_t i = 0; i < r->client_count; i++) {
        const struct sim_client *c = &r->clients[i];

        sums->answers += c->answered;
        for (uint32_t k = 0; k < c->answered; k++)
            sums->requests[c->requests[k].kind]++;
        sums->clients_done += c->result == SIM_CLIENT_DONE;
        sums->clients_cut += c->result == SIM_CLIENT_CUT;
        sums->clients_refused += c->result == SIM_CLIENT_REFUSED;
        if (c->result == SIM_CLIENT_DONE)
            continue;
        sums->excuses[client_excuse(r, c)]++;
        if (client_excuse(r, c) == SIM_NO_EXCUSE)
            flare__sim_fail(r->world,
                            "client %u was cut after %u of %u answers", c->conn,
                            c->answered, c->count);
    }
}

/*
 * Whoever comes in a calm world is served; only a worker that is full may
 * still turn away what its accept had under way.
 */
static void run_newcomer(struct sim_run *r, struct sim_run_sums *sums)
{
    struct flare__sim *w = r->world;
    struct sim_client *c = &r->clients[RUN_CLIENTS_MAX];
    uint64_t shed = sim_server_counters(&r->server).shed;
    uint64_t end_ns = flare__sim_now(w) + RUN_NEWCOMER_S * SIM_S;

    sim_client_draw(c, &r->server, r->next_conn++, 3);
    if (sim_client_is_ending(
            (enum sim_request_kind)c->requests[c->count - 1].kind))
        c->requests[c->count - 1] = (struct sim_request){
            .kind = SIM_GET_LATER, .is_last = c->end == SIM_CLIENT_SAYS_CLOSE};
    c->is_slow = false;
    sim_client_start(c, flare__sim_now(w));
    /* A full server lets it wait until one of the attackers is gone. */
    if (run_is_narrow(r))
        end_ns += 2 * run_patience(r);
    while (c->result == SIM_CLIENT_RUNS)
        if (!run_step(r, end_ns))
            flare__sim_fail(w, "a newcomer is not served in a calm world");
    sums->answers += c->answered;
    if (c->lost_patience && !run_is_narrow(r))
        flare__sim_fail(w, "no 100 came in a calm world");
    if (c->result == SIM_CLIENT_DONE || c->saw_last)
        return;
    if (run_is_narrow(r) && sim_server_counters(&r->server).shed > shed)
        return;
    flare__sim_fail(w, "a newcomer was cut after %u of %u answers", c->answered,
                    c->count);
}

/*
 * Deadlines are not early, but for the fraction of a millisecond that the
 * loop's clock has dropped: whoever only waits is left to wait.
 */
static void run_check_idler(const struct sim_run *r,
                            const struct sim_hostile *h)
{
    uint64_t due_ns =
        h->connected_ns + r->server.config.head_timeout_ms * UINT64_C(1000000);

    if (h->kind != SIM_IDLER || h->gone_ns == 0 || h->peer.is_excused ||
        r->server.is_draining || r->failed_calls > 0 || run_is_narrow(r))
        return;
    if (h->gone_ns + 1000000 <= due_ns)
        flare__sim_fail(r->world, "an idle connection ends too early");
}

static void run_attackers(struct sim_run *r, struct sim_run_sums *sums)
{
    struct flare__sim *w = r->world;
    uint64_t end_ns = flare__sim_now(w) + run_patience(r);

    while (sim_server_conns(&r->server) > 0)
        if (!run_step(r, end_ns))
            flare__sim_fail(w, "an attacker outlives its deadline");
    for (uint32_t i = 0; i < r->hostile_count; i++) {
        sim_hostile_stop(&r->hostiles[i]);
        sim_hostile_check(&r->hostiles[i]);
        run_check_idler(r, &r->hostiles[i]);
        sums->hostile[r->hostiles[i].kind]++;
    }
}

/* The newcomer's connection may still linger. */
static void run_drop_all(struct sim_run *r)
{
    uint64_t end_ns = flare__sim_now(r->world) + run_patience(r);

    while (sim_server_conns(&r->server) > 0)
        if (!run_step(r, end_ns))
            flare__sim_fail(r->world, "a connection outlives its peer");
}

/* What the exchanges of a worker may keep. */
static size_t run_exchanges(const struct sim_run *r, const struct sim_worker *w)
{
    const struct flare__head_limits *limits = &r->server.options.head;
    size_t one = sizeof(struct flare__exchange) +
                 limits->fields_max * sizeof(struct flare__field) +
                 limits->target_bytes_max + FLARE__HTTP_EXTRA_MAX +
                 RUN_ARENA_BYTES;

    if (w->http.dead != NULL)
        flare__sim_fail(r->world, "a dead exchange is not given back");
    return one * (w->http.spare_count + 1) +
           (size_t)(r->server.promises + r->server.promises_due) *
               RUN_PROMISE_BYTES;
}

/* Act 3.  What the slab and the pool keep for reuse is not counted. */
static void run_check_floor(struct sim_run *r)
{
    size_t kept = 0;

    for (uint32_t i = 0; i < r->server.worker_count; i++) {
        const struct sim_worker *w = &r->server.workers[i];

        kept += run_exchanges(r, w);
        kept += (size_t)w->http.pool.free_count * FLARE__OUT_CHUNK_BYTES;
        kept += (size_t)w->http.conns.ready * w->http.conns.stride + 64 * 32;
        if (flare__sim_leases(w->loop->backend) != 0)
            flare__sim_fail(r->world, "a lease is held by nobody");
    }
    if (r->memory.live_bytes > r->floor_bytes + kept)
        flare__sim_fail(r->world, "%zu bytes in use, %zu at start, %zu kept",
                        r->memory.live_bytes, r->floor_bytes, kept);
}

/* Act 4 begins with one idle connection: the drain closes it at once. */
static void run_sitter(struct sim_run *r)
{
    struct sim_client *c = &r->clients[RUN_CLIENTS_MAX];
    uint64_t end_ns = flare__sim_now(r->world) + RUN_NEWCOMER_S * SIM_S;

    sim_client_init(c, &r->server, r->next_conn++);
    sim_client_add(c, SIM_GET_SMALL, 0);
    c->end = SIM_CLIENT_STAYS;
    sim_client_start(c, flare__sim_now(r->world));
    while (c->answered == 0)
        if (!run_step(r, end_ns))
            flare__sim_fail(r->world, "nobody serves the last client");
    sim_server_drain(&r->server);
    while (c->result == SIM_CLIENT_RUNS)
        if (!run_step(r, end_ns))
            flare__sim_fail(r->world, "the drain leaves an idle connection");
}

uint64_t sim_run_once(struct sim_run *r, uint64_t seed, const uint8_t *tape,
                      size_t tape_len, struct sim_run_sums *sums)
{
    const struct flare__sim_config config = {.seed = seed,
                                             .tape = tape,
                                             .tape_len = tape_len,
                                             .is_stepped = true,
                                             .fault_site = run_call_site,
                                             .fault_ctx = r,
                                             .replay = RUN_REPLAY,
                                             .trace = r->trace};

    r->seed = seed;
    r->call_rate = 0;
    r->failed_calls = r->steps = 0;
    flare__sim_reset(r->world, &config);
    sim_memory_init(&r->memory);
    run_open(r);
    r->floor_bytes = r->memory.live_bytes;
    run_people(r);
    run_faults(r);
    flare__sim_calm(r->world);
    r->call_rate = 0;
    run_check_clients(r, sums);
    if (r->server.is_draining)
        sums->drains_in_flight++;
    else
        run_newcomer(r, sums);
    run_attackers(r, sums);
    if (!r->server.is_draining)
        run_newcomer(r, sums);
    run_drop_all(r);
    run_check_floor(r);
    if (!r->server.is_draining && !run_is_narrow(r))
        run_sitter(r);
    sim_server_close(&r->server);
    if (r->memory.live_blocks != 0)
        flare__sim_fail(r->world, "%zu blocks, %zu bytes are left",
                        r->memory.live_blocks, r->memory.live_bytes);
    flare__sim_count(r->world, &sums->world);
    sums->failed_calls += r->failed_calls;
    sums->runs++;
    return flare__sim_hash(r->world);
}
