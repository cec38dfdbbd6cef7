/* SPDX-License-Identifier: MIT */
/*
 * What a guest of an HTTP connection may rely on (http/upgrade.h): the order of
 * its calls, its input once, its deadline, its ends.  The guest here writes
 * down what is called and does what its input says.
 */
#include "http/upgrade.h"

#include "base/assert.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define HELLO                                                                  \
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: log\r\n\r\n"

enum { DEADLINE_MS = 50 };

struct guest {
    struct flare__guest guest;
    uint8_t verdict;
    bool is_deaf;
};
_Static_assert(sizeof(struct guest) <= FLARE__GUEST_BYTES, "room");

static char calls[4096]; /* a blank between */
static int upgrade_rc;
static struct flare__guest *last_guest;

static void note(const char *what)
{
    size_t len = strlen(calls);

    (void)snprintf(calls + len, sizeof(calls) - len, "%s%s", len > 0 ? " " : "",
                   what);
}

static struct guest *guest_of(struct flare__guest *g)
{
    return FLARE_CONTAINER_OF(g, struct guest, guest);
}

/* ---- the guest ---- */

static void guest_start(struct flare__guest *g, const void *offer)
{
    struct guest *own = guest_of(g);

    ck_assert_str_eq(offer, "offered");
    ck_assert_int_eq(own->verdict, 0); /* the room is zeros */
    ck_assert(!own->is_deaf);
    last_guest = g;
    note("start");
}

static void guest_answer(struct flare__guest *g, const char *bytes, size_t len)
{
    ck_assert_int_eq(flare__out_copy(flare__guest_out(g), flare__guest_pool(g),
                                     (struct flare_str){bytes, len}),
                     0);
    flare__guest_flush(g);
}

static void guest_input(struct flare__guest *g, char *bytes, size_t len)
{
    struct guest *own = guest_of(g);
    char text[64];

    ck_assert_int_eq(own->verdict, FLARE__GUEST_STAYS);
    (void)snprintf(text, sizeof(text), "input(%.*s)", (int)len, bytes);
    note(text);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == 'e')
            guest_answer(g, "echo", 4);
        if (bytes[i] == 'd')
            flare__guest_deadline(g, DEADLINE_MS);
        if (bytes[i] == 'n')
            flare__guest_deadline(g, FLARE_UNLIMITED);
        if (bytes[i] == 'q')
            own->is_deaf = true;
        if (bytes[i] == 'l')
            own->verdict = FLARE__GUEST_LEAVES;
        if (bytes[i] == 'b')
            own->verdict = FLARE__GUEST_BREAKS;
    }
    memset(bytes, 0, len); /* it may change them */
    flare__guest_flush(g);
}

static void guest_eof(struct flare__guest *g)
{
    note("eof");
    guest_of(g)->verdict = FLARE__GUEST_LEAVES;
    flare__guest_flush(g);
}

static void guest_deadline(struct flare__guest *g)
{
    note("deadline");
    guest_of(g)->is_deaf = false;
    flare__guest_flush(g);
}

static bool guest_wants_input(const struct flare__guest *g)
{
    return !guest_of((struct flare__guest *)(uintptr_t)g)->is_deaf;
}

static enum flare__guest_turn guest_turn(struct flare__guest *g)
{
    size_t len = strlen(calls);

    if (len < 4 || strcmp(calls + len - 4, "turn") != 0)
        note("turn"); /* some more with nothing in between do not matter */
    return (enum flare__guest_turn)guest_of(g)->verdict;
}

static void guest_drain(struct flare__guest *g)
{
    note("drain");
    guest_of(g)->verdict = FLARE__GUEST_LEAVES;
    guest_answer(g, "bye", 3);
}

static void guest_gone(struct flare__guest *g)
{
    ck_assert_ptr_eq(g, last_guest);
    last_guest = NULL;
    note("gone");
}

static const struct flare__guest_ops guest_ops = {
    .start = guest_start,
    .input = guest_input,
    .eof = guest_eof,
    .deadline = guest_deadline,
    .wants_input = guest_wants_input,
    .turn = guest_turn,
    .drain = guest_drain,
    .gone = guest_gone,
};
static const struct flare__guest_kind guest_kind = {.ops = &guest_ops};

/* ---- the rig ---- */

