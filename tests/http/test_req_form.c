/* SPDX-License-Identifier: MIT */
/*
 * The readers of queries, forms, parts and cookies: on a request alone, and
 * through a server, where their errors become statuses.
 */
#include "base/alloc.h"
#include "http/cookie.h"
#include "http/form.h"
#include "http/http.h"
#include "tests/http/conn_rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=XX"

/* ---- a request alone ---- */

enum { FIELDS_MAX = 8 };

struct alone {
    struct flare_req req;
    struct flare__head head;
    struct flare__field fields[FIELDS_MAX];
};

static void alone_init(struct alone *a, const struct flare_allocator *al)
{
    memset(a, 0, sizeof(*a));
    a->head.fields = a->fields;
    a->req.head = &a->head;
    flare__arena_init(&a->req.arena, al, 64, 1 << 16);
}

static void alone_field(struct alone *a, const char *name, const char *value)
{
    ck_assert_uint_lt(a->head.field_count, FIELDS_MAX);
    a->fields[a->head.field_count++] = (struct flare__field){
        name, value, (uint32_t)strlen(name), (uint32_t)strlen(value)};
}

static void alone_fini(struct alone *a)
{
    flare__arena_fini(&a->req.arena);
}

/* A request with that query, and the same as a form. */
static flare_req *alone_query(struct alone *a, const char *query)
{
    alone_init(a, &flare__allocator_default);
    alone_field(a, "Host", "a");
    alone_field(a, "content-type", URLENCODED);
    a->head.query = flare_str(query);
    a->req.body = flare_str(query);
    return &a->req;
}

/* Each reader of a query beside that of a form. */
static const struct {
    int (*check)(flare_req *);
    struct flare_str (*param)(flare_req *, const char *);
    size_t (*count)(flare_req *);
    int (*at)(flare_req *, size_t, struct flare_str *, struct flare_str *);
    int (*str)(flare_req *, const char *, struct flare_str *);
    int (*u64)(flare_req *, const char *, uint64_t *);
    int (*i64)(flare_req *, const char *, int64_t *);
    int (*truth)(flare_req *, const char *, bool *);
    int (*str_or)(flare_req *, const char *, struct flare_str,
                  struct flare_str *);
    int (*u64_or)(flare_req *, const char *, uint64_t, uint64_t *);
    int (*i64_or)(flare_req *, const char *, int64_t, int64_t *);
    int (*truth_or)(flare_req *, const char *, bool, bool *);
} readers[] = {
    {flare_req_query_check, flare_req_query_param, flare_req_query_count,
     flare_req_query_at, flare_req_query_str, flare_req_query_u64,
     flare_req_query_i64, flare_req_query_bool, flare_req_query_str_or,
     flare_req_query_u64_or, flare_req_query_i64_or, flare_req_query_bool_or},
    {flare_req_form_check, flare_req_form_param, flare_req_form_count,
     flare_req_form_at, flare_req_form_str, flare_req_form_u64,
     flare_req_form_i64, flare_req_form_bool, flare_req_form_str_or,
     flare_req_form_u64_or, flare_req_form_i64_or, flare_req_form_bool_or},
};

