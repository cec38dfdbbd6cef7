/* SPDX-License-Identifier: MIT */
/* See client.h: a call's life. */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "tcp/stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CALL_TIME_MAX = 86400000, CALL_NS_PER_MS = 1000000 };

/* ---- memory ---- */

static flare_call *call_take(flare_client *client)
{
    flare_call *call = client->spare_calls;
    struct flare__arena texts;
    struct flare__bytes coded;

    if (call == NULL) {
        call = flare__calloc(&client->al, 1, sizeof(*call));
        if (call == NULL)
            return NULL;
        flare__arena_init(&call->texts, &client->al, FLARE__CALL_TEXTS,
                          FLARE__CALL_TEXTS_MAX);
    } else {
        client->spare_calls = call->next;
        client->spare_call_count--;
    }
    texts = call->texts;
    coded = call->coded;
    *call = (flare_call){.client = client, .texts = texts, .coded = coded};
    call->next = client->calls;
    call->link = &client->calls;
    if (call->next != NULL)
        call->next->link = &call->next;
    client->calls = call;
    return call;
}

static void call_give_reply(flare_client *client, flare_reply *reply)
{
    if (reply == NULL || reply->is_kept)
        return;
    if (client->spare_reply_count >= FLARE__CLIENT_SPARE_MAX ||
        reply->body.cap > FLARE__CLIENT_BODY_SPARE) {
        flare__reply_release(reply);
        return;
    }
    reply->next = client->spare_replies;
    client->spare_replies = reply;
    client->spare_reply_count++;
}

static void call_give(flare_call *call)
{
    flare_client *client = call->client;

    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    flare__loop_task_cancel(client->loop, &call->task);
    flare__decoding_free(call->decoding);
    call_give_reply(client, call->reply);
    call->coded.len = 0;
    if (call->coded.cap > FLARE__CLIENT_KEEP) {
        flare__free(&client->al, call->coded.ptr);
        call->coded = (struct flare__bytes){.ptr = NULL};
    }
    if (client->spare_call_count >= FLARE__CLIENT_SPARE_MAX) {
        flare__arena_fini(&call->texts);
        flare__free(&client->al, call->coded.ptr);
        flare__free(&client->al, call);
        return;
    }
    flare__arena_reset(&call->texts);
    call->next = client->spare_calls;
    client->spare_calls = call;
    client->spare_call_count++;
}

/* ---- what was asked ---- */

static int call_time(uint32_t *out, uint32_t own, uint32_t standard,
                     const char *name, struct flare_error *err)
{
    *out = own != 0 ? own : standard;
    if (own <= CALL_TIME_MAX)
        return 0;
    return flare__error(err, FLARE_E_RANGE, "%s: %u is over %d", name, own,
                        CALL_TIME_MAX);
}

static int call_times(flare_call *call, const struct flare_ask *ask,
                      struct flare_error *err)
{
    const struct flare_client_config *c = &call->client->conf.c;
    uint32_t total = ask->total_timeout_ms;
    int rc = call_time(&call->connect_timeout_ms, ask->connect_timeout_ms,
                       c->connect_timeout_ms, "connect_timeout_ms", err);

    if (rc == 0)
        rc = call_time(&call->first_byte_timeout_ms, ask->first_byte_timeout_ms,
                       c->first_byte_timeout_ms, "first_byte_timeout_ms", err);
    if (rc == 0)
        rc = call_time(
            &call->between_bytes_timeout_ms, ask->between_bytes_timeout_ms,
            c->between_bytes_timeout_ms, "between_bytes_timeout_ms", err);
    if (rc == 0 && total != FLARE_UNLIMITED)
        rc = call_time(&total, ask->total_timeout_ms, c->total_timeout_ms,
                       "total_timeout_ms", err);
    if (rc < 0)
        return rc;
    call->body_bytes_max =
        ask->body_bytes_max != 0 ? ask->body_bytes_max : c->body_bytes_max;
    if (call->body_bytes_max > INT32_MAX)
        return flare__error(err, FLARE_E_RANGE,
                            "body_bytes_max: over 2^31 - 1");
    call->started_ns = call->begun_ns = flare__client_now_ns(call->client);
    call->total_ms = total == FLARE_UNLIMITED
                         ? UINT64_MAX
                         : call->started_ns / CALL_NS_PER_MS + total;
    return 0;
}

