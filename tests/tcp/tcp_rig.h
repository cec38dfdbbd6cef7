/* SPDX-License-Identifier: MIT */
/*
 * A loop on any backend, a listener on it, and streams whose callbacks write
 * down what happens; both ends of a connection live on the same loop.
 */
#ifndef FLARE__TEST_TCP_RIG_H
#define FLARE__TEST_TCP_RIG_H

#include "backends/sim.h"
#include "tcp/stream.h"
#include "tests/support/fault.h"

enum {
    TCP_RIG_SIM,
    TCP_RIG_EPOLL,
    TCP_RIG_URING,
    TCP_RIG_KQUEUE, /* where there is one, or what plays it */
    TCP_RIG_BACKENDS,
    TCP_RIG_PORT = 80,
    TCP_RIG_ENDS = 16,
    TCP_RIG_KEPT = 8, /* leases that what is written may keep */
    TCP_RIG_BYTES_MAX = 8 << 20
};

enum tcp_end_call {
    TCP_END_OPEN,
    TCP_END_DATA,
    TCP_END_END,
    TCP_END_DRAIN,
    TCP_END_CLOSED
};

struct tcp_end {
    struct tcp_rig *rig;
    flare_stream *stream; /* NULL: not yet, or gone */
    char *got;
    size_t len;
    int opens, datas, ends, drains, closes;
    int rc;
    struct flare_error err;
    bool is_echo;
    /* called in each callback, after it was written down */
    void (*hook)(struct tcp_end *end, enum tcp_end_call what);
    int number; /* for the hook */
};

struct tcp_rig {
    struct fault *fault; /* NULL: malloc */
    struct flare__sim *world;
    flare_loop *loop;
    flare_listener *listener;
    struct flare_addr addr; /* where it listens */
    struct tcp_end ends[TCP_RIG_ENDS];
    int count;    /* ends used */
    int accepted; /* of them; the n-th accepted takes the next free place */
    int refused;  /* accepted, and closed before on_open */
    struct flare_error refused_err;
    struct flare_tcp_options client, server;
    /* of every end that is accepted from now on */
    void (*on_accept)(struct tcp_end *end, enum tcp_end_call what);
    bool is_echo;
    char log[256]; /* the last line */
    int logs;
};

extern const struct flare_stream_handler tcp_rig_handler;
extern const struct flare_stream_handler tcp_rig_no_end; /* on_end is NULL */

/* The name of a backend. */
const char *tcp_rig_name(int backend);

/*
 * Opens loop and listener; -errno, and then nothing is left.  `config` is of
 * the simulated world (NULL: calm).  Options are set between _init and _open.
 */
void tcp_rig_init(struct tcp_rig *r);
int tcp_rig_open(struct tcp_rig *r, int backend,
                 const struct flare__sim_config *config);

/*
 * A build with TCP_RIG_TLS: _init calls this, and the same tests are about
 * streams that speak TLS (tests/tls/stream_rig.c).
 */
void tcp_rig_secure(struct tcp_rig *r);

/* _init and _open with defaults; false, and says so, without the backend. */
bool tcp_rig_start(struct tcp_rig *r, int backend);

/* Ends the loop with what is open on it; every end has been closed once. */
void tcp_rig_close(struct tcp_rig *r);

/* The next place. */
struct tcp_end *tcp_rig_end(struct tcp_rig *r);

/* Starts connecting to the listener.  NULL: refused, `*rc` says why. */
struct tcp_end *tcp_rig_try(struct tcp_rig *r, int *rc);
struct tcp_end *tcp_rig_dial(struct tcp_rig *r);

/* Connects; `*server` is the other end. */
struct tcp_end *tcp_rig_pair(struct tcp_rig *r, struct tcp_end **server);

/* Turns for `ms`; of virtual time where there is such. */
void tcp_rig_run(struct tcp_rig *r, uint64_t ms);

/* Turns until it holds, at most 20 s. */
#define TCP_RIG_UNTIL(r, condition)                                            \
    for (uint64_t until_ = (r)->loop->now_ms + 20000; !(condition);) {         \
        if ((r)->loop->now_ms >= until_)                                       \
            ck_abort_msg("%s: never: %s", flare_loop_backend((r)->loop),       \
                         #condition);                                          \
        ck_assert_int_eq(flare__loop_turn((r)->loop, (until_ + 1) * 1000000),  \
                         0);                                                   \
    }

/* Byte `at` of the stream that tests send. */
static inline char tcp_rig_byte(size_t at)
{
    return (char)(at * 7 + at / 251);
}

/* Writes that stream's bytes `from` to `to`, copied; as flare_stream_write. */
int tcp_rig_write(struct tcp_end *end, size_t from, size_t to);

/* Whether `end` has got that stream from its first byte on. */
bool tcp_rig_is_stream(const struct tcp_end *end);

#endif
