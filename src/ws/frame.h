/* SPDX-License-Identifier: MIT */
/*
 * WebSocket frames (RFC 6455 section 5), both roles, sans-I/O: bytes in, cut
 * anywhere; pieces of messages and whole control frames out.
 *
 * A frame is judged by its header alone, before a byte of its payload is
 * looked at and before anything is allocated.  Each call consumes at least a
 * byte, or says that it needs more (W24), and what it says does not depend on
 * how the bytes were cut, but for how payload is cut into pieces.
 *
 * Memory: this struct, and 125 bytes more while a control frame is cut.
 */
#ifndef FLARE__WS_FRAME_H
#define FLARE__WS_FRAME_H

#include "base/utf8.h"
#include "ws/close.h"

#include <flare/alloc.h>

enum {
    FLARE__WS_CONTINUATION = 0,
    FLARE__WS_TEXT = 1,
    FLARE__WS_BINARY = 2,
    FLARE__WS_CLOSE = 8,
    FLARE__WS_PING = 9,
    FLARE__WS_PONG = 10
};

enum {
    FLARE__WS_HEAD_MAX = 14,     /* bytes of a header with its key */
    FLARE__WS_CONTROL_MAX = 125, /* payload of a control frame */
    FLARE__WS_CONTROL_FRAME_MAX = 2 + 4 + FLARE__WS_CONTROL_MAX
};

/* ---- reading ---- */

/* What all connections of one endpoint share; outlives their decoders. */
struct flare__ws_rules {
    const struct flare_allocator *al;
    uint64_t message_bytes_max;  /* as sent: inflated ones are counted above */
    uint32_t message_frames_max; /* frames of one message, 1 or more */
    bool is_client;              /* this end is */
};

/* Fields are the decoder's own. */
struct flare__ws_decoder {
    const struct flare__ws_rules *rules;
    char *hold;       /* payload of a control frame that was cut */
    uint64_t left;    /* of the present frame's payload, not consumed */
    uint64_t message; /* bytes of the present message, all frames so far */
    uint32_t frames;  /* of the present message, so far */
    uint32_t key;     /* turned to the payload's next byte */
    unsigned char head[FLARE__WS_HEAD_MAX]; /* of a header that was cut */
    uint8_t head_len;
    uint8_t state;
    uint8_t opcode;         /* of the present frame */
    uint8_t message_opcode; /* of the present message; 0: there is none */
    uint8_t held;           /* bytes in `hold` */
    struct flare__utf8 text;
    bool has_deflate;
    bool is_fin;         /* the present frame is its message's last */
    bool is_compressed;  /* the present message is */
    bool is_frame_start; /* no piece of the present frame was given */
    bool is_first;       /* no piece of the present message was given */
};

/* Bytes that the decoder consumes from the front and may change: payload is
 * unmasked where it lies. */
struct flare__ws_bytes {
    char *ptr;
    size_t len;
};

struct flare__ws_piece {
    char *ptr; /* unmasked; in the input, or valid until the next call */
    size_t len;
    uint64_t left;  /* of its frame's payload, still to come; 0: it ends here */
    uint8_t opcode; /* TEXT or BINARY also for continuations; CLOSE, PING,
                       PONG */
    bool is_frame_start;
    bool is_first;       /* of its message */
    bool is_last;        /* of its message */
    bool is_compressed;  /* RSV1 on the message: its bytes are deflated, and
                            nobody has looked whether they are text */
    uint16_t close_code; /* CLOSE: what it says, FLARE__WS_CLOSE_NONE if
                            nothing; an error: what to tell the peer */
    const char *why;     /* an error: one sentence, static; else NULL */
};

enum {
    FLARE__WS_MORE,   /* all input is consumed; there is no piece */
    FLARE__WS_DATA,   /* a piece of a message, empty if its frame is */
    FLARE__WS_CONTROL /* a control frame; a close's bytes are its reason */
};

/*
 * Borrows `rules`.  `has_deflate`: permessage-deflate was agreed on, so that
 * the first frame of a message may have RSV1.
 */
void flare__ws_decoder_init(struct flare__ws_decoder *d,
                            const struct flare__ws_rules *rules,
                            bool has_deflate);

void flare__ws_decoder_fini(struct flare__ws_decoder *d);

/*
 * Takes from the front of `*in` (moved past what was consumed) until there is
 * something to say: FLARE__WS_*, with `*piece`.  Of payload in the input, one
 * piece takes all that is of its frame.  Bytes behind a close frame are
 * consumed and dropped (section 5.5.1).
 *
 * Errors, with `close_code` and `why`; but for init and fini nothing may
 * follow: FLARE_E_WS_PROTOCOL   1002  a rule of section 5 is broken
 *   FLARE_E_WS_TEXT       1007  a text message or reason is not UTF-8: at the
 *                               first byte that shows it
 *   FLARE_E_WS_TOO_LARGE  1009  the message is, or has too many frames
 *   -ENOMEM               1011  none for a control frame that was cut
 */
FLARE_MUST_USE
int flare__ws_decode(struct flare__ws_decoder *d, struct flare__ws_bytes *in,
                     struct flare__ws_piece *piece);

/* Whether the input may end here without cutting a frame or message. */
bool flare__ws_decoder_is_between(const struct flare__ws_decoder *d);

/* ---- writing ---- */

struct flare__ws_frame {
    uint64_t len; /* of the payload, below 2^63 */
    uint8_t opcode;
    bool is_fin;
    bool is_compressed; /* RSV1: the first frame of a deflated message */
    const void *key;    /* a client: four bytes nobody can guess, new for each
                           frame; a server: NULL */
};

/*
 * Writes a header, with its key.  Returns its length, 2 to 14.  The payload
 * behind it is masked by the caller (flare__mask).
 */
size_t flare__ws_write_head(char out[FLARE__WS_HEAD_MAX],
                            const struct flare__ws_frame *frame);

/*
 * Writes a whole control frame: PING or PONG with a payload of at most
 * FLARE__WS_CONTROL_MAX bytes.  Returns its length.
 */
size_t flare__ws_write_control(char out[FLARE__WS_CONTROL_FRAME_MAX],
                               unsigned opcode, struct flare_str payload,
                               const void *key);

/*
 * Writes a whole close frame; as flare__ws_close_write.  A `key` makes it a
 * client's.  Returns its length, or FLARE_E_WS_BAD_CLOSE.
 */
FLARE_MUST_USE
int flare__ws_write_close(char out[FLARE__WS_CONTROL_FRAME_MAX], unsigned code,
                          struct flare_str reason, const void *key);

#endif
