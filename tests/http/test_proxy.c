/* SPDX-License-Identifier: MIT */
/*
 * PROXY headers, each whole and cut at every byte, from memory that ends at an
 * unmapped page: until the verdict there is none, and then it stays.
 */
#include "http/proxy.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

#define BYTES(literal) literal, sizeof(literal) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* Version and command, family and transport, length, all as \x escapes. */
#define V2(command, family, len) SIGNATURE command family len

/* 192.0.2.1 and 192.0.2.2, ports 258 and 443 */
#define V4_BLOCK "\xc0\x00\x02\x01\xc0\x00\x02\x02\x01\x02\x01\xbb"
#define V6_BLOCK                                                               \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                               \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"                               \
    "\x01\x02\x01\xbb"
#define MAPPED_BLOCK                                                           \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"                             \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x02"                             \
    "\x01\x02\x01\xbb"
#define ZEROS_10 "\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_100                                                              \
    ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10    \
        ZEROS_10 ZEROS_10
#define LETTERS_108                                                            \
    "/234567890123456789012345678901234567890123456789012345678901234567890"   \
    "12345678901234567890123456789012345678"
#define IP6_39 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

enum { MORE = 0, BAD = FLARE_E_BAD_REQUEST, WHOLE = 1, FOLLOWED = 2 };

struct row {
    const char *name;
    const char *bytes;
    size_t len;
    /* WHOLE; FOLLOWED: by three bytes of something else; MORE or BAD */
    int rc;
    const char *source; /* NULL: local */
    const char *destination;
};

