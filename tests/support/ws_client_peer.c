/* SPDX-License-Identifier: MIT */
/*
 * Our WebSocket client against a server that is not ours, for
 * tests/e2e/test_ws_client.py.  The server sends back what it gets, but for
 * texts that are orders: "/close CODE REASON", "/ping TEXT", "/fragments N",
 * "/raw HEX", "/terminate" (tests/e2e/peers/ws.js and ws.py).
 *
 *   ws_client_peer URL [deflate|no_takeover|bits9] ...   each case is a line,
 *                                            "ok NAME" or "FAIL NAME: why"
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, BIG = 16 * MIB, CONNECTIONS = 100, TURNS = 10 };

static struct flare_ws_client_config config;
static struct flare_ws_client_options options;
static const struct flare_str protocols[] = {{"other", 5}, {"echo", 4}};
static char why[256];

/* ---- tools ---- */

__attribute__((format(printf, 1, 2))) static bool fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return false;
}

static flare_ws_client *open_client(void)
{
    flare_ws_client *client = NULL;
    struct flare_error err = {.code = 0};

    if (flare_ws_client_open(&client, &config, &options, &err) < 0)
        (void)fail("open: %s", err.text);
    return client;
}

/* Half of it can be compressed. */
static char *make_bytes(size_t len)
{
    char *bytes = malloc(len + 1);
    uint32_t x = 1;

    for (size_t i = 0; bytes != NULL && i < len; i++) {
        if (i % 4096 < 2048)
            x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

static bool recv_same(flare_ws_client *client, enum flare_ws_kind kind,
                      struct flare_str wanted)
{
    struct flare_ws_message m;
    int rc = flare_ws_client_recv(client, &m);

    if (rc != 1)
        return fail("recv: %d, %s, close code %u", rc, flare_strerror(rc),
                    rc == 0 ? m.close_code : 0);
    if (m.kind != kind || m.close_code != 0 ||
        !flare_str_equal(m.bytes, wanted))
        return fail("%zu bytes of kind %d for %zu", m.bytes.len, m.kind,
                    wanted.len);
    return true;
}

static bool send_kind(flare_ws_client *client, enum flare_ws_kind kind,
                      struct flare_str bytes)
{
    int rc = kind == FLARE_WS_TEXT ? flare_ws_client_send_text(client, bytes)
                                   : flare_ws_client_send_binary(client, bytes);

    return rc == 0 || fail("send: %s", flare_strerror(rc));
}

static bool echo(flare_ws_client *client, enum flare_ws_kind kind,
                 struct flare_str bytes)
{
    return send_kind(client, kind, bytes) && recv_same(client, kind, bytes);
}

static bool order(flare_ws_client *client, const char *text)
{
    return send_kind(client, FLARE_WS_TEXT, flare_str(text));
}

/* The end, as it is told. */
static bool recv_end(flare_ws_client *client, int wanted_rc, unsigned code,
                     const char *reason)
{
    struct flare_ws_message m = {.close_code = 0};
    int rc = flare_ws_client_recv(client, &m);

    if (rc != wanted_rc)
        return fail("recv: %d (%s) for %d", rc, flare_strerror(rc), wanted_rc);
    if (rc == 0 &&
        (m.close_code != code || !flare_str_equal(m.bytes, flare_str(reason))))
        return fail("code %u, reason %.*s", m.close_code,
                    FLARE_STR_ARG(m.bytes));
    return true;
}

static bool close_well(flare_ws_client *client)
{
    int rc =
        flare_ws_client_close(client, FLARE_WS_CLOSE_NORMAL, FLARE_STR(""));

    return rc == 0 ? recv_end(client, 0, FLARE_WS_CLOSE_NORMAL, "")
                   : fail("close: %s", flare_strerror(rc));
}

/* ---- messages ---- */

static bool case_lengths(flare_ws_client *client)
{
    static const size_t lengths[] = {0,    1,     125,   126,   127,
                                     4096, 65535, 65536, 300000};
    char *bytes = make_bytes(300000);
    char *text = malloc(600000);
    bool is_good = bytes != NULL && text != NULL;

    for (size_t i = 0; is_good && i < 600000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    for (size_t i = 0; is_good && i < sizeof(lengths) / sizeof(*lengths); i++)
        is_good = echo(client, FLARE_WS_BINARY,
                       (struct flare_str){bytes, lengths[i]}) &&
                  echo(client, FLARE_WS_TEXT,
                       (struct flare_str){text, 2 * lengths[i]});
    free(bytes);
    free(text);
    return is_good && close_well(client);
}

static bool case_sixteen_mib(flare_ws_client *client)
{
    char *bytes = make_bytes(BIG);
    bool is_good = bytes != NULL && echo(client, FLARE_WS_BINARY,
                                         (struct flare_str){bytes, BIG});

    if (is_good) {
        memset(bytes, 'x', BIG);
        is_good = echo(client, FLARE_WS_TEXT, (struct flare_str){bytes, BIG});
    }
    free(bytes);
    return is_good && close_well(client);
}

static bool case_fragments(flare_ws_client *client)
{
    enum { PARTS = 200 };
    char wanted[PARTS * 16];
    int len = 0;

    for (int n = PARTS; n > 0; n--)
        len += snprintf(wanted + len, sizeof(wanted) - (size_t)len,
                        "part %d \xc3\xa9 ", n);
    return order(client, "/fragments 200") &&
           recv_same(client, FLARE_WS_TEXT,
                     (struct flare_str){wanted, (size_t)len}) &&
           close_well(client);
}

static bool case_many_at_once(flare_ws_client *client)
{
    char text[32];

    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof(text), "message %d", i);
        if (!order(client, text))
            return false;
    }
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof(text), "message %d", i);
        if (!recv_same(client, FLARE_WS_TEXT, flare_str(text)))
            return false;
    }
    return close_well(client);
}

