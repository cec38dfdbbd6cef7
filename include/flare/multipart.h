/* SPDX-License-Identifier: MIT */
/*
 * multipart/form-data in pieces (RFC 7578), for a body that is read as it
 * comes.  A body that is there as a whole has its parts in flare/form.h.
 *
 * Strict, so that nobody else can read another form in the same bytes:
 *   the body starts with the first boundary (one CRLF before it is skipped)
 *   and ends with the last, behind which one CRLF may stand
 *   a boundary ends with CRLF, or with "--" after the last part; anything
 *   else behind it is an error, and so is a boundary right behind a part's
 *   head, which some take for one
 *   lines of a part's head end with CRLF and are not folded
 *   Content-Disposition is there once, is form-data, and has one name; its
 *   filename*, which RFC 7578 forbids and some clients add, is not looked at
 *   parts in parts, and transfer encodings that change the bytes, are refused
 * Limits: 1000 parts, 8 KiB for a part's head.
 */
#ifndef FLARE_MULTIPART_H
#define FLARE_MULTIPART_H

#include <flare/handler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A part of a form. */
struct flare_part {
    /* UTF-8 without control characters; perhaps empty. */
    struct flare_str name;
    /* UTF-8, as the client gave it: never a path to be opened (see
     * flare_filename_safe).  ptr is NULL where it is no file; an empty one is
     * a file field in which none was chosen. */
    struct flare_str filename;
    /* The value of Content-Type, unchecked; ptr is NULL without one. */
    struct flare_str type;
    /* The content, or the piece of it that is here. */
    struct flare_str body;
};

typedef struct flare_multipart flare_multipart;

enum flare_multipart_event {
    FLARE_MULTIPART_MORE,     /* all that was fed is read, or all is over */
    FLARE_MULTIPART_PART,     /* a part begins */
    FLARE_MULTIPART_DATA,     /* part->body is the next of it, not empty */
    FLARE_MULTIPART_PART_END, /* all of it was given */
    FLARE_MULTIPART_END       /* the form is complete */
};

/*
 * Makes a reader for the request's multipart/form-data body, which lives as
 * long as the request.  Feed it what a flare_body_fn is given.
 *
 * Returns 0; FLARE_E_BAD_INPUT if that is not what Content-Type says, or its
 * boundary is missing, repeated or not as in RFC 2046 section 5.1.1; -ENOMEM.
 * `*out` is written only on success.
 */
FLARE_API FLARE_MUST_USE int flare_req_multipart(flare_req *req,
                                                 flare_multipart **out);

/*
 * Borrows the next piece of the body until flare_multipart_read has returned
 * FLARE_MULTIPART_MORE or an error; not before that may there be another.
 */
FLARE_API void flare_multipart_feed(flare_multipart *m, struct flare_str piece,
                                    bool is_last);

/*
 * Says what comes next, and fills `*part` for PART, DATA and PART_END:
 *
 *     flare_multipart_feed(m, piece, is_last);
 *     while ((rc = flare_multipart_read(m, &part)) > 0)
 *         if (rc == FLARE_MULTIPART_DATA && part.filename.ptr != NULL)
 *             write_file(part.body);
 *     if (rc < 0)
 *         return rc;
 *
 * The same events come however the body is cut, but for the pieces of DATA,
 * which lie in what was fed, but for a few bytes that looked like a boundary.
 * Lends: part->body until the next feed, the others until the next part.
 *
 * Returns a flare_multipart_event; FLARE_E_BAD_INPUT for what is no form, or
 * ends too early; FLARE_E_BODY_TOO_LARGE past a limit.  After an error, and
 * after END, it says the same, and MORE.
 */
FLARE_API FLARE_MUST_USE int flare_multipart_read(flare_multipart *m,
                                                  struct flare_part *part);

/*
 * What of a client's file name may be the name of a file: what is behind its
 * last '/' or '\\'.  ptr is NULL if that is empty, starts with a dot (so also
 * ".."), is longer than 255 bytes, or has a control character or ':' in it.
 * Whether there is such a file already is for the caller to see to.  A slice
 * of `filename`.  Thread: any.
 */
FLARE_API struct flare_str flare_filename_safe(struct flare_str filename);

#ifdef __cplusplus
}
#endif
#endif
