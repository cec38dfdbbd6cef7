/* SPDX-License-Identifier: MIT */
/*
 * Streams of bytes over TCP and Unix sockets, in two forms over one engine: on
 * a loop with callbacks (flare_stream, flare_listener), and blocking
 * (flare_conn, flare_acceptor).  docs/tcp.md is the guide.
 *
 * Everything has a bound and a deadline by default: connecting, unsent bytes, a
 * peer that does not read.  Waiting for a peer's bytes has none until
 * read_timeout_ms is set.
 */
#ifndef FLARE_TCP_H
#define FLARE_TCP_H

#include <flare/alloc.h>
#include <flare/dns.h>
#include <flare/io.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of flare/tls.h. */
typedef struct flare_tls_client flare_tls_client;
typedef struct flare_tls_server flare_tls_server;

/* A connection on a loop.  Thread: owner loop, for all of it. */
typedef struct flare_stream flare_stream;

/* A listening socket on a loop.  Thread: owner loop, for all of it. */
typedef struct flare_listener flare_listener;

/*
 * What happens to a stream.  Shared by any number of them and borrowed until
 * their on_closed; every member but on_data may be NULL.  Every function of
 * this header may be called in every callback, of the same stream too; none of
 * them calls back from inside.
 */
struct flare_stream_handler {
    /* Connected, or accepted.  What was written before is on its way now. */
    void (*on_open)(flare_stream *stream, void *ctx);
    /* Bytes, at least one, lent until it returns. */
    void (*on_data)(flare_stream *stream, struct flare_str data, void *ctx);
    /*
     * The peer sends nothing more; writing goes on, and the stream closes by
     * itself once flare_stream_shutdown is done too.  NULL: as if it had called
     * flare_stream_close.
     */
    void (*on_end)(flare_stream *stream, void *ctx);
    /* At most queue_low bytes are unsent, after more than queue_high were. */
    void (*on_drain)(flare_stream *stream, void *ctx);
    /*
     * The last call, once for every stream that a call has given out, also if
     * it never connected; the stream is gone when it returns.  `rc` is 0 after
     * an orderly end: everything written has been handed to the kernel.  Else
     * -ECONNRESET, -EPIPE, -ETIMEDOUT and the like; -ECONNABORTED after
     * flare_stream_abort; FLARE_E_STOPPED if the loop ended; of a connect also
     * what is said there.  `err` is never NULL, names the peer, and is lent
     * until it returns.
     */
    void (*on_closed)(flare_stream *stream, int rc,
                      const struct flare_error *err, void *ctx);
};

/*
 * What a connection or listener can be told; zero is the default, in brackets.
 * Times are 1 to 86 400 000 ms, or FLARE_UNLIMITED for those said to be.
 * Copied by every call, but for `handler` and `ctx`.
 */
struct flare_tcp_options {
    /* On a loop only, and there the handler is required; of a listener: those
     * of each stream it accepts, see flare_stream_handle. */
    const struct flare_stream_handler *handler;
    void *ctx;

    /* Connecting: in all, looking the name up included [30 000]; one address
     * [10 000]; before another address is tried beside those under way, RFC
     * 8305's, 10 to 2000 [250]. */
    uint32_t connect_timeout_ms;
    uint32_t attempt_timeout_ms;
    uint32_t attempt_delay_ms;
    enum flare_dns_family family;  /* of a host's addresses [any] */
    const struct flare_addr *bind; /* local address to connect from [any] */

    /* No byte for so long, while reading is not paused: -ETIMEDOUT
     * [FLARE_UNLIMITED].  Bytes to be sent of which the peer acknowledges none,
     * seen a quarter late at most: -ETIMEDOUT [30 000].  After a close, until
     * the peer has ended too, so that no reset destroys what was sent [2000].
     */
    uint32_t read_timeout_ms;
    uint32_t write_timeout_ms;
    uint32_t close_timeout_ms;

    /* Unsent bytes: at most [1 MiB], up to 1 GiB; when flare_stream_write says
     * 1 [256 KiB, or queue_max]; when on_drain comes [64 KiB, or queue_high].
     */
    uint32_t queue_max;
    uint32_t queue_high;
    uint32_t queue_low;

