/* SPDX-License-Identifier: MIT */
/* A jar to a file and back, and files that are none of ours. */
#include "http/jar.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOW = 1700000000 };

static char top[64];
static char path[128];

static void make_top(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/flare-jar-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    (void)snprintf(path, sizeof(path), "%s/jar", top);
}

static void remove_top(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

static bool is_public(struct flare_str domain, void *ctx)
{
    (void)ctx;
    return flare_str_equal(domain, FLARE_STR("co.uk"));
}

static flare_cookie_jar *jar_new(void)
{
    const struct flare_cookie_jar_config config = {.is_public_suffix =
                                                       is_public};
    flare_cookie_jar *jar;

    ck_assert_int_eq(flare_cookie_jar_new(&jar, &config, NULL), 0);
    return jar;
}

static const struct flare_cookie_url home = {
    .host = {"www.example.com", 15}, .path = {"/x/y", 4}, .is_secure = true};

static flare_cookie_jar *jar_full(void)
{
    static const char *const fields[] = {
        "s=1; Path=/",
        "a=1; Path=/; Max-Age=100; SameSite=Strict",
        "b=\"2 \tx\"; Domain=example.com; Max-Age=100; Secure; HttpOnly",
        "c=3; Max-Age=10; SameSite=None; Secure",
        "nameless; Max-Age=100; Path=/",
        "d=\xC3\xA9%20; Max-Age=100; SameSite=Lax",
    };
    flare_cookie_jar *jar = jar_new();

    for (int i = 0; i < ROWS(fields); i++)
        ck_assert_int_eq(flare_cookie_jar_store(
                             jar, &home, flare_str(fields[i]), NOW + i, NULL),
                         0);
    return jar;
}

static const char *sent(flare_cookie_jar *jar, int64_t now)
{
    static char text[256];
    int len = flare_cookie_jar_header(jar, &home, now, text, sizeof(text) - 1);

    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    return text;
}

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static const char *read_file(void)
{
    static char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof(text) - 1);

    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    close(fd);
    return text;
}

START_TEST(test_jar_file_brings_back_what_was_saved)
{
    const struct flare_cookie_save_options all = {.has_session = true};
    flare_cookie_jar *jar = jar_full(), *again = jar_new();
    struct stat st;

    ck_assert_int_eq(flare_cookie_jar_save(jar, path, NULL, NOW, NULL), 5);
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW, NULL), 5);
    ck_assert_str_eq(sent(again, NOW), "b=\"2 \tx\"; c=3; d=\xC3\xA9%20; a=1; "
                                       "nameless");
    flare_cookie_jar_clear(again);
    ck_assert_int_eq(flare_cookie_jar_save(jar, path, &all, NOW, NULL), 6);
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW, NULL), 6);
    ck_assert_str_eq(sent(again, NOW), sent(jar, NOW));
    flare__jar_check(again);
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW, NULL), 6);
    ck_assert_uint_eq(flare_cookie_jar_count(again), 6); /* they replace */
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    flare_cookie_jar_free(jar);
    flare_cookie_jar_free(again);
}
END_TEST

START_TEST(test_jar_file_knows_the_time)
{
    flare_cookie_jar *jar = jar_full(), *again = jar_new();

    ck_assert_int_eq(flare_cookie_jar_save(jar, path, NULL, NOW, NULL), 5);
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW + 50, NULL), 4);
    ck_assert_int_eq(flare_cookie_jar_save(jar, path, NULL, NOW + 50, NULL), 4);
    ck_assert_int_eq(flare_cookie_jar_save(jar, path, NULL, NOW + 500, NULL),
                     0);
    ck_assert_str_eq(read_file(), "flare-cookies 1\n");
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW, NULL), 0);
    flare_cookie_jar_free(jar);
    flare_cookie_jar_free(again);
}
END_TEST

START_TEST(test_jar_file_is_curl_s_too)
{
    const struct flare_cookie_save_options o = {
        .format = FLARE_COOKIE_FORMAT_NETSCAPE, .has_session = true};
    flare_cookie_jar *jar = jar_full(), *again = jar_new();

    /* "b" has a tab in it */
    ck_assert_int_eq(flare_cookie_jar_save(jar, path, &o, NOW, NULL), 5);
    ck_assert_str_eq(
        read_file(),
        "# Netscape HTTP Cookie File\n"
        "www.example.com\tFALSE\t/\tFALSE\t0\ts\t1\n"
        "www.example.com\tFALSE\t/\tFALSE\t1700000101\ta\t1\n"
        "www.example.com\tFALSE\t/x\tTRUE\t1700000013\tc\t3\n"
        "www.example.com\tFALSE\t/\tFALSE\t1700000104\t\tnameless\n"
        "www.example.com\tFALSE\t/x\tFALSE\t1700000105\td\t\xC3\xA9%20\n");
    ck_assert_int_eq(flare_cookie_jar_load(again, path, NOW, NULL), 5);
    ck_assert_str_eq(sent(again, NOW),
                     "c=3; d=\xC3\xA9%20; s=1; a=1; nameless");
    flare_cookie_jar_free(jar);
    flare_cookie_jar_free(again);
}
END_TEST

