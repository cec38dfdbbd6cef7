/* SPDX-License-Identifier: MIT */
/* Lines of a head, written into the caller's room; what both roles share. */
#ifndef FLARE__WS_HANDSHAKE_LINES_H
#define FLARE__WS_HANDSHAKE_LINES_H

#include <flare/base.h>

/* `out`, `room` and zeros to begin with. */
struct flare__ws_text {
    char *out;
    size_t room;
    size_t len;
    bool is_full; /* something had no room, and what follows is void */
};

void flare__ws_add(struct flare__ws_text *text, struct flare_str part);

/* Adds "name: value" and CRLF. */
void flare__ws_add_line(struct flare__ws_text *text, const char *name,
                        struct flare_str value);

/* The length, or -ENOBUFS if it was full. */
int flare__ws_text_length(const struct flare__ws_text *text);

#endif
