/* SPDX-License-Identifier: MIT */
/*
 * Connections of the server: messages, control frames, the close and every
 * other end, by the rows of FAILURES section 7.
 */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"
#include "ws/conn.h"

#include <string.h>

static struct flare_ws_handler plain;
static struct flare_ws_handler small; /* limits */

static struct rig *rig_open(const struct flare_ws_handler *h)
{
    struct rig *r = ws_rig_new(h);

    ws_rig_open(r, 0);
    ck_assert_int_eq(ws_seen.opened, 1);
    return r;
}

/* What came is `got`; the rest of the connection's life follows. */
#define ck_assert_got(r, got) ck_assert_str_eq(ws_rig_got((r), 0), (got))

/* ---- messages ---- */

START_TEST(test_conn_echo_of_every_length)
{
    static const size_t lengths[] = {0,    1,    125,   126,   127,
                                     4095, 4096, 65535, 65536, 300000};
    struct rig *r = rig_open(&plain);
    char *bytes = malloc(300000);
    char text[256] = "";

    memset(bytes, 'x', 300000);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        ws_rig_frame(r, 0, 0x82, bytes, lengths[i]);
        rig_run(r, 50);
        ck_assert_uint_eq(ws_seen.len, lengths[i]);
        ck_assert_int_eq(memcmp(ws_seen.bytes, bytes, lengths[i]), 0);
        ck_assert_int_eq(ws_seen.kind, FLARE_WS_BINARY);
    }
    (void)snprintf(text, sizeof(text),
                   "B: B:x B#125 B#126 B#127 B#4095 B#4096 "
                   "B#65535 B#65536 B#300000");
    ck_assert_got(r, text);
    free(bytes);
    ws_rig_free(r);
}
END_TEST

/* Its state lives in the room of the HTTP connection. */
START_TEST(test_conn_idle_takes_no_memory_beside_http)
{
    struct rig *r = rig_open(&plain);
    size_t bytes = r->fault.live_bytes;
    size_t blocks = r->fault.live_blocks;

    ws_rig_open(r, 1);
    ws_rig_text(r, 1, "a");
    rig_run(r, 10);
    ck_assert_uint_eq(r->fault.live_blocks, blocks);
    ck_assert_uint_eq(r->fault.live_bytes, bytes);
    ws_rig_free(r);
}
END_TEST

/* Several messages in one read leave in one piece; none takes memory. */
START_TEST(test_conn_many_messages_of_a_read_leave_together)
{
    struct rig *r = rig_open(&plain);
    size_t blocks;
    char wire[2048];
    size_t len = 0;

    ws_rig_text(r, 0, "warm");
    rig_run(r, 10);
    blocks = r->fault.live_blocks;
    for (int i = 0; i < 20; i++)
        len += ws_rig_put(wire + len, 0x81, "abc", 3);
    rig_send(r, 0, wire, len);
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 21);
    ck_assert_int_eq(r->peers[0].got[r->peers[0].len - 1], 'c');
    ck_assert_uint_eq(r->fault.live_blocks, blocks);
    ck_assert_ptr_null(ws_seen.ws->reader); /* at rest it owns nothing */
    ws_rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    const char *frames; /* "first:payload" each, hexadecimal first bytes */
    const char *got;
    int messages;
    uint16_t code; /* told; 0: it is open */
} rows[] = {
    {"fragments", "01:he 00:l 80:lo", "T:hello", 1, 0},
    {"empty fragments", "01: 00: 80:", "T:", 1, 0},
    {"W09 a ping between", "01:he 89:p 80:llo", "T:hello O:p", 1, 0},
    {"W15 the last ping is answered", "89:a 89:b 89:c", "O:c", 0, 0},
    {"a ping before a close", "89:a 88:", "O:a C:", 0, 1005},
    {"a ping before a message", "89:a 81:m", "T:m O:a", 1, 0},
    {"W16 a pong nobody asked for", "8a:x", "", 0, 0},
    {"W03 RSV1", "c1:x", "C:1002,", 0, 1002},
    {"W03 RSV2", "a1:x", "C:1002,", 0, 1002},
    {"W04 opcode 3", "83:x", "C:1002,", 0, 1002},
    {"W04 opcode B", "8b:x", "C:1002,", 0, 1002},
    {"W05 a ping in fragments", "09:x", "C:1002,", 0, 1002},
    {"W08 a continuation of nothing", "80:x", "C:1002,", 0, 1002},
    {"W08 a message in a message", "01:x 81:y", "C:1002,", 0, 1002},
    {"W11 not UTF-8", "81:\xff", "C:1007,", 0, 1007},
    {"W11 cut in a character", "01:\xc3 80:\xa9", "T:\xc3\xa9", 1, 0},
    {"W11 a character is not ended", "81:\xc3", "C:1007,", 0, 1007},
    {"W12 an empty close", "88:", "C:", 0, 1005},
    {"W12 half a code", "88:x", "C:1002,", 0, 1002},
    {"W13 data behind a close", "88: 81:x", "C:", 0, 1005},
    {"a fault behind a message", "81:x 83:y", "T:x C:1002,", 1, 1002},
};

