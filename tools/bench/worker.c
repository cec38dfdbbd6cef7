/* SPDX-License-Identifier: MIT */
/* A thread of load; see worker.h. */
#include "tools/bench/worker.h"

#include "tools/bench/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 50,         /* how late a timeout may be seen */
    CONNECTING_MAX = 256, /* at a time: half of a usual backlog */
    GRACE_MAX_NS = 1000000000
};

static const uint64_t retry_min_ns = 10000000;
static const uint64_t retry_max_ns = 1000000000;

/* ---- what counts ---- */

/* In the closed loop what is answered within the stretch; else the requests
 * that were to be sent within it. */
static bool counts(const struct worker *w, uint64_t start, uint64_t now)
{
    if (!w->is_active)
        return false;
    if (w->phase.rate == 0 && w->phase.count == 0)
        return now >= w->from_ns && now <= w->until_ns;
    return start >= w->from_ns && start <= w->until_ns;
}

static bool is_counting(const struct worker *w, uint64_t now)
{
    return w->is_active && now >= w->from_ns;
}

void worker_count_bytes(struct worker *w, uint64_t in, uint64_t out,
                        uint64_t now)
{
    if (!is_counting(w, now))
        return;
    tally_add(&w->tally.bytes_in, in);
    tally_add(&w->tally.bytes_out, out);
}

static void remember_fault(struct worker *w, enum tally_error error,
                           const char *why)
{
    if (w->has_fault || why == NULL)
        return;
    snprintf(w->fault, sizeof(w->fault), "%s: %s", tally_error_name(error),
             why);
    __atomic_store_n(&w->has_fault, true, __ATOMIC_RELEASE);
}

const char *worker_fault(const struct worker *w)
{
    return __atomic_load_n(&w->has_fault, __ATOMIC_ACQUIRE) ? w->fault : "";
}

/* ---- the end of a phase ---- */

static void finish(struct worker *w)
{
    w->is_active = false;
    w->is_issuing = false;
    flare_timer_stop(w->end);
    run_post(w->run, run_on_done, w);
}

/* Moments that have passed and found no connection: whoever would have sent
 * these requests has waited at least until now. */
static void count_unsent(struct worker *w, uint64_t now)
{
    uint64_t until = w->until_ns < now ? w->until_ns : now;
    if (w->phase.rate == 0)
        return;
    while (w->left > 0 && pace_due(&w->pace) < until) {
        uint64_t due = pace_due(&w->pace);

        if (due >= w->from_ns) {
            tally_add(&w->tally.unsent, 1);
            histogram_add(&w->tally.latency, now - due);
            w->left--;
        }
        pace_step(&w->pace, &w->pen);
    }
}

static void count_unanswered(struct worker *w, uint64_t now)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct slot *slot = &w->slots[i];

        for (uint32_t k = 0; k < slot->count; k++) {
            struct flight *f =
                &slot->flights[(slot->first + k) % w->job->depth];

            if (f->start_ns < w->from_ns && w->phase.rate > 0)
                continue;
            tally_add(&w->tally.unanswered, 1);
            if (w->phase.rate > 0)
                histogram_add(&w->tally.latency, now - f->start_ns);
        }
    }
}

static void check_done(struct worker *w)
{
    if (w->is_active && !w->is_issuing && w->under_way == 0)
        finish(w);
}

/* No more is sent.  At a rate what is under way is waited for: to forget the
 * slowest would be to say that all is well. */
static void end_issuing(struct worker *w, uint64_t now)
{
    w->is_issuing = false;
    if (w->phase.rate == 0 && w->phase.count == 0) {
        count_unanswered(w, now);
        finish(w);
        return;
    }
    count_unsent(w, now);
    check_done(w);
}

/* How long requests that were due in time may still be sent: a tenth of the
 * stretch, for those that the end has caught in the queue. */
static uint64_t grace_ns(const struct worker *w)
{
    uint64_t tenth = (w->until_ns - w->from_ns) / 10;

    return tenth < GRACE_MAX_NS ? tenth : GRACE_MAX_NS;
}

static bool has_backlog(const struct worker *w)
{
    return w->phase.rate > 0 && w->left > 0 && pace_due(&w->pace) < w->until_ns;
}

static void on_end(flare_timer *timer, void *ctx)
{
    struct worker *w = ctx;
    uint64_t now = pace_now();

    (void)timer;
    if (!w->is_issuing)
        return;
    if (has_backlog(w) && !w->is_in_grace) {
        w->is_in_grace = true;
        flare_timer_start(w->end, grace_ns(w) / 1000000, 0);
        return;
    }
    end_issuing(w, now);
}

