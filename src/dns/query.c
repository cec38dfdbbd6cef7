/* SPDX-License-Identifier: MIT */
/*
 * Names looked up on a loop: flare_dns_start and what belongs to it.
 *
 * States of a query:
 *
 *   ASKED     a thread or the user's resolver has it; its deadline runs
 *   ANSWERED  the outcome is in it; a task will tell `fn`
 *   TOLD      `fn` runs: nothing may be done with it any more
 *
 * Every outcome (address, cache, answer, deadline, end of the loop) goes by the
 * task, so that `fn` is never called from inside a call of the user's, and each
 * can come in any callback.  What leaves ASKED first is the outcome: it takes
 * the query away from whoever has been asked, so that nothing comes twice.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "dns/collect.h"
#include "dns/host.h"
#include "dns/lookup.h"
#include "dns/setup.h"
#include "net/loop.h"

#include <errno.h>
#include <string.h>

enum { QUERY_TIMEOUT_MS = 5000, NS_PER_MS = 1000000 };

enum query_state { QUERY_ASKED, QUERY_ANSWERED, QUERY_TOLD };

struct flare_dns_query {
    struct flare_loop *loop;
    struct flare__resident resident;
    struct flare__timer timer;
    struct flare__task task;
    flare_dns_fn fn;
    void *ctx;
    struct flare__dns_lookup *lookup;   /* a thread was asked, if not NULL */
    struct flare_dns_resolver resolver; /* it was, if start is not NULL */
    enum query_state state;
    enum flare_dns_family family;
    uint32_t timeout_ms;
    uint32_t epoch; /* flare__dns_setup_keep; 0: it is not to be kept */
    int rc;
    struct flare_dns_result result;
    struct flare_error err;
    size_t host_len;
    char host[];
};

static struct flare_str query_host(const struct flare_dns_query *q)
{
    return (struct flare_str){q->host, q->host_len};
}

static int query_error(struct flare_dns_query *q, int rc, const char *why)
{
    char shown[FLARE__DNS_SHOWN_MAX];

    flare__dns_host_show(shown, query_host(q));
    return flare__error(&q->err, rc, "host '%s': %s", shown, why);
}

static void query_free(struct flare_dns_query *q)
{
    struct flare_loop *loop = q->loop;

    flare__wheel_stop(&loop->wheel, &q->timer);
    flare__loop_task_cancel(loop, &q->task);
    flare__loop_resident_remove(loop, &q->resident);
    flare__free(&loop->allocator, q);
}

/* ---- the outcome ---- */

static void query_tell(struct flare__task *task)
{
    struct flare_dns_query *q =
        FLARE_CONTAINER_OF(task, struct flare_dns_query, task);

    q->state = QUERY_TOLD;
    if (q->rc == 0 && q->epoch != 0)
        flare__dns_setup_keep(q->loop, q->epoch, query_host(q), q->family,
                              &q->result);
    q->fn(q->rc, q->rc == 0 ? &q->result : NULL, &q->err, q->ctx);
    query_free(q);
}

/* The outcome is in `q->result` or `q->err`. */
static void query_settle(struct flare_dns_query *q, int rc)
{
    FLARE_ASSERT(q->state == QUERY_ASKED);
    q->state = QUERY_ANSWERED;
    q->rc = rc;
    flare__wheel_stop(&q->loop->wheel, &q->timer);
    flare__loop_task(q->loop, &q->task, query_tell);
}

/* Takes it away from whoever was asked. */
static void query_withdraw(struct flare_dns_query *q)
{
    if (q->lookup != NULL)
        flare__dns_lookup_abandon(q->lookup);
    else if (q->resolver.start != NULL)
        q->resolver.cancel(q->resolver.ctx, q);
}

static void query_on_deadline(struct flare__timer *timer)
{
    struct flare_dns_query *q =
        FLARE_CONTAINER_OF(timer, struct flare_dns_query, timer);

    query_withdraw(q);
    query_settle(q, query_error(q, -ETIMEDOUT, "no answer in time"));
}

static void query_evict(struct flare__resident *resident)
{
    struct flare_dns_query *q =
        FLARE_CONTAINER_OF(resident, struct flare_dns_query, resident);

    if (q->state != QUERY_ASKED)
        return;
    query_withdraw(q);
    query_settle(q, query_error(q, FLARE_E_STOPPED, "its loop has ended"));
}

static void query_on_lookup(int rc, const struct flare_dns_result *result,
                            const struct flare_error *err, void *ctx)
{
    struct flare_dns_query *q = ctx;

    if (rc == 0)
        q->result = *result;
    else
        q->err = *err;
    query_settle(q, rc);
}

