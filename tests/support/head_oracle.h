/* SPDX-License-Identifier: MIT */
/*
 * The request head, read from the RFCs in the plainest way: one byte at a
 * time, every part copied out and judged when it is complete.  Slow, shares no
 * line with src/, and says what the real parser must say.
 */
#ifndef FLARE__TEST_HEAD_ORACLE_H
#define FLARE__TEST_HEAD_ORACLE_H

#include "http/head.h"

enum { ORACLE_BYTES_MAX = 4096, ORACLE_FIELDS_MAX = 128 };

/* A part of the bytes by its place; len 0 and at 0: none. */
struct oracle_part {
    size_t at;
    size_t len;
};

struct oracle_field {
    struct oracle_part name;
    struct oracle_part value;
};

struct head_oracle {
    int rc;    /* as flare__head_parse on all the bytes */
    size_t at; /* the shortest front of them with this answer; rc not 0 */

    /* where rc > 0 */
    struct oracle_part method;
    struct oracle_part target;
    struct oracle_part path; /* len 0: "/" that is not in the bytes */
    struct oracle_part query;
    struct oracle_part host;
    bool has_query;
    int method_id;
    int minor;
    int form;
    unsigned flags;
    uint64_t content_length;
    size_t field_count;
    struct oracle_field fields[ORACLE_FIELDS_MAX];
};

/* `len` is at most ORACLE_BYTES_MAX, fields_max at most ORACLE_FIELDS_MAX. */
void head_oracle(struct head_oracle *o, const struct flare__head_limits *limits,
                 const char *bytes, size_t len);

#endif
