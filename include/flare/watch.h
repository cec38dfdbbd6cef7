/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and signals of your own, on a loop: a pipe, an eventfd, a socket
 * of another library, a device; SIGCHLD.
 */
#ifndef FLARE_WATCH_H
#define FLARE_WATCH_H

#include <flare/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- descriptors ---- */

typedef struct flare_watch flare_watch;

/* What to wait for, and what has come. */
enum flare_watch_event {
    FLARE_WATCH_READ = 1,  /* it can be read: bytes, or the end */
    FLARE_WATCH_WRITE = 2, /* it can be written */
    /* The other side has closed; asked for, its sending half is enough (but
     * with kqueue, which tells that to who reads alone).  With FLARE_WATCH_READ
     * where that is asked for: the read says what it is. */
    FLARE_WATCH_HANGUP = 4,
    /* It is broken; told unasked, with READ and WRITE as asked for. */
    FLARE_WATCH_ERROR = 8,
    /* A wish, never told: each change once, instead of each turn as long as it
     * is so.  Go on until EAGAIN. */
    FLARE_WATCH_EDGE = 16
};

/* `events`: one or more FLARE_WATCH_*.  May make any call, also free `watch`.
 */
typedef void (*flare_watch_fn)(flare_watch *watch, unsigned events, void *ctx);

/*
 * Watches `fd`, which stays yours: the loop has a duplicate, which shares its
 * flags and its connection, and is gone in the turn after flare_watch_free.
 * `events`: FLARE_WATCH_*, READ or WRITE among them; 0: nothing yet, see
 * flare_watch_change.  Whether the descriptor is nonblocking is up to you.
 * Borrows `ctx` for its life.
 *
 * Gives a watch; release it with flare_watch_free, or let flare_loop_free do
 * it.  Returns 0; -EPERM for what cannot be waited for: a regular file, a
 * directory; -EBADF, -EMFILE; -EINVAL for other events; -ENOMEM;
 * FLARE_E_STOPPED while the loop ends.
 */
FLARE_API FLARE_MUST_USE int flare_watch_new(flare_loop *loop,
                                             flare_watch **out, int fd,
                                             unsigned events, flare_watch_fn fn,
                                             void *ctx);

/*
 * Waits for `events` from now on; 0: for nothing, and then it does not keep
 * flare_loop_run running.  With FLARE_WATCH_EDGE what is so now is told again.
 * Returns 0; -EINVAL; -errno: what the kernel cannot do now is tried again by
 * the loop.
 */
FLARE_API FLARE_MUST_USE int flare_watch_change(flare_watch *watch,
                                                unsigned events);

/* `fn` is not called any more.  Accepts NULL. */
FLARE_API void flare_watch_free(flare_watch *watch);

/* ---- signals ---- */

typedef struct flare_signal flare_signal;

/* May make any call, also free its signal. */
typedef void (*flare_signal_fn)(int number, void *ctx);

/*
 * Calls `fn` on the loop for each signal `number` that reaches the process (the
 * kernel counts several that wait as one).  Blocks it in the calling thread;
 * every other thread must block it too, which it does if it was started later.
 * One flare_signal for a number: which of several is told is not said.
 * Borrows `ctx` for its life.
 *
 * Gives a signal; release it with flare_signal_free, or let flare_loop_free do
 * it.  Returns 0; -EINVAL for what is no signal or cannot wait (SIGKILL,
 * SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL); -EMFILE, -ENOMEM; FLARE_E_STOPPED
 * while the loop ends.
 */
FLARE_API FLARE_MUST_USE int flare_signal_new(flare_loop *loop,
                                              flare_signal **out, int number,
                                              flare_signal_fn fn, void *ctx);

/*
 * `fn` is not called any more.  The signal is unblocked if flare_signal_new
 * blocked it: one that waits takes its usual way then.  Accepts NULL.
 */
FLARE_API void flare_signal_free(flare_signal *signal);

#ifdef __cplusplus
}
#endif
#endif
