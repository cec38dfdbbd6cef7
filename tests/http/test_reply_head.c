/* SPDX-License-Identifier: MIT */
/*
 * The response head parser: rows for every rule, each cut at every byte and
 * with each kernel, beside the oracle; and all that is one byte away from a
 * good head.
 */
#include "tests/support/reply_check.h"
#include "tests/support/reply_oracle.h"
#include "tests/support/test.h"

#include <string.h>

static const struct flare__reply_head_limits limits[] = {
    {4096, 8192, 100},
    {2, 64, 3},
    {0, 40, 1},
};

enum { WHOLE = 1 }; /* the head is all of the bytes */

struct row {
    const char *name;
    const char *bytes;
    int rc; /* WHOLE, 0, or the error */
};

#define LINE "HTTP/1.1 200 OK\r\n"

static const struct row rows[] = {
    {"reason", "HTTP/1.1 200 OK\r\n\r\n", WHOLE},
    {"no reason", "HTTP/1.1 200 \r\n\r\n", WHOLE},
    {"no SP before no reason", "HTTP/1.1 200\r\n\r\n", WHOLE},
    {"reason of several words", "HTTP/1.1 404 Not\tFound  \r\n\r\n", WHOLE},
    {"reason of obs-text", "HTTP/1.1 200 \xe4\xff\r\n\r\n", WHOLE},
    {"1.0", "HTTP/1.0 200 OK\r\n\r\n", WHOLE},
    {"lowest status", "HTTP/1.1 100 \r\n\r\n", WHOLE},
    {"highest status", "HTTP/1.1 599 x\r\n\r\n", WHOLE},
    {"status 099", "HTTP/1.1 099 x\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"status 600", "HTTP/1.1 600 x\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"status of four", "HTTP/1.1 2000 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"status with a letter", "HTTP/1.1 2x0 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"status with a sign", "HTTP/1.1 +20 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"two SP", "HTTP/1.1  200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"HTAB for SP", "HTTP/1.1\t200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"HTAB behind it", "HTTP/1.1 200\tOK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"bare LF", "HTTP/1.1 200 OK\n\r\n", FLARE_E_REPLY_STATUS},
    {"bare CR", "HTTP/1.1 200 O\rK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"NUL in it", "HTTP/1.1 200 O\x01K\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"an empty line before", "\r\n" LINE "\r\n", FLARE_E_REPLY_STATUS},
    {"HTTP/0.9", "<html>", FLARE_E_REPLY_STATUS},
    {"lower case", "http/1.1 200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"ICY", "ICY 200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"no minor version", "HTTP/2 200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},
    {"2.0", "HTTP/2.0 200 OK\r\n\r\n", FLARE_E_REPLY_VERSION},
    {"1.2", "HTTP/1.2 200 OK\r\n\r\n", FLARE_E_REPLY_VERSION},
    {"0.9", "HTTP/0.9 200 OK\r\n\r\n", FLARE_E_REPLY_VERSION},
    {"two digits of it", "HTTP/1.10 200 OK\r\n\r\n", FLARE_E_REPLY_STATUS},

    {"fields", LINE "A: b\r\nc:d\r\nE:\r\nF: \t g h\t \r\n\r\n", WHOLE},
    {"more to come", LINE "A: b\r\n", 0},
    {"SP before the colon", LINE "A : b\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"no name", LINE ": b\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"no colon", LINE "A\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"folded line", LINE "A: b\r\n c\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"folded first line", LINE " A: b\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"bare LF behind a field", LINE "A: b\n\r\n", FLARE_E_REPLY_FIELD},
    {"bare LF at the end", LINE "A: b\r\n\n", FLARE_E_REPLY_FIELD},
    {"bare CR in a value", LINE "A: b\rc\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"control in a value", LINE "A: b\x7f\r\n\r\n", FLARE_E_REPLY_FIELD},
    {"Host means nothing", LINE "Host: a b\r\nHost: c\r\n\r\n", WHOLE},
    {"nor does Expect", LINE "Expect: much\r\n\r\n", WHOLE},

    {"length", LINE "Content-Length: 5\r\n\r\n", WHOLE},
    {"length 2^63 - 1", LINE "content-length: 9223372036854775807\r\n\r\n",
     WHOLE},
    {"length 2^63", LINE "Content-Length: 9223372036854775808\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"C07 negative length", LINE "Content-Length: -5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"length with a sign", LINE "Content-Length: +5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"length of nothing", LINE "Content-Length: \r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"hexadecimal length", LINE "Content-Length: 0x5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"leading zero", LINE "Content-Length: 05\r\n\r\n", FLARE_E_REPLY_LENGTH},
    {"length as a list", LINE "Content-Length: 5, 5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"C07 two lengths", LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"the same twice", LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"chunked", LINE "Transfer-Encoding: CHUNKED\r\n\r\n", WHOLE},
    {"C07 length and coding",
     LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"coding and length",
     LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"chunked twice", LINE "Transfer-Encoding: chunked, chunked\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"coding on two lines",
     LINE "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"chunked is not last", LINE "Transfer-Encoding: chunked, gzip\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"identity", LINE "Transfer-Encoding: identity\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"chunked with a parameter", LINE "Transfer-Encoding: chunked;a=b\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"coding on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
     FLARE_E_REPLY_LENGTH},
    {"a coding before it", LINE "Transfer-Encoding: gzip, chunked\r\n\r\n",
     FLARE_E_REPLY_CODING},
    {"connection options", LINE "Connection: close,, x-y\r\n\r\n", WHOLE},
    {"connection of no token", LINE "Connection: clo se\r\n\r\n",
     FLARE_E_REPLY_FIELD},
};

/* What head_check would say of a mere prefix is said here by the row, too. */
static void check_row(const struct row *row)
{
    size_t len = strlen(row->bytes);
    int rc;
    const char *wrong =
        reply_head_check(&limits[0], row->bytes, len, REPLY_CHECK_EVERY, &rc);

    ck_assert_msg(wrong == NULL, "%s: %s", row->name, wrong);
    ck_assert_msg(rc == (row->rc == WHOLE ? (int)len : row->rc), "%s: %s",
                  row->name, flare_error_name(rc));
}

START_TEST(test_rows_hold_at_every_cut)
{
    check_row(&rows[_i]);
}
END_TEST

START_TEST(test_head_ends_where_its_empty_line_does)
{
    static const char bytes[] = LINE "A: b\r\n\r\nbody";
    struct flare__field fields[4];
    struct flare__reply_head head = {.fields = fields};
    int rc =
        flare__reply_head_parse(&head, &limits[0], bytes, sizeof(bytes) - 1);

    ck_assert_int_eq(rc, (int)sizeof(bytes) - 1 - 4);
    ck_assert_int_eq(head.status, 200);
    ck_assert(flare_str_equal(head.reason, FLARE_STR("OK")));
    ck_assert_ptr_eq(flare__reply_head_find(&head, FLARE_STR("a")), fields);
    ck_assert_ptr_null(flare__reply_head_find(&head, FLARE_STR("b")));
}
END_TEST

/* ---- limits, each met and exceeded by one ---- */

static void expect(const struct flare__reply_head_limits *l, const char *bytes,
                   int expected)
{
    int rc;
    const char *wrong =
        reply_head_check(l, bytes, strlen(bytes), REPLY_CHECK_EVERY, &rc);

    ck_assert_msg(wrong == NULL, "%s", wrong);
    ck_assert_int_eq(rc, expected == WHOLE ? (int)strlen(bytes) : expected);
}

START_TEST(test_C10_limits_are_met_and_one_more_is_too_large)
{
    struct flare__reply_head_limits l = limits[0];

    l.reason_bytes_max = 4;
    expect(&l, "HTTP/1.1 200 Fine\r\n\r\n", WHOLE);
    expect(&l, "HTTP/1.1 200 Fined\r\n\r\n", FLARE_E_REPLY_TOO_LARGE);
    l.reason_bytes_max = 0;
    expect(&l, "HTTP/1.1 200 \r\n\r\n", WHOLE);
    l = limits[0];
    l.fields_bytes_max = 8;
    expect(&l, LINE "A: b\r\n\r\n", WHOLE);
    expect(&l, LINE "A: bc\r\n\r\n", FLARE_E_REPLY_TOO_LARGE);
    l = limits[0];
    l.fields_max = 1;
    expect(&l, LINE "A: b\r\n\r\n", WHOLE);
    expect(&l, LINE "A: b\r\nC: d\r\n\r\n", FLARE_E_REPLY_TOO_LARGE);
}
END_TEST

/* ---- one byte away ---- */

static const char *const canonical[] = {
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.1 100\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    "Content-Length: 5\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, close\r\n"
    "Upgrade: websocket\r\n\r\n",
    "HTTP/1.1 500 \xe4\xff\r\nX-Empty:\r\nX-Blank: \t \r\n"
    "X-Trim: \ta b\t \r\n!#$%&'*+-.^_`|~: 1\r\n\r\n",
    "HTTP/1.1 301 Moved\r\nDate: Mon, 30 Nov 2026 20:00:00 GMT\r\n"
    "Location: https://www.example.com/a-target-that-is-longer-than-a-block"
    "?and=a&query\r\nContent-Length: 0\r\nServer: a/1.0 (b)\r\n\r\nHTTP/1.1",
};

static void check(const char *bytes, size_t len, const char *how, size_t at)
{
    for (int i = 0; i < ROWS(limits); i++) {
        int rc;
        const char *wrong =
            reply_head_check(&limits[i], bytes, len, REPLY_CHECK_FEW, &rc);

        if (wrong != NULL)
            ck_abort_msg("%s at %zu, limits %d: %s", how, at, i, wrong);
    }
}

START_TEST(test_kernels_agree_with_the_oracle_on_every_byte_changed)
{
    size_t len = strlen(canonical[_i]);
    char bytes[512];

    memcpy(bytes, canonical[_i], len);
    for (size_t at = 0; at < len; at++) {
        for (int value = 0; value < 256; value++) {
            bytes[at] = (char)value;
            check(bytes, len, "changed", at);
        }
        bytes[at] = canonical[_i][at];
    }
}
END_TEST

START_TEST(test_kernels_agree_with_the_oracle_on_every_byte_dropped_or_doubled)
{
    size_t len = strlen(canonical[_i]);
    char bytes[512];

    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, canonical[_i], at);
        memcpy(bytes + at, canonical[_i] + at + 1, len - at - 1);
        check(bytes, len - 1, "dropped", at);
        memcpy(bytes, canonical[_i], at + 1);
        memcpy(bytes + at + 1, canonical[_i] + at, len - at);
        check(bytes, len + 1, "doubled", at);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/reply_head");
    TCase *tc = tcase_create("reply_head");
    const int n = ROWS(canonical);

    tcase_add_loop_test(tc, test_rows_hold_at_every_cut, 0, ROWS(rows));
    tcase_add_test(tc, test_head_ends_where_its_empty_line_does);
    tcase_add_test(tc, test_C10_limits_are_met_and_one_more_is_too_large);
    tcase_add_loop_test(
        tc, test_kernels_agree_with_the_oracle_on_every_byte_changed, 0, n);
    tcase_add_loop_test(
        tc, test_kernels_agree_with_the_oracle_on_every_byte_dropped_or_doubled,
        0, n);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
