/* SPDX-License-Identifier: MIT */
/*
 * Streams that speak TLS, client and server, in simulated worlds of faults,
 * each seed twice: it is the same run, and no ledger is broken. FLARE_SIM_SEEDS
 * of them (60), from FLARE_SIM_FIRST (1) on.
 */
#include "tests/support/ssl_random.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"
#include "tests/tls/stream_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { SEEDS = 60, DIALS = 5, CODES = 32 };

static struct tcp_rig rig;

/* What ends came to, over all runs. */
static struct {
    uint64_t opens, whole, bytes;
    struct {
        int rc;
        uint64_t count;
    } codes[CODES];
} sums;

static void sum_end(const struct tcp_end *end)
{
    sums.opens += end->opens > 0;
    sums.whole += end->ends > 0;
    sums.bytes += end->len;
    for (int i = 0; i < CODES; i++) {
        if (sums.codes[i].count != 0 && sums.codes[i].rc != end->rc)
            continue;
        sums.codes[i].rc = end->rc;
        sums.codes[i].count++;
        return;
    }
}

/* What a script may do in any callback. */
static void chance_hook(struct tcp_end *end, enum tcp_end_call what)
{
    flare_stream *s = end->stream;

    if (what == TCP_END_CLOSED) {
        sum_end(end);
        return;
    }
    switch (flare__sim_below(end->rig->world, 40)) {
    case 0:
        flare_stream_pause(s);
        break;
    case 1:
        flare_stream_shutdown(s);
        break;
    case 2:
        flare_stream_close(s);
        break;
    case 3:
        flare_stream_abort(s);
        break;
    case 4:
        (void)!tcp_rig_write(end, 0, 40000);
        break;
    default:
        break;
    }
}

static void resume_all(void)
{
    for (int i = 0; i < rig.count; i++)
        if (rig.ends[i].stream != NULL)
            flare_stream_resume(rig.ends[i].stream);
}

static uint64_t run(uint64_t seed)
{
    const struct flare__sim_config config = {.seed = seed};
    uint64_t hash;

    ssl_random_seed(seed);
    stream_rig_forget(NULL);
    tcp_rig_init(&rig);
    rig.on_accept = chance_hook;
    rig.is_echo = seed % 3 != 0;
    if (tcp_rig_open(&rig, TCP_RIG_SIM, &config) < 0)
        return 0;
    for (int i = 0; i < DIALS; i++) {
        int rc;
        struct tcp_end *c = tcp_rig_try(&rig, &rc);

        if (c == NULL)
            continue;
        c->hook = chance_hook;
        (void)!tcp_rig_write(c, 0, 100 + 9973 * seed % 100000);
        tcp_rig_run(&rig, seed * 7 % 2000);
        resume_all();
    }
    for (int i = 0; i < 10; i++) {
        tcp_rig_run(&rig, 500);
        resume_all();
    }
    flare__sim_calm(rig.world);
    tcp_rig_run(&rig, 2000);
    hash = flare__sim_hash(rig.world);
    tcp_rig_close(&rig);
    return hash;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

START_TEST(test_a_seed_is_the_same_run_twice_and_breaks_no_ledger)
{
    uint64_t first = number_from("FLARE_SIM_FIRST", 1);
    uint64_t count = number_from("FLARE_SIM_SEEDS", SEEDS);
    uint64_t all = 0;

    ssl_random_seed(0);
    ck_assert_int_eq(stream_rig_make(), 0); /* certificates, once */
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = run(seed);

        if (hash != run(seed))
            ck_abort_msg("seed %" PRIu64 " is not the same run twice", seed);
        all = (all ^ hash) * UINT64_C(0x9fb21c651e98df25);
    }
    ssl_random_end();
    printf("sim: TLS, %" PRIu64 " seeds twice, hash %016" PRIx64 ": %" PRIu64
           " ends open, %" PRIu64 " told the end, %" PRIu64 " bytes\n",
           count, all, sums.opens, sums.whole, sums.bytes);
    for (int i = 0; i < CODES && sums.codes[i].count > 0; i++)
        printf("sim: closed %8" PRIu64 " times: %s\n", sums.codes[i].count,
               sums.codes[i].rc == 0 ? "in order"
                                     : flare_error_name(sums.codes[i].rc));
    ck_assert_uint_gt(sums.opens, 0);
    ck_assert_uint_gt(sums.whole, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/sim streams");
    TCase *tc = tcase_create("schedules");

    tcase_set_timeout(tc, 1800);
    tcase_add_test(tc, test_a_seed_is_the_same_run_twice_and_breaks_no_ledger);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
