/* SPDX-License-Identifier: MIT */
/* Addresses of sockets as text; the IP addresses in them are test_ip.c's. */
#include "net/addr.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

#define PATH_107                                                               \
    "/123456789012345678901234567890123456789012345678901234567890123456"      \
    "7890123456789012345678901234567890123456"

static struct guard memory;

static void memory_open(void)
{
    guard_init(&memory, 512);
}

static void memory_close(void)
{
    guard_fini(&memory);
}

/* flare_addr_parse of bytes that end at an unmapped page. */
static int parse(struct flare_addr *addr, struct flare_str text,
                 struct flare_error *err)
{
    const struct flare_str bytes = {guard_put(&memory, text.ptr, text.len),
                                    text.len};

    return flare_addr_parse(addr, bytes, err);
}

/* What is read is written again just so. */
static const char *const good[] = {
    "127.0.0.1:8080",
    "0.0.0.0:0",
    "255.255.255.255:65535",
    "127.0.0.1:1",
    "[::1]:0",
    "[::]:443",
    "[2001:db8::1]:65535",
    "[fe80::1%3]:80",
    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
    "unix:/run/app.sock",
    "unix:/a",
    "unix:@abstract",
    "unix:@a",
    "unix:@@",
    "unix:/back\\slash",
    "unix:/\xc3\xa9",
    "unix:" PATH_107,
};

START_TEST(test_addr_reads_and_writes_the_same)
{
    struct flare_addr addr;
    struct flare_addr again;
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_error err;
    int rc = parse(&addr, flare_str(good[_i]), &err);

    ck_assert_msg(rc == 0, "%s: %s", good[_i], err.text);
    ck_assert_uint_eq(flare_addr_format(&addr, text, sizeof(text)),
                      strlen(good[_i]));
    ck_assert_str_eq(text, good[_i]);
    for (int i = 0; i < ROWS(good); i++) {
        ck_assert_int_eq(parse(&again, flare_str(good[i]), NULL), 0);
        ck_assert_int_eq(flare_addr_equal(&addr, &again), i == _i);
    }
}
END_TEST

START_TEST(test_K12_addr_writes_a_mapped_address_as_ipv4)
{
    struct flare_addr mapped;
    struct flare_addr plain;
    char text[FLARE_ADDR_TEXT_MAX];

    ck_assert_int_eq(parse(&mapped, FLARE_STR("[::ffff:192.0.2.1]:80"), NULL),
                     0);
    ck_assert_int_eq(parse(&plain, FLARE_STR("192.0.2.1:80"), NULL), 0);
    ck_assert(flare_addr_equal(&mapped, &plain));
    flare_addr_format(&mapped, text, sizeof(text));
    ck_assert_str_eq(text, "192.0.2.1:80");
}
END_TEST

#define ROW(text, why)                                                         \
    {                                                                          \
        text, sizeof(text) - 1, why                                            \
    }

static const struct {
    const char *text;
    size_t len;
    const char *why; /* part of the sentence */
} bad[] = {
    ROW("", "':port' is missing"),
    ROW("8080", "':port' is missing"),
    ROW("127.0.0.1", "':port' is missing"),
    ROW(":8080", "host is missing"),
    ROW("localhost:80", "names are not resolved"),
    ROW("127.0.0.1:", "0 to 65535"),
    ROW("127.0.0.1:65536", "0 to 65535"),
    ROW("127.0.0.1:99999", "0 to 65535"),
    ROW("127.0.0.1:4294967376", "0 to 65535"),
    ROW("127.0.0.1:-1", "0 to 65535"),
    ROW("127.0.0.1:+80", "0 to 65535"),
    ROW("127.0.0.1:080", "0 to 65535"),
    ROW("127.0.0.1:00", "0 to 65535"),
    ROW("127.0.0.1:0x50", "0 to 65535"),
    ROW("127.0.0.1: 80", "0 to 65535"),
    ROW("127.0.0.1:80 ", "0 to 65535"),
    ROW("127.0.0.1:80\n", "0 to 65535"),
    ROW("127.0.0.1:80\0", "0 to 65535"),
    ROW("127.0.0.1:80:80", "0 to 65535"),
    ROW("127.0.0.1:http", "0 to 65535"),
    ROW(" 127.0.0.1:80", "not an IPv4"),
    ROW("127.0.0.1 :80", "not an IPv4"),
    ROW("127.0.0.1\0:80", "not an IPv4"),
    ROW("127.1:80", "not an IPv4"),
    ROW("127.0.0.256:80", "not an IPv4"),
    ROW("127.0.0.01:80", "not an IPv4"),
    ROW("0x7f.0.0.1:80", "not an IPv4"),
    ROW("2130706433:80", "not an IPv4"),
    ROW("127.0.0.1.1:80", "not an IPv4"),
    ROW("::1:80", "host is missing"),
    ROW("2001:db8::1:80", "not an IPv4"),
    ROW("[::1]", "':port' is missing"),
    ROW("[::1]80", "':port' is missing"),
    ROW("[::1]:", "0 to 65535"),
    ROW("[::1]:65536", "0 to 65535"),
    ROW("[::1", "']' is missing"),
    ROW("[]:80", "not an IPv6"),
    ROW("[127.0.0.1]:80", "not an IPv6"),
    ROW("[::1%lo]:80", "not an IPv6"),
    ROW("[::1%1]:80", "not an IPv6"),
    ROW("[fe80::1%lo]:80", "not an IPv6"),
    ROW("[fe80::1%0]:80", "not an IPv6"),
    ROW("[[::1]]:80", "not an IPv6"),
    ROW("[1:2:3:4:5:6:7:8:9]:80", "not an IPv6"),
    ROW("[::1\0]:80", "not an IPv6"),
    ROW("[00000000000000000000000000000000000000000000000001]:80",
        "not an IPv6"),
    ROW("unix:", "not unix:/path"),
    ROW("unix:/", "not unix:/path"),
    ROW("unix:@", "not unix:/path"),
    ROW("unix:relative", "not unix:/path"),
    ROW("unix: /path", "not unix:/path"),
    ROW("unix:/with space", "space or control"),
    ROW("unix:/nul\0", "space or control"),
    ROW("unix:@nul\0x", "space or control"),
    ROW("unix:/line\n", "space or control"),
    ROW("unix:/delete\x7f", "space or control"),
    ROW("unix:" PATH_107 "8", "longer than 107"), /* K15 */
    ROW("unix:@" PATH_107, "longer than 107"),
    ROW("UNIX:/a", "not an IPv4"),
    ROW("http://127.0.0.1:80", "not an IPv4"),
};

