/* SPDX-License-Identifier: MIT */
/* multipart/form-data in pieces: what is a form, what is none, and how much. */
#include "http/multipart.h"

#include "tests/support/multipart_check.h"
#include "tests/support/test.h"

#include <string.h>

#define B "--XX"
#define NEXT "\r\n--XX\r\n"
#define LAST "\r\n--XX--\r\n"
#define CD "Content-Disposition: form-data; name="
/* One part with that head, without the blank line. */
#define PART(head) B "\r\n" head "\r\n\r\nv" LAST

/* ---- Content-Type ---- */

#define TYPE "multipart/form-data"

static const struct {
    const char *name;
    const char *type;
    const char *boundary; /* NULL: FLARE_E_BAD_INPUT */
} types[] = {
    {"token", TYPE "; boundary=abc", "abc"},
    {"quoted", TYPE "; boundary=\"abc\"", "abc"},
    {"quoted marks", TYPE "; boundary=\"a'()+_,-./:=? b\"", "a'()+_,-./:=? b"},
    {"of a browser", TYPE "; boundary=----WebKitFormBoundaryAb12Cd34Ef56Gh78",
     "----WebKitFormBoundaryAb12Cd34Ef56Gh78"},
    {"of curl", TYPE "; boundary=------------------------d74496d66958873e",
     "------------------------d74496d66958873e"},
    {"any case", "Multipart/Form-Data; BOUNDARY=abc", "abc"},
    {"no white space", TYPE ";boundary=abc", "abc"},
    {"more white space", TYPE " \t;  boundary=abc \t", "abc"},
    {"other parameters", TYPE "; charset=utf-8; boundary=abc; x=\"y;z\"",
     "abc"},
    {"empty parameters", TYPE ";; boundary=abc;", "abc"},
    {"70 bytes",
     TYPE "; boundary="
          "0123456789012345678901234567890123456789012345678901234567890123456"
          "789",
     "0123456789012345678901234567890123456789012345678901234567890123456789"},
    {"71 bytes",
     TYPE "; boundary="
          "0123456789012345678901234567890123456789012345678901234567890123456"
          "7890",
     NULL},
    {"U09 none", TYPE, NULL},
    {"U09 none among others", TYPE "; charset=utf-8", NULL},
    {"U09 empty", TYPE "; boundary=", NULL},
    {"U09 empty, quoted", TYPE "; boundary=\"\"", NULL},
    {"twice", TYPE "; boundary=a; boundary=b", NULL},
    {"twice the same", TYPE "; boundary=a; boundary=a", NULL},
    {"ends with a space", TYPE "; boundary=\"a \"", NULL},
    {"backslash", TYPE "; boundary=\"a\\b\"", NULL},
    {"escaped quote", TYPE "; boundary=\"a\\\"b\"", NULL},
    {"star", TYPE "; boundary=a*b", NULL},
    {"past ASCII", TYPE "; boundary=\"a\xC3\xA9\"", NULL},
    {"token with a slash", TYPE "; boundary=a/b", NULL},
    {"unterminated", TYPE "; boundary=\"abc", NULL},
    {"space before the equals", TYPE "; boundary =abc", NULL},
    {"space behind the equals", TYPE "; boundary= abc", NULL},
    {"junk behind", TYPE "; boundary=abc def", NULL},
    {"comma", TYPE "; boundary=abc, " TYPE "; boundary=def", NULL},
    {"no semicolon", TYPE " boundary=abc", NULL},
    {"another type", "multipart/mixed; boundary=abc", NULL},
    {"longer type", TYPE "x; boundary=abc", NULL},
    {"empty", "", NULL},
};

