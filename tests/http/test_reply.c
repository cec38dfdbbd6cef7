/* SPDX-License-Identifier: MIT */
/*
 * The reader of responses: rows by id for framing, ends and reuse, each whole
 * and cut in two at every byte and byte by byte; and everything that is one
 * byte away from a good response, beside the oracle.
 */
#include "http/reply.h"

#include "tests/support/reply_check.h"
#include "tests/support/reply_oracle.h"
#include "tests/support/test.h"

#include <string.h>

/* Small enough that rows of a few hundred bytes pass them. */
static const struct flare__reply_limits limits[] = {
    {.head = {4096, 4096, 100},
     .chunked = {4096, 4096},
     .heads_bytes_max = 4096,
     .interim_max = 16,
     .trailers_max = 1000},
    {.head = {4, 64, 3},
     .chunked = {14, 7},
     .heads_bytes_max = 64,
     .interim_max = 1,
     .trailers_max = 0},
};

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define LENGTH(n) OK "Content-Length: " #n "\r\n\r\n"
#define TEN(x) x x x x x x x x x x
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

enum {
    MORE = FLARE__REPLY_MORE,
    DONE = FLARE__REPLY_DONE,
    TUNNEL = FLARE__REPLY_TUNNEL,
    HEAD = FLARE__REPLY_TO_HEAD,
    CONNECT = FLARE__REPLY_TO_CONNECT,
    UPGRADE = FLARE__REPLY_TO_UPGRADE
};

