/* SPDX-License-Identifier: MIT */
/*
 * Responses: exactly one head, framed by Content-Length, and at most one body,
 * written behind what the connection already has to send.  A caller's string
 * that could end a field or a head is refused before a byte is queued.
 */
#include "http/res.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/chars.h"
#include "http/exchange.h"
#include "http/filter.h"
#include "http/stats.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    RES_FIXED_MAX = 192,        /* status line, length, Connection, blank */
    RES_EXTRA_MIN = 512,        /* added fields, at first */
    RES_TYPE_MAX = 256,         /* a Content-Type */
    RES_STATIC_COPY_MAX = 2048, /* below it a copy is cheaper than a vector */
    RES_PRINTF_STACK = 512,
    RES_PRINTF_MAX = 1024 * 1024
};

static const char res_text[] = "text/plain; charset=utf-8";
#define RES_TEXT_TYPE ((struct flare_str){res_text, sizeof(res_text) - 1})

void flare__res_reset(struct flare_res *res)
{
    res->extra_len = 0;
}

/* ---- fields ---- */

static bool res_is_own_field(struct flare_str name)
{
    static const struct flare_str own[] = {
        {"Date", 4},
        {"Content-Type", 12},
        {"Server", 6},
        {"Connection", 10},
        {"Content-Length", 14},
        {"Keep-Alive", 10},
        {"Transfer-Encoding", 17},
        {"Upgrade", 7},
        {"Trailer", 7},
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (flare_str_equal_nocase(own[i], name))
            return true;
    return false;
}

/* Room for `size` bytes behind those that are there. */
static int res_extra_grow(struct flare_res *res, size_t size)
{
    size_t cap = res->extra_cap != 0 ? res->extra_cap : RES_EXTRA_MIN;
    char *extra;

    if (size > FLARE__HTTP_EXTRA_MAX - res->extra_len)
        return FLARE_E_HEAD_TOO_LARGE;
    if (size <= res->extra_cap - res->extra_len)
        return 0;
    while (cap < res->extra_len + size)
        cap *= 2;
    extra = flare__realloc(res->http->options->al, res->extra, cap);
    if (extra == NULL)
        return -ENOMEM;
    res->extra = extra;
    res->extra_cap = (uint32_t)cap;
    return 0;
}

int flare__res_line(struct flare_res *res, struct flare_str name,
                    struct flare_str value)
{
    size_t size = name.len + 2 + value.len + 2;
    char *p;
    int rc;

    flare__res_check_thread(res);
    if (!flare__is_token(name) || !flare__is_field_value(value))
        return FLARE_E_BAD_HEADER;
    if (name.len > FLARE__HTTP_EXTRA_MAX || value.len > FLARE__HTTP_EXTRA_MAX)
        return FLARE_E_HEAD_TOO_LARGE;
    rc = res_extra_grow(res, size);
    if (rc < 0)
        return rc;
    p = res->extra + res->extra_len;
    memcpy(p, name.ptr, name.len);
    p += name.len;
    *p++ = ':';
    *p++ = ' ';
    if (value.len > 0)
        memcpy(p, value.ptr, value.len);
    p += value.len;
    *p++ = '\r';
    *p = '\n';
    res->extra_len += (uint32_t)size;
    return 0;
}

int flare__res_lines(struct flare_res *res, struct flare_str lines)
{
    int rc = res_extra_grow(res, lines.len);

    flare__res_check_thread(res);
    if (rc < 0)
        return rc;
    memcpy(res->extra + res->extra_len, lines.ptr, lines.len);
    res->extra_len += (uint32_t)lines.len;
    return 0;
}

int flare__res_field(struct flare_res *res, struct flare_str name,
                     struct flare_str value)
{
    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    return flare__res_line(res, name, value);
}

int flare_res_header(flare_res *res, const char *name, struct flare_str value)
{
    struct flare_str n = flare_str(name);

    if (res_is_own_field(n))
        return FLARE_E_BAD_HEADER;
    return flare__res_field(res, n, value);
}

/* ---- the head ---- */

static char *put(char *p, const void *bytes, size_t len)
{
    memcpy(p, bytes, len);
    return p + len;
}

#define PUT(p, literal) put((p), (literal), sizeof(literal) - 1)

static char *put_decimal(char *p, uint64_t number)
{
    char digits[20];
    char *d = digits + sizeof(digits);

    do {
        *--d = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return put(p, d, (size_t)(digits + sizeof(digits) - d));
}

static char *put_status(char *p, int status)
{
    const char *reason;

    if (FLARE_LIKELY(status == 200))
        return PUT(p, "HTTP/1.1 200 OK\r\n");
    reason = flare_status_reason(status);
    p = PUT(p, "HTTP/1.1 ");
    p = put_decimal(p, (uint64_t)status);
    *p++ = ' ';
    p = put(p, reason, strlen(reason));
    return PUT(p, "\r\n");
}

static bool res_has_no_body(int status)
{
    return status == 204 || status == 205 || status == 304;
}

static char *put_framing(char *p, const struct flare_res *res, int status)
{
    if (res_has_no_body(status)) /* RFC 9110 section 15.3.6 */
        return status == 205 ? PUT(p, "Content-Length: 0\r\n") : p;
    if (res->type.len > 0) {
        p = PUT(p, "Content-Type: ");
        p = put(p, res->type.ptr, res->type.len);
        p = PUT(p, "\r\n");
    }
    if (res->length == FLARE_LENGTH_UNKNOWN)
        return res->is_chunked ? PUT(p, "Transfer-Encoding: chunked\r\n") : p;
    p = PUT(p, "Content-Length: ");
    p = put_decimal(p, res->length);
    return PUT(p, "\r\n");
}

static char *put_head(char *p, struct flare_res *res, int status)
{
    struct flare_str common = flare__http_common(res->http);

    p = put_status(p, status);
    p = put(p, common.ptr, common.len);
    p = put_framing(p, res, status);
    if (res->is_last)
        p = PUT(p, "Connection: close\r\n");
    else if (res->is_keep_alive_said)
        p = PUT(p, "Connection: keep-alive\r\n");
    if (res->extra_len > 0)
        p = put(p, res->extra, res->extra_len);
    return PUT(p, "\r\n");
}

/* ---- completing ---- */

/* How Connection is said, as a number to compare. */
static uint16_t res_said(const struct flare_res *res)
{
    return (uint16_t)(res->is_last | res->is_keep_alive_said << 1);
}

static bool res_is_memo(const struct flare_res *res, int status,
                        struct flare_str type, size_t body_len)
{
    const struct flare__head_memo *m = &res->http->memo;

    return m->body_len == body_len && m->status == (unsigned)status &&
           m->said == res_said(res) && m->type_len == type.len &&
           res->extra_len == 0 && res->before_head == NULL &&
           res->http->loop->now_ms < m->until_ms &&
           ((m->is_text && type.ptr == res_text) ||
            memcmp(m->bytes + m->type_at, type.ptr, type.len) == 0);
}

/* Remembers a head that was just written, if it is of the usual kind. */
static void res_memorise(const struct flare_res *res, struct flare_str head)
{
    struct flare__head_memo *m = &res->http->memo;
    const char *line;

    if (res->extra_len != 0 || res->type.len == 0 || res->filter != NULL ||
        res_has_no_body(res->status) || head.len > sizeof(m->bytes))
        return;
    memcpy(m->bytes, head.ptr, head.len);
    /* put_head: the status line, the common fields, then the type */
    line = memchr(head.ptr, '\n', head.len);
    m->type_at = (uint32_t)(line + 1 - head.ptr) + res->http->common_len +
                 (uint32_t)sizeof("Content-Type: ") - 1;
    m->type_len = (uint32_t)res->type.len;
    m->is_text = res->type.ptr == res_text;
    m->until_ms = res->http->common_until_ms;
    m->body_len = (size_t)res->length;
    m->len = (uint32_t)head.len;
    m->status = res->status;
    m->said = res_said(res);
}

static int res_check(int status, struct flare_str type, uint64_t length)
{
    if (status < 200 || status > 599)
        return FLARE_E_BAD_STATUS;
    if (type.len > RES_TYPE_MAX || !flare__is_field_value(type))
        return FLARE_E_BAD_HEADER;
    if (length != FLARE_LENGTH_UNKNOWN && length > INT64_MAX)
        return FLARE_E_RANGE;
    return 0;
}

/* Whether the connection can go on after this answer, as things are now. */
static void res_settle_last(struct flare_res *res)
{
    const struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);

    if (res->http->is_draining || flare__conn_must_end(x))
        res->is_last = true;
}

static int res_run_hooks(struct flare_res *res)
{
    struct flare_req *req = &FLARE__EXCHANGE_OF(res, res)->req;

    while (res->before_head != NULL) {
        struct flare__hook *hook = res->before_head;
        int rc;

        res->before_head = hook->next; /* once, also if the answer fails */
        rc = hook->before_head(req, res, hook->ctx);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int flare__res_prepare(struct flare_res *res, int status, struct flare_str type,
                       uint64_t length)
{
    int rc = res_check(status, type, length);

    flare__res_check_thread(res);
    if (rc < 0)
        return rc;
    res->status = (uint16_t)status;
    res->type = type;
    res->length = length;
    res->has_no_body = res->is_head || res_has_no_body(status);
    res->is_chunked = false;
    rc = res->before_head != NULL ? res_run_hooks(res) : 0;
    if (rc < 0)
        res->status = 0;
    return rc;
}

/* The size that flare__res_put_head needs at most. */
static uint32_t res_head_size(const struct flare_res *res)
{
    return (uint32_t)(RES_FIXED_MAX + FLARE__HTTP_COMMON_MAX + res->type.len) +
           res->extra_len;
}

int flare__res_queue_head(struct flare_res *res)
{
    struct flare__out *out = &res->conn->out;
    char *start;
    char *p;

    res_settle_last(res);
    if (res->length == FLARE_LENGTH_UNKNOWN && !res->is_chunked)
        res->is_last = true;
    start = flare__out_reserve(out, &res->http->pool, res_head_size(res));
    if (start == NULL)
        return -ENOMEM;
    p = put_head(start, res, res->status);
    flare__out_commit(out, (uint32_t)(p - start));
    res->extra_len = 0; /* trailers from here on */
    return 0;
}

int flare__res_switch(struct flare_res *res, struct flare_str lines)
{
    struct flare_str common;
    char *start;
    char *p;
    int rc;

    res->status = 101;
    res->type = (struct flare_str){NULL, 0};
    res->length = 0;
    res->has_no_body = true;
    res->is_file = true; /* hooks are not to filter it */
    rc = res->before_head != NULL ? res_run_hooks(res) : 0;
    res->is_file = false;
    start = NULL;
    if (rc == 0)
        start = flare__out_reserve(&res->conn->out, &res->http->pool,
                                   res_head_size(res) + (uint32_t)lines.len);
    if (start == NULL) {
        res->status = 0;
        return rc < 0 ? rc : -ENOMEM;
    }
    common = flare__http_common(res->http);
    p = put_status(start, res->status);
    p = put(p, common.ptr, common.len);
    p = put(p, lines.ptr, lines.len);
    if (res->extra_len > 0)
        p = put(p, res->extra, res->extra_len);
    p = PUT(p, "\r\n");
    flare__out_commit(&res->conn->out, (uint32_t)(p - start));
    return 0;
}

/* The answer is whole: in hand, dispatch sees to the rest. */
void flare__res_complete(struct flare_res *res)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);

    if (FLARE_UNLIKELY(res->status >= 300))
        flare__stats_status(&res->http->counters, res->status);
    res->state = FLARE__RES_COMPLETE;
    if (FLARE_UNLIKELY(x->is_detached))
        flare__conn_answered(res->conn);
}

/* The head is known and what goes out has been asked for before. */
static int res_repeat(struct flare_res *res, int status, struct flare_str body,
                      bool is_copied)
{
    const struct flare__head_memo *memo = &res->http->memo;
    struct flare__out *out = &res->conn->out;
    size_t size = memo->len + (is_copied ? body.len : 0);
    char *start = flare__out_reserve(out, &res->http->pool, (uint32_t)size);
    char *p;

    if (FLARE_UNLIKELY(start == NULL))
        return -ENOMEM;
    p = put(start, memo->bytes, memo->len);
    if (is_copied)
        p = put(p, body.ptr, body.len);
    flare__out_commit(out, (uint32_t)(p - start));
    res->status = (uint16_t)status;
    res->body_bytes = res->is_head ? 0 : body.len;
    return 0;
}

/* A head and, if it is copied, a body that goes out. */
static int res_compose(struct flare_res *res, struct flare_str body,
                       bool is_copied)
{
    struct flare__out *out = &res->conn->out;
    size_t size = res_head_size(res) + (is_copied ? body.len : 0);
    char *start;
    char *p;

    res_settle_last(res);
    start = flare__out_reserve(out, &res->http->pool, (uint32_t)size);
    if (FLARE_UNLIKELY(start == NULL))
        return -ENOMEM;
    p = put_head(start, res, res->status);
    res_memorise(res, (struct flare_str){start, (size_t)(p - start)});
    if (is_copied && body.len > 0)
        p = put(p, body.ptr, body.len);
    flare__out_commit(out, (uint32_t)(p - start));
    res->body_bytes = res->has_no_body ? 0 : body.len;
    return 0;
}

/* A body in memory under a content coding, which is copied for good. */
static int res_answer_coded(struct flare_res *res, struct flare_str body)
{
    struct flare_str coded;
    int rc = flare__filter_whole(res, body, &coded);

    if (rc < 0)
        return rc;
    res->length = coded.len;
    if (res->has_no_body)
        rc = res_compose(res, (struct flare_str){NULL, 0}, false);
    else
        rc = res_compose(res, coded, /* is_copied = */ true);
    flare__free(res->http->options->al, (char *)(uintptr_t)coded.ptr);
    return rc;
}

/*
 * Queues the head and, if it is copied, the body.  Returns 1 if a borrowed body
 * is to be queued behind, 0 if not, or the error that flare_res_copy is
 * documented with.
 */
static int res_answer(struct flare_res *res, int status, struct flare_str type,
                      struct flare_str body, bool is_copied)
{
    const struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);
    bool has_body;
    int rc;

    if (FLARE_UNLIKELY(res->state != FLARE__RES_OPEN))
        return FLARE_E_ALREADY_ANSWERED;
    if (FLARE_UNLIKELY(body.len > INT32_MAX))
        return FLARE_E_RANGE;
    if (FLARE_UNLIKELY(x->is_detached || x->is_streamed))
        res_settle_last(res);
    if (FLARE_LIKELY(res_is_memo(res, status, type, body.len))) {
        has_body = !res->is_head && body.len > 0;
        rc = res_repeat(res, status, body, is_copied && has_body);
        return rc < 0 ? rc : has_body && !is_copied;
    }
    rc = flare__res_prepare(res, status, type, body.len);
    if (rc < 0)
        return rc;
    if (FLARE_UNLIKELY(res->filter != NULL))
        return res_answer_coded(res, body);
    has_body = !res->has_no_body && body.len > 0;
    rc = res_compose(res, body, is_copied && has_body);
    return rc < 0 ? rc : has_body && !is_copied;
}

