/* SPDX-License-Identifier: MIT */
/*
 * An answer as it comes.  The reader (reply.h) says what it is; here is what
 * becomes of it: a redirect's body is dropped, cookies go to the jar, codings
 * are undone, bytes go to the caller or are collected.
 *
 * While the call is paused nothing is given out.  What has come by then is
 * kept: at most a receive buffer, as the stream is paused too.
 */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "http/list.h"
#include "net/clock.h"
#include "tcp/stream.h"

#include <errno.h>
#include <string.h>

enum { RECV_CODINGS_MAX = 8, NS_PER_MS = 1000000 };

/* Whether the call goes on in this very moment. */
static bool recv_goes_on(const flare_call *call)
{
    return !call->is_ending && call->conn != NULL;
}

/* ---- the head ---- */

static void recv_cookies(flare_call *call, const struct flare__reply_head *head)
{
    flare_cookie_jar *jar = call->client->conf.c.jar;
    const struct flare_cookie_url url = flare__hop_cookie_url(call);
    int64_t now_s = 0;

    for (uint32_t i = 0; jar != NULL && i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];
        const struct flare_str name = {f->name, f->name_len};

        if (!flare_str_equal_nocase(name, FLARE_STR("Set-Cookie")))
            continue;
        if (now_s == 0)
            now_s = flare__clock_realtime();
        if (flare_cookie_jar_store(jar, &url,
                                   (struct flare_str){f->value, f->value_len},
                                   now_s, NULL) == 0)
            call->visits = NULL; /* the same URL may answer otherwise now */
    }
}

static flare_reply *recv_reply_take(flare_client *client)
{
    flare_reply *reply = client->spare_replies;

    if (reply == NULL) {
        reply = flare__calloc(&client->al, 1, sizeof(*reply));
        if (reply != NULL)
            reply->al = client->al;
        return reply;
    }
    client->spare_replies = reply->next;
    client->spare_reply_count--;
    flare__free(&client->al, reply->trailers);
    *reply = (flare_reply){
        .al = client->al,
        .head = {reply->head.ptr, 0, reply->head.cap},
        .trailer = {reply->trailer.ptr, 0, reply->trailer.cap},
        .body = {reply->body.ptr, 0, reply->body.cap},
        .url = {reply->url.ptr, 0, reply->url.cap},
    };
    return reply;
}

/* A body of known length need not grow; a peer's word for it costs no more. */
static int recv_room(flare_call *call, const struct flare__reply_head *head)
{
    uint64_t length = head->content_length;

    if (call->handler->on_data != NULL ||
        call->conn->reader.framing != FLARE__REPLY_BY_LENGTH)
        return 0;
    if (length > call->body_bytes_max)
        return FLARE_E_REPLY_BODY;
    if (length > FLARE__CLIENT_BODY_SPARE)
        length = FLARE__CLIENT_BODY_SPARE;
    return flare__bytes_room(&call->reply->body, &call->client->al,
                             (size_t)length);
}

/* Nanoseconds of the call at `at_ns`, which may lie before it in its first
 * turn: then 1, as 0 says "never". */
static uint64_t recv_since(const flare_call *call, uint64_t at_ns)
{
    return at_ns > call->started_ns ? at_ns - call->started_ns : 1;
}

static void recv_times(flare_call *call)
{
    const struct flare__client_conn *conn = call->conn;
    const flare_stream *stream = conn->stream;
    struct flare_reply_timings *t = &call->reply->timings;

    if (call->begun_ns > call->started_ns)
        t->begun_ns = call->begun_ns - call->started_ns;
    if (conn->requests == 1) {
        if (stream->named_ns != 0 &&
            (conn->is_proxied || call->url.ip.family == FLARE_IP_NONE))
            t->name_ns = recv_since(call, stream->named_ns);
        t->connected_ns = recv_since(call, stream->connected_ns);
        if (conn->has_tls)
            t->tls_ns = recv_since(call, conn->ready_ns);
    }
    if (call->sent_ns != 0)
        t->sent_ns = recv_since(call, call->sent_ns);
    t->first_byte_ns = recv_since(call, call->first_byte_ns);
    call->reply->peer = stream->peer.ip;
    call->reply->peer_port = stream->peer.port;
}

