/* SPDX-License-Identifier: MIT */
/* See sim_client.h. */
#include "tests/support/sim_client.h"

#include "tests/support/sim_bytes.h"

#include <inttypes.h>
#include <string.h>

enum {
    CLIENT_BODY_MAX = 20000,
    CLIENT_CHUNK_MAX = 5000,
    CLIENT_CHUNKS_MAX = 12,   /* of one body; the last has the rest */
    CLIENT_PATIENCE_MS = 1000 /* for 100 Continue: then the body goes out */
};

/* What the body of an answer is. */
enum {
    SAYS_WHATEVER, /* the library's own words */
    SAYS_NOTHING,
    SAYS_SMALL,
    SAYS_HASH, /* of the request's body */
    SAYS_USER,
    SAYS_ECHO,  /* the request's body */
    SAYS_BYTES, /* `bytes` of sim_bytes.h */
    SAYS_FILE
};

/* What each kind asks for, and what must come back. */
static const struct {
    const char *method;
    const char *target;
    int status;
    bool has_id; /* a handler answers */
    bool has_body;
    uint8_t says;   /* of the answer's body */
    bool is_ending; /* nothing follows */
    uint32_t bytes; /* of the answer's body, if fixed */
    bool has_trailer;
} kinds[SIM_REQUEST_KINDS] = {
    [SIM_GET_SMALL] = {"GET", "/small", 200, true, false, SAYS_SMALL, 0, 0, 0},
    [SIM_HEAD_SMALL] = {"HEAD", "/small", 200, true, false, SAYS_NOTHING, 0, 0,
                        0},
    [SIM_GET_BIG] = {"GET", "/big", 200, true, false, SAYS_BYTES, 0,
                     SIM_BIG_BYTES, 0},
    [SIM_HEAD_BIG] = {"HEAD", "/big", 200, true, false, SAYS_NOTHING, 0, 0, 0},
    [SIM_POST_ECHO] = {"POST", "/echo", 200, true, true, SAYS_ECHO, 0, 0, 0},
    [SIM_POST_HASH] = {"POST", "/hash", 200, true, true, SAYS_HASH, 0, 0, 0},
    [SIM_GET_ERROR] = {"GET", "/error", 409, false, false, 0, 0, 0, 0},
    [SIM_GET_FORGET] = {"GET", "/forget", 500, false, false, 0, 0, 0, 0},
    [SIM_GET_TWICE] = {"GET", "/twice", 200, true, false, SAYS_SMALL, 0, 0, 0},
    [SIM_GET_NONE] = {"GET", "/none", 204, true, false, SAYS_NOTHING, 0, 0, 0},
    [SIM_GET_LONG] = {"GET", "/long", 200, true, false, SAYS_BYTES, 0,
                      SIM_LONG_BYTES, 0},
    [SIM_GET_USER] = {"GET", "/users/%37", 200, true, false, SAYS_USER, 0, 0,
                      0},
    [SIM_GET_MISSING] = {"GET", "/nowhere", 404, false, false, 0, 0, 0, 0},
    [SIM_DELETE_SMALL] = {"DELETE", "/small", 405, false, false, 0, 0, 0, 0},
    [SIM_OPTIONS_ALL] = {"OPTIONS", "*", 204, false, false, SAYS_NOTHING, 0, 0,
                         0},
    [SIM_GET_LATER] = {"GET", "/later", 200, true, false, SAYS_SMALL, 0, 0, 0},
    [SIM_GET_AGAIN] = {"GET", "/again", 200, true, false, SAYS_SMALL, 0, 0, 0},
    [SIM_GET_DROPPED] = {"GET", "/dropped", 503, true, false, 0, true, 0, 0},
    [SIM_GET_NEVER] = {"GET", "/never", 503, true, false, 0, true, 0, 0},
    [SIM_GET_TIMER] = {"GET", "/timer", 200, true, false, SAYS_SMALL, 0, 0, 0},
    [SIM_GET_WRITES] = {"GET", "/writes", 200, true, false, SAYS_BYTES, 0,
                        SIM_STREAM_BYTES, true},
    [SIM_HEAD_WRITES] = {"HEAD", "/writes", 200, true, false, SAYS_NOTHING, 0,
                         0, 0},
    [SIM_GET_OLD] = {"GET", "/writes", 200, true, false, SAYS_BYTES, true,
                     SIM_STREAM_BYTES, 0},
    [SIM_GET_BROKEN] = {"GET", "/broken", 200, true, false, SAYS_BYTES, true,
                        SIM_STREAM_BYTES, 0},
    [SIM_GET_PULL] = {"GET", "/pull", 200, true, false, SAYS_BYTES, 0,
                      SIM_STREAM_BYTES, 0},
    [SIM_GET_PULL_LATER] = {"GET", "/pull/later", 200, true, false, SAYS_BYTES,
                            0, SIM_STREAM_BYTES, 0},
    [SIM_GET_FILE] = {"GET", "/file", 200, true, false, SAYS_FILE, 0, 0, 0},
    [SIM_HEAD_FILE] = {"HEAD", "/file", 200, true, false, SAYS_NOTHING, 0, 0,
                       0},
    [SIM_POST_TAKE] = {"POST", "/take", 200, true, true, SAYS_HASH, 0, 0, 0},
    [SIM_POST_EARLY] = {"POST", "/early", 200, true, true, SAYS_SMALL, 0, 0, 0},
    [SIM_POST_GIVING_UP] = {"POST", "/giving-up", 409, true, true, 0, true, 0,
                            0},
    [SIM_POST_FLOW] = {"POST", "/flow", 200, true, true, SAYS_ECHO, 0, 0, 0},
    [SIM_POST_WHOLE] = {"POST", "/whole", 200, true, true, SAYS_HASH, 0, 0, 0},
};