static bool case_pings(flare_ws_client *client)
{
    int rc = flare_ws_client_ping(client, FLARE_STR("are you there"));

    if (rc < 0)
        return fail("ping: %s", flare_strerror(rc));
    return order(client, "/ping and you") &&
           echo(client, FLARE_WS_TEXT, FLARE_STR("still here")) &&
           close_well(client);
}

static bool case_subprotocol(flare_ws_client *client)
{
    struct flare_str name = flare_ws_client_subprotocol(client);

    if (!flare_str_equal(name, FLARE_STR("echo")))
        return fail("subprotocol: %.*s", FLARE_STR_ARG(name));
    return close_well(client);
}

/* ---- ends ---- */

static bool case_close_of_ours(flare_ws_client *client)
{
    int rc = flare_ws_client_close(client, 4001, FLARE_STR("enough \xc3\xa9"));

    return rc == 0 || fail("close: %s", flare_strerror(rc));
}

static bool case_close_of_theirs(flare_ws_client *client)
{
    return order(client, "/close 4002 bye \xc3\xa9") &&
           recv_end(client, 0, 4002, "bye \xc3\xa9") &&
           recv_end(client, 0, 4002, "bye \xc3\xa9");
}

static bool case_close_behind_messages(flare_ws_client *client)
{
    return order(client, "first") && order(client, "/close 1001 away") &&
           recv_same(client, FLARE_WS_TEXT, FLARE_STR("first")) &&
           recv_end(client, 0, FLARE_WS_CLOSE_GOING_AWAY, "away");
}

static bool case_lost(flare_ws_client *client)
{
    return order(client, "/terminate") && recv_end(client, -ECONNRESET, 0, "");
}

static bool case_W02_masked(flare_ws_client *client)
{
    return order(client, "/raw 818100000000"
                         "78") &&
           recv_end(client, FLARE_E_WS_PROTOCOL, 0, "");
}

static bool case_W11_no_utf8(flare_ws_client *client)
{
    return order(client, "/raw 8102c3c3") &&
           recv_end(client, FLARE_E_WS_TEXT, 0, "");
}

static bool case_W06_too_large(flare_ws_client *client)
{
    return order(client, "/raw 827f7fffffffffffffff") &&
           recv_end(client, FLARE_E_WS_TOO_LARGE, 0, "");
}

/* ---- on a loop ---- */

static struct {
    flare_loop *loop;
    int closed;
    int good;
} crowd;

static void crowd_on_open(flare_ws *ws, void *ctx)
{
    (void)ctx;
    (void)!flare_ws_send_text(ws, FLARE_STR("0"));
}

static void crowd_on_message(flare_ws *ws, enum flare_ws_kind kind,
                             struct flare_str bytes, void *ctx)
{
    uint64_t turn = 0;
    char text[16];

    (void)kind, (void)ctx;
    if (flare_u64_parse(bytes, &turn) < 0 || turn == TURNS) {
        flare_ws_close(ws, FLARE_WS_CLOSE_NORMAL, FLARE_STR(""));
        return;
    }
    (void)snprintf(text, sizeof(text), "%u", (unsigned)turn + 1);
    (void)!flare_ws_send_text(ws, flare_str(text));
}

