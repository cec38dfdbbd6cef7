/* SPDX-License-Identifier: MIT */
/* Lists in field values. */
#include "http/list.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *name;
    enum flare__quoting quoting;
    const char *field;
    const char *elements; /* joined by '|' */
} rows[] = {
    {"nothing", FLARE__QUOTED_STRING, "", ""},
    {"spaces", FLARE__QUOTED_STRING, " \t ", ""},
    {"one", FLARE__QUOTED_STRING, "gzip", "gzip"},
    {"two", FLARE__QUOTED_STRING, "gzip, br", "gzip|br"},
    {"RFC 9110 5.6.1.2", FLARE__QUOTED_STRING, "foo , ,bar,charlie",
     "foo|bar|charlie"},
    {"empty ones at the ends", FLARE__QUOTED_STRING, ",, a ,,", "a"},
    {"a comma in quotes", FLARE__QUOTED_STRING, "a=\"x,y\", b", "a=\"x,y\"|b"},
    {"an escaped quote", FLARE__QUOTED_STRING, "a=\"x\\\",y\", b",
     "a=\"x\\\",y\"|b"},
    {"no escapes in an etag", FLARE__QUOTED_ETAG, "\"x\\\", \"y\"",
     "\"x\\\"|\"y\""},
    {"a quote left open", FLARE__QUOTED_STRING, "a, \"b, c", "a|\"b, c"},
    {"a backslash at the end", FLARE__QUOTED_STRING, "a, \"b\\", "a|\"b\\"},
};

START_TEST(test_list_is_cut_into_its_elements)
{
    struct guard guard;
    struct flare_str rest, element;
    char joined[128];
    size_t len = 0;

    guard_init(&guard, 128);
    rest.len = strlen(rows[_i].field);
    rest.ptr = guard_put(&guard, rows[_i].field, rest.len);
    while (flare__list_next(&rest, rows[_i].quoting, &element)) {
        if (len > 0)
            joined[len++] = '|';
        memcpy(joined + len, element.ptr, element.len);
        len += element.len;
    }
    joined[len] = '\0';
    ck_assert_msg(strcmp(joined, rows[_i].elements) == 0, "%s: %s",
                  rows[_i].name, joined);
    guard_fini(&guard);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/list");
    TCase *tc = tcase_create("list");

    tcase_add_loop_test(tc, test_list_is_cut_into_its_elements, 0, ROWS(rows));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
