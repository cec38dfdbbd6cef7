/* SPDX-License-Identifier: MIT */
/*
 * The answer to a request that a client made (flare/client.h, flare/call.h).
 *
 * A reply that a call's callback is given is lent until the callback returns;
 * flare_reply_keep makes it the caller's.  One that a blocking call gave is the
 * caller's.  What a reply lends lives as long as the reply.  Thread: that of
 * the call; of one that is the caller's any, one at a time.
 */
#ifndef FLARE_REPLY_H
#define FLARE_REPLY_H

#include <flare/addr.h>
#include <flare/error.h>
#include <flare/http.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flare_reply flare_reply;

/* The status, 200 to 599. */
FLARE_API int flare_reply_status(const flare_reply *reply);

/* The reason behind it as received: any bytes but controls, perhaps none. */
FLARE_API struct flare_str flare_reply_reason(const flare_reply *reply);

/* 0 or 1: the minor number of HTTP/1.x. */
FLARE_API int flare_reply_version_minor(const flare_reply *reply);

/*
 * Lends the first value of field `name`, white space around it removed; ptr is
 * NULL without one.  `name` is compared without regard to case.
 */
FLARE_API struct flare_str flare_reply_header(const flare_reply *reply,
                                              const char *name);

/*
 * Lends the next value of field `name`: of those at `*place` and behind, which
 * becomes the place behind it; begin with 0.  ptr is NULL if there is none.
 */
FLARE_API struct flare_str flare_reply_header_next(const flare_reply *reply,
                                                   const char *name,
                                                   size_t *place);

/* How many fields came; repeated ones count each. */
FLARE_API size_t flare_reply_header_count(const flare_reply *reply);

/*
 * Lends field `index` (0 to count - 1) as received, in order.  Returns 0, or
 * FLARE_E_RANGE with nothing written.
 */
FLARE_API FLARE_MUST_USE int flare_reply_header_at(const flare_reply *reply,
                                                   size_t index,
                                                   struct flare_str *name,
                                                   struct flare_str *value);

/* As flare_reply_header, of the trailers: they are there when the body is
 * whole; of a body that is not chunked there are none. */
FLARE_API struct flare_str flare_reply_trailer(const flare_reply *reply,
                                               const char *name);

/* As flare_reply_header_count. */
FLARE_API size_t flare_reply_trailer_count(const flare_reply *reply);

/* As flare_reply_header_at. */
FLARE_API FLARE_MUST_USE int flare_reply_trailer_at(const flare_reply *reply,
                                                    size_t index,
                                                    struct flare_str *name,
                                                    struct flare_str *value);

/*
 * Lends the body, decoded; empty where a callback has had it in pieces.  It is
 * terminated by a NUL that does not count; there may be others in it.
 */
FLARE_API struct flare_str flare_reply_body(const flare_reply *reply);

/*
 * Lends the body as text: NULL if it is not UTF-8 or has a NUL in it; "" if it
 * is empty.  Other charsets are the caller's matter.
 */
FLARE_API const char *flare_reply_text(const flare_reply *reply);

/* Of the body as announced by Content-Length; FLARE_LENGTH_UNKNOWN
 * (flare/handler.h): not said.  Of HEAD that of the answer to GET. */
FLARE_API uint64_t flare_reply_length(const flare_reply *reply);

/* Lends the URL that has answered, after redirects; without userinfo and
 * fragment, terminated. */
FLARE_API struct flare_str flare_reply_url(const flare_reply *reply);

/* How many redirects were followed. */
FLARE_API uint32_t flare_reply_redirects(const flare_reply *reply);

/* From the start of the call to its end, or until now: until the head. */
FLARE_API uint64_t flare_reply_elapsed_ms(const flare_reply *reply);

/*
 * When what happened to the call, in nanoseconds from its start, by the loop's
 * clock: to the turn, which is what the time was noticed in.  0: it has not
 * happened, or a connection that was kept needed none of it.
 */
struct flare_reply_timings {
    uint64_t begun_ns; /* the request that was answered, behind redirects and
                        * retries; 0: it was the first */
    uint64_t name_ns;  /* the host, or the proxy's, was looked up */
    uint64_t connected_ns;  /* TCP */
    uint64_t tls_ns;        /* TLS, through a proxy too */
    uint64_t sent_ns;       /* the request's last byte was handed on */
    uint64_t first_byte_ns; /* of the answer, or of one of those before it */
    uint64_t end_ns;        /* all of it is there */
};

/* flare_reply_timings(reply, out): as of now. */
#define flare_reply_timings(reply, out)                                        \
    flare_reply_timings_sized(reply, sizeof(struct flare_reply_timings), out)

/* flare_reply_timings, and how large the caller's struct is. */
FLARE_API void flare_reply_timings_sized(const flare_reply *reply, size_t size,
                                         struct flare_reply_timings *out);

/* Whom its connection leads to: the server, or the proxy. */
FLARE_API struct flare_addr flare_reply_peer(const flare_reply *reply);

/* Whether its connection had carried a request before. */
FLARE_API bool flare_reply_is_reused(const flare_reply *reply);

/* Facts of the connection it came on; texts are static. */
struct flare_reply_tls {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_128_GCM_SHA256" */
    bool is_resumed;
    bool is_verified;
};

/* 0, or -ENOTCONN with nothing written: it came without TLS. */
FLARE_API FLARE_MUST_USE int flare_reply_tls_info(const flare_reply *reply,
                                                  struct flare_reply_tls *out);

/*
 * 0 for a status below 400; else FLARE_E_HTTP_STATUS with method, URL, status
 * and reason in `err` (may be NULL).
 */
FLARE_API FLARE_MUST_USE int flare_reply_raise_for_status(
    const flare_reply *reply, struct flare_error *err);

/*
 * Makes a reply that is lent the caller's, to be released with
 * flare_reply_free.  In on_done only.  Returns 0, and `reply` stays where it
 * is; -ENOMEM, and it is still lent.
 */
FLARE_API FLARE_MUST_USE int flare_reply_keep(flare_reply *reply);

/* Releases one that is the caller's; accepts NULL.  It may outlive its client.
 */
FLARE_API void flare_reply_free(flare_reply *reply);

#ifdef __cplusplus
}
#endif
#endif
