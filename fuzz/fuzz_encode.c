/* SPDX-License-Identifier: MIT */
/*
 * Any bytes through our encoder and back: the same bytes, whatever the pieces
 * on either side, with flushes between them, in every coding.  The first three
 * bytes choose coding and level, and the sizes of pieces.
 */
#include <flare/encoding.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 15, CODED_MAX = 4 * INPUT_MAX + 65536 };

static char coded[CODED_MAX];
static char plain[INPUT_MAX + 1];

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_encode: %s\n", what);
        abort();
    }
}

/* Calls one of the encoder's three until it says less than there was room. */
#define DRAIN(len, call)                                                       \
    for (;;) {                                                                 \
        int made;                                                              \
                                                                               \
        check(CODED_MAX - (len) >= room, "more than was to be expected");      \
        made = (call);                                                         \
        check(made >= 0 && (size_t)made <= room, "no number of bytes");        \
        (len) += (size_t)made;                                                 \
        if ((size_t)made < room)                                               \
            break;                                                             \
    }

static size_t encode(flare_encoder *encoder, struct flare_str in, size_t piece,
                     size_t room, bool flushes)
{
    size_t len = 0;

    while (in.len > 0) {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};
        size_t had = part.len;

        DRAIN(len, flare_encoder_feed(encoder, &part, coded + len, room));
        check(part.len == 0, "input that is not taken");
        if (flushes)
            DRAIN(len, flare_encoder_flush(encoder, coded + len, room));
        in.ptr += had;
        in.len -= had;
    }
    DRAIN(len, flare_encoder_finish(encoder, coded + len, room));
    return len;
}

/* Returns how many bytes came out; more than INPUT_MAX: too many. */
static size_t decode(flare_decoder *decoder, size_t coded_len, size_t piece,
                     size_t room)
{
    struct flare_str in = {coded, coded_len};
    size_t len = 0;

    for (;;) {
        struct flare_str part = {in.ptr, in.len < piece ? in.len : piece};
        size_t had = part.len;
        size_t space = sizeof(plain) - len < room ? sizeof(plain) - len : room;
        int made;

        if (space == 0)
            return len;
        made = flare_decoder_feed(decoder, &part, plain + len, space);
        check(made >= 0, "our own is refused");
        len += (size_t)made;
        in.ptr += had - part.len;
        in.len -= had - part.len;
        if (in.len == 0 && (size_t)made < space)
            break;
        check(had > part.len || made > 0, "stands still");
    }
    check(flare_decoder_finish(decoder) == 0, "our own is not whole");
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_encode_options options = {0};
    struct flare_decode_options limits = {.ratio_max = FLARE_UNLIMITED};
    flare_encoder *encoder;
    flare_decoder *decoder;
    struct flare_str in;
    enum flare_coding coding;
    int rc;

    if (size < 3 || size > INPUT_MAX)
        return 0;
    coding = (enum flare_coding)(data[0] & 3);
    options.level = 1 + (data[0] >> 2) % 9;
    in = (struct flare_str){(const char *)data + 3, size - 3};
    rc = flare_encoder_new(&encoder, coding, &options);
    if (rc == -EOPNOTSUPP)
        return 0;
    check(rc == 0, "no encoder");
    check(flare_decoder_new(&decoder, coding, &limits) == 0, "no decoder");
    for (int i = 0; i < 2; i++) { /* and again, after a reset */
        size_t len = encode(encoder, in, 1 + data[1],
                            FLARE_ENCODER_ROOM_MIN + data[2], data[1] & 1);

        if (i == 0) {
            len = decode(decoder, len, 1 + data[2], 1 + data[1]);
            check(len == in.len && memcmp(plain, in.ptr, len) == 0,
                  "other bytes");
        }
        flare_encoder_reset(encoder);
    }
    flare_encoder_free(encoder);
    flare_decoder_free(decoder);
    return 0;
}