static int call_body(flare_call *call, const struct flare_ask *ask,
                     struct flare_error *err)
{
    struct flare__call_body *b = &call->body;
    bool has_bytes = ask->has_body || ask->body.len > 0;

    if (has_bytes + (ask->file != NULL) + (ask->source != NULL) > 1)
        return flare__error(err, FLARE_E_RANGE, "more than one body");
    if (has_bytes) {
        b->kind = FLARE__CALL_BYTES;
        b->bytes = ask->body;
        b->length = ask->body.len;
    } else if (ask->file != NULL) {
        b->kind = FLARE__CALL_FILE;
        b->file = *ask->file;
        b->length = ask->file->length;
    } else if (ask->source != NULL) {
        b->kind = FLARE__CALL_SOURCE;
        b->source = *ask->source;
        b->length = ask->source->length;
    }
    call->expects = ask->expect_continue && b->kind != FLARE__CALL_NO_BODY;
    return 0;
}

static int call_upgrade(flare_call *call, const struct flare_ask *ask,
                        struct flare_error *err)
{
    if (ask->upgrade.len == 0)
        return 0;
    if (call->handler->on_upgrade == NULL || call->client->is_private ||
        call->body.kind != FLARE__CALL_NO_BODY)
        return flare__error(err, FLARE_E_RANGE,
                            "upgrade: without on_upgrade, on a client without "
                            "a loop of yours, or with a body");
    call->ask.upgrade = ask->upgrade;
    call->ask.upgrade.ptr = flare__arena_copy(&call->texts, ask->upgrade);
    if (call->ask.upgrade.ptr == NULL)
        return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
    return 0;
}

static bool call_has_field(const flare_call *call, struct flare_str name)
{
    for (size_t i = 0; i < call->field_count; i++)
        if (flare_str_equal_nocase(call->fields[i].name, name))
            return true;
    return false;
}

static int call_method(flare_call *call, const struct flare_ask *ask,
                       struct flare_error *err)
{
    const char *name = ask->method_name != NULL
                           ? ask->method_name
                           : flare_method_name(ask->method);
    const struct flare_str text = flare_str(name);

    if (text.len == 0 || text.len > 32 ||
        flare_str_equal(text, FLARE_STR("CONNECT")))
        return flare__error(err, FLARE_E_BAD_METHOD, "%s",
                            flare_strerror(FLARE_E_BAD_METHOD));
    call->ask.method = text;
    call->ask.method.ptr = flare__arena_copy(&call->texts, text);
    if (call->ask.method.ptr == NULL)
        return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
    return 0;
}

/* Copies what is the caller's. */
static int call_copy(flare_call *call, const struct flare_ask *ask)
{
    struct flare__arena *texts = &call->texts;
    int rc = flare__client_fields(&call->fields, &call->field_count, texts,
                                  ask->headers);

    if (rc == 0)
        rc = flare__client_auth(&call->auth, texts, ask->user, ask->password,
                                ask->bearer);
    if (rc == 0 && ask->content_type.len > 0) {
        call->content_type = ask->content_type;
        call->content_type.ptr = flare__arena_copy(texts, ask->content_type);
        if (call->content_type.ptr == NULL)
            rc = -ENOMEM;
    }
    call->no_redirects = ask->no_redirects;
    /* of a range, or of codings the caller has asked for, it is the caller who
     * knows what comes */
    call->decodes = !ask->raw && !call->client->conf.c.no_decoding &&
                    !call_has_field(call, FLARE_STR("Accept-Encoding")) &&
                    !call_has_field(call, FLARE_STR("Range"));
    return rc;
}

static int call_fill(flare_call *call, const struct flare_ask *ask,
                     struct flare_error *err)
{
    int rc = call_times(call, ask, err);

    if (rc == 0)
        rc = call_body(call, ask, err);
    if (rc == 0)
        rc = call_upgrade(call, ask, err);
    if (rc == 0)
        rc = call_method(call, ask, err);
    if (rc < 0)
        return rc;
    rc = call_copy(call, ask);
    if (rc < 0)
        return flare__error(err, rc, "headers: %s", flare_strerror(rc));
    rc = flare__hop_url(call, ask, err);
    if (rc == 0)
        rc = flare__hop_compose(call, err);
    return rc;
}

int flare_call_start(flare_client *client, flare_call **out,
                     const struct flare_ask *ask,
                     const struct flare_call_handler *handler, void *ctx,
                     struct flare_error *err)
{
    flare_call *call;
    int rc;

