/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events over a body of unknown length.  What is of a stream lives
 * in its request's memory and is undone by its on_done hook; a stream has one
 * timer, which a send does not touch: it looks at the time of the last one when
 * it fires.
 */
#include "http/sse.h"

#include <flare/sse.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "http/exchange.h"
#include "http/mw_tools.h"

#include <errno.h>
#include <string.h>

enum {
    SSE_HEARTBEAT_MS = 15000,
    SSE_MS_MAX = 86400000,
    SSE_EVENT_MAX = 16 << 20, /* bytes, as it is sent */
    SSE_STACK = 1024          /* of events that need no memory */
};

struct flare__sse {
    struct flare__sse *next;
    struct flare__sse **link; /* what points at this one */
    struct flare_res *res;
    struct flare__timer timer;
    uint64_t said_ms; /* when something was sent last */
    uint32_t heartbeat_ms;
};

/* How a request knows its stream: a tag with this key. */
static const char sse_key;

static struct flare__sse *sse_of(const struct flare_res *res)
{
    const struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;

    return (struct flare__sse *)(uintptr_t)flare__tag_get(req, &sse_key).ptr;
}

/* ---- the text ---- */

/* Two passes with one text: without `at` it is only measured. */
struct sse_text {
    char *at;
    size_t len;
};

static void sse_put(struct sse_text *t, const char *bytes, size_t len)
{
    if (t->at != NULL && len > 0)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
}

static void sse_put_line(struct sse_text *t, struct flare_str name,
                         struct flare_str value)
{
    sse_put(t, name.ptr, name.len);
    sse_put(t, ": ", 2);
    sse_put(t, value.ptr, value.len);
    sse_put(t, "\n", 1);
}

/* A line of `name` for each line of `text`, the empty ones too. */
static void sse_put_lines(struct sse_text *t, struct flare_str name,
                          struct flare_str text)
{
    size_t start = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\r' && text.ptr[i] != '\n')
            continue;
        sse_put_line(t, name, (struct flare_str){text.ptr + start, i - start});
        if (text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            i++;
        start = i + 1;
    }
    sse_put_line(t, name,
                 (struct flare_str){text.ptr + start, text.len - start});
}

static void sse_put_event(struct sse_text *t, const struct flare_sse_event *e)
{
    if (e->event.ptr != NULL)
        sse_put_line(t, FLARE_STR("event"), e->event);
    if (e->id.ptr != NULL)
        sse_put_line(t, FLARE_STR("id"), e->id);
    if (e->data.ptr != NULL)
        sse_put_lines(t, FLARE_STR("data"), e->data);
    sse_put(t, "\n", 1);
}

/* ---- sending ---- */

/* `text` was built by somebody; it goes out as one. */
static int sse_write(struct flare__sse *sse, struct flare_str text)
{
    struct flare_res *res = sse->res;
    int full = flare_res_write(res, text);
    int rc;

    if (full < 0)
        return full;
    sse->said_ms = res->http->loop->now_ms;
    rc = flare_res_flush(res);
    return rc < 0 ? rc : full;
}

static int sse_check(const struct flare_res *res, struct flare__sse **sse)
{
    if (res->conn == NULL)
        return FLARE_E_GONE;
    *sse = sse_of(res);
    if (*sse == NULL)
        return FLARE_E_NOT_STARTED;
    return res->state == FLARE__RES_BODY ? 0 : FLARE_E_GONE;
}

static int sse_send_event(struct flare__sse *sse,
                          const struct flare_sse_event *event)
{
    const struct flare_allocator *al = sse->res->http->options->al;
    char stack[SSE_STACK];
    struct sse_text text = {NULL, 0};
    char *block = stack;
    int rc;

    sse_put_event(&text, event);
    if (text.len > SSE_EVENT_MAX)
        return FLARE_E_RANGE;
    if (text.len > sizeof(stack))
        block = flare__alloc(al, text.len);
    if (block == NULL)
        return -ENOMEM;
    text = (struct sse_text){block, 0};
    sse_put_event(&text, event);
    rc = sse_write(sse, (struct flare_str){block, text.len});
    if (block != stack)
        flare__free(al, block);
    return rc;
}

/* Of one line, that is. */
static int sse_check_field(struct flare_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' ||
            value.ptr[i] == '\0')
            return -EINVAL;
    return flare__utf8_is_valid(value) ? 0 : -EILSEQ;
}

int flare_sse_send(flare_res *res, const struct flare_sse_event *event)
{
    struct flare__sse *sse;
    int rc = sse_check(res, &sse);

    if (rc < 0)
        return rc;
    rc = sse_check_field(event->event);
    if (rc < 0)
        return rc;
    rc = sse_check_field(event->id);
    if (rc < 0)
        return rc;
    if (event->data.len > SSE_EVENT_MAX)
        return FLARE_E_RANGE;
    if (!flare__utf8_is_valid(event->data))
        return -EILSEQ;
    return sse_send_event(sse, event);
}

