/* SPDX-License-Identifier: MIT */
/*
 * Publish and subscribe.  A hub is shared by all threads; each loop on which
 * something is subscribed has a desk of it, whose topics only that loop's
 * thread touches.  A message is encoded once, in one block with a letter for
 * each desk; connections share the block, which is freed by whoever is done
 * with it last.
 *
 * The hub's lock is held to find the desks, for as long as it takes to post the
 * letters; never while anything is delivered.
 */
#ifndef FLARE__WS_HUB_H
#define FLARE__WS_HUB_H

#include <flare/ws.h>

struct flare__ws_desk;
struct flare__ws_reader;
struct flare__ws_sub;

/* A loop closes: frees its desks.  What is still posted to them is dropped. */
void flare__ws_desks_free(struct flare__ws_desk *desks);

/* Ends all subscriptions in the reader. */
void flare__ws_subs_drop(struct flare__ws_reader *r);

#endif
