/* SPDX-License-Identifier: MIT */
/*
 * The frames of WebSocket (RFC 6455 section 5) as a load generator needs them:
 * where a server's messages end, strictly, and a client's frames written.  No
 * extension is spoken; what is in a message is not looked at.  Knows no
 * sockets.
 */
#ifndef TOOL_BENCH_FRAMES_H
#define TOOL_BENCH_FRAMES_H

#include "tools/bench/text.h"

enum { FRAMES_CONTROL_MAX = 125, FRAMES_HEAD_MAX = 14 };

enum frames_opcode {
    FRAMES_CONTINUATION = 0,
    FRAMES_TEXT = 1,
    FRAMES_BINARY = 2,
    FRAMES_CLOSE = 8,
    FRAMES_PING = 9,
    FRAMES_PONG = 10
};

enum frames_event {
    FRAMES_MORE,    /* all bytes are used */
    FRAMES_MESSAGE, /* one has ended; bytes may be left */
    FRAMES_CONTROL, /* a ping or close is in `control` */
    FRAMES_BAD      /* see `fault` */
};

/* Zeroed at first. */
struct frames {
    uint8_t head[FRAMES_HEAD_MAX];
    uint8_t head_len;
    uint8_t opcode; /* of the frame under way */
    bool is_in_payload;
    bool is_in_message; /* a fragment has come, the last one has not */
    bool is_last;
    uint64_t left; /* of the payload */
    size_t control_len;
    char control[FRAMES_CONTROL_MAX];
    const char *fault;
};

/* Reads on in `*bytes`, from which is taken what has been used. */
enum frames_event frames_feed(struct frames *f, struct flare_str *bytes);

/* Writes a whole frame behind what is in `out`, masked with random bits of
 * `pen`. */
void frames_write(struct text_out *out, enum frames_opcode opcode,
                  struct flare_str payload, struct text_pen *pen);

#endif
