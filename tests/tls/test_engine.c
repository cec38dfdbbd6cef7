/* SPDX-License-Identifier: MIT */
/* Two engines over memory: handshake, data and ends in every cut. */
#include "tls/engine.h"

#include "tests/support/test.h"
#include "tests/tls/tls_rig.h"

#include <openssl/err.h>

#include <errno.h>
#include <string.h>

static const enum flare_tls_version versions[] = {FLARE_TLS_1_2, FLARE_TLS_1_3};
static const char *const version_names[] = {"TLSv1.2", "TLSv1.3"};

static struct tls_rig rig;
static flare_tls_server *server;
static flare_tls_client *client;

static uint64_t noise_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

static void set_up(void)
{
    rig_init(&rig);
    server = rig_server(&rig, &(struct flare_tls_server_config){.certs = NULL});
    client = NULL;
}

static void tear_down(void)
{
    rig_fini(&rig);
    flare_tls_server_free(server);
    flare_tls_client_free(client);
}

static void start(enum flare_tls_version version)
{
    if (client == NULL)
        client = rig_client(
            &rig, &(struct flare_tls_client_config){.version_min = version,
                                                    .version_max = version});
    rig_start(&rig, server, client, "a.test");
}

START_TEST(test_engine_ends_agree_on_what_was_made)
{
    struct flare_tls_info c;
    struct flare_tls_info s;

    start(versions[_i]);
    rig_run(&rig);
    rig_assert_open(&rig);
    flare__tls_info(rig.client.e, &c);
    flare__tls_info(rig.server.e, &s);
    ck_assert_str_eq(c.version, version_names[_i]);
    ck_assert_str_eq(s.version, version_names[_i]);
    ck_assert_str_eq(c.cipher, s.cipher);
    ck_assert(flare_str_equal(c.server_name, FLARE_STR("a.test")));
    ck_assert(flare_str_equal(s.server_name, FLARE_STR("a.test")));
    ck_assert(c.is_verified);
    ck_assert(!s.is_verified);
    ck_assert(!c.is_resumed);
    ck_assert_uint_eq(c.alpn.len, 0);
}
END_TEST

/* T05: one byte at a time both ways, and everything between. */
START_TEST(test_engine_T05_result_does_not_depend_on_the_cut)
{
    static const size_t cuts[] = {1, 2, 3, 5, 7, 16, 100, 1000, 0};
    static const size_t rooms[] = {1, 3, 4096};

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        for (size_t j = 0; j < sizeof(rooms) / sizeof(rooms[0]); j++) {
            rig.client.cut = rig.server.cut = cuts[i];
            rig.client.room = rig.server.room = rooms[j];
            start(versions[_i]);
            rig_run(&rig);
            rig_assert_open(&rig);
            rig_write(&rig, &rig.client, "ping", 4);
            rig_write(&rig, &rig.server, "and pong", 8);
            ck_assert_uint_eq(rig.server.got_len, 4);
            ck_assert_mem_eq(rig.server.got, "ping", 4);
            ck_assert_uint_eq(rig.client.got_len, 8);
            ck_assert_mem_eq(rig.client.got, "and pong", 8);
            ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
            ck_assert_int_eq(flare__tls_close(rig.server.e), 0);
            rig_run(&rig);
            ck_assert(rig.client.has_end);
            ck_assert(rig.server.has_end);
            rig_stop(&rig);
        }
    }
}
END_TEST

/* Random pieces, random writes of both at once: nothing lost, in order. */
START_TEST(test_engine_carries_any_bytes_in_any_pieces)
{
    static char bytes[100000];
    uint64_t state = 0x7153 + (uint64_t)_i;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)noise_next(&state);
    for (int round = 0; round < 20; round++) {
        struct flare_str up = {bytes, noise_next(&state) % sizeof(bytes)};
        struct flare_str down = {bytes, noise_next(&state) % sizeof(bytes)};
        size_t up_len = up.len;
        size_t down_len = down.len;

        start(versions[_i]);
        for (int turns = 0; up.len > 0 || down.len > 0; turns++) {
            int n;

            ck_assert_int_lt(turns, 1000000);
            rig.client.cut = 1 + noise_next(&state) % 20000;
            rig.server.cut = 1 + noise_next(&state) % 20000;
            rig.client.room = 1 + noise_next(&state) % 20000;
            rig.server.room = 1 + noise_next(&state) % 20000;
            n = flare__tls_write(rig.client.e, up);
            ck_assert(n >= 0 || n == -EAGAIN);
            up.ptr += n > 0 ? n : 0;
            up.len -= n > 0 ? (size_t)n : 0;
            n = flare__tls_write(rig.server.e, down);
            ck_assert(n >= 0 || n == -EAGAIN);
            down.ptr += n > 0 ? n : 0;
            down.len -= n > 0 ? (size_t)n : 0;
            rig_turn(&rig.client);
            rig_turn(&rig.server);
            if (noise_next(&state) % 2 == 0)
                rig_move(&rig.client, &rig.server);
            if (noise_next(&state) % 2 == 0)
                rig_move(&rig.server, &rig.client);
        }
        rig_run(&rig);
        rig_assert_open(&rig);
        ck_assert_uint_eq(rig.server.got_len, up_len);
        ck_assert_mem_eq(rig.server.got, bytes, up_len);
        ck_assert_uint_eq(rig.client.got_len, down_len);
        ck_assert_mem_eq(rig.client.got, bytes, down_len);
        rig_stop(&rig);
    }
}
END_TEST

