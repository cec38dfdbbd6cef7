/* SPDX-License-Identifier: MIT */
/* Naive on purpose: copies everything, and walks all of it. */
#include "tests/support/cookie_oracle.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { ORACLE_COOKIES = 512, ORACLE_DAYS = 400 };

static void *need(void *block)
{
    if (block == NULL)
        abort();
    return block;
}

static char *copy(const char *text, size_t len)
{
    char *out = need(malloc(len + 1));

    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
    return out;
}

/* ---- dates ---- */

#define NUMBER(digits) "([0-9]{" digits "})"
#define REST "([^0-9].*)?$" /* [ non-digit *OCTET ] */

enum shape { SHAPE_TIME, SHAPE_DAY, SHAPE_YEAR, SHAPES };

static const char *const patterns[SHAPES] = {
    [SHAPE_TIME] = "^" NUMBER("1,2") ":" NUMBER("1,2") ":" NUMBER("1,2") REST,
    [SHAPE_DAY] = "^" NUMBER("1,2") REST,
    [SHAPE_YEAR] = "^" NUMBER("2,4") REST,
};

/* The numbers in a token of that shape; false: it has another. */
static bool match(enum shape shape, const char *token, int *numbers)
{
    static regex_t regexes[SHAPES]; /* compiled once: that takes long */
    static bool are_compiled[SHAPES];
    regex_t *regex = &regexes[shape];
    regmatch_t groups[5];

    if (!are_compiled[shape] &&
        regcomp(regex, patterns[shape], REG_EXTENDED) != 0)
        abort();
    are_compiled[shape] = true;
    if (regexec(regex, token, 5, groups, 0) != 0)
        return false;
    for (int i = 1; i <= 3 && (size_t)i < regex->re_nsub; i++)
        numbers[i - 1] = (int)strtol(token + groups[i].rm_so, NULL, 10);
    return true;
}

static int month_of(const char *token)
{
    static const char *const names[] = {"jan", "feb", "mar", "apr",
                                        "may", "jun", "jul", "aug",
                                        "sep", "oct", "nov", "dec"};

    for (int i = 0; i < 12; i++)
        if (strncasecmp(token, names[i], 3) == 0)
            return i;
    return -1;
}

struct found {
    int time[3], day, month, year;
    bool has_time, has_day, has_month, has_year;
};

static void date_token(struct found *f, const char *token)
{
    if (!f->has_time && match(SHAPE_TIME, token, f->time)) {
        f->has_time = true;
    } else if (!f->has_day && match(SHAPE_DAY, token, &f->day)) {
        f->has_day = true;
    } else if (!f->has_month && month_of(token) >= 0) {
        f->month = month_of(token);
        f->has_month = true;
    } else if (!f->has_year && match(SHAPE_YEAR, token, &f->year)) {
        f->has_year = true;
    }
}

static bool date_make(const struct found *f, int64_t *out)
{
    int year = f->year + (f->year <= 69 ? 2000 : f->year <= 99 ? 1900 : 0);
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = f->month,
                    .tm_mday = f->day,
                    .tm_hour = f->time[0],
                    .tm_min = f->time[1],
                    .tm_sec = f->time[2]};

    if (!f->has_time || !f->has_day || !f->has_month || !f->has_year ||
        f->day < 1 || f->day > 31 || year < 1601 || f->time[0] > 23 ||
        f->time[1] > 59 || f->time[2] > 59)
        return false;
    *out = timegm(&tm);
    return tm.tm_mday == f->day && tm.tm_mon == f->month; /* there is one */
}

bool cookie_oracle_date(struct flare_str text, int64_t *out)
{
    /* the delimiters, written out */
    static const char delimiters[] = "\t !\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~";
    char *all = copy(text.ptr, text.len);
    struct found f = {.month = -1};
    char *at = all;

    for (size_t i = 0; i < text.len; i++)
        if (all[i] == '\0')
            all[i] = '\1'; /* as good, and ends no string */
    for (; *at != '\0'; at += *at != '\0') {
        size_t len = strcspn(at, delimiters);
        char *token = copy(at, len);

        if (len > 0)
            date_token(&f, token);
        free(token);
        at += len;
    }
    free(all);
    return date_make(&f, out);
}

