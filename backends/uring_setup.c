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
#include <unistd.h>

enum {
    RING_ENTRIES = 1024,
    RING_ENTRIES_MIN = 64,
    RING_ENTRIES_MAX =
        4096,           /* times RING_CQ_FACTOR within the kernel's 65536 */
    RING_CQ_FACTOR = 8, /* completions are more than submissions: multishot */
    LEASE_BYTES = 4096,
    LEASE_COUNT = 1024,
    LEASE_COUNT_MIN = 16,
    LEASE_COUNT_MAX = 32768, /* the kernel's */
    /*
     * Without this the first lines of all leases would share one set of the
     * L1 cache, as they are a power of two apart.
     */
    LEASE_SPACING = 64
};

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

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = entries * RING_CQ_FACTOR;
    return io_uring_queue_init_params(entries, &b->ring, &params);
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

int flare__uring_ring_open(struct flare__backend *b,
                           const struct flare__backend_config *config,
                           struct flare_error *why)
{
    uint32_t wanted =
        config->queue_entries ? config->queue_entries : (uint32_t)RING_ENTRIES;
    uint32_t entries;
    int rc = ring_check_denied(config->caps_denied, why);

    if (rc < 0)
        return rc;
    if (wanted > RING_ENTRIES_MAX)
        wanted = RING_ENTRIES_MAX;
    entries = wanted;
    rc = ring_try(b, entries);
    while (rc == -ENOMEM && entries > RING_ENTRIES_MIN) {
        entries /= 2;
        rc = ring_try(b, entries);
    }
    if (rc < 0)
        return flare__error(why, rc, "io_uring: %s", ring_reason(rc));
    if (entries < wanted)
        flare__log(config->log, FLARE_LOG_INFO,
                   "io_uring: RLIMIT_MEMLOCK allows a ring of %u entries, not "
                   "%u",
                   entries, wanted);
    ring_fill_array(&b->ring);
    rc = ring_check(b, why);
    if (rc < 0) {
        io_uring_queue_exit(&b->ring);
        return rc;
    }
    b->caps = FLARE__CAP_MULTISHOT_ACCEPT | FLARE__CAP_MULTISHOT_RECV |
              FLARE__CAP_BUFFER_RING | FLARE__CAP_DEFER_TASKRUN |
              FLARE__CAP_EXT_ARG;
    if (b->ring.flags & IORING_SETUP_NO_SQARRAY)
        b->caps |= FLARE__CAP_NO_SQARRAY;
    b->caps &= ~config->caps_denied;
    return 0;
}

/* Multishot is an advantage, not a need. */
static int cap_check(struct flare__backend *b, uint32_t cap,
                     int (*probe)(struct flare__backend *))
{
    int rc = (b->caps & cap) ? probe(b) : 1;

    if (rc == 0)
        b->caps &= ~cap;
    return rc;
}

int flare__uring_caps_check(struct flare__backend *b, struct flare_error *why)
{
    const uint32_t wanted = b->caps;
    int rc = cap_check(b, FLARE__CAP_MULTISHOT_RECV, flare__uring_probe_recv);

    if (rc >= 0)
        rc = cap_check(b, FLARE__CAP_MULTISHOT_ACCEPT,
                       flare__uring_probe_accept);
    if (rc < 0)
        return flare__error(why, rc, "io_uring: the self-test failed: %s",
                            ring_reason(rc));
    if (b->caps != wanted)
        flare__log(b->log, FLARE_LOG_INFO,
                   "io_uring: this kernel refuses capabilities %#x",
                   wanted & ~b->caps);
    return 0;
}

void flare__uring_ring_close(struct flare__backend *b)
{
    io_uring_queue_exit(&b->ring);
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
        (void)munmap(leases->ring, leases->mapped);
    return rc;
}

int flare__uring_leases_open(struct flare__backend *b,
                             const struct flare__backend_config *config,
                             struct flare_error *why)
{
    struct uring_leases *leases = &b->leases;
    uint32_t wanted =
        config->lease_count ? config->lease_count : (uint32_t)LEASE_COUNT;
    int rc;

    if (wanted > LEASE_COUNT_MAX)
        wanted = LEASE_COUNT_MAX;
    leases->bytes =
        config->lease_bytes ? config->lease_bytes : (uint32_t)LEASE_BYTES;
    leases->stride = leases->bytes + LEASE_SPACING;
    leases->count = wanted;
    rc = leases_try(b);
    while (rc == -ENOMEM && leases->count > LEASE_COUNT_MIN) {
        leases->count /= 2;
        rc = leases_try(b);
    }
    if (rc < 0)
        return flare__error(why, rc, "io_uring: receive buffers: %s",
                            ring_reason(rc));
    if (leases->count < wanted)
        flare__log(config->log, FLARE_LOG_INFO,
                   "io_uring: memory for %u receive buffers, not %u",
                   leases->count, wanted);
    leases->out =
        flare__calloc(b->al, (leases->count + 63) / 64, sizeof(*leases->out));
    if (leases->out == NULL) {
        (void)munmap(leases->ring, leases->mapped); /* the ring closes next */
        return flare__error(why, -ENOMEM, "io_uring: out of memory");
    }
    for (uint32_t i = 0; i < leases->count; i++)
        flare__uring_lease_give(b, i);
    return 0;
}

void flare__uring_leases_close(struct flare__backend *b)
{
    (void)munmap(b->leases.ring, b->leases.mapped); /* nothing left to do */
    flare__free(b->al, b->leases.out);
}
