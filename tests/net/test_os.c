/* SPDX-License-Identifier: MIT */
/* What the systems do differently is what os.h says, on this one. */
#include "net/os.h"

#include "net/clock.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_flag(int fd, int get, int flag)
{
    int flags = fcntl(fd, get);

    ck_assert_int_ge(flags, 0);
    return (flags & flag) != 0;
}

START_TEST(test_os_sockets_are_closed_on_exec_and_block_as_asked)
{
    int fd = flare__os_socket(AF_INET, SOCK_STREAM, 0);
    int quick = flare__os_socket(AF_UNIX, SOCK_DGRAM, FLARE__OS_NONBLOCK);

    ck_assert(has_flag(fd, F_GETFD, FD_CLOEXEC));
    ck_assert(!has_flag(fd, F_GETFL, O_NONBLOCK));
    ck_assert(has_flag(quick, F_GETFD, FD_CLOEXEC));
    ck_assert(has_flag(quick, F_GETFL, O_NONBLOCK));
    ck_assert_int_lt(flare__os_socket(-1, SOCK_STREAM, 0), 0);
    close(fd);
    close(quick);
}
END_TEST

START_TEST(test_os_accept_gives_a_descriptor_that_does_not_block)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = flare__os_socket(AF_INET, SOCK_STREAM, FLARE__OS_NONBLOCK);
    int peer = flare__os_socket(AF_INET, SOCK_STREAM, 0);
    int fd;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(flare__os_accept(listener), -EAGAIN);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, len), 0);
    fd = flare__os_accept(listener);
    ck_assert_int_ge(fd, 0);
    ck_assert(has_flag(fd, F_GETFD, FD_CLOEXEC));
    ck_assert(has_flag(fd, F_GETFL, O_NONBLOCK));
    ck_assert_int_eq((int)flare__os_queued(fd), 0);
    close(fd);
    close(peer);
    close(listener);
}
END_TEST

START_TEST(test_os_descriptors_that_come_are_closed_on_exec)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    uid_t uid = (uid_t)-1;
    int pair[2];
    int fd;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(flare__os_peer_uid(pair[0], &uid), 0);
    ck_assert_int_eq((int)uid, (int)geteuid());
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &pair[1], sizeof(int));
    ck_assert_int_eq((int)sendmsg(pair[0], &msg, 0), 1);
    ck_assert_int_eq((int)flare__os_recv_fds(pair[1], &msg), 1);
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    ck_assert_int_ne(fd, pair[1]);
    ck_assert(has_flag(fd, F_GETFD, FD_CLOEXEC));
    ck_assert_int_eq((int)flare__os_recv_fds(-1, &msg), -EBADF);
    close(fd);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(test_os_private_socket_is_its_owners)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = flare__os_socket(AF_UNIX, SOCK_STREAM, 0);
    struct stat st;

    (void)snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/flare_os_%ld",
                   (long)getpid());
    ck_assert_int_eq(flare__os_bind_private(fd, &un), 0);
    ck_assert_int_eq(stat(un.sun_path, &st), 0);
    ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
    close(fd);
    fd = flare__os_socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(flare__os_bind_private(fd, &un), -EADDRINUSE);
    close(fd);
    ck_assert_int_eq(unlink(un.sun_path), 0);
}
END_TEST

START_TEST(test_os_cpus_are_those_of_the_thread)
{
    struct flare__os_cpus before;
    struct flare__os_cpus one;
    uint32_t count = flare__os_cpus(&before);

    ck_assert_uint_ge(count, 1);
    if (flare__os_bind_nth(&before, count + 3) == -EOPNOTSUPP)
        TEST_SKIP("threads are not bound to CPUs here");
    ck_assert_uint_eq(flare__os_cpus(&one), 1);
    ck_assert_int_eq(flare__os_bind(&before), 0);
    ck_assert_uint_eq(flare__os_cpus(&one), count);
    ck_assert_int_eq(memcmp(&one, &before, sizeof(one)), 0);
    memset(&one, 0, sizeof(one));
    ck_assert_int_lt(flare__os_bind_nth(&one, 0), 0);
}
END_TEST

static sigset_t block(int first, int second)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, first);
    sigaddset(&set, second);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    return set;
}

