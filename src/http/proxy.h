/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): the
 * header by which a proxy tells, before the first byte of the connection's own
 * protocol, whose connection it relays.  Bytes go in; knows no socket.
 *
 * Only for connections from where the header must be: who may send one may
 * name any source.  It is never detected, and its absence is an error.
 */
#ifndef FLARE__HTTP_PROXY_H
#define FLARE__HTTP_PROXY_H

#include <flare/addr.h>

enum {
    FLARE__PROXY_V1_MAX = 107, /* with CRLF; section 2.1 */
    FLARE__PROXY_V2_MIN = 16,  /* before the block of addresses */
    /* a whole header without having to be segmented; holds Unix addresses */
    FLARE__PROXY_BYTES_DEFAULT = 536,
    FLARE__PROXY_BYTES_MAX = 4096
};

struct flare__proxy {
    uint8_t version; /* 1 or 2 */
    /*
     * The connection is the proxy's own (a health check), or of a kind that
     * has no address: the socket's addresses are the ones that count, and
     * those below are NONE.
     */
    bool is_local;
    bool is_datagram; /* the client's side is UDP or such (QUIC) */
    struct flare_addr source;
    struct flare_addr destination;
};

/*
 * Reads the header at the front of `bytes`, all that came so far.  The answer
 * is a function of the bytes: it stays what it is as more come.
 *
 * Returns the header's length, 0 if more bytes are needed, or
 * FLARE_E_BAD_REQUEST: the bytes are no header, or one longer than `bytes_max`
 * (from FLARE__PROXY_V1_MAX to FLARE__PROXY_BYTES_MAX; version 1 has its own
 * limit).  `*proxy` is written only with a length.
 *
 * Version 2: type-length-value vectors must be whole and fill the header; they
 * are skipped, but a CRC32c is verified.  What follows LOCAL or UNSPEC is
 * skipped unread, as its form is not known.  Never holds slices of `bytes`.
 */
FLARE_MUST_USE
int flare__proxy_parse(struct flare__proxy *proxy, struct flare_str bytes,
                       uint32_t bytes_max);

#endif
