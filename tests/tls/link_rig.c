/* SPDX-License-Identifier: MIT */
/* See link_rig.h. */
#include "tests/tls/link_rig.h"

#include "base/alloc.h"
#include "backends/sim.h"
#include "net/choose.h"
#include "tls/client.h"
#include "tls/server.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

enum { GONE = 0xa5, PEER_MAX = 16 << 20 };

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

static const char *const backends[LINK_BACKENDS] = {"sim", "epoll", "uring"};

/* Conformance's own: it is linked with the harnesses, not with the driver. */
static uint8_t rig_byte(uint32_t stream, size_t i)
{
    return (uint8_t)(stream * 131 + i * 7 + i / 251 + (i >> 16));
}

/* ---- the ledger */

static void order_note(struct link_own *own, char what)
{
    size_t len = strlen(own->order);

    if (len < LINK_ORDER_MAX &&
        (len == 0 || what != 'R' || own->order[len - 1] != 'R'))
        own->order[len] = what;
}

static void own_failed(struct link_own *own)
{
    const struct flare_error *err = flare__wire_error(&own->sock);

    if (err != NULL && own->err.code == 0)
        own->err = *err;
}

static void ledger_open(struct link_own *own, const struct flare__event *ev)
{
    ck_assert_msg(!own->is_open && own->open_res == 1, "%s: OPEN twice",
                  own->r->name);
    ck_assert_int_le(ev->res, 0);
    own->open_res = ev->res;
    own->is_open = ev->res == 0;
    if (ev->res < 0)
        own_failed(own);
    order_note(own, 'O');
}

static void ledger_data(struct link_own *own, const struct flare__event *ev)
{
    size_t len = (size_t)ev->res;

    ck_assert(ev->flags & FLARE__EV_LEASE);
    ck_assert_int_le(ev->res, FLARE__WIRE_LEASE_BYTES);
    if (own->in_len + len > own->in_size) {
        own->in_size = 2 * (own->in_len + len);
        own->in = realloc(own->in, own->in_size);
        ck_assert_ptr_nonnull(own->in);
    }
    memcpy(own->in + own->in_len, ev->data, len);
    own->in_len += len;
    own->recvs++;
    order_note(own, 'R');
    if (own->holds_leases) {
        ck_assert_int_lt(own->r->held_count, LINK_HELD_MAX);
        own->r->held[own->r->held_count++] = ev->lease;
        return;
    }
    memset(ev->data, GONE, len); /* it is the owner's to write, too */
    flare__wire_lease_put(own->r->loop, ev->lease);
}

static void ledger_recv(struct link_own *own, const struct flare__event *ev)
{
    ck_assert_msg(own->is_receiving, "%s: RECV of none", own->r->name);
    ck_assert(own->is_open || ev->res < 0 || own->sock.filter == NULL);
    own->is_receiving = (ev->flags & FLARE__EV_MORE) != 0;
    if (ev->res > 0) {
        ledger_data(own, ev);
        if (!own->is_receiving && !own->is_stopped && !own->is_closing)
            link_recv_start(own);
        return;
    }
    ck_assert(!own->is_receiving);
    own->recv_res = ev->res;
    if (ev->res < 0 && ev->res != -ECANCELED)
        own_failed(own);
    order_note(own, 'E');
}

static void ledger_sent(struct link_own *own, const struct flare__event *ev)
{
    ck_assert_msg(own->is_sending, "%s: SENT of none", own->r->name);
    ck_assert(ev->res != 0 || own->is_file);
    own->is_sending = false;
    own->is_file = false;
    own->sent_res = ev->res;
    order_note(own, 'S');
}

static void ledger_closed(struct link_own *own)
{
    ck_assert_msg(own->is_closing && !own->is_receiving && !own->is_sending,
                  "%s: CLOSED with something in flight, after \"%s\"",
                  own->r->name, own->order);
    ck_assert_ptr_null(own->sock.filter);
    own->is_closed = true;
    order_note(own, 'X');
    memset(&own->sock, GONE, sizeof(own->sock));
}