static int recv_reply(flare_call *call, const struct flare__reply_head *head)
{
    const struct flare__client_conn *conn = call->conn;
    flare_reply *r = recv_reply_take(call->client);

    if (r == NULL)
        return -ENOMEM;
    call->reply = r;
    r->status = head->status;
    r->minor = head->minor;
    r->has_tls = conn->has_tls;
    r->tls = conn->tls;
    r->is_reused = conn->requests > 1;
    r->redirects = call->redirects;
    r->length = (head->flags & FLARE__HEAD_HAS_LENGTH) != 0
                    ? head->content_length
                    : FLARE_LENGTH_UNKNOWN;
    recv_times(call);
    r->elapsed_ms = recv_since(call, call->client->loop->now_ns) / NS_PER_MS;
    memcpy(r->method, call->ask.method.ptr, call->ask.method.len);
    r->method[call->ask.method.len] = '\0';
    r->reason = head->reason;
    r->fields = head->fields;
    r->field_count = head->field_count;
    return flare__bytes_add(&r->url, &r->al, call->url_text);
}

static int recv_codings(flare_call *call, const struct flare__reply_head *head)
{
    const struct flare_client_config *c = &call->client->conf.c;
    const struct flare__inflate_limits limits = {
        .bytes_max =
            call->handler->on_data != NULL ? c->decoded_bytes_max : UINT64_MAX,
        .ratio_max = c->decoded_ratio_max,
        .ratio_grace = FLARE__INFLATE_RATIO_GRACE,
    };
    struct flare_str values[RECV_CODINGS_MAX];
    size_t n = 0;

    if (!call->decodes || call->conn->reader.framing == FLARE__REPLY_NO_BODY)
        return 0;
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];

        if (!flare_str_equal_nocase((struct flare_str){f->name, f->name_len},
                                    FLARE_STR("Content-Encoding")))
            continue;
        if (n == RECV_CODINGS_MAX)
            return FLARE_E_CODING_LIMIT;
        values[n++] = (struct flare_str){f->value, f->value_len};
    }
    if (n == 0)
        return 0;
    if (call->client->decoded == NULL)
        call->client->decoded =
            flare__alloc(&call->client->al, FLARE__CLIENT_SCRATCH);
    if (call->client->decoded == NULL)
        return -ENOMEM;
    return flare__decoding_new(&call->decoding, &call->client->al,
                               (struct flare__values){values, n}, &limits);
}

/* The body is not wanted, says a final answer before its end; see call_send.c.
 */
static void recv_cut(flare_call *call, const struct flare__reply_head *head)
{
    if (call->is_sent)
        return;
    if (call->phase == FLARE__CALL_EXPECT || head->status >= 300 ||
        (head->flags & FLARE__HEAD_KEEP_ALIVE) == 0) {
        call->is_cut = true;
        call->is_asked = false;
    }
}

static void recv_fail(flare_call *call, int rc, const struct flare_error *err)
{
    flare__call_fail(call, rc,
                     err != NULL && err->code == rc ? err->text : NULL);
}

