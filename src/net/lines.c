/* SPDX-License-Identifier: MIT */
/*
 * See lines.h.  A giver reserves room by moving `head`, copies, and publishes
 * the record by writing its size; the writer takes records in order, clears
 * what it took, and gives it back by moving `tail`.  Bytes that no record has
 * begun in are 0, so a size that is not there yet reads 0.
 */
#include "net/lines.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINES_ALIGN = 8,
    LINES_WAIT_MS = 1000,  /* for a reader, and at the end */
    LINES_GATHER_MS = 2,   /* after waking: one write for many lines */
    LINES_PIPE_ROOM = 4096 /* what POLLOUT promises of a pipe: pipe(7) */
};

/* At the start of each record, which never wraps. */
struct record {
    _Atomic(uint32_t) size; /* of all of it; 0: not published */
    uint32_t len; /* of the line; UINT32_MAX: nothing, up to the end */
};

_Static_assert(sizeof(struct record) == LINES_ALIGN, "fits where a record may");

static struct record *lines_at(const struct flare__lines *l, uint64_t position)
{
    return (struct record *)(void *)(l->ring + (position & (l->size - 1)));
}

/* ---- givers ---- */

static void lines_post(struct flare__lines *l)
{
    pthread_mutex_lock(&l->lock);
    l->is_posted = true;
    pthread_cond_signal(&l->posted);
    pthread_mutex_unlock(&l->lock);
}

static void lines_wake(struct flare__lines *l)
{
    atomic_thread_fence(memory_order_seq_cst); /* pairs with lines_sleep */
    if (atomic_load_explicit(&l->is_asleep, memory_order_relaxed) &&
        atomic_exchange(&l->is_asleep, false))
        lines_post(l);
}

static void lines_publish(struct record *r, uint64_t size, uint32_t len)
{
    r->len = len;
    atomic_store_explicit(&r->size, (uint32_t)size, memory_order_release);
}

bool flare__lines_give(struct flare__lines *l, struct flare_str line)
{
    uint64_t need = (sizeof(struct record) + line.len + LINES_ALIGN - 1) &
                    ~(uint64_t)(LINES_ALIGN - 1);
    uint64_t head = atomic_load_explicit(&l->head, memory_order_relaxed);
    uint64_t gap;
    struct record *r;

    if (line.len > FLARE__LINES_CHUNK - 1 || need > l->size)
        goto drop;
    do {
        uint64_t tail = atomic_load_explicit(&l->tail, memory_order_acquire);
        uint64_t to_end = l->size - (head & (l->size - 1));

        gap = need > to_end ? to_end : 0;
        if (head - tail > l->size || gap + need > l->size - (head - tail))
            goto drop;
    } while (!atomic_compare_exchange_weak_explicit(
        &l->head, &head, head + gap + need, memory_order_relaxed,
        memory_order_relaxed));
    if (gap > 0)
        lines_publish(lines_at(l, head), gap, UINT32_MAX);
    r = lines_at(l, head + gap);
    if (line.len > 0)
        memcpy(r + 1, line.ptr, line.len);
    lines_publish(r, need, (uint32_t)line.len);
    lines_wake(l);
    return true;

drop:
    atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
    return false;
}

/* ---- the writer's thread ---- */

static bool lines_has_more(const struct flare__lines *l)
{
    uint64_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);

    return atomic_load_explicit(&lines_at(l, tail)->size,
                                memory_order_acquire) != 0;
}

/* Moves whole lines from the ring to the chunk. */
static void lines_gather(struct flare__lines *l)
{
    l->len = 0;
    l->count = 0;
    if (l->is_cut)
        l->chunk[l->len++] = '\n';
    while (lines_has_more(l)) {
        uint64_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
        struct record *r = lines_at(l, tail);
        uint32_t size = atomic_load_explicit(&r->size, memory_order_relaxed);
        uint32_t len = r->len == UINT32_MAX ? 0 : r->len;

        if (len > FLARE__LINES_CHUNK - l->len)
            return;
        memcpy(l->chunk + l->len, r + 1, len);
        l->len += len;
        l->count += r->len != UINT32_MAX;
        memset(r + 1, 0, size - sizeof(*r));
        r->len = 0;
        atomic_store_explicit(&r->size, 0, memory_order_relaxed);
        atomic_store_explicit(&l->tail, tail + size, memory_order_release);
    }
}

static int lines_wait_ms(struct flare__lines *l)
{
    uint64_t now_ns = flare__clock_monotonic();

    if (!atomic_load(&l->is_ending))
        return LINES_WAIT_MS;
    if (l->end_ns == 0)
        l->end_ns = now_ns + LINES_WAIT_MS * UINT64_C(1000000);
    return now_ns < l->end_ns ? (int)((l->end_ns - now_ns) / 1000000) : 0;
}

