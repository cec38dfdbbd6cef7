/* SPDX-License-Identifier: MIT */
/*
 * Queries on a loop: on every kernel with getaddrinfo on threads, and in the
 * simulated world with a resolver of the test's and virtual time.
 */
#include <flare/dns.h>

#include "tests/dns/dns_rig.h"
#include "tests/dns/fake_system.h"
#include "tests/support/test.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#define HOST FLARE_STR("name.example")
#define MS UINT64_C(1000000)

#define OPEN_OR_SKIP(rig, backend)                                             \
    do {                                                                       \
        int open_rc_ = dns_rig_open(rig, (enum dns_backend)(backend));         \
                                                                               \
        if (open_rc_ < 0)                                                      \
            TEST_SKIP("%s", flare_strerror(open_rc_));                         \
    } while (0)

static flare_dns_query *start(struct dns_rig *rig, struct flare_str host,
                              const struct flare_dns_options *options,
                              struct dns_noted *noted)
{
    flare_dns_query *q = NULL;

    memset(noted, 0, sizeof(*noted));
    ck_assert_int_eq(
        flare_dns_start(rig->loop, &q, host, options, dns_note, noted), 0);
    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq(noted->calls, 0);
    return q;
}

static void rig_end(struct dns_rig *rig)
{
    dns_rig_close(rig);
    fake_live_await_none();
}

/* ---- on threads ---- */

START_TEST(test_query_a_name_is_looked_up_and_the_loop_goes_on_meanwhile)
{
    struct flare_ip want = dns_ip("192.0.2.1");
    struct dns_rig rig;
    struct dns_noted slow;
    struct dns_noted fast;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    (void)start(&rig, HOST, NULL, &slow);
    fake_gate_await(1);
    (void)start(&rig, FLARE_STR("::1"), NULL, &fast);
    dns_await(rig.loop, &fast); /* the thread is in getaddrinfo all the time */
    dns_turns(rig.loop, 10);
    ck_assert_int_eq(slow.calls, 0);
    ck_assert_uint_eq(rig.loop->resident_count, 1);
    fake_gate_open();
    dns_await(rig.loop, &slow);
    ck_assert_int_eq(slow.rc, 0);
    ck_assert_uint_eq(slow.result.count, 1);
    ck_assert(flare_ip_equal(&slow.result.ips[0], &want));
    ck_assert_str_eq(fake_system_name(), "name.example");
    ck_assert_uint_eq(rig.loop->resident_count, 0);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_D03_a_deadline_comes_and_the_late_answer_goes_nowhere)
{
    const struct flare_dns_options options = {.timeout_ms = 3};
    struct dns_rig rig;
    struct dns_noted n;
    uint64_t start_ns;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    start_ns = rig.loop->ops->now(rig.loop->backend);
    (void)start(&rig, HOST, &options, &n);
    dns_await(rig.loop, &n);
    ck_assert_uint_ge(rig.loop->now_ns, start_ns + 3 * MS);
    ck_assert_int_eq(n.rc, -ETIMEDOUT);
    ck_assert_str_eq(n.err.text, "host 'name.example': no answer in time");
    fake_gate_open();
    while (fake_live_blocks() > 1) /* the pool */
        (void)sched_yield();
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(n.calls, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_D03_a_cancelled_one_is_never_told)
{
    struct dns_rig rig;
    struct dns_noted n[3];
    flare_dns_query *q;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    q = start(&rig, HOST, NULL, &n[0]);
    fake_gate_await(1);
    flare_dns_cancel(q); /* in its thread */
    fake_gate_open();
    q = start(&rig, HOST, NULL, &n[1]);
    while (atomic_load(&rig.loop->letters) == NULL)
        (void)sched_yield();
    flare_dns_cancel(q); /* behind its letter */
    q = start(&rig, FLARE_STR("127.0.0.1"), NULL, &n[2]);
    flare_dns_cancel(q); /* in the queue of tasks */
    flare_dns_cancel(NULL);
    ck_assert_uint_eq(rig.loop->resident_count, 0);
    dns_turns(rig.loop, 5);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(n[i].calls, 0);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_D06_the_loop_ends_at_once_with_names_under_way)
{
    struct dns_rig rig;
    struct dns_noted n[20];

    OPEN_OR_SKIP(&rig, _i);
    fake_system_one("192.0.2.1");
    fake_gate_close();
    for (int i = 0; i < ROWS(n); i++)
        (void)start(&rig, HOST, NULL, &n[i]);
    fake_gate_await(4); /* the loop's threads */
    ck_assert_int_eq(flare__loop_evict(rig.loop), 0);
    for (int i = 0; i < ROWS(n); i++) {
        ck_assert_int_eq(n[i].calls, 1);
        ck_assert_int_eq(n[i].rc, FLARE_E_STOPPED);
    }
    ck_assert_int_eq(flare_dns_start(rig.loop, NULL, HOST, NULL, dns_note, n),
                     FLARE_E_STOPPED);
    dns_rig_close(&rig);
    ck_assert_int_eq(fake_gate_inside(), 4);
    fake_gate_open();
    fake_live_await_none();
}
END_TEST

START_TEST(test_query_an_error_names_the_host_and_has_the_resolvers_words)
{
    struct dns_rig rig;
    struct dns_noted n;

    OPEN_OR_SKIP(&rig, _i);
    fake_system_set(&(struct fake_system){.eai = EAI_NONAME});
    (void)start(&rig, HOST, NULL, &n);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, FLARE_E_DNS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(n.err.text, "name.example"));
    ck_assert_ptr_nonnull(strstr(n.err.text, gai_strerror(EAI_NONAME)));
    rig_end(&rig);
}
END_TEST

