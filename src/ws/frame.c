/* SPDX-License-Identifier: MIT */
/*
 *   HEAD -> PAYLOAD -> HEAD ...      a data frame
 *   HEAD -> CONTROL -> HEAD ...      PING, PONG
 *   HEAD -> CONTROL -> CLOSED        CLOSE: what comes is dropped
 *
 * A header that lies in the input whole is read there; one that is cut is
 * collected.  It is judged twice: its first two bytes, then its length.
 */
#include "ws/frame.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ws/mask.h"

#include <errno.h>
#include <string.h>

enum state { HEAD, PAYLOAD, CONTROL, CLOSED, FAILED };

enum {
    BIT_FIN = 0x80,
    BIT_RSV1 = 0x40,
    BITS_RSV23 = 0x30,
    BITS_OPCODE = 0x0f,
    BIT_CONTROL = 0x08, /* of the opcode */
    BIT_MASK = 0x80,
    BITS_LEN = 0x7f,
    LEN_16 = 126, /* two bytes of length follow */
    LEN_64 = 127  /* eight do */
};

enum fault {
    FINE,
    RSV,
    RSV1,
    RSV1_LATER,
    OPCODE,
    NO_MASK,
    MASKED,
    CONTROL_FRAGMENT,
    CONTROL_LONG,
    CLOSE_HALF,
    NO_MESSAGE,
    IN_MESSAGE,
    LEN_NOT_SHORTEST,
    LEN_MSB,
    TOO_LARGE,
    TOO_MANY_FRAMES,
    CLOSE_CODE,
    CLOSE_TEXT,
    TEXT,
    TEXT_CUT,
    NO_MEMORY
};

_Static_assert(sizeof(struct flare__ws_decoder) <= 72,
               "every idle connection has one");

static const struct {
    int rc;
    uint16_t close_code;
    const char *why;
} faults[] = {
    [RSV] = {FLARE_E_WS_PROTOCOL, 1002, "RSV2 or RSV3 is set"},
    [RSV1] = {FLARE_E_WS_PROTOCOL, 1002,
              "RSV1 is set, and no extension was agreed on"},
    [RSV1_LATER] = {FLARE_E_WS_PROTOCOL, 1002,
                    "RSV1 is set on a frame that begins no message"},
    [OPCODE] = {FLARE_E_WS_PROTOCOL, 1002, "opcode is reserved"},
    [NO_MASK] = {FLARE_E_WS_PROTOCOL, 1002, "a client's frame is not masked"},
    [MASKED] = {FLARE_E_WS_PROTOCOL, 1002, "a server's frame is masked"},
    [CONTROL_FRAGMENT] = {FLARE_E_WS_PROTOCOL, 1002,
                          "a control frame is fragmented"},
    [CONTROL_LONG] = {FLARE_E_WS_PROTOCOL, 1002,
                      "a control frame is longer than 125 bytes"},
    [CLOSE_HALF] = {FLARE_E_WS_PROTOCOL, 1002, "a close frame has half a code"},
    [NO_MESSAGE] = {FLARE_E_WS_PROTOCOL, 1002,
                    "a continuation continues no message"},
    [IN_MESSAGE] = {FLARE_E_WS_PROTOCOL, 1002,
                    "a message begins inside another"},
    [LEN_NOT_SHORTEST] = {FLARE_E_WS_PROTOCOL, 1002,
                          "a length is not in its shortest form"},
    [LEN_MSB] = {FLARE_E_WS_PROTOCOL, 1002, "a length has its highest bit set"},
    [TOO_LARGE] = {FLARE_E_WS_TOO_LARGE, 1009, "message is too large"},
    [TOO_MANY_FRAMES] = {FLARE_E_WS_TOO_LARGE, 1009,
                         "message has too many frames"},
    [CLOSE_CODE] = {FLARE_E_WS_PROTOCOL, 1002,
                    "a close frame has a code that must not be sent"},
    [CLOSE_TEXT] = {FLARE_E_WS_TEXT, 1007, "a close reason is not UTF-8"},
    [TEXT] = {FLARE_E_WS_TEXT, 1007, "text is not UTF-8"},
    [TEXT_CUT] = {FLARE_E_WS_TEXT, 1007, "text ends inside a character"},
    [NO_MEMORY] = {-ENOMEM, 1011, "no memory for a control frame"},
};

void flare__ws_decoder_init(struct flare__ws_decoder *d,
                            const struct flare__ws_rules *rules,
                            bool has_deflate)
{
    *d = (struct flare__ws_decoder){
        .rules = rules, .has_deflate = has_deflate, .state = HEAD};
}

