/* SPDX-License-Identifier: MIT */
/* See input.h. */
#include "tools/ws/input.h"

#include "tools/common/tool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    flare_loop *loop; /* NULL: it is over */
    input_fn fn;
    void *ctx;
    char *line;
    ssize_t len; /* negative: the end */
    bool is_taken;
} in = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void tell(void *ctx)
{
    struct flare_str line = {NULL, 0};

    (void)ctx;
    if (in.len >= 0)
        line = (struct flare_str){in.line, (size_t)in.len};
    in.fn(line, in.ctx);
}

/* Hands the line over and waits until it is taken.  false: it is over. */
static bool hand_over(void)
{
    int rc = FLARE_E_MAILBOX_FULL;

    pthread_mutex_lock(&in.lock);
    in.is_taken = false;
    while (in.loop != NULL && rc == FLARE_E_MAILBOX_FULL) {
        const struct timespec while_it_is_full = {.tv_nsec = 1000000};

        rc = flare_loop_post(in.loop, tell, NULL);
        if (rc == FLARE_E_MAILBOX_FULL) {
            pthread_mutex_unlock(&in.lock);
            nanosleep(&while_it_is_full, NULL);
            pthread_mutex_lock(&in.lock);
        }
    }
    while (in.loop != NULL && rc == 0 && !in.is_taken)
        pthread_cond_wait(&in.changed, &in.lock);
    pthread_mutex_unlock(&in.lock);
    return rc == 0 && in.is_taken;
}

static void *read_lines(void *ctx)
{
    size_t size = 0;

    do {
        in.len = getline(&in.line, &size, stdin);
        if (in.len > 0 && in.line[in.len - 1] == '\n')
            in.len--;
    } while (hand_over() && in.len >= 0);
    return ctx;
}

void input_start(flare_loop *loop, input_fn fn, void *ctx)
{
    pthread_t thread;
    sigset_t all, before;
    int rc;

    in.loop = loop;
    in.fn = fn;
    in.ctx = ctx;
    sigfillset(&all); /* they are for the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, NULL, read_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        tool_die("no thread: %s", flare_strerror(-rc));
    pthread_detach(thread); /* it may sit in a read that never returns */
}

void input_next(void)
{
    pthread_mutex_lock(&in.lock);
    in.is_taken = true;
    pthread_cond_signal(&in.changed);
    pthread_mutex_unlock(&in.lock);
}

void input_stop(void)
{
    pthread_mutex_lock(&in.lock);
    in.loop = NULL;
    pthread_cond_signal(&in.changed);
    pthread_mutex_unlock(&in.lock);
}
