/* SPDX-License-Identifier: MIT */
/* Files that grow beside the one they become. */
#include "net/part_file.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct flare_allocator *const al = &flare__allocator_default;
static char top[64];
static char path[96];
static char part[96];
static char note_path[112];

static void set_up(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/flare-part-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    (void)snprintf(path, sizeof(path), "%s/file", top);
    (void)snprintf(part, sizeof(part), "%s/file.part", top);
    (void)snprintf(note_path, sizeof(note_path), "%s.note", part);
}

static void tear_down(void)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

static const char *content(const char *name)
{
    static char bytes[256];
    FILE *file = fopen(name, "rb");
    size_t len;

    if (file == NULL)
        return NULL;
    len = fread(bytes, 1, sizeof(bytes) - 1, file);
    bytes[len] = '\0';
    fclose(file);
    return bytes;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "wb");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* As one process does it: `before` of an earlier one is to be there. */
static void open_part(struct flare__part_file *p, const char *before,
                      const char *note)
{
    char told[FLARE__PART_NOTE_MAX];
    size_t len = 99;

    ck_assert_int_eq(flare__part_file_open(p, al, part, 0644, told, &len), 0);
    ck_assert_uint_eq(p->size, strlen(before));
    ck_assert_uint_eq(len, strlen(note));
    ck_assert_mem_eq(told, note, len);
}

START_TEST(test_a_part_becomes_the_file_at_once)
{
    struct flare__part_file p;
    struct stat st;

    write_file(path, "old");
    open_part(&p, "", "");
    ck_assert_int_eq(flare__part_file_begin(&p, FLARE_STR("tag")), 0);
    ck_assert_int_eq(flare__part_file_write(&p, FLARE_STR("new ")), 0);
    ck_assert_int_eq(flare__part_file_write(&p, FLARE_STR("one")), 0);
    ck_assert_uint_eq(p.size, 7);
    ck_assert_str_eq(content(path), "old");
    ck_assert_str_eq(content(note_path), "tag");
    ck_assert_int_eq(flare__part_file_finish(&p, path), 0);
    flare__part_file_close(&p);
    ck_assert_str_eq(content(path), "new one");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777 & ~0022u, 0644 & ~0022u);
    ck_assert_ptr_null(content(part));
    ck_assert_ptr_null(content(note_path));
    flare__part_file_close(&p); /* again: nothing */
}
END_TEST

START_TEST(test_another_process_goes_on_with_it)
{
    struct flare__part_file p;

    open_part(&p, "", "");
    ck_assert_int_eq(flare__part_file_begin(&p, FLARE_STR("tag")), 0);
    ck_assert_int_eq(flare__part_file_write(&p, FLARE_STR("half")), 0);
    flare__part_file_close(&p);
    open_part(&p, "half", "tag");
    ck_assert_int_eq(flare__part_file_write(&p, FLARE_STR(", whole")), 0);
    ck_assert_int_eq(flare__part_file_finish(&p, path), 0);
    flare__part_file_close(&p);
    ck_assert_str_eq(content(path), "half, whole");
}
END_TEST

/* What stands beside a part of an earlier process. */
static const struct {
    const char *name;
    const char *part;
    size_t note_len; /* 0: none */
    bool asks;       /* for it */
} worthless[] = {
    {"no note", "half", 0, true},
    {"a note without bytes", "", 3, true},
    {"a note that is too long", "half", FLARE__PART_NOTE_MAX + 1, true},
    {"from the start", "half", 3, false},
};

START_TEST(test_a_part_without_its_note_begins_anew)
{
    char told[FLARE__PART_NOTE_MAX];
    static char text[FLARE__PART_NOTE_MAX + 2];
    struct flare__part_file p;
    size_t len = 0;

    write_file(part, worthless[_i].part);
    memset(text, 'n', worthless[_i].note_len);
    text[worthless[_i].note_len] = '\0';
    if (worthless[_i].note_len > 0)
        write_file(note_path, text);
    ck_assert_int_eq(flare__part_file_open(&p, al, part, 0600,
                                           worthless[_i].asks ? told : NULL,
                                           &len),
                     0);
    ck_assert_msg(p.size == 0 && len == 0, "%s", worthless[_i].name);
    ck_assert_str_eq(content(part), "");
    ck_assert_ptr_null(content(note_path));
    flare__part_file_close(&p);
}
END_TEST

