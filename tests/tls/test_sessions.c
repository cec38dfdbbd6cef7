/* SPDX-License-Identifier: MIT */
/* A client's kept sessions: bounded, by host and port. */
#include "tls/sessions.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>

static struct fault f;
static struct flare__tls_sessions *sessions;

static void set_up(void)
{
    fault_init(&f, FAULT_NEVER, 0);
    sessions = flare__tls_sessions_new(&f.al, 3);
    ck_assert_ptr_nonnull(sessions);
}

static void tear_down(void)
{
    flare__tls_sessions_free(sessions);
    fault_fini(&f, "sessions");
}

static SSL_SESSION *give(const char *host, uint16_t port, int version)
{
    SSL_SESSION *session = SSL_SESSION_new();

    ck_assert_int_eq(SSL_SESSION_set_protocol_version(session, version), 1);
    ck_assert(
        flare__tls_sessions_give(sessions, flare_str(host), port, session));
    return session;
}

static SSL_SESSION *take(const char *host, uint16_t port)
{
    SSL_SESSION *session =
        flare__tls_sessions_take(sessions, flare_str(host), port);

    SSL_SESSION_free(session);
    return session; /* to be compared only */
}

START_TEST(test_sessions_are_by_host_and_port)
{
    SSL_SESSION *a = give("a.test", 443, TLS1_2_VERSION);
    SSL_SESSION *b = give("a.test", 444, TLS1_2_VERSION);

    ck_assert_ptr_eq(take("a.test", 443), a);
    ck_assert_ptr_eq(take("a.test", 444), b);
    ck_assert_ptr_null(take("a.tes", 443));
    ck_assert_ptr_null(take("a.test.", 443));
    ck_assert_ptr_null(take("b.test", 443));
    ck_assert_uint_eq(flare__tls_sessions_count(sessions), 2);
}
END_TEST

START_TEST(test_sessions_of_1_3_are_for_one_use)
{
    SSL_SESSION *a = give("a.test", 1, TLS1_3_VERSION);
    SSL_SESSION *b = give("b.test", 1, TLS1_2_VERSION);

    ck_assert_ptr_eq(take("a.test", 1), a);
    ck_assert_ptr_null(take("a.test", 1));
    ck_assert_ptr_eq(take("b.test", 1), b);
    ck_assert_ptr_eq(take("b.test", 1), b);
}
END_TEST

START_TEST(test_sessions_the_newest_of_a_host_and_the_latest_used_stay)
{
    SSL_SESSION *newer;

    give("a.test", 1, TLS1_2_VERSION);
    newer = give("a.test", 1, TLS1_2_VERSION);
    ck_assert_uint_eq(flare__tls_sessions_count(sessions), 1);
    give("b.test", 1, TLS1_2_VERSION);
    give("c.test", 1, TLS1_2_VERSION);
    ck_assert_ptr_eq(take("a.test", 1), newer);
    give("d.test", 1, TLS1_2_VERSION);
    ck_assert_uint_eq(flare__tls_sessions_count(sessions), 3);
    ck_assert_ptr_null(take("b.test", 1));
    ck_assert_ptr_eq(take("a.test", 1), newer);
}
END_TEST

START_TEST(test_sessions_without_memory_are_the_callers)
{
    SSL_SESSION *session = SSL_SESSION_new();
    struct fault none;
    struct flare__tls_sessions *poor;

    fault_init(&none, FAULT_FROM, 2);
    poor = flare__tls_sessions_new(&none.al, 1);
    ck_assert_ptr_nonnull(poor);
    ck_assert(!flare__tls_sessions_give(poor, FLARE_STR("a.test"), 1, session));
    SSL_SESSION_free(session);
    flare__tls_sessions_free(poor);
    fault_fini(&none, "sessions");
    fault_init(&none, FAULT_ONCE, 1);
    ck_assert_ptr_null(flare__tls_sessions_new(&none.al, 1));
    fault_fini(&none, "sessions");
    flare__tls_sessions_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/sessions");
    TCase *tc = tcase_create("sessions");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_sessions_are_by_host_and_port);
    tcase_add_test(tc, test_sessions_of_1_3_are_for_one_use);
    tcase_add_test(tc,
                   test_sessions_the_newest_of_a_host_and_the_latest_used_stay);
    tcase_add_test(tc, test_sessions_without_memory_are_the_callers);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
