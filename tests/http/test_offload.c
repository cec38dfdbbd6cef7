/* SPDX-License-Identifier: MIT */
/* flare_offload: work on another thread, the answer on the loop. */
#include <flare/offload.h>

#include "net/offload.h"

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"

static struct {
    atomic_bool is_held; /* work waits */
    atomic_int works;
    atomic_int dones;
    int answers; /* calls of done with a request */
    int rc;
    bool is_twice;   /* done offloads again */
    bool is_starved; /* an answer may find no memory */
} saw;

static void work(void *ctx)
{
    (void)ctx;
    while (atomic_load(&saw.is_held))
        sched_yield();
    atomic_fetch_add(&saw.works, 1);
}

static void done(flare_req *req, flare_res *res, void *ctx)
{
    ck_assert_ptr_eq(ctx, &saw);
    ck_assert((req == NULL) == (res == NULL));
    if (res != NULL) {
        saw.answers++;
        if (saw.is_twice) {
            saw.is_twice = false;
            ck_assert_int_eq(flare_offload(res, work, done, ctx), 0);
        } else {
            int rc = flare_res_text(res, 200, "worked\n");

            ck_assert(rc == 0 || (saw.is_starved && rc == -ENOMEM));
        }
    }
    atomic_fetch_add(&saw.dones, 1);
}

static int on_any(flare_req *req, flare_res *res)
{
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/next")))
        return flare_res_text(res, 200, "next\n");
    saw.rc = flare_offload(res, work, done, &saw);
    if (saw.rc == 0)
        ck_assert_int_eq(flare_offload(res, work, done, &saw),
                         FLARE_E_ALREADY_ANSWERED);
    else if (flare_req_ctx(req) != NULL) /* it may still answer itself */
        return flare_res_text(res, 200, "myself\n");
    return saw.rc < 0 ? saw.rc : FLARE_LATER;
}

static struct rig *rig_pool(uint32_t threads, uint32_t queue)
{
    struct flare_server_config config = {.handler = {on_any, NULL}};
    struct rig *r;

    memset(&saw, 0, sizeof(saw));
    r = rig_new(&config);
    if (threads > 0)
        ck_assert_int_eq(flare__offload_new(&r->options.offload, &r->fault.al,
                                            threads, queue),
                         0);
    return r;
}

static void rig_end(struct rig *r)
{
    flare__offload_free(r->options.offload);
    r->options.offload = NULL;
    rig_free(r);
}

static void await(atomic_int *number, int value)
{
    while (atomic_load(number) < value)
        sched_yield();
}

/* Runs the world until so many calls of `done`. */
static void await_dones(struct rig *r, int value)
{
    while (atomic_load(&saw.dones) < value) {
        rig_run(r, 1);
        sched_yield();
    }
    rig_run(r, 50);
}

START_TEST(test_offload_the_answer_is_in_order)
{
    struct rig *r = rig_pool(2, 4);

    rig_connect(r, 0);
    rig_text(r, 0, GET NEXT);
    await_dones(r, 1);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_ptr_nonnull(strstr(r->peers[0].got, "worked\nHTTP/1.1"));
    ck_assert_int_eq(atomic_load(&saw.works), 1);
    rig_end(r);
}
END_TEST

START_TEST(test_offload_work_does_not_hold_up_another_connection)
{
    struct rig *r = rig_pool(1, 4);

    atomic_store(&saw.is_held, true);
    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    rig_connect(r, 1);
    rig_text(r, 1, NEXT);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "");
    ck_assert_str_eq(rig_statuses(r, 1), "200");
    atomic_store(&saw.is_held, false);
    await_dones(r, 1);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_end(r);
}
END_TEST

START_TEST(test_offload_done_may_offload_again)
{
    struct rig *r = rig_pool(1, 1);

    saw.is_twice = true;
    rig_connect(r, 0);
    rig_text(r, 0, GET);
    await_dones(r, 2);
    ck_assert_int_eq(atomic_load(&saw.works), 2);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    rig_end(r);
}
END_TEST

