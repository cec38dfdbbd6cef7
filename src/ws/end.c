/* SPDX-License-Identifier: MIT */
/* See end.h. */
#include "ws/end.h"

#include "base/alloc.h"
#include "ws/conn.h"
#include "ws/handshake.h"

#include <errno.h>
#include <stdio.h>

enum {
    END_MESSAGE_BYTES = 16 << 20,
    END_MESSAGE_FRAMES = 16384,
    END_QUEUE_MAX = 1 << 20,
    END_QUEUE_HIGH = 256 * 1024,
    END_QUEUE_LOW = 64 * 1024,
    END_BYTES_MAX = 1 << 30,
    END_PING_INTERVAL_MS = 30000,
    END_PONG_TIMEOUT_MS = 20000,
    END_CLOSE_TIMEOUT_MS = 5000,
    END_MS_MAX = 86400000,
    END_DEFLATE_MIN_BYTES = 256
};

static int end_fault(struct flare_error *err, const char *text)
{
    if (err != NULL) {
        err->code = FLARE_E_BAD_CONFIG;
        (void)snprintf(err->text, sizeof(err->text), "WebSocket: %s", text);
    }
    return FLARE_E_BAD_CONFIG;
}

/* ---- numbers ---- */

struct end_number {
    const char *name;
    uint32_t given;
    uint32_t standard;
    uint32_t max;
    uint32_t *out;
};

static int end_number(const struct end_number *n, struct flare_error *err)
{
    char text[96];

    *n->out = n->given != 0 ? n->given : n->standard;
    if (*n->out <= n->max)
        return 0;
    (void)snprintf(text, sizeof(text), "%s is more than %u", n->name,
                   (unsigned)n->max);
    return end_fault(err, text);
}

static uint32_t end_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int end_limits(struct flare__ws_end *end,
                      const struct flare_ws_handler *h, struct flare_error *err)
{
    uint32_t message_bytes;
    const struct end_number numbers[] = {
        {"message_bytes_max", h->message_bytes_max, END_MESSAGE_BYTES,
         END_BYTES_MAX, &message_bytes},
        {"message_frames_max", h->message_frames_max, END_MESSAGE_FRAMES,
         UINT32_MAX, &end->rules.message_frames_max},
        {"queue_max", h->queue_max, END_QUEUE_MAX, END_BYTES_MAX,
         &end->queue_max},
        {"pong_timeout_ms", h->pong_timeout_ms, END_PONG_TIMEOUT_MS, END_MS_MAX,
         &end->pong_timeout_ms},
        {"close_timeout_ms", h->close_timeout_ms, END_CLOSE_TIMEOUT_MS,
         END_MS_MAX, &end->close_timeout_ms},
        {"deflate.min_bytes", h->deflate.min_bytes, END_DEFLATE_MIN_BYTES,
         UINT32_MAX, &end->deflate_min_bytes},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (end_number(&numbers[i], err) < 0)
            return FLARE_E_BAD_CONFIG;
    }
    end->rules.message_bytes_max = message_bytes;
    end->deflate_rules = end->rules;
    end->deflate_rules.message_bytes_max += message_bytes / 64 + 64;
    end->ping_interval_ms =
        h->ping_interval_ms != 0 ? h->ping_interval_ms : END_PING_INTERVAL_MS;
    if (end->ping_interval_ms > END_MS_MAX &&
        end->ping_interval_ms != FLARE_UNLIMITED)
        return end_fault(err, "ping_interval_ms is more than 86400000");
    return 0;
}

/* The two marks of the queue, each within the one above it. */
static int end_marks(struct flare__ws_end *end,
                     const struct flare_ws_handler *h, struct flare_error *err)
{
    end->queue_high = h->queue_high != 0
                          ? h->queue_high
                          : end_least(END_QUEUE_HIGH, end->queue_max);
    end->queue_low = h->queue_low != 0
                         ? h->queue_low
                         : end_least(END_QUEUE_LOW, end->queue_high);
    if (end->queue_high > end->queue_max)
        return end_fault(err, "queue_high is more than queue_max");
    if (end->queue_low > end->queue_high)
        return end_fault(err, "queue_low is more than queue_high");
    return 0;
}

static int end_deflate(struct flare__ws_end *end,
                       const struct flare_ws_deflate *d,
                       struct flare_error *err)
{
    uint8_t bits = d->window_bits != 0 ? d->window_bits
                                       : (uint8_t)FLARE__WS_WINDOW_BITS_MAX;

