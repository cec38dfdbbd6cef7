/* SPDX-License-Identifier: MIT */
/*
 * See mw_log_line.h.  The time is that of the Date field's text, in another
 * order.
 */
#include "http/mw_log_line.h"

#include "base/assert.h"
#include "http/date.h"

#include <stdio.h>
#include <string.h>

/* What a value may be in the line, escapes counted. */
enum {
    LINE_CLIENT_MAX = 128,
    LINE_USER_MAX = 256,
    LINE_METHOD_MAX = 64,
    LINE_TARGET_MAX = 4096,
    LINE_REFERER_MAX = 1024,
    LINE_AGENT_MAX = 1024,
    LINE_ID_MAX = 256,
    LINE_TLS_MAX = 32,
    LINE_REST_MAX = 640 /* numbers, names, punctuation */
};

_Static_assert(LINE_CLIENT_MAX + LINE_USER_MAX + LINE_METHOD_MAX +
                       LINE_TARGET_MAX + LINE_REFERER_MAX + LINE_AGENT_MAX +
                       LINE_ID_MAX + LINE_TLS_MAX + LINE_REST_MAX <=
                   FLARE__LOG_LINE_MAX,
               "a line always fits");

struct line {
    char *out;
    size_t len;
    bool is_json;
};

static void line_bytes(struct line *l, const char *bytes, size_t len)
{
    FLARE_ASSERT(len <= FLARE__LOG_LINE_MAX - l->len);
    memcpy(l->out + l->len, bytes, len);
    l->len += len;
}

static void line_text(struct line *l, const char *text)
{
    line_bytes(l, text, strlen(text));
}

static void line_number(struct line *l, uint64_t number)
{
    char digits[20];
    char *d = digits + sizeof(digits);

    do {
        *--d = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    line_bytes(l, d, (size_t)(digits + sizeof(digits) - d));
}

/* The form of one byte in `form`; its length. */
static size_t line_escape(char form[6], unsigned char c, bool is_json)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
        form[0] = (char)c;
        return 1;
    }
    form[n++] = '\\';
    if (is_json && (c == '"' || c == '\\')) {
        form[n++] = (char)c;
        return n;
    }
    form[n++] = is_json ? 'u' : 'x';
    if (is_json) {
        form[n++] = '0';
        form[n++] = '0';
    }
    form[n++] = hex[c >> 4];
    form[n++] = hex[c & 15];
    return n;
}

/* A value, escaped, cut to `max` bytes between two bytes of the peer's. */
static void line_value(struct line *l, struct flare_str value, size_t max)
{
    size_t end = l->len + max;

    for (size_t i = 0; i < value.len; i++) {
        char form[6];
        size_t n = line_escape(form, (unsigned char)value.ptr[i], l->is_json);

        if (n > end - l->len)
            return;
        line_bytes(l, form, n);
    }
}

/* The value, or "-".  Where nothing quotes it a space ends it. */
static void line_or_dash(struct line *l, struct flare_str value, size_t max)
{
    size_t from = l->len;

    if (value.len == 0) {
        line_text(l, "-");
        return;
    }
    line_value(l, value, max);
    for (size_t i = from; i < l->len; i++)
        if (l->out[i] == ' ')
            l->out[i] = '+';
}

static void line_quoted(struct line *l, struct flare_str value, size_t max)
{
    line_text(l, " \"");
    if (value.len > 0)
        line_value(l, value, max);
    else
        line_text(l, "-");
    line_text(l, "\"");
}

/* ---- common, combined ---- */

/* "Sun, 06 Nov 1994 08:49:37 GMT" as "06/Nov/1994:08:49:37 +0000". */
static void line_clf_time(struct line *l, int64_t time_s)
{
    char date[FLARE__DATE_LEN];

    flare__date_write(date, time_s);
    line_bytes(l, date + 5, 2);
    line_text(l, "/");
    line_bytes(l, date + 8, 3);
    line_text(l, "/");
    line_bytes(l, date + 12, 4);
    line_text(l, ":");
    line_bytes(l, date + 17, 8);
    line_text(l, " +0000");
}

