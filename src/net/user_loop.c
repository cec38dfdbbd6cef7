/* SPDX-License-Identifier: MIT */
/* See user_loop.h and flare/loop.h. */
#include "net/user_loop.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/choose.h"
#include "net/embed.h"
#include "net/offload.h"

#include <errno.h>
#include <string.h>

enum {
    USER_OFFLOAD_THREADS = 4,
    USER_OFFLOAD_QUEUE = 1024, /* jobs that wait for a thread */
    USER_RESOLVER_THREADS_MAX = 64,
    USER_RECEIVE_BYTES = 16 * 1024,
    USER_RECEIVE_BUFFERS = 256,
    USER_RECEIVE_TOTAL_MAX = 1 << 30, /* bytes of all receive buffers */
    PRIVATE_QUEUE_ENTRIES = 8,
    PRIVATE_LEASE_BYTES = 16 * 1024, /* a TLS record, a large read */
    PRIVATE_LEASE_COUNT = 4,
    PRIVATE_MAILBOX = 16
};

#define NS_PER_MS UINT64_C(1000000)

/* What a loop may be told of the kernel; the rest is the backends' business. */
enum {
    USER_CAPS = FLARE_CAP_MULTISHOT_ACCEPT | FLARE_CAP_MULTISHOT_RECV |
                FLARE_CAP_BUFFER_RING | FLARE_CAP_DEFER_TASKRUN |
                FLARE_CAP_EXT_ARG | FLARE_CAP_EPOLL_PWAIT2 | FLARE_CAP_BUNDLE
};

_Static_assert(
    (int)FLARE_CAP_MULTISHOT_ACCEPT == (int)FLARE__CAP_MULTISHOT_ACCEPT &&
        (int)FLARE_CAP_MULTISHOT_RECV == (int)FLARE__CAP_MULTISHOT_RECV &&
        (int)FLARE_CAP_BUFFER_RING == (int)FLARE__CAP_BUFFER_RING &&
        (int)FLARE_CAP_DEFER_TASKRUN == (int)FLARE__CAP_DEFER_TASKRUN &&
        (int)FLARE_CAP_EXT_ARG == (int)FLARE__CAP_EXT_ARG &&
        (int)FLARE_CAP_EPOLL_PWAIT2 == (int)FLARE__CAP_EPOLL_PWAIT2 &&
        (int)FLARE_CAP_BUNDLE == (int)FLARE__CAP_BUNDLE,
    "the public bits are the backends'");

/* ---- the public one: its configuration ---- */

/* 0 stands for the default. */
static int config_check_power(const char *name, uint32_t value, uint32_t min,
                              uint32_t max, struct flare_error *err)
{
    if (value == 0 ||
        (value >= min && value <= max && (value & (value - 1)) == 0))
        return 0;
    return flare__error(err, FLARE_E_BAD_CONFIG,
                        "%s: %u is no power of two from %u to %u", name, value,
                        min, max);
}

static int config_check(const struct flare_loop_config *c,
                        struct flare_error *err)
{
    int rc = config_check_power("mailbox_capacity", c->mailbox_capacity, 2,
                                1 << 20, err);

    if (rc >= 0)
        rc = config_check_power("receive_bytes", c->receive_bytes, 512, 1 << 20,
                                err);
    if (rc >= 0)
        rc = config_check_power("receive_buffers", c->receive_buffers, 2, 32768,
                                err);
    if (rc < 0)
        return rc;
    if ((uint64_t)c->receive_bytes * c->receive_buffers >
        USER_RECEIVE_TOTAL_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "receive_buffers: together more than %d bytes",
                            USER_RECEIVE_TOTAL_MAX);
    if (c->resolver_threads > USER_RESOLVER_THREADS_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "resolver_threads: %u is more than %d",
                            c->resolver_threads, USER_RESOLVER_THREADS_MAX);
    return 0;
}

/* ---- its life ---- */

/* With a backend that borrows the loop's own allocator and log. */
static int user_open(struct flare_loop **out, const struct flare_loop_config *c,
                     struct flare_error *err)
{
    const struct flare__loop_config lc = {
        .al = c->allocator != NULL ? c->allocator : &flare__allocator_default,
        .log = {.fn = c->on_log, .ctx = c->log_ctx},
        .mailbox_capacity = c->mailbox_capacity,
    };
    struct flare_loop *loop;
    int rc = flare__loop_alloc(&loop, &lc);

    if (rc < 0)
        return flare__error(err, rc, "loop: %s", flare_strerror(rc));
    rc = flare__backend_choose(&loop->ops, &loop->backend, c->backend,
                               &(struct flare__backend_config){
                                   .al = &loop->allocator,
                                   .log = &loop->log,
                                   .lease_bytes = c->receive_bytes,
                                   .lease_count = c->receive_buffers,
                               },
                               err);
    if (rc < 0) {
        flare__loop_free(loop);
        return rc;
    }
    flare__loop_begin(loop);
    *out = loop;
    return 0;
}

