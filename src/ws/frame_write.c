/* SPDX-License-Identifier: MIT */
/* Headers with the shortest length there is (RFC 6455 section 5.2). */
#include "base/assert.h"
#include "ws/frame.h"
#include "ws/mask.h"

#include <string.h>

/* `n` bytes, the highest first. */
static void put_number(unsigned char *out, uint64_t number, size_t n)
{
    for (size_t i = n; i-- > 0; number >>= 8)
        out[i] = (unsigned char)number;
}

size_t flare__ws_write_head(char out[FLARE__WS_HEAD_MAX],
                            const struct flare__ws_frame *frame)
{
    unsigned char *p = (unsigned char *)out;
    unsigned mask_bit = frame->key != NULL ? 0x80 : 0;
    size_t n = 2;

    FLARE_ASSERT(frame->opcode < 16 && frame->len <= INT64_MAX);
    FLARE_ASSERT(frame->opcode < FLARE__WS_CLOSE ||
                 (frame->is_fin && frame->len <= FLARE__WS_CONTROL_MAX));
    p[0] = (unsigned char)((frame->is_fin ? 0x80u : 0) |
                           (frame->is_compressed ? 0x40u : 0) | frame->opcode);
    if (frame->len < 126) {
        p[1] = (unsigned char)(mask_bit | frame->len);
    } else if (frame->len <= UINT16_MAX) {
        p[1] = (unsigned char)(mask_bit | 126);
        put_number(p + 2, frame->len, 2);
        n = 4;
    } else {
        p[1] = (unsigned char)(mask_bit | 127);
        put_number(p + 2, frame->len, 8);
        n = 10;
    }
    if (frame->key == NULL)
        return n;
    memcpy(p + n, frame->key, 4);
    return n + 4;
}

size_t flare__ws_write_control(char out[FLARE__WS_CONTROL_FRAME_MAX],
                               unsigned opcode, struct flare_str payload,
                               const void *key)
{
    struct flare__ws_frame frame = {.len = payload.len,
                                    .opcode = (uint8_t)opcode,
                                    .is_fin = true,
                                    .key = key};
    size_t n = flare__ws_write_head(out, &frame);

    if (payload.len > 0 && key != NULL)
        flare__mask(out + n, payload.ptr, payload.len, flare__mask_key(key));
    else if (payload.len > 0)
        memcpy(out + n, payload.ptr, payload.len);
    return n + payload.len;
}

int flare__ws_write_close(char out[FLARE__WS_CONTROL_FRAME_MAX], unsigned code,
                          struct flare_str reason, const void *key)
{
    char payload[FLARE__WS_CONTROL_MAX];
    int n = flare__ws_close_write(payload, code, reason, key != NULL);

    if (n < 0)
        return n;
    return (int)flare__ws_write_control(
        out, FLARE__WS_CLOSE, (struct flare_str){payload, (size_t)n}, key);
}
