/* SPDX-License-Identifier: MIT */
/*
 * A second reader of multipart/form-data, of a whole body only, slow and plain,
 * written from the words of flare/multipart.h.
 */
#ifndef FLARE__TEST_MULTIPART_ORACLE_H
#define FLARE__TEST_MULTIPART_ORACLE_H

#include <flare/multipart.h>

enum { MULTIPART_LOG_MAX = 1 << 17 };

/*
 * What a reader said, as text: "[name|filename|type]" for a part, "-" for what
 * is not there, then its content, "/" at its end, "." at the form's.
 */
struct multipart_log {
    int rc; /* 0 after END, or the error */
    size_t len;
    char text[MULTIPART_LOG_MAX];
};

void multipart_log_add(struct multipart_log *log, const char *bytes,
                       size_t len);
void multipart_log_part(struct multipart_log *log,
                        const struct flare_part *part);

/* `boundary` is without hyphens of the wire. */
void multipart_oracle(struct multipart_log *log, struct flare_str boundary,
                      const char *body, size_t len);

#endif
