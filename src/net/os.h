/* SPDX-License-Identifier: MIT */
/*
 * What the systems do differently, beside the waiting of backends/: the second
 * page that a porter needs.  os_linux.c and os_bsd.c (FreeBSD, NetBSD, OpenBSD,
 * macOS) are its two sides; nothing else asks which system it is.
 *
 * Errors are -errno.  Thread: any, unless it says otherwise.
 */
#ifndef FLARE__NET_OS_H
#define FLARE__NET_OS_H

#include <flare/error.h>

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- descriptors: close-on-exec from their birth, or right after it ---- */

enum { FLARE__OS_NONBLOCK = 1 }; /* O_NONBLOCK, too */

/* socket(2).  The descriptor. */
int flare__os_socket(int family, int type, unsigned flags);

/* accept(2), and O_NONBLOCK.  The descriptor; errors as accept(2) has them. */
int flare__os_accept(int fd);

/* recvmsg(2) of descriptors, which become close-on-exec.  Bytes. */
ssize_t flare__os_recv_fds(int fd, struct msghdr *msg);

/* Who has connected a Unix socket. */
int flare__os_peer_uid(int fd, uid_t *uid);

/* A connection that is gone is EPIPE and no signal, where a flag of each send
 * does not say so. */
void flare__os_no_sigpipe(int fd);

/*
 * Sends up to `count` bytes of a regular file to a socket with O_NONBLOCK: the
 * number sent, 0 at the file's end, -EAGAIN.  SIGPIPE is not raised (K04).
 */
ssize_t flare__os_sendfile(int fd, int file, uint64_t offset, size_t count);

/* Bytes in the socket's send queue that the peer has not acknowledged. */
int64_t flare__os_queued(int fd);

/* ---- listening ---- */

/* bind(2) of a Unix socket that only its owner may connect to, from the moment
 * that anybody could. */
int flare__os_bind_private(int fd, const struct sockaddr_un *addr);

/* Whether the kernel spreads connections over sockets bound to one address. */
bool flare__os_spreads(void);

/* Whether it can take over the records of TLS; asks it each time, and may load
 * a module. */
bool flare__os_has_tls(void);

/* Lets `fd` share its address with others; spread where the kernel does. */
int flare__os_reuse_port(int fd);

/*
 * From now on new connections are dropped as if their first segment had been
 * lost, and those under way still come; or no longer.  -EOPNOTSUPP.
 */
int flare__os_listen_deaf(int fd, bool is_deaf);

/* ---- CPUs ---- */

/* A set of them; empty where the system has no such masks. */
struct flare__os_cpus {
    uint64_t bits[16];
};

/* Those the calling thread may run on: their number, at least 1. */
uint32_t flare__os_cpus(struct flare__os_cpus *set);

/* Binds the calling thread to a set, or to the n-th CPU of it, counted round.
 * -EOPNOTSUPP. */
int flare__os_bind(const struct flare__os_cpus *set);
int flare__os_bind_nth(const struct flare__os_cpus *set, uint32_t n);

/* For a thread to be started: a wish. */
void flare__os_attr_cpus(pthread_attr_t *attr,
                         const struct flare__os_cpus *set);

/* ---- signals; the calling thread has those of `set` blocked ---- */

/* A descriptor that is readable while one of them is there to be taken. */
int flare__os_signals_open(const sigset_t *set);

/* The next one there, 0: none. */
int flare__os_signals_take(int fd);

/* Waits for one of them, up to `ms` (UINT64_MAX: for ever).  Its number, or 0:
 * the time is over, or another signal's handler ran. */
int flare__os_signals_wait(const sigset_t *set, uint64_t ms);

/* The calling process gets `number` when the one that made it ends.
 * -EOPNOTSUPP: the system cannot. */
int flare__os_die_with_parent(int number);

/* ---- many messages for one call ---- */

struct flare__os_message {
    struct msghdr head;
    unsigned len; /* received or sent */
};

/* recvmsg(2) and sendmsg(2) of up to `count` messages, without waiting: how
 * many, or what the first ended in. */
int flare__os_recv_many(int fd, struct flare__os_message *list, uint32_t count);
int flare__os_send_many(int fd, struct flare__os_message *list, uint32_t count);

/* ---- a descriptor of two reasons ---- */

/* Readable while `inner` is, or once a time has come. */
struct flare__os_nest {
    int fd;
    int timer_fd;   /* Linux */
    uint64_t at_ns; /* what it is set to */
};

/* On failure nothing is open. */
int flare__os_nest_open(struct flare__os_nest *nest, int inner);
void flare__os_nest_close(struct flare__os_nest *nest);

/*
 * To be called when `inner` has been served.  From now on the time is `at_ns`
 * of the monotonic clock: 0 is never, a time that has passed is now.
 */
void flare__os_nest_set(struct flare__os_nest *nest, uint64_t at_ns);

/* ---- time ---- */

/* A condition, and a wait for it until a time of the monotonic clock: as
 * pthread_cond_timedwait. */
int flare__os_cond_init(pthread_cond_t *cond);
int flare__os_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        uint64_t until_ns);

/* ---- files ---- */

/*
 * Opens `path` below the directory `root`; a link that leaves it, or with
 * `has_symlinks` false any, is refused.  -ENOSYS, -EPERM: the system cannot.
 */
int flare__os_open_beneath(int root, const char *path, int flags,
                           bool has_symlinks);

/* A directory as a place to open from; it need not be readable where the
 * system has that.  `flags` are added.  */
int flare__os_open_place(int at, const char *path, int flags);

/* Names of directory `fd`, one by one, with "." and "..", until one call says
 * other than 0: that, or 0. */
int flare__os_names(int fd, int (*on_name)(void *ctx, const char *name),
                    void *ctx);

#endif
