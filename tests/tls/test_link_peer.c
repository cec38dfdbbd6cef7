/* SPDX-License-Identifier: MIT */
/*
 * What a peer can do to a TLS link, by the rows of FAILURES section 8, on every
 * backend; see link_rig.h.
 */
#include "tests/tls/link_rig.h"

#include <errno.h>
#include <string.h>

static struct link_rig rig;

enum { BULK = 300000 };

static uint8_t bulk[BULK];

static void set_up(void)
{
    for (size_t i = 0; i < BULK; i++)
        bulk[i] = (uint8_t)(131 + i * 7 + i / 251 + (i >> 16));
}

/* Sends what no OpenSSL would. */
static void raw_send(struct link_peer *p, const char *bytes)
{
    size_t len = strlen(bytes);

    p->is_silent = true;
    for (size_t at = 0; at < len;) {
        long n = rig.h->peer_send(p->wire, bytes + at, len - at);

        ck_assert_int_ge(n, 0);
        at += (size_t)n;
        link_turn(&rig);
    }
}

static void end_wire(struct link_peer *p, bool is_abort)
{
    rig.h->peer_close(p->wire, is_abort);
    p->wire = NULL;
}

/* ---- the handshake */

START_TEST(test_T04_a_handshake_that_never_ends_is_ended)
{
    bool is_virtual;

    LINK_OPEN_OR_SKIP(&rig);
    is_virtual = rig.h->sim != NULL;
    for (int i = 0; i < 2; i++) {
        struct link_peer *p;
        struct link_own *own = link_accept(&rig, &p);
        uint64_t start = rig.loop->now_ms;
        uint32_t limit_ms = is_virtual ? 10000 : 60;

        p->is_silent = i == 0;
        p->cut = 1;
        ck_assert_int_eq(
            link_secure_with(
                own,
                &(struct flare__wire_start){.port = 443,
                                            .handshake_timeout_ms = limit_ms}),
            0);
        link_recv_start(own);
        link_send_bytes(own, "x", 1);
        link_turns(&rig, 10); /* so far it comes, and no farther */
        p->is_silent = true;
        LINK_UNTIL(&rig, own->open_res <= 0);
        ck_assert_int_eq(own->open_res, -ETIMEDOUT);
        ck_assert_uint_ge(rig.loop->now_ms - start, limit_ms);
        LINK_UNTIL(&rig, !own->is_receiving && !own->is_sending);
        ck_assert_int_eq(own->recv_res, -ETIMEDOUT);
        ck_assert_int_eq(own->sent_res, -ETIMEDOUT);
        link_close(own, FLARE__CLOSE_ABORT);
        LINK_UNTIL(&rig, own->is_closed);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_T05_a_hello_may_come_byte_by_byte)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    p->cut = 1;
    link_secure(own);
    LINK_UNTIL(&rig, own->is_open);
    link_rig_close(&rig);
}
END_TEST

