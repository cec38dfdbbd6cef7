/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a connection, asked of the kernel when first wanted or read
 * from a PROXY header, and kept with the connection from then on.
 */
#ifndef FLARE__HTTP_CONN_PEER_H
#define FLARE__HTTP_CONN_PEER_H

#include "http/conn.h"

#include <flare/addr.h>

struct flare__ends {
    struct flare_addr peer;
    struct flare_addr local;
    bool has_peer;
    bool has_local;
};

/* Never NULL; NONE if it cannot be told. */
const struct flare_addr *flare__conn_peer(struct flare__conn *conn);
const struct flare_addr *flare__conn_local(struct flare__conn *conn);

/*
 * Phase PROXY.  Returns what it took of `bytes`, after which the phase is
 * HEAD; 0: more is needed; or an error, after which not a byte is answered.
 */
int flare__conn_proxy(struct flare__conn *conn, const char *bytes,
                      uint32_t len);

#endif
