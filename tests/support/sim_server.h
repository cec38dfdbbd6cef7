/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server in a simulated world: workers, handlers whose calls are
 * counted, and what must hold at the end.
 */
#ifndef FLARE__TEST_SIM_SERVER_H
#define FLARE__TEST_SIM_SERVER_H

#include "backends/sim.h"
#include "http/config.h"
#include "http/http.h"
#include "tests/support/sim_jobs.h"

enum {
    SIM_SERVER_PORT = 80,
    SIM_WORKERS_MAX = 3,
    SIM_CONNS_MAX = 16,   /* peers of one run */
    SIM_REQUESTS_MAX = 8, /* of one peer */
    SIM_BIG_BYTES = 200 * 1024,
    SIM_LONG_BYTES = 1500
};

#define SIM_S (UINT64_C(1000000000))

struct sim_server;

struct sim_worker {
    struct sim_server *server;
    struct flare_loop *loop;
    struct flare__http http;
    struct flare__timer drain_timer;
    bool is_open, is_aborted, must_drain, must_listen;
};

struct sim_server {
    struct flare__sim *world;
    struct flare_allocator al;
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__router *router;
    struct flare_route routes[32];
    struct sim_worker workers[SIM_WORKERS_MAX];
    uint32_t worker_count;
    bool is_kernel; /* no simulated network, but one worker of the kernel */
    bool is_draining;
    bool has_no_memory;     /* allocations may fail */
    uint64_t drain_ns;      /* when it began */
    uint32_t bodies_given;  /* by /big, not freed yet */
    uint32_t posts, posted; /* mailbox calls: accepted, run */
    uint32_t promises;      /* that nobody has kept yet */
    uint32_t promises_due;  /* kept, but not by the loop so far */
    int first_fd;           /* which is free at the start, and at the end */
    uint32_t log_lines;
    uint8_t calls[SIM_CONNS_MAX][SIM_REQUESTS_MAX]; /* of handlers, by X-Id */
    bool was_draining[SIM_CONNS_MAX][SIM_REQUESTS_MAX]; /* when called */
    struct sim_job jobs[SIM_CONNS_MAX][SIM_REQUESTS_MAX];
};

/* Zero: the defaults. */
struct sim_server_setup {
    struct flare__sim *world;
    const struct flare_allocator *al;
    uint32_t workers;
    uint32_t lease_bytes, lease_count;
    struct flare_server_config config; /* limits and times; the rest is ours */
    /* Over a kernel instead: one worker, `fd` listens; world is for notes. */
    const struct flare__backend_ops *ops;
    int fd;
    bool has_no_memory; /* allocations may fail: a 500 is no surprise */
};

/* Fills s->routes and the configuration's table. */
void sim_handlers_routes(struct sim_server *s);

/*
 * Starts it; -errno or FLARE_E_*, and then nothing is left.  A site that fails
 * is told by the allocator and the world.
 */
int sim_server_open(struct sim_server *s, const struct sim_server_setup *setup);

/* One step of the world: a turn of a worker, or as flare__sim_next. */
int sim_server_step(struct sim_server *s, uint64_t limit_ns);

/* Tells every worker to drain, through its mailbox. */
void sim_server_drain(struct sim_server *s);

bool sim_server_is_idle(const struct sim_server *s);

/* Connections alive in all workers. */
uint32_t sim_server_conns(const struct sim_server *s);

/* All workers' counters together. */
struct flare_stats sim_server_counters(const struct sim_server *s);

/* Posts to a worker's loop as another thread would. */
void sim_server_post(struct sim_server *s, uint32_t worker);

/* Drains if need be, waits for the end, checks the ledgers, frees all. */
void sim_server_close(struct sim_server *s);

#endif
