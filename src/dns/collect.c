/* SPDX-License-Identifier: MIT */
/* See collect.h. */
#include "dns/collect.h"

#include "base/log.h"

enum { COLLECT_HALF = FLARE_DNS_ADDRESSES_MAX / 2 };

void flare__dns_collect_init(struct flare__dns_collect *c,
                             enum flare_dns_family family)
{
    c->count = 0;
    c->v4_count = 0;
    c->family = (uint8_t)family;
    c->is_truncated = false;
}

static bool is_wanted(const struct flare__dns_collect *c,
                      const struct flare_ip *ip)
{
    if (ip->family == FLARE_IP_V4)
        return c->family != FLARE_DNS_V6;
    return ip->family == FLARE_IP_V6 && c->family != FLARE_DNS_V4;
}

void flare__dns_collect_add(struct flare__dns_collect *c,
                            const struct flare_ip *ip)
{
    bool is_v4 = ip->family == FLARE_IP_V4;
    uint32_t of_family = is_v4 ? c->v4_count : c->count - c->v4_count;

    if (!is_wanted(c, ip))
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        if (flare_ip_equal(&c->ips[i], ip))
            return;
    }
    if (of_family == FLARE_DNS_ADDRESSES_MAX) {
        c->is_truncated = true;
        return;
    }
    c->ips[c->count++] = *ip;
    c->v4_count += is_v4;
}

/* How many of `mine` fit beside `others`. */
static uint32_t share_of(uint32_t mine, uint32_t others)
{
    uint32_t places = others < COLLECT_HALF
                          ? (uint32_t)FLARE_DNS_ADDRESSES_MAX - others
                          : COLLECT_HALF;

    return mine < places ? mine : places;
}

void flare__dns_collect_end(const struct flare__dns_collect *c,
                            struct flare_dns_result *out)
{
    uint32_t v6_count = c->count - c->v4_count;
    uint32_t v4_left = share_of(c->v4_count, v6_count);
    uint32_t v6_left = share_of(v6_count, c->v4_count);

    *out = (struct flare_dns_result){.count = 0};
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t *left = c->ips[i].family == FLARE_IP_V4 ? &v4_left : &v6_left;

        if (*left == 0)
            continue;
        --*left;
        out->ips[out->count++] = c->ips[i];
    }
    out->is_truncated = c->is_truncated || out->count < c->count;
}

int flare__dns_collect_one(struct flare_dns_result *out,
                           const struct flare_ip *ip,
                           enum flare_dns_family family,
                           struct flare_error *err)
{
    struct flare__dns_collect c;
    char text[FLARE_IP_TEXT_MAX];

    flare__dns_collect_init(&c, family);
    flare__dns_collect_add(&c, ip);
    if (c.count == 0) {
        flare_ip_format(ip, text, sizeof(text));
        return flare__error(err, FLARE_E_DNS_NO_ADDRESS,
                            "host '%s': not an %s address", text,
                            family == FLARE_DNS_V4 ? "IPv4" : "IPv6");
    }
    flare__dns_collect_end(&c, out);
    return 0;
}
