/* SPDX-License-Identifier: MIT */
/*
 * What has happened, for people or as a line of JSON.  Messages go to standard
 * output: to a terminal escaped, to a pipe as they are.  All else goes to
 * standard error, unless it is JSON.
 */
#ifndef FLARE_TOOL_WS_SHOW_H
#define FLARE_TOOL_WS_SHOW_H

#include <flare/flare.h>

/* `who` NULL: there is one peer only. */
void show_open(const char *who, struct flare_str protocol);
void show_message(const char *who, enum flare_ws_kind kind,
                  struct flare_str bytes);
void show_closed(const char *who, uint16_t code, struct flare_str reason);
void show_failed(int status, const struct flare_error *err);
void show_listening(const char *address);
void show_retry(uint32_t in_ms);

/* A pong, and what all of them came to. */
void show_pong(const char *who, uint64_t seq, uint64_t rtt_ns);
struct show_pings {
    uint64_t sent, answered;
    uint64_t min_ns, max_ns;
    double sum_ns, sum_of_squares;
};
void show_pings(const struct show_pings *pings);

#endif
