/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that the one who started this process opened for it: the
 * socket activation protocol of systemd (LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES; sd_listen_fds(3)) without its library.
 *
 * The environment is read by `flare__inherit_read` only, and left as it is.
 */
#ifndef FLARE__NET_INHERIT_H
#define FLARE__NET_INHERIT_H

#include <flare/base.h>
#include <flare/error.h>

enum { FLARE__INHERIT_FIRST = 3 }; /* SD_LISTEN_FDS_START */

struct flare__inherit {
    uint32_t count;    /* descriptors FLARE__INHERIT_FIRST, ... */
    const char *names; /* "web:admin", or NULL; the environment's */
};

/*
 * What this process was given; nothing (count 0) if the variables are absent
 * or name another process.  FLARE_E_BAD_CONFIG and a sentence in `err` (may be
 * NULL) if they cannot be read.
 */
FLARE_MUST_USE
int flare__inherit_read(struct flare__inherit *in, struct flare_error *err);

/* The i-th one's name; "unknown" where none was given, as systemd says. */
struct flare_str flare__inherit_name(const struct flare__inherit *in,
                                     uint32_t i);

/*
 * Whether `fd` is a listening stream socket; makes it close-on-exec.  0, or
 * -EBADF, -ENOTSOCK, -EINVAL (does not listen), -EPROTOTYPE (no stream), with
 * a sentence in `err` (may be NULL) that names it.
 */
FLARE_MUST_USE
int flare__inherit_check(int fd, struct flare_error *err);

/* Whether `text` stands for a socket that is there: "fd:...", "inherit:...". */
bool flare__inherit_is(struct flare_str text);

/*
 * A copy of the one that it stands for: of descriptor "fd:5", or of the socket
 * given under the name "inherit:web", without a name of the only one.
 *
 * 0 and the descriptor in `*fd`; FLARE_E_BAD_ADDRESS (no number),
 * FLARE_E_BAD_CONFIG (none or several of that name, or as
 * flare__inherit_read), as flare__inherit_check, or -errno; a sentence in
 * `err` (may be NULL).
 */
FLARE_MUST_USE
int flare__inherit_open(int *fd, struct flare_str text,
                        struct flare_error *err);

#endif
