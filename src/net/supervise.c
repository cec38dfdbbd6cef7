/* SPDX-License-Identifier: MIT */
/*
 * flare_supervise: which places get a process when, rolling, giving up, the
 * end.  See supervise.h.  No thread, no handler: one loop that waits for a
 * signal or the next moment at which something is due.
 */
#include "net/supervise.h"

#include "base/alloc.h"
#include "net/clock.h"
#include "net/os.h"
#include "net/steer.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SUPERVISE_PROCESSES_MAX = 1024,
    SUPERVISE_HOUR_MS = 3600000,
    SUPERVISE_TICK_MS = 10,        /* of looking at queues */
    SUPERVISE_EMPTY_MAX_MS = 1000, /* of queues that cannot be sealed */
    SUPERVISE_FD_TEXT = 16         /* ",fd:" and a number */
};

static uint64_t supervise_clock(void)
{
    return flare__clock_monotonic() / 1000000;
}

/* ---- the configuration ---- */

static int supervise_number(uint32_t *value, uint32_t preset, uint32_t max,
                            const char *name, struct flare_error *err)
{
    if (*value == 0)
        *value = preset;
    if (*value <= max)
        return 0;
    return flare__error(err, FLARE_E_BAD_CONFIG, "%s: %u is above %u", name,
                        *value, max);
}

static int supervise_resolve(struct flare_supervise_config *c,
                             struct flare_error *err)
{
    const struct {
        uint32_t *value;
        uint32_t preset;
        uint32_t max;
        const char *name;
    } numbers[] = {
        {&c->processes, 2, SUPERVISE_PROCESSES_MAX, "processes"},
        {&c->steady_ms, 1000, SUPERVISE_HOUR_MS, "steady_ms"},
        {&c->crashes_max, 8, 1000, "crashes_max"},
        {&c->backoff_ms, 100, SUPERVISE_HOUR_MS, "backoff_ms"},
        {&c->backoff_max_ms, 5000, SUPERVISE_HOUR_MS, "backoff_max_ms"},
        {&c->stop_timeout_ms, 40000, 24 * SUPERVISE_HOUR_MS, "stop_timeout_ms"},
    };

