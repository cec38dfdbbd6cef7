/* SPDX-License-Identifier: MIT */
/*
 * A request that outlives its handler: what it keeps of the bytes received,
 * what there is no memory for, who gets it afterwards, and how it is cut.
 */
#include "http/exchange.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define NEXT "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"

static struct {
    flare_req *req; /* of the late one, until it is over */
    flare_res *res;
    int calls;
    int done; /* on_done hooks */
    struct flare_outcome outcome;
    int rc;       /* what a handler is to return, or has got */
    int pieces;   /* of a streamed body */
    size_t bytes; /* in them */
    bool is_reading;
} saw;

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)ctx;
    saw.done++;
    saw.outcome = *outcome;
    saw.req = NULL;
    saw.res = NULL;
}

static int on_next(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "next\n");
}

static int on_late(flare_req *req, flare_res *res)
{
    saw.calls++;
    saw.req = req;
    saw.res = res;
    if (flare_res_on_done(res, on_done, NULL) < 0)
        return -ENOMEM;
    return FLARE_LATER;
}

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    (void)req;
    (void)ctx;
    saw.pieces++;
    saw.bytes += piece.len;
    return is_last ? flare_res_printf(res, 200, "%zu\n", saw.bytes) : 0;
}

static int on_stream(flare_req *req, flare_res *res)
{
    int rc = on_late(req, res);

    if (rc == FLARE_LATER && saw.is_reading)
        rc = flare_req_read(req, on_piece, NULL);
    return rc < 0 ? rc : FLARE_LATER;
}

/* Cuts its answer while it is in hand. */
static int on_cut(flare_req *req, flare_res *res)
{
    (void)on_late(req, res);
    ck_assert_int_eq(flare_res_start(res, 200, FLARE_STR("a/b"), 9), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("half")), 0);
    flare_res_abort(res);
    ck_assert_int_eq(saw.done, 1);
    flare_res_abort(res); /* once is enough */
    ck_assert_int_lt(flare_res_write(res, FLARE_STR("more")), 0);
    return saw.rc;
}

/* Reads when its answer has begun. */
static int on_begun(flare_req *req, flare_res *res)
{
    ck_assert_int_eq(flare_res_start(res, 200, FLARE_STR("a/b"), 2), 0);
    ck_assert_int_ge(flare_res_write(res, FLARE_STR("ab")), 0);
    saw.rc = flare_req_read(req, on_piece, NULL);
    return flare_res_finish(res);
}

static const struct flare_route routes[] = {
    FLARE_GET("/next", on_next),
    FLARE_ANY("/a/:name", on_late),
    FLARE_POST_STREAM("/s/:name", on_stream),
    FLARE_GET("/cut", on_cut),
    FLARE_POST_STREAM("/begun", on_begun),
};

static struct rig *open_rig(void)
{
    memset(&saw, 0, sizeof(saw));
    return rig_new(&(struct flare_server_config){
        .routes = FLARE_ROUTES(routes),
        .connections_max = 128,
    });
}

static struct flare__exchange *late_exchange(void)
{
    ck_assert_ptr_nonnull(saw.req);
    return FLARE__EXCHANGE_OF(req, saw.req);
}

/* ---- what is kept ---- */

#define HEAD(method, target, more)                                             \
    method " " target " HTTP/1.1\r\nHost: h.example\r\nX-Y: z\r\n" more "\r\n"

static const struct {
    const char *name;
    const char *wire;
    const char *param;
    const char *body;
} rows[] = {
    {"no body", HEAD("GET", "/a/n?b=c", ""), "n", ""},
    {"a length", HEAD("POST", "/a/n?b=c", "Content-Length: 5\r\n") "hello", "n",
     "hello"},
    {"chunks",
     HEAD("PUT", "/a/n?b=c",
          "Transfer-Encoding: chunked\r\n") "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: "
                                            "v\r\n\r\n",
     "n", "hello"},
    {"a decoded parameter", HEAD("GET", "/a/%41%42?b=c", ""), "AB", ""},
    {"absolute form", HEAD("GET", "http://h.example/a/n?b=c", ""), "n", ""},
};

