/* SPDX-License-Identifier: MIT */
/* The networks of trusted proxies: what the words mean, and who is in them. */
#include "http/trust.h"

#include "tests/support/test.h"

#include <string.h>

static const struct {
    const char *text;
    const char *culprit; /* NULL: it is right */
    uint32_t nets;
    bool has_unix;
} texts[] = {
    {"10.0.0.0/8", NULL, 1, false},
    {"10.0.0.0/8,::1", NULL, 2, false},
    {"  10.0.0.0/8 ,  ::1  ", NULL, 2, false},
    {"unix", NULL, 0, true},
    {"unix, 127.0.0.1, unix", NULL, 1, true},
    {"2001:db8::/32", NULL, 1, false},
    {"", "trusted: ", 0, false},
    {" ", "trusted: ", 0, false},
    {"10.0.0.0/8,", "trusted: ", 0, false},
    {",10.0.0.0/8", "trusted: ", 0, false},
    {"10.0.0.0/8 ::1", "trusted: ", 0, false},
    {"10.0.0.0/33", "trusted: ", 0, false},
    {"10.0.0.0/-1", "trusted: ", 0, false},
    {"::/129", "trusted: ", 0, false},
    {"localhost", "trusted: ", 0, false},
    {"UNIX", "trusted: ", 0, false},
    {"unix:/run/x", "trusted: ", 0, false},
    {"\t::1", "trusted: ", 0, false},
};

START_TEST(test_trust_words_are_networks_or_mistakes)
{
    struct flare__trust trust;
    struct flare_error err = {0};
    int rc = flare__trust_parse(&trust, texts[_i].text, &err);

    if (texts[_i].culprit == NULL) {
        ck_assert_msg(rc == 0, "\"%s\": %s", texts[_i].text, err.text);
        ck_assert(trust.is_given);
        ck_assert_uint_eq(trust.net_count, texts[_i].nets);
        ck_assert(trust.has_unix == texts[_i].has_unix);
        return;
    }
    ck_assert_msg(rc == FLARE_E_BAD_CONFIG, "\"%s\": %d", texts[_i].text, rc);
    ck_assert_msg(strstr(err.text, texts[_i].culprit) != NULL, "\"%s\"",
                  err.text);
    ck_assert_int_eq(flare__trust_parse(&trust, texts[_i].text, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

START_TEST(test_trust_has_a_bound)
{
    struct flare__trust trust;
    struct flare_error err;
    char text[FLARE__TRUST_NETS_MAX * 4 + 16];
    size_t len = 0;

    for (int i = 0; i < FLARE__TRUST_NETS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s::1",
                                i > 0 ? "," : "");
    ck_assert_int_eq(flare__trust_parse(&trust, text, NULL), 0);
    ck_assert_uint_eq(trust.net_count, FLARE__TRUST_NETS_MAX);
    (void)snprintf(text + len, sizeof(text) - len, ",unix");
    ck_assert_int_eq(flare__trust_parse(&trust, text, NULL), 0);
    (void)snprintf(text + len, sizeof(text) - len, ",::1");
    ck_assert_int_eq(flare__trust_parse(&trust, text, &err),
                     FLARE_E_BAD_CONFIG);
    ck_assert_str_eq(err.text, "trusted has more than 64 networks");
}
END_TEST

static const struct {
    const char *text; /* NULL: nobody */
    const char *ip;   /* NULL: an address without one, of `kind` */
    enum flare_addr_kind kind;
    bool is_in;
} members[] = {
    {NULL, "127.0.0.1", FLARE_ADDR_IP, false},
    {NULL, NULL, FLARE_ADDR_UNIX, false},
    {"10.0.0.0/8", "10.255.0.1", FLARE_ADDR_IP, true},
    {"10.0.0.0/8", "11.0.0.1", FLARE_ADDR_IP, false},
    {"10.0.0.0/8", "::ffff:10.0.0.1", FLARE_ADDR_IP, true},
    {"10.0.0.0/8", "::1", FLARE_ADDR_IP, false},
    {"10.0.0.0/8, ::1", "::1", FLARE_ADDR_IP, true},
    {"0.0.0.0/0", "::1", FLARE_ADDR_IP, false},
    {"0.0.0.0/0", NULL, FLARE_ADDR_UNIX, false},
    {"0.0.0.0/0, ::/0", NULL, FLARE_ADDR_NONE, false},
    {"unix", NULL, FLARE_ADDR_NONE, false},
    {"unix", NULL, FLARE_ADDR_UNIX, true},
    {"unix", NULL, FLARE_ADDR_ABSTRACT, true},
    {"unix", "127.0.0.1", FLARE_ADDR_IP, false},
};

START_TEST(test_trust_is_in_the_networks_and_nowhere_else)
{
    struct flare__trust trust;
    struct flare_addr addr = {.kind = members[_i].kind};

    ck_assert_int_eq(flare__trust_parse(&trust, members[_i].text, NULL), 0);
    ck_assert(trust.is_given == (members[_i].text != NULL));
    if (members[_i].ip != NULL)
        ck_assert_int_eq(
            flare_ip_parse(&addr.ip, flare_str(members[_i].ip), NULL), 0);
    ck_assert_msg(flare__trust_has(&trust, &addr) == members[_i].is_in,
                  "row %d", _i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/trust");
    TCase *tc = tcase_create("trust");

    tcase_add_loop_test(tc, test_trust_words_are_networks_or_mistakes, 0,
                        ROWS(texts));
    tcase_add_test(tc, test_trust_has_a_bound);
    tcase_add_loop_test(tc, test_trust_is_in_the_networks_and_nowhere_else, 0,
                        ROWS(members));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