int flare_loop_new_sized(size_t config_size, flare_loop **out,
                         const struct flare_loop_config *config,
                         struct flare_error *err)
{
    struct flare_loop_config c = {0};
    struct flare_loop *loop = NULL;
    int rc;

    if (config_size > sizeof(c))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    if (config != NULL)
        memcpy(&c, config, config_size);
    if (c.receive_bytes == 0)
        c.receive_bytes = USER_RECEIVE_BYTES;
    if (c.receive_buffers == 0)
        c.receive_buffers = USER_RECEIVE_BUFFERS;
    rc = config_check(&c, err);
    if (rc >= 0)
        rc = user_open(&loop, &c, err);
    if (rc < 0)
        return rc;
    loop->receive_buffers = c.receive_buffers;
    loop->offload_threads = c.resolver_threads;
    loop->stays = c.stays;
    *out = loop;
    return 0;
}

void flare_loop_free(flare_loop *loop)
{
    if (loop == NULL)
        return;
    FLARE_ASSERT(!loop->is_turning); /* a callback of it frees the ground */
    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->broken == 0 && flare__loop_evict(loop) == 0)
        flare__loop_free(loop);
}

/* ---- running ---- */

/* Forgets it. */
static bool user_is_stopped(struct flare_loop *loop)
{
    return atomic_load_explicit(&loop->is_stopping, memory_order_relaxed) &&
           atomic_exchange(&loop->is_stopping, false);
}

static bool user_goes_on(struct flare_loop *loop)
{
    return loop->stays || flare__loop_is_busy(loop);
}

static uint64_t user_limit(struct flare_loop *loop, int64_t timeout_ms)
{
    uint64_t now_ns;

    if (timeout_ms == 0)
        return 0;
    now_ns = loop->ops->now(loop->backend);
    if (timeout_ms < 0 ||
        (uint64_t)timeout_ms >= (UINT64_MAX - now_ns) / NS_PER_MS)
        return UINT64_MAX;
    return now_ns + (uint64_t)timeout_ms * NS_PER_MS;
}

int flare_loop_run_once(flare_loop *loop, int64_t timeout_ms)
{
    int rc = 0;

    FLARE_ASSERT(!loop->is_turning);
    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->broken < 0)
        return loop->broken;
    if (user_is_stopped(loop))
        return 0;
    if (timeout_ms != 0 && !user_goes_on(loop))
        timeout_ms = 0;
    if (loop->embed == NULL || timeout_ms != 0)
        rc = flare__loop_turn(loop, user_limit(loop, timeout_ms));
    if (rc >= 0 && loop->embed != NULL)
        rc = flare__embed_settle(loop);
    if (rc < 0)
        return rc;
    return !user_is_stopped(loop) && user_goes_on(loop);
}

int flare_loop_run(flare_loop *loop)
{
    int rc;

    do
        rc = flare_loop_run_once(loop, -1);
    while (rc > 0);
    return rc;
}

void flare_loop_stop(flare_loop *loop)
{
    int before = errno; /* of what a signal handler has interrupted */

    atomic_store(&loop->is_stopping, true);
    flare__loop_wake(loop);
    errno = before;
}

/* ---- in another loop ---- */

int flare_loop_fd(flare_loop *loop)
{
    int rc;

    FLARE_DCHECK(flare__loop_is_owner(loop));
    if (loop->embed == NULL) {
        rc = flare__embed_open(loop);
        if (rc < 0)
            return rc;
    }
    return flare__embed_fd(loop);
}

/* ---- about it ---- */

uint64_t flare_loop_now_ms(const flare_loop *loop)
{
    return loop->now_ms;
}

uint64_t flare_loop_now_ns(const flare_loop *loop)
{
    return loop->now_ns;
}

uint32_t flare_loop_caps(const flare_loop *loop)
{
    uint32_t caps = loop->ops->caps(loop->backend) & (uint32_t)USER_CAPS;

    if (loop->ops->descriptor != NULL)
        caps |= FLARE_CAP_EMBED;
    return caps;
}

void flare_loop_stats_sized(const flare_loop *loop, size_t size,
                            struct flare_loop_stats *out)
{
    const struct flare_loop_stats all = {
        .turns = loop->counts.turns,
        .events = loop->counts.events,
        .posts = loop->counts.posts,
        .timers_fired = loop->counts.timers,
        .open = loop->resident_count - loop->resting,
        .timers_armed = loop->timers_armed,
    };

    memset(out, 0, size); /* what a newer header has and this library not */
    memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
}

/* ---- the small one ---- */

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
    rc = flare__backend_choose_cheap(&loop->ops, &loop->backend, &bc, err);
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
