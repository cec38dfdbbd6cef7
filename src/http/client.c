/* SPDX-License-Identifier: MIT */
/* See client.h: a client's life, and who gets which connection. */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/user_loop.h"

#include <errno.h>
#include <string.h>

enum { CLIENT_NS_PER_MS = 1000000 };

uint64_t flare__client_now_ns(const flare_client *client)
{
    struct flare_loop *loop = client->loop;

    return loop->ops->now(loop->backend);
}

uint64_t flare__client_now_ms(const flare_client *client)
{
    return flare__client_now_ns(client) / CLIENT_NS_PER_MS;
}

/* ---- life ---- */

static void client_limits(flare_client *client)
{
    static const struct flare__reply_limits standard = FLARE__REPLY_LIMITS;
    const struct flare_client_config *c = &client->conf.c;

    client->limits = standard;
    client->limits.heads_bytes_max = c->head_bytes_max;
    client->limits.head.fields_bytes_max = c->head_bytes_max;
    client->limits.head.fields_max = c->head_fields_max;
}

/* Its memory but the loop, which is there already. */
static int client_fill(flare_client *client,
                       const struct flare_client_config *config,
                       struct flare_error *err)
{
    struct flare__pool_limits limits;
    int rc = flare__client_conf_init(&client->conf, &client->al, config, err);

    if (rc < 0)
        return rc;
    client_limits(client);
    limits = (struct flare__pool_limits){
        .origin_max = client->conf.c.connections_per_origin_max,
        .total_max = client->conf.c.connections_max,
        .waiting_max = client->conf.c.waiting_max,
    };
    client->fields = flare__alloc(&client->al, client->limits.head.fields_max *
                                                   sizeof(*client->fields));
    rc = client->fields == NULL
             ? -ENOMEM
             : flare__pool_init(&client->pool, &client->al, &limits);
    if (rc == 0 && config->resolver != NULL)
        rc = flare_dns_resolver_set(client->loop, config->resolver);
    if (rc == 0)
        return 0;
    flare__pool_fini(&client->pool);
    flare__free(&client->al, client->fields);
    flare__client_conf_fini(&client->conf);
    return flare__error(err, rc, "client: %s", flare_strerror(rc));
}

static int client_new(flare_client **out, flare_loop *loop,
                      const struct flare_client_config *config,
                      struct flare_error *err)
{
    const struct flare_allocator *al = config->allocator;
    flare_client *client;
    int rc;

    if (al == NULL)
        al = loop != NULL ? &loop->allocator : &flare__allocator_default;
    client = flare__calloc(al, 1, sizeof(*client));
    if (client == NULL)
        return flare__error(err, -ENOMEM, "client: %s",
                            flare_strerror(-ENOMEM));
    client->al = *al;
    client->loop = loop;
    client->is_private = loop == NULL;
    rc = loop == NULL ? flare__loop_private(&client->loop, al, err) : 0;
    if (rc == 0) {
        rc = client_fill(client, config, err);
        if (rc < 0 && client->is_private)
            flare_loop_free(client->loop);
    }
    if (rc < 0) {
        flare__free(al, client);
        return rc;
    }
    *out = client;
    return 0;
}

int flare_client_new_sized(size_t config_size, flare_client **out,
                           flare_loop *loop,
                           const struct flare_client_config *config,
                           struct flare_error *err)
{
    struct flare_client_config c = {0};

    if (config_size > sizeof(c))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    if (config != NULL)
        memcpy(&c, config, config_size);
    if (loop != NULL && c.resolver != NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "resolver: the loop is yours, set it there");
    return client_new(out, loop, &c, err);
}

static void client_free_spare(flare_client *client)
{
    while (client->spare_calls != NULL) {
        flare_call *call = client->spare_calls;

        client->spare_calls = call->next;
        flare__arena_fini(&call->texts);
        flare__free(&client->al, call->coded.ptr);
        flare__free(&client->al, call);
    }
    while (client->spare_replies != NULL) {
        flare_reply *reply = client->spare_replies;

        client->spare_replies = reply->next;
        flare__reply_release(reply);
    }
}

void flare__client_unref(flare_client *client)
{
    struct flare_allocator al = client->al;

    if (!client->is_ended || client->conns != NULL)
        return;
    FLARE_ASSERT(client->calls == NULL);
    client_free_spare(client);
    flare__pool_fini(&client->pool);
    flare_tls_client_free(client->tls);
    flare__client_conf_fini(&client->conf);
    flare__free(&al, client->fields);
    flare__free(&al, client->decoded);
    flare__free(&al, client);
}

