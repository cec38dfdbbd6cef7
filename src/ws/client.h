/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: a guest (http/upgrade.h) whose host is a stream.
 *
 *   dialling  a call of an HTTP client of its own asks for the upgrade
 *             (client_dial.c); ends with on_failed, or with the stream
 *   open      conn.h has the states; this file moves bytes and keeps time
 *   gone      the stream has closed and on_closed was called
 *
 * The memory goes when it is gone, or has failed, and the HTTP client is freed;
 * that is done at the end of a turn, never in a callback of the call.
 */
#ifndef FLARE__WS_CLIENT_H
#define FLARE__WS_CLIENT_H

#include <flare/ws_client.h>

#include "tcp/stream.h"
#include "ws/conn.h"

struct flare__ws_dial;

struct flare__ws_client_conn {
    struct flare_ws ws;
    struct flare_loop *loop;
    struct flare_stream *stream; /* NULL: not yet, or closed */
    struct flare__out nowhere;   /* what is sent then, and is dropped */
    struct flare__timer timer;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    struct flare__task task;
    struct flare__ws_dial *dial; /* until it is done with */
    struct flare_addr peer;
    bool is_gone;
};

static inline struct flare__ws_client_conn *flare__ws_client_of(
    const struct flare__guest *g)
{
    return FLARE_CONTAINER_OF((struct flare__guest *)(uintptr_t)g,
                              struct flare__ws_client_conn, ws.guest);
}

extern const struct flare__guest_host flare__ws_client_host;

/* ---- client.c ---- */

/* At the end of the turn, does what is to be done. */
void flare__ws_client_touch(struct flare__ws_client_conn *c);

/* The handshake is done: takes the stream, and `early`, which came on it. */
void flare__ws_client_begin(struct flare__ws_client_conn *c,
                            struct flare_stream *stream,
                            const struct flare__ws_offer *offer,
                            struct flare_str early);

/* ---- client_dial.c ---- */

/* Frees the HTTP client if the call has ended; on_failed, if that is due. */
void flare__ws_dial_settle(struct flare__ws_client_conn *c);

#endif
