/* SPDX-License-Identifier: MIT */
/*
 * The ring and the receive buffers: opened as large as asked for, or smaller
 * where RLIMIT_MEMLOCK says so, or not at all, with a reason.
 *
 * The floor is Linux 6.1: without DEFER_TASKRUN a ring is slower than epoll.
 * Kernels 6.16 and later charge ring memory to the user's RLIMIT_MEMLOCK,
 * over all processes of that user.
 */
#include "backends/uring.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_ENTRIES = 1024,
    RING_ENTRIES_MIN = 64,
    RING_ENTRIES_MAX = 4096,
    RING_CQ_FACTOR = 8, /* multishot: more completions than submissions */
    LEASE_BYTES = 4096,
    LEASE_COUNT = 1024,
    LEASE_COUNT_MIN = 16,
    LEASE_COUNT_MAX = 32768, /* the kernel's */
    MEMORY_WAIT_NS = 10000000,
    MEMORY_PATIENCE = 7,
    /*
     * Between leases: a red zone for AddressSanitizer, and their first lines
     * do not all fall into one set of the L1 cache (no gain was measured with
     * 1 024 connections, nor a loss).
     */
    LEASE_SPACING = 64,
    BUNDLE_LEASES_MAX = 32,
    /* Less costs more completions, more leaves the cache: 16 uploads of 1 MiB
     * took 135 us each with 16 KiB, 103 with 64 and 119 with 128 here. */
    BUNDLE_BYTES_MAX = 64 * 1024
};

/*
 * liburing maps and unmaps by system calls of its own, so ThreadSanitizer does
 * not see that what one thread mapped where another one had unmapped is new
 * memory; it is told that the one comes after the other.
 */
#if defined(__SANITIZE_THREAD__)
#define RING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RING_TSAN 1
#endif
#endif
#ifdef RING_TSAN
#include <sanitizer/tsan_interface.h>
static char ring_order;
#define RING_MAPPED() __tsan_acquire(&ring_order)
#define RING_UNMAPS() __tsan_release(&ring_order)
#else
#define RING_MAPPED() ((void)0)
#define RING_UNMAPS() ((void)0)
#endif

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16) /* Linux 6.6 */
#endif

static const char *ring_reason(int rc)
{
    switch (rc) {
    case -ENOSYS:
        return "this kernel has no io_uring, or a filter hides it (ENOSYS)";
    case -EPERM:
    case -EACCES:
        return "io_uring is denied by kernel.io_uring_disabled or by a seccomp "
               "filter (EPERM)";
    case -ENOMEM:
        return "no memory for a ring; RLIMIT_MEMLOCK is too low (ENOMEM)";
    case -EINVAL:
        return "this kernel's io_uring is older than Linux 6.1 (EINVAL)";
    case -EMFILE:
    case -ENFILE:
        return "no descriptor is left for a ring (EMFILE)";
    default:
        return flare_strerror(rc);
    }
}

/* One ring of `entries`; 0 or -errno. */
static int ring_try(struct flare__backend *b, uint32_t entries)
{
    struct io_uring_params params;
    int rc;

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = entries * RING_CQ_FACTOR;
    rc = io_uring_queue_init_params(entries, &b->ring, &params);
    RING_MAPPED();
    return rc;
}

static void ring_close(struct flare__backend *b)
{
    RING_UNMAPS();
    io_uring_queue_exit(&b->ring);
}

/* liburing fills this at each submit; for us the same entries stay for ever. */
static void ring_fill_array(struct io_uring *ring)
{
    if (ring->flags & IORING_SETUP_NO_SQARRAY)
        return;
    for (unsigned i = 0; i < ring->sq.ring_entries; i++)
        ring->sq.array[i] = i;
}

static int ring_check(struct flare__backend *b, struct flare_error *why)
{
    const unsigned needed =
        IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG;
    int rc;

    if ((b->ring.features & needed) != needed)
        return flare__error(why, -EOPNOTSUPP,
                            "io_uring: features %#x are missing",
                            needed & ~b->ring.features);
    rc = flare__uring_probe_nop(b); /* a filter may stop this only */
    if (rc < 0)
        return flare__error(why, rc, "io_uring: a first operation failed: %s",
                            ring_reason(rc));
    rc = io_uring_ring_dontfork(&b->ring);
    if (rc < 0)
        return flare__error(why, rc, "io_uring: madvise: %s",
                            flare_strerror(rc));
    return 0;
}

static int ring_check_denied(uint32_t denied, struct flare_error *why)
{
    const uint32_t needed =
        FLARE__CAP_DEFER_TASKRUN | FLARE__CAP_BUFFER_RING | FLARE__CAP_EXT_ARG;

    if ((denied & needed) == 0)
        return 0;
    return flare__error(why, -EOPNOTSUPP,
                        "io_uring: deferred task work, buffer rings and timed "
                        "waits are needed and were denied");
}

