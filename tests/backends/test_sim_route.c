/* SPDX-License-Identifier: MIT */
/*
 * Addresses in the simulated network: what a route does to a connection, and
 * what the two ends are called.
 */
#include "tests/support/sim_echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { SOCKS = 4 };

struct one {
    struct flare__sock sock;
    struct flare__event last;
    int connect_res;
    int kinds[FLARE__EV_WAKE]; /* how often each came */
};

static struct {
    struct flare__sim *w;
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    struct one socks[SOCKS];
    int count;
} n;

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    struct one *o = (struct one *)sock; /* its first member */

    o->last = *ev;
    o->kinds[ev->kind]++;
    if (ev->kind == FLARE__EV_CONNECT)
        o->connect_res = ev->res;
}

static void net_open(void)
{
    const struct flare__sim_config config = {.seed = 1, .is_calm = true};
    struct flare__backend_config bc = {.lease_count = 4};

    memset(&n, 0, sizeof(n));
    n.w = flare__sim_new(&config);
    n.ops = &flare__backend_sim;
    bc.sim = n.w;
    ck_assert_int_eq(n.ops->open(&n.b, &bc, NULL), 0);
}

static void net_turn(uint64_t deadline)
{
    struct flare__event events[8];
    int got = n.ops->poll(n.b, events, 8, deadline);

    ck_assert_int_ge(got, 0);
    for (int i = 0; i < got; i++)
        events[i].sock->on_event(events[i].sock, &events[i]);
}

static void net_close(void)
{
    for (int i = 0; i < n.count; i++)
        n.ops->close(n.b, &n.socks[i].sock, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; i < n.count; i++)
        while (n.socks[i].kinds[FLARE__EV_CLOSED] == 0)
            net_turn(n.ops->now(n.b) + MS);
    n.ops->free(n.b);
    flare__sim_free(n.w);
}

static struct one *net_attach(int fd)
{
    struct one *o = &n.socks[n.count++];

    ck_assert_int_ge(fd, 0);
    o->sock.on_event = on_event;
    ck_assert_int_eq(n.ops->attach(n.b, &o->sock, fd), 0);
    return o;
}

/* "192.0.2.7" or "2001:db8::7" with a port. */
static socklen_t address(struct sockaddr_storage *out, const char *text,
                         uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(port)};

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    memcpy(out, &in6, sizeof(in6));
    return sizeof(in6);
}

static void route(const char *text, uint32_t bits, uint16_t port, int res,
                  uint32_t delay_ms)
{
    struct sockaddr_storage addr;

    (void)address(&addr, text, port);
    flare__sim_route(n.w, (struct sockaddr *)&addr, bits, res, delay_ms);
}

static struct one *connect_to(const char *text, uint16_t port)
{
    struct sockaddr_storage addr;
    socklen_t len = address(&addr, text, port);
    struct one *o = net_attach(n.ops->socket(n.b, addr.ss_family, SOCK_STREAM));

    ck_assert_int_eq(
        n.ops->connect(n.b, &o->sock, (struct sockaddr *)&addr, len), 0);
    return o;
}

static struct one *listen_at(const char *text, uint16_t port)
{
    struct sockaddr_storage addr;
    socklen_t len = address(&addr, text, port);
    struct one *o =
        net_attach(flare__sim_listen_at(n.w, (struct sockaddr *)&addr, len, 0));

    ck_assert_int_eq(n.ops->accept_start(n.b, &o->sock), 0);
    return o;
}

static const struct {
    const char *name;
    const char *to;
    uint16_t port;
    int res;
} rows[] = {
    {"no route", "192.0.2.9", 80, 0},
    {"a host", "192.0.2.7", 80, -ECONNREFUSED},
    {"its neighbour", "192.0.2.6", 80, 0},
    {"a port", "192.0.2.8", 81, -EADDRNOTAVAIL},
    {"another port", "192.0.2.8", 80, 0},
    {"a prefix of bits", "198.51.103.255", 80, -ENETUNREACH},
    {"beyond it", "198.51.104.0", 80, 0},
    {"the last rule", "198.51.100.1", 80, 0},
    {"a family", "2001:db8::1", 80, -EHOSTUNREACH},
    {"out of it", "2001:db8::2", 80, 0},
};

