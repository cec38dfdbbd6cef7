/* SPDX-License-Identifier: MIT */
/*
 * Which hosts and paths a cookie is for: "6265bis", sections 5.1.2 to 5.1.4.
 * Pure: bytes in, a verdict out.
 */
#ifndef FLARE__HTTP_JAR_MATCH_H
#define FLARE__HTTP_JAR_MATCH_H

#include <flare/cookie_jar.h>
#include <flare/dns.h>

/* A host in the one form that it is compared in. */
struct flare__jar_host {
    struct flare_str text; /* in `bytes`; IPv6 without brackets */
    bool is_address;
    char bytes[FLARE_DNS_HOST_MAX + 1 /* a dot */];
};

_Static_assert((int)FLARE_DNS_HOST_MAX >= (int)FLARE_IP_TEXT_MAX,
               "an address fits where a name does");

/*
 * Brings a host into its form: names in lower case, addresses as
 * flare_ip_format has them.  A dot at the end makes another host and stays.
 * Returns 0, or FLARE_E_BAD_HOSTNAME with a sentence in `err` (may be NULL).
 */
FLARE_MUST_USE
int flare__jar_host_init(struct flare__jar_host *host, struct flare_str text,
                         struct flare_error *err);

/*
 * Whether a host that is `host` is of `domain`: the same, or a name below it.
 * Both in lower case.
 */
bool flare__jar_domain_matches(struct flare_str host, bool is_address,
                               struct flare_str domain);

/*
 * The domain above: what stands behind the first dot; false: there is none.
 * What ends in a dot has none.
 */
bool flare__jar_domain_up(struct flare_str *domain);

/* Whether a request for path `path` sends a cookie of path `cookie_path`. */
bool flare__jar_path_matches(struct flare_str path,
                             struct flare_str cookie_path);

/* The path of a URL: up to a query, "/" where there is none. */
struct flare_str flare__jar_path(struct flare_str url_path);

/* The path of a cookie that says none: the folder of the URL's. */
struct flare_str flare__jar_default_path(struct flare_str url_path);

#endif
