/* SPDX-License-Identifier: MIT */
/*
 * The server of the workloads of bench/run: what bench/peers/nginx.conf says in
 * C.
 *
 *   serve ADDRESS [FOLDER [TLS_ADDRESS CERT KEY]]
 *
 * FOLDER's files are below /files/; the same by HTTPS at TLS_ADDRESS, with what
 * is in the PEM files CERT and KEY.  BENCH_WORKERS in the environment says how
 * many workers (1).
 */
#include "bench/number.h"

#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>

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

/* The same of a body that is counted as it comes, and kept nowhere. */
static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    size_t *len = ctx;

    (void)req;
    *len += piece.len;
    return is_last ? flare_res_printf(res, 200, "%zu\n", *len) : 0;
}

static int on_stream(flare_req *req, flare_res *res)
{
    size_t *len = flare_req_alloc(req, sizeof(*len));
    int rc;

    (void)res;
    if (len == NULL)
        return -ENOMEM;
    *len = 0;
    rc = flare_req_read(req, on_piece, len);
    return rc < 0 ? rc : FLARE_LATER;
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static uint32_t workers_of(const char *text)
{
    return text == NULL ? 1
                        : (uint32_t)bench_number("BENCH_WORKERS", text, 1, 64);
}

static int serve(const char *address, struct flare_handler files,
                 const char *tls_address, flare_tls_server *tls,
                 struct flare_error *err)
{
    const struct flare_route routes[] = {
        FLARE_GET("/", on_hello),
        FLARE_GET("/json", on_json),
        FLARE_POST("/upload", on_upload),
        FLARE_POST_STREAM("/stream", on_stream),
        FLARE_GET("/files/"
                  "*path",
                  files.fn, files.ctx),
    };

    return flare_serve(
        &(struct flare_server_config){
            .listen = address,
            .tls_listen = tls_address,
            .tls = tls,
            .routes = FLARE_ROUTES(routes),
            .workers = workers_of(getenv("BENCH_WORKERS")),
            .handle_signals = true,
            .on_listening = on_listening,
        },
        err);
}

/* The TLS that argv names, if it does. */
static int tls_open(flare_tls_server **tls, char **argv,
                    struct flare_error *err)
{
    const struct flare_tls_cert cert = {.chain.file = argv[0],
                                        .key.file = argv[1]};

    return flare_tls_server_new(tls,
                                &(struct flare_tls_server_config){
                                    .certs = &cert,
                                    .cert_count = 1,
                                },
                                err);
}

int main(int argc, char **argv)
{
    struct flare_files *files = NULL;
    flare_tls_server *tls = NULL;
    struct flare_error err;
    int rc = flare_files_open(&files,
                              &(struct flare_files_config){
                                  .root = argc > 2 ? argv[2] : ".",
                              },
                              &err);

    if (rc >= 0 && argc > 5)
        rc = tls_open(&tls, argv + 4, &err);
    if (rc >= 0)
        rc = serve(argc > 1 ? argv[1] : "127.0.0.1:8080",
                   flare_files_handler(files), argc > 5 ? argv[3] : NULL, tls,
                   &err);
    if (rc < 0)
        fprintf(stderr, "serve: %s\n", err.text);
    flare_tls_server_free(tls);
    flare_files_close(files);
    return rc < 0;
}
