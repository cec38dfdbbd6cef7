/* SPDX-License-Identifier: MIT */
/* See dispatch.h. */
#include "http/dispatch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"
#include "http/exchange.h"
#include "http/filter.h"
#include "http/memory.h"
#include "http/percent.h"
#include "http/res.h"
#include "tls/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Lines about handlers that failed, of a worker. */
enum { DISPATCH_LOG_MS = 1000, DISPATCH_LOG_LINES = 10 };

/* Compilers take a trace point for as long as its text, and would not inline
 * what has one: 14 instructions of a request's 927. */
#define DISPATCH_INLINE inline __attribute__((always_inline))

/* "GET, HEAD, OPTIONS": the Allow field of a set of methods. */
int flare__dispatch_allow(struct flare_res *res, uint32_t allowed)
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
static int dispatch_decode(struct flare__exchange *x)
{
    const struct flare__http_options *o = x->req.http->options;
    struct flare__match *m = &x->req.match;
    char *out;
    int len;

    for (uint32_t i = 0; i < m->param_count; i++) {
        struct flare_str *value = &m->params[i].value;

        if (memchr(value->ptr, '%', value->len) == NULL)
            continue;
        if (x->decoded == NULL) {
            x->decoded = flare__alloc(o->al, o->head.target_bytes_max);
            if (x->decoded == NULL)
                return -ENOMEM;
        }
        out = x->decoded + (value->ptr - x->head.path.ptr);
        len = flare__percent_decode(out, value->len, *value);
        if (len < 0)
            return len;
        *value = (struct flare_str){out, (size_t)len};
    }
    return 0;
}

/* Finds the handler of the request. */
static int dispatch_route(struct flare__exchange *x)
{
    struct flare_req *req = &x->req;
    const struct flare__http_options *o = req->http->options;
    int rc;

    if (o->router == NULL) {
        req->match.param_count = 0;
        req->match.flags = o->route_flags;
        req->match.body_bytes_max = 0;
        req->handler = o->handler;
        return 0;
    }
    rc = flare__router_match(o->router, (enum flare_method)x->head.method_id,
                             x->head.path, &req->match);
    if (rc < 0)
        return rc;
    req->handler = req->match.handler;
    return req->match.param_count != 0 ? dispatch_decode(x) : 0;
}

/* The answers to requests that no route is asked about. */
static int dispatch_unrouted(const struct flare__exchange *x)
{
    const struct flare__conn *conn = x->res.conn;

    if (FLARE_UNLIKELY(conn->is_tls) &&
        flare__tls_facts_is_misdirected(&conn->sock, x->head.host))
        return FLARE_E_MISDIRECTED; /* FAILURES T07 */
    if (x->head.form == FLARE__TARGET_AUTHORITY)
        return FLARE_E_METHOD_UNKNOWN; /* CONNECT: no tunnels here */
    if (x->head.method_id == FLARE_METHOD_TRACE)
        return FLARE_E_METHOD_NOT_ALLOWED; /* FAILURES H37 */
    return 0;
}

static int dispatch_find(struct flare__exchange *x)
{
    int rc = dispatch_unrouted(x);

    x->req.match.allowed = (1u << FLARE_METHOD_CONNECT) - 1;
    return rc < 0 ? rc : dispatch_route(x);
}

/* Whether the library answers: `rc` is what dispatch_find said. */
static bool dispatch_is_options(const struct flare__exchange *x, int rc)
{
    if (rc == FLARE_E_MISDIRECTED)
        return false;
    if (x->head.form == FLARE__TARGET_ASTERISK)
        return true;
    return x->head.method_id == FLARE_METHOD_OPTIONS &&
           rc == FLARE_E_METHOD_NOT_ALLOWED;
}

int flare__dispatch_find(struct flare__exchange *x)
{
    if (!x->is_found)
        x->found = dispatch_find(x);
    x->is_found = true;
    x->is_touched = true;
    return x->found < 0 && !dispatch_is_options(x, x->found) ? x->found : 0;
}

