/* SPDX-License-Identifier: MIT */
/*
 * The status line where it is not the common one, and the errors of a response
 * from those of the steps that its parser shares with that of requests.
 */
#ifndef FLARE__HTTP_REPLY_LINE_H
#define FLARE__HTTP_REPLY_LINE_H

#include "http/reply_head.h"

/*
 * HTTP-version SP status-code SP, or without the last SP in front of a CR:
 * sets minor and status.  Returns the bytes taken, up to the reason; 0 for
 * more; FLARE_E_BAD_REQUEST, or FLARE_E_VERSION_UNKNOWN at the SP.
 */
FLARE_MUST_USE
int flare__reply_line(struct flare__reply_head *head, const char *p,
                      const char *end);

/* The response's error for `rc`; `syntax` for FLARE_E_BAD_REQUEST, 0 for 0. */
int flare__reply_error(int rc, int syntax);

#endif
