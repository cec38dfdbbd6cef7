/* SPDX-License-Identifier: MIT */
/*
 * Errors.  Every call returns >= 0 for success and < 0 for an error: a system
 * error is -errno, passed through untouched; the library's own codes lie below
 * -10000 and come from the one list in this file.
 */
#ifndef FLARE_ERROR_H
#define FLARE_ERROR_H

#include <flare/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of thing went wrong: who is to act on it. */
enum flare_error_class {
    FLARE_CLASS_NONE,   /* not an error */
    FLARE_CLASS_SYSTEM, /* a system call's errno */
    FLARE_CLASS_USAGE,  /* the caller passed something it must not */
    FLARE_CLASS_CONFIG, /* configuration, routes, addresses at start */
    FLARE_CLASS_PARSE,  /* a peer's bytes are not what the protocol allows */
    FLARE_CLASS_LIMIT, /* a peer asked for more than the configuration allows */
    FLARE_CLASS_STATE, /* right call, wrong moment */
    FLARE_CLASS_HTTP,  /* an outcome of HTTP, to be told to the peer */
    FLARE_CLASS_DNS,   /* a name has no address, or cannot be looked up now */
    FLARE_CLASS_TLS,   /* TLS: the peer, its certificate, or one's own */
    FLARE_CLASS_WS     /* WebSocket: the peer's handshake or frames */
};

/*
 * X(name, text, class, HTTP status the peer gets if a handler returns it).
 * Append only: a code is its place in the list.
 */
