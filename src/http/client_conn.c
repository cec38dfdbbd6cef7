/* SPDX-License-Identifier: MIT */
/* See client.h: a connection, from its making to its end. */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "tcp/stream.h"

#include <errno.h>
#include <stdio.h>

/* Of an orderly end, in which nothing of ours is on its way any more. */
enum { CONN_CLOSE_MS = 1000 };

static void conn_tunnel_input(struct flare__client_conn *c,
                              struct flare_str in);

/* ---- deadlines ---- */

static void conn_on_timer(struct flare__timer *timer);

static void conn_arm(struct flare__client_conn *c)
{
    struct flare_loop *loop = c->client->loop;

    if (c->deadline_ms == UINT64_MAX)
        return;
    if (flare__timer_is_armed(&c->timer) &&
        c->timer.expiry_ms <= c->deadline_ms)
        return;
    flare__wheel_start(&loop->wheel, &c->timer, c->deadline_ms, conn_on_timer);
}

static void conn_on_timer(struct flare__timer *timer)
{
    struct flare__client_conn *c =
        FLARE_CONTAINER_OF(timer, struct flare__client_conn, timer);

    if (c->client->loop->now_ms < c->deadline_ms) {
        conn_arm(c);
        return;
    }
    if (c->call != NULL)
        flare__call_on_deadline(c->call);
    else if (c->state == FLARE__CLIENT_IDLE)
        flare__client_conn_abort(c);
}

void flare__client_conn_expect(struct flare__client_conn *conn,
                               uint64_t deadline_ms)
{
    conn->deadline_ms = deadline_ms;
    conn_arm(conn);
}

/* ---- the end ---- */

static void conn_rest(struct flare__client_conn *c, bool rests)
{
    if (c->is_resting == rests)
        return;
    c->is_resting = rests;
    if (rests)
        flare__loop_resident_rest(c->client->loop);
    else
        flare__loop_resident_work(c->client->loop);
}

/* The stream has gone. */
static void conn_free(struct flare__client_conn *c)
{
    flare_client *client = c->client;

    conn_rest(c, false);
    flare__loop_task_cancel(client->loop, &c->task);
    flare__wheel_stop(&client->loop->wheel, &c->timer);
    flare__pool_remove(&client->pool, &c->place);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    flare__free(&client->al, c->in.ptr);
    flare__free(&client->al, c);
}

void flare__client_conn_leave(struct flare__client_conn *conn)
{
    flare_client *client = conn->client;

    FLARE_ASSERT(conn->call == NULL && conn->state == FLARE__CLIENT_BUSY);
    conn_free(conn);
    flare__client_serve(client);
}

void flare__client_conn_abort(struct flare__client_conn *conn)
{
    bool was_idle = conn->state == FLARE__CLIENT_IDLE;

    FLARE_ASSERT(conn->call == NULL);
    conn_rest(conn, false);
    conn->state = FLARE__CLIENT_CLOSING;
    conn->deadline_ms = UINT64_MAX;
    flare__pool_remove(&conn->client->pool, &conn->place);
    /* all of ours has been answered: a reset is for those who broke off */
    if (was_idle && conn->stream->phase == FLARE__STREAM_OPEN)
        flare__stream_die(conn->stream, 0, FLARE__CLOSE_GRACEFUL);
    else
        flare_stream_abort(conn->stream);
}

/* In order: nothing of ours is on its way. */
static void conn_close(struct flare__client_conn *c)
{
    if (c->is_resting) {
        conn_rest(c, false);
        flare__pool_unrest(&c->client->pool, &c->place);
    }
    c->state = FLARE__CLIENT_CLOSING;
    c->deadline_ms = UINT64_MAX;
    flare_stream_close(c->stream);
}

static bool conn_can_rest(const struct flare__client_conn *c)
{
    return flare__reply_is_reusable(&c->reader, /* is_request_sent = */ true) &&
           !c->client->is_ended && !c->client->loop->is_ending &&
           c->stream->phase == FLARE__STREAM_OPEN && !c->stream->is_eof;
}

