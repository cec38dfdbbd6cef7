/* SPDX-License-Identifier: MIT */
/* Which hosts may be looked up: by table, by an oracle, and by libc. */
#include "dns/host.h"

#include "tests/support/dns_host_oracle.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <string.h>

#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"
#define A253 A63 "." A63 "." A63 "." A10 A10 A10 A10 A10 A10 "a"

#define BYTES(literal)                                                         \
    {                                                                          \
        "" literal, sizeof(literal) - 1                                        \
    }

/* FAILURES D01, and what may be. */
static const struct {
    const char *name;
    struct flare_str host;
    bool is_good;
} name_rows[] = {
    {"a name", BYTES("example.com"), true},
    {"one label", BYTES("localhost"), true},
    {"capitals", BYTES("EXAMPLE.Com"), true},
    {"a dot at the end", BYTES("example.com."), true},
    {"an underscore", BYTES("_sip._tcp.my_host"), true},
    {"hyphens", BYTES("xn--bcher-kva.a-.b--c"), true},
    {"digits first", BYTES("3com.1a"), true},
    {"a number not last", BYTES("1.2.3.example"), true},
    {"hex without 0x", BYTES("x.7f"), true},
    {"like a number", BYTES("1e3"), true},
    {"0x and no digit of 16", BYTES("x.0xg"), true},
    {"63 bytes of a label", BYTES(A63 ".x"), true},
    {"253 bytes", BYTES(A253), true},
    {"253 bytes and a dot", BYTES(A253 "."), true},

    {"nothing", BYTES(""), false},
    {"a dot", BYTES("."), false},
    {"two dots", BYTES(".."), false},
    {"a dot in front", BYTES(".example.com"), false},
    {"an empty label", BYTES("a..b"), false},
    {"two dots at the end", BYTES("a.."), false},
    {"64 bytes of a label", BYTES(A63 "a.x"), false},
    {"64 bytes of the last", BYTES("x." A63 "a"), false},
    {"254 bytes", BYTES(A253 "a"), false},
    {"254 bytes and a dot", BYTES(A253 "a."), false},
    {"a NUL inside", BYTES("good.com\0.evil.com"), false},
    {"a NUL in front", BYTES("\0good.com"), false},
    {"a NUL at the end", BYTES("good.com\0"), false},
    {"CR LF", BYTES("a.com\r\nHost: b"), false},
    {"LF at the end", BYTES("a.com\n"), false},
    {"CR at the end", BYTES("a.com\r"), false},
    {"a tab", BYTES("a.com\t"), false},
    {"DEL", BYTES("a\177.com"), false},
    {"a space", BYTES("a b.com"), false},
    {"a space in front", BYTES(" a.com"), false},
    {"@", BYTES("user@a.com"), false},
    {"/", BYTES("a.com/b"), false},
    {"backslash", BYTES("a.com\\b"), false},
    {"%", BYTES("a%2ecom"), false},
    {":", BYTES("a.com:80"), false},
    {"?", BYTES("a.com?b"), false},
    {"#", BYTES("a.com#b"), false},
    {"!", BYTES("a!b"), false},
    {"*", BYTES("*.a.com"), false},
    {"$", BYTES("$(id).com"), false},
    {"`", BYTES("`id`.com"), false},
    {"quotes", BYTES("'a'.\"b\""), false},
    {";", BYTES("a;b"), false},
    {"UTF-8", BYTES("b\303\274cher.de"), false},
    {"a full-width dot", BYTES("a\357\274\216com"), false},
    {"a byte of 255", BYTES("a\377"), false},
    {"like an option", BYTES("-oProxyCommand.com"), false},
    {"brackets", BYTES("[a.com]"), false},
    {"empty brackets", BYTES("[]"), false},
};

START_TEST(test_host_D01_a_name_is_taken_or_refused_before_any_resolver)
{
    struct flare_str host = name_rows[_i].host;
    struct flare_error err = {.code = 1};
    struct flare_ip ip;
    struct guard g;
    int rc;

    guard_init(&g, 300);
    host.ptr = guard_put(&g, host.ptr, host.len);
    rc = flare_dns_host_check(host, &err);
    ck_assert_msg(rc == (name_rows[_i].is_good ? 0 : FLARE_E_BAD_HOSTNAME),
                  "%s: %d %s", name_rows[_i].name, rc, err.text);
    ck_assert_int_eq(flare_dns_host_check(host, NULL), rc);
    ck_assert_int_eq(err.code, name_rows[_i].is_good ? 1 : rc);
    if (rc < 0) {
        ck_assert_int_eq(strncmp(err.text, "host '", 6), 0);
        for (const char *p = err.text; *p != '\0'; p++)
            ck_assert_msg(*p >= ' ' && *p <= '~', "%s", name_rows[_i].name);
    } else {
        ck_assert_int_eq(flare__dns_host_read(&ip, host, NULL),
                         FLARE__DNS_HOST_NAME);
    }
    guard_fini(&g);
}
END_TEST

/* What inet_aton, a browser or a shell takes for an address, and we do not. */
static const char *const odd_rows[] = {
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0x0.0x0.0x1",
    "0x",
    "a.0x",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.01",
    "127.0.0.1.",
    "127.1.",
    "2130706433.",
    "256.0.0.1",
    "1.2.3.4.5",
    "1.2.3",
    "0",
    "0.0",
    "00.0.0.0",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.1\n",
    "127.0.0.1%1",
    "127.0.0.1:80",
    "foo.1",
    "foo.0x7f",
    "foo.09",
    "+127.0.0.1",
    "[127.0.0.1]",
    "[::1",
    "::1]",
    "[[::1]]",
    "[::1]:80",
    "[::ffff:127.1]",
    "::ffff:0x7f.1",
    "::1%",
    "::1%1",
    "fe80::1%0",
    "fe80::1%eth0",
    "fe80::1%01",
    ":::",
    "1:2:3:4:5:6:7:8:9",
    "::ffff:127.0.0.256",
    "12345::",
};

