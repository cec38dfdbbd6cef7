/* SPDX-License-Identifier: MIT */
/*
 * The system's resolver: one call of getaddrinfo and what it says.  The only
 * file that knows <netdb.h>.  It blocks for as long as the system likes.
 */
#ifndef FLARE__DNS_SYSTEM_H
#define FLARE__DNS_SYSTEM_H

#include <flare/dns.h>

/*
 * Looks up `host`, a name that flare__dns_host_read has found good, of at most
 * FLARE_DNS_HOST_MAX bytes and a dot.  0 and the answer; else `*out` is
 * untouched, and the code as flare_dns_resolve returns it with a sentence in
 * `err`.  Allocates on its own as the C library does.  Thread: any.
 */
FLARE_MUST_USE
int flare__dns_system(struct flare_dns_result *out, struct flare_str host,
                      enum flare_dns_family family, struct flare_error *err);

#endif