/* One that came before is there, and each is taken once. */
START_TEST(test_os_signals_are_taken_once_also_from_before)
{
    sigset_t set = block(SIGUSR1, SIGTERM);
    int fd;

    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    fd = flare__os_signals_open(&set);
    ck_assert_int_ge(fd, 0);
    ck_assert(has_flag(fd, F_GETFD, FD_CLOEXEC));
    ck_assert_int_eq(flare__os_signals_take(fd), SIGUSR1);
    ck_assert_int_eq(flare__os_signals_take(fd), 0);
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    ck_assert_int_eq(flare__os_signals_take(fd), SIGTERM);
    ck_assert_int_eq(flare__os_signals_take(fd), 0);
    close(fd);
}
END_TEST

START_TEST(test_os_signals_wait_ends_with_one_or_with_the_time)
{
    sigset_t set = block(SIGUSR1, SIGUSR2);
    uint64_t before = flare__clock_monotonic();

    ck_assert_int_eq(flare__os_signals_wait(&set, 0), 0);
    ck_assert_int_eq(flare__os_signals_wait(&set, 2), 0);
    ck_assert_uint_ge(flare__clock_monotonic() - before, 2000000);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    ck_assert_int_eq(kill(getpid(), SIGUSR2), 0);
    ck_assert_int_eq(flare__os_signals_wait(&set, UINT64_MAX) +
                         flare__os_signals_wait(&set, UINT64_MAX),
                     SIGUSR1 + SIGUSR2);
    ck_assert_int_eq(flare__os_signals_wait(&set, 0), 0);
}
END_TEST

START_TEST(test_os_cond_waits_for_its_time_of_the_monotonic_clock)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    uint64_t until = flare__clock_monotonic() + 2000000;

    ck_assert_int_eq(flare__os_cond_init(&cond), 0);
    pthread_mutex_lock(&lock);
    ck_assert_int_eq(flare__os_cond_wait(&cond, &lock, until), -ETIMEDOUT);
    ck_assert_uint_ge(flare__clock_monotonic(), until);
    ck_assert_int_eq(flare__os_cond_wait(&cond, &lock, 1), -ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&cond);
}
END_TEST

static int stop_at_second(void *ctx, const char *name)
{
    int *calls = ctx;

    (void)name;
    return ++*calls == 2 ? 7 : 0;
}

START_TEST(test_os_names_end_when_told_and_errors_are_told)
{
    int calls = 0;
    int fd = flare__os_open_place(AT_FDCWD, "/", 0);
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flare__os_names(dir, stop_at_second, &calls), 7);
    ck_assert_int_eq(calls, 2);
    ck_assert_int_eq(flare__os_names(file, stop_at_second, &calls), -ENOTDIR);
    ck_assert_int_eq(flare__os_open_place(fd, "dev/null", 0), -ENOTDIR);
    ck_assert_int_eq(flare__os_open_place(fd, "no such", 0), -ENOENT);
    close(fd);
    close(dir);
    close(file);
}
END_TEST

START_TEST(test_os_beneath_keeps_below_where_the_system_can)
{
    int root = flare__os_open_place(AT_FDCWD, "/dev", 0);
    int fd = flare__os_open_beneath(root, "null", O_RDONLY | O_CLOEXEC, true);

    if (fd == -ENOSYS || fd == -EPERM) {
        close(root);
        TEST_SKIP("the system cannot");
    }
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(
        flare__os_open_beneath(root, "../etc/passwd", O_RDONLY, true), -EXDEV);
    close(fd);
    close(root);
}
END_TEST

START_TEST(test_os_listener_is_deaf_or_says_that_it_cannot)
{
    int fd = flare__os_socket(AF_INET, SOCK_STREAM, 0);
    int rc;

    ck_assert_int_eq(flare__os_reuse_port(fd), 0);
    rc = flare__os_listen_deaf(fd, true);
    if (rc == -EOPNOTSUPP) {
        close(fd);
        TEST_SKIP("the system cannot");
    }
    ck_assert_int_eq(rc, 0);
    rc = flare__os_listen_deaf(fd, false);
    if (rc == -ENOPROTOOPT) {
        close(fd);
        TEST_SKIP("the emulator cannot take a filter away");
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(flare__os_listen_deaf(fd, false), -ENOENT);
    close(fd);
}
END_TEST

/* K04: the peer is gone, and the process lives. */
START_TEST(test_K04_os_sendfile_to_nobody_is_an_error_and_no_signal)
{
    char path[] = "/tmp/flare_os_XXXXXX";
    int file = mkstemp(path);
    int pair[2];

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(write(file, "0123456789", 10), 10);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq((int)flare__os_sendfile(pair[0], file, 4, 100), 6);
    ck_assert_int_eq((int)flare__os_sendfile(pair[0], file, 10, 100), 0);
    close(pair[1]);
    ck_assert_int_eq((int)flare__os_sendfile(pair[0], file, 0, 10), -EPIPE);
    ck_assert_int_eq((int)flare__os_sendfile(pair[0], -1, 0, 10), -EBADF);
    close(pair[0]);
    close(file);
}
END_TEST

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_int_ge(poll(&p, 1, 0), 0);
    return p.revents != 0;
}

