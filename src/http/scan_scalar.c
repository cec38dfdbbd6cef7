/* SPDX-License-Identifier: MIT */
/* The portable kernel: one table look-up per byte. */
#include "http/scan.h"

#include "http/chars.h"

#define HEAD_PARSE flare__head_parse_scalar

struct scan {
    const char *end;
};

static inline void scan_start(struct scan *s, const char *buf, const char *end)
{
    (void)buf;
    s->end = end;
}

static inline void scan_cut(struct scan *s, const char *end)
{
    s->end = end;
}

static inline const char *scan_class(const struct scan *s, const char *p,
                                     unsigned class_)
{
    while (p < s->end && flare__char_is(*p, class_))
        p++;
    return p;
}

static inline const char *scan_name(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_TOKEN);
}

static inline const char *scan_value(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_VALUE);
}

static inline const char *scan_target(struct scan *s, const char *p)
{
    return scan_class(s, p, FLARE__CHAR_TARGET);
}

#include "http/head_parse.inc"
