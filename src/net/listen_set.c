/* SPDX-License-Identifier: MIT */
/* See listen_set.h. */
#include "net/listen_set.h"

#include "base/alloc.h"
#include "base/log.h"
#include "net/addr.h"
#include "net/inherit.h"
#include "net/os.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    /* A quarter of a second covers a handshake round the earth; a network
     * that loses its last segment retries after a second (RFC 6298). */
    LISTEN_HANDSHAKE_MS = 250,
    LISTEN_HANDSHAKE_LOOPBACK_MS = 10
};

/* What an item of the list is opened with. */
struct listen_item {
    const struct flare__listen_config *config;
    const char *list; /* which has it */
    struct flare_str asked;
};

/* ---- the arrays ---- */

static int listen_add_address(struct flare__listen_set *set,
                              struct flare_str asked)
{
    struct flare__listen_address *a = flare__realloc(
        set->al, set->addresses, (set->address_count + 1) * sizeof(*a));

    if (a == NULL)
        return -ENOMEM;
    set->addresses = a;
    a += set->address_count++;
    *a = (struct flare__listen_address){.first = set->socket_count};
    memcpy(a->asked, asked.ptr, asked.len);
    return 0;
}

/* Adds a socket to the last address; takes `fd` in every case. */
static int listen_add_socket(struct flare__listen_set *set, int fd,
                             bool is_shared)
{
    struct flare__listen_address *a = &set->addresses[set->address_count - 1];
    struct flare__listen_socket *s = flare__realloc(
        set->al, set->sockets, (set->socket_count + 1) * sizeof(*s));
    struct flare__addr addr;
    int rc = s != NULL ? flare__sock_local(fd, &addr) : -ENOMEM;

    if (s != NULL)
        set->sockets = s;
    if (rc < 0) {
        flare__sock_close(fd);
        return rc;
    }
    if (a->count == 0)
        flare__addr_format(&addr, a->text, sizeof(a->text));
    a->count++;
    s[set->socket_count++] = (struct flare__listen_socket){
        .fd = fd,
        .address = set->address_count - 1,
        .is_shared = is_shared,
    };
    return 0;
}

/* ---- the kinds of items ---- */

static bool listen_is_unix(const char *text)
{
    return strncmp(text, "unix:", 5) == 0;
}

/* Further sockets at the address of the last one, until each worker has one. */
static int listen_fill(struct flare__listen_set *set, unsigned flags,
                       struct flare_error *err)
{
    struct flare__listen_address *a = &set->addresses[set->address_count - 1];
    int rc = 0;

    while (rc >= 0 && a->count < set->workers) {
        int fd;

        rc = flare__sock_listen(&fd, flare_str(a->text), 0, flags, err);
        if (rc >= 0)
            rc = listen_add_socket(set, fd, /* is_shared = */ false);
    }
    return rc;
}

static int listen_bind(struct flare__listen_set *set,
                       const struct listen_item *item, struct flare_error *err)
{
    bool is_alone = set->workers <= 1 || !flare__os_spreads() ||
                    (item->asked.len >= 5 && listen_is_unix(item->asked.ptr));
    unsigned flags = item->config->is_v6only ? FLARE__SOCK_V6ONLY : 0;
    int fd;
    int rc;

    if (!is_alone)
        flags |= FLARE__SOCK_REUSEPORT;
    rc = flare__sock_listen(&fd, item->asked, 0, flags, err);
    if (rc < 0)
        return rc;
    rc = listen_add_address(set, item->asked);
    if (rc < 0) {
        flare__sock_unlink(fd);
        flare__sock_close(fd);
        return rc;
    }
    rc = listen_add_socket(set, fd, /* is_shared = */ false);
    return rc < 0 || is_alone ? rc : listen_fill(set, flags, err);
}

/* A copy of a descriptor of somebody else's. */
static int listen_borrow(struct flare__listen_set *set, int fd,
                         const struct listen_item *item,
                         struct flare_error *err)
{
    int rc = flare__inherit_check(fd, err);
    int copy;

    if (rc < 0)
        return rc;
    copy = flare__sock_dup(fd);
    if (copy < 0)
        return copy;
    rc = listen_add_address(set, item->asked);
    if (rc < 0) {
        flare__sock_close(copy);
        return rc;
    }
    return listen_add_socket(set, copy, /* is_shared = */ true);
}

static int listen_numbered(struct flare__listen_set *set,
                           const struct listen_item *item,
                           struct flare_error *err)
{
    struct flare_str number = {item->asked.ptr + 3, item->asked.len - 3};
    uint32_t fd;

    if (!flare__number_read(&fd, number, INT32_MAX))
        return flare__error(err, FLARE_E_BAD_ADDRESS,
                            "%.*s: fd: is followed by a descriptor",
                            FLARE_STR_ARG(item->asked));
    return listen_borrow(set, (int)fd, item, err);
}

