/* SPDX-License-Identifier: MIT */
/* TLS for the rig of streams: tcp_rig_secure, and what belongs to it. */
#ifndef FLARE__TEST_STREAM_RIG_H
#define FLARE__TEST_STREAM_RIG_H

#include <flare/tls.h>

/*
 * Both configurations are made anew by the next tcp_rig_init, with keys for
 * tickets and no sessions, and allocate by `al` (NULL: malloc).  Certificates
 * stay.
 */
void stream_rig_forget(const struct flare_allocator *al);

/*
 * Makes them now; -errno or FLARE_E_..., and then there is none.  For those who
 * expect a failure: tcp_rig_init ends the test at one.
 */
int stream_rig_make(void);

#endif
