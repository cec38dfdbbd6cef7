/* SPDX-License-Identifier: MIT */
/*
 * Torture: in each scenario every allocation and every backend call fails, in
 * turn, once and from then on.  The peer gets its answer, a 503 or the end of
 * its connection; nothing is left behind; and a clean request on the same
 * server is then served.
 */
#include "net/steer.h"
#include "net/watchdog.h"
#include "tests/support/alloc_sites.h"
#include "tests/support/fault.h"
#include "tests/support/sim_client.h"
#include "tests/support/sim_hostile.h"

#include "tests/support/test.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PATIENCE_S = 120, /* virtual; every deadline of the server is shorter */
    RECOVERY_S = 10
};

static struct {
    struct flare__sim *world;
    struct sim_server server;
    struct sim_client clients[3];
    struct sim_hostile hostile;
} t;

/* ---- the sites ---- */

static struct {
    const char *name;
    int error;
    uint64_t seen, failed;
    const char *excuse; /* why no scenario reaches it */
} calls[] = {
    {"open", -EMFILE, 0, 0, NULL},
    {"attach", -ENOMEM, 0, 0, NULL},
    {"accept_start", -ENOMEM, 0, 0, NULL},
    {"recv_start", -ENOBUFS, 0, 0, NULL},
    {"send", -ENOBUFS, 0, 0, NULL},
    {"sendfile", -ENOBUFS, 0, 0, NULL},
    {"connect", -ENOBUFS, 0, 0, "a server connects to nobody"},
    {"poll_fd", -ENOMEM, 0, 0, "signals are not simulated"},
};

static int call_site(void *ctx, const char *name)
{
    struct fault *f = ctx;

    for (int i = 0; i < ROWS(calls); i++) {
        if (strcmp(calls[i].name, name) != 0)
            continue;
        calls[i].seen++;
        if (!fault_site(f))
            return 0;
        calls[i].failed++;
        return calls[i].error;
    }
    ck_abort_msg("%s is a site that this test does not know", name);
    return 0;
}

/* ---- the frame of a scenario ---- */

static int server_start(struct fault *f, uint32_t workers)
{
    const struct flare__sim_config world = {
        .is_calm = true,
        .is_stepped = true,
        .fault_site = call_site,
        .fault_ctx = f,
    };
    const struct sim_server_setup setup = {
        .world = t.world,
        .al = &f->al,
        .workers = workers,
        .has_no_memory = f->mode != FAULT_NEVER,
        .lease_bytes = 512,
        .lease_count = 4,
        .config = {.server_name = "sim",
                   .body_bytes_max = 65536,
                   .head_timeout_ms = 2000,
                   .idle_timeout_ms = 5000,
                   .send_timeout_ms = 3000,
                   .body_gap_ms = 3000,
                   .answer_timeout_ms = 4000,
                   .output_bytes_max = 4096,
                   .connections_max = 64},
    };

    flare__sim_reset(t.world, &world);
    return sim_server_open(&t.server, &setup);
}

static struct sim_client *client(uint32_t which)
{
    struct sim_client *c = &t.clients[which];

    sim_client_init(c, &t.server, which);
    return c;
}

static void client_go(struct sim_client *c)
{
    sim_client_start(c, flare__sim_now(t.world));
}

static uint64_t in_seconds(uint32_t s)
{
    return flare__sim_now(t.world) + s * SIM_S;
}

/* What became of it; only a fault that lasts may keep it waiting. */
static int client_wait(struct fault *f, struct sim_client *c)
{
    uint64_t end_ns = in_seconds(PATIENCE_S);

    while (c->result == SIM_CLIENT_RUNS)
        if (sim_server_step(&t.server, end_ns) == FLARE__SIM_OVER)
            break;
    if (c->result == SIM_CLIENT_RUNS) {
        ck_assert_msg(f->mode == FAULT_FROM, "one failure, and a client hangs");
        sim_client_stop(c);
        return -ETIMEDOUT;
    }
    if (c->result == SIM_CLIENT_DONE)
        return 0;
    ck_assert_msg(f->failed > 0, "cut without a failure");
    return c->last_status == 503 ? FLARE_E_OVERLOADED : -ECONNRESET;
}

