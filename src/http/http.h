/* SPDX-License-Identifier: MIT */
/*
 * One worker's HTTP server: its options (shared, immutable), its listeners, its
 * connections, and the scratch space of the request in hand.  Nothing in it is
 * touched by another thread.
 */
#ifndef FLARE__HTTP_HTTP_H
#define FLARE__HTTP_HTTP_H

#include <flare/handler.h>

#include "base/arena.h"
#include "base/slab.h"
#include "http/chain.h"
#include "http/chunked.h"
#include "http/date.h"
#include "http/head.h"
#include "http/out.h"
#include "http/router.h"
#include "net/listener.h"

struct flare__conn;
struct flare__params;

/* What the configuration came to; the workers share one. */
struct flare__http_options {
    const struct flare_allocator *al;
    const struct flare__router *router; /* NULL: `handler` for everything */
    struct flare_handler handler;
    struct flare_handler outer; /* enters `links`; fn NULL: there are none */
    struct flare__link links[FLARE_MIDDLEWARE_MAX]; /* the server's */
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
};

/* The ledger of a worker; each counts events since start. */
struct flare__http_counters {
    uint64_t accepted;
    uint64_t closed;
    uint64_t requests;  /* heads handed to a handler or to the router */
    uint64_t responses; /* completed, of whatever kind but 100 */
    uint64_t refused;   /* requests that were no HTTP or past a limit */
    uint64_t timeouts;
    uint64_t aborted; /* connections that ended in a reset or error */
    uint64_t shed;    /* accepted and closed at once: no memory or place */
    uint64_t by_class[6]; /* responses, by the first digit of their status */
    uint64_t bytes_in;
    uint64_t bytes_out;
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
    /* Read when first asked for; NULL until then. */
    struct flare__params *query;
    struct flare__params *form;
    struct flare__params *cookies;
};

struct flare_res {
    struct flare__http *http;
    struct flare__conn *conn;
    uint32_t extra_len; /* of http->extra: fields the handler added */
    bool is_answered;
    bool is_head;            /* no body goes out, whatever the handler gave */
    bool is_last;            /* Connection: close */
    bool is_keep_alive_said; /* HTTP/1.0 peers must be told */
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
    char bytes[1024];
};

enum {
    FLARE__HTTP_COMMON_MAX = 512,  /* Server and Date fields */
    FLARE__HTTP_EXTRA_MAX = 16384, /* fields that a handler adds */
    FLARE__HTTP_SERVER_NAME_MAX = 256
};

struct flare__http {
    struct flare_loop *loop;
    const struct flare__http_options *options;
    struct flare__out_pool pool;
    struct flare__slab conns;
    bool is_draining;
    bool is_aborted; /* who is accepted late is not served */
    bool is_full;    /* the listeners wait for a connection to go */
    struct flare__listener *listeners;
    uint32_t listener_count; /* started, whatever became of them */
    uint32_t listeners_open; /* not CLOSED again */
    struct flare__http_counters counters;

    /* The request in hand. */
    struct flare__head head;
    struct flare_req req;
    struct flare_res res;
    char *extra;   /* FLARE__HTTP_EXTRA_MAX, once a handler adds a field */
    char *decoded; /* path parameters, percent-decoded; target_bytes_max */

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
int flare__http_listen(struct flare__http *h, int fd);

/* All listeners wait, or go on. */
void flare__http_pause_listening(struct flare__http *h);
void flare__http_resume_listening(struct flare__http *h);

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

/* No listener and no connection is left.  Only then fini. */
bool flare__http_is_idle(const struct flare__http *h);

/* Server and Date as they are this second. */
struct flare_str flare__http_common(struct flare__http *h);

#endif
