/* SPDX-License-Identifier: MIT */
/* See http.h. */
#include "http/http.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/conn.h"
#include "http/conn_input.h"
#include "http/exchange.h"
#include "http/memory.h"
#include "http/sse.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>

/*
 * Connections that the kernel has accepted already when accepting is told to
 * wait are served too; these are the places kept for them, a batch of events.
 */
enum { HTTP_LATE_CONNS = FLARE__LOOP_BATCH };

enum { HTTP_QUIET_MS = 1000 /* between two lines about handshakes */ };

static void http_on_conn(struct flare__listener *l, int fd)
{
    struct flare__http *h = l->owner;

    if (FLARE_UNLIKELY(h->is_aborted)) {
        h->counters.shed++;
        h->loop->ops->discard(h->loop->backend, fd);
        return;
    }
    flare__conn_accept(h, fd, l->is_tls);
}

static void http_on_listener_closed(struct flare__listener *l)
{
    struct flare__http *h = l->owner;

    FLARE_ASSERT(l->state == FLARE__LISTENER_CLOSED);
    h->listeners_open--;
}

static uint32_t http_listeners_max(const struct flare__http_options *options)
{
    return options->listeners_max > 0 ? options->listeners_max : 1;
}

int flare__http_init(struct flare__http *h, struct flare_loop *loop,
                     const struct flare__http_options *options)
{
    *h = (struct flare__http){.loop = loop, .options = options};
    h->worker.http = h;
    h->listeners = flare__calloc(options->al, http_listeners_max(options),
                                 sizeof(struct flare__listener));
    if (h->listeners == NULL)
        return -ENOMEM;
    if (flare__memory_init(h) < 0 || flare__exchange_take(h) < 0) {
        flare__memory_fini(h);
        flare__free(options->al, h->listeners);
        return -ENOMEM;
    }
    flare__out_pool_init(&h->pool, h->options->al);
    flare__slab_init(&h->conns, options->al, sizeof(struct flare__conn),
                     options->connections_max + HTTP_LATE_CONNS);
    return 0;
}

void flare__http_fini(struct flare__http *h)
{
    FLARE_ASSERT(flare__http_is_idle(h));
    flare__slab_fini(&h->conns);
    flare__out_pool_fini(&h->pool);
    flare__exchange_fini(h);
    flare__inbuf_trim(h);
    flare__memory_fini(h);
    flare__free(h->options->al, h->listeners);
}

static bool http_may_accept(const struct flare__http *h)
{
    return !h->is_full && !flare__memory_is(h, FLARE__MEMORY_FULL);
}

int flare__http_listen(struct flare__http *h, int fd, bool is_tls)
{
    struct flare__listener *l = &h->listeners[h->listener_count];
    int rc;

    FLARE_ASSERT(h->listener_count < http_listeners_max(h->options));
    *l = (struct flare__listener){
        .on_conn = http_on_conn,
        .on_closed = http_on_listener_closed,
        .owner = h,
        .is_tls = is_tls,
    };
    rc = flare__listener_open(l, h->loop, fd);
    if (rc < 0)
        return rc;
    h->listener_count++;
    h->listeners_open++;
    if (!http_may_accept(h))
        flare__listener_pause(l);
    return 0;
}

void flare__http_pause_listening(struct flare__http *h)
{
    for (uint32_t i = 0; i < h->listener_count; i++)
        flare__listener_pause(&h->listeners[i]);
}

void flare__http_resume_listening(struct flare__http *h)
{
    for (uint32_t i = 0; i < h->listener_count; i++)
        flare__listener_resume(&h->listeners[i]);
}

void flare__http_update_listening(struct flare__http *h)
{
    if (http_may_accept(h))
        flare__http_resume_listening(h);
    else
        flare__http_pause_listening(h);
}

void flare__http_stop_listening(struct flare__http *h)
{
    for (uint32_t i = 0; i < h->listener_count; i++) {
        struct flare__listener *l = &h->listeners[i];

        if (l->state == FLARE__LISTENER_OPEN ||
            l->state == FLARE__LISTENER_PAUSED)
            flare__listener_close(l);
    }
}

bool flare__http_is_idle(const struct flare__http *h)
{
    return h->conns.live == 0 && h->dead == NULL && h->listeners_open == 0;
}

void flare__http_drain_begin(struct flare__http *h)
{
    struct flare__conn *conn;
    uint32_t cursor = 0;

    h->is_draining = true;
    flare__sse_drain(h);
    while ((conn = flare__slab_next(&h->conns, &cursor)) != NULL)
        if (conn->phase == FLARE__CONN_GUEST)
            conn->guest.kind->ops->drain(&conn->guest);
}

uint64_t flare__http_quiet_ms(const struct flare__conn *conn)
{
    const struct flare__http *h = conn->http;
    uint64_t now_ms = h->loop->now_ms;
    uint64_t since_ms;
    uint32_t wait_ms;

    if (conn->phase > FLARE__CONN_HEAD || conn->in != NULL)
        return 0;
    wait_ms = conn->requests > 0 ? h->options->idle_timeout_ms
                                 : h->options->head_timeout_ms;
    since_ms = conn->read_deadline_ms - wait_ms;
    return since_ms < now_ms ? now_ms - since_ms : 0;
}

void flare__http_drain_quiet(struct flare__http *h, uint32_t quiet_ms)
{
    struct flare__conn *conn;
    uint32_t cursor = 0;

    FLARE_ASSERT(h->is_draining && quiet_ms > 0);
    while ((conn = flare__slab_next(&h->conns, &cursor)) != NULL)
        if (flare__http_quiet_ms(conn) >= quiet_ms)
            flare__conn_drain(conn);
}

void flare__http_drain(struct flare__http *h)
{
    struct flare__conn *conn;
    uint32_t cursor = 0;

    flare__http_drain_begin(h);
    flare__http_stop_listening(h);
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

void flare__http_note_handshake(struct flare__http *h, int error,
                                const struct flare_error *err)
{
    const char *text = err != NULL ? err->text : flare_strerror(error);

    if (h->loop->now_ms < h->handshakes_quiet_ms) {
        h->handshakes_unlogged++;
        return;
    }
    h->handshakes_quiet_ms = h->loop->now_ms + HTTP_QUIET_MS;
    if (h->handshakes_unlogged > 0)
        flare__log(&h->loop->log, FLARE_LOG_INFO, "handshake: %s; and %u more",
                   text, (unsigned)h->handshakes_unlogged);
    else
        flare__log(&h->loop->log, FLARE_LOG_INFO, "handshake: %s", text);
    h->handshakes_unlogged = 0;
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
