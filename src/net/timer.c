/* SPDX-License-Identifier: MIT */
/*
 * The wheel is a clock with seven hands: a time is read as digits of base 64,
 * and a timer lies at the level of the highest digit in which its expiry
 * differs from now, in the slot of its own digit there.  Hence
 *
 *   - everything at a level expires before anything at a higher one, and the
 *     first occupied slot of the lowest occupied level is what comes next:
 *     one find-first-bit, however far time jumps;
 *   - when now reaches the start of a slot above level 0, its timers move
 *     down, at most once for each level;
 *   - slots of passed digits are empty, so no slot ever holds two rounds.
 *
 * Only the top level goes round: it has no digit above, so its slots are
 * counted from now on, up to 63 ahead.  What expires later waits in the
 * farthest and is placed again from there; its expiry stays the true one.
 *
 * The list that is being run hangs on a local head, and every timer knows what
 * points at it: that is why callbacks may stop any of them.
 */
#include "net/timer.h"

#include "base/assert.h"

#include <stddef.h>

enum {
    WHEEL_BITS = 6, /* of a digit */
    WHEEL_TOP = FLARE__WHEEL_LEVELS - 1,
    WHEEL_TOP_SHIFT = WHEEL_TOP * WHEEL_BITS
};

_Static_assert(FLARE__WHEEL_SLOTS == 1 << WHEEL_BITS, "a slot for each digit");
_Static_assert(FLARE__WHEEL_SLOTS == 64, "a bit of uint64_t for each slot");
_Static_assert(sizeof(struct flare__timer) <= 32,
               "timers are part of the memory of every connection");

static void timer_link(struct flare__timer *timer, struct flare__timer **head)
{
    struct flare__timer *next = *head;

    timer->next = next;
    timer->link = head;
    if (next != NULL)
        next->link = &timer->next;
    *head = timer;
}

/* The place of a time after now: level * 64 + slot. */
static unsigned wheel_place(const struct flare__wheel *w, uint64_t expiry_ms)
{
    uint64_t differs = expiry_ms ^ w->now_ms;
    unsigned level = (unsigned)(63 - __builtin_clzll(differs)) / WHEEL_BITS;

    if (FLARE_UNLIKELY(level >= WHEEL_TOP)) {
        const uint64_t reach = (uint64_t)63 << WHEEL_TOP_SHIFT;

        level = WHEEL_TOP;
        if (expiry_ms - w->now_ms > reach)
            expiry_ms = w->now_ms + reach;
    }
    return level * FLARE__WHEEL_SLOTS +
           (unsigned)(expiry_ms >> (level * WHEEL_BITS)) % FLARE__WHEEL_SLOTS;
}

static void wheel_insert(struct flare__wheel *w, struct flare__timer *timer)
{
    unsigned place = wheel_place(w, timer->expiry_ms);

    timer_link(timer, &w->slots[0][0] + place);
    w->occupied[place / FLARE__WHEEL_SLOTS] |= (uint64_t)1
                                               << (place % FLARE__WHEEL_SLOTS);
}

void flare__wheel_init(struct flare__wheel *w, uint64_t now_ms)
{
    *w = (struct flare__wheel){.now_ms = now_ms};
}

void flare__wheel_start(struct flare__wheel *w, struct flare__timer *timer,
                        uint64_t expiry_ms, flare__timer_fn fn)
{
    FLARE_ASSERT(fn != NULL);
    flare__wheel_stop(w, timer);
    timer->expiry_ms = expiry_ms;
    timer->fn = fn;
    if (FLARE_LIKELY(expiry_ms > w->now_ms))
        wheel_insert(w, timer);
    else
        timer_link(timer, &w->due);
}

void flare__wheel_stop(struct flare__wheel *w, struct flare__timer *timer)
{
    struct flare__timer **link = timer->link;
    struct flare__timer *next = timer->next;
    uintptr_t offset;

    if (link == NULL)
        return;
    timer->link = NULL;
    *link = next;
    if (next != NULL) {
        next->link = link;
        return;
    }
    /* the last of a list: a slot's, if what pointed at it is in the table */
    offset = (uintptr_t)link - (uintptr_t)&w->slots;
    if (offset < sizeof(w->slots)) {
        unsigned place = (unsigned)(offset / sizeof(*link));

        w->occupied[place / FLARE__WHEEL_SLOTS] &=
            ~((uint64_t)1 << (place % FLARE__WHEEL_SLOTS));
    }
}

bool flare__timer_is_armed(const struct flare__timer *timer)
{
    return timer->link != NULL;
}

/* As wheel_find, for the level whose slots go round now. */
static int wheel_find_top(const struct flare__wheel *w, uint64_t *start_ms)
{
    uint64_t bits = w->occupied[WHEEL_TOP];
    uint64_t digits = w->now_ms >> WHEEL_TOP_SHIFT;
    unsigned now = (unsigned)digits % FLARE__WHEEL_SLOTS;
    unsigned ahead;

    if (bits == 0)
        return -1;
    bits = bits >> now | bits << ((64 - now) % 64); /* now becomes bit 0 */
    ahead = (unsigned)__builtin_ctzll(bits);
    *start_ms = (digits + ahead) << WHEEL_TOP_SHIFT;
    return WHEEL_TOP * FLARE__WHEEL_SLOTS +
           (int)((now + ahead) % FLARE__WHEEL_SLOTS);
}

