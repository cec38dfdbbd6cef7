/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "tcp/options.h"

#include "base/log.h"

enum {
    OPTIONS_DAY_MS = 86400000,
    OPTIONS_QUEUE_DEFAULT = 1024 * 1024,
    OPTIONS_HIGH_DEFAULT = 256 * 1024,
    OPTIONS_LOW_DEFAULT = 64 * 1024,
    OPTIONS_BACKLOG_DEFAULT = 1024
};

/* A number of the options: where it is, what it may be. */
struct range {
    const char *name;
    size_t at; /* in the struct, a uint32_t */
    uint32_t standard;
    uint32_t min;
    uint32_t max;
    bool may_be_unlimited;
};

#define RANGE(member, standard, min, max, unlimited)                           \
    {                                                                          \
#member, offsetof(struct flare_tcp_options, member), standard, min,    \
            max, unlimited                                                     \
    }

/* The last ones have the system's default, which is 0 here.  A limit of the
 * kernel's on seconds and probes is 32767 and 127 (tcp.h). */
static const struct range ranges[] = {
    RANGE(connect_timeout_ms, 30000, 1, OPTIONS_DAY_MS, true),
    RANGE(attempt_timeout_ms, 10000, 1, OPTIONS_DAY_MS, true),
    RANGE(attempt_delay_ms, 250, 10, 2000, false),
    RANGE(read_timeout_ms, FLARE_UNLIMITED, 1, OPTIONS_DAY_MS, true),
    RANGE(write_timeout_ms, 30000, 1, OPTIONS_DAY_MS, true),
    RANGE(close_timeout_ms, 2000, 1, OPTIONS_DAY_MS, false),
    RANGE(tls_handshake_timeout_ms, 10000, 1, OPTIONS_DAY_MS, false),
    RANGE(queue_max, OPTIONS_QUEUE_DEFAULT, 1, 1 << 30, false),
    RANGE(streams_max, FLARE_UNLIMITED, 1, UINT32_MAX, true),
    RANGE(keepalive_idle_s, 0, 1, 32767, false),
    RANGE(keepalive_interval_s, 0, 1, 32767, false),
    RANGE(keepalive_count, 0, 1, 127, false),
    RANGE(user_timeout_ms, 0, 1, OPTIONS_DAY_MS, false),
    RANGE(send_buffer_bytes, 0, 1, 1 << 30, false),
    RANGE(receive_buffer_bytes, 0, 1, 1 << 30, false),
};

static int range_resolve(struct flare_tcp_options *o, const struct range *r,
                         struct flare_error *err)
{
    uint32_t *value = (uint32_t *)(void *)((char *)o + r->at);

    if (*value == 0) {
        *value = r->standard;
        return 0;
    }
    if (*value == FLARE_UNLIMITED && r->may_be_unlimited)
        return 0;
    if (*value < r->min || *value > r->max)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "%s must be from %lu to %lu", r->name,
                            (unsigned long)r->min, (unsigned long)r->max);
    return 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Those that hang together. */
static int marks_resolve(struct flare_tcp_options *o, struct flare_error *err)
{
    if (o->queue_high == 0)
        o->queue_high = least(OPTIONS_HIGH_DEFAULT, o->queue_max);
    if (o->queue_low == 0)
        o->queue_low = least(OPTIONS_LOW_DEFAULT, o->queue_high);
    if (o->queue_high > o->queue_max || o->queue_low > o->queue_high)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "queue_low, queue_high and queue_max must not "
                            "get smaller");
    if (o->backlog == 0)
        o->backlog = OPTIONS_BACKLOG_DEFAULT;
    if (o->backlog < 0)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "backlog must be at least 1");
    if (o->linger_s < 0 || (o->linger_s != 0 && !o->has_linger))
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "linger_s needs has_linger, and must be at least "
                            "0");
    return 0;
}

int flare__tcp_options_resolve(struct flare_tcp_options *out,
                               const struct flare_tcp_options *in,
                               struct flare_error *err)
{
    int rc = 0;

    *out = in != NULL ? *in : (struct flare_tcp_options){.handler = NULL};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && rc == 0; i++)
        rc = range_resolve(out, &ranges[i], err);
    if (rc == 0)
        rc = marks_resolve(out, err);
    if (rc == 0 && out->tls_client != NULL && out->tls_server != NULL)
        rc = flare__error(err, FLARE_E_BAD_CONFIG,
                          "tls_client and tls_server exclude each other");
    if (rc == 0 && (unsigned)out->family > FLARE_DNS_V6)
        rc = flare__error(err, FLARE_E_BAD_CONFIG, "family is not one");
    return rc;
}

int flare__tcp_options_for_loop(struct flare_tcp_options *out,
                                const struct flare_tcp_options *in,
                                struct flare_error *err)
{
    if (in == NULL || in->handler == NULL || in->handler->on_data == NULL)
        return flare__error(err, FLARE_E_BAD_CONFIG,
                            "a handler with on_data is required");
    return flare__tcp_options_resolve(out, in, err);
}

struct flare__wire_maker *flare__tcp_maker(
    const struct flare_tcp_options *options)
{
    /* their first member, see net/wire.h */
    if (options->tls_client != NULL)
        return (struct flare__wire_maker *)(void *)options->tls_client;
    return (struct flare__wire_maker *)(void *)options->tls_server;
}

struct flare__stream_limits flare__tcp_limits(
    const struct flare_tcp_options *options)
{
    return (struct flare__stream_limits){
        .read_timeout_ms = options->read_timeout_ms,
        .write_timeout_ms = options->write_timeout_ms,
        .close_timeout_ms = options->close_timeout_ms,
        .queue_max = options->queue_max,
        .queue_high = options->queue_high,
        .queue_low = options->queue_low,
    };
}

struct flare__sock_wishes flare__tcp_wishes(
    const struct flare_tcp_options *options)
{
    return (struct flare__sock_wishes){
        .send_buffer_bytes = options->send_buffer_bytes,
        .receive_buffer_bytes = options->receive_buffer_bytes,
        .keepalive_idle_s = options->keepalive_idle_s,
        .keepalive_interval_s = options->keepalive_interval_s,
        .keepalive_count = options->keepalive_count,
        .user_timeout_ms = options->user_timeout_ms,
        .linger_s = options->linger_s,
        .has_linger = options->has_linger,
        .keepalive = options->keepalive,
        .nodelay = !options->delay,
    };
}
