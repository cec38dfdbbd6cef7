/* SPDX-License-Identifier: MIT */
/*
 * The head of a response: status line and field section (RFC 9112 sections 4
 * and 5), parsed in place by the kernels and under the rules of head.h: a pure
 * function of the bytes so far, verdicts that do not depend on the cut, errors
 * in the order of the bytes, no allocation, no byte read past `len`.
 *
 * As strict as the server is, for what smuggles a request past a reader also
 * plants a response: no folded lines, no white space before a colon, no bare
 * LF, one Content-Length, no Transfer-Encoding beside it or on HTTP/1.0.
 * Allowed is one thing that the grammar has not, because real servers do it
 * and everybody reads it alike: "HTTP/1.1 200" without the SP in front of an
 * empty reason.  No empty line may stand in front (RFC 9112 section 2.2 has
 * that for requests alone).
 */
#ifndef FLARE__HTTP_REPLY_HEAD_H
#define FLARE__HTTP_REPLY_HEAD_H

#include "http/head.h"

struct flare__reply_head_limits {
    uint32_t reason_bytes_max; /* of the status line: REPLY_TOO_LARGE */
    uint32_t fields_bytes_max; /* behind it, with the empty line: likewise */
    uint32_t fields_max;       /* fields: likewise */
};

struct flare__reply_head {
    struct flare_str reason;     /* as received: VCHAR, obs-text, SP and HTAB */
    uint64_t content_length;     /* 0 without one */
    struct flare__field *fields; /* the caller's array of limits.fields_max */
    uint32_t field_count;
    uint16_t status; /* 100 to 599 */
    uint8_t minor;   /* of the version: 0 or 1 */
    uint8_t flags; /* FLARE__HEAD_KEEP_ALIVE, _CHUNKED, _HAS_LENGTH, _UPGRADE */
};

/*
 * Parses the head at the start of `buf`.  `head->fields` is set by the caller
 * before.  The slices point into `buf`.
 *
 * Returns the bytes of the head with its last CRLF; 0 if more is needed; or
 *   FLARE_E_REPLY_STATUS     syntax of the status line; a status that is not
 *                            three digits from 100 to 599
 *   FLARE_E_REPLY_VERSION    HTTP/x.y that is neither 1.0 nor 1.1, at its SP
 *   FLARE_E_REPLY_FIELD      syntax of a field, or of Connection
 *   FLARE_E_REPLY_LENGTH     Content-Length that is no plain number, that is
 *                            repeated (even with the same number), or stands
 *                            beside a Transfer-Encoding; Transfer-Encoding
 *                            repeated, on HTTP/1.0, or without chunked at its
 *                            end
 *   FLARE_E_REPLY_CODING     a transfer coding before chunked: we ask for none
 *   FLARE_E_REPLY_TOO_LARGE  past one of the limits
 */
FLARE_MUST_USE
int flare__reply_head_parse(struct flare__reply_head *head,
                            const struct flare__reply_head_limits *limits,
                            const char *buf, size_t len);

/* The first field called `name`, without regard to case; NULL: none. */
const struct flare__field *flare__reply_head_find(
    const struct flare__reply_head *head, struct flare_str name);

#endif
