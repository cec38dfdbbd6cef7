/* SPDX-License-Identifier: MIT */
/* See conn_rig.h. */
#include "tests/http/conn_rig.h"

#include "base/assert.h"
#include "tests/support/test.h"

#include <string.h>

enum { RIG_PORT = 80 };

#define RIG_NS_PER_MS UINT64_C(1000000)

static void rig_on_log(enum flare_log_level level, const char *text, void *ctx)
{
    struct rig *r = ctx;

    (void)level;
    (void)snprintf(r->log, sizeof(r->log), "%s", text);
}

static void rig_receive(struct rig_peer *p)
{
    p->len += flare__sim_peer_recv(&p->peer, p->got + p->len,
                                   RIG_OUTPUT_MAX - p->len);
    p->got[p->len] = '\0';
}

static void rig_on_peer(struct flare__sim_peer *peer,
                        enum flare__sim_peer_event what)
{
    struct rig_peer *p = FLARE_CONTAINER_OF(peer, struct rig_peer, peer);

    if (what == FLARE__SIM_PEER_CONNECTED)
        p->is_connected = true;
    if (what == FLARE__SIM_PEER_DATA && !p->is_deaf)
        rig_receive(p);
    if (what == FLARE__SIM_PEER_FIN)
        p->has_fin = true;
    if (what == FLARE__SIM_PEER_RST)
        p->has_rst = true;
}

static void rig_open_server(struct rig *r)
{
    struct flare__backend_config bc = {.al = &r->fault.al, .sim = r->world};
    struct flare__loop_config lc = {
        .ops = &flare__backend_sim,
        .al = &r->fault.al,
        .log = {rig_on_log, r},
    };

    ck_assert_int_eq(lc.ops->open(&lc.backend, &bc, NULL), 0);
    ck_assert_int_eq(flare__loop_open(&r->loop, &lc), 0);
    ck_assert_int_eq(flare__http_init(&r->http, r->loop, &r->options), 0);
    ck_assert_int_eq(
        flare__http_listen(&r->http, flare__sim_listen(r->world, RIG_PORT, 64),
                           /* is_tls = */ r->options.tls != NULL),
        0);
}

struct rig *rig_new(const struct flare_server_config *config)
{
    struct rig *r = calloc(1, sizeof(*r));

    ck_assert_ptr_nonnull(r);
    fault_init(&r->fault, FAULT_NEVER, 0);
    r->world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    ck_assert_ptr_nonnull(r->world);
    r->config = *config;
    r->config.listen = "127.0.0.1:80";
    if (config->tls != NULL) /* all that connect here speak it */
        r->config.tls_listen = r->config.listen;
    r->config.allocator = r->fault.al;
    if (r->config.connections_max == 0)
        r->config.connections_max = 64;
    ck_assert_int_eq(flare__config_resolve(&r->config, 1024, NULL), 0);
    flare__config_options(&r->options, &r->config);
    if (r->config.routes.count != 0) {
        ck_assert_int_eq(
            flare__router_new(&r->router, &r->fault.al, r->config.routes, NULL),
            0);
        r->options.router = r->router;
    }
    rig_open_server(r);
    return r;
}

/* ---- the rig's own routes ---- */

int rig_calls;

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    rig_calls++;
    return flare_res_text(res, 200, "hello\n");
}

static int on_echo(flare_req *req, flare_res *res)
{
    rig_calls++;
    return flare_res_copy(res, 200, FLARE_STR("a/b"), flare_req_body(req));
}

static int on_big(flare_req *req, flare_res *res)
{
    static char big[200000];

    (void)req;
    rig_calls++;
    memset(big, 'b', sizeof(big));
    return flare_res_static(res, 200, FLARE_STR("a/b"),
                            (struct flare_str){big, sizeof(big)});
}

static const struct flare_route rig_routes[] = {
    FLARE_GET("/", on_hello),
    FLARE_POST("/echo", on_echo),
    FLARE_GET("/big", on_big),
};

struct rig *rig_with(struct flare_server_config config)
{
    rig_calls = 0;
    config.routes = FLARE_ROUTES(rig_routes);
    return rig_new(&config);
}

struct rig *rig_default(void)
{
    return rig_with((struct flare_server_config){.listen = NULL});
}

/* ---- time and peers ---- */

void rig_run(struct rig *r, uint64_t ms)
{
    uint64_t until_ns = r->loop->now_ns + ms * RIG_NS_PER_MS;

    do
        ck_assert_int_eq(flare__loop_turn(r->loop, until_ns), 0);
    while (r->loop->now_ns < until_ns);
}

void rig_free(struct rig *r)
{
    struct flare_stats c;

    flare__http_drain(&r->http);
    flare__http_abort(&r->http);
    while (!flare__http_is_idle(&r->http))
        rig_run(r, 1);
    c = r->http.counters;
    ck_assert_uint_eq(c.accepted, c.closed);
    flare__http_fini(&r->http);
    flare__loop_free(r->loop);
    flare__router_free(r->router);
    for (int i = 0; i < RIG_PEERS; i++) {
        if (r->peers[i].got == NULL)
            continue;
        if (!r->peers[i].has_rst)
            flare__sim_peer_close(&r->peers[i].peer, /* is_abort = */ true);
        free(r->peers[i].got);
    }
    flare__sim_free(r->world);
    fault_fini(&r->fault, "conn_rig");
    free(r);
}

void rig_dial(struct rig *r, int i)
{
    struct rig_peer *p = &r->peers[i];

    if (p->got != NULL) {
        flare__sim_peer_close(&p->peer, /* is_abort = */ true);
        free(p->got);
    }
    *p = (struct rig_peer){.peer.on_event = rig_on_peer};
    p->got = malloc(RIG_OUTPUT_MAX + 1);
    ck_assert_ptr_nonnull(p->got);
    p->got[0] = '\0';
    flare__sim_peer_open(&p->peer, r->world);
    flare__sim_peer_connect(&p->peer, RIG_PORT);
}

void rig_connect(struct rig *r, int i)
{
    rig_dial(r, i);
    for (int n = 0; n < 100 && !r->peers[i].is_connected; n++)
        rig_run(r, 1);
}

void rig_send(struct rig *r, int i, const char *bytes, size_t len)
{
    for (int idle = 0; len > 0 && idle < 100;) {
        size_t n = flare__sim_peer_send(&r->peers[i].peer, bytes, len);

        bytes += n;
        len -= n;
        idle = n > 0 ? 0 : idle + 1;
        if (len > 0)
            rig_run(r, 1);
    }
}

void rig_text(struct rig *r, int i, const char *text)
{
    rig_send(r, i, text, strlen(text));
}

const char *rig_ask(struct rig *r, const char *text)
{
    rig_connect(r, 0);
    rig_text(r, 0, text);
    rig_run(r, 100);
    return r->peers[0].got;
}

int rig_count(const struct rig *r, int i, const char *needle)
{
    int count = 0;

    for (const char *p = r->peers[i].got; (p = strstr(p, needle)) != NULL; p++)
        count++;
    return count;
}

const char *rig_statuses(const struct rig *r, int i)
{
    static char text[512];
    size_t len = 0;

    text[0] = '\0';
    for (const char *p = r->peers[i].got;
         (p = strstr(p, "HTTP/1.1 ")) != NULL && len < sizeof(text) - 8; p++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.3s",
                                len > 0 ? " " : "", p + 9);
    return text;
}
