/* SPDX-License-Identifier: MIT */
/*
 * What the peer sends, from bytes to callbacks.  A message that lies whole in
 * what was received is given where it lies; another is put together in memory
 * that grows with what has come, never by a promise.
 */
#include "ws/conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"

#include <errno.h>
#include <string.h>

enum { INPUT_INFLATE_BYTES = 8192 /* of the stack, for what is inflated */ };

/* ---- what is under way ---- */

/* Appends.  Room for the `more` bytes that are to follow is made at the same
 * time, as long as that only doubles it; past that it doubles. */
static int kept_add(const struct flare_allocator *al,
                    struct flare__ws_bytes_kept *kept, struct flare_str bytes,
                    uint64_t more)
{
    size_t need = kept->len + bytes.len;

    if (kept->ptr == NULL || need > kept->cap) {
        size_t spare = need < 512 ? 512 : need;
        bool is_known = kept->ptr == NULL && more < spare;
        size_t cap = need + (is_known ? (size_t)more : spare);
        char *ptr = flare__realloc(al, kept->ptr, cap > 0 ? cap : 1);

        if (ptr == NULL)
            return -ENOMEM;
        kept->ptr = ptr;
        kept->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(kept->ptr + kept->len, bytes.ptr, bytes.len);
    kept->len = need;
    return 0;
}

static void kept_free(const struct flare_allocator *al,
                      struct flare__ws_bytes_kept *kept)
{
    flare__free(al, kept->ptr);
    *kept = (struct flare__ws_bytes_kept){0};
}

static const struct flare_allocator *ws_allocator(const struct flare_ws *ws)
{
    return flare__ws_end(ws)->rules.al;
}

/* There since the first was accepted. */
static struct flare__ws_home *ws_home(const struct flare_ws *ws)
{
    return flare__ws_home_of(flare_ws_loop(ws));
}

static bool reader_is_at_rest(const struct flare__ws_reader *r)
{
    return r->coding == NULL && r->message.ptr == NULL && r->rest.ptr == NULL &&
           r->subs == NULL && flare__ws_decoder_is_between(&r->decoder);
}

/* The connection's own; else the loop's, as new.  reader_settle follows. */
static struct flare__ws_reader *reader_take(struct flare_ws *ws)
{
    const struct flare__ws_end *end = flare__ws_end(ws);
    struct flare__ws_home *home = ws_home(ws);
    struct flare__ws_reader *r = ws->reader;

    home->active = ws;
    if (r != NULL)
        return r;
    r = &home->reader;
    memset(r, 0, offsetof(struct flare__ws_reader, pong));
    flare__ws_decoder_init(&r->decoder, &end->rules, /* has_deflate = */ false);
    return r;
}

static void reader_free(const struct flare_allocator *al,
                        struct flare__ws_reader *r)
{
    flare__ws_subs_drop(r);
    flare__ws_decoder_fini(&r->decoder);
    kept_free(al, &r->message);
    kept_free(al, &r->rest);
    if (r->coding != NULL) {
        flare__ws_deflate_fini(&r->coding->to);
        flare__ws_inflate_fini(&r->coding->from);
        flare__free(al, r->coding);
    }
}

void flare__ws_reader_drop(struct flare_ws *ws)
{
    const struct flare_allocator *al = ws_allocator(ws);

    if (ws->reader == NULL)
        return;
    reader_free(al, ws->reader);
    flare__free(al, ws->reader);
    ws->reader = NULL;
}

/* What is under way becomes the connection's own.  -ENOMEM. */
static int reader_keep(struct flare_ws *ws, const struct flare__ws_reader *r)
{
    if (ws->reader == r)
        return 0;
    ws->reader = flare__alloc(ws_allocator(ws), sizeof(*r));
    if (ws->reader == NULL)
        return -ENOMEM;
    memcpy(ws->reader, r, sizeof(*r));
    return 0;
}

int flare__ws_reader_code(struct flare_ws *ws,
                          const struct flare__ws_deflate_params *agreed)
{
    const struct flare__ws_end *end = flare__ws_end(ws);
    const struct flare_allocator *al = ws_allocator(ws);
    struct flare__ws_reader *r = flare__calloc(al, 1, sizeof(*r));
    struct flare__ws_coding *coding = flare__calloc(al, 1, sizeof(*coding));

    if (r == NULL || coding == NULL) {
        flare__free(al, r);
        flare__free(al, coding);
        return -ENOMEM;
    }
    flare__ws_deflate_prepare(&coding->to, &coding->from, al, agreed,
                              !end->rules.is_client,
                              end->rules.message_bytes_max);
    coding->to.level = end->deflate_level;
    flare__ws_decoder_init(&r->decoder, &end->deflate_rules,
                           /* has_deflate = */ true);
    r->coding = coding;
    ws->reader = r;
    return 0;
}

/* Between two looks at the input: what need not be held is not. */
static void reader_settle(struct flare_ws *ws, struct flare__ws_reader *r)
{
    ws_home(ws)->active = NULL;
    if (flare__ws_is_over(ws)) {
        if (ws->reader == NULL)
            reader_free(ws_allocator(ws), r);
        else
            flare__ws_reader_drop(ws);
    } else if (reader_is_at_rest(r)) {
        flare__ws_reader_drop(ws);
    } else if (reader_keep(ws, r) < 0) {
        reader_free(ws_allocator(ws), r);
        flare__ws_fail(ws, FLARE__WS_CLOSE_INTERNAL, "out of memory");
    }
}

struct flare__ws_reader *flare__ws_reader_now(struct flare_ws *ws)
{
    struct flare__ws_home *home = ws_home(ws);

    if (ws->reader == NULL && home->active == ws)
        return &home->reader;
    return ws->reader;
}

struct flare__ws_reader *flare__ws_reader_own(struct flare_ws *ws)
{
    const struct flare__ws_end *end = flare__ws_end(ws);
    struct flare__ws_reader *r = flare__ws_reader_now(ws);

    if (r != NULL)
        return r;
    r = flare__calloc(end->rules.al, 1, sizeof(*r));
    if (r == NULL)
        return NULL;
    flare__ws_decoder_init(&r->decoder, &end->rules, /* has_deflate = */ false);
    ws->reader = r;
    return r;
}

void flare__ws_reader_disown(struct flare_ws *ws)
{
    if (ws->reader != NULL && ws_home(ws)->active != ws &&
        reader_is_at_rest(ws->reader))
        flare__ws_reader_drop(ws);
}

bool flare__ws_has_rest(const struct flare_ws *ws)
{
    return ws->reader != NULL && ws->reader->rest.ptr != NULL;
}

/* ---- messages ---- */

/* A part of a message as the application is to see it. */
struct input_part {
    struct flare_str bytes;
    uint64_t more; /* that will surely follow */
    enum flare_ws_kind kind;
    bool is_first;
    bool is_last;
};

static void input_whole(struct flare_ws *ws, struct flare__ws_reader *r,
                        const struct input_part *part)
{
    const struct flare_ws_handler *h = flare__ws_handler(ws);
    struct flare__ws_bytes_kept *m = &r->message;

    if (part->is_first && part->is_last) {
        h->on_message(ws, part->kind, part->bytes, ws->ctx);
        return;
    }
    if (kept_add(ws_allocator(ws), m, part->bytes, part->more) < 0) {
        flare__ws_fail(ws, FLARE__WS_CLOSE_INTERNAL, "out of memory");
        return;
    }
    if (!part->is_last)
        return;
    h->on_message(ws, part->kind, (struct flare_str){m->ptr, m->len}, ws->ctx);
    kept_free(ws_allocator(ws), m);
}

static void input_give(struct flare_ws *ws, struct flare__ws_reader *r,
                       const struct input_part *part)
{
    const struct flare_ws_handler *h = flare__ws_handler(ws);
    struct flare_stats *counters = flare__ws_counters(ws);

    if (ws->has_closed || flare__ws_is_over(ws))
        return; /* nobody waits for it */
    counters->ws_bytes_in += part->bytes.len;
    counters->ws_messages_in += part->is_last;
    FLARE__TRACE3(ws__part, ws, part->bytes.len, part->is_last);
    if (h->on_fragment == NULL) {
        input_whole(ws, r, part);
        return;
    }
    h->on_fragment(ws,
                   &(struct flare_ws_fragment){part->bytes, part->kind,
                                               part->is_first, part->is_last},
                   ws->ctx);
}

/* Whether the text is one so far; a whole one if it ends. */
static bool input_is_text(struct flare__ws_coding *coding,
                          const struct input_part *part)
{
    if (part->kind != FLARE_WS_TEXT)
        return true;
    if (part->is_first)
        flare__utf8_init(&coding->text);
    return flare__utf8_feed(&coding->text, part->bytes.ptr, part->bytes.len) ==
               part->bytes.len &&
           (!part->is_last || flare__utf8_is_whole(&coding->text));
}

static void input_fail_coding(struct flare_ws *ws, int error)
{
    if (error == FLARE_E_CODING_LIMIT)
        flare__ws_fail(ws, FLARE__WS_CLOSE_TOO_LARGE, "message is too large");
    else if (error == -ENOMEM)
        flare__ws_fail(ws, FLARE__WS_CLOSE_INTERNAL, "out of memory");
    else
        flare__ws_fail(ws, FLARE__WS_CLOSE_BAD_DATA, "not deflated");
}

/* A piece of a compressed message, inflated a buffer at a time. */
static void input_inflate(struct flare_ws *ws, struct flare__ws_reader *r,
                          const struct flare__ws_piece *piece)
{
    struct flare__ws_coding *coding = r->coding;
    struct flare_str in = {piece->ptr, piece->len};
    char out[INPUT_INFLATE_BYTES];
    struct input_part part = {
        .kind = (enum flare_ws_kind)piece->opcode,
        .is_first = piece->is_first,
    };

    do {
        int len = flare__ws_inflate_feed(&coding->from, &in, piece->is_last,
                                         out, sizeof(out));

        if (len < 0) {
            input_fail_coding(ws, len);
            return;
        }
        part.bytes = (struct flare_str){out, (size_t)len};
        part.is_last =
            piece->is_last && !flare__ws_inflate_is_busy(&coding->from);
        part.more = INPUT_INFLATE_BYTES;
        if (!input_is_text(coding, &part)) {
            flare__ws_fail(ws, FLARE__WS_CLOSE_BAD_DATA, "text is not UTF-8");
            return;
        }
        input_give(ws, r, &part);
        part.is_first = false;
    } while (!flare__ws_is_over(ws) &&
             flare__ws_inflate_is_busy(&coding->from));
    if (piece->is_last)
        flare__ws_inflate_rest(&coding->from);
}

/* Of a message that goes as it is where others are compressed: the rules of
 * its frames leave those room to be longer than what they become. */
static bool input_is_too_large(const struct flare_ws *ws,
                               struct flare__ws_coding *coding,
                               const struct flare__ws_piece *piece)
{
    if (piece->is_first)
        coding->plain_bytes = 0;
    coding->plain_bytes += piece->len + piece->left;
    if (coding->plain_bytes > flare__ws_end(ws)->rules.message_bytes_max)
        return true;
    coding->plain_bytes -= piece->left; /* it is yet to come */
    return false;
}

static void input_data(struct flare_ws *ws, struct flare__ws_reader *r,
                       const struct flare__ws_piece *piece)
{
    const struct input_part part = {
        .bytes = {piece->ptr, piece->len},
        .more = piece->left,
        .kind = (enum flare_ws_kind)piece->opcode,
        .is_first = piece->is_first,
        .is_last = piece->is_last,
    };

    if (piece->is_compressed)
        input_inflate(ws, r, piece);
    else if (r->coding != NULL && input_is_too_large(ws, r->coding, piece))
        input_fail_coding(ws, FLARE_E_CODING_LIMIT);
    else
        input_give(ws, r, &part);
}

/* ---- control frames ---- */

/* What is due to the pings so far. */
static void input_pong(struct flare_ws *ws, struct flare__ws_reader *r)
{
    struct flare_str payload = {r->pong, r->pong_len};

    if (!r->is_pong_due)
        return;
    r->is_pong_due = false;
    if (ws->has_closed || flare__ws_is_over(ws))
        return;
    if (flare__ws_queue_control(ws, FLARE__WS_PONG, payload) < 0)
        flare__ws_finish(ws, FLARE__WS_BREAKS);
}

/* The closing handshake is done: RFC 6455 section 5.5.1. */
static void input_close(struct flare_ws *ws,
                        const struct flare__ws_piece *piece)
{
    struct flare_str nothing = {NULL, 0};
    int rc = 0;

    if (!ws->has_closed)
        rc = flare__ws_queue_close(ws, piece->close_code, nothing);
    if (rc == FLARE_E_WS_BAD_CLOSE) /* a client's code, 1010 */
        rc = flare__ws_queue_close(ws, FLARE__WS_CLOSE_NORMAL, nothing);
    flare__ws_finish(ws, rc < 0 ? FLARE__WS_BREAKS : FLARE__WS_LEAVES);
    flare__ws_tell(ws, piece->close_code,
                   (struct flare_str){piece->ptr, piece->len});
}

static void input_control(struct flare_ws *ws, struct flare__ws_reader *r,
                          const struct flare__ws_piece *piece)
{
    const struct flare_ws_handler *h = flare__ws_handler(ws);

    switch (piece->opcode) {
    case FLARE__WS_PING: /* only the last one is answered (W15) */
        r->is_pong_due = true;
        r->pong_len = (uint8_t)piece->len;
        if (piece->len > 0)
            memcpy(r->pong, piece->ptr, piece->len);
        break;
    case FLARE__WS_PONG:
        if (h->on_pong != NULL && !ws->has_closed)
            h->on_pong(ws, (struct flare_str){piece->ptr, piece->len}, ws->ctx);
        break;
    default:
        input_pong(ws, r); /* section 5.5.2: it came before the close */
        input_close(ws, piece);
    }
}

/* ---- the input ---- */

/* Takes from the front of `*in` until it ends, is paused, or all is over. */
static void input_consume(struct flare_ws *ws, struct flare__ws_reader *r,
                          struct flare__ws_bytes *in)
{
    while (in->len > 0 && !ws->is_paused && !flare__ws_is_over(ws)) {
        struct flare__ws_piece piece;
        int rc = flare__ws_decode(&r->decoder, in, &piece);

        if (rc < 0)
            flare__ws_fail(ws, piece.close_code,
                           piece.why != NULL ? piece.why : "");
        else if (rc == FLARE__WS_DATA)
            input_data(ws, r, &piece);
        else if (rc == FLARE__WS_CONTROL)
            input_control(ws, r, &piece);
    }
    input_pong(ws, r);
}

void flare__ws_input(struct flare_ws *ws, char *bytes, size_t len)
{
    struct flare__ws_reader *r = reader_take(ws);
    struct flare__ws_bytes in = {bytes, len};
    bool must_wait = !ws->is_open || r->rest.ptr != NULL;

    if (!must_wait)
        input_consume(ws, r, &in);
    if (in.len > 0 && !flare__ws_is_over(ws) &&
        kept_add(ws_allocator(ws), &r->rest, (struct flare_str){in.ptr, in.len},
                 0) < 0)
        flare__ws_fail(ws, FLARE__WS_CLOSE_INTERNAL, "out of memory");
    reader_settle(ws, r);
    if (flare__ws_has_rest(ws))
        flare__guest_flush(&ws->guest);
}

void flare__ws_go_on(struct flare_ws *ws)
{
    struct flare__ws_reader *r = ws->reader;
    struct flare__ws_bytes in;

    if (!flare__ws_has_rest(ws) || ws->is_paused || flare__ws_is_over(ws))
        return;
    (void)reader_take(ws);
    in = (struct flare__ws_bytes){r->rest.ptr + r->rest.at,
                                  r->rest.len - r->rest.at};
    input_consume(ws, r, &in);
    r->rest.at = r->rest.len - in.len;
    if (in.len == 0)
        kept_free(ws_allocator(ws), &r->rest);
    reader_settle(ws, r);
}
