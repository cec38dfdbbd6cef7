/* SPDX-License-Identifier: MIT */
/*
 * The loop: one thread that waits for everything at once.  Yours, for a
 * protocol of your own (docs/loop.md), or that of a server's worker
 * (flare_req_loop, flare_worker_loop), on which timers, watches, names and
 * sockets work just as well.
 *
 *     flare_loop *loop;
 *     int rc = flare_loop_new(&loop, &(struct flare_loop_config){0}, &err);
 *
 *     ...                          open something on it
 *     rc = flare_loop_run(loop);   until nothing is open, or it is stopped
 *     flare_loop_free(loop);
 *
 * Everything on a loop belongs to the thread that made the loop; two calls may
 * come from others: flare_loop_post and flare_loop_stop.  Callbacks run inside
 * flare_loop_run or flare_loop_run_once, one at a time, and may make any call
 * but these two and flare_loop_free.  Nothing calls back from inside a call.
 *
 * After fork(2) only the parent may touch its loops and what is on them: the
 * child must exec or exit, as it shares the kernel's side of both.
 */
#ifndef FLARE_LOOP_H
#define FLARE_LOOP_H

#include <flare/alloc.h>
#include <flare/error.h>
#include <flare/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's event loop; everything on it runs on that thread. */
typedef struct flare_loop flare_loop;

/* Zero means the default, in brackets. */
struct flare_loop_config {
    /* "uring", "epoll" and what else flare_build_info names [FLARE_BACKEND in
     * the environment, else the best that works here] */
    const char *backend;
    /* Copied; its context is borrowed until everything is gone [malloc]. */
    const struct flare_allocator *allocator;
    flare_log_fn on_log; /* [silent] */
    void *log_ctx;
    /* Posted calls that may wait; a power of two, 2 to 1 048 576 [1024]. */
    uint32_t mailbox_capacity;
    /* One receive buffer, a power of two, 512 to 1 048 576 [16 384]. */
    uint32_t receive_bytes;
    /* Of them, shared by all sockets; a power of two, 2 to 32 768 [256]. */
    uint32_t receive_buffers;
    /* For names that are looked up, started when first needed; 1 to 64 [4]. */
    uint32_t resolver_threads;
    /* flare_loop_run goes on although nothing is open: another thread will
     * post, or stop it [no] */
    bool stays;
};

/*
 * flare_loop_new(out, config, err): gives a loop, for the calling thread.
 * `config` and `err` may be NULL.
 *
 * Returns 0; FLARE_E_BAD_CONFIG; FLARE_E_BACKEND_UNAVAILABLE; -ENOMEM, -EMFILE
 * and the like; `err` names the culprit.  Release it with flare_loop_free.
 * Thread: the one that calls becomes the owner.
 */
#define flare_loop_new(...)                                                    \
    flare_loop_new_sized(sizeof(struct flare_loop_config), __VA_ARGS__)

/* flare_loop_new, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_loop_new_sized(
    size_t config_size, flare_loop **out,
    const struct flare_loop_config *config, struct flare_error *err);

/*
 * Ends what is still open on the loop: sockets are closed with their last
 * callbacks, timers, watches and signals are gone without one.  Then posted
 * calls run, and from now on none is accepted.  What callbacks want to open
 * meanwhile is refused (FLARE_E_STOPPED).  Accepts NULL.
 *
 * A loop that broke (flare_loop_run returned an error) is left as it is, memory
 * included: the kernel may still write to it.
 * Thread: owner, not from a callback; others must not post or stop any more.
 */
FLARE_API void flare_loop_free(flare_loop *loop);

/* ---- running ---- */

/*
 * Turns until flare_loop_stop, or, unless the configuration says `stays`, until
 * nothing is open: no socket, no armed timer, no watch that waits, no signal,
 * no name to be resolved, no posted call.
 *
 * Returns 0, and may be called again; -errno if the backend broke, which also
 * every later call returns.
 */
FLARE_API FLARE_MUST_USE int flare_loop_run(flare_loop *loop);

/*
 * One turn: waits until something happens, at most `timeout_ms` (0: not at all;
 * negative: for as long as it takes), and works through it.  May return before
 * the time without anything having happened.
 *
 * Returns 1; 0 as flare_loop_run does, without waiting if it is known before;
 * -errno as above.
 */
