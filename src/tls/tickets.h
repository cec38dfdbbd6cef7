/* SPDX-License-Identifier: MIT */
/*
 * Keys of session tickets, one set for all workers of a server: it survives a
 * reload.  Its own keys rotate as time goes by: each seals for 12 hours and
 * opens for 12 more, then it is overwritten, so that a ticket recorded today is
 * not to be read the day after.  Keys of the user are his to rotate.
 *
 * A lock is held for the copy of a key, once or twice in a full handshake.
 */
#ifndef FLARE__TLS_TICKETS_H
#define FLARE__TLS_TICKETS_H

#include <flare/tls.h>

struct flare__tls_tickets;

enum {
    FLARE__TLS_TICKET_NAME = 16,
    FLARE__TLS_TICKET_ROTATE_S = 12 * 3600, /* RFC 5077 5.5; at most 24 h */
};

/* A key with its parts. */
struct flare__tls_ticket_key {
    uint8_t name[FLARE__TLS_TICKET_NAME];
    uint8_t aes[32];
    uint8_t mac[32];
};

enum flare__tls_ticket_found {
    FLARE__TLS_TICKET_UNKNOWN,
    FLARE__TLS_TICKET_CURRENT,
    FLARE__TLS_TICKET_OLD /* opens, but a new ticket is due */
};

/* One reference; keys are made when first needed.  NULL: no memory. */
struct flare__tls_tickets *flare__tls_tickets_new(
    const struct flare_allocator *al);
struct flare__tls_tickets *flare__tls_tickets_ref(
    struct flare__tls_tickets *tickets);
/* Accepts NULL. */
void flare__tls_tickets_unref(struct flare__tls_tickets *tickets);

/* 1 to FLARE_TLS_TICKET_KEYS_MAX of the user's, from now on. */
void flare__tls_tickets_set(struct flare__tls_tickets *tickets,
                            const struct flare_tls_ticket_key *keys,
                            uint32_t count);

/* The key that seals.  0, or -EIO without random bytes. */
FLARE_MUST_USE
int flare__tls_tickets_seal(struct flare__tls_tickets *tickets, int64_t now,
                            struct flare__tls_ticket_key *out);

/* The key of this name, if it still opens. */
enum flare__tls_ticket_found flare__tls_tickets_find(
    struct flare__tls_tickets *tickets, int64_t now,
    const uint8_t name[FLARE__TLS_TICKET_NAME],
    struct flare__tls_ticket_key *out);

#endif