void flare__client_conn_release(struct flare__client_conn *conn, bool is_whole)
{
    flare_client *client = conn->client;

    conn->call = NULL;
    conn->in.len = 0;
    if (conn->in.cap > FLARE__CLIENT_KEEP) {
        flare__free(&client->al, conn->in.ptr);
        conn->in = (struct flare__bytes){.ptr = NULL};
    }
    if (is_whole && conn_can_rest(conn)) {
        conn->state = FLARE__CLIENT_IDLE;
        flare_stream_resume(conn->stream);
        flare__pool_rest(&client->pool, &conn->place);
        conn_rest(conn, true);
        flare__client_conn_expect(conn, client->loop->now_ms +
                                            client->conf.c.idle_timeout_ms);
    } else if (is_whole && flare_stream_queued(conn->stream) == 0 &&
               conn->stream->phase == FLARE__STREAM_OPEN) {
        conn_close(conn);
    } else {
        flare__client_conn_abort(conn);
    }
}

/* ---- what the stream says ---- */

static void conn_facts(struct flare__client_conn *c)
{
    struct flare_tls_info info;

    c->has_tls = flare_stream_tls_info(c->stream, &info) == 0;
    if (!c->has_tls)
        return;
    c->tls = (struct flare_reply_tls){.version = info.version,
                                      .cipher = info.cipher,
                                      .is_resumed = info.is_resumed,
                                      .is_verified = info.is_verified};
    if (info.alpn.len > 0 && !flare_str_equal(info.alpn, FLARE_STR("http/1.1")))
        flare__call_fail(c->call, FLARE_E_TLS_ALPN,
                         "the server speaks another protocol than HTTP/1.1");
}

static void conn_ready(struct flare__client_conn *c)
{
    c->state = FLARE__CLIENT_BUSY;
    c->ready_ns = c->client->loop->now_ns;
    conn_facts(c);
    if (c->call != NULL)
        flare__call_send(c->call);
}

/* RFC 9110 section 9.3.6. */
static void conn_send_connect(struct flare__client_conn *c)
{
    const struct flare__client_conf *conf = &c->client->conf;
    const struct flare__ask_field fields[] = {
        {FLARE_STR("Proxy-Authorization"), conf->proxy_auth}};
    char target[FLARE_DNS_HOST_MAX + 16];
    struct flare__ask ask = {.method = FLARE_STR("CONNECT"),
                             .fields = fields,
                             .field_count = conf->proxy_auth.len > 0};
    int rc = flare__url_connect(&c->call->url, target, sizeof(target));
    char *room;

    ask.target = ask.host = (struct flare_str){target, (size_t)rc};
    if (rc > 0)
        rc = flare__ask_check(&ask);
    if (rc >= 0) {
        uint32_t size = (uint32_t)rc;

        rc = flare__stream_reserve(c->stream, size, &room);
        if (rc == 0) {
            flare__ask_write(&ask, room);
            (void)flare__stream_commit(c->stream, size);
        }
    }
    if (rc < 0) {
        flare__call_fail(c->call, rc, NULL);
        return;
    }
    c->state = FLARE__CLIENT_TUNNEL;
    flare__reply_init(&c->reader, &c->client->limits, FLARE__REPLY_TO_CONNECT,
                      c->client->fields);
}

static void conn_on_open(flare_stream *stream, void *ctx)
{
    struct flare__client_conn *c = ctx;

    (void)stream;
    if (c->call == NULL)
        return; /* it is being closed */
    if (c->state == FLARE__CLIENT_CONNECTING && c->is_proxied &&
        flare__hop_tunnels(c->call))
        conn_send_connect(c);
    else
        conn_ready(c);
}

