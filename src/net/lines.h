/* SPDX-License-Identifier: MIT */
/*
 * Lines from any thread to a descriptor, written by a thread of its own: a
 * bounded ring in between, without a lock.  Who gives a line never waits for
 * the descriptor (FAILURES M13); what finds no room, or cannot be written, is
 * dropped and counted.
 */
#ifndef FLARE__NET_LINES_H
#define FLARE__NET_LINES_H

#include <flare/alloc.h>
#include <flare/error.h>

#include <pthread.h>
#include <stdatomic.h>

enum {
    FLARE__LINES_BYTES_MIN = 4096,
    FLARE__LINES_BYTES_MAX = 1 << 30,
    FLARE__LINES_CHUNK = 64 << 10 /* of one write */
};

struct flare__lines {
    const struct flare_allocator *al;
    char *ring;
    uint64_t size;          /* a power of two */
    _Atomic(uint64_t) head; /* bytes ever taken by givers */
    _Atomic(uint64_t) tail; /* bytes ever given back */
    _Atomic(uint64_t) dropped;
    atomic_bool is_asleep;
    atomic_bool is_ending;
    pthread_mutex_t lock; /* of the two below; sleeping and waking only */
    pthread_cond_t posted;
    bool is_posted;
    pthread_t thread;
    int fd;
    bool is_cut;        /* a line was written in part: the next begins anew */
    uint64_t end_ns;    /* no more waiting after it; once is_ending is seen */
    uint32_t chunk_max; /* what a write may have without blocking */
    uint32_t len;
    uint32_t count; /* lines in it */
    char chunk[FLARE__LINES_CHUNK];
};

/*
 * Starts.  Borrows `fd` and `al`; `bytes` is rounded up to a power of two.
 * -EINVAL, -ENOMEM, -errno.
 */
FLARE_MUST_USE
int flare__lines_init(struct flare__lines *l, int fd, uint32_t bytes,
                      const struct flare_allocator *al);

/* False: dropped.  Thread: any. */
bool flare__lines_give(struct flare__lines *l, struct flare_str line);

/* Nobody gives any more: writes what there is, for a second at most. */
void flare__lines_fini(struct flare__lines *l);

#endif
