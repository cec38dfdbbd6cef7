/* SPDX-License-Identifier: MIT */
/* See choose.h. */
#include "net/choose.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FLARE_HAVE_LIBURING
#define URING_OPS &flare__backend_uring
#else
#define URING_OPS NULL
#endif
#ifdef FLARE_HAVE_EPOLL
#define EPOLL_OPS &flare__backend_epoll
#else
#define EPOLL_OPS NULL
#endif
#ifdef FLARE_HAVE_KQUEUE
#define KQUEUE_OPS &flare__backend_kqueue
#else
#define KQUEUE_OPS NULL
#endif

/* The ladder, best first; NULL: known, and not in this build. */
static const struct {
    const char *name;
    const struct flare__backend_ops *ops;
} ladder[] = {
#ifndef __linux__
    {"kqueue", KQUEUE_OPS},
#endif
    {"uring", URING_OPS},
    {"epoll", EPOLL_OPS},
#ifdef __linux__
    {"kqueue", KQUEUE_OPS}, /* the tests' stand-in */
#endif
};

enum { LADDER_LENGTH = sizeof(ladder) / sizeof(ladder[0]) };

/*
 * Why a ladder of this process was not taken from its first rung.  Written by
 * the first that fell back and never again; readable once `state` says so.
 */
enum { FALLBACK_NONE, FALLBACK_WRITING, FALLBACK_KEPT };

static struct {
    atomic_int state;
    char text[sizeof(((struct flare_error *)0)->text)];
} fallback;

static void fallback_keep(const char *text)
{
    int none = FALLBACK_NONE;

    if (!atomic_compare_exchange_strong(&fallback.state, &none,
                                        FALLBACK_WRITING))
        return;
    (void)snprintf(fallback.text, sizeof(fallback.text), "%s", text);
    atomic_store(&fallback.state, FALLBACK_KEPT);
}

/* One rung.  0 or FLARE_E_BACKEND_UNAVAILABLE. */
static int rung_open(size_t rung, struct flare__backend **b,
                     const struct flare__backend_config *config,
                     struct flare_error *why)
{
    const struct flare__backend_ops *ops = ladder[rung].ops;
    struct flare_error reason = {.code = 0};
    int rc;

    if (ops == NULL)
        return flare__error(why, FLARE_E_BACKEND_UNAVAILABLE,
                            "backend %s: not in this build", ladder[rung].name);
    rc = ops->open(b, config, &reason);
    if (rc < 0)
        return flare__error(why, FLARE_E_BACKEND_UNAVAILABLE, "backend %s: %s",
                            ladder[rung].name,
                            reason.text[0] ? reason.text : flare_strerror(rc));
    return 0;
}

static int ladder_find(const char *name, size_t *rung, struct flare_error *why)
{
    for (size_t i = 0; i < LADDER_LENGTH; i++) {
        if (strcmp(ladder[i].name, name) == 0) {
            *rung = i;
            return 0;
        }
    }
    return flare__error(why, FLARE_E_BAD_CONFIG,
                        "backend '%s' is unknown; there are uring, epoll and "
                        "kqueue",
                        name);
}

static bool is_wish(const char *name)
{
    return name != NULL && name[0] != '\0' && strcmp(name, "auto") != 0;
}

static int choose_by_name(const struct flare__backend_ops **out,
                          struct flare__backend **b, const char *name,
                          const struct flare__backend_config *config,
                          struct flare_error *why)
{
    size_t rung = 0;
    int rc = ladder_find(name, &rung, why);

    if (rc == 0)
        rc = rung_open(rung, b, config, why);
    if (rc == 0)
        *out = ladder[rung].ops;
    return rc;
}

/*
 * `why` ends as the first refusal, or as the first two if nothing works.  Of
 * what is not in this build only the best is worth a word.
 */
static int choose_by_ladder(const struct flare__backend_ops **out,
                            struct flare__backend **b,
                            const struct flare__backend_config *config,
                            struct flare_error *why)
{
    struct flare_error first = {.code = 0};
    struct flare_error second = {.code = 0};
    struct flare_error other;

