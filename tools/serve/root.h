/* SPDX-License-Identifier: MIT */
/*
 * Names below the served directory.  What the library's files do for what they
 * send holds here for what this program opens itself: no path leaves the root,
 * no link is followed unless --symlinks, no dotfile is there unless --dotfiles.
 */
#ifndef FLARE_SERVE_ROOT_H
#define FLARE_SERVE_ROOT_H

#include "tools/serve/serve.h"

#include <sys/stat.h>

/* A path of a request, decoded; relative to the root: "", "a/b.txt". */
struct root_path {
    char text[SERVE_PATH_BYTES];
    size_t len;
    bool is_directory; /* a slash stands behind it, or it is the root */
};

/*
 * Reads the request's path.  Returns 0; FLARE_E_BAD_INPUT for what is no
 * encoding, FLARE_E_NOT_FOUND for a name that is never served.
 */
int root_path_of(struct root_path *path, const flare_req *req);

/* Whether a single name may be served, or stored. */
bool root_is_served(struct flare_str name);

/*
 * Opens `path` (terminated, relative, "" is the root) below the root with
 * O_CLOEXEC, O_NOFOLLOW and O_NONBLOCK added.  The descriptor is yours;
 * -errno.
 */
int root_open(const char *path, int flags);

/* Opens a regular file for reading, with what it is.  FLARE_E_NOT_FOUND for
 * anything else that is there. */
int root_open_file(const char *path, struct stat *facts);

#endif