void worker_cut(void *ctx)
{
    struct worker *w = ctx;
    uint64_t now = pace_now();

    if (!w->is_active)
        return;
    if (now < w->until_ns)
        w->until_ns = now;
    if (w->is_issuing)
        end_issuing(w, now);
    if (w->is_active) {
        count_unanswered(w, now);
        finish(w);
    }
}

/* ---- flights ---- */

struct flight *worker_oldest(struct slot *slot)
{
    return slot->count > 0 ? &slot->flights[slot->first] : NULL;
}

static struct flight pop_flight(struct slot *slot)
{
    struct flight flight = slot->flights[slot->first];

    slot->first++;
    if (slot->first == slot->worker->job->depth)
        slot->first = 0;
    slot->count--;
    slot->worker->under_way--;
    return flight;
}

static void push_flight(struct slot *slot, uint64_t start, uint64_t now)
{
    struct worker *w = slot->worker;
    uint32_t at = slot->first + slot->count;

    if (at >= w->job->depth)
        at -= w->job->depth;
    slot->flights[at] =
        (struct flight){.start_ns = start, .sent_ns = now, .seq = w->pen.seq};
    w->pen.seq += w->pen.step;
    slot->count++;
    w->under_way++;
}

void worker_answered(struct slot *slot, unsigned status, uint64_t now)
{
    struct worker *w = slot->worker;
    struct flight flight = pop_flight(slot);

    slot->was_useful = true;
    if (!counts(w, flight.start_ns, now))
        return;
    tally_add(&w->tally.answers, 1);
    if (status > 0)
        tally_add(&w->tally.status[status], 1);
    histogram_add(&w->tally.latency, now - flight.start_ns);
    if (w->phase.rate > 0)
        histogram_add(&w->tally.service, now - flight.sent_ns);
}

/* ---- sending ---- */

static bool is_all_sent(const struct worker *w)
{
    return w->left == 0 || (w->is_in_grace && !has_backlog(w));
}

/* Whether a request may be sent now, and since when it should have been. */
static bool may_issue(struct worker *w, uint64_t now, uint64_t *start)
{
    if (!w->is_issuing)
        return false;
    *start = w->phase.rate > 0 ? pace_due(&w->pace) : now;
    if (*start > now || *start >= w->until_ns)
        return false;
    if (*start >= w->from_ns) {
        if (w->left == 0)
            return false;
        w->left--;
    }
    if (w->phase.rate > 0)
        pace_step(&w->pace, &w->pen);
    return true;
}

static void push_ready(struct slot *slot)
{
    struct worker *w = slot->worker;

    if (slot->is_ready)
        return;
    slot->is_ready = true;
    slot->next_ready = NULL;
    if (w->ready_first == NULL)
        w->ready_first = slot;
    else
        w->ready_last->next_ready = slot;
    w->ready_last = slot;
}

static struct slot *pop_ready(struct worker *w)
{
    struct slot *slot = w->ready_first;

    if (slot == NULL)
        return NULL;
    w->ready_first = slot->next_ready;
    slot->is_ready = false;
    return slot;
}

static void send_flights(struct slot *slot, uint32_t count)
{
    if (count > 0)
        slot->worker->protocol->send(slot, count);
}

static void refill_at_rate(struct slot *slot, uint64_t now)
{
    struct worker *w = slot->worker;
    bool was_empty = w->ready_first == NULL;
    uint32_t sent = 0;
    uint64_t start;

    while (slot->count < w->job->depth && may_issue(w, now, &start)) {
        push_flight(slot, start, now);
        sent++;
    }
    send_flights(slot, sent);
    if (slot->count == w->job->depth)
        return;
    push_ready(slot);
    if (was_empty)
        pace_clock_set(w->clock, pace_due(&w->pace));
}

void worker_refill(struct slot *slot, uint64_t now)
{
    struct worker *w = slot->worker;
    uint32_t sent = 0;
    uint64_t start;

    if (w->is_issuing && is_all_sent(w))
        end_issuing(w, now);
    if (!w->is_issuing) {
        check_done(w);
        return;
    }
    if (slot->state != SLOT_OPEN)
        return;
    if (w->phase.rate > 0) {
        refill_at_rate(slot, now);
        return;
    }
    while (slot->count < w->job->depth && may_issue(w, now, &start)) {
        push_flight(slot, start, now);
        sent++;
    }
    send_flights(slot, sent);
}

