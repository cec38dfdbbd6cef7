/* SPDX-License-Identifier: MIT */
/* See offload.h.  One lock: what goes through here blocks for much longer. */
#include "net/offload.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct flare__offload {
    struct flare_allocator al;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job has come, or the end */
    struct flare__job *jobs;
    struct flare__job **jobs_end;
    uint32_t waiting; /* jobs */
    uint32_t queue_max;
    uint32_t idle; /* threads without a job, also those that just start */
    uint32_t threads_max;
    uint32_t thread_count;
    uint32_t ended_count; /* threads past their last job */
    bool is_stopped;
    bool is_abandoned; /* the last thread frees it */
    struct flare__os_cpus cpus;
    pthread_t threads[];
};

int flare__offload_new(struct flare__offload **out,
                       const struct flare_allocator *al, uint32_t threads_max,
                       uint32_t queue_max)
{
    struct flare__offload *pool = flare__calloc(
        al, 1, sizeof(*pool) + threads_max * sizeof(pool->threads[0]));

    if (pool == NULL)
        return -ENOMEM;
    pool->al = *al;
    pool->jobs_end = &pool->jobs;
    pool->queue_max = queue_max;
    pool->threads_max = threads_max;
    (void)flare__os_cpus(&pool->cpus);           /* how many does not matter */
    (void)pthread_mutex_init(&pool->lock, NULL); /* glibc, musl: never fail */
    (void)pthread_cond_init(&pool->changed, NULL);
    *out = pool;
    return 0;
}

static struct flare__job *offload_take(struct flare__offload *pool)
{
    struct flare__job *job = pool->jobs;

    if (job == NULL)
        return NULL;
    pool->jobs = job->next;
    if (pool->jobs == NULL)
        pool->jobs_end = &pool->jobs;
    pool->waiting--;
    return job;
}

/* Nobody is inside, or will be. */
static void offload_destroy(struct flare__offload *pool)
{
    struct flare_allocator al = pool->al;

    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    flare__free(&al, pool);
}

/* Locked.  Runs jobs until the pool has ended. */
static void offload_work(struct flare__offload *pool)
{
    pool->idle--;
    for (;;) {
        struct flare__job *job = offload_take(pool);

        if (job != NULL) {
            pthread_mutex_unlock(&pool->lock);
            job->run(job);
            pthread_mutex_lock(&pool->lock);
            continue;
        }
        if (pool->is_stopped)
            break;
        pool->idle++;
        pthread_cond_wait(&pool->changed, &pool->lock);
        pool->idle--;
    }
}

static void *offload_main(void *arg)
{
    struct flare__offload *pool = arg;
    bool is_last;

    pthread_mutex_lock(&pool->lock);
    offload_work(pool);
    pool->ended_count++;
    is_last = pool->is_abandoned && pool->ended_count == pool->thread_count;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        offload_destroy(pool);
    return NULL;
}

/*
 * Locked.  The thread that starts it may be pinned to a CPU, and its signal
 * mask is its own: neither is for the pool.
 */
static int offload_start_thread(struct flare__offload *pool)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);

    if (rc != 0)
        return -rc;
    flare__os_attr_cpus(&attr, &pool->cpus);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&pool->threads[pool->thread_count], &attr, offload_main,
                        pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0) {
        pool->thread_count++;
        pool->idle++;
    }
    return -rc;
}

/* Locked. */
static int offload_put(struct flare__offload *pool, struct flare__job *job)
{
    if (pool->is_stopped)
        return FLARE_E_STOPPED;
    if (pool->idle <= pool->waiting && pool->thread_count < pool->threads_max) {
        int rc = offload_start_thread(pool);

        if (rc < 0 && pool->thread_count == 0)
            return rc; /* else those that there are will do */
    }
    /* a job that a free thread is about to take does not wait */
    if (pool->waiting >= (uint64_t)pool->queue_max + pool->idle)
        return FLARE_E_OVERLOADED;
    job->next = NULL;
    *pool->jobs_end = job;
    pool->jobs_end = &job->next;
    pool->waiting++;
    return 0;
}

int flare__offload_submit(struct flare__offload *pool, struct flare__job *job)
{
    int rc;

    FLARE_ASSERT(job->run != NULL && job->cancel != NULL);
    pthread_mutex_lock(&pool->lock);
    rc = offload_put(pool, job);
    if (rc == 0)
        pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    return rc;
}

/* Locked.  No job begins from now on; gives those that wait. */
static struct flare__job *offload_end(struct flare__offload *pool)
{
    struct flare__job *jobs = pool->jobs;

    FLARE_ASSERT(!pool->is_stopped);
    pool->is_stopped = true;
    pool->jobs = NULL;
    pool->jobs_end = &pool->jobs;
    pool->waiting = 0;
    pthread_cond_broadcast(&pool->changed);
    return jobs;
}

static void offload_cancel(struct flare__job *job)
{
    while (job != NULL) {
        struct flare__job *next = job->next;

        job->cancel(job);
        job = next;
    }
}

static void offload_join(struct flare__offload *pool)
{
    for (uint32_t i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);
}

void flare__offload_stop(struct flare__offload *pool)
{
    struct flare__job *waiting;

    pthread_mutex_lock(&pool->lock);
    waiting = offload_end(pool);
    pthread_mutex_unlock(&pool->lock);
    offload_cancel(waiting);
    offload_join(pool);
}

void flare__offload_free(struct flare__offload *pool)
{
    if (pool == NULL)
        return;
    if (!pool->is_stopped)
        flare__offload_stop(pool);
    offload_destroy(pool);
}

void flare__offload_abandon(struct flare__offload *pool)
{
    struct flare__job *waiting;
    bool is_busy;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    waiting = offload_end(pool);
    is_busy = pool->idle < pool->thread_count;
    pool->is_abandoned = is_busy;
    for (uint32_t i = 0; is_busy && i < pool->thread_count; i++)
        (void)pthread_detach(pool->threads[i]);
    pthread_mutex_unlock(&pool->lock);
    offload_cancel(waiting);
    if (is_busy)
        return; /* it may be gone already */
    offload_join(pool);
    offload_destroy(pool);
}
