/* SPDX-License-Identifier: MIT */
/* Descriptors of the user, on every kernel; the state machine also in the
 * simulated network, with its faults. */
#include "net/user_watch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/clock.h"
#include "tests/support/fault.h"
#include "tests/support/loop_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct seen {
    struct loop_rig rig;
    flare_watch *watch;
    int fds[2];
    unsigned events; /* of the last call */
    unsigned all;
    uint32_t count;
    uint32_t free_at;   /* it frees itself in that call; 0: never */
    unsigned change_to; /* and changes to that, if not 0 */
    bool reads;         /* reads what is there, as one should */
};

static void on_watch(flare_watch *watch, unsigned events, void *ctx)
{
    struct seen *s = ctx;
    char bytes[64];

    ck_assert_ptr_eq(watch, s->watch);
    ck_assert_uint_ne(events, 0);
    s->events = events;
    s->all |= events;
    s->count++;
    if (s->reads && events & FLARE_WATCH_READ)
        (void)!read(s->fds[0], bytes, sizeof(bytes));
    if (s->change_to != 0)
        ck_assert_int_eq(flare_watch_change(watch, s->change_to), 0);
    if (s->count == s->free_at) {
        flare_watch_free(watch);
        s->watch = NULL;
    }
}

enum kind { PIPE, PAIR, TCP };

