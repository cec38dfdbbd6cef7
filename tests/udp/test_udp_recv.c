/* SPDX-License-Identifier: MIT */
/*
 * Batches in, on every backend: what arrives, how it is cut, errors, the share
 * of a turn.  FAILURES K16.
 */
#include "udp/udp.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <string.h>

static void send_bytes(struct rig_end *from, const struct flare_addr *to,
                       size_t len, int value)
{
    static char bytes[65536];

    memset(bytes, value, len);
    ck_assert_int_eq(flare_udp_send(from->udp, to, rig_str(bytes, len)), 0);
}

START_TEST(test_k16_a_datagram_of_no_bytes_is_one_and_no_end)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    uint32_t recvs;

    rig_send(a, &b->addr, "");
    RIG_UNTIL(r, b->count == 1);
    ck_assert_uint_eq(b->got[0].len, 0);
    ck_assert(!b->got[0].is_truncated);
    ck_assert(flare_addr_equal(&b->got[0].peer, &a->addr));
    /* nobody goes round in circles about it */
    rig_settle(r);
    recvs = r->recvs;
    rig_settle(r);
    ck_assert_uint_eq(r->recvs, recvs);
    ck_assert_uint_eq(r->loop->task_count, 0);
    ck_assert_uint_eq(b->count, 1);
    /* between others, too */
    rig_send(a, &b->addr, "before");
    rig_send(a, &b->addr, "");
    rig_send(a, &b->addr, "after");
    RIG_UNTIL(r, b->count == 4);
    ck_assert_str_eq(b->got[1].bytes, "before");
    ck_assert_uint_eq(b->got[2].len, 0);
    ck_assert_str_eq(b->got[3].bytes, "after");
    ck_assert_uint_eq(b->error_count, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_k16_a_longer_datagram_is_cut_and_said_to_be)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0",
                &(struct flare_udp_options){.datagram_bytes_max = 100});
    static const size_t lens[] = {99, 100, 101, 40000, 7};

    for (size_t i = 0; i < 5; i++)
        send_bytes(a, &b->addr, lens[i], 'a' + (int)i);
    RIG_UNTIL(r, b->count == 5);
    for (size_t i = 0; i < 5; i++) {
        size_t len = lens[i] < 100 ? lens[i] : 100;

        ck_assert_uint_eq(b->got[i].len, len);
        ck_assert_int_eq(b->got[i].is_truncated, lens[i] > 100);
        for (size_t k = 0; k < len; k++)
            ck_assert_int_eq(b->got[i].bytes[k], 'a' + (int)i);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_k16_refusal_of_an_earlier_one_is_told_and_the_socket_lives)
{
    RIG_OPEN(r, _i);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    struct flare_addr peer = b->addr;
    char text[FLARE_ADDR_TEXT_MAX];
    struct rig_end *a;

    flare_udp_close(b->udp); /* its port is nobody's now */
    RIG_UNTIL(r, b->closes == 1);
    a = rig_end(r, "127.0.0.1:0", &(struct flare_udp_options){.peer = &peer});
    rig_send(a, NULL, "anybody?");
    RIG_UNTIL(r, a->error_count == 1);
    ck_assert_int_eq(a->errors[0], -ECONNREFUSED);
    ck_assert(flare_addr_equal(&a->error_peers[0], &peer));
    /* somebody comes, and is heard */
    flare_addr_format(&peer, text, sizeof(text));
    b = rig_end(r, text, NULL);
    rig_send(a, NULL, "hello");
    RIG_UNTIL(r, b->count == 1);
    rig_send(b, &b->got[0].peer, "back");
    RIG_UNTIL(r, a->count == 1);
    ck_assert_uint_eq(a->error_count, 1);
    ck_assert_uint_eq(a->closes, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_k16_a_connected_socket_hears_its_peer_alone)
{
    RIG_OPEN(r, _i);
    struct rig_end *peer = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *stranger = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *a = rig_end(
        r, "127.0.0.1:0", &(struct flare_udp_options){.peer = &peer->addr});

    rig_settle(r); /* it is connected */
    rig_send(stranger, &a->addr, "spoofed");
    rig_settle(r);
    rig_send(peer, &a->addr, "mine");
    RIG_UNTIL(r, a->count > 0);
    rig_settle(r);
    ck_assert_uint_eq(a->count, 1);
    ck_assert_str_eq(a->got[0].bytes, "mine");
    rig_free(r);
}
END_TEST

/* Between bind and connect the port is open to all. */
static int early_stranger(struct rig *r, const struct sockaddr *addr,
                          socklen_t len)
{
    struct flare__datagram one = {.data = (void *)(uintptr_t) "early",
                                  .len = 5};
    struct rig_end *stranger = &r->ends[1];
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(storage);

    (void)addr;
    (void)len;
    ck_assert_int_eq(r->real->local(r->loop->backend, r->sock, &storage, &size),
                     0);
    memcpy(&one.addr, &storage, sizeof(storage));
    one.addr_len = size;
    ck_assert_int_eq(
        r->real->datagram_send(r->loop->backend, &stranger->udp->sock, &one, 1),
        1);
    return 0;
}

START_TEST(test_udp_drops_what_strangers_sent_before_it_was_connected)
{
    RIG_OPEN(r, _i);
    struct rig_end *peer = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *a;

    (void)rig_end(r, "127.0.0.1:0", NULL);
    r->on_connect = early_stranger;
    a = rig_end(r, "127.0.0.1:0",
                &(struct flare_udp_options){.peer = &peer->addr});
    rig_settle(r);
    ck_assert_uint_eq(a->count, 0);
    rig_send(peer, &a->addr, "mine");
    RIG_UNTIL(r, a->count > 0);
    ck_assert_str_eq(a->got[0].bytes, "mine");
    rig_free(r);
}
END_TEST

START_TEST(test_udp_takes_many_with_one_call_and_in_order)
{
    static const uint32_t batches[] = {1, 2, 16, 64};

    for (size_t k = 0; k < 4; k++) {
        RIG_OPEN(r, _i);
        struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
        struct rig_end *b = rig_end(
            r, "127.0.0.1:0", &(struct flare_udp_options){.batch = batches[k]});

        rig_settle(r);
        flare_udp_pause(b->udp);
        for (uint32_t i = 0; i < 100; i++) {
            char text[16];

            (void)snprintf(text, sizeof(text), "%u", i);
            rig_send(a, &b->addr, text);
        }
        rig_settle(r);
        r->recvs = 0;
        flare_udp_resume(b->udp);
        RIG_UNTIL(r, b->count == 100);
        for (uint32_t i = 0; i < 100; i++)
            ck_assert_int_eq((int)strtol(b->got[i].bytes, NULL, 10), (int)i);
        ck_assert_uint_le(b->list_max, batches[k]);
        rig_settle(r);
        /* one more where the last batch was full, and said nothing */
        ck_assert_uint_le(r->recvs, 100 / batches[k] + 2);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_udp_single_datagram_is_one_receive)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->recvs = r->sends = r->polls_started = 0;
    for (uint32_t i = 1; i <= 50; i++) {
        rig_send(a, &b->addr, "ping");
        RIG_UNTIL(r, b->count == i);
    }
    ck_assert_uint_eq(r->recvs, 50);
    ck_assert_uint_eq(r->sends, 50);
    ck_assert_uint_eq(r->polls_started, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_allocates_nothing_for_a_datagram)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);
    uint64_t allocs;

    rig_send(a, &b->addr, "first");
    RIG_UNTIL(r, b->count == 1);
    allocs = r->fault->allocs;
    for (uint32_t i = 2; i <= 200; i++) {
        rig_send(a, &b->addr, "more");
        RIG_UNTIL(r, b->count == i);
    }
    if (r->kind != RIG_SIM) /* whose network is memory */
        ck_assert_uint_eq(r->fault->allocs, allocs);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_asks_for_few_where_few_come_and_for_more_at_once)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0", &(struct flare_udp_options){.batch = 64});

    ck_assert_uint_eq(b->udp->ask, 64);
    for (uint32_t i = 1; i <= 100; i++) {
        rig_send(a, &b->addr, "x");
        RIG_UNTIL(r, b->count == i);
    }
    ck_assert_uint_eq(b->udp->ask, FLARE__UDP_ASK_MIN);
    flare_udp_pause(b->udp);
    for (uint32_t i = 0; i < 59; i++)
        rig_send(a, &b->addr, "x");
    rig_settle(r);
    r->recvs = 0;
    flare_udp_resume(b->udp);
    RIG_UNTIL(r, b->count == 159);
    rig_settle(r);
    ck_assert_uint_eq(r->recvs, 4); /* of 4, 8, 16 and 32 */
    rig_free(r);
}
END_TEST

