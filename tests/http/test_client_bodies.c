/* SPDX-License-Identifier: MIT */
/*
 * Bodies both ways: from memory, files and sources; Expect; answers that come
 * early; content codings; pauses and bounds.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <flare/encoding.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct client_rig rig;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define EACH_BACKEND(script, config)                                           \
    if (!client_rig_start(&rig, _i, script, config))                           \
    return

enum { BIG = 3000000 };

static char *big;

static void big_make(void)
{
    big = malloc(BIG);
    ck_assert_ptr_nonnull(big);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + (i * 7 + i / 251) % 26);
}

static void big_free(void)
{
    free(big);
}

static struct flare_str server_url(void)
{
    static char url[128];

    (void)snprintf(url, sizeof(url), "%s/", rig.address);
    return flare_str(url);
}

/* The body of a request of the server's, after its head. */
static const char *asked_body(int which, size_t *len)
{
    const char *end = strstr(rig.asked[which], "\r\n\r\n");

    ck_assert_ptr_nonnull(end);
    *len = rig.asked_len[which] - (size_t)(end + 4 - rig.asked[which]);
    return end + 4;
}

static const struct rig_line ok_only[] = {{OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};

/* ---- up ---- */

START_TEST(test_client_sends_a_large_body_from_memory)
{
    struct flare_ask ask = {.method = FLARE_METHOD_POST, .body = {NULL, BIG}};
    struct rig_call *c;
    const char *body;
    size_t len;

    EACH_BACKEND(ok_only, NULL);
    big_make();
    ask.body.ptr = big;
    ask.url = server_url();
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    body = asked_body(0, &len);
    ck_assert_uint_eq(len, BIG);
    ck_assert_mem_eq(body, big, BIG);
    ck_assert(client_rig_has(&rig, 0, "Content-Length: 3000000\r\n"));
    ck_assert_uint_eq(c->progress.sent, BIG);
    ck_assert_uint_eq(c->progress.received, 5);
    ck_assert_int_gt(c->progresses, 2);
    client_rig_run(&rig, 1);
    ck_assert_int_eq(client_rig_open_peers(&rig), 1);
    client_rig_close(&rig);
    big_free();
}
END_TEST

START_TEST(test_client_sends_a_file)
{
    char name[] = "/tmp/flare-client-XXXXXX";
    struct flare_ask_file file = {.offset = 1000, .length = BIG - 1000};
    struct flare_ask ask = {.method = FLARE_METHOD_PUT, .file = &file};
    const char *body;
    size_t len;

    EACH_BACKEND(ok_only, NULL);
    big_make();
    file.fd = mkstemp(name);
    ck_assert_int_ge(file.fd, 0);
    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(write(file.fd, big, BIG), BIG);
    ask.url = server_url();
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)), 0);
    body = asked_body(0, &len);
    ck_assert_uint_eq(len, BIG - 1000);
    ck_assert_mem_eq(body, big + 1000, BIG - 1000);
    file.length = BIG; /* more than there is */
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)),
        FLARE_E_BODY_LENGTH);
    ck_assert_int_eq(close(file.fd), 0);
    client_rig_close(&rig);
    big_free();
}
END_TEST

START_TEST(test_client_an_empty_body_is_one)
{
    const struct flare_ask ask = {.method = FLARE_METHOD_POST,
                                  .url = FLARE_STR("http://192.0.2.1/"),
                                  .has_body = true};
    struct flare_ask two = ask;
    const struct flare_ask_file file = {.fd = 0};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, ok_only, NULL));
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)), 0);
    ck_assert(client_rig_has(&rig, 0, "Content-Length: 0\r\n"));
    two.file = &file;
    ck_assert_int_eq(client_rig_try(&rig, NULL, &two, &rig_collects),
                     FLARE_E_RANGE);
    client_rig_close(&rig);
}
END_TEST

/* ---- sources ---- */

struct source {
    size_t at;
    size_t size;
    size_t piece;
    size_t stop; /* here it says FLARE_LATER; 0: never */
    int pulls;
    int rewinds;
    int fails; /* what it returns at its end; 0: it finishes */
    size_t queued_most;
};

