/* SPDX-License-Identifier: MIT */
/* See tickets.h. */
#include "tls/tickets.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct flare__tls_tickets {
    const struct flare_allocator *al;
    atomic_uint refs;
    pthread_mutex_t lock;
    /* Below the lock.  keys[0] seals. */
    struct flare__tls_ticket_key keys[FLARE_TLS_TICKET_KEYS_MAX];
    uint32_t count;
    bool are_users;
    int64_t since; /* of keys[0], if they are its own */
};

_Static_assert(sizeof(struct flare__tls_ticket_key) ==
                   FLARE_TLS_TICKET_KEY_BYTES,
               "a key of the user is cut into these parts");

struct flare__tls_tickets *flare__tls_tickets_new(
    const struct flare_allocator *al)
{
    struct flare__tls_tickets *tickets = flare__calloc(al, 1, sizeof(*tickets));

    if (tickets == NULL)
        return NULL;
    tickets->al = al;
    atomic_init(&tickets->refs, 1);
    pthread_mutex_init(&tickets->lock, NULL);
    return tickets;
}

struct flare__tls_tickets *flare__tls_tickets_ref(
    struct flare__tls_tickets *tickets)
{
    atomic_fetch_add_explicit(&tickets->refs, 1, memory_order_relaxed);
    return tickets;
}

void flare__tls_tickets_unref(struct flare__tls_tickets *tickets)
{
    if (tickets == NULL ||
        atomic_fetch_sub_explicit(&tickets->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&tickets->lock);
    OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
    flare__free(tickets->al, tickets);
}

void flare__tls_tickets_set(struct flare__tls_tickets *tickets,
                            const struct flare_tls_ticket_key *keys,
                            uint32_t count)
{
    FLARE_ASSERT(count >= 1 && count <= FLARE_TLS_TICKET_KEYS_MAX);
    pthread_mutex_lock(&tickets->lock);
    OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
    memcpy(tickets->keys, keys, count * sizeof(*keys));
    tickets->count = count;
    tickets->are_users = true;
    pthread_mutex_unlock(&tickets->lock);
}

/* Forgets what no longer opens.  A clock that is set back changes nothing. */
static void tickets_expire(struct flare__tls_tickets *tickets, int64_t now)
{
    int64_t age = now - tickets->since;
    uint32_t keep = 2;

    if (tickets->are_users || tickets->count == 0)
        return;
    if (age >= 2 * FLARE__TLS_TICKET_ROTATE_S)
        keep = 0;
    else if (age >= FLARE__TLS_TICKET_ROTATE_S)
        keep = 1; /* keys[0] opens on; the one before has had its time */
    if (tickets->count <= keep)
        return;
    OPENSSL_cleanse(&tickets->keys[keep],
                    (tickets->count - keep) * sizeof(tickets->keys[0]));
    tickets->count = keep;
}

/* A new key in front where that is due. */
static int tickets_rotate(struct flare__tls_tickets *tickets, int64_t now)
{
    struct flare__tls_ticket_key fresh;

    tickets_expire(tickets, now);
    if (tickets->are_users ||
        (tickets->count > 0 &&
         now - tickets->since < FLARE__TLS_TICKET_ROTATE_S))
        return 0;
    if (RAND_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
        return -EIO;
    tickets->keys[1] = tickets->keys[0];
    tickets->keys[0] = fresh;
    tickets->count = tickets->count > 0 ? 2 : 1;
    tickets->since = now;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return 0;
}

int flare__tls_tickets_seal(struct flare__tls_tickets *tickets, int64_t now,
                            struct flare__tls_ticket_key *out)
{
    int rc;

    pthread_mutex_lock(&tickets->lock);
    rc = tickets_rotate(tickets, now);
    if (rc == 0)
        *out = tickets->keys[0];
    pthread_mutex_unlock(&tickets->lock);
    return rc;
}

enum flare__tls_ticket_found flare__tls_tickets_find(
    struct flare__tls_tickets *tickets, int64_t now,
    const uint8_t name[FLARE__TLS_TICKET_NAME],
    struct flare__tls_ticket_key *out)
{
    enum flare__tls_ticket_found found = FLARE__TLS_TICKET_UNKNOWN;

    pthread_mutex_lock(&tickets->lock);
    tickets_expire(tickets, now);
    for (uint32_t i = 0; i < tickets->count; i++) {
        if (memcmp(tickets->keys[i].name, name, FLARE__TLS_TICKET_NAME) != 0)
            continue;
        *out = tickets->keys[i];
        found = i == 0 ? FLARE__TLS_TICKET_CURRENT : FLARE__TLS_TICKET_OLD;
        break;
    }
    if (found == FLARE__TLS_TICKET_CURRENT && !tickets->are_users &&
        now - tickets->since >= FLARE__TLS_TICKET_ROTATE_S)
        found = FLARE__TLS_TICKET_OLD;
    pthread_mutex_unlock(&tickets->lock);
    return found;
}
