/* SPDX-License-Identifier: MIT */
/* Bodies in pieces: framing, backpressure, files, and what breaks off. */
#include "http/filter.h"
#include "http/res.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OLD "GET /a HTTP/1.0\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
#define TYPE FLARE_STR("a/b")

static struct {
    int (*fn)(flare_req *req, flare_res *res);
    flare_res *res;
    int done;
    struct flare_outcome outcome;
    int drains;
    int pulls;
    int rc;
} saw;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.done++;
    saw.outcome = *outcome;
}

static int on_any(flare_req *req, flare_res *res)
{
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/next")))
        return flare_res_text(res, 200, "next\n");
    saw.res = res;
    ck_assert_int_eq(flare_res_on_done(res, on_done, NULL), 0);
    return saw.fn(req, res);
}

static struct rig *rig_for(int (*fn)(flare_req *req, flare_res *res))
{
    struct flare_server_config config = {.handler = {on_any, NULL},
                                         .output_bytes_max = 1024};

    memset(&saw, 0, sizeof(saw));
    saw.fn = fn;
    return rig_new(&config);
}

static const char *ask(struct rig *r, const char *text)
{
    const char *got = rig_ask(r, text);
    const char *blank = strstr(got, "\r\n\r\n");

    return blank != NULL ? blank + 4 : got;
}

static int write_three(flare_res *res)
{
    int rc = flare_res_write(res, FLARE_STR("one,"));

    if (rc < 0)
        return rc;
    rc = flare_res_write(res, FLARE_STR(""));
    if (rc < 0)
        return rc;
    rc = flare_res_write(res, FLARE_STR("a piece of twenty-six bytes"));
    return rc < 0 ? rc : flare_res_finish(res);
}

static int say_unknown(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN), 0);
    return write_three(res);
}

static int say_known(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, 31), 0);
    return write_three(res);
}

START_TEST(test_res_body_of_unknown_length_is_chunked)
{
    struct rig *r = rig_for(say_unknown);
    const char *body = ask(r, GET NEXT);

    ck_assert(strncmp(body,
                      "4\r\none,\r\n1b\r\na piece of twenty-six bytes\r\n"
                      "0\r\n\r\nHTTP/1.1 200 OK\r\n",
                      63) == 0);
    ck_assert_int_eq(rig_count(r, 0, "Transfer-Encoding: chunked\r\n"), 1);
    ck_assert_int_eq(rig_count(r, 0, "Content-Length"), 1); /* of next */
    ck_assert_int_eq(saw.done, 1);
    ck_assert_uint_eq(saw.outcome.body_bytes, 31);
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_of_known_length_is_plain)
{
    struct rig *r = rig_for(say_known);
    const char *body = ask(r, GET NEXT);

    ck_assert(
        strncmp(body, "one,a piece of twenty-six bytesHTTP/1.1 200", 43) == 0);
    ck_assert_int_eq(rig_count(r, 0, "Content-Length: 31\r\n"), 1);
    ck_assert_int_eq(rig_count(r, 0, "chunked"), 0);
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_for_http_1_0_ends_with_the_connection)
{
    struct rig *r = rig_for(say_unknown);
    const char *body = ask(r, OLD);

    ck_assert_str_eq(body, "one,a piece of twenty-six bytes");
    ck_assert_int_eq(rig_count(r, 0, "chunked"), 0);
    ck_assert_int_eq(rig_count(r, 0, "Connection: close\r\n"), 1);
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_H41_head_is_told_the_framing_and_gets_nothing)
{
    struct rig *r = rig_for(_i == 0 ? say_unknown : say_known);
    const char *body = ask(r, HEAD NEXT);

    ck_assert(strncmp(body, "HTTP/1.1 200 OK", 15) == 0);
    ck_assert_int_eq(rig_count(r, 0, "one,"), 0);
    ck_assert_int_eq(
        rig_count(r, 0, _i == 0 ? "chunked" : "Content-Length: 31"), 1);
    rig_free(r);
}
END_TEST

static int say_trailers(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_trailer(res, "X-Sum", FLARE_STR("1")),
                     FLARE_E_NOT_STARTED);
    ck_assert_int_eq(flare_res_header(res, "X-Head", FLARE_STR("h")), 0);
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN), 0);
    ck_assert_int_eq(flare_res_header(res, "X-Late", FLARE_STR("h")),
                     FLARE_E_ALREADY_ANSWERED);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("b")), 0);
    ck_assert_int_eq(flare_res_trailer(res, "X-Sum", FLARE_STR("abc")), 0);
    ck_assert_int_eq(flare_res_trailer(res, "Content-Length", FLARE_STR("1")),
                     FLARE_E_BAD_HEADER);
    ck_assert_int_eq(flare_res_trailer(res, "X-Bad", FLARE_STR("a\r\nb")),
                     FLARE_E_BAD_HEADER);
    return flare_res_finish(res);
}