static void line_common(struct line *l, const struct flare__log_entry *e)
{
    line_or_dash(l, e->client, LINE_CLIENT_MAX);
    line_text(l, " - ");
    line_or_dash(l, e->user, LINE_USER_MAX);
    line_text(l, " [");
    line_clf_time(l, e->time_s);
    line_text(l, "] \"");
    line_value(l, e->method, LINE_METHOD_MAX);
    line_text(l, " ");
    line_value(l, e->target, LINE_TARGET_MAX);
    line_text(l, e->minor == 0 ? " HTTP/1.0\" " : " HTTP/1.1\" ");
    line_number(l, (uint64_t)e->status);
    line_text(l, " ");
    if (e->body_bytes == 0)
        line_text(l, "-");
    else
        line_number(l, e->body_bytes);
}

/* ---- JSON ---- */

/* "1994-11-06T08:49:37Z" */
static void line_iso_time(struct line *l, int64_t time_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char date[FLARE__DATE_LEN];
    char month[2] = {'0', '0'};

    flare__date_write(date, time_s);
    for (unsigned m = 0; m < 12; m++) {
        if (memcmp(months + (size_t)m * 3, date + 8, 3) != 0)
            continue;
        month[0] = (char)('0' + (m + 1) / 10);
        month[1] = (char)('0' + (m + 1) % 10);
    }
    line_bytes(l, date + 12, 4);
    line_text(l, "-");
    line_bytes(l, month, 2);
    line_text(l, "-");
    line_bytes(l, date + 5, 2);
    line_text(l, "T");
    line_bytes(l, date + 17, 8);
    line_text(l, "Z");
}

/* A member, if there is a value; `name` has the punctuation before it. */
static void line_member(struct line *l, const char *name,
                        struct flare_str value, size_t max)
{
    if (value.ptr == NULL)
        return;
    line_text(l, name);
    line_text(l, "\"");
    line_value(l, value, max);
    line_text(l, "\"");
}

static void line_json(struct line *l, const struct flare__log_entry *e)
{
    line_text(l, "{\"time\":\"");
    line_iso_time(l, e->time_s);
    line_text(l, "\"");
    line_member(l, ",\"client\":", e->client, LINE_CLIENT_MAX);
    line_member(l, ",\"user\":", e->user, LINE_USER_MAX);
    line_member(l, ",\"method\":", e->method, LINE_METHOD_MAX);
    line_member(l, ",\"target\":", e->target, LINE_TARGET_MAX);
    line_text(l, e->minor == 0 ? ",\"protocol\":\"HTTP/1.0\""
                               : ",\"protocol\":\"HTTP/1.1\"");
    line_text(l, ",\"status\":");
    line_number(l, (uint64_t)e->status);
    line_text(l, ",\"bytes\":");
    line_number(l, e->body_bytes);
    line_text(l, ",\"duration_us\":");
    line_number(l, e->elapsed_ns / 1000);
    line_member(l, ",\"referer\":", e->referer, LINE_REFERER_MAX);
    line_member(l, ",\"agent\":", e->agent, LINE_AGENT_MAX);
    line_member(l, ",\"id\":", e->id, LINE_ID_MAX);
    line_member(l, ",\"tls\":", e->tls, LINE_TLS_MAX);
    if (e->error != NULL)
        line_member(l, ",\"error\":", flare_str(e->error), LINE_METHOD_MAX);
    line_text(l, "}");
}

size_t flare__log_line(char out[FLARE__LOG_LINE_MAX],
                       enum flare_log_format format,
                       const struct flare__log_entry *entry)
{
    struct line l = {.out = out, .is_json = format == FLARE_LOG_JSON};

    if (l.is_json)
        line_json(&l, entry);
    else
        line_common(&l, entry);
    if (format == FLARE_LOG_COMBINED) {
        line_quoted(&l, entry->referer, LINE_REFERER_MAX);
        line_quoted(&l, entry->agent, LINE_AGENT_MAX);
    }
    line_text(&l, "\n");
    return l.len;
}
