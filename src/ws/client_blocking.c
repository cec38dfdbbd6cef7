/* SPDX-License-Identifier: MIT */
/*
 * The blocking form: a connection on a small loop of its own, which is turned
 * until what a call waits for has happened.  Messages that come meanwhile are
 * kept in their order; past CLIENT_KEPT_MAX bytes of them the peer waits.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/user_loop.h"
#include "ws/client.h"

#include <errno.h>
#include <string.h>

enum {
    CLIENT_KEPT_MAX = 1 << 20,
    CLIENT_QUEUE_MAX = 1 << 30, /* one message at a time: it is its own bound */
    CLIENT_SEND_TIMEOUT_MS = 30000,
    CLIENT_MS_MAX = 86400000,
    CLIENT_NS_PER_MS = 1000000
};

struct client_kept {
    struct client_kept *next;
    size_t len;
    enum flare_ws_kind kind;
    char bytes[];
};

struct flare_ws_client {
    struct flare_allocator al;
    flare_loop *loop;
    flare_ws *ws; /* NULL: it has ended */
    struct flare_ws_handler handler;
    uint32_t recv_timeout_ms;
    uint32_t send_timeout_ms;
    struct flare_error *err; /* of open */
    struct client_kept *first;
    struct client_kept **end;
    struct client_kept *lent; /* by the last recv */
    size_t kept_bytes;
    struct flare_str subprotocol;
    int rc; /* of the end: 0 if it was orderly */
    bool is_open;
    uint16_t code;
    uint8_t reason_len;
    char reason[FLARE__WS_CONTROL_MAX];
};

/* ---- what happens ---- */

static void client_on_open(flare_ws *ws, void *ctx)
{
    struct flare_ws_client *c = ctx;

    c->subprotocol = flare_ws_subprotocol(ws);
    c->is_open = true;
}

static void client_on_message(flare_ws *ws, enum flare_ws_kind kind,
                              struct flare_str bytes, void *ctx)
{
    struct flare_ws_client *c = ctx;
    struct client_kept *kept = flare__alloc(&c->al, sizeof(*kept) + bytes.len);

    if (kept == NULL) {
        c->rc = -ENOMEM;
        flare_ws_abort(ws);
        return;
    }
    kept->next = NULL;
    kept->len = bytes.len;
    kept->kind = kind;
    if (bytes.len > 0)
        memcpy(kept->bytes, bytes.ptr, bytes.len);
    *c->end = kept;
    c->end = &kept->next;
    c->kept_bytes += sizeof(*kept) + bytes.len;
    if (c->kept_bytes > CLIENT_KEPT_MAX)
        flare_ws_pause(ws);
}

/* What the end of the connection is to those who receive. */
static int client_end(const flare_ws *ws, unsigned code)
{
    if (!ws->is_failed)
        return code == FLARE_WS_CLOSE_ABNORMAL ? -ECONNRESET : 0;
    switch (code) {
    case FLARE_WS_CLOSE_BAD_DATA:
        return FLARE_E_WS_TEXT;
    case FLARE_WS_CLOSE_TOO_LARGE:
        return FLARE_E_WS_TOO_LARGE;
    case FLARE_WS_CLOSE_INTERNAL:
        return -ENOMEM;
    default:
        return FLARE_E_WS_PROTOCOL;
    }
}

static void client_on_closed(flare_ws *ws, uint16_t code,
                             struct flare_str reason, void *ctx)
{
    struct flare_ws_client *c = ctx;

    c->ws = NULL;
    if (c->rc == 0)
        c->rc = client_end(ws, code);
    c->code = code;
    c->reason_len =
        (uint8_t)(reason.len < sizeof(c->reason) ? reason.len
                                                 : sizeof(c->reason));
    if (c->reason_len > 0)
        memcpy(c->reason, reason.ptr, c->reason_len);
}

static void client_on_failed(flare_ws *ws, int status,
                             const struct flare_error *err, void *ctx)
{
    struct flare_ws_client *c = ctx;

    (void)ws, (void)status;
    c->ws = NULL;
    c->rc = err->code;
    if (c->err != NULL)
        *c->err = *err;
}

/* ---- waiting ---- */

static uint64_t client_until(const struct flare_ws_client *c, uint32_t in_ms)
{
    flare_loop *loop = c->loop;

    if (in_ms == FLARE_UNLIMITED)
        return UINT64_MAX;
    return loop->ops->now(loop->backend) + (uint64_t)in_ms * CLIENT_NS_PER_MS;
}

static bool client_is_late(const struct flare_ws_client *c, uint64_t until_ns)
{
    return until_ns != UINT64_MAX &&
           c->loop->ops->now(c->loop->backend) >= until_ns;
}

