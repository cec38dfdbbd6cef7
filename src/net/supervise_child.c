/* SPDX-License-Identifier: MIT */
/* Processes of a supervisor: from fork(2) to waitpid(2).  See supervise.h. */
#include "net/supervise.h"

#include "net/os.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Status of a process whose end another has seen: waitpid knows no more. */
enum { SUPERVISE_UNKNOWN = -1 };

/* ---- in the new process ---- */

/* "fd:5,fd:9": the sockets of place `i`; the others are closed. */
static void child_take_sockets(struct flare__supervisor *s, uint32_t i)
{
    size_t len = 0;

    s->listen[0] = '\0';
    for (uint32_t k = 0; k < s->set.socket_count; k++) {
        int fd = s->set.sockets[k].fd;
        int n;

        if (!flare__listen_set_serves(&s->set, k, i)) {
            flare__sock_close(fd);
            continue;
        }
        n = snprintf(s->listen + len, s->listen_size - len, "%sfd:%d",
                     len > 0 ? "," : "", fd);
        len += n > 0 ? (size_t)n : 0;
    }
}

/* All that happens between fork and `run`, and after it. */
static _Noreturn void child_main(struct flare__supervisor *s, uint32_t i)
{
    struct flare_child child = {
        .listen = s->listen,
        .index = i,
        .starts = s->places[i].starts,
    };
    int rc;

    (void)setpgid(0, 0); /* fails only for a session leader, which it is not */
    rc = flare__os_die_with_parent(SIGTERM);
    if ((rc < 0 && rc != -EOPNOTSUPP) || getppid() != s->pid)
        _exit(1); /* the supervisor died before it could be noticed */
    child_take_sockets(s, i);
    if (sigaction(SIGCHLD, &s->chld_before, NULL) < 0 ||
        pthread_sigmask(SIG_SETMASK, &s->mask_before, NULL) != 0)
        _exit(1);
    rc = s->config.run(&child, s->config.ctx);
    _exit(rc < 0 ? 1 : rc > 255 ? 255 : rc);
}

/* ---- in the supervisor ---- */

int flare__supervise_start(struct flare__supervisor *s, uint32_t i)
{
    struct flare__supervise_place *place = &s->places[i];
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        child_main(s, i);
    place->now = (struct flare__supervise_process){
        .pid = pid,
        .started_ms = s->now_ms,
    };
    place->starts++;
    flare__log(&s->log, FLARE_LOG_INFO, "process %u (pid %ld) started", i,
               (long)pid);
    return 0;
}

void flare__supervise_tell(struct flare__supervisor *s,
                           struct flare__supervise_process *p)
{
    if (p->pid == 0 || p->told_ms != 0)
        return;
    p->told_ms = s->now_ms;
    (void)kill(p->pid, SIGTERM); /* it is ours until it is buried */
}

void flare__supervise_kill(struct flare__supervise_process *p)
{
    if (p->pid == 0 || p->is_killed)
        return;
    p->is_killed = true;
    (void)kill(p->pid, SIGKILL); /* as above */
}

bool flare__supervise_bury(struct flare__supervise_process *p, int *status)
{
    pid_t pid;

    if (p->pid == 0)
        return false;
    do
        pid = waitpid(p->pid, status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    if (pid < 0)
        *status = SUPERVISE_UNKNOWN;
    p->pid = 0;
    return true;
}

void flare__supervise_say(char *out, size_t size, int status)
{
    if (status == SUPERVISE_UNKNOWN)
        (void)snprintf(out, size, "a status that another took");
    else if (WIFSIGNALED(status))
        (void)snprintf(out, size, "signal %d%s", WTERMSIG(status),
                       WCOREDUMP(status) ? " (core dumped)" : "");
    else
        (void)snprintf(out, size, "status %d", WEXITSTATUS(status));
}
