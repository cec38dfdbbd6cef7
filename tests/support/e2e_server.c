/* SPDX-License-Identifier: MIT */
/*
 * The server that tests/e2e drives: a handler for everything that can be seen
 * on the wire, and every number of the configuration from the command line.
 *
 *   e2e_server 127.0.0.1:0 head_timeout_ms=300 fields_max=20
 */
#include "tests/support/e2e_tls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BIG_BYTES = 4 * 1024 * 1024 };

static char big[BIG_BYTES];
static flare_server *the_server;
static atomic_uint smuggled; /* how often the route of that name ran */
static atomic_uint given;    /* bodies given, and not released yet */
static atomic_uint begun;    /* answers that were put off */
static atomic_uint done;     /* and how many of them were told their end */

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static int on_echo(flare_req *req, flare_res *res)
{
    return flare_res_copy(res, 200, FLARE_STR("application/octet-stream"),
                          flare_req_body(req));
}

/* Only ever asked for by bytes that must not be taken for a request. */
static int on_smuggled(flare_req *req, flare_res *res)
{
    (void)req;
    atomic_fetch_add(&smuggled, 1);
    return flare_res_text(res, 200, "smuggled\n");
}

static int on_counts(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_printf(res, 200,
                            "smuggled %u\ngiven %u\nbegun %u\ndone %u\n",
                            atomic_load(&smuggled), atomic_load(&given),
                            atomic_load(&begun), atomic_load(&done));
}

/* Which process answers, and what it has done so far. */
static int on_server(flare_req *req, flare_res *res)
{
    struct flare_stats all;
    char text[2048];
    int len;

    (void)req;
    flare_server_stats(the_server, &all);
    len = snprintf(text, sizeof(text),
                   "pid %ld\nworkers %u\nconnections %" PRIu64
                   "\naccepted %" PRIu64 "\nrequests %" PRIu64
                   "\nbytes_in %" PRIu64 "\nbytes_out %" PRIu64
                   "\nresponses_2xx %" PRIu64 "\nresponses_4xx %" PRIu64 "\n",
                   (long)getpid(), flare_server_workers(the_server),
                   all.connections, all.accepted, all.requests, all.bytes_in,
                   all.bytes_out, all.responses_2xx, all.responses_4xx);
    for (uint32_t i = 0; i < flare_server_workers(the_server) && i < 32; i++) {
        struct flare_stats one;

        if (flare_server_worker_stats(the_server, i, &one) < 0)
            return FLARE_E_INTERNAL;
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "worker%u %" PRIu64 " %" PRIu64 "\n", i,
                        one.connections, one.accepted);
    }
    return flare_res_text(res, 200, text);
}

static int on_user(flare_req *req, flare_res *res)
{
    uint64_t id;
    int rc = flare_req_param_u64(req, "id", &id);

    if (rc < 0)
        return rc;
    return flare_res_printf(res, 200, "user %" PRIu64 "\n", id);
}

static int on_status(flare_req *req, flare_res *res)
{
    uint64_t status;
    int rc = flare_req_param_u64(req, "status", &status);

    if (rc < 0)
        return rc;
    return flare_res_text(res, status < 1000 ? (int)status : 0, "status\n");
}

static int on_empty(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_empty(res, 204);
}

static int on_static(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_static(res, 200, FLARE_STR("application/octet-stream"),
                            (struct flare_str){big, sizeof(big)});
}

static void release(void *ctx, void *block)
{
    atomic_fetch_sub((atomic_uint *)ctx, 1);
    free(block);
}

static int on_give(flare_req *req, flare_res *res)
{
    char *body = malloc(sizeof(big));
    int rc;

    (void)req;
    if (body == NULL)
        return FLARE_E_OVERLOADED;
    memcpy(body, big, sizeof(big));
    atomic_fetch_add(&given, 1);
    rc = flare_res_give(res, 200, FLARE_STR("application/octet-stream"),
                        (struct flare_str){body, sizeof(big)}, release, &given);
    if (rc < 0)
        release(&given, body);
    return rc;
}

