/* SPDX-License-Identifier: MIT */
/* Follows what the decoder gives, message by message. */
#include "tests/support/frames_check.h"

#include "tests/support/guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 40, PIECE_MAX = 1 << 20 };

/* The message under way. */
struct message {
    bool is_open;
    bool is_in_frame;
    uint64_t left; /* of its frame */
    uint64_t len;
    char shown[SHOWN_MAX];
};

static _Noreturn void broken(const char *what)
{
    fprintf(stderr, "frames_check: %s\n", what);
    abort();
}

static void put(struct frames_trace *t, const char *format, ...)
    FLARE_PRINTF(2, 3);

static void put(struct frames_trace *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, format, args);
    va_end(args);
    t->len += (size_t)n;
    if (t->len >= sizeof(t->text))
        t->len = sizeof(t->text) - 1;
}

static void put_bytes(struct frames_trace *t, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x20 && c < 0x7f && c != '\\')
            put(t, "%c", c);
        else
            put(t, "\\%02x", c);
    }
}

/* "name(bytes)", or "name[number]" if there are too many. */
static void put_event(struct frames_trace *t, const char *name,
                      const char *bytes, uint64_t len)
{
    put(t, "%s%s", t->len > 0 ? " " : "", name);
    if (len > SHOWN_MAX) {
        put(t, "[%llu]", (unsigned long long)len);
        return;
    }
    put(t, "(");
    put_bytes(t, bytes, (size_t)len);
    put(t, ")");
}

static void put_close(struct frames_trace *t, const struct flare__ws_piece *p)
{
    if (p->close_code == FLARE__WS_CLOSE_NONE) {
        put_event(t, "close", NULL, 0);
        return;
    }
    put(t, "%sclose(%u", t->len > 0 ? " " : "", p->close_code);
    if (p->len > SHOWN_MAX) {
        put(t, " [%zu]", p->len);
    } else if (p->len > 0) {
        put(t, " ");
        put_bytes(t, p->ptr, p->len);
    }
    put(t, ")");
}

static void hash_bytes(struct frames_trace *t, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        t->hash = (t->hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
}

static void on_control(struct frames_trace *t, const struct flare__ws_piece *p)
{
    if (p->len > FLARE__WS_CONTROL_MAX || p->left != 0)
        broken("a control frame that is none");
    hash_bytes(t, p->ptr, p->len);
    if (p->opcode == FLARE__WS_CLOSE)
        put_close(t, p);
    else if (p->opcode == FLARE__WS_PING || p->opcode == FLARE__WS_PONG)
        put_event(t, p->opcode == FLARE__WS_PING ? "ping" : "pong", p->ptr,
                  p->len);
    else
        broken("a control frame of another kind");
}

static void on_data(struct frames_trace *t, struct message *m,
                    const struct flare__ws_piece *p)
{
    static const char *const names[] = {"text", "binary", "text*", "binary*"};
    size_t room;

    if (p->opcode != FLARE__WS_TEXT && p->opcode != FLARE__WS_BINARY)
        broken("a message of another kind");
    if (p->is_first == m->is_open || p->is_frame_start == m->is_in_frame)
        broken("a start that is none, or none that is");
    if (!p->is_frame_start && m->left != p->left + p->len)
        broken("bytes left that are not");
    if (p->is_first)
        *m = (struct message){.is_open = true};
    room = m->len < SHOWN_MAX ? SHOWN_MAX - (size_t)m->len : 0;
    if (p->len > 0 && room > 0)
        memcpy(m->shown + m->len, p->ptr, p->len < room ? p->len : room);
    m->len += p->len;
    m->left = p->left;
    m->is_in_frame = p->left > 0;
    hash_bytes(t, p->ptr, p->len);
    if (!p->is_last)
        return;
    if (p->left > 0)
        broken("a message that ends inside a frame");
    m->is_open = false;
    put_event(t, names[p->opcode - 1 + (p->is_compressed ? 2 : 0)], m->shown,
              m->len);
}

/* All that one piece of input gives; false at an error. */
static bool decode_piece(struct frames_trace *t, struct message *m,
                         struct flare__ws_decoder *d, struct flare__ws_bytes in)
{
    struct flare__ws_piece p;
    int rc;

    do {
        size_t before = in.len;

        rc = flare__ws_decode(d, &in, &p);
        t->consumed += before - in.len;
        if (rc < 0) {
            put(t, "%sfail(%u)", t->len > 0 ? " " : "", p.close_code);
            t->rc = rc;
            t->why = p.why;
            return false;
        }
        if (rc == FLARE__WS_MORE)
            break;
        if (in.len == before)
            broken("W24: nothing is consumed");
        if (rc == FLARE__WS_DATA)
            on_data(t, m, &p);
        else
            on_control(t, &p);
    } while (in.len > 0);
    if (in.len > 0)
        broken("input is left");
    return true;
}

void frames_decode(struct frames_trace *t, const struct flare__ws_rules *rules,
                   bool has_deflate, struct flare_str wire, size_t first,
                   size_t piece)
{
    struct message m = {.is_open = false};
    struct flare__ws_decoder d;
    struct guard g;
    size_t n = first;
    bool is_well = true;

    guard_init(&g, wire.len < PIECE_MAX ? wire.len + 1 : PIECE_MAX);
    flare__ws_decoder_init(&d, rules, has_deflate);
    *t = (struct frames_trace){.hash = 1469598103934665603u};
    for (size_t at = 0; at < wire.len && is_well; at += n, n = piece) {
        char *copy;

        if (n > wire.len - at)
            n = wire.len - at;
        copy = guard_last(&g, n);
        memcpy(copy, wire.ptr + at, n);
        is_well = decode_piece(t, &m, &d, (struct flare__ws_bytes){copy, n});
    }
    if (is_well && !flare__ws_decoder_is_between(&d))
        put(t, "%s~", t->len > 0 ? " " : "");
    flare__ws_decoder_fini(&d);
    guard_fini(&g);
}

const char *frames_differ(const struct frames_trace *a,
                          const struct frames_trace *b)
{
    if (strcmp(a->text, b->text) != 0)
        return "what was given";
    if (a->rc != b->rc || a->why != b->why)
        return "the error";
    return a->rc == 0 && a->hash != b->hash ? "the bytes given" : NULL;
}
