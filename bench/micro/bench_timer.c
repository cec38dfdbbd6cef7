/* SPDX-License-Identifier: MIT */
/*
 * Timers of the public loop: nanoseconds, and instructions where the kernel
 * counts them for us, per timer armed, armed anew and stopped, with 10^3, 10^5
 * and 10^6 of them on one loop.
 *
 *   bench_timer               a table: medians of rounds
 *   bench_timer TIMERS N      N times armed anew and stopped among TIMERS that
 *                             are armed; prints nothing: run it under valgrind
 *                             --tool=callgrind, with two different N, to count
 *                             instructions
 *
 * They are taken in a scattered order, so that a large number also shows what
 * caches cannot hold: nanoseconds grow with that, instructions must not.
 */
#include <flare/loop.h>
#include <flare/timer.h>

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, SIZES = 3, STEPS = 3, STRIDE = 7919 /* a prime */ };

static const size_t sizes[SIZES] = {1000, 100000, 1000000};

enum step { ARM, ARM_ANEW, STOP };

static const char *const step_names[STEPS] = {"arm", "arm anew", "stop"};

struct figures {
    double ns[STEPS][ROUNDS];
    double instructions[STEPS][ROUNDS];
};

static void on_timer(flare_timer *timer, void *ctx)
{
    (void)timer;
    (void)ctx;
    abort(); /* none is due */
}

/* From a minute to some 19 hours: three hands of the wheel. */
static uint64_t delay_ms(size_t i)
{
    return 60000 + i * 2654435761u % (1u << 26);
}

static void run(flare_timer **timers, size_t count, enum step step, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (step == STOP)
            flare_timer_stop(timers[at]);
        else
            flare_timer_start(timers[at], delay_ms(i + (size_t)step), 0);
        at = (at + STRIDE) % count;
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A counter of this thread's instructions; -1: the kernel gives none. */
static int instructions_open(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t instructions(int fd)
{
    uint64_t count = 0;

    if (fd < 0 || read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return 0;
    return count;
}

static flare_timer **timers_new(flare_loop *loop, size_t count)
{
    flare_timer **timers = calloc(count, sizeof(*timers));

    if (timers == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        if (flare_timer_new(loop, &timers[i], on_timer, NULL) < 0)
            abort();
    return timers;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), by_value);
    return values[ROUNDS / 2];
}

/* All of a size, each step over all of them in every round. */
static void measure(flare_loop *loop, size_t count, int counter)
{
    static struct figures f;
    flare_timer **timers = timers_new(loop, count);

    for (int round = 0; round < ROUNDS; round++)
        for (int step = 0; step < STEPS; step++) {
            uint64_t instructions_before = instructions(counter);
            uint64_t before = now_ns();

            run(timers, count, (enum step)step, count);
            f.ns[step][round] = (double)(now_ns() - before) / (double)count;
            f.instructions[step][round] =
                (double)(instructions(counter) - instructions_before) /
                (double)count;
        }
    for (int step = 0; step < STEPS; step++) {
        printf("%8zu timers  %-9s %6.1f ns", count, step_names[step],
               median(f.ns[step]));
        if (counter >= 0)
            printf("  %6.1f instructions", median(f.instructions[step]));
        printf("\n");
    }
    for (size_t i = 0; i < count; i++)
        flare_timer_free(timers[i]);
    free(timers);
}

int main(int argc, char **argv)
{
    flare_loop *loop;
    int counter;

    if (flare_loop_new(&loop, NULL, NULL) < 0)
        return EXIT_FAILURE;
    if (argc == 3) {
        size_t count = strtoul(argv[1], NULL, 10);
        size_t n = strtoul(argv[2], NULL, 10);
        flare_timer **timers = timers_new(loop, count);

        run(timers, count, ARM, count);
        for (size_t at = 0; n > 0; n--, at = (at + STRIDE) % count) {
            flare_timer_start(timers[at], delay_ms(at), 0);
            flare_timer_stop(timers[at]);
        }
        return EXIT_SUCCESS; /* the rest is not what is counted */
    }
    counter = instructions_open();
    if (counter < 0)
        printf("instructions: this kernel counts none; see the head of "
               "bench/micro/bench_timer.c\n");
    for (int i = 0; i < SIZES; i++)
        measure(loop, sizes[i], counter);
    flare_loop_free(loop);
    return EXIT_SUCCESS;
}
