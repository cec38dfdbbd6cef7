/* SPDX-License-Identifier: MIT */
/* See queue.h. */
#include "udp/queue.h"

#include <flare/error.h>

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

void flare__udp_queue_init(struct flare__udp_queue *q,
                           const struct flare_allocator *al, uint32_t capacity)
{
    *q = (struct flare__udp_queue){
        .al = al, .capacity = capacity & ~(FLARE__UDP_PACKET_ALIGN - 1u)};
}

void flare__udp_queue_fini(struct flare__udp_queue *q)
{
    flare__free(q->al, q->ring);
    flare__udp_queue_init(q, q->al, q->capacity);
}

int flare__udp_queue_prepare(struct flare__udp_queue *q)
{
    if (FLARE_LIKELY(q->ring != NULL))
        return 0;
    q->ring = flare__alloc(q->al, q->capacity);
    return q->ring != NULL ? 0 : -ENOMEM;
}

/* Where `size` bytes go; UINT32_MAX: nowhere now. */
static uint32_t queue_place(struct flare__udp_queue *q, uint32_t size)
{
    if (q->is_wrapped)
        return q->head - q->tail >= size ? q->tail : UINT32_MAX;
    if (q->capacity - q->tail >= size)
        return q->tail;
    if (q->head < size)
        return UINT32_MAX;
    q->wrap = q->tail;
    q->is_wrapped = true;
    return 0;
}

int flare__udp_queue_push(struct flare__udp_queue *q,
                          const struct flare__udp_to *to, struct flare_str data)
{
    struct flare__udp_packet *p;
    size_t size = sizeof(*p) + data.len;
    uint32_t at;

    FLARE_ASSERT(q->ring != NULL);
    size = (size + FLARE__UDP_PACKET_ALIGN - 1) &
           ~(size_t)(FLARE__UDP_PACKET_ALIGN - 1);
    if (size > q->capacity)
        return FLARE_E_OUTPUT_FULL;
    at = queue_place(q, (uint32_t)size);
    if (at == UINT32_MAX)
        return FLARE_E_OUTPUT_FULL;

    p = (struct flare__udp_packet *)(void *)(q->ring + at);
    p->size = (uint32_t)size;
    p->len = (uint32_t)data.len;
    p->sent = 0;
    p->segment = to->segment;
    p->flags = 0;
    p->addr_len = to->addr_len;
    p->rc = 0;
    memcpy(p->addr, to->addr, sizeof(p->addr));
    if (data.len > 0)
        memcpy(p + 1, data.ptr, data.len);
    q->tail = at + p->size;
    q->bytes += p->size;
    q->count++;
    return 0;
}

static struct flare__udp_packet *queue_at(const struct flare__udp_queue *q,
                                          uint32_t at)
{
    return (struct flare__udp_packet *)(void *)(q->ring + at);
}

struct flare__udp_packet *flare__udp_queue_first(
    const struct flare__udp_queue *q)
{
    return q->count > 0 ? queue_at(q, q->head) : NULL;
}

struct flare__udp_packet *flare__udp_queue_next(
    const struct flare__udp_queue *q, const struct flare__udp_packet *p)
{
    uint32_t begin = (uint32_t)((const char *)p - q->ring);
    uint32_t at = begin + p->size;

    if (q->is_wrapped && at == q->wrap)
        at = 0;
    return at != q->tail ? queue_at(q, at) : NULL;
}

void flare__udp_queue_pop(struct flare__udp_queue *q)
{
    struct flare__udp_packet *p = flare__udp_queue_first(q);

    FLARE_ASSERT(p != NULL);
    q->head += p->size;
    q->bytes -= p->size;
    q->count--;
    if (q->is_wrapped && q->head == q->wrap) {
        q->head = 0;
        q->is_wrapped = false;
    }
    if (q->count == 0)
        q->head = q->tail = 0;
}
