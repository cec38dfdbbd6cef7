/* SPDX-License-Identifier: MIT */
/*
 * Torture: in each scenario every allocation and every call of the backend
 * fails, in turn, once and from then on.  The peer gets what it is owed or the
 * end of its connection; each connection that began is told its end once;
 * nothing is left; and the next peer of the same server is served.
 */
#include <flare/ws_client.h>

#include "base/assert.h"
#include "http/config.h"
#include "http/conn.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"

#include <errno.h>
#include <string.h>

enum {
    PORT = 80,
    PEERS = 3,
    WIRE_MAX = 250000,
    GOT_MAX = 1 << 18,
    PATIENCE_MS = 120000, /* virtual; every deadline here is shorter */
    SLICE_MS = 10
};

#define NEWS FLARE_STR("news")
#define NS_PER_MS UINT64_C(1000000)

struct peer {
    struct flare__sim_peer sim;
    const char *fields; /* of the handshake */
    const char *wire;   /* behind it */
    size_t len, sent;
    char got[GOT_MAX + 1];
    size_t got_len;
    bool is_asking, is_open, is_over, is_deaf;
};

static struct {
    struct flare__sim *world;
    flare_loop *loop;
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__http http;
    struct peer peers[PEERS];
    const struct flare_ws_handler *handler;
    flare_ws_hub *hub;
    int begun, told; /* connections */
    bool does_pause, does_give, does_leave;
} t;

/* ---- the application ---- */

static int on_request(flare_req *req, flare_res *res)
{
    bool is_open = false;
    int rc = flare_ws_accept(req, res, t.handler, &t, &is_open);

    t.begun += is_open;
    return rc;
}

static void app_on_open(flare_ws *ws, void *ctx)
{
    (void)ctx;
    if (t.hub != NULL && flare_ws_subscribe(ws, t.hub, NEWS) < 0)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_INTERNAL, FLARE_STR("no"));
    if (t.does_leave)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_NORMAL, FLARE_STR("bye"));
}

static void app_free(void *ctx, void *bytes)
{
    (void)ctx;
    free(bytes);
}

static int app_send(flare_ws *ws, enum flare_ws_kind kind,
                    struct flare_str bytes)
{
    char *copy;
    int rc;

    if (!t.does_give)
        return kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                     : flare_ws_send_binary(ws, bytes);
    copy = malloc(bytes.len + 1);
    ck_assert_ptr_nonnull(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    rc = flare_ws_send_give(ws, kind, (struct flare_str){copy, bytes.len},
                            app_free, NULL);
    if (rc < 0)
        free(copy);
    return rc;
}

static void app_on_message(flare_ws *ws, enum flare_ws_kind kind,
                           struct flare_str bytes, void *ctx)
{
    int rc = t.hub != NULL ? flare_ws_publish(t.hub, NEWS, kind, bytes)
                           : app_send(ws, kind, bytes);

    (void)ctx;
    ck_assert_msg(rc >= 0 || rc == -ENOMEM || rc == FLARE_E_GONE ||
                      rc == FLARE_E_OUTPUT_FULL,
                  "%s", flare_strerror(rc));
    if (rc == -ENOMEM)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_INTERNAL, FLARE_STR("memory"));
    if (t.does_pause) {
        flare_ws_pause(ws);
        flare_ws_resume(ws);
    }
    if (flare_ws_ping(ws, FLARE_STR("?")) == -ENOMEM)
        flare_ws_abort(ws);
}

static void app_on_fragment(flare_ws *ws, const struct flare_ws_fragment *f,
                            void *ctx)
{
    struct flare_ws_fragment back = *f;

    (void)ctx;
    back.kind = FLARE_WS_BINARY; /* it may be cut anywhere */
    if (flare_ws_send_fragment(ws, &back) < 0)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_INTERNAL, FLARE_STR("memory"));
}

