/* SPDX-License-Identifier: MIT */
/* What the owner of a stream calls. */
#include "tcp/stream.h"

#include "base/assert.h"
#include "base/log.h"
#include "net/sock.h"

#include <errno.h>

/* Whether more may be queued; FLARE_E_OUTPUT_FULL, -EPIPE. */
static int stream_room(const struct flare_stream *s, size_t len)
{
    if (s->is_shut || s->send_rc != 0 || s->phase > FLARE__STREAM_OPEN)
        return -EPIPE;
    return len > s->limits.queue_max - s->out.bytes ? FLARE_E_OUTPUT_FULL : 0;
}

/* Something has been queued: 1 if that is too much. */
static int stream_queued(struct flare_stream *s)
{
    s->has_written = true;
    flare__stream_touch(s);
    if (FLARE_LIKELY(s->out.bytes <= s->limits.queue_high))
        return 0;
    s->is_above = true;
    return 1;
}

/* Whether what is queued now leaves with this turn. */
static bool stream_keeps_pace(const struct flare_stream *s)
{
    return s->phase == FLARE__STREAM_OPEN && !s->is_sending;
}

int flare_stream_write(flare_stream *stream, struct flare_str bytes)
{
    int rc = stream_room(stream, bytes.len);
    struct flare__out_chunk *kept = NULL;

    FLARE_DCHECK(flare__loop_is_owner(stream->loop));
    if (rc == 0 && stream_keeps_pace(stream))
        kept = flare__home_keep(stream->home, bytes);
    if (kept != NULL)
        flare__out_append(&stream->out, kept);
    else if (rc == 0)
        rc = flare__out_copy(&stream->out, &stream->home->pool, bytes);
    return rc < 0 ? rc : stream_queued(stream);
}

int flare_stream_give(flare_stream *stream, struct flare_str bytes,
                      flare_free_fn free_fn, void *ctx)
{
    struct flare__out_chunk *chunk;
    int rc = stream_room(stream, bytes.len);

    FLARE_DCHECK(flare__loop_is_owner(stream->loop));
    if (rc < 0)
        return rc;
    chunk = flare__out_borrow(&stream->home->pool, bytes, free_fn, ctx);
    if (chunk == NULL)
        return -ENOMEM;
    flare__out_append(&stream->out, chunk);
    return stream_queued(stream);
}

int flare__stream_reserve(struct flare_stream *stream, uint32_t size,
                          char **out)
{
    int rc = stream_room(stream, size);
    char *room;

    FLARE_DCHECK(flare__loop_is_owner(stream->loop));
    if (rc < 0)
        return rc;
    room = flare__out_reserve(&stream->out, &stream->home->pool, size);
    if (room == NULL)
        return -ENOMEM;
    *out = room;
    return 0;
}

int flare__stream_commit(struct flare_stream *stream, uint32_t size)
{
    flare__out_commit(&stream->out, size);
    return stream_queued(stream);
}

bool flare__stream_is_quiet(const struct flare_stream *stream)
{
    return stream->phase == FLARE__STREAM_OPEN && !stream->is_sending &&
           stream->out.head == NULL && stream->held.bytes == 0 &&
           !stream->is_paused && !stream->is_stopping && !stream->is_eof &&
           stream->send_rc == 0;
}

void flare__stream_upgrade(struct flare_stream *stream,
                           const struct flare_tcp_options *options,
                           struct flare__wire_start *start)
{
    FLARE_ASSERT(flare__stream_is_quiet(stream));
    FLARE_ASSERT(options->tls_client != NULL);
    start->is_receiving = stream->is_receiving;
    (void)flare__stream_secure(stream, stream->link, options, start);
}

void flare_stream_pause(flare_stream *stream)
{
    if (stream->is_paused)
        return;
    stream->is_paused = true;
    if (stream->send_rc == 0 && stream->phase == FLARE__STREAM_OPEN)
        stream->read_deadline_ms = UINT64_MAX;
    flare__stream_touch(stream);
}

