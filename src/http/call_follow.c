/* SPDX-License-Identifier: MIT */
/*
 * What is sent once more: to another URL, because the answer says so (RFC 9110
 * section 15.4), or on another connection, because an idle one had gone (RFC
 * 9112 section 9.3.1; FAILURES C13).
 */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

/* ---- where to ---- */

static bool follow_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/* The one Location; ptr NULL: none.  Two that differ are one too many. */
static int follow_location(const struct flare__reply_head *head,
                           struct flare_str *out)
{
    *out = (struct flare_str){NULL, 0};
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];
        const struct flare_str value = {f->value, f->value_len};

        if (!flare_str_equal_nocase((struct flare_str){f->name, f->name_len},
                                    FLARE_STR("Location")))
            continue;
        if (out->ptr != NULL && !flare_str_equal(*out, value))
            return FLARE_E_REDIRECT;
        *out = value;
    }
    return 0;
}

/* What it means, absolute and normalised, in the call's memory. */
static int follow_resolve(flare_call *call, struct flare_str location,
                          struct flare_url *url, struct flare_str *text)
{
    size_t size = call->url_text.len + location.len + 16;
    struct flare_url reference;
    char *whole;
    char *to;
    int len = flare_url_parse(&reference, location, NULL);

    if (len < 0)
        return len;
    whole = flare__arena_alloc(&call->texts, size, 1);
    to = flare__arena_alloc(&call->texts, size + 16, 1);
    if (whole == NULL || to == NULL)
        return -ENOMEM;
    len = flare_url_resolve(&call->url, &reference, whole, size);
    if (len < 0)
        return len;
    len = flare_url_parse(url, (struct flare_str){whole, (size_t)len}, NULL);
    if (len < 0)
        return len;
    url->has_fragment = false;
    url->fragment.len = 0;
    len = flare_url_normalize(url, to, size + 16);
    if (len < 0)
        return len;
    *text = (struct flare_str){to, (size_t)len};
    return flare_url_parse(url, *text, NULL);
}

/* The Location is a stranger's: nothing of it is in the sentence. */
static int follow_check(const flare_call *call, const struct flare_url *to,
                        struct flare_error *err)
{
    enum flare__scheme scheme = flare__url_scheme(to);
    bool was_secure = call->is_secure;

    if (scheme != FLARE__SCHEME_HTTP && scheme != FLARE__SCHEME_HTTPS)
        return flare__error(err, FLARE_E_REDIRECT,
                            "a redirect to neither http nor https");
    if (to->has_userinfo)
        return flare__error(err, FLARE_E_REDIRECT, "a redirect with userinfo");
    if (to->host.len == 0 || flare_dns_host_check(to->host, NULL) < 0)
        return flare__error(err, FLARE_E_REDIRECT,
                            "a redirect to no valid host");
    if (was_secure && scheme == FLARE__SCHEME_HTTP &&
        !call->client->conf.c.allow_downgrade)
        return flare__error(err, FLARE_E_REDIRECT_INSECURE, "%s",
                            flare_strerror(FLARE_E_REDIRECT_INSECURE));
    return 0;
}

static bool follow_is_safe(struct flare_str method)
{
    return flare_str_equal(method, FLARE_STR("GET")) ||
           flare_str_equal(method, FLARE_STR("HEAD"));
}

/* 303, and in practice 301 and 302 of a POST, make it a GET without a body. */
static bool follow_becomes_get(const flare_call *call, int status)
{
    if (status == 303)
        return !follow_is_safe(call->ask.method);
    return (status == 301 || status == 302) &&
           flare_str_equal(call->ask.method, FLARE_STR("POST"));
}

static bool follow_can_repeat(const flare_call *call)
{
    if (call->ask.framing == FLARE__ASK_NO_BODY ||
        call->body.kind != FLARE__CALL_SOURCE)
        return true;
    /* one that was never asked has lost nothing */
    return call->body.source.rewind != NULL ||
           (!call->is_asked && call->sent == 0 && !call->is_finished);
}

/* Whether it was there already, asked for in the same way; notes it if not. */
static int follow_visit(flare_call *call, struct flare_str next,
                        bool becomes_get)
{
    struct flare__call_visit *visit;

    for (visit = call->visits; visit != NULL; visit = visit->before)
        if (flare_str_equal(visit->url, next))
            return FLARE_E_REDIRECT_LIMIT;
    if (!becomes_get && flare_str_equal(call->url_text, next))
        return FLARE_E_REDIRECT_LIMIT;
    visit = flare__arena_alloc(&call->texts, sizeof(*visit), sizeof(void *));
    if (visit == NULL)
        return -ENOMEM;
    visit->before = becomes_get ? NULL : call->visits;
    visit->url = becomes_get ? next : call->url_text;
    call->visits = visit;
    return 0;
}

