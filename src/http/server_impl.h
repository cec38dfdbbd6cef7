/* SPDX-License-Identifier: MIT */
/*
 * What the files of the public server share: server.c opens and frees,
 * server_worker.c starts and finishes a worker, server_drain.c ends it all.
 */
#ifndef FLARE__HTTP_SERVER_IMPL_H
#define FLARE__HTTP_SERVER_IMPL_H

#include <flare/server.h>

#include "http/stats.h"
#include "net/handoff.h"
#include "net/listen_set.h"
#include "net/notify.h"
#include "net/signal.h"
#include "net/watchdog.h"
#include "net/worker.h"

#include <stdatomic.h>

enum flare__server_state {
    FLARE__SERVER_OPEN,
    FLARE__SERVER_RUNNING,
    FLARE__SERVER_DONE
};

/* One worker's part. */
struct flare__server_worker {
    struct flare__http http;
    struct flare__timer deadline; /* of the drain */
    struct flare__timer tick;     /* in the drain */
    struct flare_server *server;
    uint64_t drain_ms; /* when it began to drain */
    uint64_t seal_ms;  /* when it saw the listeners sealed; 0: not yet */
    uint64_t quiet_ms; /* when it looked for quiet connections last */
    uint32_t index;
    bool has_state; /* on_worker_start has succeeded */
    bool is_aborted;
    bool is_stopping; /* its listeners are closed or closing */
    bool has_stopped; /* and it has said so */
    uint64_t turns;
    struct flare__stats_cell stats;
};

struct flare_server {
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__router *router;
    struct flare__log log;
    struct flare__signals signals;
    struct flare__server_worker *workers;
    struct flare__watchdog *watchdog; /* while it runs; NULL: none */
    enum flare__server_state state;

    /* Of the thread that opened it, then of worker 0. */
    struct flare__listen_set set;
    struct flare__takeover takeover; /* until the workers run */
    struct flare__handoff handoff;
    struct flare__notify notify;
    struct flare_error run_error; /* a start that failed late */
    int run_rc;

    atomic_uint stops;     /* calls that ask for the end */
    atomic_uint accepting; /* workers whose listeners are not closed */
    atomic_bool is_broken; /* a worker is lost, and says nothing any more */
    atomic_bool is_sealed; /* after it the flags in `set` do not change */
    _Atomic(struct flare_loop *) loops[]; /* NULL: not started yet */
};

/* ---- server_worker.c: callbacks of the executor ---- */

int flare__server_start(struct flare__worker *w, void *ctx);
void flare__server_on_started(void *ctx);
void flare__server_finish(struct flare__worker *w, void *ctx);

/* ---- server_drain.c ---- */

bool flare__server_goes_on(struct flare__worker *w, void *ctx);
void flare__server_on_broken(void *ctx);

/* Lets go of the listening sockets, if that has not been done yet; no worker
 * accepts. */
void flare__server_let_go(struct flare_server *server);

#endif
