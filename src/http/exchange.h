/* SPDX-License-Identifier: MIT */
/*
 * The life of a request and its answer (struct flare__exchange).
 *
 *   in hand    http->x, while its handler runs for the first time
 *   detached   conn->x: the answer, or the rest of a streamed body, is to come
 *   dead       answered or cancelled: whoever is in the middle of a call about
 *              it may still look at it until the turn ends
 *   spare      to be used again
 */
#ifndef FLARE__HTTP_EXCHANGE_H
#define FLARE__HTTP_EXCHANGE_H

#include "base/assert.h"
#include "http/conn.h"

#define FLARE__EXCHANGE_OF(member, ptr)                                        \
    FLARE_CONTAINER_OF(ptr, struct flare__exchange, member)

/* Sees to it that one is in hand.  -ENOMEM. */
int flare__exchange_take(struct flare__http *h);

/* At the end of a worker: frees the one in hand and the spare ones. */
void flare__exchange_fini(struct flare__http *h);

/* Frees the spare ones and what the one in hand, unused now, has kept. */
void flare__exchange_trim(struct flare__http *h);

/* Makes it as new.  What most requests do not touch is not cleared for all. */
void flare__exchange_clear(struct flare__exchange *x);

/* The one in hand starts with the request whose head is in x->head. */
static inline void flare__exchange_begin(struct flare__exchange *x,
                                         struct flare__conn *conn)
{
    if (FLARE_UNLIKELY(x->is_touched || x->req.arena.is_used))
        flare__exchange_clear(x);
    x->res.conn = conn;
    x->res.extra_len = 0;
    x->res.body_bytes = 0;
    x->res.status = 0;
    x->res.state = FLARE__RES_OPEN;
    x->res.is_head = x->head.method_id == FLARE_METHOD_HEAD;
    x->res.is_last = false;
    x->res.is_keep_alive_said = false;
}

/*
 * It leaves with its connection, with copies of what it needs of the bytes
 * received.  -ENOMEM, and it is still in hand.
 */
int flare__exchange_detach(struct flare__exchange *x);

/* Whether anything must be told or freed at the end of one in hand. */
static inline bool flare__exchange_has_end(const struct flare__exchange *x)
{
    return x->res.on_done != NULL || x->later != NULL || x->res.filter != NULL;
}

/*
 * The answer is complete (rc 0), or there will be none: hooks are told, a
 * promise is void.  Once.
 */
void flare__exchange_end(struct flare__exchange *x, int rc);

/* A detached one is given back when the turn has ended. */
void flare__exchange_bury(struct flare__exchange *x);

/*
 * Answers a detached one that is still open with the plain answer of `error`,
 * the connection's last; a body under way is cut with the connection.
 */
void flare__exchange_fail(struct flare__exchange *x, int error);

/* Where a call of the user's may have changed its state: sees to the rest. */
void flare__exchange_settle(struct flare__exchange *x, int rc);

#endif
