/* SPDX-License-Identifier: MIT */
/* The JSON writer: its bytes, its rules, its memory. */
#include "http/json.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/json_check.h"
#include "tests/support/test.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>

/*
 * A script, a letter a call: { } [ ] are themselves, k a key, s a string, i u d
 * b n numbers, bool and null, r raw, R raw of nothing.
 */
static void play(struct flare_json *json, const char *script)
{
    for (; *script != '\0'; script++) {
        switch (*script) {
        case '{':
            flare_json_begin_object(json);
            break;
        case '}':
            flare_json_end_object(json);
            break;
        case '[':
            flare_json_begin_array(json);
            break;
        case ']':
            flare_json_end_array(json);
            break;
        case 'k':
            flare_json_key(json, "k");
            break;
        case 's':
            flare_json_string(json, FLARE_STR("s"));
            break;
        case 'i':
            flare_json_i64(json, -1);
            break;
        case 'u':
            flare_json_u64(json, 1);
            break;
        case 'd':
            flare_json_double(json, 0.5);
            break;
        case 'b':
            flare_json_bool(json, true);
            break;
        case 'n':
            flare_json_null(json);
            break;
        case 'r':
            flare_json_raw(json, FLARE_STR("{}"));
            break;
        case 'R':
            flare_json_raw(json, FLARE_STR(""));
            break;
        default:
            ck_abort_msg("%c", *script);
        }
    }
}

static const struct {
    const char *script;
    const char *text; /* NULL: misuse */
} rows[] = {
    {"{}", "{}"},
    {"[]", "[]"},
    {"s", "\"s\""},
    {"i", "-1"},
    {"u", "1"},
    {"d", "0.5"},
    {"b", "true"},
    {"n", "null"},
    {"r", "{}"},
    {"[siudbnr]", "[\"s\",-1,1,0.5,true,null,{}]"},
    {"{kski}", "{\"k\":\"s\",\"k\":-1}"},
    {"{k{k[]k{}}k[{}{}[[]]]}",
     "{\"k\":{\"k\":[],\"k\":{}},\"k\":[{},{},[[]]]}"},
    {"", NULL},
    {"R", NULL},
    {"[R]", NULL},
    {"ss", NULL},
    {"{}{}", NULL},
    {"[][]", NULL},
    {"n[", NULL},
    {"{", NULL},
    {"[", NULL},
    {"{k}", NULL},
    {"{k", NULL},
    {"{kk", NULL},
    {"{kkn}", NULL},
    {"{n}", NULL},
    {"{{}}", NULL},
    {"{[]}", NULL},
    {"{knn}", NULL},
    {"[k]", NULL},
    {"[kn]", NULL},
    {"k", NULL},
    {"kn", NULL},
    {"}", NULL},
    {"]", NULL},
    {"{]", NULL},
    {"[}", NULL},
    {"[]]", NULL},
    {"{}}", NULL},
    {"[{]}", NULL},
    {"{k[}]", NULL},
    {"n]", NULL},
};

START_TEST(test_json_of_a_script)
{
    struct flare_json json;
    int rc;

    flare_json_init(&json, NULL, 4096);
    play(&json, rows[_i].script);
    rc = flare_json_finish(&json);
    if (rows[_i].text == NULL) {
        ck_assert_msg(rc == FLARE_E_BAD_JSON, "%s: %d", rows[_i].script, rc);
        ck_assert_uint_eq(flare_json_bytes(&json).len, 0);
    } else {
        ck_assert_msg(rc == 0, "%s: %d", rows[_i].script, rc);
        ck_assert_msg(
            flare_str_equal(flare_json_bytes(&json), flare_str(rows[_i].text)),
            "%s: %.*s", rows[_i].script,
            FLARE_STR_ARG(flare_json_bytes(&json)));
        ck_assert_ptr_null(json_check(flare_json_bytes(&json), 64, NULL, NULL));
    }
    flare_json_fini(&json);
}
END_TEST

START_TEST(test_json_first_error_sticks)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 4096);
    flare_json_begin_array(&json);
    flare_json_string(&json, FLARE_STR("\xFF"));
    flare_json_end_object(&json);
    flare_json_end_array(&json);
    ck_assert_int_eq(flare_json_finish(&json), -EILSEQ);
    ck_assert_int_eq(flare_json_finish(&json), -EILSEQ);
    flare_json_fini(&json);
}
END_TEST

