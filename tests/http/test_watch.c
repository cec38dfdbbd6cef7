/* SPDX-License-Identifier: MIT */
/*
 * FAILURES.md R13: a handler that blocks is named by the watchdog, a worker
 * that waits or works is not.  Real threads and time: the handler blocks until
 * it has been named, so nothing here depends on how fast the machine is.
 */
#include <flare/flare.h>

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_LINES = 8, WATCH_WAIT_S = 10 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char address[64];
    char lines[WATCH_LINES][256];
    int count;
    int wanted; /* before /stuck answers */
} saw = {.lock = PTHREAD_MUTEX_INITIALIZER,
         .changed = PTHREAD_COND_INITIALIZER};

static void on_log(enum flare_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    (void)level;
    if (strncmp(text, "worker ", 7) != 0)
        return;
    pthread_mutex_lock(&saw.lock);
    if (saw.count < WATCH_LINES)
        (void)snprintf(saw.lines[saw.count++], sizeof(saw.lines[0]), "%s",
                       text);
    pthread_cond_broadcast(&saw.changed);
    pthread_mutex_unlock(&saw.lock);
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&saw.lock);
    (void)snprintf(saw.address, sizeof(saw.address), "%s", address);
    pthread_cond_broadcast(&saw.changed);
    pthread_mutex_unlock(&saw.lock);
}

/* Until there are so many lines; false: they do not come. */
static bool wait_for_lines(int count)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WATCH_WAIT_S;
    pthread_mutex_lock(&saw.lock);
    while (saw.count < count && rc == 0)
        rc = pthread_cond_timedwait(&saw.changed, &saw.lock, &until);
    pthread_mutex_unlock(&saw.lock);
    return rc == 0;
}

static int on_stuck(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200,
                          wait_for_lines(saw.wanted) ? "named" : "unnamed");
}

static int on_quick(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "quick");
}

static const struct flare_route routes[] = {
    FLARE_GET("/stuck/:id", on_stuck),
    FLARE_GET("/quick", on_quick),
};

static void *run_main(void *arg)
{
    int rc = flare_server_run(arg, NULL);

    return rc < 0 ? arg : NULL;
}

static pthread_t start(flare_server **server, uint32_t stall_ms,
                       uint32_t stall_abort_ms)
{
    pthread_t thread;

    ck_assert_int_eq(flare_server_open(server,
                                       &(struct flare_server_config){
                                           .listen = "127.0.0.1:0",
                                           .routes = FLARE_ROUTES(routes),
                                           .drain_grace_ms = 1,
                                           .stall_ms = stall_ms,
                                           .stall_abort_ms = stall_abort_ms,
                                           .on_log = on_log,
                                           .on_listening = on_listening,
                                       },
                                       NULL),
                     0);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_main, *server), 0);
    pthread_mutex_lock(&saw.lock);
    while (saw.address[0] == '\0')
        pthread_cond_wait(&saw.changed, &saw.lock);
    pthread_mutex_unlock(&saw.lock);
    return thread;
}

static void stop(flare_server *server, pthread_t thread)
{
    void *failed;

    flare_server_stop(server);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    flare_server_free(server);
}

/* One request on a connection of its own; what came. */
static const char *ask(const char *path)
{
    static char text[1024];
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    ssize_t n;

    ck_assert_int_eq(inet_pton(AF_INET, "127.0.0.1", &in.sin_addr), 1);
    in.sin_port =
        htons((uint16_t)strtoul(strchr(saw.address, ':') + 1, NULL, 10));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    n = snprintf(text, sizeof(text),
                 "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                 path);
    ck_assert_int_eq(write(fd, text, (size_t)n), n);
    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
    return text;
}

START_TEST(test_watch_R13_names_the_handler_that_blocks_and_its_end)
{
    flare_server *server;
    pthread_t thread;
    unsigned ms = 0;
    char path[64] = "";

    saw.wanted = 1;
    thread = start(&server, /* stall_ms = */ 10, 0);
    ck_assert_ptr_nonnull(strstr(ask("/quick"), "quick"));
    ck_assert_ptr_nonnull(strstr(ask("/stuck/a%20b?c"), "named"));
    ck_assert(wait_for_lines(2));
    ck_assert_int_eq(sscanf(saw.lines[0],
                            "worker 0 has been in one turn for %u ms, in the "
                            "handler for %63s",
                            &ms, path),
                     2);
    ck_assert_uint_ge(ms, 10);
    ck_assert_str_eq(path, "/stuck/a%20b");
    ck_assert_ptr_nonnull(strstr(saw.lines[1], "worker 0 goes on after"));
    stop(server, thread);
}
END_TEST

START_TEST(test_watch_R13_has_nothing_to_say_of_a_worker_that_waits)
{
    flare_server *server;
    pthread_t thread = start(&server, /* stall_ms = */ 200, 0);

    for (int i = 0; i < 100; i++)
        ck_assert_ptr_nonnull(strstr(ask("/quick"), "quick"));
    stop(server, thread);
    ck_assert_int_eq(saw.count, 0);
}
END_TEST

/* It is stuck for good: the process ends if it was asked to. */
START_TEST(test_watch_R13_aborts_a_worker_that_stays_stuck)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        flare_server *server;

        saw.wanted = WATCH_LINES + 1; /* nothing frees it */
        (void)start(&server, /* stall_ms = */ 100, /* stall_abort_ms = */ 100);
        (void)ask("/stuck/1");
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/watch");
    TCase *tc = tcase_create("watch");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc,
                   test_watch_R13_names_the_handler_that_blocks_and_its_end);
    tcase_add_test(tc,
                   test_watch_R13_has_nothing_to_say_of_a_worker_that_waits);
    tcase_add_test(tc, test_watch_R13_aborts_a_worker_that_stays_stuck);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
