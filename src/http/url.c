/* SPDX-License-Identifier: MIT */
/*
 * The reader of URLs: one pass over the grammar of RFC 3986 appendix A, on its
 * strict side (flare/url.h), and what can be said of the parts that it finds.
 *
 * The classes of bytes are those of the request parser, so that what is taken
 * here is what a strict server takes.  Errors never show the text: it may have
 * a password in it.
 */
#include "http/url.h"

#include "base/log.h"
#include "http/chars.h"
#include "http/url_text.h"
#include "net/addr.h"

#include <string.h>

/* A text on its way; `p` is the byte that is looked at. */
struct reader {
    const char *start;
    const char *p;
    const char *end;
    const char *why; /* what is wrong at p; NULL: the byte itself */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct flare_str part_of(const char *start, const char *end)
{
    return (struct flare_str){start, (size_t)(end - start)};
}

/* Sets `why` at `p`; false, so that a failing step ends in it. */
static bool reader_fail(struct reader *r, const char *p, const char *why)
{
    r->p = p;
    r->why = why;
    return false;
}

/* Moves over whole escapes and bytes of the classes or of `more`. */
static void reader_skip(struct reader *r, const char *end, unsigned classes,
                        const char *more)
{
    for (; r->p < end; r->p++) {
        if (flare__char_is(*r->p, classes))
            continue;
        if (*r->p == '%' && end - r->p >= 3 &&
            flare__char_is(r->p[1], FLARE__CHAR_HEX) &&
            flare__char_is(r->p[2], FLARE__CHAR_HEX)) {
            r->p += 2;
            continue;
        }
        if (*r->p == '\0' || strchr(more, *r->p) == NULL)
            break;
    }
}

/* "scheme:" in front; nothing moves if there is none. */
static void scheme_read(struct reader *r, struct flare_url *url)
{
    const char *p = r->p;

    if (p == r->end || !is_letter(*p))
        return;
    while (p < r->end &&
           (is_letter(*p) || flare__char_is(*p, FLARE__CHAR_DIGIT) ||
            *p == '+' || *p == '-' || *p == '.'))
        p++;
    if (p == r->end || *p != ':')
        return;
    url->scheme = part_of(r->p, p);
    r->p = p + 1;
}

/* ":port" at the end of an authority, or ":" alone. */
static bool port_read(struct reader *r, struct flare_url *url, const char *end)
{
    const char *digits = r->p + 1;
    uint32_t port = 0;

    for (r->p = digits; r->p < end; r->p++) {
        if (!flare__char_is(*r->p, FLARE__CHAR_DIGIT))
            return false;
        if (r->p - digits < 5)
            port = port * 10 + (uint32_t)(*r->p - '0');
    }
    if (digits < end && (end - digits > 5 || port == 0 || port > UINT16_MAX))
        return reader_fail(r, digits, "no port from 1 to 65535");
    url->port = (uint16_t)port;
    return true;
}

/* "[address]" or a name; ends at ':' or the end of the authority. */
static bool host_read(struct reader *r, struct flare_url *url, const char *end)
{
    const char *start = r->p;

    if (start < end && *start == '[') {
        const char *close = memchr(start, ']', (size_t)(end - start));

        if (close != NULL)
            url->host = part_of(start + 1, close);
        if (!flare__ip_read_v6(&url->ip, url->host))
            return reader_fail(r, start, "no IPv6 address in brackets");
        url->has_brackets = true;
        r->p = close + 1;
    } else {
        reader_skip(r, end, FLARE__CHAR_NAME, "");
        url->host = part_of(start, r->p);
        if (!flare__ip_read_v4(&url->ip, url->host))
            url->ip = (struct flare_ip){.family = FLARE_IP_NONE};
    }
    return r->p == end || *r->p == ':';
}

/* What stands between "//" and the path. */
static bool authority_read(struct reader *r, struct flare_url *url)
{
    const char *end = r->p + 2;
    const char *at;

    r->p = end;
    while (end < r->end && *end != '/' && *end != '?' && *end != '#')
        end++;
    url->has_authority = true;
    at = memchr(r->p, '@', (size_t)(end - r->p));
    if (at != NULL) {
        url->has_userinfo = true;
        url->userinfo = part_of(r->p, at);
        reader_skip(r, at, FLARE__CHAR_NAME, ",:");
        if (r->p < at)
            return false;
        r->p = at + 1;
    }
    if (!host_read(r, url, end))
        return false;
    if (url->host.len == 0 && (url->has_userinfo || r->p < end))
        return reader_fail(r, r->p, "no host");
    return r->p == end || port_read(r, url, end);
}

/* A ':' in the first segment would make another reader see a scheme. */
static bool path_is_plain(struct reader *r, const struct flare_url *url)
{
    for (size_t i = 0; i < url->path.len && url->path.ptr[i] != '/'; i++) {
        if (url->path.ptr[i] == ':')
            return reader_fail(r, url->path.ptr + i,
                               "':' behind what is no scheme");
    }
    return true;
}

static bool url_read(struct reader *r, struct flare_url *url)
{
    const char *start;

    scheme_read(r, url);
    if (r->end - r->p >= 2 && r->p[0] == '/' && r->p[1] == '/' &&
        !authority_read(r, url))
        return false;
    start = r->p;
    reader_skip(r, r->end, FLARE__CHAR_TARGET, "");
    url->path = part_of(start, r->p);
    if (url->scheme.len == 0 && !url->has_authority && !path_is_plain(r, url))
        return false;
    if (r->p < r->end && *r->p == '?') {
        start = ++r->p;
        reader_skip(r, r->end, FLARE__CHAR_TARGET, "?");
        url->has_query = true;
        url->query = part_of(start, r->p);
    }
    if (r->p < r->end && *r->p == '#') {
        start = ++r->p;
        reader_skip(r, r->end, FLARE__CHAR_TARGET, "?");
        url->has_fragment = true;
        url->fragment = part_of(start, r->p);
    }
    return r->p == r->end;
}

/* What the byte at `p` is, where one of the grammar was wanted. */
static const char *byte_name(const char *p, char shown[4])
{
    unsigned char c = (unsigned char)*p;

    if (c < 0x20 || c == 0x7f)
        return "a control byte";
    if (c >= 0x80)
        return "not ASCII; it is to be percent-encoded";
    if (c == ' ')
        return "a space; it is to be percent-encoded";
    if (c == '%')
        return "'%' without two hexadecimal digits";
    shown[0] = shown[2] = '\'';
    shown[1] = (char)c;
    shown[3] = '\0';
    return shown;
}

int flare_url_parse(struct flare_url *url, struct flare_str text,
                    struct flare_error *err)
{
    struct flare_url read = {.port = 0};
    struct reader r = {.start = text.len > 0 ? text.ptr : ""};
    char shown[4];

