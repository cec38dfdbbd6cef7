/* SPDX-License-Identifier: MIT */
/* Lists of addresses; who accepts from what; the end of a queue. */
#include "net/listen_set.h"

#include "base/alloc.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct flare__listen_config config(const char *list, uint32_t workers)
{
    return (struct flare__listen_config){
        .al = &flare__allocator_default,
        .list = list,
        .workers = workers,
    };
}

static void open_set(struct flare__listen_set *set, const char *list,
                     uint32_t workers)
{
    struct flare__listen_config c = config(list, workers);
    struct flare_error err;

    ck_assert_msg(flare__listen_set_open(set, &c, &err) == 0, "%s", err.text);
}

/* A connection begun, and whether it is there. */
static int dial(const char *text, bool *is_connected)
{
    struct flare__addr addr;
    int fd;
    int rc;

    ck_assert_int_eq(flare__addr_parse(&addr, flare_str(text), NULL), 0);
    fd = socket(addr.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    rc = connect(fd, (struct sockaddr *)&addr.storage, addr.len);
    if (rc < 0 && errno == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};

        rc = poll(&p, 1, 100) == 1 && (p.revents & POLLERR) == 0 ? 0 : -1;
    }
    *is_connected = rc == 0;
    return fd;
}

/* ---- opening ---- */

START_TEST(test_listen_set_opens_one_socket_per_worker_and_address)
{
    struct flare__listen_set set;
    char text[256];

    open_set(&set, " 127.0.0.1:0 , [::1]:0,unix:@flare-test-set ", 3);
    ck_assert_uint_eq(set.address_count, 3);
    ck_assert_uint_eq(set.socket_count, 3 + 3 + 1);
    ck_assert_uint_eq(flare__listen_set_each(&set), 3);
    ck_assert_str_eq(set.addresses[0].asked, "127.0.0.1:0");
    flare__listen_set_format(&set, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, ", unix:@flare-test-set"));
    flare__listen_set_format(&set, text, 8);
    ck_assert_str_eq(text, "127.0.0");
    flare__listen_set_free(&set);
    flare__listen_set_free(&set); /* a second time is nothing */
}
END_TEST

static const struct {
    const char *list;
    int rc;
    const char *text;
} wrong[] = {
    {"", FLARE_E_BAD_ADDRESS, "empty item"},
    {" , 127.0.0.1:0", FLARE_E_BAD_ADDRESS, "empty item"},
    {"127.0.0.1:0,,", FLARE_E_BAD_ADDRESS, "empty item"},
    {"127.0.0.1:0,127.0.0.1:0", FLARE_E_BAD_ADDRESS, "is there twice"},
    {"127.0.0.1", FLARE_E_BAD_ADDRESS, "127.0.0.1"},
    {"fd:", FLARE_E_BAD_ADDRESS, "fd:"},
    {"fd:-1", FLARE_E_BAD_ADDRESS, "fd:-1"},
    {"fd:99999999999", FLARE_E_BAD_ADDRESS, "fd:99999999999"},
    {"fd:9999", -EBADF, "descriptor 9999"},
    {"inherit:", FLARE_E_BAD_CONFIG, "inherit:"},
    {"192.0.2.1:0", -EADDRNOTAVAIL, "192.0.2.1:0"},
};

START_TEST(test_listen_set_M12_names_the_item_at_fault)
{
    struct flare__listen_config c = config(wrong[_i].list, 1);
    struct flare__listen_set set;
    struct flare_error err;

    ck_assert_int_eq(flare__listen_set_open(&set, &c, &err), wrong[_i].rc);
    ck_assert_msg(strstr(err.text, wrong[_i].text) != NULL, "%s: %s",
                  wrong[_i].list, err.text);
    ck_assert_uint_eq(set.socket_count, 0);
}
END_TEST

static int scenario_open(struct fault *f, void *ctx)
{
    struct flare__listen_config c = config(ctx, 2);
    struct flare__listen_set set;
    int rc;

    c.al = &f->al;
    rc = flare__listen_set_open(&set, &c, NULL);
    if (rc >= 0)
        flare__listen_set_free(&set);
    return rc;
}

START_TEST(test_listen_set_M08_opens_all_or_nothing)
{
    char list[128];

    (void)snprintf(list, sizeof(list), "unix:/tmp/flare-set-%ld, 127.0.0.1:0",
                   (long)getpid());
    (void)fault_each("listen_set", scenario_open, list);
    *strchr(list, ',') = '\0';
    (void)unlink(list + 5); /* of the runs that succeeded: free leaves it */
}
END_TEST

/* ---- sharing out ---- */

START_TEST(test_listen_set_every_socket_is_served_and_everybody_serves)
{
    uint32_t sockets = (uint32_t)_i % 9 + 1;
    uint32_t workers = (uint32_t)_i / 9 + 1;
    struct flare__listen_address a = {.count = sockets};
    struct flare__listen_socket s[9] = {{.fd = -1}};
    struct flare__listen_set set = {.workers = workers,
                                    .address_count = 1,
                                    .socket_count = sockets,
                                    .addresses = &a,
                                    .sockets = s};

    for (uint32_t i = 0; i < sockets; i++) {
        uint32_t servers = 0;

        for (uint32_t w = 0; w < workers; w++)
            servers += flare__listen_set_serves(&set, i, w);
        ck_assert_uint_ge(servers, 1);
        ck_assert(servers == 1 || sockets < workers);
    }
    for (uint32_t w = 0; w < workers; w++) {
        uint32_t served = 0;

        for (uint32_t i = 0; i < sockets; i++)
            served += flare__listen_set_serves(&set, i, w);
        ck_assert_uint_ge(served, 1);
        ck_assert_uint_le(served, flare__listen_set_each(&set));
    }
}
END_TEST

