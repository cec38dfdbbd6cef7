/* SPDX-License-Identifier: MIT */
/*
 * One text is written twice: first only counted, behind all checks, then into
 * the caller's memory.
 */
#include "http/ask.h"

#include "base/assert.h"
#include "http/chars.h"
#include "http/chunked.h"
#include "http/head_line.h"
#include "http/host.h"
#include "http/list.h"

#include <string.h>

/* ---- checks ---- */

static bool method_is(const struct flare__ask *ask, const char *name)
{
    return flare_str_equal(ask->method, flare_str(name));
}

static int check_method(const struct flare__ask *ask)
{
    bool has_body = ask->framing != FLARE__ASK_NO_BODY || ask->has_expect;

    if (ask->method.len > FLARE__METHOD_BYTES_MAX ||
        !flare__is_token(ask->method))
        return FLARE_E_BAD_METHOD;
    if (has_body && (method_is(ask, "CONNECT") || method_is(ask, "TRACE")))
        return FLARE_E_BAD_METHOD; /* RFC 9110 sections 9.3.6, 9.3.8 */
    return 0;
}

/* Nothing, or [path] ["?" query] with every byte as the grammar has it. */
static bool is_path_and_query(struct flare_str text)
{
    const char *end = text.ptr + text.len;
    struct flare__head head = {.target = FLARE_STR("/")};

    if (text.len > 0 && text.ptr[0] != '/' && text.ptr[0] != '?')
        return false;
    for (const char *p = text.ptr; p < end;) {
        int n = 1;

        if (*p != '?' && !flare__char_is(*p, FLARE__CHAR_TARGET))
            n = flare__line_target_mark(&head, p, end);
        if (n <= 0)
            return false;
        p += n;
    }
    return true;
}

/* What follows "http://" or "https://", or nothing. */
static struct flare_str behind_scheme(struct flare_str target)
{
    static const struct flare_str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        struct flare_str front = {target.ptr, schemes[i].len};

        if (target.len > front.len && flare_str_equal_nocase(front, schemes[i]))
            return (struct flare_str){target.ptr + front.len,
                                      target.len - front.len};
    }
    return (struct flare_str){NULL, 0};
}

static bool is_absolute_form(struct flare_str target)
{
    struct flare_str rest = behind_scheme(target);
    size_t n = 0;

    if (rest.len == 0)
        return false;
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    if (!flare__host_is_valid((struct flare_str){rest.ptr, n},
                              FLARE__PORT_MAY_BE))
        return false;
    return is_path_and_query((struct flare_str){rest.ptr + n, rest.len - n});
}

static int check_target(const struct flare__ask *ask)
{
    struct flare_str target = ask->target;
    bool is_good;

    if (target.len == 0)
        is_good = false;
    else if (method_is(ask, "CONNECT"))
        is_good = flare__host_is_valid(target, FLARE__PORT_MUST_BE);
    else if (flare_str_equal(target, FLARE_STR("*")))
        is_good = method_is(ask, "OPTIONS");
    else if (target.ptr[0] == '/')
        is_good = is_path_and_query(target);
    else
        is_good = is_absolute_form(target);
    return is_good ? 0 : FLARE_E_BAD_TARGET;
}

static bool is_own_field(struct flare_str name)
{
    static const struct flare_str own[] = {
        {"host", 4},        {"content-length", 14}, {"transfer-encoding", 17},
        {"connection", 10}, {"keep-alive", 10},     {"proxy-connection", 16},
        {"upgrade", 7},     {"expect", 6},          {"te", 2},
        {"trailer", 7},
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i].len == name.len && flare_str_equal_nocase(own[i], name))
            return true;
    return false;
}

/* Those before `from` are known to be good. */
static int check_fields(const struct flare__ask_field *fields, size_t from,
                        size_t count)
{
    for (size_t i = from; i < count; i++) {
        const struct flare__ask_field *f = &fields[i];

        if (f->name.len > FLARE__ASK_BYTES_MAX ||
            f->value.len > FLARE__ASK_BYTES_MAX)
            return FLARE_E_HEAD_TOO_LARGE;
        if (!flare__is_token(f->name) || is_own_field(f->name) ||
            !flare__is_field_value(f->value))
            return FLARE_E_BAD_HEADER;
    }
    return 0;
}

static bool is_trailer(struct flare_str name)
{
    return flare__is_token(name) && !is_own_field(name) &&
           !flare__chunked_refuses(name);
}

/* protocol-name ["/" protocol-version], RFC 9110 section 7.8 */
static bool is_protocol(struct flare_str text)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t n = slash != NULL ? (size_t)(slash - text.ptr) : text.len;

    if (!flare__is_token((struct flare_str){text.ptr, n}))
        return false;
    return slash == NULL ||
           flare__is_token((struct flare_str){slash + 1, text.len - n - 1});
}

/* An empty text is none, and well. */
static bool is_list_of(struct flare_str text,
                       bool (*is_element)(struct flare_str))
{
    struct flare_str rest = text;
    struct flare_str element;
    size_t count = 0;

    while (flare__list_next(&rest, FLARE__QUOTED_ETAG, &element)) {
        if (!is_element(element))
            return false;
        count++;
    }
    return count > 0 ? flare__is_field_value(text) : text.len == 0;
}

static int check_own(const struct flare__ask *ask)
{
    if (!flare__host_is_valid(ask->host, FLARE__PORT_MAY_BE))
        return FLARE_E_BAD_HOSTNAME;
    if (ask->content_length > INT64_MAX)
        return FLARE_E_RANGE;
    if (!is_list_of(ask->upgrade, is_protocol) ||
        !is_list_of(ask->trailer, is_trailer))
        return FLARE_E_BAD_HEADER;
    if (ask->trailer.len > 0 && ask->framing != FLARE__ASK_CHUNKED)
        return FLARE_E_BAD_HEADER;
    if (ask->has_expect && ask->framing == FLARE__ASK_NO_BODY)
        return FLARE_E_BAD_HEADER;
    return 0;
}

