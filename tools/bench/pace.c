/* SPDX-License-Identifier: MIT */
/* Moments and waking up for them; see pace.h. */
#include "tools/bench/pace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/timerfd.h>
#endif

uint64_t pace_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct pace pace_begin(uint64_t base_ns, double rate, double share,
                       bool is_poisson)
{
    struct pace pace = {
        .base_ns = base_ns,
        .gap_ns = 1e9 / rate,
        .is_poisson = is_poisson,
    };

    pace.base_ns += (uint64_t)(share * pace.gap_ns);
    return pace;
}

uint64_t pace_due(const struct pace *pace)
{
    return pace->base_ns + (uint64_t)pace->at_ns;
}

void pace_step(struct pace *pace, struct text_pen *pen)
{
    pace->sent++;
    if (pace->is_poisson) {
        /* 53 random bits, above 0 and up to 1 */
        double u = ((double)(text_random(pen) >> 11) + 1) / 0x1p53;

        pace->at_ns -= log(u) * pace->gap_ns;
        return;
    }
    /* Not added up: errors would be too. */
    pace->at_ns = (double)pace->sent * pace->gap_ns;
}

#ifdef __linux__

/* A descriptor of the kernel's high resolution timers: those of the loop count
 * milliseconds. */
struct pace_clock {
    flare_watch *watch;
    int fd;
    void (*fn)(void *ctx);
    void *ctx;
};

static void on_time(flare_watch *watch, unsigned events, void *ctx)
{
    struct pace_clock *clock = ctx;
    uint64_t beats;

    (void)watch;
    (void)events;
    if (read(clock->fd, &beats, sizeof(beats)) == sizeof(beats))
        clock->fn(clock->ctx);
}

int pace_clock_open(struct pace_clock **out, flare_loop *loop,
                    void (*fn)(void *ctx), void *ctx)
{
    struct pace_clock *clock = calloc(1, sizeof(*clock));
    int rc;

    if (clock == NULL)
        return -ENOMEM;
    clock->fn = fn;
    clock->ctx = ctx;
    clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    rc = clock->fd < 0 ? -errno
                       : flare_watch_new(loop, &clock->watch, clock->fd,
                                         FLARE_WATCH_READ, on_time, clock);
    if (rc < 0) {
        pace_clock_close(clock);
        return rc;
    }
    *out = clock;
    return 0;
}

void pace_clock_set(struct pace_clock *clock, uint64_t at_ns)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / 1000000000),
                     .tv_nsec = (long)(at_ns % 1000000000)}};

    timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void pace_clock_close(struct pace_clock *clock)
{
    if (clock == NULL)
        return;
    flare_watch_free(clock->watch);
    if (clock->fd >= 0)
        close(clock->fd);
    free(clock);
}

#else

/* Whole milliseconds, never early: what is due by then goes out together, and
 * its latency counts from when it was due. */
struct pace_clock {
    flare_timer *timer;
    void (*fn)(void *ctx);
    void *ctx;
};

static void on_time(flare_timer *timer, void *ctx)
{
    struct pace_clock *clock = ctx;

    (void)timer;
    clock->fn(clock->ctx);
}

int pace_clock_open(struct pace_clock **out, flare_loop *loop,
                    void (*fn)(void *ctx), void *ctx)
{
    struct pace_clock *clock = calloc(1, sizeof(*clock));
    int rc;

    if (clock == NULL)
        return -ENOMEM;
    clock->fn = fn;
    clock->ctx = ctx;
    rc = flare_timer_new(loop, &clock->timer, on_time, clock);
    if (rc < 0) {
        free(clock);
        return rc;
    }
    *out = clock;
    return 0;
}

void pace_clock_set(struct pace_clock *clock, uint64_t at_ns)
{
    uint64_t now = pace_now();

    flare_timer_start(clock->timer,
                      at_ns > now ? (at_ns - now + 999999) / 1000000 : 0, 0);
}

void pace_clock_close(struct pace_clock *clock)
{
    if (clock == NULL)
        return;
    flare_timer_free(clock->timer);
    free(clock);
}

#endif
