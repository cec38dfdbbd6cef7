/* SPDX-License-Identifier: MIT */
/* See uring_rig.h. */
#include "tests/backends/uring_rig.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static const struct flare__log silent = {.fn = NULL};

const uint32_t rig_denied[2] = {0, RIG_DENY_MULTISHOT};
uint8_t rig_block[1 << 16];

void rig_setup(void)
{
    for (size_t i = 0; i < sizeof(rig_block); i++)
        rig_block[i] = (uint8_t)(i * 31 + i / 256);
}

bool rig_is_here(void)
{
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &silent};
    struct flare_error why = {.code = 0};
    struct flare__backend *b = NULL;

    if (flare__backend_uring.open(&b, &config, &why) < 0) {
        printf("SKIP uring: %s\n", why.text);
        return false;
    }
    flare__backend_uring.free(b);
    return true;
}

void rig_open(struct rig *rig, uint32_t queue, uint32_t leases,
              uint32_t caps_denied)
{
    const struct flare__backend_config config = {
        .al = &flare__allocator_default,
        .log = &silent,
        .queue_entries = queue,
        .lease_count = leases,
        .caps_denied = caps_denied,
    };
    struct flare_error why = {.code = 0};
    int rc;

    memset(rig, 0, sizeof(*rig));
    rig->ops = &flare__backend_uring;
    rc = rig->ops->open(&rig->b, &config, &why);
    ck_assert_msg(rc == 0, "%s", why.text);
}

void rig_close(struct rig *rig)
{
    rig_held_put(rig);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(rig_turn(rig, 0), 0);
    ck_assert_uint_eq(rig->b->leases.held, 0);
    flare__handles_check(&rig->b->handles);
    rig->ops->free(rig->b);
    rig->b = NULL;
}

static void got_recv(struct rig_sock *s, const struct flare__event *ev)
{
    struct rig *rig = s->rig;

    ck_assert(s->is_receiving);
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        s->is_receiving = false;
        s->recv_res = ev->res;
        ck_assert_int_le(ev->res, 0);
        ck_assert(!(ev->flags & FLARE__EV_LEASE));
        return;
    }
    ck_assert_int_gt(ev->res, 0);
    ck_assert(ev->flags & FLARE__EV_LEASE);
    s->recv_events++;
    for (int32_t i = 0; i < ev->res; i++)
        s->recv_sum += ++s->recv_bytes * ev->data[i];
    if (!s->keeps_leases) {
        rig->ops->lease_put(rig->b, ev->lease);
        return;
    }
    ck_assert_int_lt(rig->held_count, RIG_HELD_MAX);
    rig->held[rig->held_count++] = ev->lease;
}

static void got_accept(struct rig_sock *s, const struct flare__event *ev)
{
    ck_assert(s->is_accepting);
    if ((ev->flags & FLARE__EV_MORE) == 0) {
        s->is_accepting = false;
        s->accept_res = ev->res;
        ck_assert_int_lt(ev->res, 0);
        return;
    }
    ck_assert_int_ge(ev->res, 0);
    ck_assert(fcntl(ev->res, F_GETFD) & FD_CLOEXEC);
    if (s->accepted < (int)(sizeof(s->fds) / sizeof(s->fds[0])))
        s->fds[s->accepted] = ev->res;
    else
        s->rig->ops->discard(s->rig->b, ev->res);
    s->accepted++;
}

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    struct rig_sock *s = FLARE_CONTAINER_OF(sock, struct rig_sock, sock);

    ck_assert(!s->is_closed);
    switch (ev->kind) {
    case FLARE__EV_RECV:
        got_recv(s, ev);
        return;
    case FLARE__EV_ACCEPT:
        got_accept(s, ev);
        return;
    case FLARE__EV_SENT:
        ck_assert(s->is_sending);
        s->is_sending = false;
        s->sent_res = ev->res;
        return;
    case FLARE__EV_CONNECT:
        s->connect_res = ev->res;
        return;
    case FLARE__EV_POLL:
        ck_assert(s->is_polling);
        ck_assert_int_eq(ev->flags,
                         s->is_watching && ev->res > 0 ? FLARE__EV_MORE : 0);
        s->is_polling = (ev->flags & FLARE__EV_MORE) != 0;
        s->polls++;
        s->poll_res = ev->res;
        return;
    case FLARE__EV_CLOSED:
        ck_assert(!s->is_receiving && !s->is_accepting && !s->is_sending &&
                  !s->is_polling);
        s->is_closed = true;
        memset(sock, 0xee, sizeof(*sock)); /* nobody may look at it now */
        return;
    default:
        ck_abort_msg("event %d", ev->kind);
    }
}

