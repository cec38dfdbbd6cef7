/* SPDX-License-Identifier: MIT */
/* What reply_oracle.h says, asked of the reader and of each kernel. */
#include "tests/support/reply_check.h"

#include "http/scan.h"
#include "tests/support/guard.h"
#include "tests/support/reply_oracle.h"

#include <stdio.h>
#include <string.h>

static struct guard memory;
static struct guard fields;
static char text[256];

static void guards_start(void)
{
    if (memory.base != NULL)
        return;
    guard_init(&memory, ORACLE_BYTES_MAX);
    guard_init(&fields, ORACLE_FIELDS_MAX * sizeof(struct flare__field));
}

static struct flare__field *fields_for(uint32_t fields_max)
{
    return guard_last(&fields, fields_max * sizeof(struct flare__field));
}

/* ---- heads ---- */

static bool is_at(const char *ptr, size_t len, const char *base,
                  struct oracle_part part)
{
    return len == part.len && ptr == base + part.at;
}

static const char *differing_part(const struct flare__reply_head *head,
                                  const char *base,
                                  const struct reply_head_oracle *o)
{
    if (head->status != o->status || head->minor != o->minor)
        return "status or version";
    if (head->flags != o->flags || head->content_length != o->content_length)
        return "flags or length";
    if (!is_at(head->reason.ptr, head->reason.len, base, o->reason))
        return "reason";
    if (head->field_count != o->field_count)
        return "field_count";
    for (size_t i = 0; i < o->field_count; i++) {
        const struct flare__field *f = &head->fields[i];

        if (!is_at(f->name, f->name_len, base, o->fields[i].name) ||
            !is_at(f->value, f->value_len, base, o->fields[i].value))
            return "a field";
    }
    return NULL;
}

static const char *head_front(const struct flare__scan_kernel *kernel,
                              const struct flare__reply_head_limits *limits,
                              const struct reply_head_oracle *o,
                              const char *bytes, size_t len)
{
    const char *base = guard_put(&memory, bytes, len);
    int expected = len < o->at ? 0 : o->rc;
    const char *part = NULL;
    struct flare__reply_head head;
    int rc;

    /* the parser sets what it must: nothing is as it was left */
    memset(&head, 0xa5, sizeof(head));
    head.fields = fields_for(limits->fields_max);
    rc = kernel->parse_reply(&head, limits, base, len);
    if (rc == expected && rc > 0)
        part = differing_part(&head, base, o);
    if (rc == expected && part == NULL)
        return NULL;
    snprintf(text, sizeof(text), "%s, first %zu of bytes: %d, not %d; %s",
             kernel->name, len, rc, expected,
             part != NULL ? part : "return code");
    return text;
}

const char *reply_head_check(const struct flare__reply_head_limits *limits,
                             const char *bytes, size_t len,
                             enum reply_check_cuts cuts, int *rc)
{
    static struct reply_head_oracle o;
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 2];
    const char *wrong = NULL;
    size_t n = flare__scan_kernels(kernels, /* denied = */ 0);

    guards_start();
    kernels[n++] = (struct flare__scan_kernel){"dispatched", NULL,
                                               flare__reply_head_parse};
    reply_head_oracle(&o, limits, bytes, len);
    *rc = o.rc;
    for (size_t i = 0; i < n && wrong == NULL; i++) {
        wrong = head_front(&kernels[i], limits, &o, bytes, len);
        if (wrong == NULL && o.at > 0)
            wrong = head_front(&kernels[i], limits, &o, bytes, o.at - 1);
        if (wrong == NULL)
            wrong = head_front(&kernels[i], limits, &o, bytes, o.at);
        for (size_t cut = 0;
             wrong == NULL && cuts == REPLY_CHECK_EVERY && cut < len; cut++)
            wrong = head_front(&kernels[i], limits, &o, bytes, cut);
    }
    return wrong;
}

/* ---- messages ---- */

struct run {
    const struct flare__reply_limits *limits;
    struct flare__reply reply;
    struct reply_log heads;
    struct reply_log body;
    struct reply_log trailers;
    size_t at; /* consumed */
    int rc;    /* the last event that stays, or an error */
};

static void log_head(struct run *run, char kind)
{
    const struct flare__reply_head *head = &run->reply.head;

    reply_log_head(&run->heads, kind, head->minor, head->status, head->flags,
                   head->content_length);
    reply_log_add(&run->heads, head->reason.ptr, head->reason.len);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];

        reply_log_add(&run->heads, "|", 1);
        reply_log_add(&run->heads, f->name, f->name_len);
        reply_log_add(&run->heads, ":", 1);
        reply_log_add(&run->heads, f->value, f->value_len);
    }
}

