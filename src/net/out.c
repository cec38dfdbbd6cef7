/* SPDX-License-Identifier: MIT */
/* See out.h. */
#include "net/out.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

enum {
    OUT_DATA_BYTES = FLARE__OUT_CHUNK_BYTES - sizeof(struct flare__out_chunk)
};

_Static_assert(OUT_DATA_BYTES >= FLARE__OUT_IOV_MAX * sizeof(struct iovec),
               "a chunk holds the vector of a send");

/* A chunk's own bytes. */
void flare__out_pool_init(struct flare__out_pool *pool,
                          const struct flare_allocator *al)
{
    *pool = (struct flare__out_pool){.al = al,
                                     .keep_max = FLARE__OUT_POOL_MAX,
                                     .data_bytes = OUT_DATA_BYTES};
}

void flare__out_pool_init_large(struct flare__out_pool *pool,
                                const struct flare_allocator *al,
                                uint32_t data_bytes)
{
    FLARE_ASSERT(data_bytes >= OUT_DATA_BYTES);
    flare__out_pool_init(pool, al);
    /* together as much memory as the others keep */
    pool->keep_max =
        (uint32_t)((uint64_t)FLARE__OUT_POOL_MAX * OUT_DATA_BYTES / data_bytes);
    pool->data_bytes = data_bytes;
}

/* Bytes of longer pieces that may be kept. */
static uint64_t out_pieces_max(const struct flare__out_pool *pool)
{
    return (uint64_t)pool->keep_max * pool->data_bytes;
}

static struct flare__out_chunk *out_piece_pop(struct flare__out_pool *pool)
{
    struct flare__out_chunk *c = pool->pieces;

    pool->pieces = c->next;
    pool->piece_bytes -= c->cap;
    return c;
}

void flare__out_pool_keep(struct flare__out_pool *pool, uint32_t keep_max)
{
    pool->keep_max = keep_max;
    while (pool->piece_bytes > out_pieces_max(pool))
        flare__free(pool->al, out_piece_pop(pool));
    while (pool->free_count > keep_max) {
        struct flare__out_chunk *c = pool->free_list;

        pool->free_list = c->next;
        pool->free_count--;
        flare__free(pool->al, c);
    }
}

void flare__out_pool_fini(struct flare__out_pool *pool)
{
    flare__out_pool_keep(pool, 0);
}

static struct flare__out_chunk *out_chunk_get(struct flare__out_pool *pool)
{
    struct flare__out_chunk *c = pool->free_list;

    if (FLARE_LIKELY(c != NULL)) {
        pool->free_list = c->next;
        pool->free_count--;
    } else {
        c = flare__alloc(pool->al, sizeof(*c) + pool->data_bytes);
        if (c == NULL)
            return NULL;
        c->kind = FLARE__OUT_POOLED;
        c->cap = pool->data_bytes;
        c->free_fn = NULL;
    }
    c->data = flare__out_bytes(c);
    return c;
}

static struct flare__out_chunk *out_chunk_alloc(struct flare__out_pool *pool,
                                                uint32_t cap)
{
    struct flare__out_chunk *c;

    c = flare__alloc(pool->al, sizeof(*c) + cap);
    if (c == NULL)
        return NULL;
    c->kind = FLARE__OUT_HEAP;
    c->cap = cap;
    c->free_fn = NULL;
    c->data = flare__out_bytes(c);
    return c;
}

/*
 * A piece of more than a chunk.  Memory that is taken and given back at the top
 * of the heap for each has malloc grow and shrink it by system calls; so those
 * given back last are taken again, if they fit, and give way if they do not.
 */
static struct flare__out_chunk *out_piece_get(struct flare__out_pool *pool,
                                              uint32_t size)
{
    struct flare__out_chunk *c;

    if (pool->pieces == NULL)
        return out_chunk_alloc(pool, size);
    c = out_piece_pop(pool);
    if (c->cap >= size && c->cap / 2 <= size) {
        c->data = flare__out_bytes(c);
        return c;
    }
    flare__free(pool->al, c);
    return out_chunk_alloc(pool, size);
}

