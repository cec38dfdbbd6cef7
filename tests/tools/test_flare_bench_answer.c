/* SPDX-License-Identifier: MIT */
/* Ends of answers and of frames: the same wherever the bytes are cut. */
#include "tools/bench/answer.h"
#include "tools/bench/frames.h"

#include "tests/support/guard.h"
#include "tests/support/test.h"

#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

/* `ends`: one letter for each thing that happens: 'd' an answer is done, 'l'
 * the same and it is the last one, 'b' a fault, 'D' done by the end of the
 * connection, 'B' a fault by it, '.' none by it. */
static const struct {
    const char *name;
    const char *wire;
    const char *ends;
    bool of_head;
    bool wants_ws;
} answers[] = {
    {"length", OK "Content-Length: 5\r\n\r\nhello", "d.", false, false},
    {"two", OK "Content-Length: 1\r\n\r\nx" OK "Content-Length: 0\r\n\r\n",
     "dd.", false, false},
    {"the same head again",
     OK "Content-Length: 1\r\n\r\nx" OK "Content-Length: 1\r\n\r\ny" OK
        "Content-Length: 1\r\n\r\nz",
     "ddd.", false, false},
    {"cut off", OK "Content-Length: 5\r\n\r\nhell", "B", false, false},
    {"cut off head", OK "Content-Le", "B", false, false},
    {"nothing", "", ".", false, false},
    {"to the end", OK "\r\nhello", "D", false, false},
    {"to the end, nothing", OK "\r\n", "D", false, false},
    {"last by its word", OK "Connection: a, close\r\nContent-Length: 0\r\n\r\n",
     "l.", false, false},
    {"last by its version", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
     "l.", false, false},
    {"1.0 that stays",
     "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
     "d.", false, false},
    {"chunks", CHUNKED "5\r\nhello\r\nA \r\n0123456789\r\n0\r\n\r\n", "d.",
     false, false},
    {"chunks with all there is",
     CHUNKED "1;a=b\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", "d.", false, false},
    {"chunks cut off", CHUNKED "5\r\nhello\r\n0\r\n", "B", false, false},
    {"head", OK "Content-Length: 5\r\n\r\n" OK "\r\n", "dd.", true, false},
    {"continue", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n",
     "d.", false, false},
    {"switch that nobody wants",
     "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " ANSWER_WS_ACCEPT "\r\n\r\n",
     "b", false, false},
    {"handshake",
     "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: " ANSWER_WS_ACCEPT "\r\n\r\n",
     "d.", false, true},
    {"handshake with another proof",
     "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
     "b", false, true},
    {"handshake with an extension",
     "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Extensions: x\r\n"
     "Sec-WebSocket-Accept: " ANSWER_WS_ACCEPT "\r\n\r\n",
     "b", false, true},
    {"LF alone", "HTTP/1.1 200 OK\n\n", "b", false, false},
    {"LF alone at first", "\n", "b", false, false},
    {"LF alone at the end", OK "A: b\r\n\n", "b", false, false},
    {"CR in a value", OK "A: b\rc\r\n\r\n", "b", false, false},
    {"both lengths",
     OK "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", "b", false,
     false},
    {"size too large", CHUNKED "fffffffffffffffff\r\n", "b", false, false},
    {"chunk too long", CHUNKED "1\r\nxy\r\n", "b", false, false},
};

/* Feeds a slice that ends where memory does. */
static bool feed(struct answer *a, struct flare_str bytes, char **ends)
{
    while (bytes.len > 0) {
        enum answer_state state = answer_feed(a, &bytes);

        if (state == ANSWER_DONE)
            *(*ends)++ = a->head.is_last ? 'l' : 'd';
        if (state == ANSWER_BAD) {
            ck_assert_ptr_nonnull(a->fault);
            *(*ends)++ = 'b';
            return false;
        }
    }
    return true;
}

static void read_cut(int row, size_t cut, const struct guard *memory,
                     char *ends)
{
    struct answer_memo memo = {.len = 0};
    struct answer a = {.memo = &memo,
                       .of_head = answers[row].of_head,
                       .wants_ws = answers[row].wants_ws};
    struct flare_str wire = flare_str(answers[row].wire);
    struct flare_str one = {guard_put(memory, wire.ptr, cut), cut};
    struct flare_str two = {wire.ptr + cut, wire.len - cut};
    bool goes_on = feed(&a, one, &ends);

    two.ptr = guard_put(memory, two.ptr, two.len);
    if (goes_on && feed(&a, two, &ends)) {
        enum answer_state state = answer_end(&a);

        *ends++ = state == ANSWER_DONE ? 'D' : state == ANSWER_BAD ? 'B' : '.';
    }
    *ends = '\0';
    answer_fini(&a);
}

START_TEST(test_an_answer_ends_where_it_does_at_every_cut)
{
    struct guard memory;

    guard_init(&memory, 4096);
    for (size_t cut = 0; cut <= strlen(answers[_i].wire); cut++) {
        char ends[16];

        read_cut(_i, cut, &memory, ends);
        ck_assert_msg(strcmp(ends, answers[_i].ends) == 0,
                      "%s, cut at %zu: %s, not %s", answers[_i].name, cut, ends,
                      answers[_i].ends);
    }
    guard_fini(&memory);
}
END_TEST

