/* SPDX-License-Identifier: MIT */
/* The table behind mime.h. */
#ifndef FLARE__HTTP_MIME_TABLE_H
#define FLARE__HTTP_MIME_TABLE_H

#include <flare/base.h>

enum { FLARE__MIME_EXT_MAX = 11 };

struct flare__mime_row {
    char ext[FLARE__MIME_EXT_MAX + 1]; /* lower case */
    struct flare_str type;
};

extern const struct flare__mime_row flare__mime_rows[];
extern const size_t flare__mime_rows_count;

#endif
