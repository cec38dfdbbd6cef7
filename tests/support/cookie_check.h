/* SPDX-License-Identifier: MIT */
/*
 * A jar driven by bytes beside its oracle: every byte is a choice, so noise and
 * a fuzzer drive it alike.
 */
#ifndef FLARE__TEST_COOKIE_CHECK_H
#define FLARE__TEST_COOKIE_CHECK_H

#include <flare/base.h>

/*
 * Stores, sends, ends sessions and saves as the bytes say.  NULL, or what
 * differs from the oracle, or what a save and a load have changed; static.
 */
const char *cookie_check_jar(struct flare_str script);

/* The same for one Set-Cookie field, read, and for the date it may be. */
const char *cookie_check_field(struct flare_str field);

#endif
