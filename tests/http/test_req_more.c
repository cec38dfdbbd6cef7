/* SPDX-License-Identifier: MIT */
/* Path parameters and fields as values; trailers and ends without memory. */
#include <flare/peer.h>
#include <flare/request.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- path parameters ---- */

enum { UNTOUCHED = 77 };

/* Each reader's answer: what it wrote, or "!" with nothing written. */
static int on_param(flare_req *req, flare_res *res)
{
    uint64_t u = UNTOUCHED;
    int64_t i = UNTOUCHED;
    bool b = false;
    struct flare_str s = FLARE_STR("untouched");
    char text[4][64];

    (void)snprintf(text[0], 64, "%" PRIu64, u);
    if (flare_req_param_u64(req, "v", &u) == 0)
        (void)snprintf(text[0], 64, "%" PRIu64, u);
    else
        (void)snprintf(text[0], 64, u == UNTOUCHED ? "!" : "written");
    if (flare_req_param_i64(req, "v", &i) == 0)
        (void)snprintf(text[1], 64, "%" PRId64, i);
    else
        (void)snprintf(text[1], 64, i == UNTOUCHED ? "!" : "written");
    if (flare_req_param_bool(req, "v", &b) == 0)
        (void)snprintf(text[2], 64, b ? "yes" : "no");
    else
        (void)snprintf(text[2], 64, b ? "written" : "!");
    if (flare_req_param_str(req, "v", &s) == 0)
        (void)snprintf(text[3], 64, "%.*s", FLARE_STR_ARG(s));
    else
        (void)snprintf(text[3], 64, s.len == 9 ? "!" : "written");
    return flare_res_printf(res, 200, "%s|%s|%s|%s;", text[0], text[1], text[2],
                            text[3]);
}

/* The same with fallbacks; a value that is there and wrong is no absence. */
static int on_param_or(flare_req *req, flare_res *res)
{
    uint64_t u = UNTOUCHED;
    int64_t i = UNTOUCHED;
    bool b = false;
    struct flare_str s = {NULL, 0};
    int rc[3] = {flare_req_param_u64_or(req, "v", 5, &u),
                 flare_req_param_i64_or(req, "v", -5, &i),
                 flare_req_param_bool_or(req, "v", true, &b)};

    ck_assert_int_eq(flare_req_param_str_or(req, "v", FLARE_STR("none"), &s),
                     0);
    for (int n = 0; n < 3; n++)
        ck_assert(rc[n] == 0 || rc[n] == FLARE_E_BAD_INPUT);
    ck_assert(rc[0] == 0 || u == UNTOUCHED);
    ck_assert(rc[1] == 0 || i == UNTOUCHED);
    ck_assert(rc[2] == 0 || !b);
    return flare_res_printf(res, 200, "%d%d%d %" PRIu64 "|%" PRId64 "|%d|%.*s;",
                            rc[0] == 0, rc[1] == 0, rc[2] == 0, u, i, b,
                            FLARE_STR_ARG(s));
}

/* ---- fields ---- */

static int on_fields(flare_req *req, flare_res *res)
{
    uint64_t n = UNTOUCHED;
    int rc = flare_req_header_u64(req, "x-number", &n);

    ck_assert(rc == 0 || n == UNTOUCHED);
    ck_assert(!flare_req_header_is_repeated(req, "X-None"));
    return flare_res_printf(res, 200, "%s %" PRIu64 " %d%d;",
                            rc == 0 ? "ok" : "bad", n,
                            flare_req_header_is_repeated(req, "X-NUMBER"),
                            flare_req_header_is_repeated(req, "Content-Type"));
}

/* ---- what needs memory ---- */

static int on_ends(flare_req *req, flare_res *res)
{
    char text[3][FLARE_ADDR_TEXT_MAX];

    flare_addr_format(flare_req_peer(req), text[0], sizeof(text[0]));
    flare_addr_format(flare_req_local(req), text[1], sizeof(text[1]));
    flare_addr_format(flare_req_client(req), text[2], sizeof(text[2]));
    /* nobody is granted anything who could not be told */
    ck_assert(flare_req_client(req)->kind != FLARE_ADDR_NONE ||
              !flare_req_is_client_known(req));
    return flare_res_printf(res, 200, "%s %s %s;", text[0], text[1], text[2]);
}

