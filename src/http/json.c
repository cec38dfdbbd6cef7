/* SPDX-License-Identifier: MIT */
/*
 * The JSON writer.
 *
 * States, of what may come next:
 *
 *   VALUE   outside, or behind a key: a value
 *   FIRST   behind a begin: an end, or the first value or key
 *   NEXT    behind a value inside: an end, or a comma and the next
 *   DONE    behind the value outside: only finish
 *   CLOSED  finished
 *
 * Every public function first looks at the state, then writes; an error turns
 * all of them into no-ops.
 */
#include "http/json.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { STATE_VALUE, STATE_FIRST, STATE_NEXT, STATE_DONE, STATE_CLOSED };

_Static_assert(FLARE_JSON_DEPTH_MAX <= 64, "one bit of `arrays` a level");

static void json_fail(struct flare_json *json, int rc)
{
    if (json->rc == 0)
        json->rc = rc;
}

/* ---- bytes ---- */

static void json_grow(struct flare_json *json, size_t need)
{
    size_t size = json->size * 2;
    char *block;

    if (need > json->bytes_max - json->len) {
        json_fail(json, -ENOBUFS);
        return;
    }
    while (size - json->len < need)
        size *= 2; /* ends: need is at most what is left of bytes_max */
    if (size > json->bytes_max)
        size = json->bytes_max;
    if (json->block == json->buffer) {
        block = flare__alloc(&json->al, size);
        if (block != NULL)
            memcpy(block, json->buffer, json->len);
    } else {
        block = flare__realloc(&json->al, json->block, size);
    }
    if (block == NULL) {
        json_fail(json, -ENOMEM);
        return;
    }
    json->block = block;
    json->size = size;
}

/* Gives a sink what it has not seen. */
static void json_flush(struct flare_json *json)
{
    struct flare_str bytes = {json->block, json->len};
    int rc;

    if (json->len == 0 || json->rc != 0)
        return;
    json->len = 0;
    rc = json->write_fn(json->ctx, bytes);
    if (rc < 0)
        json_fail(json, rc);
}

/* Room for `need` bytes in one piece, at most the buffer's size. */
static bool json_reserve(struct flare_json *json, size_t need)
{
    if (json->rc == 0 && json->size - json->len < need) {
        if (json->write_fn != NULL)
            json_flush(json);
        else
            json_grow(json, need);
    }
    return json->rc == 0;
}

static void json_put(struct flare_json *json, const char *bytes, size_t len)
{
    if (json->write_fn == NULL) {
        if (!json_reserve(json, len))
            return;
        memcpy(json->block + json->len, bytes, len);
        json->len += len;
        return;
    }
    while (len > 0 && json->rc == 0) {
        size_t room = json->size - json->len;
        size_t part = len < room ? len : room;

        memcpy(json->block + json->len, bytes, part);
        json->len += part;
        bytes += part;
        len -= part;
        if (json->len == json->size)
            json_flush(json);
    }
}

static void json_put_char(struct flare_json *json, char c)
{
    if (json_reserve(json, 1))
        json->block[json->len++] = c;
}

/* ---- structure ---- */

static bool json_in_object(const struct flare_json *json)
{
    return json->depth > 0 && (json->arrays >> (json->depth - 1) & 1) == 0;
}

/* Before a value: its comma; false if none may stand here. */
static bool json_enter(struct flare_json *json)
{
    bool is_inside = json->state == STATE_FIRST || json->state == STATE_NEXT;

    if (json->rc == 0 &&
        (json->state >= STATE_DONE || (is_inside && json_in_object(json))))
        json_fail(json, FLARE_E_BAD_JSON);
    if (json->rc != 0)
        return false;
    if (json->state == STATE_NEXT)
        json_put_char(json, ',');
    return json->rc == 0;
}

/* After a value. */
static void json_leave(struct flare_json *json)
{
    json->state = json->depth > 0 ? STATE_NEXT : STATE_DONE;
}

static void json_begin(struct flare_json *json, char bracket)
{
    uint64_t bit;

    if (!json_enter(json))
        return;
    if (json->depth == FLARE_JSON_DEPTH_MAX) {
        json_fail(json, FLARE_E_BAD_JSON);
        return;
    }
    bit = UINT64_C(1) << json->depth++;
    json->arrays = bracket == '[' ? json->arrays | bit : json->arrays & ~bit;
    json->state = STATE_FIRST;
    json_put_char(json, bracket);
}

