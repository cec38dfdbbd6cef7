/* SPDX-License-Identifier: MIT */
/*
 * WebSocket (RFC 6455, 7692) inside the HTTP server: any handler may turn its
 * request into a connection of messages.  docs/websocket.md is the guide.
 *
 * Everything has a bound and a deadline by default: messages, unsent bytes, a
 * peer that is silent, does not read, or does not answer a close.
 */
#ifndef FLARE_WS_H
#define FLARE_WS_H

#include <flare/addr.h>
#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection, on the loop that accepted it.  Thread: owner loop, for all of
 * it; other threads come through flare_loop_post. */
typedef struct flare_ws flare_ws;

enum flare_ws_kind {
    FLARE_WS_TEXT = 1, /* UTF-8, checked both ways */
    FLARE_WS_BINARY = 2
};

/* Close codes with a name (section 7.4); applications have 4000 to 4999. */
enum flare_ws_close_code {
    FLARE_WS_CLOSE_NORMAL = 1000,
    FLARE_WS_CLOSE_GOING_AWAY = 1001, /* the server drains, a page is left */
    FLARE_WS_CLOSE_PROTOCOL = 1002,
    FLARE_WS_CLOSE_UNSUPPORTED = 1003,
    FLARE_WS_CLOSE_NONE = 1005,     /* told only: the peer gave no code */
    FLARE_WS_CLOSE_ABNORMAL = 1006, /* told only: there was no close */
    FLARE_WS_CLOSE_BAD_DATA = 1007,
    FLARE_WS_CLOSE_POLICY = 1008,
    FLARE_WS_CLOSE_TOO_LARGE = 1009,
    FLARE_WS_CLOSE_INTERNAL = 1011,
    FLARE_WS_CLOSE_TRY_LATER = 1013
};

/* A part of a message, as it comes; lent until the callback returns. */
struct flare_ws_fragment {
    struct flare_str bytes; /* perhaps none */
    enum flare_ws_kind kind;
    bool is_first;
    bool is_last;
};

/*
 * Whether pages of `origin` may connect to `host`, the request's authority;
 * ptr is NULL for a client that sends no Origin, which no browser does.
 */
typedef bool (*flare_ws_origin_fn)(struct flare_str origin,
                                   struct flare_str host, void *ctx);

/* permessage-deflate; zero is the default, in brackets. */
struct flare_ws_deflate {
    bool is_on;          /* [no: it costs memory and time] */
    bool no_takeover;    /* no message builds on those before it: memory
                            only while one is under way [no] */
    uint8_t window_bits; /* 9 to 15, of both directions [15] */
    uint8_t level;       /* 1 (fast) to 9 (small) [4] */
    uint32_t min_bytes;  /* shorter messages go as they are [256] */
};

/*
 * What happens to connections, and what they are held to.  Shared by any number
 * of them and borrowed until the server has ended: usually static const.
 * on_message or on_fragment is required.  Every function of this header may be
 * called in every callback; none of them calls back from inside.
 */
struct flare_ws_handler {
    /* The first call: messages may be sent. */
    void (*on_open)(flare_ws *ws, void *ctx);
    /* A whole message, lent until it returns. */
    void (*on_message)(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx);
    /* Instead of on_message: messages in parts, which are not kept.  Text may
     * be cut within a character. */
    void (*on_fragment)(flare_ws *ws, const struct flare_ws_fragment *fragment,
                        void *ctx);
    /* At most queue_low bytes are unsent, after more than queue_high were. */
    void (*on_drain)(flare_ws *ws, void *ctx);
    /* The answer to a flare_ws_ping, or one that nobody asked for. */
    void (*on_pong)(flare_ws *ws, struct flare_str payload, void *ctx);
    /*
     * The last call, once for each connection that flare_ws_accept has begun;
     * it is gone when this returns.  The code and reason are the peer's; those
     * that were sent to it where it broke the rules; else
     * FLARE_WS_CLOSE_ABNORMAL: it was lost, silent, or aborted.
     */
    void (*on_closed)(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx);

    /* Subprotocols spoken, the most liked first; at most 64. */
    const struct flare_str *protocols;
    size_t protocol_count;
    /*
     * Whose pages may connect: those that `origin_fn` takes; or those whose
     * origin is in the list, and clients without one; or, with neither, those
     * of the host they connect to: a page of another site would come with its
     * visitor's cookies.
     */
    flare_ws_origin_fn origin_fn;
    void *origin_ctx;
    const struct flare_str *origins;
    size_t origin_count;

