/* SPDX-License-Identifier: MIT */
/*
 * The side that gives: see handoff.h.  Its descriptors are no streams of the
 * backend; it only tells when they are readable or writable.
 */
#include "net/handoff.h"

#include "base/assert.h"
#include "net/handoff_wire.h"
#include "net/os.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HANDOFF_LATE_MS = 60000, /* from the offer to "ready" */
    HANDOFF_BACKLOG = 8
};

/* ---- the name in the file system ---- */

static int handoff_bind(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = flare__os_socket(AF_UNIX, SOCK_SEQPACKET, FLARE__OS_NONBLOCK);
    int rc;

    if (fd < 0)
        return fd; /* macOS has no such Unix sockets */
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    (void)unlink(path); /* of a process that had this id before */
    rc = flare__os_bind_private(fd, &un);
    if (rc == 0 && listen(fd, HANDOFF_BACKLOG) < 0)
        rc = -errno;
    if (rc < 0) {
        flare__sock_close(fd);
        return rc;
    }
    return fd;
}

int flare__handoff_open(struct flare__handoff *h, const char *path,
                        struct flare_error *err)
{
    int len;

    *h = (struct flare__handoff){.path = path, .fd = -1};
    len = snprintf(h->own_path, sizeof(h->own_path), "%s.%ld", path,
                   (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(h->own_path) || path[0] == '\0')
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "restart_socket: \"%s\" must have 1 to %d bytes",
                            path, (int)sizeof(h->own_path) - 12);
    h->fd = handoff_bind(h->own_path);
    if (h->fd < 0)
        return flare__error(err, h->fd, "restart_socket %s: %s", h->own_path,
                            flare_strerror(h->fd));
    h->state = FLARE__HANDOFF_OPEN;
    return 0;
}

static int handoff_publish(struct flare__handoff *h)
{
    struct stat st;

    if (lstat(h->own_path, &st) < 0 || rename(h->own_path, h->path) < 0)
        return -errno;
    h->path_dev = (uint64_t)st.st_dev;
    h->path_ino = (uint64_t)st.st_ino;
    h->is_published = true;
    return 0;
}

/* The name is removed only while it is this server's. */
static void handoff_unpublish(struct flare__handoff *h)
{
    struct stat st;

    if (!h->is_published)
        (void)unlink(h->own_path); /* best effort: nobody looks for it */
    else if (lstat(h->path, &st) == 0 && (uint64_t)st.st_dev == h->path_dev &&
             (uint64_t)st.st_ino == h->path_ino)
        (void)unlink(h->path); /* as above: who connects is refused */
}

/* ---- the next server ---- */

static void handoff_hang_up(struct flare__handoff *h, const char *why)
{
    if (why != NULL)
        flare__log(&h->loop->log, FLARE_LOG_WARN, "hot restart: %s; serving on",
                   why);
    flare__wheel_stop(&h->loop->wheel, &h->timer);
    h->state = FLARE__HANDOFF_IDLE;
    h->has_peer = false;
    h->loop->ops->close(h->loop->backend, &h->peer, FLARE__CLOSE_GRACEFUL);
}

