/* SPDX-License-Identifier: MIT */
/*
 * A client and TLS, in the simulated world: https, truncation, redirects
 * between the two, tunnels through a proxy.  The server's end is the library's.
 */
#include "tests/http/client_rig.h"

#include "tcp/stream.h"
#include "tests/support/certs.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct client_rig rig;
static struct cert ca, leaf;
static flare_tls_client *trusting;

#define FAR_AWAY ((int64_t)4102444800) /* 2100: the clock is real */
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void certs(void)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_client_config config = {.alpn = alpn};

    cert_make(&ca,
              &(struct cert_spec){.cn = "CA", .is_ca = true, .until = FAR_AWAY},
              NULL);
    cert_make(&leaf,
              &(struct cert_spec){.san = "DNS:a.test,IP:192.0.2.1",
                                  .until = FAR_AWAY},
              &ca);
    config.ca.pem = flare_str(ca.pem);
    ck_assert_int_eq(flare_tls_client_new(&trusting, &config, NULL), 0);
}

static void certs_free(void)
{
    flare_tls_client_free(trusting);
    cert_free(&ca);
    cert_free(&leaf);
}

static int open_with(const struct rig_line *script,
                     struct flare_client_config config,
                     const struct flare__sim_config *world,
                     const char *const *alpn)
{
    struct flare_tls_server_config server = {.cert_count = 1, .alpn = alpn};
    struct flare_tls_cert cert = cert_config(&leaf);

    server.certs = &cert;
    rig.loop = NULL;
    ck_assert_int_eq(flare_tls_server_new(&rig.tls_server, &server, NULL), 0);
    if (config.tls == NULL)
        config.tls = trusting;
    return client_rig_open(&rig, CLIENT_RIG_SIM, world, script, &config);
}

static void start(const struct rig_line *script,
                  struct flare_client_config config)
{
    rig = (struct client_rig){.loop = NULL};
    ck_assert_int_eq(open_with(script, config, NULL, NULL), 0);
}

#define NO_CONFIG                                                              \
    (struct flare_client_config)                                               \
    {                                                                          \
        .connections_max = 0                                                   \
    }

static const struct rig_line ok_only[] = {
    {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};

START_TEST(test_client_tls_gets_and_knows_of_it)
{
    struct flare_reply_timings times;
    struct flare_reply_tls info;
    struct rig_call *c;

    start(ok_only, NO_CONFIG);
    c = client_rig_fetch(&rig, "https://a.test/x");
    ck_assert_msg(c->rc == 0, "%s", c->err.text);
    ck_assert_str_eq(flare_reply_text(c->reply), "hello");
    ck_assert_int_eq(flare_reply_tls_info(c->reply, &info), 0);
    ck_assert_str_eq(info.version, "TLSv1.3");
    ck_assert(info.is_verified);
    flare_reply_timings(c->reply, &times);
    ck_assert_uint_gt(times.tls_ns, times.connected_ns);
    ck_assert_uint_ge(times.sent_ns, times.tls_ns);
    ck_assert(client_rig_has(&rig, 0, "Host: a.test\r\n"));
    ck_assert_int_eq(client_rig_fetch(&rig, "https://a.test/y")->rc, 0);
    ck_assert_int_eq(rig.peer_count, 1);
    c = client_rig_fetch(&rig, "http://a.test/z");
    ck_assert_int_eq(flare_reply_tls_info(c->reply, &info), -ENOTCONN);
    ck_assert_int_eq(rig.peer_count, 2); /* never on the other's: C06 */
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_tls_another_name_than_the_certificates)
{
    struct rig_call *c;

    start(ok_only, NO_CONFIG);
    c = client_rig_fetch(&rig, "https://b.test/");
    ck_assert_int_eq(c->rc, FLARE_E_TLS_HOSTNAME);
    ck_assert_ptr_nonnull(strstr(c->err.text, "GET https://b.test/: "));
    ck_assert_int_eq(rig.asked_count, 0);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_tls_plain_http_on_the_other_port)
{
    struct rig_call *c;

    start(ok_only, NO_CONFIG);
    c = client_rig_fetch(&rig, "https://a.test:8080/");
    ck_assert(c->rc < 0);
    c = client_rig_fetch(&rig, "http://a.test:443/");
    ck_assert(c->rc < 0);
    client_rig_close(&rig);
}
END_TEST

/* ---- T08: the end of a body is the end of the connection ---- */

START_TEST(test_client_tls_T08_a_body_to_the_end_needs_a_close_notify)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 200 OK\r\n\r\nall of it", 0, 0}, {NULL, 0, 0}};
    const struct flare_ask ask = {.url = FLARE_STR("https://a.test/")};
    struct rig_call *c;

    start(script, NO_CONFIG);
    c = client_rig_ask(&rig, &ask, &rig_streams);
    RIG_UNTIL(&rig, c->len == 9);
    if (_i == 0)
        client_rig_shut(&rig, 0);
    else /* FIN without one, as an attacker would */
        rig.loop->ops->shutdown_send(rig.loop->backend,
                                     &rig.peers[0].stream->link->sock);
    (void)client_rig_wait(&rig, c);
    ck_assert_int_eq(c->rc, _i == 0 ? 0 : FLARE_E_TLS_TRUNCATED);
    client_rig_close(&rig);
}
END_TEST