/* In memory of the exchange's own, not in a lease or the next one's input. */
static void check_place(const struct flare__exchange *x, struct flare_str s,
                        const char *what)
{
    const char *start = x->inbuf != NULL ? x->inbuf->bytes : x->kept;
    size_t len =
        x->inbuf != NULL ? x->inbuf->len : x->wire.len + x->req.body.len;

    ck_assert_msg(s.len == 0 ||
                      (s.ptr >= start && s.ptr + s.len <= start + len),
                  "%s lies elsewhere", what);
}

static void check_slice(const struct flare__exchange *x, struct flare_str s,
                        const char *want)
{
    ck_assert_msg(flare_str_equal(s, flare_str(want)), "%.*s, not %s",
                  FLARE_STR_ARG(s), want);
    check_place(x, s, want);
}

static void check_kept(int row)
{
    struct flare__exchange *x = late_exchange();
    const char *path = x->head.path.ptr;

    ck_assert(x->is_detached);
    ck_assert((x->kept != NULL) != (x->inbuf != NULL));
    check_slice(x, x->head.query, "b=c");
    check_slice(x, x->head.host, "h.example");
    check_slice(x, flare_req_header(saw.req, "x-y"), "z");
    check_slice(x, flare_req_body(saw.req), rows[row].body);
    check_place(x, x->wire, "the head");
    check_place(x, x->head.target, "the target");
    check_place(x, x->head.method, "the method");
    ck_assert_ptr_eq(x->wire.ptr, x->head.method.ptr);
    check_place(x, x->head.path, "the path");
    ck_assert_int_eq(memcmp(path, "/a/", 3), 0);
    for (uint32_t i = 0; i < x->head.field_count; i++)
        check_place(x,
                    (struct flare_str){x->head.fields[i].name,
                                       x->head.fields[i].name_len},
                    "a field's name");
    ck_assert(flare_str_equal(flare_req_param(saw.req, "name"),
                              flare_str(rows[row].param)));
    if (x->decoded == NULL)
        check_place(x, flare_req_param(saw.req, "name"), "a parameter");
}

START_TEST(test_exchange_detached_has_its_own_bytes_whatever_the_cut)
{
    const char *wire = rows[_i].wire;
    size_t len = strlen(wire);

    for (size_t cut = 0; cut < len; cut += cut < 3 || cut + 30 > len ? 1 : 5) {
        struct rig *r = open_rig();

        rig_connect(r, 0);
        rig_send(r, 0, wire, cut);
        rig_run(r, 2);
        rig_send(r, 0, wire + cut, len - cut);
        rig_run(r, 2);
        rig_text(r, 0, NEXT); /* over what it may have lain in */
        rig_run(r, 2);
        ck_assert_msg(saw.req != NULL, "%s, cut at %zu", rows[_i].name, cut);
        check_kept(_i);
        ck_assert_int_eq(flare_res_text(saw.res, 200, "late\n"), 0);
        rig_run(r, 5);
        ck_assert_str_eq(rig_statuses(r, 0), "200 200");
        rig_free(r);
    }
}
END_TEST

/* ---- without memory ---- */

START_TEST(test_exchange_R11_without_memory_it_is_answered_or_cut)
{
    uint64_t failed = 1;

    for (uint64_t n = 1; failed > 0; n++) {
        struct rig *r = open_rig();

        rig_connect(r, 0);
        r->fault.at = r->fault.sites + n;
        r->fault.mode = FAULT_ONCE;
        rig_text(r, 0, rows[_i].wire);
        rig_run(r, 5);
        failed = r->fault.failed;
        fault_disarm(&r->fault);
        if (saw.req != NULL && FLARE__EXCHANGE_OF(req, saw.req)->is_detached) {
            check_kept(_i);
            ck_assert_int_eq(flare_res_text(saw.res, 200, "late\n"), 0);
        }
        rig_run(r, 50);
        ck_assert_msg(r->peers[0].has_rst || r->peers[0].has_fin ||
                          strcmp(rig_statuses(r, 0), "200") == 0 ||
                          strcmp(rig_statuses(r, 0), "503") == 0,
                      "%s, site %u: %s", rows[_i].name, (unsigned)n,
                      rig_statuses(r, 0));
        ck_assert_int_le(saw.done, saw.calls);
        (void)rig_ask(r, NEXT);
        ck_assert_str_eq(rig_statuses(r, 0), "200");
        rig_free(r);
    }
}
END_TEST

/* ---- dead and spare ones ---- */