START_TEST(test_req_form_reads_values_by_name)
{
    struct alone a;
    flare_req *req = alone_query(
        &a, "n=7&i=-7&t=true&s=%41+b&e=&n=8&big=18446744073709551616");
    struct flare_str s, name;
    uint64_t u = 99;
    int64_t i = 99;
    bool t = false;

    ck_assert_int_eq(readers[_i].check(req), 0);
    ck_assert_uint_eq(readers[_i].count(req), 7);
    ck_assert(flare_str_equal(readers[_i].param(req, "s"), FLARE_STR("A b")));
    ck_assert_ptr_nonnull(readers[_i].param(req, "e").ptr);
    ck_assert_ptr_null(readers[_i].param(req, "x").ptr);
    ck_assert_int_eq(readers[_i].at(req, 5, &name, &s), 0);
    ck_assert(flare_str_equal(name, FLARE_STR("n")));
    ck_assert(flare_str_equal(s, FLARE_STR("8")));
    ck_assert_int_eq(readers[_i].at(req, 7, &name, &s), FLARE_E_RANGE);

    ck_assert_int_eq(readers[_i].str(req, "e", &s), 0);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_int_eq(readers[_i].u64(req, "n", &u), 0);
    ck_assert_uint_eq(u, 7);
    ck_assert_int_eq(readers[_i].i64(req, "i", &i), 0);
    ck_assert_int_eq(i, -7);
    ck_assert_int_eq(readers[_i].truth(req, "t", &t), 0);
    ck_assert(t);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_absent_or_invalid_is_bad_input)
{
    struct alone a;
    flare_req *req = alone_query(&a, "n=7x&e=&big=18446744073709551616");
    static const char *const names[] = {"n", "e", "big", "absent"};
    struct flare_str s = {NULL, 99};
    uint64_t u = 99;
    int64_t i = 99;
    bool t = true;

    for (int k = 0; k < ROWS(names); k++) {
        ck_assert_int_eq(readers[_i].u64(req, names[k], &u), FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].i64(req, names[k], &i), FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].truth(req, names[k], &t),
                         FLARE_E_BAD_INPUT);
    }
    ck_assert_int_eq(readers[_i].str(req, "absent", &s), FLARE_E_BAD_INPUT);
    ck_assert(u == 99 && i == 99 && t && s.len == 99);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_fallback_is_for_what_is_absent_only)
{
    struct alone a;
    flare_req *req = alone_query(&a, "n=7&bad=x&e=");
    struct flare_str s;
    uint64_t u = 0;
    int64_t i = 0;
    bool t = false;

    ck_assert_int_eq(readers[_i].u64_or(req, "n", 1, &u), 0);
    ck_assert_uint_eq(u, 7);
    ck_assert_int_eq(readers[_i].u64_or(req, "absent", 1, &u), 0);
    ck_assert_uint_eq(u, 1);
    ck_assert_int_eq(readers[_i].i64_or(req, "absent", -1, &i), 0);
    ck_assert_int_eq(i, -1);
    ck_assert_int_eq(readers[_i].truth_or(req, "absent", true, &t), 0);
    ck_assert(t);
    ck_assert_int_eq(readers[_i].str_or(req, "absent", FLARE_STR("x"), &s), 0);
    ck_assert(flare_str_equal(s, FLARE_STR("x")));
    ck_assert_int_eq(readers[_i].str_or(req, "e", FLARE_STR("x"), &s), 0);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_int_eq(readers[_i].u64_or(req, "bad", 1, &u), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(readers[_i].u64_or(req, "e", 1, &u), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(readers[_i].i64_or(req, "e", 1, &i), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(readers[_i].truth_or(req, "e", 1, &t), FLARE_E_BAD_INPUT);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_one_fault_is_an_error_whatever_the_name)
{
    struct alone a;
    flare_req *req = alone_query(&a, "n=7&x=%zz");
    struct flare_str s;
    uint64_t u = 99;
    int64_t i = 99;
    bool t = true;

    for (int k = 0; k < 2; k++) { /* it is remembered */
        ck_assert_int_eq(readers[_i].u64(req, "n", &u), FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].u64_or(req, "y", 1, &u),
                         FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].i64_or(req, "y", 1, &i),
                         FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].truth_or(req, "y", false, &t),
                         FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].str_or(req, "y", FLARE_STR(""), &s),
                         FLARE_E_BAD_INPUT);
        ck_assert_int_eq(readers[_i].check(req), FLARE_E_BAD_INPUT);
        ck_assert_uint_eq(readers[_i].count(req), 0);
        ck_assert_ptr_null(readers[_i].param(req, "n").ptr);
    }
    ck_assert(u == 99 && i == 99 && t);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_no_query_is_an_empty_one)
{
    struct alone a;

    alone_init(&a, &flare__allocator_default);
    ck_assert_int_eq(flare_req_query_check(&a.req), 0);
    ck_assert_uint_eq(flare_req_query_count(&a.req), 0);
    ck_assert_int_eq(flare_req_form_check(&a.req), FLARE_E_BAD_INPUT);
    ck_assert_uint_eq(flare_req_form_count(&a.req), 0);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_H40_two_content_types_are_none)
{
    struct alone a;
    flare_multipart *m = NULL;

    alone_init(&a, &flare__allocator_default);
    alone_field(&a, "Content-Type", MULTIPART);
    alone_field(&a, "Content-type", MULTIPART);
    a.req.body = FLARE_STR("--XX--");
    ck_assert_int_eq(flare_req_form_check(&a.req), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(flare_req_part_check(&a.req), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(flare_req_multipart(&a.req, &m), FLARE_E_BAD_INPUT);
    ck_assert_ptr_null(m);
    alone_fini(&a);
}
END_TEST

static const char two_parts[] =
    "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX\r\n"
    "Content-Disposition: form-data; name=f; filename=x\r\n"
    "Content-Type: t/u\r\n\r\n\xFF\r\n--XX--\r\n";

START_TEST(test_req_form_parts_stay_in_the_body_where_it_moves)
{
    char moved[sizeof(two_parts)];
    struct flare_part part;
    struct alone a;
    uint64_t number;

    alone_init(&a, &flare__allocator_default);
    alone_field(&a, "Content-Type", MULTIPART);
    a.req.body = (struct flare_str){two_parts, sizeof(two_parts) - 1};
    ck_assert_int_eq(flare_req_form_u64(&a.req, "a", &number), 0);
    ck_assert_uint_eq(number, 1);
    ck_assert_int_eq(flare_req_form_count(&a.req), 1);
    ck_assert_int_eq(flare_req_part_check(&a.req), 0);
    ck_assert_uint_eq(flare_req_part_count(&a.req), 2);
    memcpy(moved, two_parts, sizeof(moved));
    a.req.body.ptr = moved;
    ck_assert_int_eq(flare_req_part(&a.req, "f", &part), 0);
    ck_assert(flare_str_equal(part.filename, FLARE_STR("x")));
    ck_assert(flare_str_equal(part.type, FLARE_STR("t/u")));
    ck_assert(flare_str_equal(part.body, FLARE_STR("\xFF")));
    ck_assert_ptr_eq(part.body.ptr, strchr(moved, '\xFF'));
    ck_assert_int_eq(flare_req_part_at(&a.req, 0, &part), 0);
    ck_assert(flare_str_equal(part.name, FLARE_STR("a")));
    ck_assert_ptr_null(part.filename.ptr);
    ck_assert_int_eq(flare_req_part_at(&a.req, 2, &part), FLARE_E_RANGE);
    ck_assert_int_eq(flare_req_part(&a.req, "g", &part), FLARE_E_BAD_INPUT);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_parts_of_another_type_are_none)
{
    struct flare_part part;
    struct alone a;
    flare_req *req = alone_query(&a, "a=b");

    ck_assert_int_eq(flare_req_part_check(req), FLARE_E_BAD_INPUT);
    ck_assert_uint_eq(flare_req_part_count(req), 0);
    ck_assert_int_eq(flare_req_part(req, "a", &part), FLARE_E_BAD_INPUT);
    ck_assert_int_eq(flare_req_part_at(req, 0, &part), FLARE_E_BAD_INPUT);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_multipart_reads_pieces)
{
    struct flare_str body = {two_parts, sizeof(two_parts) - 1};
    unsigned parts = 0, bytes = 0;
    struct flare_part part;
    flare_multipart *m;
    struct alone a;
    int rc = 0;

    alone_init(&a, &flare__allocator_default);
    alone_field(&a, "Content-Type", MULTIPART);
    ck_assert_int_eq(flare_req_multipart(&a.req, &m), 0);
    for (size_t i = 0; i < body.len; i++) {
        flare_multipart_feed(m, (struct flare_str){body.ptr + i, 1},
                             i + 1 == body.len);
        while ((rc = flare_multipart_read(m, &part)) > 0) {
            parts += rc == FLARE_MULTIPART_PART;
            bytes += rc == FLARE_MULTIPART_DATA;
            if (rc == FLARE_MULTIPART_END)
                break;
        }
    }
    ck_assert_int_eq(rc, FLARE_MULTIPART_END);
    ck_assert_uint_eq(parts, 2);
    ck_assert_uint_eq(bytes, 2);
    alone_fini(&a);
}
END_TEST

START_TEST(test_req_form_cookies_of_all_fields_by_name)
{
    struct flare_str name, value;
    struct alone a;

    alone_init(&a, &flare__allocator_default);
    alone_field(&a, "Cookie", "a=1; b=2");
    alone_field(&a, "X", "a=9");
    alone_field(&a, "cookie", "a=3; bad value");
    ck_assert_int_eq(flare_req_cookie_check(&a.req), 0);
    ck_assert_uint_eq(flare_req_cookie_count(&a.req), 3);
    ck_assert(flare_str_equal(flare_req_cookie(&a.req, "a"), FLARE_STR("1")));
    ck_assert_ptr_null(flare_req_cookie(&a.req, "A").ptr);
    ck_assert_int_eq(flare_req_cookie_at(&a.req, 2, &name, &value), 0);
    ck_assert(flare_str_equal(value, FLARE_STR("3")));
    ck_assert_int_eq(flare_req_cookie_at(&a.req, 3, &name, &value),
                     FLARE_E_RANGE);
    alone_fini(&a);
}
END_TEST

static int scenario(struct fault *f, void *ctx)
{
    struct flare_part part;
    flare_multipart *m;
    struct alone a;
    int rc;

    (void)ctx;
    alone_init(&a, &f->al);
    alone_field(&a, "Cookie", "a=1");
    alone_field(&a, "Content-Type", MULTIPART);
    a.head.query = FLARE_STR("a=b");
    a.req.body = (struct flare_str){two_parts, sizeof(two_parts) - 1};
    rc = flare_req_query_check(&a.req);
    if (rc == 0)
        rc = flare_req_form_check(&a.req);
    if (rc == 0)
        rc = flare_req_part(&a.req, "f", &part);
    if (rc == 0)
        rc = flare_req_multipart(&a.req, &m);
    if (rc == 0)
        rc = flare_req_cookie_check(&a.req);
    ck_assert(rc == 0 || rc == -ENOMEM);
    ck_assert(rc == 0 || flare_req_cookie(&a.req, "b").ptr == NULL);
    alone_fini(&a);
    return rc;
}

START_TEST(test_req_form_R11_survives_every_failed_allocation)
{
    fault_each("req_form", scenario, NULL);
}
END_TEST

/* ---- through a server ---- */

static int on_number(flare_req *req, flare_res *res)
{
    uint64_t number;
    int rc = flare_req_query_u64_or(req, "n", 5, &number);

    if (rc < 0)
        return rc;
    return flare_res_printf(res, 200, "number %d\n", (int)number);
}

static int on_form(flare_req *req, flare_res *res)
{
    struct flare_str name;
    int rc = flare_req_form_str(req, "name", &name);

    if (rc < 0)
        return rc;
    return flare_res_printf(res, 200, "name %.*s\n", FLARE_STR_ARG(name));
}

static int on_cookie(flare_req *req, flare_res *res)
{
    struct flare_cookie c = {.name = "__Host-seen", .path = "/"};
    int rc = flare_req_cookie_check(req);

    if (rc < 0)
        return rc;
    c.value = flare_req_cookie(req, "a");
    c.is_secure = flare_req_cookie(req, "secure").ptr != NULL;
    rc = flare_res_cookie(res, &c);
    c = (struct flare_cookie){.name = "b", .max_age_s = -1};
    if (rc == 0)
        rc = flare_res_cookie(res, &c);
    return rc < 0 ? rc : flare_res_empty(res, 204);
}

static struct rig *rig_of_forms(void)
{
    static const struct flare_route routes[] = {
        FLARE_GET("/number", on_number),
        FLARE_POST("/form", on_form),
        FLARE_GET("/cookie", on_cookie),
    };
    struct flare_server_config config = {.routes = FLARE_ROUTES(routes)};

    return rig_new(&config);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

START_TEST(test_req_form_each_request_has_its_own_query)
{
    struct rig *r = rig_of_forms();
    const char *got =
        rig_ask(r, GET("/number?n=1") GET("/number") GET("/number?n=%00")
                       GET("/number?n=x") GET("/number?n=%32"));

    ck_assert_str_eq(rig_statuses(r, 0), "200 200 400 400 200");
    ck_assert_ptr_nonnull(strstr(got, "number 1\n"));
    ck_assert_ptr_nonnull(strstr(got, "number 5\n"));
    ck_assert_ptr_nonnull(strstr(got, "number 2\n"));
    rig_free(r);
}
END_TEST

static void post(struct rig *r, const char *type, const char *body)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             type, strlen(body), body);
    rig_text(r, 0, text);
    rig_run(r, 100);
}

START_TEST(test_req_form_body_of_either_coding)
{
    struct rig *r = rig_of_forms();

    rig_connect(r, 0);
    post(r, URLENCODED, "name=J%C3%B6rg");
    post(r, MULTIPART,
         "--XX\r\nContent-Disposition: form-data; name=name\r\n\r\nJ\xC3\xB6rg"
         "\r\n--XX--\r\n");
    post(r, URLENCODED, "name=%");
    post(r, MULTIPART, "--XX\r\n");
    post(r, "text/plain", "name=x");
    ck_assert_str_eq(rig_statuses(r, 0), "200 200 400 400 400");
    ck_assert_int_eq(rig_count(r, 0, "name J\xC3\xB6rg\n"), 2);
    rig_free(r);
}
END_TEST

START_TEST(test_req_form_H42_cookie_that_is_none_is_a_500)
{
    struct rig *r = rig_of_forms();
    const char *got = rig_ask(r, "GET /cookie HTTP/1.1\r\nHost: a\r\n"
                                 "Cookie: a=1\r\nCookie: secure=\r\n\r\n");

    ck_assert_ptr_nonnull(
        strstr(got, "\r\nSet-Cookie: __Host-seen=1; Path=/; Secure\r\n"));
    ck_assert_ptr_nonnull(strstr(got, "\r\nSet-Cookie: b=; Max-Age=0; "
                                      "Expires=Thu, 01 Jan 1970 00:00:00 "
                                      "GMT\r\n"));
    got = rig_ask(r, GET("/cookie"));
    ck_assert_str_eq(rig_statuses(r, 0), "500");
    ck_assert_ptr_null(strstr(got, "Set-Cookie"));
    rig_free(r);
}
END_TEST

START_TEST(test_req_form_H15_too_many_cookies_are_a_431)
{
    static char text[1024] = "GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: ";
    struct rig *r = rig_of_forms();
    size_t len = strlen(text);

    for (int i = 0; i <= FLARE__COOKIES_MAX; i++, len += 3)
        memcpy(text + len, "a=;", 3);
    memcpy(text + len, "\r\n\r\n", 5);
    rig_ask(r, text);
    ck_assert_str_eq(rig_statuses(r, 0), "431");
    rig_free(r);
}
END_TEST

static Suite *req_form_suite(void)
{
    Suite *suite = suite_create("http/req_form");
    TCase *tc = tcase_create("alone");
    TCase *server = tcase_create("server");

    tcase_add_loop_test(tc, test_req_form_reads_values_by_name, 0,
                        ROWS(readers));
    tcase_add_loop_test(tc, test_req_form_absent_or_invalid_is_bad_input, 0,
                        ROWS(readers));
    tcase_add_loop_test(tc, test_req_form_fallback_is_for_what_is_absent_only,
                        0, ROWS(readers));
    tcase_add_loop_test(tc,
                        test_req_form_one_fault_is_an_error_whatever_the_name,
                        0, ROWS(readers));
    tcase_add_test(tc, test_req_form_no_query_is_an_empty_one);
    tcase_add_test(tc, test_req_form_H40_two_content_types_are_none);
    tcase_add_test(tc, test_req_form_parts_stay_in_the_body_where_it_moves);
    tcase_add_test(tc, test_req_form_parts_of_another_type_are_none);
    tcase_add_test(tc, test_req_form_multipart_reads_pieces);
    tcase_add_test(tc, test_req_form_cookies_of_all_fields_by_name);
    tcase_add_test(tc, test_req_form_R11_survives_every_failed_allocation);
    suite_add_tcase(suite, tc);
    tcase_add_test(server, test_req_form_each_request_has_its_own_query);
    tcase_add_test(server, test_req_form_body_of_either_coding);
    tcase_add_test(server, test_req_form_H42_cookie_that_is_none_is_a_500);
    tcase_add_test(server, test_req_form_H15_too_many_cookies_are_a_431);
    suite_add_tcase(suite, server);
    return suite;
}

int main(void)
{
    return test_run(req_form_suite());
}
