/* SPDX-License-Identifier: MIT */
/*
 * What of the kqueue backend the conformance suite cannot ask of all.  On Linux
 * it runs on the stand-in of tests/support/kqueue_shim.c.
 */
#include "backends/backend.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <sys/event.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static const struct flare__backend_ops *const K = &flare__backend_kqueue;

static int kq_try(struct flare__backend **k, uint32_t denied,
                  struct flare_error *why)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log, .caps_denied = denied};

    return K->open(k, &config, why);
}

static struct flare__backend *kq_open(uint32_t denied)
{
    struct flare__backend *k = NULL;

    ck_assert_int_eq(kq_try(&k, denied, NULL), 0);
    return k;
}

/* The next event; there is one within two seconds. */
static struct flare__event kq_next(struct flare__backend *k)
{
    struct flare__event ev;
    uint64_t deadline = K->now(k) + 2000000000;

    ck_assert_int_eq(K->poll(k, &ev, 1, deadline), 1);
    return ev;
}

static void kq_silent(struct flare__backend *k)
{
    struct flare__event ev;

    ck_assert_int_eq(K->poll(k, &ev, 1, K->now(k) + 2000000), 0);
}

static void kq_close(struct flare__backend *k, struct flare__sock *sock)
{
    K->close(k, sock, FLARE__CLOSE_GRACEFUL);
    while (kq_next(k).kind != FLARE__EV_CLOSED)
        continue;
}

static int descriptors_count(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

START_TEST(test_kqueue_refusals_pass_through)
{
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(file);
    ck_assert_int_eq(K->attach(k, &sock, file), -EBADF);
    K->free(k);
}
END_TEST

/* Another kqueue has no output to wait for, and is waited for all the same. */
START_TEST(test_kqueue_of_the_users_own_can_be_polled)
{
    struct flare__backend *k = kq_open(0);
    int theirs = kqueue();
    struct kevent change = {.filter = EVFILT_USER, .flags = EV_ADD | EV_CLEAR};
    struct flare__sock sock;
    struct flare__event ev;

    ck_assert_int_eq(kevent(theirs, &change, 1, NULL, 0, NULL), 0);
    ck_assert_int_eq(K->attach(k, &sock, theirs), 0);
    ck_assert_int_eq(K->poll_fd(k, &sock, POLLIN), 0);
    kq_silent(k);
    change.flags = 0;
    change.fflags = NOTE_TRIGGER;
    ck_assert_int_eq(kevent(theirs, &change, 1, NULL, 0, NULL), 0);
    ev = kq_next(k);
    ck_assert_int_eq(ev.kind, FLARE__EV_POLL);
    ck_assert_int_eq(ev.res, POLLIN);
    kq_close(k, &sock);
    K->free(k);
}
END_TEST

static const struct {
    const char *name;
    int filter;
    int error;
    int rc;
} refusals[] = {
    {"no memory for the second", EVFILT_WRITE, ENOMEM, -ENOMEM},
    {"no memory for the first", EVFILT_READ, ENOMEM, -ENOMEM},
    {"only input", EVFILT_WRITE, EOPNOTSUPP, 0},
    {"only output", EVFILT_READ, EINVAL, -EINVAL},
};

START_TEST(test_kqueue_attach_leaves_nothing_when_a_filter_is_refused)
{
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    kqueue_shim_refuse(refusals[_i].filter, refusals[_i].error);
    ck_assert_msg(K->attach(k, &sock, fds[0]) == refusals[_i].rc, "%s",
                  refusals[_i].name);
    kqueue_shim_refuse(0, 0);
    if (refusals[_i].rc < 0) {
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        kq_silent(k);
        ck_assert_int_eq(K->attach(k, &sock, fds[0]), 0); /* once more */
    }
    kq_close(k, &sock);
    close(fds[1]);
    K->free(k);
}
END_TEST

START_TEST(test_kqueue_poll_says_what_its_filter_was_refused_with)
{
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(K->attach(k, &sock, fds[0]), 0);
    kqueue_shim_refuse(EVFILT_READ, ENOMEM);
    ck_assert_int_eq(K->poll_fd(k, &sock, POLLIN), -ENOMEM);
    ck_assert_int_eq(K->poll_start(k, &sock, POLLIN | POLLOUT), -ENOMEM);
    kqueue_shim_refuse(0, 0);
    ck_assert_int_eq(K->poll_fd(k, &sock, POLLIN | POLLOUT), 0);
    ck_assert_int_eq(kq_next(k).res, POLLOUT);
    kq_close(k, &sock);
    close(fds[1]);
    K->free(k);
}
END_TEST

/* Two filters, two edges, and each byte once. */
START_TEST(test_kqueue_two_edges_of_a_socket_are_one_receive)
{
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    struct flare__event ev;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(K->attach(k, &sock, fds[0]), 0);
    ck_assert_int_eq(K->recv_start(k, &sock), 0);
    ck_assert_int_eq(write(fds[1], "abc", 3), 3);
    ev = kq_next(k);
    ck_assert_int_eq(ev.kind, FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, 3);
    K->lease_put(k, ev.lease);
    kq_silent(k);
    close(fds[1]); /* EV_EOF of both filters */
    ev = kq_next(k);
    ck_assert_int_eq(ev.kind, FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, 0);
    kq_silent(k);
    kq_close(k, &sock);
    K->free(k);
}
END_TEST

/* A copy that a child holds: K18.  On a BSD closing is the end of it. */
START_TEST(test_K18_a_duplicate_held_elsewhere_reports_to_nobody)
{
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    int fds[2];
    int copy;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    copy = dup(fds[0]);
    ck_assert_int_eq(K->attach(k, &sock, fds[0]), 0);
    ck_assert_int_eq(K->recv_start(k, &sock), 0);
    kq_close(k, &sock);
    memset(&sock, 0xa5, sizeof(sock));
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        kq_silent(k);
    }
    close(copy);
    close(fds[1]);
    K->free(k);
}
END_TEST

