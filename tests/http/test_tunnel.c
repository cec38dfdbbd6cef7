/* SPDX-License-Identifier: MIT */
/*
 * A request whose connection becomes a tunnel to an origin on the same loop:
 * bytes both ways once and in order, ends, silence, who reads slowly.
 */
#include <flare/tunnel.h>

#include "tests/http/conn_rig.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

enum { ORIGIN_PORT = 81, ORIGIN_BYTES = 1 << 20 };

#define ASK                                                                    \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h9, WebSocket\r\n"                  \
    "Connection: Upgrade\r\n\r\n"

static struct {
    struct rig *rig;
    flare_listener *listener;
    flare_stream *origin; /* NULL: not there, or gone */
    char *got;            /* what came to it */
    size_t len;
    bool has_ended;
    int closed;
    int rc;
    /* of the request */
    flare_req *req; /* NULL: gone */
    flare_res *res;
    const char *protocol;
    const char *early;
    struct flare_tunnel_options options;
    int tunnel_rc; /* 1: was not called */
    bool drains;   /* just before */
} world;

/* ---- the origin ---- */

static void origin_on_open(flare_stream *s, void *ctx)
{
    (void)ctx;
    world.origin = s;
}

static void origin_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s, (void)ctx;
    ck_assert_uint_le(world.len + data.len, ORIGIN_BYTES);
    memcpy(world.got + world.len, data.ptr, data.len);
    world.len += data.len;
    world.got[world.len] = '\0';
}

static void origin_on_end(flare_stream *s, void *ctx)
{
    (void)s, (void)ctx;
    world.has_ended = true;
}

static void origin_on_closed(flare_stream *s, int rc,
                             const struct flare_error *err, void *ctx)
{
    (void)s, (void)err, (void)ctx;
    world.origin = NULL;
    world.closed++;
    world.rc = rc;
}

static const struct flare_stream_handler origin_handler = {
    .on_open = origin_on_open,
    .on_data = origin_on_data,
    .on_end = origin_on_end,
    .on_closed = origin_on_closed,
};

/* ---- the handler ---- */

static void link_on_open(flare_stream *s, void *ctx)
{
    struct flare_str early = flare_str(world.early);

    (void)ctx;
    if (world.req == NULL) {
        flare_stream_abort(s);
        return;
    }
    if (world.drains)
        flare__http_drain(&world.rig->http);
    world.tunnel_rc =
        flare_res_tunnel(world.req, world.res, flare_str(world.protocol), s,
                         early, &world.options);
    if (world.tunnel_rc == 0)
        return;
    flare_stream_abort(s);
    (void)!flare_res_text(world.res, 502, "no\n");
}

static void link_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    (void)s, (void)data, (void)ctx;
}

static void link_on_closed(flare_stream *s, int rc,
                           const struct flare_error *err, void *ctx)
{
    (void)s, (void)err, (void)ctx;
    if (rc < 0 && world.req != NULL && world.tunnel_rc == 1)
        (void)!flare_res_text(world.res, 502, "no\n");
}

static const struct flare_stream_handler link_handler = {
    .on_open = link_on_open,
    .on_data = link_on_data,
    .on_closed = link_on_closed,
};

static void on_gone(flare_req *req, flare_res *res,
                    const struct flare_outcome *outcome, void *ctx)
{
    (void)req, (void)res, (void)outcome, (void)ctx;
    world.req = NULL;
}

static int on_request(flare_req *req, flare_res *res)
{
    const struct flare_tcp_options options = {.handler = &link_handler};
    flare_stream *s;
    int rc = flare_res_on_done(res, on_gone, NULL);

    if (rc == 0)
        rc = flare_tcp_connect(world.rig->loop, &s, FLARE_STR("192.0.2.1"),
                               ORIGIN_PORT, &options, NULL);
    if (rc < 0)
        return FLARE_E_OVERLOADED;
    world.req = req;
    world.res = res;
    return FLARE_LATER;
}

/* ---- the world ---- */

static void world_open(void)
{
    const struct flare_server_config config = {.handler.fn = on_request,
                                               .body_bytes_max = 1000};
    const struct flare_tcp_options options = {.handler = &origin_handler,
                                              .queue_max = ORIGIN_BYTES * 8};

    memset(&world, 0, sizeof(world));
    world.got = malloc(ORIGIN_BYTES + 1);
    ck_assert_ptr_nonnull(world.got);
    world.got[0] = '\0';
    world.protocol = "websocket";
    world.early = "";
    world.tunnel_rc = 1;
    world.rig = rig_new(&config);
    ck_assert_int_eq(
        flare_tcp_listen_fd(world.rig->loop, &world.listener,
                            flare__sim_listen(world.rig->world, ORIGIN_PORT, 8),
                            &options, NULL),
        0);
}

