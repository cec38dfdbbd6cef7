/* SPDX-License-Identifier: MIT */
/* The ready-made sink of the access log; net/lines.h does the work. */
#include <flare/middleware.h>

#include "base/alloc.h"
#include "net/lines.h"

#include <errno.h>

enum { LOG_FILE_BYTES = 1 << 20 };

struct flare_log_file {
    struct flare__lines lines;
};

int flare_log_file_open(flare_log_file **out, int fd, uint32_t buffer_bytes,
                        const struct flare_allocator *allocator)
{
    const struct flare_allocator *al =
        allocator != NULL ? allocator : &flare__allocator_default;
    struct flare_log_file *file = flare__alloc(al, sizeof(*file));
    int rc;

    if (file == NULL)
        return -ENOMEM;
    rc = flare__lines_init(&file->lines, fd,
                           buffer_bytes != 0 ? buffer_bytes : LOG_FILE_BYTES,
                           al);
    if (rc < 0) {
        flare__free(al, file);
        return rc;
    }
    *out = file;
    return 0;
}

void flare_log_file_write(struct flare_str line, void *ctx)
{
    struct flare_log_file *file = ctx;

    (void)flare__lines_give(&file->lines, line); /* it counts itself */
}

uint64_t flare_log_file_dropped(const flare_log_file *file)
{
    return atomic_load_explicit(&file->lines.dropped, memory_order_relaxed);
}

void flare_log_file_close(flare_log_file *file)
{
    const struct flare_allocator *al;

    if (file == NULL)
        return;
    al = file->lines.al;
    flare__lines_fini(&file->lines);
    flare__free(al, file);
}
