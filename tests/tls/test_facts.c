/* SPDX-License-Identifier: MIT */
/*
 * What a stream tells of its TLS and of its peer's certificate, on every
 * backend, into rooms of every size, and where OpenSSL has no memory.  What the
 * texts are like is in tests/http/test_https.c.
 */
#include "tls/facts.h"

#include "tests/support/certs.h"
#include "tests/support/test.h"
#include "tests/tcp/tcp_rig.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <errno.h>
#include <string.h>

int64_t __wrap_flare__clock_realtime(void);

int64_t __wrap_flare__clock_realtime(void)
{
    return CERTS_NOW;
}

/* ---- memory of OpenSSL's that runs out; all of it begins in main */

static int64_t left = -1; /* allocations until one fails; -1: none does */
static bool has_failed;

static bool fails(void)
{
    if (left < 0 || left-- > 0)
        return false;
    has_failed = true;
    left = -1;
    return true;
}

static void *test_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 || fails() ? NULL : malloc(size);
}

static void *test_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return fails() ? NULL : realloc(block, size);
}

static void test_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

/* ---- a pair of streams, each end with a certificate */

static struct tcp_rig rig;
static struct cert ca, ours, theirs;
static flare_tls_server *server;
static flare_tls_client *client;

static void set_up(void)
{
    struct flare_tls_cert shown, own;

    cert_make(&ca, &(struct cert_spec){.cn = "CA", .is_ca = true}, NULL);
    cert_make(&ours, &(struct cert_spec){.cn = "us", .san = "DNS:a.test"}, &ca);
    cert_make(&theirs,
              &(struct cert_spec){.cn = "them", .san = "email:b@b.test"}, &ca);
    shown = cert_config(&ours);
    own = cert_config(&theirs);
    ck_assert_int_eq(
        flare_tls_server_new(&server,
                             &(struct flare_tls_server_config){
                                 .certs = &shown,
                                 .cert_count = 1,
                                 .client_auth = FLARE_TLS_CLIENT_REQUIRED,
                                 .client_ca.pem = flare_str(ca.pem)},
                             NULL),
        0);
    ck_assert_int_eq(
        flare_tls_client_new(&client,
                             &(struct flare_tls_client_config){
                                 .ca.pem = flare_str(ca.pem), .cert = &own},
                             NULL),
        0);
}

static void tear_down(void)
{
    flare_tls_server_free(server);
    flare_tls_client_free(client);
    cert_free(&ca);
    cert_free(&ours);
    cert_free(&theirs);
}

/* false: not on this machine.  Without TLS if `is_plain`. */
static bool open_pair(int backend, bool is_plain, struct tcp_end **a,
                      struct tcp_end **b)
{
    int rc;

    tcp_rig_init(&rig);
    if (!is_plain) {
        rig.server.tls_server = server;
        rig.client.tls_client = client;
        rig.client.tls_host = "a.test";
    }
    rc = tcp_rig_open(&rig, backend, NULL);
    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG) {
        printf("SKIP %s: not here\n", tcp_rig_name(backend));
        return false;
    }
    ck_assert_int_eq(rc, 0);
    *a = tcp_rig_pair(&rig, b);
    TCP_RIG_UNTIL(&rig, (*a)->opens == 1 && (*b)->opens == 1);
    return true;
}

