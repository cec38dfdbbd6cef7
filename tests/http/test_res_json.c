/* SPDX-License-Identifier: MIT */
/* Answers in JSON. */
#include <flare/answer.h>

#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct {
    int items;    /* of the array */
    int fail_at;  /* the part that is an error; 0: none */
    int later_at; /* the part before which it waits; 0: none */
    int next;
    int parts; /* calls */
    int rc;
    flare_res *res;
} saw;

static int fill(struct flare_json *json, void *ctx)
{
    ck_assert_ptr_eq(ctx, &saw);
    flare_json_begin_array(json);
    for (int i = 0; i < saw.items; i++)
        flare_json_i64(json, i);
    if (saw.fail_at != 0)
        return FLARE_E_NOT_FOUND;
    flare_json_end_array(json);
    return 0;
}

static int fill_half(struct flare_json *json, void *ctx)
{
    (void)ctx;
    flare_json_begin_object(json);
    return 0;
}

static int fill_too_much(struct flare_json *json, void *ctx)
{
    static char text[1 << 20];

    (void)ctx;
    memset(text, 'x', sizeof(text));
    flare_json_begin_array(json);
    for (int i = 0; i < 17; i++)
        flare_json_string(json, (struct flare_str){text, sizeof(text)});
    flare_json_end_array(json);
    return 0;
}

static int part(flare_req *req, flare_res *res, struct flare_json *json,
                void *ctx)
{
    (void)req;
    (void)res;
    ck_assert_ptr_eq(ctx, &saw);
    saw.parts++;
    if (saw.later_at != 0 && saw.next == saw.later_at) {
        saw.later_at = 0;
        return FLARE_LATER;
    }
    if (saw.fail_at != 0 && saw.next == saw.fail_at)
        return FLARE_E_INTERNAL;
    if (saw.next == 0)
        flare_json_begin_array(json);
    if (saw.next < saw.items)
        flare_json_i64(json, saw.next++);
    else
        flare_json_end_array(json);
    return 0;
}

/* The handler's ctx says which. */
static flare_json_fill_fn filler;

static int on_whole(flare_req *req, flare_res *res)
{
    (void)req;
    saw.rc = flare_res_json(res, 201, filler, &saw);
    return saw.rc;
}

static int on_parts(flare_req *req, flare_res *res)
{
    (void)req;
    saw.res = res;
    saw.rc = flare_res_json_pull(res, 200, part, &saw);
    return saw.rc;
}

static struct rig *rig_json(flare_handler_fn fn, int items)
{
    struct flare_server_config config = {.handler = {fn, NULL}};

    memset(&saw, 0, sizeof(saw));
    saw.items = items;
    filler = fill;
    return rig_new(&config);
}

/* The text that `items` make. */
static const char *text_of(int items)
{
    static char text[1 << 20];
    size_t len = 1;

    text[0] = '[';
    for (int i = 0; i < items; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d",
                                i > 0 ? "," : "", i);
    memcpy(text + len, "]", 2);
    return text;
}

/* The chunked body of what was got, decoded; NULL if its end is missing. */
static const char *body_of(const char *got)
{
    static char body[1 << 20];
    const char *p = strstr(got, "\r\n\r\n") + 4;
    size_t len = 0;

    for (;;) {
        char *end;
        unsigned long size = strtoul(p, &end, 16);

        if (end == p)
            return NULL;
        if (size == 0)
            break;
        memcpy(body + len, end + 2, size);
        len += size;
        p = end + 2 + size + 2;
    }
    body[len] = '\0';
    return body;
}

static const int sizes[] = {0, 1, 10, 200, 2000, 50000};

