/* SPDX-License-Identifier: MIT */
/* See ref_http.h.  One request after the other, each from its first byte. */
#include "tests/support/ref_http.h"

#include "tests/support/chunked_oracle.h"
#include "tests/support/head_oracle.h"

#include <assert.h>
#include <string.h>

/* A body: how many bytes of the wire it took, or why not. */
enum { BODY_WAITS = 0 };

struct body {
    int rc; /* BODY_WAITS, an error, or 1 */
    size_t wire_len;
};

static struct flare_str slice(const char *bytes, struct oracle_part part)
{
    return (struct flare_str){bytes + part.at, part.len};
}

/* What the head says, for the handler. */
static void take_head(struct ref_answer *a, const struct head_oracle *o,
                      const char *bytes)
{
    a->method_id = o->method_id;
    a->minor = o->minor;
    a->has_query = o->has_query;
    a->path = o->path.len > 0 ? slice(bytes, o->path) : FLARE_STR("/");
    a->query = o->has_query ? slice(bytes, o->query) : FLARE_STR("");
    a->host = slice(bytes, o->host);
    a->is_head = o->method_id == FLARE_METHOD_HEAD;
    a->may_continue = (o->flags & FLARE__HEAD_CONTINUE) != 0;
}

static struct body read_chunked(struct ref_answer *a,
                                const struct ref_limits *limits,
                                const char *bytes, size_t len)
{
    static struct chunked_oracle o;

    chunked_oracle(&o, &limits->chunked, bytes, len);
    /* The size is judged as the bytes come, before what follows them. */
    if (o.body_len > limits->body_bytes_max)
        return (struct body){FLARE_E_BODY_TOO_LARGE, 0};
    if (o.rc < 0)
        return (struct body){o.rc, 0};
    if (o.rc == FLARE__CHUNKED_MORE)
        return (struct body){BODY_WAITS, 0};
    memcpy(a->body, o.body, o.body_len);
    a->body_len = o.body_len;
    return (struct body){1, o.at};
}

/* RFC 9112 section 6.3: a coding, else a length, else nothing. */
static struct body read_body(struct ref_answer *a,
                             const struct ref_limits *limits,
                             const struct head_oracle *o, const char *bytes,
                             size_t len)
{
    a->body_len = 0;
    if (o->flags & FLARE__HEAD_CHUNKED)
        return read_chunked(a, limits, bytes, len);
    if (o->content_length > limits->body_bytes_max)
        return (struct body){FLARE_E_BODY_TOO_LARGE, 0};
    if (o->content_length > len)
        return (struct body){BODY_WAITS, 0};
    a->body_len = (size_t)o->content_length;
    memcpy(a->body, bytes, a->body_len);
    return (struct body){1, a->body_len};
}

static void refuse(struct ref_answer *a, int error)
{
    a->status = flare_error_status(error);
    a->is_handled = false;
    a->is_last = true;
}

/* The whole request is here. */
static void accept(struct ref_answer *a, const struct head_oracle *o)
{
    a->is_last = (o->flags & FLARE__HEAD_KEEP_ALIVE) == 0;
    a->is_handled = false;
    if (o->method_id == FLARE_METHOD_CONNECT)
        refuse(a, FLARE_E_METHOD_UNKNOWN);
    else if (o->method_id == FLARE_METHOD_TRACE)
        a->status = 405;
    else if (o->form == FLARE__TARGET_ASTERISK)
        a->status = 204;
    else {
        a->status = 200;
        a->is_handled = true;
    }
}

/* Reads one request; 0: its bytes are not all here. */
static size_t read_request(struct ref_http *out, struct ref_answer *a,
                           const struct ref_limits *limits, const char *bytes,
                           size_t len)
{
    static struct head_oracle o;
    struct body body;

    a->may_continue = false;
    a->is_head = false;
    head_oracle(&o, &limits->head, bytes, len);
    if (o.rc < 0) {
        refuse(a, o.rc);
        return len;
    }
    if (o.rc == 0)
        return 0;
    take_head(a, &o, bytes);
    body = read_body(a, limits, &o, bytes + o.rc, len - (size_t)o.rc);
    if (body.rc < 0) {
        refuse(a, body.rc);
        return len;
    }
    if (body.rc == BODY_WAITS) {
        out->may_continue = a->may_continue;
        return 0;
    }
    accept(a, &o);
    return (size_t)o.rc + body.wire_len;
}

void ref_http(struct ref_http *out, const struct ref_limits *limits,
              const char *bytes, size_t len)
{
    size_t at = 0;

    out->count = 0;
    out->is_inside = false;
    out->is_ended = false;
    out->may_continue = false;
    while (at < len) {
        struct ref_answer *a = &out->answers[out->count];
        size_t taken;

        assert(out->count < REF_ANSWERS_MAX - 1); /* one for the end */
        taken = read_request(out, a, limits, bytes + at, len - at);
        if (taken == 0) {
            out->is_inside = true;
            return;
        }
        out->count++;
        at += taken;
        if (a->is_last)
            return;
    }
}

void ref_http_end(struct ref_http *out)
{
    out->is_ended = true;
    if (!out->is_inside)
        return;
    refuse(&out->answers[out->count], FLARE_E_BAD_REQUEST);
    out->answers[out->count++].may_continue = out->may_continue;
    out->is_inside = false;
}