static int on_request(flare_req *req, flare_res *res)
{
    const struct flare__upgrade upgrade = {
        .lines = {"Upgrade: log\r\nConnection: Upgrade\r\n", 35},
        .kind = &guest_kind,
        .offer = "offered",
        .offer_bytes = sizeof("offered"),
    };

    if (flare_req_header(req, "Upgrade").len == 0)
        return flare__upgrade_refuse(res, 426, FLARE_STR("Upgrade: log\r\n"),
                                     "only log is spoken");
    upgrade_rc = flare__upgrade(res, &upgrade);
    if (upgrade_rc == FLARE_E_NO_BODY)
        return flare_res_text(res, 400, "no body");
    if (upgrade_rc == 0)
        ck_assert_int_eq(flare__upgrade(res, &upgrade),
                         FLARE_E_ALREADY_ANSWERED);
    return upgrade_rc;
}

static struct rig *rig_open(void)
{
    calls[0] = '\0';
    upgrade_rc = 1;
    return rig_new(&(struct flare_server_config){.handler.fn = on_request});
}

static struct rig *rig_switched(void)
{
    struct rig *r = rig_open();

    (void)rig_ask(r, HELLO);
    ck_assert_str_eq(rig_statuses(r, 0), "101");
    ck_assert_str_eq(calls, "start turn");
    return r;
}

static const char *behind_head(const struct rig *r)
{
    return strstr(r->peers[0].got, "\r\n\r\n") + 4;
}

static void say(struct rig *r, const char *text)
{
    rig_text(r, 0, text);
    rig_run(r, 5);
}

/* ---- tests ---- */

START_TEST(test_upgrade_early_bytes_come_once_before_the_first_turn)
{
    struct rig *r = rig_open();

    (void)rig_ask(r, HELLO "ae");
    ck_assert_str_eq(calls, "start input(ae) turn");
    ck_assert_str_eq(behind_head(r), "echo");
    say(r, "x");
    ck_assert_str_eq(calls, "start input(ae) turn input(x) turn");
    rig_free(r);
}
END_TEST

