/* SPDX-License-Identifier: MIT */
/*
 * A file that grows beside the one whose place it takes when it is whole, and
 * may be gone on with by a later process: what is behind `path` is the old
 * content or all of the new.  One process at a time has it (flock).
 *
 * Beside it lies a note of up to 4 KiB, written before the first byte: what the
 * bytes are a part of, in the words of whoever writes them.  Without its note a
 * part is worth nothing and begins anew.  Blocks on the disk.
 */
#ifndef FLARE__NET_PART_FILE_H
#define FLARE__NET_PART_FILE_H

#include <flare/alloc.h>
#include <flare/error.h>

enum { FLARE__PART_NOTE_MAX = 4096 };

/* Zeroed: none is open, and _close does nothing. */
struct flare__part_file {
    const struct flare_allocator *al;
    char *path; /* of the part */
    char *note_path;
    uint64_t size;
    int fd; /* with is_open */
    bool is_open;
};

/*
 * Opens or creates file `part` for going on with, or empties it where `note`,
 * of FLARE__PART_NOTE_MAX bytes, is NULL; a link is not followed.  `mode` is
 * for a new one, less the umask.  `p->size` and `*note_len` are what is there;
 * both 0 where one is missing.  Borrows `al`.
 *
 * 0; -EAGAIN: another one writes it; -EINVAL: no regular file; -ENOMEM, -errno.
 * After an error nothing is open.
 */
FLARE_MUST_USE
int flare__part_file_open(struct flare__part_file *p,
                          const struct flare_allocator *al, const char *part,
                          uint32_t mode, char *note, size_t *note_len);

/* Empties it and writes its note, or none (empty): then nobody can go on with
 * it.  0, -errno. */
FLARE_MUST_USE
int flare__part_file_begin(struct flare__part_file *p, struct flare_str note);

/* Behind what is there.  0, -errno. */
FLARE_MUST_USE
int flare__part_file_write(struct flare__part_file *p, struct flare_str bytes);

/* It is on the disk, and then has the name `path`; its note is gone.  To be
 * closed as after everything.  0; -errno: it is a part still. */
FLARE_MUST_USE
int flare__part_file_finish(struct flare__part_file *p, const char *path);

/* Removes it and its note. */
void flare__part_file_drop(struct flare__part_file *p);

/* Leaves on the disk what is there. */
void flare__part_file_close(struct flare__part_file *p);

#endif