START_TEST(test_offload_past_the_queue_is_a_503_at_once)
{
    struct rig *r = rig_pool(1, 1);

    atomic_store(&saw.is_held, true);
    for (int i = 0; i < 3; i++) {
        rig_connect(r, i);
        rig_text(r, i, GET);
        rig_run(r, 10);
    }
    ck_assert_int_eq(saw.rc, FLARE_E_OVERLOADED);
    ck_assert_str_eq(rig_statuses(r, 2), "503");
    atomic_store(&saw.is_held, false);
    await_dones(r, 2);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_str_eq(rig_statuses(r, 1), "200");
    rig_end(r);
}
END_TEST

START_TEST(test_offload_a_refusal_leaves_the_answer_open)
{
    struct rig *r = rig_pool(0, 0);

    r->options.handler.ctx = &saw;
    ck_assert_ptr_nonnull(strstr(rig_ask(r, GET), "\r\n\r\nmyself\n"));
    ck_assert_int_eq(saw.rc, FLARE_E_STOPPED);
    rig_end(r);
}
END_TEST

START_TEST(test_offload_K01_a_peer_that_leaves_is_told_to_done_once)
{
    struct rig *r = rig_pool(1, 1);

    atomic_store(&saw.is_held, true);
    rig_connect(r, 0);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true;
    rig_run(r, 10);
    ck_assert_int_eq(atomic_load(&saw.dones), 0);
    atomic_store(&saw.is_held, false);
    await_dones(r, 1);
    ck_assert_int_eq(saw.answers, 0);
    ck_assert_int_eq(atomic_load(&saw.dones), 1);
    rig_end(r);
}
END_TEST

START_TEST(test_offload_M09_what_waits_at_the_end_is_told_and_not_run)
{
    struct rig *r = rig_pool(1, 4);
    struct flare__offload *pool = r->options.offload;

    atomic_store(&saw.is_held, true);
    for (int i = 0; i < 3; i++) {
        rig_connect(r, i);
        rig_text(r, i, GET);
        rig_run(r, 10);
    }
    flare__http_abort(&r->http);
    rig_run(r, 10);
    atomic_store(&saw.is_held, false);
    await(&saw.works, 1);
    flare__offload_stop(pool);
    await_dones(r, 3);
    ck_assert_int_eq(saw.answers, 0);
    rig_end(r);
}
END_TEST

static void fail_at(struct fault *f, enum fault_mode mode, uint64_t at)
{
    pthread_mutex_lock(&f->lock);
    f->mode = mode;
    f->at = f->sites + at;
    pthread_mutex_unlock(&f->lock);
}

/* Every allocation fails in turn: an answer, and nothing is left. */
START_TEST(test_offload_without_memory_it_is_refused_and_nothing_is_kept)
{
    for (uint64_t at = 0; at < 12; at++) {
        struct rig *r = rig_pool(1, 1);

        saw.is_starved = true; /* which call it hits, threads decide */
        rig_connect(r, 0);
        rig_run(r, 10);
        fail_at(&r->fault, FAULT_ONCE, at);
        rig_text(r, 0, GET);
        for (int i = 0; i < 200; i++) {
            rig_run(r, 1);
            sched_yield();
        }
        fail_at(&r->fault, FAULT_NEVER, 0);
        if (saw.rc == 0)
            await(&saw.works, 1);
        rig_run(r, 100);
        if (saw.rc < 0)
            ck_assert_int_eq(saw.rc, -ENOMEM);
        rig_end(r);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/offload");
    TCase *tc = tcase_create("offload");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_offload_the_answer_is_in_order);
    tcase_add_test(tc, test_offload_work_does_not_hold_up_another_connection);
    tcase_add_test(tc, test_offload_done_may_offload_again);
    tcase_add_test(tc, test_offload_past_the_queue_is_a_503_at_once);
    tcase_add_test(tc, test_offload_a_refusal_leaves_the_answer_open);
    tcase_add_test(tc,
                   test_offload_K01_a_peer_that_leaves_is_told_to_done_once);
    tcase_add_test(tc,
                   test_offload_M09_what_waits_at_the_end_is_told_and_not_run);
    tcase_add_test(
        tc, test_offload_without_memory_it_is_refused_and_nothing_is_kept);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
