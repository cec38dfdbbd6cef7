/* SPDX-License-Identifier: MIT */
/*
 * Media types by the end of a file's name, and which types are worth
 * compressing.  The types are those registered with IANA where there is one.
 */
#ifndef FLARE__HTTP_MIME_H
#define FLARE__HTTP_MIME_H

#include <flare/base.h>

/*
 * The Content-Type of a file of this name or path: by what follows the last
 * dot of its last segment, in any case; "application/octet-stream" for what is
 * not in the table, has no dot, or only a leading one.  Text is said to be
 * UTF-8.  Static.
 */
struct flare_str flare__mime_of_path(struct flare_str path);

/*
 * Whether a body of this Content-Type gets notably smaller: text and what is
 * text inside, uncompressed fonts and images.  Not event streams, whose
 * events a compressor would hold back.
 */
bool flare__mime_is_compressible(struct flare_str content_type);

#endif
