/* SPDX-License-Identifier: MIT */
/*
 * A machine on which io_uring is denied, for one process: a seccomp filter, as
 * containers install it.  It cannot be taken off again, so it is for a forked
 * child (in_child) or for the program deny_uring, which runs another under it.
 */
#ifndef FLARE__TEST_DENY_URING_H
#define FLARE__TEST_DENY_URING_H

#include <stdbool.h>

enum {
    DENY_SETUP = 1,
    DENY_ENTER = 2,
    DENY_REGISTER = 4,
    DENY_ALL = 7,
    DENY_KILL = 0 /* instead of an errno: the process dies of SIGSYS */
};

/*
 * Makes the system calls of `calls` (DENY_*) fail with `error`, an errno, from
 * now on in this process.  0 or -errno: no filter can be installed here.
 */
int deny_uring(unsigned calls, int error);

/* Whether there are such filters: not in an emulator of a processor. */
bool deny_uring_works(void);

/*
 * Runs `fn(ctx)` in a forked child, which exits with its result (0 to 255)
 * and without exit handlers.  Returns the exit status, or -signal.
 */
int in_child(int (*fn)(void *ctx), void *ctx);

/* In a child: says on standard error what is wrong, and returns 1. */
#define CHILD_CHECK(condition)                                                 \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            return 1;                                                          \
        }                                                                      \
    } while (0)

#endif
