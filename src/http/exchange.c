/* SPDX-License-Identifier: MIT */
/* See exchange.h for the states. */
#include "http/exchange.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/conn_input.h"
#include "http/dispatch.h"
#include "http/filter.h"
#include "http/later.h"
#include "http/memory.h"
#include "net/file.h"

#include <errno.h>
#include <string.h>

enum {
    EXCHANGE_SPARE_MAX = 64,    /* kept for reuse, per worker */
    EXCHANGE_ARENA_BYTES = 2048 /* what a request's few cookies need */
};

static struct flare__exchange *exchange_new(struct flare__http *h)
{
    const struct flare__http_options *o = h->options;
    size_t size = sizeof(struct flare__exchange) +
                  o->head.fields_max * sizeof(struct flare__field);
    struct flare__exchange *x = h->spare;

    if (x != NULL) {
        h->spare = x->next;
        h->spare_count--;
        return x;
    }
    x = flare__calloc(o->al, 1, size);
    if (x == NULL)
        return NULL;
    x->req.http = h;
    x->req.head = &x->head;
    x->res.http = h;
    x->res.file = -1;
    x->head.fields = x->fields;
    x->is_touched = true;
    flare__arena_init(&x->req.arena, o->al, EXCHANGE_ARENA_BYTES,
                      o->request_memory_max);
    return x;
}

static void exchange_free(struct flare__http *h, struct flare__exchange *x)
{
    if (x == NULL)
        return;
    flare__arena_fini(&x->req.arena);
    flare__free(h->options->al, x->res.extra);
    flare__free(h->options->al, x->decoded);
    flare__free(h->options->al, x);
}

int flare__exchange_take(struct flare__http *h)
{
    h->x = exchange_new(h);
    return h->x != NULL ? 0 : -ENOMEM;
}

static void exchange_free_spare(struct flare__http *h)
{
    while (h->spare != NULL) {
        struct flare__exchange *x = h->spare;

        h->spare = x->next;
        exchange_free(h, x);
    }
    h->spare_count = 0;
}

void flare__exchange_fini(struct flare__http *h)
{
    FLARE_ASSERT(h->dead == NULL);
    exchange_free(h, h->x);
    exchange_free_spare(h);
}

void flare__exchange_trim(struct flare__http *h)
{
    exchange_free_spare(h);
    flare__exchange_clear(h->x);
}

void flare__exchange_clear(struct flare__exchange *x)
{
    struct flare_req *req = &x->req;
    struct flare_res *res = &x->res;

    req->query = NULL;
    req->form = NULL;
    req->cookies = NULL;
    req->forwarded = NULL;
    req->trailers = NULL;
    req->on_body = NULL;
    flare__arena_reset(&req->arena);
    req->tags = NULL; /* they were in there */
    res->before_head = NULL;
    res->on_done = NULL;
    res->on_drain = NULL;
    res->pull = NULL;
    res->upgrade = NULL;
    x->timeout_ms = req->http->options->answer_timeout_ms;
    x->is_found = false;
    x->is_streamed = false;
    x->is_body_open = false;
    x->is_read = false;
    x->must_continue = false;
    x->is_touched = false;
}

/* ---- detaching ---- */

struct exchange_move {
    const char *from;
    size_t len;
    const char *to;
};

static void exchange_move(const struct exchange_move *m, const char **ptr)
{
    uintptr_t offset = (uintptr_t)*ptr - (uintptr_t)m->from;

    if (*ptr != NULL && offset <= m->len)
        *ptr = m->to + offset;
}

static void exchange_move_all(struct flare__exchange *x,
                              const struct exchange_move *m)
{
    struct flare__head *head = &x->head;

    exchange_move(m, &head->method.ptr);
    exchange_move(m, &head->target.ptr);
    exchange_move(m, &head->path.ptr);
    exchange_move(m, &head->query.ptr);
    exchange_move(m, &head->host.ptr);
    for (uint32_t i = 0; i < head->field_count; i++) {
        exchange_move(m, &head->fields[i].name);
        exchange_move(m, &head->fields[i].value);
    }
    for (uint32_t i = 0; i < x->req.match.param_count; i++)
        exchange_move(m, &x->req.match.params[i].value.ptr);
    exchange_move(m, &x->wire.ptr);
    /* what was read from the old bytes is read again when asked for */
    x->req.query = NULL;
    x->req.form = NULL;
    x->req.cookies = NULL;
    x->req.forwarded = NULL;
}

