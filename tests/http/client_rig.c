/* SPDX-License-Identifier: MIT */
/* See client_rig.h. */
#include "tests/http/client_rig.h"

#include "base/alloc.h"
#include "net/choose.h"
#include "tcp/stream.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const char *const names[CLIENT_RIG_BACKENDS] = {"sim", "epoll", "uring"};
static const uint16_t ports[CLIENT_RIG_LISTENERS] = {80, 8080, 443};

/* ---- the server ---- */

static void peer_answer(struct rig_peer *p);

static void peer_end(struct rig_peer *p, unsigned flags)
{
    if (p->stream == NULL)
        return;
    if (flags & RIG_CLOSE)
        flare_stream_close(p->stream);
    if (flags & RIG_RESET)
        flare_stream_abort(p->stream);
}

static void peer_on_slow(struct flare__timer *timer)
{
    struct rig_peer *p = FLARE_CONTAINER_OF(timer, struct rig_peer, timer);
    const struct rig_line *line = p->slow;
    size_t len = line->len != 0 ? line->len : strlen(line->text);

    if (p->stream == NULL)
        return;
    if (p->slow_at < len) {
        (void)!flare_stream_write(
            p->stream, (struct flare_str){line->text + p->slow_at++, 1});
        flare__wheel_start(&p->rig->loop->wheel, &p->timer,
                           p->rig->loop->now_ms + 1, peer_on_slow);
        return;
    }
    p->slow = NULL;
    peer_end(p, line->flags);
}

/* ---- a proxy's way to the TLS port ---- */

static void tunnel_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    struct rig_peer *p = ctx;

    (void)s;
    if (p->stream != NULL)
        (void)!flare_stream_write(p->stream, data);
}

static void tunnel_on_closed(flare_stream *s, int rc,
                             const struct flare_error *err, void *ctx)
{
    struct rig_peer *p = ctx;

    (void)s;
    (void)rc;
    (void)err;
    p->tunnel = NULL;
    if (p->stream != NULL)
        flare_stream_close(p->stream);
}

static const struct flare_stream_handler tunnel_handler = {
    .on_data = tunnel_on_data,
    .on_closed = tunnel_on_closed,
};

static void peer_tunnel(struct rig_peer *p)
{
    const struct flare_tcp_options o = {.handler = &tunnel_handler, .ctx = p};

    ck_assert_int_eq(flare_tcp_connect(p->rig->loop, &p->tunnel,
                                       FLARE_STR("192.0.2.1"), 443, &o, NULL),
                     0);
}

static void peer_say(struct rig_peer *p, const struct rig_line *line)
{
    size_t len = line->len != 0 ? line->len : strlen(line->text);

    if (line->flags & RIG_SILENT)
        return;
    if (line->flags & RIG_SLOW) {
        p->slow = line;
        p->slow_at = 0;
        peer_on_slow(&p->timer);
        return;
    }
    if (len > 0) /* it may have gone */
        (void)!flare_stream_write(p->stream,
                                  (struct flare_str){line->text, len});
    if (line->flags & RIG_TUNNEL)
        peer_tunnel(p);
    peer_end(p, line->flags);
}

/* The bytes of the request at the front; 0: it is not whole.  `*head`: those
 * of its head. */
static size_t request_size(const struct rig_peer *p, size_t *head)
{
    const char *end = p->len < 4 ? NULL : memmem(p->in, p->len, "\r\n\r\n", 4);
    const char *field;
    size_t size;

    *head = 0;
    if (end == NULL)
        return 0;
    *head = size = (size_t)(end - p->in) + 4;
    field = memmem(p->in, size, "Content-Length: ", 16);
    if (field != NULL) {
        size += strtoul(field + 16, NULL, 10);
        return size <= p->len ? size : 0;
    }
    if (memmem(p->in, size, "Transfer-Encoding: chunked", 26) != NULL) {
        end = memmem(p->in + size, p->len - size, "0\r\n\r\n", 5);
        return end == NULL ? 0 : (size_t)(end - p->in) + 5;
    }
    return size;
}

static void peer_note(struct rig_peer *p, size_t size)
{
    struct client_rig *r = p->rig;
    int n = r->asked_count++;

    ck_assert_int_lt(n, CLIENT_RIG_ASKED);
    r->asked[n] = malloc(size + 1);
    ck_assert_ptr_nonnull(r->asked[n]);
    memcpy(r->asked[n], p->in, size);
    r->asked[n][size] = '\0';
    r->asked_len[n] = size;
    r->asked_from[n] = (int)(p - r->peers);
    p->requests++;
}

static const struct rig_line *rig_line(struct client_rig *r)
{
    const struct rig_line *line = &r->script[r->lines];

    if (line->text == NULL)
        return NULL;
    return line;
}

