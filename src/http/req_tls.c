/* SPDX-License-Identifier: MIT */
/* The TLS that a request came by: flare/peer.h. */
#include <flare/peer.h>

#include "base/arena.h"
#include "http/exchange.h"
#include "tls/facts.h"

#include <errno.h>

static const struct flare__sock *req_sock(const flare_req *req)
{
    const struct flare__conn *conn = FLARE__EXCHANGE_OF(req, req)->res.conn;

    if (conn == NULL || !conn->is_tls || conn->phase == FLARE__CONN_DEAD)
        return NULL;
    return &conn->sock;
}

int flare_req_tls(const flare_req *req, struct flare_tls_info *info)
{
    const struct flare__sock *sock = req_sock(req);

    return sock == NULL ? -ENOTCONN : flare__tls_facts_info(sock, info);
}

int flare_req_tls_peer(flare_req *req, struct flare_tls_peer *peer)
{
    const struct flare__sock *sock = req_sock(req);
    char *room;

    if (sock == NULL)
        return -ENOTCONN;
    room = flare__arena_alloc(&req->arena, FLARE_TLS_PEER_BYTES, 1);
    if (room == NULL)
        return -ENOMEM;
    return flare__tls_facts_peer(sock, peer, room, FLARE_TLS_PEER_BYTES);
}
