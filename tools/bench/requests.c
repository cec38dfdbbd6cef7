/* SPDX-License-Identifier: MIT */
/* Requests from the command line and from files; see requests.h. */
#include "tools/bench/requests.h"

#include "tools/bench/answer.h"
#include "tools/common/tool.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A fixed body's length is in `fields`, and so is the empty line; that of
 * another is known when it is written. */
struct request {
    struct text line; /* without its end */
    struct text fields;
    struct text body;
    bool is_head;
};

/* A request as it is read, before it is compiled. */
struct draft {
    const char *where; /* for errors */
    struct text_out fields;
    struct text_out body;
    bool has_body;
    bool has_host;
    char method[24];
};

static struct flare_str str_of(const struct text_out *out)
{
    return (struct flare_str){out->bytes, out->len};
}

static void add(struct text_out *out, const char *text)
{
    text_out_add(out, flare_str(text));
}

/* ---- fields ---- */

static bool is_token(struct flare_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' ||
            strchr("\"(),/:;<=>?@[\\]{}", s.ptr[i]) != NULL)
            return false;
    return s.len > 0;
}

static bool is_name(struct flare_str s, const char *name)
{
    return flare_str_equal_nocase(s, flare_str(name));
}

static void add_field(struct draft *draft, struct flare_str line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct flare_str name = {line.ptr, 0};

    if (colon != NULL)
        name.len = (size_t)(colon - line.ptr);
    if (!is_token(name))
        tool_usage("%s: a field is 'Name: value', not '%.*s'", draft->where,
                   FLARE_STR_ARG(line));
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.ptr[i] < ' ' && line.ptr[i] != '\t') ||
            line.ptr[i] == 0x7f)
            tool_usage("%s: a control character in the field %.*s",
                       draft->where, FLARE_STR_ARG(name));
    if (is_name(name, "content-length") || is_name(name, "transfer-encoding") ||
        is_name(name, "connection") || is_name(name, "upgrade"))
        tool_usage("%s: %.*s is set by flare-bench itself", draft->where,
                   FLARE_STR_ARG(name));
    if (is_name(name, "host"))
        draft->has_host = true;
    text_out_add(&draft->fields, line);
    add(&draft->fields, "\r\n");
}

/* "text" or "@FILE". */
static void add_body(struct draft *draft, const char *body)
{
    draft->has_body = true;
    if (*body == '@') {
        struct flare_str file = text_read_file(draft->where, body + 1);

        text_out_add(&draft->body, file);
        free((char *)file.ptr); /* text_read_file gave it */
        return;
    }
    add(&draft->body, body);
}

/* ---- compiling ---- */

static void check_target(const struct draft *draft, struct flare_str target)
{
    bool is_in_brace = false;

    if (target.len == 0 || (target.ptr[0] != '/' && target.ptr[0] != '*'))
        tool_usage("%s: a target begins with '/', not '%.*s'", draft->where,
                   FLARE_STR_ARG(target));
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];

        is_in_brace = c == '{' || (is_in_brace && c != '}');
        if (c < ' ' || c == 0x7f || (c == ' ' && !is_in_brace))
            tool_usage("%s: a blank or control character in the target",
                       draft->where);
    }
}

static bool is_any_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

/* The end of the head, if the body always has the same length. */
static void end_head(const struct draft *draft, struct text_out *fields)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH", NULL};
    char line[64];

    if (draft->has_body || is_any_of(draft->method, with_body)) {
        snprintf(line, sizeof(line), "Content-Length: %zu\r\n",
                 draft->body.len);
        add(fields, line);
    }
    add(fields, "\r\n");
}

