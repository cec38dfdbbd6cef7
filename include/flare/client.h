/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1.1 client: what requests have in common, and the connections they
 * share.  In two forms over one engine: calls on a loop (flare/call.h), and the
 * blocking ones below.  docs/client.md is the guide.
 *
 *     flare_reply *reply;
 *
 *     if (flare_get("https://example.com/", &reply, &err) < 0)
 *         return fprintf(stderr, "%s\n", err.text), 1;
 *     puts(flare_reply_text(reply));
 *     flare_reply_free(reply);
 *
 * Everything has a bound and a deadline by default.  Nothing is taken from the
 * environment, but where OpenSSL looks for the system's CAs (SSL_CERT_FILE,
 * SSL_CERT_DIR).
 */
#ifndef FLARE_CLIENT_H
#define FLARE_CLIENT_H

#include <flare/call.h>
#include <flare/cookie_jar.h>
#include <flare/dns.h>
#include <flare/tls.h>
#include <flare/url.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Zero is the default, in brackets.  Strings are copied.  Times are 1 to
 * 86 400 000 ms.
 */
struct flare_client_config {
    /* What relative URLs of requests are relative to; http or https, without
     * userinfo [only absolute ones]. */
    const char *base_url;
    /* Sent with every request, ended by an empty name; what is said at struct
     * flare_ask holds here too.  User-Agent is user_agent's. [none] */
    const struct flare_field *headers;
    /* Credentials, Basic or Bearer: for the origin of base_url; without one for
     * the origin of each request's URL.  Never for one that a redirect leads
     * to. [none] */
    const char *user;
    const char *password;
    const char *bearer;
    const char *user_agent; /* ["flare/" FLARE_VERSION]; "": none is sent */
    /* Where cookies are kept and come from; borrowed [none]. */
    flare_cookie_jar *jar;
    /* How https connects; borrowed until flare_client_free [made when first
     * needed: the system's CAs]. */
    flare_tls_client *tls;
    /* "http://user:password@host:port": https through CONNECT, http with
     * absolute-form [none]. */
    const char *proxy;
    /* Hosts that are connected to directly, separated by commas: "a.test" with
     * all below, "10.0.0.0/8", "[::1]:8080", "*" [none]. */
    const char *no_proxy;

    uint32_t connections_per_origin_max; /* 1 to 65 536 [6] */
    uint32_t connections_max;            /* in all; 1 to 65 536 [100] */
    uint32_t idle_timeout_ms;            /* kept without a request [60 000] */
    /* Requests that may wait for a connection; 1 to 2^20 [1024]. */
    uint32_t waiting_max;

    uint32_t connect_timeout_ms; /* name, TCP, proxy and TLS [10 000] */
    /* From the request's last byte to the first of the answer's final head, and
     * while nothing more of the request is taken [30 000]. */
    uint32_t first_byte_timeout_ms;
    uint32_t between_bytes_timeout_ms; /* of an answer [30 000] */
    /* All of a call, redirects and waiting too [300 000]; FLARE_UNLIMITED. */
    uint32_t total_timeout_ms;

    /* 0 to 100; FLARE_UNLIMITED (which is not "none": see no_redirects) is
     * not had.  [10] */
    uint32_t redirects_max;
    bool allow_downgrade; /* redirects from https to http [no] */

    uint32_t head_bytes_max;  /* of all heads of an answer; 1 KiB to 16 MiB
                               * [300 KiB] */
    uint32_t head_fields_max; /* of one; 1 to 10 000 [256] */
    /* Of a collected body, decoded; 1 to 2^31 - 1 [64 MiB]. */
    uint32_t body_bytes_max;
    /* gzip and deflate are neither asked for nor undone [no]. */
    bool no_decoding;
    /* Of a decoded body that is not collected [FLARE_UNLIMITED]. */
    uint64_t decoded_bytes_max;
    /* Decoded bytes to one that came, beyond the first 64 KiB; 1 to 2^20
     * [100]. */
    uint32_t decoded_ratio_max;

    /* Names are looked up by it [getaddrinfo]; for a private loop only, on a
     * loop of yours set it there.  Copied. */
    const struct flare_dns_resolver *resolver;
    /* Copied; its context is borrowed until the last reply is freed [the
     * loop's; of a private loop malloc]. */
    const struct flare_allocator *allocator;
};

/*
 * flare_client_new(out, loop, config, err): gives a client.  With a loop, for
 * flare_call_start on it; with `loop` NULL, on a loop of its own, for the
 * blocking calls.  `config` and `err` may be NULL.
 *
 * Returns 0; FLARE_E_BAD_CONFIG, _BAD_URL, _BAD_HEADER, with the member in
 * `err`; -ENOMEM; of a private loop as flare_loop_new.  Release it with
 * flare_client_free.  Thread: the loop's; without one any, and one at a time.
 */
#define flare_client_new(...)                                                  \
    flare_client_new_sized(sizeof(struct flare_client_config), __VA_ARGS__)

/* flare_client_new, and how large the caller's configuration is. */
FLARE_API FLARE_MUST_USE int flare_client_new_sized(
    size_t config_size, flare_client **out, flare_loop *loop,
    const struct flare_client_config *config, struct flare_error *err);

/*
 * Calls under way end with -ECANCELED, their on_done called from inside; idle
 * connections are closed.  Accepts NULL.  Before its loop is freed; not from a
 * callback of one of its calls.
 */
FLARE_API void flare_client_free(flare_client *client);

/* The loop it is on, its own too. */
FLARE_API flare_loop *flare_client_loop(const flare_client *client);

/* Closes the idle connections. */
FLARE_API void flare_client_close_idle(flare_client *client);

