/* SPDX-License-Identifier: MIT */
/* Places, idle connections and who waits, without a socket. */
#include "http/pool.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct flare__pool pool;
static struct flare__pool_conn conns[64];
static struct flare__pool_wait waits[64];

static void pool_open(uint32_t origin_max, uint32_t total_max)
{
    const struct flare__pool_limits limits = {origin_max, total_max, 8};

    memset(conns, 0, sizeof(conns));
    memset(waits, 0, sizeof(waits));
    ck_assert_int_eq(
        flare__pool_init(&pool, &flare__allocator_default, &limits), 0);
}

static struct flare__pool_origin *origin(const char *host, uint16_t port,
                                         bool is_secure, bool is_proxied)
{
    const struct flare__pool_key key = {flare_str(host), port, is_secure,
                                        is_proxied};
    struct flare__pool_origin *o = flare__pool_origin(&pool, &key);

    ck_assert_ptr_nonnull(o);
    return o;
}

static struct flare__pool_origin *host(const char *name)
{
    return origin(name, 80, false, false);
}

/* A connection in use. */
static void take(struct flare__pool_origin *o, int conn)
{
    struct flare__pool_conn *got;

    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_OPEN);
    flare__pool_add(&pool, o, &conns[conn]);
    flare__pool_check(&pool);
}

static void all_gone(void)
{
    for (int i = 0; i < ROWS(waits); i++)
        flare__pool_unwait(&pool, &waits[i]);
    for (int i = 0; i < ROWS(conns); i++)
        flare__pool_remove(&pool, &conns[i]);
    flare__pool_check(&pool);
    flare__pool_fini(&pool);
}

START_TEST(test_pool_C06_every_part_of_the_key_counts)
{
    struct flare__pool_origin *o;

    pool_open(6, 100);
    o = origin("a.test", 80, false, false);
    take(o, 0);
    ck_assert_ptr_eq(origin("a.test", 80, false, false), o);
    flare__pool_add(&pool, origin("b.test", 80, false, false), &conns[1]);
    flare__pool_add(&pool, origin("a.test", 81, false, false), &conns[2]);
    flare__pool_add(&pool, origin("a.test", 80, true, false), &conns[3]);
    flare__pool_add(&pool, origin("a.test", 80, false, true), &conns[4]);
    flare__pool_add(&pool, origin("a.tes", 80, false, false), &conns[5]);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++)
            ck_assert_ptr_ne(conns[i].origin, conns[k].origin);
    flare__pool_check(&pool);
    all_gone();
}
END_TEST

START_TEST(test_pool_the_last_used_is_used_first)
{
    struct flare__pool_origin *o;
    struct flare__pool_conn *got;

    pool_open(6, 100);
    o = host("a");
    for (int i = 0; i < 3; i++)
        take(o, i);
    flare__pool_rest(&pool, &conns[1]);
    flare__pool_rest(&pool, &conns[0]);
    flare__pool_check(&pool);
    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_REUSE);
    ck_assert_ptr_eq(got, &conns[0]);
    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_REUSE);
    ck_assert_ptr_eq(got, &conns[1]);
    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_OPEN);
    flare__pool_rest(&pool, &conns[2]);
    flare__pool_unrest(&pool, &conns[2]);
    flare__pool_check(&pool);
    ck_assert_ptr_null(o->idle);
    all_gone();
}
END_TEST

START_TEST(test_pool_the_oldest_idle_one_makes_room)
{
    struct flare__pool_conn *got;

    pool_open(2, 3);
    take(host("a"), 0);
    take(host("b"), 1);
    take(host("c"), 2);
    ck_assert_int_eq(flare__pool_ask(&pool, host("a"), false, &got),
                     FLARE__POOL_WAIT);
    flare__pool_rest(&pool, &conns[2]);
    flare__pool_rest(&pool, &conns[1]);
    ck_assert_int_eq(flare__pool_ask(&pool, host("a"), false, &got),
                     FLARE__POOL_EVICT);
    ck_assert_ptr_eq(got, &conns[2]);
    flare__pool_remove(&pool, got);
    take(host("a"), 3);
    ck_assert_int_eq(flare__pool_ask(&pool, host("a"), false, &got),
                     FLARE__POOL_WAIT); /* its own bound */
    all_gone();
}
END_TEST

