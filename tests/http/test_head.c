/* SPDX-License-Identifier: MIT */
/*
 * The failure catalogue's rows that a request head decides, each fed whole and
 * cut at every byte to every kernel, from memory that ends at an unmapped page.
 */
#include "base/cpu.h"
#include "http/scan.h"
#include "tests/support/head_check.h"
#include "tests/support/test.h"

#include <string.h>

/* A head around one field or one request line. */
#define BYTES(literal) literal, sizeof(literal) - 1
#define LINE(line) BYTES(line "\r\nHost: a\r\n\r\n")
#define FIELD(field) BYTES("POST / HTTP/1.1\r\nHost: a\r\n" field "\r\n\r\n")
#define HOST(host) BYTES("GET / HTTP/1.1\r\nHost: " host "\r\n\r\n")
#define TARGET(target) LINE("GET " target " HTTP/1.1")
#define TE(value) FIELD("Transfer-Encoding: " value)
#define LENGTH(value) FIELD("Content-Length: " value)

enum { OK = 1 }; /* the whole of the bytes is a head */

struct row {
    const char *name;
    const char *bytes;
    size_t len;
    int rc;
};

static const struct row framing_rows[] = {
    {"F01_length_and_coding",
     FIELD("Content-Length: 5\r\n"
           "Transfer-Encoding: chunked"),
     FLARE_E_BAD_FRAMING},
    {"F01_coding_and_length",
     FIELD("TRANSFER-encoding: chunked\r\n"
           "content-LENGTH: 0"),
     FLARE_E_BAD_FRAMING},
    {"F02_lengths_that_differ", LENGTH("5\r\nContent-Length: 6"),
     FLARE_E_BAD_FRAMING},
    {"F03_lengths_alike", LENGTH("5\r\nContent-Length: 5"),
     FLARE_E_BAD_FRAMING},
    {"F03_length_list", LENGTH("5, 5"), FLARE_E_BAD_FRAMING},
    {"F04_length_negative", LENGTH("-1"), FLARE_E_BAD_FRAMING},
    {"F04_length_minus_48", LENGTH("-48"), FLARE_E_BAD_FRAMING},
    {"F04_length_minus_zero", LENGTH("-0"), FLARE_E_BAD_FRAMING},
    {"F05_length_plus", LENGTH("+5"), FLARE_E_BAD_FRAMING},
    {"F05_length_hex", LENGTH("0x5"), FLARE_E_BAD_FRAMING},
    {"F05_length_octal", LENGTH("0o5"), FLARE_E_BAD_FRAMING},
    {"F05_length_underscore", LENGTH("1_0"), FLARE_E_BAD_FRAMING},
    {"F05_length_two_numbers", LENGTH("5 6"), FLARE_E_BAD_FRAMING},
    {"F05_length_letter", LENGTH("1Z"), FLARE_E_BAD_FRAMING},
    {"F05_length_leading_zero", LENGTH("010"), FLARE_E_BAD_FRAMING},
    {"F05_length_zeros", LENGTH("00"), FLARE_E_BAD_FRAMING},
    {"F05_length_zero", LENGTH("0"), OK},
    {"F06_length_empty", LENGTH(""), FLARE_E_BAD_FRAMING},
    {"F06_length_blank", LENGTH(" \t "), FLARE_E_BAD_FRAMING},
    {"F07_length_2_63_less_1", LENGTH("9223372036854775807"), OK},
    {"F07_length_2_63", LENGTH("9223372036854775808"), FLARE_E_BAD_FRAMING},
    {"F07_length_2_64", LENGTH("18446744073709551616"), FLARE_E_BAD_FRAMING},
    {"F07_length_2_64_and_5", LENGTH("18446744073709551621"),
     FLARE_E_BAD_FRAMING},
    {"F07_length_10_30", LENGTH("1000000000000000000000000000000"),
     FLARE_E_BAD_FRAMING},
    {"F09_coding_xchunked", TE("xchunked"), FLARE_E_BAD_FRAMING},
    {"F09_coding_parameter", TE("chunked;x"), FLARE_E_BAD_FRAMING},
    {"F09_coding_parameter_value", TE("chunked;q=1"), FLARE_E_BAD_FRAMING},
    {"F09_coding_quoted", TE("\"chunked\""), FLARE_E_BAD_FRAMING},
    {"F10_coding_gzip_chunked", TE("gzip, chunked"), FLARE_E_CODING_UNKNOWN},
    {"F10_coding_no_space", TE("gzip,deflate\t,Chunked"),
     FLARE_E_CODING_UNKNOWN},
    {"F11_coding_chunked_gzip", TE("chunked, gzip"), FLARE_E_BAD_FRAMING},
    {"F11_coding_gzip", TE("gzip"), FLARE_E_BAD_FRAMING},
    {"F12_coding_chunked_chunked", TE("chunked, chunked"), FLARE_E_BAD_FRAMING},
    {"F12_coding_chunked_around", TE("chunked, gzip, chunked"),
     FLARE_E_BAD_FRAMING},
    {"F13_coding_twice", TE("chunked\r\nTransfer-Encoding: chunked"),
     FLARE_E_BAD_FRAMING},
    {"F13_coding_in_two_lines", TE("identity\r\nTransfer-Encoding: chunked"),
     FLARE_E_BAD_FRAMING},
    {"F14_coding_comma_first", TE(",chunked"), FLARE_E_BAD_FRAMING},
    {"F14_coding_comma_last", TE("chunked,"), FLARE_E_BAD_FRAMING},
    {"F14_coding_commas", TE("gzip,,chunked"), FLARE_E_BAD_FRAMING},
    {"F15_coding_vt", TE("\vchunked"), FLARE_E_BAD_REQUEST},
    {"F15_coding_ff", TE("chunked\f"), FLARE_E_BAD_REQUEST},
    {"F15_coding_nul", TE("chunked\0"), FLARE_E_BAD_REQUEST},
    {"F15_coding_85",
     TE("\x85"
        "chunked"),
     FLARE_E_BAD_FRAMING},
    {"F15_coding_a0", TE("chunked\xa0"), FLARE_E_BAD_FRAMING},
    {"F15_coding_blanks_around", TE(" \tchunked \t"), OK},
    {"F16_coding_identity", TE("identity"), FLARE_E_BAD_FRAMING},
    {"F16_coding_empty", TE(""), FLARE_E_BAD_FRAMING},
    {"F17_coding_on_1_0",
     BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
     FLARE_E_BAD_FRAMING},
    {"F34_expect_bogus", FIELD("Expect: bogus"), FLARE_E_EXPECTATION},
    {"F34_expect_empty", FIELD("Expect:"), FLARE_E_EXPECTATION},
    {"F34_expect_more", FIELD("Expect: 100-continue, x"), FLARE_E_EXPECTATION},
    {"F37_garbage_for_a_head", BYTES("x\0y"), FLARE_E_BAD_REQUEST},
    {"F37_garbage_line", BYTES("GARBAGE\n"), FLARE_E_BAD_REQUEST},
    {"T14_client_hello", BYTES("\x16\x03\x01\x02\x00\x01\x00"),
     FLARE_E_BAD_REQUEST},
};

