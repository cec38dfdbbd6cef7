/* SPDX-License-Identifier: MIT */
/*
 * What a run is to do: made from the command line before the threads start,
 * and only read from then on.
 */
#ifndef TOOL_BENCH_JOB_H
#define TOOL_BENCH_JOB_H

#include "tools/bench/requests.h"

#include <flare/flare.h>

enum {
    JOB_THREADS_MAX = 256,
    JOB_CONNECTIONS_MAX = 1000000,
    JOB_DEPTH_MAX = 1024
};

struct job {
    const char *url;        /* as given */
    struct flare_addr addr; /* where to connect */
    char host[256];         /* of the URL, without brackets; for TLS */
    uint16_t port;
    char authority[300]; /* of the Host field */
    char target[4096];   /* of the URL */
    bool is_tls;
    bool is_ws;

    struct requests requests; /* of WebSocket, the handshake */
    struct text message;      /* of WebSocket */
    bool is_binary;

    struct flare_tls_client_config tls;

    uint32_t threads;
    uint32_t connections;
    uint32_t depth; /* requests under way on one connection */
    bool closes;    /* a connection for each request */
    uint64_t timeout_ns;
    const char *backend; /* NULL: the best there is */
};

/* One stretch of load; times in nanoseconds. */
struct phase {
    double rate;          /* a second, of all threads; 0: as fast as answers
                           * come */
    bool is_poisson;      /* at random moments instead of a steady beat */
    uint64_t count;       /* requests, of all threads; 0: until time is up */
    uint64_t warmup_ns;   /* not counted */
    uint64_t duration_ns; /* UINT64_MAX: until `count` is done */
};

#endif
