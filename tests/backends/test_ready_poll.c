/* SPDX-License-Identifier: MIT */
/* Polled descriptors in the readiness core, under a poller that is played. */
#include "tests/backends/ready_rig.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

START_TEST(test_edges_of_a_watch_are_told_together_and_it_goes_on)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLIN), 0);
    ck_assert_int_eq(b->watches, 1);
    ck_assert_int_eq(b->events, POLLIN);
    ck_assert_int_eq(next(&ev), -1);
    for (int i = 0; i < 3; i++) {
        edge(&p.sock, FLARE__EDGE_IN);
        edge(&p.sock, FLARE__EDGE_ERR);
        ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
        ck_assert_int_eq(ev.res, POLLIN | POLLERR);
        ck_assert_int_eq(ev.flags, FLARE__EV_MORE);
        ck_assert_int_eq(next(&ev), -1);
    }
    ck_assert_int_eq(b->watches, 1); /* it costs nothing to go on */
    flare__ready_poll_stop(b, &p.sock);
    ck_assert_int_eq(b->arms, 1); /* and wakes nobody when it is stopped */
    ck_assert_int_eq(b->events, 0);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
    ck_assert_int_eq(ev.res, -ECANCELED);
    ck_assert_int_eq(ev.flags, 0);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), -1);
    pair_close(&p);
}
END_TEST

START_TEST(test_other_events_replace_what_was_not_told_yet)
{
    struct pair other;
    struct pair p;
    struct flare__event ev;

    pair_open(&other);
    pair_open(&p);
    ck_assert_int_eq(flare__ready_poll_start(b, &other.sock, POLLIN), 0);
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLIN), 0);
    edge(&other.sock, FLARE__EDGE_IN);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL); /* p's is to come */
    ck_assert_ptr_eq(ev.sock, &other.sock);
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLOUT), 0);
    ck_assert_int_eq(b->events, POLLOUT);
    ck_assert_int_eq(next(&ev), -1);
    edge(&p.sock, FLARE__EDGE_OUT);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
    ck_assert_int_eq(ev.res, POLLOUT);
    pair_close(&p);
    pair_close(&other);
}
END_TEST

/* 0: stopped; 1: closed; with an edge that was not told yet, or without. */
START_TEST(test_a_watch_ends_in_ecanceled_whatever_came)
{
    struct pair other;
    struct pair p;
    struct flare__event ev;

    pair_open(&other);
    pair_open(&p);
    ck_assert_int_eq(flare__ready_poll_start(b, &other.sock, POLLIN), 0);
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLIN), 0);
    edge(&other.sock, FLARE__EDGE_IN);
    if (_i & 2)
        edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
    if (_i & 1)
        flare__ready_close(b, &p.sock, FLARE__CLOSE_GRACEFUL);
    else
        flare__ready_poll_stop(b, &p.sock);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
    ck_assert_ptr_eq(ev.sock, &p.sock);
    ck_assert_int_eq(ev.res, -ECANCELED);
    ck_assert_int_eq(ev.flags, 0);
    if (_i & 1)
        ck_assert_int_eq(next(&ev), FLARE__EV_CLOSED);
    ck_assert_int_eq(next(&ev), -1);
    if (_i & 1)
        close(p.peer);
    else
        pair_close(&p);
    pair_close(&other);
}
END_TEST

START_TEST(test_a_refused_watch_starts_nothing_and_changes_nothing)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    b->add_rc = -ENOMEM;
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLIN), -ENOMEM);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), -1);
    b->add_rc = 0;
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLIN), 0);
    b->add_rc = -ENOMEM;
    ck_assert_int_eq(flare__ready_poll_start(b, &p.sock, POLLOUT), -ENOMEM);
    edge(&p.sock, FLARE__EDGE_IN);
    ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
    ck_assert_int_eq(ev.res, POLLIN);
    b->add_rc = 0;
    pair_close(&p);
}
END_TEST

START_TEST(test_a_poll_for_once_has_one_result)
{
    struct pair p;
    struct flare__event ev;

    pair_open(&p);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(flare__ready_poll_fd(b, &p.sock, POLLIN), 0);
        if (i == 1)
            flare__ready_poll_stop(b, &p.sock); /* before the edge */
        edge(&p.sock, FLARE__EDGE_IN);
        edge(&p.sock, FLARE__EDGE_HUP);
        ck_assert_int_eq(next(&ev), FLARE__EV_POLL);
        ck_assert_int_eq(ev.res, i == 1 ? -ECANCELED : POLLIN);
        ck_assert_int_eq(ev.flags, 0);
        ck_assert_int_eq(next(&ev), -1);
    }
    ck_assert_int_eq(b->watches, 0);
    pair_close(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/ready_poll");
    TCase *tc = tcase_create("poll");

    tcase_add_checked_fixture(tc, ready_setup, ready_teardown);
    tcase_add_test(tc, test_edges_of_a_watch_are_told_together_and_it_goes_on);
    tcase_add_test(tc, test_other_events_replace_what_was_not_told_yet);
    tcase_add_loop_test(tc, test_a_watch_ends_in_ecanceled_whatever_came, 0, 4);
    tcase_add_test(tc, test_a_refused_watch_starts_nothing_and_changes_nothing);
    tcase_add_test(tc, test_a_poll_for_once_has_one_result);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
