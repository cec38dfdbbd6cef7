/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON (RFC 8259) without building it: a text is a slice, and finding a
 * member is walking over what is before it.  For small files of our own; keys
 * with escapes in them are not found.
 */
#ifndef TOOL_BENCH_JSON_READ_H
#define TOOL_BENCH_JSON_READ_H

#include <flare/base.h>

enum { JSON_READ_DEPTH = 32 };

/* Whether it is one JSON value, and nothing else but blanks. */
bool json_read_check(struct flare_str text);

/* The value of a member of an object in a text that was checked; ptr NULL: it
 * has none, or is no object. */
struct flare_str json_read_member(struct flare_str object, const char *key);

/* The next element of an array, from which it is taken; ptr NULL: there is
 * none more.  `*rest` is the array at first. */
struct flare_str json_read_next(struct flare_str *rest);

/* The next member of an object, likewise; its key in `*key`. */
struct flare_str json_read_next_member(struct flare_str *rest,
                                       struct flare_str *key);

/* Numbers and truths; `other` of what is none. */
double json_read_number(struct flare_str value, double other);
bool json_read_bool(struct flare_str value, bool other);

/* A string with its escapes read, cut to `size`; "" of what is none. */
void json_read_string(struct flare_str value, char *out, size_t size);

#endif
