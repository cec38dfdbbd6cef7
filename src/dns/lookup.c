/* SPDX-License-Identifier: MIT */
/* See lookup.h. */
#include "dns/lookup.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "dns/system.h"
#include "net/loop.h"
#include "net/offload.h"
#include "net/user_loop.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct flare__dns_lookup {
    struct flare__job job;
    struct flare__letter letter;
    pthread_mutex_t lock;    /* of what follows */
    struct flare_loop *loop; /* NULL: abandoned; the thread frees it */

    /* the loop's */
    flare__dns_lookup_fn fn; /* NULL: abandoned */
    void *ctx;

    /* the thread's, until the letter is sent */
    int rc;
    struct flare_dns_result result;
    struct flare_error err;

    enum flare_dns_family family;
    size_t host_len;
    char host[FLARE_DNS_HOST_MAX + 1]; /* with a dot, without a NUL */
};

static void lookup_free(struct flare__dns_lookup *l)
{
    pthread_mutex_destroy(&l->lock);
    flare__free(&flare__allocator_default, l);
}

static void lookup_on_letter(struct flare__letter *letter)
{
    struct flare__dns_lookup *l =
        FLARE_CONTAINER_OF(letter, struct flare__dns_lookup, letter);

    /* its thread may not have left the lock yet */
    pthread_mutex_lock(&l->lock);
    pthread_mutex_unlock(&l->lock);
    if (l->fn != NULL)
        l->fn(l->rc, l->rc == 0 ? &l->result : NULL, &l->err, l->ctx);
    lookup_free(l);
}

/* A loop does not end before its lookups are done or abandoned, so that there
 * is one to send to; should it have broken, nobody waits. */
static void lookup_send(struct flare__dns_lookup *l)
{
    bool is_sent;

    pthread_mutex_lock(&l->lock);
    is_sent = l->loop != NULL && flare__loop_send(l->loop, &l->letter);
    pthread_mutex_unlock(&l->lock);
    if (!is_sent)
        lookup_free(l);
}

static bool lookup_is_abandoned(struct flare__dns_lookup *l)
{
    bool is_abandoned;

    pthread_mutex_lock(&l->lock);
    is_abandoned = l->loop == NULL;
    pthread_mutex_unlock(&l->lock);
    return is_abandoned;
}

static void lookup_run(struct flare__job *job)
{
    struct flare__dns_lookup *l =
        FLARE_CONTAINER_OF(job, struct flare__dns_lookup, job);

    if (lookup_is_abandoned(l)) {
        lookup_free(l);
        return;
    }
    l->rc =
        flare__dns_system(&l->result, (struct flare_str){l->host, l->host_len},
                          l->family, &l->err);
    lookup_send(l);
}

static void lookup_cancel(struct flare__job *job)
{
    struct flare__dns_lookup *l =
        FLARE_CONTAINER_OF(job, struct flare__dns_lookup, job);

    l->rc = FLARE_E_STOPPED;
    lookup_send(l);
}

int flare__dns_lookup_start(struct flare__dns_lookup **out,
                            struct flare_loop *loop, struct flare_str host,
                            enum flare_dns_family family,
                            flare__dns_lookup_fn fn, void *ctx)
{
    struct flare__offload *pool = flare__loop_offload(loop);
    struct flare__dns_lookup *l;
    int rc;

    FLARE_ASSERT(host.len <= sizeof(l->host));
    if (pool == NULL)
        return -ENOMEM;
    l = flare__calloc(&flare__allocator_default, 1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&l->lock, NULL); /* glibc, musl: never fails */
    l->job.run = lookup_run;
    l->job.cancel = lookup_cancel;
    l->letter.fn = lookup_on_letter;
    l->loop = loop;
    l->fn = fn;
    l->ctx = ctx;
    l->family = family;
    memcpy(l->host, host.ptr, host.len);
    l->host_len = host.len;
    rc = flare__offload_submit(pool, &l->job);
    if (rc < 0) {
        lookup_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

void flare__dns_lookup_abandon(struct flare__dns_lookup *lookup)
{
    lookup->fn = NULL; /* for a letter that is under way */
    pthread_mutex_lock(&lookup->lock);
    lookup->loop = NULL; /* else: from here on the thread may free it */
    pthread_mutex_unlock(&lookup->lock);
}