static const struct row rows[] = {
    /* version 1 */
    {"tcp4", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 258 443\r\n"), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"tcp4, a request behind",
     BYTES("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\nGET"), FOLLOWED,
     "255.255.255.255:65535", "0.0.0.0:0"},
    {"tcp6", BYTES("PROXY TCP6 2001:db8::1 2001:DB8:0::2 258 443\r\n"), WHOLE,
     "[2001:db8::1]:258", "[2001:db8::2]:443"},
    {"tcp6 mapped",
     BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 258 443\r\n"), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"tcp6 longest", BYTES("PROXY TCP6 " IP6_39 " " IP6_39 " 65535 65535\r\n"),
     WHOLE, "[" IP6_39 "]:65535", "[" IP6_39 "]:65535"},
    {"unknown", BYTES("PROXY UNKNOWN\r\nGET"), FOLLOWED, NULL, NULL},
    {"unknown, ignored after it", BYTES("PROXY UNKNOWN a\0b \xff\r\n"), WHOLE,
     NULL, NULL},
    {"unknown longest",
     BYTES("PROXY UNKNOWN " IP6_39 " " IP6_39 " 65535 65535\r\n"), WHOLE, NULL,
     NULL},
    {"unknown too long",
     BYTES("PROXY UNKNOWN " IP6_39 " " IP6_39 " 65535 655350\r\n"), BAD, NULL,
     NULL},
    {"a line that does not end",
     BYTES("PROXY UNKNOWN " IP6_39 " " IP6_39 " 65535 6553500"), BAD, NULL,
     NULL},
    {"nothing", BYTES(""), MORE, NULL, NULL},
    {"cut in the CRLF", BYTES("PROXY UNKNOWN\r"), MORE, NULL, NULL},
    {"a request", BYTES("GET / HTTP/1.1\r\n\r\n"), BAD, NULL, NULL},
    {"lower case", BYTES("proxy UNKNOWN\r\n"), BAD, NULL, NULL},
    {"no word", BYTES("PROXY\r\n"), BAD, NULL, NULL},
    {"nothing after the word", BYTES("PROXY \r\n"), BAD, NULL, NULL},
    {"two spaces", BYTES("PROXY  UNKNOWN\r\n"), BAD, NULL, NULL},
    {"unknown in lower case", BYTES("PROXY unknown\r\n"), BAD, NULL, NULL},
    {"unknown and more", BYTES("PROXY UNKNOWNS\r\n"), BAD, NULL, NULL},
    {"bare LF", BYTES("PROXY UNKNOWN\n"), BAD, NULL, NULL},
    {"bare CR", BYTES("PROXY UNKNOWN\rx\n"), BAD, NULL, NULL},
    {"CR CR LF", BYTES("PROXY UNKNOWN\r\r\n"), BAD, NULL, NULL},
    {"no addresses", BYTES("PROXY TCP4\r\n"), BAD, NULL, NULL},
    {"one address", BYTES("PROXY TCP4 192.0.2.1\r\n"), BAD, NULL, NULL},
    {"no ports", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2\r\n"), BAD, NULL, NULL},
    {"one port", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), BAD, NULL,
     NULL},
    {"three ports", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), BAD,
     NULL, NULL},
    {"space at the end", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), BAD,
     NULL, NULL},
    {"two spaces inside", BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"), BAD,
     NULL, NULL},
    {"tab", BYTES("PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n"), BAD, NULL, NULL},
    {"port past its end", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"),
     BAD, NULL, NULL},
    {"port octal", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), BAD, NULL,
     NULL},
    {"port negative", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"), BAD,
     NULL, NULL},
    {"address octal", BYTES("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"), BAD,
     NULL, NULL},
    {"address short", BYTES("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"), BAD, NULL,
     NULL},
    {"NUL in it", BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), BAD, NULL,
     NULL},
    {"tcp4 with IPv6", BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), BAD, NULL, NULL},
    {"tcp6 with IPv4", BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), BAD,
     NULL, NULL},
    {"tcp6 with both", BYTES("PROXY TCP6 ::1 192.0.2.2 1 2\r\n"), BAD, NULL,
     NULL},
    {"zone", BYTES("PROXY TCP6 fe80::1%1 ::1 1 2\r\n"), BAD, NULL, NULL},
    {"brackets", BYTES("PROXY TCP6 [::1] [::1] 1 2\r\n"), BAD, NULL, NULL},
    {"udp4", BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), BAD, NULL, NULL},
    {"tcp5", BYTES("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"), BAD, NULL, NULL},
    /* version 2 */
    {"v2 tcp4", BYTES(V2("\x21", "\x11", "\0\x0c") V4_BLOCK "GET"), FOLLOWED,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 udp4", BYTES(V2("\x21", "\x12", "\0\x0c") V4_BLOCK), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 tcp6", BYTES(V2("\x21", "\x21", "\0\x24") V6_BLOCK), WHOLE,
     "[2001:db8::1]:258", "[2001:db8::2]:443"},
    {"v2 tcp6 mapped", BYTES(V2("\x21", "\x21", "\0\x24") MAPPED_BLOCK), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 unix",
     BYTES(V2("\x21", "\x31", "\0\xd8") "/path\0ab" ZEROS_100
                                        "\0name\0ab" ZEROS_100),
     WHOLE, "unix:/path", "unix:@name\\x00ab"},
    {"v2 unix nameless",
     BYTES(V2("\x21", "\x31", "\0\xd8") ZEROS_100 "\0\0\0\0\0\0\0\0" ZEROS_100
                                                  "\0\0\0\0\0\0\0\0"),
     WHOLE, "unix:", "unix:"},
    {"v2 unix full",
     BYTES(V2("\x21", "\x31", "\0\xd8") LETTERS_108 LETTERS_108), WHOLE,
     "unix:" LETTERS_108, "unix:" LETTERS_108},
    {"v2 local", BYTES(V2("\x20", "\0", "\0\0")), WHOLE, NULL, NULL},
    {"v2 local, a block", BYTES(V2("\x20", "\x11", "\0\x0c") V4_BLOCK), WHOLE,
     NULL, NULL},
    {"v2 local, any family", BYTES(V2("\x20", "\xff", "\0\x03") "abcGET"),
     FOLLOWED, NULL, NULL},
    {"v2 unspec", BYTES(V2("\x21", "\0", "\0\x03") "abc"), WHOLE, NULL, NULL},
    {"v2 noop", BYTES(V2("\x21", "\x11", "\0\x0f") V4_BLOCK "\x04\0\0"), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 unknown type",
     BYTES(V2("\x21", "\x11", "\0\x14") V4_BLOCK "\xe0\0\x02xy\xff\0\0"), WHOLE,
     "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 crc",
     BYTES(V2("\x21", "\x11", "\0\x13") V4_BLOCK "\x03\0\x04\xc2\xd6\xab\x1e"),
     WHOLE, "192.0.2.1:258", "192.0.2.2:443"},
    {"v2 crc wrong",
     BYTES(V2("\x21", "\x11", "\0\x13") V4_BLOCK "\x03\0\x04\xc2\xd6\xab\x1f"),
     BAD, NULL, NULL},
    {"v2 crc of three",
     BYTES(V2("\x21", "\x11", "\0\x12") V4_BLOCK "\x03\0\x03\0\0\0"), BAD, NULL,
     NULL},
    {"v2 vector cut in its head",
     BYTES(V2("\x21", "\x11", "\0\x0d") V4_BLOCK "\x04"), BAD, NULL, NULL},
    {"v2 vector cut in its length",
     BYTES(V2("\x21", "\x11", "\0\x0e") V4_BLOCK "\x04\0"), BAD, NULL, NULL},
    {"v2 vector past the end",
     BYTES(V2("\x21", "\x11", "\0\x0f") V4_BLOCK "\x04\0\x01x"), BAD, NULL,
     NULL},
    {"v2 block too short", BYTES(V2("\x21", "\x11", "\0\x0b") V4_BLOCK), BAD,
     NULL, NULL},
    {"v2 block missing", BYTES(V2("\x21", "\x11", "\0\0")), BAD, NULL, NULL},
    {"v2 IPv6 in a block of IPv4", BYTES(V2("\x21", "\x21", "\0\x0c") V4_BLOCK),
     BAD, NULL, NULL},
    {"v2 unix too short",
     BYTES(V2("\x21", "\x31", "\0\xd7") LETTERS_108 LETTERS_108), BAD, NULL,
     NULL},
    {"v2 as long as may be", BYTES(V2("\x21", "\x11", "\x02\x08")), MORE, NULL,
     NULL},
    {"v2 longer than may be", BYTES(V2("\x21", "\x11", "\x02\x09")), BAD, NULL,
     NULL},
    {"v2 local longer than may be", BYTES(V2("\x20", "\0", "\xff\xff")), BAD,
     NULL, NULL},
    {"v2 version 1", BYTES(SIGNATURE "\x11"), BAD, NULL, NULL},
    {"v2 version 3", BYTES(SIGNATURE "\x31"), BAD, NULL, NULL},
    {"v2 command 2", BYTES(SIGNATURE "\x22"), BAD, NULL, NULL},
    {"v2 family 4", BYTES(SIGNATURE "\x21\x41"), BAD, NULL, NULL},
    {"v2 transport 3", BYTES(SIGNATURE "\x21\x13"), BAD, NULL, NULL},
    {"v2 stream of no family", BYTES(SIGNATURE "\x21\x01"), BAD, NULL, NULL},
    {"v2 family without transport", BYTES(SIGNATURE "\x21\x10"), BAD, NULL,
     NULL},
    {"v2 signature cut", BYTES("\r\n\r\n\0\r\nQUIT"), MORE, NULL, NULL},
    {"v2 signature wrong", BYTES("\r\n\r\n\0\r\nQUIP"), BAD, NULL, NULL},
    {"an empty line", BYTES("\r\nGET / HTTP/1.1\r\n"), BAD, NULL, NULL},
};

