/* SPDX-License-Identifier: MIT */
/* What is told of an answer: its head, its times, all of it as JSON. */
#include "tools/common/tool.h"
#include "tools/get/get.h"

#include <errno.h>
#include <string.h>

enum { TIMES_WIDTH = 40, FACTS_BYTES_MAX = 16 * 1024 * 1024 };

void get_put_head(FILE *file, const flare_reply *reply)
{
    int status = flare_reply_status(reply);
    struct flare_str name, value;

    fprintf(file, "%s%sHTTP/1.%d %d ", tool_style(file, TOOL_BOLD),
            tool_style(file, status < 300   ? TOOL_GREEN
                             : status < 400 ? TOOL_YELLOW
                                            : TOOL_RED),
            flare_reply_version_minor(reply), status);
    tool_put_escaped(file, flare_reply_reason(reply));
    fprintf(file, "%s\n", tool_style(file, TOOL_PLAIN));
    for (size_t i = 0; i < flare_reply_header_count(reply); i++) {
        if (flare_reply_header_at(reply, i, &name, &value) < 0)
            break;
        fputs(tool_style(file, TOOL_BLUE), file);
        tool_put_escaped(file, name);
        fprintf(file, "%s: ", tool_style(file, TOOL_PLAIN));
        tool_put_escaped(file, value);
        fputc('\n', file);
    }
    fputc('\n', file);
}

/* ---- times ---- */

struct span {
    const char *name;
    uint64_t from_ns;
    uint64_t to_ns;
};

enum { SPANS = 7 };

/* Each step begins where the last one that took place has ended. */
static size_t spans_of(struct span spans[SPANS], const flare_reply *reply)
{
    struct flare_reply_timings t;
    uint64_t at = 0;
    size_t n = 0;

    flare_reply_timings(reply, &t);
    const struct span steps[SPANS] = {
        {"before", 0, t.begun_ns},      {"name", 0, t.name_ns},
        {"connect", 0, t.connected_ns}, {"TLS", 0, t.tls_ns},
        {"send", 0, t.sent_ns},         {"wait", 0, t.first_byte_ns},
        {"receive", 0, t.end_ns},
    };

    for (size_t i = 0; i < SPANS; i++) {
        if (steps[i].to_ns == 0)
            continue;
        spans[n] = steps[i];
        spans[n].from_ns = at;
        if (spans[n].to_ns < at)
            spans[n].to_ns = at;
        at = spans[n++].to_ns;
    }
    return n;
}

static void put_span(const struct span *span, uint64_t total)
{
    int from = (int)(span->from_ns * TIMES_WIDTH / total);
    int to = (int)((span->to_ns * TIMES_WIDTH + total - 1) / total);
    char text[TOOL_TEXT_BYTES];

    if (to <= from)
        to = from + 1;
    if (to > TIMES_WIDTH) {
        from -= to - TIMES_WIDTH;
        to = TIMES_WIDTH;
    }
    fprintf(stderr, "%-8s %*s%s", span->name, from, "",
            tool_style(stderr, TOOL_GREEN));
    for (int i = from; i < to; i++)
        fputc('=', stderr);
    fprintf(stderr, "%s%*s %10s\n", tool_style(stderr, TOOL_PLAIN),
            TIMES_WIDTH - to, "",
            span->to_ns == span->from_ns
                ? "0"
                : tool_show_ns(text, (double)(span->to_ns - span->from_ns)));
}

void get_put_times(const flare_reply *reply)
{
    struct span spans[SPANS];
    size_t n = spans_of(spans, reply);
    uint64_t total = n > 0 && spans[n - 1].to_ns > 0 ? spans[n - 1].to_ns : 1;
    char text[TOOL_TEXT_BYTES];

    for (size_t i = 0; i < n; i++)
        put_span(&spans[i], total);
    fprintf(stderr, "%stotal%s    %*s %10s\n", tool_style(stderr, TOOL_BOLD),
            tool_style(stderr, TOOL_PLAIN), TIMES_WIDTH, "",
            tool_show_ns(text, (double)total));
}

/* ---- JSON ---- */

static void put_string(struct flare_json *json, const char *key,
                       struct flare_str value)
{
    flare_json_key(json, key);
    if (value.ptr == NULL)
        flare_json_null(json);
    else
        flare_json_string(json, value);
}

