/* SPDX-License-Identifier: MIT */
/*
 * The handlers of the server in the simulated world.  A request names itself
 * in X-Id, "connection-request"; its handler is called once, sees the body of
 * that request and no other's, and names it in the answer.
 */
#include "tests/support/sim_bytes.h"
#include "tests/support/sim_jobs.h"
#include "tests/support/sim_server.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool id_number(struct flare_str *text, uint32_t *out)
{
    size_t i = 0;

    *out = 0;
    while (i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9')
        *out = *out * 10 + (uint32_t)(text->ptr[i++] - '0');
    text->ptr += i;
    text->len -= i;
    return i > 0;
}

struct sim_id sim_id_read(const flare_req *req)
{
    struct flare_str text = flare_req_header(req, "X-Id");
    struct sim_id id = {.is_there = false};

    if (text.ptr == NULL || !id_number(&text, &id.conn) || text.len == 0)
        return id;
    text.ptr++;
    text.len--;
    id.is_there = id_number(&text, &id.request) && text.len == 0 &&
                  id.conn < SIM_CONNS_MAX && id.request < SIM_REQUESTS_MAX;
    (void)snprintf(id.text, sizeof(id.text), "%u-%u", id.conn, id.request);
    return id;
}

static bool server_drains(const struct sim_server *s, const flare_loop *loop)
{
    for (uint32_t i = 0; i < s->worker_count; i++)
        if (s->workers[i].loop == loop)
            return s->workers[i].http.is_draining;
    return false;
}

void sim_handler_count(const flare_req *req, struct sim_id *id)
{
    struct sim_server *s = flare_req_ctx(req);

    *id = sim_id_read(req);
    flare__sim_note(s->world, "handler", id->conn, id->request);
    if (!id->is_there)
        return;
    if (++s->calls[id->conn][id->request] > 1)
        flare__sim_fail(s->world, "request %s handled twice", id->text);
    s->was_draining[id->conn][id->request] =
        server_drains(s, flare_req_loop(req));
}

/* Counts the call, and names the request in the answer. */
static int handler_enter(flare_req *req, flare_res *res, struct sim_id *id)
{
    sim_handler_count(req, id);
    if (!id->is_there)
        return 0;
    return flare_res_header(res, "X-Id", flare_str(id->text));
}

static int on_small(flare_req *req, flare_res *res)
{
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    return rc < 0 ? rc : flare_res_printf(res, 200, "small %s\n", id.text);
}

static int on_echo(flare_req *req, flare_res *res)
{
    struct sim_server *s = flare_req_ctx(req);
    struct flare_str body = flare_req_body(req);
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    if (rc < 0)
        return rc;
    if (id.is_there &&
        !sim_bytes_equal(body.ptr, body.len, id.conn, id.request, 0))
        flare__sim_fail(s->world, "request %s has the bytes of another",
                        id.text);
    return flare_res_copy(res, 200, FLARE_STR("application/octet-stream"),
                          body);
}

static int on_hash(flare_req *req, flare_res *res)
{
    struct flare_str body = flare_req_body(req);
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    if (rc < 0)
        return rc;
    return flare_res_printf(res, 200, "%016" PRIx64 "\n",
                            sim_bytes_sum(body.ptr, body.len));
}

static void big_free(void *ctx, void *block)
{
    struct sim_server *s = ctx;

    s->bodies_given--;
    s->al.free_fn(block, s->al.ctx);
}

static int on_big(flare_req *req, flare_res *res)
{
    struct sim_server *s = flare_req_ctx(req);
    struct sim_id id;
    int rc = handler_enter(req, res, &id);
    char *body;

    if (rc < 0)
        return rc;
    body = s->al.alloc_fn(SIM_BIG_BYTES, s->al.ctx);
    if (body == NULL)
        return -ENOMEM;
    sim_bytes_fill(body, SIM_BIG_BYTES, id.conn, id.request, 0);
    s->bodies_given++;
    rc = flare_res_give(res, 200, FLARE_STR("application/octet-stream"),
                        (struct flare_str){body, SIM_BIG_BYTES}, big_free, s);
    if (rc < 0)
        big_free(s, body);
    return rc;
}

static int on_error(flare_req *req, flare_res *res)
{
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    return rc < 0 ? rc : FLARE_E_CONFLICT;
}

static int on_forget(flare_req *req, flare_res *res)
{
    struct sim_id id;

    return handler_enter(req, res, &id);
}

static int on_twice(flare_req *req, flare_res *res)
{
    struct sim_server *s = flare_req_ctx(req);
    int rc = on_small(req, res);

    if (rc < 0)
        return rc;
    rc = flare_res_text(res, 500, "no\n");
    if (rc != FLARE_E_ALREADY_ANSWERED)
        flare__sim_fail(s->world, "a second answer: %d", rc);
    return 0;
}

static int on_none(flare_req *req, flare_res *res)
{
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    return rc < 0 ? rc : flare_res_empty(res, 204);
}

static int on_user(flare_req *req, flare_res *res)
{
    struct sim_id id;
    uint64_t number;
    int rc = handler_enter(req, res, &id);

    if (rc >= 0)
        rc = flare_req_param_u64(req, "id", &number);
    if (rc < 0)
        return rc;
    return flare_res_printf(res, 200, "user %" PRIu64 "\n", number);
}

/* More than the library prints on its stack. */
static int on_long(flare_req *req, flare_res *res)
{
    char text[SIM_LONG_BYTES];
    struct sim_id id;
    int rc = handler_enter(req, res, &id);

    if (rc < 0)
        return rc;
    sim_bytes_fill(text, sizeof(text), id.conn, id.request, 0);
    return flare_res_printf(res, 200, "%.*s", SIM_LONG_BYTES, text);
}

void sim_handlers_routes(struct sim_server *s)
{
    const struct flare_route routes[] = {
        FLARE_GET("/small", on_small, s),    FLARE_POST("/echo", on_echo, s),
        FLARE_POST("/hash", on_hash, s),     FLARE_GET("/big", on_big, s),
        FLARE_GET("/error", on_error, s),    FLARE_GET("/forget", on_forget, s),
        FLARE_GET("/twice", on_twice, s),    FLARE_GET("/none", on_none, s),
        FLARE_GET("/users/:id", on_user, s), FLARE_GET("/long", on_long, s)};

    memcpy(s->routes, routes, sizeof(routes));
    s->config.routes.list = s->routes;
    s->config.routes.count = sizeof(routes) / sizeof(routes[0]);
    sim_jobs_routes(s);
}
