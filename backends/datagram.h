/* SPDX-License-Identifier: MIT */
/* Datagrams on the kernel backends: members of struct flare__backend_ops. */
#ifndef FLARE__BACKENDS_DATAGRAM_H
#define FLARE__BACKENDS_DATAGRAM_H

#include "backends/backend.h"

enum { FLARE__DATAGRAMS_MAX = 64 }; /* of one call */

int flare__datagram_recv(struct flare__backend *b, struct flare__sock *sock,
                         struct flare__datagram *list, uint32_t count);
int flare__datagram_send(struct flare__backend *b, struct flare__sock *sock,
                         const struct flare__datagram *list, uint32_t count);

#endif