/* Counts since it was made, but for the last three, which are now. */
struct flare_client_stats {
    uint64_t requests;    /* sent, each hop and retry */
    uint64_t connections; /* made */
    uint64_t reused;      /* requests on a connection that had had one */
    uint64_t retried;
    uint64_t open;    /* connections */
    uint64_t idle;    /* of them */
    uint64_t waiting; /* calls for a connection */
};

/* flare_client_stats(client, out). */
#define flare_client_stats(client, out)                                        \
    flare_client_stats_sized(client, sizeof(struct flare_client_stats), out)

/* flare_client_stats, and how large the caller's struct is. */
FLARE_API void flare_client_stats_sized(const flare_client *client, size_t size,
                                        struct flare_client_stats *out);

/* ---- blocking ---- */

/*
 * Makes a request and waits for its answer, whatever its status.  Gives
 * `*out` (release with flare_reply_free).
 *
 * Returns 0; else `*out` is untouched, and `err` (may be NULL) names method,
 * URL and host: as flare_call_start, and as on_done; FLARE_E_WOULD_DEADLOCK in
 * a callback of any loop of this thread, and for a client on a loop of yours.
 */
FLARE_API FLARE_MUST_USE int flare_client_do(flare_client *client,
                                             const struct flare_ask *ask,
                                             flare_reply **out,
                                             struct flare_error *err);

/* flare_client_do with a handler, for bodies that are to come in pieces: all
 * of its callbacks but on_done, which must be NULL. */
FLARE_API FLARE_MUST_USE int flare_client_stream(
    flare_client *client, const struct flare_ask *ask,
    const struct flare_call_handler *handler, void *ctx, flare_reply **out,
    struct flare_error *err);

/* flare_client_do by method: a GET.  `url` as in struct flare_ask. */
FLARE_API FLARE_MUST_USE int flare_client_get(flare_client *client,
                                              const char *url,
                                              flare_reply **out,
                                              struct flare_error *err);

/* Its reply has no body. */
FLARE_API FLARE_MUST_USE int flare_client_head(flare_client *client,
                                               const char *url,
                                               flare_reply **out,
                                               struct flare_error *err);

/* A DELETE. */
FLARE_API FLARE_MUST_USE int flare_client_delete(flare_client *client,
                                                 const char *url,
                                                 flare_reply **out,
                                                 struct flare_error *err);

/* Borrows `type` (NULL: none) and `body` until it returns; an empty body is one
 * too. */
FLARE_API FLARE_MUST_USE int flare_client_post(
    flare_client *client, const char *url, const char *type,
    struct flare_str body, flare_reply **out, struct flare_error *err);

/* As flare_client_post. */
FLARE_API FLARE_MUST_USE int flare_client_put(flare_client *client,
                                              const char *url, const char *type,
                                              struct flare_str body,
                                              flare_reply **out,
                                              struct flare_error *err);

/* As flare_client_post. */
FLARE_API FLARE_MUST_USE int flare_client_patch(
    flare_client *client, const char *url, const char *type,
    struct flare_str body, flare_reply **out, struct flare_error *err);

/* flare_client_get with the defaults and a client of the call's own, which all
 * those below have too.  Thread: any. */
FLARE_API FLARE_MUST_USE int flare_get(const char *url, flare_reply **out,
                                       struct flare_error *err);

/* As flare_client_head. */
FLARE_API FLARE_MUST_USE int flare_head(const char *url, flare_reply **out,
                                        struct flare_error *err);

/* As flare_client_delete. */
FLARE_API FLARE_MUST_USE int flare_delete(const char *url, flare_reply **out,
                                          struct flare_error *err);

/* As flare_client_post. */
FLARE_API FLARE_MUST_USE int flare_post(const char *url, const char *type,
                                        struct flare_str body,
                                        flare_reply **out,
                                        struct flare_error *err);

/* As flare_client_post. */
FLARE_API FLARE_MUST_USE int flare_put(const char *url, const char *type,
                                       struct flare_str body, flare_reply **out,
                                       struct flare_error *err);

/* As flare_client_post. */
FLARE_API FLARE_MUST_USE int flare_patch(const char *url, const char *type,
                                         struct flare_str body,
                                         flare_reply **out,
                                         struct flare_error *err);

/* ---- downloads ---- */

/* Zero is the default, in brackets. */
struct flare_download_options {
    /* `received` counts what was there already; `total` FLARE_LENGTH_UNKNOWN:
     * not known.  Other than 0 ends the download with -ECANCELED. */
    int (*on_progress)(uint64_t received, uint64_t total, void *ctx);
    void *ctx;
    /* Goes on where an earlier one ended, if the server still has the same
     * (Range with If-Range and its strong ETag or date) [from the start] */
    bool resume;
    uint64_t bytes_max; /* of the file [FLARE_UNLIMITED] */
    const char *part;   /* the file while it grows [path + ".part"] */
    uint32_t mode;      /* of a new file, less the umask [0644] */
};

/*
 * Downloads to file `path`: into a file beside it, that takes its place when
 * all is there.  `options` may be NULL.  A status other than 200 and 206 is
 * FLARE_E_HTTP_STATUS, more than bytes_max FLARE_E_REPLY_BODY.  Else as
 * flare_client_do, and -errno with the file's name in `err`, -EAGAIN if another
 * download writes the part; then what came stays for `resume`, or is removed
 * without it.
 */
FLARE_API FLARE_MUST_USE int flare_client_download(
    flare_client *client, const char *url, const char *path,
    const struct flare_download_options *options, struct flare_error *err);

#ifdef __cplusplus
}
#endif
#endif