START_TEST(test_res_json_whole_has_its_length)
{
    struct rig *r = rig_json(on_whole, sizes[_i]);
    const char *text = text_of(sizes[_i]);
    const char *got = rig_ask(r, GET);
    char line[64];

    (void)snprintf(line, sizeof(line), "\r\nContent-Length: %zu\r\n",
                   strlen(text));
    ck_assert_ptr_nonnull(strstr(got, "HTTP/1.1 201 "));
    ck_assert_ptr_nonnull(
        strstr(got, "\r\nContent-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(got, line));
    ck_assert_str_eq(strstr(got, "\r\n\r\n") + 4, text);
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_an_error_of_the_filler_is_the_answer)
{
    struct rig *r = rig_json(on_whole, 3000);

    saw.fail_at = 1;
    (void)rig_ask(r, GET);
    ck_assert_str_eq(rig_statuses(r, 0), "404");
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_half_a_text_is_an_error)
{
    struct rig *r = rig_json(on_whole, 0);

    filler = fill_half;
    (void)rig_ask(r, GET);
    ck_assert_int_eq(saw.rc, FLARE_E_BAD_JSON);
    ck_assert_str_eq(rig_statuses(r, 0), "500");
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_is_bounded)
{
    struct rig *r = rig_json(on_whole, 0);

    filler = fill_too_much;
    (void)rig_ask(r, GET);
    ck_assert_int_eq(saw.rc, -ENOBUFS);
    ck_assert_uint_lt(r->fault.live_bytes, 1 << 20);
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_parts_make_the_same_text)
{
    struct rig *r = rig_json(on_parts, sizes[_i]);

    ck_assert_str_eq(body_of(rig_ask(r, GET)), text_of(sizes[_i]));
    ck_assert_uint_lt(r->fault.peak_bytes, 512 << 10);
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_parts_wait_for_a_slow_reader)
{
    struct rig *r = rig_json(on_parts, 50000);
    struct rig_peer *p = &r->peers[0];

    rig_connect(r, 0);
    p->is_deaf = true;
    rig_text(r, 0, GET);
    rig_run(r, 1000);
    ck_assert_int_lt(saw.next, 50000);
    p->is_deaf = false;
    for (int i = 0; i < 2000; i++) {
        p->len += flare__sim_peer_recv(&p->peer, p->got + p->len, 4096);
        rig_run(r, 1);
    }
    p->got[p->len] = '\0';
    ck_assert_str_eq(body_of(p->got), text_of(50000));
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_parts_go_out_before_a_wait)
{
    struct rig *r = rig_json(on_parts, 5);

    saw.later_at = 3;
    ck_assert_ptr_nonnull(strstr(rig_ask(r, GET), "\r\n[0,1,2\r\n"));
    flare_res_pull_resume(saw.res);
    rig_run(r, 50);
    ck_assert_str_eq(body_of(r->peers[0].got), "[0,1,2,3,4]");
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_a_late_error_cuts_the_connection)
{
    struct rig *r = rig_json(on_parts, 50);

    saw.fail_at = 20;
    ck_assert_ptr_null(strstr(rig_ask(r, GET), "\r\n0\r\n\r\n"));
    ck_assert(r->peers[0].has_rst);
    rig_free(r);
}
END_TEST

START_TEST(test_res_json_parts_are_not_asked_for_HEAD)
{
    struct rig *r = rig_json(on_parts, 50);

    (void)rig_ask(r, HEAD GET);
    ck_assert_str_eq(rig_statuses(r, 0), "200 200");
    ck_assert_int_eq(saw.parts, 51);
    rig_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/res_json");
    TCase *tc = tcase_create("json");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_res_json_whole_has_its_length, 0, ROWS(sizes));
    tcase_add_test(tc, test_res_json_an_error_of_the_filler_is_the_answer);
    tcase_add_test(tc, test_res_json_half_a_text_is_an_error);
    tcase_add_test(tc, test_res_json_is_bounded);
    tcase_add_loop_test(tc, test_res_json_parts_make_the_same_text, 0,
                        ROWS(sizes));
    tcase_add_test(tc, test_res_json_parts_wait_for_a_slow_reader);
    tcase_add_test(tc, test_res_json_parts_go_out_before_a_wait);
    tcase_add_test(tc, test_res_json_a_late_error_cuts_the_connection);
    tcase_add_test(tc, test_res_json_parts_are_not_asked_for_HEAD);
    suite_add_tcase(suite, tc);
    return test_run(suite);
}
