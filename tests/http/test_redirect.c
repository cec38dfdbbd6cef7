/* SPDX-License-Identifier: MIT */
/* Redirects: where they may lead, and how they are said. */
#include <flare/answer.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <string.h>

static struct {
    int status;
    const char *location;
    int rc;
} want;

static int on_any(flare_req *req, flare_res *res)
{
    (void)req;
    want.rc = flare_res_redirect(res, want.status, want.location);
    return want.rc;
}

static const char *ask(struct rig **r, int status, const char *location)
{
    struct flare_server_config config = {.handler = {on_any, NULL}};

    want.status = status;
    want.location = location;
    want.rc = 1;
    *r = rig_new(&config);
    return rig_ask(*r, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

static const struct {
    const char *location;
    bool is_good;
} rows[] = {
    {"/", true},
    {"/login", true},
    {"/a/b?x=1&y=%2F#part", true},
    {"/a//b", true},
    {"/?u=http://other/", true},
    {"https://example.com", true},
    {"http://example.com:8080/a?b#c", true},
    {"https://[::1]:8443/", true},
    {"https://example.com?q", true},
    {"my-app+x.1://callback/done", true},
    /* another host in a path's clothes */
    {"//host", false},
    {"//host/a", false},
    {"/\\host", false},
    {"\\\\host", false},
    {"/a\\b", false},
    {"///host", false},
    /* what is no absolute path and no URI with an authority */
    {"", false},
    {NULL, false},
    {"login", false},
    {"?a=b", false},
    {"#a", false},
    {"../a", false},
    {"javascript:alert(1)", false},
    {"data:text/html,x", false},
    {"mailto:a@b", false},
    {"http:", false},
    {"http:/", false},
    {"http:/a", false},
    {"http://", false},
    {"http:///a", false},
    {"http://?a", false},
    {"1http://a/", false},
    {"ht tp://a/", false},
    {"://a/", false},
    {"http://user@host/", false},
    {"http://user:pw@host/", false},
    {"http://host:/", false},
    {"http://host:99999/", false},
    {"http://ho\\st/", false},
    {"https://host\\@other/", false},
    /* U07: more than one field, or none that all read alike */
    {"/a\r\nSet-Cookie: a=b", false},
    {"/a\nb", false},
    {"/a\rb", false},
    {"/a b", false},
    {" /a", false},
    {"/a ", false},
    {"/a\tb", false},
    {"/\xc3\xa9", false},
    {"/a%", false},
    {"/a%2", false},
    {"/a%zz", false},
    {"/a\"b", false},
    {"/a<b>", false},
    {"/a{b}", false},
    {"/a^b", false},
    {"/a`b", false},
    {"/a|b", false},
    {"/a[b]", false},
    {"/a#b#c", false},
    {"/a\x7f", false},
};

START_TEST(test_redirect_U07_location)
{
    const char *location = rows[_i].location;
    struct rig *r;
    const char *got = ask(&r, 302, location);
    char line[128];

    (void)snprintf(line, sizeof(line), "\r\nLocation: %s\r\n",
                   location != NULL ? location : "");
    ck_assert_msg(want.rc == (rows[_i].is_good ? 0 : FLARE_E_BAD_HEADER),
                  "%s: %d", location, want.rc);
    ck_assert_msg((strstr(got, line) != NULL) == rows[_i].is_good, "%s: %s",
                  location, got);
    ck_assert_str_eq(rig_statuses(r, 0), rows[_i].is_good ? "302" : "500");
    rig_free(r);
}
END_TEST

START_TEST(test_redirect_of_the_five_statuses_and_no_other)
{
    static const int good[] = {301, 302, 303, 307, 308};

    for (int status = 200; status < 600; status++) {
        struct rig *r;
        bool is_good = false;

        for (int i = 0; i < ROWS(good); i++)
            is_good |= good[i] == status;
        (void)ask(&r, status, "/a");
        ck_assert_int_eq(want.rc, is_good ? 0 : FLARE_E_BAD_STATUS);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_redirect_a_long_location_is_refused_by_the_head)
{
    static char location[20000];
    struct rig *r;

    memset(location, 'a', sizeof(location) - 1);
    location[0] = '/';
    (void)ask(&r, 301, location);
    ck_assert_int_eq(want.rc, FLARE_E_HEAD_TOO_LARGE);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/redirect");
    TCase *tc = tcase_create("redirect");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_redirect_U07_location, 0, ROWS(rows));
    tcase_add_test(tc, test_redirect_of_the_five_statuses_and_no_other);
    tcase_add_test(tc, test_redirect_a_long_location_is_refused_by_the_head);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
