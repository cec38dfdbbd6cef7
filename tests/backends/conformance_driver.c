/* SPDX-License-Identifier: MIT */
/* The driver of the conformance suite: sockets, turns, and the ledger. */
#include "tests/backends/conformance.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

enum {
    GONE = 0xa5
}; /* what the socket of a CLOSED connection is filled with */

uint8_t conf_byte(uint32_t stream, size_t i)
{
    return (uint8_t)(stream * 131 + i * 7 + i / 251 + (i >> 16));
}

void conf_fill(uint8_t *out, size_t len, uint32_t stream, size_t from)
{
    for (size_t i = 0; i < len; i++)
        out[i] = conf_byte(stream, from + i);
}

void conf_in_check(const struct conf_conn *conn, size_t len, uint32_t stream)
{
    const char *name = conn->c->stamp->name;

    ck_assert_msg(conn->in_len == len, "%s: %zu bytes of %zu", name,
                  conn->in_len, len);
    for (size_t i = 0; i < len; i++)
        if (conn->in[i] != conf_byte(stream, i)) /* an assert writes a pipe */
            ck_abort_msg("%s: byte %zu of %zu is wrong", name, i, len);
}

/* The ledger. */

static void order_note(struct conf_conn *conn, char what)
{
    size_t len = strlen(conn->order);

    if (len < CONF_ORDER_MAX)
        conn->order[len] = what;
}

static void in_append(struct conf_conn *conn, const uint8_t *data, size_t len)
{
    if (conn->in_len + len > conn->in_size) {
        conn->in_size = 2 * (conn->in_len + len);
        conn->in = realloc(conn->in, conn->in_size);
        ck_assert_ptr_nonnull(conn->in);
    }
    memcpy(conn->in + conn->in_len, data, len);
    conn->in_len += len;
}

static void ledger_lease(struct conf_conn *conn, const struct flare__event *ev)
{
    struct conf *c = conn->c;

    ck_assert_int_gt(ev->res, 0);
    ck_assert_int_le(ev->res, CONF_LEASE_BYTES);
    ck_assert_ptr_nonnull(ev->data);
    c->leases_out++;
    ck_assert_int_le(c->leases_out, CONF_LEASES);
    in_append(conn, ev->data, (size_t)ev->res);
    conn->recvs++;
    order_note(conn, 'R');
    if (conn->holds_leases) {
        ck_assert_int_lt(c->held_count, CONF_HELD_MAX);
        c->held[c->held_count++] = ev->lease;
        return;
    }
    memset(ev->data, GONE, CONF_LEASE_BYTES); /* it is ours to write, too */
    c->ops->lease_put(c->b, ev->lease);
    c->leases_out--;
}

static void ledger_recv(struct conf_conn *conn, const struct flare__event *ev)
{
    ck_assert_msg(conn->is_receiving, "%s: RECV of none", conn->c->stamp->name);
    conn->is_receiving = (ev->flags & FLARE__EV_MORE) != 0;
    if (ev->flags & FLARE__EV_LEASE)
        ledger_lease(conn, ev);
    else
        ck_assert_int_le(ev->res, 0);
    if (conn->is_receiving) {
        ck_assert_int_gt(ev->res, 0);
        return;
    }
    conn->recv_res = ev->res;
    if (ev->res <= 0)
        order_note(conn, 'E');
    else if (!conn->is_stopped && !conn->is_closing)
        conf_recv_start(conn); /* the last bytes came without MORE */
}

static void accept_start(struct conf_conn *conn)
{
    int rc = conn->c->ops->accept_start(conn->c->b, &conn->sock);

    ck_assert_int_eq(rc, 0);
    conn->is_accepting = true;
}