static void crowd_end(bool is_good)
{
    crowd.good += is_good;
    if (++crowd.closed == CONNECTIONS)
        flare_loop_stop(crowd.loop);
}

static void crowd_on_closed(flare_ws *ws, uint16_t code,
                            struct flare_str reason, void *ctx)
{
    (void)ws, (void)reason, (void)ctx;
    crowd_end(code == FLARE_WS_CLOSE_NORMAL);
}

static void crowd_on_failed(flare_ws *ws, int status,
                            const struct flare_error *err, void *ctx)
{
    (void)ws, (void)status, (void)ctx;
    (void)fail("%s", err->text);
    crowd_end(false);
}

static bool run_crowd(void)
{
    static struct flare_ws_handler handler = {.on_open = crowd_on_open,
                                              .on_message = crowd_on_message,
                                              .on_closed = crowd_on_closed};
    struct flare_ws_client_config c = config;
    struct flare_error err;
    int rc = flare_loop_new(&crowd.loop, NULL, &err);

    if (rc < 0)
        return fail("%s", err.text);
    handler.deflate = options.deflate;
    c.on_failed = crowd_on_failed;
    for (int i = 0; rc == 0 && i < CONNECTIONS; i++)
        rc = flare_ws_connect(crowd.loop, &c, &handler, NULL, NULL, &err);
    if (rc == 0)
        rc = flare_loop_run(crowd.loop);
    flare_loop_free(crowd.loop);
    if (rc < 0)
        return fail("%s", flare_strerror(rc));
    return crowd.good == CONNECTIONS;
}

/* ---- all ---- */

static void tell(const char *name, bool is_good)
{
    if (is_good)
        printf("ok %s\n", name);
    else
        printf("FAIL %s: %s\n", name, why);
    fflush(stdout);
}

static void run_refused(const char *url)
{
    char other[256];
    struct flare_ws_client_config c = config;
    flare_ws_client *client = NULL;
    struct flare_error err = {.code = 0};
    int rc;

    (void)snprintf(other, sizeof(other), "%s_nowhere", url);
    c.url = other;
    rc = flare_ws_client_open(&client, &c, &options, &err);
    tell("refused", rc == FLARE_E_WS_REFUSED || fail("%d: %s", rc, err.text));
    flare_ws_client_free(client);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, case_##name                                                     \
    }

static void run_cases(void)
{
    static const struct {
        const char *name;
        bool (*run)(flare_ws_client *client);
    } cases[] = {
        CASE(lengths),       CASE(sixteen_mib),
        CASE(fragments),     CASE(many_at_once),
        CASE(pings),         CASE(subprotocol),
        CASE(close_of_ours), CASE(close_of_theirs),
        CASE(lost),          CASE(close_behind_messages),
        CASE(W02_masked),    CASE(W11_no_utf8),
        CASE(W06_too_large),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        flare_ws_client *client = open_client();

        tell(cases[i].name, client != NULL && cases[i].run(client));
        flare_ws_client_free(client);
    }
}

static bool take_word(const char *word)
{
    options.deflate.is_on = true;
    options.deflate.min_bytes = 1;
    if (strcmp(word, "no_takeover") == 0)
        options.deflate.no_takeover = true;
    else if (strcmp(word, "bits9") == 0)
        options.deflate.window_bits = 9;
    else
        return strcmp(word, "deflate") == 0;
    return true;
}

int main(int argc, char **argv)
{
    const struct flare_tls_client_config tls = {.insecure = true};
    flare_tls_client *trusting = NULL;
    struct flare_error err = {.text = ""};

    for (int i = 2; i < argc; i++)
        if (!take_word(argv[i]))
            argc = 0;
    if (argc < 2)
        return fprintf(stderr, "usage: ws_client_peer URL [deflate] ...\n"), 2;
    if (strncmp(argv[1], "wss:", 4) == 0 &&
        flare_tls_client_new(&trusting, &tls, &err) < 0)
        return fprintf(stderr, "ws_client_peer: %s\n", err.text), 1;
    config.url = argv[1];
    config.tls = trusting;
    options.protocols = protocols;
    options.protocol_count = 2;
    options.recv_timeout_ms = 60000;
    run_cases();
    run_refused(argv[1]);
    tell("a_hundred", run_crowd());
    flare_tls_client_free(trusting);
    return 0;
}