static void compile(struct request *request, struct draft *draft,
                    struct flare_str target,
                    const struct requests_options *options)
{
    struct text_out line = {.bytes = NULL};
    struct text_out fields = {.bytes = NULL};

    check_target(draft, target);
    add(&line, draft->method);
    add(&line, " ");
    text_out_add(&line, target);
    text_compile(&request->line, draft->where, str_of(&line), TEXT_TARGET);
    text_out_fini(&line);

    text_compile(&request->body, draft->where, str_of(&draft->body), TEXT_BODY);
    if (!draft->has_host) {
        add(&fields, "Host: ");
        text_out_add(&fields, options->host);
        add(&fields, "\r\n");
    }
    text_out_add(&fields, str_of(&draft->fields));
    if (options->closes)
        add(&fields, "Connection: close\r\n");
    if (options->is_ws)
        add(&fields, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: " ANSWER_WS_KEY "\r\n");
    if (request->body.is_fixed)
        end_head(draft, &fields);
    text_compile(&request->fields, draft->where, str_of(&fields), TEXT_FIELD);
    text_out_fini(&fields);
    request->is_head = strcmp(draft->method, "HEAD") == 0;
}

static void set_method(struct draft *draft, struct flare_str method)
{
    if (!is_token(method) || method.len >= sizeof(draft->method) ||
        is_name(method, "connect"))
        tool_usage("%s: '%.*s' is no method that can be sent", draft->where,
                   FLARE_STR_ARG(method));
    memcpy(draft->method, method.ptr, method.len);
    draft->method[method.len] = '\0';
}

static void draft_begin(struct draft *draft, const char *where)
{
    text_out_fini(&draft->fields);
    text_out_fini(&draft->body);
    *draft = (struct draft){.where = where};
}

static void load_one(struct requests *requests,
                     const struct requests_options *options)
{
    struct draft draft = {.where = NULL};
    const char *method = options->method;

    draft_begin(&draft, "the request");
    if (method == NULL)
        method = options->body != NULL ? "POST" : "GET";
    set_method(&draft, flare_str(method));
    for (size_t i = 0; i < options->field_count; i++)
        add_field(&draft, flare_str(options->fields[i]));
    if (options->body != NULL)
        add_body(&draft, options->body);
    requests->count = 1;
    requests->all = calloc(1, sizeof(*requests->all));
    if (requests->all == NULL)
        tool_die("no memory");
    compile(requests->all, &draft, options->target, options);
    draft_begin(&draft, NULL);
}

/* ---- files ---- */

struct reading {
    struct requests *requests;
    const struct requests_options *options;
    struct draft draft;
    struct flare_str target; /* ptr NULL: between requests */
    unsigned number;         /* of the line */
    char where[320];
};

static void end_request(struct reading *r)
{
    struct requests *all = r->requests;

    if (r->target.ptr == NULL)
        return;
    if (all->count == REQUESTS_MAX)
        tool_usage("%s: more than %d requests", r->where, REQUESTS_MAX);
    for (size_t i = 0; i < r->options->field_count; i++)
        add_field(&r->draft, flare_str(r->options->fields[i]));
    if ((all->count & (all->count + 1)) == 0)
        all->all = realloc(all->all, 2 * (all->count + 1) * sizeof(*all->all));
    if (all->all == NULL)
        tool_die("no memory");
    compile(&all->all[all->count++], &r->draft, r->target, r->options);
    r->target.ptr = NULL;
}

static void begin_request(struct reading *r, struct flare_str line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    size_t len;

    draft_begin(&r->draft, r->where);
    if (space == NULL)
        tool_usage("%s: a request begins with 'METHOD /target'", r->where);
    len = (size_t)(space - line.ptr);
    set_method(&r->draft, (struct flare_str){line.ptr, len});
    r->target = (struct flare_str){space + 1, line.len - len - 1};
}

static void add_line_of_body(struct draft *draft, struct flare_str line)
{
    if (draft->has_body)
        add(&draft->body, "\n");
    draft->has_body = true;
    text_out_add(&draft->body, line);
}

static void read_line(struct reading *r, struct flare_str line)
{
    struct flare_str rest = {line.ptr + 1, line.len - 1};
    char path[256];

    if (line.len == 0) {
        end_request(r);
    } else if (*line.ptr == '#') {
        return;
    } else if (r->target.ptr == NULL) {
        begin_request(r, line);
    } else if (*line.ptr == '=') {
        add_line_of_body(&r->draft, rest);
    } else if (*line.ptr == '@') {
        snprintf(path, sizeof(path), "%.*s", FLARE_STR_ARG(line));
        add_body(&r->draft, path);
    } else if (r->draft.has_body) {
        tool_usage("%s: a field after the body", r->where);
    } else {
        add_field(&r->draft, line);
    }
}

static void load_file(struct requests *requests,
                      const struct requests_options *options)
{
    struct flare_str text = text_read_file("--requests", options->file);
    struct flare_str rest = text;
    struct reading r = {.requests = requests, .options = options};

    while (rest.len > 0) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        size_t len = lf != NULL ? (size_t)(lf - rest.ptr) : rest.len;
        struct flare_str line = {rest.ptr, len};

        snprintf(r.where, sizeof(r.where), "%s:%u", options->file, ++r.number);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        read_line(&r, line);
        len += lf != NULL;
        rest = (struct flare_str){rest.ptr + len, rest.len - len};
    }
    end_request(&r);
    draft_begin(&r.draft, NULL);
    if (requests->count == 0)
        tool_usage("--requests: %s has no request in it", options->file);
    free((char *)text.ptr); /* text_read_file gave it */
}

/* ---- what threads do ---- */

static void write_request(const struct request *request, struct text_pen *pen,
                          struct text_out *out, struct text_out *body)
{
    char line[64];

    text_write(&request->line, pen, out);
    add(out, " HTTP/1.1\r\n");
    text_write(&request->fields, pen, out);
    text_write(&request->body, pen, body);
    if (!request->body.is_fixed) {
        snprintf(line, sizeof(line), "Content-Length: %zu\r\n\r\n", body->len);
        add(out, line);
    }
    text_out_add(out, str_of(body));
}

void requests_write(const struct requests *requests, struct text_pen *pen,
                    struct text_out *out, bool *is_head)
{
    /* Each thread sends all of them in turn, and begins elsewhere. */
    uint64_t turn = pen->seq / pen->step + pen->seq % pen->step;
    const struct request *request = &requests->all[turn % requests->count];
    struct text_out body = {.bytes = NULL};

    write_request(request, pen, out, &body);
    text_out_fini(&body);
    pen->seq += pen->step;
    *is_head = request->is_head;
}

void requests_load(struct requests *requests,
                   const struct requests_options *options)
{
    const struct request *one;

    *requests = (struct requests){.all = NULL};
    if (options->file != NULL)
        load_file(requests, options);
    else
        load_one(requests, options);
    one = requests->all;
    if (requests->count == 1 && one->line.is_fixed && one->fields.is_fixed &&
        one->body.is_fixed) {
        struct text_pen pen = text_pen(0, 1);
        struct text_out out = {.bytes = NULL};

        requests_write(requests, &pen, &out, &requests->fixed_is_head);
        requests->fixed = str_of(&out); /* requests_fini frees it */
    }
}

void requests_fini(struct requests *requests)
{
    for (size_t i = 0; i < requests->count; i++) {
        text_fini(&requests->all[i].line);
        text_fini(&requests->all[i].fields);
        text_fini(&requests->all[i].body);
    }
    free(requests->all);
    free((char *)requests->fixed.ptr); /* requests_load gave it */
    *requests = (struct requests){.all = NULL};
}
