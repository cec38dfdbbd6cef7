/* SPDX-License-Identifier: MIT */
/*
 * URLs, by RFC 3986: read, resolved against a base, normalised, written; and
 * percent-encoding.
 *
 * Text is read strictly.  Control bytes, spaces, bytes that are not ASCII, any
 * of "<>\^`{|} and '%' without two hexadecimal digits are errors, never skipped
 * or repaired: flare_percent_encode makes them what may stand in a URL.  So a
 * text that was read has no line end and no space in it, and nothing made of
 * its parts can end the line of a request early.
 *
 *     struct flare_url url;
 *
 *     if (flare_url_parse(&url, flare_str("https://example.com/a?b"), &err) <
 * 0) return fprintf(stderr, "%s\n", err.text), 1;
 *
 * Nothing here allocates.  Thread: any, for all of it.
 */
#ifndef FLARE_URL_H
#define FLARE_URL_H

#include <flare/addr.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLARE_URL_MAX = 65535 /* bytes of a URL */
};

/*
 * A URL in its parts, as flare_url_parse finds them: slices of the text that
 * was read, still encoded, and without the marks that part them.  What is not
 * there is empty; where an empty part differs from none, a member says which.
 */
struct flare_url {
    struct flare_str scheme;   /* empty: a relative reference */
    struct flare_str userinfo; /* "user:password"; never sent to anybody */
    struct flare_str host;     /* without brackets; perhaps empty */
    struct flare_str path;
    struct flare_str query;
    struct flare_str fragment;
    struct flare_ip ip; /* of a host that is an address; else family NONE */
    uint16_t port;      /* 1 to 65535; 0: none is given */
    bool has_authority; /* "//" and a host */
    bool has_userinfo;
    bool has_brackets; /* the host is "[...]", an IPv6 address */
    bool has_query;
    bool has_fragment;
};

/*
 * Reads a URL or a relative reference ("../a?b"; scheme is empty then), at most
 * FLARE_URL_MAX bytes.  On the strict side of RFC 3986:
 *
 *   - a port is 1 to 65535, of at most five digits, or left out after its ':';
 *   - a host is a name without ',', four decimal numbers, or "[...]" with an
 *     IPv6 address and no zone; it may be empty ("file:///") only without
 *     userinfo and port;
 *   - no '@' in userinfo, no ':' in the first segment of a relative path.
 *
 * A host like "127.1" is a name here; flare_dns_host_check refuses it.
 *
 * Returns 0, or FLARE_E_BAD_URL with `*url` untouched and a sentence in `err`
 * (may be NULL) that says at which byte, counted from 1, and never shows the
 * text, in which there may be a password.  Lends `text` to `*url`.
 */
FLARE_API FLARE_MUST_USE int flare_url_parse(struct flare_url *url,
                                             struct flare_str text,
                                             struct flare_error *err);

/* What flare_url_format writes. */
enum flare_url_form {
    FLARE_URL_WHOLE, /* everything */
    FLARE_URL_PUBLIC /* for logs and others: no userinfo, no fragment */
};

/*
 * Writes a URL from its parts, which may come from anywhere: only what
 * flare_url_parse reads as the same parts is written.  Terminated.
 *
 * Returns the length; FLARE_E_BAD_URL if the parts are no URL; -ENOBUFS if it
 * has no room in `size` bytes (the NUL counts), or is over FLARE_URL_MAX.
 */
FLARE_API FLARE_MUST_USE int flare_url_format(const struct flare_url *url,
                                              enum flare_url_form form,
                                              char *out, size_t size);

/*
 * Writes what `reference` means in a text whose URL is `base` (RFC 3986 section
 * 5.2): an absolute URL, "." and ".." worked off its path.  ".." above the root
 * is the root.  A path that would begin with "//" where there is no host gets
 * "/." in front, so that it stays a path.  Userinfo comes from where the host
 * does.  Terminated; `out` must not be where the parts are.
 *
 * Returns the length; FLARE_E_BAD_URL if `base` has no scheme; -ENOBUFS if it
 * has no room, which with the lengths of both texts and 8 it always has, or is
 * over FLARE_URL_MAX.  Both must come from flare_url_parse.
 */
FLARE_API FLARE_MUST_USE int flare_url_resolve(
    const struct flare_url *base, const struct flare_url *reference, char *out,
    size_t size);

/*
 * Writes the one form of a URL that equal ones share (RFC 3986 section 6.2):
 * scheme and host in lower case, an IPv6 address as RFC 5952 has it, escapes in
 * upper case and none for letters, digits and "-._~", "." and ".." worked off a
 * path that begins with '/', "/" for an empty path behind a host, no port where
 * it is the scheme's.  Doing it again changes nothing.  As flare_url_resolve
 * else, for `url` alone.
 */
FLARE_API FLARE_MUST_USE int flare_url_normalize(const struct flare_url *url,
                                                 char *out, size_t size);

/*
 * The port to connect to: the one given, else 80 for http and ws, 443 for https
 * and wss; 0 if there is none.
 */
FLARE_API uint16_t flare_url_port(const struct flare_url *url);

/*
 * Whether both have the same scheme, host and port (RFC 6454), as they are
 * after flare_url_normalize.  False if one has no host or no port: what is of
 * no origin is not of the same.
 */
FLARE_API bool flare_url_same_origin(const struct flare_url *a,
                                     const struct flare_url *b);

/* What a text is to become a part of; which bytes may stay as they are. */
enum flare_percent_set {
    FLARE_PERCENT_VALUE,   /* anywhere: letters, digits and "-._~" stay */
    FLARE_PERCENT_SEGMENT, /* of a path: also !$&'()*+,;=:@ */
    FLARE_PERCENT_PATH,    /* segments with the '/' between them */
    FLARE_PERCENT_QUERY,   /* a whole query or fragment: also '/' and '?' */
    FLARE_PERCENT_FORM,    /* a name or value in a query or form: *-._ stay, a
                            * space is '+' */
    FLARE_PERCENT_USERINFO /* a user or password: also !$&'()*+,;= */
};

/*
 * Encodes any bytes: those of the set stay, the others become "%41".  The
 * segments "." and ".." mean what they mean in a path, escaped or not.
 * Terminated; three times `text.len` and 1 is always enough.
 *
 * Returns the length, or -ENOBUFS if it has no room in `size` bytes.
 */
FLARE_API FLARE_MUST_USE int flare_percent_encode(enum flare_percent_set set,
                                                  struct flare_str text,
                                                  char *out, size_t size);

/*
 * Decodes once; with FLARE_PERCENT_FORM '+' is a space, with the others it is a
 * plus.  The result may hold any byte, NUL and line ends too.  Terminated;
 * `out` may be where `text` starts.
 *
 * Returns the length; FLARE_E_BAD_INPUT for '%' without two hexadecimal digits;
 * -ENOBUFS if it has no room in `size` bytes, which with `text.len` and 1 it
 * always has.  After an error the contents of `out` are not specified.
 */
FLARE_API FLARE_MUST_USE int flare_percent_decode(enum flare_percent_set set,
                                                  struct flare_str text,
                                                  char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