/* The plain answer of an error; on an intact connection. */
static int dispatch_plain(struct flare_res *res, int error)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);
    int status = flare_error_status(error);
    int rc;

    flare__res_reset(res);
    flare__res_unfilter(res); /* of the answer that failed */
    if (error == FLARE_E_METHOD_NOT_ALLOWED) {
        rc = flare__dispatch_allow(res, x->req.match.allowed);
        if (rc < 0)
            return rc;
    }
    if (status == 503) {
        rc = flare__res_field(res, FLARE_STR("Retry-After"), FLARE_STR("1"));
        if (rc < 0)
            return rc;
        res->is_last = true;
    }
    if (x->head.form == FLARE__TARGET_AUTHORITY)
        res->is_last = true; /* what follows may be meant for the tunnel */
    if (error == FLARE_E_MISDIRECTED)
        res->is_last = true; /* and here for another server */
    res->error = error;
    if (error == FLARE_E_PLAIN_HTTP)
        rc = flare_res_text(res, status, "400 this port speaks HTTPS only\n");
    else
        rc = flare__res_plain(res, status);
    res->error = 0;
    return rc;
}

/* The same, come what may: a hook that fails too is not asked again. */
static int dispatch_refuse(struct flare_res *res, int error)
{
    int rc = dispatch_plain(res, error);

    if (rc >= 0 || rc == -ENOMEM || res->state != FLARE__RES_OPEN)
        return rc;
    res->before_head = NULL;
    return dispatch_plain(res, rc);
}

/* OPTIONS of a known path, and of the server ("*"). */
static int dispatch_options(struct flare__exchange *x)
{
    int rc = flare__dispatch_allow(&x->res, x->req.match.allowed);

    return rc < 0 ? rc : flare_res_empty(&x->res, 204);
}

/* Whether there is a line more for this second: peers can make handlers fail,
 * and must not fill a disk by it. */
static bool dispatch_may_log(struct flare__http *h)
{
    if (h->loop->now_ms >= h->errors_until_ms) {
        h->errors_until_ms = h->loop->now_ms + DISPATCH_LOG_MS;
        h->errors_logged = 0;
    }
    if (h->errors_logged < DISPATCH_LOG_LINES) {
        h->errors_logged++;
        return true;
    }
    h->errors_unlogged++;
    return false;
}

void flare__dispatch_log(const struct flare__exchange *x, int rc)
{
    struct flare__http *h = x->req.http;
    char path[128];
    char more[40] = "";

    if (flare_error_status(rc) < 500 || !dispatch_may_log(h))
        return;
    if (h->errors_unlogged > 0)
        (void)snprintf(more, sizeof(more), "; and %u more",
                       (unsigned)h->errors_unlogged);
    h->errors_unlogged = 0;
    (void)flare__log_escape(path, sizeof(path), x->head.path);
    flare__log(&h->loop->log, FLARE_LOG_ERROR, "handler for %s: %s%s", path,
               flare_strerror(rc), more);
}

/*
 * Runs the handler.  Returns 0 if it has answered, 1 if the answer is to come,
 * or the error that is to be the answer.
 */
static DISPATCH_INLINE int dispatch_handler(struct flare__exchange *x)
{
    struct flare_res *res = &x->res;
    int rc = x->req.handler.fn(&x->req, res);

    if (FLARE_LIKELY(res->state == FLARE__RES_COMPLETE)) {
        if (FLARE_UNLIKELY(rc < 0) && dispatch_may_log(res->http))
            flare__log(&res->http->loop->log, FLARE_LOG_ERROR,
                       "handler failed after its answer: %s",
                       flare_strerror(rc));
        return FLARE_LIKELY(res->conn != NULL) ? 0 : FLARE_E_GONE; /* cut */
    }
    if (rc == FLARE_LATER || (rc >= 0 && res->state == FLARE__RES_BODY))
        return 1;
    if (rc >= 0)
        rc = FLARE_E_NOT_ANSWERED;
    flare__dispatch_log(x, rc);
    return rc;
}

static int dispatch_on_options(flare_req *req, flare_res *res)
{
    (void)res;
    return dispatch_options(FLARE__EXCHANGE_OF(req, req));
}

static int dispatch_on_error(flare_req *req, flare_res *res)
{
    (void)res;
    return req->outcome;
}

