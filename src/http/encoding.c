/* SPDX-License-Identifier: MIT */
/*
 * The public face of the codings over http/deflate.h and http/inflate.h:
 * defaults filled in, ranges checked, a copy of the allocator kept.
 */
#include <flare/encoding.h>

#include "base/alloc.h"
#include "http/inflate.h"

#include <errno.h>
#include <limits.h>

_Static_assert(FLARE_ENCODER_ROOM_MIN == (int)FLARE__DEFLATE_ROOM_MIN,
               "the smallest buffer is the encoder's");

enum { DECODE_BYTES_MAX = 64 * 1024 * 1024 };

struct flare_encoder {
    struct flare_allocator al;
    struct flare__deflate *deflate;
};

struct flare_decoder {
    struct flare_allocator al;
    struct flare__inflate *inflate;
};

static const struct flare_allocator *allocator_or(
    const struct flare_allocator *allocator)
{
    return allocator != NULL ? allocator : &flare__allocator_default;
}

/* False for a coding that is none. */
static bool wrap_of(enum flare_coding coding, enum flare__wrap *wrap)
{
    switch (coding) {
    case FLARE_CODING_GZIP:
        *wrap = FLARE__WRAP_GZIP;
        return true;
    case FLARE_CODING_ZLIB:
        *wrap = FLARE__WRAP_ZLIB;
        return true;
    case FLARE_CODING_RAW:
        *wrap = FLARE__WRAP_RAW;
        return true;
    case FLARE_CODING_DEFLATE:
        *wrap = FLARE__WRAP_ZLIB_OR_RAW;
        return true;
    }
    return false;
}

/* What an encoder is to be. */
struct encode_plan {
    const struct flare_allocator *al;
    enum flare__wrap wrap;
    int level;
};

static int encode_plan(struct encode_plan *plan, enum flare_coding coding,
                       const struct flare_encode_options *options)
{
    static const struct flare_encode_options none;

    if (options == NULL)
        options = &none;
    plan->al = allocator_or(options->allocator);
    plan->level =
        options->level != 0 ? options->level : (int)FLARE__DEFLATE_LEVEL;
    if (plan->level < 1 || plan->level > 9 || !wrap_of(coding, &plan->wrap))
        return FLARE_E_RANGE;
    if (plan->wrap == FLARE__WRAP_ZLIB_OR_RAW)
        plan->wrap = FLARE__WRAP_ZLIB;
    return 0;
}

/* What a decoder is to be. */
struct decode_plan {
    const struct flare_allocator *al;
    enum flare__wrap wrap;
    struct flare__inflate_limits limits;
};

static int decode_plan(struct decode_plan *plan, enum flare_coding coding,
                       const struct flare_decode_options *options)
{
    static const struct flare_decode_options none;

    if (options == NULL)
        options = &none;
    plan->al = allocator_or(options->allocator);
    plan->limits = (struct flare__inflate_limits){
        .bytes_max =
            options->bytes_max != 0 ? options->bytes_max : DECODE_BYTES_MAX,
        .ratio_max = options->ratio_max != 0 ? options->ratio_max
                                             : FLARE__INFLATE_RATIO_MAX,
        .ratio_grace = options->ratio_grace != 0 ? options->ratio_grace
                                                 : FLARE__INFLATE_RATIO_GRACE,
    };
    if (plan->limits.ratio_max == FLARE_UNLIMITED)
        plan->limits.ratio_max = 0;
    return wrap_of(coding, &plan->wrap) ? 0 : FLARE_E_RANGE;
}

int flare_encode(struct flare_str *out, enum flare_coding coding,
                 struct flare_str in,
                 const struct flare_encode_options *options)
{
    struct encode_plan plan;
    int rc = encode_plan(&plan, coding, options);

    return rc < 0
               ? rc
               : flare__deflate_once(plan.al, plan.wrap, plan.level, in, out);
}