static int source_pull(flare_call *call, void *ctx)
{
    struct source *s = ctx;
    size_t n = s->size - s->at < s->piece ? s->size - s->at : s->piece;
    size_t queued = flare_stream_queued(call->conn->stream);
    int rc;

    s->pulls++;
    if (queued > s->queued_most)
        s->queued_most = queued;
    if (s->stop != 0 && s->at >= s->stop)
        return FLARE_LATER;
    if (n == 0 && s->fails != 0)
        return s->fails;
    if (n == 0) {
        ck_assert_int_eq(flare_call_finish(call), 0);
        ck_assert_int_eq(flare_call_finish(call), FLARE_E_NOT_STARTED);
        return 0;
    }
    rc = flare_call_write(call, (struct flare_str){big + s->at, n});
    ck_assert_int_ge(rc, 0);
    s->at += n;
    return 0;
}

static int source_rewind(flare_call *call, void *ctx)
{
    struct source *s = ctx;

    (void)call;
    s->at = 0;
    s->rewinds++;
    return 0;
}

/* The chunks of a body put together. */
static size_t unchunk(const char *body, size_t len, char *out)
{
    struct flare__chunked c;
    const struct flare__chunked_limits limits = {100, 100};
    struct flare_str in = {body, len};
    struct flare_str data;
    size_t n = 0;
    int rc;

    flare__chunked_init(&c);
    do {
        rc = flare__chunked_decode(&c, &limits, &in, &data);
        if (rc == FLARE__CHUNKED_DATA) {
            memcpy(out + n, data.ptr, data.len);
            n += data.len;
        }
    } while (rc == FLARE__CHUNKED_DATA);
    ck_assert_int_eq(rc, FLARE__CHUNKED_END);
    ck_assert_uint_eq(in.len, 0);
    return n;
}

START_TEST(test_client_a_source_of_unknown_length_is_chunked_and_bounded)
{
    struct source s = {.size = BIG, .piece = 5000};
    struct flare_ask_source source = {source_pull, source_rewind, &s,
                                      FLARE_LENGTH_UNKNOWN};
    struct flare_ask ask = {.method = FLARE_METHOD_POST, .source = &source};
    const char *body;
    char *whole;
    size_t len;

    EACH_BACKEND(ok_only, NULL);
    big_make();
    whole = malloc(BIG);
    ask.url = server_url();
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)), 0);
    body = asked_body(0, &len);
    ck_assert_uint_eq(unchunk(body, len, whole), BIG);
    ck_assert_mem_eq(whole, big, BIG);
    ck_assert_uint_le(s.queued_most, 300 * 1024);
    ck_assert_int_eq(s.rewinds, 0);
    free(whole);
    client_rig_close(&rig);
    big_free();
}
END_TEST

START_TEST(test_client_a_source_may_have_nothing_for_a_while)
{
    struct source s = {.size = 100, .piece = 10, .stop = 50};
    struct flare_ask_source source = {source_pull, NULL, &s, 100};
    struct flare_ask ask = {.method = FLARE_METHOD_POST, .source = &source};
    struct rig_call *c;
    int pulls;
    size_t len;

    EACH_BACKEND(ok_only, NULL);
    big_make();
    ask.url = server_url();
    c = client_rig_ask(&rig, &ask, &rig_collects);
    RIG_UNTIL(&rig, s.at == 50 && s.pulls == 6);
    client_rig_run(&rig, 20);
    ck_assert_int_eq(s.pulls, 6);
    /* between its pulls it may write as well */
    pulls = s.pulls;
    ck_assert_int_eq(flare_call_write(c->call, (struct flare_str){big + 50, 5}),
                     0);
    s.at += 5;
    s.stop = 0;
    flare_call_pull_resume(c->call);
    flare_call_pull_resume(c->call);
    ck_assert_int_eq(s.pulls, pulls);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_mem_eq(asked_body(0, &len), big, 100);
    ck_assert_uint_eq(len, 100);
    client_rig_close(&rig);
    big_free();
}
END_TEST

static const struct {
    const char *name;
    size_t size;
    uint64_t length;
    int fails;
    int rc;
} sources[] = {
    {"it fails", 100, FLARE_LENGTH_UNKNOWN, -EIO, -EIO},
    {"it fails at once", 0, 10, -EIO, -EIO},
};