/* Runs the server's middlewares around whatever dispatch_find came to. */
static int dispatch_outer(struct flare__exchange *x, int rc, bool is_options)
{
    struct flare_req *req = &x->req;

    req->outcome = rc;
    req->inner = req->handler;
    if (is_options)
        req->inner = (struct flare_handler){dispatch_on_options, NULL};
    else if (rc < 0)
        req->inner = (struct flare_handler){dispatch_on_error, NULL};
    req->handler = req->http->options->outer;
    return dispatch_handler(x);
}

/* Whether they run; not for what is no request of a resource here. */
static bool dispatch_has_outer(const struct flare__exchange *x)
{
    return x->req.http->options->outer.fn != NULL &&
           x->head.form != FLARE__TARGET_AUTHORITY;
}

static bool dispatch_may_go_on(const struct flare__conn *conn,
                               const struct flare__exchange *x)
{
    const struct flare__http *h = conn->http;

    return (x->head.flags & FLARE__HEAD_KEEP_ALIVE) != 0 && !h->is_draining &&
           conn->requests < h->options->requests_max;
}

static inline int dispatch_answer(struct flare__exchange *x)
{
    bool is_options;
    int rc = x->found;

    if (FLARE_LIKELY(!x->is_found))
        rc = dispatch_find(x);
    x->is_found = false;
    is_options = dispatch_is_options(x, rc);
    if (FLARE_UNLIKELY(dispatch_has_outer(x)))
        rc = dispatch_outer(x, rc, is_options);
    else if (FLARE_LIKELY(rc >= 0 && !is_options))
        rc = dispatch_handler(x);
    else if (is_options)
        rc = dispatch_options(x);
    if (FLARE_UNLIKELY(rc < 0 && x->res.state == FLARE__RES_OPEN))
        rc = dispatch_refuse(&x->res, rc);
    return rc;
}

/* What is left of an answer in hand: hooks, counters, the connection's fate. */
static DISPATCH_INLINE enum flare__dispatched dispatch_end(
    struct flare__exchange *x, int rc)
{
    if (FLARE_UNLIKELY(flare__exchange_has_end(x)))
        flare__exchange_end(x, rc < 0 ? rc : 0);
    if (FLARE_UNLIKELY(rc < 0)) /* a body broken off, or no memory at all */
        return FLARE__DISPATCHED_BROKEN;
    x->req.http->counters.responses++;
    FLARE__TRACE2(request__end, x->res.conn, x->res.status);
    return x->res.is_last ? FLARE__DISPATCHED_LAST : FLARE__DISPATCHED;
}

/* Without the handler, and the middlewares: each would want memory. */
static int dispatch_shed(struct flare__exchange *x)
{
    x->is_found = false;
    x->req.http->counters.refused++;
    return dispatch_plain(&x->res, FLARE_E_OVERLOADED);
}

enum flare__dispatched flare__dispatch(struct flare__conn *conn,
                                       struct flare_str body)
{
    struct flare__http *h = conn->http;
    struct flare__exchange *x = h->x;
    int rc;

    conn->requests++;
    h->counters.requests++;
    FLARE__TRACE3(request__begin, conn, x->head.path.ptr, x->head.path.len);
    x->req.body = body;
    x->res.is_last = !dispatch_may_go_on(conn, x);
    x->res.is_keep_alive_said = x->head.minor == 0;
    if (FLARE_UNLIKELY(x->res.is_last) &&
        flare__memory_is(h, FLARE__MEMORY_FULL))
        rc = dispatch_shed(x);
    else
        rc = dispatch_answer(x);
    if (FLARE_LIKELY(rc <= 0))
        return dispatch_end(x, rc);
    rc = flare__exchange_detach(x);
    if (rc == 0)
        return FLARE__DISPATCHED_LATER;
    if (x->res.state == FLARE__RES_OPEN)
        rc = dispatch_refuse(&x->res, rc);
    return dispatch_end(x, rc);
}

void flare__dispatch_error(struct flare__conn *conn, int error, bool is_head)
{
    struct flare__exchange *x = conn->http->x;

    flare__exchange_begin(x, conn);
    x->res.is_head = is_head; /* x->head may be another request's */
    x->res.is_last = true;
    if (dispatch_plain(&x->res, error) == 0)
        conn->http->counters.responses++;
}

void flare__dispatch_late_error(struct flare__exchange *x, int error)
{
    x->res.is_last = true;
    (void)dispatch_refuse(&x->res, error); /* without memory: stays open */
}
