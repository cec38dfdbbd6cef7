/* SPDX-License-Identifier: MIT */
/* What goes out: framing, fields, refusals, ownership. */
#include "http/res.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* What the handler under test does, and what came of it. */
static int (*answer)(flare_req *req, flare_res *res);
static int answer_rc;

static int on_any(flare_req *req, flare_res *res)
{
    answer_rc = answer(req, res);
    return answer_rc;
}

static struct rig *rig_for(int (*fn)(flare_req *, flare_res *))
{
    struct flare_server_config config = {.handler = {on_any, NULL}};

    answer = fn;
    answer_rc = 1;
    return rig_new(&config);
}

static void check_has(const char *got, const char *needle)
{
    ck_assert_msg(strstr(got, needle) != NULL, "no \"%s\" in:\n%s", needle,
                  got);
}

static void check_has_not(const char *got, const char *needle)
{
    ck_assert_msg(strstr(got, needle) == NULL, "\"%s\" in:\n%s", needle, got);
}

static int say_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

START_TEST(test_res_text_has_date_server_type_and_length)
{
    struct rig *r = rig_for(say_hello);
    const char *got = rig_ask(r, GET);

    ck_assert(strncmp(got, "HTTP/1.1 200 OK\r\n", 17) == 0);
    check_has(got, "\r\nServer: flare\r\n");
    check_has(got, "\r\nDate: ");
    check_has(got, " GMT\r\n");
    check_has(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    check_has(got, "\r\nContent-Length: 6\r\n");
    check_has(got, "\r\n\r\nhello\n");
    check_has_not(got, "Connection:");
    rig_free(r);
}
END_TEST

START_TEST(test_res_H41_head_has_the_length_and_no_body)
{
    struct rig *r = rig_for(say_hello);
    const char *got = rig_ask(r, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET);

    check_has(got, "Content-Length: 6\r\n\r\nHTTP/1.1 200 OK");
    ck_assert_int_eq(rig_count(r, 0, "hello"), 1);
    rig_free(r);
}
END_TEST

static int say_204(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 204, "not to be seen");
}

static int say_304(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 304, "not to be seen");
}

static int say_205(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 205, "not to be seen");
}

START_TEST(test_res_205_says_that_it_is_empty)
{
    struct rig *r = rig_for(say_205);
    const char *got = rig_ask(r, GET GET);

    ck_assert_str_eq(rig_statuses(r, 0), "205 205");
    check_has_not(got, "not to be seen");
    check_has(got, "Content-Length: 0\r\n\r\nHTTP/1.1 205");
    rig_free(r);
}
END_TEST

START_TEST(test_res_H41_204_and_304_have_no_body)
{
    struct rig *r = rig_for(_i == 0 ? say_204 : say_304);
    const char *got = rig_ask(r, GET GET);

    ck_assert_str_eq(rig_statuses(r, 0), _i == 0 ? "204 204" : "304 304");
    check_has_not(got, "not to be seen");
    check_has_not(got, "Content-Type");
    check_has_not(got, "Content-Length");
    rig_free(r);
}
END_TEST

