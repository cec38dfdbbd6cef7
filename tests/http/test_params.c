/* SPDX-License-Identifier: MIT */
/* application/x-www-form-urlencoded: what is taken, in what order, how much. */
#include "http/params.h"

#include "base/alloc.h"

#include "tests/support/fault.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* The pairs as text, "name=value|" each. */
static const char *shown(const struct flare__params *p)
{
    static char text[4096];
    size_t len = 0;

    for (uint32_t i = 0; i < p->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s=%.*s|",
                                FLARE_STR_ARG(p->list[i].name),
                                FLARE_STR_ARG(p->list[i].value));
    text[len] = '\0';
    return text;
}

static const struct {
    const char *name;
    const char *text;
    const char *pairs; /* NULL: FLARE_E_BAD_INPUT */
} rows[] = {
    {"nothing", "", ""},
    {"one", "a=b", "a=b|"},
    {"two", "a=b&c=d", "a=b|c=d|"},
    {"repeated are kept in order", "a=2&b=x&a=1", "a=2|b=x|a=1|"},
    {"plus is a space", "a+b=c+d", "a b=c d|"},
    {"escaped plus is a plus", "a=1%2B1", "a=1+1|"},
    {"escapes", "%61=%42%63", "a=Bc|"},
    {"digits of both cases", "a=%7a%7A", "a=zz|"},
    {"decoded once", "a=%2541", "a=%41|"},
    {"escaped ampersand does not part", "a=b%26c=d", "a=b&c=d|"},
    {"escaped equals does not part", "a%3Db=c", "a=b=c|"},
    {"second equals is of the value", "a=b=c", "a=b=c|"},
    {"no equals", "a", "a=|"},
    {"no value", "a=", "a=|"},
    {"no name", "=b", "=b|"},
    {"equals alone", "=", "=|"},
    {"empty pairs are none", "&&a=b&&&c=d&", "a=b|c=d|"},
    {"ampersands alone", "&&&", ""},
    {"semicolon does not part", "a=b;c=d", "a=b;c=d|"},
    {"UTF-8, escaped", "a=%E2%82%AC", "a=\xE2\x82\xAC|"},
    {"UTF-8, not escaped", "a=\xE2\x82\xAC", "a=\xE2\x82\xAC|"},
    {"UTF-8, half escaped", "a=\xE2%82\xAC", "a=\xE2\x82\xAC|"},
    {"a space that is not escaped", "a=b c", "a=b c|"},
    {"line ends of a text area", "a=b%0D%0Ac", "a=b\r\nc|"},
    {"other controls of a text area", "a=%09%0B%0C%1B%7F", "a=\t\v\f\x1B\x7F|"},
    {"U02 percent alone", "a=%", NULL},
    {"U02 percent at the end", "a=b%", NULL},
    {"U02 one digit", "a=%4", NULL},
    {"U02 zz", "a=%zz", NULL},
    {"U02 second digit is none", "a=%4g", NULL},
    {"escape over the border", "a=%4&1=b", NULL},
    {"escape over the equals", "a%4=1", NULL},
    {"bad in a pair nobody asks for", "a=b&x=%&c=d", NULL},
    {"bad name", "%=b", NULL},
    {"U02 NUL", "a=b%00c", NULL},
    {"U02 NUL in a name", "a%00=b", NULL},
    {"U02 CR LF in a name", "a%0D%0A=b", NULL},
    {"tab in a name", "a%09=b", NULL},
    {"DEL in a name", "a%7F=b", NULL},
    {"line end that is not escaped", "a=b\n", NULL},
    {"CR that is not escaped", "a=b\r\n", NULL},
    {"tab that is not escaped", "a=b\tc", NULL},
    {"DEL that is not escaped", "a=b\x7F", NULL},
    {"U02 overlong slash", "a=%c0%af", NULL},
    {"surrogate", "a=%ed%a0%80", NULL},
    {"UTF-8 cut", "a=%E2%82", NULL},
    {"UTF-8 over name and value", "%C3=%A9", NULL},
    {"UTF-8 over two pairs", "a=%C3&%A9=b", NULL},
    {"Latin-1", "a=%E9", NULL},
};

START_TEST(test_params_reads_strictly)
{
    size_t len = strlen(rows[_i].text);
    struct flare__arena arena;
    struct flare__params p;
    struct guard g;

    guard_init(&g, 4096);
    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__params_parse(
        &p, &arena, (struct flare_str){guard_put(&g, rows[_i].text, len), len});
    if (rows[_i].pairs == NULL) {
        ck_assert_msg(p.rc == FLARE_E_BAD_INPUT && p.count == 0, "%s: %d",
                      rows[_i].name, p.rc);
    } else {
        ck_assert_msg(p.rc == 0, "%s: %d", rows[_i].name, p.rc);
        ck_assert_msg(strcmp(shown(&p), rows[_i].pairs) == 0, "%s: %s",
                      rows[_i].name, shown(&p));
    }
    flare__arena_fini(&arena);
    guard_fini(&g);
}
END_TEST