void flare_stream_resume(flare_stream *stream)
{
    if (!stream->is_paused)
        return;
    stream->is_paused = false;
    flare__stream_touch(stream);
}

void flare_stream_shutdown(flare_stream *stream)
{
    if (stream->is_shut || stream->phase == FLARE__STREAM_DEAD)
        return;
    stream->is_shut = true;
    flare__stream_touch(stream);
}

void flare_stream_close(flare_stream *stream)
{
    if (stream->phase < FLARE__STREAM_OPEN)
        flare_stream_abort(stream);
    if (stream->phase != FLARE__STREAM_OPEN)
        return;
    if (stream->send_rc != 0) { /* nothing more can be sent */
        flare__stream_die(stream, stream->send_rc, FLARE__CLOSE_ABORT);
        return;
    }
    stream->phase = FLARE__STREAM_CLOSING;
    stream->is_shut = true;
    stream->is_end_due = false;
    stream->read_deadline_ms = UINT64_MAX;
    flare__stream_touch(stream);
}

void flare_stream_abort(flare_stream *stream)
{
    flare__stream_die(stream, -ECONNABORTED, FLARE__CLOSE_ABORT);
}

size_t flare_stream_queued(const flare_stream *stream)
{
    return stream->out.bytes;
}

struct flare_addr flare_stream_local(const flare_stream *stream)
{
    struct flare_loop *loop = stream->loop;

    if (stream->link == NULL || stream->phase == FLARE__STREAM_DEAD)
        return (struct flare_addr){.kind = FLARE_ADDR_NONE};
    return flare__stream_ask(loop, &stream->link->sock, loop->ops->local);
}

struct flare_addr flare_stream_peer(const flare_stream *stream)
{
    if (stream->link == NULL)
        return (struct flare_addr){.kind = FLARE_ADDR_NONE};
    return stream->peer;
}

flare_loop *flare_stream_loop(const flare_stream *stream)
{
    return stream->loop;
}

void flare_stream_handle(flare_stream *stream,
                         const struct flare_stream_handler *handler, void *ctx)
{
    FLARE_ASSERT(handler != NULL && handler->on_data != NULL);
    stream->handler = handler;
    stream->ctx = ctx;
}

void *flare_stream_ctx(const flare_stream *stream)
{
    return stream->ctx;
}

/* -errno, and fd is as it was but for its options. */
static int adopt_link(struct flare_stream *s, int fd,
                      const struct flare_tcp_options *o)
{
    const struct flare__sock_wishes wishes = flare__tcp_wishes(o);
    struct flare_loop *loop = s->loop;
    struct flare__addr local;
    int rc;

    if (flare__sock_local(fd, &local) < 0) /* the simulated network's */
        local.storage.ss_family = AF_INET;
    rc = flare__sock_apply(loop->ops, loop->backend, fd,
                           local.storage.ss_family, &wishes);
    if (rc == 0)
        rc = flare__stream_attach(s, &s->own, fd);
    if (rc == 0)
        s->peer = flare__stream_ask(loop, &s->own.sock, loop->ops->peer);
    return rc;
}

int flare_stream_adopt(flare_loop *loop, flare_stream **out, int fd,
                       const struct flare_tcp_options *options,
                       struct flare_error *err)
{
    struct flare_tcp_options o;
    struct flare_stream *s;
    int rc = flare__tcp_options_for_loop(&o, options, err);

    if (rc < 0)
        return rc;
    rc = flare__stream_new(&s, loop, &o);
    if (rc == 0) {
        rc = adopt_link(s, fd, &o);
        if (rc < 0)
            flare__stream_undo(s);
    }
    if (rc < 0)
        return flare__error(err, rc, "descriptor %d: %s", fd,
                            flare_strerror(rc));
    (void)flare__stream_secure(s, &s->own, &o,
                               &(struct flare__wire_start){.port = 0});
    *out = s;
    return 0;
}
