/* SPDX-License-Identifier: MIT */
/*
 * Two processes that serve one address, and a supervisor that starts one anew
 * when it dies.
 *
 *   supervised [ADDRESS]   listens on 127.0.0.1:8080 unless told otherwise
 *   curl http://127.0.0.1:8080/                which process answers
 *   curl -X POST http://127.0.0.1:8080/crash   one dies, the other serves on
 *   kill -HUP SUPERVISOR                       one after the other is replaced
 */
#include <flare/flare.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int on_who(flare_req *req, flare_res *res)
{
    const struct flare_child *child = flare_req_ctx(req);

    return flare_res_printf(res, 200, "process %u, start %u, pid %ld\n",
                            child->index, child->starts, (long)getpid());
}

static int on_crash(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    abort();
}

/* In each process: a server like any other. */
static int serve(const struct flare_child *child, void *ctx)
{
    const struct flare_route routes[] = {
        FLARE_GET("/", on_who, (void *)child),
        FLARE_POST("/crash", on_crash),
    };
    struct flare_server_config config = {
        .listen = child->listen,
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
    };
    struct flare_error err;

    (void)ctx;
    if (flare_serve(&config, &err) < 0)
        return fprintf(stderr, "supervised: %s\n", err.text), 1;
    return 0;
}

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)level;
    (void)ctx;
    fprintf(stderr, "%s\n", text);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct flare_supervise_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .run = serve,
        .roll_on_hangup = true,
        .on_log = on_log,
        .on_listening = on_listening,
    };
    struct flare_error err;

    if (flare_supervise(&config, &err) < 0)
        return fprintf(stderr, "supervised: %s\n", err.text), 1;
    return 0;
}
