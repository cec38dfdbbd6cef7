/* SPDX-License-Identifier: MIT */
/* Listings: what is in them, escaped for where it stands, and how much. */
#include "tests/http/files_rig.h"
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

static struct files_rig *rig_for(enum flare_files_listing listing)
{
    return files_rig_new((struct flare_files_config){.listing = listing}, true);
}

/* Names that are written in bare/, and how they come back. */
static const struct {
    const char *name;
    const char *html; /* NULL: not listed */
    const char *json;
} rows[] = {
    {"plain", "\"./plain\">plain<", "\"name\":\"plain\""},
    {"<script>", "\"./%3Cscript%3E\">&lt;script&gt;<", "\"name\":\"<script>\""},
    {"a&b", "\"./a%26b\">a&amp;b<", "\"name\":\"a&b\""},
    {"a\"b", "\"./a%22b\">a&quot;b<", "\"name\":\"a\\\"b\""},
    {"a'b", "\"./a%27b\">a&#39;b<", "\"name\":\"a'b\""},
    {"javascript:x", "\"./javascript%3Ax\">javascript:x<",
     "\"name\":\"javascript:x\""},
    {"50%25 ?#", "\"./50%2525%20%3F%23\">50%25 ?#<", "\"name\":\"50%25 ?#\""},
    {"\xc3\xa4", "\"./%C3%A4\">\xc3\xa4<", "\"name\":\"\xc3\xa4\""},
    {"not\xff"
     "utf8",
     NULL, NULL},
    {"line\nend", NULL, NULL},
    {"back\\slash", NULL, NULL},
    {".dot", NULL, NULL},
};

static void write_rows(const struct files_rig *f)
{
    char name[64];

    for (int i = 0; i < ROWS(rows); i++) {
        (void)snprintf(name, sizeof(name), "bare/%s", rows[i].name);
        files_rig_write(f, name, "x", 1);
    }
}

START_TEST(test_files_list_escapes_names_for_html)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);
    const char *got;

    write_rows(f);
    got = files_rig_ask(f, "GET /static/bare/", "");
    ck_assert_int_eq(files_rig_status(f), 200);
    ck_assert_ptr_nonnull(
        strstr(got, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    for (int i = 0; i < ROWS(rows); i++)
        if (rows[i].html != NULL)
            ck_assert_msg(strstr(got, rows[i].html) != NULL, "%s in %s",
                          rows[i].html, got);
    ck_assert_int_eq(rig_count(f->rig, 0, "<tr>"), 9); /* one is "../" */
    ck_assert_ptr_null(strstr(got, "<script"));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_escapes_names_for_json)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_JSON);
    const char *got;

    write_rows(f);
    got = files_rig_ask(f, "GET /static/bare/", "");
    ck_assert_ptr_nonnull(
        strstr(got, "\r\nContent-Type: application/json\r\n"));
    for (int i = 0; i < ROWS(rows); i++)
        if (rows[i].json != NULL)
            ck_assert_msg(strstr(got, rows[i].json) != NULL, "%s in %s",
                          rows[i].json, got);
    ck_assert_int_eq(rig_count(f->rig, 0, "\"name\""), 8);
    ck_assert_ptr_nonnull(strstr(got, "],\"truncated\":false}\n"));
    files_rig_free(f);
}
END_TEST