/* Nothing fails any more: the same server serves; then it goes. */
static int server_finish(struct fault *f, int rc)
{
    struct sim_client *c;
    uint64_t end_ns;

    fault_disarm(f);
    end_ns = in_seconds(RECOVERY_S);
    sim_client_init(&t.clients[0], &t.server, SIM_CONNS_MAX - 1);
    c = &t.clients[0];
    sim_client_add(c, SIM_GET_SMALL, 0);
    sim_client_add(c, SIM_POST_ECHO, 3000);
    client_go(c);
    while (c->result == SIM_CLIENT_RUNS)
        if (sim_server_step(&t.server, end_ns) == FLARE__SIM_OVER)
            ck_abort_msg("the server does not recover");
    ck_assert_int_eq(c->result, SIM_CLIENT_DONE);
    sim_server_close(&t.server);
    return rc;
}

/* ---- scenarios ---- */

static int start_and_stop(struct fault *f, void *ctx)
{
    int rc = server_start(f, 3);

    (void)ctx;
    return rc < 0 ? rc : server_finish(f, 0);
}

/* One client with these requests. */
struct plan {
    struct sim_request requests[SIM_REQUESTS_MAX];
    uint32_t count;
    bool is_pipelining, is_slow;
    uint8_t end;
};

static int one_client(struct fault *f, void *ctx)
{
    const struct plan *plan = ctx;
    int rc = server_start(f, 1);
    struct sim_client *c;

    if (rc < 0)
        return rc;
    c = client(1);
    memcpy(c->requests, plan->requests, sizeof(plan->requests));
    c->count = plan->count;
    c->is_pipelining = plan->is_pipelining;
    c->is_slow = plan->is_slow;
    c->end = plan->end;
    client_go(c);
    return server_finish(f, client_wait(f, c));
}

static struct plan plan_get = {{{.kind = SIM_GET_SMALL}}, 1, 0, 0, 0};
static struct plan plan_pipelined = {{{.kind = SIM_GET_SMALL},
                                      {.kind = SIM_POST_HASH, .body_len = 900},
                                      {.kind = SIM_GET_BIG},
                                      {.kind = SIM_GET_TWICE},
                                      {.kind = SIM_GET_NONE},
                                      {.kind = SIM_GET_SMALL}},
                                     6,
                                     true,
                                     0,
                                     SIM_CLIENT_HALF_CLOSES};
static struct plan plan_post = {
    {{.kind = SIM_POST_ECHO, .body_len = 20000}}, 1, 0, 0, 0};
static struct plan plan_chunked = {
    {{.kind = SIM_POST_ECHO, .body_len = 9000, .is_chunked = true}},
    1,
    0,
    0,
    SIM_CLIENT_HALF_CLOSES};
static struct plan plan_expect = {
    {{.kind = SIM_POST_HASH, .body_len = 5000, .is_expecting = true}},
    1,
    0,
    0,
    0};
static struct plan plan_big = {
    {{.kind = SIM_GET_BIG}, {.kind = SIM_HEAD_BIG}, {.kind = SIM_GET_BIG}},
    3,
    true,
    true,
    0};
static struct plan plan_library = {{{.kind = SIM_GET_ERROR},
                                    {.kind = SIM_GET_FORGET},
                                    {.kind = SIM_GET_USER},
                                    {.kind = SIM_GET_LONG},
                                    {.kind = SIM_GET_MISSING},
                                    {.kind = SIM_DELETE_SMALL},
                                    {.kind = SIM_OPTIONS_ALL},
                                    {.kind = SIM_HEAD_SMALL, .is_last = true}},
                                   7,
                                   0,
                                   0,
                                   SIM_CLIENT_SAYS_CLOSE};

/* ---- answers that come later, or in pieces ---- */

static struct plan plan_late = {{{.kind = SIM_GET_LATER},
                                 {.kind = SIM_GET_TIMER},
                                 {.kind = SIM_GET_AGAIN},
                                 {.kind = SIM_GET_SMALL},
                                 {.kind = SIM_GET_DROPPED}},
                                5,
                                true,
                                0,
                                0};
