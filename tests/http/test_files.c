/* SPDX-License-Identifier: MIT */
/* Which file answers: opening, methods, variants, index, fallback, faults. */
#include "base/alloc.h"
#include "tests/http/files_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* ---- opening ---- */

static const struct flare_files_type bad_types[] = {{"x", "a/b\r\nC: d"}};

static const struct {
    const char *name;
    struct flare_files_config config;
    int rc;
    const char *text; /* a part of it */
} open_rows[] = {
    {"no root", {.root = NULL}, FLARE_E_BAD_CONFIG, "root is required"},
    {"no such root", {.root = "/none/such"}, -ENOENT, "'/none/such'"},
    {"a file", {.root = "/etc/passwd"}, -ENOTDIR, "'/etc/passwd'"},
    {"index above",
     {.root = "/", .index = {"../x"}},
     FLARE_E_BAD_CONFIG,
     "'../x'"},
    {"index absolute",
     {.root = "/", .index = {"/x"}},
     FLARE_E_BAD_CONFIG,
     "'/x'"},
    {"five of index",
     {.root = "/", .index = {"1", "2", "3", "4", "5"}},
     FLARE_E_BAD_CONFIG,
     "more than 4"},
    {"fallback above",
     {.root = "/", .fallback = "a/../b"},
     FLARE_E_BAD_CONFIG,
     "'a/../b'"},
    {"fallback a folder",
     {.root = "/", .fallback = "a/"},
     FLARE_E_BAD_CONFIG,
     "'a/'"},
    {"cache-control of two lines",
     {.root = "/", .cache_control = "a\r\nB: c"},
     FLARE_E_BAD_CONFIG,
     "cache_control"},
    {"type of two lines",
     {.root = "/", .types = bad_types, .type_count = 1},
     FLARE_E_BAD_CONFIG,
     "'x'"},
    {"listing",
     {.root = "/", .listing = (enum flare_files_listing)9},
     FLARE_E_BAD_CONFIG,
     "listing"},
    {"listing_max",
     {.root = "/", .listing_max = 100001},
     FLARE_E_BAD_CONFIG,
     "listing_max"},
    {"cache_bytes_max",
     {.root = "/", .cache_bytes_max = (1u << 30) + 1},
     FLARE_E_BAD_CONFIG,
     "cache_bytes_max"},
    {"cache_ms",
     {.root = "/", .cache_ms = 86400001},
     FLARE_E_BAD_CONFIG,
     "cache_ms"},
};

START_TEST(test_files_open_names_what_is_wrong)
{
    flare_files *files = NULL;
    struct flare_error err;

    for (int i = 0; i < ROWS(open_rows); i++) {
        int rc = flare_files_open(&files, &open_rows[i].config, &err);

        ck_assert_msg(rc == open_rows[i].rc, "%s: %d", open_rows[i].name, rc);
        ck_assert_int_eq(err.code, rc);
        ck_assert_msg(strstr(err.text, open_rows[i].text) != NULL, "%s: %s",
                      open_rows[i].name, err.text);
        ck_assert_int_eq(flare_files_open(&files, &open_rows[i].config, NULL),
                         rc);
    }
    ck_assert_ptr_null(files);
    flare_files_close(NULL);
}
END_TEST

