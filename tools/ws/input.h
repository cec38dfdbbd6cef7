/* SPDX-License-Identifier: MIT */
/*
 * Lines of standard input, told of on a loop: one at a time, the next only when
 * it is asked for.  A thread reads them, so that files, pipes and terminals are
 * all alike.
 */
#ifndef FLARE_TOOL_WS_INPUT_H
#define FLARE_TOOL_WS_INPUT_H

#include <flare/flare.h>

/* `line` without its end, writable, until input_next; ptr is NULL at the end of
 * input, which is told once. */
typedef void (*input_fn)(struct flare_str line, void *ctx);

/* Ends the program if there is no thread to be had. */
void input_start(flare_loop *loop, input_fn fn, void *ctx);

/* The line is done with. */
void input_next(void);

/* Nothing is told any more.  Before the loop is freed; may be called without
 * input_start. */
void input_stop(void);

#endif