/* ---- C03 ---- */

START_TEST(test_client_C03_from_https_to_http_only_if_allowed)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 302 x\r\nLocation: http://a.test/b\r\n"
         "Content-Length: 0\r\n\r\n",
         0, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    const struct flare_ask ask = {
        .url = FLARE_STR("https://a.test/"), .user = "u", .password = "p"};
    struct flare_client_config config = {.allow_downgrade = _i == 1};
    struct rig_call *c;

    start(script, config);
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c),
                     _i == 1 ? 0 : FLARE_E_REDIRECT_INSECURE);
    ck_assert_int_eq(rig.asked_count, 1 + _i);
    if (_i == 1)
        ck_assert(!client_rig_has(&rig, 1, "Authorization"));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C03_from_http_to_https)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 301 x\r\nLocation: https://a.test/b\r\n"
         "Content-Length: 0\r\n\r\n",
         0, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    struct rig_call *c;

    start(script, NO_CONFIG);
    c = client_rig_fetch(&rig, "http://a.test/");
    ck_assert_int_eq(c->rc, 0);
    ck_assert(flare_str_equal(flare_reply_url(c->reply),
                              FLARE_STR("https://a.test/b")));
    client_rig_close(&rig);
}
END_TEST

/* ---- C15: a tunnel ---- */

START_TEST(test_client_C15_https_goes_through_a_tunnel)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 200 Connected\r\n\r\n", RIG_TUNNEL,
         0},
        {OK, 0, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    const struct flare_client_config config = {
        .proxy = "http://me:pw@192.0.2.7:8080"};
    static const struct flare_field fields[] = {
        {FLARE_STR("Proxy-Authorization"), FLARE_STR("Secret 3")},
        {{NULL, 0}, {NULL, 0}}};
    const struct flare_ask ask = {.url = FLARE_STR("https://a.test/x"),
                                  .headers = fields,
                                  .user = "u",
                                  .password = "p"};
    struct flare_reply_tls info;
    struct rig_call *c;

    start(script, config);
    for (int i = 0; i < 2; i++) {
        c = client_rig_ask(&rig, &ask, &rig_collects);
        ck_assert_msg(client_rig_wait(&rig, c) == 0, "%s", c->err.text);
        ck_assert_str_eq(flare_reply_text(c->reply), "hello");
        ck_assert_int_eq(flare_reply_tls_info(c->reply, &info), 0);
        ck_assert(info.is_verified);
    }
    ck_assert_int_eq(rig.peer_count, 2); /* the proxy's, and the server's */
    ck_assert(client_rig_has(&rig, 0,
                             "CONNECT a.test:443 HTTP/1.1\r\n"
                             "Host: a.test:443\r\n"));
    ck_assert(
        client_rig_has(&rig, 0, "Proxy-Authorization: Basic bWU6cHc=\r\n"));
    ck_assert(!client_rig_has(&rig, 0, "\r\nAuthorization"));
    ck_assert(client_rig_has(&rig, 1, "GET /x HTTP/1.1\r\nHost: a.test\r\n"));
    ck_assert(!client_rig_has(&rig, 1, "Proxy-"));
    ck_assert(client_rig_has(&rig, 1, "\r\nAuthorization: Basic dTpw\r\n"));
    client_rig_close(&rig);
}
END_TEST

