/* SPDX-License-Identifier: MIT */
/* Opening: options, addresses, what each failure leaves behind. */
#include "udp/udp.h"

#include "base/assert.h"
#include "tests/udp/udp_rig.h"

#include <errno.h>
#include <string.h>

static const struct flare_udp_handler handler;

static const struct {
    const char *name;
    struct flare_udp_options options;
    int rc;
} option_rows[] = {
    {"defaults", {.batch = 0}, 0},
    {"a batch of one", {.batch = 1}, 0},
    {"the largest batch", {.batch = 64}, 0},
    {"batch is", {.batch = 65}, FLARE_E_BAD_CONFIG},
    {"one byte of each", {.datagram_bytes_max = 1}, 0},
    {"all of each", {.datagram_bytes_max = 65535}, 0},
    {"datagram_bytes_max", {.datagram_bytes_max = 65536}, FLARE_E_BAD_CONFIG},
    {"smallest queue", {.queue_max = FLARE_UDP_QUEUE_MIN}, 0},
    {"largest queue", {.queue_max = FLARE_UDP_QUEUE_MAX}, 0},
    {"queue_max", {.queue_max = FLARE_UDP_QUEUE_MIN - 1}, FLARE_E_BAD_CONFIG},
    {"queue_max", {.queue_max = FLARE_UDP_QUEUE_MAX + 1}, FLARE_E_BAD_CONFIG},
    {"buffer", {.send_buffer_bytes = UINT32_MAX}, FLARE_E_BAD_CONFIG},
    {"buffer", {.receive_buffer_bytes = 1u << 31}, FLARE_E_BAD_CONFIG},
    {"everything",
     {.broadcast = true,
      .reuseaddr = true,
      .reuseport = true,
      .gro = true,
      .send_buffer_bytes = 65536,
      .receive_buffer_bytes = 65536,
      .ttl = 3,
      .multicast_ttl = 4,
      .multicast_loop_off = true,
      .v6only = true},
     0},
};

START_TEST(test_udp_open_knows_the_range_of_each_option)
{
    for (int i = 0; i < ROWS(option_rows); i++) {
        RIG_OPEN(r, _i);
        struct flare_udp_options o = option_rows[i].options;
        struct flare_error err = {.code = 0};
        flare_udp *udp = NULL;
        int rc;

        o.handler = &handler;
        rc = flare_udp_open(r->loop, &udp, FLARE_STR("127.0.0.1:0"), &o, &err);
        ck_assert_msg(rc == option_rows[i].rc, "%s: %s", option_rows[i].name,
                      err.text);
        if (rc < 0) {
            ck_assert_ptr_null(udp);
            ck_assert_int_eq(err.code, rc);
            ck_assert_ptr_nonnull(strstr(err.text, option_rows[i].name));
        }
        flare_udp_close(udp);
        rig_free(r);
    }
}
END_TEST

static const struct {
    const char *address;
    const char *peer; /* NULL: none */
    int rc;
    const char *text; /* in the sentence */
} address_rows[] = {
    {"127.0.0.1:0", NULL, 0, NULL},
    {"0.0.0.0:0", NULL, 0, NULL},
    {"", NULL, FLARE_E_BAD_ADDRESS, ""},
    {"127.0.0.1", NULL, FLARE_E_BAD_ADDRESS, "127.0.0.1"},
    {"localhost:1", NULL, FLARE_E_BAD_ADDRESS, "localhost"},
    {"127.1:1", NULL, FLARE_E_BAD_ADDRESS, ""},
    {"127.0.0.1:65536", NULL, FLARE_E_BAD_ADDRESS, "65536"},
    {"unix:/tmp/x", NULL, FLARE_E_BAD_ADDRESS, "unix:/tmp/x"},
    {"unix:@x", NULL, FLARE_E_BAD_ADDRESS, "unix:@x"},
    {"", "127.0.0.1:9", 0, NULL},
    {"127.0.0.1:0", "127.0.0.1:9", 0, NULL},
    {"127.0.0.1:0", "127.0.0.1:0", FLARE_E_BAD_ADDRESS, "127.0.0.1:0"},
    {"127.0.0.1:0", "0.0.0.0:9", FLARE_E_BAD_ADDRESS, "0.0.0.0:9"},
    {"127.0.0.1:0", "[::]:9", FLARE_E_BAD_ADDRESS, "[::]:9"},
    {"127.0.0.1:0", "unix:/x", FLARE_E_BAD_ADDRESS, "unix:/x"},
    {"127.0.0.1:0", "[::1]:9", -EAFNOSUPPORT, "127.0.0.1:0"},
};

START_TEST(test_udp_open_names_what_is_wrong_with_an_address)
{
    for (int i = 0; i < ROWS(address_rows); i++) {
        RIG_OPEN(r, _i);
        struct flare_udp_options o = {.handler = &handler};
        struct flare_error err = {.code = 0};
        struct flare_addr peer;
        flare_udp *udp = NULL;
        int rc;

        if (address_rows[i].peer != NULL) {
            peer = rig_addr(address_rows[i].peer);
            o.peer = &peer;
        }
        rc = flare_udp_open(r->loop, &udp, flare_str(address_rows[i].address),
                            &o, &err);
        ck_assert_msg(rc == address_rows[i].rc, "%s: %s",
                      address_rows[i].address, err.text);
        if (rc < 0) {
            ck_assert_ptr_null(udp);
            ck_assert_msg(strstr(err.text, address_rows[i].text) != NULL,
                          "%s: %s", address_rows[i].address, err.text);
        }
        flare_udp_close(udp);
        rig_free(r);
    }
}
END_TEST

