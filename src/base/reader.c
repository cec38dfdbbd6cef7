/* SPDX-License-Identifier: MIT */
/*
 * flare_reader: one block of memory, the unread bytes in the middle of it.
 *
 *   0        begin                begin + len          room
 *   | read   | sought     | not yet       | free         |
 *
 * Every byte costs a bounded number of looks and moves, however it came:
 *
 *   looks   `sought` bytes are known to begin no delimiter, and the search goes
 *           on behind them.  Only another delimiter starts it again.
 *   moves   the unread bytes are moved to the front only if as many have been
 *           read since they were moved before; else the block grows.  That is
 *           why it may have twice the bytes it may hold, and never needs more:
 *           begin < len <= max - n  =>  begin + len + n < 2 max.
 */
#include <flare/io.h>

#include "base/alloc.h"
#include "base/assert.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum {
    READER_ROOM_MIN = 512,   /* of a block */
    READER_PULL_BYTES = 4096 /* a pull has room for so many, or what is left */
};

struct flare_reader {
    char *block;
    size_t room;
    size_t begin;
    size_t len;
    size_t line_max;
    size_t len_max;
    size_t sought; /* for `delimiter`, from begin */
    char delimiter[FLARE_DELIMITER_MAX];
    uint8_t delimiter_len;
    bool is_ended;
    flare_read_fn fn;
    void *ctx;
    struct flare_allocator al;
};

int flare_reader_new(flare_reader **out,
                     const struct flare_reader_options *options,
                     flare_read_fn fn, void *ctx)
{
    static const struct flare_reader_options none;
    const struct flare_reader_options *o = options != NULL ? options : &none;
    const struct flare_allocator *al =
        o->allocator != NULL ? o->allocator : &flare__allocator_default;
    uint64_t line_max =
        o->line_bytes_max > 0 ? o->line_bytes_max : FLARE_LINE_BYTES_DEFAULT;
    uint64_t len_max = o->buffer_bytes_max > 0
                           ? o->buffer_bytes_max
                           : line_max + FLARE_READER_BYTES_DEFAULT;
    struct flare_reader *r;

    if (len_max > FLARE_READER_BYTES_MAX ||
        line_max + FLARE_DELIMITER_MAX > len_max)
        return FLARE_E_BAD_CONFIG;
    r = flare__calloc(al, 1, sizeof(*r));
    if (r == NULL)
        return -ENOMEM;
    r->line_max = (size_t)line_max;
    r->len_max = (size_t)len_max;
    r->fn = fn;
    r->ctx = ctx;
    r->al = *al;
    *out = r;
    return 0;
}

void flare_reader_free(flare_reader *r)
{
    struct flare_allocator al;

    if (r == NULL)
        return;
    al = r->al;
    flare__free(&al, r->block);
    flare__free(&al, r);
}

/* Makes room for n more bytes behind the unread ones.  0 or -ENOMEM. */
static int reader_reserve(struct flare_reader *r, size_t n)
{
    size_t room = 2 * r->room;
    char *block;

    FLARE_ASSERT(n <= r->len_max - r->len);
    if (r->room - r->begin - r->len >= n)
        return 0;
    if (r->begin >= r->len && r->room - r->len >= n) {
        memmove(r->block, r->block + r->begin, r->len);
        r->begin = 0;
        return 0;
    }
    if (room < 2 * (r->len + n))
        room = 2 * (r->len + n);
    if (room < READER_ROOM_MIN)
        room = READER_ROOM_MIN;
    if (room > 2 * r->len_max)
        room = 2 * r->len_max;
    FLARE_ASSERT(room > r->room && room >= r->len + n);
    block = flare__alloc(&r->al, room);
    if (block == NULL)
        return -ENOMEM;
    if (r->len > 0)
        memmove(block, r->block + r->begin, r->len);
    flare__free(&r->al, r->block);
    r->block = block;
    r->room = room;
    r->begin = 0;
    return 0;
}

int flare_reader_feed(flare_reader *r, struct flare_str bytes)
{
    int rc;

    FLARE_ASSERT(!r->is_ended);
    if (bytes.len == 0)
        return 0;
    if (bytes.len > r->len_max - r->len)
        return -ENOBUFS;
    rc = reader_reserve(r, bytes.len);
    if (rc < 0)
        return rc;
    memcpy(r->block + r->begin + r->len, bytes.ptr, bytes.len);
    r->len += bytes.len;
    return 0;
}

void flare_reader_end(flare_reader *r)
{
    r->is_ended = true;
}

/* One pull.  0: there is more, or the end is known. */
static int reader_pull(struct flare_reader *r)
{
    size_t left = r->len_max - r->len;
    size_t size;
    int rc;

    FLARE_ASSERT(!r->is_ended && left > 0);
    if (r->fn == NULL)
        return -EAGAIN;
    rc = reader_reserve(r, left < READER_PULL_BYTES ? left : READER_PULL_BYTES);
    if (rc < 0)
        return rc;
    size = r->room - r->begin - r->len;
    if (size > left)
        size = left;
    rc = r->fn(r->ctx, r->block + r->begin + r->len, size);
    if (rc < 0)
        return rc;
    FLARE_ASSERT((size_t)rc <= size);
    r->len += (size_t)rc;
    r->is_ended = rc == 0;
    return 0;
}

