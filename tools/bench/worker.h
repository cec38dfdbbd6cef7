/* SPDX-License-Identifier: MIT */
/*
 * One thread of load: a loop, its share of the connections, and what they come
 * to.  Below it a protocol (http.c, ws.c) moves the bytes; above it the run
 * (run.h) says when to begin and to end.
 *
 * States of a slot, which is a connection and those that come after it:
 *   IDLE        waits for a moment to connect (again)
 *   CONNECTING  the protocol's open is under way
 *   OPEN        carries up to `depth` requests
 *
 * A phase is active from worker_begin to its end, of which the run is told
 * once.  In the closed loop a slot sends as soon as it has room.  At a rate,
 * the pace says when; a slot with room waits in a queue for the next moment,
 * and moments that no slot has room for wait for the next slot, their latency
 * counting from the moment.
 */
#ifndef TOOL_BENCH_WORKER_H
#define TOOL_BENCH_WORKER_H

#include "tools/bench/answer.h"
#include "tools/bench/frames.h"
#include "tools/bench/job.h"
#include "tools/bench/pace.h"
#include "tools/bench/tally.h"

#include <pthread.h>

/* A request under way. */
struct flight {
    uint64_t start_ns; /* when it was to be sent */
    uint64_t sent_ns;
    uint64_t seq; /* of its text */
    bool is_head;
};

enum slot_state { SLOT_IDLE, SLOT_CONNECTING, SLOT_OPEN };

struct slot {
    struct worker *worker;
    void *link;             /* the protocol's connection */
    struct flight *flights; /* a ring of `depth` */
    uint32_t first;
    uint32_t count;
    enum slot_state state;
    bool is_ready; /* in the queue of those with room */
    bool was_tried;
    bool was_useful;   /* the last connection has brought an answer */
    uint32_t failures; /* to connect, in a row */
    uint64_t since_ns; /* it connects; or, IDLE: when to */
    struct slot *next_ready;
    struct answer answer; /* of HTTP, and of a handshake */
    struct frames frames; /* of WebSocket */
};

struct protocol {
    /* Begins to connect; 0, and worker_opened or worker_lost follows; or an
     * error. */
    int (*open)(struct slot *slot);
    /* Sends the last `count` flights; failures come later. */
    void (*send)(struct slot *slot, uint32_t count);
    /* Lets go of the link, in order or with a reset; the slot hears no more of
     * it, worker_link_closed follows. */
    void (*close)(struct slot *slot);
    void (*abort)(struct slot *slot);
    /* Once, before all others: what a thread keeps of it. */
    void (*begin)(struct worker *worker);
};

extern const struct protocol http_protocol;
extern const struct protocol ws_protocol;

struct run;

struct worker {
    struct run *run;
    const struct job *job;
    const struct protocol *protocol;
    uint32_t index;
    pthread_t thread;
    int rc; /* why it could not begin */
    struct flare_error err;

    flare_loop *loop;
    flare_timer *tick;
    flare_timer *end;
    struct pace_clock *clock;
    flare_tls_client *tls;
    struct slot *slots;
    struct flight *flights;
    uint32_t slot_count;
    uint32_t opened;     /* slots that have begun to connect */
    uint32_t tried;      /* slots that have connected or failed to, once */
    uint32_t connecting; /* now */
    uint32_t links;      /* that have not closed */
    bool is_stopping;
    struct slot *ready_first;
    struct slot *ready_last;

    struct answer_memo memo;
    struct text_pen pen;
    struct text_out out;
    struct flare_str block; /* see link.h */
    size_t block_one;

    /* Of the phase; set by the run while none is active. */
    struct phase phase;
    uint64_t begin_ns;
    uint64_t from_ns; /* counted */
    uint64_t until_ns;
    uint64_t left; /* requests that may be sent and count */
    uint64_t under_way;
    struct pace pace;
    bool is_active;
    bool is_issuing;
    bool is_in_grace; /* the time is up, some requests were due before */

    struct tally tally;
    bool has_fault; /* `fault` is there to be read, and is not written */
    char fault[256];
};

/* ---- the run's; each runs on the worker's loop, posted ---- */

/* Begins worker->phase at worker->begin_ns; ctx: the worker. */
void worker_begin(void *ctx);
/* Ends the phase now.  */
void worker_cut(void *ctx);
/* Closes everything, and then the loop ends. */
void worker_stop(void *ctx);

/* The first error of the phase, in words; "" if there was none.  Thread: the
 * main one, until the next phase. */
const char *worker_fault(const struct worker *worker);

/* The thread's function.  Posts run_on_ready once all slots have tried to
 * connect, or with worker->rc set. */
void *worker_main(void *ctx);

/* ---- the protocol's ---- */

/* The link is open. */
void worker_opened(struct slot *slot);

/* The oldest flight has been answered. */
void worker_answered(struct slot *slot, unsigned status, uint64_t now);

/* What was answered makes room: sends more. */
void worker_refill(struct slot *slot, uint64_t now);

/* The link is useless: its flights have failed.  Aborts it unless it is gone
 * already (slot->link is NULL). */
void worker_lost(struct slot *slot, enum tally_error error, const char *why);

/* The peer ends the connection in order: another one takes the flights. */
void worker_reopen(struct slot *slot);

/* A link has closed, also one that was let go of. */
void worker_link_closed(struct worker *worker);

void worker_count_bytes(struct worker *worker, uint64_t in, uint64_t out,
                        uint64_t now);

/* The flight that is answered next; NULL if none is under way. */
struct flight *worker_oldest(struct slot *slot);

#endif