static struct plan plan_never = {
    {{.kind = SIM_GET_LATER}, {.kind = SIM_GET_NEVER}}, 2, true, 0, 0};
static struct plan plan_streams = {{{.kind = SIM_GET_WRITES},
                                    {.kind = SIM_GET_WRITES},
                                    {.kind = SIM_GET_PULL},
                                    {.kind = SIM_GET_PULL_LATER},
                                    {.kind = SIM_HEAD_WRITES},
                                    {.kind = SIM_GET_OLD}},
                                   6,
                                   0,
                                   true,
                                   0};
static struct plan plan_files = {{{.kind = SIM_GET_FILE},
                                  {.kind = SIM_GET_FILE},
                                  {.kind = SIM_HEAD_FILE},
                                  {.kind = SIM_GET_SMALL}},
                                 4,
                                 true,
                                 true,
                                 SIM_CLIENT_HALF_CLOSES};
static struct plan plan_reading = {
    {{.kind = SIM_POST_TAKE, .body_len = 9000},
     {.kind = SIM_POST_FLOW, .body_len = 9000, .is_chunked = true},
     {.kind = SIM_POST_WHOLE, .body_len = 9000},
     {.kind = SIM_POST_TAKE, .body_len = 2000, .is_expecting = true},
     {.kind = SIM_POST_TAKE, .body_len = 0},
     {.kind = SIM_POST_GIVING_UP, .body_len = 9000}},
    6,
    0,
    0,
    0};
static struct plan plan_early = {
    {{.kind = SIM_POST_EARLY, .body_len = 9000},
     {.kind = SIM_POST_EARLY, .body_len = 9000, .is_chunked = true},
     {.kind = SIM_POST_EARLY, .body_len = 9000},
     {.kind = SIM_GET_SMALL}},
    4,
    true,
    0,
    0};

/* An attacker; the server gets rid of it. */
static int one_attacker(struct fault *f, void *ctx)
{
    const enum sim_hostile_kind *kind = ctx;
    int rc = server_start(f, 1);
    uint64_t end_ns;

    if (rc < 0)
        return rc;
    sim_hostile_start(&t.hostile, &t.server, 1, *kind, 0,
                      flare__sim_now(t.world));
    end_ns = in_seconds(PATIENCE_S);
    while (sim_server_step(&t.server, end_ns) != FLARE__SIM_OVER)
        if (t.hostile.is_connected && sim_server_conns(&t.server) == 0 &&
            sim_server_counters(&t.server).accepted > 0)
            break;
    ck_assert_uint_eq(sim_server_conns(&t.server), 0);
    sim_hostile_stop(&t.hostile);
    sim_hostile_check(&t.hostile);
    return server_finish(f, 0);
}

static enum sim_hostile_kind bad_request = SIM_SMUGGLER;
static enum sim_hostile_kind slowloris = SIM_SLOW_HEAD;
static enum sim_hostile_kind never_reads = SIM_NEVER_READS;
static enum sim_hostile_kind flooder = SIM_FLOODER;
static enum sim_hostile_kind half_asker = SIM_HALF_ASKER;
static enum sim_hostile_kind deaf = SIM_DEAF;
static enum sim_hostile_kind staller = SIM_STALLER;
static enum sim_hostile_kind deserter = SIM_DESERTER;

/* What a handler has seen is answered; the rest the drain may cut. */
static int drained_wait(struct fault *f, struct sim_client *c)
{
    uint64_t end_ns = in_seconds(PATIENCE_S);

    while (c->result == SIM_CLIENT_RUNS)
        if (sim_server_step(&t.server, end_ns) == FLARE__SIM_OVER)
            ck_abort_msg("a drain leaves a client alone");
    if (f->failed > 0 && c->result != SIM_CLIENT_DONE)
        return -ECONNRESET;
    for (uint32_t i = 0; i < c->count; i++)
        ck_assert_int_eq(t.server.calls[c->conn][i], i < c->answered);
    return 0;
}

