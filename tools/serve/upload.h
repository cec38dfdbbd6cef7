/* SPDX-License-Identifier: MIT */
/*
 * Files from clients: PUT stores the body under the path, POST the files of a
 * form in the directory.  A file is written under a hidden name and renamed
 * when all of it is there; one that exists is kept unless --overwrite.
 */
#ifndef FLARE_SERVE_UPLOAD_H
#define FLARE_SERVE_UPLOAD_H

#include "tools/serve/root.h"

/* Handlers of routes that read the body in pieces. */
int upload_put(flare_req *req, flare_res *res);
int upload_post(flare_req *req, flare_res *res);

#endif