static void app_on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                          void *ctx)
{
    (void)ws;
    (void)code;
    (void)reason;
    (void)ctx;
    t.told++;
}

/* ---- the peer ---- */

static void peer_send(struct peer *p)
{
    if (p->is_open)
        p->sent +=
            flare__sim_peer_send(&p->sim, p->wire + p->sent, p->len - p->sent);
}

static void peer_leave(struct peer *p, bool is_abort)
{
    if (!p->is_over)
        flare__sim_peer_close(&p->sim, is_abort);
    p->is_over = true;
}

static void peer_receive(struct peer *p)
{
    p->got_len += flare__sim_peer_recv(&p->sim, p->got + p->got_len,
                                       GOT_MAX - p->got_len);
    p->got[p->got_len] = '\0';
    if (p->is_open || strstr(p->got, "\r\n\r\n") == NULL)
        return;
    if (strncmp(p->got, "HTTP/1.1 101", 12) != 0) {
        peer_leave(p, /* is_abort = */ false);
        return;
    }
    p->is_open = true;
    peer_send(p);
}

static void peer_on_event(struct flare__sim_peer *sim,
                          enum flare__sim_peer_event what)
{
    struct peer *p = FLARE_CONTAINER_OF(sim, struct peer, sim);
    char head[1024];
    int len;

    switch (what) {
    case FLARE__SIM_PEER_CONNECTED:
        len =
            snprintf(head, sizeof(head), WS_GET WS_VERSION "%s\r\n", p->fields);
        (void)flare__sim_peer_send(sim, head, (size_t)len);
        break;
    case FLARE__SIM_PEER_DATA:
        if (!p->is_deaf || !p->is_open)
            peer_receive(p);
        break;
    case FLARE__SIM_PEER_SPACE:
        peer_send(p);
        break;
    case FLARE__SIM_PEER_FIN:
        peer_leave(p, /* is_abort = */ false);
        break;
    case FLARE__SIM_PEER_REFUSED:
    case FLARE__SIM_PEER_RST:
        p->is_over = true;
        break;
    case FLARE__SIM_PEER_TIMER:
        break;
    }
}

static struct peer *peer_start(int i, const char *fields, const char *wire,
                               size_t len)
{
    struct peer *p = &t.peers[i];

    memset(p, 0, offsetof(struct peer, got));
    p->sim.on_event = peer_on_event;
    p->fields = fields;
    p->wire = wire;
    p->len = len;
    p->got_len = 0;
    p->got[0] = '\0';
    p->is_open = p->is_over = p->is_deaf = false;
    p->is_asking = true;
    flare__sim_peer_open(&p->sim, t.world);
    flare__sim_peer_connect(&p->sim, PORT);
    return p;
}

/* ---- a client of ours, to the same server ---- */

static struct {
    int messages;
    int opened, closed, failed;
    bool is_asking;
} mine;

static void mine_on_open(flare_ws *ws, void *ctx)
{
    static char bytes[3000];

    (void)ctx;
    mine.opened++;
    if (flare_ws_send_text(ws, FLARE_STR("hello")) < 0 ||
        flare_ws_send_binary(ws, (struct flare_str){bytes, sizeof(bytes)}) <
            0 ||
        flare_ws_ping(ws, FLARE_STR("?")) < 0)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_INTERNAL, FLARE_STR("memory"));
}

static void mine_on_message(flare_ws *ws, enum flare_ws_kind kind,
                            struct flare_str bytes, void *ctx)
{
    (void)kind;
    (void)bytes;
    (void)ctx;
    if (++mine.messages == 2)
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_NORMAL, FLARE_STR("bye"));
}

static void mine_on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                           void *ctx)
{
    (void)ws;
    (void)code;
    (void)reason;
    (void)ctx;
    mine.closed++;
}

static void mine_on_failed(flare_ws *ws, int status,
                           const struct flare_error *err, void *ctx)
{
    (void)ws;
    (void)status;
    (void)ctx;
    ck_assert(err->code < 0 && err->text[0] != '\0');
    mine.failed++;
}