/* What the server made of the request: one line each. */
static int on_request(flare_req *req, flare_res *res)
{
    char text[32768];
    int len = snprintf(
        text, sizeof(text),
        "method %s\nminor %d\npath %.*s\nquery %.*s\n"
        "host %.*s\nbody %zu\ntype %.*s\n",
        flare_method_name(flare_req_method(req)), flare_req_version_minor(req),
        FLARE_STR_ARG(flare_req_path(req)), FLARE_STR_ARG(flare_req_query(req)),
        FLARE_STR_ARG(flare_req_host(req)), flare_req_body(req).len,
        FLARE_STR_ARG(flare_req_header(req, "Content-Type")));

    for (size_t i = 0; i < flare_req_header_count(req); i++) {
        struct flare_str name, value;
        int rc = flare_req_header_at(req, i, &name, &value);

        if (rc < 0 || len < 0 ||
            (size_t)len + name.len + value.len + 16 > sizeof(text))
            return FLARE_E_INTERNAL;
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "field %.*s=%.*s\n", FLARE_STR_ARG(name),
                        FLARE_STR_ARG(value));
    }
    return flare_res_text(res, 200, text);
}

/* Fields that no response may get; each must be refused. */
static int on_bad_field(flare_req *req, flare_res *res)
{
    static const struct {
        const char *name;
        struct flare_str value;
    } fields[] = {
        {"X-A", {"a\r\nX-Evil: 1", 12}},
        {"X-A", {"a\nX-Evil: 1", 11}},
        {"X-A", {"a\rb", 3}},
        {"X-A", {"a\0b", 3}},
        {"X-A", {" a", 2}},
        {"X-A", {"a\x7f", 2}},
        {"X\r\nX-Evil", {"1", 1}},
        {"X A", {"1", 1}},
        {"X:A", {"1", 1}},
        {"", {"1", 1}},
        {"Content-Length", {"3", 1}},
        {"content-length", {"3", 1}},
        {"Connection", {"close", 5}},
        {"Date", {"1", 1}},
        {"Transfer-Encoding", {"chunked", 7}},
    };
    uint64_t i;
    int rc = flare_req_param_u64(req, "index", &i);

    if (rc < 0)
        return rc;
    if (i >= sizeof(fields) / sizeof(fields[0]))
        return FLARE_E_NOT_FOUND;
    rc = flare_res_header(res, fields[i].name, fields[i].value);
    if (rc != FLARE_E_BAD_HEADER)
        return flare_res_text(res, 200, "accepted a bad field\n");
    return rc;
}

static int on_bad_type(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_copy(res, 200, FLARE_STR("text/plain\r\nX-Evil: 1"),
                          FLARE_STR("x"));
}

static int on_many_fields(flare_req *req, flare_res *res)
{
    (void)req;
    for (int i = 0; i < 200; i++) {
        int rc = flare_res_header(res, "X-Many", FLARE_STR("value"));

        if (rc < 0)
            return rc;
    }
    return flare_res_text(res, 200, "many\n");
}

static int on_no_answer(flare_req *req, flare_res *res)
{
    (void)req;
    (void)res;
    return FLARE_OK;
}

static int on_two_answers(flare_req *req, flare_res *res)
{
    int rc = flare_res_text(res, 200, "first\n");

    (void)req;
    if (rc < 0)
        return rc;
    return flare_res_text(res, 500, "second\n");
}

/* Half an answer, then a change of mind: no field of it may be seen. */
static int on_fails(flare_req *req, flare_res *res)
{
    int rc = flare_res_header(res, "X-Half", FLARE_STR("done"));

    (void)req;
    return rc < 0 ? rc : FLARE_E_CONFLICT;
}

static int on_path(flare_req *req, flare_res *res)
{
    struct flare_str path = flare_req_param(req, "path");

    return flare_res_printf(res, 200, "path %.*s\n", FLARE_STR_ARG(path));
}

/* ---- answers that come later ---- */

