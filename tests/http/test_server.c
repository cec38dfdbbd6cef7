/* SPDX-License-Identifier: MIT */
/*
 * The public server on real sockets and threads, on every backend that this
 * machine has: opening, its errors, running, stopping.
 */
#include <flare/flare.h>

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const backends[] = {
    "uring",
    "epoll",
#ifdef FLARE_HAVE_KQUEUE
    "kqueue",
#endif
};

static int on_hello(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "hello\n");
}

static const struct flare_route routes[] = {FLARE_GET("/", on_hello)};

static struct flare_server_config valid(const char *backend)
{
    return (struct flare_server_config){
        .listen = "127.0.0.1:0",
        .drain_grace_ms = 1, /* nobody here asks late */
        .routes = FLARE_ROUTES(routes),
        .backend = backend,
    };
}

/* ---- a server on a thread of its own ---- */

struct running {
    pthread_t thread;
    flare_server *server;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_over;
    char address[128]; /* once it listens */
    int rc;
    struct flare_error err;
};

static void on_listening(const char *address, void *ctx)
{
    struct running *r = ctx;

    pthread_mutex_lock(&r->lock);
    (void)snprintf(r->address, sizeof(r->address), "%s", address);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void *run_main(void *arg)
{
    struct running *r = arg;

    r->rc = flare_server_run(r->server, &r->err);
    pthread_mutex_lock(&r->lock);
    r->is_over = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Starts it and waits until it listens, or has failed to. */
static void start(struct running *r, struct flare_server_config config)
{
    *r = (struct running){.rc = 1};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    config.on_listening = on_listening;
    config.listening_ctx = r;
    ck_assert_msg(flare_server_open(&r->server, &config, &r->err) == 0, "%s",
                  r->err.text);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, run_main, r), 0);
    pthread_mutex_lock(&r->lock);
    while (r->address[0] == '\0' && !r->is_over)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void finish(struct running *r)
{
    pthread_join(r->thread, NULL);
    flare_server_free(r->server);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

static bool is_here(const char *backend)
{
    return flare_backend_probe(backend, NULL) >= 0;
}

#define NEED_BACKEND(name)                                                     \
    do {                                                                       \
        if (!is_here(name))                                                    \
            TEST_SKIP("no backend %s here", (name));                           \
    } while (0)

/* ---- a client of the plainest kind ---- */

static int dial(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd;

    if (strncmp(address, "unix:", 5) == 0) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
        return fd;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

/* Asks once on `fd` and returns whether hello came back whole. */
static bool asks_hello(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char got[1024];
    size_t len = 0;

    if (write(fd, request, sizeof(request) - 1) != (ssize_t)sizeof(request) - 1)
        return false;
    while (len < sizeof(got) - 1) {
        ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        got[len] = '\0';
        if (strstr(got, "\r\n\r\nhello\n") != NULL)
            return true;
    }
    return false;
}

/* ---- running and stopping ---- */

START_TEST(test_server_serves_and_stops_from_another_thread)
{
    struct running r;
    int fd;

    NEED_BACKEND(backends[_i]);
    start(&r, valid(backends[_i]));
    ck_assert_str_eq(r.address, flare_server_address(r.server));
    fd = dial(r.address);
    ck_assert(asks_hello(fd) && asks_hello(fd));
    flare_server_stop(r.server);
    ck_assert_int_eq(read(fd, r.address, 1), 0); /* idle: closed at once */
    finish(&r);
    (void)close(fd);
    ck_assert_int_eq(r.rc, 0);
}
END_TEST

START_TEST(test_server_workers_share_one_address)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;
    int fds[64];

    NEED_BACKEND(backends[_i]);
    config.workers = 4;
    config.pin = true;
    start(&r, config);
    for (int i = 0; i < ROWS(fds); i++)
        fds[i] = dial(r.address);
    for (int i = 0; i < ROWS(fds); i++)
        ck_assert(asks_hello(fds[i]));
    flare_server_stop(r.server);
    finish(&r);
    for (int i = 0; i < ROWS(fds); i++)
        (void)close(fds[i]);
    ck_assert_int_eq(r.rc, 0);
}
END_TEST

START_TEST(test_server_a_unix_socket_serves_all_workers_and_goes_with_them)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;
    char path[64];
    int fd;

    NEED_BACKEND(backends[_i]);
    (void)snprintf(path, sizeof(path), "unix:/tmp/flare-test-%d.sock",
                   (int)getpid());
    config.listen = path;
    config.workers = 2;
    start(&r, config);
    ck_assert_msg(r.rc == 1, "%s", r.err.text);
    for (int i = 0; i < 8; i++) {
        fd = dial(path);
        ck_assert(asks_hello(fd));
        (void)close(fd);
    }
    flare_server_stop(r.server);
    finish(&r);
    ck_assert_int_eq(r.rc, 0);
    ck_assert_int_eq(access(path + 5, F_OK), -1);
}
END_TEST

START_TEST(test_server_M02_stopped_before_it_runs_it_does_not_stay)
{
    struct flare_server_config config = valid(backends[_i]);
    flare_server *server;

    NEED_BACKEND(backends[_i]);
    ck_assert_int_eq(flare_server_open(&server, &config, NULL), 0);
    flare_server_stop(server);
    ck_assert_int_eq(flare_server_run(server, NULL), 0);
    ck_assert_int_eq(flare_server_run(server, NULL), FLARE_E_STOPPED);
    flare_server_free(server);
}
END_TEST

START_TEST(test_server_M02_the_second_stop_ends_what_is_under_way)
{
    static const char half[] = "GET / HTTP/1.1\r\n";
    struct running r;
    int fd;

    NEED_BACKEND(backends[_i]);
    start(&r, valid(backends[_i]));
    fd = dial(r.address);
    ck_assert(asks_hello(fd));
    ck_assert_int_eq(write(fd, half, sizeof(half) - 1), sizeof(half) - 1);
    flare_server_stop(r.server);
    flare_server_stop(r.server);
    finish(&r);
    (void)close(fd);
    ck_assert_int_eq(r.rc, 0);
}
END_TEST

static void tell_pipe(const char *address, void *ctx)
{
    (void)address;
    ck_assert_int_eq(write(*(int *)ctx, "x", 1), 1);
}

START_TEST(test_server_signals_stop_it_on_request_and_the_mask_comes_back)
{
    struct flare_server_config config = valid(backends[_i]);
    int ends[2];
    pid_t child;
    int status;
    char byte;

    NEED_BACKEND(backends[_i]);
    ck_assert_int_eq(pipe(ends), 0);
    config.handle_signals = true;
    config.on_listening = tell_pipe;
    config.listening_ctx = &ends[1];
    child = fork();
    if (child == 0) {
        sigset_t mask;

        if (flare_serve(&config, NULL) != 0)
            _exit(1);
        (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
        _exit(sigismember(&mask, SIGTERM) ? 2 : 0);
    }
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                  (unsigned)status);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

static int blocked_calls; /* atomically: handlers run on two threads */

static int on_mask(flare_req *req, flare_res *res)
{
    sigset_t mask;

    (void)req;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGINT))
        __atomic_add_fetch(&blocked_calls, 1, __ATOMIC_SEQ_CST);
    return flare_res_text(res, 200, "hello\n");
}

