/* SPDX-License-Identifier: MIT */
/* Files read at once and replaced at once; every system call of it fails. */
#include "net/whole_file.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct flare_allocator *const al = &flare__allocator_default;
static char top[64];
static char path[128];

static void make_top(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/flare-whole-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    (void)snprintf(path, sizeof(path), "%s/file", top);
}

static void remove_top(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

/* ---- a system that fails ---- */

static struct {
    const char *call; /* that fails */
    int error;
    bool is_short; /* reads and writes of one byte, interrupted in between */
    unsigned calls;
} fake;

static bool fails(const char *call)
{
    if (fake.call == NULL || strcmp(fake.call, call) != 0)
        return false;
    errno = fake.error;
    return true;
}

static bool is_interrupted(void)
{
    if (!fake.is_short || ++fake.calls % 2 == 0)
        return false;
    errno = EINTR;
    return true;
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    if (fails("read") || is_interrupted())
        return -1;
    return __real_read(fd, bytes, fake.is_short && size > 1 ? 1 : size);
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (fails("write") || is_interrupted())
        return -1;
    return __real_write(fd, bytes, fake.is_short && size > 1 ? 1 : size);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    return fails("fsync") ? -1 : __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : __real_rename(from, to);
}

/* ---- tests ---- */

static void check_file(const char *text)
{
    char *bytes;
    size_t len;

    ck_assert_int_eq(flare__whole_file_read(al, path, 100, &bytes, &len), 0);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_int_eq(len > 0 ? memcmp(bytes, text, len) : 0, 0);
    flare__free(al, bytes);
}

/* Files in the folder: nothing stays beside. */
static void check_alone(void)
{
    DIR *folder = opendir(top);
    unsigned count = 0;

    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *e = readdir(folder); e != NULL;
         e = readdir(folder))
        count += e->d_name[0] != '.';
    closedir(folder);
    ck_assert_uint_eq(count, 1);
}

START_TEST(test_whole_file_is_written_and_read)
{
    struct stat st;

    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("one")), 0);
    check_file("one");
    ck_assert_int_eq(chmod(path, 0644), 0);
    fake.is_short = true;
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("another")),
                     0);
    check_file("another");
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("")), 0);
    check_file("");
    check_alone();
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* A name that leads elsewhere is replaced; what it leads to is not. */
START_TEST(test_whole_file_does_not_write_through_a_link)
{
    char target[160];
    struct stat st;
    int fd;

    (void)snprintf(target, sizeof(target), "%s/target", top);
    fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(symlink("target", path), 0);
    check_file("");
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("one")), 0);
    ck_assert_int_eq(stat(target, &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    check_file("one");
}
END_TEST

START_TEST(test_whole_file_refuses_what_is_none)
{
    char *bytes;
    size_t len;

    ck_assert_int_eq(flare__whole_file_read(al, path, 100, &bytes, &len),
                     -ENOENT);
    ck_assert_int_eq(flare__whole_file_read(al, top, 100, &bytes, &len),
                     -EINVAL);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(flare__whole_file_read(al, path, 100, &bytes, &len),
                     -EINVAL);
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("1234")), 0);
    ck_assert_int_eq(flare__whole_file_read(al, path, 3, &bytes, &len), -EFBIG);
    ck_assert_int_eq(flare__whole_file_read(al, path, 4, &bytes, &len), 0);
    flare__free(al, bytes);
    ck_assert_int_eq(flare__whole_file_replace(al, top, FLARE_STR("x")),
                     -EISDIR);
    ck_assert_int_eq(
        flare__whole_file_replace(al, "/no/such/folder", FLARE_STR("x")),
        -ENOENT);
}
END_TEST

static const struct {
    const char *call;
    int error;
} fail_rows[] = {
    {"write", ENOSPC}, {"write", EIO}, {"fsync", EIO}, {"rename", EACCES}};

START_TEST(test_whole_file_keeps_the_old_one_if_anything_fails)
{
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("old")), 0);
    fake.call = fail_rows[_i].call;
    fake.error = fail_rows[_i].error;
    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("new")),
                     -fail_rows[_i].error);
    fake.call = NULL;
    check_file("old");
    check_alone();
}
END_TEST

START_TEST(test_whole_file_tells_that_it_cannot_be_read)
{
    char *bytes;
    size_t len;

    ck_assert_int_eq(flare__whole_file_replace(al, path, FLARE_STR("old")), 0);
    fake.call = "read";
    fake.error = EIO;
    ck_assert_int_eq(flare__whole_file_read(al, path, 100, &bytes, &len), -EIO);
    fake.call = NULL;
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    char *bytes = NULL;
    size_t len;
    int rc = flare__whole_file_replace(&f->al, path, FLARE_STR("x"));

    (void)ctx;
    if (rc == 0)
        rc = flare__whole_file_read(&f->al, path, 100, &bytes, &len);
    if (rc == 0)
        flare__free(&f->al, bytes);
    return rc;
}

START_TEST(test_whole_file_survives_any_failed_allocation)
{
    fault_each("whole_file", scenario, NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("net/whole_file");
    TCase *t = tcase_create("whole_file");

    tcase_add_checked_fixture(t, make_top, remove_top);
    tcase_add_test(t, test_whole_file_is_written_and_read);
    tcase_add_test(t, test_whole_file_does_not_write_through_a_link);
    tcase_add_test(t, test_whole_file_refuses_what_is_none);
    tcase_add_loop_test(t, test_whole_file_keeps_the_old_one_if_anything_fails,
                        0, ROWS(fail_rows));
    tcase_add_test(t, test_whole_file_tells_that_it_cannot_be_read);
    tcase_add_test(t, test_whole_file_survives_any_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(suite());
}
