/* SPDX-License-Identifier: MIT */
/*
 * The wheel against a sorted list, over a million random operations, and at
 * its edges: digits, eras, callbacks that pull the list apart.
 */
#include "net/timer.h"

#include "base/assert.h"
#include "tests/support/test.h"

#include <signal.h>
#include <string.h>

enum { MODEL_TIMERS = 200 };

static const uint64_t span_ms = (uint64_t)1 << 42; /* of seven levels */

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* ck_assert writes to a pipe each time: too slow for millions of checks. */
#define HOLD(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            ck_abort_msg("does not hold: %s", #condition);                     \
    } while (0)

/*
 * The model: what is armed, in a list sorted by when it must run.  A timer
 * started in the past must run at the next advance, so its key is that moment.
 */
struct model_timer {
    struct flare__timer timer;
    struct model_timer *next;
    uint64_t key_ms;
    bool is_armed;
    bool is_late; /* started in the past during this advance */
};

static struct {
    struct flare__wheel wheel;
    struct model_timer timers[MODEL_TIMERS];
    struct model_timer *first;
    uint64_t seed;
    uint64_t target_ms;
    uint64_t now_ms;
    uint64_t ran;
    uint64_t operations;
    bool is_advancing;
} model;

static void model_insert(struct model_timer *t, uint64_t key_ms)
{
    struct model_timer **at = &model.first;

    while (*at != NULL && (*at)->key_ms < key_ms)
        at = &(*at)->next;
    t->key_ms = key_ms;
    t->is_armed = true;
    t->next = *at;
    *at = t;
}

static void model_remove(struct model_timer *t)
{
    struct model_timer **at = &model.first;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->is_armed = false;
    t->is_late = false;
}

static struct model_timer *model_first_due(void)
{
    struct model_timer *t = model.first;

    while (t != NULL && t->is_late)
        t = t->next;
    return t;
}

static void model_on_timer(struct flare__timer *timer);

/* Distances of every size, with ties, edges and the past among them. */
static uint64_t model_expiry(void)
{
    uint64_t r = random_next(&model.seed);
    uint64_t now = model.now_ms;
    uint64_t ahead = r >> (22 + r % 42);

    switch ((r >> 8) % 16) {
    case 0:
        return now - (ahead < now ? ahead : now);
    case 1:
        return now;
    case 2:
        return ahead > UINT64_MAX - now ? UINT64_MAX : now + ahead;
    case 3:
        return (now | 63) + 1; /* where digits turn over */
    case 4:
        return (now | 4095) + (r >> 40 & 1);
    case 5:
        return UINT64_MAX - (r >> 60);
    default:
        return now + (ahead & 0xffff);
    }
}

static void model_start(struct model_timer *t)
{
    uint64_t expiry = model_expiry();

    if (t->is_armed)
        model_remove(t);
    model_insert(t, expiry > model.now_ms ? expiry : model.now_ms);
    t->is_late = model.is_advancing && expiry <= model.now_ms;
    flare__wheel_start(&model.wheel, &t->timer, expiry, model_on_timer);
    HOLD(t->timer.expiry_ms == expiry);
    model.operations++;
}

static void model_stop(struct model_timer *t)
{
    if (t->is_armed)
        model_remove(t);
    flare__wheel_stop(&model.wheel, &t->timer);
    model.operations++;
}

static struct model_timer *model_any(void)
{
    return &model.timers[random_next(&model.seed) % MODEL_TIMERS];
}

static void model_on_timer(struct flare__timer *timer)
{
    struct model_timer *t =
        FLARE_CONTAINER_OF(timer, struct model_timer, timer);
    struct model_timer *due = model_first_due();

    HOLD(t->is_armed && !t->is_late);
    HOLD(!flare__timer_is_armed(timer));
    HOLD(t->key_ms == due->key_ms);                 /* in order of ticks */
    HOLD(t->timer.expiry_ms <= model.wheel.now_ms); /* not early */
    HOLD(t->key_ms <= model.target_ms);
    HOLD(model.wheel.now_ms == t->key_ms); /* nor late */
    model.now_ms = model.wheel.now_ms;
    model_remove(t);
    model.ran++;
    switch (random_next(&model.seed) % 8) {
    case 0:
        model_start(t);
        break;
    case 1:
        model_start(model_any());
        break;
    case 2:
        model_stop(model_any());
        break;
    case 3: /* a sibling of the same tick, if there is one */
        if (model.first != NULL)
            model_stop(model.first);
        break;
    default:
        break;
    }
}

