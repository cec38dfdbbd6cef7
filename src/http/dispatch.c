/* SPDX-License-Identifier: MIT */
/* See dispatch.h. */
#include "http/dispatch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/percent.h"
#include "http/res.h"

#include <errno.h>
#include <string.h>

/* "GET, HEAD, OPTIONS": the Allow field of a set of methods. */
static int dispatch_allow(struct flare_res *res, uint32_t allowed)
{
    char text[96];
    size_t len = 0;

    for (int m = 0; m < FLARE_METHOD_COUNT; m++) {
        const char *name = flare_method_name((enum flare_method)m);
        size_t n = strlen(name);

        if ((allowed & (1u << m)) == 0)
            continue;
        if (len > 0) {
            memcpy(text + len, ", ", 2);
            len += 2;
        }
        memcpy(text + len, name, n);
        len += n;
    }
    return flare__res_field(res, FLARE_STR("Allow"),
                            (struct flare_str){text, len});
}

/*
 * The parameters, percent-decoded, in the worker's scratch.  They are disjoint
 * parts of the path, so together they fit where a target fits.
 */
static int dispatch_decode(struct flare__http *h, struct flare__match *m)
{
    char *out;
    int len;

    for (uint32_t i = 0; i < m->param_count; i++) {
        struct flare_str *value = &m->params[i].value;

        if (memchr(value->ptr, '%', value->len) == NULL)
            continue;
        if (h->decoded == NULL) {
            h->decoded =
                flare__alloc(h->options->al, h->options->head.target_bytes_max);
            if (h->decoded == NULL)
                return -ENOMEM;
        }
        out = h->decoded + (value->ptr - h->head.path.ptr);
        len = flare__percent_decode(out, value->len, *value);
        if (len < 0)
            return len;
        *value = (struct flare_str){out, (size_t)len};
    }
    return 0;
}

/* Finds the handler of the request in hand. */
static int dispatch_route(struct flare__http *h, struct flare_req *req)
{
    const struct flare__http_options *o = h->options;
    int rc;

    if (o->router == NULL) {
        req->match.param_count = 0;
        req->handler = o->handler;
        return 0;
    }
    rc = flare__router_match(o->router, (enum flare_method)h->head.method_id,
                             h->head.path, &req->match);
    if (rc < 0)
        return rc;
    req->handler = req->match.handler;
    return req->match.param_count != 0 ? dispatch_decode(h, &req->match) : 0;
}

/* The answers to methods and targets that no route is asked about. */
static int dispatch_unrouted(struct flare__http *h)
{
    if (h->head.form == FLARE__TARGET_AUTHORITY)
        return FLARE_E_METHOD_UNKNOWN; /* CONNECT: no tunnels here */
    if (h->head.method_id == FLARE_METHOD_TRACE)
        return FLARE_E_METHOD_NOT_ALLOWED; /* FAILURES H37 */
    return 0;
}

static int dispatch_find(struct flare__http *h)
{
    int rc = dispatch_unrouted(h);

    h->req.match.allowed = (1u << FLARE_METHOD_CONNECT) - 1;
    return rc < 0 ? rc : dispatch_route(h, &h->req);
}

/* Whether the library answers: `rc` is what dispatch_find said. */
static bool dispatch_is_options(const struct flare__http *h, int rc)
{
    if (h->head.form == FLARE__TARGET_ASTERISK)
        return true;
    return h->head.method_id == FLARE_METHOD_OPTIONS &&
           rc == FLARE_E_METHOD_NOT_ALLOWED;
}

int flare__dispatch_check(struct flare__http *h)
{
    int rc = dispatch_find(h);

    return rc < 0 && !dispatch_is_options(h, rc) ? rc : 0;
}

/* The plain answer of an error; on an intact connection. */
static int dispatch_plain(struct flare_res *res, int error)
{
    struct flare_req *req = &res->http->req;
    int status = flare_error_status(error);

    flare__res_reset(res);
    if (error == FLARE_E_METHOD_NOT_ALLOWED) {
        int rc = dispatch_allow(res, req->match.allowed);

        if (rc < 0)
            return rc;
    }
    if (status == 503) {
        int rc =
            flare__res_field(res, FLARE_STR("Retry-After"), FLARE_STR("1"));

        if (rc < 0)
            return rc;
        res->is_last = true;
    }
    if (res->http->head.form == FLARE__TARGET_AUTHORITY)
        res->is_last = true; /* what follows may be meant for the tunnel */
    return flare__res_plain(res, status);
}