START_TEST(test_json_is_closed_after_its_end)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 4096);
    flare_json_null(&json);
    ck_assert_int_eq(flare_json_finish(&json), 0);
    ck_assert_int_eq(flare_json_finish(&json), 0);
    flare_json_null(&json);
    ck_assert_int_eq(flare_json_finish(&json), FLARE_E_BAD_JSON);
    flare_json_fini(&json);
    flare_json_fini(&json);
    flare_json_end_array(&json);
    ck_assert_int_eq(flare_json_finish(&json), FLARE_E_BAD_JSON);
}
END_TEST

START_TEST(test_json_nests_64_deep_and_no_deeper_U14)
{
    struct flare_json json;

    for (int depth = 64; depth <= 65; depth++) {
        flare_json_init(&json, NULL, 4096);
        for (int i = 0; i < depth; i++) {
            if (i % 3 == 0) {
                flare_json_begin_object(&json);
                flare_json_key(&json, "");
            } else {
                flare_json_begin_array(&json);
            }
        }
        flare_json_null(&json);
        for (int i = depth; i-- > 0;) {
            if (i % 3 == 0)
                flare_json_end_object(&json);
            else
                flare_json_end_array(&json);
        }
        ck_assert_int_eq(flare_json_finish(&json),
                         depth == 64 ? 0 : FLARE_E_BAD_JSON);
        if (depth == 64)
            ck_assert_ptr_null(
                json_check(flare_json_bytes(&json), 64, NULL, NULL));
        flare_json_fini(&json);
    }
}
END_TEST

/* ---- strings ---- */

#define S(text)                                                                \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }
#define FFFD "\xEF\xBF\xBD"