static void json_end(struct flare_json *json, char bracket)
{
    bool is_inside = json->state == STATE_FIRST || json->state == STATE_NEXT;

    if (!is_inside || json_in_object(json) != (bracket == '}')) {
        json_fail(json, FLARE_E_BAD_JSON);
        return;
    }
    if (json->rc != 0)
        return;
    json->depth--;
    json_put_char(json, bracket);
    json_leave(json);
}

void flare_json_begin_object(struct flare_json *json)
{
    json_begin(json, '{');
}

void flare_json_end_object(struct flare_json *json)
{
    json_end(json, '}');
}

void flare_json_begin_array(struct flare_json *json)
{
    json_begin(json, '[');
}

void flare_json_end_array(struct flare_json *json)
{
    json_end(json, ']');
}

/* ---- strings ---- */

/* How far bytes need no look: no control, quote, backslash, or past ASCII. */
static size_t plain_len(const char *bytes, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    size_t i = 0;

    for (; len - i >= 8; i += 8) {
        uint64_t word, quote, slash;

        memcpy(&word, bytes + i, 8);
        quote = word ^ (ones * '"');
        slash = word ^ (ones * '\\');
        /* x - 0x01.. borrows into the top bit of a byte that is 0; a borrow
         * from below only adds a find, which the loop below takes back */
        if (((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) &
             highs) != 0)
            break;
    }
    while (i < len) {
        unsigned char c = (unsigned char)bytes[i];

        if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
            break;
        i++;
    }
    return i;
}

static void json_put_escape(struct flare_json *json, unsigned char c)
{
    static const char shorts[] = "btn?fr"; /* 08 to 0D, without 0B */
    char text[6] = {'\\', 'u', '0', '0', '0', '0'};

    if (c == '"' || c == '\\') {
        text[1] = (char)c;
        json_put(json, text, 2);
    } else if (c >= 0x08 && c <= 0x0D && c != 0x0B) {
        text[1] = shorts[c - 0x08];
        json_put(json, text, 2);
    } else {
        text[4] = (char)('0' + (c >> 4));
        text[5] = "0123456789abcdef"[c & 15];
        json_put(json, text, 6);
    }
}

/* One character past ASCII; returns its bytes in the input. */
static size_t json_put_utf8(struct flare_json *json, const char *bytes,
                            size_t left)
{
    size_t bad;
    size_t len = flare__utf8_next(bytes, left, &bad);

    if (len > 0) {
        json_put(json, bytes, len);
        return len;
    }
    if (json->utf8 == FLARE_JSON_UTF8_STRICT)
        json_fail(json, -EILSEQ);
    else
        json_put(json, "\xEF\xBF\xBD", 3);
    return bad;
}

static void json_put_string(struct flare_json *json, struct flare_str value)
{
    size_t i = 0;

    json_put_char(json, '"');
    while (i < value.len && json->rc == 0) {
        size_t plain = plain_len(value.ptr + i, value.len - i);

        if (plain > 0)
            json_put(json, value.ptr + i, plain);
        i += plain;
        if (i == value.len)
            break;
        if ((unsigned char)value.ptr[i] >= 0x80)
            i += json_put_utf8(json, value.ptr + i, value.len - i);
        else
            json_put_escape(json, (unsigned char)value.ptr[i++]);
    }
    json_put_char(json, '"');
}

void flare_json_key_str(struct flare_json *json, struct flare_str key)
{
    bool is_inside = json->state == STATE_FIRST || json->state == STATE_NEXT;

    if (!is_inside || !json_in_object(json))
        json_fail(json, FLARE_E_BAD_JSON);
    if (json->rc != 0)
        return;
    if (json->state == STATE_NEXT)
        json_put_char(json, ',');
    json_put_string(json, key);
    json_put_char(json, ':');
    json->state = STATE_VALUE;
}

void flare_json_key(struct flare_json *json, const char *key)
{
    flare_json_key_str(json, flare_str(key));
}

void flare_json_string(struct flare_json *json, struct flare_str value)
{
    if (!json_enter(json))
        return;
    json_put_string(json, value);
    json_leave(json);
}

/* ---- other values ---- */

static void json_put_value(struct flare_json *json, const char *text,
                           size_t len)
{
    if (!json_enter(json))
        return;
    json_put(json, text, len);
    json_leave(json);
}

static void json_put_number(struct flare_json *json, bool is_negative,
                            uint64_t n)
{
    char digits[21];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    if (is_negative)
        digits[--at] = '-';
    json_put_value(json, digits + at, sizeof(digits) - at);
}