/* Answers what is whole. */
static void peer_answer(struct rig_peer *p)
{
    struct client_rig *r = p->rig;
    const struct rig_line *line;
    size_t head;
    size_t size = request_size(p, &head);

    while (p->stream != NULL && head != 0) {
        line = rig_line(r);
        if (line == NULL && size == 0)
            return;
        if (line != NULL && (line->flags & RIG_EARLY) && !p->has_early) {
            p->has_early = true;
            r->lines++;
            if (size == 0)
                peer_note(p, p->len);
            peer_say(p, line);
            if (size == 0)
                return;
        }
        if (size == 0)
            return;
        if (line != NULL && (line->flags & RIG_GATE) && !p->is_gated) {
            p->is_gated = true;
            return;
        }
        peer_note(p, size);
        memmove(p->in, p->in + size, p->len - size);
        p->len -= size;
        if (r->on_asked != NULL)
            r->on_asked(r, r->asked_count - 1);
        if (!p->has_early && line != NULL) {
            r->lines++;
            p->is_gated = false;
            peer_say(p, line);
        }
        p->has_early = false;
        size = request_size(p, &head);
    }
}

static void peer_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    struct rig_peer *p = ctx;

    (void)s;
    if (p->tunnel != NULL) {
        (void)!flare_stream_write(p->tunnel, data);
        return;
    }
    if (p->len + data.len > p->cap) {
        p->cap = (p->len + data.len) * 2;
        p->in = realloc(p->in, p->cap);
        ck_assert_ptr_nonnull(p->in);
    }
    memcpy(p->in + p->len, data.ptr, data.len);
    p->len += data.len;
    peer_answer(p);
}

static void peer_on_end(flare_stream *s, void *ctx)
{
    struct rig_peer *p = ctx;

    p->is_ended = true;
    flare_stream_close(s);
}

static void peer_on_closed(flare_stream *s, int rc,
                           const struct flare_error *err, void *ctx)
{
    struct rig_peer *p = ctx;

    (void)s;
    (void)err;
    p->stream = NULL;
    p->rc = rc;
    if (p->tunnel != NULL)
        flare_stream_close(p->tunnel);
    flare__wheel_stop(&p->rig->loop->wheel, &p->timer);
}

static const struct flare_stream_handler peer_handler = {
    .on_data = peer_on_data,
    .on_end = peer_on_end,
    .on_closed = peer_on_closed,
};

static void rig_on_accept(flare_stream *s, void *ctx)
{
    struct client_rig *r = ctx;
    struct rig_peer *p = &r->peers[r->peer_count++];

    ck_assert_int_le(r->peer_count, CLIENT_RIG_PEERS);
    *p = (struct rig_peer){.rig = r, .stream = s, .rc = 1};
    flare_stream_handle(s, &peer_handler, p);
}

static void rig_no_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
    ck_abort_msg("data before on_open");
}

static const struct flare_stream_handler accept_handler = {
    .on_open = rig_on_accept,
    .on_data = rig_no_data,
};

/* ---- calls ---- */

static void call_on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct rig_call *c = ctx;

    (void)call;
    (void)reply;
    ck_assert_int_eq(c->done, 0);
    ck_assert_int_eq(c->heads, 0);
    c->heads++;
    if (c->hook != NULL)
        c->hook(c, 'h');
}

static void call_on_data(flare_call *call, struct flare_str data, void *ctx)
{
    struct rig_call *c = ctx;

    (void)call;
    ck_assert_int_eq(c->done, 0);
    ck_assert_int_eq(c->heads, 1);
    ck_assert_uint_gt(data.len, 0);
    c->datas++;
    c->data = realloc(c->data, c->len + data.len);
    ck_assert_ptr_nonnull(c->data);
    memcpy(c->data + c->len, data.ptr, data.len);
    c->len += data.len;
    if (c->hook != NULL)
        c->hook(c, 'd');
}

static void call_on_progress(flare_call *call,
                             const struct flare_call_progress *progress,
                             void *ctx)
{
    struct rig_call *c = ctx;

    (void)call;
    ck_assert_int_eq(c->done, 0);
    c->progresses++;
    c->progress = *progress;
    if (c->hook != NULL)
        c->hook(c, 'p');
}

static void call_on_done(flare_call *call, int rc, flare_reply *reply,
                         const struct flare_error *err, void *ctx)
{
    struct rig_call *c = ctx;

    (void)call;
    ck_assert_int_eq(c->done, 0);
    ck_assert_int_eq(err->code, rc);
    ck_assert(rc == 0 || err->text[0] != '\0');
    ck_assert(rc != 0 || reply != NULL);
    c->done++;
    c->rc = rc;
    c->err = *err;
    if (reply != NULL && flare_reply_keep(reply) == 0)
        c->reply = reply;
    if (c->hook != NULL)
        c->hook(c, 'e');
    c->call = NULL;
}