/* What a file says and a jar would never hold. */
static const struct {
    const char *name;
    const char *text;
    const char *wrong; /* in the sentence */
} bad_rows[] = {
    {"a later version", "flare-cookies 2\n", "line 1"},
    {"a line cut short", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\ta\tb", "line 2"},
    {"a field missing", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\ta\n", "line 2"},
    {"an empty line", "flare-cookies 1\nx.y\t-\t/\tsession\t0\t1\ta\tb\n\n",
     "line 3"},
    {"no path", "flare-cookies 1\nx.y\t-\tp\t9\t0\t1\ta\tb\n", "'/'"},
    {"neither name nor value", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\t\t\n",
     "neither"},
    {"C14 a control", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\ta\t%0D%0A\n",
     "control"},
    {"C14 a prefix", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\t__host-a\tb\n",
     "prefix"},
    {"C14 a name in a value", "flare-cookies 1\nx.y\t-\t/\t9\t0\t1\t\ta=b\n",
     "without a name"},
    {"None without Secure", "flare-cookies 1\nx.y\tnone\t/\t9\t0\t1\ta\tb\n",
     "SameSite"},
    {"Netscape, the third line",
     "# Netscape HTTP Cookie File\n\nx.y\tFALSE\t/\tFALSE\t0\n", "line 3"},
    {"Netscape, a prefix", "x.y\tTRUE\t/\tTRUE\t0\t__Host-a\tb\n", "line 1"},
    {"no cookies at all", "<!DOCTYPE html>\n", "line 1"},
};

START_TEST(test_jar_file_with_a_bad_line_is_not_taken)
{
    flare_cookie_jar *jar = jar_full();
    struct flare_error err;

    write_file(bad_rows[_i].text);
    ck_assert_int_eq(flare_cookie_jar_load(jar, path, NOW, &err),
                     FLARE_E_COOKIE_FILE);
    ck_assert_int_eq(err.code, FLARE_E_COOKIE_FILE);
    ck_assert_msg(strstr(err.text, bad_rows[_i].wrong) != NULL, "%s: %s",
                  bad_rows[_i].name, err.text);
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 6);
    flare_cookie_jar_free(jar);
}
END_TEST

/* What is taken narrower than it is written, and what is over. */
static const struct {
    const char *name;
    const char *text;
    int count;
    const char *sent; /* to www.example.com */
} odd_rows[] = {
    {"nothing", "", 0, ""},
    {"a host of others", "example.com\tFALSE\t/\tFALSE\t0\ta\tb\n", 1, ""},
    {"no line's end", "www.example.com\tFALSE\t/\tFALSE\t0\ta\tb", 1, "a=b"},
    {"mixed case", ".EXAMPLE.com\tTRUE\t/\tFALSE\t0\ta\tb\n", 1, "a=b"},
    {"C14 a TLD", ".com\tTRUE\t/\tFALSE\t0\ta\tb\n", 1, ""},
    {"C14 a trailing dot",
     "flare-cookies 1\n"
     "example.com.\t-\t/\tsession\t0\t1\ta\tb\n",
     1, ""},
    {"expired", "www.example.com\tFALSE\t/\tFALSE\t1000\ta\tb\n", 0, ""},
    {"repeated",
     "www.example.com\tFALSE\t/\tFALSE\t0\ta\tb\n"
     "www.example.com\tFALSE\t/\tFALSE\t0\ta\tc\n",
     2, "a=c"},
    {"in the order of creation",
     "flare-cookies 1\n"
     "www.example.com\thost\t/\tsession\t9\t2\ta\t\n"
     "www.example.com\thost\t/\tsession\t9\t1\tb\t\n"
     "www.example.com\thost\t/\tsession\t8\t7\tc\t\n",
     3, "c=; b=; a="},
};

START_TEST(test_jar_file_is_taken_as_narrow_as_the_rules_are)
{
    flare_cookie_jar *jar = jar_new();
    int count;

    write_file(odd_rows[_i].text);
    count = flare_cookie_jar_load(jar, path, NOW, NULL);
    ck_assert_msg(count == odd_rows[_i].count, "%s: %d", odd_rows[_i].name,
                  count);
    ck_assert_msg(strcmp(sent(jar, NOW), odd_rows[_i].sent) == 0, "%s: '%s'",
                  odd_rows[_i].name, sent(jar, NOW));
    flare__jar_check(jar);
    flare_cookie_jar_free(jar);
}
END_TEST

/* Numbers of a file go on from those of the jar. */
START_TEST(test_jar_file_adds_to_what_is_there)
{
    flare_cookie_jar *jar = jar_new();
    static const char *const names[] = {"x", "y"};

    for (int i = 0; i < ROWS(names); i++)
        ck_assert_int_eq(
            flare_cookie_jar_set(
                jar, &home,
                &(struct flare_cookie){.name = names[i], .path = "/"}, NOW,
                NULL),
            0);
    write_file("flare-cookies 1\n"
               "www.example.com\thost\t/\tsession\t1700000000\t1\ta\t\n");
    ck_assert_int_eq(flare_cookie_jar_load(jar, path, NOW, NULL), 1);
    ck_assert_str_eq(sent(jar, NOW), "x=; y=; a=");
    flare__jar_check(jar);
    flare_cookie_jar_free(jar);
}
END_TEST

static int check_latest(const struct flare_cookie_info *info, void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(info->expires_s, NOW + FLARE_COOKIE_AGE_MAX_S);
    ck_assert_int_eq(info->created_s, NOW);
    return 0;
}

START_TEST(test_jar_file_keeps_nothing_over_400_days)
{
    flare_cookie_jar *jar = jar_new();

    write_file(
        "flare-cookies 1\n"
        "x.y\t-\t/\t9223372036854775807\t9223372036854775807\t1\ta\tb\n");
    ck_assert_int_eq(flare_cookie_jar_load(jar, path, NOW, NULL), 1);
    ck_assert_int_eq(flare_cookie_jar_each(jar, check_latest, NULL), 0);
    flare_cookie_jar_free(jar);
}
END_TEST

START_TEST(test_jar_file_that_cannot_be_had)
{
    flare_cookie_jar *jar = jar_full();
    struct flare_error err;

    ck_assert_int_eq(flare_cookie_jar_load(jar, path, NOW, &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_int_eq(flare_cookie_jar_load(jar, top, NOW, NULL), -EINVAL);
    ck_assert_int_eq(
        flare_cookie_jar_save(jar, "/no/such\nfolder/jar", NULL, NOW, &err),
        -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "/no/such\\x0afolder/jar"));
    ck_assert_uint_eq(flare_cookie_jar_count(jar), 6);
    flare_cookie_jar_free(jar);
}
END_TEST

static int scenario_file(struct fault *f, void *ctx)
{
    const struct flare_cookie_jar_config config = {.allocator = &f->al};
    flare_cookie_jar *jar = NULL;
    int rc = flare_cookie_jar_new(&jar, &config, NULL);

    (void)ctx;
    if (rc == 0)
        rc = flare_cookie_jar_load(jar, path, NOW, NULL);
    if (rc >= 0)
        rc = flare_cookie_jar_save(jar, path, NULL, NOW, NULL);
    if (rc < 0)
        ck_assert_int_eq(rc, -ENOMEM);
    flare_cookie_jar_free(jar);
    return rc;
}

/* The file is whole after each. */
START_TEST(test_jar_file_survives_any_failed_allocation)
{
    flare_cookie_jar *jar = jar_full();

    ck_assert_int_eq(flare_cookie_jar_save(jar, path, NULL, NOW, NULL), 5);
    fault_each("jar_file", scenario_file, NULL);
    flare_cookie_jar_clear(jar);
    ck_assert_int_eq(flare_cookie_jar_load(jar, path, NOW, NULL), 5);
    flare_cookie_jar_free(jar);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/jar_file");
    TCase *t = tcase_create("jar_file");

    tcase_add_checked_fixture(t, make_top, remove_top);
    tcase_add_test(t, test_jar_file_brings_back_what_was_saved);
    tcase_add_test(t, test_jar_file_knows_the_time);
    tcase_add_test(t, test_jar_file_is_curl_s_too);
    tcase_add_loop_test(t, test_jar_file_with_a_bad_line_is_not_taken, 0,
                        ROWS(bad_rows));
    tcase_add_loop_test(t, test_jar_file_is_taken_as_narrow_as_the_rules_are, 0,
                        ROWS(odd_rows));
    tcase_add_test(t, test_jar_file_adds_to_what_is_there);
    tcase_add_test(t, test_jar_file_keeps_nothing_over_400_days);
    tcase_add_test(t, test_jar_file_that_cannot_be_had);
    tcase_add_test(t, test_jar_file_survives_any_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
