/* SPDX-License-Identifier: MIT */
/* Field values with parameters. */
#include "http/fieldparam.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *name;
    const char *value;
    const char *shown; /* NULL: FLARE_E_BAD_INPUT somewhere */
} rows[] = {
    {"token", "form-data", "form-data"},
    {"type", "text/plain", "text/plain"},
    {"one", "a; b=c", "a|b=c"},
    {"two", "a/b;c=d;e=f", "a/b|c=d|e=f"},
    {"quoted", "a; b=\"c d\"", "a|b=\"c d\""},
    {"quoted empty", "a; b=\"\"", "a|b=\"\""},
    {"escapes stay", "a; b=\"\\\"\\\\\\c\"", "a|b=\"\\\"\\\\\\c\""},
    {"border in quotes", "a; b=\";c=d\"; e=f", "a|b=\";c=d\"|e=f"},
    {"white space", " \ta \t; \tb=c \t;\td=e\t", "a|b=c|d=e"},
    {"empty parameters", "a;;; ;b=c;", "a|b=c"},
    {"obs-text in quotes", "a; b=\"\xE9\"", "a|b=\"\xE9\""},
    {"star in a name", "a; b*=c'd'e", "a|b*=c'd'e"},
    {"nothing", "", NULL},
    {"white space alone", " ", NULL},
    {"border first", "; b=c", NULL},
    {"two words", "a b", NULL},
    {"slash first", "/a", NULL},
    {"slash last", "a/", NULL},
    {"two slashes", "a/b/c", NULL},
    {"white space around a slash", "a / b", NULL},
    {"comma", "a, b", NULL},
    {"parameter without a value", "a; b", NULL},
    {"nothing behind the equals", "a; b=", NULL},
    {"nothing before the equals", "a; =b", NULL},
    {"white space before the equals", "a; b =c", NULL},
    {"white space behind the equals", "a; b= c", NULL},
    {"slash in a token", "a; b=c/d", NULL},
    {"unterminated", "a; b=\"c", NULL},
    {"quote alone", "a; b=\"", NULL},
    {"backslash last", "a; b=\"c\\", NULL},
    {"escaped end", "a; b=\"c\\\"", NULL},
    {"control in quotes", "a; b=\"\x01\"", NULL},
    {"escaped control", "a; b=\"\\\x7F\"", NULL},
    {"junk behind quotes", "a; b=\"c\"d", NULL},
    {"junk behind a token", "a; b=c d", NULL},
};

/* "word|name=value|..." in `out`; false after an error. */
static bool show(struct flare_str text, char *out, size_t size)
{
    struct flare__fieldparam param;
    struct flare_str word;
    int len, rc;

    if (flare__fieldparam_first(&text, &word) < 0)
        return false;
    len = snprintf(out, size, "%.*s", FLARE_STR_ARG(word));
    while ((rc = flare__fieldparam_next(&text, &param)) > 0) {
        const char *quote = param.is_quoted ? "\"" : "";

        len += snprintf(out + len, size - (size_t)len, "|%.*s=%s%.*s%s",
                        FLARE_STR_ARG(param.name), quote,
                        FLARE_STR_ARG(param.value), quote);
    }
    return rc == 0;
}

START_TEST(test_fieldparam_reads_strictly)
{
    size_t len = strlen(rows[_i].value);
    char shown[128] = "";
    struct guard g;
    bool is_read;

    guard_init(&g, 4096);
    is_read = show((struct flare_str){guard_put(&g, rows[_i].value, len), len},
                   shown, sizeof(shown));
    ck_assert_msg(is_read == (rows[_i].shown != NULL), "%s: %s", rows[_i].name,
                  shown);
    if (is_read)
        ck_assert_msg(strcmp(shown, rows[_i].shown) == 0, "%s: %s",
                      rows[_i].name, shown);
    guard_fini(&g);
}
END_TEST

START_TEST(test_fieldparam_reads_no_value_as_none)
{
    struct flare_str text = {NULL, 0};
    struct flare_str word;

    ck_assert_int_eq(flare__fieldparam_first(&text, &word), FLARE_E_BAD_INPUT);
}
END_TEST

static Suite *fieldparam_suite(void)
{
    Suite *suite = suite_create("http/fieldparam");
    TCase *tc = tcase_create("fieldparam");

    tcase_add_loop_test(tc, test_fieldparam_reads_strictly, 0, ROWS(rows));
    tcase_add_test(tc, test_fieldparam_reads_no_value_as_none);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(fieldparam_suite());
}
