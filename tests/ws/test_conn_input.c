/* SPDX-License-Identifier: MIT */
/*
 * Messages in fragments and messages compressed, both ways; and the world that
 * fails a connection at every allocation.
 */
#include "base/alloc.h"
#include "tests/support/test.h"
#include "tests/ws/ws_rig.h"
#include "ws/conn.h"

#include <errno.h>
#include <string.h>

static struct flare_ws_handler plain;
static struct flare_ws_handler streams;
static struct flare_ws_handler deflates;
static struct flare_ws_handler frugal; /* without takeover */
static struct flare_ws_handler zipped; /* streams, deflated */

#define HELLO_DEFLATE                                                          \
    WS_GET WS_VERSION "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

static void pause_and_echo(flare_ws *ws, struct flare_str bytes)
{
    int rc = ws_seen.kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                           : flare_ws_send_binary(ws, bytes);

    ck_assert_int_eq(rc, 0);
    flare_ws_pause(ws);
}

/* ---- fragments ---- */

static char log_text[4096];

static void on_fragment(flare_ws *ws, const struct flare_ws_fragment *f,
                        void *ctx)
{
    size_t len = strlen(log_text);

    (void)ctx;
    ws_seen.ws = ws;
    ws_seen.fragments++;
    ws_seen.kind = f->kind;
    ws_seen.len += f->bytes.len;
    (void)snprintf(log_text + len, sizeof(log_text) - len, "%s%.*s%s",
                   f->is_first ? "<" : "",
                   (int)(f->bytes.len < 100 ? f->bytes.len : 0), f->bytes.ptr,
                   f->is_last ? ">" : "|");
}

START_TEST(test_input_fragments_are_given_as_they_come)
{
    struct rig *r = ws_rig_new(&streams);
    char wire[64];
    size_t len;

    log_text[0] = '\0';
    ws_rig_open(r, 0);
    ws_rig_text(r, 0, "whole");
    ws_rig_frame(r, 0, 0x01, "a", 1);
    ws_rig_frame(r, 0, 0x89, "p", 1);
    ws_rig_frame(r, 0, 0x00, "b", 1);
    rig_run(r, 5);
    ws_rig_frame(r, 0, 0x80, "", 0);
    len = ws_rig_put(wire, 0x82, "cut", 3);
    rig_send(r, 0, wire, len - 2);
    rig_run(r, 5);
    rig_send(r, 0, wire + len - 2, 2);
    rig_run(r, 5);
    ck_assert_str_eq(log_text, "<whole><a|b|><c|ut>");
    ck_assert_ptr_null(ws_seen.ws->reader);
    ws_rig_free(r);
}
END_TEST

START_TEST(test_input_a_streamed_message_is_not_kept)
{
    struct rig *r = ws_rig_new(&streams);
    char *bytes = calloc(1, 1 << 20);
    size_t live;

    ws_rig_open(r, 0);
    live = r->fault.live_bytes;
    r->fault.peak_bytes = live;
    ws_rig_frame(r, 0, 0x82, bytes, 1 << 20);
    rig_run(r, 50);
    ck_assert_uint_eq(ws_seen.len, 1 << 20);
    ck_assert_uint_lt(r->fault.peak_bytes, live + 4096);
    free(bytes);
    ws_rig_free(r);
}
END_TEST

/* ---- compression ---- */

static struct rig *rig_deflate(const struct flare_ws_handler *h)
{
    struct rig *r = ws_rig_new(h);
    const char *got = rig_ask(r, HELLO_DEFLATE);

    ck_assert_str_eq(rig_statuses(r, 0), "101");
    ck_assert_ptr_nonnull(
        strstr(got, "Sec-WebSocket-Extensions: permessage-deflate"));
    return r;
}

/* RFC 7692 section 7.2.3.1: "Hello". */
static const char hello_deflated[] = {(char)0xf2, 0x48, (char)0xcd, (char)0xc9,
                                      (char)0xc9, 0x07, 0x00};

