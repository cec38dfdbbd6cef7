/* SPDX-License-Identifier: MIT */
/* Streams: pausing, the queue's bounds, deadlines, what is given. */
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

/* ---- what is written as it comes ---- */

static uint32_t kept_count(void)
{
    struct flare__kept *kept = flare__home_of(rig.loop)->kept_free;
    uint32_t n = TCP_RIG_KEPT;

    for (; kept != NULL; kept = kept->next)
        n--;
    return n;
}

static int kept_most; /* at any time */

static void note_kept(struct tcp_end *end, enum tcp_end_call what)
{
    (void)end;
    (void)what;
    if ((int)kept_count() > kept_most)
        kept_most = (int)kept_count();
}

/* As it lies in its lease, and by another stream too. */
static void echo_oddly(struct tcp_end *end, enum tcp_end_call what)
{
    const struct flare_str data = flare__home_of(rig.loop)->delivered;

    if (what != TCP_END_DATA || data.len == 0)
        return;
    ck_assert_int_ge(flare_stream_write(end->stream, data), 0);
    ck_assert_int_ge(flare_stream_write(rig.ends[0].stream, data), 0);
    note_kept(end, what);
}

START_TEST(test_stream_what_is_written_as_it_comes_keeps_its_lease)
{
    struct tcp_end *other, *c, *s;

    EACH_BACKEND();
    kept_most = 0;
    (void)tcp_rig_pair(&rig, &other);
    c = tcp_rig_pair(&rig, &s);
    s->hook = echo_oddly;
    ck_assert_int_ge(tcp_rig_write(c, 0, 100000), 0);
    TCP_RIG_UNTIL(&rig, c->len == 100000 && other->len == 100000);
    ck_assert(tcp_rig_is_stream(c) && tcp_rig_is_stream(other));
    ck_assert_int_gt(kept_most, 0);
    TCP_RIG_UNTIL(&rig, kept_count() == 0);
    tcp_rig_close(&rig);
}
END_TEST

/* A peer that reads nothing holds no more leases than may be kept. */
START_TEST(test_stream_R07_leases_kept_are_bounded)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    kept_most = 0;
    rig.is_echo = true;
    for (int i = 0; i < 4; i++) {
        c = tcp_rig_pair(&rig, &s);
        flare_stream_pause(c->stream);
        s->hook = note_kept;
        for (size_t from = 0; from < 800000; from += 100000)
            ck_assert_int_ge(tcp_rig_write(c, from, from + 100000), 0);
    }
    tcp_rig_run(&rig, 50);
    ck_assert_int_gt(kept_most, 0);
    ck_assert_int_le(kept_most, TCP_RIG_KEPT);
    for (int i = 0; i < rig.count; i++)
        if (rig.ends[i].stream != NULL)
            flare_stream_abort(rig.ends[i].stream);
    TCP_RIG_UNTIL(&rig, kept_count() == 0);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- pausing ---- */

START_TEST(test_stream_K10_a_paused_one_takes_bounded_memory_and_loses_nothing)
{
    struct tcp_end *c, *s;
    size_t sent = 0;
    size_t seen;

    tcp_rig_init(&rig);
    rig.client.queue_max = rig.client.queue_high = 8 << 20;
    rig.client.send_buffer_bytes = 32 * 1024;
    rig.server.receive_buffer_bytes = 32 * 1024;
    if (tcp_rig_open(&rig, _i, NULL) < 0)
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    for (; sent < 6000000; sent += 100000)
        ck_assert_int_ge(tcp_rig_write(c, sent, sent + 100000), 0);
    tcp_rig_run(&rig, 50);
    ck_assert_uint_eq(s->len, 0);
    seen = flare_stream_queued(c->stream);
    ck_assert_uint_gt(seen, 1000000);
    tcp_rig_run(&rig, 50);
    ck_assert_uint_eq(flare_stream_queued(c->stream), seen);
    ck_assert_uint_le(s->stream->held.bytes, 1024 * 4096);
    flare_stream_shutdown(c->stream);
    flare_stream_resume(s->stream);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    ck_assert_uint_eq(s->len, sent);
    ck_assert(tcp_rig_is_stream(s));
    tcp_rig_close(&rig);
}
END_TEST

