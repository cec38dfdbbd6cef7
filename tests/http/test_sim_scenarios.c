/* SPDX-License-Identifier: MIT */
/*
 * Fixed scenarios of the server in simulated worlds: the same bytes come back
 * however the network cuts them and whichever backend runs, shortages of accept
 * pass, and nothing is parsed behind an error.
 */
#include "tests/support/sim_client.h"
#include "tests/support/sim_memory.h"

#include "net/sock.h"
#include "tests/support/test.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { TRANSCRIPT_MAX = 512 * 1024, CUT_SEEDS = 300 };

#define HOST "Host: a\r\n"

/* Every kind of answer, the last one the connection's. */
static const char everything[] =
    "GET /small HTTP/1.1\r\n" HOST "\r\n"
    "HEAD /small HTTP/1.1\r\n" HOST "X-Id: 0-0\r\n\r\n"
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\nhello world"
    "POST /hash HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
    "5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: yes\r\n\r\n"
    "GET /big HTTP/1.1\r\n" HOST "X-Id: 0-1\r\n\r\n"
    "GET /nowhere HTTP/1.1\r\n" HOST "\r\n"
    "DELETE /small HTTP/1.1\r\n" HOST "\r\n"
    "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"
    "GET /error HTTP/1.1\r\n" HOST "\r\n"
    "GET /forget HTTP/1.1\r\n" HOST "\r\n"
    "GET /none HTTP/1.1\r\n" HOST "\r\n"
    "GET /users/%31%32 HTTP/1.1\r\n" HOST "\r\n"
    "GET /users/x HTTP/1.1\r\n" HOST "\r\n"
    "GET /small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    "GET http://b/small?q HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";

/* A valid request, one that is refused, and one that must not count. */
static const char refused_behind[] =
    "GET /small HTTP/1.1\r\n" HOST "X-Id: 0-0\r\n\r\n"
    "GET /small HTTP/1.1\r\nHost : a\r\n\r\n"
    "GET /small HTTP/1.1\r\n" HOST "X-Id: 0-1\r\n\r\n";

/* Answers that come later, or in pieces; bodies read in pieces. */
static const char late[] =
    "GET /later HTTP/1.1\r\n" HOST "X-Id: 0-0\r\n\r\n"
    "GET /writes HTTP/1.1\r\n" HOST "X-Id: 0-1\r\n\r\n"
    "POST /early HTTP/1.1\r\n" HOST "X-Id: 0-2\r\n"
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    "GET /pull HTTP/1.1\r\n" HOST "X-Id: 0-3\r\n\r\n"
    "GET /file HTTP/1.1\r\n" HOST "X-Id: 0-4\r\n\r\n"
    "GET /again HTTP/1.1\r\n" HOST "X-Id: 0-5\r\n\r\n"
    "GET /pull/later HTTP/1.1\r\n" HOST "X-Id: 0-6\r\n\r\n"
    "GET /small HTTP/1.1\r\n" HOST "\r\n"
    "GET /dropped HTTP/1.1\r\n" HOST "X-Id: 0-7\r\n\r\n"
    "GET /small HTTP/1.1\r\n" HOST "\r\n";

/* A body that is read in pieces comes to an end that is not one. */
static const char late_refused[] =
    "GET /timer HTTP/1.1\r\n" HOST "X-Id: 0-0\r\n\r\n"
    "HEAD /writes HTTP/1.1\r\n" HOST "X-Id: 0-1\r\n\r\n"
    "HEAD /file HTTP/1.1\r\n" HOST "X-Id: 0-2\r\n\r\n"
    "POST /take HTTP/1.1\r\n" HOST "X-Id: 0-4\r\n"
    "Content-Length: 0\r\n\r\n"
    "POST /take HTTP/1.1\r\n" HOST "X-Id: 0-5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\n\r\n"
    "GET /small HTTP/1.1\r\n" HOST "\r\n";

static const char old[] = "GET /writes HTTP/1.0\r\nX-Id: 0-0\r\n\r\n";

