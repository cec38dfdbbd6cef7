/* SPDX-License-Identifier: MIT */
/* Files below a root: looked up in both ways, facts, names, contents. */
#include "net/file.h"

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static const char *path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", top, name);
    return path;
}

static void make_file(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void make_top(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/flare-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(mkdir(path_of("root"), 0755), 0);
    ck_assert_int_eq(mkdir(path_of("root/a"), 0755), 0);
    ck_assert_int_eq(mkdir(path_of("root/a/b"), 0755), 0);
    make_file("outside", "outside");
    make_file("root/a/b/c", "0123456789");
    ck_assert_int_eq(symlink("a", path_of("root/in")), 0);
    ck_assert_int_eq(symlink("../outside", path_of("root/out")), 0);
    ck_assert_int_eq(symlink("/etc/passwd", path_of("root/abs")), 0);
    ck_assert_int_eq(symlink("x", path_of("root/x")), 0);
    ck_assert_int_eq(mkfifo(path_of("root/fifo"), 0600), 0);
}

static void remove_top(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

enum { FOUND = 0 };

static const struct {
    const char *path;
    int strict;  /* links are not followed */
    int linking; /* they are, below the root */
} rows[] = {
    {"", FOUND, FOUND},
    {"a", FOUND, FOUND},
    {"a/b/c", FOUND, FOUND},
    {"a/b/c/d", -ENOTDIR, -ENOTDIR},
    {"a/none", -ENOENT, -ENOENT},
    {"none/c", -ENOENT, -ENOENT},
    {"fifo", FOUND, FOUND},
    {"in/b/c", -ELOOP, FOUND},
    {"out", -ELOOP, -EXDEV},
    {"abs", -ELOOP, -EXDEV},
    {"x", -ELOOP, -ELOOP},
    /* not to be asked for, and refused all the same */
    {"..", -EXDEV, -EXDEV},
    {"a/../../outside", -EXDEV, -EXDEV},
};

static int find(const struct flare__root *root, const char *path)
{
    struct flare__file_facts facts;
    int fd = flare__root_find(root, path, &facts);

    flare__file_close(fd);
    return fd < 0 ? fd : FOUND;
}

START_TEST(test_file_nothing_is_found_above_the_root)
{
    struct flare__root strict, linking;

    ck_assert_int_eq(flare__root_open(&strict, path_of("root"), false), 0);
    ck_assert_int_eq(flare__root_open(&linking, path_of("root"), true), 0);
    for (int i = 0; i < ROWS(rows) && strict.can_resolve; i++) {
        int rc = find(&strict, rows[i].path);

        ck_assert_msg(rc == rows[i].strict, "'%s': %d", rows[i].path, rc);
        rc = find(&linking, rows[i].path);
        ck_assert_msg(rc == rows[i].linking, "'%s': %d", rows[i].path, rc);
    }
    flare__root_close(&linking);
    flare__root_close(&strict);
}
END_TEST

/* Without openat2; a link on the way is ENOTDIR, and ".." is the caller's. */
START_TEST(test_file_nothing_is_found_through_links_component_by_component)
{
    struct flare__root root;

    ck_assert_int_eq(flare__root_open(&root, path_of("root"), true), 0);
    root.can_resolve = false;
    for (int i = 0; i < ROWS(rows); i++) {
        int rc;

        if (strstr(rows[i].path, "..") != NULL)
            continue;
        rc = find(&root, rows[i].path);
        ck_assert_msg((rc == FOUND) == (rows[i].strict == FOUND), "'%s': %d",
                      rows[i].path, rc);
    }
    flare__root_close(&root);
}
END_TEST

START_TEST(test_file_root_is_a_folder)
{
    struct flare__root root = {.fd = -1};

    ck_assert_int_eq(flare__root_open(&root, path_of("none"), false), -ENOENT);
    ck_assert_int_eq(flare__root_open(&root, path_of("outside"), false),
                     -ENOTDIR);
    ck_assert_int_eq(root.fd, -1);
    flare__root_close(&root);
}
END_TEST

static int lowest_free_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

START_TEST(test_file_no_descriptor_is_left_behind)
{
    int before = lowest_free_descriptor();
    struct flare__root root;

    ck_assert_int_eq(flare__root_open(&root, path_of("root"), false), 0);
    for (int i = 0; i < 2 * ROWS(rows); i++) {
        root.can_resolve = i % 2 == 0;
        (void)find(&root, rows[i / 2].path);
    }
    flare__root_close(&root);
    ck_assert_int_eq(lowest_free_descriptor(), before);
}
END_TEST

START_TEST(test_file_facts_are_of_what_was_opened)
{
    struct flare__file_facts facts, again;
    struct flare__root root;
    struct stat st;
    int fd;

    ck_assert_int_eq(flare__root_open(&root, path_of("root"), false), 0);
    fd = flare__root_find(&root, "a/b/c", &facts);
    ck_assert_int_eq(facts.kind, FLARE__FILE_REGULAR);
    ck_assert_uint_eq(facts.size, 10);
    ck_assert_int_eq(stat(path_of("root/a/b/c"), &st), 0);
    ck_assert_uint_eq(facts.inode, st.st_ino);
    ck_assert_int_eq(facts.modified_ns,
                     st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    ck_assert_int_eq(flare__file_facts(fd, &again), 0);
    ck_assert_int_eq(again.changed_ns, facts.changed_ns);
    flare__file_close(fd);
    fd = flare__root_find(&root, "fifo", &facts);
    ck_assert_int_eq(facts.kind, FLARE__FILE_OTHER);
    flare__file_close(fd);
    fd = flare__root_find(&root, "", &facts);
    ck_assert_int_eq(facts.kind, FLARE__FILE_DIRECTORY);
    ck_assert_int_eq(flare__file_look(fd, "in", &facts), 0);
    ck_assert_int_eq(facts.kind, FLARE__FILE_LINK);
    ck_assert_int_eq(flare__file_look(fd, "none", &facts), -ENOENT);
    flare__file_close(fd);
    ck_assert_int_eq(flare__file_facts(-1, &facts), -EBADF);
    flare__root_close(&root);
}
END_TEST

/* What a file system may hold, and a multiplication may not. */
START_TEST(test_file_times_past_all_ages_are_cut)
{
    const struct timespec times[2] = {{INT64_MAX / 2, 0}, {INT64_MAX / 2, 0}};
    struct flare__file_facts facts;
    int fd = open(path_of("outside"), O_RDONLY | O_CLOEXEC);

    if (futimens(fd, times) < 0) {
        close(fd);
        TEST_SKIP("no such times here");
    }
    ck_assert_int_eq(flare__file_facts(fd, &facts), 0);
    ck_assert_int_gt(facts.modified_ns, 0);
    close(fd);
}
END_TEST

struct names {
    char text[256];
    int left; /* until it stops */
};

static int on_name(void *ctx, struct flare_str name)
{
    struct names *n = ctx;

    strncat(n->text, name.ptr, name.len);
    strncat(n->text, " ", 2);
    return --n->left == 0 ? 7 : 0;
}

START_TEST(test_file_names_are_all_but_dots)
{
    struct names n = {"", 0};
    struct flare__file_facts facts;
    struct flare__root root;
    int fd;

    ck_assert_int_eq(flare__root_open(&root, path_of("root"), false), 0);
    fd = flare__root_find(&root, "", &facts);
    ck_assert_int_eq(flare__file_names(fd, on_name, &n), 0);
    ck_assert_uint_eq(strlen(n.text), strlen("a in out abs x fifo "));
    ck_assert_ptr_nonnull(strstr(n.text, "fifo "));
    flare__file_close(fd);
    fd = flare__root_find(&root, "", &facts);
    n.left = 2;
    ck_assert_int_eq(flare__file_names(fd, on_name, &n), 7);
    flare__file_close(fd);
    fd = flare__root_find(&root, "a/b/c", &facts);
    ck_assert_int_eq(flare__file_names(fd, on_name, &n), -ENOTDIR);
    flare__file_close(fd);
    flare__root_close(&root);
}
END_TEST

START_TEST(test_file_read_ends_with_the_file)
{
    char got[16] = "";
    int fd = open(path_of("root/a/b/c"), O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(flare__file_read(fd, got, 4, 3), 4);
    ck_assert_str_eq(got, "3456");
    ck_assert_int_eq(flare__file_read(fd, got, sizeof(got), 5), 5);
    ck_assert_int_eq(flare__file_read(fd, got, sizeof(got), 50), 0);
    flare__file_close(fd);
    ck_assert_int_eq(flare__file_read(-1, got, 1, 0), -EBADF);
    flare__file_close(-1);
}
END_TEST

START_TEST(test_file_write_takes_all_or_tells_how_far_it_came)
{
    struct flare_str all = FLARE_STR("abc");
    struct flare_str rest = all;
    char got[4] = "";
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(flare__file_write(fds[1], &rest), 0);
    ck_assert_uint_eq(rest.len, 0);
    ck_assert_ptr_eq(rest.ptr, all.ptr + 3);
    ck_assert_int_eq(read(fds[0], got, 3), 3);
    ck_assert_str_eq(got, "abc");
    close(fds[1]);
    rest = all;
    ck_assert_int_eq(flare__file_write(fds[0], &rest), -EBADF);
    ck_assert_uint_eq(rest.len, 3);
    close(fds[0]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *tc = tcase_create("file");

    tcase_add_checked_fixture(tc, make_top, remove_top);
    tcase_add_test(tc, test_file_nothing_is_found_above_the_root);
    tcase_add_test(
        tc, test_file_nothing_is_found_through_links_component_by_component);
    tcase_add_test(tc, test_file_root_is_a_folder);
    tcase_add_test(tc, test_file_no_descriptor_is_left_behind);
    tcase_add_test(tc, test_file_facts_are_of_what_was_opened);
    tcase_add_test(tc, test_file_times_past_all_ages_are_cut);
    tcase_add_test(tc, test_file_names_are_all_but_dots);
    tcase_add_test(tc, test_file_read_ends_with_the_file);
    tcase_add_test(tc, test_file_write_takes_all_or_tells_how_far_it_came);
    suite_add_tcase(s, tc);
    return test_run(s);
}
