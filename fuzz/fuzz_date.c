/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an HTTP-date and as an entity tag.  A date that is taken is
 * written as one that is taken as the same; the three forms agree; a tag is
 * what it says between its quotation marks, and equal to itself.  The first
 * eight bytes are the time now, and a date that is written.
 */
#include "http/date.h"
#include "http/etag.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The last second of 9999. */
static const int64_t last_second = INT64_C(253402300799);

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_date: %s\n", what);
        abort();
    }
}

static void check_written(int64_t seconds)
{
    char text[FLARE__DATE_LEN];
    int64_t again = -1;
    int64_t want = seconds < 0             ? 0
                   : seconds > last_second ? last_second
                                           : seconds;

    flare__date_write(text, seconds);
    check(flare__date_parse((struct flare_str){text, sizeof(text)}, 0,
                            &again) == 0,
          "what was written is not taken");
    check(again == want, "another second when it is read again");
}

static void check_date(struct flare_str text, int64_t now)
{
    int64_t seconds = INT64_MIN;
    int rc = flare__date_parse(text, now, &seconds);

    check(rc == 0 || rc == FLARE_E_BAD_INPUT, "another error");
    check(rc == 0 || seconds == INT64_MIN, "refused, and written");
    if (rc < 0)
        return;
    check(text.len >= 24 && text.len <= 33, "no date has that length");
    /* The year 0000 begins before 1970. */
    check(seconds >= -INT64_C(62167219200) && seconds <= last_second + 1,
          "outside of the years");
    if (seconds >= 0)
        check_written(seconds);
}

static void check_tag(struct flare_str text)
{
    struct flare__etag tag;

    if (!flare__etag_parse(text, &tag))
        return;
    check(tag.opaque.len >= 2 && tag.opaque.ptr[0] == '"' &&
              tag.opaque.ptr[tag.opaque.len - 1] == '"',
          "a tag without quotation marks");
    check(text.len == tag.opaque.len + (tag.is_weak ? 2 : 0),
          "something around the tag");
    for (size_t i = 1; i + 1 < tag.opaque.len; i++) {
        unsigned char c = (unsigned char)tag.opaque.ptr[i];

        check(c >= 0x21 && c != '"' && c != 0x7F, "no character of a tag");
    }
    check(flare__etag_same_weak(tag, tag), "not itself");
    check(flare__etag_same_strong(tag, tag) == !tag.is_weak,
          "strong, and weak");
}

static void check_own_tag(int64_t mtime_ns, uint64_t size)
{
    char text[FLARE__ETAG_LEN_MAX];
    size_t len = flare__etag_write(text, mtime_ns, size);
    struct flare__etag tag;

    check(len <= sizeof(text), "our tag is too long");
    check(flare__etag_parse((struct flare_str){text, len}, &tag) &&
              !tag.is_weak,
          "our tag is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_str text;
    int64_t now;

    if (size < sizeof(now))
        return 0;
    memcpy(&now, data, sizeof(now));
    text = (struct flare_str){(const char *)data + sizeof(now),
                              size - sizeof(now)};
    check_written(now);
    check_own_tag(now, (uint64_t)now ^ size);
    check_tag(text);
    check_date(text, now < 0 || now > last_second ? 0 : now);
    return 0;
}
