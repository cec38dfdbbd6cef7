/* SPDX-License-Identifier: MIT */
/* See jar_text.h. */
#include "http/jar_text.h"

#include "base/alloc.h"
#include "http/number.h"
#include "http/setcookie.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TEXT_FIRST = 4096,
    OWN_FIELDS = 8,
    NETSCAPE_FIELDS = 7,
    FIELDS_MAX = OWN_FIELDS
};

static const struct flare_str own_mark = {"flare-cookies ", 14};
static const struct flare_str own_first = {"flare-cookies 1", 15};
static const struct flare_str netscape_first = {"# Netscape HTTP Cookie File",
                                                27};
static const struct flare_str http_only_mark = {"#HttpOnly_", 10};

/* Beyond, a number may be no whole one in other languages; far off. */
#define NUMBER_MAX ((UINT64_C(1) << 53) - 1)

/* ---- writing ---- */

void flare__jar_text_fini(struct flare__jar_text *text)
{
    flare__free(text->al, text->bytes);
    text->bytes = NULL;
}

static bool text_grow(struct flare__jar_text *t, size_t more)
{
    size_t size = t->size > 0 ? t->size : TEXT_FIRST;
    char *bytes;

    while (size - t->len < more)
        size *= 2;
    if (size == t->size)
        return true;
    bytes = flare__realloc(t->al, t->bytes, size);
    if (bytes == NULL)
        return false;
    t->bytes = bytes;
    t->size = size;
    return true;
}

static void put(struct flare__jar_text *t, struct flare_str piece)
{
    if (t->has_failed || piece.len == 0)
        return;
    if (!text_grow(t, piece.len)) {
        t->has_failed = true;
        return;
    }
    memcpy(t->bytes + t->len, piece.ptr, piece.len);
    t->len += piece.len;
}

static void put_escaped(struct flare__jar_text *t, struct flare_str piece)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < piece.len; i++) {
        unsigned char byte = (unsigned char)piece.ptr[i];
        char form[3] = {'%', hex[byte >> 4], hex[byte & 15]};

        if (byte > 0x20 && byte < 0x7F && byte != '%')
            put(t, (struct flare_str){piece.ptr + i, 1});
        else
            put(t, (struct flare_str){form, sizeof(form)});
    }
}

static void put_number(struct flare__jar_text *t, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, number);

    put(t, (struct flare_str){digits, (size_t)len});
}

static const struct {
    struct flare_str word;
    enum flare_same_site same_site;
} site_words[] = {
    {{"lax", 3}, FLARE_SAME_SITE_LAX},
    {{"strict", 6}, FLARE_SAME_SITE_STRICT},
    {{"none", 4}, FLARE_SAME_SITE_NONE},
};

enum { SITE_WORDS = sizeof(site_words) / sizeof(site_words[0]) };

static void put_flag(struct flare__jar_text *t, size_t start, bool is_set,
                     struct flare_str word)
{
    if (!is_set)
        return;
    if (t->len > start)
        put(t, FLARE_STR(","));
    put(t, word);
}

static void put_flags(struct flare__jar_text *t,
                      const struct flare_cookie_info *info)
{
    size_t start = t->len;

    put_flag(t, start, info->is_host_only, FLARE_STR("host"));
    put_flag(t, start, info->is_secure, FLARE_STR("secure"));
    put_flag(t, start, info->is_http_only, FLARE_STR("httponly"));
    for (size_t i = 0; i < SITE_WORDS; i++)
        put_flag(t, start, info->same_site == site_words[i].same_site,
                 site_words[i].word);
    if (t->len == start)
        put(t, FLARE_STR("-"));
}

static void add_own(struct flare__jar_text *t,
                    const struct flare_cookie_info *info, uint64_t number)
{
    put(t, info->domain);
    put(t, FLARE_STR("\t"));
    put_flags(t, info);
    put(t, FLARE_STR("\t"));
    put_escaped(t, info->path);
    put(t, FLARE_STR("\t"));
    if (info->is_session)
        put(t, FLARE_STR("session"));
    else
        put_number(t, info->expires_s);
    put(t, FLARE_STR("\t"));
    put_number(t, info->created_s);
    put(t, FLARE_STR("\t"));
    put_number(t, (int64_t)(number <= NUMBER_MAX ? number : NUMBER_MAX));
    put(t, FLARE_STR("\t"));
    put_escaped(t, info->name);
    put(t, FLARE_STR("\t"));
    put_escaped(t, info->value);
    put(t, FLARE_STR("\n"));
}

