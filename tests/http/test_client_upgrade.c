/* SPDX-License-Identifier: MIT */
/*
 * A call that asks to go on with another protocol: a 101 gives its connection
 * away, with what came behind it once; anything else is an answer, or an error.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

static struct client_rig rig;

#define YES                                                                    \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"               \
    "Connection: Upgrade\r\nX-A: b\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

#define EACH_BACKEND(script)                                                   \
    if (!client_rig_start(&rig, _i, script, NULL))                             \
    return

/* The stream that was given away, and what it told. */
static struct {
    flare_stream *stream;
    int upgrades;
    char got[1 << 16];
    size_t len;
    size_t early;
    bool has_ended;
    bool is_closed;
    int rc;
    bool is_left;    /* on_upgrade does not take it */
    bool is_ended;   /* on_upgrade cancels the call */
    bool is_aborted; /* on_upgrade aborts the stream */
} taken;

static void taken_add(struct flare_str data)
{
    ck_assert_uint_lt(taken.len + data.len, sizeof(taken.got));
    if (data.len > 0)
        memcpy(taken.got + taken.len, data.ptr, data.len);
    taken.len += data.len;
    taken.got[taken.len] = '\0';
}

static void taken_on_data(flare_stream *s, struct flare_str data, void *ctx)
{
    ck_assert_ptr_eq(s, taken.stream);
    ck_assert_ptr_eq(ctx, &taken);
    taken_add(data);
}

static void taken_on_end(flare_stream *s, void *ctx)
{
    (void)s, (void)ctx;
    taken.has_ended = true;
}

static void taken_on_closed(flare_stream *s, int rc,
                            const struct flare_error *err, void *ctx)
{
    (void)s, (void)err, (void)ctx;
    ck_assert(!taken.is_closed);
    taken.is_closed = true;
    taken.rc = rc;
}

static const struct flare_stream_handler taken_handler = {
    .on_data = taken_on_data,
    .on_end = taken_on_end,
    .on_closed = taken_on_closed,
};

static void on_upgrade(flare_call *call, const flare_reply *reply,
                       flare_stream *stream, struct flare_str early, void *ctx)
{
    const struct rig_call *c = ctx;

    ck_assert_int_eq(c->done, 0);
    ck_assert_int_eq(c->heads, 0);
    ck_assert_int_eq(flare_reply_status(reply), 101);
    ck_assert(
        flare_str_equal(flare_reply_header(reply, "X-A"), FLARE_STR("b")));
    taken.upgrades++;
    taken_add(early);
    taken.early = early.len;
    if (taken.is_ended)
        flare_call_cancel(call);
    if (taken.is_left)
        return;
    taken.stream = stream;
    flare_stream_handle(stream, &taken_handler, &taken);
    if (taken.is_aborted)
        flare_stream_abort(stream);
}

static struct flare_call_handler handler;

static void reset_taken(void)
{
    memset(&taken, 0, sizeof(taken));
    handler = rig_collects;
    handler.on_upgrade = on_upgrade;
}

static struct rig_call *ask_upgrade(void)
{
    char url[128];
    const struct flare_ask ask = {.url = {url, 0},
                                  .upgrade = FLARE_STR("h9, websocket")};
    struct flare_ask whole = ask;

    (void)snprintf(url, sizeof(url), "%s/", rig.address);
    whole.url = flare_str(url);
    return client_rig_ask(&rig, &whole, &handler);
}

/* ---- the connection ---- */

