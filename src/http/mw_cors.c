/* SPDX-License-Identifier: MIT */
/*
 * Cross-origin resource sharing (Fetch standard, section 3.2).  What is said
 * depends on Origin alone, and every answer that depends on it says so (Vary):
 * a cache in between must not hand one site's permission to another.
 */
#include "base/log.h"
#include "http/mw_tools.h"

#include <stdio.h>
#include <string.h>

enum {
    CORS_LIST_BYTES = 1024, /* a list, joined */
    CORS_AGE_MAX = 86400
};

static bool cors_is_any(const char *const list[FLARE_LIST_MAX + 1])
{
    return list[0] != NULL && strcmp(list[0], "*") == 0;
}

/* Whether every origin gets the same answer. */
static bool cors_is_open(const struct flare_cors *o)
{
    return cors_is_any(o->origins);
}

static bool cors_allows(const struct flare_cors *o, struct flare_str origin)
{
    if (cors_is_open(o) || flare__mw_list_has(o->origins, origin))
        return true;
    return o->allows != NULL && o->allows(origin, o->ctx);
}

static int cors_list(flare_res *res, const char *name,
                     const char *const list[FLARE_LIST_MAX + 1])
{
    char text[CORS_LIST_BYTES];
    size_t len = flare__mw_list_join(text, sizeof(text), list);

    return len == 0
               ? 0
               : flare_res_header(res, name, (struct flare_str){text, len});
}

/* What preflights and answers have in common. */
static int cors_allow(const struct flare_cors *o, flare_res *res,
                      struct flare_str origin)
{
    int rc = flare_res_header(res, "Access-Control-Allow-Origin",
                              cors_is_open(o) ? FLARE_STR("*") : origin);

    if (rc >= 0 && o->credentials)
        rc = flare_res_header(res, "Access-Control-Allow-Credentials",
                              FLARE_STR("true"));
    return rc;
}

static int cors_before_head(flare_req *req, flare_res *res, void *ctx)
{
    const struct flare_cors *o = ctx;
    struct flare_str origin = flare_req_header(req, "Origin");
    int rc = 0;

    if (!cors_is_open(o))
        rc = flare_res_header(res, "Vary", FLARE_STR("Origin"));
    if (rc < 0 || origin.len == 0 || !cors_allows(o, origin))
        return rc;
    rc = cors_allow(o, res, origin);
    return rc < 0 ? rc
                  : cors_list(res, "Access-Control-Expose-Headers", o->expose);
}

/* ---- preflight ---- */

static int cors_allow_methods(const struct flare_cors *o, flare_res *res)
{
    static const char *const safelisted[FLARE_LIST_MAX + 1] = {"GET", "HEAD",
                                                               "POST"};

    return cors_list(res, "Access-Control-Allow-Methods",
                     o->methods[0] != NULL ? o->methods : safelisted);
}

/* What was asked for comes back only if it is a list of names. */
static int cors_allow_headers(const struct flare_cors *o, const flare_req *req,
                              flare_res *res)
{
    struct flare_str asked =
        flare_req_header(req, "Access-Control-Request-Headers");
    struct flare_str rest = asked;
    struct flare_str name;

    if (!cors_is_any(o->headers))
        return cors_list(res, "Access-Control-Allow-Headers", o->headers);
    while (flare__list_next(&rest, FLARE__QUOTED_STRING, &name))
        if (!flare__mw_is_token(name))
            return 0;
    if (asked.len == 0 || asked.len > CORS_LIST_BYTES)
        return 0;
    return flare_res_header(res, "Access-Control-Allow-Headers", asked);
}

static int cors_preflight(const struct flare_cors *o, flare_req *req,
                          flare_res *res, struct flare_str origin)
{
    char age[16];
    int rc = 0;

    if (!cors_is_open(o) || cors_is_any(o->headers))
        rc = flare_res_header(res, "Vary",
                              FLARE_STR("Origin, "
                                        "Access-Control-Request-Headers"));
    if (rc >= 0)
        rc = cors_allow(o, res, origin);
    if (rc >= 0)
        rc = cors_allow_methods(o, res);
    if (rc >= 0)
        rc = cors_allow_headers(o, req, res);
    if (rc >= 0 && o->max_age_s != 0) {
        int len = snprintf(age, sizeof(age), "%u", (unsigned)o->max_age_s);

        rc = flare_res_header(res, "Access-Control-Max-Age",
                              (struct flare_str){age, (size_t)len});
    }
    return rc < 0 ? rc : flare_res_empty(res, 204);
}

