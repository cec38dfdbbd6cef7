/* SPDX-License-Identifier: MIT */
/*
 * One request of a call: which URL, which fields, whose credentials.
 *
 * Authorization, Cookie and Proxy-Authorization are sent to the origin that
 * the caller has named and to no other; a redirect to another one drops them
 * for good (FAILURES C02).  What the jar has is the jar's to say, hop by hop.
 */
#include "http/client.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>

/* Of the fields made here: Accept-Encoding, Authorization, Cookie,
 * Content-Type, Proxy-Authorization. */
enum { HOP_FIELDS_OWN = 5, HOP_COOKIE = 1024 };

static int hop_no_memory(struct flare_error *err)
{
    return flare__error(err, -ENOMEM, "%s", flare_strerror(-ENOMEM));
}

/* ---- the URL ---- */

/* What no URL in its normal form has in a part but the scheme. */
static bool hop_is_plain(struct flare_str part, bool is_host)
{
    for (size_t i = 0; i < part.len; i++) {
        const char c = part.ptr[i];

        if (c == '%' || (is_host && c >= 'A' && c <= 'Z') ||
            (!is_host && c == '.' && i > 0 && part.ptr[i - 1] == '/'))
            return false;
    }
    return true;
}

/*
 * Whether the text is in its normal form, as most are that a program asks for:
 * then the parts that were read are those of the normal form as well, which
 * saves two of three times the work.  False is always right.
 */
static bool hop_is_normal(const struct flare_url *url, struct flare_str text,
                          bool is_secure)
{
    size_t rest = url->scheme.len + 3 /* "://" */ + url->host.len +
                  url->path.len + (url->has_query ? 1 + url->query.len : 0);

    if (url->port == (is_secure ? 443 : 80))
        return false;
    for (uint32_t n = url->port; n != 0; n /= 10)
        rest += n == url->port ? 2 : 1; /* a ':' too */
    return text.len == rest && !url->has_brackets && url->path.len > 0 &&
           memcmp(text.ptr, is_secure ? "https" : "http", url->scheme.len) ==
               0 &&
           hop_is_plain(url->host, /* is_host = */ true) &&
           hop_is_plain(url->path, /* is_host = */ false) &&
           hop_is_plain(url->query, /* is_host = */ false);
}

static void hop_move(struct flare_str *part, const char *from, const char *to)
{
    if (part->ptr != NULL)
        part->ptr = to + (part->ptr - from);
}

/* The same URL in the call's memory. */
static int hop_copy(flare_call *call, const struct flare_url *url,
                    struct flare_str text)
{
    char *to = flare__arena_copy(&call->texts, text);

    if (to == NULL)
        return -ENOMEM;
    call->url_text = (struct flare_str){to, text.len};
    call->url = *url;
    hop_move(&call->url.scheme, text.ptr, to);
    hop_move(&call->url.host, text.ptr, to);
    hop_move(&call->url.path, text.ptr, to);
    hop_move(&call->url.query, text.ptr, to);
    return 0;
}

static int hop_normalize(flare_call *call, const struct flare_url *url,
                         struct flare_str text)
{
    char *to = flare__arena_alloc(&call->texts, text.len + 16, 1);
    int len;

    if (to == NULL)
        return -ENOMEM;
    len = flare_url_normalize(url, to, text.len + 16);
    if (len < 0)
        return len;
    call->url_text = (struct flare_str){to, (size_t)len};
    return flare_url_parse(&call->url, call->url_text, NULL);
}

int flare__hop_take_url(flare_call *call, struct flare_str text,
                        struct flare_error *err)
{
    struct flare_url url;
    enum flare__scheme scheme;
    int rc = flare_url_parse(&url, text, err);

    if (rc < 0)
        return rc;
    scheme = flare__url_scheme(&url);
    if (scheme != FLARE__SCHEME_HTTP && scheme != FLARE__SCHEME_HTTPS)
        return flare__error(err, FLARE_E_BAD_URL, "neither http nor https");
    if (url.host.len == 0)
        return flare__error(err, FLARE_E_BAD_URL, "the URL has no host");
    if (url.has_userinfo)
        return flare__error(err, FLARE_E_BAD_URL,
                            "the URL has userinfo: credentials are members of "
                            "their own");
    call->is_secure = scheme == FLARE__SCHEME_HTTPS;
    if (url.has_fragment) { /* it is not sent */
        text.len -= url.fragment.len + 1;
        url.has_fragment = false;
        url.fragment.len = 0;
    }
    rc = hop_is_normal(&url, text, call->is_secure)
             ? hop_copy(call, &url, text)
             : hop_normalize(call, &url, text);
    if (rc < 0)
        return flare__error(err, rc == -ENOMEM ? rc : FLARE_E_BAD_URL,
                            "URL: %s", flare_strerror(rc));
    return 0;
}

