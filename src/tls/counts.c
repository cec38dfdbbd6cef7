/* SPDX-License-Identifier: MIT */
/* See counts.h. */
#include "tls/counts.h"

#include "base/alloc.h"

#include <stdatomic.h>

struct flare__tls_counts {
    const struct flare_allocator *al;
    atomic_uint refs;
    _Atomic(uint64_t) handshakes;
    _Atomic(uint64_t) resumed;
    _Atomic(uint64_t) failed;
    _Atomic(uint64_t) kernel_tx;
    _Atomic(uint64_t) kernel_rx;
};

struct flare__tls_counts *flare__tls_counts_new(
    const struct flare_allocator *al)
{
    struct flare__tls_counts *counts = flare__calloc(al, 1, sizeof(*counts));

    if (counts == NULL)
        return NULL;
    counts->al = al;
    atomic_init(&counts->refs, 1);
    atomic_init(&counts->handshakes, 0);
    atomic_init(&counts->resumed, 0);
    atomic_init(&counts->failed, 0);
    atomic_init(&counts->kernel_tx, 0);
    atomic_init(&counts->kernel_rx, 0);
    return counts;
}

struct flare__tls_counts *flare__tls_counts_ref(
    struct flare__tls_counts *counts)
{
    atomic_fetch_add_explicit(&counts->refs, 1, memory_order_relaxed);
    return counts;
}

void flare__tls_counts_unref(struct flare__tls_counts *counts)
{
    if (counts != NULL &&
        atomic_fetch_sub_explicit(&counts->refs, 1, memory_order_acq_rel) == 1)
        flare__free(counts->al, counts);
}

static void counts_add(_Atomic(uint64_t) *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

void flare__tls_counts_opened(struct flare__tls_counts *counts, bool is_resumed)
{
    if (counts == NULL)
        return;
    counts_add(&counts->handshakes);
    if (is_resumed)
        counts_add(&counts->resumed);
}

void flare__tls_counts_failed(struct flare__tls_counts *counts)
{
    if (counts != NULL)
        counts_add(&counts->failed);
}

void flare__tls_counts_kernel(struct flare__tls_counts *counts, bool is_sent)
{
    if (counts != NULL)
        counts_add(is_sent ? &counts->kernel_tx : &counts->kernel_rx);
}

static uint64_t counts_get(_Atomic(uint64_t) *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void flare__tls_counts_read(struct flare__tls_counts *counts,
                            struct flare_tls_stats *out)
{
    *out = (struct flare_tls_stats){
        .handshakes = counts_get(&counts->handshakes),
        .resumed = counts_get(&counts->resumed),
        .failed = counts_get(&counts->failed),
        .kernel_tx = counts_get(&counts->kernel_tx),
        .kernel_rx = counts_get(&counts->kernel_rx),
    };
}