START_TEST(test_facts_of_both_ends)
{
    char room[FLARE_TLS_PEER_BYTES];
    struct flare_tls_peer peer;
    struct flare_tls_info info;
    struct tcp_end *a, *b;

    if (!open_pair(_i, /* is_plain = */ false, &a, &b))
        return;
    ck_assert_int_eq(flare_stream_tls_info(a->stream, &info), 0);
    ck_assert_str_eq(info.version, "TLSv1.3");
    ck_assert(info.is_verified);
    ck_assert_int_eq(
        flare_stream_tls_peer(a->stream, &peer, room, sizeof(room)), 0);
    ck_assert(flare_str_equal(peer.subject, FLARE_STR("CN=us")));
    ck_assert(flare_str_equal(peer.san, FLARE_STR("DNS:a.test")));
    ck_assert_int_eq(flare_stream_tls_info(b->stream, &info), 0);
    ck_assert(info.is_verified);
    ck_assert(flare_str_equal(info.server_name, FLARE_STR("a.test")));
    ck_assert_int_eq(
        flare_stream_tls_peer(b->stream, &peer, room, sizeof(room)), 0);
    ck_assert(flare_str_equal(peer.subject, FLARE_STR("CN=them")));
    ck_assert(flare_str_equal(peer.issuer, FLARE_STR("CN=CA")));
    ck_assert(flare_str_equal(peer.san, FLARE_STR("email:b@b.test")));
    ck_assert_int_eq(peer.not_after, CERTS_NOW + CERTS_DAY);
    ck_assert_int_eq(peer.not_before, CERTS_NOW - CERTS_DAY);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_facts_of_what_is_not_open_or_plain)
{
    char room[FLARE_TLS_PEER_BYTES];
    struct flare_tls_peer peer;
    struct flare_tls_info info;
    struct tcp_end *a, *b;

    ck_assert(open_pair(TCP_RIG_SIM, /* is_plain = */ true, &a, &b));
    ck_assert_int_eq(flare_stream_tls_info(a->stream, &info), -ENOTCONN);
    ck_assert_int_eq(
        flare_stream_tls_peer(b->stream, &peer, room, sizeof(room)), -ENOTCONN);
    tcp_rig_close(&rig);

    ck_assert(open_pair(TCP_RIG_SIM, /* is_plain = */ false, &a, &b));
    a = tcp_rig_dial(&rig); /* has not begun to connect */
    ck_assert_int_eq(flare_stream_tls_info(a->stream, &info), -ENOTCONN);
    ck_assert_int_eq(
        flare_stream_tls_peer(a->stream, &peer, room, sizeof(room)), -ENOTCONN);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_facts_are_whole_or_not_told)
{
    char room[512];
    struct flare_tls_peer peer;
    struct tcp_end *a, *b;
    size_t size = 0;
    size_t whole;
    int rc;

    ck_assert(open_pair(TCP_RIG_SIM, /* is_plain = */ false, &a, &b));
    do {
        char *exact = malloc(size); /* a sanitizer sees a byte past it */

        memset(&peer, 0, sizeof(peer));
        rc = flare_stream_tls_peer(b->stream, &peer, exact, size);
        if (rc < 0) {
            ck_assert_int_eq(rc, -ENOBUFS);
            ck_assert_ptr_null(peer.subject.ptr);
        }
        free(exact);
    } while (rc < 0 && size++ < sizeof(room));
    ck_assert_int_eq(flare_stream_tls_peer(b->stream, &peer, room, size), 0);
    whole = peer.subject.len + peer.issuer.len + peer.serial.len +
            peer.fingerprint.len + peer.san.len;
    ck_assert_uint_eq(size, whole);
    tcp_rig_close(&rig);
}
END_TEST

START_TEST(test_facts_without_memory)
{
    char room[FLARE_TLS_PEER_BYTES];
    struct flare_tls_peer peer;
    struct tcp_end *a, *b;
    int failures = 0;

    ck_assert(open_pair(TCP_RIG_SIM, /* is_plain = */ false, &a, &b));
    for (int64_t n = 0; n == 0 || has_failed; n++) {
        int rc;

        has_failed = false;
        memset(&peer, 0, sizeof(peer));
        left = n;
        rc = flare_stream_tls_peer(b->stream, &peer, room, sizeof(room));
        left = -1;
        ck_assert_int_eq(ERR_peek_error(), 0);
        ck_assert_msg(rc == 0 || rc == -ENOMEM, "%s", flare_error_name(rc));
        failures += rc < 0;
        if (rc == 0) /* OpenSSL could do without: it is all there */
            ck_assert(flare_str_equal(peer.san, FLARE_STR("email:b@b.test")) &&
                      flare_str_equal(peer.subject, FLARE_STR("CN=them")) &&
                      peer.fingerprint.len == 64);
        else
            ck_assert_ptr_null(peer.subject.ptr);
    }
    ck_assert_int_gt(failures, 5);
    tcp_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/facts");
    TCase *tc = tcase_create("facts");

    if (CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free) != 1)
        return 1;
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_facts_of_both_ends, 0, TCP_RIG_BACKENDS);
    tcase_add_test(tc, test_facts_of_what_is_not_open_or_plain);
    tcase_add_test(tc, test_facts_are_whole_or_not_told);
    tcase_add_test(tc, test_facts_without_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