    bool delay; /* small writes wait for acknowledgements [no: TCP_NODELAY] */
    bool keepalive; /* SO_KEEPALIVE, and of it, 0: the system's */
    uint32_t keepalive_idle_s;
    uint32_t keepalive_interval_s;
    uint32_t keepalive_count;
    uint32_t user_timeout_ms;      /* TCP_USER_TIMEOUT [the system's] */
    uint32_t send_buffer_bytes;    /* SO_SNDBUF [the system's] */
    uint32_t receive_buffer_bytes; /* SO_RCVBUF [the system's] */
    /* Data in the SYN, where the system has it; of connects only if there is
     * one address to try, and then the connecting end must write first. */
    bool fast_open;
    bool has_linger; /* SO_LINGER with linger_s; 0: every close is a reset */
    int32_t linger_s;

    /*
     * TLS over it (flare/tls.h) [no]: the stream opens when the handshake is
     * done, which may take so long [10 000]; if it fails on_closed says why, as
     * one of the FLARE_E_TLS_ codes.  The peer's close_notify is its end;
     * without one that is FLARE_E_TLS_TRUNCATED.  tls_client is for those who
     * connect and verifies that it speaks to `tls_host` [the host or address of
     * the call; of flare_stream_adopt it must be given]; tls_server for those
     * who listen or adopt.  All borrowed until on_open or on_closed; of a
     * listener until it is closed, of a flare_acceptor's connections until
     * their first call has returned.
     */
    flare_tls_client *tls_client;
    flare_tls_server *tls_server;
    const char *tls_host;
    uint32_t tls_handshake_timeout_ms;

    /* Of listeners. */
    int32_t backlog;      /* [1024] */
    bool reuseport;       /* others may listen there too; not on Unix */
    bool v6only;          /* "[::]" does not take IPv4 connections */
    uint32_t streams_max; /* accepted and open; then it waits [no limit] */

    /* Of the blocking form, whose loop is its own; borrowed [malloc]. */
    const struct flare_allocator *allocator;
};

/*
 * Connects to a host: a name, or an IP address.  All its addresses are tried,
 * the families in turn beginning with that of the first, the next as soon as
 * one fails or attempt_delay_ms have passed, those before it going on; the
 * first to be connected is the stream and the others are closed (RFC 8305).
 *
 * Returns 0 with the stream in `*out`: on_open or on_closed follows, the latter
 * with an error of flare_dns_resolve's, -ETIMEDOUT, or the last that an address
 * failed with: -ECONNREFUSED (also where the connection had met itself),
 * -ENETUNREACH, -EADDRNOTAVAIL and the like, `err` naming host and address.
 * Else `*out` is untouched and nothing is called: FLARE_E_BAD_HOSTNAME,
 * FLARE_E_BAD_CONFIG (an option is out of range, port 0), -ENOMEM, and `err`
 * (may be NULL) says which.
 */