/* After an advance, keys of late timers are the moment of the next one. */
static void model_settle(void)
{
    for (int i = 0; i < MODEL_TIMERS; i++) {
        struct model_timer *t = &model.timers[i];

        t->is_late = false;
        if (!t->is_armed || t->key_ms >= model.now_ms)
            continue;
        model_remove(t);
        model_insert(t, model.now_ms);
    }
}

static void model_advance(uint64_t to_ms)
{
    uint64_t before = model.ran;
    uint64_t next = flare__wheel_next(&model.wheel);
    struct model_timer *due;
    uint32_t ran;

    due = model_first_due();
    HOLD(next <= (due == NULL ? UINT64_MAX : due->key_ms));
    HOLD(due == NULL ? next == UINT64_MAX : next >= model.now_ms);
    model.target_ms = to_ms > model.now_ms ? to_ms : model.now_ms;
    model.is_advancing = true;
    ran = flare__wheel_advance(&model.wheel, to_ms);
    model.is_advancing = false;
    HOLD(ran == model.ran - before);
    HOLD(model.wheel.now_ms == model.target_ms);
    model.now_ms = model.target_ms;
    due = model_first_due();
    HOLD(due == NULL || due->key_ms > model.now_ms);
    model_settle();
    model.operations++;
}

static uint64_t model_target(void)
{
    uint64_t r = random_next(&model.seed);
    uint64_t ahead = r >> (24 + r % 40);

    switch ((r >> 8) % 32) {
    case 0:
        return model.now_ms - (ahead < model.now_ms ? ahead : model.now_ms);
    case 1:
        return model.now_ms;
    case 2: /* may jump far */
        return ahead > UINT64_MAX - model.now_ms ? model.now_ms
                                                 : model.now_ms + ahead;
    case 3: /* the first, unless it waits for the end of time */
        if (model.first == NULL || (model.first->key_ms - model.now_ms) >> 50)
            return model.now_ms;
        return model.first->key_ms;
    case 4:
    case 5:
        ahead = flare__wheel_next(&model.wheel);
        return ahead == UINT64_MAX ? model.now_ms : ahead;
    default:
        return model.now_ms + (r >> 56);
    }
}

/* Operations on one wheel, until enough or until it nears the end of time. */
static void model_round(uint64_t start_ms, uint64_t operations)
{
    memset(model.timers, 0, sizeof(model.timers));
    model.first = NULL;
    model.now_ms = start_ms;
    flare__wheel_init(&model.wheel, start_ms);
    while (model.operations < operations &&
           model.now_ms < UINT64_MAX - span_ms) {
        uint64_t r = random_next(&model.seed) >> 32;

        if (r % 8 < 4)
            model_start(model_any());
        else if (r % 8 < 6)
            model_stop(model_any());
        else
            model_advance(model_target());
        if ((r >> 8 & 63) == 0)
            flare__wheel_check(&model.wheel);
    }
    flare__wheel_check(&model.wheel);
    for (int i = 0; i < MODEL_TIMERS; i++)
        HOLD(flare__timer_is_armed(&model.timers[i].timer) ==
             model.timers[i].is_armed);
}

static const struct {
    uint64_t start_ms;
    uint64_t operations;
} runs[] = {
    {0, 1000000},
    {1, 100000},
    {63, 100000},
    {((uint64_t)1 << 36) - 2, 100000},
    {((uint64_t)1 << 42) - 2, 100000},
    {((uint64_t)63 << 36) + 12345, 100000},
    {((uint64_t)7 << 42) - 70, 100000},
    {(uint64_t)1 << 62, 100000},
};

START_TEST(test_timer_agrees_with_a_sorted_list)
{
    int rounds = 0;

    memset(&model, 0, sizeof(model));
    model.seed = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    for (; model.operations < runs[_i].operations; rounds++)
        model_round(runs[_i].start_ms, runs[_i].operations);
    HOLD(model.ran > runs[_i].operations / 20);
    printf("timer: %llu operations in %d rounds, %llu timers ran\n",
           (unsigned long long)model.operations, rounds,
           (unsigned long long)model.ran);
}
END_TEST

