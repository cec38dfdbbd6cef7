/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the value of Range: what comes out lies in the representation,
 * in at most 16 ranges without a byte twice, and reads the same when written
 * again.  The first byte chooses the size.
 */
#include "http/range.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t sizes[] = {
    0, 1, 2, 10, 100, 10000, UINT64_C(1) << 63, UINT64_MAX,
};

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_range: %s\n", what);
        abort();
    }
}

static void check_ranges(const struct flare__range *ranges, int count,
                         uint64_t size)
{
    for (int i = 0; i < count; i++) {
        check(ranges[i].len > 0, "an empty range");
        check(ranges[i].offset < size, "starts past the end");
        check(ranges[i].len <= size - ranges[i].offset, "ends past the end");
        for (int j = 0; j < i; j++)
            check(ranges[i].offset >= ranges[j].offset
                      ? ranges[i].offset - ranges[j].offset >= ranges[j].len
                      : ranges[j].offset - ranges[i].offset >= ranges[i].len,
                  "a byte twice");
    }
}

static void check_again(const struct flare__range *ranges, int count,
                        uint64_t size)
{
    struct flare__range again[FLARE__RANGES_MAX];
    char text[FLARE__RANGES_MAX * 64] = "bytes=";
    size_t len = sizeof("bytes=") - 1;

    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%s%" PRIu64 "-%" PRIu64, i > 0 ? "," : "",
                                ranges[i].offset,
                                ranges[i].offset + (ranges[i].len - 1));
    check(flare__range_parse((struct flare_str){text, len}, size, again) ==
              count,
          "not as many when written again");
    for (int i = 0; i < count; i++)
        check(ranges[i].offset == again[i].offset &&
                  ranges[i].len == again[i].len,
              "not the same when written again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare__range ranges[FLARE__RANGES_MAX];
    char out[FLARE__CONTENT_RANGE_LEN_MAX];
    uint64_t content;
    int rc;

    if (size == 0)
        return 0;
    content = sizes[data[0] % 8];
    rc = flare__range_parse(
        (struct flare_str){(const char *)data + 1, size - 1}, content, ranges);
    check(rc <= FLARE__RANGES_MAX, "too many");
    check(rc >= 0 || rc == FLARE_E_BAD_RANGE, "another error");
    if (rc <= 0)
        return 0;
    check_ranges(ranges, rc, content);
    check_again(ranges, rc, content);
    check(flare__content_range_write(out, &ranges[0], content) <= sizeof(out),
          "Content-Range is too long");
    return 0;
}
