/* SPDX-License-Identifier: MIT */
/*
 * One worker's HTTP server: its options (shared, immutable), its listeners, its
 * connections, and the scratch space of the request in hand.  Nothing in it is
 * touched by another thread.
 */
#ifndef FLARE__HTTP_HTTP_H
#define FLARE__HTTP_HTTP_H

#include <flare/handler.h>
#include <flare/stats.h>

#include "base/arena.h"
#include "base/slab.h"
#include "http/chain.h"
#include "http/chunked.h"
#include "http/date.h"
#include "http/head.h"
#include "net/out.h"
#include "http/router.h"
#include "http/trust.h"
#include "net/listener.h"
#include "net/wire.h"

struct flare__conn;
struct flare__params;
struct flare__inbuf;
struct flare__offload;
struct flare__memory;
struct flare__sse;
struct flare__upgrade;
struct flare__watch;

/* What the configuration came to; the workers share one. */
struct flare__http_options {
    const struct flare_allocator *al;
    const struct flare__router *router; /* NULL: `handler` for everything */
    struct flare_handler handler;
    uint32_t route_flags;              /* of `handler`: FLARE_ROUTE_* */
    const struct flare_server *server; /* NULL: a test's */
    struct flare_handler outer; /* enters `links`; fn NULL: there are none */
    struct flare__chain_link links[FLARE_MIDDLEWARE_MAX]; /* the server's */
    struct flare_str server_name; /* empty: no Server field */
    struct flare__head_limits head;
    struct flare__chunked_limits chunked;
    uint32_t body_bytes_max;
    uint32_t requests_max;    /* per connection; UINT32_MAX: no limit */
    uint32_t connections_max; /* of this worker; past it accepting waits */
    uint32_t listeners_max;   /* of this worker; 0: 1 */
    uint32_t output_bytes_max;
    uint32_t head_timeout_ms;
    uint32_t body_gap_ms;
    uint32_t body_grace_ms;
    uint32_t body_rate_min; /* bytes per second; 0: none */
    uint32_t idle_timeout_ms;
    uint32_t send_timeout_ms;
    uint32_t linger_timeout_ms;
    uint32_t answer_timeout_ms;     /* UINT32_MAX: none */
    uint32_t request_memory_max;    /* of a request's arena */
    uint32_t memory_max;            /* of this worker; 0: no budget */
    struct flare_handler watched;   /* what notes are taken of; see watch.c */
    struct flare__offload *offload; /* NULL: none */
    bool has_proxy_header;          /* each connection begins with one */
    enum flare__forwarded_kind forwarded;
    struct flare__trust trust;
    void *app;                     /* the user's: flare/state.h */
    struct flare__wire_maker *tls; /* of listeners that speak it; NULL: none */
    uint32_t tls_handshake_timeout_ms;
};

/* What the framing of a body says, and how much of it has come. */
struct flare__body {
    bool is_chunked;
    uint64_t left; /* of Content-Length */
    uint64_t started_ms;
    uint64_t wire_bytes; /* with its framing */
    uint64_t bytes;      /* without */
    uint64_t max;        /* past it FLARE_E_BODY_TOO_LARGE */
    struct flare__chunked chunked;
};

struct flare_req {
    struct flare__http *http;
    const struct flare__head *head;
    struct flare_str body;
    struct flare_handler handler; /* the one that runs: flare_req_ctx */
    struct flare_handler inner;   /* what the server's middlewares are around */
    int outcome;                  /* of the search for a route, if negative */
    struct flare__match match;
    struct flare__arena arena; /* dies with the request */
    struct flare__tag *tags;   /* in the arena: what middlewares know of it */
    /* Read when first asked for; NULL until then.  Of http/form.c. */
    struct flare__params *query;
    struct flare__params *form;
    struct flare__params *cookies;
    struct flare__forwarded *forwarded; /* of req_peer.c */
    struct flare__trailers *trailers;   /* of req_more.c */
    /* A streamed body: who takes it. */
    flare_body_fn on_body;
    void *body_ctx;
    bool is_body_paused;
};

