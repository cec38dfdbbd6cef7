/* SPDX-License-Identifier: MIT */
/*
 * Signals as events of a loop (signalfd).  Only for a server that was asked to
 * handle them: it blocks them in the calling thread until closed.
 */
#ifndef FLARE__NET_SIGNAL_H
#define FLARE__NET_SIGNAL_H

#include "net/loop.h"

#include <signal.h>

typedef void (*flare__signal_fn)(int signal_number, void *ctx);

struct flare__signals {
    struct flare__sock sock;
    struct flare_loop *loop;
    flare__signal_fn fn;
    void *ctx;
    sigset_t before; /* the thread's mask, put back at close */
    bool is_open;    /* false again once CLOSED has come */
    bool is_blocked;
};

/* Blocks SIGINT and SIGTERM in the calling thread and those it starts. */
int flare__signals_block(struct flare__signals *s);
void flare__signals_unblock(struct flare__signals *s);

/* They are blocked; from now on `fn` gets them.  -errno. */
int flare__signals_open(struct flare__signals *s, struct flare_loop *loop,
                        flare__signal_fn fn, void *ctx);

/* The loop turns until `is_open` is false. */
void flare__signals_close(struct flare__signals *s);

#endif
