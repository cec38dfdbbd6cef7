/* SPDX-License-Identifier: MIT */
/*
 * From a URL to a connection: flare_ws_connect.  The opening handshake is a
 * call of an HTTP client that is made for it, which knows names, proxies and
 * TLS; what is of WebSocket is the fields asked with, and the answer's judge.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/random.h"
#include "ws/client.h"
#include "ws/handshake.h"

#include <flare/client.h>

#include <errno.h>
#include <string.h>

enum {
    DIAL_HANDSHAKE_MS = 10000,
    DIAL_OWN_FIELDS = 5 /* Key, Version, Origin, Protocol, Extensions */
};

struct flare__ws_dial {
    struct flare__resident resident;
    flare_client *client;
    flare_call *call; /* NULL: it has ended */
    flare_ws_failed_fn on_failed;
    int status;
    bool is_refused; /* `err` says why, whatever the call's end says */
    char key[FLARE__WS_KEY_LEN];
    struct flare_error err;
};

/* ---- the fields ---- */

/* What is sent, while the call is made. */
struct dial_head {
    struct flare_field *fields;
    char *lines;
    char *url;
};

static void head_free(const struct flare_allocator *al, struct dial_head *head)
{
    flare__free(al, head->fields);
    flare__free(al, head->lines);
    flare__free(al, head->url);
}

/* ws becomes http, and wss https. */
static int head_url(const struct flare_allocator *al, struct dial_head *head,
                    const char *url, struct flare_error *err)
{
    const struct flare_str text = flare_str(url != NULL ? url : "");
    struct flare_str scheme = {text.ptr, 0};

    while (scheme.len < text.len && text.ptr[scheme.len] != ':')
        scheme.len++;
    if (!flare_str_equal_nocase(scheme, FLARE_STR("ws")) &&
        !flare_str_equal_nocase(scheme, FLARE_STR("wss")))
        return flare__error(err, FLARE_E_BAD_URL,
                            "url: not ws:// or wss://host");
    head->url = flare__alloc(al, text.len + 3);
    if (head->url == NULL)
        return -ENOMEM;
    memcpy(head->url, "http", 4);
    memcpy(head->url + 4, text.ptr + 2, text.len - 1); /* NUL too */
    return 0;
}

static bool field_is_ours(struct flare_str name)
{
    const struct flare_str ours = FLARE_STR("Sec-WebSocket-");

    if (name.len < ours.len)
        return false;
    name.len = ours.len;
    return flare_str_equal_nocase(name, ours);
}

/* Cuts lines into fields, but for those that are the HTTP client's. */
static void head_cut(struct flare_field *out, struct flare_str lines)
{
    while (lines.len > 0) {
        const char *colon = memchr(lines.ptr, ':', lines.len);
        const char *end = memchr(lines.ptr, '\r', lines.len);
        struct flare_field f = {
            .name = {lines.ptr, (size_t)(colon - lines.ptr)},
            .value = {colon + 2, (size_t)(end - colon) - 2},
        };
        size_t used = (size_t)(end - lines.ptr) + 2;

        if (field_is_ours(f.name) ||
            flare_str_equal_nocase(f.name, FLARE_STR("Origin")))
            *out++ = f;
        lines.ptr += used;
        lines.len -= used;
    }
    *out = (struct flare_field){.name = {NULL, 0}};
}

static size_t head_room(const struct flare__ws_client *wish)
{
    size_t room = FLARE__WS_HEAD_BYTES_MAX + wish->origin.len;

    for (size_t i = 0; i < wish->protocol_count; i++)
        room += wish->protocols[i].len + 2;
    return room;
}

static int head_fields(const struct flare_allocator *al, struct dial_head *head,
                       const struct flare_ws_client_config *config,
                       const struct flare__ws_client *wish,
                       const char key[FLARE__WS_KEY_LEN],
                       struct flare_error *err)
{
    const struct flare_field *f = config->headers;
    size_t room = head_room(wish);
    size_t count = 0;
    int len;

    for (; f != NULL && f[count].name.len > 0; count++) {
        if (field_is_ours(f[count].name))
            return flare__error(err, FLARE_E_BAD_HEADER,
                                "headers: %.*s is not yours",
                                FLARE_STR_ARG(f[count].name));
    }
    head->lines = flare__alloc(al, room);
    head->fields =
        flare__alloc(al, (count + DIAL_OWN_FIELDS + 1) * sizeof(*head->fields));
    if (head->lines == NULL || head->fields == NULL)
        return -ENOMEM;
    len = flare__ws_request_write(head->lines, room, wish, key);
    FLARE_ASSERT(len > 0);
    if (count > 0)
        memcpy(head->fields, f, count * sizeof(*f));
    head_cut(head->fields + count,
             (struct flare_str){head->lines, (size_t)len});
    return 0;
}

/* ---- the call ---- */

static bool dial_field(const void *ctx, size_t index, struct flare_str *name,
                       struct flare_str *value)
{
    return flare_reply_header_at(ctx, index, name, value) == 0;
}