/* T08 */
START_TEST(test_engine_T08_tells_a_cut_stream_from_a_closed_one)
{
    start(versions[_i]);
    rig_run(&rig);
    rig_write(&rig, &rig.client, "half", 4);
    flare__tls_eof(rig.server.e);
    rig_run(&rig);
    ck_assert_uint_eq(rig.server.got_len, 4);
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_TRUNCATED);
    ck_assert_int_eq(flare__tls_write(rig.server.e, FLARE_STR("x")),
                     FLARE_E_TLS_TRUNCATED);
    ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
    rig_move(&rig.client, NULL);
    ck_assert_int_eq(flare__tls_close(rig.server.e), FLARE_E_TLS_TRUNCATED);
}
END_TEST

START_TEST(test_engine_end_of_stream_after_close_notify_is_an_end)
{
    start(versions[_i]);
    rig_run(&rig);
    ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
    ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
    ck_assert_int_eq(flare__tls_write(rig.client.e, FLARE_STR("x")), -EPIPE);
    rig_run(&rig);
    flare__tls_eof(rig.server.e);
    rig_run(&rig);
    ck_assert(rig.server.has_end);
    ck_assert_int_eq(rig.server.rc, 0);
}
END_TEST

START_TEST(test_engine_end_in_the_handshake_is_an_error_at_every_byte)
{
    struct flare_str out;
    char hello[4096];
    size_t len;

    start(versions[_i]);
    rig_turn(&rig.client);
    out = flare__tls_output(rig.client.e);
    len = out.len;
    ck_assert_uint_lt(len, sizeof(hello));
    memcpy(hello, out.ptr, len);
    rig_stop(&rig);
    for (size_t cut = 0; cut <= len; cut++) {
        rig_start(&rig, server, NULL, NULL);
        rig_feed(&rig.server, hello, cut);
        flare__tls_eof(rig.server.e);
        rig_turn(&rig.server);
        rig_turn(&rig.server);
        ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_TRUNCATED);
        ck_assert_str_eq(flare__tls_error(rig.server.e)->text +
                             strlen(flare__tls_error(rig.server.e)->text) - 13,
                         "the handshake");
        rig_stop(&rig);
    }
}
END_TEST

/* T09: reading is over, writing is not. */
START_TEST(test_engine_T09_half_closed_peer_is_still_written_to)
{
    start(versions[_i]);
    rig_run(&rig);
    ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
    rig_run(&rig);
    ck_assert(rig.server.has_end);
    rig_write(&rig, &rig.server, "late", 4);
    ck_assert_uint_eq(rig.client.got_len, 4);
    rig_feed(&rig.server, "after the end", 13);
    rig_run(&rig);
    ck_assert_int_eq(rig.server.rc, 0);
    ck_assert_uint_eq(rig.server.in_len, 0);
    ck_assert_int_eq(flare__tls_close(rig.server.e), 0);
    rig_run(&rig);
    ck_assert(rig.client.has_end);
}
END_TEST