/* ---- a resolver of the test's ---- */

static struct {
    int starts;
    int cancels;
    int start_rc;
    bool is_eager; /* answers from within */
    flare_dns_query *query;
    enum flare_dns_family family;
    char host[300];
    struct flare_str lent;
} hook;

static int hook_start(void *ctx, flare_dns_query *query, struct flare_str host,
                      enum flare_dns_family family)
{
    const struct flare_ip ip = dns_ip("192.0.2.7");

    ck_assert_ptr_eq(ctx, &hook);
    hook.starts++;
    hook.query = query;
    hook.family = family;
    hook.lent = host;
    snprintf(hook.host, sizeof(hook.host), "%.*s", FLARE_STR_ARG(host));
    if (hook.start_rc < 0)
        return hook.start_rc;
    if (hook.is_eager)
        flare_dns_answer(query, 0, &ip, 1);
    return 0;
}

static void hook_cancel(void *ctx, flare_dns_query *query)
{
    ck_assert_ptr_eq(ctx, &hook);
    ck_assert_ptr_eq(query, hook.query);
    ck_assert_mem_eq(hook.lent.ptr, hook.host, hook.lent.len);
    hook.cancels++;
}

static const struct flare_dns_resolver resolver = {hook_start, hook_cancel,
                                                   &hook};

static int open_hooked(struct dns_rig *rig, int backend)
{
    int rc = dns_rig_open(rig, (enum dns_backend)backend);

    memset(&hook, 0, sizeof(hook));
    fake_system_set(&(struct fake_system){.eai = EAI_FAIL}); /* not asked */
    if (rc == 0)
        ck_assert_int_eq(flare_dns_resolver_set(rig->loop, &resolver), 0);
    return rc;
}

#define HOOK_OR_SKIP(rig, backend)                                             \
    do {                                                                       \
        int open_rc_ = open_hooked(rig, backend);                              \
                                                                               \
        if (open_rc_ < 0)                                                      \
            TEST_SKIP("%s", flare_strerror(open_rc_));                         \
    } while (0)