/* ---- the share of a turn ---- */

/* Never ends: as if there were always more. */
static int endless_recv(struct rig *r, struct flare__datagram *list,
                        uint32_t count)
{
    static const char text[] = "flood";
    struct flare_addr from = rig_addr("127.0.0.1:9");

    (void)r;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(list[i].data, text, 5);
        list[i].len = 5;
        list[i].segment = 0;
        list[i].is_truncated = false;
        list[i].addr_len =
            flare__udp_addr_write((uint8_t *)&list[i].addr, &from, false);
    }
    return (int)count;
}

START_TEST(test_udp_flood_has_its_share_of_a_turn)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    r->on_recv = endless_recv;
    rig_send(a, &b->addr, "!");
    RIG_UNTIL(r, b->count > 0);
    for (uint32_t turns = 1; turns <= 5; turns++) {
        uint32_t count = b->count;

        /* an event's share, and that of the turn's end */
        rig_turn(r, 0);
        ck_assert_uint_gt(b->count, count); /* without an event */
        ck_assert_uint_le(b->count - count, 2 * FLARE__UDP_TURN_MAX + 16);
    }
    flare_udp_pause(b->udp);
    r->on_recv = NULL;
    rig_free(r);
}
END_TEST

START_TEST(test_udp_takes_all_of_a_burst_without_another_event)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0",
                &(struct flare_udp_options){.receive_buffer_bytes = 4 << 20});
    uint32_t sent = 500;

    rig_settle(r);
    flare_udp_pause(b->udp);
    for (uint32_t i = 0; i < sent; i++)
        rig_send(a, &b->addr, "x");
    rig_settle(r);
    flare_udp_resume(b->udp);
    for (int i = 0; i < 50; i++)
        rig_turn(r, r->kind == RIG_SIM ? 1 : 0);
    /* more than a turn's share, though the kernel may have dropped some; the
     * simulated one holds no more than 256 */
    ck_assert_uint_ge(b->count, FLARE__UDP_TURN_MAX + (r->kind != RIG_SIM));
    ck_assert(!b->udp->is_readable);
    rig_free(r);
}
END_TEST

