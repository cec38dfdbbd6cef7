/* SPDX-License-Identifier: MIT */
/* See os.h.  What is newer than Linux 3.9 (SO_REUSEPORT) says so. */
#include "net/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors ---- */

int flare__os_socket(int family, int type, unsigned flags)
{
    int more = flags & FLARE__OS_NONBLOCK ? SOCK_NONBLOCK : 0;
    int fd = socket(family, type | SOCK_CLOEXEC | more, 0);

    return fd < 0 ? -errno : fd;
}

int flare__os_accept(int fd)
{
    int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return got < 0 ? -errno : got;
}

ssize_t flare__os_recv_fds(int fd, struct msghdr *msg)
{
    ssize_t n;

    do /* a ring on this thread interrupts, too */
        n = recvmsg(fd, msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int flare__os_peer_uid(int fd, uid_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    *uid = peer.uid;
    return 0;
}

void flare__os_no_sigpipe(int fd)
{
    (void)fd; /* MSG_NOSIGNAL, and the guard below */
}

/*
 * There is no MSG_NOSIGNAL for sendfile, and the disposition of SIGPIPE is the
 * process's.  The signal goes to the thread, so it is blocked here, and taken
 * off if it came.
 */
struct guard {
    sigset_t pipe; /* SIGPIPE alone */
    sigset_t old;
    bool is_blocked; /* by others, before */
    bool is_pending; /* likewise: not ours to take */
};

static void guard_enter(struct guard *g)
{
    sigset_t pending;

    (void)sigemptyset(&g->pipe);
    (void)sigaddset(&g->pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &g->pipe, &g->old); /* cannot fail */
    g->is_blocked = sigismember(&g->old, SIGPIPE) == 1;
    g->is_pending = g->is_blocked && sigpending(&pending) == 0 &&
                    sigismember(&pending, SIGPIPE) == 1;
}

static void guard_leave(const struct guard *g, bool may_have_come)
{
    const struct timespec now = {.tv_sec = 0};

    if (may_have_come && !g->is_pending)
        while (sigtimedwait(&g->pipe, NULL, &now) < 0 && errno == EINTR)
            continue; /* another signal's handler ran */
    if (!g->is_blocked)
        (void)pthread_sigmask(SIG_SETMASK, &g->old, NULL); /* cannot fail */
}

ssize_t flare__os_sendfile(int fd, int file, uint64_t offset, size_t count)
{
    off_t at = (off_t)offset;
    struct guard guard;
    ssize_t n;

    if (at < 0 || (uint64_t)at != offset)
        return -EOVERFLOW; /* where off_t has 32 bits */
    guard_enter(&guard);
    do
        n = sendfile(fd, file, &at, count);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        n = -errno;
    /* a short count may be a connection that broke in the middle */
    guard_leave(&guard, n != (ssize_t)count && n != -EAGAIN);
    return n;
}

int64_t flare__os_queued(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

/* ---- listening ---- */

/* The file gets the socket's mode (net/unix/af_unix.c, unix_bind). */
int flare__os_bind_private(int fd, const struct sockaddr_un *addr)
{
    return fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
                   bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0
               ? -errno
               : 0;
}

/*
 * A socket that is not connected cannot have it either, but the kernel says so
 * only once it has found it: ENOENT means that it has none, ENOPROTOOPT that it
 * was built without such layers.
 */
#ifndef TCP_ULP
#define TCP_ULP 31 /* Linux 4.13 */
#endif
bool flare__os_has_tls(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = false;

    if (fd < 0)
        return false;
    if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3) < 0)
        has = errno == ENOTCONN;
    else
        has = true;
    (void)close(fd);
    return has;
}

bool flare__os_spreads(void)
{
    return true;
}

int flare__os_reuse_port(int fd)
{
    const int one = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0
               ? -errno
               : 0;
}

/*
 * The last segments of handshakes under way, with or without data, pass.
 * Copies of the socket and connections accepted later have the filter too: it
 * costs them a few instructions, and none of their segments is a SYN.
 */
int flare__os_listen_deaf(int fd, bool is_deaf)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of TCP */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {
        .len = sizeof(code) / sizeof(code[0]),
        .filter = code,
    };
    int rc = is_deaf ? setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                                  sizeof(program))
                     : setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0},
                                  sizeof(int));

    return rc < 0 ? -errno : 0; /* ENOENT: there is none */
}

/* ---- signals ---- */

int flare__os_signals_open(const sigset_t *set)
{
    int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

int flare__os_signals_take(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)
               ? (int)info.ssi_signo
               : 0;
}