/* Clients at work, a drain, and all that was begun is finished. */
static int drain_under_load(struct fault *f, void *ctx)
{
    int rc = server_start(f, 2);

    (void)ctx;
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < 3; i++) {
        struct sim_client *c = client(i);

        sim_client_add(c, SIM_GET_BIG, 0);
        sim_client_add(c, SIM_POST_HASH, 4000);
        c->end = SIM_CLIENT_HALF_CLOSES;
        c->is_slow = true;
        client_go(c);
    }
    for (int i = 0; i < 20; i++)
        (void)sim_server_step(&t.server, in_seconds(1));
    sim_server_drain(&t.server);
    for (uint32_t i = 0; i < 3; i++) {
        int ended = drained_wait(f, &t.clients[i]);

        rc = ended < 0 ? ended : rc;
    }
    fault_disarm(f);
    sim_server_close(&t.server);
    return rc;
}

static int mailbox_posts(struct fault *f, void *ctx)
{
    int rc = server_start(f, 2);

    (void)ctx;
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < 40; i++) { /* more than a mailbox holds */
        sim_server_post(&t.server, i % 2);
        if (i % 5 == 0)
            (void)sim_server_step(&t.server, in_seconds(1));
    }
    return server_finish(f, 0);
}

static int no_descriptors(struct fault *f, void *ctx)
{
    int rc = server_start(f, 1);
    struct sim_client *c;

    (void)ctx;
    if (rc < 0)
        return rc;
    flare__sim_fds_limit(t.world, 1); /* the listener */
    c = client(1);
    sim_client_add(c, SIM_GET_SMALL, 0);
    client_go(c);
    for (int i = 0; i < 50; i++)
        (void)sim_server_step(&t.server, in_seconds(1));
    ck_assert_uint_eq(sim_server_conns(&t.server), 0);
    flare__sim_fds_limit(t.world, 0);
    return server_finish(f, client_wait(f, c));
}

static int on_nothing(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return 0;
}

static int router_build(struct fault *f, void *ctx)
{
    static const struct flare_route fine[] = {
        FLARE_GET("/", on_nothing),
        FLARE_GET("/users/:id", on_nothing),
        FLARE_POST("/users/:id/posts/:post", on_nothing),
        FLARE_ANY("/static/*rest", on_nothing),
        FLARE_GET("/users/me", on_nothing),
    };
    static const struct flare_route clash[] = {
        FLARE_GET("/a/:b", on_nothing),
        FLARE_GET("/a/:c", on_nothing),
    };
    struct flare__router *r = NULL;
    struct flare_error err;
    int rc = flare__router_new(&r, &f->al, FLARE_ROUTES(clash), &err);

    (void)ctx;
    ck_assert(rc == FLARE_E_ROUTE_CONFLICT || rc == -ENOMEM);
    rc = flare__router_new(&r, &f->al, FLARE_ROUTES(fine), &err);
    if (rc < 0)
        return rc;
    flare__router_free(r);
    return 0;
}

static int watchdog(struct fault *f, void *ctx)
{
    const struct flare__watchdog_config config = {
        .al = &f->al, .count = 2, .stall_ms = 1000};
    struct flare__watchdog *dog = NULL;
    int rc = flare__watchdog_open(&dog, &config);

    (void)ctx;
    if (rc >= 0)
        flare__watchdog_close(dog);
    return rc;
}

static int steering(struct fault *f, void *ctx)
{
    static const bool is_up[] = {true, false};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    int rc;

    (void)ctx;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)),
                     0);
    rc = flare__steer(fd, is_up, ROWS(is_up), &f->al);
    ck_assert_int_eq(close(fd), 0);
    /* an emulator has none; what was allocated until then is given back */
    return rc == -ENOPROTOOPT ? 0 : rc;
}

/* The public server over the kernel: all workers start, or none runs. */
static void stop_it(const char *address, void *ctx)
{
    (void)address;
    flare_server_stop(*(flare_server **)ctx);
}

