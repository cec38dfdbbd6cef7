/* SPDX-License-Identifier: MIT */
/*
 * The unsent output of a connection: a queue of chunks.  Small answers are
 * written one behind another into a pooled chunk, so that all answers of a
 * turn leave in one send; large bodies are borrowed.  A connection that has
 * nothing to send holds no memory.
 */
#ifndef FLARE__NET_OUT_H
#define FLARE__NET_OUT_H

#include <flare/alloc.h>
#include <flare/base.h>

#include "base/assert.h"

#include <sys/uio.h>

enum {
    /* A pooled chunk with its header; its data holds a pipelined turn. */
    FLARE__OUT_CHUNK_BYTES = 4096,
    FLARE__OUT_POOL_MAX = 512, /* chunks kept for reuse, per worker */
    /* A piece that is longer than a chunk is kept for reuse, too, up to that,
     * and all of them up to what the chunks kept may take. */
    FLARE__OUT_PIECE_MAX = 64 * 1024,
    FLARE__OUT_IOV_MAX = 64, /* buffers of one send */
    /* Bytes of one send, before others have their turn. */
    FLARE__OUT_SEND_MAX = 256 * 1024
};

enum flare__out_chunk_kind {
    FLARE__OUT_HEAP,
    FLARE__OUT_POOLED,
    FLARE__OUT_VECTOR, /* pooled; the list of buffers of the send in flight */
    FLARE__OUT_LENT    /* memory of somebody's, told by free_fn */
};

struct flare__out_chunk {
    struct flare__out_chunk *next;
    const char *data; /* its own, or borrowed */
    uint32_t len;
    uint32_t cap;          /* of its own bytes; 0: borrowed */
    uint32_t sent;         /* of len, taken by earlier sends */
    uint32_t kind;         /* enum flare__out_chunk_kind */
    flare_free_fn free_fn; /* of the borrowed body; may be NULL */
    void *free_ctx;        /* behind it, `cap` bytes of its own */
};

/* A worker's chunks for reuse, most recently used first. */
struct flare__out_pool {
    const struct flare_allocator *al;
    struct flare__out_chunk *free_list;
    struct flare__out_chunk *pieces; /* longer ones */
    uint32_t free_count;
    uint32_t piece_bytes; /* of all of them */
    uint32_t keep_max;    /* FLARE__OUT_POOL_MAX, or less if memory is short */
    uint32_t data_bytes; /* of each; at least those of FLARE__OUT_CHUNK_BYTES */
};

struct flare__out {
    struct flare__out_chunk *head; /* a vector, while that send is in flight */
    struct flare__out_chunk *tail;
    uint32_t bytes;     /* queued, also those in flight */
    uint32_t in_flight; /* bytes of the send in flight */
};

void flare__out_pool_init(struct flare__out_pool *pool,
                          const struct flare_allocator *al);

/* With chunks for `data_bytes` instead, more than such a small one has. */
void flare__out_pool_init_large(struct flare__out_pool *pool,
                                const struct flare_allocator *al,
                                uint32_t data_bytes);

void flare__out_pool_fini(struct flare__out_pool *pool);

/* Keeps at most so many from now on. */
void flare__out_pool_keep(struct flare__out_pool *pool, uint32_t keep_max);

/* A chunk's own bytes. */
static inline char *flare__out_bytes(struct flare__out_chunk *c)
{
    return (char *)(c + 1);
}

/* What flare__out_reserve does where the last chunk has no room. */
char *flare__out_reserve_chunk(struct flare__out *out,
                               struct flare__out_pool *pool, uint32_t size);

/*
 * Room for `size` bytes behind what is queued, in one piece; NULL: no memory.
 * What was written is made part of the queue by flare__out_commit.
 */
static inline char *flare__out_reserve(struct flare__out *out,
                                       struct flare__out_pool *pool,
                                       uint32_t size)
{
    struct flare__out_chunk *c = out->tail;

    /* A chunk that a send has taken whole may still grow: the send's length
     * is fixed, and the bytes behind it are not the kernel's. */
    if (FLARE_LIKELY(c != NULL && c->cap - c->len >= size && c->cap != 0))
        return flare__out_bytes(c) + c->len;
    return flare__out_reserve_chunk(out, pool, size);
}

static inline void flare__out_commit(struct flare__out *out, uint32_t size)
{
    FLARE_ASSERT(size <= out->tail->cap - out->tail->len);
    out->tail->len += size;
    out->bytes += size;
}

/*
 * Queues a copy of `bytes`, in the room behind what is queued and in as many
 * pooled chunks as it takes: no allocation once the pool has them.  0, or
 * -ENOMEM with nothing queued.
 */
int flare__out_copy(struct flare__out *out, struct flare__out_pool *pool,
                    struct flare_str bytes);

/* The same of `head` and `body`, both or none. */
int flare__out_copy_two(struct flare__out *out, struct flare__out_pool *pool,
                        struct flare_str head, struct flare_str body);

/*
 * A chunk that stands for a borrowed body, not queued yet; `free_fn` (may be
 * NULL) is called when the queue is done with it.  NULL: no memory.
 */
struct flare__out_chunk *flare__out_borrow(struct flare__out_pool *pool,
                                           struct flare_str body,
                                           flare_free_fn free_fn, void *ctx);

/* The same in memory of the caller's, which is back with `free_fn`. */
void flare__out_lend(struct flare__out_chunk *chunk, struct flare_str body,
                     flare_free_fn free_fn, void *ctx);

void flare__out_append(struct flare__out *out, struct flare__out_chunk *chunk);

/* Forgets a chunk that was not queued; its body stays the caller's. */
void flare__out_forget(struct flare__out_pool *pool,
                       struct flare__out_chunk *chunk);

/*
 * The next send: what is queued, as one buffer or several, up to the bounds
 * above.  None may be in flight.  `*iov` points to `one`, or to memory that
 * lives until flare__out_sent.  Returns the count; 0: nothing queued.
 */
uint32_t flare__out_next(struct flare__out *out, struct flare__out_pool *pool,
                         struct iovec *one, const struct iovec **iov);

/* The send in flight is done with: frees what is wholly sent. */
void flare__out_sent(struct flare__out *out, struct flare__out_pool *pool);

/* Drops everything; none is in flight. */
void flare__out_clear(struct flare__out *out, struct flare__out_pool *pool);

#endif
