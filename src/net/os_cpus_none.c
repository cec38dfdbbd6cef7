/* SPDX-License-Identifier: MIT */
/* CPUs of a system that binds no threads, or not by sets: the others. */
#include "net/os.h"

#include <errno.h>
#include <unistd.h>

uint32_t flare__os_cpus(struct flare__os_cpus *set)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    *set = (struct flare__os_cpus){.bits = {0}};
    return count > 0 ? (uint32_t)count : 1;
}

int flare__os_bind(const struct flare__os_cpus *set)
{
    (void)set;
    return -EOPNOTSUPP;
}

int flare__os_bind_nth(const struct flare__os_cpus *set, uint32_t n)
{
    (void)set;
    (void)n;
    return -EOPNOTSUPP;
}

void flare__os_attr_cpus(pthread_attr_t *attr, const struct flare__os_cpus *set)
{
    (void)attr;
    (void)set;
}
