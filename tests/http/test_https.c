/* SPDX-License-Identifier: MIT */
/*
 * A server that speaks TLS, in the simulated world: what a request tells of it
 * (req_tls.c), 421, and those who do not speak it.  The client is the library's
 * own engine over memory.
 */
#include <flare/peer.h>

#include "http/memory.h"
#include "tests/http/conn_rig.h"
#include "tests/support/certs.h"
#include "tests/support/test.h"
#include "tls/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAIN_MAX = 64 * 1024, TURN_MS = 20, FILE_BYTES = 4 << 20 };

#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define FAR_AWAY ((int64_t)4102444800) /* 2100: the server's clock is real */

/* A server with a client that speaks TLS to it. */
struct https {
    struct cert ca, leaf, own;
    flare_tls_server *server;
    flare_tls_client *client;
    struct flare__tls *e;
    struct rig *r;
    size_t taken; /* of what the peer got */
    char plain[PLAIN_MAX + 1];
    size_t len;
    int rc;
};

static struct flare_tls_info info;
static struct flare_tls_peer peer;
static int info_rc, peer_rc;
static char scheme[16];
static char peer_text[1024];

static int file_new(void)
{
    char path[] = "/tmp/flare-https-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(ftruncate(fd, FILE_BYTES), 0);
    return fd;
}

static int on_facts(flare_req *req, flare_res *res)
{
    rig_calls++;
    if (flare_str_equal(flare_req_path(req), FLARE_STR("/file")))
        return flare_res_file(res, 200, FLARE_STR("a/b"), file_new(), 0,
                              FILE_BYTES);
    info_rc = flare_req_tls(req, &info);
    peer_rc = flare_req_tls_peer(req, &peer);
    if (peer_rc == 0) /* it is the request's memory */
        (void)snprintf(peer_text, sizeof(peer_text),
                       "%.*s|%.*s|%.*s|%zu|%.*s|%d",
                       FLARE_STR_ARG(peer.subject), FLARE_STR_ARG(peer.issuer),
                       FLARE_STR_ARG(peer.serial), peer.fingerprint.len,
                       FLARE_STR_ARG(peer.san), peer.not_after == FAR_AWAY);
    (void)snprintf(scheme, sizeof(scheme), "%.*s",
                   FLARE_STR_ARG(flare_req_scheme(req)));
    return flare_res_text(res, 200, "hello\n");
}

static void https_open(struct https *h, struct flare_server_config config,
                       enum flare_tls_client_auth auth)
{
    struct flare_tls_server_config server = {.cert_count = 1,
                                             .client_auth = auth};
    struct flare_tls_cert cert;

    memset(h, 0, sizeof(*h));
    cert_make(&h->ca,
              &(struct cert_spec){.cn = "CA", .is_ca = true, .until = FAR_AWAY},
              NULL);
    cert_make(&h->leaf,
              &(struct cert_spec){.san = "DNS:a.test,DNS:*.wild.test,"
                                         "IP:192.0.2.1,IP:2001:db8::1",
                                  .until = FAR_AWAY},
              &h->ca);
    cert = cert_config(&h->leaf);
    server.certs = &cert;
    if (auth != FLARE_TLS_CLIENT_NONE)
        server.client_ca.pem = flare_str(h->ca.pem);
    ck_assert_int_eq(flare_tls_server_new(&h->server, &server, NULL), 0);
    rig_calls = 0;
    config.handler.fn = on_facts;
    config.tls = h->server;
    h->r = rig_new(&config);
}

static void https_close(struct https *h)
{
    flare__tls_free(h->e);
    rig_free(h->r);
    flare_tls_client_free(h->client);
    flare_tls_server_free(h->server);
    cert_free(&h->ca);
    cert_free(&h->leaf);
    if (h->own.x != NULL)
        cert_free(&h->own);
}

/* A connection of the client to `host`, which may show h->own. */
static void https_dial(struct https *h, const char *host)
{
    const struct flare__tls_start start = {
        .unix_now = CERTS_NOW, .host = flare_str(host), .port = 443};
    struct flare_tls_client_config config = {.ca.pem = flare_str(h->ca.pem)};
    struct flare_tls_cert cert;

    if (h->own.x != NULL) {
        cert = cert_config(&h->own);
        config.cert = &cert;
    }
    flare__tls_free(h->e);
    flare_tls_client_free(h->client);
    ck_assert_int_eq(flare_tls_client_new(&h->client, &config, NULL), 0);
    ck_assert_int_eq(flare__tls_new_client(&h->e, h->client, &start, NULL), 0);
    h->taken = 0;
    h->len = 0;
    h->rc = 0;
    rig_connect(h->r, 0);
}

