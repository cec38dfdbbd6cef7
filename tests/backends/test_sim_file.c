/* SPDX-License-Identifier: MIT */
/*
 * Files in the simulated network: whatever the faults do, the peer has a
 * prefix of the file, all of it if SENT says so, and the same seed gives the
 * same run.  And every breach of what was lent aborts.
 */
#include "backends/sim.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PORT = 80,
    SIZE = 50021,
    OFFSET = 777,
    COUNT = SIZE - OFFSET,
    SEEDS = 600,
    SECOND = 1000000000
};

static struct {
    struct flare__sim *w;
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    struct flare__sock listener, conn;
    struct flare__sim_peer peer;
    int file;
    int accepted; /* its descriptor; -1: none yet */
    bool is_accepting, is_listener_closed, is_conn_closed, is_conn_closing;
    bool is_sending, is_release_due;
    int32_t res;
    uint32_t received;
    int peer_end; /* an event of the peer that ends it, or -1 */
} s;

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void peer_on_event(struct flare__sim_peer *peer,
                          enum flare__sim_peer_event what)
{
    uint8_t got[5000];
    size_t n;

    if (what == FLARE__SIM_PEER_REFUSED || what == FLARE__SIM_PEER_RST ||
        what == FLARE__SIM_PEER_FIN)
        s.peer_end = (int)what;
    if (peer->end == 0)
        return;
    while ((n = flare__sim_peer_recv(peer, got, sizeof(got))) > 0)
        for (size_t i = 0; i < n; i++)
            if (got[i] != byte_at(OFFSET + s.received++))
                ck_abort_msg("byte %u is wrong", s.received - 1);
}

static void conn_on_event(struct flare__sock *sock,
                          const struct flare__event *ev)
{
    (void)sock;
    switch (ev->kind) {
    case FLARE__EV_SENT:
        ck_assert(s.is_sending);
        s.is_sending = false;
        s.res = ev->res;
        s.is_release_due = (ev->flags & FLARE__EV_RELEASE_DUE) != 0;
        break;
    case FLARE__EV_RELEASED:
        ck_assert(s.is_release_due);
        s.is_release_due = false;
        break;
    case FLARE__EV_CLOSED:
        ck_assert(!s.is_sending && !s.is_release_due);
        s.is_conn_closed = true;
        break;
    default:
        ck_abort_msg("event %d", ev->kind);
    }
}

static void listener_start(void)
{
    ck_assert_int_eq(s.ops->accept_start(s.b, &s.listener), 0);
    s.is_accepting = true;
}

static void listener_on_event(struct flare__sock *sock,
                              const struct flare__event *ev)
{
    (void)sock;
    if (ev->kind == FLARE__EV_CLOSED) {
        s.is_listener_closed = true;
        return;
    }
    ck_assert_int_eq(ev->kind, FLARE__EV_ACCEPT);
    s.is_accepting = (ev->flags & FLARE__EV_MORE) != 0;
    if (ev->res >= 0)
        s.accepted = ev->res;
    else if (ev->res != -ECANCELED && !s.is_accepting)
        listener_start();
}

static void turn(void)
{
    struct flare__event events[16];
    int n = s.ops->poll(s.b, events, 16, flare__sim_now(s.w) + SECOND);

    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n; i++)
        if (events[i].sock != NULL)
            events[i].sock->on_event(events[i].sock, &events[i]);
}

static void file_make(void)
{
    static uint8_t bytes[SIZE];

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = byte_at(i);
    s.file = memfd_create("sim", MFD_CLOEXEC);
    ck_assert_int_ge(s.file, 0);
    ck_assert_int_eq(write(s.file, bytes, SIZE), SIZE);
}

static void world_open(struct flare__sim *w,
                       const struct flare__sim_config *config)
{
    const struct flare__log log = {.fn = NULL};
    const struct flare__backend_config backend = {
        .al = &flare__allocator_default, .log = &log, .sim = w};

    memset(&s, 0, sizeof(s));
    flare__sim_reset(w, config);
    s.w = w;
    s.ops = &flare__backend_sim;
    s.accepted = s.peer_end = -1;
    s.listener.on_event = listener_on_event;
    s.conn.on_event = conn_on_event;
    s.peer.on_event = peer_on_event;
    file_make();
    ck_assert_int_eq(s.ops->open(&s.b, &backend, NULL), 0);
    ck_assert_int_eq(
        s.ops->attach(s.b, &s.listener, flare__sim_listen(w, PORT, 0)), 0);
    listener_start();
    flare__sim_peer_open(&s.peer, w);
    flare__sim_peer_connect(&s.peer, PORT);
}

/* False: the faults did not let it in. */
static bool world_connect(void)
{
    for (int i = 0; s.accepted < 0; i++) {
        if (s.peer_end >= 0 || i == 1000)
            return false;
        turn();
    }
    ck_assert_int_eq(s.ops->attach(s.b, &s.conn, s.accepted), 0);
    return true;
}

static void world_close(bool is_connected)
{
    s.ops->close(s.b, &s.listener, FLARE__CLOSE_GRACEFUL);
    if (is_connected && !s.is_conn_closing)
        s.ops->close(s.b, &s.conn, FLARE__CLOSE_GRACEFUL);
    while (!s.is_listener_closed || (is_connected && !s.is_conn_closed))
        turn();
    for (int i = 0; is_connected && i < 200 && s.peer_end < 0; i++)
        turn();
    if (s.peer.end != 0)
        flare__sim_peer_close(&s.peer, /* is_abort = */ false);
    if (!is_connected && s.accepted >= 0)
        s.ops->discard(s.b, s.accepted);
    s.ops->free(s.b);
    close(s.file);
}

