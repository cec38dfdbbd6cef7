/* SPDX-License-Identifier: MIT */
/* See embed.h. */
#include "net/embed.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/os.h"

#include <errno.h>

/* Turns of one call: what others of the foreign loop wait for. */
enum { EMBED_TURNS_MAX = 8 };

#define NS_PER_MS UINT64_C(1000000)

/* The alarm's states that are no time: 1 ns has passed, 0 never comes. */
#define EMBED_NEVER UINT64_C(0)
#define EMBED_NOW UINT64_C(1)

struct flare__embed {
    struct flare__os_nest nest;
};

void flare__embed_alarm(struct flare_loop *loop)
{
    flare__os_nest_set(&loop->embed->nest, EMBED_NOW);
}

static void embed_set_timer(struct flare_loop *loop)
{
    uint64_t next_ms = flare__wheel_next(&loop->wheel);
    uint64_t at_ns =
        next_ms < UINT64_MAX / NS_PER_MS ? next_ms * NS_PER_MS : EMBED_NEVER;

    flare__os_nest_set(&loop->embed->nest, at_ns);
}

/* ---- settling ---- */

static uint64_t embed_work(const struct flare_loop *loop)
{
    const struct flare__loop_counts *c = &loop->counts;

    return c->events + c->posts + c->timers + c->tasks;
}

/*
 * Whether nothing is left but to wait.  The mailbox comes last: asleep, it must
 * stay so.
 */
static bool embed_is_quiet(struct flare_loop *loop)
{
    return loop->tasks == NULL &&
           flare__wheel_next(&loop->wheel) > loop->now_ms &&
           flare__mailbox_sleep(loop->mailbox);
}

int flare__embed_settle(struct flare_loop *loop)
{
    for (int turns = 0; turns < EMBED_TURNS_MAX; turns++) {
        uint64_t before = embed_work(loop);
        int rc = flare__loop_turn(loop, 0);

        if (rc < 0)
            return rc;
        if (embed_work(loop) == before && embed_is_quiet(loop)) {
            embed_set_timer(loop);
            return 0;
        }
        if (atomic_load(&loop->is_stopping))
            break;
    }
    flare__embed_alarm(loop);
    return 0;
}

/* ---- life ---- */

int flare__embed_open(struct flare_loop *loop)
{
    struct flare__embed *e;
    int backend_fd = loop->ops->descriptor == NULL
                         ? -ENOTSUP
                         : loop->ops->descriptor(loop->backend);
    int rc;

    if (backend_fd < 0)
        return backend_fd;
    e = flare__alloc(&loop->allocator, sizeof(*e));
    if (e == NULL)
        return -ENOMEM;
    rc = flare__os_nest_open(&e->nest, backend_fd);
    if (rc < 0) {
        flare__free(&loop->allocator, e);
        return rc;
    }
    loop->embed = e;
    flare__embed_alarm(loop); /* what was started so far is not submitted */
    return 0;
}

void flare__embed_close(struct flare_loop *loop)
{
    if (loop->embed == NULL)
        return;
    flare__os_nest_close(&loop->embed->nest);
    flare__free(&loop->allocator, loop->embed);
    loop->embed = NULL;
}

int flare__embed_fd(const struct flare_loop *loop)
{
    return loop->embed->nest.fd;
}
