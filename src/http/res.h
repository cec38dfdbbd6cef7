/* SPDX-License-Identifier: MIT */
/* Writing one response into a connection's output (RFC 9112 section 4). */
#ifndef FLARE__HTTP_RES_H
#define FLARE__HTTP_RES_H

#include "base/assert.h"
#include "http/conn.h"

/* A call from another thread is its caller's bug; FAILURES M11. */
static inline void flare__res_check_thread(const struct flare_res *res)
{
    FLARE_DCHECK(flare__loop_is_owner(res->http->loop));
}

/*
 * Adds a field without asking whether it is the library's own; as
 * flare_res_header otherwise.
 */
int flare__res_field(struct flare_res *res, struct flare_str name,
                     struct flare_str value);

/*
 * Adds whole lines of fields that the library wrote, which are not looked at.
 * FLARE_E_HEAD_TOO_LARGE, -ENOMEM.
 */
int flare__res_lines(struct flare_res *res, struct flare_str lines);

/* The same as flare__res_field, whatever the state: a field, or a trailer. */
int flare__res_line(struct flare_res *res, struct flare_str name,
                    struct flare_str value);

/* Checks what an answer is made of, and runs the hooks that are due. */
int flare__res_prepare(struct flare_res *res, int status, struct flare_str type,
                       uint64_t length);

/* Queues the head of a prepared answer whose body will follow.  -ENOMEM. */
int flare__res_queue_head(struct flare_res *res);

/*
 * Queues the whole head of a 101, with those lines behind the fields that were
 * added.  -ENOMEM, or what a hook said: nothing is queued.
 */
int flare__res_switch(struct flare_res *res, struct flare_str lines);

/* The last byte of the answer is queued. */
void flare__res_complete(struct flare_res *res);

/* Gives an open body what there is room for: file, pull, on_drain. */
void flare__res_go_on(struct flare_res *res);

/* Drops the fields added so far. */
void flare__res_reset(struct flare_res *res);

/* The plain answer "404 Not Found\n", which always fits.  -ENOMEM. */
int flare__res_plain(struct flare_res *res, int status);

#endif