static void pause_each_time(struct tcp_end *end, enum tcp_end_call what)
{
    if (what == TCP_END_DATA)
        flare_stream_pause(end->stream);
}

START_TEST(test_stream_may_be_paused_after_each_piece)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    s->hook = pause_each_time;
    ck_assert_int_ge(tcp_rig_write(c, 0, 200000), 0);
    flare_stream_shutdown(c->stream);
    while (s->ends == 0) {
        int datas = s->datas;

        TCP_RIG_UNTIL(&rig, s->datas > datas || s->ends == 1);
        ck_assert_int_le(s->datas, datas + 1);
        tcp_rig_run(&rig, 0);
        ck_assert_int_le(s->datas, datas + 1);
        flare_stream_resume(s->stream);
    }
    ck_assert_uint_eq(s->len, 200000);
    ck_assert(tcp_rig_is_stream(s));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_the_end_waits_for_a_paused_one)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    tcp_rig_run(&rig, 1);
    ck_assert_int_ge(tcp_rig_write(c, 0, 10), 0);
    flare_stream_shutdown(c->stream);
    tcp_rig_run(&rig, 20);
    ck_assert_int_eq(s->ends, 0);
    ck_assert_uint_eq(s->len, 0);
    flare_stream_resume(s->stream);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    ck_assert_uint_eq(s->len, 10);
    tcp_rig_close(&rig);
}
END_TEST

/* ---- the queue ---- */

START_TEST(test_stream_marks_and_bound_of_the_queue)
{
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.queue_max = 500000;
    rig.client.queue_high = 300000;
    rig.client.queue_low = 100000;
    rig.client.send_buffer_bytes = 8192;
    rig.server.receive_buffer_bytes = 8192;
    if (tcp_rig_open(&rig, _i, NULL) < 0)
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    tcp_rig_run(&rig, 1);
    ck_assert_int_eq(tcp_rig_write(c, 0, 300000), 0);
    ck_assert_int_eq(tcp_rig_write(c, 300000, 300001), 1);
    ck_assert_int_eq(tcp_rig_write(c, 300001, 500000), 1);
    ck_assert_uint_eq(flare_stream_queued(c->stream), 500000);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")),
                     FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(flare_stream_give(c->stream, FLARE_STR("x"), NULL, NULL),
                     FLARE_E_OUTPUT_FULL);
    ck_assert_uint_eq(flare_stream_queued(c->stream), 500000);
    ck_assert_int_eq(c->drains, 0);
    flare_stream_resume(s->stream);
    TCP_RIG_UNTIL(&rig, c->drains == 1);
    ck_assert_uint_le(flare_stream_queued(c->stream), 100000);
    TCP_RIG_UNTIL(&rig, s->len == 500000);
    ck_assert(tcp_rig_is_stream(s));
    ck_assert_int_eq(c->drains, 1);
    tcp_rig_close(&rig);
}
END_TEST

static int given_back;

static void on_given_back(void *ctx, void *block)
{
    ck_assert_ptr_eq(ctx, &given_back);
    given_back++;
    free(block);
}

static int give(struct tcp_end *end, size_t len)
{
    char *bytes = malloc(len + 1);
    int rc;

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = tcp_rig_byte(i);
    rc = flare_stream_give(end->stream, (struct flare_str){bytes, len},
                           on_given_back, &given_back);
    if (rc < 0)
        free(bytes);
    return rc;
}

enum give_end { GIVE_SENT, GIVE_ABORT, GIVE_RESET, GIVE_CLOSE, GIVE_LOOP };