/* ---- the end ---- */

START_TEST(test_listen_set_K14_a_sealed_queue_is_left_to_be_emptied)
{
    struct flare__listen_set set;
    bool is_connected;
    int early;
    int late;
    int served;

    open_set(&set, "127.0.0.1:0", 1);
    ck_assert_int_eq(flare__listen_set_left(&set, 0), FLARE__LISTEN_EMPTY);
    early = dial(set.addresses[0].text, &is_connected);
    ck_assert(is_connected);
    ck_assert_int_eq(flare__listen_set_left(&set, 0), FLARE__LISTEN_OPEN);
    flare__listen_set_seal(&set);
    if (!set.sockets[0].is_sealed) {
        flare__sock_close(early);
        flare__listen_set_free(&set);
        TEST_SKIP("the system cannot refuse new connections alone");
    }
    late = dial(set.addresses[0].text, &is_connected);
    ck_assert(!is_connected);
    ck_assert_int_eq(flare__listen_set_left(&set, 0), FLARE__LISTEN_LAST);

    served = accept(set.sockets[0].fd, NULL, NULL);
    ck_assert_int_ge(served, 0);
    ck_assert_int_eq(flare__listen_set_left(&set, 0), FLARE__LISTEN_EMPTY);
    ck_assert_int_eq(send(early, "x", 1, 0), 1); /* its segments pass */
    ck_assert_int_eq(recv(served, &(char){0}, 1, 0), 1);
    flare__sock_close(served);
    flare__sock_close(early);
    flare__sock_close(late);
    flare__listen_set_free(&set);
}
END_TEST

START_TEST(test_listen_set_K14_what_others_have_is_not_sealed)
{
    struct flare__listen_set set;
    bool is_connected;
    int fd;

    open_set(&set, "127.0.0.1:0", 1);
    flare__listen_set_share(&set);
    flare__listen_set_seal(&set);
    fd = dial(set.addresses[0].text, &is_connected);
    ck_assert(is_connected);
    ck_assert_int_eq(flare__listen_set_left(&set, 0), FLARE__LISTEN_EMPTY);
    ck_assert_uint_eq(flare__listen_set_handshake_ms(&set), 0);
    flare__sock_close(fd);
    flare__listen_set_free(&set);
}
END_TEST

START_TEST(test_listen_set_M06_handed_sockets_are_taken_and_unsealed)
{
    struct flare__listen_set old;
    struct flare__listen_set new;
    struct flare__listen_handed handed[3] = {{.fd = -1}};
    struct flare__listen_config c = config("127.0.0.1:0", 5);
    bool is_connected;
    int fd;

    if (getenv("FLARE_EMULATED") != NULL)
        TEST_SKIP("the emulator takes no socket filter away");
    open_set(&old, "127.0.0.1:0", 3);
    flare__listen_set_seal(&old);
    for (int i = 0; i < 3; i++) {
        handed[i].fd = flare__sock_dup(old.sockets[i].fd);
        (void)snprintf(handed[i].asked, sizeof(handed[i].asked), "%s",
                       i < 2 ? "127.0.0.1:0" : "127.0.0.2:0");
    }
    c.handed = handed;
    c.handed_count = 3;
    ck_assert_int_eq(flare__listen_set_open(&new, &c, NULL), 0);
    ck_assert_int_eq(handed[0].fd, -1);
    ck_assert_int_eq(handed[1].fd, -1);
    ck_assert_int_ge(handed[2].fd, 0); /* nobody asked for it */
    ck_assert_str_eq(new.addresses[0].text, old.addresses[0].text);
    ck_assert_uint_eq(new.socket_count, 5); /* it has grown */
    flare__sock_close(handed[2].fd);
    flare__listen_set_free(&old);
    fd = dial(new.addresses[0].text, &is_connected);
    ck_assert(is_connected);
    flare__sock_close(fd);
    flare__listen_set_free(&new);
}
END_TEST

static Suite *listen_set_suite(void)
{
    Suite *suite = suite_create("net/listen_set");
    TCase *tc = tcase_create("listen_set");

    tcase_add_test(tc, test_listen_set_opens_one_socket_per_worker_and_address);
    tcase_add_loop_test(tc, test_listen_set_M12_names_the_item_at_fault, 0,
                        ROWS(wrong));
    tcase_add_test(tc, test_listen_set_M08_opens_all_or_nothing);
    tcase_add_loop_test(
        tc, test_listen_set_every_socket_is_served_and_everybody_serves, 0,
        9 * 9);
    tcase_add_test(tc,
                   test_listen_set_K14_a_sealed_queue_is_left_to_be_emptied);
    tcase_add_test(tc, test_listen_set_K14_what_others_have_is_not_sealed);
    tcase_add_test(tc,
                   test_listen_set_M06_handed_sockets_are_taken_and_unsealed);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(listen_set_suite());
}
