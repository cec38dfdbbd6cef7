/* SPDX-License-Identifier: MIT */
/* See setcookie.h. */
#include "http/setcookie.h"

#include "base/log.h"
#include "http/cookie.h"
#include "http/date.h"
#include "http/list.h"

#include <string.h>

bool flare__cookie_is_control(char c)
{
    unsigned char byte = (unsigned char)c;

    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
}

int64_t flare__cookie_latest(int64_t now_s)
{
    if (now_s > INT64_MAX - FLARE_COOKIE_AGE_MAX_S)
        return INT64_MAX;
    return now_s + FLARE_COOKIE_AGE_MAX_S;
}

/* What stands before the first `mark`; `rest` becomes what stands behind it. */
static struct flare_str cut(struct flare_str *rest, char mark)
{
    const char *end = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    struct flare_str piece = *rest;

    if (end == NULL) {
        *rest = (struct flare_str){NULL, 0};
        return piece;
    }
    piece.len = (size_t)(end - piece.ptr);
    *rest = (struct flare_str){end + 1, rest->len - piece.len - 1};
    return piece;
}

/* ---- dates: section 5.1.1 ---- */

struct date {
    uint32_t hour, minute, second, day, month, year;
    bool has_time, has_day, has_month, has_year;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_delimiter(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte == 0x09 || (byte >= 0x20 && byte <= 0x2F) ||
           (byte >= 0x3B && byte <= 0x40) || (byte >= 0x5B && byte <= 0x60) ||
           (byte >= 0x7B && byte <= 0x7E);
}

/*
 * Takes `least` to `most` digits off the text, behind which no other digit may
 * stand.
 */
static bool take_number(struct flare_str *text, size_t least, size_t most,
                        uint32_t *out)
{
    uint32_t number = 0;
    size_t len = 0;

    for (; len < text->len && len <= most && is_digit(text->ptr[len]); len++)
        number = number * 10 + (uint32_t)(text->ptr[len] - '0');
    if (len < least || len > most)
        return false;
    *text = (struct flare_str){text->ptr + len, text->len - len};
    *out = number;
    return true;
}

static bool take_colon(struct flare_str *text)
{
    if (text->len == 0 || text->ptr[0] != ':')
        return false;
    *text = (struct flare_str){text->ptr + 1, text->len - 1};
    return true;
}

static bool date_time(struct date *d, struct flare_str token)
{
    uint32_t hour, minute, second;

    if (!take_number(&token, 1, 2, &hour) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &minute) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &second))
        return false;
    d->hour = hour;
    d->minute = minute;
    d->second = second;
    return true;
}

static bool date_month(struct date *d, struct flare_str token)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    token.len = token.len < 3 ? token.len : 3;
    for (uint32_t i = 0; i < 12; i++) {
        if (flare_str_equal_nocase(token,
                                   (struct flare_str){names + 3 * i, 3})) {
            d->month = i + 1;
            return true;
        }
    }
    return false;
}

/* One token is one thing, and the first thing that it can be. */
static void date_token(struct date *d, struct flare_str token)
{
    struct flare_str rest = token;

    if (!d->has_time && date_time(d, token))
        d->has_time = true;
    else if (!d->has_day && take_number(&rest, 1, 2, &d->day))
        d->has_day = true;
    else if (!d->has_month && date_month(d, token))
        d->has_month = true;
    else if (!d->has_year && take_number(&rest, 2, 4, &d->year))
        d->has_year = true;
}

int flare__cookie_date_parse(struct flare_str text, int64_t *out)
{
    struct date d = {0};
    size_t at = 0;

    while (at < text.len) {
        size_t start = at;

        while (at < text.len && !is_delimiter(text.ptr[at]))
            at++;
        if (at > start)
            date_token(&d, (struct flare_str){text.ptr + start, at - start});
        else
            at++;
    }
    if (!d.has_time || !d.has_day || !d.has_month || !d.has_year)
        return FLARE_E_BAD_INPUT;
    if (d.year <= 69)
        d.year += 2000;
    else if (d.year <= 99)
        d.year += 1900;
    if (d.year < 1601 || d.hour > 23 || d.minute > 59 || d.second > 59)
        return FLARE_E_BAD_INPUT;
    return flare__date_of(d.year, d.month, d.day,
                          d.hour * 3600 + d.minute * 60 + d.second, out);
}

/* ---- attributes: sections 5.6.1 to 5.6.7 ---- */

/* What the last attribute of each name says; Max-Age goes before Expires. */
struct lifetime {
    int64_t expires_s;
    int64_t end_s; /* of Max-Age */
    bool has_expires;
    bool has_max_age;
};

static void on_expires(struct lifetime *l, struct flare_str value,
                       int64_t now_s)
{
    int64_t latest = flare__cookie_latest(now_s);
    int64_t date;

    if (flare__cookie_date_parse(value, &date) < 0)
        return;
    l->has_expires = true;
    l->expires_s = date < latest ? date : latest;
}