static void https_read(struct https *h)
{
    const struct rig_peer *p = &h->r->peers[0];
    struct flare_str in = {p->got + h->taken, p->len - h->taken};
    int n = 1;

    while (n > 0 && h->len < PLAIN_MAX) {
        n = flare__tls_read(h->e, &in, h->plain + h->len, PLAIN_MAX - h->len);
        if (n > 0)
            h->len += (size_t)n;
    }
    if (n < 0 && n != -EAGAIN)
        h->rc = n;
    h->taken = (size_t)(in.ptr - p->got);
    h->plain[h->len] = '\0';
}

/* Moves bytes both ways until nobody has more. */
static void https_run(struct https *h)
{
    size_t before = SIZE_MAX;

    while (before != h->taken) {
        struct flare_str out;

        before = h->taken;
        if (h->r->peers[0].len > h->taken || h->len + h->taken == 0)
            https_read(h);
        out = flare__tls_output(h->e);
        if (out.len > 0) {
            rig_send(h->r, 0, out.ptr, out.len);
            flare__tls_sent(h->e, out.len);
            before = SIZE_MAX;
        }
        rig_run(h->r, TURN_MS);
        if (h->r->peers[0].len > h->taken)
            before = SIZE_MAX;
    }
}

/* What the server answers to `text` on a new connection to `host`. */
static const char *https_ask(struct https *h, const char *host,
                             const char *text)
{
    https_dial(h, host);
    https_run(h);
    if (h->rc < 0 || !flare__tls_is_open(h->e))
        return "";
    ck_assert_int_eq(flare__tls_write(h->e, flare_str(text)),
                     (int)strlen(text));
    https_run(h);
    return h->plain;
}

/* ---- facts */

START_TEST(test_https_request_tells_its_tls)
{
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_NONE);
    ck_assert_ptr_nonnull(
        strstr(https_ask(&h, "a.test", GET("a.test")), "200 OK"));
    ck_assert_int_eq(info_rc, 0);
    ck_assert_str_eq(info.version, "TLSv1.3");
    ck_assert_str_eq(info.cipher, "TLS_AES_128_GCM_SHA256");
    ck_assert(!info.is_verified && !info.is_resumed);
    ck_assert_int_eq(peer_rc, FLARE_E_TLS_NO_CERTIFICATE);
    ck_assert_str_eq(scheme, "https");
    https_close(&h);
}
END_TEST

START_TEST(test_https_plain_request_has_none)
{
    struct flare_server_config config = {.handler.fn = on_facts};
    struct rig *r = rig_new(&config);

    (void)rig_ask(r, GET("a.test"));
    ck_assert_int_eq(info_rc, -ENOTCONN);
    ck_assert_int_eq(peer_rc, -ENOTCONN);
    ck_assert_str_eq(scheme, "http");
    rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    const char *cn;
    const char *san;
    struct flare_str raw_dns;
    const char *subject;
    const char *san_text;
} own_rows[] = {
    {"a name",
     "alice",
     "DNS:alice.test,email:a@a.test",
     {NULL, 0},
     "CN=alice",
     "DNS:alice.test"},
    {"an e-mail",
     "bob",
     "email:b@a.test",
     {NULL, 0},
     "CN=bob",
     "email:b@a.test"},
    {"a URI",
     "c",
     "URI:spiffe://a.test/x",
     {NULL, 0},
     "CN=c",
     "URI:spiffe://a.test/x"},
    {"an address is passed over",
     "d",
     "IP:192.0.2.9,DNS:d.test",
     {NULL, 0},
     "CN=d",
     "DNS:d.test"},
    {"no name", "e", NULL, {NULL, 0}, "CN=e", ""},
    {"NUL in the name", "f", NULL, {"a.test\0.b.test", 14}, "CN=f", ""},
    {"line end in the name", "g", NULL, {"a.test\nx", 8}, "CN=g", ""},
    {"comma and plus",
     "a,b+c=\"d\"",
     NULL,
     {NULL, 0},
     "CN=a\\,b\\+c=\\\"d\\\"",
     ""},
    {"line end and UTF-8",
     "x\ny\xc3\xa9",
     NULL,
     {NULL, 0},
     "CN=x\\0Ay\\C3\\A9",
     ""},
};

