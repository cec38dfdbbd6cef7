/* SPDX-License-Identifier: MIT */
/*
 * A naive, strict reader of HTTP/1.1 responses, to judge the server's output
 * by: one line after the other, no tricks, nothing shared with src/.
 */
#ifndef FLARE__TEST_SIM_RESPONSE_H
#define FLARE__TEST_SIM_RESPONSE_H

#include <flare/base.h>

enum { SIM_RESPONSE_HEAD_MAX = 4096 };

struct sim_response {
    bool is_to_head; /* set by the caller: it answers HEAD */
    bool is_to_old;  /* set by the caller after start: it answers HTTP/1.0 */
    bool in_body;    /* the head is over */
    int status;
    bool is_last;     /* Connection: close */
    uint32_t id_conn; /* X-Id: "conn-request" */
    uint32_t id_request;
    bool has_id;
    bool is_chunked;
    bool is_until_close; /* the body ends with the connection: see _end */
    uint32_t trailers;   /* how many fields came behind the body */
    uint64_t length;     /* of the body; chunked, until close: UINT64_MAX */
    uint64_t received;   /* of it */
    const char *fault;   /* what is wrong with it */
    uint8_t chunk_state; /* of sim_response.c */
    uint64_t chunk_left;
    uint32_t line_len;
    char line[256]; /* of a chunk's size, or a trailer */
    uint32_t head_len;
    char head[SIM_RESPONSE_HEAD_MAX];
};

enum sim_response_what {
    SIM_RESPONSE_MORE, /* all input was taken */
    SIM_RESPONSE_HEAD, /* the head is whole; 1xx: nothing follows it */
    SIM_RESPONSE_BODY, /* `*data` is body, at offset received - data->len */
    SIM_RESPONSE_END,  /* the response is over; call start for the next */
    SIM_RESPONSE_BAD   /* see fault */
};

void sim_response_start(struct sim_response *r, bool is_to_head);

/* Whether bytes of a response are here that is not over. */
bool sim_response_is_begun(const struct sim_response *r);

/*
 * The stream has ended in order: whether that is the end of the body, and then
 * `length` is what came.
 */
bool sim_response_end(struct sim_response *r);

/* Takes from the front of `*in`. */
enum sim_response_what sim_response_next(struct sim_response *r,
                                         struct flare_str *in,
                                         struct flare_str *data);

#endif