void flare_json_i64(struct flare_json *json, int64_t value)
{
    json_put_number(json, value < 0,
                    value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void flare_json_u64(struct flare_json *json, uint64_t value)
{
    json_put_number(json, /* is_negative = */ false, value);
}

/* Puts a point in place of the locale's, of one byte or more. */
static size_t put_point(char *text)
{
    size_t len = 0;
    bool is_in_point = false;

    for (const char *from = text; *from != '\0'; from++) {
        bool is_ours = (*from >= '0' && *from <= '9') || *from == '-' ||
                       *from == '+' || *from == 'e';

        if (is_ours)
            text[len++] = *from;
        else if (!is_in_point)
            text[len++] = '.';
        is_in_point = !is_ours;
    }
    return len;
}

void flare_json_double(struct flare_json *json, double value)
{
    char text[48];

    if (!isfinite(value)) {
        json_fail(json, FLARE_E_BAD_JSON);
        return;
    }
    /* whole numbers of up to 15 digits: the same text, 20 times as fast */
    if (!signbit(value) && value < 1e15 && value == (double)(uint64_t)value) {
        flare_json_u64(json, (uint64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    json_put_value(json, text, put_point(text));
}

void flare_json_bool(struct flare_json *json, bool value)
{
    json_put_value(json, value ? "true" : "false", value ? 4 : 5);
}

void flare_json_null(struct flare_json *json)
{
    json_put_value(json, "null", 4);
}

void flare_json_raw(struct flare_json *json, struct flare_str value)
{
    if (value.len == 0)
        json_fail(json, FLARE_E_BAD_JSON);
    else
        json_put_value(json, value.ptr, value.len);
}

/* ---- life ---- */

static void json_reset(struct flare_json *json)
{
    json->write_fn = NULL;
    json->ctx = NULL;
    json->al = flare__allocator_default;
    json->block = json->buffer;
    json->len = 0;
    json->size = sizeof(json->buffer);
    json->bytes_max = SIZE_MAX;
    json->arrays = 0;
    json->rc = 0;
    json->depth = 0;
    json->state = STATE_VALUE;
    json->utf8 = FLARE_JSON_UTF8_STRICT;
}

void flare_json_init(struct flare_json *json,
                     const struct flare_allocator *allocator, size_t bytes_max)
{
    json_reset(json);
    if (allocator != NULL)
        json->al = *allocator;
    /* half of the address space, so that doubling never overflows */
    json->bytes_max = bytes_max > SIZE_MAX / 4 ? SIZE_MAX / 4 : bytes_max;
    if (json->size > json->bytes_max)
        json->size = json->bytes_max;
}

void flare_json_init_sink(struct flare_json *json, flare_json_write_fn write_fn,
                          void *ctx)
{
    json_reset(json);
    json->write_fn = write_fn;
    json->ctx = ctx;
}

void flare_json_set_utf8(struct flare_json *json, enum flare_json_utf8 utf8)
{
    json->utf8 = (uint8_t)utf8;
}

int flare_json_finish(struct flare_json *json)
{
    if (json->state == STATE_CLOSED)
        return json->rc;
    if (json->state != STATE_DONE)
        json_fail(json, FLARE_E_BAD_JSON);
    if (json->write_fn != NULL)
        json_flush(json);
    json->state = STATE_CLOSED;
    return json->rc;
}

struct flare_str flare_json_bytes(const struct flare_json *json)
{
    struct flare_str text = {"", 0};

    if (json->rc == 0 && json->state == STATE_CLOSED &&
        json->write_fn == NULL) {
        text.ptr = json->block;
        text.len = json->len;
    }
    return text;
}

/* Back to the writer's own buffer; what was in the block is somebody's. */
static void json_forget(struct flare_json *json)
{
    json->block = json->buffer;
    json->len = 0;
    json->size = 0;
    json->state = STATE_CLOSED;
    json_fail(json, FLARE_E_BAD_JSON);
}

char *flare__json_take(struct flare_json *json, struct flare_str *out)
{
    char *block = json->block;

    *out = flare_json_bytes(json);
    if (out->len == 0 || block == json->buffer)
        return NULL;
    json_forget(json);
    return block;
}

void flare_json_fini(struct flare_json *json)
{
    if (json->block != json->buffer)
        flare__free(&json->al, json->block);
    json_forget(json);
}
