/* SPDX-License-Identifier: MIT */
/*
 * Bodies that are not the file as it is: compressed on the fly, or with the
 * script of --live in it.
 */
#ifndef FLARE_SERVE_PAGE_H
#define FLARE_SERVE_PAGE_H

#include "tools/serve/root.h"

/*
 * Answers if the file at `path` is one of those and the request takes it so.
 * Returns FLARE_OK or FLARE_LATER as a handler; FLARE_E_NOT_FOUND if the file
 * is to be sent as it is, with nothing answered but perhaps Vary; an error.
 */
int page_send(flare_req *req, flare_res *res, const struct root_path *path);

/*
 * With --live: the page of --spa with the script in it, if `path` is none of a
 * file, as the library would send it without.  Returns as page_send.
 */
int page_fallback(flare_req *req, flare_res *res, const struct root_path *path);

/* The page of --404, with that status; FLARE_E_NOT_FOUND if it is not there. */
int page_not_found(flare_res *res);

/* Forgets what was compressed. */
void page_fini(void);

#endif
