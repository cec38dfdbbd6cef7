/* SPDX-License-Identifier: MIT */
/* The blocking form, on every backend; of FAILURES K16 what it returns. */
#include "udp/dgram.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two blocking sockets: of a kernel by the public call, each with its own loop;
 * in the simulated network on a loop each of one world.
 */
struct pair {
    struct fault fault;
    struct flare__sim *world;
    flare_dgram *a;
    flare_dgram *b;
    struct flare_addr a_addr;
    struct flare_addr b_addr;
};

static int sim_open(struct pair *p, flare_dgram **out, const char *address,
                    const struct flare_udp_options *o)
{
    struct flare__backend_config bc = {.al = &p->fault.al, .sim = p->world};
    struct flare__loop_config lc = {.ops = &flare__backend_sim,
                                    .al = &p->fault.al};
    struct flare_loop *loop;
    int rc;

    ck_assert_int_eq(lc.ops->open(&lc.backend, &bc, NULL), 0);
    ck_assert_int_eq(flare__loop_open(&loop, &lc), 0);
    rc = flare__dgram_open_on(loop, out, flare_str(address), o, NULL);
    if (rc < 0)
        flare_loop_free(loop);
    return rc;
}

static int pair_open(struct pair *p, flare_dgram **out, const char *address,
                     const struct flare_udp_options *options)
{
    struct flare_udp_options o = {.ctx = NULL};

    if (options != NULL)
        o = *options;
    o.allocator = &p->fault.al;
    if (p->world != NULL)
        return sim_open(p, out, address, &o);
    return flare_dgram_open(out, flare_str(address), &o, NULL);
}

static void pair_fini(struct pair *p)
{
    flare_dgram_close(p->a);
    flare_dgram_close(p->b);
    flare__sim_free(p->world);
    fault_fini(&p->fault, "dgram");
}

/* False: there is no such backend here, which is said. */
static bool pair_init(struct pair *p, int kind,
                      const struct flare_udp_options *options)
{
    struct flare__sim_config sim = {.is_calm = true};

    *p = (struct pair){.world = NULL};
    fault_init(&p->fault, FAULT_NEVER, 0);
    if (kind == RIG_SIM) {
        if (flare__backend_sim.datagram_recv == NULL) {
            printf("SKIP: sim has no datagrams\n");
            pair_fini(p);
            return false;
        }
        p->world = flare__sim_new(&sim);
        ck_assert_ptr_nonnull(p->world);
    } else {
        ck_assert_int_eq(setenv("FLARE_BACKEND", rig_name(kind), 1), 0);
    }
    if (pair_open(p, &p->a, "127.0.0.1:0", NULL) ==
        FLARE_E_BACKEND_UNAVAILABLE) {
        printf("SKIP: no %s here\n", rig_name(kind));
        pair_fini(p);
        return false;
    }
    ck_assert_int_eq(pair_open(p, &p->b, "127.0.0.1:0", options), 0);
    ck_assert_int_eq(flare_dgram_local(p->a, &p->a_addr), 0);
    ck_assert_int_eq(flare_dgram_local(p->b, &p->b_addr), 0);
    return true;
}

static void send_text(flare_dgram *d, const struct flare_addr *to,
                      const char *text)
{
    int rc = flare_dgram_send_to(d, to, flare_str(text));

    ck_assert_msg(rc == 0, "%s", flare_error_name(rc));
}

START_TEST(test_dgram_goes_there_and_back)
{
    struct flare_datagram got;
    struct pair p;
    char buf[100];

    if (!pair_init(&p, _i, NULL))
        return;
    for (int i = 0; i < 10; i++) {
        send_text(p.a, &p.b_addr, "there");
        ck_assert_int_eq(
            flare_dgram_recv_from(p.b, buf, sizeof(buf), &got, 10000), 5);
        ck_assert(flare_addr_equal(&got.peer, &p.a_addr));
        ck_assert_ptr_eq(got.bytes.ptr, buf);
        ck_assert_uint_eq(got.bytes.len, 5);
        ck_assert(!got.is_truncated);
        send_text(p.b, &got.peer, "back!!");
        ck_assert_int_eq(
            flare_dgram_recv_from(p.a, buf, sizeof(buf), NULL, FLARE_UNLIMITED),
            6);
        ck_assert_mem_eq(buf, "back!!", 6);
    }
    pair_fini(&p);
}
END_TEST

START_TEST(test_dgram_receives_in_order_all_that_came)
{
    struct pair p;
    char buf[16];

    if (!pair_init(&p, _i, NULL))
        return;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(buf, sizeof(buf), "%d", i);
        send_text(p.a, &p.b_addr, buf);
    }
    for (int i = 0; i < 50; i++) {
        int n = flare_dgram_recv_from(p.b, buf, sizeof(buf) - 1, NULL, 10000);

        ck_assert_int_gt(n, 0);
        buf[n] = 0;
        ck_assert_int_eq((int)strtol(buf, NULL, 10), i);
    }
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, sizeof(buf), NULL, 0),
                     -ETIMEDOUT);
    pair_fini(&p);
}
END_TEST

