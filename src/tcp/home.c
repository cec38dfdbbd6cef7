/* SPDX-License-Identifier: MIT */
/* See home.h. */
#include "tcp/home.h"

#include "base/alloc.h"
#include "tcp/stream.h"

/* A large receive buffer, or some of the default size, in one piece: one buffer
 * to be sent, not a list of them. */
enum { HOME_CHUNK_BYTES = 16 * 1024 };

static void home_free(void *state)
{
    struct flare__home *home = state;
    const struct flare_allocator *al = home->pool.al;

    flare__out_pool_fini(&home->pool);
    flare__slab_fini(&home->streams);
    flare__free(al, home);
}

static void home_kept_put(struct flare__home *home, struct flare__kept *kept)
{
    kept->home = home;
    kept->next = home->kept_free;
    home->kept_free = kept;
}

static void home_on_sent(void *ctx, void *block)
{
    struct flare__kept *kept = ctx;
    struct flare__home *home = kept->home;

    (void)block;
    flare__wire_lease_put(home->loop, kept->lease);
    home_kept_put(home, kept);
}

struct flare__out_chunk *flare__home_keep(struct flare__home *home,
                                          struct flare_str bytes)
{
    const uintptr_t from = (uintptr_t)home->delivered.ptr;
    const uintptr_t at = (uintptr_t)bytes.ptr;
    struct flare__kept *kept = home->kept_free;

    if (bytes.len < FLARE__HOME_KEEP_BYTES || kept == NULL || at < from ||
        at - from > home->delivered.len ||
        bytes.len > home->delivered.len - (at - from))
        return NULL;
    home->kept_free = kept->next;
    home->delivered.len = 0; /* what else is written of it is copied */
    kept->lease = home->lease;
    flare__out_lend(&kept->chunk, bytes, home_on_sent, kept);
    return &kept->chunk;
}

struct flare__home *flare__home_of(struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_STREAMS];
    struct flare__home *home = extra->state;

    if (home != NULL)
        return home;
    home = flare__calloc(&loop->allocator, 1, sizeof(*home));
    if (home == NULL)
        return NULL;
    home->loop = loop;
    for (uint32_t i = 0;
         i < FLARE__HOME_KEPT_MAX && i < loop->receive_buffers / 4; i++)
        home_kept_put(home, &home->kept[i]);
    flare__out_pool_init_large(&home->pool, &loop->allocator, HOME_CHUNK_BYTES);
    flare__slab_init(&home->streams, &loop->allocator,
                     sizeof(struct flare_stream), FLARE__HOME_STREAMS_MAX);
    extra->state = home;
    extra->free_fn = home_free;
    return home;
}