    FLARE_ASSERT(handler != NULL && handler->on_done != NULL);
    FLARE_DCHECK(flare__loop_is_owner(client->loop));
    if (client->is_ended || client->loop->is_ending)
        return flare__error(err, FLARE_E_STOPPED, "%s",
                            flare_strerror(FLARE_E_STOPPED));
    call = call_take(client);
    if (call == NULL)
        return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
    call->handler = handler;
    call->ctx = ctx;
    rc = call_fill(call, ask, err);
    if (rc == 0)
        rc = flare__client_place(client, call, err);
    if (rc < 0) {
        call_give(call);
        return rc;
    }
    if (out != NULL)
        *out = call;
    return 0;
}

/* ---- deadlines ---- */

uint64_t flare__call_after(const flare_call *call, uint32_t ms)
{
    uint64_t at_ms = call->client->loop->now_ms + ms;

    return at_ms < call->total_ms ? at_ms : call->total_ms;
}

static void call_on_timer(struct flare__timer *timer)
{
    flare_call *call = FLARE_CONTAINER_OF(timer, flare_call, timer);

    flare__call_fail(call, FLARE_E_TIMEOUT_TOTAL,
                     "no place for a connection has become free");
}

void flare__call_enter(flare_call *call, enum flare__call_phase phase)
{
    struct flare__client_conn *c = call->conn;
    uint64_t now_ms;

    call->phase = (uint8_t)phase;
    switch (phase) {
    case FLARE__CALL_NONE:
        break;
    case FLARE__CALL_WAIT:
        if (call->total_ms != UINT64_MAX)
            flare__wheel_start(&call->client->loop->wheel, &call->timer,
                               call->total_ms, call_on_timer);
        break;
    case FLARE__CALL_CONNECT:
        now_ms = flare__client_now_ms(call->client);
        c->connect_ms = now_ms + call->connect_timeout_ms;
        flare__client_conn_expect(
            c, c->connect_ms < call->total_ms ? c->connect_ms : call->total_ms);
        break;
    case FLARE__CALL_EXPECT:
        flare__client_conn_expect(
            c, flare__call_after(call, FLARE__CALL_EXPECT_MS));
        break;
    case FLARE__CALL_SEND:
        flare__client_conn_expect(c, call->total_ms);
        break;
    case FLARE__CALL_AWAIT:
        flare__client_conn_expect(
            c, flare__call_after(call, call->first_byte_timeout_ms));
        break;
    case FLARE__CALL_READ:
        flare__client_conn_expect(
            c, flare__call_after(call, call->between_bytes_timeout_ms));
        break;
    }
}

void flare__call_on_deadline(flare_call *call)
{
    if (call->client->loop->now_ms >= call->total_ms) {
        flare__call_fail(call, FLARE_E_TIMEOUT_TOTAL, NULL);
        return;
    }
    switch ((enum flare__call_phase)call->phase) {
    case FLARE__CALL_CONNECT:
        flare__call_fail(call, FLARE_E_TIMEOUT_CONNECT, NULL);
        break;
    case FLARE__CALL_EXPECT:
        flare__call_go_on(call);
        break;
    case FLARE__CALL_AWAIT:
        /* the peer takes its time to take it, which the stream watches */
        if (flare_stream_queued(call->conn->stream) != 0)
            flare__call_enter(call, FLARE__CALL_AWAIT);
        else
            flare__call_fail(call, FLARE_E_TIMEOUT_FIRST_BYTE, NULL);
        break;
    case FLARE__CALL_READ:
        if (!call->is_sent && !call->is_cut) /* it answers as it reads */
            flare__call_enter(call, FLARE__CALL_READ);
        else
            flare__call_fail(call, FLARE_E_TIMEOUT_GAP, NULL);
        break;
    case FLARE__CALL_NONE:
    case FLARE__CALL_WAIT:
    case FLARE__CALL_SEND:
        break;
    }
}

/* ---- the end ---- */

static void call_error(const flare_call *call, struct flare_error *err, int rc,
                       const char *why)
{
    char url[128];
    size_t n = call->url_text.len < sizeof(url) - 4 ? call->url_text.len
                                                    : sizeof(url) - 4;

    memcpy(url, call->url_text.ptr, n);
    (void)snprintf(url + n, sizeof(url) - n, "%s",
                   n < call->url_text.len ? "..." : "");
    (void)flare__error(err, rc, "%.*s %s: %s", FLARE_STR_ARG(call->ask.method),
                       url, why != NULL ? why : flare_strerror(rc));
}