void flare_client_free(flare_client *client)
{
    flare_loop *own;

    if (client == NULL)
        return;
    own = client->is_private ? client->loop : NULL;
    FLARE_ASSERT(!client->loop->is_turning || own == NULL);
    client->is_ended = true;
    while (client->calls != NULL)
        flare__call_fail(client->calls, -ECANCELED, "the client is freed");
    for (struct flare__client_conn *c = client->conns, *next; c != NULL;
         c = next) {
        next = c->next;
        flare__client_conn_abort(c);
    }
    flare__client_unref(client); /* unless sockets are still closing */
    flare_loop_free(own);
}

flare_loop *flare_client_loop(const flare_client *client)
{
    return client->loop;
}

void flare_client_close_idle(flare_client *client)
{
    while (client->pool.oldest != NULL)
        flare__client_conn_abort(FLARE_CONTAINER_OF(
            client->pool.oldest, struct flare__client_conn, place));
}

void flare_client_stats_sized(const flare_client *client, size_t size,
                              struct flare_client_stats *out)
{
    struct flare_client_stats all = client->counts;

    all.open = client->pool.conns;
    all.idle = client->pool.idle;
    all.waiting = client->pool.waiting;
    memset(out, 0, size); /* what a newer header has and this library not */
    memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
}

int flare__client_tls(flare_client *client, flare_tls_client **out,
                      struct flare_error *err)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_client_config config = {.alpn = alpn};
    int rc = 0;

    *out = client->conf.c.tls;
    if (*out != NULL)
        return 0;
    config.allocator = &client->al;
    if (client->tls == NULL)
        rc = flare_tls_client_new(&client->tls, &config, err);
    *out = client->tls;
    return rc;
}

/* ---- places ---- */

/* What the pool has granted; the call is not among those who wait. */
static int client_take(flare_client *client, flare_call *call,
                       struct flare__pool_origin *origin,
                       enum flare__pool_grant grant,
                       struct flare__pool_conn *place, struct flare_error *err)
{
    if (grant == FLARE__POOL_REUSE) {
        flare__client_conn_reuse(
            FLARE_CONTAINER_OF(place, struct flare__client_conn, place), call);
        return 0;
    }
    if (grant == FLARE__POOL_EVICT) {
        FLARE_ASSERT(place->origin != origin);
        flare__client_conn_abort(
            FLARE_CONTAINER_OF(place, struct flare__client_conn, place));
    }
    return flare__client_conn_open(client, origin, call, err);
}

int flare__client_place(flare_client *client, flare_call *call,
                        struct flare_error *err)
{
    const struct flare__pool_key key = flare__hop_key(call);
    struct flare__pool_origin *origin = flare__pool_origin(&client->pool, &key);
    struct flare__pool_conn *place;
    enum flare__pool_grant grant;
    int rc;

    if (origin == NULL)
        return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
    grant =
        flare__pool_ask(&client->pool, origin, /* is_next = */ false, &place);
    if (grant == FLARE__POOL_WAIT) {
        flare__pool_wait(&client->pool, origin, &call->wait);
        flare__call_enter(call, FLARE__CALL_WAIT);
        return 0;
    }
    rc = grant == FLARE__POOL_FULL
             ? flare__error(err, FLARE_E_CALLS_FULL, "%s",
                            flare_strerror(FLARE_E_CALLS_FULL))
             : client_take(client, call, origin, grant, place, err);
    if (rc < 0)
        flare__pool_forget(&client->pool, origin);
    return rc;
}

void flare__client_serve(flare_client *client)
{
    struct flare__pool_wait *wait =
        client->is_ended ? NULL : flare__pool_next(&client->pool);

    for (; wait != NULL; wait = flare__pool_next(&client->pool)) {
        flare_call *call = FLARE_CONTAINER_OF(wait, flare_call, wait);
        struct flare__pool_origin *origin = wait->origin;
        struct flare__pool_conn *place;
        enum flare__pool_grant grant;
        struct flare_error err;
        int rc;

        flare__pool_unwait(&client->pool, wait);
        flare__wheel_stop(&client->loop->wheel, &call->timer);
        grant = flare__pool_ask(&client->pool, origin, /* is_next = */ true,
                                &place);
        FLARE_ASSERT(grant < FLARE__POOL_WAIT); /* pool_next has said so */
        rc = client_take(client, call, origin, grant, place, &err);
        if (rc < 0) {
            flare__pool_forget(&client->pool, origin);
            call->phase = FLARE__CALL_NONE;
            flare__call_fail_later(call, rc, err.text);
        }
    }
}
