/* SPDX-License-Identifier: MIT */
/*
 * Middlewares: what stands around handlers.
 *   middleware [ADDRESS]         listens on 127.0.0.1:8080 unless told
 * otherwise curl -i http://127.0.0.1:8080/            an id, a line in the
 * access log curl -u ada:secret http://127.0.0.1:8080/admin/who curl
 * http://127.0.0.1:8080/metrics
 */
#include <flare/flare.h>

#include <stdio.h>

static struct flare_middleware id, log_lines, count, limit, auth, zip;
static struct flare_metrics metrics;

static int on_home(flare_req *req, flare_res *res)
{
    return flare_res_printf(res, 200, "request %.*s\n",
                            FLARE_STR_ARG(flare_req_id(req)));
}

static int on_who(flare_req *req, flare_res *res)
{
    return flare_res_printf(res, 200, "you are %.*s\n",
                            FLARE_STR_ARG(flare_req_user(req)));
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static const struct flare_route admin[] = {FLARE_GET("/who", on_who)};
static const struct flare_route numbers[] = {
    FLARE_GET("", flare_metrics_serve, &metrics)};
static const struct flare_route routes[] = {
    FLARE_GET("/", on_home),
    FLARE_GET("/health", flare_health_serve),
    FLARE_GROUP("/metrics", FLARE_ROUTES(numbers), &zip),
    FLARE_GROUP("/admin", FLARE_ROUTES(admin), &auth),
};

int main(int argc, char **argv)
{
    static struct flare_request_id ids;
    static struct flare_access_log log_to = {.format = FLARE_LOG_COMBINED,
                                             .write = flare_log_file_write};
    static struct flare_rate_limit rate = {.requests = 100, .burst = 1000};
    static const struct flare_compress compress = {.bytes_min = 256};
    static const struct flare_basic_user users[] = {{"ada", "secret"}};
    static const struct flare_basic_auth basic = {
        .realm = "admin", .users = users, .user_count = 1};
    struct flare_error err = {0, "out of memory"};
    flare_log_file *file = NULL;
    int rc = flare_log_file_open(&file, 1, 0, NULL);

    log_to.ctx = file;
    if (rc < 0 || flare_request_id_init(&id, &ids, &err) < 0 ||
        flare_access_log_init(&log_lines, &log_to, &err) < 0 ||
        flare_metrics_init(&count, &metrics, NULL, &err) < 0 ||
        flare_rate_limit_init(&limit, &rate, NULL, &err) < 0 ||
        flare_basic_auth_init(&auth, &basic, &err) < 0 ||
        flare_compress_init(&zip, &compress, &err) < 0)
        return fprintf(stderr, "middleware: %s\n", err.text), 1;
    rc = flare_serve(
        &(struct flare_server_config){
            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
            .routes = FLARE_ROUTES(routes),
            .middleware = {&id, &log_lines, &count, &limit},
            .handle_signals = true,
            .on_listening = on_listening,
        },
        &err);
    flare_log_file_close(file);
    flare_rate_limit_fini(&rate);
    flare_metrics_fini(&metrics);
    return rc < 0 ? fprintf(stderr, "middleware: %s\n", err.text), 1 : 0;
}
