/* SPDX-License-Identifier: MIT */
/*
 * The HTTP client under load: so many calls at once on one loop, each begun
 * again as it ends.  `bench/run --workload client` puts it beside libcurl and
 * wrk.
 *
 *   client URL CONNECTIONS SECONDS
 *
 * Prints, of a time after the first thousand, requests, nanoseconds and CPU
 * nanoseconds of the process.
 */
#include "bench/number.h"

#include <flare/flare.h>

#include <time.h>

enum { CONNECTIONS_MAX = 4096, WARM = 1000 };

struct bench {
    flare_client *client;
    struct flare_ask ask;
    uint64_t done;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const struct flare_error *err)
{
    fprintf(stderr, "client: %s\n", err->text);
    exit(1);
}

static void on_done(flare_call *call, int rc, flare_reply *reply,
                    const struct flare_error *err, void *ctx);

static const struct flare_call_handler handler = {.on_done = on_done};

static void start(struct bench *b)
{
    struct flare_error err;

    if (flare_call_start(b->client, NULL, &b->ask, &handler, b, &err) < 0)
        die(&err);
}

static void on_done(flare_call *call, int rc, flare_reply *reply,
                    const struct flare_error *err, void *ctx)
{
    struct bench *b = ctx;

    (void)call;
    if (rc < 0 || flare_reply_status(reply) != 200)
        die(err);
    b->done++;
    start(b);
}

static void turn(flare_loop *loop)
{
    struct flare_error err = {.text = "the loop broke"};

    if (flare_loop_run_once(loop, 1000) < 0)
        die(&err);
}

static void measure(struct bench *b, flare_loop *loop, uint64_t seconds)
{
    uint64_t start_ns, start_cpu, done, until_ns;

    done = b->done;
    start_ns = now_ns(CLOCK_MONOTONIC);
    start_cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    until_ns = start_ns + seconds * 1000000000;
    while (now_ns(CLOCK_MONOTONIC) < until_ns)
        turn(loop);
    printf("{\"requests\": %llu, \"elapsed_ns\": %llu, \"cpu_ns\": %llu}\n",
           (unsigned long long)(b->done - done),
           (unsigned long long)(now_ns(CLOCK_MONOTONIC) - start_ns),
           (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu));
}

int main(int argc, char **argv)
{
    struct bench b = {.ask = {.method = FLARE_METHOD_GET}};
    struct flare_client_config config = {.total_timeout_ms = FLARE_UNLIMITED};
    unsigned long connections, seconds;
    struct flare_error err;
    flare_loop *loop;

    if (argc != 4)
        return fprintf(stderr, "usage: client URL CONNECTIONS SECONDS\n"), 2;
    connections = bench_number("connections", argv[2], 1, CONNECTIONS_MAX);
    seconds = bench_number("seconds", argv[3], 1, 3600);
    b.ask.url = flare_str(argv[1]);
    config.connections_max = (uint32_t)connections;
    config.connections_per_origin_max = (uint32_t)connections;
    if (flare_loop_new(&loop, NULL, &err) < 0 ||
        flare_client_new(&b.client, loop, &config, &err) < 0)
        die(&err);
    for (unsigned long i = 0; i < connections; i++)
        start(&b);
    while (b.done < WARM + connections)
        turn(loop);
    measure(&b, loop, seconds);
    return 0; /* with calls under way: the process ends with them */
}
