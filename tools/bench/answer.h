/* SPDX-License-Identifier: MIT */
/*
 * Where the answers in a stream of bytes end (RFC 9112), strictly: what is not
 * framed as it must be is a fault with a sentence, and never guessed at.  Knows
 * no sockets: bytes go in, ends of answers come out.
 *
 * A server says the same head again and again: one that is byte for byte the
 * last that was read means the same, and is not read again.
 */
#ifndef TOOL_BENCH_ANSWER_H
#define TOOL_BENCH_ANSWER_H

#include <flare/base.h>

/* What is sent as Sec-WebSocket-Key, and what proves that it was read (RFC 6455
 * section 1.3).  Always the same: nonces are against caches, and SHA-1 is not
 * wanted here. */
#define ANSWER_WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ANSWER_WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum {
    ANSWER_HEAD_MAX = 64 * 1024,
    ANSWER_MEMO_MAX = 1024,
    ANSWER_LINE_MAX = 8192 /* of a chunk's extension, of a trailer */
};

/* What a head has said. */
struct answer_head {
    uint64_t length; /* of a body by length */
    uint16_t status;
    uint8_t body;     /* how it ends: enum in answer.c */
    bool is_last;     /* the connection ends with this answer */
    bool is_informal; /* a 1xx: the answer is yet to come */
    bool is_ws;       /* it has the fields of a 101 that was asked for */
};

/* The last head that was read; shared by the connections of a thread. */
struct answer_memo {
    size_t len; /* 0: none */
    bool of_head;
    struct answer_head head;
    char bytes[ANSWER_MEMO_MAX];
};

enum answer_state {
    ANSWER_MORE, /* all bytes are used */
    ANSWER_DONE, /* an answer has ended; bytes may be left */
    ANSWER_BAD   /* see `fault`; nothing can be read after it */
};

/* Zeroed but for `memo` at first; the buffer is answer_fini's to free. */
struct answer {
    struct answer_memo *memo;
    struct answer_head head;
    uint64_t left;   /* of a body or chunk, or read of a size */
    uint32_t column; /* of a line in a chunked body */
    uint8_t state;
    bool of_head;  /* the request was a HEAD; set before its answer */
    bool wants_ws; /* it was a handshake: a 101 is right */
    const char *fault;
    char *held; /* a head that is cut; malloc'ed */
    size_t held_len;
    size_t held_size;
};

/* Reads on in `*bytes`, from which is taken what has been used. */
enum answer_state answer_feed(struct answer *a, struct flare_str *bytes);

/* The peer sends no more: whether that was the end of an answer. */
enum answer_state answer_end(struct answer *a);

/* Whether bytes of an answer have come whose end has not. */
bool answer_is_begun(const struct answer *a);

/* As for a new connection; keeps the memory. */
void answer_reset(struct answer *a);

void answer_fini(struct answer *a);

#endif
