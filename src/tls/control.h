/* SPDX-License-Identifier: MIT */
/*
 * What is not data in a connection that the kernel encrypts or decrypts:
 * alerts, session tickets, KeyUpdates.  OpenSSL goes on handling them:
 *
 *   received  the kernel gives them out as plaintext with their type.  They are
 *             encrypted again, as the record that OpenSSL, still standing where
 *             the kernel took over, expects next; so it keeps tickets, follows
 *             keys, counts floods and ends on alerts as it always does.
 *   sent      what OpenSSL writes is dropped (its keys are used up for nothing,
 *             and nothing of it leaves the process), but it tells what it was,
 *             and that is sent as a record of the kernel's.
 *
 * A KeyUpdate is followed with the kernel's keys (Linux 6.14; before that the
 * connection ends with FLARE_E_TLS_REKEY).
 *
 * Thread: the loop's.
 */
#ifndef FLARE__TLS_CONTROL_H
#define FLARE__TLS_CONTROL_H

#include "net/loop.h"
#include "tls/engine.h"

/*
 * Gives OpenSSL a record, or a part of one, of which the kernel said this type
 * and plaintext: 1 to FLARE__TLS_CONTROL bytes.  -EAGAIN: it is handled; 0: it
 * was close_notify; else the error that ended the connection.
 */
enum { FLARE__TLS_CONTROL = 2048 };

FLARE_MUST_USE
int flare__tls_control(struct flare__tls *e, uint8_t type,
                       struct flare_str bytes);

/*
 * A receive of what is in the kernel has ended with `rc`: -EIO, then a record
 * is taken from the socket and handled, keys are changed; or the kernel did not
 * like what came.  -EAGAIN: receive again; 0: close_notify; else the error that
 * ended the connection, -errno where it was not TLS's.
 */
FLARE_MUST_USE
int flare__tls_control_recv(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock, int rc);

/* Whether there is something for flare__tls_control_send. */
bool flare__tls_control_is_due(const struct flare__tls *e);

/*
 * Sends what OpenSSL has to say, while no send is in flight and sending is in
 * the kernel.  0: all of it; -EAGAIN: the system takes nothing now, try again;
 * else the error that ended the connection.
 */
FLARE_MUST_USE
int flare__tls_control_send(struct flare__tls *e, struct flare_loop *loop,
                            struct flare__sock *sock);

/* So much plaintext has come by the kernel: it counts for the caps. */
void flare__tls_control_count(struct flare__tls *e, size_t len);

#endif
