/* SPDX-License-Identifier: MIT */
/*
 * Two sockets in a network that loses, doubles, reorders, forges, refuses and
 * stalls, by seed: what arrives is what was sent, a connected socket hears its
 * peer alone, everything ends; without loss everything arrives; and a seed
 * gives the same run twice.
 */
#include "udp/udp.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <string.h>

enum {
    SEEDS = 150,
    SENDS = 60, /* fewer than a socket's queue in the simulated network */
    HEAD = 4,   /* the number */
    LONGEST = 9000,
    TURN_MS = 20,
    IDLE_TURNS = 500, /* 10 s: none is on its way for so long */
    TURNS_MAX = 20000
};

struct play {
    struct rig *r;
    struct rig_end *server;
    struct rig_end *client;
    uint32_t sent;
    uint32_t refused; /* sends that found the queue full */
    uint32_t echoes;
};

static struct play *play_now;

static uint32_t below(uint32_t n)
{
    return flare__sim_below(play_now->r->world, n);
}

/* What number `n` looks like: most are short, some are long. */
static size_t len_of(uint32_t n)
{
    if (n % 11 == 3)
        return LONGEST; /* leaves at once */
    return n % 7 == 0 ? HEAD : n % 5 == 0 ? 1400 : HEAD + n % 90;
}

static void write_one(char *out, uint32_t n)
{
    memcpy(out, &n, HEAD);
    for (size_t i = HEAD; i < len_of(n); i++)
        out[i] = (char)(n * 31 + i);
}

static bool is_one(struct flare_str bytes)
{
    char want[LONGEST];
    uint32_t n;

    if (bytes.len < HEAD)
        return false;
    memcpy(&n, bytes.ptr, HEAD);
    if (n >= SENDS || len_of(n) != bytes.len)
        return false;
    write_one(want, n);
    return memcmp(bytes.ptr, want, bytes.len) == 0;
}

/* Reads at random times only. */
static void nap(struct rig_end *e)
{
    if (below(8) == 0)
        flare_udp_pause(e->udp);
}

static void server_list(struct rig_end *e, const struct flare_datagram *list,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert(!list[i].is_truncated);
        if (!flare_addr_equal(&list[i].peer, &play_now->client->addr))
            continue; /* forged */
        ck_assert(is_one(list[i].bytes));
        if (flare_udp_send(e->udp, &list[i].peer, list[i].bytes) == 0)
            play_now->echoes++;
    }
    nap(e);
}

static void client_list(struct rig_end *e, const struct flare_datagram *list,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert(flare_addr_equal(&list[i].peer, &play_now->server->addr));
        ck_assert(is_one(list[i].bytes));
    }
    nap(e);
}

static void play_send(struct play *p)
{
    char bytes[LONGEST];

    write_one(bytes, p->sent);
    if (flare_udp_send(p->client->udp, NULL, rig_str(bytes, len_of(p->sent))) ==
        0)
        p->sent++;
    else
        p->refused++;
}

static const enum flare__sim_fault losses[] = {
    FLARE__SIM_DG_LOST, FLARE__SIM_DG_TWICE,   FLARE__SIM_DG_CORRUPT,
    FLARE__SIM_DG_ICMP, FLARE__SIM_DG_SPOOFED, FLARE__SIM_DG_SEND_ERROR,
};

static void play_open(struct play *p, uint64_t seed, bool is_lossless)
{
    struct flare_udp_options o = {.batch = 1 + (uint32_t)seed % 20,
                                  .gro = seed % 3 == 0};
    struct flare_error why;

    p->r = calloc(1, sizeof(*p->r));
    ck_assert_ptr_nonnull(p->r);
    p->r->seed = seed;
    p->r->fault = &p->r->own;
    fault_init(&p->r->own, FAULT_NEVER, 0);
    ck_assert_int_eq(rig_open(p->r, RIG_SIM, &why), 0);
    play_now = p;
    p->server = rig_end(p->r, "127.0.0.1:0", &o);
    o.peer = &p->server->addr;
    p->client = rig_end(p->r, "127.0.0.1:0", &o);
    p->server->on_list = server_list;
    p->client->on_list = client_list;
    for (size_t i = 0; is_lossless && i < sizeof(losses) / sizeof(losses[0]);
         i++)
        flare__sim_rate_set(p->r->world, losses[i], 0);
}

/* Until all was sent and nothing is on its way; returns the hash of the run. */
static uint64_t play(uint64_t seed, bool is_lossless)
{
    struct play p = {.sent = 0};
    uint64_t hash;
    uint32_t idle = 0;

    play_open(&p, seed, is_lossless);
    for (int turns = 0; idle < IDLE_TURNS; turns++) {
        uint32_t before = p.server->count + p.client->count;

        ck_assert_int_lt(turns, TURNS_MAX);
        for (uint32_t n = below(6); n > 0 && p.sent < SENDS; n--)
            play_send(&p);
        rig_turn(p.r, TURN_MS);
        if (below(4) == 0) {
            flare_udp_resume(p.server->udp);
            flare_udp_resume(p.client->udp);
        }
        if (p.sent == SENDS && before == p.server->count + p.client->count)
            idle++;
        else
            idle = 0;
    }
    ck_assert_uint_eq(flare_udp_queued(p.client->udp), 0);
    ck_assert_uint_eq(flare_udp_queued(p.server->udp), 0);
    if (is_lossless) {
        ck_assert_uint_eq(p.server->count, SENDS);
        ck_assert_uint_eq(p.client->count, SENDS);
        ck_assert_uint_eq(p.server->error_count + p.client->error_count, 0);
    }
    flare__sim_calm(p.r->world);
    hash = flare__sim_hash(p.r->world);
    rig_free(p.r);
    return hash;
}

START_TEST(test_udp_what_arrives_is_what_was_sent)
{
    if (flare__backend_sim.datagram_recv == NULL)
        TEST_SKIP("sim has no datagrams");
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        (void)play(seed, /* is_lossless = */ false);
}
END_TEST

START_TEST(test_udp_without_loss_all_arrives_once)
{
    if (flare__backend_sim.datagram_recv == NULL)
        TEST_SKIP("sim has no datagrams");
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        (void)play(seed, /* is_lossless = */ true);
}
END_TEST

START_TEST(test_udp_same_seed_same_run)
{
    if (flare__backend_sim.datagram_recv == NULL)
        TEST_SKIP("sim has no datagrams");
    for (uint64_t seed = 1; seed <= 10; seed++)
        ck_assert_uint_eq(play(seed, false), play(seed, false));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/sim_udp");
    TCase *tc = tcase_create("sim");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_udp_what_arrives_is_what_was_sent);
    tcase_add_test(tc, test_udp_without_loss_all_arrives_once);
    tcase_add_test(tc, test_udp_same_seed_same_run);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