START_TEST(test_input_deflated_messages_go_both_ways)
{
    struct rig *r = rig_deflate(_i ? &frugal : &deflates);

    ws_rig_frame(r, 0, 0xc1, hello_deflated, sizeof(hello_deflated));
    ws_rig_frame(r, 0, 0x41, hello_deflated, 3); /* in fragments */
    ws_rig_frame(r, 0, 0x80, hello_deflated + 3, sizeof(hello_deflated) - 3);
    ws_rig_text(r, 0, "clear");
    rig_run(r, 10);
    ck_assert_int_eq(ws_seen.messages, 3);
    ck_assert_str_eq(ws_seen.bytes, "clear");
    /* short ones go as they are, long ones get small */
    ck_assert_str_eq(ws_rig_got(r, 0), "T:Hello T:Hello T:clear");
    ck_assert_int_eq(
        flare_ws_send_text(ws_seen.ws, FLARE_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                                 "aaaaaaaaaaaaaaaaaaaaaaaa")),
        0);
    rig_run(r, 10);
    ck_assert_ptr_nonnull(strstr(ws_rig_got(r, 0), " T*:"));
    if (_i)
        ck_assert_ptr_null(ws_seen.ws->reader->coding->to.z);
    ws_rig_free(r);
}
END_TEST

/* What it deflates, its own inflate of the other role understands. */
START_TEST(test_input_a_large_message_is_deflated_into_frames)
{
    struct rig *r = rig_deflate(&deflates);
    char *bytes = malloc(200000);
    struct flare_str all = {bytes, 200000};
    uint32_t noise = 1;
    const char *got;

    for (size_t i = 0; i < 200000; i++) {
        noise = noise * 1664525 + 1013904223;
        bytes[i] = (char)(noise >> 24);
    }
    ck_assert_int_eq(flare_ws_send_binary(ws_seen.ws, all), 0);
    rig_run(r, 50);
    got = ws_rig_got(r, 0);
    ck_assert_msg(strncmp(got, "b*#", 3) == 0, "%s", got);
    ck_assert_ptr_nonnull(strstr(got, " k#"));
    ck_assert_ptr_nonnull(strstr(got, " K#"));
    free(bytes);
    ws_rig_free(r);
}
END_TEST

static const struct {
    const char *name;
    const char *payload;
    size_t len;
    unsigned first;
    uint16_t code;
} faults[] = {
    {"W18 not deflated", "\xff\xff", 2, 0xc1, 1007},
    {"W18 cut off", "\xf2\x48", 2, 0xc1, 1007},
    {"W18 an empty message", "", 0, 0xc1, 1007},
    {"W11 inflates to what is no text", "\xfa\x0f\x00", 3, 0xc1, 1007},
    {"W03 RSV1 on a control frame", "x", 1, 0xc9, 1002},
};

START_TEST(test_input_deflated_faults)
{
    struct rig *r = rig_deflate(&deflates);

    ws_rig_frame(r, 0, faults[_i].first, faults[_i].payload, faults[_i].len);
    rig_run(r, 10);
    ck_assert_msg(ws_seen.code == faults[_i].code || faults[_i].len == 0,
                  "%s: %u", faults[_i].name, ws_seen.code);
    ws_rig_free(r);
    ck_assert_int_eq(ws_seen.closed, 1);
}
END_TEST

/* 16 MiB of zeros come as 16 KiB; 30 000 are allowed here. */
START_TEST(test_input_W17_a_bomb_is_refused_as_it_streams)
{
    struct rig *r = rig_deflate(&zipped);
    struct flare__ws_deflate d;
    const struct flare_allocator *al = &r->fault.al;
    char *zeros = calloc(1, 4 << 20);
    char *out = malloc(1 << 16);
    struct flare_str in = {zeros, 4 << 20};
    int len;

    flare__ws_deflate_init(&d, al, 15, /* has_takeover = */ false);
    len =
        flare__ws_deflate_feed(&d, &in, FLARE__WS_FLUSH_MESSAGE, out, 1 << 16);
    ck_assert_int_gt(len, 0);
    ck_assert(!flare__ws_deflate_is_busy(&d));
    flare__ws_deflate_fini(&d);
    log_text[0] = '\0';
    ws_rig_frame(r, 0, 0xc2, out, (size_t)len);
    rig_run(r, 10);
    ck_assert_uint_eq(ws_seen.code, 1009);
    ck_assert_uint_le(ws_seen.len, 30000);
    free(zeros);
    free(out);
    ws_rig_free(r);
}
END_TEST