void flare__ws_decoder_fini(struct flare__ws_decoder *d)
{
    flare__free(d->rules->al, d->hold);
    d->hold = NULL;
}

bool flare__ws_decoder_is_between(const struct flare__ws_decoder *d)
{
    return d->state == CLOSED ||
           (d->state == HEAD && d->head_len == 0 && d->message_opcode == 0);
}

static int fail(struct flare__ws_piece *piece, enum fault fault)
{
    *piece = (struct flare__ws_piece){.close_code = faults[fault].close_code,
                                      .why = faults[fault].why};
    return faults[fault].rc;
}

static enum fault control_judge(unsigned first, unsigned len)
{
    unsigned opcode = first & BITS_OPCODE;

    if (opcode > FLARE__WS_PONG)
        return OPCODE;
    if (!(first & BIT_FIN))
        return CONTROL_FRAGMENT;
    if (len > FLARE__WS_CONTROL_MAX)
        return CONTROL_LONG;
    return opcode == FLARE__WS_CLOSE && len == 1 ? CLOSE_HALF : FINE;
}

/* What the first two bytes break, whatever follows. */
static enum fault start_judge(const struct flare__ws_decoder *d, unsigned first,
                              unsigned second)
{
    unsigned opcode = first & BITS_OPCODE;
    bool is_masked = second & BIT_MASK;

    if (first & BITS_RSV23)
        return RSV;
    if (first & BIT_RSV1) {
        if (!d->has_deflate)
            return RSV1;
        if (opcode != FLARE__WS_TEXT && opcode != FLARE__WS_BINARY)
            return RSV1_LATER;
    }
    if (is_masked == d->rules->is_client)
        return is_masked ? MASKED : NO_MASK;
    if (opcode & BIT_CONTROL)
        return control_judge(first, second & BITS_LEN);
    if (opcode > FLARE__WS_BINARY)
        return OPCODE;
    if (opcode == FLARE__WS_CONTINUATION)
        return d->message_opcode != 0 ? FINE : NO_MESSAGE;
    return d->message_opcode == 0 ? FINE : IN_MESSAGE;
}

static size_t head_size(unsigned second)
{
    unsigned len = second & BITS_LEN;

    return 2u +
           (len == LEN_16   ? 2u
            : len == LEN_64 ? 8u
                            : 0u) +
           (second & BIT_MASK ? 4u : 0u);
}

static uint64_t number_at(const unsigned char *p, size_t n)
{
    uint64_t number = 0;

    for (size_t i = 0; i < n; i++)
        number = number << 8 | p[i];
    return number;
}

/* The payload's length, of a header that is there whole. */
static enum fault length_of(const unsigned char *head, uint64_t *len)
{
    *len = head[1] & BITS_LEN;
    if (*len == LEN_16) {
        *len = number_at(head + 2, 2);
        return *len < LEN_16 ? LEN_NOT_SHORTEST : FINE;
    }
    if (*len == LEN_64) {
        *len = number_at(head + 2, 8);
        if (*len > INT64_MAX)
            return LEN_MSB;
        return *len <= UINT16_MAX ? LEN_NOT_SHORTEST : FINE;
    }
    return FINE;
}

/* Counts a data frame into its message, the first or a further one. */
static enum fault message_grow(struct flare__ws_decoder *d, unsigned first)
{
    const struct flare__ws_rules *rules = d->rules;

    if (d->opcode != FLARE__WS_CONTINUATION) {
        d->message_opcode = d->opcode;
        d->message = 0;
        d->frames = 0;
        d->is_compressed = first & BIT_RSV1;
        d->is_first = true; /* and `text` is whole: the last one's end was */
    }
    if (d->frames == rules->message_frames_max)
        return TOO_MANY_FRAMES;
    if (d->left > rules->message_bytes_max - d->message)
        return TOO_LARGE;
    d->frames++;
    d->message += d->left;
    return FINE;
}

/* Enters the frame whose header is there whole, and judged by its start. */
static enum fault frame_enter(struct flare__ws_decoder *d,
                              const unsigned char *head)
{
    enum fault fault = length_of(head, &d->left);

    if (fault != FINE)
        return fault;
    d->opcode = head[0] & BITS_OPCODE;
    if (head[1] & BIT_MASK)
        d->key = flare__mask_key(head + head_size(head[1]) - 4);
    if (d->opcode & BIT_CONTROL) {
        d->held = 0;
        d->state = CONTROL;
        return FINE;
    }
    d->is_fin = head[0] & BIT_FIN;
    d->is_frame_start = true;
    d->state = PAYLOAD;
    return message_grow(d, head[0]);
}