static void ledger_accept(struct conf_conn *conn, const struct flare__event *ev)
{
    ck_assert_msg(conn->is_accepting, "%s: ACCEPT of none",
                  conn->c->stamp->name);
    ck_assert_int_eq(ev->flags & FLARE__EV_LEASE, 0);
    conn->is_accepting = (ev->flags & FLARE__EV_MORE) != 0;
    if (ev->res >= 0) {
        ck_assert_int_lt(conn->accepted_count, 64);
        conn->accepted[conn->accepted_count++] = ev->res;
        order_note(conn, 'A');
    }
    if (conn->is_accepting) {
        ck_assert_int_ge(ev->res, 0);
        return;
    }
    conn->accept_res = ev->res;
    order_note(conn, 'Z');
    if (!conn->is_manual && !conn->is_stopped && !conn->is_closing)
        accept_start(conn);
}

static void ledger_sent(struct conf_conn *conn, const struct flare__event *ev)
{
    ck_assert_msg(conn->is_sending, "%s: SENT of none", conn->c->stamp->name);
    ck_assert_int_eq(ev->flags & ~FLARE__EV_RELEASE_DUE, 0);
    ck_assert(ev->res != 0 || conn->is_file);
    conn->is_sending = false;
    conn->is_file = false;
    conn->is_release_due = (ev->flags & FLARE__EV_RELEASE_DUE) != 0;
    conn->sent_res = ev->res;
    order_note(conn, 'S');
}

static void ledger_closed(struct conf_conn *conn)
{
    ck_assert_msg(conn->is_closing && !conn->is_receiving &&
                      !conn->is_accepting && !conn->is_sending &&
                      !conn->is_connecting && !conn->is_polling &&
                      !conn->is_release_due,
                  "%s: CLOSED with something in flight, after \"%s\"",
                  conn->c->stamp->name, conn->order);
    conn->is_closed = true;
    order_note(conn, 'X');
    memset(&conn->sock, GONE, sizeof(conn->sock));
}

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    struct conf_conn *conn = FLARE_CONTAINER_OF(sock, struct conf_conn, sock);

    switch ((enum flare__event_kind)ev->kind) {
    case FLARE__EV_ACCEPT:
        ledger_accept(conn, ev);
        break;
    case FLARE__EV_CONNECT:
        ck_assert(conn->is_connecting && ev->flags == 0);
        conn->is_connecting = false;
        conn->connect_res = ev->res;
        order_note(conn, 'C');
        break;
    case FLARE__EV_RECV:
        ledger_recv(conn, ev);
        break;
    case FLARE__EV_SENT:
        ledger_sent(conn, ev);
        break;
    case FLARE__EV_RELEASED:
        ck_assert(conn->is_release_due);
        conn->is_release_due = false;
        order_note(conn, 'L');
        break;
    case FLARE__EV_POLL:
        ck_assert(conn->is_polling);
        ck_assert_int_eq(ev->flags,
                         conn->is_watching && ev->res > 0 ? FLARE__EV_MORE : 0);
        conn->is_polling = (ev->flags & FLARE__EV_MORE) != 0;
        conn->polls++;
        conn->poll_res = ev->res;
        order_note(conn, 'P');
        break;
    case FLARE__EV_CLOSED:
        ledger_closed(conn);
        break;
    case FLARE__EV_OPEN: /* of filters */
    case FLARE__EV_WAKE:
        ck_abort_msg("WAKE of a socket");
    }
    if (conn->hook != NULL)
        conn->hook(conn, ev);
}

/* Only of sockets that are open: the pointer may be a stale one. */
static bool is_ours(const struct conf *c, const struct flare__sock *sock)
{
    for (const struct conf_conn *conn = c->conns; conn; conn = conn->next)
        if (&conn->sock == sock)
            return !conn->is_closed;
    return false;
}

int conf_turn(struct conf *c)
{
    struct flare__event events[64];
    int capacity = c->capacity ? c->capacity : 64;
    uint64_t deadline = c->wait_ns ? c->ops->now(c->b) + c->wait_ns : 0;
    int n = c->ops->poll(c->b, events, capacity, deadline);

    ck_assert_msg(n >= 0 && n <= capacity, "%s: poll: %d", c->stamp->name, n);
    for (int i = 0; i < n; i++) {
        if (events[i].kind == FLARE__EV_WAKE) {
            ck_assert_ptr_null(events[i].sock);
            c->wakes++;
            continue;
        }
        ck_assert_msg(is_ours(c, events[i].sock),
                      "%s: event %d of a socket that is closed", c->stamp->name,
                      events[i].kind);
        events[i].sock->on_event(events[i].sock, &events[i]);
    }
    return n;
}

