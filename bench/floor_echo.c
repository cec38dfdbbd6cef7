/* SPDX-License-Identifier: MIT */
/*
 * The echo floor: what a plain program on epoll costs that sends back what it
 * gets.  Edge triggered, one receive and one send per event and connection over
 * TCP; over UDP (-u) one recvmmsg and one sendmmsg for up to 16 datagrams.  The
 * hot system calls are inlined.
 */
#include "bench/call.h"
#include "bench/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    EVENTS_PER_TURN = 512,
    RECV_BYTES = 65536, /* a receive, and the longest datagram */
    BATCH = 16
};

/* What the peer has not taken; nothing more is received meanwhile. */
struct conn {
    uint8_t *rest;
    uint32_t len;
    uint32_t at;
};

struct server {
    int epoll_fd;
    int fd; /* listens, or is the UDP socket */
    struct conn conns[FLOOR_FD_MAX];
    struct epoll_event events[EVENTS_PER_TURN];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in peers[BATCH];
    uint8_t buffers[BATCH][RECV_BYTES]; /* TCP: the first */
};

/* Sends bytes[0, len); what is not taken is kept.  0, or -errno: it is gone. */
static int conn_send(struct conn *c, int fd, const uint8_t *bytes, uint32_t len)
{
    long n = bench_call(SYS_sendto, fd, bytes, (long)len, MSG_NOSIGNAL, 0);

    if (n == (long)len)
        return 0;
    if (n < 0 && n != -EAGAIN)
        return (int)n;
    if (n > 0) {
        bytes += n;
        len -= (uint32_t)n;
    }
    c->rest = malloc(len);
    if (c->rest == NULL)
        floor_die("memory", -ENOMEM);
    memcpy(c->rest, bytes, len);
    c->len = len;
    c->at = 0;
    return 0;
}

/* 0, or -errno; an EPOLLOUT edge resumes if it is not all. */
static int conn_send_rest(struct conn *c, int fd)
{
    while (c->at < c->len) {
        long n = bench_call(SYS_sendto, fd, c->rest + c->at, c->len - c->at,
                            MSG_NOSIGNAL, 0);

        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        c->at += (uint32_t)n;
    }
    free(c->rest);
    *c = (struct conn){0};
    return 0;
}

/* 0, -errno, or -ENOTCONN: the connection is at its end. */
static int conn_echo(struct server *s, struct conn *c, int fd, uint32_t events)
{
    while (c->rest == NULL) {
        long n = bench_call(SYS_recvfrom, fd, s->buffers[0], RECV_BYTES, 0, 0);
        int rc;

        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return n < 0 ? (int)n : -ENOTCONN;
        rc = conn_send(c, fd, s->buffers[0], (uint32_t)n);
        if (rc < 0)
            return rc;
        /* as floor_epoll: a short receive has emptied the socket */
        if (n < RECV_BYTES && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
            return 0;
    }
    return 0;
}

static void server_accept(struct server *s)
{
    for (;;) {
        struct epoll_event ev = {.events =
                                     EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        if (fd >= FLOOR_FD_MAX) {
            (void)close(fd); /* beyond the table */
            continue;
        }
        ev.data.fd = fd;
        if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
            floor_die("epoll_ctl", -errno);
    }
}

static void server_stream_event(struct server *s, const struct epoll_event *ev)
{
    int fd = ev->data.fd;
    struct conn *c = &s->conns[fd];
    int rc = 0;

    if (fd == s->fd) {
        server_accept(s);
        return;
    }
    if (c->rest != NULL)
        rc = conn_send_rest(c, fd);
    if (rc == 0 && (ev->events & ~(uint32_t)EPOLLOUT) != 0)
        rc = conn_echo(s, c, fd, ev->events);
    if (rc < 0) {
        free(c->rest);
        *c = (struct conn){0};
        (void)close(fd); /* the peer left */
    }
}

/* Fewer than a batch have emptied the socket: the next is a new edge. */
static void server_datagrams(struct server *s)
{
    long n;

    do {
        for (int i = 0; i < BATCH; i++) {
            s->parts[i].iov_len = RECV_BYTES;
            s->messages[i].msg_hdr.msg_namelen = sizeof(s->peers[i]);
        }
        n = bench_call(SYS_recvmmsg, s->fd, s->messages, BATCH, 0, 0);
        for (long i = 0; i < n; i++)
            s->parts[i].iov_len = s->messages[i].msg_len;
        /* what does not go is lost, as on a network */
        if (n > 0)
            (void)bench_call(SYS_sendmmsg, s->fd, s->messages, n, 0, 0);
    } while (n == BATCH);
}

static void server_open(struct server *s, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

    s->fd = fd;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        floor_die("epoll", -errno);
    for (int i = 0; i < BATCH; i++) {
        s->parts[i].iov_base = s->buffers[i];
        s->messages[i].msg_hdr.msg_iov = &s->parts[i];
        s->messages[i].msg_hdr.msg_iovlen = 1;
        s->messages[i].msg_hdr.msg_name = &s->peers[i];
    }
}

static void *worker(void *fd)
{
    struct server *s = calloc(1, sizeof(*s)); /* untouched pages cost nothing */

    if (s == NULL)
        floor_die("memory", -ENOMEM);
    server_open(s, *(int *)fd);
    for (;;) {
        long n = bench_call(SYS_epoll_pwait, s->epoll_fd, s->events,
                            EVENTS_PER_TURN, -1, 0);

        if (n < 0 && n != -EINTR)
            floor_die("epoll_wait", (int)n);
        for (long i = 0; i < n; i++) {
            if (floor_options.is_datagram)
                server_datagrams(s);
            else
                server_stream_event(s, &s->events[i]);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    floor_main(argc, argv, worker);
}
