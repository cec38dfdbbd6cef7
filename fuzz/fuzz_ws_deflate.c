/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate.  The first byte chooses: any bytes as payloads of
 * messages, or as messages to be sent; the window, the takeover, and where the
 * cuts are.
 *
 * Receiving: the same answer and output whole and in pieces, never past the
 * cap.  Sending: what goes out comes back, message by message.
 *
 * A window smaller than a reference reaches may or may not be noticed, by what
 * is still in the output: only the largest is compared.
 */
#include "ws/deflate.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FLARE_HAVE_ZLIB

enum { CAP = 1 << 16, OUT_MAX = 4 * CAP };

static void check(bool is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "fuzz_ws_deflate: %s\n", what);
    abort();
}

/* What a run of messages came to. */
struct result {
    int rc;
    size_t len;
    char out[OUT_MAX];
};

/* One message in pieces, appended to the result. */
static void receive(struct flare__ws_inflate *d, struct flare_str in,
                    size_t piece, int room, struct result *result)
{
    size_t start = result->len;
    bool is_end;

    do {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};
        size_t part_len = part.len;

        is_end = part_len == in.len;
        do {
            check(result->len + (size_t)room <= OUT_MAX, "past its cap");
            result->rc = flare__ws_inflate_feed(
                d, &part, is_end, result->out + result->len, room);
            if (result->rc < 0)
                return;
            result->len += (size_t)result->rc;
            check(result->len - start <= d->message_bytes_max, "past its cap");
        } while (flare__ws_inflate_is_busy(d));
        check(part.len == 0, "input left");
        in.ptr += part_len;
        in.len -= part_len;
    } while (!is_end);
    result->rc = 0;
}

/* Cuts `in` into three messages of the same length, about. */
static void receive_all(uint8_t bits, bool has_takeover, struct flare_str in,
                        size_t piece, int room, struct result *result)
{
    struct flare__ws_inflate d;
    size_t third = in.len / 3;

    result->rc = 0;
    result->len = 0;
    flare__ws_inflate_init(&d, &flare__allocator_default, bits, has_takeover,
                           CAP);
    for (size_t i = 0; i < 3 && result->rc == 0; i++) {
        size_t len = i < 2 ? third : in.len - 2 * third;

        receive(&d, (struct flare_str){in.ptr + i * third, len}, piece, room,
                result);
        flare__ws_inflate_rest(&d);
    }
    check(result->rc == 0 || result->rc == FLARE_E_BAD_CODING ||
              result->rc == FLARE_E_CODING_LIMIT,
          "another error");
    flare__ws_inflate_fini(&d);
}

static void fuzz_receiving(uint8_t choice, struct flare_str in)
{
    static struct result whole, pieces;
    uint8_t bits = (uint8_t)(8 + (choice >> 2 & 7));
    bool has_takeover = (choice & 2) != 0;

    receive_all(bits, has_takeover, in, in.len + 1, 4096, &whole);
    receive_all(bits, has_takeover, in, 1 + (choice >> 5), 1 + (choice & 63),
                &pieces);
    if (bits < 15)
        return;
    /* in pieces the cap may be met before what is wrong is read */
    check(whole.rc == pieces.rc || (whole.rc < 0 && pieces.rc < 0),
          "the cut matters");
    if (whole.rc == 0)
        check(whole.len == pieces.len &&
                  memcmp(whole.out, pieces.out, whole.len) == 0,
              "the cut matters to the output");
}

/* Deflates a piece; returns what was written to `out`. */
static size_t send_piece(struct flare__ws_deflate *d, struct flare_str in,
                         enum flare__ws_flush flush, int room, char *out)
{
    size_t len = 0;

    do {
        int n = flare__ws_deflate_feed(d, &in, flush, out + len, room);

        check(n >= 0, "no memory");
        len += (size_t)n;
        check(len + (size_t)room <= OUT_MAX, "deflating does not end");
    } while (flare__ws_deflate_is_busy(d));
    check(in.len == 0, "input left");
    return len;
}

/* The message, cut once, with one of the flushes at the cut. */
static void check_message(struct flare__ws_deflate *to,
                          struct flare__ws_inflate *from, struct flare_str body,
                          uint8_t choice)
{
    static char wire[OUT_MAX];
    static struct result back;
    size_t cut = body.len > 0 ? choice % body.len : 0;
    int room = FLARE__WS_DEFLATE_ROOM_MIN + (choice & 63);
    size_t len =
        send_piece(to, (struct flare_str){body.ptr, cut},
                   choice & 1 ? FLARE__WS_FLUSH_FRAGMENT : FLARE__WS_FLUSH_NONE,
                   room, wire);

    len += send_piece(to, (struct flare_str){body.ptr + cut, body.len - cut},
                      FLARE__WS_FLUSH_MESSAGE, room, wire + len);
    back.len = 0;
    receive(from, (struct flare_str){wire, len}, 1 + (size_t)choice, room,
            &back);
    check(back.rc == 0 && back.len == body.len &&
              memcmp(back.out, body.ptr, body.len) == 0,
          "what was sent does not come back");
}

/* Messages, each behind a byte with its length and one with its cuts. */
static void fuzz_sending(uint8_t choice, const uint8_t *data, size_t size)
{
    uint8_t bits = (uint8_t)(8 + (choice >> 2 & 7));
    bool has_takeover = (choice & 2) != 0;
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;

    flare__ws_deflate_init(&to, &flare__allocator_default, bits, has_takeover);
    to.level = (uint8_t)(1 + (choice >> 5));
    to.memory_level = 1;
    flare__ws_inflate_init(&from, &flare__allocator_default, bits, has_takeover,
                           CAP);
    while (size >= 2) {
        size_t len = (size_t)data[0] * 4;
        uint8_t cuts = data[1];

        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        check_message(&to, &from, (struct flare_str){(const char *)data, len},
                      cuts);
        data += len;
        size -= len;
        flare__ws_deflate_rest(&to);
        flare__ws_inflate_rest(&from);
    }
    flare__ws_deflate_fini(&to);
    flare__ws_inflate_fini(&from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    if ((data[0] & 1) == 0)
        fuzz_receiving(data[0],
                       (struct flare_str){(const char *)data + 1, size - 1});
    else
        fuzz_sending(data[0], data + 1, size - 1);
    return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0; /* nothing is deflated without zlib */
}

#endif