START_TEST(test_res_body_trailers_follow_the_last_chunk)
{
    struct rig *r = rig_for(say_trailers);
    const char *body = ask(r, GET);

    ck_assert_str_eq(body, "1\r\nb\r\n0\r\nX-Sum: abc\r\n\r\n");
    ck_assert_int_eq(rig_count(r, 0, "X-Head: h\r\n"), 1);
    rig_free(r);
}
END_TEST

static int say_too_much(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, 3), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("ab")), 0);
    ck_assert_int_eq(flare_res_write(res, FLARE_STR("cd")), FLARE_E_RANGE);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("c")), 0);
    return flare_res_finish(res);
}

START_TEST(test_res_body_H43_more_than_declared_is_refused)
{
    struct rig *r = rig_for(say_too_much);

    ck_assert(strncmp(ask(r, GET NEXT), "abcHTTP/1.1 200", 15) == 0);
    rig_free(r);
}
END_TEST

static int say_too_little(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, 3), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("ab")), 0);
    saw.rc = flare_res_finish(res);
    return saw.rc;
}

START_TEST(test_res_body_H43_less_than_declared_cuts_the_connection)
{
    struct rig *r = rig_for(say_too_little);

    (void)ask(r, GET NEXT);
    ck_assert_int_eq(saw.rc, FLARE_E_RANGE);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(rig_count(r, 0, "next"), 0);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_lt(saw.outcome.rc, 0);
    rig_free(r);
}
END_TEST

static int fail_midway(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("ab")), 0);
    return FLARE_E_INTERNAL;
}

START_TEST(test_res_body_a_failed_handler_never_ends_its_body)
{
    struct rig *r = rig_for(fail_midway);

    (void)ask(r, GET NEXT);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(rig_count(r, 0, "0\r\n\r\n"), 0);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_INTERNAL);
    rig_free(r);
}
END_TEST

static int start_only(flare_req *req, flare_res *res)
{
    (void)req;
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN), 0);
    return FLARE_OK;
}

START_TEST(test_res_body_is_written_after_the_handler)
{
    struct rig *r = rig_for(start_only);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(flare_res_write(saw.res, FLARE_STR("ab")), 0);
        rig_run(r, 1000);
        ck_assert_int_eq(rig_count(r, 0, "2\r\nab\r\n"), i + 1);
    }
    ck_assert_int_eq(flare_res_finish(saw.res), 0);
    ck_assert_int_eq(saw.done, 1);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_that_stands_still_is_cut)
{
    struct rig *r = rig_for(start_only);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    rig_run(r, 59000);
    ck_assert_int_eq(flare_res_write(saw.res, FLARE_STR("ab")), 0);
    rig_run(r, 59000);
    ck_assert(!r->peers[0].has_rst);
    rig_run(r, 2000);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_GONE);
    rig_free(r);
}
END_TEST

static void on_drain(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.drains++;
}

/* A deaf peer reads on, for that many milliseconds. */
static void read_on(struct rig *r, int ms)
{
    struct rig_peer *p = &r->peers[0];

    p->is_deaf = false;
    for (int i = 0; i < ms; i++) {
        p->len += flare__sim_peer_recv(&p->peer, p->got + p->len, 4096);
        rig_run(r, 1);
    }
    p->got[p->len] = '\0';
}

START_TEST(test_res_body_R07_a_peer_that_does_not_read_is_backpressure)
{
    struct rig *r = rig_for(start_only);
    char block[700];
    struct flare_str piece = {block, sizeof(block)};
    int taken = 0;
    int rc;

    memset(block, 'x', sizeof(block));
    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 50);
    flare_res_on_drain(saw.res, on_drain, NULL);
    r->peers[0].is_deaf = true;
    do {
        rc = flare_res_write(saw.res, piece);
        taken += rc >= 0;
        rig_run(r, 1);
    } while (rc >= 0 && taken < 10000);
    ck_assert_int_eq(rc, FLARE_E_OUTPUT_FULL);
    ck_assert_uint_lt(r->fault.live_bytes, 256 << 10);
    ck_assert_int_eq(saw.drains, 0);
    read_on(r, 1000);
    ck_assert_int_eq(saw.drains, 1);
    ck_assert_int_eq(flare_res_finish(saw.res), 0);
    read_on(r, 100);
    ck_assert_int_eq(rig_count(r, 0, "2bc\r\n"), taken);
    rig_free(r);
}
END_TEST

