/* SPDX-License-Identifier: MIT */
/*
 * The first byte chooses.  Any bytes as a Set-Cookie field and as a date: what
 * is read of them is what the oracle reads.  Or as choices of what is stored
 * and sent: the jar and the oracle's send the same, and so does one that was
 * written and read back.  Or as a file of cookies: each line is one or none,
 * and one that is written is read as the same.
 */
#include "base/alloc.h"
#include "http/jar_text.h"
#include "tests/support/cookie_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *what)
{
    if (what == NULL)
        return;
    fprintf(stderr, "fuzz_set_cookie: %s\n", what);
    abort();
}

static bool is_same(const struct flare__jar_new *a,
                    const struct flare__jar_new *b)
{
    return flare_str_equal(a->info.name, b->info.name) &&
           flare_str_equal(a->info.value, b->info.value) &&
           flare_str_equal(a->info.path, b->info.path) &&
           flare_str_equal(a->info.domain, b->info.domain) &&
           a->info.is_session == b->info.is_session &&
           (a->info.is_session || a->info.expires_s == b->info.expires_s) &&
           a->info.is_host_only == b->info.is_host_only &&
           a->info.is_secure == b->info.is_secure &&
           a->info.is_http_only == b->info.is_http_only &&
           a->info.same_site == b->info.same_site;
}

/* In our own format, which holds whatever the other can say. */
static void write_and_read(const struct flare__jar_line *line)
{
    struct flare__jar_text text = {.al = &flare__allocator_default};
    struct flare__jar_line again;
    struct flare_str rest;

    if (line->cookie.info.name.len + line->cookie.info.value.len +
            line->cookie.info.path.len >
        sizeof(again.bytes))
        return; /* the jar refuses it before */
    (void)flare__jar_text_add(&text, FLARE_COOKIE_FORMAT_OWN,
                              &line->cookie.info, 7);
    if (!text.has_failed) {
        rest = (struct flare_str){text.bytes, text.len};
        check(flare__jar_line_read(&again, FLARE_COOKIE_FORMAT_OWN,
                                   flare__jar_line_next(&rest), 0));
        if (rest.len > 0 || again.cookie.number != 7 ||
            !is_same(&line->cookie, &again.cookie))
            check("written and read it is another cookie");
    }
    flare__jar_text_fini(&text);
}

static void read_lines(struct flare_str text)
{
    while (text.len > 0) {
        struct flare_str line_text = flare__jar_line_next(&text);

        for (int format = 0; format < 2; format++) {
            struct flare__jar_line line;

            if (flare__jar_line_read(&line, (enum flare_cookie_format)format,
                                     line_text, 1) == NULL &&
                line.cookie.info.domain.len > 0)
                write_and_read(&line);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_str rest;

    if (size == 0 || size > 8000)
        return 0;
    rest = (struct flare_str){(const char *)data + 1, size - 1};
    if (data[0] % 3 == 0)
        check(cookie_check_field(rest));
    else if (data[0] % 3 == 1)
        check(cookie_check_jar(rest));
    else
        read_lines(rest);
    return 0;
}
