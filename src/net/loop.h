/* SPDX-License-Identifier: MIT */
/*
 * One thread's event loop: a backend, a clock read once per turn, a timer
 * wheel, a mailbox, and tasks that run at the end of a turn.
 *
 * A turn: wait (one backend poll) -> time -> every event to its owner -> posted
 * calls -> timers due -> tasks.  Nothing here allocates after open.
 *
 * What is open on it for its user is a resident: the loop of flare_loop_run
 * goes on while there is one that does not rest, and ends by evicting all.
 */
#ifndef FLARE__NET_LOOP_H
#define FLARE__NET_LOOP_H

#include <flare/loop.h>

#include "backends/backend.h"
#include "net/mailbox.h"
#include "net/timer.h"

#include <pthread.h>
#include <stdatomic.h>

struct flare__task;
typedef void (*flare__task_fn)(struct flare__task *task);

/* Work for the end of the turn, embedded in its owner; zeroed: not queued. */
struct flare__task {
    struct flare__task *next;
    flare__task_fn fn; /* NULL: not queued */
};

/* A call from another thread whose memory its sender brings along. */
struct flare__letter;
typedef void (*flare__letter_fn)(struct flare__letter *letter);

struct flare__letter {
    struct flare__letter *next;
    flare__letter_fn fn;
};

/* What is open on a loop for its user, embedded in it; see flare_loop_run. */
struct flare__resident;
typedef void (*flare__resident_fn)(struct flare__resident *resident);

struct flare__resident {
    struct flare__resident *next;
    struct flare__resident **link;
    flare__resident_fn evict; /* the loop ends: begin to close.  Once */
};

struct flare__embed;

/* What it has done; flare_loop_stats. */
struct flare__loop_counts {
    uint64_t turns;
    uint64_t events;
    uint64_t posts; /* letters too */
    uint64_t timers;
    uint64_t tasks;
};

/* What layers above keep on a loop, made when it is first needed. */
enum flare__extra_kind {
    FLARE__EXTRA_OFFLOAD,
    FLARE__EXTRA_DNS,
    FLARE__EXTRA_STREAMS,
    FLARE__EXTRA_WIRE,
    FLARE__EXTRA_WS,
    FLARE__EXTRA_COUNT
};

struct flare__extra {
    void *state;
    void (*free_fn)(void *state); /* as the loop closes */
};

enum { FLARE__LOOP_BATCH = 256 };

struct flare_loop {
    const struct flare__backend_ops *ops;
    struct flare__backend *backend;
    uint64_t now_ns; /* monotonic, of this turn */
    uint64_t now_ms;
    _Atomic(uint64_t) turn_ns; /* now_ns in a turn; 0: it waits.  watchdog.c */
    struct flare__task *tasks;
    struct flare__task **tasks_end;
    uint32_t task_count;
    struct flare__resident *residents;
    uint32_t resident_count;
    uint32_t resting;      /* of them: the loop does not go on for these */
    uint32_t timers_armed; /* the user's */
    struct flare__loop_counts counts;
    struct flare__embed *embed; /* NULL: it waits by itself.  embed.h */
    uint32_t receive_buffers;   /* of the backend; 0: not told */
    struct flare__extra extras[FLARE__EXTRA_COUNT];
    uint32_t offload_threads; /* 0: the default of user_loop.c */
    struct flare__mailbox *mailbox;
    _Atomic(struct flare__letter *) letters; /* the newest first */
    atomic_uint refs;   /* of the memory: its owner's, and letters to come */
    atomic_uint guests; /* other threads inside a call; the backend stays */
    atomic_bool is_closed;
    atomic_bool is_stopping; /* flare_loop_stop, not yet seen */
    pthread_t owner;         /* see flare__loop_is_owner */
    int broken; /* -errno: a poll has failed, nothing can be closed in order */
    bool is_turning; /* a callback runs */
    bool is_ending;  /* nothing new may be opened on it: FLARE_E_STOPPED */
    bool stays;      /* it is not at its end when nothing is open */
    struct flare_allocator allocator; /* a copy: it may outlive the server */
    struct flare__log log;
    struct flare__wheel wheel;
    struct flare__event events[FLARE__LOOP_BATCH];
};

