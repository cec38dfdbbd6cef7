/* SPDX-License-Identifier: MIT */
/* Happy Eyeballs without sockets: tables of what happens when, and chance. */
#include "tcp/race.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* ---- order ---- */

static const struct {
    const char *name;
    const char *in;  /* 4 or 6 for each, as the resolver gave them */
    const char *out; /* places in `in`, as letters */
} orders[] = {
    {"one", "6", "a"},
    {"v6 first", "6644", "acbd"},
    {"v4 first", "4466", "acbd"},
    {"one family", "444", "abc"},
    {"more of the first", "66664", "aebcd"},
    {"more of the other", "64444", "abcde"},
    {"already in turn", "6464", "abcd"},
    {"one of the other, late", "4446", "adbc"},
};

START_TEST(test_race_the_families_take_turns)
{
    struct flare_ip ips[FLARE__RACE_MAX];
    uint32_t count = (uint32_t)strlen(orders[_i].in);

    memset(ips, 0, sizeof(ips));
    for (uint32_t i = 0; i < count; i++) {
        ips[i].family = orders[_i].in[i] == '6' ? FLARE_IP_V6 : FLARE_IP_V4;
        ips[i].bytes[15] = (uint8_t)('a' + i);
    }
    flare__race_order(ips, count);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_msg(ips[i].bytes[15] == orders[_i].out[i],
                      "%s: place %u is %c", orders[_i].name, i,
                      ips[i].bytes[15]);
}
END_TEST

START_TEST(test_race_D04_a_full_list_keeps_every_address_once)
{
    struct flare_ip ips[FLARE__RACE_MAX];
    uint64_t seen = 0;

    memset(ips, 0, sizeof(ips));
    for (uint32_t i = 0; i < FLARE__RACE_MAX; i++) {
        ips[i].family = i < 20 ? FLARE_IP_V6 : FLARE_IP_V4;
        ips[i].bytes[15] = (uint8_t)i;
    }
    flare__race_order(ips, FLARE__RACE_MAX);
    for (uint32_t i = 0; i < FLARE__RACE_MAX; i++)
        seen |= UINT64_C(1) << ips[i].bytes[15];
    ck_assert_uint_eq(seen, (UINT64_C(1) << FLARE__RACE_MAX) - 1);
    ck_assert_int_eq(ips[0].family, FLARE_IP_V6);
    ck_assert_int_eq(ips[1].family, FLARE_IP_V4);
}
END_TEST

/* ---- what happens when ---- */

/*
 * A script is words: "@250" time, "c0" attempt 0 is connected, "f1" attempt 1
 * fails with -ECONNREFUSED.  What the race says is written after each: "s0"
 * start, "x0" cut, "w1" won, "l" and the number of errno lost.
 */
static const struct {
    const char *name;
    uint32_t count;
    const char *script;
    const char *said;
} races[] = {
    {"the first connects", 3, "@0 @10 c0", "s0 w0"},
    {"no early start", 2, "@0 @249", "s0"},
    {"the delay", 2, "@0 @250", "s0 s1"},
    {"the delay, twice", 3, "@0 @250 @499 @500", "s0 s1 s2"},
    {"a failure starts the next at once", 3, "@0 @1 f0 @1", "s0 s1"},
    {"the delay counts from the last start", 3, "@0 @1 f0 @1 @250 @251",
     "s0 s1 s2"},
    {"an older one that fails starts the next", 3, "@0 @250 @260 f0 @260",
     "s0 s1 s2"},
    {"the second wins while the first hangs", 2, "@0 @250 @260 c1", "s0 s1 w1"},
    {"the first wins late", 2, "@0 @250 @300 c0", "s0 s1 w0"},
    {"who comes second has not won", 2, "@0 @250 c1 c0", "s0 s1 w1"},
    {"all fail", 2, "@0 @1 f0 @1 @2 f1", "s0 s1 l111"},
    {"one, and it fails", 1, "@0 @1 f0", "s0 l111"},
    {"an attempt takes too long", 1, "@0 @999 @1000", "s0 x0 l110"},
    {"a cut starts the next", 2, "@0 @250 @1000 @1250", "s0 s1 x0 x1 l110"},
    {"the outcome of one that was cut does not count", 2,
     "@0 @250 @1000 c0 @1001 f1", "s0 s1 x0 l111"},
    {"the end of all time", 3, "@0 @250 @500 @1400 @1500 @1750",
     "s0 s1 s2 x0 x1 x2 l110"},
    {"the deadline ends what runs", 1, "@0 @3000", "s0 l110"},
    {"the deadline ends before the rest has begun", 2, "@3000", "l110"},
    {"nothing after the end", 2, "@0 @1 c0 @250 @3000", "s0 w0"},
};

