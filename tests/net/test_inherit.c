/* SPDX-License-Identifier: MIT */
/* What the service manager gave: the environment, names, and the checks. */
#include "net/inherit.h"

#include "net/sock.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "$" in `pid` stands for this process. */
static const struct {
    const char *name;
    const char *pid;
    const char *fds;
    int rc;
    uint32_t count;
} environments[] = {
    {"nothing is set", NULL, NULL, 0, 0},
    {"no LISTEN_FDS", "$", NULL, 0, 0},
    {"no LISTEN_PID", NULL, "2", 0, 0},
    {"two", "$", "2", 0, 2},
    {"none", "$", "0", 0, 0},
    {"of another process", "1", "2", 0, 0},
    {"of another, and bad", "1", "x", 0, 0},
    {"empty pid", "", "2", FLARE_E_BAD_CONFIG, 0},
    {"pid with a sign", "+1", "2", FLARE_E_BAD_CONFIG, 0},
    {"pid is a word", "self", "2", FLARE_E_BAD_CONFIG, 0},
    {"pid overflows", "99999999999999999999", "2", FLARE_E_BAD_CONFIG, 0},
    {"empty number", "$", "", FLARE_E_BAD_CONFIG, 0},
    {"negative number", "$", "-1", FLARE_E_BAD_CONFIG, 0},
    {"number with a space", "$", "2 ", FLARE_E_BAD_CONFIG, 0},
    {"too many", "$", "1000001", FLARE_E_BAD_CONFIG, 0},
};

static void put(const char *name, const char *value)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    if (value == NULL)
        ck_assert_int_eq(unsetenv(name), 0);
    else
        ck_assert_int_eq(setenv(name, strcmp(value, "$") == 0 ? pid : value, 1),
                         0);
}

START_TEST(test_inherit_reads_the_environment_strictly)
{
    struct flare__inherit in;
    struct flare_error err = {0};
    int rc;

    put("LISTEN_PID", environments[_i].pid);
    put("LISTEN_FDS", environments[_i].fds);
    rc = flare__inherit_read(&in, &err);
    ck_assert_msg(rc == environments[_i].rc, "%s: %d", environments[_i].name,
                  rc);
    ck_assert_uint_eq(in.count, environments[_i].count);
    ck_assert(rc == 0 || strstr(err.text, "LISTEN_") != NULL);
}
END_TEST

static const struct {
    const char *names;
    const char *expected[3];
} names[] = {
    {NULL, {"unknown", "unknown", "unknown"}},
    {"web", {"web", "unknown", "unknown"}},
    {"web:admin", {"web", "admin", "unknown"}},
    {":b:", {"", "b", ""}},
    {"", {"", "unknown", "unknown"}},
};

START_TEST(test_inherit_names_are_in_order)
{
    struct flare__inherit in = {.count = 3, .names = names[_i].names};

    for (uint32_t i = 0; i < 3; i++)
        ck_assert(flare_str_equal(flare__inherit_name(&in, i),
                                  flare_str(names[_i].expected[i])));
}
END_TEST

START_TEST(test_inherit_takes_listening_streams_only)
{
    struct flare_error err;
    int pipes[2];
    int fd;

    ck_assert_int_eq(flare__inherit_check(999, &err), -EBADF);
    ck_assert_ptr_nonnull(strstr(err.text, "descriptor 999"));
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(flare__inherit_check(pipes[0], &err), -ENOTSOCK);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(flare__inherit_check(fd, &err), -EPROTOTYPE);
    flare__sock_close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(flare__inherit_check(fd, &err), -EINVAL);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(flare__inherit_check(fd, &err), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    flare__sock_close(fd);
    flare__sock_close(pipes[0]);
    flare__sock_close(pipes[1]);
}
END_TEST

static Suite *inherit_suite(void)
{
    Suite *suite = suite_create("net/inherit");
    TCase *tc = tcase_create("inherit");

    tcase_add_loop_test(tc, test_inherit_reads_the_environment_strictly, 0,
                        ROWS(environments));
    tcase_add_loop_test(tc, test_inherit_names_are_in_order, 0, ROWS(names));
    tcase_add_test(tc, test_inherit_takes_listening_streams_only);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(inherit_suite());
}