static int start_with_long_head(flare_req *req, flare_res *res)
{
    static char value[1100];

    (void)req;
    memset(value, 'v', sizeof(value));
    ck_assert_int_eq(flare_res_header(res, "X-Long",
                                      (struct flare_str){value, sizeof(value)}),
                     0);
    ck_assert_int_eq(flare_res_start(res, 200, TYPE, FLARE_LENGTH_UNKNOWN), 0);
    flare_res_on_drain(res, on_drain, NULL);
    ck_assert_int_eq(flare_res_write(res, FLARE_STR("ab")), 1);
    ck_assert_int_eq(flare_res_write(res, FLARE_STR("cd")),
                     FLARE_E_OUTPUT_FULL);
    return FLARE_OK;
}

START_TEST(test_res_body_the_first_write_is_taken_however_long_the_head)
{
    struct rig *r = rig_for(start_with_long_head);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 50);
    ck_assert_int_eq(saw.drains, 1);
    ck_assert_int_eq(flare_res_write(saw.res, FLARE_STR("ef")), 0);
    ck_assert_int_eq(flare_res_finish(saw.res), 0);
    rig_run(r, 50);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(rig_count(r, 0, "2\r\nab\r\n2\r\nef\r\n0\r\n\r\n"), 1);
    rig_free(r);
}
END_TEST

static int on_pull(flare_req *req, flare_res *res, void *ctx)
{
    static const char block[500];
    int rc = flare_res_write(res, (struct flare_str){block, sizeof(block)});

    (void)req;
    (void)ctx;
    if (rc < 0)
        return rc;
    return ++saw.pulls == 40 ? flare_res_finish(res) : 0;
}

static int start_pull(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_pull(res, 200, TYPE, 20000, on_pull, NULL);
}

START_TEST(test_res_body_is_pulled_as_it_drains)
{
    struct rig *r = rig_for(start_pull);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    rig_run(r, 500);
    ck_assert_int_eq(saw.pulls, 40);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_uint_eq(saw.outcome.body_bytes, 20000);
    rig_free(r);
}
END_TEST

static int pull_once_then_wait(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    if (saw.pulls++ == 0)
        return FLARE_LATER;
    return flare_res_finish(res);
}

static int start_slow_pull(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_pull(res, 200, TYPE, FLARE_LENGTH_UNKNOWN,
                          pull_once_then_wait, NULL);
}

START_TEST(test_res_body_pull_waits_until_it_is_resumed)
{
    struct rig *r = rig_for(start_slow_pull);

    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 500);
    ck_assert_int_eq(saw.pulls, 1);
    flare_res_pull_resume(saw.res);
    rig_run(r, 50);
    ck_assert_int_eq(saw.pulls, 2);
    ck_assert_int_eq(rig_count(r, 0, "0\r\n\r\n"), 1);
    rig_free(r);
}
END_TEST

static int fail_pull(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    return FLARE_E_INTERNAL;
}

static int start_bad_pull(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_pull(res, 200, TYPE, FLARE_LENGTH_UNKNOWN, fail_pull,
                          NULL);
}

START_TEST(test_res_body_a_failed_pull_cuts_the_connection)
{
    struct rig *r = rig_for(start_bad_pull);

    (void)ask(r, GET NEXT);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(saw.done, 1);
    rig_free(r);
}
END_TEST

/* ---- files ---- */

enum { FILE_BYTES = 300000 };

static int file_fd;

static int file_new(size_t bytes)
{
    char name[] = "/tmp/flare-test-XXXXXX";
    int fd = mkstemp(name);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(unlink(name), 0);
    for (size_t i = 0; i < bytes; i += 10)
        ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    return fd;
}

static int say_file(flare_req *req, flare_res *res)
{
    (void)req;
    saw.rc = flare_res_file(res, 200, TYPE, file_fd, 5, FILE_BYTES - 5);
    return saw.rc;
}

static int say_small_file(flare_req *req, flare_res *res)
{
    (void)req;
    saw.rc = flare_res_file(res, 200, TYPE, file_fd, 3, 14);
    return saw.rc;
}

