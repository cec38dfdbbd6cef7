/* SPDX-License-Identifier: MIT */
/* See tcp_rig.h. */
#include "tests/tcp/tcp_rig.h"

#include "base/alloc.h"
#include "net/choose.h"
#include "net/sock.h"
#include "net/user_loop.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static const char *const names[TCP_RIG_BACKENDS] = {"sim", "epoll", "uring",
                                                    "kqueue"};

const char *tcp_rig_name(int backend)
{
    return names[backend];
}

static void rig_on_log(enum flare_log_level level, const char *text, void *ctx)
{
    struct tcp_rig *r = ctx;

    (void)level;
    (void)snprintf(r->log, sizeof(r->log), "%s", text);
    r->logs++;
}

/* ---- ends ---- */

struct tcp_end *tcp_rig_end(struct tcp_rig *r)
{
    struct tcp_end *end;

    ck_assert_int_lt(r->count, TCP_RIG_ENDS);
    end = &r->ends[r->count++];
    *end = (struct tcp_end){.rig = r, .rc = 1};
    end->got = malloc(TCP_RIG_BYTES_MAX);
    ck_assert_ptr_nonnull(end->got);
    return end;
}

static void end_call(struct tcp_end *end, enum tcp_end_call what)
{
    if (end->hook != NULL)
        end->hook(end, what);
}

static void on_open(flare_stream *s, void *ctx)
{
    struct tcp_end *end = ctx;

    ck_assert_ptr_eq(end->stream, s);
    ck_assert_int_eq(end->datas + end->ends + end->closes, 0);
    end->opens++;
    end_call(end, TCP_END_OPEN);
}

static void on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    struct tcp_end *end = ctx;

    ck_assert_ptr_eq(end->stream, s);
    ck_assert_int_eq(end->ends + end->closes, 0);
    ck_assert_uint_gt(data.len, 0);
    ck_assert_uint_le(end->len + data.len, TCP_RIG_BYTES_MAX);
    memcpy(end->got + end->len, data.ptr, data.len);
    end->len += data.len;
    end->datas++;
    if (end->is_echo) {
        int rc = flare_stream_write(s, data);

        ck_assert(rc >= 0 || rc == -EPIPE);
    }
    end_call(end, TCP_END_DATA);
}

static void on_end(flare_stream *s, void *ctx)
{
    struct tcp_end *end = ctx;

    ck_assert_ptr_eq(end->stream, s);
    ck_assert_int_eq(end->closes, 0);
    ck_assert_int_eq(end->ends, 0);
    end->ends++;
    if (end->is_echo)
        flare_stream_shutdown(s);
    end_call(end, TCP_END_END);
}

static void on_drain(flare_stream *s, void *ctx)
{
    struct tcp_end *end = ctx;

    ck_assert_ptr_eq(end->stream, s);
    ck_assert_int_eq(end->closes, 0);
    end->drains++;
    end_call(end, TCP_END_DRAIN);
}

static void on_closed(flare_stream *s, int rc, const struct flare_error *err,
                      void *ctx)
{
    struct tcp_end *end = ctx;

    ck_assert_ptr_eq(end->stream, s);
    ck_assert_int_eq(end->closes, 0);
    ck_assert_int_eq(rc, err->code);
    end->closes++;
    end->rc = rc;
    end->err = *err;
    end_call(end, TCP_END_CLOSED);
    end->stream = NULL;
}

const struct flare_stream_handler tcp_rig_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

const struct flare_stream_handler tcp_rig_no_end = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

/* A listener's streams begin with the rig as context, and get an end here. */
static void on_accepted(flare_stream *s, void *ctx)
{
    struct tcp_rig *r = ctx;
    struct tcp_end *end = tcp_rig_end(r);

    r->accepted++;
    end->stream = s;
    end->hook = r->on_accept;
    end->is_echo = r->is_echo;
    flare_stream_handle(s, &tcp_rig_handler, end);
    on_open(s, end);
}

static void on_no_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s;
    (void)data;
    (void)ctx;
    ck_abort_msg("data before on_open");
}

/* Its handshake has failed: it never was anybody's. */
static void on_refused(flare_stream *s, int rc, const struct flare_error *err,
                       void *ctx)
{
    struct tcp_rig *r = ctx;

    (void)s;
    ck_assert_int_eq(rc, err->code);
    r->refused++;
    r->refused_err = *err;
}

static const struct flare_stream_handler accept_handler = {
    .on_open = on_accepted,
    .on_data = on_no_data,
    .on_closed = on_refused,
};

/* ---- the loop ---- */

void tcp_rig_init(struct tcp_rig *r)
{
    *r = (struct tcp_rig){.loop = NULL};
    r->client.handler = &tcp_rig_handler;
    r->server.handler = &accept_handler;
#ifdef TCP_RIG_TLS
    tcp_rig_secure(r);
#endif
}