static int listen_inherit(struct flare__listen_set *set,
                          const struct listen_item *item,
                          struct flare_error *err)
{
    struct flare_str name = {item->asked.ptr + 8, item->asked.len - 8};
    struct flare__inherit in;
    uint32_t before = set->socket_count;
    int rc = flare__inherit_read(&in, err);

    for (uint32_t i = 0; rc >= 0 && i < in.count; i++)
        if (name.len == 0 || flare_str_equal(name, flare__inherit_name(&in, i)))
            rc = listen_borrow(set, FLARE__INHERIT_FIRST + (int)i, item, err);
    if (rc < 0)
        return rc;
    if (set->socket_count == before)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            in.count == 0 ? "%.*s: no sockets were inherited "
                                            "(LISTEN_PID, LISTEN_FDS)"
                                          : "%.*s: no inherited socket has "
                                            "that name (LISTEN_FDNAMES)",
                            FLARE_STR_ARG(item->asked));
    return 0;
}

/*
 * The sockets that the server before had for this item; 1 if there were any.
 * One item may have had several addresses ("inherit:").
 */
static int listen_take_handed(struct flare__listen_set *set,
                              const struct listen_item *item)
{
    const struct flare__listen_config *c = item->config;
    uint32_t before = set->socket_count;
    int rc = 0;

    for (uint32_t i = 0; rc >= 0 && i < c->handed_count; i++) {
        struct flare__listen_handed *h = &c->handed[i];
        struct flare__addr addr;
        char text[FLARE__SOCK_TEXT_MAX];
        int fd = h->fd;

        if (fd < 0 || !flare_str_equal(flare_str(h->asked), item->asked))
            continue;
        rc = flare__sock_local(fd, &addr);
        if (rc < 0)
            break;
        flare__addr_format(&addr, text, sizeof(text));
        if (set->socket_count == before ||
            strcmp(set->addresses[set->address_count - 1].text, text) != 0)
            rc = listen_add_address(set, item->asked);
        if (rc < 0)
            break;
        h->fd = -1;
        (void)flare__os_listen_deaf(
            fd, false); /* that one may have been told to end */
        rc = listen_add_socket(set, fd, h->is_shared);
        if (rc >= 0)
            set->sockets[set->socket_count - 1].is_handed = true;
    }
    return rc < 0 ? rc : set->socket_count != before;
}

/* The group of the server before may grow, if it is a group. */
static void listen_grow(struct flare__listen_set *set,
                        const struct listen_item *item)
{
    struct flare__listen_address *a = &set->addresses[set->address_count - 1];
    unsigned flags = item->config->is_v6only ? FLARE__SOCK_V6ONLY : 0;
    struct flare_error ignored;

    /* One alone was opened without SO_REUSEPORT: no other may join it. */
    if (a->count > 1 && !listen_is_unix(a->text) &&
        !set->sockets[a->first].is_shared)
        (void)listen_fill(set, flags | FLARE__SOCK_REUSEPORT, &ignored);
}

static int listen_open_item(struct flare__listen_set *set,
                            const struct listen_item *item,
                            struct flare_error *err)
{
    struct flare_str asked = item->asked;
    int rc = listen_take_handed(set, item);

    if (rc > 0)
        listen_grow(set, item);
    else if (rc == 0 && asked.len >= 3 && memcmp(asked.ptr, "fd:", 3) == 0)
        rc = listen_numbered(set, item, err);
    else if (rc == 0 && asked.len >= 8 && memcmp(asked.ptr, "inherit:", 8) == 0)
        rc = listen_inherit(set, item, err);
    else if (rc == 0)
        rc = listen_bind(set, item, err);
    if (rc == -ENOMEM)
        return flare__error(err, rc, "%.*s: out of memory",
                            FLARE_STR_ARG(asked));
    return rc;
}

/* ---- the list ---- */

