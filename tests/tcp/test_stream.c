/* SPDX-License-Identifier: MIT */
/* Streams, both ends of them: bytes and ends, on every backend. */
#include "tests/tcp/tcp_rig.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tcp_rig rig;

#define EACH_BACKEND()                                                         \
    if (!tcp_rig_start(&rig, _i))                                              \
    return

/* ---- bytes ---- */

START_TEST(test_stream_bytes_go_both_ways_and_both_ends_end)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("ping")), 0);
    TCP_RIG_UNTIL(&rig, s->len == 4);
    ck_assert_int_eq(flare_stream_write(s->stream, FLARE_STR("pong!")), 0);
    TCP_RIG_UNTIL(&rig, c->len == 5);
    ck_assert_mem_eq(s->got, "ping", 4);
    ck_assert_mem_eq(c->got, "pong!", 5);
    flare_stream_shutdown(c->stream);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    ck_assert_int_eq(c->ends, 0);
    flare_stream_shutdown(s->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_int_eq(c->ends, 1);
    ck_assert_int_eq(c->rc, 0);
    ck_assert_int_eq(s->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_what_is_written_before_it_is_open_is_sent_first)
{
    struct tcp_end *c;

    EACH_BACKEND();
    c = tcp_rig_dial(&rig);
    ck_assert_int_eq(tcp_rig_write(c, 0, 100), 0);
    ck_assert_uint_eq(flare_stream_queued(c->stream), 100);
    flare_stream_shutdown(c->stream);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1 && rig.ends[1].ends == 1);
    ck_assert_uint_eq(rig.ends[1].len, 100);
    ck_assert(tcp_rig_is_stream(&rig.ends[1]));
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")), -EPIPE);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_large_amounts_arrive_whole_with_backpressure)
{
    struct tcp_end *c, *s;
    size_t sent = 0;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    while (sent < 4000000) {
        size_t n = 4000000 - sent < 50000 ? 4000000 - sent : 50000;

        if (tcp_rig_write(c, sent, sent + n) == 1)
            TCP_RIG_UNTIL(&rig, flare_stream_queued(c->stream) <= 64 * 1024);
        sent += n;
    }
    TCP_RIG_UNTIL(&rig, s->len == sent);
    ck_assert(tcp_rig_is_stream(s));
    ck_assert_int_ge(c->drains, 1);
    tcp_rig_close(&rig);
}
END_TEST

/* Each seed cuts sends, arrivals and receives somewhere else. */
START_TEST(test_stream_K06_K07_no_cut_loses_or_repeats_a_byte)
{
    static const enum flare__sim_fault cuts[] = {
        FLARE__SIM_NET_CUT,    FLARE__SIM_RECV_CUT,     FLARE__SIM_SEND_CUT,
        FLARE__SIM_RECV_ENDED, FLARE__SIM_RELEASE_LATE, FLARE__SIM_POOL_EMPTY,
        FLARE__SIM_LATENCY,    FLARE__SIM_CANCEL_LATE,  FLARE__SIM_CLOG};

    for (uint64_t seed = 1; seed <= 60; seed++) {
        const struct flare__sim_config config = {.seed = seed, .is_calm = true};
        struct tcp_end *c, *s;

        tcp_rig_init(&rig);
        rig.is_echo = true;
        ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, &config), 0);
        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
            flare__sim_rate_set(rig.world, cuts[i],
                                seed % (i + 2) == 0 ? 0 : 400);
        c = tcp_rig_pair(&rig, &s);
        for (size_t n = 1, at = 0; at < 20000; at += n, n = n * 3 % 4001 + 1)
            ck_assert_int_ge(tcp_rig_write(c, at, at + n), 0);
        flare_stream_shutdown(c->stream);
        TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
        ck_assert_int_eq(c->rc, 0);
        ck_assert_uint_eq(c->len, s->len);
        ck_assert_uint_ge(c->len, 20000);
        ck_assert(tcp_rig_is_stream(c) && tcp_rig_is_stream(s));
        tcp_rig_close(&rig);
    }
}
END_TEST

