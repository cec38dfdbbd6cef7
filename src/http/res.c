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

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    RES_FIXED_MAX = 192,        /* status line, length, Connection, blank */
    RES_TYPE_MAX = 256,         /* a Content-Type */
    RES_STATIC_COPY_MAX = 2048, /* below it a copy is cheaper than a vector */
    RES_PRINTF_STACK = 512,
    RES_PRINTF_MAX = 1024 * 1024
};

#define RES_TEXT_TYPE "text/plain; charset=utf-8"

void flare__res_begin(struct flare_res *res, struct flare__conn *conn)
{
    const struct flare__http *h = conn->http;

    res->http = conn->http;
    res->conn = conn;
    res->extra_len = 0;
    res->is_answered = false;
    res->is_head = h->head.method_id == FLARE_METHOD_HEAD;
    res->is_last = false;
    res->is_keep_alive_said = false;
}

void flare__res_reset(struct flare_res *res)
{
    res->extra_len = 0;
}

/* ---- fields ---- */

static bool res_is_token(struct flare_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!flare__char_is(name.ptr[i], FLARE__CHAR_TOKEN))
            return false;
    return name.len > 0;
}

static bool res_is_white(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 section 5.5: no control characters, no white space at the ends. */
static bool res_is_value(struct flare_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!flare__char_is(value.ptr[i], FLARE__CHAR_VALUE))
            return false;
    if (value.len == 0)
        return true;
    return !res_is_white(value.ptr[0]) &&
           !res_is_white(value.ptr[value.len - 1]);
}

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

int flare__res_field(struct flare_res *res, struct flare_str name,
                     struct flare_str value)
{
    struct flare__http *h = res->http;
    size_t size = name.len + 2 + value.len + 2;
    char *p;

    if (res->is_answered)
        return FLARE_E_ALREADY_ANSWERED;
    if (!res_is_token(name) || !res_is_value(value))
        return FLARE_E_BAD_HEADER;
    if (name.len > FLARE__HTTP_EXTRA_MAX || value.len > FLARE__HTTP_EXTRA_MAX ||
        size > FLARE__HTTP_EXTRA_MAX - res->extra_len)
        return FLARE_E_HEAD_TOO_LARGE;
    if (h->extra == NULL) {
        h->extra = flare__alloc(h->options->al, FLARE__HTTP_EXTRA_MAX);
        if (h->extra == NULL)
            return -ENOMEM;
    }
    p = h->extra + res->extra_len;
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

static bool res_sends_body(const struct flare_res *res, int status,
                           struct flare_str body)
{
    return !res->is_head && !res_has_no_body(status) && body.len > 0;
}

static char *put_head(char *p, struct flare_res *res, int status,
                      struct flare_str type, size_t body_len)
{
    struct flare_str common = flare__http_common(res->http);

    p = put_status(p, status);
    p = put(p, common.ptr, common.len);
    if (!res_has_no_body(status)) {
        if (type.len > 0) {
            p = PUT(p, "Content-Type: ");
            p = put(p, type.ptr, type.len);
            p = PUT(p, "\r\n");
        }
        p = PUT(p, "Content-Length: ");
        p = put_decimal(p, body_len);
        p = PUT(p, "\r\n");
    } else if (status == 205) { /* RFC 9110 section 15.3.6 */
        p = PUT(p, "Content-Length: 0\r\n");
    }
    if (res->is_last)
        p = PUT(p, "Connection: close\r\n");
    else if (res->is_keep_alive_said)
        p = PUT(p, "Connection: keep-alive\r\n");
    if (res->extra_len > 0)
        p = put(p, res->http->extra, res->extra_len);
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
           res->extra_len == 0 && res->http->loop->now_ms < m->until_ms &&
           memcmp(m->bytes + m->type_at, type.ptr, type.len) == 0;
}

/* Remembers the head of `len` bytes at `head`, if it is of the usual kind. */
static void res_memorise(const struct flare_res *res, int status,
                         struct flare_str type, size_t body_len,
                         struct flare_str head)
{
    struct flare__head_memo *m = &res->http->memo;
    const char *line;