static const struct {
    const char *name;
    const char *answer;
    unsigned flags;
    int rc;
} proxies[] = {
    {"it refuses", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", 0,
     FLARE_E_PROXY},
    {"it closes", "", RIG_CLOSE, FLARE_E_PROXY},
    {"it is none", "SSH-2.0-x\r\n", 0, FLARE_E_PROXY},
    {"it speaks first", "HTTP/1.1 200 x\r\n\r\nhello", 0, FLARE_E_PROXY},
    {"it says nothing", "", RIG_SILENT, FLARE_E_TIMEOUT_CONNECT},
    {"it has no way", "HTTP/1.1 200 x\r\n\r\n", RIG_CLOSE,
     FLARE_E_TLS_HANDSHAKE},
};

START_TEST(test_client_C15_a_proxy_that_does_not)
{
    const struct rig_line script[] = {
        {proxies[_i].answer, proxies[_i].flags, 0}, {NULL, 0, 0}};
    const struct flare_client_config config = {.proxy =
                                                   "http://192.0.2.7:8080"};
    struct rig_call *c;

    start(script, config);
    c = client_rig_fetch(&rig, "https://a.test/x");
    if (proxies[_i].rc == FLARE_E_TLS_HANDSHAKE)
        ck_assert_msg(c->rc < 0, "%s", c->err.text);
    else
        ck_assert_msg(c->rc == proxies[_i].rc, "%s: %s", proxies[_i].name,
                      c->err.text);
    client_rig_close(&rig);
}
END_TEST

/* ---- cuts ---- */

START_TEST(test_client_tls_whatever_the_network_does)
{
    static const struct rig_line script[] = {{OK, 0, 0}, {OK, RIG_CLOSE, 0},
                                             {OK, 0, 0}, {OK, 0, 0},
                                             {OK, 0, 0}, {NULL, 0, 0}};
    int good = 0;

    for (uint64_t seed = 1; seed <= 100; seed++) {
        const struct flare__sim_config world = {.seed = seed};
        struct flare_client_config config = {.connect_timeout_ms = 5000,
                                             .first_byte_timeout_ms = 5000,
                                             .total_timeout_ms = 20000};

        rig = (struct client_rig){.loop = NULL};
        ck_assert_int_eq(open_with(script, config, &world, NULL), 0);
        for (int i = 0; i < 3; i++) {
            struct rig_call *c = client_rig_fetch(&rig, "https://a.test/");

            if (c->rc == 0)
                ck_assert_str_eq(flare_reply_text(c->reply), "hello");
            good += c->rc == 0;
        }
        client_rig_close(&rig);
    }
    printf("client, TLS: %d of 300 calls were answered\n", good);
    ck_assert_int_gt(good, 100);
}
END_TEST

Suite *client_tls_suite(void);

Suite *client_tls_suite(void)
{
    Suite *s = suite_create("client_tls");
    TCase *t = tcase_create("tls");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, certs, certs_free);
    tcase_add_test(t, test_client_tls_gets_and_knows_of_it);
    tcase_add_test(t, test_client_tls_another_name_than_the_certificates);
    tcase_add_test(t, test_client_tls_plain_http_on_the_other_port);
    tcase_add_loop_test(
        t, test_client_tls_T08_a_body_to_the_end_needs_a_close_notify, 0, 2);
    tcase_add_loop_test(t, test_client_C03_from_https_to_http_only_if_allowed,
                        0, 2);
    tcase_add_test(t, test_client_C03_from_http_to_https);
    tcase_add_test(t, test_client_C15_https_goes_through_a_tunnel);
    tcase_add_loop_test(t, test_client_C15_a_proxy_that_does_not, 0,
                        ROWS(proxies));
    tcase_add_test(t, test_client_tls_whatever_the_network_does);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_tls_suite());
}
