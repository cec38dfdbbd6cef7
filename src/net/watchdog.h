/* SPDX-License-Identifier: MIT */
/*
 * The watchdog (FAILURES R13): a thread that looks at every loop from outside
 * and says which one has been in the same turn for too long, and with what.
 *
 * It takes no lock that a worker takes and reads nothing that is not atomic.  A
 * worker pays two stores per turn (loop.h), and, where notes are taken, some
 * stores per request.
 *
 * A stall is one line when it is seen, one each time that it has got twice as
 * long, and one at its end; of one worker a new stall is told once a second,
 * the others are counted.  If the watchdog itself was not run for as long (a
 * process that was stopped, a machine without a free CPU), what it sees is no
 * stall.
 */
#ifndef FLARE__NET_WATCHDOG_H
#define FLARE__NET_WATCHDOG_H

#include "net/loop.h"

enum { FLARE__WATCH_NOTE_MAX = 96 };

/* What a worker is at: written by it, read by the watchdog. */
struct flare__watch {
    _Alignas(128) _Atomic(struct flare_loop *) loop; /* NULL: not watched */
    atomic_uint version;  /* odd: the note is being written */
    atomic_uint note_len; /* 0: there is none */
    _Atomic(uint64_t) note[FLARE__WATCH_NOTE_MAX / sizeof(uint64_t)];
};

struct flare__watchdog;

struct flare__watchdog_config {
    const struct flare_allocator *al;
    struct flare__log log;
    uint32_t count;    /* of workers */
    uint32_t stall_ms; /* at least 1 */
    uint32_t abort_ms; /* 0: never */
};

/* Starts it, with nobody to watch yet.  -errno. */
int flare__watchdog_open(struct flare__watchdog **out,
                         const struct flare__watchdog_config *config);

/* Joins it.  Accepts NULL. */
void flare__watchdog_close(struct flare__watchdog *dog);

/* The place of worker `index`; lent until close. */
struct flare__watch *flare__watchdog_at(struct flare__watchdog *dog,
                                        uint32_t index);

/* The loop's memory must outlive the watchdog, or flare__watch_stop and a turn
 * of its. */
void flare__watch_start(struct flare__watch *watch, struct flare_loop *loop);
void flare__watch_stop(struct flare__watch *watch);

/* What the worker does from now on: copied, cut.  Thread: the worker. */
void flare__watch_note(struct flare__watch *watch, struct flare_str what);

/* And no more. */
static inline void flare__watch_clear(struct flare__watch *watch)
{
    atomic_store_explicit(&watch->note_len, 0, memory_order_relaxed);
}

#endif
