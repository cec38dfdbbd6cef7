/* SPDX-License-Identifier: MIT */
/* The kernel's form of addresses, listening sockets and their errors. */
#include "net/sock.h"

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel's form. */

static const char *const texts[] = {
    "127.0.0.1:8080", "0.0.0.0:0",          "[::1]:65535",    "[2001:db8::1]:1",
    "[fe80::1%7]:80", "unix:/run/app.sock", "unix:@abstract",
};

START_TEST(test_an_address_is_the_same_through_the_kernels_form)
{
    struct flare__addr addr;
    struct flare_addr value;
    struct flare_addr want;
    char text[FLARE__SOCK_TEXT_MAX];
    int rc = flare__addr_parse(&addr, flare_str(texts[_i]), NULL);

    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(flare_addr_parse(&want, flare_str(texts[_i]), NULL), 0);
    value = flare__addr_get(&addr);
    ck_assert(flare_addr_equal(&value, &want));
    flare__addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, texts[_i]);
}
END_TEST

START_TEST(test_a_refused_address_leaves_the_kernels_form_alone)
{
    struct flare_error err = {.code = 0};
    struct flare__addr addr;
    struct flare__addr before;
    int rc;

    memset(&addr, 0x5a, sizeof(addr));
    before = addr;
    rc = flare__addr_parse(&addr, FLARE_STR("127.1:80"), &err);
    ck_assert_int_eq(rc, FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(err.code, rc);
    ck_assert_mem_eq(&addr, &before, sizeof(addr));
}
END_TEST

START_TEST(test_the_kernels_form_has_its_fields)
{
    struct flare__addr addr;
    const struct sockaddr_in *in = (const void *)&addr.storage;
    const struct sockaddr_in6 *in6 = (const void *)&addr.storage;
    const struct sockaddr_un *un = (const void *)&addr.storage;
    const uint8_t loopback[4] = {127, 0, 0, 1};

    ck_assert_int_eq(flare__addr_parse(&addr, FLARE_STR("127.0.0.1:258"), NULL),
                     0);
    ck_assert_int_eq(in->sin_family, AF_INET);
    ck_assert_mem_eq(&in->sin_addr, loopback, 4);
    ck_assert_uint_eq(ntohs(in->sin_port), 258);
    ck_assert_uint_eq(addr.len, sizeof(*in));
    ck_assert_int_eq(
        flare__addr_parse(&addr, FLARE_STR("[fe80::1%9]:258"), NULL), 0);
    ck_assert_int_eq(in6->sin6_family, AF_INET6);
    ck_assert_uint_eq(in6->sin6_addr.s6_addr[15], 1);
    ck_assert_uint_eq(ntohs(in6->sin6_port), 258);
    ck_assert_uint_eq(in6->sin6_scope_id, 9);
    ck_assert_uint_eq(addr.len, sizeof(*in6));
    ck_assert_int_eq(flare__addr_parse(&addr, FLARE_STR("unix:/ab"), NULL), 0);
    ck_assert_str_eq(un->sun_path, "/ab");
    ck_assert_uint_eq(addr.len, offsetof(struct sockaddr_un, sun_path) + 4);
    ck_assert_int_eq(flare__addr_parse(&addr, FLARE_STR("unix:@ab"), NULL), 0);
    ck_assert_mem_eq(un->sun_path, "\0ab", 3);
    ck_assert_uint_eq(addr.len, offsetof(struct sockaddr_un, sun_path) + 3);
}
END_TEST

START_TEST(test_K12_a_mapped_peer_is_an_ipv4_one)
{
    const uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1};
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = 3};
    struct flare__addr addr = {.len = sizeof(in6)};
    char text[FLARE__SOCK_TEXT_MAX];

    memcpy(&in6.sin6_addr, bytes, sizeof(bytes));
    memcpy(&addr.storage, &in6, sizeof(in6));
    flare__addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "192.0.0.1:80");
    ck_assert_int_eq(flare__addr_get(&addr).ip.family, FLARE_IP_V4);
}
END_TEST

/* Of any length the kernel may give, and back again. */
START_TEST(test_unix_addresses_of_every_length_go_there_and_back)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);

    for (size_t len = 0; len <= FLARE_UNIX_PATH_MAX; len++) {
        for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
            struct flare__addr addr = {.len = (socklen_t)(head + len)};
            struct sockaddr_un *un = (void *)&addr.storage;
            struct flare_addr value;
            struct flare__addr again;

            un->sun_family = AF_UNIX;
            memset(un->sun_path, 'x', len);
            if (is_abstract && len > 0)
                un->sun_path[0] = '\0';
            value = flare__addr_get(&addr);
            ck_assert_uint_eq(value.path_len, len - (is_abstract && len > 0));
            ck_assert_uint_eq(strlen(value.path), value.path_len);
            flare__addr_set(&again, &value);
            /* a path gets its NUL where there is room for it */
            if (!is_abstract && len > 0 && len < FLARE_UNIX_PATH_MAX)
                again.len--;
            ck_assert_uint_eq(again.len, addr.len);
            ck_assert_mem_eq(&again.storage, &addr.storage, addr.len);
        }
    }
}
END_TEST

