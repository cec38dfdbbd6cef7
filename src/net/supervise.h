/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's state, for its files: supervise.c decides and waits,
 * supervise_child.c starts, ends and buries processes.
 *
 * Phases:  RUNNING -> EMPTYING -> ENDING
 *   RUNNING   places without a process get one when it is due
 *   EMPTYING  asked to stop: nobody new gets into the queues, and the processes
 *             go on accepting until these are empty
 *   ENDING    the processes are told, and waited for
 */
#ifndef FLARE__NET_SUPERVISE_H
#define FLARE__NET_SUPERVISE_H

#include <flare/supervise.h>

#include "base/log.h"
#include "net/listen_set.h"

#include <signal.h>
#include <sys/types.h>

enum flare__supervise_phase {
    FLARE__SUPERVISE_RUNNING,
    FLARE__SUPERVISE_EMPTYING,
    FLARE__SUPERVISE_ENDING
};

/* A process, or none (pid 0). */
struct flare__supervise_process {
    pid_t pid;
    uint64_t started_ms;
    uint64_t told_ms; /* to end; 0: it was not */
    bool is_killed;
};

struct flare__supervise_place {
    struct flare__supervise_process now;
    struct flare__supervise_process old; /* during a roll: the one before */
    uint64_t due_ms; /* without a process: when it gets one */
    uint32_t starts;
    uint32_t crashes; /* in a row */
};

struct flare__supervisor {
    struct flare_supervise_config config;
    struct flare__log log;
    struct flare__listen_set set;
    struct flare__supervise_place *places;
    bool *is_up;  /* of each place: what the kernel spreads over */
    char *listen; /* room for a child's list */
    size_t listen_size;
    pid_t pid; /* of the supervisor */
    sigset_t waited;
    sigset_t mask_before;
    struct sigaction chld_before;

    uint64_t now_ms;
    uint64_t stop_ms;  /* asked to stop, or ENDING since */
    uint64_t empty_ms; /* the queues are empty since; 0: they are not */
    enum flare__supervise_phase phase;
    uint32_t roll;  /* the place that is being replaced; processes: none */
    uint32_t asked; /* times to stop */
    bool is_steered;
    bool is_replacing; /* that place: its new process has been started */
    bool is_roll_due;  /* asked for */
    int rc;            /* why it ends */
    struct flare_error *err;
};

/* Gives place `i` a process.  0 or -errno. */
FLARE_MUST_USE
int flare__supervise_start(struct flare__supervisor *s, uint32_t i);

/* SIGTERM, once; no process: nothing. */
void flare__supervise_tell(struct flare__supervisor *s,
                           struct flare__supervise_process *p);
void flare__supervise_kill(struct flare__supervise_process *p);

/* Buries it if it has ended: true, and how in `*status`. */
FLARE_MUST_USE
bool flare__supervise_bury(struct flare__supervise_process *p, int *status);

/* "signal 9", "status 3" */
void flare__supervise_say(char *out, size_t size, int status);

#endif