START_TEST(test_exchange_is_dead_until_the_turn_ends_then_spare_and_used_again)
{
    struct rig *r = open_rig();
    struct flare__exchange *x;

    (void)rig_ask(r, rows[0].wire);
    x = late_exchange();
    ck_assert_ptr_ne(x, r->http.x);
    ck_assert_int_eq(flare_res_text(saw.res, 200, "late\n"), 0);
    ck_assert_ptr_eq(r->http.dead, x);
    ck_assert_uint_eq(r->http.spare_count, 0);
    ck_assert(flare_str_equal(x->head.query, FLARE_STR("b=c"))); /* still */
    ck_assert_int_eq(flare_res_text(&x->res, 200, "again\n"),
                     FLARE_E_ALREADY_ANSWERED);
    rig_run(r, 1);
    ck_assert_ptr_null(r->http.dead);
    ck_assert_ptr_eq(r->http.spare, x);
    ck_assert_uint_eq(r->http.spare_count, 1);
    ck_assert(!x->is_detached && x->kept == NULL && x->inbuf == NULL);

    rig_text(r, 0, rows[0].wire); /* the spare one comes into the hand */
    rig_run(r, 5);
    ck_assert_ptr_eq(r->http.x, x);
    ck_assert_uint_eq(r->http.spare_count, 0);
    ck_assert_int_eq(flare_res_text(saw.res, 200, "late\n"), 0);
    rig_run(r, 1);
    flare__exchange_trim(&r->http);
    ck_assert_ptr_null(r->http.spare);
    ck_assert_uint_eq(r->http.spare_count, 0);
    rig_free(r);
}
END_TEST

enum { MANY = 80, SPARE_MAX = 64 };

static flare_res *many[MANY];

static void on_silent(struct flare__sim_peer *peer,
                      enum flare__sim_peer_event what)
{
    (void)peer;
    (void)what;
}

START_TEST(test_exchange_spare_ones_are_bounded)
{
    static struct flare__sim_peer peers[MANY];
    struct rig *r = open_rig();

    for (int i = 0; i < MANY; i++) {
        peers[i] = (struct flare__sim_peer){.on_event = on_silent};
        flare__sim_peer_open(&peers[i], r->world);
        flare__sim_peer_connect(&peers[i], 80);
        rig_run(r, 5);
        (void)flare__sim_peer_send(&peers[i], rows[0].wire,
                                   strlen(rows[0].wire));
        rig_run(r, 5);
        ck_assert_int_eq(saw.calls, i + 1);
        many[i] = saw.res;
    }
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(flare_res_text(many[i], 200, "late\n"), 0);
    rig_run(r, 1);
    ck_assert_int_eq(saw.done, MANY);
    ck_assert_ptr_null(r->http.dead);
    ck_assert_uint_eq(r->http.spare_count, SPARE_MAX);
    for (int i = 0; i < MANY; i++)
        flare__sim_peer_close(&peers[i], /* is_abort = */ true);
    rig_run(r, 5);
    rig_free(r);
}
END_TEST

/* ---- cancelled ---- */

static void begin_body(void)
{
    ck_assert_int_eq(flare_res_start(saw.res, 200, FLARE_STR("a/b"), 9), 0);
    ck_assert_int_ge(flare_res_write(saw.res, FLARE_STR("half")), 0);
}

static const struct {
    const char *name;
    const char *wire;
    bool is_reading;
    bool is_begun;
} phases[] = {
    {"awaited", HEAD("GET", "/a/n", ""), false, false},
    {"awaited, with a body", HEAD("POST", "/a/n", "Content-Length: 2\r\n") "ab",
     false, false},
    {"awaited, more behind it", HEAD("GET", "/a/n", "") NEXT, false, false},
    {"begun", HEAD("GET", "/a/n", ""), false, true},
    {"stream, paused", HEAD("POST", "/s/n", "Content-Length: 9\r\n") "ab",
     false, false},
    {"stream, being read", HEAD("POST", "/s/n", "Content-Length: 9\r\n") "ab",
     true, false},
    {"stream, begun", HEAD("POST", "/s/n", "Content-Length: 9\r\n") "ab", true,
     true},
};

/* Brings the row's request as far as it goes. */
static struct rig *reach(int row)
{
    struct rig *r = open_rig();

    saw.is_reading = phases[row].is_reading;
    (void)rig_ask(r, phases[row].wire);
    ck_assert_msg(saw.req != NULL, "%s", phases[row].name);
    if (phases[row].is_begun)
        begin_body();
    rig_run(r, 5);
    return r;
}

