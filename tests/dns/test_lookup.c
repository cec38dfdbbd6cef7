/* SPDX-License-Identifier: MIT */
/*
 * Names on their way through a getaddrinfo that takes its time: whoever ends
 * first, the loop or the thread, nothing is told to nobody and nothing is left.
 */
#include "dns/lookup.h"

#include "net/offload.h"
#include "net/user_loop.h"
#include "tests/dns/dns_rig.h"
#include "tests/dns/fake_system.h"
#include "tests/support/test.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#define HOST FLARE_STR("name.example")

#define OPEN_OR_SKIP(rig, backend)                                             \
    do {                                                                       \
        int open_rc_ = dns_rig_open(rig, (enum dns_backend)(backend));         \
                                                                               \
        if (open_rc_ < 0)                                                      \
            TEST_SKIP("%s", flare_strerror(open_rc_));                         \
    } while (0)

struct noted {
    int calls;
    int rc;
    struct flare_dns_result result;
};

static void note(int rc, const struct flare_dns_result *result,
                 const struct flare_error *err, void *ctx)
{
    struct noted *n = ctx;

    n->calls++;
    n->rc = rc;
    if (rc == 0)
        n->result = *result;
    else
        ck_assert_int_eq(err->code, rc);
}

static struct flare__dns_lookup *start(struct dns_rig *rig, struct noted *n)
{
    struct flare__dns_lookup *l = NULL;

    memset(n, 0, sizeof(*n));
    ck_assert_int_eq(
        flare__dns_lookup_start(&l, rig->loop, HOST, FLARE_DNS_ANY, note, n),
        0);
    return l;
}

static void await(struct dns_rig *rig, const struct noted *n)
{
    while (n->calls == 0)
        ck_assert_int_eq(flare__loop_turn(rig->loop, UINT64_MAX), 0);
}

/* The thread has sent its letter; the loop has not looked yet. */
static void await_letter(struct dns_rig *rig)
{
    while (atomic_load(&rig->loop->letters) == NULL)
        (void)sched_yield();
}

START_TEST(test_lookup_the_answer_comes_on_the_loop_and_it_is_gone)
{
    struct dns_rig rig;
    struct noted n;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    (void)start(&rig, &n);
    await_letter(&rig);
    ck_assert_int_eq(n.calls, 0);
    await(&rig, &n);
    ck_assert_int_eq(n.rc, 0);
    ck_assert_uint_eq(n.result.count, 1);
    fake_system_set(&(struct fake_system){.eai = EAI_AGAIN});
    (void)start(&rig, &n);
    await(&rig, &n);
    ck_assert_int_eq(n.rc, FLARE_E_DNS_TEMPORARY);
    dns_rig_close(&rig);
    fake_live_await_none();
}
END_TEST

START_TEST(test_lookup_D03_one_abandoned_in_its_thread_is_freed_by_the_thread)
{
    struct flare__dns_lookup *l;
    struct dns_rig rig;
    struct noted n;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    l = start(&rig, &n);
    fake_gate_await(1);
    flare__dns_lookup_abandon(l);
    flare__dns_lookup_abandon(start(&rig, &n)); /* begun or not: as it comes */
    fake_gate_open();
    while (fake_live_blocks() > 1) /* the pool alone is left */
        (void)sched_yield();
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(n.calls, 0);
    dns_rig_close(&rig);
    fake_live_await_none();
}
END_TEST

START_TEST(test_lookup_D03_one_abandoned_behind_its_letter_is_freed_by_that)
{
    struct dns_rig rig;
    struct flare__dns_lookup *l;
    struct noted n;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    l = start(&rig, &n);
    await_letter(&rig);
    flare__dns_lookup_abandon(l);
    dns_turns(rig.loop, 1);
    ck_assert_int_eq(n.calls, 0);
    ck_assert_int_le(fake_live_blocks(), 1);
    l = start(&rig, &n); /* and where the loop ends without a turn */
    await_letter(&rig);
    flare__dns_lookup_abandon(l);
    dns_rig_close(&rig);
    ck_assert_int_eq(n.calls, 0);
    fake_live_await_none();
}
END_TEST

START_TEST(test_lookup_D06_the_loop_ends_while_the_thread_is_inside)
{
    struct dns_rig rig;
    struct flare__dns_lookup *l;
    struct noted n;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    l = start(&rig, &n);
    fake_gate_await(1);
    flare__dns_lookup_abandon(l);
    dns_rig_close(&rig); /* does not wait: the gate is closed */
    ck_assert_int_eq(fake_gate_inside(), 1);
    ck_assert_int_eq(n.calls, 0);
    fake_gate_open();
    fake_live_await_none();
}
END_TEST

START_TEST(test_lookup_D06_those_that_wait_are_not_begun_any_more)
{
    enum { COUNT = 100 };
    struct flare__dns_lookup *list[COUNT];
    struct dns_rig rig;
    struct noted n;
    int calls;

    OPEN_OR_SKIP(&rig, _i);
    rig.loop->offload_threads = 2;
    fake_system_one("192.0.2.1");
    fake_gate_close();
    for (int i = 0; i < COUNT; i++)
        list[i] = start(&rig, &n);
    fake_gate_await(2);
    for (int i = 0; i < COUNT; i++)
        flare__dns_lookup_abandon(list[i]);
    dns_rig_close(&rig);
    ck_assert_int_eq(fake_live_blocks(), 2 + 1); /* those inside, the pool */
    calls = fake_system_calls();
    fake_gate_open();
    fake_live_await_none();
    ck_assert_int_eq(calls, 2);
    ck_assert_int_eq(fake_system_calls(), 2);
}
END_TEST