/* However the bytes of the request and those behind it are cut. */
START_TEST(test_upgrade_early_bytes_at_every_cut)
{
    static const char wire[] = HELLO "xyz";
    struct rig *r = rig_open();

    for (size_t cut = 1; cut < sizeof(wire) - 1; cut++) {
        char seen[64] = "";
        const char *p = calls;

        rig_connect(r, 0); /* and the last one is gone */
        calls[0] = '\0';
        rig_send(r, 0, wire, cut);
        rig_run(r, 2);
        rig_send(r, 0, wire + cut, sizeof(wire) - 1 - cut);
        rig_run(r, 2);
        while ((p = strstr(p, "input(")) != NULL) {
            p += 6;
            strncat(seen, p, strcspn(p, ")"));
        }
        ck_assert_msg(strcmp(seen, "xyz") == 0, "cut at %zu: %s", cut, calls);
        ck_assert_ptr_eq(strstr(calls, "start"), calls);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_leaves_with_what_is_queued)
{
    struct rig *r = rig_switched();

    say(r, "el");
    say(r, "more"); /* nobody hears it */
    ck_assert_str_eq(calls, "start turn input(el) turn gone");
    ck_assert_str_eq(behind_head(r), "echo");
    ck_assert(r->peers[0].has_fin);
    ck_assert(!r->peers[0].has_rst);
    rig_free(r);
    ck_assert_str_eq(calls, "start turn input(el) turn gone");
}
END_TEST

START_TEST(test_upgrade_breaks_by_reset)
{
    struct rig *r = rig_switched();

    say(r, "b");
    ck_assert_str_eq(calls, "start turn input(b) turn gone");
    ck_assert(r->peers[0].has_rst);
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_hears_of_the_end_and_of_a_reset)
{
    struct rig *r = rig_switched();

    flare__sim_peer_shutdown(&r->peers[0].peer);
    rig_run(r, 5);
    ck_assert_str_eq(calls, "start turn eof turn gone");
    ck_assert(r->peers[0].has_fin);
    calls[0] = '\0';
    (void)rig_ask(r, HELLO);
    flare__sim_peer_close(&r->peers[0].peer, /* is_abort = */ true);
    r->peers[0].has_rst = true; /* it has nothing to close any more */
    rig_run(r, 5);
    ck_assert_str_eq(calls, "start turn gone");
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_deadline_comes_once_and_not_before)
{
    struct rig *r = rig_switched();

    say(r, "d");
    rig_run(r, DEADLINE_MS - 10);
    ck_assert_str_eq(calls, "start turn input(d) turn");
    rig_run(r, 20);
    ck_assert_str_eq(calls, "start turn input(d) turn deadline turn");
    rig_run(r, 10 * DEADLINE_MS);
    ck_assert_str_eq(calls, "start turn input(d) turn deadline turn");
    calls[0] = '\0';
    say(r, "dn"); /* and back */
    rig_run(r, 10 * DEADLINE_MS);
    ck_assert_str_eq(calls, "input(dn) turn");
    rig_free(r);
}
END_TEST

/* No deadline of HTTP is left: an hour of silence is the guest's to judge. */
START_TEST(test_upgrade_has_no_deadline_of_http)
{
    struct rig *r = rig_switched();

    rig_run(r, 3600 * 1000);
    ck_assert_str_eq(calls, "start turn");
    say(r, "e");
    ck_assert_str_eq(behind_head(r), "echo");
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_input_waits_while_it_is_not_wanted)
{
    struct rig *r = rig_switched();

    say(r, "dq");
    calls[0] = '\0';
    say(r, "late");
    ck_assert_ptr_null(strstr(calls, "deadline"));
    rig_run(r, 2 * DEADLINE_MS);
    ck_assert_ptr_nonnull(strstr(calls, "deadline"));
    ck_assert_ptr_nonnull(strstr(calls, "input(late)"));
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_hears_of_a_drain)
{
    struct rig *r = rig_switched();

    flare__http_drain(&r->http);
    rig_run(r, 5);
    ck_assert_str_eq(calls, "start turn drain turn gone");
    ck_assert_str_eq(behind_head(r), "bye");
    rig_free(r);
}
END_TEST

START_TEST(test_upgrade_refused_goes_on_with_http)
{
    struct rig *r = rig_open();

    (void)rig_ask(r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_str_eq(rig_statuses(r, 0), "426");
    ck_assert_int_eq(rig_count(r, 0, "Upgrade: log\r\n"), 1);
    ck_assert_int_eq(rig_count(r, 0, "426 only log is spoken\n"), 1);
    rig_text(r, 0, HELLO);
    rig_run(r, 5);
    ck_assert_str_eq(rig_statuses(r, 0), "426 101");
    rig_free(r);
    ck_assert_str_eq(calls, "start turn drain gone");
}
END_TEST

START_TEST(test_upgrade_takes_no_request_with_a_body)
{
    static const char *const bodies[] = {
        "Content-Length: 2\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"};
    struct rig *r = rig_open();
    char ask[512];

    (void)snprintf(ask, sizeof(ask),
                   "POST / HTTP/1.1\r\nHost: a\r\n"
                   "Upgrade: log\r\n%s",
                   bodies[_i]);
    (void)rig_ask(r, ask);
    ck_assert_int_eq(upgrade_rc, FLARE_E_NO_BODY);
    ck_assert_str_eq(rig_statuses(r, 0), "400");
    ck_assert_str_eq(calls, "");
    rig_free(r);
}
END_TEST

/* With no memory there is an answer or an end, and never half a guest. */
START_TEST(test_upgrade_every_allocation_may_fail)
{
    bool has_failed = true;

    for (uint64_t at = 1; has_failed; at++) {
        struct rig *r = rig_open();
        bool is_here;

        rig_connect(r, 0);
        r->fault.mode = FAULT_ONCE;
        r->fault.at = r->fault.sites + at;
        rig_text(r, 0, HELLO "e");
        rig_run(r, 50);
        has_failed = r->fault.failed > 0;
        fault_disarm(&r->fault);
        is_here = strstr(calls, "start") != NULL;
        rig_free(r);
        ck_assert(is_here == (strstr(calls, "gone") != NULL));
        ck_assert(has_failed || is_here);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/upgrade");
    TCase *tc = tcase_create("upgrade");

    tcase_add_test(tc,
                   test_upgrade_early_bytes_come_once_before_the_first_turn);
    tcase_add_test(tc, test_upgrade_early_bytes_at_every_cut);
    tcase_add_test(tc, test_upgrade_leaves_with_what_is_queued);
    tcase_add_test(tc, test_upgrade_breaks_by_reset);
    tcase_add_test(tc, test_upgrade_hears_of_the_end_and_of_a_reset);
    tcase_add_test(tc, test_upgrade_deadline_comes_once_and_not_before);
    tcase_add_test(tc, test_upgrade_has_no_deadline_of_http);
    tcase_add_test(tc, test_upgrade_input_waits_while_it_is_not_wanted);
    tcase_add_test(tc, test_upgrade_hears_of_a_drain);
    tcase_add_test(tc, test_upgrade_refused_goes_on_with_http);
    tcase_add_loop_test(tc, test_upgrade_takes_no_request_with_a_body, 0, 2);
    tcase_add_test(tc, test_upgrade_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
