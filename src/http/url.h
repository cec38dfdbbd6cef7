/* SPDX-License-Identifier: MIT */
/*
 * What a client sends of a URL.  None of these writes userinfo or fragment.
 *
 * All take a URL of flare_url_parse that has a host, write it terminated, and
 * return the length, or -ENOBUFS if it has no room in `size` bytes.
 */
#ifndef FLARE__HTTP_URL_H
#define FLARE__HTTP_URL_H

#include <flare/url.h>

enum flare__scheme {
    FLARE__SCHEME_NONE, /* a relative reference */
    FLARE__SCHEME_OTHER,
    FLARE__SCHEME_HTTP,
    FLARE__SCHEME_HTTPS,
    FLARE__SCHEME_WS,
    FLARE__SCHEME_WSS
};

/* By its name in any case. */
enum flare__scheme flare__url_scheme(const struct flare_url *url);

/* Whether `scheme` is spoken over TLS. */
bool flare__scheme_is_secure(enum flare__scheme scheme);

/* Its port; 0: not known. */
uint16_t flare__scheme_port(enum flare__scheme scheme);

/* The request target in origin-form: path, "/" if empty, and query. */
FLARE_MUST_USE
int flare__url_target(const struct flare_url *url, char *out, size_t size);

/* In absolute-form, for a proxy. */
FLARE_MUST_USE
int flare__url_absolute(const struct flare_url *url, char *out, size_t size);

/* The Host field: host, and the port unless it is the scheme's. */
FLARE_MUST_USE
int flare__url_authority(const struct flare_url *url, char *out, size_t size);

/* The target of CONNECT, authority-form: host and port, always. */
FLARE_MUST_USE
int flare__url_connect(const struct flare_url *url, char *out, size_t size);

#endif