static const struct {
    const char *name;
    struct flare_str value;
    const char *text;     /* NULL: not UTF-8 */
    const char *replaced; /* of what is not */
} strings[] = {
    {"empty", S(""), "", 0},
    {"plain", S("hello, world"), "hello, world", 0},
    {"quote", S("\""), "\\\"", 0},
    {"backslash", S("\\"), "\\\\", 0},
    {"slash stays", S("</script>"), "</script>", 0},
    {"short escapes", S("\b\t\n\f\r"), "\\b\\t\\n\\f\\r", 0},
    {"other controls", S("\x01\x0B\x0E\x1F"), "\\u0001\\u000b\\u000e\\u001f",
     0},
    {"NUL", S("a\0b"), "a\\u0000b", 0},
    {"DEL stays", S("\x7F"), "\x7F", 0},
    {"two bytes", S("\xC3\xA9"), "\xC3\xA9", 0},
    {"three", S("\xE2\x82\xAC"), "\xE2\x82\xAC", 0},
    {"four", S("\xF0\x9F\x94\xA5"), "\xF0\x9F\x94\xA5", 0},
    {"the last", S("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF", 0},
    {"line separators stay", S("\xE2\x80\xA8"), "\xE2\x80\xA8", 0},
    {"a quote behind eight", S("01234567\""), "01234567\\\"", 0},
    {"one in each place", S("\"123456\\\"123456\\"),
     "\\\"123456\\\\\\\"123456\\\\", 0},
    {"stray continuation", S("a\x80z"), NULL, "a" FFFD "z"},
    {"FF", S("\xFF"), NULL, FFFD},
    {"overlong slash", S("\xC0\xAF"), NULL, FFFD FFFD},
    {"overlong NUL", S("\xE0\x80\x80"), NULL, FFFD FFFD FFFD},
    {"surrogate", S("\xED\xA0\x80"), NULL, FFFD FFFD FFFD},
    {"past U+10FFFF", S("\xF4\x90\x80\x80"), NULL, FFFD FFFD FFFD FFFD},
    {"cut after one of two", S("\xC3"), NULL, FFFD},
    {"cut after two of three", S("\xE2\x82"), NULL, FFFD},
    {"cut after three of four", S("\xF0\x9F\x94"), NULL, FFFD},
    {"cut by another", S("\xE2\x82\xC3\xA9"), NULL, FFFD "\xC3\xA9"},
    {"Unicode 15, table 3-11", S("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), NULL,
     FFFD FFFD FFFD FFFD "A"},
};

/* Writes the value as key or string; what is between the quotation marks. */
static int write_string(struct flare_str value, enum flare_json_utf8 utf8,
                        bool is_key, char *out, size_t *len)
{
    struct flare_json json;
    struct flare_str text;
    int rc;

    flare_json_init(&json, NULL, 4096);
    flare_json_set_utf8(&json, utf8);
    if (is_key) {
        flare_json_begin_object(&json);
        flare_json_key_str(&json, value);
        flare_json_null(&json);
        flare_json_end_object(&json);
    } else {
        flare_json_string(&json, value);
    }
    rc = flare_json_finish(&json);
    text = flare_json_bytes(&json);
    if (rc == 0) {
        ck_assert_ptr_null(json_check(text, 1, NULL, NULL));
        *len = text.len - (is_key ? strlen("{\"\":null}") : 2);
        memcpy(out, text.ptr + (is_key ? 2 : 1), *len);
    }
    flare_json_fini(&json);
    return rc;
}

START_TEST(test_json_string_is_escaped)
{
    struct guard guard;
    struct flare_str value = strings[_i].value;
    const char *name = strings[_i].name;

    guard_init(&guard, 64);
    value.ptr = guard_put(&guard, value.ptr, value.len);
    for (int is_key = 0; is_key < 2; is_key++) {
        char out[128];
        struct flare_str text = {out, 0};
        int rc =
            write_string(value, FLARE_JSON_UTF8_STRICT, is_key, out, &text.len);

        ck_assert_msg(rc == (strings[_i].text != NULL ? 0 : -EILSEQ), "%s: %d",
                      name, rc);
        if (rc == 0)
            ck_assert_msg(flare_str_equal(text, flare_str(strings[_i].text)),
                          "%s: %.*s", name, FLARE_STR_ARG(text));
        rc = write_string(value, FLARE_JSON_UTF8_REPLACE, is_key, out,
                          &text.len);
        ck_assert_msg(rc == 0, "%s: %d", name, rc);
        ck_assert_msg(
            flare_str_equal(text, flare_str(strings[_i].text != NULL
                                                ? strings[_i].text
                                                : strings[_i].replaced)),
            "%s: %.*s", name, FLARE_STR_ARG(text));
    }
    guard_fini(&guard);
}
END_TEST

struct expected {
    struct flare_str value;
    bool is_same;
};

static void compare_string(void *ctx, struct flare_str text)
{
    struct expected *expected = ctx;

    expected->is_same = flare_str_equal(text, expected->value);
}

/* Every byte in every place of a word: plain or not, it must come back. */
START_TEST(test_json_byte_is_seen_in_every_place)
{
    for (int c = 0; c < 128; c++) {
        for (int place = 0; place < 9; place++) {
            char value[9], out[128];
            size_t len;
            struct expected expected = {{value, 9}, false};
            struct flare_str text = {out, 0};

            memset(value, 'a', sizeof(value));
            value[place] = (char)c;
            if (write_string(expected.value, FLARE_JSON_UTF8_STRICT, false,
                             out + 1, &len) != 0)
                ck_abort_msg("%d", c);
            out[0] = out[len + 1] = '"';
            text.len = len + 2;
            if (json_check(text, 0, compare_string, &expected) != NULL ||
                !expected.is_same)
                ck_abort_msg("%d at %d: %.*s", c, place, (int)text.len, out);
        }
    }
}
END_TEST

/* ---- numbers ---- */

START_TEST(test_json_integers_in_full)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 4096);
    flare_json_begin_array(&json);
    flare_json_i64(&json, INT64_MIN);
    flare_json_i64(&json, INT64_MAX);
    flare_json_i64(&json, 0);
    flare_json_u64(&json, 0);
    flare_json_u64(&json, UINT64_MAX);
    flare_json_end_array(&json);
    ck_assert_int_eq(flare_json_finish(&json), 0);
    ck_assert(flare_str_equal(
        flare_json_bytes(&json),
        FLARE_STR("[-9223372036854775808,9223372036854775807,0,0,"
                  "18446744073709551615]")));
    flare_json_fini(&json);
}
END_TEST

