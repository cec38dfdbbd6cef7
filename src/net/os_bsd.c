/* SPDX-License-Identifier: MIT */
/*
 * See os.h.  FreeBSD, NetBSD, OpenBSD and macOS, and Linux with the tests'
 * stand-in for kqueue.  What only some of them have is asked for by its name.
 */
#include "net/os.h"

#include "net/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <sys/event.h>
#include <sys/time.h>
#ifdef __FreeBSD__
#include <sys/procctl.h>
#endif
#if defined(__FreeBSD__) || defined(__NetBSD__)
#include <sys/filio.h>
#endif

/* ---- descriptors ---- */

#ifndef SOCK_CLOEXEC
/* `fd` or -errno, and then it is closed. */
static int fd_with(int fd, unsigned flags)
{
    int rc = 0;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        ((flags & FLARE__OS_NONBLOCK) && fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
        rc = -errno;
    if (rc < 0)
        (void)close(fd); /* never used */
    return rc < 0 ? rc : fd;
}
#endif

int flare__os_socket(int family, int type, unsigned flags)
{
#ifdef SOCK_CLOEXEC
    int more = flags & FLARE__OS_NONBLOCK ? SOCK_NONBLOCK : 0;
    int fd = socket(family, type | SOCK_CLOEXEC | more, 0);

    return fd < 0 ? -errno : fd;
#else /* macOS: a fork of another thread may keep it through an exec */
    int fd = socket(family, type, 0);

    return fd < 0 ? -errno : fd_with(fd, flags);
#endif
}

int flare__os_accept(int fd)
{
#ifdef SOCK_CLOEXEC
    int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return got < 0 ? -errno : got;
#else
    int got = accept(fd, NULL, NULL);

    return got < 0 ? -errno : fd_with(got, FLARE__OS_NONBLOCK);
#endif
}

ssize_t flare__os_recv_fds(int fd, struct msghdr *msg)
{
    ssize_t n;

    do
        n = recvmsg(fd, msg, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof(got), sizeof(got));
            (void)fcntl(got, F_SETFD, FD_CLOEXEC); /* it is open */
        }
    }
    return n;
}

int flare__os_peer_uid(int fd, uid_t *uid)
{
    gid_t group;

    return getpeereid(fd, uid, &group) < 0 ? -errno : 0;
}

void flare__os_no_sigpipe(int fd)
{
#ifdef __APPLE__ /* MSG_NOSIGNAL is in its headers, and not in every kernel */
    const int one = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof(one));
#else
    (void)fd;
#endif
}

#if defined(__FreeBSD__) || defined(__APPLE__)
/* 0 or an errno; `*sent` counts also with EAGAIN and EINTR. */
static int file_call(int fd, int file, uint64_t offset, size_t count,
                     off_t *sent)
{
#ifdef __APPLE__
    *sent = (off_t)count;
    return sendfile(file, fd, (off_t)offset, sent, NULL, 0) < 0 ? errno : 0;
#else
    return sendfile(file, fd, (off_t)offset, count, NULL, sent, 0) < 0 ? errno
                                                                       : 0;
#endif
}

ssize_t flare__os_sendfile(int fd, int file, uint64_t offset, size_t count)
{
    const int one = 1;
    off_t sent = 0;
    int error;

    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof(one));
    do
        error = file_call(fd, file, offset, count, &sent);
    while (error == EINTR && sent == 0);
    return error == 0 || sent > 0 ? (ssize_t)sent : -error;
}
#else
/* By way of here: NetBSD and OpenBSD have no such call. */
ssize_t flare__os_sendfile(int fd, int file, uint64_t offset, size_t count)
{
    char block[16384];
    size_t done = 0;

    while (done < count) {
        size_t part =
            count - done < sizeof(block) ? count - done : sizeof(block);
        ssize_t got;
        ssize_t n;

        do
            got = pread(file, block, part, (off_t)(offset + done));
        while (got < 0 && errno == EINTR);
        if (got == 0)
            return (ssize_t)done; /* the file's end */
        if (got > 0)
            do
                n = send(fd, block, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
            while (n < 0 && errno == EINTR);
        else
            n = -1;
        if (n < 0)
            return done > 0 ? (ssize_t)done : -errno;
        done += (size_t)n;
        if (n < got)
            break; /* it is full */
    }
    return (ssize_t)done;
}
#endif

int64_t flare__os_queued(int fd)
{
    int bytes = 0;
#if defined(SO_NWRITE)
    socklen_t len = sizeof(bytes);
    int rc = getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &len);
#elif defined(FIONWRITE)
    int rc = ioctl(fd, FIONWRITE, &bytes);
#else
    int rc = ioctl(fd, TIOCOUTQ, &bytes);
#endif

    return rc < 0 ? -errno : bytes;
}