/* fds[0] is watched, fds[1] is the other side. */
static void ends_open(int fds[2], enum kind kind)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof(addr);
    int l;

    if (kind == PIPE) {
        ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        return;
    }
    if (kind == PAIR) {
        ck_assert_int_eq(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        return;
    }
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l = socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(l, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(l, 1), 0);
    ck_assert_int_eq(getsockname(l, (struct sockaddr *)&addr, &len), 0);
    ck_assert_int_eq(connect(fds[1], (struct sockaddr *)&addr, len), 0);
    fds[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    ck_assert_int_ge(fds[0], 0);
    ck_assert_int_eq(close(l), 0);
}

static bool seen_open(struct seen *s, int backend, enum kind kind)
{
    *s = (struct seen){.count = 0};
    if (!loop_rig_open(&s->rig, backend))
        return false;
    ends_open(s->fds, kind);
    return true;
}

static void seen_watch(struct seen *s, unsigned events)
{
    ck_assert_int_eq(
        flare_watch_new(s->rig.loop, &s->watch, s->fds[0], events, on_watch, s),
        0);
}

static void seen_close(struct seen *s)
{
    loop_rig_close(&s->rig);
    (void)close(s->fds[0]); /* a test may have closed either */
    (void)close(s->fds[1]);
}

static void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void turns(struct seen *s, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_ge(flare_loop_run_once(s->rig.loop, 0), 0);
}

START_TEST(test_user_watch_says_again_what_is_still_so)
{
    struct seen s;

    for (enum kind kind = PIPE; kind <= TCP; kind++) {
        if (!seen_open(&s, _i, kind))
            return;
        seen_watch(&s, FLARE_WATCH_READ);
        turns(&s, 3);
        ck_assert_uint_eq(s.count, 0);
        put(s.fds[1], "x");
        LOOP_RIG_UNTIL(&s.rig, s.count == 5); /* it is not read */
        s.reads = true;
        LOOP_RIG_UNTIL(&s.rig, s.count == 6);
        turns(&s, 3);
        ck_assert_uint_eq(s.count, 6);
        ck_assert_uint_eq(s.all, FLARE_WATCH_READ);
        put(s.fds[1], "y");
        LOOP_RIG_UNTIL(&s.rig, s.count == 7);
        flare_watch_free(s.watch);
        seen_close(&s);
    }
}
END_TEST

START_TEST(test_user_watch_on_edges_says_each_change_once)
{
    struct seen s;

    for (enum kind kind = PIPE; kind <= TCP; kind++) {
        if (!seen_open(&s, _i, kind))
            return;
        put(s.fds[1], "before");
        seen_watch(&s, FLARE_WATCH_READ | FLARE_WATCH_EDGE);
        LOOP_RIG_UNTIL(&s.rig, s.count == 1);
        turns(&s, 5);
        ck_assert_uint_eq(s.count, 1);
        put(s.fds[1], "x");
        LOOP_RIG_UNTIL(&s.rig, s.count == 2);
        turns(&s, 5);
        ck_assert_uint_eq(s.count, 2);
        /* asked for again, what is so is told again */
        ck_assert_int_eq(
            flare_watch_change(s.watch, FLARE_WATCH_READ | FLARE_WATCH_EDGE),
            0);
        LOOP_RIG_UNTIL(&s.rig, s.count == 3);
        turns(&s, 5);
        ck_assert_uint_eq(s.count, 3);
        seen_close(&s);
    }
}
END_TEST

START_TEST(test_user_watch_waits_for_an_eventfd)
{
    struct seen s;
    uint64_t one = 1;

    if (!seen_open(&s, _i, PIPE))
        return;
    (void)close(s.fds[0]);
    s.fds[0] = eventfd(0, EFD_NONBLOCK);
    s.reads = true;
    seen_watch(&s, FLARE_WATCH_READ);
    for (uint32_t i = 1; i < 4; i++) {
        ck_assert_int_eq(write(s.fds[0], &one, sizeof(one)), sizeof(one));
        LOOP_RIG_UNTIL(&s.rig, s.count == i);
        turns(&s, 2);
        ck_assert_uint_eq(s.count, i);
    }
    seen_close(&s);
}
END_TEST

START_TEST(test_user_watch_says_when_it_can_be_written_and_stops_when_asked)
{
    static const char block[4096];
    struct seen s;

    for (enum kind kind = PAIR; kind <= TCP; kind++) {
        char bytes[4096];

        if (!seen_open(&s, _i, kind))
            return;
        seen_watch(&s, FLARE_WATCH_WRITE);
        LOOP_RIG_UNTIL(&s.rig, s.count == 3);
        ck_assert_uint_eq(s.all, FLARE_WATCH_WRITE);
        while (write(s.fds[0], block, sizeof(block)) > 0)
            ;
        turns(&s, 2); /* the one that was under way */
        s.count = 0;
        turns(&s, 3);
        ck_assert_uint_eq(s.count, 0);
        ck_assert_int_eq(fcntl(s.fds[1], F_SETFL, O_NONBLOCK), 0);
        while (s.count == 0) {
            while (read(s.fds[1], bytes, sizeof(bytes)) > 0)
                ;
            turns(&s, 1);
        }
        ck_assert_int_eq(flare_watch_change(s.watch, 0), 0);
        ck_assert_int_eq(flare_loop_run(s.rig.loop), 0); /* nothing is open */
        seen_close(&s);
    }
}
END_TEST

/* A pipe without a writer has POLLHUP and no POLLIN. */
START_TEST(test_user_watch_tells_the_end_to_who_reads_and_a_hangup_to_who_asks)
{
    struct seen s;

    for (enum kind kind = PIPE; kind <= TCP; kind++) {
        for (int asks = 0; asks < 2; asks++) {
            unsigned hangup = asks ? FLARE_WATCH_HANGUP : 0;

            if (!seen_open(&s, _i, kind))
                return;
            seen_watch(&s, FLARE_WATCH_READ | hangup);
            ck_assert_int_eq(close(s.fds[1]), 0);
            LOOP_RIG_UNTIL(&s.rig, s.count == 1);
            ck_assert(s.events & FLARE_WATCH_READ);
            if (asks && _i != LOOP_RIG_KQUEUE) /* which does not say it */
                ck_assert(s.events & FLARE_WATCH_HANGUP);
            seen_close(&s);
        }
    }
}
END_TEST

START_TEST(test_user_watch_tells_unasked_that_a_pipe_is_broken)
{
    struct seen s;
    int end;

    if (!seen_open(&s, _i, PIPE))
        return;
    end = s.fds[0]; /* the one to write to is watched */
    s.fds[0] = s.fds[1];
    s.fds[1] = end;
    seen_watch(&s, FLARE_WATCH_WRITE | FLARE_WATCH_EDGE);
    turns(&s, 2);
    ck_assert_uint_eq(s.all, FLARE_WATCH_WRITE);
    ck_assert_int_eq(close(s.fds[1]), 0);
    LOOP_RIG_UNTIL(&s.rig, s.all & (FLARE_WATCH_ERROR | FLARE_WATCH_HANGUP));
    ck_assert(s.events & FLARE_WATCH_WRITE); /* which says what it is */
    seen_close(&s);
}
END_TEST

START_TEST(test_user_watch_R08_without_a_descriptor_there_is_none)
{
    struct seen s;
    struct rlimit before;
    struct rlimit none;

    if (!seen_open(&s, _i, PIPE))
        return;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 4; /* numbers from 3 on are asked for */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, s.fds[0],
                                     FLARE_WATCH_READ, on_watch, &s),
                     -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_eq(s.rig.loop->resident_count, 0);
    seen_close(&s);
}
END_TEST