static const struct row field_rows[] = {
    {"H01_fold_space", FIELD("A: b\r\n c"), FLARE_E_BAD_REQUEST},
    {"H01_fold_tab", FIELD("A: b\r\n\tc"), FLARE_E_BAD_REQUEST},
    {"H01_fold_of_the_first", BYTES("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"),
     FLARE_E_BAD_REQUEST},
    {"H02_space_before_colon", FIELD("A : b"), FLARE_E_BAD_REQUEST},
    {"H02_tab_before_colon", FIELD("A\t: b"), FLARE_E_BAD_REQUEST},
    {"H03_bare_cr_in_name", FIELD("A\rB: c"), FLARE_E_BAD_REQUEST},
    {"H03_bare_cr_in_value", FIELD("A: b\rc"), FLARE_E_BAD_REQUEST},
    {"H03_bare_cr_in_line", LINE("GET /\r HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H03_cr_ends_a_line", FIELD("A: b\rC: d"), FLARE_E_BAD_REQUEST},
    {"H03_cr_cr_lf", FIELD("A: b\r"), FLARE_E_BAD_REQUEST},
    {"H04_bare_lf_in_the_request_line",
     BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"), FLARE_E_BAD_REQUEST},
    {"H04_bare_lf_in_a_field", FIELD("A: b\nC: d"), FLARE_E_BAD_REQUEST},
    {"H04_bare_lf_at_the_end", BYTES("GET / HTTP/1.1\r\nHost: a\r\n\n"),
     FLARE_E_BAD_REQUEST},
    {"H05_cr_x_at_the_end", BYTES("GET / HTTP/1.1\r\nHost: a\r\n\rX"),
     FLARE_E_BAD_REQUEST},
    {"H06_nul_in_name", FIELD("A\0: b"), FLARE_E_BAD_REQUEST},
    {"H06_nul_in_value", FIELD("A: b\0c"), FLARE_E_BAD_REQUEST},
    {"H06_nul_in_target", TARGET("/a\0b"), FLARE_E_BAD_REQUEST},
    {"H07_bell", FIELD("A: \a"), FLARE_E_BAD_REQUEST},
    {"H07_1f", FIELD("A: \x1f"), FLARE_E_BAD_REQUEST},
    {"H07_del", FIELD("A: \x7f"), FLARE_E_BAD_REQUEST},
    {"H07_tab_and_obs_text", FIELD("A: \t\x80\t\xff"), OK},
    {"H08_empty_name", FIELD(": b"), FLARE_E_BAD_REQUEST},
    {"H09_no_colon", FIELD("A"), FLARE_E_BAD_REQUEST},
    {"H09_space_for_colon", FIELD("A b"), FLARE_E_BAD_REQUEST},
    {"H10_name_with_parenthesis", FIELD("A(: b"), FLARE_E_BAD_REQUEST},
    {"H10_name_with_obs_text", FIELD("A\x80: b"), FLARE_E_BAD_REQUEST},
    {"H11_blank_line_first", BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
     FLARE_E_BAD_REQUEST},
    {"H12_underscore_is_its_own",
     FIELD("Content_Length: x\r\nTransfer_Encoding: y"), OK},
    {"H18_no_host", BYTES("GET / HTTP/1.1\r\n\r\n"), FLARE_E_BAD_HOST},
    {"H18_no_host_on_1_0", BYTES("GET / HTTP/1.0\r\n\r\n"), OK},
    {"H18_no_host_on_absolute_form", BYTES("GET http://a/ HTTP/1.1\r\n\r\n"),
     FLARE_E_BAD_HOST},
    {"H19_host_twice", HOST("a\r\nHost: b"), FLARE_E_BAD_HOST},
    {"H19_host_twice_alike", HOST("a\r\nhost: a"), FLARE_E_BAD_HOST},
    {"H20_host_userinfo", HOST("user@h"), FLARE_E_BAD_HOST},
    {"H20_host_path", HOST("h/path"), FLARE_E_BAD_HOST},
    {"H20_host_comma", HOST("a,b"), FLARE_E_BAD_HOST},
    {"H20_host_port_99999", HOST("h:99999"), FLARE_E_BAD_HOST},
    {"H20_host_port_65536", HOST("h:65536"), FLARE_E_BAD_HOST},
    {"H20_host_port_65535", HOST("h:65535"), OK},
    {"H20_host_port_junk", HOST("h:8x"), FLARE_E_BAD_HOST},
    {"H20_host_port_empty", HOST("h:"), FLARE_E_BAD_HOST},
    {"H20_host_space", HOST("a b"), FLARE_E_BAD_HOST},
    {"H20_host_open_bracket", HOST("[::1"), FLARE_E_BAD_HOST},
    {"H20_host_of_32_bytes_and_a_port",
     HOST("abcdefghijklmnopqrstuvwxyz.012345:80"), OK},
    {"H21_host_empty", HOST(""), FLARE_E_BAD_HOST},
    {"H21_host_empty_on_1_0", BYTES("GET / HTTP/1.0\r\nHost:\r\n\r\n"),
     FLARE_E_BAD_HOST},
    {"H39_connection_nominates",
     FIELD("Connection: upgrade, close, X-Forwarded-For"), OK},
    {"H39_connection_empty_elements", FIELD("Connection: , ,close,"), OK},
    {"H39_connection_no_token", FIELD("Connection: \"close\""),
     FLARE_E_BAD_REQUEST},
};

static const struct row line_rows[] = {
    {"H22_absolute_form", TARGET("http://b.example/x"), OK},
    {"H22_absolute_form_userinfo", TARGET("http://u@b/"), FLARE_E_BAD_REQUEST},
    {"H23_authority_form", LINE("CONNECT b:443 HTTP/1.1"), OK},
    {"H23_authority_form_without_port", LINE("CONNECT b HTTP/1.1"),
     FLARE_E_BAD_REQUEST},
    {"H23_connect_to_a_path", LINE("CONNECT / HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H23_connect_absolute", LINE("CONNECT http://b:1/ HTTP/1.1"),
     FLARE_E_BAD_REQUEST},
    {"H23_get_of_an_authority", TARGET("b:443"), FLARE_E_BAD_REQUEST},
    {"H24_asterisk_options", LINE("OPTIONS * HTTP/1.1"), OK},
    {"H24_asterisk_get", TARGET("*"), FLARE_E_BAD_REQUEST},
    {"H24_asterisk_with_more", LINE("OPTIONS *a HTTP/1.1"),
     FLARE_E_BAD_REQUEST},
    {"H25_no_slash", TARGET("a"), FLARE_E_BAD_REQUEST},
    {"H25_two_slashes", TARGET("//evil"), FLARE_E_BAD_REQUEST},
    {"H25_two_slashes_absolute", TARGET("http://a//evil"), FLARE_E_BAD_REQUEST},
    {"H25_two_slashes_later", TARGET("/a//b"), OK},
    {"H25_backslash", TARGET("\\a"), FLARE_E_BAD_REQUEST},
    {"H25_slash_backslash", TARGET("/\\a"), FLARE_E_BAD_REQUEST},
    {"H25_http_colon_slash", TARGET("http:/x"), FLARE_E_BAD_REQUEST},
    {"H25_other_scheme", TARGET("ftp://a/x"), FLARE_E_BAD_REQUEST},
    {"H26_fragment", TARGET("/a#b"), FLARE_E_BAD_REQUEST},
    {"H26_fragment_in_query", TARGET("/?a#b"), FLARE_E_BAD_REQUEST},
    {"H27_obs_text", TARGET("/\xc3\xa9"), FLARE_E_BAD_REQUEST},
    {"H27_control", TARGET("/\x01"), FLARE_E_BAD_REQUEST},
    {"H27_space", TARGET("/a b"), FLARE_E_BAD_REQUEST},
    {"H27_del", TARGET("/\x7f"), FLARE_E_BAD_REQUEST},
    {"H27_quote", TARGET("/\""), FLARE_E_BAD_REQUEST},
    {"H27_brackets", TARGET("/?a[]=1"), FLARE_E_BAD_REQUEST},
    {"H27_pipe", TARGET("/?a|b"), FLARE_E_BAD_REQUEST},
    {"U02_half_an_escape", TARGET("/%4"), FLARE_E_BAD_REQUEST},
    {"U02_an_escape_that_is_none", TARGET("/%zz"), FLARE_E_BAD_REQUEST},
    {"U02_an_escape_in_the_query", TARGET("/?%4g"), FLARE_E_BAD_REQUEST},
    {"H29_method_lower", LINE("get / HTTP/1.1"), FLARE_E_METHOD_UNKNOWN},
    {"H29_method_unknown", LINE("BREW / HTTP/1.1"), FLARE_E_METHOD_UNKNOWN},
    {"H29_method_prefix", LINE("GE / HTTP/1.1"), FLARE_E_METHOD_UNKNOWN},
    {"H29_method_of_33_bytes", BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"),
     FLARE_E_METHOD_UNKNOWN},
    {"H30_method_brace", LINE("GET{} / HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H30_method_none", LINE(" / HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H31_http_0_9", BYTES("GET /\r\n"), FLARE_E_BAD_REQUEST},
    {"H31_version_0_9", LINE("GET / HTTP/0.9"), FLARE_E_VERSION_UNKNOWN},
    {"H32_version_1_2", LINE("GET / HTTP/1.2"), FLARE_E_VERSION_UNKNOWN},
    {"H32_version_2_0", LINE("GET / HTTP/2.0"), FLARE_E_VERSION_UNKNOWN},
    {"H32_version_1", LINE("GET / HTTP/1"), FLARE_E_BAD_REQUEST},
    {"H32_version_01_1", LINE("GET / HTTP/01.1"), FLARE_E_BAD_REQUEST},
    {"H32_version_1_10", LINE("GET / HTTP/1.10"), FLARE_E_BAD_REQUEST},
    {"H32_version_lower", LINE("GET / http/1.1"), FLARE_E_BAD_REQUEST},
    {"H32_version_junk", LINE("GET / HTTP/1.1 junk"), FLARE_E_BAD_REQUEST},
    {"H32_version_blank", LINE("GET / HTTP/1.1 "), FLARE_E_BAD_REQUEST},
    {"H32_version_256_past", LINE("GET / HTTP/257.1"), FLARE_E_BAD_REQUEST},
    {"H33_http_2_preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
     FLARE_E_VERSION_UNKNOWN},
    {"H34_one_empty_line", BYTES("\r\nGET / HTTP/1.0\r\n\r\n"), OK},
    {"H34_two_empty_lines", BYTES("\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
     FLARE_E_BAD_REQUEST},
    {"H34_bare_lf", BYTES("\nGET / HTTP/1.0\r\n\r\n"), FLARE_E_BAD_REQUEST},
    {"H34_cr_and_no_lf", BYTES("\rGET / HTTP/1.0\r\n\r\n"),
     FLARE_E_BAD_REQUEST},
    {"H36_two_spaces", LINE("GET  / HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H36_two_spaces_later", LINE("GET /  HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H36_tab", LINE("GET\t/ HTTP/1.1"), FLARE_E_BAD_REQUEST},
    {"H37_trace_is_known", LINE("TRACE / HTTP/1.1"), OK},
};

static const struct flare__head_limits roomy = {8192, 8192, 100};

static void check_row(const struct row *row)
{
    int expected = row->rc == OK ? (int)row->len : row->rc;
    const char *wrong;
    int rc;

    wrong = head_check(&roomy, row->bytes, row->len, HEAD_CHECK_EVERY, &rc);
    ck_assert_msg(rc == expected, "%s: the oracle says %d, the row %d",
                  row->name, rc, expected);
    ck_assert_msg(wrong == NULL, "%s: %s", row->name, wrong);
}

START_TEST(test_framing_rows_hold_at_every_cut)
{
    for (int i = 0; i < ROWS(framing_rows); i++)
        check_row(&framing_rows[i]);
}
END_TEST

START_TEST(test_field_rows_hold_at_every_cut)
{
    for (int i = 0; i < ROWS(field_rows); i++)
        check_row(&field_rows[i]);
}
END_TEST

START_TEST(test_line_rows_hold_at_every_cut)
{
    for (int i = 0; i < ROWS(line_rows); i++)
        check_row(&line_rows[i]);
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    unsigned flags;
} flag_rows[] = {
    {"H38_1_1_keeps_alive", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE},
    {"H38_1_1_close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
     0},
    {"H38_1_0_closes", "GET / HTTP/1.0\r\n\r\n", 0},
    {"H38_1_0_keep_alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE},
    {"H38_close_beats_keep_alive",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
     "Connection: keep-alive\r\n\r\n",
     0},
    {"H39_upgrade_among_others",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE | FLARE__HEAD_UPGRADE},
    {"H39_upgrade_on_1_0", "GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n", 0},
    {"F32_expect_with_length",
     "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
     "Content-Length: 1\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE | FLARE__HEAD_CONTINUE | FLARE__HEAD_HAS_LENGTH},
    {"F32_expect_with_chunks",
     "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
     "Transfer-Encoding: CHUNKED\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE | FLARE__HEAD_CONTINUE | FLARE__HEAD_CHUNKED},
    {"F33_expect_without_body",
     "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
     "Content-Length: 0\r\n\r\n",
     FLARE__HEAD_KEEP_ALIVE | FLARE__HEAD_HAS_LENGTH},
    {"F33_expect_on_1_0",
     "PUT / HTTP/1.0\r\nExpect: bogus\r\nContent-Length: 1\r\n\r\n",
     FLARE__HEAD_HAS_LENGTH},
};

static struct flare__field fields[100];

static struct flare__head parsed(const char *bytes)
{
    struct flare__head head = {.fields = fields};

    ck_assert_int_eq(flare__head_parse(&head, &roomy, bytes, strlen(bytes)),
                     strlen(bytes));
    return head;
}

static void check_str(struct flare_str got, const char *expected)
{
    ck_assert_msg(flare_str_equal(got, flare_str(expected)),
                  "\"%.*s\" is not \"%s\"", FLARE_STR_ARG(got), expected);
}

START_TEST(test_head_flags_are_the_rows)
{
    for (int i = 0; i < ROWS(flag_rows); i++) {
        struct flare__head head = parsed(flag_rows[i].bytes);

        ck_assert_msg(head.flags == flag_rows[i].flags, "%s: %u",
                      flag_rows[i].name, head.flags);
    }
}
END_TEST

START_TEST(test_origin_form_is_split_at_the_first_question_mark)
{
    struct flare__head head =
        parsed("POST /a/b?c=/d?e HTTP/1.1\r\nHost: h:80\r\n"
               "Content-Length: 42\r\nX: \t y z \r\n\r\n");

    check_str(head.method, "POST");
    ck_assert_int_eq(head.method_id, FLARE_METHOD_POST);
    check_str(head.target, "/a/b?c=/d?e");
    check_str(head.path, "/a/b");
    check_str(head.query, "c=/d?e");
    check_str(head.host, "h:80");
    ck_assert_uint_eq(head.content_length, 42);
    ck_assert_uint_eq(head.field_count, 3);
    check_str((struct flare_str){fields[2].value, fields[2].value_len}, "y z");
}
END_TEST

START_TEST(test_absolute_form_overrides_host)
{
    struct flare__head head =
        parsed("GET HTTP://b:1?q HTTP/1.1\r\nHost: a\r\n\r\n");

    ck_assert_int_eq(head.form, FLARE__TARGET_ABSOLUTE);
    check_str(head.host, "b:1");
    check_str(head.path, "/");
    check_str(head.query, "q");
}
END_TEST

START_TEST(test_an_empty_query_is_not_none)
{
    ck_assert_ptr_nonnull(
        parsed("GET /? HTTP/1.1\r\nHost: a\r\n\r\n").query.ptr);
    ck_assert_ptr_null(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").query.ptr);
}
END_TEST

START_TEST(test_find_gives_the_first_in_any_case_or_none)
{
    struct flare__head head = parsed("GET / HTTP/1.1\r\nHost: a\r\nx-A: 1\r\n"
                                     "X-a: 2\r\n\r\n");

    ck_assert_ptr_eq(flare__head_find(&head, FLARE_STR("X-A")), &fields[1]);
    ck_assert_ptr_null(flare__head_find(&head, FLARE_STR("X")));
}
END_TEST

/* One request with a target of `n` bytes; `out` holds n + 40. */
static size_t write_target(char *out, size_t n)
{
    static const char front[] = "GET /";
    static const char back[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    char *p = out;

    memcpy(p, front, sizeof(front) - 1);
    p += sizeof(front) - 1;
    memset(p, 'a', n - 1);
    p += n - 1;
    memcpy(p, back, sizeof(back) - 1);
    return (size_t)(p - out) + sizeof(back) - 1;
}

static void check_target_limit(uint32_t n)
{
    const struct flare__head_limits limits = {n, 64, 3};
    char bytes[200];
    size_t len = write_target(bytes, n);
    int rc;

    ck_assert_ptr_null(head_check(&limits, bytes, len, HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, len);
    len = write_target(bytes, n + 1);
    ck_assert_ptr_null(head_check(&limits, bytes, len, HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, FLARE_E_URI_TOO_LONG);
}

START_TEST(test_H28_target_of_the_limit_passes_and_one_more_fails)
{
    for (uint32_t n = 1; n < 130; n++)
        check_target_limit(n);
}
END_TEST

START_TEST(test_H13_section_of_the_limit_passes_and_one_more_fails)
{
    const char *bytes = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nnext";
    struct flare__head_limits limits = {8, 17, 2};
    int rc;

    ck_assert_ptr_null(
        head_check(&limits, bytes, strlen(bytes), HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, 33);
    limits.fields_bytes_max = 16;
    ck_assert_ptr_null(
        head_check(&limits, bytes, strlen(bytes), HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, FLARE_E_HEAD_TOO_LARGE);
}
END_TEST

/* Wherever the limit lies in the kernels' blocks, and more bytes behind it. */
START_TEST(test_H13_section_limit_cuts_anywhere)
{
    static const char bytes[] =
        "GET / HTTP/1.1\r\nHost: a\r\n"
        "A: "
        "0123456789012345678901234567890123456789012345678901234567890123\r\n"
        "A-Name-That-Is-Longer-Than-A-Block-Of-The-Kernels-Which-Is-64-Bytes:"
        "\r\n"
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct flare__head_limits limits = {8, 0, 100};
    int rc;

    for (; limits.fields_bytes_max < sizeof(bytes); limits.fields_bytes_max++)
        ck_assert_ptr_null(head_check(&limits, bytes, sizeof(bytes) - 1,
                                      HEAD_CHECK_TURN, &rc));
    ck_assert_int_gt(rc, 0);
}
END_TEST

START_TEST(test_H13_fields_of_the_limit_pass_and_one_more_fails)
{
    const char *bytes = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    struct flare__head_limits limits = {8, 100, 2};
    int rc;

    ck_assert_ptr_null(
        head_check(&limits, bytes, strlen(bytes), HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, strlen(bytes));
    limits.fields_max = 1;
    ck_assert_ptr_null(
        head_check(&limits, bytes, strlen(bytes), HEAD_CHECK_EVERY, &rc));
    ck_assert_int_eq(rc, FLARE_E_HEAD_TOO_LARGE);
}
END_TEST

START_TEST(test_kernels_are_those_of_the_processor_and_scalar_last)
{
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 1];
    size_t n = flare__scan_kernels(kernels, /* denied = */ 0);

    ck_assert_uint_ge(n, 1);
    ck_assert_str_eq(kernels[n - 1].name, "scalar");
    ck_assert_ptr_null(kernels[n].parse);
    ck_assert_uint_eq(flare__scan_kernels(kernels, FLARE__CPU_ALL), 1);
    ck_assert_str_eq(kernels[0].name, "scalar");
}
END_TEST

static void add_rows(TCase *tc)
{
    tcase_add_test(tc, test_framing_rows_hold_at_every_cut);
    tcase_add_test(tc, test_field_rows_hold_at_every_cut);
    tcase_add_test(tc, test_line_rows_hold_at_every_cut);
    tcase_add_test(tc, test_head_flags_are_the_rows);
    tcase_add_test(tc, test_H28_target_of_the_limit_passes_and_one_more_fails);
}

static Suite *suite(void)
{
    Suite *s = suite_create("http/head");
    TCase *tc = tcase_create("head");

    add_rows(tc);
    tcase_add_test(tc, test_origin_form_is_split_at_the_first_question_mark);
    tcase_add_test(tc, test_absolute_form_overrides_host);
    tcase_add_test(tc, test_an_empty_query_is_not_none);
    tcase_add_test(tc, test_find_gives_the_first_in_any_case_or_none);
    tcase_add_test(tc, test_H13_section_of_the_limit_passes_and_one_more_fails);
    tcase_add_test(tc, test_H13_section_limit_cuts_anywhere);
    tcase_add_test(tc, test_H13_fields_of_the_limit_pass_and_one_more_fails);
    tcase_add_test(tc, test_kernels_are_those_of_the_processor_and_scalar_last);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
