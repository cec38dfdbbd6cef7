/* SPDX-License-Identifier: MIT */
/* Sec-WebSocket-Extensions: grammar, and what parameters come to (W18). */
#include "ws/extension.h"

#include "base/alloc.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"
#include "tests/support/ws_fields.h"
#include "tests/ws/deflate_params_table.h"

#include <flare/error.h>

/* The lines of `values` as fields, at the end of guarded memory. */
static struct flare_str lines_of(const struct guard *g, const char *values)
{
    static char text[4096];
    size_t len = 0;

    while (*values != '\0') {
        size_t part = strcspn(values, "\n");

        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "sec-websocket-extensions:%.*s\r\nHost: x\r\n",
                                (int)part, values);
        values += part + (values[part] == '\n');
    }
    return (struct flare_str){guard_put(g, text, len), len};
}

#ifdef FLARE_HAVE_ZLIB

static struct flare__ws_deflate_params params_of(const struct ws_wish_row *row)
{
    return (struct flare__ws_deflate_params){
        .server_max_window_bits = (uint8_t)row->server_bits,
        .client_max_window_bits = (uint8_t)row->client_bits,
        .server_no_context_takeover = row->server_no_context != 0,
        .client_no_context_takeover = row->client_no_context != 0,
    };
}

/* Whether a result of 1, 0 or an error, and what was agreed, are the row's. */
static void check_row(const struct ws_params_row *row, int rc,
                      const struct flare__ws_deflate_params *agreed)
{
    char text[FLARE__WS_EXTENSION_BYTES_MAX];
    int expected = row->out == NULL      ? 0
                   : row->out[0] == '\0' ? FLARE_E_BAD_INPUT
                                         : 1;

    ck_assert_msg(rc == expected, "%s: %d", row->name, rc);
    if (rc <= 0)
        return;
    ck_assert_uint_eq(flare__ws_agreed_write(text, agreed), strlen(text));
    ck_assert_msg(strcmp(text, row->out) == 0, "%s: '%s'", row->name, text);
}

START_TEST(test_server_meets_offers_as_rfc_7692_section_7_1_says)
{
    const struct ws_params_row *row = &ws_offer_rows[_i];
    struct flare__ws_deflate_params wish = params_of(&row->wish), agreed;
    struct flare__ws_fields fields;
    struct flare_str lines;
    struct guard g;

    guard_init(&g, 4096);
    lines = lines_of(&g, row->came);
    fields = ws_fields(&lines);
    check_row(row, flare__ws_deflate_accept(&fields, &wish, &agreed), &agreed);
    guard_fini(&g);
}
END_TEST

START_TEST(test_client_confirms_answers_as_rfc_7692_section_7_1_says)
{
    const struct ws_params_row *row = &ws_answer_rows[_i];
    struct flare__ws_deflate_params wish = params_of(&row->wish), agreed;
    struct flare__ws_fields fields;
    struct flare_str lines;
    const char *fault;
    struct guard g;
    int rc;

    guard_init(&g, 4096);
    lines = lines_of(&g, row->came);
    fields = ws_fields(&lines);
    rc = flare__ws_deflate_confirm(&fields, &wish, &agreed, &fault);
    check_row(row, rc, &agreed);
    ck_assert_int_eq(fault != NULL, rc < 0);
    guard_fini(&g);
}
END_TEST

/* Every wish of a client against every wish of a server: what the one writes
 * the other reads, and both come to the same, within both wishes. */