const struct flare_call_handler rig_collects = {
    .on_head = call_on_head,
    .on_progress = call_on_progress,
    .on_done = call_on_done,
};

const struct flare_call_handler rig_streams = {
    .on_head = call_on_head,
    .on_data = call_on_data,
    .on_progress = call_on_progress,
    .on_done = call_on_done,
};

int client_rig_try(struct client_rig *r, struct rig_call **out,
                   const struct flare_ask *ask,
                   const struct flare_call_handler *handler)
{
    struct rig_call *c = NULL;
    struct flare_error err = {.code = 0};
    int rc;

    for (int i = 0; i < CLIENT_RIG_CALLS && c == NULL; i++)
        if (r->calls[i].rig == NULL)
            c = &r->calls[i];
    ck_assert_ptr_nonnull(c);
    *c = (struct rig_call){.rig = r, .rc = 1};
    rc = flare_call_start(r->client, &c->call, ask, handler, c, &err);
    ck_assert_int_eq(rc, err.code);
    ck_assert_int_eq(c->done, 0); /* never from inside */
    c->err = err;
    if (rc < 0) {
        ck_assert_str_ne(err.text, "");
        c->rig = NULL;
        c = NULL;
    }
    if (out != NULL)
        *out = c;
    return rc;
}

struct rig_call *client_rig_ask(struct client_rig *r,
                                const struct flare_ask *ask,
                                const struct flare_call_handler *handler)
{
    struct rig_call *c;
    int rc = client_rig_try(r, &c, ask, handler);

    ck_assert_msg(rc == 0, "%s", flare_strerror(rc));
    return c;
}

struct rig_call *client_rig_get(struct client_rig *r, const char *url)
{
    char whole[512];
    struct flare_ask ask;

    (void)snprintf(whole, sizeof(whole), "%s%s",
                   url[0] == '/' ? r->address : "", url);
    ask = (struct flare_ask){.url = flare_str(whole)};
    return client_rig_ask(r, &ask, &rig_collects);
}

int client_rig_wait(struct client_rig *r, const struct rig_call *call)
{
    RIG_UNTIL(r, call->done == 1);
    return call->rc;
}

struct rig_call *client_rig_fetch(struct client_rig *r, const char *url)
{
    struct rig_call *c = client_rig_get(r, url);

    (void)client_rig_wait(r, c);
    return c;
}

/* ---- names ---- */

static int dns_start(void *ctx, flare_dns_query *query, struct flare_str host,
                     enum flare_dns_family family)
{
    struct flare_ip ip;

    (void)ctx;
    (void)family;
    if (flare_str_equal(host, FLARE_STR("nowhere.test"))) {
        flare_dns_answer(query, FLARE_E_DNS_NOT_FOUND, NULL, 0);
        return 0;
    }
    if (flare_str_equal(host, FLARE_STR("slow.test")))
        return 0;
    ck_assert_int_eq(flare_ip_parse(&ip, FLARE_STR("192.0.2.1"), NULL), 0);
    flare_dns_answer(query, 0, &ip, 1);
    return 0;
}

static void dns_cancel(void *ctx, flare_dns_query *query)
{
    (void)ctx;
    (void)query;
}

/* ---- all of it ---- */

static int rig_loop(struct client_rig *r, int backend,
                    const struct flare__sim_config *world)
{
    const struct flare_allocator *al =
        r->fault != NULL ? &r->fault->al : &flare__allocator_default;
    struct flare__backend_config bc = {.al = al};
    struct flare__loop_config lc = {.al = al};
    static const struct flare__sim_config calm = {.is_calm = true};
    int rc;

    if (backend == CLIENT_RIG_SIM) {
        r->world = flare__sim_new(world != NULL ? world : &calm);
        ck_assert_ptr_nonnull(r->world);
        bc.sim = r->world;
        lc.ops = &flare__backend_sim;
        rc = lc.ops->open(&lc.backend, &bc, NULL);
    } else {
        rc = flare__backend_choose(&lc.ops, &lc.backend, names[backend], &bc,
                                   NULL);
    }
    if (rc < 0)
        return rc;
    rc = flare__loop_open(&r->loop, &lc);
    if (rc < 0)
        lc.ops->free(lc.backend);
    else
        r->loop->receive_buffers = 32;
    return rc;
}

