/* SPDX-License-Identifier: MIT */
/*
 * Both sides of a hot restart in one process: the side that gives on a loop,
 * the side that takes, which blocks, on a thread; on each backend there is.
 */
#include "net/handoff.h"

#include "base/alloc.h"
#include "net/choose.h"
#include "net/handoff_wire.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const backends[] = {
    "uring",
    "epoll",
#ifdef FLARE_HAVE_KQUEUE
    "kqueue",
#endif
};

struct rig {
    struct flare_loop *loop;
    struct flare__listen_set set;
    struct flare__handoff handoff;
    char path[64];
    int ready; /* times the next server said so */

    /* The thread that takes. */
    pthread_t thread;
    const struct flare_allocator *al;
    bool says_ready;
    int opened;
    uint32_t count;
    int answer;
    atomic_bool is_over;
};

static void on_ready(void *ctx)
{
    ((struct rig *)ctx)->ready++;
}

static bool rig_start(struct rig *r, const char *backend, const char *list,
                      uint32_t workers)
{
    struct flare__backend_config bc = {.al = &flare__allocator_default};
    struct flare__loop_config lc = {.al = &flare__allocator_default};
    struct flare__listen_config c = {
        .al = &flare__allocator_default, .list = list, .workers = workers};

    *r = (struct rig){.al = &flare__allocator_default, .says_ready = true};
    (void)snprintf(r->path, sizeof(r->path), "/tmp/flare-handoff-%ld",
                   (long)getpid());
    if (flare__backend_choose(&lc.ops, &lc.backend, backend, &bc, NULL) < 0)
        return false;
    ck_assert_int_eq(flare__loop_open(&r->loop, &lc), 0);
    ck_assert_int_eq(flare__listen_set_open(&r->set, &c, NULL), 0);
    ck_assert_int_eq(flare__handoff_open(&r->handoff, r->path, NULL), 0);
    ck_assert_int_eq(
        flare__handoff_start(&r->handoff, r->loop, &r->set, on_ready, r), 0);
    return true;
}

static void rig_turn(struct rig *r)
{
    ck_assert_int_eq(flare__loop_turn(r->loop, r->loop->now_ns + 10000000), 0);
}

static void rig_end(struct rig *r)
{
    flare__handoff_close(&r->handoff);
    while (!flare__handoff_is_closed(&r->handoff))
        rig_turn(r);
    flare__listen_set_free(&r->set);
    flare__loop_free(r->loop);
}

static void *take_main(void *arg)
{
    struct rig *r = arg;
    struct flare__takeover t;

    r->opened = flare__takeover_open(&t, r->al, r->path, NULL);
    r->count = t.count;
    if (r->opened == 0 && r->says_ready)
        r->answer = flare__takeover_ready(&t);
    flare__takeover_close(&t);
    flare__takeover_close(&t); /* a second time is nothing */
    atomic_store(&r->is_over, true);
    return NULL;
}

/* Runs the other side to its end; says "gone" when it is due. */
static void rig_take(struct rig *r)
{
    atomic_store(&r->is_over, false);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, take_main, r), 0);
    while (!atomic_load(&r->is_over)) {
        rig_turn(r);
        if (r->ready > 0)
            flare__handoff_gone(&r->handoff);
    }
    (void)pthread_join(r->thread, NULL);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

START_TEST(test_handoff_M06_gives_all_and_says_when_it_is_gone)
{
    struct rig r;

    /* Three messages of at most 32. */
    if (!rig_start(&r, backends[_i], "127.0.0.1:0, unix:@flare-handoff", 70))
        TEST_SKIP("no backend %s here", backends[_i]);
    ck_assert(is_there(r.path));
    ck_assert(!flare__handoff_is_offered(&r.handoff));
    rig_take(&r);
    ck_assert_int_eq(r.opened, 0);
    ck_assert_uint_eq(r.count, 71);
    ck_assert_int_eq(r.answer, 0);
    ck_assert_int_eq(r.ready, 1);
    rig_end(&r);
    ck_assert(is_there(r.path)); /* the next server's by now */
    (void)unlink(r.path);
}
END_TEST

START_TEST(test_handoff_M06_one_that_gives_up_changes_nothing)
{
    struct rig r;

    if (!rig_start(&r, backends[_i], "127.0.0.1:0", 2))
        TEST_SKIP("no backend %s here", backends[_i]);
    r.says_ready = false;
    for (int i = 0; i < 3; i++) {
        rig_take(&r);
        ck_assert_uint_eq(r.count, 2);
        while (flare__handoff_is_offered(&r.handoff))
            rig_turn(&r);
    }
    ck_assert_int_eq(r.ready, 0);
    r.says_ready = true;
    rig_take(&r);
    ck_assert_int_eq(r.ready, 1);
    rig_end(&r);
    (void)unlink(r.path);
}
END_TEST

START_TEST(test_handoff_the_name_goes_with_the_server)
{
    struct rig r;
    struct flare__takeover t;

    if (!rig_start(&r, backends[_i], "127.0.0.1:0", 1))
        TEST_SKIP("no backend %s here", backends[_i]);
    rig_end(&r);
    ck_assert(!is_there(r.path));
    ck_assert_int_eq(
        flare__takeover_open(&t, &flare__allocator_default, r.path, NULL), 0);
    ck_assert_int_eq(t.fd, -1); /* nobody is there: no error */
    ck_assert_int_eq(flare__takeover_ready(&t), 0);
    flare__takeover_close(&t);
}
END_TEST

