/* SPDX-License-Identifier: MIT */
/*
 * The server against the slow reader of tests/support/ref_http.h, through the
 * real code of a connection in the simulated world: every canonical request
 * with each position set to all 256 values, whole and cut behind the changed
 * byte; and uncut and cut in two everywhere.  The same requests must reach the
 * handler with the same method, target, host and body, and the same answers
 * come back.
 */
#include "base/assert.h"
#include "tests/http/conn_rig.h"
#include "tests/support/ref_http.h"
#include "tests/support/test.h"

#include <string.h>

static const char *const canonical[] = {
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\nHEAD /a HTTP/1.1\r\nhost:a\r\n\r\n",
    "GET /a%20b/c?x=1&y=%7e HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "GET http://a.example:80/p?q HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET HTTPS://[::1]?q HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:8\r\n\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: a\r\nX-Blank: \t \r\n\r\n",
    "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;a=\"b\\\"c\";d\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "Content-Length: 5\r\n\r\n0\r\n\r\n",
    "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
    "Content-Length: 5\r\n\r\nhello",
    "PATCH /p HTTP/1.0\r\nConnection: keep-alive\r\n"
    "Content-Length: 2\r\n\r\nhiGET / HTTP/1.0\r\n\r\n",
    "DELETE /p HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\n\r\nGET /no",
    "GET / HTTP/1.1\r\nHost: a\r\nX-Obs: \xe4\xff\r\n!#$%&'*+-.^_`|~: 1\r\n"
    "\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1\r\nx\r\n0\r\n\r\n"
    "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
};

enum { SEEN_MAX = REF_ANSWERS_MAX + 1, BODY_MAX = 61, OUTPUT_MAX = 8192 };

/* What the handler saw, in order. */
static struct seen {
    int method;
    int minor;
    bool has_query;
    char path[REF_BYTES_MAX];
    char query[REF_BYTES_MAX];
    char host[REF_BYTES_MAX];
    char body[REF_BYTES_MAX];
    size_t path_len, query_len, host_len, body_len;
} seen[SEEN_MAX];

static size_t seen_count;

/* ck_assert writes to a file each time it passes: not half a million times. */
static void insist(bool is_true, const char *what)
{
    if (!is_true)
        ck_abort_msg("%s", what);
}

static size_t keep(char *out, struct flare_str s)
{
    insist(s.len <= REF_BYTES_MAX, "a slice is too long");
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    return s.len;
}

static int on_request(flare_req *req, flare_res *res)
{
    struct seen *s = &seen[seen_count++];

    insist(seen_count <= SEEN_MAX, "too many requests");
    s->method = (int)flare_req_method(req);
    s->minor = flare_req_version_minor(req);
    s->has_query = flare_req_query(req).ptr != NULL;
    s->path_len = keep(s->path, flare_req_path(req));
    s->query_len = keep(s->query, flare_req_query(req));
    s->host_len = keep(s->host, flare_req_host(req));
    s->body_len = keep(s->body, flare_req_body(req));
    return flare_res_text(res, 200, "ok");
}

/* ---- one run: bytes through a connection ---- */

struct pieces {
    const char *bytes;
    size_t len;
    size_t cut; /* the second piece starts here, some time later */
    bool fin;   /* behind the last byte comes the end */
};

static struct rig *rig_for_all(void)
{
    return rig_new(&(struct flare_server_config){
        .handler = {on_request, NULL},
        .body_bytes_max = BODY_MAX,
        .chunk_overhead_max = 48,
        .target_bytes_max = 64,
        .fields_bytes_max = 128,
        .fields_max = 3,
    });
}

static struct ref_limits limits_of(const struct rig *r)
{
    return (struct ref_limits){
        .head = r->options.head,
        .chunked = r->options.chunked,
        .body_bytes_max = r->options.body_bytes_max,
    };
}

/*
 * The other side.  Not one of the rig's own peers: those have a MiB each, which
 * is much for half a million connections.
 */
static struct client {
    struct flare__sim_peer peer;
    char got[OUTPUT_MAX + 1];
    size_t len;
    bool is_connected;
    bool has_ended; /* FIN or RST */
} client;