#define FLARE_ERRORS(X)                                                        \
    X(BAD_REQUEST, "malformed request", PARSE, 400)                            \
    X(BAD_FRAMING, "message framing is faulty", PARSE, 400)                    \
    X(BAD_CHUNK, "malformed chunked body", PARSE, 400)                         \
    X(BAD_HOST, "missing, repeated or invalid Host", PARSE, 400)               \
    X(BAD_INPUT, "a parameter is absent or invalid", PARSE, 400)               \
    X(URI_TOO_LONG, "request target is too long", LIMIT, 414)                  \
    X(HEAD_TOO_LARGE, "header section is too large", LIMIT, 431)               \
    X(BODY_TOO_LARGE, "request body is too large", LIMIT, 413)                 \
    X(METHOD_UNKNOWN, "no such method is known", HTTP, 501)                    \
    X(CODING_UNKNOWN, "no such transfer coding is known", HTTP, 501)           \
    X(VERSION_UNKNOWN, "HTTP version is not supported", HTTP, 505)             \
    X(EXPECTATION, "expectation cannot be met", HTTP, 417)                     \
    X(TIMEOUT, "the peer did not send in time", HTTP, 408)                     \
    X(NOT_FOUND, "no such resource", HTTP, 404)                                \
    X(METHOD_NOT_ALLOWED, "method is not allowed here", HTTP, 405)             \
    X(FORBIDDEN, "not allowed", HTTP, 403)                                     \
    X(UNAUTHORIZED, "credentials are required", HTTP, 401)                     \
    X(CONFLICT, "conflicts with the present state", HTTP, 409)                 \
    X(OVERLOADED, "too busy", HTTP, 503)                                       \
    X(INTERNAL, "internal error", HTTP, 500)                                   \
    X(BAD_HEADER, "header name or value is not allowed", USAGE, 500)           \
    X(BAD_STATUS, "status is not a number from 200 to 599", USAGE, 500)        \
    X(ALREADY_ANSWERED, "the request is answered already", STATE, 500)         \
    X(NOT_ANSWERED, "the handler did not answer", STATE, 500)                  \
    X(STOPPED, "the loop or server has stopped", STATE, 503)                   \
    X(MAILBOX_FULL, "the loop's mailbox is full", LIMIT, 503)                  \
    X(BAD_CONFIG, "configuration is not valid", CONFIG, 500)                   \
    X(BAD_ADDRESS, "address is not valid", CONFIG, 500)                        \
    X(BAD_ROUTE, "route pattern is not valid", CONFIG, 500)                    \
    X(ROUTE_CONFLICT, "two routes match the same requests", CONFIG, 500)       \
    X(BACKEND_UNAVAILABLE, "the backend is not available here", CONFIG, 500)   \
    X(RANGE, "number is out of range", USAGE, 400)                             \
    X(BAD_CODING, "content coding is faulty", PARSE, 400)                      \
    X(CODING_LIMIT, "content decodes to too much", LIMIT, 413)                 \
    X(PRECONDITION, "a precondition does not hold", HTTP, 412)                 \
    X(BAD_RANGE, "no such range of the content", HTTP, 416)                    \
    X(BAD_JSON, "JSON written out of order or not JSON", USAGE, 500)           \
    X(GONE, "nobody waits for the answer any more", STATE, 503)                \
    X(OUTPUT_FULL, "the peer has not read what was sent", LIMIT, 503)          \
    X(NOT_STARTED, "no body is under way", STATE, 500)                         \
    X(NO_BODY, "the body is not there to be read", STATE, 500)                 \
    X(TOO_MANY, "too many requests", LIMIT, 429)                               \
    X(CRASH_LOOP, "a process ends again and again", STATE, 500)                \
    X(BAD_HOSTNAME, "host name is not valid", USAGE, 500)                      \
    X(DNS_NOT_FOUND, "no such host", DNS, 500)                                 \
    X(DNS_NO_ADDRESS, "the host has no address of that family", DNS, 500)      \
    X(DNS_TEMPORARY, "the name cannot be looked up now", DNS, 503)             \
    X(DNS_FAILED, "the resolver has failed", DNS, 500)                         \
    X(END_OF_STREAM, "the peer ended the stream too early", STATE, 500)        \
    X(LINE_TOO_LONG, "line is too long", LIMIT, 500)                           \
    X(DATAGRAM_TOO_LARGE, "datagram is too large", USAGE, 500)                 \
    X(TLS_HANDSHAKE, "the TLS handshake has failed", TLS, 502)                 \
    X(TLS_ALERT, "the peer has ended TLS with an alert", TLS, 502)             \
    X(TLS_PROTOCOL, "the peer's TLS bytes are faulty", TLS, 502)               \
    X(TLS_PLAIN, "the peer does not speak TLS", TLS, 502)                      \
    X(TLS_VERSION, "no TLS version in common", TLS, 502)                       \
    X(TLS_NO_CIPHER, "no cipher or signature in common", TLS, 502)             \
    X(TLS_ALPN, "no application protocol in common", TLS, 502)                 \
    X(TLS_FLOOD, "the peer sends too much TLS for nothing", TLS, 502)          \
    X(TLS_TRUNCATED, "the stream ended without close_notify", TLS, 502)        \
    X(TLS_NO_CERTIFICATE, "the peer has no certificate", TLS, 502)             \
    X(TLS_BAD_CERTIFICATE, "certificate is not valid", TLS, 502)               \
    X(TLS_EXPIRED, "certificate has expired", TLS, 502)                        \
    X(TLS_NOT_YET_VALID, "certificate is not valid yet", TLS, 502)             \
    X(TLS_HOSTNAME, "certificate is for another host", TLS, 502)               \
    X(TLS_UNTRUSTED, "certificate's issuer is not trusted", TLS, 502)          \
    X(TLS_SELF_SIGNED, "certificate is self-signed", TLS, 502)                 \
    X(TLS_REVOKED, "certificate is revoked", TLS, 502)                         \
    X(TLS_STAPLE, "no valid OCSP response is stapled", TLS, 502)               \
    X(TLS_PURPOSE, "certificate is not for this purpose", TLS, 502)            \
    X(TLS_WEAK, "certificate's key or signature is weak", TLS, 502)            \
    X(TLS_CONSTRAINT, "certificate breaks its issuer's constraints", TLS, 502) \
    X(TLS_PIN, "certificate has none of the pinned keys", TLS, 502)            \
    X(TLS_CERTIFICATE, "certificate or key cannot be used", TLS, 500)          \
    X(REPLY_STATUS, "malformed status line of a response", PARSE, 502)         \
    X(REPLY_VERSION, "a response's HTTP version is not known", PARSE, 502)     \
    X(REPLY_FIELD, "malformed field in a response", PARSE, 502)                \
    X(REPLY_LENGTH, "lengths of a response are faulty or conflict", PARSE,     \
      502)                                                                     \
    X(REPLY_CODING, "a transfer coding nobody asked for", PARSE, 502)          \
    X(REPLY_CHUNK, "malformed chunk in a response", PARSE, 502)                \
    X(REPLY_SHORT, "the response ended too early", PARSE, 502)                 \
    X(REPLY_NONE, "the connection ended without a response", PARSE, 502)       \
    X(REPLY_EXTRA, "bytes that are of no response", PARSE, 502)                \
    X(REPLY_UPGRADE, "a switch of protocols nobody asked for", PARSE, 502)     \
    X(REPLY_INTERIM, "too many informational responses", LIMIT, 502)           \
    X(REPLY_TOO_LARGE, "a response's header section is too large", LIMIT, 502) \
    X(BAD_METHOD, "method is not valid, or takes no body", USAGE, 500)         \
    X(BAD_TARGET, "request target is not valid", USAGE, 500)                   \
    X(COOKIE_SYNTAX, "cookie is malformed", PARSE, 502)                        \
    X(COOKIE_TOO_LARGE, "cookie is too large", LIMIT, 502)                     \
    X(COOKIE_DOMAIN, "cookie is for another domain", PARSE, 502)               \
    X(COOKIE_INSECURE, "cookie is for https only", PARSE, 502)                 \
    X(COOKIE_CROSS_SITE, "cookie is not for other sites", PARSE, 502)          \
    X(COOKIE_PREFIX, "cookie is not what its name promises", PARSE, 502)       \
    X(COOKIE_FULL, "no room is left for the cookie", LIMIT, 502)               \
    X(COOKIE_FILE, "cookie file is malformed", CONFIG, 500)                    \
    X(BAD_URL, "URL is not valid", USAGE, 400)                                 \
    X(UNSUPPORTED_CODING, "content coding is not known", PARSE, 502)           \
    X(TLS_REKEY, "the kernel cannot follow a change of keys", TLS, 502)        \
    X(WS_REFUSED, "the server does not speak WebSocket here", WS, 502)         \
    X(WS_UPGRADE, "the server's upgrade is not to WebSocket", WS, 502)         \
    X(WS_ACCEPT, "the server has not answered the handshake's key", WS, 502)   \
    X(WS_SUBPROTOCOL, "the server's subprotocol was not offered", WS, 502)     \
    X(WS_EXTENSION, "the server's extension was not offered", WS, 502)         \
    X(WS_PROTOCOL, "the peer breaks the rules of WebSocket frames", WS, 400)   \
    X(WS_TEXT, "text is not UTF-8", WS, 400)                                   \
    X(WS_TOO_LARGE, "WebSocket message is too large", WS, 413)                 \
    X(WS_BAD_CLOSE, "close code or reason must not be sent", USAGE, 500)       \
    X(MISDIRECTED, "this connection is not for that host", HTTP, 421)          \
    X(PLAIN_HTTP, "HTTP where only HTTPS is spoken", HTTP, 400)                \
    X(HTTP_STATUS, "the response's status is an error", HTTP, 502)             \
    X(REPLY_BODY, "a response's body is too large", LIMIT, 502)                \
    X(REDIRECT, "a redirect leads nowhere", PARSE, 502)                        \
    X(REDIRECT_LIMIT, "too many redirects", LIMIT, 502)                        \
    X(REDIRECT_INSECURE, "a redirect leads from https to http", PARSE, 502)    \
    X(NOT_REWINDABLE, "a body cannot be sent again", USAGE, 500)               \
    X(BODY_LENGTH, "a body is not as long as was said", USAGE, 500)            \
    X(PROXY, "the proxy does not connect", PARSE, 502)                         \
    X(CALLS_FULL, "too many calls wait for a connection", LIMIT, 503)          \
    X(TIMEOUT_CONNECT, "no connection in time", HTTP, 504)                     \
    X(TIMEOUT_FIRST_BYTE, "no response in time", HTTP, 504)                    \
    X(TIMEOUT_GAP, "the response has stalled", HTTP, 504)                      \
    X(TIMEOUT_TOTAL, "the call has taken too long", HTTP, 504)                 \
    X(WOULD_DEADLOCK, "a blocking call in a callback of a loop", STATE, 500)

