/* SPDX-License-Identifier: MIT */
/*
 * --live: pages load again when something below the root has changed.  One
 * watch of the kernel's, on the first worker; a stream of events for each page.
 */
#ifndef FLARE_SERVE_LIVE_H
#define FLARE_SERVE_LIVE_H

#include "tools/serve/serve.h"

/* Before the workers start; a failure ends the program. */
void live_begin(uint32_t workers);
void live_end(void);

/* Of each worker, on its thread. */
int live_worker_start(flare_worker *worker);
void live_worker_stop(flare_worker *worker);

/* Handlers of SERVE_LIVE_PATH and SERVE_LIVE_SCRIPT. */
int live_events(flare_req *req, flare_res *res);
int live_script(flare_req *req, flare_res *res);

#endif
