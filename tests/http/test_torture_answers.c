/* SPDX-License-Identifier: MIT */
/*
 * Answers for which the simulated server has no handler: in each, every
 * allocation of the request fails in turn; the next request is answered.
 */
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <flare/files.h>
#include <flare/middleware.h>
#include <flare/peer.h>
#include <flare/sse.h>

#include <string.h>

enum { SITES_MAX = 100, LONG_EVENT = 6000 };

static struct flare_metrics metrics;
static flare_files *files;
static struct fault shared; /* what outlives a rig takes from here */

/* Without memory there is no address: the middlewares take it for unknown. */
static int say_peer(flare_req *req, flare_res *res)
{
    return flare_res_text(
        res, 200,
        flare_req_peer(req)->kind != FLARE_ADDR_NONE ? "known" : "unknown");
}

static int say_events(flare_req *req, flare_res *res)
{
    static char data[LONG_EVENT];
    struct flare_sse_event event = {.data = {data, sizeof(data)}};
    int rc = flare_sse_start(res, NULL);

    (void)req;
    memset(data, 'd', sizeof(data));
    if (rc >= 0)
        rc = flare_sse_send(res, &event);
    if (rc >= 0)
        rc = flare_sse_comment(res, event.data);
    return rc < 0 ? rc : flare_res_finish(res);
}

static const struct {
    const char *request;
    int (*answer)(flare_req *req, flare_res *res); /* NULL: the files */
    const char *holds;
} rows[] = {
    {"GET /peer HTTP/1.1\r\nHost: h\r\n\r\n", say_peer, "known"},
    {"GET /events HTTP/1.1\r\nHost: h\r\n\r\n", say_events, "data: dddd"},
    {"GET /dev/ HTTP/1.1\r\nHost: h\r\n\r\n", NULL, "<tr>"},
    {"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", flare_metrics_serve, "flare_"},
};

static void setup(void)
{
    struct flare_files_config config = {.root = "/",
                                        .listing = FLARE_FILES_LISTING_HTML};
    struct flare_middleware unused;

    fault_init(&shared, FAULT_NEVER, 0);
    config.allocator = shared.al;
    metrics = (struct flare_metrics){.prefix = NULL};
    ck_assert_int_eq(flare_metrics_init(&unused, &metrics, &shared.al, NULL),
                     0);
    ck_assert_int_eq(flare_files_open(&files, &config, NULL), 0);
}

static void teardown(void)
{
    flare_files_close(files);
    flare_metrics_fini(&metrics);
    fault_fini(&shared, "torture_answers");
}

static void fail_at(struct fault *f, uint64_t n)
{
    f->mode = FAULT_ONCE;
    f->at = f->sites + n;
}

/* The n-th allocation of the request fails.  Whether there was one. */
static bool fail_nth(int row, struct fault *which, uint64_t n)
{
    struct flare_server_config config = {
        .handler = {rows[row].answer, &metrics}};
    bool has_failed;
    struct fault *f;
    struct rig *r;

    setup();
    if (rows[row].answer == NULL)
        config.handler = flare_files_handler(files);
    r = rig_new(&config);
    f = which == NULL ? &r->fault : which;
    rig_connect(r, 0);
    fail_at(f, n);
    rig_text(r, 0, rows[row].request);
    rig_run(r, 100);
    has_failed = f->failed > 0;
    fault_disarm(f);
    (void)rig_ask(r, rows[row].request);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_int_gt(rig_count(r, 0, rows[row].holds), 0);
    rig_free(r);
    teardown();
    return has_failed;
}

START_TEST(test_torture_answers_survive_every_failed_allocation)
{
    uint64_t own = 1, others = 1;

    while (fail_nth(_i, NULL, own))
        ck_assert_uint_lt(++own, SITES_MAX);
    while (fail_nth(_i, &shared, others))
        ck_assert_uint_lt(++others, SITES_MAX);
    ck_assert_uint_gt(own, 1);
    ck_assert_int_eq(others > 1, rows[_i].answer == NULL ||
                                     rows[_i].answer == flare_metrics_serve);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/torture_answers");
    TCase *tc = tcase_create("answers");

    tcase_add_loop_test(tc,
                        test_torture_answers_survive_every_failed_allocation, 0,
                        ROWS(rows));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
