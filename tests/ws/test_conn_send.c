/* SPDX-License-Identifier: MIT */
/*
 * What is sent: the queue and its marks, gifts and shared frames given back
 * once, fragments, refusals that queue nothing, and no memory.
 */
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"
#include "ws/conn.h"
#include "ws/deflate.h"

#include <flare/ws_client.h>

#include <errno.h>
#include <string.h>

static struct flare_ws_handler plain;
static struct flare_ws_handler narrow;   /* queue */
static struct flare_ws_handler strict;   /* closes who is slow */
static struct flare_ws_handler deflated; /* every message */

static struct rig *rig_open(const struct flare_ws_handler *h)
{
    struct rig *r = ws_rig_new(h);

    ws_rig_open(r, 0);
    ck_assert_int_eq(ws_seen.opened, 1);
    return r;
}

/* The same, and the peer can inflate. */
static struct rig *rig_open_deflated(void)
{
    struct rig *r = ws_rig_new(&deflated);

    rig_connect(r, 0);
    rig_text(r, 0,
             WS_GET WS_VERSION
             "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.opened, 1);
    ck_assert_ptr_nonnull(ws_seen.ws->reader->coding);
    return r;
}

/* What came is `got`; the rest of the connection's life follows. */
#define ck_assert_got(r, got) ck_assert_str_eq(ws_rig_got((r), 0), (got))

static char zeros[100000];

static int send_zeros(size_t len)
{
    return flare_ws_send_binary(ws_seen.ws, (struct flare_str){zeros, len});
}

static int freed;

static void on_free(void *ctx, void *block)
{
    ck_assert_ptr_eq(ctx, &freed);
    ck_assert_ptr_nonnull(block);
    freed++;
}

/* Of a frame that several share: the block is whatever it is. */
static void on_shared(void *ctx, void *block)
{
    (void)block;
    ck_assert_ptr_eq(ctx, &freed);
    freed++;
}

START_TEST(test_conn_send_what_cannot_be_sent)
{
    struct rig *r = rig_open(&plain);
    char payload[126] = "";
    struct flare_ws_fragment part = {FLARE_STR("a"), FLARE_WS_TEXT, true,
                                     false};

    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("\xff")),
                     FLARE_E_WS_TEXT);
    ck_assert_int_eq(
        flare_ws_ping(ws_seen.ws, (struct flare_str){payload, 126}),
        FLARE_E_RANGE);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part),
                     FLARE_E_ALREADY_ANSWERED);
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("x")),
                     FLARE_E_ALREADY_ANSWERED);
    ck_assert_int_eq(flare_ws_ping(ws_seen.ws, FLARE_STR("p")), 0);
    part.is_first = false;
    part.is_last = true;
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part),
                     FLARE_E_NOT_STARTED);
    rig_run(r, 10);
    ck_assert_got(r, "t:a I:p K:a");
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_send_given_bytes_come_back_once)
{
    struct rig *r = rig_open(&plain);
    static char bytes[100000];
    struct flare_str all = {bytes, sizeof(bytes)};

    freed = 0;
    ck_assert_int_eq(
        flare_ws_send_give(ws_seen.ws, FLARE_WS_BINARY, all, on_free, &freed),
        0);
    ck_assert_int_eq(freed, 0);
    rig_run(r, 50);
    ck_assert_int_eq(freed, 1);
    ck_assert_got(r, "B#100000");
    r->peers[0].is_deaf = true;
    ck_assert_int_ge(
        flare_ws_send_give(ws_seen.ws, FLARE_WS_BINARY, all, on_free, &freed),
        0);
    flare_ws_abort(ws_seen.ws);
    ck_assert_int_eq(
        flare_ws_send_give(ws_seen.ws, FLARE_WS_BINARY, all, on_free, &freed),
        FLARE_E_GONE);
    rig_run(r, 50);
    ws_rig_free(r);
    ck_assert_int_eq(freed, 2);
}
END_TEST

/* A kernel takes some, whatever the peer reads. */
static int fill(struct rig *r, int i)
{
    static char bytes[4000];
    int rc = 0;

    r->peers[i].is_deaf = true;
    for (int n = 0; n < 10000 && rc >= 0; n++) {
        rc = flare_ws_send_binary(ws_seen.ws,
                                  (struct flare_str){bytes, sizeof(bytes)});
        rig_run(r, 1);
    }
    return rc;
}

