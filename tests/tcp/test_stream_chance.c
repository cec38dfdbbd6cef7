/* SPDX-License-Identifier: MIT */
/* Streams: any call in any callback, any failure, any fault. */
#include "tests/tcp/tcp_rig.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tcp_rig rig;

#define EACH_BACKEND()                                                         \
    if (!tcp_rig_start(&rig, _i))                                              \
    return

/* ---- any call in any callback ---- */

enum { CALLS = 9 };

static void any_call(struct tcp_end *end, int which)
{
    flare_stream *s = end->stream;
    char c = 'x';

    switch (which) {
    case 0:
        (void)!flare_stream_write(s, (struct flare_str){&c, 1});
        break;
    case 1:
        (void)!flare_stream_give(s, FLARE_STR("given"), NULL, NULL);
        break;
    case 2:
        flare_stream_pause(s);
        break;
    case 3:
        flare_stream_resume(s);
        break;
    case 4:
        flare_stream_shutdown(s);
        break;
    case 5:
        flare_stream_close(s);
        break;
    case 6:
        flare_stream_abort(s);
        break;
    case 7:
        flare_stream_handle(s, &tcp_rig_no_end, end);
        break;
    case 8:
        (void)flare_stream_queued(s);
        (void)flare_stream_local(s);
        (void)flare_stream_peer(s);
        break;
    default:
        break;
    }
}

static int call_when, call_first, call_second;
static int calls_made;

static void call_hook(struct tcp_end *end, enum tcp_end_call what)
{
    if ((int)what != call_when)
        return;
    calls_made++;
    any_call(end, call_first);
    any_call(end, call_second);
}

static void call_run(void)
{
    struct tcp_end *c = tcp_rig_dial(&rig);

    c->hook = call_hook;
    ck_assert_int_ge(tcp_rig_write(c, 0, 300000), 0);
    TCP_RIG_UNTIL(&rig, rig.accepted == 1 || c->closes == 1);
    tcp_rig_run(&rig, 3);
    if (rig.accepted == 1 && rig.ends[1].stream != NULL)
        flare_stream_shutdown(rig.ends[1].stream);
    tcp_rig_run(&rig, 3);
    for (int i = 0; i < rig.count; i++)
        if (rig.ends[i].stream != NULL)
            flare_stream_resume(rig.ends[i].stream);
    tcp_rig_run(&rig, 3);
}

START_TEST(test_stream_any_two_calls_in_any_callback)
{
    for (call_when = TCP_END_OPEN; call_when <= TCP_END_CLOSED; call_when++) {
        calls_made = 0;
        for (int n = 0; n < CALLS * CALLS; n++) {
            call_first = n / CALLS;
            call_second = n % CALLS;
            tcp_rig_init(&rig);
            rig.is_echo = true;
            rig.client.queue_high = 100000;
            rig.client.queue_low = 50000;
            if (tcp_rig_open(&rig, _i, NULL) < 0)
                TEST_SKIP("no backend %s here", tcp_rig_name(_i));
            call_run();
            tcp_rig_close(&rig);
        }
        ck_assert_int_ge(calls_made, CALLS * CALLS);
    }
}
END_TEST

static int given_back;

static void on_given_back(void *ctx, void *block)
{
    ck_assert_ptr_eq(ctx, &given_back);
    given_back++;
    free(block);
}

static int give(struct tcp_end *end, size_t len)
{
    char *bytes = malloc(len + 1);
    int rc;

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = tcp_rig_byte(i);
    rc = flare_stream_give(end->stream, (struct flare_str){bytes, len},
                           on_given_back, &given_back);
    if (rc < 0)
        free(bytes);
    return rc;
}

/* ---- memory ---- */

START_TEST(test_stream_a_message_allocates_nothing)
{
    struct tcp_end *c, *s;
    struct fault f;
    uint64_t allocs = 0;

    fault_init(&f, FAULT_NEVER, 0);
    tcp_rig_init(&rig);
    rig.fault = &f;
    rig.is_echo = true;
    if (tcp_rig_open(&rig, _i, NULL) < 0) {
        fault_fini(&f, "message");
        TEST_SKIP("no backend %s here", tcp_rig_name(_i));
    }
    c = tcp_rig_pair(&rig, &s);
    for (size_t n = 1; n <= 50; n++) {
        ck_assert_int_ge(tcp_rig_write(c, 0, 16384), 0);
        TCP_RIG_UNTIL(&rig, c->len == n * 16384);
        if (n == 10)
            allocs = f.allocs;
    }
    ck_assert_uint_eq(f.allocs, allocs);
    tcp_rig_close(&rig);
    fault_fini(&f, "message");
}
END_TEST

