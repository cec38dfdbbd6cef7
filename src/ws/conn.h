/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket connection as the guest of an HTTP connection (http/upgrade.h).
 *
 *   waiting    accepted; on_open comes at the end of the turn, what the peer
 * has sent already is kept open       messages go both ways closing    a close
 * was sent; messages that come are dropped, until the peer's close or
 * close_timeout_ms over       nothing more is read or sent; on_closed has been
 * called, or is by `gone`.  `turn` ends the connection: after what is queued if
 *              the closing handshake is done or a rule was broken, else by
 * reset
 *
 * No function of flare/ws.h calls back: what they ask for is a flag until the
 * turn ends.  Input, deadlines and turns come from below one at a time, so a
 * callback is never inside another of the same connection.
 *
 * Memory: nothing beside the room of the HTTP connection while no frame or
 * message is under way and no compression was agreed on.  A struct
 * flare__ws_reader has what is under way; the loop has one that all share for
 * as long as they find whole messages in what they are given.
 */
#ifndef FLARE__WS_CONN_H
#define FLARE__WS_CONN_H

#include "base/assert.h"
#include "ws/end.h"
#include "ws/hub.h"
#include "ws/keys.h"

enum flare__ws_verdict {
    FLARE__WS_GOES_ON,
    FLARE__WS_LEAVES, /* over; what is queued is sent */
    FLARE__WS_BREAKS, /* over; by reset */
    FLARE__WS_DIALS   /* a client that is not open yet: as if it were over */
};

/* Both directions of permessage-deflate. */
struct flare__ws_coding {
    struct flare__ws_deflate to;
    struct flare__ws_inflate from;
    struct flare__utf8 text; /* of the message being inflated */
    uint64_t plain_bytes;    /* of a message that is not compressed, so far */
};

struct flare__ws_bytes_kept {
    char *ptr; /* NULL: none */
    size_t at; /* what is before it was taken */
    size_t len;
    size_t cap;
};

struct flare__ws_reader {
    struct flare__ws_decoder decoder;
    struct flare__ws_coding *coding;     /* NULL: none was agreed on */
    struct flare__ws_bytes_kept message; /* so far */
    struct flare__ws_bytes_kept rest;    /* input that waits */
    struct flare__ws_sub *subs;          /* what it is subscribed to */
    uint32_t sub_count;
    uint8_t pong_len;
    bool is_pong_due; /* to the last ping: RFC 6455 section 5.5.3 (W15) */
    char pong[FLARE__WS_CONTROL_MAX];
};

/* What a loop keeps for its connections. */
struct flare__ws_home {
    struct flare_loop *loop;
    struct flare__ws_end *ends;
    struct flare__ws_desk *desks;
    const struct flare_ws *active;  /* whose input is looked at; or NULL */
    struct flare__ws_reader reader; /* his, if he has none of his own */
    struct flare__ws_keys keys;     /* of clients' frames */
    struct flare_stats unseen;      /* what clients count */
};

struct flare_ws {
    struct flare__guest guest; /* its kind is the end's */
    void *ctx;
    struct flare__ws_reader *reader; /* NULL: nothing is under way */
    uint8_t protocol; /* of the handler's list, from 1; 0: none */
    uint8_t verdict;  /* enum flare__ws_verdict */
    bool is_open : 1; /* on_open was called */
    bool is_told : 1; /* on_closed was */
    bool is_paused : 1;
    bool is_eof : 1;
    bool is_full : 1;    /* on_drain is due when the queue is low */
    bool is_pinged : 1;  /* nothing has come since */
    bool has_closed : 1; /* a close was sent */
    bool is_sending : 1; /* a message in fragments is not done */
    bool is_failed : 1;  /* the peer broke a rule, or memory was short */
};

_Static_assert(sizeof(struct flare_ws) <= FLARE__GUEST_BYTES,
               "more than the room of a connection");

extern const struct flare__guest_ops flare__ws_guest_ops;

static inline struct flare__ws_end *flare__ws_end(const struct flare_ws *ws)
{
    return FLARE_CONTAINER_OF(
        (struct flare__guest_kind *)(uintptr_t)ws->guest.kind,
        struct flare__ws_end, kind);
}

static inline const struct flare_ws_handler *flare__ws_handler(
    const struct flare_ws *ws)
{
    return flare__ws_end(ws)->handler;
}

static inline struct flare_stats *flare__ws_counters(const struct flare_ws *ws)
{
    return flare__ws_end(ws)->counters;
}

static inline bool flare__ws_is_over(const struct flare_ws *ws)
{
    return ws->verdict != FLARE__WS_GOES_ON;
}

/* What was agreed on, for the guest's start. */
struct flare__ws_offer {
    void *ctx;
    struct flare__ws_deflate_params deflate;
    bool has_deflate;
    uint8_t protocol;
};

/* NULL: no memory. */
struct flare__ws_home *flare__ws_home_of(struct flare_loop *loop);

/* ---- of conn.c ---- */

/* Calls on_closed, once. */
void flare__ws_tell(struct flare_ws *ws, unsigned code,
                    struct flare_str reason);

/* It is over, and the turn's end carries it out. */
void flare__ws_finish(struct flare_ws *ws, enum flare__ws_verdict verdict);

/* The peer has broken a rule, or memory is short: told with `code`, and over.
 */
void flare__ws_fail(struct flare_ws *ws, unsigned code, const char *why);

/* Queues a close.  FLARE_E_WS_BAD_CLOSE, -ENOMEM: nothing is queued. */
int flare__ws_queue_close(struct flare_ws *ws, unsigned code,
                          struct flare_str reason);

/* ---- of client.c ---- */

/* Gives up what dials: on_failed follows. */
void flare__ws_dial_cancel(struct flare_ws *ws);

/* ---- of conn_send.c ---- */

/* A key for the next frame in `room`, of a client; NULL in `*out`: of a server.
 * 0, or -errno of the system's random bytes. */
int flare__ws_frame_key(const struct flare_ws *ws, char room[4],
                        const void **out);

/* Queues a control frame, however full the queue is.  -ENOMEM. */
int flare__ws_queue_control(struct flare_ws *ws, unsigned opcode,
                            struct flare_str payload);

/*
 * Queues a frame that several share, which is given back by `free_fn(ctx,
 * any)`. As flare_ws_send_text; on failure nothing is given back.
 */
int flare__ws_send_shared(struct flare_ws *ws, struct flare_str frame,
                          flare_free_fn free_fn, void *ctx);

/* ---- of conn_input.c ---- */

/* New bytes; those that cannot be looked at now are kept. */
void flare__ws_input(struct flare_ws *ws, char *bytes, size_t len);

/* Goes on with what is kept, unless it is paused. */
void flare__ws_go_on(struct flare_ws *ws);

bool flare__ws_has_rest(const struct flare_ws *ws);

/* Prepares compression as agreed on.  -ENOMEM. */
FLARE_MUST_USE
int flare__ws_reader_code(struct flare_ws *ws,
                          const struct flare__ws_deflate_params *agreed);

/* What is under way; NULL: nothing. */
struct flare__ws_reader *flare__ws_reader_now(struct flare_ws *ws);

/* The same, made if there is none.  NULL: no memory. */
struct flare__ws_reader *flare__ws_reader_own(struct flare_ws *ws);

/* Frees it if nothing is under way any more, at once or after the input. */
void flare__ws_reader_disown(struct flare_ws *ws);

/* Frees what is under way. */
void flare__ws_reader_drop(struct flare_ws *ws);

#endif