START_TEST(test_other_families_are_no_address)
{
    struct flare__addr addr = {.len = sizeof(addr.storage)};
    struct flare_addr value = {.kind = FLARE_ADDR_NONE};
    char text[FLARE__SOCK_TEXT_MAX];

    addr.storage.ss_family = AF_PACKET;
    flare__addr_format(&addr, text, sizeof(text));
    ck_assert_str_eq(text, "?");
    flare__addr_set(&addr, &value);
    ck_assert_int_eq(addr.storage.ss_family, AF_UNSPEC);
    ck_assert_int_eq(flare__addr_get(&addr).kind, FLARE_ADDR_NONE);
}
END_TEST

/* Sockets. */

static int listen_or_fail(const char *text, unsigned flags)
{
    struct flare_error err;
    int fd = -1;
    int rc = flare__sock_listen(&fd, flare_str(text), 0, flags, &err);

    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static const char *local_text(int fd)
{
    static char text[FLARE__SOCK_TEXT_MAX];
    struct flare__addr addr;
    int rc = flare__sock_local(fd, &addr);

    ck_assert_int_eq(rc, 0);
    flare__addr_format(&addr, text, sizeof(text));
    return text;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* A client connected to `fd`, and what `fd` accepts. */
static int connect_to(int fd, int *accepted)
{
    struct flare__addr addr;
    int client;
    int rc = flare__sock_local(fd, &addr);

    ck_assert_int_eq(rc, 0);
    client = flare__sock_open(&addr);
    ck_assert_int_ge(client, 0);
    rc = connect(client, (struct sockaddr *)&addr.storage, addr.len);
    ck_assert_int_eq(rc, 0);
    *accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(*accepted, 0);
    return client;
}

START_TEST(test_listen_on_port_0_has_a_local_address)
{
    int fd = listen_or_fail("127.0.0.1:0", 0);
    int accepted = -1;
    int client;
    struct flare__addr peer;
    char text[FLARE__SOCK_TEXT_MAX];
    int rc;

    ck_assert_int_eq(strncmp(local_text(fd), "127.0.0.1:", 10), 0);
    ck_assert_str_ne(local_text(fd), "127.0.0.1:0");
    client = connect_to(fd, &accepted);
    rc = flare__sock_peer(client, &peer);
    ck_assert_int_eq(rc, 0);
    flare__addr_format(&peer, text, sizeof(text));
    ck_assert_str_eq(text, local_text(fd));
    close(client);
    close(accepted);
    close(fd);
}
END_TEST

START_TEST(test_listening_and_accepted_sockets_have_their_options)
{
    int fd = listen_or_fail("127.0.0.1:0", 0);
    int accepted = -1;
    int client = connect_to(fd, &accepted);

    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(client, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    ck_assert_int_eq(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    ck_assert_int_eq(option(client, IPPROTO_TCP, TCP_NODELAY), 1);
    close(client);
    close(accepted);
    close(fd);
}
END_TEST

START_TEST(test_a_dup_is_the_same_socket_and_outlives_the_first)
{
    int fd = listen_or_fail("127.0.0.1:0", 0);
    int second = flare__sock_dup(fd);
    int accepted = -1;
    int client;

    ck_assert_int_ge(second, 0);
    ck_assert_int_eq(fcntl(second, F_GETFD), FD_CLOEXEC);
    flare__sock_close(fd);
    flare__sock_close(-1);
    client = connect_to(second, &accepted);
    close(client);
    close(accepted);
    close(second);
    ck_assert_int_eq(flare__sock_dup(second), -EBADF);
}
END_TEST

START_TEST(test_an_address_in_use_is_named)
{
    int fd = listen_or_fail("127.0.0.1:0", 0);
    const char *text = local_text(fd);
    struct flare_error err;
    char expected[200];
    int second = -1;
    int rc = flare__sock_listen(&second, flare_str(text), 0, 0, &err);

    ck_assert_int_eq(rc, -EADDRINUSE);
    ck_assert_int_eq(err.code, rc);
    ck_assert_int_eq(second, -1);
    snprintf(expected, sizeof(expected), "%s: %s", text,
             flare_strerror(-EADDRINUSE));
    ck_assert_str_eq(err.text, expected);
    rc = flare__sock_listen(&second, flare_str(text), 0, 0, NULL);
    ck_assert_int_eq(rc, -EADDRINUSE);
    close(fd);
}
END_TEST

START_TEST(test_an_address_that_is_not_ours_is_named)
{
    struct flare_error err;
    int fd = -1;
    int rc = flare__sock_listen(&fd, FLARE_STR("192.0.2.1:80"), 0, 0, &err);

    ck_assert_int_eq(rc, -EADDRNOTAVAIL);
    ck_assert_int_eq(strncmp(err.text, "192.0.2.1:80: ", 14), 0);
    rc = flare__sock_listen(&fd, FLARE_STR("192.0.2.1"), 0, 0, &err);
    ck_assert_int_eq(rc, FLARE_E_BAD_ADDRESS);
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(test_reuseport_lets_several_listen)
{
    int first = listen_or_fail("127.0.0.1:0", FLARE__SOCK_REUSEPORT);
    char text[FLARE__SOCK_TEXT_MAX];
    int second;

    snprintf(text, sizeof(text), "%s", local_text(first));
    second = listen_or_fail(text, FLARE__SOCK_REUSEPORT);
    ck_assert_int_ne(first, second);
    close(first);
    close(second);
}
END_TEST

START_TEST(test_v6_takes_v4_unless_told_not_to)
{
    struct flare_error err;
    int fd = -1;
    int rc = flare__sock_listen(&fd, FLARE_STR("[::]:0"), 0, 0, &err);

    if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)
        TEST_SKIP("no IPv6: %s", err.text);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    close(fd);
    fd = listen_or_fail("[::]:0", FLARE__SOCK_V6ONLY);
    ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    close(fd);
}
END_TEST

START_TEST(test_a_failed_listen_leaves_no_descriptor)
{
    int before = dup(0);
    int after;
    int fd = -1;

    for (int i = 0; i < 10; i++) {
        int rc = flare__sock_listen(&fd, FLARE_STR("192.0.2.1:80"), 0, 0, NULL);

        ck_assert_int_lt(rc, 0);
    }
    close(before);
    after = dup(0);
    ck_assert_int_eq(before, after);
    close(after);
}
END_TEST

START_TEST(test_no_descriptors_is_an_error_that_names_the_address)
{
    struct rlimit files;
    struct rlimit none;
    struct flare_error err;
    int fd = -1;
    int rc;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = files;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    rc = flare__sock_listen(&fd, FLARE_STR("127.0.0.1:0"), 0, 0, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_int_eq(rc, -EMFILE);
    ck_assert_int_eq(strncmp(err.text, "127.0.0.1:0: ", 13), 0);
}
END_TEST

/* Unix sockets. */

static char directory[64];
static char unix_text[96];

static const char *unix_path(void)
{
    return unix_text + 5;
}

static void directory_make(void)
{
    snprintf(directory, sizeof(directory), "/tmp/flare-sock-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(unix_text, sizeof(unix_text), "unix:%s/s", directory);
}

static void directory_remove(void)
{
    unlink(unix_path());
    ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(test_unix_listens_connects_and_unlinks)
{
    int fd = listen_or_fail(unix_text, 0);
    int accepted = -1;
    int client = connect_to(fd, &accepted);

    ck_assert_str_eq(local_text(fd), unix_text);
    ck_assert_str_eq(local_text(client), "unix:");
    close(client);
    close(accepted);
    flare__sock_unlink(fd);
    ck_assert_int_eq(access(unix_path(), F_OK), -1);
    close(fd);
}
END_TEST

START_TEST(test_unix_abstract_names_need_no_file)
{
    char text[64];
    int fd;
    int accepted = -1;
    int client;

    snprintf(text, sizeof(text), "unix:@flare-test-%d", (int)getpid());
    fd = listen_or_fail(text, 0);
    ck_assert_str_eq(local_text(fd), text);
    client = connect_to(fd, &accepted);
    flare__sock_unlink(fd); /* nothing to do */
    close(client);
    close(accepted);
    close(fd);
}
END_TEST

START_TEST(test_K15_unix_replaces_a_stale_socket)
{
    int fd = listen_or_fail(unix_text, 0);
    int accepted = -1;
    int client;

    close(fd); /* the file stays */
    ck_assert_int_eq(access(unix_path(), F_OK), 0);
    fd = listen_or_fail(unix_text, 0);
    client = connect_to(fd, &accepted);
    close(client);
    close(accepted);
    close(fd);
}
END_TEST

START_TEST(test_K15_unix_does_not_replace_one_in_use)
{
    int fd = listen_or_fail(unix_text, 0);
    int accepted = -1;
    int client;
    int second = -1;
    struct flare_error err;
    int rc = flare__sock_listen(&second, flare_str(unix_text), 0, 0, &err);

    ck_assert_int_eq(rc, -EADDRINUSE);
    ck_assert_int_eq(strncmp(err.text, unix_text, strlen(unix_text)), 0);
    accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC); /* the probe */
    close(accepted);
    client = connect_to(fd, &accepted);
    close(client);
    close(accepted);
    close(fd);
}
END_TEST

START_TEST(test_K15_unix_leaves_what_is_no_socket_alone)
{
    char target[96];
    struct stat st;
    int fd = open(unix_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    int rc;

    ck_assert_int_ge(fd, 0);
    close(fd);
    rc = flare__sock_listen(&fd, flare_str(unix_text), 0, 0, NULL);
    ck_assert_int_eq(rc, -EADDRINUSE);
    ck_assert_int_eq(lstat(unix_path(), &st), 0);
    ck_assert(S_ISREG(st.st_mode));

    /* nor is a link to a stale socket followed */
    unlink(unix_path());
    fd = listen_or_fail(unix_text, 0);
    close(fd);
    snprintf(target, sizeof(target), "%s/t", directory);
    ck_assert_int_eq(rename(unix_path(), target), 0);
    ck_assert_int_eq(symlink(target, unix_path()), 0);
    rc = flare__sock_listen(&fd, flare_str(unix_text), 0, 0, NULL);
    ck_assert_int_eq(rc, -EADDRINUSE);
    ck_assert_int_eq(lstat(target, &st), 0);
    unlink(target);
}
END_TEST

START_TEST(test_unix_refuses_reuseport)
{
    struct flare_error err;
    int fd = -1;
    int rc = flare__sock_listen(&fd, flare_str(unix_text), 0,
                                FLARE__SOCK_REUSEPORT, &err);

    ck_assert_int_eq(rc, -EOPNOTSUPP);
    ck_assert_int_eq(access(unix_path(), F_OK), -1);
}
END_TEST

START_TEST(test_unix_without_the_directory_says_so)
{
    struct flare_error err;
    int fd = -1;
    int rc = flare__sock_listen(&fd, FLARE_STR("unix:/nowhere/s"), 0, 0, &err);

    ck_assert_int_eq(rc, -ENOENT);
    ck_assert_int_eq(strncmp(err.text, "unix:/nowhere/s: ", 17), 0);
}
END_TEST

static TCase *case_addresses(void)
{
    TCase *tc = tcase_create("addresses");

    tcase_add_loop_test(tc,
                        test_an_address_is_the_same_through_the_kernels_form, 0,
                        ROWS(texts));
    tcase_add_test(tc, test_a_refused_address_leaves_the_kernels_form_alone);
    tcase_add_test(tc, test_the_kernels_form_has_its_fields);
    tcase_add_test(tc, test_K12_a_mapped_peer_is_an_ipv4_one);
    tcase_add_test(tc, test_unix_addresses_of_every_length_go_there_and_back);
    tcase_add_test(tc, test_other_families_are_no_address);
    return tc;
}

static TCase *case_sockets(void)
{
    TCase *tc = tcase_create("sockets");

    tcase_add_test(tc, test_listen_on_port_0_has_a_local_address);
    tcase_add_test(tc, test_listening_and_accepted_sockets_have_their_options);
    tcase_add_test(tc, test_a_dup_is_the_same_socket_and_outlives_the_first);
    tcase_add_test(tc, test_an_address_in_use_is_named);
    tcase_add_test(tc, test_an_address_that_is_not_ours_is_named);
    tcase_add_test(tc, test_reuseport_lets_several_listen);
    tcase_add_test(tc, test_v6_takes_v4_unless_told_not_to);
    tcase_add_test(tc, test_a_failed_listen_leaves_no_descriptor);
    tcase_add_test(tc, test_no_descriptors_is_an_error_that_names_the_address);
    return tc;
}

static TCase *case_unix(void)
{
    TCase *tc = tcase_create("unix");

    tcase_add_checked_fixture(tc, directory_make, directory_remove);
    tcase_add_test(tc, test_unix_listens_connects_and_unlinks);
    tcase_add_test(tc, test_unix_abstract_names_need_no_file);
    tcase_add_test(tc, test_K15_unix_replaces_a_stale_socket);
    tcase_add_test(tc, test_K15_unix_does_not_replace_one_in_use);
    tcase_add_test(tc, test_K15_unix_leaves_what_is_no_socket_alone);
    tcase_add_test(tc, test_unix_refuses_reuseport);
    tcase_add_test(tc, test_unix_without_the_directory_says_so);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("net/sock");

    suite_add_tcase(suite, case_addresses());
    suite_add_tcase(suite, case_sockets());
    suite_add_tcase(suite, case_unix());
    return test_run(suite);
}