START_TEST(test_query_a_resolver_of_ones_own_answers_now_or_later)
{
    const struct flare_ip ips[] = {dns_ip("2001:db8::1"), dns_ip("192.0.2.2"),
                                   dns_ip("192.0.2.2")};
    struct flare_dns_options options = {.family = FLARE_DNS_V4};
    struct dns_rig rig;
    struct dns_noted n;

    HOOK_OR_SKIP(&rig, _i);
    (void)start(&rig, HOST, NULL, &n);
    ck_assert_str_eq(hook.host, "name.example");
    ck_assert_int_eq(hook.family, FLARE_DNS_ANY);
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(n.calls, 0);
    flare_dns_answer(hook.query, 0, ips, ROWS(ips));
    ck_assert_int_eq(n.calls, 0); /* nor from in there */
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, 0);
    ck_assert_uint_eq(n.result.count, 2); /* in order, each once */
    ck_assert(flare_ip_equal(&n.result.ips[0], &ips[0]));

    (void)start(&rig, HOST, &options, &n);
    ck_assert_int_eq(hook.family, FLARE_DNS_V4);
    flare_dns_answer(hook.query, 0, ips, ROWS(ips));
    dns_await(rig.loop, &n);
    ck_assert_uint_eq(n.result.count, 1); /* of the family */
    ck_assert(flare_ip_equal(&n.result.ips[0], &ips[1]));

    hook.is_eager = true;
    (void)start(&rig, HOST, NULL, &n);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, 0);
    ck_assert_int_eq(hook.cancels, 0);
    ck_assert_int_eq(fake_system_calls(), 0);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_a_resolver_of_ones_own_may_fail_or_find_nothing)
{
    struct flare_dns_options options = {.family = FLARE_DNS_V6};
    const struct flare_ip ip = dns_ip("192.0.2.2");
    struct dns_rig rig;
    struct dns_noted n;

    HOOK_OR_SKIP(&rig, _i);
    (void)start(&rig, HOST, NULL, &n);
    flare_dns_answer(hook.query, FLARE_E_DNS_TEMPORARY, NULL, 0);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, FLARE_E_DNS_TEMPORARY);
    ck_assert_str_eq(n.err.text,
                     "host 'name.example': the name cannot be looked up now");
    (void)start(&rig, HOST, NULL, &n);
    flare_dns_answer(hook.query, 0, NULL, 0);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, FLARE_E_DNS_NO_ADDRESS);
    (void)start(&rig, HOST, &options, &n);
    flare_dns_answer(hook.query, 0, &ip, 1);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, FLARE_E_DNS_NO_ADDRESS);

    hook.start_rc = FLARE_E_DNS_FAILED;
    n.calls = 0;
    ck_assert_int_eq(flare_dns_start(rig.loop, NULL, HOST, NULL, dns_note, &n),
                     FLARE_E_DNS_FAILED);
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(n.calls, 0);
    ck_assert_uint_eq(rig.loop->resident_count, 0);
    ck_assert_int_eq(hook.cancels, 0);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_D03_a_resolver_is_told_when_nobody_waits_any_more)
{
    const struct flare_dns_options options = {.timeout_ms = 2};
    struct dns_rig rig;
    struct dns_noted n;

    HOOK_OR_SKIP(&rig, _i);
    flare_dns_cancel(start(&rig, HOST, NULL, &n));
    ck_assert_int_eq(hook.cancels, 1);
    ck_assert_int_eq(n.calls, 0);

    (void)start(&rig, HOST, &options, &n);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, -ETIMEDOUT);
    ck_assert_int_eq(hook.cancels, 2);

    hook.is_eager = true; /* it has answered: there is nothing to cancel */
    flare_dns_cancel(start(&rig, HOST, NULL, &n));
    ck_assert_int_eq(hook.cancels, 2);
    dns_turns(rig.loop, 2);
    ck_assert_int_eq(n.calls, 0);

    hook.is_eager = false; /* each stays with whom it was asked of */
    (void)start(&rig, HOST, NULL, &n);
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, NULL), 0);
    ck_assert_int_eq(flare__loop_evict(rig.loop), 0);
    ck_assert_int_eq(hook.cancels, 3);
    ck_assert_int_eq(n.rc, FLARE_E_STOPPED);
    ck_assert_int_eq(n.calls, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(test_query_the_deadline_is_exact_in_virtual_time)
{
    const struct flare_dns_options options = {.timeout_ms = 70000};
    struct dns_rig rig;
    struct dns_noted n;
    uint64_t start_ns;

    HOOK_OR_SKIP(&rig, DNS_SIM);
    start_ns = rig.loop->now_ns;
    (void)start(&rig, HOST, NULL, &n);
    dns_await(rig.loop, &n);
    ck_assert_uint_ge(rig.loop->now_ns, start_ns + 5000 * MS);
    ck_assert_uint_le(rig.loop->now_ns, start_ns + 5001 * MS);
    start_ns = rig.loop->now_ns;
    (void)start(&rig, HOST, &options, &n);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, -ETIMEDOUT);
    ck_assert_uint_ge(rig.loop->now_ns, start_ns + 70000 * MS);
    ck_assert_uint_le(rig.loop->now_ns, start_ns + 70001 * MS);
    rig_end(&rig);
}
END_TEST