/* ---- a peer that says its piece and keeps what it hears ---- */

struct speaker {
    struct flare__sim_peer peer; /* first: found by its address */
    const char *wire;
    size_t len, at;
    bool is_over, saw_fin;
    size_t heard;
    char text[TRANSCRIPT_MAX];
};

static struct speaker speaker;
static struct sim_server server;

static void speaker_pump(struct speaker *s)
{
    if (s->at < s->len)
        s->at +=
            flare__sim_peer_send(&s->peer, s->wire + s->at, s->len - s->at);
}

static void speaker_hear(struct speaker *s)
{
    size_t n;

    while ((n = flare__sim_peer_recv(&s->peer, s->text + s->heard,
                                     sizeof(s->text) - s->heard)) > 0)
        s->heard += n;
}

static void speaker_on_event(struct flare__sim_peer *peer,
                             enum flare__sim_peer_event what)
{
    struct speaker *s = (struct speaker *)peer;

    switch (what) {
    case FLARE__SIM_PEER_CONNECTED:
    case FLARE__SIM_PEER_SPACE:
    case FLARE__SIM_PEER_TIMER:
        speaker_pump(s);
        break;
    case FLARE__SIM_PEER_DATA:
        speaker_hear(s);
        break;
    case FLARE__SIM_PEER_FIN:
    case FLARE__SIM_PEER_RST:
        speaker_hear(s);
        s->saw_fin = what == FLARE__SIM_PEER_FIN;
        s->is_over = true;
        flare__sim_peer_close(peer, /* is_abort = */ false);
        break;
    case FLARE__SIM_PEER_REFUSED:
        s->is_over = true;
        break;
    }
}

static void speaker_start(const char *wire)
{
    memset(&speaker, 0, offsetof(struct speaker, text));
    speaker.peer.on_event = speaker_on_event;
    speaker.wire = wire;
    speaker.len = strlen(wire);
    flare__sim_peer_open(&speaker.peer, server.world);
    flare__sim_peer_connect(&speaker.peer, SIM_SERVER_PORT);
}

/* ---- the simulated network ---- */

static struct sim_memory memory;

static void server_start(struct flare__sim *w, uint64_t seed)
{
    const struct sim_server_setup setup = {
        .world = w,
        .al = &memory.al,
        .lease_bytes = 1024,
        .lease_count = 4,
        .config = {.server_name = "sim", .linger_timeout_ms = 60000}};

    flare__sim_reset(w, &(struct flare__sim_config){
                            .seed = seed, .is_calm = true, .is_stepped = true});
    sim_memory_init(&memory);
    ck_assert_int_eq(sim_server_open(&server, &setup), 0);
}

static void speaker_wait(uint32_t seconds)
{
    uint64_t end_ns = flare__sim_now(server.world) + seconds * SIM_S;

    while (!speaker.is_over)
        if (sim_server_step(&server, end_ns) == FLARE__SIM_OVER)
            flare__sim_fail(server.world, "the peer waits for ever");
}

static void server_stop(void)
{
    sim_server_close(&server);
    if (memory.live_blocks != 0)
        ck_abort_msg("%zu blocks are left", memory.live_blocks);
}

/* What cuts, delays and reorders, and breaks nothing. */
static void rates_of_cutting(struct flare__sim *w)
{
    static const enum flare__sim_fault faults[] = {
        FLARE__SIM_LATENCY,      FLARE__SIM_NET_CUT,
        FLARE__SIM_RECV_CUT,     FLARE__SIM_SEND_CUT,
        FLARE__SIM_SMALL_WINDOW, FLARE__SIM_POOL_EMPTY,
        FLARE__SIM_RECV_ENDED,   FLARE__SIM_RELEASE_LATE,
        FLARE__SIM_CANCEL_LATE,  FLARE__SIM_CANCEL_RESULT,
        FLARE__SIM_BATCH_SHORT,  FLARE__SIM_COMPLETION_LATE};

    for (int i = 0; i < ROWS(faults); i++)
        flare__sim_rate_set(w, faults[i], flare__sim_below(w, 3) * 300);
}

