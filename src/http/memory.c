/* SPDX-License-Identifier: MIT */
/*
 * See memory.h.  The counter compares once per call; what a level means is done
 * where it costs nothing else: by the options, which are this worker's own
 * while it has a budget, and by a task at the end of the turn.
 */
#include "http/memory.h"

#include "base/alloc.h"
#include "http/conn_input.h"
#include "http/exchange.h"

#include <errno.h>
#include <string.h>

enum {
    MEMORY_HEADER = 16, /* the size, and malloc's alignment kept */
    MEMORY_TICK_MS = 50,
    MEMORY_CLOSE_MAX = 64, /* idle connections, each tick */
    MEMORY_LOG_MS = 1000,
    MEMORY_FALL = 5 /* per cent below its beginning a level ends */
};

_Static_assert(MEMORY_HEADER >= sizeof(size_t) &&
                   MEMORY_HEADER % _Alignof(max_align_t) == 0,
               "what malloc's user may rely on");

/* Where they begin, in per cent. */
static const uint8_t memory_from[] = {
    [FLARE__MEMORY_CALM] = 0,
    [FLARE__MEMORY_TIGHT] = 80,
    [FLARE__MEMORY_SCARCE] = 90,
    [FLARE__MEMORY_FULL] = 95,
};

static const char *const memory_says[] = {
    [FLARE__MEMORY_CALM] = "as usual again",
    [FLARE__MEMORY_TIGHT] = "connections are not kept",
    [FLARE__MEMORY_SCARCE] = "bodies are refused",
    [FLARE__MEMORY_FULL] = "requests are refused",
};

/* ---- levels ---- */

static uint64_t memory_share(const struct flare__memory *m, uint32_t percent)
{
    return m->max / 100 * percent;
}

static void memory_react(struct flare__task *task);

/* Sets the level, and where it ends. */
static void memory_enter(struct flare__memory *m, uint8_t level)
{
    m->level = level;
    m->rise = level < FLARE__MEMORY_FULL
                  ? memory_share(m, memory_from[level + 1])
                  : UINT64_MAX;
    m->fall = level > FLARE__MEMORY_CALM
                  ? memory_share(m, memory_from[level] - MEMORY_FALL)
                  : 0;
    m->options.requests_max =
        level > FLARE__MEMORY_CALM ? 0 : m->shared->requests_max;
}

/* `used` has left the range of its level. */
static void memory_change(struct flare__memory *m)
{
    uint8_t level = m->level;

    while (m->used > m->rise)
        memory_enter(m, m->level + 1);
    while (m->used < m->fall)
        memory_enter(m, m->level - 1);
    if (m->level != level)
        flare__loop_task(m->http->loop, &m->task, memory_react);
}

void flare__memory_add(struct flare__memory *m, size_t bytes)
{
    m->used += bytes;
    if (FLARE_UNLIKELY(m->used > m->rise))
        memory_change(m);
}

void flare__memory_sub(struct flare__memory *m, size_t bytes)
{
    FLARE_ASSERT(m->used >= bytes);
    m->used -= bytes;
    if (FLARE_UNLIKELY(m->used < m->fall))
        memory_change(m);
}

/* ---- counting ---- */

/* Keeps the size and gives the part that is the user's. */
static void *memory_give(void *block, size_t total)
{
    memcpy(block, &total, sizeof(total));
    return (char *)block + MEMORY_HEADER;
}

static size_t memory_total(const void *block)
{
    size_t total;

    memcpy(&total, (const char *)block - MEMORY_HEADER, sizeof(total));
    return total;
}

/* Whether the budget has that much more. */
static bool memory_has(const struct flare__memory *m, size_t bytes)
{
    return m->used <= m->max && bytes <= m->max - m->used;
}

static void *memory_alloc(size_t size, void *ctx)
{
    struct flare__memory *m = ctx;
    size_t total;
    void *block;

    if (__builtin_add_overflow(size, MEMORY_HEADER, &total) ||
        !memory_has(m, total))
        return NULL;
    block = flare__alloc(m->below, total);
    if (block == NULL)
        return NULL;
    flare__memory_add(m, total);
    return memory_give(block, total);
}

static void *memory_realloc(void *old, size_t size, void *ctx)
{
    struct flare__memory *m = ctx;
    size_t before = memory_total(old);
    size_t total;
    void *block;

    if (__builtin_add_overflow(size, MEMORY_HEADER, &total) ||
        (total > before && !memory_has(m, total - before)))
        return NULL;
    block = flare__realloc(m->below, (char *)old - MEMORY_HEADER, total);
    if (block == NULL)
        return NULL;
    if (total > before)
        flare__memory_add(m, total - before);
    else
        flare__memory_sub(m, before - total);
    return memory_give(block, total);
}

static void memory_free(void *block, void *ctx)
{
    struct flare__memory *m = ctx;

    flare__memory_sub(m, memory_total(block));
    flare__free(m->below, (char *)block - MEMORY_HEADER);
}

