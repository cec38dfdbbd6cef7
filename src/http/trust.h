/* SPDX-License-Identifier: MIT */
/*
 * Whom a server believes about the client: the networks of its proxies, from
 * the configuration's text.  Bound: FLARE__TRUST_NETS_MAX; allocates nothing.
 */
#ifndef FLARE__HTTP_TRUST_H
#define FLARE__HTTP_TRUST_H

#include "http/forwarded.h"

enum { FLARE__TRUST_NETS_MAX = 64 };

struct flare__trust {
    struct flare_ip_net nets[FLARE__TRUST_NETS_MAX];
    uint32_t net_count;
    bool has_unix;
    bool is_given; /* else a PROXY header is taken from anybody */
};

/*
 * Reads "10.0.0.0/8, ::1, unix": networks as flare_ip_net_parse has them, and
 * "unix" for peers on a Unix socket, separated by commas and spaces.  NULL is
 * nobody.  0, or FLARE_E_BAD_CONFIG with a sentence in `err` (may be NULL).
 */
FLARE_MUST_USE
int flare__trust_parse(struct flare__trust *trust, const char *text,
                       struct flare_error *err);

/* Whether `addr` is one of the proxies. */
bool flare__trust_has(const struct flare__trust *trust,
                      const struct flare_addr *addr);

#endif
