/* SPDX-License-Identifier: MIT */
/*
 * From what the user wrote to what the workers use: defaults filled in, every
 * number checked against its range, the culprit named.
 */
#ifndef FLARE__HTTP_CONFIG_H
#define FLARE__HTTP_CONFIG_H

#include <flare/server.h>

#include "http/http.h"

/*
 * Fills the zero members of `*config` with their defaults and checks the rest.
 * 0, or FLARE_E_BAD_CONFIG with a sentence in `err` (may be NULL).
 * `descriptors` is RLIMIT_NOFILE.
 */
FLARE_MUST_USE
int flare__config_resolve(struct flare_server_config *config,
                          uint64_t descriptors, struct flare_error *err);

/* What a worker needs of a resolved configuration; all but the router. */
void flare__config_options(struct flare__http_options *options,
                           const struct flare_server_config *config);

#endif
