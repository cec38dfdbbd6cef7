/* SPDX-License-Identifier: MIT */
/*
 * Basic (RFC 7617) and Bearer (RFC 6750) authentication.  A request with two
 * Authorization fields is refused: whoever reads the other one would see
 * somebody else.
 */
#include "base/base64.h"
#include "base/log.h"
#include "http/chars.h"
#include "http/mw_tools.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    AUTH_BASE64_MAX = 1024, /* of name and password */
    AUTH_REALM_MAX = 128
};

static const char user_key; /* its address */

struct flare_str flare_req_user(const flare_req *req)
{
    return flare__tag_get(req, &user_key);
}

int flare_req_user_set(flare_req *req, struct flare_str name)
{
    return flare__tag_set(req, &user_key, name);
}

bool flare_secret_equal(struct flare_str given, struct flare_str secret)
{
    static const char none = '\0';
    const char *s = secret.len > 0 ? secret.ptr : &none;
    size_t len = secret.len > 0 ? secret.len : 1;
    unsigned diff = given.len != secret.len;

    for (size_t i = 0, j = 0; i < given.len; i++) {
        diff |= (unsigned char)(given.ptr[i] ^ s[j]);
        j = j + 1 < len ? j + 1 : 0;
    }
    return diff == 0;
}

/* ---- both schemes ---- */

static int auth_check_realm(const char *realm, const char *who,
                            struct flare_error *err)
{
    size_t len = strlen(realm);

    for (size_t i = 0; i < len; i++)
        if (realm[i] < 0x20 || realm[i] > 0x7e || realm[i] == '"' ||
            realm[i] == '\\')
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "%s: realm has a character that is not allowed",
                                who);
    if (len == 0 || len > AUTH_REALM_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "%s: realm must have 1 to %d characters", who,
                            AUTH_REALM_MAX);
    return 0;
}

/* `ctx` is the challenge; a page of somebody's may be no refusal any more. */
static int auth_before_head(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    if (res->status < 400 || res->status > 403)
        return 0;
    return flare_res_header(res, "WWW-Authenticate", flare_str(ctx));
}

/* Refuses with `rc`: `scheme realm="...", error="..."`; both may be NULL. */
static int auth_refuse(flare_res *res, flare_req *req, int rc,
                       const char *const words[3])
{
    char *text = flare_req_alloc(req, AUTH_REALM_MAX + 64);
    const char *comma = words[1] != NULL && words[2] != NULL ? "," : "";
    int hooked;

    if (text == NULL)
        return -ENOMEM;
    (void)snprintf(
        text, AUTH_REALM_MAX + 64, "%s%s%s%s%s%s%s%s", words[0],
        words[1] != NULL ? " realm=\"" : "", words[1] != NULL ? words[1] : "",
        words[1] != NULL ? "\"" : "", comma,
        words[2] != NULL ? " error=\"" : "", words[2] != NULL ? words[2] : "",
        words[2] != NULL ? "\"" : "");
    hooked = flare_res_before_head(res, auth_before_head, text);
    return hooked < 0 ? hooked : rc;
}

/*
 * What stands behind `scheme` in the one Authorization field; ptr is NULL
 * without one.
 */
static struct flare_str auth_credentials(const flare_req *req,
                                         struct flare_str scheme)
{
    struct flare_str lines[FLARE__MW_LINES_MAX];
    struct flare_str none = {NULL, 0};
    struct flare_str text;

    if (flare__mw_lines(req, "Authorization", lines).count != 1)
        return none;
    text = lines[0];
    if (text.len <= scheme.len || text.ptr[scheme.len] != ' ' ||
        !flare_str_equal_nocase((struct flare_str){text.ptr, scheme.len},
                                scheme))
        return none;
    return flare__trim(
        (struct flare_str){text.ptr + scheme.len, text.len - scheme.len});
}

/* ---- basic ---- */

/* All of the table is looked at, whoever it is. */
static int basic_find(const struct flare_basic_auth *o, struct flare_str name,
                      struct flare_str password)
{
    unsigned found = 0;

    for (size_t i = 0; i < o->user_count; i++) {
        unsigned is_name =
            flare_secret_equal(name, flare_str(o->users[i].name));
        unsigned is_password =
            flare_secret_equal(password, flare_str(o->users[i].password));

        found |= is_name & is_password;
    }
    return found != 0 ? 0 : FLARE_E_UNAUTHORIZED;
}