/* It is time for a request: the slots with room take turns. */
static void on_moment(void *ctx)
{
    struct worker *w = ctx;
    uint64_t now = pace_now();

    while (w->is_issuing && w->ready_first != NULL) {
        struct slot *slot = w->ready_first;
        uint64_t start;

        if (slot->state == SLOT_OPEN && slot->count < w->job->depth) {
            if (!may_issue(w, now, &start))
                break;
            push_flight(slot, start, now);
            send_flights(slot, 1);
        }
        pop_ready(w);
        if (slot->state == SLOT_OPEN && slot->count < w->job->depth)
            push_ready(slot);
    }
    if (w->is_issuing && is_all_sent(w))
        end_issuing(w, now);
    if (w->is_issuing && w->ready_first != NULL)
        pace_clock_set(w->clock, pace_due(&w->pace));
}

/* ---- connections ---- */

static void open_slot(struct slot *slot)
{
    struct worker *w = slot->worker;
    int rc;

    slot->state = SLOT_CONNECTING;
    slot->was_useful = false;
    slot->since_ns = pace_now();
    w->connecting++;
    w->links++;
    rc = w->protocol->open(slot);
    if (rc < 0) {
        w->links--;
        worker_lost(slot, TALLY_CONNECT, flare_strerror(rc));
    }
}

/* At first, one after the other: a server's backlog is not endless. */
static void open_more(struct worker *w)
{
    while (!w->is_stopping && w->opened < w->slot_count &&
           w->connecting < CONNECTING_MAX)
        open_slot(&w->slots[w->opened++]);
}

/* Those whose time has come to try again. */
static void open_idle(struct worker *w, uint64_t now)
{
    for (uint32_t i = 0; i < w->opened; i++)
        if (w->slots[i].state == SLOT_IDLE && w->slots[i].since_ns <= now)
            open_slot(&w->slots[i]);
}

/* A slot has connected, or failed to. */
static void tried(struct slot *slot)
{
    struct worker *w = slot->worker;

    w->connecting--;
    if (slot->was_tried)
        return;
    slot->was_tried = true;
    if (++w->tried == w->slot_count)
        run_post(w->run, run_on_ready, w);
}

void worker_opened(struct slot *slot)
{
    struct worker *w = slot->worker;
    uint64_t now = pace_now();

    slot->state = SLOT_OPEN;
    slot->failures = 0;
    answer_reset(&slot->answer);
    tally_add(&w->tally.connects, 1);
    histogram_add(&w->tally.connect, now - slot->since_ns);
    tried(slot);
    open_more(w);
    for (uint32_t i = 0; i < slot->count; i++)
        slot->flights[(slot->first + i) % w->job->depth].sent_ns = now;
    send_flights(slot, slot->count);
    worker_refill(slot, now);
}

static void let_go(struct slot *slot, void (*how)(struct slot *slot))
{
    if (slot->state == SLOT_CONNECTING)
        tried(slot);
    if (slot->link != NULL)
        how(slot);
    slot->link = NULL;
    slot->state = SLOT_IDLE;
}

/* At once if the last connection was of any use; else later and later: a server
 * that takes none is not to be flooded with more. */
static void open_again(struct slot *slot, uint64_t now)
{
    uint64_t wait = retry_min_ns << (slot->failures < 7 ? slot->failures : 7);

    if (slot->worker->is_stopping)
        return;
    if (slot->was_useful)
        open_slot(slot);
    else
        slot->since_ns = now + (wait < retry_max_ns ? wait : retry_max_ns);
}

/* It would have carried a request. */
static void count_failed_connect(struct worker *w, enum tally_error error)
{
    tally_add(&w->tally.errors[error], 1);
    if (w->is_issuing && w->phase.count > 0 && w->left > 0)
        w->left--;
}

void worker_lost(struct slot *slot, enum tally_error error, const char *why)
{
    struct worker *w = slot->worker;
    uint64_t now = pace_now();
    bool was_open = slot->state == SLOT_OPEN;

    remember_fault(w, error, why);
    if (slot->count == 0 && !was_open)
        count_failed_connect(w, error);
    if (slot->count == 0 && error == TALLY_FRAMING && is_counting(w, now))
        tally_add(&w->tally.errors[error], 1); /* more than was asked for */
    while (slot->count > 0) {
        struct flight flight = pop_flight(slot);

        if (!counts(w, flight.start_ns, now))
            continue;
        tally_add(&w->tally.errors[error], 1);
        /* As long as this it has taken at least. */
        if (error == TALLY_TIMEOUT)
            histogram_add(&w->tally.latency, now - flight.start_ns);
    }
    let_go(slot, w->protocol->abort);
    if (!was_open)
        slot->failures++;
    open_again(slot, now);
    worker_refill(slot, now);
}

void worker_reopen(struct slot *slot)
{
    struct worker *w = slot->worker;
    uint64_t now = pace_now();

    let_go(slot, w->protocol->close);
    if (is_counting(w, now))
        tally_add(&w->tally.resent, slot->count);
    open_again(slot, now);
}