START_TEST(test_dgram_timeout_is_kept_and_not_early)
{
    static const uint32_t rows[] = {0, 1, 20};
    struct pair p;
    char buf[4];

    if (!pair_init(&p, _i, NULL))
        return;
    for (int i = 0; i < ROWS(rows); i++) {
        struct timespec from;
        struct timespec to;
        int64_t ns;
        uint64_t sim_ns = p.world != NULL ? flare__sim_now(p.world) : 0;

        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &from), 0);
        ck_assert_int_eq(
            flare_dgram_recv_from(p.b, buf, sizeof(buf), NULL, rows[i]),
            -ETIMEDOUT);
        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &to), 0);
        ns = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec -
             from.tv_nsec;
        if (p.world != NULL)
            ns = (int64_t)(flare__sim_now(p.world) - sim_ns);
        ck_assert_int_ge(ns, (int64_t)rows[i] * 1000000);
    }
    /* and one that is there is had with no time at all */
    send_text(p.a, &p.b_addr, "x");
    if (p.world == NULL)
        ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, sizeof(buf), NULL, 0),
                         1);
    pair_fini(&p);
}
END_TEST

START_TEST(test_k16_dgram_of_no_bytes_is_no_end)
{
    struct flare_datagram got;
    struct pair p;
    char buf[4];

    if (!pair_init(&p, _i, NULL))
        return;
    send_text(p.a, &p.b_addr, "");
    send_text(p.a, &p.b_addr, "x");
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, sizeof(buf), &got, 10000),
                     0);
    ck_assert(flare_addr_equal(&got.peer, &p.a_addr));
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, sizeof(buf), &got, 10000),
                     1);
    pair_fini(&p);
}
END_TEST

START_TEST(test_k16_dgram_says_what_was_cut)
{
    struct flare_udp_options o = {.datagram_bytes_max = 6};
    struct flare_datagram got;
    struct pair p;
    char buf[10];

    if (!pair_init(&p, _i, &o))
        return;
    send_text(p.a, &p.b_addr, "1234567");
    send_text(p.a, &p.b_addr, "123456");
    send_text(p.a, &p.b_addr, "12345");
    send_text(p.a, &p.b_addr, "1234");
    send_text(p.a, &p.b_addr, "1234");
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, 10, &got, 10000), 6);
    ck_assert(got.is_truncated); /* by datagram_bytes_max */
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, 10, &got, 10000), 6);
    ck_assert(!got.is_truncated);
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, 4, &got, 10000), 4);
    ck_assert(got.is_truncated); /* by the buffer */
    ck_assert_mem_eq(buf, "1234", 4);
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, 4, &got, 10000), 4);
    ck_assert(!got.is_truncated);
    ck_assert_int_eq(flare_dgram_recv_from(p.b, NULL, 0, &got, 10000), 0);
    ck_assert(got.is_truncated);
    pair_fini(&p);
}
END_TEST

START_TEST(test_k16_dgram_refused_lives)
{
    struct flare_udp_options o = {.peer = NULL};
    flare_dgram *c;
    struct pair p;
    char text[FLARE_ADDR_TEXT_MAX];
    char buf[4];

    if (!pair_init(&p, _i, NULL))
        return;
    o.peer = &p.b_addr;
    ck_assert_int_eq(pair_open(&p, &c, "", &o), 0);
    flare_dgram_close(p.b);
    send_text(c, NULL, "nobody");
    ck_assert_int_eq(flare_dgram_recv_from(c, buf, sizeof(buf), NULL, 10000),
                     -ECONNREFUSED);
    flare_addr_format(&p.b_addr, text, sizeof(text));
    ck_assert_int_eq(pair_open(&p, &p.b, text, NULL), 0);
    send_text(c, NULL, "x");
    ck_assert_int_eq(flare_dgram_recv_from(p.b, buf, sizeof(buf), NULL, 10000),
                     1);
    flare_dgram_close(c);
    pair_fini(&p);
}
END_TEST

START_TEST(test_k16_dgram_refusal_met_by_a_send_is_returned)
{
    struct flare_udp_options o = {.peer = NULL};
    flare_dgram *c;
    struct pair p;
    int rc = 0;

    if (!pair_init(&p, _i, NULL))
        return;
    o.peer = &p.b_addr;
    ck_assert_int_eq(pair_open(&p, &c, "", &o), 0);
    flare_dgram_close(p.b);
    p.b = NULL;
    /* in the simulated network the answer comes with a later turn */
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = flare_dgram_send_to(c, NULL, FLARE_STR("nobody"));
    if (p.world == NULL)
        ck_assert_int_eq(rc, -ECONNREFUSED);
    flare_dgram_close(c);
    pair_fini(&p);
}
END_TEST

