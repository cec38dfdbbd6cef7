/* SPDX-License-Identifier: MIT */
/*
 * Whose request it is behind trusted proxies.  A proxy adds to a field of the
 * request the address that it had the request from, so the field's end was
 * written by the peer of the socket, what stands before that by whoever the
 * peer names, and so on: the list is walked from its end, as long as the
 * writer is trusted.  What stands before is the client's own invention and is
 * not looked at.
 *
 * Which field the proxies write is configured, never guessed: a proxy that
 * writes one passes the others through as the client sent them.
 *
 * A pure function of its arguments; allocates nothing; its time is linear in
 * the fields' lengths, plus FLARE__FORWARDED_HOPS_MAX times the networks.
 */
#ifndef FLARE__HTTP_FORWARDED_H
#define FLARE__HTTP_FORWARDED_H

#include <flare/addr.h>

#include "http/head.h"

enum {
    FLARE__FORWARDED_HOPS_MAX = 32 /* longer chains are loops or lies */
};

enum flare__forwarded_kind {
    FLARE__FORWARDED_NONE,     /* the peer is the client */
    FLARE__FORWARDED_STANDARD, /* Forwarded, RFC 7239 */
    FLARE__FORWARDED_X,        /* X-Forwarded-For, -Proto and -Host */
    /*
     * X-Real-IP, which is no list: its proxy must be the only one.  The other
     * two are X-Forwarded-Proto and -Host.
     */
    FLARE__FORWARDED_X_REAL_IP
};

/* Whom to believe.  Borrows the networks. */
struct flare__forwarded_rules {
    enum flare__forwarded_kind kind;
    bool trusts_unix; /* a peer on a Unix socket is a proxy */
    const struct flare_ip_net *nets;
    size_t net_count;
};

enum flare__forwarded_end {
    /* The client is the first that is not a trusted proxy. */
    FLARE__FORWARDED_FOUND,
    /* Nobody but trusted proxies: the request began at the client named. */
    FLARE__FORWARDED_ALL_TRUSTED,
    /*
     * A trusted proxy did not tell: "unknown", an obfuscated name, an element
     * that is malformed, more hops than there may be.  The client is not
     * known; the address is that of the last proxy, and must not be taken for
     * the client's where something is granted for it.
     */
    FLARE__FORWARDED_OBSCURED
};

/* Slices are of the fields. */
struct flare__forwarded {
    struct flare_addr client; /* port 0 if it is not told */
    /*
     * As the outermost trusted proxy had the request: a scheme and a valid
     * host; empty where that is not told, or not validly.
     */
    struct flare_str proto;
    struct flare_str host;
    enum flare__forwarded_end end;
    uint32_t hops; /* elements that were believed */
};

/*
 * Fills `*out` for a request with these fields, in the order received, from
 * `peer`: the socket's other end, or the source in its PROXY header.
 *
 * An element of X-Forwarded-Proto or -Host counts from the end like that of
 * X-Forwarded-For; a field with one element in all is the peer's word for
 * every hop.
 */
void flare__forwarded_read(struct flare__forwarded *out,
                           const struct flare__forwarded_rules *rules,
                           const struct flare_addr *peer,
                           const struct flare__field *fields, size_t count);

#endif
