/* SPDX-License-Identifier: MIT */
/*
 * The server of the workloads of bench/run: what nginx.conf of
 * harness/servers.py says in C.
 *
 *   serve ADDRESS [FOLDER]    FOLDER has 4k and 1m, served as /4k and /1m
 */
#include <flare/flare.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON "{\"message\":\"Hello, World!\",\"id\":12345,\"ok\":true}"

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static int on_json(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("application/json"),
                          FLARE_STR(JSON));
}

/* The whole body is here: what came of it is told. */
static int on_upload(flare_req *req, flare_res *res)
{
    return flare_res_printf(res, 200, "%zu\n", flare_req_body(req).len);
}

/* A file that was read at the start. */
static int on_memory(flare_req *req, flare_res *res)
{
    const struct flare_str *bytes = flare_req_ctx(req);

    return flare_res_static(res, 200, FLARE_STR("application/octet-stream"),
                            *bytes);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

/* Exits when it cannot be read. */
static struct flare_str file_read(const char *folder, const char *name)
{
    enum { FILE_MAX = 2 << 20 };
    char path[4096];
    char *bytes = malloc(FILE_MAX);
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "re");
    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "serve: no %s\n", path);
        exit(1);
    }
    len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return (struct flare_str){bytes, len};
}

int main(int argc, char **argv)
{
    struct flare_str small = {"", 0};
    struct flare_str large = {"", 0};
    const struct flare_route routes[] = {
        FLARE_GET("/", on_hello),
        FLARE_GET("/json", on_json),
        FLARE_POST("/upload", on_upload),
        FLARE_GET("/4k", on_memory, &small),
        FLARE_GET("/1m", on_memory, &large),
    };
    struct flare_error err;
    int rc;

    if (argc > 2) {
        small = file_read(argv[2], "4k");
        large = file_read(argv[2], "1m");
    }
    rc = flare_serve(
        &(struct flare_server_config){
            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
            .routes = FLARE_ROUTES(routes),
            .handle_signals = true,
            .on_listening = on_listening,
        },
        &err);
    if (rc < 0) {
        fprintf(stderr, "serve: %s\n", err.text);
        return 1;
    }
    return 0;
}
