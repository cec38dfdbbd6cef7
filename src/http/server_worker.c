/* SPDX-License-Identifier: MIT */
/*
 * One worker of the public server: from an open loop to a running one, and
 * back.  All start or none runs (FAILURES M08); a server that takes over from
 * another accepts only when that one does not any more.
 */
#include "base/alloc.h"
#include "http/server_impl.h"

/* ---- signals: worker 0 ---- */

static void server_on_signal(int signal_number, void *ctx)
{
    (void)signal_number;
    flare_server_stop(ctx);
}

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

/* ---- listening ---- */

/* A copy of each socket that this worker serves; -errno names the culprit. */
static int server_listen(struct flare__server_worker *sw,
                         struct flare_error *err)
{
    const struct flare__listen_set *set = &sw->server->set;

    for (uint32_t i = 0; i < set->socket_count; i++) {
        int fd;
        int rc;

        if (!flare__listen_set_serves(set, i, sw->index))
            continue;
        fd = flare__sock_dup(set->sockets[i].fd);
        rc = fd < 0 ? fd
                    : flare__http_listen(
                          &sw->http, fd,
                          set->addresses[set->sockets[i].address].is_tls);
        if (rc < 0) {
            flare__sock_close(fd);
            return flare__error(err, rc, "worker %u: listening on %s: %s",
                                sw->index,
                                set->addresses[set->sockets[i].address].text,
                                flare_strerror(rc));
        }
    }
    return 0;
}

/* Nobody may be served: the run ends with the error it has. */
static void server_fail(struct flare_server *server, int rc)
{
    flare__log(&server->log, FLARE_LOG_ERROR, "%s", server->run_error.text);
    server->run_rc = rc;
    flare_server_stop(server);
    flare_server_stop(server);
}

/* On the worker's loop, once the server before accepts no more. */
static void server_listen_late(void *ctx)
{
    struct flare__server_worker *sw = ctx;
    struct flare_error err;

    if (sw->http.is_draining || server_listen(sw, &err) >= 0)
        return;
    /* What is left of it can still be served by the other workers. */
    flare__log(&sw->server->log, FLARE_LOG_ERROR, "%s", err.text);
    flare_server_stop(sw->server);
}

/* ---- the user's state ---- */

static int server_start_state(struct flare__server_worker *sw,
                              struct flare_error *err)
{
    const struct flare_server_config *c = &sw->server->config;
    int rc = 0;

    sw->http.worker.index = sw->index;
    if (c->on_worker_start != NULL)
        rc = c->on_worker_start(&sw->http.worker);
    sw->has_state = rc >= 0;
    if (rc < 0)
        return flare__error(err, rc, "worker %u: on_worker_start: %s",
                            sw->index, flare_strerror(rc));
    return 0;
}

static void server_stop_state(struct flare__server_worker *sw)
{
    const struct flare_server_config *c = &sw->server->config;

    if (sw->has_state && c->on_worker_stop != NULL)
        c->on_worker_stop(&sw->http.worker);
    sw->has_state = false;
}

/* ---- the watchdog ---- */

static void server_start_watch(struct flare__server_worker *sw)
{
    if (sw->server->watchdog == NULL)
        return;
    sw->http.watch = flare__watchdog_at(sw->server->watchdog, sw->index);
    flare__watch_start(sw->http.watch, sw->http.loop);
}

static void server_stop_watch(struct flare__server_worker *sw)
{
    if (sw->http.watch != NULL)
        flare__watch_stop(sw->http.watch);
    sw->http.watch = NULL;
}

/* ---- the start ---- */

int flare__server_start(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct flare__server_worker *sw = &server->workers[w->index];
    int rc;

    w->state = sw;
    rc = flare__http_init(&sw->http, w->loop, &server->options);
    if (rc < 0)
        return flare__error(&w->error, rc, "worker %u: %s", w->index,
                            flare_strerror(rc));
    rc = server_start_state(sw, &w->error);
    if (rc >= 0)
        rc = server_start_signals(w, server);
    if (rc >= 0 && server->takeover.fd < 0)
        rc = server_listen(sw, &w->error);
    if (rc >= 0) {
        atomic_store(&server->loops[w->index], w->loop);
        server_start_watch(sw);
        return 0;
    }
    server_stop_signals(w, server);
    flare__http_stop_listening(&sw->http);
    while (!flare__http_is_idle(&sw->http))
        if (flare__loop_turn(w->loop, UINT64_MAX) < 0)
            return rc; /* broken */
    server_stop_state(sw);
    flare__http_fini(&sw->http);
    return rc;
}