static const struct {
    const char *name;
    enum give_end end;
    size_t len;
    bool is_early; /* before it is connected */
    bool is_deaf;  /* the peer reads nothing */
} gives[] = {
    {"sent", GIVE_SENT, 100000, false, false},
    {"empty", GIVE_SENT, 0, false, false},
    {"early and sent", GIVE_SENT, 100000, true, false},
    {"aborted in this turn", GIVE_ABORT, 100000, false, false},
    {"aborted early", GIVE_ABORT, 100000, true, false},
    {"aborted under way", GIVE_ABORT, 1000000, false, true},
    {"reset under way", GIVE_RESET, 1000000, false, true},
    {"closed and sent", GIVE_CLOSE, 100000, false, false},
    {"the loop ends", GIVE_LOOP, 1000000, false, true},
    {"the loop ends early", GIVE_LOOP, 1000, true, false},
    {"the loop ends, empty", GIVE_LOOP, 0, true, false},
};

static void give_row(int row)
{
    struct tcp_end *c;
    struct tcp_end *s = NULL;

    given_back = 0;
    c = gives[row].is_early ? tcp_rig_dial(&rig) : tcp_rig_pair(&rig, &s);
    if (gives[row].is_deaf)
        flare_stream_pause(s->stream);
    tcp_rig_run(&rig, 0);
    ck_assert_int_ge(give(c, gives[row].len), 0);
    ck_assert_int_eq(given_back, 0);
    if (gives[row].is_deaf)
        tcp_rig_run(&rig, 20);
    if (gives[row].end == GIVE_SENT) {
        TCP_RIG_UNTIL(&rig, given_back == 1 && rig.count == 2 &&
                                rig.ends[1].len == gives[row].len);
        ck_assert(tcp_rig_is_stream(&rig.ends[1]));
    } else if (gives[row].end == GIVE_ABORT) {
        flare_stream_abort(c->stream);
        TCP_RIG_UNTIL(&rig, c->closes == 1);
    } else if (gives[row].end == GIVE_RESET) {
        flare_stream_abort(s->stream);
        TCP_RIG_UNTIL(&rig, c->closes == 1);
    } else if (gives[row].end == GIVE_CLOSE) {
        flare_stream_close(c->stream);
        TCP_RIG_UNTIL(&rig, s->ends == 1);
        ck_assert_uint_eq(s->len, gives[row].len);
    }
}

START_TEST(test_stream_what_is_given_comes_back_once)
{
    for (int row = 0; row < ROWS(gives); row++) {
        EACH_BACKEND();
        give_row(row);
        tcp_rig_close(&rig);
        ck_assert_msg(given_back == 1, "%s: %s: %d times", tcp_rig_name(_i),
                      gives[row].name, given_back);
    }
}
END_TEST

/* ---- deadlines, in virtual time ---- */

