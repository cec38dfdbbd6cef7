/* SPDX-License-Identifier: MIT */
/* Conditional requests, RFC 9110 section 13 (H45). */
#include "http/conditions.h"

#include "tests/support/test.h"

#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define NEWER "Sun, 06 Nov 1994 08:49:38 GMT"

enum { MODIFIED = 784111777 };

#define GET FLARE_METHOD_GET
#define HEAD FLARE_METHOD_HEAD
#define PUT FLARE_METHOD_PUT
#define POST FLARE_METHOD_POST
#define OPTIONS FLARE_METHOD_OPTIONS
#define GO FLARE__VERDICT_PROCEED
#define WHOLE FLARE__VERDICT_PROCEED_WHOLE
#define V304 FLARE__VERDICT_NOT_MODIFIED
#define V412 FLARE__VERDICT_FAILED

/* The representation: tag "a", modified SAME, unless the row says otherwise. */
enum thing { USUAL, WEAK, BARE, ABSENT, JUST_CHANGED };

static const struct {
    const char *name;
    enum flare__verdict verdict;
    enum flare_method method;
    enum thing thing;
    const char *if_match, *if_none_match, *if_modified, *if_unmodified;
    const char *if_range; /* "" for Range without it */
} rows[] = {
    {"no condition", GO, GET, USUAL, 0, 0, 0, 0, 0},

    {"If-Match names it", GO, PUT, USUAL, "\"a\"", 0, 0, 0, 0},
    {"in a list", GO, PUT, USUAL, "\"b\", \"a\"", 0, 0, 0, 0},
    {"If-Match names another", V412, PUT, USUAL, "\"b\"", 0, 0, 0, 0},
    {"also for GET", V412, GET, USUAL, "\"b\"", 0, 0, 0, 0},
    {"a weak tag never matches", V412, PUT, USUAL, "W/\"a\"", 0, 0, 0, 0},
    {"nor ours", V412, PUT, WEAK, "W/\"a\"", 0, 0, 0, 0},
    {"If-Match: * and something", GO, PUT, USUAL, "*", 0, 0, 0, 0},
    {"even without a tag", GO, PUT, BARE, "*", 0, 0, 0, 0},
    {"If-Match: * and nothing", V412, PUT, ABSENT, "*", 0, 0, 0, 0},
    {"a tag and nothing", V412, PUT, ABSENT, "\"a\"", 0, 0, 0, 0},
    {"no tag to match", V412, PUT, BARE, "\"a\"", 0, 0, 0, 0},
    {"unquoted", V412, PUT, USUAL, "a", 0, 0, 0, 0},
    {"empty", V412, PUT, USUAL, "", 0, 0, 0, 0},
    {"* in a list", V412, PUT, USUAL, "*, \"b\"", 0, 0, 0, 0},

    {"unmodified since", GO, PUT, USUAL, 0, 0, 0, SAME, 0},
    {"unmodified since later", GO, PUT, USUAL, 0, 0, 0, NEWER, 0},
    {"modified since", V412, PUT, USUAL, 0, 0, 0, OLDER, 0},
    {"no date at all", GO, PUT, USUAL, 0, 0, 0, "yesterday", 0},
    {"no date to compare", GO, PUT, BARE, 0, 0, 0, OLDER, 0},
    {"nothing there", GO, PUT, ABSENT, 0, 0, 0, OLDER, 0},
    {"If-Match hides it", GO, PUT, USUAL, "\"a\"", 0, 0, OLDER, 0},
    {"and fails alone", V412, PUT, USUAL, "\"b\"", 0, 0, NEWER, 0},

    {"If-None-Match names it", V304, GET, USUAL, 0, "\"a\"", 0, 0, 0},
    {"HEAD too", V304, HEAD, USUAL, 0, "\"a\"", 0, 0, 0},
    {"PUT is refused", V412, PUT, USUAL, 0, "\"a\"", 0, 0, 0},
    {"weakly", V304, GET, USUAL, 0, "W/\"a\"", 0, 0, 0},
    {"weak both", V304, GET, WEAK, 0, "W/\"a\"", 0, 0, 0},
    {"in a list of weak ones", V304, GET, USUAL, 0, "W/\"x\", W/\"a\"", 0, 0,
     0},
    {"names another", GO, GET, USUAL, 0, "\"b\"", 0, 0, 0},
    {"If-None-Match: *", V304, GET, USUAL, 0, "*", 0, 0, 0},
    {"create only", V412, PUT, USUAL, 0, "*", 0, 0, 0},
    {"nothing there yet", GO, PUT, ABSENT, 0, "*", 0, 0, 0},
    {"unquoted", GO, GET, USUAL, 0, "a", 0, 0, 0},
    {"it hides the date", GO, GET, USUAL, 0, "\"b\"", NEWER, 0, 0},
    {"in both directions", V304, GET, USUAL, 0, "\"a\"", OLDER, 0, 0},

    {"not modified since", V304, GET, USUAL, 0, 0, SAME, 0, 0},
    {"not modified since later", V304, HEAD, USUAL, 0, 0, NEWER, 0, 0},
    {"modified since", GO, GET, USUAL, 0, 0, OLDER, 0, 0},
    {"RFC 850", V304, GET, USUAL, 0, 0, "Sunday, 06-Nov-94 08:49:37 GMT", 0, 0},
    {"asctime", V304, GET, USUAL, 0, 0, "Sun Nov  6 08:49:37 1994", 0, 0},
    {"a bad date", GO, GET, USUAL, 0, 0, "Sun, 06 Nov 1994 08:49:37", 0, 0},
    {"a number", GO, GET, USUAL, 0, 0, "99999999999", 0, 0},
    {"only for reading", GO, POST, USUAL, 0, 0, SAME, 0, 0},
    {"no date to compare", GO, GET, BARE, 0, 0, SAME, 0, 0},

    {"both groups hold", V304, GET, USUAL, "\"a\"", "\"a\"", 0, 0, 0},
    {"the first fails first", V412, GET, USUAL, "\"b\"", "\"a\"", 0, 0, 0},
    {"unmodified, then not modified", V304, GET, USUAL, 0, 0, SAME, SAME, 0},

    {"Range alone", GO, GET, USUAL, 0, 0, 0, 0, ""},
    {"If-Range names it", GO, GET, USUAL, 0, 0, 0, 0, "\"a\""},
    {"names another", WHOLE, GET, USUAL, 0, 0, 0, 0, "\"b\""},
    {"weakly", WHOLE, GET, USUAL, 0, 0, 0, 0, "W/\"a\""},
    {"ours is weak", WHOLE, GET, WEAK, 0, 0, 0, 0, "W/\"a\""},
    {"has no list", WHOLE, GET, USUAL, 0, 0, 0, 0, "\"b\", \"a\""},
    {"has no star", WHOLE, GET, USUAL, 0, 0, 0, 0, "*"},
    {"its very date", GO, GET, USUAL, 0, 0, 0, 0, SAME},
    {"a later one", WHOLE, GET, USUAL, 0, 0, 0, 0, NEWER},
    {"a date of this second", WHOLE, GET, JUST_CHANGED, 0, 0, 0, 0, SAME},
    {"junk", WHOLE, GET, USUAL, 0, 0, 0, 0, "junk"},
    {"no ranges of HEAD", GO, HEAD, USUAL, 0, 0, 0, 0, "\"b\""},
    {"304 before a range", V304, GET, USUAL, 0, "\"a\"", 0, 0, "\"b\""},

    {"OPTIONS has none", GO, OPTIONS, USUAL, "\"b\"", 0, 0, 0, 0},
    {"nor TRACE", GO, FLARE_METHOD_TRACE, USUAL, "\"b\"", "\"a\"", 0, 0, 0},
    {"nor CONNECT", GO, FLARE_METHOD_CONNECT, USUAL, "\"b\"", 0, 0, 0, 0},
};