/* The kernel adds POLLRDHUP to every poll of a ring, for ever. */
START_TEST(test_user_watch_for_writing_does_not_spin_on_a_half_closed_peer)
{
    static const char block[4096];
    struct seen s;
    struct flare_loop_stats before;
    struct flare_loop_stats after;
    char bytes[4096];

    for (enum kind kind = PAIR; kind <= TCP; kind++) {
        if (!seen_open(&s, _i, kind))
            return;
        while (write(s.fds[0], block, sizeof(block)) > 0)
            ;
        ck_assert_int_eq(shutdown(s.fds[1], SHUT_WR), 0);
        seen_watch(&s, FLARE_WATCH_WRITE);
        turns(&s, 4);
        ck_assert_uint_eq(s.count, 0);
        flare_loop_stats(s.rig.loop, &before);
        ck_assert_int_ge(flare_loop_run_once(s.rig.loop, 2), 0);
        turns(&s, 10);
        flare_loop_stats(s.rig.loop, &after);
        ck_assert_uint_eq(after.events, before.events);
        ck_assert_int_eq(fcntl(s.fds[1], F_SETFL, O_NONBLOCK), 0);
        while (s.count < 3) { /* and is level triggered all the same */
            while (read(s.fds[1], bytes, sizeof(bytes)) > 0)
                ;
            turns(&s, 1);
        }
        ck_assert_uint_eq(s.all, FLARE_WATCH_WRITE);
        seen_close(&s);
    }
}
END_TEST

START_TEST(test_user_watch_may_be_freed_in_its_callback)
{
    struct seen s;

    for (unsigned edge = 0; edge <= FLARE_WATCH_EDGE;
         edge += FLARE_WATCH_EDGE) {
        if (!seen_open(&s, _i, PIPE))
            return;
        s.free_at = 1;
        put(s.fds[1], "x");
        seen_watch(&s, FLARE_WATCH_READ | edge);
        ck_assert_int_eq(flare_loop_run(s.rig.loop), 0); /* nothing is open */
        ck_assert_uint_eq(s.count, 1);
        ck_assert_uint_eq(s.rig.loop->resident_count, 0);
        seen_close(&s);
    }
}
END_TEST

