/* SPDX-License-Identifier: MIT */
/* See dns_rig.h.  Small loops: names need no buffers. */
#include "tests/dns/dns_rig.h"

#include "tests/support/test.h"

static const struct flare__backend_ops *const backends[DNS_BACKENDS] = {
#ifdef FLARE_HAVE_EPOLL
    [DNS_EPOLL] = &flare__backend_epoll,
#endif
#ifdef FLARE_HAVE_KQUEUE
    [DNS_KQUEUE] = &flare__backend_kqueue,
#endif
#ifdef FLARE_HAVE_LIBURING
    [DNS_URING] = &flare__backend_uring,
#endif
    [DNS_SIM] = &flare__backend_sim,
};

const char *dns_backend_name(enum dns_backend backend)
{
    return backends[backend]->name;
}

int dns_loop_open(struct flare_loop **out, struct flare__sim **world,
                  enum dns_backend backend, const struct flare_allocator *al)
{
    struct flare__backend_config bc = {
        .al = al, .lease_count = 4, .queue_entries = 8};
    struct flare__loop_config lc = {.ops = backends[backend], .al = al};
    int rc;

    *world = NULL;
    if (backend == DNS_SIM) {
        *world = flare__sim_new(&(struct flare__sim_config){.is_calm = true});
        ck_assert_ptr_nonnull(*world);
        bc.sim = *world;
    }
    rc = lc.ops->open(&lc.backend, &bc, NULL);
    if (rc == 0) {
        rc = flare__loop_open(out, &lc);
        if (rc < 0)
            lc.ops->free(lc.backend);
    }
    if (rc < 0 && *world != NULL)
        flare__sim_free(*world);
    return rc;
}

void dns_loop_close(struct flare_loop *loop, struct flare__sim *world)
{
    flare__loop_free(loop);
    if (world != NULL)
        flare__sim_free(world);
}

int dns_rig_open(struct dns_rig *rig, enum dns_backend backend)
{
    int rc;

    fault_init(&rig->fault, FAULT_NEVER, 0);
    rc = dns_loop_open(&rig->loop, &rig->world, backend, &rig->fault.al);
    if (rc < 0)
        fault_fini(&rig->fault, "dns");
    return rc;
}

void dns_rig_close(struct dns_rig *rig)
{
    dns_loop_close(rig->loop, rig->world);
    fault_fini(&rig->fault, "dns");
}

void dns_note(int rc, const struct flare_dns_result *result,
              const struct flare_error *err, void *ctx)
{
    struct dns_noted *noted = ctx;

    ck_assert_ptr_nonnull(err);
    ck_assert_int_eq(err->code, rc);
    ck_assert((rc == 0) == (result != NULL));
    noted->calls++;
    noted->rc = rc;
    noted->err = *err;
    if (result != NULL)
        noted->result = *result;
}

void dns_turns(struct flare_loop *loop, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(flare__loop_turn(loop, 0), 0);
}

void dns_await(struct flare_loop *loop, const struct dns_noted *noted)
{
    while (noted->calls == 0)
        ck_assert_int_eq(flare__loop_turn(loop, UINT64_MAX), 0);
    ck_assert_int_eq(noted->calls, 1);
}

struct flare_ip dns_ip(const char *text)
{
    struct flare_ip ip;

    ck_assert_int_eq(flare_ip_parse(&ip, flare_str(text), NULL), 0);
    return ip;
}
