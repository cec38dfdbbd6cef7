/* SPDX-License-Identifier: MIT */
/* See sim_server.h. */
#include "tests/support/sim_server.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { KERNEL_TURN_NS = 20 * 1000 * 1000 };

/* Date must not differ between two runs of a seed: linked with --wrap. */
int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return 784111777; /* RFC 9110's own example: Sun, 06 Nov 1994 08:49:37 */
}

/* ---- workers ---- */

/* What the library logs is counted, never printed. */
static void server_on_log(enum flare_log_level level, const char *text,
                          void *ctx)
{
    struct sim_server *s = ctx;

    (void)level;
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            flare__sim_fail(s->world, "a log line with a raw byte");
    s->log_lines++;
}

static int worker_loop(struct sim_worker *w,
                       const struct sim_server_setup *setup)
{
    struct flare__backend *backend = NULL;
    struct flare__log log = {server_on_log, w->server};
    struct flare__backend_config bc = {.al = &w->server->al,
                                       .log = &log,
                                       .lease_bytes = setup->lease_bytes,
                                       .lease_count = setup->lease_count,
                                       .sim = setup->world};
    const struct flare__backend_ops *ops = setup->ops;
    int rc;

    if (ops == NULL)
        ops = &flare__backend_sim;
    rc = ops->open(&backend, &bc, NULL);

    if (rc < 0)
        return rc;
    rc = flare__loop_open(&w->loop,
                          &(struct flare__loop_config){.ops = ops,
                                                       .backend = backend,
                                                       .al = &w->server->al,
                                                       .log = log,
                                                       .mailbox_capacity = 16});
    if (rc < 0)
        ops->free(backend);
    return rc;
}

static int worker_open(struct sim_worker *w,
                       const struct sim_server_setup *setup)
{
    int rc = worker_loop(w, setup);
    int fd = setup->fd;

    if (rc < 0)
        return rc;
    rc = flare__http_init(&w->http, w->loop, &w->server->options);
    if (rc < 0) {
        flare__loop_free(w->loop);
        return rc;
    }
    w->is_open = true;
    if (setup->ops == NULL)
        fd = flare__sim_listen(setup->world, SIM_SERVER_PORT, 8);
    if (fd < 0)
        return fd;
    rc = flare__http_listen(&w->http, fd, /* is_tls = */ false);
    if (rc < 0)
        w->loop->ops->discard(w->loop->backend, fd);
    return rc;
}

/* The lowest free descriptor. */
static int server_free_fd(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    close(fd);
    return fd;
}

static void server_keep_one(struct sim_server *s)
{
    if (sim_jobs_open(s) > 0)
        sim_jobs_keep(s, sim_jobs_next(s));
}

static void server_free(struct sim_server *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct sim_worker *w = &s->workers[i];

        if (!w->is_open)
            continue;
        flare__http_fini(&w->http);
        flare__loop_close(w->loop);
    }
    server_keep_one(s); /* to a loop that is closed, and then to one freed */
    for (uint32_t i = 0; i < s->worker_count; i++)
        if (s->workers[i].is_open)
            flare__loop_free(s->workers[i].loop);
    sim_jobs_keep(s, UINT64_MAX);
    sim_jobs_check(s);
    flare__router_free(s->router);
    if (!s->is_kernel && server_free_fd() != s->first_fd)
        flare__sim_fail(s->world, "a file is left open");
    if (s->bodies_given != 0)
        flare__sim_fail(s->world, "%u given bodies were not freed",
                        s->bodies_given);
    if (s->posts != s->posted)
        flare__sim_fail(s->world, "%u posts, %u ran", s->posts, s->posted);
}

int sim_server_open(struct sim_server *s, const struct sim_server_setup *setup)
{
    uint32_t count = setup->workers == 0 ? 1 : setup->workers;
    struct flare_error err;
    int rc;

    memset(s, 0, sizeof(*s));
    s->world = setup->world;
    s->has_no_memory = setup->has_no_memory;
    s->is_kernel = setup->ops != NULL;
    s->al = *setup->al;
    s->config = setup->config;
    s->config.listen = "127.0.0.1:80";
    s->config.workers = count;
    s->config.allocator = s->al;
    sim_handlers_routes(s);
    s->first_fd = server_free_fd();
    rc = flare__config_resolve(&s->config, 1024, &err);
    if (rc < 0)
        flare__sim_fail(s->world, "configuration: %s", err.text);
    flare__config_options(&s->options, &s->config);
    s->options.al = &s->al;
    rc = flare__router_new(&s->router, &s->al, s->config.routes, &err);
    s->options.router = s->router;
    for (uint32_t i = 0; i < count && rc >= 0; i++) {
        s->workers[i].server = s;
        s->worker_count++;
        rc = worker_open(&s->workers[i], setup);
    }
    if (rc < 0)
        sim_server_close(s);
    return rc;
}

static void worker_on_drain_timer(struct flare__timer *timer)
{
    struct sim_worker *w =
        FLARE_CONTAINER_OF(timer, struct sim_worker, drain_timer);

    w->is_aborted = true;
    flare__http_abort(&w->http);
}