/* Waits until a write of chunk_max bytes will not. */
static bool lines_is_writable(struct flare__lines *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    int rc;

    do
        rc = poll(&p, 1, lines_wait_ms(l));
    while (rc < 0 && errno == EINTR);
    return rc > 0 && (p.revents & POLLOUT) != 0;
}

/* Writes the chunk; returns how many bytes went out. */
static uint32_t lines_write(struct flare__lines *l)
{
    uint32_t done = 0;

    while (done < l->len && lines_is_writable(l)) {
        uint32_t part = l->len - done;
        ssize_t n;

        if (part > l->chunk_max)
            part = l->chunk_max;
        n = write(l->fd, l->chunk + done, part);
        if (n > 0)
            done += (uint32_t)n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
            break;
    }
    return done;
}

static void lines_drop_rest(struct flare__lines *l, uint32_t done)
{
    uint32_t lost = 0;

    for (uint32_t i = done; i < l->len; i++)
        lost += l->chunk[i] == '\n';
    l->is_cut = done > 0 ? l->chunk[done - 1] != '\n' : l->is_cut;
    if (lost > l->count)
        lost = l->count; /* the line end that ends a cut line is none */
    atomic_fetch_add_explicit(&l->dropped, lost, memory_order_relaxed);
}

/* Until there is something, or the end. */
static void lines_sleep(struct flare__lines *l)
{
    atomic_store_explicit(&l->is_asleep, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with lines_wake */
    if (lines_has_more(l) || atomic_load(&l->is_ending)) {
        if (atomic_exchange(&l->is_asleep, false))
            return;
    } /* else somebody posts, or has */
    pthread_mutex_lock(&l->lock);
    while (!l->is_posted)
        pthread_cond_wait(&l->posted, &l->lock);
    l->is_posted = false;
    pthread_mutex_unlock(&l->lock);
    if (!atomic_load(&l->is_ending))
        (void)poll(NULL, 0, LINES_GATHER_MS);
}

static void *lines_run(void *arg)
{
    struct flare__lines *l = arg;

    while (!atomic_load(&l->is_ending) || lines_has_more(l)) {
        uint32_t done;

        if (!lines_has_more(l)) {
            lines_sleep(l);
            continue;
        }
        lines_gather(l);
        done = lines_write(l);
        if (done < l->len)
            lines_drop_rest(l, done);
        else
            l->is_cut = false;
    }
    return NULL;
}

/* ---- life ---- */

/* Without signals: SIGPIPE would kill, others are for the program's threads. */
static int lines_start(struct flare__lines *l)
{
    sigset_t all;
    sigset_t old;
    int rc;

    (void)sigfillset(&all); /* cannot fail */
    rc = pthread_sigmask(SIG_SETMASK, &all, &old);
    if (rc != 0)
        return -rc;
    rc = pthread_create(&l->thread, NULL, lines_run, l);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* as it was */
    return -rc;
}

/* Nobody waits. */
static void lines_free(struct flare__lines *l)
{
    (void)pthread_cond_destroy(&l->posted);
    (void)pthread_mutex_destroy(&l->lock);
    flare__free(l->al, l->ring);
}

int flare__lines_init(struct flare__lines *l, int fd, uint32_t bytes,
                      const struct flare_allocator *al)
{
    struct stat st;
    int rc;

    if (bytes < FLARE__LINES_BYTES_MIN || bytes > FLARE__LINES_BYTES_MAX)
        return -EINVAL;
    if (fstat(fd, &st) < 0)
        return -errno;
    memset(l, 0, sizeof(*l));
    l->al = al;
    l->fd = fd;
    l->chunk_max = S_ISREG(st.st_mode) ? FLARE__LINES_CHUNK : LINES_PIPE_ROOM;
    l->size = FLARE__LINES_BYTES_MIN;
    while (l->size < bytes)
        l->size *= 2;
    l->ring = flare__calloc(al, 1, l->size);
    if (l->ring == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&l->lock, NULL);  /* default: cannot fail */
    (void)pthread_cond_init(&l->posted, NULL); /* nor this */
    rc = lines_start(l);
    if (rc < 0) {
        lines_free(l);
    }
    return rc;
}

void flare__lines_fini(struct flare__lines *l)
{
    int rc;

    atomic_store(&l->is_ending, true);
    if (atomic_exchange(&l->is_asleep, false))
        lines_post(l);
    rc = pthread_join(l->thread, NULL);
    FLARE_ASSERT(rc == 0);
    lines_free(l);
}