/* false: the call is gone. */
static bool recv_head(flare_call *call)
{
    const struct flare__reply_head *head = &call->conn->reader.head;
    struct flare_error err = {.code = 0};
    int rc;

    recv_cookies(call, head);
    recv_cut(call, head);
    flare__call_enter(call, FLARE__CALL_READ);
    rc = flare__call_redirect(call, head, &err);
    if (rc == 1) {
        call->is_drained = true;
        return true;
    }
    if (rc == 0)
        rc = recv_reply(call, head);
    if (rc == 0)
        rc = recv_codings(call, head);
    if (rc == 0 && call->decoding == NULL)
        rc = recv_room(call, head);
    if (rc < 0) {
        recv_fail(call, rc, &err);
        return false;
    }
    call->received_total = call->conn->reader.framing == FLARE__REPLY_BY_LENGTH
                               ? head->content_length
                           : call->conn->reader.framing == FLARE__REPLY_NO_BODY
                               ? 0
                               : FLARE_LENGTH_UNKNOWN;
    if (call->handler->on_head != NULL)
        call->handler->on_head(call, call->reply, call->ctx);
    return true;
}

/* ---- the body ---- */

/* false: the call is gone. */
static bool recv_deliver(flare_call *call, struct flare_str data)
{
    flare_reply *r = call->reply;

    if (call->handler->on_data != NULL) {
        call->handler->on_data(call, data, call->ctx);
        return true;
    }
    if (data.len > call->body_bytes_max - r->body.len) {
        recv_fail(call, FLARE_E_REPLY_BODY, NULL);
        return false;
    }
    if (flare__bytes_add(&r->body, &r->al, data) < 0) {
        recv_fail(call, -ENOMEM, NULL);
        return false;
    }
    return true;
}

/* What is left when it is paused is kept.  false: the call is gone. */
static bool recv_decode(flare_call *call, struct flare_str piece)
{
    char *room = call->client->decoded;
    int n = FLARE__CLIENT_SCRATCH;

    while (n == FLARE__CLIENT_SCRATCH && !call->is_ending) {
        if (call->is_paused) {
            size_t done = call->coded.len - piece.len;

            if (call->coded.len >= piece.len && call->coded.ptr != NULL &&
                piece.ptr == call->coded.ptr + done) {
                memmove(call->coded.ptr, piece.ptr, piece.len);
                call->coded.len = piece.len;
                return true;
            }
            if (flare__bytes_add(&call->coded, &call->client->al, piece) == 0)
                return true;
            recv_fail(call, -ENOMEM, NULL);
            return false;
        }
        n = flare__decoding_feed(call->decoding, &piece, room,
                                 FLARE__CLIENT_SCRATCH);
        if (n < 0) {
            recv_fail(call, n, NULL);
            return false;
        }
        if (n > 0 && !recv_deliver(call, (struct flare_str){room, (size_t)n}))
            return false;
    }
    call->coded.len = 0; /* all of it was taken */
    return true;
}

static bool recv_body(flare_call *call, struct flare_str piece)
{
    call->received += piece.len;
    if (call->is_drained)
        return true;
    if (call->decoding != NULL) {
        if (!recv_decode(call, piece))
            return false;
    } else if (!recv_deliver(call, piece)) {
        return false;
    }
    if (recv_goes_on(call))
        flare__call_progress(call);
    return true;
}

/* ---- the end ---- */

static int recv_trailers(flare_reply *r)
{
    const uint32_t most = FLARE__CLIENT_TRAILERS;
    const struct flare_str text = {r->trailer.ptr, r->trailer.len};
    uint32_t n;

    if (text.len == 0)
        return 0;
    r->trailers = flare__alloc(&r->al, most * sizeof(*r->trailers));
    if (r->trailers == NULL)
        return -ENOMEM;
    n = flare__field_lines(text, r->trailers, most);
    r->trailer_count = n < most ? n : most;
    return 0;
}

/* All of it is there. */
static void recv_done(flare_call *call)
{
    struct flare__client_conn *conn = call->conn;
    int rc = 0;

    if (call->is_drained) {
        flare__call_follow(call, call->is_sent);
        return;
    }
    if (call->decoding != NULL)
        rc = flare__decoding_finish(call->decoding);
    if (rc == 0)
        rc = recv_trailers(call->reply);
    if (rc < 0) {
        recv_fail(call, rc, NULL);
        return;
    }
    call->reply->timings.end_ns = recv_since(call, call->client->loop->now_ns);
    if (call->reply->timings.sent_ns == 0 && call->sent_ns != 0)
        call->reply->timings.sent_ns = recv_since(call, call->sent_ns);
    call->conn = NULL;
    flare__client_conn_release(conn, call->is_sent);
    flare__client_serve(call->client);
    flare__call_finish(call);
}

