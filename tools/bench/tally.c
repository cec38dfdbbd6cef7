/* SPDX-License-Identifier: MIT */
/* Counters added up; see tally.h. */
#include "tools/bench/tally.h"

#include <stddef.h>

enum { TALLY_WORDS = sizeof(struct tally) / sizeof(uint64_t) };

static void clear(struct tally *tally, size_t bytes)
{
    uint64_t *words = (uint64_t *)tally;

    for (size_t i = 0; i < bytes / sizeof(*words); i++)
        __atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
}

void tally_clear(struct tally *tally)
{
    clear(tally, sizeof(*tally));
}

void tally_restart(struct tally *tally)
{
    clear(tally, offsetof(struct tally, connects));
}

void tally_merge(struct tally *into, const struct tally *from)
{
    uint64_t *words = (uint64_t *)into;
    const uint64_t *more = (const uint64_t *)from;

    for (size_t i = 0; i < TALLY_WORDS; i++)
        words[i] += __atomic_load_n(&more[i], __ATOMIC_RELAXED);
}

void tally_subtract(struct tally *from, const struct tally *what)
{
    uint64_t *words = (uint64_t *)from;
    const uint64_t *less = (const uint64_t *)what;

    for (size_t i = 0; i < TALLY_WORDS; i++)
        words[i] -= less[i];
}

uint64_t tally_errors(const struct tally *tally)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < TALLY_ERROR_COUNT; i++)
        sum += tally->errors[i];
    return sum;
}

uint64_t tally_class(const struct tally *tally, unsigned hundreds)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < 100; i++)
        sum += tally->status[hundreds * 100 + i];
    return sum;
}

static const char *const names[] = {
#define X(id, name, words) name,
    TALLY_ERRORS(X)
#undef X
};

static const char *const words_of[] = {
#define X(id, name, words) words,
    TALLY_ERRORS(X)
#undef X
};

const char *tally_error_name(enum tally_error error)
{
    return names[error];
}

const char *tally_error_words(enum tally_error error)
{
    return words_of[error];
}
