/* SPDX-License-Identifier: MIT */
/* The parts of what is looked at; each adds its facts (facts.h). */
#ifndef FLARE_TOOL_PROBE_H
#define FLARE_TOOL_PROBE_H

#include <stddef.h>

void probe_system(void); /* kernel, CPUs, mitigations */
void probe_limits(void); /* of the process, the network, the cgroup */
void probe_ring(void);   /* io_uring, feature by feature */
void probe_flare(void);  /* what the library makes of it */
void probe_ktls(void);   /* TLS in the kernel */

/* The first line of a file in `text`, cut to fit; NULL: it cannot be read. */
const char *probe_line(const char *path, char *text, size_t size);

#endif
