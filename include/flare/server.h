/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1.1 server: one configuration, N workers, no sharing between them.
 */
#ifndef FLARE_SERVER_H
#define FLARE_SERVER_H

#include <flare/log.h>
#include <flare/router.h>
#include <flare/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One worker for each CPU that this process may use. */
#define FLARE_WORKERS_AUTO UINT32_MAX

/* A worker, in its hooks; see flare/state.h. */
typedef struct flare_worker flare_worker;

/* Which field of a request names the client behind trusted proxies. */
enum flare_forwarded {
    FLARE_FORWARDED_NONE,     /* none: the peer is the client */
    FLARE_FORWARDED_STANDARD, /* Forwarded, RFC 7239 */
    FLARE_FORWARDED_X,        /* X-Forwarded-For, -Proto and -Host */
    FLARE_FORWARDED_X_REAL_IP /* X-Real-IP, of the only proxy; the others as
                                 above */
};

/*
 * Everything a server can be told; zero means the default, in brackets.
 * Strings, routes and contexts are borrowed until flare_server_free.
 */
struct flare_server_config {
    /*
     * Where to listen, separated by commas; this or tls_listen.
     *   "127.0.0.1:8080", "[::1]:0"  TCP; port 0: any that is free
     *   "unix:/run/x.sock"           a path without a comma; "unix:@abstract"
     *   "fd:5"                       a descriptor that listens; it stays yours
     *   "inherit:", "inherit:web"    what the service manager opened for this
     *                                process (LISTEN_FDS), all or by name
     */
    const char *listen;
    /* Where to listen for HTTPS, in the same words; with `tls` [nowhere]. */
    const char *tls_listen;
    /* What those connections are shown (flare/tls.h); the same for several
     * servers if you like.  Reloading it reaches the next connection. [none] */
    flare_tls_server *tls;
    /* "[::]:80" leaves IPv4 to "0.0.0.0:80" [no]. */
    bool v6only;

    /* Exactly one of the two: a table, or one handler for everything. */
    struct flare_routes routes;
    struct flare_handler handler;
    /* Around every request, also one that no route is for; the outermost first.
     * Lent until flare_server_open returns. */
    const struct flare_middleware *middleware[FLARE_MIDDLEWARE_MAX + 1];

    /*
     * What handlers and the hooks below are given of the application [none];
     * flare/state.h checks its type.
     */
    void *app;
    /*
     * Called on each worker's thread before it accepts, and after its last
     * connection has gone; where the first fails the server does not start, and
     * the second is not called.  Nor is it if the worker's loop has broken.
     * What they and handlers open on the worker's loop beside its connections
     * (timers, watches, sockets) and leave open is ended after the second, as
     * by flare_loop_free; it does not delay the drain.
     */
    int (*on_worker_start)(flare_worker *worker);
    void (*on_worker_stop)(flare_worker *worker);

    /*
     * The proxies in front of this server: networks, and "unix" for a peer on a
     * Unix socket, separated by commas: "10.0.0.0/8, ::1" [nobody].
     */
    const char *trusted;
    /* The one field in which those say who the client is [none]: the others
     * are the client's own invention.  Needs `trusted`. */
    enum flare_forwarded forwarded;
    /*
     * Every connection begins with a PROXY header, version 1 or 2 [no]; one
     * that does not is closed without a byte, and so is one from elsewhere than
     * `trusted`, if that is given.  Whether there is a header is not guessed:
     * any peer could name any client.
     */
    bool proxy_protocol;

    /* 1 to 1024 threads [1]; FLARE_WORKERS_AUTO: one per usable CPU. */
    uint32_t workers;
    /* Binds worker n to the n-th usable CPU while it runs [no]. */
    bool pin;
    /* "uring" or "epoll"; NULL: FLARE_BACKEND, else the best there is. */
    const char *backend;
    /* SIGTERM and SIGINT drain; the second one ends at once [no].  They are
     * blocked in the calling thread meanwhile; other threads of the program
     * must block them too. */
    bool handle_signals;
    /* Tells the service manager at NOTIFY_SOCKET when the server is ready and
     * when it stops [no]. */
    bool notify;
    /*
     * A path for hot restarts [none].  If a server of the same user waits
     * there, flare_server_open takes its listening sockets, as far as `listen`
     * names them by the same words; once the workers run, that server drains
     * and ends. From then on this one waits there for the next.  At most a
     * minute may pass between flare_server_open and the workers' start.
     */
    const char *restart_socket;
    /* The Server field, at most 256 bytes; "" sends none ["flare"]. */
    const char *server_name;

