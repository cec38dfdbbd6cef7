/* SPDX-License-Identifier: MIT */
/* See connect.h. */
#include "tcp/connect.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/sock.h"
#include "dns/host.h"

#include <errno.h>
#include <string.h>

enum { CONNECT_NS_PER_MS = 1000000 };

static void connect_step(struct flare__connect *c);

/* Not the turn's time: a connect may begin long after the last one. */
static uint64_t connect_now_ms(const struct flare__connect *c)
{
    struct flare_loop *loop = c->stream->loop;

    return loop->ops->now(loop->backend) / CONNECT_NS_PER_MS;
}

/* ---- one attempt ---- */

static struct flare_addr attempt_addr(const struct flare__connect *c,
                                      uint32_t index)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_IP, .port = c->port};

    if (c->addr.kind != FLARE_ADDR_NONE)
        return c->addr;
    addr.ip = c->ips[index];
    return addr;
}

static int attempt_bind(struct flare__connect *c, int fd, int family)
{
    struct flare_loop *loop = c->stream->loop;
    struct flare__addr from;

    if (c->options.bind == NULL)
        return 0;
    flare__addr_set(&from, c->options.bind);
    if (from.storage.ss_family != family)
        return -EAFNOSUPPORT;
    if (c->options.bind->kind == FLARE_ADDR_IP && c->options.bind->port == 0)
        flare__sock_late_port(loop->ops, loop->backend, fd);
    return loop->ops->bind(loop->backend, fd,
                           (const struct sockaddr *)&from.storage, from.len);
}

/* A socket for `to`, with its options; or -errno. */
static int attempt_socket(struct flare__connect *c,
                          const struct flare__addr *to)
{
    const struct flare__sock_wishes wishes = flare__tcp_wishes(&c->options);
    struct flare_loop *loop = c->stream->loop;
    int family = to->storage.ss_family;
    int fd = loop->ops->socket(loop->backend, family, SOCK_STREAM);
    int rc;

    if (fd < 0)
        return fd;
    rc = flare__sock_apply(loop->ops, loop->backend, fd, family, &wishes);
    if (rc == 0)
        rc = attempt_bind(c, fd, family);
    if (rc < 0) {
        loop->ops->discard(loop->backend, fd);
        return rc;
    }
    /* with several it would win before the peer has said anything */
    if (c->options.fast_open && c->race.count == 1 && family != AF_UNIX)
        flare__sock_fast_open(loop->ops, loop->backend, fd, 0);
    return fd;
}

/* The stream's own link if it is free, else one more. */
static struct flare__link *attempt_link(struct flare__connect *c)
{
    struct flare_stream *s = c->stream;

    if (!s->own.is_used)
        return &s->own;
    return flare__alloc(&s->loop->allocator, sizeof(struct flare__link));
}

static int attempt_start(struct flare__connect *c, uint32_t index)
{
    const struct flare_addr addr = attempt_addr(c, index);
    struct flare_stream *s = c->stream;
    struct flare_loop *loop = s->loop;
    struct flare__link *link = attempt_link(c);
    struct flare__addr to;
    int fd;
    int rc = -ENOMEM;

    if (link == NULL)
        return rc;
    flare__addr_set(&to, &addr);
    fd = attempt_socket(c, &to);
    rc = fd < 0 ? fd : flare__stream_attach(s, link, fd);
    if (rc < 0) {
        if (fd >= 0)
            loop->ops->discard(loop->backend, fd);
        if (link != &s->own)
            flare__free(&loop->allocator, link);
        return rc;
    }
    link->index = index;
    rc = loop->ops->connect(loop->backend, &link->sock,
                            (const struct sockaddr *)&to.storage, to.len);
    if (rc < 0)
        flare__stream_drop(s, link); /* freed when it is CLOSED */
    else
        c->links[index] = link;
    return rc;
}

static void attempt_drop(struct flare__connect *c, uint32_t index)
{
    struct flare__link *link = c->links[index];

    c->links[index] = NULL;
    if (link != NULL)
        flare__stream_drop(c->stream, link);
}

/*
 * Whether a connection has met itself: a connect to a port that the system
 * hands out to those who connect, from just that port (FAILURES K11).  Whoever
 * was to listen there does not.
 */
static bool attempt_is_self(struct flare__connect *c, struct flare__link *link)
{
    const struct flare_addr to = attempt_addr(c, link->index);
    struct flare_loop *loop = c->stream->loop;
    struct flare_addr local;

    if (to.kind != FLARE_ADDR_IP)
        return false;
    local = flare__stream_ask(loop, &link->sock, loop->ops->local);
    return flare_addr_equal(&local, &to);
}

/* ---- the race ---- */

static void connect_on_timer(struct flare__timer *timer)
{
    struct flare_stream *s =
        FLARE_CONTAINER_OF(timer, struct flare_stream, timer);

    connect_step(s->connect);
}

