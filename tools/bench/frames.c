/* SPDX-License-Identifier: MIT */
/* Frames read and written; see frames.h. */
#include "tools/bench/frames.h"

#include <string.h>

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80 };

/* ---- a server's ---- */

/* How long the head is, as far as its second byte tells. */
static uint8_t head_size(const struct frames *f)
{
    if (f->head_len < 2)
        return 2;
    return f->head[1] == 127 ? 10 : f->head[1] == 126 ? 4 : 2;
}

static uint64_t read_length(const struct frames *f)
{
    uint64_t length = 0;

    if (f->head[1] < 126)
        return f->head[1];
    for (uint8_t i = 2; i < f->head_len; i++)
        length = length << 8 | f->head[i];
    return length;
}

static const char *check_head(const struct frames *f, uint64_t length)
{
    bool is_control = f->opcode >= FRAMES_CLOSE;
    bool goes_on = f->opcode == FRAMES_CONTINUATION;

    if ((f->head[0] & RESERVED) != 0)
        return "a frame with reserved bits";
    if ((f->opcode > FRAMES_BINARY && !is_control) || f->opcode > FRAMES_PONG)
        return "a frame of an unknown kind";
    if (is_control && (!f->is_last || length > FRAMES_CONTROL_MAX))
        return "a control frame that is too long or in parts";
    if (!is_control && goes_on != f->is_in_message)
        return goes_on ? "the rest of a message that has not begun"
                       : "a message within another one";
    if ((f->head[1] == 126 && length < 126) ||
        (f->head[1] == 127 && (length < 65536 || length >> 63 != 0)))
        return "a frame's length is not in its shortest form";
    return NULL;
}

/* The head is whole. */
static enum frames_event begin_payload(struct frames *f)
{
    uint64_t length = read_length(f);

    f->opcode = f->head[0] & OPCODE;
    f->is_last = (f->head[0] & FIN) != 0;
    f->fault = check_head(f, length);
    if (f->fault != NULL)
        return FRAMES_BAD;
    f->left = length;
    f->is_in_payload = true;
    f->control_len = 0;
    return FRAMES_MORE;
}

static enum frames_event feed_head(struct frames *f, struct flare_str *bytes)
{
    while (bytes->len > 0 && f->head_len < head_size(f)) {
        f->head[f->head_len++] = (uint8_t)*bytes->ptr;
        bytes->ptr++;
        bytes->len--;
    }
    if (f->head_len >= 2 && (f->head[1] & MASKED) != 0) {
        f->fault = "a server's frame is masked";
        return FRAMES_BAD;
    }
    return f->head_len < head_size(f) ? FRAMES_MORE : begin_payload(f);
}

static enum frames_event end_frame(struct frames *f)
{
    f->head_len = 0;
    f->is_in_payload = false;
    if (f->opcode == FRAMES_PONG)
        return FRAMES_MORE;
    if (f->opcode >= FRAMES_CLOSE)
        return FRAMES_CONTROL;
    f->is_in_message = !f->is_last;
    return f->is_last ? FRAMES_MESSAGE : FRAMES_MORE;
}

static enum frames_event feed_payload(struct frames *f, struct flare_str *bytes)
{
    size_t len = bytes->len < f->left ? bytes->len : (size_t)f->left;

    if (f->opcode >= FRAMES_CLOSE) {
        memcpy(f->control + f->control_len, bytes->ptr, len);
        f->control_len += len;
    }
    bytes->ptr += len;
    bytes->len -= len;
    f->left -= len;
    return f->left > 0 ? FRAMES_MORE : end_frame(f);
}

enum frames_event frames_feed(struct frames *f, struct flare_str *bytes)
{
    enum frames_event event = FRAMES_MORE;

    while (event == FRAMES_MORE && bytes->len > 0) {
        event = f->is_in_payload ? feed_payload(f, bytes) : feed_head(f, bytes);
        if (event == FRAMES_MORE && f->is_in_payload && f->left == 0)
            event = end_frame(f);
    }
    return event;
}

/* ---- a client's ---- */

static size_t write_head(uint8_t head[FRAMES_HEAD_MAX], uint8_t first,
                         uint64_t length)
{
    size_t bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;

    head[0] = first;
    head[1] = (uint8_t)(MASKED | (bytes == 0   ? length
                                  : bytes == 2 ? 126
                                               : 127));
    for (size_t i = 0; i < bytes; i++)
        head[2 + i] = (uint8_t)(length >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

void frames_write(struct text_out *out, enum frames_opcode opcode,
                  struct flare_str payload, struct text_pen *pen)
{
    uint8_t head[FRAMES_HEAD_MAX];
    size_t len = write_head(head, (uint8_t)(FIN | opcode), payload.len);
    uint64_t mask = text_random(pen) & 0xffffffff;
    size_t at;

    memcpy(head + len, &mask, 4);
    len += 4;
    text_out_add(out, (struct flare_str){(const char *)head, len});
    at = out->len;
    text_out_add(out, payload);
    for (size_t i = 0; i < payload.len; i++)
        out->bytes[at + i] ^= ((const char *)head)[len - 4 + i % 4];
}
