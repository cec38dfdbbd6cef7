/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests (RFC 9110 section 13): If-Match, If-None-Match,
 * If-Modified-Since, If-Unmodified-Since and If-Range, in the order of
 * section 13.2.2.  To be asked only where the answer would be a success
 * without them (13.2.1).
 */
#ifndef FLARE__HTTP_CONDITIONS_H
#define FLARE__HTTP_CONDITIONS_H

#include <flare/http.h>

#include "http/list.h"

/* The request's fields, as received; those not sent are empty. */
struct flare__conditions {
    struct flare__values if_match;
    struct flare__values if_none_match;
    struct flare__values if_modified_since;
    struct flare__values if_unmodified_since;
    struct flare__values if_range;
    bool has_range;
};

/* The selected representation. */
struct flare__validators {
    bool exists;           /* false: nothing there yet, a PUT creates it */
    bool has_modified;     /* `modified` says something */
    int64_t modified;      /* seconds since 1970 */
    struct flare_str etag; /* as in the ETag field; empty: none */
};

enum flare__verdict {
    FLARE__VERDICT_PROCEED,
    FLARE__VERDICT_PROCEED_WHOLE, /* GET: ignore Range, it would not fit */
    FLARE__VERDICT_NOT_MODIFIED,  /* 304 */
    FLARE__VERDICT_FAILED         /* 412 */
};

/*
 * The verdict.  `now` is the wall clock in seconds.  What decides in doubt:
 *
 *   - Entity tags win over dates: If-Match hides If-Unmodified-Since,
 *     If-None-Match hides If-Modified-Since.
 *   - A field of dates that is no HTTP-date, or came twice, is ignored, and
 *     so is one against a representation without a date.
 *   - If-Match compares strongly, If-None-Match weakly; an element that is no
 *     entity tag matches nothing.
 *   - If-Range counts only with GET and Range.  An entity tag is compared
 *     strongly; a date must be the very one, and a second old, for what has
 *     changed in the present second may change in it again (8.8.2.2).
 *   - CONNECT, OPTIONS and TRACE have no conditions (13.2.1).
 */
enum flare__verdict flare__conditions_check(
    enum flare_method method, const struct flare__conditions *conditions,
    const struct flare__validators *mine, int64_t now);

#endif
