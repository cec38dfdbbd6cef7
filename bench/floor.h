/* SPDX-License-Identifier: MIT */
/*
 * What the floor servers share: the command line, the listener, the counting
 * of blank lines, and the sheet of ready answers.  A floor knows no HTTP: it
 * counts heads by their blank line and sends that many copies of one answer,
 * which is the least a server can do with the same bytes on the wire.  The
 * distance of a real server to it is what that server costs above the kernel.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "bench/answer.h"

#include <stdint.h>

enum {
    FLOOR_SHEET_ANSWERS = 64,  /* more are sent as several sheets */
    FLOOR_BUFFER_BYTES = 4096, /* one receive; what the library uses too */
    FLOOR_BUFFERS_MAX = 32768,
    FLOOR_FD_MAX = 20000,
    FLOOR_WORKERS_MAX = 64,
    /* SO_RCVBUF: what 64 clients have in flight */
    FLOOR_DATAGRAM_ROOM = 2097152
};

/*
 * Answers ready to send, as many as one send may need.  Two sheets take turns
 * by the second, so that a send still in flight keeps its bytes for a second
 * after the Date has moved on.
 */
struct floor_sheet {
    char bytes[2][FLOOR_SHEET_ANSWERS * BENCH_ANSWER_BYTES];
    unsigned which;
    time_t second;
};

/* Brings the Date up to date; once per turn of the loop. */
void floor_sheet_refresh(struct floor_sheet *sheet);

static inline const char *floor_sheet_bytes(const struct floor_sheet *sheet)
{
    return sheet->bytes[sheet->which];
}

/* The three last CR and LF bits of a connection, for a line cut in two. */
struct floor_cut {
    uint8_t cr;
    uint8_t lf;
};

/*
 * Counts the CRLF CRLF that end in `data`, with what `cut` remembers from the
 * receive before.  Reads up to 63 bytes past `len`: the buffer must have them.
 */
unsigned floor_heads_count(struct floor_cut *cut, const uint8_t *data,
                           uint32_t len);

/* A non-blocking listener, or UDP socket, on 127.0.0.1 or the address given;
 * exits on failure. */
int floor_listen(void);

struct floor_options {
    const char *address; /* dotted quad */
    uint16_t port;       /* 0: the kernel chooses; printed on stdout */
    unsigned workers;
    unsigned buffers; /* io_uring: receive buffers, a power of two */
    int is_direct;    /* io_uring: direct descriptors */
    int is_echo;      /* io_uring: what came is sent back */
    int is_datagram;  /* a UDP socket instead of a listener */
};

extern struct floor_options floor_options;

/* Prints the reason and exits; `rc` is a negative errno. */
__attribute__((noreturn, cold)) void floor_die(const char *what, int rc);

/*
 * Parses the command line, prints "listening ADDRESS:PORT" and runs `worker`
 * in as many threads as asked for.  Does not return.
 */
__attribute__((noreturn)) void floor_main(int argc, char **argv,
                                          void *(*worker)(void *));

#endif
