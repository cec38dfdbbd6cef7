/* SPDX-License-Identifier: MIT */
/*
 * How a stream comes to be connected: the name is looked up, the race of its
 * addresses is run with real sockets, the winner's becomes the stream's.
 *
 * It ends with flare__stream_open, or with the stream's death, never from
 * inside the call that began it.
 */
#ifndef FLARE__TCP_CONNECT_H
#define FLARE__TCP_CONNECT_H

#include "tcp/race.h"
#include "tcp/stream.h"

struct flare__connect {
    struct flare_stream *stream;
    flare_dns_query *query; /* under way; NULL: answered, or none */
    struct flare__race race;
    struct flare_addr addr; /* the only one; NONE: a host's are in ips */
    struct flare_ip ips[FLARE__RACE_MAX];
    uint16_t port;
    struct flare__link *links[FLARE__RACE_MAX]; /* of attempts that run */
    struct flare_tcp_options options;
    struct flare_addr bind; /* options.bind is its address, or NULL */
    uint64_t deadline_ms;
    struct flare_error err; /* what the resolver said; code 0: nothing */
    uint32_t failed;        /* the attempt whose error is told */
    bool has_race;
    char host[FLARE_DNS_HOST_MAX + 2]; /* "": there is none; a dot may end it */
};

/* The connect of one of its attempts has ended. */
void flare__connect_on_result(struct flare__connect *connect,
                              struct flare__link *link, int res);

/* Ends the query and every attempt but `winner` (NULL: every one). */
void flare__connect_cut(struct flare__connect *connect,
                        const struct flare__link *winner);

/* The sentence for `rc`, which is to name host and address. */
void flare__connect_explain(const struct flare__connect *connect, int rc,
                            struct flare_error *err);

/* No attempt runs.  Accepts NULL. */
void flare__connect_free(struct flare__connect *connect);

#endif