START_TEST(test_a_route_says_how_a_connect_ends)
{
    struct one *o;

    net_open();
    (void)net_attach(flare__sim_listen(n.w, 80, 0));
    (void)net_attach(flare__sim_listen(n.w, 81, 0));
    route("192.0.2.7", 32, 0, -ECONNREFUSED, 0);
    route("192.0.2.8", 32, 81, -EADDRNOTAVAIL, 0);
    route("198.51.100.0", 22, 0, -ENETUNREACH, 0);
    route("198.51.100.1", 32, 0, FLARE__SIM_OPEN, 0);
    route("2001:db8::", 0, 0, -EHOSTUNREACH, 0);
    route("2001:db8::2", 128, 0, FLARE__SIM_OPEN, 0);
    o = connect_to(rows[_i].to, rows[_i].port);
    while (o->kinds[FLARE__EV_CONNECT] == 0)
        net_turn(UINT64_MAX);
    ck_assert_msg(o->connect_res == rows[_i].res, "%s: %d", rows[_i].name,
                  o->connect_res);
    net_close();
}
END_TEST

START_TEST(test_a_route_takes_its_time)
{
    uint64_t start;
    struct one *fast;
    struct one *slow;

    net_open();
    (void)net_attach(flare__sim_listen(n.w, 80, 0));
    route("192.0.2.7", 32, 0, FLARE__SIM_OPEN, 300);
    route("192.0.2.8", 32, 0, -ECONNREFUSED, 700);
    start = flare__sim_now(n.w);
    fast = connect_to("192.0.2.7", 80);
    slow = connect_to("192.0.2.8", 80);
    net_turn(UINT64_MAX);
    ck_assert_int_eq(fast->kinds[FLARE__EV_CONNECT], 1);
    ck_assert_int_eq(fast->last.res, 0);
    ck_assert_int_eq(slow->kinds[FLARE__EV_CONNECT], 0);
    ck_assert_uint_eq((flare__sim_now(n.w) - start) / MS, 300);
    net_turn(UINT64_MAX);
    ck_assert_int_eq(slow->last.res, -ECONNREFUSED);
    ck_assert_uint_eq((flare__sim_now(n.w) - start) / MS, 700);
    net_close();
}
END_TEST

START_TEST(test_K11_a_black_hole_never_answers_and_close_cuts_it)
{
    struct one *o;

    net_open();
    (void)net_attach(flare__sim_listen(n.w, 80, 0));
    route("192.0.2.7", 32, 0, FLARE__SIM_BLACKHOLE, 0);
    o = connect_to("192.0.2.7", 80);
    net_turn(n.ops->now(n.b) + 3600 * 1000 * (uint64_t)MS);
    ck_assert_int_eq(o->kinds[FLARE__EV_CONNECT], 0);
    n.ops->close(n.b, &o->sock, FLARE__CLOSE_ABORT);
    while (o->kinds[FLARE__EV_CLOSED] == 0)
        net_turn(UINT64_MAX);
    ck_assert_int_eq(o->kinds[FLARE__EV_CONNECT], 1);
    ck_assert_int_eq(o->connect_res, -ECANCELED);
    *o = (struct one){.connect_res = 1};
    n.count--;
    flare__sim_routes_clear(n.w);
    o = connect_to("192.0.2.7", 80);
    while (o->kinds[FLARE__EV_CONNECT] == 0)
        net_turn(UINT64_MAX);
    ck_assert_int_eq(o->connect_res, 0);
    net_close();
}
END_TEST

typedef int (*address_fn)(struct flare__backend *b, struct flare__sock *sock,
                          struct sockaddr_storage *out, socklen_t *len);

/* "family/address/port" of an end. */
static const char *name_of(address_fn fn, struct one *o)
{
    static char text[INET6_ADDRSTRLEN + 20];
    char ip[INET6_ADDRSTRLEN] = "";
    struct sockaddr_storage addr;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    socklen_t len = 0;
    int rc = fn(n.b, &o->sock, &addr, &len);

    ck_assert_int_eq(rc, 0);
    memcpy(&in, &addr, sizeof(in));
    memcpy(&in6, &addr, sizeof(in6));
    ck_assert_uint_eq(len,
                      addr.ss_family == AF_INET ? sizeof(in) : sizeof(in6));
    if (addr.ss_family == AF_INET)
        inet_ntop(AF_INET, &in.sin_addr, ip, sizeof(ip));
    else
        inet_ntop(AF_INET6, &in6.sin6_addr, ip, sizeof(ip));
    snprintf(text, sizeof(text), "%s/%u", ip, ntohs(in.sin_port));
    return text;
}

