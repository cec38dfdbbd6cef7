/* SPDX-License-Identifier: MIT */
/*
 * flare-serve: the files of a directory over HTTP, and what one wants beside
 * them while developing or for a small site.
 *
 * Order of the start: everything that is read is read, the sockets are opened,
 * privileges are dropped, and only then the first worker runs.
 */
#include "tools/common/relay.h"
#include "tools/common/tool.h"
#include "tools/serve/auth.h"
#include "tools/serve/list.h"
#include "tools/serve/live.h"
#include "tools/serve/page.h"
#include "tools/serve/tally.h"
#include "tools/serve/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FLARE_WORKER_TYPE(flare_client);

/* What lives as long as the server. */
static struct flare_middleware tally_mw, log_mw, metrics_mw, recover_mw,
    cors_mw, headers_mw, auth_mw, guard_mw, compress_mw;
static struct flare_metrics metrics = {.prefix = "flare"};
static struct flare_access_log access_log;
static flare_log_file *log_file;
static flare_tls_server *tls;

/* ---- files ---- */

/* A GET or HEAD: a page of ours, the library's files, or a listing. */
static int on_read(flare_req *req, flare_res *res)
{
    struct root_path path;
    int rc =
        flare_res_header(res, "X-Content-Type-Options", FLARE_STR("nosniff"));

    if (rc < 0)
        return rc;
    rc = root_path_of(&path, req);
    if (rc == 0)
        rc = page_send(req, res, &path);
    else
        path.is_directory = false; /* what it is the library knows */
    if (rc == FLARE_E_NOT_FOUND && serve.live)
        rc = page_fallback(req, res, &path);
    if (rc != FLARE_E_NOT_FOUND)
        return rc;
    rc = flare_next(req, res, flare_files_handler(serve.files));
    if (rc == FLARE_E_NOT_FOUND && serve.listing && path.is_directory)
        rc = list_send(req, res, &path);
    return rc;
}

static int on_file(flare_req *req, flare_res *res)
{
    int rc;

    if (flare_req_method(req) != FLARE_METHOD_OPTIONS)
        return on_read(req, res);
    rc = flare_res_header(res, "Allow",
                          serve.upload
                              ? FLARE_STR("GET, HEAD, OPTIONS, POST, PUT")
                              : FLARE_STR("GET, HEAD, OPTIONS"));
    return rc < 0 ? rc : flare_res_empty(res, 204);
}

/* ---- the other server ---- */

static int on_proxy(flare_req *req, flare_res *res)
{
    const struct serve_proxy *p = flare_req_ctx(req);
    flare_client *client = flare_worker_state(req, flare_client);
    struct flare_str path = flare_req_path(req);
    struct flare_str query = flare_req_query(req);
    char url[16384];
    int len;

    len = snprintf(url, sizeof(url), "%s%.*s%s%.*s", p->origin,
                   FLARE_STR_ARG(path), query.ptr != NULL ? "?" : "",
                   FLARE_STR_ARG(query));
    if (len >= (int)sizeof(url))
        return FLARE_E_URI_TOO_LONG;
    return relay_start(req, res, client, (struct flare_str){url, (size_t)len});
}

/* ---- around all of it ---- */

static int before_head(flare_req *req, flare_res *res, void *ctx)
{
    int rc = 0;

    (void)req, (void)ctx;
    for (size_t i = 0; i < serve.header_count && rc == 0; i++)
        rc = flare_res_header(res, serve.header_names[i],
                              serve.headers[i].value);
    return rc;
}

static int add_headers(flare_req *req, flare_res *res,
                       struct flare_handler next, void *ctx)
{
    int rc = flare_res_before_head(res, before_head, ctx);

    return rc < 0 ? rc : flare_next(req, res, next);
}

/* Who asks whether we live has no password. */
static int guard(flare_req *req, flare_res *res, struct flare_handler next,
                 void *ctx)
{
    (void)ctx;
    if (serve.health != NULL &&
        flare_str_equal(flare_req_path(req), flare_str(serve.health)))
        return flare_next(req, res, next);
    return auth_mw.fn(req, res, next, auth_mw.ctx);
}

static int on_error(flare_req *req, flare_res *res, int error, void *ctx)
{
    int rc = error;

    (void)ctx;
    if (error == FLARE_E_NOT_FOUND && serve.page_404 != NULL &&
        flare_req_method(req) <= FLARE_METHOD_HEAD)
        rc = page_not_found(res);
    return rc < 0 ? error : rc;
}