START_TEST(test_params_outlive_the_text)
{
    char text[] = "a=b&c=%64";
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__params_parse(&p, &arena, flare_str(text));
    memset(text, 'X', sizeof(text) - 1);
    ck_assert_str_eq(shown(&p), "a=b|c=d|");
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_params_find_gives_the_first_of_exactly_that_name)
{
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__params_parse(&p, &arena, FLARE_STR("ab=1&a=2&A=3&a=4&=5"));
    ck_assert_ptr_eq(flare__params_find(&p, FLARE_STR("a")), &p.list[1]);
    ck_assert_ptr_eq(flare__params_find(&p, FLARE_STR("A")), &p.list[2]);
    ck_assert_ptr_eq(flare__params_find(&p, FLARE_STR("")), &p.list[4]);
    ck_assert_ptr_null(flare__params_find(&p, FLARE_STR("b")));
    ck_assert_ptr_null(flare__params_find(&p, FLARE_STR("abc")));
    flare__arena_fini(&arena);
}
END_TEST

/* `count` pairs "a=b", parted by `between`. */
static struct flare_str pairs_of(char *text, unsigned count,
                                 const char *between)
{
    size_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        memcpy(text + len, "a=b", 3);
        len += 3;
        memcpy(text + len, between, strlen(between));
        len += strlen(between);
    }
    return (struct flare_str){text, len};
}

START_TEST(test_params_H16_1000_pairs_and_no_more)
{
    static char text[16 * (FLARE__PARAMS_MAX + 1)];
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__params_parse(&p, &arena, pairs_of(text, FLARE__PARAMS_MAX, "&&&"));
    ck_assert_int_eq(p.rc, 0);
    ck_assert_uint_eq(p.count, FLARE__PARAMS_MAX);
    flare__arena_reset(&arena);
    flare__params_parse(&p, &arena, pairs_of(text, FLARE__PARAMS_MAX + 1, "&"));
    ck_assert_int_eq(p.rc, FLARE_E_BAD_INPUT);
    ck_assert_uint_eq(p.count, 0);
    ck_assert_uint_le(arena.bytes, 256); /* nothing was taken for them */
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_params_R18_memory_is_in_proportion_to_the_text)
{
    static char text[1 << 20];
    struct flare__arena arena;
    struct flare__params p;

    memset(text, '&', sizeof(text));
    flare__arena_init(&arena, &flare__allocator_default, 64, 1 << 22);
    flare__params_parse(&p, &arena, (struct flare_str){text, sizeof(text)});
    ck_assert_int_eq(p.rc, 0);
    ck_assert_uint_eq(arena.bytes, 0);
    memset(text, 'a', sizeof(text));
    flare__params_parse(&p, &arena, (struct flare_str){text, sizeof(text)});
    ck_assert_int_eq(p.rc, 0);
    ck_assert_uint_le(arena.bytes, sizeof(text) + 256);
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_params_says_whether_memory_or_its_bound_was_missing)
{
    struct flare__arena arena;
    struct flare__params p;
    struct fault f;

    flare__arena_init(&arena, &flare__allocator_default, 64, 64);
    flare__params_parse(&p, &arena, FLARE_STR("a=b&c=d&e=f&g=h"));
    ck_assert_int_eq(p.rc, -ENOMEM);
    ck_assert(arena.is_limited);
    flare__arena_fini(&arena);

    fault_init(&f, FAULT_FROM, 1);
    flare__arena_init(&arena, &f.al, 64, 4096);
    flare__params_parse(&p, &arena, FLARE_STR("a=b"));
    ck_assert_int_eq(p.rc, -ENOMEM);
    ck_assert(!arena.is_limited);
    flare__arena_fini(&arena);
    fault_fini(&f, "params");
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__arena arena;
    struct flare__params p;

    (void)ctx;
    flare__arena_init(&arena, &f->al, 64, 4096);
    flare__params_parse(&p, &arena, FLARE_STR("name=value&other=%41+b&third"));
    ck_assert_uint_eq(p.count, p.rc < 0 ? 0 : 3);
    flare__arena_fini(&arena);
    return p.rc;
}

START_TEST(test_params_R11_survives_every_failed_allocation)
{
    fault_each("params", scenario, NULL);
}
END_TEST

static Suite *params_suite(void)
{
    Suite *suite = suite_create("http/params");
    TCase *tc = tcase_create("params");

    tcase_add_loop_test(tc, test_params_reads_strictly, 0, ROWS(rows));
    tcase_add_test(tc, test_params_outlive_the_text);
    tcase_add_test(tc, test_params_find_gives_the_first_of_exactly_that_name);
    tcase_add_test(tc, test_params_H16_1000_pairs_and_no_more);
    tcase_add_test(tc, test_params_R18_memory_is_in_proportion_to_the_text);
    tcase_add_test(tc,
                   test_params_says_whether_memory_or_its_bound_was_missing);
    tcase_add_test(tc, test_params_R11_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(params_suite());
}
