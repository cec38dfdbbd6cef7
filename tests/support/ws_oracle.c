/* SPDX-License-Identifier: MIT */
/* See ws_oracle.h.  Written from the RFCs: 6455 sections 5 to 8, 7692 7. */
#include "tests/support/ws_oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FLARE_HAVE_ZLIB
#include <zlib.h>
#endif

struct buffer {
    unsigned char *bytes;
    size_t len, cap;
};

/* UTF-8 by the table of its section 3.7, well-formed sequences. */
struct utf8 {
    unsigned need;
    unsigned low, high; /* of the next continuation */
};

struct reader {
    struct ws_oracle *o;
    const struct ws_oracle_rules *rules;
    const unsigned char *p, *end;
    struct buffer message; /* plain or inflated */
    struct buffer past;    /* inflated before, for references */
    struct utf8 utf8;
    unsigned kind; /* of the message; 0: none */
    uint64_t sent; /* its bytes, as they come */
    uint32_t frames;
    bool is_deflated;
#ifdef FLARE_HAVE_ZLIB
    z_stream z;
    bool is_last; /* behind a block with BFINAL */
#endif
};

static void buffer_put(struct buffer *b, const void *bytes, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->bytes = realloc(b->bytes, b->cap);
        if (b->bytes == NULL)
            abort();
    }
    if (len > 0)
        memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static bool utf8_byte(struct utf8 *u, unsigned c)
{
    if (u->need > 0) {
        if (c < u->low || c > u->high)
            return false;
        u->need--;
        u->low = 0x80;
        u->high = 0xbf;
        return true;
    }
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    u->need = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    return c < 0x80 || (c >= 0xc2 && c <= 0xf4);
}

static bool utf8_bytes(struct utf8 *u, const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!utf8_byte(u, p[i]))
            return false;
    }
    return true;
}

/* ---- words ---- */

static void word_put(struct reader *r, unsigned kind, unsigned code,
                     const unsigned char *bytes, size_t len)
{
    struct ws_oracle_word *w;

    if (r->o->count == WS_ORACLE_WORDS)
        return;
    w = &r->o->words[r->o->count++];
    memset(w, 0, sizeof(*w));
    w->kind = (int)kind;
    w->code = code;
    w->len = len;
    w->hash = 1469598103934665603u;
    for (size_t i = 0; i < len; i++)
        w->hash = (w->hash ^ bytes[i]) * 0x100000001b3u;
    if (len > 0)
        memcpy(w->shown, bytes, len < sizeof(w->shown) ? len : WS_ORACLE_SHOWN);
}

static bool fail(struct reader *r, unsigned code)
{
    word_put(r, WS_ORACLE_FAIL, code, NULL, 0);
    return false;
}

static bool fail_coding(struct reader *r, unsigned code)
{
    r->o->is_coding = true;
    return fail(r, code);
}

/* ---- inflating ---- */

#ifdef FLARE_HAVE_ZLIB
static void past_forget(struct reader *r)
{
    (void)inflateReset(&r->z);
    r->past.len = 0;
}

/* Behind BFINAL the next block may still refer to all that was said. */
static void past_go_on(struct reader *r)
{
    size_t n = r->past.len < 32768 ? r->past.len : 32768;

    (void)inflateReset(&r->z);
    if (n > 0)
        (void)inflateSetDictionary(&r->z, r->past.bytes + r->past.len - n,
                                   (uInt)n);
    r->is_last = false;
}

/* One byte more; `is_tail`: of the four that the sender has cut off. */
static bool inflate_byte(struct reader *r, unsigned char c, bool is_tail)
{
    unsigned char out[512];
    int rc;

    if (r->is_last)
        past_go_on(r);
    r->z.next_in = &c;
    r->z.avail_in = 1;
    do {
        size_t n;

        r->z.next_out = out;
        r->z.avail_out = sizeof(out);
        rc = inflate(&r->z, is_tail ? Z_BLOCK : Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END)
            return fail_coding(r, 1007);
        n = sizeof(out) - r->z.avail_out;
        buffer_put(&r->message, out, n);
        buffer_put(&r->past, out, n);
        if (r->message.len > r->rules->bytes_max)
            return fail_coding(r, 1009);
        if (r->kind == WS_ORACLE_TEXT && !utf8_bytes(&r->utf8, out, n))
            return fail_coding(r, 1007);
    } while (rc != Z_STREAM_END && (r->z.avail_in > 0 || r->z.avail_out == 0));
    r->is_last = rc == Z_STREAM_END;
    return true;
}

static bool inflate_end(struct reader *r)
{
    static const unsigned char tail[] = {0, 0, 0xff, 0xff};

    if (!r->is_last) {
        for (size_t i = 0; i < sizeof(tail); i++) {
            if (!inflate_byte(r, tail[i], /* is_tail = */ true))
                return false;
            if (r->is_last)
                return fail_coding(r, 1007);
        }
        if ((r->z.data_type & (128 | 64)) != 128)
            return fail_coding(r, 1007);
    } else {
        past_go_on(r);
    }
    if (!r->rules->has_takeover)
        past_forget(r);
    return true;
}