static void file_send(uint32_t count)
{
    ck_assert_int_eq(s.ops->sendfile(s.b, &s.conn, s.file, OFFSET, count), 0);
    s.is_sending = true;
}

static uint64_t seed_run(struct flare__sim *w,
                         const struct flare__sim_config *config, int *whole)
{
    bool is_connected;
    bool is_excused;

    world_open(w, config);
    is_connected = world_connect();
    if (is_connected) {
        file_send(COUNT);
        if (config->seed % 4 == 0) { /* closed in the middle */
            for (uint64_t i = 0; i < config->seed / 4 % 8; i++)
                turn();
            s.ops->close(s.b, &s.conn, FLARE__CLOSE_ABORT);
            s.is_conn_closing = true;
        }
        for (int i = 0; s.is_sending || s.is_release_due; i++) {
            ck_assert_int_lt(i, 20000);
            turn();
        }
    }
    world_close(is_connected);
    is_excused = s.peer.is_excused || config->seed % 4 == 0;
    if (is_connected && !is_excused) {
        ck_assert_int_eq(s.res, COUNT);
        ck_assert_uint_eq(s.received, COUNT);
        ck_assert_int_eq(s.peer_end, FLARE__SIM_PEER_FIN);
        ++*whole;
    }
    ck_assert_uint_le(s.received, COUNT);
    ck_assert_int_le(s.res, COUNT);
    return flare__sim_hash(w);
}

START_TEST(test_a_file_survives_every_fault_and_a_seed_is_a_run)
{
    struct flare__sim_config config = {.seed = 0};
    struct flare__sim *w = flare__sim_new(&config);
    int whole = 0;

    for (config.seed = 1; config.seed <= SEEDS; config.seed++) {
        uint64_t hash = seed_run(w, &config, &whole);

        ck_assert_uint_eq(hash, seed_run(w, &config, &whole));
    }
    printf("sim: %d of %d files arrived whole\n", whole / 2, SEEDS);
    ck_assert_int_gt(whole, SEEDS / 4);
    flare__sim_free(w);
}
END_TEST

static int refuse(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "sendfile") == 0 ? -ENOBUFS : 0;
}

START_TEST(test_a_refused_sendfile_starts_nothing)
{
    const struct flare__sim_config config = {.is_calm = true,
                                             .fault_site = refuse};
    struct flare__sim *w = flare__sim_new(&config);

    world_open(w, &config);
    ck_assert(world_connect());
    ck_assert_int_eq(s.ops->sendfile(s.b, &s.conn, s.file, 0, 10), -ENOBUFS);
    close(s.file); /* nobody has borrowed it */
    s.file = -1;
    for (int i = 0; i < 5; i++)
        turn();
    world_close(true);
    ck_assert_uint_eq(s.received, 0);
    flare__sim_free(w);
}
END_TEST

START_TEST(test_a_file_that_cannot_be_read_tells_why)
{
    const struct flare__sim_config config = {.is_calm = true};
    struct flare__sim *w = flare__sim_new(&config);

    world_open(w, &config);
    ck_assert(world_connect());
    close(s.file);
    s.file = open("/", O_RDONLY | O_CLOEXEC);
    file_send(10);
    while (s.is_sending)
        turn();
    ck_assert_int_eq(s.res, -EISDIR);
    world_close(true);
    flare__sim_free(w);
}
END_TEST

/* Breaches. */

static void breach_close_the_file(void)
{
    file_send(COUNT);
    close(s.file);
    for (int i = 0; i < 10; i++)
        turn();
}

static void breach_put_another_in_its_place(void)
{
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

    file_send(COUNT);
    ck_assert_int_eq(dup2(other, s.file), s.file);
    for (int i = 0; i < 10; i++)
        turn();
}

static void breach_close_before_released(void)
{
    flare__sim_rate_set(s.w, FLARE__SIM_RELEASE_LATE, 1000);
    file_send(10);
    while (s.is_sending)
        turn();
    ck_assert(s.is_release_due);
    close(s.file);
    while (s.is_release_due)
        turn();
}

static void breach_two_sends(void)
{
    file_send(COUNT);
    file_send(COUNT);
}

static void breach_nothing(void)
{
    file_send(0);
}

static void breach_after_shutdown(void)
{
    s.ops->shutdown_send(s.b, &s.conn);
    file_send(1);
}

static void (*const breaches[])(void) = {
    breach_close_the_file,
    breach_put_another_in_its_place,
    breach_close_before_released,
    breach_two_sends,
    breach_nothing,
    breach_after_shutdown,
};

START_TEST(test_a_breach_of_what_was_lent_aborts)
{
    const struct flare__sim_config config = {.is_calm = true};
    struct flare__sim *w = flare__sim_new(&config);

    if (freopen("/dev/null", "w", stderr) == NULL)
        exit(1);
    world_open(w, &config);
    ck_assert(world_connect());
    breaches[_i]();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim files");
    TCase *tc = tcase_create("files");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_a_file_survives_every_fault_and_a_seed_is_a_run);
    tcase_add_test(tc, test_a_refused_sendfile_starts_nothing);
    tcase_add_test(tc, test_a_file_that_cannot_be_read_tells_why);
    tcase_add_loop_test_raise_signal(tc, test_a_breach_of_what_was_lent_aborts,
                                     SIGABRT, 0, ROWS(breaches));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
