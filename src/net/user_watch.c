/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the user: flare/watch.h.
 *
 * Level triggered is a poll for once, armed again after each callback; edge
 * triggered is a poll without end.  At most one is armed.  Where something else
 * is wanted meanwhile it is cut, and the other armed when it is back; only a
 * poll without end takes other events as it is.
 *
 * States:  attached, armed or not -> closing -> (CLOSED) freed
 */
#include "net/user_watch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/sock.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

/* Until a poll that the kernel refused is tried again. */
enum { WATCH_RETRY_MS = 10 };

enum {
    WATCH_EVENTS = FLARE_WATCH_READ | FLARE_WATCH_WRITE | FLARE_WATCH_HANGUP |
                   FLARE_WATCH_ERROR | FLARE_WATCH_EDGE
};

#ifndef POLLRDHUP /* a kernel that tells a half-closed peer by POLLIN alone */
#define POLLRDHUP 0
#endif

struct flare_watch {
    struct flare__sock sock;
    struct flare__resident resident;
    struct flare__timer retry;
    struct flare_loop *loop;
    flare_watch_fn fn;
    void *ctx;
    unsigned wanted; /* FLARE_WATCH_*; 0: nothing */
    short armed;     /* POLL* of the poll that is armed; 0: none is */
    bool is_endless; /* it is one without end */
    bool is_cut;     /* and has been told to stop */
    bool is_closing;
};

/* ---- wishes and answers ---- */

static bool watch_is_waiting(unsigned events)
{
    return (events & (FLARE_WATCH_READ | FLARE_WATCH_WRITE)) != 0;
}

/* Nothing, or something that every kernel can wait for. */
static bool watch_is_valid(unsigned events)
{
    return events == 0 || ((events & ~(unsigned)WATCH_EVENTS) == 0 &&
                           watch_is_waiting(events));
}

static short watch_poll_events(unsigned wanted)
{
    int events = 0;

    if (wanted & FLARE_WATCH_READ)
        events |= POLLIN;
    if (wanted & FLARE_WATCH_WRITE)
        events |= POLLOUT;
    if (wanted & FLARE_WATCH_HANGUP)
        events |= POLLRDHUP;
    return (short)events;
}

static unsigned watch_told(unsigned wanted, int revents)
{
    const int broken = POLLERR | POLLHUP | POLLNVAL;
    unsigned events = 0;

    if (revents & (POLLIN | POLLRDHUP | broken))
        events |= wanted & FLARE_WATCH_READ;
    if (revents & (POLLOUT | broken))
        events |= wanted & FLARE_WATCH_WRITE;
    if (revents & POLLRDHUP)
        events |= wanted & FLARE_WATCH_HANGUP;
    if (revents & POLLHUP)
        events |= FLARE_WATCH_HANGUP;
    if (revents & (POLLERR | POLLNVAL))
        events |= FLARE_WATCH_ERROR;
    return events;
}

/* ---- arming ---- */

static void watch_on_retry(struct flare__timer *timer);

static void watch_retry(struct flare_watch *w)
{
    flare__wheel_start(&w->loop->wheel, &w->retry,
                       w->loop->now_ms + WATCH_RETRY_MS, watch_on_retry);
}

static int watch_start(struct flare_watch *w, short events, bool is_endless)
{
    const struct flare__backend_ops *ops = w->loop->ops;
    int rc;

    if (is_endless)
        rc = ops->poll_start(w->loop->backend, &w->sock, events);
    else
        rc = ops->poll_fd(w->loop->backend, &w->sock, events);
    if (rc < 0) {
        watch_retry(w);
        return rc;
    }
    w->armed = events;
    w->is_endless = is_endless;
    return 0;
}

/*
 * Sees to it that a poll for just what is wanted is armed, now or once the one
 * before is back.  `again`: what is still so is to be told again.
 */
static int watch_arm(struct flare_watch *w, bool again)
{
    short events = watch_poll_events(w->wanted);
    bool is_endless = w->wanted & FLARE_WATCH_EDGE;

    if (w->is_cut || (events == 0 && w->armed == 0))
        return 0;
    if (w->armed == 0)
        return watch_start(w, events, is_endless);
    if (events == w->armed && is_endless == w->is_endless &&
        !(is_endless && again))
        return 0;
    if (events != 0 && is_endless && w->is_endless)
        return watch_start(w, events, is_endless);
    w->is_cut = true;
    w->loop->ops->poll_stop(w->loop->backend, &w->sock);
    return 0;
}

static void watch_on_retry(struct flare__timer *timer)
{
    struct flare_watch *w =
        FLARE_CONTAINER_OF(timer, struct flare_watch, retry);

    (void)watch_arm(w, /* again = */ true); /* else it is tried again */
}

