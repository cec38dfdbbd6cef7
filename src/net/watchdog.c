/* SPDX-License-Identifier: MIT */
/*
 * See watchdog.h.  Its thread sleeps half of stall_ms at a time, so a stall is
 * seen before it is one and a half times as long.
 */
#include "net/watchdog.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"
#include "net/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    WATCHDOG_LINE_MS =
        1000,           /* between new stalls of one worker that are told */
    WATCHDOG_LINE = 128 /* what calloc's block is aligned to */
};

#define NS_PER_MS UINT64_C(1000000)

/* Of the watchdog's thread. */
struct watchdog_seen {
    uint64_t stall_ns; /* when the turn began that is a stall; 0: none */
    uint64_t next_ms;  /* how long it must be for another line; 0: not told */
    uint64_t told_ns;  /* when a stall was told last */
    uint32_t untold;   /* since then */
};

struct flare__watchdog {
    struct flare__watchdog_config config;
    void *block; /* what the allocator gave, before aligning */
    struct flare__watch *watches;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopped;
    struct watchdog_seen seen[];
};

/* ---- notes ---- */

/*
 * Release on every word keeps them between the two versions; on x86 they are
 * plain stores.
 */
void flare__watch_note(struct flare__watch *watch, struct flare_str what)
{
    uint64_t words[FLARE__WATCH_NOTE_MAX / sizeof(uint64_t)] = {0};
    size_t len =
        what.len < FLARE__WATCH_NOTE_MAX ? what.len : FLARE__WATCH_NOTE_MAX;
    unsigned version =
        atomic_load_explicit(&watch->version, memory_order_relaxed);

    if (len == 0) {
        flare__watch_clear(watch);
        return;
    }
    memcpy(words, what.ptr, len);
    atomic_store_explicit(&watch->version, version + 1, memory_order_relaxed);
    for (size_t i = 0; i * sizeof(uint64_t) < len; i++)
        atomic_store_explicit(&watch->note[i], words[i], memory_order_release);
    atomic_store_explicit(&watch->note_len, (unsigned)len,
                          memory_order_release);
    atomic_store_explicit(&watch->version, version + 2, memory_order_release);
}

/* Escaped; empty if there is none, or it is just being written. */
static void watch_read(struct flare__watch *watch, char *out, size_t size)
{
    uint64_t words[FLARE__WATCH_NOTE_MAX / sizeof(uint64_t)];
    unsigned version =
        atomic_load_explicit(&watch->version, memory_order_acquire);
    unsigned len = atomic_load_explicit(&watch->note_len, memory_order_acquire);

    out[0] = '\0';
    for (size_t i = 0; i * sizeof(uint64_t) < len; i++)
        words[i] = atomic_load_explicit(&watch->note[i], memory_order_acquire);
    if (len == 0 || (version & 1) != 0 ||
        atomic_load_explicit(&watch->version, memory_order_relaxed) != version)
        return;
    (void)flare__log_escape(out, size,
                            (struct flare_str){(const char *)words, len});
}

void flare__watch_start(struct flare__watch *watch, struct flare_loop *loop)
{
    atomic_store_explicit(&watch->loop, loop, memory_order_release);
}

void flare__watch_stop(struct flare__watch *watch)
{
    atomic_store_explicit(&watch->loop, NULL, memory_order_release);
}

/* ---- looking ---- */

static void watchdog_tell(struct flare__watchdog *dog, uint32_t index,
                          uint64_t ms, bool is_abort)
{
    char path[2 * FLARE__WATCH_NOTE_MAX];
    char others[48] = "";
    struct watchdog_seen *seen = &dog->seen[index];

    watch_read(&dog->watches[index], path, sizeof(path));
    if (seen->untold > 0)
        (void)snprintf(others, sizeof(others), " (%u other stalls before)",
                       seen->untold);
    seen->untold = 0;
    flare__log(&dog->config.log, is_abort ? FLARE_LOG_ERROR : FLARE_LOG_WARN,
               "worker %u has been in one turn for %u ms, in %s%s%s%s", index,
               (unsigned)ms,
               path[0] != '\0' ? "the handler for " : "no handler", path,
               others, is_abort ? "; aborting" : "");
}

/* A turn that is too long: `since_ns` is when it began. */
static void watchdog_on_stall(struct flare__watchdog *dog, uint32_t index,
                              uint64_t since_ns, uint64_t now_ns)
{
    struct watchdog_seen *seen = &dog->seen[index];
    uint64_t ms = (now_ns - since_ns) / NS_PER_MS;

    if (dog->config.abort_ms != 0 && ms >= dog->config.abort_ms) {
        watchdog_tell(dog, index, ms, /* is_abort = */ true);
        FLARE_ASSERT(!"a turn ends within stall_abort_ms");
    }
    if (seen->stall_ns != since_ns) {
        seen->stall_ns = since_ns;
        seen->next_ms = 0;
        if (seen->told_ns != 0 &&
            now_ns - seen->told_ns < WATCHDOG_LINE_MS * NS_PER_MS) {
            seen->untold++;
            seen->next_ms = WATCHDOG_LINE_MS; /* if it gets really long */
            return;
        }
    }
    if (ms < seen->next_ms)
        return;
    watchdog_tell(dog, index, ms, /* is_abort = */ false);
    seen->told_ns = now_ns;
    seen->next_ms = 2 * ms;
}

