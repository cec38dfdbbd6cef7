/* SPDX-License-Identifier: MIT */
/*
 * Bytes as what a worker does with its timers: start, stop, let time pass.  A
 * timer fires once, in the first advance that reaches it and never before; the
 * wheel is never asked later than its first timer wants; its invariants hold
 * after every step.
 */
#include "net/timer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TIMERS = 16, STEPS_MAX = 512 };

struct one {
    struct flare__timer timer; /* first: the callback's argument */
    uint64_t due_ms;
    bool is_armed;
    uint8_t then; /* what its callback does with its neighbour */
};

static struct {
    struct flare__wheel wheel;
    struct one list[TIMERS];
    uint64_t now_ms;
    uint64_t before_ms; /* of the last advance */
    uint32_t fired;
} w;

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_timer: %s\n", what);
        abort();
    }
}

static void on_timer(struct flare__timer *timer);

static void start(struct one *one, uint64_t due_ms)
{
    one->due_ms = due_ms;
    one->is_armed = true;
    flare__wheel_start(&w.wheel, &one->timer, due_ms, on_timer);
}

static void stop(struct one *one)
{
    one->is_armed = false;
    flare__wheel_stop(&w.wheel, &one->timer);
}

static void on_timer(struct flare__timer *timer)
{
    struct one *one = (struct one *)timer;
    struct one *other = &w.list[(size_t)(one - w.list + 1) % TIMERS];

    check(one->is_armed, "fired, and was not armed");
    check(one->due_ms <= w.now_ms, "too early");
    one->is_armed = false;
    w.fired++;
    switch (one->then & 3) {
    case 1:
        stop(other);
        break;
    case 2:
        start(other, w.now_ms + (one->then >> 2));
        break;
    case 3:
        start(one, w.now_ms + 1 + (one->then >> 2));
        break;
    default:
        break;
    }
}

/* A span of each order of magnitude: 4 bits of it, shifted. */
static uint64_t span(uint8_t byte)
{
    return (uint64_t)(byte & 15) << (byte >> 4) * 3;
}

static void advance(uint64_t ms)
{
    uint64_t first = UINT64_MAX;
    uint32_t ran;

    for (int i = 0; i < TIMERS; i++)
        if (w.list[i].is_armed && w.list[i].due_ms < first)
            first = w.list[i].due_ms;
    check(first == UINT64_MAX || flare__wheel_next(&w.wheel) <=
                                     (first > w.now_ms ? first : w.now_ms),
          "asked too late");
    w.now_ms += ms;
    w.fired = 0;
    ran = flare__wheel_advance(&w.wheel, w.now_ms);
    check(ran == w.fired, "another count");
}

/* What was due before the advance has fired: none is armed that was passed,
 * but those which a callback has started in the past. */
static void check_none_forgotten(const uint64_t *due, const bool *was_armed)
{
    for (int i = 0; i < TIMERS; i++)
        check(!was_armed[i] || due[i] > w.now_ms || !w.list[i].is_armed ||
                  w.list[i].due_ms != due[i] || (w.list[i].then & 3) != 0 ||
                  (w.list[(i + TIMERS - 1) % TIMERS].then & 3) != 0,
              "forgotten");
}

static void pass(uint64_t ms)
{
    uint64_t due[TIMERS];
    bool was_armed[TIMERS];

    for (int i = 0; i < TIMERS; i++) {
        due[i] = w.list[i].due_ms;
        was_armed[i] = w.list[i].is_armed;
    }
    advance(ms);
    check_none_forgotten(due, was_armed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&w, 0, sizeof(w));
    flare__wheel_init(&w.wheel, 0);
    for (size_t i = 0; i + 1 < size && i < (size_t)2 * STEPS_MAX; i += 2) {
        struct one *one = &w.list[data[i] >> 4];

        switch (data[i] & 3) {
        case 0:
            one->then = data[i + 1];
            break;
        case 1:
            start(one, w.now_ms + span(data[i + 1]));
            break;
        case 2:
            stop(one);
            break;
        default:
            pass(span(data[i + 1]));
        }
        for (int k = 0; k < TIMERS; k++)
            check(flare__timer_is_armed(&w.list[k].timer) == w.list[k].is_armed,
                  "armed, or not, against what was done");
        flare__wheel_check(&w.wheel);
    }
    return 0;
}
