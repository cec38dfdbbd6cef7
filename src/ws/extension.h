/* SPDX-License-Identifier: MIT */
/*
 * The field Sec-WebSocket-Extensions: its grammar (RFC 6455 section 9.1), and
 * what permessage-deflate's four parameters come to (RFC 7692 section 7.1).
 * Pure: bytes in, a verdict out.
 *
 * The grammar is strict, except that white space may stand around '=' too, as
 * RFC 6455 takes RFC 2616's implied white space along.  Names of extensions and
 * parameters are compared with regard to case, as other implementations do.
 */
#ifndef FLARE__WS_EXTENSION_H
#define FLARE__WS_EXTENSION_H

#include "ws/deflate.h"
#include "ws/field.h"

/* ---- grammar ---- */

struct flare__ws_extension {
    struct flare_str name;
    struct flare_str params; /* for flare__ws_param_next; checked */
};

struct flare__ws_param {
    struct flare_str name;
    struct flare_str value; /* without quotes, its backslashes in place */
    bool has_value;
};

/*
 * Takes the next extension off a line of the field.
 * Returns 1; 0 at the end; FLARE_E_BAD_INPUT if what comes is none, with its
 * parameters: a quoted value has to be a token without its quotes.
 */
FLARE_MUST_USE
int flare__ws_extension_next(struct flare_str *rest,
                             struct flare__ws_extension *extension);

/* Takes the next parameter off an extension's; false: there is none. */
bool flare__ws_param_next(struct flare_str *params,
                          struct flare__ws_param *param);

/* ---- permessage-deflate ---- */

enum { FLARE__WS_WINDOW_BITS_MIN = 8, FLARE__WS_WINDOW_BITS_MAX = 15 };

/*
 * The parameters, under the RFC's names: what one side wishes, or what both
 * have agreed on.
 *
 * A wish for fewer bits is a demand: a peer that cannot be held to it is
 * declined, so that memory stays within what was asked for.
 */
struct flare__ws_deflate_params {
    uint8_t server_max_window_bits; /* 8 to 15, of what the server sends */
    uint8_t client_max_window_bits; /* 8 to 15, of what the client sends */
    bool server_no_context_takeover;
    bool client_no_context_takeover;
    bool has_server_bits; /* agreed: the offer limits the server, so that the
                             answer has to, even if to 15 */
};

/* No parameter says anything. */
#define FLARE__WS_DEFLATE_ANY                                                  \
    ((struct flare__ws_deflate_params){15, 15, false, false, false})

/*
 * A server's part: takes the first offer of permessage-deflate on any line of
 * Sec-WebSocket-Extensions that can be met, by the client's order.  An offer
 * is declined for a parameter that is unknown, repeated or not valid, and
 * where `wish` cannot be had (section 7.1).
 *
 * Returns 1 with `*agreed`; 0 if there is none, or no zlib in this build;
 * FLARE_E_BAD_INPUT if any of the field is not of the grammar.
 */
FLARE_MUST_USE
int flare__ws_deflate_accept(const struct flare__ws_fields *fields,
                             const struct flare__ws_deflate_params *wish,
                             struct flare__ws_deflate_params *agreed);

/*
 * A client's part: judges the server's answer to the one offer that
 * flare__ws_offer_write has made of `wish`; NULL: none was made.
 *
 * Returns 1 with `*agreed`; 0 if the server uses no extension; or
 * FLARE_E_BAD_INPUT with one sentence in `*fault`.
 */
FLARE_MUST_USE
int flare__ws_deflate_confirm(const struct flare__ws_fields *fields,
                              const struct flare__ws_deflate_params *wish,
                              struct flare__ws_deflate_params *agreed,
                              const char **fault);

/*
 * Prepares both directions of one end for what was agreed on, as
 * flare__ws_deflate_init and flare__ws_inflate_init: a server sends by the
 * server's parameters, a client by the client's.
 */
void flare__ws_deflate_prepare(struct flare__ws_deflate *to,
                               struct flare__ws_inflate *from,
                               const struct flare_allocator *al,
                               const struct flare__ws_deflate_params *agreed,
                               bool is_server, uint64_t message_bytes_max);

/* Room for either of the two texts below, with a NUL. */
enum { FLARE__WS_EXTENSION_BYTES_MAX = 160 };

/*
 * Writes the field's value, terminated; returns its length.  An offer always
 * says that the client can be limited; an answer says what was agreed on.
 */
size_t flare__ws_offer_write(char out[FLARE__WS_EXTENSION_BYTES_MAX],
                             const struct flare__ws_deflate_params *wish);
size_t flare__ws_agreed_write(char out[FLARE__WS_EXTENSION_BYTES_MAX],
                              const struct flare__ws_deflate_params *agreed);

#endif