static const struct {
    double value;
    const char *text; /* NULL: none */
} doubles[] = {
    {0.0, "0"},
    {-0.0, "-0"},
    {1.0, "1"},
    {-1.0, "-1"},
    {0.1, "0.1"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {123456789012345.0, "123456789012345"},
    {999999999999999.0, "999999999999999"},
    {1e15, "1e+15"},
    {1e16, "1e+16"},
    {9007199254740993.0, "9007199254740992"},
    {1e21, "1e+21"},
    {1e-7, "1e-07"},
    {123.456, "123.456"},
    {5e-324, "4.94065645841247e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {(double)INFINITY, NULL},
    {-(double)INFINITY, NULL},
    {(double)NAN, NULL},
};

static int write_double(double value, char *out, size_t *len)
{
    struct flare_json json;
    int rc;

    flare_json_init(&json, NULL, 64);
    flare_json_double(&json, value);
    rc = flare_json_finish(&json);
    *len = flare_json_bytes(&json).len;
    memcpy(out, flare_json_bytes(&json).ptr, *len);
    out[*len] = '\0';
    flare_json_fini(&json);
    return rc;
}

START_TEST(test_json_double_is_short_and_reads_back)
{
    char text[65];
    size_t len;
    int rc = write_double(doubles[_i].value, text, &len);

    if (doubles[_i].text == NULL) {
        ck_assert_int_eq(rc, FLARE_E_BAD_JSON);
        return;
    }
    ck_assert_int_eq(rc, 0);
    ck_assert(strtod(text, NULL) == doubles[_i].value);
    ck_assert_str_eq(text, doubles[_i].text);
}
END_TEST

START_TEST(test_json_double_of_random_bits_reads_back)
{
    uint64_t bits = 88172645463325252;

    for (int i = 0; i < 20000; i++) {
        char text[65];
        size_t len;
        double value;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        if (write_double(value, text, &len) != 0 ||
            strtod(text, NULL) != value ||
            json_check((struct flare_str){text, len}, 0, NULL, NULL) != NULL)
            ck_abort_msg("%a: %s", value, text);
    }
}
END_TEST

/* A locale with a decimal comma changes nothing; not every machine has one. */
START_TEST(test_json_double_knows_no_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",
                                        "fr_FR.UTF-8", "fr_FR.utf8",
                                        "fa_IR.UTF-8", "de_DE"};
    const char *found = NULL;
    char text[65];
    size_t len;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    if (found == NULL)
        TEST_SKIP("no locale with a decimal comma here");
    ck_assert_int_eq(write_double(0.5, text, &len), 0);
    ck_assert_str_eq(text, "0.5");
    ck_assert_ptr_nonnull(setlocale(LC_NUMERIC, "C"));
}
END_TEST

/* ---- memory and sinks ---- */

START_TEST(test_json_maximum_is_exact)
{
    for (size_t max = 0; max < 1100; max++) {
        struct flare_json json;
        int rc;

        flare_json_init(&json, NULL, max);
        flare_json_begin_array(&json);
        for (int i = 0; i < 500; i++)
            flare_json_u64(&json, 1);
        flare_json_end_array(&json); /* 1001 bytes */
        rc = flare_json_finish(&json);
        if (rc != (max < 1001 ? -ENOBUFS : 0))
            ck_abort_msg("%zu: %d", max, rc);
        flare_json_fini(&json);
    }
}
END_TEST

struct sink {
    char bytes[8192];
    size_t len;
    unsigned calls;
    unsigned fails_at; /* 0: never */
};

static int sink_write(void *ctx, struct flare_str bytes)
{
    struct sink *sink = ctx;

    ck_assert_uint_gt(bytes.len, 0);
    ck_assert_uint_ne(sink->fails_at, UINT32_MAX); /* not after it failed */
    if (++sink->calls == sink->fails_at) {
        sink->fails_at = UINT32_MAX;
        return -EPIPE;
    }
    ck_assert_uint_le(bytes.len, sizeof(sink->bytes) - sink->len);
    memcpy(sink->bytes + sink->len, bytes.ptr, bytes.len);
    sink->len += bytes.len;
    return 0;
}

static void write_long(struct flare_json *json)
{
    char value[700];

    memset(value, 'x', sizeof(value));
    flare_json_begin_array(json);
    for (size_t i = 0; i < 8; i++)
        flare_json_string(json, (struct flare_str){value, 100 * i});
    flare_json_raw(json, FLARE_STR("[1]"));
    flare_json_end_array(json);
}

START_TEST(test_json_sink_gets_what_memory_would)
{
    struct sink sink = {.len = 0};
    struct flare_json a, b;

    flare_json_init_sink(&a, sink_write, &sink);
    flare_json_init(&b, NULL, 8192);
    write_long(&a);
    write_long(&b);
    ck_assert_int_eq(flare_json_finish(&a), 0);
    ck_assert_int_eq(flare_json_finish(&b), 0);
    ck_assert_uint_gt(sink.calls, 4);
    ck_assert_uint_eq(flare_json_bytes(&a).len, 0);
    ck_assert(flare_str_equal(flare_json_bytes(&b),
                              (struct flare_str){sink.bytes, sink.len}));
    flare_json_fini(&a);
    flare_json_fini(&b);
}
END_TEST

START_TEST(test_json_sink_error_is_the_writer_s)
{
    for (unsigned at = 1; at < 8; at++) {
        struct sink sink = {.fails_at = at};
        struct flare_json json;
        int rc;

        flare_json_init_sink(&json, sink_write, &sink);
        write_long(&json);
        rc = flare_json_finish(&json);
        ck_assert_int_eq(rc, sink.calls >= at ? -EPIPE : 0);
        flare_json_fini(&json);
    }
}
END_TEST

static int scenario_grow(struct fault *f, void *ctx)
{
    struct flare_json json;
    struct flare_str text;
    char *block;
    int rc;

    (void)ctx;
    flare_json_init(&json, &f->al, 8192);
    write_long(&json);
    rc = flare_json_finish(&json);
    if (rc == 0) {
        block = flare__json_take(&json, &text);
        ck_assert_ptr_eq(block, text.ptr);
        ck_assert_ptr_null(json_check(text, 2, NULL, NULL));
        flare__free(&f->al, block);
        ck_assert_uint_eq(flare_json_bytes(&json).len, 0);
    }
    flare_json_fini(&json);
    return rc;
}

START_TEST(test_json_survives_every_lack_of_memory)
{
    struct fault_report report = fault_each("json", scenario_grow, NULL);

    ck_assert_uint_ge(report.sites, 3);
    ck_assert_uint_eq(report.recovered, 0);
}
END_TEST

START_TEST(test_json_short_text_allocates_nothing)
{
    struct flare_json json;
    struct flare_str text;
    struct fault f;

    fault_init(&f, FAULT_NEVER, 0);
    flare_json_init(&json, &f.al, 8192);
    flare_json_u64(&json, 7);
    ck_assert_int_eq(flare_json_finish(&json), 0);
    ck_assert_ptr_null(flare__json_take(&json, &text));
    ck_assert(flare_str_equal(text, FLARE_STR("7")));
    ck_assert_uint_eq(f.allocs, 0);
    flare_json_fini(&json);
    fault_fini(&f, "json");
}
END_TEST

static Suite *json_suite(void)
{
    Suite *suite = suite_create("http/json");
    TCase *tc = tcase_create("json");

    tcase_add_loop_test(tc, test_json_of_a_script, 0, ROWS(rows));
    tcase_add_test(tc, test_json_first_error_sticks);
    tcase_add_test(tc, test_json_is_closed_after_its_end);
    tcase_add_test(tc, test_json_nests_64_deep_and_no_deeper_U14);
    tcase_add_loop_test(tc, test_json_string_is_escaped, 0, ROWS(strings));
    tcase_add_test(tc, test_json_byte_is_seen_in_every_place);
    tcase_add_test(tc, test_json_integers_in_full);
    tcase_add_loop_test(tc, test_json_double_is_short_and_reads_back, 0,
                        ROWS(doubles));
    tcase_add_test(tc, test_json_double_of_random_bits_reads_back);
    tcase_add_test(tc, test_json_double_knows_no_locale);
    tcase_add_test(tc, test_json_maximum_is_exact);
    tcase_add_test(tc, test_json_sink_gets_what_memory_would);
    tcase_add_test(tc, test_json_sink_error_is_the_writer_s);
    tcase_add_test(tc, test_json_survives_every_lack_of_memory);
    tcase_add_test(tc, test_json_short_text_allocates_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(json_suite());
}
