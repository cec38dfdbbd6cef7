/* SPDX-License-Identifier: MIT */
/*
 * N processes that serve the same addresses, and one above them that holds the
 * listening sockets: a process that dies takes its own connections with it and
 * nothing else.  Who waits in the kernel's queues waits for its successor.
 */
#ifndef FLARE_SUPERVISE_H
#define FLARE_SUPERVISE_H

#include <flare/alloc.h>
#include <flare/error.h>
#include <flare/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What one process is, lent until its `run` returns. */
struct flare_child {
    const char *listen; /* for flare_server_config.listen: "fd:5,fd:9" */
    uint32_t index;     /* its place, 0 to processes - 1 */
    uint32_t starts;    /* of its place before it; 0: it is the first there */
};

/* Serves, in the new process, until SIGTERM; see flare_supervise. */
typedef int (*flare_child_fn)(const struct flare_child *child, void *ctx);

/* Zero means the default, in brackets.  All of it is borrowed until return. */
struct flare_supervise_config {
    /* As in flare_server_config; required. */
    const char *listen;
    bool v6only;

    uint32_t processes; /* 1 to 1024 [2]; each may have several workers */
    flare_child_fn run; /* required */
    void *ctx;

    /* SIGHUP replaces the processes one after the other: the new one starts,
     * has lived steady_ms, the old one drains [no: SIGHUP is left alone]. */
    bool roll_on_hangup;

    /* A process that ends sooner than this after its start has crashed; 1 to
     * 3 600 000 [1000]. */
    uint32_t steady_ms;
    /* Crashes in a row of one place, with which all is given up; 1 to 1000
     * [8]. */
    uint32_t crashes_max;
    /* After the first crash a place starts again at once, after the second it
     * waits so long [100], then twice as long each, up to the second number
     * [5000]; 1 to 3 600 000. */
    uint32_t backoff_ms;
    uint32_t backoff_max_ms;
    /* From SIGTERM to a process until SIGKILL; 1 to 86 400 000 [40 000].  More
     * than drain_timeout_ms of its server. */
    uint32_t stop_timeout_ms;

    struct flare_allocator allocator; /* all NULL: malloc */
    flare_log_fn on_log; /* NULL: silent; a line for each start and end */
    void *log_ctx;

    /* Called in the calling process, once all have been started. */
    void (*on_listening)(const char *address, void *ctx);
    void *listening_ctx;
};

/*
 * flare_supervise(config, err): opens the sockets and keeps `processes`
 * processes running until SIGTERM or SIGINT, then returns.
 *
 * Each process calls `run` and ends by _exit with what it returns (a negative
 * number: 1), so that it flushes what it wrote itself. It gets copies of the
 * sockets, the caller's signal mask, a process group of its own (Ctrl-C reaches
 * the supervisor only), and SIGTERM when the supervisor dies, even of SIGKILL.
 * Everything else is that of fork(2): open servers, rings and loops only in
 * `run`, none before, and start no thread before.  Counters, rate limits and
 * other state are each process's own.
 *
 * One that ends unasked, with whatever status, is started again, at once or
 * after the backoff; meanwhile the kernel keeps the connections that it spread
 * there, and during a backoff (Linux 5.3) spreads new ones over the others.
 *
 * SIGTERM, SIGINT: no new connections; those in the queues are accepted; then
 * the processes get SIGTERM and drain (`run` with handle_signals).  The second
 * one, or stop_timeout_ms, is SIGKILL for what is left.
 *
 * Returns 0 after a stop; FLARE_E_CRASH_LOOP, `err` says which process and its
 * status or signal, once the others have drained; FLARE_E_BAD_CONFIG,
 * FLARE_E_BAD_ADDRESS, -EADDRINUSE and the like, -ENOMEM, -EAGAIN if nothing
 * could be started.  No process is left then, no descriptor is open, `err` may
 * be NULL.
 *
 * Meanwhile SIGTERM, SIGINT, SIGCHLD and, with roll_on_hangup, SIGHUP are
 * blocked in the calling thread, and SIGCHLD has its default action; both are
 * put back.  No handler is installed; children of others are not waited for.
 * Thread: the only one of its process, and it must live until the return.
 */
#define flare_supervise(...)                                                   \
    flare_supervise_sized(sizeof(struct flare_supervise_config), __VA_ARGS__)

/* flare_supervise, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_supervise_sized(
    size_t config_size, const struct flare_supervise_config *config,
    struct flare_error *err);

#ifdef __cplusplus
}
#endif
#endif
