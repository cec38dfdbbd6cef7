/* SPDX-License-Identifier: MIT */
/* The side that takes: see handoff.h.  It blocks, in bounded time. */
#include "base/alloc.h"
#include "base/log.h"
#include "net/handoff.h"
#include "net/handoff_wire.h"
#include "net/inherit.h"
#include "net/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

/* A server that has not answered by then is stopped, or drowned. */
enum { TAKEOVER_WAIT_S = 5 };

/* Tries again when a signal, or a ring of this thread, interrupts. */
static int takeover_dial(int fd, const struct sockaddr_un *un)
{
    int rc;

    do
        rc = connect(fd, (const struct sockaddr *)un, sizeof(*un));
    while (rc < 0 && errno == EINTR);
    return rc;
}

static ssize_t takeover_hear(int fd, char *word, size_t size)
{
    ssize_t n;

    do
        n = recv(fd, word, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static int takeover_connect(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = TAKEOVER_WAIT_S};
    int fd = flare__os_socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int rc = 0;

    if (fd < 0)
        return fd;
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        takeover_dial(fd, &un) < 0)
        rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
    if (rc >= 0)
        rc = flare__handoff_check_peer(fd);
    if (rc < 0) {
        flare__sock_close(fd);
        return rc;
    }
    return fd;
}

/* Keeps one message's descriptors, or closes them. */
static int takeover_keep(struct flare__takeover *t,
                         const struct flare__handoff_offer *offer,
                         const int *fds)
{
    int rc = offer->first == t->count ? 0 : -EPROTO;

    if (rc == 0 && t->handed == NULL) {
        t->handed = flare__calloc(t->al, offer->total, sizeof(t->handed[0]));
        rc = t->handed == NULL ? -ENOMEM : 0;
    }
    for (uint32_t i = 0; i < offer->count; i++) {
        int checked = rc == 0 ? flare__inherit_check(fds[i], NULL) : rc;

        if (checked < 0) {
            flare__sock_close(fds[i]);
            rc = checked;
            continue;
        }
        t->handed[t->count] = (struct flare__listen_handed){
            .fd = fds[i], .is_shared = offer->items[i].is_shared != 0};
        memcpy(t->handed[t->count++].asked, offer->items[i].asked,
               FLARE__LISTEN_ASKED_MAX);
    }
    return rc;
}

static int takeover_receive(struct flare__takeover *t)
{
    struct flare__handoff_offer offer;
    int fds[FLARE__HANDOFF_BATCH];
    uint32_t total = 0;

    do {
        int rc = flare__handoff_recv(t->fd, &offer, fds);

        if (rc >= 0 && total != 0 && offer.total != total) {
            for (uint32_t i = 0; i < offer.count; i++)
                flare__sock_close(fds[i]);
            rc = -EPROTO;
        }
        if (rc >= 0)
            rc = takeover_keep(t, &offer, fds);
        if (rc < 0)
            return rc;
        total = offer.total;
    } while (t->count < total);
    return 0;
}

int flare__takeover_open(struct flare__takeover *t,
                         const struct flare_allocator *al, const char *path,
                         struct flare_error *err)
{
    int rc;

    *t = (struct flare__takeover){.al = al, .fd = -1};
    rc = takeover_connect(path);
    if (rc == -ENOENT || rc == -ECONNREFUSED)
        return 0; /* nobody there: the first, or the last one crashed */
    if (rc >= 0) {
        t->fd = rc;
        rc = takeover_receive(t);
    }
    if (rc >= 0)
        return 0;
    flare__takeover_close(t);
    return flare__error(err, rc, "restart_socket %s: %s", path,
                        flare_strerror(rc));
}

int flare__takeover_ready(struct flare__takeover *t)
{
    char word[16] = "";

    if (t->fd < 0)
        return 0;
    (void)send(t->fd, FLARE__HANDOFF_READY, strlen(FLARE__HANDOFF_READY),
               MSG_NOSIGNAL); /* it died, or the answer tells */
    if (takeover_hear(t->fd, word, sizeof(word) - 1) < 0 && errno == EAGAIN)
        return 1;
    return strcmp(word, FLARE__HANDOFF_LATE) == 0 ? -ETIMEDOUT : 0;
}

void flare__takeover_close(struct flare__takeover *t)
{
    if (t->al == NULL)
        return;
    for (uint32_t i = 0; i < t->count; i++)
        flare__sock_close(t->handed[i].fd);
    flare__sock_close(t->fd);
    flare__free(t->al, t->handed);
    *t = (struct flare__takeover){.fd = -1};
}
