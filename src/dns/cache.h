/* SPDX-License-Identifier: MIT */
/*
 * Answers kept for a fixed time: a bounded table, of which the entry not asked
 * for longest goes first.  Names are compared as DNS does, without case; a dot
 * at the end makes another name.  Knows no clock: time is an argument.
 */
#ifndef FLARE__DNS_CACHE_H
#define FLARE__DNS_CACHE_H

#include <flare/alloc.h>
#include <flare/dns.h>

struct flare__dns_cache;

/* `entries_max` is 1 to FLARE_DNS_CACHE_MAX.  -ENOMEM, or no random numbers. */
FLARE_MUST_USE
int flare__dns_cache_new(struct flare__dns_cache **out,
                         const struct flare_allocator *al, uint32_t entries_max,
                         uint32_t keep_ms);

/* Accepts NULL. */
void flare__dns_cache_free(struct flare__dns_cache *c);

/* Whether it is there and not too old.  `*out` is written only then. */
FLARE_MUST_USE
bool flare__dns_cache_find(struct flare__dns_cache *c, struct flare_str host,
                           enum flare_dns_family family, uint64_t now_ms,
                           struct flare_dns_result *out);

/* Keeps an answer, in the place of an earlier one; without memory, nothing. */
void flare__dns_cache_put(struct flare__dns_cache *c, struct flare_str host,
                          enum flare_dns_family family, uint64_t now_ms,
                          const struct flare_dns_result *result);

void flare__dns_cache_clear(struct flare__dns_cache *c);

/* Entries, also those too old. */
uint32_t flare__dns_cache_count(const struct flare__dns_cache *c);

#endif
