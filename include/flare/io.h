/* SPDX-License-Identifier: MIT */
/*
 * Buffered reading: lines, pieces that end with a delimiter, and exact numbers
 * of bytes, out of a stream that comes in pieces of any size.
 *
 * A reader knows no socket.  Its bytes are pulled from a function
 * (flare_read_fn: a blocking connection, a file), or fed to it as they come
 * (flare_reader_feed: a loop's on_data); it gives the same in both forms,
 * wherever the stream is cut, in time that grows with the number of bytes
 * alone.
 *
 * Its memory is bounded: it holds no more than buffer_bytes_max unread bytes,
 * in a block of at most twice that, which it takes as they come and not by
 * what a peer says will come.
 *
 * Thread: any, one at a time.
 */
#ifndef FLARE_IO_H
#define FLARE_IO_H

#include <flare/alloc.h>
#include <flare/base.h>
#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_DELIMITER_MAX = 16,               /* bytes of a delimiter */
    FLARE_READER_BYTES_MAX = 1 << 30,       /* the largest buffer_bytes_max */
    FLARE_LINE_BYTES_DEFAULT = 8192,        /* line_bytes_max */
    FLARE_READER_BYTES_DEFAULT = 64 * 1024, /* past line_bytes_max */
};

/* What the reading calls return when nothing failed. */
enum flare_read {
    FLARE_READ_END = 0,    /* the stream has ended, and all of it is read */
    FLARE_READ_WHOLE = 1,  /* what was asked for */
    FLARE_READ_UNENDED = 2 /* the last bytes of a stream that ended there,
                              without the line's end or the delimiter */
};

/*
 * Where a reader gets bytes from: writes up to `size` (1 to 2^30) to `buf` and
 * returns their number, 0 at the end of the stream, or an error.  An error is
 * passed on untouched and may pass: the next call asks again.  After an end it
 * is not asked any more.  Must not call the reader.
 */
typedef int (*flare_read_fn)(void *ctx, void *buf, size_t size);

struct flare_reader_options { /* NULL or zero: the default, in brackets */
    /* The longest line or piece, without its end, in bytes [8192]. */
    uint32_t line_bytes_max;
    /* The most unread bytes: from line_bytes_max + 16 to 2^30
     * [line_bytes_max + 64 KiB].  Also the most that can be read at once by
     * flare_reader_exact. */
    uint32_t buffer_bytes_max;
    const struct flare_allocator *allocator; /* copied [malloc] */
};

typedef struct flare_reader flare_reader;

/*
 * Gives a reader (flare_reader_free) of the bytes of `fn`, which may be NULL if
 * all are fed.  Borrows `ctx` until it is freed.  Takes no buffer yet.
 *
 * Returns 0; FLARE_E_BAD_CONFIG if an option is out of its range; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_reader_new(
    flare_reader **out, const struct flare_reader_options *options,
    flare_read_fn fn, void *ctx);

/* Drops what is unread.  Accepts NULL. */
FLARE_API void flare_reader_free(flare_reader *r);

/*
 * Appends bytes: those that have come, or in front of the first pull those that
 * somebody else read too far.  Copies them.  Not after the end.
 *
 * Who reads until -EAGAIN between two calls may feed up to buffer_bytes_max -
 * line_bytes_max - 16 bytes (65520 by default) and will not meet the limit.
 *
 * Returns 0; -ENOBUFS if they would be more than buffer_bytes_max with what is
 * unread; -ENOMEM.  On failure nothing is taken.
 */
FLARE_API FLARE_MUST_USE int flare_reader_feed(flare_reader *r,
                                               struct flare_str bytes);

/* Says that nothing follows what was fed.  May be said again. */
FLARE_API void flare_reader_end(flare_reader *r);

/*
 * Reads a line: the bytes before the next LF, and before the CR right before
 * it if there is one.  Any other CR is part of the line, as is a NUL.  A
 * protocol in which a bare LF ends no line asks flare_reader_until for CR LF.
 *
 * Lends the line until the next call with this reader.  An empty line is
 * FLARE_READ_WHOLE with a length of 0, never the end.
 *
 * Returns FLARE_READ_WHOLE, _UNENDED or _END; -EAGAIN if more must be fed;
 * FLARE_E_LINE_TOO_LONG; -ENOMEM; what flare_read_fn returned.  `*line` is
 * written only with the first two, and otherwise nothing is consumed.
 *
 * A line that is too long stays where it is, so the same call fails again; it
 * can be dropped (flare_reader_skip) or read in pieces (flare_reader_some).
 */
FLARE_API FLARE_MUST_USE int flare_reader_line(flare_reader *r,
                                               struct flare_str *line);

/*
 * Reads the bytes before the first `delimiter`, of 1 to 16 bytes of any value,
 * and consumes both.  As flare_reader_line else; FLARE_E_RANGE if the delimiter
 * is none.
 */
FLARE_API FLARE_MUST_USE int flare_reader_until(flare_reader *r,
                                                struct flare_str delimiter,
                                                struct flare_str *out);

/*
 * Drops all bytes before the first `delimiter` and the delimiter, however many
 * they are: "\n" for a line.
 *
 * Returns FLARE_READ_WHOLE; FLARE_READ_END if the stream ended before it, and
 * all is dropped; -EAGAIN if more must be fed, and what cannot be part of a
 * delimiter is dropped: go on with the same call; FLARE_E_RANGE as above;
 * -ENOMEM; what flare_read_fn returned, as with -EAGAIN.
 */
FLARE_API FLARE_MUST_USE int flare_reader_skip(flare_reader *r,
                                               struct flare_str delimiter);

/*
 * Reads `size` bytes.  Lends them until the next call with this reader.
 *
 * Returns FLARE_READ_WHOLE, also for no bytes; FLARE_READ_END if the stream
 * ended and all of it had been read; FLARE_E_END_OF_STREAM if it ended within
 * these bytes, which flare_reader_some then gives; -EAGAIN if more must be fed;
 * FLARE_E_RANGE if `size` is above buffer_bytes_max; -ENOMEM; what
 * flare_read_fn returned.  `*out` is written only with the first, and otherwise
 * nothing is consumed.
 */
FLARE_API FLARE_MUST_USE int flare_reader_exact(flare_reader *r, size_t size,
                                                struct flare_str *out);

/*
 * Reads what is there, at least 1 and at most `size` bytes (0: none): what is
 * longer than the buffer is read so, piece by piece.  Lends as above.  Where
 * the cuts are depends on how the bytes came.
 *
 * Returns FLARE_READ_WHOLE, FLARE_READ_END, -EAGAIN, -ENOMEM, or what
 * flare_read_fn returned.  `*out` is written only with the first.
 */
FLARE_API FLARE_MUST_USE int flare_reader_some(flare_reader *r, size_t size,
                                               struct flare_str *out);

/* How many bytes can be read without any more being pulled or fed. */
FLARE_API size_t flare_reader_unread(const flare_reader *r);

#ifdef __cplusplus
}
#endif
#endif
