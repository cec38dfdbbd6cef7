/* SPDX-License-Identifier: MIT */
/* See config.h.  Numbers and rules are those of <flare/limits.h>. */
#include "http/config.h"

#include <flare/limits.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "http/chars.h"
#include "http/watch.h"

#include <string.h>

_Static_assert((int)FLARE__FORWARDED_X_REAL_IP ==
                   (int)FLARE_FORWARDED_X_REAL_IP,
               "the public kinds are the internal ones");

enum { CONFIG_RESERVE_FDS = 64 }; /* for listeners, logs, the application */

struct config_number {
    const char *name;
    size_t offset;
    uint32_t standard; /* when it is 0 */
    uint32_t min;
    uint32_t max;
};

#define CONFIG_NUMBER(name, standard, min, max)                                \
    {#name, offsetof(struct flare_server_config, name), standard, min, max},

static const struct config_number config_numbers[] = {
    FLARE_LIMITS(CONFIG_NUMBER)};

static uint32_t *config_at(struct flare_server_config *c, size_t offset)
{
    return (uint32_t *)(void *)((char *)c + offset);
}

static int config_check_numbers(struct flare_server_config *c,
                                struct flare_error *err)
{
    for (size_t i = 0; i < sizeof(config_numbers) / sizeof(config_numbers[0]);
         i++) {
        const struct config_number *n = &config_numbers[i];
        uint32_t *value = config_at(c, n->offset);

        if (*value == 0)
            *value = n->standard;
        if (*value != n->standard && (*value < n->min || *value > n->max))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "%s is %u; it must be from %u to %u", n->name,
                                *value, n->min, n->max);
    }
    return 0;
}

#define CONFIG_VALUE(name, standard, min, max)                                 \
    const uint32_t name = c->name;                                             \
    (void)name;
#define CONFIG_RULE(name, holds, text)                                         \
    if (!(holds))                                                              \
        return flare__error(err, FLARE_E_BAD_CONFIG, "%s", text);

/* What must hold between numbers. */
static int config_check_rules(const struct flare_server_config *c,
                              struct flare_error *err)
{
    FLARE_LIMITS(CONFIG_VALUE)
    FLARE_LIMIT_RULES(CONFIG_RULE)
    return 0;
}

static int config_check_name(const char *name, struct flare_error *err)
{
    size_t len = strlen(name);

    if (len > FLARE__HTTP_SERVER_NAME_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "server_name is longer than %d bytes",
                            FLARE__HTTP_SERVER_NAME_MAX);
    for (size_t i = 0; i < len; i++)
        if (!flare__char_is(name[i], FLARE__CHAR_VALUE) ||
            (name[i] <= ' ' && (i == 0 || i == len - 1)))
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "server_name is no field value (byte %zu)", i);
    return 0;
}

static int config_check_middleware(const struct flare_middleware *const *list,
                                   struct flare_error *err)
{
    size_t count = flare__chain_count(list);

    if (count > FLARE_MIDDLEWARE_MAX)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "middleware has more than %d entries",
                            FLARE_MIDDLEWARE_MAX);
    for (size_t i = 0; i < count; i++)
        if (list[i]->fn == NULL)
            return flare__error(err, FLARE_E_BAD_CONFIG,
                                "middleware %zu has no function", i + 1);
    return 0;
}

static int config_check_allocator(const struct flare_allocator *al,
                                  struct flare_error *err)
{
    int given = (al->alloc_fn != NULL) + (al->realloc_fn != NULL) +
                (al->free_fn != NULL);

    if (given != 0 && given != 3)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "allocator: give all three functions or none");
    return 0;
}

static int config_check_rest(const struct flare_server_config *c,
                             struct flare_error *err)
{
    bool has_routes = c->routes.count != 0;
    bool has_handler = c->handler.fn != NULL;
    int rc;