/* Writes name or value, encoded; there is room. */
static char *hop_encode(char *to, struct flare_str text)
{
    int len =
        flare_percent_encode(FLARE_PERCENT_FORM, text, to, text.len * 3 + 1);

    return to + (len > 0 ? len : 0);
}

/* The URL's text with the pairs in its query. */
static int hop_query(flare_call *call, struct flare_str *text,
                     const struct flare_field *query)
{
    size_t size = text->len + 2;
    const char *fragment = memchr(text->ptr, '#', text->len);
    size_t n = fragment != NULL ? (size_t)(fragment - text->ptr) : text->len;
    const char *mark = memchr(text->ptr, '?', n);
    char *start;
    char *p;

    for (const struct flare_field *f = query; f->name.len > 0; f++)
        size += (f->name.len + f->value.len) * 3 + 4;
    if (size > FLARE__CALL_TEXTS_MAX)
        return -ENOMEM;
    start = flare__arena_alloc(&call->texts, size, 1);
    if (start == NULL)
        return -ENOMEM;
    memcpy(start, text->ptr, n);
    p = start + n;
    for (const struct flare_field *f = query; f->name.len > 0; f++) {
        if (mark == NULL)
            *p++ = '?';
        else if (p[-1] != '?' && p[-1] != '&')
            *p++ = '&';
        mark = start;
        p = hop_encode(p, f->name);
        *p++ = '=';
        p = hop_encode(p, f->value);
    }
    *text = (struct flare_str){start, (size_t)(p - start)};
    return 0;
}

int flare__hop_url(flare_call *call, const struct flare_ask *ask,
                   struct flare_error *err)
{
    const struct flare_url *base = &call->client->conf.base;
    struct flare_str text = ask->url;
    struct flare_url reference;
    size_t size = text.len + 512;
    char *to;
    int len;

    if (ask->query != NULL && hop_query(call, &text, ask->query) < 0)
        return hop_no_memory(err);
    if (base->scheme.len == 0)
        return flare__hop_take_url(call, text, err);
    len = flare_url_parse(&reference, text, err);
    if (len < 0)
        return len;
    if (reference.scheme.len > 0)
        return flare__hop_take_url(call, text, err);
    size = text.len + base->host.len + base->path.len + base->query.len + 64;
    to = flare__arena_alloc(&call->texts, size, 1);
    if (to == NULL)
        return hop_no_memory(err);
    len = flare_url_resolve(base, &reference, to, size);
    if (len < 0)
        return flare__error(err, FLARE_E_BAD_URL, "URL: %s",
                            flare_strerror(len));
    return flare__hop_take_url(call, (struct flare_str){to, (size_t)len}, err);
}

/* A proxy does not pass Upgrade on: RFC 6455 section 4.1, step 3. */
bool flare__hop_tunnels(const flare_call *call)
{
    return call->is_secure || call->ask.upgrade.len > 0;
}

struct flare__pool_key flare__hop_key(const flare_call *call)
{
    const struct flare__client_conf *conf = &call->client->conf;
    struct flare__pool_key key = {
        .host = call->url.host,
        .port = flare_url_port(&call->url),
        .is_secure = call->is_secure,
        .is_proxied = !flare__client_is_direct(conf, &call->url),
    };

    if (key.is_proxied && !flare__hop_tunnels(call)) { /* any origin's */
        key.host = conf->proxy_host;
        key.port = conf->proxy_port;
    }
    return key;
}

struct flare_cookie_url flare__hop_cookie_url(const flare_call *call)
{
    return (struct flare_cookie_url){
        .host = call->url.host,
        .path = call->url.path,
        .is_secure = call->is_secure,
    };
}

/* ---- the fields ---- */

