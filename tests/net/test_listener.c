/* SPDX-License-Identifier: MIT */
/* One listener in a simulated world: shortages, pauses, closing, any order. */
#include "net/listener.h"

#include "backends/sim.h"
#include "base/assert.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { PORT = 80, PEERS = 64 };

struct rig {
    struct fault fault;
    struct flare__sim *world;
    struct flare_loop *loop;
    struct flare__listener listener;
    struct flare__sim_peer peers[PEERS];
    bool is_open[PEERS];
    int accepted;
    int closed;
    int logs;
    uint64_t turns;
    bool pauses; /* on_conn pauses: the owner is full with the first */
};

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)level;
    (void)text;
    ((struct rig *)ctx)->logs++;
}

static void on_peer(struct flare__sim_peer *peer,
                    enum flare__sim_peer_event what)
{
    (void)peer;
    (void)what;
}

static void on_conn(struct flare__listener *l, int fd)
{
    struct rig *r = FLARE_CONTAINER_OF(l, struct rig, listener);

    r->accepted++;
    r->loop->ops->discard(r->loop->backend, fd);
    if (r->pauses)
        flare__listener_pause(l);
}

static void on_closed(struct flare__listener *l)
{
    struct rig *r = FLARE_CONTAINER_OF(l, struct rig, listener);

    r->closed++;
}

static int world_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOMEM : 0;
}

/* 0, or what opening met; then nothing is left. */
static int rig_open(struct rig *r, const struct flare__sim_config *config)
{
    struct flare__backend_config bc = {.al = &r->fault.al};
    struct flare__loop_config lc = {
        .ops = &flare__backend_sim, .al = &r->fault.al, .log = {on_log, r}};
    int fd;
    int rc;

    r->world = flare__sim_new(config);
    ck_assert_ptr_nonnull(r->world);
    bc.sim = r->world;
    rc = lc.ops->open(&lc.backend, &bc, NULL);
    if (rc < 0)
        return rc;
    rc = flare__loop_open(&r->loop, &lc);
    if (rc < 0) {
        lc.ops->free(lc.backend);
        return rc;
    }
    r->listener.on_conn = on_conn;
    r->listener.on_closed = on_closed;
    fd = flare__sim_listen(r->world, PORT, PEERS);
    rc = flare__listener_open(&r->listener, r->loop, fd);
    if (rc < 0)
        flare__sim_fd_close(r->world, fd);
    return rc;
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));

    ck_assert_ptr_nonnull(r);
    fault_init(&r->fault, FAULT_NEVER, 0);
    ck_assert_int_eq(
        rig_open(r, &(struct flare__sim_config){.is_calm = true,
                                                .fault_site = world_site,
                                                .fault_ctx = &r->fault}),
        0);
    return r;
}

static void run(struct rig *r, uint64_t ms)
{
    uint64_t until_ns = r->loop->now_ns + ms * MS;

    do {
        ck_assert_int_eq(flare__loop_turn(r->loop, until_ns), 0);
        r->turns++;
    } while (r->loop->now_ns < until_ns);
}

static void dial(struct rig *r, int i)
{
    r->peers[i].on_event = on_peer;
    flare__sim_peer_open(&r->peers[i], r->world);
    flare__sim_peer_connect(&r->peers[i], PORT);
    r->is_open[i] = true;
}

/* What is left of the rig, the listener closed already or never open. */
static void rig_down(struct rig *r)
{
    for (int i = 0; i < PEERS; i++)
        if (r->is_open[i] && r->peers[i].end != 0)
            flare__sim_peer_close(&r->peers[i], /* is_abort = */ true);
    flare__loop_free(r->loop);
    flare__sim_free(r->world);
}

/* The listener may be in any state but CLOSING. */
static void rig_free(struct rig *r)
{
    if (r->listener.state != FLARE__LISTENER_CLOSED)
        flare__listener_close(&r->listener);
    for (int i = 0; i < 1000 && r->closed == 0; i++)
        run(r, 1);
    ck_assert_int_eq(r->closed, 1);
    ck_assert_int_eq(r->listener.state, FLARE__LISTENER_CLOSED);
    ck_assert(!flare__timer_is_armed(&r->listener.timer));
    rig_down(r);
    fault_fini(&r->fault, "listener");
    free(r);
}

/* ---- shortages ---- */

