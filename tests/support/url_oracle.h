/* SPDX-License-Identifier: MIT */
/*
 * URLs as RFC 3986 describes them, word by word and slowly: cut by the regular
 * expression of its appendix B, each part held against one of its own, resolved
 * by the steps of section 5.2 on strings.  Strict where flare/url.h is.
 */
#ifndef FLARE__TEST_URL_ORACLE_H
#define FLARE__TEST_URL_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

enum { URL_ORACLE_MAX = 1000 }; /* bytes of a text */

/* Each part as a string; `has` says whether its mark is there. */
struct url_oracle {
    struct url_oracle_part {
        bool has;
        char text[URL_ORACLE_MAX + 1];
    } scheme, authority, userinfo, host, path, query, fragment;
    int port; /* 0: none */
};

/* False: no URL, or longer than URL_ORACLE_MAX. */
bool url_oracle_read(struct url_oracle *out, const char *text);

/* What `reference` is in a text at `base`, which has a scheme; to `out` of
 * 8 * URL_ORACLE_MAX bytes. */
void url_oracle_resolve(const struct url_oracle *base,
                        const struct url_oracle *reference, char *out);

#endif