static void client_on_event(struct flare__sim_peer *peer,
                            enum flare__sim_peer_event what)
{
    struct client *c = FLARE_CONTAINER_OF(peer, struct client, peer);

    if (what == FLARE__SIM_PEER_CONNECTED)
        c->is_connected = true;
    if (what == FLARE__SIM_PEER_DATA)
        c->len +=
            flare__sim_peer_recv(peer, c->got + c->len, OUTPUT_MAX - c->len);
    if (what == FLARE__SIM_PEER_FIN || what == FLARE__SIM_PEER_RST)
        c->has_ended = true;
}

/* rig_run for a millisecond, without its assertions. */
static void pass_time(struct rig *r)
{
    uint64_t until_ns = r->loop->now_ns + 1000000;

    do
        insist(flare__loop_turn(r->loop, until_ns) == 0, "a turn failed");
    while (r->loop->now_ns < until_ns);
}

static void client_connect(struct rig *r)
{
    client.peer = (struct flare__sim_peer){.on_event = client_on_event};
    client.len = 0;
    client.is_connected = client.has_ended = false;
    flare__sim_peer_open(&client.peer, r->world);
    flare__sim_peer_connect(&client.peer, 80);
    for (int n = 0; n < 100 && !client.is_connected; n++)
        pass_time(r);
    insist(client.is_connected, "no connection");
}

static void client_send(const char *bytes, size_t len)
{
    insist(flare__sim_peer_send(&client.peer, bytes, len) == len, "send");
}

static void run(struct rig *r, const struct pieces *p)
{
    seen_count = 0;
    client_connect(r);
    if (p->cut > 0)
        client_send(p->bytes, p->cut);
    pass_time(r);
    if (p->cut < p->len && !client.has_ended) {
        client_send(p->bytes + p->cut, p->len - p->cut);
        pass_time(r);
    }
    if (p->fin && !client.has_ended) {
        flare__sim_peer_shutdown(&client.peer);
        pass_time(r);
    }
    client.got[client.len] = '\0';
    flare__sim_peer_close(&client.peer, /* is_abort = */ true);
}

/* ---- what came back ---- */

/* Takes a 100 from the front if there is one. */
static bool skip_continue(const char **at)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (strncmp(*at, text, sizeof(text) - 1) != 0)
        return false;
    *at += sizeof(text) - 1;
    return true;
}

/* NULL, or what is wrong with the answer at the front of `*at`. */
static const char *differing_answer(const char **at, const struct ref_answer *a)
{
    const char *head = *at;
    const char *end = strstr(head, "\r\n\r\n");
    const char *close, *length;

    if (end == NULL || strncmp(head, "HTTP/1.1 ", 9) != 0)
        return "no answer";
    if (strtol(head + 9, NULL, 10) != a->status)
        return "status";
    close = strstr(head, "\r\nConnection: close\r\n");
    if ((close != NULL && close < end) != a->is_last)
        return "keep-alive";
    length = strstr(head, "\r\nContent-Length: ");
    *at = end + 4;
    if (length == NULL || length > end)
        return a->status == 204 ? NULL : "no length";
    if (!a->is_head)
        *at += strtol(length + 18, NULL, 10);
    return NULL;
}

static const char *differing_answers(const struct ref_http *ref)
{
    const char *at = client.got;
    bool is_last = false;

    for (size_t i = 0; i < ref->count; i++) {
        const char *wrong;

        if (ref->answers[i].may_continue)
            (void)skip_continue(&at);
        wrong = differing_answer(&at, &ref->answers[i]);
        if (wrong != NULL)
            return wrong;
        is_last = ref->answers[i].is_last;
    }
    if (ref->is_inside && ref->may_continue)
        (void)skip_continue(&at);
    if (at != client.got + client.len)
        return "more than the answers";
    return client.has_ended == (is_last || ref->is_ended) ? NULL : "closing";
}

static bool is_same(const char *a, size_t len, struct flare_str b)
{
    return len == b.len && (len == 0 || memcmp(a, b.ptr, len) == 0);
}

