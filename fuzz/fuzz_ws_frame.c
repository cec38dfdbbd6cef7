/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as WebSocket frames: the same messages, control frames and verdict
 * however they are cut; and frames made from the bytes come back, from either
 * role, as what was written.  The first byte chooses role, deflate and limits,
 * the second a cut.
 */
#include "base/alloc.h"
#include "tests/support/frames_check.h"
#include "ws/mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN_MAX = 4096, EVERY_CUT_MAX = 48, WIRE_MAX = 16 * IN_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *wrong)
{
    if (wrong != NULL) {
        fprintf(stderr, "fuzz_ws_frame: %s\n", wrong);
        abort();
    }
}

static void check_cuts(const struct flare__ws_rules *rules, bool has_deflate,
                       struct flare_str wire, size_t cut)
{
    static struct frames_trace whole, other;

    frames_decode(&whole, rules, has_deflate, wire, wire.len, 1);
    frames_decode(&other, rules, has_deflate, wire, 1, 1);
    check(frames_differ(&whole, &other));
    frames_decode(&other, rules, has_deflate, wire, cut, cut + 1);
    check(frames_differ(&whole, &other));
    for (size_t at = 0; at <= wire.len && wire.len <= EVERY_CUT_MAX; at++) {
        frames_decode(&other, rules, has_deflate, wire, at, wire.len);
        check(frames_differ(&whole, &other));
    }
}

/* Frames as the bytes say, of one role. */
struct writer {
    char wire[WIRE_MAX];
    size_t len;
    const char *key; /* NULL: a server's */
    uint64_t hash;   /* as frames_check's, of all payload */
};

static void write_frame(struct writer *w, unsigned opcode, bool is_fin,
                        struct flare_str payload)
{
    struct flare__ws_frame frame = {.len = payload.len,
                                    .opcode = (uint8_t)opcode,
                                    .is_fin = is_fin,
                                    .key = w->key};
    char *out = w->wire + w->len;
    size_t n = flare__ws_write_head(out, &frame);

    for (size_t i = 0; i < payload.len; i++) {
        unsigned char c = (unsigned char)payload.ptr[i];

        out[n + i] = (char)c;
        w->hash = (w->hash ^ c) * 0x100000001b3u;
    }
    if (w->key != NULL)
        flare__mask(out + n, out + n, payload.len, flare__mask_key(w->key));
    w->len += n + payload.len;
}

/* Each byte makes a frame of some of those behind it: a ping, or a fragment. */
static void write_all(struct writer *w, const char *key, struct flare_str in)
{
    bool is_inside = false;

    *w = (struct writer){.key = key, .hash = 1469598103934665603u};
    for (size_t at = 0; at < in.len;) {
        unsigned char how = (unsigned char)in.ptr[at++];
        size_t len = how & 0x40 ? (how & 0x3fu) * 5 : how & 7u;
        struct flare_str payload = {in.ptr + at,
                                    len < in.len - at ? len : in.len - at};
        bool is_ping = (how & 0x88) == 0x88;
        bool is_fin = how & 0x80;

        if (is_ping) {
            if (payload.len > FLARE__WS_CONTROL_MAX)
                payload.len = FLARE__WS_CONTROL_MAX;
            write_frame(w, FLARE__WS_PING, true, payload);
        } else {
            write_frame(w,
                        is_inside ? FLARE__WS_CONTINUATION : FLARE__WS_BINARY,
                        is_fin, payload);
            is_inside = !is_fin;
        }
        at += payload.len;
    }
}

static void check_written(struct flare_str in, size_t cut)
{
    static struct frames_trace traces[2];
    static struct writer w;
    struct flare__ws_rules rules = {&flare__allocator_default, IN_MAX, IN_MAX,
                                    false};

    for (int i = 0; i < 2; i++) {
        write_all(&w, i == 0 ? NULL : "\x12\x34\xf6\x78", in);
        rules.is_client = i == 0;
        frames_decode(&traces[i], &rules, false,
                      (struct flare_str){w.wire, w.len}, cut, w.len + 1);
        check(traces[i].rc == 0 ? NULL : "what was written is refused");
        check(traces[i].hash == w.hash ? NULL : "other bytes come back");
        check(traces[i].consumed == w.len ? NULL : "not all is consumed");
    }
    check(frames_differ(&traces[0], &traces[1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare__ws_rules rules = {.al = &flare__allocator_default};
    struct flare_str wire;
    size_t cut;

    if (size < 2 || size > IN_MAX)
        return 0;
    rules.is_client = data[0] & 1;
    rules.message_bytes_max = data[0] & 4 ? 20 : 100000;
    rules.message_frames_max = data[0] & 8 ? 3 : 1000;
    wire = (struct flare_str){(const char *)data + 2, size - 2};
    cut = data[1] % (wire.len + 1);
    check_cuts(&rules, data[0] & 2, wire, cut);
    check_written(wire, cut);
    return 0;
}
