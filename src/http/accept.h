/* SPDX-License-Identifier: MIT */
/*
 * What a client would rather have: Accept-Encoding (RFC 9110 section 12.5.3)
 * against the codings a server can give, Accept (12.5.1) against media types.
 * An element that is not of the grammar is left out, as if it had not come.
 */
#ifndef FLARE__HTTP_ACCEPT_H
#define FLARE__HTTP_ACCEPT_H

#include "http/list.h"

enum flare__coding {
    FLARE__CODING_IDENTITY,
    FLARE__CODING_GZIP,
    FLARE__CODING_DEFLATE,
    FLARE__CODING_BR, /* for files compressed before; no encoder here */
    FLARE__CODING_COUNT,
    FLARE__CODING_NONE = -1 /* none that both sides have: a 415 or 406 */
};

/* "gzip"; "" for identity, which is never named in Content-Encoding. */
struct flare_str flare__coding_name(enum flare__coding coding);

/* By its name in any case, "x-gzip" too; NONE: not one of the above. */
enum flare__coding flare__coding_find(struct flare_str name);

/*
 * The coding of a body by its Content-Encoding: IDENTITY without the field or
 * with nothing in it; NONE for one that is not known, and for more than one,
 * "gzip, gzip" first of all (U11).
 */
enum flare__coding flare__coding_of(struct flare__values content_encoding);

/*
 * Chooses among `offered`, most liked first, by the client's weights; where
 * they are equal, by the order of `offered`.  Identity is always on offer,
 * last if not named.
 *
 * Without the field: identity, though any would be allowed.  Identity that
 * the field does not mention comes after all that it does.  A coding that is
 * mentioned more than once has its lowest weight: a refusal stands.
 * NONE only if the client refuses identity too ("identity;q=0", "*;q=0").
 */
enum flare__coding flare__accept_coding(struct flare__values accept_encoding,
                                        const enum flare__coding *offered,
                                        size_t count);

/*
 * The weight of media type `type` ("text/html"), 0 to 1000: that of the most
 * specific range that matches it (text/html, text/x, then both stars); 1000
 * without the field.  Ranges with parameters other than q match nothing here.
 */
unsigned flare__accept_weight(struct flare__values accept,
                              struct flare_str type);

/* Whether JSON is liked better than HTML: what curl and browsers send is no. */
bool flare__accept_prefers_json(struct flare__values accept);

#endif
