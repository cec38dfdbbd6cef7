/* SPDX-License-Identifier: MIT */
/*
 * What every other flare header stands on: visibility, the slice type and the
 * version.  Includes nothing but the C library's integer types.
 */
#ifndef FLARE_BASE_H
#define FLARE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLARE_VERSION_MAJOR 0
#define FLARE_VERSION_MINOR 1
#define FLARE_VERSION_PATCH 0
#define FLARE_VERSION "0.1.0"

#define FLARE_API __attribute__((visibility("default")))
#define FLARE_MUST_USE __attribute__((warn_unused_result))
#define FLARE_PRINTF(fmt_arg, first_arg)                                       \
    __attribute__((format(printf, fmt_arg, first_arg)))

/* "No limit", where a member or argument says that it may be had. */
#define FLARE_UNLIMITED UINT32_MAX

/*
 * A borrowed run of bytes.  Not terminated by NUL and may contain any byte.
 * Whoever hands one out says how long it lives.  It is `struct flare_str` in
 * C++ too, as flare_str is a function.
 */
struct flare_str {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal, without counting at run time. */
#ifdef __cplusplus
static inline struct flare_str flare__str_of(const char *ptr, size_t len)
{
    struct flare_str s = {ptr, len};

    return s;
}
#define FLARE_STR(literal) flare__str_of("" literal, sizeof(literal) - 1)
#else
#define FLARE_STR(literal)                                                     \
    ((struct flare_str){.ptr = "" literal, .len = sizeof(literal) - 1})
#endif

/* For printf: printf("%.*s", FLARE_STR_ARG(s)). */
#define FLARE_STR_ARG(s) (int)(s).len, (s).ptr

/*
 * The slice of a NUL-terminated string; NULL gives the empty slice.
 * Borrows `text`.  Thread: any.
 */
FLARE_API struct flare_str flare_str(const char *text);

/* Whether both hold the same bytes.  Thread: any. */
FLARE_API bool flare_str_equal(struct flare_str a, struct flare_str b);

/*
 * Whether both hold the same bytes when A-Z and a-z are taken as one; other
 * bytes are compared as they are, whatever the locale.  Thread: any.
 */
FLARE_API bool flare_str_equal_nocase(struct flare_str a, struct flare_str b);

/* The library's version at run time, "0.1.0"; static.  Thread: any. */
FLARE_API const char *flare_version(void);

#ifdef __cplusplus
}
#endif
#endif