START_TEST(test_res_H38_http_1_0_is_closed_unless_it_asks_and_then_is_told)
{
    struct rig *r = rig_for(say_hello);

    check_has(rig_ask(r, "GET / HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
    ck_assert(r->peers[0].has_fin);
    check_has(rig_ask(r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              "Connection: keep-alive\r\n");
    ck_assert(!r->peers[0].has_fin);
    check_has(
        rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "Connection: close\r\n");
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

static int turn_count;

/* Each answer differs from the one before in one thing that a head says. */
static int say_changing(flare_req *req, flare_res *res)
{
    static const struct {
        int status;
        const char *type;
        const char *body;
    } turns[] = {
        {200, "a/b", "one"},   {200, "a/b", "two"},   {200, "a/c", "two"},
        {201, "a/c", "two"},   {201, "a/c", "three"}, {201, "", "three"},
        {201, "a/c", "three"},
    };
    int i = turn_count++ % ROWS(turns);

    (void)req;
    return flare_res_copy(res, turns[i].status, flare_str(turns[i].type),
                          flare_str(turns[i].body));
}

START_TEST(test_res_a_remembered_head_is_used_only_where_it_fits)
{
    struct rig *r = rig_for(say_changing);
    char *first;

    turn_count = 0;
    (void)rig_ask(r, GET GET GET GET GET GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 200 201 201 201 201");
    ck_assert_int_eq(rig_count(r, 0, "Content-Type: a/b\r\n"), 2);
    ck_assert_int_eq(rig_count(r, 0, "Content-Type: a/c\r\n"), 4);
    ck_assert_int_eq(rig_count(r, 0, "Content-Length: 3\r\n"), 4);
    ck_assert_int_eq(rig_count(r, 0, "Content-Length: 5\r\n"), 3);
    first = strdup(r->peers[0].got);
    turn_count = 0; /* one by one: the same bytes, but for the end */
    rig_connect(r, 0);
    for (int i = 0; i < 7; i++) {
        rig_text(r, 0, GET);
        rig_run(r, 1);
    }
    ck_assert_str_eq(r->peers[0].got, first);
    check_has(rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n"
                         "Connection: close\r\n\r\n"),
              "Connection: close");
    free(first);
    rig_free(r);
}
END_TEST

/* ---- fields ---- */

static const struct {
    const char *name;
    const char *value;
    int rc;
} fields[] = {
    {"X-Fine", "value with space and \xc3\xa9", 0},
    {"X-Empty", "", 0},
    {"", "v", FLARE_E_BAD_HEADER},
    {"X Space", "v", FLARE_E_BAD_HEADER},
    {"X:", "v", FLARE_E_BAD_HEADER},
    {"X\r\nY", "v", FLARE_E_BAD_HEADER},
    {"X-Injected", "a\r\nSet-Cookie: b", FLARE_E_BAD_HEADER},
    {"X-Lf", "a\nb", FLARE_E_BAD_HEADER},
    {"X-Cr", "a\rb", FLARE_E_BAD_HEADER},
    {"X-Del", "a\x7f", FLARE_E_BAD_HEADER},
    {"X-Lead", " a", FLARE_E_BAD_HEADER},
    {"X-Trail", "a\t", FLARE_E_BAD_HEADER},
    {"Content-Length", "1", FLARE_E_BAD_HEADER},
    {"transfer-encoding", "chunked", FLARE_E_BAD_HEADER},
    {"CONNECTION", "close", FLARE_E_BAD_HEADER},
    {"Date", "now", FLARE_E_BAD_HEADER},
    {"Server", "other", FLARE_E_BAD_HEADER},
    {"Content-Type", "a/b", FLARE_E_BAD_HEADER},
};

static int field_row;

static int say_field(flare_req *req, flare_res *res)
{
    int rc = flare_res_header(res, fields[field_row].name,
                              flare_str(fields[field_row].value));

    (void)req;
    return rc < 0 ? rc : flare_res_text(res, 200, "ok");
}

START_TEST(test_res_H42_no_field_of_the_caller_can_inject)
{
    struct rig *r = rig_for(say_field);
    const char *got;
    char line[128];

    field_row = _i;
    got = rig_ask(r, GET);
    ck_assert_msg(answer_rc == fields[_i].rc, "%s: %d", fields[_i].name,
                  answer_rc);
    if (fields[_i].rc == 0) {
        (void)snprintf(line, sizeof(line), "\r\n%s: %s\r\n", fields[_i].name,
                       fields[_i].value);
        check_has(got, line);
    } else {
        ck_assert_str_eq(rig_statuses(r, 0), "500");
        check_has_not(got, "Set-Cookie");
    }
    rig_free(r);
}
END_TEST

static int say_nul(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_header(res, "X-Nul", (struct flare_str){"a\0b", 3});
}

START_TEST(test_res_H42_nul_in_a_value_is_refused)
{
    struct rig *r = rig_for(say_nul);

    (void)rig_ask(r, GET);
    ck_assert_int_eq(answer_rc, FLARE_E_BAD_HEADER);
    rig_free(r);
}
END_TEST

static int say_too_many_fields(flare_req *req, flare_res *res)
{
    static char value[1000];
    int rc = 0;

    (void)req;
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = flare_res_header(res, "X-Many",
                              (struct flare_str){value, sizeof(value)});
    return rc;
}

START_TEST(test_res_fields_are_bounded)
{
    struct rig *r = rig_for(say_too_many_fields);

    check_has_not(rig_ask(r, GET), "X-Many");
    ck_assert_int_eq(answer_rc, FLARE_E_HEAD_TOO_LARGE);
    rig_free(r);
}
END_TEST

static int say_bad_type(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("a/b\r\nX: y"), FLARE_STR("b"));
}

START_TEST(test_res_H42_type_cannot_inject)
{
    struct rig *r = rig_for(say_bad_type);

    check_has_not(rig_ask(r, GET), "X: y");
    ck_assert_int_eq(answer_rc, FLARE_E_BAD_HEADER);
    rig_free(r);
}
END_TEST

/* ---- once, and with a status ---- */

static int second_rc;

static int say_twice(flare_req *req, flare_res *res)
{
    int rc = flare_res_text(res, 200, "first");

    (void)req;
    second_rc = flare_res_text(res, 200, "second");
    ck_assert_int_eq(flare_res_header(res, "X-Late", FLARE_STR("v")),
                     FLARE_E_ALREADY_ANSWERED);
    return rc;
}

START_TEST(test_res_a_request_is_answered_once)
{
    struct rig *r = rig_for(say_twice);

    check_has_not(rig_ask(r, GET), "second");
    ck_assert_int_eq(second_rc, FLARE_E_ALREADY_ANSWERED);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

static int say_nothing(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_OK;
}

START_TEST(test_res_a_forgotten_answer_is_a_500_and_a_log_line)
{
    struct rig *r = rig_for(say_nothing);

    (void)rig_ask(r, GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "500 500");
    check_has(r->log, flare_strerror(FLARE_E_NOT_ANSWERED));
    rig_free(r);
}
END_TEST

static const int bad_statuses[] = {0, 99, 100, 101, 199, 600, 1000, -1};
static int status_row;

static int say_status(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, bad_statuses[status_row], "x");
}

START_TEST(test_res_only_final_statuses_are_taken)
{
    struct rig *r = rig_for(say_status);

    status_row = _i;
    (void)rig_ask(r, GET);
    ck_assert_int_eq(answer_rc, FLARE_E_BAD_STATUS);
    ck_assert_str_eq(rig_statuses(r, 0), "500");
    rig_free(r);
}
END_TEST

static const struct {
    int rc;
    const char *status;
} errors[] = {
    {FLARE_E_BAD_INPUT, "400"},
    {FLARE_E_UNAUTHORIZED, "401"},
    {FLARE_E_FORBIDDEN, "403"},
    {FLARE_E_NOT_FOUND, "404"},
    {FLARE_E_CONFLICT, "409"},
    {FLARE_E_INTERNAL, "500"},
    {FLARE_E_OVERLOADED, "503"},
    {-ENOMEM, "503"},
    {-EIO, "500"},
    {FLARE_E_NOT_ANSWERED, "500"},
    {FLARE_E_MAILBOX_FULL, "503"},
    {FLARE_E_BAD_CONFIG, "500"},
};
static int error_row;

static int say_error(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_header(res, "X-Secret", FLARE_STR("half done")),
                     0);
    return errors[error_row].rc;
}

START_TEST(test_res_an_error_is_its_plain_status_and_tells_nothing)
{
    struct rig *r = rig_for(say_error);
    const char *got;

    error_row = _i;
    got = rig_ask(r, GET);
    ck_assert_str_eq(rig_statuses(r, 0), errors[_i].status);
    check_has_not(got, "X-Secret");
    check_has_not(got, flare_strerror(errors[_i].rc));
    if (strcmp(errors[_i].status, "503") == 0)
        check_has(got, "Retry-After: 1\r\n");
    rig_free(r);
}
END_TEST

/* ---- bodies and who owns them ---- */

static char big[300000];
static int freed;

static void count_free(void *ctx, void *block)
{
    ck_assert_ptr_eq(block, big);
    freed += *(int *)ctx;
}

static int say_give(flare_req *req, flare_res *res)
{
    static int one = 1;

    (void)req;
    memset(big, 'g', sizeof(big));
    return flare_res_give(res, 200, FLARE_STR("a/b"),
                          (struct flare_str){big, sizeof(big)}, count_free,
                          &one);
}

START_TEST(test_res_give_frees_once_when_sent_or_when_the_peer_is_gone)
{
    struct rig *r = rig_for(say_give);

    freed = 0;
    (void)rig_ask(r, GET);
    ck_assert_int_eq(freed, 1);
    ck_assert_uint_gt(r->peers[0].len, sizeof(big));
    ck_assert_int_eq(memcmp(r->peers[0].got + r->peers[0].len - sizeof(big),
                            big, sizeof(big)),
                     0);
    (void)rig_ask(r, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_int_eq(freed, 2);
    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, GET);
    rig_run(r, 10);
    ck_assert_int_eq(freed, 2);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 10);
    ck_assert_int_eq(freed, 3);
    rig_free(r);
}
END_TEST

static int say_static(flare_req *req, flare_res *res)
{
    (void)req;
    memset(big, 's', sizeof(big));
    return flare_res_static(res, 200, FLARE_STR("a/b"),
                            (struct flare_str){big, sizeof(big)});
}

START_TEST(test_res_static_is_sent_from_where_it_lies)
{
    struct rig *r = rig_for(say_static);

    (void)rig_ask(r, GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_uint_lt(r->fault.peak_bytes, sizeof(big));
    rig_free(r);
}
END_TEST

static int printf_len;

static int say_printf(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_printf(res, 200, "%*d", printf_len, 7);
}

START_TEST(test_res_printf_of_any_length_up_to_its_bound)
{
    struct rig *r = rig_for(say_printf);
    static const int lens[] = {1, 511, 512, 513, 100000};
    char line[64];

    for (int i = 0; i < ROWS(lens); i++) {
        printf_len = lens[i];
        (void)snprintf(line, sizeof(line), "Content-Length: %d\r\n", lens[i]);
        check_has(rig_ask(r, GET), line);
        ck_assert_int_eq(r->peers[0].got[r->peers[0].len - 1], '7');
    }
    printf_len = 1024 * 1024 + 1;
    (void)rig_ask(r, GET);
    ck_assert_int_eq(answer_rc, FLARE_E_RANGE);
    rig_free(r);
}
END_TEST

static int say_huge(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("a/b"),
                          (struct flare_str){big, (size_t)INT32_MAX + 1});
}

START_TEST(test_res_a_body_of_2_gib_is_out_of_range)
{
    struct rig *r = rig_for(say_huge);

    (void)rig_ask(r, GET);
    ck_assert_int_eq(answer_rc, FLARE_E_RANGE);
    rig_free(r);
}
END_TEST

START_TEST(test_res_no_server_field_when_it_is_off)
{
    struct flare_server_config config = {.handler = {on_any, NULL},
                                         .server_name = ""};
    struct rig *r = rig_new(&config);
    const char *got;

    answer = say_hello;
    got = rig_ask(r, GET);
    check_has_not(got, "Server:");
    check_has(got, "200 OK\r\nDate: ");
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/res");
    TCase *t = tcase_create("res");

    tcase_add_test(t, test_res_text_has_date_server_type_and_length);
    tcase_add_test(t, test_res_H41_head_has_the_length_and_no_body);
    tcase_add_test(t, test_res_a_remembered_head_is_used_only_where_it_fits);
    tcase_add_test(t, test_res_205_says_that_it_is_empty);
    tcase_add_loop_test(t, test_res_H41_204_and_304_have_no_body, 0, 2);
    tcase_add_test(
        t, test_res_H38_http_1_0_is_closed_unless_it_asks_and_then_is_told);
    tcase_add_loop_test(t, test_res_H42_no_field_of_the_caller_can_inject, 0,
                        ROWS(fields));
    tcase_add_test(t, test_res_H42_nul_in_a_value_is_refused);
    tcase_add_test(t, test_res_fields_are_bounded);
    tcase_add_test(t, test_res_H42_type_cannot_inject);
    tcase_add_test(t, test_res_a_request_is_answered_once);
    tcase_add_test(t, test_res_a_forgotten_answer_is_a_500_and_a_log_line);
    tcase_add_loop_test(t, test_res_only_final_statuses_are_taken, 0,
                        ROWS(bad_statuses));
    tcase_add_loop_test(t,
                        test_res_an_error_is_its_plain_status_and_tells_nothing,
                        0, ROWS(errors));
    tcase_add_test(t,
                   test_res_give_frees_once_when_sent_or_when_the_peer_is_gone);
    tcase_add_test(t, test_res_static_is_sent_from_where_it_lies);
    tcase_add_test(t, test_res_printf_of_any_length_up_to_its_bound);
    tcase_add_test(t, test_res_a_body_of_2_gib_is_out_of_range);
    tcase_add_test(t, test_res_no_server_field_when_it_is_off);
    suite_add_tcase(s, t);
    return test_run(s);
}