    if (bits < 9 || bits > FLARE__WS_WINDOW_BITS_MAX)
        return end_fault(err, "deflate.window_bits is not 9 to 15");
    if (d->level > 9)
        return end_fault(err, "deflate.level is not 1 to 9");
    end->deflate_level = d->level != 0 ? d->level : FLARE__WS_DEFLATE_LEVEL;
    end->wish = (struct flare__ws_deflate_params){
        .server_max_window_bits = bits,
        .client_max_window_bits = bits,
        .server_no_context_takeover = d->no_takeover,
        .client_no_context_takeover = d->no_takeover,
    };
    return 0;
}

/* ---- the rest ---- */

static int end_protocols(const struct flare_ws_handler *h,
                         struct flare_error *err)
{
    if (h->protocol_count > FLARE__WS_PROTOCOLS_MAX)
        return end_fault(err, "more than 64 protocols");
    for (size_t i = 0; i < h->protocol_count; i++) {
        if (!flare__ws_is_token(h->protocols[i]))
            return end_fault(err, "a protocol is no token");
    }
    return 0;
}

int flare__ws_end_resolve(struct flare__ws_end *end,
                          const struct flare_ws_handler *handler,
                          struct flare_error *err)
{
    int rc;

    if ((handler->on_message == NULL) == (handler->on_fragment == NULL))
        return end_fault(err, "one of on_message and on_fragment is needed");
    if (handler->origin_fn != NULL && handler->origin_count > 0)
        return end_fault(err, "origin_fn and origins exclude each other");
    end->handler = handler;
    end->rules.is_client = false;
    rc = end_protocols(handler, err);
    if (rc == 0)
        rc = end_limits(end, handler, err);
    if (rc == 0)
        rc = end_marks(end, handler, err);
    return rc < 0 ? rc : end_deflate(end, &handler->deflate, err);
}

int flare_ws_check(const struct flare_ws_handler *handler,
                   struct flare_error *err)
{
    struct flare__ws_end end;

    return flare__ws_end_resolve(&end, handler, err);
}

/* ---- those of a loop ---- */

static void end_free_all(void *state)
{
    struct flare__ws_home *home = state;
    const struct flare_allocator *al = &home->loop->allocator;

    /* letters of hubs may still be opened: they find no desk */
    home->loop->extras[FLARE__EXTRA_WS] = (struct flare__extra){.state = NULL};
    flare__ws_desks_free(home->desks);
    while (home->ends != NULL) {
        struct flare__ws_end *end = home->ends;

        home->ends = end->next;
        flare__free(al, end);
    }
    flare__free(al, home);
}

struct flare__ws_home *flare__ws_home_of(struct flare_loop *loop)
{
    struct flare__extra *extra = &loop->extras[FLARE__EXTRA_WS];
    struct flare__ws_home *home = extra->state;

    if (home != NULL)
        return home;
    home = flare__calloc(&loop->allocator, 1, sizeof(*home));
    if (home == NULL)
        return NULL;
    home->loop = loop;
    *extra = (struct flare__extra){.state = home, .free_fn = end_free_all};
    return home;
}

int flare__ws_end_of(struct flare__ws_end **out, struct flare_loop *loop,
                     const struct flare_ws_handler *handler,
                     const struct flare_allocator *al,
                     const struct flare__guest_host *host)
{
    struct flare__ws_home *home = flare__ws_home_of(loop);
    struct flare__ws_end *end;
    int rc;

    if (home == NULL)
        return -ENOMEM;
    for (end = home->ends; end != NULL; end = end->next) {
        if (end->handler == handler && end->rules.al == al &&
            end->kind.host == host) {
            *out = end;
            return 0;
        }
    }
    end = flare__calloc(&loop->allocator, 1, sizeof(*end));
    if (end == NULL)
        return -ENOMEM;
    rc = flare__ws_end_resolve(end, handler, NULL);
    if (rc < 0) {
        flare__free(&loop->allocator, end);
        return rc;
    }
    end->kind.ops = &flare__ws_guest_ops;
    end->kind.host = host;
    end->counters = &home->unseen;
    end->rules.al = end->deflate_rules.al = al;
    end->rules.is_client = end->deflate_rules.is_client = host != NULL;
    end->next = home->ends;
    home->ends = end;
    *out = end;
    return 0;
}