START_TEST(test_handoff_the_name_is_left_to_who_replaced_it)
{
    struct rig r;
    struct flare__handoff next;

    if (!rig_start(&r, backends[_i], "127.0.0.1:0", 1))
        TEST_SKIP("no backend %s here", backends[_i]);
    ck_assert_int_eq(rename(r.path, "/tmp/flare-handoff-away"), 0);
    ck_assert_int_eq(flare__handoff_open(&next, r.path, NULL), 0);
    ck_assert_int_eq(rename(next.own_path, r.path), 0);
    rig_end(&r);
    ck_assert(is_there(r.path));
    flare__handoff_close(&next);
    ck_assert(flare__handoff_is_closed(&next));
    (void)unlink(r.path);
    (void)unlink("/tmp/flare-handoff-away");
}
END_TEST

static int scenario_take(struct fault *f, void *ctx)
{
    struct rig *r = ctx;

    r->al = &f->al;
    r->says_ready = false;
    rig_take(r);
    while (flare__handoff_is_offered(&r->handoff))
        rig_turn(r);
    return r->opened;
}

START_TEST(test_handoff_taking_survives_every_allocation_failure)
{
    struct rig r;

    if (!rig_start(&r, "epoll", "127.0.0.1:0", 40))
        TEST_SKIP("no backend epoll here");
    (void)fault_each("takeover", scenario_take, &r);
    rig_end(&r);
}
END_TEST

/* ---- what may not be believed ---- */

enum garble {
    GARBLE_MAGIC,
    GARBLE_TOTAL,
    GARBLE_FIRST,
    GARBLE_COUNT,
    GARBLE_LENGTH,
    GARBLE_TEXT,
    GARBLE_NO_FDS,
    GARBLE_EMPTY,
    GARBLE_KINDS
};

/* Sends one offer of one descriptor with this fault in it. */
static void send_garbled(int fd, enum garble what)
{
    struct flare__handoff_offer o = {
        .magic = FLARE__HANDOFF_MAGIC, .total = 1, .count = 1};
    size_t len =
        offsetof(struct flare__handoff_offer, items) + sizeof(o.items[0]);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {&o, len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};

    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS,
                                      .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    o.magic += what == GARBLE_MAGIC;
    o.total += what == GARBLE_TOTAL ? FLARE__HANDOFF_MAX : 0;
    o.first += what == GARBLE_FIRST;
    o.count += what == GARBLE_COUNT;
    iov.iov_len -= what == GARBLE_LENGTH;
    if (what == GARBLE_TEXT)
        memset(o.items[0].asked, 'x', sizeof(o.items[0].asked));
    if (what == GARBLE_NO_FDS)
        msg.msg_controllen = 0;
    if (what == GARBLE_EMPTY)
        iov.iov_len = 1;
    ck_assert_int_gt(sendmsg(fd, &msg, 0), 0);
}

START_TEST(test_handoff_a_garbled_offer_is_refused_and_nothing_kept)
{
    struct flare__handoff_offer offer;
    int fds[FLARE__HANDOFF_BATCH];
    int pair[2];
    int next = dup(0);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    send_garbled(pair[0], (enum garble)_i);
    ck_assert_int_eq(flare__handoff_recv(pair[1], &offer, fds), -EPROTO);
    (void)close(next);
    ck_assert_int_eq(dup(0), next); /* no descriptor is left */
    send_garbled(pair[0], GARBLE_KINDS);
    ck_assert_int_eq(flare__handoff_recv(pair[1], &offer, fds), 0);
    (void)close(fds[0]);
    (void)close(pair[0]);
    ck_assert_int_eq(flare__handoff_recv(pair[1], &offer, fds), -EPROTO);
    (void)close(pair[1]);
}
END_TEST

START_TEST(test_handoff_M12_a_path_must_fit)
{
    struct flare__handoff h;
    struct flare_error err;
    char path[128];

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(flare__handoff_open(&h, path, &err), FLARE_E_BAD_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "restart_socket"));
    ck_assert_int_eq(flare__handoff_open(&h, "", &err), FLARE_E_BAD_CONFIG);
    ck_assert_int_eq(flare__handoff_open(&h, "/no/such/folder", &err), -ENOENT);
    flare__handoff_close(&h); /* nothing is open */
}
END_TEST

static Suite *handoff_suite(void)
{
    Suite *suite = suite_create("net/handoff");
    TCase *tc = tcase_create("handoff");

    tcase_add_loop_test(tc, test_handoff_M06_gives_all_and_says_when_it_is_gone,
                        0, ROWS(backends));
    tcase_add_loop_test(tc, test_handoff_M06_one_that_gives_up_changes_nothing,
                        0, ROWS(backends));
    tcase_add_loop_test(tc, test_handoff_the_name_goes_with_the_server, 0,
                        ROWS(backends));
    tcase_add_loop_test(tc, test_handoff_the_name_is_left_to_who_replaced_it, 0,
                        ROWS(backends));
    tcase_add_test(tc, test_handoff_taking_survives_every_allocation_failure);
    tcase_add_loop_test(
        tc, test_handoff_a_garbled_offer_is_refused_and_nothing_kept, 0,
        GARBLE_KINDS);
    tcase_add_test(tc, test_handoff_M12_a_path_must_fit);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return test_run(handoff_suite());
}
