/* SPDX-License-Identifier: MIT */
/* Threads led through phases; see run.h. */
#include "tools/bench/run.h"

#include "tools/bench/worker.h"
#include "tools/common/tool.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SAMPLE_MIN_MS = 250,
    SAMPLES_WANTED = 120,
    NS_MS = 1000000,
    CONNECTING_MS = 100 /* between two looks at how many there are */
};

struct run {
    const struct job *job;
    const struct run_watcher *watcher;
    flare_loop *loop;
    flare_signal *signals[2];
    flare_timer *sampler;
    flare_timer *warm;
    struct worker *workers;
    pthread_mutex_t posting; /* a call to a worker's loop is under way */
    uint32_t waits;          /* for so many workers */
    bool is_interrupted;
    bool is_ready;               /* connections have been tried */
    const struct worker *broken; /* one that could not begin; or NULL */

    struct outcome *outcome; /* of the phase under way */
    uint64_t from_ns;
    struct rusage from_usage;
    uint64_t sampled_ns;
    struct tally *last; /* as of the last sample */
    struct tally *now;
    struct tally *between;
};

/* ---- how it goes ---- */

static double seconds_between(uint64_t from, uint64_t to)
{
    return to > from ? (double)(to - from) / 1e9 : 0;
}

static void gather(struct run *run, struct tally *into)
{
    tally_clear(into);
    for (uint32_t i = 0; i < run->job->threads; i++)
        tally_merge(into, &run->workers[i].tally);
}

static double time_left(const struct run *run, uint64_t now)
{
    const struct phase *phase = &run->outcome->phase;

    if (phase->duration_ns == UINT64_MAX)
        return -1;
    return seconds_between(now, run->from_ns + phase->duration_ns);
}

static void take_sample(struct run *run, uint64_t now)
{
    struct outcome *o = run->outcome;
    struct tally *last = run->last;
    struct tally *d = run->between;
    struct sample *sample;

    /* The end often comes right after a sample. */
    if (now < run->sampled_ns + SAMPLE_MIN_MS * NS_MS / 10 ||
        o->sample_count == OUTCOME_SAMPLES_MAX)
        return;
    gather(run, run->now);
    memcpy(d, run->now, sizeof(*d));
    tally_subtract(d, last);
    run->last = run->now;
    run->now = last;
    sample = &o->samples[o->sample_count++];
    *sample = (struct sample){
        .at_s = seconds_between(run->from_ns, now),
        .seconds = seconds_between(run->sampled_ns, now),
        .answers = d->answers,
        .errors = tally_errors(d),
        .p50_ns = histogram_at(&d->latency, 0.5),
        .p99_ns = histogram_at(&d->latency, 0.99),
        .max_ns = histogram_at(&d->latency, 1),
    };
    run->sampled_ns = now;
    if (run->watcher->on_sample != NULL)
        run->watcher->on_sample(run->watcher->ctx, sample, time_left(run, now));
}

static void on_sampler(flare_timer *timer, void *ctx)
{
    struct run *run = ctx;
    uint64_t connected;

    (void)timer;
    if (run->outcome != NULL) {
        take_sample(run, pace_now());
        return;
    }
    gather(run, run->now);
    connected = run->now->connects;
    if (!run->is_ready && run->watcher->on_connecting != NULL)
        run->watcher->on_connecting(run->watcher->ctx, connected,
                                    run->job->connections);
}

/* What follows is counted. */
static void on_warm(flare_timer *timer, void *ctx)
{
    struct run *run = ctx;

    (void)timer;
    getrusage(RUSAGE_SELF, &run->from_usage);
}

/* ---- signals and workers ---- */

static void post_to_all(struct run *run, void (*fn)(void *ctx))
{
    pthread_mutex_lock(&run->posting);
    for (uint32_t i = 0; i < run->job->threads; i++) {
        struct worker *w = &run->workers[i];

        /* One whose rc says so has no loop any more. */
        while (w->rc == 0 &&
               flare_loop_post(w->loop, fn, w) == FLARE_E_MAILBOX_FULL)
            sched_yield();
    }
    pthread_mutex_unlock(&run->posting);
}

void run_wait_posted(struct run *run)
{
    pthread_mutex_lock(&run->posting);
    pthread_mutex_unlock(&run->posting);
}

