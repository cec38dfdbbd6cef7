/* SPDX-License-Identifier: MIT */
/*
 * WebSocket clients (RFC 6455 and 7692), ws:// and wss://, in two forms over
 * one engine: on a loop with the callbacks of flare/ws.h, and blocking.
 * docs/websocket.md is the guide.
 *
 * Everything has a bound and a deadline by default.  Nothing is taken from the
 * environment, but what flare/client.h names.  Connecting anew is left to the
 * caller: examples/ws_reconnect.c.
 */
#ifndef FLARE_WS_CLIENT_H
#define FLARE_WS_CLIENT_H

#include <flare/call.h>
#include <flare/tls.h>
#include <flare/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * It did not open, and this is the last call; `ws` is gone when it returns.
 * `status` is that of the server's answer if there was one, whatever was wrong
 * with it; else 0.  `err` is never NULL, its code one of
 *   FLARE_E_WS_REFUSED       the answer is no 101; redirects are not followed
 *   FLARE_E_WS_UPGRADE       a 101 that does not upgrade to WebSocket
 *   FLARE_E_WS_ACCEPT        Sec-WebSocket-Accept is missing or wrong
 *   FLARE_E_WS_SUBPROTOCOL   a subprotocol that was not offered
 *   FLARE_E_WS_EXTENSION     an extension that was not offered, or not so
 *   -ECANCELED               flare_ws_abort or flare_ws_close
 * or as on_done of flare/call.h: FLARE_E_TIMEOUT_CONNECT,
 * _TIMEOUT_FIRST_BYTE, FLARE_E_DNS_..., FLARE_E_TLS_..., FLARE_E_PROXY,
 * FLARE_E_REPLY_..., FLARE_E_STOPPED, -ECONNREFUSED and the like, -ENOMEM.
 */
typedef void (*flare_ws_failed_fn)(flare_ws *ws, int status,
                                   const struct flare_error *err, void *ctx);

/*
 * Zero is the default, in brackets.  Strings and fields are copied.  Times are
 * 1 to 86 400 000 ms.
 */
struct flare_ws_client_config {
    const char *url; /* ws:// or wss://, without userinfo; required */
    /* Fields of the handshake, ended by an empty name; not Host, those of the
     * connection, or Sec-WebSocket-...  [none] */
    const struct flare_field *headers;
    const char *origin; /* for servers that want one [none is sent] */
    /* Credentials, Basic or Bearer [none]. */
    const char *user;
    const char *password;
    const char *bearer;
    /* "http://user:password@host:port", through CONNECT, ws too [none]. */
    const char *proxy;
    const char *no_proxy; /* as in struct flare_client_config [none] */
    /* How wss connects; its alpn "http/1.1" or none; borrowed until on_open or
     * on_failed, of flare_ws_client_open until that returns [made for it: the
     * system's CAs]. */
    flare_tls_client *tls;
    uint32_t connect_timeout_ms;   /* name, TCP, proxy and TLS [10 000] */
    uint32_t handshake_timeout_ms; /* from then to the answer [10 000] */
    flare_ws_failed_fn on_failed;  /* on a loop; [nobody is told] */
};

/* A configuration, and how large the caller's is. */
struct flare_ws_client_sized {
    const struct flare_ws_client_config *config;
    size_t size;
};

/* flare_ws_connect, of any version's configuration. */
FLARE_API FLARE_MUST_USE int flare_ws_connect_sized(
    flare_loop *loop, const struct flare_ws_client_sized *sized,
    const struct flare_ws_handler *handler, void *ctx, flare_ws **out,
    struct flare_error *err);

/*
 * flare_ws_connect(loop, config, handler, ctx, out, err): connects.
 *
 * Of `handler` protocols and deflate are what is offered; origins and origin_fn
 * must be unset.  One of two ways follows: on_open and, at the end, on_closed;
 * or on_failed of the configuration alone.  Neither is called from inside.
 * Borrows `handler` until the loop is freed, `ctx` until the last call.
 *
 * `*out` (may be NULL) is lent until then.  Until on_open flare_ws_abort and
 * flare_ws_close cancel, and what sends says FLARE_E_GONE; then every function
 * of flare/ws.h works on it.  If the loop ends it is reset; a server's drain
 * does not touch it.
 *
 * Returns 0; else nothing is called and `err` (may be NULL) names the culprit:
 * FLARE_E_BAD_URL, _BAD_CONFIG, _BAD_HEADER, _BAD_HOSTNAME, _RANGE, _STOPPED,
 * -ENOMEM.  Thread: the loop's.
 */
static inline FLARE_MUST_USE int flare_ws_connect(
    flare_loop *loop, const struct flare_ws_client_config *config,
    const struct flare_ws_handler *handler, void *ctx, flare_ws **out,
    struct flare_error *err)
{
    const struct flare_ws_client_sized sized = {config, sizeof(*config)};

    return flare_ws_connect_sized(loop, &sized, handler, ctx, out, err);
}

/* ---- blocking ---- */

/* A connection on a loop of its own.  It stays in the thread that opened it. */
typedef struct flare_ws_client flare_ws_client;