/* More than a record holds: of protocols that nobody knows. */
START_TEST(test_T05_a_hello_may_be_larger_than_a_record)
{
    enum { NAME = 250, NAMES = 160 };
    static unsigned char protocols[NAMES * (1 + NAME)];
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    memset(protocols, 'x', sizeof(protocols));
    for (size_t i = 0; i < NAMES; i++)
        protocols[i * (1 + NAME)] = NAME;
    if (!rig.is_client) { /* else the hello is ours */
        ck_assert_int_eq(
            SSL_CTX_set_alpn_protos(rig.far, protocols, sizeof(protocols)), 0);
        own = link_open(&rig, NULL);
        ck_assert_int_eq(own->open_res, 0);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_T12_a_flight_larger_than_the_output_is_sent_all_the_same)
{
    enum { BIG = 12, SAN = 9000 };
    char *san = malloc(SAN + 100);
    size_t len = 0;
    struct flare_tls_cert config;
    struct flare_error err;
    struct cert big;
    struct link_peer *p;
    struct link_own *own;
    char *chain;

    LINK_OPEN_OR_SKIP(&rig);
    if (rig.is_client) { /* a client has no such flight */
        link_rig_close(&rig);
        free(san);
        return;
    }
    for (int i = 0; len < SAN; i++)
        len += (size_t)snprintf(san + len, 100, "%sDNS:host%d.example.test",
                                i == 0 ? "" : ",", i);
    cert_make(&big, &(struct cert_spec){.cn = "big", .san = san}, &rig.ca);
    chain = cert_chain(&rig.leaf, &big);
    for (int i = 1; i < BIG; i++) {
        char *longer = cert_chain(&(struct cert){.pem = chain}, &big);

        free(chain);
        chain = longer;
    }
    config =
        (struct flare_tls_cert){.chain = {.pem = flare_str(chain)},
                                .key = {.pem = flare_str(rig.leaf.key_pem)}};
    ck_assert_msg(flare_tls_server_reload(rig.server,
                                          &(struct flare_tls_server_config){
                                              .certs = &config,
                                              .cert_count = 1,
                                              .version_min = rig.version,
                                              .version_max = rig.version},
                                          &err) == 0,
                  "%s", err.text);
    SSL_CTX_set_max_cert_list(rig.far, 1 << 20);
    own = link_open(&rig, &p);
    ck_assert_uint_gt(p->wire_in, 70000);
    link_recv_start(own);
    link_send_bytes(own, bulk, 1000);
    LINK_UNTIL(&rig, p->got_len == 1000);
    link_rig_close(&rig);
    cert_free(&big);
    free(chain);
    free(san);
}
END_TEST

START_TEST(test_T14_a_peer_that_does_not_speak_tls)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    link_secure(own);
    link_recv_start(own);
    raw_send(p, rig.is_client ? "HTTP/1.1 400 Bad Request\r\n\r\n"
                              : "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    LINK_UNTIL(&rig, own->open_res <= 0);
    ck_assert_int_eq(own->open_res, FLARE_E_TLS_PLAIN);
    ck_assert_int_eq(own->err.code, FLARE_E_TLS_PLAIN);
    ck_assert_uint_gt(strlen(own->err.text), 10);
    LINK_UNTIL(&rig, !own->is_receiving);
    ck_assert_int_eq(own->recv_res, FLARE_E_TLS_PLAIN);
    ck_assert_str_eq(own->order, "OE");
    link_close(own, FLARE__CLOSE_GRACEFUL);
    LINK_UNTIL(&rig, own->is_closed);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_T11_the_wrong_host_is_refused_and_the_peer_is_told)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_accept(&rig, &p);
    if (rig.is_client) {
        ck_assert_int_eq(
            link_secure_with(
                own, &(struct flare__wire_start){.port = 443,
                                                 .host = FLARE_STR("b.test")}),
            0);
        link_send_bytes(own, "never", 5);
        LINK_UNTIL(&rig, own->open_res <= 0);
        ck_assert_int_eq(own->open_res, FLARE_E_TLS_HOSTNAME);
        ck_assert_int_eq(own->err.code, FLARE_E_TLS_HOSTNAME);
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_int_eq(own->sent_res, FLARE_E_TLS_HOSTNAME);
        LINK_UNTIL(&rig, p->error == SSL_ERROR_SSL); /* the alert */
        ck_assert_uint_eq(p->got_len, 0);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_a_reset_in_the_handshake)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    for (int i = 0; i < 2; i++) {
        own = link_accept(&rig, &p);
        link_secure(own);
        p->is_silent = true;
        link_turns(&rig, 2);
        end_wire(p, /* is_abort = */ i == 0);
        LINK_UNTIL(&rig, own->open_res <= 0);
        if (i == 0)
            ck_assert_int_eq(own->open_res, -ECONNRESET);
        else
            ck_assert_int_lt(own->open_res, 0);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_what_came_before_the_switch_is_the_beginning)
{
    LINK_OPEN_OR_SKIP(&rig);
    if (rig.is_client) {
        link_rig_close(&rig);
        return;
    }
    for (size_t cut = 1; cut < 300; cut += 37) {
        struct link_peer *p;
        struct link_own *own = link_accept(&rig, &p);
        size_t early;

        p->cut = cut;
        link_recv_start(own); /* of the socket itself: no link yet */
        LINK_UNTIL(&rig, own->in_len > 0);
        early = own->in_len;
        own->in_len = 0;
        ck_assert_int_eq(link_secure_with(own,
                                          &(struct flare__wire_start){
                                              .early = {(char *)own->in, early},
                                              .is_receiving = true}),
                         0);
        memset(own->in, 0, early); /* copied */
        own->order[0] = '\0';
        p->cut = 0;
        LINK_UNTIL(&rig, SSL_is_init_finished(p->ssl));
        link_peer_write(p, 1000, 4, 0);
        LINK_UNTIL(&rig, own->in_len == 1000);
        link_in_check(own, 1000, 4);
        ck_assert_int_eq(own->order[0], 'O');
    }
    link_rig_close(&rig);
}
END_TEST

/* ---- the ends of a stream */

START_TEST(test_T08_an_end_without_close_notify_is_an_error)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    for (int is_late = 0; is_late < 2; is_late++) {
        own = link_open(&rig, &p);
        if (!is_late)
            link_recv_start(own);
        link_peer_write(p, 1000, 1, 0);
        link_turns(&rig, 3);
        rig.h->peer_shutdown(p->wire);
        if (is_late) {
            link_turns(&rig, 5);
            link_recv_start(own);
        }
        LINK_UNTIL(&rig, !own->is_receiving);
        ck_assert_int_eq(own->recv_res, FLARE_E_TLS_TRUNCATED);
        ck_assert_int_eq(own->err.code, FLARE_E_TLS_TRUNCATED);
        link_in_check(own, 1000, 1);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_T09_close_notify_while_we_send_ends_reading_only)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    link_recv_start(own);
    p->is_deaf = true;
    link_send_bytes(own, bulk, BULK);
    link_turns(&rig, 5);
    link_peer_write(p, 500, 2, 0);
    SSL_shutdown(p->ssl);
    SSL_set_shutdown(p->ssl, 0);
    link_peer_write(p, 500, 2, 500); /* nobody will see it */
    LINK_UNTIL(&rig, !own->is_receiving);
    ck_assert_int_eq(own->recv_res, 0);
    link_in_check(own, 500, 2);
    link_recv_start(own);
    LINK_UNTIL(&rig, !own->is_receiving);
    ck_assert_int_eq(own->recv_res, 0);
    p->is_deaf = false;
    LINK_UNTIL(&rig, !own->is_sending && p->got_len == BULK);
    ck_assert_int_eq(own->sent_res, BULK);
    link_peer_check(p, BULK, 1);
    link_in_check(own, 500, 2);
    link_close(own, FLARE__CLOSE_GRACEFUL);
    LINK_UNTIL(&rig, own->is_closed && p->has_end);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_a_reset_ends_both_directions)
{
    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig); /* not every kernel follows new keys */
    for (int is_reading = 0; is_reading < 2; is_reading++) {
        struct link_peer *p;
        struct link_own *own = link_open(&rig, &p);

        link_recv_start(own);
        p->is_deaf = true;
        link_send_bytes(own, bulk, BULK);
        link_turns(&rig, 5);
        if (rig.version == FLARE_TLS_1_3) /* an answer waits behind the send */
            SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED);
        link_peer_write(p, 500, 2, 0);
        LINK_UNTIL(&rig, own->in_len == 500);
        if (!is_reading) {
            link_recv_stop(own);
            LINK_UNTIL(&rig, !own->is_receiving);
        }
        end_wire(p, /* is_abort = */ true);
        LINK_UNTIL(&rig, !own->is_sending);
        ck_assert_int_lt(own->sent_res, BULK);
        LINK_UNTIL(&rig, !own->is_receiving);
        ck_assert_int_lt(own->recv_res, 0);
    }
    link_rig_close(&rig);
}
END_TEST

