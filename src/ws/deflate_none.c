/* SPDX-License-Identifier: MIT */
/* permessage-deflate of a build without zlib: there is none. */
#include "ws/deflate.h"

#ifndef FLARE_HAVE_ZLIB

#include <errno.h>

bool flare__ws_deflate_is_here(void)
{
    return false;
}

void flare__ws_deflate_init(struct flare__ws_deflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover)
{
    *d = (struct flare__ws_deflate){
        .al = al, .window_bits = window_bits, .has_takeover = has_takeover};
}

void flare__ws_deflate_fini(struct flare__ws_deflate *d)
{
    (void)d;
}

size_t flare__ws_deflate_bytes(const struct flare__ws_deflate *d)
{
    (void)d;
    return 0;
}

void flare__ws_deflate_rest(struct flare__ws_deflate *d)
{
    (void)d;
}

int flare__ws_deflate_feed(struct flare__ws_deflate *d, struct flare_str *in,
                           enum flare__ws_flush flush, char *out, int room)
{
    (void)d;
    (void)in;
    (void)flush;
    (void)out;
    (void)room;
    return -EOPNOTSUPP;
}

void flare__ws_inflate_init(struct flare__ws_inflate *d,
                            const struct flare_allocator *al,
                            uint8_t window_bits, bool has_takeover,
                            uint64_t message_bytes_max)
{
    *d = (struct flare__ws_inflate){.al = al,
                                    .window_bits = window_bits,
                                    .has_takeover = has_takeover,
                                    .message_bytes_max = message_bytes_max};
}

void flare__ws_inflate_fini(struct flare__ws_inflate *d)
{
    (void)d;
}

size_t flare__ws_inflate_bytes(const struct flare__ws_inflate *d)
{
    (void)d;
    return 0;
}

void flare__ws_inflate_rest(struct flare__ws_inflate *d)
{
    (void)d;
}

int flare__ws_inflate_feed(struct flare__ws_inflate *d, struct flare_str *in,
                           bool is_end, char *out, int room)
{
    (void)d;
    (void)in;
    (void)is_end;
    (void)out;
    (void)room;
    return -EOPNOTSUPP;
}

#endif
