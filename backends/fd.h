/* SPDX-License-Identifier: MIT */
/*
 * What the kernel backends do alike with a descriptor: a file's bytes sent
 * without blocking, addresses, and new sockets.
 */
#ifndef FLARE__FD_H
#define FLARE__FD_H

#include "backends/backend.h"

#include <sys/socket.h>

enum flare__fd_progress {
    FLARE__FD_DONE, /* the send has ended with `*res` */
    FLARE__FD_MORE, /* there may be room for more: it has had its turn */
    FLARE__FD_FULL  /* the socket takes nothing until it is writable */
};

/*
 * Sends up to FLARE__FILE_PART bytes of the rest of `sock->file`; `sock->sent`
 * counts them.  The socket has O_NONBLOCK.
 */
enum flare__fd_progress flare__fd_send_file(struct flare__sock *sock,
                                            int32_t *res);

/* Members of struct flare__backend_ops. */
int flare__fd_peer(struct flare__backend *b, struct flare__sock *sock,
                   struct sockaddr_storage *out, socklen_t *len);
int flare__fd_local(struct flare__backend *b, struct flare__sock *sock,
                    struct sockaddr_storage *out, socklen_t *len);
int64_t flare__fd_queued(struct flare__backend *b, struct flare__sock *sock);
int flare__fd_socket(struct flare__backend *b, int family, int type);
int flare__fd_option(struct flare__backend *b, int fd, int level, int name,
                     const void *value, socklen_t len);
int flare__fd_bind(struct flare__backend *b, int fd,
                   const struct sockaddr *addr, socklen_t len);

#endif
