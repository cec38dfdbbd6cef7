/* SPDX-License-Identifier: MIT */
/*
 * Both sides write what they saw into a log; the logs are compared.  What is
 * fed or pulled ends at an unmapped page and is gone with the next piece.
 *
 * A line that is too long is skipped: through its delimiter, as a user would.
 * A script ends with the stream.
 */
#include "tests/support/reader_check.h"

#include "tests/support/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct log {
    size_t len;
    char text[24 * READER_INPUT_MAX];
};

/* The input in pieces: the first, then equal ones. */
struct source {
    struct flare_str input;
    size_t at;
    size_t first;
    size_t step;
    size_t buffer_max;
    bool is_pulled;
};

static struct guard memory;
static struct log wanted;
static struct log got;
static char wrong[256];

static void log_add(struct log *log, int rc, struct flare_str bytes)
{
    size_t room = sizeof(log->text) - log->len;
    int n = snprintf(log->text + log->len, room, "%d:%zu:", rc, bytes.len);

    if (n < 0 || (size_t)n + bytes.len + 1 > room)
        abort();
    if (bytes.len > 0)
        memcpy(log->text + log->len + n, bytes.ptr, bytes.len);
    log->len += (size_t)n + bytes.len;
}

static const struct flare_str nothing;

/* ---- the oracle ---- */

