/* SPDX-License-Identifier: MIT */
/*
 * Relays every request to one origin, bodies both ways as they come: who reads
 * slowly slows the other end, and nothing grows in between.  Connections to the
 * origin are kept.  Fields of a connection (RFC 9110 section 7.6.1) stay
 * behind, but for an upgrade to WebSocket: if the origin takes it, the two
 * connections become a tunnel.
 *
 *   reverse_proxy [ADDRESS [ORIGIN]]
 *   reverse_proxy 127.0.0.1:8080 http://127.0.0.1:8081
 */
#include <flare/flare.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 128 };

FLARE_WORKER_TYPE(flare_client);
static const char *origin = "http://127.0.0.1:8081";

struct relay {
    flare_req *req; /* NULL: nobody waits any more */
    flare_res *res;
    flare_call *call; /* NULL: over */
    struct flare_ask_source source;
    bool has_begun; /* to read the request's body */
};

/* ---- the request, to the origin ---- */

static int on_piece(flare_req *req, flare_res *res, struct flare_str piece,
                    bool is_last, void *ctx)
{
    struct relay *r = ctx;
    int rc = r->call != NULL ? flare_call_write(r->call, piece) : 0;

    (void)req, (void)res;
    if (rc >= 0 && is_last && r->call != NULL)
        (void)!flare_call_finish(r->call); /* on_done has the error */
    if (rc != 1)
        return rc == FLARE_E_GONE ? 0 : rc;
    flare_call_pull_resume(r->call); /* be asked as soon as there is room */
    return FLARE_LATER;
}

static int on_pull(flare_call *call, void *ctx)
{
    struct relay *r = ctx;

    (void)call;
    if (r->has_begun)
        flare_req_body_resume(r->req);
    else if (flare_req_read(r->req, on_piece, r) < 0)
        return FLARE_E_GONE;
    r->has_begun = true;
    return FLARE_LATER;
}

/* ---- the answer, back ---- */

static void on_drain(flare_req *req, flare_res *res, void *ctx)
{
    struct relay *r = ctx;

    (void)req, (void)res;
    if (r->call != NULL)
        flare_call_resume(r->call);
}

static bool is_listed(struct flare_str name, struct flare_str list)
{
    for (size_t n; list.len > 0; list.ptr += n, list.len -= n) {
        for (n = 0; n < list.len && strchr(", ", list.ptr[n]) == NULL;)
            n++;
        if (flare_str_equal_nocase(name, (struct flare_str){list.ptr, n}))
            return true;
        n += n < list.len;
    }
    return false;
}

/* Whether a field is between two neighbours only: always, or as it says. */
static bool is_hop(struct flare_str name, struct flare_str connection)
{
    return is_listed(name, FLARE_STR("Connection Keep-Alive Upgrade TE Trailer "
                                     "Transfer-Encoding Proxy-Connection "
                                     "Proxy-Authenticate Proxy-Authorization "
                                     "Host Content-Length Expect")) ||
           is_listed(name, connection);
}

static void copy_fields(struct relay *r, const flare_reply *reply)
{
    struct flare_str connection = flare_reply_header(reply, "Connection");
    struct flare_str name, value;
    char text[256];

    for (size_t i = 0; flare_reply_header_at(reply, i, &name, &value) == 0;
         i++) {
        snprintf(text, sizeof(text), "%.*s", FLARE_STR_ARG(name));
        if (!is_hop(name, connection)) /* Date and Server are the server's */
            (void)!flare_res_header(r->res, text, value);
    }
}

static void on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct relay *r = ctx;

    copy_fields(r, reply);
    if (flare_res_start(r->res, flare_reply_status(reply),
                        flare_reply_header(reply, "Content-Type"),
                        flare_reply_length(reply)) < 0)
        flare_call_cancel(call);
    flare_res_on_drain(r->res, on_drain, r);
}

/* It has taken the upgrade.  What fails here is a 502 of on_done. */
static void on_upgrade(flare_call *call, const flare_reply *reply,
                       flare_stream *stream, struct flare_str early, void *ctx)
{
    struct relay *r = ctx;

    (void)call;
    if (r->req == NULL)
        return;
    copy_fields(r, reply);
    (void)!flare_res_tunnel(r->req, r->res, FLARE_STR("websocket"), stream,
                            early, NULL);
}

static void on_data(flare_call *call, struct flare_str data, void *ctx)
{
    struct relay *r = ctx;
    int rc = flare_res_write(r->res, data);

    if (rc == 1)
        flare_call_pause(call); /* and so the origin is made to wait */
    else if (rc < 0)
        flare_call_cancel(call);
}