/* RFC 7617 section 2: no control characters in either. */
static bool basic_is_text(struct flare_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static int basic_verify(const struct flare_basic_auth *o, flare_req *req,
                        struct flare_str text)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    struct flare_str name;
    struct flare_str password;
    int rc;

    if (colon == NULL || !basic_is_text(text))
        return FLARE_E_UNAUTHORIZED;
    name = (struct flare_str){text.ptr, (size_t)(colon - text.ptr)};
    password = (struct flare_str){colon + 1, text.len - name.len - 1};
    rc = o->verify != NULL ? o->verify(req, name, password, o->ctx)
                           : basic_find(o, name, password);
    if (rc < 0 || flare_req_user(req).ptr != NULL)
        return rc;
    return flare_req_user_set(req, name);
}

static int basic_ask(const struct flare_basic_auth *o, flare_req *req)
{
    struct flare_str given = auth_credentials(req, FLARE_STR("Basic"));
    char text[AUTH_BASE64_MAX];
    int rc = FLARE_E_UNAUTHORIZED;

    if (given.ptr == NULL || given.len > AUTH_BASE64_MAX)
        return rc;
    rc = flare__base64_decode(text, given);
    if (rc >= 0)
        rc = basic_verify(o, req, (struct flare_str){text, (size_t)rc});
    else
        rc = FLARE_E_UNAUTHORIZED;
    memset(text, 0, sizeof(text));
    __asm__ volatile("" : : "r"(text) : "memory"); /* or it is left out */
    return rc;
}

static int basic_run(flare_req *req, flare_res *res, struct flare_handler next,
                     void *ctx)
{
    const struct flare_basic_auth *o = ctx;
    int rc = basic_ask(o, req);

    if (rc == FLARE_E_UNAUTHORIZED) {
        const char *const words[3] = {"Basic", o->realm, NULL};

        return auth_refuse(res, req, rc, words);
    }
    return rc < 0 ? rc : flare_next(req, res, next);
}

int flare_basic_auth_init(struct flare_middleware *out,
                          const struct flare_basic_auth *options,
                          struct flare_error *err)
{
    if (options->realm == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "basic auth: realm is required");
    if ((options->verify != NULL) == (options->users != NULL))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "basic auth: either users or verify is required");
    for (size_t i = 0; options->users != NULL && i < options->user_count; i++)
        if (options->users[i].name == NULL ||
            options->users[i].password == NULL ||
            strchr(options->users[i].name, ':') != NULL)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "basic auth: user %zu has no password, or a "
                                "':' in the name",
                                i);
    *out = (struct flare_middleware){basic_run, (void *)(uintptr_t)options};
    return auth_check_realm(options->realm, "basic auth", err);
}

/* ---- bearer ---- */

/* b64token of RFC 6750 section 2.1. */
static bool bearer_is_token(struct flare_str text)
{
    size_t i = 0;

    for (; i < text.len && text.ptr[i] != '='; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                       (c >= 'a' && c <= 'z');

        if (!is_word && memchr("-._~+/", c, 6) == NULL)
            return false;
    }
    if (i == 0)
        return false;
    for (; i < text.len; i++)
        if (text.ptr[i] != '=')
            return false;
    return true;
}

static int bearer_run(flare_req *req, flare_res *res, struct flare_handler next,
                      void *ctx)
{
    const struct flare_bearer_auth *o = ctx;
    struct flare_str token = auth_credentials(req, FLARE_STR("Bearer"));
    const char *words[3] = {"Bearer", o->realm, NULL};
    int rc;

    if (token.ptr == NULL)
        return auth_refuse(res, req, FLARE_E_UNAUTHORIZED, words);
    if (!bearer_is_token(token)) {
        words[2] = "invalid_request";
        return auth_refuse(res, req, FLARE_E_BAD_REQUEST, words);
    }
    rc = o->verify(req, token, o->ctx);
    if (rc == FLARE_E_UNAUTHORIZED)
        words[2] = "invalid_token";
    else if (rc == FLARE_E_FORBIDDEN)
        words[2] = "insufficient_scope";
    if (words[2] != NULL)
        return auth_refuse(res, req, rc, words);
    return rc < 0 ? rc : flare_next(req, res, next);
}

int flare_bearer_auth_init(struct flare_middleware *out,
                           const struct flare_bearer_auth *options,
                           struct flare_error *err)
{
    if (options->verify == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "bearer auth: verify is required");
    *out = (struct flare_middleware){bearer_run, (void *)(uintptr_t)options};
    return options->realm != NULL
               ? auth_check_realm(options->realm, "bearer auth", err)
               : 0;
}
