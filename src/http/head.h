/* SPDX-License-Identifier: MIT */
/*
 * The head of a request: request line and field section (RFC 9112 sections 2
 * to 6), parsed in place.  Strict: there is one way to read every byte stream,
 * anything else is an error (shared failure catalogue, sections 1 and 2).
 *
 * The parser is a pure function of the bytes that have come so far.  Where it
 * says "more", it has refused none of them; where it refuses a prefix, it
 * refuses every continuation with the same code, so the verdict does not
 * depend on how the bytes were cut.  Errors come in the order of the bytes: a
 * field is judged when its line is complete, what needs them all (no Host, a
 * length beside a coding) at the end of the head.  The parser never reads past
 * `len`, allocates nothing and keeps slices into the caller's bytes.
 */
#ifndef FLARE__HTTP_HEAD_H
#define FLARE__HTTP_HEAD_H

#include <flare/error.h>
#include <flare/http.h>

struct flare__field {
    const char *name;
    const char *value; /* without the white space around it */
    uint32_t name_len;
    uint32_t value_len;
};

struct flare__head_limits {
    uint32_t target_bytes_max; /* past it: FLARE_E_URI_TOO_LONG */
    uint32_t fields_bytes_max; /* behind the request line, with the empty line:
                                  HEAD_TOO_LARGE */
    uint32_t fields_max;       /* fields: HEAD_TOO_LARGE */
};

enum flare__target_form {
    FLARE__TARGET_ORIGIN,    /* /path?query */
    FLARE__TARGET_ABSOLUTE,  /* http://host/path?query */
    FLARE__TARGET_AUTHORITY, /* host:port, CONNECT only */
    FLARE__TARGET_ASTERISK   /* *, OPTIONS only */
};

enum {
    FLARE__HEAD_KEEP_ALIVE = 1, /* the version and Connection allow another */
    FLARE__HEAD_CHUNKED = 2,    /* Transfer-Encoding: chunked */
    FLARE__HEAD_HAS_LENGTH = 4, /* Content-Length is there */
    FLARE__HEAD_CONTINUE = 8,   /* Expect: 100-continue, on 1.1 with a body */
    FLARE__HEAD_UPGRADE = 16    /* Connection names upgrade, on 1.1 */
};

struct flare__head {
    struct flare_str method;
    struct flare_str target; /* as received */
    struct flare_str path;   /* raw; "/" where the target has none, "*" alone */
    struct flare_str query;  /* raw, after '?'; ptr NULL without one */
    struct flare_str host;   /* authority: the target's, else Host's */
    uint64_t content_length; /* 0 without one */
    struct flare__field *fields; /* the caller's array of limits.fields_max */
    uint32_t field_count;
    uint8_t method_id; /* enum flare_method */
    uint8_t minor;     /* of the version: 0 or 1 */
    uint8_t form;      /* enum flare__target_form */
    uint8_t flags;     /* FLARE__HEAD_* */
};

/*
 * Parses the head at the start of `buf`.  One CRLF before the request line is
 * skipped.  `head->fields` is set by the caller before.
 *
 * Returns the bytes of the head with its last CRLF; 0 if more is needed; or
 *   FLARE_E_BAD_REQUEST      syntax of the request line or of a field
 *   FLARE_E_BAD_HOST         Host missing on 1.1, repeated, invalid
 *   FLARE_E_BAD_FRAMING      Content-Length and Transfer-Encoding
 *   FLARE_E_CODING_UNKNOWN   a transfer coding other than chunked, before it
 *   FLARE_E_METHOD_UNKNOWN   a method that is a token but none we know, once
 *                            the line is known to be good; or of 33 bytes
 *   FLARE_E_VERSION_UNKNOWN  neither 1.0 nor 1.1: what 1.2 would mean is not
 *                            known, so that is refused too
 *   FLARE_E_EXPECTATION      Expect other than 100-continue
 *   FLARE_E_URI_TOO_LONG, FLARE_E_HEAD_TOO_LARGE
 */
FLARE_MUST_USE
int flare__head_parse(struct flare__head *head,
                      const struct flare__head_limits *limits, const char *buf,
                      size_t len);

/* The first of the fields called `name`, without regard to case; NULL: none. */
const struct flare__field *flare__field_find(const struct flare__field *fields,
                                             uint32_t count,
                                             struct flare_str name);

/*
 * Reads field lines, each with its CRLF, that a chunked decoder has checked:
 * the trailer section it gave, put together.  Returns how many there are; the
 * first `fields_max` of them are in `fields`.
 */
uint32_t flare__field_lines(struct flare_str section,
                            struct flare__field *fields, uint32_t fields_max);

/* The same as flare__field_find in a head. */
const struct flare__field *flare__head_find(const struct flare__head *head,
                                            struct flare_str name);

#endif