    struct flare_ws_deflate deflate;
    uint32_t message_bytes_max;  /* inflated; to 1 GiB [16 MiB] */
    uint32_t message_frames_max; /* frames of one [16 384] */

    /*
     * Unsent bytes: at most, unless a single message is more [1 MiB], to 1
     * GiB; when a send says 1 and nothing more is read from the peer [256 KiB,
     * or queue_max]; when on_drain comes [64 KiB, or queue_high].
     */
    uint32_t queue_max;
    uint32_t queue_high;
    uint32_t queue_low;
    /* A message past queue_max also ends the connection, with
     * FLARE_WS_CLOSE_TRY_LATER [it is refused, and that is all]. */
    bool closes_slow;

    /* Silence after which the peer is asked whether it is there [30 000], or
     * FLARE_UNLIMITED; how long it may take to answer [20 000]; and to answer
     * a close [5000].  1 to 86 400 000 ms. */
    uint32_t ping_interval_ms;
    uint32_t pong_timeout_ms;
    uint32_t close_timeout_ms;
};

/*
 * Whether `handler` can be used: 0, or FLARE_E_BAD_CONFIG with the culprit in
 * `err` (may be NULL).  For a look at the start; flare_ws_accept does the same.
 * Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_ws_check(
    const struct flare_ws_handler *handler, struct flare_error *err);

/*
 * Answers a request that asks for WebSocket: from a handler, or later.  On
 * success the connection leaves HTTP when the handler has returned, and on_open
 * follows.  Borrows `handler` until the server has ended, `ctx` until
 * on_closed.
 *
 * Returns 0, with the answer complete, which the handler returns too: 101, or a
 * refusal with its reason and no connection: 400 for a faulty handshake or one
 * that is none, 426 for another version, 403 for an origin; `*is_open` (may be
 * NULL) says which.  Else nothing is answered: FLARE_E_OVERLOADED, which is the
 * answer then, in a drain or without memory left in the budget;
 * FLARE_E_BAD_CONFIG, FLARE_E_ALREADY_ANSWERED, -ENOMEM, or what a hook of
 * flare_res_before_head has said.
 */
FLARE_API FLARE_MUST_USE int flare_ws_accept(
    flare_req *req, flare_res *res, const struct flare_ws_handler *handler,
    void *ctx, bool *is_open);

/*
 * Sends a message, of which it takes a copy; what is sent during a turn of the
 * loop leaves together at its end.
 *
 * Returns 0; 1: sent too, but more than queue_high bytes are unsent now, so
 * wait for on_drain.  Nothing is sent with FLARE_E_OUTPUT_FULL (past
 * queue_max), FLARE_E_GONE (after a close or the end), FLARE_E_WS_TEXT (not
 * UTF-8), FLARE_E_ALREADY_ANSWERED (a message in fragments is not done),
 * FLARE_E_RANGE past 2 GiB, -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_ws_send_text(flare_ws *ws,
                                                struct flare_str text);

/* The same of any bytes. */
FLARE_API FLARE_MUST_USE int flare_ws_send_binary(flare_ws *ws,
                                                  struct flare_str bytes);

/*
 * The same without the copy.  Takes: on success `free_fn(ctx, bytes.ptr)` is
 * called once the kernel has the last byte or the connection has ended; on
 * failure they are still yours.  `free_fn` may be NULL for static bytes.
 */
FLARE_API FLARE_MUST_USE int flare_ws_send_give(flare_ws *ws,
                                                enum flare_ws_kind kind,
                                                struct flare_str bytes,
                                                flare_free_fn free_fn,
                                                void *free_ctx);

/*
 * Sends a part of a message, copied, in a frame of its own; until the last one
 * no other message can be sent.  `kind` is the same for all of them.  Text
 * must end with a whole character in each.  Returns as flare_ws_send_text.
 */
FLARE_API FLARE_MUST_USE int flare_ws_send_fragment(
    flare_ws *ws, const struct flare_ws_fragment *fragment);

