/* SPDX-License-Identifier: MIT */
/*
 * Who may use which connection of a client: origins, what is idle, who waits.
 * Knows no socket and no clock.
 *
 * A connection is used again only for what it was made for.  What that is, is
 * the key: scheme, host, port, and whether it goes through the proxy; all else
 * that connections of one client could differ in (the proxy and its
 * credentials, TLS and its options, where it binds) is the client's and the
 * same for all (FAILURES C06).
 *
 * Places, of each origin and in all, are bounded.  Who finds none waits, in
 * order; where an idle connection of another origin is in the way it is closed.
 *
 * Bound: `total_max` connections, `waiting_max` waiting.  One thread.
 */
#ifndef FLARE__HTTP_POOL_H
#define FLARE__HTTP_POOL_H

#include <flare/alloc.h>

struct flare__pool_key {
    struct flare_str host; /* in its one form: flare_url_normalize */
    uint16_t port;
    bool is_secure;
    bool is_proxied;
};

struct flare__pool_origin;

/* A connection, embedded in it; zeroed: it has no place. */
struct flare__pool_conn {
    struct flare__pool_origin *origin;
    struct flare__pool_conn *next; /* of the origin's idle ones */
    struct flare__pool_conn **link;
    struct flare__pool_conn *newer; /* of all idle ones */
    struct flare__pool_conn *older;
    bool is_idle;
};

/* Somebody who waits, embedded in it; zeroed: does not. */
struct flare__pool_wait {
    struct flare__pool_origin *origin; /* NULL: does not wait */
    struct flare__pool_wait *next;
    struct flare__pool_wait **link;
    uint64_t number; /* grows */
};

struct flare__pool_origin {
    struct flare__pool_origin *chain;
    uint64_t hash;
    struct flare__pool_conn *idle; /* last used first */
    struct flare__pool_wait *waiting;
    struct flare__pool_wait **waiting_end;
    struct flare__pool_origin *next_wanted; /* of those somebody waits for */
    struct flare__pool_origin **wanted_link;
    uint32_t conns;
    uint32_t host_len;
    uint16_t port;
    bool is_secure;
    bool is_proxied;
    char host[]; /* terminated */
};

struct flare__pool_limits {
    uint32_t origin_max; /* connections of one origin */
    uint32_t total_max;
    uint32_t waiting_max;
};

struct flare__pool {
    const struct flare_allocator *al;
    struct flare__pool_limits limits;
    uint64_t seed[2];
    struct flare__pool_origin **table;
    uint32_t mask; /* slots - 1 */
    uint32_t origins;
    uint32_t conns;
    uint32_t idle;
    uint32_t waiting;
    uint64_t next_number;
    struct flare__pool_origin *wanted;
    struct flare__pool_origin *last; /* that was asked for; NULL */
    struct flare__pool_conn *newest; /* of all idle ones */
    struct flare__pool_conn *oldest;
};

/* 0, -ENOMEM, or -errno without random numbers. */
FLARE_MUST_USE
int flare__pool_init(struct flare__pool *pool, const struct flare_allocator *al,
                     const struct flare__pool_limits *limits);

/* No connection has a place and nobody waits. */
void flare__pool_fini(struct flare__pool *pool);

/*
 * The origin of a key, made if it is new.  It lives while a connection has a
 * place at it or somebody waits for it, and at least until the next call that
 * may take either away; who takes none of it calls flare__pool_forget.  NULL:
 * no memory.
 */
struct flare__pool_origin *flare__pool_origin(
    struct flare__pool *pool, const struct flare__pool_key *key);
void flare__pool_forget(struct flare__pool *pool,
                        struct flare__pool_origin *origin);

enum flare__pool_grant {
    FLARE__POOL_REUSE, /* `*conn`, which is idle no more */
    FLARE__POOL_OPEN,  /* a new one: flare__pool_add */
    FLARE__POOL_EVICT, /* the same, once idle `*conn` has gone */
    FLARE__POOL_WAIT,
    FLARE__POOL_FULL /* too many wait */
};

/*
 * What somebody may do who needs a connection of `origin`.  `is_next`: it has
 * waited and flare__pool_next has named it; others do not overtake those who
 * wait.
 */
enum flare__pool_grant flare__pool_ask(struct flare__pool *pool,
                                       struct flare__pool_origin *origin,
                                       bool is_next,
                                       struct flare__pool_conn **conn);

/* A place for a connection that is in use. */
void flare__pool_add(struct flare__pool *pool,
                     struct flare__pool_origin *origin,
                     struct flare__pool_conn *conn);

/* It has nothing to do. */
void flare__pool_rest(struct flare__pool *pool, struct flare__pool_conn *conn);

/* It has nothing to do and must not be given anything. */
void flare__pool_unrest(struct flare__pool *pool,
                        struct flare__pool_conn *conn);

/* It is gone, idle or not.  Nothing if it has no place. */
void flare__pool_remove(struct flare__pool *pool,
                        struct flare__pool_conn *conn);

void flare__pool_wait(struct flare__pool *pool,
                      struct flare__pool_origin *origin,
                      struct flare__pool_wait *wait);

/* Waits no more.  Nothing if it does not. */
void flare__pool_unwait(struct flare__pool *pool,
                        struct flare__pool_wait *wait);

/* Who of those who wait may ask now, the one who has waited longest; NULL. */
struct flare__pool_wait *flare__pool_next(const struct flare__pool *pool);

/* For tests: all that must be true. */
void flare__pool_check(const struct flare__pool *pool);

#endif
