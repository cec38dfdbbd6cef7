/* SPDX-License-Identifier: MIT */
/*
 * The two halves of a connection, as they see each other: conn.c has the
 * kernel's side (events, deadlines, closing), conn_input.c the peer's bytes.
 */
#ifndef FLARE__HTTP_CONN_INPUT_H
#define FLARE__HTTP_CONN_INPUT_H

#include "http/conn.h"

/* Of conn_input.c; phase HEAD or BODY.  flare__conn_flush follows. */
void flare__conn_input(struct flare__conn *conn, const char *bytes,
                       uint32_t len);
void flare__conn_resume(struct flare__conn *conn);
void flare__conn_on_eof(struct flare__conn *conn);
void flare__conn_on_read_timeout(struct flare__conn *conn);

/* Of conn.c. */
void flare__conn_linger(struct flare__conn *conn);

/*
 * At the end of the turn, sends what is queued and what else has become due.
 * Ends every reaction to an event.  Not at once: so all answers of a turn
 * leave in one send, and the sends of all connections follow one another,
 * where a system call each between two requests costs the caches dear (measured
 * on epoll: 10 % of a request).
 */
void flare__conn_flush(struct flare__conn *conn);
void flare__conn_set_read_deadline(struct flare__conn *conn, uint32_t in_ms);

#endif
