/* SPDX-License-Identifier: MIT */
/* Answer, bytes consumed and body have to be the oracle's. */
#include "tests/support/chunked_check.h"

#include "tests/support/chunked_oracle.h"
#include "tests/support/guard.h"

#include <stdio.h>
#include <string.h>

static struct guard memory;
static struct chunked_oracle oracle;
static char text[160];

struct run {
    struct flare__chunked decoder;
    int rc;
    size_t consumed;
    size_t body_len;
    char body[CHUNKED_ORACLE_BYTES_MAX];
};

static void run_piece(struct run *run,
                      const struct flare__chunked_limits *limits,
                      const char *bytes, size_t len)
{
    struct flare_str in = {guard_put(&memory, bytes, len), len};
    struct flare_str data;

    do {
        run->rc = flare__chunked_decode(&run->decoder, limits, &in, &data);
        if (run->rc == FLARE__CHUNKED_DATA) {
            memcpy(run->body + run->body_len, data.ptr, data.len);
            run->body_len += data.len;
        }
    } while (run->rc == FLARE__CHUNKED_DATA);
    run->consumed += len - in.len;
}

/* In two pieces cut at `first`, then in pieces of `step`. */
static const char *run_cut(const struct flare__chunked_limits *limits,
                           const char *bytes, size_t len, size_t first,
                           size_t step)
{
    static struct run run;
    size_t at = 0;

    flare__chunked_init(&run.decoder);
    run.rc = FLARE__CHUNKED_MORE;
    run.consumed = 0;
    run.body_len = 0;
    while (at < len && run.rc == FLARE__CHUNKED_MORE) {
        size_t n = at == 0 && first > 0 ? first : step;

        if (n > len - at)
            n = len - at;
        run_piece(&run, limits, bytes + at, n);
        at += n;
    }
    /* the byte that broke the rules is not consumed */
    if (run.rc < 0)
        run.consumed++;
    if (run.rc == oracle.rc && run.consumed == oracle.at &&
        run.body_len == oracle.body_len &&
        memcmp(run.body, oracle.body, run.body_len) == 0)
        return NULL;
    snprintf(text, sizeof(text),
             "cut at %zu, then %zu: %d after %zu bytes and %zu of body, "
             "not %d after %zu and %zu",
             first, step, run.rc, run.consumed, run.body_len, oracle.rc,
             oracle.at, oracle.body_len);
    return text;
}

const char *chunked_check(const struct flare__chunked_limits *limits,
                          const char *bytes, size_t len,
                          enum chunked_check_cuts cuts, int *rc)
{
    const char *wrong;

    if (memory.base == NULL)
        guard_init(&memory, CHUNKED_ORACLE_BYTES_MAX);
    chunked_oracle(&oracle, limits, bytes, len);
    *rc = oracle.rc;
    wrong = run_cut(limits, bytes, len, 0, 1);
    if (wrong == NULL)
        wrong = run_cut(limits, bytes, len, 0, len);
    if (cuts == CHUNKED_CHECK_EVERY)
        for (size_t cut = 1; wrong == NULL && cut < len; cut++)
            wrong = run_cut(limits, bytes, len, cut, len);
    return wrong;
}