struct said {
    char text[128];
    bool is_over;
};

/* Asks until there is nothing to be done; appends it. */
static void race_ask(struct flare__race *race, uint64_t now_ms, struct said *to)
{
    for (;;) {
        struct flare__race_step s = flare__race_next(race, now_ms);
        size_t len = strlen(to->text);

        if (s.what == FLARE__RACE_WAIT || to->is_over)
            return;
        if (s.what == FLARE__RACE_LOST)
            (void)snprintf(to->text + len, sizeof(to->text) - len, "%sl%d",
                           len > 0 ? " " : "", -s.rc);
        else
            (void)snprintf(to->text + len, sizeof(to->text) - len, "%s%c%u",
                           len > 0 ? " " : "", "?sxw"[s.what], s.index);
        to->is_over = s.what == FLARE__RACE_WON || s.what == FLARE__RACE_LOST;
    }
}

START_TEST(test_race_says_what_is_to_be_done)
{
    const struct flare__race_times times = {250, 1000, 3000};
    struct flare__race race;
    struct said said = {.text = ""};
    const char *word = races[_i].script;
    uint64_t now_ms = 0;

    flare__race_init(&race, races[_i].count, &times, 0);
    while (*word != '\0') {
        char what = *word;
        char *end;
        uint32_t n = (uint32_t)strtoul(word + 1, &end, 10);

        if (what == '@')
            now_ms = n;
        else if (what == 'c')
            (void)flare__race_connected(&race, n);
        else
            flare__race_failed(&race, n, -ECONNREFUSED, now_ms);
        race_ask(&race, now_ms, &said);
        word = end + strspn(end, " ");
    }
    ck_assert_msg(strcmp(said.text, races[_i].said) == 0, "%s: \"%s\"",
                  races[_i].name, said.text);
}
END_TEST

START_TEST(test_race_wake_is_the_next_time_something_is_to_be_done)
{
    const struct flare__race_times times = {250, 1000, 3000};
    struct flare__race race;

    flare__race_init(&race, 2, &times, 100);
    ck_assert_uint_eq(flare__race_wake(&race), 100);
    ck_assert_int_eq(flare__race_next(&race, 100).what, FLARE__RACE_START);
    ck_assert_uint_eq(flare__race_wake(&race), 350);
    ck_assert_int_eq(flare__race_next(&race, 350).what, FLARE__RACE_START);
    ck_assert_uint_eq(flare__race_wake(&race), 1100);
    ck_assert_int_eq(flare__race_next(&race, 1100).what, FLARE__RACE_CUT);
    ck_assert_uint_eq(flare__race_wake(&race), 1350);
    ck_assert(flare__race_connected(&race, 1));
    ck_assert_uint_eq(flare__race_wake(&race), UINT64_MAX);
}
END_TEST

START_TEST(test_race_without_a_limit_an_attempt_may_last)
{
    const struct flare__race_times times = {250, FLARE_UNLIMITED, UINT64_MAX};
    struct flare__race race;

    flare__race_init(&race, 1, &times, 0);
    ck_assert_int_eq(flare__race_next(&race, 0).what, FLARE__RACE_START);
    ck_assert_uint_eq(flare__race_wake(&race), UINT64_MAX);
    ck_assert_int_eq(flare__race_next(&race, UINT64_MAX - 1).what,
                     FLARE__RACE_WAIT);
}
END_TEST

/* ---- chance ---- */

static uint32_t chance_state;

static uint32_t chance(uint32_t n)
{
    chance_state = chance_state * 1664525u + 1013904223u;
    return (chance_state >> 8) % n;
}

/* When attempt i ends after its start, and how: -1 never, 0 well. */
struct fate {
    int after_ms;
    int rc;
};

