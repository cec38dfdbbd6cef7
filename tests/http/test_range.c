/* SPDX-License-Identifier: MIT */
/* Byte ranges, RFC 9110 section 14 (H44). */
#include "http/range.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <inttypes.h>
#include <string.h>

#define HUGE "99999999999999999999999999"

static const struct {
    const char *name;
    uint64_t size;
    const char *field;
    int rc;
    struct flare__range first; /* and the last, if there are two or more */
    struct flare__range last;
} rows[] = {
    /* section 14.1.2 */
    {"first 500", 10000, "bytes=0-499", 1, {0, 500}, {0, 0}},
    {"second 500", 10000, "bytes=500-999", 1, {500, 500}, {0, 0}},
    {"last 500", 10000, "bytes=-500", 1, {9500, 500}, {0, 0}},
    {"from 9500 on", 10000, "bytes=9500-", 1, {9500, 500}, {0, 0}},
    {"first and last", 10000, "bytes=0-0,-1", 2, {0, 1}, {9999, 1}},
    {"first, middle and last",
     10000,
     "bytes= 0-999, 4500-5499, -1000",
     3,
     {0, 1000},
     {9000, 1000}},
    {"second 500, in two",
     10000,
     "bytes=500-600,601-999",
     2,
     {500, 101},
     {601, 399}},
    {"section 14.1.2, overlapping",
     10000,
     "bytes=500-700,601-999",
     0,
     {0, 0},
     {0, 0}},

    {"all of it", 10, "bytes=0-", 1, {0, 10}, {0, 0}},
    {"past the end", 10, "bytes=5-100", 1, {5, 5}, {0, 0}},
    {"last byte", 10, "bytes=9-9", 1, {9, 1}, {0, 0}},
    {"suffix longer than it", 10, "bytes=-11", 1, {0, 10}, {0, 0}},
    {"order is kept", 10, "bytes=8-9,0-1", 2, {8, 2}, {0, 2}},
    {"unit in any case", 10, "BYTES=0-1", 1, {0, 2}, {0, 0}},
    {"empty elements", 10, "bytes=,0-1, ,", 1, {0, 2}, {0, 0}},
    {"huge last", 10, "bytes=1-" HUGE, 1, {1, 9}, {0, 0}},
    {"huge suffix", 10, "bytes=-" HUGE, 1, {0, 10}, {0, 0}},
    {"last of 2^64 - 1", 10, "bytes=1-18446744073709551615", 1, {1, 9}, {0, 0}},
    {"largest of all",
     UINT64_MAX,
     "bytes=18446744073709551614-",
     1,
     {UINT64_MAX - 1, 1},
     {0, 0}},
    {"whole of the largest",
     UINT64_MAX,
     "bytes=0-",
     1,
     {0, UINT64_MAX},
     {0, 0}},
    {"leading zeros",
     10,
     "bytes=0000-0000000000000000000000001",
     1,
     {0, 2},
     {0, 0}},

    {"first past the end", 10, "bytes=10-", FLARE_E_BAD_RANGE, {0, 0}, {0, 0}},
    {"both past it", 10, "bytes=10-20", FLARE_E_BAD_RANGE, {0, 0}, {0, 0}},
    {"huge first", 10, "bytes=" HUGE "-", FLARE_E_BAD_RANGE, {0, 0}, {0, 0}},
    {"huge both",
     10,
     "bytes=" HUGE "-" HUGE,
     FLARE_E_BAD_RANGE,
     {0, 0},
     {0, 0}},
    {"suffix of nothing", 10, "bytes=-0", FLARE_E_BAD_RANGE, {0, 0}, {0, 0}},
    {"any of an empty one", 0, "bytes=0-", FLARE_E_BAD_RANGE, {0, 0}, {0, 0}},
    {"none of several",
     10,
     "bytes=10-,11-,-0",
     FLARE_E_BAD_RANGE,
     {0, 0},
     {0, 0}},
    {"one of several", 10, "bytes=10-,3-4,11-", 1, {3, 2}, {0, 0}},

    {"suffix of an empty one", 0, "bytes=-5", 0, {0, 0}, {0, 0}},
    {"another unit", 10, "lines=0-1", 0, {0, 0}, {0, 0}},
    {"no unit", 10, "0-1", 0, {0, 0}, {0, 0}},
    {"no field", 10, "", 0, {0, 0}, {0, 0}},
    {"only the unit", 10, "bytes", 0, {0, 0}, {0, 0}},
    {"unit and =", 10, "bytes=", 0, {0, 0}, {0, 0}},
    {"unit and commas", 10, "bytes=,,", 0, {0, 0}, {0, 0}},
    {"space before =", 10, "bytes =0-1", 0, {0, 0}, {0, 0}},
    {"a hyphen", 10, "bytes=-", 0, {0, 0}, {0, 0}},
    {"no hyphen", 10, "bytes=1", 0, {0, 0}, {0, 0}},
    {"two hyphens", 10, "bytes=1-2-3", 0, {0, 0}, {0, 0}},
    {"last before first", 10, "bytes=5-4", 0, {0, 0}, {0, 0}},
    {"negative", 10, "bytes=--5", 0, {0, 0}, {0, 0}},
    {"negative last", 10, "bytes=1--5", 0, {0, 0}, {0, 0}},
    {"a sign", 10, "bytes=+1-2", 0, {0, 0}, {0, 0}},
    {"letters", 10, "bytes=a-b", 0, {0, 0}, {0, 0}},
    {"hexadecimal", 10, "bytes=0x1-2", 0, {0, 0}, {0, 0}},
    {"a space inside", 10, "bytes=1 -2", 0, {0, 0}, {0, 0}},
    {"one is malformed", 10, "bytes=0-1,x", 0, {0, 0}, {0, 0}},
    {"malformed behind unsatisfiable", 10, "bytes=10-,x", 0, {0, 0}, {0, 0}},
    {"twice the same", 10, "bytes=0-1,0-1", 0, {0, 0}, {0, 0}},
    {"one inside another", 10, "bytes=0-,2-3", 0, {0, 0}, {0, 0}},
    {"one around another", 10, "bytes=2-3,0-", 0, {0, 0}, {0, 0}},
    {"a suffix over it", 10, "bytes=0-5,-5", 0, {0, 0}, {0, 0}},
    {"sixteen",
     100,
     "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
     "24-24,26-26,28-28,30-30",
     16,
     {0, 1},
     {30, 1}},
    {"seventeen",
     100,
     "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
     "24-24,26-26,28-28,30-30,32-32",
     0,
     {0, 0},
     {0, 0}},
    {"seventeen past the end",
     1,
     "bytes=1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-,1-",
     0,
     {0, 0},
     {0, 0}},
};

