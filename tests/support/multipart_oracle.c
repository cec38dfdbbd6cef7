/* SPDX-License-Identifier: MIT */
/* Looks for everything from the start again; nothing is shared with src/. */
#include "tests/support/multipart_oracle.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 8192, PARTS_MAX = 1000 };

void multipart_log_add(struct multipart_log *log, const char *bytes, size_t len)
{
    if (len > sizeof(log->text) - 1 - log->len)
        abort(); /* a test asks for more than it made room for */
    if (len > 0)
        memcpy(log->text + log->len, bytes, len);
    log->len += len;
    log->text[log->len] = '\0';
}

static void log_slice(struct multipart_log *log, struct flare_str slice)
{
    if (slice.ptr == NULL)
        multipart_log_add(log, "-", 1);
    else
        multipart_log_add(log, slice.ptr, slice.len);
}

void multipart_log_part(struct multipart_log *log,
                        const struct flare_part *part)
{
    multipart_log_add(log, "[", 1);
    log_slice(log, part->name);
    multipart_log_add(log, "|", 1);
    log_slice(log, part->filename);
    multipart_log_add(log, "|", 1);
    log_slice(log, part->type);
    multipart_log_add(log, "]", 1);
}

static bool starts(const char *at, const char *end, const char *what,
                   size_t len)
{
    return (size_t)(end - at) >= len && memcmp(at, what, len) == 0;
}

/* ---- a head ---- */

static bool oracle_is_token(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)p[i]) &&
            (p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", p[i]) == NULL))
            return false;
    return len > 0;
}

/* By the table of RFC 3629 section 4, one row at a time. */
static bool oracle_is_utf8(const char *text, size_t len)
{
    static const unsigned char table[][8] = {
        {0x00, 0x7F},
        {0xC2, 0xDF, 0x80, 0xBF},
        {0xE0, 0xE0, 0xA0, 0xBF, 0x80, 0xBF},
        {0xE1, 0xEC, 0x80, 0xBF, 0x80, 0xBF},
        {0xED, 0xED, 0x80, 0x9F, 0x80, 0xBF},
        {0xEE, 0xEF, 0x80, 0xBF, 0x80, 0xBF},
        {0xF0, 0xF0, 0x90, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
        {0xF1, 0xF3, 0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
        {0xF4, 0xF4, 0x80, 0x8F, 0x80, 0xBF, 0x80, 0xBF},
    };
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;

    while (i < len) {
        size_t taken = 0;

        for (size_t row = 0; row < 9 && taken == 0; row++) {
            size_t n = 0;

            while (n < 4 && (n == 0 || table[row][2 * n] != 0) && i + n < len &&
                   p[i + n] >= table[row][2 * n] &&
                   p[i + n] <= table[row][2 * n + 1])
                n++;
            if (n == 4 || (n > 0 && table[row][2 * n] == 0))
                taken = n;
        }
        if (taken == 0)
            return false;
        i += taken;
    }
    return true;
}

/* The value of one parameter at `p`, its text in `out`; NULL: it is none. */
static const char *oracle_value(const char *p, const char *end, char *out,
                                size_t *out_len)
{
    const char *start = p;

    *out_len = 0;
    if (p == end || *p != '"') {
        while (p < end && oracle_is_token(p, 1))
            out[(*out_len)++] = *p++;
        return p > start ? p : NULL;
    }
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            if (p + 1 == end)
                return NULL;
            if (p[1] != '"' && p[1] != '\\')
                out[(*out_len)++] = '\\';
            p++;
        }
        out[(*out_len)++] = *p;
    }
    return p < end ? p + 1 : NULL;
}

