/* SPDX-License-Identifier: MIT */
/*
 * See loop.h.  The order within a turn matters: timers run after events, so a
 * peer whose bytes arrived in time is never timed out by a slow turn.
 */
#include "net/loop.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/trace.h"
#include "net/embed.h"

#include <errno.h>
#include <sched.h>

enum {
    LOOP_MAILBOX_DEFAULT = 1024,
    LOOP_POST_BUDGET = 256 /* posted calls per turn: events get their share */
};

#define NS_PER_MS 1000000u

static void loop_read_clock(struct flare_loop *loop)
{
    loop->now_ns = loop->ops->now(loop->backend);
    loop->now_ms = loop->now_ns / NS_PER_MS;
}

int flare__loop_alloc(struct flare_loop **out,
                      const struct flare__loop_config *config)
{
    uint32_t capacity = config->mailbox_capacity;
    struct flare_loop *loop = flare__calloc(config->al, 1, sizeof(*loop));
    int rc;

    if (loop == NULL)
        return -ENOMEM;
    loop->allocator = *config->al;
    rc = flare__mailbox_new(&loop->mailbox, &loop->allocator,
                            capacity != 0 ? capacity : LOOP_MAILBOX_DEFAULT);
    if (rc < 0) {
        flare__free(config->al, loop);
        return rc;
    }
    atomic_init(&loop->refs, 1);
    loop->log = config->log;
    loop->owner = pthread_self();
    loop->tasks_end = &loop->tasks;
    *out = loop;
    return 0;
}

void flare__loop_begin(struct flare_loop *loop)
{
    loop_read_clock(loop);
    flare__wheel_init(&loop->wheel, loop->now_ms);
}

int flare__loop_open(struct flare_loop **out,
                     const struct flare__loop_config *config)
{
    int rc = flare__loop_alloc(out, config);

    if (rc < 0)
        return rc;
    (*out)->ops = config->ops;
    (*out)->backend = config->backend;
    flare__loop_begin(*out);
    return 0;
}

/* ---- letters ---- */

/* Stands in for the list of a closed loop. */
static struct flare__letter loop_no_more;

bool flare__loop_send(struct flare_loop *loop, struct flare__letter *letter)
{
    struct flare__letter *newest = atomic_load(&loop->letters);

    do {
        if (newest == &loop_no_more)
            return false;
        letter->next = newest;
    } while (!atomic_compare_exchange_weak(&loop->letters, &newest, letter));
    if (newest == NULL) /* the others come before the loop looks again */
        flare__loop_wake(loop);
    return true;
}

/*
 * Opens what has come, the oldest first; `leave` is what stays in the box.  How
 * many there were.
 */
static uint32_t loop_open_letters(struct flare_loop *loop,
                                  struct flare__letter *leave)
{
    struct flare__letter *letter = atomic_exchange(&loop->letters, leave);
    struct flare__letter *oldest = NULL;
    uint32_t count = 0;

    while (letter != NULL) {
        struct flare__letter *next = letter->next;

        letter->next = oldest;
        oldest = letter;
        letter = next;
    }
    while (oldest != NULL) {
        letter = oldest;
        oldest = letter->next;
        letter->fn(letter);
        count++;
    }
    return count;
}

void flare__loop_ref(struct flare_loop *loop)
{
    atomic_fetch_add(&loop->refs, 1);
}

void flare__loop_unref(struct flare_loop *loop)
{
    struct flare_allocator al;

    if (atomic_fetch_sub(&loop->refs, 1) != 1)
        return;
    al = loop->allocator;
    flare__free(&al, loop);
}

/* ---- what is open on it ---- */

void flare__loop_resident_add(struct flare_loop *loop,
                              struct flare__resident *resident,
                              flare__resident_fn evict)
{
    resident->evict = evict;
    resident->next = loop->residents;
    resident->link = &loop->residents;
    if (resident->next != NULL)
        resident->next->link = &resident->next;
    loop->residents = resident;
    loop->resident_count++;
}

void flare__loop_resident_remove(struct flare_loop *loop,
                                 struct flare__resident *resident)
{
    *resident->link = resident->next;
    if (resident->next != NULL)
        resident->next->link = resident->link;
    resident->link = NULL;
    loop->resident_count--;
}

/* Each once; they go back on the loop's list first, where they may leave. */
static void loop_evict_all(struct flare_loop *loop)
{
    struct flare__resident *list = loop->residents;

    loop->residents = NULL;
    if (list != NULL)
        list->link = &list;
    while (list != NULL) {
        struct flare__resident *resident = list;
        flare__resident_fn evict = resident->evict;

        flare__loop_resident_remove(loop, resident);
        flare__loop_resident_add(loop, resident, /* evict = */ NULL);
        if (evict != NULL)
            evict(resident);
    }
}

int flare__loop_evict(struct flare_loop *loop)
{
    loop->is_ending = true;
    if (loop->broken < 0)
        return loop->broken;
    while (loop->resident_count > 0) {
        int rc;

        loop_evict_all(loop);
        if (loop->resident_count == 0)
            break;
        rc = flare__loop_turn(loop, UINT64_MAX);
        if (rc < 0)
            return rc;
    }
    FLARE_ASSERT(loop->resting == 0);
    return 0;
}

bool flare__loop_is_busy(struct flare_loop *loop)
{
    return loop->resident_count > loop->resting || loop->tasks != NULL ||
           atomic_load(&loop->letters) != NULL ||
           !flare__mailbox_is_empty(loop->mailbox);
}