static struct flare__ws_client dial_wish(const struct flare__ws_end *end,
                                         const char *origin)
{
    const struct flare_ws_handler *h = end->handler;

    return (struct flare__ws_client){
        .protocols = h->protocols,
        .protocol_count = h->protocol_count,
        .origin = flare_str(origin),
        .deflate = h->deflate.is_on ? &end->wish : NULL,
    };
}

static uint8_t dial_protocol(const struct flare_ws_handler *h,
                             struct flare_str chosen)
{
    for (size_t i = 0; chosen.len > 0 && i < h->protocol_count; i++) {
        if (flare_str_equal(h->protocols[i], chosen))
            return (uint8_t)(i + 1);
    }
    return 0;
}

/* The answer is judged; `*agreed` if it is good. */
static int dial_judge(struct flare__ws_client_conn *c, const flare_reply *reply,
                      struct flare__ws_agreed *agreed)
{
    struct flare__ws_dial *dial = c->dial;
    const struct flare__ws_client wish = dial_wish(flare__ws_end(&c->ws), NULL);
    const struct flare__ws_reply seen = {
        .status = flare_reply_status(reply),
        .minor = flare_reply_version_minor(reply),
        .fields = {dial_field, reply},
    };
    int rc = flare__ws_reply_check(&seen, &wish, dial->key, agreed, &dial->err);

    dial->status = seen.status;
    dial->is_refused = rc < 0;
    return rc;
}

/* No 101: its body is nobody's. */
static void dial_on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct flare__ws_client_conn *c = ctx;
    struct flare__ws_agreed agreed;

    (void)dial_judge(c, reply, &agreed); /* which refuses */
    FLARE_ASSERT(c->dial->is_refused);
    flare_call_cancel(call);
}

static void dial_on_upgrade(flare_call *call, const flare_reply *reply,
                            flare_stream *stream, struct flare_str early,
                            void *ctx)
{
    struct flare__ws_client_conn *c = ctx;
    struct flare__ws_agreed agreed;
    struct flare__ws_offer offer;

    (void)call;
    if (dial_judge(c, reply, &agreed) < 0)
        return; /* the stream is closed, as nobody has taken it */
    offer = (struct flare__ws_offer){
        .ctx = c->ws.ctx,
        .deflate = agreed.deflate,
        .has_deflate = agreed.has_deflate,
        .protocol = dial_protocol(flare__ws_handler(&c->ws), agreed.protocol),
    };
    flare__ws_client_begin(c, stream, &offer, early);
}

static void dial_on_done(flare_call *call, int rc, flare_reply *reply,
                         const struct flare_error *err, void *ctx)
{
    struct flare__ws_client_conn *c = ctx;
    struct flare__ws_dial *dial = c->dial;

    (void)call;
    dial->call = NULL;
    if (reply != NULL && dial->status == 0)
        dial->status = flare_reply_status(reply);
    if (c->stream == NULL && !c->is_gone && !dial->is_refused) {
        FLARE_ASSERT(rc < 0);
        dial->err = *err;
        if (rc == FLARE_E_REPLY_UPGRADE)
            (void)flare__error(&dial->err, FLARE_E_WS_UPGRADE,
                               "the server's Upgrade is not websocket");
    }
    flare__ws_client_touch(c);
}

static const struct flare_call_handler dial_call = {
    .on_head = dial_on_head,
    .on_upgrade = dial_on_upgrade,
    .on_done = dial_on_done,
};

/* ---- its end ---- */

static void dial_evict(struct flare__resident *resident)
{
    struct flare__ws_dial *dial =
        FLARE_CONTAINER_OF(resident, struct flare__ws_dial, resident);

    if (dial->call == NULL)
        return; /* the end of the turn sees to it */
    dial->is_refused = true;
    (void)flare__error(&dial->err, FLARE_E_STOPPED, "%s",
                       flare_strerror(FLARE_E_STOPPED));
    flare_call_cancel(dial->call);
}

void flare__ws_dial_cancel(struct flare_ws *ws)
{
    struct flare__ws_dial *dial = flare__ws_client_of(&ws->guest)->dial;

    if (dial->call == NULL || dial->is_refused)
        return; /* it fails already */
    dial->is_refused = true;
    (void)flare__error(&dial->err, -ECANCELED, "canceled before it was open");
    flare_call_cancel(dial->call);
}

void flare__ws_dial_settle(struct flare__ws_client_conn *c)
{
    const struct flare_allocator *al = &c->loop->allocator;
    struct flare__ws_dial *dial = c->dial;

    if (dial->call != NULL)
        return;
    flare_client_free(dial->client);
    dial->client = NULL;
    if (c->stream == NULL && !c->is_gone) {
        if (dial->on_failed != NULL)
            dial->on_failed(&c->ws, dial->status, &dial->err, c->ws.ctx);
        c->is_gone = true;
    }
    flare__loop_resident_remove(c->loop, &dial->resident);
    flare__free(al, dial);
    c->dial = NULL;
}