void conf_turns(struct conf *c, int count)
{
    while (count-- > 0)
        (void)conf_turn(c);
}

/* Sockets. */

struct conf_conn *conf_attach(struct conf *c, int fd)
{
    struct conf_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    ck_assert_ptr_nonnull(conn);
    ck_assert_int_ge(fd, 0);
    conn->c = c;
    conn->sock.on_event = on_event;
    rc = c->ops->attach(c->b, &conn->sock, fd);
    ck_assert_msg(rc == 0, "%s: attach: %d", c->stamp->name, rc);
    conn->next = c->conns;
    c->conns = conn;
    return conn;
}

struct conf_conn *conf_take(struct conf *c)
{
    struct conf_conn *l = c->listener;
    int fd;

    UNTIL(c, l->accepted_count > 0);
    fd = l->accepted[0];
    l->accepted_count--;
    memmove(l->accepted, l->accepted + 1,
            (size_t)l->accepted_count * sizeof(l->accepted[0]));
    return conf_attach(c, fd);
}

struct conf_conn *conf_connect(struct conf *c)
{
    struct conf_peer *peer =
        c->h->peer_connect(c->world, &c->addr, c->addr_len);
    struct conf_conn *conn;

    ck_assert_ptr_nonnull(peer);
    conn = conf_take(c);
    conn->peer = peer;
    return conn;
}

void conf_recv_start(struct conf_conn *conn)
{
    int rc = conn->c->ops->recv_start(conn->c->b, &conn->sock);

    ck_assert_int_eq(rc, 0);
    conn->is_receiving = true;
    conn->is_stopped = false;
}

void conf_recv_stop(struct conf_conn *conn)
{
    conn->is_stopped = true;
    conn->c->ops->recv_stop(conn->c->b, &conn->sock);
}

void conf_send(struct conf_conn *conn, const struct iovec *iov, uint32_t count)
{
    int rc = conn->c->ops->send(conn->c->b, &conn->sock, iov, count);

    ck_assert_int_eq(rc, 0);
    conn->is_sending = true;
}

void conf_send_bytes(struct conf_conn *conn, const void *data, size_t len)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};

    conf_send(conn, &iov, 1);
}

void conf_send_file(struct conf_conn *conn, int file, uint64_t offset,
                    uint32_t count)
{
    int rc =
        conn->c->ops->sendfile(conn->c->b, &conn->sock, file, offset, count);

    ck_assert_int_eq(rc, 0);
    conn->is_sending = true;
    conn->is_file = true;
}

void conf_shut(struct conf_conn *conn, enum flare__close_how how)
{
    conn->is_closing = true;
    conn->c->ops->close(conn->c->b, &conn->sock, how);
}

void conf_held_put(struct conf *c)
{
    while (c->held_count > 0) {
        c->ops->lease_put(c->b, c->held[--c->held_count]);
        c->leases_out--;
    }
}

void conf_peer_send(struct conf_conn *conn, const void *data, size_t len)
{
    struct conf *c = conn->c;
    size_t sent = 0;

    for (int turns = 0; sent < len; turns++) {
        long n =
            c->h->peer_send(conn->peer, (const char *)data + sent, len - sent);

        ck_assert_int_ge(n, 0);
        ck_assert_int_lt(turns, CONF_TURNS_MAX);
        sent += (size_t)n;
        if (sent < len)
            (void)conf_turn(c);
    }
}

