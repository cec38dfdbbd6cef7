/* SPDX-License-Identifier: MIT */
/*
 * Files are real ones, read with pread(2) in the pieces that the network and
 * the faults make of them.  Their bytes go into the hash of the run.
 */
#include "backends/sim_impl.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_PIECE = 16384 };

void sim_file_lend(struct flare__sim *w, struct sim_file *file, int fd,
                   uint64_t offset)
{
    struct stat st;

    SIM_CHECK(w, fstat(fd, &st) == 0, "sendfile of %d, which is not open", fd);
    *file = (struct sim_file){.is_lent = true,
                              .fd = fd,
                              .offset = offset,
                              .device = (uint64_t)st.st_dev,
                              .inode = (uint64_t)st.st_ino};
}

void sim_file_check(const struct flare__sim *w, const struct sim_file *file)
{
    struct stat st;

    SIM_CHECK(w,
              fstat(file->fd, &st) == 0 && (uint64_t)st.st_ino == file->inode &&
                  (uint64_t)st.st_dev == file->device,
              "file %d given to sendfile was closed before it was released",
              file->fd);
}

int64_t sim_file_move(struct flare__sim *w, const struct sim_file *file,
                      struct sim_end *to, uint64_t at, uint64_t n)
{
    uint8_t piece[FILE_PIECE];
    size_t most = n < FILE_PIECE ? (size_t)n : FILE_PIECE;
    ssize_t got;

    sim_file_check(w, file);
    do
        got = pread(file->fd, piece, most, (off_t)(file->offset + at));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    w->hash = sim_hash_bytes(w->hash, piece, (size_t)got);
    if (got > 0)
        sim_pipe_write(w, to, piece, (uint64_t)got);
    return got;
}
