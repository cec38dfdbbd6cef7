/* SPDX-License-Identifier: MIT */
/*
 * Batches out, on every backend: bounds, order, errors of one, segments.
 * FAILURES K16.
 */
#include "udp/udp.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static char large[70000];

START_TEST(test_k16_too_large_is_refused_before_any_system_call)
{
    RIG_OPEN(r, _i);
    struct flare_addr six = rig_addr("[::1]:9");
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *dual = NULL;

    rig_settle(r);
    r->sends = 0;
    ck_assert_int_eq(flare_udp_send(a->udp, &a->addr,
                                    rig_str(large, FLARE_UDP_BYTES_MAX + 1)),
                     FLARE_E_DATAGRAM_TOO_LARGE);
    ck_assert_int_eq(flare_udp_send(a->udp, &a->addr, rig_str(large, 70000)),
                     FLARE_E_DATAGRAM_TOO_LARGE);
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    if (rig_end_open(r, &dual, "[::]:0", NULL) == 0) {
        ck_assert_int_eq(
            flare_udp_send(dual->udp, &six,
                           rig_str(large, FLARE_UDP_V6_BYTES_MAX + 1)),
            FLARE_E_DATAGRAM_TOO_LARGE);
        /* an IPv4 peer has IPv4's limit there too */
        ck_assert_int_eq(
            flare_udp_send(dual->udp, &a->addr,
                           rig_str(large, FLARE_UDP_BYTES_MAX + 1)),
            FLARE_E_DATAGRAM_TOO_LARGE);
        ck_assert_uint_eq(flare_udp_queued(dual->udp), 0);
    }
    rig_settle(r);
    ck_assert_uint_eq(r->sends, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_k16_the_largest_arrives_whole)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *dual = NULL;

    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 7);
    ck_assert_int_eq(
        flare_udp_send(a->udp, &b->addr, rig_str(large, FLARE_UDP_BYTES_MAX)),
        0);
    RIG_UNTIL(r, b->count == 1);
    ck_assert_uint_eq(b->got[0].len, FLARE_UDP_BYTES_MAX);
    ck_assert_mem_eq(b->got[0].bytes, large, FLARE_UDP_BYTES_MAX);
    ck_assert(!b->got[0].is_truncated);
    if (rig_end_open(r, &dual, "[::1]:0", NULL) == 0) {
        ck_assert_int_eq(flare_udp_send(dual->udp, &dual->addr,
                                        rig_str(large, FLARE_UDP_V6_BYTES_MAX)),
                         0);
        RIG_UNTIL(r, dual->count == 1);
        ck_assert_uint_eq(dual->got[0].len, FLARE_UDP_V6_BYTES_MAX);
        ck_assert_mem_eq(dual->got[0].bytes, large, FLARE_UDP_V6_BYTES_MAX);
    }
    rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    const char *address; /* of the socket */
    const char *peer;    /* it is connected to; NULL: not */
    const char *to;      /* NULL: none is given */
    int rc;
} rows[] = {
    {"nobody", "127.0.0.1:0", NULL, NULL, -EDESTADDRREQ},
    {"another than the peer", "127.0.0.1:0", "127.0.0.1:9", "127.0.0.1:10",
     -EISCONN},
    {"the peer by its address", "127.0.0.1:0", "127.0.0.1:9", "127.0.0.1:9",
     -EISCONN},
    {"a path", "127.0.0.1:0", NULL, "unix:/run/x", FLARE_E_BAD_ADDRESS},
    {"a name", "127.0.0.1:0", NULL, "unix:@x", FLARE_E_BAD_ADDRESS},
    {"IPv6 from IPv4", "127.0.0.1:0", NULL, "[::1]:9", -EAFNOSUPPORT},
    {"mapped from IPv4", "127.0.0.1:0", NULL, "[::ffff:127.0.0.1]:9", 0},
    {"fine", "127.0.0.1:0", NULL, "127.0.0.1:9", 0},
};

