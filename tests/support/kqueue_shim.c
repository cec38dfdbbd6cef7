/* SPDX-License-Identifier: MIT */
/*
 * kqueue(2) on Linux, for tests only: the filters and flags that flare uses,
 * made of epoll and signalfd, so that backends/kqueue.c and what goes with it
 * can run here.  It shows that our side of the interface holds together.  It
 * does not show what a BSD kernel does.
 *
 * Where it is known to differ:
 *   - fflags of EV_EOF is EIO for any error: to ask for SO_ERROR would take it;
 *   - `data` is 0 but for the answers of EV_RECEIPT;
 *   - adding a filter may report again what the descriptor's other one has;
 *   - EVFILT_SIGNAL tells of blocked signals only;
 *   - EVFILT_TIMER is one for each kqueue, one-shot, in nanoseconds;
 *   - a descriptor that was never connected reports its end;
 *   - a copy of a closed descriptor keeps it registered; its reports are
 *     dropped here.
 *
 * A kqueue is an epoll descriptor.  What it knows is kept by the number of the
 * descriptor and begins anew with each kqueue(), so that a plain close(2) is
 * enough.
 */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    SHIM_BATCH = 512,
    SHIM_HIGH_FD = 900, /* out of the way of tests that count descriptors */
    SHIM_SIGNALS = 65,
    SHIM_MS_MAX = 1000000000 /* of one epoll_wait; the caller waits again */
};

/* What epoll's data says beside a descriptor. */
enum { SHIM_FD, SHIM_USER, SHIM_SIGNAL, SHIM_TIMER };

/* A filter of a descriptor; `flags` 0: it is not there. */
struct shim_note {
    unsigned short flags;
    void *udata;
};

struct shim_fd {
    uint32_t generation; /* of the registration, so that old ones miss */
    struct shim_note read;
    struct shim_note write;
};

struct shim_queue {
    bool is_queue;
    uint32_t fd_count;
    struct shim_fd *fds;
    struct shim_note user;
    struct shim_note timer; /* one */
    int timer_fd;           /* 0: none yet; it is kept */
    struct shim_note signals[SHIM_SIGNALS];
};

static struct {
    pthread_mutex_t lock;
    struct shim_queue *queues;
    int queue_count;
    int ready_fd; /* always readable; what EVFILT_USER is made of */
    int signal_fds[SHIM_SIGNALS];
    int fail_error;
    int fail_times;
    int refused_filter;
    int refused_error;
} shim = {.lock = PTHREAD_MUTEX_INITIALIZER, .ready_fd = -1};

/* ---- for tests ---- */

void kqueue_shim_fail(int error, int times)
{
    pthread_mutex_lock(&shim.lock);
    shim.fail_error = error;
    shim.fail_times = times;
    pthread_mutex_unlock(&shim.lock);
}

void kqueue_shim_refuse(int filter, int error)
{
    pthread_mutex_lock(&shim.lock);
    shim.refused_filter = filter;
    shim.refused_error = error;
    pthread_mutex_unlock(&shim.lock);
}

/* Locked. */
static bool shim_fails(void)
{
    if (shim.fail_times <= 0)
        return false;
    shim.fail_times--;
    errno = shim.fail_error;
    return true;
}

/* ---- descriptors of the shim itself, for the whole process ---- */

static int shim_keep(int fd)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SHIM_HIGH_FD);

    if (high < 0)
        return fd;
    close(fd);
    return high;
}

__attribute__((constructor)) static void shim_begin(void)
{
    shim.ready_fd = shim_keep(eventfd(1, EFD_CLOEXEC));
    for (int i = 0; i < SHIM_SIGNALS; i++)
        shim.signal_fds[i] = -1;
}