FLARE_API FLARE_MUST_USE int flare_tcp_connect(
    flare_loop *loop, flare_stream **out, struct flare_str host, uint16_t port,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * Connects to one address: IP, Unix or abstract.  As flare_tcp_connect;
 * FLARE_E_BAD_ADDRESS for one that is none.
 */
FLARE_API FLARE_MUST_USE int flare_tcp_connect_addr(
    flare_loop *loop, flare_stream **out, const struct flare_addr *addr,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * A stream over a connected stream socket of yours, not made by the loop.
 * Takes `fd`: on failure it is still yours.  0 (on_open is called with TLS
 * only); FLARE_E_BAD_CONFIG, -ENOMEM, or -errno of the system.
 */
FLARE_API FLARE_MUST_USE int flare_stream_adopt(
    flare_loop *loop, flare_stream **out, int fd,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * Sends a copy of `bytes`; what is written during a turn of the loop leaves
 * together at its end, before on_open once it is connected.
 *
 * Returns 0; 1: sent too, but more than queue_high bytes are unsent now, so
 * wait for on_drain.  Nothing is taken with FLARE_E_OUTPUT_FULL (it would be
 * more than queue_max), -EPIPE (after shutdown, close or the end), -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_stream_write(flare_stream *stream,
                                                struct flare_str bytes);

/*
 * As flare_stream_write without the copy.  Takes: on success `free_fn(ctx,
 * bytes.ptr)` is called once the kernel has the last byte or the stream has
 * ended, at the latest before on_closed; on failure they are still yours.
 * `free_fn` may be NULL for static bytes.
 */
FLARE_API FLARE_MUST_USE int flare_stream_give(flare_stream *stream,
                                               struct flare_str bytes,
                                               flare_free_fn free_fn,
                                               void *ctx);

/*
 * No more on_data and on_end until resumed.  What the kernel had given already
 * is kept, at most as much as the loop's receive buffers hold, and the peer is
 * made to wait.  That the connection broke is heard of by sending alone.
 * Nothing if it is so already.
 */
FLARE_API void flare_stream_pause(flare_stream *stream);

/* From the end of this turn on they come again.  Nothing if it is not paused.
 */
FLARE_API void flare_stream_resume(flare_stream *stream);

/* Ends writing: FIN follows what is queued.  Reading goes on.  Once is enough.
 */
FLARE_API void flare_stream_shutdown(flare_stream *stream);

/*
 * Sends what is queued, then FIN; drops what comes until the peer has ended too
 * or close_timeout_ms have passed; closes.  on_data and on_end are not called
 * any more, on_closed follows.  One that is not connected yet is aborted.
 * Nothing if it is closing.
 */
FLARE_API void flare_stream_close(flare_stream *stream);

/* Resets the connection, drops what is queued; on_closed follows. */
FLARE_API void flare_stream_abort(flare_stream *stream);

/* Bytes written and not yet handed to the kernel. */
FLARE_API size_t flare_stream_queued(const flare_stream *stream);

/* This end; kind NONE while not connected, or if the system does not tell (any
 * more). */
FLARE_API struct flare_addr flare_stream_local(const flare_stream *stream);

/* The other end; known also once the connection has ended. */
FLARE_API struct flare_addr flare_stream_peer(const flare_stream *stream);

/* The loop it lives on. */
FLARE_API flare_loop *flare_stream_loop(const flare_stream *stream);

/* Other callbacks, or another context, from the next call on. */
FLARE_API void flare_stream_handle(flare_stream *stream,
                                   const struct flare_stream_handler *handler,
                                   void *ctx);

/* The context it has now. */
FLARE_API void *flare_stream_ctx(const flare_stream *stream);

/*
 * Listens on an address in flare_addr_parse's form, port 0 being any that is
 * free; or on a socket that is there, of which it takes a copy: "fd:5", or
 * "inherit:web" from the service manager (LISTEN_FDS), "inherit:" if that gave
 * just one.
 * Each accepted connection is a stream with the options' handler and ctx, whose
 * on_open comes first.  Where descriptors or memory run out accepting waits and
 * goes on by itself.  The file of a Unix socket on which nobody listens any
 * more is replaced, and removed at the close.
 *
 * Returns 0 with the listener in `*out`.  Else `*out` is untouched and `err`
 * (may be NULL) names the address: FLARE_E_BAD_ADDRESS, FLARE_E_BAD_CONFIG,
 * -EADDRINUSE, -EACCES and the like, -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_tcp_listen(
    flare_loop *loop, flare_listener **out, struct flare_str address,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * The same with a socket that listens already, inherited perhaps.  Takes `fd`:
 * on failure it is still yours.  backlog, reuseport and v6only mean nothing.
 */
FLARE_API FLARE_MUST_USE int flare_tcp_listen_fd(
    flare_loop *loop, flare_listener **out, int fd,
    const struct flare_tcp_options *options, struct flare_error *err);

/* Stops accepting for a while: connections wait in the kernel's backlog.  What
 * was accepted already is still delivered. */
FLARE_API void flare_listener_pause(flare_listener *listener);

/* Accepts again.  Nothing if it is not paused. */
FLARE_API void flare_listener_resume(flare_listener *listener);

/*
 * The listener is gone when it returns; its streams live on.  What the kernel
 * accepts until it hears of it is reset: to lose nobody, pause it some turns
 * before.
 */
FLARE_API void flare_listener_close(flare_listener *listener);

/* Where it listens, the port it was given included. */
FLARE_API struct flare_addr flare_listener_local(
    const flare_listener *listener);

/*
 * The blocking form: a stream on a loop of its own.  It stays in one thread:
 * the one that opened it, or, of a connection that an acceptor gave, the one
 * that makes the first call about it.  No call ends with EINTR, none raises
 * SIGPIPE.
 */
typedef struct flare_conn flare_conn;

/* Waits for connections, blocking. */
typedef struct flare_acceptor flare_acceptor;

/*
 * Connects and waits for it; `options` may be NULL.  As flare_tcp_connect, with
 * what on_closed would say returned, and FLARE_E_BACKEND_UNAVAILABLE, -EMFILE.
 * Gives a connection (release with flare_conn_close or _abort).
 */
FLARE_API FLARE_MUST_USE int flare_conn_open(
    flare_conn **out, struct flare_str host, uint16_t port,
    const struct flare_tcp_options *options, struct flare_error *err);

/* The same to one address, as flare_tcp_connect_addr. */
FLARE_API FLARE_MUST_USE int flare_conn_open_addr(
    flare_conn **out, const struct flare_addr *addr,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * Waits for bytes and reads up to `size` (at least 1) of them.  Returns how
 * many, 1 to INT_MAX; 0 at the end of the peer's stream; -ETIMEDOUT after
 * read_timeout_ms without a byte, and then the connection is still good;
 * -ECONNRESET and the like, once what came before has been read.
 */
FLARE_API FLARE_MUST_USE int flare_conn_read(flare_conn *conn, void *buf,
                                             size_t size);

/*
 * Reads `size` bytes.  0; FLARE_E_END_OF_STREAM if the peer ends before that;
 * errors as flare_conn_read, and then what came is lost.
 */
FLARE_API FLARE_MUST_USE int flare_conn_read_exact(flare_conn *conn, void *buf,
                                                   size_t size);

/*
 * A reader of lines and pieces (flare/io.h) over flare_conn_read, whose errors
 * it passes on: after -ETIMEDOUT the same call goes on.  As flare_reader_new.
 * Borrows `conn` until the reader is freed, which comes first.
 */
FLARE_API FLARE_MUST_USE int flare_conn_reader(
    flare_reader **out, flare_conn *conn,
    const struct flare_reader_options *options);

/*
 * Writes some of the bytes, at least one (of none: 0), and waits until the
 * kernel has them.  Returns how many; -EPIPE, -ECONNRESET and the like;
 * -ETIMEDOUT if the peer takes nothing for write_timeout_ms, -ENOMEM: then the
 * connection is broken.
 */
FLARE_API FLARE_MUST_USE int flare_conn_write(flare_conn *conn,
                                              struct flare_str bytes);

/* Writes all of them.  0, or as flare_conn_write. */
FLARE_API FLARE_MUST_USE int flare_conn_write_all(flare_conn *conn,
                                                  struct flare_str bytes);

/* Ends writing; reading goes on.  0, or why the connection is broken. */
FLARE_API FLARE_MUST_USE int flare_conn_shutdown(flare_conn *conn);

/* This end; kind NONE if the system does not tell (any more). */
FLARE_API struct flare_addr flare_conn_local(flare_conn *conn);

/* The other end. */
FLARE_API struct flare_addr flare_conn_peer(flare_conn *conn);

/* What broke the connection, with its sentence; code 0: nothing.  Lent until
 * the next call. */
FLARE_API const struct flare_error *flare_conn_error(const flare_conn *conn);

/* Closes as flare_stream_close, and waits for it.  Accepts NULL. */
FLARE_API void flare_conn_close(flare_conn *conn);

/* Resets the connection.  Accepts NULL. */
FLARE_API void flare_conn_abort(flare_conn *conn);

/* Listens, as flare_tcp_listen; the options hold for what it accepts.
 * `options` may be NULL.  Gives an acceptor (release with _close). */
FLARE_API FLARE_MUST_USE int flare_acceptor_open(
    flare_acceptor **out, struct flare_str address,
    const struct flare_tcp_options *options, struct flare_error *err);

/*
 * Waits for a connection, at most `timeout_ms` (0: not at all; or
 * FLARE_UNLIMITED).  0 with the connection in `*out`; -ETIMEDOUT, -ENOMEM;
 * of the first call also FLARE_E_BACKEND_UNAVAILABLE, -EMFILE and the like.
 * The thread of the first call, whoever opened it, is its thread.
 */
FLARE_API FLARE_MUST_USE int flare_acceptor_accept(flare_acceptor *acceptor,
                                                   flare_conn **out,
                                                   uint32_t timeout_ms);

/* Where it listens. */
FLARE_API struct flare_addr flare_acceptor_local(
    const flare_acceptor *acceptor);

/* Connections nobody has asked for are reset.  Accepts NULL. */
FLARE_API void flare_acceptor_close(flare_acceptor *acceptor);

#ifdef __cplusplus
}
#endif
#endif
