/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend: one ring for one thread, one io_uring_enter(2) for
 * each poll that has something to submit or to wait for.  Linux 6.1 or later;
 * elsewhere `open` says why not, and epoll runs.
 *
 * With DEFER_TASKRUN completions appear only inside io_uring_enter with
 * GETEVENTS; so every entry of `poll` asks for them, and a busy local list
 * must not keep it out of the kernel for long.
 */
#include "backends/uring.h"

#include "backends/datagram.h"
#include "backends/fd.h"
#include "backends/record.h"
#include "base/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Polls in a row that may be answered without looking at the kernel. */
enum { SKIPPED_MAX = 16 };

/* Rounds of a poll that does not wait, as completions cause submissions. */
enum { ROUNDS_MAX = 4 };

static uint64_t uring_now(struct flare__backend *b)
{
    struct timespec ts;

    (void)b;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* always there on Linux */
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t uring_caps(const struct flare__backend *b)
{
    return b->caps;
}

/* ---- life */

static int wake_open(struct flare__backend *b, struct flare_error *why)
{
    int rc;

    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake_fd < 0)
        return flare__error(why, -errno, "io_uring: eventfd: %s",
                            flare_strerror(-errno));
    rc = flare__uring_wake_arm(b);
    if (rc < 0)
        (void)close(b->wake_fd);
    return rc;
}

static int slots_open(struct flare__backend *b, struct flare_error *why)
{
    b->slots = flare__calloc(b->al, b->ring.sq.ring_entries, sizeof(*b->slots));
    if (b->slots == NULL)
        return flare__error(why, -ENOMEM, "io_uring: out of memory");
    return 0;
}

/* The parts, first to last; on failure those that stand are taken down. */
static int uring_open_parts(struct flare__backend *b,
                            const struct flare__backend_config *config,
                            struct flare_error *why)
{
    int rc = flare__uring_memory_open(b, config, why);

    if (rc < 0)
        return rc;
    rc = flare__uring_caps_check(b, config->caps_denied, why);
    if (rc < 0)
        goto fail_memory;
    rc = slots_open(b, why);
    if (rc < 0)
        goto fail_memory;
    rc = wake_open(b, why);
    if (rc < 0)
        goto fail_slots;
    return 0;

fail_slots:
    flare__free(b->al, b->slots);
fail_memory:
    flare__uring_memory_close(b);
    return rc;
}

static int uring_open(struct flare__backend **out,
                      const struct flare__backend_config *config,
                      struct flare_error *why)
{
    const struct flare_allocator *al =
        config->al ? config->al : &flare__allocator_default;
    struct flare__backend *b = flare__alloc(al, sizeof(*b));
    int rc;

    if (b == NULL)
        return flare__error(why, -ENOMEM, "io_uring: out of memory");
    memset(b, 0, sizeof(*b));
    b->al = al;
    b->log = config->log;
    b->event_fd = b->embed_fd = -1;
    flare__handles_init(&b->handles, al, 0);
    rc = uring_open_parts(b, config, why);
    if (rc < 0) {
        flare__free(al, b);
        return rc;
    }
    *out = b;
    return 0;
}

static void uring_free(struct flare__backend *b)
{
    if (b == NULL)
        return;
    FLARE_ASSERT(b->local.head == NULL && b->starved.head == NULL);
    flare__handles_fini(&b->handles);
    flare__uring_memory_close(b);
    (void)close(b->wake_fd);
    flare__uring_embed_close(b);
    flare__free(b->al, b->slots);
    flare__free(b->al, b);
}

/* ---- poll and wake */

/*
 * Submits, runs deferred completions and waits for one until `deadline_ns`.
 * 1: look for completions; 0: nothing came; -errno: the ring is broken.
 */
static int uring_wait(struct flare__backend *b, uint64_t deadline_ns)
{
    struct io_uring_getevents_arg arg = {.sigmask_sz = _NSIG / 8};
    struct __kernel_timespec ts;
    unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    unsigned wait = deadline_ns > 0 ? 1 : 0;
    int rc;

    if (wait > 0 && deadline_ns != UINT64_MAX) {
        uint64_t now = uring_now(b);
        uint64_t left = deadline_ns > now ? deadline_ns - now : 0;

        ts.tv_sec = (int64_t)(left / 1000000000u);
        ts.tv_nsec = (long long)(left % 1000000000u);
        arg.ts = (uint64_t)(uintptr_t)&ts;
    }
    b->skipped = 0;
    rc = uring_enter(b->ring.ring_fd, uring_queued(b), wait, flags, &arg,
                     sizeof(arg));
    if (FLARE_LIKELY(rc >= 0))
        return 1;
    switch (rc) {
    case -EBUSY: /* completions to be taken first */
        return 1;
    case -ETIME:
    case -EINTR:
    case -EAGAIN: /* out of kernel memory: the loop asks again */
        return 0;
    default:
        return rc;
    }
}

