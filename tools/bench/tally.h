/* SPDX-License-Identifier: MIT */
/*
 * What is counted.  A thread adds to its own tally while the main thread takes
 * copies of it: every member is a uint64_t, written and read whole.
 */
#ifndef TOOL_BENCH_TALLY_H
#define TOOL_BENCH_TALLY_H

#include "tools/bench/histogram.h"

/* What goes wrong: id, name in JSON, words for people. */
#define TALLY_ERRORS(X)                                                        \
    X(REFUSED, "refused", "connections refused")                               \
    X(CONNECT, "connect", "connections not made")                              \
    X(CONNECT_TIMEOUT, "connect_timeout", "connecting took too long")          \
    X(TLS, "tls", "TLS failed")                                                \
    X(RESET, "reset", "connections reset")                                     \
    X(CLOSED, "closed", "closed before the answer")                            \
    X(TIMEOUT, "timeout", "answers took too long")                             \
    X(FRAMING, "framing", "answers not framed as they must be")                \
    X(WEBSOCKET, "websocket", "WebSocket failed")                              \
    X(OTHER, "other", "other failures")

enum tally_error {
#define X(id, name, words) TALLY_##id,
    TALLY_ERRORS(X)
#undef X
        TALLY_ERROR_COUNT
};

enum { TALLY_STATUS_MAX = 600 };

struct tally {
    uint64_t answers; /* complete, whatever their status */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t resent;     /* requests a connection was closed over, in order */
    uint64_t unsent;     /* due, and never sent for want of a connection */
    uint64_t unanswered; /* under way when it ended */
    uint64_t errors[TALLY_ERROR_COUNT];
    uint64_t status[TALLY_STATUS_MAX];
    struct histogram latency; /* from when it was to be sent */
    struct histogram service; /* from when it was sent */
    /* Of the whole run. */
    uint64_t connects;        /* that succeeded */
    struct histogram connect; /* TLS and the handshake of WebSocket included */
};

static inline void tally_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* By the thread that adds: all of it; or but for what is of the whole run. */
void tally_clear(struct tally *tally);
void tally_restart(struct tally *tally);

void tally_merge(struct tally *into, const struct tally *from);
void tally_subtract(struct tally *from, const struct tally *what);

uint64_t tally_errors(const struct tally *tally);

/* Answers with a status of `hundreds` (1 to 5). */
uint64_t tally_class(const struct tally *tally, unsigned hundreds);

const char *tally_error_name(enum tally_error error);
const char *tally_error_words(enum tally_error error);

#endif
