/* SPDX-License-Identifier: MIT */
/* What must hold for any text as a URL; for its test and its fuzzer. */
#ifndef FLARE__TEST_URL_CHECK_H
#define FLARE__TEST_URL_CHECK_H

#include <flare/url.h>

/* NULL, or the property that is broken. */
const char *url_check(struct flare_str text);

/* The same of a reference resolved against a base. */
const char *url_check_resolve(struct flare_str base,
                              struct flare_str reference);

#endif
