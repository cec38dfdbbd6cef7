/* SPDX-License-Identifier: MIT */
/*
 * The epoll floor: edge triggered, one receive and one send per event, no
 * other call.  The three hot system calls are inlined: bench/call.h says why.
 */
#include "bench/call.h"
#include "bench/floor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 512, RECV_BYTES = 16384 };

struct conn {
    struct floor_cut cut;
    uint32_t owed; /* bytes of answers not yet sent */
};

struct server {
    int epoll_fd;
    int listen_fd;
    struct floor_sheet sheet;
    struct conn conns[FLOOR_FD_MAX];
    uint8_t buffer[RECV_BYTES + 64];
    struct epoll_event events[EVENTS_PER_TURN];
};

/* Sends what is owed; 0, or -errno when the connection is gone. */
static int conn_flush(struct server *s, struct conn *c, int fd)
{
    while (c->owed > 0) {
        /* a rest of an answer first, then whole ones from the sheet's start */
        uint32_t skip = c->owed % BENCH_ANSWER_BYTES;
        uint32_t at = skip > 0 ? BENCH_ANSWER_BYTES - skip : 0;
        uint32_t room = sizeof(s->sheet.bytes[0]) - at;
        uint32_t len = c->owed < room ? c->owed : room;
        long n = bench_call(SYS_sendto, fd, floor_sheet_bytes(&s->sheet) + at,
                            (long)len, MSG_NOSIGNAL, 0);

        if (n == -EAGAIN)
            return 0; /* an EPOLLOUT edge resumes */
        if (n < 0)
            return (int)n;
        c->owed -= (uint32_t)n;
    }
    return 0;
}

/* Receives and answers; -errno or -ENOTCONN when the connection is gone. */
static int conn_serve(struct server *s, struct conn *c, int fd, uint32_t events)
{
    for (;;) {
        long n = bench_call(SYS_recvfrom, fd, s->buffer, RECV_BYTES, 0, 0);
        int rc;

        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return n < 0 ? (int)n : -ENOTCONN;
        c->owed += floor_heads_count(&c->cut, s->buffer, (uint32_t)n) *
                   BENCH_ANSWER_BYTES;
        rc = conn_flush(s, c, fd);
        if (rc < 0)
            return rc;
        /* a short receive emptied the socket (epoll(7)): the next byte, or
         * the end, is a new edge; an end already seen is read now */
        if (n < RECV_BYTES && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
            return 0;
    }
}

static void server_accept(struct server *s)
{
    for (;;) {
        struct epoll_event ev = {.events =
                                     EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        int fd =
            accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        if (fd >= FLOOR_FD_MAX) {
            (void)close(fd); /* beyond the table */
            continue;
        }
        s->conns[fd] = (struct conn){0};
        ev.data.fd = fd;
        if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
            floor_die("epoll_ctl", -errno);
    }
}

static void server_event(struct server *s, const struct epoll_event *ev)
{
    int fd = ev->data.fd;
    struct conn *c = &s->conns[fd];
    int rc = 0;

    if (fd == s->listen_fd) {
        server_accept(s);
        return;
    }
    if (c->owed > 0)
        rc = conn_flush(s, c, fd);
    if (rc == 0 && (ev->events & ~(uint32_t)EPOLLOUT) != 0)
        rc = conn_serve(s, c, fd, ev->events);
    if (rc < 0)
        (void)close(fd); /* the peer left */
}

static void *worker(void *listen_fd)
{
    struct server *s = calloc(1, sizeof(*s)); /* untouched pages cost nothing */
    struct epoll_event ev = {.events = EPOLLIN};

    if (s == NULL)
        floor_die("memory", -ENOMEM);
    s->listen_fd = *(int *)listen_fd;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ev.data.fd = s->listen_fd;
    if (s->epoll_fd < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->listen_fd, &ev) < 0)
        floor_die("epoll", -errno);
    for (;;) {
        long n = bench_call(SYS_epoll_pwait, s->epoll_fd, s->events,
                            EVENTS_PER_TURN, -1, 0);

        if (n < 0 && n != -EINTR)
            floor_die("epoll_wait", (int)n);
        floor_sheet_refresh(&s->sheet);
        for (long i = 0; i < n; i++)
            server_event(s, &s->events[i]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    floor_main(argc, argv, worker);
}
