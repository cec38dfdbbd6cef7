/* SPDX-License-Identifier: MIT */
/* A link, for its own files only; see link.h. */
#ifndef FLARE__TLS_LINK_IMPL_H
#define FLARE__TLS_LINK_IMPL_H

#include "tls/link.h"

enum { LINK_CLOSE_MS = 2000 /* for close_notify to leave */ };

struct flare__tls_link {
    struct flare__wire_filter filter;
    struct flare_loop *loop;
    struct flare__sock *sock; /* the owner's */
    flare__event_fn owner;
    struct flare__tls *engine;
    struct flare__task task;
    struct flare__timer timer; /* of the handshake; of the close */

    char *held; /* that nobody wants yet; ciphertext, or the kernel's plain */
    uint32_t held_len;
    uint32_t held_cap;

    /* The owner's send: buffers, or a part of a file. */
    const struct iovec *iov;
    struct iovec one;   /* a copy, if it is a single buffer */
    uint32_t iov_count; /* 0: a file */
    size_t iov_at;      /* bytes of the first that are gone */
    uint64_t file_at;
    uint32_t left;  /* bytes to be encrypted */
    uint32_t total; /* of the send */
    int file;

    struct flare__tls_taken out; /* in flight */
    struct iovec sock_iov;       /* and where it stands */
    int32_t sent_res;            /* of it, while its memory is not back */
    int32_t pending;      /* a receive's end, while there is plaintext held */
    uint64_t close_by_ms; /* when the peer has had its time, once closed */
    uint8_t rx_tries;     /* to hand over what is received */
    int rc;               /* why it has ended; 0: it has not */
    struct flare__wire_waiter waiter; /* for a lease to read into */
    bool has_begun;
    bool is_open;
    bool is_told;      /* that it never will be */
    bool is_receiving; /* the backend's receive is not back */
    bool is_stopping;  /* and it was told to stop */
    bool is_wanted;    /* the owner's receive is not back */
    bool is_unwanted;  /* and it was told to stop */
    bool is_finished;  /* the peer's FIN has come */
    bool is_eof;       /* its close_notify has */
    bool is_sending;   /* the owner's send is not back */
    bool in_flight;    /* the backend's send is not back */
    bool is_plain;     /* and it is the owner's own: the kernel encrypts */
    bool is_clogged;   /* OpenSSL goes on once the output is drained */
    bool is_fin_due;   /* once all is sent */
    bool is_mute;      /* nothing more can be: FIN is sent, or a send failed */
    bool is_closed;    /* by the owner */
    bool is_gone;      /* the backend closes it */
};

/* The link whose filter it is. */
static inline struct flare__tls_link *flare__tls_link_from(
    struct flare__wire_filter *f)
{
    return FLARE_CONTAINER_OF(f, struct flare__tls_link, filter);
}

extern const struct flare__wire_filter_ops flare__tls_link_ops;

void flare__tls_link_tell(struct flare__tls_link *l,
                          enum flare__event_kind kind, int32_t res);

/* At the end of the turn, goes on with what there is to do. */
void flare__tls_link_touch(struct flare__tls_link *l);

/* It has ended, for that reason; the owner is told.  Nothing the second time.
 */
void flare__tls_link_fail(struct flare__tls_link *l, int rc);

/* The socket itself. */
void flare__tls_link_close_now(struct flare__tls_link *l,
                               enum flare__close_how how);

/* Uses up what has come, as far as it goes; keeps what is left. */
void flare__tls_link_process(struct flare__tls_link *l, struct flare_str in);

/* The owner's receive is over, if it has one. */
void flare__tls_link_end_recv(struct flare__tls_link *l, int32_t res);

/* Of flare__tls_link.timer. */
void flare__tls_link_on_timer(struct flare__timer *timer);

/* ---- link_kernel.c */

/* Whether the kernel should be given what is received, now that it can. */
bool flare__tls_link_may_rx(const struct flare__tls_link *l);

/* No receive is armed: tries it. */
void flare__tls_link_try_rx(struct flare__tls_link *l);

/* The kernel's receive has ended in `res`, no data before it is left. */
void flare__tls_link_control(struct flare__tls_link *l, int32_t res);

/* Whether the kernel encrypts what is sent, now if not before. */
bool flare__tls_link_try_tx(struct flare__tls_link *l);

/* Sends alerts and new keys' notices by the kernel. */
void flare__tls_link_flush_control(struct flare__tls_link *l);

/* The socket is its owner's alone again. */
void flare__tls_link_free(struct flare__tls_link *l);

/* ---- link_leave.c */

bool flare__tls_link_leave(struct flare__wire_filter *f);

/* ---- link_out.c */

int flare__tls_link_send(struct flare__wire_filter *f, const struct iovec *iov,
                         uint32_t count);
int flare__tls_link_sendfile(struct flare__wire_filter *f, int file,
                             uint64_t offset, uint32_t count);
void flare__tls_link_shutdown(struct flare__wire_filter *f);

/* Sends what the engine has to say, if nothing is in flight. */
void flare__tls_link_flush(struct flare__tls_link *l);

/* The owner has shut down its sending, and the handshake is done. */
void flare__tls_link_end_out(struct flare__tls_link *l);

/* Encrypts what fits of the owner's send, and sends it. */
void flare__tls_link_push(struct flare__tls_link *l);

/* The owner's send is over: what is to be told of it. */
void flare__tls_link_end_send(struct flare__tls_link *l, int32_t res);

/* That of which nothing is left and nothing in flight; nothing else. */
void flare__tls_link_settle(struct flare__tls_link *l);

/* The backend's send is. */
void flare__tls_link_on_sent(struct flare__tls_link *l);

/* All is sent: FIN, or the end of the socket, if they were waiting. */
void flare__tls_link_rest(struct flare__tls_link *l);

/* Gives back all memory of output. */
void flare__tls_link_drop_output(struct flare__tls_link *l);

#endif