/* ---- what is done ---- */

struct memory_idle {
    struct flare__conn *conn;
    uint64_t quiet_ms;
};

/* Keeps the `max` that have been idle longest, in order. */
static uint32_t memory_keep_oldest(struct memory_idle *oldest, uint32_t count,
                                   uint32_t max, struct memory_idle one)
{
    uint32_t at = count;

    while (at > 0 && oldest[at - 1].quiet_ms < one.quiet_ms)
        at--;
    if (at == max)
        return count;
    if (count < max)
        count++;
    memmove(&oldest[at + 1], &oldest[at], (count - 1 - at) * sizeof(*oldest));
    oldest[at] = one;
    return count;
}

/*
 * Closes those that have been idle longest (FAILURES R04), as many as bring the
 * level down if nothing else does; those that linger will have gone.
 */
static void memory_close_idle(struct flare__memory *m)
{
    struct memory_idle oldest[MEMORY_CLOSE_MAX];
    struct flare__http *h = m->http;
    uint64_t wanted = m->used > m->fall
                          ? (m->used - m->fall) / sizeof(struct flare__conn) + 1
                          : 0;
    struct flare__conn *conn;
    uint32_t count = 0;
    uint32_t cursor = 0;

    if (wanted > MEMORY_CLOSE_MAX)
        wanted = MEMORY_CLOSE_MAX;
    while (wanted > 0 &&
           (conn = flare__slab_next(&h->conns, &cursor)) != NULL) {
        struct memory_idle one = {conn, flare__http_quiet_ms(conn)};

        if (one.quiet_ms > 0)
            count = memory_keep_oldest(oldest, count, (uint32_t)wanted, one);
    }
    for (uint32_t i = 0; i < count; i++)
        flare__conn_drain(oldest[i].conn);
}

/* Gives up what is only kept to be fast. */
static void memory_trim(struct flare__http *h)
{
    flare__out_pool_keep(&h->pool, 0);
    flare__exchange_trim(h);
    flare__inbuf_trim(h);
}

static void memory_log(struct flare__memory *m)
{
    const struct flare_loop *loop = m->http->loop;

    if (loop->now_ms < m->log_ms)
        return;
    m->log_ms = loop->now_ms + MEMORY_LOG_MS;
    flare__log(&loop->log,
               m->level > FLARE__MEMORY_CALM ? FLARE_LOG_WARN : FLARE_LOG_INFO,
               "memory of a worker: %u of %u MiB are used; %s",
               (uint32_t)(m->used >> 20), (uint32_t)(m->max >> 20),
               memory_says[m->level]);
}

static void memory_on_tick(struct flare__timer *timer)
{
    struct flare__memory *m =
        FLARE_CONTAINER_OF(timer, struct flare__memory, timer);

    flare__loop_task(m->http->loop, &m->task, memory_react);
}

static void memory_react(struct flare__task *task)
{
    struct flare__memory *m =
        FLARE_CONTAINER_OF(task, struct flare__memory, task);
    struct flare__http *h = m->http;

    if (m->level > FLARE__MEMORY_CALM) {
        memory_trim(h);
        if (m->level > FLARE__MEMORY_CALM) /* that was not enough */
            memory_close_idle(m);
    }
    if (m->level != m->acted)
        memory_log(m);
    m->acted = m->level;
    flare__http_update_listening(h);
    if (m->level > FLARE__MEMORY_CALM) {
        flare__wheel_start(&h->loop->wheel, &m->timer,
                           h->loop->now_ms + MEMORY_TICK_MS, memory_on_tick);
        return;
    }
    flare__out_pool_keep(&h->pool, FLARE__OUT_POOL_MAX);
    flare__wheel_stop(&h->loop->wheel, &m->timer);
}

/* ---- life ---- */

int flare__memory_init(struct flare__http *h)
{
    const struct flare__http_options *shared = h->options;
    struct flare__memory *m;

    if (shared->memory_max == 0)
        return 0;
    m = flare__calloc(shared->al, 1, sizeof(*m));
    if (m == NULL)
        return -ENOMEM;
    m->http = h;
    m->below = shared->al;
    m->shared = shared;
    m->max = shared->memory_max;
    m->options = *shared;
    m->al =
        (struct flare_allocator){memory_alloc, memory_realloc, memory_free, m};
    m->options.al = &m->al;
    memory_enter(m, FLARE__MEMORY_CALM);
    h->memory = m;
    h->options = &m->options;
    return 0;
}

void flare__memory_fini(struct flare__http *h)
{
    struct flare__memory *m = h->memory;

    if (m == NULL)
        return;
    FLARE_ASSERT(m->used == 0); /* else a block is lost, or a size */
    flare__wheel_stop(&h->loop->wheel, &m->timer);
    flare__loop_task_cancel(h->loop, &m->task);
    h->options = m->shared;
    h->memory = NULL;
    flare__free(m->below, m);
}
