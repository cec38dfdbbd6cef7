/* SPDX-License-Identifier: MIT */
/* From heads to framing, from framing to the end. */
#include "http/reply.h"

#include "http/reply_line.h"

enum state { STATE_HEAD, STATE_BODY, STATE_DONE, STATE_TUNNEL, STATE_FAILED };

void flare__reply_init(struct flare__reply *r,
                       const struct flare__reply_limits *limits,
                       unsigned request, struct flare__field *fields)
{
    *r = (struct flare__reply){
        .head.fields = fields,
        .limits = limits,
        .request = (uint8_t)request,
        .state = STATE_HEAD,
    };
}

static int reply_fail(struct flare__reply *r, int rc)
{
    r->state = STATE_FAILED;
    r->error = rc;
    return rc;
}

static struct flare_str take(struct flare_str *in, size_t n)
{
    struct flare_str front = {in->ptr, n};

    if (n > 0)
        *in = (struct flare_str){in->ptr + n, in->len - n};
    return front;
}

/* ---- heads ---- */

static bool head_has_body(const struct flare__reply_head *head)
{
    return head->content_length > 0 || (head->flags & FLARE__HEAD_CHUNKED);
}

/*
 * RFC 9112 section 6.3 in its order.  A 204 with a length is read without a
 * body, but who sends that may send the body, too.
 */
static int reply_frame(struct flare__reply *r)
{
    const struct flare__reply_head *head = &r->head;
    bool is_success = head->status / 100 == 2;

    r->state = STATE_BODY;
    if ((r->request & FLARE__REPLY_TO_CONNECT) && is_success) {
        r->framing = FLARE__REPLY_NO_END; /* RFC 9110 section 9.3.6 */
        r->state = STATE_TUNNEL;
    } else if ((r->request & FLARE__REPLY_TO_HEAD) || head->status == 304) {
        r->framing = FLARE__REPLY_NO_BODY;
    } else if (head->status == 204) {
        r->framing = FLARE__REPLY_NO_BODY;
        r->is_suspect |= head_has_body(head);
    } else if (head->flags & FLARE__HEAD_CHUNKED) {
        r->framing = FLARE__REPLY_BY_CHUNKS;
        flare__chunked_init(&r->chunked);
        r->chunked.trailers_max = r->limits->trailers_max;
    } else if (head->flags & FLARE__HEAD_HAS_LENGTH) {
        r->framing = FLARE__REPLY_BY_LENGTH;
        r->left = head->content_length;
    } else {
        r->framing = FLARE__REPLY_BY_END;
    }
    return FLARE__REPLY_HEAD;
}

/* RFC 9110 section 15.2.2; 7.8: not on 1.0. */
static int reply_switch(struct flare__reply *r)
{
    if (!(r->request & FLARE__REPLY_TO_UPGRADE) || r->head.minor == 0)
        return reply_fail(r, FLARE_E_REPLY_UPGRADE);
    r->framing = FLARE__REPLY_NO_END;
    r->state = STATE_TUNNEL;
    return FLARE__REPLY_HEAD;
}

static int reply_interim(struct flare__reply *r)
{
    if (r->interim_count == r->limits->interim_max)
        return reply_fail(r, FLARE_E_REPLY_INTERIM);
    r->interim_count++;
    r->is_suspect |= head_has_body(&r->head);
    return FLARE__REPLY_INTERIM;
}

/* The budget of all heads is an end of the bytes, as the parser's limits. */
static int reply_head(struct flare__reply *r, struct flare_str *in)
{
    size_t room = r->limits->heads_bytes_max - r->heads_bytes;
    bool is_cut = in->len > room;
    int n = flare__reply_head_parse(&r->head, &r->limits->head, in->ptr,
                                    is_cut ? room : in->len);

    if (n < 0)
        return reply_fail(r, n);
    if (n == 0)
        return is_cut ? reply_fail(r, FLARE_E_REPLY_TOO_LARGE)
                      : FLARE__REPLY_MORE;
    (void)take(in, (size_t)n);
    r->heads_bytes += (uint32_t)n;
    if (r->head.status == 101)
        return reply_switch(r);
    return r->head.status < 200 ? reply_interim(r) : reply_frame(r);
}