    /* Past it 414; 16 to 1 MiB [8192]. */
    uint32_t target_bytes_max;
    /* Of the header section; past it 431; 64 to 1 MiB [8192]. */
    uint32_t fields_bytes_max;
    /* Fields; past it 431; 1 to 10 000 [100]. */
    uint32_t fields_max;
    /* Past it 413; 1 to 1 GiB [10 MiB]. */
    uint32_t body_bytes_max;
    /* Chunk extensions and trailers of one body, together; 16 to 1 MiB
     * [8192]. */
    uint32_t chunk_overhead_max;
    /* The last gets Connection: close; FLARE_UNLIMITED [that]. */
    uint32_t requests_per_connection_max;
    /* Of the whole server, shared out evenly to the workers (each has one at
     * least); past its share a worker's accepting waits; 1 to 2^24
     * [RLIMIT_NOFILE - 64]. */
    uint32_t connections_max;
    /* Unsent bytes of one connection, past which its requests wait; 1 KiB to
     * 1 GiB [64 KiB]. */
    uint32_t output_bytes_max;
    /* Of memory a request may take beside its body: decoded forms, cookies,
     * flare_req_alloc; 4 KiB to 1 GiB [1 MiB]. */
    uint32_t request_memory_max;
    /*
     * Of memory for each worker's connections, requests and answers, in bytes;
     * 1 MiB to FLARE_UNLIMITED [0: no budget].  From 80 % of it on connections
     * are not kept open and idle ones closed, the oldest first; from 90 % on
     * bodies that have not come yet are refused with 503; from 95 % on all
     * requests, and accepting waits.  What would go past it is not to be had.
     * A connection's TLS counts for 20 KiB, whatever it takes.
     * Receive buffers, and what handlers allocate by themselves, do not count.
     */
    uint32_t worker_memory_max;
    /* Threads for flare_offload, started when they are needed; 1 to 1024
     * [4]. */
    uint32_t offload_threads;
    /* Jobs that wait for one of them, past which flare_offload refuses; 1 to
     * 2^20 [1024]. */
    uint32_t offload_queue_max;
    /*
     * A thread watches the workers and logs which one has been in one turn of
     * its loop for so many milliseconds, because of a handler that blocks, and
     * that handler's path; 1 to 60 000 [0: no such thread].  25 is a good one.
     */
    uint32_t stall_ms;
    /* After so many of them it aborts the process; not less than stall_ms
     * [0: never]. */
    uint32_t stall_abort_ms;

    /* Milliseconds, 1 to 86 400 000. */
    /* From accept until the TLS handshake is done, whatever comes [10 000]; the
     * first head's time begins then. */
    uint32_t tls_handshake_timeout_ms;
    uint32_t head_timeout_ms;   /* from accept, or its first byte [10 000] */
    uint32_t body_gap_ms;       /* between bytes of a body [30 000] */
    uint32_t body_grace_ms;     /* before the rate below counts [10 000] */
    uint32_t body_rate_min;     /* bytes per second, FLARE_UNLIMITED: 0 [240] */
    uint32_t idle_timeout_ms;   /* between requests [60 000] */
    uint32_t send_timeout_ms;   /* the peer takes nothing; a quarter more at
                                 * most until it is seen [30 000] */
    uint32_t linger_timeout_ms; /* of reading on after the last answer [2000] */
    /* Until a deferred answer begins, and between two pieces of its body;
     * FLARE_UNLIMITED [60 000] */
    uint32_t answer_timeout_ms;
    uint32_t drain_timeout_ms; /* from stop to reset [30 000] */
    uint32_t drain_grace_ms;   /* after a stop, of waiting for a request that
                                  may be on its way [500] */

    struct flare_allocator allocator; /* all NULL: malloc */
    flare_log_fn on_log;              /* NULL: silent */
    void *log_ctx;

    /* Called once all workers listen; `address` is lent: "127.0.0.1:43211", of
     * several "127.0.0.1:43211, unix:/run/x.sock". */
    void (*on_listening)(const char *address, void *ctx);
    void *listening_ctx;
};

/*
 * A running server.  After fork(2) only the parent may touch it: the child must
 * exec or exit, as rings, threads and sockets belong to the parent.
 */
typedef struct flare_server flare_server;

/*
 * flare_server_open(out, config, err): checks the configuration, compiles the
 * routes, opens the listeners. Gives a server (release with flare_server_free).
 * `err` may be NULL.
 *
 * Returns 0; FLARE_E_BAD_CONFIG, _BAD_ADDRESS, _BAD_ROUTE, _ROUTE_CONFLICT;
 * -EADDRINUSE, -EACCES and the like; -ENOMEM.  The backend is opened by run.
 * Thread: any.
 */
#define flare_server_open(...)                                                 \
    flare_server_open_sized(sizeof(struct flare_server_config), __VA_ARGS__)

/* flare_server_open, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_server_open_sized(
    size_t config_size, flare_server **out,
    const struct flare_server_config *config, struct flare_error *err);

/*
 * Serves on the calling thread and workers - 1 others until stopped; once.
 * Returns 0 after a stop; FLARE_E_BACKEND_UNAVAILABLE, FLARE_E_BAD_CONFIG (no
 * backend of that name) or -errno if the workers could not all start (none runs
 * then) or one broke; FLARE_E_STOPPED the second time.
 */
FLARE_API FLARE_MUST_USE int flare_server_run(flare_server *server,
                                              struct flare_error *err);

/*
 * Starts the drain.  Whoever has reached the kernel's queues by then is still
 * served; requests in flight are finished and those that come are answered,
 * each as its connection's last; connections that stay quiet for drain_grace_ms
 * are closed; what is left after drain_timeout_ms is reset.  The second call
 * ends the drain at once.  Thread: any; also from a signal handler.
 */
FLARE_API void flare_server_stop(flare_server *server);

/* The first address, "127.0.0.1:43211"; lent until free.  Thread: any. */
FLARE_API const char *flare_server_address(const flare_server *server);

/* The address of that place; NULL: there are no more.  As above. */
FLARE_API const char *flare_server_address_at(const flare_server *server,
                                              uint32_t index);

/* Not while it runs.  Accepts NULL. */
FLARE_API void flare_server_free(flare_server *server);

/*
 * flare_serve(config, err): open, run, free in one.  Returns what they return.
 * Thread: any.
 */
#define flare_serve(...)                                                       \
    flare_serve_sized(sizeof(struct flare_server_config), __VA_ARGS__)

/* flare_serve, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_serve_sized(
    size_t config_size, const struct flare_server_config *config,
    struct flare_error *err);

#ifdef __cplusplus
}
#endif
#endif