/* For the edges: a timer that counts, and may do one thing when it runs. */
struct probe {
    struct flare__timer timer;
    struct flare__wheel *wheel;
    struct probe *other;
    int ran;
    uint64_t ran_at_ms;
    uint64_t again_ms;
};

static void probe_count(struct flare__timer *timer)
{
    struct probe *p = FLARE_CONTAINER_OF(timer, struct probe, timer);

    p->ran++;
    p->ran_at_ms = p->wheel->now_ms;
}

static const struct {
    const char *name;
    uint64_t now_ms;
    uint64_t expiry_ms;
} edges[] = {
    {"the next tick", 0, 1},
    {"last slot of level 0", 0, 63},
    {"first of level 1", 0, 64},
    {"a digit turns", 63, 64},
    {"all digits turn", ((uint64_t)1 << 36) - 1, (uint64_t)1 << 36},
    {"last of level 5", 0, ((uint64_t)1 << 36) - 1},
    {"first of the top", 0, (uint64_t)1 << 36},
    {"last of the top", 0, ((uint64_t)1 << 42) - 1},
    {"past the top", 0, (uint64_t)1 << 42},
    {"far past the top", 0, (uint64_t)1 << 50},
    {"the era turns", ((uint64_t)1 << 42) - 1, (uint64_t)1 << 42},
    {"the era turns, far", ((uint64_t)1 << 42) - 1, (uint64_t)3 << 42},
    {"63 slots of the top ahead", 5, ((uint64_t)63 << 36) + 5},
    {"a little more", 5, ((uint64_t)63 << 36) + 6},
    {"nearly 64 slots", 5, ((uint64_t)64 << 36) + 4},
    {"the end of time", 0, UINT64_MAX},
    {"the end of time is near", UINT64_MAX - 1, UINT64_MAX},
};

START_TEST(test_timer_R15_runs_at_its_tick_whatever_the_distance)
{
    uint64_t expiry = edges[_i].expiry_ms;
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, edges[_i].now_ms);
    flare__wheel_start(&wheel, &p.timer, expiry, probe_count);
    flare__wheel_check(&wheel);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, expiry - 1), 0);
    flare__wheel_check(&wheel);
    ck_assert_msg(p.ran == 0, "%s: early", edges[_i].name);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, expiry), 1);
    ck_assert_msg(p.ran == 1, "%s: not run", edges[_i].name);
    ck_assert_uint_eq(p.ran_at_ms, expiry);
    ck_assert_uint_eq(flare__wheel_next(&wheel), UINT64_MAX);
}
END_TEST

START_TEST(test_timer_next_leads_to_the_expiry_in_few_steps)
{
    uint64_t expiry = edges[_i].expiry_ms;
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};
    uint64_t distance = expiry - edges[_i].now_ms;
    int steps = 0;
    /* the farthest slot is 137 years on: a step for each of those */
    int bound =
        FLARE__WHEEL_LEVELS + (int)(distance / ((uint64_t)63 << 36) + 1);

    if (distance > (uint64_t)1 << 55)
        return; /* too many of them to walk through */
    flare__wheel_init(&wheel, edges[_i].now_ms);
    flare__wheel_start(&wheel, &p.timer, expiry, probe_count);
    while (p.ran == 0) {
        uint64_t next = flare__wheel_next(&wheel);

        HOLD(next <= expiry);
        HOLD(next > wheel.now_ms);
        flare__wheel_advance(&wheel, next);
        steps++;
    }
    ck_assert_msg(steps <= bound, "%s: %d steps", edges[_i].name, steps);
}
END_TEST

START_TEST(test_timer_of_the_past_runs_at_the_next_advance)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 1000);
    flare__wheel_start(&wheel, &p.timer, 10, probe_count);
    ck_assert_uint_eq(flare__wheel_next(&wheel), 1000);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1000), 1);
    flare__wheel_start(&wheel, &p.timer, 1000, probe_count);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1005), 1);
    ck_assert_int_eq(p.ran, 2);
}
END_TEST

