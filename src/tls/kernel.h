/* SPDX-License-Identifier: MIT */
/*
 * Hands a direction of a connection to the kernel (Linux: Documentation/
 * networking/tls.rst), which from then on makes records of what is sent, or
 * plaintext of what comes in.
 *
 * OpenSSL does not know: it is never asked to do it, so this works with every
 * version of it.  The keys are derived once more (keys.h), and the number of
 * the next record is counted along.  Its own state stays as it was at the
 * hand-over; control.h keeps it up with the rest of the connection.
 *
 * A kernel that refuses changes nothing: all goes on in user space.  What it
 * lacks is remembered by the configuration, and not asked for again.
 *
 * No state is global.  Thread: the loop's.
 */
#ifndef FLARE__TLS_KERNEL_H
#define FLARE__TLS_KERNEL_H

#include "net/loop.h"
#include "tls/impl.h"

/* Called while a configuration is made: connections will know their secrets. */
void flare__tls_kernel_attach(struct flare__tls_conf *conf);

/* OpenSSL has sent or received this: a header, a handshake message, an alert.
 */
void flare__tls_kernel_follow(struct flare__tls *e, bool is_sent, int type,
                              struct flare_str message);

/* Erases the secret of a direction. */
void flare__tls_kernel_forget(struct flare__tls_way *way);

/* Whether the kernel does it. */
bool flare__tls_kernel_has_tx(const struct flare__tls *e);
bool flare__tls_kernel_has_rx(const struct flare__tls *e);

/*
 * Whether it is worth a try: the connection is open, its direction not in the
 * kernel yet, and nothing is known to speak against it.
 */
bool flare__tls_kernel_may_tx(const struct flare__tls *e,
                              const struct flare_loop *loop);
bool flare__tls_kernel_may_rx(const struct flare__tls *e,
                              const struct flare_loop *loop);

/*
 * Hands over what is sent.  The output is empty and back from the backend, and
 * no send is in flight.  0: from now on bytes are sent plain, and
 * flare__tls_write is not called; else it all goes on in user space: -EAGAIN
 * for now, another -errno for good.
 */
FLARE_MUST_USE
int flare__tls_kernel_tx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock);

/*
 * Bytes of the record that has begun to come in which are still missing, or of
 * its header; 0: the stream stands between two.
 */
uint32_t flare__tls_kernel_missing(const struct flare__tls *e);

/*
 * Hands over what is received.  The socket's receive is back, all that it gave
 * has been read, until -EAGAIN.  0: from now on what comes is plaintext; else
 * it all goes on in user space: -EAGAIN where the stream stands inside a
 * record, another -errno for good.
 */
FLARE_MUST_USE
int flare__tls_kernel_rx(struct flare__tls *e, struct flare_loop *loop,
                         struct flare__sock *sock);

/*
 * Gives the kernel the keys that follow a KeyUpdate, Linux 6.14.  0, or
 * FLARE_E_TLS_REKEY: it cannot, and the connection has ended.
 */
FLARE_MUST_USE
int flare__tls_kernel_rekey(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock, bool is_sent);

#endif
