/* SPDX-License-Identifier: MIT */
/*
 * A server on a thread of its own that reads no more of a request than its
 * head and Content-Length, keeps what it was asked, and answers with the next
 * line of a script: what blocking clients are tested against.
 */
#ifndef FLARE__TEST_SCRIPT_RIG_H
#define FLARE__TEST_SCRIPT_RIG_H

#include <flare/base.h>

#include <pthread.h>

enum { SCRIPT_ANSWERS_MAX = 16, SCRIPT_ASKED_MAX = 4096 };

struct script_answer {
    const char *text; /* NULL: the end of the script */
    size_t len;       /* 0: that of a string */
    bool closes;      /* behind it, with an orderly end */
};

struct script {
    const struct script_answer *answers;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int listen_fd;
    uint16_t port;
    bool is_endless;   /* every answer is the first one */
    unsigned requests; /* under the lock, as the rest */
    unsigned connections;
    unsigned closed;
    unsigned resets; /* connections that clients have not ended in order */
    char asked[SCRIPT_ANSWERS_MAX][SCRIPT_ASKED_MAX]; /* terminated */
};

/* Begins; `answers` are borrowed, ended by one without text. */
void script_start(struct script *s, const struct script_answer *answers);

/* Waits until that many connections were closed by the server. */
void script_wait_closed(struct script *s, unsigned count);

/* Ends, when all clients have closed. */
void script_finish(struct script *s);

/* "http://127.0.0.1:PORT/path"; static, eight at a time. */
const char *script_url(const struct script *s, const char *path);

#endif