START_TEST(test_timer_of_the_past_can_be_stopped)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 1000);
    flare__wheel_start(&wheel, &p.timer, 10, probe_count);
    flare__wheel_stop(&wheel, &p.timer);
    ck_assert_uint_eq(flare__wheel_next(&wheel), UINT64_MAX);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 2000), 0);
}
END_TEST

/* FAILURES.md R16: whatever the clock does, the wheel only moves forward. */
START_TEST(test_timer_ignores_time_going_backwards)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 1000);
    flare__wheel_start(&wheel, &p.timer, 1100, probe_count);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1050), 0);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 3), 0);
    ck_assert_uint_eq(wheel.now_ms, 1050);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1099), 0);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1100), 1);
}
END_TEST

START_TEST(test_timer_started_again_forgets_its_first_time)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 0);
    flare__wheel_start(&wheel, &p.timer, 10, probe_count);
    flare__wheel_start(&wheel, &p.timer, 5000, probe_count);
    flare__wheel_check(&wheel);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 4999), 0);
    flare__wheel_start(&wheel, &p.timer, 5001, probe_count);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 5000), 0);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 6000), 1);
    ck_assert_uint_eq(p.ran_at_ms, 5001);
}
END_TEST

START_TEST(test_timer_stopping_one_not_armed_is_nothing)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 0);
    ck_assert(!flare__timer_is_armed(&p.timer));
    flare__wheel_stop(&wheel, &p.timer);
    flare__wheel_start(&wheel, &p.timer, 10, probe_count);
    ck_assert(flare__timer_is_armed(&p.timer));
    flare__wheel_stop(&wheel, &p.timer);
    flare__wheel_stop(&wheel, &p.timer);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 100), 0);
}
END_TEST

static void probe_stop_other(struct flare__timer *timer)
{
    struct probe *p = FLARE_CONTAINER_OF(timer, struct probe, timer);

    probe_count(timer);
    flare__wheel_stop(p->wheel, &p->other->timer);
}

START_TEST(test_timer_of_the_same_tick_may_stop_the_other)
{
    struct flare__wheel wheel;
    struct probe a = {.wheel = &wheel};
    struct probe b = {.wheel = &wheel, .other = &a};

    a.other = &b;
    flare__wheel_init(&wheel, 0);
    flare__wheel_start(&wheel, &a.timer, 500, probe_stop_other);
    flare__wheel_start(&wheel, &b.timer, 500, probe_stop_other);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 1000), 1);
    ck_assert_int_eq(a.ran + b.ran, 1);
    ck_assert(!flare__timer_is_armed(&a.timer));
    ck_assert(!flare__timer_is_armed(&b.timer));
    flare__wheel_check(&wheel);
}
END_TEST

static void probe_again(struct flare__timer *timer)
{
    struct probe *p = FLARE_CONTAINER_OF(timer, struct probe, timer);

    probe_count(timer);
    flare__wheel_start(p->wheel, timer, p->again_ms, probe_again);
}

START_TEST(test_timer_that_starts_itself_at_once_waits_for_the_next_advance)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 0);
    flare__wheel_start(&wheel, &p.timer, 10, probe_again);
    for (int i = 1; i <= 5; i++) {
        ck_assert_uint_eq(flare__wheel_advance(&wheel, 100), 1);
        ck_assert_int_eq(p.ran, i);
        flare__wheel_check(&wheel);
    }
}
END_TEST

static void probe_period(struct flare__timer *timer)
{
    struct probe *p = FLARE_CONTAINER_OF(timer, struct probe, timer);

    probe_count(timer);
    flare__wheel_start(p->wheel, timer, p->wheel->now_ms + 7, probe_period);
}

START_TEST(test_timer_that_starts_itself_ahead_runs_within_the_advance)
{
    struct flare__wheel wheel;
    struct probe p = {.wheel = &wheel};

    flare__wheel_init(&wheel, 0);
    flare__wheel_start(&wheel, &p.timer, 7, probe_period);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 7000), 1000);
    ck_assert_uint_eq(p.ran_at_ms, 7000);
}
END_TEST

static void probe_free(struct flare__timer *timer)
{
    struct probe *p = FLARE_CONTAINER_OF(timer, struct probe, timer);

    ++*(int *)(void *)p->other; /* a counter, here */
    free(p);
}

