/* SPDX-License-Identifier: MIT */
/* The choice of the backend, on machines that deny io_uring. */
#include "net/choose.h"

#include "base/alloc.h"
#include "tests/support/deny_uring.h"
#include "tests/support/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct lines {
    int count;
    char last[300];
};

static void count_line(enum flare_log_level level, const char *text, void *ctx)
{
    struct lines *lines = ctx;

    (void)level;
    lines->count++;
    (void)snprintf(lines->last, sizeof(lines->last), "%s", text);
}

struct choice {
    const struct flare__backend_ops *ops;
    struct flare_error why;
    struct lines lines;
    int rc;
};

/* Chooses, and closes again what was chosen. */
static struct choice choose(const char *wanted)
{
    struct choice c = {.rc = 0};
    const struct flare__log log = {.fn = count_line, .ctx = &c.lines};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log};
    struct flare__backend *b = NULL;

    c.rc = flare__backend_choose(&c.ops, &b, wanted, &config, &c.why);
    if (c.rc == 0)
        c.ops->free(b);
    return c;
}

/* Whether this machine has io_uring at all. */
static bool has_uring(void)
{
    return flare_backend_probe("uring", NULL) == 0;
}

/* What is said of a denied one is not said of one that was never built. */
static bool is_built(void)
{
    char info[600];

    (void)flare_build_info(info, sizeof(info));
    return strstr(info, " uring") != NULL;
}

static void setup(void)
{
    ck_assert_int_eq(unsetenv("FLARE_BACKEND"), 0);
}

START_TEST(test_choice_by_ladder_takes_uring_where_it_works)
{
    struct choice c;

    if (!has_uring())
        TEST_SKIP("no io_uring here");
    c = choose(NULL);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_str_eq(c.ops->name, "uring");
    ck_assert_int_eq(c.lines.count, 0);
}
END_TEST

START_TEST(test_choice_by_name_is_obeyed)
{
    struct choice c = choose("epoll");

    ck_assert_int_eq(c.rc, 0);
    ck_assert_str_eq(c.ops->name, "epoll");
    ck_assert_int_eq(setenv("FLARE_BACKEND", "epoll", 1), 0);
    c = choose(NULL);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_str_eq(c.ops->name, "epoll");
    c = choose("auto");
    ck_assert_str_eq(c.ops->name, "epoll");
}
END_TEST

START_TEST(test_choice_by_option_beats_the_environment)
{
    struct choice c;

    ck_assert_int_eq(setenv("FLARE_BACKEND", "nonsense", 1), 0);
    c = choose("epoll");
    ck_assert_int_eq(c.rc, 0);
    ck_assert_str_eq(c.ops->name, "epoll");
}
END_TEST

/* Known everywhere, so never BAD_CONFIG; built for the BSDs, and with a
 * stand-in for tests. */
START_TEST(test_choice_of_kqueue_is_known_whether_built_or_not)
{
    struct choice c = choose("kqueue");
    char info[600];

    (void)flare_build_info(info, sizeof(info));
    if (strstr(info, " kqueue") != NULL) {
        ck_assert_int_eq(c.rc, 0);
        ck_assert_str_eq(c.ops->name, "kqueue");
        return;
    }
    ck_assert_int_eq(c.rc, FLARE_E_BACKEND_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(c.why.text, "not in this build"));
}
END_TEST

static const char *const unknown[] = {"io_uring", "Uring", "kqueues", "epoll ",
                                      "uring,epoll"};