/* ---- all have started: worker 0 ---- */

/* The server before this one is told; then everybody accepts. */
static int server_take_over(struct flare_server *server)
{
    int rc = flare__takeover_ready(&server->takeover);

    if (rc < 0)
        return flare__error(&server->run_error, rc,
                            "restart_socket %s: the running server has given "
                            "up waiting",
                            server->config.restart_socket);
    if (rc > 0)
        flare__log(&server->log, FLARE_LOG_WARN,
                   "hot restart: the server before does not answer");
    flare__takeover_close(&server->takeover);
    for (uint32_t i = 0; i < server->config.workers; i++) {
        rc = flare_loop_post(atomic_load(&server->loops[i]), server_listen_late,
                             &server->workers[i]);
        if (rc < 0)
            return flare__error(&server->run_error, rc, "worker %u: %s", i,
                                flare_strerror(rc));
    }
    return 0;
}

static void server_on_successor(void *ctx)
{
    struct flare_server *server = ctx;

    flare__log(&server->log, FLARE_LOG_INFO,
               "hot restart: the next server runs");
    flare_server_stop(server);
}

static void server_start_handoff(struct flare_server *server)
{
    int rc;

    if (server->handoff.state == FLARE__HANDOFF_CLOSED)
        return;
    rc = flare__handoff_start(&server->handoff, server->workers[0].http.loop,
                              &server->set, server_on_successor, server);
    if (rc < 0)
        flare__log(&server->log, FLARE_LOG_ERROR,
                   "restart_socket %s: %s; no hot restart is possible",
                   server->config.restart_socket, flare_strerror(rc));
}

static void server_announce(struct flare_server *server)
{
    const struct flare_server_config *c = &server->config;
    size_t size = server->set.address_count * (FLARE__SOCK_TEXT_MAX + 2);
    char *text = flare__alloc(&c->allocator, size);
    const char *all = text != NULL ? text : server->set.addresses[0].text;

    if (text != NULL)
        flare__listen_set_format(&server->set, text, size);
    flare__log(&server->log, FLARE_LOG_INFO, "listening on %s", all);
    if (c->on_listening != NULL)
        c->on_listening(all, c->listening_ctx);
    flare__free(&c->allocator, text);
}

void flare__server_on_started(void *ctx)
{
    struct flare_server *server = ctx;
    int rc = 0;

    if (server->takeover.fd >= 0)
        rc = server_take_over(server);
    if (rc < 0) {
        server_fail(server, rc);
        return;
    }
    server_start_handoff(server);
    rc = flare__notify_ready(&server->notify);
    if (rc < 0)
        flare__log(&server->log, FLARE_LOG_WARN,
                   "the service manager could not be told: %s",
                   flare_strerror(rc));
    server_announce(server);
}

/* ---- the end ---- */

/* Closes what is still open and takes the worker apart. */
void flare__server_finish(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct flare__server_worker *sw = w->state;
    bool is_first = w->index == 0;

    flare__wheel_stop(&w->loop->wheel, &sw->deadline);
    flare__wheel_stop(&w->loop->wheel, &sw->tick);
    flare__http_drain(&sw->http);
    flare__http_abort(&sw->http);
    if (is_first) {
        flare__signals_close(&server->signals);
        flare__handoff_close(&server->handoff);
    }
    while (!flare__http_is_idle(&sw->http) ||
           (is_first && (server->signals.is_open ||
                         !flare__handoff_is_closed(&server->handoff))))
        if (flare__loop_turn(w->loop, UINT64_MAX) < 0)
            return; /* broken: what is left stays, see worker.c */
    flare__stats_publish(&sw->stats, &sw->http, sw->turns);
    server_stop_watch(sw);
    server_stop_state(sw);
    flare__http_fini(&sw->http);
}
