/* SPDX-License-Identifier: MIT */
/* Host names, IPv4 and IPv6 addresses and ports, without system calls. */
#include "http/host.h"

#include "http/chars.h"

static bool port_is_valid(const char *p, const char *end)
{
    unsigned port = 0;

    if (p == end || end - p > 5)
        return false;
    for (; p < end; p++) {
        if (!flare__char_is(*p, FLARE__CHAR_DIGIT))
            return false;
        port = port * 10 + (unsigned)(*p - '0');
    }
    return port <= 65535;
}

/* dec-octet of RFC 3986: no leading zero, at most 255; NULL if it is none. */
static const char *octet_skip(const char *p, const char *end)
{
    const char *start = p;
    unsigned octet = 0;

    while (p < end && p - start < 3 && flare__char_is(*p, FLARE__CHAR_DIGIT))
        octet = octet * 10 + (unsigned)(*p++ - '0');
    if (p == start || octet > 255 || (*start == '0' && p - start > 1))
        return NULL;
    return p;
}

static bool ipv4_is_valid(const char *p, const char *end)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && (p == end || *p++ != '.'))
            return false;
        p = octet_skip(p, end);
        if (!p)
            return false;
    }
    return p == end;
}

/* IPv6address of RFC 3986: "::" stands for one group or more, once. */
static bool ipv6_is_valid(const char *p, const char *end)
{
    int groups = 0;
    bool has_gap = end - p >= 2 && p[0] == ':' && p[1] == ':';

    if (has_gap)
        p += 2;
    while (p < end) {
        const char *group = p;

        while (p < end && p - group < 4 && flare__char_is(*p, FLARE__CHAR_HEX))
            p++;
        if (p == group)
            return false;
        if (p < end && *p == '.') {
            groups += 2;
            return ipv4_is_valid(group, end) &&
                   (has_gap ? groups <= 7 : groups == 8);
        }
        groups++;
        if (p == end)
            break;
        if (*p++ != ':' || p == end)
            return false;
        if (*p != ':')
            continue;
        if (has_gap)
            return false;
        has_gap = true;
        p++;
    }
    return has_gap ? groups <= 7 : groups == 8;
}

/* The end of the name or address at the front; NULL if it is neither. */
static const char *host_skip(const char *p, const char *end)
{
    const char *start = p;

    if (p < end && *p == '[') {
        while (p < end && *p != ']')
            p++;
        if (p == end || !ipv6_is_valid(start + 1, p))
            return NULL;
        return p + 1;
    }
    for (; p < end; p++) {
        if (flare__char_is(*p, FLARE__CHAR_NAME))
            continue;
        if (*p != '%')
            break;
        if (end - p < 3 || !flare__char_is(p[1], FLARE__CHAR_HEX) ||
            !flare__char_is(p[2], FLARE__CHAR_HEX))
            return NULL;
        p += 2;
    }
    return p == start ? NULL : p;
}

bool flare__host_is_valid(struct flare_str host, enum flare__port_rule rule)
{
    const char *end = host.ptr + host.len;
    const char *p = host_skip(host.ptr, end);

    if (!p)
        return false;
    if (p == end)
        return rule == FLARE__PORT_MAY_BE;
    return *p == ':' && port_is_valid(p + 1, end);
}
