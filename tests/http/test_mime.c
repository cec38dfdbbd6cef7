/* SPDX-License-Identifier: MIT */
/* Media types. */
#include "http/mime.h"

#include "http/mime_table.h"
#include "tests/support/test.h"

#include <string.h>

#define UTF8 "; charset=utf-8"
#define NONE "application/octet-stream"

static const struct {
    const char *path;
    const char *type;
} rows[] = {
    {"index.html", "text/html" UTF8},
    {"/a/b.c/INDEX.HTM", "text/html" UTF8},
    {"style.css", "text/css" UTF8},
    {"app.js", "text/javascript" UTF8},
    {"app.mjs", "text/javascript" UTF8},
    {"app.min.js", "text/javascript" UTF8},
    {"app.js.map", "application/json"},
    {"data.json", "application/json"},
    {"data.jsonld", "application/ld+json"},
    {"site.webmanifest", "application/manifest+json"},
    {"a.wasm", "application/wasm"},
    {"a.svg", "image/svg+xml"},
    {"a.png", "image/png"},
    {"a.jpg", "image/jpeg"},
    {"a.JPEG", "image/jpeg"},
    {"a.gif", "image/gif"},
    {"a.webp", "image/webp"},
    {"a.avif", "image/avif"},
    {"favicon.ico", "image/x-icon"},
    {"a.woff", "font/woff"},
    {"a.woff2", "font/woff2"},
    {"a.ttf", "font/ttf"},
    {"a.otf", "font/otf"},
    {"a.mp4", "video/mp4"},
    {"a.webm", "video/webm"},
    {"a.mp3", "audio/mpeg"},
    {"a.ogg", "audio/ogg"},
    {"a.m3u8", "application/vnd.apple.mpegurl"},
    {"a.pdf", "application/pdf"},
    {"a.zip", "application/zip"},
    {"a.tar.gz", "application/gzip"},
    {"a.7z", "application/x-7z-compressed"},
    {"a.xml", "application/xml"},
    {"a.md", "text/markdown" UTF8},
    {"robots.txt", "text/plain" UTF8},
    {"a.docx", "application/"
               "vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"", NONE},
    {"README", NONE},
    {"a.", NONE},
    {".html", NONE},
    {"/x/.html", NONE},
    {"/x.html/y", NONE},
    {"a.unknown", NONE},
    {"a.webmanifestwebmanifest", NONE},
    {".", NONE},
    {"/", NONE},
};

START_TEST(test_mime_of_a_path)
{
    struct flare_str type = flare__mime_of_path(flare_str(rows[_i].path));

    ck_assert_msg(flare_str_equal(type, flare_str(rows[_i].type)), "%s: %.*s",
                  rows[_i].path, FLARE_STR_ARG(type));
}
END_TEST

START_TEST(test_mime_extension_with_a_nul_is_not_cut_there)
{
    struct flare_str type = flare__mime_of_path(FLARE_STR("a.htm\0l"));

    ck_assert(!flare_str_equal(type, FLARE_STR("text/html" UTF8)));
}
END_TEST

START_TEST(test_mime_table_is_sorted_and_well_formed)
{
    ck_assert_uint_ge(flare__mime_rows_count, 100);
    for (size_t i = 0; i < flare__mime_rows_count; i++) {
        const struct flare__mime_row *row = &flare__mime_rows[i];
        char path[32];

        ck_assert_uint_le(strlen(row->ext), FLARE__MIME_EXT_MAX);
        if (i > 0)
            ck_assert_msg(strcmp(row[-1].ext, row->ext) < 0, "%s", row->ext);
        for (const char *c = row->ext; *c != '\0'; c++)
            ck_assert((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'));
        ck_assert_uint_eq(row->type.len, strlen(row->type.ptr));
        ck_assert_ptr_nonnull(strchr(row->type.ptr, '/'));
        if (strncmp(row->type.ptr, "text/", 5) == 0)
            ck_assert_msg(strstr(row->type.ptr, UTF8) != NULL, "%s", row->ext);
        snprintf(path, sizeof(path), "x.%s", row->ext);
        ck_assert(
            flare_str_equal(flare__mime_of_path(flare_str(path)), row->type));
    }
}
END_TEST

static const struct {
    const char *type;
    bool is_compressible;
} types[] = {
    {"text/html", true},
    {"Text/HTML; charset=utf-8", true},
    {"text/plain;charset=utf-8", true},
    {"text/css", true},
    {"text/event-stream", false},
    {"text/event-stream; charset=utf-8", false},
    {"application/json", true},
    {"application/json; charset=utf-8", true},
    {"application/problem+json", true},
    {"application/atom+xml", true},
    {"image/svg+xml", true},
    {"application/javascript", true},
    {"application/wasm", true},
    {"application/x-ndjson", true},
    {"font/ttf", true},
    {"font/woff2", false},
    {"image/png", false},
    {"image/jpeg", false},
    {"video/mp4", false},
    {"audio/mpeg", false},
    {"application/zip", false},
    {"application/gzip", false},
    {"application/pdf", false},
    {"application/octet-stream", false},
    {"application/jsonx", false},
    {"text", false},
    {"", false},
    {"; charset=utf-8", false},
};

START_TEST(test_mime_knows_what_is_worth_compressing)
{
    ck_assert_msg(flare__mime_is_compressible(flare_str(types[_i].type)) ==
                      types[_i].is_compressible,
                  "%s", types[_i].type);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/mime");
    TCase *tc = tcase_create("mime");

    tcase_add_loop_test(tc, test_mime_of_a_path, 0, ROWS(rows));
    tcase_add_test(tc, test_mime_extension_with_a_nul_is_not_cut_there);
    tcase_add_test(tc, test_mime_table_is_sorted_and_well_formed);
    tcase_add_loop_test(tc, test_mime_knows_what_is_worth_compressing, 0,
                        ROWS(types));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