START_TEST(test_udp_send_says_what_is_wrong_with_the_address)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        RIG_OPEN(r, _i);
        struct flare_udp_options o = {.batch = 1};
        struct flare_addr peer;
        struct flare_addr to;
        struct rig_end *a;
        int rc;

        if (rows[i].peer != NULL) {
            peer = rig_addr(rows[i].peer);
            o.peer = &peer;
        }
        a = rig_end(r, rows[i].address, &o);
        if (rows[i].to != NULL)
            to = rig_addr(rows[i].to);
        rc = flare_udp_send(a->udp, rows[i].to != NULL ? &to : NULL,
                            FLARE_STR("x"));
        ck_assert_msg(rc == rows[i].rc, "%s: %s", rows[i].name,
                      flare_error_name(rc));
        to = (struct flare_addr){.kind = FLARE_ADDR_NONE};
        if (rows[i].peer == NULL)
            ck_assert_int_eq(flare_udp_send(a->udp, &to, FLARE_STR("x")),
                             FLARE_E_BAD_ADDRESS);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_udp_v6only_does_not_reach_ipv4)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.v6only = true};
    struct flare_addr four = rig_addr("127.0.0.1:9");
    struct rig_end *a = NULL;

    if (rig_end_open(r, &a, "[::]:0", &o) == 0)
        ck_assert_int_eq(flare_udp_send(a->udp, &four, FLARE_STR("x")),
                         -EAFNOSUPPORT);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_sends_of_a_turn_leave_in_few_calls)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->sends = 0;
    for (uint32_t i = 0; i < 130; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%u", i);
        rig_send(a, &b->addr, text);
    }
    ck_assert_uint_eq(r->sends, 0);
    ck_assert_uint_gt(flare_udp_queued(a->udp), 130);
    RIG_UNTIL(r, b->count == 130);
    ck_assert_uint_eq(r->sends, 3); /* of 64 each */
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    for (uint32_t i = 0; i < 130; i++)
        ck_assert_int_eq((int)strtol(b->got[i].bytes, NULL, 10), (int)i);
    rig_free(r);
}
END_TEST

static bool is_kernel_full;

static int full_send(struct rig *r, const struct flare__datagram *list,
                     uint32_t count)
{
    if (is_kernel_full)
        return -EAGAIN;
    return r->real->datagram_send(r->loop->backend, r->sock, list, count);
}

static uint32_t direct_sends;

static void echo_large(struct rig_end *e, const struct flare_datagram *list,
                       size_t count)
{
    uint32_t before = e->rig->sends;

    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(flare_udp_send(e->udp, &list[i].peer, list[i].bytes),
                         0);
    direct_sends += e->rig->sends - before;
}

START_TEST(test_udp_large_one_alone_leaves_at_once_and_uncopied)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    b->on_list = echo_large;
    for (uint32_t i = 1; i <= 5; i++) {
        direct_sends = 0;
        ck_assert_int_eq(flare_udp_send(a->udp, &b->addr, rig_str(large, 8192)),
                         0);
        RIG_UNTIL(r, a->count == i);
        ck_assert_uint_eq(direct_sends, 1);
    }
    ck_assert_ptr_null(b->udp->queue.ring); /* it had no use for it */
    /* several are a batch */
    rig_settle(r);
    direct_sends = 0;
    flare_udp_pause(b->udp);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(flare_udp_send(a->udp, &b->addr, rig_str(large, 8192)),
                         0);
    rig_settle(r);
    flare_udp_resume(b->udp);
    r->sends = 0;
    RIG_UNTIL(r, a->count == 8);
    ck_assert_uint_eq(direct_sends, 0);
    ck_assert_uint_eq(r->sends, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_large_ones_keep_their_order)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    static const size_t lens[] = {9000, 9001, 3, 9002, 9003, 4};

    rig_settle(r);
    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(
            flare_udp_send(a->udp, &b->addr, rig_str(large, lens[i])), 0);
    RIG_UNTIL(r, b->count == 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(b->got[i].len, lens[i]);
    rig_free(r);
}
END_TEST

static int refuse_large(struct rig *r, const struct flare__datagram *list,
                        uint32_t count)
{
    if (list[0].len >= 8192)
        return -EPERM;
    return r->real->datagram_send(r->loop->backend, r->sock, list, count);
}

