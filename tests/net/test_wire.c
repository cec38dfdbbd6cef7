/* SPDX-License-Identifier: MIT */
/*
 * A filter before a socket: who is called, with one and without; and the memory
 * that filters share.
 */
#include "net/wire.h"

#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct loop_rig rig;
static struct fault fault;

static void set_up(void)
{
    fault_init(&fault, FAULT_NEVER, 0);
    ck_assert_int_eq(loop_rig_try(&rig, LOOP_RIG_SIM, &fault.al), 0);
}

static void tear_down(void)
{
    loop_rig_close(&rig);
    fault_fini(&fault, "wire");
}

/* ---- calls */

static char called[16];
static struct flare_error said = {.code = -EPROTO};

static void note(char what)
{
    size_t len = strlen(called);

    ck_assert_uint_lt(len + 1, sizeof(called));
    called[len] = what;
}

static int on_recv_start(struct flare__wire_filter *f)
{
    (void)f;
    note('r');
    return -EAGAIN;
}

static void on_recv_stop(struct flare__wire_filter *f)
{
    (void)f;
    note('p');
}

static int on_send(struct flare__wire_filter *f, const struct iovec *iov,
                   uint32_t count)
{
    (void)f;
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(iov->iov_len, 5);
    note('s');
    return -ENOBUFS;
}

static int on_sendfile(struct flare__wire_filter *f, int file, uint64_t offset,
                       uint32_t count)
{
    (void)f;
    ck_assert(file == 3 && offset == 4 && count == 5);
    note('f');
    return -EIO;
}

static void on_shutdown_send(struct flare__wire_filter *f)
{
    (void)f;
    note('h');
}

static void on_close(struct flare__wire_filter *f, enum flare__close_how how)
{
    (void)f;
    ck_assert_int_eq(how, FLARE__CLOSE_ABORT);
    note('c');
}

static const struct flare_error *on_error(const struct flare__wire_filter *f)
{
    (void)f;
    return &said;
}

static const struct flare__wire_filter_ops filter_ops = {
    .recv_start = on_recv_start,
    .recv_stop = on_recv_stop,
    .send = on_send,
    .sendfile = on_sendfile,
    .shutdown_send = on_shutdown_send,
    .close = on_close,
    .error = on_error,
};

START_TEST(test_wire_calls_go_to_the_filter_if_there_is_one)
{
    struct flare__wire_filter filter = {.ops = &filter_ops};
    struct flare__sock sock = {.filter = &filter};
    char hello[] = "hello";
    struct iovec iov = {hello, 5};

    memset(called, 0, sizeof(called));
    ck_assert_int_eq(flare__wire_recv_start(rig.loop, &sock), -EAGAIN);
    flare__wire_recv_stop(rig.loop, &sock);
    ck_assert_int_eq(flare__wire_send(rig.loop, &sock, &iov, 1), -ENOBUFS);
    ck_assert_int_eq(flare__wire_sendfile(rig.loop, &sock, 3, 4, 5), -EIO);
    flare__wire_shutdown_send(rig.loop, &sock);
    ck_assert_ptr_eq(flare__wire_error(&sock), &said);
    flare__wire_close(rig.loop, &sock, FLARE__CLOSE_ABORT);
    ck_assert_str_eq(called, "rpsfhc");
}
END_TEST

static struct {
    int closed;
    size_t got;
} plain;

static void on_event(struct flare__sock *sock, const struct flare__event *ev)
{
    (void)sock;
    plain.closed += ev->kind == FLARE__EV_CLOSED;
    if (ev->kind == FLARE__EV_RECV && ev->res > 0) {
        plain.got += (size_t)ev->res;
        ck_assert_uint_lt(ev->lease, FLARE__WIRE_LEASE);
        flare__wire_lease_put(rig.loop, ev->lease);
    }
}

static int accepted = -1;

static void on_accept(struct flare__sock *sock, const struct flare__event *ev)
{
    (void)sock;
    if (ev->kind == FLARE__EV_ACCEPT && ev->res >= 0)
        accepted = ev->res;
    plain.closed += ev->kind == FLARE__EV_CLOSED;
}

static void peer_on_event(struct flare__sim_peer *peer,
                          enum flare__sim_peer_event what)
{
    if (what == FLARE__SIM_PEER_CONNECTED)
        ck_assert_uint_eq(flare__sim_peer_send(peer, "hello", 5), 5);
}