START_TEST(test_os_nest_is_readable_for_either_reason_and_then_not)
{
    struct flare__os_nest nest;
    struct flare__os_nest outer;
    struct pollfd wait = {.events = POLLIN};
    int pair[2];
    char byte;

    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_int_eq(flare__os_nest_open(&nest, pair[0]), 0);
    ck_assert_int_eq(flare__os_nest_open(&outer, nest.fd), 0);
    wait.fd = outer.fd;
    ck_assert(has_flag(nest.fd, F_GETFD, FD_CLOEXEC));
    ck_assert(!is_readable(outer.fd));
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert(is_readable(outer.fd));
    ck_assert_int_eq(read(pair[0], &byte, 1), 1);
    flare__os_nest_set(&nest, 0);
    flare__os_nest_set(&outer, 0);
    ck_assert(!is_readable(outer.fd));
    flare__os_nest_set(&nest, 1); /* long ago */
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    flare__os_nest_set(&nest,
                       flare__clock_monotonic() + UINT64_C(1000000000000));
    flare__os_nest_set(&outer, 0);
    ck_assert(!is_readable(outer.fd));
    flare__os_nest_set(&nest, flare__clock_monotonic() + 2000000);
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    flare__os_nest_close(&outer);
    flare__os_nest_close(&nest);
    ck_assert_int_eq(flare__os_nest_open(&nest, -1), -EBADF);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

static void message_of(struct flare__os_message *m, struct iovec *iov,
                       char *bytes, size_t len)
{
    *iov = (struct iovec){bytes, len};
    m->head = (struct msghdr){.msg_iov = iov, .msg_iovlen = 1};
}

START_TEST(test_os_messages_go_and_come_as_many_as_there_are)
{
    char bytes[4][8] = {"1", "22", "333"};
    struct flare__os_message list[4];
    struct iovec iovs[4];
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    for (size_t i = 0; i < 4; i++)
        message_of(&list[i], &iovs[i], bytes[i], i + 1);
    ck_assert_int_eq(flare__os_recv_many(pair[0], list, 4), -EAGAIN);
    ck_assert_int_eq(flare__os_send_many(pair[1], list, 3), 3);
    memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < 4; i++)
        message_of(&list[i], &iovs[i], bytes[i], sizeof(bytes[i]));
    ck_assert_int_eq(flare__os_recv_many(pair[0], list, 4), 3);
    ck_assert_uint_eq(list[1].len, 2);
    ck_assert_int_eq(memcmp(bytes[1], "22", 2), 0);
    close(pair[0]);
    ck_assert_int_lt(flare__os_send_many(pair[1], list, 2), 0);
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/os");
    TCase *tc = tcase_create("os");

    tcase_add_test(tc, test_os_sockets_are_closed_on_exec_and_block_as_asked);
    tcase_add_test(tc, test_os_accept_gives_a_descriptor_that_does_not_block);
    tcase_add_test(tc, test_os_descriptors_that_come_are_closed_on_exec);
    tcase_add_test(tc, test_os_private_socket_is_its_owners);
    tcase_add_test(tc, test_os_cpus_are_those_of_the_thread);
    tcase_add_test(tc, test_os_signals_are_taken_once_also_from_before);
    tcase_add_test(tc, test_os_signals_wait_ends_with_one_or_with_the_time);
    tcase_add_test(tc, test_os_cond_waits_for_its_time_of_the_monotonic_clock);
    tcase_add_test(tc, test_os_names_end_when_told_and_errors_are_told);
    tcase_add_test(tc, test_os_beneath_keeps_below_where_the_system_can);
    tcase_add_test(tc, test_os_listener_is_deaf_or_says_that_it_cannot);
    tcase_add_test(tc,
                   test_K04_os_sendfile_to_nobody_is_an_error_and_no_signal);
    tcase_add_test(tc, test_os_nest_is_readable_for_either_reason_and_then_not);
    tcase_add_test(tc, test_os_messages_go_and_come_as_many_as_there_are);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
