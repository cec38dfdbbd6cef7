/* SPDX-License-Identifier: MIT */
/* T05: the name in a client hello, before anybody believes it. */
#include "tls/hello.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <string.h>

#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"
#define A253 A63 "." A63 "." A63 "." A10 A10 A10 A10 A10 A10 "a"

static const struct {
    const char *name;
    struct flare_str asked;
    const char *read; /* NULL: faulty */
} names[] = {
    {"a name", {"a.test", 6}, "a.test"},
    {"capitals", {"A.TEST", 6}, "a.test"},
    {"a dot at the end", {"a.test.", 7}, "a.test"},
    {"253 bytes", {A253, 253}, A253},
    {"253 bytes and a dot", {A253 ".", 254}, A253},
    {"254 bytes", {A253 "a", 254}, NULL},
    {"an IPv4 address", {"192.0.2.1", 9}, ""},
    {"an IPv6 address", {"2001:db8::1", 11}, ""},
    {"a short address", {"127.1", 5}, NULL},
    {"nothing", {"", 0}, NULL},
    {"NUL", {"a.test\0b", 8}, NULL},
    {"a space", {"a .test", 7}, NULL},
    {"a path", {"../etc", 6}, NULL},
    {"a line end", {"a.test\n", 7}, NULL},
    {"UTF-8", {"\303\274.test", 7}, NULL},
    {"a star", {"*.test", 6}, NULL},
    {"a port", {"a.test:443", 10}, NULL},
};

static size_t body_of(unsigned char *out, struct flare_str name)
{
    out[0] = (unsigned char)((name.len + 3) >> 8);
    out[1] = (unsigned char)(name.len + 3);
    out[2] = 0;
    out[3] = (unsigned char)(name.len >> 8);
    out[4] = (unsigned char)name.len;
    memcpy(out + 5, name.ptr, name.len);
    return name.len + 5;
}

START_TEST(test_hello_name_is_a_host_or_refused)
{
    unsigned char body[512];
    char out[FLARE__TLS_NAME_MAX + 2];
    size_t len = body_of(body, names[_i].asked);
    struct guard g;
    int n;

    guard_init(&g, sizeof(body));
    n = flare__tls_hello_name(
        out, (const unsigned char *)guard_put(&g, (char *)body, len), len);
    if (names[_i].read == NULL) {
        ck_assert_msg(n == -1, "%s", names[_i].name);
    } else {
        ck_assert_msg(n == (int)strlen(names[_i].read), "%s", names[_i].name);
        ck_assert_mem_eq(out, names[_i].read, (size_t)n);
    }
    /* no cut of it is one */
    for (size_t cut = 0; cut < len; cut++)
        ck_assert_int_eq(
            flare__tls_hello_name(
                out, (const unsigned char *)guard_put(&g, (char *)body, cut),
                cut),
            -1);
    guard_fini(&g);
}
END_TEST

static const struct {
    const char *name;
    struct flare_str body;
} bodies[] = {
    {"two names", {"\0\x0c\0\0\3a.b\0\0\3c.d", 14}},
    {"bytes behind", {"\0\6\0\0\3a.bx", 9}},
    {"list too short", {"\0\5\0\0\3a.b", 8}},
    {"another type", {"\0\6\1\0\3a.b", 8}},
    {"empty list", {"\0\0", 2}},
};

START_TEST(test_hello_list_has_one_name)
{
    char out[FLARE__TLS_NAME_MAX + 2];

    ck_assert_msg(
        flare__tls_hello_name(out, (const unsigned char *)bodies[_i].body.ptr,
                              bodies[_i].body.len) == -1,
        "%s", bodies[_i].name);
}
END_TEST

START_TEST(test_hello_T05_server_refuses_a_name_that_is_none)
{
    struct tls_rig rig;
    flare_tls_server *server;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    char asked[300];
    int names_max = ROWS(names);

    rig_init(&rig);
    server = rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    for (int i = 0; i < names_max; i++) {
        if (names[i].asked.len == 0 || names[i].asked.len > 255 ||
            memchr(names[i].asked.ptr, '\0', names[i].asked.len) != NULL)
            continue;
        memcpy(asked, names[i].asked.ptr, names[i].asked.len);
        asked[names[i].asked.len] = '\0';
        rig_start(&rig, server, NULL, NULL);
        rig_raw(&rig.client, ctx, false);
        ck_assert_int_eq(SSL_set_tlsext_host_name(rig.client.raw, asked), 1);
        rig_run(&rig);
        if (names[i].read == NULL) {
            ck_assert_msg(rig.server.rc == FLARE_E_TLS_HANDSHAKE, "%s",
                          names[i].name);
            ck_assert_int_ne(rig.client.rc, 0);
        } else {
            struct flare_tls_info info;

            rig_assert_open(&rig);
            flare__tls_info(rig.server.e, &info);
            ck_assert(
                flare_str_equal(info.server_name, flare_str(names[i].read)));
        }
        rig_stop(&rig);
    }
    SSL_CTX_free(ctx);
    flare_tls_server_free(server);
    rig_fini(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/hello");
    TCase *tc = tcase_create("hello");

    tcase_add_loop_test(tc, test_hello_name_is_a_host_or_refused, 0,
                        ROWS(names));
    tcase_add_loop_test(tc, test_hello_list_has_one_name, 0, ROWS(bodies));
    tcase_add_test(tc, test_hello_T05_server_refuses_a_name_that_is_none);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