START_TEST(test_server_K17_the_threads_it_starts_take_no_signals)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;
    int fds[64];

    NEED_BACKEND(backends[_i]);
    config.routes = (struct flare_routes){.list = NULL};
    config.handler = (struct flare_handler){on_mask, NULL};
    config.workers = 2;
    blocked_calls = 0;
    start(&r, config);
    for (int i = 0; i < ROWS(fds); i++) {
        fds[i] = dial(r.address);
        ck_assert(asks_hello(fds[i]));
    }
    flare_server_stop(r.server);
    finish(&r);
    for (int i = 0; i < ROWS(fds); i++)
        (void)close(fds[i]);
    /* worker 0 is the caller's thread and keeps its mask; worker 1 is ours */
    ck_assert_int_gt(blocked_calls, 0);
    ck_assert_int_lt(blocked_calls, ROWS(fds));
}
END_TEST

/* ---- errors of opening ---- */

START_TEST(test_server_an_address_in_use_is_named)
{
    struct flare_server_config config = valid("epoll");
    struct flare_error err;
    flare_server *first;
    flare_server *second;

    ck_assert_int_eq(flare_server_open(&first, &config, NULL), 0);
    config.listen = flare_server_address(first);
    ck_assert_int_eq(flare_server_open(&second, &config, &err), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, config.listen));
    flare_server_free(first);
}
END_TEST