/* Whether it has heard its end, once. */
static bool mine_is_over(void)
{
    ck_assert_int_le(mine.closed, mine.opened);
    ck_assert_int_le(mine.opened + mine.failed, 1);
    return !mine.is_asking || mine.closed + mine.failed == 1;
}

static int mine_start(const struct flare_ws_handler *h)
{
    const struct flare_ws_client_config config = {.url = "ws://127.0.0.1:80/",
                                                  .on_failed = mine_on_failed};
    struct flare_error err = {0};
    int rc;

    memset(&mine, 0, sizeof(mine));
    rc = flare_ws_connect(t.loop, &config, h, NULL, NULL, &err);
    mine.is_asking = rc == 0;
    ck_assert(rc == 0 || rc == -ENOMEM);
    return rc;
}

/* ---- the world ---- */

static struct {
    const char *name;
    int error;
    uint64_t failed;
    bool is_clients;
} calls[] = {
    {"open", -EMFILE, 0, false},         {"attach", -ENOMEM, 0, false},
    {"accept_start", -ENOMEM, 0, false}, {"recv_start", -ENOBUFS, 0, false},
    {"send", -ENOBUFS, 0, false},        {"connect", -ENOBUFS, 0, true},
    {"socket", -EMFILE, 0, true},        {"option", -ENOBUFS, 0, true},
};

static int call_site(void *ctx, const char *name)
{
    for (int i = 0; i < ROWS(calls); i++) {
        if (strcmp(calls[i].name, name) != 0)
            continue;
        if (!fault_site(ctx))
            return 0;
        calls[i].failed++;
        return calls[i].error;
    }
    ck_abort_msg("%s is a site that this test does not know", name);
    return 0;
}

static int world_loop(struct fault *f)
{
    const struct flare__backend_config bc = {
        .al = &f->al, .sim = t.world, .lease_bytes = 512, .lease_count = 4};
    struct flare__loop_config lc = {.ops = &flare__backend_sim, .al = &f->al};
    int rc = lc.ops->open(&lc.backend, &bc, NULL);

    if (rc < 0)
        return rc;
    rc = flare__loop_open(&t.loop, &lc);
    if (rc < 0)
        lc.ops->free(lc.backend);
    return rc;
}

static void world_fini(void)
{
    flare__http_fini(&t.http);
    flare__loop_free(t.loop);
}

static int world_open(struct fault *f, const struct flare_ws_handler *h)
{
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = call_site, .fault_ctx = f};
    int fd, rc;

    flare__sim_reset(t.world, &config);
    t.handler = h;
    t.begun = t.told = 0;
    t.config = (struct flare_server_config){.listen = "127.0.0.1:80",
                                            .allocator = f->al,
                                            .connections_max = 64,
                                            .send_timeout_ms = 3000,
                                            .handler.fn = on_request};
    ck_assert_int_eq(flare__config_resolve(&t.config, 1024, NULL), 0);
    flare__config_options(&t.options, &t.config);
    rc = world_loop(f);
    if (rc < 0)
        return rc;
    rc = flare__http_init(&t.http, t.loop, &t.options);
    if (rc < 0) {
        flare__loop_free(t.loop);
        return rc;
    }
    fd = flare__sim_listen(t.world, PORT, 64);
    ck_assert_int_ge(fd, 0);
    rc = flare__http_listen(&t.http, fd, /* is_tls = */ false);
    if (rc < 0) {
        t.loop->ops->discard(t.loop->backend, fd);
        world_fini();
    }
    return rc;
}

static void world_run(uint64_t ms)
{
    uint64_t until_ns = t.loop->now_ns + ms * NS_PER_MS;

    do
        ck_assert_int_eq(flare__loop_turn(t.loop, until_ns), 0);
    while (t.loop->now_ns < until_ns);
}

