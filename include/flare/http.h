/* SPDX-License-Identifier: MIT */
/* Words of HTTP that requests, routes and responses share (RFC 9110). */
#ifndef FLARE_HTTP_H
#define FLARE_HTTP_H

#include <flare/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 9110 section 9 and RFC 5789. */
enum flare_method {
    FLARE_METHOD_GET,
    FLARE_METHOD_HEAD,
    FLARE_METHOD_POST,
    FLARE_METHOD_PUT,
    FLARE_METHOD_PATCH,
    FLARE_METHOD_DELETE,
    FLARE_METHOD_OPTIONS,
    FLARE_METHOD_CONNECT,
    FLARE_METHOD_TRACE,
    FLARE_METHOD_COUNT,
    FLARE_METHOD_ANY = FLARE_METHOD_COUNT /* in routes only */
};

/* "GET"; NULL for a number that is no method.  Static.  Thread: any. */
FLARE_API const char *flare_method_name(enum flare_method method);

/* "Not Found" for 404; "Unknown" for a status without one.  Static. */
FLARE_API const char *flare_status_reason(int status);

#ifdef __cplusplus
}
#endif
#endif
