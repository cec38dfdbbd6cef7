/* SPDX-License-Identifier: MIT */
/*
 * The server that tests/e2e drives: a handler for everything that can be seen
 * on the wire, and every number of the configuration from the command line.
 *
 *   e2e_server 127.0.0.1:0 head_timeout_ms=300 fields_max=20
 */
#include <flare/flare.h>

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
    return flare_res_printf(res, 200, "smuggled %u\ngiven %u\n",
                            atomic_load(&smuggled), atomic_load(&given));
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
            !config_take_word(&config, argv[i]))
            return fprintf(stderr, "e2e_server: what is %s?\n", argv[i]), 2;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    rc = flare_server_open(&the_server, &config, &err);
    if (rc >= 0)
        rc = flare_server_run(the_server, &err);
    flare_server_free(the_server);
    if (rc < 0)
        return fprintf(stderr, "e2e_server: %s\n", err.text), 1;
    return 0;
}