START_TEST(test_udp_large_one_refused_at_once_is_told_later)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_send = refuse_large;
    ck_assert_int_eq(flare_udp_send(a->udp, &b->addr, rig_str(large, 8192)), 0);
    rig_send(a, &b->addr, "next");
    ck_assert_uint_eq(a->error_count, 0); /* not from inside */
    RIG_UNTIL(r, b->count == 1);
    ck_assert_uint_eq(a->error_count, 1);
    ck_assert_int_eq(a->errors[0], -EPERM);
    ck_assert(flare_addr_equal(&a->error_peers[0], &b->addr));
    rig_free(r);
}
END_TEST

START_TEST(test_udp_large_one_waits_for_a_full_kernel)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    is_kernel_full = true;
    r->on_send = full_send;
    ck_assert_int_eq(flare_udp_send(a->udp, &b->addr, rig_str(large, 8192)), 0);
    rig_turn(r, 0);
    ck_assert(a->udp->is_blocked);
    is_kernel_full = false;
    RIG_UNTIL(r, b->count == 1);
    ck_assert_uint_eq(b->got[0].len, 8192);
    ck_assert_uint_eq(a->error_count, 0);
    rig_free(r);
}
END_TEST

/* ---- the queue ---- */

START_TEST(test_udp_full_queue_refuses_and_tells_when_it_is_not)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.queue_max = FLARE_UDP_QUEUE_MIN};
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0",
                &(struct flare_udp_options){.receive_buffer_bytes = 4 << 20});
    struct rig_end *a = rig_end(r, "127.0.0.1:0", &o);
    uint32_t sent = 0;
    int rc;

    rig_settle(r);
    while ((rc = flare_udp_send(a->udp, &b->addr, rig_str(large, 1000))) == 0)
        sent++;
    ck_assert_int_eq(rc, FLARE_E_OUTPUT_FULL);
    ck_assert_uint_le(flare_udp_queued(a->udp), FLARE_UDP_QUEUE_MIN);
    ck_assert_uint_ge(sent, FLARE_UDP_QUEUE_MIN / 1056 - 1);
    ck_assert_uint_eq(a->drains, 0);
    RIG_UNTIL(r, a->drains == 1);
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    RIG_UNTIL(r, b->count == sent);
    rig_settle(r);
    ck_assert_uint_eq(a->drains, 1);
    rig_free(r);
}
END_TEST

static void send_again(struct rig_end *e)
{
    while (flare_udp_send(e->udp, &e->rig->ends[0].addr,
                          rig_str(large, 1000)) == 0)
        ;
    if (e->drains == 3)
        e->on_drain = NULL;
}

START_TEST(test_udp_sends_from_on_drain)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.queue_max = FLARE_UDP_QUEUE_MIN};
    struct rig_end *a;

    (void)rig_end(r, "127.0.0.1:0", NULL);
    a = rig_end(r, "127.0.0.1:0", &o);
    a->on_drain = send_again;
    send_again(a);
    RIG_UNTIL(r, a->drains == 4);
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_full_kernel_is_waited_for)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    uint32_t polls;

    rig_settle(r);
    polls = r->polls_started;
    is_kernel_full = true;
    r->on_send = full_send;
    rig_send(a, &b->addr, "1");
    rig_turn(r, 0);
    rig_send(a, &b->addr, "2");
    ck_assert(a->udp->is_blocked);
    ck_assert_uint_eq(b->count, 0);
    ck_assert_uint_gt(r->polls_started, polls);
    is_kernel_full = false;
    RIG_UNTIL(r, b->count == 2);
    ck_assert_str_eq(b->got[0].bytes, "1");
    rig_settle(r);
    /* and POLLOUT is not watched any more */
    ck_assert_int_eq(a->udp->armed, POLLIN);
    ck_assert_uint_eq(r->polls_started, polls + 2);
    ck_assert_uint_eq(a->error_count, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_close_drops_what_a_full_kernel_does_not_take)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);

    is_kernel_full = true;
    r->on_send = full_send;
    rig_send(a, &a->addr, "1");
    rig_turn(r, 0);
    flare_udp_close(a->udp);
    RIG_UNTIL(r, a->closes == 1);
    rig_free(r);
}
END_TEST

/* ---- errors of one ---- */