int flare__os_signals_wait(const sigset_t *set, uint64_t ms)
{
    const struct timespec limit = {
        .tv_sec = (time_t)(ms / 1000),
        .tv_nsec = (long)(ms % 1000) * 1000000,
    };
    int number = sigtimedwait(set, NULL, ms == UINT64_MAX ? NULL : &limit);

    return number > 0 ? number : 0;
}

int flare__os_die_with_parent(int number)
{
    return prctl(PR_SET_PDEATHSIG, number) < 0 ? -errno : 0;
}

/* ---- many messages for one call ---- */

_Static_assert(sizeof(struct flare__os_message) == sizeof(struct mmsghdr) &&
                   offsetof(struct flare__os_message, len) ==
                       offsetof(struct mmsghdr, msg_len),
               "they are the system's");

int flare__os_recv_many(int fd, struct flare__os_message *list, uint32_t count)
{
    int n;

    do
        n = recvmmsg(fd, (struct mmsghdr *)(void *)list, count, MSG_DONTWAIT,
                     NULL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int flare__os_send_many(int fd, struct flare__os_message *list, uint32_t count)
{
    int n;

    do
        n = sendmmsg(fd, (struct mmsghdr *)(void *)list, count,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* ---- a descriptor of two reasons ---- */

static int nest_add(const struct flare__os_nest *nest, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(nest->fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int flare__os_nest_open(struct flare__os_nest *nest, int inner)
{
    int rc;

    *nest = (struct flare__os_nest){.timer_fd = -1};
    nest->fd = epoll_create1(EPOLL_CLOEXEC);
    if (nest->fd < 0)
        return -errno;
    nest->timer_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    rc = nest->timer_fd < 0 ? -errno : nest_add(nest, nest->timer_fd);
    if (rc == 0)
        rc = nest_add(nest, inner);
    if (rc < 0)
        flare__os_nest_close(nest);
    return rc;
}

void flare__os_nest_close(struct flare__os_nest *nest)
{
    if (nest->timer_fd >= 0)
        (void)close(nest->timer_fd); /* nothing is buffered in either */
    if (nest->fd >= 0)
        (void)close(nest->fd); /* likewise */
    nest->fd = nest->timer_fd = -1;
}

/* A time that has passed keeps the descriptor readable until it is replaced. */
void flare__os_nest_set(struct flare__os_nest *nest, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / 1000000000),
                     .tv_nsec = (long)(at_ns % 1000000000)},
    };

    if (at_ns == nest->at_ns)
        return;
    /* a valid time of a valid descriptor: cannot fail */
    (void)timerfd_settime(nest->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    nest->at_ns = at_ns;
}

/* ---- time ---- */

int flare__os_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);

    if (rc != 0)
        return -rc;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* it is one */
    rc = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return -rc;
}

int flare__os_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        uint64_t until_ns)
{
    const struct timespec until = {
        .tv_sec = (time_t)(until_ns / 1000000000),
        .tv_nsec = (long)(until_ns % 1000000000),
    };

    return -pthread_cond_timedwait(cond, lock, &until);
}

/* ---- files ---- */

/* linux/openat2.h, which headers before Linux 5.6 lack. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

struct open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

#define OPEN_NO_MAGICLINKS UINT64_C(0x02)
#define OPEN_NO_SYMLINKS UINT64_C(0x04)
#define OPEN_BENEATH UINT64_C(0x08)

/* A rename elsewhere in the tree may make the kernel ask for another try
 * (openat2(2), EAGAIN). */
enum { OPEN_TRIES_MAX = 16 };

int flare__os_open_beneath(int root, const char *path, int flags,
                           bool has_symlinks)
{
    struct open_how how = {
        .flags = (uint64_t)flags,
        .resolve = OPEN_BENEATH | OPEN_NO_MAGICLINKS |
                   (has_symlinks ? 0 : OPEN_NO_SYMLINKS),
    };

    for (int tries = 0; tries < OPEN_TRIES_MAX; tries++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

        if (fd >= 0)
            return (int)fd;
        if (errno != EINTR && errno != EAGAIN)
            return -errno; /* ENOSYS before Linux 5.6, EPERM of a filter */
    }
    return -EAGAIN;
}

int flare__os_open_place(int at, const char *path, int flags)
{
    int fd;

    do
        fd = openat(at, path, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : -errno;
}

enum { NAMES_BYTES = 8192 }; /* of entries read at once */

int flare__os_names(int fd, int (*on_name)(void *ctx, const char *name),
                    void *ctx)
{
    _Alignas(struct dirent64) char block[NAMES_BYTES];

    for (;;) {
        ssize_t got = getdents64(fd, block, sizeof(block));

        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry =
                (const struct dirent64 *)(const void *)(block + at);
            int rc = on_name(ctx, entry->d_name);

            if (rc != 0)
                return rc;
            at += entry->d_reclen;
        }
    }
}