/* Whether there may be another event in the same bytes. */
static bool on_event(struct run *run, int rc, struct flare_str data)
{
    switch (rc) {
    case FLARE__REPLY_INTERIM:
        log_head(run, 'I');
        return true;
    case FLARE__REPLY_HEAD:
        log_head(run, 'H');
        return true;
    case FLARE__REPLY_BODY:
        reply_log_add(&run->body, data.ptr, data.len);
        return data.len > 0;
    case FLARE__REPLY_TRAILER:
        reply_log_add(&run->trailers, data.ptr, data.len);
        return data.len > 0;
    default:
        return false;
    }
}

/* The bytes up to `end` have come. */
static void run_feed(struct run *run, const char *bytes, size_t end)
{
    const char *base = guard_put(&memory, bytes + run->at, end - run->at);
    struct flare_str in = {base, end - run->at};
    struct flare_str data;

    do {
        data = (struct flare_str){NULL, 0};
        run->rc = flare__reply_feed(&run->reply, &in, &data);
    } while (on_event(run, run->rc, data));
    run->at += (size_t)(in.ptr - base);
}

static bool run_is_over(const struct run *run)
{
    return run->rc != FLARE__REPLY_MORE;
}

static bool logs_differ(const struct reply_log *a, const struct reply_log *b)
{
    return a->len != b->len || memcmp(a->text, b->text, a->len) != 0;
}

/* NULL, or what is not as the oracle has it. */
static const char *run_compare(struct run *run, const struct reply_oracle *o,
                               const char *bytes, size_t len)
{
    struct flare__reply other = run->reply;
    bool is_reusable;

    if (run->rc != o->rc)
        return "answer";
    if (logs_differ(&run->heads, &o->heads))
        return "heads";
    if (logs_differ(&run->body, &o->body))
        return "body";
    if (o->rc == FLARE__REPLY_DONE && logs_differ(&run->trailers, &o->trailers))
        return "trailers";
    if (o->rc > 0 && run->at != o->at)
        return "where it ends";
    if (flare__reply_eof(&other, /* is_clean = */ true) != o->rc_clean)
        return "what a clean end says";
    if (flare__reply_is_reusable(&other, /* is_request_sent = */ true))
        return "use of an ended connection";
    other = run->reply;
    if (flare__reply_eof(&other, /* is_clean = */ false) != o->rc_unclean)
        return "what an unclean end says";
    if (run->rc == FLARE__REPLY_DONE && run->at < len) {
        run_feed(run, bytes, len);
        if (run->rc != FLARE_E_REPLY_EXTRA)
            return "no error for bytes behind the answer";
    }
    is_reusable = flare__reply_is_reusable(&run->reply, true);
    if (is_reusable != o->is_reusable)
        return "whether it may be used again";
    if (flare__reply_is_reusable(&run->reply, /* is_request_sent = */ false))
        return "use in spite of a request that is not sent";
    return NULL;
}

static const char *check_cut(const struct flare__reply_limits *limits,
                             unsigned request, const struct reply_oracle *o,
                             struct flare_str bytes, size_t first, size_t step)
{
    static struct run run;
    const char *wrong;

    run.heads.len = run.body.len = run.trailers.len = 0;
    run.at = 0;
    run.rc = FLARE__REPLY_MORE;
    flare__reply_init(&run.reply, limits, request,
                      fields_for(limits->head.fields_max));
    for (size_t end = first; !run_is_over(&run); end += step) {
        size_t to = end < bytes.len ? end : bytes.len;

        run_feed(&run, bytes.ptr, to);
        if (run_is_over(&run) != (o->rc != 0 && to >= o->at)) {
            snprintf(text, sizeof(text), "%s answer after %zu of %zu bytes",
                     run_is_over(&run) ? "an" : "no", to, bytes.len);
            return text;
        }
        if (to == bytes.len)
            break;
    }
    wrong = run_compare(&run, o, bytes.ptr, bytes.len);
    if (wrong == NULL)
        return NULL;
    snprintf(text, sizeof(text),
             "%s: %d after %zu, not %d after %zu; cut at %zu, then every %zu",
             wrong, run.rc, run.at, o->rc, o->at, first, step);
    return text;
}

const char *reply_check(const struct flare__reply_limits *limits,
                        unsigned request, struct flare_str bytes,
                        enum reply_check_cuts cuts, int *rc, int *rc_clean)
{
    static struct reply_oracle o;
    const char *wrong = NULL;
    size_t firsts[3] = {bytes.len, 0, 0};

    guards_start();
    reply_oracle(&o, limits, request, bytes.ptr, bytes.len);
    *rc = o.rc;
    *rc_clean = o.rc_clean;
    firsts[1] = o.at > 0 ? o.at - 1 : 0;
    firsts[2] = o.at;
    for (size_t i = 0; i < 3 && wrong == NULL; i++)
        wrong = check_cut(limits, request, &o, bytes, firsts[i], bytes.len + 1);
    if (wrong == NULL)
        wrong = check_cut(limits, request, &o, bytes, 0, 1);
    for (size_t cut = 0;
         wrong == NULL && cuts == REPLY_CHECK_EVERY && cut < bytes.len; cut++)
        wrong = check_cut(limits, request, &o, bytes, cut, bytes.len + 1);
    return wrong;
}
