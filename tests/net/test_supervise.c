/* SPDX-License-Identifier: MIT */
/*
 * The supervisor with processes that serve nothing: when they are started, told
 * and killed, and what is left afterwards.
 */
#include <flare/supervise.h>

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* fork(2) works so often, then no more; negative: always. */
static int forks_left = -1;

pid_t __real_fork(void); /* NOLINT: the linker's names */
pid_t __wrap_fork(void); /* NOLINT */

pid_t __wrap_fork(void)
{
    if (forks_left == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (forks_left > 0)
        forks_left--;
    return __real_fork();
}

/* What the processes of a test share. */
struct world {
    int notes[2]; /* a pipe: each writes what the test is to know */
    int scene;
};

static struct world world_new(void)
{
    struct world w = {.scene = 0};

    ck_assert_int_eq(pipe(w.notes), 0);
    ck_assert_int_eq(fcntl(w.notes[0], F_SETFL, O_NONBLOCK), 0);
    return w;
}

static void note(const struct world *w, char c)
{
    if (write(w->notes[1], &c, 1) != 1)
        _exit(99);
}

/* All notes, in their order. */
static const char *notes(const struct world *w)
{
    static char text[256];
    ssize_t n = read(w->notes[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Of the new ones of a roll: who is old may be told before it has run. */
static const char *new_notes(const struct world *w)
{
    static char text[256];
    size_t len = 0;

    for (const char *c = notes(w); *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            text[len++] = *c;
    text[len] = '\0';
    return text;
}

static void stop_supervisor(int number)
{
    (void)kill(getppid(), number);
}

/* Until SIGTERM, which ends it. */
static int wait_forever(void)
{
    for (;;)
        if (pause() == 0)
            return 99; /* it never is */
}

static struct flare_supervise_config config_of(flare_child_fn run, void *ctx)
{
    /* Check's handlers, which pass a signal on to all, are inherited. */
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    return (struct flare_supervise_config){
        .listen = "127.0.0.1:0",
        .run = run,
        .ctx = ctx,
        .backoff_ms = 1,
        .backoff_max_ms = 4,
    };
}

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- the configuration ---- */

static int run_nothing(const struct flare_child *child, void *ctx)
{
    (void)child;
    (void)ctx;
    return 0;
}

static const struct {
    struct flare_supervise_config config;
    int rc;
    const char *word;
} bad[] = {
    {{.run = run_nothing}, FLARE_E_BAD_CONFIG, "listen"},
    {{.listen = "127.0.0.1:0"}, FLARE_E_BAD_CONFIG, "run"},
    {{.listen = "x", .run = run_nothing}, FLARE_E_BAD_ADDRESS, "x"},
    {{.listen = "fd:999", .run = run_nothing}, -EBADF, "999"},
    {{.listen = "127.0.0.1:0", .run = run_nothing, .processes = 1025},
     FLARE_E_BAD_CONFIG,
     "processes"},
    {{.listen = "127.0.0.1:0", .run = run_nothing, .crashes_max = 1001},
     FLARE_E_BAD_CONFIG,
     "crashes_max"},
    {{.listen = "127.0.0.1:0", .run = run_nothing, .steady_ms = 3600001},
     FLARE_E_BAD_CONFIG,
     "steady_ms"},
    {{.listen = "127.0.0.1:0", .run = run_nothing, .backoff_ms = UINT32_MAX},
     FLARE_E_BAD_CONFIG,
     "backoff_ms"},
    {{.listen = "127.0.0.1:0",
      .run = run_nothing,
      .backoff_max_ms = UINT32_MAX},
     FLARE_E_BAD_CONFIG,
     "backoff_max_ms"},
    {{.listen = "127.0.0.1:0",
      .run = run_nothing,
      .stop_timeout_ms = UINT32_MAX},
     FLARE_E_BAD_CONFIG,
     "stop_timeout_ms"},
};

START_TEST(test_supervise_a_bad_configuration_is_named)
{
    struct flare_error err = {0};
    int rc = flare_supervise(&bad[_i].config, &err);

    ck_assert_int_eq(rc, bad[_i].rc);
    ck_assert_ptr_nonnull(strstr(err.text, bad[_i].word));
    ck_assert_int_eq(flare_supervise(&bad[_i].config, NULL), bad[_i].rc);
}
END_TEST

START_TEST(test_supervise_a_newer_configuration_is_refused)
{
    struct flare_supervise_config config = config_of(run_nothing, NULL);

    ck_assert_int_eq(flare_supervise_sized(sizeof(config) + 8, &config, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

/* ---- crashes ---- */

static int run_dies(const struct flare_child *child, void *ctx)
{
    struct world *w = ctx;

    if (child->index != 0)
        return wait_forever();
    note(w, 'x');
    if (w->scene == 9)
        (void)kill(getpid(), SIGKILL);
    return w->scene;
}

static const struct {
    int scene;
    const char *how;
} deaths[] = {
    {0, "status 0"}, {3, "status 3"},      {-5, "status 1"},
    {9, "signal 9"}, {1000, "status 255"},
};

START_TEST(test_supervise_M05_crash_loop_gives_up_and_says_how)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_dies, &w);
    struct flare_error err;

    w.scene = deaths[_i].scene;
    config.crashes_max = 5;
    ck_assert_int_eq(flare_supervise(&config, &err), FLARE_E_CRASH_LOOP);
    ck_assert_msg(strstr(err.text, "process 0") != NULL &&
                      strstr(err.text, "5 times") != NULL &&
                      strstr(err.text, deaths[_i].how) != NULL,
                  "%s", err.text);
    ck_assert_str_eq(notes(&w), "xxxxx");
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* the others too */
}
END_TEST

START_TEST(test_supervise_M05_waits_longer_each_time)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_dies, &w);
    uint64_t start = now_ms();

    config.crashes_max = 6;
    config.backoff_ms = 20;
    config.backoff_max_ms = 50;
    ck_assert_int_eq(flare_supervise(&config, NULL), FLARE_E_CRASH_LOOP);
    ck_assert_str_eq(notes(&w), "xxxxxx");
    /* 0, 20, 40, 50, 50 */
    ck_assert_uint_ge(now_ms() - start, 160);
}
END_TEST

/* Dies twice; the third of its place ends it all. */
static int run_third_time(const struct flare_child *child, void *ctx)
{
    note(ctx, (char)('0' + child->starts));
    if (child->starts < 2)
        (void)kill(getpid(), SIGKILL);
    stop_supervisor(SIGTERM);
    return wait_forever();
}

START_TEST(test_supervise_M03_a_place_is_filled_again)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_third_time, &w);

    config.processes = 1;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_str_eq(notes(&w), "012");
}
END_TEST

/* Lives longer than steady_ms each time, so that it has never crashed. */
static int run_lives_a_while(const struct flare_child *child, void *ctx)
{
    uint64_t start = now_ms();

    (void)ctx;
    while (now_ms() - start < 4)
        continue;
    if (child->starts == 4)
        stop_supervisor(SIGINT);
    return 1;
}

START_TEST(test_supervise_M05_steady_processes_may_end_for_ever)
{
    struct flare_supervise_config config = config_of(run_lives_a_while, NULL);

    config.processes = 1;
    config.crashes_max = 2;
    config.steady_ms = 1;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
}
END_TEST

/* How many of 32 connections come to this process's socket. */
static int connections_here(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    struct pollfd queue = {.fd = fd, .events = POLLIN};
    int clients[32];
    int came = 0;

    (void)getsockname(fd, (struct sockaddr *)&addr, &len);
    for (int i = 0; i < 32; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(clients[i], (struct sockaddr *)&addr, len);
    }
    for (; poll(&queue, 1, 10) > 0; came++)
        (void)close(accept(fd, NULL, NULL));
    for (int i = 0; i < 32; i++)
        (void)close(clients[i]);
    return came;
}

static int run_alone(const struct flare_child *child, void *ctx)
{
    int fd;

    (void)ctx;
    if (child->index == 0)
        return 3;
    if (sscanf(child->listen, "fd:%d", &fd) != 1)
        return 99;
    while (connections_here(fd) < 32)
        continue;
    stop_supervisor(SIGTERM);
    return wait_forever();
}

START_TEST(test_supervise_M04_a_place_in_backoff_gets_no_connections)
{
    struct flare_supervise_config config = config_of(run_alone, NULL);

    config.backoff_ms = 3600000;
    config.backoff_max_ms = 3600000;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
}
END_TEST

/* ---- the end ---- */

static int run_ends_it(const struct flare_child *child, void *ctx)
{
    struct world *w = ctx;

    if (w->scene == 2) { /* deaf */
        sigset_t all;

        (void)sigfillset(&all);
        (void)sigprocmask(SIG_BLOCK, &all, NULL);
    }
    if (child->index == 0)
        stop_supervisor(SIGTERM);
    return wait_forever();
}

START_TEST(test_supervise_nothing_is_left)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_ends_it, &w);
    int before = count_descriptors();
    struct sigaction action;
    sigset_t mask;

    config.processes = 3;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert_int_eq(count_descriptors(), before);
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
    ck_assert_int_eq(sigismember(&mask, SIGCHLD), 0);
    ck_assert_int_eq(sigpending(&mask), 0);
    ck_assert_int_eq(sigismember(&mask, SIGCHLD), 0);
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &action), 0);
    ck_assert_ptr_eq((void *)action.sa_handler, (void *)SIG_DFL);
}
END_TEST