static size_t naive_find(struct flare_str text, struct flare_str delimiter)
{
    for (size_t i = 0; i + delimiter.len <= text.len; i++) {
        if (memcmp(text.ptr + i, delimiter.ptr, delimiter.len) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void naive_drop(struct flare_str *left, size_t size)
{
    left->ptr += size;
    left->len -= size;
}

static void naive_skip(struct flare_str *left, struct flare_str delimiter)
{
    size_t at = naive_find(*left, delimiter);

    naive_drop(left, at == SIZE_MAX ? left->len : at + delimiter.len);
    log_add(&wanted, at == SIZE_MAX ? 0 : 1, nothing);
}

/* A line if the delimiter has no length. */
static void naive_piece(struct flare_str *left, struct flare_str delimiter,
                        size_t line_max)
{
    bool is_line = delimiter.len == 0;
    struct flare_str end = is_line ? FLARE_STR("\n") : delimiter;
    size_t at = naive_find(*left, end);
    size_t size = at == SIZE_MAX ? left->len : at;
    int rc = at == SIZE_MAX ? 2 : 1;

    if (is_line && rc == 1 && size > 0 && left->ptr[size - 1] == '\r')
        size--;
    if (left->len == 0) {
        log_add(&wanted, 0, nothing);
    } else if (size > line_max) {
        log_add(&wanted, FLARE_E_LINE_TOO_LONG, nothing);
        naive_skip(left, end);
    } else {
        log_add(&wanted, rc, (struct flare_str){left->ptr, size});
        naive_drop(left, at == SIZE_MAX ? left->len : at + end.len);
    }
}

static void naive_exact(struct flare_str *left, size_t size)
{
    if (left->len == 0) {
        log_add(&wanted, 0, nothing);
    } else if (left->len < size) {
        log_add(&wanted, FLARE_E_END_OF_STREAM, nothing);
        log_add(&wanted, 1, *left);
        naive_drop(left, left->len);
    } else {
        log_add(&wanted, 1, (struct flare_str){left->ptr, size});
        naive_drop(left, size);
    }
}

static void naive_body(struct flare_str *left, size_t size)
{
    size_t len = size < left->len ? size : left->len;

    log_add(&wanted, len > 0, (struct flare_str){left->ptr, len});
    naive_drop(left, len);
}

static void naive_run(const struct reader_script *script,
                      struct flare_str input)
{
    static const struct flare_str line;
    struct flare_str left = input;

    wanted.len = 0;
    for (size_t i = 0; left.len > 0; i++) {
        const struct reader_step *step = &script->steps[i % script->count];

        if (step->call == READER_LINE)
            naive_piece(&left, line, script->line_max);
        else if (step->call == READER_UNTIL)
            naive_piece(&left, step->delimiter, script->line_max);
        else if (step->call == READER_SKIP)
            naive_skip(&left, step->delimiter);
        else if (step->call == READER_EXACT)
            naive_exact(&left, step->size);
        else
            naive_body(&left, step->size);
    }
    log_add(&wanted, 0, nothing);
}

/* ---- ours ---- */

/* The next piece, of at most `max` bytes. */
static struct flare_str source_next(struct source *s, size_t max)
{
    size_t size = s->at == 0 && s->first > 0 ? s->first : s->step;
    struct flare_str piece;

    if (size > s->input.len - s->at)
        size = s->input.len - s->at;
    if (size > max)
        size = max;
    piece.ptr = guard_put(&memory, s->input.ptr + s->at, size);
    piece.len = size;
    s->at += size;
    return piece;
}

static int source_pull(void *ctx, void *buf, size_t size)
{
    struct flare_str piece = source_next(ctx, size);

    if (size == 0)
        abort();
    if (piece.len > 0)
        memcpy(buf, piece.ptr, piece.len);
    return (int)piece.len;
}

static int call_once(flare_reader *r, const struct reader_step *step,
                     struct flare_str *out)
{
    switch (step->call) {
    case READER_LINE:
        return flare_reader_line(r, out);
    case READER_UNTIL:
        return flare_reader_until(r, step->delimiter, out);
    case READER_EXACT:
        return flare_reader_exact(r, step->size, out);
    case READER_BODY:
        return flare_reader_some(r, step->size, out);
    case READER_SKIP:
        break;
    }
    return flare_reader_skip(r, step->delimiter);
}

/* The call, feeding what it asks for. */
static int call(flare_reader *r, struct source *s,
                const struct reader_step *step, struct flare_str *out)
{
    int rc = call_once(r, step, out);

    while (rc == -EAGAIN && !s->is_pulled) {
        size_t room = s->buffer_max - flare_reader_unread(r);

        if (s->at == s->input.len)
            flare_reader_end(r);
        else if (flare_reader_feed(r, source_next(s, room)) < 0)
            return -ENOBUFS;
        rc = call_once(r, step, out);
    }
    return rc;
}

static int run_body(flare_reader *r, struct source *s,
                    const struct reader_step *step)
{
    static char bytes[READER_INPUT_MAX];
    struct reader_step part = *step;
    size_t len = 0;
    int rc = 1;

    while (part.size > 0 && rc > 0) {
        struct flare_str piece = nothing;

        rc = call(r, s, &part, &piece);
        if (rc > 0 && (piece.len == 0 || piece.len > part.size))
            return -EINVAL;
        if (piece.len > 0)
            memcpy(bytes + len, piece.ptr, piece.len);
        len += piece.len;
        part.size -= piece.len;
    }
    log_add(&got, len > 0 && rc >= 0 ? 1 : rc, (struct flare_str){bytes, len});
    return rc;
}

/* 0 after the end, < 0 where it cannot go on. */
static int run_step(flare_reader *r, struct source *s,
                    const struct reader_step *step)
{
    struct reader_step rest = {READER_SKIP, step->delimiter, READER_INPUT_MAX};
    struct flare_str out = nothing;
    int rc;

    if (step->call == READER_BODY)
        return run_body(r, s, step);
    rc = call(r, s, step, &out);
    log_add(&got, rc, out);
    if (rc == FLARE_E_LINE_TOO_LONG) {
        if (call(r, s, step, &out) != rc)
            return -EINVAL;
        if (step->call == READER_LINE)
            rest.delimiter = FLARE_STR("\n");
        rc = call(r, s, &rest, &out);
        log_add(&got, rc, nothing);
    } else if (rc == FLARE_E_END_OF_STREAM) {
        rest.call = READER_BODY;
        rc = run_body(r, s, &rest);
    }
    return rc;
}

static const char *run_cut(const struct reader_script *script,
                           struct source source)
{
    struct flare_reader_options options = {
        .line_bytes_max = script->line_max,
        .buffer_bytes_max = script->buffer_max,
    };
    struct source *s = &source;
    struct reader_step nothing_left = {READER_BODY, nothing, 1};
    struct flare_str out;
    flare_reader *r;
    int rc;

    if (flare_reader_new(&r, &options, s->is_pulled ? source_pull : NULL, s) <
        0)
        return "no reader";
    got.len = 0;
    for (size_t i = 0; flare_reader_unread(r) > 0 || s->at < s->input.len;
         i++) {
        rc = run_step(r, s, &script->steps[i % script->count]);
        if (rc < 0)
            break;
    }
    log_add(&got, call(r, s, &nothing_left, &out), nothing);
    flare_reader_free(r);
    if (got.len == wanted.len && memcmp(got.text, wanted.text, got.len) == 0)
        return NULL;
    snprintf(wrong, sizeof(wrong),
             "%s, cut at %zu, then %zu: \"%.*s\", not \"%.*s\"",
             s->is_pulled ? "pulled" : "fed", s->first, s->step,
             (int)(got.len < 80 ? got.len : 80), got.text,
             (int)(wanted.len < 80 ? wanted.len : 80), wanted.text);
    return wrong;
}

const char *reader_check(const struct reader_script *script,
                         struct flare_str input, enum reader_cuts cuts)
{
    static const size_t steps[] = {1, 2, 3, 7, 16, 61, READER_INPUT_MAX};
    const char *error = NULL;

    if (memory.base == NULL)
        guard_init(&memory, READER_INPUT_MAX);
    if (input.len > READER_INPUT_MAX)
        abort();
    naive_run(script, input);
    for (int form = 0; error == NULL && form < 2; form++) {
        struct source s = {.input = input, .is_pulled = form == 1};

        s.buffer_max =
            script->buffer_max > 0 ? script->buffer_max : READER_INPUT_MAX;
        for (size_t i = 0; error == NULL && i < sizeof(steps) / sizeof(*steps);
             i++) {
            s.step = steps[i];
            error = run_cut(script, s);
        }
        s.step = READER_INPUT_MAX;
        if (cuts == READER_CUT_EVERY)
            for (s.first = 1; error == NULL && s.first < input.len; s.first++)
                error = run_cut(script, s);
    }
    return error;
}
