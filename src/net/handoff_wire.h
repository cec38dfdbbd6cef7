/* SPDX-License-Identifier: MIT */
/*
 * What the two sides of a hot restart say (handoff.h): messages of a
 * SOCK_SEQPACKET socket, read by the same machine, so numbers are its own.
 */
#ifndef FLARE__NET_HANDOFF_WIRE_H
#define FLARE__NET_HANDOFF_WIRE_H

#include "net/listen_set.h"

#define FLARE__HANDOFF_READY "ready"
#define FLARE__HANDOFF_GONE "gone"
#define FLARE__HANDOFF_LATE "late"

enum {
    FLARE__HANDOFF_BATCH = 32,    /* descriptors of one message */
    FLARE__HANDOFF_MAX = 1 << 16, /* of one offer */
    FLARE__HANDOFF_MAGIC = 0x666c4831
};

struct flare__handoff_item {
    char asked[FLARE__LISTEN_ASKED_MAX];
    uint8_t is_shared;
};

struct flare__handoff_offer {
    uint32_t magic;
    uint32_t total; /* of the offer; at least 1 */
    uint32_t first; /* of them, in this message */
    uint32_t count;
    struct flare__handoff_item items[FLARE__HANDOFF_BATCH];
};

/* The other end is a process of the same effective user.  0 or -errno. */
FLARE_MUST_USE
int flare__handoff_check_peer(int fd);

/*
 * Sends the sockets of `set` from `first` on, as many as one message takes.
 * Their number, or -EAGAIN, -errno.  Does not block.
 */
FLARE_MUST_USE
int flare__handoff_send(int fd, const struct flare__listen_set *set,
                        uint32_t first);

/*
 * Receives one message; `fds` has room for a batch.  Blocks as `fd` does.  0;
 * -EPROTO with no descriptor left open; -errno.
 */
FLARE_MUST_USE
int flare__handoff_recv(int fd, struct flare__handoff_offer *offer, int *fds);

#endif