static const char *const wires[] = {everything, refused_behind, late,
                                    late_refused, old};

/* What comes back, into `speaker`. */
static void transcript_sim(struct flare__sim *w, const char *wire,
                           uint64_t seed)
{
    server_start(w, seed);
    if (seed != 0)
        rates_of_cutting(w);
    speaker_start(wire);
    speaker_wait(60);
    ck_assert_msg(speaker.saw_fin, "seed %" PRIu64 ": reset", seed);
    server_stop();
}

START_TEST(test_K06_K07_no_cut_changes_a_byte_of_the_answers)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    static char expected[TRANSCRIPT_MAX];
    size_t len;

    transcript_sim(w, wires[_i], 0);
    len = speaker.heard;
    memcpy(expected, speaker.text, len);
    ck_assert_uint_gt(len, 300);
    for (uint64_t seed = 1; seed <= CUT_SEEDS; seed++) {
        transcript_sim(w, wires[_i], seed);
        if (speaker.heard != len || memcmp(speaker.text, expected, len) != 0)
            ck_abort_msg("seed %" PRIu64 ": %zu bytes, not %zu, or others",
                         seed, speaker.heard, len);
    }
    flare__sim_free(w);
}
END_TEST

START_TEST(test_F35_F36_nothing_behind_a_refused_request_is_answered)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    const char *second;

    transcript_sim(w, refused_behind, 0);
    speaker.text[speaker.heard] = '\0';
    ck_assert_ptr_eq(strstr(speaker.text, "HTTP/1.1 200 OK\r\n"), speaker.text);
    ck_assert_ptr_nonnull(strstr(speaker.text, "small 0-0\n"));
    second = strstr(speaker.text, "HTTP/1.1 400 ");
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_nonnull(strstr(second, "Connection: close\r\n"));
    ck_assert_ptr_null(strstr(second + 1, "HTTP/1.1"));
    ck_assert_uint_eq(server.calls[0][0], 1);
    ck_assert_uint_eq(server.calls[0][1], 0);
    flare__sim_free(w);
}
END_TEST

/* ---- the kernel's network, with the same server over it ---- */

static const struct {
    const char *name;
    const struct flare__backend_ops *ops;
} kernels[] = {
#ifdef FLARE_HAVE_EPOLL
    {"epoll", &flare__backend_epoll},
#endif
#ifdef FLARE_HAVE_LIBURING
    {"uring", &flare__backend_uring},
#endif
};

