/* SPDX-License-Identifier: MIT */
/*
 * What a socket is wished to be, without the system's numbers for it.  Set
 * through the backend, so that the simulated network sees it too.
 */
#ifndef FLARE__NET_SOCK_OPTION_H
#define FLARE__NET_SOCK_OPTION_H

#include "backends/backend.h"

/* Zero: as the system makes it. */
struct flare__sock_wishes {
    uint32_t send_buffer_bytes;
    uint32_t receive_buffer_bytes;
    uint32_t keepalive_idle_s; /* these three only with keepalive */
    uint32_t keepalive_interval_s;
    uint32_t keepalive_count;
    uint32_t user_timeout_ms;
    int32_t linger_s; /* with has_linger */
    bool has_linger;
    bool keepalive;
    bool nodelay;
};

/*
 * Sets them on a stream socket of `family`; those that a Unix socket has no
 * use for are left out.  A listener hands them on to what it accepts.  0, or
 * -errno of the first that was refused.
 */
int flare__sock_apply(const struct flare__backend_ops *ops,
                      struct flare__backend *b, int fd, int family,
                      const struct flare__sock_wishes *wishes);

/* Small writes wait for acknowledgements, as a listener's sockets do not by
 * themselves (net/sock.h).  0 or -errno. */
int flare__sock_delay(const struct flare__backend_ops *ops,
                      struct flare__backend *b, int fd);

/* The system chooses the port of a bound socket as late as it connects, when
 * it knows more that are free.  Nothing where it cannot. */
void flare__sock_late_port(const struct flare__backend_ops *ops,
                           struct flare__backend *b, int fd);

/* Data in the SYN: of a connect, or of `queue` connections of a listener.
 * Nothing where the system has none of it. */
void flare__sock_fast_open(const struct flare__backend_ops *ops,
                           struct flare__backend *b, int fd, int queue);

#endif
