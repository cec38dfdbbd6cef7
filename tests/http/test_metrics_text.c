/* SPDX-License-Identifier: MIT */
/*
 * The text is what Prometheus' format 0.0.4 says, read by rules written apart
 * from it: families whole and once, HELP and TYPE first, names and labels of
 * the right letters, no sample twice, buckets that do not fall.
 */
#include "http/metrics_text.h"

#include "base/assert.h"
#include "tests/support/test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static char text[FLARE__METRICS_TEXT_MAX + 1];

static const char *write_text(const struct flare__metrics *m)
{
    size_t len = flare__metrics_write(text, m);

    ck_assert_uint_le(len, FLARE__METRICS_TEXT_MAX);
    text[len] = '\0';
    return text;
}

/* Every number another one, as far as they are told apart. */
static struct flare__metrics numbered(void)
{
    struct flare__metrics m = {
        .prefix = "flare",
        .server =
            {
                .accepted = 101,
                .closed = 102,
                .connections = 103,
                .requests = 104,
                .responses_2xx = 105,
                .responses_3xx = 106,
                .responses_4xx = 107,
                .responses_5xx = 108,
                .refused = 109,
                .timeouts = 110,
                .aborted = 111,
                .shed = 112,
                .bytes_in = 113,
                .bytes_out = 114,
                .accept_pauses = 115,
                .turns = 116,
                .memory_used = 117,
                .memory_max = 118,
                .ws_connections = 119,
                .ws_opened = 120,
                .ws_messages_in = 121,
                .ws_messages_out = 122,
                .ws_bytes_in = 123,
                .ws_bytes_out = 124,
                .ws_refused = 125,
            },
        .tls = {.handshakes = 300,
                .resumed = 126,
                .failed = 127,
                .kernel_tx = 128,
                .kernel_rx = 129},
        .buckets = {1, 2, [FLARE__METRICS_BOUNDS] = 4},
        .sum_ns = 12000000345,
    };

    for (unsigned i = 0; i < FLARE_STATS_CLOSES; i++)
        m.server.ws_closes[i] = 200 + i;
    return m;
}

/* ---- the grammar ---- */

struct family {
    char name[128];
    char type[16];
    uint64_t last; /* of its buckets */
    unsigned samples;
};

static size_t name_len(const char *p)
{
    size_t n = 0;

    while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == ':')
        n++;
    return isdigit((unsigned char)p[0]) ? 0 : n;
}

/* "# HELP name text\n# TYPE name type\n"; returns what follows. */
static const char *read_head(struct family *f, const char *p)
{
    size_t n;

    ck_assert_msg(strncmp(p, "# HELP ", 7) == 0, "%.60s", p);
    n = name_len(p + 7);
    ck_assert_msg(n > 0 && n < sizeof(f->name), "%.60s", p);
    *f = (struct family){{0}, {0}, 0, 0};
    memcpy(f->name, p + 7, n);
    ck_assert_int_eq(p[7 + n], ' ');
    p = strchr(p, '\n') + 1;
    ck_assert_msg(strncmp(p, "# TYPE ", 7) == 0, "%.60s", p);
    ck_assert_msg(strncmp(p + 7, f->name, n) == 0 && p[7 + n] == ' ', "%.60s",
                  p);
    ck_assert_int_eq(sscanf(p + 8 + n, "%15[a-z]\n", f->type), 1);
    ck_assert_msg(strcmp(f->type, "counter") == 0 ||
                      strcmp(f->type, "gauge") == 0 ||
                      strcmp(f->type, "histogram") == 0,
                  "%s", f->type);
    return strchr(p, '\n') + 1;
}

/* `{a="b"}`, at most one label, nothing to escape; or nothing. */
static const char *read_label(const char *p)
{
    size_t n;

    if (*p != '{')
        return p;
    n = name_len(p + 1);
    ck_assert_msg(n > 0 && strncmp(p + 1 + n, "=\"", 2) == 0, "%.60s", p);
    p += 1 + n + 2;
    while (isalnum((unsigned char)*p) || *p == '.' || *p == '+')
        p++;
    ck_assert_msg(strncmp(p, "\"}", 2) == 0, "%.60s", p);
    return p + 2;
}

static void check_suffix(struct family *f, const char *p, size_t n,
                         uint64_t value)
{
    size_t own = strlen(f->name);
    const char *suffix = p + own;

    ck_assert_msg(n >= own && strncmp(p, f->name, own) == 0, "%.60s of %s", p,
                  f->name);
    if (strcmp(f->type, "histogram") != 0) {
        ck_assert_uint_eq(n, own);
        return;
    }
    if (strncmp(suffix, "_bucket{", 8) == 0) {
        ck_assert_uint_ge(value, f->last);
        f->last = value;
    } else if (strncmp(suffix, "_count ", 7) == 0) {
        ck_assert_uint_eq(value, f->last);
    } else {
        ck_assert_int_eq(strncmp(suffix, "_sum ", 5), 0);
    }
}

static const char *read_sample(struct family *f, const char *start)
{
    size_t n = name_len(start);
    const char *p = read_label(start + n);
    const char *twin;
    char *end;
    uint64_t value;

    ck_assert_msg(n > 0 && *p == ' ', "%.60s", start);
    twin = strstr(p, "\n");
    while ((twin = strstr(twin, "\n")) != NULL) { /* the same never again */
        twin++;
        ck_assert_msg(strncmp(twin, start, (size_t)(p - start) + 1) != 0,
                      "twice: %.60s", start);
    }
    value = strtoull(p + 1, &end, 10);
    if (*end == '.')
        (void)strtoull(end + 1, &end, 10);
    ck_assert_msg(end > p + 1 && *end == '\n', "%.60s", start);
    check_suffix(f, start, n, value);
    f->samples++;
    return end + 1;
}