/* ---- errors ---- */

static int failing_recv(struct rig *r, struct flare__datagram *list,
                        uint32_t count)
{
    (void)r;
    (void)list;
    (void)count;
    return -ENOMEM;
}

START_TEST(test_udp_receives_that_fail_and_fail_wait_a_while)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_recv = failing_recv;
    rig_send(a, &b->addr, "x");
    RIG_UNTIL(r, b->error_count == FLARE__UDP_ERRORS_MAX);
    for (int i = 0; i < 20; i++)
        rig_turn(r, 0);
    ck_assert_uint_eq(b->error_count, FLARE__UDP_ERRORS_MAX);
    ck_assert_int_eq(b->errors[0], -ENOMEM);
    ck_assert_int_eq(b->error_peers[0].kind, FLARE_ADDR_NONE);
    r->on_recv = NULL; /* memory is back: it goes on by itself */
    RIG_UNTIL(r, b->count == 1);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_may_be_closed_while_it_waits_after_errors)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);

    r->on_recv = failing_recv;
    rig_send(a, &a->addr, "x");
    RIG_UNTIL(r, a->error_count == FLARE__UDP_ERRORS_MAX);
    flare_udp_close(a->udp);
    RIG_UNTIL(r, a->closes == 1);
    ck_assert_uint_eq(flare__wheel_next(&r->loop->wheel), UINT64_MAX);
    rig_free(r);
}
END_TEST

static void close_on_error(struct rig_end *e, int rc)
{
    (void)rc;
    flare_udp_close(e->udp);
}

START_TEST(test_udp_close_in_on_error_ends_it)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);

    a->on_error = close_on_error;
    r->on_recv = failing_recv;
    rig_send(a, &a->addr, "x");
    RIG_UNTIL(r, a->closes == 1);
    ck_assert_uint_eq(a->error_count, 1);
    rig_free(r);
}
END_TEST

/* ---- several in one (GRO) ---- */

/* Ten of 7 bytes and one of 3 in a buffer; then one alone. */
static int merged_recv(struct rig *r, struct flare__datagram *list,
                       uint32_t count)
{
    struct flare_addr from = rig_addr("127.0.0.1:9");

    ck_assert_uint_ge(count, 2);
    r->on_recv = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        list[i].addr_len =
            flare__udp_addr_write((uint8_t *)&list[i].addr, &from, false);
        list[i].is_truncated = false;
        list[i].segment = i == 0 ? 7 : 0;
        list[i].len = i == 0 ? 73 : 5;
        for (uint32_t k = 0; k < list[i].len; k++)
            ((char *)list[i].data)[k] = (char)('A' + (i == 0 ? k / 7 : 25));
    }
    return 2;
}