static void on_signal(int number, void *ctx)
{
    struct run *run = ctx;

    (void)number;
    /* A second one means it.  Threads are running: no cleaning up. */
    if (run->is_interrupted)
        _exit(128 + SIGINT);
    run->is_interrupted = true;
    if (run->outcome != NULL)
        post_to_all(run, worker_cut);
    else
        flare_loop_stop(run->loop);
}

bool run_is_interrupted(const struct run *run)
{
    return run->is_interrupted;
}

void run_post(struct run *run, void (*fn)(void *ctx), struct worker *worker)
{
    while (flare_loop_post(run->loop, fn, worker) == FLARE_E_MAILBOX_FULL)
        sched_yield();
}

void run_on_ready(void *ctx)
{
    struct worker *w = ctx;
    struct run *run = w->run;

    if (w->rc < 0)
        run->broken = w;
    if (run->waits > 0 && --run->waits == 0) {
        run->is_ready = true;
        flare_loop_stop(run->loop);
    }
}

void run_on_done(void *ctx)
{
    struct worker *w = ctx;
    struct run *run = w->run;

    if (w->rc < 0 && run->outcome != NULL)
        run->outcome->has_failed = true;
    if (run->waits > 0 && --run->waits == 0)
        flare_loop_stop(run->loop);
}

/* ---- opening ---- */

static void *must(void *memory)
{
    if (memory == NULL)
        tool_die("no memory");
    return memory;
}

static void must_do(int rc, const char *what)
{
    if (rc < 0)
        tool_die("%s: %s", what, flare_strerror(rc));
}

static void open_loop(struct run *run)
{
    struct flare_loop_config config = {.stays = true};
    struct flare_error err;

    if (flare_loop_new(&run->loop, &config, &err) < 0)
        tool_die("%s", err.text);
    must_do(
        flare_signal_new(run->loop, &run->signals[0], SIGINT, on_signal, run),
        "SIGINT");
    must_do(
        flare_signal_new(run->loop, &run->signals[1], SIGTERM, on_signal, run),
        "SIGTERM");
    must_do(flare_timer_new(run->loop, &run->sampler, on_sampler, run),
            "timer");
    must_do(flare_timer_new(run->loop, &run->warm, on_warm, run), "timer");
}

/* Its part of `whole`, the first ones getting what is left over. */
static uint64_t share(uint64_t whole, uint32_t index, uint32_t count)
{
    return whole / count + (index < whole % count);
}

static void start_worker(struct run *run, uint32_t index)
{
    const struct job *job = run->job;
    struct worker *w = &run->workers[index];
    int rc;

    w->run = run;
    w->job = job;
    w->protocol = job->is_ws ? &ws_protocol : &http_protocol;
    w->index = index;
    w->slot_count = (uint32_t)share(job->connections, index, job->threads);
    rc = pthread_create(&w->thread, NULL, worker_main, w);
    must_do(-rc, "starting a thread");
}

/* Ends the program in order: no thread must be in a library that is cleaned
 * up. */
static _Noreturn void give_up(struct run *run, const char *why)
{
    const char *url = run->job->url;
    bool is_interrupted = run->is_interrupted;
    char text[256];

    snprintf(text, sizeof(text), "%s", why);
    run_close(run);
    if (is_interrupted)
        exit(128 + SIGINT);
    tool_die("no connection to %s could be made: %s", url, text);
}

static void check_connected(struct run *run)
{
    uint64_t connected;

    gather(run, run->now);
    connected = run->now->connects;
    if (run->broken != NULL)
        give_up(run, run->broken->err.text);
    if (!run->is_ready || (connected == 0 && !run->is_interrupted))
        give_up(run, worker_fault(&run->workers[0]));
    if (connected < run->job->connections && !run->is_interrupted)
        tool_warn("only %llu of %u connections could be made at first: %s",
                  (unsigned long long)connected, run->job->connections,
                  worker_fault(&run->workers[0]));
}

struct run *run_open(const struct job *job, const struct run_watcher *watcher)
{
    struct run *run = must(calloc(1, sizeof(*run)));