static void check_family(const struct family *f)
{
    size_t n = strlen(f->name);
    bool is_total = n > 6 && strcmp(f->name + n - 6, "_total") == 0;

    ck_assert_msg(f->samples > 0, "%s has no sample", f->name);
    ck_assert_msg(is_total == (strcmp(f->type, "counter") == 0), "%s", f->name);
}

static unsigned check_grammar(const char *p)
{
    struct family f = {{0}, {0}, 0, 0};
    unsigned families = 0;

    while (*p != '\0') {
        char again[160];

        p = read_head(&f, p);
        families++;
        (void)snprintf(again, sizeof(again), "# HELP %s ", f.name);
        ck_assert_msg(strstr(p, again) == NULL, "%s twice", f.name);
        while (*p != '\0' && *p != '#')
            p = read_sample(&f, p);
        check_family(&f);
    }
    return families;
}

/* ---- tests ---- */

START_TEST(test_metrics_text_is_of_the_grammar)
{
    struct flare__metrics m = numbered();

    ck_assert_uint_eq(check_grammar(write_text(&m)), 24);
}
END_TEST

static const char *const lines[] = {
    "flare_connections_accepted_total 101\n",
    "flare_connections_closed_total 102\n",
    "flare_connections 103\n",
    "flare_requests_total 104\n",
    "flare_responses_total{class=\"2xx\"} 105\n",
    "flare_responses_total{class=\"3xx\"} 106\n",
    "flare_responses_total{class=\"4xx\"} 107\n",
    "flare_responses_total{class=\"5xx\"} 108\n",
    "flare_requests_refused_total 109\n",
    "flare_connections_timed_out_total 110\n",
    "flare_connections_aborted_total 111\n",
    "flare_connections_shed_total 112\n",
    "flare_received_bytes_total 113\n",
    "flare_sent_bytes_total 114\n",
    "flare_accept_pauses_total 115\n",
    "flare_loop_turns_total 116\n",
    "flare_memory_used_bytes 117\n",
    "flare_memory_budget_bytes 118\n",
    "flare_websocket_connections 119\n",
    "flare_websocket_opened_total 120\n",
    "flare_websocket_messages_total{direction=\"received\"} 121\n",
    "flare_websocket_messages_total{direction=\"sent\"} 122\n",
    "flare_websocket_message_bytes_total{direction=\"received\"} 123\n",
    "flare_websocket_message_bytes_total{direction=\"sent\"} 124\n",
    "flare_websocket_refused_total 125\n",
    "flare_websocket_closed_total{code=\"1000\"} 200\n",
    "flare_websocket_closed_total{code=\"1006\"} 206\n",
    "flare_websocket_closed_total{code=\"1015\"} 215\n",
    "flare_websocket_closed_total{code=\"3xxx\"} 216\n",
    "flare_websocket_closed_total{code=\"4xxx\"} 217\n",
    "flare_websocket_closed_total{code=\"other\"} 218\n",
    "flare_tls_handshakes_total{result=\"full\"} 174\n",
    "flare_tls_handshakes_total{result=\"resumed\"} 126\n",
    "flare_tls_handshakes_total{result=\"failed\"} 127\n",
    "flare_tls_kernel_total{direction=\"sent\"} 128\n",
    "flare_tls_kernel_total{direction=\"received\"} 129\n",
    "flare_request_duration_seconds_bucket{le=\"0.0001\"} 1\n",
    "flare_request_duration_seconds_bucket{le=\"0.0005\"} 3\n",
    "flare_request_duration_seconds_bucket{le=\"10\"} 3\n",
    "flare_request_duration_seconds_bucket{le=\"+Inf\"} 7\n",
    "flare_request_duration_seconds_sum 12.000000345\n",
    "flare_request_duration_seconds_count 7\n",
};

START_TEST(test_metrics_text_has_every_number_in_its_place)
{
    struct flare__metrics m = numbered();
    const char *found = strstr(write_text(&m), lines[_i]);

    ck_assert_msg(found != NULL && found[-1] == '\n', "%s", lines[_i]);
}
END_TEST

START_TEST(test_metrics_text_has_room_for_the_longest)
{
    struct flare__metrics m = {.prefix = "abcdefghijklmnopqrstuvwxyz_abcde"};

    ck_assert_uint_eq(strlen(m.prefix), FLARE__METRICS_PREFIX_MAX);
    memset(&m.server, 0xff, sizeof(m.server));
    m.tls = (struct flare_tls_stats){UINT64_MAX, 0, UINT64_MAX, UINT64_MAX,
                                     UINT64_MAX};
    m.buckets[0] = m.sum_ns = UINT64_MAX;
    (void)check_grammar(write_text(&m));
}
END_TEST

START_TEST(test_metrics_text_of_sessions_that_were_counted_meanwhile)
{
    struct flare__metrics m = {.prefix = "a", .tls = {.resumed = 1}};

    ck_assert_ptr_nonnull(strstr(write_text(&m), "{result=\"full\"} 0\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/metrics_text");
    TCase *tc = tcase_create("metrics_text");

    tcase_add_test(tc, test_metrics_text_is_of_the_grammar);
    tcase_add_loop_test(tc, test_metrics_text_has_every_number_in_its_place, 0,
                        (int)(sizeof(lines) / sizeof(lines[0])));
    tcase_add_test(tc, test_metrics_text_has_room_for_the_longest);
    tcase_add_test(tc,
                   test_metrics_text_of_sessions_that_were_counted_meanwhile);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