static bool inflate_bytes(struct reader *r, const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!inflate_byte(r, p[i], /* is_tail = */ false))
            return false;
    }
    return true;
}
#else
static bool inflate_bytes(struct reader *r, const unsigned char *p, size_t len)
{
    (void)p;
    (void)len;
    return fail_coding(r, 1007);
}

static bool inflate_end(struct reader *r)
{
    return fail_coding(r, 1007);
}
#endif

/* ---- frames ---- */

struct frame {
    unsigned opcode;
    bool is_fin, is_masked, rsv1;
    uint64_t len;
    const unsigned char *key;
};

/* What the first two bytes say: false if a rule is broken. */
static bool head_start(struct reader *r, struct frame *f)
{
    unsigned first = r->p[0], second = r->p[1];
    bool is_start;

    f->opcode = first & 15;
    f->is_fin = first & 0x80;
    f->rsv1 = first & 0x40;
    f->is_masked = second & 0x80;
    is_start = f->opcode == 1 || f->opcode == 2;
    if ((first & 0x30) != 0 || f->is_masked == r->rules->is_client)
        return fail(r, 1002);
    if (f->rsv1 && (!r->rules->has_deflate || !is_start))
        return fail(r, 1002);
    if (f->opcode >= 8) {
        if (f->opcode > 10 || !f->is_fin || (second & 127) > 125)
            return fail(r, 1002);
        return (f->opcode == 8 && (second & 127) == 1) ? fail(r, 1002) : true;
    }
    if (f->opcode > 2 || is_start == (r->kind != 0))
        return fail(r, 1002);
    return true;
}

/* The rest of the header: 1, 0 if it is cut, -1 if a rule is broken. */
static int head_rest(struct reader *r, struct frame *f)
{
    unsigned code = r->p[1] & 127;
    size_t more = code == 126 ? 2 : code == 127 ? 8 : 0;
    size_t size = 2 + more + (f->is_masked ? 4 : 0);

    if ((size_t)(r->end - r->p) < size)
        return 0;
    f->len = more == 0 ? code : 0;
    for (size_t i = 0; i < more; i++)
        f->len = f->len << 8 | r->p[2 + i];
    f->key = r->p + size - 4;
    r->p += size;
    if (f->len >> 63 != 0 || (more == 2 && f->len < 126) ||
        (more == 8 && f->len < 65536))
        return fail(r, 1002) ? 1 : -1;
    return 1;
}

/* As much of the payload as there is, unmasked; more than that is cut. */
static unsigned char *payload_take(struct reader *r, const struct frame *f,
                                   size_t *len)
{
    uint64_t left = (uint64_t)(r->end - r->p);
    unsigned char *bytes;

    *len = (size_t)(f->len < left ? f->len : left);
    bytes = malloc(*len + 1);
    if (bytes == NULL)
        abort();
    for (size_t i = 0; i < *len; i++)
        bytes[i] =
            (unsigned char)(r->p[i] ^ (f->is_masked ? f->key[i % 4] : 0));
    r->p += *len;
    return bytes;
}

static bool is_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* A whole control frame; false if nothing follows. */
static bool control(struct reader *r, const struct frame *f,
                    const unsigned char *bytes, size_t len)
{
    struct utf8 u = {0};
    unsigned code;

    if (f->opcode != 8) {
        word_put(r, f->opcode, 0, bytes, len);
        return true;
    }
    code = len == 0 ? 1005 : (unsigned)bytes[0] << 8 | bytes[1];
    if (len > 0 && !is_code(code))
        return fail(r, 1002);
    if (len > 2 && (!utf8_bytes(&u, bytes + 2, len - 2) || u.need > 0))
        return fail(r, 1007);
    word_put(r, WS_ORACLE_CLOSE, code, bytes + 2, len > 2 ? len - 2 : 0);
    return false;
}

static bool message_end(struct reader *r)
{
    if (r->is_deflated && !inflate_end(r))
        return false;
    if (r->kind == WS_ORACLE_TEXT && r->utf8.need > 0)
        return r->is_deflated ? fail_coding(r, 1007) : fail(r, 1007);
    word_put(r, r->kind, 0, r->message.bytes, r->message.len);
    r->kind = 0;
    return true;
}

/* Begins a message or goes on with it; the limits of section 10.4. */
static bool message_frame(struct reader *r, const struct frame *f)
{
    uint64_t max = r->rules->bytes_max;

    if (r->kind == 0) {
        r->kind = f->opcode;
        r->is_deflated = f->rsv1;
        r->message.len = 0;
        r->sent = r->frames = 0;
        r->utf8 = (struct utf8){0};
    }
    if (r->rules->has_deflate) /* there it may grow a little as it is sent */
        max += max / 64 + 64;
    if (++r->frames > r->rules->frames_max || f->len > max - r->sent)
        return fail(r, 1009);
    r->sent += f->len;
    return true;
}