/* What a poll that has `n` events need not wait for. */
static bool has_work(const struct flare__backend *b, int n)
{
    return n > 0 || b->local.head != NULL || b->starved_gone > 0 ||
           (b->starved.head != NULL && b->leases.held < b->leases.count);
}

/* Polled, never read: each write to an eventfd completes a multishot poll. */
static void uring_wake(struct flare__backend *b)
{
    const uint64_t one = 1;

    if (atomic_exchange(&b->waking, 1) == 0)
        (void)!write(b->wake_fd, &one, sizeof(one)); /* full: already awake */
}

static int uring_poll(struct flare__backend *b, struct flare__event *events,
                      int capacity, uint64_t deadline_ns)
{
    bool is_quiet = false;
    int rounds = 0;
    int n;
    int rc;

    FLARE_ASSERT(capacity > 0);
    do {
        unsigned head = *b->ring.cq.khead;

        if (FLARE_UNLIKELY(b->embed_fd >= 0))
            flare__uring_embed_clear(b);
        if (b->starved.head != NULL)
            flare__uring_resume(b);
        if (!b->is_wake_armed)
            (void)flare__uring_wake_arm(b); /* else at the next poll */
        n = flare__uring_local(b, events, capacity);
        n += flare__uring_reap(b, events + n, capacity - n);
        if (n > 0 && uring_queued(b) == 0 && ++b->skipped < SKIPPED_MAX)
            rc = 1;
        else
            rc = uring_wait(b, has_work(b, n) ? 0 : deadline_ns);
        if (rc < 0)
            return n > 0 ? n : rc;
        n += flare__uring_reap(b, events + n, capacity - n);
        n += flare__uring_local(b, events + n, capacity - n);
        is_quiet = deadline_ns == 0 &&
                   ((head == *b->ring.cq.khead && uring_queued(b) == 0) ||
                    ++rounds > ROUNDS_MAX);
        /* a file that is being sent must not keep the loop from its timers */
    } while (n == 0 && rc > 0 && !is_quiet && b->local.head == NULL);
    if (n == 0 && b->embed_fd >= 0 && (has_work(b, n) || uring_queued(b) > 0))
        uring_wake(b); /* the kernel knows nothing of it */
    return n;
}

/* A receive of the ring reads on until there is nothing, as it always does. */
static void uring_record_start(struct flare__backend *b,
                               struct flare__sock *sock)
{
    (void)b;
    (void)sock;
}

const struct flare__backend_ops flare__backend_uring = {
    .name = "uring",
    .open = uring_open,
    .free = uring_free,
    .caps = uring_caps,
    .now = uring_now,
    .attach = flare__uring_attach,
    .peer = flare__fd_peer,
    .local = flare__fd_local,
    .queued = flare__fd_queued,
    .socket = flare__fd_socket,
    .option = flare__fd_option,
    .bind = flare__fd_bind,
    .discard = flare__uring_discard,
    .accept_start = flare__uring_accept_start,
    .accept_stop = flare__uring_stream_stop,
    .connect = flare__uring_connect,
    .recv_start = flare__uring_recv_start,
    .recv_stop = flare__uring_stream_stop,
    .lease_put = flare__uring_lease_put,
    .send = flare__uring_send,
    .sendfile = flare__uring_sendfile,
    .shutdown_send = flare__uring_shutdown_send,
    .close = flare__uring_close,
    .poll_fd = flare__uring_poll_fd,
    .poll_start = flare__uring_poll_start,
    .poll_stop = flare__uring_poll_stop,
    .datagram_recv = flare__datagram_recv,
    .datagram_send = flare__datagram_send,
    .record_start = uring_record_start,
    .record_send = flare__record_send,
    .record_recv = flare__record_recv,
    .descriptor = flare__uring_descriptor,
    .poll = uring_poll,
    .wake = uring_wake,
};
