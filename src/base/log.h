/* SPDX-License-Identifier: MIT */
/* Formats lines for the log hook; without a hook nothing is formatted. */
#ifndef FLARE__BASE_LOG_H
#define FLARE__BASE_LOG_H

#include <flare/error.h>
#include <flare/log.h>

struct flare__log {
    flare_log_fn fn; /* NULL: silent */
    void *ctx;
};

void flare__log(const struct flare__log *log, enum flare_log_level level,
                const char *format, ...) FLARE_PRINTF(3, 4);

/*
 * Fills `err` (may be NULL) with `code` and the sentence, cut to fit; returns
 * `code`, so that a failing call ends in `return flare__error(err, rc, ...)`.
 */
int flare__error(struct flare_error *err, int code, const char *format, ...)
    FLARE_PRINTF(3, 4);

/*
 * Writes `bytes` to `out` with everything but printable ASCII as \xNN and a
 * backslash doubled, cut to fit, terminated.  Returns the length written.
 * `size` is at least 1.
 */
size_t flare__log_escape(char *out, size_t size, struct flare_str bytes);

#endif
