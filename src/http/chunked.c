/* SPDX-License-Identifier: MIT */
/*
 *   SIZE -> [EXT ...] -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *   the last, of size 0:  SIZE_LF -> LINE -> [TRAILER ...] -> LINE ...
 *                                    LINE -> END_LF -> DONE
 *
 * White space is allowed nowhere in an extension but in quotes: RFC 9112
 * section 7.1.1 has it for old senders only, and every reader of that white
 * space reads it a little differently.
 */
#include "http/chunked.h"

#include "base/assert.h"
#include "http/chars.h"

#include <string.h>

enum state {
    SIZE,          /* hex digits */
    SIZE_LF,       /* after the CR of the size line */
    EXT_NAME,      /* first byte of an extension's name */
    EXT_NAME_MORE, /* behind it */
    EXT_VALUE,     /* first byte of its value */
    EXT_TOKEN,     /* behind it */
    EXT_QUOTED,    /* in a quoted-string */
    EXT_ESCAPED,   /* behind its backslash */
    EXT_END,       /* behind its closing quote */
    DATA,
    DATA_CR, /* the CRLF behind the data */
    DATA_LF,
    LINE, /* first byte of a trailer, or the CR of the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF, /* after the CR of the empty line */
    DONE,
    /* what a step returns beside a state */
    BAD = -1
};

enum { SIZE_DIGITS_MAX = 16 };

/*
 * Fields whose place is the head, because they were needed before the body:
 * framing, routing, authentication, request modifiers, content format (RFC
 * 9110 section 6.5.1).  Sorted, so that names with a common front are
 * neighbours.
 */