/* Whether calls can be made at all.  0, FLARE_E_WOULD_DEADLOCK, or why the loop
 * is broken. */
static int client_may_wait(const struct flare_ws_client *c)
{
    if (flare__loop_is_in_callback())
        return FLARE_E_WOULD_DEADLOCK;
    return c->loop->broken < 0 ? c->loop->broken : 0;
}

/* ---- the options ---- */

static int client_times(struct flare_ws_client *c,
                        const struct flare_ws_client_options *o,
                        struct flare_error *err)
{
    c->recv_timeout_ms =
        o->recv_timeout_ms != 0 ? o->recv_timeout_ms : FLARE_UNLIMITED;
    c->send_timeout_ms =
        o->send_timeout_ms != 0 ? o->send_timeout_ms : CLIENT_SEND_TIMEOUT_MS;
    if (c->recv_timeout_ms > CLIENT_MS_MAX &&
        c->recv_timeout_ms != FLARE_UNLIMITED)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "recv_timeout_ms is more than 86400000");
    if (c->send_timeout_ms > CLIENT_MS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "send_timeout_ms is more than 86400000");
    return 0;
}

static struct flare_ws_handler client_handler(
    const struct flare_ws_client_options *o)
{
    return (struct flare_ws_handler){
        .on_open = client_on_open,
        .on_message = client_on_message,
        .on_closed = client_on_closed,
        .protocols = o->protocols,
        .protocol_count = o->protocol_count,
        .deflate = o->deflate,
        .message_bytes_max = o->message_bytes_max,
        .queue_max = CLIENT_QUEUE_MAX,
        .queue_high = CLIENT_QUEUE_MAX,
        .close_timeout_ms = o->close_timeout_ms,
        .ping_interval_ms = o->ping_interval_ms,
        .pong_timeout_ms = o->pong_timeout_ms,
    };
}

/* ---- its life ---- */

static int client_open(struct flare_ws_client *c,
                       struct flare_ws_client_config *config,
                       const struct flare_ws_client_options *o,
                       struct flare_error *err)
{
    int rc = client_times(c, o, err);

    if (rc < 0)
        return rc;
    c->handler = client_handler(o);
    c->end = &c->first;
    c->err = err;
    config->on_failed = client_on_failed;
    rc = flare_ws_connect(c->loop, config, &c->handler, c, &c->ws, err);
    if (rc < 0)
        return rc;
    while (rc >= 0 && !c->is_open && c->ws != NULL)
        rc = flare__loop_turn(c->loop, UINT64_MAX);
    c->err = NULL;
    if (rc < 0)
        return flare__error(err, rc, "loop: %s", flare_strerror(rc));
    return c->is_open ? 0 : c->rc;
}

int flare_ws_client_open_sized(size_t config_size, size_t options_size,
                               flare_ws_client **out,
                               const struct flare_ws_client_config *config,
                               const struct flare_ws_client_options *options,
                               struct flare_error *err)
{
    struct flare_ws_client_config mine = {0};
    struct flare_ws_client_options o = {0};
    const struct flare_allocator *al;
    struct flare_ws_client *c;
    int rc;

    if (config_size > sizeof(mine) || options_size > sizeof(o))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    memcpy(&mine, config, config_size);
    if (options != NULL)
        memcpy(&o, options, options_size);
    if (mine.on_failed != NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "on_failed: the call itself says so");
    if (flare__loop_is_in_callback())
        return flare__error(err, FLARE_E_WOULD_DEADLOCK,
                            "a blocking call in a callback of a loop");
    al = o.allocator != NULL ? o.allocator : &flare__allocator_default;
    c = flare__calloc(al, 1, sizeof(*c));
    if (c == NULL)
        return flare__error(err, -ENOMEM, "WebSocket: %s",
                            flare_strerror(-ENOMEM));
    c->al = *al;
    rc = flare__loop_private(&c->loop, &c->al, err);
    if (rc == 0)
        rc = client_open(c, &mine, &o, err);
    if (rc < 0)
        flare_ws_client_free(c);
    else
        *out = c;
    return rc;
}

void flare_ws_client_free(flare_ws_client *client)
{
    struct flare_allocator al;

    if (client == NULL)
        return;
    FLARE_ASSERT(client->loop == NULL || !flare__loop_is_in_callback());
    al = client->al;
    client->err = NULL;
    flare_loop_free(client->loop); /* and with it the connection */
    while (client->first != NULL) {
        struct client_kept *kept = client->first;

        client->first = kept->next;
        flare__free(&al, kept);
    }
    flare__free(&al, client->lent);
    flare__free(&al, client);
}