/* ---- writing ---- */

struct sink {
    char *p; /* NULL: only count */
    size_t len;
};

/* Every text is shorter than FLARE__ASK_BYTES_MAX, and so is the sum of what
 * has been written before one that makes it longer. */
static void put(struct sink *s, struct flare_str text)
{
    if (s->p != NULL && text.len > 0)
        memcpy(s->p + s->len, text.ptr, text.len);
    if (s->len <= FLARE__ASK_BYTES_MAX)
        s->len += text.len;
}

static void put_line(struct sink *s, struct flare_str name,
                     struct flare_str value)
{
    put(s, name);
    put(s, FLARE_STR(": "));
    put(s, value);
    put(s, FLARE_STR("\r\n"));
}

static void put_fields(struct sink *s, const struct flare__ask_field *fields,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_line(s, fields[i].name, fields[i].value);
}

static void put_length(struct sink *s, uint64_t length)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + length % 10);
    while ((length /= 10) > 0);
    put_line(s, FLARE_STR("Content-Length"),
             (struct flare_str){digits + at, sizeof(digits) - at});
}

static void put_connection(struct sink *s, const struct flare__ask *ask)
{
    const struct {
        bool is_wanted;
        struct flare_str option;
    } options[] = {
        {ask->is_last, FLARE_STR("close")},
        {ask->upgrade.len > 0, FLARE_STR("Upgrade")},
        {ask->has_te, FLARE_STR("TE")},
    };
    bool has_any = false;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (!options[i].is_wanted)
            continue;
        put(s, has_any ? FLARE_STR(", ") : FLARE_STR("Connection: "));
        put(s, options[i].option);
        has_any = true;
    }
    if (has_any)
        put(s, FLARE_STR("\r\n"));
    if (ask->upgrade.len > 0)
        put_line(s, FLARE_STR("Upgrade"), ask->upgrade);
    if (ask->has_te)
        put_line(s, FLARE_STR("TE"), FLARE_STR("trailers"));
}

/* RFC 9110 section 8.6: a method that means a body says if there is none. */
static bool method_means_body(const struct flare__ask *ask)
{
    return method_is(ask, "POST") || method_is(ask, "PUT") ||
           method_is(ask, "PATCH");
}

static void put_framing(struct sink *s, const struct flare__ask *ask)
{
    if (ask->framing == FLARE__ASK_CHUNKED)
        put_line(s, FLARE_STR("Transfer-Encoding"), FLARE_STR("chunked"));
    else if (ask->framing == FLARE__ASK_LENGTH)
        put_length(s, ask->content_length);
    else if (method_means_body(ask))
        put_length(s, 0);
    if (ask->trailer.len > 0)
        put_line(s, FLARE_STR("Trailer"), ask->trailer);
    if (ask->has_expect)
        put_line(s, FLARE_STR("Expect"), FLARE_STR("100-continue"));
}

static void put_head(struct sink *s, const struct flare__ask *ask)
{
    put(s, ask->method);
    put(s, FLARE_STR(" "));
    put(s, ask->target);
    put(s, FLARE_STR(" HTTP/1.1\r\n"));
    put_line(s, FLARE_STR("Host"), ask->host);
    put_connection(s, ask);
    put_framing(s, ask);
    put_fields(s, ask->fields, ask->field_count);
    put(s, FLARE_STR("\r\n"));
}

int flare__ask_check(const struct flare__ask *ask)
{
    struct sink s = {NULL, 0};
    int rc;

    if (ask->target.len > FLARE__ASK_BYTES_MAX ||
        ask->upgrade.len > FLARE__ASK_BYTES_MAX ||
        ask->trailer.len > FLARE__ASK_BYTES_MAX)
        return FLARE_E_HEAD_TOO_LARGE;
    rc = check_method(ask);
    if (rc == 0)
        rc = check_target(ask);
    if (rc == 0)
        rc = check_own(ask);
    if (rc == 0)
        rc = check_fields(ask->fields, ask->fields_checked, ask->field_count);
    if (rc < 0)
        return rc;
    put_head(&s, ask);
    return s.len <= FLARE__ASK_BYTES_MAX ? (int)s.len : FLARE_E_HEAD_TOO_LARGE;
}

void flare__ask_write(const struct flare__ask *ask, char *buf)
{
    struct sink s = {buf, 0};

    FLARE_DCHECK(flare__ask_check(ask) > 0);
    put_head(&s, ask);
}

/* ---- the end of a chunked body ---- */

static void put_end(struct sink *s, const struct flare__ask_field *trailers,
                    size_t count)
{
    put(s, FLARE_STR("0\r\n"));
    put_fields(s, trailers, count);
    put(s, FLARE_STR("\r\n"));
}

int flare__ask_end_check(const struct flare__ask_field *trailers, size_t count)
{
    struct sink s = {NULL, 0};
    int rc = check_fields(trailers, 0, count);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (!is_trailer(trailers[i].name))
            return FLARE_E_BAD_HEADER;
    put_end(&s, trailers, count);
    return s.len <= FLARE__ASK_BYTES_MAX ? (int)s.len : FLARE_E_HEAD_TOO_LARGE;
}

void flare__ask_end_write(const struct flare__ask_field *trailers, size_t count,
                          char *buf)
{
    struct sink s = {buf, 0};

    put_end(&s, trailers, count);
}
