/* SPDX-License-Identifier: MIT */
/*
 * What a jar keeps: "6265bis", section 5.7, on the strict side where it leaves
 * a choice:
 *
 *   - a domain without a dot is a public suffix, with the user's list or none;
 *   - Domain never ends in a dot, and never names an address's neighbours;
 *   - a default path has a bound, and no controls;
 *   - a cookie without a name has no '=' in its value.
 */
#include "http/jar.h"

#include "base/log.h"
#include "http/cookie.h"
#include "http/jar_match.h"
#include "http/setcookie.h"

#include <string.h>

bool flare__jar_is_public(const flare_cookie_jar *jar, struct flare_str domain)
{
    if (domain.len == 0 || memchr(domain.ptr, '.', domain.len) == NULL)
        return true;
    return jar->is_public_suffix != NULL &&
           jar->is_public_suffix(domain, jar->public_suffix_ctx);
}

/* Steps 7 to 10: whose cookie it is. */
static int set_domain(const flare_cookie_jar *jar, struct flare__jar_new *n,
                      const struct flare__jar_host *host,
                      struct flare_str wanted, struct flare__jar_host *domain,
                      struct flare_error *err)
{
    bool is_same, is_public;

    n->info.domain = host->text;
    n->info.is_host_only = true;
    n->is_address = host->is_address;
    if (wanted.len == 0)
        return 0;
    if (flare__jar_host_init(domain, wanted, NULL) < 0 ||
        domain->text.ptr[domain->text.len - 1] == '.')
        return flare__error(err, FLARE_E_COOKIE_DOMAIN,
                            "cookie: its Domain is no domain");
    is_same = flare_str_equal(host->text, domain->text);
    is_public = domain->is_address || flare__jar_is_public(jar, domain->text);
    if (is_public && is_same)
        return 0;
    if (is_public)
        return flare__error(
            err, FLARE_E_COOKIE_DOMAIN, "cookie: its Domain '%.*s' is %s",
            FLARE_STR_ARG(domain->text),
            domain->is_address ? "another address" : "a public suffix");
    if (!flare__jar_domain_matches(host->text, host->is_address, domain->text))
        return flare__error(err, FLARE_E_COOKIE_DOMAIN,
                            "cookie: '%.*s' may not set one for '%.*s'",
                            FLARE_STR_ARG(host->text),
                            FLARE_STR_ARG(domain->text));
    n->info.domain = domain->text;
    n->info.is_host_only = false;
    return 0;
}

/* Step 11, and what a path of the URL's must not have. */
static int set_path(struct flare__jar_new *n, struct flare_str wanted,
                    struct flare_str url_path, struct flare_error *err)
{
    struct flare_str path = wanted;

    if (path.len == 0)
        path = flare__jar_default_path(url_path);
    if (path.len > FLARE__JAR_PATH_MAX)
        return flare__error(err, FLARE_E_COOKIE_TOO_LARGE,
                            "cookie: the URL's path is too long for it");
    for (size_t i = 0; i < path.len; i++)
        if (flare__cookie_is_control(path.ptr[i]))
            return flare__error(err, FLARE_E_COOKIE_SYNTAX,
                                "cookie: the URL's path has a control in it");
    n->info.path = path;
    return 0;
}

/* Steps 13 to 18: whether such a request may set such a cookie. */
static int check_source(const flare_cookie_jar *jar,
                        const struct flare__jar_new *n,
                        const struct flare_cookie_url *url,
                        struct flare_error *err)
{
    if (n->info.is_secure && !url->is_secure)
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: Secure, but not set over https");
    if (!n->info.is_secure && !url->is_secure && flare__jar_has_secure(jar, n))
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: a Secure one of that name is there, and "
                            "this one was not set over https");
    if (n->info.same_site != FLARE_SAME_SITE_NONE &&
        url->site == FLARE_SITE_CROSS)
        return flare__error(err, FLARE_E_COOKIE_CROSS_SITE,
                            "cookie: set by another site's request, without "
                            "SameSite=None");
    return 0;
}