START_TEST(test_supervise_an_ignored_sigchld_is_put_back)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_dies, &w);
    struct sigaction action;
    struct flare_error err;

    ck_assert_ptr_ne((void *)signal(SIGCHLD, SIG_IGN), (void *)SIG_ERR);
    w.scene = 3;
    ck_assert_int_eq(flare_supervise(&config, &err), FLARE_E_CRASH_LOOP);
    ck_assert_ptr_nonnull(strstr(err.text, "status 3"));
    ck_assert_int_eq(sigaction(SIGCHLD, NULL, &action), 0);
    ck_assert_ptr_eq((void *)action.sa_handler, (void *)SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
}
END_TEST

START_TEST(test_supervise_who_does_not_end_is_killed)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_ends_it, &w);

    w.scene = 2;
    config.stop_timeout_ms = 50;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}
END_TEST

/* The first signal is sent by the process, the second when it gets it. */
static int run_asks_twice(const struct flare_child *child, void *ctx)
{
    sigset_t set;
    int number;

    (void)ctx;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    if (child->index == 0) {
        stop_supervisor(SIGTERM);
        (void)sigwait(&set, &number);
        stop_supervisor(SIGTERM);
    }
    return wait_forever();
}

START_TEST(test_supervise_the_second_signal_kills)
{
    struct flare_supervise_config config = config_of(run_asks_twice, NULL);
    uint64_t start = now_ms();

    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_uint_lt(now_ms() - start, 20000);
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}
END_TEST