START_TEST(test_multipart_boundary_is_that_of_the_type)
{
    static struct flare_multipart m;
    int rc = flare__multipart_init(&m, flare_str(types[_i].type));

    if (types[_i].boundary == NULL) {
        ck_assert_msg(rc == FLARE_E_BAD_INPUT, "%s: %d", types[_i].name, rc);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %d", types[_i].name, rc);
    ck_assert_uint_eq(m.delim_len, 4 + strlen(types[_i].boundary));
    ck_assert(memcmp(m.delim + 4, types[_i].boundary, m.delim_len - 4u) == 0);
}
END_TEST

/* ---- bodies ---- */

static const struct {
    const char *name;
    const char *body;
    const char *log;
    int rc;
} rows[] = {
    {"one field", B "\r\n" CD "\"a\"\r\n\r\nhello" LAST, "[a|-|-]hello/.", 0},
    {"two fields", B "\r\n" CD "a\r\n\r\n1" NEXT CD "b\r\n\r\n2" LAST,
     "[a|-|-]1/[b|-|-]2/.", 0},
    {"a file",
     B "\r\n" CD "\"f\"; filename=\"x.txt\"\r\nContent-Type: "
       "text/plain\r\n\r\nhi" LAST,
     "[f|x.txt|text/plain]hi/.", 0},
    {"no file chosen",
     B "\r\n" CD "\"f\"; filename=\"\"\r\nContent-Type: "
       "application/octet-stream\r\n\r\n" LAST,
     "[f||application/octet-stream]/.", 0},
    {"no part", B "--\r\n", ".", 0},
    {"no part, no CRLF", B "--", ".", 0},
    {"CRLF first", "\r\n" PART(CD "a"), "[a|-|-]v/.", 0},
    {"no CRLF at the end", B "\r\n" CD "a\r\n\r\nv\r\n--XX--", "[a|-|-]v/.", 0},
    {"empty content", B "\r\n" CD "a\r\n\r\n" LAST, "[a|-|-]/.", 0},
    {"content of line ends", B "\r\n" CD "a\r\n\r\n\r\n\r\n" LAST,
     "[a|-|-]\r\n\r\n/.", 0},
    {"content that looks like a boundary",
     B "\r\n" CD "a\r\n\r\n\r\n--X\r\n-XX\r\r\n--x\n--XX--" LAST,
     "[a|-|-]\r\n--X\r\n-XX\r\r\n--x\n--XX--/.", 0},
    {"boundary after a CR", B "\r\n" CD "a\r\n\r\nv\r" LAST, "[a|-|-]v\r/.", 0},
    {"boundary within a start of one", B "\r\n" CD "a\r\n\r\n\r\n--" LAST,
     "[a|-|-]\r\n--/.", 0},
    {"start of a boundary first", B "\r\n" CD "a\r\n\r\n--Xv" LAST,
     "[a|-|-]--Xv/.", 0},
    /* the first boundary */
    {"nothing", "", "", FLARE_E_BAD_INPUT},
    {"preamble", "hello\r\n" PART(CD "a"), "", FLARE_E_BAD_INPUT},
    {"two CRLF first", "\r\n\r\n" PART(CD "a"), "", FLARE_E_BAD_INPUT},
    {"LF first", "\n" PART(CD "a"), "", FLARE_E_BAD_INPUT},
    {"CR first", "\r" PART(CD "a"), "", FLARE_E_BAD_INPUT},
    {"other boundary", "--XY\r\n" CD "a\r\n\r\nv\r\n--XY--", "",
     FLARE_E_BAD_INPUT},
    {"boundary without hyphens", "XX\r\n" CD "a\r\n\r\nv" LAST, "",
     FLARE_E_BAD_INPUT},
    /* what follows a boundary */
    {"longer boundary", B "X\r\n" CD "a\r\n\r\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"padding", B " \r\n" CD "a\r\n\r\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"LF behind", B "\n" CD "a\r\n\r\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"one hyphen behind", B "-\r\n", "", FLARE_E_BAD_INPUT},
    {"longer boundary later", B "\r\n" CD "a\r\n\r\nv\r\n--XXz\r\n" LAST,
     "[a|-|-]v", FLARE_E_BAD_INPUT},
    {"CR X behind", B "\rX", "", FLARE_E_BAD_INPUT},
    /* the end */
    {"epilogue", PART(CD "a") "x", "[a|-|-]v/", FLARE_E_BAD_INPUT},
    {"two CRLF at the end", PART(CD "a") "\r\n", "[a|-|-]v/",
     FLARE_E_BAD_INPUT},
    {"LF at the end", B "--\n", "", FLARE_E_BAD_INPUT},
    {"CR at the end", B "--\r", "", FLARE_E_BAD_INPUT},
    {"padding at the end", B "-- \r\n", "", FLARE_E_BAD_INPUT},
    {"cut in the first boundary", "--X", "", FLARE_E_BAD_INPUT},
    {"cut behind a boundary", B, "", FLARE_E_BAD_INPUT},
    {"cut in a head", B "\r\n" CD "a\r\n", "", FLARE_E_BAD_INPUT},
    {"cut in content", B "\r\n" CD "a\r\n\r\nhel", "[a|-|-]hel",
     FLARE_E_BAD_INPUT},
    {"cut in a later boundary", B "\r\n" CD "a\r\n\r\nv\r\n--X", "[a|-|-]v",
     FLARE_E_BAD_INPUT},
    {"no last boundary", B "\r\n" CD "a\r\n\r\nv" NEXT, "[a|-|-]v/",
     FLARE_E_BAD_INPUT},
    {"last boundary with one hyphen", B "\r\n" CD "a\r\n\r\nv\r\n--XX-",
     "[a|-|-]v", FLARE_E_BAD_INPUT},
    {"boundary behind a head", B "\r\n" CD "a\r\n\r\n--XX--\r\n", "[a|-|-]",
     FLARE_E_BAD_INPUT},
    /* a part's head */
    {"no head", B "\r\n\r\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"no Content-Disposition", PART("Content-Type: text/plain"), "",
     FLARE_E_BAD_INPUT},
    {"LF in a head", B "\r\n" CD "a\n\r\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"LF ends a head", B "\r\n" CD "a\r\n\nv" LAST, "", FLARE_E_BAD_INPUT},
    {"CR in a line", PART(CD "a\rb"), "", FLARE_E_BAD_INPUT},
    {"folded line", PART(CD "a;\r\n filename=b"), "", FLARE_E_BAD_INPUT},
    {"no colon", PART(CD "a\r\nX"), "", FLARE_E_BAD_INPUT},
    {"no field name", PART(CD "a\r\n: x"), "", FLARE_E_BAD_INPUT},
    {"space before the colon", PART("Content-Disposition : form-data; name=a"),
     "", FLARE_E_BAD_INPUT},
    {"control in a value", PART(CD "a\r\nX: \x01"), "", FLARE_E_BAD_INPUT},
    {"other fields", PART("X: y\r\n" CD "a\r\nZ:"), "[a|-|-]v/.", 0},
    {"names of fields in any case",
     PART("content-DISPOSITION: Form-Data; NAME=a\r\nCONTENT-type: t"),
     "[a|-|t]v/.", 0},
    {"white space around a value",
     PART("Content-Disposition:\t form-data; name=a \t\r\nContent-Type:  t \t"),
     "[a|-|t]v/.", 0},
    {"empty type", PART(CD "a\r\nContent-Type:"), "[a|-|]v/.", 0},
    {"twice Content-Disposition", PART(CD "a\r\n" CD "a"), "",
     FLARE_E_BAD_INPUT},
    {"twice Content-Type", PART(CD "a\r\nContent-Type: b\r\nContent-Type: b"),
     "", FLARE_E_BAD_INPUT},
    {"not form-data", PART("Content-Disposition: attachment; name=a"), "",
     FLARE_E_BAD_INPUT},
    {"longer than form-data", PART("Content-Disposition: form-data2; name=a"),
     "", FLARE_E_BAD_INPUT},
    {"no name", PART("Content-Disposition: form-data; filename=a"), "",
     FLARE_E_BAD_INPUT},
    {"no parameters", PART("Content-Disposition: form-data"), "",
     FLARE_E_BAD_INPUT},
    {"empty name", PART(CD "\"\""), "[|-|-]v/.", 0},
    {"two names", PART(CD "a; name=b"), "", FLARE_E_BAD_INPUT},
    {"two file names", PART(CD "a; filename=b; FileName=c"), "",
     FLARE_E_BAD_INPUT},
    {"filename* of .NET", PART(CD "a; filename=b; filename*=utf-8''c"),
     "[a|b|-]v/.", 0},
    {"filename* alone", PART(CD "a; filename*=utf-8''c"), "[a|-|-]v/.", 0},
    {"parameters of others", PART(CD "a; x=y; z=\"1;2\""), "[a|-|-]v/.", 0},
    {"no white space", PART("Content-Disposition:form-data;name=a;filename=b"),
     "[a|b|-]v/.", 0},
    {"semicolon in quotes", PART(CD "\"a;filename=b\""),
     "[a;filename=b|-|-]v/.", 0},
    {"escaped quote", PART(CD "\"a\\\"b\""), "[a\"b|-|-]v/.", 0},
    {"escaped backslash", PART(CD "\"a\\\\b\""), "[a\\b|-|-]v/.", 0},
    {"backslash of a browser", PART(CD "a; filename=\"C:\\dir\\x\""),
     "[a|C:\\dir\\x|-]v/.", 0},
    {"percent of a browser", PART(CD "\"a%22b%0D%0A\""), "[a%22b%0D%0A|-|-]v/.",
     0},
    {"unterminated quote", PART(CD "\"a"), "", FLARE_E_BAD_INPUT},
    {"backslash at the end", PART(CD "\"a\\\""), "", FLARE_E_BAD_INPUT},
    {"junk behind quotes", PART(CD "\"a\"b"), "", FLARE_E_BAD_INPUT},
    {"space in a token", PART(CD "a b"), "", FLARE_E_BAD_INPUT},
    {"no value", PART(CD "; filename=b"), "", FLARE_E_BAD_INPUT},
    {"no equals", PART(CD "a; filename"), "", FLARE_E_BAD_INPUT},
    {"UTF-8 name", PART(CD "\"\xC3\xA9\"; filename=\"\xE2\x82\xAC\""),
     "[\xC3\xA9|\xE2\x82\xAC|-]v/.", 0},
    {"Latin-1 name", PART(CD "\"\xE9\""), "", FLARE_E_BAD_INPUT},
    {"Latin-1 file name", PART(CD "a; filename=\"\xE9\""), "",
     FLARE_E_BAD_INPUT},
    {"tab in a name", PART(CD "\"a\tb\""), "", FLARE_E_BAD_INPUT},
    {"U09 file name of a traversal",
     PART(CD "a; filename=\"../../etc/passwd\""), "[a|../../etc/passwd|-]v/.",
     0},
    {"U09 nested", PART(CD "a\r\nContent-Type: multipart/mixed; boundary=b"),
     "", FLARE_E_BAD_INPUT},
    {"U09 nested, any case", PART(CD "a\r\nContent-Type: MultiPart/x"), "",
     FLARE_E_BAD_INPUT},
    {"type like multipart", PART(CD "a\r\nContent-Type: multipartx/y"),
     "[a|-|multipartx/y]v/.", 0},
    {"binary", PART(CD "a\r\nContent-Transfer-Encoding: Binary"), "[a|-|-]v/.",
     0},
    {"7bit", PART(CD "a\r\nContent-Transfer-Encoding: 7bit"), "[a|-|-]v/.", 0},
    {"8bit", PART(CD "a\r\nContent-Transfer-Encoding: 8bit"), "[a|-|-]v/.", 0},
    {"base64", PART(CD "a\r\nContent-Transfer-Encoding: base64"), "",
     FLARE_E_BAD_INPUT},
    {"quoted-printable",
     PART(CD "a\r\nContent-Transfer-Encoding: quoted-printable"), "",
     FLARE_E_BAD_INPUT},
};

START_TEST(test_multipart_does_not_depend_on_the_cut)
{
    const struct multipart_log *log;
    const char *wrong =
        multipart_check(FLARE_STR("XX"), rows[_i].body, strlen(rows[_i].body),
                        MULTIPART_CUT_EVERY, &log);

    ck_assert_msg(wrong == NULL, "%s: %s", rows[_i].name, wrong);
    ck_assert_msg(log->rc == rows[_i].rc, "%s: %d", rows[_i].name, log->rc);
    ck_assert_msg(strcmp(log->text, rows[_i].log) == 0, "%s: %s", rows[_i].name,
                  log->text);
}
END_TEST

START_TEST(test_multipart_content_may_be_any_byte)
{
    static const char head[] = B "\r\n" CD "a\r\n\r\n";
    char body[sizeof(head) + 256 + sizeof(LAST)];
    const struct multipart_log *log;
    size_t len = sizeof(head) - 1;
    const char *wrong;

    memcpy(body, head, len);
    for (int c = 0; c < 256; c++)
        body[len++] = (char)c;
    memcpy(body + len, LAST, sizeof(LAST) - 1);
    len += sizeof(LAST) - 1;
    wrong =
        multipart_check(FLARE_STR("XX"), body, len, MULTIPART_CUT_EVERY, &log);
    ck_assert_msg(wrong == NULL, "%s", wrong);
    ck_assert_int_eq(log->rc, 0);
    ck_assert_uint_eq(log->len, 7 + 256 + 2);
}
END_TEST

/* ---- limits ---- */

/* A part whose head has `size` bytes with its blank line. */
static size_t long_head(char *out, size_t size)
{
    static const char start[] = B "\r\n";
    static const char first[] = CD "a\r\nX: ";
    size_t len = sizeof(start) - 1;

    memcpy(out, start, len);
    memcpy(out + len, first, sizeof(first) - 1);
    memset(out + len + sizeof(first) - 1, 'x', size - (sizeof(first) - 1) - 4);
    memcpy(out + len + size - 4, "\r\n\r\n", 4);
    memcpy(out + len + size, "v" LAST, sizeof("v" LAST) - 1);
    return len + size + sizeof("v" LAST) - 1;
}

START_TEST(test_multipart_U09_head_has_8_KiB_and_no_more)
{
    static char body[FLARE__MULTIPART_HEAD_MAX + 100];
    const struct multipart_log *log;

    for (size_t size = FLARE__MULTIPART_HEAD_MAX - 2;
         size < FLARE__MULTIPART_HEAD_MAX + 3; size++) {
        size_t len = long_head(body, size);
        const char *wrong = multipart_check(FLARE_STR("XX"), body, len,
                                            MULTIPART_CUT_FEW, &log);

        ck_assert_msg(wrong == NULL, "%zu: %s", size, wrong);
        ck_assert_int_eq(log->rc, size > FLARE__MULTIPART_HEAD_MAX
                                      ? FLARE_E_BODY_TOO_LARGE
                                      : 0);
    }
}
END_TEST

START_TEST(test_multipart_endless_head_is_refused_before_it_ends)
{
    static struct flare_multipart m;
    static char head[FLARE__MULTIPART_HEAD_MAX];
    struct flare_part part;

    ck_assert_int_eq(flare__multipart_init(&m, FLARE_STR(TYPE "; boundary=XX")),
                     0);
    memset(head, 'x', sizeof(head));
    flare_multipart_feed(&m, FLARE_STR(B "\r\n"), /* is_last = */ false);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_MORE);
    flare_multipart_feed(&m, (struct flare_str){head, sizeof(head)},
                         /* is_last = */ false);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_E_BODY_TOO_LARGE);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_E_BODY_TOO_LARGE);
}
END_TEST