static const struct {
    const char *name;
    enum flare__sim_fault fault;
} shortages[] = {
    {"R08 EMFILE", FLARE__SIM_ACCEPT_EMFILE},
    {"R09 ENOBUFS", FLARE__SIM_ACCEPT_ENOBUFS},
    {"R09 ENOMEM", FLARE__SIM_ACCEPT_ENOMEM},
};

START_TEST(test_listener_R08_R09_a_shortage_neither_spins_nor_lasts)
{
    struct rig *r = rig_new();

    run(r, 1);
    flare__sim_rate_set(r->world, shortages[_i].fault, 1000);
    dial(r, 0);
    dial(r, 1);
    r->turns = 0;
    run(r, 5000);
    ck_assert_int_eq(r->accepted, 0);
    ck_assert_msg(r->turns <= 5 * 10 * 3, "%s: %u turns in 5 s",
                  shortages[_i].name, (unsigned)r->turns);
    ck_assert_msg(r->logs >= 5 && r->logs <= 6, "%s: %d lines in 5 s",
                  shortages[_i].name, r->logs);
    flare__sim_rate_set(r->world, shortages[_i].fault, 0);
    run(r, 101);
    ck_assert_int_eq(r->accepted, 2);
    rig_free(r);
}
END_TEST

START_TEST(test_listener_R10_an_aborted_connection_delays_no_other)
{
    struct rig *r = rig_new();

    run(r, 1);
    flare__sim_rate_set(r->world, FLARE__SIM_ACCEPT_ABORTED, 1000);
    for (int i = 0; i < 10; i++)
        dial(r, i);
    run(r, 5);
    flare__sim_rate_set(r->world, FLARE__SIM_ACCEPT_ABORTED, 0);
    dial(r, 10);
    run(r, 5);
    ck_assert_int_eq(r->accepted, 1);
    ck_assert_int_eq(r->listener.state, FLARE__LISTENER_OPEN);
    rig_free(r);
}
END_TEST

/* The owner became full with the connection that was the shortage's last. */
START_TEST(test_listener_an_owner_that_is_full_outlasts_a_shortage)
{
    struct rig *r = rig_new();

    run(r, 1);
    r->pauses = true;
    flare__sim_rate_set(r->world, FLARE__SIM_ACCEPT_ENDED, 1000);
    r->fault.at = 1;
    r->fault.mode = FAULT_FROM; /* so the accept cannot start again */
    dial(r, 0);
    run(r, 5);
    fault_disarm(&r->fault);
    ck_assert_int_eq(r->accepted, 1);
    ck_assert_int_eq(r->listener.state, FLARE__LISTENER_PAUSED);
    dial(r, 1);
    run(r, 1000);
    ck_assert_int_eq(r->accepted, 1);
    flare__listener_resume(&r->listener);
    run(r, 5);
    ck_assert_int_eq(r->accepted, 2);
    rig_free(r);
}
END_TEST

START_TEST(test_listener_R09_an_accept_that_cannot_start_is_tried_again)
{
    struct rig *r = rig_new();

    run(r, 1);
    flare__listener_pause(&r->listener);
    run(r, 5);
    r->fault.at = 1;
    r->fault.mode = FAULT_FROM;
    flare__listener_resume(&r->listener);
    dial(r, 0);
    run(r, 350);
    ck_assert_int_eq(r->accepted, 0);
    ck_assert_int_eq(r->logs, 1);
    fault_disarm(&r->fault);
    run(r, 101);
    ck_assert_int_eq(r->accepted, 1);
    rig_free(r);
}
END_TEST

/* ---- pauses and closing, in every order ---- */

START_TEST(test_listener_who_waits_in_a_pause_is_accepted_after_it)
{
    struct rig *r = rig_new();

    run(r, 1);
    flare__listener_pause(&r->listener);
    run(r, 5);
    dial(r, 0);
    run(r, 1000);
    ck_assert_int_eq(r->accepted, 0);
    flare__listener_resume(&r->listener);
    run(r, 5);
    ck_assert_int_eq(r->accepted, 1);
    rig_free(r);
}
END_TEST

/*
 * p pause, r resume, c a peer connects, t a turn, m more time.  At the end of
 * each: close, or resume and everybody is accepted.
 */
static const char *const scripts[] = {
    "",     "t",      "p",      "tp",      "tpt",      "tpr",     "tprp",
    "tprt", "tprprp", "tptrt",  "tcp",     "tcpt",     "tcpr",    "tcprp",
    "tpcr", "tptcrt", "ctprt",  "cccprcc", "tptptp",   "rrrtrrr", "pprr",
    "tpmr", "tpmcrm", "tprmpm", "tcmpcmr", "tpcprcpr", "cpcpcp",  "mcpmrcm",
};