/* What a middleware has found out, for those that run inside or after it. */
struct flare__tag {
    struct flare__tag *next;
    const void *key; /* whose: the address of something of its */
    struct flare_str value;
};

enum flare__res_state {
    FLARE__RES_OPEN,    /* fields may be added */
    FLARE__RES_BODY,    /* the head is out, the body is being given */
    FLARE__RES_COMPLETE /* the last byte is queued, or nobody waits for it */
};

/* One registered hook, in the request's arena; the newest first. */
struct flare__hook {
    struct flare__hook *next;
    void *ctx;
    flare_before_head_fn before_head;
    flare_done_fn on_done;
};

struct flare__filter;

struct flare_res {
    struct flare__http *http;
    struct flare__conn *conn; /* NULL: the peer is gone */
    struct flare__hook *before_head;
    struct flare__hook *on_done;
    struct flare__filter *filter;   /* a content coding; NULL: none */
    struct flare__upgrade *upgrade; /* what follows a 101; NULL: none */
    char *extra; /* fields that were added; after the head, trailers */
    uint32_t extra_len;
    uint32_t extra_cap;
    uint16_t status;         /* 0: none yet */
    uint8_t state;           /* enum flare__res_state */
    bool is_head;            /* no body goes out, whatever the handler gave */
    bool is_last;            /* Connection: close */
    bool is_keep_alive_said; /* HTTP/1.0 peers must be told */
    bool has_no_body;        /* HEAD, 204 and the like: writes are dropped */
    bool is_chunked;
    bool is_file; /* while before_head hooks run: never filtered */
    int error;    /* while they run: the library answers, because of it */
    bool is_full; /* on_drain or `pull` waits for room */
    struct flare_str type; /* while before_head hooks run */
    uint64_t length;       /* of the body; FLARE_LENGTH_UNKNOWN */
    uint64_t body_bytes;   /* of it, given so far */
    flare_drain_fn on_drain;
    flare_pull_fn pull;
    void *flow_ctx; /* of whichever of the two there is */
    int file;       /* being sent; -1: none */
    uint64_t file_at;
    uint64_t file_left;
};

/*
 * A request and its answer.  Nearly all live only while their handler runs: the
 * worker has one in hand and uses it again and again.  One whose answer is not
 * complete by then leaves with its connection, and the worker takes another.
 */
struct flare__exchange {
    struct flare_req req;
    struct flare_res res;
    struct flare__head head;
    struct flare_str wire;      /* the head's bytes */
    struct flare__inbuf *inbuf; /* has this request and nothing else, or NULL */
    struct flare__body body;    /* if it is read in pieces */
    char *decoded; /* path parameters, percent-decoded; target_bytes_max */
    char *kept;    /* detached: the head's bytes and a buffered body's */
    struct flare__inbuf *trailers; /* of a streamed body, as they came */
    struct flare_later *later;     /* the open promise */
    struct flare__exchange *next;  /* spare or dead */
    uint64_t started_ns;
    uint32_t timeout_ms;
    int found; /* if is_found: what looking for its handler said */
    bool is_found;
    bool is_touched;    /* flare__exchange_clear is due before the next */
    bool is_detached;   /* conn->x */
    bool is_streamed;   /* its handler is called before the body */
    bool is_read;       /* somebody takes the body, or took it */
    bool is_body_open;  /* not all of a streamed body has come */
    bool is_discarding; /* answered; the rest of its body is dropped */
    bool must_continue; /* the peer waits for a 100 */
    struct flare__field fields[];
};

/*
 * The head written last.  A server says the same thing most of the time: when
 * all that a head is made of is as it was, its bytes are copied, and the
 * Content-Type need not be checked again.
 */
struct flare__head_memo {
    uint64_t until_ms; /* the Date in it is right before then; 0: none */
    size_t body_len;
    uint32_t len;
    uint32_t type_at; /* where the Content-Type's value stands in it */
    uint32_t type_len;
    uint16_t status;
    uint16_t said; /* of Connection */
    bool is_text;  /* the type is flare_res_text's: its address will do */
    char bytes[1024];
};

