/* SPDX-License-Identifier: MIT */
/* Conditions and ranges of files: FAILURES H44, H45; and what breaks off. */
#include "tests/http/files_rig.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODIFIED "Mon, 01 Jan 2001 00:00:00 GMT"
#define BEFORE "Sun, 31 Dec 2000 23:59:59 GMT"
#define AFTER "Mon, 01 Jan 2001 00:00:01 GMT"

/* Of a.txt; '@' in `fields` stands for its entity tag. */
static const struct {
    const char *name;
    const char *method;
    const char *fields;
    int status;
    const char *says; /* a line of the head; NULL: any */
    const char *body; /* NULL: any */
} rows[] = {
    {"plain", "GET", "", 200, "Content-Length: 10", "0123456789"},
    {"its date", "GET", "", 200, "Last-Modified: " MODIFIED, NULL},
    {"its type", "GET", "", 200, "Content-Type: text/plain; charset=utf-8",
     NULL},
    {"ranges are there", "GET", "", 200, "Accept-Ranges: bytes", NULL},
    {"HEAD", "HEAD", "", 200, "Content-Length: 10", ""},

    {"same tag", "GET", "If-None-Match: @\r\n", 304, NULL, ""},
    {"304 has the tag", "GET", "If-None-Match: @\r\n", 304, "ETag: @", ""},
    {"same tag, weak", "GET", "If-None-Match: W/@\r\n", 304, NULL, ""},
    {"same tag, HEAD", "HEAD", "If-None-Match: @\r\n", 304, NULL, ""},
    {"one of a list", "GET", "If-None-Match: \"x\", @\r\n", 304, NULL, ""},
    {"one of two lines", "GET", "If-None-Match: \"x\"\r\nIf-None-Match: @\r\n",
     304, NULL, ""},
    {"any tag", "GET", "If-None-Match: *\r\n", 304, NULL, ""},
    {"another tag", "GET", "If-None-Match: \"x\"\r\n", 200, NULL, "0123456789"},
    {"the tag hides the date", "GET",
     "If-None-Match: \"x\"\r\nIf-Modified-Since: " AFTER "\r\n", 200, NULL,
     NULL},
    {"not modified since", "GET", "If-Modified-Since: " MODIFIED "\r\n", 304,
     NULL, ""},
    {"modified since", "GET", "If-Modified-Since: " BEFORE "\r\n", 200, NULL,
     NULL},
    {"no date", "GET", "If-Modified-Since: yesterday\r\n", 200, NULL, NULL},
    {"two dates", "GET",
     "If-Modified-Since: " AFTER "\r\nIf-Modified-Since: " AFTER "\r\n", 200,
     NULL, NULL},
    {"unmodified since", "GET", "If-Unmodified-Since: " MODIFIED "\r\n", 200,
     NULL, NULL},
    {"modified meanwhile", "GET", "If-Unmodified-Since: " BEFORE "\r\n", 412,
     NULL, NULL},
    {"match", "GET", "If-Match: @\r\n", 200, NULL, NULL},
    {"match is strong", "GET", "If-Match: W/@\r\n", 412, NULL, NULL},
    {"no match", "GET", "If-Match: \"x\"\r\n", 412, NULL, NULL},
    {"match of HEAD", "HEAD", "If-Match: \"x\"\r\n", 412, NULL, ""},

    {"first bytes", "GET", "Range: bytes=0-3\r\n", 206,
     "Content-Range: bytes 0-3/10", "0123"},
    {"length of a part", "GET", "Range: bytes=0-3\r\n", 206,
     "Content-Length: 4", NULL},
    {"one byte", "GET", "Range: bytes=9-9\r\n", 206,
     "Content-Range: bytes 9-9/10", "9"},
    {"to the end", "GET", "Range: bytes=5-\r\n", 206,
     "Content-Range: bytes 5-9/10", "56789"},
    {"past the end", "GET", "Range: bytes=5-99999999999999999999\r\n", 206,
     "Content-Range: bytes 5-9/10", "56789"},
    {"the last bytes", "GET", "Range: bytes=-3\r\n", 206,
     "Content-Range: bytes 7-9/10", "789"},
    {"more than there are", "GET", "Range: bytes=-99999999999999999999\r\n",
     206, "Content-Range: bytes 0-9/10", "0123456789"},
    {"behind the end", "GET", "Range: bytes=10-\r\n", 416,
     "Content-Range: bytes */10", NULL},
    {"the last none", "GET", "Range: bytes=-0\r\n", 416,
     "Content-Range: bytes */10", NULL},
    {"H44 two ranges", "GET", "Range: bytes=0-1,4-5\r\n", 200, NULL,
     "0123456789"},
    {"H44 overlap", "GET", "Range: bytes=0-5,4-9\r\n", 200, NULL, "0123456789"},
    {"H44 backwards", "GET", "Range: bytes=5-1\r\n", 200, NULL, "0123456789"},
    {"H44 negative", "GET", "Range: bytes=--1\r\n", 200, NULL, "0123456789"},
    {"H44 another unit", "GET", "Range: lines=0-1\r\n", 200, NULL,
     "0123456789"},
    {"two Range fields", "GET", "Range: bytes=0-1\r\nRange: bytes=0-1\r\n", 200,
     NULL, "0123456789"},
    {"HEAD has no range", "HEAD", "Range: bytes=0-3\r\n", 200,
     "Content-Length: 10", ""},
    {"range of what is the same", "GET", "Range: bytes=0-3\r\nIf-Range: @\r\n",
     206, NULL, "0123"},
    {"range of what was another", "GET",
     "Range: bytes=0-3\r\nIf-Range: \"x\"\r\n", 200, NULL, "0123456789"},
    {"If-Range is strong", "GET", "Range: bytes=0-3\r\nIf-Range: W/@\r\n", 200,
     NULL, "0123456789"},
    {"If-Range by date", "GET",
     "Range: bytes=0-3\r\nIf-Range: " MODIFIED "\r\n", 206, NULL, "0123"},
    {"If-Range by another date", "GET",
     "Range: bytes=0-3\r\nIf-Range: " AFTER "\r\n", 200, NULL, "0123456789"},
    {"a bad range of what was another", "GET",
     "Range: bytes=99-\r\nIf-Range: \"x\"\r\n", 200, NULL, "0123456789"},
    {"not modified comes before the range", "GET",
     "Range: bytes=99-\r\nIf-None-Match: @\r\n", 304, NULL, ""},
    {"a failed match comes before the range", "GET",
     "Range: bytes=0-3\r\nIf-Match: \"x\"\r\n", 412, NULL, NULL},
};

