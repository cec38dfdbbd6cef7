/* SPDX-License-Identifier: MIT */
/*
 * A client and a scripted server on one loop, on any backend.  The server
 * answers requests in the order in which they come, whatever the connection,
 * with the next line of its script; what it was asked is written down.
 *
 * In the simulated world it is at every address, at ports 80, 8080 and, with
 * TLS, 443, and names are looked up by a resolver that gives every name one
 * address.  On real backends it is at client_rig.address alone.
 */
#ifndef FLARE__TEST_CLIENT_RIG_H
#define FLARE__TEST_CLIENT_RIG_H

#include "backends/sim.h"
#include "http/client.h"
#include "tests/support/fault.h"

enum {
    CLIENT_RIG_SIM,
    CLIENT_RIG_EPOLL,
    CLIENT_RIG_URING,
    CLIENT_RIG_BACKENDS,
    CLIENT_RIG_PEERS = 128,
    CLIENT_RIG_ASKED = 256,
    CLIENT_RIG_CALLS = 64,
    CLIENT_RIG_LISTENERS = 3
};

enum {
    RIG_CLOSE = 1,  /* FIN behind the answer */
    RIG_RESET = 2,  /* RST behind it, once it is sent */
    RIG_EARLY = 4,  /* answers at the end of the head */
    RIG_SILENT = 8, /* no answer; the connection stays */
    RIG_SLOW = 16,  /* a byte each millisecond */
    RIG_GATE = 32,  /* waits until client_rig_open_gate */
    RIG_TUNNEL = 64 /* what follows is relayed to the TLS port */
};

struct rig_line {
    const char *text; /* NULL: the script's end */
    unsigned flags;
    size_t len; /* 0: text is terminated */
};

struct rig_peer {
    struct client_rig *rig;
    flare_stream *stream; /* NULL: gone */
    flare_stream *tunnel; /* of a proxy, to the TLS port; NULL: none */
    char *in;
    size_t len;
    size_t cap;
    const struct rig_line *slow;
    size_t slow_at;
    struct flare__timer timer;
    bool has_early;
    bool is_gated;
    bool is_ended;     /* the client's FIN */
    int rc;            /* of its end */
    unsigned requests; /* of this connection */
    uint16_t port;
};

struct rig_call {
    flare_call *call;
    int done; /* times on_done was called */
    int rc;
    int heads;
    int datas;
    int progresses;
    char *data;
    size_t len;
    flare_reply *reply; /* kept; NULL */
    struct flare_error err;
    struct flare_call_progress progress;
    /* in on_head 'h', on_data 'd', on_progress 'p', on_done 'e' */
    void (*hook)(struct rig_call *c, char where);
    struct client_rig *rig;
    int number; /* for the hook */
};

struct client_rig {
    struct fault *fault; /* NULL: malloc */
    struct flare__sim *world;
    flare_loop *loop;
    flare_client *client;
    flare_listener *listeners[CLIENT_RIG_LISTENERS];
    flare_tls_server *tls_server;
    const struct rig_line *script;
    int lines; /* of it, that were used */
    struct rig_peer peers[CLIENT_RIG_PEERS];
    int peer_count;
    char *asked[CLIENT_RIG_ASKED]; /* terminated */
    size_t asked_len[CLIENT_RIG_ASKED];
    int asked_from[CLIENT_RIG_ASKED]; /* which peer's connection */
    int asked_count;
    struct rig_call calls[CLIENT_RIG_CALLS];
    char address[64]; /* "http://192.0.2.1" */
    /* called when a request is complete, before it is answered */
    void (*on_asked)(struct client_rig *r, int which);
    struct flare_tcp_options server; /* of its streams */
};

extern const struct flare_call_handler rig_collects; /* in the reply */
extern const struct flare_call_handler rig_streams;  /* in rig_call.data */

/*
 * Opens loop, server and client; false, and says so, without the backend.
 * `config` NULL: defaults.
 */
bool client_rig_start(struct client_rig *r, int backend,
                      const struct rig_line *script,
                      const struct flare_client_config *config);
int client_rig_open(struct client_rig *r, int backend,
                    const struct flare__sim_config *world,
                    const struct rig_line *script,
                    const struct flare_client_config *config);

/* Frees the client first; every call has ended once. */
void client_rig_close(struct client_rig *r);

/* Another client on the same loop, in the place of the one there. */
void client_rig_config(struct client_rig *r,
                       const struct flare_client_config *config);

/* A GET of a path of the server, or of an absolute URL. */
struct rig_call *client_rig_get(struct client_rig *r, const char *url);
struct rig_call *client_rig_ask(struct client_rig *r,
                                const struct flare_ask *ask,
                                const struct flare_call_handler *handler);
/* The same, and what flare_call_start has returned. */
int client_rig_try(struct client_rig *r, struct rig_call **out,
                   const struct flare_ask *ask,
                   const struct flare_call_handler *handler);

/* Turns until the call is done; its rc. */
int client_rig_wait(struct client_rig *r, const struct rig_call *call);

/* GET and wait. */
struct rig_call *client_rig_fetch(struct client_rig *r, const char *url);

/* Turns for `ms`. */
void client_rig_run(struct client_rig *r, uint64_t ms);

/* What waits at a gate goes on. */
void client_rig_open_gate(struct client_rig *r);

/* The server's end of a connection: bytes nobody asked for, FIN, RST. */
void client_rig_say(struct client_rig *r, int peer, const char *text);
void client_rig_shut(struct client_rig *r, int peer);
void client_rig_reset(struct client_rig *r, int peer);

/* Connections of the server that are open. */
int client_rig_open_peers(const struct client_rig *r);

/* Whether request `which` has `text` in it. */
bool client_rig_has(const struct client_rig *r, int which, const char *text);

#define RIG_UNTIL(r, condition)                                                \
    for (uint64_t until_ = (r)->loop->now_ms + 400000; !(condition);) {        \
        if ((r)->loop->now_ms >= until_)                                       \
            ck_abort_msg("%s: never: %s", flare_loop_backend((r)->loop),       \
                         #condition);                                          \
        ck_assert_int_eq(flare__loop_turn((r)->loop, (until_ + 1) * 1000000),  \
                         0);                                                   \
    }

#endif