enum flare_error_code {
    FLARE_OK = 0,
    FLARE__E_BASE = -11000,
#define FLARE__E_ENUM(name, text, class_, status) FLARE_E_##name,
    FLARE_ERRORS(FLARE__E_ENUM)
#undef FLARE__E_ENUM
        FLARE__E_END
};

/*
 * An error with its sentence.  Calls that set something up fill one if they
 * are given it; `text` names the culprit and is always terminated.
 */
struct flare_error {
    int code;
    char text[252];
};

/*
 * The fixed text of a return code, library's or -errno; never NULL, static,
 * "unknown error" for a number that is neither.  Thread: any.
 */
FLARE_API const char *flare_strerror(int rc);

/*
 * The name of a code, "FLARE_E_BAD_REQUEST" or "ECONNRESET"; "UNKNOWN" for a
 * number that is neither.  Static.  Thread: any.
 */
FLARE_API const char *flare_error_name(int rc);

/* The class of a return code; FLARE_CLASS_NONE if rc >= 0.  Thread: any. */
FLARE_API enum flare_error_class flare_error_class(int rc);

/* "system", "usage", "dns" ...; "unknown" for a number that is no class.
 * Static.  Thread: any. */
FLARE_API const char *flare_error_class_name(enum flare_error_class class_);

/*
 * The HTTP status that stands for a return code when a handler returns it:
 * the list's, 503 for -ENOMEM and its like, 500 for the rest; 200 if rc >= 0.
 * Thread: any.
 */
FLARE_API int flare_error_status(int rc);

#ifdef __cplusplus
}
#endif
#endif
