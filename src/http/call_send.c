/* SPDX-License-Identifier: MIT */
/*
 * A request on its way: its head, then its body, as much at a time as the
 * stream has room for.
 *
 * Nothing of a body goes any more once the answer says that it is not wanted
 * (`is_cut`): a final status of 300 and above before the body's end, or the end
 * of the connection.  A 2xx does not say that: it may be an echo.  Either way
 * the connection is used again only if all of it went (FAILURES C11).
 */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/file.h"
#include "tcp/stream.h"

#include <errno.h>
#include <string.h>

/* Bytes that a source may write past the stream's mark, before it is refused;
 * half of what the stream queues by default. */
enum { SEND_QUEUE_MAX = 512 * 1024 };

static bool send_has_body(const flare_call *call)
{
    return call->ask.framing != FLARE__ASK_NO_BODY;
}

/* The last byte has been queued. */
static void send_is_done(flare_call *call)
{
    call->is_sent = true;
    call->sent_ns = call->client->loop->now_ns;
    if (call->phase == FLARE__CALL_SEND)
        flare__call_enter(call, FLARE__CALL_AWAIT);
}

static void send_stop(flare_call *call)
{
    call->is_cut = true;
    call->is_asked = false;
}

/* ---- bytes and files ---- */

/* What of the body comes next; 0: nothing. */
static size_t send_next(const flare_call *call)
{
    uint64_t left = call->body.length - call->sent;

    return left < FLARE__CALL_PIECE ? (size_t)left : FLARE__CALL_PIECE;
}

/* 0; 1: there is no more room for now. */
static int send_bytes(flare_call *call, size_t n)
{
    const struct flare_str piece = {call->body.bytes.ptr + call->sent, n};

    return flare_stream_write(call->conn->stream, piece);
}

static int send_file(flare_call *call, size_t n)
{
    const struct flare_ask_file *file = &call->body.file;
    flare_stream *stream = call->conn->stream;
    char *room;
    int64_t got;
    int rc = flare__stream_reserve(stream, (uint32_t)n, &room);

    if (rc < 0)
        return rc;
    got = flare__file_read(file->fd, room, n, file->offset + call->sent);
    if (got != (int64_t)n) {
        (void)flare__stream_commit(stream, 0);
        return got < 0 ? (int)got : FLARE_E_BODY_LENGTH;
    }
    return flare__stream_commit(stream, (uint32_t)n);
}

static int send_pieces(flare_call *call)
{
    size_t n = send_next(call);
    int rc = 0;

    while (n > 0 && rc == 0) {
        rc = call->body.kind == FLARE__CALL_FILE ? send_file(call, n)
                                                 : send_bytes(call, n);
        if (rc < 0)
            return rc;
        call->sent += n;
        n = send_next(call);
    }
    call->is_full = rc > 0;
    if (n == 0)
        send_is_done(call);
    return 0;
}

/* ---- sources ---- */

int flare_call_write(flare_call *call, struct flare_str bytes)
{
    bool is_chunked = call->ask.framing == FLARE__ASK_CHUNKED;
    size_t size = bytes.len + (is_chunked ? FLARE__CHUNK_LINE_MAX + 2 : 0);
    char *room;
    char *p;
    int rc;

    if (call->is_cut || call->is_ending)
        return FLARE_E_GONE;
    if (!call->is_asked || call->is_finished)
        return FLARE_E_NOT_STARTED;
    if (!is_chunked && bytes.len > call->body.length - call->sent)
        return FLARE_E_RANGE;
    if (bytes.len == 0)
        return call->is_full;
    if (call->is_full &&
        flare_stream_queued(call->conn->stream) > SEND_QUEUE_MAX)
        return FLARE_E_OUTPUT_FULL;
    if (size > UINT32_MAX / 2)
        return FLARE_E_OUTPUT_FULL;
    rc = flare__stream_reserve(call->conn->stream, (uint32_t)size, &room);
    if (rc < 0)
        return rc == -EPIPE ? FLARE_E_GONE : rc;
    p = is_chunked ? flare__chunk_line(room, bytes.len) : room;
    memcpy(p, bytes.ptr, bytes.len);
    p += bytes.len;
    if (is_chunked) {
        *p++ = '\r';
        *p++ = '\n';
    }
    call->sent += bytes.len;
    rc = flare__stream_commit(call->conn->stream, (uint32_t)(p - room));
    call->is_full = rc > 0;
    return rc;
}

static int send_last_chunk(flare_call *call)
{
    char *room;
    int size = flare__ask_end_check(NULL, 0);
    int rc = flare__stream_reserve(call->conn->stream, (uint32_t)size, &room);

    if (rc < 0)
        return rc == -EPIPE ? FLARE_E_GONE : rc;
    flare__ask_end_write(NULL, 0, room);
    (void)flare__stream_commit(call->conn->stream, (uint32_t)size);
    return 0;
}

