/* SPDX-License-Identifier: MIT */
/*
 * Notes for the watchdog (net/watchdog.h) of the request whose handler runs.
 * They are taken by a handler around all others, so that without a watchdog
 * they cost nothing.
 */
#ifndef FLARE__HTTP_WATCH_H
#define FLARE__HTTP_WATCH_H

#include "http/http.h"

/* Puts that handler around options->outer. */
void flare__watch_wrap(struct flare__http_options *options);

#endif