START_TEST(test_wire_calls_go_to_the_backend_if_there_is_none)
{
    struct flare__sim_peer peer = {.on_event = peer_on_event};
    struct flare__sock listener = {.on_event = on_accept};
    struct flare__sock sock = {.on_event = on_event};
    char hello[] = "hello";
    struct iovec iov = {hello, 5};
    char got[8];
    int fd = flare__sim_listen(rig.world, 80, 0);
    struct flare_loop *loop = rig.loop;

    memset(&plain, 0, sizeof(plain));
    ck_assert_int_eq(loop->ops->attach(loop->backend, &listener, fd), 0);
    ck_assert_int_eq(loop->ops->accept_start(loop->backend, &listener), 0);
    flare__sim_peer_open(&peer, rig.world);
    flare__sim_peer_connect(&peer, 80);
    for (int i = 0; accepted < 0 && i < 100; i++)
        ck_assert_int_eq(flare__loop_turn(loop, loop->now_ns + 1000000), 0);
    ck_assert_int_eq(loop->ops->attach(loop->backend, &sock, accepted), 0);
    ck_assert_ptr_null(flare__wire_error(&sock));
    ck_assert_int_eq(flare__wire_recv_start(loop, &sock), 0);
    ck_assert_int_eq(flare__wire_send(loop, &sock, &iov, 1), 0);
    for (int i = 0; plain.got < 5 && i < 100; i++)
        ck_assert_int_eq(flare__loop_turn(loop, loop->now_ns + 1000000), 0);
    ck_assert_uint_eq(plain.got, 5);
    flare__wire_recv_stop(loop, &sock);
    flare__wire_shutdown_send(loop, &sock);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(flare__loop_turn(loop, loop->now_ns + 1000000), 0);
    ck_assert_uint_eq(flare__sim_peer_recv(&peer, got, sizeof(got)), 5);
    flare__wire_close(loop, &sock, FLARE__CLOSE_GRACEFUL);
    flare__wire_close(loop, &listener, FLARE__CLOSE_GRACEFUL);
    for (int i = 0; plain.closed < 2 && i < 100; i++)
        ck_assert_int_eq(flare__loop_turn(loop, loop->now_ns + 1000000), 0);
    ck_assert_int_eq(plain.closed, 2);
    flare__sim_peer_close(&peer, /* is_abort = */ false);
}
END_TEST

/* ---- leases */

static uint32_t leases[FLARE__WIRE_LEASES];

static void take_all(void)
{
    for (int i = 0; i < FLARE__WIRE_LEASES; i++) {
        char *bytes = flare__wire_lease_take(rig.loop, &leases[i]);

        ck_assert_ptr_nonnull(bytes);
        ck_assert_uint_ge(leases[i], FLARE__WIRE_LEASE);
        memset(bytes, i, FLARE__WIRE_LEASE_BYTES);
    }
}

START_TEST(test_wire_leases_are_bounded_and_used_again)
{
    uint32_t lease;
    uint64_t allocs;

    take_all();
    ck_assert_ptr_null(flare__wire_lease_take(rig.loop, &lease));
    allocs = fault.allocs;
    for (int i = 0; i < FLARE__WIRE_LEASES; i++)
        flare__wire_lease_put(rig.loop, leases[i]);
    take_all();
    ck_assert_uint_eq(fault.allocs, allocs);
    for (int i = 0; i < FLARE__WIRE_LEASES; i++)
        flare__wire_lease_give(rig.loop, leases[i]);
}
END_TEST

struct waiter {
    struct flare__wire_waiter waiter;
    int calls;
};

static void on_lease(struct flare__wire_waiter *waiter)
{
    FLARE_CONTAINER_OF(waiter, struct waiter, waiter)->calls++;
}

