/* SPDX-License-Identifier: MIT */
/*
 * URLs as text: written, resolved (RFC 3986 section 5.2), normalised (6.2), and
 * what of one goes into a request.  Nothing here writes what the reader would
 * read as something else.
 */
#include "http/url.h"
#include "http/url_text.h"

#include <errno.h>
#include <string.h>

enum userinfo { USERINFO_LEFT_OUT, USERINFO_WRITTEN };

static struct flare__url_text text_in(char *out, size_t size)
{
    return (struct flare__url_text){.out = out, .size = size};
}

static void put_port(struct flare__url_text *t, unsigned port)
{
    if (port == 0)
        return;
    flare__url_put_char(t, ':');
    flare__url_put_number(t, port);
}

static void put_host(struct flare__url_text *t, const struct flare_url *url)
{
    if (url->has_brackets)
        flare__url_put_char(t, '[');
    flare__url_put(t, url->host);
    if (url->has_brackets)
        flare__url_put_char(t, ']');
}

static void put_scheme(struct flare__url_text *t, const struct flare_url *url)
{
    if (url->scheme.len == 0)
        return;
    flare__url_put(t, url->scheme);
    flare__url_put_char(t, ':');
}

static void put_authority(struct flare__url_text *t,
                          const struct flare_url *url, enum userinfo userinfo)
{
    if (!url->has_authority)
        return;
    flare__url_put(t, FLARE_STR("//"));
    if (url->has_userinfo && userinfo == USERINFO_WRITTEN) {
        flare__url_put(t, url->userinfo);
        flare__url_put_char(t, '@');
    }
    put_host(t, url);
    put_port(t, url->port);
}

/* The part behind its mark, if it is there. */
static void put_marked(struct flare__url_text *t, char mark, bool is_there,
                       struct flare_str part)
{
    if (!is_there)
        return;
    flare__url_put_char(t, mark);
    flare__url_put(t, part);
}

/* A path that begins with "//" behind no host would be taken for one. */
static void guard_path(struct flare__url_text *t, size_t start,
                       bool has_authority)
{
    if (has_authority || t->len - start < 2 ||
        memcmp(t->out + start, "//", 2) != 0)
        return;
    flare__url_put(t, FLARE_STR("/."));
    if (t->is_full)
        return;
    memmove(t->out + start + 2, t->out + start, t->len - start - 2);
    t->out[start + 1] = '.';
}

/* ---- written ---- */

static bool part_equal(bool has_a, struct flare_str a, bool has_b,
                       struct flare_str b)
{
    return has_a == has_b && (!has_a || flare_str_equal(a, b));
}

static bool parts_equal(const struct flare_url *a, const struct flare_url *b)
{
    return flare_str_equal(a->scheme, b->scheme) &&
           part_equal(a->has_userinfo, a->userinfo, b->has_userinfo,
                      b->userinfo) &&
           part_equal(a->has_authority, a->host, b->has_authority, b->host) &&
           a->has_brackets == b->has_brackets && a->port == b->port &&
           flare_str_equal(a->path, b->path) &&
           part_equal(a->has_query, a->query, b->has_query, b->query) &&
           part_equal(a->has_fragment, a->fragment, b->has_fragment,
                      b->fragment);
}

int flare_url_format(const struct flare_url *url, enum flare_url_form form,
                     char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);
    struct flare_url wanted = *url, read;
    int len;

    if (form == FLARE_URL_PUBLIC)
        wanted.has_userinfo = wanted.has_fragment = false;
    put_scheme(&t, &wanted);
    put_authority(&t, &wanted, USERINFO_WRITTEN);
    flare__url_put(&t, wanted.path);
    put_marked(&t, '?', wanted.has_query, wanted.query);
    put_marked(&t, '#', wanted.has_fragment, wanted.fragment);
    len = flare__url_text_end(&t);
    if (len < 0)
        return len;
    if (flare_url_parse(&read, (struct flare_str){out, t.len}, NULL) < 0 ||
        !parts_equal(&wanted, &read)) {
        out[0] = '\0';
        return FLARE_E_BAD_URL;
    }
    return len;
}

/* ---- resolved ---- */

/* The base's path up to its last '/', behind which a relative one goes. */
static struct flare_str path_folder(const struct flare_url *base)
{
    struct flare_str folder = base->path;

    if (folder.len == 0)
        return base->has_authority ? FLARE_STR("/") : folder;
    while (folder.len > 0 && folder.ptr[folder.len - 1] != '/')
        folder.len--;
    return folder;
}

