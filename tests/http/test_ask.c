/* SPDX-License-Identifier: MIT */
/*
 * The writer of requests: what it writes byte for byte; that our own reader
 * reads it as what was asked for; and that no byte in any of the caller's
 * strings gets out where it would mean something else (FAILURES C01).
 */
#include "http/ask.h"

#include "http/chunked.h"
#include "http/head.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

#define S(text) FLARE_STR(text)

static const struct flare__ask_field two_fields[] = {
    {{"Accept", 6}, {"*/*", 3}},
    {{"X-Empty", 7}, {"", 0}},
};

static struct flare__ask get(void)
{
    return (struct flare__ask){
        .method = S("GET"), .target = S("/"), .host = S("a.example")};
}

/* Writes to memory that ends where the head does. */
static struct flare_str written(const struct flare__ask *ask)
{
    static struct guard memory;
    int size = flare__ask_check(ask);
    char *buf;

    if (memory.base == NULL)
        guard_init(&memory, FLARE__ASK_BYTES_MAX);
    ck_assert_msg(size > 0, "%s", flare_error_name(size));
    buf = guard_last(&memory, (size_t)size);
    flare__ask_write(ask, buf);
    return (struct flare_str){buf, (size_t)size};
}

static void assert_written(const struct flare__ask *ask, const char *expected)
{
    struct flare_str head = written(ask);

    ck_assert_msg(flare_str_equal(head, flare_str(expected)), "%.*s",
                  (int)head.len, head.ptr);
}

START_TEST(test_head_is_written_in_its_order)
{
    struct flare__ask ask = get();

    assert_written(&ask, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    ask.fields = two_fields;
    ask.field_count = 2;
    ask.is_last = ask.has_te = true;
    ask.upgrade = S("websocket, foo/2");
    assert_written(&ask, "GET / HTTP/1.1\r\nHost: a.example\r\n"
                         "Connection: close, Upgrade, TE\r\n"
                         "Upgrade: websocket, foo/2\r\nTE: trailers\r\n"
                         "Accept: */*\r\nX-Empty: \r\n\r\n");
}
END_TEST

START_TEST(test_framing_is_written_from_its_members)
{
    struct flare__ask ask = get();

    ask.framing = FLARE__ASK_LENGTH;
    assert_written(&ask, "GET / HTTP/1.1\r\nHost: a.example\r\n"
                         "Content-Length: 0\r\n\r\n");
    ask.content_length = INT64_MAX;
    ask.has_expect = true;
    assert_written(&ask, "GET / HTTP/1.1\r\nHost: a.example\r\n"
                         "Content-Length: 9223372036854775807\r\n"
                         "Expect: 100-continue\r\n\r\n");
    ask.framing = FLARE__ASK_CHUNKED;
    ask.has_expect = false;
    ask.trailer = S("X-Sum, X-Two");
    assert_written(&ask, "GET / HTTP/1.1\r\nHost: a.example\r\n"
                         "Transfer-Encoding: chunked\r\n"
                         "Trailer: X-Sum, X-Two\r\n\r\n");
}
END_TEST

START_TEST(test_methods_that_mean_a_body_say_that_there_is_none)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    struct flare__ask ask = get();

    char expected[80];

    snprintf(expected, sizeof(expected),
             "%s / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
             methods[_i]);
    ask.method = flare_str(methods[_i]);
    assert_written(&ask, expected);
}
END_TEST

/* ---- what our own server reads ---- */

static const struct {
    const char *method;
    const char *target;
    const char *host;
    const char *path; /* as the server has it */
    int rc;           /* of the server */
} reads[] = {
    {"GET", "/", "a", "/", 1},
    {"GET", "/a%20b/c?x=1&y=%7e?/", "a.example:8080", "/a%20b/c", 1},
    {"HEAD", "http://[::1]:80/p?q", "[::1]:80", "/p", 1},
    {"GET", "HTTPS://a?q", "a", "/", 1},
    {"DELETE", "http://a.example", "a.example", "/", 1},
    {"CONNECT", "a.example:443", "a.example:443", "/", 1},
    {"CONNECT", "[2001:db8::1]:443", "[2001:db8::1]:443", "/", 1},
    {"OPTIONS", "*", "a", "*", 1},
    {"TRACE", "/x", "a", "/x", 1},
    {"PATCH", "/x", "a", "/x", 1},
    /* what others serve and we do not */
    {"PROPFIND", "/", "a", "/", FLARE_E_METHOD_UNKNOWN},
    {"GET", "//double", "a", NULL, FLARE_E_BAD_REQUEST},
};