static struct flare__timer last_minute;

static void answer_in_time(struct flare__timer *timer)
{
    const struct flare_ip ip = dns_ip("192.0.2.1");

    (void)timer;
    flare_dns_answer(hook.query, 0, &ip, 1);
}

START_TEST(test_query_an_answer_in_the_turn_of_the_deadline_wins)
{
    const struct flare_dns_options options = {.timeout_ms = 10};
    struct dns_rig rig;
    struct dns_noted n;

    HOOK_OR_SKIP(&rig, DNS_SIM);
    (void)start(&rig, HOST, &options, &n);
    /* both are due in one turn, and this one is first */
    flare__wheel_start(&rig.loop->wheel, &last_minute, rig.loop->now_ms + 1,
                       answer_in_time);
    ck_assert_uint_ge(
        flare__wheel_advance(&rig.loop->wheel, rig.loop->now_ms + 50), 1);
    dns_await(rig.loop, &n);
    ck_assert_int_eq(n.rc, 0);
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(hook.cancels, 0);
    rig_end(&rig);
}
END_TEST

/* ---- without any resolver ---- */

static const struct {
    const char *host;
    enum flare_dns_family family;
    int rc;
    const char *ip;
} numeric[] = {
    {"127.0.0.1", FLARE_DNS_ANY, 0, "127.0.0.1"},
    {"127.0.0.1", FLARE_DNS_V4, 0, "127.0.0.1"},
    {"127.0.0.1", FLARE_DNS_V6, FLARE_E_DNS_NO_ADDRESS, NULL},
    {"[2001:db8::1]", FLARE_DNS_ANY, 0, "2001:db8::1"},
    {"2001:db8::1", FLARE_DNS_V6, 0, "2001:db8::1"},
    {"2001:db8::1", FLARE_DNS_V4, FLARE_E_DNS_NO_ADDRESS, NULL},
    {"::ffff:10.1.2.3", FLARE_DNS_V4, 0, "10.1.2.3"},
    {"fe80::1%7", FLARE_DNS_ANY, 0, "fe80::1%7"},
};

START_TEST(test_query_D02_an_address_is_its_own_answer_and_asks_nobody)
{
    struct dns_rig rig;
    struct dns_noted n;

    HOOK_OR_SKIP(&rig, _i);
    for (int i = 0; i < ROWS(numeric); i++) {
        const struct flare_dns_options options = {.family = numeric[i].family};
        struct flare_ip want;

        (void)start(&rig, flare_str(numeric[i].host), &options, &n);
        dns_await(rig.loop, &n);
        ck_assert_int_eq(n.rc, numeric[i].rc);
        if (numeric[i].rc < 0)
            continue;
        ck_assert_uint_eq(n.result.count, 1);
        want = dns_ip(numeric[i].ip);
        ck_assert(flare_ip_equal(&n.result.ips[0], &want));
    }
    ck_assert_int_eq(hook.starts, 0);
    rig_end(&rig);
}
END_TEST

static const char *const bad[] = {
    "",    "a b",        "a\r\nb",     "a@b",    "a/b",
    "a%b", "0x7f.1",     "2130706433", "127.1",  "a..b",
    "a:1", "::ffff:7.1", "-a",         "[::1]x", "\303\274",
};

