/* SPDX-License-Identifier: MIT */
/*
 * The first byte chooses.  Any bytes as a Cookie field: what is taken is a
 * cookie that can be set, and set and sent back it is the same.  Or as the
 * parts of a cookie to be set: what is written has no way out of its field, and
 * its pair comes back.
 */
#include "base/alloc.h"
#include "http/cookie.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_cookie: %s\n", what);
    abort();
}

/* One field ends where it should: attributes are those that were asked for. */
static void check_field(const char *text, size_t len,
                        const struct flare_cookie *c)
{
    unsigned wanted = (c->path != NULL) + (c->domain != NULL) +
                      (c->max_age_s != 0) +
                      (c->max_age_s < 0 || c->expires_s != 0) + c->is_secure +
                      c->is_http_only + c->is_partitioned +
                      (c->same_site != FLARE_SAME_SITE_UNSAID);
    unsigned found = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        check(byte >= 0x20 && byte < 0x7F, "control in a field");
        found += byte == ';';
    }
    check(found == wanted, "another number of attributes");
}

/* The pair of a Set-Cookie field, sent back. */
static void check_back(const char *text, size_t len,
                       const struct flare_cookie *c)
{
    struct flare__params p = {0};
    struct flare__arena arena;
    const char *end = memchr(text, ';', len);

    if (end != NULL)
        len = (size_t)(end - text);
    flare__arena_init(&arena, &flare__allocator_default, 4096, 1 << 20);
    flare__cookies_parse(&p, &arena, (struct flare_str){text, len});
    check(p.rc == 0 && p.count == 1, "what was set does not come back");
    check(flare_str_equal(p.list[0].name, flare_str(c->name)), "other name");
    check(flare_str_equal(p.list[0].value, c->value), "other value");
    flare__arena_fini(&arena);
}

static bool is_set(const struct flare_cookie *c)
{
    char text[FLARE__COOKIE_BYTES_MAX];
    int len = flare__cookie_write(text, c);

    if (len < 0)
        return false;
    check_field(text, (size_t)len, c);
    check_back(text, (size_t)len, c);
    return true;
}

static void read_field(const char *bytes, size_t size)
{
    struct flare__params p = {0};
    struct flare__arena arena;

    flare__arena_init(&arena, &flare__allocator_default, 4096, 1 << 20);
    flare__cookies_parse(&p, &arena, (struct flare_str){bytes, size});
    for (uint32_t i = 0; i < p.count; i++) {
        char *name = flare__arena_copy(&arena, p.list[i].name);
        struct flare_cookie c = {.name = name,
                                 .value = p.list[i].value,
                                 .path = "/",
                                 .is_secure = true,
                                 .is_http_only = true};

        check(name == NULL || is_set(&c), "a cookie that cannot be set");
    }
    flare__arena_fini(&arena);
}

/* Parts are parted by '|'; an empty one is left out. */
static const char *take_part(char **text)
{
    char *part = *text;
    char *end = strchr(part, '|');

    *text = end != NULL ? end + 1 : part + strlen(part);
    if (end != NULL)
        *end = '\0';
    return *part != '\0' ? part : NULL;
}

static void write_field(unsigned flags, const char *bytes, size_t size)
{
    static char text[8192];
    char *at = text;
    struct flare_cookie c = {
        .same_site = (enum flare_same_site)(flags >> 1 & 3),
        .is_secure = (flags & 8) != 0,
        .is_http_only = (flags & 16) != 0,
        .is_partitioned = (flags & 32) != 0,
        .max_age_s = (flags & 64) != 0 ? 60 : 0,
        .expires_s = (flags & 128) != 0 ? -1 : 0,
    };

    memcpy(text, bytes, size);
    text[size] = '\0';
    c.name = take_part(&at);
    c.path = take_part(&at);
    c.domain = take_part(&at);
    /* the value is the rest, of any bytes */
    c.value = (struct flare_str){at, (size_t)(text + size - at)};
    (void)is_set(&c); /* or refused */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 8000)
        return 0;
    if ((data[0] & 1) == 0)
        read_field((const char *)data + 1, size - 1);
    else
        write_field(data[0], (const char *)data + 1, size - 1);
    return 0;
}
