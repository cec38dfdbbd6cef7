/* SPDX-License-Identifier: MIT */
/*
 * Datagrams in the simulated network under all faults at once: the same seed is
 * the same run, nothing is waited for in vain, whatever is not forged is what
 * was sent, and once the faults are over all of it arrives.
 */
#include "tests/backends/sim_rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { SEEDS = 300, NUMBERS = 60, CALM_NUMBERS = 10 };

struct talk {
    struct dg_end a; /* sends; connected, or not */
    struct dg_end b; /* answers what it gets */
    uint32_t answers, errors, forged;
    bool is_connected;
};

/* A datagram that says what it is. */
static size_t number_write(uint8_t *out, uint32_t number)
{
    size_t len = 4 + number % 50;

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(number >> 8 * (i % 4));
    return len;
}

/* UINT32_MAX: it is forged. */
static uint32_t number_read(void)
{
    uint8_t whole[64];
    uint32_t number = (uint32_t)dg_bytes[0] | (uint32_t)dg_bytes[1] << 8 |
                      (uint32_t)dg_bytes[2] << 16 | (uint32_t)dg_bytes[3] << 24;

    ck_assert(!dg_got.is_truncated);
    if (number >= NUMBERS + CALM_NUMBERS)
        return UINT32_MAX;
    ck_assert_uint_eq(dg_got.len, number_write(whole, number));
    ck_assert_mem_eq(dg_bytes, whole, dg_got.len);
    return number;
}

static bool is_passing(int rc)
{
    return rc == -ECONNREFUSED || rc == -EHOSTUNREACH || rc == -ENOBUFS ||
           rc == -EPERM || rc == -ENETUNREACH;
}

static void talk_turn(struct talk *t)
{
    int rc;

    dg_turn(MS);
    if (t->b.revents != 0) {
        t->b.revents = 0;
        while ((rc = dg_take(&t->b)) == 1 || is_passing(rc)) {
            struct dg_end from = {.addr = dg_got.addr,
                                  .addr_len = dg_got.addr_len};

            if (rc == 1)
                (void)dg_put(&t->b, &from, dg_bytes, dg_got.len);
        }
        ck_assert_int_eq(rc, -EAGAIN);
    }
    if (t->a.revents == 0)
        return;
    t->a.revents = 0;
    while ((rc = dg_take(&t->a)) == 1 || is_passing(rc)) {
        t->errors += rc != 1;
        if (rc != 1)
            continue;
        if (number_read() == UINT32_MAX)
            t->forged++;
        else
            t->answers++;
    }
    ck_assert_int_eq(rc, -EAGAIN);
}

/* `number` goes out, now or when there is room, or fails. */
static void talk_put(struct talk *t, uint32_t number)
{
    uint8_t out[64];
    size_t len = number_write(out, number);
    int rc;

    while ((rc = dg_put(&t->a, t->is_connected ? NULL : &t->b, out, len)) ==
           -EAGAIN) {
        dg_watch(&t->a, POLLIN | POLLOUT);
        while (!(t->a.revents & POLLOUT))
            dg_turn(100 * (uint64_t)MS);
        t->a.revents = POLLIN; /* what is there is to be looked at */
        dg_watch(&t->a, POLLIN);
    }
    ck_assert(rc == 1 || is_passing(rc));
}

static uint64_t talk_run(uint64_t seed, struct flare__sim_counts *counts,
                         struct talk *t)
{
    uint64_t hash;

    memset(t, 0, sizeof(*t));
    dg_open(seed, false);
    dg_end_open(&t->a, seed % 2 ? AF_INET : AF_INET6, DG_IP, 0);
    dg_end_open(&t->b, seed % 2 ? AF_INET : AF_INET6, DG_IP + 1, 0);
    t->is_connected = flare__sim_below(dg.w, 2) == 1;
    if (t->is_connected)
        dg_end_connect(&t->a, &t->b);
    for (uint32_t i = 0; i < NUMBERS; i++) {
        talk_put(t, i);
        talk_turn(t);
    }
    flare__sim_calm(dg.w);
    for (int i = 0; i < 3000; i++) /* the slowest are there by now */
        talk_turn(t);
    ck_assert(!t->is_connected || t->forged == 0);
    t->answers = 0;
    for (uint32_t i = NUMBERS; i < NUMBERS + CALM_NUMBERS; i++)
        talk_put(t, i);
    for (int i = 0; i < 100; i++)
        talk_turn(t);
    ck_assert_uint_eq(t->answers, CALM_NUMBERS);
    hash = flare__sim_hash(dg.w);
    flare__sim_count(dg.w, counts);
    dg_close(&t->a, &t->b);
    return hash;
}

START_TEST(test_same_seed_same_run_and_every_fault_strikes)
{
    struct flare__sim_counts counts = {.polls = 0};
    struct talk t;
    uint64_t errors = 0;
    uint64_t forged = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t hash = talk_run(seed, &counts, &t);

        errors += t.errors;
        forged += t.forged;
        ck_assert_uint_eq(hash, talk_run(seed, &counts, &t));
    }
    for (int i = FLARE__SIM_FAULT_COUNT; i < FLARE__SIM_FAULT_ALL; i++)
        ck_assert_msg(counts.faults[i] > 0, "%s never struck",
                      flare__sim_fault_name((enum flare__sim_fault)i));
    ck_assert(errors > 0 && forged > 0);
    printf("sim: %d seeds twice, %llu datagrams, %llu errors, %llu forged\n",
           SEEDS, (unsigned long long)counts.datagrams,
           (unsigned long long)errors, (unsigned long long)forged);
}
END_TEST

/* A change of the simulation changes it; then the new value goes here. */
static const uint64_t hash_of_4711 = UINT64_C(0x9f9da0ed755ddd48);

START_TEST(test_the_hash_of_a_seed_is_the_same_in_every_build)
{
    struct flare__sim_counts counts = {.polls = 0};
    struct talk t;
    uint64_t hash = talk_run(4711, &counts, &t);

    ck_assert_msg(hash == hash_of_4711, "it is %016llx",
                  (unsigned long long)hash);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim talk");
    TCase *tc = tcase_create("talk");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_same_seed_same_run_and_every_fault_strikes);
    tcase_add_test(tc, test_the_hash_of_a_seed_is_the_same_in_every_build);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
