/* SPDX-License-Identifier: MIT */
/*
 * The reader of multipart/form-data: bytes in, events out, cut anywhere.  What
 * it refuses is in flare/multipart.h.
 *
 * States:  START -> OPENING -> TAIL -> HEAD -> DATA -> TAIL ... -> EPILOGUE
 *   START     nothing has come
 *   OPENING   within the first boundary
 *   TAIL      a boundary is complete but for what must follow it: CRLF (HEAD)
 *             or "--" (EPILOGUE)
 *   HEAD      lines of a part's head, gathered in `head`
 *   DATA      a part's content; `matched` bytes of a boundary may be at its end
 *   EPILOGUE  nothing, or CRLF; then DONE
 */
#ifndef FLARE__HTTP_MULTIPART_H
#define FLARE__HTTP_MULTIPART_H

#include <flare/multipart.h>

enum {
    FLARE__MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 section 5.1.1 */
    FLARE__MULTIPART_HEAD_MAX = 8192,   /* with its empty line */
    FLARE__MULTIPART_PARTS_MAX = 1000
};

struct flare_multipart {
    const char *at; /* fed and not yet read */
    const char *end;
    bool is_last;
    uint8_t state;
    uint8_t tail; /* bytes of a boundary's or the body's end so far */
    uint8_t delim_len;
    uint8_t matched;   /* bytes of `delim` that have come */
    uint8_t unsent_at; /* those before it are no content */
    int rc;            /* the error */
    uint32_t parts;
    uint32_t head_len;
    uint32_t line_at; /* where the present line starts in `head` */
    bool has_disposition, has_type, has_encoding;
    struct flare_part part;                        /* without its body */
    char delim[4 + FLARE__MULTIPART_BOUNDARY_MAX]; /* "\r\n--" and boundary */
    char head[FLARE__MULTIPART_HEAD_MAX];
};

/*
 * For a body of that Content-Type.  Returns 0 or FLARE_E_BAD_INPUT, as
 * flare_req_multipart says.
 */
FLARE_MUST_USE
int flare__multipart_init(struct flare_multipart *m, struct flare_str type);

#endif