    if (c->listen == NULL || c->run == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "supervise: `listen` and `run` are required");
    if (c->allocator.alloc_fn == NULL)
        c->allocator = flare__allocator_default;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int rc = supervise_number(numbers[i].value, numbers[i].preset,
                                  numbers[i].max, numbers[i].name, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- signals ---- */

/* Of threads that do not block it. */
static void supervise_on_child(int number)
{
    (void)number;
}

static int supervise_block(struct flare__supervisor *s)
{
    const struct sigaction preset = {.sa_handler = supervise_on_child,
                                     .sa_flags = SA_RESTART};
    int rc;

    (void)sigemptyset(&s->waited); /* these cannot fail */
    (void)sigaddset(&s->waited, SIGTERM);
    (void)sigaddset(&s->waited, SIGINT);
    (void)sigaddset(&s->waited, SIGCHLD);
    if (s->config.roll_on_hangup)
        (void)sigaddset(&s->waited, SIGHUP);
    /* With SIG_IGN, which is inherited, no status could be waited for; with
     * SIG_DFL a BSD forgets the signal instead of keeping it for the wait. */
    if (sigaction(SIGCHLD, &preset, &s->chld_before) < 0)
        return -errno;
    rc = pthread_sigmask(SIG_BLOCK, &s->waited, &s->mask_before);
    if (rc != 0)
        (void)sigaction(SIGCHLD, &s->chld_before, NULL);
    return -rc;
}

static void supervise_unblock(struct flare__supervisor *s)
{
    sigset_t chld;

    /* Of our own processes: nobody else would know what it is for. */
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    (void)flare__os_signals_wait(&chld, 0);
    (void)sigaction(SIGCHLD, &s->chld_before, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &s->mask_before, NULL);
}

/* ---- the end ---- */

static void supervise_end(struct flare__supervisor *s)
{
    s->phase = FLARE__SUPERVISE_ENDING;
    for (uint32_t i = 0; i < s->config.processes; i++) {
        flare__supervise_tell(s, &s->places[i].now);
        flare__supervise_tell(s, &s->places[i].old);
    }
}

/* The sockets are sealed here, as to the children they are somebody else's. */
static void supervise_stop(struct flare__supervisor *s)
{
    if (s->phase != FLARE__SUPERVISE_RUNNING)
        return;
    s->phase = FLARE__SUPERVISE_EMPTYING;
    s->stop_ms = s->now_ms;
    s->roll = s->config.processes;
    flare__listen_set_seal(&s->set);
}

static void supervise_kill_all(struct flare__supervisor *s)
{
    supervise_stop(s);
    supervise_end(s);
    for (uint32_t i = 0; i < s->config.processes; i++) {
        flare__supervise_kill(&s->places[i].now);
        flare__supervise_kill(&s->places[i].old);
    }
}

/* What waits in queues that somebody accepts from. */
static enum flare__listen_left supervise_left(const struct flare__supervisor *s)
{
    enum flare__listen_left most = FLARE__LISTEN_EMPTY;

    for (uint32_t i = 0; i < s->config.processes; i++) {
        enum flare__listen_left left;

        if (s->places[i].now.pid == 0)
            continue;
        left = flare__listen_set_left(&s->set, i);
        if (left == FLARE__LISTEN_OPEN)
            return left;
        if (left != FLARE__LISTEN_EMPTY)
            most = left;
    }
    return most;
}

/* A sealed queue gets shorter until it is empty; another may never be. */
static void supervise_empty(struct flare__supervisor *s)
{
    enum flare__listen_left left = supervise_left(s);
    uint64_t passed_ms = s->now_ms - s->stop_ms;

    if (left != FLARE__LISTEN_EMPTY)
        s->empty_ms = 0;
    else if (s->empty_ms == 0)
        s->empty_ms = s->now_ms;
    if ((left == FLARE__LISTEN_EMPTY &&
         s->now_ms - s->empty_ms >= flare__listen_set_handshake_ms(&s->set)) ||
        (left == FLARE__LISTEN_OPEN && passed_ms >= SUPERVISE_EMPTY_MAX_MS) ||
        passed_ms >= s->config.stop_timeout_ms)
        supervise_end(s);
}

/* ---- places ---- */

static void supervise_give_up(struct flare__supervisor *s, uint32_t i,
                              const char *how)
{
    if (s->rc < 0)
        return; /* the first one is the reason */
    s->rc = flare__error(s->err, FLARE_E_CRASH_LOOP,
                         "process %u ended within %u ms of its start %u times "
                         "in a row, at last with %s",
                         i, s->config.steady_ms, s->places[i].crashes, how);
    flare__log(&s->log, FLARE_LOG_ERROR,
               "process %u crashes again and again; giving up", i);
    supervise_stop(s);
}

/* How long a place waits that has crashed n times in a row. */
static uint64_t supervise_backoff(const struct flare_supervise_config *c,
                                  uint32_t crashes)
{
    uint64_t ms = c->backoff_ms;

    if (crashes < 2)
        return 0;
    for (uint32_t n = 2; n < crashes && ms < c->backoff_max_ms; n++)
        ms *= 2;
    return ms < c->backoff_max_ms ? ms : c->backoff_max_ms;
}

/* A place has lost its process: when it gets the next. */
static void supervise_crashed(struct flare__supervisor *s, uint32_t i,
                              const char *how)
{
    struct flare__supervise_place *place = &s->places[i];
    uint64_t lived_ms = s->now_ms - place->now.started_ms;
    uint64_t wait_ms;

    place->crashes = lived_ms < s->config.steady_ms ? place->crashes + 1 : 0;
    wait_ms = supervise_backoff(&s->config, place->crashes);
    place->due_ms = s->now_ms + wait_ms;
    flare__log(&s->log, FLARE_LOG_WARN,
               "process %u ended with %s after %llu ms; again in %llu ms", i,
               how, (unsigned long long)lived_ms, (unsigned long long)wait_ms);
    if (place->crashes >= s->config.crashes_max)
        supervise_give_up(s, i, how);
}

static void supervise_bury_now(struct flare__supervisor *s, uint32_t i)
{
    struct flare__supervise_place *place = &s->places[i];
    char how[64];
    int status;

    if (!flare__supervise_bury(&place->now, &status))
        return;
    flare__supervise_say(how, sizeof(how), status);
    if (place->now.told_ms != 0 || s->phase != FLARE__SUPERVISE_RUNNING)
        flare__log(&s->log, FLARE_LOG_INFO, "process %u ended with %s", i, how);
    else if (place->old.pid != 0 && place->old.told_ms == 0) {
        /* The new one is no good: the one before stays. */
        place->now = place->old;
        place->old.pid = 0;
        s->roll = s->config.processes;
        s->is_roll_due = false;
        flare__log(&s->log, FLARE_LOG_ERROR,
                   "the new process %u ended with %s; the old ones stay", i,
                   how);
    } else
        supervise_crashed(s, i, how);
}

static void supervise_bury_old(struct flare__supervisor *s, uint32_t i)
{
    char how[64];
    int status;

    if (!flare__supervise_bury(&s->places[i].old, &status))
        return;
    flare__supervise_say(how, sizeof(how), status);
    flare__log(&s->log, FLARE_LOG_INFO, "the old process %u ended with %s", i,
               how);
}

/* Those that were told long ago. */
static void supervise_check_late(struct flare__supervisor *s, uint32_t i,
                                 struct flare__supervise_process *p)
{
    if (p->pid == 0 || p->told_ms == 0 || p->is_killed ||
        s->now_ms - p->told_ms < s->config.stop_timeout_ms)
        return;
    flare__log(&s->log, FLARE_LOG_WARN,
               "process %u (pid %ld) does not end; killed", i, (long)p->pid);
    flare__supervise_kill(p);
}

static void supervise_try_start(struct flare__supervisor *s, uint32_t i)
{
    struct flare__supervise_place *place = &s->places[i];
    int rc = flare__supervise_start(s, i);

    if (rc >= 0)
        return;
    /* As a crash: what is missing may be there again later. */
    place->now.started_ms = s->now_ms;
    supervise_crashed(s, i, flare_strerror(rc));
}

static void supervise_start_due(struct flare__supervisor *s)
{
    for (uint32_t i = 0; i < s->config.processes; i++)
        if (s->phase == FLARE__SUPERVISE_RUNNING && s->places[i].now.pid == 0 &&
            s->places[i].due_ms <= s->now_ms)
            supervise_try_start(s, i);
}

/* The kernel spreads no connections to places that wait out a backoff. */
static void supervise_steer(struct flare__supervisor *s)
{
    uint32_t up = 0;

    for (uint32_t i = 0; i < s->config.processes; i++) {
        s->is_up[i] = s->places[i].now.pid != 0;
        up += s->is_up[i];
    }
    if (!s->is_steered && up == s->config.processes)
        return;
    s->is_steered = up < s->config.processes;
    for (uint32_t k = 0; k < s->set.address_count; k++) {
        const struct flare__listen_address *a = &s->set.addresses[k];

        int rc = 0;

        if (a->count == s->config.processes && a->count > 1)
            rc = flare__steer(s->set.sockets[a->first].fd, s->is_up, a->count,
                              s->set.al);
        if (rc < 0) /* connections there wait, which is no failure */
            flare__log(&s->log, FLARE_LOG_DEBUG, "%s: no steering: %s", a->text,
                       flare_strerror(rc));
    }
}

/* ---- rolling ---- */

static void supervise_roll_begin(struct flare__supervisor *s)
{
    struct flare__supervise_place *place = &s->places[s->roll];
    int rc;

    place->old = place->now;
    rc = flare__supervise_start(s, s->roll);
    s->is_replacing = rc >= 0;
    if (rc >= 0)
        return;
    place->old.pid = 0;
    s->roll = s->config.processes;
    flare__log(&s->log, FLARE_LOG_ERROR,
               "no new process: %s; the old ones stay", flare_strerror(rc));
}

/* A place after the other: started, steady, the old one told, the old one
 * gone.  One that is down gets a new process anyway. */
static void supervise_roll(struct flare__supervisor *s)
{
    if (s->phase != FLARE__SUPERVISE_RUNNING)
        return;
    if (s->is_roll_due && s->roll == s->config.processes) {
        s->is_roll_due = false;
        s->roll = 0;
    }
    while (s->roll < s->config.processes) {
        struct flare__supervise_place *place = &s->places[s->roll];

        if (place->old.pid != 0) {
            if (s->now_ms - place->now.started_ms >= s->config.steady_ms)
                flare__supervise_tell(s, &place->old);
            return;
        }
        if (s->is_replacing || place->now.pid == 0) {
            s->is_replacing = false;
            s->roll++;
        } else {
            supervise_roll_begin(s);
        }
    }
}

/* ---- the loop ---- */

static void supervise_on_signal(struct flare__supervisor *s, int number)
{
    if (number == SIGHUP)
        s->is_roll_due = true;
    else if (number == SIGTERM || number == SIGINT) {
        if (s->asked++ > 0)
            supervise_kill_all(s);
        supervise_stop(s);
    }
}

/* The next moment at which something is due; UINT64_MAX: none. */
static uint64_t supervise_next(const struct flare__supervisor *s)
{
    uint64_t next = UINT64_MAX;

    if (s->phase == FLARE__SUPERVISE_EMPTYING)
        return s->now_ms + SUPERVISE_TICK_MS;
    for (uint32_t i = 0; i < s->config.processes; i++) {
        const struct flare__supervise_place *p = &s->places[i];
        const struct flare__supervise_process *both[] = {&p->now, &p->old};
        uint64_t due = UINT64_MAX;

        if (s->phase == FLARE__SUPERVISE_RUNNING && p->now.pid == 0)
            due = p->due_ms;
        if (p->old.pid != 0 && p->old.told_ms == 0)
            due = p->now.started_ms + s->config.steady_ms;
        next = due < next ? due : next;
        for (size_t k = 0; k < 2; k++) {
            if (both[k]->pid == 0 || both[k]->told_ms == 0 ||
                both[k]->is_killed)
                continue;
            due = both[k]->told_ms + s->config.stop_timeout_ms;
            next = due < next ? due : next;
        }
    }
    return next;
}

/* One signal, or the moment; whatever else is said next time. */
static void supervise_wait(struct flare__supervisor *s)
{
    uint64_t next = supervise_next(s);
    uint64_t ms = next > s->now_ms ? next - s->now_ms : 0;
    int number =
        flare__os_signals_wait(&s->waited, next == UINT64_MAX ? next : ms);

    s->now_ms = supervise_clock();
    if (number > 0)
        supervise_on_signal(s, number);
}

static bool supervise_is_over(const struct flare__supervisor *s)
{
    for (uint32_t i = 0; i < s->config.processes; i++)
        if (s->places[i].now.pid != 0 || s->places[i].old.pid != 0)
            return false;
    return s->phase != FLARE__SUPERVISE_RUNNING;
}

static void supervise_turn(struct flare__supervisor *s)
{
    for (uint32_t i = 0; i < s->config.processes; i++) {
        supervise_bury_old(s, i);
        supervise_bury_now(s, i);
    }
    supervise_start_due(s);
    supervise_roll(s);
    supervise_steer(s);
    if (s->phase == FLARE__SUPERVISE_EMPTYING)
        supervise_empty(s);
    for (uint32_t i = 0; i < s->config.processes; i++) {
        supervise_check_late(s, i, &s->places[i].now);
        supervise_check_late(s, i, &s->places[i].old);
    }
}

/* ---- from start to end ---- */

static int supervise_open(struct flare__supervisor *s, struct flare_error *err)
{
    const struct flare_supervise_config *c = &s->config;
    const struct flare__listen_config lc = {
        .al = &c->allocator,
        .list = c->listen,
        .workers = c->processes,
        .is_v6only = c->v6only,
    };
    int rc = flare__listen_set_open(&s->set, &lc, err);

    if (rc < 0)
        return rc;
    s->listen_size = s->set.socket_count * SUPERVISE_FD_TEXT + 1;
    s->listen = flare__alloc(&c->allocator, s->listen_size);
    s->places = flare__calloc(&c->allocator, c->processes, sizeof(*s->places));
    s->is_up = flare__calloc(&c->allocator, c->processes, sizeof(*s->is_up));
    if (s->listen == NULL || s->places == NULL || s->is_up == NULL)
        return flare__error(err, -ENOMEM, "supervise: out of memory");
    return 0;
}

static void supervise_close(struct flare__supervisor *s)
{
    const struct flare_allocator *al = &s->config.allocator;

    if (s->phase == FLARE__SUPERVISE_RUNNING)
        flare__listen_set_seal(&s->set); /* never ran: paths are removed */
    flare__listen_set_free(&s->set);
    flare__free(al, s->listen);
    flare__free(al, s->places);
    flare__free(al, s->is_up);
}

static void supervise_announce(struct flare__supervisor *s)
{
    const struct flare_supervise_config *c = &s->config;
    size_t size = s->set.address_count * (FLARE__SOCK_TEXT_MAX + 2);
    char *text = flare__alloc(&c->allocator, size);
    const char *all = text != NULL ? text : s->set.addresses[0].text;

    if (text != NULL)
        flare__listen_set_format(&s->set, text, size);
    flare__log(&s->log, FLARE_LOG_INFO, "%u processes listen on %s",
               c->processes, all);
    if (c->on_listening != NULL)
        c->on_listening(all, c->listening_ctx);
    flare__free(&c->allocator, text);
}

/* All or none. */
static void supervise_start_all(struct flare__supervisor *s)
{
    for (uint32_t i = 0; i < s->config.processes; i++) {
        int rc = flare__supervise_start(s, i);

        if (rc >= 0)
            continue;
        s->rc =
            flare__error(s->err, rc, "process %u: %s", i, flare_strerror(rc));
        supervise_kill_all(s);
        return;
    }
    supervise_announce(s);
}

static int supervise_run(struct flare__supervisor *s)
{
    int rc = supervise_block(s);

    if (rc < 0)
        return flare__error(s->err, rc, "signals: %s", flare_strerror(rc));
    s->pid = getpid();
    s->now_ms = supervise_clock();
    s->roll = s->config.processes;
    supervise_start_all(s);
    while (!supervise_is_over(s)) {
        supervise_wait(s);
        supervise_turn(s);
    }
    supervise_unblock(s);
    return s->rc;
}

int flare_supervise_sized(size_t config_size,
                          const struct flare_supervise_config *config,
                          struct flare_error *err)
{
    struct flare__supervisor s = {.err = err};
    int rc;

    if (config_size > sizeof(s.config))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "built for a newer flare than this %s",
                            FLARE_VERSION);
    memcpy(&s.config, config, config_size);
    rc = supervise_resolve(&s.config, err);
    if (rc < 0)
        return rc;
    s.log = (struct flare__log){s.config.on_log, s.config.log_ctx};
    rc = supervise_open(&s, err);
    if (rc >= 0)
        rc = supervise_run(&s);
    supervise_close(&s);
    return rc;
}
