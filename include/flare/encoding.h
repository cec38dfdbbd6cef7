/* SPDX-License-Identifier: MIT */
/*
 * gzip and deflate (RFC 1950, 1951, 1952), in one go and in pieces.
 *
 *     struct flare_str small;
 *     int rc = flare_encode(&small, FLARE_CODING_GZIP, text, NULL);
 *
 * Decoding trusts nobody: what comes out is bounded, absolutely and by its
 * ratio to what went in; input that ends before its end, and anything behind
 * it, is an error.  gzip may have several members, one behind the other; what
 * comes out are their contents, one behind the other.
 *
 * Without zlib (--without-zlib) every call that begins something returns
 * -EOPNOTSUPP.
 */
#ifndef FLARE_ENCODING_H
#define FLARE_ENCODING_H

#include <flare/alloc.h>
#include <flare/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What stands around the deflated bytes. */
enum flare_coding {
    FLARE_CODING_GZIP,   /* Content-Encoding: gzip; .gz files */
    FLARE_CODING_ZLIB,   /* a zlib header: what HTTP calls deflate */
    FLARE_CODING_RAW,    /* nothing */
    FLARE_CODING_DEFLATE /* decoded: ZLIB or RAW, as it is found, since servers
                          * send both; encoded: ZLIB */
};

enum {
    FLARE_ENCODER_ROOM_MIN = 64 /* bytes: the smallest buffer to encode into */
};

/* Zero is the default, in brackets. */
struct flare_encode_options {
    int level;                               /* 1 (fast) to 9 (small) [4] */
    const struct flare_allocator *allocator; /* copied [malloc] */
};

/*
 * Zero is the default, in brackets.  Past any of the limits:
 * FLARE_E_CODING_LIMIT.
 */
struct flare_decode_options {
    uint64_t bytes_max;   /* of output; UINT64_MAX: none [64 MiB] */
    uint32_t ratio_max;   /* output to input; FLARE_UNLIMITED: none [100] */
    uint32_t ratio_grace; /* bytes of output before that counts [64 KiB] */
    const struct flare_allocator *allocator; /* copied [malloc] */
};

/* ---- in one go ---- */

/*
 * Encodes `in`; `options` may be NULL.  Borrows both until it returns.
 *
 * Returns 0 and gives `*out` (flare_coding_free, with the same allocator);
 * FLARE_E_RANGE for a level or coding that is none, -ENOMEM, -EOPNOTSUPP: then
 * `*out` is untouched.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_encode(
    struct flare_str *out, enum flare_coding coding, struct flare_str in,
    const struct flare_encode_options *options);

/*
 * Decodes `in`; `options` may be NULL.  Borrows both until it returns.
 *
 * Returns 0 and gives `*out` (flare_coding_free, with the same allocator), its
 * ptr NULL if nothing was in it; else `*out` is untouched:
 *   FLARE_E_BAD_CODING    not of that coding, cut, or with something behind it
 *   FLARE_E_CODING_LIMIT  more than the limits allow
 *   FLARE_E_RANGE         a coding that is none
 *   -ENOMEM, -EOPNOTSUPP
 * Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_decode(
    struct flare_str *out, enum flare_coding coding, struct flare_str in,
    const struct flare_decode_options *options);

/* Frees what the two gave; `allocator` NULL: malloc.  Thread: any. */
FLARE_API void flare_coding_free(struct flare_str text,
                                 const struct flare_allocator *allocator);

/* ---- in pieces ---- */

/* One stream that is being encoded, in at most 73 KiB.  Thread: one at a time.
 */
typedef struct flare_encoder flare_encoder;

/*
 * Begins a stream; `options` may be NULL.  Returns 0 and gives `*out`
 * (flare_encoder_free), or an error of flare_encode.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_encoder_new(
    flare_encoder **out, enum flare_coding coding,
    const struct flare_encode_options *options);

/* Accepts NULL. */
FLARE_API void flare_encoder_free(flare_encoder *encoder);

/* Begins the next stream of the same kind; allocates nothing. */
FLARE_API void flare_encoder_reset(flare_encoder *encoder);

/*
 * Encodes from `*in`, which is moved past what was taken, to `size` bytes at
 * `out`, from FLARE_ENCODER_ROOM_MIN to INT_MAX.  It keeps back what it likes.
 *
 * Returns how many bytes were written.  If that is `size` there may be more:
 * empty the buffer and call again with what is left of `*in`, until it is less;
 * then all of `*in` was taken.  FLARE_E_RANGE for another size; -EINVAL after
 * flare_encoder_finish.
 */
FLARE_API FLARE_MUST_USE int flare_encoder_feed(flare_encoder *encoder,
                                                struct flare_str *in, char *out,
                                                size_t size);

/*
 * Writes what was kept back, so that all that was fed can be decoded from the
 * output so far.  Returns as flare_encoder_feed: call until it is less.
 */
FLARE_API FLARE_MUST_USE int flare_encoder_flush(flare_encoder *encoder,
                                                 char *out, size_t size);

/* Ends the stream.  Returns as flare_encoder_feed: call until it is less. */
FLARE_API FLARE_MUST_USE int flare_encoder_finish(flare_encoder *encoder,
                                                  char *out, size_t size);

/* One stream that is being decoded, in at most 49 KiB.  Thread: one at a time.
 */
typedef struct flare_decoder flare_decoder;

/*
 * Begins a stream; `options` may be NULL.  Returns 0 and gives `*out`
 * (flare_decoder_free); FLARE_E_RANGE, -ENOMEM, -EOPNOTSUPP.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_decoder_new(
    flare_decoder **out, enum flare_coding coding,
    const struct flare_decode_options *options);

/* Accepts NULL. */
FLARE_API void flare_decoder_free(flare_decoder *decoder);

/*
 * Decodes from `*in`, which is moved past what was taken, to `size` bytes at
 * `out`, from 1 to INT_MAX.
 *
 * Returns how many bytes were written, perhaps 0.  If that is `size` there may
 * be more: empty the buffer and call again with what is left of `*in`, until it
 * is less; then all of `*in` was taken.  FLARE_E_BAD_CODING,
 * FLARE_E_CODING_LIMIT, -ENOMEM: it stays so, and what was written by this call
 * is not to be used.  FLARE_E_RANGE for another size.
 */
FLARE_API FLARE_MUST_USE int flare_decoder_feed(flare_decoder *decoder,
                                                struct flare_str *in, char *out,
                                                size_t size);

/*
 * All input was fed, and all output taken.  Returns 0 if it was whole, else
 * FLARE_E_BAD_CODING or the error that there was.  What was written before is
 * not to be trusted until this has returned 0.
 */
FLARE_API FLARE_MUST_USE int flare_decoder_finish(flare_decoder *decoder);

#ifdef __cplusplus
}
#endif
#endif