START_TEST(test_res_body_a_small_file_goes_with_its_head)
{
    struct rig *r = rig_for(say_small_file);

    file_fd = file_new(100);
    ck_assert(strncmp(ask(r, GET NEXT), "34567890123456HTTP/1.1 200", 26) == 0);
    ck_assert_int_eq(saw.outcome.rc, 0);
    ck_assert_int_lt(fcntl(file_fd, F_GETFD), 0); /* taken, and closed */
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_a_large_file_is_sent_in_turn)
{
    struct rig *r = rig_for(say_file);
    const char *body;

    file_fd = file_new(FILE_BYTES);
    body = ask(r, GET NEXT);
    rig_run(r, 3000);
    ck_assert(strncmp(body, "5678901234", 10) == 0);
    for (size_t i = 0; i < FILE_BYTES - 5; i++)
        ck_assert_int_eq(body[i], '0' + (int)((i + 5) % 10));
    ck_assert(strncmp(body + FILE_BYTES - 5, "HTTP/1.1 200", 12) == 0);
    ck_assert_uint_eq(saw.outcome.body_bytes, FILE_BYTES - 5);
    ck_assert_int_lt(fcntl(file_fd, F_GETFD), 0);
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_U05_a_file_that_was_cut_cuts_the_connection)
{
    struct rig *r = rig_for(_i == 0 ? say_file : say_small_file);

    file_fd = file_new(_i == 0 ? FILE_BYTES - 10 : 10);
    (void)ask(r, GET NEXT);
    rig_run(r, 3000);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(rig_count(r, 0, "next"), 0);
    ck_assert_int_lt(saw.outcome.rc, 0);
    if (saw.rc < 0)
        (void)close(file_fd); /* refused: still ours */
    ck_assert_int_lt(fcntl(file_fd, F_GETFD), 0);
    rig_free(r);
}
END_TEST

static int say_later(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_LATER;
}

START_TEST(test_res_body_U05_a_late_file_that_was_cut_cuts_at_once)
{
    struct rig *r = rig_for(say_later);

    file_fd = file_new(10);
    (void)ask(r, GET);
    ck_assert_int_eq(flare_res_file(saw.res, 200, TYPE, file_fd, 3, 14),
                     FLARE_E_RANGE);
    ck_assert_int_eq(saw.done, 1);
    rig_run(r, 50);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(close(file_fd), 0); /* refused: still ours */
    rig_free(r);
}
END_TEST

START_TEST(test_res_body_K01_a_reset_closes_the_file)
{
    struct rig *r = rig_for(say_file);

    file_fd = file_new(FILE_BYTES);
    rig_connect(r, 0);
    r->peers[0].is_deaf = true;
    rig_text(r, 0, GET);
    rig_run(r, 20);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 100);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_GONE);
    ck_assert_int_lt(fcntl(file_fd, F_GETFD), 0);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/res_body");
    TCase *tc = tcase_create("res_body");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_res_body_of_unknown_length_is_chunked);
    tcase_add_test(tc, test_res_body_of_known_length_is_plain);
    tcase_add_test(tc, test_res_body_for_http_1_0_ends_with_the_connection);
    tcase_add_loop_test(
        tc, test_res_body_H41_head_is_told_the_framing_and_gets_nothing, 0, 2);
    tcase_add_test(tc, test_res_body_trailers_follow_the_last_chunk);
    tcase_add_test(tc, test_res_body_H43_more_than_declared_is_refused);
    tcase_add_test(tc,
                   test_res_body_H43_less_than_declared_cuts_the_connection);
    tcase_add_test(tc, test_res_body_a_failed_handler_never_ends_its_body);
    tcase_add_test(tc, test_res_body_is_written_after_the_handler);
    tcase_add_test(tc, test_res_body_that_stands_still_is_cut);
    tcase_add_test(tc,
                   test_res_body_R07_a_peer_that_does_not_read_is_backpressure);
    tcase_add_test(
        tc, test_res_body_the_first_write_is_taken_however_long_the_head);
    tcase_add_test(tc, test_res_body_is_pulled_as_it_drains);
    tcase_add_test(tc, test_res_body_pull_waits_until_it_is_resumed);
    tcase_add_test(tc, test_res_body_a_failed_pull_cuts_the_connection);
    tcase_add_test(tc, test_res_body_a_small_file_goes_with_its_head);
    tcase_add_test(tc, test_res_body_a_large_file_is_sent_in_turn);
    tcase_add_loop_test(
        tc, test_res_body_U05_a_file_that_was_cut_cuts_the_connection, 0, 2);
    tcase_add_test(tc, test_res_body_U05_a_late_file_that_was_cut_cuts_at_once);
    tcase_add_test(tc, test_res_body_K01_a_reset_closes_the_file);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
