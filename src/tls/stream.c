/* SPDX-License-Identifier: MIT */
/* What the user may ask about the TLS of a stream. */
#include "base/assert.h"
#include "tcp/conn.h"
#include "tcp/stream.h"
#include "tls/facts.h"

#include <errno.h>

static const struct flare__sock *stream_sock(const flare_stream *stream)
{
    if (stream == NULL)
        return NULL;
    FLARE_DCHECK(flare__loop_is_owner(stream->loop));
    if (stream->phase < FLARE__STREAM_OPEN ||
        stream->phase == FLARE__STREAM_DEAD)
        return NULL;
    return &stream->link->sock;
}

int flare_stream_tls_info(const flare_stream *stream,
                          struct flare_tls_info *info)
{
    const struct flare__sock *sock = stream_sock(stream);

    return sock == NULL ? -ENOTCONN : flare__tls_facts_info(sock, info);
}

int flare_conn_tls_info(flare_conn *conn, struct flare_tls_info *info)
{
    return flare_stream_tls_info(flare__conn_stream(conn), info);
}

int flare_stream_tls_peer(const flare_stream *stream,
                          struct flare_tls_peer *peer, char *room, size_t size)
{
    const struct flare__sock *sock = stream_sock(stream);

    return sock == NULL ? -ENOTCONN
                        : flare__tls_facts_peer(sock, peer, room, size);
}

int flare_conn_tls_peer(flare_conn *conn, struct flare_tls_peer *peer,
                        char *room, size_t size)
{
    return flare_stream_tls_peer(flare__conn_stream(conn), peer, room, size);
}