START_TEST(test_https_client_certificate_as_text)
{
    struct cert_spec spec = {.cn = own_rows[_i].cn,
                             .san = own_rows[_i].san,
                             .raw_dns = own_rows[_i].raw_dns,
                             .until = FAR_AWAY};
    char serial[64];
    char want[1024];
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_REQUIRED);
    cert_make(&h.own, &spec, &h.ca);
    (void)https_ask(&h, "a.test", GET("a.test"));
    ck_assert_msg(rig_calls == 1, "%s: %d", own_rows[_i].name, h.rc);
    ck_assert_int_eq(peer_rc, 0);
    ck_assert(info.is_verified);
    (void)snprintf(serial, sizeof(serial), "%.*s", FLARE_STR_ARG(peer.serial));
    (void)snprintf(want, sizeof(want), "%s|CN=CA|", own_rows[_i].subject);
    ck_assert_msg(strncmp(peer_text, want, strlen(want)) == 0, "%s: %s",
                  own_rows[_i].name, peer_text);
    (void)snprintf(want, sizeof(want), "|64|%s|1", own_rows[_i].san_text);
    ck_assert_msg(
        strlen(peer_text) > strlen(want) &&
            strcmp(peer_text + strlen(peer_text) - strlen(want), want) == 0,
        "%s: %s", own_rows[_i].name, peer_text);
    https_close(&h);
}
END_TEST

START_TEST(test_https_client_without_certificate)
{
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               _i == 0 ? FLARE_TLS_CLIENT_ASKED : FLARE_TLS_CLIENT_REQUIRED);
    (void)https_ask(&h, "a.test", GET("a.test"));
    ck_assert_int_eq(rig_calls, _i == 0);
    if (_i == 0)
        ck_assert_int_eq(peer_rc, FLARE_E_TLS_NO_CERTIFICATE);
    else
        ck_assert_ptr_nonnull(strstr(h.r->log, "handshake: "));
    https_close(&h);
}
END_TEST

START_TEST(test_https_certificate_that_is_too_much)
{
    char san[5000];
    size_t len = 0;
    struct https h;

    while (len < sizeof(san) - 100)
        len += (size_t)snprintf(san + len, sizeof(san) - len, "%s/%090d",
                                len == 0 ? "URI:spiffe:/" : "", 1);
    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_REQUIRED);
    cert_make(&h.own, &(struct cert_spec){.san = san, .until = FAR_AWAY},
              &h.ca);
    memset(&peer, 0, sizeof(peer));
    (void)https_ask(&h, "a.test", GET("a.test"));
    ck_assert_int_eq(rig_calls, 1);
    ck_assert_int_eq(peer_rc, -ENOBUFS);
    ck_assert_ptr_null(peer.subject.ptr);
    https_close(&h);
}
END_TEST

START_TEST(test_https_certificate_without_memory)
{
    struct https h;

    https_open(&h, (struct flare_server_config){.request_memory_max = 4096},
               FLARE_TLS_CLIENT_REQUIRED);
    h.r->options.request_memory_max = 1024;
    cert_make(&h.own, &(struct cert_spec){.until = FAR_AWAY}, &h.ca);
    (void)https_ask(&h, "a.test", GET("a.test"));
    ck_assert_int_eq(rig_calls, 1);
    ck_assert_int_eq(peer_rc, -ENOMEM);
    https_close(&h);
}
END_TEST

/* ---- FAILURES T07 */

