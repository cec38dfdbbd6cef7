/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses, blocking or on a loop.
 *
 * Names are looked up by the system's getaddrinfo on threads of the loop's own,
 * or by a resolver of yours; the library itself writes no DNS packet.  What
 * cannot be a host's name, or is an address in a form that only some programs
 * read as one ("127.1", "0x7f000001", "2130706433"), is refused before any
 * resolver sees it: see flare_dns_host_check.
 *
 * Where a stranger has chosen the name, look at what it leads to, and connect
 * to that and not to the name again (docs/dns.md):
 *
 *     for (uint32_t i = 0; i < result->count; i++)
 *         if (!flare_ip_is_global(&result->ips[i]))
 *             return FLARE_E_FORBIDDEN;
 */
#ifndef FLARE_DNS_H
#define FLARE_DNS_H

#include <flare/addr.h>
#include <flare/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_DNS_ADDRESSES_MAX = 32, /* of one answer */
    FLARE_DNS_HOST_MAX = 253,     /* RFC 1035; a dot at the end not counted */
    FLARE_DNS_CACHE_MAX = 65536   /* entries */
};

/* Which addresses are wanted. */
enum flare_dns_family { FLARE_DNS_ANY, FLARE_DNS_V4, FLARE_DNS_V6 };

/* Zero is the default, in brackets. */
struct flare_dns_options {
    enum flare_dns_family family; /* [FLARE_DNS_ANY] */
    uint32_t timeout_ms;          /* until the answer, all in all [5000] */
};

/*
 * An answer: each address once, in the resolver's order, which with getaddrinfo
 * is RFC 6724's.  Of a longer one, each family has 16 places and those that the
 * other does not need.
 */
struct flare_dns_result {
    struct flare_ip ips[FLARE_DNS_ADDRESSES_MAX];
    uint32_t count;    /* at least 1 */
    bool is_truncated; /* there were more */
};

/*
 * Whether `host` may be looked up: an address as flare_ip_parse reads it, IPv6
 * in brackets too; or a name of letters, digits, "-", "_" and single dots, of
 * at most 253 bytes, no part of it longer than 63, that does not begin with "-"
 * and whose last part is not a number, in the sense of the URL standard ("1",
 * "0x7f").  One dot may follow: then no search list is applied.  Names in other
 * scripts are to be written as "xn--" (RFC 5890).
 *
 * Returns 0, or FLARE_E_BAD_HOSTNAME with the reason in `err` (may be NULL).
 * Borrows `host`.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_dns_host_check(struct flare_str host,
                                                  struct flare_error *err);

/*
 * Looks `host` up and waits for the answer; an address is answered at once.
 * `options` may be NULL.
 *
 * Returns 0 with the answer in `*out`; else `*out` is untouched and `err` (may
 * be NULL) names the host, with the resolver's own words and number:
 *   FLARE_E_BAD_HOSTNAME    flare_dns_host_check refuses it
 *   FLARE_E_DNS_NOT_FOUND   no such host
 *   FLARE_E_DNS_NO_ADDRESS  none of the family that is wanted
 *   FLARE_E_DNS_TEMPORARY   not now: a server does not answer, or says so
 *   FLARE_E_DNS_FAILED      the resolver has failed for good
 *   -ETIMEDOUT              timeout_ms have passed
 *   -EAGAIN                 no thread can be had
 *   -ENOMEM, and -errno of the resolver or of the loop that it runs on
 *
 * Borrows `host` and `options`.  At -ETIMEDOUT a thread of the library's may
 * still wait in getaddrinfo, and ends with it.  Thread: any; not a loop's, as
 * it blocks.
 */
FLARE_API FLARE_MUST_USE int flare_dns_resolve(
    struct flare_dns_result *out, struct flare_str host,
    const struct flare_dns_options *options, struct flare_error *err);

/* As flare_dns_resolve with the defaults, IPv4 addresses only. */
FLARE_API FLARE_MUST_USE int flare_dns_resolve_v4(struct flare_dns_result *out,
                                                  struct flare_str host,
                                                  struct flare_error *err);

/* As flare_dns_resolve with the defaults, IPv6 addresses only. */
FLARE_API FLARE_MUST_USE int flare_dns_resolve_v6(struct flare_dns_result *out,
                                                  struct flare_str host,
                                                  struct flare_error *err);