static void own_on_event(struct flare__sock *sock,
                         const struct flare__event *ev)
{
    struct link_own *own = FLARE_CONTAINER_OF(sock, struct link_own, sock);

    ck_assert_msg(!own->is_calling, "%s: event %d from inside a call",
                  own->r->name, ev->kind);
    ck_assert(!own->is_closed);
    switch (ev->kind) {
    case FLARE__EV_OPEN:
        ledger_open(own, ev);
        break;
    case FLARE__EV_RECV:
        ledger_recv(own, ev);
        break;
    case FLARE__EV_SENT:
        ck_assert_int_eq(ev->flags & FLARE__EV_RELEASE_DUE, 0);
        ledger_sent(own, ev);
        break;
    case FLARE__EV_CLOSED:
        ledger_closed(own);
        break;
    default:
        ck_abort_msg("%s: event %d of an owner", own->r->name, ev->kind);
    }
    if (own->hook != NULL)
        own->hook(own, ev);
}

/* ---- what the owner calls */

void link_recv_start(struct link_own *own)
{
    int rc;

    own->is_calling = true;
    rc = flare__wire_recv_start(own->r->loop, &own->sock);
    own->is_calling = false;
    ck_assert_int_eq(rc, 0);
    own->is_receiving = true;
    own->is_stopped = false;
}

void link_recv_stop(struct link_own *own)
{
    own->is_calling = true;
    own->is_stopped = true;
    flare__wire_recv_stop(own->r->loop, &own->sock);
    own->is_calling = false;
}

void link_send(struct link_own *own, const struct iovec *iov, uint32_t count)
{
    int rc;

    own->is_calling = true;
    rc = flare__wire_send(own->r->loop, &own->sock, iov, count);
    own->is_calling = false;
    ck_assert_int_eq(rc, 0);
    own->is_sending = true;
}

void link_send_bytes(struct link_own *own, const void *data, size_t len)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};

    link_send(own, &iov, 1);
}

void link_send_file(struct link_own *own, int file, uint64_t offset,
                    uint32_t count)
{
    int rc;

    own->is_calling = true;
    rc = flare__wire_sendfile(own->r->loop, &own->sock, file, offset, count);
    own->is_calling = false;
    ck_assert_int_eq(rc, 0);
    own->is_sending = true;
    own->is_file = true;
}

void link_shutdown(struct link_own *own)
{
    own->is_calling = true;
    flare__wire_shutdown_send(own->r->loop, &own->sock);
    own->is_calling = false;
}

void link_close(struct link_own *own, enum flare__close_how how)
{
    own->is_calling = true;
    own->is_closing = true;
    flare__wire_close(own->r->loop, &own->sock, how);
    own->is_calling = false;
}

void link_held_put(struct link_rig *r)
{
    while (r->held_count > 0)
        flare__wire_lease_put(r->loop, r->held[--r->held_count]);
}

/* ---- the far end */

static void peer_append(uint8_t **to, size_t *to_len, const void *bytes,
                        size_t len)
{
    *to = realloc(*to, *to_len + len);
    ck_assert_ptr_nonnull(*to);
    memcpy(*to + *to_len, bytes, len);
    *to_len += len;
}

static void peer_take_in(struct link_rig *r, struct link_peer *p)
{
    char buf[16384];

    while (!p->is_deaf && !p->is_fin && !p->is_rst) {
        long n = r->h->peer_recv(p->wire, buf, sizeof(buf));

        if (n == 0)
            return;
        if (n == CONF_FIN)
            p->is_fin = true;
        else if (n == CONF_RST)
            p->is_rst = true;
        else
            BIO_write(SSL_get_rbio(p->ssl), buf, (int)n);
        p->wire_in += n > 0 ? (size_t)n : 0;
    }
}

