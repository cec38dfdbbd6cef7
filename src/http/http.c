/* SPDX-License-Identifier: MIT */
/* See http.h. */
#include "http/http.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/conn.h"
#include "http/exchange.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>

/*
 * Connections that the kernel has accepted already when accepting is told to
 * wait are served too; these are the places kept for them, a batch of events.
 */
enum { HTTP_LATE_CONNS = FLARE__LOOP_BATCH };
static void http_on_conn(struct flare__listener *l, int fd)
{
    struct flare__http *h = FLARE_CONTAINER_OF(l, struct flare__http, listener);

    if (FLARE_UNLIKELY(h->is_aborted)) {
        h->counters.shed++;
        h->loop->ops->discard(h->loop->backend, fd);
        return;
    }
    flare__conn_accept(h, fd);
}

static void http_on_listener_closed(struct flare__listener *l)
{
    FLARE_ASSERT(l->state == FLARE__LISTENER_CLOSED);
}

int flare__http_init(struct flare__http *h, struct flare_loop *loop,
                     const struct flare__http_options *options)
{
    *h = (struct flare__http){.loop = loop, .options = options};
    if (flare__exchange_take(h) < 0)
        return -ENOMEM;
    flare__out_pool_init(&h->pool, options->al);
    flare__slab_init(&h->conns, options->al, sizeof(struct flare__conn),
                     options->connections_max + HTTP_LATE_CONNS);
    h->listener.on_conn = http_on_conn;
    h->listener.on_closed = http_on_listener_closed;
    return 0;
}

void flare__http_fini(struct flare__http *h)
{
    FLARE_ASSERT(flare__http_is_idle(h));
    flare__slab_fini(&h->conns);
    flare__out_pool_fini(&h->pool);
    flare__exchange_fini(h);
}

int flare__http_listen(struct flare__http *h, int fd)
{
    return flare__listener_open(&h->listener, h->loop, fd);
}

bool flare__http_is_idle(const struct flare__http *h)
{
    return h->conns.live == 0 && h->dead == NULL && h->listener.state == FLARE__LISTENER_CLOSED;
}

void flare__http_drain(struct flare__http *h)
{
    struct flare__conn *conn;
    uint32_t cursor = 0;

    FLARE_ASSERT(!h->is_draining);
    h->is_draining = true;
    if (h->listener.state != FLARE__LISTENER_CLOSED)
        flare__listener_close(&h->listener);
    while ((conn = flare__slab_next(&h->conns, &cursor)) != NULL)
        flare__conn_drain(conn);
}

void flare__http_abort(struct flare__http *h)
{
    struct flare__conn *conn;
    uint32_t cursor = 0;

    h->is_aborted = true;
    while ((conn = flare__slab_next(&h->conns, &cursor)) != NULL)
        flare__conn_abort(conn);
}

/*
 * Rewritten when a second of the loop's clock has passed since the last time,
 * so that Date is never more than a second behind.
 */
static void http_write_common(struct flare__http *h)
{
    struct flare_str name = h->options->server_name;
    char *p = h->common;

    if (name.len > 0) {
        memcpy(p, "Server: ", 8);
        memcpy(p + 8, name.ptr, name.len);
        p += 8 + name.len;
        memcpy(p, "\r\n", 2);
        p += 2;
    }
    memcpy(p, "Date: ", 6);
    flare__date_write(p + 6, flare__clock_realtime());
    p += 6 + FLARE__DATE_LEN;
    memcpy(p, "\r\n", 2);
    h->common_len = (uint32_t)(p + 2 - h->common);
}

struct flare_str flare__http_common(struct flare__http *h)
{
    uint64_t now_ms = h->loop->now_ms;

    if (FLARE_UNLIKELY(now_ms >= h->common_until_ms)) {
        http_write_common(h);
        h->common_until_ms = now_ms - now_ms % 1000 + 1000;
    }
    return (struct flare_str){h->common, h->common_len};
}
