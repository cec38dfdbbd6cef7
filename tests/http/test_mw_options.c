/* SPDX-License-Identifier: MIT */
/* What is wrong with a middleware's options is said in a sentence. */
#include <flare/flare.h>

#include "tests/support/fault.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct flare_middleware mw;
static struct flare_error err;

static void check(const char *sentence, int rc)
{
    ck_assert_msg(rc == FLARE_E_BAD_CONFIG, "%s: %d", sentence, rc);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strcmp(err.text, sentence) == 0, "%s: %s", sentence,
                  err.text);
}

static const struct {
    const char *sentence;
    struct flare_cors o;
} cors_rows[] = {
    {"cors: neither origins nor allows is given", {.methods = {"GET"}}},
    {"cors: origins: 'http://a/' is not an origin as browsers send it",
     {.origins = {"http://a/"}}},
    {"cors: origins: 'a.example' is not an origin as browsers send it",
     {.origins = {"a.example"}}},
    {"cors: origins: 'http://A' is not an origin as browsers send it",
     {.origins = {"http://A"}}},
    {"cors: origins: '*' must stand alone", {.origins = {"*", "http://a"}}},
    {"cors: methods: 'GE T' is not a token",
     {.origins = {"*"}, .methods = {"GE T"}}},
    {"cors: headers: 'a\r' is not a token",
     {.origins = {"*"}, .headers = {"a\r"}}},
    {"cors: headers: '*' must stand alone",
     {.origins = {"*"}, .headers = {"*", "a"}}},
    {"cors: credentials and '*' exclude each other",
     {.origins = {"*"}, .credentials = true}},
    {"cors: credentials and '*' exclude each other",
     {.origins = {"http://a"}, .headers = {"*"}, .credentials = true}},
    {"cors: max_age_s must be at most 86400",
     {.origins = {"*"}, .max_age_s = 86401}},
    {"cors: expose has more than 16 elements",
     {.origins = {"*"},
      .expose = {"a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a",
                 "a", "a", "a", "a", "a"}}},
};

START_TEST(test_mw_options_of_cors)
{
    char text[252];

    /* an error's text is one sentence: as it was given */
    (void)snprintf(text, sizeof(text), "%s", cors_rows[_i].sentence);
    check(text, flare_cors_init(&mw, &cors_rows[_i].o, &err));
    ck_assert_int_eq(flare_cors_init(&mw, &cors_rows[_i].o, NULL),
                     FLARE_E_BAD_CONFIG);
}
END_TEST

static int verify_any(flare_req *req, struct flare_str name,
                      struct flare_str password, void *ctx)
{
    (void)req;
    (void)name;
    (void)password;
    (void)ctx;
    return 0;
}

START_TEST(test_mw_options_of_authentication)
{
    static const struct flare_basic_user colon[] = {{"a:b", "x"}};
    struct flare_basic_auth b = {.users = colon, .user_count = 1};
    struct flare_bearer_auth t = {.realm = "r"};

    check("basic auth: realm is required",
          flare_basic_auth_init(&mw, &b, &err));
    b.realm = "r";
    check("basic auth: user 0 has no password, or a ':' in the name",
          flare_basic_auth_init(&mw, &b, &err));
    b.verify = verify_any;
    check("basic auth: either users or verify is required",
          flare_basic_auth_init(&mw, &b, &err));
    b.users = NULL;
    b.realm = "a\"b";
    check("basic auth: realm has a character that is not allowed",
          flare_basic_auth_init(&mw, &b, &err));
    b.realm = "";
    check("basic auth: realm must have 1 to 128 characters",
          flare_basic_auth_init(&mw, &b, &err));
    check("bearer auth: verify is required",
          flare_bearer_auth_init(&mw, &t, &err));
}
END_TEST

