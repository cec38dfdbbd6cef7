/* SPDX-License-Identifier: MIT */
/*
 * Text with placeholders, compiled once and written many times:
 *
 *     {seq}        a number that no two requests of a run share, from 0
 *     {rand:1-99}  a number of that range, each as likely
 *     {hex:16}     so many random hexadecimal digits, up to 64
 *     {line:FILE}  a line of the file, one after the other, then again
 *
 * Any other brace is itself.  What is compiled is read by all threads; each
 * has a pen of its own, from which it is written.
 */
#ifndef TOOL_BENCH_TEXT_H
#define TOOL_BENCH_TEXT_H

#include <flare/base.h>

enum { TEXT_HEX_MAX = 64, TEXT_FILE_MAX = 64 * 1024 * 1024 };

struct text_piece;

struct text {
    struct text_piece *pieces;
    size_t count;
    bool is_fixed; /* no placeholder in it */
};

/* A growing buffer; zeroed at first, freed with text_out_fini. */
struct text_out {
    char *bytes;
    size_t len;
    size_t size;
};

/* What changes from one writing to the next. */
struct text_pen {
    uint64_t seq;  /* of the next request */
    uint64_t step; /* from one to the next */
    uint64_t random;
};

/* Where a text will stand decides what may be in a line of a file. */
enum text_place { TEXT_TARGET, TEXT_FIELD, TEXT_BODY };

/* Compiles `source`, of which it keeps nothing; a faulty placeholder ends the
 * program as a usage error that names `what`. */
void text_compile(struct text *text, const char *what, struct flare_str source,
                  enum text_place place);

/* Writes it behind what is in `out`. */
void text_write(const struct text *text, struct text_pen *pen,
                struct text_out *out);

void text_fini(struct text *text);

/* Ends the program without memory. */
void text_out_add(struct text_out *out, struct flare_str bytes);
void text_out_fini(struct text_out *out);

/* A pen of thread `index` of `count`. */
struct text_pen text_pen(uint32_t index, uint32_t count);

/* The next random number; xorshift64*, which is plenty for load. */
uint64_t text_random(struct text_pen *pen);

/* A whole file, terminated by a NUL that is not counted; what fails ends the
 * program.  Freed with free. */
struct flare_str text_read_file(const char *what, const char *path);

#endif
