/* SPDX-License-Identifier: MIT */
/*
 * Reading skips what is no cookie, writing refuses it: what comes may be
 * somebody else's fault, what goes out is the caller's.
 */
#include "http/cookie.h"

#include "http/chars.h"
#include "http/date.h"
#include "http/list.h"
#include "http/number.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

/* cookie-octet of RFC 6265 section 4.1.1. */
static bool is_octet(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte > 0x20 && byte < 0x7F && byte != '"' && byte != ',' &&
           byte != ';' && byte != '\\';
}

static bool is_token(struct flare_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!flare__char_is(text.ptr[i], FLARE__CHAR_TOKEN))
            return false;
    return text.len > 0;
}

bool flare__cookie_is_value(struct flare_str value)
{
    if (value.len >= 2 && value.ptr[0] == '"' &&
        value.ptr[value.len - 1] == '"')
        value = (struct flare_str){value.ptr + 1, value.len - 2};
    for (size_t i = 0; i < value.len; i++)
        if (!is_octet(value.ptr[i]))
            return false;
    return true;
}

/* ---- reading ---- */

/* Takes the next pair that is one from `*text`; false: none is left. */
static bool cookie_next(struct flare_str *text, struct flare__pair *pair)
{
    while (text->len > 0) {
        const char *end = memchr(text->ptr, ';', text->len);
        size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
        size_t taken = end != NULL ? len + 1 : len;
        struct flare_str raw = flare__trim((struct flare_str){text->ptr, len});
        const char *equals = raw.len > 0 ? memchr(raw.ptr, '=', raw.len) : NULL;

        *text = (struct flare_str){text->ptr + taken, text->len - taken};
        if (equals == NULL)
            continue;
        pair->name = (struct flare_str){raw.ptr, (size_t)(equals - raw.ptr)};
        pair->value =
            (struct flare_str){equals + 1, raw.len - pair->name.len - 1};
        if (is_token(pair->name) && flare__cookie_is_value(pair->value))
            return true;
    }
    return false;
}

void flare__cookies_parse(struct flare__params *p, struct flare__arena *arena,
                          struct flare_str value)
{
    struct flare__pair pair;
    char *copy;

    copy = flare__arena_copy(arena, value);
    if (p->list == NULL)
        p->list =
            flare__arena_alloc(arena, FLARE__COOKIES_MAX * sizeof(*p->list),
                               alignof(struct flare__pair));
    p->rc = copy == NULL || p->list == NULL ? -ENOMEM : 0;
    value.ptr = copy;
    while (p->rc == 0 && cookie_next(&value, &pair)) {
        if (p->count == FLARE__COOKIES_MAX)
            p->rc = FLARE_E_HEAD_TOO_LARGE;
        else
            p->list[p->count++] = pair;
    }
    if (p->rc < 0)
        p->count = 0;
}

/* ---- writing ---- */

struct text {
    char *bytes;
    size_t len;
    bool is_full;
};

static void put(struct text *t, struct flare_str piece)
{
    if (piece.len > FLARE__COOKIE_BYTES_MAX - t->len) {
        t->is_full = true;
        return;
    }
    if (piece.len > 0)
        memcpy(t->bytes + t->len, piece.ptr, piece.len);
    t->len += piece.len;
}

static void put_number(struct text *t, int64_t number)
{
    char digits[20];
    char *d = digits + sizeof(digits);

    for (; number > 0 || d == digits + sizeof(digits); number /= 10)
        *--d = (char)('0' + number % 10);
    put(t, (struct flare_str){d, (size_t)(digits + sizeof(digits) - d)});
}

static void put_date(struct text *t, int64_t unix_seconds)
{
    char date[FLARE__DATE_LEN];

    flare__date_write(date, unix_seconds);
    put(t, FLARE_STR("; Expires="));
    put(t, (struct flare_str){date, sizeof(date)});
}

static bool is_path(struct flare_str path)
{
    if (path.len == 0 || path.len > FLARE__COOKIE_ATTRIBUTE_MAX ||
        path.ptr[0] != '/' || path.ptr[path.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];

        if (c < 0x20 || c > 0x7E || c == ';')
            return false;
    }
    return true;
}

/*
 * Labels of letters, digits and inner hyphens (RFC 1034 section 3.5, RFC 1123
 * section 2.1), at least two; the last not of digits only, which is an address.
 */