static const char *differing_request(const struct seen *s,
                                     const struct ref_answer *a)
{
    if (s->method != a->method_id || s->minor != a->minor)
        return "method or version";
    if (!is_same(s->path, s->path_len, a->path))
        return "path";
    if (s->has_query != a->has_query ||
        !is_same(s->query, s->query_len, a->query))
        return "query";
    if (!is_same(s->host, s->host_len, a->host))
        return "host";
    if (!is_same(s->body, s->body_len,
                 (struct flare_str){a->body, a->body_len}))
        return "body";
    return NULL;
}

static const char *differing_requests(const struct ref_http *ref)
{
    size_t n = 0;

    for (size_t i = 0; i < ref->count; i++) {
        const char *wrong;

        if (!ref->answers[i].is_handled)
            continue;
        if (n == seen_count)
            return "a request did not reach the handler";
        wrong = differing_request(&seen[n++], &ref->answers[i]);
        if (wrong != NULL)
            return wrong;
    }
    return n == seen_count ? NULL : "the handler saw a request too many";
}

static void check(struct rig *r, const struct pieces *p,
                  const struct ref_http *ref, int value)
{
    const char *wrong;

    run(r, p);
    wrong = differing_requests(ref);
    if (wrong == NULL)
        wrong = differing_answers(ref);
    if (wrong != NULL)
        ck_abort_msg("%s: cut at %zu of %zu, byte %d\n%.*s\n---\n%s", wrong,
                     p->cut, p->len, value, (int)p->len, p->bytes, client.got);
}

/* ---- the tests ---- */

static struct ref_http reference;

START_TEST(test_requests_mean_what_the_reference_says_at_every_cut)
{
    struct rig *r = rig_for_all();
    struct ref_limits limits = limits_of(r);
    size_t len = strlen(canonical[_i]);

    for (size_t front = 1; front <= len; front++) {
        ref_http(&reference, &limits, canonical[_i], front);
        check(r, &(struct pieces){canonical[_i], front, front, false},
              &reference, -1);
    }
    for (size_t cut = 0; cut <= len; cut++)
        check(r, &(struct pieces){canonical[_i], len, cut, false}, &reference,
              -1);
    rig_free(r);
}
END_TEST

START_TEST(test_requests_that_end_early_are_refused_as_the_reference_says)
{
    struct rig *r = rig_for_all();
    struct ref_limits limits = limits_of(r);
    size_t len = strlen(canonical[_i]);

    for (size_t front = 1; front <= len; front++) {
        ref_http(&reference, &limits, canonical[_i], front);
        ref_http_end(&reference);
        check(r,
              &(struct pieces){canonical[_i], front, front, /* fin = */ true},
              &reference, -1);
    }
    rig_free(r);
}
END_TEST

START_TEST(test_requests_mean_what_the_reference_says_on_every_byte_changed)
{
    struct rig *r = rig_for_all();
    struct ref_limits limits = limits_of(r);
    size_t len = strlen(canonical[_i]);
    char bytes[1024];

    memcpy(bytes, canonical[_i], len);
    for (size_t at = 0; at < len; at++) {
        for (int value = 0; value < 256; value++) {
            bytes[at] = (char)value;
            ref_http(&reference, &limits, bytes, len);
            check(r, &(struct pieces){bytes, len, len, false}, &reference,
                  value);
            check(r, &(struct pieces){bytes, len, at + 1, false}, &reference,
                  value);
        }
        bytes[at] = canonical[_i][at];
    }
    rig_free(r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("http/differential");
    TCase *tc = tcase_create("differential");
    const int n = ROWS(canonical);

    tcase_add_loop_test(
        tc, test_requests_mean_what_the_reference_says_at_every_cut, 0, n);
    tcase_add_loop_test(
        tc, test_requests_that_end_early_are_refused_as_the_reference_says, 0,
        n);
    tcase_add_loop_test(
        tc, test_requests_mean_what_the_reference_says_on_every_byte_changed, 0,
        n);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return test_run(suite());
}