static void pause_list(struct rig_end *e, const struct flare_datagram *list,
                       size_t count)
{
    (void)list;
    (void)count;
    flare_udp_pause(e->udp);
}

START_TEST(test_udp_merged_datagrams_come_one_by_one)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", NULL);

    rig_settle(r);
    r->on_recv = merged_recv;
    rig_send(a, &b->addr, "go");
    RIG_UNTIL(r, b->count >= 12);
    for (uint32_t i = 0; i < 12; i++) {
        char letter = (char)('A' + (i == 11 ? 25 : i));

        ck_assert_uint_eq(b->got[i].len, i == 11 ? 5 : i == 10 ? 3 : 7);
        ck_assert_int_eq(b->got[i].bytes[0], letter);
        ck_assert_int_eq(b->got[i].bytes[b->got[i].len - 1], letter);
    }
    ck_assert_uint_eq(b->calls, 1);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_each_of_the_merged_is_cut_by_itself)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b =
        rig_end(r, "127.0.0.1:0",
                &(struct flare_udp_options){.datagram_bytes_max = 73});

    rig_settle(r);
    b->udp->datagram_bytes_max = 6; /* the buffers of GRO are larger */
    r->on_recv = merged_recv;
    rig_send(a, &b->addr, "go");
    RIG_UNTIL(r, b->count >= 12);
    for (uint32_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(b->got[i].len, i == 11 ? 5 : i == 10 ? 3 : 6);
        ck_assert_int_eq(b->got[i].is_truncated, i < 10);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_udp_pause_in_the_middle_of_the_merged_loses_nothing)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.gro = true};
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct rig_end *b = rig_end(r, "127.0.0.1:0", &o);
    static char bytes[5 * 200];

    if ((flare_udp_caps(b->udp) & FLARE_UDP_CAN_GRO) == 0) {
        rig_free(r);
        TEST_SKIP("%s: no UDP_GRO", rig_name(_i));
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i / 5);
    b->on_list = pause_list;
    ck_assert_int_eq(flare_udp_send_segments(a->udp, &b->addr,
                                             rig_str(bytes, sizeof(bytes)), 5),
                     0);
    RIG_UNTIL(r, b->calls == 1);
    while (b->count < 200) {
        uint32_t calls = b->calls;

        rig_settle(r);
        ck_assert_uint_eq(b->calls, calls);
        flare_udp_resume(b->udp);
        RIG_UNTIL(r, b->calls > calls);
    }
    for (uint32_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(b->got[i].len, 5);
        ck_assert_int_eq(b->got[i].bytes[0], (char)i);
        ck_assert_int_eq(b->got[i].bytes[4], (char)i);
    }
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/udp_recv");
    TCase *tc = tcase_create("recv");

    tcase_set_timeout(tc, 30);
#define EACH(test) tcase_add_loop_test(tc, test, 0, RIG_KINDS)
    EACH(test_k16_a_datagram_of_no_bytes_is_one_and_no_end);
    EACH(test_k16_a_longer_datagram_is_cut_and_said_to_be);
    EACH(test_k16_refusal_of_an_earlier_one_is_told_and_the_socket_lives);
    EACH(test_k16_a_connected_socket_hears_its_peer_alone);
    EACH(test_udp_drops_what_strangers_sent_before_it_was_connected);
    EACH(test_udp_takes_many_with_one_call_and_in_order);
    EACH(test_udp_single_datagram_is_one_receive);
    EACH(test_udp_asks_for_few_where_few_come_and_for_more_at_once);
    EACH(test_udp_allocates_nothing_for_a_datagram);
    EACH(test_udp_flood_has_its_share_of_a_turn);
    EACH(test_udp_takes_all_of_a_burst_without_another_event);
    EACH(test_udp_receives_that_fail_and_fail_wait_a_while);
    EACH(test_udp_may_be_closed_while_it_waits_after_errors);
    EACH(test_udp_close_in_on_error_ends_it);
    EACH(test_udp_merged_datagrams_come_one_by_one);
    EACH(test_udp_each_of_the_merged_is_cut_by_itself);
    EACH(test_udp_pause_in_the_middle_of_the_merged_loses_nothing);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
