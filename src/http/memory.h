/* SPDX-License-Identifier: MIT */
/*
 * A worker's memory budget (FAILURES R12): all that its connections, requests
 * and answers take is counted, and as it gets less, the worker asks less of
 * itself, in steps, each of which keeps those before it:
 *
 *   CALM
 *   TIGHT   80 %  nothing is kept for reuse, every answer is its connection's
 *                 last, idle connections are closed, the oldest first
 *   SCARCE  90 %  bodies that are not there already are refused (503)
 *   FULL    95 %  all requests are refused (503), accepting waits
 *
 * Past 100 % there is no memory: what asked for it fails as if the system had
 * none.  A level ends 5 % below where it began, so it does not flap.
 *
 * Counted are blocks as they were asked for, with the 16 bytes that hold their
 * size, and each open connection, with a flat sum for its TLS; not the receive
 * buffers, the loop, and what other threads free (promises, offloaded jobs).
 * Without a budget nothing is counted and there is no such struct.
 */
#ifndef FLARE__HTTP_MEMORY_H
#define FLARE__HTTP_MEMORY_H

#include "base/assert.h"
#include "http/http.h"

enum {
    /* What the TLS of a connection counts for: a state of OpenSSL's, which it
     * allocates by itself, 16 to 19 KiB at rest, and ours (docs/tls.md). */
    FLARE__MEMORY_TLS_BYTES = 20 * 1024
};

enum flare__memory_level {
    FLARE__MEMORY_CALM,
    FLARE__MEMORY_TIGHT,
    FLARE__MEMORY_SCARCE,
    FLARE__MEMORY_FULL
};

struct flare__memory {
    uint64_t used;
    uint64_t rise; /* past it the level is another */
    uint64_t fall; /* below it too */
    uint64_t max;
    struct flare__http *http;
    const struct flare_allocator *below;      /* has it all from there */
    const struct flare__http_options *shared; /* as http->options was */
    struct flare__http_options options;       /* what it is now */
    struct flare_allocator al;                /* options.al: counts */
    struct flare__task task;                  /* acts on a new level */
    struct flare__timer timer;                /* and as long as it lasts */
    uint64_t log_ms;                          /* no line before then */
    uint8_t level;                            /* enum flare__memory_level */
    uint8_t acted;                            /* the level acted on */
};

/* Puts http->options->memory_max into force, if it is one.  -ENOMEM. */
int flare__memory_init(struct flare__http *h);

/* Everything counted has been freed.  Accepts that there is no budget. */
void flare__memory_fini(struct flare__http *h);

/* A connection more, or less. */
void flare__memory_add(struct flare__memory *m, size_t bytes);
void flare__memory_sub(struct flare__memory *m, size_t bytes);

/* Whether that level has been reached. */
static inline bool flare__memory_is(const struct flare__http *h,
                                    enum flare__memory_level level)
{
    return FLARE_UNLIKELY(h->memory != NULL) &&
           h->memory->level >= (uint8_t)level;
}

#endif