static const struct row {
    const char *name;
    const char *bytes;
    unsigned request;
    int rc;
    int rc_end; /* what the end of the connection says behind the bytes */
} rows[] = {
    {"a length", LENGTH(5) "hello", 0, DONE, DONE},
    {"a length of 0", LENGTH(0), 0, DONE, DONE},
    {"C07 short body", LENGTH(6) "hello", 0, MORE, FLARE_E_REPLY_SHORT},
    {"C07 no body at all", LENGTH(6), 0, MORE, FLARE_E_REPLY_SHORT},
    {"C07 two lengths",
     OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 0,
     FLARE_E_REPLY_LENGTH, FLARE_E_REPLY_LENGTH},
    {"C07 negative length", LENGTH(-1), 0, FLARE_E_REPLY_LENGTH,
     FLARE_E_REPLY_LENGTH},
    {"C07 length and coding",
     OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
     FLARE_E_REPLY_LENGTH, FLARE_E_REPLY_LENGTH},
    {"C07 chunked is not last", OK "Transfer-Encoding: chunked, gzip\r\n\r\n",
     0, FLARE_E_REPLY_LENGTH, FLARE_E_REPLY_LENGTH},
    {"a coding before chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
     0, FLARE_E_REPLY_CODING, FLARE_E_REPLY_CODING},
    {"no length", OK "\r\nhello", 0, MORE, DONE},
    {"no length, no body", OK "\r\n", 0, MORE, DONE},
    {"chunks", CHUNKED "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", 0, DONE, DONE},
    {"trailers", CHUNKED "1\r\n!\r\n0\r\nA: b\r\nC:d\r\n\r\n", 0, DONE, DONE},
    {"C07 short chunk", CHUNKED "5\r\nhell", 0, MORE, FLARE_E_REPLY_SHORT},
    {"C07 no last chunk", CHUNKED "5\r\nhello\r\n", 0, MORE,
     FLARE_E_REPLY_SHORT},
    {"C07 no empty line", CHUNKED "0\r\n", 0, MORE, FLARE_E_REPLY_SHORT},
    {"C07 bad size", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", 0, FLARE_E_REPLY_CHUNK,
     FLARE_E_REPLY_CHUNK},
    {"C07 chunk is longer than its size", CHUNKED "4\r\nhello\r\n0\r\n\r\n", 0,
     FLARE_E_REPLY_CHUNK, FLARE_E_REPLY_CHUNK},
    {"C07 bare LF", CHUNKED "5\nhello\r\n0\r\n\r\n", 0, FLARE_E_REPLY_CHUNK,
     FLARE_E_REPLY_CHUNK},
    {"C07 size of 17 digits", CHUNKED "10000000000000000\r\n", 0,
     FLARE_E_REPLY_CHUNK, FLARE_E_REPLY_CHUNK},
    {"a length as a trailer", CHUNKED "0\r\nContent-Length: 1\r\n\r\n", 0,
     FLARE_E_REPLY_FIELD, FLARE_E_REPLY_FIELD},
    {"a trailer that is none", CHUNKED "0\r\nA b\r\n\r\n", 0,
     FLARE_E_REPLY_CHUNK, FLARE_E_REPLY_CHUNK},

    {"C08 bytes behind a body", LENGTH(5) "hello" OK "\r\n", 0, DONE, DONE},
    {"C08 bytes behind chunks", CHUNKED "0\r\n\r\nX", 0, DONE, DONE},
    {"C16 HEAD with a length", LENGTH(5), HEAD, DONE, DONE},
    {"C16 HEAD with chunked", CHUNKED, HEAD, DONE, DONE},
    {"C16 HEAD with a body", LENGTH(5) "hello", HEAD, DONE, DONE},
    {"C16 HEAD with nothing", OK "\r\n", HEAD, DONE, DONE},
    {"C16 204", "HTTP/1.1 204 No Content\r\n\r\n", 0, DONE, DONE},
    {"C16 204 with a length",
     "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 0, DONE,
     DONE},
    {"C16 204 with chunked",
     "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 0, DONE,
     DONE},
    {"C16 304 with a length",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, DONE, DONE},
    {"205 has a length", "HTTP/1.1 205 Reset\r\nContent-Length: 2\r\n\r\nhi", 0,
     DONE, DONE},

    {"an end before anything", "", 0, MORE, FLARE_E_REPLY_NONE},
    {"an end in the head", "HTTP/1.1 2", 0, MORE, FLARE_E_REPLY_SHORT},
    {"an end after a 100", CONTINUE, 0, MORE, FLARE_E_REPLY_SHORT},
    {"a bad status line", "HTTP/1.1 OK\r\n\r\n", 0, FLARE_E_REPLY_STATUS,
     FLARE_E_REPLY_STATUS},
    {"a version", "HTTP/2.0 200 OK\r\n\r\n", 0, FLARE_E_REPLY_VERSION,
     FLARE_E_REPLY_VERSION},
    {"a bad field", OK "A : b\r\n\r\n", 0, FLARE_E_REPLY_FIELD,
     FLARE_E_REPLY_FIELD},

    {"C09 a 100 and the answer", CONTINUE LENGTH(2) "hi", 0, DONE, DONE},
    {"C09 102 and 103",
     "HTTP/1.1 102 \r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n" LENGTH(0), 0, DONE,
     DONE},
    {"C09 a 199 with a length",
     "HTTP/1.1 199 \r\nContent-Length: 3\r\n\r\n" LENGTH(0), 0, DONE, DONE},
    {"C09 16 of 1xx",
     TEN(CONTINUE)
         CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE LENGTH(0),
     0, DONE, DONE},
    {"C09 17 of 1xx",
     TEN(CONTINUE)
         CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE,
     0, FLARE_E_REPLY_INTERIM, FLARE_E_REPLY_INTERIM},
    {"C09 unexpected 101", "HTTP/1.1 101 \r\n\r\nxyz", 0, FLARE_E_REPLY_UPGRADE,
     FLARE_E_REPLY_UPGRADE},
    {"C09 101 on 1.0", "HTTP/1.0 101 \r\n\r\nxyz", UPGRADE,
     FLARE_E_REPLY_UPGRADE, FLARE_E_REPLY_UPGRADE},
    {"101 asked for", "HTTP/1.1 101 \r\nConnection: upgrade\r\n\r\nxyz",
     UPGRADE, TUNNEL, TUNNEL},
    {"101 after a 100", CONTINUE "HTTP/1.1 101 \r\n\r\nxyz", UPGRADE, TUNNEL,
     TUNNEL},
    {"Upgrade not taken", LENGTH(2) "hi", UPGRADE, DONE, DONE},
    {"CONNECT taken", OK "\r\nxyz", CONNECT, TUNNEL, TUNNEL},
    {"CONNECT taken, with a length", LENGTH(5) "xyz", CONNECT, TUNNEL, TUNNEL},
    {"CONNECT refused", "HTTP/1.1 407 \r\nContent-Length: 2\r\n\r\nno", CONNECT,
     DONE, DONE},
};