static const struct {
    const char *name;
    const char *sni;
    const char *text;
    const char *status;
} asked[] = {
    {"T07 the same", "a.test", GET("a.test"), "200"},
    {"T07 the same, with a port", "a.test", GET("A.Test:8443"), "200"},
    {"T07 the same, with the root's dot", "a.test", GET("a.test."), "200"},
    {"T07 another of the certificate", "a.test", GET("b.wild.test"), "200"},
    {"T07 its address", "a.test", GET("192.0.2.1"), "200"},
    {"T07 its address of IPv6", "a.test", GET("[2001:db8::1]:443"), "200"},
    {"T07 another", "a.test", GET("b.test"), "421"},
    {"T07 one below", "a.test", GET("b.a.test"), "421"},
    {"T07 another address", "a.test", GET("192.0.2.2"), "421"},
    {"T07 no host is none", "a.test", "GET / HTTP/1.0\r\n\r\n", "200"},
    {"T07 absolute-form, the same", "a.test",
     "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "200"},
    {"T07 absolute-form, another", "a.test",
     "GET http://b.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n", "421"},
    {"T07 a server's options", "a.test",
     "OPTIONS * HTTP/1.1\r\nHost: b.test\r\n\r\n", "421"},
    {"T07 with a body", "a.test",
     "POST / HTTP/1.1\r\nHost: b.test\r\nContent-Length: 3\r\n\r\nabc", "421"},
    {"T07 nobody was named", "192.0.2.1", GET("b.test"), "200"},
};

START_TEST(test_https_misdirected)
{
    const char *status = asked[_i].status;
    const char *got;
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_NONE);
    got = https_ask(&h, asked[_i].sni, asked[_i].text);
    ck_assert_msg(strncmp(got, "HTTP/1.1 ", 9) == 0 &&
                      strncmp(got + 9, status, 3) == 0,
                  "%s: %s", asked[_i].name, got);
    ck_assert_int_eq(rig_calls, strcmp(status, "200") == 0);
    ck_assert_int_eq(flare_error_status(FLARE_E_MISDIRECTED), 421);
    if (strcmp(status, "421") == 0)
        ck_assert_ptr_nonnull(strstr(got, "Connection: close\r\n"));
    https_close(&h);
}
END_TEST

/* ---- FAILURES T14 */

static const struct {
    const char *name;
    const char *bytes;
    const char *answer; /* its beginning */
} insecure[] = {
    {"T14 GET", GET("a.test"), "HTTP/1.1 400 Bad Request\r\n"},
    {"T14 DELETE", "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n"},
    {"T14 HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n"},
    {"T14 half a request", "POST / HTTP/1.1\r\nContent-",
     "HTTP/1.1 400 Bad Request\r\n"},
    {"T14 a proxy's tunnel", "CONNECT a.test:443 HTTP/1.1\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n"},
    {"T14 noise", "hello, who is there?\r\n", ""},
    {"T14 SSH", "SSH-2.0-OpenSSH_9.2\r\n", ""},
    {"T14 two letters", "GO there\r\n", ""},
};

START_TEST(test_https_plain_http_is_told)
{
    const char *bytes = insecure[_i].bytes;
    const char *answer = insecure[_i].answer;
    size_t len = strlen(bytes);
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_NONE);
    for (size_t cut = 0; cut <= len; cut++) {
        const struct rig_peer *p = &h.r->peers[0];

        rig_connect(h.r, 0);
        rig_send(h.r, 0, bytes, cut);
        rig_run(h.r, TURN_MS);
        if (!p->has_rst && !p->has_fin)
            rig_send(h.r, 0, bytes + cut, len - cut);
        rig_run(h.r, TURN_MS);
        ck_assert_msg(strncmp(p->got, answer, strlen(answer)) == 0 &&
                          (*answer != '\0' || p->len == 0),
                      "%s, cut at %zu: %s", insecure[_i].name, cut, p->got);
        if (*answer != '\0')
            ck_assert_msg(rig_count(h.r, 0, "HTTP/1.1") == 1 &&
                              rig_count(h.r, 0, "speaks HTTPS only") == 1 &&
                              rig_count(h.r, 0, "Connection: close") == 1,
                          "%s: %s", insecure[_i].name, p->got);
        ck_assert(p->has_rst || p->has_fin);
    }
    ck_assert_int_eq(rig_calls, 0);
    ck_assert_int_eq(flare_error_status(FLARE_E_PLAIN_HTTP), 400);
    https_close(&h);
}
END_TEST

START_TEST(test_https_failed_handshakes_are_a_line_a_second)
{
    struct https h;

    https_open(&h, (struct flare_server_config){.workers = 1},
               FLARE_TLS_CLIENT_NONE);
    for (int i = 0; i < 5; i++) {
        (void)rig_ask(h.r, GET("a.test"));
        if (i == 0)
            ck_assert_str_eq(h.r->log, "handshake: TLS with a client: "
                                       "the peer does not speak TLS");
        else
            ck_assert_str_eq(h.r->log, "");
        h.r->log[0] = '\0';
    }
    rig_run(h.r, 1000);
    (void)rig_ask(h.r, "noise, and nothing else");
    ck_assert_str_eq(h.r->log, "handshake: TLS with a client: "
                               "the peer does not speak TLS; and 4 more");
    https_close(&h);
}
END_TEST

