/* SPDX-License-Identifier: MIT */
/*
 * What the library itself needs of a JSON writer: its finished text without a
 * copy, and strings with strict UTF-8 elsewhere.
 */
#ifndef FLARE__HTTP_JSON_H
#define FLARE__HTTP_JSON_H

#include <flare/json.h>

/*
 * Gives the finished text of a writer without a sink: a block of the writer's
 * allocator, to be freed with flare__free; `*out` is the text in it.  NULL if
 * the text is short enough to lie in the writer (copy flare_json_bytes then),
 * or was not finished.
 */
FLARE_MUST_USE
char *flare__json_take(struct flare_json *json, struct flare_str *out);

#endif