void worker_link_closed(struct worker *w)
{
    w->links--;
    if (w->is_stopping && w->links == 0)
        flare_loop_stop(w->loop);
}

/* ---- time ---- */

static void on_tick(flare_timer *timer, void *ctx)
{
    struct worker *w = ctx;
    uint64_t now = pace_now();

    (void)timer;
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct slot *slot = &w->slots[i];

        if (slot->state == SLOT_OPEN && slot->count > 0 &&
            worker_oldest(slot)->sent_ns + w->job->timeout_ns <= now)
            worker_lost(slot, TALLY_TIMEOUT, "no answer in time");
        else if (slot->state == SLOT_CONNECTING &&
                 slot->since_ns + w->job->timeout_ns <= now)
            worker_lost(slot, TALLY_CONNECT_TIMEOUT, "no connection in time");
    }
    open_more(w);
    open_idle(w, now);
}

void worker_begin(void *ctx)
{
    struct worker *w = ctx;
    uint64_t now = pace_now();
    uint64_t ms;

    tally_restart(&w->tally);
    w->has_fault = false;
    w->is_active = true;
    w->is_issuing = true;
    w->is_in_grace = false;
    if (w->phase.rate > 0)
        w->pace =
            pace_begin(w->begin_ns, w->phase.rate / w->job->threads,
                       (double)w->index / w->job->threads, w->phase.is_poisson);
    w->ready_first = NULL;
    if (w->until_ns != UINT64_MAX) {
        ms = w->until_ns > now ? (w->until_ns - now + 999999) / 1000000 : 0;
        flare_timer_start(w->end, ms, 0);
    }
    for (uint32_t i = 0; i < w->slot_count; i++) {
        w->slots[i].is_ready = false;
        worker_refill(&w->slots[i], now);
    }
    if (w->slot_count == 0)
        end_issuing(w, now);
}

void worker_stop(void *ctx)
{
    struct worker *w = ctx;

    w->is_stopping = true;
    flare_timer_stop(w->tick);
    for (uint32_t i = 0; i < w->slot_count; i++)
        let_go(&w->slots[i], w->protocol->close);
    if (w->links == 0)
        flare_loop_stop(w->loop);
}

/* ---- the thread ---- */

static int set_up(struct worker *w, struct flare_error *err)
{
    const struct job *job = w->job;
    struct flare_loop_config config = {.backend = job->backend, .stays = true};
    int rc = flare_loop_new(&w->loop, &config, err);

    if (rc == 0 && job->is_tls)
        rc = flare_tls_client_new(&w->tls, &job->tls, err);
    if (rc < 0)
        return rc;
    w->slots = calloc(w->slot_count, sizeof(*w->slots));
    w->flights =
        calloc((size_t)w->slot_count * job->depth, sizeof(*w->flights));
    if (w->slots == NULL || w->flights == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = flare_timer_new(w->loop, &w->tick, on_tick, w);
    if (rc == 0)
        rc = flare_timer_new(w->loop, &w->end, on_end, w);
    if (rc == 0)
        rc = pace_clock_open(&w->clock, w->loop, on_moment, w);
    if (rc < 0) {
        snprintf(err->text, sizeof(err->text), "%s", flare_strerror(rc));
        return rc;
    }
    w->pen = text_pen(w->index, job->threads);
    w->protocol->begin(w);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        w->slots[i].worker = w;
        w->slots[i].flights = &w->flights[(size_t)i * job->depth];
        w->slots[i].answer.memo = &w->memo;
    }
    return 0;
}

static void tear_down(struct worker *w)
{
    pace_clock_close(w->clock);
    flare_timer_free(w->tick);
    flare_timer_free(w->end);
    flare_loop_free(w->loop);
    flare_tls_client_free(w->tls);
    for (uint32_t i = 0; w->slots != NULL && i < w->slot_count; i++)
        answer_fini(&w->slots[i].answer);
    free(w->slots);
    free(w->flights);
    text_out_fini(&w->out);
    free((char *)w->block.ptr); /* the protocol's begin made it */
}

void *worker_main(void *ctx)
{
    struct worker *w = ctx;

    w->rc = set_up(w, &w->err);
    if (w->rc < 0) {
        run_post(w->run, run_on_ready, w);
    } else {
        flare_timer_start(w->tick, TICK_MS, TICK_MS);
        open_more(w);
        w->rc = flare_loop_run(w->loop);
        if (w->rc < 0)
            run_post(w->run, run_on_done, w);
    }
    run_wait_posted(w->run);
    tear_down(w);
    return NULL;
}
