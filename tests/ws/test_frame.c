/* SPDX-License-Identifier: MIT */
/*
 * The table of section 5 to 8 in both roles, whole and cut everywhere (W01 to
 * W08, W10 to W12, W24); what is written comes back; memory.
 */
#include "ws/frame.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/frames_check.h"
#include "tests/support/test.h"
#include "tests/ws/frames_wire.h"
#include "ws/mask.h"

#include <errno.h>
#include <string.h>

enum { CUT_ALL_MAX = 700, HEADS_MAX = 32 };

static char wire_room[FRAMES_WIRE_MAX];

static const unsigned char keys[][4] = {
    {0x37, 0xfa, 0x21, 0x3d}, {0, 0, 0, 0}, {0xff, 0x80, 0x01, 0x7f}};

static struct flare_str wire_of(const struct table_row *row, bool is_client)
{
    return (struct flare_str){wire_room,
                              frames_wire(wire_room, row, is_client)};
}

static struct flare__ws_rules rules_of(const struct table_row *row,
                                       bool is_client)
{
    return (struct flare__ws_rules){
        .al = &flare__allocator_default,
        .message_bytes_max = row->bytes_max ? row->bytes_max : TABLE_BYTES_MAX,
        .message_frames_max =
            row->frames_max ? row->frames_max : TABLE_FRAMES_MAX,
        .is_client = is_client};
}

/* The error that goes with the code the peer is told. */
static int error_of(const char *want)
{
    if (strstr(want, "fail(1002)") != NULL)
        return FLARE_E_WS_PROTOCOL;
    if (strstr(want, "fail(1007)") != NULL)
        return FLARE_E_WS_TEXT;
    return strstr(want, "fail(1009)") != NULL ? FLARE_E_WS_TOO_LARGE : 0;
}

static void check_row(const struct table_row *row, bool is_client)
{
    static struct frames_trace whole, cut;
    struct flare__ws_rules rules = rules_of(row, is_client);
    struct flare_str wire = wire_of(row, is_client);
    size_t step = wire.len <= CUT_ALL_MAX ? 1 : wire.len / 40;
    const char *role = is_client ? "client" : "server";

    frames_decode(&whole, &rules, row->has_deflate, wire, wire.len, 1);
    ck_assert_msg(strcmp(whole.text, row->want) == 0, "%s, %s: %s, not %s",
                  row->name, role, whole.text, row->want);
    ck_assert_msg(whole.rc == error_of(row->want), "%s", row->name);
    ck_assert_msg((whole.rc < 0) == (whole.why != NULL), "%s", row->name);
    for (size_t at = 0; at <= wire.len; at += at < HEADS_MAX ? 1 : step) {
        frames_decode(&cut, &rules, row->has_deflate, wire, at, wire.len);
        ck_assert_msg(frames_differ(&whole, &cut) == NULL,
                      "%s, %s, cut at %zu: %s: %s", row->name, role, at,
                      frames_differ(&whole, &cut), cut.text);
    }
    for (size_t piece = 1; piece < 8; piece++) {
        frames_decode(&cut, &rules, row->has_deflate, wire, piece, piece);
        ck_assert_msg(frames_differ(&whole, &cut) == NULL,
                      "%s, %s, by %zu: %s: %s", row->name, role, piece,
                      frames_differ(&whole, &cut), cut.text);
    }
}

START_TEST(test_frame_row_of_the_table_as_server_and_as_client)
{
    check_row(&table[_i], /* is_client = */ false);
    check_row(&table[_i], /* is_client = */ true);
}
END_TEST

/* How many bytes of a server's frames have come when the reader fails. */
static size_t bytes_to_failure(const struct table_frame *frames, size_t count)
{
    static struct frames_trace t;
    struct table_row row = {.frames = frames, .count = count};
    struct flare__ws_rules rules = rules_of(&row, true);
    struct flare_str wire = wire_of(&row, true);

    frames_decode(&t, &rules, false, wire, 1, 1);
    ck_assert_int_lt(t.rc, 0);
    return t.consumed;
}