static int rig_loop(struct tcp_rig *r, int backend,
                    const struct flare__sim_config *config)
{
    const struct flare_allocator *al =
        r->fault != NULL ? &r->fault->al : &flare__allocator_default;
    struct flare__backend_config bc = {.al = al};
    struct flare__loop_config lc = {.al = al, .log = {rig_on_log, r}};
    static const struct flare__sim_config calm = {.is_calm = true};
    int rc;

    if (backend == TCP_RIG_SIM) {
        r->world = flare__sim_new(config != NULL ? config : &calm);
        ck_assert_ptr_nonnull(r->world);
        bc.sim = r->world;
        lc.ops = &flare__backend_sim;
        rc = lc.ops->open(&lc.backend, &bc, NULL);
    } else {
        rc = flare__backend_choose(&lc.ops, &lc.backend, names[backend], &bc,
                                   NULL);
    }
    if (rc < 0)
        return rc;
    rc = flare__loop_open(&r->loop, &lc);
    if (rc < 0)
        lc.ops->free(lc.backend);
    else
        r->loop->receive_buffers = 4 * TCP_RIG_KEPT;
    return rc;
}

static int rig_listen(struct tcp_rig *r)
{
    int fd;
    int rc;

    r->server.ctx = r;
    if (r->world == NULL) {
        rc = flare_tcp_listen(r->loop, &r->listener, FLARE_STR("127.0.0.1:0"),
                              &r->server, NULL);
        if (rc == 0)
            r->addr = flare_listener_local(r->listener);
        return rc;
    }
    fd = flare__sim_listen(r->world, TCP_RIG_PORT, 64);
    ck_assert_int_ge(fd, 0);
    rc = flare_tcp_listen_fd(r->loop, &r->listener, fd, &r->server, NULL);
    if (rc < 0)
        flare__sim_fd_close(r->world, fd);
    return flare_addr_parse(&r->addr, FLARE_STR("192.0.2.1:80"), NULL) < 0
               ? -EINVAL
               : rc;
}

int tcp_rig_open(struct tcp_rig *r, int backend,
                 const struct flare__sim_config *config)
{
    int rc = rig_loop(r, backend, config);

    if (rc == 0)
        rc = rig_listen(r);
    if (rc < 0)
        tcp_rig_close(r);
    return rc;
}

bool tcp_rig_start(struct tcp_rig *r, int backend)
{
    int rc;

    tcp_rig_init(r);
    rc = tcp_rig_open(r, backend, NULL);
    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG) {
        printf("SKIP: no backend %s here\n", names[backend]);
        return false;
    }
    ck_assert_msg(rc == 0, "%s: %s", names[backend], flare_strerror(rc));
    return true;
}

void tcp_rig_close(struct tcp_rig *r)
{
    flare_loop_free(r->loop);
    r->loop = NULL;
    for (int i = 0; i < r->count; i++) {
        ck_assert_int_eq(r->ends[i].closes, 1);
        free(r->ends[i].got);
    }
    r->count = 0;
    if (r->world != NULL)
        ck_assert_uint_eq(flare__sim_fds(r->world), 0);
    flare__sim_free(r->world);
    r->world = NULL;
}

struct tcp_end *tcp_rig_try(struct tcp_rig *r, int *rc)
{
    struct tcp_end *end = tcp_rig_end(r);
    struct flare_tcp_options o = r->client;

    o.ctx = end;
    *rc = flare_tcp_connect_addr(r->loop, &end->stream, &r->addr, &o, NULL);
    if (*rc == 0)
        return end;
    free(end->got);
    r->count--;
    return NULL;
}

struct tcp_end *tcp_rig_dial(struct tcp_rig *r)
{
    int rc;
    struct tcp_end *end = tcp_rig_try(r, &rc);

    ck_assert_int_eq(rc, 0);
    return end;
}

struct tcp_end *tcp_rig_pair(struct tcp_rig *r, struct tcp_end **server)
{
    int accepted = r->accepted;
    struct tcp_end *client = tcp_rig_dial(r);

    TCP_RIG_UNTIL(r, client->opens == 1 && r->accepted > accepted);
    *server = &r->ends[r->count - 1];
    return client;
}

void tcp_rig_run(struct tcp_rig *r, uint64_t ms)
{
    uint64_t until_ns = r->loop->ops->now(r->loop->backend) + ms * 1000000;

    do
        ck_assert_int_eq(flare__loop_turn(r->loop, until_ns), 0);
    while (r->loop->now_ns < until_ns);
}

int tcp_rig_write(struct tcp_end *end, size_t from, size_t to)
{
    char buf[4096];
    int rc = 0;

    while (from < to && rc >= 0) {
        size_t n = to - from < sizeof(buf) ? to - from : sizeof(buf);

        for (size_t i = 0; i < n; i++)
            buf[i] = tcp_rig_byte(from + i);
        rc = flare_stream_write(end->stream, (struct flare_str){buf, n});
        from += n;
    }
    return rc;
}

bool tcp_rig_is_stream(const struct tcp_end *end)
{
    for (size_t i = 0; i < end->len; i++)
        if (end->got[i] != tcp_rig_byte(i))
            return false;
    return true;
}