/* T12: a write that must wait begins again at another address. */
START_TEST(test_engine_T12_output_is_bounded_and_a_write_goes_on_elsewhere)
{
    static char bytes[300000];
    char *copy = NULL;
    size_t done = 0;
    int waits = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31);
    start(versions[_i]);
    rig_run(&rig);
    while (done < sizeof(bytes)) {
        size_t left = sizeof(bytes) - done;
        int n;

        copy = malloc(left);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes + done, left);
        n = flare__tls_write(rig.client.e, (struct flare_str){copy, left});
        free(copy);
        ck_assert_uint_le(flare__tls_output(rig.client.e).len,
                          FLARE__TLS_OUT_MAX);
        if (n == -EAGAIN) {
            ck_assert(flare__tls_wants_drain(rig.client.e));
            rig_run(&rig);
            waits++;
            continue;
        }
        ck_assert_int_gt(n, 0);
        done += (size_t)n;
    }
    rig_run(&rig);
    ck_assert_int_ge(waits, 4);
    ck_assert_uint_eq(rig.server.got_len, sizeof(bytes));
    ck_assert_mem_eq(rig.server.got, bytes, sizeof(bytes));
}
END_TEST

/* T12: wanting to write in the middle of reading. */
START_TEST(test_engine_T12_handshake_waits_for_a_full_output)
{
    const struct flare__tls_start small = {.unix_now = CERTS_NOW,
                                           .out_max = FLARE__TLS_OUT_MIN};
    struct cert ca_twice = rig.ca;
    char *cas = cert_chain(&rig.ca, &rig.ca);
    char *chain;
    struct flare_tls_cert cert = cert_config(&rig.leaf);
    flare_tls_server *long_server;
    size_t seen = 0;
    bool has_waited = false;

    ca_twice.pem = cas;
    chain = cert_chain(&rig.leaf, &ca_twice);
    cert.chain.pem = flare_str(chain);
    long_server = rig_server(&rig, &(struct flare_tls_server_config){
                                       .certs = &cert, .cert_count = 1});
    start(versions[_i]);
    flare__tls_free(rig.server.e);
    ck_assert_int_eq(flare__tls_new_server(&rig.server.e, long_server, &small),
                     0);
    for (int turns = 0; turns < 1000; turns++) {
        rig_turn(&rig.client);
        rig_move(&rig.client, &rig.server);
        rig_turn(&rig.server);
        if (flare__tls_wants_drain(rig.server.e))
            has_waited = true;
        ck_assert_uint_le(flare__tls_output(rig.server.e).len,
                          FLARE__TLS_OUT_MIN + 4096);
        seen += flare__tls_output(rig.server.e).len;
        rig_move(&rig.server, &rig.client);
    }
    rig_assert_open(&rig);
    ck_assert(has_waited);
    ck_assert_uint_gt(seen, FLARE__TLS_OUT_MIN);
    rig_write(&rig, &rig.server, "x", 1);
    ck_assert_uint_eq(rig.client.got_len, 1);
    flare_tls_server_free(long_server);
    free(chain);
    free(cas);
}
END_TEST

START_TEST(test_engine_new_keys_do_not_disturb_the_data)
{
    start(versions[_i]);
    rig_run(&rig);
    if (versions[_i] == FLARE_TLS_1_2) {
        ck_assert_int_eq(flare__tls_rekey(rig.client.e), -EOPNOTSUPP);
        return;
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(flare__tls_rekey(rig.client.e), 0);
        rig_write(&rig, &rig.client, "abcd", 4);
        ck_assert_int_eq(flare__tls_rekey(rig.server.e), 0);
        rig_write(&rig, &rig.server, "abcd", 4);
    }
    rig_assert_open(&rig);
    ck_assert_uint_eq(rig.client.got_len, 40);
    ck_assert_uint_eq(rig.server.got_len, 40);
}
END_TEST

/* T14 */
START_TEST(test_engine_T14_knows_what_is_not_tls)
{
    static const char *const plain[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.0\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        for (size_t cut = 0; cut < 3; cut++) {
            rig.server.cut = cut;
            rig_start(&rig, server, NULL, NULL);
            rig_feed(&rig.server, plain[i], strlen(plain[i]));
            while (rig_turn(&rig.server))
                ;
            ck_assert_msg(rig.server.rc == FLARE_E_TLS_PLAIN, "%s: %s",
                          plain[i], flare__tls_error(rig.server.e)->text);
            rig_stop(&rig);
        }
    }
    start(FLARE_TLS_ANY);
    rig_feed(&rig.client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    while (rig_turn(&rig.client))
        ;
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_PLAIN);
}
END_TEST

