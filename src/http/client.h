/* SPDX-License-Identifier: MIT */
/*
 * The engine of the HTTP client: what a client, its connections and its calls
 * are, and which file does what to them.
 *
 *   client_config.c   a configuration, checked and copied
 *   client.c          a client's life; who gets which connection
 *   client_conn.c     a connection: made, through a proxy perhaps, kept, closed
 *   call.c            a call's life: begun, ended once, deadlines
 *   call_hop.c        one request of it: URL, fields, credentials
 *   call_send.c       head and body out
 *   call_recv.c       the answer in
 *   call_follow.c     redirects, and what else is sent again
 *
 * A connection is a stream (tcp/stream.h) with one call on it, or idle:
 *
 *   CONNECTING -> BUSY <-> IDLE -> CLOSING
 *                 BUSY -> gone: after a 101 the stream is the caller's
 *   CONNECTING -> TUNNEL -> SECURING -> BUSY     https through a proxy
 *                 TUNNEL -> BUSY                 an upgrade without TLS
 *
 * A call's phases, of which each has its deadline:
 *
 *   WAIT      for a place                        total
 *   CONNECT   its connection is being made       connect
 *   EXPECT    its body waits for a 100           a second, then it goes
 *   SEND      its body goes                      the stream's own
 *   AWAIT     all of it went                     first byte
 *   READ      the final head has come            between bytes
 *
 * On a kept connection a request costs no allocation: calls, replies and what
 * they have are used again; it leaves in one send, and its answer is parsed
 * where it was received.  Deadlines are lazy, as in http/conn.c.
 *
 * A user's callback may do anything but free the client: start, cancel, pause.
 * So after each, `is_ending` is looked at, and after on_done nothing of the
 * call is touched, nor of its connection, which may be another's by then.
 */
#ifndef FLARE__HTTP_CLIENT_H
#define FLARE__HTTP_CLIENT_H

#include <flare/client.h>

#include "base/arena.h"
#include "http/ask.h"
#include "http/client_blocking.h"
#include "http/client_reply.h"
#include "http/decoding.h"
#include "http/pool.h"
#include "http/reply.h"
#include "http/url.h"
#include "net/loop.h"

enum {
    FLARE__CLIENT_SPARE_MAX = 64,        /* calls, replies kept for reuse */
    FLARE__CLIENT_SCRATCH = 16 * 1024,   /* decoded at a time */
    FLARE__CLIENT_DRAIN_MAX = 64 * 1024, /* of a redirect's body */
    FLARE__CLIENT_BODY_SPARE =
        256 * 1024,           /* more a spare reply does not keep */
    FLARE__CALL_TEXTS = 2048, /* the first chunk of a call's */
    FLARE__CALL_TEXTS_MAX = 16 * 1024 * 1024,
    FLARE__CLIENT_KEEP = 4096, /* of a buffer of input, while idle or spare */
    FLARE__CLIENT_TRAILERS = 64,
    FLARE__CALL_EXPECT_MS = 1000, /* RFC 9110 10.1.1: not indefinitely */
    FLARE__CALL_PIECE = 64 * 1024 /* of a body, in one go */
};

/* ---- configuration: client_config.c ---- */

struct flare__client_conf {
    struct flare_client_config c; /* with its defaults; strings are in texts */
    struct flare__arena texts;
    struct flare_url base;                 /* scheme empty: none */
    const struct flare__ask_field *fields; /* User-Agent first, if any */
    size_t field_count;
    struct flare_str auth;       /* of Authorization; empty: none */
    struct flare_str proxy_host; /* empty: none */
    struct flare_str proxy_auth; /* of Proxy-Authorization; empty: none */
    uint16_t proxy_port;
};

/* Checked and copied, `al` borrowed.  As flare_client_new. */
FLARE_MUST_USE
int flare__client_conf_init(struct flare__client_conf *conf,
                            const struct flare_allocator *al,
                            const struct flare_client_config *config,
                            struct flare_error *err);
