/* SPDX-License-Identifier: MIT */
/*
 * A file's bytes into a socket: what a system call may answer, the signal, and
 * that one file keeps neither others nor the loop waiting.  sendfile(2) is
 * wrapped: it can be told what to answer.  And sockets of one's own.
 */
#include "backends/fd.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t __real_sendfile(int out, int in, off_t *offset, size_t count);
ssize_t __wrap_sendfile(int out, int in, off_t *offset, size_t count);

static struct {
    int calls;
    int fail_count; /* the first calls fail */
    int fail_errno;
    bool is_sink; /* takes everything and sends nothing */
    size_t count_max;
    off_t offset_last;
} answer;

ssize_t __wrap_sendfile(int out, int in, off_t *offset, size_t count)
{
    answer.calls++;
    answer.offset_last = *offset;
    if (count > answer.count_max)
        answer.count_max = count;
    if (answer.calls <= answer.fail_count) {
        errno = answer.fail_errno;
        return -1;
    }
    return answer.is_sink ? (ssize_t)count
                          : __real_sendfile(out, in, offset, count);
}

/* A socket whose other end is `fds[1]`, and a file of `size` zeros to send. */
static void file_open(struct flare__sock *sock, int fds[2], uint32_t size)
{
    memset(sock, 0, sizeof(*sock));
    memset(&answer, 0, sizeof(answer));
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    sock->fd = fds[0];
    sock->file.fd = memfd_create("fd", MFD_CLOEXEC);
    sock->file.count = size;
    ck_assert_int_ge(sock->file.fd, 0);
    ck_assert_int_eq(ftruncate(sock->file.fd, (off_t)size), 0);
}

static void file_close(struct flare__sock *sock, int fds[2])
{
    close(sock->file.fd);
    close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
}

START_TEST(test_K05_an_interrupted_call_is_made_again)
{
    struct flare__sock sock;
    int fds[2];
    int32_t res = 0;

    file_open(&sock, fds, 100);
    answer.fail_count = 3;
    answer.fail_errno = EINTR;
    ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_DONE);
    ck_assert_int_eq(res, 100);
    ck_assert_int_eq(answer.calls, 4);
    file_close(&sock, fds);
}
END_TEST

START_TEST(test_K08_a_full_socket_is_no_error_and_loses_no_place)
{
    struct flare__sock sock;
    int fds[2];
    int32_t res = 12345;

    file_open(&sock, fds, 100);
    sock.sent = 60;
    answer.fail_count = 1;
    answer.fail_errno = EAGAIN;
    ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_FULL);
    ck_assert_int_eq(res, 12345);
    ck_assert_int_eq(answer.calls, 1); /* asking again would spin */
    ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_DONE);
    ck_assert_int_eq(answer.offset_last, 60);
    ck_assert_int_eq(res, 100);
    file_close(&sock, fds);
}
END_TEST

START_TEST(test_errors_pass_through)
{
    static const int errors[] = {EIO, ENOMEM, EPIPE, ECONNRESET, EBADF, EINVAL};
    struct flare__sock sock;
    int fds[2];
    int32_t res = 0;

    for (int i = 0; i < ROWS(errors); i++) {
        file_open(&sock, fds, 100);
        sock.sent = 10;
        answer.fail_count = 1;
        answer.fail_errno = errors[i];
        ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_DONE);
        ck_assert_int_eq(res, -errors[i]);
        file_close(&sock, fds);
    }
}
END_TEST

START_TEST(test_a_turn_is_a_part)
{
    const uint32_t size = 3 * FLARE__FILE_PART + 7;
    struct flare__sock sock;
    int fds[2];
    int32_t res = 0;

    file_open(&sock, fds, size);
    sock.file.offset = 5;
    answer.is_sink = true;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_MORE);
        ck_assert_int_eq(answer.offset_last, 5 + i * FLARE__FILE_PART);
    }
    ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_DONE);
    ck_assert_int_eq(res, (int32_t)size);
    ck_assert_uint_eq(answer.count_max, FLARE__FILE_PART);
    file_close(&sock, fds);
}
END_TEST

/* The signal. */