START_TEST(test_supervise_children_of_others_are_left_alone)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_ends_it, &w);
    pid_t other = fork();
    int status;

    if (other == 0)
        _exit(7);
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

/* ---- what a process gets ---- */

static int run_looks_around(const struct flare_child *child, void *ctx)
{
    int fd = -1;
    int listens = 0;
    socklen_t len = sizeof(listens);
    sigset_t mask;
    bool is_good = sscanf(child->listen, "fd:%d", &fd) == 1 &&
                   strchr(child->listen, ',') == NULL;

    (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    is_good = is_good && listens && getpgrp() == getpid() &&
              sigismember(&mask, SIGTERM) == 0 && child->starts == 0;
    note(ctx, is_good ? (char)('0' + child->index) : '!');
    if (child->index == 1)
        stop_supervisor(SIGTERM);
    return wait_forever();
}

START_TEST(test_supervise_a_process_has_its_socket_and_group)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_looks_around, &w);
    const char *said;

    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    said = notes(&w);
    ck_assert_msg(strchr(said, '1') != NULL && strchr(said, '!') == NULL, "%s",
                  said);
}
END_TEST

/* ---- rolling ---- */

static int run_rolls(const struct flare_child *child, void *ctx)
{
    struct world *w = ctx;

    note(w, (char)((child->starts > 0 ? 'A' : 'a') + (int)child->index));
    if (child->starts == 0 && child->index == 1)
        stop_supervisor(SIGHUP);
    if (child->starts == 1 && w->scene == 1)
        return 4;
    if (child->starts == 1 && child->index == 1)
        stop_supervisor(SIGTERM);
    return wait_forever();
}