/* Asks for a pong with these bytes, up to 125.  0; FLARE_E_RANGE, FLARE_E_GONE,
 * FLARE_E_OUTPUT_FULL, -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_ws_ping(flare_ws *ws,
                                           struct flare_str payload);

/*
 * Begins the close: what is queued is sent, then `code` (FLARE_WS_CLOSE_NONE:
 * none) with up to 123 bytes of UTF-8 as the reason.  Messages that come after
 * it are dropped; on_closed follows when the peer has answered, or
 * close_timeout_ms have passed.
 *
 * Returns 0, also if it is closing; FLARE_E_WS_BAD_CLOSE for what must not be
 * sent, and nothing happens; -ENOMEM, and the connection is aborted.
 */
FLARE_API int flare_ws_close(flare_ws *ws, uint16_t code,
                             struct flare_str reason);

/* Resets the connection, drops what is queued; on_closed follows. */
FLARE_API void flare_ws_abort(flare_ws *ws);

/*
 * No more messages until resumed, but the rest of a compressed one that is
 * being read.  What the kernel had given already is kept, and the peer is made
 * to wait.  That it is gone is heard of by sending alone.
 */
FLARE_API void flare_ws_pause(flare_ws *ws);

/* From the end of this turn on they come again. */
FLARE_API void flare_ws_resume(flare_ws *ws);

/* Bytes that are not handed to the kernel, frames' headers included. */
FLARE_API size_t flare_ws_queued(const flare_ws *ws);

/* The subprotocol agreed on; empty: none.  Lent from the handler's list. */
FLARE_API struct flare_str flare_ws_subprotocol(const flare_ws *ws);

/* The other end, as flare_req_peer: lent until on_closed has returned. */
FLARE_API const struct flare_addr *flare_ws_peer(flare_ws *ws);

/* The loop it lives on. */
FLARE_API flare_loop *flare_ws_loop(const flare_ws *ws);

/* The context it has now. */
FLARE_API void *flare_ws_ctx(const flare_ws *ws);

/* Another context, from the next call on. */
FLARE_API void flare_ws_set_ctx(flare_ws *ws, void *ctx);

/* ---- publish and subscribe ---- */

/* Topics and who wants to hear of them, on all loops of a server. */
typedef struct flare_ws_hub flare_ws_hub;

/*
 * Gives a hub in `*out`: release with flare_ws_hub_free.  `allocator` is copied
 * and must work on every thread; NULL: malloc.  0, -ENOMEM, or -errno of the
 * system's random bytes.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_ws_hub_new(
    flare_ws_hub **out, const struct flare_allocator *allocator);

/* The servers whose connections used it are freed.  Accepts NULL.  Thread: any.
 */
FLARE_API void flare_ws_hub_free(flare_ws_hub *hub);

/*
 * From now on `ws` is sent what is published under `topic`, 1 to 255 bytes,
 * compared as they are; until it is unsubscribed or ends.  Borrows `hub`.
 *
 * Returns 0, also if it is so already; FLARE_E_RANGE for the topic,
 * FLARE_E_OVERLOADED past 1024 of one connection, FLARE_E_GONE, -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_ws_subscribe(flare_ws *ws, flare_ws_hub *hub,
                                                struct flare_str topic);

/* No more, but for what was published and is on its way.  Nothing if it is not
 * subscribed. */
FLARE_API void flare_ws_unsubscribe(flare_ws *ws, flare_ws_hub *hub,
                                    struct flare_str topic);

/*
 * Sends a message to every connection that is subscribed when its loop hears of
 * it: encoded once, never compressed, shared by all.  Those of one thread come
 * in their order.  A connection past its queue_max, or in the middle of a
 * message in fragments, does not get it: flare_ws_hub_dropped counts these, and
 * `closes_slow` ends them.
 *
 * Copies.  0, also if nobody listens; FLARE_E_RANGE for the topic or past 2
 * GiB; FLARE_E_WS_TEXT; -ENOMEM: nobody gets it.  Thread: any.
 */
FLARE_API FLARE_MUST_USE int flare_ws_publish(flare_ws_hub *hub,
                                              struct flare_str topic,
                                              enum flare_ws_kind kind,
                                              struct flare_str bytes);

/* Messages that a subscribed connection did not get, counted for each.  Thread:
 * any. */
FLARE_API uint64_t flare_ws_hub_dropped(const flare_ws_hub *hub);

#ifdef __cplusplus
}
#endif
#endif