static bool is_domain(struct flare_str domain)
{
    size_t label = 0; /* bytes of the present one */
    unsigned labels = 1;
    bool is_number = true;

    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (c == '.') {
            if (label == 0 || domain.ptr[i - 1] == '-')
                return false;
            labels++;
            label = 0;
            is_number = true;
            continue;
        }
        if (!is_digit && !is_letter && (c != '-' || label == 0))
            return false;
        is_number = is_number && is_digit;
        if (++label > 63)
            return false;
    }
    return labels >= 2 && label > 0 && !is_number && domain.len <= 253 &&
           domain.ptr[domain.len - 1] != '-';
}

static bool has_prefix(struct flare_str name, struct flare_str prefix)
{
    if (name.len < prefix.len)
        return false;
    name.len = prefix.len;
    return flare_str_equal_nocase(name, prefix);
}

bool flare__cookie_is_promise_kept(struct flare_str name, bool is_secure,
                                   bool is_of_host, bool is_http_only)
{
    static const struct {
        struct flare_str prefix;
        bool needs_host;
        bool needs_http_only;
    } promises[] = {
        /* 6265bis section 4.1.3, and the two that browsers have added since */
        {{"__Secure-", 9}, false, false},
        {{"__Host-", 7}, true, false},
        {{"__Http-", 7}, false, true},
        {{"__Host-Http-", 12}, true, true},
    };

    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        if (!has_prefix(name, promises[i].prefix))
            continue;
        if (!is_secure || (promises[i].needs_host && !is_of_host) ||
            (promises[i].needs_http_only && !is_http_only))
            return false;
    }
    return true;
}

static bool is_cookie(const struct flare_cookie *c)
{
    bool needs_secure =
        c->same_site == FLARE_SAME_SITE_NONE || c->is_partitioned;
    bool is_of_host = c->domain == NULL &&
                      flare_str_equal(flare_str(c->path), FLARE_STR("/"));

    return is_token(flare_str(c->name)) && flare__cookie_is_value(c->value) &&
           (c->path == NULL || is_path(flare_str(c->path))) &&
           (c->domain == NULL || is_domain(flare_str(c->domain))) &&
           (unsigned)c->same_site <= FLARE_SAME_SITE_NONE &&
           (c->is_secure || !needs_secure) &&
           flare__cookie_is_promise_kept(flare_str(c->name), c->is_secure,
                                         is_of_host, c->is_http_only);
}

static void put_lifetime(struct text *t, const struct flare_cookie *c)
{
    if (c->max_age_s < 0) {
        put(t, FLARE_STR("; Max-Age=0"));
        put_date(t, 0); /* for who does not know Max-Age */
        return;
    }
    if (c->expires_s != 0)
        put_date(t, c->expires_s);
    if (c->max_age_s > 0) {
        put(t, FLARE_STR("; Max-Age="));
        put_number(t, c->max_age_s);
    }
}

static void put_flags(struct text *t, const struct flare_cookie *c)
{
    static const struct flare_str same_sites[] = {
        [FLARE_SAME_SITE_LAX] = {"; SameSite=Lax", 14},
        [FLARE_SAME_SITE_STRICT] = {"; SameSite=Strict", 17},
        [FLARE_SAME_SITE_NONE] = {"; SameSite=None", 15},
    };

    if (c->is_secure)
        put(t, FLARE_STR("; Secure"));
    if (c->is_http_only)
        put(t, FLARE_STR("; HttpOnly"));
    put(t, same_sites[c->same_site]);
    if (c->is_partitioned)
        put(t, FLARE_STR("; Partitioned"));
}

int flare__cookie_write(char out[FLARE__COOKIE_BYTES_MAX],
                        const struct flare_cookie *cookie)
{
    struct text t = {.bytes = out};

    if (!is_cookie(cookie))
        return FLARE_E_BAD_HEADER;
    put(&t, flare_str(cookie->name));
    put(&t, FLARE_STR("="));
    put(&t, cookie->value);
    if (cookie->path != NULL) {
        put(&t, FLARE_STR("; Path="));
        put(&t, flare_str(cookie->path));
    }
    if (cookie->domain != NULL) {
        put(&t, FLARE_STR("; Domain="));
        put(&t, flare_str(cookie->domain));
    }
    put_lifetime(&t, cookie);
    put_flags(&t, cookie);
    return t.is_full ? FLARE_E_BAD_HEADER : (int)t.len;
}
