/* SPDX-License-Identifier: MIT */
/* Streams of server-sent events, as a worker sees them. */
#ifndef FLARE__HTTP_SSE_H
#define FLARE__HTTP_SSE_H

#include "http/http.h"

/* Ends every open stream, and those that begin later at once: the worker is
 * draining. */
void flare__sse_drain(struct flare__http *h);

#endif
