/* SPDX-License-Identifier: MIT */
/*
 * Requests of a client on its loop: what is asked (struct flare_ask), and the
 * call that it becomes.
 *
 *     static void on_done(flare_call *call, int rc, flare_reply *reply,
 *                         const struct flare_error *err, void *ctx);
 *     static const struct flare_call_handler handler = {.on_done = on_done};
 *
 *     struct flare_ask ask = {.url = FLARE_STR("http://example.com/")};
 *     rc = flare_call_start(client, &call, &ask, &handler, ctx, &err);
 *
 * A call has one end, on_done, whatever happens; nothing calls back from inside
 * a call of this header.  Thread: the client's loop, for all of it.
 */
#ifndef FLARE_CALL_H
#define FLARE_CALL_H

#include <flare/handler.h>
#include <flare/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of flare/client.h. */
typedef struct flare_client flare_client;

/* Of flare/tcp.h. */
typedef struct flare_stream flare_stream;

/* A request under way, until on_done returns. */
typedef struct flare_call flare_call;

/* A header field, or a name and value of a query. */
struct flare_field {
    struct flare_str name;
    struct flare_str value;
};

/*
 * Is asked for the next piece of a body: writes it with flare_call_write, any
 * number of times.  Returns 0 after flare_call_finish, or to be asked again as
 * soon as there is room; FLARE_LATER to be asked after flare_call_pull_resume;
 * an error, and the call ends with it.
 */
typedef int (*flare_call_pull_fn)(flare_call *call, void *ctx);

/* A body that is made as it goes. */
struct flare_ask_source {
    flare_call_pull_fn pull;
    /* Begin anew: for a redirect or a retry.  0, or an error: the call ends
     * with it.  [NULL: it cannot, and what needs it is an error] */
    int (*rewind)(flare_call *call, void *ctx);
    void *ctx;       /* borrowed until on_done */
    uint64_t length; /* FLARE_LENGTH_UNKNOWN: it is chunked */
};

/* A body from a regular file, which is read on the loop's thread. */
struct flare_ask_file {
    int fd;          /* borrowed until on_done; its position does not matter */
    uint64_t offset; /* from there */
    uint64_t length; /* a file that turns out shorter: FLARE_E_BODY_LENGTH */
};

/*
 * One request; zero is the default, in brackets.  Copied by the call, but for
 * what is said to be borrowed.  No string can end a line or a head: such is an
 * error before anything is sent (FLARE_E_BAD_URL, _BAD_HEADER, _BAD_METHOD).
 */
struct flare_ask {
    enum flare_method method; /* [GET]; not CONNECT */
    const char *method_name;  /* in its place: any token, "PURGE" [NULL] */
    /* http or https; absolute, or relative to the client's base_url.  Without
     * userinfo: credentials are members of their own.  A fragment is not sent.
     */
    struct flare_str url;
    /* Added to its query, encoded; ended by an empty name [none]. */
    const struct flare_field *query;
    /*
     * Fields, ended by an empty name [none].  One of a name of the client's
     * own, or of the library's (User-Agent, Accept-Encoding), replaces
     * it; with an empty value there is then none.  Authorization, Cookie and
     * Proxy-Authorization are not sent to another origin after a redirect.
     * What frames the message or belongs to the connection is not yours (Host,
     * Content-Length, Transfer-Encoding, Connection, Keep-Alive, Upgrade,
     * Expect, TE, Trailer, Proxy-Connection).
     */
    const struct flare_field *headers;
    /* Credentials for the origin of `url`, Basic or Bearer; they replace the
     * client's [those]. */
    const char *user;
    const char *password;
    const char *bearer;

    /* At most one of the three [no body]. */
    struct flare_str body; /* borrowed until on_done; has_body if it is empty */
    const struct flare_ask_file *file;
    const struct flare_ask_source *source;
    bool has_body;
    struct flare_str content_type; /* [none] */
    /* The body waits for a "100 Continue", or a second. */
    bool expect_continue;
    /* Protocols to go on with on this connection, "websocket", which the server
     * may take or not; needs on_upgrade, a client on a loop of yours, and no
     * body [none]. */
    struct flare_str upgrade;

    bool no_redirects; /* a 3xx is the answer */
    /* As it came: no content coding is asked for or undone; likewise where
     * `headers` have Accept-Encoding or Range. */
    bool raw;

    /* In place of the client's [0: those]; the same ranges. */
    uint32_t connect_timeout_ms;
    uint32_t first_byte_timeout_ms;
    uint32_t between_bytes_timeout_ms;
    uint32_t total_timeout_ms;
    uint32_t body_bytes_max;
};

struct flare_call_progress {
    uint64_t sent;           /* bytes of the request's body */
    uint64_t sent_total;     /* FLARE_LENGTH_UNKNOWN: not known */
    uint64_t received;       /* bytes of the reply's, before decoding */
    uint64_t received_total; /* likewise */
};

/*
 * What happens to a call.  Borrowed until on_done; all but on_done may be NULL.
 */
