/* SPDX-License-Identifier: MIT */
/*
 * Peers that are no honest clients.  None of them ever ends by itself but the
 * resetter: it is the server that has to get rid of them, in time.
 */
#ifndef FLARE__TEST_SIM_HOSTILE_H
#define FLARE__TEST_SIM_HOSTILE_H

#include "tests/support/sim_response.h"
#include "tests/support/sim_server.h"

enum sim_hostile_kind {
    SIM_IDLER,       /* connects and says nothing */
    SIM_SLOW_HEAD,   /* a byte of a head now and then */
    SIM_SLOW_BODY,   /* a byte of a body now and then */
    SIM_NEVER_READS, /* asks for much and reads nothing */
    SIM_RESETTER,    /* part of a request, then RST */
    SIM_HALF_ASKER,  /* part of a request, then FIN */
    SIM_GARBAGE,     /* bytes from the world */
    SIM_SMUGGLER, /* a row of the table, then a request that must not count */
    SIM_FLOODER,  /* an error, then bytes without end */
    SIM_DEAF,     /* asks for bodies that come in pieces and reads nothing */
    SIM_STALLER,  /* part of a body that is read in pieces, then nothing */
    SIM_DESERTER, /* asks for late answers, then RST in the middle of them */
    SIM_HOSTILE_KINDS
};

struct sim_hostile {
    struct flare__sim_peer peer; /* first: found by its address */
    struct sim_server *server;
    uint32_t conn;
    uint8_t kind;
    bool is_connected, is_over, saw_fin;
    bool is_leaving;    /* the deserter has asked */
    bool closes_on_fin; /* else it stays, whatever the server says */
    uint32_t row;       /* of the smuggler's table */
    uint32_t answers;
    uint64_t interval_ns;
    uint64_t connected_ns, gone_ns; /* the server's FIN or RST; 0: not yet */
    uint32_t out_at, out_len;
    struct sim_response response;
    char out[4096];
};

const char *sim_hostile_name(enum sim_hostile_kind kind);

uint32_t sim_smuggler_rows(void);

/* `row`: of the smuggler's table; others ignore it. */
void sim_hostile_start(struct sim_hostile *h, struct sim_server *s,
                       uint32_t conn, enum sim_hostile_kind kind, uint32_t row,
                       uint64_t time_ns);

/* It leaves, if it is still there. */
void sim_hostile_stop(struct sim_hostile *h);

/* What it must have seen, now that it is over. */
void sim_hostile_check(const struct sim_hostile *h);

#endif
