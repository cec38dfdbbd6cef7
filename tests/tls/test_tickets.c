/* SPDX-License-Identifier: MIT */
/* T16: keys of tickets as time goes by. */
#include "tls/tickets.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { HOUR = 3600 };

static struct fault f;
static struct flare__tls_tickets *tickets;

static void set_up(void)
{
    fault_init(&f, FAULT_NEVER, 0);
    tickets = flare__tls_tickets_new(&f.al);
    ck_assert_ptr_nonnull(tickets);
}

static void tear_down(void)
{
    flare__tls_tickets_unref(tickets);
    fault_fini(&f, "tickets");
}

static struct flare__tls_ticket_key seal(int64_t now)
{
    struct flare__tls_ticket_key key;

    ck_assert_int_eq(flare__tls_tickets_seal(tickets, now, &key), 0);
    return key;
}

static enum flare__tls_ticket_found find(
    int64_t now, const struct flare__tls_ticket_key *key)
{
    struct flare__tls_ticket_key found;
    enum flare__tls_ticket_found rc =
        flare__tls_tickets_find(tickets, now, key->name, &found);

    if (rc != FLARE__TLS_TICKET_UNKNOWN)
        ck_assert_mem_eq(&found, key, sizeof(found));
    return rc;
}

START_TEST(test_tickets_T16_key_seals_for_12_hours_and_opens_for_24)
{
    struct flare__tls_ticket_key first = seal(1000);
    struct flare__tls_ticket_key second;
    struct flare__tls_ticket_key same = seal(1000 + 12 * HOUR - 1);

    ck_assert_mem_eq(&first, &same, sizeof(first));
    ck_assert_int_eq(find(1000, &first), FLARE__TLS_TICKET_CURRENT);
    second = seal(1000 + 12 * HOUR);
    ck_assert_mem_ne(&first, &second, sizeof(first));
    ck_assert_int_eq(find(1000 + 12 * HOUR, &first), FLARE__TLS_TICKET_OLD);
    ck_assert_int_eq(find(1000 + 24 * HOUR - 1, &first), FLARE__TLS_TICKET_OLD);
    ck_assert_int_eq(find(1000 + 24 * HOUR - 1, &second),
                     FLARE__TLS_TICKET_CURRENT);
    ck_assert_int_eq(find(1000 + 24 * HOUR, &first), FLARE__TLS_TICKET_UNKNOWN);
    ck_assert_int_eq(find(1000 + 24 * HOUR, &second), FLARE__TLS_TICKET_OLD);
}
END_TEST

/* Nobody seals for days: what is found then is not opened either. */
START_TEST(test_tickets_old_keys_die_without_a_new_one)
{
    struct flare__tls_ticket_key first = seal(0);
    struct flare__tls_ticket_key fresh;

    ck_assert_int_eq(find(13 * HOUR, &first), FLARE__TLS_TICKET_OLD);
    ck_assert_int_eq(find(24 * HOUR, &first), FLARE__TLS_TICKET_UNKNOWN);
    fresh = seal(48 * HOUR);
    ck_assert_int_eq(find(48 * HOUR, &first), FLARE__TLS_TICKET_UNKNOWN);
    ck_assert_int_eq(find(48 * HOUR, &fresh), FLARE__TLS_TICKET_CURRENT);
}
END_TEST

START_TEST(test_tickets_of_the_user_stay_until_he_says)
{
    struct flare_tls_ticket_key keys[3];
    struct flare__tls_ticket_key own = seal(0);
    struct flare__tls_ticket_key parts[3];

    for (int i = 0; i < 3; i++)
        memset(&keys[i], i + 1, sizeof(keys[i]));
    memcpy(parts, keys, sizeof(parts));
    flare__tls_tickets_set(tickets, keys, 3);
    ck_assert_int_eq(find(1, &own), FLARE__TLS_TICKET_UNKNOWN);
    own = seal(1000 * HOUR);
    ck_assert_mem_eq(&own, &parts[0], sizeof(own));
    ck_assert_int_eq(find(0, &parts[0]), FLARE__TLS_TICKET_CURRENT);
    ck_assert_int_eq(find(0, &parts[1]), FLARE__TLS_TICKET_OLD);
    ck_assert_int_eq(find(0, &parts[2]), FLARE__TLS_TICKET_OLD);
    flare__tls_tickets_set(tickets, keys + 1, 1);
    ck_assert_int_eq(find(0, &parts[0]), FLARE__TLS_TICKET_UNKNOWN);
    ck_assert_int_eq(find(0, &parts[1]), FLARE__TLS_TICKET_CURRENT);
}
END_TEST

START_TEST(test_tickets_need_memory)
{
    struct fault none;

    fault_init(&none, FAULT_ONCE, 1);
    ck_assert_ptr_null(flare__tls_tickets_new(&none.al));
    fault_fini(&none, "tickets");
    flare__tls_tickets_unref(NULL);
    ck_assert_ptr_eq(flare__tls_tickets_ref(tickets), tickets);
    flare__tls_tickets_unref(tickets);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls/tickets");
    TCase *tc = tcase_create("tickets");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc,
                   test_tickets_T16_key_seals_for_12_hours_and_opens_for_24);
    tcase_add_test(tc, test_tickets_old_keys_die_without_a_new_one);
    tcase_add_test(tc, test_tickets_of_the_user_stay_until_he_says);
    tcase_add_test(tc, test_tickets_need_memory);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
