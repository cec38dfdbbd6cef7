/* SPDX-License-Identifier: MIT */
/*
 * Datagrams by the system calls they become, with the kernel's answers made up
 * (ld --wrap): interruptions, errors, and what is beside the bytes.  What a
 * real one does is in the conformance suite.
 */
#include "backends/datagram.h"

#include "tests/support/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

enum { OPTION_SEGMENT = 103, OPTION_GRO = 104, SIZE = 100 };

int __wrap_recvmmsg(int fd, struct mmsghdr *list, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_sendmmsg(int fd, struct mmsghdr *list, unsigned count, int flags);

static struct {
    int calls;
    int interrupts; /* first, so many times EINTR */
    int error;      /* then this errno; 0: success */
    unsigned count; /* of messages */
    int flags;
    /* of the first message */
    socklen_t name_len;
    uint16_t segment; /* sent */
    bool has_control;
    /* what is received */
    unsigned len;
    int msg_flags;
    int gro;            /* 0: nothing beside it */
    bool is_gro_second; /* behind a message that is not for us */
} answer;

/* 0 if it goes on. */
static int answer_common(unsigned count, int flags)
{
    answer.calls++;
    answer.count = count;
    answer.flags = flags;
    errno = answer.calls <= answer.interrupts ? EINTR : answer.error;
    return errno == 0 ? 0 : -1;
}

static void control_put(struct msghdr *msg, struct cmsghdr *c, int type)
{
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(sizeof(answer.gro));
    memcpy(CMSG_DATA(c), &answer.gro, sizeof(answer.gro));
    msg->msg_controllen = CMSG_SPACE(sizeof(answer.gro));
}

int __wrap_recvmmsg(int fd, struct mmsghdr *list, unsigned count, int flags,
                    struct timespec *timeout)
{
    struct msghdr *msg = &list[0].msg_hdr;

    (void)fd;
    ck_assert_ptr_null(timeout);
    if (answer_common(count, flags) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(list[i].msg_hdr.msg_namelen,
                          sizeof(struct sockaddr_storage));
        list[i].msg_hdr.msg_controllen = 0;
        list[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
        list[i].msg_len = answer.len;
        list[i].msg_hdr.msg_flags = answer.msg_flags;
    }
    if (answer.gro != 0) {
        msg->msg_controllen = CMSG_SPACE(sizeof(answer.gro));
        control_put(msg, CMSG_FIRSTHDR(msg),
                    answer.is_gro_second ? OPTION_SEGMENT : OPTION_GRO);
    }
    return (int)count;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *list, unsigned count, int flags)
{
    struct msghdr *msg = &list[0].msg_hdr;

    (void)fd;
    if (answer_common(count, flags) < 0)
        return -1;
    answer.name_len = msg->msg_name == NULL ? 0 : msg->msg_namelen;
    answer.has_control = msg->msg_controllen > 0;
    if (answer.has_control) {
        struct cmsghdr *c = CMSG_FIRSTHDR(msg);

        ck_assert_int_eq(c->cmsg_level, IPPROTO_UDP);
        ck_assert_int_eq(c->cmsg_type, OPTION_SEGMENT);
        ck_assert_uint_eq(c->cmsg_len, CMSG_LEN(sizeof(uint16_t)));
        ck_assert_uint_eq(msg->msg_controllen, CMSG_SPACE(sizeof(uint16_t)));
        memcpy(&answer.segment, CMSG_DATA(c), sizeof(answer.segment));
    }
    return (int)count;
}

static uint8_t bytes[64][SIZE];
static struct flare__datagram list[64];
static struct flare__sock sock = {.fd = -1};

static void setup(void)
{
    memset(&answer, 0, sizeof(answer));
    answer.len = 10;
    for (int i = 0; i < 64; i++)
        list[i] = (struct flare__datagram){.data = bytes[i], .len = SIZE};
}

START_TEST(test_K05_an_interrupted_call_is_made_again)
{
    answer.interrupts = 3;
    ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 2), 2);
    ck_assert_int_eq(answer.calls, 4);
    answer.calls = 0;
    ck_assert_int_eq(flare__datagram_send(NULL, &sock, list, 64), 64);
    ck_assert_int_eq(answer.calls, 4);
}
END_TEST

START_TEST(test_calls_neither_wait_nor_raise_a_signal)
{
    ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 64), 64);
    ck_assert_uint_eq(answer.count, 64);
    ck_assert_int_eq(answer.flags, MSG_DONTWAIT);
    setup();
    ck_assert_int_eq(flare__datagram_send(NULL, &sock, list, 1), 1);
    ck_assert_int_eq(answer.flags, MSG_DONTWAIT | MSG_NOSIGNAL);
}
END_TEST