START_TEST(test_server_reads_what_was_asked_for)
{
    static const struct flare__head_limits limits = {8192, 8192, 16};
    struct flare__field fields[16];
    struct flare__head head = {.fields = fields};
    struct flare__ask ask = get();
    struct flare_str bytes;
    int rc;

    ask.method = flare_str(reads[_i].method);
    ask.target = flare_str(reads[_i].target);
    ask.host = flare_str(reads[_i].host);
    ask.fields = two_fields;
    ask.field_count = 2;
    bytes = written(&ask);
    rc = flare__head_parse(&head, &limits, bytes.ptr, bytes.len);
    if (reads[_i].rc < 0) {
        ck_assert_int_eq(rc, reads[_i].rc);
        return;
    }
    ck_assert_int_eq(rc, (int)bytes.len);
    ck_assert(flare_str_equal(head.method, ask.method));
    ck_assert(flare_str_equal(head.target, ask.target));
    ck_assert(flare_str_equal(head.path, flare_str(reads[_i].path)));
    ck_assert_ptr_nonnull(flare__head_find(&head, S("host")));
    ck_assert_ptr_nonnull(flare__head_find(&head, S("x-empty")));
}
END_TEST

/* ---- refusals ---- */

static const struct {
    const char *name;
    struct flare__ask ask; /* GET, "/" and "a" where it has none */
    int rc;
} refusals[] = {
    {"empty host", {.host = {"", 0}, .target = {"/", 1}}, FLARE_E_BAD_HOSTNAME},
    {"host with userinfo", {.host = {"u@a", 3}}, FLARE_E_BAD_HOSTNAME},
    {"host with a path", {.host = {"a/b", 3}}, FLARE_E_BAD_HOSTNAME},
    {"port 65536", {.host = {"a:65536", 7}}, FLARE_E_BAD_HOSTNAME},
    {"long method",
     {.method = {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", 33}},
     FLARE_E_BAD_METHOD},
    {"CONNECT with a body",
     {.method = {"CONNECT", 7},
      .target = {"a:1", 3},
      .framing = FLARE__ASK_CHUNKED},
     FLARE_E_BAD_METHOD},
    {"TRACE with a body",
     {.method = {"TRACE", 5}, .framing = FLARE__ASK_LENGTH},
     FLARE_E_BAD_METHOD},
    {"target that is relative", {.target = {"a/b", 3}}, FLARE_E_BAD_TARGET},
    {"fragment", {.target = {"/a#b", 4}}, FLARE_E_BAD_TARGET},
    {"half an escape", {.target = {"/a%2", 4}}, FLARE_E_BAD_TARGET},
    {"an escape that is none", {.target = {"/a%2g", 5}}, FLARE_E_BAD_TARGET},
    {"bracket in a path", {.target = {"/a[b]", 5}}, FLARE_E_BAD_TARGET},
    {"bracket in an absolute path",
     {.target = {"http://a/[b]", 12}},
     FLARE_E_BAD_TARGET},
    {"other scheme", {.target = {"ftp://a/", 8}}, FLARE_E_BAD_TARGET},
    {"scheme alone", {.target = {"http://", 7}}, FLARE_E_BAD_TARGET},
    {"userinfo", {.target = {"http://u@a/", 11}}, FLARE_E_BAD_TARGET},
    {"GET *", {.target = {"*", 1}}, FLARE_E_BAD_TARGET},
    {"CONNECT without a port",
     {.method = {"CONNECT", 7}, .target = {"a", 1}},
     FLARE_E_BAD_TARGET},
    {"CONNECT with a path",
     {.method = {"CONNECT", 7}, .target = {"/", 1}},
     FLARE_E_BAD_TARGET},
    {"length past 2^63 - 1",
     {.framing = FLARE__ASK_LENGTH, .content_length = UINT64_MAX},
     FLARE_E_RANGE},
    {"Expect without a body", {.has_expect = true}, FLARE_E_BAD_HEADER},
    {"Trailer without chunks", {.trailer = {"X", 1}}, FLARE_E_BAD_HEADER},
    {"Trailer of a length",
     {.trailer = {"Content-Length", 14}, .framing = FLARE__ASK_CHUNKED},
     FLARE_E_BAD_HEADER},
    {"Trailer of commas",
     {.trailer = {",,", 2}, .framing = FLARE__ASK_CHUNKED},
     FLARE_E_BAD_HEADER},
    {"Trailer of the connection's",
     {.trailer = {"Keep-Alive", 10}, .framing = FLARE__ASK_CHUNKED},
     FLARE_E_BAD_HEADER},
    {"Trailer with white space around it",
     {.trailer = {"X ", 2}, .framing = FLARE__ASK_CHUNKED},
     FLARE_E_BAD_HEADER},
    {"Upgrade with white space around it",
     {.upgrade = {" a", 2}},
     FLARE_E_BAD_HEADER},
    {"Upgrade of two words", {.upgrade = {"a b", 3}}, FLARE_E_BAD_HEADER},
    {"Upgrade without a version", {.upgrade = {"a/", 2}}, FLARE_E_BAD_HEADER},
};

static const struct {
    const char *name;
    struct flare__ask_field field;
} refused_fields[] = {
    {"no name", {{"", 0}, {"v", 1}}},
    {"name with a colon", {{"a:", 2}, {"v", 1}}},
    {"SP before a value", {{"a", 1}, {" v", 2}}},
    {"HTAB behind a value", {{"a", 1}, {"v\t", 2}}},
    {"Host twice", {{"hOST", 4}, {"a", 1}}},
    {"Content-Length", {{"content-length", 14}, {"1", 1}}},
    {"Transfer-Encoding", {{"Transfer-Encoding", 17}, {"chunked", 7}}},
    {"Connection", {{"Connection", 10}, {"x", 1}}},
    {"Keep-Alive", {{"Keep-Alive", 10}, {"x", 1}}},
    {"Proxy-Connection", {{"Proxy-Connection", 16}, {"x", 1}}},
    {"Upgrade", {{"Upgrade", 7}, {"x", 1}}},
    {"Expect", {{"Expect", 6}, {"x", 1}}},
    {"TE", {{"te", 2}, {"x", 1}}},
    {"Trailer", {{"Trailer", 7}, {"x", 1}}},
};

START_TEST(test_C01_what_is_no_request_is_refused)
{
    struct flare__ask ask = refusals[_i].ask;
    int rc;

    if (ask.method.ptr == NULL)
        ask.method = S("GET");
    if (ask.target.ptr == NULL)
        ask.target = S("/");
    if (ask.host.ptr == NULL)
        ask.host = S("a");
    rc = flare__ask_check(&ask);
    ck_assert_msg(rc == refusals[_i].rc, "%s: %s", refusals[_i].name,
                  flare_error_name(rc));
}
END_TEST

START_TEST(test_C01_fields_that_are_not_the_callers_are_refused)
{
    struct flare__ask ask = get();
    int rc;

    ask.fields = &refused_fields[_i].field;
    ask.field_count = 1;
    rc = flare__ask_check(&ask);
    ck_assert_msg(rc == FLARE_E_BAD_HEADER, "%s: %s", refused_fields[_i].name,
                  flare_error_name(rc));
    rc = flare__ask_end_check(ask.fields, 1);
    ck_assert_msg(rc == FLARE_E_BAD_HEADER, "%s: %s", refused_fields[_i].name,
                  flare_error_name(rc));
}
END_TEST

/* ---- every byte in every string ---- */

enum { METHOD, TARGET, PROXIED, HOST, NAME, VALUE, UPGRADE, TRAILER, PLACES };

/* "a", the byte, "b" in one of the strings. */
static void put_at(struct flare__ask *ask, struct flare__ask_field *field,
                   int place, struct flare_str text)
{
    struct flare_str *const places[PLACES] = {
        [METHOD] = &ask->method,   [TARGET] = &ask->target,
        [PROXIED] = &ask->target,  [HOST] = &ask->host,
        [NAME] = &field->name,     [VALUE] = &field->value,
        [UPGRADE] = &ask->upgrade, [TRAILER] = &ask->trailer,
    };

    *ask = get();
    ask->framing = FLARE__ASK_CHUNKED;
    *field = (struct flare__ask_field){S("x"), S("y")};
    ask->fields = field;
    ask->field_count = 1;
    *places[place] = text;
}

/* The classes as RFC 9110, 9112 and 3986 have them, said once more. */
static bool may_hold(int place, unsigned char c)
{
    static const char tchar[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char letters[] = "-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ!$&'()*+;=";
    bool is_letter = c != 0 && strchr(letters, c) != NULL;

    switch (place) {
    case METHOD:
    case NAME:
        return c != 0 && strchr(tchar, c) != NULL;
    case TRAILER:
        return c != 0 && (strchr(tchar, c) != NULL || c == ',');
    case UPGRADE:
        return c != 0 && (strchr(tchar, c) != NULL || c == ',' || c == '/');
    case HOST:
        return is_letter;
    case VALUE:
        return (c >= 0x20 && c != 0x7f) || c == '\t';
    default:
        return is_letter || (c != 0 && strchr(",:@/?", c) != NULL);
    }
}

START_TEST(test_C01_no_byte_gets_out_of_its_string)
{
    static const char *const before[PLACES] = {
        [TARGET] = "/", [PROXIED] = "http://a/", [NAME] = "x-"};
    int place = _i;

    for (int c = 0; c < 256; c++) {
        struct flare__ask ask;
        struct flare__ask_field field;
        char text[32];
        int n = snprintf(text, sizeof(text), "%sa%cb",
                         before[place] != NULL ? before[place] : "", c);
        int rc;

        put_at(&ask, &field, place, (struct flare_str){text, (size_t)n});
        rc = flare__ask_check(&ask);
        ck_assert_msg((rc > 0) == may_hold(place, (unsigned char)c),
                      "place %d, byte %d: %s", place, c, flare_error_name(rc));
    }
}
END_TEST

/* ---- limits ---- */

START_TEST(test_head_of_the_limit_passes_and_one_more_fails)
{
    static char bytes[FLARE__ASK_BYTES_MAX + 1];
    static struct flare__ask_field fields[64];
    struct flare__ask_field field = {S("X"), {bytes, 0}};
    struct flare__ask ask = get();
    size_t rest =
        sizeof("GET / HTTP/1.1\r\nHost: a.example\r\nX: \r\n\r\n") - 1;

    memset(bytes, 'v', sizeof(bytes));
    ask.fields = &field;
    ask.field_count = 1;
    field.value.len = FLARE__ASK_BYTES_MAX - rest;
    ck_assert_int_eq(flare__ask_check(&ask), FLARE__ASK_BYTES_MAX);
    (void)written(&ask);
    field.value.len++;
    ck_assert_int_eq(flare__ask_check(&ask), FLARE_E_HEAD_TOO_LARGE);
    for (int i = 0; i < ROWS(fields); i++)
        fields[i] = (struct flare__ask_field){S("X"), {bytes, 65536}};
    ask.fields = fields;
    ask.field_count = ROWS(fields);
    ck_assert_int_eq(flare__ask_check(&ask), FLARE_E_HEAD_TOO_LARGE);
    ck_assert_int_eq(flare__ask_end_check(fields, ROWS(fields)),
                     FLARE_E_HEAD_TOO_LARGE);
    field.value.len = sizeof(bytes);
    ask.fields = &field;
    ask.field_count = 1;
    ck_assert_int_eq(flare__ask_check(&ask), FLARE_E_HEAD_TOO_LARGE);
    ask = get();
    ask.target = (struct flare_str){bytes, sizeof(bytes)};
    ck_assert_int_eq(flare__ask_check(&ask), FLARE_E_HEAD_TOO_LARGE);
}
END_TEST

/* ---- chunks ---- */

START_TEST(test_chunk_lines_are_short_hexadecimal)
{
    static const struct {
        uint64_t size;
        const char *line;
    } lines[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {0xabcdef, "abcdef\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };

    for (int i = 0; i < ROWS(lines); i++) {
        char line[FLARE__CHUNK_LINE_MAX];
        char *end = flare__chunk_line(line, lines[i].size);
        struct flare_str got = {line, (size_t)(end - line)};

        ck_assert_msg(flare_str_equal(got, flare_str(lines[i].line)), "%.*s",
                      (int)got.len, got.ptr);
    }
}
END_TEST

START_TEST(test_end_of_a_body_is_read_by_our_decoder)
{
    static const struct flare__chunked_limits limits = {4096, 4096};
    struct flare__chunked c;
    char buf[128];
    int size = flare__ask_end_check(two_fields, 2);
    struct flare_str in = {buf, (size_t)size};
    struct flare_str data;

    ck_assert_int_eq(size,
                     (int)strlen("0\r\nAccept: */*\r\nX-Empty: \r\n\r\n"));
    flare__ask_end_write(two_fields, 2, buf);
    flare__chunked_init(&c);
    c.trailers_max = 2;
    ck_assert_int_eq(flare__chunked_decode(&c, &limits, &in, &data),
                     FLARE__CHUNKED_TRAILER);
    ck_assert(flare_str_equal(data, S("Accept: */*\r\nX-Empty: \r\n")));
    ck_assert_int_eq(flare__chunked_decode(&c, &limits, &in, &data),
                     FLARE__CHUNKED_END);
    ck_assert_uint_eq(in.len, 0);
    ck_assert_int_eq(flare__ask_end_check(NULL, 0), 5);
    flare__ask_end_write(NULL, 0, buf);
    ck_assert_mem_eq(buf, "0\r\n\r\n", 5);
}
END_TEST

START_TEST(test_trailers_whose_place_is_the_head_are_refused)
{
    static const char *const names[] = {
        "Content-Type",   "authorization", "Host",
        "Content-Length", "TRAILER",       "Cookie",
        "Keep-Alive",     "a b",           "",
    };
    struct flare__ask_field field = {S(""), S("v")};

    for (int i = 0; i < ROWS(names); i++) {
        field.name = flare_str(names[i]);
        ck_assert_int_eq(flare__ask_end_check(&field, 1), FLARE_E_BAD_HEADER);
    }
    field.name = S("X-Sum");
    field.value = S("a\r\nb");
    ck_assert_int_eq(flare__ask_end_check(&field, 1), FLARE_E_BAD_HEADER);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/ask");
    TCase *tc = tcase_create("ask");

    tcase_add_test(tc, test_head_is_written_in_its_order);
    tcase_add_test(tc, test_framing_is_written_from_its_members);
    tcase_add_loop_test(
        tc, test_methods_that_mean_a_body_say_that_there_is_none, 0, 3);
    tcase_add_loop_test(tc, test_server_reads_what_was_asked_for, 0,
                        ROWS(reads));
    tcase_add_loop_test(tc, test_C01_what_is_no_request_is_refused, 0,
                        ROWS(refusals));
    tcase_add_loop_test(tc,
                        test_C01_fields_that_are_not_the_callers_are_refused, 0,
                        ROWS(refused_fields));
    tcase_add_loop_test(tc, test_C01_no_byte_gets_out_of_its_string, 0, PLACES);
    tcase_add_test(tc, test_head_of_the_limit_passes_and_one_more_fails);
    tcase_add_test(tc, test_chunk_lines_are_short_hexadecimal);
    tcase_add_test(tc, test_end_of_a_body_is_read_by_our_decoder);
    tcase_add_test(tc, test_trailers_whose_place_is_the_head_are_refused);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