/* A redirect's body that is too long to be waited for. */
static bool recv_drained_enough(const flare_call *call)
{
    const struct flare__reply *r = &call->conn->reader;

    return call->is_drained && (call->received > FLARE__CLIENT_DRAIN_MAX ||
                                r->framing == FLARE__REPLY_BY_END ||
                                (r->framing == FLARE__REPLY_BY_LENGTH &&
                                 r->left > FLARE__CLIENT_DRAIN_MAX));
}

/* ---- another protocol ---- */

/* Whether the answer names one of those that were asked for, and no other (RFC
 * 9110 section 7.8). */
static bool recv_names_upgrade(const flare_call *call)
{
    const struct flare_str chosen = flare_reply_header(call->reply, "Upgrade");
    struct flare_str rest = call->ask.upgrade;
    struct flare_str one;

    while (flare__list_next(&rest, FLARE__QUOTED_STRING, &one))
        if (flare_str_equal_nocase(one, chosen))
            return true;
    return false;
}

static void recv_on_nobodys_data(flare_stream *stream, struct flare_str data,
                                 void *ctx)
{
    (void)stream, (void)data, (void)ctx;
}

/* Of a stream that on_upgrade has not taken. */
static const struct flare_stream_handler recv_nobody = {
    .on_data = recv_on_nobodys_data};

/*
 * The 101 has come, and `early` behind it: the connection leaves the client,
 * its stream is given away.  The call is gone, or will be.
 */
static void recv_upgrade(flare_call *call, struct flare_str early)
{
    struct flare__client_conn *conn = call->conn;
    flare_client *client = call->client;
    flare_stream *stream = conn->stream;
    char *kept = conn->in.ptr; /* `early` may lie there */

    if (flare__reply_settle(call->reply) < 0) {
        recv_fail(call, -ENOMEM, NULL);
        return;
    }
    conn->in = (struct flare__bytes){.ptr = NULL};
    conn->call = NULL;
    call->conn = NULL;
    flare__client_conn_leave(conn);
    flare_stream_handle(stream, &recv_nobody, NULL);
    call->handler->on_upgrade(call, call->reply, stream, early, call->ctx);
    if (stream->handler == &recv_nobody)
        flare_stream_close(stream);
    flare__free(&client->al, kept);
    if (!call->is_ending) /* else its end is on the way already */
        flare__call_finish(call);
}

/* false: the call is gone. */
static bool recv_switch(flare_call *call)
{
    int rc;

    recv_cookies(call, &call->conn->reader.head);
    rc = recv_reply(call, &call->conn->reader.head);
    if (rc == 0 && !recv_names_upgrade(call))
        rc = FLARE_E_REPLY_UPGRADE;
    if (rc < 0)
        recv_fail(call, rc, NULL);
    return rc == 0;
}

/* ---- the bytes ---- */

/* What is left is kept.  The head lies in bytes that go.  Nothing of the call
 * is touched if it is gone. */
static void recv_keep(flare_call *call, struct flare_str rest)
{
    struct flare__client_conn *conn = call->conn;

    if (call->reply != NULL && flare__reply_settle(call->reply) < 0) {
        recv_fail(call, -ENOMEM, NULL);
        return;
    }
    if (conn->in.len > 0) { /* `rest` is its end */
        memmove(conn->in.ptr, conn->in.ptr + conn->in.len - rest.len, rest.len);
        conn->in.len = rest.len;
    } else if (rest.len > 0) {
        (void)flare__client_conn_keep(conn, rest);
    }
}

