/* SPDX-License-Identifier: MIT */
/* See host.h. */
#include "dns/host.h"

#include "base/log.h"

#include <string.h>

enum { HOST_LABEL_MAX = 63 /* RFC 1035 2.3.4 */ };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*
 * RFC 1123 2.1, and the underscore: no host has one by the RFCs, but names of
 * services and of containers do, and resolvers take them.
 */
static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-' || c == '_';
}

/*
 * Whether the last label makes the host an IPv4 address for some program: the
 * "ends in a number" of the URL standard, section 3.5.
 */
static bool is_number(struct flare_str label)
{
    size_t i = 0;

    if (label.len >= 2 && label.ptr[0] == '0' &&
        (label.ptr[1] == 'x' || label.ptr[1] == 'X')) {
        for (i = 2; i < label.len && is_hex(label.ptr[i]); i++)
            ;
        return i == label.len;
    }
    while (i < label.len && is_digit(label.ptr[i]))
        i++;
    return i == label.len;
}

/* The label at the front; its length tells what stands behind it. */
static struct flare_str label_at(const char *p, const char *end)
{
    const char *start = p;

    while (p < end && is_name_char(*p))
        p++;
    return (struct flare_str){start, (size_t)(p - start)};
}

/* NULL, or what is wrong with it. */
static const char *name_check(struct flare_str host)
{
    struct flare_str label;
    const char *end;
    const char *p;

    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0)
        return "it is empty";
    if (host.len > FLARE_DNS_HOST_MAX)
        return "it is longer than 253 bytes";
    if (host.ptr[0] == '-')
        return "it begins with '-'";
    end = host.ptr + host.len;
    for (p = host.ptr;; p++) {
        label = label_at(p, end);
        p += label.len;
        if (p < end && *p != '.')
            return "only letters, digits, '-', '_' and '.' make a name";
        if (label.len == 0)
            return "a part between dots is empty";
        if (label.len > HOST_LABEL_MAX)
            return "a part between dots is longer than 63 bytes";
        if (p == end)
            break;
    }
    if (is_number(label))
        return "it ends in a number but is no IPv4 address";
    return NULL;
}

/* IPv6 with or without brackets, IPv4 without. */
static bool address_read(struct flare_ip *ip, struct flare_str host)
{
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host.ptr++;
        host.len -= 2;
        if (host.len == 0 || memchr(host.ptr, ':', host.len) == NULL)
            return false;
    }
    return flare_ip_parse(ip, host, NULL) == 0;
}

void flare__dns_host_show(char out[FLARE__DNS_SHOWN_MAX], struct flare_str host)
{
    flare__log_escape(out, FLARE__DNS_SHOWN_MAX, host);
}

enum flare__dns_host_kind flare__dns_host_read(struct flare_ip *ip,
                                               struct flare_str host,
                                               struct flare_error *err)
{
    char shown[FLARE__DNS_SHOWN_MAX];
    const char *why;

    if (address_read(ip, host))
        return FLARE__DNS_HOST_ADDRESS;
    why = name_check(host);
    if (why == NULL)
        return FLARE__DNS_HOST_NAME;
    flare__dns_host_show(shown, host);
    (void)flare__error(err, FLARE_E_BAD_HOSTNAME, "host '%s': %s", shown, why);
    return FLARE__DNS_HOST_BAD;
}

int flare_dns_host_check(struct flare_str host, struct flare_error *err)
{
    struct flare_ip ip;

    if (flare__dns_host_read(&ip, host, err) == FLARE__DNS_HOST_BAD)
        return FLARE_E_BAD_HOSTNAME;
    return 0;
}
