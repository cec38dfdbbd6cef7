/* SPDX-License-Identifier: MIT */
/*
 * One TLS connection without sockets, clock or threads: ciphertext in,
 * ciphertext out, plaintext in between.
 *
 * In: every call that reads is given a slice and advances it past what was
 * used.  Nothing is copied but by the cipher; of a record that is not whole
 * OpenSSL keeps what came (at most 17 KiB).  Bytes are left over only when the
 * caller's room or the output is full, or after an end.
 *
 * Out: a buffer that grows to out_max, which the caller drains after every
 * call, also after one that failed: there is the alert.  Above its mark writing
 * stops.  It is freed when it is empty; an idle connection holds OpenSSL's own
 * minimum and this struct.
 *
 * States:  HANDSHAKE -> OPEN -> FAILED
 *   HANDSHAKE  at most 128 KiB come in and 64 KiB of certificates; there is no
 *              deadline here, the caller's timer is it
 *   OPEN       each direction is closed by itself, by close_notify
 *   FAILED     every call returns the same error
 *
 * The peer cannot renegotiate (RFC 5746 and 1.2: refused, and the end when it
 * insists), nor flood with KeyUpdate or empty records.  OpenSSL's error queue
 * of the thread is empty after every call.
 *
 * Thread: one at a time.
 */
#ifndef FLARE__TLS_ENGINE_H
#define FLARE__TLS_ENGINE_H

#include <flare/tls.h>

enum {
    FLARE__TLS_RECORD = 16384,      /* plaintext of one, RFC 8446 5.1 */
    FLARE__TLS_OUT_MAX = 64 * 1024, /* default */
    FLARE__TLS_OUT_MIN = 1024,
    FLARE__TLS_HANDSHAKE_MAX = 128 * 1024, /* bytes in before it is done */
    FLARE__TLS_NAME_MAX = 253
};

struct flare__tls;

/* What one connection is started with. */
struct flare__tls_start {
    int64_t
        unix_now; /* seconds; certificates and ticket keys are judged by it */
    uint32_t out_max; /* from FLARE__TLS_OUT_MIN; 0: FLARE__TLS_OUT_MAX */
    /* Of a client: whom it wants to speak to, a name or an address. */
    struct flare_str host;
    uint16_t port; /* with the host, the key of kept sessions */
};

/*
 * A connection as `server` is configured now.  0 or -ENOMEM.  Release with
 * flare__tls_free.  Thread: any.
 */
FLARE_MUST_USE
int flare__tls_new_server(struct flare__tls **out, flare_tls_server *server,
                          const struct flare__tls_start *start);

/*
 * A connection to start->host.  0, FLARE_E_BAD_HOSTNAME with its sentence in
 * `err` (may be NULL), -ENOMEM.  Thread: any.
 */
FLARE_MUST_USE
int flare__tls_new_client(struct flare__tls **out, flare_tls_client *client,
                          const struct flare__tls_start *start,
                          struct flare_error *err);

/* Accepts NULL.  Says nothing to the peer. */
void flare__tls_free(struct flare__tls *e);

/*
 * Goes on with the handshake.  0 when it is done; -EAGAIN: `*in` is used up and
 * more is wanted, or the output must be drained first; else the error that
 * ended it.  A client calls it first with an empty slice.
 */
FLARE_MUST_USE
int flare__tls_handshake(struct flare__tls *e, struct flare_str *in);

/*
 * Decrypts into `out`, of `room` bytes (1 or more); goes on with the handshake
 * if it is not done.  Returns how many bytes were written, at most a record's;
 * 0 when the peer has sent close_notify (what follows is dropped); -EAGAIN when
 * it wants more or a drained output, and not before: call until then, as a
 * record may be larger than the room.  Else the error that ended it.
 */
FLARE_MUST_USE
int flare__tls_read(struct flare__tls *e, struct flare_str *in, char *out,
                    size_t room);

/*
 * Encrypts the front of `bytes`.  Returns how many bytes were taken, at most a
 * record's; -EAGAIN if the output must be drained first or the handshake is not
 * done: then the next call begins with the same bytes, at any address, and has
 * no fewer, else -EINVAL.  -EPIPE after flare__tls_close.
 */
FLARE_MUST_USE
int flare__tls_write(struct flare__tls *e, struct flare_str bytes);

/*
 * Sends close_notify, once; reading goes on.  Nothing in a handshake or after a
 * failure.  0 or the error that ended it.
 */
int flare__tls_close(struct flare__tls *e);

/*
 * The peer's bytes have ended.  Without close_notify before, a read that has
 * used everything up then returns FLARE_E_TLS_TRUNCATED: an attacker can cut a
 * connection, and only who knows how long a message is can tell that it is
 * whole.
 */
void flare__tls_eof(struct flare__tls *e);

/* What is to be sent; lent until the next call.  Empty: nothing. */
struct flare_str flare__tls_output(const struct flare__tls *e);

/* The first `len` bytes of the output are taken care of. */
void flare__tls_sent(struct flare__tls *e, size_t len);

/*
 * Output in memory of the caller's, for those who send it while the connection
 * goes on.  `lend`: what comes is written into `bytes`, never more than `cap`
 * (7 KiB at least, which sets the mark); false, and nothing is done, while
 * there is output already.  `take`: the output is the caller's, with its
 * memory, lent or of the configuration's allocator; false: there is none.
 */
struct flare__tls_taken {
    char *bytes;
    uint32_t start;
    uint32_t len; /* 0: nothing was written to what had been lent */
    uint32_t cap;
    bool is_lent;
};

bool flare__tls_lend_output(struct flare__tls *e, char *bytes, uint32_t cap);
bool flare__tls_take_output(struct flare__tls *e, struct flare__tls_taken *out);

/* Gives back memory that was taken and not lent. */
void flare__tls_free_output(const struct flare__tls *e, char *bytes);

/* Whether the last -EAGAIN was for want of room in the output. */
bool flare__tls_wants_drain(const struct flare__tls *e);

/* Whether the handshake is done and nothing has failed. */
bool flare__tls_is_open(const struct flare__tls *e);

/* Of an open connection. */
void flare__tls_info(const struct flare__tls *e, struct flare_tls_info *info);

/* The sentence of the failure; code 0 before. */
const struct flare_error *flare__tls_error(const struct flare__tls *e);

/*
 * Sends new keys with the next write (TLS 1.3), and asks the peer for its own.
 * 0; -EOPNOTSUPP in TLS 1.2; -EAGAIN before the handshake is done.
 */
FLARE_MUST_USE int flare__tls_rekey(struct flare__tls *e);

#endif