START_TEST(test_multipart_U09_1000_parts_and_no_more)
{
    static const char part[] = "\r\n" CD "a\r\n\r\n\r\n" B;
    static char body[MULTIPART_BODY_MAX];
    const struct multipart_log *log;

    for (size_t count = FLARE__MULTIPART_PARTS_MAX;
         count <= FLARE__MULTIPART_PARTS_MAX + 1; count++) {
        size_t len = sizeof(B) - 1;
        const char *wrong;

        memcpy(body, B, len);
        for (size_t i = 0; i < count; i++) {
            memcpy(body + len, part, sizeof(part) - 1);
            len += sizeof(part) - 1;
        }
        memcpy(body + len, "--\r\n", 4);
        wrong = multipart_check(FLARE_STR("XX"), body, len + 4,
                                MULTIPART_CUT_FEW, &log);
        ck_assert_msg(wrong == NULL, "%s", wrong);
        ck_assert_int_eq(log->rc, count > FLARE__MULTIPART_PARTS_MAX
                                      ? FLARE_E_BODY_TOO_LARGE
                                      : 0);
    }
}
END_TEST

/* ---- the reader as a thing ---- */

START_TEST(test_multipart_gives_whole_content_in_place_and_at_once)
{
    static const char body[] =
        B "\r\n" CD "a; filename=b\r\n\r\n1\r2\r\n3--XX\r\n--X4" LAST;
    static struct flare_multipart m;
    struct flare_part part;

    ck_assert_int_eq(flare__multipart_init(&m, FLARE_STR(TYPE "; boundary=XX")),
                     0);
    flare_multipart_feed(&m, flare_str(body), /* is_last = */ true);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_PART);
    ck_assert_uint_eq(part.body.len, 0);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_DATA);
    ck_assert(flare_str_equal(part.body, FLARE_STR("1\r2\r\n3--XX\r\n--X4")));
    ck_assert_ptr_eq(part.body.ptr, strstr(body, "1\r2"));
    ck_assert(flare_str_equal(part.name, FLARE_STR("a")));
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_PART_END);
    ck_assert(flare_str_equal(part.filename, FLARE_STR("b")));
    ck_assert_uint_eq(part.body.len, 0);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_END);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_MORE);
}
END_TEST

