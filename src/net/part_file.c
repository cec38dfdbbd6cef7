/* SPDX-License-Identifier: MIT */
/* See part_file.h. */
#include "net/part_file.h"

#include "base/alloc.h"
#include "net/file.h"
#include "net/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char note_suffix[] = ".note";

/* Both names in one block. */
static int part_name(struct flare__part_file *p, const char *part)
{
    size_t len = strlen(part);

    p->path = flare__alloc(p->al, 2 * (len + 1) + sizeof(note_suffix));
    if (p->path == NULL)
        return -ENOMEM;
    memcpy(p->path, part, len + 1);
    p->note_path = p->path + len + 1;
    memcpy(p->note_path, part, len);
    memcpy(p->note_path + len, note_suffix, sizeof(note_suffix));
    return 0;
}

/* One that was given its place while we waited to open it is a part no more. */
static int part_lock(struct flare__part_file *p)
{
    struct stat st, named;

    if (fstat(p->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
        return -errno; /* EWOULDBLOCK is EAGAIN */
    if (lstat(p->path, &named) < 0 || named.st_ino != st.st_ino ||
        named.st_dev != st.st_dev)
        return -EAGAIN;
    p->size = (uint64_t)st.st_size;
    return 0;
}

/* No note, one that is too long or that cannot be read: none. */
static size_t part_note(const struct flare__part_file *p, char *note)
{
    char *bytes = NULL;
    size_t len = 0;

    if (flare__whole_file_read(p->al, p->note_path, FLARE__PART_NOTE_MAX,
                               &bytes, &len) < 0)
        return 0;
    if (len > 0)
        memcpy(note, bytes, len);
    flare__free(p->al, bytes);
    return len;
}

int flare__part_file_open(struct flare__part_file *p,
                          const struct flare_allocator *al, const char *part,
                          uint32_t mode, char *note, size_t *note_len)
{
    int rc;

    *p = (struct flare__part_file){.al = al};
    rc = part_name(p, part);
    if (rc < 0)
        return rc;
    /* NONBLOCK: a FIFO's other end is not waited for */
    p->fd = open(p->path,
                 O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
                     O_NONBLOCK,
                 (mode_t)mode);
    rc = p->fd < 0 ? -errno : 0;
    p->is_open = rc == 0;
    if (rc == 0)
        rc = part_lock(p);
    if (rc == 0 && note != NULL) {
        *note_len = p->size > 0 ? part_note(p, note) : 0;
        if (*note_len > 0 && lseek(p->fd, 0, SEEK_END) < 0)
            rc = -errno;
    }
    if (rc == 0 && (note == NULL || *note_len == 0))
        rc = flare__part_file_begin(p, (struct flare_str){NULL, 0});
    if (rc < 0)
        flare__part_file_close(p);
    return rc;
}

int flare__part_file_begin(struct flare__part_file *p, struct flare_str note)
{
    /* in this order: a part never has another one's note */
    if (unlink(p->note_path) < 0 && errno != ENOENT)
        return -errno;
    if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
        return -errno;
    p->size = 0;
    if (note.len == 0 || note.len > FLARE__PART_NOTE_MAX)
        return 0;
    return flare__whole_file_replace(p->al, p->note_path, note);
}

int flare__part_file_write(struct flare__part_file *p, struct flare_str bytes)
{
    size_t len = bytes.len;
    int rc = flare__file_write(p->fd, &bytes);

    p->size += len - bytes.len;
    return rc;
}

int flare__part_file_finish(struct flare__part_file *p, const char *path)
{
    /* else the name may outlive a crash that the content does not */
    if (fsync(p->fd) < 0 || rename(p->path, path) < 0)
        return -errno;
    (void)unlink(p->note_path); /* of nothing now: the next part removes it */
    return 0;
}

void flare__part_file_drop(struct flare__part_file *p)
{
    (void)unlink(p->note_path); /* there may be none */
    (void)unlink(p->path);      /* nobody is told of a part that stays */
}

void flare__part_file_close(struct flare__part_file *p)
{
    if (p->is_open)
        (void)close(p->fd); /* what has to be on the disk was synced */
    if (p->path != NULL)
        flare__free(p->al, p->path);
    *p = (struct flare__part_file){0};
}
