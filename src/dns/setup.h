/* SPDX-License-Identifier: MIT */
/*
 * What a loop's user has set for its queries: a resolver and a cache.  Made
 * when one is first set, ends with the loop.
 */
#ifndef FLARE__DNS_SETUP_H
#define FLARE__DNS_SETUP_H

#include <flare/dns.h>

/*
 * The resolver to ask; `start` is NULL for getaddrinfo.  `*epoch` is for
 * flare__dns_setup_keep: it changes with the resolver and the cache.
 */
void flare__dns_setup_get(const struct flare_loop *loop,
                          struct flare_dns_resolver *resolver, uint32_t *epoch);

/* Whether the cache has it.  `*out` is written only then. */
FLARE_MUST_USE
bool flare__dns_setup_find(struct flare_loop *loop, struct flare_str host,
                           enum flare_dns_family family,
                           struct flare_dns_result *out);

/* Offers an answer to the cache; not taken if the epoch is over. */
void flare__dns_setup_keep(struct flare_loop *loop, uint32_t epoch,
                           struct flare_str host, enum flare_dns_family family,
                           const struct flare_dns_result *result);

#endif