START_TEST(test_pool_those_who_wait_are_not_overtaken)
{
    struct flare__pool_origin *o;
    struct flare__pool_conn *got;

    pool_open(1, 100);
    o = host("a");
    take(o, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got),
                         FLARE__POOL_WAIT);
        flare__pool_wait(&pool, o, &waits[i]);
    }
    ck_assert_ptr_null(flare__pool_next(&pool));
    flare__pool_rest(&pool, &conns[0]);
    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_WAIT);
    ck_assert_ptr_eq(flare__pool_next(&pool), &waits[0]);
    flare__pool_unwait(&pool, &waits[0]);
    ck_assert_int_eq(flare__pool_ask(&pool, o, true, &got), FLARE__POOL_REUSE);
    ck_assert_ptr_null(flare__pool_next(&pool));
    flare__pool_unwait(&pool, &waits[1]); /* one in the middle gives up */
    flare__pool_check(&pool);
    flare__pool_remove(&pool, &conns[0]);
    ck_assert_ptr_eq(flare__pool_next(&pool), &waits[2]);
    flare__pool_unwait(&pool, &waits[2]);
    flare__pool_forget(&pool, o);
    all_gone();
}
END_TEST

START_TEST(test_pool_who_waits_longest_of_all_origins_goes_first)
{
    struct flare__pool_origin *a, *b;

    pool_open(6, 2);
    a = host("a");
    take(a, 0);
    take(a, 1);
    b = host("b");
    flare__pool_wait(&pool, a, &waits[0]);
    flare__pool_wait(&pool, b, &waits[1]);
    flare__pool_wait(&pool, a, &waits[2]);
    flare__pool_rest(&pool, &conns[0]);
    ck_assert_ptr_eq(flare__pool_next(&pool), &waits[0]);
    flare__pool_unwait(&pool, &waits[0]);
    ck_assert_ptr_eq(flare__pool_next(&pool), &waits[1]);
    flare__pool_check(&pool);
    flare__pool_unwait(&pool, &waits[1]);
    flare__pool_forget(&pool, b);
    all_gone();
}
END_TEST

START_TEST(test_pool_waiting_is_bounded)
{
    struct flare__pool_origin *o;
    struct flare__pool_conn *got;

    pool_open(1, 1);
    o = host("a");
    take(o, 0);
    for (int i = 0; i < 8; i++)
        flare__pool_wait(&pool, o, &waits[i]);
    ck_assert_int_eq(flare__pool_ask(&pool, o, false, &got), FLARE__POOL_FULL);
    all_gone();
}
END_TEST

/* Many origins: the table grows, and each is found again. */
START_TEST(test_pool_many_origins)
{
    static struct flare__pool_conn many[1000];
    char name[16];

    pool_open(1, 1000);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "h%d.test", i);
        flare__pool_add(&pool, host(name), &many[i]);
    }
    flare__pool_check(&pool);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "h%d.test", i);
        ck_assert_ptr_eq(host(name), many[i].origin);
    }
    for (int i = 0; i < 1000; i++)
        flare__pool_remove(&pool, &many[i]);
    flare__pool_check(&pool);
    flare__pool_fini(&pool);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    const struct flare__pool_limits limits = {1, 100, 8};
    struct flare__pool p;
    int rc = flare__pool_init(&p, &f->al, &limits);

    (void)ctx;
    if (rc < 0)
        return rc;
    memset(conns, 0, sizeof(conns));
    for (int i = 0; i < 40 && rc == 0; i++) {
        char name[8];
        const struct flare__pool_key key = {
            {name, (size_t)snprintf(name, sizeof(name), "h%d", i)}, 80, 0, 0};
        struct flare__pool_origin *o = flare__pool_origin(&p, &key);

        rc = o == NULL ? -ENOMEM : 0;
        if (rc == 0)
            flare__pool_add(&p, o, &conns[i]);
    }
    for (int i = 0; i < ROWS(conns); i++)
        flare__pool_remove(&p, &conns[i]);
    flare__pool_fini(&p);
    return rc;
}

START_TEST(test_pool_without_memory)
{
    (void)fault_each("pool", scenario, NULL);
}
END_TEST

Suite *pool_suite(void);

Suite *pool_suite(void)
{
    Suite *s = suite_create("pool");
    TCase *t = tcase_create("pool");

    tcase_add_test(t, test_pool_C06_every_part_of_the_key_counts);
    tcase_add_test(t, test_pool_the_last_used_is_used_first);
    tcase_add_test(t, test_pool_the_oldest_idle_one_makes_room);
    tcase_add_test(t, test_pool_those_who_wait_are_not_overtaken);
    tcase_add_test(t, test_pool_who_waits_longest_of_all_origins_goes_first);
    tcase_add_test(t, test_pool_waiting_is_bounded);
    tcase_add_test(t, test_pool_many_origins);
    tcase_add_test(t, test_pool_without_memory);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(pool_suite());
}
