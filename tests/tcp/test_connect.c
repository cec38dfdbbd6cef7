/* SPDX-License-Identifier: MIT */
/*
 * Connecting: the race of addresses in the simulated network, whose routes
 * swallow, refuse and delay; and what the kernel says.
 */
#include "tests/tcp/tcp_rig.h"

#include "net/sock.h"
#include "tests/support/test.h"
#include "tcp/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static struct tcp_rig rig;

/* ---- a resolver of one's own ---- */

static struct {
    struct flare_ip ips[40];
    size_t count;
    int rc;
    bool is_silent;
    flare_dns_query *query;
    int cancelled;
} names;

static int names_start(void *ctx, flare_dns_query *q, struct flare_str host,
                       enum flare_dns_family family)
{
    (void)ctx;
    (void)host;
    (void)family;
    names.query = q;
    if (!names.is_silent)
        flare_dns_answer(q, names.rc, names.ips, names.count);
    return 0;
}

static void names_cancel(void *ctx, flare_dns_query *q)
{
    (void)ctx;
    ck_assert_ptr_eq(names.query, q);
    names.cancelled++;
}

/* The names resolve to these addresses, separated by spaces. */
static void names_are(const char *list)
{
    static const struct flare_dns_resolver resolver = {.start = names_start,
                                                       .cancel = names_cancel};

    memset(&names, 0, sizeof(names));
    while (*list != '\0') {
        size_t len = strcspn(list, " ");

        ck_assert_int_eq(flare_ip_parse(&names.ips[names.count++],
                                        (struct flare_str){list, len}, NULL),
                         0);
        list += len;
        list += strspn(list, " ");
    }
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, &resolver), 0);
}

static void route(const char *ip, uint32_t bits, int res, uint32_t delay_ms)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_IP};
    struct flare__addr sa;

    ck_assert_int_eq(flare_ip_parse(&addr.ip, flare_str(ip), NULL), 0);
    flare__addr_set(&sa, &addr);
    flare__sim_route(rig.world, (const struct sockaddr *)&sa.storage, bits, res,
                     delay_ms);
}

static void start_sim(const struct flare_tcp_options *client)
{
    tcp_rig_init(&rig);
    if (client != NULL) {
        rig.client = *client;
        rig.client.handler = &tcp_rig_handler;
    }
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
}

static struct tcp_end *dial_host(const char *host, uint16_t port)
{
    struct tcp_end *end = tcp_rig_end(&rig);
    struct flare_tcp_options o = rig.client;

    o.ctx = end;
    ck_assert_int_eq(flare_tcp_connect(rig.loop, &end->stream, flare_str(host),
                                       port, &o, NULL),
                     0);
    return end;
}

/* ---- races ---- */

#define V4 "198.51.100.4"
#define V6 "2001:db8::6"

static const struct {
    const char *name;
    const char *ips;
    int v6_res;
    uint32_t v6_ms;
    int v4_res;
    uint32_t v4_ms;
    uint64_t least_ms, most_ms; /* until on_open or on_closed */
    const char *winner;         /* NULL: nobody */
    int rc;
} races[] = {
    {"the first works", V6 " " V4, 0, 0, 0, 0, 0, 5, V6, 0},
    {"the first is slow, but fast enough", V6 " " V4, 0, 200, 0, 0, 200, 210,
     V6, 0},
    {"D04 v6 is swallowed", V6 " " V4, FLARE__SIM_BLACKHOLE, 0, 0, 0, 250, 256,
     V4, 0},
    {"v6 is refused", V6 " " V4, -ECONNREFUSED, 0, 0, 0, 0, 6, V4, 0},
    {"v6 has no route", V6 " " V4, -ENETUNREACH, 0, 0, 0, 0, 6, V4, 0},
    {"v6 is slower than 250 ms, v4 works", V6 " " V4, 0, 1000, 0, 0, 250, 256,
     V4, 0},
    {"both are slow, the first is first", V6 " " V4, 0, 400, 0, 400, 400, 410,
     V6, 0},
    {"v4 first, and it is swallowed", V4 " " V6, 0, 0, FLARE__SIM_BLACKHOLE, 0,
     250, 256, V6, 0},
    {"both are refused", V6 " " V4, -ECONNREFUSED, 0, -ECONNREFUSED, 0, 0, 10,
     NULL, -ECONNREFUSED},
    {"the last error is told", V6 " " V4, -ECONNREFUSED, 0, -EHOSTUNREACH, 0, 0,
     10, NULL, -EHOSTUNREACH},
    {"both are swallowed: the second lasts", V6 " " V4, FLARE__SIM_BLACKHOLE, 0,
     FLARE__SIM_BLACKHOLE, 0, 2250, 2260, NULL, -ETIMEDOUT},
    {"only v6, swallowed", V6, FLARE__SIM_BLACKHOLE, 0, 0, 0, 2000, 2010, NULL,
     -ETIMEDOUT},
};

