/* SPDX-License-Identifier: MIT */
/*
 * The public server: one listener per worker on the same address
 * (SO_REUSEPORT), so that the kernel spreads connections and no worker ever
 * takes a lock to accept.
 *
 * States:  OPEN -> RUNNING -> DONE
 *   OPEN     listeners are bound, so that every error of the address is known
 *   RUNNING  the workers serve; `stops` counts the calls that ask for the end
 *   DONE     all workers are joined
 */
#include <flare/server.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "http/config.h"
#include "http/conn.h"
#include "net/signal.h"
#include "net/sock.h"
#include "net/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum server_state { SERVER_OPEN, SERVER_RUNNING, SERVER_DONE };

/* One worker's part. */
struct server_worker {
    struct flare__http http;
    struct flare__timer drain_timer;
    struct flare_server *server;
    bool is_aborted;
    int listener_fd; /* until the worker has taken it; -1: none */
};

struct flare_server {
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__router *router;
    struct flare__log log;
    struct flare__signals signals;
    struct server_worker *workers;
    enum server_state state;
    char address[FLARE__SOCK_TEXT_MAX];

    atomic_uint stops;
    _Atomic(struct flare_loop *) loops[]; /* NULL: not started yet */
};

/* ---- stopping ---- */

/* Async-signal-safe: atomics and the backend's wake. */
void flare_server_stop(flare_server *server)
{
    atomic_fetch_add(&server->stops, 1);
    for (uint32_t i = 0; i < server->config.workers; i++) {
        struct flare_loop *loop = atomic_load(&server->loops[i]);

        if (loop != NULL)
            flare__loop_wake(loop);
    }
}

static void server_on_signal(int signal_number, void *ctx)
{
    (void)signal_number;
    flare_server_stop(ctx);
}

static void server_abort_worker(struct server_worker *sw)
{
    sw->is_aborted = true;
    flare__http_abort(&sw->http);
}

static void server_on_drain_timer(struct flare__timer *timer)
{
    server_abort_worker(
        FLARE_CONTAINER_OF(timer, struct server_worker, drain_timer));
}

/* Whoever was first unlinks a Unix socket, so that it can be bound again. */
static void server_stop_accepting(struct server_worker *sw)
{
    if (sw == sw->server->workers)
        flare__sock_unlink(sw->http.listeners[0].sock.fd);
    flare__http_drain(&sw->http);
}

static void server_drain_worker(struct server_worker *sw)
{
    struct flare_loop *loop = sw->http.loop;

    server_stop_accepting(sw);
    flare__wheel_start(&loop->wheel, &sw->drain_timer,
                       loop->now_ms + sw->server->config.drain_timeout_ms,
                       server_on_drain_timer);
}

static bool server_goes_on(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct server_worker *sw = w->state;
    unsigned stops = atomic_load(&server->stops); /* after loops[], see stop */

    if (FLARE_LIKELY(stops == 0))
        return true;
    if (!sw->http.is_draining)
        server_drain_worker(sw);
    if (stops > 1 && !sw->is_aborted)
        server_abort_worker(sw);
    return !flare__http_is_idle(&sw->http);
}

/* ---- workers ---- */

static void server_stop_signals(struct flare__worker *w,
                                struct flare_server *server)
{
    if (w->index != 0)
        return;
    flare__signals_close(&server->signals);
    while (server->signals.is_open)
        if (flare__loop_turn(w->loop, UINT64_MAX) < 0)
            return; /* broken */
}

/* Blocked and not seen, they would leave only SIGKILL: no start without. */
static int server_start_signals(struct flare__worker *w,
                                struct flare_server *server)
{
    int rc;

    if (w->index != 0 || !server->config.handle_signals)
        return 0;
    rc = flare__signals_open(&server->signals, w->loop, server_on_signal,
                             server);
    if (rc >= 0)
        return 0;
    server_stop_signals(w, server);
    return flare__error(&w->error, rc, "signals: %s", flare_strerror(rc));
}

static int server_start(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct server_worker *sw = &server->workers[w->index];
    int rc;

    w->state = sw;
    rc = flare__http_init(&sw->http, w->loop, &server->options);
    if (rc < 0)
        return flare__error(&w->error, rc, "worker %u: %s", w->index,
                            flare_strerror(rc));
    rc = server_start_signals(w, server);
    if (rc < 0) {
        flare__http_fini(&sw->http);
        return rc;
    }
    rc = flare__http_listen(&sw->http, sw->listener_fd);
    if (rc < 0) {
        server_stop_signals(w, server);
        flare__http_fini(&sw->http);
        return flare__error(&w->error, rc, "worker %u: listening: %s", w->index,
                            flare_strerror(rc));
    }
    sw->listener_fd = -1;
    atomic_store(&server->loops[w->index], w->loop);
    return 0;
}

static void server_on_started(void *ctx)
{
    struct flare_server *server = ctx;

    flare__log(&server->log, FLARE_LOG_INFO, "listening on %s",
               server->address);
    if (server->config.on_listening != NULL)
        server->config.on_listening(server->address,
                                    server->config.listening_ctx);
}

/* Closes what is still open and takes the worker apart. */
static void server_finish(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct server_worker *sw = w->state;
    bool has_signals = w->index == 0;

    if (!sw->http.is_draining)
        server_stop_accepting(sw);
    flare__wheel_stop(&w->loop->wheel, &sw->drain_timer);
    flare__http_abort(&sw->http);
    if (has_signals)
        flare__signals_close(&server->signals);
    while (!flare__http_is_idle(&sw->http) ||
           (has_signals && server->signals.is_open))
        if (flare__loop_turn(w->loop, UINT64_MAX) < 0)
            return; /* broken: what is left stays, see worker.c */
    flare__http_fini(&sw->http);
}