/* A name that is being looked up on a loop.  Thread: owner loop. */
typedef struct flare_dns_query flare_dns_query;

/*
 * The end of a query.  `rc` is 0 and `result` the answer; or `rc` is an error
 * of flare_dns_resolve's or FLARE_E_STOPPED (the loop ends), `result` NULL, and
 * `err` names the host.  `err` is never NULL.  Lends both until it returns.
 * The query is gone: it must not be cancelled any more.
 */
typedef void (*flare_dns_fn)(int rc, const struct flare_dns_result *result,
                             const struct flare_error *err, void *ctx);

/*
 * Starts looking `host` up; `fn(..., ctx)` is called once, on the loop and
 * never from inside this call, unless the query is cancelled before.  An
 * address and what the cache holds are answered in the same way, without a
 * thread.  `options` may be NULL.  The loop is not blocked and does not end
 * meanwhile (flare_loop_run).
 *
 * Returns 0 with the query in `*out` (may be NULL); else `*out` is untouched
 * and `fn` is not called: FLARE_E_BAD_HOSTNAME, FLARE_E_OVERLOADED (1024 names
 * wait for a thread), FLARE_E_STOPPED (the loop is ending), -EAGAIN (no thread
 * can be had), -ENOMEM, or what a resolver of yours refused it with.
 *
 * Copies `host` and `options`, borrows `ctx` until `fn` or the cancelling.
 */
FLARE_API FLARE_MUST_USE int flare_dns_start(
    flare_loop *loop, flare_dns_query **out, struct flare_str host,
    const struct flare_dns_options *options, flare_dns_fn fn, void *ctx);

/*
 * Ends a query: its `fn` is not called any more.  Once, and before `fn` has
 * been called; from any callback.  A thread that is in getaddrinfo meanwhile
 * finishes on its own; nobody waits for it.  Accepts NULL.
 */
FLARE_API void flare_dns_cancel(flare_dns_query *query);

/*
 * A resolver in the place of getaddrinfo, on one loop and on its thread.  It is
 * asked for valid names only, never for addresses.
 */
struct flare_dns_resolver {
    /*
     * Begins to look `host` up.  0: flare_dns_answer follows once, now or
     * later, unless `cancel` comes first.  Negative: refused, and what
     * flare_dns_start returns.  Lends `host` for as long as it lends `query`.
     */
    int (*start)(void *ctx, flare_dns_query *query, struct flare_str host,
                 enum flare_dns_family family);
    /* The query is gone (cancelled, too late, or its loop ends): it must not be
     * answered any more. */
    void (*cancel)(void *ctx, flare_dns_query *query);
    void *ctx;
};

/*
 * Has names looked up by `resolver` from now on, or by getaddrinfo again if it
 * is NULL; queries under way stay where they are.  Empties the cache.
 *
 * Returns 0 or -ENOMEM.  Copies `*resolver`, borrows its ctx until the loop is
 * freed or, after another call, until its last query has ended.
 */
FLARE_API FLARE_MUST_USE int flare_dns_resolver_set(
    flare_loop *loop, const struct flare_dns_resolver *resolver);

/*
 * The answer of a resolver of yours.  `rc` 0: `count` addresses, of which those
 * of other families than the one wanted are dropped; none left is
 * FLARE_E_DNS_NO_ADDRESS.  Else an error, one of flare_dns_resolve's where it
 * fits.  Borrows `ips` until it returns; `fn` of the query is called later.
 */
FLARE_API void flare_dns_answer(flare_dns_query *query, int rc,
                                const struct flare_ip *ips, size_t count);

/*
 * Keeps up to `entries_max` answers of a loop, each for `keep_ms`; past that
 * the one not asked for longest goes.  0 entries: no cache, as at the start.
 * getaddrinfo does not tell how long an answer holds, so this is a promise of
 * yours; errors are never kept.  An answer that there is no memory to keep is
 * not kept.  Forgets what was kept before.
 *
 * Returns 0, FLARE_E_RANGE (entries_max over FLARE_DNS_CACHE_MAX, or keep_ms 0
 * with entries), or -ENOMEM: then the cache is as it was.
 */
FLARE_API FLARE_MUST_USE int flare_dns_cache_set(flare_loop *loop,
                                                 uint32_t entries_max,
                                                 uint32_t keep_ms);

#ifdef __cplusplus
}
#endif
#endif