START_TEST(test_https_tls_where_http_is_spoken)
{
    struct flare_server_config config = {.handler.fn = on_facts};
    static const char hello[] = "\x16\x03\x01\x00\x10\x01\x00\x00\x0c\x03\x03";
    struct rig *r = rig_new(&config);

    rig_connect(r, 0); /* T14, the other way round */
    rig_send(r, 0, hello, sizeof(hello) - 1);
    rig_run(r, 100);
    ck_assert_str_eq(rig_statuses(r, 0), "400");
    ck_assert_int_eq(rig_count(r, 0, "Connection: close"), 1);
    ck_assert(r->peers[0].has_fin);
    rig_free(r);
}
END_TEST

/* OpenSSL's memory is not the worker's allocator's: a flat sum stands for it.
 */
START_TEST(test_https_R12_tls_counts_against_the_budget)
{
    const struct flare_server_config config = {.worker_memory_max =
                                                   4 * 1024 * 1024};
    uint64_t before;
    struct https h;

    https_open(&h, config, FLARE_TLS_CLIENT_NONE);
    before = h.r->http.memory->used;
    https_dial(&h, "a.test");
    ck_assert_uint_eq(h.r->http.memory->used, before +
                                                  sizeof(struct flare__conn) +
                                                  FLARE__MEMORY_TLS_BYTES);
    https_run(&h);
    https_close(&h); /* asserts that all of it is given back */
}
END_TEST

/* ---- drain */

/* 0: nothing has come; 1: half a hello; 2: the handshake is done meanwhile. */
START_TEST(test_https_a_drain_ends_a_handshake)
{
    const struct flare_server_config config = {.linger_timeout_ms = 1000};
    struct flare_str out;
    struct https h;

    https_open(&h, config, FLARE_TLS_CLIENT_NONE);
    https_dial(&h, "a.test");
    ck_assert_int_eq(flare__tls_handshake(h.e, &(struct flare_str){"", 0}),
                     -EAGAIN);
    out = flare__tls_output(h.e);
    if (_i == 1)
        rig_send(h.r, 0, out.ptr, out.len / 2);
    rig_run(h.r, TURN_MS);
    flare__http_drain(&h.r->http);
    if (_i == 2) {
        https_run(&h);
        ck_assert(flare__tls_is_open(h.e));
        ck_assert_int_eq(h.rc, 0); /* close_notify, or still to come */
    }
    rig_run(h.r, 1100);
    ck_assert_uint_eq(h.r->http.conns.live, 0);
    ck_assert_uint_eq(h.r->http.counters.aborted, 0);
    ck_assert(h.r->peers[0].has_fin && !h.r->peers[0].has_rst);
    ck_assert((h.r->peers[0].len == 0) == (_i < 2));
    https_close(&h);
}
END_TEST

/* ---- FAILURES R03 */

/* Asks for a file and reads none of it. */
static void https_ask_deaf(struct https *h)
{
    struct flare_str out;

    https_open(h, (struct flare_server_config){.send_timeout_ms = 30000},
               FLARE_TLS_CLIENT_NONE);
    https_dial(h, "a.test");
    https_run(h);
    ck_assert(flare__tls_is_open(h->e));
    h->r->peers[0].is_deaf = true;
    ck_assert_int_gt(flare__tls_write(h->e, FLARE_STR("GET /file HTTP/1.1\r\n"
                                                      "Host: a.test\r\n\r\n")),
                     0);
    out = flare__tls_output(h->e);
    rig_send(h->r, 0, out.ptr, out.len);
    flare__tls_sent(h->e, out.len);
}

START_TEST(test_https_R03_a_peer_that_reads_nothing_is_reset)
{
    struct https h;

    https_ask_deaf(&h);
    rig_run(h.r, 29000);
    ck_assert_uint_eq(h.r->http.conns.live, 1);
    rig_run(h.r, 9500); /* a quarter more at most */
    ck_assert_uint_eq(h.r->http.conns.live, 0);
    ck_assert_uint_eq(h.r->http.counters.timeouts, 1);
    https_close(&h);
}
END_TEST

/*
 * Who takes as much as one send of the socket's between two looks leaves each
 * of these sends where the look found the one before.
 */