START_TEST(test_user_watch_changes_what_it_waits_for_also_in_its_callback)
{
    struct seen s;

    for (unsigned edge = 0; edge <= FLARE_WATCH_EDGE;
         edge += FLARE_WATCH_EDGE) {
        if (!seen_open(&s, _i, TCP))
            return;
        seen_watch(&s, FLARE_WATCH_READ | edge);
        turns(&s, 1);
        ck_assert_int_eq(flare_watch_change(s.watch, FLARE_WATCH_WRITE | edge),
                         0);
        s.change_to = FLARE_WATCH_READ | edge;
        LOOP_RIG_UNTIL(&s.rig, s.count == 1);
        ck_assert_uint_eq(s.events, FLARE_WATCH_WRITE);
        turns(&s, 4);
        ck_assert_uint_eq(s.count, 1);
        s.change_to = FLARE_WATCH_WRITE | edge;
        put(s.fds[1], "x");
        LOOP_RIG_UNTIL(&s.rig, s.count >= 3);
        ck_assert_uint_eq(s.events, FLARE_WATCH_WRITE);
        /* to and fro while nothing turns */
        s.change_to = 0;
        ck_assert_int_eq(flare_watch_change(s.watch, 0), 0);
        ck_assert_int_eq(flare_watch_change(s.watch, FLARE_WATCH_READ), 0);
        ck_assert_int_eq(flare_watch_change(s.watch, 0), 0);
        ck_assert_int_eq(flare_watch_change(s.watch, FLARE_WATCH_READ), 0);
        s.count = 0;
        LOOP_RIG_UNTIL(&s.rig, s.count == 2);
        ck_assert_uint_eq(s.events, FLARE_WATCH_READ);
        ck_assert_int_eq(flare_watch_change(s.watch, 32), -EINVAL);
        seen_close(&s);
    }
}
END_TEST

/* What is yours stays as it is, and may be watched again at once. */
START_TEST(test_user_watch_leaves_the_descriptor_alone)
{
    static const unsigned wishes[] = {
        FLARE_WATCH_READ, FLARE_WATCH_READ | FLARE_WATCH_EDGE, 0,
        FLARE_WATCH_WRITE, FLARE_WATCH_WRITE | FLARE_WATCH_EDGE};
    struct seen s;
    char c = 0;

    if (!seen_open(&s, _i, TCP))
        return;
    for (int i = 0; i < 100; i++) {
        s.count = 0;
        seen_watch(&s, wishes[i % ROWS(wishes)]);
        if (i % 2)
            turns(&s, i % 3);
        if (i % 4 == 3)
            ck_assert_int_eq(flare_watch_change(s.watch, i % 8 == 3 ? 0 : 1),
                             0);
        if (i % 5 == 4)
            turns(&s, 1);
        flare_watch_free(s.watch);
        if (i % 3 == 0)
            turns(&s, 3);
    }
    ck_assert_int_eq(flare_loop_run(s.rig.loop), 0);
    put(s.fds[0], "a");
    ck_assert_int_eq(read(s.fds[1], &c, 1), 1);
    put(s.fds[1], "b");
    s.reads = true;
    s.count = 0;
    seen_watch(&s, FLARE_WATCH_READ);
    LOOP_RIG_UNTIL(&s.rig, s.count == 1);
    turns(&s, 2);
    ck_assert_uint_eq(s.count, 1);
    seen_close(&s);
}
END_TEST

/* Nothing of a watch is left in the kernel to wake the loop. */
START_TEST(test_user_watch_is_gone_when_it_is_freed)
{
    struct seen s;
    flare_watch *keeps;
    struct seen other;
    struct flare_loop_stats before;
    struct flare_loop_stats after;

    if (!seen_open(&s, _i, PAIR))
        return;
    other = s; /* something to stay open for */
    ends_open(other.fds, PIPE);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &keeps, other.fds[0],
                                     FLARE_WATCH_READ, on_watch, &other),
                     0);
    seen_watch(&s, FLARE_WATCH_READ | FLARE_WATCH_EDGE);
    turns(&s, 2);
    flare_watch_free(s.watch);
    turns(&s, 2);
    for (int i = 0; i < 20; i++) {
        put(s.fds[1], "x");
        turns(&s, 1);
    }
    flare_loop_stats(s.rig.loop, &before);
    for (int i = 0; i < 5; i++) {
        uint64_t start_ns = flare__clock_monotonic();

        put(s.fds[1], "x"); /* else this would end the wait */
        ck_assert_int_eq(flare_loop_run_once(s.rig.loop, 2), 1);
        ck_assert_uint_ge(flare__clock_monotonic(), start_ns + 2000000);
    }
    flare_loop_stats(s.rig.loop, &after);
    ck_assert_uint_eq(after.events, before.events);
    ck_assert_uint_eq(s.count, 0);
    seen_close(&s);
    (void)close(other.fds[0]);
    (void)close(other.fds[1]);
}
END_TEST