__attribute__((noreturn, format(printf, 2, 3))) static void client_fail(
    const struct sim_client *c, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    flare__sim_fail(
        c->server->world, "client %u, answer %u (%s): %s", c->conn, c->answered,
        kinds[c->requests[c->answered % SIM_REQUESTS_MAX].kind].target, text);
}

/* ---- writing requests ---- */

static void out_text(struct sim_client *c, const char *text)
{
    size_t len = strlen(text);

    memcpy(c->out + c->out_len, text, len);
    c->out_len += (uint32_t)len;
}

static void out_body(struct sim_client *c, uint32_t request, uint32_t offset,
                     uint32_t len)
{
    sim_bytes_fill(c->out + c->out_len, len, c->conn, request, offset);
    c->out_len += len;
}

static void out_chunks(struct sim_client *c, uint32_t request, uint32_t len)
{
    struct flare__sim *w = c->server->world;
    char size[24];
    uint32_t at = 0, count = 0;

    while (at < len) {
        uint32_t n = ++count > CLIENT_CHUNKS_MAX
                         ? len
                         : 1 + flare__sim_below(w, CLIENT_CHUNK_MAX);
        bool has_extension = flare__sim_below(w, 4) == 1;

        if (n > len - at)
            n = len - at;
        (void)snprintf(size, sizeof(size), "%x%s\r\n", n,
                       has_extension ? ";a=b" : "");
        out_text(c, size);
        out_body(c, request, at, n);
        out_text(c, "\r\n");
        at += n;
    }
    out_text(c, "0\r\n\r\n");
}