/* ---- events ---- */

static void watch_free(struct flare_watch *w)
{
    struct flare_loop *loop = w->loop;

    flare__loop_resident_remove(loop, &w->resident);
    flare__free(&loop->allocator, w);
}

static void watch_on_poll(struct flare_watch *w, const struct flare__event *ev)
{
    unsigned events = ev->res > 0 ? watch_told(w->wanted, ev->res) : 0;

    if (!(ev->flags & FLARE__EV_MORE)) {
        w->armed = 0;
        w->is_cut = false;
    }
    if (w->is_closing)
        return;
    if (ev->res < 0 && ev->res != -ECANCELED) {
        watch_retry(w);
        return;
    }
    if (events != 0 && watch_is_waiting(w->wanted))
        w->fn(w, events, w->ctx); /* may free it: that is closing for now */
    if (!w->is_closing)
        (void)watch_arm(w, /* again = */ false); /* else it is tried again */
}

static void watch_on_event(struct flare__sock *sock,
                           const struct flare__event *ev)
{
    struct flare_watch *w = FLARE_CONTAINER_OF(sock, struct flare_watch, sock);

    if (ev->kind == FLARE__EV_POLL)
        watch_on_poll(w, ev);
    else if (ev->kind == FLARE__EV_CLOSED)
        watch_free(w);
}

/* ---- life ---- */

/* Whether readiness means something; epoll says so itself, a ring does not. */
static int watch_check(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? -EPERM : 0;
}

static void watch_evict(struct flare__resident *resident)
{
    struct flare_watch *w =
        FLARE_CONTAINER_OF(resident, struct flare_watch, resident);

    if (!w->is_closing)
        flare_watch_free(w);
}

int flare__watch_adopt(struct flare_loop *loop, struct flare_watch **out,
                       int fd, flare_watch_fn fn, void *ctx)
{
    struct flare_watch *w = flare__calloc(&loop->allocator, 1, sizeof(*w));
    int rc;

    if (w == NULL)
        return -ENOMEM;
    w->loop = loop;
    w->fn = fn;
    w->ctx = ctx;
    w->sock.on_event = watch_on_event;
    rc = loop->ops->attach(loop->backend, &w->sock, fd);
    if (rc < 0) {
        flare__free(&loop->allocator, w);
        return rc;
    }
    flare__loop_resident_add(loop, &w->resident, watch_evict);
    flare__loop_resident_rest(loop);
    *out = w;
    return 0;
}

int flare_watch_new(flare_loop *loop, flare_watch **out, int fd,
                    unsigned events, flare_watch_fn fn, void *ctx)
{
    struct flare_watch *w = NULL;
    int own;
    int rc;

    FLARE_ASSERT(fn != NULL);
    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->is_ending)
        return FLARE_E_STOPPED;
    if (!watch_is_valid(events))
        return -EINVAL;
    rc = watch_check(fd);
    if (rc < 0)
        return rc;
    own = flare__sock_dup(fd);
    if (own < 0)
        return own;
    rc = flare__watch_adopt(loop, &w, own, fn, ctx);
    if (rc < 0) {
        flare__sock_close(own);
        return rc;
    }
    rc = flare_watch_change(w, events);
    if (rc < 0) {
        flare_watch_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

/* Whether the loop goes on for it. */
static void watch_want(struct flare_watch *w, unsigned events)
{
    if (watch_is_waiting(w->wanted) && !watch_is_waiting(events))
        flare__loop_resident_rest(w->loop);
    else if (!watch_is_waiting(w->wanted) && watch_is_waiting(events))
        flare__loop_resident_work(w->loop);
    w->wanted = events;
}

int flare_watch_change(flare_watch *w, unsigned events)
{
    FLARE_DCHECK(flare__loop_is_owner(w->loop));
    FLARE_ASSERT(!w->is_closing);
    if (!watch_is_valid(events))
        return -EINVAL;
    watch_want(w, events);
    return watch_arm(w, /* again = */ true);
}

void flare_watch_free(flare_watch *w)
{
    if (w == NULL)
        return;
    FLARE_DCHECK(flare__loop_is_owner(w->loop));
    FLARE_ASSERT(!w->is_closing);
    w->is_closing = true;
    if (!watch_is_waiting(w->wanted))
        flare__loop_resident_work(w->loop); /* its end is waited for */
    flare__wheel_stop(&w->loop->wheel, &w->retry);
    w->loop->ops->close(w->loop->backend, &w->sock, FLARE__CLOSE_GRACEFUL);
}
