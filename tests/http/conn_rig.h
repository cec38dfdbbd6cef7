/* SPDX-License-Identifier: MIT */
/*
 * One worker's HTTP server and one peer in a calm simulated world: bytes in,
 * virtual time passes, bytes out.
 */
#ifndef FLARE__TEST_CONN_RIG_H
#define FLARE__TEST_CONN_RIG_H

#include "backends/sim.h"
#include "http/config.h"
#include "http/conn.h"
#include "tests/support/fault.h"

enum { RIG_PEERS = 4, RIG_OUTPUT_MAX = 1 << 20 };

struct rig_peer {
    struct flare__sim_peer peer;
    char *got; /* RIG_OUTPUT_MAX and a NUL */
    size_t len;
    bool is_connected;
    bool is_deaf; /* reads nothing */
    bool has_fin;
    bool has_rst;
};

struct rig {
    struct fault fault;
    struct flare__sim *world;
    struct flare_loop *loop;
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__router *router;
    struct flare__http http;
    struct rig_peer peers[RIG_PEERS];
    char log[512]; /* the last line */
};

/* `config` has limits, times, routes or handler, and with `tls` what connects
 * here speaks TLS; the rest is the rig's. */
struct rig *rig_new(const struct flare_server_config *config);

/*
 * As rig_new, with routes of the rig's own: GET / says "hello\n", POST /echo
 * gives the body back, GET /big has 200 000 bytes.  Each counts its calls in
 * `rig_calls`, which starts at 0.
 */
struct rig *rig_with(struct flare_server_config config);
struct rig *rig_default(void);
extern int rig_calls;

/* Drains, and checks that nothing is left. */
void rig_free(struct rig *r);

/* Starts connecting peer `i`; no time passes. */
void rig_dial(struct rig *r, int i);

/* Connects peer `i`. */
void rig_connect(struct rig *r, int i);

/* Sends from peer `i`, waiting for room as long as it takes. */
void rig_send(struct rig *r, int i, const char *bytes, size_t len);
void rig_text(struct rig *r, int i, const char *text);

/* Lets that much virtual time pass. */
void rig_run(struct rig *r, uint64_t ms);

/* Sends `text` on a new connection and returns all that came in 100 ms. */
const char *rig_ask(struct rig *r, const char *text);

/* How often `needle` stands in what peer `i` got. */
int rig_count(const struct rig *r, int i, const char *needle);

/* The statuses peer `i` got, in order: "200 200 400". */
const char *rig_statuses(const struct rig *r, int i);

#endif