static const char *oracle_skip_white(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

struct oracle_head {
    struct flare_part part;
    char name[HEAD_MAX], filename[HEAD_MAX];
    unsigned dispositions, types, encodings;
};

/* Keeps a parameter that counts. */
static bool oracle_keep(struct flare_str *slot, char *kept, const char *text,
                        size_t len)
{
    if (slot->ptr != NULL || memchr(text, '\t', len) != NULL ||
        !oracle_is_utf8(text, len))
        return false;
    memcpy(kept, text, len);
    *slot = (struct flare_str){kept, len};
    return true;
}

static bool oracle_disposition(struct oracle_head *h, const char *p,
                               const char *end)
{
    static char text[HEAD_MAX];
    size_t len;

    if (end - p < 9 || strncasecmp(p, "form-data", 9) != 0)
        return false;
    p = oracle_skip_white(p + 9, end);
    while (p < end) {
        const char *name;
        size_t name_len;

        if (*p != ';')
            return false;
        p = oracle_skip_white(p + 1, end);
        if (p == end || *p == ';')
            continue;
        name = p;
        while (p < end && oracle_is_token(p, 1))
            p++;
        name_len = (size_t)(p - name);
        if (name_len == 0 || p == end || *p != '=')
            return false;
        p = oracle_value(p + 1, end, text, &len);
        if (p == NULL)
            return false;
        p = oracle_skip_white(p, end);
        if (name_len == 4 && strncasecmp(name, "name", 4) == 0 &&
            !oracle_keep(&h->part.name, h->name, text, len))
            return false;
        if (name_len == 8 && strncasecmp(name, "filename", 8) == 0 &&
            !oracle_keep(&h->part.filename, h->filename, text, len))
            return false;
    }
    return h->part.name.ptr != NULL;
}

static bool oracle_is(const char *p, const char *end, const char *word)
{
    return (size_t)(end - p) == strlen(word) &&
           strncasecmp(p, word, strlen(word)) == 0;
}

/* One line without its CRLF. */
static bool oracle_line(struct oracle_head *h, const char *p, const char *end)
{
    const char *colon = memchr(p, ':', (size_t)(end - p));
    const char *value;

    if (colon == NULL || !oracle_is_token(p, (size_t)(colon - p)))
        return false;
    for (const char *c = p; c < end; c++)
        if ((unsigned char)*c == 0x7F ||
            ((unsigned char)*c < 0x20 && *c != '\t'))
            return false;
    value = oracle_skip_white(colon + 1, end);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (oracle_is(p, colon, "content-disposition"))
        return h->dispositions++ == 0 && oracle_disposition(h, value, end);
    if (oracle_is(p, colon, "content-transfer-encoding"))
        return h->encodings++ == 0 && (oracle_is(value, end, "7bit") ||
                                       oracle_is(value, end, "8bit") ||
                                       oracle_is(value, end, "binary"));
    if (!oracle_is(p, colon, "content-type"))
        return true;
    h->part.type = (struct flare_str){value, (size_t)(end - value)};
    return h->types++ == 0 &&
           !(end - value >= 10 && strncasecmp(value, "multipart/", 10) == 0);
}

/* A head at `p`; what follows it, or NULL and the error in `*rc`. */
static const char *oracle_head(struct oracle_head *h, const char *p,
                               const char *end, int *rc)
{
    const char *start = p;
    const char *limit = end - p > HEAD_MAX ? p + HEAD_MAX : end;

    memset(h, 0, sizeof(*h));
    *rc = FLARE_E_BAD_INPUT;
    for (;;) {
        const char *line = p;

        while (p < limit && *p != '\n')
            p++;
        if (p == limit) {
            if (limit - start == HEAD_MAX)
                *rc = FLARE_E_BODY_TOO_LARGE;
            return NULL;
        }
        p++;
        if (p - line < 2 || p[-2] != '\r')
            return NULL;
        if (p - line == 2)
            return h->dispositions == 1 ? p : NULL;
        if (!oracle_line(h, line, p - 2))
            return NULL;
    }
}

/* ---- a body ---- */

/* Content that no boundary ends: what might be the start of one is not said. */
static void oracle_cut_off(struct multipart_log *log, const char *delim,
                           size_t delim_len, const char *p, const char *end)
{
    size_t left = (size_t)(end - p);
    size_t held = left < delim_len ? left : delim_len - 1;

    if (left < delim_len - 2 && memcmp(p, delim + 2, left) == 0)
        return;
    while (held > 0 && memcmp(end - held, delim, held) != 0)
        held--;
    multipart_log_add(log, p, left - held);
}

static int oracle_epilogue(struct multipart_log *log, const char *p,
                           const char *end)
{
    if (p != end && !(end - p == 2 && memcmp(p, "\r\n", 2) == 0))
        return FLARE_E_BAD_INPUT;
    multipart_log_add(log, ".", 1);
    return 0;
}

static int oracle_parts(struct multipart_log *log, const char *delim,
                        size_t delim_len, const char *p, const char *end)
{
    static struct oracle_head head;

    for (unsigned count = 0;; count++) {
        const char *next;
        int rc;

        /* p is behind a boundary */
        if (!starts(p, end, "\r\n", 2) && !starts(p, end, "--", 2))
            return FLARE_E_BAD_INPUT;
        if (count > 0)
            multipart_log_add(log, "/", 1);
        if (*p == '-')
            return oracle_epilogue(log, p + 2, end);
        if (count == PARTS_MAX)
            return FLARE_E_BODY_TOO_LARGE;
        p = oracle_head(&head, p + 2, end, &rc);
        if (p == NULL)
            return rc;
        multipart_log_part(log, &head.part);
        if (starts(p, end, delim + 2, delim_len - 2))
            return FLARE_E_BAD_INPUT;
        next = p;
        while (next < end && !starts(next, end, delim, delim_len))
            next++;
        if (next == end) {
            oracle_cut_off(log, delim, delim_len, p, end);
            return FLARE_E_BAD_INPUT;
        }
        multipart_log_add(log, p, (size_t)(next - p));
        p = next + delim_len;
    }
}

void multipart_oracle(struct multipart_log *log, struct flare_str boundary,
                      const char *body, size_t len)
{
    char delim[80] = "\r\n--";
    size_t delim_len = 4 + boundary.len;
    const char *end = body + len;

    memcpy(delim + 4, boundary.ptr, boundary.len);
    log->len = 0;
    log->text[0] = '\0';
    log->rc = FLARE_E_BAD_INPUT;
    if (starts(body, end, "\r\n", 2))
        body += 2;
    if (starts(body, end, delim + 2, delim_len - 2))
        log->rc =
            oracle_parts(log, delim, delim_len, body + delim_len - 2, end);
}
