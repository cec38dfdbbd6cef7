/* SPDX-License-Identifier: MIT */
/*
 * A connection that leaves HTTP: the one place where http and ws meet.
 *
 * The socket stays where it is, with its output queue, its deadlines and its
 * end (conn.h); another protocol, the guest, takes over what is said on it.  It
 * lives in the room of the connection that requests do not need any more, so
 * that an idle guest takes no memory beside it.
 *
 * What is behind the request's head in the input is the guest's, once.  It may
 * change the bytes it is given.  From its calls the guest does not end the
 * connection; what `turn` returns does.
 */
#ifndef FLARE__HTTP_UPGRADE_H
#define FLARE__HTTP_UPGRADE_H

#include <flare/addr.h>
#include <flare/handler.h>
#include <flare/stats.h>

#include "net/loop.h"
#include "net/out.h"

struct flare__guest;

enum flare__guest_turn {
    FLARE__GUEST_STAYS,
    FLARE__GUEST_LEAVES, /* what is queued is sent, then FIN; input is dropped
                          */
    FLARE__GUEST_BREAKS  /* a reset */
};

struct flare__guest_ops {
    /* Makes itself in a room of FLARE__GUEST_BYTES zeros whose `kind` is set;
     * `offer` is what flare__upgrade was given. */
    void (*start)(struct flare__guest *g, const void *offer);
    void (*input)(struct flare__guest *g, char *bytes, size_t len);
    void (*eof)(struct flare__guest *g); /* the peer sends nothing more */
    /* The time of flare__guest_deadline has come; there is no other now. */
    void (*deadline)(struct flare__guest *g);
    /* Whether more input has a place to go. */
    bool (*wants_input)(const struct flare__guest *g);
    /* The end of a turn in which something happened, before what is queued is
     * sent. */
    enum flare__guest_turn (*turn)(struct flare__guest *g);
    void (*drain)(struct flare__guest *g); /* the server ends */
    /* The last call: the room is taken back, nothing more can be sent. */
    void (*gone)(struct flare__guest *g);
};

/* Where a guest lives that is not inside an HTTP connection of the server. */
struct flare__guest_host {
    struct flare_loop *(*loop)(const struct flare__guest *g);
    const struct flare_allocator *(*allocator)(const struct flare__guest *g);
    struct flare__out *(*out)(const struct flare__guest *g);
    struct flare__out_pool *(*pool)(const struct flare__guest *g);
    void (*flush)(struct flare__guest *g);
    void (*deadline)(struct flare__guest *g, uint32_t in_ms);
    const struct flare_addr *(*peer)(struct flare__guest *g);
};

/* What guests of a kind share; the first member of what theirs know. */
struct flare__guest_kind {
    const struct flare__guest_ops *ops;
    const struct flare__guest_host *host; /* NULL: an HTTP connection */
};

/* The first member of a guest. */
struct flare__guest {
    const struct flare__guest_kind *kind;
};

enum { FLARE__GUEST_BYTES = 32 };

/* ---- of the request ---- */

struct flare__upgrade {
    struct flare_str lines; /* of the head, each with CRLF */
    const struct flare__guest_kind *kind;
    const void *offer; /* copied: `offer_bytes` of it, for `start` */
    size_t offer_bytes;
};

/*
 * Answers with 101 and these lines; the guest starts when the handler has
 * returned.  0; FLARE_E_ALREADY_ANSWERED; FLARE_E_OVERLOADED: no connection is
 * begun now; FLARE_E_NO_BODY: the request has a body, which nobody would read;
 * -ENOMEM; what a hook has said.
 */
FLARE_MUST_USE
int flare__upgrade(struct flare_res *res, const struct flare__upgrade *upgrade);

/* Answers with a refusal, `text` being its sentence.  As flare_res_text. */
FLARE_MUST_USE
int flare__upgrade_refuse(struct flare_res *res, int status,
                          struct flare_str lines, const char *text);

/* Of the worker: guests take their memory there. */
const struct flare_allocator *flare__upgrade_allocator(
    const struct flare_res *res);
struct flare_loop *flare__upgrade_loop(const struct flare_res *res);

/* Where the worker counts what it does; its guests too, by plain additions. */
struct flare_stats *flare__upgrade_counters(const struct flare_res *res);

/* ---- of the connection; not after `gone` ---- */

struct flare_loop *flare__guest_loop(const struct flare__guest *g);
const struct flare_allocator *flare__guest_allocator(
    const struct flare__guest *g);

/* What is to be sent is queued there; flare__guest_flush sends it. */
struct flare__out *flare__guest_out(struct flare__guest *g);
uint32_t flare__guest_queued(const struct flare__guest *g);
struct flare__out_pool *flare__guest_pool(const struct flare__guest *g);

/* At the end of this turn, or of the next if this one ends: `turn`. */
void flare__guest_flush(struct flare__guest *g);

/* Calls `deadline` in so many ms, and not before; FLARE_UNLIMITED: never. */
void flare__guest_deadline(struct flare__guest *g, uint32_t in_ms);

/* The other end; lent with the connection. */
const struct flare_addr *flare__guest_peer(struct flare__guest *g);

#endif
