/* SPDX-License-Identifier: MIT */
/* See conn_peer.h. */
#include "http/conn_peer.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/proxy.h"
#include "http/trust.h"
#include "net/sock.h"

#include <errno.h>

static const struct flare_addr no_address;

typedef int conn_ask(struct flare__backend *b, struct flare__sock *sock,
                     struct sockaddr_storage *out, socklen_t *len);

static struct flare__ends *conn_ends(struct flare__conn *conn)
{
    if (conn->ends == NULL)
        conn->ends = flare__calloc(conn->http->options->al, 1,
                                   sizeof(struct flare__ends));
    return conn->ends;
}

static void conn_ask_end(struct flare__conn *conn, conn_ask *ask,
                         struct flare_addr *end, bool *has_end)
{
    struct flare__addr addr;

    addr.len = sizeof(addr.storage);
    if (*has_end || conn->phase == FLARE__CONN_DEAD)
        return;
    *has_end = true; /* one that is gone will not come back */
    if (ask(conn->http->loop->backend, &conn->sock, &addr.storage, &addr.len) >=
        0)
        *end = flare__addr_get(&addr);
}

const struct flare_addr *flare__conn_peer(struct flare__conn *conn)
{
    struct flare__ends *ends = conn_ends(conn);

    if (ends == NULL)
        return &no_address;
    conn_ask_end(conn, conn->http->loop->ops->peer, &ends->peer,
                 &ends->has_peer);
    return &ends->peer;
}

const struct flare_addr *flare__conn_local(struct flare__conn *conn)
{
    struct flare__ends *ends = conn_ends(conn);

    if (ends == NULL)
        return &no_address;
    conn_ask_end(conn, conn->http->loop->ops->local, &ends->local,
                 &ends->has_local);
    return &ends->local;
}

/*
 * Whether the header is believed.  Asked of the socket, before a header could
 * have named another peer.
 */
static bool conn_has_trust(struct flare__conn *conn)
{
    const struct flare__trust *trust = &conn->http->options->trust;

    return !trust->is_given || flare__trust_has(trust, flare__conn_peer(conn));
}

int flare__conn_proxy(struct flare__conn *conn, const char *bytes, uint32_t len)
{
    struct flare__proxy proxy;
    struct flare__ends *ends;
    int rc;

    FLARE_ASSERT(conn->phase == FLARE__CONN_PROXY);
    if (!conn_has_trust(conn))
        return FLARE_E_BAD_REQUEST;
    rc = flare__proxy_parse(&proxy, (struct flare_str){bytes, len},
                            FLARE__PROXY_BYTES_DEFAULT);
    if (rc <= 0)
        return rc;
    if (!proxy.is_local) {
        ends = conn_ends(conn);
        if (ends == NULL)
            return -ENOMEM;
        ends->peer = proxy.source;
        ends->local = proxy.destination;
        ends->has_peer = true;
        ends->has_local = true;
    }
    conn->phase = FLARE__CONN_HEAD;
    return rc;
}
