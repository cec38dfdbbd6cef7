/* SPDX-License-Identifier: MIT */
/*
 * A field value with parameters, `form-data; name="a"; filename=b.txt`
 * (RFC 9110 sections 5.6.6 and 8.3.1).
 */
#ifndef FLARE__HTTP_FIELDPARAM_H
#define FLARE__HTTP_FIELDPARAM_H

#include <flare/error.h>

struct flare__fieldparam {
    struct flare_str name;
    struct flare_str value; /* without its quotes, its backslashes in place */
    bool is_quoted;
};

/*
 * Takes what stands before the first ';' from `*text`, without white space
 * around it: one token, or two with '/' between them.
 * Returns 0 or FLARE_E_BAD_INPUT.
 */
FLARE_MUST_USE
int flare__fieldparam_first(struct flare_str *text, struct flare_str *word);

/*
 * Takes the next parameter from what is left of `*text`.
 * Returns 1, 0 at the end, or FLARE_E_BAD_INPUT.
 */
FLARE_MUST_USE
int flare__fieldparam_next(struct flare_str *text,
                           struct flare__fieldparam *param);

#endif
