/* SPDX-License-Identifier: MIT */
/*
 * A reader of JSON that is strict and slow (RFC 8259): for checking what the
 * writer wrote.
 */
#ifndef FLARE__TEST_JSON_CHECK_H
#define FLARE__TEST_JSON_CHECK_H

#include <flare/base.h>

/* Sees every string and key in order, decoded; may be NULL. */
typedef void (*json_check_string_fn)(void *ctx, struct flare_str text);

/*
 * NULL if `text` is one JSON text of UTF-8 without white space around its
 * tokens, nested at most `depth_max`; else what is wrong with it.
 */
const char *json_check(struct flare_str text, int depth_max,
                       json_check_string_fn on_string, void *ctx);

#endif
