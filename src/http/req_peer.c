/* SPDX-License-Identifier: MIT */
/* Who sent a request: flare/peer.h. */
#include <flare/peer.h>

#include "http/conn_peer.h"
#include "http/exchange.h"
#include "http/forwarded.h"

static const struct flare_addr no_address;

const struct flare_addr *flare_req_peer(flare_req *req)
{
    struct flare__conn *conn = FLARE__EXCHANGE_OF(req, req)->res.conn;

    return conn != NULL ? flare__conn_peer(conn) : &no_address;
}

const struct flare_addr *flare_req_local(flare_req *req)
{
    struct flare__conn *conn = FLARE__EXCHANGE_OF(req, req)->res.conn;

    return conn != NULL ? flare__conn_local(conn) : &no_address;
}

/* What the fields say, read once; NULL: nobody is believed, or no memory. */
static const struct flare__forwarded *req_forwarded(flare_req *req)
{
    const struct flare__http_options *o = req->http->options;
    const struct flare__forwarded_rules rules = {
        .kind = o->forwarded,
        .trusts_unix = o->trust.has_unix,
        .nets = o->trust.nets,
        .net_count = o->trust.net_count,
    };

    if (o->forwarded == FLARE__FORWARDED_NONE)
        return NULL;
    if (req->forwarded == NULL) {
        struct flare__forwarded *f = flare__arena_alloc(
            &req->arena, sizeof(*f), _Alignof(struct flare__forwarded));

        if (f == NULL)
            return NULL;
        flare__forwarded_read(f, &rules, flare_req_peer(req), req->head->fields,
                              req->head->field_count);
        req->forwarded = f;
    }
    return req->forwarded;
}

const struct flare_addr *flare_req_client(flare_req *req)
{
    const struct flare__forwarded *f = req_forwarded(req);

    if (f != NULL)
        return &f->client;
    /* without memory a proxy must not be taken for the client */
    return req->http->options->forwarded == FLARE__FORWARDED_NONE
               ? flare_req_peer(req)
               : &no_address;
}

bool flare_req_is_client_known(flare_req *req)
{
    const struct flare__forwarded *f = req_forwarded(req);

    return flare_req_client(req)->kind != FLARE_ADDR_NONE &&
           (f == NULL || f->end != FLARE__FORWARDED_OBSCURED);
}

/* The connection's own TLS, whatever a proxy says. */
static bool req_is_tls(const flare_req *req)
{
    const struct flare__conn *conn = FLARE__EXCHANGE_OF(req, req)->res.conn;

    return conn != NULL && conn->is_tls;
}

struct flare_str flare_req_scheme(flare_req *req)
{
    const struct flare__forwarded *f = req_forwarded(req);

    if (f != NULL && f->proto.len > 0)
        return f->proto;
    return req_is_tls(req) ? FLARE_STR("https") : FLARE_STR("http");
}

struct flare_str flare_req_client_host(flare_req *req)
{
    const struct flare__forwarded *f = req_forwarded(req);

    return f != NULL && f->host.len > 0 ? f->host : flare_req_host(req);
}
