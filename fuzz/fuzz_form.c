/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a query or urlencoded form.  What is taken, written again with
 * every byte escaped, is taken as the same; so is a part of it between two '&'
 * alone.  No name has a control character, nothing a NUL.
 */
#include "base/alloc.h"
#include "http/params.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14 };

static void check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_form: %s\n", what);
    abort();
}

static size_t escape(char *out, struct flare_str text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        out[3 * i] = '%';
        out[3 * i + 1] = hex[c >> 4];
        out[3 * i + 2] = hex[c & 15];
    }
    return 3 * text.len;
}

static void check_text(struct flare_str text, bool is_name)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        check(c != 0, "NUL");
        check(!is_name || (c >= 0x20 && c != 0x7F), "control in a name");
    }
}

static void check_same(const struct flare__params *a,
                       const struct flare__params *b)
{
    check(b->rc == 0, "refused when written again");
    check(a->count == b->count, "another count when written again");
    for (uint32_t i = 0; i < a->count; i++) {
        check(flare_str_equal(a->list[i].name, b->list[i].name), "other name");
        check(flare_str_equal(a->list[i].value, b->list[i].value),
              "other value");
    }
}

/* The pairs, every byte escaped, read again. */
static void check_written(const struct flare__params *p,
                          struct flare__arena *arena)
{
    static char text[3 * INPUT_MAX + 4096];
    struct flare__params again;
    size_t len = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        check_text(p->list[i].name, /* is_name = */ true);
        check_text(p->list[i].value, /* is_name = */ false);
        len += escape(text + len, p->list[i].name);
        text[len++] = '=';
        len += escape(text + len, p->list[i].value);
        text[len++] = '&';
    }
    flare__params_parse(&again, arena, (struct flare_str){text, len});
    check_same(p, &again);
}

/* Each piece between two '&' alone: all are taken, or not all of it was. */
static void check_pieces(const struct flare__params *p,
                         struct flare__arena *arena, struct flare_str text)
{
    uint32_t count = 0;
    bool is_bad = false;

    while (text.len > 0) {
        const char *end = memchr(text.ptr, '&', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        struct flare__params piece;

        flare__params_parse(&piece, arena, (struct flare_str){text.ptr, len});
        is_bad = is_bad || piece.rc < 0;
        count += piece.rc < 0 ? 1 : piece.count;
        len += end != NULL;
        text = (struct flare_str){text.ptr + len, text.len - len};
    }
    check((p->rc == 0) == (!is_bad && count <= FLARE__PARAMS_MAX),
          "a piece is not judged as the whole");
    check(p->rc < 0 || p->count == count, "the pieces are not the whole");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_str text = {(const char *)data, size};
    struct flare__arena arena;
    struct flare__params p;

    if (size > INPUT_MAX)
        return 0;
    flare__arena_init(&arena, &flare__allocator_default, 4096, 1 << 24);
    flare__params_parse(&p, &arena, text);
    check(p.rc == 0 || p.rc == FLARE_E_BAD_INPUT, "another error");
    check(p.rc == 0 || p.count == 0, "pairs after an error");
    if (p.rc == 0)
        check_written(&p, &arena);
    check_pieces(&p, &arena, text);
    flare__arena_fini(&arena);
    return 0;
}
