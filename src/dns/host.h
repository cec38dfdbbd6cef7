/* SPDX-License-Identifier: MIT */
/*
 * What may be looked up: the rules of flare_dns_host_check, which every way to
 * a resolver goes through.  Pure: bytes in, a verdict out.
 *
 * What is taken as a name is, for every C library, no address in inet_aton's
 * short, octal and hexadecimal forms (FAILURES D02) and a string without
 * surprises for logs, shells and DNS (D01).
 */
#ifndef FLARE__DNS_HOST_H
#define FLARE__DNS_HOST_H

#include <flare/dns.h>

enum flare__dns_host_kind {
    FLARE__DNS_HOST_BAD,
    FLARE__DNS_HOST_NAME,
    FLARE__DNS_HOST_ADDRESS
};

/*
 * What `host` is.  Writes `*ip` if it is an address, and `err` (may be NULL) if
 * it is bad.
 */
FLARE_MUST_USE
enum flare__dns_host_kind flare__dns_host_read(struct flare_ip *ip,
                                               struct flare_str host,
                                               struct flare_error *err);

/* Bytes of a host that a sentence has room for, escaped, and a NUL. */
enum { FLARE__DNS_SHOWN_MAX = 128 };

/* Writes the host for a sentence: escaped, cut to fit. */
void flare__dns_host_show(char out[FLARE__DNS_SHOWN_MAX],
                          struct flare_str host);

#endif
