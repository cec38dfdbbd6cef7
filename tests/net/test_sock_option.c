/* SPDX-License-Identifier: MIT */
/* Wishes, as a kernel and as a list of calls. */
#include "net/sock_option.h"

#include "tests/support/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* ---- a backend that writes down what it is asked for ---- */

enum { CALLS_MAX = 16 };

static struct {
    int level, name, value;
} calls[CALLS_MAX];
static int call_count;
static int fail_at; /* the call that fails; 0: none */

static int note(struct flare__backend *b, int fd, int level, int name,
                const void *value, socklen_t len)
{
    (void)b;
    ck_assert_int_eq(fd, 7);
    ck_assert_int_lt(call_count, CALLS_MAX);
    ck_assert_uint_ge(len, sizeof(int));
    calls[call_count].level = level;
    calls[call_count].name = name;
    memcpy(&calls[call_count].value, value, sizeof(int));
    call_count++;
    return call_count == fail_at ? -EPERM : 0;
}

static const struct flare__backend_ops noted = {.option = note};

static int apply(const struct flare__sock_wishes *w, int family)
{
    call_count = 0;
    return flare__sock_apply(&noted, NULL, 7, family, w);
}

static bool was_called(int level, int name, int value)
{
    for (int i = 0; i < call_count; i++)
        if (calls[i].level == level && calls[i].name == name)
            return calls[i].value == value;
    return false;
}

static const struct flare__sock_wishes all = {
    .send_buffer_bytes = 10000,
    .receive_buffer_bytes = 20000,
    .keepalive_idle_s = 30,
    .keepalive_interval_s = 40,
    .keepalive_count = 5,
    .user_timeout_ms = 6000,
    .linger_s = 7,
    .has_linger = true,
    .keepalive = true,
    .nodelay = true,
};

START_TEST(test_sock_option_nothing_wished_is_nothing_asked)
{
    const struct flare__sock_wishes none = {.nodelay = false};

    fail_at = 0;
    ck_assert_int_eq(apply(&none, AF_INET), 0);
    ck_assert_int_eq(call_count, 0);
    ck_assert_int_eq(
        apply(&(struct flare__sock_wishes){.keepalive_idle_s = 5}, AF_INET), 0);
    ck_assert_int_eq(call_count, 0);
}
END_TEST

START_TEST(test_sock_option_each_wish_is_one_call)
{
    fail_at = 0;
    ck_assert_int_eq(apply(&all, AF_INET6), 0);
    ck_assert_int_eq(call_count, 9);
    ck_assert(was_called(SOL_SOCKET, SO_SNDBUF, 10000));
    ck_assert(was_called(SOL_SOCKET, SO_RCVBUF, 20000));
    ck_assert(was_called(SOL_SOCKET, SO_LINGER, 1));
    ck_assert(was_called(SOL_SOCKET, SO_KEEPALIVE, 1));
    ck_assert(was_called(IPPROTO_TCP, TCP_NODELAY, 1));
    ck_assert(was_called(IPPROTO_TCP, TCP_KEEPINTVL, 40));
    ck_assert(was_called(IPPROTO_TCP, TCP_KEEPCNT, 5));
}
END_TEST

START_TEST(test_sock_option_unix_sockets_have_none_of_tcps)
{
    fail_at = 0;
    ck_assert_int_eq(apply(&all, AF_UNIX), 0);
    ck_assert_int_eq(call_count, 3);
    for (int i = 0; i < call_count; i++)
        ck_assert_int_eq(calls[i].level, SOL_SOCKET);
}
END_TEST

START_TEST(test_sock_option_the_first_refusal_ends_it)
{
    for (fail_at = 1; fail_at <= 9; fail_at++) {
        ck_assert_int_eq(apply(&all, AF_INET), -EPERM);
        ck_assert_int_eq(call_count, fail_at);
    }
}
END_TEST

START_TEST(test_sock_option_hints_may_be_refused)
{
    fail_at = 1;
    call_count = 0;
    flare__sock_late_port(&noted, NULL, 7);
    call_count = 0;
    flare__sock_fast_open(&noted, NULL, 7, 0);
    call_count = 0;
    flare__sock_fast_open(&noted, NULL, 7, 16);
    ck_assert_int_le(call_count, 1);
    fail_at = 0;
    call_count = 0;
    ck_assert_int_eq(flare__sock_delay(&noted, NULL, 7), 0);
    ck_assert(was_called(IPPROTO_TCP, TCP_NODELAY, 0));
}
END_TEST

/* What the system has of them is asked for. */
START_TEST(test_sock_option_hints_are_asked_for)
{
    call_count = 0;
    flare__sock_late_port(&noted, NULL, 7);
#ifdef IP_BIND_ADDRESS_NO_PORT
    ck_assert(was_called(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
#endif
    call_count = 0;
    flare__sock_fast_open(&noted, NULL, 7, 16);
#ifdef TCP_FASTOPEN
    ck_assert(was_called(IPPROTO_TCP, TCP_FASTOPEN, 16));
#endif
    call_count = 0;
    flare__sock_fast_open(&noted, NULL, 7, 0);
#ifdef TCP_FASTOPEN_CONNECT
    ck_assert(was_called(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1));
#endif
}
END_TEST

/* ---- the kernel's answer ---- */

static int real_option(struct flare__backend *b, int fd, int level, int name,
                       const void *value, socklen_t len)
{
    (void)b;
    return setsockopt(fd, level, name, value, len) < 0 ? -errno : 0;
}

static const struct flare__backend_ops real = {.option = real_option};

START_TEST(test_sock_option_the_kernel_takes_every_wish)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};

    for (int i = 0; i < ROWS(families); i++) {
        int fd = socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            TEST_SKIP("no sockets of family %d here", families[i]);
        ck_assert_int_eq(flare__sock_apply(&real, NULL, fd, families[i], &all),
                         0);
        if (families[i] != AF_UNIX) {
            flare__sock_late_port(&real, NULL, fd);
            flare__sock_fast_open(&real, NULL, fd, 0);
            ck_assert_int_eq(flare__sock_delay(&real, NULL, fd), 0);
        }
        (void)close(fd); /* it was for its options */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/sock_option");
    TCase *tc = tcase_create("sock_option");

    tcase_add_test(tc, test_sock_option_nothing_wished_is_nothing_asked);
    tcase_add_test(tc, test_sock_option_each_wish_is_one_call);
    tcase_add_test(tc, test_sock_option_unix_sockets_have_none_of_tcps);
    tcase_add_test(tc, test_sock_option_the_first_refusal_ends_it);
    tcase_add_test(tc, test_sock_option_hints_may_be_refused);
    tcase_add_test(tc, test_sock_option_hints_are_asked_for);
    tcase_add_test(tc, test_sock_option_the_kernel_takes_every_wish);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