/* ---- messages after the handshake */

START_TEST(test_T12_new_keys_are_asked_for_while_our_output_is_full)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig); /* not every kernel follows new keys */
    own = link_open(&rig, &p);
    link_recv_start(own);
    if (rig.version == FLARE_TLS_1_3) {
        p->is_deaf = true;
        link_send_bytes(own, bulk, BULK);
        link_turns(&rig, 10);
        for (size_t i = 0; i < 10; i++) {
            SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED);
            link_peer_write(p, 100, 2, 100 * i);
        }
        LINK_UNTIL(&rig, own->in_len == 1000);
        link_in_check(own, 1000, 2);
        p->is_deaf = false;
        LINK_UNTIL(&rig, !own->is_sending && p->got_len == BULK);
        link_peer_check(p, BULK, 1);
        ck_assert_int_eq(own->sent_res, BULK);
        link_send_bytes(own, bulk, 1); /* in the newest keys */
        LINK_UNTIL(&rig, p->got_len == BULK + 1);
    }
    link_rig_close(&rig);
}
END_TEST

static int ticket_give(SSL *ssl, void *arg)
{
    static const char data[4000];

    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data,
                                           sizeof(data));
}

static SSL_TICKET_RETURN ticket_take(SSL *ssl, SSL_SESSION *session,
                                     const unsigned char *name, size_t len,
                                     SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)len;
    (void)status;
    (void)arg;
    return SSL_TICKET_RETURN_IGNORE;
}

