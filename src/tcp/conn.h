/* SPDX-License-Identifier: MIT */
/*
 * The blocking form of a stream: a loop of its own that is turned until what
 * was asked for has come.  A connection that was accepted makes its loop with
 * the first call about it, so that another thread may have it.
 */
#ifndef FLARE__TCP_CONN_H
#define FLARE__TCP_CONN_H

#include <flare/tcp.h>

/*
 * Over a connected descriptor, which is taken on success; `options` are
 * resolved.  -ENOMEM.
 */
FLARE_MUST_USE
int flare__conn_accepted(flare_conn **out, int fd,
                         const struct flare_tcp_options *options);

/* Its stream; NULL: it has none any more.  The first call about it, perhaps. */
flare_stream *flare__conn_stream(flare_conn *conn);

#endif
