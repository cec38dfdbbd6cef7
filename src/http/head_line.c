/* SPDX-License-Identifier: MIT */
/* Methods, versions and target forms, and which of them go together. */
#include "http/head_line.h"

#include "http/chars.h"
#include "http/host.h"

#include <string.h>

static const struct flare_str methods[FLARE_METHOD_COUNT] = {
    [FLARE_METHOD_GET] = {"GET", 3},
    [FLARE_METHOD_HEAD] = {"HEAD", 4},
    [FLARE_METHOD_POST] = {"POST", 4},
    [FLARE_METHOD_PUT] = {"PUT", 3},
    [FLARE_METHOD_PATCH] = {"PATCH", 5},
    [FLARE_METHOD_DELETE] = {"DELETE", 6},
    [FLARE_METHOD_OPTIONS] = {"OPTIONS", 7},
    [FLARE_METHOD_CONNECT] = {"CONNECT", 7},
    [FLARE_METHOD_TRACE] = {"TRACE", 5},
};

static uint8_t method_id(const char *p, size_t len)
{
    for (uint8_t id = 0; id < FLARE_METHOD_COUNT; id++)
        if (methods[id].len == len && memcmp(methods[id].ptr, p, len) == 0)
            return id;
    return FLARE_METHOD_COUNT;
}

int flare__line_method(struct flare__head *head, const char *p, const char *end)
{
    int len = 0;

    for (; p + len < end; len++) {
        if (!flare__char_is(p[len], FLARE__CHAR_TOKEN))
            break;
        if (len == FLARE__METHOD_BYTES_MAX)
            return FLARE_E_METHOD_UNKNOWN;
    }
    if (p + len == end)
        return 0;
    if (p[len] != ' ' || len == 0)
        return FLARE_E_BAD_REQUEST;
    head->method = (struct flare_str){p, (size_t)len};
    head->method_id = method_id(p, (size_t)len);
    return len;
}

int flare__line_version(struct flare__head *head, const char *p,
                        const char *end)
{
    static const char form[] = "HTTP/d.d\r\n"; /* d: a digit */
    const int len = sizeof(form) - 1;

    for (int i = 0; i < len; i++) {
        if (p + i == end)
            return 0;
        if (form[i] == 'd' ? !flare__char_is(p[i], FLARE__CHAR_DIGIT)
                           : p[i] != form[i])
            return FLARE_E_BAD_REQUEST;
    }
    if (p[5] != '1' || p[7] > '1')
        return FLARE_E_VERSION_UNKNOWN;
    head->minor = (uint8_t)(p[7] - '0');
    return len;
}

int flare__line_target_mark(const struct flare__head *head, const char *p,
                            const char *end)
{
    if (*p == '[' || *p == ']') /* where they stand is the form's to check */
        return head->target.ptr[0] != '/' ? 1 : FLARE_E_BAD_REQUEST;
    if (*p != '%')
        return FLARE_E_BAD_REQUEST;
    for (int i = 1; i < 3; i++) {
        if (p + i == end)
            return 0;
        if (!flare__char_is(p[i], FLARE__CHAR_HEX))
            return FLARE_E_BAD_REQUEST;
    }
    return 3;
}

/* The length of "http://" or "https://" in front; 0 without. */
static size_t scheme_len(struct flare_str target)
{
    static const struct flare_str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        struct flare_str front = {target.ptr, schemes[i].len};

        if (target.len >= front.len &&
            flare_str_equal_nocase(front, schemes[i]))
            return front.len;
    }
    return 0;
}

/* Path and query from `path` on; an empty path is "/". */
static int target_split(struct flare__head *head, const char *path)
{
    const char *end = head->target.ptr + head->target.len;
    const char *path_end = head->query.ptr ? head->query.ptr - 1 : end;

    head->path = (struct flare_str){path, (size_t)(path_end - path)};
    if (head->query.ptr)
        head->query.len = (size_t)(end - head->query.ptr);
    if (memchr(path, '[', (size_t)(end - path)) ||
        memchr(path, ']', (size_t)(end - path)))
        return FLARE_E_BAD_REQUEST;
    /* "//evil" reads as a network-path reference wherever it is echoed */
    if (head->path.len > 1 && path[1] == '/')
        return FLARE_E_BAD_REQUEST;
    if (head->path.len == 0)
        head->path = FLARE_STR("/");
    return 0;
}

static int target_absolute(struct flare__head *head, size_t scheme)
{
    const char *host = head->target.ptr + scheme;
    const char *end = head->target.ptr + head->target.len;
    const char *p = host;

    while (p < end && *p != '/' && *p != '?')
        p++;
    head->form = FLARE__TARGET_ABSOLUTE;
    head->host = (struct flare_str){host, (size_t)(p - host)};
    if (!flare__host_is_valid(head->host, FLARE__PORT_MAY_BE))
        return FLARE_E_BAD_REQUEST;
    return target_split(head, p);
}

/* The HTTP/2 preface: read on, to be refused for its version. */
static bool method_is_pri(const struct flare__head *head)
{
    return flare_str_equal(head->method, FLARE_STR("PRI"));
}

int flare__line_target_form(struct flare__head *head)
{
    struct flare_str target = head->target;
    size_t scheme;

    if (target.len == 0)
        return FLARE_E_BAD_REQUEST;
    if (head->method_id == FLARE_METHOD_CONNECT) {
        head->form = FLARE__TARGET_AUTHORITY;
        head->host = target;
        head->path = FLARE_STR("/");
        return flare__host_is_valid(target, FLARE__PORT_MUST_BE)
                   ? 0
                   : FLARE_E_BAD_REQUEST;
    }
    if (target.len == 1 && target.ptr[0] == '*') {
        head->form = FLARE__TARGET_ASTERISK;
        head->path = target;
        return head->method_id == FLARE_METHOD_OPTIONS || method_is_pri(head)
                   ? 0
                   : FLARE_E_BAD_REQUEST;
    }
    if (target.ptr[0] == '/')
        return target_split(head, target.ptr);
    scheme = scheme_len(target);
    return scheme > 0 ? target_absolute(head, scheme) : FLARE_E_BAD_REQUEST;
}