static void send_row(struct rig *r, const char *frames)
{
    char wire[512];
    size_t len = 0;
    const char *p = frames;

    while (*p != '\0') {
        unsigned first = (unsigned)strtoul(p, NULL, 16);
        size_t n = strcspn(p + 3, " ");

        len += ws_rig_put(wire + len, first, p + 3, n);
        p += 3 + n;
        p += *p == ' ';
    }
    rig_send(r, 0, wire, len);
    rig_run(r, 20);
}

/* The server's text behind a code is its own affair. */
static bool is_got(const char *got, const char *wanted)
{
    size_t len = strlen(wanted);

    if (len > 0 && wanted[len - 1] == ',')
        return strncmp(got, wanted, len) == 0;
    return strcmp(got, wanted) == 0;
}

START_TEST(test_conn_frames_and_what_is_said)
{
    struct rig *r = rig_open(&plain);

    send_row(r, rows[_i].frames);
    ck_assert_msg(is_got(ws_rig_got(r, 0), rows[_i].got), "%s: %s",
                  rows[_i].name, ws_rig_got(r, 0));
    ck_assert_msg(ws_seen.messages == rows[_i].messages, "%s: %d messages",
                  rows[_i].name, ws_seen.messages);
    ck_assert_msg(ws_seen.code == rows[_i].code, "%s: told %u", rows[_i].name,
                  ws_seen.code);
    ck_assert_int_eq(ws_seen.closed, rows[_i].code != 0);
    ck_assert_int_eq(r->peers[0].has_fin, rows[_i].code != 0);
    ck_assert(!r->peers[0].has_rst);
    ws_rig_free(r);
    ck_assert_int_eq(ws_seen.closed, 1);
}
END_TEST

START_TEST(test_conn_rows_do_not_depend_on_the_cut)
{
    struct rig *r;
    char wire[64];
    size_t len = ws_rig_put(wire, 0x01, "he", 2);

    len += ws_rig_put(wire + len, 0x89, "ping", 4);
    len += ws_rig_put(wire + len, 0x80, "llo", 3);
    for (size_t cut = 1; cut < len; cut++) {
        r = rig_open(&plain);
        rig_send(r, 0, wire, cut);
        rig_run(r, 5);
        rig_send(r, 0, wire + cut, len - cut);
        rig_run(r, 5);
        ck_assert_int_eq(ws_seen.messages, 1);
        ck_assert_str_eq(ws_seen.bytes, "hello");
        ck_assert_ptr_null(ws_seen.ws->reader);
        ws_rig_free(r);
    }
}
END_TEST

