/* SPDX-License-Identifier: MIT */
/*
 * Redirects.  A Location is read by the grammar of RFC 3986 rather than
 * searched for what is known to be bad (FAILURES U07): nothing that a client
 * reads differently from us goes out.
 */
#include <flare/answer.h>
#include <flare/url.h>

#include "http/res.h"

static bool redirect_is_status(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/*
 * A path from the root, or a URI with a host; without userinfo, and without a
 * ':' that no port follows.
 */
static bool redirect_is_location(struct flare_str location)
{
    struct flare_url url;

    if (flare_url_parse(&url, location, NULL) < 0)
        return false;
    if (url.scheme.len == 0)
        return !url.has_authority && url.path.len > 0 && url.path.ptr[0] == '/';
    return url.host.len > 0 && !url.has_userinfo && url.path.ptr[-1] != ':';
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