    r.p = r.start;
    r.end = r.start + text.len;
    if (text.len > FLARE_URL_MAX)
        return flare__error(err, FLARE_E_BAD_URL,
                            "URL of %zu bytes: at most %d are taken", text.len,
                            (int)FLARE_URL_MAX);
    if (!url_read(&r, &read)) {
        const char *why = r.why != NULL ? r.why : byte_name(r.p, shown);

        return flare__error(err, FLARE_E_BAD_URL, "URL: byte %zu is %s%s",
                            (size_t)(r.p - r.start) + 1, why,
                            why == shown ? ", which has no place here" : "");
    }
    *url = read;
    return 0;
}

enum flare__scheme flare__url_scheme(const struct flare_url *url)
{
    static const struct {
        struct flare_str name;
        enum flare__scheme scheme;
    } known[] = {
        {{"http", 4}, FLARE__SCHEME_HTTP},
        {{"https", 5}, FLARE__SCHEME_HTTPS},
        {{"ws", 2}, FLARE__SCHEME_WS},
        {{"wss", 3}, FLARE__SCHEME_WSS},
    };

    if (url->scheme.len == 0)
        return FLARE__SCHEME_NONE;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (flare_str_equal_nocase(url->scheme, known[i].name))
            return known[i].scheme;
    }
    return FLARE__SCHEME_OTHER;
}

bool flare__scheme_is_secure(enum flare__scheme scheme)
{
    return scheme == FLARE__SCHEME_HTTPS || scheme == FLARE__SCHEME_WSS;
}

uint16_t flare__scheme_port(enum flare__scheme scheme)
{
    if (scheme <= FLARE__SCHEME_OTHER)
        return 0;
    return flare__scheme_is_secure(scheme) ? 443 : 80;
}

uint16_t flare_url_port(const struct flare_url *url)
{
    return url->port != 0 ? url->port
                          : flare__scheme_port(flare__url_scheme(url));
}

static bool host_equal(const struct flare_url *a, const struct flare_url *b)
{
    if (a->has_brackets != b->has_brackets)
        return false;
    return a->has_brackets ? flare_ip_equal(&a->ip, &b->ip)
                           : flare__url_text_equal(a->host, b->host);
}

bool flare_url_same_origin(const struct flare_url *a, const struct flare_url *b)
{
    uint16_t port = flare_url_port(a);

    return a->host.len > 0 && b->host.len > 0 && a->scheme.len > 0 &&
           flare_str_equal_nocase(a->scheme, b->scheme) && port != 0 &&
           port == flare_url_port(b) && host_equal(a, b);
}