static const char *run_row(const struct row *row)
{
    static char text[300];
    int rc, rc_end;
    const char *wrong =
        reply_check(&limits[0], row->request, flare_str(row->bytes),
                    REPLY_CHECK_EVERY, &rc, &rc_end);

    if (wrong == NULL && rc == row->rc && rc_end == row->rc_end)
        return NULL;
    snprintf(text, sizeof(text), "%s: %s; %d, at the end %d", row->name,
             wrong != NULL ? wrong : "the oracle says otherwise", rc, rc_end);
    return text;
}

START_TEST(test_rows_hold_at_every_cut)
{
    const char *wrong = run_row(&rows[_i]);

    ck_assert_msg(wrong == NULL, "%s", wrong);
}
END_TEST

/* ---- by hand, without the oracle ---- */

struct reading {
    struct flare__reply reply;
    struct flare__field fields[128];
    struct flare_str in;
    struct flare_str data;
};

static void reading_start(struct reading *x, const char *bytes,
                          unsigned request)
{
    flare__reply_init(&x->reply, &limits[0], request, x->fields);
    x->in = flare_str(bytes);
}

static int next(struct reading *x)
{
    return flare__reply_feed(&x->reply, &x->in, &x->data);
}

static bool data_is(const struct reading *x, const char *text)
{
    return flare_str_equal(x->data, flare_str(text));
}

START_TEST(test_events_come_in_order_and_in_place)
{
    static const char bytes[] =
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" CHUNKED
        "2\r\nhi\r\n3\r\nyou\r\n0\r\nX-Sum: 7\r\nX-Two: 8\r\n\r\n";
    struct reading x;
    struct flare__field trailers[2];

    reading_start(&x, bytes, 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_INTERIM);
    ck_assert_uint_eq(x.reply.head.status, 103);
    ck_assert_uint_eq(x.reply.head.field_count, 1);
    ck_assert_int_eq(next(&x), FLARE__REPLY_HEAD);
    ck_assert_uint_eq(x.reply.head.status, 200);
    ck_assert_uint_eq(x.reply.framing, FLARE__REPLY_BY_CHUNKS);
    ck_assert_int_eq(next(&x), FLARE__REPLY_BODY);
    ck_assert(data_is(&x, "hi"));
    ck_assert_ptr_eq(x.data.ptr, strstr(bytes, "hi\r\n"));
    ck_assert_int_eq(next(&x), FLARE__REPLY_BODY);
    ck_assert(data_is(&x, "you"));
    ck_assert_int_eq(next(&x), FLARE__REPLY_TRAILER);
    ck_assert(data_is(&x, "X-Sum: 7\r\nX-Two: 8\r\n"));
    ck_assert_uint_eq(flare__field_lines(x.data, NULL, 0), 2);
    ck_assert_uint_eq(flare__field_lines(x.data, trailers, 2), 2);
    ck_assert_uint_eq(trailers[1].name_len, 5);
    ck_assert_mem_eq(trailers[1].value, "8", 1);
    ck_assert_int_eq(next(&x), FLARE__REPLY_DONE);
    ck_assert_uint_eq(x.in.len, 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_DONE);
    ck_assert(flare__reply_is_reusable(&x.reply, true));
}
END_TEST