struct hop_fields {
    flare_call *call;
    struct flare__ask_field *at;
    size_t count;
    size_t checked;
    bool may_client; /* the client's credentials may be sent */
    bool is_plain_proxied;
};

static bool hop_is(struct flare_str name, const char *what, size_t len)
{
    return name.len == len &&
           flare_str_equal_nocase(name, (struct flare_str){what, len});
}
#define HOP_IS(name, literal) hop_is(name, literal, sizeof(literal) - 1)

static bool hop_is_credential(struct flare_str name)
{
    return HOP_IS(name, "Authorization") || HOP_IS(name, "Cookie");
}

/* RFC 9110 section 15.4: what says something about a body that is not sent. */
static bool hop_is_of_body(struct flare_str name)
{
    return HOP_IS(name, "Content-Type") || HOP_IS(name, "Content-Encoding") ||
           HOP_IS(name, "Content-Language") ||
           HOP_IS(name, "Content-Location") || HOP_IS(name, "Digest") ||
           HOP_IS(name, "Content-Digest") || HOP_IS(name, "Last-Modified");
}

static bool hop_may_send(const struct hop_fields *f, struct flare_str name,
                         bool is_client)
{
    const flare_call *call = f->call;

    if (hop_is_credential(name))
        return is_client ? f->may_client : !call->is_foreign;
    if (HOP_IS(name, "Proxy-Authorization"))
        return f->is_plain_proxied && !call->is_foreign;
    return !(call->drops_body && hop_is_of_body(name));
}

/* Whether one of that name is there. */
static bool hop_has(const struct hop_fields *f, struct flare_str name)
{
    for (size_t i = 0; i < f->count; i++)
        if (flare_str_equal_nocase(f->at[i].name, name))
            return true;
    return false;
}

static void hop_add(struct hop_fields *f, struct flare_str name,
                    struct flare_str value)
{
    f->at[f->count++] = (struct flare__ask_field){name, value};
}

/* Whether the caller has said something about that field, "none" too. */
static bool hop_asked(const flare_call *call, struct flare_str name)
{
    for (size_t i = 0; i < call->field_count; i++)
        if (flare_str_equal_nocase(call->fields[i].name, name))
            return true;
    return false;
}

/* What was checked before comes first; then the caller's. */
static void hop_given(struct hop_fields *f)
{
    const flare_call *call = f->call;
    const struct flare__client_conf *conf = &call->client->conf;
    const struct flare_str accept = flare__decoding_accept();

    for (size_t i = 0; i < conf->field_count; i++) {
        const struct flare__ask_field *field = &conf->fields[i];

        if (hop_may_send(f, field->name, /* is_client = */ true) &&
            !hop_asked(call, field->name))
            hop_add(f, field->name, field->value);
    }
    if (call->decodes && accept.len > 0 &&
        !hop_has(f, FLARE_STR("Accept-Encoding")))
        hop_add(f, FLARE_STR("Accept-Encoding"), accept);
    f->checked = f->count;
    for (size_t i = 0; i < call->field_count; i++) {
        const struct flare__ask_field *field = &call->fields[i];

        if (field->value.len > 0 &&
            hop_may_send(f, field->name, /* is_client = */ false))
            hop_add(f, field->name, field->value);
    }
}

static int hop_cookies(struct hop_fields *f)
{
    flare_call *call = f->call;
    flare_cookie_jar *jar = call->client->conf.c.jar;
    const struct flare_cookie_url url = flare__hop_cookie_url(call);
    int64_t now_s;
    char *to;
    int len;

    if (jar == NULL || hop_has(f, FLARE_STR("Cookie")) ||
        (!call->is_foreign && hop_asked(call, FLARE_STR("Cookie"))))
        return 0;
    now_s = flare__clock_realtime();
    to = flare__arena_alloc(&call->texts, HOP_COOKIE, 1);
    if (to == NULL)
        return -ENOMEM;
    len = flare_cookie_jar_header(jar, &url, now_s, to, HOP_COOKIE);
    if (len > HOP_COOKIE) {
        size_t size = (size_t)len;

        to = flare__arena_alloc(&call->texts, size, 1);
        if (to == NULL)
            return -ENOMEM;
        len = flare_cookie_jar_header(jar, &url, now_s, to, size);
    }
    if (len > 0)
        hop_add(f, FLARE_STR("Cookie"), (struct flare_str){to, (size_t)len});
    return 0;
}

