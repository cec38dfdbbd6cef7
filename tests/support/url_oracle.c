/* SPDX-License-Identifier: MIT */
/* See url_oracle.h. */
#include "tests/support/url_oracle.h"

#include "tests/support/host_oracle.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE "%[0-9A-Fa-f][0-9A-Fa-f]"
#define PLAIN "A-Za-z0-9._~!$&'()*+,;="

enum form {
    FORM_URL, /* appendix B */
    FORM_AUTHORITY,
    FORM_SCHEME,
    FORM_USERINFO,
    FORM_PATH,
    FORM_QUERY,
    FORM_COUNT
};

static const char *const forms[FORM_COUNT] = {
    [FORM_URL] = "^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)"
                 "(\\?([^#]*))?(#(.*))?$",
    [FORM_AUTHORITY] = "^(([^@]*)@)?(\\[[^]]*\\]|[^:]*)(:([0-9]*))?$",
    [FORM_SCHEME] = "^[A-Za-z][A-Za-z0-9+.-]*$",
    [FORM_USERINFO] = "^([" PLAIN ":-]|" ESCAPE ")*$",
    [FORM_PATH] = "^([" PLAIN ":@/-]|" ESCAPE ")*$",
    [FORM_QUERY] = "^([" PLAIN ":@/?-]|" ESCAPE ")*$",
};

enum { GROUPS = 10, ROOM = 8 * URL_ORACLE_MAX };

static bool form_match(enum form form, const char *text, regmatch_t at[GROUPS])
{
    static regex_t compiled[FORM_COUNT]; /* kept to the end of the process */
    static bool is_compiled[FORM_COUNT];

    if (!is_compiled[form] &&
        regcomp(&compiled[form], forms[form], REG_EXTENDED) != 0)
        abort();
    is_compiled[form] = true;
    return regexec(&compiled[form], text, GROUPS, at, 0) == 0;
}

static bool form_is(enum form form, const char *text)
{
    regmatch_t at[GROUPS];

    return form_match(form, text, at);
}

static void part_take(struct url_oracle_part *part, const char *text,
                      regmatch_t at)
{
    part->has = at.rm_so >= 0;
    part->text[0] = '\0';
    if (part->has)
        snprintf(part->text, sizeof(part->text), "%.*s",
                 (int)(at.rm_eo - at.rm_so), text + at.rm_so);
}

static bool authority_read(struct url_oracle *out)
{
    const char *text = out->authority.text;
    regmatch_t at[GROUPS];
    struct url_oracle_part port;

    if (!form_match(FORM_AUTHORITY, text, at))
        return false;
    part_take(&out->userinfo, text, at[2]);
    part_take(&out->host, text, at[3]);
    part_take(&port, text, at[5]);
    if (!form_is(FORM_USERINFO, out->userinfo.text))
        return false;
    if (out->host.text[0] == '\0')
        return !out->userinfo.has && !port.has;
    if (!host_oracle(out->host.text, false) || strlen(port.text) > 5)
        return false;
    out->port = (int)strtol(port.text, NULL, 10);
    return port.text[0] == '\0' || (out->port >= 1 && out->port <= 65535);
}

static bool path_is_right(const struct url_oracle *u)
{
    if (!form_is(FORM_PATH, u->path.text))
        return false;
    return u->scheme.has || u->authority.has ||
           strcspn(u->path.text, ":") >= strcspn(u->path.text, "/");
}

bool url_oracle_read(struct url_oracle *out, const char *text)
{
    regmatch_t at[GROUPS];

    memset(out, 0, sizeof(*out));
    if (strlen(text) > URL_ORACLE_MAX || !form_match(FORM_URL, text, at))
        return false;
    part_take(&out->scheme, text, at[2]);
    part_take(&out->authority, text, at[4]);
    part_take(&out->path, text, at[5]);
    part_take(&out->query, text, at[7]);
    part_take(&out->fragment, text, at[9]);
    if (out->scheme.has && !form_is(FORM_SCHEME, out->scheme.text))
        return false;
    if (out->authority.has && !authority_read(out))
        return false;
    return path_is_right(out) && form_is(FORM_QUERY, out->query.text) &&
           form_is(FORM_QUERY, out->fragment.text);
}

/* Appends to the string in `out`; nothing here is ever longer than ROOM. */
static void append(char *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char *out, const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + len, ROOM - len, format, args);
    va_end(args);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Drops `count` bytes in front and puts `instead` there. */
static void input_replace(char *in, size_t count, const char *instead)
{
    size_t len = strlen(instead);

    memmove(in + len, in + count, strlen(in + count) + 1);
    memcpy(in, instead, len);
}

static void output_drop_last(char *out)
{
    char *slash = strrchr(out, '/');

    *(slash != NULL ? slash : out) = '\0';
}

/* Section 5.2.4, steps A to E. */
static void dots_remove(char *in, char *out)
{
    *out = '\0';
    while (*in != '\0') {
        if (begins(in, "../")) {
            input_replace(in, 3, "");
        } else if (begins(in, "./")) {
            input_replace(in, 2, "");
        } else if (begins(in, "/./")) {
            input_replace(in, 3, "/");
        } else if (strcmp(in, "/.") == 0) {
            input_replace(in, 2, "/");
        } else if (begins(in, "/../")) {
            input_replace(in, 4, "/");
            output_drop_last(out);
        } else if (strcmp(in, "/..") == 0) {
            input_replace(in, 3, "/");
            output_drop_last(out);
        } else if (strcmp(in, ".") == 0 || strcmp(in, "..") == 0) {
            *in = '\0';
        } else {
            size_t len = 1 + strcspn(in + 1, "/");

            append(out, "%.*s", (int)len, in);
            input_replace(in, len, "");
        }
    }
}

static void authority_append(const struct url_oracle *u, char *out)
{
    if (!u->authority.has)
        return;
    append(out, "//%s%s%s", u->userinfo.text, u->userinfo.has ? "@" : "",
           u->host.text);
    if (u->port > 0)
        append(out, ":%d", u->port);
}

/* Section 5.2.3; `out` is empty. */
static void paths_merge(const struct url_oracle *base, const char *path,
                        char *out)
{
    const char *slash = strrchr(base->path.text, '/');
    int folder = slash != NULL ? (int)(slash + 1 - base->path.text) : 0;

    if (base->authority.has && base->path.text[0] == '\0')
        append(out, "/%s", path);
    else
        append(out, "%.*s%s", folder, base->path.text, path);
}

void url_oracle_resolve(const struct url_oracle *base,
                        const struct url_oracle *reference, char *out)
{
    static char merged[ROOM], path[ROOM];
    bool is_own = reference->scheme.has || reference->authority.has;
    const struct url_oracle *from = is_own ? reference : base;
    const struct url_oracle *query = reference;

    *out = *merged = *path = '\0';
    append(out, "%s:", (reference->scheme.has ? reference : base)->scheme.text);
    authority_append(from, out);
    if (!is_own && reference->path.text[0] == '\0') {
        append(path, "%s", base->path.text);
        if (!reference->query.has)
            query = base;
    } else {
        if (is_own || reference->path.text[0] == '/')
            append(merged, "%s", reference->path.text);
        else
            paths_merge(base, reference->path.text, merged);
        dots_remove(merged, path);
    }
    if (!from->authority.has && begins(path, "//"))
        append(out, "/.");
    append(out, "%s", path);
    if (query->query.has)
        append(out, "?%s", query->query.text);
    if (reference->fragment.has)
        append(out, "#%s", reference->fragment.text);
}
