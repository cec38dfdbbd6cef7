/* SPDX-License-Identifier: MIT */
/* The allocator hook. */
#ifndef FLARE_ALLOC_H
#define FLARE_ALLOC_H

#include <flare/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Memory for one server or loop.  All three are given, or none (malloc).
 * `alloc_fn` and `realloc_fn` return memory aligned as malloc does, or NULL,
 * which the library reports as -ENOMEM and survives.  Called from every
 * worker's thread at once.  io_uring's rings and receive buffers are mapped,
 * and do not come from here; nor does what a thread is looking up, which may
 * outlive its loop (flare/dns.h).
 */
struct flare_allocator {
    void *(*alloc_fn)(size_t size, void *ctx);
    void *(*realloc_fn)(void *block, size_t size, void *ctx);
    void (*free_fn)(void *block, void *ctx);
    void *ctx;
};

/* Gives back what a caller handed over: flare_res_give and its like. */
typedef void (*flare_free_fn)(void *ctx, void *block);

#ifdef __cplusplus
}
#endif
#endif
