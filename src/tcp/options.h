/* SPDX-License-Identifier: MIT */
/*
 * Options with their defaults in and their ranges checked, and what the parts
 * of the layer need of them.
 */
#ifndef FLARE__TCP_OPTIONS_H
#define FLARE__TCP_OPTIONS_H

#include <flare/tcp.h>

#include "net/sock_option.h"
#include "net/wire.h"

/* What a stream keeps of them. */
struct flare__stream_limits {
    uint32_t read_timeout_ms; /* FLARE_UNLIMITED: none; also the next */
    uint32_t write_timeout_ms;
    uint32_t close_timeout_ms;
    uint32_t queue_max;
    uint32_t queue_high;
    uint32_t queue_low;
};

/*
 * `*out` becomes `in` (NULL: nothing is asked for) with every default in its
 * place.  0, or FLARE_E_BAD_CONFIG and `err` (may be NULL) names the member.
 */
FLARE_MUST_USE
int flare__tcp_options_resolve(struct flare_tcp_options *out,
                               const struct flare_tcp_options *in,
                               struct flare_error *err);

/* That, and a handler with on_data. */
FLARE_MUST_USE
int flare__tcp_options_for_loop(struct flare_tcp_options *out,
                                const struct flare_tcp_options *in,
                                struct flare_error *err);

/* Of options that were resolved. */
struct flare__wire_maker *flare__tcp_maker(
    const struct flare_tcp_options *options); /* NULL: no TLS */
struct flare__stream_limits flare__tcp_limits(
    const struct flare_tcp_options *options);
struct flare__sock_wishes flare__tcp_wishes(
    const struct flare_tcp_options *options);

#endif