static void conn_on_data(flare_stream *stream, struct flare_str data, void *ctx)
{
    struct flare__client_conn *c = ctx;

    (void)stream;
    if (FLARE_LIKELY(c->state == FLARE__CLIENT_BUSY)) {
        if (c->call != NULL)
            flare__call_input(c->call, data);
    } else if (c->state == FLARE__CLIENT_TUNNEL) {
        conn_tunnel_input(c, data);
    } else if (c->state == FLARE__CLIENT_IDLE) {
        flare__client_conn_abort(c); /* an answer to nothing: C08 */
    } else if (c->call != NULL) {
        flare__call_fail(c->call, FLARE_E_PROXY,
                         "the proxy sends something in front of TLS");
    }
}

static void conn_on_end(flare_stream *stream, void *ctx)
{
    struct flare__client_conn *c = ctx;

    (void)stream;
    if (c->state == FLARE__CLIENT_IDLE)
        conn_close(c);
    else if (c->call != NULL && c->state == FLARE__CLIENT_BUSY)
        flare__call_on_eof(c->call, /* is_clean = */ true);
    else if (c->call != NULL)
        flare__call_fail(c->call, FLARE_E_PROXY,
                         "the proxy has closed the connection");
}

static void conn_on_drain(flare_stream *stream, void *ctx)
{
    struct flare__client_conn *c = ctx;

    (void)stream;
    if (c->call != NULL && c->state == FLARE__CLIENT_BUSY)
        flare__call_on_drain(c->call);
}

/* A call whose connection has gone under it. */
static void conn_lost(struct flare__client_conn *c, int rc,
                      const struct flare_error *err)
{
    flare_call *call = c->call;

    if (c->state == FLARE__CLIENT_BUSY && rc == FLARE_E_TLS_TRUNCATED) {
        flare__call_on_eof(call, /* is_clean = */ false);
        return;
    }
    if (c->state == FLARE__CLIENT_BUSY && rc != FLARE_E_STOPPED &&
        flare__call_retry(call))
        return;
    if (c->state != FLARE__CLIENT_BUSY && rc == -ETIMEDOUT)
        rc = FLARE_E_TIMEOUT_CONNECT;
    else if (rc == -ETIMEDOUT)
        rc = FLARE_E_TIMEOUT_FIRST_BYTE; /* it takes nothing of the request */
    else if (rc == 0)
        rc = -ECONNRESET;
    flare__call_fail(call, rc, err->code == 0 ? NULL : err->text);
}

static void conn_on_closed(flare_stream *stream, int rc,
                           const struct flare_error *err, void *ctx)
{
    struct flare__client_conn *c = ctx;
    flare_client *client = c->client;

    (void)stream;
    if (c->call != NULL)
        conn_lost(c, rc, err);
    conn_free(c);
    flare__client_serve(client);
    flare__client_unref(client);
}

static const struct flare_stream_handler conn_handler = {
    .on_open = conn_on_open,
    .on_data = conn_on_data,
    .on_end = conn_on_end,
    .on_drain = conn_on_drain,
    .on_closed = conn_on_closed,
};

/* ---- through a proxy ---- */

/* Once the CONNECT has left the kernel's hands, which its answer proves. */
static void conn_secure(struct flare__task *task)
{
    struct flare__client_conn *c =
        FLARE_CONTAINER_OF(task, struct flare__client_conn, task);
    struct flare_url *url;
    struct flare__wire_start start = {.port = 0};
    struct flare_tcp_options options = {.handler = &conn_handler};
    struct flare_error err;
    int rc;

    if (c->call == NULL || c->state != FLARE__CLIENT_SECURING)
        return;
    if (!flare__stream_is_quiet(c->stream)) {
        flare__loop_task(c->client->loop, &c->task, conn_secure);
        return;
    }
    rc = flare__client_tls(c->client, &options.tls_client, &err);
    if (rc < 0) {
        flare__call_fail(c->call, rc, err.text);
        return;
    }
    url = &c->call->url;
    start.host = url->host;
    start.port = flare_url_port(url);
    options.tls_handshake_timeout_ms = c->call->connect_timeout_ms;
    flare__stream_upgrade(c->stream, &options, &start);
}