START_TEST(test_host_D02_no_address_in_another_form_is_taken)
{
    struct flare_str host = flare_str(odd_rows[_i]);

    ck_assert_msg(flare_dns_host_check(host, NULL) == FLARE_E_BAD_HOSTNAME,
                  "%s", odd_rows[_i]);
}
END_TEST

static const struct {
    const char *host;
    const char *ip;
    enum flare_ip_class class_;
} address_rows[] = {
    {"127.0.0.1", "127.0.0.1", FLARE_IP_LOOPBACK},
    {"0.0.0.0", "0.0.0.0", FLARE_IP_UNSPECIFIED},
    {"::1", "::1", FLARE_IP_LOOPBACK},
    {"[::1]", "::1", FLARE_IP_LOOPBACK},
    {"[2001:4860:4860::8888]", "2001:4860:4860::8888", FLARE_IP_GLOBAL},
    {"::ffff:127.0.0.1", "127.0.0.1", FLARE_IP_LOOPBACK},
    {"[::ffff:7f00:1]", "127.0.0.1", FLARE_IP_LOOPBACK},
    {"::ffff:10.0.0.1", "10.0.0.1", FLARE_IP_PRIVATE},
    {"fe80::1%2", "fe80::1%2", FLARE_IP_LINK_LOCAL},
    {"[fe80::1%2]", "fe80::1%2", FLARE_IP_LINK_LOCAL},
    {"8.8.8.8", "8.8.8.8", FLARE_IP_GLOBAL},
};

START_TEST(test_host_D02_an_address_is_read_and_its_class_told_in_any_disguise)
{
    struct flare_ip ip;
    char text[FLARE_IP_TEXT_MAX];

    ck_assert_int_eq(
        flare__dns_host_read(&ip, flare_str(address_rows[_i].host), NULL),
        FLARE__DNS_HOST_ADDRESS);
    flare_ip_format(&ip, text, sizeof(text));
    ck_assert_str_eq(text, address_rows[_i].ip);
    ck_assert_int_eq(flare_ip_class(&ip), address_rows[_i].class_);
    ck_assert_int_eq(
        flare_dns_host_check(flare_str(address_rows[_i].host), NULL), 0);
}
END_TEST

START_TEST(test_host_every_byte_is_judged_wherever_it_stands)
{
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            char host[] = "ab.cd.ef";
            struct flare_str text = {host, 8};
            int rc;

            host[at] = (char)byte;
            rc = flare_dns_host_check(text, NULL);
            ck_assert_msg((rc == 0) == (dns_host_oracle(text) != 'b'),
                          "byte %d at %zu", byte, at);
        }
    }
}
END_TEST

/* Words that matter in a host, in all orders. */
static const char *const words[] = {"a", "-", "0x", "1", "127", "ff", ".",
                                    ":", "[", "]",  "%", "09",  A63};

START_TEST(test_host_all_orders_of_words_are_judged_as_the_oracle_does)
{
    const size_t n = sizeof(words) / sizeof(words[0]);
    struct in_addr addr;
    int names = 0;

    for (size_t i = 0; i < n * n * n * n * n; i++) {
        char host[5 * 64];
        struct flare_str text = {host, 0};
        struct flare_ip ip;
        char kind;

        for (size_t j = 0, rest = i; j < 5; j++, rest /= n)
            text.len +=
                (size_t)snprintf(host + text.len, sizeof(host) - text.len, "%s",
                                 words[rest % n]);
        kind = "bna"[flare__dns_host_read(&ip, text, NULL)];
        if (kind == 'a' && strchr(host, '%') != NULL)
            continue; /* inet_pton knows no zones */
        ck_assert_msg(kind == dns_host_oracle(text), "%s: %c", host, kind);
        if (kind == 'n') {
            names++;
            ck_assert_msg(inet_aton(host, &addr) == 0, "%s", host);
        }
    }
    ck_assert_int_gt(names, 1000);
}
END_TEST

START_TEST(test_host_a_long_host_is_cut_in_the_sentence)
{
    char host[1000];
    struct flare_error err;

    memset(host, '\n', sizeof(host));
    ck_assert_int_eq(
        flare_dns_host_check((struct flare_str){host, sizeof(host)}, &err),
        FLARE_E_BAD_HOSTNAME);
    ck_assert_ptr_nonnull(strstr(err.text, "longer than 253"));
    ck_assert_int_eq(flare_dns_host_check((struct flare_str){NULL, 0}, &err),
                     FLARE_E_BAD_HOSTNAME);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dns/host");
    TCase *tc = tcase_create("host");

    tcase_add_loop_test(
        tc, test_host_D01_a_name_is_taken_or_refused_before_any_resolver, 0,
        ROWS(name_rows));
    tcase_add_loop_test(tc, test_host_D02_no_address_in_another_form_is_taken,
                        0, ROWS(odd_rows));
    tcase_add_loop_test(
        tc, test_host_D02_an_address_is_read_and_its_class_told_in_any_disguise,
        0, ROWS(address_rows));
    tcase_add_test(tc, test_host_every_byte_is_judged_wherever_it_stands);
    tcase_add_test(tc,
                   test_host_all_orders_of_words_are_judged_as_the_oracle_does);
    tcase_add_test(tc, test_host_a_long_host_is_cut_in_the_sentence);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