struct flare_str flare_ws_client_subprotocol(const flare_ws_client *client)
{
    return client->subprotocol;
}

/* ---- sending ---- */

/* What was queued leaves. */
static int client_flush(struct flare_ws_client *c)
{
    uint64_t until_ns = client_until(c, c->send_timeout_ms);

    while (c->ws != NULL && flare_ws_queued(c->ws) > 0) {
        int rc = flare__loop_turn(c->loop, until_ns);

        if (rc < 0)
            return rc;
        if (c->ws == NULL || !client_is_late(c, until_ns))
            continue;
        flare_ws_abort(c->ws);
        while (rc >= 0 && c->ws != NULL)
            rc = flare__loop_turn(c->loop, UINT64_MAX);
        return rc < 0 ? rc : -ETIMEDOUT;
    }
    return c->ws != NULL ? 0 : FLARE_E_GONE;
}

/* What has happened since the last call is known first. */
static int client_begin(struct flare_ws_client *c)
{
    int rc = client_may_wait(c);

    if (rc == 0)
        rc = flare__loop_turn(c->loop, 0);
    if (rc < 0)
        return rc;
    return c->ws != NULL ? 0 : FLARE_E_GONE;
}

static int client_send(struct flare_ws_client *c, enum flare_ws_kind kind,
                       struct flare_str bytes)
{
    int rc = client_begin(c);

    if (rc == 0)
        rc = kind == FLARE_WS_TEXT ? flare_ws_send_text(c->ws, bytes)
                                   : flare_ws_send_binary(c->ws, bytes);
    return rc < 0 ? rc : client_flush(c);
}

int flare_ws_client_send_text(flare_ws_client *client, struct flare_str text)
{
    return client_send(client, FLARE_WS_TEXT, text);
}

int flare_ws_client_send_binary(flare_ws_client *client, struct flare_str bytes)
{
    return client_send(client, FLARE_WS_BINARY, bytes);
}

int flare_ws_client_ping(flare_ws_client *client, struct flare_str payload)
{
    int rc = client_begin(client);

    if (rc == 0)
        rc = flare_ws_ping(client->ws, payload);
    return rc < 0 ? rc : client_flush(client);
}

/* ---- receiving ---- */

static void client_take(struct flare_ws_client *c, struct flare_ws_message *out)
{
    struct client_kept *kept = c->first;

    c->first = kept->next;
    if (c->first == NULL)
        c->end = &c->first;
    c->kept_bytes -= sizeof(*kept) + kept->len;
    c->lent = kept;
    *out = (struct flare_ws_message){
        .bytes = {kept->bytes, kept->len},
        .kind = kept->kind,
    };
    if (c->ws != NULL && c->kept_bytes <= CLIENT_KEPT_MAX)
        flare_ws_resume(c->ws);
}

int flare_ws_client_recv(flare_ws_client *client, struct flare_ws_message *out)
{
    uint64_t until_ns;
    int rc = client_may_wait(client);

    if (rc < 0)
        return rc;
    flare__free(&client->al, client->lent);
    client->lent = NULL;
    until_ns = client_until(client, client->recv_timeout_ms);
    while (client->first == NULL && client->ws != NULL) {
        rc = flare__loop_turn(client->loop, until_ns);
        if (rc < 0)
            return rc;
        if (client->first == NULL && client->ws != NULL &&
            client_is_late(client, until_ns))
            return -ETIMEDOUT;
    }
    if (client->first != NULL) {
        client_take(client, out);
        return 1;
    }
    *out = (struct flare_ws_message){
        .bytes = {client->reason, client->reason_len},
        .close_code = client->code,
    };
    return client->rc;
}

/* ---- the close ---- */

int flare_ws_client_close(flare_ws_client *client, uint16_t code,
                          struct flare_str reason)
{
    uint64_t until_ms;
    int rc = client_begin(client);

    if (rc == FLARE_E_GONE)
        return 0;
    if (rc == 0)
        rc = flare_ws_close(client->ws, code, reason);
    if (rc < 0)
        return rc;
    flare_ws_resume(client->ws); /* else the answer is not heard */
    until_ms =
        client->loop->now_ms + flare__ws_end(client->ws)->close_timeout_ms;
    while (rc >= 0 && client->ws != NULL)
        rc = flare__loop_turn(client->loop, UINT64_MAX);
    if (rc == 0 && client->rc == -ECONNRESET &&
        client->loop->now_ms >= until_ms)
        return -ETIMEDOUT;
    return rc < 0 ? rc : client->rc;
}
