/* SPDX-License-Identifier: MIT */
/*
 * The head parser on everything that is one byte away from a good request:
 * each position of each canonical head takes all 256 values, is dropped, and
 * is doubled, under roomy and under narrow limits.
 */
#include "tests/support/head_check.h"
#include "tests/support/head_oracle.h"
#include "tests/support/test.h"

#include <string.h>

static const char *const canonical[] = {
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\nHEAD /a HTTP/1.1\r\nhost:a\r\n\r\n",
    "GET /a%20b/c?x=1&y=%7e HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "GET http://a.example:80/p?q HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET HTTPS://[::1]?q HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:8\r\n\r\n",
    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: "
    "9223372036854775807\r\n\r\n",
    "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "Content-Length: 5\r\n\r\n",
    "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
    "Content-Length: 5\r\n\r\nhello",
    "PATCH /p HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n"
    "Content-Length: 1\r\n\r\n",
    "DELETE /p HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\n\r\n",
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blank: \t \r\n"
    "X-Trim: \ta b\t \r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX-Obs: \xe4\xff\x80\r\n!#$%&'*+-.^_`|~: "
    "1\r\n\r\n",
    "GET /a-target-that-is-longer-than-a-block-of-64-bytes-in-the-vector-"
    "kernels?and=a&query HTTP/1.1\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    "\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n",
};

static const struct flare__head_limits limits[] = {
    {8192, 8192, 100},
    {16, 64, 3},
    {3, 40, 1},
};

static void check(const char *bytes, size_t len, const char *how, size_t at)
{
    for (int i = 0; i < ROWS(limits); i++) {
        int rc;
        const char *wrong =
            head_check(&limits[i], bytes, len, HEAD_CHECK_TURN, &rc);

        ck_assert_msg(wrong == NULL, "%s at %zu, limits %d: %s", how, at, i,
                      wrong);
    }
}

START_TEST(test_head_agrees_with_the_oracle_at_every_cut)
{
    const char *bytes = canonical[_i];

    for (int i = 0; i < ROWS(limits); i++) {
        int rc;
        const char *wrong =
            head_check(&limits[i], bytes, strlen(bytes), HEAD_CHECK_EVERY, &rc);

        ck_assert_msg(wrong == NULL, "limits %d: %s", i, wrong);
    }
}
END_TEST

START_TEST(test_head_agrees_with_the_oracle_on_every_byte_changed)
{
    size_t len = strlen(canonical[_i]);
    char bytes[1024];

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

START_TEST(test_head_agrees_with_the_oracle_on_every_byte_dropped)
{
    size_t len = strlen(canonical[_i]);
    char bytes[1024];

    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, canonical[_i], at);
        memcpy(bytes + at, canonical[_i] + at + 1, len - at - 1);
        check(bytes, len - 1, "dropped", at);
    }
}
END_TEST

START_TEST(test_head_agrees_with_the_oracle_on_every_byte_doubled)
{
    size_t len = strlen(canonical[_i]);
    char bytes[1024];

    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, canonical[_i], at + 1);
        memcpy(bytes + at + 1, canonical[_i] + at, len - at);
        check(bytes, len + 1, "doubled", at);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/head_mutation");
    TCase *tc = tcase_create("head_mutation");
    const int n = ROWS(canonical);

    tcase_add_loop_test(tc, test_head_agrees_with_the_oracle_at_every_cut, 0,
                        n);
    tcase_add_loop_test(
        tc, test_head_agrees_with_the_oracle_on_every_byte_changed, 0, n);
    tcase_add_loop_test(
        tc, test_head_agrees_with_the_oracle_on_every_byte_dropped, 0, n);
    tcase_add_loop_test(
        tc, test_head_agrees_with_the_oracle_on_every_byte_doubled, 0, n);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