START_TEST(test_connect_K11_happy_eyeballs)
{
    const struct flare_tcp_options o = {.attempt_timeout_ms = 2000};
    struct tcp_end *c;
    uint64_t ms;

    start_sim(&o);
    names_are(races[_i].ips);
    route(V6, 0, races[_i].v6_res, races[_i].v6_ms);
    route(V4, 0, races[_i].v4_res, races[_i].v4_ms);
    tcp_rig_run(&rig, 1);
    ms = rig.loop->now_ms;
    c = dial_host("two.example", TCP_RIG_PORT);
    TCP_RIG_UNTIL(&rig, c->opens + c->closes == 1);
    ms = rig.loop->now_ms - ms;
    ck_assert_msg(ms >= races[_i].least_ms && ms <= races[_i].most_ms,
                  "%s: %u ms", races[_i].name, (unsigned)ms);
    if (races[_i].winner == NULL) {
        ck_assert_msg(c->rc == races[_i].rc, "%s: %d", races[_i].name, c->rc);
        ck_assert_ptr_nonnull(strstr(c->err.text, "two.example"));
        ck_assert_msg(strstr(c->err.text, ":80") != NULL, "%s", c->err.text);
    } else {
        char text[FLARE_IP_TEXT_MAX];
        struct flare_addr peer = flare_stream_peer(c->stream);

        (void)flare_ip_format(&peer.ip, text, sizeof(text));
        ck_assert_msg(strcmp(text, races[_i].winner) == 0, "%s: %s",
                      races[_i].name, text);
        ck_assert_int_ge(tcp_rig_write(c, 0, 10000), 0);
        tcp_rig_run(&rig, 2000);
        /* nobody else has been connected for longer than a moment */
        for (int i = 1, open = 0; i < rig.count; i++) {
            open += rig.ends[i].closes == 0;
            ck_assert_int_le(open, 1);
        }
        ck_assert_uint_eq(c->stream->links, 1);
        ck_assert_ptr_null(c->stream->connect);
    }
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_D04_thirty_two_dead_addresses_end_in_time)
{
    const struct flare_tcp_options o = {.connect_timeout_ms = 3000,
                                        .attempt_delay_ms = 10};
    char list[2048] = "";
    struct tcp_end *c;

    start_sim(&o);
    for (int i = 0; i < 32; i++)
        (void)snprintf(list + strlen(list), sizeof(list) - strlen(list),
                       "2001:db8::%x ", i + 1);
    names_are(list);
    route("2001:db8::", 0, FLARE__SIM_BLACKHOLE, 0);
    c = dial_host("many.example", TCP_RIG_PORT);
    tcp_rig_run(&rig, 2990);
    ck_assert_int_eq(c->closes, 0);
    ck_assert_uint_eq(c->stream->links, 32);
    tcp_rig_run(&rig, 20);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_abort_at_any_time_ends_every_attempt)
{
    for (uint64_t ms = 0; ms < 800; ms += 37) {
        struct tcp_end *c;

        start_sim(NULL);
        names_are(V6 " " V4 " 2001:db8::7");
        route(V6, 0, FLARE__SIM_BLACKHOLE, 0);
        route(V4, 0, FLARE__SIM_BLACKHOLE, 0);
        c = dial_host("dead.example", TCP_RIG_PORT);
        if (ms > 0)
            tcp_rig_run(&rig, ms);
        if (ms % 2 == 0)
            flare_stream_abort(c->stream);
        else
            flare_stream_close(c->stream);
        ck_assert_int_eq(c->closes, 0);
        tcp_rig_run(&rig, 5);
        ck_assert_int_eq(c->closes, 1);
        ck_assert_int_eq(c->rc, -ECONNABORTED);
        ck_assert_ptr_nonnull(strstr(c->err.text, "dead.example"));
        tcp_rig_close(&rig);
    }
}
END_TEST

static void abort_hook(struct tcp_end *end, enum tcp_end_call what)
{
    if (what == TCP_END_OPEN)
        flare_stream_abort(end->stream);
}