struct flare_call_handler {
    /*
     * The head of the answer: of the last one, where redirects are followed.
     * If it comes before the end of a body that is sent, that stops, unless it
     * is a 2xx of a connection that stays open: an echo may be.
     */
    void (*on_head)(flare_call *call, const flare_reply *reply, void *ctx);
    /* Bytes of the body, at least one, decoded, lent until it returns.  NULL:
     * the body is collected in the reply, up to body_bytes_max. */
    void (*on_data)(flare_call *call, struct flare_str data, void *ctx);
    /*
     * In place of on_head and on_data: the answer is a 101 to one of
     * ask.upgrade, and the connection is yours.  Takes `stream` with a
     * flare_stream_handle in here; one that is not taken is closed.  `early` is
     * what came behind the head already, lent until it returns: the stream does
     * not tell of it again.  on_done follows with 0.
     */
    void (*on_upgrade)(flare_call *call, const flare_reply *reply,
                       flare_stream *stream, struct flare_str early, void *ctx);
    /* After more of a body has gone or come; of the numbers, `progress` is lent
     * until it returns. */
    void (*on_progress)(flare_call *call,
                        const struct flare_call_progress *progress, void *ctx);
    /*
     * The last call, once.  `rc` 0: `reply` is whole.  Else `err` has the
     * sentence, and `reply` is what came of it or NULL:
     *   -ECANCELED               flare_call_cancel, or the client was freed
     *   FLARE_E_STOPPED          the loop ends
     *   FLARE_E_TIMEOUT_CONNECT, _TIMEOUT_FIRST_BYTE, _TIMEOUT_GAP,
     *   _TIMEOUT_TOTAL           the four deadlines
     *   FLARE_E_DNS_..., FLARE_E_TLS_..., -ECONNREFUSED and the like
     *   FLARE_E_PROXY            the proxy refuses to connect, or its answer to
     *                            CONNECT is none
     *   FLARE_E_REPLY_...        the answer is malformed, cut short, too large
     *   FLARE_E_REPLY_BODY       the body is over body_bytes_max
     *   FLARE_E_BAD_CODING, _CODING_LIMIT, _UNSUPPORTED_CODING
     *   FLARE_E_REDIRECT         a Location that is no URL, not http or https,
     *                            or has userinfo
     *   FLARE_E_REDIRECT_LIMIT   too many, or the same URL again
     *   FLARE_E_REDIRECT_INSECURE  from https to http
     *   FLARE_E_NOT_REWINDABLE   a body would have to be sent again
     *   FLARE_E_BODY_LENGTH      file or source have not what they promised
     *   what `pull` or `rewind` returned; -ENOMEM
     * `err` is never NULL.  Lends both until it returns; flare_reply_keep.
     */
    void (*on_done)(flare_call *call, int rc, flare_reply *reply,
                    const struct flare_error *err, void *ctx);
};

/*
 * Begins a request; where connections_max is reached it waits its turn.
 * `*out` (may be NULL) is lent until on_done returns.
 *
 * Returns 0, and on_done follows; else nothing is called and `err` (may be
 * NULL) names the culprit: FLARE_E_BAD_URL, _BAD_METHOD, _BAD_HEADER,
 * _BAD_HOSTNAME, _RANGE (a timeout; more than one body; upgrade without what
 * it needs), _HEAD_TOO_LARGE,
 * _CALLS_FULL (too many wait), _STOPPED (the loop ends), -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_call_start(
    flare_client *client, flare_call **out, const struct flare_ask *ask,
    const struct flare_call_handler *handler, void *ctx,
    struct flare_error *err);

/* Ends it: on_done follows with -ECANCELED, after this callback.  Nothing if
 * it has ended. */
FLARE_API void flare_call_cancel(flare_call *call);

/* No more on_data until resumed; the peer is made to wait, and no deadline but
 * the total one runs.  Nothing if it is so already. */
FLARE_API void flare_call_pause(flare_call *call);

/* Goes on.  Nothing if it is not paused. */
FLARE_API void flare_call_resume(flare_call *call);

/*
 * Copies `bytes` behind what is to be sent of a source's body; also between its
 * pulls.  Returns 0; 1, also taken, but now enough waits: write again when
 * `pull` is asked; FLARE_E_OUTPUT_FULL: several times as much waits, nothing
 * was taken; FLARE_E_RANGE past the length of the source; FLARE_E_GONE: nobody
 * takes it any more (an answer came before the end of the body, or the
 * connection is lost) and it may be dropped; FLARE_E_NOT_STARTED: `pull` has
 * not been asked yet, or flare_call_finish was called; -ENOMEM.
 */
FLARE_API FLARE_MUST_USE int flare_call_write(flare_call *call,
                                              struct flare_str bytes);

/* Ends a source's body.  0; FLARE_E_GONE; FLARE_E_NOT_STARTED;
 * FLARE_E_BODY_LENGTH if it is shorter than the length of the source, and then
 * the call ends with it; -ENOMEM, likewise. */
FLARE_API FLARE_MUST_USE int flare_call_finish(flare_call *call);

/* Asks again after FLARE_LATER of a pull; nothing otherwise. */
FLARE_API void flare_call_pull_resume(flare_call *call);

/* The context of the start. */
FLARE_API void *flare_call_ctx(const flare_call *call);

/* The client that it is of. */
FLARE_API flare_client *flare_call_client(const flare_call *call);

#ifdef __cplusplus
}
#endif
#endif