START_TEST(test_timer_may_free_itself)
{
    struct flare__wheel wheel;
    int count = 0;

    flare__wheel_init(&wheel, 0);
    for (uint64_t i = 0; i < 100; i++) {
        struct probe *p = calloc(1, sizeof(*p));

        p->other = (struct probe *)(void *)&count;
        flare__wheel_start(&wheel, &p->timer, 90 + i / 10, probe_free);
    }
    flare__wheel_advance(&wheel, 1000);
    ck_assert_int_eq(count, 100);
}
END_TEST

/* FAILURES.md R15, with the far future among the edges above. */
START_TEST(test_timer_R15_hundred_thousand_at_one_tick_each_run_once)
{
    enum { MANY = 100000 };
    struct probe *probes = calloc(MANY, sizeof(*probes));
    struct flare__wheel wheel;

    flare__wheel_init(&wheel, 12345);
    for (int i = 0; i < MANY; i++) {
        probes[i].wheel = &wheel;
        flare__wheel_start(&wheel, &probes[i].timer, 12345 + 60000,
                           probe_count);
    }
    for (int i = 0; i < MANY; i += 2)
        flare__wheel_stop(&wheel, &probes[i].timer);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 12345 + 59999), 0);
    ck_assert_uint_eq(flare__wheel_advance(&wheel, 12345 + 60000), MANY / 2);
    for (int i = 0; i < MANY; i++)
        HOLD(probes[i].ran == i % 2);
    free(probes);
}
END_TEST

START_TEST(test_timer_jump_of_ages_costs_a_few_steps)
{
    struct flare__wheel wheel;
    struct probe p[64];

    /* tick by tick this would take years: Check's time limit is the test */
    flare__wheel_init(&wheel, 0);
    for (int i = 0; i < 64; i++) {
        p[i] = (struct probe){.wheel = &wheel};
        flare__wheel_start(&wheel, &p[i].timer, (uint64_t)1 << i, probe_count);
    }
    ck_assert_uint_eq(flare__wheel_advance(&wheel, span_ms * 1000), 52);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(p[i].ran, i < 52);
    flare__wheel_check(&wheel);
}
END_TEST

START_TEST(test_timer_without_function_is_a_bug)
{
    struct flare__wheel wheel;
    struct flare__timer timer = {0};

    flare__wheel_init(&wheel, 0);
    flare__wheel_start(&wheel, &timer, 1, NULL);
}
END_TEST

static TCase *edge_case(void)
{
    TCase *tc = tcase_create("edges");

    tcase_add_loop_test(tc,
                        test_timer_R15_runs_at_its_tick_whatever_the_distance,
                        0, ROWS(edges));
    tcase_add_loop_test(tc, test_timer_next_leads_to_the_expiry_in_few_steps, 0,
                        ROWS(edges));
    tcase_add_test(tc, test_timer_of_the_past_runs_at_the_next_advance);
    tcase_add_test(tc, test_timer_of_the_past_can_be_stopped);
    tcase_add_test(tc, test_timer_ignores_time_going_backwards);
    tcase_add_test(tc, test_timer_started_again_forgets_its_first_time);
    tcase_add_test(tc, test_timer_stopping_one_not_armed_is_nothing);
    tcase_add_test(tc,
                   test_timer_R15_hundred_thousand_at_one_tick_each_run_once);
    tcase_add_test(tc, test_timer_jump_of_ages_costs_a_few_steps);
    tcase_add_test_raise_signal(tc, test_timer_without_function_is_a_bug,
                                SIGABRT);
    return tc;
}

static TCase *callback_case(void)
{
    TCase *tc = tcase_create("callbacks");

    tcase_add_test(tc, test_timer_of_the_same_tick_may_stop_the_other);
    tcase_add_test(
        tc, test_timer_that_starts_itself_at_once_waits_for_the_next_advance);
    tcase_add_test(tc,
                   test_timer_that_starts_itself_ahead_runs_within_the_advance);
    tcase_add_test(tc, test_timer_may_free_itself);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *tc = tcase_create("model");

    tcase_add_loop_test(tc, test_timer_agrees_with_a_sorted_list, 0,
                        ROWS(runs));
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, edge_case());
    suite_add_tcase(suite, callback_case());
    return test_run(suite);
}
