/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets whose connections become streams.  One that is closed
 * stays in memory until the last of its streams has ended, to be told so.
 */
#ifndef FLARE__TCP_LISTEN_H
#define FLARE__TCP_LISTEN_H

#include <flare/tcp.h>

/* A stream that it accepted has ended. */
void flare__listener_left(struct flare_listener *listener);

/* A listening socket, and whether a Unix socket's file goes with it. */
struct flare__listening {
    int fd;
    bool has_file;
};

/*
 * One with its options: what flare_tcp_listen and flare_acceptor_open do
 * without a loop.  `options` are resolved; see flare__sock_listen and
 * flare__inherit_open.
 */
FLARE_MUST_USE
int flare__listen_socket(struct flare__listening *out, struct flare_str address,
                         const struct flare_tcp_options *options,
                         struct flare_error *err);

/* Closes it again. */
void flare__listen_undo(const struct flare__listening *listening);

/* Gives `fd`, which listens, the options that what it accepts has from it.
 * -errno. */
FLARE_MUST_USE
int flare__listen_prepare(struct flare_loop *loop, int fd,
                          const struct flare_tcp_options *options);

#endif