static void client_write(struct sim_client *c)
{
    const struct sim_request *r = &c->requests[c->written];
    char line[160];

    c->out_at = c->out_len = 0;
    (void)snprintf(line, sizeof(line),
                   "%s %s HTTP/1.%d\r\nHost: sim\r\nX-Id: %u-%u\r\n",
                   kinds[r->kind].method, kinds[r->kind].target,
                   r->kind == SIM_GET_OLD ? 0 : 1, c->conn, c->written);
    out_text(c, line);
    if (r->is_last)
        out_text(c, "Connection: close\r\n");
    if (r->is_expecting)
        out_text(c, "Expect: 100-continue\r\n");
    if (r->is_chunked) {
        out_text(c, "Transfer-Encoding: chunked\r\n\r\n");
    } else if (kinds[r->kind].has_body) {
        (void)snprintf(line, sizeof(line), "Content-Length: %u\r\n\r\n",
                       r->body_len);
        out_text(c, line);
    } else {
        out_text(c, "\r\n");
    }
    c->out_hold = r->is_expecting ? c->out_len : 0;
    c->waits_for_100 = r->is_expecting;
    if (r->is_chunked)
        out_chunks(c, c->written, r->body_len);
    else if (kinds[r->kind].has_body)
        out_body(c, c->written, 0, r->body_len);
    c->written++;
}

/* The next request is put into `out`, if it may go now. */
static bool client_write_next(struct sim_client *c)
{
    if (c->written == c->count || c->saw_last)
        return false;
    if (!c->is_pipelining && c->answered < c->written)
        return false;
    client_write(c);
    return true;
}

static void client_patience(struct sim_client *c)
{
    flare__sim_peer_at(&c->peer, flare__sim_now(c->server->world) +
                                     CLIENT_PATIENCE_MS * UINT64_C(1000000));
}

static void client_pump(struct sim_client *c)
{
    while (c->result == SIM_CLIENT_RUNS && !c->is_shut) {
        uint32_t end = c->waits_for_100 ? c->out_hold : c->out_len;

        if (c->out_at < end) {
            c->out_at += (uint32_t)flare__sim_peer_send(
                &c->peer, c->out + c->out_at, end - c->out_at);
            if (c->out_at < end)
                return;
            if (c->waits_for_100)
                client_patience(c);
        }
        if (c->waits_for_100)
            return;
        if (!client_write_next(c))
            break;
    }
    if (c->result == SIM_CLIENT_RUNS && c->written == c->count &&
        c->end == SIM_CLIENT_HALF_CLOSES && !c->is_shut) {
        c->is_shut = true;
        flare__sim_peer_shutdown(&c->peer);
    }
}

/* ---- reading answers ---- */

static void client_end(struct sim_client *c, enum sim_client_result result)
{
    if (c->result != SIM_CLIENT_RUNS)
        return;
    c->result = (uint8_t)result;
    c->done_ns = flare__sim_now(c->server->world);
    flare__sim_note(c->server->world, "client ends", c->conn, result);
    if (c->peer.end != 0)
        flare__sim_peer_close(&c->peer, /* is_abort = */ false);
}

bool sim_client_is_ending(enum sim_request_kind kind)
{
    return kinds[kind].is_ending;
}

bool sim_client_may_be_cut(const struct sim_client *c)
{
    uint8_t kind;

    if (c->answered >= c->count || c->server->calls[c->conn][c->count - 1] == 0)
        return false;
    kind = c->requests[c->count - 1].kind; /* what is before goes with it */
    return kind == SIM_GET_BROKEN || kind == SIM_GET_NEVER;
}

/* Answers the server may give to an honest request when it is in trouble. */
static bool client_is_excuse(const struct sim_client *c, int status)
{
    if (c->answered < c->written &&
        status == kinds[c->requests[c->answered].kind].status)
        return false;
    return status == 408 || status == 503 ||
           (status == 500 && c->server->has_no_memory);
}

/* Its body is refused, or may never come. */
static bool client_may_end(const struct sim_request *q)
{
    return q->is_last || kinds[q->kind].is_ending ||
           (q->kind == SIM_POST_EARLY && q->is_expecting);
}

bool sim_client_may_end(const struct sim_client *c)
{
    return c->answered < c->count && client_may_end(&c->requests[c->answered]);
}

static bool client_may_be_last(const struct sim_client *c)
{
    const struct sim_server *s = c->server;

    return s->is_draining || client_may_end(&c->requests[c->answered]) ||
           c->answered + 1 == s->options.requests_max;
}