static void on_done(flare_call *call, int rc, flare_reply *reply,
                    const struct flare_error *err, void *ctx)
{
    struct relay *r = ctx;

    (void)call, (void)reply, (void)err;
    r->call = NULL;
    if (r->req == NULL)
        free(r);
    else if (rc == 0 && flare_res_status(r->res) != 0)
        (void)!flare_res_finish(r->res); /* its end frees it: on_gone */
    else if (flare_res_status(r->res) != 0)
        flare_res_abort(r->res);
    else
        (void)!flare_res_text(r->res, 502, "the origin does not answer\n");
}

static void on_gone(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    struct relay *r = ctx;

    (void)req, (void)res, (void)outcome;
    r->req = NULL;
    if (r->call != NULL)
        flare_call_cancel(r->call); /* on_done frees it */
    else
        free(r);
}

/* ---- both ---- */

static const struct flare_call_handler handler = {.on_head = on_head,
                                                  .on_upgrade = on_upgrade,
                                                  .on_data = on_data,
                                                  .on_done = on_done};

static int relay_start(struct relay *r, struct flare_field *fields)
{
    struct flare_str connection = flare_req_header(r->req, "Connection");
    struct flare_str length = flare_req_header(r->req, "Content-Length");
    struct flare_str path = flare_req_path(r->req);
    struct flare_str query = flare_req_query(r->req);
    struct flare_ask ask = {
        .headers = fields, .raw = true, .no_redirects = true};
    struct flare_field f;
    char url[8192];
    size_t n = 0;

    if (flare_req_header_count(r->req) > FIELDS_MAX)
        return FLARE_E_HEAD_TOO_LARGE;
    for (size_t i = 0; flare_req_header_at(r->req, i, &f.name, &f.value) == 0;
         i++)
        if (!is_hop(f.name, connection))
            fields[n++] = f;
    ask.url.len = (size_t)snprintf(url, sizeof(url), "%s%.*s%s%.*s", origin,
                                   FLARE_STR_ARG(path), query.ptr ? "?" : "",
                                   FLARE_STR_ARG(query));
    if (ask.url.len >= sizeof(url))
        return FLARE_E_URI_TOO_LONG;
    ask.url.ptr = url;
    ask.method = flare_req_method(r->req);
    r->source =
        (struct flare_ask_source){on_pull, NULL, r, FLARE_LENGTH_UNKNOWN};
    if (flare_u64_parse(length, &r->source.length) == 0 ||
        flare_req_header(r->req, "Transfer-Encoding").ptr != NULL)
        ask.source = &r->source;
    else if (flare_req_version_minor(r->req) > 0 &&
             is_listed(FLARE_STR("upgrade"), connection) &&
             flare_str_equal_nocase(flare_req_header(r->req, "Upgrade"),
                                    FLARE_STR("websocket")))
        ask.upgrade = FLARE_STR("websocket"); /* and no other: no h2c */
    ask.expect_continue = flare_req_header(r->req, "Expect").ptr != NULL;
    return flare_call_start(flare_worker_state(r->req, flare_client), &r->call,
                            &ask, &handler, r, NULL);
}

static int on_request(flare_req *req, flare_res *res)
{
    struct flare_field fields[FIELDS_MAX + 1] = {{{NULL, 0}, {NULL, 0}}};
    struct relay *r = calloc(1, sizeof(*r));
    int rc;

    if (r == NULL || flare_res_on_done(res, on_gone, r) < 0)
        return free(r), FLARE_E_OVERLOADED;
    r->req = req;
    r->res = res;
    rc = relay_start(r, fields);
    return rc < 0 ? rc : FLARE_LATER;
}

static int on_worker_start(flare_worker *worker)
{
    const struct flare_client_config config = {
        .user_agent = "",
        .total_timeout_ms = FLARE_UNLIMITED,
        .connections_per_origin_max = 64};
    flare_client *client = NULL;
    int rc =
        flare_client_new(&client, flare_worker_loop(worker), &config, NULL);

    flare_worker_set_state(worker, flare_client, client);
    return rc;
}

static void on_worker_stop(flare_worker *worker)
{
    flare_client_free(flare_worker_get_state(worker, flare_client));
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct flare_route routes[] = {
        FLARE_ROUTE(ANY, "/", FLARE_ROUTE_STREAM_BODY, UINT64_MAX, on_request),
        FLARE_ROUTE(ANY, "/*path", FLARE_ROUTE_STREAM_BODY, UINT64_MAX,
                    on_request)};
    const struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .on_worker_start = on_worker_start,
        .on_worker_stop = on_worker_stop,
        .on_listening = on_listening,
        .handle_signals = true,
        .answer_timeout_ms = 300000,
    };
    struct flare_error err;

    if (argc > 2)
        origin = argv[2];
    if (flare_serve(&config, &err) < 0)
        return fprintf(stderr, "reverse_proxy: %s\n", err.text), 1;
    return 0;
}