static struct flare_str listen_trim(struct flare_str s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = (struct flare_str){s.ptr + 1, s.len - 1};
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

static int listen_check_item(const struct flare__listen_set *set,
                             const struct listen_item *item,
                             struct flare_error *err)
{
    if (item->asked.len == 0)
        return flare__error(err, FLARE_E_BAD_ADDRESS,
                            "listen: \"%s\" has an empty item", item->list);
    if (item->asked.len >= FLARE__LISTEN_ASKED_MAX)
        return flare__error(err, FLARE_E_BAD_ADDRESS,
                            "listen: an item is longer than %d bytes",
                            FLARE__LISTEN_ASKED_MAX - 1);
    for (uint32_t i = 0; i < set->address_count; i++)
        if (flare_str_equal(item->asked, flare_str(set->addresses[i].asked)))
            return flare__error(err, FLARE_E_BAD_ADDRESS,
                                "listen: \"%.*s\" is there twice",
                                FLARE_STR_ARG(item->asked));
    return 0;
}

/* The ones opened so far leave no file behind. */
static void listen_undo(struct flare__listen_set *set)
{
    for (uint32_t i = 0; i < set->socket_count; i++)
        if (!set->sockets[i].is_shared && !set->sockets[i].is_handed)
            flare__sock_unlink(set->sockets[i].fd);
    flare__listen_set_free(set);
}

static int listen_open_list(struct flare__listen_set *set,
                            const struct flare__listen_config *config,
                            const char *list, struct flare_error *err)
{
    const char *at = list;
    int rc = 0;

    while (rc >= 0 && at != NULL) {
        size_t len = strcspn(at, ",");
        struct listen_item item = {
            config,
            list,
            listen_trim((struct flare_str){at, len}),
        };

        rc = listen_check_item(set, &item, err);
        if (rc >= 0)
            rc = listen_open_item(set, &item, err);
        at = at[len] != '\0' ? at + len + 1 : NULL;
    }
    return rc;
}

int flare__listen_set_open(struct flare__listen_set *set,
                           const struct flare__listen_config *config,
                           struct flare_error *err)
{
    uint32_t plain;
    int rc;

    *set = (struct flare__listen_set){.al = config->al,
                                      .workers = config->workers};
    rc = listen_open_list(set, config, config->list, err);
    plain = set->address_count;
    if (rc >= 0)
        rc = listen_open_list(set, config, config->tls_list, err);
    for (uint32_t i = plain; i < set->address_count; i++)
        set->addresses[i].is_tls = true;
    if (rc < 0)
        listen_undo(set);
    return rc < 0 ? rc : 0;
}

void flare__listen_set_close(struct flare__listen_set *set)
{
    for (uint32_t i = 0; i < set->socket_count; i++) {
        flare__sock_close(set->sockets[i].fd);
        set->sockets[i].fd = -1;
    }
}

void flare__listen_set_free(struct flare__listen_set *set)
{
    flare__listen_set_close(set);
    if (set->al != NULL) {
        flare__free(set->al, set->addresses);
        flare__free(set->al, set->sockets);
    }
    *set = (struct flare__listen_set){.al = NULL};
}

/* ---- who accepts from what ---- */

bool flare__listen_set_serves(const struct flare__listen_set *set, uint32_t i,
                              uint32_t worker)
{
    const struct flare__listen_address *a =
        &set->addresses[set->sockets[i].address];
    uint32_t place = i - a->first;

    if (a->count >= set->workers)
        return place % set->workers == worker;
    return worker % a->count == place;
}

uint32_t flare__listen_set_each(const struct flare__listen_set *set)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < set->address_count; i++)
        most += (set->addresses[i].count + set->workers - 1) / set->workers;
    return most;
}

/* ---- the end ---- */

static bool listen_seal_unix(int fd, const char *text)
{
    flare__sock_unlink(fd);
    return text[5] != '@'; /* an abstract name cannot be taken away */
}

void flare__listen_set_seal(struct flare__listen_set *set)
{
    for (uint32_t i = 0; i < set->socket_count; i++) {
        struct flare__listen_socket *s = &set->sockets[i];
        const char *text = set->addresses[s->address].text;

        if (s->is_shared || s->fd < 0)
            continue;
        s->is_sealed = listen_is_unix(text)
                           ? listen_seal_unix(s->fd, text)
                           : flare__os_listen_deaf(s->fd, true) == 0;
    }
}

void flare__listen_set_share(struct flare__listen_set *set)
{
    for (uint32_t i = 0; i < set->socket_count; i++)
        set->sockets[i].is_shared = true;
}

enum flare__listen_left flare__listen_set_left(
    const struct flare__listen_set *set, uint32_t worker)
{
    enum flare__listen_left left = FLARE__LISTEN_EMPTY;

    for (uint32_t i = 0; i < set->socket_count; i++) {
        const struct flare__listen_socket *s = &set->sockets[i];
        struct pollfd queue = {.fd = s->fd, .events = POLLIN};

        if (s->is_shared || !flare__listen_set_serves(set, i, worker) ||
            poll(&queue, 1, 0) <= 0)
            continue;
        if (!s->is_sealed)
            return FLARE__LISTEN_OPEN;
        left = FLARE__LISTEN_LAST;
    }
    return left;
}

static bool listen_is_loopback(const char *text)
{
    return strncmp(text, "127.", 4) == 0 || strncmp(text, "[::1]", 5) == 0;
}

uint32_t flare__listen_set_handshake_ms(const struct flare__listen_set *set)
{
    uint32_t ms = 0;

    for (uint32_t i = 0; i < set->socket_count; i++) {
        const char *text = set->addresses[set->sockets[i].address].text;

        if (set->sockets[i].is_shared || listen_is_unix(text))
            continue;
        if (!listen_is_loopback(text))
            return LISTEN_HANDSHAKE_MS;
        ms = LISTEN_HANDSHAKE_LOOPBACK_MS;
    }
    return ms;
}

void flare__listen_set_format(const struct flare__listen_set *set, char *out,
                              size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < set->address_count && len < size; i++) {
        int n = snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "",
                         set->addresses[i].text);

        len += n > 0 ? (size_t)n : 0;
    }
}
