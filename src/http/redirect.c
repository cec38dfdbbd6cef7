/* SPDX-License-Identifier: MIT */
/*
 * Redirects.  A Location is checked against the grammar of RFC 3986 rather than
 * searched for what is known to be bad (FAILURES U07): nothing that a client
 * reads differently from us goes out.
 */
#include <flare/answer.h>

#include "http/chars.h"
#include "http/host.h"
#include "http/res.h"

#include <string.h>

static bool redirect_is_status(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/* Path, query and fragment: pchar, '/', '?', one '#', and whole escapes. */
static bool redirect_is_rest(struct flare_str text)
{
    bool has_fragment = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            if (text.len - i < 3 ||
                !flare__char_is(text.ptr[i + 1], FLARE__CHAR_HEX) ||
                !flare__char_is(text.ptr[i + 2], FLARE__CHAR_HEX))
                return false;
        } else if (c == '#') {
            if (has_fragment)
                return false;
            has_fragment = true;
        } else if (c != '?' && !flare__char_is(c, FLARE__CHAR_TARGET)) {
            return false;
        }
    }
    return true;
}

/* The length of "scheme://" in front; 0 without. */
static size_t redirect_scheme(struct flare_str location)
{
    static const char others[] = "0123456789+-.";
    size_t i = 0;

    for (; i < location.len && location.ptr[i] != ':'; i++) {
        char c = location.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!is_letter && (i == 0 || c == '\0' || strchr(others, c) == NULL))
            return 0;
    }
    if (i == 0 || location.len - i < 3 ||
        memcmp(location.ptr + i, "://", 3) != 0)
        return 0;
    return i + 3;
}

static bool redirect_is_location(struct flare_str location)
{
    size_t at = 0;
    size_t start;

    if (location.len > 0 && location.ptr[0] == '/')
        return (location.len == 1 || location.ptr[1] != '/') &&
               redirect_is_rest(location);
    start = redirect_scheme(location);
    if (start == 0)
        return false;
    at = start;
    while (at < location.len && strchr("/?#", location.ptr[at]) == NULL)
        at++;
    return flare__host_is_valid(
               (struct flare_str){location.ptr + start, at - start},
               FLARE__PORT_MAY_BE) &&
           redirect_is_rest(
               (struct flare_str){location.ptr + at, location.len - at});
}

int flare_res_redirect(flare_res *res, int status, const char *location)
{
    struct flare_str to = flare_str(location);
    int rc;

    if (!redirect_is_status(status))
        return FLARE_E_BAD_STATUS;
    if (!redirect_is_location(to))
        return FLARE_E_BAD_HEADER;
    rc = flare__res_field(res, FLARE_STR("Location"), to);
    return rc < 0 ? rc : flare__res_plain(res, status);
}
