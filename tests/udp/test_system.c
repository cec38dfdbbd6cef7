/* SPDX-License-Identifier: MIT */
/*
 * Addresses in the kernel's form; options, broadcast and multicast as the real
 * kernel has them, which the simulated one does not know.
 */
#include "udp/system.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"
#include "udp/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static const struct {
    const char *text;
    bool is_v6; /* the socket */
    sa_family_t family;
} addr_rows[] = {
    {"192.0.2.1:80", false, AF_INET},
    {"192.0.2.1:80", true, AF_INET6}, /* mapped */
    {"[2001:db8::1]:65535", true, AF_INET6},
    {"[fe80::1%3]:5353", true, AF_INET6},
    {"255.255.255.255:1", false, AF_INET},
    {"[ff02::fb%2]:5353", true, AF_INET6},
};

START_TEST(test_addr_comes_back_as_it_was)
{
    struct flare_addr addr = rig_addr(addr_rows[_i].text);
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    struct flare_addr back;
    uint8_t bytes[FLARE__UDP_ADDR_MAX];
    uint8_t len = flare__udp_addr_write(bytes, &addr, addr_rows[_i].is_v6);

    memcpy(&storage, bytes, len);
    ck_assert_uint_eq(storage.ss_family, addr_rows[_i].family);
    memset(&back, 0x5a, sizeof(back));
    flare__udp_addr_read(&back, &storage);
    ck_assert(flare_addr_equal(&back, &addr));
    ck_assert_uint_eq(back.path_len, 0);
    memset(&back, 0x5a, sizeof(back));
    flare__udp_addr_unwrite(&back, bytes, len);
    ck_assert(flare_addr_equal(&back, &addr));
}
END_TEST

START_TEST(test_addr_of_another_family_is_none)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct flare_addr back;

    memset(&back, 0x5a, sizeof(back));
    flare__udp_addr_read(&back, &storage);
    ck_assert_int_eq(back.kind, FLARE_ADDR_NONE);
    ck_assert_int_eq(back.ip.family, FLARE_IP_NONE);
}
END_TEST

START_TEST(test_reach_is_of_the_family)
{
    struct flare_ip four = rig_addr("127.0.0.1:1").ip;
    struct flare_ip six = rig_addr("[::1]:1").ip;
    struct flare__udp_fd s4 = {.is_v6 = false};
    struct flare__udp_fd s6 = {.is_v6 = true};
    struct flare__udp_fd only = {.is_v6 = true, .is_v6only = true};

    ck_assert(flare__udp_reaches(&s4, &four));
    ck_assert(!flare__udp_reaches(&s4, &six));
    ck_assert(flare__udp_reaches(&s6, &four));
    ck_assert(flare__udp_reaches(&s6, &six));
    ck_assert(!flare__udp_reaches(&only, &four));
    ck_assert(flare__udp_reaches(&only, &six));
}
END_TEST

/* ---- options, of real sockets ---- */

/* An emulator of one system call by another may lack an option. */
static bool is_lacking(int rc)
{
    return rc == -ENOPROTOOPT || rc == -EOPNOTSUPP;
}

/* The value, or -errno. */
static int option_get(const struct rig_end *e, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    if (getsockopt(e->udp->fd.fd, level, name, &value, &len) < 0)
        return -errno;
    return value;
}

START_TEST(test_options_are_the_kernels)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.broadcast = true,
                                  .reuseaddr = true,
                                  .reuseport = true,
                                  .send_buffer_bytes = 20000,
                                  .receive_buffer_bytes = 30000,
                                  .ttl = 7,
                                  .multicast_ttl = 9,
                                  .multicast_loop_off = true};
    struct rig_end *e = rig_end(r, "127.0.0.1:0", &o);

    if (is_lacking(option_get(e, IPPROTO_IP, IP_MULTICAST_ALL))) {
        rig_free(r);
        TEST_SKIP("the kernel lacks IP_MULTICAST_ALL");
    }
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_BROADCAST), 1);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_REUSEADDR), 1);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_REUSEPORT), 1);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_SNDBUF), 40000);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_RCVBUF), 60000);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_TTL), 7);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_TTL), 9);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_ALL), 0);

    e = rig_end(r, "127.0.0.1:0", NULL);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_BROADCAST), 0);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_REUSEADDR), 0);
    ck_assert_int_eq(option_get(e, SOL_SOCKET, SO_REUSEPORT), 0);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_TTL), 1);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_LOOP), 1);
    rig_free(r);
}
END_TEST