static bool is_anybody_here(void)
{
    if (!mine_is_over())
        return true;
    for (int i = 0; i < PEERS; i++) {
        if (t.peers[i].is_asking && !t.peers[i].is_over)
            return true;
    }
    return false;
}

/* Only a fault that lasts may keep somebody waiting, and then nobody who is
 * connected. */
static void world_wait(const struct fault *f)
{
    for (int ms = 0; is_anybody_here() && ms < PATIENCE_MS; ms += SLICE_MS)
        world_run(SLICE_MS);
    if (!is_anybody_here())
        return;
    ck_assert_msg(f->mode == FAULT_FROM, "one failure, and a peer hangs");
    ck_assert_msg(mine_is_over(), "our client hangs: it has deadlines");
    ck_assert_int_eq(t.begun, t.told);
    for (int i = 0; i < PEERS; i++) {
        if (t.peers[i].is_asking)
            peer_leave(&t.peers[i], /* is_abort = */ true);
    }
}

static void world_close(void)
{
    flare__http_drain(&t.http);
    flare__http_abort(&t.http);
    while (!flare__http_is_idle(&t.http))
        world_run(1);
    ck_assert_uint_eq(t.http.counters.accepted, t.http.counters.closed);
    ck_assert_int_eq(t.begun, t.told);
    world_fini();
}

/* ---- the frame of a scenario ---- */

struct plan {
    const struct flare_ws_handler *handler;
    const char *fields;
    int peers;
    bool has_hub, does_pause, does_give, does_leave, is_deaf, does_drain;
    const struct flare_ws_handler *client; /* of ours */
};

static char wire[WIRE_MAX];

/* Fragments around a ping, large messages, a pong, a close. */
static size_t wire_make(int large)
{
    static char bytes[30000];
    size_t len = 0;

    memset(bytes, 'z', sizeof(bytes));
    len += ws_rig_put(wire + len, 0x01, "he", 2);
    len += ws_rig_put(wire + len, 0x89, "ping", 4);
    len += ws_rig_put(wire + len, 0x80, "llo", 3);
    len += ws_rig_put(wire + len, 0x82, bytes, 900);
    len += ws_rig_put(wire + len, 0x8a, "pong", 4);
    for (; large > 0; large--)
        len += ws_rig_put(wire + len, 0x82, bytes, sizeof(bytes));
    len += ws_rig_put(wire + len, 0x81, "", 0);
    return len + ws_rig_put(wire + len, 0x88, "\x03\xe8", 2);
}

/* The server works as if nothing had been. */
static void recover(const struct fault *f)
{
    size_t len = ws_rig_put(wire, 0x81, "again", 5);
    struct peer *p;

    len += ws_rig_put(wire + len, 0x88, "\x03\xe8", 2);
    p = peer_start(0, "", wire, len);
    world_wait(f);
    ck_assert(p->is_open);
    if (t.hub == NULL && !t.does_leave && t.handler->on_message != NULL)
        ck_assert_ptr_nonnull(memmem(p->got, p->got_len,
                                     "\x81\x05"
                                     "again",
                                     7));
    ck_assert_ptr_nonnull(memmem(p->got, p->got_len, "\x88", 1));
}

static int run(struct fault *f, const struct plan *plan)
{
    size_t len = wire_make(plan->is_deaf ? 8 : 1);
    int ends = 0;

    for (int i = 0; i < plan->peers; i++) {
        peer_start(i, plan->fields, wire, len);
        t.peers[i].is_deaf = plan->is_deaf;
    }
    if (plan->client != NULL && mine_start(plan->client) < 0)
        ends--;
    world_run(SLICE_MS);
    if (plan->does_drain)
        flare__http_drain(&t.http);
    world_wait(f);
    for (int i = 0; i < plan->peers; i++)
        ends += t.peers[i].is_open;
    ends -= mine.failed;
    fault_disarm(f);
    if (plan->client != NULL) {
        ck_assert_int_eq(mine_start(plan->client), 0);
        world_wait(f);
        ck_assert_int_eq(mine.messages, 2);
    }
    if (!plan->does_drain)
        recover(f);
    return ends == plan->peers || f->failed == 0 ? 0 : -ECONNRESET;
}

