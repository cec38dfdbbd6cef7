/* SPDX-License-Identifier: MIT */
/* See client_blocking.h and the blocking part of flare/client.h. */
#include "http/client_blocking.h"

#include "base/assert.h"
#include "base/log.h"
#include "http/client.h"
#include "net/loop.h"

#include <errno.h>

/* ---- a call, waited for ---- */

static void blocking_on_done(flare_call *call, int rc, flare_reply *reply,
                             const struct flare_error *err, void *ctx)
{
    struct flare__client_blocking *b = &flare_call_client(call)->blocking;

    (void)ctx; /* the caller's */
    if (!b->is_waiting)
        return; /* the loop broke, and now the client is freed */
    b->is_waiting = false;
    b->rc = rc;
    if (rc < 0) {
        if (b->err != NULL)
            *b->err = *err;
        return;
    }
    rc = flare_reply_keep(reply);
    if (rc == 0)
        b->reply = reply;
    else
        b->rc = flare__error(b->err, rc, "reply: %s", flare_strerror(rc));
}

/*
 * A turn first: what has happened since the last call, a kept connection that
 * its server has closed above all, is to be known before this one picks a
 * connection and starts its deadlines.
 */
static int blocking_run(flare_client *client, const struct flare_ask *ask,
                        void *ctx, struct flare_error *err)
{
    struct flare__client_blocking *b = &client->blocking;
    int rc = flare__loop_turn(client->loop, 0);

    if (rc >= 0) {
        rc = flare_call_start(client, NULL, ask, &b->handler, ctx, err);
        if (rc < 0)
            return rc;
        b->is_waiting = true;
    }
    while (rc >= 0 && b->is_waiting)
        rc = flare__loop_turn(client->loop, UINT64_MAX);
    b->is_waiting = false;
    if (rc < 0)
        return flare__error(err, rc, "loop: %s", flare_strerror(rc));
    return b->rc;
}

int flare_client_stream(flare_client *client, const struct flare_ask *ask,
                        const struct flare_call_handler *handler, void *ctx,
                        flare_reply **out, struct flare_error *err)
{
    struct flare__client_blocking *b = &client->blocking;
    int rc;

    FLARE_ASSERT(handler->on_done == NULL);
    if (flare__loop_is_in_callback())
        return flare__error(err, FLARE_E_WOULD_DEADLOCK,
                            "a blocking call in a callback of a loop");
    if (!client->is_private)
        return flare__error(err, FLARE_E_WOULD_DEADLOCK,
                            "a blocking call of a client on a loop of yours");
    if (client->loop->broken < 0)
        return flare__error(err, client->loop->broken, "loop: %s",
                            flare_strerror(client->loop->broken));
    b->handler = *handler;
    b->handler.on_done = blocking_on_done;
    b->reply = NULL;
    b->err = err;
    rc = blocking_run(client, ask, ctx, err);
    if (rc == 0)
        *out = b->reply;
    return rc;
}

int flare_client_do(flare_client *client, const struct flare_ask *ask,
                    flare_reply **out, struct flare_error *err)
{
    static const struct flare_call_handler none = {0};

    return flare_client_stream(client, ask, &none, NULL, out, err);
}

/* ---- by method ---- */

static int without_body(flare_client *client, enum flare_method method,
                        const char *url, flare_reply **out,
                        struct flare_error *err)
{
    const struct flare_ask ask = {.method = method, .url = flare_str(url)};

    return flare_client_do(client, &ask, out, err);
}

int flare_client_get(flare_client *client, const char *url, flare_reply **out,
                     struct flare_error *err)
{
    return without_body(client, FLARE_METHOD_GET, url, out, err);
}

int flare_client_head(flare_client *client, const char *url, flare_reply **out,
                      struct flare_error *err)
{
    return without_body(client, FLARE_METHOD_HEAD, url, out, err);
}

int flare_client_delete(flare_client *client, const char *url,
                        flare_reply **out, struct flare_error *err)
{
    return without_body(client, FLARE_METHOD_DELETE, url, out, err);
}

/* A body of a type; an empty one too. */
static struct flare_ask with_body(enum flare_method method, const char *url,
                                  const char *type, struct flare_str body)
{
    return (struct flare_ask){
        .method = method,
        .url = flare_str(url),
        .content_type = flare_str(type),
        .body = body,
        .has_body = true,
    };
}

int flare_client_post(flare_client *client, const char *url, const char *type,
                      struct flare_str body, flare_reply **out,
                      struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_POST, url, type, body);

    return flare_client_do(client, &ask, out, err);
}

int flare_client_put(flare_client *client, const char *url, const char *type,
                     struct flare_str body, flare_reply **out,
                     struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_PUT, url, type, body);

    return flare_client_do(client, &ask, out, err);
}

int flare_client_patch(flare_client *client, const char *url, const char *type,
                       struct flare_str body, flare_reply **out,
                       struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_PATCH, url, type, body);

    return flare_client_do(client, &ask, out, err);
}

/* ---- with a client of the call's own ---- */

static int once(const struct flare_ask *ask, flare_reply **out,
                struct flare_error *err)
{
    flare_client *client;
    int rc;

    if (flare__loop_is_in_callback())
        return flare__error(err, FLARE_E_WOULD_DEADLOCK,
                            "a blocking call in a callback of a loop");
    rc = flare_client_new(&client, NULL, NULL, err);
    if (rc < 0)
        return rc;
    rc = flare_client_do(client, ask, out, err);
    flare_client_free(client);
    return rc;
}

int flare_get(const char *url, flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = {.url = flare_str(url)};

    return once(&ask, out, err);
}

int flare_head(const char *url, flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = {.method = FLARE_METHOD_HEAD,
                                  .url = flare_str(url)};

    return once(&ask, out, err);
}

int flare_delete(const char *url, flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = {.method = FLARE_METHOD_DELETE,
                                  .url = flare_str(url)};

    return once(&ask, out, err);
}

int flare_post(const char *url, const char *type, struct flare_str body,
               flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_POST, url, type, body);

    return once(&ask, out, err);
}

int flare_put(const char *url, const char *type, struct flare_str body,
              flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_PUT, url, type, body);

    return once(&ask, out, err);
}

int flare_patch(const char *url, const char *type, struct flare_str body,
                flare_reply **out, struct flare_error *err)
{
    const struct flare_ask ask = with_body(FLARE_METHOD_PATCH, url, type, body);

    return once(&ask, out, err);
}
