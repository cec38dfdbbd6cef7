/* SPDX-License-Identifier: MIT */
/* The executor: all start or none runs, and nothing of it is left. */
#include "net/worker.h"

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 8 };

static struct {
    struct fault fault;
    atomic_int starts;
    atomic_int runs; /* that were asked whether to go on */
    atomic_int finishes;
    atomic_int broken;
    int on_started;
    int fails_at; /* this worker's start fails; -1: none */
    int breaks_at;
    struct flare_loop *loops[WORKERS_MAX];
    int cpus[WORKERS_MAX]; /* the one each was bound to; -1: more */
} seen;

static int only_cpu(void)
{
    cpu_set_t set;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    for (int i = 0; CPU_COUNT(&set) == 1 && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            return i;
    return -1;
}

static int on_start(struct flare__worker *w, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&seen.starts, 1);
    seen.cpus[w->index] = only_cpu();
    if ((int)w->index == seen.fails_at)
        return flare__error(&w->error, -EPROTO, "worker %u would not",
                            w->index);
    seen.loops[w->index] = w->loop;
    return 0;
}

static void on_started(void *ctx)
{
    (void)ctx;
    seen.on_started++;
}

/* Puts another file where the epoll descriptor of this worker is. */
static void break_epoll(void)
{
    char path[64];
    char what[64];

    for (int fd = 3; fd < 256; fd++) {
        ssize_t n;
        int null;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, what, sizeof(what) - 1);
        if (n < 0)
            continue;
        what[n] = '\0';
        if (strcmp(what, "anon_inode:[eventpoll]") != 0)
            continue;
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(dup2(null, fd), fd);
        (void)close(null);
    }
}

static bool goes_on(struct flare__worker *w, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&seen.runs, 1);
    if ((int)w->index != seen.breaks_at)
        return false;
    break_epoll();
    return true;
}

static void on_finish(struct flare__worker *w, void *ctx)
{
    (void)w;
    (void)ctx;
    atomic_fetch_add(&seen.finishes, 1);
}

static void on_broken(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&seen.broken, 1);
}

static void reset(void)
{
    memset(&seen, 0, sizeof(seen));
    fault_init(&seen.fault, FAULT_NEVER, 0);
    seen.fails_at = -1;
    seen.breaks_at = -1;
}

static struct flare__executor_config config_of(uint32_t count)
{
    return (struct flare__executor_config){
        .count = count,
        .backend = "epoll",
        .al = &seen.fault.al,
        .start = on_start,
        .on_started = on_started,
        .goes_on = goes_on,
        .on_broken = on_broken,
        .finish = on_finish,
    };
}

static void loops_free(void)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        flare__loop_free(seen.loops[i]);
    memset(seen.loops, 0, sizeof(seen.loops));
}

static int fds_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

START_TEST(test_worker_all_start_run_and_finish)
{
    for (uint32_t n = 1; n <= WORKERS_MAX; n++) {
        struct flare__executor_config config = config_of(n);

        reset();
        ck_assert_int_eq(flare__executor_run(&config, NULL), 0);
        ck_assert_int_eq(seen.starts, (int)n);
        ck_assert_int_eq(seen.runs, (int)n);
        ck_assert_int_eq(seen.finishes, (int)n);
        ck_assert_int_eq(seen.on_started, 1);
        loops_free();
        fault_fini(&seen.fault, "workers");
    }
}
END_TEST

START_TEST(test_worker_M08_if_one_fails_to_start_none_runs)
{
    int before = fds_open();

    for (int k = 0; k < WORKERS_MAX; k++) {
        struct flare__executor_config config = config_of(WORKERS_MAX);
        struct flare_error err = {.code = 0};

        reset();
        seen.fails_at = k;
        ck_assert_int_eq(flare__executor_run(&config, &err), -EPROTO);
        ck_assert_msg(strstr(err.text, "would not") != NULL, "%s", err.text);
        ck_assert_int_eq(seen.runs, 0);
        ck_assert_int_eq(seen.on_started, 0);
        ck_assert_int_eq(seen.finishes, WORKERS_MAX - 1);
        loops_free();
        fault_fini(&seen.fault, "workers");
        ck_assert_int_eq(fds_open(), before);
    }
}
END_TEST

