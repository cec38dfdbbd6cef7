/* SPDX-License-Identifier: MIT */
/*
 * FAILURES.md R12: a worker that runs short of its budget gives way in steps,
 * and recovers by itself.  In a simulated world; the memory is taken by the
 * test, to the byte.
 */
#include "http/memory.h"

#include "base/alloc.h"
#include "http/exchange.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <stdint.h>
#include <string.h>

enum { BUDGET = 4 * 1024 * 1024, HEADER = 16 };

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_HEAD "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

static struct rig *rig_budget(void)
{
    return rig_with((struct flare_server_config){.worker_memory_max = BUDGET});
}

static struct flare__memory *memory_of(struct rig *r)
{
    ck_assert_ptr_nonnull(r->http.memory);
    return r->http.memory;
}

#define POST_LONG                                                              \
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"

/* Takes a block after which `percent` of the budget, and a byte, are used. */
static void *take_up_to(struct rig *r, uint32_t percent)
{
    struct flare__memory *m = memory_of(r);
    uint64_t target = m->max / 100 * percent + 1;
    void *block;

    ck_assert_uint_lt(m->used + HEADER, target);
    block =
        flare__alloc(r->http.options->al, (size_t)(target - m->used - HEADER));
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(m->used, target);
    return block;
}

static void give(struct rig *r, void *block)
{
    flare__free(r->http.options->al, block);
}

/* ---- counting ---- */

START_TEST(test_memory_counts_what_was_asked_for_to_the_byte)
{
    struct rig *r = rig_budget();
    const struct flare_allocator *al = r->http.options->al;
    struct flare__memory *m = memory_of(r);
    uint64_t before = m->used;
    char *block = flare__alloc(al, 100);

    ck_assert_uint_eq(m->used, before + 100 + HEADER);
    ck_assert_uint_eq((uintptr_t)block % _Alignof(max_align_t), 0);
    memset(block, 7, 100);
    block = flare__realloc(al, block, 5000);
    ck_assert_uint_eq(m->used, before + 5000 + HEADER);
    ck_assert_int_eq(block[99], 7);
    block = flare__realloc(al, block, 50);
    ck_assert_uint_eq(m->used, before + 50 + HEADER);
    ck_assert_int_eq(block[49], 7);
    flare__free(al, block);
    ck_assert_uint_eq(m->used, before);
    block = flare__calloc(al, 10, 10);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(block[i], 0);
    flare__free(al, block);
    ck_assert_uint_eq(m->used, before);
    rig_free(r);
}
END_TEST

START_TEST(test_memory_R12_past_the_budget_is_not_had)
{
    struct rig *r = rig_budget();
    const struct flare_allocator *al = r->http.options->al;
    struct flare__memory *m = memory_of(r);
    size_t left = (size_t)(m->max - m->used) - HEADER;
    char *block;

    ck_assert_ptr_null(flare__alloc(al, left + 1));
    ck_assert_ptr_null(flare__alloc(al, SIZE_MAX));
    block = flare__alloc(al, left);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(m->used, m->max);
    ck_assert_ptr_null(flare__alloc(al, 1));
    ck_assert_ptr_null(flare__realloc(al, block, left + 1));
    block = flare__realloc(al, block, left - 1);
    ck_assert_ptr_nonnull(block);
    give(r, block);
    rig_free(r);
}
END_TEST

START_TEST(test_memory_without_a_budget_is_not_counted)
{
    struct rig *r = rig_default();

    ck_assert_ptr_null(r->http.memory);
    ck_assert_ptr_eq(r->http.options->al, r->options.al);
    rig_free(r);
}
END_TEST

START_TEST(test_memory_counts_open_connections)
{
    struct rig *r = rig_budget();
    uint64_t before = memory_of(r)->used;

    rig_connect(r, 0);
    rig_connect(r, 1);
    rig_run(r, 10);
    ck_assert_uint_eq(memory_of(r)->used,
                      before + 2 * sizeof(struct flare__conn));
    rig_free(r);
}
END_TEST

static int scenario_init(struct fault *f, void *ctx)
{
    struct flare__http_options options = *(struct flare__http_options *)ctx;
    struct flare__http *h = calloc(1, sizeof(*h));
    struct flare_loop loop = {.now_ms = 0};
    int rc;

    ck_assert_ptr_nonnull(h);
    options.al = &f->al;
    rc = flare__http_init(h, &loop, &options);
    if (rc >= 0)
        flare__http_fini(h);
    free(h);
    return rc;
}

START_TEST(test_memory_init_survives_every_allocation_failure)
{
    struct rig *r = rig_budget();

    ck_assert_uint_ge(fault_each("memory", scenario_init, &r->options).sites,
                      3);
    rig_free(r);
}
END_TEST

/* ---- levels ---- */