START_TEST(test_frame_is_judged_by_its_header_alone)
{
    static const struct table_frame early[] = {
        CLAIM(FIN | 3, 64, 1000),    CLAIM(FIN | R2 | TEXT, 64, 1000),
        CLAIM(FIN | CONT, 16, 1000), CLAIM(FIN | PING, 16, 126),
        CLAIM(PING, 7, 5),           CLAIM(FIN | CLOSE, 7, 1),
        WRONG(FIN | TEXT, "abcdef"),
    };
    static const struct table_frame late[] = {
        CLAIM(FIN | BIN, 64, UINT64_MAX),
        CLAIM(FIN | BIN, 64, INT64_MAX),
        CLAIM(FIN | BIN, 64, 65535),
    };

    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++)
        ck_assert_uint_eq(bytes_to_failure(&early[i], 1), 2);
    for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++)
        ck_assert_uint_eq(bytes_to_failure(&late[i], 1), 10);
}
END_TEST

START_TEST(test_frame_of_text_fails_at_its_first_bad_byte)
{
    static const struct table_frame one[] = {F(FIN | TEXT, "abc\xed\xa0zzzz")};
    static const struct table_frame two[] = {F(TEXT, "ab\xf4"),
                                             F(FIN | CONT, "\x90\x80\x80zz")};

    ck_assert_uint_eq(bytes_to_failure(one, 1), 2 + 5);
    ck_assert_uint_eq(bytes_to_failure(two, 2), 2 + 3 + 2 + 1);
}
END_TEST

START_TEST(test_frame_table_has_what_the_issue_asks_for)
{
    ck_assert_int_ge(ROWS(table), 250); /* RFC 7692's rows are elsewhere */
}
END_TEST

/* ---- writing ---- */

static const uint64_t lengths[] = {0,   1,   2,   124,   125,   126,   127,
                                   128, 255, 256, 65534, 65535, 65536, 65537};

START_TEST(test_frame_that_is_written_comes_back)
{
    static struct frames_trace t;
    struct flare__ws_rules rules = {&flare__allocator_default, 70000, 10,
                                    false};
    const unsigned char *key = _i % 2 ? keys[0] : NULL;
    struct flare__ws_frame frame = {.len = lengths[_i / 2],
                                    .opcode = FLARE__WS_BINARY,
                                    .is_fin = true,
                                    .is_compressed = true,
                                    .key = key};
    size_t len = (size_t)frame.len;
    size_t head = flare__ws_write_head(wire_room, &frame);
    char want[64];

    ck_assert_uint_eq(head, (len < 126     ? 2u
                             : len < 65536 ? 4u
                                           : 10u) +
                                (key != NULL ? 4u : 0u));
    memset(wire_room + head, 'a', len);
    if (key != NULL)
        flare__mask(wire_room + head, wire_room + head, len,
                    flare__mask_key(key));
    rules.is_client = key == NULL;
    frames_decode(&t, &rules, true, (struct flare_str){wire_room, head + len},
                  3, 1000);
    snprintf(want, sizeof(want), "binary*[%zu]", len);
    if (len > 40)
        ck_assert_str_eq(t.text, want);
    else
        ck_assert_uint_eq(strlen(t.text), strlen("binary*()") + len);
}
END_TEST

START_TEST(test_frame_control_that_is_written_comes_back)
{
    static struct frames_trace t;
    const unsigned char *key = _i ? keys[2] : NULL;
    struct flare__ws_rules rules = {&flare__allocator_default, 10, 10, !_i};
    char *p = wire_room;
    int n;

    p += flare__ws_write_control(p, FLARE__WS_PING, FLARE_STR("p"), key);
    p += flare__ws_write_control(p, FLARE__WS_PONG, FLARE_STR(""), key);
    n = flare__ws_write_close(p, 1001, FLARE_STR("bye"), key);
    ck_assert_int_eq(n, _i ? 11 : 7);
    p += n;
    frames_decode(&t, &rules, false,
                  (struct flare_str){wire_room, (size_t)(p - wire_room)}, 1, 1);
    ck_assert_str_eq(t.text, "ping(p) pong() close(1001 bye)");
}
END_TEST

