/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the simulated server that do not answer at once: later, from
 * "another thread" (between two turns), in pieces, from a file, or while they
 * read.  Each request that names itself (X-Id) has a job, which outlives it: so
 * a call about a request that is over is seen.
 */
#ifndef FLARE__TEST_SIM_JOBS_H
#define FLARE__TEST_SIM_JOBS_H

#include <flare/handler.h>

#include "net/timer.h"

enum {
    SIM_STREAM_BYTES = 50000,    /* of /writes, /pull and their like */
    SIM_FILE_BYTES = 300 * 1024, /* of /file, of an even request */
    SIM_FILE_SMALL_BYTES = 30000 /* and of an odd one */
};

struct sim_server;

/* How a request names itself: "connection-request". */
struct sim_id {
    bool is_there;
    uint32_t conn, request;
    char text[24];
};

struct sim_id sim_id_read(const flare_req *req);

/* Counts the call of its handler: it is the first. */
void sim_handler_count(const flare_req *req, struct sim_id *id);

struct sim_job {
    struct sim_server *server;
    flare_req *req;
    flare_res *res;
    flare_later *later; /* a promise of this job; NULL: none */
    flare_later_fn answer;
    uint64_t due_ns; /* when "another thread" keeps it */
    struct flare__timer timer;
    void (*on_timer)(struct sim_job *job);
    struct sim_id id;
    uint32_t at;          /* of the stream, written so far */
    uint32_t received;    /* of the request's body */
    uint64_t sum;         /* of it */
    uint8_t kept;         /* promises kept so far */
    uint8_t hooked, done; /* on_done: registered, called */
    bool is_drop;         /* the promise is to be broken */
    bool is_open;         /* between its handler's call and on_done */
    bool is_reading;      /* pieces of the body may come */
    bool is_paused;       /* but none now */
    bool is_cutting;      /* breaks its own answer off */
    bool is_waiting;      /* for a timer, not for room */
};

/* Adds the routes to those of sim_handlers.c. */
void sim_jobs_routes(struct sim_server *s);

/* The next time at which a promise is kept; UINT64_MAX: none. */
uint64_t sim_jobs_next(const struct sim_server *s);

/* Keeps those that are due by then, as another thread does. */
void sim_jobs_keep(struct sim_server *s, uint64_t now_ns);

/* Promises nobody has kept yet. */
uint32_t sim_jobs_open(const struct sim_server *s);

/* Nothing may be left of any request now. */
void sim_jobs_check(const struct sim_server *s);

/* How long the file of /file is for that request. */
uint32_t sim_file_bytes(uint32_t request);

#endif