static void peer_read(struct link_peer *p)
{
    char buf[16384];
    int n = 1;

    while (n > 0 && !p->is_blind && !p->has_end && p->error == 0) {
        ERR_clear_error();
        n = SSL_read(p->ssl, buf, sizeof(buf));
        if (n > 0) {
            ck_assert_uint_lt(p->got_len, PEER_MAX);
            peer_append(&p->got, &p->got_len, buf, (size_t)n);
            continue;
        }
        n = SSL_get_error(p->ssl, n);
        if (n == SSL_ERROR_ZERO_RETURN)
            p->has_end = true;
        else if (n != SSL_ERROR_WANT_READ)
            p->error = n;
        n = 0;
    }
    ERR_clear_error();
}

static void peer_put_out(struct link_rig *r, struct link_peer *p)
{
    char *bytes;
    long n = BIO_get_mem_data(SSL_get_wbio(p->ssl), &bytes);
    size_t len;

    if (n > 0)
        peer_append(&p->out, &p->out_len, bytes, (size_t)n);
    (void)BIO_reset(SSL_get_wbio(p->ssl));
    len = p->cut != 0 && p->cut < p->out_len ? p->cut : p->out_len;
    if (p->is_silent || p->is_rst || len == 0)
        return;
    n = r->h->peer_send(p->wire, p->out, len);
    if (n < 0) {
        p->is_rst = true;
        return;
    }
    memmove(p->out, p->out + n, p->out_len - (size_t)n);
    p->out_len -= (size_t)n;
}

void link_pump(struct link_rig *r)
{
    for (int i = 0; i < r->peer_count; i++) {
        struct link_peer *p = &r->peers[i];

        if (p->wire == NULL)
            continue;
        peer_take_in(r, p);
        peer_read(p);
        peer_put_out(r, p);
    }
}

void link_peer_write(struct link_peer *p, size_t len, uint32_t stream,
                     size_t from)
{
    uint8_t *bytes = malloc(len);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = rig_byte(stream, from + i);
    ck_assert_int_eq(SSL_write(p->ssl, bytes, (int)len), (int)len);
    free(bytes);
}

void link_peer_check(const struct link_peer *p, size_t len, uint32_t stream)
{
    ck_assert_uint_eq(p->got_len, len);
    for (size_t i = 0; i < len; i++)
        if (p->got[i] != rig_byte(stream, i))
            ck_abort_msg("byte %zu of %zu is wrong", i, len);
}

void link_in_check(const struct link_own *own, size_t len, uint32_t stream)
{
    ck_assert_msg(own->in_len == len, "%s: %zu bytes of %zu", own->r->name,
                  own->in_len, len);
    for (size_t i = 0; i < len; i++)
        if (own->in[i] != rig_byte(stream, i))
            ck_abort_msg("%s: byte %zu of %zu is wrong", own->r->name, i, len);
}

/* ---- turns */

void link_turn(struct link_rig *r)
{
    link_pump(r);
    ck_assert_int_eq(
        flare__loop_turn(r->loop,
                         r->loop->ops->now(r->loop->backend) + 1000000),
        0);
    link_pump(r);
}

void link_turns(struct link_rig *r, int count)
{
    while (count-- > 0)
        link_turn(r);
}

/* ---- connections */

static void listener_on_event(struct flare__sock *sock,
                              const struct flare__event *ev)
{
    struct link_rig *r = FLARE_CONTAINER_OF(sock, struct link_rig, listener);

    if (ev->kind == FLARE__EV_CLOSED) {
        r->is_listening = false;
        return;
    }
    ck_assert_int_eq(ev->kind, FLARE__EV_ACCEPT);
    if (ev->res >= 0)
        r->accepted[r->accepted_count++] = ev->res;
}