/* One per signal.  -1 with errno. */
static int shim_signal_fd(int number)
{
    sigset_t set;

    if (shim.signal_fds[number] >= 0)
        return shim.signal_fds[number];
    sigemptyset(&set);
    if (sigaddset(&set, number) < 0)
        return -1;
    shim.signal_fds[number] =
        shim_keep(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    return shim.signal_fds[number];
}

/* ---- what is known of a queue ---- */

/* Room for number `i`, zeroed.  False: no memory. */
static bool shim_room(void **array, uint32_t *count, size_t size, uint32_t i)
{
    uint32_t want = *count ? *count : 64;
    void *more;

    if (i < *count)
        return true;
    while (want <= i)
        want *= 2;
    more = realloc(*array, want * size);
    if (more == NULL)
        return false;
    memset((char *)more + *count * size, 0, (want - *count) * size);
    *array = more;
    *count = want;
    return true;
}

static bool shim_queue_begin(int kq)
{
    void *array = shim.queues;
    uint32_t count = (uint32_t)shim.queue_count;
    struct shim_queue *q;

    if (!shim_room(&array, &count, sizeof(*shim.queues), (uint32_t)kq))
        return false;
    shim.queues = array;
    shim.queue_count = (int)count;
    q = &shim.queues[kq];
    memset(&q->user, 0, sizeof(q->user));
    memset(&q->timer, 0, sizeof(q->timer));
    memset(q->signals, 0, sizeof(q->signals));
    for (uint32_t i = 0; i < q->fd_count; i++) /* generations go on */
        q->fds[i].read.flags = q->fds[i].write.flags = 0;
    q->is_queue = true;
    return true;
}

static struct shim_queue *shim_queue_of(int kq)
{
    if (kq < 0 || kq >= shim.queue_count || !shim.queues[kq].is_queue)
        return NULL;
    return &shim.queues[kq];
}

/* Whether `fd` is one still: a number may be something else's by now. */
static bool shim_is_queue(int fd)
{
    char name[32];
    char what[32];
    ssize_t len;

    if (shim_queue_of(fd) == NULL)
        return false;
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    len = readlink(name, what, sizeof(what));
    if (len > 0 && memmem(what, (size_t)len, "eventpoll", 9) != NULL)
        return true;
    shim.queues[fd].is_queue = false;
    return false;
}

int kqueue(void)
{
    int kq = -1;

    pthread_mutex_lock(&shim.lock);
    if (!shim_fails())
        kq = epoll_create1(0);
    if (kq >= 0 && !shim_queue_begin(kq)) {
        close(kq);
        kq = -1;
        errno = ENOMEM;
    }
    pthread_mutex_unlock(&shim.lock);
    return kq;
}

/* ---- changes ---- */

static uint64_t shim_data(uint64_t kind, uint64_t number, uint32_t generation)
{
    return kind << 60 | (number & 0xfffffff) << 32 | generation;
}

/* Level triggered if one of them is. */
static uint32_t shim_interest(const struct shim_fd *s)
{
    const unsigned edge = EV_CLEAR | EV_ONESHOT;
    uint32_t events = EPOLLET;

    if (s->read.flags != 0)
        events |= EPOLLIN | EPOLLRDHUP;
    if (s->write.flags != 0)
        events |= EPOLLOUT;
    if ((s->read.flags != 0 && !(s->read.flags & edge)) ||
        (s->write.flags != 0 && !(s->write.flags & edge)))
        events &= ~(uint32_t)EPOLLET;
    return events;
}

/* Tells epoll what the two filters want.  0 or an errno. */
static int shim_register(int kq, int fd, struct shim_fd *s, bool was_there)
{
    struct epoll_event ev = {.events = shim_interest(s)};

    if (s->read.flags == 0 && s->write.flags == 0)
        return epoll_ctl(kq, EPOLL_CTL_DEL, fd, NULL) < 0 ? errno : 0;
    if (was_there) {
        ev.data.u64 = shim_data(SHIM_FD, (uint64_t)fd, s->generation);
        if (epoll_ctl(kq, EPOLL_CTL_MOD, fd, &ev) == 0)
            return 0;
        if (errno != ENOENT)
            return errno;
    }
    ev.data.u64 = shim_data(SHIM_FD, (uint64_t)fd, ++s->generation);
    if (epoll_ctl(kq, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    /* the same number of the same file, closed before: epoll has kept it */
    if (errno == EEXIST && epoll_ctl(kq, EPOLL_CTL_MOD, fd, &ev) == 0)
        return 0;
    return errno;
}

/* Whether the registration is this descriptor's, not one closed long ago. */
static bool shim_is_there(int kq, int fd, const struct shim_fd *s)
{
    struct epoll_event ev = {.events = shim_interest(s)};

    if (s->read.flags == 0 && s->write.flags == 0)
        return false;
    ev.data.u64 = shim_data(SHIM_FD, (uint64_t)fd, s->generation);
    return epoll_ctl(kq, EPOLL_CTL_MOD, fd, &ev) == 0;
}

static int shim_change_fd(int kq, struct shim_queue *q, const struct kevent *c)
{
    int fd = (int)c->ident;
    void *array = q->fds;
    struct shim_note *note;
    struct shim_note before;
    struct shim_fd *s;
    bool was_there;
    int error;

    if (fcntl(fd, F_GETFD) < 0)
        return EBADF;
    if (c->filter == EVFILT_WRITE && fd != kq && shim_is_queue(fd))
        return EINVAL; /* nothing is written to a kqueue */
    if (!shim_room(&array, &q->fd_count, sizeof(*q->fds), (uint32_t)fd))
        return ENOMEM;
    q->fds = array;
    s = &q->fds[fd];
    note = c->filter == EVFILT_READ ? &s->read : &s->write;
    was_there = shim_is_there(kq, fd, s);
    if (!was_there) /* closed since, and its filters with it */
        s->read.flags = s->write.flags = 0;
    before = *note;
    if (c->flags & EV_DELETE) {
        if (note->flags == 0)
            return ENOENT;
        note->flags = 0;
    } else if (c->flags & EV_ADD) {
        if (note->flags == 0) /* flags stay as they were first */
            note->flags = c->flags & (EV_ADD | EV_CLEAR | EV_ONESHOT);
        note->udata = c->udata;
    } else if (note->flags == 0) {
        return ENOENT;
    }
    error = shim_register(kq, fd, s, was_there);
    if (error != 0)
        *note = before;
    return error;
}

static int shim_change_user(int kq, struct shim_queue *q,
                            const struct kevent *c)
{
    struct epoll_event ev = {.data.u64 = shim_data(SHIM_USER, 0, 0)};

    if (c->flags & EV_ADD) {
        if (epoll_ctl(kq, EPOLL_CTL_ADD, shim.ready_fd, &ev) < 0 &&
            errno != EEXIST)
            return errno;
        q->user =
            (struct shim_note){.flags = c->flags | EV_ADD, .udata = c->udata};
    }
    if (q->user.flags == 0)
        return ENOENT;
    ev.events = EPOLLIN | EPOLLET; /* asked for anew, it is ready anew */
    if ((c->fflags & NOTE_TRIGGER) &&
        epoll_ctl(kq, EPOLL_CTL_MOD, shim.ready_fd, &ev) < 0)
        return errno;
    return 0;
}

static int shim_change_signal(int kq, struct shim_queue *q,
                              const struct kevent *c)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int number = (int)c->ident;
    int fd;

    if (number <= 0 || number >= SHIM_SIGNALS)
        return EINVAL;
    fd = shim_signal_fd(number);
    if (fd < 0)
        return errno;
    ev.data.u64 = shim_data(SHIM_SIGNAL, (uint64_t)number, 0);
    if (epoll_ctl(kq, EPOLL_CTL_ADD, fd, &ev) < 0 && errno != EEXIST)
        return errno;
    q->signals[number] =
        (struct shim_note){.flags = c->flags | EV_ADD, .udata = c->udata};
    return 0;
}

static int shim_change_timer(int kq, struct shim_queue *q,
                             const struct kevent *c)
{
    struct epoll_event ev = {.events = EPOLLIN,
                             .data.u64 = shim_data(SHIM_TIMER, 0, 0)};
    const struct itimerspec when = {
        .it_value = {.tv_sec = c->data / 1000000000,
                     .tv_nsec = c->data % 1000000000}};

    if (c->flags & EV_DELETE) {
        if (q->timer.flags == 0)
            return ENOENT;
        q->timer.flags = 0;
        return epoll_ctl(kq, EPOLL_CTL_DEL, q->timer_fd, NULL) < 0 ? errno : 0;
    }
    if (!(c->flags & EV_ADD) || c->fflags != NOTE_NSECONDS || c->data <= 0)
        return EINVAL;
    if (q->timer_fd <= 0)
        q->timer_fd = shim_keep(
            timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (timerfd_settime(q->timer_fd, 0, &when, NULL) < 0)
        return errno;
    q->timer = (struct shim_note){.flags = c->flags, .udata = c->udata};
    return epoll_ctl(kq, EPOLL_CTL_ADD, q->timer_fd, &ev) < 0 && errno != EEXIST
               ? errno
               : 0;
}

/* 0 or an errno. */
static int shim_change(int kq, struct shim_queue *q, const struct kevent *c)
{
    if (shim.refused_error != 0 && c->filter == shim.refused_filter)
        return shim.refused_error;
    switch (c->filter) {
    case EVFILT_READ:
    case EVFILT_WRITE:
        return shim_change_fd(kq, q, c);
    case EVFILT_USER:
        return shim_change_user(kq, q, c);
    case EVFILT_SIGNAL:
        return shim_change_signal(kq, q, c);
    case EVFILT_TIMER:
        return shim_change_timer(kq, q, c);
    default:
        return EINVAL;
    }
}

/*
 * The receipts, -1 with errno at the first refusal there is no receipt for.
 */
static int shim_changes(int kq, struct shim_queue *q, const struct kevent *list,
                        int count, struct kevent *out, int room)
{
    int n = 0;

    for (int i = 0; i < count; i++) {
        int error = shim_change(kq, q, &list[i]);

        if (error == 0 && !(list[i].flags & EV_RECEIPT))
            continue;
        if (n == room) {
            errno = error;
            return error != 0 ? -1 : n;
        }
        out[n] = list[i];
        out[n].flags |= EV_ERROR;
        out[n++].data = error;
    }
    return n;
}

/* ---- events ---- */

static void shim_report(struct kevent *out, int fd, int filter,
                        struct shim_note *note, uint32_t events)
{
    const uint32_t ends = EPOLLHUP | EPOLLERR;
    const uint32_t over = filter == EVFILT_READ ? ends | EPOLLRDHUP : ends;

    *out = (struct kevent){.ident = (uintptr_t)fd,
                           .filter = (short)filter,
                           .flags = note->flags,
                           .udata = note->udata};
    if (events & over)
        out->flags |= EV_EOF;
    if (events & EPOLLERR)
        out->fflags = EIO;
    if (note->flags & EV_ONESHOT)
        note->flags = 0;
}

/* At most two events; their number. */
static int shim_report_fd(int kq, struct shim_queue *q, uint64_t data,
                          uint32_t events, struct kevent *out)
{
    const uint32_t ends = EPOLLHUP | EPOLLERR;
    int fd = (int)(data >> 32 & 0xfffffff);
    struct shim_fd *s = &q->fds[fd];
    bool was_one_shot = (s->read.flags | s->write.flags) & EV_ONESHOT;
    int n = 0;

    if (s->generation != (uint32_t)data)
        return 0;
    if (s->read.flags != 0 && (events & (EPOLLIN | EPOLLRDHUP | ends)))
        shim_report(&out[n++], fd, EVFILT_READ, &s->read, events);
    if (s->write.flags != 0 && (events & (EPOLLOUT | ends)))
        shim_report(&out[n++], fd, EVFILT_WRITE, &s->write, events);
    if (n > 0 && was_one_shot)
        (void)shim_register(kq, fd, s, true);
    return n;
}

static int shim_report_one(int kq, struct shim_queue *q,
                           const struct epoll_event *ev, struct kevent *out)
{
    int number = (int)(ev->data.u64 >> 32 & 0xfffffff);

    switch (ev->data.u64 >> 60) {
    case SHIM_USER:
        if (!(ev->events & EPOLLIN))
            return 0;
        *out = (struct kevent){.filter = EVFILT_USER, .udata = q->user.udata};
        return 1;
    case SHIM_TIMER:
        *out = (struct kevent){.filter = EVFILT_TIMER, .udata = q->timer.udata};
        q->timer.flags = 0;
        (void)epoll_ctl(kq, EPOLL_CTL_DEL, q->timer_fd, NULL);
        return 1;
    case SHIM_SIGNAL:
        *out = (struct kevent){.ident = (uintptr_t)number,
                               .filter = EVFILT_SIGNAL,
                               .udata = q->signals[number].udata};
        return 1;
    default:
        return shim_report_fd(kq, q, ev->data.u64, ev->events, out);
    }
}

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int64_t shim_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* `end_ns` -1: for ever. */
static int shim_wait(int kq, struct epoll_event *list, int room, int64_t end_ns)
{
    int64_t left = end_ns < 0 ? 0 : end_ns - shim_now();
    int64_t limit[2] = {0, 0};
    int n;

    if (left > 0) {
        limit[0] = left / 1000000000;
        limit[1] = left % 1000000000;
    }
    n = (int)syscall(SYS_epoll_pwait2, kq, list, room,
                     end_ns < 0 ? NULL : limit, NULL, (size_t)8);
    if (n >= 0 || errno != ENOSYS)
        return n;
    /* before Linux 5.11 */
    left = left > 0 ? (left + 999999) / 1000000 : 0;
    return epoll_wait(kq, list, room,
                      end_ns < 0           ? -1
                      : left > SHIM_MS_MAX ? SHIM_MS_MAX
                                           : (int)left);
}

/* Until there is an event; what comes of old registrations is none. */
static int shim_events(int kq, struct kevent *events, int room, int64_t end_ns)
{
    struct epoll_event list[SHIM_BATCH / 2];
    int count = 0;
    int n;

    do {
        n = shim_wait(kq, list, room, end_ns);
        pthread_mutex_lock(&shim.lock);
        for (int i = 0; i < n; i++)
            count += shim_report_one(kq, shim_queue_of(kq), &list[i],
                                     events + count);
        pthread_mutex_unlock(&shim.lock);
    } while (n > 0 && count == 0);
    return n < 0 ? -1 : count;
}

/* One at a time: what there is no room for is asked for anew. */
static int shim_event(int kq, struct kevent *event, int64_t end_ns)
{
    struct kevent two[2];
    int n = shim_events(kq, two, 1, end_ns);

    if (n <= 0)
        return n;
    *event = two[0];
    if (n == 2) {
        pthread_mutex_lock(&shim.lock);
        (void)shim_register(kq, (int)two[1].ident,
                            &shim_queue_of(kq)->fds[two[1].ident], true);
        pthread_mutex_unlock(&shim.lock);
    }
    return 1;
}

int kevent(int kq, const struct kevent *changes, int change_count,
           struct kevent *events, int event_count,
           const struct timespec *timeout)
{
    int64_t end_ns = -1;
    struct shim_queue *q;
    int n = -1;

    pthread_mutex_lock(&shim.lock);
    q = shim_queue_of(kq);
    if (q == NULL)
        errno = EBADF;
    else if (!shim_fails())
        n = shim_changes(kq, q, changes, change_count, events, event_count);
    pthread_mutex_unlock(&shim.lock);
    if (n != 0 || event_count == 0)
        return n;
    if (timeout != NULL)
        end_ns = shim_now() + timeout->tv_sec * INT64_C(1000000000) +
                 timeout->tv_nsec;
    if (event_count == 1)
        return shim_event(kq, events, end_ns);
    if (event_count > SHIM_BATCH)
        event_count = SHIM_BATCH;
    return shim_events(kq, events, event_count / 2, end_ns);
}

int getpeereid(int fd, uid_t *uid, gid_t *gid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -1;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}