static void on_done(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req;
    (void)res;
    (void)outcome;
    (void)ctx;
    atomic_fetch_add(&done, 1);
}

static int put_off(flare_res *res)
{
    int rc = flare_res_on_done(res, on_done, NULL);

    if (rc < 0)
        return rc;
    atomic_fetch_add(&begun, 1);
    return FLARE_LATER;
}

static int on_never(flare_req *req, flare_res *res)
{
    (void)req;
    return put_off(res);
}

static void on_time(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    if (flare_res_text(res, 200, "late\n") < 0)
        flare_res_abort(res);
}

static int on_late(flare_req *req, flare_res *res)
{
    int rc = flare_res_timer(res, 100, on_time, NULL);

    (void)req;
    return rc < 0 ? rc : put_off(res);
}

/* The head of an answer whose body does not come. */
static int on_begin(flare_req *req, flare_res *res)
{
    int rc = put_off(res);

    (void)req;
    return rc < 0 ? rc : flare_res_start(res, 200, FLARE_STR("a/b"), 100);
}

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    uint64_t *bytes = ctx;
    struct flare_str sum;

    *bytes += piece.len;
    if (!is_last)
        return flare_req_trailer_count(req) == 0 ? 0 : FLARE_E_INTERNAL;
    sum = flare_req_trailer(req, "X-Sum");
    return flare_res_printf(res, 200, "bytes %" PRIu64 "\nsum %.*s\n", *bytes,
                            FLARE_STR_ARG(sum));
}

/* In pieces; what it says is what it was given. */
static int on_stream(flare_req *req, flare_res *res)
{
    uint64_t *bytes = flare_req_alloc(req, sizeof(*bytes));
    int rc;

    if (bytes == NULL)
        return FLARE_E_OVERLOADED;
    *bytes = 0;
    rc = flare_req_read(req, on_piece, bytes);
    return rc < 0 ? rc : put_off(res);
}

/* Answers without a look at the body. */
static int on_ignore(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "ignored\n");
}

/* Trailers of a body that came as a whole; none is among the fields. */
static int on_trailers(flare_req *req, flare_res *res)
{
    struct flare_str sum = flare_req_trailer(req, "X-Sum");

    return flare_res_printf(
        res, 200, "body %zu\ncount %zu\nsum %.*s\nhead %d\n",
        flare_req_body(req).len, flare_req_trailer_count(req),
        FLARE_STR_ARG(sum), flare_req_header(req, "X-Sum").ptr != NULL);
}

/* Who asks. */
static int on_ends(flare_req *req, flare_res *res)
{
    char peer[FLARE_ADDR_TEXT_MAX];
    char local[FLARE_ADDR_TEXT_MAX];
    char client[FLARE_ADDR_TEXT_MAX];

    flare_addr_format(flare_req_peer(req), peer, sizeof(peer));
    flare_addr_format(flare_req_local(req), local, sizeof(local));
    flare_addr_format(flare_req_client(req), client, sizeof(client));
    return flare_res_printf(res, 200, "peer %s\nlocal %s\nclient %s\n", peer,
                            local, client);
}

static const struct flare_route routes[] = {
    FLARE_GET("/", on_hello),
    FLARE_POST("/", on_echo),
    FLARE_POST("/echo", on_echo),
    FLARE_ANY("/request", on_request),
    FLARE_GET("/users/:id", on_user),
    FLARE_DELETE("/users/:id", on_empty),
    FLARE_GET("/files/*path", on_path),
    FLARE_GET("/status/:status", on_status),
    FLARE_GET("/static", on_static),
    FLARE_GET("/give", on_give),
    FLARE_GET("/bad-field/:index", on_bad_field),
    FLARE_GET("/bad-type", on_bad_type),
    FLARE_GET("/many-fields", on_many_fields),
    FLARE_GET("/no-answer", on_no_answer),
    FLARE_GET("/two-answers", on_two_answers),
    FLARE_GET("/fails", on_fails),
    FLARE_ANY("/smuggled", on_smuggled),
    FLARE_GET("/counts", on_counts),
    FLARE_GET("/server", on_server),
    FLARE_GET("/never", on_never),
    FLARE_GET("/late", on_late),
    FLARE_GET("/begin", on_begin),
    FLARE_POST_STREAM("/stream", on_stream),
    FLARE_POST_STREAM("/ignore", on_ignore),
    FLARE_POST("/trailers", on_trailers),
    FLARE_GET("/ends", on_ends),
    FLARE_GET("/tls", e2e_on_tls),
    FLARE_GET("/tls-stats", e2e_on_tls_stats),
    FLARE_GET("/file", e2e_on_file),
    FLARE_GET("/pulled", e2e_on_pulled),
    FLARE_GET("/events", e2e_on_events),
};