static const struct {
    const char *name;
    uint32_t percent;
    uint8_t level;
    const char *get;  /* statuses of a GET, and of one more behind it */
    const char *post; /* of a body that comes late */
} levels[] = {
    {"calm", 79, FLARE__MEMORY_CALM, "200 200", "200"},
    {"tight", 80, FLARE__MEMORY_TIGHT, "200", "200"},
    {"scarce", 90, FLARE__MEMORY_SCARCE, "200", "503"},
};

/* FAILURES.md R12: keep-alive ends at 80 %, bodies are refused at 90 %. */
START_TEST(test_memory_R12_each_level_refuses_its_part)
{
    struct rig *r = rig_budget();
    bool is_calm = levels[_i].level == FLARE__MEMORY_CALM;
    void *block;

    rig_connect(r, 0);
    rig_connect(r, 1);
    block = take_up_to(r, levels[_i].percent);
    ck_assert_int_eq(memory_of(r)->level, levels[_i].level);
    rig_text(r, 0, GET GET);
    rig_text(r, 1, POST_HEAD);
    rig_run(r, 10);
    rig_text(r, 1, "0123456789");
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), levels[_i].get);
    ck_assert_str_eq(rig_statuses(r, 1), levels[_i].post);
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), is_calm ? 0 : 1);
    ck_assert_int_eq(r->peers[0].has_fin, !is_calm);
    give(r, block);
    rig_free(r);
}
END_TEST

/* FAILURES.md R12: past 95 % no handler runs, and the 503 says when to ask. */
START_TEST(test_memory_R12_full_refuses_requests_and_waits_with_accepting)
{
    struct rig *r = rig_budget();
    void *block;

    rig_connect(r, 0);
    block = take_up_to(r, 95);
    ck_assert_int_eq(memory_of(r)->level, FLARE__MEMORY_FULL);
    rig_text(r, 0, GET);
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "503");
    ck_assert_int_eq(rig_count(r, 0, "Retry-After: 1\r\n"), 1);
    ck_assert_int_eq(rig_calls, 0);
    ck_assert_int_eq(r->http.listeners[0].state, FLARE__LISTENER_PAUSED);
    rig_dial(r, 1);
    rig_run(r, 100);
    ck_assert_uint_eq(r->http.counters.accepted, 1); /* it waits in the queue */

    give(r, block); /* and is served when there is memory again */
    rig_run(r, 100);
    rig_text(r, 1, GET);
    rig_run(r, 100);
    ck_assert_int_eq(memory_of(r)->level, FLARE__MEMORY_CALM);
    ck_assert_int_eq(r->http.listeners[0].state, FLARE__LISTENER_OPEN);
    ck_assert_str_eq(rig_statuses(r, 1), "200");
    rig_free(r);
}
END_TEST

