/* SPDX-License-Identifier: MIT */
/* The log hook: the only way the library speaks. */
#ifndef FLARE_LOG_H
#define FLARE_LOG_H

#include <flare/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum flare_log_level {
    FLARE_LOG_ERROR,
    FLARE_LOG_WARN,
    FLARE_LOG_INFO,
    FLARE_LOG_DEBUG
};

/*
 * Receives one line, without line end; bytes of a peer in it are escaped.
 * `text` is lent until return.  Called from any worker's thread; it must not
 * block, and must not call back into the library.
 */
typedef void (*flare_log_fn)(enum flare_log_level level, const char *text,
                             void *ctx);

#ifdef __cplusplus
}
#endif
#endif