static int cors_run(flare_req *req, flare_res *res, struct flare_handler next,
                    void *ctx)
{
    const struct flare_cors *o = ctx;
    struct flare_str origin = flare_req_header(req, "Origin");
    bool is_preflight =
        flare_req_method(req) == FLARE_METHOD_OPTIONS && origin.len > 0 &&
        flare_req_header(req, "Access-Control-Request-Method").len > 0;
    int rc;

    if (is_preflight && cors_allows(o, origin))
        return cors_preflight(o, req, res, origin);
    rc = flare_res_before_head(res, cors_before_head, ctx);
    if (rc >= 0 && is_preflight)
        rc = FLARE_E_FORBIDDEN;
    return rc < 0 ? rc : flare_next(req, res, next);
}

/* ---- options ---- */

/* scheme://host, as browsers write an origin: nothing behind the authority. */
static bool cors_is_origin(const char *text)
{
    const char *host = strstr(text, "://");

    if (strcmp(text, "null") == 0)
        return true;
    if (host == NULL || host == text || host[3] == '\0')
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= 0x20 || *p >= 0x7f || (*p >= 'A' && *p <= 'Z'))
            return false;
    return strpbrk(host + 3, "/?#@,") == NULL;
}

static int cors_check_list(const char *name, struct flare_error *err,
                           const char *const list[FLARE_LIST_MAX + 1])
{
    char text[CORS_LIST_BYTES];
    size_t sum = 0;

    if (flare__mw_list_count(list) < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cors: %s has more than %d elements", name,
                            FLARE_LIST_MAX);
    for (int i = 0; list[i] != NULL; i++) {
        sum += strlen(list[i]) + 2;
        if (!flare__mw_is_token(flare_str(list[i])))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "cors: %s: '%s' is not a token", name, list[i]);
        if (strcmp(list[i], "*") == 0 && list[1] != NULL)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "cors: %s: '*' must stand alone", name);
    }
    if (sum > sizeof(text))
        return flare__error(err, FLARE_E_BAD_CONFIG, "cors: %s is too long",
                            name);
    return 0;
}

static int cors_check_origins(const struct flare_cors *o,
                              struct flare_error *err)
{
    int count = flare__mw_list_count(o->origins);

    if (count < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cors: origins has more than %d elements",
                            FLARE_LIST_MAX);
    if (count == 0 && o->allows == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cors: neither origins nor allows is given");
    if (cors_is_any(o->origins))
        return count == 1 && o->allows == NULL
                   ? 0
                   : flare__error(err, FLARE_E_BAD_CONFIG,
                                  "cors: origins: '*' must stand alone");
    for (int i = 0; i < count; i++)
        if (!cors_is_origin(o->origins[i]))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "cors: origins: '%s' is not an origin as "
                                "browsers send it",
                                o->origins[i]);
    return 0;
}

int flare_cors_init(struct flare_middleware *out,
                    const struct flare_cors *options, struct flare_error *err)
{
    int rc = cors_check_origins(options, err);

    if (rc >= 0)
        rc = cors_check_list("methods", err, options->methods);
    if (rc >= 0)
        rc = cors_check_list("headers", err, options->headers);
    if (rc >= 0)
        rc = cors_check_list("expose", err, options->expose);
    if (rc < 0)
        return rc;
    if (options->credentials &&
        (cors_is_any(options->origins) || cors_is_any(options->methods) ||
         cors_is_any(options->headers) || cors_is_any(options->expose)))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cors: credentials and '*' exclude each other");
    if (options->max_age_s > CORS_AGE_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "cors: max_age_s must be at most %d", CORS_AGE_MAX);
    *out = (struct flare_middleware){cors_run, (void *)(uintptr_t)options};
    return 0;
}