static bool next_is_head(const struct sim_client *c)
{
    return c->answered < c->count &&
           memcmp(kinds[c->requests[c->answered].kind].method, "HEAD", 4) == 0;
}

static void client_next_answer(struct sim_client *c)
{
    sim_response_start(&c->response, next_is_head(c));
    c->response.is_to_old =
        c->answered < c->count && c->requests[c->answered].kind == SIM_GET_OLD;
}

/* How long the body of the answer must be; UINT64_MAX: not said here. */
static uint64_t client_expects(const struct sim_client *c,
                               const struct sim_request *q)
{
    switch (kinds[q->kind].says) {
    case SAYS_NOTHING:
        return 0;
    case SAYS_ECHO:
        return q->body_len;
    case SAYS_BYTES:
        return kinds[q->kind].bytes;
    case SAYS_FILE:
        return sim_file_bytes(c->answered);
    default:
        return UINT64_MAX;
    }
}

static bool client_expects_bytes(const struct sim_request *q)
{
    uint8_t says = kinds[q->kind].says;

    return says == SAYS_ECHO || says == SAYS_BYTES || says == SAYS_FILE;
}

static void client_on_head(struct sim_client *c)
{
    const struct sim_response *r = &c->response;
    const struct sim_request *q = &c->requests[c->answered];

    if (r->status == 100) {
        if (!q->is_expecting || c->answered >= c->written ||
            c->told_to_go_on == c->answered + 1)
            client_fail(c, "100 that nobody waits for");
        c->told_to_go_on = c->answered + 1;
        if (c->answered + 1 == c->written)
            c->waits_for_100 = false;
        client_next_answer(c);
        return;
    }
    c->last_status = r->status;
    if (r->is_last)
        c->saw_last = true;
    if (client_is_excuse(c, r->status))
        return;
    if (c->answered >= c->written)
        client_fail(c, "an answer %d to no request", r->status);
    if (r->is_last && !client_may_be_last(c))
        client_fail(c, "Connection: close for no reason");
    if (!r->is_last && c->answered + 1 == c->server->options.requests_max)
        client_fail(c, "a connection with too many requests goes on");
    if (!r->is_last && c->server->was_draining[c->conn][c->answered])
        client_fail(c, "a draining server keeps the connection");
    if (r->status != kinds[q->kind].status)
        client_fail(c, "status %d", r->status);
    if (!r->has_id && r->status == 503 && c->server->has_no_memory)
        return; /* not even for the name of the request */
    if (r->has_id != kinds[q->kind].has_id ||
        (r->has_id && (r->id_conn != c->conn || r->id_request != c->answered)))
        client_fail(c, "the answer to %u-%u", r->id_conn, r->id_request);
    if (r->length != UINT64_MAX && client_expects(c, q) != UINT64_MAX &&
        r->length != client_expects(c, q))
        client_fail(c, "length %" PRIu64, r->length);
}

static void client_on_body(struct sim_client *c, struct flare_str data)
{
    const struct sim_request *q = &c->requests[c->answered];
    uint64_t offset = c->response.received - data.len;

    if (client_is_excuse(c, c->response.status))
        return;
    if (client_expects_bytes(q)) {
        if (!sim_bytes_equal(data.ptr, data.len, c->conn, c->answered,
                             (size_t)offset))
            client_fail(c, "bytes at %" PRIu64 " are another's", offset);
        return;
    }
    if (c->text_len + data.len >= sizeof(c->text))
        client_fail(c, "a long body");
    memcpy(c->text + c->text_len, data.ptr, data.len);
    c->text_len += (uint32_t)data.len;
}

static uint64_t body_sum(const struct sim_client *c, uint32_t request)
{
    static char body[CLIENT_BODY_MAX];
    uint32_t len = c->requests[request].body_len;

    sim_bytes_fill(body, len, c->conn, request, 0);
    return sim_bytes_sum(body, len);
}

