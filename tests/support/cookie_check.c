/* SPDX-License-Identifier: MIT */
/* See cookie_check.h. */
#include "tests/support/cookie_check.h"

#include "base/alloc.h"
#include "http/jar.h"
#include "http/jar_text.h"
#include "http/setcookie.h"
#include "tests/support/cookie_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_COOKIES = 12, CHECK_PER_DOMAIN = 4, CHECK_NOW = 1700000000 };

struct script {
    struct flare_str bytes;
    char said[512];
    flare_cookie_jar *jar;
    struct cookie_oracle *oracle;
    int64_t now_s;
};

static size_t take(struct script *s, size_t below)
{
    size_t byte = 0;

    if (s->bytes.len > 0) {
        byte = (unsigned char)s->bytes.ptr[0];
        s->bytes.ptr++;
        s->bytes.len--;
    }
    return byte % below;
}

#define PICK(s, list) list[take(s, sizeof(list) / sizeof((list)[0]))]

static bool is_public(struct flare_str domain, void *ctx)
{
    (void)ctx;
    return flare_str_equal(domain, FLARE_STR("co.uk"));
}

static struct flare_cookie_url take_url(struct script *s)
{
    static const char *const hosts[] = {
        "example.com",  "www.example.com", "a.WWW.example.com", "EXAMPLE.com",
        "example.com.", "example.org",     "127.0.0.1",         "[::1]",
        "localhost",    "shop.co.uk",      "x.shop.co.uk",      "co.uk",
    };
    static const char *const paths[] = {"/",     "/a",     "/a/", "/a/b?c=/d",
                                        "/a/b/", "/ab/cd", "",    "*"};
    struct flare_cookie_url url = {
        .host = flare_str(PICK(s, hosts)),
        .path = flare_str(PICK(s, paths)),
    };
    size_t facts = take(s, 8);

    url.is_secure = (facts & 1) != 0;
    url.site = (enum flare_site)(facts >> 1);
    return url;
}

static struct flare_str take_field(struct script *s)
{
    static const char *const pairs[] = {
        "a=", "a=",        "a=",          "b=", "b=",        "c=", "",
        "=",  "__Host-a=", "__SECURE-a=", "d=", "__Http-a=", "=a="};
    static const char *const domains[] = {
        "",
        "",
        "",
        "; Domain=example.com",
        "; domain=.Example.com",
        "; Domain=www.example.com",
        "; Domain=com",
        "; Domain=co.uk",
        "; Domain=shop.co.uk",
        "; Domain=127.0.0.1",
        "; Domain=0.0.1",
        "; Domain=localhost",
        "; Domain=example.com.",
        "; Domain=ample.com",
        "; Domain=example.com; Domain=",
        "; Domain=[::1]",
    };
    static const char *const paths[] = {
        "",         "; Path=/", "; Path=/a",   "; Path=/a/",
        "; Path=x", "; Path=",  "; path=/a/b", "; Path=/ab"};
    static const char *const ends[] = {
        "",
        "",
        "; Max-Age=5",
        "; Max-Age=0",
        "; Max-Age=-1",
        "; Max-Age=99999999999999999999",
        "; Expires=Tue, 14 Nov 2023 22:14:00 GMT",
        "; Expires=1 Jan 1970 00:00:00",
        "; Max-Age=30; Expires=1 Jan 1970 00:00:00",
        "; Expires=tomorrow",
    };
    static const char *const flags[] = {
        "",
        "",
        "; Secure",
        "; Secure; HttpOnly",
        "; HttpOnly",
        "; SameSite=Strict",
        "; SameSite=Lax",
        "; SameSite=None",
        "; SameSite=None; Secure",
        "; SameSite=else",
    };
    const char *pair = PICK(s, pairs);
    size_t value = take(s, 8);
    const char *domain = PICK(s, domains), *path = PICK(s, paths);
    const char *end = PICK(s, ends);
    int len = snprintf(s->said, sizeof(s->said), "%s%.*zu%s%s%s%s", pair, 1,
                       value, domain, path, end, PICK(s, flags));

    return (struct flare_str){s->said, (size_t)len};
}

static const char *check_header(struct script *s)
{
    struct flare_cookie_url url = take_url(s);
    char *want = cookie_oracle_header(s->oracle, &url, s->now_s);
    size_t len = strlen(want);
    char *got = malloc(len + 1);
    int rc = flare_cookie_jar_header(s->jar, &url, s->now_s, got, len);
    bool is_same = rc == (int)len && memcmp(got, want, len) == 0;

    free(got);
    free(want);
    return is_same ? NULL : "another Cookie field than the oracle's";
}

static const char *check_store(struct script *s)
{
    struct flare_cookie_url url = take_url(s);
    struct flare_str field = take_field(s);
    int want = cookie_oracle_store(s->oracle, &url, field, s->now_s);

    if (flare_cookie_jar_store(s->jar, &url, field, s->now_s, NULL) != want)
        return "another verdict on a Set-Cookie field than the oracle's";
    return NULL;
}

/* ---- through text and back ---- */

static struct flare__jar_text text_of(const flare_cookie_jar *jar)
{
    struct flare__jar_text text = {.al = &flare__allocator_default};
    const struct flare__jar_cookie *c = jar->list.oldest;

