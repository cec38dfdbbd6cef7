/* SPDX-License-Identifier: MIT */
/* Placeholders; see text.h. */
#include "tools/bench/text.h"

#include "tools/common/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum piece_kind { LITERAL, SEQ, RAND, HEX, LINE };

struct text_piece {
    enum piece_kind kind;
    char *bytes; /* of LITERAL; of LINE the file, of which slices are lent */
    size_t len;
    uint64_t low; /* of RAND; of HEX the digits */
    uint64_t range;
    struct flare_str *lines;
    size_t line_count;
};

static void *must(void *memory)
{
    if (memory == NULL)
        tool_die("no memory");
    return memory;
}

/* ---- buffers ---- */

void text_out_add(struct text_out *out, struct flare_str bytes)
{
    size_t len = out->len + bytes.len;

    if (len > out->size) {
        out->size = 2 * len + 256;
        out->bytes = must(realloc(out->bytes, out->size));
    }
    if (bytes.len > 0)
        memcpy(out->bytes + out->len, bytes.ptr, bytes.len);
    out->len = len;
}

void text_out_fini(struct text_out *out)
{
    free(out->bytes);
    *out = (struct text_out){.bytes = NULL};
}

struct flare_str text_read_file(const char *what, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    struct text_out out = {.bytes = NULL};
    char block[16384];
    size_t len;

    if (file == NULL)
        tool_usage("%s: %s: %s", what, path, strerror(errno));
    while ((len = fread(block, 1, sizeof(block), file)) > 0) {
        text_out_add(&out, (struct flare_str){block, len});
        if (out.len > TEXT_FILE_MAX)
            tool_usage("%s: %s is larger than 64 MiB", what, path);
    }
    if (ferror(file))
        tool_usage("%s: %s: %s", what, path, strerror(errno));
    if (file != stdin)
        fclose(file);
    text_out_add(&out, (struct flare_str){"", 1});
    return (struct flare_str){out.bytes, out.len - 1};
}

/* ---- compiling ---- */

static struct text_piece *add_piece(struct text *text)
{
    text->pieces =
        must(realloc(text->pieces, (text->count + 1) * sizeof(*text->pieces)));
    text->pieces[text->count] = (struct text_piece){.kind = LITERAL};
    return &text->pieces[text->count++];
}

static void add_literal(struct text *text, struct flare_str bytes)
{
    struct text_piece *piece;

    if (bytes.len == 0)
        return;
    piece = add_piece(text);
    piece->bytes = must(malloc(bytes.len));
    piece->len = bytes.len;
    memcpy(piece->bytes, bytes.ptr, bytes.len);
}

static void compile_rand(struct text_piece *piece, const char *what,
                         const char *range)
{
    const char *dash = strchr(range, '-');
    char low[24];

    if (dash == NULL || (size_t)(dash - range) >= sizeof(low))
        tool_usage("%s: {rand:%s} is not like {rand:1-99}", what, range);
    memcpy(low, range, (size_t)(dash - range));
    low[dash - range] = '\0';
    piece->kind = RAND;
    piece->low = tool_number(what, low, 0, UINT64_MAX / 2);
    piece->range = tool_number(what, dash + 1, piece->low, UINT64_MAX / 2) -
                   piece->low + 1;
}

static void check_line(const char *what, struct flare_str line,
                       enum text_place place)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];

        if (c < ' ' || c == 0x7f || (place == TEXT_TARGET && c == ' '))
            tool_usage("%s: a line of {line:FILE} has a character that would "
                       "break the request: \\x%02x",
                       what, c);
    }
}

static void compile_line(struct text_piece *piece, const char *what,
                         const char *path, enum text_place place)
{
    struct flare_str rest = text_read_file(what, path);

    piece->kind = LINE;
    piece->bytes = (char *)rest.ptr; /* text_read_file gave it */
    while (rest.len > 0) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        size_t len = lf != NULL ? (size_t)(lf - rest.ptr) : rest.len;
        struct flare_str line = {rest.ptr, len};

        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (place != TEXT_BODY)
            check_line(what, line, place);
        if ((piece->line_count & (piece->line_count + 1)) == 0)
            piece->lines =
                must(realloc(piece->lines, 2 * (piece->line_count + 1) *
                                               sizeof(*piece->lines)));
        piece->lines[piece->line_count++] = line;
        len += lf != NULL;
        rest.ptr += len;
        rest.len -= len;
    }
    if (piece->line_count == 0)
        tool_usage("%s: %s is empty", what, path);
}

