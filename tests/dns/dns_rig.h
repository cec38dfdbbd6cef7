/* SPDX-License-Identifier: MIT */
/*
 * A loop to look names up on, with a counting allocator, and notes of what the
 * queries on it came to.
 */
#ifndef FLARE__TEST_DNS_RIG_H
#define FLARE__TEST_DNS_RIG_H

#include "backends/sim.h"
#include "net/loop.h"
#include "tests/support/fault.h"

#include <flare/dns.h>

/* Those that are built. */
enum dns_backend {
#ifdef FLARE_HAVE_EPOLL
    DNS_EPOLL,
#endif
#ifdef FLARE_HAVE_KQUEUE
    DNS_KQUEUE,
#endif
#ifdef FLARE_HAVE_LIBURING
    DNS_URING,
#endif
    DNS_KERNELS, /* those before it threads can wake */
    DNS_SIM = DNS_KERNELS,
    DNS_BACKENDS
};

struct dns_rig {
    struct fault fault;
    struct flare__sim *world;
    struct flare_loop *loop;
};

const char *dns_backend_name(enum dns_backend backend);

/* What a query came to. */
struct dns_noted {
    int calls;
    int rc;
    struct flare_dns_result result;
    struct flare_error err;
};

/* 0, or the error of a backend that this kernel has not. */
int dns_rig_open(struct dns_rig *rig, enum dns_backend backend);
void dns_rig_close(struct dns_rig *rig); /* nothing may be left */

/* The same with an allocator of the caller's; for fault_each. */
int dns_loop_open(struct flare_loop **out, struct flare__sim **world,
                  enum dns_backend backend, const struct flare_allocator *al);
void dns_loop_close(struct flare_loop *loop, struct flare__sim *world);

/* A flare_dns_fn; `ctx` is a struct dns_noted. */
void dns_note(int rc, const struct flare_dns_result *result,
              const struct flare_error *err, void *ctx);

/* Turns that do not wait. */
void dns_turns(struct flare_loop *loop, int count);

/* Turns until the query has come to something. */
void dns_await(struct flare_loop *loop, const struct dns_noted *noted);

struct flare_ip dns_ip(const char *text);

#endif
