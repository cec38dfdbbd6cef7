/* SPDX-License-Identifier: MIT */
/*
 * A whole connection, read slowly: what a server must make of bytes that came
 * in, request by request, by RFC 9112 and the failure catalogue.  Stands on the
 * oracles of the head and of the chunked coding; shares no line with src/.
 *
 * It says nothing about routes: a request that is accepted is for a handler of
 * everything, but for OPTIONS * (answered with 204), TRACE (405) and CONNECT
 * (501, and the connection ends).
 */
#ifndef FLARE__TEST_REF_HTTP_H
#define FLARE__TEST_REF_HTTP_H

#include "http/chunked.h"
#include "http/head.h"

enum { REF_BYTES_MAX = 4096, REF_ANSWERS_MAX = 8 };

struct ref_limits {
    struct flare__head_limits head;
    struct flare__chunked_limits chunked;
    size_t body_bytes_max;
};

/* One final answer, and the request behind it. */
struct ref_answer {
    int status;        /* 200: what the handler says */
    bool is_handled;   /* the handler sees it; the members below are set */
    bool is_last;      /* Connection: close, and nothing behind it is read */
    bool is_head;      /* it has no body */
    bool may_continue; /* a 100 may stand before it */

    int method_id;
    int minor;
    bool has_query;
    struct flare_str path; /* into the bytes, or a literal */
    struct flare_str query;
    struct flare_str host;
    size_t body_len;
    char body[REF_BYTES_MAX];
};

struct ref_http {
    size_t count;
    struct ref_answer answers[REF_ANSWERS_MAX];
    bool is_inside; /* the bytes end inside a request, which waits for more */
    bool may_continue; /* a 100 may stand there */
    bool is_ended;     /* the peer will send nothing more: the server closes */
};

/*
 * Reads `bytes`, at most REF_BYTES_MAX of them with at most REF_ANSWERS_MAX
 * requests; slices of the answers point into them.
 */
void ref_http(struct ref_http *out, const struct ref_limits *limits,
              const char *bytes, size_t len);

/* And then the peer's FIN: half a request is refused (FAILURES K02). */
void ref_http_end(struct ref_http *out);

#endif
