/* SPDX-License-Identifier: MIT */
/* See signal.h. */
#include "net/signal.h"

#include "base/assert.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t signals_set(void)
{
    sigset_t set;

    (void)sigemptyset(&set); /* these cannot fail */
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    return set;
}

int flare__signals_block(struct flare__signals *s)
{
    sigset_t set = signals_set();
    int rc = pthread_sigmask(SIG_BLOCK, &set, &s->before);

    s->is_blocked = rc == 0;
    return -rc;
}

void flare__signals_unblock(struct flare__signals *s)
{
    if (s->is_blocked)
        (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
    s->is_blocked = false;
}

static int signals_arm(struct flare__signals *s)
{
    return s->loop->ops->poll_fd(s->loop->backend, &s->sock, POLLIN);
}

static void signals_on_event(struct flare__sock *sock,
                             const struct flare__event *ev)
{
    struct flare__signals *s =
        FLARE_CONTAINER_OF(sock, struct flare__signals, sock);
    struct signalfd_siginfo info;

    if (ev->kind == FLARE__EV_CLOSED) {
        s->is_open = false;
        return;
    }
    if (ev->res < 0)
        return;
    while (read(sock->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->fn((int)info.ssi_signo, s->ctx);
    if (signals_arm(s) < 0)
        flare__log(&s->loop->log, FLARE_LOG_ERROR,
                   "signals are no longer seen");
}

int flare__signals_open(struct flare__signals *s, struct flare_loop *loop,
                        flare__signal_fn fn, void *ctx)
{
    sigset_t set = signals_set();
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int rc;

    if (fd < 0)
        return -errno;
    s->loop = loop;
    s->fn = fn;
    s->ctx = ctx;
    s->sock.on_event = signals_on_event;
    rc = loop->ops->attach(loop->backend, &s->sock, fd);
    if (rc < 0) {
        (void)close(fd); /* nothing was written to it */
        return rc;
    }
    s->is_open = true;
    rc = signals_arm(s);
    if (rc < 0)
        flare__signals_close(s);
    return rc;
}

void flare__signals_close(struct flare__signals *s)
{
    if (s->is_open)
        s->loop->ops->close(s->loop->backend, &s->sock, FLARE__CLOSE_GRACEFUL);
}