/* Whether the peer goes on; it never blocks. */
static bool kernel_peer_step(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    ssize_t n;

    if (speaker.at == speaker.len)
        p.events = POLLIN;
    ck_assert_int_ge(poll(&p, 1, 0), 0);
    if (p.revents & POLLOUT) {
        n = send(fd, speaker.wire + speaker.at, speaker.len - speaker.at,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
        ck_assert_int_gt((int)n, 0);
        speaker.at += (size_t)n;
    }
    if ((p.revents & ~POLLOUT) == 0)
        return true;
    n = recv(fd, speaker.text + speaker.heard,
             sizeof(speaker.text) - speaker.heard, MSG_DONTWAIT);
    ck_assert_int_ge((int)n, 0);
    speaker.heard += (size_t)n;
    return n > 0;
}

static void transcript_kernel(struct flare__sim *w,
                              const struct flare__backend_ops *ops,
                              const char *wire)
{
    struct sim_server_setup setup = {
        .world = w,
        .al = &memory.al,
        .ops = ops,
        .config = {.server_name = "sim", .linger_timeout_ms = 60000}};
    struct flare__addr addr;
    int rc =
        flare__sock_listen(&setup.fd, FLARE_STR("127.0.0.1:0"), 0, 0, NULL);
    int fd;

    ck_assert_int_eq(rc, 0);
    sim_memory_init(&memory);
    ck_assert_int_eq(flare__sock_local(setup.fd, &addr), 0);
    ck_assert_int_eq(sim_server_open(&server, &setup), 0);
    memset(&speaker, 0, offsetof(struct speaker, text));
    speaker.wire = wire;
    speaker.len = strlen(wire);
    fd = flare__sock_open(&addr);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(
        connect(fd, (const struct sockaddr *)&addr.storage, addr.len), 0);
    while (kernel_peer_step(fd))
        (void)sim_server_step(&server, 0);
    close(fd);
    server_stop();
}

static bool kernel_is_here(const struct flare__backend_ops *ops)
{
    struct flare__backend *b = NULL;
    struct flare__log silent = {NULL, NULL};
    struct flare_error why = {0};
    int rc;

    sim_memory_init(&memory);
    rc = ops->open(
        &b, &(struct flare__backend_config){.al = &memory.al, .log = &silent},
        &why);
    if (rc < 0) {
        printf("SKIP %s: %s\n", ops->name, why.text);
        return false;
    }
    ops->free(b);
    return true;
}

START_TEST(test_every_backend_gives_the_same_bytes)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    static char expected[TRANSCRIPT_MAX];

    for (int i = 0; i < ROWS(wires); i++) {
        size_t len;

        transcript_sim(w, wires[i], 0);
        len = speaker.heard;
        memcpy(expected, speaker.text, len);
        for (int k = 0; k < ROWS(kernels); k++) {
            if (!kernel_is_here(kernels[k].ops))
                continue;
            transcript_kernel(w, kernels[k].ops, wires[i]);
            ck_assert_msg(speaker.heard == len &&
                              memcmp(speaker.text, expected, len) == 0,
                          "%s: %zu bytes, not %zu, or others", kernels[k].name,
                          speaker.heard, len);
        }
    }
    flare__sim_free(w);
}
END_TEST

/* ---- accepting in need ---- */

static const struct {
    const char *name;
    enum flare__sim_fault fault;
    bool waits; /* accepting pauses; else it goes on with the next one */
} shortages[] = {
    {"R08 EMFILE", FLARE__SIM_ACCEPT_EMFILE, true},
    {"R09 ENOBUFS", FLARE__SIM_ACCEPT_ENOBUFS, true},
    {"R09 ENOMEM", FLARE__SIM_ACCEPT_ENOMEM, true},
    {"R10 ECONNABORTED", FLARE__SIM_ACCEPT_ABORTED, false},
};

START_TEST(test_R08_R09_R10_accept_fails_for_a_while_and_recovers)
{
    struct flare__sim *w =
        flare__sim_new(&(struct flare__sim_config){.is_calm = true});
    struct flare__sim_counts counts = {0};
    uint64_t until_ns;

    server_start(w, 1);
    flare__sim_rate_set(w, shortages[_i].fault, 1000);
    speaker_start(refused_behind);
    until_ns = flare__sim_now(w) + 5 * SIM_S;
    while (sim_server_step(&server, until_ns) != FLARE__SIM_OVER)
        ;
    ck_assert_uint_eq(sim_server_conns(&server), 0);
    flare__sim_count(w, &counts);
    ck_assert_msg(counts.polls < 300, "%s: %" PRIu64 " polls: it spins",
                  shortages[_i].name, counts.polls);
    flare__sim_rate_set(w, shortages[_i].fault, 0);
    if (!shortages[_i].waits) { /* that connection is gone: the next one */
        ck_assert(speaker.is_over);
        speaker_start(refused_behind);
    }
    speaker_wait(1);
    ck_assert(speaker.saw_fin);
    server_stop();
    flare__sim_free(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim scenarios");
    TCase *tc = tcase_create("scenarios");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_K06_K07_no_cut_changes_a_byte_of_the_answers,
                        0, ROWS(wires));
    tcase_add_test(tc,
                   test_F35_F36_nothing_behind_a_refused_request_is_answered);
    tcase_add_test(tc, test_every_backend_gives_the_same_bytes);
    tcase_add_loop_test(tc,
                        test_R08_R09_R10_accept_fails_for_a_while_and_recovers,
                        0, ROWS(shortages));
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
