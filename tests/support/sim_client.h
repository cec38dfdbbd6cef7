/* SPDX-License-Identifier: MIT */
/*
 * An honest client in the simulated world: it sends well-formed requests and
 * checks that every answer is the right one, in order, byte for byte.
 */
#ifndef FLARE__TEST_SIM_CLIENT_H
#define FLARE__TEST_SIM_CLIENT_H

#include "tests/support/sim_response.h"
#include "tests/support/sim_server.h"

enum sim_request_kind {
    SIM_GET_SMALL,
    SIM_HEAD_SMALL,
    SIM_GET_BIG,
    SIM_HEAD_BIG,
    SIM_POST_ECHO,
    SIM_POST_HASH,
    SIM_GET_ERROR,
    SIM_GET_FORGET,
    SIM_GET_TWICE,
    SIM_GET_NONE,
    SIM_GET_LONG,
    SIM_GET_USER,
    SIM_GET_MISSING,
    SIM_DELETE_SMALL, /* 405 */
    SIM_OPTIONS_ALL,
    /* of sim_jobs.c */
    SIM_GET_LATER,
    SIM_GET_AGAIN,   /* promises again */
    SIM_GET_DROPPED, /* 503, and the connection ends */
    SIM_GET_NEVER,   /* the same, when the time for it ends */
    SIM_GET_TIMER,
    SIM_GET_WRITES,
    SIM_HEAD_WRITES,
    SIM_GET_OLD,    /* by HTTP/1.0: until the connection ends */
    SIM_GET_BROKEN, /* cut in the middle */
    SIM_GET_PULL,
    SIM_GET_PULL_LATER,
    SIM_GET_FILE,
    SIM_HEAD_FILE,
    SIM_POST_TAKE,
    SIM_POST_EARLY,     /* answered before its body */
    SIM_POST_GIVING_UP, /* 409, and the connection ends */
    SIM_POST_FLOW,      /* echoed as it comes */
    SIM_POST_WHOLE,
    SIM_REQUEST_KINDS
};

struct sim_request {
    uint8_t kind;
    bool is_chunked;
    bool is_expecting; /* Expect: 100-continue, and waits for it */
    bool is_last;      /* Connection: close */
    uint32_t body_len;
};

enum sim_client_end {
    SIM_CLIENT_CLOSES,      /* when all is answered */
    SIM_CLIENT_HALF_CLOSES, /* after the last request, then waits for FIN */
    SIM_CLIENT_SAYS_CLOSE,  /* Connection: close on the last; the same */
    SIM_CLIENT_STAYS        /* idle, until the server says FIN */
};

enum sim_client_result {
    SIM_CLIENT_RUNS,
    SIM_CLIENT_DONE,   /* everything was answered */
    SIM_CLIENT_CUT,    /* the connection ended before; perhaps excused */
    SIM_CLIENT_REFUSED /* there was none */
};

enum { SIM_CLIENT_OUT = 48 * 1024 };

struct sim_client {
    struct flare__sim_peer peer; /* first: found by its address */
    struct sim_server *server;
    uint32_t conn; /* its number: 0 to SIM_CONNS_MAX - 1 */
    struct sim_request requests[SIM_REQUESTS_MAX];
    uint32_t count;
    bool is_pipelining; /* does not wait for answers */
    bool is_slow;       /* reads a little now and then */
    uint8_t end;        /* enum sim_client_end */
    uint8_t result;     /* enum sim_client_result */

    bool is_connected, is_shut, saw_fin, saw_last;
    bool waits_for_100;
    bool lost_patience; /* with a 100 that did not come */
    uint32_t written;   /* requests put into `out` */
    uint32_t answered;
    uint32_t told_to_go_on; /* the last request that got a 100, from 1 */
    int last_status;
    uint64_t started_ns, done_ns;
    uint64_t sum; /* of the request body in hand, for /hash */
    struct sim_response response;
    uint32_t text_len;
    char text[64];                      /* a short body so far */
    uint32_t out_at, out_len, out_hold; /* `hold`: the head ends there */
    char out[SIM_CLIENT_OUT];
};

/* Draws requests and manners; the number of requests, 0: drawn too. */
void sim_client_draw(struct sim_client *c, struct sim_server *s, uint32_t conn,
                     uint32_t count);

/* Whether nothing can follow a request of that kind. */
bool sim_client_is_ending(enum sim_request_kind kind);

/* Whether the connection may have been cut because of its last request. */
bool sim_client_may_be_cut(const struct sim_client *c);

/* Whether the answer it waits for may be its connection's last. */
bool sim_client_may_end(const struct sim_client *c);

/* The same with nothing drawn: add requests, then start. */
void sim_client_init(struct sim_client *c, struct sim_server *s, uint32_t conn);
void sim_client_add(struct sim_client *c, enum sim_request_kind kind,
                    uint32_t body_len);

/* It connects at that time. */
void sim_client_start(struct sim_client *c, uint64_t time_ns);

/* Ends it wherever it is. */
void sim_client_stop(struct sim_client *c);

#endif
