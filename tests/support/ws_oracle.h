/* SPDX-License-Identifier: MIT */
/*
 * What one end of a WebSocket connection has said, read slowly and by itself:
 * all bytes at once, a byte at a time, with no code of src/ws.  What it says of
 * them is in the words of tests/ws/frames_table.h, messages inflated:
 *
 *   text(Hello) binary[300] ping(p) pong() close(1000 bye) close() fail(1002) ~
 */
#ifndef FLARE__TEST_WS_ORACLE_H
#define FLARE__TEST_WS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the end that reads. */
struct ws_oracle_rules {
    uint64_t bytes_max; /* of a message, inflated */
    uint32_t frames_max;
    bool is_client;
    bool has_deflate;
    bool has_takeover; /* of what is read */
};

enum { WS_ORACLE_WORDS = 512, WS_ORACLE_SHOWN = 40 };

struct ws_oracle_word {
    enum {
        WS_ORACLE_TEXT = 1,
        WS_ORACLE_BINARY = 2,
        WS_ORACLE_CLOSE = 8,
        WS_ORACLE_PING = 9,
        WS_ORACLE_PONG = 10,
        WS_ORACLE_FAIL = 16
    } kind;
    unsigned code; /* of CLOSE, 1005 if none, and FAIL */
    uint64_t len;  /* of the payload or reason */
    uint64_t hash; /* of all its bytes */
    char shown[WS_ORACLE_SHOWN];
};

struct ws_oracle {
    struct ws_oracle_word words[WS_ORACLE_WORDS]; /* more are dropped */
    size_t count;
    bool is_cut; /* the bytes end inside a frame or message */
    /* Behind FAIL: it was found in what was inflated; whether text or size or
     * coding is seen first depends on the reader's buffers. */
    bool is_coding;
    char text[16384]; /* the words, by ws_oracle_read */
};

/* Reads. Nothing follows a CLOSE or FAIL. */
void ws_oracle_read(struct ws_oracle *o, const struct ws_oracle_rules *rules,
                    const void *bytes, size_t len);

#endif
