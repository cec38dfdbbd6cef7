/* SPDX-License-Identifier: MIT */
/*
 * Addresses as a resolver gives them, made into an answer: those of the family
 * that is wanted, each once, in order, and no more than fit (FAILURES D04).
 * Both families get through: where not all fit, each has half of the places and
 * what the other leaves, so that forty IPv6 addresses do not hide the IPv4 one
 * that works.  Pure.
 */
#ifndef FLARE__DNS_COLLECT_H
#define FLARE__DNS_COLLECT_H

#include <flare/dns.h>

struct flare__dns_collect {
    struct flare_ip ips[2 * FLARE_DNS_ADDRESSES_MAX];
    uint32_t count;
    uint32_t v4_count; /* of them; at most FLARE_DNS_ADDRESSES_MAX of each */
    uint8_t family;    /* enum flare_dns_family */
    bool is_truncated;
};

void flare__dns_collect_init(struct flare__dns_collect *c,
                             enum flare_dns_family family);

/* O(addresses kept). */
void flare__dns_collect_add(struct flare__dns_collect *c,
                            const struct flare_ip *ip);

/* The answer; `count` is 0 if nothing of the family came. */
void flare__dns_collect_end(const struct flare__dns_collect *c,
                            struct flare_dns_result *out);

/*
 * The answer for a host that is the address `ip` itself.  0, or
 * FLARE_E_DNS_NO_ADDRESS with a sentence in `err` (may be NULL) and `*out`
 * untouched if another family is wanted.
 */
FLARE_MUST_USE
int flare__dns_collect_one(struct flare_dns_result *out,
                           const struct flare_ip *ip,
                           enum flare_dns_family family,
                           struct flare_error *err);

#endif