static struct guard memory;

static void memory_open(void)
{
    guard_init(&memory, FLARE__PROXY_BYTES_MAX + 64);
}

static void memory_close(void)
{
    guard_fini(&memory);
}

static int parse(struct flare__proxy *proxy, const char *bytes, size_t len)
{
    const struct flare_str all = {guard_put(&memory, bytes, len), len};

    return flare__proxy_parse(proxy, all, FLARE__PROXY_BYTES_DEFAULT);
}

static void check_address(const struct row *row, const struct flare_addr *addr,
                          const char *want)
{
    char text[2 * FLARE_ADDR_TEXT_MAX];

    if (want == NULL) {
        ck_assert_msg(addr->kind == FLARE_ADDR_NONE, "%s", row->name);
        return;
    }
    flare_addr_format(addr, text, sizeof(text));
    ck_assert_msg(strcmp(text, want) == 0, "%s: %s", row->name, text);
}

static int rc_of(const struct row *row)
{
    if (row->rc == WHOLE)
        return (int)row->len;
    return row->rc == FOLLOWED ? (int)row->len - 3 : row->rc;
}

START_TEST(test_a_header_is_read_or_refused)
{
    const struct row *row = &rows[_i];
    struct flare__proxy proxy;
    struct flare__proxy before;
    int rc;

    memset(&proxy, 0x5a, sizeof(proxy));
    before = proxy;
    rc = parse(&proxy, row->bytes, row->len);
    ck_assert_msg(rc == rc_of(row), "%s: %d", row->name, rc);
    if (rc <= 0) {
        ck_assert_mem_eq(&proxy, &before, sizeof(proxy));
        return;
    }
    ck_assert_int_eq(proxy.version, row->bytes[0] == 'P' ? 1 : 2);
    ck_assert_int_eq(proxy.is_local, row->source == NULL);
    ck_assert_int_eq(proxy.is_datagram, strstr(row->name, "udp") != NULL);
    check_address(row, &proxy.source, row->source);
    check_address(row, &proxy.destination, row->destination);
}
END_TEST

/* Every prefix says "more" until one has the verdict, which then stays. */
START_TEST(test_a_verdict_does_not_depend_on_the_cut)
{
    const struct row *row = &rows[_i];
    struct flare__proxy proxy;
    int want = rc_of(row);

    for (size_t cut = 0; cut <= row->len; cut++) {
        int rc = parse(&proxy, row->bytes, cut);
        bool is_due = want > 0 && cut >= (size_t)want;

        if (want > 0)
            ck_assert_msg(rc == (is_due ? want : MORE), "%s, cut at %zu: %d",
                          row->name, cut, rc);
        else if (rc != MORE)
            ck_assert_msg(rc == want, "%s, cut at %zu: %d", row->name, cut, rc);
        if (rc < 0) {
            for (size_t more = cut; more <= row->len; more++)
                ck_assert_int_eq(parse(&proxy, row->bytes, more), rc);
            break;
        }
    }
}
END_TEST

