/* SPDX-License-Identifier: MIT */
/* Host grammar against rows, and against the C library's address parsers. */
#include "http/host.h"
#include "tests/support/guard.h"
#include "tests/support/host_oracle.h"
#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *host;
    bool is_valid;
} rows[] = {
    {"a", true},
    {"a.example", true},
    {"a.example.", true},
    {"A-b_c~1", true},
    {"127.0.0.1", true},
    {"999.1.1.1", true}, /* a reg-name of the grammar */
    {"a:0", true},
    {"a:00080", true},
    {"a:65535", true},
    {"a%20b", true},
    {"[::]", true},
    {"[::1]:80", true},
    {"[1:2:3:4:5:6:7:8]", true},
    {"[1:2:3:4:5:6:7::]", true},
    {"[::2:3:4:5:6:7:8]", true},
    {"[1::8]", true},
    {"[::ffff:1.2.3.4]", true},
    {"[1:2:3:4:5:6:1.2.3.4]", true},
    {"[ABCD:ef01::]", true},
    {"", false},
    {":80", false},
    {"a:", false},
    {"a:65536", false},
    {"a:000080", false},
    {"a:8 ", false},
    {"a:-1", false},
    {"a:80:80", false},
    {"a b", false},
    {"a/b", false},
    {"a,b", false},
    {"a@b", false},
    {"a?b", false},
    {"a#b", false},
    {"a\\b", false},
    {"a%", false},
    {"a%2", false},
    {"a%2x", false},
    {"\xc3\xa9", false},
    {"[", false},
    {"[]", false},
    {"[::1", false},
    {"::1", false},
    {"[::1]x", false},
    {"[::1]:", false},
    {"[:::]", false},
    {"[1:2]", false},
    {"[1::2::3]", false},
    {"[1:2:3:4:5:6:7:8:9]", false},
    {"[1:2:3:4::5:6:7:8]", false},
    {"[12345::]", false},
    {"[:1:2:3:4:5:6:7]", false},
    {"[1:2:3:4:5:6:7:]", false},
    {"[::1%eth0]", false},
    {"[::1%25eth0]", false},
    {"[v1.x]", false},
    {"[::1.2.3]", false},
    {"[::1.2.3.4.5]", false},
    {"[::1.2.3.256]", false},
    {"[::1.2.3.04]", false},
    {"[::1.2.3.4:5]", false},
    {"[1:2:3:4:5:6:7:1.2.3.4]", false},
};

static bool is_valid(const struct guard *g, const char *host,
                     enum flare__port_rule rule)
{
    size_t len = strlen(host);

    return flare__host_is_valid(
        (struct flare_str){guard_put(g, host, len), len}, rule);
}

START_TEST(test_host_rows)
{
    struct guard g;

    guard_init(&g, 4096);
    for (int i = 0; i < ROWS(rows); i++) {
        ck_assert_msg(is_valid(&g, rows[i].host, FLARE__PORT_MAY_BE) ==
                          rows[i].is_valid,
                      "%s", rows[i].host);
        ck_assert_msg(host_oracle(rows[i].host, false) == rows[i].is_valid,
                      "the oracle: %s", rows[i].host);
    }
    guard_fini(&g);
}
END_TEST

START_TEST(test_host_without_port_fails_where_one_must_be)
{
    struct guard g;

    guard_init(&g, 4096);
    ck_assert(!is_valid(&g, "a", FLARE__PORT_MUST_BE));
    ck_assert(!is_valid(&g, "[::1]", FLARE__PORT_MUST_BE));
    ck_assert(is_valid(&g, "[::1]:1", FLARE__PORT_MUST_BE));
    guard_fini(&g);
}
END_TEST

/* The same sequence on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

START_TEST(test_host_agrees_with_the_oracle_on_random_addresses)
{
    static const char letters[] = "::::..1209fF[]a%g, ";
    uint32_t state = 1;
    struct guard g;
    char host[24];

    guard_init(&g, 4096);
    for (int i = 0; i < 300000; i++) {
        size_t len = 1 + next_random(&state) % (sizeof(host) - 3);

        for (size_t at = 0; at < len; at++)
            host[at] = letters[next_random(&state) % (sizeof(letters) - 1)];
        if (i % 2 == 0) { /* most of these are near an address */
            host[0] = '[';
            host[len] = ']';
            len++;
        }
        host[len] = '\0';
        if (is_valid(&g, host, FLARE__PORT_MAY_BE) != host_oracle(host, false))
            ck_abort_msg("%s", host);
    }
    guard_fini(&g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/host");
    TCase *tc = tcase_create("host");

    tcase_add_test(tc, test_host_rows);
    tcase_add_test(tc, test_host_without_port_fails_where_one_must_be);
    tcase_add_test(tc, test_host_agrees_with_the_oracle_on_random_addresses);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