START_TEST(test_supervise_hangup_replaces_one_after_the_other)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_rolls, &w);

    config.roll_on_hangup = true;
    config.steady_ms = 20;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_str_eq(new_notes(&w), "AB");
}
END_TEST

/* The new process is bad: the log says so, and the test ends it there. */
static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)level;
    (void)ctx;
    if (strstr(text, "the old ones stay") != NULL)
        (void)kill(getpid(), SIGTERM);
}

START_TEST(test_supervise_a_bad_new_process_leaves_the_old_ones)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_rolls, &w);

    w.scene = 1;
    config.roll_on_hangup = true;
    config.steady_ms = 60000;
    config.on_log = on_log;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_str_eq(new_notes(&w), "A");
}
END_TEST

/* ---- faults ---- */

START_TEST(test_supervise_M08_starts_all_processes_or_none)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_dies, &w);
    int before = count_descriptors();
    struct flare_error err;

    w.scene = 3;
    config.processes = 3;
    forks_left = 2;
    ck_assert_int_eq(flare_supervise(&config, &err), -EAGAIN);
    ck_assert_ptr_nonnull(strstr(err.text, "process 2"));
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(test_supervise_M05_a_fork_that_fails_is_a_crash)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_dies, &w);
    struct flare_error err;

    w.scene = 3;
    config.crashes_max = 4;
    forks_left = 3; /* both, and one of them once more */
    ck_assert_int_eq(flare_supervise(&config, &err), FLARE_E_CRASH_LOOP);
    ck_assert_msg(strstr(err.text, flare_strerror(-EAGAIN)) != NULL, "%s",
                  err.text);
    ck_assert_str_eq(notes(&w), "xx");
}
END_TEST

START_TEST(test_supervise_a_roll_without_a_process_leaves_the_old_ones)
{
    struct world w = world_new();
    struct flare_supervise_config config = config_of(run_rolls, &w);

    forks_left = 2;
    config.roll_on_hangup = true;
    config.on_log = on_log;
    ck_assert_int_eq(flare_supervise(&config, NULL), 0);
    ck_assert_str_eq(new_notes(&w), "");
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare_supervise_config config = config_of(run_ends_it, ctx);
    struct flare_error err;

    config.allocator = f->al;
    return flare_supervise(&config, &err);
}

START_TEST(test_supervise_every_allocation_may_fail)
{
    struct world w = world_new();
    int before = count_descriptors();

    (void)fault_each("supervise", scenario, &w);
    ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/supervise");
    TCase *tc = tcase_create("supervise");

    tcase_add_loop_test(tc, test_supervise_a_bad_configuration_is_named, 0,
                        ROWS(bad));
    tcase_add_test(tc, test_supervise_a_newer_configuration_is_refused);
    tcase_add_loop_test(tc, test_supervise_M05_crash_loop_gives_up_and_says_how,
                        0, ROWS(deaths));
    tcase_add_test(tc, test_supervise_M05_waits_longer_each_time);
    tcase_add_test(tc, test_supervise_M03_a_place_is_filled_again);
    tcase_add_test(tc, test_supervise_M05_steady_processes_may_end_for_ever);
    tcase_add_test(tc,
                   test_supervise_M04_a_place_in_backoff_gets_no_connections);
    tcase_add_test(tc, test_supervise_nothing_is_left);
    tcase_add_test(tc, test_supervise_an_ignored_sigchld_is_put_back);
    tcase_add_test(tc, test_supervise_who_does_not_end_is_killed);
    tcase_add_test(tc, test_supervise_the_second_signal_kills);
    tcase_add_test(tc, test_supervise_children_of_others_are_left_alone);
    tcase_add_test(tc, test_supervise_a_process_has_its_socket_and_group);
    tcase_add_test(tc, test_supervise_hangup_replaces_one_after_the_other);
    tcase_add_test(tc, test_supervise_a_bad_new_process_leaves_the_old_ones);
    tcase_add_test(tc, test_supervise_M08_starts_all_processes_or_none);
    tcase_add_test(tc, test_supervise_M05_a_fork_that_fails_is_a_crash);
    tcase_add_test(tc,
                   test_supervise_a_roll_without_a_process_leaves_the_old_ones);
    tcase_add_test(tc, test_supervise_every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