START_TEST(test_user_watch_refuses_what_cannot_be_waited_for)
{
    struct seen s;
    FILE *file = tmpfile();
    int folder = open("/", O_RDONLY | O_CLOEXEC);

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(folder, 0);
    if (!seen_open(&s, _i, PIPE))
        return;
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, fileno(file),
                                     FLARE_WATCH_READ, on_watch, &s),
                     -EPERM);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, folder,
                                     FLARE_WATCH_READ, on_watch, &s),
                     -EPERM);
    (void)close(folder); /* it was only asked about */
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, -1, FLARE_WATCH_READ,
                                     on_watch, &s),
                     -EBADF);
    ck_assert_int_eq(
        flare_watch_new(s.rig.loop, &s.watch, s.fds[0], 64, on_watch, &s),
        -EINVAL);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, s.fds[0],
                                     FLARE_WATCH_HANGUP, on_watch, &s),
                     -EINVAL);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, s.fds[0],
                                     FLARE_WATCH_EDGE, on_watch, &s),
                     -EINVAL);
    ck_assert_uint_eq(s.rig.loop->resident_count, 0);
    flare_watch_free(NULL);
    ck_assert_int_eq(flare__loop_evict(s.rig.loop), 0);
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, s.fds[0],
                                     FLARE_WATCH_READ, on_watch, &s),
                     FLARE_E_STOPPED);
    seen_close(&s);
    (void)fclose(file);
}
END_TEST

START_TEST(test_user_watch_goes_with_its_loop_whatever_its_state)
{
    static const unsigned wishes[] = {0, FLARE_WATCH_READ,
                                      FLARE_WATCH_READ | FLARE_WATCH_EDGE,
                                      FLARE_WATCH_WRITE};
    struct seen s;

    for (int i = 0; i < ROWS(wishes) * 3; i++) {
        if (!seen_open(&s, _i, PAIR))
            return;
        seen_watch(&s, wishes[i % ROWS(wishes)]);
        turns(&s, i % 2);
        if (i / ROWS(wishes) == 1)
            flare_watch_free(s.watch); /* on its way out already */
        if (i / ROWS(wishes) == 2)
            ck_assert_int_eq(flare_watch_change(s.watch, 0), 0);
        seen_close(&s);
    }
}
END_TEST

/* ---- the simulated network ---- */

static void on_sim_watch(flare_watch *watch, unsigned events, void *ctx)
{
    struct seen *s = ctx;

    (void)watch;
    s->all |= events;
    s->count++;
    /* what a user does: it is read, and no more there */
    flare__sim_foreign_set(s->rig.world, s->fds[0], 0);
}