static int world_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOMEM : 0;
}

/* 0, or the first error that an end or a call met. */
static int scenario_echo(struct fault *f, void *ctx)
{
    const struct flare__sim_config config = {
        .is_calm = true, .fault_site = world_site, .fault_ctx = f};
    struct tcp_end *c;
    int rc;

    (void)ctx;
    tcp_rig_init(&rig);
    rig.fault = f;
    rc = tcp_rig_open(&rig, TCP_RIG_SIM, &config);
    if (rc < 0)
        return rc;
    c = tcp_rig_try(&rig, &rc);
    if (c == NULL) {
        tcp_rig_close(&rig);
        return rc;
    }
    rc = tcp_rig_write(c, 0, 30000);
    if (rc >= 0)
        rc = give(c, 5000);
    flare_stream_shutdown(c->stream);
    for (int i = 0; i < 400 && c->closes == 0; i++) {
        tcp_rig_run(&rig, 1);
        for (int n = 1; n < rig.count; n++)
            if (rig.ends[n].ends == 1 && rig.ends[n].stream != NULL)
                flare_stream_close(rig.ends[n].stream);
    }
    if (rc >= 0 && c->closes == 1 && c->rc < 0)
        rc = c->rc;
    if (rc >= 0 && rig.count == 2 && rig.ends[1].closes == 1)
        rc = rig.ends[1].rc;
    if (rc >= 0 && (rig.count < 2 || rig.ends[1].len != 35000))
        rc = -ENOMEM; /* the connection was shed */
    fault_disarm(f);
    tcp_rig_close(&rig);
    return rc;
}

START_TEST(test_stream_R11_any_failure_ends_one_stream_in_order)
{
    struct fault_report report;

    report = fault_each("stream", scenario_echo, NULL);
    ck_assert_uint_ge(report.sites, 20);
}
END_TEST

/* ---- chance: faults of every kind, ledgers of the world ---- */

static void soak_hook(struct tcp_end *end, enum tcp_end_call what)
{
    struct flare__sim *w = end->rig->world;

    if (what == TCP_END_CLOSED)
        return;
    if (flare__sim_below(w, 6) == 0)
        any_call(end, (int)flare__sim_below(w, CALLS));
}

START_TEST(test_stream_soak_no_fault_breaks_a_ledger)
{
    uint64_t hashes[2] = {0, 0};

    for (uint64_t seed = 1; seed <= 400; seed++) {
        const struct flare__sim_config config = {.seed = seed};

        tcp_rig_init(&rig);
        rig.on_accept = soak_hook;
        if (tcp_rig_open(&rig, TCP_RIG_SIM, &config) < 0)
            continue;
        for (int i = 0; i < 5; i++) {
            int rc;
            struct tcp_end *c = tcp_rig_try(&rig, &rc);

            if (c == NULL)
                continue;
            c->hook = soak_hook;
            (void)!tcp_rig_write(c, 0, 100 + 997 * seed % 100000);
            (void)!give(c, seed % 500);
            tcp_rig_run(&rig, seed % 50);
        }
        tcp_rig_run(&rig, 200);
        for (int i = 0; i < rig.count; i++) {
            ck_assert(tcp_rig_is_stream(&rig.ends[i]) || rig.ends[i].len > 0);
            if (rig.ends[i].stream != NULL)
                flare_stream_resume(rig.ends[i].stream);
        }
        flare__sim_calm(rig.world);
        tcp_rig_run(&rig, 200);
        hashes[seed & 1] ^= flare__sim_hash(rig.world);
        tcp_rig_close(&rig);
    }
    ck_assert_uint_ne(hashes[0], hashes[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/stream_chance");
    TCase *tc = tcase_create("stream");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_stream_any_two_calls_in_any_callback, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_loop_test(tc, test_stream_a_message_allocates_nothing, 0,
                        TCP_RIG_BACKENDS);
    tcase_add_test(tc, test_stream_R11_any_failure_ends_one_stream_in_order);
    tcase_add_test(tc, test_stream_soak_no_fault_breaks_a_ledger);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