/* T04: memory and bytes before anybody is known. */
START_TEST(test_engine_T04_handshake_is_bounded)
{
    static const char ccs[] = "\x14\x03\x03\x00\x01\x01";
    static const char empty[] = "\x16\x03\x03\x00\x00";

    for (int kind = 0; kind < 2; kind++) {
        size_t fed = 0;

        start(versions[_i]);
        rig_turn(&rig.client);
        rig_move(&rig.client, &rig.server);
        rig_turn(&rig.server);
        while (rig.server.rc == 0 && fed < 1024 * 1024) {
            if (kind == 0)
                rig_feed(&rig.server, ccs, 6);
            else
                rig_feed(&rig.server, empty, 5);
            fed += 6;
            rig_turn(&rig.server);
        }
        ck_assert_int_lt(rig.server.rc, 0);
        ck_assert_uint_le(fed, FLARE__TLS_HANDSHAKE_MAX + 16384);
        rig_stop(&rig);
    }
}
END_TEST

START_TEST(test_engine_bytes_changed_on_the_way_are_refused)
{
    struct flare_str out;
    char record[256];

    start(versions[_i]);
    rig_run(&rig);
    ck_assert_int_eq(flare__tls_write(rig.client.e, FLARE_STR("data")), 4);
    out = flare__tls_output(rig.client.e);
    ck_assert_uint_lt(out.len, sizeof(record));
    memcpy(record, out.ptr, out.len);
    record[out.len - 1] ^= 1;
    rig_feed(&rig.server, record, out.len);
    rig_turn(&rig.server);
    ck_assert_int_eq(rig.server.rc, FLARE_E_TLS_PROTOCOL);
    ck_assert_uint_eq(rig.server.got_len, 0);
    /* the alert is there to be sent, and the client says so */
    rig_move(&rig.server, &rig.client);
    rig_turn(&rig.client);
    ck_assert_int_eq(rig.client.rc, FLARE_E_TLS_ALERT);
}
END_TEST

/* T13: errors of one connection are not another's. */
START_TEST(test_engine_T13_does_not_see_old_errors_of_its_thread)
{
    start(versions[_i]);
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    rig_turn(&rig.client);
    ck_assert_int_eq(rig.client.rc, 0);
    rig_run(&rig);
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    rig_write(&rig, &rig.client, "x", 1);
    ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    ck_assert_int_eq(flare__tls_close(rig.client.e), 0);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    rig_run(&rig);
    ck_assert(rig.server.has_end);
}
END_TEST

/* T18, and the largest record both ways. */
START_TEST(test_engine_T18_carries_a_record_of_full_size)
{
    static char bytes[FLARE__TLS_RECORD];

    memset(bytes, 'r', sizeof(bytes));
    start(versions[_i]);
    rig_run(&rig);
    ck_assert_int_eq(flare__tls_write(rig.client.e,
                                      (struct flare_str){bytes, sizeof(bytes)}),
                     FLARE__TLS_RECORD);
    rig_run(&rig);
    ck_assert_uint_eq(rig.server.got_len, sizeof(bytes));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/engine");
    TCase *tc = tcase_create("engine");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_engine_ends_agree_on_what_was_made, 0, 2);
    tcase_add_loop_test(tc, test_engine_T05_result_does_not_depend_on_the_cut,
                        0, 2);
    tcase_add_loop_test(tc, test_engine_carries_any_bytes_in_any_pieces, 0, 2);
    tcase_add_loop_test(
        tc, test_engine_T08_tells_a_cut_stream_from_a_closed_one, 0, 2);
    tcase_add_loop_test(
        tc, test_engine_end_of_stream_after_close_notify_is_an_end, 0, 2);
    tcase_add_loop_test(
        tc, test_engine_end_in_the_handshake_is_an_error_at_every_byte, 0, 2);
    tcase_add_loop_test(
        tc, test_engine_T09_half_closed_peer_is_still_written_to, 0, 2);
    tcase_add_loop_test(
        tc, test_engine_T12_output_is_bounded_and_a_write_goes_on_elsewhere, 0,
        2);
    tcase_add_loop_test(tc, test_engine_T12_handshake_waits_for_a_full_output,
                        0, 2);
    tcase_add_loop_test(tc, test_engine_new_keys_do_not_disturb_the_data, 0, 2);
    tcase_add_test(tc, test_engine_T14_knows_what_is_not_tls);
    tcase_add_loop_test(tc, test_engine_T04_handshake_is_bounded, 0, 2);
    tcase_add_loop_test(tc, test_engine_bytes_changed_on_the_way_are_refused, 0,
                        2);
    tcase_add_loop_test(
        tc, test_engine_T13_does_not_see_old_errors_of_its_thread, 0, 2);
    tcase_add_loop_test(tc, test_engine_T18_carries_a_record_of_full_size, 0,
                        2);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