START_TEST(test_conn_W01_an_unmasked_frame)
{
    struct rig *r = rig_open(&plain);

    rig_send(r, 0, "\x81\x01x", 3);
    rig_run(r, 10);
    ck_assert_int_eq(strncmp(ws_rig_got(r, 0), "C:1002,", 7), 0);
    ck_assert_uint_eq(ws_seen.code, 1002);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_W06_W10_too_large)
{
    struct rig *r = rig_open(&small);
    char head[14] = {(char)0x82, (char)0xff, 0x7f}; /* and a key */
    size_t bytes = r->fault.live_bytes;

    rig_send(r, 0, head, sizeof(head)); /* 2^62 are promised */
    rig_run(r, 10);
    ck_assert_uint_eq(ws_seen.code, 1009);
    ck_assert_uint_le(r->fault.live_bytes, bytes);
    ws_rig_open(r, 0);
    send_row(r, "02:01234567890123456789 80:01234567890123456789");
    ck_assert_int_eq(strncmp(ws_rig_got(r, 0), "C:1009,", 7), 0);
    ws_rig_open(r, 0);
    send_row(r, "02: 00: 00: 00: 00: 00:"); /* too many frames */
    ck_assert_int_eq(strncmp(ws_rig_got(r, 0), "C:1009,", 7), 0);
    ck_assert_int_eq(ws_seen.closed, 3);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_W15_a_flood_of_pings_is_bounded)
{
    struct rig *r = rig_open(&plain);
    char wire[4000];
    size_t len = 0;

    while (len + 16 < sizeof(wire))
        len += ws_rig_put(wire + len, 0x89, "12345678", 8);
    r->peers[0].is_deaf = true;
    for (int i = 0; i < 400; i++) {
        (void)flare__sim_peer_send(&r->peers[0].peer, wire, len);
        rig_run(r, 1);
    }
    ck_assert_uint_le(flare_ws_queued(ws_seen.ws), 256 * 1024 + 4096);
    ws_rig_free(r);
}
END_TEST

/* ---- the close ---- */

START_TEST(test_conn_the_peer_closes)
{
    struct rig *r = rig_open(&plain);

    ws_rig_close(r, 0, 4000, "bye");
    rig_run(r, 10);
    ck_assert_got(r, "C:4000,");
    ck_assert_uint_eq(ws_seen.code, 4000);
    ck_assert_str_eq(ws_seen.reason, "bye");
    ck_assert(r->peers[0].has_fin);
    ws_rig_free(r);
    ck_assert_int_eq(ws_seen.closed, 1);
}
END_TEST

START_TEST(test_conn_a_code_only_clients_have_is_answered_with_another)
{
    struct rig *r = rig_open(&plain);

    ws_rig_close(r, 0, 1010, "");
    rig_run(r, 10);
    ck_assert_got(r, "C:1000,");
    ck_assert_uint_eq(ws_seen.code, 1010);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_the_server_closes)
{
    struct rig *r = rig_open(&plain);

    ck_assert_int_eq(flare_ws_close(ws_seen.ws, 1000, FLARE_STR("done")), 0);
    ck_assert_int_eq(flare_ws_close(ws_seen.ws, 1001, FLARE_STR("again")), 0);
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("x")),
                     FLARE_E_GONE);
    rig_run(r, 10);
    ws_rig_text(r, 0, "late"); /* dropped */
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 0);
    ck_assert_int_eq(ws_seen.closed, 0);
    ws_rig_close(r, 0, 1000, "");
    rig_run(r, 10);
    ck_assert_got(r, "C:1000,done");
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1000);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_W12_codes_that_must_not_be_sent)
{
    struct rig *r = rig_open(&plain);
    static const uint16_t bad[] = {0, 999, 1004, 1006, 1015, 2999, 5000};
    char reason[125];

    memset(reason, 'r', sizeof(reason));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(
            flare_ws_close(ws_seen.ws, bad[i], (struct flare_str){NULL, 0}),
            FLARE_E_WS_BAD_CLOSE);
    ck_assert_int_eq(
        flare_ws_close(ws_seen.ws, 1000, (struct flare_str){reason, 124}),
        FLARE_E_WS_BAD_CLOSE);
    ws_rig_text(r, 0, "still");
    rig_run(r, 10);
    ck_assert_got(r, "T:still");
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_W14_a_close_that_nobody_answers)
{
    struct rig *r = rig_open(&plain);

    ck_assert_int_eq(
        flare_ws_close(ws_seen.ws, 1000, (struct flare_str){NULL, 0}), 0);
    rig_run(r, 2500);
    ws_rig_text(r, 0, "talk"); /* does not move the deadline */
    rig_run(r, 2400);
    ck_assert_int_eq(ws_seen.closed, 0);
    rig_run(r, 200);
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1006);
    ck_assert(r->peers[0].has_rst);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_M07_a_drain_says_1001)
{
    struct rig *r = rig_open(&plain);

    flare__http_drain(&r->http);
    rig_run(r, 10);
    ck_assert_got(r, "C:1001,");
    ck_assert_int_eq(ws_seen.closed, 0);
    ws_rig_close(r, 0, 1001, "");
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.closed, 1);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ false);
    rig_run(r, 10);
    ck_assert(flare__http_is_idle(&r->http));
    r->peers[0].has_rst = true; /* it is closed here */
    ws_rig_free(r);
}
END_TEST