START_TEST(test_client_upgrade_gives_the_connection_away)
{
    static const struct rig_line script[] = {{YES "early", 0, 0}, {NULL, 0, 0}};
    struct flare_client_stats stats;
    struct rig_call *c;

    reset_taken();
    EACH_BACKEND(script);
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(taken.upgrades, 1);
    ck_assert_int_eq(flare_reply_status(c->reply), 101);
    ck_assert(client_rig_has(&rig, 0, "\r\nUpgrade: h9, websocket\r\n"));
    ck_assert(client_rig_has(&rig, 0, "\r\nConnection: Upgrade\r\n"));
    RIG_UNTIL(&rig, taken.len == 5);
    flare_client_stats(rig.client, &stats);
    ck_assert_uint_eq(stats.open, 0);
    client_rig_say(&rig, 0, ", and late");
    RIG_UNTIL(&rig, taken.len == 15);
    ck_assert_str_eq(taken.got, "early, and late");
    ck_assert_int_eq(flare_stream_write(taken.stream, FLARE_STR("ping")), 0);
    RIG_UNTIL(&rig, rig.peers[0].len == 4);
    ck_assert_int_eq(memcmp(rig.peers[0].in, "ping", 4), 0);
    client_rig_shut(&rig, 0);
    RIG_UNTIL(&rig, taken.has_ended);
    flare_stream_close(taken.stream);
    RIG_UNTIL(&rig, taken.is_closed);
    ck_assert_int_eq(taken.rc, 0);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_does_not_depend_on_the_cut)
{
    static const struct rig_line script[] = {{YES "early", RIG_SLOW, 0},
                                             {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    RIG_UNTIL(&rig, taken.len == 5);
    ck_assert_str_eq(taken.got, "early");
    flare_stream_close(taken.stream);
    RIG_UNTIL(&rig, taken.is_closed);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_outlives_the_client)
{
    static const struct rig_line script[] = {{YES, 0, 0}, {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    client_rig_config(&rig, NULL); /* frees the one there */
    client_rig_say(&rig, 0, "still");
    RIG_UNTIL(&rig, taken.len == 5);
    flare_stream_close(taken.stream);
    RIG_UNTIL(&rig, taken.is_closed);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_that_nobody_takes_is_closed)
{
    static const struct rig_line script[] = {{YES "x", 0, 0}, {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    taken.is_left = true;
    EACH_BACKEND(script);
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    RIG_UNTIL(&rig, client_rig_open_peers(&rig) == 0);
    ck_assert(rig.peers[0].is_ended);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_may_cancel_and_abort_inside)
{
    static const struct rig_line script[] = {{YES "x", 0, 0}, {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    taken.is_ended = true;
    taken.is_aborted = true;
    EACH_BACKEND(script);
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), -ECANCELED);
    RIG_UNTIL(&rig, taken.is_closed);
    ck_assert_int_eq(taken.rc, -ECONNABORTED);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_waits_while_the_call_is_paused)
{
    static const struct rig_line script[] = {{YES "early", 0, 0}, {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = ask_upgrade();
    flare_call_pause(c->call);
    client_rig_run(&rig, 100);
    ck_assert_int_eq(taken.upgrades, 0);
    flare_call_resume(c->call);
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    RIG_UNTIL(&rig, taken.len == 5);
    ck_assert_str_eq(taken.got, "early");
    flare_stream_close(taken.stream);
    RIG_UNTIL(&rig, taken.is_closed);
    client_rig_close(&rig);
}
END_TEST

/* ---- other answers ---- */

START_TEST(test_client_upgrade_refused_is_an_answer_like_all)
{
    static const struct rig_line script[] = {
        {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 0, 0},
        {OK, 0, 0},
        {YES, 0, 0},
        {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    EACH_BACKEND(script);
    c = ask_upgrade();
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(flare_reply_status(c->reply), 403);
    ck_assert_str_eq(flare_reply_text(c->reply), "no");
    c = client_rig_fetch(&rig, "/");
    ck_assert_str_eq(flare_reply_text(c->reply), "hello");
    c = ask_upgrade(); /* on a connection that was kept */
    ck_assert_int_eq(client_rig_wait(&rig, c), 0);
    ck_assert_int_eq(taken.upgrades, 1);
    ck_assert_int_eq(rig.peer_count, 1);
    flare_stream_close(taken.stream);
    RIG_UNTIL(&rig, taken.is_closed);
    client_rig_close(&rig);
}
END_TEST

static const struct {
    const char *name;
    const char *answer;
    bool is_asked;
} wrong_rows[] = {
    {"another protocol",
     "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", true},
    {"two protocols",
     "HTTP/1.1 101 x\r\nUpgrade: h9, websocket\r\nConnection: Upgrade\r\n\r\n",
     true},
    {"no Upgrade", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n", true},
    {"HTTP/1.0", "HTTP/1.0 101 x\r\nUpgrade: websocket\r\n\r\n", true},
    {"not asked for", YES, false},
};

START_TEST(test_client_upgrade_a_wrong_101_is_an_error)
{
    const struct rig_line script[] = {{wrong_rows[_i].answer, 0, 0},
                                      {NULL, 0, 0}};
    struct rig_call *c;

    reset_taken();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    c = wrong_rows[_i].is_asked ? ask_upgrade() : client_rig_get(&rig, "/");
    ck_assert_msg(client_rig_wait(&rig, c) == FLARE_E_REPLY_UPGRADE, "%s: %s",
                  wrong_rows[_i].name, c->err.text);
    ck_assert_int_eq(taken.upgrades, 0);
    client_rig_close(&rig);
}
END_TEST

START_TEST(test_client_upgrade_is_asked_for_with_what_it_needs)
{
    static const struct rig_line script[] = {{NULL, 0, 0}};
    const struct flare_ask asks[] = {
        {.url = FLARE_STR("http://a.test/"), .upgrade = FLARE_STR("a")},
        {.url = FLARE_STR("http://a.test/"),
         .upgrade = FLARE_STR("a"),
         .has_body = true},
        {.url = FLARE_STR("http://a.test/"), .upgrade = FLARE_STR("a\r\nX: b")},
    };
    const int rcs[] = {FLARE_E_RANGE, FLARE_E_RANGE, FLARE_E_BAD_HEADER};
    flare_client *blocking;
    flare_reply *reply;
    struct rig_call *c;

    reset_taken();
    ck_assert(client_rig_start(&rig, CLIENT_RIG_SIM, script, NULL));
    for (int i = 0; i < ROWS(asks); i++)
        ck_assert_int_eq(client_rig_try(&rig, &c, &asks[i],
                                        i == 0 ? &rig_collects : &handler),
                         rcs[i]);
    client_rig_close(&rig);
    ck_assert_int_eq(flare_client_new(&blocking, NULL, NULL, NULL), 0);
    handler.on_done = NULL;
    ck_assert_int_eq(
        flare_client_stream(blocking, &asks[0], &handler, NULL, &reply, NULL),
        FLARE_E_RANGE);
    flare_client_free(blocking);
}
END_TEST

/* ---- torture ---- */

static int scenario_upgrade(struct fault *f, void *ctx)
{
    static const struct rig_line script[] = {{YES "early", RIG_SLOW, 0},
                                             {NULL, 0, 0}};
    const struct flare_client_config config = {.first_byte_timeout_ms = 1000};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/"),
                                  .upgrade = FLARE_STR("websocket")};
    struct rig_call *c;
    int rc;

    (void)ctx;
    reset_taken();
    rig = (struct client_rig){.fault = f};
    rc = client_rig_open(&rig, CLIENT_RIG_SIM, NULL, script, &config);
    if (rc < 0)
        return rc;
    rc = client_rig_try(&rig, &c, &ask, &handler);
    if (rc == 0)
        rc = client_rig_wait(&rig, c);
    ck_assert_int_eq(taken.upgrades, rc == 0);
    if (taken.stream != NULL) {
        client_rig_run(&rig, 300);
        if (!taken.is_closed)
            flare_stream_close(taken.stream);
        RIG_UNTIL(&rig, taken.is_closed);
    }
    client_rig_close(&rig);
    return rc;
}

START_TEST(test_client_upgrade_every_allocation_fails_in_turn)
{
    struct fault_report report =
        fault_each("client upgrade", scenario_upgrade, NULL);

    ck_assert_uint_gt(report.sites, 10);
}
END_TEST

Suite *client_upgrade_suite(void);

Suite *client_upgrade_suite(void)
{
    Suite *s = suite_create("client_upgrade");
    TCase *t = tcase_create("upgrade");

    tcase_add_loop_test(t, test_client_upgrade_gives_the_connection_away, 0,
                        CLIENT_RIG_BACKENDS);
    tcase_add_test(t, test_client_upgrade_does_not_depend_on_the_cut);
    tcase_add_test(t, test_client_upgrade_outlives_the_client);
    tcase_add_loop_test(t, test_client_upgrade_that_nobody_takes_is_closed, 0,
                        CLIENT_RIG_BACKENDS);
    tcase_add_loop_test(t, test_client_upgrade_may_cancel_and_abort_inside, 0,
                        CLIENT_RIG_BACKENDS);
    tcase_add_test(t, test_client_upgrade_waits_while_the_call_is_paused);
    tcase_add_loop_test(t, test_client_upgrade_refused_is_an_answer_like_all, 0,
                        CLIENT_RIG_BACKENDS);
    tcase_add_loop_test(t, test_client_upgrade_a_wrong_101_is_an_error, 0,
                        ROWS(wrong_rows));
    tcase_add_test(t, test_client_upgrade_is_asked_for_with_what_it_needs);
    tcase_add_test(t, test_client_upgrade_every_allocation_fails_in_turn);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_upgrade_suite());
}