START_TEST(test_client_a_source_that_fails_ends_the_call)
{
    struct source s = {
        .size = sources[_i].size, .piece = 10, .fails = sources[_i].fails};
    struct flare_ask_source source = {source_pull, NULL, &s,
                                      sources[_i].length};
    struct flare_ask ask = {.method = FLARE_METHOD_POST, .source = &source};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, ok_only, NULL));
    big_make();
    ask.url = server_url();
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)),
        sources[_i].rc);
    client_rig_close(&rig);
    big_free();
}
END_TEST

static int short_pull(flare_call *call, void *ctx)
{
    (void)ctx;
    ck_assert_int_eq(flare_call_write(call, FLARE_STR("12345678901")),
                     FLARE_E_RANGE);
    ck_assert_int_eq(flare_call_write(call, FLARE_STR("123")), 0);
    ck_assert_int_eq(flare_call_finish(call), FLARE_E_BODY_LENGTH);
    ck_assert_int_eq(flare_call_write(call, FLARE_STR("1")), FLARE_E_GONE);
    return 0;
}

START_TEST(test_client_a_source_keeps_its_length)
{
    struct flare_ask_source source = {short_pull, NULL, NULL, 10};
    struct flare_ask ask = {.method = FLARE_METHOD_POST,
                            .url = FLARE_STR("http://192.0.2.1/"),
                            .source = &source};
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, ok_only, NULL));
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(flare_call_write(c->call, FLARE_STR("x")),
                     FLARE_E_NOT_STARTED);
    ck_assert_int_eq(client_rig_wait(&rig, c), FLARE_E_BODY_LENGTH);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C05_a_source_is_sent_again_only_if_it_can)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 307 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", 0, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    struct source s = {.size = 100, .piece = 10};
    struct flare_ask_source source = {source_pull,
                                      _i == 0 ? source_rewind : NULL, &s, 100};
    struct flare_ask ask = {.method = FLARE_METHOD_POST,
                            .url = FLARE_STR("http://192.0.2.1/"),
                            .source = &source};
    struct rig_call *c;
    size_t len;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    big_make();
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c),
                     _i == 0 ? 0 : FLARE_E_NOT_REWINDABLE);
    ck_assert_int_eq(s.rewinds, _i == 0);
    ck_assert_int_eq(rig.asked_count, _i == 0 ? 2 : 1);
    if (_i == 0)
        ck_assert_mem_eq(asked_body(1, &len), big, 100);
    client_rig_close(&rig);
    big_free();
}
END_TEST

/* ---- C11: Expect, and answers that come early ---- */

START_TEST(test_client_C11_a_body_waits_for_100)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 100 Continue\r\n\r\n" OK, RIG_EARLY, 0},
        {"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", RIG_EARLY, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    struct flare_ask ask = {.method = FLARE_METHOD_POST,
                            .url = FLARE_STR("http://192.0.2.1/"),
                            .body = FLARE_STR("data"),
                            .expect_continue = true};
    uint64_t before_ms;
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    /* a final answer: the body is never sent, the connection not kept */
    rig.lines = 1;
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(flare_reply_status(c->reply), 417);
    ck_assert(client_rig_has(&rig, 0, "Expect: 100-continue\r\n"));
    ck_assert(!client_rig_has(&rig, 0, "data"));
    client_rig_run(&rig, 1);
    ck_assert_int_eq(client_rig_open_peers(&rig), 0);
    /* no answer: it goes after a second */
    before_ms = rig.loop->now_ms;
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert(client_rig_has(&rig, 1, "\r\n\r\ndata"));
    ck_assert_uint_ge(rig.loop->now_ms - before_ms, 1000);
    ck_assert_uint_le(rig.loop->now_ms - before_ms, 1010);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C11_a_100_lets_it_go_at_once)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 100 Continue\r\n\r\n", RIG_EARLY, 0}, {NULL, 0, 0}};
    struct flare_ask ask = {.method = FLARE_METHOD_POST,
                            .url = FLARE_STR("http://192.0.2.1/"),
                            .body = FLARE_STR("data"),
                            .expect_continue = true};
    uint64_t before_ms;
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    before_ms = rig.loop->now_ms;
    c = client_rig_ask(&rig, &ask, &rig_collects);
    RIG_UNTIL(&rig, rig.asked_count == 2);
    ck_assert(client_rig_has(&rig, 1, "\r\n\r\ndata"));
    ck_assert_uint_le(rig.loop->now_ms - before_ms, 10);
    client_rig_say(&rig, 0, OK);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    client_rig_run(&rig, 1);
    ck_assert_int_eq(client_rig_open_peers(&rig), 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C11_an_early_refusal_stops_the_body)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 413 Large\r\nContent-Length: 3\r\n\r\nno!", RIG_EARLY, 0},
        {NULL, 0, 0}};
    struct source s = {.size = BIG, .piece = 5000, .stop = 20000};
    struct flare_ask_source source = {source_pull, NULL, &s, BIG};
    struct flare_ask ask = {.method = FLARE_METHOD_POST, .source = &source};
    struct rig_call *c;

    EACH_BACKEND(script, NULL);
    big_make();
    ask.url = server_url();
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(flare_reply_status(c->reply), 413);
    ck_assert_str_eq(flare_reply_text(c->reply), "no!");
    RIG_UNTIL(&rig, client_rig_open_peers(&rig) == 0);
    client_rig_close(&rig);
    big_free();
}
END_TEST