/* ---- other ends ---- */

START_TEST(test_conn_a_peer_that_leaves_without_a_close)
{
    struct rig *r = rig_open(&plain);

    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ _i);
    r->peers[0].has_rst = true;
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1006);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_abort_is_a_reset)
{
    struct rig *r = rig_open(&plain);

    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("lost")), 0);
    flare_ws_abort(ws_seen.ws);
    ck_assert_int_eq(ws_seen.closed, 0); /* nothing is called from inside */
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("x")),
                     FLARE_E_GONE);
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1006);
    ck_assert(r->peers[0].has_rst);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_a_silent_peer_is_asked_and_dropped)
{
    struct rig *r = rig_open(&plain);

    rig_run(r, 29900);
    ck_assert_got(r, "");
    rig_run(r, 200);
    ck_assert_got(r, "I:");
    ws_rig_frame(r, 0, 0x8a, "", 0); /* it lives */
    rig_run(r, 29000);
    ck_assert_int_eq(ws_seen.pongs, 1);
    ck_assert_got(r, "I:");
    rig_run(r, 1100);
    ck_assert_got(r, "I: I:");
    rig_run(r, 19800);
    ck_assert_int_eq(ws_seen.closed, 0);
    rig_run(r, 300);
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1006);
    ws_rig_free(r);
}
END_TEST

/* ---- pausing ---- */

static void pause_after(flare_ws *ws, struct flare_str bytes)
{
    (void)bytes;
    flare_ws_pause(ws);
}

START_TEST(test_conn_paused_messages_come_one_by_one)
{
    struct rig *r = rig_open(&plain);
    char wire[64];
    size_t len = 0;

    for (int i = 0; i < 3; i++)
        len += ws_rig_put(wire + len, 0x81, &"abc"[i], 1);
    ws_rig_on_message = pause_after;
    rig_send(r, 0, wire, len);
    rig_run(r, 10);
    ws_rig_text(r, 0, "d");
    rig_run(r, 10);
    for (int i = 1; i <= 4; i++) {
        ck_assert_int_eq(ws_seen.messages, i);
        ck_assert_int_eq(ws_seen.bytes[0], 'a' + i - 1);
        flare_ws_resume(ws_seen.ws);
        ck_assert_int_eq(ws_seen.messages, i); /* nothing from inside */
        rig_run(r, 10);
    }
    ck_assert_int_eq(ws_seen.messages, 4);
    ck_assert_ptr_null(ws_seen.ws->reader);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_paused_what_came_before_the_end_is_heard)
{
    struct rig *r = rig_open(&plain);
    char wire[64];
    size_t len = ws_rig_put(wire, 0x81, "a", 1);

    len += ws_rig_put(wire + len, 0x81, "b", 1);
    ws_rig_on_message = pause_after;
    rig_send(r, 0, wire, len);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ false);
    r->peers[0].has_rst = true;
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 1);
    ck_assert_int_eq(ws_seen.closed, 0);
    ws_rig_on_message = NULL;
    flare_ws_resume(ws_seen.ws);
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 2);
    ck_assert_int_eq(ws_seen.closed, 1);
    ws_rig_free(r);
}
END_TEST

/* ---- W26: everything in every callback ---- */

