/* SPDX-License-Identifier: MIT */
/* Chooses the parser's kernel, once; what is rare in a status line. */
#include "http/reply_head.h"

#include "http/chars.h"
#include "http/reply_line.h"
#include "http/scan.h"

#include <stdatomic.h>

static flare__reply_parse_fn reply_parse_first;

/* Chosen by the first call; threads that race here store the same. */
static _Atomic(flare__reply_parse_fn *) reply_parse = reply_parse_first;

static int reply_parse_first(struct flare__reply_head *head,
                             const struct flare__reply_head_limits *limits,
                             const char *buf, size_t len)
{
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 1];

    (void)flare__scan_kernels(kernels, 0); /* scalar at least */
    atomic_store_explicit(&reply_parse, kernels[0].parse_reply,
                          memory_order_relaxed);
    return kernels[0].parse_reply(head, limits, buf, len);
}

int flare__reply_head_parse(struct flare__reply_head *head,
                            const struct flare__reply_head_limits *limits,
                            const char *buf, size_t len)
{
    flare__reply_parse_fn *parse =
        atomic_load_explicit(&reply_parse, memory_order_relaxed);

    return parse(head, limits, buf, len);
}

/* In the form of a status line: d is a digit, h one from 1 to 5. */
static bool line_byte_is(char form, char byte)
{
    if (form == 'h')
        return byte >= '1' && byte <= '5';
    if (form == 'd')
        return flare__char_is(byte, FLARE__CHAR_DIGIT);
    return byte == form;
}

int flare__reply_line(struct flare__reply_head *head, const char *p,
                      const char *end)
{
    static const char form[] = "HTTP/d.d hdd";
    const int len = sizeof(form) - 1;

    for (int i = 0; i < len; i++) {
        if (p + i == end)
            return 0;
        if (!line_byte_is(form[i], p[i]))
            return FLARE_E_BAD_REQUEST;
        if (form[i] == ' ' && (p[5] != '1' || p[7] > '1'))
            return FLARE_E_VERSION_UNKNOWN;
    }
    head->minor = (uint8_t)(p[7] - '0');
    head->status =
        (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    if (p + len == end)
        return 0;
    if (p[len] == ' ')
        return len + 1;
    return p[len] == '\r' ? len : FLARE_E_BAD_REQUEST;
}

int flare__reply_error(int rc, int syntax)
{
    switch (rc) {
    case FLARE_E_BAD_REQUEST:
        return syntax;
    case FLARE_E_VERSION_UNKNOWN:
        return FLARE_E_REPLY_VERSION;
    case FLARE_E_BAD_FRAMING:
        return FLARE_E_REPLY_LENGTH;
    case FLARE_E_CODING_UNKNOWN:
        return FLARE_E_REPLY_CODING;
    case FLARE_E_BAD_CHUNK:
        return FLARE_E_REPLY_CHUNK;
    case FLARE_E_HEAD_TOO_LARGE:
        return FLARE_E_REPLY_TOO_LARGE;
    default:
        return rc;
    }
}

const struct flare__field *flare__reply_head_find(
    const struct flare__reply_head *head, struct flare_str name)
{
    return flare__field_find(head->fields, head->field_count, name);
}