/* ---- bodies ---- */

static int reply_done(struct flare__reply *r, const struct flare_str *in)
{
    r->state = STATE_DONE;
    r->has_extra = in->len > 0;
    return FLARE__REPLY_DONE;
}

static int reply_chunks(struct flare__reply *r, struct flare_str *in,
                        struct flare_str *data)
{
    int rc = flare__chunked_decode(&r->chunked, &r->limits->chunked, in, data);

    switch (rc) {
    case FLARE__CHUNKED_MORE:
        return FLARE__REPLY_MORE;
    case FLARE__CHUNKED_DATA:
        return FLARE__REPLY_BODY;
    case FLARE__CHUNKED_TRAILER:
        return FLARE__REPLY_TRAILER;
    case FLARE__CHUNKED_END:
        return reply_done(r, in);
    case FLARE_E_BAD_FRAMING: /* a trailer that belongs in the head */
        return reply_fail(r, FLARE_E_REPLY_FIELD);
    default:
        return reply_fail(r, flare__reply_error(rc, rc));
    }
}

/* Whether the body needs no more bytes to be complete. */
static bool body_is_whole(const struct flare__reply *r)
{
    return r->framing == FLARE__REPLY_NO_BODY ||
           (r->framing == FLARE__REPLY_BY_LENGTH && r->left == 0);
}

static int reply_body(struct flare__reply *r, struct flare_str *in,
                      struct flare_str *data)
{
    if (body_is_whole(r))
        return reply_done(r, in);
    if (in->len == 0)
        return FLARE__REPLY_MORE;
    if (r->framing == FLARE__REPLY_BY_CHUNKS)
        return reply_chunks(r, in, data);
    if (r->framing == FLARE__REPLY_BY_END) {
        *data = take(in, in->len);
        return FLARE__REPLY_BODY;
    }
    *data = take(in, in->len < r->left ? in->len : (size_t)r->left);
    r->left -= data->len;
    return FLARE__REPLY_BODY;
}

int flare__reply_feed(struct flare__reply *r, struct flare_str *in,
                      struct flare_str *data)
{
    r->has_begun |= in->len > 0;
    switch (r->state) {
    case STATE_HEAD:
        return reply_head(r, in);
    case STATE_BODY:
        return reply_body(r, in, data);
    case STATE_DONE:
        return in->len > 0 ? reply_fail(r, FLARE_E_REPLY_EXTRA)
                           : FLARE__REPLY_DONE;
    case STATE_TUNNEL:
        return FLARE__REPLY_TUNNEL;
    default:
        return r->error;
    }
}

/* ---- the end ---- */

static int body_eof(struct flare__reply *r, bool is_clean)
{
    if (r->framing == FLARE__REPLY_BY_END && !is_clean)
        return reply_fail(r, FLARE_E_TLS_TRUNCATED);
    if (r->framing != FLARE__REPLY_BY_END && !body_is_whole(r))
        return reply_fail(r, FLARE_E_REPLY_SHORT);
    r->state = STATE_DONE;
    return FLARE__REPLY_DONE;
}

int flare__reply_eof(struct flare__reply *r, bool is_clean)
{
    r->has_ended = true;
    switch (r->state) {
    case STATE_HEAD:
        return reply_fail(r, r->has_begun ? FLARE_E_REPLY_SHORT
                                          : FLARE_E_REPLY_NONE);
    case STATE_BODY:
        return body_eof(r, is_clean);
    case STATE_DONE:
        return FLARE__REPLY_DONE;
    case STATE_TUNNEL:
        return FLARE__REPLY_TUNNEL;
    default:
        return r->error;
    }
}

bool flare__reply_is_reusable(const struct flare__reply *r,
                              bool is_request_sent)
{
    return is_request_sent && r->state == STATE_DONE &&
           (r->head.flags & FLARE__HEAD_KEEP_ALIVE) && !r->is_suspect &&
           !r->has_extra && !r->has_ended;
}
