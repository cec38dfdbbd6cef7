/* SPDX-License-Identifier: MIT */
/* Entity tags, RFC 9110 section 8.8.3. */
#include "http/etag.h"

#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *text;
    bool is_tag, is_weak;
} rows[] = {
    {"\"xyzzy\"", true, false},    {"W/\"xyzzy\"", true, true},
    {"\"\"", true, false},         {"W/\"\"", true, true},
    {"\"a,b\"", true, false},      {"\"a\\b\"", true, false},
    {"\"\x80\xFF\"", true, false}, {"", false, false},
    {"xyzzy", false, false},       {"\"", false, false},
    {"W/", false, false},          {"W/\"", false, false},
    {"w/\"x\"", false, false}, /* case-sensitive */
    {"W /\"x\"", false, false},    {"\"a b\"", false, false},
    {"\"a\tb\"", false, false},    {"\"a\"b\"", false, false},
    {"\"a\x7F\"", false, false},   {"\"a\" ", false, false},
    {"*", false, false},
};

START_TEST(test_etag_is_read)
{
    struct flare__etag tag = {{NULL, 0}, false};
    bool is_tag = flare__etag_parse(flare_str(rows[_i].text), &tag);

    ck_assert_msg(is_tag == rows[_i].is_tag, "%s", rows[_i].text);
    ck_assert_msg(tag.is_weak == rows[_i].is_weak, "%s", rows[_i].text);
}
END_TEST

/* The table of section 8.8.3.2. */
static const struct {
    const char *a, *b;
    bool strong, weak;
} pairs[] = {
    {"W/\"1\"", "W/\"1\"", false, true},
    {"W/\"1\"", "W/\"2\"", false, false},
    {"W/\"1\"", "\"1\"", false, true},
    {"\"1\"", "\"1\"", true, true},
};

START_TEST(test_etags_compare_as_the_rfc_has_it)
{
    struct flare__etag a, b;

    ck_assert(flare__etag_parse(flare_str(pairs[_i].a), &a));
    ck_assert(flare__etag_parse(flare_str(pairs[_i].b), &b));
    ck_assert_int_eq(flare__etag_same_strong(a, b), pairs[_i].strong);
    ck_assert_int_eq(flare__etag_same_weak(a, b), pairs[_i].weak);
}
END_TEST

START_TEST(test_etag_list_spans_lines_and_skips_what_is_no_tag)
{
    struct flare_str lines[2] = {FLARE_STR("\"a\", junk, \"b"),
                                 FLARE_STR(" ,W/\"c,d\" , \"e\"")};
    struct flare__values list = {lines, 2};
    struct flare__etag tag;

    ck_assert(flare__etag_parse(FLARE_STR("\"c,d\""), &tag));
    ck_assert(flare__etag_listed(list, tag, /* is_strong = */ false));
    ck_assert(!flare__etag_listed(list, tag, /* is_strong = */ true));
    ck_assert(flare__etag_parse(FLARE_STR("\"e\""), &tag));
    ck_assert(flare__etag_listed(list, tag, /* is_strong = */ true));
    ck_assert(flare__etag_parse(FLARE_STR("\"b\""), &tag));
    ck_assert(!flare__etag_listed(list, tag, /* is_strong = */ false));
}
END_TEST

START_TEST(test_etag_star_counts_only_alone)
{
    struct flare_str lines[2] = {FLARE_STR(" * "), FLARE_STR("\"a\"")};
    struct flare_str mixed = FLARE_STR("*, \"a\"");

    ck_assert(flare__etag_is_any((struct flare__values){lines, 1}));
    ck_assert(!flare__etag_is_any((struct flare__values){lines, 2}));
    ck_assert(!flare__etag_is_any((struct flare__values){&mixed, 1}));
    ck_assert(!flare__etag_is_any((struct flare__values){NULL, 0}));
}
END_TEST

static const struct {
    int64_t mtime_ns;
    uint64_t size;
    const char *tag;
} files[] = {
    {0, 0, "\"0-0\""},
    {255, 16, "\"ff-10\""},
    {INT64_C(1700000000123456789), 4096, "\"17979cfe3d85cd15-1000\""},
    {-1, UINT64_MAX, "\"ffffffffffffffff-ffffffffffffffff\""},
};

START_TEST(test_etag_of_a_file_is_a_tag)
{
    char out[FLARE__ETAG_LEN_MAX];
    struct flare_str text = {
        out, flare__etag_write(out, files[_i].mtime_ns, files[_i].size)};
    struct flare__etag tag;

    ck_assert_uint_le(text.len, FLARE__ETAG_LEN_MAX);
    ck_assert_msg(flare_str_equal(text, flare_str(files[_i].tag)), "%.*s",
                  FLARE_STR_ARG(text));
    ck_assert(flare__etag_parse(text, &tag));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/etag");
    TCase *tc = tcase_create("etag");

    tcase_add_loop_test(tc, test_etag_is_read, 0, ROWS(rows));
    tcase_add_loop_test(tc, test_etags_compare_as_the_rfc_has_it, 0,
                        ROWS(pairs));
    tcase_add_test(tc, test_etag_list_spans_lines_and_skips_what_is_no_tag);
    tcase_add_test(tc, test_etag_star_counts_only_alone);
    tcase_add_loop_test(tc, test_etag_of_a_file_is_a_tag, 0, ROWS(files));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