START_TEST(test_choice_of_an_unknown_name_is_bad_config)
{
    struct choice c = choose(unknown[_i]);

    ck_assert_int_eq(c.rc, FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(c.why.code, FLARE_E_BAD_CONFIG);
    ck_assert_msg(strstr(c.why.text, unknown[_i]), "%s", c.why.text);
    ck_assert_int_eq(setenv("FLARE_BACKEND", unknown[_i], 1), 0);
    c = choose(NULL);
    ck_assert_int_eq(c.rc, FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(flare_backend_probe(unknown[_i], NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

START_TEST(test_probe_tells_what_works)
{
    struct flare_error why = {.code = 0};

    ck_assert_int_eq(flare_backend_probe("epoll", &why), 0);
    ck_assert_int_eq(flare_backend_probe(NULL, &why), FLARE_E_BAD_CONFIG);
}
END_TEST

START_TEST(test_build_info_is_one_line_cut_to_size)
{
    char whole[600];
    char part[10] = "xxxxxxxxx";
    size_t n = flare_build_info(whole, sizeof(whole));

    ck_assert_uint_eq(n, strlen(whole));
    ck_assert_ptr_nonnull(strstr(whole, "flare " FLARE_VERSION));
    ck_assert_ptr_nonnull(strstr(whole, "epoll"));
#ifdef FLARE_HAVE_OPENSSL
    ck_assert_ptr_nonnull(strstr(whole, ", with OpenSSL"));
#else
    ck_assert_ptr_null(strstr(whole, "OpenSSL"));
#endif
    ck_assert_ptr_null(strchr(whole, '\n'));
    ck_assert_uint_eq(flare_build_info(NULL, 0), n);
    ck_assert_uint_eq(flare_build_info(part, sizeof(part)), n);
    ck_assert_uint_eq(strlen(part), sizeof(part) - 1);
}
END_TEST

/* ---- io_uring denied */

static const struct denial {
    const char *name;
    unsigned calls;
    int error;
    const char *said;
} denials[] = {
    {"no io_uring in the kernel", DENY_ALL, ENOSYS, "ENOSYS"},
    {"sysctl or container", DENY_ALL, EPERM, "seccomp"},
    {"container, as EACCES", DENY_ALL, EACCES, "seccomp"},
    {"memlock of an old kernel", DENY_SETUP, ENOMEM, "RLIMIT_MEMLOCK"},
    {"flag unknown", DENY_SETUP, EINVAL, "6.1"},
    {"no descriptor left", DENY_SETUP, EMFILE, "EMFILE"},
    {"set-up passes, enter does not", DENY_ENTER, EPERM, "first operation"},
    {"set-up passes, register does not", DENY_REGISTER, EPERM, "buffers"},
};

static int denied_falls_back(void *ctx)
{
    const struct denial *d = ctx;
    char info[600];
    struct choice c;

    CHILD_CHECK(deny_uring(d->calls, d->error) == 0);
    c = choose(NULL);
    CHILD_CHECK(c.rc == 0 && strcmp(c.ops->name, "epoll") == 0);
    CHILD_CHECK(c.lines.count == 1);
    CHILD_CHECK(strstr(c.lines.last, d->said) != NULL);
    (void)flare_build_info(info, sizeof(info));
    CHILD_CHECK(strstr(info, d->said) != NULL);
    return 0;
}

START_TEST(test_I01_denied_uring_falls_back_to_epoll_and_says_why)
{
    if (!is_built())
        TEST_SKIP("built without liburing");
    if (!deny_uring_works())
        TEST_SKIP("no seccomp filters here");
    ck_assert_msg(in_child(denied_falls_back, (void *)&denials[_i]) == 0, "%s",
                  denials[_i].name);
}
END_TEST

static int denied_by_name(void *ctx)
{
    const struct denial *d = ctx;
    struct choice c;

    CHILD_CHECK(deny_uring(d->calls, d->error) == 0);
    c = choose("uring");
    CHILD_CHECK(c.rc == FLARE_E_BACKEND_UNAVAILABLE && c.why.code == c.rc);
    CHILD_CHECK(strstr(c.why.text, "uring") && strstr(c.why.text, d->said));
    CHILD_CHECK(c.lines.count == 0);
    CHILD_CHECK(setenv("FLARE_BACKEND", "uring", 1) == 0);
    CHILD_CHECK(choose(NULL).rc == FLARE_E_BACKEND_UNAVAILABLE);
    CHILD_CHECK(flare_backend_probe("uring", NULL) ==
                FLARE_E_BACKEND_UNAVAILABLE);
    return 0;
}

START_TEST(test_I01_denied_uring_asked_for_by_name_is_an_error)
{
    if (!is_built())
        TEST_SKIP("built without liburing");
    if (!deny_uring_works())
        TEST_SKIP("no seccomp filters here");
    ck_assert_msg(in_child(denied_by_name, (void *)&denials[_i]) == 0, "%s",
                  denials[_i].name);
}
END_TEST

static int killed_epoll(void *ctx)
{
    (void)ctx;
    CHILD_CHECK(deny_uring(DENY_ALL, DENY_KILL) == 0);
    CHILD_CHECK(choose("epoll").rc == 0);
    CHILD_CHECK(setenv("FLARE_BACKEND", "epoll", 1) == 0);
    CHILD_CHECK(choose(NULL).rc == 0);
    CHILD_CHECK(flare_backend_probe("epoll", NULL) == 0);
    CHILD_CHECK(flare_build_info(NULL, 0) > 0);
    return 0;
}

static int killed_ladder(void *ctx)
{
    (void)ctx;
    CHILD_CHECK(deny_uring(DENY_ALL, DENY_KILL) == 0);
    (void)choose(NULL);
    return 0;
}

START_TEST(test_I02_epoll_by_name_makes_no_uring_call)
{
    if (!deny_uring_works())
        TEST_SKIP("no seccomp filters here");
    ck_assert_int_eq(in_child(killed_epoll, NULL), 0);
    if (has_uring()) /* the filter does kill */
        ck_assert_int_eq(in_child(killed_ladder, NULL), -SIGSYS);
}
END_TEST

static int no_descriptors(void *ctx)
{
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
    struct choice c;

    (void)ctx;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    c = choose(NULL);
    CHILD_CHECK(c.rc == FLARE_E_BACKEND_UNAVAILABLE && c.why.code == c.rc);
    CHILD_CHECK(strstr(c.why.text, "uring") && strstr(c.why.text, "epoll"));
    limit.rlim_cur = 2;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHILD_CHECK(choose("epoll").rc == FLARE_E_BACKEND_UNAVAILABLE);
    return 0;
}

START_TEST(test_choice_without_descriptors_is_an_error_of_both)
{
    ck_assert_int_eq(in_child(no_descriptors, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("choose");
    TCase *choice = tcase_create("choice");
    TCase *denied = tcase_create("denied");

    tcase_add_checked_fixture(choice, setup, NULL);
    tcase_add_test(choice, test_choice_by_ladder_takes_uring_where_it_works);
    tcase_add_test(choice, test_choice_by_name_is_obeyed);
    tcase_add_test(choice, test_choice_of_kqueue_is_known_whether_built_or_not);
    tcase_add_test(choice, test_choice_by_option_beats_the_environment);
    tcase_add_loop_test(choice, test_choice_of_an_unknown_name_is_bad_config, 0,
                        ROWS(unknown));
    tcase_add_test(choice, test_probe_tells_what_works);
    tcase_add_test(choice, test_build_info_is_one_line_cut_to_size);
    suite_add_tcase(suite, choice);

    tcase_add_checked_fixture(denied, setup, NULL);
    tcase_add_loop_test(denied,
                        test_I01_denied_uring_falls_back_to_epoll_and_says_why,
                        0, ROWS(denials));
    tcase_add_loop_test(denied,
                        test_I01_denied_uring_asked_for_by_name_is_an_error, 0,
                        ROWS(denials));
    tcase_add_test(denied, test_I02_epoll_by_name_makes_no_uring_call);
    tcase_add_test(denied, test_choice_without_descriptors_is_an_error_of_both);
    suite_add_tcase(suite, denied);
    return test_run(suite);
}
