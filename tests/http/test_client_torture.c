/* SPDX-License-Identifier: MIT */
/*
 * A client in a hostile world: every allocation and every call of the backend
 * fails in turn, and the network does what it can.  A call has its one end, a
 * body that is said to be whole is right, and nothing is left.
 */
#include "tests/http/client_rig.h"

#include "tests/support/test.h"

#include <flare/encoding.h>

#include <errno.h>
#include <string.h>

static struct client_rig rig;

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED                                                                \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"                    \
    "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n"

static int torture_site(void *ctx, const char *name)
{
    (void)name;
    return fault_site(ctx) ? -ENOBUFS : 0;
}

static int pull_some(flare_call *call, void *ctx)
{
    int *left = ctx;
    int rc;

    if (*left == 0)
        rc = flare_call_finish(call);
    else
        rc = flare_call_write(call, FLARE_STR("some of it"));
    if (rc >= 0)
        (*left)--;
    return rc < 0 ? rc : 0;
}

static int rewind_some(flare_call *call, void *ctx)
{
    (void)call;
    *(int *)ctx = 3;
    return 0;
}

/* One call; what it came to. */
static int torture_call(const struct flare_ask *ask,
                        const struct flare_call_handler *handler)
{
    struct rig_call *c;
    int rc = client_rig_try(&rig, &c, ask, handler);

    if (rc < 0)
        return rc;
    rc = client_rig_wait(&rig, c);
    if (rc == 0 && c->reply != NULL && c->datas == 0) {
        const char *text = flare_reply_text(c->reply);

        /* which one is left to what got through before */
        ck_assert(strcmp(text, "hello") == 0 || strcmp(text, "abcde") == 0);
    }
    return rc;
}

static int torture_calls(void)
{
    int left = 3;
    const struct flare_ask_source source = {pull_some, rewind_some, &left,
                                            FLARE_LENGTH_UNKNOWN};
    static const struct flare_field fields[] = {
        {FLARE_STR("X-A"), FLARE_STR("b")}, {{NULL, 0}, {NULL, 0}}};
    const struct flare_ask asks[] = {
        {.url = FLARE_STR("http://192.0.2.1/a?b"), .headers = fields},
        {.url = FLARE_STR("http://a.test/"), .user = "u", .password = "p"},
        {.url = FLARE_STR("http://a.test/"),
         .method = FLARE_METHOD_POST,
         .source = &source},
        {.url = FLARE_STR("http://192.0.2.1/"),
         .method = FLARE_METHOD_PUT,
         .body = FLARE_STR("data"),
         .query = fields},
    };
    int first = 0;

    for (int i = 0; i < ROWS(asks); i++) {
        int rc = torture_call(&asks[i], i == 1 ? &rig_streams : &rig_collects);

        if (rc < 0 && first == 0)
            first = rc;
    }
    return first;
}

static const struct rig_line script[] = {
    {OK, 0, 0},
    {"HTTP/1.1 302 x\r\nSet-Cookie: a=b\r\nLocation: /c\r\n"
     "Content-Length: 2\r\n\r\nno",
     0, 0},
    {CHUNKED, 0, 0},
    {OK, 0, 0},
    {CHUNKED, RIG_CLOSE, 0},
    {NULL, 0, 0}};

static int scenario_calls(struct fault *f, void *ctx)
{
    const bool *has_sites = ctx;
    const struct flare__sim_config world = {
        .is_calm = true, .fault_site = torture_site, .fault_ctx = f};
    struct flare_client_config config = {.first_byte_timeout_ms = 1000,
                                         .between_bytes_timeout_ms = 1000,
                                         .connections_max = 1};
    struct flare_cookie_jar_config jar_config = {.allocator = &f->al};
    flare_cookie_jar *jar;
    int rc = flare_cookie_jar_new(&jar, &jar_config, NULL);

    if (rc < 0)
        return rc;
    config.jar = jar;
    rig = (struct client_rig){.fault = f};
    rc = client_rig_open(&rig, CLIENT_RIG_SIM, *has_sites ? &world : NULL,
                         script, &config);
    if (rc == 0) {
        rc = torture_calls();
        client_rig_close(&rig);
    }
    flare_cookie_jar_free(jar);
    /* what the server's end could not do, the client sees as it can */
    return rc;
}

START_TEST(test_client_every_allocation_fails_in_turn)
{
    bool has_sites = false;
    struct fault_report report =
        fault_each("client", scenario_calls, &has_sites);

    ck_assert_uint_gt(report.sites, 40);
}
END_TEST

START_TEST(test_client_every_call_of_the_backend_fails_in_turn)
{
    bool has_sites = true;
    struct fault_report report =
        fault_each("client, backend", scenario_calls, &has_sites);

    ck_assert_uint_gt(report.sites, 60);
}
END_TEST