/* As server.c does it, after a turn. */
static void worker_after_turn(struct sim_worker *w)
{
    if (!w->must_drain)
        return;
    if (!w->http.is_draining) {
        flare__http_drain(&w->http);
        flare__wheel_start(&w->loop->wheel, &w->drain_timer,
                           w->loop->now_ms + w->server->config.drain_timeout_ms,
                           worker_on_drain_timer);
    }
    if (flare__http_is_idle(&w->http))
        flare__wheel_stop(&w->loop->wheel, &w->drain_timer);
}

int sim_server_step(struct sim_server *s, uint64_t limit_ns)
{
    struct flare_loop *loop = s->workers[0].loop;
    uint64_t turn_ns = UINT64_MAX;
    uint64_t due_ns = sim_jobs_next(s);
    int which = 0;
    int rc;

    if (!s->is_kernel) {
        which =
            flare__sim_next(s->world, due_ns < limit_ns ? due_ns : limit_ns);
        sim_jobs_keep(s, flare__sim_now(s->world));
        if (which == FLARE__SIM_OVER && due_ns < limit_ns)
            which = FLARE__SIM_LATER;
        if (which < 0)
            return which;
        loop = s->workers[which].loop;
    } else {
        sim_jobs_keep(s, loop->ops->now(loop->backend));
        turn_ns = loop->ops->now(loop->backend) + KERNEL_TURN_NS;
    }
    rc = flare__loop_turn(loop, turn_ns);
    if (rc < 0)
        flare__sim_fail(s->world, "turn: %d", rc);
    worker_after_turn(&s->workers[which]);
    return which;
}

/* ---- from other threads ---- */

static void on_post(void *ctx)
{
    ((struct sim_server *)ctx)->posted++;
}

static void on_drain(void *ctx)
{
    struct sim_worker *w = ctx;

    w->must_drain = true;
    w->server->posted++;
}

/*
 * Between its turns a loop is awake and needs no wake; in the stepped world it
 * seems to sleep there, so it is told.
 */
static int worker_post(struct sim_worker *w, void (*fn)(void *ctx), void *ctx)
{
    int rc = flare_loop_post(w->loop, fn, ctx);

    w->loop->ops->wake(w->loop->backend);
    return rc;
}

void sim_server_post(struct sim_server *s, uint32_t worker)
{
    int rc = worker_post(&s->workers[worker], on_post, s);

    if (rc >= 0)
        s->posts++;
    else if (rc != FLARE_E_MAILBOX_FULL)
        flare__sim_fail(s->world, "post: %d", rc);
}

void sim_server_drain(struct sim_server *s)
{
    if (s->is_draining)
        return;
    s->is_draining = true;
    s->drain_ns = flare__sim_now(s->world);
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct sim_worker *w = &s->workers[i];

        if (!w->is_open)
            continue;
        /* A full mailbox is emptied by turns, as a poster would wait. */
        while (worker_post(w, on_drain, w) < 0)
            if (flare__loop_turn(w->loop, 0) < 0)
                flare__sim_fail(s->world, "a turn failed");
        s->posts++;
    }
}

/* ---- the end ---- */

bool sim_server_is_idle(const struct sim_server *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++)
        if (s->workers[i].is_open && !flare__http_is_idle(&s->workers[i].http))
            return false;
    return true;
}

uint32_t sim_server_conns(const struct sim_server *s)
{
    uint32_t conns = 0;

    for (uint32_t i = 0; i < s->worker_count; i++)
        conns += s->workers[i].http.conns.live;
    return conns;
}

struct flare_stats sim_server_counters(const struct sim_server *s)
{
    struct flare_stats sum = {0};

    for (uint32_t i = 0; i < s->worker_count; i++) {
        const struct flare_stats *c = &s->workers[i].http.counters;

        sum.accepted += c->accepted;
        sum.closed += c->closed;
        sum.requests += c->requests;
        sum.responses += c->responses;
        sum.refused += c->refused;
        sum.timeouts += c->timeouts;
        sum.aborted += c->aborted;
        sum.shed += c->shed;
    }
    return sum;
}

static bool server_has_timers(const struct sim_server *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++)
        if (s->workers[i].is_open &&
            flare__wheel_next(&s->workers[i].loop->wheel) != UINT64_MAX)
            return true;
    return false;
}

void sim_server_close(struct sim_server *s)
{
    struct flare_stats c;
    struct flare__sim_counts w = {0};
    uint64_t limit_ns;

    sim_server_drain(s);
    /* Its limit, what a slipping timer and a stalled worker may add. */
    limit_ns = s->drain_ns + s->config.drain_timeout_ms * UINT64_C(1000000) +
               60 * SIM_S;
    while (!sim_server_is_idle(s) || s->posts != s->posted)
        if (sim_server_step(s, limit_ns) == FLARE__SIM_OVER)
            flare__sim_fail(s->world, "the drain does not end");
    if (server_has_timers(s))
        flare__sim_fail(s->world, "R17: a timer of a dead object");
    c = sim_server_counters(s);
    flare__sim_count(s->world, &w);
    if (c.accepted != c.closed)
        flare__sim_fail(s->world, "%" PRIu64 " accepted, %" PRIu64 " closed",
                        c.accepted, c.closed);
    if (!s->is_kernel && c.accepted + c.shed != w.accepted)
        flare__sim_fail(s->world,
                        "%" PRIu64 " accepted and %" PRIu64
                        " shed are not the %" PRIu64 " of the network",
                        c.accepted, c.shed, w.accepted);
    server_free(s);
}
