/* SPDX-License-Identifier: MIT */
/* See user_loop.h and flare/loop.h. */
#include "net/user_loop.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/choose.h"
#include "net/offload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    USER_OFFLOAD_THREADS = 4,
    USER_OFFLOAD_QUEUE = 1024, /* jobs that wait for a thread */
    PRIVATE_QUEUE_ENTRIES = 8,
    PRIVATE_LEASE_BYTES = 16 * 1024, /* a TLS record, a large read */
    PRIVATE_LEASE_COUNT = 4,
    PRIVATE_MAILBOX = 16
};

/* ---- the small one ---- */

/* Best first, for a single connection. */
static const char *const private_ladder[] = {"epoll", "kqueue", "uring"};

static int private_choose(struct flare_loop *loop,
                          const struct flare__backend_config *bc,
                          struct flare_error *err)
{
    const char *wish = getenv("FLARE_BACKEND");
    int rc = -ENOSYS;

    if (wish != NULL && wish[0] != '\0' && strcmp(wish, "auto") != 0)
        return flare__backend_choose(&loop->ops, &loop->backend, wish, bc, err);
    for (size_t i = 0; i < sizeof(private_ladder) / sizeof(private_ladder[0]);
         i++) {
        rc = flare__backend_choose(&loop->ops, &loop->backend,
                                   private_ladder[i], bc, err);
        if (rc == 0)
            break;
    }
    return rc;
}

int flare__loop_private(struct flare_loop **out,
                        const struct flare_allocator *al,
                        struct flare_error *err)
{
    const struct flare__loop_config lc = {
        .al = al != NULL ? al : &flare__allocator_default,
        .mailbox_capacity = PRIVATE_MAILBOX,
    };
    struct flare__backend_config bc = {
        .lease_bytes = PRIVATE_LEASE_BYTES,
        .lease_count = PRIVATE_LEASE_COUNT,
        .queue_entries = PRIVATE_QUEUE_ENTRIES,
    };
    struct flare_loop *loop;
    int rc = flare__loop_alloc(&loop, &lc);

    if (rc < 0)
        return flare__error(err, rc, "loop: %s", flare_strerror(rc));
    bc.al = &loop->allocator;
    bc.log = &loop->log;
    rc = private_choose(loop, &bc, err);
    if (rc < 0) {
        flare__loop_free(loop);
        return rc;
    }
    flare__loop_begin(loop);
    *out = loop;
    return 0;
}

/* ---- threads for what blocks ---- */

static void offload_free(void *state)
{
    flare__offload_abandon(state); /* getaddrinfo may take its time */
}

struct flare__offload *flare__loop_offload(struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_OFFLOAD];
    struct flare__offload *pool;
    uint32_t threads = loop->offload_threads;

    if (extra->state != NULL)
        return extra->state;
    /* it may outlive the loop, and so the loop's allocator */
    if (flare__offload_new(&pool, &flare__allocator_default,
                           threads != 0 ? threads : USER_OFFLOAD_THREADS,
                           USER_OFFLOAD_QUEUE) < 0)
        return NULL;
    extra->state = pool;
    extra->free_fn = offload_free;
    return pool;
}