static int scenario(struct fault *f, void *ctx)
{
    const struct plan *plan = ctx;
    int rc = world_open(f, plan->handler);

    if (rc < 0)
        return rc;
    t.does_pause = plan->does_pause;
    t.does_give = plan->does_give;
    t.does_leave = plan->does_leave;
    t.hub = NULL;
    if (plan->has_hub)
        rc = flare_ws_hub_new(&t.hub, &f->al);
    if (rc >= 0)
        rc = run(f, plan);
    fault_disarm(f);
    world_close();
    ck_assert(mine_is_over());
    mine.is_asking = false;
    flare_ws_hub_free(t.hub);
    return rc;
}

/* ---- scenarios ---- */

static struct flare_ws_handler plain = {.on_open = app_on_open,
                                        .on_message = app_on_message,
                                        .on_closed = app_on_closed,
                                        .close_timeout_ms = 2000,
                                        .ping_interval_ms = 5000,
                                        .pong_timeout_ms = 5000};
static struct flare_ws_handler asks;
static struct flare_ws_handler asks_deflated;
static struct flare_ws_handler streams;
static struct flare_ws_handler deflates;
static struct flare_ws_handler fresh;
static struct flare_ws_handler narrow;

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"

static const struct {
    const char *name;
    struct plan plan;
} scenarios[] = {
    {"echo", {&plain, "", 1, .has_hub = false}},
    {"echo without a copy", {&plain, "", 1, .does_give = true}},
    {"pauses", {&plain, "", 1, .does_pause = true}},
    {"fragments", {&streams, "", 1, .has_hub = false}},
    {"deflated", {&deflates, DEFLATE, 1, .has_hub = false}},
    {"deflated, without takeover", {&fresh, DEFLATE, 1, .does_pause = true}},
    {"the server closes", {&plain, "", 2, .does_leave = true}},
    {"a drain", {&plain, "", 2, .does_drain = true}},
    {"never reads", {&narrow, "", 1, .is_deaf = true}},
    {"our client", {&plain, "", 0, .client = &asks}},
    {"our client, deflated", {&deflates, "", 0, .client = &asks_deflated}},
    {"a hub", {&plain, "", 2, .has_hub = true}},
    {"a hub of those who do not read",
     {&narrow, "", 3, .has_hub = true, .is_deaf = true}},
};

START_TEST(test_torture)
{
    struct fault_report report;

    t.world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    ck_assert_ptr_nonnull(t.world);
    report = fault_each(scenarios[_i].name, scenario,
                        (void *)(uintptr_t)&scenarios[_i].plan);
    ck_assert_uint_gt(report.sites, 10);
    flare__sim_free(t.world);
    for (int i = 0; i < ROWS(calls); i++)
        ck_assert_msg(
            (calls[i].failed > 0) ==
                (!calls[i].is_clients || scenarios[_i].plan.client != NULL),
            "%s failed %d times", calls[i].name, (int)calls[i].failed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/torture");
    TCase *tc = tcase_create("scenarios");

    asks = plain;
    asks.on_open = mine_on_open;
    asks.on_message = mine_on_message;
    asks.on_closed = mine_on_closed;
    asks_deflated = asks;
    asks_deflated.deflate.is_on = true;
    streams = plain;
    streams.on_message = NULL;
    streams.on_fragment = app_on_fragment;
    deflates = plain;
    deflates.deflate.is_on = true;
    fresh = deflates;
    fresh.deflate.no_takeover = true;
    narrow = plain;
    narrow.queue_max = 40000;
    narrow.queue_high = 20000;
    narrow.closes_slow = true;
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_torture, 0, ROWS(scenarios));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
