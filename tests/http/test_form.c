/* SPDX-License-Identifier: MIT */
/* A form in a body: either coding, its parts, its memory. */
#include "http/form.h"

#include "base/alloc.h"
#include "http/multipart.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=XX"
#define B "--XX\r\n"
#define NEXT "\r\n--XX\r\n"
#define LAST "\r\n--XX--\r\n"
#define CD "Content-Disposition: form-data; name="

/* "name=value|" of the texts, then "name:filename=content|" of the parts. */
static const char *shown(const struct flare__params *p, const char *body)
{
    static char text[4096];
    size_t len = 0;

    for (uint32_t i = 0; i < p->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s=%.*s|",
                                FLARE_STR_ARG(p->list[i].name),
                                FLARE_STR_ARG(p->list[i].value));
    for (uint32_t i = 0; i < p->part_count; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%.*s:%.*s=%.*s|",
                             FLARE_STR_ARG(p->parts[i].name),
                             FLARE_STR_ARG(p->parts[i].filename),
                             (int)p->parts[i].len, body + p->parts[i].at);
    text[len] = '\0';
    return text;
}

static const struct {
    const char *name;
    const char *type;
    const char *body;
    int rc;
    int parts_rc;
    const char *shown;
} rows[] = {
    {"urlencoded", URLENCODED, "a=b&c=d", 0, FLARE_E_BAD_INPUT, "a=b|c=d|"},
    {"urlencoded, empty", URLENCODED, "", 0, FLARE_E_BAD_INPUT, ""},
    {"urlencoded, any case", "Application/X-WWW-Form-URLEncoded", "a=b", 0,
     FLARE_E_BAD_INPUT, "a=b|"},
    {"urlencoded, UTF-8", URLENCODED "; charset=UTF-8", "a=b", 0,
     FLARE_E_BAD_INPUT, "a=b|"},
    {"urlencoded, quoted UTF-8", URLENCODED ";charset=\"utf-8\"", "a=b", 0,
     FLARE_E_BAD_INPUT, "a=b|"},
    {"urlencoded, other charset", URLENCODED "; charset=iso-8859-1", "a=b",
     FLARE_E_BAD_INPUT, FLARE_E_BAD_INPUT, ""},
    {"urlencoded, bad parameter", URLENCODED "; charset", "a=b",
     FLARE_E_BAD_INPUT, FLARE_E_BAD_INPUT, ""},
    {"urlencoded, bad", URLENCODED, "a=b&c=%", FLARE_E_BAD_INPUT,
     FLARE_E_BAD_INPUT, ""},
    {"no type", NULL, "a=b", FLARE_E_BAD_INPUT, FLARE_E_BAD_INPUT, ""},
    {"other type", "application/json", "{}", FLARE_E_BAD_INPUT,
     FLARE_E_BAD_INPUT, ""},
    {"type that starts alike", URLENCODED "x", "a=b", FLARE_E_BAD_INPUT,
     FLARE_E_BAD_INPUT, ""},
    {"multipart", MULTIPART, B CD "a\r\n\r\nb" NEXT CD "c\r\n\r\nd" LAST, 0, 0,
     "a=b|c=d|a:=b|c:=d|"},
    {"files are no texts", MULTIPART,
     B CD "a\r\n\r\nb" NEXT CD "f; filename=x\r\n\r\n\xFF" LAST, 0, 0,
     "a=b|a:=b|f:x=\xFF|"},
    {"empty contents", MULTIPART,
     B CD "a\r\n\r\n" NEXT CD "f; filename=\"\"\r\n\r\n" LAST, 0, 0,
     "a=|a:=|f:=|"},
    {"nothing is decoded in a part", MULTIPART, B CD "a+%41\r\n\r\n%42+" LAST,
     0, 0, "a+%41=%42+|a+%41:=%42+|"},
    {"multipart, no part", MULTIPART, "--XX--\r\n", 0, 0, ""},
    {"text that is not UTF-8 is a part", MULTIPART,
     B CD "a\r\n\r\n\xFF" NEXT CD "c\r\n\r\nd" LAST, FLARE_E_BAD_INPUT, 0,
     "a:=\xFF|c:=d|"},
    {"U09 no boundary", "multipart/form-data", "--XX--", FLARE_E_BAD_INPUT,
     FLARE_E_BAD_INPUT, ""},
    {"U09 cut off", MULTIPART, B CD "a\r\n\r\nb", FLARE_E_BAD_INPUT,
     FLARE_E_BAD_INPUT, ""},
    {"multipart, empty", MULTIPART, "", FLARE_E_BAD_INPUT, FLARE_E_BAD_INPUT,
     ""},
    {"multipart, other", "multipart/mixed; boundary=XX", "--XX--",
     FLARE_E_BAD_INPUT, FLARE_E_BAD_INPUT, ""},
};

