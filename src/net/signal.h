/* SPDX-License-Identifier: MIT */
/*
 * Signals as events of a loop: those that a server ends by, or one
 * of the user's.  It blocks them in the calling thread, which is what makes
 * them wait for the loop, and gives back the mask for just those it blocked.
 *
 * States:  blocked -> open -> closing -> (CLOSED) blocked -> unblocked
 */
#ifndef FLARE__NET_SIGNAL_H
#define FLARE__NET_SIGNAL_H

#include "net/loop.h"

#include <signal.h>

struct flare__signals;

typedef void (*flare__signal_fn)(int signal_number, void *ctx);

/* Zeroed: neither blocked nor open. */
struct flare__signals {
    struct flare__sock sock;
    struct flare_loop *loop;
    flare__signal_fn fn; /* may close it */
    void *ctx;
    /* CLOSED has come: the memory is the owner's again.  May be NULL. */
    void (*on_closed)(struct flare__signals *s);
    sigset_t set;     /* which */
    sigset_t blocked; /* those of them that were not blocked before */
    bool is_open;     /* false again once CLOSED has come */
    bool is_closing;
    bool is_blocked;
};

/* Blocks SIGINT and SIGTERM in the calling thread and those it starts. */
int flare__signals_block(struct flare__signals *s);

/*
 * The same with one signal.  -EINVAL if it is none, or cannot wait: SIGKILL,
 * SIGSTOP, and those that a fault of the thread itself raises.
 */
int flare__signals_block_one(struct flare__signals *s, int number);

/* What is pending then takes its usual way. */
void flare__signals_unblock(struct flare__signals *s);

/* They are blocked; from now on `fn` gets them.  -errno. */
int flare__signals_open(struct flare__signals *s, struct flare_loop *loop,
                        flare__signal_fn fn, void *ctx);

/* The loop turns until `is_open` is false.  Nothing if it is not open. */
void flare__signals_close(struct flare__signals *s);

#endif
