/* SPDX-License-Identifier: MIT */
/*
 * IP addresses and networks: rows, the C library's parser as the oracle of
 * what is an address, and texts made by a slow formatter.
 */
#include "net/addr.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <string.h>

#define BYTES(literal) literal, sizeof(literal) - 1

static struct guard memory;

static void memory_open(void)
{
    guard_init(&memory, 256);
}

static void memory_close(void)
{
    guard_fini(&memory);
}

/* flare_ip_parse of bytes that end at an unmapped page. */
static int parse(struct flare_ip *ip, const char *text, size_t len,
                 struct flare_error *err)
{
    const struct flare_str bytes = {guard_put(&memory, text, len), len};

    return flare_ip_parse(ip, bytes, err);
}

static struct flare_ip ip_of(const char *text)
{
    struct flare_ip ip = {.family = FLARE_IP_NONE};
    struct flare_error err = {.code = 0};
    int rc = parse(&ip, text, strlen(text), &err);

    ck_assert_msg(rc == 0, "%s: %s", text, err.text);
    return ip;
}

/* Text */

static const struct {
    const char *text;
    const char *canonical; /* NULL: the same */
} good[] = {
    {"0.0.0.0", NULL},
    {"127.0.0.1", NULL},
    {"255.255.255.255", NULL},
    {"192.0.2.10", NULL},
    {"::", NULL},
    {"::1", NULL},
    {"1::", NULL},
    {"2001:db8::1", NULL},
    {"1:2:3:4:5:6:7:8", NULL},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    {"fe80::1%2", NULL},
    {"fe80::%4294967295", NULL},
    {"febf::1%1", NULL},
    {"ff02::1%3", NULL},
    {"ff01::1%3", NULL},
    {"64:ff9b::c000:201", NULL},
    /* RFC 5952 */
    {"2001:0DB8::0001", "2001:db8::1"},               /* 4.1, 4.3 */
    {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        /* 4.2.1 */
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2 */
    {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  /* 4.2.2 */
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3 */
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3 */
    {"0:0:0:0:0:0:0:0", "::"},
    {"0:0:1:0:0:0:0:0", "0:0:1::"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
    {"::192.0.2.1", "::c000:201"},
    {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
    /* K12: one form of an address */
    {"::ffff:127.0.0.1", "127.0.0.1"},
    {"::ffff:7f00:1", "127.0.0.1"},
    {"::FFFF:7F00:0001", "127.0.0.1"},
    {"0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"},
};

START_TEST(test_K12_an_address_has_one_text)
{
    const char *want = good[_i].canonical ? good[_i].canonical : good[_i].text;
    struct flare_ip ip = ip_of(good[_i].text);
    struct flare_ip again;
    char text[FLARE_IP_TEXT_MAX];
    size_t len = flare_ip_format(&ip, text, sizeof(text));

    ck_assert_str_eq(text, want);
    ck_assert_uint_eq(len, strlen(want));
    again = ip_of(text);
    ck_assert(flare_ip_equal(&ip, &again));
    ck_assert_int_eq(ip.family, strchr(want, ':') ? FLARE_IP_V6 : FLARE_IP_V4);
}
END_TEST

static const struct {
    const char *text;
    size_t len;
    const char *why;
} bad[] = {
    {BYTES(""), "not an IPv4 or IPv6"},
    {BYTES("localhost"), "names are not resolved"},
    {BYTES("0x7f.1"), "not an IPv4"},
    {BYTES("0x7f.0.0.1"), "not an IPv4"},
    {BYTES("2130706433"), "not an IPv4"},
    {BYTES("127.1"), "not an IPv4"},
    {BYTES("127.0.1"), "not an IPv4"},
    {BYTES("0177.0.0.1"), "not an IPv4"},
    {BYTES("127.0.0.01"), "not an IPv4"},
    {BYTES("00.0.0.0"), "not an IPv4"},
    {BYTES("127.0.0.256"), "not an IPv4"},
    {BYTES("127.0.0.1000"), "not an IPv4"},
    {BYTES("127.0.0.4294967297"), "not an IPv4"},
    {BYTES("127.0.0."), "not an IPv4"},
    {BYTES(".127.0.0.1"), "not an IPv4"},
    {BYTES("127..0.1"), "not an IPv4"},
    {BYTES("127.0.0.1."), "not an IPv4"},
    {BYTES("127.0.0.1.1"), "not an IPv4"},
    {BYTES("127.0.0.-1"), "not an IPv4"},
    {BYTES("127.0.0.+1"), "not an IPv4"},
    {BYTES(" 127.0.0.1"), "not an IPv4"},
    {BYTES("127.0.0.1 "), "not an IPv4"},
    {BYTES("127.0.0.1\n"), "not an IPv4"},
    {BYTES("127.0.0.1\r"), "not an IPv4"},
    {BYTES("127.0.0.1\0"), "not an IPv4"},
    {BYTES("127.0.0.1\0.evil"), "not an IPv4"},
    {BYTES("a@127.0.0.1"), "not an IPv4"},
    {BYTES("127.0.0.1/8"), "not an IPv4"},
    {BYTES("\xd9\xa1.0.0.1"), "not an IPv4"}, /* an Arabic digit */
    {BYTES("127.0.0.1:80"), "not an IPv6"},
    {BYTES("127.0.0.1%1"), "only a link-local"},
    {BYTES(":"), "not an IPv6"},
    {BYTES(":::"), "not an IPv6"},
    {BYTES("::::"), "not an IPv6"},
    {BYTES(":1"), "not an IPv6"},
    {BYTES("1:"), "not an IPv6"},
    {BYTES("1:2"), "not an IPv6"},
    {BYTES("1::2::3"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:"), "not an IPv6"},
    {BYTES(":1:2:3:4:5:6:7:8"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:8:"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:8:9"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:8::"), "not an IPv6"},
    {BYTES("::1:2:3:4:5:6:7:8"), "not an IPv6"},
    {BYTES("1::2:3:4:5:6:7:8"), "not an IPv6"},
    {BYTES("::12345"), "not an IPv6"},
    {BYTES("::00001"), "not an IPv6"},
    {BYTES("::g"), "not an IPv6"},
    {BYTES("::1.2.3"), "not an IPv6"},
    {BYTES("::1.2.3.4.5"), "not an IPv6"},
    {BYTES("::1.2.3.4:5"), "not an IPv6"},
    {BYTES("::1.2.3.04"), "not an IPv6"},
    {BYTES("1.2.3.4::"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:1.2.3.4"), "not an IPv6"},
    {BYTES("1:2:3:4:5:6:7:8:1.2.3.4"), "not an IPv6"},
    {BYTES("::0x1"), "not an IPv6"},
    {BYTES("::1\0"), "not an IPv6"},
    {BYTES("::1 "), "not an IPv6"},
    {BYTES("::1/128"), "not an IPv6"},
    {BYTES("[::1]"), "without brackets"},
    {BYTES("%1"), "not an IPv4"},
    {BYTES("fe80::1%"), "a zone is"},
    {BYTES("fe80::1%0"), "a zone is"},
    {BYTES("fe80::1%01"), "a zone is"},
    {BYTES("fe80::1%eth0"), "a zone is"},
    {BYTES("fe80::1%4294967296"), "a zone is"},
    {BYTES("fe80::1%99999999999"), "a zone is"},
    {BYTES("fe80::1%1%1"), "a zone is"},
    {BYTES("fe80::1%1\0"), "a zone is"},
    {BYTES("fe80::1%251"), NULL}, /* 251, not an escaped 1 */
    /* elsewhere a zone would make two addresses of one */
    {BYTES("::1%1"), "only a link-local"},
    {BYTES("2001:db8::1%1"), "only a link-local"},
    {BYTES("fec0::1%1"), "only a link-local"},
    {BYTES("ff0e::1%1"), "only a link-local"},
    {BYTES("::ffff:169.254.0.1%1"), "only a link-local"},
};

START_TEST(test_D02_all_else_is_refused_with_a_sentence)
{
    struct flare_error err = {.code = 0};
    struct flare_ip ip;
    struct flare_ip before;
    int rc;

    memset(&ip, 0x5a, sizeof(ip));
    before = ip;
    rc = parse(&ip, bad[_i].text, bad[_i].len, &err);
    if (bad[_i].why == NULL) {
        ck_assert_int_eq(rc, 0);
        return;
    }
    ck_assert_msg(rc == FLARE_E_BAD_ADDRESS, "row %d '%s': %d", _i,
                  bad[_i].text, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "'%s': %s",
                  bad[_i].text, err.text);
    ck_assert_mem_eq(&ip, &before, sizeof(ip));
    ck_assert_int_eq(parse(&ip, bad[_i].text, bad[_i].len, NULL), rc);
}
END_TEST

/* What the C library says, where it is as strict: it takes no zone. */
static void compare_with_libc(const char *text, size_t len)
{
    char copy[128];
    uint8_t bytes[16];
    struct flare_ip ip;
    struct flare_ip theirs = {.family = FLARE_IP_NONE};
    bool is_theirs;

    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strlen(copy) != len) /* inet_pton stops at a NUL */
        theirs.family = FLARE_IP_NONE;
    else if (inet_pton(AF_INET, copy, bytes) == 1)
        theirs = flare_ip_v4(bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        theirs = flare_ip_v6(bytes, 0);
    is_theirs = theirs.family != FLARE_IP_NONE;
    ck_assert_msg((parse(&ip, text, len, NULL) == 0) == is_theirs, "'%s'",
                  copy);
    ck_assert_msg(!is_theirs || flare_ip_equal(&ip, &theirs), "'%s'", copy);
}

START_TEST(test_rows_and_their_mutations_are_the_c_librarys)
{
    static const char with[] = "0159aAfFgG:.%x/[ -\n";
    char text[128];
    size_t len = strlen(good[_i].text);

    if (strchr(good[_i].text, '%') != NULL)
        return;
    memcpy(text, good[_i].text, len);
    for (size_t cut = 0; cut <= len; cut++)
        compare_with_libc(text, cut);
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < sizeof(with); i++) { /* its NUL too */
            memcpy(text, good[_i].text, len);
            text[at] = with[i];
            if (with[i] != '%')
                compare_with_libc(text, len);
            memcpy(text, good[_i].text, at);
            memcpy(text + at + 1, good[_i].text + at, len - at);
            text[at] = with[i];
            if (with[i] != '%')
                compare_with_libc(text, len + 1);
        }
        memcpy(text, good[_i].text, at);
        memcpy(text + at, good[_i].text + at + 1, len - at - 1);
        compare_with_libc(text, len - 1);
    }
}
END_TEST

/* Every string over a small alphabet, of up to seven bytes. */
START_TEST(test_short_texts_are_the_c_librarys)
{
    static const char letters[] = "01f:.";
    char text[8];
    unsigned count = 1;

    for (size_t len = 0; len <= 7; len++, count *= 5) {
        for (unsigned n = 0; n < count; n++) {
            unsigned rest = n;

            for (size_t i = 0; i < len; i++, rest /= 5)
                text[i] = letters[rest % 5];
            compare_with_libc(text, len);
        }
    }
}
END_TEST

static void format_with_run(char *out, const uint8_t bytes[16], int run,
                            int len)
{
    size_t at = 0;

    for (int i = 0; i < 8; i++) {
        bool is_after_run = len > 0 && i == run + len;

        if (len > 0 && i == run) {
            at += (size_t)snprintf(out + at, 3, "::");
            i += len - 1;
            continue;
        }
        at += (size_t)snprintf(out + at, 7, "%s%x",
                               i > 0 && !is_after_run ? ":" : "",
                               bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
}

/* RFC 5952 by trying every run, the longest first. */
static void format_slowly(char *out, const uint8_t bytes[16])
{
    for (int len = 8; len >= 2; len--) {
        for (int run = 0; run + len <= 8; run++) {
            int zeros = 0;

            for (int i = 2 * run; i < 2 * (run + len); i++)
                zeros += bytes[i] == 0;
            if (zeros == 2 * len) {
                format_with_run(out, bytes, run, len);
                return;
            }
        }
    }
    format_with_run(out, bytes, 0, 0);
}

START_TEST(test_every_pattern_of_zero_groups_is_written_as_rfc_5952_has_it)
{
    static const uint16_t values[] = {1, 0x20, 0xabcd};

    for (unsigned pattern = 0; pattern < 256 * 3; pattern++) {
        uint8_t bytes[16] = {0};
        char want[64];
        char text[FLARE_IP_TEXT_MAX];
        struct flare_ip ip;
        struct flare_ip again;

        for (unsigned i = 0; i < 8; i++) {
            unsigned value = pattern >> i & 1 ? values[pattern / 256] : 0;

            bytes[2 * i] = (uint8_t)(value >> 8);
            bytes[2 * i + 1] = (uint8_t)value;
        }
        ip = flare_ip_v6(bytes, 0);
        format_slowly(want, bytes);
        flare_ip_format(&ip, text, sizeof(text));
        ck_assert_str_eq(text, want);
        again = ip_of(text);
        ck_assert(flare_ip_equal(&ip, &again));
    }
}
END_TEST

START_TEST(test_format_cuts_at_every_size)
{
    struct flare_ip ip =
        ip_of("fe80:1111:2222:3333:4444:5555:6666:7777%4294967295");
    struct flare_ip none = {.family = FLARE_IP_NONE};
    char whole[FLARE_IP_TEXT_MAX];
    size_t len = flare_ip_format(&ip, whole, sizeof(whole));

    for (size_t size = 1; size <= len + 1; size++) {
        char *out = guard_last(&memory, size);

        ck_assert_uint_eq(flare_ip_format(&ip, out, size), size - 1);
        ck_assert_uint_eq(strlen(out), size - 1);
        ck_assert_mem_eq(out, whole, size - 1);
    }
    ck_assert_uint_eq(flare_ip_format(&none, whole, sizeof(whole)), 1);
    ck_assert_str_eq(whole, "?");
}
END_TEST

START_TEST(test_K12_made_from_bytes_is_canonical_too)
{
    const uint8_t v4[4] = {127, 0, 0, 1};
    const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    const uint8_t global[16] = {0x20, 0x01, 0x48, 0x60};
    const uint8_t local[16] = {0xfe, 0x80, [15] = 1};
    struct flare_ip a = flare_ip_v4(v4);
    struct flare_ip b = flare_ip_v6(mapped, 7);
    struct flare_ip c = ip_of("127.0.0.1");

    ck_assert(flare_ip_equal(&a, &b));
    ck_assert(flare_ip_equal(&a, &c));
    ck_assert_int_eq(b.family, FLARE_IP_V4);
    ck_assert_uint_eq(flare_ip_v6(global, 7).zone, 0);
    ck_assert_uint_eq(flare_ip_v6(local, 7).zone, 7);
    a = flare_ip_v6(local, 7);
    b = flare_ip_v6(local, 8);
    ck_assert(!flare_ip_equal(&a, &b));
}
END_TEST

/* Classes */

static const struct {
    const char *first;
    const char *last;
    enum flare_ip_class class_;
} classes[] = {
    {"0.0.0.0", "0.0.0.0", FLARE_IP_UNSPECIFIED},
    {"0.0.0.1", "0.255.255.255", FLARE_IP_RESERVED},
    {"1.0.0.0", "9.255.255.255", FLARE_IP_GLOBAL},
    {"10.0.0.0", "10.255.255.255", FLARE_IP_PRIVATE},
    {"11.0.0.0", "100.63.255.255", FLARE_IP_GLOBAL},
    {"100.64.0.0", "100.127.255.255", FLARE_IP_RESERVED},
    {"100.128.0.0", "126.255.255.255", FLARE_IP_GLOBAL},
    {"127.0.0.0", "127.255.255.255", FLARE_IP_LOOPBACK},
    {"128.0.0.0", "169.253.255.255", FLARE_IP_GLOBAL},
    {"169.254.0.0", "169.254.255.255", FLARE_IP_LINK_LOCAL},
    {"169.255.0.0", "172.15.255.255", FLARE_IP_GLOBAL},
    {"172.16.0.0", "172.31.255.255", FLARE_IP_PRIVATE},
    {"172.32.0.0", "191.255.255.255", FLARE_IP_GLOBAL},
    {"192.0.0.0", "192.0.0.255", FLARE_IP_RESERVED},
    {"192.0.1.0", "192.0.1.255", FLARE_IP_GLOBAL},
    {"192.0.2.0", "192.0.2.255", FLARE_IP_DOCUMENTATION},
    {"192.88.99.0", "192.88.99.255", FLARE_IP_RESERVED},
    {"192.167.255.255", "192.167.255.255", FLARE_IP_GLOBAL},
    {"192.168.0.0", "192.168.255.255", FLARE_IP_PRIVATE},
    {"198.17.255.255", "198.17.255.255", FLARE_IP_GLOBAL},
    {"198.18.0.0", "198.19.255.255", FLARE_IP_RESERVED},
    {"198.51.100.0", "198.51.100.255", FLARE_IP_DOCUMENTATION},
    {"203.0.113.0", "203.0.113.255", FLARE_IP_DOCUMENTATION},
    {"203.0.114.0", "223.255.255.255", FLARE_IP_GLOBAL},
    {"224.0.0.0", "239.255.255.255", FLARE_IP_MULTICAST},
    {"240.0.0.0", "255.255.255.255", FLARE_IP_RESERVED},
    {"::", "::", FLARE_IP_UNSPECIFIED},
    {"::1", "::1", FLARE_IP_LOOPBACK},
    {"::2", "::fffe:ffff:ffff", FLARE_IP_RESERVED}, /* ::127.0.0.1 too */
    {"::ffff:0.0.0.0", "::ffff:0.0.0.0", FLARE_IP_UNSPECIFIED},
    {"::ffff:127.0.0.1", "::ffff:127.255.255.255", FLARE_IP_LOOPBACK},
    {"::ffff:10.0.0.0", "::ffff:a00:1", FLARE_IP_PRIVATE},
    {"::ffff:8.8.8.8", "::ffff:808:808", FLARE_IP_GLOBAL},
    {"64:ff9b::8.8.8.8", "64:ff9b::8.8.8.8", FLARE_IP_GLOBAL},
    {"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", FLARE_IP_RESERVED},
    {"64:ff9b:1::1", "64:ff9b:1:ffff::", FLARE_IP_RESERVED},
    {"100::", "100::1", FLARE_IP_RESERVED},
    {"2000::", "2000:ffff::", FLARE_IP_GLOBAL},
    {"2001::", "2001:1ff:ffff::", FLARE_IP_RESERVED},
    {"2001:200::", "2001:db7:ffff::", FLARE_IP_GLOBAL},
    {"2001:db8::", "2001:db8:ffff::", FLARE_IP_DOCUMENTATION},
    {"2001:db9::", "2001:ffff::", FLARE_IP_GLOBAL},
    {"2002:808:808::1", "2002:808:808:ffff::", FLARE_IP_GLOBAL},
    {"2002:7f00:1::", "2002:a00:1::1", FLARE_IP_RESERVED},
    {"2003::", "3ffe:ffff::", FLARE_IP_GLOBAL},
    {"3fff::", "3fff:fff:ffff::", FLARE_IP_DOCUMENTATION},
    {"3fff:1000::", "3fff:ffff::", FLARE_IP_GLOBAL},
    {"4000::", "fbff:ffff::", FLARE_IP_RESERVED},
    {"fc00::", "fdff:ffff::", FLARE_IP_PRIVATE},
    {"fe00::", "fe7f:ffff::", FLARE_IP_RESERVED},
    {"fe80::%1", "febf:ffff::1", FLARE_IP_LINK_LOCAL},
    {"fec0::", "feff:ffff::", FLARE_IP_RESERVED},
    {"ff00::", "ffff:ffff::", FLARE_IP_MULTICAST},
};

START_TEST(test_D02_classes_begin_and_end_where_the_registries_say)
{
    struct flare_ip ends[] = {ip_of(classes[_i].first),
                              ip_of(classes[_i].last)};
    enum flare_ip_class want = classes[_i].class_;

    for (int i = 0; i < 2; i++) {
        ck_assert_msg(flare_ip_class(&ends[i]) == want, "%s-%s: %s",
                      classes[_i].first, classes[_i].last,
                      flare_ip_class_name(flare_ip_class(&ends[i])));
        ck_assert_int_eq(flare_ip_is_loopback(&ends[i]),
                         want == FLARE_IP_LOOPBACK);
        ck_assert_int_eq(flare_ip_is_private(&ends[i]),
                         want == FLARE_IP_PRIVATE);
        ck_assert_int_eq(flare_ip_is_global(&ends[i]), want == FLARE_IP_GLOBAL);
    }
}
END_TEST

START_TEST(test_classes_have_names_and_no_address_is_unspecified)
{
    struct flare_ip none = {.family = FLARE_IP_NONE};

    ck_assert_str_eq(flare_ip_class_name(FLARE_IP_UNSPECIFIED), "unspecified");
    ck_assert_str_eq(flare_ip_class_name(FLARE_IP_LINK_LOCAL), "link-local");
    ck_assert_str_eq(flare_ip_class_name(FLARE_IP_GLOBAL), "global");
    ck_assert_str_eq(flare_ip_class_name((enum flare_ip_class)99), "unknown");
    ck_assert_int_eq(flare_ip_class(&none), FLARE_IP_UNSPECIFIED);
    ck_assert(!flare_ip_is_global(&none));
}
END_TEST

/* Networks */

static const struct {
    const char *text;
    const char *canonical; /* NULL: the same */
} nets[] = {
    {"10.0.0.0/8", NULL},
    {"0.0.0.0/0", NULL},
    {"192.0.2.1/32", NULL},
    {"192.0.2.1", "192.0.2.1/32"},
    {"192.0.2.0/23", NULL},
    {"::/0", NULL},
    {"::1/128", NULL},
    {"::1", "::1/128"},
    {"2001:db8::/32", NULL},
    {"2001:DB8:8000::/33", "2001:db8:8000::/33"},
    {"fe80::/10", NULL},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
    {"::ffff:0:0/96", "0.0.0.0/0"},
    {"::ffff:10.0.0.1", "10.0.0.1/32"},
};

START_TEST(test_networks_are_read_and_written_alike)
{
    const char *want = nets[_i].canonical ? nets[_i].canonical : nets[_i].text;
    struct flare_ip_net net;
    struct flare_ip_net again;
    struct flare_error err = {.code = 0};
    char text[FLARE_IP_TEXT_MAX];
    int rc = flare_ip_net_parse(&net, flare_str(nets[_i].text), &err);

    ck_assert_msg(rc == 0, "%s: %s", nets[_i].text, err.text);
    ck_assert_uint_eq(flare_ip_net_format(&net, text, sizeof(text)),
                      strlen(want));
    ck_assert_str_eq(text, want);
    ck_assert_int_eq(flare_ip_net_parse(&again, flare_str(text), NULL), 0);
    ck_assert(flare_ip_equal(&net.base, &again.base));
    ck_assert_uint_eq(net.prefix, again.prefix);
}
END_TEST

static const struct {
    const char *text;
    size_t len;
    const char *why;
} bad_nets[] = {
    {BYTES(""), "not an IPv4"},
    {BYTES("/"), "not an IPv4"},
    {BYTES("/8"), "not an IPv4"},
    {BYTES("10/8"), "not an IPv4"},
    {BYTES("10.0.0.0/"), "number of bits"},
    {BYTES("10.0.0.0/33"), "number of bits"},
    {BYTES("10.0.0.0/08"), "number of bits"},
    {BYTES("10.0.0.0/-8"), "number of bits"},
    {BYTES("10.0.0.0/+8"), "number of bits"},
    {BYTES("10.0.0.0/ 8"), "number of bits"},
    {BYTES("10.0.0.0/8 "), "number of bits"},
    {BYTES("10.0.0.0/8/8"), "number of bits"},
    {BYTES("10.0.0.0/8\0"), "number of bits"},
    {BYTES("10.0.0.0/255.0.0.0"), "number of bits"},
    {BYTES("10.0.0.0/4294967304"), "number of bits"},
    {BYTES("::/129"), "number of bits"},
    {BYTES("10.0.0.1/8"), "bits after the prefix"},
    {BYTES("10.0.0.0/6"), "bits after the prefix"},
    {BYTES("0.0.0.1/0"), "bits after the prefix"},
    {BYTES("2001:db8::1/64"), "bits after the prefix"},
    {BYTES("2001:db8:8000::/32"), "bits after the prefix"},
    {BYTES("::ffff:0:0/95"), "bits after the prefix"},
    {BYTES("::ffff:10.0.0.0/8"), "bits after the prefix"},
    {BYTES("::ffff:0.0.0.0/0"), "bits after the prefix"},
    {BYTES("fe80::1%1/128"), "no zone"},
    {BYTES("fe80::1%1"), "no zone"},
    {BYTES("[::]/0"), "without brackets"},
    {BYTES(" 10.0.0.0/8"), "not an IPv4"},
};

START_TEST(test_all_other_networks_are_refused_with_a_sentence)
{
    const struct flare_str text = {
        guard_put(&memory, bad_nets[_i].text, bad_nets[_i].len),
        bad_nets[_i].len};
    struct flare_error err = {.code = 0};
    struct flare_ip_net net;
    struct flare_ip_net before;
    int rc;

    memset(&net, 0x5a, sizeof(net));
    before = net;
    rc = flare_ip_net_parse(&net, text, &err);
    ck_assert_msg(rc == FLARE_E_BAD_ADDRESS, "row %d '%s': %d", _i,
                  bad_nets[_i].text, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.text, bad_nets[_i].why) != NULL, "'%s': %s",
                  bad_nets[_i].text, err.text);
    ck_assert_mem_eq(&net, &before, sizeof(net));
    ck_assert_int_eq(flare_ip_net_parse(&net, text, NULL), rc);
}
END_TEST

static const struct {
    const char *net;
    const char *ip;
    bool is_in;
} members[] = {
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "::ffff:10.1.2.3", true}, /* K12 */
    {"10.0.0.0/8", "::10.1.2.3", false},
    {"10.0.0.0/8", "a00::", false},
    {"::ffff:10.0.0.0/104", "10.1.2.3", true},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"::/0", "ffff::1", true},
    {"::/0", "10.0.0.1", false},
    {"::/0", "::ffff:10.0.0.1", false},
    {"127.0.0.1", "127.0.0.1", true},
    {"127.0.0.1", "::1", false},
    {"127.0.0.1", "127.0.0.2", false},
    {"192.0.2.0/25", "192.0.2.127", true},
    {"192.0.2.0/25", "192.0.2.128", false},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"fe80::/10", "fe80::1%3", true},
    {"::1/128", "::1", true},
    {"::1/128", "::2", false},
};

START_TEST(test_K12_membership_is_within_one_family)
{
    struct flare_ip_net net;
    struct flare_ip ip = ip_of(members[_i].ip);
    struct flare_ip none = {.family = FLARE_IP_NONE};
    int rc = flare_ip_net_parse(&net, flare_str(members[_i].net), NULL);

    ck_assert_int_eq(rc, 0);
    ck_assert_msg(flare_ip_net_contains(&net, &ip) == members[_i].is_in,
                  "%s in %s", members[_i].ip, members[_i].net);
    ck_assert(!flare_ip_net_contains(&net, &none));
}
END_TEST

/* Every prefix, and every bit flipped. */
START_TEST(test_a_network_ends_at_its_prefix)
{
    const uint8_t bytes[16] = {0xfd, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a,
                               0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a};
    struct flare_ip_net net = {.base = flare_ip_v6(bytes, 0)};

    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        net.prefix = (uint8_t)prefix;
        for (unsigned bit = 0; bit < 128; bit++) {
            struct flare_ip ip = net.base;

            ip.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            ck_assert_int_eq(flare_ip_net_contains(&net, &ip), bit >= prefix);
        }
    }
}
END_TEST

static TCase *case_text(void)
{
    TCase *tc = tcase_create("text");

    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_add_loop_test(tc, test_K12_an_address_has_one_text, 0, ROWS(good));
    tcase_add_loop_test(tc, test_D02_all_else_is_refused_with_a_sentence, 0,
                        ROWS(bad));
    tcase_add_loop_test(tc, test_rows_and_their_mutations_are_the_c_librarys, 0,
                        ROWS(good));
    tcase_add_test(tc, test_short_texts_are_the_c_librarys);
    tcase_add_test(
        tc, test_every_pattern_of_zero_groups_is_written_as_rfc_5952_has_it);
    tcase_add_test(tc, test_format_cuts_at_every_size);
    tcase_add_test(tc, test_K12_made_from_bytes_is_canonical_too);
    return tc;
}

static TCase *case_classes(void)
{
    TCase *tc = tcase_create("classes");

    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_add_loop_test(tc,
                        test_D02_classes_begin_and_end_where_the_registries_say,
                        0, ROWS(classes));
    tcase_add_test(tc, test_classes_have_names_and_no_address_is_unspecified);
    return tc;
}

static TCase *case_nets(void)
{
    TCase *tc = tcase_create("networks");

    tcase_add_checked_fixture(tc, memory_open, memory_close);
    tcase_add_loop_test(tc, test_networks_are_read_and_written_alike, 0,
                        ROWS(nets));
    tcase_add_loop_test(tc, test_all_other_networks_are_refused_with_a_sentence,
                        0, ROWS(bad_nets));
    tcase_add_loop_test(tc, test_K12_membership_is_within_one_family, 0,
                        ROWS(members));
    tcase_add_test(tc, test_a_network_ends_at_its_prefix);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("net/ip");

    suite_add_tcase(suite, case_text());
    suite_add_tcase(suite, case_classes());
    suite_add_tcase(suite, case_nets());
    return test_run(suite);
}