int flare_res_copy(flare_res *res, int status, struct flare_str type,
                   struct flare_str body)
{
    int rc = res_answer(res, status, type, body, /* is_copied = */ true);

    if (FLARE_UNLIKELY(rc < 0))
        return rc;
    flare__res_complete(res);
    return 0;
}

int flare_res_text(flare_res *res, int status, const char *text)
{
    return flare_res_copy(res, status, RES_TEXT_TYPE, flare_str(text));
}

int flare_res_empty(flare_res *res, int status)
{
    struct flare_str none = {NULL, 0};

    return flare_res_copy(res, status, none, none);
}

int flare_res_give(flare_res *res, int status, struct flare_str type,
                   struct flare_str body, flare_free_fn free_fn, void *ctx)
{
    struct flare__out_pool *pool = &res->http->pool;
    struct flare__out_chunk *chunk;
    int rc;

    chunk = flare__out_borrow(pool, body, free_fn, ctx);
    if (chunk == NULL)
        return -ENOMEM;
    rc = res_answer(res, status, type, body, /* is_copied = */ false);
    if (rc > 0) {
        flare__out_append(&res->conn->out, chunk);
    } else {
        flare__out_forget(pool, chunk);
        if (rc == 0 && free_fn != NULL)
            free_fn(ctx, (void *)(uintptr_t)body.ptr);
    }
    if (rc < 0)
        return rc;
    flare__res_complete(res);
    return 0;
}

