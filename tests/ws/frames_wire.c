/* SPDX-License-Identifier: MIT */
/* See frames_wire.h. */
#include "tests/ws/frames_wire.h"

#include "tests/support/test.h"

#include <string.h>

static const unsigned char keys[][4] = {
    {0x37, 0xfa, 0x21, 0x3d}, {0, 0, 0, 0}, {0xff, 0x80, 0x01, 0x7f}};

/* The header of a frame in the row's form; its length. */
static size_t put_head(char *out, const struct table_frame *f,
                       const unsigned char *key)
{
    uint64_t len = f->claims != 0 ? f->claims : f->len;
    unsigned form = f->form;
    size_t more, n = 2;

    if (form == 0)
        form = len < 126 ? 7 : len < 65536 ? 16 : 64;
    more = form == 7 ? 0 : form / 8;
    out[0] = (char)f->first;
    out[1] = (char)((form == 7    ? len
                     : form == 16 ? 126
                                  : 127) |
                    (key != NULL ? 0x80 : 0));
    for (size_t i = more; i-- > 0; n++)
        out[n] = (char)(len >> (8 * i));
    if (key != NULL)
        memcpy(out + n, key, 4);
    return n + (key != NULL ? 4 : 0);
}

static size_t put_frame(char *out, const struct table_frame *f, bool is_masked,
                        const unsigned char *key)
{
    size_t n = put_head(out, f, is_masked ? key : NULL);

    for (size_t i = 0; i < f->len; i++) {
        char c = f->payload != NULL ? f->payload[i] : 'x';

        out[n + i] = is_masked ? (char)(c ^ (char)key[i % 4]) : c;
    }
    return n + f->len;
}

size_t frames_wire(char *out, const struct table_row *row, bool is_client)
{
    size_t len = 0;
    unsigned k = 0;

    for (size_t i = 0; i < row->count; i++) {
        const struct table_frame *f = &row->frames[i];
        unsigned times = f->repeats > 0 ? f->repeats : 1;

        ck_assert(len + times * (f->len + 14) <= FRAMES_WIRE_MAX);
        for (; times > 0; times--, k++)
            len += put_frame(out + len, f, is_client == f->wrong_mask,
                             keys[k % 3]);
    }
    return len;
}
