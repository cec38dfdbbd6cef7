/* SPDX-License-Identifier: MIT */
/* Whether a peer takes what is sent to it, by what the system says. */
#include "net/stall.h"

#include "net/wire.h"

#include "tests/support/test.h"

#include <errno.h>

enum { TIMEOUT_MS = 1000, START_MS = 5000 };

static int64_t queued_now; /* what the system has, or -errno */

static int64_t queued(struct flare__backend *b, struct flare__sock *sock)
{
    (void)b;
    (void)sock;
    return queued_now;
}

static const struct flare__backend_ops ops = {.name = "fake", .queued = queued};

/* At each look, a quarter of a second apart: bytes out, and those queued. */
static const struct {
    const char *name;
    struct {
        uint32_t sent;
        int64_t queued;
    } looks[12];
    int stalled_at; /* the look that says so; -1: none */
} rows[] = {
    {"nothing is taken", {{0, 900}, {0, 900}, {0, 900}, {0, 900}, {0, 900}}, 4},
    {"nothing was sent", {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}, 4},
    {"a byte is acknowledged in time",
     {{0, 900},
      {0, 900},
      {0, 900},
      {0, 900},
      {0, 899},
      {0, 899},
      {0, 899},
      {0, 899},
      {0, 899}},
     8},
    {"what is acknowledged makes room for more",
     {{100, 900},
      {200, 900},
      {300, 900},
      {400, 900},
      {500, 900},
      {500, 900},
      {500, 900},
      {500, 900},
      {500, 900}},
     8},
    {"the first look has nothing to compare with",
     {{0, 500}, {0, 400}, {0, 400}, {0, 400}, {0, 400}, {0, 400}},
     5},
    {"the system does not tell, the count does",
     {{100, -EINVAL},
      {200, -EINVAL},
      {200, -EINVAL},
      {200, -EINVAL},
      {200, -EINVAL},
      {200, -EINVAL}},
     5},
    {"always some",
     {{0, 99},
      {0, 98},
      {0, 97},
      {0, 96},
      {0, 95},
      {0, 94},
      {0, 93},
      {0, 92},
      {0, 91},
      {0, 90},
      {0, 89},
      {0, 88}},
     -1},
};

START_TEST(test_stall_R03_is_a_time_without_progress)
{
    static struct flare_loop loop;
    struct flare__sock sock = {.fd = -1};
    struct flare__stall stall;

    loop.ops = &ops;
    flare__stall_start(&stall, START_MS, TIMEOUT_MS);
    for (int i = 0; i < 12; i++) {
        bool is_stalled;

        ck_assert_uint_eq(stall.look_ms,
                          START_MS + (uint64_t)(i + 1) * TIMEOUT_MS / 4);
        loop.now_ms = stall.look_ms;
        sock.sent = rows[_i].looks[i].sent;
        queued_now = rows[_i].looks[i].queued;
        is_stalled = flare__stall_look(&stall, &loop, &sock, TIMEOUT_MS);
        ck_assert_msg(is_stalled == (i == rows[_i].stalled_at), "%s: look %d",
                      rows[_i].name, i);
        if (is_stalled)
            return;
    }
}
END_TEST

/*
 * Under TLS one send is many: what has gone with those before counts as well,
 * though each of them counts from 0 and may be found where the last one was.
 */
START_TEST(test_stall_R03_a_filters_sends_are_one)
{
    static struct flare_loop loop;
    struct flare__wire_filter filter = {.sent = UINT32_MAX - 100000};
    struct flare__sock sock = {.fd = -1, .filter = &filter, .sent = 700};
    struct flare__stall stall;

    loop.ops = &ops;
    queued_now = 900;
    flare__stall_start(&stall, START_MS, TIMEOUT_MS);
    for (int i = 0; i < 16; i++) {
        loop.now_ms = stall.look_ms;
        ck_assert(!flare__stall_look(&stall, &loop, &sock, TIMEOUT_MS));
        filter.sent += 65624; /* of 256 KiB or of a file's MiB */
    }
    for (int i = 0; i <= FLARE__STALL_LOOKS; i++) {
        loop.now_ms = stall.look_ms;
        ck_assert_int_eq(flare__stall_look(&stall, &loop, &sock, TIMEOUT_MS),
                         i == FLARE__STALL_LOOKS);
    }
}
END_TEST

START_TEST(test_stall_times)
{
    struct flare__stall stall;

    flare__stall_start(&stall, 7, 1); /* never at once */
    ck_assert_uint_eq(stall.look_ms, 8);
    flare__stall_start(&stall, 7, 86400000);
    ck_assert_uint_eq(stall.look_ms, 7 + 21600000);
    flare__stall_start(&stall, 7, FLARE_UNLIMITED);
    ck_assert_uint_eq(stall.look_ms, UINT64_MAX);
    flare__stall_start(&stall, 7, 1);
    flare__stall_end(&stall);
    ck_assert_uint_eq(stall.look_ms, UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/stall");
    TCase *tc = tcase_create("stall");

    tcase_add_loop_test(tc, test_stall_R03_is_a_time_without_progress, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_stall_R03_a_filters_sends_are_one);
    tcase_add_test(tc, test_stall_times);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