START_TEST(test_stream_a_silent_peer_is_left_after_read_timeout_ms)
{
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.read_timeout_ms = 1000;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    c = tcp_rig_pair(&rig, &s);
    for (int i = 0; i < 5; i++) {
        tcp_rig_run(&rig, 900);
        ck_assert_int_eq(flare_stream_write(s->stream, FLARE_STR("x")), 0);
    }
    tcp_rig_run(&rig, 999);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 2);
    ck_assert_int_eq(c->closes, 1);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(c->err.text, "192.0.2.1:80"));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_a_paused_one_does_not_time_out)
{
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.read_timeout_ms = 1000;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(c->stream);
    tcp_rig_run(&rig, 10000);
    ck_assert_int_eq(c->closes, 0);
    flare_stream_resume(c->stream);
    tcp_rig_run(&rig, 998);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 3);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_a_peer_that_takes_nothing_is_left)
{
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.write_timeout_ms = 4000;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    c = tcp_rig_pair(&rig, &s);
    flare_stream_pause(s->stream);
    tcp_rig_run(&rig, 1);
    ck_assert_int_ge(tcp_rig_write(c, 0, 1000000), 0);
    tcp_rig_run(&rig, 3990);
    ck_assert_int_eq(c->closes, 0);
    tcp_rig_run(&rig, 1100);
    ck_assert_int_eq(c->closes, 1);
    ck_assert_int_eq(c->rc, -ETIMEDOUT);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_a_closed_one_waits_so_long_for_the_peers_end)
{
    struct tcp_end *c, *s;

    tcp_rig_init(&rig);
    rig.client.close_timeout_ms = 500;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("bye")), 0);
    flare_stream_close(c->stream);
    tcp_rig_run(&rig, 499);
    ck_assert_int_eq(c->closes, 0);
    ck_assert_int_eq(s->ends, 1);
    tcp_rig_run(&rig, 3);
    ck_assert_int_eq(c->closes, 1);
    ck_assert_int_eq(c->rc, 0);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_one_that_wrote_nothing_closes_at_once)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    flare_stream_close(c->stream);
    TCP_RIG_UNTIL(&rig, c->closes == 1);
    ck_assert_int_eq(s->closes, 0);
    TCP_RIG_UNTIL(&rig, s->ends == 1);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_one_that_waits_for_nothing_has_no_timer)
{
    struct tcp_end *c, *s;

    EACH_BACKEND();
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")), 0);
    TCP_RIG_UNTIL(&rig, s->len == 1);
    tcp_rig_run(&rig, 1);
    ck_assert(!flare__timer_is_armed(&c->stream->timer));
    ck_assert(!flare__timer_is_armed(&s->stream->timer));
    /* but one whose bytes are not taken has */
    flare_stream_pause(s->stream);
    tcp_rig_run(&rig, 1);
    ck_assert_int_ge(tcp_rig_write(c, 0, 1000000), 0);
    tcp_rig_run(&rig, 1);
    ck_assert(c->stream->is_sending ==
              flare__timer_is_armed(&c->stream->timer));
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_stream_a_busy_one_touches_no_timer)
{
    struct tcp_end *c, *s;
    uint64_t expiry_ms;

    tcp_rig_init(&rig);
    rig.is_echo = true;
    rig.client.read_timeout_ms = 60000;
    ck_assert_int_eq(tcp_rig_open(&rig, TCP_RIG_SIM, NULL), 0);
    c = tcp_rig_pair(&rig, &s);
    ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")), 0);
    TCP_RIG_UNTIL(&rig, c->len == 1);
    expiry_ms = c->stream->timer.expiry_ms;
    for (size_t n = 2; n < 100; n++) {
        tcp_rig_run(&rig, 5);
        ck_assert_int_eq(flare_stream_write(c->stream, FLARE_STR("x")), 0);
        TCP_RIG_UNTIL(&rig, c->len == n);
        ck_assert(flare__timer_is_armed(&c->stream->timer));
        ck_assert_uint_eq(c->stream->timer.expiry_ms, expiry_ms);
    }
    tcp_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/stream_bounds");
    TCase *tc = tcase_create("stream");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc,
                        test_stream_what_is_written_as_it_comes_keeps_its_lease,
                        0, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_R07_leases_kept_are_bounded, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(
        tc, test_stream_K10_a_paused_one_takes_bounded_memory_and_loses_nothing,
        0, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_may_be_paused_after_each_piece, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_the_end_waits_for_a_paused_one, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_marks_and_bound_of_the_queue, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_what_is_given_comes_back_once, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_test(tc, test_stream_a_silent_peer_is_left_after_read_timeout_ms);
    tcase_add_test(tc, test_stream_a_paused_one_does_not_time_out);
    tcase_add_test(tc, test_stream_a_peer_that_takes_nothing_is_left);
    tcase_add_test(tc,
                   test_stream_a_closed_one_waits_so_long_for_the_peers_end);
    tcase_add_loop_test(tc, test_stream_one_that_wrote_nothing_closes_at_once,
                        0, TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_one_that_waits_for_nothing_has_no_timer,
                        0, TCP_RIG_BACKENDS);
    tcase_add_test(tc, test_stream_a_busy_one_touches_no_timer);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
