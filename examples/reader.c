/* SPDX-License-Identifier: MIT */
/*
 * Buffered reading: messages from standard input, each of lines "name: value",
 * an empty line, and as many bytes as its "length" says.
 *
 *   printf 'to: ada\nlength: 5\n\nhello' | reader
 *
 * Pulled here; a loop's on_data would flare_reader_feed what it is given, and
 * read until -EAGAIN.
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int pull(void *ctx, void *buf, size_t size)
{
    ssize_t n = read(*(int *)ctx, buf, size);

    return n < 0 ? -errno : (int)n;
}

/* The lines before an empty one.  1, 0 at the end between messages, or < 0. */
static int read_head(flare_reader *r, uint64_t *length)
{
    struct flare_str line;

    for (int lines = 0;; lines++) {
        int rc = flare_reader_line(r, &line);

        if (rc < 0 || (rc == FLARE_READ_END && lines == 0))
            return rc;
        if (rc != FLARE_READ_WHOLE)
            return FLARE_E_END_OF_STREAM; /* in the middle of a head */
        if (line.len == 0)
            return 1;
        printf("line \"%.*s\"\n", FLARE_STR_ARG(line));
        if (line.len > 8 && memcmp(line.ptr, "length: ", 8) == 0 &&
            flare_u64_parse((struct flare_str){line.ptr + 8, line.len - 8},
                            length) < 0)
            return FLARE_E_BAD_INPUT;
    }
}

static int read_message(flare_reader *r)
{
    struct flare_str body;
    uint64_t length = 0;
    int rc = read_head(r, &length);

    if (rc <= 0)
        return rc;
    rc = flare_reader_exact(r, length, &body); /* lent until the next call */
    if (rc < 0)
        return rc;
    if (rc == FLARE_READ_END)
        return FLARE_E_END_OF_STREAM;
    return printf("body \"%.*s\"\n", FLARE_STR_ARG(body)), 1;
}

int main(void)
{
    struct flare_reader_options options = {.line_bytes_max = 100,
                                           .buffer_bytes_max = 2 << 20};
    int fd = STDIN_FILENO;
    flare_reader *r;
    int rc = flare_reader_new(&r, &options, pull, &fd);

    if (rc < 0)
        return fprintf(stderr, "reader: %s\n", flare_strerror(rc)), 1;
    while ((rc = read_message(r)) > 0)
        continue;
    if (rc < 0)
        fprintf(stderr, "reader: %s\n", flare_strerror(rc));
    flare_reader_free(r);
    return rc < 0;
}