START_TEST(test_frame_close_that_must_not_be_sent_is_refused)
{
    char out[FLARE__WS_CONTROL_FRAME_MAX];

    ck_assert_int_eq(flare__ws_write_close(out, 1006, FLARE_STR(""), NULL),
                     FLARE_E_WS_BAD_CLOSE);
    ck_assert_int_eq(flare__ws_write_close(out, 1010, FLARE_STR(""), NULL),
                     FLARE_E_WS_BAD_CLOSE);
    ck_assert_int_eq(flare__ws_write_close(out, 1010, FLARE_STR(""), keys[0]),
                     2 + 4 + 2);
    ck_assert_int_eq(
        flare__ws_write_close(out, FLARE__WS_CLOSE_NONE, FLARE_STR(""), NULL),
        2);
    ck_assert_mem_eq(out, "\x88\x00", 2);
}
END_TEST

/* ---- memory ---- */

/* A message around a ping that comes in two pieces. */
static int scenario_cut_ping(struct fault *f, void *ctx)
{
    struct flare__ws_rules rules = {&f->al, 100, 10, true};
    struct flare__ws_decoder d;
    struct flare__ws_piece p;
    char one[] = "\x01\x01"
                 "a\x89\x05pi";
    char two[] = "ng!\x80\x01"
                 "b";
    struct flare__ws_bytes in = {one, sizeof(one) - 1};
    int rc;

    (void)ctx;
    flare__ws_decoder_init(&d, &rules, false);
    rc = flare__ws_decode(&d, &in, &p);
    ck_assert_int_eq(rc, FLARE__WS_DATA);
    rc = flare__ws_decode(&d, &in, &p);
    if (rc == FLARE__WS_MORE) {
        in = (struct flare__ws_bytes){two, sizeof(two) - 1};
        rc = flare__ws_decode(&d, &in, &p);
        ck_assert_int_eq(rc, FLARE__WS_CONTROL);
        ck_assert_uint_eq(p.len, 5);
        ck_assert_mem_eq(p.ptr, "ping!", 5);
        rc = flare__ws_decode(&d, &in, &p);
        ck_assert_int_eq(rc, FLARE__WS_DATA);
        ck_assert(p.is_last);
        ck_assert_uint_eq(f->live_blocks, 0); /* given back at once */
    } else {
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_uint_eq(p.close_code, 1011);
    }
    flare__ws_decoder_fini(&d);
    return rc;
}

START_TEST(test_frame_decoder_survives_that_there_is_no_memory)
{
    struct fault_report r = fault_each("cut ping", scenario_cut_ping, NULL);

    ck_assert_uint_eq(r.sites, 1);
    ck_assert_uint_eq(r.peak_bytes, FLARE__WS_CONTROL_MAX);
}
END_TEST

START_TEST(test_frame_whole_control_frames_need_no_memory)
{
    struct fault f;
    struct flare__ws_rules rules = {&f.al, 100, 10, true};
    struct flare__ws_decoder d;
    struct flare__ws_piece p;
    char bytes[] = "\x89\x02hi\x8a\x00\x88\x02\x03\xe8";
    struct flare__ws_bytes in = {bytes, sizeof(bytes) - 1};

    fault_init(&f, FAULT_NEVER, 0);
    flare__ws_decoder_init(&d, &rules, false);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flare__ws_decode(&d, &in, &p), FLARE__WS_CONTROL);
    ck_assert_uint_eq(p.close_code, 1000);
    ck_assert_int_eq(flare__ws_decode(&d, &in, &p), FLARE__WS_MORE);
    ck_assert_uint_eq(f.sites, 0);
    flare__ws_decoder_fini(&d);
    fault_fini(&f, "whole control frames");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/frame");
    TCase *tc = tcase_create("frame");

    tcase_add_loop_test(tc, test_frame_row_of_the_table_as_server_and_as_client,
                        0, ROWS(table));
    tcase_add_test(tc, test_frame_is_judged_by_its_header_alone);
    tcase_add_test(tc, test_frame_of_text_fails_at_its_first_bad_byte);
    tcase_add_test(tc, test_frame_table_has_what_the_issue_asks_for);
    tcase_add_loop_test(tc, test_frame_that_is_written_comes_back, 0,
                        2 * ROWS(lengths));
    tcase_add_loop_test(tc, test_frame_control_that_is_written_comes_back, 0,
                        2);
    tcase_add_test(tc, test_frame_close_that_must_not_be_sent_is_refused);
    tcase_add_test(tc, test_frame_decoder_survives_that_there_is_no_memory);
    tcase_add_test(tc, test_frame_whole_control_frames_need_no_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
