/* SPDX-License-Identifier: MIT */
/*
 * See worker.h.  The threads meet twice: when all have started or failed, and
 * at the join.  In between they share nothing.
 */
#include "net/worker.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/choose.h"
#include "net/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

struct flare__executor {
    const struct flare__executor_config *config;
    struct flare__worker *workers;
    uint32_t spawned; /* threads to be joined, workers 1 to spawned */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t expected; /* workers that will arrive */
    uint32_t arrived;
    bool has_failed;
};

/* ---- how many CPUs, and which ---- */

/*
 * The cgroup's quota in CPUs, rounded up; 0: none or unknown.  Version 2 only:
 * "max 100000" or "150000 100000".
 */
static uint32_t worker_cgroup_cpus(void)
{
    char text[64];
    unsigned long long quota = 0;
    unsigned long long period = 0;
    ssize_t n;
    int fd = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    (void)close(fd); /* only read from */
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "%llu %llu", &quota, &period) != 2 || period == 0)
        return 0;
    return (uint32_t)((quota + period - 1) / period);
}

uint32_t flare__worker_cpus(void)
{
    struct flare__os_cpus set;
    uint32_t quota = worker_cgroup_cpus();
    uint32_t count = flare__os_cpus(&set);

    return quota != 0 && quota < count ? quota : count;
}

uint64_t flare__worker_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024; /* what systems give when nobody asks for more */
    return limit.rlim_cur;
}

/* Binds the calling thread to the n-th CPU of its mask, counted round. */
static int worker_pin(uint32_t index)
{
    struct flare__os_cpus set;

    (void)flare__os_cpus(&set); /* how many does not matter */
    return flare__os_bind_nth(&set, index);
}

/* ---- one worker's life ---- */

static int worker_open_loop(struct flare__worker *w)
{
    const struct flare__executor_config *c = w->executor->config;
    struct flare__backend_config bc = {.al = c->al, .log = &c->log};
    struct flare__loop_config lc = {.al = c->al, .log = c->log};
    int rc =
        flare__backend_choose(&lc.ops, &lc.backend, c->backend, &bc, &w->error);

    if (rc < 0)
        return rc;
    rc = flare__loop_open(&w->loop, &lc);
    if (rc < 0) {
        lc.ops->free(lc.backend);
        return flare__error(&w->error, rc, "worker %u: %s", w->index,
                            flare_strerror(rc));
    }
    return 0;
}

static int worker_start(struct flare__worker *w)
{
    const struct flare__executor_config *c = w->executor->config;
    int rc;

    if (c->is_pinned) {
        rc = worker_pin(w->index);
        if (rc < 0)
            return flare__error(&w->error, rc, "worker %u: pinning: %s",
                                w->index, flare_strerror(rc));
    }
    rc = worker_open_loop(w);
    if (rc < 0)
        return rc;
    rc = c->start(w, c->ctx);
    if (rc < 0) {
        if (flare__loop_evict(w->loop) == 0) /* what start had opened */
            flare__loop_free(w->loop);
        w->loop = NULL;
    }
    return rc;
}

/* Waits until every worker has started or failed; true: all have started. */
static bool worker_meet(struct flare__executor *ex, int rc)
{
    bool is_all;

    (void)pthread_mutex_lock(&ex->lock); /* cannot fail: ours, not held */
    ex->arrived++;
    if (rc < 0)
        ex->has_failed = true;
    (void)pthread_cond_broadcast(&ex->changed); /* never fails */
    while (ex->arrived < ex->expected)
        (void)pthread_cond_wait(&ex->changed, &ex->lock); /* never fails */
    is_all = !ex->has_failed;
    (void)pthread_mutex_unlock(&ex->lock); /* cannot fail: held */
    return is_all;
}

static void worker_run(struct flare__worker *w)
{
    const struct flare__executor_config *c = w->executor->config;
    bool is_all;

    w->rc = worker_start(w);
    is_all = worker_meet(w->executor, w->rc);
    if (w->rc < 0)
        return;
    if (is_all && w->index == 0 && c->on_started != NULL)
        c->on_started(c->ctx);
    while (is_all && c->goes_on(w, c->ctx)) {
        w->rc = flare__loop_turn(w->loop, UINT64_MAX);
        if (w->rc < 0) {
            (void)flare__error(&w->error, w->rc,
                               "worker %u: the loop broke: %s", w->index,
                               flare_strerror(w->rc));
            if (c->on_broken != NULL) /* no finish: FAILURES I18 */
                c->on_broken(c->ctx);
            return;
        }
    }
    c->finish(w, c->ctx);
    if (flare__loop_evict(w->loop) == 0) /* what the user has left open */
        flare__loop_close(w->loop);
}

static void *worker_main(void *arg)
{
    worker_run(arg);
    return NULL;
}

/* ---- all of them ---- */

/* Threads take no signals: those are the application's business. */
static int executor_spawn(struct flare__executor *ex)
{
    sigset_t all;
    sigset_t before;
    int rc = 0;

    (void)sigfillset(&all);                            /* cannot fail */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* nor this */
    while (rc == 0 && ex->spawned + 1 < ex->config->count) {
        struct flare__worker *w = &ex->workers[ex->spawned + 1];
        pthread_t thread;

        rc = pthread_create(&thread, NULL, worker_main, w);
        if (rc == 0) {
            w->thread = (unsigned long)thread;
            ex->spawned++;
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as above */
    return -rc;
}

/* Those that run already must not wait for the ones that never come. */
static void executor_give_up(struct flare__executor *ex)
{
    (void)pthread_mutex_lock(&ex->lock);
    ex->has_failed = true;
    ex->expected = ex->spawned;
    (void)pthread_cond_broadcast(&ex->changed);
    (void)pthread_mutex_unlock(&ex->lock);
}

static int executor_result(const struct flare__executor *ex,
                           struct flare_error *err)
{
    for (uint32_t i = 0; i < ex->config->count; i++) {
        const struct flare__worker *w = &ex->workers[i];

        if (w->rc < 0)
            return flare__error(err, w->rc, "%s", w->error.text);
    }
    return 0;
}

int flare__executor_run(const struct flare__executor_config *config,
                        struct flare_error *err)
{
    struct flare__executor ex = {.config = config, .expected = config->count};
    struct flare__os_cpus cpus;
    int rc;

    ex.workers = flare__calloc(config->al, config->count, sizeof(*ex.workers));
    if (ex.workers == NULL)
        return flare__error(err, -ENOMEM, "workers: out of memory");
    if (config->is_pinned)
        (void)flare__os_cpus(&cpus);
    (void)pthread_mutex_init(&ex.lock, NULL);   /* default: cannot fail */
    (void)pthread_cond_init(&ex.changed, NULL); /* nor this */
    for (uint32_t i = 0; i < config->count; i++) {
        ex.workers[i].executor = &ex;
        ex.workers[i].index = i;
    }
    rc = executor_spawn(&ex);
    if (rc < 0)
        executor_give_up(&ex);
    else
        worker_run(&ex.workers[0]);
    for (uint32_t i = 1; i <= ex.spawned; i++)
        (void)pthread_join((pthread_t)ex.workers[i].thread, NULL);
    rc = rc < 0 ? flare__error(err, rc, "starting a thread: %s",
                               flare_strerror(rc))
                : executor_result(&ex, err);
    if (config->is_pinned) /* worker 0 was the caller's thread; best effort */
        (void)flare__os_bind(&cpus);
    (void)pthread_cond_destroy(&ex.changed);
    (void)pthread_mutex_destroy(&ex.lock);
    flare__free(config->al, ex.workers);
    return rc;
}