static int refused(struct flare_server_config config, const char *text)
{
    struct flare_error err = {0};
    flare_server *server;
    int rc = flare_server_open(&server, &config, &err);

    ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\"", err.text);
    ck_assert_int_eq(rc, err.code);
    return rc;
}

START_TEST(test_server_a_wrong_configuration_is_named)
{
    static const struct flare_route bad[] = {FLARE_GET("no-slash", on_hello)};
    static const struct flare_route twins[] = {FLARE_GET("/u/:id", on_hello),
                                               FLARE_GET("/u/:name", on_hello)};
    struct flare_server_config c = valid(NULL);

    c.listen = "localhost";
    ck_assert_int_eq(refused(c, "localhost"), FLARE_E_BAD_ADDRESS);
    c = valid(NULL);
    c.workers = 5000;
    ck_assert_int_eq(refused(c, "workers"), FLARE_E_BAD_CONFIG);
    c = valid(NULL);
    c.routes = FLARE_ROUTES(bad);
    ck_assert_int_eq(refused(c, "no-slash"), FLARE_E_BAD_ROUTE);
    c.routes = FLARE_ROUTES(twins);
    ck_assert_int_eq(refused(c, "/u/:name"), FLARE_E_ROUTE_CONFLICT);
}
END_TEST

START_TEST(test_server_a_newer_configuration_is_refused)
{
    struct flare_server_config config[2] = {valid(NULL)};
    flare_server *server;

    ck_assert_int_eq(
        flare_server_open_sized(sizeof(config), &server, config, NULL),
        FLARE_E_BAD_CONFIG);
}
END_TEST

/* Puts another file where the epoll descriptor of the one worker is. */
static void break_epoll(void)
{
    char path[64];
    char what[64];

    for (int fd = 3; fd < 256; fd++) {
        ssize_t n;
        int null;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, what, sizeof(what) - 1);
        if (n != sizeof("anon_inode:[eventpoll]") - 1 ||
            memcmp(what, "anon_inode:[eventpoll]", (size_t)n) != 0)
            continue;
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(dup2(null, fd), fd);
        (void)close(null);
    }
}

static int on_break(flare_req *req, flare_res *res)
{
    (void)req;
    break_epoll();
    return flare_res_text(res, 200, "hello\n");
}

/* With a connection under way, whose timer is armed and memory the kernel's. */
START_TEST(test_server_I18_a_broken_loop_ends_the_run_and_can_be_freed)
{
    static const struct flare_route breaking[] = {FLARE_GET("/", on_break)};
    struct flare_server_config config = valid("epoll");
    struct running r;
    pid_t child;
    int status;

    NEED_BACKEND("epoll");
    child = fork(); /* what is left on purpose is no leak of this one */
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        config.routes = FLARE_ROUTES(breaking);
        start(&r, config);
        (void)asks_hello(dial(r.address));
        finish(&r);
        _exit(r.rc < 0 && strstr(r.err.text, "broke") != NULL ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                  (unsigned)status);
}
END_TEST

START_TEST(test_server_M08_a_unix_socket_that_never_served_is_gone_as_well)
{
    struct flare_server_config config = valid(NULL);
    flare_server *server;
    char path[64];

    (void)snprintf(path, sizeof(path), "unix:/tmp/flare-test-%d.never",
                   (int)getpid());
    config.listen = path;
    ck_assert_int_eq(flare_server_open(&server, &config, NULL), 0);
    flare_server_free(server);
    ck_assert_int_eq(access(path + 5, F_OK), -1);
    config.backend = "nonsense";
    ck_assert_int_eq(flare_server_open(&server, &config, NULL), 0);
    ck_assert_int_lt(flare_server_run(server, NULL), 0);
    flare_server_free(server);
    ck_assert_int_eq(access(path + 5, F_OK), -1);
}
END_TEST

START_TEST(test_server_M08_an_unknown_backend_ends_the_run_with_its_name)
{
    struct flare_server_config config = valid("no-such");
    struct flare_error err;

    config.workers = 3;
    ck_assert_int_lt(flare_serve(&config, &err), 0);
    ck_assert_msg(strstr(err.text, "no-such") != NULL, "%s", err.text);
}
END_TEST

/* ---- posting to a worker ---- */

static _Atomic(flare_loop *) seen_loop; /* written last, read first */
static pthread_t seen_thread;