static void connect_won(struct flare__connect *c, uint32_t index)
{
    struct flare_stream *s = c->stream;
    struct flare__link *link = c->links[index];
    char name[FLARE_IP_TEXT_MAX];
    struct flare__wire_start start = {.host = flare_str(c->host),
                                      .port = c->port};
    bool is_open;

    s->peer = attempt_addr(c, index);
    s->connected_ns = s->loop->now_ns;
    flare__connect_cut(c, link);
    flare__wheel_stop(&s->loop->wheel, &s->timer);
    s->connect = NULL;
    if (start.host.len == 0 && s->peer.kind == FLARE_ADDR_IP) {
        start.host.ptr = name;
        start.host.len = flare_ip_format(&s->peer.ip, name, sizeof(name));
    }
    is_open = flare__stream_secure(s, link, &c->options, &start);
    flare__connect_free(c);
    if (is_open && s->handler->on_open != NULL)
        s->handler->on_open(s, s->ctx);
}

/* Does what the race says until it waits, or is over. */
static void connect_step(struct flare__connect *c)
{
    struct flare_stream *s = c->stream;
    uint64_t now_ms = connect_now_ms(c);
    uint64_t wake_ms;
    int rc;

    for (;;) {
        const struct flare__race_step step = flare__race_next(&c->race, now_ms);

        switch (step.what) {
        case FLARE__RACE_START:
            rc = attempt_start(c, step.index);
            if (rc < 0)
                flare__race_failed(&c->race, step.index, rc, now_ms);
            continue;
        case FLARE__RACE_CUT:
            attempt_drop(c, step.index);
            continue;
        case FLARE__RACE_WON:
            connect_won(c, step.index);
            return;
        case FLARE__RACE_LOST:
            c->failed = step.index;
            flare__stream_die(s, step.rc, FLARE__CLOSE_ABORT);
            return;
        case FLARE__RACE_WAIT:
            break;
        }
        break;
    }
    wake_ms = flare__race_wake(&c->race);
    if (wake_ms != UINT64_MAX)
        flare__wheel_start(&s->loop->wheel, &s->timer, wake_ms,
                           connect_on_timer);
}

void flare__connect_on_result(struct flare__connect *connect,
                              struct flare__link *link, int res)
{
    uint32_t index = link->index;

    FLARE_ASSERT(connect->links[index] == link);
    if (res == 0 && attempt_is_self(connect, link))
        res = -ECONNREFUSED;
    if (res == 0) {
        (void)flare__race_connected(&connect->race, index); /* it runs */
    } else {
        attempt_drop(connect, index);
        flare__race_failed(&connect->race, index, res, connect_now_ms(connect));
    }
    connect_step(connect);
}

static void connect_begin(struct flare__connect *c, uint32_t count)
{
    const struct flare__race_times times = {
        .delay_ms = c->options.attempt_delay_ms,
        .attempt_ms = c->options.attempt_timeout_ms,
        .deadline_ms = c->deadline_ms,
    };

    c->has_race = true;
    flare__race_init(&c->race, count, &times, connect_now_ms(c));
    connect_step(c);
}

static void connect_on_resolved(int rc, const struct flare_dns_result *result,
                                const struct flare_error *err, void *ctx)
{
    struct flare__connect *c = ctx;

    c->query = NULL;
    if (rc < 0) {
        c->err = *err;
        flare__stream_die(c->stream, rc, FLARE__CLOSE_ABORT);
        return;
    }
    c->stream->named_ns = c->stream->loop->now_ns;
    memcpy(c->ips, result->ips, result->count * sizeof(c->ips[0]));
    flare__race_order(c->ips, result->count);
    connect_begin(c, result->count);
}

/* ---- beginning and end ---- */

void flare__connect_cut(struct flare__connect *connect,
                        const struct flare__link *winner)
{
    if (connect->query != NULL)
        flare_dns_cancel(connect->query);
    connect->query = NULL;
    for (uint32_t i = 0; i < FLARE__RACE_MAX; i++)
        if (connect->links[i] != winner)
            attempt_drop(connect, i);
}

/* What the system says of `addr`; in our words where its own explain nothing.
 */
static const char *explain_reason(const struct flare_addr *addr, int rc)
{
    if (rc == -EINVAL && addr->kind == FLARE_ADDR_IP && addr->ip.zone == 0 &&
        flare_ip_class(&addr->ip) == FLARE_IP_LINK_LOCAL)
        return "a link-local address needs the number of an interface (%1)";
    return flare_strerror(rc);
}

/* A host is cut so that the reason behind it never is. */
void flare__connect_explain(const struct flare__connect *connect, int rc,
                            struct flare_error *err)
{
    struct flare_str host = flare_str(connect->host);
    char shown[FLARE__DNS_SHOWN_MAX];
    char name[FLARE_ADDR_TEXT_MAX];
    struct flare_addr addr;
    struct flare_ip ip;

