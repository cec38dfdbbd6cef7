/* SPDX-License-Identifier: MIT */
/*
 * Where a stream of TLS bytes stands: inside a record, or between two, which is
 * where the kernel can take it over.  A record is a header of 5 bytes, of which
 * the last two are the length of what follows (RFC 5246 6.2.1, RFC 8446 5.1).
 * Bytes are counted, not kept, in pieces of any size.
 */
#ifndef FLARE__TLS_RECORDS_H
#define FLARE__TLS_RECORDS_H

#include <flare/base.h>

enum {
    FLARE__TLS_HEADER = 5,
    FLARE__TLS_NONCE = 8 /* explicit, before a body of AES-GCM in TLS 1.2 */
};

/* Zeroed: at the beginning of a stream. */
struct flare__tls_records {
    uint32_t offset; /* in the record that has begun; 0: between two */
    uint32_t body;   /* its length, once the header is there */
    uint8_t nonce[FLARE__TLS_NONCE]; /* the front of the last body */
};

/* The next `len` bytes of the stream. */
void flare__tls_records_feed(struct flare__tls_records *r, const char *bytes,
                             size_t len);

/*
 * Bytes until the record that has begun is whole, or until its header is: never
 * more than belong to it.  0: between two records.
 */
uint32_t flare__tls_records_missing(const struct flare__tls_records *r);

#endif