START_TEST(test_both_sides_agree_on_the_same_for_all_wishes)
{
    int declined = 0;

    for (int i = 0; i < 256 * 256; i++) {
        struct flare__ws_deflate_params a = {
            (uint8_t)(8 + (i & 7)), (uint8_t)(8 + (i >> 3 & 7)), (i & 64) != 0,
            (i & 128) != 0, false};
        struct flare__ws_deflate_params b = {
            (uint8_t)(8 + (i >> 8 & 7)), (uint8_t)(8 + (i >> 11 & 7)),
            (i & 16384) != 0, (i & 32768) != 0, false};
        struct flare__ws_deflate_params at_server, at_client;
        char value[FLARE__WS_EXTENSION_BYTES_MAX];
        char line[FLARE__WS_EXTENSION_BYTES_MAX + 32];
        struct flare_str lines = {line, 0};
        struct flare__ws_fields fields = ws_fields(&lines);
        const char *fault;

        flare__ws_offer_write(value, &a);
        lines.len = (size_t)snprintf(line, sizeof(line),
                                     "Sec-WebSocket-Extensions: %s", value);
        if (flare__ws_deflate_accept(&fields, &b, &at_server) != 1) {
            declined++;
            continue;
        }
        flare__ws_agreed_write(value, &at_server);
        lines.len = (size_t)snprintf(line, sizeof(line),
                                     "Sec-WebSocket-Extensions: %s", value);
        ck_assert_int_eq(
            flare__ws_deflate_confirm(&fields, &a, &at_client, &fault), 1);
        at_client.has_server_bits = at_server.has_server_bits;
        ck_assert_mem_eq(&at_client, &at_server, sizeof(at_server));
        ck_assert(at_server.server_max_window_bits <= a.server_max_window_bits);
        ck_assert(at_server.server_max_window_bits <= b.server_max_window_bits);
        ck_assert(at_server.client_max_window_bits <= b.client_max_window_bits);
    }
    ck_assert_int_eq(declined, 0); /* our own client can always be limited */
}
END_TEST

/* One message to the other end; its payload's length. */
static int talk(struct flare__ws_deflate *to, struct flare__ws_inflate *from)
{
    struct flare_str in = FLARE_STR("flare flare flare");
    char wire[64], back[64];
    int len =
        flare__ws_deflate_feed(to, &in, FLARE__WS_FLUSH_MESSAGE, wire, 64);

    ck_assert_int_gt(len, 0);
    in = (struct flare_str){wire, (size_t)len};
    ck_assert_int_eq(flare__ws_inflate_feed(from, &in, true, back, 64), 17);
    ck_assert(!flare__ws_inflate_is_busy(from));
    ck_assert_mem_eq(back, "flare flare flare", 17);
    return len;
}

/* Each side's parameters are its own: where the one may build on what it said
 * before, the other may not. */
START_TEST(test_both_ends_are_prepared_for_what_was_agreed)
{
    const struct flare__ws_deflate_params agreed = {10, 14, _i == 0, _i != 0,
                                                    false};
    struct flare__ws_deflate to[2];
    struct flare__ws_inflate from[2];

    for (int i = 0; i < 2; i++)
        flare__ws_deflate_prepare(&to[i], &from[i], &flare__allocator_default,
                                  &agreed, i == 0, 99);
    ck_assert_uint_eq(from[1].window_bits, 10); /* at the client */
    ck_assert_uint_eq(from[0].window_bits, 14);
    ck_assert_uint_eq(from[0].message_bytes_max, 99);
    for (int i = 0; i < 2; i++) {
        int first = talk(&to[i], &from[1 - i]);
        int second = talk(&to[i], &from[1 - i]);

        ck_assert_int_eq(second < first, i != _i);
        flare__ws_deflate_fini(&to[i]);
        flare__ws_inflate_fini(&from[1 - i]);
    }
}
END_TEST

static void params_tests(TCase *tc)
{
    tcase_add_loop_test(tc, test_both_ends_are_prepared_for_what_was_agreed, 0,
                        2);
    tcase_add_loop_test(tc,
                        test_server_meets_offers_as_rfc_7692_section_7_1_says,
                        0, ROWS(ws_offer_rows));
    tcase_add_loop_test(
        tc, test_client_confirms_answers_as_rfc_7692_section_7_1_says, 0,
        ROWS(ws_answer_rows));
    tcase_add_test(tc, test_both_sides_agree_on_the_same_for_all_wishes);
}

#else

