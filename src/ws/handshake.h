/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake (RFC 6455 section 4), both roles.  Pure: the facts of a
 * head that somebody else has parsed in, a decision and lines of a head out.
 *
 * Strict on both sides.  A server answers a faulty handshake with 400, another
 * version with 426 and the one it speaks, a foreign origin with 403.  A client
 * has an error of its own for each way a server's answer can be wrong, and
 * nothing of the connection is used then.
 *
 * Bytes behind either head are the first frames; they are not looked at here.
 */
#ifndef FLARE__WS_HANDSHAKE_H
#define FLARE__WS_HANDSHAKE_H

#include <flare/error.h>

#include "ws/extension.h"

enum {
    FLARE__WS_NONCE_BYTES = 16,
    FLARE__WS_KEY_LEN = 24,       /* the nonce in base64 */
    FLARE__WS_ACCEPT_LEN = 28,    /* SHA-1 in base64 */
    FLARE__WS_PROTOCOLS_MAX = 64, /* of one side's own */
    /* Any of the texts written here, beside protocols and origin. */
    FLARE__WS_HEAD_BYTES_MAX = 512
};

/* Writes what answers a key, not terminated: section 4.2.2, 5.4. */
void flare__ws_accept_of(char out[FLARE__WS_ACCEPT_LEN],
                         const char key[FLARE__WS_KEY_LEN]);

/* ---- server ---- */

/* What is looked at of a request.  Borrowed for the call. */
struct flare__ws_request {
    struct flare_str method;
    struct flare_str host; /* authority: the target's, else Host's */
    int minor;             /* of HTTP/1 */
    struct flare__ws_fields fields;
};

/* How a server shakes hands.  Zero is the default, and secure. */
struct flare__ws_server {
    const struct flare_str *protocols; /* tokens, most liked first */
    size_t protocol_count;             /* at most FLARE__WS_PROTOCOLS_MAX */
    const struct flare__ws_deflate_params *deflate; /* NULL: not spoken */
    /*
     * Whether pages of `origin` may connect; its ptr is NULL for a client that
     * sends none, which no browser does.  NULL: those without an origin, and
     * those that flare__ws_origin_is_host takes: a page of another site, which
     * would come with the visitor's cookies, is refused (W19).
     */
    bool (*origin_fn)(struct flare_str origin, struct flare_str host,
                      void *ctx);
    void *ctx;
};

/* What both have agreed on. */
struct flare__ws_agreed {
    struct flare_str protocol; /* lent from the own list; len 0: none */
    bool has_deflate;
    struct flare__ws_deflate_params deflate;
};

struct flare__ws_answer {
    int status;        /* 101, 400, 403 or 426 */
    const char *text;  /* one sentence, static: why not; "" with 101 */
    bool is_handshake; /* the request asks for WebSocket: if not, it is an
                          ordinary one, and may be answered as such */
    char accept[FLARE__WS_ACCEPT_LEN];
    struct flare__ws_agreed agreed;
};

/* Judges a request.  Never fails; all of `answer` is written. */
void flare__ws_handshake_judge(struct flare__ws_answer *answer,
                               const struct flare__ws_request *request,
                               const struct flare__ws_server *server);

/*
 * Writes the fields of the answer's head, each with CRLF: all that a 101 needs;
 * Upgrade and the version for a 426; nothing for another.  The status line and
 * the empty line are the caller's.
 *
 * Returns the length, not terminated; -ENOBUFS if it is more than `room`:
 * FLARE__WS_HEAD_BYTES_MAX and the protocol's length always suffice.
 */
FLARE_MUST_USE
int flare__ws_answer_write(char *out, size_t room,
                           const struct flare__ws_answer *answer);

/* ---- client ---- */

/* What a client asks for. */
struct flare__ws_client {
    const struct flare_str *protocols; /* most liked first */
    size_t protocol_count;
    struct flare_str origin;                        /* ptr NULL: none is sent */
    const struct flare__ws_deflate_params *deflate; /* NULL: not offered */
};

/*
 * Whether it can be sent: protocols are tokens and differ, not more than
 * FLARE__WS_PROTOCOLS_MAX; an origin has no byte outside 0x21 to 0x7E; windows
 * are 8 to 15 bits.
 * Returns 0, or FLARE_E_BAD_CONFIG with the culprit in `err` (may be NULL).
 */
FLARE_MUST_USE
int flare__ws_client_check(const struct flare__ws_client *client,
                           struct flare_error *err);

/* Writes the key of 16 random bytes (flare__random), not terminated.  A new
 * one for each handshake: section 4.1. */
void flare__ws_key_of(char out[FLARE__WS_KEY_LEN],
                      const uint8_t nonce[FLARE__WS_NONCE_BYTES]);

/*
 * Writes the fields that make a GET a handshake, each with CRLF.  The client
 * is checked.  Returns the length, not terminated; -ENOBUFS if it is more than
 * `room`.
 */
FLARE_MUST_USE
int flare__ws_request_write(char *out, size_t room,
                            const struct flare__ws_client *client,
                            const char key[FLARE__WS_KEY_LEN]);

/* What is looked at of the answer.  Borrowed for the call. */
struct flare__ws_reply {
    int status;
    int minor; /* of HTTP/1 */
    struct flare__ws_fields fields;
};

/*
 * Judges the final answer to such a request (W22).  Returns 0 with `*agreed`,
 * or with a sentence in `err` (may be NULL)
 *   FLARE_E_WS_REFUSED      another status than 101
 *   FLARE_E_WS_UPGRADE      no Upgrade to websocket alone, no
 *                           Connection: upgrade, or HTTP/1.0
 *   FLARE_E_WS_ACCEPT       Sec-WebSocket-Accept is missing, repeated or not
 *                           of the key
 *   FLARE_E_WS_SUBPROTOCOL  a protocol that was not offered, or several
 *   FLARE_E_WS_EXTENSION    an extension that was not offered, or not so
 */
FLARE_MUST_USE
int flare__ws_reply_check(const struct flare__ws_reply *reply,
                          const struct flare__ws_client *client,
                          const char key[FLARE__WS_KEY_LEN],
                          struct flare__ws_agreed *agreed,
                          struct flare_error *err);

#endif