static void consume(struct flare__ws_bytes *in, size_t n)
{
    in->ptr += n;
    in->len -= n;
}

/* Up to `size` bytes of a header that is cut; whether all are there. */
static bool head_collect(struct flare__ws_decoder *d,
                         struct flare__ws_bytes *in, size_t size)
{
    size_t n = size - d->head_len;

    if (n > in->len)
        n = in->len;
    memcpy(d->head + d->head_len, in->ptr, n);
    d->head_len = (uint8_t)(d->head_len + n);
    consume(in, n);
    return d->head_len == size;
}

/* Takes a header piece by piece; stays in HEAD if the input ends first. */
static enum fault head_take_cut(struct flare__ws_decoder *d,
                                struct flare__ws_bytes *in)
{
    if (d->head_len < 2) {
        enum fault fault;

        if (!head_collect(d, in, 2))
            return FINE;
        fault = start_judge(d, d->head[0], d->head[1]);
        if (fault != FINE)
            return fault;
    }
    if (!head_collect(d, in, head_size(d->head[1])))
        return FINE;
    d->head_len = 0;
    return frame_enter(d, d->head);
}

static enum fault head_take(struct flare__ws_decoder *d,
                            struct flare__ws_bytes *in)
{
    const unsigned char *head = (const unsigned char *)in->ptr;
    enum fault fault;
    size_t size;

    if (d->head_len > 0 || in->len < 2)
        return head_take_cut(d, in);
    size = head_size(head[1]);
    if (in->len < size)
        return head_take_cut(d, in);
    fault = start_judge(d, head[0], head[1]);
    if (fault != FINE)
        return fault;
    consume(in, size);
    return frame_enter(d, head);
}

/* The frame is at its end, and so may its message be. */
static enum fault payload_end(struct flare__ws_decoder *d,
                              struct flare__ws_piece *piece)
{
    d->state = HEAD;
    if (!d->is_fin)
        return FINE;
    if (!flare__utf8_is_whole(&d->text))
        return TEXT_CUT;
    piece->is_last = true;
    d->message_opcode = 0;
    return FINE;
}

static enum fault payload_take(struct flare__ws_decoder *d,
                               struct flare__ws_bytes *in,
                               struct flare__ws_piece *piece)
{
    size_t n = in->len < d->left ? in->len : (size_t)d->left;
    char *p = in->ptr;

    if (!d->rules->is_client) {
        flare__mask(p, p, n, d->key);
        d->key = flare__mask_turn(d->key, n);
    }
    consume(in, n);
    d->left -= n;
    *piece = (struct flare__ws_piece){.ptr = p,
                                      .len = n,
                                      .left = d->left,
                                      .opcode = d->message_opcode,
                                      .is_frame_start = d->is_frame_start,
                                      .is_first = d->is_first,
                                      .is_compressed = d->is_compressed};
    d->is_frame_start = false;
    d->is_first = false;
    if (d->message_opcode == FLARE__WS_TEXT && !d->is_compressed &&
        flare__utf8_feed(&d->text, p, n) != n)
        return TEXT;
    return d->left == 0 ? payload_end(d, piece) : FINE;
}

/* Fills `*piece` from a control frame's whole payload, unmasked. */
static enum fault control_give(struct flare__ws_decoder *d, char *payload,
                               size_t len, struct flare__ws_piece *piece)
{
    struct flare_str reason;
    unsigned code;
    int rc;

    *piece = (struct flare__ws_piece){
        .ptr = payload, .len = len, .opcode = d->opcode};
    d->state = HEAD;
    if (d->opcode != FLARE__WS_CLOSE)
        return FINE;
    rc =
        flare__ws_close_parse((struct flare_str){payload, len}, &code, &reason);
    if (rc < 0)
        return rc == FLARE_E_WS_TEXT ? CLOSE_TEXT : CLOSE_CODE;
    piece->ptr = payload + (len - reason.len);
    piece->len = reason.len;
    piece->close_code = (uint16_t)code;
    d->state = CLOSED;
    return FINE;
}

/* Takes what there is of a control frame; stays in CONTROL if it is cut. */
static enum fault control_take(struct flare__ws_decoder *d,
                               struct flare__ws_bytes *in,
                               struct flare__ws_piece *piece)
{
    size_t n = in->len < d->left ? in->len : (size_t)d->left;
    char *p = in->ptr;