START_TEST(test_connect_a_winner_may_be_aborted_while_losers_end)
{
    struct tcp_end *c;

    start_sim(NULL);
    names_are(V6 " " V4);
    route(V6, 0, FLARE__SIM_BLACKHOLE, 0);
    flare__sim_rate_set(rig.world, FLARE__SIM_CANCEL_LATE, 1000);
    c = dial_host("two.example", TCP_RIG_PORT);
    c->hook = abort_hook;
    tcp_rig_run(&rig, 1000);
    ck_assert_int_eq(c->closes, 1);
    ck_assert_int_eq(c->opens, 1);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- names ---- */

START_TEST(test_connect_a_resolvers_error_is_told)
{
    struct tcp_end *c;

    start_sim(NULL);
    names_are("");
    names.rc = FLARE_E_DNS_NOT_FOUND;
    c = dial_host("nowhere.example", TCP_RIG_PORT);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 5);
    ck_assert_int_eq(c->rc, FLARE_E_DNS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(c->err.text, "nowhere.example"));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_a_silent_resolver_is_left_in_time)
{
    const struct flare_tcp_options o = {.connect_timeout_ms = 700};
    struct tcp_end *c;

    start_sim(&o);
    names_are("");
    names.is_silent = true;
    c = dial_host("silent.example", TCP_RIG_PORT);
    tcp_rig_run(&rig, 690);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 20);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    ck_assert_int_eq(names.cancelled, 1);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_abort_cancels_the_query)
{
    struct tcp_end *c;

    start_sim(NULL);
    names_are("");
    names.is_silent = true;
    c = dial_host("silent.example", TCP_RIG_PORT);
    ck_assert_int_ge(tcp_rig_write(c, 0, 1000), 0);
    flare_stream_abort(c->stream);
    ck_assert_int_eq(names.cancelled, 1);
    tcp_rig_run(&rig, 5);
    ck_assert_int_eq(c->rc, -ECONNABORTED);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_the_time_of_the_name_counts)
{
    const struct flare_tcp_options o = {.connect_timeout_ms = 1000};
    struct tcp_end *c;

    start_sim(&o);
    names_are(V6);
    names.is_silent = true;
    route(V6, 0, FLARE__SIM_BLACKHOLE, 0);
    c = dial_host("late.example", TCP_RIG_PORT);
    tcp_rig_run(&rig, 800);
    flare_dns_answer(names.query, 0, names.ips, names.count);
    tcp_rig_run(&rig, 190);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 20);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    tcp_rig_close(&rig);
}
END_TEST

static const struct {
    const char *name;
    const char *host;
    uint16_t port;
    int rc;
} refused[] = {
    {"D01 space", "a b", 80, FLARE_E_BAD_HOSTNAME},
    {"D01 empty", "", 80, FLARE_E_BAD_HOSTNAME},
    {"D02 short form", "127.1", 80, FLARE_E_BAD_HOSTNAME},
    {"port 0", "example.com", 0, FLARE_E_BAD_CONFIG},
};