static bool out_piece_keep(struct flare__out_pool *pool,
                           struct flare__out_chunk *c)
{
    if (c->cap <= pool->data_bytes || c->cap > FLARE__OUT_PIECE_MAX ||
        pool->piece_bytes + (uint64_t)c->cap > out_pieces_max(pool))
        return false;
    c->next = pool->pieces;
    pool->pieces = c;
    pool->piece_bytes += c->cap;
    return true;
}

static void out_chunk_put(struct flare__out_pool *pool,
                          struct flare__out_chunk *c)
{
    uint32_t kind = c->kind; /* it may be gone after the next call */

    if (c->free_fn != NULL)
        c->free_fn(c->free_ctx, (void *)(uintptr_t)c->data);
    if (kind == FLARE__OUT_LENT ||
        (kind == FLARE__OUT_HEAP && out_piece_keep(pool, c)))
        return;
    if (kind == FLARE__OUT_HEAP || pool->free_count >= pool->keep_max) {
        flare__free(pool->al, c);
        return;
    }
    c->kind = FLARE__OUT_POOLED; /* again, if it was a vector */
    c->next = pool->free_list;
    pool->free_list = c;
    pool->free_count++;
}

static void out_link(struct flare__out *out, struct flare__out_chunk *c)
{
    c->next = NULL;
    c->sent = 0;
    if (out->tail != NULL)
        out->tail->next = c;
    else
        out->head = c;
    out->tail = c;
}

char *flare__out_reserve_chunk(struct flare__out *out,
                               struct flare__out_pool *pool, uint32_t size)
{
    struct flare__out_chunk *c;

    c = size <= pool->data_bytes ? out_chunk_get(pool)
                                 : out_piece_get(pool, size);
    if (c == NULL)
        return NULL;
    c->len = 0;
    out_link(out, c);
    return flare__out_bytes(c);
}

/* Drops what was queued behind the first `len` bytes of `tail` (NULL: all). */
static void out_cut(struct flare__out *out, struct flare__out_pool *pool,
                    struct flare__out_chunk *tail, uint32_t len)
{
    struct flare__out_chunk *c = tail != NULL ? tail->next : out->head;

    if (tail != NULL) {
        tail->len = len;
        tail->next = NULL;
    } else {
        out->head = NULL;
    }
    out->tail = tail;
    while (c != NULL) {
        struct flare__out_chunk *next = c->next;

        out_chunk_put(pool, c);
        c = next;
    }
}

/* The unused end of a chunk; none of one that is borrowed. */
static uint32_t out_room(const struct flare__out_chunk *c)
{
    return c == NULL || c->cap == 0 ? 0 : c->cap - c->len;
}

/* As flare__out_copy, but what was queued when memory ran out stays. */
static int out_append(struct flare__out *out, struct flare__out_pool *pool,
                      struct flare_str bytes)
{
    while (bytes.len > 0) {
        uint32_t room = out_room(out->tail);
        uint32_t n = room != 0 ? room : pool->data_bytes;
        char *to;

        if (n > bytes.len)
            n = (uint32_t)bytes.len;
        to = flare__out_reserve(out, pool, n);
        if (to == NULL)
            return -ENOMEM;
        memcpy(to, bytes.ptr, n);
        flare__out_commit(out, n);
        bytes.ptr += n;
        bytes.len -= n;
    }
    return 0;
}

int flare__out_copy_two(struct flare__out *out, struct flare__out_pool *pool,
                        struct flare_str head, struct flare_str body)
{
    struct flare__out_chunk *tail = out->tail;
    uint32_t len = tail != NULL ? tail->len : 0;
    uint32_t before = out->bytes;
    int rc = out_append(out, pool, head);

    if (rc == 0)
        rc = out_append(out, pool, body);
    if (rc == 0)
        return 0;
    out_cut(out, pool, tail, len);
    out->bytes = before;
    return rc;
}