START_TEST(test_memory_a_level_ends_below_where_it_began)
{
    struct rig *r = rig_budget();
    struct flare__memory *m = memory_of(r);
    void *most = take_up_to(r, 76);
    void *rest = take_up_to(r, 80);

    ck_assert_int_eq(m->level, FLARE__MEMORY_TIGHT);
    give(r, rest); /* 76 %: the level began at 80 and ends at 75 */
    ck_assert_int_eq(m->level, FLARE__MEMORY_TIGHT);
    rest = take_up_to(r, 95);
    ck_assert_int_eq(m->level, FLARE__MEMORY_FULL);
    give(r, rest);
    ck_assert_int_eq(m->level, FLARE__MEMORY_TIGHT);
    give(r, most);
    ck_assert_int_eq(m->level, FLARE__MEMORY_CALM);
    rig_run(r, 10);
    ck_assert_str_eq(rig_ask(r, GET GET), r->peers[0].got);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

/* ---- what is given up ---- */

/* Whether peers 0, 1 and 2 have been told goodbye: "110". */
static const char *gone(const struct rig *r)
{
    static char text[4];

    for (int i = 0; i < 3; i++)
        text[i] = r->peers[i].has_fin ? '1' : '0';
    return text;
}

/* FAILURES.md R04: idle hoarders go, the oldest first; a busy one stays. */
START_TEST(test_memory_R04_R12_tight_closes_the_oldest_idle_connections)
{
    struct rig *r = rig_budget();
    const struct flare_allocator *al = r->http.options->al;
    struct flare__memory *m = memory_of(r);
    void *most;
    void *rest;

    for (int i = 0; i < 3; i++) {
        rig_connect(r, i);
        rig_text(r, i, GET);
        rig_run(r, 1000);
    }
    rig_text(r, 0, GET); /* now 1 is the oldest, then 2, then 0 */
    rig_run(r, 1000);
    rig_text(r, 2, "GET / HT"); /* and 2 is not idle */
    rig_run(r, 10);

    /* one connection less, and the level ends */
    flare__out_pool_keep(&r->http.pool, 0);
    flare__exchange_trim(&r->http);
    most = take_up_to(r, 75);
    rest = take_up_to(r, 80);
    give(r, rest);
    rest = flare__alloc(al, sizeof(struct flare__conn) / 2 - HEADER);
    ck_assert_int_eq(m->level, FLARE__MEMORY_TIGHT);
    rig_run(r, 5);
    ck_assert_str_eq(gone(r), "010");
    rig_run(r, 30);
    flare__sim_peer_close(&r->peers[1].peer, /* is_abort = */ false);
    r->peers[1].has_rst = true; /* the rig closes it no more */
    rig_run(r, 100);
    ck_assert_int_eq(m->level, FLARE__MEMORY_CALM);
    ck_assert_str_eq(gone(r), "010");
    give(r, rest);
    give(r, most);
    rig_free(r);
}
END_TEST

START_TEST(test_memory_tight_keeps_nothing_for_reuse)
{
    static char body[200000];
    struct rig *r = rig_budget();
    void *block;

    ck_assert_str_eq(rig_ask(r, POST_LONG), r->peers[0].got);
    rig_send(r, 0, body, sizeof(body));
    rig_run(r, 10);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    (void)rig_ask(r, GET);
    ck_assert_uint_gt(r->http.pool.free_count, 0);
    ck_assert_uint_gt(r->http.spare_in_bytes, 0);
    block = take_up_to(r, 80);
    rig_run(r, 10);
    ck_assert_uint_eq(r->http.pool.free_count, 0);
    ck_assert_ptr_null(r->http.spare);
    ck_assert_uint_eq(r->http.spare_in_bytes, 0);
    (void)rig_ask(r, GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200");
    ck_assert_uint_eq(r->http.pool.free_count, 0);
    give(r, block);
    rig_run(r, 10);
    (void)rig_ask(r, GET);
    ck_assert_uint_gt(r->http.pool.free_count, 0);
    rig_free(r);
}
END_TEST

/* Bodies that hold the memory: the worker comes back by itself. */
START_TEST(test_memory_R12_recovers_when_peers_have_gone)
{
    static char body[700 * 1024];
    struct rig *r = rig_with((struct flare_server_config){
        .worker_memory_max = 1024 * 1024, .body_gap_ms = 1000});
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: 1000000\r\n\r\n";

    memset(body, 'x', sizeof(body));
    for (int i = 0; i < 2; i++) {
        rig_connect(r, i);
        rig_text(r, i, head);
        rig_run(r, 10);
    }
    for (int i = 0; i < 2; i++) {
        rig_send(r, i, body, sizeof(body)); /* both cannot have room */
        rig_run(r, 10);
    }
    ck_assert_uint_le(memory_of(r)->used, memory_of(r)->max);
    ck_assert_int_ge(rig_count(r, 0, " 503 ") + rig_count(r, 1, " 503 "), 1);
    rig_run(r, 10000); /* what is left times out */
    ck_assert_int_eq(memory_of(r)->level, FLARE__MEMORY_CALM);
    (void)rig_ask(r, GET GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    rig_free(r);
}
END_TEST

START_TEST(test_memory_says_what_it_does)
{
    struct rig *r = rig_budget();
    void *block = take_up_to(r, 90);

    rig_run(r, 10);
    ck_assert_str_eq(
        r->log, "memory of a worker: 3 of 4 MiB are used; bodies are refused");
    give(r, block);
    rig_run(r, 2000);
    block = take_up_to(r, 80);
    rig_run(r, 10);
    ck_assert_str_eq(r->log, "memory of a worker: 3 of 4 MiB are used; "
                             "connections are not kept");
    give(r, block);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/memory");
    TCase *t = tcase_create("memory");

    tcase_add_test(t, test_memory_counts_what_was_asked_for_to_the_byte);
    tcase_add_test(t, test_memory_R12_past_the_budget_is_not_had);
    tcase_add_test(t, test_memory_without_a_budget_is_not_counted);
    tcase_add_test(t, test_memory_counts_open_connections);
    tcase_add_test(t, test_memory_init_survives_every_allocation_failure);
    tcase_add_loop_test(t, test_memory_R12_each_level_refuses_its_part, 0,
                        (int)(sizeof(levels) / sizeof(levels[0])));
    tcase_add_test(
        t, test_memory_R12_full_refuses_requests_and_waits_with_accepting);
    tcase_add_test(t, test_memory_a_level_ends_below_where_it_began);
    tcase_add_test(
        t, test_memory_R04_R12_tight_closes_the_oldest_idle_connections);
    tcase_add_test(t, test_memory_tight_keeps_nothing_for_reuse);
    tcase_add_test(t, test_memory_R12_recovers_when_peers_have_gone);
    tcase_add_test(t, test_memory_says_what_it_does);
    suite_add_tcase(suite, t);
    return test_run(suite);
}
