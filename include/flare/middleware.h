/* SPDX-License-Identifier: MIT */
/*
 * Middlewares that come with the library, for flare_server_config.middleware,
 * FLARE_GROUP and FLARE_WITH.  Each has a struct of options, the caller's and
 * zeroed where the default will do, and one call that checks it and gives the
 * middleware:
 *
 *     static struct flare_cors cors = {.origins = {"https://app.example"}};
 *     static struct flare_middleware cors_mw;
 *
 *     rc = flare_cors_init(&cors_mw, &cors, &err);
 *
 * Options are borrowed until the server is freed, and not changed meanwhile.
 * Every _init returns 0, or FLARE_E_BAD_CONFIG with a sentence in `err` (may be
 * NULL).  Thread: any, before the server is opened.
 *
 * All of them are right for answers that come now, later, or in pieces, for
 * errors, and around the whole server also for paths that no route has.  The
 * order that makes sense, the outermost first: request id, access log,
 * metrics, recover, CORS, rate limit, authentication, compress, timeout.
 */
#ifndef FLARE_MIDDLEWARE_H
#define FLARE_MIDDLEWARE_H

#include <flare/router.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FLARE_LIST_MAX = 16 }; /* of the lists below, without the last NULL */

/* ---- request id ---- */

/*
 * Gives every request an id, unique in this process and most likely in the
 * world, and names it in the response.
 */