static void conn_tunnel_input(struct flare__client_conn *c, struct flare_str in)
{
    struct flare_str data;
    char why[96];
    int rc;

    if (c->in.len > 0) {
        if (!flare__client_conn_keep(c, in))
            return;
        in = (struct flare_str){c->in.ptr, c->in.len};
    }
    do
        rc = flare__reply_feed(&c->reader, &in, &data);
    while (
        rc == FLARE__REPLY_INTERIM ||
        (rc == FLARE__REPLY_HEAD && c->reader.framing == FLARE__REPLY_NO_END));
    if (rc == FLARE__REPLY_MORE) {
        if (c->in.len == 0)
            (void)flare__client_conn_keep(c, in);
        return;
    }
    if (rc == FLARE__REPLY_TUNNEL && in.len == 0) {
        c->in.len = 0;
        if (!c->is_secure) {
            conn_ready(c);
            return;
        }
        c->state = FLARE__CLIENT_SECURING;
        flare__loop_task(c->client->loop, &c->task, conn_secure);
        return;
    }
    if (rc == FLARE__REPLY_HEAD)
        (void)snprintf(why, sizeof(why), "the proxy answers CONNECT with %u",
                       c->reader.head.status);
    else
        (void)snprintf(why, sizeof(why), "the proxy's answer to CONNECT: %s",
                       rc < 0 ? flare_strerror(rc) : "bytes behind it");
    flare__call_fail(c->call, FLARE_E_PROXY, why);
}

/* ---- beginnings ---- */

static int conn_connect(struct flare__client_conn *c, struct flare_error *err)
{
    flare_client *client = c->client;
    const struct flare__client_conf *conf = &client->conf;
    flare_call *call = c->call;
    struct flare_tcp_options options = {
        .handler = &conn_handler,
        .ctx = c,
        .connect_timeout_ms = call->connect_timeout_ms,
        .tls_handshake_timeout_ms = call->connect_timeout_ms,
        .write_timeout_ms = conf->c.first_byte_timeout_ms,
        .close_timeout_ms = CONN_CLOSE_MS,
    };
    int rc = 0;

    if (c->is_proxied)
        return flare_tcp_connect(client->loop, &c->stream, conf->proxy_host,
                                 conf->proxy_port, &options, err);
    if (c->is_secure)
        rc = flare__client_tls(client, &options.tls_client, err);
    if (rc < 0)
        return rc;
    return flare_tcp_connect(client->loop, &c->stream, call->url.host,
                             flare_url_port(&call->url), &options, err);
}

int flare__client_conn_open(flare_client *client,
                            struct flare__pool_origin *origin, flare_call *call,
                            struct flare_error *err)
{
    struct flare__client_conn *c = flare__calloc(&client->al, 1, sizeof(*c));
    int rc;

    if (c == NULL)
        return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
    c->client = client;
    c->call = call;
    c->is_secure = call->is_secure;
    c->is_proxied = origin->is_proxied;
    c->deadline_ms = UINT64_MAX;
    rc = conn_connect(c, err);
    if (rc < 0) {
        flare__free(&client->al, c);
        return rc;
    }
    c->next = client->conns;
    c->link = &client->conns;
    if (c->next != NULL)
        c->next->link = &c->next;
    client->conns = c;
    flare__pool_add(&client->pool, origin, &c->place);
    client->counts.connections++;
    call->conn = c;
    flare__call_enter(call, FLARE__CALL_CONNECT);
    return 0;
}

void flare__client_conn_reuse(struct flare__client_conn *conn, flare_call *call)
{
    conn_rest(conn, false);
    conn->state = FLARE__CLIENT_BUSY;
    conn->call = call;
    call->conn = conn;
    conn->client->counts.reused++;
    flare__call_send(call);
}

bool flare__client_conn_keep(struct flare__client_conn *conn,
                             struct flare_str bytes)
{
    if (flare__bytes_add(&conn->in, &conn->client->al, bytes) == 0)
        return true;
    if (conn->call != NULL)
        flare__call_fail(conn->call, -ENOMEM, NULL);
    return false;
}