static bool is_in(int (*set_of)(sigset_t *set), int signal)
{
    sigset_t set;

    ck_assert_int_eq(set_of(&set), 0);
    return sigismember(&set, signal) == 1;
}

static int blocked_now(sigset_t *set)
{
    return pthread_sigmask(SIG_BLOCK, NULL, set);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* 1: it was blocked before; 2: and pending. */
START_TEST(test_K04_a_gone_peer_leaves_no_signal_and_the_mask_as_it_was)
{
    struct flare__sock sock;
    int fds[2];
    int32_t res = 0;
    sigset_t pipe;
    bool was_blocked = _i >= 1;
    bool was_pending = _i == 2;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    signals = 0;
    ck_assert_ptr_ne(signal(SIGPIPE, count_signal), SIG_ERR);
    if (was_blocked)
        ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &pipe, NULL), 0);
    if (was_pending)
        ck_assert_int_eq(raise(SIGPIPE), 0);
    file_open(&sock, fds, 100);
    close(fds[1]);
    fds[1] = -1;
    ck_assert_int_eq(flare__fd_send_file(&sock, &res), FLARE__FD_DONE);
    ck_assert_int_eq(res, -EPIPE);
    ck_assert_int_eq(signals, 0);
    ck_assert_int_eq(is_in(sigpending, SIGPIPE), was_pending);
    ck_assert_int_eq(is_in(blocked_now, SIGPIPE), was_blocked);
    file_close(&sock, fds);
}
END_TEST

/* Fairness, on both kernels. */

static const struct flare__backend_ops *const kernels[] = {
#ifdef FLARE_HAVE_EPOLL
    &flare__backend_epoll,
#endif
#ifdef FLARE_HAVE_LIBURING
    &flare__backend_uring,
#endif
};

struct heard {
    struct flare__sock sock;
    int counts[FLARE__EV_WAKE];
    int32_t res;
};

static void hear(struct flare__sock *sock, const struct flare__event *ev)
{
    struct heard *h = FLARE_CONTAINER_OF(sock, struct heard, sock);

    h->counts[ev->kind]++;
    h->res = ev->res;
}

static void turn(const struct flare__backend_ops *ops, struct flare__backend *b)
{
    struct flare__event events[16];
    int n = ops->poll(b, events, 16, UINT64_MAX);

    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n; i++) {
        if (events[i].flags & FLARE__EV_LEASE)
            ops->lease_put(b, events[i].lease);
        events[i].sock->on_event(events[i].sock, &events[i]);
    }
}

static void heard_close(const struct flare__backend_ops *ops,
                        struct flare__backend *b, struct heard *h)
{
    ops->close(b, &h->sock, FLARE__CLOSE_GRACEFUL);
    while (h->counts[FLARE__EV_CLOSED] == 0)
        turn(ops, b);
}

/* The reader is as fast as the disk: nothing ever blocks the file. */
START_TEST(test_a_file_that_never_blocks_leaves_the_loop_its_turns)
{
    enum { PARTS = 64 };
    const struct flare__backend_ops *ops = kernels[_i];
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default, .log = &log};
    struct flare_error why = {.code = 0};
    struct heard file = {.sock.on_event = hear};
    struct heard other = {.sock.on_event = hear};
    struct flare__backend *b;
    int fds[4];
    int turns = 0;

    if (ops->open(&b, &config, &why) < 0)
        TEST_SKIP("%s", why.text);
    for (int i = 0; i < 4; i += 2)
        ck_assert_int_eq(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds + i), 0);
    ck_assert_int_eq(ops->attach(b, &file.sock, fds[0]), 0);
    ck_assert_int_eq(ops->attach(b, &other.sock, fds[2]), 0);
    ck_assert_int_eq(ops->recv_start(b, &other.sock), 0);
    memset(&answer, 0, sizeof(answer));
    answer.is_sink = true;
    ck_assert_int_eq(
        ops->sendfile(b, &file.sock, fds[1], 0, PARTS * FLARE__FILE_PART), 0);
    ck_assert_int_eq(answer.calls, 0);
    for (; file.counts[FLARE__EV_SENT] == 0; turns++) {
        int calls = answer.calls;

        if (turns == 4)
            ck_assert_int_eq(write(fds[3], "x", 1), 1);
        ck_assert(turns < 8 || other.counts[FLARE__EV_RECV] == 1);
        turn(ops, b);
        ck_assert_int_le(answer.calls - calls, 2);
    }
    ck_assert_int_ge(turns, PARTS / 2);
    ck_assert_int_eq(file.res, PARTS * FLARE__FILE_PART);
    ck_assert_int_eq(answer.calls, PARTS);
    heard_close(ops, b, &file);
    heard_close(ops, b, &other);
    ops->free(b);
    close(fds[1]);
    close(fds[3]);
}
END_TEST