START_TEST(test_options_of_a_dual_socket_are_of_both_families)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {
        .ttl = 7, .multicast_ttl = 9, .multicast_loop_off = true};
    struct rig_end *e = NULL;

    if (rig_end_open(r, &e, "[::]:0", &o) < 0) {
        rig_free(r);
        TEST_SKIP("no IPv6 here");
    }
    ck_assert_int_eq(option_get(e, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    ck_assert_int_eq(option_get(e, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
    ck_assert_int_eq(option_get(e, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 9);
    ck_assert_int_eq(option_get(e, IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_TTL), 7);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_TTL), 9);
    ck_assert_int_eq(option_get(e, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    o.v6only = true;
    e = rig_end(r, "[::]:0", &o);
    ck_assert_int_eq(option_get(e, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    rig_free(r);
}
END_TEST

START_TEST(test_sockets_are_closed_on_exec)
{
    RIG_OPEN(r, _i);
    struct rig_end *e = rig_end(r, "127.0.0.1:0", NULL);

    ck_assert_int_eq(fcntl(e->udp->fd.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    rig_free(r);
}
END_TEST

START_TEST(test_reuseport_lets_two_be_bound)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.reuseport = true};
    struct rig_end *a = rig_end(r, "127.0.0.1:0", &o);
    char text[FLARE_ADDR_TEXT_MAX];
    struct rig_end *b = NULL;

    flare_addr_format(&a->addr, text, sizeof(text));
    ck_assert_int_eq(rig_end_open(r, &b, text, &o), 0);
    rig_free(r);
}
END_TEST

/* ---- broadcast ---- */

START_TEST(test_broadcast_needs_its_option)
{
    RIG_OPEN(r, _i);
    struct rig_end *b = rig_end(r, "0.0.0.0:0", NULL);
    struct rig_end *without = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *with = rig_end(
        r, "127.0.0.1:0", &(struct flare_udp_options){.broadcast = true});
    struct flare_addr all = rig_addr("127.255.255.255:1");

    all.port = b->addr.port;
    rig_send(without, &all, "not allowed");
    RIG_UNTIL(r, without->error_count == 1);
    ck_assert_int_eq(without->errors[0], -EACCES);
    ck_assert(flare_addr_equal(&without->error_peers[0], &all));
    rig_send(with, &all, "to all");
    RIG_UNTIL(r, b->count == 1);
    ck_assert_str_eq(b->got[0].bytes, "to all");
    ck_assert_uint_eq(with->error_count, 0);
    rig_free(r);
}
END_TEST

/* ---- multicast ---- */

static uint32_t loopback_number(void)
{
    unsigned number = if_nametoindex("lo");

    ck_assert_uint_gt(number, 0);
    return number;
}

/*
 * Where a group of that family is routed to: IPv6 has no groups on a loopback
 * device.  One of scope 1 never leaves the machine.  0: nowhere.
 */
static uint32_t group_interface(const struct flare_ip *group)
{
    struct ifaddrs *list = NULL;
    uint32_t number = 0;

    if (group->family == FLARE_IP_V4)
        return loopback_number();
    ck_assert_int_eq(getifaddrs(&list), 0);
    for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
        if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET6 &&
            (i->ifa_flags & IFF_MULTICAST) && (i->ifa_flags & IFF_UP))
            number = if_nametoindex(i->ifa_name);
    freeifaddrs(list);
    return number;
}

static const struct {
    const char *group;
    const char *any;
} group_rows[] = {
    {"239.255.77.1:0", "0.0.0.0:0"},
    {"[ff11::77]:0", "[::]:0"},
    {"239.255.77.2:0", "[::]:0"}, /* an IPv4 group of a dual socket */
};

/* Whether a group works here at all: a machine may have no such route. */
static bool group_send(struct rig *r, struct rig_end *from,
                       const struct flare_addr *to, const char *text)
{
    uint32_t errors = from->error_count;

    rig_send(from, to, text);
    rig_settle(r);
    return from->error_count == errors;
}

START_TEST(test_group_is_heard_while_it_is_joined)
{
    enum rig_kind kind = _i % RIG_SIM;
    int row = _i / RIG_SIM;
    struct rig_end *b = NULL;
    struct rig_end *stranger = NULL;
    struct rig_end *a = NULL;
    int rc;

    RIG_OPEN(r, kind);
    struct flare_addr group = rig_addr(group_rows[row].group);
    struct flare_udp_options o = {.multicast_interface =
                                      group_interface(&group.ip)};

    if (o.multicast_interface == 0 ||
        rig_end_open(r, &b, group_rows[row].any, NULL) < 0) {
        rig_free(r);
        TEST_SKIP("%s: no interface with IPv6", group_rows[row].group);
    }
    group.port = b->addr.port;
    rc = rig_end_open(r, &a, group_rows[row].any, &o);
    if (rc == 0)
        rc = flare_udp_join(b->udp, &group.ip, o.multicast_interface);
    if (is_lacking(rc)) {
        rig_free(r);
        TEST_SKIP("the kernel lacks an option of groups");
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(flare_udp_join(b->udp, &group.ip, o.multicast_interface),
                     -EADDRINUSE);
    if (!group_send(r, a, &group, "joined")) {
        rc = a->errors[0];
        rig_free(r);
        TEST_SKIP("%s: no route: %s", group_rows[row].group,
                  flare_error_name(rc));
    }
    RIG_UNTIL(r, b->count == 1);
    ck_assert_str_eq(b->got[0].bytes, "joined");
    ck_assert_uint_eq(b->got[0].peer.port, a->addr.port);

    /* another that has not joined hears nothing of it */
    ck_assert_int_eq(flare_udp_leave(b->udp, &group.ip, o.multicast_interface),
                     0);
    ck_assert_int_eq(flare_udp_leave(b->udp, &group.ip, o.multicast_interface),
                     -EADDRNOTAVAIL);
    stranger = rig_end(r, group_rows[row].any, NULL);
    ck_assert_int_eq(
        flare_udp_join(stranger->udp, &group.ip, o.multicast_interface), 0);
    ck_assert(group_send(r, a, &group, "left"));
    ck_assert_uint_eq(b->count, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_group_does_not_hear_what_is_not_looped)
{
    RIG_OPEN(r, _i);
    struct flare_addr group = rig_addr("[ff11::78]:0");
    struct flare_udp_options o = {.multicast_interface =
                                      group_interface(&group.ip)};
    struct rig_end *b = NULL;
    struct rig_end *off;
    struct rig_end *on = NULL;

    if (o.multicast_interface == 0 || rig_end_open(r, &b, "[::]:0", NULL) < 0) {
        rig_free(r);
        TEST_SKIP("no interface with IPv6");
    }
    group.port = b->addr.port;
    if (rig_end_open(r, &on, "[::]:0", &o) < 0 ||
        flare_udp_join(b->udp, &group.ip, o.multicast_interface) < 0) {
        rig_free(r);
        TEST_SKIP("the group cannot be joined here");
    }
    o.multicast_loop_off = true;
    off = rig_end(r, "[::]:0", &o);
    if (!group_send(r, off, &group, "off") ||
        !group_send(r, on, &group, "on")) {
        rig_free(r);
        TEST_SKIP("no route for groups of IPv6");
    }
    RIG_UNTIL(r, b->count > 0);
    rig_settle(r);
    ck_assert_uint_eq(b->count, 1);
    ck_assert_str_eq(b->got[0].bytes, "on");
    rig_free(r);
}
END_TEST

START_TEST(test_group_that_cannot_be_joined_is_said_to_be)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct flare_ip unicast = rig_addr("127.0.0.1:1").ip;
    struct flare_ip four = rig_addr("239.255.77.4:1").ip;
    struct flare_ip six = rig_addr("[ff15::77]:1").ip;
    int rc;

    ck_assert_int_eq(flare_udp_join(a->udp, &unicast, 0), FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(flare_udp_leave(a->udp, &unicast, 0), FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(flare_udp_join(a->udp, &six, 0), -EAFNOSUPPORT);
    rc = flare_udp_join(a->udp, &four, 1 << 30);
    if (!is_lacking(rc)) {
        ck_assert_int_eq(rc, -ENODEV);
        ck_assert_int_eq(flare_udp_leave(a->udp, &four, 0), -EADDRNOTAVAIL);
    }
    flare_udp_close(a->udp);
    ck_assert_int_eq(flare_udp_join(a->udp, &four, 0), -EPIPE);
    rig_free(r);
}
END_TEST

START_TEST(test_interface_of_multicast_must_be_one)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.multicast_interface = 1 << 30};
    struct rig_end *e = NULL;
    int rc = rig_end_open(r, &e, "127.0.0.1:0", &o);

    if (is_lacking(rc)) {
        rig_free(r);
        TEST_SKIP("the kernel lacks IP_MULTICAST_IF");
    }
    ck_assert(rc == -ENODEV || rc == -EADDRNOTAVAIL);
    ck_assert_int_eq(rig_end_open(r, &e, "[::1]:0", &o) < 0, 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/system");
    TCase *tc = tcase_create("system");

    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, test_addr_comes_back_as_it_was, 0, ROWS(addr_rows));
    tcase_add_test(tc, test_addr_of_another_family_is_none);
    tcase_add_test(tc, test_reach_is_of_the_family);
/* of kernels, not the simulated one */
#define REAL(test) tcase_add_loop_test(tc, test, 0, RIG_SIM)
    REAL(test_options_are_the_kernels);
    REAL(test_options_of_a_dual_socket_are_of_both_families);
    REAL(test_sockets_are_closed_on_exec);
    REAL(test_reuseport_lets_two_be_bound);
    REAL(test_broadcast_needs_its_option);
    tcase_add_loop_test(tc, test_group_is_heard_while_it_is_joined, 0,
                        RIG_SIM * ROWS(group_rows));
    REAL(test_group_does_not_hear_what_is_not_looped);
    REAL(test_group_that_cannot_be_joined_is_said_to_be);
    REAL(test_interface_of_multicast_must_be_one);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
