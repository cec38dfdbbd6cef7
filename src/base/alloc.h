/* SPDX-License-Identifier: MIT */
/*
 * Allocation through the user's hook.  Every allocation of the library goes
 * through these four, so that a test can fail each in turn.
 */
#ifndef FLARE__BASE_ALLOC_H
#define FLARE__BASE_ALLOC_H

#include <flare/alloc.h>

/* malloc, realloc, free. */
extern const struct flare_allocator flare__allocator_default;

/* NULL when there is none; the block is not cleared.  `size` is not 0. */
void *flare__alloc(const struct flare_allocator *al, size_t size);

/* As flare__alloc, cleared; NULL also when count * size overflows. */
void *flare__calloc(const struct flare_allocator *al, size_t count,
                    size_t size);

/* On failure NULL, and `block` is still the caller's. */
void *flare__realloc(const struct flare_allocator *al, void *block,
                     size_t size);

/* Accepts NULL. */
void flare__free(const struct flare_allocator *al, void *block);

/*
 * For memory that is divided up further: under AddressSanitizer, touching
 * poisoned bytes is reported; elsewhere nothing.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLARE__ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FLARE__ASAN 1
#endif

#ifdef FLARE__ASAN
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#endif

static inline void flare__poison(const void *bytes, size_t size)
{
#ifdef FLARE__ASAN
    __asan_poison_memory_region(bytes, size);
#else
    (void)bytes;
    (void)size;
#endif
}

static inline void flare__unpoison(const void *bytes, size_t size)
{
#ifdef FLARE__ASAN
    __asan_unpoison_memory_region(bytes, size);
#else
    (void)bytes;
    (void)size;
#endif
}

#endif
