/* SPDX-License-Identifier: MIT */
/* The output of a connection in memory of its caller's; see engine.h. */
#include "tls/impl.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { OUTPUT_ROOM = FLARE__TLS_OUT_SLACK + 1024 }; /* and to spare */

bool flare__tls_lend_output(struct flare__tls *e, char *bytes, uint32_t cap)
{
    if (e->out != NULL)
        return false;
    FLARE_ASSERT(cap >= OUTPUT_ROOM + FLARE__TLS_OUT_MIN);
    e->out = bytes;
    e->out_cap = cap;
    e->out_is_lent = true;
    e->out_max = cap - OUTPUT_ROOM;
    return true;
}

bool flare__tls_take_output(struct flare__tls *e, struct flare__tls_taken *out)
{
    bool is_lent = e->out_is_lent;

    if (e->out == NULL || (e->out_len == 0 && !is_lent))
        return false;
    *out = (struct flare__tls_taken){
        .bytes = e->out,
        .start = e->out_start,
        .len = e->out_len,
        .cap = e->out_cap,
        .is_lent = is_lent,
    };
    e->out = NULL;
    e->out_start = 0;
    e->out_len = 0;
    e->out_cap = 0;
    e->out_is_lent = false;
    return true;
}

void flare__tls_free_output(const struct flare__tls *e, char *bytes)
{
    flare__free(e->al, bytes);
}