/* ---- C12: content codings ---- */

/* An answer with `plain` under gzip, cut to `keep` bytes of it if not 0. */
static struct rig_line coded(const char *codings, struct flare_str plain,
                             size_t keep)
{
    static char answers[4][400000];
    static int n;
    char *to = answers[n++ % 4];
    struct flare_str out;
    size_t size;
    int len;

    ck_assert_int_eq(flare_encode(&out, FLARE_CODING_GZIP, plain, NULL), 0);
    size = keep != 0 ? keep : out.len;
    len = snprintf(to, 200,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   codings, size);
    memcpy(to + len, out.ptr, size);
    flare_coding_free(out, NULL);
    return (struct rig_line){to, 0, (size_t)len + size};
}

START_TEST(test_client_C12_a_coding_is_undone)
{
    TEST_NEEDS_ZLIB();
    const struct rig_line script[] = {
        coded("gzip", FLARE_STR("plain text, plain text, plain text"), 0),
        coded("x-gzip, identity", FLARE_STR("and again"), 0),
        {NULL, 0, 0}};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/")};
    struct rig_call *c;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = client_rig_ask(&rig, &ask, &rig_collects);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_str_eq(flare_reply_text(c->reply),
                     "plain text, plain text, plain text");
    ck_assert(client_rig_has(&rig, 0, "Accept-Encoding: gzip"));
    c = client_rig_ask(&rig, &ask, &rig_streams);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_uint_eq(c->len, 9);
    ck_assert_mem_eq(c->data, "and again", 9);
    ck_assert_int_eq(rig.peer_count, 1);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_C12_raw_bytes_stay_as_they_are)
{
    TEST_NEEDS_ZLIB();
    const struct rig_line line = coded("gzip", FLARE_STR("plain"), 0);
    const struct rig_line script[] = {line, line, line, {NULL, 0, 0}};
    static const struct flare_field range[] = {
        {FLARE_STR("Range"), FLARE_STR("bytes=0-")}, {{NULL, 0}, {NULL, 0}}};
    static const struct flare_field accept[] = {
        {FLARE_STR("Accept-Encoding"), FLARE_STR("gzip")},
        {{NULL, 0}, {NULL, 0}}};
    struct flare_ask asks[] = {
        {.raw = true}, {.headers = range}, {.headers = accept}};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    for (int i = 0; i < ROWS(asks); i++) {
        struct rig_call *c;

        asks[i].url = FLARE_STR("http://192.0.2.1/");
        c = client_rig_ask(&rig, &asks[i], &rig_collects);
        ck_assert_int_eq(client_rig_wait(&rig, c), 0);
        ck_assert_mem_eq(flare_reply_body(c->reply).ptr, "\x1f\x8b", 2);
        ck_assert(client_rig_has(&rig, i, "Accept-Encoding") == (i == 2));
    }
    client_rig_close(&rig);
}
END_TEST