static bool has_tab(struct flare_str text)
{
    return text.len > 0 && memchr(text.ptr, '\t', text.len) != NULL;
}

static struct flare_str truth(bool is)
{
    return is ? FLARE_STR("TRUE\t") : FLARE_STR("FALSE\t");
}

static bool add_netscape(struct flare__jar_text *t,
                         const struct flare_cookie_info *info)
{
    if (has_tab(info->name) || has_tab(info->value) || has_tab(info->path))
        return false;
    if (info->is_http_only)
        put(t, http_only_mark);
    if (!info->is_host_only)
        put(t, FLARE_STR("."));
    put(t, info->domain);
    put(t, FLARE_STR("\t"));
    put(t, truth(!info->is_host_only));
    put(t, info->path);
    put(t, FLARE_STR("\t"));
    put(t, truth(info->is_secure));
    put_number(t, info->is_session ? 0 : info->expires_s);
    put(t, FLARE_STR("\t"));
    put(t, info->name);
    put(t, FLARE_STR("\t"));
    put(t, info->value);
    put(t, FLARE_STR("\n"));
    return true;
}

void flare__jar_text_begin(struct flare__jar_text *text,
                           enum flare_cookie_format format)
{
    put(text, format == FLARE_COOKIE_FORMAT_OWN ? own_first : netscape_first);
    put(text, FLARE_STR("\n"));
}

bool flare__jar_text_add(struct flare__jar_text *text,
                         enum flare_cookie_format format,
                         const struct flare_cookie_info *info, uint64_t number)
{
    if (format != FLARE_COOKIE_FORMAT_OWN)
        return add_netscape(text, info);
    add_own(text, info, number);
    return true;
}

/* ---- reading ---- */

struct flare_str flare__jar_line_next(struct flare_str *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
    struct flare_str line = {text->ptr, len};
    size_t gone = end != NULL ? len + 1 : len;

    *text = (struct flare_str){text->ptr + gone, text->len - gone};
    return line;
}

static bool begins(struct flare_str text, struct flare_str with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

int flare__jar_format_of(struct flare_str line)
{
    if (!begins(line, own_mark))
        return FLARE_COOKIE_FORMAT_NETSCAPE;
    return flare_str_equal(line, own_first) ? (int)FLARE_COOKIE_FORMAT_OWN
                                            : FLARE_E_COOKIE_FILE;
}

/* What stands between tabs; how many fields there are, at most `max` + 1. */
static size_t split(struct flare_str line, struct flare_str *fields, size_t max)
{
    size_t count = 0;
    size_t start = 0;

    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] != '\t')
            continue;
        if (count < max)
            fields[count] = (struct flare_str){line.ptr + start, i - start};
        count++;
        start = i + 1;
        if (count > max)
            break;
    }
    return count;
}

/* Bytes of a line that are to be kept. */
struct store {
    char *at;
    size_t room;
};

/* Copies, decoding %XX; false: no room, or not as put_escaped writes. */
static bool store_escaped(struct store *s, struct flare_str in,
                          struct flare_str *out)
{
    char *start = s->at;

