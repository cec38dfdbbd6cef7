/* SPDX-License-Identifier: MIT */
/* See sim_ws.h. */
#include "tests/support/sim_ws.h"

#include <flare/ws.h>

#include "backends/sim.h"
#include "base/assert.h"
#include "http/config.h"
#include "http/conn.h"
#include "tests/support/sim_memory.h"
#include "tests/support/ws_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORT = 80,
    SAID_MAX = 1 << 16,
    GOT_MAX = 1 << 25,
    MESSAGE_MAX = 60000,
    FRAMES_MAX = 100,
    MEMORY_MAX = 2 << 20, /* queue_max, a window each way, messages */
    PATIENCE_S = 600,     /* virtual; clogs add up */
    PAUSE_MS = 3
};

#define NS_PER_MS UINT64_C(1000000)

static struct {
    struct flare__sim *world;
    flare_loop *loop;
    struct flare_server_config config;
    struct flare__http_options options;
    struct flare__http http;
    struct sim_memory memory;
    unsigned how;
    int begun, told;
    unsigned code; /* of on_closed */
    flare_ws *paused;
    struct flare__timer pause;

    struct flare__sim_peer peer;
    unsigned char said[SAID_MAX];
    size_t said_len, sent;
    unsigned char *got;
    size_t got_len, head_len;
    bool is_shut, is_over, has_fin;
} t;

static struct ws_oracle said, echoed;

#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition))                                                      \
            flare__sim_fail(t.world, "%s:%d: %s\nsaid %s\ngot  %s", __FILE__,  \
                            __LINE__, #condition, said.text, echoed.text);     \
    } while (0)

/* ---- the application ---- */

static void app_on_pause(struct flare__timer *timer)
{
    (void)timer;
    flare_ws_resume(t.paused);
}

static void app_pause(flare_ws *ws)
{
    if (!(t.how & SIM_WS_PAUSES))
        return;
    t.paused = ws;
    flare_ws_pause(ws);
    flare__wheel_start(&t.loop->wheel, &t.pause, t.loop->now_ms + PAUSE_MS,
                       app_on_pause);
}

static void app_on_message(flare_ws *ws, enum flare_ws_kind kind,
                           struct flare_str bytes, void *ctx)
{
    int rc = kind == FLARE_WS_TEXT ? flare_ws_send_text(ws, bytes)
                                   : flare_ws_send_binary(ws, bytes);

    (void)ctx;
    MUST(rc >= 0);
    app_pause(ws);
}

static void app_on_fragment(flare_ws *ws, const struct flare_ws_fragment *f,
                            void *ctx)
{
    struct flare_ws_fragment back = *f;

    (void)ctx;
    back.kind = FLARE_WS_BINARY; /* it may be cut within a character */
    MUST(flare_ws_send_fragment(ws, &back) >= 0);
    app_pause(ws);
}

static void app_on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                          void *ctx)
{
    (void)ws;
    (void)reason;
    (void)ctx;
    t.told++;
    t.code = code;
    flare__wheel_stop(&t.loop->wheel, &t.pause);
}

#define HANDLER(member)                                                        \
    {                                                                          \
        member, .on_closed = app_on_closed, .message_bytes_max = MESSAGE_MAX,  \
                .message_frames_max = FRAMES_MAX,                              \
                .ping_interval_ms = FLARE_UNLIMITED,                           \
                .close_timeout_ms = 200000, .deflate.min_bytes = 1,            \
    }

static int app_on_request(flare_req *req, flare_res *res)
{
    static struct flare_ws_handler handlers[2][4] = {
        {HANDLER(.on_message = app_on_message),
         HANDLER(.on_message = app_on_message),
         HANDLER(.on_message = app_on_message),
         HANDLER(.on_message = app_on_message)},
        {HANDLER(.on_fragment = app_on_fragment),
         HANDLER(.on_fragment = app_on_fragment),
         HANDLER(.on_fragment = app_on_fragment),
         HANDLER(.on_fragment = app_on_fragment)},
    };
    struct flare_ws_handler *h =
        &handlers[(t.how & SIM_WS_FRAGMENTS) != 0]
                 [t.how & (SIM_WS_DEFLATE | SIM_WS_FRESH)];
    bool is_open = false;
    int rc;

    h->deflate.is_on = t.how & SIM_WS_DEFLATE;
    h->deflate.no_takeover = t.how & SIM_WS_FRESH;
    rc = flare_ws_accept(req, res, h, NULL, &is_open);
    t.begun += is_open;
    return rc;
}

/* ---- the peer ---- */

