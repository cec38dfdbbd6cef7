/* SPDX-License-Identifier: MIT */
/* Telling the service manager, and not being able to. */
#include "net/notify.h"

#include "tests/support/test.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* A manager at an abstract name of this process. */
static int manager(char *variable, size_t size)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    (void)snprintf(variable, size, "@flare-test-%ld", (long)getpid());
    memcpy(un.sun_path + 1, variable + 1, strlen(variable) - 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                      strlen(variable))),
                     0);
    return fd;
}

START_TEST(test_notify_says_what_it_is_told)
{
    struct flare__notify n;
    char variable[64];
    char got[128] = "";
    char expected[128];
    int fd = manager(variable, sizeof(variable));

    ck_assert_int_eq(setenv("NOTIFY_SOCKET", variable, 1), 0);
    ck_assert_int_eq(flare__notify_open(&n), 0);
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0); /* never read again */
    ck_assert_int_eq(flare__notify_ready(&n), 0);
    ck_assert_int_gt(recv(fd, got, sizeof(got) - 1, 0), 0);
    (void)snprintf(expected, sizeof(expected), "READY=1\nMAINPID=%ld",
                   (long)getpid());
    ck_assert_str_eq(got, expected);
    ck_assert_int_eq(flare__notify_send(&n, FLARE_STR("STOPPING=1")), 0);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), 10);
    flare__notify_close(&n);
    flare__sock_close(fd);
}
END_TEST

START_TEST(test_notify_never_blocks)
{
    struct flare__notify n;
    char variable[64];
    int fd = manager(variable, sizeof(variable));
    int rc = 0;

    ck_assert_int_eq(setenv("NOTIFY_SOCKET", variable, 1), 0);
    ck_assert_int_eq(flare__notify_open(&n), 0);
    for (int i = 0; i < 100000 && rc == 0; i++)
        rc = flare__notify_send(&n, FLARE_STR("STATUS=full"));
    ck_assert_int_eq(rc, -EAGAIN);
    flare__sock_close(fd);
    ck_assert_int_eq(flare__notify_send(&n, FLARE_STR("x")), -ECONNREFUSED);
    flare__notify_close(&n);
    ck_assert_int_eq(flare__notify_send(&n, FLARE_STR("x")), 0);
}
END_TEST

static const struct {
    const char *value; /* NULL: not set */
    int rc;
} variables[] = {
    {NULL, 0},
    {"", 0},
    {"relative", -EAFNOSUPPORT},
    {"vsock:2:1", -EAFNOSUPPORT},
    {"/", -ENAMETOOLONG},
    {"@", -ENAMETOOLONG},
    {"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "x"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     -ENAMETOOLONG},
};

START_TEST(test_notify_nobody_is_told_without_an_address)
{
    struct flare__notify n;

    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    if (variables[_i].value != NULL)
        ck_assert_int_eq(setenv("NOTIFY_SOCKET", variables[_i].value, 1), 0);
    ck_assert_int_eq(flare__notify_open(&n), variables[_i].rc);
    ck_assert_int_eq(n.fd, -1);
    ck_assert_int_eq(flare__notify_ready(&n), 0);
}
END_TEST

static Suite *notify_suite(void)
{
    Suite *suite = suite_create("net/notify");
    TCase *tc = tcase_create("notify");

    tcase_add_test(tc, test_notify_says_what_it_is_told);
    tcase_add_test(tc, test_notify_never_blocks);
    tcase_add_loop_test(tc, test_notify_nobody_is_told_without_an_address, 0,
                        ROWS(variables));
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(notify_suite());
}