static void script_play(struct rig *r, const char *script, int *peers)
{
    for (const char *p = script; *p != '\0'; p++) {
        if (*p == 'p')
            flare__listener_pause(&r->listener);
        else if (*p == 'r')
            flare__listener_resume(&r->listener);
        else if (*p == 'c')
            dial(r, (*peers)++);
        else
            run(r, *p == 't' ? 0 : 20);
    }
}

/* Cancellations that come late, or lose to a connection, or both. */
static void script_faults(struct rig *r, int kind)
{
    static const enum flare__sim_fault faults[] = {
        FLARE__SIM_CANCEL_LATE, FLARE__SIM_CANCEL_RESULT,
        FLARE__SIM_ACCEPT_ENDED, FLARE__SIM_COMPLETION_LATE};

    for (int i = 0; i < ROWS(faults); i++)
        if ((kind & 1 << i) != 0)
            flare__sim_rate_set(r->world, faults[i], 500);
}

START_TEST(test_listener_every_order_of_pause_and_resume_ends_open)
{
    for (int kind = 0; kind < 16; kind++) {
        struct rig *r = rig_new();
        int peers = 0;

        script_faults(r, kind);
        script_play(r, scripts[_i], &peers);
        flare__listener_resume(&r->listener);
        dial(r, peers++);
        run(r, 500);
        ck_assert_msg(r->accepted == peers, "\"%s\", kind %d: %d of %d",
                      scripts[_i], kind, r->accepted, peers);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_listener_I10_I11_closing_in_every_state_ends_once)
{
    for (int kind = 0; kind < 16; kind++) {
        struct rig *r = rig_new();
        int peers = 0;

        script_faults(r, kind);
        script_play(r, scripts[_i], &peers);
        dial(r, peers++);
        rig_free(r); /* the world's ledger has every descriptor closed once */
    }
}
END_TEST

START_TEST(test_listener_closing_ends_the_wait_of_a_shortage)
{
    struct rig *r = rig_new();

    flare__sim_rate_set(r->world, FLARE__SIM_ACCEPT_EMFILE, 1000);
    dial(r, 0);
    run(r, 20);
    ck_assert_int_eq(r->listener.state, FLARE__LISTENER_PAUSED);
    ck_assert(flare__timer_is_armed(&r->listener.timer));
    rig_free(r);
}
END_TEST

/* ---- every call that may fail ---- */

static int scenario_serve(struct fault *f, void *ctx)
{
    struct rig r = {.fault = *f};
    struct flare__sim_config config = {
        .is_calm = true, .fault_site = world_site, .fault_ctx = f};
    int rc;

    (void)ctx;
    r.fault.al = f->al;
    rc = rig_open(&r, &config);
    if (rc >= 0) {
        dial(&r, 0);
        run(&r, 50);
        flare__listener_pause(&r.listener);
        run(&r, 50);
        flare__listener_resume(&r.listener);
        run(&r, 50);
        fault_disarm(f);
        run(&r, 200);
        ck_assert_int_eq(r.accepted, 1);
        flare__listener_close(&r.listener);
        while (r.closed == 0)
            run(&r, 1);
    }
    rig_down(&r);
    return rc;
}

START_TEST(test_listener_survives_every_failure)
{
    ck_assert_uint_ge(fault_each("listener", scenario_serve, NULL).recovered,
                      2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/listener");
    TCase *t = tcase_create("listener");

    tcase_add_loop_test(
        t, test_listener_R08_R09_a_shortage_neither_spins_nor_lasts, 0,
        ROWS(shortages));
    tcase_add_test(t, test_listener_R10_an_aborted_connection_delays_no_other);
    tcase_add_test(t, test_listener_an_owner_that_is_full_outlasts_a_shortage);
    tcase_add_test(
        t, test_listener_R09_an_accept_that_cannot_start_is_tried_again);
    tcase_add_test(t, test_listener_who_waits_in_a_pause_is_accepted_after_it);
    tcase_add_loop_test(t,
                        test_listener_every_order_of_pause_and_resume_ends_open,
                        0, ROWS(scripts));
    tcase_add_loop_test(t,
                        test_listener_I10_I11_closing_in_every_state_ends_once,
                        0, ROWS(scripts));
    tcase_add_test(t, test_listener_closing_ends_the_wait_of_a_shortage);
    tcase_add_test(t, test_listener_survives_every_failure);
    suite_add_tcase(s, t);
    return test_run(s);
}