struct run {
    struct flare__race race;
    struct fate fates[FLARE__RACE_MAX];
    uint64_t started_ms[FLARE__RACE_MAX];
    bool is_running[FLARE__RACE_MAX];
    uint32_t begun;
    uint64_t last_start_ms, last_failure_ms;
};

static void run_start(struct run *r, uint32_t index, uint64_t now_ms,
                      uint32_t delay_ms)
{
    ck_assert_uint_eq(index, r->begun); /* in order, each once */
    ck_assert(index == 0 || now_ms - r->last_start_ms >= delay_ms ||
              r->last_failure_ms >= r->last_start_ms);
    r->begun++;
    r->is_running[index] = true;
    r->started_ms[index] = now_ms;
    r->last_start_ms = now_ms;
}

/* Tells what is due now; whether somebody was connected first. */
static void run_outcomes(struct run *r, uint64_t now_ms)
{
    for (uint32_t i = 0; i < r->begun; i++) {
        const struct fate *f = &r->fates[i];

        if (!r->is_running[i] || f->after_ms < 0 ||
            now_ms < r->started_ms[i] + (uint32_t)f->after_ms)
            continue;
        r->is_running[i] = false;
        if (f->rc == 0) {
            (void)flare__race_connected(&r->race, i);
            continue;
        }
        flare__race_failed(&r->race, i, f->rc, now_ms);
        r->last_failure_ms = now_ms;
    }
}

START_TEST(test_race_any_fates_end_in_time_and_the_first_to_connect_wins)
{
    for (uint32_t seed = 0; seed < 500; seed++) {
        struct flare__race_times times;
        struct run r;
        struct flare__race_step s = {FLARE__RACE_WAIT, 0, 0};
        uint32_t count;
        uint64_t now_ms = 0;
        bool could_win = false;

        chance_state = seed;
        memset(&r, 0, sizeof(r));
        count = 1 + chance(FLARE__RACE_MAX);
        times.delay_ms = 10 + chance(300);
        times.attempt_ms = 1 + chance(2000);
        times.deadline_ms = 1 + chance(5000);
        for (uint32_t i = 0; i < count; i++) {
            r.fates[i].after_ms = chance(3) == 0 ? -1 : (int)chance(1500);
            r.fates[i].rc = chance(3) == 0 ? 0 : -ECONNREFUSED;
        }
        flare__race_init(&r.race, count, &times, 0);
        for (; s.what != FLARE__RACE_WON && s.what != FLARE__RACE_LOST;
             now_ms++) {
            uint64_t wake_ms = flare__race_wake(&r.race);

            run_outcomes(&r, now_ms);
            could_win = r.race.winner < count;
            for (;;) {
                s = flare__race_next(&r.race, now_ms);
                ck_assert(s.what == FLARE__RACE_WAIT || could_win ||
                          wake_ms <= now_ms || r.last_failure_ms == now_ms);
                if (s.what == FLARE__RACE_START)
                    run_start(&r, s.index, now_ms, times.delay_ms);
                else if (s.what == FLARE__RACE_CUT) {
                    ck_assert_uint_eq(now_ms - r.started_ms[s.index],
                                      times.attempt_ms);
                    r.is_running[s.index] = false;
                    r.last_failure_ms = now_ms;
                } else
                    break;
            }
            ck_assert_uint_le(now_ms, times.deadline_ms);
        }
        ck_assert_int_eq(s.what == FLARE__RACE_WON, could_win);
        ck_assert(s.what == FLARE__RACE_LOST || r.fates[s.index].rc == 0);
        ck_assert(s.what == FLARE__RACE_WON || s.rc == -ECONNREFUSED ||
                  s.rc == -ETIMEDOUT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp/race");
    TCase *tc = tcase_create("race");

    tcase_add_loop_test(tc, test_race_the_families_take_turns, 0, ROWS(orders));
    tcase_add_test(tc, test_race_D04_a_full_list_keeps_every_address_once);
    tcase_add_loop_test(tc, test_race_says_what_is_to_be_done, 0, ROWS(races));
    tcase_add_test(tc, test_race_wake_is_the_next_time_something_is_to_be_done);
    tcase_add_test(tc, test_race_without_a_limit_an_attempt_may_last);
    tcase_add_test(
        tc, test_race_any_fates_end_in_time_and_the_first_to_connect_wins);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