START_TEST(test_https_R03_a_slow_reader_is_kept)
{
    enum {
        SEND = 4 * (16384 + 22) + 2888 + 22
    }; /* as much as one has room for */
    static char some[SEND / 2];
    struct https h;

    https_ask_deaf(&h);
    for (int i = 0; i < 50; i++) {
        ck_assert_uint_eq(h.r->http.conns.live, 1);
        for (int half = 0; half < 2; half++) {
            rig_run(h.r, 7500 / 2);
            ck_assert_uint_eq(
                flare__sim_peer_recv(&h.r->peers[0].peer, some, sizeof(some)),
                sizeof(some));
        }
    }
    ck_assert_uint_eq(h.r->http.counters.aborted, 0);
    https_close(&h);
}
END_TEST

/* ---- FAILURES T04 */

START_TEST(test_https_handshake_has_a_deadline)
{
    struct flare_server_config config = {.tls_handshake_timeout_ms = 3000};
    struct flare_str out;
    struct flare_str none = {NULL, 0};
    struct https h;
    int ms = 0;

    https_open(&h, config, FLARE_TLS_CLIENT_NONE);
    https_dial(&h, "a.test");
    ck_assert_int_eq(flare__tls_handshake(h.e, &none), -EAGAIN);
    out = flare__tls_output(h.e);
    while (!h.r->peers[0].has_rst && !h.r->peers[0].has_fin) {
        ck_assert_int_lt(ms, 3200);
        if (ms < (int)out.len * 100) /* T04: a byte now and then */
            rig_send(h.r, 0, out.ptr + ms / 100, 1);
        rig_run(h.r, 100);
        ms += 100;
    }
    ck_assert_int_ge(ms, 2900);
    ck_assert_uint_eq(h.r->http.counters.timeouts, 1);
    https_close(&h);
}
END_TEST

/* Answered, or refused, or cut; and nothing is left (rig_free). */
START_TEST(test_https_every_allocation_fails_in_turn)
{
    bool has_failed = true;

    for (uint64_t n = 1; has_failed; n++) {
        const char *got;
        struct https h;

        https_open(&h, (struct flare_server_config){.workers = 1},
                   FLARE_TLS_CLIENT_REQUIRED);
        cert_make(&h.own, &(struct cert_spec){.until = FAR_AWAY}, &h.ca);
        h.r->fault.at = h.r->fault.sites + n;
        h.r->fault.mode = FAULT_ONCE;
        got = https_ask(&h, "a.test", GET("a.test"));
        has_failed = h.r->fault.failed > 0;
        if (!has_failed)
            ck_assert_ptr_nonnull(strstr(got, "200 OK"));
        ck_assert_uint_lt(n, 100);
        fault_disarm(&h.r->fault);
        got = https_ask(&h, "a.test", GET("a.test"));
        ck_assert_ptr_nonnull(strstr(got, "200 OK"));
        https_close(&h);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/https");
    TCase *tc = tcase_create("https");

    tcase_add_test(tc, test_https_request_tells_its_tls);
    tcase_add_test(tc, test_https_plain_request_has_none);
    tcase_add_loop_test(tc, test_https_client_certificate_as_text, 0,
                        (int)(sizeof(own_rows) / sizeof(own_rows[0])));
    tcase_add_loop_test(tc, test_https_client_without_certificate, 0, 2);
    tcase_add_test(tc, test_https_certificate_that_is_too_much);
    tcase_add_test(tc, test_https_certificate_without_memory);
    tcase_add_loop_test(tc, test_https_misdirected, 0,
                        (int)(sizeof(asked) / sizeof(asked[0])));
    tcase_add_loop_test(tc, test_https_plain_http_is_told, 0,
                        (int)(sizeof(insecure) / sizeof(insecure[0])));
    tcase_add_test(tc, test_https_failed_handshakes_are_a_line_a_second);
    tcase_add_test(tc, test_https_tls_where_http_is_spoken);
    tcase_add_test(tc, test_https_R12_tls_counts_against_the_budget);
    tcase_add_loop_test(tc, test_https_a_drain_ends_a_handshake, 0, 3);
    tcase_add_test(tc, test_https_R03_a_peer_that_reads_nothing_is_reset);
    tcase_add_test(tc, test_https_R03_a_slow_reader_is_kept);
    tcase_add_test(tc, test_https_handshake_has_a_deadline);
    tcase_add_test(tc, test_https_every_allocation_fails_in_turn);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
