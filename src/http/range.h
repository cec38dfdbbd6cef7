/* SPDX-License-Identifier: MIT */
/*
 * Byte ranges (RFC 9110 section 14): the Range field against the size of a
 * representation, and the Content-Range that answers it.
 */
#ifndef FLARE__HTTP_RANGE_H
#define FLARE__HTTP_RANGE_H

#include <flare/error.h>

struct flare__range {
    uint64_t offset;
    uint64_t len; /* at least 1; offset + len is at most the size */
};

enum {
    FLARE__RANGES_MAX = 16,
    FLARE__CONTENT_RANGE_LEN_MAX = 72 /* "bytes ", three numbers of 20 */
};

/*
 * Reads the value of Range for `size` bytes.  Satisfiable ranges are written
 * in the order asked for, cut to the size; the others are dropped.
 *
 * Returns their number, 1 to 16; 0 if the field is to be ignored and the whole
 * sent with 200: another unit, not of the grammar, a last byte before the
 * first, more than 16 ranges asked for, two that overlap (section 14.2 allows
 * it: nobody needs a byte twice), or a suffix of nothing (no Content-Range can
 * say that); FLARE_E_BAD_RANGE, a 416, if no range is satisfiable.
 * No number is too large to be read: it is as far as the end or past it.
 */
FLARE_MUST_USE
int flare__range_parse(struct flare_str field, uint64_t size,
                       struct flare__range out[FLARE__RANGES_MAX]);

/*
 * Writes "bytes 0-4/10", or with `range` NULL the "bytes" of a 416, "bytes
 * *" "/10".  Returns its length.
 */
size_t flare__content_range_write(char out[FLARE__CONTENT_RANGE_LEN_MAX],
                                  const struct flare__range *range,
                                  uint64_t size);

/* A size that Content-Range does not say: "*". */
#define FLARE__RANGE_SIZE_UNKNOWN UINT64_MAX

/*
 * Reads the value of a Content-Range.  Returns 1 with the range of `*size`
 * bytes; 0 with the size alone, of a 416; FLARE_E_BAD_RANGE if it is none, of
 * another unit, or not within its size.
 */
FLARE_MUST_USE
int flare__content_range_parse(struct flare_str field,
                               struct flare__range *range, uint64_t *size);

#endif
