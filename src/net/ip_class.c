/* SPDX-License-Identifier: MIT */
/*
 * What an IP address is for: the special-purpose registries of RFC 6890 as
 * IANA keeps them, as one table.  On the strict side, because a class decides
 * what a stranger may make us connect to: of IPv6 only 2000::/3 is global, and
 * an allotment to a protocol (192.0.0.0/24, 2001::/23) is reserved as a whole.
 */
#include "net/addr.h"

#include <string.h>

struct class_row {
    uint8_t bytes[6];
    uint8_t prefix; /* of the address's own bits, at most 48 */
    uint8_t class_; /* enum flare_ip_class */
};

/* The first row that fits decides. */
static const struct class_row v4_rows[] = {
    {{0, 0, 0, 0}, 32, FLARE_IP_UNSPECIFIED},
    {{0}, 8, FLARE_IP_RESERVED}, /* "this network", RFC 791 */
    {{10}, 8, FLARE_IP_PRIVATE},
    {{100, 64}, 10, FLARE_IP_RESERVED}, /* shared by carriers, RFC 6598 */
    {{127}, 8, FLARE_IP_LOOPBACK},
    {{169, 254}, 16, FLARE_IP_LINK_LOCAL},
    {{172, 16}, 12, FLARE_IP_PRIVATE},
    {{192, 0, 0}, 24, FLARE_IP_RESERVED}, /* protocols, RFC 6890 */
    {{192, 0, 2}, 24, FLARE_IP_DOCUMENTATION},
    {{192, 88, 99}, 24, FLARE_IP_RESERVED}, /* 6to4 relays, RFC 7526 */
    {{192, 168}, 16, FLARE_IP_PRIVATE},
    {{198, 18}, 15, FLARE_IP_RESERVED}, /* benchmarks, RFC 2544 */
    {{198, 51, 100}, 24, FLARE_IP_DOCUMENTATION},
    {{203, 0, 113}, 24, FLARE_IP_DOCUMENTATION},
    {{224}, 4, FLARE_IP_MULTICAST},
    {{240}, 4, FLARE_IP_RESERVED}, /* and 255.255.255.255 */
};

static const struct class_row v6_rows[] = {
    {{0xff}, 8, FLARE_IP_MULTICAST},
    {{0xfe, 0x80}, 10, FLARE_IP_LINK_LOCAL},
    {{0xfc}, 7, FLARE_IP_PRIVATE},
    {{0x20, 0x01}, 23, FLARE_IP_RESERVED}, /* protocols, RFC 2928; Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, FLARE_IP_DOCUMENTATION},
    {{0x3f, 0xff}, 20, FLARE_IP_DOCUMENTATION}, /* RFC 9637 */
    {{0x20}, 3, FLARE_IP_GLOBAL},
};

static bool row_fits(const struct class_row *row, const uint8_t *bytes)
{
    unsigned whole = row->prefix / 8;
    unsigned rest = row->prefix % 8;

    if (memcmp(row->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || ((row->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static enum flare_ip_class class_find(const struct class_row *rows,
                                      size_t count, const uint8_t *bytes,
                                      enum flare_ip_class other)
{
    for (size_t i = 0; i < count; i++) {
        if (row_fits(&rows[i], bytes))
            return (enum flare_ip_class)rows[i].class_;
    }
    return other;
}

static enum flare_ip_class class_v4(const uint8_t bytes[4])
{
    return class_find(v4_rows, sizeof(v4_rows) / sizeof(v4_rows[0]), bytes,
                      FLARE_IP_GLOBAL);
}

/* Of an address that stands for an IPv4 one behind a gateway. */
static enum flare_ip_class class_embedded(const uint8_t bytes[4])
{
    return class_v4(bytes) == FLARE_IP_GLOBAL ? FLARE_IP_GLOBAL
                                              : FLARE_IP_RESERVED;
}

static enum flare_ip_class class_v6(const uint8_t bytes[16])
{
    static const uint8_t zeros[15];
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052 */

    if (memcmp(bytes, zeros, sizeof(zeros)) == 0 && bytes[15] <= 1)
        return bytes[15] == 0 ? FLARE_IP_UNSPECIFIED : FLARE_IP_LOOPBACK;
    if (memcmp(bytes, nat64, sizeof(nat64)) == 0)
        return class_embedded(bytes + 12);
    if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4, RFC 3056 */
        return class_embedded(bytes + 2);
    return class_find(v6_rows, sizeof(v6_rows) / sizeof(v6_rows[0]), bytes,
                      FLARE_IP_RESERVED);
}

enum flare_ip_class flare_ip_class(const struct flare_ip *ip)
{
    if (ip->family == FLARE_IP_V4)
        return class_v4(ip->bytes + 12);
    if (ip->family == FLARE_IP_V6)
        return class_v6(ip->bytes);
    return FLARE_IP_UNSPECIFIED;
}

const char *flare_ip_class_name(enum flare_ip_class class_)
{
    static const char *const names[] = {
        [FLARE_IP_UNSPECIFIED] = "unspecified",
        [FLARE_IP_LOOPBACK] = "loopback",
        [FLARE_IP_PRIVATE] = "private",
        [FLARE_IP_LINK_LOCAL] = "link-local",
        [FLARE_IP_MULTICAST] = "multicast",
        [FLARE_IP_DOCUMENTATION] = "documentation",
        [FLARE_IP_RESERVED] = "reserved",
        [FLARE_IP_GLOBAL] = "global",
    };

    if ((unsigned)class_ >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[class_];
}

bool flare_ip_is_loopback(const struct flare_ip *ip)
{
    return flare_ip_class(ip) == FLARE_IP_LOOPBACK;
}

bool flare_ip_is_private(const struct flare_ip *ip)
{
    return flare_ip_class(ip) == FLARE_IP_PRIVATE;
}

bool flare_ip_is_global(const struct flare_ip *ip)
{
    return flare_ip_class(ip) == FLARE_IP_GLOBAL;
}