START_TEST(test_stream_knows_its_ends_loop_and_context)
{
    struct tcp_end *c, *s;
    struct flare_addr a, b;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_ptr_eq(flare_stream_loop(c->stream), rig.loop);
    ck_assert_ptr_eq(flare_stream_ctx(c->stream), c);
    a = flare_stream_peer(c->stream);
    ck_assert(flare_addr_equal(&a, &rig.addr));
    b = flare_stream_local(s->stream);
    ck_assert(flare_addr_equal(&a, &b));
    a = flare_stream_local(c->stream);
    b = flare_stream_peer(s->stream);
    ck_assert(flare_addr_equal(&a, &b));
    flare_stream_abort(c->stream);
    a = flare_stream_local(c->stream);
    ck_assert_int_eq(a.kind, FLARE_ADDR_NONE);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- ends ---- */

START_TEST(test_stream_K02_a_half_closed_peer_still_gets_its_answer)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("?")), 0);
    flare_stream_shutdown(c->stream);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    ck_assert_int_ge(tcp_rig_write(s, 0, 300000), 0);
    flare_stream_close(s->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_uint_eq(c->len, 300000);
    ck_assert(tcp_rig_is_stream(c));
    ck_assert_int_eq(c->rc, 0);
    ck_assert_int_eq(s->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_close_sends_what_is_queued_first)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_ge(tcp_rig_write(c, 0, 700000), 0);
    flare_stream_close(c->stream);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")), -EPIPE);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    ck_assert_uint_eq(s->len, 700000);
    ck_assert(tcp_rig_is_stream(s));
    flare_stream_close(s->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_int_eq(c->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_K03_a_close_with_unread_input_resets_nothing)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    ck_assert_int_ge(tcp_rig_write(c, 0, 200000), 0);
    tcp_rig_run(&rig, 20);
    ck_assert_int_ge(tcp_rig_write(s, 0, 100000), 0);
    flare_stream_close(s->stream);
    TCP_RIG_UNTIL(&rig, c->ends == 1);
    ck_assert_uint_eq(c->len, 100000);
    ck_assert(tcp_rig_is_stream(c));
    flare_stream_close(c->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_int_eq(s->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

/*
 * What a close has handed to the kernel outlives close_timeout_ms: a peer that
 * reads late still gets all of it and then the end, and no reset.
 */
START_TEST(test_stream_K03_a_peer_that_reads_after_the_timeout_gets_all)
{
    enum { BYTES = 100000 };
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.close_timeout_ms = 20;
    rig.client.send_buffer_bytes = 2 * BYTES; /* it is all in our kernel, */
    rig.server.receive_buffer_bytes = 8192;   /* and little of it in its */
    if (tcp_rig_open(&rig, _i, NULL) < 0)
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    ck_assert_int_ge(tcp_rig_write(c, 0, BYTES), 0);
    flare_stream_close(c->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(c->rc, 0);
    ck_assert_int_eq(s->ends, 0);
    flare_stream_resume(s->stream);
    TCP_RIG_UNTIL(&rig, s->ends == 1 || s->closes == 1);
    ck_assert_int_eq(s->ends, 1);
    ck_assert_uint_eq(s->len, BYTES);
    ck_assert(tcp_rig_is_stream(s));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_without_on_end_the_peers_end_is_its_own)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_handle(s->stream, &tcp_rig_no_end, s);
    ck_assert_int_ge(tcp_rig_write(s, 0, 5000), 0);
    flare_stream_shutdown(c->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_uint_eq(c->len, 5000);
    ck_assert_int_eq(s->rc, 0);
    ck_assert_int_eq(c->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_abort_resets_the_other_end)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_abort(c->stream);
    flare_stream_abort(c->stream); /* nothing */
    flare_stream_close(c->stream);
    ck_assert_int_eq(c->closes, 0);
    TCP_RIG_UNTIL(&rig, c->closes == 1 && s->closes == 1);
    ck_assert_int_eq(c->rc, -ECONNABORTED);
    ck_assert_int_eq(s->rc, -ECONNRESET);
    ck_assert_ptr_nonnull(strstr(s->err.text, "onnection reset"));
    ck_assert_msg(strchr(s->err.text, ':') != NULL, "%s", s->err.text);
    tcp_rig_close(&rig);
}
END_TEST

/* When the reset comes: after how much, and what the other end is doing. */
static const struct {
    const char *name;
    size_t sent; /* by the end that is reset, read by nobody */
    bool is_shut, is_paused, is_closing;
} resets[] = {
    {"K01 K09 idle", 0, false, false, false},
    {"K01 sending", 900000, false, false, false},
    {"K01 K04 after its FIN", 0, true, false, false},
    {"K01 sending, then FIN", 900000, true, false, false},
    {"K01 paused and sending", 900000, false, true, false},
    {"K01 closing", 900000, false, false, true},
    {"K01 closing, all sent", 10, false, false, true},
};

START_TEST(test_stream_a_reset_at_any_stage_ends_it_once)
{
    for (int row = 0; row < ROWS(resets); row++) {
        struct tcp_end *c, *s;

        EACH_BACKEND();
        c = tcp_rig_pair(&rig, &s);
        flare_stream_pause(c->stream);
        tcp_rig_run(&rig, 1);
        if (resets[row].sent > 0)
            ck_assert_int_ge(tcp_rig_write(s, 0, resets[row].sent), 0);
        if (resets[row].is_paused)
            flare_stream_pause(s->stream);
        if (resets[row].is_shut)
            flare_stream_shutdown(s->stream);
        if (resets[row].is_closing)
            flare_stream_close(s->stream);
        tcp_rig_run(&rig, 20);
        flare_stream_abort(c->stream);
        tcp_rig_run(&rig, 20);
        if (s->stream != NULL) /* paused, all in the kernel: it sees nothing */
            flare_stream_resume(s->stream);
        tcp_rig_run(&rig, 100);
        ck_assert_msg(c->closes == 1 && s->closes == 1, "%s: %s",
                      tcp_rig_name(_i), resets[row].name);
        ck_assert_msg(s->rc == -ECONNRESET || s->rc == -EPIPE, "%s: %s: %d",
                      tcp_rig_name(_i), resets[row].name, s->rc);
        tcp_rig_close(&rig);
    }
}
END_TEST

/* What it said before it left comes first, though sending has failed. */
START_TEST(test_stream_the_last_words_of_a_peer_that_resets_are_heard)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream); /* what it leaves unread makes a reset */
    ck_assert_int_ge(tcp_rig_write(c, 0, 900000), 0);
    tcp_rig_run(&rig, 20);
    ck_assert_int_ge(tcp_rig_write(s, 0, 3000), 0);
    TCP_RIG_UNTIL(&rig, flare_stream_queued(s->stream) == 0);
    flare_stream_abort(s->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_uint_eq(c->len, 3000);
    ck_assert_msg(c->rc == -ECONNRESET || c->rc == -EPIPE, "%d", c->rc);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_the_end_of_the_loop_ends_what_is_open)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_ge(tcp_rig_write(c, 0, 900000), 0);
    (void)tcp_rig_dial(&rig);
    ck_assert_ptr_nonnull(s);
    flare_loop_free(rig.loop);
    rig.loop = NULL;
    for (int i = 0; i < rig.count; i++)
        ck_assert_int_eq(rig.ends[i].rc, FLARE_E_STOPPED);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- a descriptor of one's own ---- */

START_TEST(test_stream_adopts_a_connected_socket)
{
    struct tcp_end *a, *b;
    struct flare_tcp_options o;
    struct flare_error err;
    int fds[2];

    EACH_BACKEND();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    a = tcp_rig_end(&rig);
    b = tcp_rig_end(&rig);
    o = rig.client;
    o.queue_low = 10;
    o.queue_high = 5;
    ck_assert_int_eq(flare_stream_adopt(rig.loop, &a->stream, fds[0], &o, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "queue_low"));
    o = rig.client;
    o.keepalive = true; /* means nothing here */
    o.ctx = a;
    ck_assert_int_eq(flare_stream_adopt(rig.loop, &a->stream, fds[0], &o, &err),
                     0);
    o.ctx = b;
    o.tls_client = NULL;
    o.tls_server = rig.server.tls_server;
    ck_assert_int_eq(flare_stream_adopt(rig.loop, &b->stream, fds[1], &o, &err),
                     0);
    ck_assert_int_ge(tcp_rig_write(a, 0, 500000), 0);
    TCP_RIG_UNTIL(&rig, b->len == 500000);
    ck_assert(tcp_rig_is_stream(b));
    ck_assert_int_eq(a->opens, rig.server.tls_server != NULL);
    flare_stream_close(a->stream);
    TCP_RIG_UNTIL(&rig, b->ends == 1);
    tcp_rig_close(&rig);
    ck_assert_int_lt(close(fds[0]), 0); /* it was taken */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/stream");
    TCase *tc = tcase_create("stream");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_stream_bytes_go_both_ways_and_both_ends_end, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(
        tc, test_stream_what_is_written_before_it_is_open_is_sent_first, 0,
        TCP_RIG_BACKENDS);
    tcase_add_loop_test(
        tc, test_stream_large_amounts_arrive_whole_with_backpressure, 0,
        TCP_RIG_BACKENDS);
    tcase_add_test(tc, test_stream_K06_K07_no_cut_loses_or_repeats_a_byte);
    tcase_add_loop_test(tc, test_stream_knows_its_ends_loop_and_context, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(
        tc, test_stream_K02_a_half_closed_peer_still_gets_its_answer, 0,
        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_close_sends_what_is_queued_first, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(
        tc, test_stream_K03_a_close_with_unread_input_resets_nothing, 0,
        TCP_RIG_BACKENDS);
    /* the world's windows are smaller than what a kernel holds */
    tcase_add_loop_test(
        tc, test_stream_K03_a_peer_that_reads_after_the_timeout_gets_all,
        TCP_RIG_EPOLL, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_without_on_end_the_peers_end_is_its_own,
                        0, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_abort_resets_the_other_end, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_a_reset_at_any_stage_ends_it_once, 0,
                        TCP_RIG_BACKENDS);
    /* the world's descriptors and resets are its own */
    tcase_add_loop_test(
        tc, test_stream_the_last_words_of_a_peer_that_resets_are_heard,
        TCP_RIG_EPOLL, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_the_end_of_the_loop_ends_what_is_open,
                        0, TCP_RIG_BACKENDS);
    /* the world's descriptors and resets are its own */
    tcase_add_loop_test(tc, test_stream_adopts_a_connected_socket,
                        TCP_RIG_EPOLL, TCP_RIG_BACKENDS);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
