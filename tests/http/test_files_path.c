/* SPDX-License-Identifier: MIT */
/* No spelling leaves the root, and every name has one: FAILURES U01 to U07. */
#include "tests/http/files_rig.h"
#include "tests/support/test.h"

#include <string.h>

/* Below /static, and as the whole server with "/static" taken off. */
static const struct {
    const char *name;
    const char *path;
    int status;
} rows[] = {
    {"a file", "/static/a.txt", 200},
    {"escaped letters", "/static/%61.t%78t", 200},
    {"a file in a folder", "/static/sub/index.html", 200},
    {"U01 dots", "/static/../outside", 404},
    {"U01 dots below", "/static/sub/../../outside", 404},
    {"U01 dots that stay", "/static/sub/../a.txt", 404},
    {"U01 escaped dots", "/static/%2e%2e/outside", 404},
    {"U01 one escaped dot", "/static/.%2E/outside", 404},
    {"U01 escaped slash", "/static/..%2foutside", 404},
    {"U01 all escaped", "/static/%2e%2e%2foutside", 404},
    {"U01 escaped twice", "/static/%252e%252e/outside", 404},
    {"U01 escaped slash twice", "/static/..%252foutside", 404},
    {"U01 a dot", "/static/./a.txt", 404},
    {"U01 an escaped dot", "/static/%2e/a.txt", 404},
    {"U01 trailing dots", "/static/sub/..", 404},
    {"U01 trailing dots and slash", "/static/sub/../", 404},
    {"U01 a trailing dot", "/static/sub/.", 404},
    {"U01 four dots and slashes", "/static/....//outside", 404},
    {"U01 three dots", "/static/.../outside", 404},
    {"U01 an empty segment", "/static/sub//index.html", 404},
    {"U01 absolute", "/static/%2fetc/passwd", 404},
    {"U02 NUL", "/static/a.txt%00", 400},
    {"U02 NUL and another end", "/static/.hidden%00.txt", 400},
    {"U02 CRLF", "/static/a%0d%0ab", 400},
    {"U02 backslash", "/static/..%5coutside", 400},
    {"U02 overlong slash", "/static/..%c0%afoutside", 400},
    {"U02 overlong dot", "/static/%c0%ae%c0%ae/outside", 400},
    {"U02 cut escape", "/static/a%", 400},
    {"U02 cut escape of one digit", "/static/a%2", 400},
    {"U02 no digits", "/static/a%zz", 400},
    {"U02 delete", "/static/a%7f", 400},
    {"U03 a slash never separates", "/static/sub%2findex.html", 404},
    {"U04 link to a file", "/static/link", 404},
    {"U04 link out", "/static/out", 404},
    {"U04 link to the parent", "/static/up/outside", 404},
    {"U04 link to a folder", "/static/dirlink/index.html", 404},
    {"U04 link to itself", "/static/loop", 404},
    {"U04 magic link", "/static/proc/etc/passwd", 404},
    {"U04 FIFO", "/static/fifo", 404},
    {"U04 socket", "/static/socket", 404},
    {"U07 a folder", "/static/sub", 308},
    {"an index", "/static/sub/", 200},
    {"a folder without one", "/static/bare/", 404},
    {"a file is no folder", "/static/a.txt/", 404},
    {"nor has it anything below", "/static/a.txt/b", 404},
    {"hidden", "/static/.hidden", 404},
    {"hidden and escaped", "/static/%2ehidden", 404},
    {"well-known", "/static/.well-known/x", 200},
    {"not there", "/static/none", 404},
};

static int status_of(struct files_rig *f, const char *path)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "GET %s", path);
    (void)files_rig_ask(f, line, "");
    ck_assert_msg(strstr(f->rig->peers[0].got, "outside") == NULL &&
                      strstr(f->rig->peers[0].got, "root:") == NULL,
                  "%s gave what is outside", path);
    return files_rig_status(f);
}

static void check_rows(struct files_rig *f, size_t skip)
{
    for (int i = 0; i < ROWS(rows); i++)
        ck_assert_msg(status_of(f, rows[i].path + skip) == rows[i].status,
                      "%s: %d", rows[i].name, files_rig_status(f));
    files_rig_free(f);
}

START_TEST(test_files_no_path_leaves_the_root_below_a_route)
{
    check_rows(files_rig_new((struct flare_files_config){.root = NULL}, true),
               0);
}
END_TEST

START_TEST(test_files_no_path_leaves_the_root_of_a_whole_server)
{
    check_rows(files_rig_new((struct flare_files_config){.root = NULL}, false),
               strlen("/static"));
}
END_TEST

