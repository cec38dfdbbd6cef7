/* SPDX-License-Identifier: MIT */
/* See deny_uring.h.  Works unprivileged: no_new_privs is set. */
#include "tests/support/deny_uring.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same on every architecture but alpha and mips. */
enum { NR_SETUP = 425, NR_ENTER = 426, NR_REGISTER = 427 };

/* Under DENY_SETUP only, call number `nr` is let through with NR_NONE. */
enum { NR_NONE = 0x7fffffff };

static uint32_t denied_nr(unsigned calls, unsigned call, uint32_t nr)
{
    return (calls & call) ? nr : (uint32_t)NR_NONE;
}

int deny_uring(unsigned calls, int error)
{
    const uint32_t verdict =
        error == DENY_KILL
            ? SECCOMP_RET_KILL_PROCESS
            : SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 denied_nr(calls, DENY_SETUP, NR_SETUP), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 denied_nr(calls, DENY_ENTER, NR_ENTER), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 denied_nr(calls, DENY_REGISTER, NR_REGISTER), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, verdict),
    };
    struct sock_fprog program = {
        .len = sizeof(filter) / sizeof(filter[0]),
        .filter = filter,
    };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return -errno;
    return 0;
}

int in_child(int (*fn)(void *ctx), void *ctx)
{
    int status;
    pid_t pid;

    (void)fflush(NULL); /* or the child would print it again */
    pid = fork();
    if (pid < 0)
        return 255;
    if (pid == 0)
        _exit(fn(ctx));
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return 255;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int denied_all(void *ctx)
{
    (void)ctx;
    return deny_uring(DENY_ALL, EPERM) < 0;
}

bool deny_uring_works(void)
{
    return in_child(denied_all, NULL) == 0;
}