START_TEST(test_lookup_D03_an_abandoned_one_that_waits_costs_no_question)
{
    struct flare__dns_lookup *l[3];
    struct dns_rig rig;
    struct noted n[3];

    OPEN_OR_SKIP(&rig, _i);
    rig.loop->offload_threads = 1;
    fake_system_one("192.0.2.1");
    fake_gate_close();
    for (int i = 0; i < 3; i++)
        l[i] = start(&rig, &n[i]);
    fake_gate_await(1);
    flare__dns_lookup_abandon(l[1]);
    fake_gate_open();
    await(&rig, &n[0]);
    await(&rig, &n[2]);
    ck_assert_int_eq(fake_system_calls(), 2);
    ck_assert_int_eq(n[1].calls, 0);
    dns_rig_close(&rig);
    fake_live_await_none();
}
END_TEST

START_TEST(test_lookup_D03_the_number_of_those_that_wait_is_bounded)
{
    enum { MANY = 4 + 1024 };
    static struct flare__dns_lookup *list[MANY];
    struct flare__dns_lookup *l = NULL;
    struct dns_rig rig;
    struct noted n = {.calls = 0};

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    for (int i = 0; i < MANY; i++)
        list[i] = start(&rig, &n);
    ck_assert_int_eq(
        flare__dns_lookup_start(&l, rig.loop, HOST, FLARE_DNS_ANY, note, &n),
        FLARE_E_OVERLOADED);
    ck_assert_ptr_null(l);
    ck_assert_int_eq(fake_live_blocks(), MANY + 1);
    for (int i = 0; i < MANY; i++)
        flare__dns_lookup_abandon(list[i]);
    dns_rig_close(&rig);
    ck_assert_int_eq(n.calls, 0);
    fake_gate_open();
    fake_live_await_none();
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    enum dns_backend backend = *(enum dns_backend *)ctx;
    struct flare__dns_lookup *l;
    struct flare__sim *world;
    struct flare_loop *loop;
    struct noted n = {.calls = 0};
    int rc = dns_loop_open(&loop, &world, backend, &f->al);

    if (rc < 0)
        return rc;
    fake_fault(f);
    rc = flare__dns_lookup_start(&l, loop, HOST, FLARE_DNS_ANY, note, &n);
    while (rc == 0 && n.calls == 0)
        rc = flare__loop_turn(loop, UINT64_MAX);
    fake_fault(NULL);
    dns_loop_close(loop, world);
    fake_live_await_none();
    return rc < 0 ? rc : n.rc;
}

START_TEST(test_lookup_without_memory_there_is_none)
{
    enum dns_backend backend = (enum dns_backend)_i;
    struct dns_rig rig;

    OPEN_OR_SKIP(&rig, backend);
    dns_rig_close(&rig);
    fake_system_one("192.0.2.1");
    ck_assert_uint_ge(fault_each("dns/lookup", scenario, &backend).sites, 3);
}
END_TEST

/* ---- many at once ---- */

enum { CROWD = 4, ROUNDS = 200, AT_ONCE = 8 };

struct crowd {
    pthread_t thread;
    enum dns_backend backend;
    int answered;
};

static void crowd_round(struct dns_rig *rig, struct crowd *c, int round)
{
    struct flare__dns_lookup *list[AT_ONCE];
    struct noted notes[AT_ONCE];

    for (int i = 0; i < AT_ONCE; i++)
        list[i] = start(rig, &notes[i]);
    for (int i = 0; i < round % 4; i++)
        dns_turns(rig->loop, 1);
    for (int i = round % 3; i < AT_ONCE; i += 3) {
        if (notes[i].calls == 0) {
            flare__dns_lookup_abandon(list[i]);
            notes[i].calls = -1;
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (notes[i].calls < 0)
            continue;
        if (notes[i].calls == 0)
            await(rig, &notes[i]);
        ck_assert_int_eq(notes[i].calls, 1);
        c->answered++;
    }
}

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < 4; i++) {
        struct dns_rig rig;

        if (dns_rig_open(&rig, c->backend) < 0)
            return NULL;
        for (int round = 0; round < ROUNDS / 4; round++)
            crowd_round(&rig, c, round);
        dns_rig_close(&rig);
    }
    return NULL;
}

START_TEST(test_lookup_D03_loops_and_threads_that_race_lose_nothing)
{
    struct crowd crowd[CROWD];
    struct dns_rig rig;

    OPEN_OR_SKIP(&rig, _i);
    dns_rig_close(&rig);
    fake_system_one("192.0.2.1");
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct crowd){.backend = (enum dns_backend)_i};
        ck_assert_int_eq(
            pthread_create(&crowd[i].thread, NULL, crowd_main, &crowd[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        ck_assert_int_gt(crowd[i].answered, ROUNDS);
    }
    fake_live_await_none();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/lookup");
    TCase *tc = tcase_create("lookup");
    const TTest *const tests[] = {
        test_lookup_the_answer_comes_on_the_loop_and_it_is_gone,
        test_lookup_D03_one_abandoned_in_its_thread_is_freed_by_the_thread,
        test_lookup_D03_one_abandoned_behind_its_letter_is_freed_by_that,
        test_lookup_D06_the_loop_ends_while_the_thread_is_inside,
        test_lookup_D06_those_that_wait_are_not_begun_any_more,
        test_lookup_D03_an_abandoned_one_that_waits_costs_no_question,
        test_lookup_D03_the_number_of_those_that_wait_is_bounded,
        test_lookup_without_memory_there_is_none,
        test_lookup_D03_loops_and_threads_that_race_lose_nothing,
    };

    tcase_set_timeout(tc, 60);
    for (int i = 0; i < ROWS(tests); i++)
        tcase_add_loop_test(tc, tests[i], 0, DNS_KERNELS);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