START_TEST(test_conn_send_W27_a_slow_peer_has_a_bound_and_is_told_of_room)
{
    struct rig *r = rig_open(&narrow);

    ck_assert_int_eq(fill(r, 0), FLARE_E_OUTPUT_FULL);
    ck_assert_uint_le(flare_ws_queued(ws_seen.ws), 20000);
    ck_assert_uint_gt(flare_ws_queued(ws_seen.ws), 15000);
    ck_assert_int_eq(ws_seen.drains, 0);
    ws_rig_text(r, 0, "unheard"); /* as long as it does not read */
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 0);
    r->peers[0].is_deaf = false;
    r->peers[0].len += flare__sim_peer_recv(&r->peers[0].peer,
                                            r->peers[0].got + r->peers[0].len,
                                            RIG_OUTPUT_MAX / 2);
    rig_run(r, 100);
    ck_assert_int_eq(ws_seen.drains, 1);
    ck_assert_int_eq(ws_seen.messages, 1);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_send_W27_a_slow_peer_may_be_closed)
{
    struct rig *r = rig_open(&strict);

    ck_assert_int_eq(fill(r, 0), FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("x")),
                     FLARE_E_GONE);
    rig_run(r, 6000);
    ck_assert_int_eq(ws_seen.closed, 1);
    ck_assert_uint_eq(ws_seen.code, 1006);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_send_a_message_larger_than_the_queue_goes_if_it_is_empty)
{
    struct rig *r = rig_open(&narrow);
    static char bytes[50000];

    ck_assert_int_eq(flare_ws_send_binary(
                         ws_seen.ws, (struct flare_str){bytes, sizeof(bytes)}),
                     1);
    ck_assert_int_eq(flare_ws_send_binary(ws_seen.ws, FLARE_STR("x")),
                     FLARE_E_OUTPUT_FULL);
    rig_run(r, 50);
    ck_assert_int_eq(ws_seen.drains, 1);
    ck_assert_got(r, "B#50000");
    ws_rig_free(r);
}
END_TEST

/* ---- the marks ---- */

/* Not a byte earlier or later; headers count once they are queued. */
START_TEST(test_conn_send_W27_the_marks_are_exact)
{
    struct rig *r = rig_open(&narrow);

    ck_assert_int_eq(send_zeros(9996), 0); /* and 4: queue_high */
    ck_assert_uint_eq(flare_ws_queued(ws_seen.ws), 10000);
    ck_assert_int_eq(send_zeros(0), 1);
    ck_assert_int_eq(send_zeros(9999), FLARE_E_OUTPUT_FULL);
    ck_assert_uint_eq(flare_ws_queued(ws_seen.ws), 10002);
    ck_assert_int_eq(send_zeros(9998), 1); /* queue_max, but for its header */
    ck_assert_int_eq(send_zeros(0), FLARE_E_OUTPUT_FULL);
    ck_assert_uint_eq(flare__ws_counters(ws_seen.ws)->ws_refused, 2);
    ck_assert_uint_eq(flare__ws_counters(ws_seen.ws)->ws_messages_out, 3);
    ck_assert_uint_eq(flare__ws_counters(ws_seen.ws)->ws_bytes_out,
                      9996 + 9998);
    rig_run(r, 50);
    ck_assert_int_eq(ws_seen.drains, 1); /* once for both */
    ck_assert_uint_eq(flare_ws_queued(ws_seen.ws), 0);
    ck_assert_got(r, "B#9996 B: B#9998");
    ws_rig_free(r);
}
END_TEST

/* A ping is refused as a message is; a close and a pong have their place. */
START_TEST(test_conn_send_control_frames_past_a_full_queue)
{
    struct rig *r = rig_open(&narrow);

    ws_rig_frame(r, 0, 0x89, "p", 1);
    ck_assert_int_eq(send_zeros(50000), 1);
    ck_assert_int_eq(flare_ws_ping(ws_seen.ws, FLARE_STR("")),
                     FLARE_E_OUTPUT_FULL);
    rig_run(r, 50);
    ck_assert_got(r, "B#50000 O:p");
    ck_assert_int_eq(send_zeros(50000), 1);
    ck_assert_int_eq(flare_ws_close(ws_seen.ws, 1000, FLARE_STR("")), 0);
    rig_run(r, 50);
    ck_assert_got(r, "B#50000 O:p B#50000 C:1000,");
    ws_rig_free(r);
}
END_TEST