/* What is remembered of a head is not taken for another request's. */
START_TEST(test_a_head_means_another_thing_to_a_head_request)
{
    static const char wire[] = OK "Content-Length: 1\r\n\r\n";
    struct answer_memo memo = {.len = 0};
    struct answer a = {.memo = &memo, .of_head = true};

    for (int i = 0; i < 4; i++) {
        struct flare_str bytes = flare_str(wire);

        a.of_head = i % 2 == 0;
        ck_assert_int_eq(answer_feed(&a, &bytes),
                         a.of_head ? ANSWER_DONE : ANSWER_MORE);
        if (!a.of_head) {
            bytes = flare_str("x");
            ck_assert_int_eq(answer_feed(&a, &bytes), ANSWER_DONE);
        }
    }
    answer_fini(&a);
}
END_TEST

/* ---- frames ---- */

/* 'm' a message, 'p' a ping, 'c' a close, 'b' a fault. */
static const struct {
    const char *name;
    struct flare_str wire;
    const char *events;
} frames[] = {
    {"text", {"\x81\x05hello", 7}, "m"},
    {"none", {"\x82\x00", 2}, "m"},
    {"two", {"\x81\x01x\x82\x01y", 6}, "mm"},
    {"fragments", {"\x01\x01x\x00\x01y\x80\x00\x81\x00", 10}, "mm"},
    {"ping within", {"\x01\x01x\x89\x02hi\x80\x01y", 10}, "pm"},
    {"pong", {"\x8a\x02hi\x81\x00", 6}, "m"},
    {"close", {"\x88\x02\x03\xe8", 4}, "c"},
    {"medium", {"\x82\x7e\x00\x7e" /* and 126 bytes */, 4}, ""},
    {"masked", {"\x81\x81\x00\x00\x00\x00x", 7}, "b"},
    {"reserved bit", {"\xc1\x00", 2}, "b"},
    {"unknown kind", {"\x83\x00", 2}, "b"},
    {"unknown control", {"\x8b\x00", 2}, "b"},
    {"ping in parts", {"\x09\x00", 2}, "b"},
    {"long ping", {"\x89\x7e\x00\x80", 4}, "b"},
    {"rest of nothing", {"\x80\x00", 2}, "b"},
    {"message in a message", {"\x01\x00\x81\x00", 4}, "b"},
    {"long form", {"\x82\x7e\x00\x7d", 4}, "b"},
    {"longer form", {"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10}, "b"},
    {"top bit", {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10}, "b"},
};

static bool feed_frames(struct frames *f, struct flare_str bytes, char **events)
{
    static const char letters[] = {[FRAMES_MESSAGE] = 'm', [FRAMES_BAD] = 'b'};

    while (bytes.len > 0) {
        enum frames_event event = frames_feed(f, &bytes);

        if (event == FRAMES_CONTROL)
            *(*events)++ = f->opcode == FRAMES_PING ? 'p' : 'c';
        else if (event != FRAMES_MORE)
            *(*events)++ = letters[event];
        if (event == FRAMES_BAD)
            return false;
    }
    return true;
}

START_TEST(test_frames_end_where_they_do_at_every_cut)
{
    struct flare_str wire = frames[_i].wire;
    struct guard memory;

    guard_init(&memory, 4096);
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct frames f = {.opcode = 0};
        char events[16];
        char *end = events;
        struct flare_str one = {guard_put(&memory, wire.ptr, cut), cut};

        if (feed_frames(&f, one, &end)) {
            struct flare_str two = {
                guard_put(&memory, wire.ptr + cut, wire.len - cut),
                wire.len - cut};

            feed_frames(&f, two, &end);
        }
        *end = '\0';
        ck_assert_msg(strcmp(events, frames[_i].events) == 0,
                      "%s, cut at %zu: %s", frames[_i].name, cut, events);
    }
    guard_fini(&memory);
}
END_TEST

/* A client's frame without its mask is one that a server might send. */
START_TEST(test_written_frames_are_read_again)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 100000};
    struct text_pen pen = text_pen(0, 1);

    for (int i = 0; i < ROWS(sizes); i++) {
        struct text_out out = {.bytes = NULL};
        char *payload = malloc(sizes[i] + 1);
        struct frames f = {.opcode = 0};
        struct flare_str wire;
        size_t head = sizes[i] < 126 ? 2 : sizes[i] < 65536 ? 4 : 10;

        memset(payload, 'a', sizes[i]);
        frames_write(&out, FRAMES_TEXT, (struct flare_str){payload, sizes[i]},
                     &pen);
        ck_assert_uint_eq(out.len, head + 4 + sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            ck_assert_int_eq(out.bytes[head + 4 + k] ^ out.bytes[head + k % 4],
                             'a');
        out.bytes[1] &= 0x7f;
        memmove(out.bytes + head, out.bytes + head + 4, sizes[i]);
        wire = (struct flare_str){out.bytes, out.len - 4};
        ck_assert_int_eq(frames_feed(&f, &wire), FRAMES_MESSAGE);
        ck_assert_uint_eq(wire.len, 0);
        free(payload);
        text_out_fini(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flare-bench answers");
    TCase *tcase = tcase_create("answers");

    tcase_add_loop_test(tcase, test_an_answer_ends_where_it_does_at_every_cut,
                        0, ROWS(answers));
    tcase_add_test(tcase, test_a_head_means_another_thing_to_a_head_request);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("frames");
    tcase_add_loop_test(tcase, test_frames_end_where_they_do_at_every_cut, 0,
                        ROWS(frames));
    tcase_add_test(tcase, test_written_frames_are_read_again);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
