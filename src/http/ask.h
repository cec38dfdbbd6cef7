/* SPDX-License-Identifier: MIT */
/*
 * Writing a request (RFC 9112 sections 3, 6 and 7): the head, the framing of a
 * body that is made as it goes, trailers.  Knows no socket and keeps nothing.
 *
 * Every string is the caller's and checked before a byte is written: none can
 * end a line, a field or a head, or start another request (FAILURES C01).
 * What frames the message or belongs to the connection is written from the
 * members of struct flare__ask alone; a field of that name is refused.  What is
 * written is what src/http/head.h reads as the same request.
 */
#ifndef FLARE__HTTP_ASK_H
#define FLARE__HTTP_ASK_H

#include <flare/error.h>

struct flare__ask_field {
    struct flare_str name;
    struct flare_str value;
};

enum flare__ask_framing {
    FLARE__ASK_NO_BODY, /* POST, PUT and PATCH say Content-Length: 0 then */
    FLARE__ASK_LENGTH,  /* content_length bytes follow */
    FLARE__ASK_CHUNKED  /* chunks follow: flare__chunk_line, _ask_end */
};

enum { FLARE__ASK_BYTES_MAX = 1024 * 1024 }; /* of a head, or of trailers */

/* All borrowed until the head is written. */
struct flare__ask {
    struct flare_str method; /* a token of up to 32 bytes */
    /* origin-form; absolute-form with http:// or https:// for a proxy;
     * host:port for CONNECT; "*" for OPTIONS.  No fragment. */
    struct flare_str target;
    struct flare_str host; /* the value of Host: uri-host [":" port] */
    const struct flare__ask_field *fields;
    size_t field_count;
    size_t fields_checked; /* of them, the first, in another ask */
    enum flare__ask_framing framing;
    uint64_t content_length;  /* with FLARE__ASK_LENGTH; up to INT64_MAX */
    struct flare_str upgrade; /* "websocket"; empty: no Upgrade */
    struct flare_str trailer; /* names for Trailer, "a, b"; empty: none */
    bool has_expect;          /* Expect: 100-continue; needs a body */
    bool has_te;              /* TE: trailers */
    bool is_last;             /* Connection: close */
};

/*
 * Checks everything, and says how long the head will be.
 *
 * Returns bytes (more than 0), or
 *   FLARE_E_BAD_METHOD      no token, or too long; a body, an Expect or a
 *                           length with CONNECT or TRACE
 *   FLARE_E_BAD_TARGET      a byte outside the grammar (SP, CR, LF, NUL, '#',
 *                           an escape that is none ...), or not a form that
 *                           goes with the method
 *   FLARE_E_BAD_HOSTNAME    host is empty or no uri-host [":" port]
 *   FLARE_E_BAD_HEADER      a field's name is no token; a value with a control
 *                           character or with white space around it; a field
 *                           that is ours: Host, Content-Length,
 *                           Transfer-Encoding, Connection, Keep-Alive,
 *                           Proxy-Connection, Upgrade, Expect, TE, Trailer;
 *                           upgrade that is no list of protocols, trailer
 *                           that is no list of names or stands without chunks;
 * Expect without a body FLARE_E_RANGE           content_length is past
 * INT64_MAX FLARE_E_HEAD_TOO_LARGE  more than FLARE__ASK_BYTES_MAX
 */
FLARE_MUST_USE int flare__ask_check(const struct flare__ask *ask);

/*
 * Writes the head into `buf`, which has exactly the room that flare__ask_check
 * returned for the same, unchanged `ask`.  Order: request line, Host,
 * Connection, what else is ours, then the fields in their order.
 */
void flare__ask_write(const struct flare__ask *ask, char *buf);

/*
 * The same in two steps for what ends a chunked body: the last chunk, the
 * trailers (`count` may be 0), the empty line.
 *
 * Returns bytes, or FLARE_E_BAD_HEADER: as above, or a field whose place is the
 * head (RFC 9110 section 6.5.1); FLARE_E_HEAD_TOO_LARGE.
 */
FLARE_MUST_USE int flare__ask_end_check(const struct flare__ask_field *trailers,
                                        size_t count);
void flare__ask_end_write(const struct flare__ask_field *trailers, size_t count,
                          char *buf);

#endif
