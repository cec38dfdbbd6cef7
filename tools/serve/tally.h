/* SPDX-License-Identifier: MIT */
/* What was answered, and how fast: the summary at the end. */
#ifndef FLARE_SERVE_TALLY_H
#define FLARE_SERVE_TALLY_H

#include "tools/serve/serve.h"

/* The middleware that counts, the outermost. */
int tally_pass(flare_req *req, flare_res *res, struct flare_handler next,
               void *ctx);

/* Before the workers start; ends the program without memory. */
void tally_begin(uint32_t workers);

/* Once the server has ended: to people on standard error, or with --json as an
 * object on standard output. */
void tally_print(const flare_server *server);
void tally_end(void);

#endif
