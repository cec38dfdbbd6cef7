/* SPDX-License-Identifier: MIT */
/*
 * A worker for each CPU, and what each of them has done.
 *
 *   multicore [ADDRESS]   listens on 127.0.0.1:8080 unless told otherwise
 *   curl http://127.0.0.1:8080/stats
 */
#include <flare/flare.h>

#include <stdio.h>

static void put_numbers(struct flare_json *json, const struct flare_stats *s)
{
    flare_json_begin_object(json);
    flare_json_key(json, "accepted");
    flare_json_u64(json, s->accepted);
    flare_json_key(json, "requests");
    flare_json_u64(json, s->requests);
    flare_json_end_object(json);
}

static int put_stats(struct flare_json *json, void *ctx)
{
    const flare_server *server = ctx;
    struct flare_stats stats;

    flare_json_begin_object(json);
    flare_json_key(json, "workers");
    flare_json_begin_array(json);
    for (uint32_t i = 0; i < flare_server_workers(server); i++)
        if (flare_server_worker_stats(server, i, &stats) == 0)
            put_numbers(json, &stats);
    flare_json_end_array(json);
    flare_json_key(json, "all");
    flare_server_stats(server, &stats);
    put_numbers(json, &stats);
    flare_json_end_object(json);
    return 0;
}

static int on_stats(flare_req *req, flare_res *res)
{
    flare_server **server = flare_req_ctx(req);

    return flare_res_json(res, 200, put_stats, *server);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    flare_server *server = NULL;
    const struct flare_route routes[] = {
        FLARE_GET("/stats", on_stats, &server),
    };
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .workers = FLARE_WORKERS_AUTO,
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err;
    int rc = flare_server_open(&server, &config, &err);

    if (rc == 0)
        rc = flare_server_run(server, &err);
    flare_server_free(server);
    return rc < 0 ? fprintf(stderr, "multicore: %s\n", err.text), 1 : 0;
}
