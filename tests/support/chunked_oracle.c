/* SPDX-License-Identifier: MIT */
/* A step returns 1 when it is done, 0 when bytes run out, or the error. */
#include "tests/support/chunked_oracle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGIT "0123456789"
#define HEXDIG DIGIT "abcdefABCDEF"
#define TCHAR                                                                  \
    "!#$%&'*+-.^_`|~" DIGIT "abcdefghijklmnopqrstuvwxyz"                       \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { DONE = 1 };

struct reader {
    struct chunked_oracle *o;
    const struct flare__chunked_limits *limits;
    const char *bytes;
    size_t len;
    size_t at;
    uint32_t line;     /* bytes of extension or trailer in this line ... */
    uint32_t overhead; /* ... and in all */
};

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_text(char c) /* VCHAR, obs-text, SP, HTAB */
{
    unsigned char byte = (unsigned char)c;

    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static int take(struct reader *r, char *c)
{
    if (r->at == r->len)
        return 0;
    *c = r->bytes[r->at++];
    return DONE;
}

static int take_exactly(struct reader *r, char expected)
{
    char c;

    if (!take(r, &c))
        return 0;
    return c == expected ? DONE : FLARE_E_BAD_CHUNK;
}

static int count(struct reader *r, int error)
{
    r->line++;
    r->overhead++;
    return r->line > r->limits->line_max ||
                   r->overhead > r->limits->overhead_max
               ? error
               : DONE;
}

/* quoted-string behind its first DQUOTE, and the byte behind it in `c` */
static int quoted_string(struct reader *r, char *c)
{
    bool escaped = false;

    for (;;) {
        if (!take(r, c))
            return 0;
        if (*c == '\r' || count(r, FLARE_E_BAD_CHUNK) < 0 || !is_text(*c))
            return FLARE_E_BAD_CHUNK;
        if (!escaped && *c == '"')
            return take(r, c);
        escaped = !escaped && *c == '\\';
    }
}

/* token that begins with `c`; the byte behind it is left there */
static int token(struct reader *r, char *c)
{
    if (!is_in(*c, TCHAR))
        return FLARE_E_BAD_CHUNK;
    while (is_in(*c, TCHAR)) {
        if (count(r, FLARE_E_BAD_CHUNK) < 0)
            return FLARE_E_BAD_CHUNK;
        if (!take(r, c))
            return 0;
    }
    return DONE;
}

/* One chunk-ext behind its ';'; the byte behind it in `c`. */
static int extension(struct reader *r, char *c)
{
    int rc;

    if (count(r, FLARE_E_BAD_CHUNK) < 0)
        return FLARE_E_BAD_CHUNK;
    if (!take(r, c))
        return 0;
    rc = token(r, c);
    if (rc != DONE || *c != '=')
        return rc;
    if (count(r, FLARE_E_BAD_CHUNK) < 0)
        return FLARE_E_BAD_CHUNK;
    if (!take(r, c))
        return 0;
    if (*c != '"')
        return token(r, c);
    if (count(r, FLARE_E_BAD_CHUNK) < 0)
        return FLARE_E_BAD_CHUNK;
    return quoted_string(r, c);
}

/* chunk-size [ chunk-ext ] CRLF */
static int size_line(struct reader *r, uint64_t *size)
{
    char text[18] = "";
    size_t n = 0;
    char c;
    int rc;

    r->line = 0;
    for (;;) {
        if (!take(r, &c))
            return 0;
        if (!is_in(c, HEXDIG))
            break;
        text[n++] = c;
        text[n] = '\0';
        *size = strtoull(text, NULL, 16);
        if (n > 16 || *size > INT64_MAX)
            return FLARE_E_BAD_CHUNK;
    }
    if (n == 0)
        return FLARE_E_BAD_CHUNK;
    while (c == ';') {
        rc = extension(r, &c);
        if (rc != DONE)
            return rc;
    }
    return c == '\r' ? take_exactly(r, '\n') : FLARE_E_BAD_CHUNK;
}

static int chunk_data(struct reader *r, uint64_t size)
{
    char c;
    int rc;

    for (; size > 0; size--) {
        if (!take(r, &c))
            return 0;
        r->o->body[r->o->body_len++] = c;
    }
    rc = take_exactly(r, '\r');
    return rc == DONE ? take_exactly(r, '\n') : rc;
}

static bool is_refused(const char *name)
{
    static const char *const refused[] = {/* framing */ "Content-Length",
                                          "Transfer-Encoding",
                                          "Trailer",
                                          "TE",
                                          "Connection",
                                          "Upgrade",
                                          /* routing */ "Host",
                                          "Max-Forwards",
                                          /* request modifiers */ "Expect",
                                          "Range",
                                          "If-Match",
                                          "If-None-Match",
                                          "If-Modified-Since",
                                          "If-Unmodified-Since",
                                          "If-Range",
                                          "Cache-Control",
                                          /* authentication */ "Authorization",
                                          "Proxy-Authorization",
                                          "Cookie",
                                          /* content */ "Content-Encoding",
                                          "Content-Type",
                                          "Content-Range"};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (strcasecmp(name, refused[i]) == 0)
            return true;
    return false;
}

/* One trailer whose first byte is `c`, with its CRLF. */
static int trailer(struct reader *r, char c)
{
    char name[CHUNKED_ORACLE_BYTES_MAX + 1];
    size_t n = 0;

    r->line = 0;
    for (;; n++) {
        if (count(r, FLARE_E_HEAD_TOO_LARGE) < 0)
            return FLARE_E_HEAD_TOO_LARGE;
        if (!is_in(c, TCHAR))
            break;
        name[n] = c;
        if (!take(r, &c))
            return 0;
    }
    name[n] = '\0';
    if (n == 0 || c != ':')
        return FLARE_E_BAD_CHUNK;
    if (is_refused(name))
        return FLARE_E_BAD_FRAMING;
    do {
        if (!take(r, &c))
            return 0;
        if (count(r, FLARE_E_HEAD_TOO_LARGE) < 0)
            return FLARE_E_HEAD_TOO_LARGE;
    } while (is_text(c));
    if (c != '\r')
        return FLARE_E_BAD_CHUNK;
    if (r->at < r->len && count(r, FLARE_E_HEAD_TOO_LARGE) < 0) {
        r->at++;
        return FLARE_E_HEAD_TOO_LARGE;
    }
    return take_exactly(r, '\n');
}

/* *chunk last-chunk trailer-section CRLF */
static int chunked_body(struct reader *r)
{
    uint64_t size = 0;
    char c;
    int rc;

    for (;;) {
        rc = size_line(r, &size);
        if (rc != DONE)
            return rc;
        if (size == 0)
            break;
        rc = chunk_data(r, size);
        if (rc != DONE)
            return rc;
    }
    for (;;) {
        if (!take(r, &c))
            return 0;
        if (c == '\r')
            return take_exactly(r, '\n');
        rc = trailer(r, c);
        if (rc != DONE)
            return rc;
    }
}

void chunked_oracle(struct chunked_oracle *o,
                    const struct flare__chunked_limits *limits,
                    const char *bytes, size_t len)
{
    struct reader r = {o, limits, bytes, len, 0, 0, 0};
    int rc;

    o->body_len = 0;
    rc = chunked_body(&r);
    o->rc = rc == DONE ? FLARE__CHUNKED_END
            : rc == 0  ? FLARE__CHUNKED_MORE
                       : rc;
    o->at = r.at;
}