START_TEST(test_conn_send_no_message_is_past_2_gib)
{
    struct rig *r = rig_open(&plain);
    struct flare_str huge = {zeros, (size_t)INT32_MAX + 1};

    ck_assert_int_eq(flare_ws_send_binary(ws_seen.ws, huge), FLARE_E_RANGE);
    ck_assert_int_eq(
        flare_ws_send_give(ws_seen.ws, FLARE_WS_BINARY, huge, NULL, NULL),
        FLARE_E_RANGE);
    ck_assert_uint_eq(flare_ws_queued(ws_seen.ws), 0);
    ws_rig_free(r);
}
END_TEST

/* ---- gifts ---- */

static int give(flare_ws *ws, enum flare_ws_kind kind, struct flare_str bytes)
{
    freed = 0;
    return flare_ws_send_give(ws, kind, bytes, on_free, &freed);
}

/* What is refused is still the caller's. */
START_TEST(test_conn_send_refused_gifts_are_not_taken)
{
    struct rig *r = rig_open(&narrow);
    struct flare_ws_fragment part = {FLARE_STR("a"), FLARE_WS_TEXT,
                                     .is_first = true};

    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_TEXT, FLARE_STR("\xff")),
                     FLARE_E_WS_TEXT);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_TEXT, FLARE_STR("x")),
                     FLARE_E_ALREADY_ANSWERED);
    part.is_first = false;
    part.is_last = true;
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    ck_assert_int_eq(send_zeros(50000), FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(
        give(ws_seen.ws, FLARE_WS_BINARY, (struct flare_str){zeros, 50000}),
        FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(flare_ws_close(ws_seen.ws, 1000, FLARE_STR("")), 0);
    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_TEXT, FLARE_STR("x")),
                     FLARE_E_GONE);
    rig_run(r, 50);
    ck_assert_got(r, "t:a K:a C:1000,");
    ws_rig_free(r);
    ck_assert_int_eq(freed, 0);
}
END_TEST

/* Also when there is nothing to give. */
START_TEST(test_conn_send_gifts_keep_their_order)
{
    struct rig *r = rig_open(&plain);

    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("1")), 0);
    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_TEXT, FLARE_STR("2")), 0);
    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_BINARY, FLARE_STR("")), 0);
    ck_assert_int_eq(freed, 1);
    ck_assert_int_eq(flare_ws_send_give(ws_seen.ws, FLARE_WS_TEXT,
                                        FLARE_STR("3"), NULL, NULL),
                     0);
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("4")), 0);
    rig_run(r, 20);
    ck_assert_got(r, "T:1 T:2 B: T:3 T:4");
    ws_rig_free(r);
}
END_TEST

/* Nobody borrows what has become something else. */
START_TEST(test_conn_send_a_deflated_gift_comes_back_at_once)
{
    struct rig *r;

    if (!flare__ws_deflate_is_here())
        return;
    r = rig_open_deflated();
    ck_assert_int_eq(give(ws_seen.ws, FLARE_WS_BINARY,
                          (struct flare_str){zeros, sizeof(zeros)}),
                     0);
    ck_assert_int_eq(freed, 1);
    ck_assert_uint_lt(flare_ws_queued(ws_seen.ws), 2000);
    rig_run(r, 20);
    ck_assert_int_eq(strncmp(ws_rig_got(r, 0), "B*", 2), 0);
    ws_rig_free(r);
    ck_assert_int_eq(freed, 1);
}
END_TEST

/* ---- fragments ---- */

START_TEST(test_conn_send_fragments_of_every_length)
{
    static const size_t lens[] = {0, 125, 126, 65535, 65536, 99999};
    struct rig *r = rig_open(&plain);
    struct flare_ws_fragment part = {.kind = FLARE_WS_BINARY};

    for (int i = 0; i < ROWS(lens); i++) {
        part.bytes = (struct flare_str){zeros, lens[i]};
        part.is_first = i == 0;
        part.is_last = i == ROWS(lens) - 1;
        ck_assert_int_ge(flare_ws_send_fragment(ws_seen.ws, &part), 0);
        ck_assert_uint_eq(flare__ws_counters(ws_seen.ws)->ws_messages_out,
                          part.is_last);
    }
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("x")), 0);
    rig_run(r, 100);
    ck_assert_got(r, "b: k#125 k#126 k#65535 k#65536 K#99999 T:x");
    ws_rig_free(r);
}
END_TEST

