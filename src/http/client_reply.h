/* SPDX-License-Identifier: MIT */
/*
 * What a flare_reply is made of.  The engine (call_*.c) fills it in; the
 * accessors (client_reply.c) read it.
 *
 * While the answer lies whole in a receive buffer, the fields and the reason
 * are slices of that; flare__reply_settle copies them where they do not.  The
 * memory is the reply's own and used again for the client's next call, unless
 * the caller keeps the reply.
 */
#ifndef FLARE__HTTP_CLIENT_REPLY_H
#define FLARE__HTTP_CLIENT_REPLY_H

#include <flare/alloc.h>
#include <flare/reply.h>

#include "http/head.h"

/* Bytes that grow, and are used again. */
struct flare__bytes {
    char *ptr;
    size_t len;
    size_t cap;
};

struct flare_reply {
    flare_reply *next;         /* while it is spare */
    struct flare_allocator al; /* a copy: it may outlive the client */

    uint16_t status;
    uint8_t minor;
    bool has_tls;
    bool is_reused;
    bool is_kept;    /* the caller's: flare_reply_free frees it */
    bool is_settled; /* nothing of it is in a receive buffer */
    uint32_t redirects;
    uint64_t length; /* Content-Length; FLARE_LENGTH_UNKNOWN */
    uint64_t elapsed_ms;
    char method[33]; /* of the request that was answered, terminated */

    struct flare_str reason;
    const struct flare__field *fields; /* in the client's scratch, or in head */
    uint32_t field_count;
    uint32_t trailer_count;
    struct flare__field *trailers; /* behind the text in trailer */
    struct flare__bytes head;      /* fields, then their text, once settled */
    struct flare__bytes trailer;   /* text, as it came */
    struct flare__bytes body;      /* terminated; len does not count the NUL */
    struct flare__bytes url;       /* public form, terminated */
    struct flare_reply_tls tls;    /* with has_tls */
    struct flare_reply_timings timings;
    struct flare_ip peer;
    uint16_t peer_port;
};

/* Room for `more` bytes and a NUL behind what is there.  -ENOMEM. */
FLARE_MUST_USE int flare__bytes_room(struct flare__bytes *b,
                                     const struct flare_allocator *al,
                                     size_t more);

/* Appends, and terminates.  -ENOMEM with nothing changed. */
FLARE_MUST_USE int flare__bytes_add(struct flare__bytes *b,
                                    const struct flare_allocator *al,
                                    struct flare_str text);

/* Copies what lies elsewhere.  -ENOMEM with nothing changed. */
FLARE_MUST_USE int flare__reply_settle(flare_reply *reply);

/* There is no memory to copy them: a reply without fields and reason. */
void flare__reply_forget(flare_reply *reply);

/* Frees a reply with all it has. */
void flare__reply_release(flare_reply *reply);

#endif