    if (rung_open(0, b, config, &first) == 0) {
        *out = ladder[0].ops;
        return 0;
    }
    for (size_t i = 1; i < LADDER_LENGTH; i++) {
        if (ladder[i].ops == NULL)
            continue;
        if (rung_open(i, b, config, second.code ? &other : &second) < 0)
            continue;
        *out = ladder[i].ops;
        flare__log(config->log, FLARE_LOG_WARN, "using %s; %s", ladder[i].name,
                   first.text);
        fallback_keep(first.text);
        return 0;
    }
    return flare__error(why, FLARE_E_BACKEND_UNAVAILABLE, "%s%s%s", first.text,
                        second.code ? "; " : "", second.text);
}

int flare__backend_choose(const struct flare__backend_ops **out,
                          struct flare__backend **b, const char *wanted,
                          const struct flare__backend_config *config,
                          struct flare_error *why)
{
    if (!is_wish(wanted))
        wanted = getenv("FLARE_BACKEND");
    if (is_wish(wanted))
        return choose_by_name(out, b, wanted, config, why);
    return choose_by_ladder(out, b, config, why);
}

/* The ladder without its first rung, and that one last. */
static int choose_cheap(const struct flare__backend_ops **out,
                        struct flare__backend **b,
                        const struct flare__backend_config *config,
                        struct flare_error *why)
{
    struct flare_error first = {.code = 0};
    struct flare_error other;

    for (size_t i = 1; i <= LADDER_LENGTH; i++) {
        size_t rung = i % LADDER_LENGTH;

        if (ladder[rung].ops == NULL)
            continue;
        if (rung_open(rung, b, config, first.code ? &other : &first) == 0) {
            *out = ladder[rung].ops;
            return 0;
        }
    }
    return flare__error(why, FLARE_E_BACKEND_UNAVAILABLE, "%s",
                        first.code ? first.text : "no backend in this build");
}

int flare__backend_choose_cheap(const struct flare__backend_ops **out,
                                struct flare__backend **b,
                                const struct flare__backend_config *config,
                                struct flare_error *why)
{
    const char *wanted = getenv("FLARE_BACKEND");

    if (is_wish(wanted))
        return choose_by_name(out, b, wanted, config, why);
    return choose_cheap(out, b, config, why);
}

/* ---- the public face */

int flare_backend_probe(const char *name, struct flare_error *why)
{
    static const struct flare__log silent = {.fn = NULL};
    const struct flare__backend_config config = {
        .al = &flare__allocator_default,
        .log = &silent,
    };
    const struct flare__backend_ops *ops;
    struct flare__backend *b;
    int rc;

    if (name == NULL)
        return flare__error(why, FLARE_E_BAD_CONFIG, "no backend is named");
    rc = choose_by_name(&ops, &b, name, &config, why);
    if (rc == 0)
        ops->free(b);
    return rc;
}

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

/* Libraries that this build has something of. */
static const char libraries[] =
#ifdef FLARE_HAVE_OPENSSL
    ", with OpenSSL"
#endif
#ifdef FLARE_HAVE_ZLIB
    ", with zlib"
#endif
    "";

/* Of this build, each with a space before it. */
static void names_write(char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < LADDER_LENGTH; i++)
        if (ladder[i].ops != NULL)
            len +=
                (size_t)snprintf(out + len, size - len, " %s", ladder[i].name);
}

size_t flare_build_info(char *out, size_t size)
{
    bool is_kept = atomic_load(&fallback.state) == FALLBACK_KEPT;
    char names[LADDER_LENGTH * 8];
    int n;

    names_write(names, sizeof(names));
    n = snprintf(out, size, "flare %s, %s, backends:%s%s%s%s", FLARE_VERSION,
                 COMPILER, names, libraries, is_kept ? "; fell back: " : "",
                 is_kept ? fallback.text : "");
    return n > 0 ? (size_t)n : 0;
}
