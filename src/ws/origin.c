/* SPDX-License-Identifier: MIT */
/* Origins (RFC 6454 section 6.1) against a host or a list.  See origin.h. */
#include "ws/origin.h"

#include "ws/field.h"

#include <string.h>

/* Splits a port off `*host`; ptr NULL: there is none.  A colon inside the
 * brackets of an IPv6 address is none. */
static struct flare_str take_port(struct flare_str *host)
{
    for (size_t i = host->len; i > 0; i--) {
        char c = host->ptr[i - 1];

        if (c == ':') {
            struct flare_str port = {host->ptr + i, host->len - i};

            host->len = i - 1;
            return port;
        }
        if (c < '0' || c > '9')
            break;
    }
    return (struct flare_str){NULL, 0};
}

/* The scheme's own port; ptr NULL: another scheme. */
static struct flare_str default_port(struct flare_str scheme)
{
    if (flare_str_equal_nocase(scheme, FLARE_STR("https")))
        return FLARE_STR("443");
    if (flare_str_equal_nocase(scheme, FLARE_STR("http")))
        return FLARE_STR("80");
    return (struct flare_str){NULL, 0};
}

bool flare__ws_origin_is_host(struct flare_str origin, struct flare_str host)
{
    static const char separator[] = "://";
    const size_t separator_len = sizeof(separator) - 1;
    const char *colon =
        origin.len > 0 ? memchr(origin.ptr, ':', origin.len) : NULL;
    struct flare_str scheme, mine, theirs, port;
    size_t scheme_len;

    if (colon == NULL)
        return false;
    scheme_len = (size_t)(colon - origin.ptr);
    if (origin.len - scheme_len < separator_len ||
        memcmp(colon, separator, separator_len) != 0)
        return false;
    scheme = (struct flare_str){origin.ptr, scheme_len};
    port = default_port(scheme);
    if (port.ptr == NULL)
        return false;
    flare__ws_skip(&origin, scheme_len + separator_len);
    theirs = take_port(&origin);
    mine = take_port(&host);
    if (theirs.ptr == NULL)
        theirs = port;
    if (mine.ptr == NULL)
        mine = port;
    return host.len > 0 && flare_str_equal(theirs, mine) &&
           flare_str_equal_nocase(origin, host);
}

bool flare__ws_origin_is_listed(struct flare_str origin,
                                const struct flare_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (flare_str_equal_nocase(origin, list[i]))
            return true;
    }
    return false;
}