/* Every listed name can be asked for as it is written. */
START_TEST(test_files_list_links_lead_to_their_files)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);

    write_rows(f);
    for (int i = 0; i < ROWS(rows); i++) {
        char line[128] = "GET /static/bare/";

        if (rows[i].html == NULL)
            continue;
        strncat(line, rows[i].html + 3, strcspn(rows[i].html + 3, "\""));
        (void)files_rig_ask(f, line, "");
        ck_assert_msg(files_rig_status(f) == 200, "%s", line);
    }
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_has_the_title_escaped)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);
    const char *got;

    ck_assert_int_eq(mkdir(files_rig_path(f, "a<b"), 0755), 0);
    got = files_rig_ask(f, "GET /static/a%3Cb/", "");
    ck_assert_ptr_nonnull(strstr(got, "<title>/a&lt;b</title>"));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_is_of_what_is_served_in_order)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_JSON);
    const char *got = files_rig_ask(f, "GET /static/", "");
    static const char *const names[] = {
        "a.txt", "app.js", "app.js.br", "app.js.gz",   "bare",
        "big",   "empty",  "only.css",  "only.css.gz", "sub"};
    const char *at = got;

    for (int i = 0; i < ROWS(names); i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "{\"name\":\"%s\"", names[i]);
        at = strstr(at, name);
        ck_assert_msg(at != NULL, "%s in %s", name, got);
    }
    ck_assert_int_eq(rig_count(f->rig, 0, "\"name\""), ROWS(names));
    ck_assert_ptr_nonnull(
        strstr(got, "{\"name\":\"a.txt\",\"type\":\"file\",\"size\":10,"
                    "\"modified\":978307200}"));
    ck_assert_ptr_nonnull(
        strstr(got, "{\"name\":\"bare\",\"type\":\"directory\","));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_is_json_for_whom_likes_it_better)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_AUTO);
    const char *got =
        files_rig_ask(f, "GET /static/", "Accept: application/json\r\n");

    ck_assert_ptr_nonnull(strstr(got, "Content-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(got, "\r\nVary: Accept\r\n"));
    got = files_rig_ask(f, "GET /static/", "Accept: */*\r\n");
    ck_assert_ptr_nonnull(strstr(got, "Content-Type: text/html"));
    got = files_rig_ask(f, "HEAD /static/", "");
    ck_assert_ptr_nonnull(strstr(got, "Content-Type: text/html"));
    ck_assert_str_eq(files_rig_body(f), "");
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_gives_way_to_an_index)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);

    (void)files_rig_ask(f, "GET /static/sub/", "");
    ck_assert_str_eq(files_rig_body(f), "index");
    (void)files_rig_ask(f, "GET /static/a.txt/", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    (void)files_rig_ask(f, "GET /static/none/", "");
    ck_assert_int_eq(files_rig_status(f), 404);
    files_rig_free(f);
}
END_TEST

static void write_many(const struct files_rig *f, int count)
{
    char name[300];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "bare/%0200d", i);
        files_rig_write(f, name, "", 0);
    }
}

START_TEST(test_files_list_is_cut_and_says_so)
{
    struct files_rig *f = files_rig_new(
        (struct flare_files_config){.listing = FLARE_FILES_LISTING_JSON,
                                    .listing_max = 3},
        true);
    const char *got;

    write_many(f, 3);
    got = files_rig_ask(f, "GET /static/bare/", "");
    ck_assert_int_eq(rig_count(f->rig, 0, "\"name\""), 3);
    ck_assert_ptr_nonnull(strstr(got, "],\"truncated\":false}\n"));
    write_many(f, 4);
    got = files_rig_ask(f, "GET /static/bare/", "");
    ck_assert_int_eq(rig_count(f->rig, 0, "\"name\""), 3);
    ck_assert_ptr_nonnull(strstr(got, "],\"truncated\":true}\n"));
    files_rig_free(f);
}
END_TEST

/* As fast as the peer takes it, in the memory of a connection's output. */
START_TEST(test_files_list_waits_for_a_slow_peer)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);
    struct rig_peer *p = &f->rig->peers[1];

    write_many(f, 1500);
    rig_connect(f->rig, 1);
    p->is_deaf = true;
    rig_text(f->rig, 1, "GET /static/bare/ HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(f->rig, 100);
    ck_assert_uint_le(f->rig->fault.peak_bytes, 1 << 20);
    p->is_deaf = false;
    for (int i = 0; i < 200; i++) {
        p->len += flare__sim_peer_recv(&p->peer, p->got + p->len,
                                       RIG_OUTPUT_MAX - p->len);
        rig_run(f->rig, 10);
    }
    p->got[p->len] = '\0';
    ck_assert_int_eq(rig_count(f->rig, 1, "<tr>"), 1501);
    ck_assert_ptr_nonnull(strstr(p->got, "</html>\n\r\n0\r\n\r\n"));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_list_ends_with_a_peer_that_leaves)
{
    struct files_rig *f = rig_for(FLARE_FILES_LISTING_HTML);

    write_many(f, 1500);
    rig_connect(f->rig, 1);
    f->rig->peers[1].is_deaf = true;
    rig_text(f->rig, 1, "GET /static/bare/ HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(f->rig, 50);
    files_rig_free(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files_list");
    TCase *tc = tcase_create("files_list");

    tcase_add_test(tc, test_files_list_escapes_names_for_html);
    tcase_add_test(tc, test_files_list_escapes_names_for_json);
    tcase_add_test(tc, test_files_list_links_lead_to_their_files);
    tcase_add_test(tc, test_files_list_has_the_title_escaped);
    tcase_add_test(tc, test_files_list_is_of_what_is_served_in_order);
    tcase_add_test(tc, test_files_list_is_json_for_whom_likes_it_better);
    tcase_add_test(tc, test_files_list_gives_way_to_an_index);
    tcase_add_test(tc, test_files_list_is_cut_and_says_so);
    tcase_add_test(tc, test_files_list_waits_for_a_slow_peer);
    tcase_add_test(tc, test_files_list_ends_with_a_peer_that_leaves);
    suite_add_tcase(s, tc);
    return test_run(s);
}