START_TEST(test_wire_who_waits_is_told_of_a_lease_once)
{
    struct waiter w[3];

    memset(w, 0, sizeof(w));
    /* nothing is out: it is not leases that are missing */
    ck_assert(!flare__wire_lease_wait(rig.loop, &w[0].waiter, on_lease));
    take_all();
    for (int i = 0; i < 3; i++) {
        ck_assert(flare__wire_lease_wait(rig.loop, &w[i].waiter, on_lease));
        ck_assert(flare__wire_lease_wait(rig.loop, &w[i].waiter, on_lease));
    }
    flare__wire_lease_unwait(rig.loop, &w[1].waiter);
    flare__wire_lease_unwait(rig.loop, &w[1].waiter);
    flare__wire_lease_give(rig.loop, leases[0]);
    ck_assert(w[0].calls == 1 && w[1].calls == 0 && w[2].calls == 1);
    flare__wire_lease_give(rig.loop, leases[1]);
    ck_assert(w[0].calls == 1 && w[1].calls == 0 && w[2].calls == 1);
    ck_assert(!flare__wire_lease_wait(rig.loop, &w[1].waiter, on_lease));
    /* the last of a list may leave it, and others follow */
    ck_assert_ptr_nonnull(flare__wire_lease_take(rig.loop, &leases[0]));
    ck_assert_ptr_nonnull(flare__wire_lease_take(rig.loop, &leases[1]));
    ck_assert(flare__wire_lease_wait(rig.loop, &w[0].waiter, on_lease));
    ck_assert(flare__wire_lease_wait(rig.loop, &w[1].waiter, on_lease));
    flare__wire_lease_unwait(rig.loop, &w[1].waiter);
    ck_assert(flare__wire_lease_wait(rig.loop, &w[2].waiter, on_lease));
    for (int i = 0; i < FLARE__WIRE_LEASES; i++)
        flare__wire_lease_give(rig.loop, leases[i]);
    ck_assert(w[0].calls == 2 && w[1].calls == 0 && w[2].calls == 2);
}
END_TEST

/* ---- output */

START_TEST(test_wire_output_is_of_two_sizes_and_kept_up_to_a_bound)
{
    enum { COUNT = FLARE__WIRE_OUT_KEEP + 5 };
    static const struct {
        size_t plain;
        uint32_t cap;
    } rows[] = {{1, FLARE__WIRE_OUT_SMALL},
                {FLARE__WIRE_LEASE_BYTES, FLARE__WIRE_OUT_SMALL},
                {FLARE__WIRE_LEASE_BYTES + 1, FLARE__WIRE_OUT_LARGE},
                {INT32_MAX, FLARE__WIRE_OUT_LARGE}};

    for (int i = 0; i < ROWS(rows); i++) {
        char *bytes[COUNT];
        uint64_t allocs;
        uint32_t cap;

        for (int n = 0; n < COUNT; n++) {
            bytes[n] = flare__wire_out_take(rig.loop, rows[i].plain, &cap);
            ck_assert_ptr_nonnull(bytes[n]);
            ck_assert_uint_eq(cap, rows[i].cap);
            memset(bytes[n], n, cap);
        }
        for (int n = 0; n < COUNT; n++)
            flare__wire_out_give(rig.loop, bytes[n], cap);
        allocs = fault.allocs;
        for (int n = 0; n < COUNT; n++)
            bytes[n] = flare__wire_out_take(rig.loop, rows[i].plain, &cap);
        ck_assert_uint_eq(fault.allocs - allocs, 5);
        for (int n = 0; n < COUNT; n++)
            flare__wire_out_give(rig.loop, bytes[n], cap);
    }
}
END_TEST

static int scenario_memory(struct fault *f, void *ctx)
{
    struct loop_rig own;
    struct waiter w = {.calls = 0};
    uint32_t lease, cap;
    char *out;
    int rc = loop_rig_try(&own, LOOP_RIG_SIM, &f->al);

    (void)ctx;
    if (rc < 0)
        return rc;
    rc = -ENOMEM;
    if (flare__wire_lease_take(own.loop, &lease) != NULL) {
        flare__wire_lease_give(own.loop, lease);
        out = flare__wire_out_take(own.loop, 1, &cap);
        if (out != NULL) {
            flare__wire_out_give(own.loop, out, cap);
            if (flare__wire_scratch(own.loop) != NULL)
                rc = 0;
        }
    }
    if (rc < 0) /* memory, not leases */
        ck_assert(!flare__wire_lease_wait(own.loop, &w.waiter, on_lease));
    else
        ck_assert_ptr_eq(flare__wire_scratch(own.loop),
                         flare__wire_scratch(own.loop));
    loop_rig_close(&own);
    return rc;
}

START_TEST(test_wire_every_allocation_may_fail)
{
    (void)fault_each("wire", scenario_memory, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/wire");
    TCase *tc = tcase_create("wire");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_wire_calls_go_to_the_filter_if_there_is_one);
    tcase_add_test(tc, test_wire_calls_go_to_the_backend_if_there_is_none);
    tcase_add_test(tc, test_wire_leases_are_bounded_and_used_again);
    tcase_add_test(tc, test_wire_who_waits_is_told_of_a_lease_once);
    tcase_add_test(tc, test_wire_output_is_of_two_sizes_and_kept_up_to_a_bound);
    tcase_add_test(tc, test_wire_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