int flare_decode(struct flare_str *out, enum flare_coding coding,
                 struct flare_str in,
                 const struct flare_decode_options *options)
{
    struct decode_plan plan;
    int rc = decode_plan(&plan, coding, options);

    return rc < 0
               ? rc
               : flare__inflate_once(plan.al, plan.wrap, &plan.limits, in, out);
}

void flare_coding_free(struct flare_str text,
                       const struct flare_allocator *allocator)
{
    flare__free(allocator_or(allocator), (void *)(uintptr_t)text.ptr);
}

int flare_encoder_new(flare_encoder **out, enum flare_coding coding,
                      const struct flare_encode_options *options)
{
    struct encode_plan plan;
    flare_encoder *e;
    int rc = encode_plan(&plan, coding, options);

    if (rc < 0)
        return rc;
    e = flare__calloc(plan.al, 1, sizeof(*e));
    if (e == NULL)
        return -ENOMEM;
    e->al = *plan.al;
    rc = flare__deflate_new(&e->deflate, &e->al, plan.wrap, plan.level);
    if (rc < 0) {
        flare__free(plan.al, e);
        return rc;
    }
    *out = e;
    return 0;
}

void flare_encoder_free(flare_encoder *encoder)
{
    struct flare_allocator al;

    if (encoder == NULL)
        return;
    al = encoder->al; /* lies in what is freed */
    flare__deflate_free(encoder->deflate);
    flare__free(&al, encoder);
}

void flare_encoder_reset(flare_encoder *encoder)
{
    flare__deflate_reset(encoder->deflate);
}

static int encoder_run(flare_encoder *e, struct flare_str *in,
                       enum flare__flush flush, char *out, size_t size)
{
    if (size < FLARE_ENCODER_ROOM_MIN || size > INT_MAX)
        return FLARE_E_RANGE;
    return flare__deflate_feed(e->deflate, in, flush, out, (int)size);
}

int flare_encoder_feed(flare_encoder *encoder, struct flare_str *in, char *out,
                       size_t size)
{
    return encoder_run(encoder, in, FLARE__FLUSH_NONE, out, size);
}

int flare_encoder_flush(flare_encoder *encoder, char *out, size_t size)
{
    struct flare_str nothing = {"", 0};

    return encoder_run(encoder, &nothing, FLARE__FLUSH_SYNC, out, size);
}

int flare_encoder_finish(flare_encoder *encoder, char *out, size_t size)
{
    struct flare_str nothing = {"", 0};

    return encoder_run(encoder, &nothing, FLARE__FLUSH_FINISH, out, size);
}

int flare_decoder_new(flare_decoder **out, enum flare_coding coding,
                      const struct flare_decode_options *options)
{
    struct decode_plan plan;
    flare_decoder *d;
    int rc = decode_plan(&plan, coding, options);

    if (rc < 0)
        return rc;
    d = flare__calloc(plan.al, 1, sizeof(*d));
    if (d == NULL)
        return -ENOMEM;
    d->al = *plan.al;
    rc = flare__inflate_new(&d->inflate, &d->al, plan.wrap, &plan.limits);
    if (rc < 0) {
        flare__free(plan.al, d);
        return rc;
    }
    *out = d;
    return 0;
}

void flare_decoder_free(flare_decoder *decoder)
{
    struct flare_allocator al;

    if (decoder == NULL)
        return;
    al = decoder->al;
    flare__inflate_free(decoder->inflate);
    flare__free(&al, decoder);
}

int flare_decoder_feed(flare_decoder *decoder, struct flare_str *in, char *out,
                       size_t size)
{
    if (size < 1 || size > INT_MAX)
        return FLARE_E_RANGE;
    return flare__inflate_feed(decoder->inflate, in, out, (int)size);
}

int flare_decoder_finish(flare_decoder *decoder)
{
    return flare__inflate_finish(decoder->inflate);
}