/* What a kernel without openat2 is asked. */
START_TEST(test_files_no_path_leaves_the_root_component_by_component)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);

    f->files->root.can_resolve = false;
    check_rows(f, 0);
}
END_TEST

START_TEST(test_files_U04_links_are_followed_below_the_root_if_wanted)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.symlinks = true}, true);

    if (!f->files->root.can_resolve) {
        files_rig_free(f);
        TEST_SKIP("no openat2");
    }
    ck_assert_int_eq(status_of(f, "/static/link"), 200);
    ck_assert_int_eq(status_of(f, "/static/dirlink/index.html"), 200);
    ck_assert_int_eq(status_of(f, "/static/out"), 404);
    ck_assert_int_eq(status_of(f, "/static/up/outside"), 404);
    ck_assert_int_eq(status_of(f, "/static/loop"), 404);
    ck_assert_int_eq(status_of(f, "/static/proc/etc/passwd"), 404);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_hidden_names_are_served_if_wanted)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.dotfiles = true}, true);

    ck_assert_int_eq(status_of(f, "/static/.hidden"), 200);
    ck_assert_int_eq(status_of(f, "/static/.."), 404);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_the_rest_starts_where_the_pattern_says)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);

    ck_assert_int_eq(status_of(f, "/x/deep/sub/index.html"), 200);
    ck_assert_int_eq(status_of(f, "/a%2fb/deep/a.txt"), 200);
    ck_assert_int_eq(status_of(f, "/x/deep/a%2ftxt"), 404);
    files_rig_free(f);
}
END_TEST

/* U06: "/static../x" is another name, not the root's parent. */
START_TEST(test_files_U06_a_prefix_ends_with_its_segment)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);

    ck_assert_int_eq(status_of(f, "/static../outside"), 404);
    ck_assert_int_eq(status_of(f, "/staticx/a.txt"), 404);
    ck_assert_int_eq(status_of(f, "/static%2f../outside"), 404);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_path_that_is_too_long_is_not_found)
{
    struct flare__files_path path;
    char text[FLARE__FILES_PATH_MAX + 8];
    struct flare_files files = {.config = {.root = NULL}};
    size_t fits = FLARE__FILES_PATH_MAX - FLARE__FILES_SUFFIX_MAX - 2;

    memset(text, 'a', sizeof(text));
    for (size_t len = 1; len < sizeof(text); len++) {
        int rc = flare__files_path_from(&path, &files,
                                        (struct flare_str){text, len});

        ck_assert_msg(rc == (len <= fits ? 0 : FLARE_E_NOT_FOUND), "%zu", len);
        if (rc == 0)
            ck_assert_uint_eq(strlen(path.text), len);
    }
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = '/';
    for (size_t len = 1; len < sizeof(text); len++)
        ck_assert_msg(flare__files_path_from(&path, &files,
                                             (struct flare_str){text, len}) ==
                          (len <= fits ? 0 : FLARE_E_NOT_FOUND),
                      "%zu", len);
}
END_TEST

START_TEST(test_files_U07_redirect_is_a_path_of_this_host)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, false);
    const char *got = files_rig_ask(f, "GET /sub?a=%0d%0ab", "");

    ck_assert_int_eq(files_rig_status(f), 308);
    ck_assert_ptr_nonnull(strstr(got, "\r\nLocation: /sub/?a=%0d%0ab\r\n"));
    got = files_rig_ask(f, "GET //evil/..%2fsub", "");
    ck_assert_ptr_null(strstr(got, "Location"));
    got = files_rig_ask(f, "GET /%5cevil", "");
    ck_assert_ptr_null(strstr(got, "Location"));
    got = files_rig_ask(f, "GET http://evil/sub", "");
    ck_assert_ptr_nonnull(strstr(got, "\r\nLocation: /sub/\r\n"));
    files_rig_free(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files_path");
    TCase *tc = tcase_create("files_path");

    tcase_add_test(tc, test_files_no_path_leaves_the_root_below_a_route);
    tcase_add_test(tc, test_files_no_path_leaves_the_root_of_a_whole_server);
    tcase_add_test(tc,
                   test_files_no_path_leaves_the_root_component_by_component);
    tcase_add_test(tc,
                   test_files_U04_links_are_followed_below_the_root_if_wanted);
    tcase_add_test(tc, test_files_hidden_names_are_served_if_wanted);
    tcase_add_test(tc, test_files_the_rest_starts_where_the_pattern_says);
    tcase_add_test(tc, test_files_U06_a_prefix_ends_with_its_segment);
    tcase_add_test(tc, test_files_path_that_is_too_long_is_not_found);
    tcase_add_test(tc, test_files_U07_redirect_is_a_path_of_this_host);
    suite_add_tcase(s, tc);
    return test_run(s);
}