/* Once they are found to be readable, they are there. */
static int on_trailer(flare_req *req, flare_res *res)
{
    int rc = flare_req_trailer_check(req);
    struct flare_str sum;
    size_t count;

    ck_assert(rc == 0 || rc == -ENOMEM);
    if (rc < 0)
        return rc;
    sum = flare_req_trailer(req, "X-Sum");
    count = flare_req_trailer_count(req);
    return flare_res_printf(res, 200, "%zu %.*s;", count, FLARE_STR_ARG(sum));
}

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    (void)piece;
    (void)ctx;
    return is_last ? on_trailer(req, res) : 0;
}

static int on_stream(flare_req *req, flare_res *res)
{
    int rc = flare_req_read(req, on_piece, NULL);

    (void)res;
    /* the body is read once */
    if (rc == 0)
        ck_assert_int_eq(flare_req_read(req, on_piece, NULL), FLARE_E_NO_BODY);
    return rc < 0 ? rc : FLARE_LATER;
}

/* Behind the head of an answer no 100 can be said. */
static int on_late_read(flare_req *req, flare_res *res)
{
    int rc = flare_res_start(res, 200, FLARE_STR("a/b"), 1);

    if (rc < 0)
        return rc;
    ck_assert_int_eq(flare_req_read(req, on_piece, NULL), FLARE_E_NO_BODY);
    rc = flare_res_write(res, FLARE_STR("x"));
    return rc < 0 ? rc : flare_res_finish(res);
}

static const struct flare_route routes[] = {
    FLARE_GET("/p/:v", on_param),
    FLARE_GET("/or", on_param_or),
    FLARE_GET("/or/:v", on_param_or),
    FLARE_GET("/fields", on_fields),
    FLARE_GET("/ends", on_ends),
    FLARE_POST("/whole", on_trailer),
    FLARE_POST_STREAM("/stream", on_stream),
    FLARE_POST_STREAM("/late", on_late_read),
};

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static const struct {
    const char *wire;
    const char *want;
} values[] = {
    {GET("/p/0", ""), "0|0|no|0;"},
    {GET("/p/1", ""), "1|1|yes|1;"},
    {GET("/p/-1", ""), "!|-1|!|-1;"},
    {GET("/p/007", ""), "7|7|!|007;"},
    {GET("/p/true", ""), "!|!|yes|true;"},
    {GET("/p/off", ""), "!|!|no|off;"},
    {GET("/p/True", ""), "!|!|!|True;"},
    {GET("/p/+1", ""), "!|!|!|+1;"},
    {GET("/p/1%20", ""), "!|!|!|1 ;"},
    {GET("/p/9223372036854775808", ""),
     "9223372036854775808|!|!|9223372036854775808;"},
    {GET("/p/-9223372036854775808", ""),
     "!|-9223372036854775808|!|-9223372036854775808;"},
    {GET("/p/18446744073709551615", ""),
     "18446744073709551615|!|!|18446744073709551615;"},
    {GET("/p/18446744073709551616", ""), "!|!|!|18446744073709551616;"},
    {GET("/or", ""), "111 5|-5|1|none;"},
    {GET("/or/0", ""), "111 0|0|0|0;"},
    {GET("/or/x", ""), "000 77|77|0|x;"},
    {GET("/fields", ""), "bad 77 00;"},
    {GET("/fields", "X-Number: 12\r\n"), "ok 12 00;"},
    {GET("/fields", "X-Number: -1\r\n"), "bad 77 00;"},
    {GET("/fields", "X-Number:\r\n"), "bad 77 00;"},
    {GET("/fields", "X-Number: 1, 1\r\n"), "bad 77 00;"},
    {GET("/fields", "X-Number: 1\r\nx-number: 1\r\n"), "bad 77 10;"},
    {GET("/fields",
         "Content-Type: a/b\r\nX-Number: 3\r\ncontent-type: a/c\r\n"),
     "ok 3 01;"},
};