START_TEST(test_udp_open_needs_a_handler)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.batch = 1};
    flare_udp *udp = NULL;

    ck_assert_int_eq(
        flare_udp_open(r->loop, &udp, FLARE_STR("127.0.0.1:0"), NULL, NULL),
        FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(
        flare_udp_open(r->loop, &udp, FLARE_STR("127.0.0.1:0"), &o, NULL),
        FLARE_E_BAD_CONFIG);
    ck_assert_ptr_null(udp);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_open_is_refused_by_a_loop_that_ends)
{
    RIG_OPEN(r, _i);
    const struct flare_udp_options o = {.handler = &handler};
    struct flare_error err = {.code = 0};
    flare_udp *udp = NULL;

    ck_assert_int_eq(flare__loop_evict(r->loop), 0);
    ck_assert_int_eq(
        flare_udp_open(r->loop, &udp, FLARE_STR("127.0.0.1:0"), &o, &err),
        FLARE_E_STOPPED);
    ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1:0"));
    rig_free(r);
}
END_TEST

START_TEST(test_udp_open_names_the_address_that_is_taken)
{
    RIG_OPEN(r, _i);
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct flare_udp_options o = {.handler = &handler};
    struct flare_error err = {.code = 0};
    char text[FLARE_ADDR_TEXT_MAX];
    flare_udp *udp = NULL;

    flare_addr_format(&a->addr, text, sizeof(text));
    ck_assert_int_eq(flare_udp_open(r->loop, &udp, flare_str(text), &o, &err),
                     -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, text));
    rig_free(r);
}
END_TEST

START_TEST(test_udp_without_callbacks_is_a_sink)
{
    RIG_OPEN(r, _i);
    struct flare_udp_options o = {.handler = &handler};
    struct rig_end *a = rig_end(r, "127.0.0.1:0", NULL);
    struct flare_addr to;
    flare_udp *udp;

    ck_assert_int_eq(
        flare_udp_open(r->loop, &udp, FLARE_STR("127.0.0.1:0"), &o, NULL), 0);
    ck_assert_int_eq(flare_udp_local(udp, &to), 0);
    rig_settle(r);
    r->recvs = 0;
    rig_send(a, &to, "nobody listens");
    rig_settle(r);
    ck_assert_uint_eq(r->recvs, 0);
    flare_udp_close(udp);
    rig_free(r);
}
END_TEST

START_TEST(test_udp_costs_the_memory_that_its_header_says)
{
    RIG_OPEN(r, _i);
    size_t before = r->fault->live_bytes;
    struct rig_end *a = rig_end(
        r, "127.0.0.1:0",
        &(struct flare_udp_options){.batch = 64, .datagram_bytes_max = 100});
    size_t rest = r->fault->live_bytes - before - 64 * 100;

    ck_assert_uint_lt(rest, 30000);
    before = r->fault->live_bytes;
    rig_send(a, &a->addr, "x");
    ck_assert_uint_eq(r->fault->live_bytes - before, 256 * 1024);
    rig_free(r);
}
END_TEST

/* ---- every failure in turn ---- */

static int scenario_use(struct rig *r)
{
    struct flare_udp_options o = {.gro = true};
    struct rig_end *a = NULL;
    struct rig_end *b = NULL;
    int rc = rig_end_open(r, &a, "127.0.0.1:0", &o);

    if (rc < 0)
        return rc;
    o.peer = &a->addr;
    rc = rig_end_open(r, &b, "127.0.0.1:0", &o);
    if (rc == 0)
        rc = flare_udp_send(b->udp, NULL, FLARE_STR("x"));
    for (int i = 0; rc == 0 && i < 100; i++) {
        rig_turn(r, 1);
        if (a->closes > 0 || b->closes > 0)
            rc = a->rc < 0 ? a->rc : b->rc;
        else if (a->error_count > 0 || b->error_count > 0)
            rc = a->error_count > 0 ? a->errors[0] : b->errors[0];
        else if (a->count > 0)
            break;
    }
    return rc;
}

static int scenario(struct fault *f, void *ctx)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct flare_error why;
    int rc;

    ck_assert_ptr_nonnull(r);
    r->fault = f;
    rc = rig_open(r, *(const int *)ctx, &why);
    if (rc == 0) {
        rc = scenario_use(r);
        rig_close(r);
    }
    free(r);
    return rc;
}

START_TEST(test_udp_survives_every_failure_in_turn)
{
    struct rig *r;
    struct flare_error why = {.code = 0};
    int kind = _i;

    r = rig_new(_i, &why);
    if (r == NULL)
        TEST_SKIP("%s: %s", rig_name(_i), why.text);
    rig_free(r);
    (void)fault_each("udp", scenario, &kind);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp/udp_open");
    TCase *tc = tcase_create("open");

    tcase_set_timeout(tc, 60);
#define EACH(test) tcase_add_loop_test(tc, test, 0, RIG_KINDS)
    EACH(test_udp_open_knows_the_range_of_each_option);
    EACH(test_udp_open_names_what_is_wrong_with_an_address);
    EACH(test_udp_open_needs_a_handler);
    EACH(test_udp_open_is_refused_by_a_loop_that_ends);
    EACH(test_udp_open_names_the_address_that_is_taken);
    EACH(test_udp_without_callbacks_is_a_sink);
    EACH(test_udp_costs_the_memory_that_its_header_says);
    EACH(test_udp_survives_every_failure_in_turn);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