int rig_turn(struct rig *rig, int wait_ms)
{
    int capacity = rig->capacity ? rig->capacity : (int)RIG_BATCH;
    uint64_t deadline =
        wait_ms ? rig->ops->now(rig->b) + (uint64_t)wait_ms * 1000000 : 0;
    int n = rig->ops->poll(rig->b, rig->events, capacity, deadline);

    rig->rc = n;
    ck_assert_int_le(n, capacity);
    for (int i = 0; i < n; i++) {
        const struct flare__event *ev = &rig->events[i];

        if (ev->kind == FLARE__EV_WAKE)
            rig->wakes++;
        else
            ev->sock->on_event(ev->sock, ev);
    }
    return n;
}

void rig_attach(struct rig *rig, struct rig_sock *s, int fd)
{
    memset(s, 0, sizeof(*s));
    s->rig = rig;
    s->peer = -1;
    s->recv_res = s->accept_res = s->sent_res = s->poll_res = 1 << 30;
    s->connect_res = 1 << 30;
    s->sock.on_event = on_event;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(rig->ops->attach(rig->b, &s->sock, fd), 0);
}

static int listen_any(struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *addr = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)addr, len), 0);
    ck_assert_int_eq(listen(fd, 128), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, &len), 0);
    return fd;
}

static int dial(const struct sockaddr_in *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)),
                     0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void rig_pair(struct rig *rig, struct rig_sock *s)
{
    struct sockaddr_in addr;
    int listening = listen_any(&addr);
    int peer = dial(&addr);

    rig_attach(rig, s, accept4(listening, NULL, NULL, SOCK_CLOEXEC));
    s->peer = peer;
    ck_assert_int_eq(close(listening), 0);
}

void rig_listen(struct rig *rig, struct rig_sock *s)
{
    struct sockaddr_in addr;

    rig_attach(rig, s, listen_any(&addr));
}

int rig_dial(const struct rig_sock *listener)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);

    ck_assert_int_eq(
        getsockname(listener->sock.fd, (struct sockaddr *)&addr, &len), 0);
    return dial(&addr);
}

void rig_recv(struct rig_sock *s)
{
    ck_assert_int_eq(s->rig->ops->recv_start(s->rig->b, &s->sock), 0);
    s->is_receiving = true;
}

void rig_accept(struct rig_sock *s)
{
    ck_assert_int_eq(s->rig->ops->accept_start(s->rig->b, &s->sock), 0);
    s->is_accepting = true;
}

void rig_send(struct rig_sock *s, const struct iovec *iov, uint32_t count)
{
    ck_assert_int_eq(s->rig->ops->send(s->rig->b, &s->sock, iov, count), 0);
    s->is_sending = true;
}

void rig_shut(struct rig_sock *s, enum flare__close_how how)
{
    s->rig->ops->close(s->rig->b, &s->sock, how);
}

void rig_held_put(struct rig *rig)
{
    while (rig->held_count > 0)
        rig->ops->lease_put(rig->b, rig->held[--rig->held_count]);
}

long rig_peer_read(int fd, void *out, size_t size)
{
    ssize_t n = recv(fd, out, size, MSG_DONTWAIT);

    if (n >= 0)
        return n;
    return errno == EAGAIN ? -1 : -2;
}

void rig_peer_write(int fd, const void *data, size_t len)
{
    ck_assert_int_eq(send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL),
                     (ssize_t)len);
}