static int on_loop(flare_req *req, flare_res *res)
{
    seen_thread = pthread_self();
    seen_loop = flare_req_loop(req);
    return flare_res_text(res, 200, "hello\n");
}

static void on_post(void *ctx)
{
    ck_assert(pthread_equal(pthread_self(), seen_thread) != 0);
    __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
}

START_TEST(test_server_M09_posts_run_on_the_loop_and_are_refused_after_it)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;
    int accepted = 0;
    int ran = 0;
    int fd;

    NEED_BACKEND(backends[_i]);
    config.routes = (struct flare_routes){.list = NULL};
    config.handler = (struct flare_handler){on_loop, NULL};
    start(&r, config);
    fd = dial(r.address);
    ck_assert(asks_hello(fd));
    (void)close(fd);
    ck_assert_str_eq(flare_loop_backend(seen_loop), backends[_i]);
    for (int i = 0; i < 100; i++)
        accepted += flare_loop_post(seen_loop, on_post, &ran) == 0;
    flare_server_stop(r.server);
    pthread_join(r.thread, NULL);
    ck_assert_int_eq(ran, accepted);
    ck_assert_int_eq(flare_loop_post(seen_loop, on_post, &ran),
                     FLARE_E_STOPPED);
    flare_server_free(r.server);
    ck_assert_int_eq(r.rc, 0);
}
END_TEST

/* ---- M08, R11: every allocation of a start and a request ---- */

static int scenario_server(struct fault *f, void *ctx)
{
    struct flare_server_config config = valid(ctx);
    flare_server *server;
    int rc;

    config.allocator = f->al;
    rc = flare_server_open(&server, &config, NULL);
    if (rc < 0)
        return rc;
    flare_server_stop(server); /* it starts, and ends at once */
    rc = flare_server_run(server, NULL);
    flare_server_free(server);
    return rc;
}

START_TEST(test_server_M08_survives_every_allocation_failure)
{
    NEED_BACKEND(backends[_i]);
    ck_assert_uint_ge(
        fault_each("server", scenario_server, (void *)(uintptr_t)backends[_i])
            .sites,
        5);
}
END_TEST

/* ---- the life of a server ---- */

START_TEST(test_server_listens_on_every_address_of_the_list)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;

    NEED_BACKEND(backends[_i]);
    config.listen = "127.0.0.1:0, 127.0.0.2:0, unix:@flare-test-list";
    config.workers = 2;
    start(&r, config);
    ck_assert_ptr_nonnull(strstr(r.address, ", unix:@flare-test-list"));
    ck_assert_ptr_eq(flare_server_address(r.server),
                     flare_server_address_at(r.server, 0));
    ck_assert_ptr_null(flare_server_address_at(r.server, 3));
    ck_assert_str_eq(flare_server_address_at(r.server, 2),
                     "unix:@flare-test-list");
    for (int i = 0; i < 4; i++) {
        int fd = dial(flare_server_address_at(r.server, 0));

        ck_assert(asks_hello(fd));
        (void)close(fd);
    }
    flare_server_stop(r.server);
    finish(&r);
    ck_assert_int_eq(r.rc, 0);
}
END_TEST

/* FAILURES M06, both generations in one process. */
START_TEST(test_server_M06_the_next_one_takes_over)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r[3];
    char path[64];
    int fd;

    NEED_BACKEND(backends[_i]);
    (void)snprintf(path, sizeof(path), "/tmp/flare-restart-%ld",
                   (long)getpid());
    config.restart_socket = path;
    for (int i = 0; i < 3; i++) {
        config.workers = (uint32_t)(3 - i);
        start(&r[i], config);
        ck_assert_str_eq(r[i].address, r[0].address);
        if (i > 0) {
            finish(&r[i - 1]); /* nobody stopped it but the next one */
            ck_assert_int_eq(r[i - 1].rc, 0);
        }
        fd = dial(r[i].address);
        ck_assert(asks_hello(fd));
        (void)close(fd);
    }
    flare_server_stop(r[2].server);
    finish(&r[2]);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_server_M06_one_that_never_runs_leaves_the_old_one)
{
    struct flare_server_config config = valid(backends[_i]);
    struct running r;
    flare_server *next;
    char path[64];
    int fd;

    NEED_BACKEND(backends[_i]);
    (void)snprintf(path, sizeof(path), "/tmp/flare-restart-%ld",
                   (long)getpid());
    config.restart_socket = path;
    start(&r, config);
    ck_assert_int_eq(flare_server_open(&next, &config, NULL), 0);
    ck_assert_str_eq(flare_server_address(next), r.address);
    flare_server_free(next);
    fd = dial(r.address);
    ck_assert(asks_hello(fd));
    (void)close(fd);
    flare_server_stop(r.server);
    finish(&r);
}
END_TEST