void flare__client_conf_fini(struct flare__client_conf *conf);

/* Whether `host` is connected to directly, though there is a proxy. */
bool flare__client_is_direct(const struct flare__client_conf *conf,
                             const struct flare_url *url);

/*
 * The value of Authorization, in `texts`: Basic, or Bearer; empty: neither is
 * given.  0, -ENOMEM, FLARE_E_BAD_HEADER (a ':' in a user, a control character,
 * both).
 */
FLARE_MUST_USE
int flare__client_auth(struct flare_str *out, struct flare__arena *texts,
                       const char *user, const char *password,
                       const char *bearer);

/* A copy of fields ended by an empty name.  -ENOMEM. */
FLARE_MUST_USE
int flare__client_fields(const struct flare__ask_field **out, size_t *count,
                         struct flare__arena *texts,
                         const struct flare_field *from);

/* ---- the three ---- */

enum flare__client_conn_state {
    FLARE__CLIENT_CONNECTING,
    FLARE__CLIENT_TUNNEL,   /* CONNECT was sent */
    FLARE__CLIENT_SECURING, /* behind a proxy */
    FLARE__CLIENT_BUSY,
    FLARE__CLIENT_IDLE,
    FLARE__CLIENT_CLOSING
};

struct flare__client_conn {
    struct flare__pool_conn place;
    struct flare__client_conn *next; /* all of the client */
    struct flare__client_conn **link;
    flare_client *client;
    flare_stream *stream;
    flare_call *call; /* NULL: idle, or closing */
    struct flare__timer timer;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    uint64_t connect_ms;  /* until it must be connected */
    struct flare__task task;
    struct flare__reply reader;
    struct flare__bytes in; /* came and could not be used yet */
    struct flare_reply_tls tls;
    uint64_t ready_ns; /* requests may go */
    uint64_t requests;
    uint8_t state; /* enum flare__client_conn_state */
    bool is_secure;
    bool is_proxied;
    bool has_tls;
    bool is_resting; /* the loop does not go on for it */
};

struct flare_client {
    struct flare_loop *loop;
    bool is_private; /* the loop is its own */
    bool is_ended;
    struct flare_allocator al;
    struct flare__client_conf conf;
    flare_tls_client *tls; /* made here; NULL: not yet, or the user's is used */
    struct flare__pool pool;
    struct flare__client_conn *conns;
    flare_call *calls; /* all that have begun */
    flare_call *spare_calls;
    flare_reply *spare_replies;
    uint32_t spare_call_count;
    uint32_t spare_reply_count;
    struct flare__reply_limits limits;
    struct flare__field *fields; /* scratch of the readers */
    char *decoded;               /* scratch, FLARE__CLIENT_SCRATCH; NULL */
    struct flare_client_stats counts;
    struct flare__client_blocking blocking;
};

enum flare__call_phase {
    FLARE__CALL_NONE, /* not begun, or between two hops */
    FLARE__CALL_WAIT,
    FLARE__CALL_CONNECT,
    FLARE__CALL_EXPECT,
    FLARE__CALL_SEND,
    FLARE__CALL_AWAIT,
    FLARE__CALL_READ
};

enum flare__call_body_kind {
    FLARE__CALL_NO_BODY,
    FLARE__CALL_BYTES,
    FLARE__CALL_FILE,
    FLARE__CALL_SOURCE
};

struct flare__call_body {
    enum flare__call_body_kind kind;
    struct flare_str bytes;
    struct flare_ask_file file;
    struct flare_ask_source source;
    uint64_t length; /* FLARE_LENGTH_UNKNOWN */
};

/* A URL that was asked for on the way. */
struct flare__call_visit {
    struct flare__call_visit *before;
    struct flare_str url;
};

