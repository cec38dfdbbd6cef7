/* SPDX-License-Identifier: MIT */
/* See signal.h. */
#include "net/signal.h"

#include "base/assert.h"
#include "net/os.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>

enum { SIGNALS_MAX = 128 }; /* of any system; what is none is no member */

/* ---- the mask ---- */

static int signals_block_set(struct flare__signals *s)
{
    sigset_t before;
    int rc = pthread_sigmask(SIG_BLOCK, &s->set, &before);

    if (rc != 0)
        return -rc;
    s->blocked = s->set;
    for (int number = 1; number < SIGNALS_MAX; number++)
        if (sigismember(&before, number) == 1)
            (void)sigdelset(&s->blocked, number); /* it is a number */
    s->is_blocked = true;
    return 0;
}

int flare__signals_block(struct flare__signals *s)
{
    (void)sigemptyset(&s->set); /* these cannot fail */
    (void)sigaddset(&s->set, SIGINT);
    (void)sigaddset(&s->set, SIGTERM);
    return signals_block_set(s);
}

int flare__signals_block_one(struct flare__signals *s, int number)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV,
                                SIGBUS,  SIGFPE,  SIGILL};

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (number == never[i])
            return -EINVAL;
    (void)sigemptyset(&s->set); /* cannot fail */
    if (sigaddset(&s->set, number) < 0)
        return -EINVAL;
    return signals_block_set(s);
}

void flare__signals_unblock(struct flare__signals *s)
{
    if (s->is_blocked)
        (void)pthread_sigmask(SIG_UNBLOCK, &s->blocked, NULL);
    s->is_blocked = false;
}

/* ---- the descriptor ---- */

static int signals_arm(struct flare__signals *s)
{
    return s->loop->ops->poll_fd(s->loop->backend, &s->sock, POLLIN);
}

/* `fn` may close it, and the descriptor with that: asked anew each time. */
static void signals_read(struct flare__signals *s)
{
    while (!s->is_closing) {
        int number = flare__os_signals_take(s->sock.fd);

        if (number == 0)
            return;
        s->fn(number, s->ctx);
    }
}

static void signals_on_event(struct flare__sock *sock,
                             const struct flare__event *ev)
{
    struct flare__signals *s =
        FLARE_CONTAINER_OF(sock, struct flare__signals, sock);

    if (ev->kind == FLARE__EV_CLOSED) {
        s->is_open = false;
        if (s->on_closed != NULL)
            s->on_closed(s);
        return;
    }
    if (ev->res < 0 || s->is_closing)
        return;
    signals_read(s);
    if (!s->is_closing && signals_arm(s) < 0)
        flare__log(&s->loop->log, FLARE_LOG_ERROR,
                   "signals are no longer seen");
}

int flare__signals_open(struct flare__signals *s, struct flare_loop *loop,
                        flare__signal_fn fn, void *ctx)
{
    int fd = flare__os_signals_open(&s->set);
    int rc;

    if (fd < 0)
        return fd;
    s->loop = loop;
    s->fn = fn;
    s->ctx = ctx;
    s->sock.on_event = signals_on_event;
    rc = loop->ops->attach(loop->backend, &s->sock, fd);
    if (rc < 0) {
        (void)close(fd); /* nothing was written to it */
        return rc;
    }
    s->is_closing = false;
    s->is_open = true;
    rc = signals_arm(s);
    if (rc < 0)
        flare__signals_close(s);
    return rc;
}

void flare__signals_close(struct flare__signals *s)
{
    if (!s->is_open || s->is_closing)
        return;
    s->is_closing = true;
    s->loop->ops->close(s->loop->backend, &s->sock, FLARE__CLOSE_GRACEFUL);
}
