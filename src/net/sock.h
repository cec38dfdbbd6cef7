/* SPDX-License-Identifier: MIT */
/*
 * Descriptors ready to be attached to a backend, and addresses in the kernel's
 * form.  As text an address is what flare_addr_parse reads.
 */
#ifndef FLARE__NET_SOCK_H
#define FLARE__NET_SOCK_H

#include <flare/addr.h>

#include <sys/socket.h>

enum { FLARE__SOCK_BACKLOG = 1024, FLARE__SOCK_TEXT_MAX = FLARE_ADDR_TEXT_MAX };

enum {
    FLARE__SOCK_REUSEPORT = 1, /* others may listen here too; not on Unix */
    FLARE__SOCK_V6ONLY = 2     /* "[::]" does not take IPv4 connections */
};

/* An address as the kernel takes and gives it. */
struct flare__addr {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* From a value; NONE is AF_UNSPEC. */
void flare__addr_set(struct flare__addr *addr, const struct flare_addr *value);

/*
 * To a value; NONE for a family that is none of ours.  A zone of an address
 * that is not link-local is dropped, an IPv4-mapped address is an IPv4 one.
 */
struct flare_addr flare__addr_get(const struct flare__addr *addr);

/* flare_addr_parse into the kernel's form. */
FLARE_MUST_USE
int flare__addr_parse(struct flare__addr *addr, struct flare_str text,
                      struct flare_error *err);

/* flare_addr_format from the kernel's form. */
void flare__addr_format(const struct flare__addr *addr, char *out, size_t size);

/*
 * Opens a listening TCP or Unix socket, close-on-exec, with REUSEADDR and, as
 * accepted sockets inherit it on Linux, TCP_NODELAY.  It blocks: a backend
 * that minds changes that.  `backlog` 0: FLARE__SOCK_BACKLOG; `flags`:
 * FLARE__SOCK_*.  A Unix socket that nobody listens on any more is replaced.
 *
 * 0 and the descriptor in `*fd`, FLARE_E_BAD_ADDRESS, or -errno; `err` (may be
 * NULL) then names the address.
 */
FLARE_MUST_USE
int flare__sock_listen(int *fd, struct flare_str text, int backlog,
                       unsigned flags, struct flare_error *err);

/* A socket to connect to `addr` with; close-on-exec, TCP_NODELAY.  -errno. */
FLARE_MUST_USE
int flare__sock_open(const struct flare__addr *addr);

/* The address a descriptor is bound or connected to.  0 or -errno. */
FLARE_MUST_USE
int flare__sock_local(int fd, struct flare__addr *addr);
FLARE_MUST_USE
int flare__sock_peer(int fd, struct flare__addr *addr);

/*
 * Removes the file of a listening Unix socket; nothing for others.  To be
 * called before the descriptor is closed.
 */
void flare__sock_unlink(int fd);

/* A second descriptor of the same socket, close-on-exec.  -errno. */
FLARE_MUST_USE
int flare__sock_dup(int fd);

/* Closes a descriptor that no backend has; nothing for -1. */
void flare__sock_close(int fd);

#endif