size_t conf_peer_read(struct conf_conn *conn, size_t from, size_t most,
                      uint32_t stream)
{
    static uint8_t got[65536];
    long n = conn->c->h->peer_recv(conn->peer, got,
                                   most < sizeof(got) ? most : sizeof(got));

    ck_assert_msg(n >= 0, "%s: stream ends at %zu: %ld", conn->c->stamp->name,
                  from, n);
    for (long i = 0; i < n; i++)
        if (got[i] != conf_byte(stream, from + (size_t)i))
            ck_abort_msg("%s: byte %zu is wrong", conn->c->stamp->name,
                         from + (size_t)i);
    return (size_t)n;
}

void conf_peer_drain(struct conf_conn *conn, size_t from, size_t len,
                     uint32_t stream)
{
    size_t end = from + len;
    int idle = 0;

    while (from < end) {
        size_t n = conf_peer_read(conn, from, end - from, stream);

        from += n;
        idle = n > 0 ? 0 : idle + 1;
        ck_assert_int_lt(idle, CONF_TURNS_MAX);
        if (n == 0)
            (void)conf_turn(conn->c);
    }
}

/* Life. */

static bool backend_open(struct conf *c)
{
    struct flare_error why = {.code = 0};
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &c->fault.al,
        .log = &log,
        .lease_bytes = CONF_LEASE_BYTES,
        .lease_count = CONF_LEASES,
        .caps_denied = c->stamp->caps_denied,
        .sim = c->h->sim != NULL ? c->h->sim(c->world) : NULL,
    };
    int rc = c->ops->open(&c->b, &config, &why);

    if (rc < 0)
        printf("SKIP %s: %s\n", c->stamp->name, why.text);
    return rc == 0;
}

bool conf_open(struct conf *c, int index)
{
    char why[256] = "";
    int fd;

    memset(c, 0, sizeof(*c));
    c->stamp = &conf_stamps[index];
    c->ops = c->stamp->ops;
    c->h = c->stamp->harness;
    c->wait_ns = 1000000;
    c->world = c->h->open(why);
    if (c->world == NULL) {
        printf("SKIP %s: %s\n", c->stamp->name, why);
        return false;
    }
    c->descriptors = c->h->descriptors(c->world);
    fault_init(&c->fault, FAULT_NEVER, 0);
    if (!backend_open(c)) {
        fault_fini(&c->fault, c->stamp->name);
        c->h->close(c->world);
        return false;
    }
    fd = c->h->listen(c->world, 0, &c->addr, &c->addr_len);
    c->listener = conf_attach(c, fd);
    accept_start(c->listener);
    return true;
}

static bool is_all_closed(const struct conf *c)
{
    for (const struct conf_conn *conn = c->conns; conn; conn = conn->next)
        if (!conn->is_closed)
            return false;
    return true;
}

static void conn_free(struct conf_conn *conn)
{
    struct conf *c = conn->c;
    const uint8_t *bytes = (const uint8_t *)&conn->sock;

    for (size_t i = 0; i < sizeof(conn->sock); i++)
        if (bytes[i] != GONE)
            ck_abort_msg("%s: socket written to after CLOSED", c->stamp->name);
    for (int i = 0; i < conn->accepted_count; i++)
        c->ops->discard(c->b, conn->accepted[i]);
    if (conn->peer != NULL)
        c->h->peer_close(conn->peer, /* is_abort = */ false);
    free(conn->in);
    free(conn);
}

void conf_close(struct conf *c)
{
    conf_held_put(c);
    for (struct conf_conn *conn = c->conns; conn; conn = conn->next)
        if (!conn->is_closing)
            conf_shut(conn, FLARE__CLOSE_GRACEFUL);
    UNTIL(c, is_all_closed(c));
    conf_turns(c, 2); /* nothing follows */
    ck_assert_int_eq(c->leases_out, 0);
    while (c->conns != NULL) {
        struct conf_conn *conn = c->conns;

        c->conns = conn->next;
        conn_free(conn);
    }
    c->ops->free(c->b);
    ck_assert_uint_eq(c->h->descriptors(c->world), c->descriptors);
    c->h->close(c->world);
    fault_fini(&c->fault, c->stamp->name);
}