/* OPTIONS of a known path, and of the server ("*"). */
static int dispatch_options(struct flare_res *res)
{
    int rc = dispatch_allow(res, res->http->req.match.allowed);

    return rc < 0 ? rc : flare_res_empty(res, 204);
}

static void dispatch_log(struct flare__http *h, int rc)
{
    char path[128];

    (void)flare__log_escape(path, sizeof(path), h->head.path);
    flare__log(&h->loop->log, FLARE_LOG_ERROR, "handler for %s: %s", path,
               flare_strerror(rc));
}

/* Runs the handler; returns the error that is to be the answer, or 0. */
static int dispatch_handler(struct flare__http *h)
{
    int rc = h->req.handler.fn(&h->req, &h->res);

    if (rc >= 0 && FLARE_LIKELY(h->res.is_answered))
        return 0;
    if (rc >= 0)
        rc = FLARE_E_NOT_ANSWERED;
    if (flare_error_status(rc) >= 500 || h->res.is_answered)
        dispatch_log(h, rc);
    return h->res.is_answered ? 0 : rc;
}

static int dispatch_on_options(flare_req *req, flare_res *res)
{
    (void)req;
    return dispatch_options(res);
}

static int dispatch_on_error(flare_req *req, flare_res *res)
{
    (void)res;
    return req->outcome;
}

/* The handler is the server's middlewares, around what dispatch_find came to. */
static void dispatch_outer(struct flare__http *h, int rc, bool is_options)
{
    struct flare_req *req = &h->req;

    req->outcome = rc;
    req->inner = req->handler;
    if (is_options)
        req->inner = (struct flare_handler){dispatch_on_options, NULL};
    else if (rc < 0)
        req->inner = (struct flare_handler){dispatch_on_error, NULL};
    req->handler = h->options->outer;
}

/* Whether they run; not for what is no request of a resource here. */
static bool dispatch_has_outer(const struct flare__http *h)
{
    return h->options->outer.fn != NULL &&
           h->head.form != FLARE__TARGET_AUTHORITY;
}

static bool dispatch_may_go_on(const struct flare__conn *conn)
{
    const struct flare__http *h = conn->http;

    return (h->head.flags & FLARE__HEAD_KEEP_ALIVE) != 0 && !h->is_draining &&
           conn->requests < h->options->requests_max;
}

bool flare__dispatch(struct flare__conn *conn, struct flare_str body)
{
    struct flare__http *h = conn->http;
    bool is_options;
    int rc;

    conn->requests++;
    h->counters.requests++;
    h->req.body = body;
    h->req.query = NULL;
    h->req.form = NULL;
    h->req.cookies = NULL;
    if (FLARE_UNLIKELY(h->req.arena.bytes != 0))
        flare__arena_reset(&h->req.arena);
    flare__res_begin(&h->res, conn);
    h->res.is_last = !dispatch_may_go_on(conn);
    h->res.is_keep_alive_said = h->head.minor == 0;
    rc = dispatch_find(h);
    is_options = dispatch_is_options(h, rc);
    if (FLARE_UNLIKELY(dispatch_has_outer(h))) {
        dispatch_outer(h, rc, is_options);
        is_options = false;
        rc = 0;
    }
    if (FLARE_LIKELY(rc >= 0 && !is_options))
        rc = dispatch_handler(h);
    if (FLARE_UNLIKELY(!h->res.is_answered)) {
        rc = is_options ? dispatch_options(&h->res)
                        : dispatch_plain(&h->res, rc);
        if (rc < 0) /* not even memory for that: the peer sees a close */
            return false;
    }
    h->counters.responses++;
    return !h->res.is_last;
}

void flare__dispatch_error(struct flare__conn *conn, int error, bool is_head)
{
    struct flare__http *h = conn->http;

    flare__res_begin(&h->res, conn);
    h->res.is_head = is_head; /* http->head may be another request's */
    h->res.is_last = true;
    if (dispatch_plain(&h->res, error) == 0)
        h->counters.responses++;
}
