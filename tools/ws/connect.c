/* SPDX-License-Identifier: MIT */
/*
 * The client: lines out, messages in, or pings.
 *
 *   CONNECTING -> OPEN -> CLOSING -> ended
 *        ^         |
 *        +- WAITING, with --reconnect
 *
 * The next line is taken from the input only while the connection is open and
 * not full, so that nothing is lost in between but what was on its way.
 */
#include "tools/common/tool.h"
#include "tools/ws/input.h"
#include "tools/ws/show.h"
#include "tools/ws/ws.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MIN_MS = 250, RETRY_MAX_MS = 30000, PONG_WAIT_MS = 5000 };

static struct {
    flare_loop *loop;
    flare_timer *timer; /* retry, ping, or quiet after the input */
    struct flare_ws_client_config config;
    struct flare_ws_handler handler;
    flare_ws *ws; /* NULL: there is none */
    bool is_open;
    bool is_ending; /* we have closed, or will not come back */
    bool is_input_ended;
    bool has_line; /* one that waits for the connection */
    struct flare_str line;
    bool is_started; /* the input */
    uint64_t received;
    uint32_t retry_ms;
    struct show_pings pings;
    uint64_t ping_ns;
    char peer[FLARE_ADDR_TEXT_MAX];
    int code; /* of the exit */
} c;

static void connect_now(void);

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- the end ---- */

static void finish(int code)
{
    c.is_ending = true;
    if (code != 0)
        c.code = code;
    flare_timer_stop(c.timer);
    if (c.ws == NULL) {
        flare_loop_stop(c.loop);
        return;
    }
    if (flare_ws_close(c.ws, ws.close_code, flare_str(ws.close_reason)) < 0)
        flare_ws_abort(c.ws);
}

static void on_signal(int number, void *ctx)
{
    (void)number, (void)ctx;
    if (c.is_ending) { /* the second one does not wait */
        if (c.ws != NULL)
            flare_ws_abort(c.ws);
        return;
    }
    if (ws.pings > 0)
        ws.pings = c.pings.sent; /* what there is is told */
    finish(0);
}

/* ---- sending ---- */

/* 0; 1: no more for now; an error was told. */
static int send_line(struct flare_str line)
{
    int rc;

    if (!ws_decode(&line)) {
        tool_warn("a line is not hexadecimal");
        return 0;
    }
    rc = ws.binary ? flare_ws_send_binary(c.ws, line)
                   : flare_ws_send_text(c.ws, line);
    if (rc == FLARE_E_WS_TEXT) {
        tool_warn("a line is not UTF-8: --binary sends any bytes");
        return 0;
    }
    if (rc < 0 && rc != FLARE_E_GONE)
        tool_warn("a message was not sent: %s", flare_strerror(rc));
    return rc > 0;
}

static void rest_before_close(void)
{
    if (c.is_input_ended && c.is_open && !ws.stay && ws.count == 0 &&
        ws.pings == 0 && !c.is_ending)
        flare_timer_start(c.timer, ws.wait_ms, 0);
}

static void go_on(void)
{
    if (!c.has_line || !c.is_open)
        return;
    c.has_line = false;
    if (c.line.ptr == NULL) {
        c.is_input_ended = true;
        rest_before_close();
        return;
    }
    if (send_line(c.line) == 0)
        input_next();
    /* else on_drain does */
}

static void on_line(struct flare_str line, void *ctx)
{
    (void)ctx;
    c.line = line;
    c.has_line = true;
    go_on();
}

static void on_drain(flare_ws *socket, void *ctx)
{
    (void)socket, (void)ctx;
    if (c.is_started)
        input_next();
}

static void send_messages(void)
{
    for (size_t i = 0; i < ws.message_count; i++) {
        char *copy = strdup(ws.messages[i]);

        if (copy == NULL)
            tool_die("%s", flare_strerror(-ENOMEM));
        (void)send_line(flare_str(copy));
        free(copy);
    }
    c.is_input_ended = true;
    rest_before_close();
}

/* ---- pings ---- */

static void send_ping(void)
{
    char seq[24];
    int len =
        snprintf(seq, sizeof(seq), "%llu", (unsigned long long)++c.pings.sent);
    bool is_last = c.pings.sent == ws.pings;

    c.ping_ns = now_ns();
    if (flare_ws_ping(c.ws, (struct flare_str){seq, (size_t)len}) < 0)
        finish(TOOL_EXIT_FAILED);
    else
        flare_timer_start(c.timer, is_last ? PONG_WAIT_MS : ws.interval_ms, 0);
}

static void on_pong(flare_ws *socket, struct flare_str payload, void *ctx)
{
    char seq[24];
    uint64_t rtt = now_ns() - c.ping_ns;
    int len =
        snprintf(seq, sizeof(seq), "%llu", (unsigned long long)c.pings.sent);

    (void)socket, (void)ctx;
    if (ws.pings == 0 || c.is_ending ||
        !flare_str_equal(payload, (struct flare_str){seq, (size_t)len}) ||
        c.pings.answered == c.pings.sent)
        return; /* late, or nobody's */
    c.pings.answered++;
    c.pings.sum_ns += (double)rtt;
    c.pings.sum_of_squares += (double)rtt * (double)rtt;
    if (rtt > c.pings.max_ns)
        c.pings.max_ns = rtt;
    if (c.pings.answered == 1 || rtt < c.pings.min_ns)
        c.pings.min_ns = rtt;
    show_pong(c.peer, c.pings.sent, rtt);
    if (c.pings.sent == ws.pings)
        finish(0);
}

/* ---- the connection ---- */