START_TEST(test_query_D01_what_is_no_host_is_refused_before_any_resolver)
{
    struct dns_rig rig;
    struct dns_noted n = {.calls = 0};

    HOOK_OR_SKIP(&rig, _i);
    for (int i = 0; i < ROWS(bad); i++) {
        flare_dns_query *q = NULL;

        ck_assert_int_eq(flare_dns_start(rig.loop, &q, flare_str(bad[i]), NULL,
                                         dns_note, &n),
                         FLARE_E_BAD_HOSTNAME);
        ck_assert_ptr_null(q);
    }
    ck_assert_int_eq(flare_dns_start(rig.loop, NULL, FLARE_STR("good\0evil"),
                                     NULL, dns_note, &n),
                     FLARE_E_BAD_HOSTNAME);
    dns_turns(rig.loop, 3);
    ck_assert_int_eq(n.calls, 0);
    ck_assert_int_eq(hook.starts, 0);
    ck_assert_int_eq(flare_dns_resolver_set(rig.loop, NULL), 0);
    ck_assert_int_eq(
        flare_dns_start(rig.loop, NULL, flare_str("a b"), NULL, dns_note, &n),
        FLARE_E_BAD_HOSTNAME);
    ck_assert_int_eq(fake_system_calls(), 0);
    rig_end(&rig);
}
END_TEST

/* ---- calls from callbacks ---- */

static struct {
    struct dns_rig *rig;
    flare_dns_query *victim;
    struct dns_noted first;
    struct dns_noted next;
} chain;

static void chain_on_first(int rc, const struct flare_dns_result *result,
                           const struct flare_error *err, void *ctx)
{
    dns_note(rc, result, err, ctx);
    flare_dns_cancel(chain.victim);
    ck_assert_int_eq(flare_dns_start(chain.rig->loop, NULL, FLARE_STR("::1"),
                                     NULL, dns_note, &chain.next),
                     0);
    ck_assert_int_eq(chain.next.calls, 0);
}

START_TEST(test_query_from_its_end_others_are_cancelled_and_started)
{
    struct dns_rig rig;
    struct dns_noted victim;

    HOOK_OR_SKIP(&rig, _i);
    memset(&chain, 0, sizeof(chain));
    chain.rig = &rig;
    ck_assert_int_eq(flare_dns_start(rig.loop, NULL, FLARE_STR("127.0.0.1"),
                                     NULL, chain_on_first, &chain.first),
                     0);
    chain.victim = start(&rig, FLARE_STR("127.0.0.2"), NULL, &victim);
    dns_await(rig.loop, &chain.first);
    dns_await(rig.loop, &chain.next);
    ck_assert_int_eq(victim.calls, 0); /* both were due in the same turn */
    rig_end(&rig);
}
END_TEST

/* ---- on a loop of the user's ---- */

START_TEST(test_query_a_users_loop_runs_until_its_names_are_known)
{
    const struct flare_loop_config config = {
        .backend = dns_backend_name((enum dns_backend)_i),
        .resolver_threads = 2};
    struct dns_noted n[5];
    flare_loop *loop;
    int rc = flare_loop_new(&loop, &config, NULL);

    if (rc < 0)
        TEST_SKIP("%s", flare_strerror(rc));
    memset(n, 0, sizeof(n));
    fake_system_one("192.0.2.1");
    for (int i = 0; i < ROWS(n); i++)
        ck_assert_int_eq(
            flare_dns_start(loop, NULL, HOST, NULL, dns_note, &n[i]), 0);
    ck_assert_int_eq(flare_loop_run(loop), 0);
    for (int i = 0; i < ROWS(n); i++) {
        ck_assert_int_eq(n[i].calls, 1);
        ck_assert_int_eq(n[i].rc, 0);
    }
    memset(n, 0, sizeof(n));
    fake_gate_close();
    for (int i = 0; i < ROWS(n); i++)
        ck_assert_int_eq(
            flare_dns_start(loop, NULL, HOST, NULL, dns_note, &n[i]), 0);
    fake_gate_await(2);
    flare_loop_free(loop); /* D06: the gate is closed all the time */
    for (int i = 0; i < ROWS(n); i++) {
        ck_assert_int_eq(n[i].calls, 1);
        ck_assert_int_eq(n[i].rc, FLARE_E_STOPPED);
    }
    fake_gate_open();
    fake_live_await_none();
}
END_TEST

/* ---- mistakes of the caller's ---- */

static void cancel_itself(int rc, const struct flare_dns_result *result,
                          const struct flare_error *err, void *ctx)
{
    (void)rc;
    (void)result;
    (void)err;
    flare_dns_cancel(*(flare_dns_query **)ctx);
}