/* Refuses what begins with "bad", as the kernel does: the first, or none. */
static int picky_send(struct rig *r, const struct flare__datagram *list,
                      uint32_t count)
{
    uint32_t n = 0;

    while (n < count &&
           (list[n].len < 3 || memcmp(list[n].data, "bad", 3) != 0))
        n++;
    if (n == 0)
        return -EPERM;
    return r->real->datagram_send(r->loop->backend, r->sock, list, n);
}

START_TEST(test_udp_bad_datagram_does_not_hold_back_the_others)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *c = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_send = picky_send;
    rig_send(a, &c->addr, "bad 1");
    rig_send(a, &b->addr, "good 1");
    rig_send(a, &c->addr, "bad 2");
    rig_send(a, &b->addr, "bad 3");
    rig_send(a, &b->addr, "good 2");
    rig_send(a, &c->addr, "bad 4");
    RIG_UNTIL(r, b->count == 2 && a->error_count == 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(a->errors[i], -EPERM);
        ck_assert(
            flare_addr_equal(&a->error_peers[i], i == 2 ? &b->addr : &c->addr));
    }
    ck_assert_str_eq(b->got[0].bytes, "good 1");
    ck_assert_str_eq(b->got[1].bytes, "good 2");
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    rig_free(r);
}
END_TEST

static void send_more(struct rig_end *e, int rc)
{
    (void)rc;
    rig_send(e, &e->addr, "from on_error");
}

START_TEST(test_udp_sends_from_on_error)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_send = picky_send;
    a->on_error = send_more;
    rig_send(a, &a->addr, "bad 1");
    rig_send(a, &a->addr, "bad 2");
    rig_send(a, &a->addr, "good");
    RIG_UNTIL(r, a->count == 3);
    ck_assert_uint_eq(a->error_count, 2);
    ck_assert_str_eq(a->got[0].bytes, "good");
    rig_free(r);
}
END_TEST

static void close_now(struct rig_end *e, int rc)
{
    (void)rc;
    flare_udp_close(e->udp);
}

START_TEST(test_udp_close_from_on_error_sends_the_rest_and_tells_nothing)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_send = picky_send;
    a->on_error = close_now;
    rig_send(a, &b->addr, "bad 1");
    rig_send(a, &b->addr, "bad 2");
    rig_send(a, &b->addr, "good");
    RIG_UNTIL(r, a->closes == 1 && b->count == 1);
    ck_assert_uint_eq(a->error_count, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_k16_refusal_told_to_a_send_does_not_cost_its_datagram)
{
    RIG_OPEN(r, _i);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    struct flare_addr peer = b->addr;
    char text[FLARE_ADDR_TEXT_MAX];
    struct rig_end *a;

    flare_udp_close(b->udp);
    RIG_UNTIL(r, b->closes == 1);
    a = rig_end(r, "", &(struct flare_udp_options){.peer = &peer});
    rig_settle(r);
    flare_udp_pause(a->udp); /* the answer is not read: the send meets it */
    rig_send(a, NULL, "lost");
    rig_settle(r);
    ck_assert_uint_eq(a->error_count, 0);
    flare_addr_format(&peer, text, sizeof(text));
    b = rig_end(r, text, NULL);
    rig_send(a, NULL, "not lost");
    RIG_UNTIL(r, b->count == 1);
    ck_assert_str_eq(b->got[0].bytes, "not lost");
    ck_assert_uint_eq(a->error_count, 1);
    ck_assert_int_eq(a->errors[0], -ECONNREFUSED);
    ck_assert(flare_addr_equal(&a->error_peers[0], &peer));
    rig_free(r);
}
END_TEST

START_TEST(test_k16_longer_than_the_way_takes_is_told_and_the_socket_lives)
{
    RIG_OPEN(r, _i);
    struct rig_end *six = NULL;
    int value = IPV6_PMTUDISC_DO; /* nothing is fragmented on the way */

    if (r->kind == RIG_SIM || rig_end_open(r, &six, "[::1]:0", NULL) < 0) {
        rig_free(r);
        TEST_SKIP("%s: no IPv6, or no way with a limit", rig_name(_i));
    }
    ck_assert_int_eq(r->ops.option(r->loop->backend, six->udp->fd.fd,
                                   IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value,
                                   sizeof(value)),
                     0);
    /* 65536 is loopback's, and IPv6's header has 40 bytes */
    rig_send(six, &six->addr, "before");
    ck_assert_int_eq(flare_udp_send(six->udp, &six->addr,
                                    rig_str(large, FLARE_UDP_V6_BYTES_MAX)),
                     0);
    rig_send(six, &six->addr, "after");
    RIG_UNTIL(r, six->count == 2);
    ck_assert_str_eq(six->got[1].bytes, "after");
    ck_assert_uint_eq(six->error_count, 1);
    ck_assert_int_eq(six->errors[0], -EMSGSIZE);
    rig_free(r);
}
END_TEST

