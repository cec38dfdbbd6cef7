/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the header of the BSDs, on Linux, for tests only: see
 * ../../kqueue_shim.c for what of kqueue(2) it is, and what not.  Values are
 * FreeBSD's.
 */
#ifndef FLARE__KQUEUE_SHIM_H
#define FLARE__KQUEUE_SHIM_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER (-7)
#define EVFILT_USER (-11)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_NSECONDS 0x00000008
#define NOTE_TRIGGER 0x01000000

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned int fflags;
    int64_t data;
    void *udata;
};

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int change_count,
           struct kevent *events, int event_count,
           const struct timespec *timeout);

/* FreeBSD's SO_REUSEPORT that spreads is what Linux's does. */
#define SO_REUSEPORT_LB SO_REUSEPORT

/* Of the BSDs' <unistd.h>. */
int getpeereid(int fd, uid_t *uid, gid_t *gid);

/* Makes the next `times` calls of kqueue or kevent fail.  Tests only. */
void kqueue_shim_fail(int error, int times);

/* Changes of this filter are refused with this error from now on; 0: not. */
void kqueue_shim_refuse(int filter, int error);

#endif
