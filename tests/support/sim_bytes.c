/* SPDX-License-Identifier: MIT */
/* A table of noise, read from another place for each request. */
#include "tests/support/sim_bytes.h"

#include <string.h>

enum { BYTES_PERIOD = 4093, BYTES_COPIES = 9 /* whole bodies at one memcpy */ };

static char table[BYTES_PERIOD * BYTES_COPIES];

static const char *table_get(void)
{
    uint32_t x = 1;

    if (table[0] != 0)
        return table;
    for (uint32_t i = 0; i < BYTES_PERIOD; i++) {
        x = x * 1664525 + 1013904223;
        table[i] = (char)(x >> 24 | 1);
    }
    for (uint32_t i = 1; i < BYTES_COPIES; i++)
        memcpy(table + i * BYTES_PERIOD, table, BYTES_PERIOD);
    return table;
}

/* The longest run at `offset` that lies in the table. */
static const char *bytes_at(uint32_t conn, uint32_t request, size_t offset,
                            size_t *len)
{
    size_t at = (offset + conn * 797 + request * 61 + 5) % BYTES_PERIOD;

    if (*len > sizeof(table) - at)
        *len = sizeof(table) - at;
    return table_get() + at;
}

void sim_bytes_fill(char *out, size_t len, uint32_t conn, uint32_t request,
                    size_t offset)
{
    for (size_t done = 0, n; done < len; done += n) {
        const char *from;

        n = len - done;
        from = bytes_at(conn, request, offset + done, &n);
        memcpy(out + done, from, n);
    }
}

bool sim_bytes_equal(const char *bytes, size_t len, uint32_t conn,
                     uint32_t request, size_t offset)
{
    for (size_t done = 0, n; done < len; done += n) {
        const char *from;

        n = len - done;
        from = bytes_at(conn, request, offset + done, &n);
        if (memcmp(bytes + done, from, n) != 0)
            return false;
    }
    return true;
}

uint64_t sim_bytes_sum(const char *bytes, size_t len)
{
    uint64_t sum = 1469598103934665603u;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 1099511628211u;
    return sum;
}