static struct rig *open_rig(const char *trusted)
{
    return rig_new(&(struct flare_server_config){
        .routes = FLARE_ROUTES(routes),
        .trusted = trusted,
        .forwarded = trusted != NULL ? FLARE_FORWARDED_X : FLARE_FORWARDED_NONE,
    });
}

START_TEST(test_req_more_H40_values_are_whole_or_not_written)
{
    struct rig *r = open_rig(NULL);
    const char *got = rig_ask(r, values[_i].wire);

    ck_assert_msg(strstr(got, "\r\n\r\n") != NULL, "%s", got);
    ck_assert_str_eq(strstr(got, "\r\n\r\n") + 4, values[_i].want);
    rig_free(r);
}
END_TEST

START_TEST(test_req_more_a_body_is_not_read_behind_an_answer)
{
    struct rig *r = open_rig(NULL);

    rig_ask(r, "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
               "Expect: 100-continue\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

/* ---- every allocation fails in turn ---- */

#define CHUNKED(path)                                                          \
    "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"  \
    "3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"

static const struct {
    const char *name;
    const char *trusted;
    const char *wire;
    const char *want;
    const char *instead; /* what else a 200 may say, in part; NULL: nothing */
} walks[] = {
    {"ends", NULL, GET("/ends", ""), " 192.0.2.1:80 10.", "? ? ?;"},
    {"client", "10.0.0.0/8", GET("/ends", "X-Forwarded-For: 192.0.2.9\r\n"),
     " 192.0.2.9:0;", " ?;"},
    {"trailers", NULL, CHUNKED("/whole"), "1 7;", NULL},
    {"trailers of a stream", NULL, CHUNKED("/stream"), "1 7;", NULL},
    {"no trailers", NULL,
     "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "0 ;",
     NULL},
};

/* One run with allocation `at` failing; false: there is none such. */
static bool walk(int row, uint64_t at, enum fault_mode mode)
{
    struct rig *r = open_rig(walks[row].trusted);
    size_t half = strlen(walks[row].wire) - 5;
    const char *got;
    bool has_failed;

    rig_connect(r, 0);
    r->fault.at = r->fault.sites + at;
    r->fault.mode = mode;
    rig_send(r, 0, walks[row].wire, half);
    rig_run(r, 2);
    rig_send(r, 0, walks[row].wire + half, 5);
    rig_run(r, 100);
    has_failed = r->fault.failed > 0;
    fault_disarm(&r->fault);
    got = r->peers[0].got;
    if (strncmp(got, "HTTP/1.1 200", 12) == 0)
        ck_assert_msg(strstr(got, walks[row].want) != NULL ||
                          (has_failed && walks[row].instead != NULL &&
                           strstr(got, walks[row].instead) != NULL),
                      "%s, allocation %d: %s", walks[row].name, (int)at, got);
    else
        ck_assert_msg(has_failed, "%s: %s", walks[row].name, got);
    /* and afterwards all is as it was */
    ck_assert_ptr_nonnull(strstr(rig_ask(r, walks[row].wire), walks[row].want));
    rig_free(r);
    return has_failed;
}

START_TEST(test_req_more_without_memory_nothing_wrong_is_told)
{
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_FROM};

    for (int m = 0; m < 2; m++) {
        uint64_t at = 1;

        while (walk(_i, at, modes[m]))
            at++;
        ck_assert_uint_gt(at, 1); /* something was failed */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/req_more");
    TCase *tc = tcase_create("req_more");

    tcase_add_loop_test(tc, test_req_more_H40_values_are_whole_or_not_written,
                        0, ROWS(values));
    tcase_add_test(tc, test_req_more_a_body_is_not_read_behind_an_answer);
    tcase_add_loop_test(tc, test_req_more_without_memory_nothing_wrong_is_told,
                        0, ROWS(walks));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