static const struct {
    const char *name;
    const char *codings;
    size_t size; /* of zeros */
    size_t keep;
    struct flare_client_config config;
    int rc;
} codings[] = {
    {"a bomb",
     "gzip",
     10000000,
     0,
     {.idle_timeout_ms = 0},
     FLARE_E_CODING_LIMIT},
    {"allowed, but too large",
     "gzip",
     10000000,
     0,
     {.decoded_ratio_max = 2000, .body_bytes_max = 9999999},
     FLARE_E_REPLY_BODY},
    {"allowed", "gzip", 10000000, 0, {.decoded_ratio_max = 2000}, 0},
    {"cut", "gzip", 1000, 20, {.idle_timeout_ms = 0}, FLARE_E_BAD_CODING},
    {"not of that coding",
     "deflate",
     1000,
     0,
     {.idle_timeout_ms = 0},
     FLARE_E_BAD_CODING},
    {"another one",
     "br",
     10,
     0,
     {.idle_timeout_ms = 0},
     FLARE_E_UNSUPPORTED_CODING},
    {"six",
     "gzip, gzip, gzip, gzip, gzip, gzip",
     10,
     0,
     {.idle_timeout_ms = 0},
     FLARE_E_CODING_LIMIT},
};

START_TEST(test_client_C12_caps_of_what_is_decoded)
{
    TEST_NEEDS_ZLIB();
    char *zeros = calloc(1, codings[_i].size);
    const struct rig_line script[] = {
        coded(codings[_i].codings, (struct flare_str){zeros, codings[_i].size},
              codings[_i].keep),
        {NULL, 0, 0}};
    struct rig_call *c;

    ck_assert_ptr_nonnull(zeros);
    ck_assert(
        client_rig_start(&rig, CLIENT_RIG_SIM, script, &codings[_i].config));
    c = client_rig_fetch(&rig, "/");
    ck_assert_msg(c->rc == codings[_i].rc, "%s: %s", codings[_i].name,
                  c->err.text);
    if (c->rc == 0)
        ck_assert_uint_eq(flare_reply_body(c->reply).len, codings[_i].size);
    client_rig_close(&rig);
    free(zeros);
}
END_TEST

/* ---- bounds and pauses ---- */

START_TEST(test_client_a_collected_body_is_bounded)
{
    static const struct rig_line script[] = {
        {OK, 0, 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
         "0\r\n\r\n",
         0, 0},
        {OK, 0, 0},
        {NULL, 0, 0}};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                            .body_bytes_max = 4};

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)),
            FLARE_E_REPLY_BODY);
    ask.body_bytes_max = 5;
    ck_assert_int_eq(
        client_rig_wait(&rig, client_rig_ask(&rig, &ask, &rig_collects)), 0);
    client_rig_close(&rig);
}
END_TEST

static void pause_on_data(struct rig_call *c, char where)
{
    if (where == 'd')
        flare_call_pause(c->call);
}

/* Each piece is paused behind, also those of one receive. */
START_TEST(test_client_a_pause_keeps_every_byte)
{
    const struct rig_line script[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\nX-Sum: 7\r\n\r\n",
         0, 0},
        {NULL, 0, 0}};
    struct flare_ask ask = {.between_bytes_timeout_ms = 100};
    struct rig_call *c;

    EACH_BACKEND(script, NULL);
    ask.url = server_url();
    c = client_rig_ask(&rig, &ask, &rig_streams);
    c->hook = pause_on_data;
    for (int i = 1; i <= 3; i++) {
        RIG_UNTIL(&rig, c->datas == i);
        client_rig_run(&rig, 150);
        ck_assert_int_eq(c->datas, i);
        ck_assert_int_eq(c->done, 0);
        flare_call_resume(c->call);
        ck_assert_int_eq(c->datas, i);
    }
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_mem_eq(c->data, "abcdef", 6);
    ck_assert(flare_str_equal(flare_reply_trailer(c->reply, "X-Sum"),
                              FLARE_STR("7")));
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_a_pause_while_decoding)
{
    TEST_NEEDS_ZLIB();
    char *zeros = calloc(1, 300000);
    const struct rig_line script[] = {
        coded("gzip", (struct flare_str){zeros, 300000}, 0), {NULL, 0, 0}};
    const struct flare_client_config config = {.decoded_ratio_max = 2000};
    struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/")};
    struct rig_call *c;
    int seen = 0;

    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, &config));
    c = client_rig_ask(&rig, &ask, &rig_streams);
    c->hook = pause_on_data;
    while (c->done == 0) {
        RIG_UNTIL(&rig, c->datas > seen || c->done == 1);
        if (c->done == 1)
            break;
        ck_assert_int_eq(c->datas, seen + 1);
        seen++;
        client_rig_run(&rig, 1);
        flare_call_resume(c->call);
        client_rig_run(&rig, 1);
    }
    ck_assert_msg(c->rc == 0, "%d pieces, %zu bytes: %s", seen, c->len,
                  c->err.text);
    ck_assert_int_ge(seen, 300000 / FLARE__CLIENT_SCRATCH);
    ck_assert_uint_eq(c->len, 300000);
    ck_assert_mem_eq(c->data, zeros, 300000);
    client_rig_close(&rig);
    free(zeros);
}
END_TEST

