/* SPDX-License-Identifier: MIT */
/* See upgrade.h. */
#include "http/upgrade.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/conn_input.h"
#include "http/conn_peer.h"
#include "http/exchange.h"
#include "http/memory.h"
#include "http/res.h"

#include <errno.h>
#include <string.h>

/* Room for what is kept until the guest starts, and `upgrade` copied there. */
static struct flare__upgrade *upgrade_keep(struct flare_req *req,
                                           const struct flare__upgrade *upgrade)
{
    struct flare__upgrade *kept =
        flare__arena_alloc(&req->arena, sizeof(*kept) + upgrade->offer_bytes,
                           _Alignof(max_align_t));

    if (kept == NULL)
        return NULL;
    *kept = *upgrade;
    memcpy(kept + 1, upgrade->offer, upgrade->offer_bytes);
    kept->offer = kept + 1;
    return kept;
}

int flare__upgrade(struct flare_res *res, const struct flare__upgrade *upgrade)
{
    struct flare__exchange *x = FLARE__EXCHANGE_OF(res, res);
    struct flare__upgrade *kept;
    int rc;

    flare__res_check_thread(res);
    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    if (res->http->is_draining ||
        flare__memory_is(res->http, FLARE__MEMORY_FULL))
        return FLARE_E_OVERLOADED;
    if (x->is_body_open || x->req.body.len > 0)
        return FLARE_E_NO_BODY;
    kept = upgrade_keep(&x->req, upgrade);
    if (kept == NULL)
        return -ENOMEM;
    rc = flare__res_switch(res, upgrade->lines);
    if (rc < 0)
        return rc;
    x->is_touched = true;
    res->upgrade = kept;
    res->is_last = true; /* of HTTP */
    flare__res_complete(res);
    return 0;
}

int flare__upgrade_refuse(struct flare_res *res, int status,
                          struct flare_str lines, const char *text)
{
    int rc;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    rc = lines.len > 0 ? flare__res_lines(res, lines) : 0;
    return rc < 0 ? rc : flare_res_printf(res, status, "%d %s\n", status, text);
}

const struct flare_allocator *flare__upgrade_allocator(
    const struct flare_res *res)
{
    return res->http->options->al;
}

struct flare_loop *flare__upgrade_loop(const struct flare_res *res)
{
    return res->http->loop;
}

struct flare_stats *flare__upgrade_counters(const struct flare_res *res)
{
    return &res->http->counters;
}

/* ---- the connection ---- */

static struct flare__conn *upgrade_conn(const struct flare__guest *g)
{
    return FLARE_CONTAINER_OF((struct flare__guest *)(uintptr_t)g,
                              struct flare__conn, guest);
}

void flare__conn_switch(struct flare__conn *conn,
                        const struct flare__upgrade *upgrade)
{
    struct flare__inbuf *in = conn->in; /* what waited behind the request */
    const struct flare__guest_ops *ops = upgrade->kind->ops;

    FLARE_ASSERT(conn->x == NULL && conn->file < 0);
    conn->phase = FLARE__CONN_GUEST;
    conn->is_paused = false;
    conn->read_deadline_ms = UINT64_MAX;
    memset(conn->room, 0, sizeof(conn->room));
    conn->guest.kind = upgrade->kind;
    ops->start(&conn->guest, upgrade->offer);
    if (in != NULL)
        ops->input(&conn->guest, in->bytes, in->len);
    flare__inbuf_free(conn->http, in);
    if (conn->is_eof)
        ops->eof(&conn->guest);
    flare__conn_flush(conn);
}

void flare__conn_take_back(struct flare__conn *conn)
{
    conn->guest.kind->ops->gone(&conn->guest);
    memset(conn->room, 0, sizeof(conn->room));
    conn->file = -1;
}

/* Those of another host; the branch goes one way for all that a program has on
 * one side. */
static const struct flare__guest_host *upgrade_host(
    const struct flare__guest *g)
{
    return g->kind->host;
}

struct flare_loop *flare__guest_loop(const struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->loop(g);
    return upgrade_conn(g)->http->loop;
}

const struct flare_allocator *flare__guest_allocator(
    const struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->allocator(g);
    return upgrade_conn(g)->http->options->al;
}

struct flare__out *flare__guest_out(struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->out(g);
    return &upgrade_conn(g)->out;
}

uint32_t flare__guest_queued(const struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->out(g)->bytes;
    return upgrade_conn(g)->out.bytes;
}

struct flare__out_pool *flare__guest_pool(const struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->pool(g);
    return &upgrade_conn(g)->http->pool;
}

void flare__guest_flush(struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        upgrade_host(g)->flush(g);
    else
        flare__conn_flush(upgrade_conn(g));
}

void flare__guest_deadline(struct flare__guest *g, uint32_t in_ms)
{
    struct flare__conn *conn;

    if (upgrade_host(g) != NULL) {
        upgrade_host(g)->deadline(g, in_ms);
        return;
    }
    conn = upgrade_conn(g);
    if (in_ms == FLARE_UNLIMITED)
        conn->read_deadline_ms = UINT64_MAX;
    else
        flare__conn_set_read_deadline(conn, in_ms);
}

const struct flare_addr *flare__guest_peer(struct flare__guest *g)
{
    if (upgrade_host(g) != NULL)
        return upgrade_host(g)->peer(g);
    return flare__conn_peer(upgrade_conn(g));
}
