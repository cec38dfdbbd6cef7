/* SPDX-License-Identifier: MIT */
/* See embed.h.  Linux: epoll(7) and timerfd_create(2). */
#include "net/embed.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Turns of one call: what others of the foreign loop wait for. */
enum { EMBED_TURNS_MAX = 8 };

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* The timerfd's states that are no time: 1 ns has passed, 0 never comes. */
#define EMBED_NEVER UINT64_C(0)
#define EMBED_NOW UINT64_C(1)

struct flare__embed {
    int epoll_fd;
    int timer_fd;
    uint64_t armed_ns; /* what the timerfd is set to */
};

static void embed_set(struct flare__embed *e, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                     .tv_nsec = (long)(at_ns % NS_PER_S)},
    };

    /* a valid time of a valid descriptor: cannot fail */
    (void)timerfd_settime(e->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    e->armed_ns = at_ns;
}

void flare__embed_alarm(struct flare_loop *loop)
{
    if (loop->embed->armed_ns != EMBED_NOW)
        embed_set(loop->embed, EMBED_NOW);
}

/* A time that has passed keeps the descriptor readable until it is replaced. */
static void embed_set_timer(struct flare_loop *loop)
{
    uint64_t next_ms = flare__wheel_next(&loop->wheel);
    uint64_t at_ns =
        next_ms < UINT64_MAX / NS_PER_MS ? next_ms * NS_PER_MS : EMBED_NEVER;

    if (at_ns != loop->embed->armed_ns)
        embed_set(loop->embed, at_ns);
}

/* ---- settling ---- */

static uint64_t embed_work(const struct flare_loop *loop)
{
    const struct flare__loop_counts *c = &loop->counts;

    return c->events + c->posts + c->timers + c->tasks;
}

/*
 * Whether nothing is left but to wait.  The mailbox comes last: asleep, it must
 * stay so.
 */
static bool embed_is_quiet(struct flare_loop *loop)
{
    return loop->tasks == NULL &&
           flare__wheel_next(&loop->wheel) > loop->now_ms &&
           flare__mailbox_sleep(loop->mailbox);
}

int flare__embed_settle(struct flare_loop *loop)
{
    for (int turns = 0; turns < EMBED_TURNS_MAX; turns++) {
        uint64_t before = embed_work(loop);
        int rc = flare__loop_turn(loop, 0);

        if (rc < 0)
            return rc;
        if (embed_work(loop) == before && embed_is_quiet(loop)) {
            embed_set_timer(loop);
            return 0;
        }
        if (atomic_load(&loop->is_stopping))
            break;
    }
    flare__embed_alarm(loop);
    return 0;
}

/* ---- life ---- */

static int embed_add(const struct flare__embed *e, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void embed_free(struct flare_loop *loop, struct flare__embed *e)
{
    if (e->timer_fd >= 0)
        (void)close(e->timer_fd); /* nothing is buffered in either */
    if (e->epoll_fd >= 0)
        (void)close(e->epoll_fd); /* likewise */
    flare__free(&loop->allocator, e);
}

static int embed_descriptors(struct flare__embed *e, int backend_fd)
{
    int rc;

    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (e->epoll_fd < 0)
        return -errno;
    e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (e->timer_fd < 0)
        return -errno;
    rc = embed_add(e, e->timer_fd);
    return rc < 0 ? rc : embed_add(e, backend_fd);
}

int flare__embed_open(struct flare_loop *loop)
{
    struct flare__embed *e;
    int backend_fd = loop->ops->descriptor == NULL
                         ? -ENOTSUP
                         : loop->ops->descriptor(loop->backend);
    int rc;

    if (backend_fd < 0)
        return backend_fd;
    e = flare__alloc(&loop->allocator, sizeof(*e));
    if (e == NULL)
        return -ENOMEM;
    *e = (struct flare__embed){.epoll_fd = -1, .timer_fd = -1};
    rc = embed_descriptors(e, backend_fd);
    if (rc < 0) {
        embed_free(loop, e);
        return rc;
    }
    loop->embed = e;
    flare__embed_alarm(loop); /* what was started so far is not submitted */
    return 0;
}

void flare__embed_close(struct flare_loop *loop)
{
    if (loop->embed != NULL)
        embed_free(loop, loop->embed);
    loop->embed = NULL;
}

int flare__embed_fd(const struct flare_loop *loop)
{
    return loop->embed->epoll_fd;
}