/* ---- its beginning ---- */

static int dial_client(flare_loop *loop, struct flare__ws_dial *dial,
                       const struct flare_ws_client_config *config,
                       struct flare_error *err)
{
    const struct flare_client_config c = {
        .user = config->user,
        .password = config->password,
        .bearer = config->bearer,
        .tls = config->tls,
        .proxy = config->proxy,
        .no_proxy = config->no_proxy,
        .connections_max = 1,
        .connections_per_origin_max = 1,
        .connect_timeout_ms = config->connect_timeout_ms,
        .first_byte_timeout_ms = config->handshake_timeout_ms != 0
                                     ? config->handshake_timeout_ms
                                     : DIAL_HANDSHAKE_MS,
        .between_bytes_timeout_ms = config->handshake_timeout_ms != 0
                                        ? config->handshake_timeout_ms
                                        : DIAL_HANDSHAKE_MS,
        .total_timeout_ms = FLARE_UNLIMITED,
    };

    return flare_client_new(&dial->client, loop, &c, err);
}

static int dial_start(struct flare__ws_client_conn *c,
                      const struct flare_ws_client_config *config,
                      struct flare_error *err)
{
    const struct flare_allocator *al = &c->loop->allocator;
    const struct flare__ws_client wish =
        dial_wish(flare__ws_end(&c->ws), config->origin);
    struct flare__ws_dial *dial = c->dial;
    struct dial_head head = {0};
    uint8_t nonce[FLARE__WS_NONCE_BYTES];
    int rc = flare__ws_client_check(&wish, err);

    if (rc == 0)
        rc = flare__random(nonce, sizeof(nonce));
    if (rc < 0)
        return rc;
    flare__ws_key_of(dial->key, nonce);
    rc = head_url(al, &head, config->url, err);
    if (rc == 0)
        rc = head_fields(al, &head, config, &wish, dial->key, err);
    if (rc == 0)
        rc = dial_client(c->loop, dial, config, err);
    if (rc == 0) {
        const struct flare_ask ask = {
            .url = flare_str(head.url),
            .headers = head.fields,
            .upgrade = FLARE_STR("websocket"),
            .no_redirects = true,
            .raw = true,
        };

        rc = flare_call_start(dial->client, &dial->call, &ask, &dial_call, c,
                              err);
    }
    head_free(al, &head);
    return rc;
}

static int dial_check(const struct flare_ws_handler *handler,
                      struct flare_error *err)
{
    int rc = flare_ws_check(handler, err);

    if (rc < 0)
        return rc;
    if (handler->origin_fn != NULL || handler->origin_count > 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "WebSocket: origins are a server's");
    return 0;
}

static int dial(flare_loop *loop, const struct flare_ws_client_config *config,
                const struct flare_ws_handler *handler, void *ctx,
                flare_ws **out, struct flare_error *err)
{
    const struct flare_allocator *al = &loop->allocator;
    struct flare__ws_client_conn *c = flare__calloc(al, 1, sizeof(*c));
    struct flare__ws_dial *d = flare__calloc(al, 1, sizeof(*d));
    struct flare__ws_end *end;
    int rc =
        c == NULL || d == NULL || flare__home_of(loop) == NULL ? -ENOMEM : 0;

    if (rc == 0)
        rc = flare__ws_end_of(&end, loop, handler, al, &flare__ws_client_host);
    if (rc == 0) {
        d->on_failed = config->on_failed;
        c->dial = d;
        c->loop = loop;
        c->ws.guest.kind = &end->kind;
        c->ws.ctx = ctx;
        c->ws.verdict = FLARE__WS_DIALS;
        rc = dial_start(c, config, err);
    }
    if (rc < 0) {
        if (d != NULL)
            flare_client_free(d->client);
        flare__free(al, d);
        flare__free(al, c);
        return rc;
    }
    flare__loop_resident_add(loop, &d->resident, dial_evict);
    if (out != NULL)
        *out = &c->ws;
    return 0;
}

int flare_ws_connect_sized(flare_loop *loop,
                           const struct flare_ws_client_sized *sized,
                           const struct flare_ws_handler *handler, void *ctx,
                           flare_ws **out, struct flare_error *err)
{
    struct flare_ws_client_config mine = {0};
    struct flare_error why = {.code = 0};
    int rc;

    if (sized->size > sizeof(mine))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    memcpy(&mine, sized->config, sized->size);
    if (loop->is_ending)
        return flare__error(err, FLARE_E_STOPPED, "%s",
                            flare_strerror(FLARE_E_STOPPED));
    rc = dial_check(handler, err);
    if (rc < 0)
        return rc;
    rc = dial(loop, &mine, handler, ctx, out, &why);
    if (rc < 0 && why.code != rc) /* memory, mostly: nobody has said it */
        return flare__error(err, rc, "WebSocket: %s", flare_strerror(rc));
    if (rc < 0 && err != NULL)
        *err = why;
    return rc;
}