static void on_max_age(struct lifetime *l, struct flare_str value,
                       int64_t now_s)
{
    bool is_negative = value.len > 0 && value.ptr[0] == '-';
    int64_t age = 0;

    if (value.len == (is_negative ? 1u : 0u))
        return;
    for (size_t i = is_negative ? 1 : 0; i < value.len; i++) {
        if (!is_digit(value.ptr[i]))
            return;
        if (age < FLARE_COOKIE_AGE_MAX_S)
            age = age * 10 + (value.ptr[i] - '0');
    }
    l->has_max_age = true;
    if (is_negative || age == 0)
        l->end_s = INT64_MIN;
    else if (age >= FLARE_COOKIE_AGE_MAX_S ||
             now_s > INT64_MAX - FLARE_COOKIE_AGE_MAX_S)
        l->end_s = flare__cookie_latest(now_s);
    else
        l->end_s = now_s + age;
}

static void on_domain(struct flare__set_cookie *c, struct flare_str value)
{
    if (value.len > 0 && value.ptr[0] == '.')
        value = (struct flare_str){value.ptr + 1, value.len - 1};
    c->domain = value;
}

static void on_path(struct flare__set_cookie *c, struct flare_str value)
{
    c->has_path = true;
    c->path = value.len > 0 && value.ptr[0] == '/'
                  ? value
                  : (struct flare_str){NULL, 0};
}

static void on_same_site(struct flare__set_cookie *c, struct flare_str value)
{
    c->same_site = FLARE_SAME_SITE_UNSAID;
    if (flare_str_equal_nocase(value, FLARE_STR("None")))
        c->same_site = FLARE_SAME_SITE_NONE;
    else if (flare_str_equal_nocase(value, FLARE_STR("Strict")))
        c->same_site = FLARE_SAME_SITE_STRICT;
    else if (flare_str_equal_nocase(value, FLARE_STR("Lax")))
        c->same_site = FLARE_SAME_SITE_LAX;
}

static void on_attribute(struct flare__set_cookie *c, struct lifetime *l,
                         struct flare_str text, int64_t now_s)
{
    struct flare_str value = text;
    struct flare_str name = flare__trim(cut(&value, '='));

    value = flare__trim(value);
    if (value.len > FLARE__COOKIE_ATTRIBUTE_MAX)
        return;
    if (flare_str_equal_nocase(name, FLARE_STR("Expires")))
        on_expires(l, value, now_s);
    else if (flare_str_equal_nocase(name, FLARE_STR("Max-Age")))
        on_max_age(l, value, now_s);
    else if (flare_str_equal_nocase(name, FLARE_STR("Domain")))
        on_domain(c, value);
    else if (flare_str_equal_nocase(name, FLARE_STR("Path")))
        on_path(c, value);
    else if (flare_str_equal_nocase(name, FLARE_STR("Secure")))
        c->is_secure = true;
    else if (flare_str_equal_nocase(name, FLARE_STR("HttpOnly")))
        c->is_http_only = true;
    else if (flare_str_equal_nocase(name, FLARE_STR("SameSite")))
        on_same_site(c, value);
}

/* ---- the field: section 5.6 ---- */

/* The pair in front, and what section 5.7 says of it in its steps 2 to 4. */
static int read_pair(struct flare__set_cookie *c, struct flare_str pair,
                     struct flare_error *err)
{
    bool has_name = pair.len > 0 && memchr(pair.ptr, '=', pair.len) != NULL;

    c->name = (struct flare_str){NULL, 0};
    if (has_name)
        c->name = flare__trim(cut(&pair, '='));
    c->value = flare__trim(pair);
    if (c->name.len == 0 && c->value.len == 0)
        return flare__error(err, FLARE_E_COOKIE_SYNTAX,
                            "cookie: it has neither name nor value");
    if (c->name.len + c->value.len > FLARE_COOKIE_PAIR_MAX)
        return flare__error(err, FLARE_E_COOKIE_TOO_LARGE,
                            "cookie: its name and value have %zu bytes, more "
                            "than %d",
                            c->name.len + c->value.len, FLARE_COOKIE_PAIR_MAX);
    return 0;
}

int flare__set_cookie_parse(struct flare__set_cookie *out,
                            struct flare_str text, int64_t now_s,
                            struct flare_error *err)
{
    struct flare__set_cookie c = {.expires_s = INT64_MAX};
    struct lifetime life = {0};
    int rc;

    for (size_t i = 0; i < text.len; i++)
        if (flare__cookie_is_control(text.ptr[i]))
            return flare__error(err, FLARE_E_COOKIE_SYNTAX,
                                "cookie: byte %zu is a control", i + 1);
    rc = read_pair(&c, cut(&text, ';'), err);
    if (rc < 0)
        return rc;
    while (text.len > 0)
        on_attribute(&c, &life, cut(&text, ';'), now_s);
    c.is_persistent = life.has_max_age || life.has_expires;
    if (life.has_max_age)
        c.expires_s = life.end_s;
    else if (life.has_expires)
        c.expires_s = life.expires_s;
    *out = c;
    return 0;
}