/* Consumes `size` bytes.  The memory is still theirs until the next call. */
static void reader_drop(struct flare_reader *r, size_t size)
{
    r->len -= size;
    r->begin = r->len > 0 ? r->begin + size : 0;
    r->sought = 0;
}

static void reader_take(struct flare_reader *r, size_t size,
                        struct flare_str *out)
{
    *out = (struct flare_str){"", size};
    if (size == 0)
        return;
    out->ptr = r->block + r->begin;
    reader_drop(r, size);
}

/* Remembers what is sought.  Not much more than a comparison if it is known. */
static int reader_seek(struct flare_reader *r, struct flare_str delimiter)
{
    if (delimiter.len == 0 || delimiter.len > FLARE_DELIMITER_MAX)
        return FLARE_E_RANGE;
    if (r->delimiter_len == delimiter.len &&
        memcmp(r->delimiter, delimiter.ptr, delimiter.len) == 0)
        return 0;
    memcpy(r->delimiter, delimiter.ptr, delimiter.len);
    r->delimiter_len = (uint8_t)delimiter.len;
    r->sought = 0;
    return 0;
}

/* Whether a delimiter lies in the first `window` bytes; `sought` is where. */
static bool reader_find(struct flare_reader *r, size_t window)
{
    while (r->sought + r->delimiter_len <= window) {
        size_t starts = window - r->delimiter_len + 1;
        const char *from = r->block + r->begin + r->sought;
        const char *first = memchr(from, r->delimiter[0], starts - r->sought);

        if (first == NULL) {
            r->sought = starts;
            return false;
        }
        r->sought += (size_t)(first - from);
        if (memcmp(first, r->delimiter, r->delimiter_len) == 0)
            return true;
        r->sought++;
    }
    return false;
}

/* What the stream ended with. */
static int reader_last(struct flare_reader *r, struct flare_str *out)
{
    if (r->len == 0)
        return FLARE_READ_END;
    if (r->len > r->line_max)
        return FLARE_E_LINE_TOO_LONG;
    reader_take(r, r->len, out);
    return FLARE_READ_UNENDED;
}

/* `cr` is 1 if a CR before the delimiter belongs to it, else 0. */
static int reader_piece(struct flare_reader *r, size_t cr,
                        struct flare_str *out)
{
    size_t window_max = r->line_max + r->delimiter_len + cr;
    int rc = 0;

    while (rc == 0) {
        size_t window = r->len < window_max ? r->len : window_max;

        if (reader_find(r, window)) {
            size_t size = r->sought, end = size + r->delimiter_len;

            if (cr > 0 && size > 0 && r->block[r->begin + size - 1] == '\r')
                size--;
            if (size > r->line_max)
                return FLARE_E_LINE_TOO_LONG;
            *out = (struct flare_str){r->block + r->begin, size};
            reader_drop(r, end);
            return FLARE_READ_WHOLE;
        }
        if (window == window_max)
            return FLARE_E_LINE_TOO_LONG;
        if (r->is_ended)
            return reader_last(r, out);
        rc = reader_pull(r);
    }
    return rc;
}

int flare_reader_line(flare_reader *r, struct flare_str *line)
{
    int rc = reader_seek(r, FLARE_STR("\n"));

    return rc < 0 ? rc : reader_piece(r, 1, line);
}

int flare_reader_until(flare_reader *r, struct flare_str delimiter,
                       struct flare_str *out)
{
    int rc = reader_seek(r, delimiter);

    return rc < 0 ? rc : reader_piece(r, 0, out);
}

int flare_reader_skip(flare_reader *r, struct flare_str delimiter)
{
    int rc = reader_seek(r, delimiter);

    while (rc == 0) {
        if (reader_find(r, r->len)) {
            reader_drop(r, r->sought + r->delimiter_len);
            return FLARE_READ_WHOLE;
        }
        if (r->is_ended) {
            reader_drop(r, r->len);
            return FLARE_READ_END;
        }
        reader_drop(r, r->sought);
        rc = reader_pull(r);
    }
    return rc;
}

int flare_reader_exact(flare_reader *r, size_t size, struct flare_str *out)
{
    int rc = 0;

    if (size > r->len_max)
        return FLARE_E_RANGE;
    while (rc == 0 && r->len < size) {
        if (r->is_ended)
            return r->len > 0 ? FLARE_E_END_OF_STREAM : FLARE_READ_END;
        rc = reader_pull(r);
    }
    if (rc < 0)
        return rc;
    reader_take(r, size, out);
    return FLARE_READ_WHOLE;
}

int flare_reader_some(flare_reader *r, size_t size, struct flare_str *out)
{
    int rc = 0;

    while (rc == 0 && r->len == 0 && size > 0) {
        if (r->is_ended)
            return FLARE_READ_END;
        rc = reader_pull(r);
    }
    if (rc < 0)
        return rc;
    reader_take(r, size < r->len ? size : r->len, out);
    return FLARE_READ_WHOLE;
}

size_t flare_reader_unread(const flare_reader *r)
{
    return r->len;
}