/* OpenSSL writes nothing while it is inside a message: a write wants a read. */
START_TEST(test_T12_a_write_waits_for_the_rest_of_the_peers_ticket)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    if (!rig.is_client || rig.version != FLARE_TLS_1_3) {
        link_rig_close(&rig);
        return;
    }
    ck_assert_int_eq(
        SSL_CTX_set_session_ticket_cb(rig.far, ticket_give, ticket_take, NULL),
        1);
    SSL_CTX_set_max_send_fragment(rig.far, 512);
    own = link_accept(&rig, &p);
    link_secure(own);
    link_recv_start(own);
    LINK_UNTIL(&rig, own->is_open);
    p->cut = 700; /* of the ticket, some records and a part of one */
    LINK_UNTIL(&rig, SSL_is_init_finished(p->ssl));
    p->is_silent = true;
    link_turns(&rig, 5);
    ck_assert_uint_gt(p->out_len, 1000);
    link_send_bytes(own, bulk, 5000);
    link_turns(&rig, 5);
    ck_assert(own->is_sending);
    p->is_silent = false;
    p->cut = 0;
    LINK_UNTIL(&rig, !own->is_sending);
    ck_assert_int_eq(own->sent_res, 5000);
    LINK_UNTIL(&rig, p->got_len == 5000);
    link_peer_check(p, 5000, 1);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_T03_a_flood_of_key_updates_is_the_end)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    link_rig_kernel_off(&rig); /* not every kernel follows new keys */
    own = link_open(&rig, &p);
    link_recv_start(own);
    if (rig.version == FLARE_TLS_1_3) {
        for (int i = 0; i < 100; i++) {
            SSL_key_update(p->ssl, SSL_KEY_UPDATE_REQUESTED);
            ck_assert_int_eq(SSL_do_handshake(p->ssl), 1);
        }
        LINK_UNTIL(&rig, !own->is_receiving);
        ck_assert_int_eq(own->recv_res, FLARE_E_TLS_FLOOD);
    }
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_records_of_one_byte)
{
    enum { COUNT = 2000 };
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    link_recv_start(own);
    for (size_t i = 0; i < COUNT; i++)
        link_peer_write(p, 1, 1, i);
    LINK_UNTIL(&rig, own->in_len == COUNT);
    link_in_check(own, COUNT, 1);
    link_rig_close(&rig);
}
END_TEST

START_TEST(test_a_damaged_record_is_an_error_after_what_was_before_it)
{
    struct link_peer *p;
    struct link_own *own;

    LINK_OPEN_OR_SKIP(&rig);
    own = link_open(&rig, &p);
    link_peer_write(p, 1000, 1, 0);
    link_pump(&rig);
    p->is_silent = true;
    link_peer_write(p, 1000, 1, 1000);
    link_pump(&rig);
    p->out[500] ^= 1;
    p->is_silent = false;
    link_turns(&rig, 3);
    link_recv_start(own);
    LINK_UNTIL(&rig, !own->is_receiving);
    ck_assert_int_eq(own->recv_res, FLARE_E_TLS_PROTOCOL);
    link_in_check(own, 1000, 1);
    LINK_UNTIL(&rig, p->error == SSL_ERROR_SSL); /* bad_record_mac */
    link_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/link peers");
    TCase *tc = tcase_create("peers");

    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, set_up, NULL);
#define ROW(name) tcase_add_loop_test(tc, test_##name, 0, LINK_WAYS)
    ROW(T04_a_handshake_that_never_ends_is_ended);
    ROW(T05_a_hello_may_come_byte_by_byte);
    ROW(T05_a_hello_may_be_larger_than_a_record);
    ROW(T12_a_flight_larger_than_the_output_is_sent_all_the_same);
    ROW(T14_a_peer_that_does_not_speak_tls);
    ROW(T11_the_wrong_host_is_refused_and_the_peer_is_told);
    ROW(a_reset_in_the_handshake);
    ROW(what_came_before_the_switch_is_the_beginning);
    ROW(T08_an_end_without_close_notify_is_an_error);
    ROW(T09_close_notify_while_we_send_ends_reading_only);
    ROW(a_reset_ends_both_directions);
    ROW(T12_new_keys_are_asked_for_while_our_output_is_full);
    ROW(T12_a_write_waits_for_the_rest_of_the_peers_ticket);
    ROW(T03_a_flood_of_key_updates_is_the_end);
    ROW(records_of_one_byte);
    ROW(a_damaged_record_is_an_error_after_what_was_before_it);
#undef ROW
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
