/* SPDX-License-Identifier: MIT */
/*
 * Groups, middleware, slashes, and routes added call by call.
 *
 *   router [ADDRESS]      listens on 127.0.0.1:8080 unless told otherwise
 *   curl -H 'X-Key: secret' http://127.0.0.1:8080/api/items/7
 *   curl -L http://127.0.0.1:8080/docs/intro/
 */
#include <flare/flare.h>

#include <stdio.h>

static int on_item(flare_req *req, flare_res *res)
{
    struct flare_str id = flare_req_param(req, "id");

    return flare_res_printf(res, 200, "item %.*s\n", FLARE_STR_ARG(id));
}

static int on_text(flare_req *req, flare_res *res)
{
    return flare_res_text(res, 200, flare_req_ctx(req));
}

static int need_key(flare_req *req, flare_res *res, struct flare_handler next,
                    void *ctx)
{
    if (!flare_str_equal(flare_req_header(req, "X-Key"), flare_str(ctx)))
        return FLARE_E_FORBIDDEN; /* what is outside sees it, then the peer */
    return flare_next(req, res, next);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_middleware key = {need_key, (void *)"secret"};
static const struct flare_route api[] = {
    FLARE_GET("/items", on_text, (void *)"no items\n"),
    FLARE_GET("/items/:id", on_item),
};
static const struct flare_route docs[] = {
    FLARE_GET("/intro", on_text, (void *)"intro\n"),
};
static const struct flare_route table[] = {
    FLARE_GROUP("/api", FLARE_ROUTES(api), &key),
    FLARE_GROUP("/docs", FLARE_ROUTES(docs, FLARE_SLASH_REDIRECT)),
};

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err = {0};
    flare_router *router;
    int rc = flare_router_new(&router, NULL);

    if (rc < 0)
        return fprintf(stderr, "router: %s\n", flare_strerror(rc)), 1;
    (void)flare_router_get(router, "/", on_text, (void *)"home\n");
    (void)flare_router_mount(router, "/", FLARE_ROUTES(table));
    rc = flare_router_routes(router, &config.routes); /* the first failure */
    if (rc >= 0)
        rc = flare_serve(&config, &err);
    if (rc < 0)
        fprintf(stderr, "router: %s %s\n", flare_strerror(rc), err.text);
    flare_router_free(router);
    return rc < 0;
}