START_TEST(test_files_open_takes_configurations_of_other_versions)
{
    struct flare_files_config config = {.root = "/"};
    flare_files *files;

    ck_assert_int_eq(
        flare_files_open_sized(sizeof(config) + 1, &files, &config, NULL),
        FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(
        flare_files_open_sized(sizeof(config.root), &files, &config, NULL), 0);
    flare_files_close(files);
    config.allocator.free_fn = flare__allocator_default.free_fn;
    ck_assert_int_eq(flare_files_open(&files, &config, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

/* ---- methods ---- */

START_TEST(test_files_answer_GET_and_HEAD_only)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, false);
    const char *got = files_rig_ask(f, "DELETE /a.txt", "");

    ck_assert_int_eq(files_rig_status(f), 405);
    ck_assert_ptr_nonnull(strstr(got, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    got = files_rig_ask(f, "POST /a.txt", "Content-Length: 0\r\n");
    ck_assert_int_eq(files_rig_status(f), 405);
    got = files_rig_ask(f, "OPTIONS /a.txt", "");
    ck_assert_int_eq(files_rig_status(f), 204);
    ck_assert_ptr_nonnull(strstr(got, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    files_rig_free(f);
    f = files_rig_new((struct flare_files_config){.root = NULL}, true);
    got = files_rig_ask(f, "PUT /static/a.txt", "Content-Length: 0\r\n");
    ck_assert_int_eq(files_rig_status(f), 405);
    ck_assert_ptr_nonnull(strstr(got, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    files_rig_free(f);
}
END_TEST

/* ---- variants ---- */

static const struct {
    const char *path;
    const char *accept; /* NULL: no field */
    const char *coding; /* NULL: none */
    const char *body;
    bool has_vary;
} variants[] = {
    {"app.js", NULL, NULL, "plain", true},
    {"app.js", "gzip", "gzip", "gzip", true},
    {"app.js", "br", "br", "brotli", true},
    {"app.js", "gzip, br", "br", "brotli", true},
    {"app.js", "gzip;q=0.9, br;q=0.5", "gzip", "gzip", true},
    {"app.js", "gzip;q=0, br;q=0", NULL, "plain", true},
    {"app.js", "identity", NULL, "plain", true},
    {"app.js", "deflate", NULL, "plain", true},
    {"app.js", "*", "br", "brotli", true},
    {"only.css", "br", NULL, "style", true},
    {"only.css", "br, gzip", "gzip", "gz", true},
    {"only.css", "br, gzip;q=0", NULL, "style", true},
    {"only.css", "identity;q=0, br", NULL, "style", true},
    {"empty", "gzip", NULL, "", false},
    {"app.js.gz", "gzip", NULL, "gzip", false},
    {"none.js", "gzip", NULL, NULL, false},
};

static void check_variant(struct files_rig *f, int i)
{
    char line[128], fields[128] = "", coding[64];
    const char *got;

    (void)snprintf(line, sizeof(line), "GET /static/%s", variants[i].path);
    if (variants[i].accept != NULL)
        (void)snprintf(fields, sizeof(fields), "Accept-Encoding: %s\r\n",
                       variants[i].accept);
    got = files_rig_ask(f, line, fields);
    if (variants[i].body == NULL) {
        ck_assert_int_eq(files_rig_status(f), 404);
        return;
    }
    ck_assert_msg(strcmp(files_rig_body(f), variants[i].body) == 0,
                  "row %d: %s", i, got);
    ck_assert_msg((strstr(got, "\r\nVary: Accept-Encoding\r\n") != NULL) ==
                      variants[i].has_vary,
                  "row %d: %s", i, got);
    (void)snprintf(coding, sizeof(coding), "\r\nContent-Encoding: %s\r\n",
                   variants[i].coding != NULL ? variants[i].coding : "");
    ck_assert_msg(variants[i].coding != NULL
                      ? strstr(got, coding) != NULL
                      : strstr(got, "Content-Encoding") == NULL,
                  "row %d: %s", i, got);
    if (strcmp(variants[i].path, "app.js") == 0)
        ck_assert_msg(strstr(got, "Content-Type: text/javascript") != NULL,
                      "row %d: %s", i, got);
}

START_TEST(test_files_variants_are_chosen_as_the_client_likes)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.precompressed = true}, true);

    for (int i = 0; i < ROWS(variants); i++)
        check_variant(f, i);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_variants_have_ranges_and_tags_of_their_own)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.precompressed = true}, true);
    char tag[128];
    const char *got = files_rig_ask(f, "GET /static/app.js", "");

    ck_assert_int_eq(sscanf(strstr(got, "ETag: "), "ETag: %100s", tag), 1);
    got = files_rig_ask(f, "GET /static/app.js",
                        "Accept-Encoding: br\r\nRange: bytes=0-2\r\n");
    ck_assert_int_eq(files_rig_status(f), 206);
    ck_assert_str_eq(files_rig_body(f), "bro");
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Range: bytes 0-2/6\r\n"));
    ck_assert_ptr_null(strstr(got, tag));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_variants_are_not_looked_for_unasked)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);
    const char *got =
        files_rig_ask(f, "GET /static/app.js", "Accept-Encoding: gzip\r\n");

    ck_assert_str_eq(files_rig_body(f), "plain");
    ck_assert_ptr_null(strstr(got, "Vary"));
    files_rig_free(f);
}
END_TEST