/* Threads: the numbers of the sites vary, every run ends well all the same. */
START_TEST(test_worker_M08_every_allocation_failure_is_undone)
{
    uint64_t failed = 1;

    for (uint64_t at = 1; failed > 0; at++) {
        struct flare__executor_config config = config_of(3);
        int rc;

        reset();
        seen.fault.at = at;
        seen.fault.mode = FAULT_ONCE;
        rc = flare__executor_run(&config, NULL);
        failed = seen.fault.failed;
        ck_assert_int_eq(rc<0, failed> 0);
        ck_assert_int_eq(seen.runs, rc < 0 ? 0 : 3);
        ck_assert_int_eq(seen.finishes, seen.starts);
        loops_free();
        fault_fini(&seen.fault, "workers");
    }
}
END_TEST

START_TEST(test_worker_M08_a_backend_that_is_none_is_named)
{
    struct flare__executor_config config = config_of(2);
    struct flare_error err = {.code = 0};

    reset();
    config.backend = "nonsense";
    ck_assert_int_lt(flare__executor_run(&config, &err), 0);
    ck_assert_msg(strstr(err.text, "nonsense") != NULL, "%s", err.text);
    ck_assert_int_eq(seen.starts, 0);
    fault_fini(&seen.fault, "workers");
}
END_TEST

START_TEST(test_worker_I18_a_broken_loop_is_told_and_stays)
{
    struct flare__executor_config config = config_of(1);
    struct flare_error err = {.code = 0};

    reset();
    seen.breaks_at = 0;
    ck_assert_int_lt(flare__executor_run(&config, &err), 0);
    ck_assert_msg(strstr(err.text, "broke") != NULL, "%s", err.text);
    ck_assert_int_eq(seen.broken, 1);
    ck_assert_int_eq(seen.finishes, 0);
    ck_assert_ptr_nonnull(seen.loops[0]->backend);
}
END_TEST

START_TEST(test_worker_pinning_is_round_the_mask_and_ends_with_the_run)
{
    struct flare__executor_config config = config_of(WORKERS_MAX);
    cpu_set_t before;
    cpu_set_t after;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    reset();
    config.is_pinned = true;
    ck_assert_int_eq(flare__executor_run(&config, NULL), 0);
    for (int i = 0; i < WORKERS_MAX; i++) {
        ck_assert_int_ge(seen.cpus[i], 0);
        ck_assert_int_eq(seen.cpus[i], seen.cpus[i % CPU_COUNT(&before)]);
    }
    if (CPU_COUNT(&before) > 1)
        ck_assert_int_ne(seen.cpus[0], seen.cpus[1]);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert_msg(CPU_EQUAL(&before, &after), "the caller stays pinned");
    loops_free();
    fault_fini(&seen.fault, "workers");
}
END_TEST

START_TEST(test_worker_cpus_are_those_of_the_mask)
{
    cpu_set_t all;
    cpu_set_t one;
    uint32_t cpus = flare__worker_cpus();

    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    ck_assert_uint_ge(cpus, 1);
    ck_assert_uint_le(cpus, (unsigned)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    ck_assert_uint_eq(flare__worker_cpus(), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/worker");
    TCase *t = tcase_create("worker");

    tcase_add_test(t, test_worker_all_start_run_and_finish);
    tcase_add_test(t, test_worker_M08_if_one_fails_to_start_none_runs);
    tcase_add_test(t, test_worker_M08_every_allocation_failure_is_undone);
    tcase_add_test(t, test_worker_M08_a_backend_that_is_none_is_named);
    tcase_add_test(t, test_worker_I18_a_broken_loop_is_told_and_stays);
    tcase_add_test(t,
                   test_worker_pinning_is_round_the_mask_and_ends_with_the_run);
    tcase_add_test(t, test_worker_cpus_are_those_of_the_mask);
    suite_add_tcase(s, t);
    return test_run(s);
}