START_TEST(test_without_zlib_no_offer_is_met_but_the_grammar_is_read)
{
    struct flare__ws_deflate_params any = FLARE__WS_DEFLATE_ANY, agreed;
    const struct ws_params_row *row = &ws_offer_rows[_i];
    struct flare__ws_fields fields;
    struct flare_str lines;
    struct guard g;
    bool is_bad = row->out != NULL && row->out[0] == '\0';

    guard_init(&g, 4096);
    lines = lines_of(&g, row->came);
    fields = ws_fields(&lines);
    ck_assert_int_eq(flare__ws_deflate_accept(&fields, &any, &agreed),
                     is_bad ? FLARE_E_BAD_INPUT : 0);
    guard_fini(&g);
}
END_TEST

static void params_tests(TCase *tc)
{
    tcase_add_loop_test(
        tc, test_without_zlib_no_offer_is_met_but_the_grammar_is_read, 0,
        ROWS(ws_offer_rows));
}

#endif

START_TEST(test_client_that_offered_nothing_takes_no_extension)
{
    struct flare_str lines =
        FLARE_STR("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    struct flare__ws_fields fields = ws_fields(&lines);
    struct flare__ws_deflate_params agreed;
    const char *fault;

    ck_assert_int_eq(flare__ws_deflate_confirm(&fields, NULL, &agreed, &fault),
                     FLARE_E_BAD_INPUT);
    ck_assert_ptr_nonnull(fault);
    lines = FLARE_STR("Sec-WebSocket-Extensions:\r\n");
    ck_assert_int_eq(flare__ws_deflate_confirm(&fields, NULL, &agreed, &fault),
                     0);
    ck_assert_ptr_null(fault);
}
END_TEST

START_TEST(test_extension_gives_its_parameters_in_order)
{
    struct flare_str line = FLARE_STR("a;b;c=d ; e = \"f\\g\", h");
    struct flare__ws_extension extension;
    struct flare__ws_param param;

    ck_assert_int_eq(flare__ws_extension_next(&line, &extension), 1);
    ck_assert(flare_str_equal(extension.name, FLARE_STR("a")));
    ck_assert(flare__ws_param_next(&extension.params, &param));
    ck_assert(flare_str_equal(param.name, FLARE_STR("b")));
    ck_assert(!param.has_value);
    ck_assert(flare__ws_param_next(&extension.params, &param));
    ck_assert(flare_str_equal(param.name, FLARE_STR("c")));
    ck_assert(flare_str_equal(param.value, FLARE_STR("d")));
    ck_assert(flare__ws_param_next(&extension.params, &param));
    ck_assert(flare_str_equal(param.name, FLARE_STR("e")));
    ck_assert(flare_str_equal(param.value, FLARE_STR("f\\g")));
    ck_assert(!flare__ws_param_next(&extension.params, &param));
    ck_assert_int_eq(flare__ws_extension_next(&line, &extension), 1);
    ck_assert(flare_str_equal(extension.name, FLARE_STR("h")));
    ck_assert(!flare__ws_param_next(&extension.params, &param));
    ck_assert_int_eq(flare__ws_extension_next(&line, &extension), 0);
}
END_TEST

START_TEST(test_offers_say_what_is_wished)
{
    char text[FLARE__WS_EXTENSION_BYTES_MAX];

    flare__ws_offer_write(text, &FLARE__WS_DEFLATE_ANY);
    ck_assert_str_eq(text, "permessage-deflate; client_max_window_bits");
    flare__ws_offer_write(
        text, &(struct flare__ws_deflate_params){10, 10, true, true, false});
    ck_assert_str_eq(text, "permessage-deflate; server_no_context_takeover; "
                           "client_no_context_takeover; "
                           "server_max_window_bits=10; "
                           "client_max_window_bits=10");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/extension");
    TCase *tc = tcase_create("extension");

    params_tests(tc);
    tcase_add_test(tc, test_client_that_offered_nothing_takes_no_extension);
    tcase_add_test(tc, test_extension_gives_its_parameters_in_order);
    tcase_add_test(tc, test_offers_say_what_is_wished);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