static int follow_fail(struct flare_error *err, int rc)
{
    if (rc == -ENOBUFS || rc == FLARE_E_BAD_URL)
        return flare__error(err, FLARE_E_REDIRECT,
                            "a redirect whose Location is no URL");
    return flare__error(err, rc, "%s", flare_strerror(rc));
}

int flare__call_redirect(flare_call *call, const struct flare__reply_head *head,
                         struct flare_error *err)
{
    struct flare_str location;
    struct flare_str next;
    struct flare_url url;
    bool becomes_get = follow_becomes_get(call, head->status);
    int rc;

    if (call->no_redirects || !follow_is_redirect(head->status))
        return 0;
    rc = follow_location(head, &location);
    if (rc == 0 && location.ptr == NULL)
        return 0;
    if (rc == 0)
        rc = follow_resolve(call, location, &url, &next);
    if (rc < 0)
        return follow_fail(err, rc);
    rc = follow_check(call, &url, err);
    if (rc < 0)
        return rc;
    if (call->redirects >= call->client->conf.c.redirects_max)
        return follow_fail(err, FLARE_E_REDIRECT_LIMIT);
    rc = follow_visit(call, next, becomes_get);
    if (rc < 0)
        return follow_fail(err, rc);
    if (!becomes_get && !follow_can_repeat(call))
        return follow_fail(err, FLARE_E_NOT_REWINDABLE);
    if (becomes_get) {
        call->ask.method = FLARE_STR("GET");
        call->drops_body = true;
    }
    call->next_url = next;
    return 1;
}

/* ---- and off ---- */

/* The body from its first byte, the answer from its first one. */
static int follow_rewind(flare_call *call)
{
    bool has_source = call->body.kind == FLARE__CALL_SOURCE &&
                      call->ask.framing != FLARE__ASK_NO_BODY;
    bool was_asked =
        call->sent > 0 || call->is_asked || call->is_finished || call->is_cut;

    call->sent = 0;
    call->is_sent = call->is_cut = call->is_asked = false;
    call->is_waiting = call->is_finished = call->is_full = false;
    call->wants_pump = false;
    call->received = 0;
    call->begun_ns = call->client->loop->now_ns;
    call->sent_ns = call->first_byte_ns = 0;
    call->is_drained = false;
    if (!has_source || !was_asked || call->body.source.rewind == NULL)
        return 0;
    return call->body.source.rewind(call, call->body.source.ctx);
}

/* On a new connection or hop.  The call may be gone when it returns. */
static void follow_go(flare_call *call, int rc, struct flare_error *err)
{
    call->phase = FLARE__CALL_NONE;
    if (rc == 0)
        rc = follow_rewind(call);
    if (rc == 0 && !call->is_ending)
        rc = flare__client_place(call->client, call, err);
    if (rc < 0)
        flare__call_fail(call, rc, err->code == rc ? err->text : NULL);
}

void flare__call_follow(flare_call *call, bool is_whole)
{
    struct flare__client_conn *conn = call->conn;
    const struct flare_url before = call->url;
    struct flare_error err = {.code = 0};
    int rc;

    call->conn = NULL;
    flare__client_conn_release(conn, is_whole);
    flare__client_serve(call->client);
    call->redirects++;
    rc = flare__hop_take_url(call, call->next_url, &err);
    if (rc == 0) {
        if (!flare_url_same_origin(&before, &call->url))
            call->is_foreign = true; /* for good */
        call->has_retried = false;
        rc = flare__hop_compose(call, &err);
    }
    follow_go(call, rc, &err);
}

/* RFC 9110 section 9.2.2. */
static bool follow_is_idempotent(struct flare_str method)
{
    return follow_is_safe(method) ||
           flare_str_equal(method, FLARE_STR("OPTIONS")) ||
           flare_str_equal(method, FLARE_STR("TRACE")) ||
           flare_str_equal(method, FLARE_STR("PUT")) ||
           flare_str_equal(method, FLARE_STR("DELETE"));
}

bool flare__call_retry(flare_call *call)
{
    struct flare__client_conn *conn = call->conn;
    struct flare__pool_origin *origin = conn->place.origin;
    struct flare_error err = {.code = 0};

    if (conn->requests < 2 || conn->reader.has_begun || call->has_retried ||
        call->is_ending || !follow_is_idempotent(call->ask.method) ||
        !follow_can_repeat(call))
        return false;
    call->has_retried = true;
    call->client->counts.retried++;
    /* the others have idled as long, and may have gone as well */
    while (origin->idle != NULL)
        flare__client_conn_abort(
            FLARE_CONTAINER_OF(origin->idle, struct flare__client_conn, place));
    call->conn = NULL;
    flare__client_conn_release(conn, false);
    follow_go(call, 0, &err);
    return true;
}