struct flare_call {
    flare_call *next; /* of all, or of the spare */
    flare_call **link;
    flare_client *client;
    const struct flare_call_handler *handler;
    void *ctx;
    struct flare__arena texts;

    /* what was asked */
    const struct flare__ask_field *fields;
    size_t field_count;
    struct flare_str auth;
    struct flare_str content_type;
    struct flare__call_body body;
    uint32_t connect_timeout_ms;
    uint32_t first_byte_timeout_ms;
    uint32_t between_bytes_timeout_ms;
    uint32_t body_bytes_max;
    uint64_t started_ns;
    uint64_t total_ms; /* when it must be over; UINT64_MAX */
    bool no_redirects;
    bool decodes;
    bool expects;

    /* this hop */
    struct flare__ask ask;
    int ask_bytes; /* of its head */
    struct flare_url url;
    struct flare_str url_text; /* normalised; nothing but what is sent */
    struct flare__call_visit *visits;
    struct flare_str next_url; /* where a redirect leads; empty: none */
    uint32_t redirects;
    bool is_secure;  /* https */
    bool is_foreign; /* another origin than the first: no credentials */
    bool drops_body; /* GET after a POST */
    bool has_retried;

    /* when what happened to it, of the loop's clock; 0: not yet */
    uint64_t begun_ns;
    uint64_t sent_ns;
    uint64_t first_byte_ns;

    /* its connection */
    struct flare__pool_wait wait;
    struct flare__client_conn *conn;
    struct flare__timer timer; /* in WAIT */
    uint8_t phase;             /* enum flare__call_phase */

    /* its body */
    uint64_t sent;
    bool is_sent;     /* the request, all of it */
    bool is_cut;      /* nothing of the body goes any more */
    bool is_asked;    /* the source may write */
    bool is_waiting;  /* the source has said FLARE_LATER */
    bool is_finished; /* the source has */
    bool is_full;     /* until the stream's on_drain */

    /* its answer */
    flare_reply *reply;
    struct flare__decoding *decoding;
    struct flare__bytes coded; /* of the body, not decoded yet */
    uint64_t received;
    uint64_t received_total;
    bool is_drained; /* its body is nobody's: a redirect's */
    bool is_paused;

    /* what the end of the turn is to do */
    struct flare__task task;
    bool wants_pump;
    bool wants_input;
    bool is_ending; /* with `err` */
    struct flare_error err;
};

/* ---- client.c ---- */

/* Monotonic, now: a call may begin long after the last turn. */
uint64_t flare__client_now_ns(const flare_client *client);
uint64_t flare__client_now_ms(const flare_client *client);

/* The client's TLS, made if it must be.  As flare_tls_client_new. */
FLARE_MUST_USE
int flare__client_tls(flare_client *client, flare_tls_client **out,
                      struct flare_error *err);

/*
 * A connection for the call's hop, or a place among those who wait.  Returns 0;
 * FLARE_E_CALLS_FULL, -ENOMEM, as flare_tcp_connect.
 */
FLARE_MUST_USE
int flare__client_place(flare_client *client, flare_call *call,
                        struct flare_error *err);

/* Places have become free: who waits may go on. */
void flare__client_serve(flare_client *client);

/* The last of it has gone: frees the memory. */
void flare__client_unref(flare_client *client);

/* ---- client_conn.c ---- */

/* A new one for the call.  As flare_tcp_connect. */
FLARE_MUST_USE
int flare__client_conn_open(flare_client *client,
                            struct flare__pool_origin *origin, flare_call *call,
                            struct flare_error *err);

/* The call has one that was idle. */
void flare__client_conn_reuse(struct flare__client_conn *conn,
                              flare_call *call);

/*
 * Its call has let go of it.  `is_whole`: request and answer were; then it is
 * kept, if it can be used again, or closed in order, else aborted.
 */
void flare__client_conn_release(struct flare__client_conn *conn, bool is_whole);

