/* SPDX-License-Identifier: MIT */
/* See screen.h. */
#include "tools/get/screen.h"

#include "tools/common/tool.h"

#include <string.h>

void screen_begin(struct screen *screen, FILE *file, bool is_json)
{
    memset(screen, 0, sizeof(*screen));
    screen->file = file;
    screen->is_json = is_json;
}

static void put_style(struct screen *s, enum tool_style style)
{
    fputs(tool_style(s->file, style), s->file);
}

/* How many bytes the character has that begins with `lead`; of what begins
 * none 1. */
static size_t length_of(unsigned char lead)
{
    return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* One whole character, or a byte that is none. */
static void put_character(struct screen *s, struct flare_str character)
{
    s->last = (unsigned char)character.ptr[0];
    if (character.len == 1 && (s->last == '\n' || s->last == '\t'))
        fputc(s->last, s->file);
    else
        tool_put_escaped(s->file, character);
}

/* ---- JSON ---- */

static bool is_in_object(const struct screen *s)
{
    return s->depth > 0 && s->depth <= SCREEN_DEPTH_MAX &&
           (s->objects >> (s->depth - 1) & 1) != 0;
}

static void new_line(struct screen *s)
{
    unsigned depth = s->depth < SCREEN_DEPTH_MAX ? s->depth : SCREEN_DEPTH_MAX;

    fprintf(s->file, "\n%*s", (int)depth * 2, "");
}

static void end_word(struct screen *s)
{
    if (s->in_word)
        put_style(s, TOOL_PLAIN);
    s->in_word = false;
}

/* A value begins, or a key. */
static void before_value(struct screen *s)
{
    if (s->is_fresh)
        new_line(s);
    s->is_fresh = false;
}

static void open_bracket(struct screen *s, char c)
{
    before_value(s);
    fputc(c, s->file);
    s->depth++;
    if (s->depth <= SCREEN_DEPTH_MAX) {
        uint64_t bit = (uint64_t)1 << (s->depth - 1);

        s->objects = c == '{' ? s->objects | bit : s->objects & ~bit;
    }
    s->is_fresh = true;
    s->wants_key = c == '{';
}

static void close_bracket(struct screen *s, char c)
{
    if (s->depth > 0)
        s->depth--;
    if (!s->is_fresh)
        new_line(s);
    s->is_fresh = false;
    s->wants_key = false;
    fputc(c, s->file);
}

static void put_quote(struct screen *s)
{
    if (s->in_string) {
        fputc('"', s->file);
        put_style(s, TOOL_PLAIN);
        s->in_string = false;
        return;
    }
    before_value(s);
    s->in_string = true;
    s->is_key = is_in_object(s) && s->wants_key;
    put_style(s, s->is_key ? TOOL_BLUE : TOOL_GREEN);
    fputc('"', s->file);
}

static void put_in_string(struct screen *s, struct flare_str character)
{
    char c = character.ptr[0];

    if (c == '"' && !s->is_escaped) {
        put_quote(s);
        return;
    }
    s->is_escaped = c == '\\' && !s->is_escaped;
    tool_put_escaped(s->file, character);
}

static void put_between(struct screen *s, struct flare_str character)
{
    char c = character.ptr[0];

    if (strchr(" \t\r\n,:{}[]\"", c) != NULL)
        end_word(s);
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return;
    case '{':
    case '[':
        open_bracket(s, c);
        return;
    case '}':
    case ']':
        close_bracket(s, c);
        return;
    case ',':
        fputc(',', s->file);
        new_line(s);
        s->wants_key = is_in_object(s);
        return;
    case ':':
        fputs(": ", s->file);
        s->wants_key = false;
        return;
    case '"':
        put_quote(s);
        return;
    default:
        break;
    }
    before_value(s);
    if (!s->in_word)
        put_style(s, TOOL_YELLOW);
    s->in_word = true;
    tool_put_escaped(s->file, character);
}

static void put_json(struct screen *s, struct flare_str character)
{
    s->last = (unsigned char)character.ptr[0];
    if (s->last == '\0')
        fputs("\\x00", s->file);
    else if (s->in_string)
        put_in_string(s, character);
    else
        put_between(s, character);
}

/* ---- pieces ---- */

static void put(struct screen *s, struct flare_str character)
{
    if (s->is_json)
        put_json(s, character);
    else
        put_character(s, character);
}

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* A carriage return before a line's end is dropped with it held back. */
static void put_all(struct screen *s, struct flare_str bytes, bool is_end)
{
    while (bytes.len > 0) {
        size_t want = length_of((unsigned char)bytes.ptr[0]);
        size_t len = 1;

        if (bytes.ptr[0] == '\r' && !s->is_json)
            want = 2;
        while (len < want && len < bytes.len &&
               (is_tail(bytes.ptr[len]) || bytes.ptr[0] == '\r'))
            len++;
        if (len < want && len == bytes.len && !is_end) {
            memcpy(s->carry, bytes.ptr, len);
            s->carry_len = len;
            return;
        }
        if (bytes.ptr[0] == '\r' && !s->is_json)
            len = 1;
        if (!(bytes.ptr[0] == '\r' && bytes.len > 1 && bytes.ptr[1] == '\n' &&
              !s->is_json))
            put(s, (struct flare_str){bytes.ptr, len});
        bytes.ptr += len;
        bytes.len -= len;
    }
}

void screen_put(struct screen *screen, struct flare_str piece)
{
    char front[8];

    while (screen->carry_len > 0 && piece.len > 0) {
        size_t have = screen->carry_len;

        memcpy(front, screen->carry, have);
        front[have] = piece.ptr[0];
        piece.ptr++;
        piece.len--;
        screen->carry_len = 0;
        put_all(screen, (struct flare_str){front, have + 1},
                /* is_end = */ false);
    }
    put_all(screen, piece, /* is_end = */ false);
}

void screen_end(struct screen *screen)
{
    char front[4];
    size_t have = screen->carry_len;

    memcpy(front, screen->carry, sizeof(front));
    screen->carry_len = 0;
    put_all(screen, (struct flare_str){front, have}, /* is_end = */ true);
    end_word(screen);
    if (screen->in_string)
        put_style(screen, TOOL_PLAIN);
    if (screen->last != 0 && (screen->last != '\n' || screen->is_json))
        fputc('\n', screen->file);
}