START_TEST(test_K15_addr_refuses_all_else_with_a_sentence)
{
    struct flare_error err = {.code = 0};
    struct flare_addr addr;
    struct flare_addr before;
    const struct flare_str text = {bad[_i].text, bad[_i].len};
    int rc;

    memset(&addr, 0x5a, sizeof(addr));
    before = addr;
    rc = parse(&addr, text, &err);
    ck_assert_msg(rc == FLARE_E_BAD_ADDRESS, "row %d '%s': %d", _i,
                  bad[_i].text, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "'%s': %s",
                  bad[_i].text, err.text);
    ck_assert_mem_eq(&addr, &before, sizeof(addr));
    rc = parse(&addr, text, NULL);
    ck_assert_int_eq(rc, FLARE_E_BAD_ADDRESS);
}
END_TEST

START_TEST(test_every_cut_of_an_address_is_read_in_its_bounds)
{
    struct flare_addr addr;
    struct flare_addr again;

    for (size_t cut = 0; cut < strlen(good[_i]); cut++) {
        const struct flare_str text = {good[_i], cut};
        char out[FLARE_ADDR_TEXT_MAX];

        if (parse(&addr, text, NULL) < 0)
            continue;
        flare_addr_format(&addr, out, sizeof(out));
        ck_assert_uint_eq(strlen(out), cut);
        ck_assert_mem_eq(out, good[_i], cut);
        ck_assert_int_eq(parse(&again, flare_str(out), NULL), 0);
        ck_assert(flare_addr_equal(&addr, &again));
    }
}
END_TEST

START_TEST(test_every_port_is_read_and_written)
{
    struct flare_addr addr;

    for (unsigned port = 0; port <= 70000; port++) {
        char text[32];
        char out[FLARE_ADDR_TEXT_MAX];
        int rc;

        snprintf(text, sizeof(text), "1.2.3.4:%u", port);
        rc = flare_addr_parse(&addr, flare_str(text), NULL);
        ck_assert_int_eq(rc == 0, port <= 65535);
        if (rc == 0) {
            ck_assert_uint_eq(addr.port, port);
            flare_addr_format(&addr, out, sizeof(out));
            ck_assert_str_eq(out, text);
        }
        snprintf(text, sizeof(text), "1.2.3.4:0%u", port);
        ck_assert_int_eq(flare_addr_parse(&addr, flare_str(text), NULL),
                         FLARE_E_BAD_ADDRESS);
    }
}
END_TEST

START_TEST(test_addr_format_cuts_at_every_size)
{
    struct flare_addr addr;
    char whole[FLARE_ADDR_TEXT_MAX];
    size_t len;

    ck_assert_int_eq(parse(&addr, flare_str(good[_i]), NULL), 0);
    len = flare_addr_format(&addr, whole, sizeof(whole));
    for (size_t size = 1; size <= len + 1; size++) {
        char *out = guard_last(&memory, size);

        ck_assert_uint_eq(flare_addr_format(&addr, out, size), size - 1);
        ck_assert_uint_eq(strlen(out), size - 1);
        ck_assert_mem_eq(out, whole, size - 1);
    }
}
END_TEST

START_TEST(test_what_has_no_text_of_its_own_is_shown)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_NONE};
    struct flare_addr other = {.kind = FLARE_ADDR_NONE};
    char text[FLARE_ADDR_TEXT_MAX];

    flare_addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "?");
    ck_assert(flare_addr_equal(&addr, &other));
    addr = flare__addr_of_unix("", 0);
    flare_addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "unix:");
    ck_assert(!flare_addr_equal(&addr, &other));
    addr = flare__addr_of_unix("/a b\n\x7f", 6);
    flare_addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "unix:/a\\x20b\\x0a\\x7f");
    addr = flare__addr_of_unix("\0a\0b", 4);
    flare_addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "unix:@a\\x00b");
    addr = flare__addr_of_unix("/a\0junk", 7);
    flare_addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "unix:/a");
}
END_TEST

static TCase *case_addr(void)
{
    TCase *tc = tcase_create("addr");

    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_add_loop_test(tc, test_addr_reads_and_writes_the_same, 0, ROWS(good));
    tcase_add_test(tc, test_K12_addr_writes_a_mapped_address_as_ipv4);
    tcase_add_loop_test(tc, test_K15_addr_refuses_all_else_with_a_sentence, 0,
                        ROWS(bad));
    tcase_add_loop_test(tc, test_every_cut_of_an_address_is_read_in_its_bounds,
                        0, ROWS(good));
    tcase_add_test(tc, test_every_port_is_read_and_written);
    tcase_add_loop_test(tc, test_addr_format_cuts_at_every_size, 0, ROWS(good));
    tcase_add_test(tc, test_what_has_no_text_of_its_own_is_shown);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("net/addr");

    suite_add_tcase(suite, case_addr());
    return test_run(suite);
}
