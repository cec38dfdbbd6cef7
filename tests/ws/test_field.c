/* SPDX-License-Identifier: MIT */
/* Fields by name, lists of tokens. */
#include "ws/field.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/support/ws_fields.h"

START_TEST(test_field_is_found_in_any_case_and_counted)
{
    struct flare_str lines = FLARE_STR("A: 1\r\nb:2\r\nA-: 3\r\na: 4\r\n");
    struct flare__ws_fields fields = ws_fields(&lines);
    struct flare_str value = FLARE_STR("kept");

    ck_assert_uint_eq(flare__ws_field_find(&fields, FLARE_STR("c"), &value), 0);
    ck_assert(flare_str_equal(value, FLARE_STR("kept")));
    ck_assert_uint_eq(flare__ws_field_find(&fields, FLARE_STR("B"), &value), 1);
    ck_assert(flare_str_equal(value, FLARE_STR("2")));
    ck_assert_uint_eq(flare__ws_field_find(&fields, FLARE_STR("a"), &value), 2);
    ck_assert(flare_str_equal(value, FLARE_STR("1")));
}
END_TEST

static const struct {
    const char *list;
    const char *elements; /* each with '|' behind it */
} lists[] = {
    {"", ""},
    {" \t", ""},
    {",, ,\t,", ""},
    {"a", "a|"},
    {"a,b", "a|b|"},
    {" a , b ,", "a|b|"},
    {",a b,\tc\t", "a b|c|"},
    {"\"a,b\"", "\"a|b\"|"}, /* without quoted strings */
};

START_TEST(test_list_is_cut_at_commas)
{
    struct flare_str rest = {NULL, strlen(lists[_i].list)}, element;
    char seen[64] = "";
    size_t len = 0;
    struct guard g;

    guard_init(&g, 64);
    rest.ptr = guard_put(&g, lists[_i].list, rest.len);
    while (flare__ws_element_next(&rest, &element))
        len += (size_t)snprintf(seen + len, sizeof(seen) - len, "%.*s|",
                                FLARE_STR_ARG(element));
    ck_assert_str_eq(seen, lists[_i].elements);
    guard_fini(&g);
}
END_TEST

START_TEST(test_field_has_a_word_on_any_line)
{
    struct flare_str lines = FLARE_STR("X: a, b\r\nY: d\r\nx: C\r\n");
    struct flare__ws_fields fields = ws_fields(&lines);

    ck_assert(flare__ws_field_has(&fields, FLARE_STR("x"), FLARE_STR("B")));
    ck_assert(flare__ws_field_has(&fields, FLARE_STR("x"), FLARE_STR("c")));
    ck_assert(!flare__ws_field_has(&fields, FLARE_STR("x"), FLARE_STR("d")));
    ck_assert(!flare__ws_field_has(&fields, FLARE_STR("x"), FLARE_STR("")));
}
END_TEST

/* tchar of RFC 9110 section 5.6.2, spelled out. */
START_TEST(test_token_has_the_77_characters_of_the_rfc)
{
    static const char tchars[] =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "abcdefghijklmnopqrstuvwxyz";
    int count = 0;

    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_token = flare__ws_is_token((struct flare_str){&byte, 1});

        ck_assert_int_eq(is_token, c != 0 && strchr(tchars, c) != NULL);
        count += is_token;
    }
    ck_assert_int_eq(count, 77);
    ck_assert(!flare__ws_is_token(FLARE_STR("")));
    ck_assert(!flare__ws_is_token(FLARE_STR("a b")));
    ck_assert(flare__ws_is_token(FLARE_STR("a.b")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/field");
    TCase *tc = tcase_create("field");

    tcase_add_test(tc, test_field_is_found_in_any_case_and_counted);
    tcase_add_loop_test(tc, test_list_is_cut_at_commas, 0, ROWS(lists));
    tcase_add_test(tc, test_field_has_a_word_on_any_line);
    tcase_add_test(tc, test_token_has_the_77_characters_of_the_rfc);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