/* Every order of change, readiness and free, under late and lost results. */
START_TEST(test_user_watch_keeps_its_wishes_in_any_order)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct seen s = {.count = 0};
        uint32_t told = 0;

        ck_assert(loop_rig_open(&s.rig, LOOP_RIG_SIM));
        for (int i = 0; i < FLARE__SIM_FAULT_COUNT; i++)
            flare__sim_rate_set(s.rig.world, (enum flare__sim_fault)i, 0);
        flare__sim_rate_set(s.rig.world, FLARE__SIM_CANCEL_LATE, 500);
        flare__sim_rate_set(s.rig.world, FLARE__SIM_CANCEL_RESULT, 500);
        flare__sim_rate_set(s.rig.world, FLARE__SIM_COMPLETION_LATE, 300);
        s.fds[0] = flare__sim_foreign(s.rig.world);
        ck_assert_int_eq(flare__watch_adopt(s.rig.loop, &s.watch, s.fds[0],
                                            on_sim_watch, &s),
                         0);
        for (uint64_t step = 0; step < 30; step++) {
            uint32_t choice =
                (uint32_t)((seed * 2654435761u + step * 40503u) >> 7) % 5;
            unsigned edge = seed % 2 ? FLARE_WATCH_EDGE : 0;

            if (choice < 2)
                ck_assert_int_eq(
                    flare_watch_change(s.watch,
                                       choice ? FLARE_WATCH_READ | edge : 0),
                    0);
            else if (choice == 2)
                flare__sim_foreign_set(s.rig.world, s.fds[0], POLLIN);
            else
                turns(&s, 1);
        }
        flare__sim_foreign_set(s.rig.world, s.fds[0], 0);
        ck_assert_int_eq(flare_watch_change(s.watch, FLARE_WATCH_READ), 0);
        turns(&s, 20);
        told = s.count;
        flare__sim_foreign_set(s.rig.world, s.fds[0], POLLIN);
        LOOP_RIG_UNTIL(&s.rig, s.count > told);
        loop_rig_close(&s.rig);
    }
}
END_TEST

/* ---- a kernel that refuses ---- */

static struct {
    const struct flare__backend_ops *ops;
    int refusals; /* of poll_fd and poll_start to come */
    int failures; /* of polls that are armed */
    int asked;
} kernel;

static int refusing_poll_fd(struct flare__backend *b, struct flare__sock *sock,
                            short events)
{
    kernel.asked++;
    if (kernel.refusals-- > 0)
        return -EAGAIN;
    return kernel.ops->poll_fd(b, sock, events);
}

static int refusing_poll_start(struct flare__backend *b,
                               struct flare__sock *sock, short events)
{
    kernel.asked++;
    if (kernel.refusals-- > 0)
        return -EAGAIN;
    return kernel.ops->poll_start(b, sock, events);
}

/* An armed poll that ends in an error of the kernel. */
static int failing_poll(struct flare__backend *b, struct flare__event *events,
                        int capacity, uint64_t deadline_ns)
{
    int n = kernel.ops->poll(b, events, capacity, deadline_ns);

    for (int i = 0; i < n; i++)
        if (events[i].kind == FLARE__EV_POLL &&
            !(events[i].flags & FLARE__EV_MORE) && kernel.failures-- > 0)
            events[i].res = -ENOMEM;
    return n;
}

START_TEST(test_user_watch_tries_again_what_the_kernel_refused)
{
    for (unsigned edge = 0; edge <= FLARE_WATCH_EDGE;
         edge += FLARE_WATCH_EDGE) {
        struct seen s = {.count = 0};
        struct flare__backend_ops refusing = flare__backend_sim;

        ck_assert(loop_rig_open(&s.rig, LOOP_RIG_SIM));
        kernel.ops = &flare__backend_sim;
        refusing.poll_fd = refusing_poll_fd;
        refusing.poll_start = refusing_poll_start;
        refusing.poll = failing_poll;
        s.rig.loop->ops = &refusing;
        s.fds[0] = flare__sim_foreign(s.rig.world);
        ck_assert_int_eq(flare__watch_adopt(s.rig.loop, &s.watch, s.fds[0],
                                            on_sim_watch, &s),
                         0);
        kernel.asked = 0;
        kernel.refusals = 3;
        kernel.failures = edge ? 0 : 2;
        ck_assert_int_eq(flare_watch_change(s.watch, FLARE_WATCH_READ | edge),
                         -EAGAIN);
        flare__sim_foreign_set(s.rig.world, s.fds[0], POLLIN);
        LOOP_RIG_UNTIL(&s.rig, s.count == 1);
        ck_assert_int_ge(kernel.asked, edge ? 4 : 6);
        loop_rig_close(&s.rig);
    }
}
END_TEST

