/* SPDX-License-Identifier: MIT */
/*
 * Entity tags (RFC 9110 section 8.8.3): read, compared, written for a file.
 */
#ifndef FLARE__HTTP_ETAG_H
#define FLARE__HTTP_ETAG_H

#include "http/list.h"

struct flare__etag {
    struct flare_str opaque; /* with its quotation marks */
    bool is_weak;
};

enum { FLARE__ETAG_LEN_MAX = 40 };

/* Reads one entity tag, nothing around it; false if it is none. */
bool flare__etag_parse(struct flare_str text, struct flare__etag *out);

/* Section 8.8.3.2: strong also asks that neither is weak. */
bool flare__etag_same_strong(struct flare__etag a, struct flare__etag b);
bool flare__etag_same_weak(struct flare__etag a, struct flare__etag b);

/*
 * Whether the list of If-Match or If-None-Match names `mine`.  An element that
 * is no entity tag names nothing; `*` counts only alone, and is not looked at
 * here: flare__etag_is_any is for that.
 */
bool flare__etag_listed(struct flare__values list, struct flare__etag mine,
                        bool is_strong);

/* Whether the field is `*`, in one line and alone. */
bool flare__etag_is_any(struct flare__values list);

/*
 * Writes the strong tag of a file: "\"mtime in ns-size\"", both hexadecimal.
 * Returns its length.  Strong as far as the file system's clock ticks between
 * two changes that leave the size: the caller who doubts it prefixes "W/".
 */
size_t flare__etag_write(char out[FLARE__ETAG_LEN_MAX], int64_t mtime_ns,
                         uint64_t size);

#endif