static void check_cancelled(struct rig *r, int row)
{
    ck_assert_msg(saw.done == 1, "%s: %d", phases[row].name, saw.done);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_GONE);
    ck_assert_ptr_null(r->http.dead);
    ck_assert_uint_eq(r->http.spare_count, 1);
    (void)rig_ask(r, NEXT);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_int_eq(saw.done, 1);
    rig_free(r);
}

START_TEST(test_exchange_K01_a_reset_cancels_it_once_in_every_phase)
{
    struct rig *r = reach(_i);

    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 50);
    free(r->peers[0].got);
    r->peers[0].got = NULL;
    check_cancelled(r, _i);
}
END_TEST

START_TEST(test_exchange_an_end_of_the_server_cancels_it_once_in_every_phase)
{
    struct rig *r = reach(_i);

    flare__http_abort(&r->http);
    rig_run(r, 50);
    ck_assert_msg(saw.done == 1, "%s: %d", phases[_i].name, saw.done);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_GONE);
    rig_free(r);
    ck_assert_int_eq(saw.done, 1);
}
END_TEST

/* ---- what schedules found (commit 64a7e14) ---- */

static const int returns[] = {0, FLARE_LATER, FLARE_E_CONFLICT};

START_TEST(test_exchange_a_body_cut_in_hand_resets_the_connection)
{
    struct rig *r = open_rig();

    saw.rc = returns[_i];
    (void)rig_ask(r, "GET /cut HTTP/1.1\r\nHost: h\r\n\r\n" NEXT);
    ck_assert(r->peers[0].has_rst);
    ck_assert_int_eq(rig_count(r, 0, "next\n"), 0);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.outcome.rc, FLARE_E_GONE);
    ck_assert_uint_eq(r->http.conns.live, 0);
    ck_assert_ptr_null(r->http.dead);
    (void)rig_ask(r, NEXT);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_free(r);
}
END_TEST

static const char *const empties[] = {
    HEAD("POST", "/s/n", "Content-Length: 0\r\n"),
    HEAD("POST", "/s/n", "Transfer-Encoding: chunked\r\n") "0\r\n\r\n",
};

START_TEST(test_exchange_a_streamed_body_of_no_bytes_ends)
{
    struct rig *r = open_rig();
    char wire[512];

    saw.is_reading = true;
    (void)snprintf(wire, sizeof(wire), "%s%s", empties[_i], NEXT);
    (void)rig_ask(r, wire);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(saw.pieces, 1);
    ck_assert_uint_eq(saw.bytes, 0);
    ck_assert_int_eq(saw.done, 1);
    ck_assert_int_eq(saw.outcome.rc, 0);
    rig_free(r);
}
END_TEST

START_TEST(test_exchange_no_continue_is_put_into_an_answer)
{
    struct rig *r = open_rig();

    (void)rig_ask(r, HEAD("POST", "/begun",
                          "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    ck_assert_int_eq(saw.rc, FLARE_E_NO_BODY);
    ck_assert_int_eq(saw.pieces, 0);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_ptr_nonnull(strstr(r->peers[0].got, "\r\n\r\nab"));
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/exchange");
    TCase *tc = tcase_create("exchange");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(
        tc, test_exchange_detached_has_its_own_bytes_whatever_the_cut, 0,
        ROWS(rows));
    tcase_add_loop_test(tc,
                        test_exchange_R11_without_memory_it_is_answered_or_cut,
                        0, ROWS(rows));
    tcase_add_test(
        tc,
        test_exchange_is_dead_until_the_turn_ends_then_spare_and_used_again);
    tcase_add_test(tc, test_exchange_spare_ones_are_bounded);
    tcase_add_loop_test(
        tc, test_exchange_K01_a_reset_cancels_it_once_in_every_phase, 0,
        ROWS(phases));
    tcase_add_loop_test(
        tc, test_exchange_an_end_of_the_server_cancels_it_once_in_every_phase,
        0, ROWS(phases));
    tcase_add_loop_test(tc,
                        test_exchange_a_body_cut_in_hand_resets_the_connection,
                        0, ROWS(returns));
    tcase_add_loop_test(tc, test_exchange_a_streamed_body_of_no_bytes_ends, 0,
                        ROWS(empties));
    tcase_add_test(tc, test_exchange_no_continue_is_put_into_an_answer);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