#define NUMBER(name)                                                           \
    {                                                                          \
#name, offsetof(struct flare_server_config, name)                      \
    }

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    NUMBER(workers),
    NUMBER(target_bytes_max),
    NUMBER(fields_bytes_max),
    NUMBER(fields_max),
    NUMBER(body_bytes_max),
    NUMBER(chunk_overhead_max),
    NUMBER(requests_per_connection_max),
    NUMBER(connections_max),
    NUMBER(output_bytes_max),
    NUMBER(tls_handshake_timeout_ms),
    NUMBER(head_timeout_ms),
    NUMBER(body_gap_ms),
    NUMBER(body_grace_ms),
    NUMBER(body_rate_min),
    NUMBER(idle_timeout_ms),
    NUMBER(send_timeout_ms),
    NUMBER(linger_timeout_ms),
    NUMBER(drain_timeout_ms),
    NUMBER(drain_grace_ms),
};

/* Takes what is no number: "restart_socket=PATH", "notify=1", ... */
static bool config_take_word(struct flare_server_config *config,
                             const char *text)
{
    const char *value = strchr(text, '=');
    size_t len = value != NULL ? (size_t)(value++ - text) : 0;

    if (len == 14 && strncmp(text, "restart_socket", len) == 0)
        config->restart_socket = value;
    else if (len == 6 && strncmp(text, "notify", len) == 0)
        config->notify = *value == '1';
    else if (len == 6 && strncmp(text, "v6only", len) == 0)
        config->v6only = *value == '1';
    else if (len == 14 && strncmp(text, "proxy_protocol", len) == 0)
        config->proxy_protocol = *value == '1';
    else if (len == 7 && strncmp(text, "trusted", len) == 0)
        config->trusted = value;
    else if (len == 9 && strncmp(text, "forwarded", len) == 0)
        config->forwarded = FLARE_FORWARDED_X;
    else
        return false;
    return true;
}

/* Takes "name=number"; false if it is none. */
static bool config_take(struct flare_server_config *config, const char *text)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        size_t len = strlen(numbers[i].name);
        uint32_t number;

        if (strncmp(text, numbers[i].name, len) != 0 || text[len] != '=')
            continue;
        number = (uint32_t)strtoul(text + len + 1, NULL, 10);
        memcpy((char *)config + numbers[i].offset, &number, sizeof(number));
        return true;
    }
    return false;
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    fprintf(stderr, "%d %s\n", (int)level, text);
}

int main(int argc, char **argv)
{
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:0",
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
        .on_log = on_log,
    };
    struct flare_error err;
    int rc;

    for (int i = 2; i < argc; i++)
        if (!config_take(&config, argv[i]) &&
            !config_take_word(&config, argv[i]) &&
            !e2e_tls_take(&config, argv[i]))
            return fprintf(stderr, "e2e_server: what is %s?\n", argv[i]), 2;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    rc = e2e_tls_open(&config, &err);
    if (rc >= 0)
        rc = flare_server_open(&the_server, &config, &err);
    if (rc >= 0)
        rc = flare_server_run(the_server, &err);
    flare_server_free(the_server);
    e2e_tls_close();
    if (rc < 0)
        return fprintf(stderr, "e2e_server: %s\n", err.text), 1;
    return 0;
}