static int rig_listen_sim(struct client_rig *r)
{
    for (int i = 0; i < CLIENT_RIG_LISTENERS; i++) {
        struct flare_tcp_options o = r->server;
        int fd = flare__sim_listen(r->world, ports[i], 64);
        int rc;

        ck_assert_int_ge(fd, 0);
        if (ports[i] == 443)
            o.tls_server = r->tls_server;
        rc = flare_tcp_listen_fd(r->loop, &r->listeners[i], fd, &o, NULL);
        if (rc < 0) {
            flare__sim_fd_close(r->world, fd);
            return rc;
        }
    }
    (void)snprintf(r->address, sizeof(r->address), "http://192.0.2.1");
    return 0;
}

static int rig_listen(struct client_rig *r)
{
    const struct flare_dns_resolver resolver = {dns_start, dns_cancel, r};
    struct flare_addr addr;
    char text[48];
    int rc = flare_dns_resolver_set(r->loop, &resolver);

    r->server.handler = &accept_handler;
    r->server.ctx = r;
    if (rc < 0 || r->world != NULL)
        return rc < 0 ? rc : rig_listen_sim(r);
    rc = flare_tcp_listen(r->loop, &r->listeners[0], FLARE_STR("127.0.0.1:0"),
                          &r->server, NULL);
    if (rc < 0)
        return rc;
    addr = flare_listener_local(r->listeners[0]);
    (void)flare_addr_format(&addr, text, sizeof(text));
    (void)snprintf(r->address, sizeof(r->address), "http://%s", text);
    return 0;
}

int client_rig_open(struct client_rig *r, int backend,
                    const struct flare__sim_config *world,
                    const struct rig_line *script,
                    const struct flare_client_config *config)
{
    int rc = rig_loop(r, backend, world);

    r->script = script;
    if (rc == 0)
        rc = rig_listen(r);
    if (rc == 0)
        rc = flare_client_new(&r->client, r->loop, config, NULL);
    if (rc < 0)
        client_rig_close(r);
    return rc;
}

bool client_rig_start(struct client_rig *r, int backend,
                      const struct rig_line *script,
                      const struct flare_client_config *config)
{
    int rc;

    *r = (struct client_rig){.loop = NULL};
    rc = client_rig_open(r, backend, NULL, script, config);
    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG) {
        printf("SKIP: no backend %s here\n", names[backend]);
        return false;
    }
    ck_assert_msg(rc == 0, "%s: %s", names[backend], flare_strerror(rc));
    return true;
}

void client_rig_config(struct client_rig *r,
                       const struct flare_client_config *config)
{
    flare_client_free(r->client);
    ck_assert_int_eq(flare_client_new(&r->client, r->loop, config, NULL), 0);
}

void client_rig_close(struct client_rig *r)
{
    flare_client_free(r->client);
    flare_loop_free(r->loop);
    for (int i = 0; i < CLIENT_RIG_CALLS; i++) {
        struct rig_call *c = &r->calls[i];

        if (c->rig != NULL)
            ck_assert_int_eq(c->done, 1);
        flare_reply_free(c->reply);
        free(c->data);
    }
    for (int i = 0; i < r->peer_count; i++) {
        ck_assert_ptr_null(r->peers[i].stream);
        free(r->peers[i].in);
    }
    for (int i = 0; i < r->asked_count; i++)
        free(r->asked[i]);
    if (r->world != NULL)
        ck_assert_uint_eq(flare__sim_fds(r->world), 0);
    flare__sim_free(r->world);
    flare_tls_server_free(r->tls_server);
    memset(r, 0, sizeof(*r));
}

void client_rig_run(struct client_rig *r, uint64_t ms)
{
    uint64_t until_ns = r->loop->ops->now(r->loop->backend) + ms * 1000000;

    do
        ck_assert_int_eq(flare__loop_turn(r->loop, until_ns), 0);
    while (r->loop->now_ns < until_ns);
}

void client_rig_open_gate(struct client_rig *r)
{
    for (int i = 0; i < r->peer_count; i++)
        if (r->peers[i].stream != NULL && r->peers[i].is_gated)
            peer_answer(&r->peers[i]);
}

void client_rig_say(struct client_rig *r, int peer, const char *text)
{
    ck_assert_int_ge(flare_stream_write(r->peers[peer].stream, flare_str(text)),
                     0);
}

void client_rig_shut(struct client_rig *r, int peer)
{
    flare_stream_close(r->peers[peer].stream);
}

void client_rig_reset(struct client_rig *r, int peer)
{
    flare_stream_abort(r->peers[peer].stream);
}

int client_rig_open_peers(const struct client_rig *r)
{
    int n = 0;

    for (int i = 0; i < r->peer_count; i++)
        n += r->peers[i].stream != NULL;
    return n;
}

bool client_rig_has(const struct client_rig *r, int which, const char *text)
{
    ck_assert_int_lt(which, r->asked_count);
    return strstr(r->asked[which], text) != NULL;
}