START_TEST(test_user_watch_that_cannot_be_armed_is_none)
{
    struct seen s;
    struct flare__backend_ops refusing;

    if (!seen_open(&s, _i, PIPE))
        return;
    kernel.ops = s.rig.loop->ops;
    kernel.refusals = 1;
    refusing = *s.rig.loop->ops;
    refusing.poll_fd = refusing_poll_fd;
    s.rig.loop->ops = &refusing;
    ck_assert_int_eq(flare_watch_new(s.rig.loop, &s.watch, s.fds[0],
                                     FLARE_WATCH_READ, on_watch, &s),
                     -EAGAIN);
    ck_assert_int_eq(flare_loop_run(s.rig.loop), 0);
    ck_assert_uint_eq(s.rig.loop->resident_count, 0);
    seen_close(&s);
}
END_TEST

/* ---- no memory ---- */

static int scenario(struct fault *f, void *ctx)
{
    struct seen s = {.count = 0};
    int rc = loop_rig_try(&s.rig, *(const int *)ctx, &f->al);

    if (rc < 0)
        return rc;
    ends_open(s.fds, PIPE);
    rc = flare_watch_new(s.rig.loop, &s.watch, s.fds[0], FLARE_WATCH_READ,
                         on_watch, &s);
    if (rc >= 0) {
        put(s.fds[1], "x");
        LOOP_RIG_UNTIL(&s.rig, s.count == 1);
    }
    seen_close(&s);
    return rc;
}

START_TEST(test_user_watch_survives_every_allocation_failure)
{
    struct loop_rig rig;

    if (!loop_rig_open(&rig, _i))
        return;
    loop_rig_close(&rig);
    ck_assert_uint_ge(fault_each("watch", scenario, &_i).sites, 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/user_watch");
    TCase *t = tcase_create("watch");

#define ON_EACH(test) tcase_add_loop_test(t, test, 0, LOOP_RIG_KERNELS)
    ON_EACH(test_user_watch_says_again_what_is_still_so);
    ON_EACH(test_user_watch_on_edges_says_each_change_once);
    ON_EACH(test_user_watch_waits_for_an_eventfd);
    ON_EACH(test_user_watch_says_when_it_can_be_written_and_stops_when_asked);
    ON_EACH(
        test_user_watch_tells_the_end_to_who_reads_and_a_hangup_to_who_asks);
    ON_EACH(test_user_watch_tells_unasked_that_a_pipe_is_broken);
    ON_EACH(test_user_watch_R08_without_a_descriptor_there_is_none);
    ON_EACH(test_user_watch_for_writing_does_not_spin_on_a_half_closed_peer);
    ON_EACH(test_user_watch_may_be_freed_in_its_callback);
    ON_EACH(test_user_watch_changes_what_it_waits_for_also_in_its_callback);
    ON_EACH(test_user_watch_leaves_the_descriptor_alone);
    ON_EACH(test_user_watch_is_gone_when_it_is_freed);
    ON_EACH(test_user_watch_refuses_what_cannot_be_waited_for);
    ON_EACH(test_user_watch_goes_with_its_loop_whatever_its_state);
    ON_EACH(test_user_watch_that_cannot_be_armed_is_none);
    ON_EACH(test_user_watch_survives_every_allocation_failure);
#undef ON_EACH
    tcase_add_test(t, test_user_watch_tries_again_what_the_kernel_refused);
    tcase_add_test(t, test_user_watch_keeps_its_wishes_in_any_order);
    suite_add_tcase(s, t);
    return test_run(s);
}