static void client_check_text(struct sim_client *c)
{
    char text[sizeof(c->text)] = "";

    c->text[c->text_len] = '\0';
    switch (kinds[c->requests[c->answered].kind].says) {
    case SAYS_SMALL:
        (void)snprintf(text, sizeof(text), "small %u-%u\n", c->conn,
                       c->answered);
        break;
    case SAYS_HASH:
        (void)snprintf(text, sizeof(text), "%016" PRIx64 "\n",
                       body_sum(c, c->answered));
        break;
    case SAYS_USER:
        (void)snprintf(text, sizeof(text), "user 7\n");
        break;
    case SAYS_WHATEVER:
        return;
    default:
        break;
    }
    if (strcmp(text, c->text) != 0)
        client_fail(c, "body \"%s\", not \"%s\"", c->text, text);
}

static void client_check_length(struct sim_client *c)
{
    const struct sim_request *q = &c->requests[c->answered];
    uint64_t expected = client_expects(c, q);

    if (expected != UINT64_MAX && c->response.received != expected)
        client_fail(c, "%" PRIu64 " bytes", c->response.received);
    if (c->response.trailers != kinds[q->kind].has_trailer)
        client_fail(c, "%u trailers", c->response.trailers);
    if (q->kind == SIM_GET_BROKEN)
        client_fail(c, "a body that was broken off has an end");
}

static void client_on_answer(struct sim_client *c)
{
    if (client_is_excuse(c, c->response.status)) {
        client_end(c, SIM_CLIENT_CUT);
        return;
    }
    if (c->response.received != c->response.length)
        client_fail(c, "a short body");
    client_check_length(c);
    client_check_text(c);
    c->text_len = 0;
    c->answered++;
    client_next_answer(c);
    if (c->waits_for_100 && c->answered == c->written) {
        /* Refused without its body: that is never sent. */
        client_end(c,
                   c->answered == c->count ? SIM_CLIENT_DONE : SIM_CLIENT_CUT);
        return;
    }
    if (c->answered == c->count && c->end == SIM_CLIENT_CLOSES)
        client_end(c, SIM_CLIENT_DONE);
}

static void client_feed(struct sim_client *c, struct flare_str in)
{
    struct flare_str data;

    while (c->result == SIM_CLIENT_RUNS) {
        switch (sim_response_next(&c->response, &in, &data)) {
        case SIM_RESPONSE_MORE:
            return;
        case SIM_RESPONSE_HEAD:
            client_on_head(c);
            break;
        case SIM_RESPONSE_BODY:
            client_on_body(c, data);
            break;
        case SIM_RESPONSE_END:
            client_on_answer(c);
            break;
        case SIM_RESPONSE_BAD:
            client_fail(c, "malformed: %s", c->response.fault);
        }
    }
}

/* The stream is over: as it should be, or too early. */
static void client_on_end(struct sim_client *c)
{
    bool is_done = c->answered == c->count;

    if (sim_response_is_begun(&c->response) && !c->peer.is_excused && !is_done)
        flare__sim_note(c->server->world, "cut in an answer", c->conn,
                        c->answered);
    client_end(c, is_done ? SIM_CLIENT_DONE : SIM_CLIENT_CUT);
}

static void client_read(struct sim_client *c)
{
    struct flare__sim *w = c->server->world;
    char bytes[16384];

    while (c->result == SIM_CLIENT_RUNS) {
        size_t size =
            c->is_slow ? 500 + flare__sim_below(w, 16000) : sizeof(bytes);
        size_t n;

        if (size > sizeof(bytes))
            size = sizeof(bytes);
        n = flare__sim_peer_recv(&c->peer, bytes, size);
        if (n == 0)
            break;
        client_feed(c, (struct flare_str){bytes, n});
        if (c->is_slow && c->result == SIM_CLIENT_RUNS) {
            flare__sim_peer_at(&c->peer,
                               flare__sim_now(w) +
                                   flare__sim_below(w, 20) * UINT64_C(1000000));
            return;
        }
    }
    if (c->saw_fin && c->result == SIM_CLIENT_RUNS &&
        sim_response_end(&c->response))
        client_on_answer(c);
    if (c->saw_fin)
        client_on_end(c);
}

