/* SPDX-License-Identifier: MIT */
/* Conditions, placeholders, moments, JSON that is read back. */
#include "tools/bench/condition.h"
#include "tools/bench/json_read.h"
#include "tools/bench/pace.h"
#include "tools/bench/requests.h"

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

/* ---- conditions ---- */

static const struct {
    const char *text;
    bool holds;
} conditions[] = {
    {"p50>1us", true},      {"p50<=2ms", true},   {"p50>2ms", false},
    {"p99.9>=9ms", true},   {"p100<10ms", false}, {"p0=1ms", false},
    {"mean>1ms", true},     {"min>0.9ms", true},  {"min>1.1ms", false},
    {"max<9ms", false},     {"rate=5", true},     {"rate>5", false},
    {"answers=10", true},   {"errors=10", true},  {"errors>50%", false},
    {"errors>=50%", true},  {"2xx=8", true},      {"5xx>=10%", true},
    {"5xx>10%", false},     {"3xx=0", true},      {"unsent<1", true},
    {"unanswered=7", true},
};

START_TEST(test_conditions_say_what_is_so)
{
    struct outcome *o = calloc(1, sizeof(*o));
    struct condition c;

    ck_assert_ptr_nonnull(o);
    o->seconds = 2;
    o->tally.answers = 10;
    o->tally.status[200] = 8;
    o->tally.status[503] = 2;
    o->tally.errors[TALLY_RESET] = 7;
    o->tally.errors[TALLY_TIMEOUT] = 3;
    o->tally.unanswered = 7;
    for (int i = 0; i < 9; i++)
        histogram_add(&o->tally.latency, 1000000);
    histogram_add(&o->tally.latency, 10000000);
    condition_parse(&c, "--fail-if", conditions[_i].text);
    ck_assert_msg(condition_holds(&c, o) == conditions[_i].holds, "%s: %g",
                  conditions[_i].text, condition_measure(&c, o));
    free(o);
}
END_TEST

/* ---- placeholders ---- */

static char *write_text(const char *source, uint64_t seq)
{
    struct text text;
    struct text_pen pen = text_pen(0, 1);
    struct text_out out = {.bytes = NULL};

    pen.seq = seq;
    text_compile(&text, "test", flare_str(source), TEXT_BODY);
    ck_assert_int_eq(text.is_fixed, strpbrk(source, "!") != NULL);
    text_write(&text, &pen, &out);
    text_out_add(&out, (struct flare_str){"", 1});
    text_fini(&text);
    return out.bytes; /* the caller frees it */
}

/* '!' marks those without a placeholder. */
static const struct {
    const char *source;
    const char *wanted;
} texts[] = {
    {"!", "!"},
    {"!{}{", "!{}{"},
    {"!{\"seq\":1}", "!{\"seq\":1}"},
    {"!{seq", "!{seq"},
    {"!{ seq}", "!{ seq}"},
    {"!{unknown:5}", "!{unknown:5}"},
    {"{seq}", "42"},
    {"a{seq}b{seq}c", "a42b42c"},
    {"{{seq}}", "{42}"},
    {"{rand:7-7}", "7"},
    {"{\"n\":{seq}}", "{\"n\":42}"},
};

START_TEST(test_placeholders_are_replaced_and_nothing_else)
{
    char *written = write_text(texts[_i].source, 42);

    ck_assert_str_eq(written, texts[_i].wanted);
    free(written);
}
END_TEST

START_TEST(test_random_numbers_fill_their_range)
{
    struct text_pen pen = text_pen(3, 4);
    unsigned seen[6] = {0};

    for (int i = 0; i < 6000; i++)
        seen[text_random(&pen) % 6]++;
    for (int i = 0; i < 6; i++)
        ck_assert_msg(seen[i] > 850 && seen[i] < 1150, "%d: %u", i, seen[i]);
}
END_TEST

/* Each thread sends all of them in turn, and no number comes twice. */
START_TEST(test_threads_share_numbers_and_requests)
{
    struct requests_options options = {.host = FLARE_STR("h"),
                                       .target = FLARE_STR("/{seq}")};
    struct requests requests;
    bool seen[60] = {false};
    bool is_head;

    requests_load(&requests, &options);
    ck_assert_uint_eq(requests.fixed.len, 0);
    for (uint32_t thread = 0; thread < 3; thread++) {
        struct text_pen pen = text_pen(thread, 3);

        for (int i = 0; i < 20; i++) {
            struct text_out out = {.bytes = NULL};
            unsigned long number;

            requests_write(&requests, &pen, &out, &is_head);
            number = strtoul(out.bytes + strlen("GET /"), NULL, 10);
            ck_assert_uint_lt(number, 60);
            ck_assert(!seen[number] && !is_head);
            seen[number] = true;
            text_out_fini(&out);
        }
    }
    requests_fini(&requests);
}
END_TEST

START_TEST(test_a_fixed_request_is_made_once)
{
    static const char wanted[] = "PUT /x HTTP/1.1\r\nHost: h:1\r\nA: b\r\n"
                                 "Connection: close\r\n"
                                 "Content-Length: 2\r\n\r\nhi";
    struct requests_options options = {.method = "PUT",
                                       .host = FLARE_STR("h:1"),
                                       .target = FLARE_STR("/x"),
                                       .fields = {"A: b"},
                                       .field_count = 1,
                                       .body = "hi",
                                       .closes = true};
    struct requests requests;

    requests_load(&requests, &options);
    ck_assert(flare_str_equal(requests.fixed, flare_str(wanted)));
    requests_fini(&requests);
}
END_TEST

