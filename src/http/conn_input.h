/* SPDX-License-Identifier: MIT */
/*
 * The parts of a connection, as they see each other: conn.c has the kernel's
 * side (events, deadlines, closing), conn_input.c the peer's bytes, conn_body.c
 * those of bodies.
 */
#ifndef FLARE__HTTP_CONN_INPUT_H
#define FLARE__HTTP_CONN_INPUT_H

#include "http/conn.h"
#include "http/dispatch.h"

/* Of conn_input.c; no phase past ANSWER.  flare__conn_flush follows. */
void flare__conn_input(struct flare__conn *conn, const char *bytes,
                       uint32_t len);
void flare__conn_resume(struct flare__conn *conn);
void flare__conn_on_eof(struct flare__conn *conn);
void flare__conn_on_read_timeout(struct flare__conn *conn);

/*
 * Ends the connection with the plain answer of `error`; `is_head`: without a
 * body.  In STREAM and ANSWER the request in hand is what fails.
 */
void flare__conn_refuse(struct flare__conn *conn, int error, bool is_head);

/* The same where what fails is what is being read. */
void flare__conn_fail(struct flare__conn *conn, int error);

/* The next request may come; or this one's answer, of `x`, was the last. */
void flare__conn_after(struct flare__conn *conn,
                       const struct flare__exchange *x,
                       enum flare__dispatched how);

/* Nothing of the request in conn->x is to come or to be sent any more. */
void flare__conn_release(struct flare__conn *conn, enum flare__dispatched how);

/* ---- of conn_body.c ---- */

struct flare__inbuf *flare__inbuf_new(struct flare__conn *conn, uint32_t cap);

/*
 * NULL is accepted.  A worker keeps large ones, of 16 MiB at most: their pages
 * are there.  Trimming frees these.
 */
void flare__inbuf_free(struct flare__http *h, struct flare__inbuf *in);
void flare__inbuf_trim(struct flare__http *h);

/* Appends to conn->in; it grows with what has come, never by a promise. */
int flare__inbuf_append(struct flare__conn *conn, const char *bytes,
                        uint32_t len);

/*
 * The body of the request in hand starts; `available` bytes of it are here,
 * more than `max` are refused.
 * Collected behind its head, or given to its handler at once if that is what
 * its route wants.  An error is the answer.
 */
int flare__body_collect(struct flare__conn *conn, uint64_t max,
                        uint32_t available);
void flare__body_stream(struct flare__conn *conn, uint64_t max,
                        uint32_t available);

/* Phase BODY or STREAM.  Returns what it took, or an error. */
int flare__body_input(struct flare__conn *conn, const char *bytes,
                      uint32_t len);

/* The time by which the next bytes of the body must be here. */
void flare__body_set_deadline(struct flare__conn *conn);

/* Phase ANSWER: to a handler that reads it, a body that was collected. */
void flare__body_give_whole(struct flare__conn *conn);

/* Phase STREAM: nobody takes the body just now. */
bool flare__body_is_paused(const struct flare__exchange *x);

/* ---- of conn.c ---- */

void flare__conn_linger(struct flare__conn *conn);

void flare__conn_set_read_deadline(struct flare__conn *conn, uint32_t in_ms);

#endif