/* ---- fields ---- */

static bool is_control(unsigned char c)
{
    return c <= 8 || (c >= 10 && c <= 31) || c == 127;
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    size_t len;

    while (*text == ' ' || *text == '\t')
        memmove(text, text + 1, strlen(text));
    len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    return text;
}

static void set_max_age(const char *value, int64_t now, bool *has, int64_t *out)
{
    const char *digits = value + (value[0] == '-');
    double seconds;

    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return;
    *has = true;
    seconds = strtod(value, NULL);
    if (seconds > ORACLE_DAYS * 86400.0)
        seconds = ORACLE_DAYS * 86400.0;
    *out = seconds <= 0 ? INT64_MIN : now + (int64_t)seconds;
}

static enum flare_same_site same_site_of(const char *value)
{
    if (strcasecmp(value, "None") == 0)
        return FLARE_SAME_SITE_NONE;
    if (strcasecmp(value, "Strict") == 0)
        return FLARE_SAME_SITE_STRICT;
    if (strcasecmp(value, "Lax") == 0)
        return FLARE_SAME_SITE_LAX;
    return FLARE_SAME_SITE_UNSAID;
}

struct times {
    bool has_max_age, has_expires;
    int64_t max_age, expires;
};

static void set_text(char **to, const char *value, bool is_lower)
{
    free(*to);
    *to = copy(value, strlen(value));
    for (char *c = *to; is_lower && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
}

static void attribute(struct cookie_oracle_field *f, struct times *t,
                      const char *name, const char *value, int64_t now)
{
    int64_t date;

    if (strlen(value) > 1024)
        return;
    if (strcasecmp(name, "Max-Age") == 0)
        set_max_age(value, now, &t->has_max_age, &t->max_age);
    if (strcasecmp(name, "Expires") == 0 &&
        cookie_oracle_date(flare_str(value), &date)) {
        t->has_expires = true;
        t->expires = date;
        if (date > now + ORACLE_DAYS * 86400LL)
            t->expires = now + ORACLE_DAYS * 86400LL;
    }
    if (strcasecmp(name, "Domain") == 0)
        set_text(&f->domain, value + (value[0] == '.'), true);
    if (strcasecmp(name, "Path") == 0)
        set_text(&f->path, value[0] == '/' ? value : "", false);
    if (strcasecmp(name, "Secure") == 0)
        f->is_secure = true;
    if (strcasecmp(name, "HttpOnly") == 0)
        f->is_http_only = true;
    if (strcasecmp(name, "SameSite") == 0)
        f->same_site = same_site_of(value);
}

/* Splits at the first equals; without one, all of it is `*alone`. */
static void halve(const char *text, char **name, char **value, bool is_pair)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL) {
        *name = copy(is_pair ? "" : text, is_pair ? 0 : strlen(text));
        *value = copy(is_pair ? text : "", is_pair ? strlen(text) : 0);
    } else {
        *name = copy(text, (size_t)(equals - text));
        *value = copy(equals + 1, strlen(equals + 1));
    }
    trim(*name);
    trim(*value);
}

static void attributes(struct cookie_oracle_field *f, char *text, int64_t now)
{
    struct times t = {0};

    while (text != NULL) {
        char *next = strchr(text, ';');
        char *name, *value;

        if (next != NULL)
            *next++ = '\0';
        halve(text, &name, &value, false);
        attribute(f, &t, name, value, now);
        free(name);
        free(value);
        text = next;
    }
    f->is_persistent = t.has_max_age || t.has_expires;
    f->expires_s = t.has_max_age   ? t.max_age
                   : t.has_expires ? t.expires
                                   : INT64_MAX;
}

