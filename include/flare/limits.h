/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a server's configuration: their defaults and ranges, once, for
 * the run-time check (flare_server_open) and for the compiler.
 *
 * A program whose limits are constants writes them as a list and has them
 * checked when it is built; what breaks a rule does not compile, and the
 * message names the rule:
 *
 *     #define TIGHT(X)              \
 *         X(fields_max, 32)         \
 *         X(body_bytes_max, 65536)
 *     FLARE_CONSTANT_CONFIG(tight, TIGHT);
 *
 * That defines `static inline void tight_apply(struct flare_server_config *)`.
 * Or, in a configuration's initialiser, FLARE_CONSTANT_MEMBERS(TIGHT) after the
 * other members.
 */
#ifndef FLARE_LIMITS_H
#define FLARE_LIMITS_H

#include <flare/server.h>

/*
 * X(member, default, least, most), plain decimal numbers.  A default of 0 is
 * found out when the server opens.  4294967295 is FLARE_UNLIMITED.
 */
#define FLARE_LIMITS(X)                                                        \
    X(workers, 1, 1, 1024)                                                     \
    X(target_bytes_max, 8192, 16, 1048576)                                     \
    X(fields_bytes_max, 8192, 64, 1048576)                                     \
    X(fields_max, 100, 1, 10000)                                               \
    X(body_bytes_max, 10485760, 1, 1073741824)                                 \
    X(chunk_overhead_max, 8192, 16, 1048576)                                   \
    X(requests_per_connection_max, 4294967295, 1, 4294967295)                  \
    X(connections_max, 0, 1, 16777216)                                         \
    X(output_bytes_max, 65536, 1024, 1073741824)                               \
    X(request_memory_max, 1048576, 4096, 1073741824)                           \
    X(worker_memory_max, 0, 1048576, 4294967295)                               \
    X(offload_threads, 4, 1, 1024)                                             \
    X(offload_queue_max, 1024, 1, 1048576)                                     \
    X(stall_ms, 0, 1, 60000)                                                   \
    X(stall_abort_ms, 0, 1, 86400000)                                          \
    X(tls_handshake_timeout_ms, 10000, 1, 86400000)                            \
    X(head_timeout_ms, 10000, 1, 86400000)                                     \
    X(body_gap_ms, 30000, 1, 86400000)                                         \
    X(body_grace_ms, 10000, 1, 86400000)                                       \
    X(body_rate_min, 240, 1, 4294967295)                                       \
    X(idle_timeout_ms, 60000, 1, 86400000)                                     \
    X(send_timeout_ms, 30000, 1, 86400000)                                     \
    X(linger_timeout_ms, 2000, 1, 86400000)                                    \
    X(answer_timeout_ms, 60000, 1, 4294967295)                                 \
    X(drain_timeout_ms, 30000, 1, 86400000)                                    \
    X(drain_grace_ms, 500, 1, 86400000)

/* X(name, what must hold, the sentence that says so): between members. */
#define FLARE_LIMIT_RULES(X)                                                   \
    X(connections_for_workers,                                                 \
      connections_max == 0 || connections_max >= workers,                      \
      "connections_max must not be less than workers")                         \
    X(stall_before_abort,                                                      \
      stall_abort_ms == 0 || (stall_ms != 0 && stall_abort_ms >= stall_ms),    \
      "stall_abort_ms needs stall_ms, and must not be less")

/* A default only counts as one where no other number can be meant. */
#define FLARE__LIMIT_HOLDS(name, standard, min, max)                           \
    (name == standard || (name >= min && name <= max))

/* The words of the range, the same in both checks. */
#define FLARE__LIMIT_TEXT(name, min, max)                                      \
#name " must be from " #min " to " #max

/* Known members, so that a misspelt one is an error. */
enum flare__limit {
#define FLARE__LIMIT_ID(name, standard, min, max) FLARE__LIMIT_##name,
    FLARE_LIMITS(FLARE__LIMIT_ID)
#undef FLARE__LIMIT_ID
        FLARE__LIMIT_COUNT
};

/* C has no constant but an enumerator; the inner ones hide the defaults. */
#ifdef __cplusplus
#define FLARE__LIMIT_ASSERT static_assert
#define FLARE__LIMIT_CONSTANT(name, value)                                     \
    constexpr long long name = (value);                                        \
    (void)name;
#else
#define FLARE__LIMIT_ASSERT _Static_assert
#define FLARE__LIMIT_CONSTANT(name, value) enum { name = (value) };
#endif
#define FLARE__LIMIT_DEFAULT(name, standard, min, max)                         \
    FLARE__LIMIT_CONSTANT(name, standard)
#define FLARE__LIMIT_SET(name, value)                                          \
    (void)FLARE__LIMIT_##name;                                                 \
    FLARE__LIMIT_CONSTANT(name, value)
#define FLARE__LIMIT_RANGE(name, standard, min, max)                           \
    FLARE__LIMIT_ASSERT(FLARE__LIMIT_HOLDS(name, standard, min, max),          \
                        FLARE__LIMIT_TEXT(name, min, max));
#define FLARE__LIMIT_RULE(name, holds, text) FLARE__LIMIT_ASSERT(holds, text);
#define FLARE__LIMIT_APPLY(name, standard, min, max)                           \
    config->name = (uint32_t)name;
#define FLARE__LIMIT_MEMBER(name, value) .name = (value),

/* Checks `list` when it is compiled; defines `name_apply`. */
#define FLARE_CONSTANT_CONFIG(name, list)                                      \
    _Pragma("GCC diagnostic push")                                             \
        _Pragma("GCC diagnostic ignored \"-Wshadow\"")                         \
            _Pragma("GCC diagnostic ignored \"-Wpedantic\"")                   \
                _Pragma("GCC diagnostic ignored \"-Wenum-compare\"")           \
                    __attribute__((unused)) static inline void name##_apply(   \
                        struct flare_server_config *config)                    \
    {                                                                          \
        FLARE_LIMITS(FLARE__LIMIT_DEFAULT)                                     \
        {                                                                      \
            list(FLARE__LIMIT_SET) FLARE_LIMITS(FLARE__LIMIT_RANGE)            \
                FLARE_LIMIT_RULES(FLARE__LIMIT_RULE)                           \
                    FLARE_LIMITS(FLARE__LIMIT_APPLY)                           \
        }                                                                      \
    }                                                                          \
    _Pragma("GCC diagnostic pop") struct flare__limits_of_##name

/* The members of `list`, each with a comma behind it (C only). */
#define FLARE_CONSTANT_MEMBERS(list) list(FLARE__LIMIT_MEMBER)

#endif
