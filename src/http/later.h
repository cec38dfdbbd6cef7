/* SPDX-License-Identifier: MIT */
/* Promises to answer, kept by any thread (flare_later). */
#ifndef FLARE__HTTP_LATER_H
#define FLARE__HTTP_LATER_H

#include "http/http.h"

/* The request is over: the call that keeps the promise gets NULL. */
void flare__later_void(struct flare_later *later);

/* As if the open promise, if any, had never been given. */
void flare__later_take_back(struct flare__exchange *x);

#endif