    if (c->listen == NULL && c->tls_listen == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG, "listen is not given");
    if ((c->tls_listen == NULL) != (c->tls == NULL))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "tls and tls_listen belong together");
    if (has_routes == has_handler)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "give either routes or a handler");
    rc = config_check_middleware(c->middleware, err);
    if (rc < 0)
        return rc;
    rc = config_check_name(c->server_name, err);
    return rc < 0 ? rc : config_check_allocator(&c->allocator, err);
}

/* Whom to believe: words that would have no effect are mistakes. */
static int config_check_trust(const struct flare_server_config *c,
                              struct flare_error *err)
{
    struct flare__trust trust;

    if ((unsigned)c->forwarded > FLARE_FORWARDED_X_REAL_IP)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "forwarded is %d; there is no such kind",
                            (int)c->forwarded);
    if (c->forwarded != FLARE_FORWARDED_NONE && c->trusted == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "forwarded needs trusted: whom to believe");
    if (c->trusted != NULL && c->forwarded == FLARE_FORWARDED_NONE &&
        !c->proxy_protocol)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "trusted needs forwarded or proxy_protocol");
    return flare__trust_parse(&trust, c->trusted, err);
}

int flare__config_resolve(struct flare_server_config *config,
                          uint64_t descriptors, struct flare_error *err)
{
    uint64_t usable =
        descriptors > CONFIG_RESERVE_FDS ? descriptors - CONFIG_RESERVE_FDS : 1;
    int rc;

    if (config->server_name == NULL)
        config->server_name = "flare";
    rc = config_check_numbers(config, err);
    if (rc < 0)
        return rc;
    rc = config_check_rules(config, err);
    if (rc < 0)
        return rc;
    if (config->connections_max == 0)
        config->connections_max =
            usable < (1u << 24) ? (uint32_t)usable : 1u << 24;
    rc = config_check_rest(config, err);
    if (rc >= 0)
        rc = config_check_trust(config, err);
    if (rc < 0)
        return rc;
    if (config->allocator.alloc_fn == NULL)
        config->allocator = flare__allocator_default;
    return 0;
}

void flare__config_options(struct flare__http_options *options,
                           const struct flare_server_config *config)
{
    uint32_t each = config->connections_max / config->workers;
    int rc;

    *options = (struct flare__http_options){
        .al = &config->allocator,
        .handler = config->handler,
        .server_name = flare_str(config->server_name),
        .head = {.target_bytes_max = config->target_bytes_max,
                 .fields_bytes_max = config->fields_bytes_max,
                 .fields_max = config->fields_max},
        .chunked = {.overhead_max = config->chunk_overhead_max,
                    .line_max = config->chunk_overhead_max},
        .body_bytes_max = config->body_bytes_max,
        .requests_max = config->requests_per_connection_max,
        .connections_max = each > 0 ? each : 1,
        .output_bytes_max = config->output_bytes_max,
        .head_timeout_ms = config->head_timeout_ms,
        .body_gap_ms = config->body_gap_ms,
        .body_grace_ms = config->body_grace_ms,
        .body_rate_min = config->body_rate_min == FLARE_UNLIMITED
                             ? 0
                             : config->body_rate_min,
        .idle_timeout_ms = config->idle_timeout_ms,
        .send_timeout_ms = config->send_timeout_ms,
        .linger_timeout_ms = config->linger_timeout_ms,
        .tls = (struct flare__wire_maker *)config->tls,
        .tls_handshake_timeout_ms = config->tls_handshake_timeout_ms,
        .answer_timeout_ms = config->answer_timeout_ms,
        .request_memory_max = config->request_memory_max,
        .memory_max = config->worker_memory_max,
        .has_proxy_header = config->proxy_protocol,
        .forwarded = (enum flare__forwarded_kind)config->forwarded,
        .app = config->app,
    };
    rc = flare__trust_parse(&options->trust, config->trusted, NULL);
    FLARE_ASSERT(rc == 0); /* it was checked */
    if (config->middleware[0] != NULL)
        options->outer = flare__chain_build(
            options->links, config->middleware,
            flare__chain_count(config->middleware),
            (struct flare_handler){flare__chain_inner, NULL});
    if (config->stall_ms != 0)
        flare__watch_wrap(options);
}