static void put_tag(char *out, size_t size, const char *text, const char *tag)
{
    size_t len = 0;

    for (; *text != '\0'; text++)
        len +=
            (size_t)snprintf(out + len, size - len, "%.*s",
                             *text == '@' ? 64 : 1, *text == '@' ? tag : text);
    out[len] = '\0';
}

static void tag_of(const struct files_rig *f, const char *name, char *out)
{
    struct flare__file_facts facts;
    int fd = open(files_rig_path(f, name), O_RDONLY | O_CLOEXEC);
    size_t len;

    ck_assert_int_eq(flare__file_facts(fd, &facts), 0);
    close(fd);
    len = flare__files_etag(out, &facts);
    out[len] = '\0';
}

static void check_row(struct files_rig *f, int i, const char *tag)
{
    char fields[512], line[128];

    put_tag(fields, sizeof(fields), rows[i].fields, tag);
    (void)snprintf(line, sizeof(line), "%s /static/a.txt", rows[i].method);
    (void)files_rig_ask(f, line, fields);
    ck_assert_msg(files_rig_status(f) == rows[i].status, "%s: %s", rows[i].name,
                  f->rig->peers[0].got);
    if (rows[i].body != NULL)
        ck_assert_msg(strcmp(files_rig_body(f), rows[i].body) == 0, "%s: %s",
                      rows[i].name, f->rig->peers[0].got);
    if (rows[i].says == NULL)
        return;
    put_tag(fields, sizeof(fields), rows[i].says, tag);
    (void)snprintf(line, sizeof(line), "\r\n%.100s\r\n", fields);
    ck_assert_msg(strstr(f->rig->peers[0].got, line) != NULL, "%s: %s",
                  rows[i].name, f->rig->peers[0].got);
}

START_TEST(test_files_conditions_and_ranges)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);
    char tag[FLARE__FILES_ETAG_MAX + 1];

    tag_of(f, "a.txt", tag);
    for (int i = 0; i < ROWS(rows); i++)
        check_row(f, i, tag);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_without_a_tag_have_their_date)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.no_etag = true}, true);
    const char *got = files_rig_ask(f, "GET /static/a.txt", "");

    ck_assert_int_eq(files_rig_status(f), 200);
    ck_assert_ptr_null(strstr(got, "ETag"));
    (void)files_rig_ask(f, "GET /static/a.txt",
                        "If-Modified-Since: " MODIFIED "\r\n");
    ck_assert_int_eq(files_rig_status(f), 304);
    (void)files_rig_ask(f, "GET /static/a.txt", "If-Match: \"x\"\r\n");
    ck_assert_int_eq(files_rig_status(f), 412);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_say_how_long_they_may_be_kept)
{
    struct files_rig *f = files_rig_new(
        (struct flare_files_config){.cache_control = "max-age=9"}, true);
    const char *got = files_rig_ask(f, "GET /static/a.txt", "");

    ck_assert_ptr_nonnull(strstr(got, "\r\nCache-Control: max-age=9\r\n"));
    got = files_rig_ask(f, "GET /static/a.txt", "If-None-Match: *\r\n");
    ck_assert_ptr_nonnull(strstr(got, "\r\nCache-Control: max-age=9\r\n"));
    got = files_rig_ask(f, "GET /static/a.txt", "Range: bytes=99-\r\n");
    ck_assert_int_eq(files_rig_status(f), 416);
    ck_assert_ptr_null(strstr(got, "Cache-Control"));
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_tag_changes_with_time_size_and_inode)
{
    struct flare__file_facts facts = {
        .modified_ns = INT64_C(0x123456789), .size = 0xAB, .inode = 0xCD};
    char tag[FLARE__FILES_ETAG_MAX + 1];
    size_t len = flare__files_etag(tag, &facts);

    tag[len] = '\0';
    ck_assert_str_eq(tag, "\"123456789-ab-cd\"");
    facts = (struct flare__file_facts){
        .modified_ns = -1, .size = UINT64_MAX, .inode = UINT64_MAX};
    len = flare__files_etag(tag, &facts);
    ck_assert_uint_lt(len, FLARE__FILES_ETAG_MAX);
    tag[len] = '\0';
    ck_assert_str_eq(tag, "\"ffffffffffffffff-ffffffffffffffff-"
                          "ffffffffffffffff\"");
}
END_TEST