int flare_call_finish(flare_call *call)
{
    int rc = 0;

    if (call->is_cut || call->is_ending)
        return FLARE_E_GONE;
    if (!call->is_asked || call->is_finished)
        return FLARE_E_NOT_STARTED;
    if (call->ask.framing == FLARE__ASK_CHUNKED)
        rc = send_last_chunk(call);
    else if (call->sent != call->body.length)
        rc = FLARE_E_BODY_LENGTH;
    if (rc < 0) {
        if (rc != FLARE_E_GONE)
            flare__call_fail_later(call, rc, NULL);
        return rc;
    }
    call->is_finished = true;
    send_is_done(call);
    return 0;
}

/* Asks the source until it has no more, or there is no more room. */
static int send_pull(flare_call *call)
{
    const struct flare_ask_source *source = &call->body.source;
    uint64_t before;
    int rc;

    call->is_asked = true;
    do {
        before = call->sent;
        rc = source->pull(call, source->ctx);
        if (rc < 0)
            return rc;
        if (rc == FLARE_LATER) {
            call->is_waiting = true;
            return 0;
        }
        if (call->is_finished || call->is_cut || call->is_ending)
            return 0;
    } while (!call->is_full && call->sent != before);
    if (!call->is_full) { /* nothing this time: others have their turn */
        call->wants_pump = true;
        flare__call_touch(call);
    }
    return 0;
}

/* ---- all of them ---- */

void flare__call_pump(flare_call *call, bool may_ask)
{
    uint64_t before = call->sent;
    int rc = 0;

    if (call->phase == FLARE__CALL_EXPECT || call->is_sent || call->is_cut ||
        call->is_full || call->is_ending || call->conn == NULL ||
        call->conn->state != FLARE__CLIENT_BUSY || !send_has_body(call))
        return;
    if (call->body.kind != FLARE__CALL_SOURCE) {
        rc = send_pieces(call);
    } else if (!may_ask) {
        call->wants_pump = true;
        flare__call_touch(call);
        return;
    } else if (!call->is_waiting) {
        rc = send_pull(call);
    }
    if (rc == -EPIPE || rc == FLARE_E_GONE) {
        send_stop(call); /* the connection's own end says why */
        return;
    }
    if (rc < 0) {
        flare__call_fail_later(call, rc, NULL);
        return;
    }
    if (may_ask && call->sent != before && !call->is_ending)
        flare__call_progress(call);
}

void flare__call_on_drain(flare_call *call)
{
    if (!call->is_full)
        return;
    call->is_full = false;
    flare__call_pump(call, /* may_ask = */ true);
}

void flare__call_go_on(flare_call *call)
{
    if (call->phase != FLARE__CALL_EXPECT)
        return;
    flare__call_enter(call, FLARE__CALL_SEND);
    flare__call_pump(call, /* may_ask = */ true);
}

static unsigned send_reader_flags(const flare_call *call)
{
    unsigned flags = call->ask.upgrade.len > 0 ? FLARE__REPLY_TO_UPGRADE : 0;

    if (flare_str_equal(call->ask.method, FLARE_STR("HEAD")))
        flags |= FLARE__REPLY_TO_HEAD;
    return flags;
}

void flare__call_send(flare_call *call)
{
    struct flare__client_conn *conn = call->conn;
    flare_client *client = call->client;
    char *room;
    int rc =
        flare__stream_reserve(conn->stream, (uint32_t)call->ask_bytes, &room);

    conn->requests++;
    flare__reply_init(&conn->reader, &client->limits, send_reader_flags(call),
                      client->fields);
    if (rc == -EPIPE) { /* it has just ended, which its own end tells */
        flare__call_enter(call, FLARE__CALL_AWAIT);
        return;
    }
    if (rc < 0) {
        flare__call_fail_later(call, rc, NULL);
        return;
    }
    flare__ask_write(&call->ask, room);
    (void)flare__stream_commit(conn->stream, (uint32_t)call->ask_bytes);
    client->counts.requests++;
    if (call->is_paused)
        flare_stream_pause(conn->stream);
    if (!send_has_body(call)) {
        call->is_sent = true;
        call->sent_ns = client->loop->now_ns;
        flare__call_enter(call, FLARE__CALL_AWAIT);
        return;
    }
    flare__call_enter(call, call->ask.has_expect ? FLARE__CALL_EXPECT
                                                 : FLARE__CALL_SEND);
    flare__call_pump(call, /* may_ask = */ false);
}
