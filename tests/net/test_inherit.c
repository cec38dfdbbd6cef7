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

/* Descriptors 3 and 4 listen, 5 does not; "web" and "admin" are twice there. */
static const struct {
    const char *text;
    const char *fds; /* LISTEN_FDS */
    const char *names;
    int rc;
} meant[] = {
    {"fd:3", "0", NULL, 0},
    {"fd:4", NULL, NULL, 0},
    {"fd:5", NULL, NULL, -EINVAL},
    {"fd:", NULL, NULL, FLARE_E_BAD_ADDRESS},
    {"fd:-3", NULL, NULL, FLARE_E_BAD_ADDRESS},
    {"fd:03", NULL, NULL, FLARE_E_BAD_ADDRESS},
    {"fd:3 ", NULL, NULL, FLARE_E_BAD_ADDRESS},
    {"fd:99999999999", NULL, NULL, FLARE_E_BAD_ADDRESS},
    {"fd:2000000000", NULL, NULL, -EBADF},
    {"inherit:", "1", NULL, 0},
    {"inherit:", "2", NULL, FLARE_E_BAD_CONFIG},
    {"inherit:", "0", NULL, FLARE_E_BAD_CONFIG},
    {"inherit:", "x", NULL, FLARE_E_BAD_CONFIG},
    {"inherit:", NULL, NULL, FLARE_E_BAD_CONFIG},
    {"inherit:web", "2", "web:admin", 0},
    {"inherit:admin", "2", "web:admin", 0},
    {"inherit:admin", "2", "admin:admin", FLARE_E_BAD_CONFIG},
    {"inherit:we", "2", "web:admin", FLARE_E_BAD_CONFIG},
    {"inherit:odd", "3", "web:admin:odd", -EINVAL},
};

/*
 * With them in their places, where Check has its own: nothing is asserted
 * meanwhile.  `*flags` are those of the copy.
 */
static int open_meant(const char *text, int *fd, int *flags,
                      struct flare_error *err)
{
    int given[3];
    int before[3];
    int rc;

    for (int i = 0; i < 3; i++) {
        int s = socket(AF_INET, SOCK_STREAM, 0);

        given[i] = fcntl(s, F_DUPFD, 100);
        flare__sock_close(s);
        if (i < 2)
            (void)listen(given[i], 1);
    }
    for (int i = 0; i < 3; i++)
        before[i] = fcntl(FLARE__INHERIT_FIRST + i, F_DUPFD, 100);
    for (int i = 0; i < 3; i++)
        (void)dup2(given[i], FLARE__INHERIT_FIRST + i);
    rc = flare__inherit_open(fd, flare_str(text), err);
    *flags = fcntl(*fd, F_GETFD);
    for (int i = 0; i < 3; i++) {
        if (before[i] >= 0)
            (void)dup2(before[i], FLARE__INHERIT_FIRST + i);
        else
            flare__sock_close(FLARE__INHERIT_FIRST + i);
        flare__sock_close(before[i]);
        flare__sock_close(given[i]);
    }
    return rc;
}

START_TEST(test_inherit_opens_the_one_that_is_meant)
{
    struct flare_error err = {0};
    int flags;
    int fd = -1;
    int rc;

    put("LISTEN_PID", "$");
    put("LISTEN_FDS", meant[_i].fds);
    put("LISTEN_FDNAMES", meant[_i].names);
    ck_assert(flare__inherit_is(flare_str(meant[_i].text)));
    rc = open_meant(meant[_i].text, &fd, &flags, &err);
    ck_assert_msg(rc == meant[_i].rc, "%s: %d, %s", meant[_i].text, rc,
                  err.text);
    if (rc < 0) {
        ck_assert_int_eq(fd, -1);
        ck_assert_int_eq(err.code, rc);
        return;
    }
    ck_assert_int_gt(fd, FLARE__INHERIT_FIRST + 2);
    ck_assert_int_eq(flags, FD_CLOEXEC);
    flare__sock_close(fd);
}
END_TEST

START_TEST(test_inherit_is_told_from_an_address)
{
    static const char *const others[] = {
        "", "fd", "inherit", "127.0.0.1:80", "unix:fd:3", "FD:3", " fd:3"};

    for (size_t i = 0; i < ROWS(others); i++)
        ck_assert_msg(!flare__inherit_is(flare_str(others[i])), "%s",
                      others[i]);
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
    tcase_add_loop_test(tc, test_inherit_opens_the_one_that_is_meant, 0,
                        ROWS(meant));
    tcase_add_test(tc, test_inherit_is_told_from_an_address);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(inherit_suite());
}
