/* SPDX-License-Identifier: MIT */
/* Content negotiation, RFC 9110 section 12.5. */
#include "http/accept.h"

#include "tests/support/test.h"

#include <string.h>

enum { LINES_MAX = 3 };

/* The lines of a row; their slices live as long as `out`. */
static struct flare__values values_of(const char *const *lines,
                                      struct flare_str *out)
{
    struct flare__values values = {out, 0};

    while (values.count < LINES_MAX && lines[values.count] != NULL) {
        out[values.count] = flare_str(lines[values.count]);
        values.count++;
    }
    return values;
}

static const struct {
    const char *name;
    const char *lines[LINES_MAX];
    enum flare__coding coding; /* with gzip, then deflate on offer */
} rows[] = {
    {"no field", {NULL}, FLARE__CODING_IDENTITY},
    {"an empty field", {""}, FLARE__CODING_IDENTITY},
    {"gzip", {"gzip"}, FLARE__CODING_GZIP},
    {"any case", {"GZip"}, FLARE__CODING_GZIP},
    {"its old name", {"x-gzip"}, FLARE__CODING_GZIP},
    {"deflate", {"deflate"}, FLARE__CODING_DEFLATE},
    {"a browser's", {"gzip, deflate, br, zstd"}, FLARE__CODING_GZIP},
    {"ours decides a tie", {"deflate, gzip"}, FLARE__CODING_GZIP},
    {"the client's weights", {"deflate, gzip;q=0.9"}, FLARE__CODING_DEFLATE},
    {"a thousandth counts",
     {"deflate;q=0.501, gzip;q=0.5"},
     FLARE__CODING_DEFLATE},
    {"RFC 9110 12.5.3, compress", {"compress, gzip"}, FLARE__CODING_GZIP},
    {"RFC 9110 12.5.3, star", {"*"}, FLARE__CODING_GZIP},
    {"RFC 9110 12.5.3, weights",
     {"compress;q=0.5, gzip;q=1.0"},
     FLARE__CODING_GZIP},
    {"RFC 9110 12.5.3, identity",
     {"gzip;q=1.0, identity; q=0.5, *;q=0"},
     FLARE__CODING_GZIP},
    {"identity preferred", {"gzip;q=0.5, identity"}, FLARE__CODING_IDENTITY},
    {"identity is not mentioned", {"gzip;q=0.001"}, FLARE__CODING_GZIP},
    {"only what we have not", {"br, zstd"}, FLARE__CODING_IDENTITY},
    {"gzip refused", {"gzip;q=0"}, FLARE__CODING_IDENTITY},
    {"gzip refused, the rest is fine", {"gzip;q=0, *"}, FLARE__CODING_DEFLATE},
    {"a refusal stands", {"gzip;q=0, gzip"}, FLARE__CODING_IDENTITY},
    {"in whatever order", {"gzip, gzip;q=0"}, FLARE__CODING_IDENTITY},
    {"nothing but identity", {"identity"}, FLARE__CODING_IDENTITY},
    {"all but identity refused", {"*;q=0, identity"}, FLARE__CODING_IDENTITY},
    {"identity refused", {"identity;q=0, br"}, FLARE__CODING_NONE},
    {"identity refused, not gzip",
     {"identity;q=0, gzip;q=0.1"},
     FLARE__CODING_GZIP},
    {"everything refused", {"*;q=0"}, FLARE__CODING_NONE},
    {"everything but br refused", {"br, *;q=0"}, FLARE__CODING_NONE},
    {"everything but deflate refused",
     {"deflate;q=0.1, *;q=0"},
     FLARE__CODING_DEFLATE},
    {"several lines", {"br", "deflate", "gzip;q=0.5"}, FLARE__CODING_DEFLATE},
    {"spaces around the weight",
     {"deflate \t; \tq=1 , gzip ; q=0.1"},
     FLARE__CODING_DEFLATE},
    {"Q in upper case", {"gzip;Q=0"}, FLARE__CODING_IDENTITY},
    {"weight above one is no element",
     {"gzip;q=1.001"},
     FLARE__CODING_IDENTITY},
    {"two", {"gzip;q=2"}, FLARE__CODING_IDENTITY},
    {"four digits", {"gzip;q=0.1234"}, FLARE__CODING_IDENTITY},
    {"a weight without number", {"gzip;q="}, FLARE__CODING_IDENTITY},
    {"a negative one", {"gzip;q=-1"}, FLARE__CODING_IDENTITY},
    {"no leading zero", {"gzip;q=.5"}, FLARE__CODING_IDENTITY},
    {"letters", {"gzip;q=0.x"}, FLARE__CODING_IDENTITY},
    {"letters instead of the point", {"gzip;q=0x1"}, FLARE__CODING_IDENTITY},
    {"a point alone", {"gzip;q=1."}, FLARE__CODING_GZIP},
    {"a coding with a parameter", {"gzip;level=9"}, FLARE__CODING_IDENTITY},
    {"a weight of no coding", {";q=1"}, FLARE__CODING_IDENTITY},
    {"an invalid one beside a valid",
     {"gzip;q=x, deflate"},
     FLARE__CODING_DEFLATE},
};

START_TEST(test_accept_encoding_chooses)
{
    static const enum flare__coding offered[] = {FLARE__CODING_GZIP,
                                                 FLARE__CODING_DEFLATE};
    struct flare_str lines[LINES_MAX];
    enum flare__coding coding =
        flare__accept_coding(values_of(rows[_i].lines, lines), offered, 2);

    ck_assert_msg(coding == rows[_i].coding, "%s: %d", rows[_i].name,
                  (int)coding);
}
END_TEST

