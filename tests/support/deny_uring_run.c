/* SPDX-License-Identifier: MIT */
/*
 * deny_uring EPERM|ENOSYS|ENOMEM|EINVAL|kill PROGRAM [ARGUMENT ...]
 *
 * Runs a program on a machine without io_uring, for the tests of programs.
 */
#include "tests/support/deny_uring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int error;
} errors[] = {
    {"EPERM", EPERM},   {"ENOSYS", ENOSYS},  {"ENOMEM", ENOMEM},
    {"EINVAL", EINVAL}, {"kill", DENY_KILL},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof(errors) / sizeof(*errors); i++) {
        int rc;

        if (strcmp(argv[1], errors[i].name) != 0)
            continue;
        rc = deny_uring(DENY_ALL, errors[i].error);
        if (rc < 0) {
            fprintf(stderr, "deny_uring: no filter: %s\n", strerror(-rc));
            return 77;
        }
        execvp(argv[2], &argv[2]);
        fprintf(stderr, "deny_uring: %s: %s\n", argv[2], strerror(errno));
        return 127;
    }
    fprintf(stderr, "usage: deny_uring EPERM|ENOSYS|ENOMEM|EINVAL|kill "
                    "PROGRAM [ARGUMENT ...]\n");
    return 2;
}
