/* SPDX-License-Identifier: MIT */
/*
 * See load_slow.h.  Two system calls for each byte: one to see whether the
 * server has closed or answered, one to send it.
 */
#include "bench/load_slow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\n"
                           "User-Agent: slow\r\nX-Padding: ";

struct slow_client {
    int fd; /* -1: gone */
    unsigned sent;
    uint64_t opened_at;
};

struct load_slow {
    unsigned count;
    unsigned left;
    unsigned next;   /* whose byte is due */
    uint64_t due_at; /* when */
    uint64_t opened_at;
    uint64_t gone_first_ns; /* after its connecting */
    uint64_t gone_last_ns;
    unsigned answered; /* with a 408 before the end */
    unsigned resets;
    struct slow_client clients[];
};

struct load_slow *load_slow_open(const struct load_target *target,
                                 unsigned count)
{
    struct load_slow *s =
        calloc(1, sizeof(*s) + count * sizeof(struct slow_client));

    if (s == NULL)
        load_die("memory", -ENOMEM);
    s->count = s->left = count;
    s->opened_at = load_now();
    for (unsigned i = 0; i < count; i++) {
        s->clients[i].fd = load_target_connect(target);
        s->clients[i].opened_at = load_now();
    }
    s->due_at = load_now();
    return s;
}

static void client_gone(struct load_slow *s, struct slow_client *c,
                        uint64_t now)
{
    uint64_t lived = now - c->opened_at;

    close(c->fd);
    c->fd = -1;
    s->left--;
    if (s->gone_first_ns == 0 || lived < s->gone_first_ns)
        s->gone_first_ns = lived;
    if (lived > s->gone_last_ns)
        s->gone_last_ns = lived;
}

static void client_turn(struct load_slow *s, struct slow_client *c,
                        uint64_t now)
{
    char answer[512];
    ssize_t n = recv(c->fd, answer, sizeof(answer), MSG_DONTWAIT);
    char byte = c->sent < sizeof(head) - 1 ? head[c->sent] : 'x';

    if (n > 12 && memcmp(answer, "HTTP/1.1 408", 12) == 0)
        s->answered++;
    if (n < 0 && errno == ECONNRESET)
        s->resets++;
    if (n >= 0 || errno != EAGAIN) {
        client_gone(s, c, now);
        return;
    }
    c->sent++; /* a reset shows the next time */
    (void)!send(c->fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void load_slow_turn(void *slow, uint64_t now)
{
    struct load_slow *s = slow;

    while (s->left > 0 && s->due_at <= now) {
        struct slow_client *c = &s->clients[s->next];

        if (c->fd >= 0)
            client_turn(s, c, now);
        s->next = (s->next + 1) % s->count;
        s->due_at += SECOND_NS / s->count;
    }
}

unsigned load_slow_left(const struct load_slow *slow)
{
    return slow->left;
}

void load_slow_close(struct load_slow *s)
{
    printf("{\"slow\":%u,\"left\":%u,\"answered\":%u,\"resets\":%u,"
           "\"gone_first_ns\":%" PRIu64 ",\"gone_last_ns\":%" PRIu64 "}\n",
           s->count, s->left, s->answered, s->resets, s->gone_first_ns,
           s->gone_last_ns);
    for (unsigned i = 0; i < s->count; i++)
        if (s->clients[i].fd >= 0)
            close(s->clients[i].fd);
    free(s);
}