START_TEST(test_a_part_is_one_writers)
{
    struct flare__part_file p, other;

    open_part(&p, "", "");
    ck_assert_int_eq(flare__part_file_open(&other, al, part, 0600, NULL, NULL),
                     -EAGAIN);
    flare__part_file_close(&other);
    flare__part_file_close(&p);
    open_part(&p, "", "");
    flare__part_file_close(&p);
}
END_TEST

START_TEST(test_links_fifos_and_folders_are_refused)
{
    struct flare__part_file p;

    write_file(path, "other's");
    ck_assert_int_eq(symlink(path, part), 0);
    ck_assert_int_eq(flare__part_file_open(&p, al, part, 0600, NULL, NULL),
                     -ELOOP);
    ck_assert_str_eq(content(path), "other's");
    ck_assert_int_eq(unlink(part), 0);
    ck_assert_int_eq(mkfifo(part, 0600), 0);
    ck_assert_int_lt(flare__part_file_open(&p, al, part, 0600, NULL, NULL), 0);
    ck_assert_int_eq(unlink(part), 0);
    ck_assert_int_eq(mkdir(part, 0700), 0);
    ck_assert_int_eq(flare__part_file_open(&p, al, part, 0600, NULL, NULL),
                     -EISDIR);
    ck_assert_int_eq(
        flare__part_file_open(&p, al, "/nowhere/at/all", 0600, NULL, NULL),
        -ENOENT);
}
END_TEST

START_TEST(test_a_place_that_cannot_be_had_leaves_the_part)
{
    struct flare__part_file p;

    open_part(&p, "", "");
    ck_assert_int_eq(flare__part_file_begin(&p, FLARE_STR("tag")), 0);
    ck_assert_int_eq(flare__part_file_write(&p, FLARE_STR("x")), 0);
    ck_assert_int_eq(flare__part_file_finish(&p, "/nowhere/at/all"), -ENOENT);
    flare__part_file_close(&p);
    open_part(&p, "x", "tag");
    flare__part_file_drop(&p);
    flare__part_file_close(&p);
    ck_assert_ptr_null(content(part));
    ck_assert_ptr_null(content(note_path));
}
END_TEST

static int scenario_part(struct fault *f, void *ctx)
{
    char told[FLARE__PART_NOTE_MAX];
    struct flare__part_file p;
    size_t len;
    int rc = 0;

    (void)ctx;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = flare__part_file_open(&p, &f->al, part, 0600, told, &len);
        if (rc == 0 && i == 0)
            rc = flare__part_file_begin(&p, FLARE_STR("tag"));
        if (rc == 0)
            rc = flare__part_file_write(&p, FLARE_STR("x"));
        if (rc == 0 && i == 1)
            rc = flare__part_file_finish(&p, path);
        flare__part_file_close(&p);
    }
    return rc;
}

START_TEST(test_every_allocation_may_fail)
{
    fault_each("part_file", scenario_part, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part_file");
    TCase *tc = tcase_create("all");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_a_part_becomes_the_file_at_once);
    tcase_add_test(tc, test_another_process_goes_on_with_it);
    tcase_add_loop_test(tc, test_a_part_without_its_note_begins_anew, 0,
                        ROWS(worthless));
    tcase_add_test(tc, test_a_part_is_one_writers);
    tcase_add_test(tc, test_links_fifos_and_folders_are_refused);
    tcase_add_test(tc, test_a_place_that_cannot_be_had_leaves_the_part);
    tcase_add_test(tc, test_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