/* ---- moments ---- */

START_TEST(test_a_steady_pace_does_not_drift)
{
    struct pace pace = pace_begin(1000, 3, 0.5, false);
    struct text_pen pen = text_pen(0, 1);

    ck_assert_uint_eq(pace_due(&pace), 1000 + 166666666);
    for (int i = 0; i < 3000000; i++)
        pace_step(&pace, &pen);
    ck_assert_uint_eq(pace_due(&pace),
                      1000 + 166666666 + UINT64_C(1000000) * 1000000000);
}
END_TEST

/* Gaps of a Poisson process: their mean and their deviation are the same. */
START_TEST(test_random_moments_come_at_the_rate)
{
    enum { GAPS = 100000 };
    struct pace pace = pace_begin(0, 1000, 0, true);
    struct text_pen pen = text_pen(0, 1);
    uint64_t before = 0;
    double squares = 0;

    for (int i = 0; i < GAPS; i++) {
        double gap;

        pace_step(&pace, &pen);
        gap = (double)(pace_due(&pace) - before) / 1e6;
        before = pace_due(&pace);
        squares += (gap - 1) * (gap - 1);
    }
    ck_assert_double_eq_tol((double)before / 1e6 / GAPS, 1, 0.02);
    ck_assert_double_eq_tol(sqrt(squares / GAPS), 1, 0.03);
}
END_TEST

/* ---- JSON ---- */

static const struct {
    const char *text;
    bool is_json;
} jsons[] = {
    {"{}", true},
    {" [ 1 , -2.5e+3 , \"a\\u00e9\\n\" , true , null , { \"a\" : [ ] } ] ",
     true},
    {"0", true},
    {"", false},
    {"{", false},
    {"{\"a\"}", false},
    {"{\"a\":}", false},
    {"{\"a\":1,}", false},
    {"[1,]", false},
    {"[1 2]", false},
    {"01", false},
    {"1.", false},
    {"-", false},
    {"\"a", false},
    {"\"\\x\"", false},
    {"\"\\u12g4\"", false},
    {"\"\n\"", false},
    {"{} {}", false},
    {"nul", false},
};

START_TEST(test_json_is_told_from_what_is_none)
{
    struct flare_str text = flare_str(jsons[_i].text);

    ck_assert_msg(json_read_check(text) == jsons[_i].is_json, "%s",
                  jsons[_i].text);
    /* Every begin of it is walked over too, and nothing read behind it. */
    for (size_t len = 0; len < text.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, text.ptr, len);
        (void)json_read_check((struct flare_str){copy, len});
        free(copy);
    }
}
END_TEST

START_TEST(test_json_depth_has_an_end)
{
    char text[2 * JSON_READ_DEPTH + 2];

    for (size_t depth = 1; depth <= JSON_READ_DEPTH; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ck_assert_msg(json_read_check((struct flare_str){text, 2 * depth}) ==
                          (depth <= JSON_READ_DEPTH),
                      "%zu", depth);
    }
    memset(text, '[', sizeof(text));
    ck_assert(!json_read_check((struct flare_str){text, sizeof(text)}));
}
END_TEST

START_TEST(test_json_values_are_found)
{
    struct flare_str text = FLARE_STR(" {\"a\" : {\"b\":[10, 20,30]} , "
                                      "\"c\":\"x\\\"\\u00e9\\\\\",\"d\":true}");
    struct flare_str rest;
    double sum = 0;
    char string[32];

    ck_assert(json_read_check(text));
    rest = json_read_member(json_read_member(text, "a"), "b");
    for (;;) {
        struct flare_str item = json_read_next(&rest);

        if (item.ptr == NULL)
            break;
        sum += json_read_number(item, -1);
    }
    ck_assert_double_eq(sum, 60);
    json_read_string(json_read_member(text, "c"), string, sizeof(string));
    ck_assert_str_eq(string, "x\"\xc3\xa9\\");
    json_read_string(json_read_member(text, "d"), string, sizeof(string));
    ck_assert_str_eq(string, "");
    ck_assert(json_read_bool(json_read_member(text, "d"), false));
    ck_assert_ptr_null(json_read_member(text, "e").ptr);
    ck_assert_ptr_null(json_read_member(json_read_member(text, "c"), "x").ptr);
    ck_assert_double_eq(json_read_number(json_read_member(text, "c"), 7), 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flare-bench settings");
    TCase *tcase = tcase_create("settings");

    tcase_add_loop_test(tcase, test_conditions_say_what_is_so, 0,
                        ROWS(conditions));
    tcase_add_loop_test(tcase, test_placeholders_are_replaced_and_nothing_else,
                        0, ROWS(texts));
    tcase_add_test(tcase, test_random_numbers_fill_their_range);
    tcase_add_test(tcase, test_threads_share_numbers_and_requests);
    tcase_add_test(tcase, test_a_fixed_request_is_made_once);
    tcase_add_test(tcase, test_a_steady_pace_does_not_drift);
    tcase_add_test(tcase, test_random_moments_come_at_the_rate);
    tcase_add_loop_test(tcase, test_json_is_told_from_what_is_none, 0,
                        ROWS(jsons));
    tcase_add_test(tcase, test_json_depth_has_an_end);
    tcase_add_test(tcase, test_json_values_are_found);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