    if (connect->err.code != 0) {
        *err = connect->err;
        return;
    }
    flare__dns_host_show(shown, host);
    if (!connect->has_race) {
        (void)flare__error(err, rc, "%s: %s", shown, flare_strerror(rc));
        return;
    }
    addr = attempt_addr(connect, connect->failed);
    (void)flare_addr_format(&addr, name, sizeof(name));
    if (host.len == 0 ||
        flare__dns_host_read(&ip, host, NULL) == FLARE__DNS_HOST_ADDRESS)
        (void)flare__error(err, rc, "%s: %s", name, explain_reason(&addr, rc));
    else
        (void)flare__error(err, rc, "%s: %s: %s", shown, name,
                           explain_reason(&addr, rc));
}

void flare__connect_free(struct flare__connect *connect)
{
    if (connect != NULL)
        flare__free(&connect->stream->loop->allocator, connect);
}

/* A stream that is to be connected to port `port` of what follows. */
static int connect_new(struct flare__connect **out, flare_loop *loop,
                       const struct flare_tcp_options *options,
                       struct flare_error *err)
{
    struct flare_tcp_options o;
    struct flare__connect *c;
    struct flare_stream *s;
    int rc = flare__tcp_options_for_loop(&o, options, err);

    if (rc < 0)
        return rc;
    rc = flare__stream_new(&s, loop, &o);
    if (rc < 0)
        return flare__error(err, rc, "connect: %s", flare_strerror(rc));
    c = flare__calloc(&loop->allocator, 1, sizeof(*c));
    if (c == NULL) {
        flare__stream_undo(s);
        return flare__error(err, -ENOMEM, "connect: %s",
                            flare_strerror(-ENOMEM));
    }
    c->stream = s;
    s->connect = c;
    c->options = o;
    if (o.bind != NULL) {
        c->bind = *o.bind;
        c->options.bind = &c->bind;
    }
    c->deadline_ms = o.connect_timeout_ms == FLARE_UNLIMITED
                         ? UINT64_MAX
                         : connect_now_ms(c) + o.connect_timeout_ms;
    *out = c;
    return 0;
}

/* The family that can be reached from the address it is bound to. */
static enum flare_dns_family connect_family(const struct flare__connect *c)
{
    if (c->options.bind == NULL || c->options.bind->kind != FLARE_ADDR_IP ||
        c->options.family != FLARE_DNS_ANY)
        return c->options.family;
    return c->options.bind->ip.family == FLARE_IP_V4 ? FLARE_DNS_V4
                                                     : FLARE_DNS_V6;
}

int flare_tcp_connect(flare_loop *loop, flare_stream **out,
                      struct flare_str host, uint16_t port,
                      const struct flare_tcp_options *options,
                      struct flare_error *err)
{
    struct flare_dns_options dns = {.family = FLARE_DNS_ANY};
    char shown[FLARE__DNS_SHOWN_MAX];
    struct flare__connect *c;
    int rc = flare_dns_host_check(host, err);

    if (rc < 0)
        return rc;
    flare__dns_host_show(shown, host);
    if (port == 0)
        return flare__error(err, FLARE_E_BAD_CONFIG, "%s: port 0", shown);
    rc = connect_new(&c, loop, options, err);
    if (rc < 0)
        return rc;
    FLARE_ASSERT(host.len < sizeof(c->host)); /* it was checked */
    memcpy(c->host, host.ptr, host.len);
    c->port = port;
    dns.family = connect_family(c);
    if (c->options.connect_timeout_ms != FLARE_UNLIMITED)
        dns.timeout_ms = c->options.connect_timeout_ms;
    rc = flare_dns_start(loop, &c->query, host, &dns, connect_on_resolved, c);
    if (rc < 0) {
        (void)flare__error(err, rc, "%s: %s", shown, flare_strerror(rc));
        flare__stream_undo(c->stream);
        return rc;
    }
    *out = c->stream;
    return 0;
}

int flare_tcp_connect_addr(flare_loop *loop, flare_stream **out,
                           const struct flare_addr *addr,
                           const struct flare_tcp_options *options,
                           struct flare_error *err)
{
    struct flare__connect *c;
    int rc;

    if (addr->kind == FLARE_ADDR_NONE)
        return flare__error(err, FLARE_E_BAD_ADDRESS, "no address");
    if (addr->kind == FLARE_ADDR_IP && addr->port == 0)
        return flare__error(err, FLARE_E_BAD_CONFIG, "port 0");
    rc = connect_new(&c, loop, options, err);
    if (rc < 0)
        return rc;
    c->addr = *addr;
    connect_begin(c, 1);
    *out = c->stream;
    return 0;
}
