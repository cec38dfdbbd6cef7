/* SPDX-License-Identifier: MIT */
/* See sim_hostile.h. */
#include "tests/support/sim_hostile.h"

#include "tests/support/sim_bytes.h"

#include <string.h>

#define HOST "Host: sim\r\n"
#define AFTER "GET /small HTTP/1.1\r\n" HOST "X-Id: %u-1\r\n\r\n"

/*
 * What must be refused, and how (FAILURES sections 1 and 2).  Whatever follows
 * on the connection is never parsed: the second request in it reaches no
 * handler.
 */
static const struct {
    const char *id;
    const char *wire;
    int status;
    int other; /* another status that will do */
} smuggles[] = {
    {"F01",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, 0},
    {"F02",
     "POST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
     400, 0},
    {"F03",
     "POST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
     400, 0},
    {"F04", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400,
     0},
    {"F05", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +0\r\n\r\n", 400,
     0},
    {"F06", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400, 0},
    {"F07",
     "POST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 18446744073709551616\r\n\r\n",
     400, 413},
    {"F08", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\n",
     413, 0},
    {"F09",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 400,
     501},
    {"F10",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
     501, 400},
    {"F11",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n",
     400, 0},
    {"F13",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, 0},
    {"F17",
     "POST /echo HTTP/1.0\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, 0},
    {"F18",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
     400, 0},
    {"F21",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
     400, 0},
    {"F22",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
     400, 0},
    {"F23",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n1;\r\nx\r\n0\r\n\r\n",
     400, 0},
    {"F24",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n1\r\nxXX0\r\n\r\n",
     400, 0},
    {"F28",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "0\r\nContent-Length: 3\r\n\r\n",
     400, 0},
    {"F34",
     "POST /echo HTTP/1.1\r\n" HOST
     "Expect: bogus\r\nContent-Length: 0\r\n\r\n",
     417, 0},
    {"H01", "GET /small HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400, 0},
    {"H02", "GET /small HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400, 0},
    {"H03", "GET /small HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400, 0},
    {"H04", "GET /small HTTP/1.1\n" HOST "\r\n", 400, 0},
    {"H08", "GET /small HTTP/1.1\r\n" HOST ": v\r\n\r\n", 400, 0},
    {"H18", "GET /small HTTP/1.1\r\nA: b\r\n\r\n", 400, 0},
    {"H19", "GET /small HTTP/1.1\r\n" HOST HOST "\r\n", 400, 0},
    {"H20", "GET /small HTTP/1.1\r\nHost: user@h\r\n\r\n", 400, 0},
    {"H26", "GET /small#x HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"H29", "get /small HTTP/1.1\r\n" HOST "\r\n", 501, 0},
    {"H31", "GET /small\r\n\r\n", 400, 0},
    {"H32", "GET /small HTTP/2.0\r\n" HOST "\r\n", 505, 0},
    {"H36", "GET  /small HTTP/1.1\r\n" HOST "\r\n", 400, 0},
};

uint32_t sim_smuggler_rows(void)
{
    return sizeof(smuggles) / sizeof(smuggles[0]);
}

const char *sim_hostile_name(enum sim_hostile_kind kind)
{
    static const char *const names[] = {
        "idler",    "slow head",  "slow body", "never reads",
        "resetter", "half asker", "garbage",   "smuggler",
        "flooder",  "deaf",       "staller",   "deserter"};

    return names[kind];
}

static void hostile_text(struct sim_hostile *h, const char *text)
{
    size_t len = strlen(text);

    memcpy(h->out + h->out_len, text, len);
    h->out_len += (uint32_t)len;
}

static void hostile_garbage(struct sim_hostile *h)
{
    static const char *const words[] = {"GET ",
                                        "POST ",
                                        "/small ",
                                        "/echo ",
                                        "HTTP/1.1",
                                        "HTTP/1.0",
                                        "\r\n",
                                        "\r\n\r\n",
                                        "Host: a",
                                        "\n",
                                        ": ",
                                        "chunked",
                                        "5",
                                        "0",
                                        "\r",
                                        "Connection",
                                        "close",
                                        "Expect: 100-continue",
                                        "%",
                                        "\0",
                                        "\xff",
                                        "?",
                                        "*",
                                        " ",
                                        "Content-Length: ",
                                        "Transfer-Encoding: "};
    uint32_t count = 1 + flare__sim_below(h->server->world, 60);

    if (flare__sim_below(h->server->world, 2) == 1)
        hostile_text(h, "POST /echo HTTP/1.1\r\n" HOST);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = flare__sim_below(h->server->world, 40);

        if (at < sizeof(words) / sizeof(words[0]))
            hostile_text(h, words[at]);
        else
            h->out[h->out_len++] =
                (char)flare__sim_below(h->server->world, 256);
    }
}

/* The reader of answers does not know what was asked. */
static void hostile_no_head(struct sim_hostile *h)
{
    for (uint32_t i = 0; i + 4 <= h->out_len; i++)
        if (memcmp(h->out + i, "HEAD", 4) == 0)
            h->out[i] = 'h';
}

static void hostile_part(struct sim_hostile *h)
{
    hostile_text(h, "POST /echo HTTP/1.1\r\n" HOST
                    "Content-Length: 1000\r\n\r\nsome");
    h->out_len = 1 + flare__sim_below(h->server->world, h->out_len);
}

/* Requests that name themselves, so that sim_jobs.c answers. */
static void hostile_jobs(struct sim_hostile *h, const char *const *targets,
                         uint32_t count)
{
    char line[128];
    uint32_t first = flare__sim_below(h->server->world, count);

    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(line, sizeof(line),
                       "GET %s HTTP/1.1\r\n" HOST "X-Id: %u-%u\r\n\r\n",
                       targets[(first + i) % count], h->conn, i);
        hostile_text(h, line);
    }
}

static void hostile_stall(struct sim_hostile *h)
{
    static const char *const targets[] = {"take", "early", "flow", "whole"};
    struct flare__sim *w = h->server->world;
    char line[160];
    uint32_t len = flare__sim_below(w, 2900);

    (void)snprintf(line, sizeof(line),
                   "POST /%s HTTP/1.1\r\n" HOST "X-Id: %u-0\r\n"
                   "Content-Length: 3000\r\n\r\n",
                   targets[flare__sim_below(w, 4)], h->conn);
    hostile_text(h, line);
    sim_bytes_fill(h->out + h->out_len, len, h->conn, 0, 0);
    h->out_len += len;
}

static void hostile_write(struct sim_hostile *h)
{
    static const char *const streams[] = {"/writes", "/pull",       "/file",
                                          "/writes", "/pull/later", "/file",
                                          "/later",  "/writes"};
    static const char *const late[] = {"/later", "/timer",  "/again",
                                       "/never", "/writes", "/pull/later"};
    char line[128];

    switch ((enum sim_hostile_kind)h->kind) {
    case SIM_SLOW_HEAD:
        hostile_text(h, "GET /small HTTP/1.1\r\n" HOST "X-Slow: ");
        memset(h->out + h->out_len, 'x', 2000);
        h->out_len += 2000;
        break;
    case SIM_SLOW_BODY:
        hostile_text(h, "POST /echo HTTP/1.1\r\n" HOST
                        "Content-Length: 3000\r\n\r\n");
        memset(h->out + h->out_len, 'x', 2900);
        h->out_len += 2900;
        break;
    case SIM_NEVER_READS:
        for (int i = 0; i < 20; i++)
            hostile_text(h, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        break;
    case SIM_RESETTER:
    case SIM_HALF_ASKER:
        hostile_part(h);
        break;
    case SIM_GARBAGE:
        hostile_garbage(h);
        hostile_no_head(h);
        break;
    case SIM_SMUGGLER:
        hostile_text(h, smuggles[h->row].wire);
        (void)snprintf(line, sizeof(line), AFTER, h->conn);
        hostile_text(h, line);
        break;
    case SIM_FLOODER:
        hostile_text(h, "BAD\r\n\r\n");
        memset(h->out + h->out_len, 'x', 4000);
        h->out_len += 4000;
        break;
    case SIM_DEAF:
        hostile_jobs(h, streams, sizeof(streams) / sizeof(streams[0]));
        break;
    case SIM_STALLER:
        hostile_stall(h);
        break;
    case SIM_DESERTER:
        hostile_jobs(h, late, sizeof(late) / sizeof(late[0]));
        break;
    case SIM_IDLER:
    case SIM_HOSTILE_KINDS:
        break;
    }
}

/* ---- reading: whatever comes must be well formed ---- */

static void hostile_on_answer(struct sim_hostile *h)
{
    int status = h->response.status;

    if (status == 100)
        return;
    h->answers++;
    if (h->kind != SIM_SMUGGLER)
        return;
    if (h->answers > 1)
        flare__sim_fail(h->server->world, "%s: two answers",
                        smuggles[h->row].id);
    if (status != smuggles[h->row].status && status != smuggles[h->row].other &&
        status != 408 && status != 503)
        flare__sim_fail(h->server->world, "%s: status %d", smuggles[h->row].id,
                        status);
    if (!h->response.is_last)
        flare__sim_fail(h->server->world, "%s: no Connection: close",
                        smuggles[h->row].id);
}

static void hostile_feed(struct sim_hostile *h, struct flare_str in)
{
    struct flare_str data;

    for (;;) {
        switch (sim_response_next(&h->response, &in, &data)) {
        case SIM_RESPONSE_MORE:
            return;
        case SIM_RESPONSE_HEAD:
            hostile_on_answer(h);
            if (h->response.status == 100)
                sim_response_start(&h->response, false);
            break;
        case SIM_RESPONSE_BODY:
            break;
        case SIM_RESPONSE_END:
            sim_response_start(&h->response, false);
            break;
        case SIM_RESPONSE_BAD:
            flare__sim_fail(h->server->world, "%s got a malformed answer: %s",
                            sim_hostile_name((enum sim_hostile_kind)h->kind),
                            h->response.fault);
        }
    }
}

static void hostile_read(struct sim_hostile *h)
{
    char bytes[8192];
    size_t n;

    if (h->kind == SIM_NEVER_READS || h->kind == SIM_DEAF)
        return;
    while (h->peer.end != 0 &&
           (n = flare__sim_peer_recv(&h->peer, bytes, sizeof(bytes))) > 0)
        hostile_feed(h, (struct flare_str){bytes, n});
}

/* ---- writing ---- */

static void hostile_end(struct sim_hostile *h, bool is_abort)
{
    h->is_over = true;
    if (h->peer.end != 0)
        flare__sim_peer_close(&h->peer, is_abort);
}

static void hostile_later(struct sim_hostile *h)
{
    flare__sim_peer_at(&h->peer,
                       flare__sim_now(h->server->world) + h->interval_ns);
}

static void hostile_after_out(struct sim_hostile *h)
{
    if (h->kind == SIM_RESETTER)
        hostile_end(h, /* is_abort = */ true);
    else if (h->kind == SIM_HALF_ASKER && h->interval_ns != 0) {
        h->interval_ns = 0; /* once */
        flare__sim_peer_shutdown(&h->peer);
    } else if (h->kind == SIM_DESERTER && !h->is_leaving) {
        h->is_leaving = true;
        hostile_later(h);
    } else if (h->kind == SIM_FLOODER) {
        h->out_at = h->out_len - 4000;
        hostile_later(h);
    }
}

static void hostile_pump(struct sim_hostile *h)
{
    bool is_slow = h->kind == SIM_SLOW_HEAD || h->kind == SIM_SLOW_BODY;
    uint32_t n = h->out_len - h->out_at;

    if (h->is_over || h->peer.end == 0 || h->kind == SIM_IDLER)
        return;
    if (n > 0) {
        if (is_slow && h->out_at >= 60)
            n = 1;
        h->out_at +=
            (uint32_t)flare__sim_peer_send(&h->peer, h->out + h->out_at, n);
    }
    if (h->out_at == h->out_len)
        hostile_after_out(h);
    else if (is_slow)
        hostile_later(h);
}

static void hostile_on_event(struct flare__sim_peer *peer,
                             enum flare__sim_peer_event what)
{
    struct sim_hostile *h = (struct sim_hostile *)peer;

    if ((what == FLARE__SIM_PEER_FIN || what == FLARE__SIM_PEER_RST) &&
        h->gone_ns == 0)
        h->gone_ns = flare__sim_now(h->server->world);
    switch (what) {
    case FLARE__SIM_PEER_TIMER:
        if (h->is_leaving)
            hostile_end(h, /* is_abort = */ true);
        else if (h->is_connected)
            hostile_pump(h);
        else
            flare__sim_peer_connect(&h->peer, SIM_SERVER_PORT);
        break;
    case FLARE__SIM_PEER_CONNECTED:
        h->is_connected = true;
        h->connected_ns = flare__sim_now(h->server->world);
        hostile_pump(h);
        break;
    case FLARE__SIM_PEER_SPACE:
        hostile_pump(h);
        break;
    case FLARE__SIM_PEER_DATA:
        hostile_read(h);
        break;
    case FLARE__SIM_PEER_FIN:
        hostile_read(h);
        h->saw_fin = true;
        if (h->closes_on_fin)
            hostile_end(h, /* is_abort = */ false);
        break;
    case FLARE__SIM_PEER_RST:
        hostile_read(h);
        hostile_end(h, /* is_abort = */ false);
        break;
    case FLARE__SIM_PEER_REFUSED:
        h->is_over = true;
        break;
    }
}

/* ---- life ---- */

void sim_hostile_start(struct sim_hostile *h, struct sim_server *s,
                       uint32_t conn, enum sim_hostile_kind kind, uint32_t row,
                       uint64_t time_ns)
{
    memset(h, 0, offsetof(struct sim_hostile, response));
    h->peer.on_event = hostile_on_event;
    h->server = s;
    h->conn = conn;
    h->kind = (uint8_t)kind;
    h->row = row;
    h->closes_on_fin = flare__sim_below(s->world, 2) == 1;
    h->interval_ns = (1 + flare__sim_below(s->world, 1000)) * UINT64_C(1000000);
    sim_response_start(&h->response, false);
    hostile_write(h);
    flare__sim_peer_open(&h->peer, s->world);
    flare__sim_peer_at(&h->peer, time_ns);
}

void sim_hostile_stop(struct sim_hostile *h)
{
    if (!h->is_over)
        hostile_end(h, /* is_abort = */ true);
}

void sim_hostile_check(const struct sim_hostile *h)
{
    const struct sim_server *s = h->server;

    if (h->kind == SIM_SMUGGLER &&
        (s->calls[h->conn][0] != 0 || s->calls[h->conn][1] != 0))
        flare__sim_fail(s->world, "%s: a smuggled request reached a handler",
                        smuggles[h->row].id);
    if (h->kind == SIM_IDLER && h->answers != 0)
        flare__sim_fail(s->world, "an answer to no request");
}