/* ---- types, index, fallback ---- */

START_TEST(test_files_types_can_be_told)
{
    static const struct flare_files_type types[] = {{"TXT", "a/text"},
                                                    {"br", "a/br"}};
    struct files_rig *f = files_rig_new(
        (struct flare_files_config){.types = types, .type_count = 2}, true);
    const char *got = files_rig_ask(f, "GET /static/a.txt", "");

    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Type: a/text\r\n"));
    got = files_rig_ask(f, "GET /static/app.js.br", "");
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Type: a/br\r\n"));
    got = files_rig_ask(f, "GET /static/big", "");
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Type: application/octet-"));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_index_is_the_first_that_is_there)
{
    struct files_rig *f = files_rig_new(
        (struct flare_files_config){.index = {"none", "bare", "a.txt", "big"}},
        true);

    (void)files_rig_ask(f, "GET /static/", "");
    ck_assert_str_eq(files_rig_body(f), "0123456789");
    (void)files_rig_ask(f, "GET /static/sub/", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    files_rig_free(f);
    f = files_rig_new((struct flare_files_config){.index = {""}}, true);
    (void)files_rig_ask(f, "GET /static/sub/", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    files_rig_free(f);
}
END_TEST

static const struct {
    const char *line;
    const char *fields;
    int status;
} fallbacks[] = {
    {"GET /users/7", "Accept: text/html\r\n", 200},
    {"GET /users/7", "Accept: */*\r\n", 200},
    {"GET /users/7", "", 200},
    {"HEAD /users/7", "", 200},
    {"GET /users/7/", "", 200},
    {"GET /v1.2/users", "", 200},
    {"GET /app.old.js", "", 404},
    {"GET /users/7", "Accept: application/json\r\n", 404},
    {"GET /users/%zz", "", 400},
    {"DELETE /users/7", "", 405},
};

START_TEST(test_files_fallback_is_for_pages_that_are_not_there)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.fallback = "sub/index.html",
                                                  .cache_control = "max-age=9"},
                      false);

    for (int i = 0; i < ROWS(fallbacks); i++) {
        const char *got =
            files_rig_ask(f, fallbacks[i].line, fallbacks[i].fields);

        ck_assert_msg(files_rig_status(f) == fallbacks[i].status, "%s: %s",
                      fallbacks[i].line, got);
        if (fallbacks[i].status == 200) {
            ck_assert_ptr_nonnull(strstr(got, "Content-Type: text/html"));
            ck_assert_ptr_nonnull(strstr(got, "Cache-Control: no-cache\r\n"));
        }
    }
    (void)files_rig_ask(f, "GET /a.txt", "");
    ck_assert_str_eq(files_rig_body(f), "0123456789");
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_fallback_that_is_not_there_is_a_404)
{
    struct files_rig *f = files_rig_new(
        (struct flare_files_config){.fallback = "none.html"}, false);

    (void)files_rig_ask(f, "GET /users", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    files_rig_free(f);
    f = files_rig_new((struct flare_files_config){.fallback = "bare"}, false);
    (void)files_rig_ask(f, "GET /users", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    files_rig_free(f);
}
END_TEST

/* ---- one file, by its name ---- */

static struct flare_str send_path;

static int on_send(flare_req *req, flare_res *res)
{
    return flare_files_send(flare_req_ctx(req), req, res, send_path);
}

static const struct {
    const char *path;
    size_t len;
    int status;
} sends[] = {
    {"a.txt", 5, 200},
    {"sub/index.html", 14, 200},
    {"%61.txt", 7, 404},
    {"../outside", 10, 404},
    {"/a.txt", 6, 404},
    {"a.txt/", 6, 404},
    {"sub", 3, 404},
    {"sub/", 4, 404},
    {"", 0, 404},
    {"a.txt\0.js", 9, 400},
    {".hidden", 7, 404},
    {"link", 4, 404},
    {"sub//index", 10, 404},
};

START_TEST(test_files_send_takes_names_from_anyone)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, false);
    struct flare_server_config server = {.handler = {on_send, f->files}};
    struct rig *r = rig_new(&server);

    for (int i = 0; i < ROWS(sends); i++) {
        char status[16];

        send_path = (struct flare_str){sends[i].path, sends[i].len};
        (void)rig_ask(r, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        (void)snprintf(status, sizeof(status), "%d", sends[i].status);
        ck_assert_msg(strcmp(rig_statuses(r, 0), status) == 0, "%s: %s",
                      sends[i].path, r->peers[0].got);
    }
    send_path = FLARE_STR("a.txt");
    (void)rig_ask(r, "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "405");
    rig_free(r);
    files_rig_free(f);
}
END_TEST

/* ---- faults ---- */

/* Every answer is right, a 503, or broken off. */
static int ask_under_faults(struct rig *r, const char *path)
{
    static const char *const accepted[] = {"200", "503", "200 503", ""};
    char text[128];
    const char *statuses;

    (void)snprintf(text, sizeof(text),
                   "GET %s HTTP/1.1\r\nHost: h\r\n"
                   "Accept-Encoding: gzip\r\n\r\n",
                   path);
    (void)rig_ask(r, text);
    statuses = rig_statuses(r, 0);
    for (int i = 0; i < ROWS(accepted); i++)
        if (strcmp(statuses, accepted[i]) == 0)
            return i == 0 ? 0 : -ENOMEM;
    ck_abort_msg("%s: %s", path, statuses);
    return 0;
}

static int scenario_answers(struct fault *fault, void *ctx)
{
    struct files_rig *f = ctx;
    static const char *const paths[] = {"/a.txt", "/app.js", "/sub/", "/"};
    struct flare_files_config config = {.root = f->root,
                                        .precompressed = true,
                                        .listing = FLARE_FILES_LISTING_HTML,
                                        .allocator = fault->al};
    struct flare_server_config server;
    flare_files *files;
    int rc = flare_files_open(&files, &config, NULL);
    struct rig *r;

    if (rc < 0)
        return rc;
    server =
        (struct flare_server_config){.handler = flare_files_handler(files)};
    r = rig_new(&server);
    for (int i = 0; i < ROWS(paths); i++) {
        int one = ask_under_faults(r, paths[i]);

        rc = one < 0 ? one : rc;
    }
    rig_free(r);
    flare_files_close(files);
    return rc;
}

START_TEST(test_files_survive_every_allocation_failure)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, false);

    ck_assert_uint_ge(fault_each("files", scenario_answers, f).sites, 4);
    files_rig_free(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files");
    TCase *tc = tcase_create("files");

    tcase_add_test(tc, test_files_open_names_what_is_wrong);
    tcase_add_test(tc, test_files_open_takes_configurations_of_other_versions);
    tcase_add_test(tc, test_files_answer_GET_and_HEAD_only);
    tcase_add_test(tc, test_files_variants_are_chosen_as_the_client_likes);
    tcase_add_test(tc, test_files_variants_have_ranges_and_tags_of_their_own);
    tcase_add_test(tc, test_files_variants_are_not_looked_for_unasked);
    tcase_add_test(tc, test_files_types_can_be_told);
    tcase_add_test(tc, test_files_index_is_the_first_that_is_there);
    tcase_add_test(tc, test_files_fallback_is_for_pages_that_are_not_there);
    tcase_add_test(tc, test_files_fallback_that_is_not_there_is_a_404);
    tcase_add_test(tc, test_files_send_takes_names_from_anyone);
    tcase_add_test(tc, test_files_survive_every_allocation_failure);
    suite_add_tcase(s, tc);
    return test_run(s);
}
