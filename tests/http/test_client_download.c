/* SPDX-License-Identifier: MIT */
/* Downloads, against a scripted server on real sockets. */
#include <flare/flare.h>

#include "tests/http/script_rig.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE                                                                  \
    "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n0123456789"
#define CUT "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n01234"
#define REST                                                                   \
    "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Length: 5\r\n"     \
    "Content-Range: bytes 5-9/10\r\n\r\n56789"

static struct script server;
static char top[64];
static char path[80];
static char part[96];
static char note[112];

static void set_up(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/flare-download-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    (void)snprintf(path, sizeof(path), "%s/file", top);
    (void)snprintf(part, sizeof(part), "%s.part", path);
    (void)snprintf(note, sizeof(note), "%s.note", part);
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
        return "(none)";
    len = fread(bytes, 1, sizeof(bytes) - 1, file);
    bytes[len] = '\0';
    fclose(file);
    return bytes;
}

static int download(const char *url,
                    const struct flare_download_options *options,
                    struct flare_error *err)
{
    flare_client *client;
    int rc;

    ck_assert_int_eq(flare_client_new(&client, NULL, NULL, err), 0);
    rc = flare_client_download(client, url, path, options, err);
    flare_client_free(client);
    return rc;
}

/* ---- from the start ---- */

struct seen {
    uint64_t received;
    uint64_t total;
    uint64_t stop_at; /* 0: never */
};

static int on_progress(uint64_t received, uint64_t total, void *ctx)
{
    struct seen *seen = ctx;

    ck_assert_uint_gt(received, seen->received);
    seen->received = received;
    seen->total = total;
    return seen->stop_at != 0 && received >= seen->stop_at;
}

START_TEST(test_a_file_is_whole_and_then_has_its_name)
{
    static const struct script_answer answers[] = {{WHOLE, 0, false},
                                                   {NULL, 0, false}};
    struct seen seen = {0, 0, 0};
    const struct flare_download_options options = {
        .on_progress = on_progress, .ctx = &seen, .mode = 0600};
    struct flare_error err;
    struct stat st;

    script_start(&server, answers);
    ck_assert_int_eq(download(script_url(&server, "/f"), &options, &err), 0);
    ck_assert_str_eq(content(path), "0123456789");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_str_eq(content(part), "(none)");
    ck_assert_str_eq(content(note), "(none)");
    ck_assert_uint_eq(seen.received, 10);
    ck_assert_uint_eq(seen.total, 10);
    ck_assert_ptr_null(strstr(server.asked[0], "Range:"));
    script_finish(&server);
}
END_TEST

static const struct {
    const char *name;
    const char *answer;
    int rc;
    uint64_t stop_at;
    uint64_t bytes_max;
} failures[] = {
    {"cut short", CUT, FLARE_E_REPLY_SHORT, 0, 0},
    {"no such file", "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
     FLARE_E_HTTP_STATUS, 0, 0},
    {"nothing to be had", "HTTP/1.1 204 No\r\n\r\n", FLARE_E_HTTP_STATUS, 0, 0},
    {"a range that was not asked for", REST, FLARE_E_HTTP_STATUS, 0, 0},
    {"given up", WHOLE, -ECANCELED, 1, 0},
    {"too large", WHOLE, FLARE_E_REPLY_BODY, 0, 9},
};

/* Whatever goes wrong: what was there stays, nothing else does. */
START_TEST(test_what_fails_leaves_the_old_file)
{
    const struct script_answer answers[] = {{failures[_i].answer, 0, true},
                                            {NULL, 0, false}};
    struct seen seen = {0, 0, failures[_i].stop_at};
    const struct flare_download_options options = {.on_progress = on_progress,
                                                   .ctx = &seen,
                                                   .bytes_max =
                                                       failures[_i].bytes_max};
    struct flare_error err = {0};
    FILE *file = fopen(path, "wb");
    int rc;

    fputs("old", file);
    fclose(file);
    script_start(&server, answers);
    rc = download(script_url(&server, "/f"), &options, &err);
    ck_assert_msg(rc == failures[_i].rc, "%s: %s", failures[_i].name,
                  flare_error_name(rc));
    ck_assert_int_eq(err.code, rc);
    ck_assert_ptr_nonnull(strstr(err.text, script_url(&server, "/f")));
    ck_assert_str_eq(content(path), "old");
    ck_assert_str_eq(content(part), "(none)");
    ck_assert_str_eq(content(note), "(none)");
    script_finish(&server);
}
END_TEST