    flare__jar_text_begin(&text, FLARE_COOKIE_FORMAT_OWN);
    for (; c != NULL; c = c->links[FLARE__JAR_ALL].newer) {
        struct flare_cookie_info info;

        flare__jar_info_of(c, &info);
        (void)flare__jar_text_add(&text, FLARE_COOKIE_FORMAT_OWN, &info,
                                  c->number);
    }
    return text;
}

static const char *read_back(const struct script *s, struct flare_str text,
                             flare_cookie_jar *jar)
{
    (void)flare__jar_line_next(&text);
    while (text.len > 0) {
        struct flare__jar_line line;

        if (flare__jar_line_read(&line, FLARE_COOKIE_FORMAT_OWN,
                                 flare__jar_line_next(&text), s->now_s) != NULL)
            return "a line that was written cannot be read";
        if (flare__jar_put(jar, &line.cookie) < 0)
            return "a cookie that was there cannot be kept";
    }
    return NULL;
}

static const struct flare_cookie_jar_config config = {
    .cookies_max = CHECK_COOKIES,
    .per_domain_max = CHECK_PER_DOMAIN,
    .is_public_suffix = is_public,
};

/* The jar that was read goes on in the place of the one that was written. */
static const char *check_text(struct script *s)
{
    struct flare__jar_text before = text_of(s->jar), after;
    flare_cookie_jar *jar;
    const char *what = NULL;

    if (flare_cookie_jar_new(&jar, &config, NULL) < 0)
        abort();
    what = read_back(s, (struct flare_str){before.bytes, before.len}, jar);
    after = text_of(jar);
    if (what == NULL && (before.len != after.len ||
                         memcmp(before.bytes, after.bytes, after.len) != 0))
        what = "read back and written, it is another text";
    flare__jar_text_fini(&before);
    flare__jar_text_fini(&after);
    flare_cookie_jar_free(s->jar);
    s->jar = jar;
    return what;
}

static const char *step(struct script *s)
{
    size_t what = take(s, 16);

    if (what < 8)
        return check_store(s);
    if (what < 13)
        return check_header(s);
    if (what == 13)
        s->now_s += (int64_t)take(s, 16);
    if (what == 14)
        return check_text(s);
    if (what == 15 && take(s, 4) == 0) {
        (void)flare_cookie_jar_clear_session(s->jar);
        cookie_oracle_clear_session(s->oracle);
    }
    return NULL;
}

const char *cookie_check_jar(struct flare_str script)
{
    struct script s = {.bytes = script, .now_s = CHECK_NOW};
    const char *what = NULL;

    if (flare_cookie_jar_new(&s.jar, &config, NULL) < 0)
        abort();
    s.oracle = cookie_oracle_new(CHECK_COOKIES, CHECK_PER_DOMAIN, is_public);
    while (what == NULL && s.bytes.len > 0) {
        what = step(&s);
        flare__jar_check(s.jar);
        if (what == NULL &&
            flare_cookie_jar_count(s.jar) != cookie_oracle_count(s.oracle))
            what = "another number of cookies than the oracle's";
    }
    cookie_oracle_free(s.oracle);
    flare_cookie_jar_free(s.jar);
    return what;
}

/* ---- fields ---- */

static const char *check_date(struct flare_str text)
{
    int64_t got = 0, want = 0;
    bool is_date = flare__cookie_date_parse(text, &got) == 0;

    if (is_date != cookie_oracle_date(text, &want))
        return "a date is one for one of two only";
    return is_date && got != want ? "another date than the oracle's" : NULL;
}

static bool is_path_same(const struct flare__set_cookie *got,
                         const struct cookie_oracle_field *want)
{
    return got->has_path == (want->path != NULL) &&
           flare_str_equal(got->path, flare_str(want->path));
}

static const char *compare(const struct flare__set_cookie *got,
                           const struct cookie_oracle_field *want)
{
    if (!flare_str_equal(got->name, flare_str(want->name)) ||
        !flare_str_equal(got->value, flare_str(want->value)))
        return "another pair than the oracle's";
    if (!flare_str_equal_nocase(got->domain, flare_str(want->domain)))
        return "another Domain than the oracle's";
    if (!is_path_same(got, want))
        return "another Path than the oracle's";
    if (got->is_persistent != want->is_persistent ||
        got->expires_s != want->expires_s)
        return "another end than the oracle's";
    if (got->is_secure != want->is_secure ||
        got->is_http_only != want->is_http_only ||
        got->same_site != want->same_site)
        return "other flags than the oracle's";
    return NULL;
}

const char *cookie_check_field(struct flare_str field)
{
    struct cookie_oracle_field want;
    struct flare__set_cookie got;
    int want_rc = cookie_oracle_parse(&want, field, CHECK_NOW);
    int rc = flare__set_cookie_parse(&got, field, CHECK_NOW, NULL);
    const char *what = check_date(field);

    if (what == NULL && rc != want_rc)
        what = "another verdict on a field than the oracle's";
    if (what == NULL && rc == 0)
        what = compare(&got, &want);
    cookie_oracle_field_fini(&want);
    return what;
}