static const struct {
    const char *name;
    const char *listener; /* NULL: of every family */
    const char *to;
    const char *bound; /* NULL: it is not */
    uint16_t bound_port;
    const char *local; /* of the client */
    const char *remote;
} names[] = {
    {"IPv4", "198.51.100.5", "198.51.100.5", NULL, 0, "10.0.0.1/1025",
     "198.51.100.5/80"},
    {"IPv6", "2001:db8::5", "2001:db8::5", NULL, 0, "fd00::1/1025",
     "2001:db8::5/80"},
    {"any of IPv4", NULL, "0.0.0.0", NULL, 0, "10.0.0.1/1025", "192.0.2.1/80"},
    {"any of IPv6", NULL, "::", NULL, 0, "fd00::1/1025", "2001:db8::1/80"},
    {"bound", NULL, "192.0.2.3", "10.9.9.9", 0, "10.9.9.9/1025",
     "192.0.2.3/80"},
    {"bound to a port", NULL, "192.0.2.3", "0.0.0.0", 7, "10.0.0.1/7",
     "192.0.2.3/80"},
};

START_TEST(test_both_ends_have_the_family_and_address_that_was_asked_for)
{
    const char *to = names[_i].to;
    struct sockaddr_storage addr;
    socklen_t len;
    struct one *l;
    struct one *client;
    struct one *server;
    int fd;

    net_open();
    if (names[_i].listener != NULL) {
        l = listen_at(names[_i].listener, 80);
        ck_assert_str_eq(name_of(n.ops->local, l), names[_i].remote);
    } else {
        l = net_attach(flare__sim_listen(n.w, 80, 0));
        ck_assert_str_eq(name_of(n.ops->local, l), "192.0.2.1/80");
        ck_assert_int_eq(n.ops->accept_start(n.b, &l->sock), 0);
    }
    len = address(&addr, to, 80);
    fd = n.ops->socket(n.b, addr.ss_family, SOCK_STREAM);
    client = net_attach(fd);
    ck_assert_str_eq(name_of(n.ops->local, client),
                     addr.ss_family == AF_INET ? "0.0.0.0/0" : "::/0");
    if (names[_i].bound != NULL) {
        struct sockaddr_storage bound;
        socklen_t size = address(&bound, names[_i].bound, names[_i].bound_port);

        ck_assert_int_eq(n.ops->bind(n.b, fd, (struct sockaddr *)&bound, size),
                         0);
    }
    ck_assert_int_eq(
        n.ops->connect(n.b, &client->sock, (struct sockaddr *)&addr, len), 0);
    while (l->kinds[FLARE__EV_ACCEPT] == 0 ||
           client->kinds[FLARE__EV_CONNECT] == 0)
        net_turn(UINT64_MAX);
    server = net_attach(l->last.res);
    ck_assert_str_eq(name_of(n.ops->local, client), names[_i].local);
    ck_assert_str_eq(name_of(n.ops->peer, server), names[_i].local);
    ck_assert_str_eq(name_of(n.ops->peer, client), names[_i].remote);
    ck_assert_str_eq(name_of(n.ops->local, server), names[_i].remote);
    net_close();
}
END_TEST

START_TEST(test_a_listener_of_one_family_is_not_there_for_the_other)
{
    struct one *o;

    net_open();
    (void)listen_at("::", 80);
    o = connect_to("192.0.2.1", 80);
    while (o->kinds[FLARE__EV_CONNECT] == 0)
        net_turn(UINT64_MAX);
    ck_assert_int_eq(o->last.res, -ECONNREFUSED);
    net_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim routes");
    TCase *tc = tcase_create("routes");

    tcase_add_loop_test(tc, test_a_route_says_how_a_connect_ends, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_a_route_takes_its_time);
    tcase_add_test(tc, test_K11_a_black_hole_never_answers_and_close_cuts_it);
    tcase_add_loop_test(
        tc, test_both_ends_have_the_family_and_address_that_was_asked_for, 0,
        ROWS(names));
    tcase_add_test(tc,
                   test_a_listener_of_one_family_is_not_there_for_the_other);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