void flare_dns_answer(flare_dns_query *query, int rc,
                      const struct flare_ip *ips, size_t count)
{
    struct flare__dns_collect found;

    FLARE_DCHECK(flare__loop_is_owner(query->loop));
    FLARE_ASSERT(query->resolver.start != NULL);
    if (rc < 0) {
        query_settle(query, query_error(query, rc, flare_strerror(rc)));
        return;
    }
    flare__dns_collect_init(&found, query->family);
    for (size_t i = 0; i < count; i++)
        flare__dns_collect_add(&found, &ips[i]);
    flare__dns_collect_end(&found, &query->result);
    if (query->result.count == 0)
        rc = query_error(query, FLARE_E_DNS_NO_ADDRESS,
                         flare_strerror(FLARE_E_DNS_NO_ADDRESS));
    query_settle(query, rc);
}

/* ---- the start ---- */

static int query_new(struct flare_dns_query **out, struct flare_loop *loop,
                     struct flare_str host,
                     const struct flare_dns_options *options)
{
    struct flare_dns_query *q =
        flare__calloc(&loop->allocator, 1, sizeof(*q) + host.len);

    if (q == NULL)
        return -ENOMEM;
    q->loop = loop;
    q->timeout_ms = QUERY_TIMEOUT_MS;
    if (options != NULL) {
        q->family = options->family;
        if (options->timeout_ms != 0)
            q->timeout_ms = options->timeout_ms;
    }
    FLARE_ASSERT(q->family <= FLARE_DNS_V6);
    memcpy(q->host, host.ptr, host.len);
    q->host_len = host.len;
    flare__loop_resident_add(loop, &q->resident, query_evict);
    *out = q;
    return 0;
}

/* An address is its own answer, if it is of the family. */
static void query_answer_address(struct flare_dns_query *q,
                                 const struct flare_ip *ip)
{
    query_settle(q, flare__dns_collect_one(&q->result, ip, q->family, &q->err));
}

/* Not the turn's time, which may be long past: a deadline is never early. */
static uint64_t query_end_ms(const struct flare_dns_query *q)
{
    uint64_t now_ns = q->loop->ops->now(q->loop->backend);

    return (now_ns + NS_PER_MS - 1) / NS_PER_MS + q->timeout_ms;
}

/* 0: the answer comes, or is there. */
static int query_ask(struct flare_dns_query *q)
{
    int rc;

    if (flare__dns_setup_find(q->loop, query_host(q), q->family, &q->result)) {
        query_settle(q, 0);
        return 0;
    }
    flare__dns_setup_get(q->loop, &q->resolver, &q->epoch);
    flare__wheel_start(&q->loop->wheel, &q->timer, query_end_ms(q),
                       query_on_deadline);
    if (q->resolver.start == NULL)
        return flare__dns_lookup_start(&q->lookup, q->loop, query_host(q),
                                       q->family, query_on_lookup, q);
    rc = q->resolver.start(q->resolver.ctx, q, query_host(q), q->family);
    FLARE_ASSERT(rc == 0 || (rc < 0 && q->state == QUERY_ASKED));
    return rc;
}

int flare_dns_start(flare_loop *loop, flare_dns_query **out,
                    struct flare_str host,
                    const struct flare_dns_options *options, flare_dns_fn fn,
                    void *ctx)
{
    struct flare_ip ip;
    enum flare__dns_host_kind kind = flare__dns_host_read(&ip, host, NULL);
    struct flare_dns_query *q;
    int rc;

    FLARE_DCHECK(flare__loop_is_owner(loop));
    FLARE_ASSERT(fn != NULL);
    if (kind == FLARE__DNS_HOST_BAD)
        return FLARE_E_BAD_HOSTNAME;
    if (loop->is_ending)
        return FLARE_E_STOPPED;
    rc = query_new(&q, loop, host, options);
    if (rc < 0)
        return rc;
    q->fn = fn;
    q->ctx = ctx;
    if (kind == FLARE__DNS_HOST_ADDRESS)
        query_answer_address(q, &ip);
    else
        rc = query_ask(q);
    if (rc < 0) {
        query_free(q);
        return rc;
    }
    if (out != NULL)
        *out = q;
    return 0;
}

void flare_dns_cancel(flare_dns_query *query)
{
    if (query == NULL)
        return;
    FLARE_DCHECK(flare__loop_is_owner(query->loop));
    FLARE_ASSERT(query->state != QUERY_TOLD);
    if (query->state == QUERY_ASKED)
        query_withdraw(query);
    query_free(query);
}