/* One that is refused may be sent again, as it should have been. */
START_TEST(test_conn_send_a_refused_fragment_changes_nothing)
{
    struct rig *r = rig_open(&narrow);
    struct flare_ws_fragment part = {FLARE_STR("\xc3"), FLARE_WS_TEXT,
                                     .is_first = true};

    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part),
                     FLARE_E_WS_TEXT);
    part.bytes = FLARE_STR("a");
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    part = (struct flare_ws_fragment){
        {zeros, 50000}, FLARE_WS_TEXT, .is_last = true};
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part),
                     FLARE_E_OUTPUT_FULL);
    rig_run(r, 10);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 1);
    rig_run(r, 50);
    ck_assert_got(r, "t:a K#50000");
    ws_rig_free(r);
}
END_TEST

/* ---- frames that several share ---- */

START_TEST(test_conn_send_shared_frames_are_given_back_once)
{
    static char frame[70000] = "\x82\x7e\x08"; /* of 2048 bytes */
    struct flare_str large = {frame, 4 + 2048};
    struct rig *r = rig_open(&plain);
    struct flare_ws_fragment part = {FLARE_STR("a"), FLARE_WS_TEXT,
                                     .is_first = true};

    freed = 0;
    ck_assert_int_eq(
        flare__ws_send_shared(ws_seen.ws, large, on_shared, &freed), 0);
    ck_assert_int_eq(freed, 0);
    ck_assert_int_eq(flare__ws_send_shared(ws_seen.ws, FLARE_STR("\x81\1s"),
                                           on_shared, &freed),
                     0);
    ck_assert_int_eq(freed, 1); /* it was copied */
    rig_run(r, 20);
    ck_assert_int_eq(freed, 2);
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    ck_assert_int_eq(
        flare__ws_send_shared(ws_seen.ws, large, on_shared, &freed),
        FLARE_E_ALREADY_ANSWERED);
    part.is_first = false;
    part.is_last = true;
    ck_assert_int_eq(flare_ws_send_fragment(ws_seen.ws, &part), 0);
    flare_ws_abort(ws_seen.ws);
    ck_assert_int_eq(
        flare__ws_send_shared(ws_seen.ws, large, on_shared, &freed),
        FLARE_E_GONE);
    ck_assert_int_eq(freed, 2);
    rig_run(r, 20);
    ws_rig_free(r);
}
END_TEST

/* ---- a client's ---- */

static flare_ws *client;

static void client_on_message(flare_ws *ws, enum flare_ws_kind kind,
                              struct flare_str bytes, void *ctx)
{
    (void)ws, (void)kind, (void)bytes, (void)ctx;
}

static void client_on_failed(flare_ws *ws, int status,
                             const struct flare_error *err, void *ctx)
{
    (void)ws, (void)status, (void)ctx;
    ck_abort_msg("%s", err->text);
}

/* It is masked, so nothing is borrowed: what is given comes back at once. */
START_TEST(test_conn_send_a_client_copies_what_it_is_given)
{
    static const struct flare_ws_handler h = {.on_message = client_on_message,
                                              .queue_max = 20000};
    static const struct flare_ws_client_config config = {
        .url = "ws://127.0.0.1/chat", .on_failed = client_on_failed};
    struct rig *r = ws_rig_new(&plain);

    ck_assert_int_eq(
        flare_ws_connect(r->loop, &config, &h, NULL, &client, NULL), 0);
    rig_run(r, 20);
    memset(zeros, 'z', sizeof(zeros));
    ck_assert_int_eq(
        give(client, FLARE_WS_BINARY, (struct flare_str){zeros, 3000}), 0);
    ck_assert_int_eq(freed, 1);
    memset(zeros, 0, sizeof(zeros)); /* it is not looked at again */
    ck_assert_int_eq(
        give(client, FLARE_WS_BINARY, (struct flare_str){zeros, 20000}),
        FLARE_E_OUTPUT_FULL);
    ck_assert_int_eq(freed, 0);
    rig_run(r, 20);
    ck_assert_uint_eq(ws_seen.len, 3000);
    for (size_t i = 0; i < 3000; i++)
        ck_assert_int_eq(ws_seen.bytes[i], 'z');
    flare_ws_abort(client);
    rig_run(r, 20);
    ws_rig_free(r);
}
END_TEST

/* ---- no memory ---- */

static int send_kind(int which)
{
    struct flare_ws_fragment part = {
        {zeros, 60000}, FLARE_WS_BINARY, .is_first = true, .is_last = true};

    freed = 0;
    switch (which) {
    case 0:
        return send_zeros(60000);
    case 1:
        return give(ws_seen.ws, FLARE_WS_BINARY, part.bytes);
    case 2:
        return flare_ws_send_fragment(ws_seen.ws, &part);
    case 3:
        return flare_ws_ping(ws_seen.ws, FLARE_STR("p"));
    default:
        return flare_ws_send_text(ws_seen.ws, FLARE_STR("x"));
    }
}