int cookie_oracle_parse(struct cookie_oracle_field *f, struct flare_str text,
                        int64_t now_s)
{
    char *all = copy(text.ptr, text.len);
    char *rest;
    int rc = 0;

    *f = (struct cookie_oracle_field){.domain = copy("", 0)};
    for (size_t i = 0; i < text.len; i++)
        if (is_control((unsigned char)text.ptr[i]))
            rc = FLARE_E_COOKIE_SYNTAX;
    rest = strchr(all, ';');
    if (rest != NULL)
        *rest++ = '\0';
    halve(all, &f->name, &f->value, true);
    if (rc == 0 && *f->name == '\0' && *f->value == '\0')
        rc = FLARE_E_COOKIE_SYNTAX;
    if (rc == 0 && strlen(f->name) + strlen(f->value) > 4096)
        rc = FLARE_E_COOKIE_TOO_LARGE;
    attributes(f, rest, now_s);
    free(all);
    return rc;
}

void cookie_oracle_field_fini(struct cookie_oracle_field *f)
{
    free(f->name);
    free(f->value);
    free(f->domain);
    free(f->path);
}

/* ---- the jar ---- */

struct kept {
    struct cookie_oracle_field f; /* domain and path are resolved */
    bool is_host_only;
    int64_t created_s;
    unsigned long born; /* which store made it */
    unsigned long used;
};

struct cookie_oracle {
    struct kept all[ORACLE_COOKIES];
    size_t count;
    size_t cookies_max;
    size_t per_domain_max;
    unsigned long clock;
    flare_public_suffix_fn is_public;
};

struct cookie_oracle *cookie_oracle_new(size_t cookies_max,
                                        size_t per_domain_max,
                                        flare_public_suffix_fn is_public)
{
    struct cookie_oracle *o = need(calloc(1, sizeof(*o)));

    o->cookies_max = cookies_max;
    o->per_domain_max = per_domain_max;
    o->is_public = is_public;
    return o;
}

static void drop(struct cookie_oracle *o, size_t i)
{
    cookie_oracle_field_fini(&o->all[i].f);
    o->all[i] = o->all[--o->count];
}

void cookie_oracle_free(struct cookie_oracle *o)
{
    while (o->count > 0)
        drop(o, 0);
    free(o);
}

size_t cookie_oracle_count(const struct cookie_oracle *o)
{
    return o->count;
}

void cookie_oracle_clear_session(struct cookie_oracle *o)
{
    for (size_t i = o->count; i-- > 0;)
        if (!o->all[i].f.is_persistent)
            drop(o, i);
}

static void expire(struct cookie_oracle *o, int64_t now)
{
    for (size_t i = o->count; i-- > 0;)
        if (o->all[i].f.is_persistent && o->all[i].f.expires_s <= now)
            drop(o, i);
}

