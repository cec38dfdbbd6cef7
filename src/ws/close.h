/* SPDX-License-Identifier: MIT */
/*
 * Close codes and the payload of a close frame (RFC 6455 sections 5.5.1 and
 * 7.4).  Pure: bytes in, a verdict out.  Thread: any.
 */
#ifndef FLARE__WS_CLOSE_H
#define FLARE__WS_CLOSE_H

#include <flare/error.h>

enum {
    FLARE__WS_CLOSE_NORMAL = 1000,
    FLARE__WS_CLOSE_GOING_AWAY = 1001,
    FLARE__WS_CLOSE_PROTOCOL = 1002,
    FLARE__WS_CLOSE_NONE = 1005,     /* the peer gave none; never on the wire */
    FLARE__WS_CLOSE_ABNORMAL = 1006, /* there was no close; never on the wire */
    FLARE__WS_CLOSE_BAD_DATA = 1007, /* text that is not UTF-8 */
    FLARE__WS_CLOSE_TOO_LARGE = 1009,
    FLARE__WS_CLOSE_EXTENSION = 1010, /* a client's only */
    FLARE__WS_CLOSE_INTERNAL = 1011,
    FLARE__WS_CLOSE_REASON_MAX = 123 /* bytes of a reason */
};

/*
 * Whether a peer may send that code: 1000 to 1003, 1007 to 1014 (what the
 * IANA has registered), 3000 to 4999 (libraries and applications).  The rest is
 * reserved, not assigned, or for local use only.
 */
bool flare__ws_close_may_come(unsigned code);

/* As that; and a server has no use for 1010, an extension it wanted. */
bool flare__ws_close_may_go(unsigned code, bool is_client);

/*
 * Reads a close frame's unmasked payload.  Returns 0 with `*code`
 * (FLARE__WS_CLOSE_NONE if it is empty) and `*reason`, a slice of it;
 * FLARE_E_WS_PROTOCOL for half a code or one that must not come,
 * FLARE_E_WS_TEXT for a reason that is not UTF-8.
 */
FLARE_MUST_USE
int flare__ws_close_parse(struct flare_str payload, unsigned *code,
                          struct flare_str *reason);

/*
 * Writes a payload of up to 125 bytes to `out`.  `code` FLARE__WS_CLOSE_NONE:
 * an empty one, and then no reason.  Returns its length; FLARE_E_WS_BAD_CLOSE
 * if the code must not go, or the reason is longer than
 * FLARE__WS_CLOSE_REASON_MAX or not UTF-8.
 */
FLARE_MUST_USE
int flare__ws_close_write(char out[125], unsigned code, struct flare_str reason,
                          bool is_client);

#endif