    run->job = job;
    run->watcher = watcher;
    pthread_mutex_init(&run->posting, NULL);
    run->workers = must(calloc(job->threads, sizeof(*run->workers)));
    run->last = must(calloc(1, sizeof(*run->last)));
    run->now = must(calloc(1, sizeof(*run->now)));
    run->between = must(calloc(1, sizeof(*run->between)));
    open_loop(run);
    run->waits = job->threads;
    for (uint32_t i = 0; i < job->threads; i++)
        start_worker(run, i);
    flare_timer_start(run->sampler, CONNECTING_MS, CONNECTING_MS);
    while (run->waits > 0 && !run->is_interrupted)
        must_do(flare_loop_run(run->loop), "the main loop");
    flare_timer_stop(run->sampler);
    check_connected(run);
    return run;
}

/* ---- a phase ---- */

static void set_phase(struct run *run, const struct phase *phase, uint64_t now)
{
    run->from_ns = now + phase->warmup_ns;
    for (uint32_t i = 0; i < run->job->threads; i++) {
        struct worker *w = &run->workers[i];

        w->phase = *phase;
        w->begin_ns = now;
        w->from_ns = run->from_ns;
        w->until_ns = phase->duration_ns == UINT64_MAX
                          ? UINT64_MAX
                          : run->from_ns + phase->duration_ns;
        w->left = phase->count == 0 ? UINT64_MAX
                                    : share(phase->count, i, run->job->threads);
    }
}

static void start_sampler(struct run *run)
{
    uint64_t ms = run->outcome->phase.duration_ns / NS_MS / SAMPLES_WANTED;

    if (run->outcome->phase.duration_ns == UINT64_MAX || ms < SAMPLE_MIN_MS)
        ms = SAMPLE_MIN_MS;
    flare_timer_start(run->sampler, ms, ms);
}

static double cpu_between(struct timeval from, struct timeval to)
{
    return (double)(to.tv_sec - from.tv_sec) +
           (double)(to.tv_usec - from.tv_usec) / 1e6;
}

static void conclude(struct run *run, uint64_t end)
{
    struct outcome *o = run->outcome;
    bool is_closed = o->phase.rate == 0 && o->phase.count == 0;
    uint64_t until = run->from_ns + o->phase.duration_ns;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    if (is_closed && end > until)
        end = until;
    o->seconds = seconds_between(run->from_ns, end);
    o->cpu_user_s = cpu_between(run->from_usage.ru_utime, usage.ru_utime);
    o->cpu_system_s = cpu_between(run->from_usage.ru_stime, usage.ru_stime);
    o->is_partial = run->is_interrupted;
    o->backend = flare_loop_backend(run->workers[0].loop);
    gather(run, &o->tally);
    for (uint32_t i = 0; i < run->job->threads && o->fault[0] == '\0'; i++)
        snprintf(o->fault, sizeof(o->fault), "%s",
                 worker_fault(&run->workers[i]));
}

void run_phase(struct run *run, const struct phase *phase,
               struct outcome *outcome)
{
    uint64_t now = pace_now();

    memset(outcome, 0, sizeof(*outcome));
    outcome->phase = *phase;
    outcome->started = time(NULL);
    tally_clear(run->last);
    run->outcome = outcome;
    set_phase(run, phase, now);
    run->sampled_ns = run->from_ns;
    getrusage(RUSAGE_SELF, &run->from_usage);
    if (phase->warmup_ns > 0)
        flare_timer_start(run->warm, phase->warmup_ns / NS_MS, 0);
    start_sampler(run);
    run->waits = run->job->threads;
    post_to_all(run, worker_begin);
    if (run->is_interrupted)
        post_to_all(run, worker_cut);
    while (run->waits > 0)
        must_do(flare_loop_run(run->loop), "the main loop");
    flare_timer_stop(run->sampler);
    flare_timer_stop(run->warm);
    now = pace_now();
    take_sample(run, now);
    conclude(run, now);
    run->outcome = NULL;
}

void run_close(struct run *run)
{
    post_to_all(run, worker_stop);
    for (uint32_t i = 0; i < run->job->threads; i++)
        pthread_join(run->workers[i].thread, NULL);
    flare_signal_free(run->signals[0]);
    flare_signal_free(run->signals[1]);
    flare_timer_free(run->sampler);
    flare_timer_free(run->warm);
    flare_loop_free(run->loop);
    pthread_mutex_destroy(&run->posting);
    free(run->workers);
    free(run->last);
    free(run->now);
    free(run->between);
    free(run);
}