static int public_server(struct fault *f, void *ctx)
{
    static const struct flare_route routes[] = {FLARE_GET("/", on_nothing)};
    static flare_server *server;
    struct flare_error err = {0};
    const struct flare_server_config config = {
        .listen = "127.0.0.1:0",
        .routes = FLARE_ROUTES(routes),
        .workers = 2,
        .backend = ctx,
        .allocator = f->al,
        .on_listening = stop_it,
        .listening_ctx = &server,
    };
    int rc = flare_server_open(&server, &config, &err);

    if (rc < 0)
        return rc;
    rc = flare_server_run(server, &err);
    ck_assert_msg(rc >= 0 || err.text[0] != '\0', "no sentence for %d", rc);
    flare_server_free(server);
    return rc;
}

static char epoll[] = "epoll";

static const struct {
    const char *name;
    fault_scenario_fn fn;
    void *ctx;
} scenarios[] = {
    {"start and stop", start_and_stop, NULL},
    {"one GET", one_client, &plan_get},
    {"pipelined", one_client, &plan_pipelined},
    {"POST with a length", one_client, &plan_post},
    {"POST chunked", one_client, &plan_chunked},
    {"POST that asks first", one_client, &plan_expect},
    {"big answers, slow reader", one_client, &plan_big},
    {"the library's own answers", one_client, &plan_library},
    {"late answers", one_client, &plan_late},
    {"an answer that never comes", one_client, &plan_never},
    {"bodies in pieces", one_client, &plan_streams},
    {"files", one_client, &plan_files},
    {"bodies read in pieces", one_client, &plan_reading},
    {"answers before the body", one_client, &plan_early},
    {"reads no streams", one_attacker, &deaf},
    {"stalls a streamed body", one_attacker, &staller},
    {"resets late answers", one_attacker, &deserter},
    {"bad request", one_attacker, &bad_request},
    {"slowloris", one_attacker, &slowloris},
    {"never reads", one_attacker, &never_reads},
    {"flood after an error", one_attacker, &flooder},
    {"half a request", one_attacker, &half_asker},
    {"drain under load", drain_under_load, NULL},
    {"mailbox", mailbox_posts, NULL},
    {"out of descriptors", no_descriptors, NULL},
    {"router", router_build, NULL},
    {"watchdog", watchdog, NULL},
    {"steering", steering, NULL},
    {"public server", public_server, epoll},
};

START_TEST(test_torture)
{
    struct fault_report report;

    t.world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    ck_assert_ptr_nonnull(t.world);
    report =
        fault_each(scenarios[_i].name, scenarios[_i].fn, scenarios[_i].ctx);
    ck_assert_uint_gt(report.sites, 0);
    flare__sim_free(t.world);
}
END_TEST

static void check_calls(void)
{
    for (int i = 0; i < ROWS(calls); i++) {
        if (calls[i].excuse != NULL)
            printf("torture: %s is not reached: %s\n", calls[i].name,
                   calls[i].excuse);
        ck_assert_msg((calls[i].failed > 0) != (calls[i].excuse != NULL),
                      "%s failed %" PRIu64 " times", calls[i].name,
                      calls[i].failed);
    }
}

/* Runs all again in one process: only so can it know what none reaches. */
START_TEST(test_torture_reaches_every_site)
{
    const char *srcdir = getenv("srcdir");
    struct alloc_sites_report report;

    t.world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    ck_assert_ptr_nonnull(t.world);
    for (int i = 0; i < ROWS(scenarios); i++)
        (void)fault_each(scenarios[i].name, scenarios[i].fn, scenarios[i].ctx);
    flare__sim_free(t.world);
    check_calls();
    if (!alloc_sites_check(srcdir == NULL ? "." : srcdir, &report))
        TEST_SKIP("no sources, no addr2line or no debug information");
    printf("torture: %d of %d allocating places failed\n", report.failed,
           report.places);
    ck_assert_int_eq(report.failed, report.places);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torture");
    TCase *tc = tcase_create("scenarios");

    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_torture, 0, ROWS(scenarios));
    tcase_add_test(tc, test_torture_reaches_every_site);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