START_TEST(test_connect_refuses_at_once_what_cannot_be)
{
    struct flare_tcp_options o;
    struct flare_stream *s = NULL;
    struct flare_error err = {.code = 0};
    struct flare_addr none = {.kind = FLARE_ADDR_NONE};
    struct flare_addr zero = {.kind = FLARE_ADDR_IP};

    start_sim(NULL);
    names_are(V4);
    o = rig.client;
    for (int i = 0; i < ROWS(refused); i++) {
        ck_assert_msg(
            flare_tcp_connect(rig.loop, &s, flare_str(refused[i].host),
                              refused[i].port, &o, &err) == refused[i].rc,
            "%s", refused[i].name);
        ck_assert_int_eq(err.code, refused[i].rc);
        ck_assert_str_ne(err.text, "");
    }
    ck_assert_int_eq(flare_tcp_connect_addr(rig.loop, &s, &none, &o, &err),
                     FLARE_E_BAD_ADDRESS);
    zero.ip = names.ips[0];
    ck_assert_int_eq(flare_tcp_connect_addr(rig.loop, &s, &zero, &o, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_ptr_null(s);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_a_numeric_host_needs_no_resolver)
{
    struct tcp_end *c;

    start_sim(NULL);
    names_are("");
    names.rc = FLARE_E_DNS_FAILED;
    c = dial_host("[2001:db8::9]", TCP_RIG_PORT);
    ck_assert_int_eq(c->opens, 0);
    TCP_RIG_UNTIL(&rig, c->opens == 1);
    tcp_rig_close(&rig);
}
END_TEST

/*
 * A sentence has room for 251 bytes and a host has up to 253: the host is cut,
 * never what went wrong.  One that is an address is not said twice.
 */
START_TEST(test_connect_the_longest_name_hides_no_reason)
{
    static const char reason[] = V4 ":80: connection refused";
    char host[FLARE_DNS_HOST_MAX + 1];
    struct flare_stream *s;
    struct flare_error err;
    struct tcp_end *c;

    memset(host, 'a', sizeof(host));
    for (size_t i = 50; i < sizeof(host); i += 51)
        host[i] = '.';
    host[sizeof(host) - 1] = '\0';
    start_sim(NULL);
    route(V4, 0, -ECONNREFUSED, 0);
    names_are(V4);
    c = dial_host(host, TCP_RIG_PORT);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_msg(strstr(c->err.text, reason) != NULL, "%s", c->err.text);
    c = dial_host(V4, TCP_RIG_PORT);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_str_eq(c->err.text, reason);

    names_are("");
    names.is_silent = true;
    rig.client.connect_timeout_ms = 100;
    c = dial_host(host, TCP_RIG_PORT);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_msg(strstr(c->err.text, "in time") != NULL, "%s", c->err.text);
    ck_assert_int_eq(
        flare_tcp_connect(rig.loop, &s, flare_str(host), 0, &rig.client, &err),
        FLARE_E_BAD_CONFIG);
    ck_assert_msg(strstr(err.text, "port 0") != NULL, "%s", err.text);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- local addresses ---- */

START_TEST(test_connect_K11_a_connection_with_itself_is_refused)
{
    struct flare_addr self;
    struct flare_tcp_options o = {.bind = &self};
    struct tcp_end *c;

    ck_assert_int_eq(flare_addr_parse(&self, FLARE_STR("192.0.2.1:80"), NULL),
                     0);
    start_sim(&o);
    c = tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->opens, 0);
    ck_assert_int_eq(c->rc, -ECONNREFUSED);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_binds_and_takes_addresses_of_that_family_only)
{
    struct flare_addr from;
    struct flare_tcp_options o = {.bind = &from};
    struct flare_addr local;
    struct tcp_end *c;

    ck_assert_int_eq(flare_addr_parse(&from, FLARE_STR("10.1.2.3:7777"), NULL),
                     0);
    start_sim(&o);
    names_are(V6 " " V4);
    c = dial_host("two.example", TCP_RIG_PORT);
    TCP_RIG_UNTIL(&rig, c->opens == 1);
    local = flare_stream_local(c->stream);
    ck_assert(flare_addr_equal(&local, &from));
    tcp_rig_close(&rig);

    /* an address of the other family cannot be reached from there */
    start_sim(&o);
    ck_assert_int_eq(
        flare_addr_parse(&rig.addr, FLARE_STR("[2001:db8::1]:80"), NULL), 0);
    c = tcp_rig_dial(&rig);
    ck_assert_int_eq(c->closes, 0);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -EAFNOSUPPORT);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- what the kernel says ---- */

/* A port of this machine on which nobody listens. */
static struct flare_addr closed_port(void)
{
    struct flare_addr addr;
    struct flare__addr sa;
    int fd;

    ck_assert_int_eq(
        flare__sock_listen(&fd, FLARE_STR("127.0.0.1:0"), 1, 0, NULL), 0);
    ck_assert_int_eq(flare__sock_local(fd, &sa), 0);
    addr = flare__addr_get(&sa);
    flare__sock_close(fd);
    return addr;
}

START_TEST(test_connect_K11_the_kernels_errors_name_the_address)
{
    struct flare_addr from;
    struct tcp_end *c;

    if (!tcp_rig_start(&rig, _i))
        return;
    rig.addr = closed_port();
    c = tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(c->err.text, "127.0.0.1:"));

    /* RFC 5737: nobody's */
    ck_assert_int_eq(flare_addr_parse(&from, FLARE_STR("192.0.2.7:0"), NULL),
                     0);
    rig.client.bind = &from;
    c = tcp_rig_dial(&rig);
    ck_assert_int_eq(c->closes, 0);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -EADDRNOTAVAIL);
    rig.client.bind = NULL;

    /* a link-local address without its interface */
    ck_assert_int_eq(
        flare_addr_parse(&rig.addr, FLARE_STR("[fe80::1]:80"), NULL), 0);
    c = tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_msg(c->rc == -EINVAL || c->rc == -ENETUNREACH ||
                      c->rc == -EADDRNOTAVAIL || c->rc == -EAFNOSUPPORT,
                  "%d", c->rc);
    if (c->rc == -EINVAL) /* what is missing is said */
        ck_assert_msg(strstr(c->err.text, "interface") != NULL, "%s",
                      c->err.text);
    tcp_rig_close(&rig);
}
END_TEST

