/* SPDX-License-Identifier: MIT */
/*
 * One line of an access log.  Every byte a peer chose is printable ASCII in it
 * and none can end a value or the line (FAILURES R19).
 */
#ifndef FLARE__HTTP_MW_LOG_LINE_H
#define FLARE__HTTP_MW_LOG_LINE_H

#include <flare/middleware.h>

enum { FLARE__LOG_LINE_MAX = 8192 }; /* more than all values, cut, can have */

/* ptr NULL, or 0: not known. */
struct flare__log_entry {
    struct flare_str client;
    struct flare_str user;
    struct flare_str method;
    struct flare_str target;
    struct flare_str referer;
    struct flare_str agent;
    struct flare_str id;
    struct flare_str tls; /* "TLSv1.3"; of JSON only */
    const char *error;    /* why the answer broke off */
    int64_t time_s;       /* since 1970 */
    uint64_t body_bytes;
    uint64_t elapsed_ns;
    int minor; /* of HTTP/1.x */
    int status;
};

/* Writes the line with its end.  Returns the length. */
size_t flare__log_line(char out[FLARE__LOG_LINE_MAX],
                       enum flare_log_format format,
                       const struct flare__log_entry *entry);

#endif
