/* SPDX-License-Identifier: MIT */
/*
 * A folder with files of every kind, served in the simulated world of
 * conn_rig.h:
 *
 *   a.txt           "0123456789", of 2001-01-01 00:00:00
 *   app.js          "plain", and beside it app.js.br "brotli", app.js.gz "gzip"
 *   only.css        "style", and only.css.gz "gz"
 *   big             200 000 bytes, 'a' to 'z' again and again
 *   empty           nothing
 *   sub/index.html  "index"
 *   bare/           nothing in it
 *   .hidden         "hidden"
 *   .well-known/x   "known"
 *   link -> a.txt, out -> ../<outside>, up -> .., dirlink -> sub, loop -> loop,
 *   proc -> /proc/self/root, fifo, socket
 */
#ifndef FLARE__TEST_FILES_RIG_H
#define FLARE__TEST_FILES_RIG_H

#include "http/files.h"

#include "tests/http/conn_rig.h"

enum { FILES_RIG_BIG = 200000 };

struct files_rig {
    char top[64];
    char root[80];
    flare_files *files;
    struct rig *rig;
    struct flare_route routes[3];
};

/* `config` without its root; mounted at /static, or for the whole server. */
struct files_rig *files_rig_new(struct flare_files_config config,
                                bool is_mounted);
void files_rig_free(struct files_rig *f);

/* "GET /a.txt" and fields, "A: b\r\n"; all that came in 100 ms. */
const char *files_rig_ask(struct files_rig *f, const char *line,
                          const char *fields);

/* The status of the last answer; what stands behind its head. */
int files_rig_status(const struct files_rig *f);
const char *files_rig_body(const struct files_rig *f);

/* Writes a file of the folder anew. */
void files_rig_write(const struct files_rig *f, const char *name,
                     const char *bytes, size_t len);

/* Its path. */
const char *files_rig_path(const struct files_rig *f, const char *name);

#endif