struct flare__loop_config {
    const struct flare__backend_ops *ops;
    struct flare__backend *backend; /* taken on success */
    const struct flare_allocator *al;
    struct flare__log log;
    uint32_t mailbox_capacity; /* power of two; 0: 1024 */
};

/*
 * In two steps, for a backend that is to borrow the loop's own allocator and
 * log: memory (-ENOMEM), in which the caller then sets ops and backend, or
 * frees it; and the start of its clock.
 */
int flare__loop_alloc(struct flare_loop **out,
                      const struct flare__loop_config *config);
void flare__loop_begin(struct flare_loop *loop);

/* Both at once.  -ENOMEM.  Thread: the owner from now on. */
int flare__loop_open(struct flare_loop **out,
                     const struct flare__loop_config *config);

/*
 * Ends it: refuses posts from now on, runs those accepted, frees the backend.
 * Every socket is CLOSED, no timer armed.  Posting stays harmless.  Nothing if
 * it is broken.
 */
void flare__loop_close(struct flare_loop *loop);

/*
 * Closed, or nobody ever posted; from now on nobody may.  A broken loop is left
 * as it is: what the kernel may still write to is not freed (FAILURES I18).
 * Accepts NULL.
 */
void flare__loop_free(struct flare_loop *loop);

/* Keeps the memory of the loop, not the loop.  Thread: any. */
void flare__loop_ref(struct flare_loop *loop);
void flare__loop_unref(struct flare_loop *loop);

/*
 * Runs `letter->fn` on the loop's thread: never full, as the sender brings the
 * memory.  Letters of one thread keep their order.  False if the loop has been
 * closed: the letter is still the sender's.  Thread: any that holds a ref.
 */
bool flare__loop_send(struct flare_loop *loop, struct flare__letter *letter);

/*
 * Whether the calling thread is the loop's: the one that opened it.  For checks
 * of FLARE_DEBUG builds (FAILURES M11).  Thread: any.
 */
static inline bool flare__loop_is_owner(const struct flare_loop *loop)
{
    return pthread_equal(pthread_self(), loop->owner) != 0;
}

/*
 * From now on the loop has something to do; once, and once no more.  Whoever
 * opens something for the user asks `is_ending` before.
 */
void flare__loop_resident_add(struct flare_loop *loop,
                              struct flare__resident *resident,
                              flare__resident_fn evict);
void flare__loop_resident_remove(struct flare_loop *loop,
                                 struct flare__resident *resident);

/* A resident that is there, but waits for nothing: an unarmed timer. */
static inline void flare__loop_resident_rest(struct flare_loop *loop)
{
    loop->resting++;
}

static inline void flare__loop_resident_work(struct flare_loop *loop)
{
    loop->resting--;
}

/*
 * Evicts all residents and turns until none is left; nothing new is let in from
 * now on.  0, or -errno: the backend is broken.
 */
FLARE_MUST_USE int flare__loop_evict(struct flare_loop *loop);

/* Whether there is, or will be, something to do without another thread. */
bool flare__loop_is_busy(struct flare_loop *loop);

/* Ends a wait.  Thread: any, also a signal handler; nothing if closed. */
void flare__loop_wake(struct flare_loop *loop);

/*
 * One turn that waits no longer than `limit_ns` of the loop's clock
 * (UINT64_MAX: for as long as it takes).  Not from a callback of it.  0, or
 * -errno: the backend is broken and the thread must end.
 */
FLARE_MUST_USE
int flare__loop_turn(struct flare_loop *loop, uint64_t limit_ns);

/*
 * Whether a callback of any loop runs on this thread: what blocks must not, as
 * that loop stands still meanwhile, and what is waited for may be on it.
 */
bool flare__loop_is_in_callback(void);

/* Queues `task` for the end of this turn, or of the next when called by a
 * task.  Nothing if it is queued. */
void flare__loop_task(struct flare_loop *loop, struct flare__task *task,
                      flare__task_fn fn);

/* Takes it off the queue.  O(tasks), for owners that die early. */
void flare__loop_task_cancel(struct flare_loop *loop, struct flare__task *task);

#endif