START_TEST(test_query_cancelling_one_that_was_told_is_a_bug)
{
    struct dns_rig rig;
    flare_dns_query *q = NULL;

    ck_assert_int_eq(open_hooked(&rig, DNS_SIM), 0);
    ck_assert_int_eq(flare_dns_start(rig.loop, &q, FLARE_STR("::1"), NULL,
                                     cancel_itself, &q),
                     0);
    dns_turns(rig.loop, 2);
}
END_TEST

START_TEST(test_query_answering_twice_is_a_bug)
{
    const struct flare_ip ip = dns_ip("192.0.2.1");
    struct dns_noted n;
    struct dns_rig rig;

    ck_assert_int_eq(open_hooked(&rig, DNS_SIM), 0);
    (void)start(&rig, HOST, NULL, &n);
    flare_dns_answer(hook.query, 0, &ip, 1);
    flare_dns_answer(hook.query, 0, &ip, 1);
}
END_TEST

/* ---- memory ---- */

static int scenario(struct fault *f, void *ctx)
{
    static const char *const hosts[] = {"a.example", "b.example", "127.0.0.1"};
    struct flare__sim *world;
    struct flare_loop *loop;
    struct dns_noted n;
    int rc = dns_loop_open(&loop, &world, DNS_SIM, &f->al);

    (void)ctx;
    if (rc < 0)
        return rc;
    memset(&hook, 0, sizeof(hook));
    hook.is_eager = true;
    rc = flare_dns_resolver_set(loop, &resolver);
    if (rc == 0)
        rc = flare_dns_cache_set(loop, 4, 1000);
    for (int i = 0; rc == 0 && i < 3; i++) {
        n.calls = 0;
        rc = flare_dns_start(loop, NULL, flare_str(hosts[i]), NULL, dns_note,
                             &n);
        while (rc == 0 && n.calls == 0)
            rc = flare__loop_turn(loop, UINT64_MAX);
    }
    dns_loop_close(loop, world);
    return rc;
}

START_TEST(test_query_without_memory_it_is_refused_and_nothing_is_left)
{
    struct fault_report report = fault_each("dns/query", scenario, NULL);

    ck_assert_uint_ge(report.sites, 7);
    /* an answer that cannot be kept is an answer */
    ck_assert_uint_ge(report.recovered, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/query");
    TCase *tc = tcase_create("query");
    const TTest *const on_threads[] = {
        test_query_a_name_is_looked_up_and_the_loop_goes_on_meanwhile,
        test_query_D03_a_deadline_comes_and_the_late_answer_goes_nowhere,
        test_query_D03_a_cancelled_one_is_never_told,
        test_query_D06_the_loop_ends_at_once_with_names_under_way,
        test_query_an_error_names_the_host_and_has_the_resolvers_words,
        test_query_a_users_loop_runs_until_its_names_are_known,
    };
    const TTest *const everywhere[] = {
        test_query_a_resolver_of_ones_own_answers_now_or_later,
        test_query_a_resolver_of_ones_own_may_fail_or_find_nothing,
        test_query_D03_a_resolver_is_told_when_nobody_waits_any_more,
        test_query_D02_an_address_is_its_own_answer_and_asks_nobody,
        test_query_D01_what_is_no_host_is_refused_before_any_resolver,
        test_query_from_its_end_others_are_cancelled_and_started,
    };

    tcase_set_timeout(tc, 60);
    for (int i = 0; i < ROWS(on_threads); i++)
        tcase_add_loop_test(tc, on_threads[i], 0, DNS_KERNELS);
    for (int i = 0; i < ROWS(everywhere); i++)
        tcase_add_loop_test(tc, everywhere[i], 0, DNS_BACKENDS);
    tcase_add_test(tc, test_query_an_answer_in_the_turn_of_the_deadline_wins);
    tcase_add_test(tc, test_query_the_deadline_is_exact_in_virtual_time);
    tcase_add_test_raise_signal(
        tc, test_query_cancelling_one_that_was_told_is_a_bug, SIGABRT);
    tcase_add_test_raise_signal(tc, test_query_answering_twice_is_a_bug,
                                SIGABRT);
    tcase_add_test(tc,
                   test_query_without_memory_it_is_refused_and_nothing_is_left);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
