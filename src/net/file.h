/* SPDX-License-Identifier: MIT */
/* Regular files: what the server asks of them beside sending. */
#ifndef FLARE__NET_FILE_H
#define FLARE__NET_FILE_H

#include <flare/error.h>

/*
 * Reads `len` bytes at `offset` into `out`.  Returns how many there were, less
 * only at the file's end, or -errno.
 */
FLARE_MUST_USE
int64_t flare__file_read(int fd, char *out, size_t len, uint64_t offset);

/* Nothing for -1. */
void flare__file_close(int fd);

#endif