static void world_close(void)
{
    fault_disarm(&world.rig->fault);
    flare_listener_close(world.listener);
    if (world.origin != NULL)
        flare_stream_abort(world.origin);
    rig_run(world.rig, 10);
    rig_free(world.rig);
    free(world.got);
}

/* A tunnel with peer 0. */
static void world_join(const char *behind)
{
    rig_connect(world.rig, 0);
    rig_text(world.rig, 0, ASK);
    rig_text(world.rig, 0, behind);
    rig_run(world.rig, 20);
    ck_assert_int_eq(world.tunnel_rc, 0);
    ck_assert_ptr_nonnull(world.origin);
}

static const char *peer_got(void)
{
    const char *end = strstr(world.rig->peers[0].got, "\r\n\r\n");

    return end == NULL ? "(no head)" : end + 4;
}

static void origin_say(const char *text)
{
    ck_assert_int_eq(flare_stream_write(world.origin, flare_str(text)), 0);
}

/* ---- bytes ---- */

START_TEST(test_tunnel_relays_both_ways_from_the_first_byte)
{
    world_open();
    world.early = "early, ";
    world_join("behind the request, ");
    ck_assert_ptr_nonnull(strstr(world.rig->peers[0].got,
                                 "HTTP/1.1 101 Switching Protocols\r\n"));
    ck_assert_ptr_nonnull(
        strstr(world.rig->peers[0].got,
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    origin_say("late");
    rig_text(world.rig, 0, "and later");
    rig_run(world.rig, 20);
    ck_assert_str_eq(peer_got(), "early, late");
    ck_assert_str_eq(world.got, "behind the request, and later");
    world_close();
}
END_TEST

START_TEST(test_tunnel_does_not_depend_on_how_the_request_is_cut)
{
    static const char wire[] = ASK "GET /x HTTP/1.1\r\n\r\n";
    size_t cut = (size_t)_i;

    world_open();
    rig_connect(world.rig, 0);
    rig_send(world.rig, 0, wire, cut);
    rig_run(world.rig, 20);
    rig_send(world.rig, 0, wire + cut, sizeof(wire) - 1 - cut);
    rig_run(world.rig, 20);
    ck_assert_int_eq(world.tunnel_rc, 0);
    ck_assert_msg(strcmp(world.got, "GET /x HTTP/1.1\r\n\r\n") == 0,
                  "cut at %zu: %s", cut, world.got);
    ck_assert_int_eq(rig_count(world.rig, 0, "HTTP/1.1 "), 1);
    world_close();
}
END_TEST

/* ---- ends ---- */

START_TEST(test_tunnel_passes_the_peers_end_on_and_goes_on_the_other_way)
{
    world_open();
    world_join("last words");
    flare__sim_peer_shutdown(&world.rig->peers[0].peer);
    rig_run(world.rig, 20);
    ck_assert(world.has_ended);
    ck_assert_str_eq(world.got, "last words");
    origin_say("and an ");
    rig_run(world.rig, 20);
    origin_say("answer");
    flare_stream_close(world.origin);
    rig_run(world.rig, 20);
    ck_assert_str_eq(peer_got(), "and an answer");
    ck_assert(world.rig->peers[0].has_fin);
    ck_assert(!world.rig->peers[0].has_rst);
    ck_assert_int_eq(world.closed, 1);
    ck_assert_int_eq(world.rc, 0);
    world_close();
}
END_TEST

START_TEST(test_tunnel_ends_with_the_origin_once_all_is_sent)
{
    world_open();
    world_join("");
    origin_say("the last");
    flare_stream_close(world.origin);
    rig_run(world.rig, 20);
    ck_assert_str_eq(peer_got(), "the last");
    ck_assert(world.rig->peers[0].has_fin);
    ck_assert(!world.rig->peers[0].has_rst);
    world_close();
}
END_TEST

START_TEST(test_tunnel_breaks_when_either_end_does)
{
    bool is_origin = _i == 0;

    world_open();
    world_join("");
    if (is_origin)
        flare_stream_abort(world.origin);
    else
        flare__sim_peer_close(&world.rig->peers[0].peer, /* is_abort = */ true);
    rig_run(world.rig, 20);
    ck_assert_int_eq(world.closed, 1);
    if (is_origin)
        ck_assert(world.rig->peers[0].has_rst);
    else
        ck_assert_int_eq(world.rc, -ECONNRESET);
    world.rig->peers[0].has_rst = true; /* it is closed already */
    world_close();
}
END_TEST

START_TEST(test_tunnel_breaks_after_a_long_silence)
{
    world_open();
    world.options.idle_timeout_ms = 1000;
    world_join("");
    for (int i = 0; i < 4; i++) { /* either way keeps it */
        rig_run(world.rig, 700);
        if (i % 2 == 0)
            origin_say("x");
        else
            rig_text(world.rig, 0, "x");
    }
    rig_run(world.rig, 900);
    ck_assert_int_eq(world.closed, 0);
    rig_run(world.rig, 300);
    ck_assert_int_eq(world.closed, 1);
    ck_assert_int_eq(world.rc, -ECONNRESET);
    ck_assert(world.rig->peers[0].has_rst);
    world_close();
}
END_TEST

START_TEST(test_tunnel_outlives_a_drain_until_that_is_over)
{
    world_open();
    world_join("");
    flare__http_drain(&world.rig->http);
    rig_run(world.rig, 20);
    origin_say("still");
    rig_run(world.rig, 20);
    ck_assert_str_eq(peer_got(), "still");
    flare__http_abort(&world.rig->http);
    rig_run(world.rig, 20);
    ck_assert_int_eq(world.closed, 1);
    world_close();
}
END_TEST

/* ---- who reads slowly ---- */

START_TEST(test_tunnel_makes_the_origin_wait_for_a_deaf_peer)
{
    enum { PIECES = 64, PIECE = 64 * 1024, QUEUE_MAX = 320 * 1024 };
    static char piece[PIECE];
    struct flare__conn *conn;
    uint32_t cursor = 0;
    size_t left;

    world_open();
    world_join("");
    world.rig->peers[0].is_deaf = true;
    for (int i = 0; i < PIECES; i++)
        ck_assert_int_ge(
            flare_stream_write(world.origin, (struct flare_str){piece, PIECE}),
            0);
    rig_run(world.rig, 500);
    conn = flare__slab_next(&world.rig->http.conns, &cursor);
    ck_assert_uint_gt(conn->out.bytes, QUEUE_MAX / 2);
    ck_assert_uint_lt(conn->out.bytes, QUEUE_MAX);
    left = flare_stream_queued(world.origin);
    ck_assert_uint_gt(left, PIECES * PIECE / 2);
    rig_run(world.rig, 500);
    ck_assert_uint_eq(flare_stream_queued(world.origin), left);
    world_close();
}
END_TEST

START_TEST(test_tunnel_makes_the_peer_wait_for_a_deaf_origin)
{
    enum { PIECES = 48, PIECE = 16 * 1024 };
    static char piece[PIECE];
    size_t sent = 0;
    size_t before;

    memset(piece, 'p', sizeof(piece));
    world_open();
    world_join("");
    flare_stream_pause(world.origin);
    for (int idle = 0; idle < 50 && sent < ORIGIN_BYTES * 3 / 4; idle++) {
        before = sent;
        sent += flare__sim_peer_send(&world.rig->peers[0].peer, piece,
                                     sizeof(piece));
        rig_run(world.rig, 1);
        if (sent != before)
            idle = 0;
    }
    ck_assert_uint_eq(world.len, 0);
    flare_stream_resume(world.origin);
    rig_run(world.rig, 1000);
    ck_assert_uint_eq(world.len, sent);
    rig_text(world.rig, 0, "end");
    rig_run(world.rig, 100);
    ck_assert_uint_eq(world.len, sent + 3);
    world_close();
}
END_TEST

/* ---- what cannot be a tunnel ---- */

static const struct {
    const char *name;
    const char *wire;
    const char *protocol;
    uint32_t idle_ms;
    int rc;
} refused_rows[] = {
    {"no Upgrade", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "websocket", 0,
     FLARE_E_BAD_INPUT},
    {"not in Connection",
     "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "websocket", 0,
     FLARE_E_BAD_INPUT},
    {"HTTP/1.0",
     "GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     "websocket", 0, FLARE_E_BAD_INPUT},
    {"another protocol", ASK, "h2c", 0, FLARE_E_BAD_INPUT},
    {"no protocol", ASK, "", 0, FLARE_E_BAD_INPUT},
    {"a line in the protocol", ASK, "h9\r\nX: y", 0, FLARE_E_BAD_INPUT},
    {"a body",
     "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\nContent-Length: 1\r\n\r\nx",
     "websocket", 0, FLARE_E_NO_BODY},
    {"a silence out of range", ASK, "websocket", 86400001, FLARE_E_RANGE},
};

START_TEST(test_tunnel_is_for_who_asks_for_it)
{
    world_open();
    world.protocol = refused_rows[_i].protocol;
    world.options.idle_timeout_ms = refused_rows[_i].idle_ms;
    rig_connect(world.rig, 0);
    rig_text(world.rig, 0, refused_rows[_i].wire);
    rig_run(world.rig, 20);
    ck_assert_msg(world.tunnel_rc == refused_rows[_i].rc, "%s: %s",
                  refused_rows[_i].name, flare_strerror(world.tunnel_rc));
    ck_assert_str_eq(rig_statuses(world.rig, 0), "502");
    world_close();
}
END_TEST

START_TEST(test_tunnel_does_not_begin_in_a_drain)
{
    world_open();
    rig_connect(world.rig, 0);
    world.drains = true;
    rig_text(world.rig, 0, ASK);
    rig_run(world.rig, 20);
    ck_assert_int_eq(world.tunnel_rc, FLARE_E_OVERLOADED);
    ck_assert_str_eq(rig_statuses(world.rig, 0), "502");
    world_close();
}
END_TEST

/* ---- torture ---- */

/* Once from site `n` on; false: nothing failed. */
static bool torture_once(uint64_t n)
{
    struct rig *r;
    bool has_failed;

    world_open();
    r = world.rig;
    world.early = "early, ";
    rig_connect(r, 0);
    r->fault.mode = FAULT_ONCE;
    r->fault.at = r->fault.sites + n;
    rig_text(r, 0, ASK "behind");
    rig_run(r, 50);
    if (world.origin != NULL)
        (void)!flare_stream_write(world.origin, FLARE_STR("late"));
    rig_run(r, 50);
    has_failed = r->fault.failed > 0;
    fault_disarm(&r->fault);
    if (!has_failed) {
        ck_assert_str_eq(peer_got(), "early, late");
        ck_assert_str_eq(world.got, "behind");
    }
    if (world.tunnel_rc < 0 && !r->peers[0].has_rst)
        ck_assert_str_eq(rig_statuses(r, 0), "502");
    world_close();
    return has_failed;
}

START_TEST(test_tunnel_every_allocation_fails_in_turn)
{
    uint64_t n = 1;

    while (torture_once(n))
        n++;
    ck_assert_uint_gt(n, 5);
    printf("tunnel: %u sites failed\n", (unsigned)n - 1);
}
END_TEST

Suite *tunnel_suite(void);

Suite *tunnel_suite(void)
{
    Suite *s = suite_create("tunnel");
    TCase *t = tcase_create("tunnel");

    tcase_add_test(t, test_tunnel_relays_both_ways_from_the_first_byte);
    tcase_add_loop_test(t,
                        test_tunnel_does_not_depend_on_how_the_request_is_cut,
                        1, (int)sizeof(ASK) + 10);
    tcase_add_test(
        t, test_tunnel_passes_the_peers_end_on_and_goes_on_the_other_way);
    tcase_add_test(t, test_tunnel_ends_with_the_origin_once_all_is_sent);
    tcase_add_loop_test(t, test_tunnel_breaks_when_either_end_does, 0, 2);
    tcase_add_test(t, test_tunnel_breaks_after_a_long_silence);
    tcase_add_test(t, test_tunnel_outlives_a_drain_until_that_is_over);
    tcase_add_test(t, test_tunnel_makes_the_origin_wait_for_a_deaf_peer);
    tcase_add_test(t, test_tunnel_makes_the_peer_wait_for_a_deaf_origin);
    tcase_add_loop_test(t, test_tunnel_is_for_who_asks_for_it, 0,
                        ROWS(refused_rows));
    tcase_add_test(t, test_tunnel_does_not_begin_in_a_drain);
    tcase_add_test(t, test_tunnel_every_allocation_fails_in_turn);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(tunnel_suite());
}