/* Copies of the head and of a whole body, which may lie in a lease. */
static int exchange_keep(struct flare__exchange *x)
{
    struct flare_str body = x->req.body;
    size_t size = x->wire.len + body.len;
    char *kept = flare__alloc(x->req.http->options->al, size);

    if (kept == NULL)
        return -ENOMEM;
    memcpy(kept, x->wire.ptr, x->wire.len);
    if (body.len > 0) {
        memcpy(kept + x->wire.len, body.ptr, body.len);
        x->req.body.ptr = kept + x->wire.len;
    }
    exchange_move_all(x,
                      &(struct exchange_move){x->wire.ptr, x->wire.len, kept});
    x->kept = kept;
    return 0;
}

int flare__exchange_detach(struct flare__exchange *x)
{
    struct flare__http *h = x->req.http;
    struct flare__conn *conn = x->res.conn;
    struct flare__exchange *next = exchange_new(h);
    int rc = 0;

    FLARE_ASSERT(x == h->x && conn->x == NULL);
    if (next == NULL)
        return -ENOMEM;
    if (x->inbuf == NULL)
        rc = exchange_keep(x);
    if (rc < 0) {
        next->next = h->spare;
        h->spare = next;
        h->spare_count++;
        return rc;
    }
    if (x->inbuf != NULL) {
        FLARE_ASSERT(conn->in == x->inbuf);
        conn->in = NULL; /* it is the exchange's now */
    }
    x->is_detached = true;
    x->is_discarding = false;
    conn->x = x;
    h->x = next;
    return 0;
}

/* ---- the end ---- */

static void exchange_tell(struct flare__exchange *x, int rc)
{
    struct flare_loop *loop = x->req.http->loop;
    struct flare__hook *hook = x->res.on_done;
    struct flare_outcome outcome = {
        .rc = rc,
        .status = x->res.status,
        .body_bytes = x->res.body_bytes,
        .elapsed_ns = loop->ops->now(loop->backend) - x->started_ns,
    };

    x->res.on_done = NULL;
    for (; hook != NULL; hook = hook->next)
        hook->on_done(&x->req, &x->res, &outcome, hook->ctx);
}

void flare__exchange_end(struct flare__exchange *x, int rc)
{
    struct flare_res *res = &x->res;

    res->state = FLARE__RES_COMPLETE;
    if (x->later != NULL)
        flare__later_void(x->later);
    x->later = NULL;
    if (res->on_done != NULL)
        exchange_tell(x, rc);
    if (res->filter != NULL)
        res->filter->free(res->filter);
    res->filter = NULL;
    if (res->file >= 0)
        flare__file_close(res->file);
    res->file = -1;
    res->on_drain = NULL;
    res->pull = NULL;
    x->req.on_body = NULL;
    if (rc < 0)
        res->conn = NULL;
}

static void exchange_reap(struct flare__task *task)
{
    struct flare__http *h =
        FLARE_CONTAINER_OF(task, struct flare__http, reaper);

    while (h->dead != NULL) {
        struct flare__exchange *x = h->dead;

        h->dead = x->next;
        flare__free(h->options->al, x->kept);
        flare__inbuf_free(h, x->inbuf);
        flare__free(h->options->al, x->trailers);
        x->kept = NULL;
        x->inbuf = NULL;
        x->trailers = NULL;
        x->is_detached = false;
        if (h->spare_count >= EXCHANGE_SPARE_MAX ||
            flare__memory_is(h, FLARE__MEMORY_TIGHT)) {
            exchange_free(h, x);
            continue;
        }
        x->next = h->spare;
        h->spare = x;
        h->spare_count++;
    }
}

void flare__exchange_bury(struct flare__exchange *x)
{
    struct flare__http *h = x->req.http;

    FLARE_ASSERT(x->is_detached && x->res.state == FLARE__RES_COMPLETE);
    x->res.conn = NULL;
    x->next = h->dead;
    h->dead = x;
    flare__loop_task(h->loop, &h->reaper, exchange_reap);
}

void flare__exchange_fail(struct flare__exchange *x, int error)
{
    struct flare__conn *conn = x->res.conn;

    if (x->res.state == FLARE__RES_OPEN)
        flare__dispatch_late_error(x, error);
    if (x->res.state != FLARE__RES_COMPLETE)
        flare__conn_abort(conn); /* which ends it */
}

void flare__exchange_settle(struct flare__exchange *x, int rc)
{
    if (rc < 0 && x->is_detached && x->res.state != FLARE__RES_COMPLETE) {
        flare__dispatch_log(x, rc);
        flare__exchange_fail(x, rc);
    }
}