/* At once; its place is free.  It has no call. */
void flare__client_conn_abort(struct flare__client_conn *conn);

/* Forgets the connection, but for its stream: that is the caller's.  It has no
 * call. */
void flare__client_conn_leave(struct flare__client_conn *conn);

/* The deadline is that of what happens now. */
void flare__client_conn_expect(struct flare__client_conn *conn,
                               uint64_t deadline_ms);

/* Keeps bytes for later.  false: no memory, and the call is ending. */
bool flare__client_conn_keep(struct flare__client_conn *conn,
                             struct flare_str bytes);

/* ---- call.c ---- */

/* The loop's time of this turn plus so much. */
uint64_t flare__call_after(const flare_call *call, uint32_t ms);

/*
 * The end: on_done, then the call is gone.  From callbacks only.  `why` is a
 * sentence to be told behind method and URL (NULL: the code's).
 */
void flare__call_fail(flare_call *call, int rc, const char *why);
void flare__call_finish(flare_call *call);

/* The same at the end of the turn: from calls of the user. */
void flare__call_fail_later(flare_call *call, int rc, const char *why);

/* At the end of the turn, pump and what is wanted. */
void flare__call_touch(flare_call *call);

/* Its phase's deadline is over. */
void flare__call_on_deadline(flare_call *call);

/* Enters a phase with its deadline. */
void flare__call_enter(flare_call *call, enum flare__call_phase phase);

/* on_progress, if it is wanted. */
void flare__call_progress(flare_call *call);

/* ---- call_hop.c ---- */

/* The first URL: `ask`'s, with its query.  FLARE_E_BAD_URL, -ENOMEM. */
FLARE_MUST_USE
int flare__hop_url(flare_call *call, const struct flare_ask *ask,
                   struct flare_error *err);

/* Takes an absolute URL, normalised, for the next hop.  As above. */
FLARE_MUST_USE
int flare__hop_take_url(flare_call *call, struct flare_str text,
                        struct flare_error *err);

/* Composes the head for call->url.  As flare__ask_check; -ENOMEM. */
FLARE_MUST_USE
int flare__hop_compose(flare_call *call, struct flare_error *err);

/* Where its connection leads. */
struct flare__pool_key flare__hop_key(const flare_call *call);

/* Whether a proxy is to be passed with CONNECT. */
bool flare__hop_tunnels(const flare_call *call);

/* What the jar is asked with. */
struct flare_cookie_url flare__hop_cookie_url(const flare_call *call);

/* ---- call_send.c ---- */

/* Its connection is ready: the head goes, and what may follow at once. */
void flare__call_send(flare_call *call);

/* More of its body, as long as there is room.  `may_ask`: a callback may be
 * called. */
void flare__call_pump(flare_call *call, bool may_ask);

/* A 100 has come, or was waited for long enough. */
void flare__call_go_on(flare_call *call);

/* The stream has room again. */
void flare__call_on_drain(flare_call *call);

/* ---- call_recv.c ---- */

/* Bytes of its answer.  The call may be gone when it returns. */
void flare__call_input(flare_call *call, struct flare_str in);

/* What was kept while it was paused. */
void flare__call_resume_input(flare_call *call);

/* The peer's end; `is_clean` as flare__reply_eof. */
void flare__call_on_eof(flare_call *call, bool is_clean);

/* ---- call_follow.c ---- */

/*
 * Whether the head that has come is a redirect to be followed: 1, and then
 * next_url is where to; 0; or an error.
 */
FLARE_MUST_USE
int flare__call_redirect(flare_call *call, const struct flare__reply_head *head,
                         struct flare_error *err);

/* To next_url; its connection is let go of, `is_whole` as above. */
void flare__call_follow(flare_call *call, bool is_whole);

/* Its connection has gone.  Tries again if that is safe: true, and the
 * connection is let go of. */
bool flare__call_retry(flare_call *call);

#endif
