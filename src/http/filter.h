/* SPDX-License-Identifier: MIT */
/*
 * What stands between a body as it is given and as it is sent: a content
 * coding.  Set by a before_head hook, freed with the answer.
 */
#ifndef FLARE__HTTP_FILTER_H
#define FLARE__HTTP_FILTER_H

#include "http/http.h"

enum flare__filter_how {
    FLARE__FILTER_MORE,  /* may hold back */
    FLARE__FILTER_FLUSH, /* everything so far comes out */
    FLARE__FILTER_END    /* and nothing follows */
};

/* Takes a piece of what comes out; an error ends the feed. */
typedef int (*flare__filter_sink_fn)(void *ctx, struct flare_str bytes);

struct flare__filter {
    const char *coding; /* of Content-Encoding */
    int (*feed)(struct flare__filter *f, struct flare_str in,
                enum flare__filter_how how, flare__filter_sink_fn sink,
                void *ctx);
    void (*free)(struct flare__filter *f);
};

/*
 * In a before_head hook, for a body that goes out and is no file: codes it,
 * and adds Content-Encoding.  Takes `f` on success.  Returns as
 * flare_res_header; FLARE_E_ALREADY_ANSWERED if there is one.
 */
FLARE_MUST_USE
int flare__res_filter(struct flare_res *res, struct flare__filter *f);

/* Takes the coding back, for an answer that comes instead; or nothing. */
void flare__res_unfilter(struct flare_res *res);

/* All of a body, coded, in memory that flare__free gives back. */
FLARE_MUST_USE
int flare__filter_whole(struct flare_res *res, struct flare_str body,
                        struct flare_str *coded);

#endif
