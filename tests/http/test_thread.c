/* SPDX-License-Identifier: MIT */
/*
 * FAILURES.md M11: in a build with FLARE_DEBUG, calls about a request from a
 * thread that is not its loop's end the process, with a line that says so.
 */
#include "tests/http/conn_rig.h"

#include "tests/support/test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    flare_req *req;
    flare_res *res;
    flare_later *later;
} held;

static int on_hold(flare_req *req, flare_res *res)
{
    held.req = req;
    held.res = res;
    held.later = flare_res_defer(res);
    return held.later != NULL ? FLARE_LATER : FLARE_E_OVERLOADED;
}

static void *call_complete(void *arg)
{
    (void)!flare_res_text(held.res, 200, "x");
    return arg;
}

static void *call_header(void *arg)
{
    (void)!flare_res_header(held.res, "A", FLARE_STR("b"));
    return arg;
}

static void *call_start(void *arg)
{
    (void)!flare_res_start(held.res, 200, FLARE_STR("a/b"),
                           FLARE_LENGTH_UNKNOWN);
    return arg;
}

static void *call_write(void *arg)
{
    (void)!flare_res_write(held.res, FLARE_STR("x"));
    return arg;
}

static void *call_finish(void *arg)
{
    (void)!flare_res_finish(held.res);
    return arg;
}

static void *call_abort(void *arg)
{
    flare_res_abort(held.res);
    return arg;
}

static void *call_defer(void *arg)
{
    (void)!flare_res_defer(held.res);
    return arg;
}

static void *call_alloc(void *arg)
{
    (void)!flare_req_alloc(held.req, 8);
    return arg;
}

static const struct {
    const char *name;
    void *(*call)(void *arg);
} calls[] = {
    {"flare_res_text", call_complete}, {"flare_res_header", call_header},
    {"flare_res_start", call_start},   {"flare_res_write", call_write},
    {"flare_res_finish", call_finish}, {"flare_res_abort", call_abort},
    {"flare_res_defer", call_defer},   {"flare_req_alloc", call_alloc},
};

static void refuse(flare_req *req, flare_res *res, void *ctx)
{
    (void)req;
    (void)ctx;
    if (res != NULL)
        (void)!flare_res_empty(res, 204);
}

static struct rig *rig_hold(void)
{
    struct rig *r =
        rig_new(&(struct flare_server_config){.handler = {on_hold, NULL}});

    rig_connect(r, 0);
    rig_text(r, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_run(r, 10);
    ck_assert_ptr_nonnull(held.later);
    return r;
}

START_TEST(test_thread_M11_of_another_loop_may_not_touch_a_request)
{
    struct rig *r = rig_hold();
    char text[256] = "";
    int ends[2];
    int status;
    pid_t child;

#ifndef FLARE_DEBUG
    TEST_SKIP("not a build with FLARE_DEBUG");
#endif
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        pthread_t thread;

        dup2(ends[1], STDERR_FILENO);
        (void)pthread_create(&thread, NULL, calls[_i].call, NULL);
        (void)pthread_join(thread, NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s",
                  calls[_i].name);
    ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
    ck_assert_msg(strstr(text, "flare__loop_is_owner") != NULL, "%s: %s",
                  calls[_i].name, text);
    close(ends[0]);
    close(ends[1]);
    flare_later_answer(held.later, refuse, NULL);
    rig_run(r, 10);
    rig_free(r);
}
END_TEST

/* On the loop's thread the same calls are answered, as right or wrong. */
START_TEST(test_thread_M11_of_its_loop_may)
{
    struct rig *r = rig_hold();

    (void)calls[_i].call(NULL);
    flare_later_answer(held.later, refuse, NULL);
    rig_run(r, 10);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/thread");
    TCase *tc = tcase_create("thread");
    int count = (int)(sizeof(calls) / sizeof(calls[0]));

    tcase_add_loop_test(
        tc, test_thread_M11_of_another_loop_may_not_touch_a_request, 0, count);
    tcase_add_loop_test(tc, test_thread_M11_of_its_loop_may, 0, count);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
