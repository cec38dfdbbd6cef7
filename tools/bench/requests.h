/* SPDX-License-Identifier: MIT */
/*
 * What is sent: one request from the command line, or those of a file in turn.
 * Made before the threads start and only read by them.
 *
 * A file of requests, parted by empty lines; '#' begins a comment:
 *
 *     GET /items/{rand:1-1000}
 *     Accept: application/json
 *
 *     POST /items
 *     Content-Type: application/json
 *     ={"n":{seq}}                  the body; or @FILE
 */
#ifndef TOOL_BENCH_REQUESTS_H
#define TOOL_BENCH_REQUESTS_H

#include "tools/bench/text.h"

enum { REQUESTS_MAX = 100000, REQUESTS_FIELDS_MAX = 64 };

/* What the command line says about all of them. */
struct requests_options {
    const char *method;    /* NULL: GET, with a body POST */
    struct flare_str host; /* of the Host field */
    struct flare_str target;
    const char *fields[REQUESTS_FIELDS_MAX]; /* "Name: value" */
    size_t field_count;
    const char *body; /* NULL: none; "@FILE": from there */
    const char *file; /* NULL: the one request above */
    bool closes;      /* says "Connection: close" */
    bool is_ws;       /* asks for WebSocket */
};

struct request;

struct requests {
    struct request *all;
    size_t count;
    struct flare_str fixed; /* the whole request, if there is just one and it
                             * is always the same */
    bool fixed_is_head;
};

/* What is faulty ends the program as a usage error. */
void requests_load(struct requests *requests,
                   const struct requests_options *options);
void requests_fini(struct requests *requests);

/* Writes the next request behind what is in `out`, and whether it is a HEAD
 * into `*is_head`. */
void requests_write(const struct requests *requests, struct text_pen *pen,
                    struct text_out *out, bool *is_head);

#endif