START_TEST(test_a_place_that_cannot_be_had_is_named)
{
    static const struct script_answer answers[] = {{WHOLE, 0, false},
                                                   {NULL, 0, false}};
    struct flare_download_options options = {.part = "/nowhere/at/all"};
    struct flare_error err;

    ck_assert_int_eq(download("http://127.0.0.1:1/", &options, &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/at/all"));
    options.part = part;
    script_start(&server, answers);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(download(script_url(&server, "/f"), &options, &err),
                     -EISDIR);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_str_eq(content(part), "(none)");
    script_finish(&server);
}
END_TEST

/* ---- going on ---- */

#define NO_TAG "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"
#define WEAK                                                                   \
    "HTTP/1.1 200 OK\r\nETag: W/\"1\"\r\nContent-Length: 10\r\n\r\n01234"
#define DATED                                                                  \
    "HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"      \
    "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 10\r\n\r\n01234"
#define JUST_NOW                                                               \
    "HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"      \
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 10\r\n\r\n01234"
#define PARTIAL "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n"

static const struct {
    const char *name;
    const char *first;
    const char *second;
    const char *third;    /* NULL: there is none */
    const char *if_range; /* of the second; NULL: it asks for all */
} resumed[] = {
    {"the rest", CUT, REST, NULL, "\"1\""},
    {"a date that is strong", DATED,
     PARTIAL "Content-Range: bytes 5-9/10\r\n\r\n56789", NULL,
     "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"a date that may be another's", JUST_NOW, WHOLE, NULL, NULL},
    {"nothing to tell it by", NO_TAG, WHOLE, NULL, NULL},
    {"a weak tag", WEAK, WHOLE, NULL, NULL},
    {"another one by now", CUT, WHOLE, NULL, "\"1\""},
    {"a server without ranges", CUT,
     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", NULL, "\"1\""},
    {"a range that does not fit", CUT,
     PARTIAL "Content-Range: bytes 4-8/10\r\n\r\n45678", WHOLE, "\"1\""},
    {"not to the end", CUT, PARTIAL "Content-Range: bytes 5-9/12\r\n\r\n56789",
     WHOLE, "\"1\""},
    {"a range that is none", CUT, PARTIAL "Content-Range: 5-9/10\r\n\r\n56789",
     WHOLE, "\"1\""},
    {"no range said", CUT, PARTIAL "\r\n56789", WHOLE, "\"1\""},
    {"another tag", CUT,
     PARTIAL "ETag: \"2\"\r\nContent-Range: bytes 5-9/10\r\n\r\n56789", WHOLE,
     "\"1\""},
    {"shorter by now", CUT,
     "HTTP/1.1 416 No\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n",
     WHOLE, "\"1\""},
    {"a 416 that says nothing", CUT,
     "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n", WHOLE, "\"1\""},
};

START_TEST(test_a_download_goes_on_only_where_it_fits)
{
    const struct script_answer answers[] = {{resumed[_i].first, 0, true},
                                            {resumed[_i].second, 0, true},
                                            {resumed[_i].third, 0, true},
                                            {NULL, 0, false}};
    const struct flare_download_options options = {.resume = true};
    struct flare_error err;
    const char *url;
    char line[64] = "";
    int rc;

    script_start(&server, answers);
    url = script_url(&server, "/f");
    ck_assert_int_eq(download(url, &options, &err), FLARE_E_REPLY_SHORT);
    ck_assert_str_eq(content(part), "01234");
    ck_assert_str_eq(content(path), "(none)");
    rc = download(url, &options, &err);
    ck_assert_msg(rc == 0, "%s: %s", resumed[_i].name, err.text);
    ck_assert_str_eq(content(path), "0123456789");
    ck_assert_str_eq(content(part), "(none)");
    ck_assert_str_eq(content(note), "(none)");
    script_finish(&server);
    if (resumed[_i].if_range != NULL)
        (void)snprintf(line, sizeof(line), "If-Range: %s\r\n",
                       resumed[_i].if_range);
    ck_assert_ptr_nonnull(strstr(server.asked[1], line));
    ck_assert_int_eq(strstr(server.asked[1], "Range: bytes=5-\r\n") != NULL,
                     resumed[_i].if_range != NULL);
    ck_assert_uint_eq(server.requests, resumed[_i].third != NULL ? 3 : 2);
    ck_assert_ptr_null(strstr(server.asked[2], "Range:"));
}
END_TEST

START_TEST(test_all_of_it_was_there_already)
{
    static const struct script_answer answers[] = {
        {"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\n01234\r\n",
         0, true},
        {"HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\n"
         "Content-Length: 0\r\n\r\n",
         0, true},
        {NULL, 0, false}};
    const struct flare_download_options options = {.resume = true};
    struct flare_error err;
    const char *url;

    script_start(&server, answers);
    url = script_url(&server, "/f");
    ck_assert_int_eq(download(url, &options, &err), FLARE_E_REPLY_SHORT);
    ck_assert_int_eq(download(url, &options, &err), 0);
    ck_assert_str_eq(content(path), "01234");
    script_finish(&server);
}
END_TEST

START_TEST(test_a_part_of_another_url_begins_anew)
{
    static const struct script_answer answers[] = {
        {CUT, 0, true}, {WHOLE, 0, true}, {NULL, 0, false}};
    const struct flare_download_options options = {.resume = true};
    struct flare_error err;

    script_start(&server, answers);
    ck_assert_int_eq(download(script_url(&server, "/f"), &options, &err),
                     FLARE_E_REPLY_SHORT);
    ck_assert_int_eq(download(script_url(&server, "/g"), &options, &err), 0);
    ck_assert_ptr_null(strstr(server.asked[1], "Range:"));
    ck_assert_str_eq(content(path), "0123456789");
    script_finish(&server);
}
END_TEST

/* ---- without memory ---- */

static int scenario_download(struct fault *f, void *ctx)
{
    struct flare_client_config config = {.allocator = &f->al};
    struct flare_error err = {0};
    flare_client *client;
    int rc;

    (void)ctx;
    rc = flare_client_new(&client, NULL, &config, &err);
    if (rc < 0)
        return rc;
    rc = flare_client_download(client, script_url(&server, "/f"), path, NULL,
                               &err);
    ck_assert_int_eq(err.code, rc);
    ck_assert_str_eq(content(part), "(none)");
    flare_client_free(client);
    return rc;
}

START_TEST(test_every_allocation_may_fail)
{
    static const struct script_answer answers[] = {{WHOLE, 0, false}};

    script_start(&server, answers);
    server.is_endless = true;
    fault_each("client_download", scenario_download, NULL);
    script_finish(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_download");
    TCase *tc = tcase_create("all");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_a_file_is_whole_and_then_has_its_name);
    tcase_add_loop_test(tc, test_what_fails_leaves_the_old_file, 0,
                        ROWS(failures));
    tcase_add_test(tc, test_a_place_that_cannot_be_had_is_named);
    tcase_add_loop_test(tc, test_a_download_goes_on_only_where_it_fits, 0,
                        ROWS(resumed));
    tcase_add_test(tc, test_all_of_it_was_there_already);
    tcase_add_test(tc, test_a_part_of_another_url_begins_anew);
    tcase_add_test(tc, test_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
