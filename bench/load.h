/* SPDX-License-Identifier: MIT */
/*
 * The load engine: closed-loop load on many targets over one io_uring, HTTP or
 * an echo's, whose answer is the request.
 * All connections to all targets stay open and armed; a slice drives one
 * target and leaves it idle again, so the CPU time its server used and the
 * requests it answered belong together exactly, with nothing cut at the edges.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/histogram.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LOAD_TARGETS_MAX = 16,
    LOAD_PIDS_MAX = 16,
    LOAD_KINDS_MAX = 8,
    LOAD_ANSWER_MAX = 2 << 20
};

/* One request, and the answer that every later one must repeat. */
struct load_kind {
    char *requests; /* `depth` copies of it */
    uint32_t request_bytes;
    uint32_t answer_bytes;
    uint32_t date_at;    /* of the 29 bytes that may differ */
    uint32_t date_bytes; /* 0: the answer has no Date */
    uint8_t *answer;
};

struct load_target {
    char name[32];
    struct sockaddr_in address;
    pid_t pids[LOAD_PIDS_MAX];
    unsigned pid_count;
    /* A connection asks for one after the other; more than one: depth 1. */
    struct load_kind kinds[LOAD_KINDS_MAX];
    unsigned kind_count;
    int is_echo;     /* the answer is the request, or known; no HTTP */
    int is_datagram; /* UDP: a request, and its answer, is a datagram */
    int is_ws;       /* a connection begins with the handshake of WebSocket */
    char broken[96]; /* why it takes part no more; empty: it does */
    struct histogram latency; /* of all slices that count */
};

struct load_slice {
    uint64_t requests;
    uint64_t elapsed_ns;
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
    uint64_t turns; /* of the client: answers per turn shows the batching */
    struct histogram latency;
};

struct load_config {
    struct load_target *targets;
    unsigned target_count;
    unsigned connections; /* to each target */
    unsigned depth;       /* requests in flight on each */
    uint64_t rate;        /* requests a second, whatever the answers do, at
                             depth 1; 0: the next when one is answered */
    int is_sleeping;      /* block for answers instead of spinning */
    int is_short;         /* a connection for each request, which asks for its
                             end; depth 1, and one kind */
    /* Called in every turn of a slice; may be NULL. */
    void (*on_turn)(void *ctx, uint64_t now);
    void *turn_ctx;
};

struct load;

/* Opens every connection and learns each target's answer; exits on failure. */
struct load *load_open(const struct load_config *config);

/*
 * Drives target `index` for `ns`, then waits until every answer is in.  At a
 * rate a request's latency runs from when it was due, not from when a
 * connection was free for it, and none that was due is left out: a server that
 * stalls pays for all that it keeps waiting.  A
 * wrong byte, a closed connection or ten silent seconds mark the target
 * broken, and return -1.
 */
int load_slice_run(struct load *load, unsigned index, uint64_t ns,
                   struct load_slice *out);

/* User and system time of all of a target's processes, in nanoseconds; marks
 * it broken when one is gone. */
uint64_t load_target_cpu(struct load_target *target);

/* Learns the answers to the target's requests, over connections of their own;
 * exits on failure. */
void load_target_learn(struct load_target *target);

/* A connected socket; exits on failure. */
int load_target_connect(const struct load_target *target);

uint64_t load_now(void); /* monotonic nanoseconds */

/* Prints the reason and exits; `rc` is a negative errno, or 0. */
__attribute__((noreturn, cold)) void load_die(const char *what, int rc);

#endif