/* Another round: one event of the reader's.  false: the call is gone. */
static bool recv_event(flare_call *call, int event, struct flare_str data)
{
    switch (event) {
    case FLARE__REPLY_INTERIM:
        if (call->conn->reader.head.status == 100)
            flare__call_go_on(call);
        return true;
    case FLARE__REPLY_HEAD:
        return call->conn->reader.framing == FLARE__REPLY_NO_END
                   ? recv_switch(call)
                   : recv_head(call);
    case FLARE__REPLY_BODY:
        return recv_body(call, data);
    case FLARE__REPLY_TRAILER:
        if (call->is_drained)
            return true;
        if (flare__bytes_add(&call->reply->trailer, &call->client->al, data) ==
            0)
            return true;
        recv_fail(call, -ENOMEM, NULL);
        return false;
    default:
        recv_fail(call, event < 0 ? event : FLARE_E_REPLY_UPGRADE, NULL);
        return false;
    }
}

static void recv_feed(flare_call *call, struct flare_str in)
{
    struct flare_str data = {NULL, 0};
    int event;

    while (recv_goes_on(call) && !call->is_paused) {
        event = flare__reply_feed(&call->conn->reader, &in, &data);
        if (event == FLARE__REPLY_MORE)
            break;
        if (event == FLARE__REPLY_DONE) {
            recv_done(call);
            return;
        }
        if (event == FLARE__REPLY_TUNNEL) {
            recv_upgrade(call, in);
            return;
        }
        if (!recv_event(call, event, data))
            return;
        if (recv_goes_on(call) && recv_drained_enough(call)) {
            flare__call_follow(call, /* is_whole = */ false);
            return;
        }
    }
    if (!call->is_ending)
        recv_keep(call, in);
    else if (call->reply != NULL && flare__reply_settle(call->reply) < 0)
        flare__reply_forget(call->reply); /* its end is still to be told */
}

void flare__call_input(flare_call *call, struct flare_str in)
{
    struct flare__client_conn *conn = call->conn;

    if (call->is_ending)
        return;
    if (call->first_byte_ns == 0)
        call->first_byte_ns = call->client->loop->now_ns;
    if (call->phase == FLARE__CALL_READ && !call->is_paused)
        flare__call_enter(call, FLARE__CALL_READ);
    if (conn->in.len > 0 || call->is_paused) {
        if (!flare__client_conn_keep(conn, in))
            return;
        in = (struct flare_str){conn->in.ptr, conn->in.len};
    }
    if (!call->is_paused)
        recv_feed(call, in);
}

void flare__call_resume_input(flare_call *call)
{
    struct flare__client_conn *conn = call->conn;
    struct flare_str piece = {call->coded.ptr, call->coded.len};

    if (call->is_paused || conn == NULL || conn->state != FLARE__CLIENT_BUSY)
        return;
    if (call->phase == FLARE__CALL_READ || call->phase == FLARE__CALL_AWAIT)
        flare__call_enter(call, (enum flare__call_phase)call->phase);
    if (call->decoding != NULL && call->phase == FLARE__CALL_READ) {
        if (!recv_decode(call, piece))
            return;
        if (!recv_goes_on(call) || call->is_paused)
            return;
    }
    flare_stream_resume(conn->stream);
    /* of nothing, too: it may have been paused at the last byte */
    recv_feed(call, (struct flare_str){conn->in.ptr, conn->in.len});
}

void flare__call_on_eof(flare_call *call, bool is_clean)
{
    int rc = flare__reply_eof(&call->conn->reader, is_clean);

    if (call->is_ending)
        return;
    if (rc == FLARE__REPLY_DONE) {
        recv_done(call);
        return;
    }
    if (rc == FLARE_E_REPLY_NONE && flare__call_retry(call))
        return;
    recv_fail(call, rc < 0 ? rc : FLARE_E_REPLY_SHORT, NULL);
}