static const char *const refused[] = {
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "proxy-authorization",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

enum { REFUSED_COUNT = sizeof(refused) / sizeof(refused[0]) };

void flare__chunked_init(struct flare__chunked *c)
{
    *c = (struct flare__chunked){.state = SIZE};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Takes one byte of a trailer's name into the search among the refused. */
static void name_step(struct flare__chunked *c, char byte)
{
    uint8_t row = c->name_row;
    uint8_t n = c->name_bytes;

    while (row < REFUSED_COUNT && refused[row][n] != lower(byte)) {
        row++;
        if (row < REFUSED_COUNT &&
            strncmp(refused[row], refused[c->name_row], n) != 0)
            row = REFUSED_COUNT;
    }
    c->name_row = row;
    c->name_bytes++; /* counts only while a row matches, so stays small */
    if (row == REFUSED_COUNT)
        c->name_bytes = 0;
}

static bool name_is_refused(const struct flare__chunked *c)
{
    return c->name_row < REFUSED_COUNT &&
           refused[c->name_row][c->name_bytes] == '\0';
}

static uint64_t hex_value(char c)
{
    return (uint64_t)(c <= '9' ? c - '0' : lower(c) - 'a' + 10);
}

static int size_step(struct flare__chunked *c, char byte)
{
    if (flare__char_is(byte, FLARE__CHAR_HEX)) {
        if (c->digits == SIZE_DIGITS_MAX || c->left > INT64_MAX >> 4)
            return BAD;
        c->left = c->left << 4 | hex_value(byte);
        c->digits++;
        return SIZE;
    }
    if (c->digits == 0)
        return BAD;
    if (byte == '\r')
        return SIZE_LF;
    return byte == ';' ? EXT_NAME : BAD;
}

/* Behind an extension that could end here. */
static int ext_end(char byte)
{
    if (byte == '\r')
        return SIZE_LF;
    return byte == ';' ? EXT_NAME : BAD;
}

static int ext_step(int state, char byte)
{
    bool is_token = flare__char_is(byte, FLARE__CHAR_TOKEN);

    switch (state) {
    case EXT_NAME:
        return is_token ? EXT_NAME_MORE : BAD;
    case EXT_NAME_MORE:
        if (is_token)
            return EXT_NAME_MORE;
        return byte == '=' ? EXT_VALUE : ext_end(byte);
    case EXT_VALUE:
        if (byte == '"')
            return EXT_QUOTED;
        return is_token ? EXT_TOKEN : BAD;
    case EXT_TOKEN:
        return is_token ? EXT_TOKEN : ext_end(byte);
    case EXT_QUOTED:
        if (byte == '"')
            return EXT_END;
        if (byte == '\\')
            return EXT_ESCAPED;
        return flare__char_is(byte, FLARE__CHAR_QUOTED) ? EXT_QUOTED : BAD;
    case EXT_ESCAPED:
        return flare__char_is(byte, FLARE__CHAR_VALUE) ? EXT_QUOTED : BAD;
    default:
        return ext_end(byte);
    }
}

/* The LF of a size line; the chunk of size 0 is the last. */
static int size_end(struct flare__chunked *c, char byte)
{
    if (byte != '\n')
        return BAD;
    c->digits = 0;
    c->line = 0;
    return c->left > 0 ? DATA : LINE;
}

static int trailer_step(struct flare__chunked *c, char byte)
{
    switch (c->state) {
    case LINE:
        c->name_row = 0;
        c->name_bytes = 0;
        /* fall through */
    case TRAILER_NAME:
        if (flare__char_is(byte, FLARE__CHAR_TOKEN)) {
            name_step(c, byte);
            return TRAILER_NAME;
        }
        if (byte != ':' || c->state == LINE)
            return BAD;
        return name_is_refused(c) ? FLARE_E_BAD_FRAMING : TRAILER_VALUE;
    case TRAILER_VALUE:
        if (byte == '\r')
            return TRAILER_LF;
        return flare__char_is(byte, FLARE__CHAR_VALUE) ? TRAILER_VALUE : BAD;
    default:
        return byte == '\n' ? LINE : BAD;
    }
}

/* Whether one more byte of extension or trailer is within the limits. */
static bool overhead_fits(struct flare__chunked *c,
                          const struct flare__chunked_limits *limits)
{
    if (c->line >= limits->line_max || c->overhead >= limits->overhead_max)
        return false;
    c->line++;
    c->overhead++;
    return true;
}

/* The state after `byte`, BAD, or an error. */
static int step(struct flare__chunked *c,
                const struct flare__chunked_limits *limits, char byte)
{
    switch (c->state) {
    case SIZE:
        if (byte == ';' && !overhead_fits(c, limits))
            return BAD;
        return size_step(c, byte);
    case SIZE_LF:
        return size_end(c, byte);
    case DATA_CR:
        return byte == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return byte == '\n' ? SIZE : BAD;
    case LINE:
        if (byte == '\r')
            return END_LF;
        c->line = 0;
        c->trailers++;
        if (c->trailers_max != 0 && c->trailers > c->trailers_max)
            return FLARE_E_HEAD_TOO_LARGE;
        /* fall through */
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        if (!overhead_fits(c, limits))
            return FLARE_E_HEAD_TOO_LARGE;
        return trailer_step(c, byte);
    case END_LF:
        return byte == '\n' ? DONE : BAD;
    default:
        if (byte != '\r' && !overhead_fits(c, limits))
            return BAD;
        return ext_step(c->state, byte);
    }
}

static int take_data(struct flare__chunked *c, struct flare_str *in,
                     struct flare_str *data)
{
    size_t n = in->len < c->left ? in->len : (size_t)c->left;

    *data = (struct flare_str){in->ptr, n};
    *in = (struct flare_str){in->ptr + n, in->len - n};
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
    return FLARE__CHUNKED_DATA;
}

static bool is_in_trailers(const struct flare__chunked *c, char byte)
{
    return (c->state > LINE && c->state < END_LF) ||
           (c->state == LINE && byte != '\r');
}

/* As far as they go in the input. */
static int take_trailers(struct flare__chunked *c,
                         const struct flare__chunked_limits *limits,
                         struct flare_str *in, struct flare_str *data)
{
    const char *start = in->ptr;

    while (in->len > 0 && is_in_trailers(c, *in->ptr)) {
        int next = step(c, limits, *in->ptr);

        if (next < 0)
            return next == BAD ? FLARE_E_BAD_CHUNK : next;
        c->state = (uint8_t)next;
        in->ptr++;
        in->len--;
    }
    *data = (struct flare_str){start, (size_t)(in->ptr - start)};
    return FLARE__CHUNKED_TRAILER;
}

int flare__chunked_decode(struct flare__chunked *c,
                          const struct flare__chunked_limits *limits,
                          struct flare_str *in, struct flare_str *data)
{
    FLARE_ASSERT(c->state < DONE);
    while (in->len > 0) {
        int next;

        if (c->state == DATA)
            return take_data(c, in, data);
        if (c->trailers_max != 0 && is_in_trailers(c, *in->ptr))
            return take_trailers(c, limits, in, data);
        next = step(c, limits, *in->ptr);
        if (next < 0)
            return next == BAD ? FLARE_E_BAD_CHUNK : next;
        c->state = (uint8_t)next;
        in->ptr++;
        in->len--;
        if (next == DONE)
            return FLARE__CHUNKED_END;
    }
    return FLARE__CHUNKED_MORE;
}

bool flare__chunked_refuses(struct flare_str name)
{
    for (size_t i = 0; i < REFUSED_COUNT; i++)
        if (flare_str_equal_nocase(flare_str(refused[i]), name))
            return true;
    return false;
}

char *flare__chunk_line(char *p, uint64_t size)
{
    int shift = 60;

    while (shift > 0 && size >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[size >> shift & 15];
    memcpy(p, "\r\n", 2);
    return p + 2;
}
