/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the fields, the status and the body of an answer: what goes out
 * is one response to a reader that shares no line with ours, its fields those
 * that were taken and ours, its body the handler's; what was refused is not
 * in it.  Lines "name:value", an empty one, then the body; the first byte
 * chooses status and request.
 */
#include <flare/handler.h>

#include "tests/http/conn_rig.h"
#include "tests/support/reply_oracle.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1024, FIELDS_MAX = 16 };

static const int statuses[] = {200, 201, 204, 205, 206, 304, 404, 500};
static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
};

static struct {
    char text[INPUT_MAX + 1];
    char *names[FIELDS_MAX];
    char *values[FIELDS_MAX];
    bool is_taken[FIELDS_MAX];
    size_t count;
    struct flare_str body;
    int status;
    int rc;
} in;

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "fuzz_res: %s\n", what);
        abort();
    }
}

/* The rig's assertions, outside of a test of Check: wrapped by the linker. */
void __wrap__mark_point(const char *file, int line);
void __wrap__ck_assert_failed(const char *file, int line, const char *what,
                              ...);

void __wrap__mark_point(const char *file, int line)
{
    (void)file;
    (void)line;
}

void __wrap__ck_assert_failed(const char *file, int line, const char *what, ...)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

static int on_request(flare_req *req, flare_res *res)
{
    (void)req;
    for (size_t i = 0; i < in.count; i++) {
        int rc = flare_res_header(res, in.names[i], flare_str(in.values[i]));

        check(rc == 0 || rc == FLARE_E_BAD_HEADER, "another error of a field");
        in.is_taken[i] = rc == 0;
    }
    in.rc = flare_res_copy(res, in.status, FLARE_STR("text/x"), in.body);
    return in.rc;
}

static void read_input(const uint8_t *data, size_t size)
{
    char *line = in.text;
    char *end;

    memcpy(in.text, data, size);
    in.text[size] = '\0';
    in.count = 0;
    while (in.count < FIELDS_MAX && (end = strchr(line, '\n')) != NULL &&
           end > line) {
        char *colon;

        *end = '\0';
        colon = strchr(line, ':');
        if (colon != NULL)
            *colon = '\0';
        in.names[in.count] = line;
        in.values[in.count++] = colon != NULL ? colon + 1 : end;
        line = end + 1;
    }
    if (*line == '\n')
        line++;
    in.body = (struct flare_str){line, (size_t)(in.text + size - line)};
}

/* Each field that was taken is there, and in this order. */
static void check_fields(const struct reply_head_oracle *head, const char *got)
{
    size_t at = 0;

    for (size_t i = 0; i < in.count; i++) {
        struct flare_str want = flare_str(in.names[i]);

        if (!in.is_taken[i])
            continue;
        for (;; at++) {
            const struct oracle_field *f = &head->fields[at];

            check(at < head->field_count, "a field is missing");
            if (flare_str_equal_nocase(
                    want, (struct flare_str){got + f->name.at, f->name.len}))
                break;
        }
        at++;
    }
}

static void check_response(const char *got, size_t len, unsigned request)
{
    static struct reply_head_oracle head;
    static struct reply_oracle whole;
    struct flare__reply_limits limits = FLARE__REPLY_LIMITS;

    limits.head.fields_max = ORACLE_FIELDS_MAX;
    check(len > 0 && len <= ORACLE_BYTES_MAX, "nothing, or too much");
    reply_head_oracle(&head, &limits.head, got, len);
    check(head.rc > 0 && head.status == in.status, "no head, or another");
    check_fields(&head, got);
    reply_oracle(&whole, &limits, request, got, len);
    check((whole.rc == FLARE__REPLY_DONE && whole.at == len) ||
              (whole.rc == FLARE__REPLY_MORE &&
               whole.rc_clean == FLARE__REPLY_DONE),
          "not one response");
    check(whole.body.len == 0 ||
              (whole.body.len == in.body.len &&
               memcmp(whole.body.text, in.body.ptr, in.body.len) == 0),
          "another body");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flare_server_config config = {.handler = {on_request, NULL}};
    struct rig *r;

    if (size < 1 || size > INPUT_MAX)
        return 0;
    read_input(data + 1, size - 1);
    in.status = statuses[data[0] & 7];
    in.rc = 1;
    r = rig_new(&config);
    rig_connect(r, 0);
    rig_text(r, 0, requests[data[0] >> 3 & 3]);
    rig_run(r, 100);
    check(in.rc != 1, "the handler was not called");
    if (in.rc == 0)
        check_response(r->peers[0].got, r->peers[0].len,
                       (data[0] >> 3 & 3) == 1 ? FLARE__REPLY_TO_HEAD : 0);
    rig_free(r);
    return 0;
}