/* Of two; 0 stands for the default. */
static bool is_power(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

static int config_check(const struct flare__backend_config *config,
                        struct flare_error *why)
{
    if (is_power(config->queue_entries) && is_power(config->lease_bytes) &&
        is_power(config->lease_count) && config->lease_count <= LEASE_COUNT_MAX)
        return ring_check_denied(config->caps_denied, why);
    return flare__error(why, -EINVAL,
                        "io_uring: queue_entries %u, lease_bytes %u and "
                        "lease_count %u must be powers of two, the last at "
                        "most %d",
                        config->queue_entries, config->lease_bytes,
                        config->lease_count, LEASE_COUNT_MAX);
}

/* A ring of `entries` that works; 0 or -errno. */
static int ring_open(struct flare__backend *b, uint32_t entries,
                     struct flare_error *why)
{
    int rc = ring_try(b, entries);

    if (rc < 0)
        return flare__error(why, rc, "io_uring: %s", ring_reason(rc));
    ring_fill_array(&b->ring);
    rc = ring_check(b, why);
    if (rc < 0)
        ring_close(b);
    return rc;
}

static size_t page_round(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) & ~(page - 1);
}

/*
 * One mapping: the buffer ring, which must start a page, then the leases.
 * Not through the allocator hook: a forked child must not inherit it.
 */
static int leases_map(struct uring_leases *leases)
{
    size_t ring_size = page_round(leases->count * sizeof(struct io_uring_buf));
    size_t size =
        ring_size + page_round((size_t)leases->count * leases->stride);
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return -errno;
    if (madvise(map, size, MADV_DONTFORK) < 0) {
        int rc = -errno;

        (void)munmap(map, size); /* just mapped: cannot fail */
        return rc;
    }
    leases->ring = map;
    leases->base = (uint8_t *)map + ring_size;
    leases->mapped = size;
    return 0;
}

static void leases_unmap(struct uring_leases *leases)
{
    /* what is mapped here next is not the leases' */
    FLARE__UNPOISON(leases->ring, leases->mapped);
    (void)munmap(leases->ring, leases->mapped); /* ours: cannot fail */
}

static int leases_try(struct flare__backend *b)
{
    struct uring_leases *leases = &b->leases;
    struct io_uring_buf_reg reg;
    int rc = leases_map(leases);

    if (rc < 0)
        return rc;
    memset(&reg, 0, sizeof(reg));
    reg.ring_addr = (uint64_t)(uintptr_t)leases->ring;
    reg.ring_entries = leases->count;
    reg.bgid = URING_LEASE_GROUP;
    io_uring_buf_ring_init(leases->ring);
    rc = io_uring_register_buf_ring(&b->ring, &reg, 0);
    if (rc < 0)
        leases_unmap(leases);
    return rc;
}

/* At most `wanted` of them. */
static int leases_open(struct flare__backend *b, uint32_t wanted,
                       struct flare_error *why)
{
    struct uring_leases *leases = &b->leases;
    int rc;

    leases->count = wanted;
    rc = leases_try(b);
    while (rc == -ENOMEM && leases->count > LEASE_COUNT_MIN) {
        leases->count /= 2;
        rc = leases_try(b);
    }
    if (rc < 0)
        return flare__error(why, rc, "io_uring: receive buffers: %s",
                            ring_reason(rc));
    for (uint32_t i = 0; i < leases->count; i++)
        flare__uring_lease_give(b, i);
    return 0;
}

/* ---- both, as large as there is memory for */

/*
 * The kernel takes the memory of a ring that was closed, or failed to open,
 * off the user's account some milliseconds later, from a worker behind an RCU
 * grace period.  Nothing tells when (membarrier(2) returns too early), so this
 * waits; only where RLIMIT_MEMLOCK is short, and at most 130 ms in all.
 */
static void memory_wait(void)
{
    const struct timespec ts = {.tv_nsec = MEMORY_WAIT_NS};

    (void)nanosleep(&ts, NULL); /* shorter if a signal came: try again then */
}

static int memory_try(struct flare__backend *b, uint32_t entries,
                      uint32_t lease_count, struct flare_error *why)
{
    int rc = ring_open(b, entries, why);

    if (rc < 0)
        return rc;
    rc = leases_open(b, lease_count, why);
    if (rc < 0)
        ring_close(b);
    return rc;
}

/* Halves the ring until both fit, and at its smallest is patient. */
static int memory_find(struct flare__backend *b, uint32_t entries,
                       uint32_t lease_count, struct flare_error *why)
{
    int patience = MEMORY_PATIENCE;
    int rc = memory_try(b, entries, lease_count, why);

    while (rc == -ENOMEM && patience > 0) {
        memory_wait();
        if (entries > RING_ENTRIES_MIN)
            entries /= 2;
        else
            patience--;
        rc = memory_try(b, entries, lease_count, why);
    }
    return rc;
}

static int books_open(struct flare__backend *b, uint32_t count)
{
    struct uring_leases *leases = &b->leases;

    leases->out = flare__calloc(b->al, (count + 63) / 64, sizeof(*leases->out));
    leases->after = flare__calloc(b->al, count, sizeof(*leases->after));
    return leases->out != NULL && leases->after != NULL ? 0 : -ENOMEM;
}

