/* SPDX-License-Identifier: MIT */
/*
 * An end of WebSocket that echoes, ours, over real or simulated sockets; and
 * its peer, which sends given bytes in given pieces and keeps what comes.  Both
 * on one loop.
 */
#ifndef FLARE__TEST_WS_WIRE_RIG_H
#define FLARE__TEST_WS_WIRE_RIG_H

#include <flare/tcp.h>
#include <flare/ws_client.h>

#include "http/config.h"
#include "http/conn.h"
#include "tests/support/loop_rig.h"

enum { WIRE_GOT_MAX = 1 << 20 };

enum wire_end {
    WIRE_WAITS,  /* for the end of ours */
    WIRE_CLOSES, /* with a close of 1000, then waits */
    WIRE_LEAVES  /* with FIN, then waits */
};

/* What the peer does. */
struct wire_plan {
    const struct flare_ws_handler *handler; /* ours: wire_handler was here */
    const char *fields; /* of its handshake, beside the usual; or NULL */
    const char *status; /* of a server: its status line; NULL: 101 */
    struct flare_str bytes;
    size_t first, piece; /* how they are cut; 0: they are not */
    bool is_early;       /* they come with the handshake */
    enum wire_end end;
};

/* What came of it. */
struct wire_seen {
    char *got; /* by the peer, head and all; terminated */
    size_t len;
    const char *frames; /* behind the head; NULL: there is no head */
    size_t frames_len;
    bool has_fin; /* the peer saw an orderly end */
    int opened, messages, pongs, closed, failed;
    uint16_t code; /* of on_closed */
    int rc;        /* of on_failed */
};

struct wire {
    struct loop_rig rig;
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__http http;
    struct flare_addr address;
    char url[96];
    flare_listener *listener; /* of the peer, if ours is the client */
    bool is_client;           /* ours is */

    const struct wire_plan *plan;
    struct wire_seen seen;
    flare_stream *peer;
    size_t at; /* bytes sent */
    bool is_ready, is_ended, is_over;
};

/* Callbacks that echo. */
void wire_handler(struct flare_ws_handler *h);

/* False: no such backend here, which is printed. */
bool wire_open(struct wire *w, int backend, bool is_client);
void wire_close(struct wire *w);

/* A connection, from its beginning to its end; w->seen until the next. */
void wire_run(struct wire *w, const struct wire_plan *plan);

#endif
