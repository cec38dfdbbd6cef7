/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket client that stays connected: after a loss or a failure it waits,
 * twice as long each time and by chance some less, so that not all clients of a
 * server come back at once; and it subscribes anew each time it is open.
 *
 *   ws_reconnect URL SUBSCRIPTION [COUNT]    ends after COUNT messages
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MIN_MS = 250, WAIT_MAX_MS = 30000 };

struct feed {
    flare_loop *loop;
    flare_timer *timer;
    struct flare_ws_client_config config;
    const char *subscription;
    uint32_t wait_ms;
    long left; /* messages until the end; 0: there is none */
};

static void connect_now(struct feed *feed);

static void on_timer(flare_timer *timer, void *ctx)
{
    (void)timer;
    connect_now(ctx);
}

/* Half of the time for sure, the rest by chance. */
static void connect_later(struct feed *feed, const char *why)
{
    uint32_t half = feed->wait_ms / 2;
    uint32_t in_ms = half + (uint32_t)rand() % (half + 1);

    printf("%s; again in %u ms\n", why, (unsigned)in_ms);
    fflush(stdout);
    flare_timer_start(feed->timer, in_ms, 0);
    feed->wait_ms =
        feed->wait_ms < WAIT_MAX_MS / 2 ? feed->wait_ms * 2 : WAIT_MAX_MS;
}

static void on_open(flare_ws *ws, void *ctx)
{
    struct feed *feed = ctx;

    feed->wait_ms = WAIT_MIN_MS;
    (void)!flare_ws_send_text(ws, flare_str(feed->subscription));
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    struct feed *feed = ctx;

    (void)kind;
    printf("%.*s\n", FLARE_STR_ARG(bytes));
    fflush(stdout);
    if (feed->left > 0 && --feed->left == 0) {
        feed->subscription = NULL;
        (void)flare_ws_close(ws, FLARE_WS_CLOSE_NORMAL, FLARE_STR("done"));
    }
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    struct feed *feed = ctx;
    char why[160];

    (void)ws;
    (void)snprintf(why, sizeof(why), "closed with %u %.*s", code,
                   FLARE_STR_ARG(reason));
    if (feed->subscription == NULL)
        flare_loop_stop(feed->loop);
    else
        connect_later(feed, why);
}

static void on_failed(flare_ws *ws, int status, const struct flare_error *err,
                      void *ctx)
{
    (void)ws, (void)status;
    connect_later(ctx, err->text);
}

static const struct flare_ws_handler handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_closed = on_closed,
};

static void connect_now(struct feed *feed)
{
    struct flare_error err;
    int rc =
        flare_ws_connect(feed->loop, &feed->config, &handler, feed, NULL, &err);

    if (rc == -ENOMEM) {
        connect_later(feed, err.text);
    } else if (rc < 0) { /* the URL: no time makes it better */
        fprintf(stderr, "%s\n", err.text);
        flare_loop_stop(feed->loop);
    }
}

int main(int argc, char **argv)
{
    struct feed feed = {.wait_ms = WAIT_MIN_MS};
    int rc;

    if (argc < 3)
        return fprintf(stderr, "usage: ws_reconnect URL SUBSCRIPTION [N]\n"), 2;
    srand((unsigned)time(NULL));
    feed.config =
        (struct flare_ws_client_config){.url = argv[1], .on_failed = on_failed};
    feed.subscription = argv[2];
    feed.left = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    rc = flare_loop_new(&feed.loop, NULL, NULL);
    if (rc == 0)
        rc = flare_timer_new(feed.loop, &feed.timer, on_timer, &feed);
    if (rc == 0) {
        connect_now(&feed);
        rc = flare_loop_run(feed.loop);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", flare_strerror(rc));
    flare_timer_free(feed.timer);
    flare_loop_free(feed.loop);
    return rc < 0 || feed.subscription != NULL;
}
