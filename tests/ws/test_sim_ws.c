/* SPDX-License-Identifier: MIT */
/* Seeds for tests/support/sim_ws.h: what fuzz_ws_conn does, drawn. */
#include "tests/support/sim_ws.h"

#include "tests/support/test.h"

#include <stdbool.h>
#include <string.h>

enum { SEEDS = 300, BATCHES = 8, INPUT_MAX = 3000 };

static uint64_t state;

static uint32_t below(uint32_t n)
{
    state =
        state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % n);
}

/* Frames that mostly keep the rules. */
static size_t frames_draw(uint8_t *out, size_t room)
{
    static const uint8_t firsts[] = {0x81, 0x82, 0x89, 0x8a, 0x01, 0x02, 0x81};
    bool is_inside = false;
    size_t at = 0;

    for (uint32_t n = below(14); n > 0 && at + 258 < room; n--) {
        uint8_t first = firsts[below(sizeof(firsts))];
        uint8_t len = (uint8_t)(below(4) == 0 ? below(255) : below(20));

        if ((first & 8) == 0 && is_inside)
            first = below(2) ? 0x80 : 0x00;
        if ((first & 8) == 0)
            is_inside = (first & 0x80) == 0;
        else if (len > 125)
            len = 125;
        if (below(150) == 0)
            first = (uint8_t)below(256);
        out[at++] = first;
        out[at++] = len;
        memset(out + at, 'a' + (int)below(26), len);
        if (below(100) == 0 && len > 0)
            out[at] = (uint8_t)below(256);
        at += len;
    }
    return at;
}

static size_t draw(uint8_t *out)
{
    size_t len = 2, tape = below(40);

    out[0] = (uint8_t)below(256);
    if (below(8) != 0)
        out[0] &= (uint8_t)~SIM_WS_RAW;
    if (below(8) != 0)
        out[0] &= (uint8_t) ~(SIM_WS_CALM | SIM_WS_LEAVES);
    out[1] = (uint8_t)(below(4) != 0 ? SIM_WS_SEED : tape);
    for (size_t i = 0; i < (out[1] == SIM_WS_SEED ? 1 : tape) * 8; i++)
        out[len++] = (uint8_t)below(256);
    return len + frames_draw(out + len, INPUT_MAX - len);
}

START_TEST(test_sim_ws_keeps_its_invariants_and_repeats)
{
    uint8_t input[INPUT_MAX];

    for (int seed = 0; seed < SEEDS; seed++) {
        size_t len;

        state = (uint64_t)_i * SEEDS + (uint64_t)seed + 1;
        len = draw(input);
        ck_assert_uint_eq(sim_ws_run(input, len), sim_ws_run(input, len));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/sim_ws");
    TCase *tc = tcase_create("seeds");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_sim_ws_keeps_its_invariants_and_repeats, 0,
                        BATCHES);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