FLARE_API FLARE_MUST_USE int flare_loop_run_once(flare_loop *loop,
                                                 int64_t timeout_ms);

/*
 * Ends flare_loop_run after its turn; remembered if none runs: the next one
 * ends at once.  Thread: any, also from a signal handler.
 */
FLARE_API void flare_loop_stop(flare_loop *loop);

/*
 * Runs `fn(ctx)` on the loop's thread, soon: the one way across threads.  Calls
 * of one thread run in the order it posted them, each exactly once.
 *
 * Returns 0; FLARE_E_MAILBOX_FULL (try later: the loop is not keeping up) or
 * FLARE_E_STOPPED (it never will), and then `fn` does not run.
 * Borrows `ctx` until `fn` has run.  Thread: any, while the loop, or its
 * server, exists.
 */
FLARE_API FLARE_MUST_USE int flare_loop_post(flare_loop *loop,
                                             void (*fn)(void *ctx), void *ctx);

/* ---- in another loop ---- */

/*
 * Gives a descriptor for poll(2), epoll(7) or another library's loop: readable
 * whenever flare_loop_run_once(loop, 0) has something to do, due timers and
 * posted calls included, and readable at once the first time.  The loop's own:
 * neither to be read nor closed.
 *
 * From now on the loop is embedded: flare_loop_run_once does what can be done
 * now, within bounds (else the descriptor stays readable), hands it all to the
 * kernel and sets the clock.  Who calls something on the loop outside of its
 * callbacks calls flare_loop_run_once(loop, 0) afterwards.
 *
 * Returns it, the same each time; -ENOTSUP on a backend that has none; -ENOMEM,
 * -EMFILE and the like.
 */
FLARE_API FLARE_MUST_USE int flare_loop_fd(flare_loop *loop);

/* ---- about it ---- */

/*
 * Monotonic time as of this turn, or of the last one if none runs; whence is
 * unspecified.  Costs nothing.
 */
FLARE_API uint64_t flare_loop_now_ms(const flare_loop *loop);

/* The same in nanoseconds. */
FLARE_API uint64_t flare_loop_now_ns(const flare_loop *loop);

/* The backend's name: "uring", "epoll"; static.  Thread: any. */
FLARE_API const char *flare_loop_backend(const flare_loop *loop);

/* What the kernel grants the backend; with the Linux that brought it. */
enum flare_cap {
    FLARE_CAP_MULTISHOT_ACCEPT = 1 << 0, /* 5.19 */
    FLARE_CAP_MULTISHOT_RECV = 1 << 1,   /* 6.0 */
    FLARE_CAP_BUFFER_RING = 1 << 2,      /* 5.19 */
    FLARE_CAP_DEFER_TASKRUN = 1 << 3,    /* 6.1 */
    FLARE_CAP_EXT_ARG = 1 << 7,          /* 5.11 */
    FLARE_CAP_EPOLL_PWAIT2 = 1 << 8,     /* 5.11; deadlines to the nanosecond */
    FLARE_CAP_BUNDLE = 1 << 9,           /* 6.10; many buffers at once */
    FLARE_CAP_EMBED = 1 << 30            /* flare_loop_fd works */
};

/* FLARE_CAP_*, and bits of later versions. */
FLARE_API uint32_t flare_loop_caps(const flare_loop *loop);

/* Counts since the loop was made, but for the last two, which are now. */
struct flare_loop_stats {
    uint64_t turns;        /* waits */
    uint64_t events;       /* of the kernel */
    uint64_t posts;        /* calls from other threads that have run */
    uint64_t timers_fired; /* the library's own too */
    uint64_t open;         /* what keeps flare_loop_run running */
    uint64_t timers_armed; /* flare_timer */
};

/* flare_loop_stats(loop, out). */
#define flare_loop_stats(loop, out)                                            \
    flare_loop_stats_sized(loop, sizeof(struct flare_loop_stats), out)

/* flare_loop_stats, and how large the caller's struct is. */
FLARE_API void flare_loop_stats_sized(const flare_loop *loop, size_t size,
                                      struct flare_loop_stats *out);

#ifdef __cplusplus
}
#endif
#endif
