/* SPDX-License-Identifier: MIT */
/*
 * The request line where it is not the common one: any method, any version,
 * any target form.  All read `p` up to `end` and return the bytes taken, 0 for
 * more, or the error, like flare__head_parse.
 */
#ifndef FLARE__HTTP_HEAD_LINE_H
#define FLARE__HTTP_HEAD_LINE_H

#include "http/head.h"

/*
 * A method longer than any registered one is refused as unknown at its 33rd
 * byte; a shorter unknown one when the line is complete (method_id is
 * FLARE_METHOD_COUNT until then), so that a broken line is a broken line first.
 */
enum { FLARE__METHOD_BYTES_MAX = 32 };

/* The method, without the SP that must follow it. */
FLARE_MUST_USE
int flare__line_method(struct flare__head *head, const char *p,
                       const char *end);

/* HTTP-version and CRLF; refuses what is not 1.0 or 1.1 at its LF. */
FLARE_MUST_USE
int flare__line_version(struct flare__head *head, const char *p,
                        const char *end);

/*
 * At `p` a byte of the target outside FLARE__CHAR_TARGET, SP and '?': the bytes
 * of an escape, or a bracket of an IPv6 address, or an error.
 */
FLARE_MUST_USE
int flare__line_target_mark(const struct flare__head *head, const char *p,
                            const char *end);

/*
 * head->target is complete and not plain origin-form: finds the form, checks
 * it against the method, sets path, query and host.  0 or BAD_REQUEST.
 */
FLARE_MUST_USE
int flare__line_target_form(struct flare__head *head);

#endif