static void handoff_say(struct flare__handoff *h, const char *word)
{
    /* Room for a word is there: the peer has read all else, or is gone. */
    (void)send(h->peer.fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void handoff_on_late(struct flare__timer *timer)
{
    struct flare__handoff *h =
        FLARE_CONTAINER_OF(timer, struct flare__handoff, timer);

    handoff_say(h, FLARE__HANDOFF_LATE);
    handoff_hang_up(h, "the next server did not start within a minute");
}

static void handoff_offer(struct flare__handoff *h)
{
    struct flare_loop *loop = h->loop;
    int rc = 1;

    while (rc > 0 && h->offered < h->set->socket_count) {
        rc = flare__handoff_send(h->peer.fd, h->set, h->offered);
        if (rc > 0)
            h->offered += (uint32_t)rc;
    }
    if (rc >= 0 || rc == -EAGAIN) {
        h->state = rc == -EAGAIN ? FLARE__HANDOFF_OFFER : FLARE__HANDOFF_WAIT;
        rc = loop->ops->poll_fd(loop->backend, &h->peer,
                                rc == -EAGAIN ? POLLOUT : POLLIN);
    }
    if (rc < 0)
        handoff_hang_up(h, flare_strerror(rc));
}

static void handoff_on_word(struct flare__handoff *h)
{
    char word[16] = "";
    ssize_t n = recv(h->peer.fd, word, sizeof(word) - 1, MSG_DONTWAIT);

    if (n <= 0 || strcmp(word, FLARE__HANDOFF_READY) != 0) {
        handoff_hang_up(h, "the next server gave up");
        return;
    }
    flare__wheel_stop(&h->loop->wheel, &h->timer);
    h->state = FLARE__HANDOFF_TAKEN;
    h->on_ready(h->ctx);
}

static void handoff_arm(struct flare__handoff *h)
{
    struct flare_loop *loop = h->loop;
    int rc = loop->ops->poll_fd(loop->backend, &h->listener, POLLIN);

    if (rc < 0)
        flare__log(&loop->log, FLARE_LOG_ERROR,
                   "hot restart is no longer possible: %s", flare_strerror(rc));
}

static void handoff_on_peer(struct flare__sock *sock,
                            const struct flare__event *ev)
{
    struct flare__handoff *h =
        FLARE_CONTAINER_OF(sock, struct flare__handoff, peer);

    if (ev->kind == FLARE__EV_CLOSED) {
        h->socks_open--;
        if (h->state == FLARE__HANDOFF_IDLE)
            handoff_arm(h);
    } else if (ev->res >= 0 && h->state == FLARE__HANDOFF_OFFER) {
        handoff_offer(h);
    } else if (ev->res >= 0 && h->state == FLARE__HANDOFF_WAIT) {
        handoff_on_word(h);
    }
}

static bool handoff_is_ours(int fd)
{
    return flare__handoff_check_peer(fd) == 0;
}

/* The listener's next poll follows when this one has hung up. */
static int handoff_welcome(struct flare__handoff *h, int fd)
{
    struct flare_loop *loop = h->loop;
    int rc;

    h->peer = (struct flare__sock){.on_event = handoff_on_peer};
    rc = loop->ops->attach(loop->backend, &h->peer, fd);
    if (rc < 0)
        return rc;
    h->socks_open++;
    h->has_peer = true;
    h->offered = 0;
    flare__wheel_start(&loop->wheel, &h->timer, loop->now_ms + HANDOFF_LATE_MS,
                       handoff_on_late);
    handoff_offer(h);
    return 0;
}

static void handoff_on_listener(struct flare__sock *sock,
                                const struct flare__event *ev)
{
    struct flare__handoff *h =
        FLARE_CONTAINER_OF(sock, struct flare__handoff, listener);
    int fd;

    if (ev->kind == FLARE__EV_CLOSED) {
        h->socks_open--;
        return;
    }
    if (ev->res < 0 || h->state != FLARE__HANDOFF_IDLE)
        return;
    fd = flare__os_accept(sock->fd);
    if (fd >= 0 && handoff_is_ours(fd) && handoff_welcome(h, fd) == 0)
        return;
    flare__sock_close(fd);
    handoff_arm(h);
}

/* ---- its life ---- */

int flare__handoff_start(struct flare__handoff *h, struct flare_loop *loop,
                         const struct flare__listen_set *set,
                         flare__handoff_fn on_ready, void *ctx)
{
    int rc;

    FLARE_ASSERT(h->state == FLARE__HANDOFF_OPEN);
    h->loop = loop;
    h->set = set;
    h->on_ready = on_ready;
    h->ctx = ctx;
    h->listener.on_event = handoff_on_listener;
    rc = loop->ops->attach(loop->backend, &h->listener, h->fd);
    if (rc < 0)
        return rc;
    h->fd = -1;
    h->socks_open = 1;
    h->state = FLARE__HANDOFF_IDLE;
    rc = handoff_publish(h);
    handoff_arm(h);
    return rc;
}

bool flare__handoff_is_offered(const struct flare__handoff *h)
{
    return h->has_peer && h->state != FLARE__HANDOFF_CLOSING;
}

void flare__handoff_gone(struct flare__handoff *h)
{
    if (h->state != FLARE__HANDOFF_TAKEN)
        return;
    handoff_say(h, FLARE__HANDOFF_GONE);
    flare__handoff_close(h);
}

void flare__handoff_close(struct flare__handoff *h)
{
    struct flare_loop *loop = h->loop;
    bool is_on_loop = h->state >= FLARE__HANDOFF_IDLE;

    if (h->state == FLARE__HANDOFF_CLOSED || h->state == FLARE__HANDOFF_CLOSING)
        return;
    if (h->state != FLARE__HANDOFF_TAKEN)
        handoff_unpublish(h);
    h->state = is_on_loop ? FLARE__HANDOFF_CLOSING : FLARE__HANDOFF_CLOSED;
    if (!is_on_loop) {
        flare__sock_close(h->fd);
        h->fd = -1;
        return;
    }
    flare__wheel_stop(&loop->wheel, &h->timer);
    loop->ops->close(loop->backend, &h->listener, FLARE__CLOSE_GRACEFUL);
    if (h->has_peer)
        loop->ops->close(loop->backend, &h->peer, FLARE__CLOSE_GRACEFUL);
    h->has_peer = false;
}

bool flare__handoff_is_closed(const struct flare__handoff *h)
{
    return h->socks_open == 0;
}