    for (size_t i = 0; i < in.len; i++) {
        unsigned char byte = (unsigned char)in.ptr[i];

        if (byte <= 0x20 || byte >= 0x7F || s->room == 0)
            return false;
        if (byte == '%') {
            int high = in.len - i > 2 ? flare__hex_digit(in.ptr[i + 1]) : -1;
            int low = in.len - i > 2 ? flare__hex_digit(in.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            byte = (unsigned char)(high << 4 | low);
            i += 2;
        }
        *s->at++ = (char)byte;
        s->room--;
    }
    *out = (struct flare_str){start, (size_t)(s->at - start)};
    return true;
}

static bool read_word(struct flare_cookie_info *info, struct flare_str word)
{
    if (flare_str_equal(word, FLARE_STR("host")))
        info->is_host_only = true;
    else if (flare_str_equal(word, FLARE_STR("secure")))
        info->is_secure = true;
    else if (flare_str_equal(word, FLARE_STR("httponly")))
        info->is_http_only = true;
    else {
        for (size_t i = 0; i < SITE_WORDS; i++) {
            if (flare_str_equal(word, site_words[i].word)) {
                info->same_site = site_words[i].same_site;
                return true;
            }
        }
        return false;
    }
    return true;
}

static bool read_flags(struct flare_cookie_info *info, struct flare_str flags)
{
    size_t start = 0;

    if (flare_str_equal(flags, FLARE_STR("-")))
        return true;
    for (size_t i = 0; i <= flags.len; i++) {
        if (i < flags.len && flags.ptr[i] != ',')
            continue;
        if (!read_word(info, (struct flare_str){flags.ptr + start, i - start}))
            return false;
        start = i + 1;
    }
    return true;
}

static const char *read_host(struct flare__jar_line *l, struct flare_str text)
{
    if (flare__jar_host_init(&l->host, text, NULL) < 0)
        return "its domain is none";
    l->cookie.info.domain = l->host.text;
    l->cookie.is_address = l->host.is_address;
    return NULL;
}

static const char *read_own(struct flare__jar_line *l, struct flare_str line)
{
    struct store s = {l->bytes, sizeof(l->bytes)};
    struct flare_cookie_info *info = &l->cookie.info;
    struct flare_str f[FIELDS_MAX];

    if (split(line, f, OWN_FIELDS) != OWN_FIELDS)
        return "it has not eight fields";
    if (!read_flags(info, f[1]))
        return "its flags are not known";
    info->is_session = flare_str_equal(f[3], FLARE_STR("session"));
    if (!info->is_session && flare_i64_parse(f[3], &info->expires_s) < 0)
        return "its end is no time";
    if (flare_i64_parse(f[4], &info->created_s) < 0)
        return "its beginning is no time";
    if (flare_u64_parse(f[5], &l->cookie.number) < 0 || l->cookie.number == 0 ||
        l->cookie.number > NUMBER_MAX)
        return "its number is none";
    if (!store_escaped(&s, f[2], &info->path) ||
        !store_escaped(&s, f[6], &info->name) ||
        !store_escaped(&s, f[7], &info->value))
        return "its path, name or value is too long, or not escaped as here";
    return read_host(l, f[0]);
}

/* TRUE or FALSE; others have written them in lower case, too. */
static bool read_truth(struct flare_str field, bool *out)
{
    *out = flare_str_equal_nocase(field, FLARE_STR("TRUE"));
    return *out || flare_str_equal_nocase(field, FLARE_STR("FALSE"));
}

static const char *read_netscape(struct flare__jar_line *l,
                                 struct flare_str line, int64_t now_s)
{
    struct flare_cookie_info *info = &l->cookie.info;
    struct flare_str f[FIELDS_MAX] = {{NULL, 0}};
    size_t count;
    bool is_for_all;

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (begins(line, http_only_mark)) {
        info->is_http_only = true;
        line.ptr += http_only_mark.len;
        line.len -= http_only_mark.len;
    } else if (line.len == 0 || line.ptr[0] == '#') {
        return NULL;
    }
    count = split(line, f, NETSCAPE_FIELDS);
    if (count != NETSCAPE_FIELDS && count != NETSCAPE_FIELDS - 1)
        return "it has not seven fields"; /* an empty value may lack its tab */
    if (!read_truth(f[1], &is_for_all) || !read_truth(f[3], &info->is_secure))
        return "it has neither TRUE nor FALSE where it must";
    if (f[4].len > 0 && flare_i64_parse(f[4], &info->expires_s) < 0)
        return "its end is no time";
    info->is_session = info->expires_s == 0; /* Python writes nothing */
    info->is_host_only = !is_for_all;
    info->path = f[2];
    info->name = f[5];
    info->value = f[6];
    info->created_s = now_s;
    if (f[0].len > 0 && f[0].ptr[0] == '.')
        f[0] = (struct flare_str){f[0].ptr + 1, f[0].len - 1};
    return read_host(l, f[0]);
}

const char *flare__jar_line_read(struct flare__jar_line *out,
                                 enum flare_cookie_format format,
                                 struct flare_str line, int64_t now_s)
{
    out->cookie = (struct flare__jar_new){.number = 0};
    if (format == FLARE_COOKIE_FORMAT_OWN)
        return read_own(out, line);
    return read_netscape(out, line, now_s);
}
