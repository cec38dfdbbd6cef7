/* SPDX-License-Identifier: MIT */
/*
 * The reader of responses as a filter, for tests/e2e/test_replies.py to put it
 * beside another one.  A line of input is a number of FLARE__REPLY_TO_*, SP and
 * the bytes of a response in hexadecimal, followed by its clean end; a line of
 * output the name of the error, or
 *
 *   DONE|TUNNEL status bytes-consumed body-in-hexadecimal
 */
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 4096, LINE_BYTES = 2 * BYTES_MAX + 16 };

static size_t read_hex(char *out, const char *text)
{
    size_t n = 0;
    unsigned byte;

    for (; n < BYTES_MAX && sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (char)byte;
    return n;
}

static void answer(int rc, const struct flare__reply *r, size_t used,
                   const char *body, size_t body_len)
{
    if (rc < 0) {
        printf("%s\n", flare_error_name(rc));
        return;
    }
    printf("%s %u %zu ", rc == FLARE__REPLY_DONE ? "DONE" : "TUNNEL",
           r->head.status, used);
    for (size_t i = 0; i < body_len; i++)
        printf("%02x", (unsigned char)body[i]);
    printf("\n");
}

static void read_one(unsigned request, const char *bytes, size_t len)
{
    static const struct flare__reply_limits limits = FLARE__REPLY_LIMITS;
    static struct flare__field fields[256];
    struct flare__reply r;
    struct flare_str in = {bytes, len};
    struct flare_str data;
    char body[BYTES_MAX];
    size_t body_len = 0;
    int rc;

    flare__reply_init(&r, &limits, request, fields);
    do {
        rc = flare__reply_feed(&r, &in, &data);
        if (rc == FLARE__REPLY_BODY) {
            memcpy(body + body_len, data.ptr, data.len);
            body_len += data.len;
        }
    } while (rc > 0 && rc != FLARE__REPLY_DONE && rc != FLARE__REPLY_TUNNEL);
    if (rc == FLARE__REPLY_MORE)
        rc = flare__reply_eof(&r, /* is_clean = */ true);
    answer(rc, &r, (size_t)(in.ptr - bytes), body, body_len);
}

int main(void)
{
    static char line[LINE_BYTES];
    static char bytes[BYTES_MAX];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *hex;
        unsigned request = (unsigned)strtoul(line, &hex, 10);

        read_one(request, bytes, read_hex(bytes, hex + 1));
    }
    return EXIT_SUCCESS;
}