static void watchdog_look(struct flare__watchdog *dog, uint32_t index)
{
    struct watchdog_seen *seen = &dog->seen[index];
    struct flare_loop *loop =
        atomic_load_explicit(&dog->watches[index].loop, memory_order_acquire);
    uint64_t since_ns;
    uint64_t now_ns;

    if (loop == NULL)
        return;
    since_ns = atomic_load_explicit(&loop->turn_ns, memory_order_relaxed);
    now_ns = flare__clock_monotonic();
    if (since_ns != 0 && now_ns > since_ns &&
        now_ns - since_ns >= dog->config.stall_ms * NS_PER_MS) {
        watchdog_on_stall(dog, index, since_ns, now_ns);
        return;
    }
    if (seen->stall_ns != 0 && seen->told_ns >= seen->stall_ns)
        flare__log(&dog->config.log, FLARE_LOG_INFO,
                   "worker %u goes on after at most %u ms", index,
                   (unsigned)((now_ns - seen->stall_ns) / NS_PER_MS));
    seen->stall_ns = 0;
}

/* Locked.  Sleeps until then; false: it is to end. */
static bool watchdog_sleep(struct flare__watchdog *dog, uint64_t until_ns)
{
    int rc = 0;

    while (!dog->is_stopped && rc == 0)
        rc = flare__os_cond_wait(&dog->changed, &dog->lock, until_ns);
    return !dog->is_stopped;
}

static void *watchdog_main(void *arg)
{
    struct flare__watchdog *dog = arg;
    uint64_t stall_ns = dog->config.stall_ms * NS_PER_MS;
    uint64_t until_ns = flare__clock_monotonic();

    pthread_mutex_lock(&dog->lock);
    for (;;) {
        until_ns += stall_ns / 2;
        if (!watchdog_sleep(dog, until_ns))
            break;
        if (flare__clock_monotonic() - until_ns >= stall_ns) {
            until_ns = flare__clock_monotonic(); /* nobody ran, it seems */
            continue;
        }
        for (uint32_t i = 0; i < dog->config.count; i++)
            watchdog_look(dog, i);
        until_ns = flare__clock_monotonic();
    }
    pthread_mutex_unlock(&dog->lock);
    return NULL;
}

/* ---- life ---- */

/* Signals are for the threads of the program. */
static int watchdog_start(struct flare__watchdog *dog)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&dog->thread, NULL, watchdog_main, dog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void watchdog_free(struct flare__watchdog *dog)
{
    pthread_cond_destroy(&dog->changed);
    pthread_mutex_destroy(&dog->lock);
    flare__free(dog->config.al, dog->block);
    flare__free(dog->config.al, dog);
}

int flare__watchdog_open(struct flare__watchdog **out,
                         const struct flare__watchdog_config *config)
{
    struct flare__watchdog *dog = flare__calloc(
        config->al, 1, sizeof(*dog) + config->count * sizeof(dog->seen[0]));
    int rc;

    FLARE_ASSERT(config->stall_ms > 0);
    if (dog == NULL)
        return -ENOMEM;
    dog->config = *config;
    dog->block = flare__calloc(config->al, 1,
                               WATCHDOG_LINE +
                                   config->count * sizeof(struct flare__watch));
    if (dog->block == NULL) {
        flare__free(config->al, dog);
        return -ENOMEM;
    }
    dog->watches = (void *)(((uintptr_t)dog->block + WATCHDOG_LINE - 1) &
                            ~(uintptr_t)(WATCHDOG_LINE - 1));
    (void)pthread_mutex_init(&dog->lock, NULL); /* glibc, musl: never fail */
    (void)flare__os_cond_init(&dog->changed);   /* likewise */
    rc = watchdog_start(dog);
    if (rc < 0) {
        watchdog_free(dog);
        return rc;
    }
    *out = dog;
    return 0;
}

void flare__watchdog_close(struct flare__watchdog *dog)
{
    if (dog == NULL)
        return;
    pthread_mutex_lock(&dog->lock);
    dog->is_stopped = true;
    pthread_cond_signal(&dog->changed);
    pthread_mutex_unlock(&dog->lock);
    (void)pthread_join(dog->thread, NULL);
    watchdog_free(dog);
}

struct flare__watch *flare__watchdog_at(struct flare__watchdog *dog,
                                        uint32_t index)
{
    FLARE_ASSERT(index < dog->config.count);
    return &dog->watches[index];
}
