/* SPDX-License-Identifier: MIT */
/*
 * Records of the kernel's TLS, one at a time, as members of struct
 * flare__backend_ops: what the backends of Linux do alike.
 */
#ifndef FLARE__RECORD_H
#define FLARE__RECORD_H

#include "backends/backend.h"

int flare__record_send(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t type, const void *bytes, size_t len);
int flare__record_recv(struct flare__backend *b, struct flare__sock *sock,
                       uint8_t *type, void *buf, size_t room);

#endif