static SSL *far_new(struct link_rig *r)
{
    SSL *ssl = SSL_new(r->far);

    ck_assert_ptr_nonnull(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (r->is_client)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

struct link_own *link_accept(struct link_rig *r, struct link_peer **peer)
{
    struct link_own *own = calloc(1, sizeof(*own));
    struct link_peer *p = &r->peers[r->peer_count++];
    int rc;

    ck_assert_ptr_nonnull(own);
    ck_assert_int_lt(r->peer_count, ROWS(r->peers));
    *p = (struct link_peer){.is_silent = true};
    p->wire = r->h->peer_connect(r->world, &r->addr, r->addr_len);
    p->ssl = far_new(r);
    LINK_UNTIL(r, r->accepted_count > 0);
    p->is_silent = false;
    own->r = r;
    own->open_res = 1;
    own->sock.on_event = own_on_event;
    rc = r->loop->ops->attach(r->loop->backend, &own->sock,
                              r->accepted[--r->accepted_count]);
    ck_assert_int_eq(rc, 0);
    own->next = r->owns;
    r->owns = own;
    if (peer != NULL)
        *peer = p;
    return own;
}

int link_secure_with(struct link_own *own, const struct flare__wire_start *s)
{
    struct link_rig *r = own->r;
    struct flare__wire_maker *maker =
        r->is_client ? (struct flare__wire_maker *)(void *)r->client
                     : (struct flare__wire_maker *)(void *)r->server;
    struct flare__wire_start start = *s;
    struct flare_error err;

    if (start.handshake_timeout_ms == 0)
        start.handshake_timeout_ms = LINK_TIMEOUT_MS;
    if (start.host.len == 0)
        start.host = flare_str("a.test");
    own->is_receiving = start.is_receiving;
    return maker->start(maker, r->loop, &own->sock, &start, &err);
}

void link_secure(struct link_own *own)
{
    ck_assert_int_eq(
        link_secure_with(own, &(struct flare__wire_start){.port = 443}), 0);
}

struct link_own *link_open(struct link_rig *r, struct link_peer **peer)
{
    struct link_peer *p;
    struct link_own *own = link_accept(r, &p);

    link_secure(own);
    LINK_UNTIL(r, own->is_open && SSL_is_init_finished(p->ssl));
    if (peer != NULL)
        *peer = p;
    return own;
}

/* ---- life */

static bool rig_loop(struct link_rig *r, const char *name)
{
    struct flare__backend_config bc = {
        .al = &r->fault.al, .lease_bytes = 4096, .lease_count = LINK_LEASES};
    struct flare__loop_config lc = {.al = &r->fault.al};
    struct flare_error why;
    int rc;

    if (r->h->sim != NULL) {
        bc.sim = r->h->sim(r->world);
        lc.ops = &flare__backend_sim;
        rc = lc.ops->open(&lc.backend, &bc, &why);
    } else {
        rc = flare__backend_choose(&lc.ops, &lc.backend, name, &bc, &why);
    }
    if (rc < 0) {
        printf("SKIP: no backend %s here\n", name);
        return false;
    }
    rc = flare__loop_open(&r->loop, &lc);
    ck_assert_int_eq(rc, 0);
    return true;
}

static void rig_tls(struct link_rig *r)
{
    struct flare_tls_cert cert;
    struct flare_error err;
    int version = r->version == FLARE_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

    cert_make(&r->ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&r->leaf, &(struct cert_spec){.san = "DNS:a.test"}, &r->ca);
    cert = cert_config(&r->leaf);
    ck_assert_int_eq(flare_tls_server_new(&r->server,
                                          &(struct flare_tls_server_config){
                                              .certs = &cert,
                                              .cert_count = 1,
                                              .version_min = r->version,
                                              .version_max = r->version,
                                              .allocator = &r->fault.al},
                                          &err),
                     0);
    ck_assert_int_eq(
        flare_tls_client_new(&r->client,
                             &(struct flare_tls_client_config){
                                 .ca = {.pem = flare_str(r->ca.pem)},
                                 .version_min = r->version,
                                 .version_max = r->version,
                                 .allocator = &r->fault.al},
                             &err),
        0);
    r->far = SSL_CTX_new(TLS_method());
    ck_assert_ptr_nonnull(r->far);
    SSL_CTX_set_min_proto_version(r->far, version);
    SSL_CTX_set_max_proto_version(r->far, version);
    SSL_CTX_set_mode(r->far, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ck_assert_int_eq(SSL_CTX_use_certificate(r->far, r->leaf.x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(r->far, r->leaf.key), 1);
}

void link_rig_kernel_off(struct link_rig *r)
{
    struct flare__tls_conf *conf =
        r->is_client ? flare__tls_conf_ref(flare__tls_client_conf(r->client))
                     : flare__tls_server_take(r->server);

    conf->has_kernel = false;
    flare__tls_conf_unref(conf);
}

bool link_rig_open(struct link_rig *r, int way)
{
    static char name[64];
    const char *backend = backends[way % LINK_BACKENDS];
    char why[256];
    int fd;

    memset(r, 0, sizeof(*r));
    r->is_client = (way / LINK_BACKENDS) % 2 == 1;
    r->version =
        way / LINK_BACKENDS / 2 % 2 == 1 ? FLARE_TLS_1_2 : FLARE_TLS_1_3;
    (void)snprintf(name, sizeof(name), "%s, TLS 1.%d, %s", backend,
                   r->version == FLARE_TLS_1_2 ? 2 : 3,
                   r->is_client ? "client" : "server");
    r->name = name;
    r->h = way % LINK_BACKENDS == 0 ? &conf_harness_sim : &conf_harness_kernel;
    r->world = r->h->open(why);
    ck_assert_ptr_nonnull(r->world);
    r->descriptors = r->h->descriptors(r->world);
    fault_init(&r->fault, FAULT_NEVER, 0);
    if (!rig_loop(r, backend)) {
        fault_fini(&r->fault, name);
        r->h->close(r->world);
        return false;
    }
    rig_tls(r);
    fd = r->h->listen(r->world, 0, &r->addr, &r->addr_len);
    r->listener.on_event = listener_on_event;
    ck_assert_int_eq(r->loop->ops->attach(r->loop->backend, &r->listener, fd),
                     0);
    ck_assert_int_eq(r->loop->ops->accept_start(r->loop->backend, &r->listener),
                     0);
    r->is_listening = true;
    return true;
}

static bool rig_is_quiet(const struct link_rig *r)
{
    for (const struct link_own *own = r->owns; own; own = own->next)
        if (!own->is_closed)
            return false;
    return !r->is_listening;
}

static void own_free(struct link_own *own)
{
    const uint8_t *bytes = (const uint8_t *)&own->sock;

    for (size_t i = 0; i < sizeof(own->sock); i++)
        if (bytes[i] != GONE)
            ck_abort_msg("%s: written to after CLOSED", own->r->name);
    free(own->in);
    free(own);
}

void link_rig_close(struct link_rig *r)
{
    link_held_put(r);
    for (struct link_own *own = r->owns; own; own = own->next)
        if (!own->is_closing)
            link_close(own, FLARE__CLOSE_GRACEFUL);
    r->loop->ops->close(r->loop->backend, &r->listener, FLARE__CLOSE_GRACEFUL);
    LINK_UNTIL(r, rig_is_quiet(r));
    link_turns(r, 2); /* nothing follows */
    while (r->owns != NULL) {
        struct link_own *own = r->owns;

        r->owns = own->next;
        own_free(own);
    }
    flare__loop_close(r->loop);
    flare__loop_free(r->loop);
    for (int i = 0; i < r->peer_count; i++) {
        if (r->peers[i].wire != NULL)
            r->h->peer_close(r->peers[i].wire, /* is_abort = */ false);
        SSL_free(r->peers[i].ssl);
        free(r->peers[i].out);
        free(r->peers[i].got);
    }
    SSL_CTX_free(r->far);
    flare_tls_server_free(r->server);
    flare_tls_client_free(r->client);
    cert_free(&r->ca);
    cert_free(&r->leaf);
    ck_assert_uint_eq(r->h->descriptors(r->world), r->descriptors);
    r->h->close(r->world);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    fault_fini(&r->fault, r->name);
}
