/* SPDX-License-Identifier: MIT */
/* What a server has done so far, in numbers, from any thread at any time. */
#ifndef FLARE_STATS_H
#define FLARE_STATS_H

#include <flare/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a close code is counted in `ws_closes`: 1000 to 1015 in its place, then
 * the registered and the applications' own, and what is none of them. */
enum {
    FLARE_STATS_CLOSE_3XXX = 16,
    FLARE_STATS_CLOSE_4XXX,
    FLARE_STATS_CLOSE_OTHER,
    FLARE_STATS_CLOSES
};

/*
 * Counts since flare_server_run, but for `connections`, `ws_connections` and
 * the two of memory, which are now.  Each
 * number is right as of the last turn of its worker's loop, within
 * milliseconds; two of them may be of different turns.
 */
struct flare_stats {
    uint64_t accepted;      /* connections */
    uint64_t closed;        /* of them */
    uint64_t connections;   /* open now */
    uint64_t requests;      /* handed to a handler, or to the router */
    uint64_t responses;     /* of whatever status, but 1xx */
    uint64_t responses_2xx; /* of them */
    uint64_t responses_3xx;
    uint64_t responses_4xx;
    uint64_t responses_5xx;
    uint64_t refused;  /* requests that were no HTTP, or past a limit */
    uint64_t timeouts; /* connections ended by a deadline */
    uint64_t aborted;  /* connections that ended in a reset or an error */
    uint64_t shed;     /* accepted and closed at once: no memory or place */
    uint64_t bytes_in; /* received */
    uint64_t bytes_out;
    uint64_t accept_pauses; /* times accepting had to wait */
    uint64_t turns;         /* of the workers' loops */
    /* Counted against worker_memory_max, and that; 0: there is no budget. */
    uint64_t memory_used;
    uint64_t memory_max;
    /* Of the server's WebSockets. */
    uint64_t ws_connections; /* open now; of `connections` */
    uint64_t ws_opened;
    uint64_t ws_closed;
    uint64_t ws_messages_in; /* whole ones that the handler was given */
    uint64_t ws_messages_out;
    uint64_t ws_bytes_in; /* of messages, as the application sees them */
    uint64_t ws_bytes_out;
    uint64_t ws_refused; /* messages that a full queue has not taken */
    uint64_t ws_closes[FLARE_STATS_CLOSES]; /* ws_closed, by on_closed's code */
};

/*
 * flare_server_stats(server, out): the sum over all workers; all zero before
 * flare_server_run, the last numbers after it.  No lock is taken and no worker
 * disturbed.  Thread: any, until flare_server_free.
 */
#define flare_server_stats(server, out)                                        \
    flare_server_stats_sized(server, sizeof(struct flare_stats), out)

/* flare_server_stats, and how large the caller's struct is. */
FLARE_API void flare_server_stats_sized(const flare_server *server, size_t size,
                                        struct flare_stats *out);

/*
 * flare_server_worker_stats(server, index, out): one worker's part, 0 to
 * flare_server_workers - 1; how evenly connections are spread shows here.
 * Returns 0, or -EINVAL if there is no such worker.  Thread: as above.
 */
#define flare_server_worker_stats(server, index, out)                          \
    flare_server_worker_stats_sized(server, index, sizeof(struct flare_stats), \
                                    out)

/* flare_server_worker_stats, and how large the caller's struct is. */
FLARE_API FLARE_MUST_USE int flare_server_worker_stats_sized(
    const flare_server *server, uint32_t index, size_t size,
    struct flare_stats *out);

/* How many workers the server has.  Thread: any. */
FLARE_API uint32_t flare_server_workers(const flare_server *server);

#ifdef __cplusplus
}
#endif
#endif
