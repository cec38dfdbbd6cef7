/* SPDX-License-Identifier: MIT */
/* The blocking form: a query on a loop of its own, which turns until it is
 * answered. */
#include "base/log.h"
#include "dns/collect.h"
#include "dns/host.h"
#include "net/user_loop.h"

#include <errno.h>

struct resolve {
    struct flare_dns_result *out;
    struct flare_error *err; /* may be NULL */
    int rc;
    bool is_over;
};

static void resolve_on_answer(int rc, const struct flare_dns_result *result,
                              const struct flare_error *err, void *ctx)
{
    struct resolve *r = ctx;

    r->is_over = true;
    r->rc = rc;
    if (rc == 0)
        *r->out = *result;
    else if (r->err != NULL)
        *r->err = *err;
}

static int resolve_error(struct flare_error *err, int rc, struct flare_str host)
{
    char shown[FLARE__DNS_SHOWN_MAX];

    flare__dns_host_show(shown, host);
    return flare__error(err, rc, "host '%s': %s", shown, flare_strerror(rc));
}

static int resolve_on(struct flare_loop *loop, struct resolve *r,
                      struct flare_str host,
                      const struct flare_dns_options *options)
{
    int rc = flare_dns_start(loop, NULL, host, options, resolve_on_answer, r);

    while (rc == 0 && !r->is_over)
        rc = flare__loop_turn(loop, UINT64_MAX);
    if (rc < 0)
        return resolve_error(r->err, rc, host);
    return r->rc;
}

int flare_dns_resolve(struct flare_dns_result *out, struct flare_str host,
                      const struct flare_dns_options *options,
                      struct flare_error *err)
{
    struct resolve r = {.out = out, .err = err};
    struct flare_loop *loop;
    struct flare_ip ip;
    int rc;

    switch (flare__dns_host_read(&ip, host, err)) {
    case FLARE__DNS_HOST_BAD:
        return FLARE_E_BAD_HOSTNAME;
    case FLARE__DNS_HOST_ADDRESS:
        return flare__dns_collect_one(
            out, &ip, options != NULL ? options->family : FLARE_DNS_ANY, err);
    case FLARE__DNS_HOST_NAME:
        break;
    }
    rc = flare__loop_private(&loop, NULL, err);
    if (rc < 0)
        return rc;
    rc = resolve_on(loop, &r, host, options);
    flare_loop_free(loop);
    return rc;
}

int flare_dns_resolve_v4(struct flare_dns_result *out, struct flare_str host,
                         struct flare_error *err)
{
    const struct flare_dns_options options = {.family = FLARE_DNS_V4};

    return flare_dns_resolve(out, host, &options, err);
}

int flare_dns_resolve_v6(struct flare_dns_result *out, struct flare_str host,
                         struct flare_error *err)
{
    const struct flare_dns_options options = {.family = FLARE_DNS_V6};

    return flare_dns_resolve(out, host, &options, err);
}
