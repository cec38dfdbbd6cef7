/* SPDX-License-Identifier: MIT */
/* See sessions.h. */
#include "tls/sessions.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <pthread.h>
#include <string.h>

struct sessions_entry {
    struct sessions_entry *next; /* the one used less lately */
    SSL_SESSION *session;
    uint16_t port;
    uint16_t host_len;
    char host[];
};

struct flare__tls_sessions {
    const struct flare_allocator *al;
    pthread_mutex_t lock;
    struct sessions_entry *first; /* below the lock, as is the rest */
    uint32_t count;
    uint32_t count_max;
};

struct flare__tls_sessions *flare__tls_sessions_new(
    const struct flare_allocator *al, uint32_t count_max)
{
    struct flare__tls_sessions *sessions =
        flare__calloc(al, 1, sizeof(*sessions));

    FLARE_ASSERT(count_max > 0);
    if (sessions == NULL)
        return NULL;
    sessions->al = al;
    sessions->count_max = count_max;
    pthread_mutex_init(&sessions->lock, NULL);
    return sessions;
}

static void entry_free(struct flare__tls_sessions *sessions,
                       struct sessions_entry *entry)
{
    if (entry == NULL)
        return;
    SSL_SESSION_free(entry->session);
    flare__free(sessions->al, entry);
}

void flare__tls_sessions_free(struct flare__tls_sessions *sessions)
{
    if (sessions == NULL)
        return;
    while (sessions->first != NULL) {
        struct sessions_entry *entry = sessions->first;

        sessions->first = entry->next;
        entry_free(sessions, entry);
    }
    pthread_mutex_destroy(&sessions->lock);
    flare__free(sessions->al, sessions);
}

/* Unlinks the entry of the host and port; NULL: none. */
static struct sessions_entry *sessions_cut(struct flare__tls_sessions *sessions,
                                           struct flare_str host, uint16_t port)
{
    struct sessions_entry **at = &sessions->first;

    for (; *at != NULL; at = &(*at)->next) {
        struct sessions_entry *entry = *at;

        if (entry->port == port && entry->host_len == host.len &&
            memcmp(entry->host, host.ptr, host.len) == 0) {
            *at = entry->next;
            sessions->count--;
            return entry;
        }
    }
    return NULL;
}

static void sessions_put(struct flare__tls_sessions *sessions,
                         struct sessions_entry *entry)
{
    entry->next = sessions->first;
    sessions->first = entry;
    sessions->count++;
}

/* The one used longest ago; there is one. */
static struct sessions_entry *sessions_cut_last(
    struct flare__tls_sessions *sessions)
{
    struct sessions_entry **at = &sessions->first;
    struct sessions_entry *entry;

    while ((*at)->next != NULL)
        at = &(*at)->next;
    entry = *at;
    *at = NULL;
    sessions->count--;
    return entry;
}

bool flare__tls_sessions_give(struct flare__tls_sessions *sessions,
                              struct flare_str host, uint16_t port,
                              SSL_SESSION *session)
{
    struct sessions_entry *entry =
        flare__alloc(sessions->al, sizeof(*entry) + host.len);
    struct sessions_entry *old;
    struct sessions_entry *last = NULL;

    if (entry == NULL)
        return false;
    *entry = (struct sessions_entry){
        .session = session, .port = port, .host_len = (uint16_t)host.len};
    memcpy(entry->host, host.ptr, host.len);
    pthread_mutex_lock(&sessions->lock);
    old = sessions_cut(sessions, host, port);
    if (sessions->count == sessions->count_max)
        last = sessions_cut_last(sessions);
    sessions_put(sessions, entry);
    pthread_mutex_unlock(&sessions->lock);
    entry_free(sessions, old);
    entry_free(sessions, last);
    return true;
}

SSL_SESSION *flare__tls_sessions_take(struct flare__tls_sessions *sessions,
                                      struct flare_str host, uint16_t port)
{
    struct sessions_entry *entry;
    SSL_SESSION *session = NULL;
    bool is_single_use = false;

    pthread_mutex_lock(&sessions->lock);
    entry = sessions_cut(sessions, host, port);
    if (entry != NULL) {
        session = entry->session;
        is_single_use =
            SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
        if (!is_single_use) {
            SSL_SESSION_up_ref(session);
            sessions_put(sessions, entry);
        }
    }
    pthread_mutex_unlock(&sessions->lock);
    if (is_single_use)
        flare__free(sessions->al, entry);
    return session;
}

uint32_t flare__tls_sessions_count(struct flare__tls_sessions *sessions)
{
    uint32_t count;

    pthread_mutex_lock(&sessions->lock);
    count = sessions->count;
    pthread_mutex_unlock(&sessions->lock);
    return count;
}