/* A host of good form, without brackets and in lower case. */
static char *host_of(struct flare_str text)
{
    char *host;

    if (text.len > 0 && text.ptr[0] == '[')
        text = (struct flare_str){text.ptr + 1, text.len - 2};
    host = copy(text.ptr, text.len);
    for (char *c = host; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return host;
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

static bool domain_match(const char *host, const char *domain)
{
    size_t h = strlen(host), d = strlen(domain);

    return strcmp(host, domain) == 0 ||
           (h > d && strcmp(host + h - d, domain) == 0 &&
            host[h - d - 1] == '.' && !is_address(host));
}

static bool path_match(const char *path, const char *cookie_path)
{
    size_t len = strlen(cookie_path);

    return strcmp(path, cookie_path) == 0 ||
           (strncmp(path, cookie_path, len) == 0 &&
            (cookie_path[len - 1] == '/' || path[len] == '/'));
}

static char *path_of(struct flare_str text)
{
    char *path = copy(text.ptr, text.len);

    path[strcspn(path, "?#")] = '\0';
    if (path[0] == '/')
        return path;
    free(path);
    return copy("/", 1);
}

static char *default_path(struct flare_str text)
{
    char *path = path_of(text);
    char *slash = strrchr(path, '/');

    slash[slash == path ? 1 : 0] = '\0';
    return path;
}

static bool begins(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_prefix_fine(const struct kept *k, bool has_path)
{
    const char *name = k->f.name;
    bool is_host = k->is_host_only && has_path && strcmp(k->f.path, "/") == 0;

    if (*name == '\0')
        return !begins(k->f.value, "__Secure-") &&
               !begins(k->f.value, "__Host-") && !begins(k->f.value, "__Http-");
    if (begins(name, "__Secure-") && !k->f.is_secure)
        return false;
    if (begins(name, "__Host-") && !(k->f.is_secure && is_host))
        return false;
    if ((begins(name, "__Http-") || begins(name, "__Host-Http-")) &&
        !(k->f.is_secure && k->f.is_http_only))
        return false;
    return true;
}

/* Steps 7 to 10. */
static int resolve_domain(const struct cookie_oracle *o, struct kept *k,
                          const char *host)
{
    char *domain = k->f.domain;
    size_t len = strlen(domain);
    bool is_public;

    if (len > 0 && domain[len - 1] == '.')
        return FLARE_E_COOKIE_DOMAIN;
    if (domain[0] == '[' && domain[len - 1] == ']') { /* an address, then */
        domain[len - 1] = '\0';
        memmove(domain, domain + 1, len - 1);
    }
    is_public = strchr(domain, '.') == NULL || is_address(domain) ||
                o->is_public(flare_str(domain), NULL);
    k->is_host_only = *domain == '\0' || (is_public && !strcmp(host, domain));
    if (!k->is_host_only && (is_public || !domain_match(host, domain)))
        return FLARE_E_COOKIE_DOMAIN;
    if (k->is_host_only) {
        free(k->f.domain);
        k->f.domain = copy(host, strlen(host));
    }
    return 0;
}

/* Steps 13 to 22. */
static int judge(const struct cookie_oracle *o, const struct kept *k,
                 const struct flare_cookie_url *url, bool has_path)
{
    if (k->f.is_secure && !url->is_secure)
        return FLARE_E_COOKIE_INSECURE;
    for (size_t i = 0; i < o->count; i++) {
        const struct kept *old = &o->all[i];

        if (!k->f.is_secure && !url->is_secure && old->f.is_secure &&
            strcmp(old->f.name, k->f.name) == 0 &&
            (domain_match(old->f.domain, k->f.domain) ||
             domain_match(k->f.domain, old->f.domain)) &&
            path_match(k->f.path, old->f.path))
            return FLARE_E_COOKIE_INSECURE;
    }
    if (k->f.same_site != FLARE_SAME_SITE_NONE && url->site == FLARE_SITE_CROSS)
        return FLARE_E_COOKIE_CROSS_SITE;
    if (k->f.same_site == FLARE_SAME_SITE_NONE && !k->f.is_secure)
        return FLARE_E_COOKIE_INSECURE;
    if (!is_prefix_fine(k, has_path))
        return FLARE_E_COOKIE_PREFIX;
    if (*k->f.name == '\0' && strchr(k->f.value, '=') != NULL)
        return FLARE_E_COOKIE_SYNTAX; /* ours */
    return 0;
}

/* The one that section 5.7 lets go first; of `domain` only, if there is one. */
static size_t victim_of(const struct cookie_oracle *o, const char *domain)
{
    size_t victim = SIZE_MAX;

    for (int secure = 0; secure < (domain != NULL ? 2 : 1); secure++) {
        for (size_t i = 0; i < o->count; i++) {
            const struct kept *k = &o->all[i];

            if (domain != NULL && (strcmp(k->f.domain, domain) != 0 ||
                                   k->f.is_secure != (secure == 1)))
                continue;
            if (victim == SIZE_MAX || k->used < o->all[victim].used)
                victim = i;
        }
        if (victim != SIZE_MAX)
            break;
    }
    return victim;
}

static size_t count_of(const struct cookie_oracle *o, const char *domain)
{
    size_t count = 0;

    for (size_t i = 0; i < o->count; i++)
        count += strcmp(o->all[i].f.domain, domain) == 0;
    return count;
}

/* Takes the cookie, also where it fails. */
static int insert(struct cookie_oracle *o, struct kept *k, int64_t now)
{
    k->created_s = now;
    k->born = ++o->clock;
    k->used = o->clock;
    for (size_t i = o->count; i-- > 0;) {
        const struct kept *old = &o->all[i];

        if (strcmp(old->f.name, k->f.name) == 0 &&
            strcmp(old->f.domain, k->f.domain) == 0 &&
            strcmp(old->f.path, k->f.path) == 0 &&
            old->is_host_only == k->is_host_only) {
            k->created_s = old->created_s;
            k->born = old->born;
            drop(o, i);
        }
    }
    o->all[o->count++] = *k;
    if (k->f.is_persistent && k->f.expires_s <= now) {
        drop(o, o->count - 1);
        return 0;
    }
    if (count_of(o, k->f.domain) > o->per_domain_max) {
        size_t victim = victim_of(o, k->f.domain);
        bool is_itself = victim == o->count - 1;

        drop(o, victim);
        if (is_itself)
            return FLARE_E_COOKIE_FULL;
    }
    if (o->count > o->cookies_max)
        drop(o, victim_of(o, NULL));
    return 0;
}

int cookie_oracle_store(struct cookie_oracle *o,
                        const struct flare_cookie_url *url,
                        struct flare_str set_cookie, int64_t now_s)
{
    char *host = host_of(url->host);
    bool has_path;
    struct kept k = {.is_host_only = true};
    int rc = cookie_oracle_parse(&k.f, set_cookie, now_s);

    expire(o, now_s);
    has_path = k.f.path != NULL;
    if (rc == 0)
        rc = resolve_domain(o, &k, host);
    if (k.f.path == NULL || *k.f.path == '\0') {
        free(k.f.path);
        k.f.path = default_path(url->path);
    }
    if (rc == 0)
        rc = judge(o, &k, url, has_path);
    free(host);
    if (rc != 0) {
        cookie_oracle_field_fini(&k.f);
        return rc;
    }
    return insert(o, &k, now_s);
}

static bool is_sent(const struct kept *k, const struct flare_cookie_url *url,
                    const char *host, const char *path)
{
    bool is_kept_back = url->site != FLARE_SITE_SAME &&
                        k->f.same_site != FLARE_SAME_SITE_NONE &&
                        (k->f.same_site == FLARE_SAME_SITE_STRICT ||
                         url->site != FLARE_SITE_CROSS_LINK);

    return (k->is_host_only ? strcmp(host, k->f.domain) == 0
                            : domain_match(host, k->f.domain)) &&
           path_match(path, k->f.path) && (!k->f.is_secure || url->is_secure) &&
           !is_kept_back;
}

static int by_order(const void *left, const void *right)
{
    const struct kept *a = *(struct kept *const *)left;
    const struct kept *b = *(struct kept *const *)right;
    size_t a_len = strlen(a->f.path), b_len = strlen(b->f.path);

    if (a_len != b_len)
        return a_len > b_len ? -1 : 1;
    if (a->created_s != b->created_s)
        return a->created_s < b->created_s ? -1 : 1;
    return a->born < b->born ? -1 : 1;
}

char *cookie_oracle_header(struct cookie_oracle *o,
                           const struct flare_cookie_url *url, int64_t now_s)
{
    struct kept *sent[ORACLE_COOKIES];
    char *host = host_of(url->host), *path = path_of(url->path);
    char *out = NULL;
    size_t count = 0, size = 0;
    FILE *file = need(open_memstream(&out, &size));

    expire(o, now_s);
    for (size_t i = 0; i < o->count; i++)
        if (is_sent(&o->all[i], url, host, path))
            sent[count++] = &o->all[i];
    qsort(sent, count, sizeof(sent[0]), by_order);
    for (size_t i = 0; i < count; i++) {
        sent[i]->used = ++o->clock;
        fprintf(file, "%s%s%s%s", i > 0 ? "; " : "", sent[i]->f.name,
                *sent[i]->f.name != '\0' ? "=" : "", sent[i]->f.value);
    }
    fclose(file);
    free(host);
    free(path);
    return out;
}