START_TEST(test_mw_options_of_the_others)
{
    struct flare_request_id id = {.field = "X Id"};
    struct flare_access_log log = {.format = FLARE_LOG_JSON};
    struct flare_timeout time = {.ms = 0};
    struct flare_metrics metrics = {.prefix = "1"};

    check("request id: field is not a token",
          flare_request_id_init(&mw, &id, &err));
    check("access log: write is required",
          flare_access_log_init(&mw, &log, &err));
    log.write = flare_log_file_write;
    log.format = (enum flare_log_format)3;
    check("access log: format is none", flare_access_log_init(&mw, &log, &err));
    check("timeout: ms must be from 1 to 86400000",
          flare_timeout_init(&mw, &time, &err));
    time = (struct flare_timeout){.ms = 1, .status = 404};
    check("timeout: status must be 408 or from 500 to 599",
          flare_timeout_init(&mw, &time, &err));
    check("metrics: prefix must be 1 to 32 of a-z and _",
          flare_metrics_init(&mw, &metrics, NULL, &err));
}
END_TEST

START_TEST(test_mw_options_of_compress)
{
    struct flare_compress zip = {.level = 10};

    TEST_NEEDS_ZLIB();
    check("compress: level must be from 1 to 9",
          flare_compress_init(&mw, &zip, &err));
}
END_TEST

static const struct {
    const char *sentence;
    struct flare_rate_limit o;
} rate_rows[] = {
    {"rate limit: requests is required", {.burst = 1}},
    {"rate limit: per_s must be from 1 to 86400",
     {.requests = 1, .per_s = 86401}},
    {"rate limit: burst must be at most 1000000",
     {.requests = 1, .burst = 1000001}},
    {"rate limit: clients_max must be from 64 to 16777216",
     {.requests = 1, .clients_max = 63}},
    {"rate limit: burst is more than three centuries allow",
     {.requests = 1, .per_s = 86400, .burst = 1000000}},
};

START_TEST(test_mw_options_of_the_rate_limit)
{
    struct flare_rate_limit o = rate_rows[_i].o;

    check(rate_rows[_i].sentence, flare_rate_limit_init(&mw, &o, NULL, &err));
    flare_rate_limit_fini(&o);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare_rate_limit rate = {.requests = 1};
    struct flare_metrics metrics = {.prefix = NULL};
    flare_log_file *file = NULL;
    int rc = flare_rate_limit_init(&mw, &rate, &f->al, NULL);

    (void)ctx;
    if (rc >= 0)
        rc = flare_metrics_init(&mw, &metrics, &f->al, NULL);
    if (rc >= 0)
        rc = flare_log_file_open(&file, 1, 4096, &f->al);
    flare_log_file_close(file);
    flare_metrics_fini(&metrics);
    flare_rate_limit_fini(&rate);
    return rc;
}

/* Nobody reads: the pipe and the buffer fill, and no caller waits. */
START_TEST(test_mw_options_log_file_counts_what_it_drops)
{
    char line[1000];
    flare_log_file *file;
    int fds[2];

    memset(line, 'x', sizeof(line));
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(flare_log_file_open(&file, fds[1], 1, NULL), -EINVAL);
    ck_assert_int_eq(flare_log_file_open(&file, fds[1], 4096, NULL), 0);
    ck_assert_uint_eq(flare_log_file_dropped(file), 0);
    while (flare_log_file_dropped(file) == 0)
        flare_log_file_write((struct flare_str){line, sizeof(line)}, file);
    (void)close(fds[0]); /* what is left cannot be written */
    flare_log_file_close(file);
    (void)close(fds[1]); /* it was this test's all along */
}
END_TEST

START_TEST(test_mw_options_survive_every_failed_allocation)
{
    ck_assert_uint_eq(fault_each("mw_options", scenario, NULL).sites, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/mw_options");
    TCase *tc = tcase_create("mw_options");

    tcase_add_loop_test(tc, test_mw_options_of_cors, 0, ROWS(cors_rows));
    tcase_add_test(tc, test_mw_options_of_authentication);
    tcase_add_test(tc, test_mw_options_of_the_others);
    tcase_add_test(tc, test_mw_options_of_compress);
    tcase_add_loop_test(tc, test_mw_options_of_the_rate_limit, 0,
                        ROWS(rate_rows));
    tcase_add_test(tc, test_mw_options_log_file_counts_what_it_drops);
    tcase_add_test(tc, test_mw_options_survive_every_failed_allocation);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
