/* SPDX-License-Identifier: MIT */
/* See records.h. */
#include "tls/records.h"

/* One byte of a header. */
static void records_header(struct flare__tls_records *r, uint8_t byte)
{
    if (r->offset == 3)
        r->body = (uint32_t)byte << 8;
    else if (r->offset == 4)
        r->body |= byte;
    r->offset++;
}

/* Of a body as much as there is; returns how much. */
static size_t records_body(struct flare__tls_records *r, const char *bytes,
                           size_t len)
{
    size_t at = r->offset - FLARE__TLS_HEADER;
    size_t n = r->body - at;

    if (n > len)
        n = len;
    for (size_t i = at; i < FLARE__TLS_NONCE && i < at + n; i++)
        r->nonce[i] = (uint8_t)bytes[i - at];
    r->offset += (uint32_t)n;
    return n;
}

void flare__tls_records_feed(struct flare__tls_records *r, const char *bytes,
                             size_t len)
{
    for (size_t i = 0; i < len;) {
        if (r->offset < FLARE__TLS_HEADER)
            records_header(r, (uint8_t)bytes[i++]);
        else
            i += records_body(r, bytes + i, len - i);
        if (r->offset >= FLARE__TLS_HEADER &&
            r->offset == FLARE__TLS_HEADER + r->body)
            r->offset = 0;
    }
}

uint32_t flare__tls_records_missing(const struct flare__tls_records *r)
{
    if (r->offset == 0)
        return 0;
    if (r->offset < FLARE__TLS_HEADER)
        return FLARE__TLS_HEADER - r->offset;
    return FLARE__TLS_HEADER + r->body - r->offset;
}