/* No allocation per request on a kept connection: C, "Bench". */
START_TEST(test_client_a_request_on_a_kept_connection_allocates_nothing)
{
    static const struct rig_line many[] = {
        {OK, 0, 0},      {OK, 0, 0}, {OK, 0, 0},  {CHUNKED, 0, 0},
        {CHUNKED, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    struct fault f;
    uint64_t before = 0;

    fault_init(&f, FAULT_NEVER, 0);
    rig = (struct client_rig){.fault = &f};
    ck_assert_int_eq(client_rig_open(&rig, CLIENT_RIG_SIM, NULL, many, NULL),
                     0);
    for (int i = 0; i < 6; i++) {
        struct rig_call *c = client_rig_get(&rig, "/a?b=c");

        (void)client_rig_wait(&rig, c);
        ck_assert_int_eq(c->rc, 0);
        if (i == 3)
            before = f.allocs;
    }
    /* a reply that is kept is one that the next call must make anew: its
     * struct, head, URL and body */
    ck_assert_uint_le(f.allocs - before, 2 * 6);
    client_rig_close(&rig);
    fault_fini(&f, "kept");
}
END_TEST

/* Handlers that keep nothing. */
static int plain_done;

static void plain_on_done(flare_call *call, int rc, flare_reply *reply,
                          const struct flare_error *err, void *ctx)
{
    (void)call;
    (void)err;
    (void)ctx;
    ck_assert_int_eq(rc, 0);
    ck_assert_str_eq(flare_reply_text(reply), "hello");
    plain_done++;
}

START_TEST(test_client_a_request_that_keeps_nothing_allocates_nothing)
{
    static const struct rig_line many[] = {
        {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {OK, 0, 0}, {NULL, 0, 0}};
    static const struct flare_call_handler plain = {.on_done = plain_on_done};
    const struct flare_ask ask = {.url = FLARE_STR("http://192.0.2.1/a")};
    struct fault f;
    uint64_t before = 0;

    plain_done = 0;
    fault_init(&f, FAULT_NEVER, 0);
    rig = (struct client_rig){.fault = &f};
    ck_assert_int_eq(client_rig_open(&rig, CLIENT_RIG_SIM, NULL, many, NULL),
                     0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(
            flare_call_start(rig.client, NULL, &ask, &plain, NULL, NULL), 0);
        RIG_UNTIL(&rig, plain_done == i + 1);
        if (i == 1)
            before = f.allocs;
    }
    ck_assert_uint_eq(f.allocs, before);
    client_rig_close(&rig);
    fault_fini(&f, "plain");
}
END_TEST

/* ---- chance ---- */

START_TEST(test_client_whatever_the_network_does_a_whole_body_is_right)
{
    enum { SEEDS = 300, CALLS = 12 };
    static struct rig_line lines[64];
    static char big[80000];
    int good = 0;

    memset(big, 'x', sizeof(big));
    (void)memcpy(
        big, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\nX: yyyy\r\n\r\n", 51);
    for (int i = 0; i < ROWS(lines) - 1; i++)
        lines[i] = i % 3 == 0   ? (struct rig_line){OK, 0, 0}
                   : i % 3 == 1 ? (struct rig_line){CHUNKED, 0, 0}
                                : (struct rig_line){big, 0, 51 + 70000};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct flare__sim_config world = {.seed = seed};
        const struct flare_client_config config = {
            .connections_per_origin_max = (uint32_t)(seed % 3) + 1,
            .connections_max = (uint32_t)(seed % 4) + 1,
            .connect_timeout_ms = 3000,
            .first_byte_timeout_ms = 3000,
            .between_bytes_timeout_ms = 3000,
            .total_timeout_ms = 20000};
        struct rig_call *c[CALLS];

        rig = (struct client_rig){.loop = NULL};
        ck_assert_int_eq(
            client_rig_open(&rig, CLIENT_RIG_SIM, &world, lines, &config), 0);
        for (int i = 0; i < CALLS; i++) {
            const struct flare_ask ask = {
                .url = i % 4 == 0 ? FLARE_STR("http://192.0.2.2/")
                                  : FLARE_STR("http://192.0.2.1/"),
                .method = i % 5 == 0 ? FLARE_METHOD_PUT : FLARE_METHOD_GET,
                .body = {big, i % 5 == 0 ? 20000 : 0}};

            c[i] = client_rig_ask(&rig, &ask, &rig_collects);
            if (i % 3 == 2)
                client_rig_run(&rig, seed % 7);
        }
        for (int i = 0; i < CALLS; i++) {
            struct flare_str body;

            (void)client_rig_wait(&rig, c[i]);
            flare__pool_check(&rig.client->pool);
            if (c[i]->rc != 0)
                continue;
            good++;
            body = flare_reply_body(c[i]->reply);
            if (body.len == 5)
                ck_assert(memcmp(body.ptr, "hello", 5) == 0 ||
                          memcmp(body.ptr, "abcde", 5) == 0);
            else
                ck_assert(body.len == 70000 && body.ptr[0] == 'x' &&
                          memcmp(body.ptr, body.ptr + 1, 69999) == 0);
        }
        client_rig_close(&rig);
    }
    printf("client: %d of %d calls were answered\n", good, SEEDS * CALLS);
    ck_assert_int_gt(good, SEEDS * CALLS / 3);
}
END_TEST

Suite *client_torture_suite(void);

Suite *client_torture_suite(void)
{
    Suite *s = suite_create("client_torture");
    TCase *t = tcase_create("torture");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_client_every_allocation_fails_in_turn);
    tcase_add_test(t, test_client_every_call_of_the_backend_fails_in_turn);
    tcase_add_test(
        t, test_client_a_request_on_a_kept_connection_allocates_nothing);
    tcase_add_test(t,
                   test_client_a_request_that_keeps_nothing_allocates_nothing);
    tcase_add_test(t,
                   test_client_whatever_the_network_does_a_whole_body_is_right);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return test_run(client_torture_suite());
}