static void client_on_timer(struct sim_client *c)
{
    if (!c->is_connected) {
        c->started_ns = flare__sim_now(c->server->world);
        flare__sim_peer_connect(&c->peer, SIM_SERVER_PORT);
        return;
    }
    client_read(c);
    if (c->result == SIM_CLIENT_RUNS && c->waits_for_100 && !c->saw_fin &&
        c->out_at == c->out_hold) {
        c->waits_for_100 = false; /* long enough: RFC 9110 section 10.1.1 */
        c->lost_patience = true;
    }
    client_pump(c);
}

static void client_on_event(struct flare__sim_peer *peer,
                            enum flare__sim_peer_event what)
{
    struct sim_client *c = (struct sim_client *)peer;

    switch (what) {
    case FLARE__SIM_PEER_TIMER:
        client_on_timer(c);
        break;
    case FLARE__SIM_PEER_CONNECTED:
        c->is_connected = true;
        client_pump(c);
        break;
    case FLARE__SIM_PEER_SPACE:
        client_pump(c);
        break;
    case FLARE__SIM_PEER_FIN:
        c->saw_fin = true;
        client_read(c);
        break;
    case FLARE__SIM_PEER_DATA:
        client_read(c);
        client_pump(c);
        break;
    case FLARE__SIM_PEER_RST:
        c->is_slow = false; /* what has come is still to be read */
        client_read(c);
        client_on_end(c);
        break;
    case FLARE__SIM_PEER_REFUSED:
        client_end(c, SIM_CLIENT_REFUSED);
        break;
    }
}

/* ---- life ---- */

void sim_client_init(struct sim_client *c, struct sim_server *s, uint32_t conn)
{
    memset(c, 0, offsetof(struct sim_client, response));
    c->peer.on_event = client_on_event;
    c->server = s;
    c->conn = conn;
    c->out_at = c->out_len = 0;
    c->text_len = 0;
    flare__sim_peer_open(&c->peer, s->world);
}

void sim_client_add(struct sim_client *c, enum sim_request_kind kind,
                    uint32_t body_len)
{
    c->requests[c->count++] =
        (struct sim_request){.kind = (uint8_t)kind, .body_len = body_len};
}

static void request_draw(struct sim_client *c, struct sim_request *r)
{
    static const uint32_t sizes[] = {1, 100, 3000, CLIENT_BODY_MAX};
    struct flare__sim *w = c->server->world;

    *r = (struct sim_request){
        .kind = (uint8_t)flare__sim_below(w, SIM_REQUEST_KINDS)};
    if (!kinds[r->kind].has_body)
        return;
    r->body_len = flare__sim_below(w, sizes[flare__sim_below(w, 4)] + 1);
    r->is_chunked = flare__sim_below(w, 2) == 1;
    r->is_expecting = r->body_len > 0 && flare__sim_below(w, 4) == 1;
}

void sim_client_draw(struct sim_client *c, struct sim_server *s, uint32_t conn,
                     uint32_t count)
{
    struct flare__sim *w = s->world;

    sim_client_init(c, s, conn);
    c->count = count != 0 ? count : 1 + flare__sim_below(w, SIM_REQUESTS_MAX);
    for (uint32_t i = 0; i < c->count; i++) {
        request_draw(c, &c->requests[i]);
        if (kinds[c->requests[i].kind].is_ending)
            c->count = i + 1;
    }
    c->is_pipelining = flare__sim_below(w, 3) == 1;
    c->is_slow = flare__sim_below(w, 6) == 1;
    c->end = (uint8_t)flare__sim_below(w, 3);
    if (c->end == SIM_CLIENT_SAYS_CLOSE)
        c->requests[c->count - 1].is_last = true;
}

void sim_client_start(struct sim_client *c, uint64_t time_ns)
{
    client_next_answer(c);
    flare__sim_peer_at(&c->peer, time_ns);
}

void sim_client_stop(struct sim_client *c)
{
    client_end(c, SIM_CLIENT_CUT);
}