START_TEST(test_accept_encoding_with_nothing_on_offer)
{
    struct flare_str gzip = FLARE_STR("gzip"), none = FLARE_STR("*;q=0");

    ck_assert_int_eq(
        flare__accept_coding((struct flare__values){&gzip, 1}, NULL, 0),
        FLARE__CODING_IDENTITY);
    ck_assert_int_eq(
        flare__accept_coding((struct flare__values){&none, 1}, NULL, 0),
        FLARE__CODING_NONE);
}
END_TEST

START_TEST(test_accept_encoding_identity_may_be_liked_best_by_us)
{
    static const enum flare__coding offered[] = {FLARE__CODING_IDENTITY,
                                                 FLARE__CODING_GZIP};
    struct flare_str any = FLARE_STR("*");

    ck_assert_int_eq(
        flare__accept_coding((struct flare__values){&any, 1}, offered, 2),
        FLARE__CODING_IDENTITY);
}
END_TEST

static const struct {
    const char *lines[LINES_MAX];
    enum flare__coding coding;
} encodings[] = {
    {{NULL}, FLARE__CODING_IDENTITY},
    {{""}, FLARE__CODING_IDENTITY},
    {{"identity"}, FLARE__CODING_IDENTITY},
    {{"gzip"}, FLARE__CODING_GZIP},
    {{"X-GZIP"}, FLARE__CODING_GZIP},
    {{"deflate"}, FLARE__CODING_DEFLATE},
    {{"identity, gzip"}, FLARE__CODING_GZIP},
    {{"gzip, gzip"}, FLARE__CODING_NONE},
    {{"gzip", "gzip"}, FLARE__CODING_NONE},
    {{"deflate, gzip"}, FLARE__CODING_NONE},
    {{"compress"}, FLARE__CODING_NONE},
    {{"gzip;q=1"}, FLARE__CODING_NONE},
    {{"*"}, FLARE__CODING_NONE},
};

START_TEST(test_content_encoding_is_one_coding_or_none_U11)
{
    struct flare_str lines[LINES_MAX];

    ck_assert_int_eq(flare__coding_of(values_of(encodings[_i].lines, lines)),
                     encodings[_i].coding);
}
END_TEST

START_TEST(test_coding_is_found_by_the_name_it_has)
{
    for (int i = 1; i < FLARE__CODING_COUNT; i++)
        ck_assert_int_eq(
            flare__coding_find(flare__coding_name((enum flare__coding)i)), i);
    ck_assert_uint_eq(flare__coding_name(FLARE__CODING_NONE).len, 0);
    ck_assert_int_eq(flare__coding_find(FLARE_STR("")), FLARE__CODING_NONE);
}
END_TEST

static const struct {
    const char *accept;
    const char *type;
    unsigned weight;
} types[] = {
    /* RFC 9110 section 12.5.1, but for the level parameters */
    {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
     "text/plain;format=fixed;q=0.4, */*;q=0.5",
     "text/plain", 700},
    {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "text/html", 300},
    {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "image/jpeg", 500},
    {"*/*;q=0.5, text/*;q=0.3", "text/html", 300},
    {"TEXT/HTML", "text/html", 1000},
    {"text/*", "text/html", 1000},
    {"tex/*", "text/html", 0},
    {"text*", "text/html", 0},
    {"text/", "text/html", 0},
    {"*", "text/html", 0},
    {"*/html", "text/html", 0},
    {"application/json", "text/html", 0},
    {"", "text/html", 0},
    {"text/html;q=x, */*;q=0.1", "text/html", 100},
    {"a;b=\"text/html,text/html\", text/html;q=0.2", "text/html", 200},
};

START_TEST(test_accept_weighs_a_media_type)
{
    struct flare_str line = flare_str(types[_i].accept);
    unsigned weight = flare__accept_weight((struct flare__values){&line, 1},
                                           flare_str(types[_i].type));

    ck_assert_msg(weight == types[_i].weight, "%s: %u", types[_i].accept,
                  weight);
}
END_TEST

static const struct {
    const char *lines[LINES_MAX];
    bool is_json;
} json[] = {
    {{NULL}, false},
    {{"*/*"}, false}, /* curl */
    {{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
      "image/webp,*/*;q=0.8"},
     false},
    {{"application/json"}, true},
    {{"application/json, text/plain, */*"}, false},
    {{"application/json, */*;q=0.5"}, true},
    {{"text/html;q=0.9", "application/json"}, true},
    {{"text/html;q=0, */*"}, true},
};

START_TEST(test_accept_knows_who_wants_json)
{
    struct flare_str lines[LINES_MAX];

    ck_assert_msg(flare__accept_prefers_json(
                      values_of(json[_i].lines, lines)) == json[_i].is_json,
                  "row %d", _i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/accept");
    TCase *tc = tcase_create("accept");

    tcase_add_loop_test(tc, test_accept_encoding_chooses, 0, ROWS(rows));
    tcase_add_test(tc, test_accept_encoding_with_nothing_on_offer);
    tcase_add_test(tc, test_accept_encoding_identity_may_be_liked_best_by_us);
    tcase_add_loop_test(tc, test_content_encoding_is_one_coding_or_none_U11, 0,
                        ROWS(encodings));
    tcase_add_test(tc, test_coding_is_found_by_the_name_it_has);
    tcase_add_loop_test(tc, test_accept_weighs_a_media_type, 0, ROWS(types));
    tcase_add_loop_test(tc, test_accept_knows_who_wants_json, 0, ROWS(json));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