static void peer_send(void)
{
    static const char head[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

    while (t.head_len < sizeof(head) - 1) {
        size_t n = flare__sim_peer_send(&t.peer, head + t.head_len,
                                        sizeof(head) - 1 - t.head_len);

        t.head_len += n;
        if (n == 0)
            return;
    }
    if (!(t.how & SIM_WS_EARLY) && t.got_len == 0)
        return;
    while (t.sent < t.said_len) {
        size_t n =
            flare__sim_peer_send(&t.peer, t.said + t.sent, t.said_len - t.sent);

        t.sent += n;
        if (n == 0)
            return;
    }
    if (!t.is_shut && (t.how & SIM_WS_LEAVES))
        flare__sim_peer_shutdown(&t.peer);
    t.is_shut = true;
}

static void peer_on_event(struct flare__sim_peer *peer,
                          enum flare__sim_peer_event what)
{
    switch (what) {
    case FLARE__SIM_PEER_DATA:
        t.got_len +=
            flare__sim_peer_recv(peer, t.got + t.got_len, GOT_MAX - t.got_len);
        MUST(t.got_len < GOT_MAX);
        peer_send();
        break;
    case FLARE__SIM_PEER_CONNECTED:
    case FLARE__SIM_PEER_SPACE:
        peer_send();
        break;
    case FLARE__SIM_PEER_FIN:
        t.has_fin = t.is_over = true;
        flare__sim_peer_close(peer, /* is_abort = */ false);
        break;
    case FLARE__SIM_PEER_REFUSED:
    case FLARE__SIM_PEER_RST:
        t.is_over = true;
        break;
    case FLARE__SIM_PEER_TIMER:
        break;
    }
}

/* ---- what it says ---- */

static void said_put(const void *bytes, size_t len)
{
    if (len > SAID_MAX - t.said_len)
        len = SAID_MAX - t.said_len;
    if (len > 0)
        memcpy(t.said + t.said_len, bytes, len);
    t.said_len += len;
}

/* Room for a frame is left by said_make. */
static void said_frame(unsigned first, const uint8_t *payload, size_t len)
{
    const unsigned char key[4] = {0x5a, (unsigned char)len, 0xff, 0};
    unsigned char head[4] = {(unsigned char)first,
                             (unsigned char)(0x80 | (len < 126 ? len : 126)),
                             (unsigned char)(len >> 8), (unsigned char)len};

    said_put(head, len < 126 ? 2 : 4);
    said_put(key, 4);
    said_put(payload, len);
    for (size_t i = 0; i < len; i++)
        t.said[t.said_len - len + i] ^= key[i % 4];
}

static const struct ws_oracle_rules *said_rules(void)
{
    static struct ws_oracle_rules rules = {.bytes_max = MESSAGE_MAX,
                                           .frames_max = FRAMES_MAX};

    rules.has_deflate = t.how & SIM_WS_DEFLATE;
    rules.has_takeover = !(t.how & SIM_WS_FRESH);
    return &rules;
}

static void said_make(const uint8_t *data, size_t size)
{
    if (size > SAID_MAX / 8)
        size = SAID_MAX / 8;
    if (t.how & SIM_WS_RAW)
        said_put(data, size);
    while (!(t.how & SIM_WS_RAW) && size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;

        said_frame(data[0], data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
    ws_oracle_read(&said, said_rules(), t.said, t.said_len);
    if (said.is_cut) /* there is no end but this */
        t.how |= SIM_WS_LEAVES;
    if (!(t.how & SIM_WS_LEAVES)) {
        said_frame(0x88, (const uint8_t *)"\x03\xe8", 2);
        ws_oracle_read(&said, said_rules(), t.said, t.said_len);
    }
}

/* ---- what came back ---- */

static bool is_same(const struct ws_oracle_word *a,
                    const struct ws_oracle_word *b)
{
    return a->len == b->len && a->hash == b->hash;
}

/* The next message from `*at` on, NULL if there is none. */
static const struct ws_oracle_word *next_message(const struct ws_oracle *o,
                                                 size_t *at)
{
    while (*at < o->count) {
        const struct ws_oracle_word *w = &o->words[(*at)++];

        if (w->kind == WS_ORACLE_TEXT || w->kind == WS_ORACLE_BINARY)
            return w;
    }
    return NULL;
}

static void check_messages(bool is_whole)
{
    const struct ws_oracle_word *mine, *theirs;
    size_t i = 0, k = 0;

    while ((theirs = next_message(&echoed, &k)) != NULL) {
        mine = next_message(&said, &i);
        MUST(mine != NULL && is_same(mine, theirs));
        MUST(mine->kind == theirs->kind || (t.how & SIM_WS_FRAGMENTS));
    }
    MUST(!is_whole || said.count == WS_ORACLE_WORDS ||
         next_message(&said, &i) == NULL);
}

/* Each pong is that of a ping, in their order. */
static void check_pongs(void)
{
    size_t i = 0;

    for (size_t k = 0; k < echoed.count; k++) {
        if (echoed.words[k].kind != WS_ORACLE_PONG)
            continue;
        while (i < said.count && !(said.words[i].kind == WS_ORACLE_PING &&
                                   is_same(&said.words[i], &echoed.words[k])))
            i++;
        MUST(i < said.count);
        i++;
    }
}

static bool is_code_due(unsigned code)
{
    const struct ws_oracle_word *last =
        said.count > 0 ? &said.words[said.count - 1] : NULL;

    if (last == NULL ||
        (last->kind != WS_ORACLE_CLOSE && last->kind != WS_ORACLE_FAIL))
        return code == 1006;
    if (said.is_coding) /* see ws_oracle.h */
        return code == 1007 || code == 1009;
    return code == last->code;
}

static void check(void)
{
    const unsigned char *frames;
    bool is_whole = t.has_fin && !t.peer.is_excused;
    struct ws_oracle_rules ours = {
        .bytes_max = UINT32_MAX,
        .frames_max = UINT32_MAX,
        .is_client = true,
        .has_deflate = t.how & SIM_WS_DEFLATE,
        .has_takeover = !(t.how & SIM_WS_FRESH),
    };

    MUST(t.begun == t.told && t.begun <= 1);
    MUST(t.memory.live_blocks == 0);
    MUST(t.memory.peak_bytes <= MEMORY_MAX);
    t.got[t.got_len] = '\0';
    frames = (const unsigned char *)strstr((const char *)t.got, "\r\n\r\n");
    if (frames == NULL || t.begun == 0)
        return;
    frames += 4;
    ws_oracle_read(&echoed, &ours, frames,
                   (size_t)(t.got + t.got_len - frames));
    if (said.count == WS_ORACLE_WORDS || echoed.count == WS_ORACLE_WORDS)
        return; /* of more words it keeps nothing */
    MUST(echoed.count == 0 ||
         echoed.words[echoed.count - 1].kind != WS_ORACLE_FAIL);
    check_messages(is_whole);
    check_pongs();
    MUST(!is_whole || is_code_due(t.code));
}

/* ---- the world ---- */

static void world_open(void)
{
    struct flare__backend_config bc = {.al = &t.memory.al,
                                       .sim = t.world,
                                       .lease_bytes = 512,
                                       .lease_count = 4};
    struct flare__loop_config lc = {.ops = &flare__backend_sim,
                                    .al = &t.memory.al};
    struct flare_error err = {0};

    t.config = (struct flare_server_config){.listen = "127.0.0.1:80",
                                            .allocator = t.memory.al,
                                            .connections_max = 16,
                                            .head_timeout_ms = 500000,
                                            .send_timeout_ms = 500000,
                                            .handler.fn = app_on_request};
    if (flare__config_resolve(&t.config, 1024, &err) < 0)
        flare__sim_fail(t.world, "%s", err.text);
    flare__config_options(&t.options, &t.config);
    MUST(lc.ops->open(&lc.backend, &bc, NULL) == 0);
    MUST(flare__loop_open(&t.loop, &lc) == 0);
    MUST(flare__http_init(&t.http, t.loop, &t.options) == 0);
    MUST(flare__http_listen(&t.http, flare__sim_listen(t.world, PORT, 8),
                            /* is_tls = */ false) == 0);
}

static void world_turn(void)
{
    MUST(flare__loop_turn(t.loop, t.loop->now_ns + 100 * NS_PER_MS) == 0);
}

static void world_run(void)
{
    uint64_t end_ns =
        flare__sim_now(t.world) + PATIENCE_S * UINT64_C(1000) * NS_PER_MS;

    flare__sim_peer_open(&t.peer, t.world);
    flare__sim_peer_connect(&t.peer, PORT);
    while (!t.is_over || t.begun != t.told) {
        world_turn();
        MUST(flare__sim_now(t.world) < end_ns);
    }
}

static void world_close(void)
{
    flare__sim_calm(t.world);
    flare__http_drain(&t.http);
    while (!flare__http_is_idle(&t.http))
        world_turn();
    MUST(t.http.counters.accepted == t.http.counters.closed);
    flare__http_fini(&t.http);
    flare__loop_free(t.loop);
}

uint64_t sim_ws_run(const uint8_t *data, size_t size)
{
    struct flare__sim_config config = {.replay = "fuzz_ws_conn"};
    struct flare__sim *world = t.world;
    unsigned char *got = t.got;
    size_t tape;

    memset(&t, 0, offsetof(__typeof__(t), said));
    memset(&t.said_len, 0, sizeof(t) - offsetof(__typeof__(t), said_len));
    t.got = got != NULL ? got : malloc(GOT_MAX + 1);
    t.world = world;
    sim_memory_init(&t.memory);
    t.peer.on_event = peer_on_event;
    said.text[0] = echoed.text[0] = '\0';
    said.count = echoed.count = 0;
    if (size < 2)
        return 0;
    t.how = data[0];
    tape = data[1] == SIM_WS_SEED ? 8 : (size_t)data[1] * 8;
    tape = tape < size - 2 ? tape : size - 2;
    config.tape = data[1] == SIM_WS_SEED ? NULL : data + 2;
    config.tape_len = tape;
    memcpy(&config.seed, data + 2, tape < 8 ? tape : 8);
    config.is_calm = t.how & SIM_WS_CALM;
    if (t.world == NULL)
        t.world = flare__sim_new(&config);
    else
        flare__sim_reset(t.world, &config);
    said_make(data + 2 + tape, size - 2 - tape);
    world_open();
    world_run();
    world_close();
    check();
    return flare__sim_hash(t.world);
}