/* Queued whole or not at all; true if site `at` was reached. */
static bool torture(int which, uint64_t at)
{
    static const char *const got[] = {"B#60000", "B#60000", "B#60000", "I:p",
                                      "T:x"};
    struct rig *r = rig_open(&plain);
    char wanted[32];
    bool has_failed;
    int rc;

    r->fault.mode = FAULT_FROM;
    r->fault.at = r->fault.sites + at;
    rc = send_kind(which);
    has_failed = r->fault.failed > 0;
    fault_disarm(&r->fault);
    ck_assert_int_eq(rc, has_failed ? -ENOMEM : 0);
    ck_assert_int_eq(flare_ws_queued(ws_seen.ws) == 0, has_failed);
    ck_assert_int_eq(flare_ws_send_text(ws_seen.ws, FLARE_STR("on")), 0);
    rig_run(r, 50);
    (void)snprintf(wanted, sizeof(wanted), "%s%sT:on",
                   has_failed ? "" : got[which], has_failed ? "" : " ");
    ck_assert_got(r, wanted);
    ck_assert_int_eq(freed, which == 1 && !has_failed);
    ws_rig_free(r);
    return has_failed;
}

START_TEST(test_conn_send_without_memory_nothing_is_queued)
{
    uint64_t at = 1;

    while (torture(_i, at))
        at++;
    if (_i < 3) /* the others have room in what is there */
        ck_assert_uint_gt(at, 1);
}
END_TEST

/* It goes as it is, or not at all; what is deflated in part cannot be taken
 * back, so the connection goes. */
START_TEST(test_conn_send_deflated_without_memory)
{
    bool has_failed = true;

    if (!flare__ws_deflate_is_here())
        return;
    for (uint64_t at = 1; has_failed; at++) {
        struct rig *r = rig_open_deflated();
        int rc, next;

        r->fault.mode = FAULT_FROM;
        r->fault.at = r->fault.sites + at;
        rc = send_zeros(sizeof(zeros));
        has_failed = r->fault.failed > 0;
        fault_disarm(&r->fault);
        ck_assert(rc == 0 || (rc == -ENOMEM && has_failed));
        next = send_zeros(1);
        ck_assert(next == 0 || (rc < 0 && next == FLARE_E_GONE));
        rig_run(r, 100);
        ck_assert_int_eq(ws_seen.closed, next < 0);
        ws_rig_free(r);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/conn_send");
    TCase *tc = tcase_create("conn_send");

    ws_rig_handler(&plain);
    narrow = deflated = plain;
    narrow.queue_max = 20000;
    narrow.queue_high = 10000;
    narrow.queue_low = 1000;
    strict = narrow;
    strict.closes_slow = true;
    deflated.deflate.is_on = true;
    deflated.deflate.min_bytes = 1;
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_conn_send_what_cannot_be_sent);
    tcase_add_test(tc, test_conn_send_given_bytes_come_back_once);
    tcase_add_test(
        tc, test_conn_send_W27_a_slow_peer_has_a_bound_and_is_told_of_room);
    tcase_add_test(tc, test_conn_send_W27_a_slow_peer_may_be_closed);
    tcase_add_test(
        tc, test_conn_send_a_message_larger_than_the_queue_goes_if_it_is_empty);
    tcase_add_test(tc, test_conn_send_W27_the_marks_are_exact);
    tcase_add_test(tc, test_conn_send_control_frames_past_a_full_queue);
    tcase_add_test(tc, test_conn_send_no_message_is_past_2_gib);
    tcase_add_test(tc, test_conn_send_refused_gifts_are_not_taken);
    tcase_add_test(tc, test_conn_send_gifts_keep_their_order);
    tcase_add_test(tc, test_conn_send_a_deflated_gift_comes_back_at_once);
    tcase_add_test(tc, test_conn_send_fragments_of_every_length);
    tcase_add_test(tc, test_conn_send_a_refused_fragment_changes_nothing);
    tcase_add_test(tc, test_conn_send_shared_frames_are_given_back_once);
    tcase_add_test(tc, test_conn_send_a_client_copies_what_it_is_given);
    tcase_add_loop_test(tc, test_conn_send_without_memory_nothing_is_queued, 0,
                        5);
    tcase_add_test(tc, test_conn_send_deflated_without_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
