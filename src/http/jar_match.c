/* SPDX-License-Identifier: MIT */
/* See jar_match.h. */
#include "http/jar_match.h"

#include "dns/host.h"

#include <string.h>

int flare__jar_host_init(struct flare__jar_host *host, struct flare_str text,
                         struct flare_error *err)
{
    struct flare_ip ip;
    enum flare__dns_host_kind kind = flare__dns_host_read(&ip, text, err);

    if (kind == FLARE__DNS_HOST_BAD)
        return FLARE_E_BAD_HOSTNAME;
    host->is_address = kind == FLARE__DNS_HOST_ADDRESS;
    host->text.ptr = host->bytes;
    host->text.len = text.len;
    if (host->is_address) {
        host->text.len = flare_ip_format(&ip, host->bytes, sizeof(host->bytes));
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        host->bytes[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return 0;
}

bool flare__jar_domain_matches(struct flare_str host, bool is_address,
                               struct flare_str domain)
{
    size_t above = host.len - domain.len;

    if (flare_str_equal(host, domain))
        return true;
    if (is_address || domain.len == 0 || domain.len >= host.len)
        return false;
    return host.ptr[above - 1] == '.' &&
           memcmp(host.ptr + above, domain.ptr, domain.len) == 0;
}

bool flare__jar_domain_up(struct flare_str *domain)
{
    const char *dot = memchr(domain->ptr, '.', domain->len);
    size_t gone;

    if (dot == NULL || domain->ptr[domain->len - 1] == '.')
        return false;
    gone = (size_t)(dot - domain->ptr) + 1;
    *domain = (struct flare_str){domain->ptr + gone, domain->len - gone};
    return true;
}

bool flare__jar_path_matches(struct flare_str path,
                             struct flare_str cookie_path)
{
    if (path.len < cookie_path.len || cookie_path.len == 0 ||
        memcmp(path.ptr, cookie_path.ptr, cookie_path.len) != 0)
        return false;
    return path.len == cookie_path.len ||
           cookie_path.ptr[cookie_path.len - 1] == '/' ||
           path.ptr[cookie_path.len] == '/';
}

struct flare_str flare__jar_path(struct flare_str url_path)
{
    size_t len = 0;

    while (len < url_path.len && url_path.ptr[len] != '?' &&
           url_path.ptr[len] != '#')
        len++;
    if (len == 0 || url_path.ptr[0] != '/')
        return FLARE_STR("/");
    return (struct flare_str){url_path.ptr, len};
}

struct flare_str flare__jar_default_path(struct flare_str url_path)
{
    struct flare_str path = flare__jar_path(url_path);

    while (path.ptr[path.len - 1] != '/')
        path.len--;
    if (path.len > 1)
        path.len--; /* the folder's own slash */
    return path;
}