START_TEST(test_K16_errors_pass_through_and_are_not_asked_again)
{
    static const int errors[] = {EAGAIN,      ECONNREFUSED, EHOSTUNREACH,
                                 EMSGSIZE,    ENOBUFS,      ENOMEM,
                                 ENETUNREACH, EPERM,        EACCES};

    for (int i = 0; i < ROWS(errors); i++) {
        setup();
        answer.error = errors[i];
        ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 3),
                         -errors[i]);
        ck_assert_uint_eq(list[0].len, SIZE); /* nothing was written */
        ck_assert_int_eq(flare__datagram_send(NULL, &sock, list, 3),
                         -errors[i]);
        ck_assert_int_eq(answer.calls, 2);
    }
}
END_TEST

START_TEST(test_K16_truncation_is_told_of_each)
{
    answer.msg_flags = MSG_TRUNC;
    answer.len = SIZE;
    ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 2), 2);
    for (int i = 0; i < 2; i++) {
        ck_assert(list[i].is_truncated);
        ck_assert_uint_eq(list[i].len, SIZE);
    }
    setup();
    list[0].is_truncated = true; /* of the last time */
    answer.msg_flags = MSG_CTRUNC;
    ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 1), 1);
    ck_assert(!list[0].is_truncated);
}
END_TEST

static const struct {
    const char *name;
    int gro;
    unsigned len;
    bool is_second;
    uint16_t segment;
} gro_rows[] = {
    {"nothing beside it", 0, 50, false, 0},
    {"merged", 20, 50, false, 20},
    {"one of that size", 50, 50, false, 0},
    {"one that is smaller", 60, 50, false, 0},
    {"negative", -1, 50, false, 0},
    {"another's message", 20, 50, true, 0},
    {"no bytes", 20, 0, false, 0},
};

START_TEST(test_segments_received)
{
    answer.gro = gro_rows[_i].gro;
    answer.len = gro_rows[_i].len;
    answer.is_gro_second = gro_rows[_i].is_second;
    list[0].segment = 7; /* of the last time */
    ck_assert_int_eq(flare__datagram_recv(NULL, &sock, list, 1), 1);
    ck_assert_msg(list[0].segment == gro_rows[_i].segment, "%s: %u",
                  gro_rows[_i].name, list[0].segment);
    ck_assert_uint_eq(list[0].len, gro_rows[_i].len);
    ck_assert_uint_eq(list[0].addr_len, sizeof(struct sockaddr_in));
}
END_TEST

static const struct {
    const char *name;
    uint16_t segment;
    uint32_t len;
    bool has_control;
} send_rows[] = {
    {"a single one", 0, SIZE, false},
    {"two", SIZE - 1, SIZE, true},
    {"one of its own size", SIZE, SIZE, false},
    {"one that is smaller", SIZE + 1, SIZE, false},
    {"none", 10, 0, false},
};

START_TEST(test_segments_sent)
{
    list[0].segment = send_rows[_i].segment;
    list[0].len = send_rows[_i].len;
    list[0].addr_len = _i % 2 ? sizeof(struct sockaddr_in6) : 0;
    ck_assert_int_eq(flare__datagram_send(NULL, &sock, list, 1), 1);
    ck_assert_msg(answer.has_control == send_rows[_i].has_control, "%s",
                  send_rows[_i].name);
    if (answer.has_control)
        ck_assert_uint_eq(answer.segment, send_rows[_i].segment);
    ck_assert_uint_eq(answer.name_len, list[0].addr_len);
}
END_TEST

START_TEST(test_more_than_64_assert)
{
    static struct flare__datagram many[65];

    if (_i == 0)
        (void)flare__datagram_send(NULL, &sock, many, 65);
    else
        (void)flare__datagram_recv(NULL, &sock, many, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backends/datagram");
    TCase *tc = tcase_create("datagram");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, test_K05_an_interrupted_call_is_made_again);
    tcase_add_test(tc, test_calls_neither_wait_nor_raise_a_signal);
    tcase_add_test(tc, test_K16_errors_pass_through_and_are_not_asked_again);
    tcase_add_test(tc, test_K16_truncation_is_told_of_each);
    tcase_add_loop_test(tc, test_segments_received, 0, ROWS(gro_rows));
    tcase_add_loop_test(tc, test_segments_sent, 0, ROWS(send_rows));
    tcase_add_loop_test_raise_signal(tc, test_more_than_64_assert, SIGABRT, 0,
                                     2);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