/* Sockets of one's own. */

START_TEST(test_a_new_socket_is_of_its_kind_and_closes_on_exec)
{
    static const int kinds[][2] = {{AF_INET, SOCK_STREAM},
                                   {AF_INET, SOCK_DGRAM},
                                   {AF_UNIX, SOCK_STREAM},
                                   {AF_UNIX, SOCK_DGRAM}};

    for (int i = 0; i < ROWS(kinds); i++) {
        int fd = flare__fd_socket(NULL, kinds[i][0], kinds[i][1]);
        int family = -1;
        int type = -1;
        socklen_t len = sizeof(int);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len),
                         0);
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
        ck_assert_int_eq(family, kinds[i][0]);
        ck_assert_int_eq(type, kinds[i][1]);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        close(fd);
    }
    ck_assert_int_eq(flare__fd_socket(NULL, 4711, SOCK_STREAM), -EAFNOSUPPORT);
}
END_TEST

START_TEST(test_options_are_set_or_refused)
{
    int fd = flare__fd_socket(NULL, AF_INET, SOCK_DGRAM);
    int value = 1;
    int got = 0;
    socklen_t len = sizeof(got);

    ck_assert_int_eq(flare__fd_option(NULL, fd, SOL_SOCKET, SO_BROADCAST,
                                      &value, sizeof(value)),
                     0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &got, &len), 0);
    ck_assert_int_eq(got, 1);
    ck_assert_int_eq(
        flare__fd_option(NULL, fd, SOL_SOCKET, 4711, &value, sizeof(value)),
        -ENOPROTOOPT);
    ck_assert_int_eq(
        flare__fd_option(NULL, fd, SOL_SOCKET, SO_BROADCAST, &value, 1),
        -EINVAL);
    close(fd);
    ck_assert_int_eq(flare__fd_option(NULL, fd, SOL_SOCKET, SO_BROADCAST,
                                      &value, sizeof(value)),
                     -EBADF);
}
END_TEST

START_TEST(test_bind_gives_an_address_or_the_reason)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fds[2];

    for (int i = 0; i < 2; i++)
        fds[i] = flare__fd_socket(NULL, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(
        flare__fd_bind(NULL, fds[0], (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(getsockname(fds[0], (struct sockaddr *)&addr, &len), 0);
    ck_assert_uint_ne(addr.sin_port, 0);
    ck_assert_int_eq(
        flare__fd_bind(NULL, fds[1], (struct sockaddr *)&addr, len),
        -EADDRINUSE);
    addr.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1: nobody's */
    ck_assert_int_eq(
        flare__fd_bind(NULL, fds[1], (struct sockaddr *)&addr, len),
        -EADDRNOTAVAIL);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/fd");
    TCase *tc = tcase_create("fd");

    tcase_add_test(tc, test_K05_an_interrupted_call_is_made_again);
    tcase_add_test(tc, test_K08_a_full_socket_is_no_error_and_loses_no_place);
    tcase_add_test(tc, test_errors_pass_through);
    tcase_add_test(tc, test_a_turn_is_a_part);
    tcase_add_loop_test(
        tc, test_K04_a_gone_peer_leaves_no_signal_and_the_mask_as_it_was, 0, 3);
    tcase_add_loop_test(tc,
                        test_a_file_that_never_blocks_leaves_the_loop_its_turns,
                        0, ROWS(kernels));
    tcase_add_test(tc, test_a_new_socket_is_of_its_kind_and_closes_on_exec);
    tcase_add_test(tc, test_options_are_set_or_refused);
    tcase_add_test(tc, test_bind_gives_an_address_or_the_reason);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