void flare__loop_close(struct flare_loop *loop)
{
    if (loop->broken < 0)
        return;
    FLARE_ASSERT(loop->resident_count == 0);
    for (int i = 0; i < FLARE__EXTRA_COUNT; i++)
        if (loop->extras[i].free_fn != NULL)
            loop->extras[i].free_fn(loop->extras[i].state);
    FLARE_ASSERT(flare__wheel_next(&loop->wheel) == UINT64_MAX);
    flare__mailbox_close(loop->mailbox);
    while (flare__mailbox_drain(loop->mailbox, LOOP_POST_BUDGET) > 0)
        ;
    (void)loop_open_letters(loop, &loop_no_more);
    atomic_store(&loop->is_closed, true);
    while (atomic_load(&loop->guests) != 0)
        (void)sched_yield(); /* one is about to leave */
    flare__embed_close(loop);
    loop->ops->free(loop->backend);
    loop->backend = NULL;
}

void flare__loop_free(struct flare_loop *loop)
{
    if (loop == NULL || loop->broken < 0)
        return;
    if (loop->backend != NULL)
        flare__loop_close(loop);
    flare__mailbox_free(loop->mailbox);
    flare__loop_unref(loop);
}

void flare__loop_wake(struct flare_loop *loop)
{
    atomic_fetch_add(&loop->guests, 1);
    if (!atomic_load(&loop->is_closed))
        loop->ops->wake(loop->backend);
    atomic_fetch_sub(&loop->guests, 1);
}

void flare__loop_task(struct flare_loop *loop, struct flare__task *task,
                      flare__task_fn fn)
{
    if (task->fn != NULL)
        return;
    task->fn = fn;
    task->next = NULL;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
    loop->task_count++;
}

static void loop_task_unlink(struct flare_loop *loop, struct flare__task **link)
{
    struct flare__task *task = *link;

    *link = task->next;
    if (loop->tasks_end == &task->next)
        loop->tasks_end = link;
    task->fn = NULL;
    loop->task_count--;
}

void flare__loop_task_cancel(struct flare_loop *loop, struct flare__task *task)
{
    struct flare__task **link = &loop->tasks;

    if (task->fn == NULL)
        return;
    while (*link != task)
        link = &(*link)->next;
    loop_task_unlink(loop, link);
}

/*
 * Pops one by one, so that a task may cancel another, and no more than were
 * there: those queued meanwhile wait for the next turn.  How many ran.
 */
static uint32_t loop_run_tasks(struct flare_loop *loop)
{
    uint32_t most = loop->task_count;
    uint32_t ran = 0;

    for (; ran < most && loop->tasks != NULL; ran++) {
        struct flare__task *task = loop->tasks;
        flare__task_fn fn = task->fn;

        loop_task_unlink(loop, &loop->tasks);
        fn(task);
    }
    return ran;
}

static uint64_t loop_deadline(const struct flare_loop *loop, uint64_t limit_ns)
{
    uint64_t next_ms;

    if (loop->tasks != NULL)
        return 0;
    next_ms = flare__wheel_next(&loop->wheel);
    if (next_ms >= limit_ns / NS_PER_MS)
        return limit_ns;
    return next_ms * NS_PER_MS;
}

/* What a turn has in it once it has waited. */
static void loop_work(struct flare_loop *loop, int count)
{
    struct flare__loop_counts *done = &loop->counts;

    for (int i = 0; i < count; i++) {
        const struct flare__event *ev = &loop->events[i];

        if (ev->sock != NULL)
            ev->sock->on_event(ev->sock, ev);
    }
    done->turns++;
    done->events += (uint32_t)count;
    done->posts += flare__mailbox_drain(loop->mailbox, LOOP_POST_BUDGET);
    if (atomic_load_explicit(&loop->letters, memory_order_relaxed) != NULL)
        done->posts += loop_open_letters(loop, NULL);
    done->timers += flare__wheel_advance(&loop->wheel, loop->now_ms);
    done->tasks += loop_run_tasks(loop);
}

/* The one thing that belongs to a thread and not to a loop: a blocking call has
 * a loop of its own, and must know of the one that called it. */
static _Thread_local bool loop_in_callback;

bool flare__loop_is_in_callback(void)
{
    return loop_in_callback;
}

int flare__loop_turn(struct flare_loop *loop, uint64_t limit_ns)
{
    bool was_in_callback = loop_in_callback; /* of another loop */
    uint64_t deadline_ns = loop_deadline(loop, limit_ns);
    int count;

    FLARE_DCHECK(flare__loop_is_owner(loop));
    FLARE_ASSERT(!loop->is_turning);
    if (deadline_ns != 0 && !flare__mailbox_sleep(loop->mailbox))
        deadline_ns = 0;
    FLARE__TRACE2(wait__begin, loop, deadline_ns);
    count = loop->ops->poll(loop->backend, loop->events, FLARE__LOOP_BATCH,
                            deadline_ns);
    FLARE__TRACE2(wait__end, loop, count);
    flare__mailbox_awake(loop->mailbox);
    if (count < 0) {
        loop->broken = count;
        return count;
    }
    loop_read_clock(loop);
    atomic_store_explicit(&loop->turn_ns, loop->now_ns, memory_order_relaxed);
    loop->is_turning = true;
    loop_in_callback = true;
    loop_work(loop, count);
    loop_in_callback = was_in_callback;
    loop->is_turning = false;
    atomic_store_explicit(&loop->turn_ns, 0, memory_order_relaxed);
    return 0;
}

int flare_loop_post(flare_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    int rc = flare__mailbox_post(loop->mailbox, fn, ctx);

    if (rc == 1)
        flare__loop_wake(loop);
    return rc < 0 ? rc : 0;
}

const char *flare_loop_backend(const flare_loop *loop)
{
    return loop->ops->name;
}