static void on_timer(flare_timer *timer, void *ctx)
{
    (void)timer, (void)ctx;
    if (c.ws == NULL)
        connect_now();
    else if (ws.pings > c.pings.sent)
        send_ping();
    else
        finish(0);
}

/* Half of the time for sure, the rest by chance: not all come at once. */
static void retry(void)
{
    uint32_t half = c.retry_ms / 2;
    uint32_t in_ms = half + (uint32_t)rand() % (half + 1);

    show_retry(in_ms);
    flare_timer_start(c.timer, in_ms, 0);
    c.retry_ms = c.retry_ms < RETRY_MAX_MS / 2 ? c.retry_ms * 2 : RETRY_MAX_MS;
}

static void on_open(flare_ws *socket, void *ctx)
{
    (void)ctx;
    c.is_open = true;
    c.retry_ms = RETRY_MIN_MS;
    (void)flare_addr_format(flare_ws_peer(socket), c.peer, sizeof(c.peer));
    show_open(NULL, flare_ws_subprotocol(socket));
    if (ws.pings > 0) {
        send_ping();
    } else if (ws.message_count > 0) {
        send_messages();
    } else if (!c.is_started) {
        c.is_started = true;
        input_start(c.loop, on_line, NULL);
    } else if (c.has_line) {
        go_on();
    } else {
        input_next(); /* it was full when the connection was lost */
        rest_before_close();
    }
}

static void on_message(flare_ws *socket, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    (void)socket, (void)ctx;
    if (c.is_ending)
        return;
    show_message(NULL, kind, bytes);
    if (++c.received == ws.count)
        finish(0);
    else
        rest_before_close();
}

static bool is_fault(uint16_t code)
{
    return code != FLARE_WS_CLOSE_NORMAL && code != FLARE_WS_CLOSE_GOING_AWAY &&
           code != FLARE_WS_CLOSE_NONE;
}

static void on_closed(flare_ws *socket, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    (void)socket, (void)ctx;
    c.ws = NULL;
    c.is_open = false;
    show_closed(NULL, code, reason);
    flare_timer_stop(c.timer);
    if (c.is_ending) {
        if (code == FLARE_WS_CLOSE_ABNORMAL)
            c.code = TOOL_EXIT_FAILED;
        flare_loop_stop(c.loop);
    } else if (ws.reconnect) {
        retry();
    } else {
        if (code == FLARE_WS_CLOSE_ABNORMAL || ws.count > 0 || ws.pings > 0)
            c.code = TOOL_EXIT_FAILED;
        else if (is_fault(code))
            c.code = WS_EXIT_CODE;
        flare_loop_stop(c.loop);
    }
}

static void on_failed(flare_ws *socket, int status,
                      const struct flare_error *err, void *ctx)
{
    (void)socket, (void)ctx;
    c.ws = NULL;
    if (!c.is_ending)
        show_failed(status, err);
    if (ws.reconnect && !c.is_ending) {
        retry();
        return;
    }
    c.code = TOOL_EXIT_FAILED;
    flare_loop_stop(c.loop);
}

static void connect_now(void)
{
    struct flare_error err;
    int rc = flare_ws_connect(c.loop, &c.config, &c.handler, NULL, &c.ws, &err);

    if (rc == -ENOMEM)
        tool_die("%s", err.text);
    if (rc < 0)
        tool_usage("%s", err.text);
}

/* ---- around it ---- */

static flare_tls_client *make_tls(void)
{
    const struct flare_tls_client_config config = {.ca.file = ws.ca_file,
                                                   .insecure = ws.insecure};
    struct flare_error err;
    flare_tls_client *tls;

    if (!ws.insecure && ws.ca_file == NULL)
        return NULL;
    if (flare_tls_client_new(&tls, &config, &err) < 0)
        tool_die("%s", err.text);
    return tls;
}

static void prepare(void)
{
    struct flare_error err;

    c.retry_ms = RETRY_MIN_MS;
    c.config = (struct flare_ws_client_config){
        .url = ws.url,
        .headers = ws.headers,
        .origin = ws.origin,
        .user = ws.auth_user,
        .password = ws.auth_password,
        .proxy = ws.proxy,
        .tls = make_tls(),
        .connect_timeout_ms = ws.connect_ms,
        .handshake_timeout_ms = ws.connect_ms,
        .on_failed = on_failed,
    };
    c.handler = (struct flare_ws_handler){
        .on_open = on_open,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_pong = on_pong,
        .on_closed = on_closed,
        .protocols = ws.protocols,
        .protocol_count = ws.protocol_count,
        .deflate.is_on = ws.deflate,
        .message_bytes_max = 1 << 30,
    };
    if (flare_loop_new(&c.loop, NULL, &err) < 0)
        tool_die("%s", err.text);
}

int ws_connect(void)
{
    flare_signal *interrupt, *terminate;
    int rc;

    srand((unsigned)now_ns());
    prepare();
    rc = flare_timer_new(c.loop, &c.timer, on_timer, NULL);
    if (rc == 0)
        rc = flare_signal_new(c.loop, &interrupt, SIGINT, on_signal, NULL);
    if (rc == 0)
        rc = flare_signal_new(c.loop, &terminate, SIGTERM, on_signal, NULL);
    if (rc < 0)
        tool_die("%s", flare_strerror(rc));
    connect_now();
    rc = flare_loop_run(c.loop);
    input_stop();
    if (ws.pings > 0)
        show_pings(&c.pings);
    if (c.pings.answered < c.pings.sent)
        c.code = TOOL_EXIT_FAILED;
    flare_loop_free(c.loop);
    flare_tls_client_free((flare_tls_client *)c.config.tls);
    if (rc < 0)
        tool_die("%s", flare_strerror(rc));
    return c.code;
}
