/* SPDX-License-Identifier: MIT */
/* See sock_option.h. */
#include "net/sock_option.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* macOS has the one, everybody else the other. */
#if defined(TCP_KEEPIDLE)
#define OPTION_KEEP_IDLE TCP_KEEPIDLE
#elif defined(TCP_KEEPALIVE)
#define OPTION_KEEP_IDLE TCP_KEEPALIVE
#endif

/* Where options go. */
struct target {
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    int fd;
};

static int option_set(const struct target *t, int level, int name, int value)
{
    return t->ops->option(t->b, t->fd, level, name, &value, sizeof(value));
}

/* The same where 0 stands for the system's own choice. */
static int option_wish(const struct target *t, int level, int name,
                       uint32_t value)
{
    return value == 0 ? 0 : option_set(t, level, name, (int)value);
}

static int keepalive_set(const struct target *t,
                         const struct flare__sock_wishes *w)
{
    int rc = option_set(t, SOL_SOCKET, SO_KEEPALIVE, 1);

#ifdef OPTION_KEEP_IDLE
    if (rc == 0)
        rc = option_wish(t, IPPROTO_TCP, OPTION_KEEP_IDLE, w->keepalive_idle_s);
#endif
#ifdef TCP_KEEPINTVL
    if (rc == 0)
        rc =
            option_wish(t, IPPROTO_TCP, TCP_KEEPINTVL, w->keepalive_interval_s);
#endif
#ifdef TCP_KEEPCNT
    if (rc == 0)
        rc = option_wish(t, IPPROTO_TCP, TCP_KEEPCNT, w->keepalive_count);
#endif
    (void)w; /* OpenBSD: one time for all, the system's */
    return rc;
}

static int user_timeout_set(const struct target *t, uint32_t ms)
{
    if (ms == 0)
        return 0;
#ifdef TCP_USER_TIMEOUT
    return option_set(t, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ms);
#else
    (void)t;
    return -ENOPROTOOPT;
#endif
}

static int tcp_set(const struct target *t, const struct flare__sock_wishes *w)
{
    int rc = 0;

    if (w->nodelay)
        rc = option_set(t, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == 0 && w->keepalive)
        rc = keepalive_set(t, w);
    if (rc == 0)
        rc = user_timeout_set(t, w->user_timeout_ms);
    return rc;
}

int flare__sock_apply(const struct flare__backend_ops *ops,
                      struct flare__backend *b, int fd, int family,
                      const struct flare__sock_wishes *wishes)
{
    const struct target t = {ops, b, fd};
    struct linger linger = {.l_onoff = 1, .l_linger = wishes->linger_s};
    int rc;

    rc = option_wish(&t, SOL_SOCKET, SO_SNDBUF, wishes->send_buffer_bytes);
    if (rc == 0)
        rc = option_wish(&t, SOL_SOCKET, SO_RCVBUF,
                         wishes->receive_buffer_bytes);
    if (rc == 0 && wishes->has_linger)
        rc = ops->option(b, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    if (rc == 0 && family != AF_UNIX)
        rc = tcp_set(&t, wishes);
    return rc;
}

int flare__sock_delay(const struct flare__backend_ops *ops,
                      struct flare__backend *b, int fd)
{
    const struct target t = {ops, b, fd};

    return option_set(&t, IPPROTO_TCP, TCP_NODELAY, 0);
}

void flare__sock_late_port(const struct flare__backend_ops *ops,
                           struct flare__backend *b, int fd)
{
#ifdef IP_BIND_ADDRESS_NO_PORT /* Linux 4.2; of both families */
    const struct target t = {ops, b, fd};

    (void)option_set(&t, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
                     1); /* without it the port is chosen at once */
#else
    (void)ops;
    (void)b;
    (void)fd;
#endif
}

void flare__sock_fast_open(const struct flare__backend_ops *ops,
                           struct flare__backend *b, int fd, int queue)
{
    const struct target t = {ops, b, fd};

    /* a hint: nobody is worse off without it */
    if (queue > 0) {
#ifdef TCP_FASTOPEN
        (void)option_set(&t, IPPROTO_TCP, TCP_FASTOPEN, queue);
#endif
        return;
    }
#ifdef TCP_FASTOPEN_CONNECT /* Linux 4.11 */
    (void)option_set(&t, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
#endif
    (void)t;
}
