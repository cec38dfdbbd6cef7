/* SPDX-License-Identifier: MIT */
/* The conformance suite's other side in a simulated network, a calm one. */
#include "tests/backends/conformance.h"

#include "backends/sim.h"

#include <netinet/in.h>
#include <poll.h>

enum { SIM_PORT_FIRST = 1000, SIM_PORT_REFUSED = 999 };

struct conf_world {
    struct flare__sim *sim;
    struct conf_peer *peers; /* all there ever were: freed with the world */
    uint16_t port;           /* the next listener's */
};

struct conf_peer {
    struct flare__sim_peer peer; /* first: found by its address */
    struct conf_peer *next;
    bool is_connected, is_fin, is_rst;
};

static void peer_on_event(struct flare__sim_peer *peer,
                          enum flare__sim_peer_event what)
{
    struct conf_peer *p = (struct conf_peer *)peer;

    if (what == FLARE__SIM_PEER_CONNECTED)
        p->is_connected = true;
    else if (what == FLARE__SIM_PEER_FIN)
        p->is_fin = true;
    else if (what == FLARE__SIM_PEER_RST || what == FLARE__SIM_PEER_REFUSED)
        p->is_rst = true;
}

static struct conf_world *sim_open(char *why)
{
    struct conf_world *w = calloc(1, sizeof(*w));

    (void)why;
    ck_assert(w != NULL);
    w->sim =
        flare__sim_new(&(struct flare__sim_config){.seed = 1, .is_calm = true});
    ck_assert(w->sim != NULL);
    w->port = SIM_PORT_FIRST;
    return w;
}

static void sim_close(struct conf_world *w)
{
    while (w->peers != NULL) {
        struct conf_peer *p = w->peers;

        w->peers = p->next;
        free(p);
    }
    flare__sim_free(w->sim);
    free(w);
}

static void *sim_world(struct conf_world *w)
{
    return w->sim;
}

static void sim_address(uint16_t port, struct sockaddr_storage *addr,
                        socklen_t *len)
{
    *addr = (struct sockaddr_storage){0};
    *(struct sockaddr_in *)(void *)addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    *len = sizeof(struct sockaddr_in);
}

static int sim_listen(struct conf_world *w, int backlog,
                      struct sockaddr_storage *addr, socklen_t *len)
{
    sim_address(w->port, addr, len);
    return flare__sim_listen(w->sim, w->port++, (uint32_t)backlog);
}

static int sim_socket(struct conf_world *w)
{
    return flare__sim_socket(w->sim);
}

static void sim_refused(struct conf_world *w, struct sockaddr_storage *addr,
                        socklen_t *len)
{
    (void)w;
    sim_address(SIM_PORT_REFUSED, addr, len);
}

static int sim_foreign(struct conf_world *w)
{
    return flare__sim_foreign(w->sim);
}

static void sim_foreign_set(struct conf_world *w, int fd, bool is_readable)
{
    flare__sim_foreign_set(w->sim, fd, is_readable ? POLLIN : 0);
}

static struct conf_peer *sim_peer_connect(struct conf_world *w,
                                          const struct sockaddr_storage *addr,
                                          socklen_t len)
{
    struct conf_peer *p = calloc(1, sizeof(*p));

    ck_assert(p != NULL && len == sizeof(struct sockaddr_in));
    p->next = w->peers;
    w->peers = p;
    p->peer.on_event = peer_on_event;
    flare__sim_peer_open(&p->peer, w->sim);
    flare__sim_peer_connect(
        &p->peer,
        ntohs(((const struct sockaddr_in *)(const void *)addr)->sin_port));
    return p;
}

static long sim_peer_send(struct conf_peer *p, const void *data, size_t len)
{
    if (p->is_rst)
        return CONF_RST;
    if (!p->is_connected)
        return 0;
    return (long)flare__sim_peer_send(&p->peer, data, len);
}

static long sim_peer_recv(struct conf_peer *p, void *out, size_t size)
{
    size_t n;

    if (p->peer.end == 0)
        return CONF_RST; /* it was refused */
    if (!p->is_connected)
        return 0;
    n = flare__sim_peer_recv(&p->peer, out, size);
    if (n > 0)
        return (long)n;
    if (p->is_rst)
        return CONF_RST;
    return p->is_fin ? CONF_FIN : 0;
}

static void sim_peer_shutdown(struct conf_peer *p)
{
    flare__sim_peer_shutdown(&p->peer);
}

static void sim_peer_close(struct conf_peer *p, bool is_abort)
{
    if (p->peer.end != 0)
        flare__sim_peer_close(&p->peer, is_abort);
}

static uint32_t sim_descriptors(struct conf_world *w)
{
    return flare__sim_fds(w->sim);
}

static void sim_descriptors_deny(struct conf_world *w, bool is_denied)
{
    flare__sim_fds_limit(w->sim, is_denied ? 1 : 0);
}

const struct conf_harness conf_harness_sim = {
    .open = sim_open,
    .close = sim_close,
    .sim = sim_world,
    .listen = sim_listen,
    .socket = sim_socket,
    .refused = sim_refused,
    .foreign = sim_foreign,
    .foreign_set = sim_foreign_set,
    .peer_connect = sim_peer_connect,
    .peer_send = sim_peer_send,
    .peer_recv = sim_peer_recv,
    .peer_shutdown = sim_peer_shutdown,
    .peer_close = sim_peer_close,
    .descriptors = sim_descriptors,
    .descriptors_deny = sim_descriptors_deny,
};