START_TEST(test_form_reads_either_coding)
{
    struct flare_str type = {rows[_i].type,
                             rows[_i].type != NULL ? strlen(rows[_i].type) : 0};
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__form_read(&p, &arena, type, flare_str(rows[_i].body));
    ck_assert_msg(p.rc == rows[_i].rc && p.parts_rc == rows[_i].parts_rc,
                  "%s: %d, %d", rows[_i].name, p.rc, p.parts_rc);
    ck_assert_msg(strcmp(shown(&p, rows[_i].body), rows[_i].shown) == 0,
                  "%s: %s", rows[_i].name, shown(&p, rows[_i].body));
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_form_NUL_in_a_text_is_no_text)
{
    static const char body[] = B CD "a\r\n\r\nb\0c" LAST;
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
    flare__form_read(&p, &arena, FLARE_STR(MULTIPART),
                     (struct flare_str){body, sizeof(body) - 1});
    ck_assert_int_eq(p.rc, FLARE_E_BAD_INPUT);
    ck_assert_uint_eq(p.count, 0);
    ck_assert_int_eq(p.parts_rc, 0);
    ck_assert_uint_eq(p.parts[0].len, 3);
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_form_keeps_every_part_in_order)
{
    static char body[1 << 16];
    struct flare__arena arena;
    struct flare__params p;

    for (unsigned count = 1; count < 70; count++) {
        size_t len = 0;
        char name[16];

        for (unsigned i = 0; i < count; i++)
            len += (size_t)snprintf(body + len, sizeof(body) - len,
                                    "%s" CD "n%u\r\n\r\n%u", i == 0 ? B : NEXT,
                                    i, i);
        len += (size_t)snprintf(body + len, sizeof(body) - len, LAST);
        flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 20);
        flare__form_read(&p, &arena, FLARE_STR(MULTIPART),
                         (struct flare_str){body, len});
        ck_assert_int_eq(p.rc, 0);
        ck_assert_uint_eq(p.count, count);
        ck_assert_uint_eq(p.part_count, count);
        for (unsigned i = 0; i < count; i++) {
            snprintf(name, sizeof(name), "n%u", i);
            ck_assert(flare_str_equal(p.parts[i].name, flare_str(name)));
            ck_assert(flare_str_equal(p.list[i].value, flare_str(name + 1)));
        }
        flare__arena_fini(&arena);
    }
}
END_TEST

START_TEST(test_form_past_its_memory_is_too_large)
{
    static char body[4096];
    struct flare__arena arena;
    struct flare__params p;

    memset(body, 'a', sizeof(body));
    flare__arena_init(&arena, &flare__allocator_default, 256, 2048);
    flare__form_read(&p, &arena, FLARE_STR(URLENCODED),
                     (struct flare_str){body, sizeof(body)});
    ck_assert_int_eq(p.rc, FLARE_E_BODY_TOO_LARGE);
    flare__arena_fini(&arena);

    flare__arena_init(&arena, &flare__allocator_default, 64, 64);
    flare__form_read(&p, &arena, FLARE_STR(MULTIPART),
                     FLARE_STR(B CD "a\r\n\r\nb" LAST));
    ck_assert_int_eq(p.rc, FLARE_E_BODY_TOO_LARGE);
    ck_assert_int_eq(p.parts_rc, FLARE_E_BODY_TOO_LARGE);
    flare__arena_fini(&arena);
}
END_TEST

START_TEST(test_form_large_files_take_no_memory)
{
    static const char head[] = B CD "f; filename=x\r\n\r\n";
    static char body[1 << 20];
    struct flare__arena arena;
    struct flare__params p;

    memset(body, '\r', sizeof(body));
    memcpy(body, head, sizeof(head) - 1);
    memcpy(body + sizeof(body) - (sizeof(LAST) - 1), LAST, sizeof(LAST) - 1);
    flare__arena_init(&arena, &flare__allocator_default, 256, 1 << 16);
    flare__form_read(&p, &arena, FLARE_STR(MULTIPART),
                     (struct flare_str){body, sizeof(body)});
    ck_assert_int_eq(p.rc, 0);
    ck_assert_uint_eq(p.parts[0].at, sizeof(head) - 1);
    ck_assert_uint_eq(p.parts[0].len,
                      sizeof(body) - (sizeof(head) - 1) - (sizeof(LAST) - 1));
    flare__arena_fini(&arena);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare__arena arena;
    struct flare__params p;

    flare__arena_init(&arena, &f->al, 64, 1 << 20);
    if (ctx != NULL)
        flare__form_read(&p, &arena, FLARE_STR(URLENCODED), FLARE_STR("a=b"));
    else
        flare__form_read(
            &p, &arena, FLARE_STR(MULTIPART),
            FLARE_STR(B CD "a\r\n\r\nb" NEXT CD
                           "f; filename=x\r\nContent-Type: t\r\n\r\nd" LAST));
    ck_assert_uint_eq(p.count, p.rc < 0 ? 0 : 1);
    flare__arena_fini(&arena);
    return p.rc;
}

START_TEST(test_form_R11_survives_every_failed_allocation)
{
    static int urlencoded;

    fault_each("form, multipart", scenario, NULL);
    fault_each("form, urlencoded", scenario, &urlencoded);
}
END_TEST

static Suite *form_suite(void)
{
    Suite *suite = suite_create("http/form");
    TCase *tc = tcase_create("form");

    tcase_add_loop_test(tc, test_form_reads_either_coding, 0, ROWS(rows));
    tcase_add_test(tc, test_form_NUL_in_a_text_is_no_text);
    tcase_add_test(tc, test_form_keeps_every_part_in_order);
    tcase_add_test(tc, test_form_past_its_memory_is_too_large);
    tcase_add_test(tc, test_form_large_files_take_no_memory);
    tcase_add_test(tc, test_form_R11_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(form_suite());
}
