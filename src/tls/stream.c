/* SPDX-License-Identifier: MIT */
/* What the user may ask about the TLS of a stream. */
#include "tcp/conn.h"
#include "tcp/stream.h"
#include "tls/link.h"

#include <errno.h>

int flare_stream_tls_info(const flare_stream *stream,
                          struct flare_tls_info *info)
{
    struct flare__tls_link *link;

    if (stream->phase < FLARE__STREAM_OPEN ||
        stream->phase == FLARE__STREAM_DEAD)
        return -ENOTCONN;
    link = flare__tls_link_of(&stream->link->sock);
    if (link == NULL)
        return -ENOTCONN;
    flare__tls_info(flare__tls_link_engine(link), info);
    return 0;
}

int flare_conn_tls_info(flare_conn *conn, struct flare_tls_info *info)
{
    const flare_stream *stream = flare__conn_stream(conn);

    return stream == NULL ? -ENOTCONN : flare_stream_tls_info(stream, info);
}