START_TEST(test_multipart_is_complete_only_with_the_last_piece)
{
    static struct flare_multipart m;
    struct flare_part part;

    ck_assert_int_eq(flare__multipart_init(&m, FLARE_STR(TYPE "; boundary=XX")),
                     0);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_MORE);
    flare_multipart_feed(&m, FLARE_STR(B "--\r\n"), /* is_last = */ false);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_MORE);
    flare_multipart_feed(&m, (struct flare_str){NULL, 0}, /* is_last = */ true);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_END);
    ck_assert_int_eq(flare_multipart_read(&m, &part), FLARE_MULTIPART_MORE);
}
END_TEST

static const struct {
    const char *name;
    const char *safe; /* NULL: none */
} names[] = {
    {"x.txt", "x.txt"},
    {"dir/x.txt", "x.txt"},
    {"C:\\dir\\x.txt", "x.txt"},
    {"../../etc/passwd", "passwd"},
    {"..\\..\\x", "x"},
    {"/x", "x"},
    {"a b", "a b"},
    {"\xC3\xA9.txt", "\xC3\xA9.txt"},
    {"x..", "x.."},
    {"", NULL},
    {".", NULL},
    {"..", NULL},
    {"...", NULL},
    {".htaccess", NULL},
    {"a/", NULL},
    {"a\\", NULL},
    {"a/..", NULL},
    {"a\\.", NULL},
    {"x\n", NULL},
    {"x\x7F", NULL},
    {"x:y", NULL},
    {"C:x", NULL},
};