static void put_ms(struct flare_json *json, const char *key, uint64_t ns)
{
    flare_json_key(json, key);
    if (ns == 0)
        flare_json_null(json);
    else
        flare_json_double(json, (double)(ns / 1000) / 1000);
}

static void json_fields(struct flare_json *json, const flare_reply *reply)
{
    struct flare_str name, value;

    flare_json_key(json, "headers");
    flare_json_begin_array(json);
    for (size_t i = 0; i < flare_reply_header_count(reply); i++) {
        if (flare_reply_header_at(reply, i, &name, &value) < 0)
            break;
        flare_json_begin_array(json);
        flare_json_string(json, name);
        flare_json_string(json, value);
        flare_json_end_array(json);
    }
    flare_json_end_array(json);
}

static void json_connection(struct flare_json *json, const flare_reply *reply)
{
    const struct flare_addr peer = flare_reply_peer(reply);
    char text[FLARE_ADDR_TEXT_MAX];
    struct flare_reply_tls tls;
    int len = (int)flare_addr_format(&peer, text, sizeof(text));

    flare_json_key(json, "connection");
    flare_json_begin_object(json);
    put_string(
        json, "peer",
        (struct flare_str){len > 0 ? text : NULL, len > 0 ? (size_t)len : 0});
    flare_json_key(json, "is_reused");
    flare_json_bool(json, flare_reply_is_reused(reply));
    flare_json_key(json, "tls");
    if (flare_reply_tls_info(reply, &tls) < 0) {
        flare_json_null(json);
    } else {
        flare_json_begin_object(json);
        put_string(json, "version", flare_str(tls.version));
        put_string(json, "cipher", flare_str(tls.cipher));
        flare_json_key(json, "is_resumed");
        flare_json_bool(json, tls.is_resumed);
        flare_json_key(json, "is_verified");
        flare_json_bool(json, tls.is_verified);
        flare_json_end_object(json);
    }
    flare_json_end_object(json);
}

static void json_times(struct flare_json *json, const flare_reply *reply)
{
    struct flare_reply_timings t;

    flare_reply_timings(reply, &t);
    flare_json_key(json, "times_ms");
    flare_json_begin_object(json);
    put_ms(json, "begun", t.begun_ns);
    put_ms(json, "name", t.name_ns);
    put_ms(json, "connected", t.connected_ns);
    put_ms(json, "tls", t.tls_ns);
    put_ms(json, "sent", t.sent_ns);
    put_ms(json, "first_byte", t.first_byte_ns);
    put_ms(json, "end", t.end_ns);
    flare_json_end_object(json);
}

static void json_begin(struct flare_json *json)
{
    flare_json_init(json, NULL, FACTS_BYTES_MAX);
    flare_json_set_utf8(json, FLARE_JSON_UTF8_REPLACE);
    flare_json_begin_object(json);
}

void get_put_facts(const struct get *get, const flare_reply *reply,
                   uint64_t body_bytes)
{
    struct flare_json json;

    (void)get;
    json_begin(&json);
    put_string(&json, "url", flare_reply_url(reply));
    flare_json_key(&json, "status");
    flare_json_i64(&json, flare_reply_status(reply));
    put_string(&json, "reason", flare_reply_reason(reply));
    flare_json_key(&json, "redirects");
    flare_json_u64(&json, flare_reply_redirects(reply));
    json_fields(&json, reply);
    flare_json_key(&json, "body_bytes");
    flare_json_u64(&json, body_bytes);
    json_connection(&json, reply);
    json_times(&json, reply);
    flare_json_end_object(&json);
    tool_put_json(&json);
}

void get_put_failure(const struct get *get, const struct flare_error *err)
{
    struct flare_json json;

    if (!get->json) {
        tool_warn("%s", err->text);
        return;
    }
    json_begin(&json);
    put_string(&json, "url", flare_str(get->url));
    flare_json_key(&json, "error");
    flare_json_begin_object(&json);
    put_string(&json, "code", flare_str(flare_error_name(err->code)));
    put_string(&json, "text", flare_str(err->text));
    flare_json_end_object(&json);
    flare_json_end_object(&json);
    tool_put_json(&json);
}
