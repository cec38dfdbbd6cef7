/* SPDX-License-Identifier: MIT */
/* What head_oracle.h says, asked of flare__head_parse and of each kernel. */
#include "tests/support/head_check.h"

#include "http/scan.h"
#include "tests/support/guard.h"
#include "tests/support/head_oracle.h"

#include <stdio.h>
#include <string.h>

struct check {
    const struct flare__head_limits *limits;
    const struct head_oracle *o;
    struct guard bytes;
    struct guard fields;
    char text[160];
};

static bool is_at(struct flare_str s, const char *base, struct oracle_part part)
{
    return s.len == part.len && s.ptr == base + part.at;
}

static const char *differing_field(const struct flare__head *head,
                                   const char *base,
                                   const struct head_oracle *o)
{
    if (head->field_count != o->field_count)
        return "field_count";
    for (size_t i = 0; i < o->field_count; i++) {
        const struct flare__field *f = &head->fields[i];

        if (!is_at((struct flare_str){f->name, f->name_len}, base,
                   o->fields[i].name))
            return "a field's name";
        if (!is_at((struct flare_str){f->value, f->value_len}, base,
                   o->fields[i].value))
            return "a field's value";
    }
    return NULL;
}

/* NULL, or the part in which they differ. */
static const char *differing_part(const struct flare__head *head,
                                  const char *base, const struct head_oracle *o)
{
    if (!is_at(head->method, base, o->method) ||
        head->method_id != o->method_id)
        return "method";
    if (!is_at(head->target, base, o->target) || head->form != o->form)
        return "target";
    if (o->path.len == 0 ? !flare_str_equal(head->path, FLARE_STR("/"))
                         : !is_at(head->path, base, o->path))
        return "path";
    if (o->has_query ? !is_at(head->query, base, o->query)
                     : head->query.ptr != NULL)
        return "query";
    if (o->host.len == 0 ? head->host.len != 0
                         : !is_at(head->host, base, o->host))
        return "host";
    if (head->minor != o->minor || head->flags != o->flags)
        return "version or flags";
    if (head->content_length != o->content_length)
        return "content_length";
    return differing_field(head, base, o);
}

static const char *check_front(struct check *c, const char *kernel,
                               flare__head_parse_fn *parse, const char *bytes,
                               size_t len)
{
    const char *base = guard_put(&c->bytes, bytes, len);
    int expected = len < c->o->at ? 0 : c->o->rc;
    const char *part = NULL;
    struct flare__head head;
    int rc;

    /* the parser sets what it must: nothing is as it was left */
    memset(&head, 0xa5, sizeof(head));
    head.fields =
        guard_last(&c->fields, c->limits->fields_max * sizeof(*head.fields));
    rc = parse(&head, c->limits, base, len);
    if (rc == expected && rc > 0)
        part = differing_part(&head, base, c->o);
    if (rc == expected && part == NULL)
        return NULL;
    snprintf(c->text, sizeof(c->text), "%s, first %zu of bytes: %d, not %d; %s",
             kernel, len, rc, expected, part != NULL ? part : "return code");
    return c->text;
}

static const char *check_kernel(struct check *c, const char *kernel,
                                flare__head_parse_fn *parse, const char *bytes,
                                size_t len, enum head_check_cuts cuts)
{
    const char *wrong = check_front(c, kernel, parse, bytes, len);

    if (wrong == NULL && c->o->at > 0)
        wrong = check_front(c, kernel, parse, bytes, c->o->at - 1);
    if (wrong == NULL)
        wrong = check_front(c, kernel, parse, bytes, c->o->at);
    if (cuts == HEAD_CHECK_EVERY)
        for (size_t cut = 0; wrong == NULL && cut < len; cut++)
            wrong = check_front(c, kernel, parse, bytes, cut);
    return wrong;
}

const char *head_check(const struct flare__head_limits *limits,
                       const char *bytes, size_t len, enum head_check_cuts cuts,
                       int *rc)
{
    static struct check c; /* mapped once; the text outlives the call */
    static struct head_oracle oracle;
    struct flare__scan_kernel kernels[FLARE__SCAN_KERNELS_MAX + 1];
    const char *wrong;

    if (c.bytes.base == NULL) {
        guard_init(&c.bytes, ORACLE_BYTES_MAX);
        guard_init(&c.fields, ORACLE_FIELDS_MAX * sizeof(struct flare__field));
    }
    head_oracle(&oracle, limits, bytes, len);
    c.limits = limits;
    c.o = &oracle;
    *rc = oracle.rc;
    wrong = check_kernel(&c, "dispatched", flare__head_parse, bytes, len, cuts);
    (void)flare__scan_kernels(kernels, /* denied = */ 0);
    for (int i = 0; wrong == NULL && kernels[i].parse != NULL; i++)
        wrong = check_kernel(&c, kernels[i].name, kernels[i].parse, bytes, len,
                             cuts);
    return wrong;
}