/* A message that goes as it is has the same limit; one that deflates to more
 * than it is may have all of it. */
START_TEST(test_input_the_limit_is_the_messages)
{
    struct rig *r = rig_deflate(&zipped);
    char *bytes = calloc(1, 30001);

    log_text[0] = '\0';
    ws_rig_frame(r, 0, 0x02, bytes, 15000);
    ws_rig_frame(r, 0, 0x80, bytes, 15000);
    rig_run(r, 10);
    ck_assert_uint_eq(ws_seen.len, 30000);
    ck_assert_int_eq(ws_seen.closed, 0);
    ws_rig_frame(r, 0, 0x82, bytes, 30001);
    rig_run(r, 10);
    ck_assert_uint_eq(ws_seen.code, 1009);
    free(bytes);
    ws_rig_free(r);
}
END_TEST

/* ---- frames at random ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 8) * n >> 24);
}

/* A dozen frames, mostly by the rules, and a close. */
static size_t random_wire(char *wire)
{
    static const unsigned char firsts[] = {0x81, 0x82, 0x01, 0x02, 0x00,
                                           0x80, 0x8a, 0x81, 0x82};
    bool is_inside = false;
    char bytes[300];
    size_t len = 0;

    for (uint32_t n = 1 + random_below(12); n > 0; n--) {
        unsigned first = firsts[random_below(sizeof(firsts))];
        size_t size = random_below(random_below(4) == 0 ? 300 : 20);

        if ((first & 0x0f) < 8 && random_below(30) != 0) {
            bool is_next = (first & 0x0f) == 0;

            if (is_next != is_inside) /* what may stand here */
                first = is_inside ? first & 0x80 : (first & 0x80) | 0x01;
            is_inside = (first & 0x80) == 0;
        }
        memset(bytes, 'a' + (int)random_below(26), sizeof(bytes));
        len += ws_rig_put(wire + len, first, bytes,
                          (first & 0x0f) >= 8 && size > 125 ? 125 : size);
    }
    return len + ws_rig_put(wire + len, 0x88, "\x03\xe8", 2);
}

/* What the server saw and said, however the wire was cut. */
static void random_run(const char *wire, size_t len, int way, char *out)
{
    struct rig *r = ws_rig_new(way == 3 ? &streams : &plain);
    size_t at = 0;

    log_text[0] = '\0';
    ws_rig_open(r, 0);
    if (way == 2)
        ws_rig_on_message = pause_and_echo;
    while (at < len) {
        size_t n = way == 0 ? len : 1 + random_below(40);

        n = n < len - at ? n : len - at;
        rig_send(r, 0, wire + at, n);
        at += n;
        rig_run(r, 1);
        if (way == 2 && ws_seen.closed == 0)
            flare_ws_resume(ws_seen.ws);
    }
    for (int i = 0; way == 2 && ws_seen.closed == 0 && i < 20; i++) {
        flare_ws_resume(ws_seen.ws);
        rig_run(r, 1);
    }
    rig_run(r, 5);
    ck_assert_int_eq(ws_seen.closed, 1);
    (void)snprintf(out, 8192, "%s / %d messages, %d pongs, %u %s",
                   way == 3 ? "" : ws_rig_got(r, 0), ws_seen.messages,
                   ws_seen.pongs, ws_seen.code, ws_seen.reason);
    ws_rig_free(r);
}

START_TEST(test_input_random_frames_do_not_depend_on_the_cut)
{
    static char whole[8192], cut[8192];
    char wire[8192];

    for (uint32_t seed = 0; seed < 60; seed++) {
        size_t len;

        random_state = (uint32_t)_i * 1000 + seed;
        len = random_wire(wire);
        random_run(wire, len, 0, whole);
        for (int way = 1; way <= 3; way++) {
            random_run(wire, len, way, cut);
            ck_assert_msg(way == 3 || strcmp(whole, cut) == 0,
                          "seed %u, way %d\n%s\n%s", random_state, way, whole,
                          cut);
        }
    }
}
END_TEST