/* Nothing of it is anywhere any more but its memory. */
static void call_detach(flare_call *call)
{
    flare_client *client = call->client;
    struct flare__client_conn *conn = call->conn;
    struct flare__pool_origin *origin = call->wait.origin;

    flare__wheel_stop(&client->loop->wheel, &call->timer);
    if (origin != NULL) {
        flare__pool_unwait(&client->pool, &call->wait);
        flare__pool_forget(&client->pool, origin);
    }
    if (conn == NULL)
        return;
    call->conn = NULL;
    conn->call = NULL;
    if (conn->state != FLARE__CLIENT_CLOSING)
        flare__client_conn_abort(conn);
}

/* The reply is what it will be. */
static void call_end(flare_call *call, int rc, const struct flare_error *err)
{
    flare_reply *reply = call->reply;

    if (reply != NULL)
        reply->elapsed_ms = flare__client_now_ms(call->client) -
                            call->started_ns / CALL_NS_PER_MS;
    call->handler->on_done(call, rc, reply, err, call->ctx);
    call_give(call);
}

void flare__call_fail(flare_call *call, int rc, const char *why)
{
    struct flare_error err = call->err;

    if (!call->is_ending)
        call_error(call, &err, rc, why);
    call->is_ending = true;
    call_detach(call);
    call_end(call, err.code, &err);
}

void flare__call_finish(flare_call *call)
{
    const struct flare_error none = {.code = 0};

    FLARE_ASSERT(call->conn == NULL);
    call->is_ending = true;
    call_end(call, 0, &none);
}

static void call_on_turn_end(struct flare__task *task)
{
    flare_call *call = FLARE_CONTAINER_OF(task, flare_call, task);

    if (call->is_ending) {
        flare__call_fail(call, call->err.code, NULL);
        return;
    }
    if (call->wants_pump) {
        call->wants_pump = false;
        if (call->wants_input) /* one after the other: either may end it */
            flare__call_touch(call);
        flare__call_pump(call, /* may_ask = */ true);
        return;
    }
    if (call->wants_input) {
        call->wants_input = false;
        flare__call_resume_input(call);
    }
}

void flare__call_touch(flare_call *call)
{
    flare__loop_task(call->client->loop, &call->task, call_on_turn_end);
}

void flare__call_fail_later(flare_call *call, int rc, const char *why)
{
    if (call->is_ending)
        return;
    call_error(call, &call->err, rc, why);
    call->is_ending = true;
    flare__call_touch(call);
}

/* ---- what its owner calls ---- */

void flare_call_cancel(flare_call *call)
{
    FLARE_DCHECK(flare__loop_is_owner(call->client->loop));
    flare__call_fail_later(call, -ECANCELED, NULL);
}

void flare_call_pause(flare_call *call)
{
    FLARE_DCHECK(flare__loop_is_owner(call->client->loop));
    if (call->is_paused || call->is_ending)
        return;
    call->is_paused = true;
    call->wants_input = false;
    if (call->conn == NULL || call->conn->state != FLARE__CLIENT_BUSY)
        return;
    flare_stream_pause(call->conn->stream);
    if (call->phase == FLARE__CALL_READ || call->phase == FLARE__CALL_AWAIT)
        flare__client_conn_expect(call->conn, call->total_ms);
}

void flare_call_resume(flare_call *call)
{
    FLARE_DCHECK(flare__loop_is_owner(call->client->loop));
    if (!call->is_paused || call->is_ending)
        return;
    call->is_paused = false;
    call->wants_input = true;
    flare__call_touch(call);
}

void flare_call_pull_resume(flare_call *call)
{
    FLARE_DCHECK(flare__loop_is_owner(call->client->loop));
    if (!call->is_waiting || call->is_ending)
        return;
    call->is_waiting = false;
    call->wants_pump = true;
    flare__call_touch(call);
}

void *flare_call_ctx(const flare_call *call)
{
    return call->ctx;
}

flare_client *flare_call_client(const flare_call *call)
{
    return call->client;
}

void flare__call_progress(flare_call *call)
{
    const struct flare_call_progress now = {
        .sent = call->sent,
        .sent_total =
            call->body.kind == FLARE__CALL_NO_BODY ? 0 : call->body.length,
        .received = call->received,
        .received_total = call->received_total,
    };

    if (call->handler->on_progress != NULL)
        call->handler->on_progress(call, &now, call->ctx);
}