/*
 * Steps 19 to 22, and one of ours: "=a=b" would be sent as "a=b", and shadow a
 * cookie that its setter may not even replace.
 */
int flare__jar_cookie_check(const struct flare_cookie_info *info, bool has_path,
                            struct flare_error *err)
{
    bool is_of_host = info->is_host_only && has_path &&
                      flare_str_equal(info->path, FLARE_STR("/"));
    bool is_kept;

    if (info->same_site == FLARE_SAME_SITE_NONE && !info->is_secure)
        return flare__error(err, FLARE_E_COOKIE_INSECURE,
                            "cookie: SameSite=None without Secure");
    is_kept = flare__cookie_is_promise_kept(info->name, info->is_secure,
                                            is_of_host, info->is_http_only);
    if (info->name.len == 0)
        is_kept =
            flare__cookie_is_promise_kept(info->value, false, false, false);
    if (!is_kept)
        return flare__error(err, FLARE_E_COOKIE_PREFIX,
                            "cookie: it lacks what its name's prefix promises");
    if (info->name.len == 0 && info->value.len > 0 &&
        memchr(info->value.ptr, '=', info->value.len) != NULL)
        return flare__error(err, FLARE_E_COOKIE_SYNTAX,
                            "cookie: without a name, its value has one");
    return 0;
}

static int jar_keep(flare_cookie_jar *jar, struct flare__jar_new *n,
                    int64_t now_s, struct flare_error *err)
{
    int rc = 0;

    if (!n->info.is_session && n->info.expires_s <= now_s)
        flare__jar_forget(jar, n);
    else
        rc = flare__jar_put(jar, n);
    if (rc == FLARE_E_COOKIE_FULL)
        return flare__error(err, rc,
                            "cookie: '%.*s' has too many, and they are Secure",
                            FLARE_STR_ARG(n->info.domain));
    if (rc < 0)
        return flare__error(err, rc, "cookie: %s", flare_strerror(rc));
    return 0;
}

int flare_cookie_jar_store(flare_cookie_jar *jar,
                           const struct flare_cookie_url *url,
                           struct flare_str set_cookie, int64_t now_s,
                           struct flare_error *err)
{
    struct flare__jar_host host, domain;
    struct flare__set_cookie c;
    struct flare__jar_new n;
    int rc = flare__jar_host_init(&host, url->host, err);

    (void)flare_cookie_jar_expire(jar, now_s);
    if (rc >= 0)
        rc = flare__set_cookie_parse(&c, set_cookie, now_s, err);
    if (rc < 0)
        return rc;
    n = (struct flare__jar_new){
        .info = {.name = c.name,
                 .value = c.value,
                 .created_s = now_s,
                 .expires_s = c.expires_s,
                 .same_site = c.same_site,
                 .is_session = !c.is_persistent,
                 .is_secure = c.is_secure,
                 .is_http_only = c.is_http_only},
    };
    rc = set_domain(jar, &n, &host, c.domain, &domain, err);
    if (rc >= 0)
        rc = set_path(&n, c.path, url->path, err);
    if (rc >= 0)
        rc = check_source(jar, &n, url, err);
    if (rc >= 0)
        rc = flare__jar_cookie_check(&n.info, c.has_path, err);
    if (rc >= 0)
        rc = jar_keep(jar, &n, now_s, err);
    return rc;
}

int flare_cookie_jar_set(flare_cookie_jar *jar,
                         const struct flare_cookie_url *url,
                         const struct flare_cookie *cookie, int64_t now_s,
                         struct flare_error *err)
{
    char text[FLARE__COOKIE_BYTES_MAX];
    int len = flare__cookie_write(text, cookie);

    if (len < 0)
        return flare__error(err, len,
                            "cookie: a name, value or attribute that no "
                            "browser would take");
    return flare_cookie_jar_store(
        jar, url, (struct flare_str){text, (size_t)len}, now_s, err);
}
