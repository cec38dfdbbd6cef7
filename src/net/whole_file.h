/* SPDX-License-Identifier: MIT */
/*
 * Files that are read at once and replaced at once: what is there is the old
 * content or the new, never a part.  Blocks on the disk.
 */
#ifndef FLARE__NET_WHOLE_FILE_H
#define FLARE__NET_WHOLE_FILE_H

#include <flare/alloc.h>
#include <flare/error.h>

/*
 * Reads file `path` into memory of `al`'s, to be freed with flare__free; NULL
 * if it is empty.  Returns 0 or -errno; -EFBIG if it has more than `len_max`
 * bytes, -EINVAL if it is no regular file, -ENOMEM.
 */
FLARE_MUST_USE
int flare__whole_file_read(const struct flare_allocator *al, const char *path,
                           size_t len_max, char **out, size_t *len);

/*
 * Writes a new file beside `path`, readable and writable by its owner only, and
 * gives it that name.  Returns 0, or -errno and all is as it was.
 */
FLARE_MUST_USE
int flare__whole_file_replace(const struct flare_allocator *al,
                              const char *path, struct flare_str bytes);

#endif