static bool same(struct flare__range a, struct flare__range b)
{
    return a.offset == b.offset && a.len == b.len;
}

START_TEST(test_range_is_read_H44)
{
    struct flare__range out[FLARE__RANGES_MAX];
    struct guard guard;
    struct flare_str field = {NULL, strlen(rows[_i].field)};
    int rc;

    guard_init(&guard, 256);
    field.ptr = guard_put(&guard, rows[_i].field, field.len);
    rc = flare__range_parse(field, rows[_i].size, out);
    ck_assert_msg(rc == rows[_i].rc, "%s: %d", rows[_i].name, rc);
    if (rc > 0)
        ck_assert_msg(same(out[0], rows[_i].first), "%s: %" PRIu64 "+%" PRIu64,
                      rows[_i].name, out[0].offset, out[0].len);
    if (rc > 1)
        ck_assert_msg(same(out[rc - 1], rows[_i].last), "%s", rows[_i].name);
    guard_fini(&guard);
}
END_TEST

/* The first step from every number to the next, at every size. */
START_TEST(test_range_of_two_numbers_is_what_a_loop_finds)
{
    for (unsigned size = 0; size < 6; size++) {
        for (unsigned i = 0; i < 64; i++) {
            unsigned first = i / 8, last = i % 8, count = 0;
            struct flare__range out[FLARE__RANGES_MAX];
            char field[32];
            int rc;

            snprintf(field, sizeof(field), "bytes=%u-%u", first, last);
            for (unsigned at = first; at <= last && at < size; at++)
                count++;
            rc = flare__range_parse(flare_str(field), size, out);
            ck_assert_int_eq(rc, count > 0      ? 1
                                 : last < first ? 0
                                                : FLARE_E_BAD_RANGE);
            if (rc == 1)
                ck_assert(same(out[0], (struct flare__range){first, count}));
        }
    }
}
END_TEST