/* ---- putting it together ---- */

static void ended(const char *what, int rc, const struct flare_error *err)
{
    if (rc < 0)
        tool_die("%s: %s", what, err->text);
}

static void open_root(void)
{
    struct flare_error err;
    int rc;

    serve.root_fd = open(serve.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (serve.root_fd < 0)
        tool_die("'%s': %s", serve.root, flare_strerror(-errno));
    rc = flare_files_open(&serve.files,
                          &(struct flare_files_config){
                              .root = serve.root,
                              .index = {serve.index[0], serve.index[1],
                                        serve.index[2], serve.index[3]},
                              .fallback = serve.spa_page,
                              .precompressed = serve.precompressed,
                              .cache_control = serve.cache_control,
                              .dotfiles = serve.dotfiles,
                              .symlinks = serve.symlinks,
                              .cache_ms = serve.live ? 1 : 0,
                          },
                          &err);
    ended("files", rc, &err);
}

static void write_ca(struct flare_str pem)
{
    FILE *file = fopen(serve.ca_out, "we");

    if (file == NULL || fwrite(pem.ptr, 1, pem.len, file) != pem.len ||
        fclose(file) != 0)
        tool_die("--ca-out: '%s': %s", serve.ca_out, flare_strerror(-errno));
}

static void open_tls(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_cert cert = {.chain = {.file = serve.cert},
                                  .key = {.file = serve.key}};
    struct flare_error err;
    int rc;

    if (serve.self_signed) {
        rc = flare_tls_self_signed(&cert, NULL, 30, &err);
        ended("--self-signed", rc, &err);
        if (serve.ca_out != NULL)
            write_ca(cert.chain.pem);
    }
    rc = flare_tls_server_new(&tls,
                              &(struct flare_tls_server_config){
                                  .certs = &cert,
                                  .cert_count = 1,
                                  .alpn = alpn,
                              },
                              &err);
    ended("TLS", rc, &err);
    if (serve.self_signed)
        flare_tls_self_signed_free(&cert);
}

static void open_log(void)
{
    struct flare_error err;
    int fd = STDERR_FILENO;
    int rc;

    if (strcmp(serve.log, "-") != 0)
        fd = open(serve.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        tool_die("--log: '%s': %s", serve.log, flare_strerror(-errno));
    rc = flare_log_file_open(&log_file, fd, 0, NULL);
    if (rc < 0)
        tool_die("--log: %s", flare_strerror(rc));
    access_log.format = serve.log_format;
    access_log.write = flare_log_file_write;
    access_log.ctx = log_file;
    rc = flare_access_log_init(&log_mw, &access_log, &err);
    ended("--log", rc, &err);
}

/* The outermost first, as flare/middleware.h advises. */
static void add_middleware(const struct flare_middleware **list)
{
    static struct flare_recover recover = {.on_error = on_error};
    static struct flare_compress compress;
    struct flare_error err;

    tally_mw = (struct flare_middleware){tally_pass, NULL};
    *list++ = &tally_mw;
    if (serve.log != NULL) {
        open_log();
        *list++ = &log_mw;
    }
    if (serve.metrics != NULL) {
        ended("--metrics",
              flare_metrics_init(&metrics_mw, &metrics, NULL, &err), &err);
        *list++ = &metrics_mw;
    }
    headers_mw = (struct flare_middleware){add_headers, NULL};
    *list++ = &headers_mw;
    ended("404", flare_recover_init(&recover_mw, &recover, &err), &err);
    *list++ = &recover_mw;
    if (serve.cors_count > 0) {
        ended("--cors", flare_cors_init(&cors_mw, &serve.cors, &err), &err);
        *list++ = &cors_mw;
    }
    if (serve.auth != NULL || serve.auth_file != NULL) {
        auth_begin(&auth_mw);
        guard_mw = (struct flare_middleware){guard, NULL};
        *list++ = &guard_mw;
    }
    if (serve.gzip && flare_compress_init(&compress_mw, &compress, &err) == 0)
        *list++ = &compress_mw; /* listings; without zlib nothing is */
}

static void add_stream(flare_router *router, enum flare_method method,
                       const char *pattern, flare_handler_fn fn, void *ctx)
{
    flare_router_add(
        router,
        &(struct flare_route){
            .method = method,
            .pattern = pattern,
            .handler = {fn, ctx},
            .flags = FLARE_ROUTE_STREAM_BODY,
            .body_bytes_max = ctx != NULL ? UINT64_MAX : serve.upload_max,
        });
}

static void add_routes(flare_router *router)
{
    static const char *const everything[] = {"/", "/*path"};

    for (int i = 0; i < 2; i++) {
        for (size_t p = 0; p < serve.proxy_count; p++)
            add_stream(router, FLARE_METHOD_ANY, serve.proxies[p].routes[i],
                       on_proxy, &serve.proxies[p]);
        flare_router_get(router, everything[i], on_file, NULL);
        flare_router_options(router, everything[i], on_file, NULL);
        if (!serve.upload)
            continue;
        add_stream(router, FLARE_METHOD_PUT, everything[i], upload_put, NULL);
        add_stream(router, FLARE_METHOD_POST, everything[i], upload_post, NULL);
    }
    if (serve.live) {
        flare_router_get(router, SERVE_LIVE_PATH, live_events, NULL);
        flare_router_get(router, SERVE_LIVE_SCRIPT, live_script, NULL);
    }
    if (serve.metrics != NULL)
        flare_router_get(router, serve.metrics, flare_metrics_serve, &metrics);
    if (serve.health != NULL)
        flare_router_get(router, serve.health, flare_health_serve, NULL);
}

/* ---- workers ---- */

static int on_worker_start(flare_worker *worker)
{
    flare_client *client = NULL;
    int rc = 0;

    if (serve.proxy_count > 0)
        rc = flare_client_new(&client, flare_worker_loop(worker),
                              &(struct flare_client_config){
                                  .user_agent = "",
                                  .total_timeout_ms = FLARE_UNLIMITED,
                                  .connections_per_origin_max = 64,
                              },
                              NULL);
    flare_worker_set_state(worker, flare_client, client);
    if (rc == 0 && serve.live)
        rc = live_worker_start(worker);
    return rc;
}

static void on_worker_stop(flare_worker *worker)
{
    if (serve.live)
        live_worker_stop(worker);
    flare_client_free(flare_worker_get_state(worker, flare_client));
}

/* ---- what is said ---- */

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    if (level <= FLARE_LOG_WARN) /* the rest is in banner and summary */
        tool_warn("%s", text);
}

static const char *scheme_at(uint32_t index)
{
    uint32_t plain = 0;

    if (serve.tls_listen == NULL)
        return "http";
    for (const char *p = serve.listen; p != NULL; p = strchr(p + 1, ','))
        plain++;
    return index < plain ? "http" : "https";
}

static void put_facts(const flare_server *server)
{
    struct flare_json json;
    const char *address;
    char url[512];

    flare_json_init(&json, NULL, 1 << 16);
    flare_json_begin_object(&json);
    flare_json_key(&json, "event");
    flare_json_string(&json, FLARE_STR("listening"));
    flare_json_key(&json, "urls");
    flare_json_begin_array(&json);
    for (uint32_t i = 0; (address = flare_server_address_at(server, i)) != NULL;
         i++) {
        snprintf(url, sizeof(url), "%s://%s/", scheme_at(i), address);
        flare_json_string(
            &json,
            flare_str(strncmp(address, "unix:", 5) == 0 ? address : url));
    }
    flare_json_end_array(&json);
    flare_json_key(&json, "root");
    flare_json_set_utf8(&json, FLARE_JSON_UTF8_REPLACE);
    flare_json_string(&json, flare_str(serve.root));
    flare_json_key(&json, "workers");
    flare_json_u64(&json, flare_server_workers(server));
    flare_json_key(&json, "pid");
    flare_json_i64(&json, getpid());
    flare_json_end_object(&json);
    tool_put_json(&json);
    fflush(stdout);
}

static void put_banner(const flare_server *server)
{
    char where[4096];
    const char *address;

    if (realpath(serve.root, where) == NULL)
        snprintf(where, sizeof(where), "%s", serve.root);
    fprintf(stderr, "\n  %sflare-serve%s  ", tool_style(stderr, TOOL_BOLD),
            tool_style(stderr, TOOL_PLAIN));
    tool_put_escaped(stderr, flare_str(where));
    fputs("\n\n", stderr);
    for (uint32_t i = 0; (address = flare_server_address_at(server, i)) != NULL;
         i++) {
        bool is_unix = strncmp(address, "unix:", 5) == 0;

        fprintf(stderr, "  %s\xE2\x86\x92 %s%s%s%s%s\n",
                tool_style(stderr, TOOL_GREEN), is_unix ? "" : scheme_at(i),
                is_unix ? "" : "://", address, is_unix ? "" : "/",
                tool_style(stderr, TOOL_PLAIN));
    }
    fprintf(stderr, "  %s%s%s%s%s%s%sCtrl-C ends it%s\n\n",
            tool_style(stderr, TOOL_DIM), serve.listing ? "listings on; " : "",
            serve.live ? "live reload; " : "",
            serve.upload ? "uploads on; " : "",
            serve.auth || serve.auth_file ? "password asked; " : "",
            serve.self_signed ? "certificate made up; " : "",
            serve.proxy_count ? "proxied paths; " : "",
            tool_style(stderr, TOOL_PLAIN));
}

/* A pointer to the server is set before it runs. */
static void on_listening(const char *address, void *ctx)
{
    flare_server *const *server = ctx;

    (void)address;
    if (serve.json)
        put_facts(*server);
    else if (!serve.quiet)
        put_banner(*server);
}

/* ---- */

static flare_server *open_server(flare_router *router)
{
    static flare_server *server;
    struct flare_server_config config = {
        .listen = serve.listen,
        .tls_listen = serve.tls_listen,
        .tls = tls,
        .v6only = true,
        .on_worker_start = on_worker_start,
        .on_worker_stop = on_worker_stop,
        .trusted = serve.trusted,
        .forwarded = serve.forwarded,
        .workers = serve.workers,
        .pin = serve.pin,
        .backend = serve.backend,
        .handle_signals = true,
        .notify = true,
        .restart_socket = serve.restart_socket,
        .server_name = "flare-serve",
        .drain_timeout_ms = serve.drain_ms,
        .answer_timeout_ms = 300000,
        .on_log = on_log,
        .on_listening = on_listening,
        .listening_ctx = &server,
    };
    struct flare_error err;
    int rc;

    add_middleware(config.middleware);
    add_routes(router);
    rc = flare_router_routes(router, &config.routes);
    if (rc < 0)
        tool_die("routes: %s", flare_strerror(rc));
    rc = flare_server_open(&server, &config, &err);
    if (rc == FLARE_E_BAD_ADDRESS || rc == FLARE_E_BAD_ROUTE ||
        rc == FLARE_E_ROUTE_CONFLICT || rc == FLARE_E_BAD_CONFIG)
        tool_usage("%s", err.text);
    if (rc < 0)
        tool_die("%s%s", err.text,
                 rc == -EADDRINUSE ? "; --listen takes another port" : "");
    return server;
}

static void release(flare_server *server, flare_router *router)
{
    flare_server_free(server);
    flare_router_free(router);
    flare_log_file_close(log_file);
    flare_files_close(serve.files);
    flare_tls_server_free(tls);
    if (serve.metrics != NULL)
        flare_metrics_fini(&metrics);
    page_fini();
    live_end();
    auth_end();
    tally_end();
    (void)close(serve.root_fd); /* nothing was written to it */
    for (size_t i = 0; i < serve.proxy_count; i++) {
        free(serve.proxies[i].routes[0]);
        free(serve.proxies[i].routes[1]);
    }
    for (size_t i = 0; i < serve.header_count; i++)
        free((void *)(uintptr_t)serve.header_names[i]);
}

int main(int argc, char **argv)
{
    struct flare_error err;
    flare_router *router;
    flare_server *server;
    int rc;

    serve_options(argc, argv);
    open_root();
    if (serve.tls_listen != NULL)
        open_tls();
    if (flare_router_new(&router, NULL) < 0)
        tool_die("out of memory");
    server = open_server(router);
    tally_begin(flare_server_workers(server));
    if (serve.live)
        live_begin(flare_server_workers(server));
    serve_drop_privileges();
    rc = flare_server_run(server, &err);
    if (rc < 0)
        tool_warn("%s", err.text);
    else
        tally_print(server);
    release(server, router);
    return rc < 0 ? TOOL_EXIT_FAILED : TOOL_EXIT_OK;
}