/* ---- torture ---- */

/* A world in which everything that may fail does, once or from there on. */
struct torture {
    const struct flare_ws_handler *handler;
    const char *hello;
};

static int torture_run(struct fault *f, void *ctx)
{
    const struct torture *t = ctx;
    struct rig *r = ws_rig_new(t->handler);
    char wire[4096];
    char bytes[3000];
    size_t len = 0;

    memset(bytes, 'z', sizeof(bytes));
    rig_connect(r, 0);
    /* the server's allocator is the rig's: it fails as the torture says */
    r->fault.mode = f->mode;
    r->fault.at = f->mode == FAULT_NEVER ? 0 : r->fault.sites + f->at;
    rig_text(r, 0, t->hello);
    rig_run(r, 5);
    len += ws_rig_put(wire + len, 0x01, "he", 2);
    len += ws_rig_put(wire + len, 0x89, "ping", 4);
    len += ws_rig_put(wire + len, 0x80, "llo", 3);
    len += ws_rig_put(wire + len, 0x82, bytes, sizeof(bytes));
    for (size_t at = 0; at < len; at += 7) {
        (void)flare__sim_peer_send(&r->peers[0].peer, wire + at,
                                   len - at < 7 ? len - at : 7);
        rig_run(r, 1);
    }
    ws_rig_close(r, 0, 1000, "bye");
    rig_run(r, 100);
    f->sites = r->fault.sites;
    f->failed = r->fault.failed;
    fault_disarm(&r->fault);
    ck_assert_int_eq(ws_seen.closed, ws_seen.accept_open);
    rig_connect(r, 1); /* and it goes on */
    rig_text(r, 1, WS_HELLO);
    rig_run(r, 5);
    ck_assert_str_eq(rig_statuses(r, 1), "101");
    ws_rig_free(r);
    return 0;
}

START_TEST(test_input_every_allocation_may_fail)
{
    const struct torture all[] = {
        {&plain, WS_HELLO},
        {&streams, WS_HELLO},
        {&deflates, HELLO_DEFLATE},
    };
    uint64_t sites = 1;

    for (int mode = FAULT_ONCE; mode <= FAULT_FROM; mode++) {
        for (uint64_t at = 1; at <= sites; at++) {
            struct fault f = {.mode = (enum fault_mode)mode, .at = at};

            ck_assert_int_eq(torture_run(&f, (void *)(uintptr_t)&all[_i]), 0);
            if (f.failed == 0)
                break; /* it needs no more */
            sites = at + 1;
        }
        sites = 1;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/conn_input");
    TCase *tc = tcase_create("conn_input");

    ws_rig_handler(&plain);
    streams.on_fragment = on_fragment;
    ws_rig_handler(&streams);
    deflates = plain;
    deflates.deflate.is_on = true;
    deflates.deflate.min_bytes = 64;
    frugal = deflates;
    frugal.deflate.no_takeover = true;
    zipped = streams;
    zipped.deflate.is_on = true;
    zipped.message_bytes_max = 30000;
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_input_fragments_are_given_as_they_come);
    tcase_add_test(tc, test_input_a_streamed_message_is_not_kept);
    tcase_add_loop_test(tc, test_input_random_frames_do_not_depend_on_the_cut,
                        0, 4);
    tcase_add_loop_test(tc, test_input_every_allocation_may_fail, 0, 3);
    if (flare__ws_deflate_is_here()) {
        tcase_add_loop_test(tc, test_input_deflated_messages_go_both_ways, 0,
                            2);
        tcase_add_test(tc, test_input_a_large_message_is_deflated_into_frames);
        tcase_add_loop_test(tc, test_input_deflated_faults, 0, ROWS(faults));
        tcase_add_test(tc, test_input_the_limit_is_the_messages);
        tcase_add_test(tc, test_input_W17_a_bomb_is_refused_as_it_streams);
    }
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