static void books_close(struct flare__backend *b)
{
    flare__free(b->al, b->leases.after);
    flare__free(b->al, b->leases.out);
}

int flare__uring_memory_open(struct flare__backend *b,
                             const struct flare__backend_config *config,
                             struct flare_error *why)
{
    struct uring_leases *leases = &b->leases;
    uint32_t entries =
        config->queue_entries ? config->queue_entries : (uint32_t)RING_ENTRIES;
    uint32_t count =
        config->lease_count ? config->lease_count : (uint32_t)LEASE_COUNT;
    int rc = config_check(config, why);

    if (rc < 0)
        return rc;
    leases->bytes =
        config->lease_bytes ? config->lease_bytes : (uint32_t)LEASE_BYTES;
    leases->stride = leases->bytes + LEASE_SPACING;
    if (entries > RING_ENTRIES_MAX)
        entries = RING_ENTRIES_MAX;
    rc = books_open(b, count);
    if (rc < 0)
        (void)flare__error(why, rc, "io_uring: out of memory");
    else
        rc = memory_find(b, entries, count, why);
    if (rc < 0) {
        books_close(b);
        return rc;
    }
    if (b->ring.sq.ring_entries < entries || leases->count < count)
        flare__log(config->log, FLARE_LOG_INFO,
                   "io_uring: RLIMIT_MEMLOCK allows a ring of %u, not %u, and "
                   "%u receive buffers, not %u",
                   b->ring.sq.ring_entries, entries, leases->count, count);
    return 0;
}

/* The ring first: until it is closed the kernel may write to the leases. */
void flare__uring_memory_close(struct flare__backend *b)
{
    ring_close(b);
    leases_unmap(&b->leases);
    books_close(b);
}

/* ---- what of it works here */

/* Multishot is an advantage, not a need. */
static int cap_check(struct flare__backend *b, uint32_t cap,
                     int (*probe)(struct flare__backend *))
{
    int rc = (b->caps & cap) ? probe(b) : 1;

    if (rc == 0)
        b->caps &= ~cap;
    return rc;
}

/* What a socket may get at once: others must find leases too. */
static uint32_t bundle_bytes(const struct uring_leases *leases)
{
    uint32_t count = BUNDLE_BYTES_MAX / leases->bytes;

    if (count > BUNDLE_LEASES_MAX)
        count = BUNDLE_LEASES_MAX;
    if (count > leases->count / 2)
        count = leases->count / 2;
    return count > 1 ? count * leases->bytes : 0;
}

/*
 * Bundles are there from Linux 6.10 on, but wanted only where the probe finds
 * that they can be limited, 6.17: before that one socket could take the whole
 * pool, and the kernels of a year returned buffers out of order or crashed.
 */
static int bundle_check(struct flare__backend *b)
{
    int rc = 0;

    b->leases.bundle_bytes = bundle_bytes(&b->leases);
    if (b->leases.bundle_bytes > 0 &&
        (b->caps & FLARE__CAP_MULTISHOT_RECV) != 0 &&
        (b->ring.features & IORING_FEAT_RECVSEND_BUNDLE) != 0)
        rc = cap_check(b, FLARE__CAP_BUNDLE, flare__uring_probe_bundle);
    else
        b->caps &= ~(uint32_t)FLARE__CAP_BUNDLE;
    if ((b->caps & FLARE__CAP_BUNDLE) == 0)
        b->leases.bundle_bytes = 0;
    return rc;
}

int flare__uring_caps_check(struct flare__backend *b, uint32_t denied,
                            struct flare_error *why)
{
    const uint32_t wanted =
        (FLARE__CAP_MULTISHOT_ACCEPT | FLARE__CAP_MULTISHOT_RECV |
         FLARE__CAP_BUFFER_RING | FLARE__CAP_DEFER_TASKRUN |
         FLARE__CAP_EXT_ARG) &
        ~denied;
    int rc;

    b->caps = wanted | (FLARE__CAP_BUNDLE & ~denied);
    if (b->ring.flags & IORING_SETUP_NO_SQARRAY)
        b->caps |= FLARE__CAP_NO_SQARRAY;
    rc = cap_check(b, FLARE__CAP_MULTISHOT_RECV, flare__uring_probe_recv);
    if (rc >= 0)
        rc = cap_check(b, FLARE__CAP_MULTISHOT_ACCEPT,
                       flare__uring_probe_accept);
    if (rc >= 0)
        rc = bundle_check(b);
    if (rc < 0)
        return flare__error(why, rc, "io_uring: the self-test failed: %s",
                            ring_reason(rc));
    if ((b->caps & wanted) != wanted)
        flare__log(b->log, FLARE_LOG_INFO,
                   "io_uring: this kernel refuses capabilities %#x",
                   wanted & ~b->caps);
    return 0;
}
