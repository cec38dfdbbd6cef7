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

struct flare__home *flare__home_of(struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_STREAMS];
    struct flare__home *home = extra->state;

    if (home != NULL)
        return home;
    home = flare__calloc(&loop->allocator, 1, sizeof(*home));
    if (home == NULL)
        return NULL;
    flare__out_pool_init_large(&home->pool, &loop->allocator, HOME_CHUNK_BYTES);
    flare__slab_init(&home->streams, &loop->allocator,
                     sizeof(struct flare_stream), FLARE__HOME_STREAMS_MAX);
    extra->state = home;
    extra->free_fn = home_free;
    return home;
}