/* ---- segments ---- */

static void send_segments(struct rig_end *a, const struct flare_addr *to,
                          size_t len, uint16_t segment)
{
    for (size_t i = 0; i < len; i++)
        large[i] = (char)(i / segment * 13 + i % segment);
    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, to, rig_str(large, len), segment), 0);
}

static void check_segments(const struct rig_end *b, size_t len,
                           uint16_t segment)
{
    size_t count = (len + segment - 1) / segment;

    ck_assert_uint_eq(b->count, count);
    for (size_t i = 0; i < count; i++) {
        size_t size = i + 1 < count ? segment : len - i * segment;

        ck_assert_uint_eq(b->got[i].len, size);
        for (size_t k = 0; k < size; k++)
            ck_assert_int_eq(b->got[i].bytes[k], (char)(i * 13 + k));
        ck_assert(!b->got[i].is_truncated);
    }
}

static const struct {
    const char *name;
    size_t len;
    uint16_t segment;
} segment_rows[] = {
    {"one byte", 1, 1},
    {"one short segment", 3, 1000},
    {"one whole segment", 1000, 1000},
    {"one and a byte", 1001, 1000},
    {"64 of them", 64000, 1000},
    {"65 of them", 6500, 100},
    {"64 of one byte", 64, 1},
    {"many of one byte", 150, 1},
    {"as many as a datagram holds", 65507, 1400},
    {"more than a datagram holds", 65508, 1400},
    {"larger than the way takes in one", 69000, 65500},
};

static void no_gso(struct rig_end *e)
{
    e->udp->caps &= (uint8_t)~FLARE_UDP_CAN_GSO;
}

START_TEST(test_udp_segments_arrive_as_datagrams)
{
    for (int way = 0; way < 4; way++) { /* with GRO or not, with GSO or not */
        for (int i = 0; i < ROWS(segment_rows); i++) {
            RIG_OPEN(r, _i);
            struct flare_udp_options o = {.gro = (way & 1) != 0,
                                          .receive_buffer_bytes = 4 << 20};
            struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
            struct rig_end *b = rig_end(r, "127.0.0.1:0", &o);
            size_t len = segment_rows[i].len;
            uint16_t segment = segment_rows[i].segment;

            if (way & 2)
                no_gso(a);
            send_segments(a, &b->addr, len, segment);
            RIG_UNTIL(r, b->count >= (len + segment - 1) / segment);
            check_segments(b, len, segment);
            ck_assert_uint_eq(a->error_count, 0);
            rig_free(r);
        }
    }
}
END_TEST

START_TEST(test_udp_segments_go_through_the_kernel_as_one)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.gro = true};
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", &o);

    if ((flare_udp_caps(a->udp) & FLARE_UDP_CAN_GSO) == 0 ||
        (flare_udp_caps(b->udp) & FLARE_UDP_CAN_GRO) == 0) {
        rig_free(r);
        TEST_SKIP("%s: no UDP_SEGMENT or no UDP_GRO", rig_name(_i));
    }
    ck_assert_uint_eq(flare_udp_caps(a->udp), FLARE_UDP_CAN_GSO);
    rig_settle(r);
    r->sends = r->recvs = 0;
    send_segments(a, &b->addr, 64000, 1000);
    RIG_UNTIL(r, b->count == 64);
    check_segments(b, 64000, 1000);
    ck_assert_uint_eq(r->sends, 1);
    ck_assert_uint_eq(r->recvs, 1);
    ck_assert_uint_eq(b->calls, 1); /* one on_datagrams has them all */
    rig_free(r);
}
END_TEST