static const struct {
    const char *text;
    uint64_t size;
    bool has_range;
    struct flare__range range;
} answers[] = {
    {"bytes 0-499/1234", 1234, true, {0, 500}},
    {"bytes 734-1233/1234", 1234, true, {734, 500}},
    {"bytes */1234", 1234, false, {0, 0}},
    {"bytes */0", 0, false, {0, 0}},
    {"bytes 18446744073709551613-18446744073709551614/18446744073709551615",
     UINT64_MAX,
     true,
     {UINT64_MAX - 2, 2}},
};

START_TEST(test_content_range_is_written)
{
    char out[FLARE__CONTENT_RANGE_LEN_MAX];
    struct flare_str text = {out, 0};

    text.len = flare__content_range_write(
        out, answers[_i].has_range ? &answers[_i].range : NULL,
        answers[_i].size);
    ck_assert_uint_le(text.len, sizeof(out));
    ck_assert_msg(flare_str_equal(text, flare_str(answers[_i].text)), "%.*s",
                  FLARE_STR_ARG(text));
}
END_TEST

static const struct {
    const char *field;
    int rc;
    struct flare__range range;
    uint64_t size;
} contents[] = {
    {"bytes 0-4/10", 1, {0, 5}, 10},
    {"Bytes 9-9/10", 1, {9, 1}, 10},
    {"bytes 5-7/*", 1, {5, 3}, FLARE__RANGE_SIZE_UNKNOWN},
    {"bytes */10", 0, {0, 0}, 10},
    {"bytes */0", 0, {0, 0}, 0},
    {"bytes 0-18446744073709551613/18446744073709551614",
     1,
     {0, UINT64_MAX - 1},
     UINT64_MAX - 1},
    {"bytes 0-10/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 5-4/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-18446744073709551615/*", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-99999999999999999999/*", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes */*", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes=0-4/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-4", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-4/", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-4/10 ", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes -4/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes 0-/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"items 0-4/10", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"bytes ", FLARE_E_BAD_RANGE, {0, 0}, 0},
    {"", FLARE_E_BAD_RANGE, {0, 0}, 0},
};

START_TEST(test_content_range_is_read)
{
    struct flare__range range = {0, 0};
    uint64_t size = 77;
    int rc = flare__content_range_parse(flare_str(contents[_i].field), &range,
                                        &size);

    ck_assert_msg(rc == contents[_i].rc, "%s: %d", contents[_i].field, rc);
    if (rc < 0)
        return;
    ck_assert_uint_eq(size, contents[_i].size);
    ck_assert_uint_eq(range.offset, contents[_i].range.offset);
    ck_assert_uint_eq(range.len, contents[_i].range.len);
}
END_TEST

START_TEST(test_range_that_cannot_be_has_its_status)
{
    ck_assert_int_eq(flare_error_status(FLARE_E_BAD_RANGE), 416);
    ck_assert_int_eq(flare_error_status(FLARE_E_PRECONDITION), 412);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/range");
    TCase *tc = tcase_create("range");

    tcase_add_loop_test(tc, test_range_is_read_H44, 0, ROWS(rows));
    tcase_add_test(tc, test_range_of_two_numbers_is_what_a_loop_finds);
    tcase_add_loop_test(tc, test_content_range_is_written, 0, ROWS(answers));
    tcase_add_loop_test(tc, test_content_range_is_read, 0, ROWS(contents));
    tcase_add_test(tc, test_range_that_cannot_be_has_its_status);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