/* ---- listening ---- */

/* A socket has no mode of its own; nobody is let in before listen(2). */
int flare__os_bind_private(int fd, const struct sockaddr_un *addr)
{
    return bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
                   chmod(addr->sun_path, S_IRUSR | S_IWUSR) < 0
               ? -errno
               : 0;
}

/* FreeBSD's kernel has TLS too, set up in a way of its own: not used. */
bool flare__os_has_tls(void)
{
    return false;
}

/* FreeBSD 12 spreads; elsewhere one socket of the group gets all. */
bool flare__os_spreads(void)
{
#ifdef SO_REUSEPORT_LB
    return true;
#else
    return false;
#endif
}

int flare__os_reuse_port(int fd)
{
#ifdef SO_REUSEPORT_LB
    const int name = SO_REUSEPORT_LB;
#else
    const int name = SO_REUSEPORT;
#endif
    const int one = 1;

    return setsockopt(fd, SOL_SOCKET, name, &one, sizeof(one)) < 0 ? -errno : 0;
}

int flare__os_listen_deaf(int fd, bool is_deaf)
{
    (void)fd;
    (void)is_deaf;
    return -EOPNOTSUPP;
}

/* ---- signals ---- */

/*
 * EVFILT_SIGNAL tells of signals also when they are blocked, and of those that
 * are ignored unless handled (SIGCHLD), which never become pending; it takes
 * none of them.  So the event is what counts, and what is pending is taken off.
 */

/* Takes it off; false: it was not there. */
static bool signal_consume(int number)
{
    sigset_t set;
    int got;

    if (sigpending(&set) < 0 || sigismember(&set, number) != 1)
        return false;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    return sigwait(&set, &got) == 0;
}

enum { SIGNALS_MAX = 128 }; /* FreeBSD's; a number that is none is no member */

/* `fd` tells of one more; one that came before this is raised again. */
static int signal_watch(int fd, int number)
{
    struct kevent change = {.ident = (uintptr_t)number, .flags = EV_ADD};

    change.filter = EVFILT_SIGNAL;
    if (kevent(fd, &change, 1, NULL, 0, NULL) < 0)
        return -errno;
    if (signal_consume(number) && kill(getpid(), number) < 0)
        return -errno;
    return 0;
}

int flare__os_signals_open(const sigset_t *set)
{
    int fd = kqueue();
    int rc;

    if (fd < 0)
        return -errno;
    rc = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
    for (int number = 1; rc == 0 && number < SIGNALS_MAX; number++)
        if (sigismember(set, number) == 1)
            rc = signal_watch(fd, number);
    if (rc == 0)
        return fd;
    (void)close(fd); /* the first error is the one to tell */
    return rc;
}

/* A signal's number, 0 at the time's end, or -errno. */
static int signal_next(int fd, const struct timespec *limit)
{
    struct kevent event;
    int n = kevent(fd, NULL, 0, &event, 1, limit);

    if (n <= 0)
        return n < 0 ? -errno : 0;
    (void)signal_consume((int)event.ident);
    return (int)event.ident;
}

int flare__os_signals_take(int fd)
{
    const struct timespec now = {.tv_sec = 0};
    int number = signal_next(fd, &now);

    return number > 0 ? number : 0;
}

int flare__os_signals_wait(const sigset_t *set, uint64_t ms)
{
    struct timespec limit = {.tv_sec = 100000000}; /* macOS takes no more */
    int fd = flare__os_signals_open(set);
    int number;

    if (fd < 0)
        return 0;
    if (ms / 1000 < 100000000) {
        limit.tv_sec = (time_t)(ms / 1000);
        limit.tv_nsec = (long)(ms % 1000) * 1000000;
    }
    number = signal_next(fd, ms == UINT64_MAX ? NULL : &limit);
    (void)close(fd); /* what is left in it is pending still */
    return number > 0 ? number : 0;
}

int flare__os_die_with_parent(int number)
{
#ifdef PROC_PDEATHSIG_CTL
    return procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &number) < 0 ? -errno : 0;
#else
    (void)number;
    return -EOPNOTSUPP;
#endif
}

/* ---- many messages, one by one ---- */

static int message_error(uint32_t done)
{
    return done > 0 ? (int)done : -errno;
}

int flare__os_recv_many(int fd, struct flare__os_message *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ssize_t n;

        do
            n = recvmsg(fd, &list[i].head, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return message_error(i);
        list[i].len = (unsigned)n;
    }
    return (int)count;
}

int flare__os_send_many(int fd, struct flare__os_message *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ssize_t n;

        do
            n = sendmsg(fd, &list[i].head, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return message_error(i);
        list[i].len = (unsigned)n;
    }
    return (int)count;
}

