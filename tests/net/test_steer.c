/* SPDX-License-Identifier: MIT */
/* Connections come to the sockets that are up, and to all of them. */
#include "net/steer.h"

#include "base/alloc.h"
#include "net/listen_set.h"
#include "tests/support/test.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { SOCKETS = 4, CONNECTIONS = 64 };

static struct flare__listen_set group(void)
{
    struct flare__listen_set set;
    const struct flare__listen_config config = {
        .al = &flare__allocator_default,
        .list = "127.0.0.1:0",
        .workers = SOCKETS,
    };

    ck_assert_int_eq(flare__listen_set_open(&set, &config, NULL), 0);
    return set;
}

/* Connects many times; how many came to each socket. */
static void spread(const struct flare__listen_set *set, int *came)
{
    struct flare__addr addr;

    ck_assert_int_eq(flare__sock_local(set->sockets[0].fd, &addr), 0);
    for (int i = 0; i < SOCKETS; i++)
        came[i] = 0;
    for (int n = 0; n < CONNECTIONS; n++) {
        struct pollfd waits[SOCKETS];
        int fd = flare__sock_open(&addr);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(
            connect(fd, (struct sockaddr *)&addr.storage, addr.len), 0);
        for (int i = 0; i < SOCKETS; i++)
            waits[i] = (struct pollfd){set->sockets[i].fd, POLLIN, 0};
        ck_assert_int_eq(poll(waits, SOCKETS, 5000), 1);
        for (int i = 0; i < SOCKETS; i++) {
            if (waits[i].revents == 0)
                continue;
            came[i]++;
            flare__sock_close(accept(set->sockets[i].fd, NULL, NULL));
        }
        flare__sock_close(fd);
    }
}

static const struct {
    const char *name;
    bool is_up[SOCKETS];
} rows[] = {
    {"all", {true, true, true, true}},
    {"none, so all", {false, false, false, false}},
    {"the first", {true, false, false, false}},
    {"the last", {false, false, false, true}},
    {"two in the middle", {false, true, true, false}},
    {"all but one", {true, true, false, true}},
};

/* Emulators of a processor, and other systems, have none. */
static bool has_steering(void)
{
    struct flare__listen_set set = group();
    int rc = flare__steer(set.sockets[0].fd, rows[2].is_up, SOCKETS,
                          &flare__allocator_default);

    flare__listen_set_free(&set);
    return rc != -ENOPROTOOPT && rc != -EOPNOTSUPP;
}

START_TEST(test_steer_only_what_is_up_gets_connections)
{
    struct flare__listen_set set;
    bool is_any = false;
    int came[SOCKETS];

    if (!has_steering())
        TEST_SKIP("no programs for a group of sockets here");
    set = group();
    ck_assert_int_eq(flare__steer(set.sockets[0].fd, rows[_i].is_up, SOCKETS,
                                  &flare__allocator_default),
                     0);
    spread(&set, came);
    for (int i = 0; i < SOCKETS; i++)
        is_any |= rows[_i].is_up[i];
    for (int i = 0; i < SOCKETS; i++)
        ck_assert_msg((came[i] > 0) == (rows[_i].is_up[i] || !is_any),
                      "%s: %d came to %d", rows[_i].name, came[i], i);
    flare__listen_set_free(&set);
}
END_TEST

START_TEST(test_steer_all_is_as_before)
{
    struct flare__listen_set set;
    int came[SOCKETS];

    if (!has_steering())
        TEST_SKIP("no programs for a group of sockets here");
    set = group();
    for (size_t r = 2; r < sizeof(rows) / sizeof(rows[0]) + 1; r++) {
        size_t row = r % (sizeof(rows) / sizeof(rows[0]));

        ck_assert_int_eq(flare__steer(set.sockets[row % SOCKETS].fd,
                                      rows[row].is_up, SOCKETS,
                                      &flare__allocator_default),
                         0);
    }
    spread(&set, came);
    for (int i = 0; i < SOCKETS; i++)
        ck_assert_int_gt(came[i], 0);
    flare__listen_set_free(&set);
}
END_TEST

START_TEST(test_steer_errors_are_returned)
{
    if (!has_steering())
        TEST_SKIP("no programs for a group of sockets here");
    ck_assert_int_eq(
        flare__steer(-1, rows[2].is_up, SOCKETS, &flare__allocator_default),
        -EBADF);
    ck_assert_int_eq(
        flare__steer(-1, rows[0].is_up, SOCKETS, &flare__allocator_default),
        -EBADF);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/steer");
    TCase *tc = tcase_create("steer");

    tcase_add_loop_test(tc, test_steer_only_what_is_up_gets_connections, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_steer_all_is_as_before);
    tcase_add_test(tc, test_steer_errors_are_returned);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