static struct flare__validators thing_of(enum thing thing)
{
    struct flare__validators mine = {true, true, MODIFIED, FLARE_STR("\"a\"")};

    if (thing == WEAK)
        mine.etag = FLARE_STR("W/\"a\"");
    if (thing == BARE || thing == ABSENT) {
        mine.has_modified = false;
        mine.etag.len = 0;
    }
    mine.exists = thing != ABSENT;
    return mine;
}

static struct flare__values one(const char *text, struct flare_str *slice)
{
    *slice = flare_str(text);
    return (struct flare__values){slice, text != NULL};
}

START_TEST(test_conditions_give_the_verdict_H45)
{
    struct flare__validators mine = thing_of(rows[_i].thing);
    int64_t now =
        rows[_i].thing == JUST_CHANGED ? MODIFIED : MODIFIED + 1000000;
    struct flare_str slices[5];
    const char *if_range = rows[_i].if_range;
    struct flare__conditions conditions = {
        .if_match = one(rows[_i].if_match, &slices[0]),
        .if_none_match = one(rows[_i].if_none_match, &slices[1]),
        .if_modified_since = one(rows[_i].if_modified, &slices[2]),
        .if_unmodified_since = one(rows[_i].if_unmodified, &slices[3]),
        .has_range = if_range != NULL,
    };
    enum flare__verdict verdict;

    if (if_range != NULL && if_range[0] != '\0')
        conditions.if_range = one(if_range, &slices[4]);
    verdict = flare__conditions_check(rows[_i].method, &conditions, &mine, now);
    ck_assert_msg(verdict == rows[_i].verdict, "row %d, %s: %d", _i,
                  rows[_i].name, (int)verdict);
}
END_TEST

START_TEST(test_conditions_ignore_a_date_sent_twice)
{
    struct flare__validators mine = thing_of(USUAL);
    struct flare_str dates[2] = {FLARE_STR(SAME), FLARE_STR(SAME)};
    struct flare__conditions conditions = {.if_modified_since = {dates, 2}};

    ck_assert_int_eq(flare__conditions_check(GET, &conditions, &mine, MODIFIED),
                     GO);
}
END_TEST

START_TEST(test_conditions_if_range_without_range_is_nothing)
{
    struct flare__validators mine = thing_of(USUAL);
    struct flare_str tag = FLARE_STR("\"b\"");
    struct flare__conditions conditions = {.if_range = {&tag, 1}};

    ck_assert_int_eq(flare__conditions_check(GET, &conditions, &mine, MODIFIED),
                     GO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/conditions");
    TCase *tc = tcase_create("conditions");

    tcase_add_loop_test(tc, test_conditions_give_the_verdict_H45, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_conditions_ignore_a_date_sent_twice);
    tcase_add_test(tc, test_conditions_if_range_without_range_is_nothing);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