START_TEST(test_server_K13_numbers_are_read_from_any_thread)
{
    struct flare_server_config config = valid(backends[_i]);
    struct flare_stats all;
    struct flare_stats one;
    struct running r;
    int fds[8];

    NEED_BACKEND(backends[_i]);
    config.workers = 2;
    start(&r, config);
    for (int i = 0; i < ROWS(fds); i++) {
        fds[i] = dial(r.address);
        ck_assert(asks_hello(fds[i]));
        flare_server_stats(r.server, &all); /* while it runs */
        ck_assert_uint_le(all.requests, (uint64_t)i + 1);
    }
    for (int i = 0; i < ROWS(fds); i++)
        (void)close(fds[i]);
    flare_server_stop(r.server);
    pthread_join(r.thread, NULL);
    flare_server_stats(r.server, &all);
    ck_assert_uint_eq(all.accepted, ROWS(fds));
    ck_assert_uint_eq(all.closed, ROWS(fds));
    ck_assert_uint_eq(all.connections, 0);
    ck_assert_uint_eq(all.requests, ROWS(fds));
    ck_assert_uint_eq(all.responses_2xx, ROWS(fds));
    ck_assert_uint_gt(all.bytes_in, 0);
    ck_assert_uint_gt(all.bytes_out, all.bytes_in);
    ck_assert_uint_eq(flare_server_workers(r.server), 2);
    ck_assert_int_eq(flare_server_worker_stats(r.server, 2, &one), -EINVAL);
    ck_assert_int_eq(flare_server_worker_stats(r.server, 1, &one), 0);
    all.accepted -= one.accepted;
    ck_assert_int_eq(flare_server_worker_stats(r.server, 0, &one), 0);
    ck_assert_uint_eq(all.accepted, one.accepted);
    flare_server_free(r.server);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http/server");
    TCase *t = tcase_create("server");
    int n = ROWS(backends);

    tcase_add_loop_test(t, test_server_serves_and_stops_from_another_thread, 0,
                        n);
    tcase_add_loop_test(t, test_server_workers_share_one_address, 0, n);
    tcase_add_loop_test(t, test_server_listens_on_every_address_of_the_list, 0,
                        n);
    tcase_add_loop_test(t, test_server_M06_the_next_one_takes_over, 0, n);
    tcase_add_loop_test(
        t, test_server_M06_one_that_never_runs_leaves_the_old_one, 0, n);
    tcase_add_loop_test(t, test_server_K13_numbers_are_read_from_any_thread, 0,
                        n);
    tcase_add_loop_test(
        t, test_server_a_unix_socket_serves_all_workers_and_goes_with_them, 0,
        n);
    tcase_add_loop_test(
        t, test_server_M02_stopped_before_it_runs_it_does_not_stay, 0, n);
    tcase_add_loop_test(
        t, test_server_M02_the_second_stop_ends_what_is_under_way, 0, n);
    tcase_add_loop_test(
        t, test_server_signals_stop_it_on_request_and_the_mask_comes_back, 0,
        n);
    tcase_add_loop_test(
        t, test_server_K17_the_threads_it_starts_take_no_signals, 0, n);
    tcase_add_test(t, test_server_an_address_in_use_is_named);
    tcase_add_test(t, test_server_a_wrong_configuration_is_named);
    tcase_add_test(t, test_server_a_newer_configuration_is_refused);
    tcase_add_test(
        t, test_server_M08_an_unknown_backend_ends_the_run_with_its_name);
    tcase_add_loop_test(
        t, test_server_M09_posts_run_on_the_loop_and_are_refused_after_it, 0,
        n);
    tcase_add_loop_test(t, test_server_M08_survives_every_allocation_failure, 0,
                        n);
    tcase_add_test(t,
                   test_server_I18_a_broken_loop_ends_the_run_and_can_be_freed);
    tcase_add_test(
        t, test_server_M08_a_unix_socket_that_never_served_is_gone_as_well);
    suite_add_tcase(s, t);
    return test_run(s);
}