/*
 * A port of the ephemeral range and a socket bound to just that one: what the
 * kernel comes upon by chance once in some ten thousand connects.
 */
START_TEST(test_connect_K11_the_kernel_connects_a_socket_to_itself)
{
    struct flare_addr self;
    struct tcp_end *c;

    if (!tcp_rig_start(&rig, _i))
        return;
    self = closed_port();
    rig.addr = self;
    rig.client.bind = &self;
    c = tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->opens, 0);
    ck_assert_int_eq(c->rc, -ECONNREFUSED);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_K15_unix_sockets_absent_stale_and_abstract)
{
    char text[80];
    struct tcp_end *c;
    struct flare_addr absent;

    if (!tcp_rig_start(&rig, _i))
        return;
    (void)snprintf(text, sizeof(text), "unix:/tmp/flare-none-%d.sock",
                   (int)getpid());
    ck_assert_int_eq(flare_addr_parse(&absent, flare_str(text), NULL), 0);
    rig.addr = absent;
    c = tcp_rig_dial(&rig);
    ck_assert_int_eq(c->closes, 0);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -ENOENT);
    ck_assert_ptr_nonnull(strstr(c->err.text, text));

    (void)snprintf(text, sizeof(text), "unix:@flare-none-%d", (int)getpid());
    ck_assert_int_eq(flare_addr_parse(&rig.addr, flare_str(text), NULL), 0);
    c = tcp_rig_dial(&rig);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, -ECONNREFUSED);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_connect_options_reach_the_kernel)
{
    struct flare_addr from;
    struct tcp_end *c, *s;
    int value = 0;
    socklen_t len = sizeof(value);

    tcp_rig_init(&rig);
    rig.client.keepalive = true;
    rig.client.keepalive_idle_s = 77;
    rig.client.fast_open = true;
    ck_assert_int_eq(flare_addr_parse(&from, FLARE_STR("127.0.0.1:0"), NULL),
                     0);
    rig.client.bind = &from;
    rig.server.delay = true;
    rig.server.keepalive = true;
    rig.server.fast_open = true;
    rig.server.user_timeout_ms = 12345;
    if (tcp_rig_open(&rig, _i, NULL) < 0)
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    c = tcp_rig_dial(&rig);
    ck_assert_int_ge(tcp_rig_write(c, 0, 10), 0); /* fast open waits for it */
    TCP_RIG_UNTIL(&rig, c->opens == 1 && rig.accepted == 1);
    s = &rig.ends[1];
#define OPTION(end, level, name, wanted)                                       \
    ck_assert_int_eq(                                                          \
        getsockopt((end)->stream->link->sock.fd, level, name, &value, &len),   \
        0);                                                                    \
    ck_assert_int_eq(value, wanted)
    OPTION(c, IPPROTO_TCP, 1 /* TCP_NODELAY */, 1);
    OPTION(c, SOL_SOCKET, SO_KEEPALIVE, 1);
    OPTION(c, IPPROTO_TCP, 4 /* TCP_KEEPIDLE */, 77);
    OPTION(s, IPPROTO_TCP, 1, 0);
    OPTION(s, SOL_SOCKET, SO_KEEPALIVE, 1);
    OPTION(s, IPPROTO_TCP, 18 /* TCP_USER_TIMEOUT */, 12345);
#ifdef __linux__
    OPTION(c, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, 1);
    OPTION(c, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, 1);
#endif
#undef OPTION
    tcp_rig_close(&rig);
}
END_TEST

/* The kernel says "connected" before anybody answered, and the race believes
 * it: with several addresses the first would always win. */
START_TEST(test_connect_fast_open_is_for_one_address_only)
{
    struct tcp_end *c;
    int value = 1;
    socklen_t len = sizeof(value);

    if (!tcp_rig_start(&rig, _i))
        return;
    rig.client.fast_open = true;
    names_are("127.0.0.1 127.0.0.2");
    c = dial_host("two.example", rig.addr.port);
    ck_assert_int_ge(tcp_rig_write(c, 0, 10), 0);
    TCP_RIG_UNTIL(&rig, c->opens == 1);
    ck_assert_int_eq(getsockopt(c->stream->link->sock.fd, IPPROTO_TCP,
                                30 /* TCP_FASTOPEN_CONNECT */, &value, &len),
                     0);
    ck_assert_int_eq(value, 0);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- memory ---- */

static int world_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOBUFS : 0;
}