START_TEST(test_front_of_a_head_stays_where_it_is)
{
    struct reading x;

    reading_start(&x, CONTINUE "HTTP/1.1 20", 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_INTERIM);
    ck_assert_int_eq(next(&x), FLARE__REPLY_MORE);
    ck_assert(flare_str_equal(x.in, FLARE_STR("HTTP/1.1 20")));
}
END_TEST

START_TEST(test_C08_bytes_for_a_reader_that_is_done_are_an_error)
{
    struct reading x;

    reading_start(&x, LENGTH(0), 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_HEAD);
    ck_assert_int_eq(next(&x), FLARE__REPLY_DONE);
    ck_assert(flare__reply_is_reusable(&x.reply, true));
    x.in = FLARE_STR(OK);
    ck_assert_int_eq(next(&x), FLARE_E_REPLY_EXTRA);
    ck_assert(flare_str_equal(x.in, FLARE_STR(OK)));
    ck_assert(!flare__reply_is_reusable(&x.reply, true));
    ck_assert_int_eq(next(&x), FLARE_E_REPLY_EXTRA);
    ck_assert_int_eq(flare__reply_eof(&x.reply, true), FLARE_E_REPLY_EXTRA);
}
END_TEST

START_TEST(test_tunnel_leaves_its_bytes)
{
    struct reading x;

    reading_start(&x, OK "\r\nxyz", FLARE__REPLY_TO_CONNECT);
    ck_assert_int_eq(next(&x), FLARE__REPLY_HEAD);
    ck_assert_int_eq(next(&x), FLARE__REPLY_TUNNEL);
    ck_assert(flare_str_equal(x.in, FLARE_STR("xyz")));
    ck_assert(!flare__reply_is_reusable(&x.reply, true));
}
END_TEST

START_TEST(test_an_end_that_is_not_clean_truncates_what_ends_with_it)
{
    struct reading x;

    reading_start(&x, OK "\r\nhello", 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_HEAD);
    ck_assert_int_eq(next(&x), FLARE__REPLY_BODY);
    ck_assert_int_eq(next(&x), FLARE__REPLY_MORE);
    ck_assert_int_eq(flare__reply_eof(&x.reply, false), FLARE_E_TLS_TRUNCATED);
    ck_assert_int_eq(next(&x), FLARE_E_TLS_TRUNCATED);
    reading_start(&x, LENGTH(2) "hi", 0);
    ck_assert_int_eq(next(&x), FLARE__REPLY_HEAD);
    ck_assert_int_eq(next(&x), FLARE__REPLY_BODY);
    ck_assert_int_eq(flare__reply_eof(&x.reply, false), FLARE__REPLY_DONE);
}
END_TEST

/* ---- reuse ---- */

