/* SPDX-License-Identifier: MIT */
/*
 * A cookie jar once more, slowly: the steps of "6265bis" one by one over a
 * plain array, dates by regular expressions and the C library; for tests and
 * fuzzing.
 */
#ifndef FLARE__TEST_COOKIE_ORACLE_H
#define FLARE__TEST_COOKIE_ORACLE_H

#include <flare/cookie_jar.h>

/* Section 5.1.1; false: no date. */
bool cookie_oracle_date(struct flare_str text, int64_t *out);

/* What section 5.6 makes of a field. */
struct cookie_oracle_field {
    char *name;
    char *value;
    char *domain; /* "" for none; lower case */
    char *path;   /* NULL: none; "": the default */
    int64_t expires_s;
    bool is_persistent;
    bool is_secure;
    bool is_http_only;
    enum flare_same_site same_site;
};

/* 0 or the code; release with cookie_oracle_field_fini. */
int cookie_oracle_parse(struct cookie_oracle_field *f, struct flare_str text,
                        int64_t now_s);
void cookie_oracle_field_fini(struct cookie_oracle_field *f);

struct cookie_oracle;

struct cookie_oracle *cookie_oracle_new(size_t cookies_max,
                                        size_t per_domain_max,
                                        flare_public_suffix_fn is_public);
void cookie_oracle_free(struct cookie_oracle *o);

/* As the jar's. */
int cookie_oracle_store(struct cookie_oracle *o,
                        const struct flare_cookie_url *url,
                        struct flare_str set_cookie, int64_t now_s);

/* The field, to be freed; "" for none. */
char *cookie_oracle_header(struct cookie_oracle *o,
                           const struct flare_cookie_url *url, int64_t now_s);

size_t cookie_oracle_count(const struct cookie_oracle *o);
void cookie_oracle_clear_session(struct cookie_oracle *o);

#endif
