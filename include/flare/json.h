/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) as it is produced: no tree, no copy of the values.
 *
 *     struct flare_json json;
 *
 *     flare_json_init(&json, NULL, 64 * 1024);
 *     flare_json_begin_object(&json);
 *     flare_json_key(&json, "id");
 *     flare_json_u64(&json, 7);
 *     flare_json_key(&json, "tags");
 *     flare_json_begin_array(&json);
 *     flare_json_string(&json, FLARE_STR("new"));
 *     flare_json_end_array(&json);
 *     flare_json_end_object(&json);
 *     rc = flare_json_finish(&json);       the one place to look for errors
 *     ... flare_json_bytes(&json) ...
 *     flare_json_fini(&json);
 *
 * The first error sticks: what follows writes nothing, flare_json_finish
 * returns it.  Errors are FLARE_E_BAD_JSON (a value without a key in an object,
 * a key elsewhere or twice, an end that does not fit its begin or comes after a
 * key, more than one value outside, depth above 64, a number that JSON has
 * not), -EILSEQ (a string that is not UTF-8), -ENOBUFS (more than the maximum),
 * -ENOMEM, and what a sink returns.  Keys are not checked for being unique.
 *
 * A writer is used by one thread at a time; it shares nothing.
 */
#ifndef FLARE_JSON_H
#define FLARE_JSON_H

#include <flare/alloc.h>
#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_JSON_DEPTH_MAX = 64,
    FLARE_JSON_BUFFER_BYTES = 512 /* in the writer, in front of a sink */
};

/*
 * Takes the next bytes of the text; lends `bytes` until it returns.  Returns
 * 0, or a negative error, after which it is not called again.
 */
typedef int (*flare_json_write_fn)(void *ctx, struct flare_str bytes);

/* What becomes of bytes in strings that are not UTF-8. */
enum flare_json_utf8 {
    FLARE_JSON_UTF8_STRICT, /* the error -EILSEQ; the default */
    FLARE_JSON_UTF8_REPLACE /* U+FFFD for each longest piece of a sequence */
};

/*
 * The writer's own memory, wherever you want it: on the stack, in a struct.
 * It must not move.  The fields are the library's.
 */
struct flare_json {
    flare_json_write_fn write_fn; /* NULL: into `block` */
    void *ctx;
    struct flare_allocator al;
    char *block; /* from `al`, or `buffer` */
    size_t len;
    size_t size;
    size_t bytes_max;
    uint64_t arrays; /* bit d: what is open at depth d + 1 is an array */
    int rc;
    uint8_t depth;
    uint8_t state;
    uint8_t utf8;
    char buffer[FLARE_JSON_BUFFER_BYTES];
};

/*
 * Begins a text in memory of `allocator` (copied; NULL: malloc) that grows up
 * to `bytes_max`.  A text of up to FLARE_JSON_BUFFER_BYTES allocates nothing.
 */
FLARE_API void flare_json_init(struct flare_json *json,
                               const struct flare_allocator *allocator,
                               size_t bytes_max);

/* Begins a text that goes to `write_fn`, in pieces of the library's choosing.
 */
FLARE_API void flare_json_init_sink(struct flare_json *json,
                                    flare_json_write_fn write_fn, void *ctx);

/* Chooses for the strings and keys from now on. */
FLARE_API void flare_json_set_utf8(struct flare_json *json,
                                   enum flare_json_utf8 utf8);

/* Begins an object as the next value; keys and values follow in turn. */
FLARE_API void flare_json_begin_object(struct flare_json *json);

/* Ends the innermost, which must be an object and not wait for a value. */
FLARE_API void flare_json_end_object(struct flare_json *json);

/* Begins an array as the next value; values follow. */
FLARE_API void flare_json_begin_array(struct flare_json *json);

/* Ends the innermost, which must be an array. */
FLARE_API void flare_json_end_array(struct flare_json *json);

/* The key of the next value, a C string; escaped as a string is. */
FLARE_API void flare_json_key(struct flare_json *json, const char *key);

/* The same from a slice. */
FLARE_API void flare_json_key_str(struct flare_json *json,
                                  struct flare_str key);

/* A string; what JSON wants escaped is, and no other character. */
FLARE_API void flare_json_string(struct flare_json *json,
                                 struct flare_str value);

/* An integer, in full: a reader that keeps doubles loses some above 2^53. */
FLARE_API void flare_json_i64(struct flare_json *json, int64_t value);

/* The same without a sign. */
FLARE_API void flare_json_u64(struct flare_json *json, uint64_t value);

/*
 * The shortest of the decimal forms with 15, 16 and 17 digits that reads back
 * as the same double, whatever the locale.  Infinities and NaN are errors.
 */
FLARE_API void flare_json_double(struct flare_json *json, double value);

/* true or false. */
FLARE_API void flare_json_bool(struct flare_json *json, bool value);

/* null. */
FLARE_API void flare_json_null(struct flare_json *json);

/* One value that is JSON already.  Not checked, but for being empty. */
FLARE_API void flare_json_raw(struct flare_json *json, struct flare_str value);

/*
 * Ends the text and, with a sink, writes what is left.  Returns 0, or the first
 * error; FLARE_E_BAD_JSON too if something is still open or nothing was
 * written.  Nothing can be written afterwards.
 */
FLARE_API FLARE_MUST_USE int flare_json_finish(struct flare_json *json);

/*
 * Lends the text after a successful flare_json_finish, until flare_json_fini;
 * empty before, after an error and with a sink.
 */
FLARE_API struct flare_str flare_json_bytes(const struct flare_json *json);

/* Frees the text.  May be called at any time after init, and again. */
FLARE_API void flare_json_fini(struct flare_json *json);

#ifdef __cplusplus
}
#endif
#endif
