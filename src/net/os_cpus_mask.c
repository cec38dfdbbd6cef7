/* SPDX-License-Identifier: MIT */
/* CPUs of a system that binds threads to sets of them: Linux, FreeBSD 13. */
#include "net/os.h"

#include <errno.h>
#ifdef __FreeBSD__
#include <pthread_np.h>
#endif
#include <sched.h>
#include <string.h>

_Static_assert(sizeof(cpu_set_t) <= sizeof(struct flare__os_cpus),
               "a set of the system's fits");

static cpu_set_t cpus_of(const struct flare__os_cpus *set)
{
    cpu_set_t cpus;

    memcpy(&cpus, set, sizeof(cpus));
    return cpus;
}

uint32_t flare__os_cpus(struct flare__os_cpus *set)
{
    cpu_set_t cpus;

    *set = (struct flare__os_cpus){.bits = {0}};
    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return 1; /* more CPUs than a set has */
    memcpy(set, &cpus, sizeof(cpus));
    return (uint32_t)CPU_COUNT(&cpus);
}

int flare__os_bind(const struct flare__os_cpus *set)
{
    cpu_set_t cpus = cpus_of(set);

    return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

int flare__os_bind_nth(const struct flare__os_cpus *set, uint32_t n)
{
    cpu_set_t all = cpus_of(set);
    uint32_t count = (uint32_t)CPU_COUNT(&all);
    cpu_set_t one;

    if (count == 0)
        return -EINVAL;
    n %= count;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || n-- != 0)
            continue;
        CPU_SET(cpu, &one);
        break;
    }
    return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
}

void flare__os_attr_cpus(pthread_attr_t *attr, const struct flare__os_cpus *set)
{
    cpu_set_t cpus = cpus_of(set);

    if (CPU_COUNT(&cpus) > 0)
        (void)pthread_attr_setaffinity_np(attr, sizeof(cpus), &cpus);
}
