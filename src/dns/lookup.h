/* SPDX-License-Identifier: MIT */
/*
 * One name on its way through getaddrinfo: a job for a thread, and a letter
 * back to the loop.
 *
 * The thread cannot be stopped, so its memory belongs to neither side.  A
 * lookup that its loop has abandoned is freed by whoever comes to it next: the
 * thread, before it asks or after; or the letter, when it was under way already
 * (FAILURES D03, D06).  It comes from malloc and refers to nothing of the loop
 * from then on, so that it may end long after the loop and its allocator.
 */
#ifndef FLARE__DNS_LOOKUP_H
#define FLARE__DNS_LOOKUP_H

#include <flare/dns.h>

struct flare__dns_lookup;

/* `rc` and, by it, `result` or `err`; lent until it returns. */
typedef void (*flare__dns_lookup_fn)(int rc,
                                     const struct flare_dns_result *result,
                                     const struct flare_error *err, void *ctx);

/*
 * Has a thread of the loop look up `host`, a good name; copied.  `fn` is called
 * on the loop, never from inside, once, unless it is abandoned; the lookup is
 * gone then.  FLARE_E_OVERLOADED, -EAGAIN, -ENOMEM.  Thread: owner loop.
 */
FLARE_MUST_USE
int flare__dns_lookup_start(struct flare__dns_lookup **out,
                            struct flare_loop *loop, struct flare_str host,
                            enum flare_dns_family family,
                            flare__dns_lookup_fn fn, void *ctx);

/* `fn` is not called any more, and the loop may end.  Thread: owner loop. */
void flare__dns_lookup_abandon(struct flare__dns_lookup *lookup);

#endif