int flare__out_copy(struct flare__out *out, struct flare__out_pool *pool,
                    struct flare_str bytes)
{
    return flare__out_copy_two(out, pool, bytes,
                               (struct flare_str){.ptr = NULL});
}

struct flare__out_chunk *flare__out_borrow(struct flare__out_pool *pool,
                                           struct flare_str body,
                                           flare_free_fn free_fn, void *ctx)
{
    struct flare__out_chunk *c = out_chunk_alloc(pool, 0);

    if (c == NULL)
        return NULL;
    c->data = body.ptr;
    c->len = (uint32_t)body.len;
    c->free_fn = free_fn;
    c->free_ctx = ctx;
    return c;
}

void flare__out_lend(struct flare__out_chunk *chunk, struct flare_str body,
                     flare_free_fn free_fn, void *ctx)
{
    *chunk = (struct flare__out_chunk){
        .data = body.ptr,
        .len = (uint32_t)body.len,
        .kind = FLARE__OUT_LENT,
        .free_fn = free_fn,
        .free_ctx = ctx,
    };
}

void flare__out_append(struct flare__out *out, struct flare__out_chunk *chunk)
{
    out_link(out, chunk);
    out->bytes += chunk->len;
}

void flare__out_forget(struct flare__out_pool *pool,
                       struct flare__out_chunk *chunk)
{
    chunk->free_fn = NULL;
    out_chunk_put(pool, chunk);
}

/* Takes the unsent part of one chunk into a send of `total` bytes so far. */
static uint32_t out_take(struct flare__out_chunk *c, uint32_t total,
                         struct iovec *iov)
{
    uint32_t n = c->len - c->sent;

    if (n > FLARE__OUT_SEND_MAX - total)
        n = FLARE__OUT_SEND_MAX - total;
    /* writev's type is not const */
    iov->iov_base = (void *)(uintptr_t)(c->data + c->sent);
    iov->iov_len = n;
    c->sent += n;
    return n;
}

/* Room for the list of buffers, before what is queued; NULL: no memory. */
static struct flare__out_chunk *out_vector_push(struct flare__out *out,
                                                struct flare__out_pool *pool)
{
    struct flare__out_chunk *c = out_chunk_get(pool);

    if (c == NULL)
        return NULL;
    c->kind = FLARE__OUT_VECTOR;
    c->len = 0;
    c->sent = 0;
    c->next = out->head;
    out->head = c;
    return c;
}

uint32_t flare__out_next(struct flare__out *out, struct flare__out_pool *pool,
                         struct iovec *one, const struct iovec **iov)
{
    struct flare__out_chunk *c = out->head;
    struct iovec *list = one;
    uint32_t count = 0;
    uint32_t max = 1;

    FLARE_ASSERT(out->in_flight == 0);
    if (out->bytes == 0)
        return 0;
    if (c->next != NULL) {
        struct flare__out_chunk *vector = out_vector_push(out, pool);

        if (vector != NULL) { /* else one buffer at a time */
            list = (struct iovec *)(void *)flare__out_bytes(vector);
            max = FLARE__OUT_IOV_MAX;
        }
    }
    for (; c != NULL && count < max && out->in_flight < FLARE__OUT_SEND_MAX;
         c = c->next) {
        uint32_t n = out_take(c, out->in_flight, &list[count]);

        out->in_flight += n;
        count += n > 0;
    }
    *iov = list;
    return count;
}

void flare__out_sent(struct flare__out *out, struct flare__out_pool *pool)
{
    out->bytes -= out->in_flight;
    out->in_flight = 0;
    while (out->head != NULL && out->head->sent == out->head->len) {
        struct flare__out_chunk *c = out->head;

        out->head = c->next;
        if (out->head == NULL)
            out->tail = NULL;
        out_chunk_put(pool, c);
    }
}

void flare__out_clear(struct flare__out *out, struct flare__out_pool *pool)
{
    while (out->head != NULL) {
        struct flare__out_chunk *c = out->head;

        out->head = c->next;
        out_chunk_put(pool, c);
    }
    *out = (struct flare__out){0};
}