/*
 * One byte of each row changed to every value: never past the end, and with a
 * length only if it is the length of every longer run of bytes.
 */
START_TEST(test_any_byte_may_be_any_other)
{
    const struct row *row = &rows[_i];
    char bytes[300];

    for (size_t at = 0; at < row->len; at++) {
        for (int value = 0; value < 256; value++) {
            struct flare__proxy proxy;
            int rc;

            memcpy(bytes, row->bytes, row->len);
            bytes[at] = (char)value;
            rc = parse(&proxy, bytes, row->len);
            ck_assert_int_le(rc, (int)row->len);
            if (rc <= 0)
                continue;
            ck_assert_int_eq(parse(&proxy, bytes, (size_t)rc), rc);
            ck_assert_int_eq(parse(&proxy, bytes, (size_t)rc - 1), MORE);
        }
    }
}
END_TEST

/* All of what a checksum is there for: no bit of the header may change. */
START_TEST(test_the_checksum_covers_every_bit)
{
    const char whole[] =
        V2("\x21", "\x11", "\0\x16") V4_BLOCK "\x03\0\x04\0\0\0\0\x04\0\0";
    size_t len = sizeof(whole) - 1;
    size_t at = 16 + 12 + 3;
    char bytes[sizeof(whole)];
    struct flare__proxy proxy;
    uint32_t crc = 0xffffffff;

    memcpy(bytes, whole, len);
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++) /* Castagnoli, reflected */
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        bytes[at + (size_t)i] = (char)(crc >> (24 - 8 * i));
    ck_assert_int_eq(parse(&proxy, bytes, len), (int)len);
    /* past version, family and length, whose changes have other effects */
    for (size_t bit = 8 * 16; bit < 8 * len; bit++) {
        /* the type and length of the checksum, and what follows, likewise */
        if (bit / 8 >= at - 3 && bit / 8 < at)
            continue;
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_msg(parse(&proxy, bytes, len) == BAD, "bit %zu", bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
}
END_TEST

START_TEST(test_a_checksum_may_not_come_twice)
{
    const char first[] = V2("\x21", "\x11", "\0\x1a") V4_BLOCK
        "\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0";
    struct flare__proxy proxy;

    ck_assert_int_eq(parse(&proxy, first, sizeof(first) - 1), BAD);
}
END_TEST

START_TEST(test_the_limit_is_the_callers)
{
    char bytes[FLARE__PROXY_BYTES_MAX] =
        V2("\x21", "\x11", "\x0f\xf0") V4_BLOCK "\x04\x0f\xe1";
    struct flare__proxy proxy;
    struct flare_str all = {bytes, sizeof(bytes)};

    ck_assert_int_eq(flare__proxy_parse(&proxy, all, FLARE__PROXY_BYTES_MAX),
                     FLARE__PROXY_BYTES_MAX);
    ck_assert_int_eq(
        flare__proxy_parse(&proxy, all, FLARE__PROXY_BYTES_MAX - 1), BAD);
    all.len = 16; /* without waiting for what will not be read */
    ck_assert_int_eq(
        flare__proxy_parse(&proxy, all, FLARE__PROXY_BYTES_MAX - 1), BAD);
    all.len = 15;
    ck_assert_int_eq(
        flare__proxy_parse(&proxy, all, FLARE__PROXY_BYTES_MAX - 1), MORE);
}
END_TEST

START_TEST(test_a_unique_id_has_128_bytes_at_most)
{
    char bytes[200] = V2("\x21", "\x11", "\0\x8f") V4_BLOCK "\x05\0\x80";
    struct flare__proxy proxy;

    ck_assert_int_eq(parse(&proxy, bytes, sizeof(bytes)), 159);
    bytes[15]++;
    bytes[30]++;
    ck_assert_int_eq(parse(&proxy, bytes, sizeof(bytes)), BAD);
}
END_TEST

static TCase *case_proxy(void)
{
    TCase *tc = tcase_create("proxy");

    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_add_loop_test(tc, test_a_header_is_read_or_refused, 0, ROWS(rows));
    tcase_add_loop_test(tc, test_a_verdict_does_not_depend_on_the_cut, 0,
                        ROWS(rows));
    tcase_add_loop_test(tc, test_any_byte_may_be_any_other, 0, ROWS(rows));
    tcase_add_test(tc, test_the_checksum_covers_every_bit);
    tcase_add_test(tc, test_a_checksum_may_not_come_twice);
    tcase_add_test(tc, test_the_limit_is_the_callers);
    tcase_add_test(tc, test_a_unique_id_has_128_bytes_at_most);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("http/proxy");

    suite_add_tcase(suite, case_proxy());
    return test_run(suite);
}