static const struct {
    const char *name;
    const char *bytes;
    unsigned request;
    bool is_reusable;
} reuses[] = {
    {"1.1", LENGTH(2) "hi", 0, true},
    {"1.1 close", OK "Connection: close\r\nContent-Length: 0\r\n\r\n", 0,
     false},
    {"close among others",
     OK "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false},
    {"1.0 keep-alive",
     "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
     0, true},
    {"chunks", CHUNKED "0\r\n\r\n", 0, true},
    {"204", "HTTP/1.1 204 \r\n\r\n", 0, true},
    {"204 with a length of 0", "HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n", 0,
     true},
    {"204 with a length", "HTTP/1.1 204 \r\nContent-Length: 1\r\n\r\n", 0,
     false},
    {"204 with chunked", "HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n",
     0, false},
    {"304 with a length", "HTTP/1.1 304 \r\nContent-Length: 1\r\n\r\n", 0,
     true},
    {"HEAD with a length", LENGTH(9), FLARE__REPLY_TO_HEAD, true},
    {"HEAD with a body", LENGTH(1) "x", FLARE__REPLY_TO_HEAD, false},
    {"100 with a length",
     "HTTP/1.1 100 \r\nContent-Length: 1\r\n\r\n" LENGTH(0), 0, false},
    {"bytes behind", LENGTH(0) "x", 0, false},
};

START_TEST(test_reuse_needs_a_framing_beyond_doubt)
{
    struct reading x;
    int rc;

    reading_start(&x, reuses[_i].bytes, reuses[_i].request);
    do
        rc = next(&x);
    while (rc > 0 && rc != FLARE__REPLY_DONE);
    ck_assert_int_eq(rc, FLARE__REPLY_DONE);
    ck_assert_msg(flare__reply_is_reusable(&x.reply, true) ==
                      reuses[_i].is_reusable,
                  "%s", reuses[_i].name);
    /* C11: the body that was held back would come next */
    ck_assert(
        !flare__reply_is_reusable(&x.reply, /* is_request_sent = */ false));
    ck_assert_int_eq(flare__reply_eof(&x.reply, true), FLARE__REPLY_DONE);
    ck_assert(!flare__reply_is_reusable(&x.reply, true));
}
END_TEST

/* ---- limits ---- */

static int read_all(const struct flare__reply_limits *l, const char *bytes)
{
    int rc, rc_end;
    const char *wrong =
        reply_check(l, 0, flare_str(bytes), REPLY_CHECK_EVERY, &rc, &rc_end);

    ck_assert_msg(wrong == NULL, "%s", wrong);
    return rc;
}

START_TEST(test_C10_heads_are_limited_together)
{
    struct flare__reply_limits l = limits[0];

    l.heads_bytes_max = sizeof(CONTINUE LENGTH(2)) - 1;
    ck_assert_int_eq(read_all(&l, CONTINUE LENGTH(2) "hi"), DONE);
    l.heads_bytes_max--;
    ck_assert_int_eq(read_all(&l, CONTINUE LENGTH(2) "hi"),
                     FLARE_E_REPLY_TOO_LARGE);
    l.heads_bytes_max = sizeof(CONTINUE) - 1;
    ck_assert_int_eq(read_all(&l, CONTINUE LENGTH(2)), FLARE_E_REPLY_TOO_LARGE);
}
END_TEST

START_TEST(test_C09_informational_heads_are_limited)
{
    struct flare__reply_limits l = limits[0];

    l.interim_max = 0;
    ck_assert_int_eq(read_all(&l, LENGTH(0)), DONE);
    ck_assert_int_eq(read_all(&l, CONTINUE), FLARE_E_REPLY_INTERIM);
}
END_TEST

START_TEST(test_trailers_are_limited_in_number_and_bytes)
{
    struct flare__reply_limits l = limits[0];
    struct flare__field fields[100];
    struct flare__reply r;
    struct flare_str in = FLARE_STR(CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n");
    struct flare_str data;
    int rc;

    l.trailers_max = 1;
    flare__reply_init(&r, &l, 0, fields);
    do
        rc = flare__reply_feed(&r, &in, &data);
    while (rc > 0 && rc != FLARE__REPLY_DONE);
    ck_assert_int_eq(rc, FLARE_E_REPLY_TOO_LARGE);
    l = limits[0];
    l.chunked.overhead_max = 11;
    ck_assert_int_eq(read_all(&l, CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n"),
                     FLARE_E_REPLY_TOO_LARGE);
    l.chunked.overhead_max = 12;
    ck_assert_int_eq(read_all(&l, CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n"), DONE);
    l.trailers_max = 0; /* checked, and not told of */
    ck_assert_int_eq(read_all(&l, CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n"), DONE);
}
END_TEST

START_TEST(test_default_limits_read_an_ordinary_answer)
{
    static const struct flare__reply_limits l = FLARE__REPLY_LIMITS;
    static struct flare__field fields[256];
    struct flare__reply r;
    struct flare_str in = FLARE_STR(LENGTH(2) "hi");
    struct flare_str data;

    ck_assert_uint_eq(l.head.fields_max, ROWS(fields));
    flare__reply_init(&r, &l, 0, fields);
    ck_assert_int_eq(flare__reply_feed(&r, &in, &data), FLARE__REPLY_HEAD);
    ck_assert_int_eq(flare__reply_feed(&r, &in, &data), FLARE__REPLY_BODY);
    ck_assert_int_eq(flare__reply_feed(&r, &in, &data), FLARE__REPLY_DONE);
}
END_TEST

/* ---- one byte away ---- */

static const struct {
    const char *bytes;
    unsigned request;
} canonical[] = {
    {LENGTH(5) "hello", 0},
    {OK "\r\nhello", 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", HEAD},
    {CHUNKED "5;a=\"b\\\"c\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-T: v\r\n"
             "\r\n",
     0},
    {CONTINUE "HTTP/1.1 103 \r\nLink: </a>\r\n\r\nHTTP/1.1 204 \r\n\r\n", 0},
    {"HTTP/1.1 101 \r\nConnection: upgrade\r\n\r\nxyz", UPGRADE},
    {"HTTP/1.1 299 \r\nContent-Length: 3\r\n\r\nxyz", CONNECT},
    {"HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n" OK "\r\n", 0},
};

static void check(const char *bytes, size_t len, unsigned request,
                  const char *how, size_t at)
{
    for (int i = 0; i < ROWS(limits); i++) {
        int rc, rc_end;
        const char *wrong =
            reply_check(&limits[i], request, (struct flare_str){bytes, len},
                        REPLY_CHECK_FEW, &rc, &rc_end);

        if (wrong != NULL)
            ck_abort_msg("%s at %zu, limits %d: %s", how, at, i, wrong);
    }
}

START_TEST(test_reader_agrees_with_the_oracle_on_every_byte_changed)
{
    size_t len = strlen(canonical[_i].bytes);
    char bytes[512];

    memcpy(bytes, canonical[_i].bytes, len);
    for (size_t at = 0; at < len; at++) {
        for (int value = 0; value < 256; value++) {
            bytes[at] = (char)value;
            check(bytes, len, canonical[_i].request, "changed", at);
        }
        bytes[at] = canonical[_i].bytes[at];
    }
}
END_TEST

START_TEST(test_reader_agrees_with_the_oracle_on_every_byte_dropped_or_doubled)
{
    const char *good = canonical[_i].bytes;
    size_t len = strlen(good);
    char bytes[512];

    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, good, at);
        memcpy(bytes + at, good + at + 1, len - at - 1);
        check(bytes, len - 1, canonical[_i].request, "dropped", at);
        memcpy(bytes, good, at + 1);
        memcpy(bytes + at + 1, good + at, len - at);
        check(bytes, len + 1, canonical[_i].request, "doubled", at);
    }
}
END_TEST

static void add_mutations(TCase *tc)
{
    const int n = ROWS(canonical);

    tcase_add_loop_test(
        tc, test_reader_agrees_with_the_oracle_on_every_byte_changed, 0, n);
    tcase_add_loop_test(
        tc, test_reader_agrees_with_the_oracle_on_every_byte_dropped_or_doubled,
        0, n);
}

static Suite *suite(void)
{
    Suite *s = suite_create("http/reply");
    TCase *tc = tcase_create("reply");

    tcase_add_loop_test(tc, test_rows_hold_at_every_cut, 0, ROWS(rows));
    tcase_add_test(tc, test_events_come_in_order_and_in_place);
    tcase_add_test(tc, test_front_of_a_head_stays_where_it_is);
    tcase_add_test(tc, test_C08_bytes_for_a_reader_that_is_done_are_an_error);
    tcase_add_test(tc, test_tunnel_leaves_its_bytes);
    tcase_add_test(tc,
                   test_an_end_that_is_not_clean_truncates_what_ends_with_it);
    tcase_add_loop_test(tc, test_reuse_needs_a_framing_beyond_doubt, 0,
                        ROWS(reuses));
    tcase_add_test(tc, test_C10_heads_are_limited_together);
    tcase_add_test(tc, test_C09_informational_heads_are_limited);
    tcase_add_test(tc, test_trailers_are_limited_in_number_and_bytes);
    tcase_add_test(tc, test_default_limits_read_an_ordinary_answer);
    add_mutations(tc);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