START_TEST(test_multipart_U09_safe_names_are_names_in_a_folder)
{
    struct flare_str got = flare_filename_safe(flare_str(names[_i].name));

    if (names[_i].safe == NULL)
        ck_assert_msg(got.ptr == NULL, "%s", names[_i].name);
    else
        ck_assert_msg(flare_str_equal(got, flare_str(names[_i].safe)), "%s",
                      names[_i].name);
}
END_TEST

START_TEST(test_multipart_U09_safe_names_have_no_NUL_and_255_bytes)
{
    char name[300];

    memset(name, 'x', sizeof(name));
    ck_assert_uint_eq(flare_filename_safe((struct flare_str){name, 255}).len,
                      255);
    ck_assert_ptr_null(flare_filename_safe((struct flare_str){name, 256}).ptr);
    name[40] = '/';
    ck_assert_uint_eq(flare_filename_safe((struct flare_str){name, 260}).len,
                      219);
    name[200] = '\0';
    ck_assert_ptr_null(flare_filename_safe((struct flare_str){name, 260}).ptr);
    ck_assert_ptr_null(flare_filename_safe((struct flare_str){NULL, 0}).ptr);
}
END_TEST

static Suite *multipart_suite(void)
{
    Suite *suite = suite_create("http/multipart");
    TCase *tc = tcase_create("multipart");

    tcase_add_loop_test(tc, test_multipart_boundary_is_that_of_the_type, 0,
                        ROWS(types));
    tcase_add_loop_test(tc, test_multipart_does_not_depend_on_the_cut, 0,
                        ROWS(rows));
    tcase_add_test(tc, test_multipart_content_may_be_any_byte);
    tcase_add_test(tc, test_multipart_U09_head_has_8_KiB_and_no_more);
    tcase_add_test(tc, test_multipart_endless_head_is_refused_before_it_ends);
    tcase_add_test(tc, test_multipart_U09_1000_parts_and_no_more);
    tcase_add_test(tc, test_multipart_gives_whole_content_in_place_and_at_once);
    tcase_add_test(tc, test_multipart_is_complete_only_with_the_last_piece);
    tcase_add_loop_test(tc, test_multipart_U09_safe_names_are_names_in_a_folder,
                        0, ROWS(names));
    tcase_add_test(tc, test_multipart_U09_safe_names_have_no_NUL_and_255_bytes);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(multipart_suite());
}