/* ---- a descriptor of two reasons ---- */

/* Its timer counts these. */
#ifdef NOTE_NSECONDS
enum { TIMER_UNIT = NOTE_NSECONDS, TIMER_NS = 1 };
#else
enum { TIMER_UNIT = 0, TIMER_NS = 1000000 };
#endif

static int nest_change(int fd, const struct kevent *change)
{
    return kevent(fd, change, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

int flare__os_nest_open(struct flare__os_nest *nest, int inner)
{
    struct kevent change = {.ident = (uintptr_t)inner, .flags = EV_ADD};
    int rc;

    change.filter = EVFILT_READ;
    *nest = (struct flare__os_nest){.timer_fd = -1};
    nest->fd = kqueue();
    if (nest->fd < 0)
        return -errno;
    rc = fcntl(nest->fd, F_SETFD, FD_CLOEXEC) < 0
             ? -errno
             : nest_change(nest->fd, &change);
    if (rc < 0)
        flare__os_nest_close(nest);
    return rc;
}

void flare__os_nest_close(struct flare__os_nest *nest)
{
    if (nest->fd >= 0)
        (void)close(nest->fd); /* nothing is buffered in it */
    nest->fd = -1;
}

/*
 * A kqueue is readable for what it has found once; that it is so no longer it
 * sees when it is asked.  What still is stays in it.
 */
static void nest_ask(const struct flare__os_nest *nest)
{
    const struct timespec now = {.tv_sec = 0};
    struct kevent events[2];

    (void)kevent(nest->fd, NULL, 0, events, 2, &now);
}

void flare__os_nest_set(struct flare__os_nest *nest, uint64_t at_ns)
{
    struct kevent change = {.flags = EV_DELETE};
    uint64_t now_ns = flare__clock_monotonic();
    uint64_t left_ns = at_ns > now_ns ? at_ns - now_ns : 0;

    change.filter = EVFILT_TIMER;
    if (nest->at_ns != 0)
        (void)nest_change(nest->fd, &change); /* it may have come, and gone */
    nest_ask(nest);
    nest->at_ns = at_ns;
    if (at_ns == 0)
        return;
    change.flags = EV_ADD | EV_ONESHOT;
    change.fflags = TIMER_UNIT;
    change.data = (__typeof__(change.data))(left_ns / TIMER_NS + 1);
    (void)nest_change(nest->fd, &change); /* without memory it is late */
}

/* ---- time ---- */

#ifdef __APPLE__
int flare__os_cond_init(pthread_cond_t *cond)
{
    return -pthread_cond_init(cond, NULL);
}

int flare__os_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        uint64_t until_ns)
{
    uint64_t now_ns = flare__clock_monotonic();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    const struct timespec left = {
        .tv_sec = (time_t)(left_ns / 1000000000),
        .tv_nsec = (long)(left_ns % 1000000000),
    };

    return -pthread_cond_timedwait_relative_np(cond, lock, &left);
}
#else
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
#endif

/* ---- files ---- */

static int fd_openat(int at, const char *path, int flags)
{
    int fd;

    do
        fd = openat(at, path, flags);
    while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : -errno;
}

/* FreeBSD 13, where links may be followed; else it is component by component.
 * Not by macOS's flag of the name: an older kernel would not know it. */
int flare__os_open_beneath(int root, const char *path, int flags,
                           bool has_symlinks)
{
#if defined(__FreeBSD__) && defined(O_RESOLVE_BENEATH)
    int fd;

    if (!has_symlinks)
        return -ENOSYS;
    fd = fd_openat(root, path, flags | O_RESOLVE_BENEATH);
    return fd == -ENOTCAPABLE ? -EXDEV : fd;
#else
    (void)root;
    (void)path;
    (void)flags;
    (void)has_symlinks;
    return -ENOSYS;
#endif
}

#ifndef O_SEARCH
#define O_SEARCH O_RDONLY
#endif

int flare__os_open_place(int at, const char *path, int flags)
{
    return fd_openat(at, path, O_SEARCH | O_DIRECTORY | O_CLOEXEC | flags);
}

int flare__os_names(int fd, int (*on_name)(void *ctx, const char *name),
                    void *ctx)
{
    /* one of its own: the position of `fd` stays */
    int copy = fd_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;
    DIR *dir;
    int rc = 0;

    if (copy < 0)
        return copy;
    dir = fdopendir(copy);
    if (dir == NULL) {
        rc = -errno;
        (void)close(copy); /* only to be read from */
        return rc;
    }
    do {
        errno = 0;
        entry = readdir(dir);
        rc = entry == NULL ? -errno : on_name(ctx, entry->d_name);
    } while (entry != NULL && rc == 0);
    (void)closedir(dir); /* only read from */
    return rc;
}
