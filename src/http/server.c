/* SPDX-License-Identifier: MIT */
/*
 * The public server: opens the listening sockets, runs the workers, frees.
 *
 * States:  OPEN -> RUNNING -> DONE
 *   OPEN     listeners are bound, so that every error of an address is known
 *   RUNNING  the workers serve (server_worker.c) until the end (server_drain.c)
 *   DONE     all workers are joined, the sockets closed
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "http/config.h"
#include "http/server_impl.h"
#include "net/offload.h"

#include <errno.h>
#include <string.h>

/* ---- opening ---- */

/* What the environment and the server before have for this one. */
static int server_meet_others(struct flare_server *server,
                              struct flare_error *err)
{
    const struct flare_server_config *c = &server->config;
    int rc = 0;

    if (c->notify) {
        rc = flare__notify_open(&server->notify);
        if (rc < 0)
            flare__log(&server->log, FLARE_LOG_WARN, "NOTIFY_SOCKET: %s",
                       flare_strerror(rc));
    }
    if (c->restart_socket == NULL)
        return 0;
    rc = flare__handoff_open(&server->handoff, c->restart_socket, err);
    if (rc < 0)
        return rc;
    return flare__takeover_open(&server->takeover, &c->allocator,
                                c->restart_socket, err);
}

static int server_listen(struct flare_server *server, struct flare_error *err)
{
    const struct flare_server_config *c = &server->config;
    const struct flare__listen_config lc = {
        .al = &c->allocator,
        .list = c->listen,
        .tls_list = c->tls_listen,
        .workers = c->workers,
        .is_v6only = c->v6only,
        .handed = server->takeover.handed,
        .handed_count = server->takeover.count,
    };
    int rc = flare__listen_set_open(&server->set, &lc, err);

    if (rc >= 0)
        server->options.listeners_max = flare__listen_set_each(&server->set);
    return rc;
}

static int server_set_up(struct flare_server *server, struct flare_error *err)
{
    const struct flare_server_config *c = &server->config;
    int rc;

    server->log = (struct flare__log){c->on_log, c->log_ctx};
    flare__config_options(&server->options, c);
    server->options.server = server;
    if (c->routes.count != 0) {
        rc = flare__router_new(&server->router, &server->config.allocator,
                               c->routes, err);
        if (rc < 0)
            return rc;
        server->options.router = server->router;
    }
    rc = flare__offload_new(&server->options.offload, &server->config.allocator,
                            c->offload_threads, c->offload_queue_max);
    if (rc < 0)
        return flare__error(err, rc, "server: out of memory");
    server->workers =
        flare__calloc(&c->allocator, c->workers, sizeof(*server->workers));
    if (server->workers == NULL)
        return flare__error(err, -ENOMEM, "server: out of memory");
    for (uint32_t i = 0; i < c->workers; i++) {
        server->workers[i].server = server;
        server->workers[i].index = i;
    }
    rc = server_meet_others(server, err);
    return rc < 0 ? rc : server_listen(server, err);
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
    server->takeover.fd = -1;
    server->notify.fd = -1;
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
    FLARE_ASSERT(server->state != FLARE__SERVER_RUNNING);
    al = server->config.allocator;
    flare__offload_free(server->options.offload);
    flare__server_let_go(server); /* it never ran */
    flare__listen_set_free(&server->set);
    flare__handoff_close(&server->handoff);
    flare__takeover_close(&server->takeover);
    flare__notify_close(&server->notify);
    for (uint32_t i = 0; i < server->config.workers; i++)
        flare__loop_free(atomic_load(&server->loops[i]));
    flare__router_free(server->router);
    flare__free(&al, server->workers);
    flare__free(&al, server);
}

static int server_watch(struct flare_server *server)
{
    const struct flare_server_config *c = &server->config;
    const struct flare__watchdog_config wc = {
        .al = &c->allocator,
        .log = server->log,
        .count = c->workers,
        .stall_ms = c->stall_ms,
        .abort_ms = c->stall_abort_ms,
    };

    return c->stall_ms != 0 ? flare__watchdog_open(&server->watchdog, &wc) : 0;
}

int flare_server_run(flare_server *server, struct flare_error *err)
{
    struct flare__executor_config ec = {
        .count = server->config.workers,
        .is_pinned = server->config.pin,
        .backend = server->config.backend,
        .al = &server->config.allocator,
        .log = server->log,
        .start = flare__server_start,
        .on_started = flare__server_on_started,
        .goes_on = flare__server_goes_on,
        .on_broken = flare__server_on_broken,
        .finish = flare__server_finish,
        .ctx = server,
    };
    int rc;

    if (server->state != FLARE__SERVER_OPEN)
        return flare__error(err, FLARE_E_STOPPED, "a server runs once");
    if (server->config.handle_signals) {
        rc = flare__signals_block(&server->signals);
        if (rc < 0)
            return flare__error(err, rc, "signals: %s", flare_strerror(rc));
    }
    rc = server_watch(server);
    if (rc < 0) {
        flare__signals_unblock(&server->signals);
        return flare__error(err, rc, "watchdog: %s", flare_strerror(rc));
    }
    server->state = FLARE__SERVER_RUNNING;
    atomic_store(&server->accepting, server->config.workers);
    rc = flare__executor_run(&ec, err);
    server->state = FLARE__SERVER_DONE;
    flare__watchdog_close(server->watchdog);
    server->watchdog = NULL;
    flare__server_let_go(server);
    flare__offload_stop(server->options.offload);
    if (rc >= 0 && server->run_rc < 0)
        rc = flare__error(err, server->run_rc, "%s", server->run_error.text);
    flare__signals_unblock(&server->signals);
    return rc;
}

const char *flare_server_address(const flare_server *server)
{
    return server->set.addresses[0].text;
}

const char *flare_server_address_at(const flare_server *server, uint32_t index)
{
    return index < server->set.address_count ? server->set.addresses[index].text
                                             : NULL;
}

uint32_t flare_server_workers(const flare_server *server)
{
    return server->config.workers;
}

/* A caller built for fewer numbers gets those; one built for more, zeros. */
static void server_give_stats(const struct flare_stats *stats, size_t size,
                              struct flare_stats *out)
{
    size_t known = size < sizeof(*stats) ? size : sizeof(*stats);

    memset(out, 0, size);
    memcpy(out, stats, known);
}

void flare_server_stats_sized(const flare_server *server, size_t size,
                              struct flare_stats *out)
{
    struct flare_stats sum = {0};

    for (uint32_t i = 0; i < server->config.workers; i++)
        flare__stats_add(&server->workers[i].stats, &sum);
    server_give_stats(&sum, size, out);
}

int flare_server_worker_stats_sized(const flare_server *server, uint32_t index,
                                    size_t size, struct flare_stats *out)
{
    struct flare_stats one = {0};

    if (index >= server->config.workers)
        return -EINVAL;
    flare__stats_add(&server->workers[index].stats, &one);
    server_give_stats(&one, size, out);
    return 0;
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
