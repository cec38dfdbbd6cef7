/* SPDX-License-Identifier: MIT */
/*
 * A relay lives until both its request is complete and its call is done;
 * whichever is the last frees it.
 */
#include "tools/common/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 128, FORWARDED_MAX = 3, NAME_MAX_BYTES = 256 };

struct relay {
    flare_req *req; /* NULL: nobody waits any more */
    flare_res *res;
    flare_call *call; /* NULL: over */
    struct flare_ask_source source;
    bool has_begun; /* to read the request's body */
};

/* ---- the request, to the other server ---- */

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
    if (r->req == NULL)
        return FLARE_E_GONE;
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

/* Whether `name` is an element of a list that commas or spaces separate. */
static bool is_listed(struct flare_str name, struct flare_str list)
{
    while (list.len > 0) {
        size_t n = 0;

        while (n < list.len && strchr(", \t", list.ptr[n]) == NULL)
            n++;
        if (n > 0 &&
            flare_str_equal_nocase(name, (struct flare_str){list.ptr, n}))
            return true;
        n += n < list.len;
        list.ptr += n;
        list.len -= n;
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
    char text[NAME_MAX_BYTES];

    for (size_t i = 0; flare_reply_header_at(reply, i, &name, &value) == 0;
         i++) {
        if (name.len >= sizeof(text) || is_hop(name, connection) ||
            flare_str_equal_nocase(name, FLARE_STR("Content-Type")))
            continue;
        snprintf(text, sizeof(text), "%.*s", FLARE_STR_ARG(name));
        /* Date and Server are this server's own */
        (void)!flare_res_header(r->res, text, value);
    }
}

static void on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct relay *r = ctx;

    if (r->req == NULL)
        return;
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
    int rc = r->req != NULL ? flare_res_write(r->res, data) : FLARE_E_GONE;

    if (rc == 1)
        flare_call_pause(call); /* and so the other server is made to wait */
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

/* What a stranger says of himself is replaced. */
static bool is_forwarded(struct flare_str name)
{
    return is_listed(name, FLARE_STR("X-Forwarded-For X-Forwarded-Proto "
                                     "X-Forwarded-Host Forwarded X-Real-IP"));
}

static void fields_fill(struct relay *r, struct flare_field *fields,
                        char *address, size_t size)
{
    const struct flare_addr *client = flare_req_client(r->req);
    struct flare_str connection = flare_req_header(r->req, "Connection");
    struct flare_field f;
    size_t n = 0;

    for (size_t i = 0; flare_req_header_at(r->req, i, &f.name, &f.value) == 0;
         i++)
        if (!is_hop(f.name, connection) && !is_forwarded(f.name))
            fields[n++] = f;
    if (flare_ip_format(&client->ip, address, size) > 0 && address[0] != '\0')
        fields[n++] = (struct flare_field){FLARE_STR("X-Forwarded-For"),
                                           flare_str(address)};
    fields[n++] = (struct flare_field){FLARE_STR("X-Forwarded-Proto"),
                                       flare_req_scheme(r->req)};
    if (flare_req_client_host(r->req).len > 0)
        fields[n] = (struct flare_field){FLARE_STR("X-Forwarded-Host"),
                                         flare_req_client_host(r->req)};
}

static bool wants_websocket(const flare_req *req)
{
    return flare_req_version_minor(req) > 0 &&
           is_listed(FLARE_STR("upgrade"),
                     flare_req_header(req, "Connection")) &&
           flare_str_equal_nocase(flare_req_header(req, "Upgrade"),
                                  FLARE_STR("websocket"));
}

static int ask(struct relay *r, flare_client *client, struct flare_str url)
{
    struct flare_field fields[FIELDS_MAX + FORWARDED_MAX + 1];
    char address[64];
    struct flare_ask ask = {
        .url = url, .headers = fields, .raw = true, .no_redirects = true};

    memset(fields, 0, sizeof(fields));
    if (flare_req_header_count(r->req) > FIELDS_MAX)
        return FLARE_E_HEAD_TOO_LARGE;
    fields_fill(r, fields, address, sizeof(address));
    ask.method = flare_req_method(r->req);
    r->source =
        (struct flare_ask_source){on_pull, NULL, r, FLARE_LENGTH_UNKNOWN};
    if (flare_u64_parse(flare_req_header(r->req, "Content-Length"),
                        &r->source.length) == 0 ||
        flare_req_header(r->req, "Transfer-Encoding").ptr != NULL)
        ask.source = &r->source;
    else if (wants_websocket(r->req))
        ask.upgrade = FLARE_STR("websocket"); /* and no other: no h2c */
    ask.expect_continue = flare_req_header(r->req, "Expect").ptr != NULL;
    return flare_call_start(client, &r->call, &ask, &handler, r, NULL);
}

int relay_start(flare_req *req, flare_res *res, flare_client *client,
                struct flare_str url)
{
    struct relay *r = calloc(1, sizeof(*r));
    int rc;

    if (r == NULL || flare_res_on_done(res, on_gone, r) < 0) {
        free(r);
        return FLARE_E_OVERLOADED;
    }
    r->req = req;
    r->res = res;
    rc = ask(r, client, url);
    return rc < 0 ? rc : FLARE_LATER; /* on_gone frees it */
}