int flare_res_static(flare_res *res, int status, struct flare_str type,
                     struct flare_str body)
{
    if (body.len <= RES_STATIC_COPY_MAX)
        return flare_res_copy(res, status, type, body);
    return flare_res_give(res, status, type, body, NULL, NULL);
}

int flare_res_printf(flare_res *res, int status, const char *format, ...)
{
    const struct flare_allocator *al = res->http->options->al;
    char stack[RES_PRINTF_STACK];
    char *text = stack;
    struct flare_str type = RES_TEXT_TYPE;
    va_list args;
    int len;
    int rc;

    va_start(args, format);
    len = vsnprintf(stack, sizeof(stack), format, args);
    va_end(args);
    if (len < 0 || len > RES_PRINTF_MAX)
        return FLARE_E_RANGE;
    if ((size_t)len >= sizeof(stack)) {
        text = flare__alloc(al, (size_t)len + 1);
        if (text == NULL)
            return -ENOMEM;
        va_start(args, format);
        (void)vsnprintf(text, (size_t)len + 1, format, args);
        va_end(args);
    }
    rc = flare_res_copy(res, status, type,
                        (struct flare_str){text, (size_t)len});
    if (text != stack)
        flare__free(al, text);
    return rc;
}

int flare__res_plain(struct flare_res *res, int status)
{
    const char *reason = flare_status_reason(status);
    char text[64];
    int len = snprintf(text, sizeof(text), "%d %s\n", status, reason);

    return flare_res_copy(res, status, RES_TEXT_TYPE,
                          (struct flare_str){text, (size_t)len});
}