int flare_url_resolve(const struct flare_url *base,
                      const struct flare_url *reference, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);
    bool has_own_host = reference->scheme.len > 0 || reference->has_authority;
    const struct flare_url *host = has_own_host ? reference : base;
    const struct flare_url *query = reference;
    size_t start;

    if (base->scheme.len == 0)
        return FLARE_E_BAD_URL;
    put_scheme(&t, reference->scheme.len > 0 ? reference : base);
    put_authority(&t, host, USERINFO_WRITTEN);
    start = t.len;
    if (!has_own_host && reference->path.len == 0) {
        flare__url_put(&t, base->path);
        if (!reference->has_query)
            query = base;
    } else {
        if (!has_own_host && reference->path.ptr[0] != '/')
            flare__url_put_path(&t, start, path_folder(base), false);
        flare__url_put_path(&t, start, reference->path, false);
        guard_path(&t, start, host->has_authority);
    }
    put_marked(&t, '?', query->has_query, query->query);
    put_marked(&t, '#', reference->has_fragment, reference->fragment);
    return flare__url_text_end(&t);
}

/* ---- normalised ---- */

static void put_normal_host(struct flare__url_text *t,
                            const struct flare_url *url)
{
    char ip[FLARE_IP_TEXT_MAX];

    if (!url->has_brackets) {
        flare__url_put_normal(t, url->host, FLARE__URL_CASE_LOWER);
        return;
    }
    flare_ip_format(&url->ip, ip, sizeof(ip));
    flare__url_put_char(t, '[');
    if (url->ip.family == FLARE_IP_V4) /* mapped: it stays in brackets */
        flare__url_put(t, FLARE_STR("::ffff:"));
    flare__url_put(t, flare_str(ip));
    flare__url_put_char(t, ']');
}

static void put_normal_authority(struct flare__url_text *t,
                                 const struct flare_url *url)
{
    if (!url->has_authority)
        return;
    flare__url_put(t, FLARE_STR("//"));
    if (url->has_userinfo) {
        flare__url_put_normal(t, url->userinfo, FLARE__URL_CASE_KEPT);
        flare__url_put_char(t, '@');
    }
    put_normal_host(t, url);
    if (url->port != flare__scheme_port(flare__url_scheme(url)))
        put_port(t, url->port);
}

static void put_normal_path(struct flare__url_text *t,
                            const struct flare_url *url)
{
    size_t start = t->len;

    if (url->path.len == 0) {
        if (url->has_authority)
            flare__url_put_char(t, '/');
        return;
    }
    if (url->path.ptr[0] != '/') {
        flare__url_put_normal(t, url->path, FLARE__URL_CASE_KEPT);
        return;
    }
    flare__url_put_path(t, start, url->path, /* is_normal = */ true);
    guard_path(t, start, url->has_authority);
}

int flare_url_normalize(const struct flare_url *url, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);

    flare__url_put_normal(&t, url->scheme, FLARE__URL_CASE_LOWER);
    if (url->scheme.len > 0)
        flare__url_put_char(&t, ':');
    put_normal_authority(&t, url);
    put_normal_path(&t, url);
    if (url->has_query) {
        flare__url_put_char(&t, '?');
        flare__url_put_normal(&t, url->query, FLARE__URL_CASE_KEPT);
    }
    if (url->has_fragment) {
        flare__url_put_char(&t, '#');
        flare__url_put_normal(&t, url->fragment, FLARE__URL_CASE_KEPT);
    }
    return flare__url_text_end(&t);
}

/* ---- sent ---- */

static void put_target(struct flare__url_text *t, const struct flare_url *url)
{
    if (url->path.len == 0)
        flare__url_put_char(t, '/');
    flare__url_put(t, url->path);
    put_marked(t, '?', url->has_query, url->query);
}

int flare__url_target(const struct flare_url *url, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);

    put_target(&t, url);
    return flare__url_text_end(&t);
}

int flare__url_absolute(const struct flare_url *url, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);

    put_scheme(&t, url);
    put_authority(&t, url, USERINFO_LEFT_OUT);
    put_target(&t, url);
    return flare__url_text_end(&t);
}

int flare__url_authority(const struct flare_url *url, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);

    put_host(&t, url);
    if (url->port != flare__scheme_port(flare__url_scheme(url)))
        put_port(&t, url->port);
    return flare__url_text_end(&t);
}

int flare__url_connect(const struct flare_url *url, char *out, size_t size)
{
    struct flare__url_text t = text_in(out, size);

    put_host(&t, url);
    put_port(&t, flare_url_port(url));
    return flare__url_text_end(&t);
}