static bool data(struct reader *r, const struct frame *f,
                 const unsigned char *bytes, size_t len)
{
    if (len == 0 && f->len > 0)
        return true; /* cut */
    if (r->is_deflated) {
        if (!inflate_bytes(r, bytes, len))
            return false;
    } else {
        if (r->kind == WS_ORACLE_TEXT && !utf8_bytes(&r->utf8, bytes, len))
            return fail(r, 1007);
        if (f->is_fin && len == f->len && r->kind == WS_ORACLE_TEXT &&
            r->utf8.need > 0)
            return fail(r, 1007);
        if (r->sent > r->rules->bytes_max)
            return fail(r, 1009);
        buffer_put(&r->message, bytes, len);
    }
    return len < f->len || !f->is_fin ? true : message_end(r);
}

/* The next frame; false if nothing follows, or it is cut. */
static bool frame(struct reader *r)
{
    struct frame f;
    unsigned char *bytes;
    size_t len;
    bool goes_on;
    int rc;

    r->o->is_cut = true;
    if (r->end - r->p < 2)
        return false;
    if (!head_start(r, &f))
        return false;
    rc = head_rest(r, &f);
    if (rc <= 0)
        return false;
    if (f.opcode < 8 && !message_frame(r, &f))
        return false;
    bytes = payload_take(r, &f, &len);
    if (f.opcode < 8)
        goes_on = data(r, &f, bytes, len) && len == f.len;
    else
        goes_on = len == f.len && control(r, &f, bytes, len);
    free(bytes);
    return goes_on;
}

/* ---- the words as text ---- */

static void say(struct ws_oracle *o, size_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct ws_oracle *o, size_t *at, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(o->text + *at, sizeof(o->text) - *at, format, args);
    va_end(args);
    *at += (size_t)n;
    if (*at >= sizeof(o->text))
        *at = sizeof(o->text) - 1;
}

static void say_bytes(struct ws_oracle *o, size_t *at,
                      const struct ws_oracle_word *w)
{
    if (w->len > WS_ORACLE_SHOWN) {
        say(o, at, "[%llu]", (unsigned long long)w->len);
        return;
    }
    for (size_t i = 0; i < w->len; i++) {
        unsigned char c = (unsigned char)w->shown[i];

        if (c >= 0x20 && c < 0x7f && c != '\\')
            say(o, at, "%c", c);
        else
            say(o, at, "\\%02x", c);
    }
}

static void say_word(struct ws_oracle *o, size_t *at,
                     const struct ws_oracle_word *w)
{
    static const char *const names[] = {"", "text", "binary", "",     "",    "",
                                        "", "",     "close",  "ping", "pong"};
    bool is_bare = w->len > WS_ORACLE_SHOWN && w->kind != WS_ORACLE_CLOSE;

    if (*at > 0)
        say(o, at, " ");
    if (w->kind == WS_ORACLE_FAIL) {
        say(o, at, "fail(%u)", w->code);
        return;
    }
    say(o, at, "%s%s", names[w->kind], is_bare ? "" : "(");
    if (w->kind == WS_ORACLE_CLOSE && w->code != 1005)
        say(o, at, "%u%s", w->code, w->len > 0 ? " " : "");
    say_bytes(o, at, w);
    say(o, at, "%s", is_bare ? "" : ")");
}

void ws_oracle_read(struct ws_oracle *o, const struct ws_oracle_rules *rules,
                    const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    struct reader r = {.o = o, .rules = rules, .p = p, .end = p + len};
    size_t at = 0, i;

    o->count = 0;
    o->is_cut = o->is_coding = false;
    o->text[0] = '\0';
#ifdef FLARE_HAVE_ZLIB
    if (rules->has_deflate && inflateInit2(&r.z, -15) != Z_OK)
        abort();
#endif
    while (r.p < r.end && frame(&r))
        o->is_cut = false;
    if (o->count > 0 && (o->words[o->count - 1].kind == WS_ORACLE_FAIL ||
                         o->words[o->count - 1].kind == WS_ORACLE_CLOSE))
        o->is_cut = false;
    else if (r.kind != 0)
        o->is_cut = true;
    for (i = 0; i < o->count; i++)
        say_word(o, &at, &o->words[i]);
    if (o->is_cut)
        say(o, &at, "%s~", at > 0 ? " " : "");
#ifdef FLARE_HAVE_ZLIB
    if (rules->has_deflate)
        (void)inflateEnd(&r.z);
#endif
    free(r.message.bytes);
    free(r.past.bytes);
}