enum {
    FLARE__HTTP_COMMON_MAX = 512,  /* Server and Date fields */
    FLARE__HTTP_EXTRA_MAX = 16384, /* fields that a handler adds */
    FLARE__HTTP_SERVER_NAME_MAX = 256
};

/* What a worker's hooks and its handlers see of it. */
struct flare_worker {
    struct flare__http *http;
    void *state; /* the user's */
    uint32_t index;
};

struct flare__http {
    struct flare_loop *loop;
    const struct flare__http_options *options;
    struct flare__out_pool pool;
    struct flare__inbuf *spare_in; /* large ones, for the next bodies */
    uint32_t spare_in_bytes;       /* their room together */
    struct flare__slab conns;
    bool is_draining;
    bool is_aborted; /* who is accepted late is not served */
    bool is_full;    /* the listeners wait for a connection to go */
    struct flare__listener *listeners;
    uint32_t listener_count;     /* started, whatever became of them */
    uint32_t listeners_open;     /* not CLOSED again */
    struct flare_stats counters; /* since start; published after a turn */
    struct flare_worker worker;

    struct flare__exchange *x;     /* the request in hand; never NULL */
    struct flare__exchange *spare; /* for the next that is detached */
    struct flare__exchange *dead;  /* their users may still look at them */
    struct flare__task reaper;
    uint32_t spare_count;
    struct flare__sse *streams;   /* open ones; a drain ends them */
    struct flare__memory *memory; /* NULL: no budget */
    struct flare__watch *watch;   /* NULL: nobody watches */
    uint64_t handshakes_quiet_ms; /* failures are logged again from then on */
    uint32_t handshakes_unlogged; /* failures since the last line */
    uint64_t errors_until_ms;     /* a second of errors of handlers */
    uint32_t errors_logged;       /* in it */
    uint32_t errors_unlogged;     /* since the last line */

    /* "Server: ...\r\nDate: ...\r\n", written anew each second. */
    uint64_t common_until_ms;
    uint32_t common_len;
    char common[FLARE__HTTP_COMMON_MAX];
    struct flare__head_memo memo;
};

/* -ENOMEM.  `options` is borrowed. */
int flare__http_init(struct flare__http *h, struct flare_loop *loop,
                     const struct flare__http_options *options);

/* Everything is closed: flare__http_is_idle. */
void flare__http_fini(struct flare__http *h);

/* Serves what `fd` accepts, up to options->listeners_max times; takes it on
 * success.  -errno. */
int flare__http_listen(struct flare__http *h, int fd, bool is_tls);

/* All listeners wait, or go on. */
void flare__http_pause_listening(struct flare__http *h);
void flare__http_resume_listening(struct flare__http *h);

/* Either, as there is a place and memory for a connection. */
void flare__http_update_listening(struct flare__http *h);

/* How long ago its last answer was, or its accept; 0: it is not idle. */
uint64_t flare__http_quiet_ms(const struct flare__conn *conn);

/* Closes the listeners that are not closing yet. */
void flare__http_stop_listening(struct flare__http *h);

/* From now on every answer is the last of its connection. */
void flare__http_drain_begin(struct flare__http *h);

/* Closes the connections that have waited `quiet_ms` for a request. */
void flare__http_drain_quiet(struct flare__http *h, uint32_t quiet_ms);

/*
 * Stops accepting; idle connections close, the others after their answers.
 * flare__http_is_idle tells the end.
 */
void flare__http_drain(struct flare__http *h);

/* After drain: resets what is left, and who comes late. */
void flare__http_abort(struct flare__http *h);

/*
 * A TLS handshake has failed: a line in the log, but one a second at most, as
 * any stranger can make them fail.  `err` has the sentence; or NULL.
 */
void flare__http_note_handshake(struct flare__http *h, int error,
                                const struct flare_error *err);

/* No listener and no connection is left.  Only then fini. */
bool flare__http_is_idle(const struct flare__http *h);

/* Server and Date as they are this second. */
struct flare_str flare__http_common(struct flare__http *h);

#endif
