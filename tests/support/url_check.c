/* SPDX-License-Identifier: MIT */
/* See url_check.h. */
#include "tests/support/url_check.h"

#include "http/host.h"
#include "http/url.h"
#include "tests/support/url_oracle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8 * URL_ORACLE_MAX };

static bool is_same(struct flare_str part, const char *text)
{
    return part.len == strlen(text) && memcmp(part.ptr, text, part.len) == 0;
}

static bool part_is(struct flare_str part, const struct url_oracle_part *other)
{
    return part.len == 0 ? other->text[0] == '\0' : is_same(part, other->text);
}

static bool host_is(const struct flare_url *url, const char *text)
{
    size_t len = strlen(text);

    if (url->has_brackets)
        return len == url->host.len + 2 && text[0] == '[' &&
               memcmp(text + 1, url->host.ptr, url->host.len) == 0;
    return url->host.len == 0 ? len == 0 : is_same(url->host, text);
}

static bool is_as_oracle(const struct flare_url *url,
                         const struct url_oracle *other)
{
    return part_is(url->scheme, &other->scheme) &&
           url->has_authority == other->authority.has &&
           url->has_userinfo == other->userinfo.has &&
           part_is(url->userinfo, &other->userinfo) &&
           host_is(url, other->host.text) && url->port == other->port &&
           part_is(url->path, &other->path) &&
           url->has_query == other->query.has &&
           part_is(url->query, &other->query) &&
           url->has_fragment == other->fragment.has &&
           part_is(url->fragment, &other->fragment);
}

/* The text as a string; false if a string cannot hold it. */
static bool to_string(char *out, struct flare_str text)
{
    if (text.len > URL_ORACLE_MAX ||
        (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static const char *check_format(const struct flare_url *url)
{
    static char once[ROOM], twice[ROOM];
    struct flare_url again;
    int len = flare_url_format(url, FLARE_URL_WHOLE, once, sizeof(once));

    if (len < 0 || strlen(once) != (size_t)len)
        return "what was read cannot be written";
    if (flare_url_parse(&again, flare_str(once), NULL) < 0 ||
        flare_url_format(&again, FLARE_URL_WHOLE, twice, sizeof(twice)) !=
            len ||
        strcmp(once, twice) != 0)
        return "what was written is read as something else";
    if (flare_url_format(url, FLARE_URL_WHOLE, once, (size_t)len) != -ENOBUFS)
        return "written without room for the NUL";
    return NULL;
}

static const char *check_normal(const struct flare_url *url)
{
    static char once[ROOM], twice[ROOM];
    struct flare_url again;

    if (flare_url_normalize(url, once, sizeof(once)) < 0)
        return "what was read cannot be normalised";
    if (flare_url_parse(&again, flare_str(once), NULL) < 0)
        return "normal form is no URL";
    if (flare_url_normalize(&again, twice, sizeof(twice)) < 0 ||
        strcmp(once, twice) != 0)
        return "normal form is not normal";
    if (url->has_authority != again.has_authority ||
        url->has_userinfo != again.has_userinfo ||
        url->has_query != again.has_query ||
        flare_url_port(url) != flare_url_port(&again))
        return "normal form says something else";
    if (flare_url_port(url) != 0 && url->host.len > 0 && url->scheme.len > 0 &&
        !flare_url_same_origin(url, &again))
        return "normal form is of another origin";
    return NULL;
}

/* Nothing that is sent ends a line, or has what is nobody's business. */
static const char *check_sent(const struct flare_url *url)
{
    static char out[ROOM];
    int len = flare__url_target(url, out, sizeof(out));

    if (url->host.len == 0)
        return NULL;
    if (len < 1 || out[0] != '/' || strpbrk(out, " #\r\n") != NULL)
        return "a target that is none";
    len = flare__url_authority(url, out, sizeof(out));
    if (len < 1 || !flare__host_is_valid(flare_str(out), FLARE__PORT_MAY_BE))
        return "a Host that is none";
    if (flare_url_port(url) != 0 &&
        (flare__url_connect(url, out, sizeof(out)) < 1 ||
         !flare__host_is_valid(flare_str(out), FLARE__PORT_MUST_BE)))
        return "a target of CONNECT that is none";
    if (flare__url_absolute(url, out, sizeof(out)) < 1 ||
        strpbrk(out, " #\r\n") != NULL)
        return "an absolute target that is none";
    return NULL;
}

const char *url_check(struct flare_str text)
{
    static struct url_oracle other;
    char string[URL_ORACLE_MAX + 1];
    struct flare_error err = {.code = 0};
    struct flare_url url;
    const char *broken;
    int rc = flare_url_parse(&url, text, &err);

    if (rc < 0 && (rc != FLARE_E_BAD_URL || err.code != rc))
        return "a refusal without its code";
    for (const char *p = err.text; rc < 0 && *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            return "a refusal that is not printable";
    if (to_string(string, text)) {
        if (url_oracle_read(&other, string) != (rc == 0))
            return "the naive reader thinks otherwise";
        if (rc == 0 && !is_as_oracle(&url, &other))
            return "the naive reader finds other parts";
    } else if (rc == 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        return "a NUL in a URL";
    }
    if (rc < 0)
        return NULL;
    broken = check_format(&url);
    if (broken == NULL)
        broken = check_normal(&url);
    return broken != NULL ? broken : check_sent(&url);
}

const char *url_check_resolve(struct flare_str base, struct flare_str reference)
{
    static struct url_oracle one, other;
    static char out[ROOM], wanted[ROOM];
    char string[URL_ORACLE_MAX + 1];
    struct flare_url base_url, url, again;
    size_t enough = base.len + reference.len + 8;
    int rc;

    if (flare_url_parse(&base_url, base, NULL) < 0 ||
        flare_url_parse(&url, reference, NULL) < 0 || enough > sizeof(out))
        return NULL;
    rc = flare_url_resolve(&base_url, &url, out, enough);
    if (base_url.scheme.len == 0)
        return rc == FLARE_E_BAD_URL ? NULL : "resolved against nothing";
    if (rc < 0 || strlen(out) != (size_t)rc)
        return "not resolved";
    if (flare_url_parse(&again, flare_str(out), NULL) < 0 ||
        again.scheme.len == 0)
        return "resolved to what is no absolute URL";
    if (!to_string(string, base) || !url_oracle_read(&one, string) ||
        !to_string(string, reference) || !url_oracle_read(&other, string))
        return NULL;
    url_oracle_resolve(&one, &other, wanted);
    return strcmp(out, wanted) == 0 ? NULL
                                    : "the naive reader resolves otherwise";
}