struct flare_request_id {
    const char *field; /* its name ["X-Request-Id"] */
    /* Takes the peer's id, if it is a token of at most 128 bytes [no]: only
     * behind a proxy that sets or removes the field. */
    bool trust;
    uint64_t state[3]; /* the library's */
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_request_id_init(
    struct flare_middleware *out, struct flare_request_id *options,
    struct flare_error *err);

/* Lends the request's id; ptr is NULL where the middleware has not run. */
FLARE_API struct flare_str flare_req_id(const flare_req *req);

/* ---- access log ---- */

enum flare_log_format {
    FLARE_LOG_COMMON,   /* host - user [time] "request" status bytes */
    FLARE_LOG_COMBINED, /* and "referer" "user agent" */
    FLARE_LOG_JSON      /* those, duration, request id and TLS, as an object */
};

/*
 * Writes one line when an answer is complete, or will never be.  What came from
 * the peer is printable ASCII in it, the rest escaped (\xNN, in JSON \u00NN);
 * long values are cut.  Status 499: the peer left before there was one.
 */
struct flare_access_log {
    enum flare_log_format format;
    /* Receives a line with its line end, lent until return; called from every
     * worker's thread; it must not block.  flare_log_file_write is one. */
    void (*write)(struct flare_str line, void *ctx);
    void *ctx;
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_access_log_init(
    struct flare_middleware *out, const struct flare_access_log *options,
    struct flare_error *err);

/*
 * Lines to a descriptor through a bounded buffer and a thread of its own: a
 * full disk or a reader that is gone never makes a caller wait.  Lines without
 * room, or that cannot be written, are dropped and counted.
 */
typedef struct flare_log_file flare_log_file;

/*
 * Gives a sink (flare_log_file_close).  Borrows `fd` until then, and
 * `allocator` (NULL: malloc).  `buffer_bytes`: 4 KiB to 1 GiB [1 MiB].
 * Returns 0; -EINVAL; -ENOMEM; -errno without a thread.
 */
FLARE_API FLARE_MUST_USE int flare_log_file_open(
    flare_log_file **out, int fd, uint32_t buffer_bytes,
    const struct flare_allocator *allocator);

/* For flare_access_log.write; `ctx` is the sink.  Thread: any. */
FLARE_API void flare_log_file_write(struct flare_str line, void *ctx);

/* Lines dropped so far.  Thread: any. */
FLARE_API uint64_t flare_log_file_dropped(const flare_log_file *file);

/* Writes what is buffered, for a second at most; nobody writes any more.
 * Accepts NULL. */
FLARE_API void flare_log_file_close(flare_log_file *file);

/* ---- recover ---- */

/* Answers for `error`; not in pieces.  Returning an error, or without an
 * answer, it gets the plain one. */
typedef int (*flare_error_page_fn)(flare_req *req, flare_res *res, int error,
                                   void *ctx);

/*
 * Turns errors of what is inside into answers: those of a server (5xx) with a
 * line in the server's log, all of them with a page of yours.
 */
struct flare_recover {
    flare_error_page_fn on_error; /* NULL: the plain answer */
    void *ctx;
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_recover_init(
    struct flare_middleware *out, const struct flare_recover *options,
    struct flare_error *err);

/* ---- authentication (RFC 7617, RFC 6750) ---- */

struct flare_basic_user {
    const char *name;
    const char *password;
};

/*
 * Lets in whom `verify` or the table knows; others get a 401 with
 * WWW-Authenticate.  Exactly one of the two is given.
 */
struct flare_basic_auth {
    const char *realm; /* printable ASCII without '"' and '\'; required */
    /* Compared in a time that does not tell how much is right. */
    const struct flare_basic_user *users;
    size_t user_count;
    /* Returns 0 to let in, FLARE_E_UNAUTHORIZED, or another error, which is
     * the answer.  Both are lent until return; it must not block. */
    int (*verify)(flare_req *req, struct flare_str name,
                  struct flare_str password, void *ctx);
    void *ctx;
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_basic_auth_init(
    struct flare_middleware *out, const struct flare_basic_auth *options,
    struct flare_error *err);

/* Lets in whose token `verify` knows. */
struct flare_bearer_auth {
    const char *realm; /* as above; NULL: none is said */
    /* As above; required.  May call flare_req_user_set. */
    int (*verify)(flare_req *req, struct flare_str token, void *ctx);
    void *ctx;
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_bearer_auth_init(
    struct flare_middleware *out, const struct flare_bearer_auth *options,
    struct flare_error *err);

/* Lends the name of who was let in, as the access log tells it; ptr is NULL
 * where nobody was asked.  It lives as long as the request. */
FLARE_API struct flare_str flare_req_user(const flare_req *req);

/* Says who it is.  Copies.  0 or -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_req_user_set(flare_req *req,
                                                struct flare_str name);

/*
 * Whether both hold the same bytes, in a time that depends on `given` only:
 * for secrets.  Thread: any.
 */
FLARE_API bool flare_secret_equal(struct flare_str given,
                                  struct flare_str secret);

/* ---- CORS (Fetch, section 3.2) ---- */

/*
 * Tells browsers which other sites' scripts may read the answers.  It answers
 * preflights itself; around the whole server it sees all of them, around a
 * group only those to paths that have an OPTIONS route.
 */
struct flare_cors {
    /* "https://app.example", as browsers send them; "*" alone: any. */
    const char *origins[FLARE_LIST_MAX + 1];
    /* Asked about the others; NULL: they are refused. */
    bool (*allows)(struct flare_str origin, void *ctx);
    void *ctx;
    const char *methods[FLARE_LIST_MAX + 1]; /* [GET, HEAD, POST] */
    /* That a script may set; "*": whatever it asks for [the safelisted]. */
    const char *headers[FLARE_LIST_MAX + 1];
    const char *expose[FLARE_LIST_MAX + 1]; /* that a script may read */
    bool credentials;   /* cookies may be sent: not with "*" anywhere */
    uint32_t max_age_s; /* a preflight's answer is good for, up to a day [5] */
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_cors_init(struct flare_middleware *out,
                                             const struct flare_cors *options,
                                             struct flare_error *err);

/* ---- compress ---- */

/*
 * Sends bodies of compressible types gzip'ed to those who take it, but for
 * files, for answers with a Content-Encoding or Content-Range, and for those
 * that say no-transform.  Not around pages that have a secret and something a
 * stranger can choose (BREACH): docs/middleware.md.
 */
struct flare_compress {
    uint32_t bytes_min; /* smaller ones go as they are [1024] */
    uint32_t level;     /* 1 (fast) to 9 [4] */
};

/* -EOPNOTSUPP in a build without zlib. */
FLARE_API FLARE_MUST_USE int flare_compress_init(
    struct flare_middleware *out, const struct flare_compress *options,
    struct flare_error *err);

/* ---- timeout ---- */

/* An answer that has not begun in time is this one. */
struct flare_timeout {
    uint32_t ms; /* 1 to 86 400 000; required */
    int status;  /* 500 to 599, or 408 [504] */
};

/* Checks `options`, gives the middleware: see the top. */
FLARE_API FLARE_MUST_USE int flare_timeout_init(
    struct flare_middleware *out, const struct flare_timeout *options,
    struct flare_error *err);

/* ---- rate limit ---- */

/*
 * So many requests per client, then 429 with Retry-After.  A client is an IPv4
 * address, an IPv6 /64, or what `key` says.  The table is shared by the workers
 * without a lock; when it is full, who is nearest to a full allowance is
 * forgotten first.
 */
struct flare_rate_limit {
    uint32_t requests;    /* per `per_s` seconds; required */
    uint32_t per_s;       /* 1 to 86 400 [1] */
    uint32_t burst;       /* at once; at most 1 000 000 [`requests`] */
    uint32_t clients_max; /* 64 to 2^24; 16 bytes each [65 536] */
    /* Lends who it is; empty: not limited. */
    struct flare_str (*key)(flare_req *req, void *ctx);
    void *ctx;
    void *table; /* the library's */
};

/* `allocator` is borrowed (NULL: malloc).  -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_rate_limit_init(
    struct flare_middleware *out, struct flare_rate_limit *options,
    const struct flare_allocator *allocator, struct flare_error *err);

/* The server is freed. */
FLARE_API void flare_rate_limit_fini(struct flare_rate_limit *options);

/* ---- metrics ---- */

/*
 * Counts requests and how long they took.  flare_metrics_serve is a handler
 * that tells it, and the server's statistics (flare/stats.h), as Prometheus'
 * text format 0.0.4: FLARE_GET("/metrics", flare_metrics_serve, &metrics).
 */
struct flare_metrics {
    const char *prefix; /* of all names; [a-z_]+ ["flare"] */
    void *state;        /* the library's */
};

/* `allocator` is borrowed (NULL: malloc).  -ENOMEM. */
FLARE_API FLARE_MUST_USE int flare_metrics_init(
    struct flare_middleware *out, struct flare_metrics *options,
    const struct flare_allocator *allocator, struct flare_error *err);

/* The handler; its context is the options. */
FLARE_API int flare_metrics_serve(flare_req *req, flare_res *res);

/* The server is freed. */
FLARE_API void flare_metrics_fini(struct flare_metrics *options);

/* ---- health ---- */

/*
 * A handler: 200 "ok", or 503 while the server drains or `check` returns an
 * error.  FLARE_GET("/health", flare_health_serve, &health); without a context
 * there is no check.
 */
struct flare_health {
    int (*check)(void *ctx); /* must not block; NULL: none */
    void *ctx;
};

/* The handler; its context is a struct flare_health, or NULL. */
FLARE_API int flare_health_serve(flare_req *req, flare_res *res);

#ifdef __cplusplus
}
#endif
#endif