static const struct {
    const char *name;
    uint32_t denied;
    int error; /* of EVFILT_USER */
    uint32_t caps;
} wakes[] = {
    {"event of the user's", 0, 0, FLARE__CAP_USER_EVENT},
    {"denied", FLARE__CAP_USER_EVENT, 0, 0},
    {"not in this kernel", 0, EINVAL, 0},
};

/* Far more than a pipe holds: each is taken out again. */
START_TEST(test_kqueue_wakes_for_ever_by_event_and_by_pipe)
{
    struct flare__backend *k;
    int before = descriptors_count();

    kqueue_shim_refuse(EVFILT_USER, wakes[_i].error);
    k = kq_open(wakes[_i].denied);
    kqueue_shim_refuse(0, 0);
    ck_assert_uint_eq(K->caps(k), wakes[_i].caps);
    for (int i = 0; i < 70000; i++) {
        struct flare__event ev;

        K->wake(k);
        if (i % 3 == 0)
            K->wake(k);
        ck_assert_int_eq(K->poll(k, &ev, 1, UINT64_MAX), 1);
        ck_assert_int_eq(ev.kind, FLARE__EV_WAKE);
    }
    kq_silent(k);
    K->free(k);
    ck_assert_int_eq(descriptors_count(), before);
}
END_TEST

START_TEST(test_kqueue_open_says_what_was_refused_and_leaves_nothing)
{
    struct flare__backend *k = NULL;
    struct flare_error why = {.code = 0};
    int before = descriptors_count();

    kqueue_shim_fail(EMFILE, 1);
    ck_assert_int_eq(kq_try(&k, 0, &why), -EMFILE);
    ck_assert_ptr_nonnull(strstr(why.text, "kqueue: "));
    kqueue_shim_refuse(EVFILT_USER, ENOMEM);
    ck_assert_int_eq(kq_try(&k, 0, &why), -ENOMEM);
    kqueue_shim_refuse(EVFILT_READ, ENOMEM); /* of the pipe */
    ck_assert_int_eq(kq_try(&k, FLARE__CAP_USER_EVENT, &why), -ENOMEM);
    kqueue_shim_refuse(0, 0);
    ck_assert_ptr_null(k);
    ck_assert_int_eq(descriptors_count(), before);
}
END_TEST

START_TEST(test_kqueue_says_what_is_wrong_with_its_sizes)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log, .lease_count = 3};
    struct flare__backend *k = NULL;
    struct flare_error why = {.code = 0};

    ck_assert_int_eq(K->open(&k, &config, &why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why.text, "receive buffers"));
    ck_assert_ptr_null(k);
}
END_TEST

START_TEST(test_K05_kqueue_interrupted_has_no_event_and_broken_says_so)
{
    struct flare__backend *k = kq_open(0);
    struct flare__event ev;

    kqueue_shim_fail(EINTR, 1);
    ck_assert_int_eq(K->poll(k, &ev, 1, UINT64_MAX), 0);
    kqueue_shim_fail(EBADF, 1);
    ck_assert_int_eq(K->poll(k, &ev, 1, UINT64_MAX), -EBADF);
    K->free(k);
}
END_TEST

START_TEST(test_kqueue_reset_is_told_as_one)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct flare__backend *k = kq_open(0);
    struct flare__sock sock;
    struct flare__event ev;
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(K->attach(k, &sock, accept(listener, NULL, NULL)), 0);
    ck_assert_int_eq(K->recv_start(k, &sock), 0);
    kq_silent(k);
    ck_assert_int_eq(
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(peer);
    ev = kq_next(k);
    ck_assert_int_eq(ev.kind, FLARE__EV_RECV);
    ck_assert_int_eq(ev.res, -ECONNRESET);
    kq_close(k, &sock);
    close(listener);
    K->free(k);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/kqueue");
    TCase *tc = tcase_create("kqueue");

    tcase_add_test(tc, test_kqueue_refusals_pass_through);
    tcase_add_test(tc, test_kqueue_of_the_users_own_can_be_polled);
    tcase_add_loop_test(
        tc, test_kqueue_attach_leaves_nothing_when_a_filter_is_refused, 0,
        ROWS(refusals));
    tcase_add_test(tc, test_kqueue_poll_says_what_its_filter_was_refused_with);
    tcase_add_test(tc, test_kqueue_two_edges_of_a_socket_are_one_receive);
    tcase_add_test(tc, test_K18_a_duplicate_held_elsewhere_reports_to_nobody);
    tcase_add_loop_test(tc, test_kqueue_wakes_for_ever_by_event_and_by_pipe, 0,
                        ROWS(wakes));
    tcase_add_test(tc,
                   test_kqueue_open_says_what_was_refused_and_leaves_nothing);
    tcase_add_test(tc, test_kqueue_says_what_is_wrong_with_its_sizes);
    tcase_add_test(tc,
                   test_K05_kqueue_interrupted_has_no_event_and_broken_says_so);
    tcase_add_test(tc, test_kqueue_reset_is_told_as_one);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
