/* SPDX-License-Identifier: MIT */
/*
 * Responses read from the RFCs in the plainest way: one byte at a time, every
 * part copied out and judged when it is complete; bodies cut off by counting.
 * Slow, shares no line with src/, and says what the real reader must say.
 */
#ifndef FLARE__TEST_REPLY_ORACLE_H
#define FLARE__TEST_REPLY_ORACLE_H

#include "http/reply.h"
#include "tests/support/head_oracle.h"

enum { REPLY_LOG_MAX = 4 * ORACLE_BYTES_MAX };

struct reply_head_oracle {
    int rc;    /* as flare__reply_head_parse on all the bytes */
    size_t at; /* the shortest front of them with this answer; rc not 0 */

    /* where rc > 0 */
    int status;
    int minor;
    unsigned flags;
    uint64_t content_length;
    struct oracle_part reason;
    size_t field_count;
    struct oracle_field fields[ORACLE_FIELDS_MAX];
};

/* `len` is at most ORACLE_BYTES_MAX, fields_max at most ORACLE_FIELDS_MAX. */
void reply_head_oracle(struct reply_head_oracle *o,
                       const struct flare__reply_head_limits *limits,
                       const char *bytes, size_t len);

/* What was read, as text: each head, then the body, then the trailers. */
struct reply_log {
    size_t len;
    char text[REPLY_LOG_MAX];
};

void reply_log_add(struct reply_log *log, const char *bytes, size_t len);
void reply_log_head(struct reply_log *log, char kind, int minor, int status,
                    unsigned flags, uint64_t length);

struct reply_oracle {
    int rc;         /* FLARE__REPLY_MORE, _DONE, _TUNNEL, or an error */
    size_t at;      /* bytes up to that answer: all of them for MORE */
    int rc_clean;   /* what an end behind all of the bytes says then */
    int rc_unclean; /* the same, where it may be an attacker's */
    bool is_reusable;
    struct reply_log heads;
    struct reply_log body;
    struct reply_log trailers; /* where rc is DONE */
};

/* trailers_max of the limits is 0 or more than the bytes can hold. */
void reply_oracle(struct reply_oracle *o,
                  const struct flare__reply_limits *limits, unsigned request,
                  const char *bytes, size_t len);

#endif
