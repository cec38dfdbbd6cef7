/* SPDX-License-Identifier: MIT */
/*
 * Any calls of the JSON writer: what it finishes is one JSON text with the
 * strings that were given, the same in memory and through a sink; and whether
 * it finishes is what a second, simpler account of the rules says.
 *
 * A byte is a call; strings take their length and bytes from behind it.
 */
#include "http/json.h"

#include "tests/support/json_check.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 16, CALLS = 11 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The account: what is open, and what the writer has been given. */
struct model {
    char open[80]; /* '{', '[', or ':' behind a key */
    int depth;
    int count; /* of '{' and '[' in it */
    bool is_wrong;
    bool is_done;
};

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

struct input {
    const uint8_t *at;
    size_t left;
};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_json: %s\n", what);
        abort();
    }
}

static char top(const struct model *m)
{
    return m->depth > 0 ? m->open[m->depth - 1] : '\0';
}

static void model_value(struct model *m)
{
    if (m->is_done || top(m) == '{')
        m->is_wrong = true;
    else if (top(m) == ':')
        m->depth--;
    m->is_done = m->is_done || m->depth == 0;
}

static void model_begin(struct model *m, char bracket)
{
    model_value(m);
    if (++m->count > FLARE_JSON_DEPTH_MAX)
        m->is_wrong = true;
    if (m->is_wrong)
        return;
    m->is_done = false;
    m->open[m->depth++] = bracket;
}

static void model_end(struct model *m, char bracket)
{
    if (m->is_wrong || top(m) != bracket) {
        m->is_wrong = true;
        return;
    }
    m->depth--;
    m->count--;
    m->is_done = m->depth == 0;
}

static void model_key(struct model *m)
{
    if (m->is_wrong || top(m) != '{')
        m->is_wrong = true;
    else
        m->open[m->depth++] = ':';
}

static int text_write(void *ctx, struct flare_str bytes)
{
    struct text *text = ctx;

    check(bytes.len > 0, "the sink got nothing");
    check(bytes.len <= sizeof(text->bytes) - text->len, "too much text");
    memcpy(text->bytes + text->len, bytes.ptr, bytes.len);
    text->len += bytes.len;
    return 0;
}

/* The strings of the text, one behind another. */
static void text_keep(void *ctx, struct flare_str string)
{
    if (string.len > 0)
        (void)text_write(ctx, string);
}

static struct flare_str take_string(struct input *in)
{
    struct flare_str string = {"", 0};

    if (in->left == 0)
        return string;
    string.len = in->at[0] & 31;
    if (string.len > in->left - 1)
        string.len = in->left - 1;
    string.ptr = (const char *)in->at + 1;
    in->at += 1 + string.len;
    in->left -= 1 + string.len;
    return string;
}

static uint64_t take_bits(struct input *in)
{
    uint64_t bits = 0;
    size_t len = in->left < sizeof(bits) ? in->left : sizeof(bits);

    if (len > 0)
        memcpy(&bits, in->at, len);
    in->at += len;
    in->left -= len;
    return bits;
}

static double take_double(struct input *in)
{
    uint64_t bits = take_bits(in);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return isfinite(value) ? value : 1e300;
}

/* One call to the writer, from a copy of the input. */
static void play(struct flare_json *json, unsigned call, struct input in)
{
    switch (call) {
    case 0:
        flare_json_begin_object(json);
        break;
    case 1:
        flare_json_end_object(json);
        break;
    case 2:
        flare_json_begin_array(json);
        break;
    case 3:
        flare_json_end_array(json);
        break;
    case 4:
        flare_json_key_str(json, take_string(&in));
        break;
    case 5:
        flare_json_string(json, take_string(&in));
        break;
    case 6:
        flare_json_i64(json, (int64_t)take_bits(&in));
        break;
    case 7:
        flare_json_u64(json, UINT64_MAX);
        break;
    case 8:
        flare_json_double(json, take_double(&in));
        break;
    case 9:
        flare_json_bool(json, in.left & 1);
        break;
    default:
        flare_json_null(json);
    }
}

static void account(struct model *m, unsigned call, struct input *in,
                    struct text *strings)
{
    bool is_key = call == 4;

    switch (call) {
    case 0:
        model_begin(m, '{');
        break;
    case 1:
        model_end(m, '{');
        break;
    case 2:
        model_begin(m, '[');
        break;
    case 3:
        model_end(m, '[');
        break;
    case 4:
    case 5:
        if (is_key)
            model_key(m);
        else
            model_value(m);
        text_keep(strings, take_string(in));
        break;
    case 6:
    case 8:
        model_value(m);
        (void)take_bits(in);
        break;
    default:
        model_value(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct text sunk, given, read;
    struct flare_json json, piped;
    struct input in = {data, size};
    struct model model = {.depth = 0};
    struct flare_str text;
    int rc;

    if (size > 2048)
        return 0;
    sunk.len = given.len = read.len = 0;
    flare_json_init(&json, NULL, TEXT_MAX);
    flare_json_init_sink(&piped, text_write, &sunk);
    while (in.left > 0) {
        unsigned call = *in.at++ % CALLS;

        in.left--;
        play(&json, call, in);
        play(&piped, call, in);
        account(&model, call, &in, &given);
    }
    rc = flare_json_finish(&json);
    check(flare_json_finish(&piped) == rc, "memory and sink do not agree");
    text = flare_json_bytes(&json);
    check(rc == 0 || text.len == 0, "a text in spite of an error");
    check(rc != 0 || (model.is_done && !model.is_wrong), "took what is wrong");
    check(rc == 0 || rc == -EILSEQ || model.is_wrong || !model.is_done,
          "refused what is right");
    if (rc == 0) {
        const char *wrong =
            json_check(text, FLARE_JSON_DEPTH_MAX, text_keep, &read);

        check(wrong == NULL, wrong);
        check(read.len == given.len &&
                  memcmp(read.bytes, given.bytes, read.len) == 0,
              "the strings are others");
        check(text.len == sunk.len &&
                  memcmp(text.ptr, sunk.bytes, text.len) == 0,
              "the sink got another text");
    }
    flare_json_fini(&json);
    flare_json_fini(&piped);
    return 0;
}
