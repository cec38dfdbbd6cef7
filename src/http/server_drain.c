/* SPDX-License-Identifier: MIT */
/*
 * How a server ends (FAILURES M01, M02, K14).  Every worker, by itself:
 *
 *   accepting  answers say Connection: close; the listeners are sealed by
 *              worker 0, and each worker goes on accepting until its queues
 *              are empty, so that nobody whom the kernel has answered is reset
 *   serving    the listeners are closed; requests are answered; connections
 *              that stay quiet for drain_grace_ms are closed
 *   aborting   at drain_timeout_ms, or asked again: what is left is reset
 *
 * With a successor, or sockets that the service manager keeps, there is nothing
 * to seal: the queues are served by others, and accepting ends at once.
 *
 * Worker 0 ends last: it closes the sockets when no worker accepts any more.
 */
#include "base/assert.h"
#include "http/server_impl.h"

enum {
    DRAIN_TICK_MS = 10,
    DRAIN_QUIET_TICK_MS = 50, /* walks all connections */
    /* For queues that cannot be sealed: whoever came by then is served. */
    DRAIN_ACCEPT_MAX_MS = 1000
};

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

/* A worker less takes no connections: the others must not go on as if. */
void flare__server_on_broken(void *ctx)
{
    struct flare_server *server = ctx;

    atomic_store(&server->is_broken, true);
    flare_server_stop(server);
}

/* ---- of the whole server: worker 0, or nobody runs ---- */

/* Another process has the sockets: they are its own to end. */
static bool server_has_heir(const struct flare_server *server)
{
    return server->takeover.fd >= 0 ||
           flare__handoff_is_offered(&server->handoff);
}

static void server_seal(struct flare_server *server)
{
    if (atomic_load(&server->is_sealed))
        return;
    if (server_has_heir(server))
        flare__listen_set_share(&server->set);
    flare__listen_set_seal(&server->set);
    atomic_store(&server->is_sealed, true);
}

void flare__server_let_go(struct flare_server *server)
{
    server_seal(server);
    flare__listen_set_close(&server->set);
}

/* ---- of one worker ---- */

static void server_abort_worker(struct flare__server_worker *sw)
{
    sw->is_aborted = true;
    sw->is_stopping = true;
    flare__http_stop_listening(&sw->http);
    flare__http_abort(&sw->http);
}

static void server_on_deadline(struct flare__timer *timer)
{
    server_abort_worker(
        FLARE_CONTAINER_OF(timer, struct flare__server_worker, deadline));
}

/* Whether nobody is left in the queues whom this worker should serve. */
static bool server_is_queue_done(struct flare__server_worker *sw)
{
    struct flare_server *server = sw->server;
    uint64_t now_ms = sw->http.loop->now_ms;
    bool is_over = now_ms - sw->drain_ms >= DRAIN_ACCEPT_MAX_MS;

    if (!atomic_load(&server->is_sealed))
        return is_over;
    if (sw->seal_ms == 0)
        sw->seal_ms = now_ms;
    switch (flare__listen_set_left(&server->set, sw->index)) {
    case FLARE__LISTEN_EMPTY:
        return now_ms - sw->seal_ms >=
               flare__listen_set_handshake_ms(&server->set);
    case FLARE__LISTEN_OPEN:
        return is_over;
    case FLARE__LISTEN_LAST:
        break;
    }
    return false;
}

static void server_on_tick(struct flare__timer *timer)
{
    struct flare__server_worker *sw =
        FLARE_CONTAINER_OF(timer, struct flare__server_worker, tick);
    struct flare_loop *loop = sw->http.loop;

    if (!sw->is_stopping && server_is_queue_done(sw)) {
        sw->is_stopping = true;
        flare__http_stop_listening(&sw->http);
    }
    if (loop->now_ms >= sw->quiet_ms) {
        sw->quiet_ms = loop->now_ms + DRAIN_QUIET_TICK_MS;
        flare__http_drain_quiet(&sw->http, sw->server->config.drain_grace_ms);
    }
    flare__wheel_start(&loop->wheel, &sw->tick, loop->now_ms + DRAIN_TICK_MS,
                       server_on_tick);
}

static void server_say_stopping(struct flare_server *server)
{
    int rc = flare__notify_send(&server->notify, FLARE_STR("STOPPING=1"));

    if (rc < 0)
        flare__log(&server->log, FLARE_LOG_WARN,
                   "the service manager could not be told: %s",
                   flare_strerror(rc));
}

static void server_drain_worker(struct flare__server_worker *sw)
{
    struct flare_server *server = sw->server;
    struct flare_loop *loop = sw->http.loop;

    if (sw->index == 0) {
        server_seal(server);
        server_say_stopping(server);
    }
    sw->drain_ms = loop->now_ms;
    flare__http_drain_begin(&sw->http);
    flare__wheel_start(&loop->wheel, &sw->deadline,
                       loop->now_ms + server->config.drain_timeout_ms,
                       server_on_deadline);
    server_on_tick(&sw->tick);
}

/* Says once that this worker accepts no more; the last one wakes worker 0. */
static void server_check_stopped(struct flare__server_worker *sw)
{
    struct flare_server *server = sw->server;

    if (sw->has_stopped || !sw->is_stopping || sw->http.listeners_open > 0)
        return;
    sw->has_stopped = true;
    if (atomic_fetch_sub(&server->accepting, 1) == 1 && sw->index != 0)
        flare__loop_wake(atomic_load(&server->loops[0]));
}

/* Worker 0: whether all that it does for the others is done. */
static bool server_has_ended(struct flare_server *server)
{
    if (atomic_load(&server->is_broken))
        return true; /* flare_server_run closes the sockets */
    if (atomic_load(&server->accepting) > 0)
        return false;
    flare__server_let_go(server);
    flare__handoff_gone(&server->handoff);
    return true;
}

static bool server_goes_on_draining(struct flare__server_worker *sw,
                                    unsigned stops)
{
    bool has_ended = true;

    if (!sw->http.is_draining)
        server_drain_worker(sw);
    if (stops > 1 && !sw->is_aborted)
        server_abort_worker(sw);
    server_check_stopped(sw);
    if (sw->index == 0)
        has_ended = server_has_ended(sw->server);
    return !has_ended || !sw->has_stopped || !flare__http_is_idle(&sw->http);
}

bool flare__server_goes_on(struct flare__worker *w, void *ctx)
{
    struct flare_server *server = ctx;
    struct flare__server_worker *sw = w->state;
    unsigned stops = atomic_load(&server->stops); /* after loops[], see stop */

    flare__stats_publish(&sw->stats, &sw->http, ++sw->turns);
    return FLARE_LIKELY(stops == 0) || server_goes_on_draining(sw, stops);
}