static int deed;
static const char *const deeds[] = {"close", "abort",        "pause, resume",
                                    "ping",  "close, abort", "abort, close"};

static void do_deed(flare_ws *ws)
{
    struct flare_str nothing = {NULL, 0};

    if (deed == 0 || deed == 4)
        (void)flare_ws_close(ws, 1000, nothing);
    if (deed == 1 || deed == 4 || deed == 5)
        flare_ws_abort(ws);
    if (deed == 5)
        (void)flare_ws_close(ws, 1000, nothing);
    if (deed == 2) {
        flare_ws_pause(ws);
        flare_ws_resume(ws);
    }
    if (deed == 3)
        (void)(flare_ws_ping(ws, nothing) == 0);
    /* and whatever it did, the rest may be called */
    (void)(flare_ws_send_text(ws, FLARE_STR("x")) == 0);
    (void)flare_ws_queued(ws);
    (void)flare_ws_peer(ws);
    ck_assert_ptr_nonnull(flare_ws_loop(ws));
    flare_ws_set_ctx(ws, &deed);
    ck_assert_ptr_eq(flare_ws_ctx(ws), &deed);
    flare_ws_set_ctx(ws, &ws_seen);
    ck_assert_ptr_eq(flare_ws_ctx(ws), &ws_seen);
}

static void deed_on_message(flare_ws *ws, struct flare_str bytes)
{
    (void)bytes;
    do_deed(ws);
}

START_TEST(test_conn_W26_everything_in_every_callback)
{
    struct rig *r = ws_rig_new(&plain);

    deed = _i % (int)ROWS(deeds);
    if (_i < (int)ROWS(deeds))
        ws_rig_on_open = do_deed;
    else if (_i < 2 * (int)ROWS(deeds))
        ws_rig_on_message = deed_on_message;
    else
        ws_rig_on_closed = do_deed;
    rig_connect(r, 0);
    rig_text(r, 0, WS_HELLO);
    rig_run(r, 5);
    send_row(r, "81:a 81:b 89:c 81:d");
    ws_rig_close(r, 0, 1000, "");
    rig_run(r, 6000);
    ck_assert_msg(ws_seen.closed == 1, "%s, %d", deeds[deed], _i);
    ws_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/conn");
    TCase *tc = tcase_create("conn");

    ws_rig_handler(&plain);
    small = plain;
    small.message_bytes_max = 30;
    small.message_frames_max = 4;
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_conn_echo_of_every_length);
    tcase_add_test(tc, test_conn_idle_takes_no_memory_beside_http);
    tcase_add_test(tc, test_conn_many_messages_of_a_read_leave_together);
    tcase_add_loop_test(tc, test_conn_frames_and_what_is_said, 0, ROWS(rows));
    tcase_add_test(tc, test_conn_rows_do_not_depend_on_the_cut);
    tcase_add_test(tc, test_conn_W01_an_unmasked_frame);
    tcase_add_test(tc, test_conn_W06_W10_too_large);
    tcase_add_test(tc, test_conn_W15_a_flood_of_pings_is_bounded);
    tcase_add_test(tc, test_conn_the_peer_closes);
    tcase_add_test(tc,
                   test_conn_a_code_only_clients_have_is_answered_with_another);
    tcase_add_test(tc, test_conn_the_server_closes);
    tcase_add_test(tc, test_conn_W12_codes_that_must_not_be_sent);
    tcase_add_test(tc, test_conn_W14_a_close_that_nobody_answers);
    tcase_add_test(tc, test_conn_M07_a_drain_says_1001);
    tcase_add_loop_test(tc, test_conn_a_peer_that_leaves_without_a_close, 0, 2);
    tcase_add_test(tc, test_conn_abort_is_a_reset);
    tcase_add_test(tc, test_conn_a_silent_peer_is_asked_and_dropped);
    tcase_add_test(tc, test_conn_paused_messages_come_one_by_one);
    tcase_add_test(tc, test_conn_paused_what_came_before_the_end_is_heard);
    tcase_add_loop_test(tc, test_conn_W26_everything_in_every_callback, 0,
                        3 * (int)ROWS(deeds));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