static void check_big(const char *body, size_t offset, size_t len)
{
    ck_assert_uint_eq(strlen(body), len);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(body[i], (char)('a' + (offset + i) % 26));
}

START_TEST(test_files_large_ones_come_whole_and_in_part)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);

    (void)files_rig_ask(f, "GET /static/big", "");
    check_big(files_rig_body(f), 0, FILES_RIG_BIG);
    (void)files_rig_ask(f, "GET /static/big", "Range: bytes=100-150099\r\n");
    ck_assert_int_eq(files_rig_status(f), 206);
    check_big(files_rig_body(f), 100, 150000);
    (void)files_rig_ask(f, "GET /static/big", "Range: bytes=-7\r\n");
    check_big(files_rig_body(f), FILES_RIG_BIG - 7, 7);
    (void)files_rig_ask(f, "HEAD /static/big", "");
    ck_assert_str_eq(files_rig_body(f), "");
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_empty_ones_have_no_ranges)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);
    const char *got = files_rig_ask(f, "GET /static/empty", "");

    ck_assert_int_eq(files_rig_status(f), 200);
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Length: 0\r\n"));
    got = files_rig_ask(f, "GET /static/empty", "Range: bytes=0-\r\n");
    ck_assert_int_eq(files_rig_status(f), 416);
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Range: bytes */0\r\n"));
    (void)files_rig_ask(f, "GET /static/empty", "Range: bytes=-5\r\n");
    ck_assert_int_eq(files_rig_status(f), 200);
    files_rig_free(f);
}
END_TEST

/* Begins to send the large file to a peer that does not read. */
static void begin_big(struct files_rig *f)
{
    rig_connect(f->rig, 1);
    f->rig->peers[1].is_deaf = true;
    rig_text(f->rig, 1, "GET /static/big HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_run(f->rig, 50);
}

static size_t read_big(struct files_rig *f)
{
    struct rig_peer *p = &f->rig->peers[1];

    p->is_deaf = false;
    for (int i = 0; i < 100; i++) {
        p->len += flare__sim_peer_recv(&p->peer, p->got + p->len,
                                       RIG_OUTPUT_MAX - p->len);
        rig_run(f->rig, 10);
    }
    p->got[p->len] = '\0';
    return strlen(strstr(p->got, "\r\n\r\n") + 4);
}

START_TEST(test_files_U05_one_that_was_cut_meanwhile_cuts_the_connection)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);

    begin_big(f);
    ck_assert_int_eq(truncate(files_rig_path(f, "big"), 1000), 0);
    ck_assert_uint_lt(read_big(f), FILES_RIG_BIG);
    ck_assert(f->rig->peers[1].has_rst);
    (void)files_rig_ask(f, "GET /static/a.txt", "");
    ck_assert_int_eq(files_rig_status(f), 200);
    files_rig_free(f);
}
END_TEST

START_TEST(test_files_U05_one_that_was_replaced_meanwhile_is_sent_as_it_was)
{
    struct files_rig *f =
        files_rig_new((struct flare_files_config){.root = NULL}, true);
    char from[128];

    begin_big(f);
    (void)snprintf(from, sizeof(from), "%s", files_rig_path(f, "a.txt"));
    ck_assert_int_eq(rename(from, files_rig_path(f, "big")), 0);
    ck_assert_uint_eq(read_big(f), FILES_RIG_BIG);
    (void)files_rig_ask(f, "GET /static/big", "");
    ck_assert_str_eq(files_rig_body(f), "0123456789");
    files_rig_free(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files_send");
    TCase *tc = tcase_create("files_send");

    tcase_add_test(tc, test_files_conditions_and_ranges);
    tcase_add_test(tc, test_files_without_a_tag_have_their_date);
    tcase_add_test(tc, test_files_say_how_long_they_may_be_kept);
    tcase_add_test(tc, test_files_tag_changes_with_time_size_and_inode);
    tcase_add_test(tc, test_files_large_ones_come_whole_and_in_part);
    tcase_add_test(tc, test_files_empty_ones_have_no_ranges);
    tcase_add_test(
        tc, test_files_U05_one_that_was_cut_meanwhile_cuts_the_connection);
    tcase_add_test(
        tc, test_files_U05_one_that_was_replaced_meanwhile_is_sent_as_it_was);
    suite_add_tcase(s, tc);
    return test_run(s);
}