START_TEST(test_k16_dgram_too_large_is_refused)
{
    static char large[FLARE_UDP_BYTES_MAX + 1];
    struct flare_datagram got;
    struct pair p;

    if (!pair_init(&p, _i, NULL))
        return;
    memset(large, 'x', sizeof(large));
    ck_assert_int_eq(
        flare_dgram_send_to(p.a, &p.b_addr, rig_str(large, sizeof(large))),
        FLARE_E_DATAGRAM_TOO_LARGE);
    ck_assert_int_eq(flare_dgram_send_to(p.a, &p.b_addr,
                                         rig_str(large, FLARE_UDP_BYTES_MAX)),
                     0);
    ck_assert_int_eq(
        flare_dgram_recv_from(p.b, large, sizeof(large), &got, 10000),
        FLARE_UDP_BYTES_MAX);
    ck_assert(!got.is_truncated);
    pair_fini(&p);
}
END_TEST

START_TEST(test_dgram_says_what_is_wrong)
{
    struct flare_addr path = rig_addr("unix:/x");
    struct flare_udp_options o = {.batch = 65};
    struct flare_error err = {.code = 0};
    flare_dgram *d = NULL;
    struct pair p;

    if (!pair_init(&p, _i, NULL))
        return;
    ck_assert_int_eq(flare_dgram_send_to(p.a, NULL, FLARE_STR("x")),
                     -EDESTADDRREQ);
    ck_assert_int_eq(flare_dgram_send_to(p.a, &path, FLARE_STR("x")),
                     FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(flare_dgram_join(p.a, &p.b_addr.ip, 0),
                     FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(flare_dgram_leave(p.a, &p.b_addr.ip, 0),
                     FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(pair_open(&p, &d, "127.0.0.1:0", &o), FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(pair_open(&p, &d, "", NULL), FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(flare_dgram_open(&d, FLARE_STR("nonsense"), NULL, &err),
                     FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(err.code, FLARE_E_BAD_ADDRESS);
    ck_assert_ptr_null(d);
    flare_dgram_close(NULL);
    pair_fini(&p);
}
END_TEST

START_TEST(test_dgram_that_cannot_be_connected_says_so)
{
    struct flare_addr all = rig_addr("255.255.255.255:9");
    struct flare_udp_options o = {.peer = &all};
    struct flare_error err = {.code = 0};
    flare_dgram *d = NULL;
    struct pair p;
    int rc;

    if (!pair_init(&p, _i, NULL))
        return;
    if (p.world == NULL) {
        rc = flare_dgram_open(&d, FLARE_STR(""), &o, &err);
        ck_assert(rc == -EACCES || rc == -ENETUNREACH);
        ck_assert_int_eq(err.code, rc);
        ck_assert_ptr_null(d);
    }
    pair_fini(&p);
}
END_TEST

static int scenario_pair(struct pair *p)
{
    struct flare_udp_options o = {.peer = NULL};
    flare_dgram *c = NULL;
    char buf[4];
    int rc = pair_open(p, &p->a, "127.0.0.1:0", NULL);

    if (rc == 0)
        rc = flare_dgram_local(p->a, &p->a_addr);
    o.peer = &p->a_addr;
    if (rc == 0)
        rc = pair_open(p, &c, "", &o);
    if (rc == 0)
        rc = flare_dgram_send_to(c, NULL, FLARE_STR("x"));
    if (rc == 0)
        rc = flare_dgram_recv_from(p->a, buf, sizeof(buf), NULL, 10000);
    flare_dgram_close(c);
    return rc;
}

static int scenario(struct fault *f, void *ctx)
{
    struct pair p = {.world = NULL};
    int rc;

    (void)ctx;
    p.fault.al = f->al; /* counts there */
    rc = scenario_pair(&p);
    flare_dgram_close(p.a);
    return rc;
}

START_TEST(test_dgram_survives_every_failed_allocation)
{
    ck_assert_int_eq(setenv("FLARE_BACKEND", "epoll", 1), 0);
    (void)fault_each("dgram", scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/dgram");
    TCase *tc = tcase_create("dgram");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, RIG_KINDS)
    EACH(test_dgram_goes_there_and_back);
    EACH(test_dgram_receives_in_order_all_that_came);
    EACH(test_dgram_timeout_is_kept_and_not_early);
    EACH(test_k16_dgram_of_no_bytes_is_no_end);
    EACH(test_k16_dgram_says_what_was_cut);
    EACH(test_k16_dgram_refused_lives);
    EACH(test_k16_dgram_refusal_met_by_a_send_is_returned);
    EACH(test_k16_dgram_too_large_is_refused);
    EACH(test_dgram_says_what_is_wrong);
    EACH(test_dgram_that_cannot_be_connected_says_so);
    tcase_add_test(tc, test_dgram_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