/* What begins with a brace: the length of a placeholder that has been compiled,
 * 0 if it is none. */
static size_t compile_brace(struct text *text, const char *what,
                            struct flare_str at, enum text_place place)
{
    const char *end = memchr(at.ptr, '}', at.len);
    char name[512];
    size_t len;

    if (end == NULL || (size_t)(end - at.ptr) >= sizeof(name))
        return 0;
    len = (size_t)(end - at.ptr) - 1;
    memcpy(name, at.ptr + 1, len);
    name[len] = '\0';
    if (strcmp(name, "seq") == 0) {
        add_piece(text)->kind = SEQ;
    } else if (strncmp(name, "rand:", 5) == 0) {
        compile_rand(add_piece(text), what, name + 5);
    } else if (strncmp(name, "hex:", 4) == 0) {
        struct text_piece *piece = add_piece(text);

        piece->kind = HEX;
        piece->low = tool_number(what, name + 4, 1, TEXT_HEX_MAX);
    } else if (strncmp(name, "line:", 5) == 0) {
        compile_line(add_piece(text), what, name + 5, place);
    } else {
        return 0;
    }
    text->is_fixed = false;
    return len + 2;
}

void text_compile(struct text *text, const char *what, struct flare_str source,
                  enum text_place place)
{
    struct flare_str plain = {source.ptr, 0};

    *text = (struct text){.is_fixed = true};
    for (size_t i = 0; i < source.len;) {
        struct flare_str at = {source.ptr + i, source.len - i};
        size_t pieces = text->count;
        size_t len = 0;

        if (*at.ptr == '{') {
            struct text one = {.is_fixed = true};

            len = compile_brace(&one, what, at, place);
            if (len > 0) {
                add_literal(text, plain);
                *add_piece(text) = *one.pieces;
                text->is_fixed = false;
                free(one.pieces);
                plain = (struct flare_str){at.ptr + len, 0};
            }
        }
        if (text->count == pieces)
            plain.len++;
        i += len > 0 ? len : 1;
    }
    add_literal(text, plain);
}

void text_fini(struct text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        free(text->pieces[i].bytes);
        free(text->pieces[i].lines);
    }
    free(text->pieces);
    *text = (struct text){.pieces = NULL};
}

/* ---- writing ---- */

struct text_pen text_pen(uint32_t index, uint32_t count)
{
    return (struct text_pen){
        .seq = index,
        .step = count,
        .random = UINT64_C(0x9e3779b97f4a7c15) * (index + 1),
    };
}

uint64_t text_random(struct text_pen *pen)
{
    uint64_t x = pen->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    pen->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

static void write_number(struct text_out *out, uint64_t value)
{
    char digits[24];
    int len =
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);

    text_out_add(out, (struct flare_str){digits, (size_t)len});
}

static void write_hex(struct text_out *out, struct text_pen *pen, size_t count)
{
    char digits[TEXT_HEX_MAX];
    uint64_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        if (i % 16 == 0)
            bits = text_random(pen);
        digits[i] = "0123456789abcdef"[bits & 15];
        bits >>= 4;
    }
    text_out_add(out, (struct flare_str){digits, count});
}

void text_write(const struct text *text, struct text_pen *pen,
                struct text_out *out)
{
    for (size_t i = 0; i < text->count; i++) {
        const struct text_piece *piece = &text->pieces[i];

        switch (piece->kind) {
        case LITERAL:
            text_out_add(out, (struct flare_str){piece->bytes, piece->len});
            break;
        case SEQ:
            write_number(out, pen->seq);
            break;
        case RAND:
            write_number(out, piece->low + text_random(pen) % piece->range);
            break;
        case HEX:
            write_hex(out, pen, piece->low);
            break;
        case LINE:
            text_out_add(out, piece->lines[pen->seq % piece->line_count]);
            break;
        }
    }
}