/* A worker less takes no connections: the others must not go on as if. */
static void server_on_broken(void *ctx)
{
    flare_server_stop(ctx);
}

/* ---- opening ---- */

static bool server_is_unix(const char *address)
{
    return strncmp(address, "unix:", 5) == 0;
}

/* Worker `i` joins the address of worker 0; a Unix socket is one for all. */
static int server_join(struct flare_server *server, uint32_t i,
                       struct flare_error *err)
{
    int *fd = &server->workers[i].listener_fd;

    if (!server_is_unix(server->address))
        return flare__sock_listen(fd, flare_str(server->address), 0,
                                  FLARE__SOCK_REUSEPORT, err);
    *fd = flare__sock_dup(server->workers[0].listener_fd);
    return *fd < 0 ? flare__error(err, *fd, "%s: %s", server->address,
                                  flare_strerror(*fd))
                   : 0;
}

static int server_listen(struct flare_server *server, struct flare_error *err)
{
    const struct flare_server_config *c = &server->config;
    int *first = &server->workers[0].listener_fd;
    bool is_shared = c->workers > 1 && !server_is_unix(c->listen);
    unsigned flags = is_shared ? FLARE__SOCK_REUSEPORT : 0;
    struct flare__addr addr;
    int rc = flare__sock_listen(first, flare_str(c->listen), 0, flags, err);

    if (rc < 0)
        return rc;
    rc = flare__sock_local(*first, &addr);
    if (rc < 0)
        return flare__error(err, rc, "%s: %s", c->listen, flare_strerror(rc));
    flare__addr_format(&addr, server->address, sizeof(server->address));
    for (uint32_t i = 1; i < c->workers && rc >= 0; i++)
        rc = server_join(server, i, err);
    return rc < 0 ? rc : 0;
}

static int server_set_up(struct flare_server *server, struct flare_error *err)
{
    const struct flare_server_config *c = &server->config;
    int rc;

    server->log = (struct flare__log){c->on_log, c->log_ctx};
    flare__config_options(&server->options, c);
    if (c->routes.count != 0) {
        rc = flare__router_new(&server->router, &server->config.allocator,
                               c->routes, err);
        if (rc < 0)
            return rc;
        server->options.router = server->router;
    }
    server->workers =
        flare__calloc(&c->allocator, c->workers, sizeof(*server->workers));
    if (server->workers == NULL)
        return flare__error(err, -ENOMEM, "server: out of memory");
    for (uint32_t i = 0; i < c->workers; i++) {
        server->workers[i].server = server;
        server->workers[i].listener_fd = -1;
    }
    return server_listen(server, err);
}

int flare_server_open_sized(size_t config_size, flare_server **out,
                            const struct flare_server_config *config,
                            struct flare_error *err)
{
    struct flare_server_config resolved = {0};
    struct flare_server *server;
    int rc;

    if (config_size > sizeof(resolved))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    memcpy(&resolved, config, config_size);
    if (resolved.workers == FLARE_WORKERS_AUTO)
        resolved.workers = flare__worker_cpus();
    rc = flare__config_resolve(&resolved, flare__worker_descriptors(), err);
    if (rc < 0)
        return rc;
    server = flare__calloc(&resolved.allocator, 1,
                           sizeof(*server) +
                               resolved.workers * sizeof(server->loops[0]));
    if (server == NULL)
        return flare__error(err, -ENOMEM, "server: out of memory");
    server->config = resolved;
    rc = server_set_up(server, err);
    if (rc < 0) {
        flare_server_free(server);
        return rc;
    }
    *out = server;
    return 0;
}

void flare_server_free(flare_server *server)
{
    struct flare_allocator al;

    if (server == NULL)
        return;
    FLARE_ASSERT(server->state != SERVER_RUNNING);
    al = server->config.allocator;
    if (server->workers != NULL && server->workers[0].listener_fd >= 0)
        flare__sock_unlink(server->workers[0].listener_fd); /* never ran */
    for (uint32_t i = 0; server->workers != NULL && i < server->config.workers;
         i++)
        flare__sock_close(server->workers[i].listener_fd);
    for (uint32_t i = 0; i < server->config.workers; i++)
        flare__loop_free(atomic_load(&server->loops[i]));
    flare__router_free(server->router);
    flare__free(&al, server->workers);
    flare__free(&al, server);
}

int flare_server_run(flare_server *server, struct flare_error *err)
{
    struct flare__executor_config ec = {
        .count = server->config.workers,
        .is_pinned = server->config.pin,
        .backend = server->config.backend,
        .al = &server->config.allocator,
        .log = server->log,
        .start = server_start,
        .on_started = server_on_started,
        .goes_on = server_goes_on,
        .on_broken = server_on_broken,
        .finish = server_finish,
        .ctx = server,
    };
    int rc;

    if (server->state != SERVER_OPEN)
        return flare__error(err, FLARE_E_STOPPED, "a server runs once");
    if (server->config.handle_signals) {
        rc = flare__signals_block(&server->signals);
        if (rc < 0)
            return flare__error(err, rc, "signals: %s", flare_strerror(rc));
    }
    server->state = SERVER_RUNNING;
    rc = flare__executor_run(&ec, err);
    server->state = SERVER_DONE;
    flare__signals_unblock(&server->signals);
    return rc;
}

const char *flare_server_address(const flare_server *server)
{
    return server->address;
}

int flare_serve_sized(size_t config_size,
                      const struct flare_server_config *config,
                      struct flare_error *err)
{
    flare_server *server;
    int rc = flare_server_open_sized(config_size, &server, config, err);

    if (rc < 0)
        return rc;
    rc = flare_server_run(server, err);
    flare_server_free(server);
    return rc;
}