/* Three addresses, two of them dead: any call may fail, one will connect. */
static int scenario_race(struct fault *f, void *ctx)
{
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = world_site, .fault_ctx = f};
    static const struct flare_dns_resolver resolver = {.start = names_start,
                                                       .cancel = names_cancel};
    struct tcp_end *c;
    struct flare_tcp_options o;
    int rc;

    (void)ctx;
    tcp_rig_init(&rig);
    rig.fault = f;
    rc = tcp_rig_open(&rig, TCP_RIG_SIM, &config);
    if (rc < 0)
        return rc;
    rc = flare_dns_resolver_set(rig.loop, &resolver);
    if (rc < 0)
        goto out;
    route(V6, 0, FLARE__SIM_BLACKHOLE, 0);
    route("203.0.113.1", 32, -ECONNREFUSED, 0);
    c = tcp_rig_end(&rig);
    o = rig.client;
    o.ctx = c;
    rc = flare_tcp_connect(rig.loop, &c->stream, FLARE_STR("three.example"),
                           TCP_RIG_PORT, &o, NULL);
    if (rc < 0) {
        free(c->got);
        rig.count--;
        goto out;
    }
    tcp_rig_run(&rig, 12000);
    rc = c->closes == 1 ? c->rc : 0;
out:
    fault_disarm(f);
    tcp_rig_close(&rig);
    return rc;
}

START_TEST(test_connect_R11_any_failure_is_one_attempts_or_the_ends)
{
    struct fault_report report;

    memset(&names, 0, sizeof(names));
    ck_assert_int_eq(flare_ip_parse(&names.ips[0], FLARE_STR(V6), NULL), 0);
    ck_assert_int_eq(
        flare_ip_parse(&names.ips[1], FLARE_STR("203.0.113.1"), NULL), 0);
    ck_assert_int_eq(flare_ip_parse(&names.ips[2], FLARE_STR(V4), NULL), 0);
    names.count = 3;
    report = fault_each("race", scenario_race, NULL);
    ck_assert_uint_ge(report.sites, 15);
    ck_assert_uint_ge(report.recovered, 3); /* by another attempt */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/connect");
    TCase *tc = tcase_create("connect");

    tcase_set_timeout(tc, 60);
/* of the kernel's backends */
#define EACH(test)                                                             \
    tcase_add_loop_test(tc, test, TCP_RIG_EPOLL, TCP_RIG_BACKENDS)
    tcase_add_loop_test(tc, test_connect_K11_happy_eyeballs, 0, ROWS(races));
    tcase_add_test(tc, test_connect_D04_thirty_two_dead_addresses_end_in_time);
    tcase_add_test(tc, test_connect_abort_at_any_time_ends_every_attempt);
    tcase_add_test(tc, test_connect_a_winner_may_be_aborted_while_losers_end);
    tcase_add_test(tc, test_connect_a_resolvers_error_is_told);
    tcase_add_test(tc, test_connect_a_silent_resolver_is_left_in_time);
    tcase_add_test(tc, test_connect_abort_cancels_the_query);
    tcase_add_test(tc, test_connect_the_time_of_the_name_counts);
    tcase_add_test(tc, test_connect_refuses_at_once_what_cannot_be);
    tcase_add_test(tc, test_connect_a_numeric_host_needs_no_resolver);
    tcase_add_test(tc, test_connect_the_longest_name_hides_no_reason);
    tcase_add_test(tc, test_connect_K11_a_connection_with_itself_is_refused);
    tcase_add_test(tc,
                   test_connect_binds_and_takes_addresses_of_that_family_only);
    EACH(test_connect_K11_the_kernels_errors_name_the_address);
    EACH(test_connect_K11_the_kernel_connects_a_socket_to_itself);
    EACH(test_connect_K15_unix_sockets_absent_stale_and_abstract);
    EACH(test_connect_options_reach_the_kernel);
    EACH(test_connect_fast_open_is_for_one_address_only);
    tcase_add_test(tc,
                   test_connect_R11_any_failure_is_one_attempts_or_the_ends);
#undef EACH
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