static int no_segments_send(struct rig *r, const struct flare__datagram *list,
                            uint32_t count)
{
    uint32_t n = 0;

    while (n < count && list[n].segment == 0)
        n++;
    if (n == 0)
        return -EIO; /* a device that computes no checksums */
    return r->real->datagram_send(r->loop->backend, r->sock, list, n);
}

START_TEST(test_udp_segments_the_kernel_refuses_go_one_by_one)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_send = no_segments_send;
    send_segments(a, &b->addr, 10050, 100);
    RIG_UNTIL(r, b->count >= 101);
    check_segments(b, 10050, 100);
    ck_assert_uint_eq(a->error_count, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_segments_longer_than_the_way_takes_are_fragmented)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *six = NULL;

    /* with 65500 bytes on a loopback of 65536, and IPv6's longer header */
    if (rig_end_open(r, &six, "[::1]:0", NULL) < 0) {
        rig_free(r);
        TEST_SKIP("no IPv6 here");
    }
    send_segments(six, &six->addr, 65527, 65520);
    send_segments(a, &a->addr, 65507, 65506);
    RIG_UNTIL(r, six->count == 2 && a->count == 2);
    ck_assert_uint_eq(six->got[0].len, 65520);
    ck_assert_uint_eq(six->got[1].len, 7);
    ck_assert_uint_eq(a->got[0].len, 65506);
    ck_assert_uint_eq(a->got[1].len, 1);
    ck_assert_uint_eq(a->error_count + six->error_count, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_segments_are_queued_all_or_none)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.queue_max = FLARE_UDP_QUEUE_MIN};
    struct rig_end *a = rig_end(r, "127.0.0.1:0", &o);
    size_t queued;

    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, &a->addr, rig_str(large, 0), 100),
        -EINVAL);
    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, &a->addr, rig_str(large, 10), 0),
        -EINVAL);
    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, &a->addr, rig_str(large, 70000), 65508),
        FLARE_E_DATAGRAM_TOO_LARGE);
    /* never, as one */
    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, &a->addr, rig_str(large, 70000), 1000),
        -EMSGSIZE);
    ck_assert_uint_eq(flare_udp_queued(a->udp), 0);
    rig_send(a, &a->addr, "1");
    queued = flare_udp_queued(a->udp);
    ck_assert_int_eq(
        flare_udp_send_segments(a->udp, &a->addr, rig_str(large, 69600), 1000),
        FLARE_E_OUTPUT_FULL);
    ck_assert_uint_eq(flare_udp_queued(a->udp), queued);
    RIG_UNTIL(r, a->drains == 1 && a->count == 1);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/udp_send");
    TCase *tc = tcase_create("send");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, RIG_KINDS)
    EACH(test_k16_too_large_is_refused_before_any_system_call);
    EACH(test_k16_the_largest_arrives_whole);
    EACH(test_udp_send_says_what_is_wrong_with_the_address);
    EACH(test_udp_v6only_does_not_reach_ipv4);
    EACH(test_udp_sends_of_a_turn_leave_in_few_calls);
    EACH(test_udp_large_one_alone_leaves_at_once_and_uncopied);
    EACH(test_udp_large_ones_keep_their_order);
    EACH(test_udp_large_one_refused_at_once_is_told_later);
    EACH(test_udp_large_one_waits_for_a_full_kernel);
    EACH(test_udp_full_queue_refuses_and_tells_when_it_is_not);
    EACH(test_udp_sends_from_on_drain);
    EACH(test_udp_full_kernel_is_waited_for);
    EACH(test_udp_close_drops_what_a_full_kernel_does_not_take);
    EACH(test_udp_bad_datagram_does_not_hold_back_the_others);
    EACH(test_udp_sends_from_on_error);
    EACH(test_udp_close_from_on_error_sends_the_rest_and_tells_nothing);
    EACH(test_k16_refusal_told_to_a_send_does_not_cost_its_datagram);
    EACH(test_k16_longer_than_the_way_takes_is_told_and_the_socket_lives);
    EACH(test_udp_segments_arrive_as_datagrams);
    EACH(test_udp_segments_go_through_the_kernel_as_one);
    EACH(test_udp_segments_the_kernel_refuses_go_one_by_one);
    EACH(test_udp_segments_longer_than_the_way_takes_are_fragmented);
    EACH(test_udp_segments_are_queued_all_or_none);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
