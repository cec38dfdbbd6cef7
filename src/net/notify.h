/* SPDX-License-Identifier: MIT */
/*
 * Tells the service manager how it goes (NOTIFY_SOCKET, sd_notify(3)) without
 * its library.  Datagrams that never block; one that is lost is an error code.
 */
#ifndef FLARE__NET_NOTIFY_H
#define FLARE__NET_NOTIFY_H

#include <flare/base.h>

#include "net/sock.h"

struct flare__notify {
    int fd; /* -1: nobody asked */
    struct sockaddr_storage to;
    socklen_t to_len;
};

/*
 * Reads NOTIFY_SOCKET, here and never again: a path, or "@" and an abstract
 * name.  0, also if it is not set; -EAFNOSUPPORT for other addresses,
 * -ENAMETOOLONG, or -errno: then nobody is told.
 */
FLARE_MUST_USE
int flare__notify_open(struct flare__notify *n);

/* "READY=1", lines of it.  0, also if nobody asked, or -errno.  Thread: any. */
FLARE_MUST_USE
int flare__notify_send(const struct flare__notify *n, struct flare_str text);

/* The service is up, and this process is it.  As above. */
FLARE_MUST_USE
int flare__notify_ready(const struct flare__notify *n);

void flare__notify_close(struct flare__notify *n);

#endif