    if (res->extra_len != 0 || type.len == 0 || res_has_no_body(status) ||
        head.len > sizeof(m->bytes))
        return;
    memcpy(m->bytes, head.ptr, head.len);
    /* put_head: the status line, the common fields, then the type */
    line = memchr(head.ptr, '\n', head.len);
    m->type_at = (uint32_t)(line + 1 - head.ptr) + res->http->common_len +
                 (uint32_t)sizeof("Content-Type: ") - 1;
    m->type_len = (uint32_t)type.len;
    m->until_ms = res->http->common_until_ms;
    m->body_len = body_len;
    m->len = (uint32_t)head.len;
    m->status = (uint16_t)status;
    m->said = res_said(res);
}

static int res_check(int status, struct flare_str type, struct flare_str body)
{
    if (status < 200 || status > 599)
        return FLARE_E_BAD_STATUS;
    if (type.len > RES_TYPE_MAX || !res_is_value(type))
        return FLARE_E_BAD_HEADER;
    if (body.len > INT32_MAX)
        return FLARE_E_RANGE;
    return 0;
}

/*
 * Queues the head and, if it is copied, the body.  Returns 0 or the error that
 * flare_res_copy is documented with.
 */
static int res_complete(struct flare_res *res, int status,
                        struct flare_str type, struct flare_str body,
                        bool is_copied)
{
    struct flare__out *out = &res->conn->out;
    const struct flare__head_memo *memo = &res->http->memo;
    bool is_known = res_is_memo(res, status, type, body.len);
    bool has_copy = is_copied && res_sends_body(res, status, body);
    size_t size = has_copy ? body.len : 0;
    char *start;
    char *p;

    if (res->is_answered)
        return FLARE_E_ALREADY_ANSWERED;
    if (FLARE_UNLIKELY(!is_known)) {
        int rc = res_check(status, type, body);

        if (rc < 0)
            return rc;
        size +=
            RES_FIXED_MAX + FLARE__HTTP_COMMON_MAX + type.len + res->extra_len;
    } else {
        size += memo->len;
    }
    start = flare__out_reserve(out, &res->http->pool, (uint32_t)size);
    if (FLARE_UNLIKELY(start == NULL))
        return -ENOMEM;
    if (FLARE_LIKELY(is_known)) {
        p = put(start, memo->bytes, memo->len);
    } else {
        p = put_head(start, res, status, type, body.len);
        res_memorise(res, status, type, body.len,
                     (struct flare_str){start, (size_t)(p - start)});
    }
    if (has_copy)
        p = put(p, body.ptr, body.len);
    flare__out_commit(out, (uint32_t)(p - start));
    res->http->counters.by_class[status / 100]++;
    res->is_answered = true;
    return 0;
}

int flare_res_copy(flare_res *res, int status, struct flare_str type,
                   struct flare_str body)
{
    return res_complete(res, status, type, body, /* is_copied = */ true);
}

int flare_res_text(flare_res *res, int status, const char *text)
{
    return res_complete(res, status, FLARE_STR(RES_TEXT_TYPE), flare_str(text),
                        /* is_copied = */ true);
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
    rc = res_complete(res, status, type, body, /* is_copied = */ false);
    if (rc < 0) {
        flare__out_forget(pool, chunk);
        return rc;
    }
    if (res_sends_body(res, status, body)) {
        flare__out_append(&res->conn->out, chunk);
        return 0;
    }
    flare__out_forget(pool, chunk);
    if (free_fn != NULL)
        free_fn(ctx, (void *)(uintptr_t)body.ptr);
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
    struct flare_str type = FLARE_STR(RES_TEXT_TYPE);
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

    return flare_res_copy(res, status, FLARE_STR(RES_TEXT_TYPE),
                          (struct flare_str){text, (size_t)len});
}