/* What a handler would say; zero is the default, in brackets. */
struct flare_ws_client_options {
    const struct flare_str *protocols; /* offered, the most liked first; lent
                                        * until flare_ws_client_free [none] */
    size_t protocol_count;             /* at most 64 */
    struct flare_ws_deflate deflate;   /* [none is offered] */
    uint32_t message_bytes_max;        /* inflated; to 1 GiB [16 MiB] */
    /* For one call to receive; one to send, until the kernel has it: 1 to
     * 86 400 000 ms [FLARE_UNLIMITED; 30 000]. */
    uint32_t recv_timeout_ms;
    uint32_t send_timeout_ms;
    uint32_t close_timeout_ms; /* for the peer's answer to a close [5000] */
    /* While a call waits: see struct flare_ws_handler [30 000, 20 000]. */
    uint32_t ping_interval_ms;
    uint32_t pong_timeout_ms;
    const struct flare_allocator *allocator; /* copied [malloc] */
};

struct flare_ws_message {
    /* Lent until the next call about the client; of a close the reason. */
    struct flare_str bytes;
    enum flare_ws_kind kind;
    uint16_t close_code; /* 0 of a message */
};

/*
 * flare_ws_client_open(out, config, options, err): connects and waits until it
 * is open.  `options` and `err` may be NULL; on_failed must be.
 *
 * Gives a client: release with flare_ws_client_free.  Returns 0; as
 * flare_ws_connect, as on_failed, FLARE_E_WOULD_DEADLOCK in a callback of any
 * loop of this thread; -EMFILE and FLARE_E_BACKEND_UNAVAILABLE.  The status of
 * a refusal is in the sentence of `err`.
 */
#define flare_ws_client_open(...)                                              \
    flare_ws_client_open_sized(sizeof(struct flare_ws_client_config),          \
                               sizeof(struct flare_ws_client_options),         \
                               __VA_ARGS__)

/* flare_ws_client_open, and how large the caller's structs are. */
FLARE_API FLARE_MUST_USE int flare_ws_client_open_sized(
    size_t config_size, size_t options_size, flare_ws_client **out,
    const struct flare_ws_client_config *config,
    const struct flare_ws_client_options *options, struct flare_error *err);

/*
 * Sends a message and waits until the kernel has it; what comes meanwhile is
 * kept for flare_ws_client_recv, up to a mebibyte, then the peer is made to
 * wait.
 *
 * Returns 0; FLARE_E_WS_TEXT (not UTF-8), FLARE_E_RANGE past 2 GiB, and nothing
 * is sent; FLARE_E_GONE: it is closed, flare_ws_client_recv says how;
 * -ETIMEDOUT: the peer reads nothing, and the connection is broken; -ENOMEM;
 * FLARE_E_WOULD_DEADLOCK.
 */
FLARE_API FLARE_MUST_USE int flare_ws_client_send_text(flare_ws_client *client,
                                                       struct flare_str text);

/* The same of any bytes. */
FLARE_API FLARE_MUST_USE int flare_ws_client_send_binary(
    flare_ws_client *client, struct flare_str bytes);

/*
 * Waits for a message.  Pings are answered meanwhile.
 *
 * Returns 1 with it in `*out`.  0: the peer has closed or has answered a close,
 * and `*out` has the code and the reason; this comes after all messages, and
 * again if asked again.  -ETIMEDOUT after recv_timeout_ms, and then the
 * connection is still good.  Else there is none any more:
 * FLARE_E_WS_PROTOCOL, _WS_TEXT (or what does not inflate), _WS_TOO_LARGE: the
 * peer broke that rule, and was told; -ECONNRESET: lost, silent or aborted;
 * -ENOMEM; FLARE_E_WOULD_DEADLOCK as flare_ws_client_open.
 */
FLARE_API FLARE_MUST_USE int flare_ws_client_recv(flare_ws_client *client,
                                                  struct flare_ws_message *out);

/* Asks for a pong with these bytes, up to 125, and does not wait for it.  As
 * flare_ws_client_send_text; FLARE_E_RANGE past 125. */
FLARE_API FLARE_MUST_USE int flare_ws_client_ping(flare_ws_client *client,
                                                  struct flare_str payload);

/*
 * Closes, and waits at most close_timeout_ms for the answer; what was received
 * before it stays for flare_ws_client_recv, what comes after is dropped.
 * `code` and `reason` as flare_ws_close.
 *
 * Returns 0, also if it is closed; FLARE_E_WS_BAD_CLOSE, and nothing happens;
 * -ETIMEDOUT: there was no answer, the connection is broken; -ECONNRESET.
 */
FLARE_API FLARE_MUST_USE int flare_ws_client_close(flare_ws_client *client,
                                                   uint16_t code,
                                                   struct flare_str reason);

/* Breaks what is not closed.  Accepts NULL. */
FLARE_API void flare_ws_client_free(flare_ws_client *client);

/* The subprotocol agreed on; empty: none.  Lent with options.protocols. */
FLARE_API struct flare_str flare_ws_client_subprotocol(
    const flare_ws_client *client);

#ifdef __cplusplus
}
#endif
#endif