/* What is added where nobody has said otherwise. */
static int hop_made(struct hop_fields *f)
{
    const flare_call *call = f->call;
    const struct flare__client_conf *conf = &call->client->conf;

    if (!call->is_foreign && !hop_asked(call, FLARE_STR("Authorization")) &&
        !hop_has(f, FLARE_STR("Authorization"))) {
        if (call->auth.len > 0)
            hop_add(f, FLARE_STR("Authorization"), call->auth);
        else if (f->may_client && conf->auth.len > 0)
            hop_add(f, FLARE_STR("Authorization"), conf->auth);
    }
    if (f->is_plain_proxied && conf->proxy_auth.len > 0 &&
        !hop_has(f, FLARE_STR("Proxy-Authorization")))
        hop_add(f, FLARE_STR("Proxy-Authorization"), conf->proxy_auth);
    if (call->content_type.len > 0 && !call->drops_body &&
        !hop_has(f, FLARE_STR("Content-Type")))
        hop_add(f, FLARE_STR("Content-Type"), call->content_type);
    return hop_cookies(f);
}

static int hop_fields(flare_call *call, bool is_plain_proxied)
{
    const struct flare__client_conf *conf = &call->client->conf;
    struct hop_fields f = {.call = call, .is_plain_proxied = is_plain_proxied};
    size_t most = conf->field_count + call->field_count + HOP_FIELDS_OWN;
    int rc;

    f.may_client =
        !call->is_foreign && (conf->base.scheme.len == 0 ||
                              flare_url_same_origin(&conf->base, &call->url));
    f.at =
        flare__arena_alloc(&call->texts, most * sizeof(*f.at), sizeof(void *));
    if (f.at == NULL)
        return -ENOMEM;
    hop_given(&f);
    rc = hop_made(&f);
    call->ask.fields = f.at;
    call->ask.field_count = f.count;
    call->ask.fields_checked = f.checked;
    return rc;
}

/* ---- the head ---- */

/*
 * Target and Host are parts of the URL: normalised, it has no userinfo, no
 * fragment, no port that is the scheme's, and a path.
 */
static void hop_target(flare_call *call, bool is_plain_proxied)
{
    const struct flare_str text = call->url_text;
    const char *path = call->url.path.ptr;
    const char *authority = text.ptr + call->url.scheme.len + 3; /* "://" */

    FLARE_ASSERT(call->url.path.len > 0 && path > authority);
    call->ask.host = (struct flare_str){authority, (size_t)(path - authority)};
    call->ask.target = text;
    if (!is_plain_proxied)
        call->ask.target =
            (struct flare_str){path, (size_t)(text.ptr + text.len - path)};
}

static void hop_framing(flare_call *call)
{
    struct flare__ask *ask = &call->ask;
    bool has_body = call->body.kind != FLARE__CALL_NO_BODY && !call->drops_body;

    ask->framing = FLARE__ASK_NO_BODY;
    if (has_body)
        ask->framing = call->body.length == FLARE_LENGTH_UNKNOWN
                           ? FLARE__ASK_CHUNKED
                           : FLARE__ASK_LENGTH;
    ask->content_length =
        ask->framing == FLARE__ASK_LENGTH ? call->body.length : 0;
    ask->has_expect = has_body && call->expects;
}

int flare__hop_compose(flare_call *call, struct flare_error *err)
{
    const struct flare__pool_key key = flare__hop_key(call);
    bool is_plain_proxied = key.is_proxied && !flare__hop_tunnels(call);
    int rc = call->url.ip.family == FLARE_IP_NONE
                 ? flare_dns_host_check(call->url.host, err)
                 : 0;

    if (rc < 0)
        return rc;
    hop_target(call, is_plain_proxied);
    rc = hop_fields(call, is_plain_proxied);
    if (rc == 0) {
        hop_framing(call);
        rc = flare__ask_check(&call->ask);
    }
    if (rc < 0)
        return flare__error(err, rc, "%.*s: %s",
                            call->url_text.len < 128 ? (int)call->url_text.len
                                                     : 128,
                            call->url_text.ptr, flare_strerror(rc));
    call->ask_bytes = rc;
    return 0;
}