int flare_sse_comment(flare_res *res, struct flare_str text)
{
    const struct flare_allocator *al = res->http->options->al;
    struct sse_text measure = {NULL, 0};
    struct sse_text out;
    struct flare__sse *sse;
    int rc = sse_check(res, &sse);

    if (rc < 0)
        return rc;
    if (text.len > SSE_EVENT_MAX)
        return FLARE_E_RANGE;
    if (!flare__utf8_is_valid(text))
        return -EILSEQ;
    sse_put_lines(&measure, FLARE_STR(""), text);
    if (measure.len > SSE_EVENT_MAX)
        return FLARE_E_RANGE;
    out = (struct sse_text){flare__alloc(al, measure.len), 0};
    if (out.at == NULL)
        return -ENOMEM;
    sse_put_lines(&out, FLARE_STR(""), text);
    rc = sse_write(sse, (struct flare_str){out.at, out.len});
    flare__free(al, out.at);
    return rc;
}

struct flare_str flare_sse_last_event_id(const flare_req *req)
{
    return flare_req_header(req, "Last-Event-ID");
}

/* ---- a stream's life ---- */

static void sse_arm(struct flare__sse *sse);

static void sse_on_silence(struct flare__timer *timer)
{
    struct flare__sse *sse =
        FLARE_CONTAINER_OF(timer, struct flare__sse, timer);
    uint64_t now_ms = sse->res->http->loop->now_ms;

    if (now_ms - sse->said_ms >= sse->heartbeat_ms) {
        /* a peer that does not read has the deadline of sending */
        (void)sse_write(sse, FLARE_STR(":\n\n"));
        sse->said_ms = now_ms;
    }
    sse_arm(sse);
}

static void sse_arm(struct flare__sse *sse)
{
    flare__wheel_start(&sse->res->http->loop->wheel, &sse->timer,
                       sse->said_ms + sse->heartbeat_ms, sse_on_silence);
}

static void sse_on_done(flare_req *req, flare_res *res,
                        const struct flare_outcome *outcome, void *ctx)
{
    struct flare__sse *sse = ctx;

    (void)req;
    (void)outcome;
    flare__wheel_stop(&res->http->loop->wheel, &sse->timer);
    if (sse->link == NULL)
        return;
    *sse->link = sse->next;
    if (sse->next != NULL)
        sse->next->link = sse->link;
    sse->link = NULL;
}

static void sse_enlist(struct flare__sse *sse)
{
    struct flare__http *h = sse->res->http;

    sse->next = h->streams;
    if (sse->next != NULL)
        sse->next->link = &sse->next;
    sse->link = &h->streams;
    h->streams = sse;
}

static struct flare__sse *sse_new(struct flare_res *res, uint32_t heartbeat_ms)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;
    struct flare__tag *tag = flare_req_alloc(req, sizeof(*tag));
    struct flare__sse *sse = flare_req_alloc(req, sizeof(*sse));

    if (tag == NULL || sse == NULL ||
        flare_res_on_done(res, sse_on_done, sse) < 0)
        return NULL;
    *sse = (struct flare__sse){
        .res = res,
        .said_ms = res->http->loop->now_ms,
        .heartbeat_ms = heartbeat_ms != 0 ? heartbeat_ms : SSE_HEARTBEAT_MS,
    };
    *tag = (struct flare__tag){
        .next = req->tags,
        .key = &sse_key,
        .value = {(const char *)sse, sizeof(*sse)},
    };
    req->tags = tag;
    return sse;
}

static int sse_begin(struct flare_res *res)
{
    int rc = flare_res_header(res, "Cache-Control", FLARE_STR("no-cache"));

    if (rc < 0)
        return rc;
    rc = flare_res_header(res, "X-Accel-Buffering", FLARE_STR("no"));
    if (rc < 0)
        return rc;
    return flare_res_start(res, 200, FLARE_STR("text/event-stream"),
                           FLARE_LENGTH_UNKNOWN);
}

static int sse_say_retry(struct flare__sse *sse, uint32_t retry_ms)
{
    char text[32];
    char *p = text + sizeof(text);

    *--p = '\n';
    *--p = '\n';
    for (; retry_ms != 0; retry_ms /= 10)
        *--p = (char)('0' + retry_ms % 10);
    p -= sizeof("retry: ") - 1;
    memcpy(p, "retry: ", sizeof("retry: ") - 1);
    return sse_write(sse,
                     (struct flare_str){p, (size_t)(text + sizeof(text) - p)});
}

int flare_sse_start(flare_res *res, const struct flare_sse_options *options)
{
    static const struct flare_sse_options standard = {0};
    const struct flare_sse_options *o = options != NULL ? options : &standard;
    struct flare__sse *sse;
    int rc = 0;

    if (o->heartbeat_ms > SSE_MS_MAX || o->retry_ms > SSE_MS_MAX)
        return -EINVAL;
    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    sse = sse_new(res, o->heartbeat_ms);
    if (sse == NULL)
        return -ENOMEM;
    rc = sse_begin(res);
    if (rc < 0)
        return rc;
    if (o->retry_ms != 0)
        rc = sse_say_retry(sse, o->retry_ms);
    if (rc < 0)
        return rc;
    if (res->has_no_body || res->http->is_draining)
        return flare_res_finish(res);
    flare_res_timeout(res, UINT32_MAX); /* silence is nothing wrong here */
    sse_enlist(sse);
    sse_arm(sse);
    return FLARE_LATER;
}

void flare__sse_drain(struct flare__http *h)
{
    while (h->streams != NULL) {
        struct flare_res *res = h->streams->res;

        if (flare_res_finish(res) < 0)
            flare_res_abort(res); /* its on_done takes it off the list */
    }
}