/* The next slot in time and when it starts; -1 if every slot is empty. */
static int wheel_find(const struct flare__wheel *w, uint64_t *start_ms)
{
    for (int level = 0; level < WHEEL_TOP; level++) {
        uint64_t bits = w->occupied[level];

        if (bits != 0) {
            unsigned shift = (unsigned)level * WHEEL_BITS;
            uint64_t above = w->now_ms >> shift >> WHEEL_BITS;
            unsigned slot = (unsigned)__builtin_ctzll(bits);

            *start_ms = (above << WHEEL_BITS | slot) << shift;
            return level * FLARE__WHEEL_SLOTS + (int)slot;
        }
    }
    return wheel_find_top(w, start_ms);
}

/* Moves a list to another head; the old one is empty then. */
static void timer_list_move(struct flare__timer **from,
                            struct flare__timer **to)
{
    *to = *from;
    if (*to != NULL)
        (*to)->link = to;
    *from = NULL;
}

static uint32_t timer_list_run(struct flare__timer **list)
{
    uint32_t ran = 0;

    while (*list != NULL) {
        struct flare__timer *timer = *list;

        *list = timer->next;
        if (*list != NULL)
            (*list)->link = list;
        timer->link = NULL;
        timer->fn(timer); /* may free it, and stop any other of the list */
        ran++;
    }
    return ran;
}

/* Now is the start of a slot above level 0: what is due stays in the list. */
static void wheel_cascade(struct flare__wheel *w, struct flare__timer **list)
{
    struct flare__timer *timer = *list;

    *list = NULL;
    while (timer != NULL) {
        struct flare__timer *next = timer->next;

        if (timer->expiry_ms == w->now_ms)
            timer_link(timer, list);
        else
            wheel_insert(w, timer);
        timer = next;
    }
}

/* Apart from flare__wheel_advance, whose common case needs no frame. */
__attribute__((noinline)) static uint32_t wheel_run(struct flare__wheel *w,
                                                    uint64_t now_ms)
{
    struct flare__timer *list;
    uint64_t start_ms;
    uint32_t ran = 0;

    if (w->due != NULL) {
        timer_list_move(&w->due, &list);
        ran = timer_list_run(&list);
    }
    for (;;) {
        int place = wheel_find(w, &start_ms);

        if (place < 0 || start_ms > now_ms)
            break;
        w->now_ms = start_ms;
        timer_list_move(&w->slots[0][0] + place, &list);
        w->occupied[place / FLARE__WHEEL_SLOTS] &=
            ~((uint64_t)1 << (place % FLARE__WHEEL_SLOTS));
        if (place >= FLARE__WHEEL_SLOTS)
            wheel_cascade(w, &list);
        ran += timer_list_run(&list);
    }
    if (now_ms > w->now_ms)
        w->now_ms = now_ms;
    return ran;
}

uint32_t flare__wheel_advance(struct flare__wheel *w, uint64_t now_ms)
{
    /* a busy loop turns many times in a millisecond */
    if (FLARE_LIKELY(now_ms <= w->now_ms && w->due == NULL))
        return 0;
    return wheel_run(w, now_ms);
}

uint64_t flare__wheel_next(const struct flare__wheel *w)
{
    uint64_t start_ms;

    if (w->due != NULL)
        return w->now_ms;
    return wheel_find(w, &start_ms) < 0 ? UINT64_MAX : start_ms;
}

static void timer_list_check(struct flare__timer *const *head)
{
    for (; *head != NULL; head = &(*head)->next) {
        FLARE_ASSERT((*head)->link == head);
        FLARE_ASSERT((*head)->fn != NULL);
    }
}

static void wheel_slot_check(const struct flare__wheel *w, unsigned level,
                             unsigned slot)
{
    const struct flare__timer *timer = w->slots[level][slot];
    unsigned shift = level * WHEEL_BITS;
    uint64_t now = w->now_ms >> shift;
    uint64_t own = now + (slot - now) % FLARE__WHEEL_SLOTS;

    FLARE_ASSERT((timer != NULL) == (w->occupied[level] >> slot & 1));
    FLARE_ASSERT(timer == NULL || own > now);
    for (; timer != NULL; timer = timer->next) {
        uint64_t digits = timer->expiry_ms >> shift;

        FLARE_ASSERT(timer->expiry_ms > w->now_ms);
        FLARE_ASSERT(digits >= own);
        if (level < WHEEL_TOP) {
            FLARE_ASSERT(digits == own);
            FLARE_ASSERT(digits >> WHEEL_BITS == now >> WHEEL_BITS);
        }
    }
}

void flare__wheel_check(const struct flare__wheel *w)
{
    timer_list_check(&w->due);
    for (const struct flare__timer *t = w->due; t != NULL; t = t->next)
        FLARE_ASSERT(t->expiry_ms <= w->now_ms);
    for (unsigned level = 0; level < FLARE__WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < FLARE__WHEEL_SLOTS; slot++) {
            timer_list_check(&w->slots[level][slot]);
            wheel_slot_check(w, level, slot);
        }
    }
}