static char large[BIG + 200];

/* Who does not read makes the server wait. */
START_TEST(test_client_a_pause_reaches_the_server)
{
    struct rig_line script[] = {{large, 0, 0}, {NULL, 0, 0}};
    struct flare_ask ask = {.total_timeout_ms = FLARE_UNLIMITED};
    struct rig_call *c;
    int len;

    rig = (struct client_rig){.server = {.queue_max = 8 << 20}};
    big_make();
    len = snprintf(large, 200, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                   BIG);
    memcpy(large + len, big, BIG);
    script[0].len = (size_t)len + BIG;
    ck_assert_int_eq(client_rig_open(&rig, CLIENT_RIG_SIM, NULL, script, NULL),
                     0);
    ask.url = server_url();
    c = client_rig_ask(&rig, &ask, &rig_streams);
    c->hook = pause_on_data;
    RIG_UNTIL(&rig, c->datas == 1);
    client_rig_run(&rig, 1000);
    ck_assert_uint_gt(flare_stream_queued(rig.peers[0].stream), BIG / 2);
    c->hook = NULL;
    flare_call_resume(c->call);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_uint_eq(c->len, BIG);
    ck_assert_mem_eq(c->data, big, BIG);
    client_rig_close(&rig);
    big_free();
}
END_TEST

Suite *client_bodies_suite(void);

Suite *client_bodies_suite(void)
{
    Suite *s = suite_create("client_bodies");
    TCase *each = tcase_create("each backend");
    TCase *world = tcase_create("world");

#define EACH(test) tcase_add_loop_test(each, test, 0, CLIENT_RIG_BACKENDS)
    EACH(test_client_sends_a_large_body_from_memory);
    EACH(test_client_sends_a_file);
    EACH(test_client_a_source_of_unknown_length_is_chunked_and_bounded);
    EACH(test_client_a_source_may_have_nothing_for_a_while);
    EACH(test_client_C11_an_early_refusal_stops_the_body);
    EACH(test_client_a_pause_keeps_every_byte);
#undef EACH
    suite_add_tcase(s, each);

    tcase_add_test(world, test_client_an_empty_body_is_one);
    tcase_add_loop_test(world, test_client_a_source_that_fails_ends_the_call, 0,
                        ROWS(sources));
    tcase_add_test(world, test_client_a_source_keeps_its_length);
    tcase_add_loop_test(
        world, test_client_C05_a_source_is_sent_again_only_if_it_can, 0, 2);
    tcase_add_test(world, test_client_C11_a_body_waits_for_100);
    tcase_add_test(world, test_client_C11_a_100_lets_it_go_at_once);
    tcase_add_test(world, test_client_C12_a_coding_is_undone);
    tcase_add_test(world, test_client_C12_raw_bytes_stay_as_they_are);
    tcase_add_loop_test(world, test_client_C12_caps_of_what_is_decoded, 0,
                        ROWS(codings));
    tcase_add_test(world, test_client_a_collected_body_is_bounded);
    tcase_add_test(world, test_client_a_pause_while_decoding);
    tcase_add_test(world, test_client_a_pause_reaches_the_server);
    suite_add_tcase(s, world);
    return s;
}

int main(void)
{
    return test_run(client_bodies_suite());
}
