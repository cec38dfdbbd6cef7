/* SPDX-License-Identifier: MIT */
/* The portable kernel: one table look-up per byte. */
#include "http/scan.h"

#include "http/chars.h"

#define HEAD_PARSE flare__head_parse_scalar
#define REPLY_PARSE flare__reply_parse_scalar

struct scan {
    const char *end;
};

SCAN_INLINE void scan_start(struct scan *s, const char *buf, const char *end)
{
    (void)buf;
    s->end = end;
}

SCAN_INLINE void scan_cut(struct scan *s, const char *p, const char *end)
{
    (void)p;
    s->end = end;
}

SCAN_INLINE const char *scan_class(const struct scan *s, const char *p,
                                   unsigned class_)
{
    while (p < s->end && flare__char_is(*p, class_))
        p++;
    return p;
}

SCAN_INLINE const char *scan_name(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_TOKEN);
}

SCAN_INLINE const char *scan_value(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_VALUE);
}

SCAN_INLINE void scan_line(struct scan *s)
{
    (void)s;
}

SCAN_INLINE const char *scan_target(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_TARGET);
}

SCAN_INLINE const char *scan_target_near(const struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_TARGET);
}

SCAN_INLINE size_t scan_host(const struct scan *s, const char *p, size_t len)
{
    (void)len;
    return (size_t)(scan_class(s, p, FLARE__CHAR_NAME) - p);
}

#include "http/head_parse.inc"
#include "http/reply_parse.inc"
