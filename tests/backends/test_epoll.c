/* SPDX-License-Identifier: MIT */
/* What of the epoll backend the conformance suite cannot ask of all. */
#include "backends/backend.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void epoll_open(struct flare__backend **e, uint32_t denied)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log, .caps_denied = denied};
    int rc = flare__backend_epoll.open(e, &config, NULL);

    ck_assert_int_eq(rc, 0);
}

static void epoll_close(struct flare__backend *e, struct flare__sock *sock)
{
    struct flare__event ev;

    flare__backend_epoll.close(e, sock, FLARE__CLOSE_GRACEFUL);
    do
        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, UINT64_MAX), 1);
    while (ev.kind != FLARE__EV_CLOSED);
}

START_TEST(test_epoll_refusals_pass_through)
{
    struct flare__backend *e;
    struct flare__sock sock;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    epoll_open(&e, 0);
    close(file);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, file), -EBADF);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, regular), -EPERM);
    close(regular);
    flare__backend_epoll.free(e);
}
END_TEST

/* A copy that a child holds keeps the registration alive: K18. */
START_TEST(test_K18_a_duplicate_held_elsewhere_reports_to_nobody)
{
    struct flare__backend *e;
    struct flare__sock sock;
    struct flare__event ev;
    int fds[2];
    int copy;

    epoll_open(&e, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    copy = dup(fds[0]);
    ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, fds[0]), 0);
    ck_assert_int_eq(flare__backend_epoll.recv_start(e, &sock), 0);
    epoll_close(e, &sock);
    memset(&sock, 0xa5, sizeof(sock));
    for (int i = 0; i < 5; i++) {
        uint64_t now = flare__backend_epoll.now(e);

        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, now + 2000000),
                         0);
        ck_assert_uint_ge(flare__backend_epoll.now(e), now + 2000000);
    }
    close(copy);
    close(fds[1]);
    flare__backend_epoll.free(e);
}
END_TEST

/* Of a file that is open elsewhere too: neither seen any more, nor in the way
 * of the same number of the same file. */
START_TEST(test_epoll_forgets_what_it_polled_and_takes_it_again)
{
    struct flare__backend *e;
    struct flare__event ev;
    int fds[2];

    epoll_open(&e, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int how = 0; how < 6; how++) {
        struct pollfd p = {.events = POLLIN};
        struct flare__sock sock = {.on_event = NULL};
        int copy = dup(fds[0]);

        p.fd = flare__backend_epoll.descriptor(e);
        ck_assert_int_eq(flare__backend_epoll.attach(e, &sock, copy), 0);
        if (how % 3 == 1)
            ck_assert_int_eq(flare__backend_epoll.poll_fd(e, &sock, POLLIN), 0);
        if (how % 3 == 2)
            ck_assert_int_eq(flare__backend_epoll.poll_start(e, &sock, POLLIN),
                             0);
        epoll_close(e, &sock);
        while (flare__backend_epoll.poll(e, &ev, 1, 0) > 0)
            ;
        if (how % 3 == 0)
            continue; /* never polled: it is in nobody's way */
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        ck_assert_int_eq(poll(&p, 1, 0), 0);
    }
    close(fds[0]);
    close(fds[1]);
    flare__backend_epoll.free(e);
}
END_TEST

/* A read stops before an urgent byte: short, and not empty. */
START_TEST(test_urgent_data_does_not_strand_what_follows)
{
    struct flare__backend *e;
    struct flare__sock sock;
    struct flare__event ev;
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    int got = 0;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, len), 0);
    epoll_open(&e, 0);
    ck_assert_int_eq(flare__backend_epoll.attach(
                         e, &sock, accept4(listener, NULL, NULL, SOCK_CLOEXEC)),
                     0);
    ck_assert_int_eq(send(peer, "before", 6, 0), 6);
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    ck_assert_int_eq(send(peer, "after", 5, 0), 5);
    ck_assert_int_eq(flare__backend_epoll.recv_start(e, &sock), 0);
    while (got < 11) {
        uint64_t deadline = flare__backend_epoll.now(e) + 2000000000;

        ck_assert_int_eq(flare__backend_epoll.poll(e, &ev, 1, deadline), 1);
        got += ev.res;
        flare__backend_epoll.lease_put(e, ev.lease);
    }
    epoll_close(e, &sock);
    close(peer);
    close(listener);
    flare__backend_epoll.free(e);
}
END_TEST

START_TEST(test_epoll_pwait2_is_used_unless_denied)
{
    struct flare__backend *e;

    epoll_open(&e, FLARE__CAP_EPOLL_PWAIT2);
    ck_assert_uint_eq(flare__backend_epoll.caps(e), 0);
    flare__backend_epoll.free(e);
    epoll_open(&e, 0);
    if (flare__backend_epoll.caps(e) == 0)
        printf("SKIP epoll_pwait2: not in this kernel\n");
    else
        ck_assert_uint_eq(flare__backend_epoll.caps(e),
                          FLARE__CAP_EPOLL_PWAIT2);
    flare__backend_epoll.free(e);
}
END_TEST

START_TEST(test_epoll_says_what_is_wrong_with_its_sizes)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log, .lease_count = 3};
    struct flare__backend *e = NULL;
    struct flare_error why = {.code = 0};
    int rc = flare__backend_epoll.open(&e, &config, &why);

    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_int_eq(why.code, -EINVAL);
    ck_assert_ptr_nonnull(strstr(why.text, "receive buffers"));
    ck_assert_ptr_null(e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/epoll");
    TCase *tc = tcase_create("epoll");

    tcase_add_test(tc, test_epoll_refusals_pass_through);
    tcase_add_test(tc, test_K18_a_duplicate_held_elsewhere_reports_to_nobody);
    tcase_add_test(tc, test_epoll_forgets_what_it_polled_and_takes_it_again);
    tcase_add_test(tc, test_urgent_data_does_not_strand_what_follows);
    tcase_add_test(tc, test_epoll_pwait2_is_used_unless_denied);
    tcase_add_test(tc, test_epoll_says_what_is_wrong_with_its_sizes);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