    if (n < d->left || d->held > 0) {
        if (d->hold == NULL)
            d->hold = flare__alloc(d->rules->al, FLARE__WS_CONTROL_MAX);
        if (d->hold == NULL)
            return NO_MEMORY;
        memcpy(d->hold + d->held, p, n);
        d->held = (uint8_t)(d->held + n);
        p = d->hold;
    }
    consume(in, n);
    d->left -= n;
    if (d->left > 0)
        return FINE;
    if (d->held > 0)
        n = d->held;
    if (!d->rules->is_client)
        flare__mask(p, p, n, d->key);
    return control_give(d, p, n, piece);
}

static enum fault frame_take(struct flare__ws_decoder *d,
                             struct flare__ws_bytes *in,
                             struct flare__ws_piece *piece)
{
    if (d->state == HEAD) {
        enum fault fault = head_take(d, in);

        if (fault != FINE || d->state == HEAD)
            return fault;
        if (in->len == 0 && d->left > 0)
            return FINE;
    }
    if (d->state == PAYLOAD)
        return payload_take(d, in, piece);
    return control_take(d, in, piece);
}

/*
 * The usual frame: a whole message of less than 126 bytes, whole in the input,
 * plain, and between messages.  Nothing about it needs to be kept, so it is
 * worth a way of its own: half the instructions.  False: it is another.
 */
static bool usual_take(struct flare__ws_decoder *d, struct flare__ws_bytes *in,
                       struct flare__ws_piece *piece, enum fault *fault)
{
    const unsigned char *head = (const unsigned char *)in->ptr;
    size_t size = d->rules->is_client ? 2 : 6;
    size_t len;
    char *p;

    if (d->state != HEAD || d->head_len + d->message_opcode != 0 ||
        in->len < size)
        return false;
    /* with the other role's mask bit it is past 125, too */
    len = head[1] ^ (d->rules->is_client ? 0u : (unsigned)BIT_MASK);
    if (head[0] - (BIT_FIN + 1u) > 1 || len >= LEN_16 || in->len - size < len ||
        len > d->rules->message_bytes_max)
        return false;
    p = in->ptr + size;
    if (size > 2)
        flare__mask(p, p, len, flare__mask_key(head + 2));
    *piece = (struct flare__ws_piece){.ptr = p,
                                      .len = len,
                                      .opcode = head[0] & BITS_OPCODE,
                                      .is_frame_start = true,
                                      .is_first = true,
                                      .is_last = true};
    consume(in, size + len);
    *fault = FINE;
    if (piece->opcode != FLARE__WS_TEXT)
        return true;
    if (flare__utf8_feed(&d->text, p, len) != len)
        *fault = TEXT;
    else if (!flare__utf8_is_whole(&d->text))
        *fault = TEXT_CUT;
    return true;
}

static int decoded(struct flare__ws_decoder *d, struct flare__ws_piece *piece,
                   enum fault fault)
{
    if (FLARE_UNLIKELY(fault != FINE)) {
        d->state = FAILED;
        return fail(piece, fault);
    }
    if (piece->opcode == 0)
        return FLARE__WS_MORE;
    return piece->opcode & BIT_CONTROL ? FLARE__WS_CONTROL : FLARE__WS_DATA;
}

/* Apart, lest the usual frame pay for its registers. */
__attribute__((noinline)) static int decode_any(struct flare__ws_decoder *d,
                                                struct flare__ws_bytes *in,
                                                struct flare__ws_piece *piece)
{
    piece->opcode = 0;
    return decoded(d, piece, frame_take(d, in, piece));
}

int flare__ws_decode(struct flare__ws_decoder *d, struct flare__ws_bytes *in,
                     struct flare__ws_piece *piece)
{
    enum fault fault;

    FLARE_ASSERT(d->state != FAILED);
    if (FLARE_UNLIKELY(d->hold != NULL) && d->state != CONTROL)
        flare__ws_decoder_fini(d); /* the last piece was in there */
    if (in->len == 0)
        return FLARE__WS_MORE;
    if (d->state == CLOSED) {
        consume(in, in->len);
        return FLARE__WS_MORE;
    }
    if (!usual_take(d, in, piece, &fault))
        return decode_any(d, in, piece);
    if (FLARE_UNLIKELY(fault != FINE))
        return decoded(d, piece, fault);
    return FLARE__WS_DATA;
}
