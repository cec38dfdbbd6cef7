/* SPDX-License-Identifier: MIT */
/* See show.h. */
#include "tools/ws/show.h"

#include "tools/common/tool.h"
#include "tools/ws/ws.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* A message of hexadecimal digits is twice its length. */
enum { SHOW_JSON_MAX = 256 * 1024 * 1024 };

static void begin(struct flare_json *json, const char *event, const char *who)
{
    flare_json_init(json, NULL, SHOW_JSON_MAX);
    flare_json_set_utf8(json, FLARE_JSON_UTF8_REPLACE);
    flare_json_begin_object(json);
    flare_json_key(json, "event");
    flare_json_string(json, flare_str(event));
    if (who != NULL) {
        flare_json_key(json, "peer");
        flare_json_string(json, flare_str(who));
    }
}

static void end(struct flare_json *json)
{
    flare_json_end_object(json);
    tool_put_json(json);
}

static void put_string(struct flare_json *json, const char *key,
                       struct flare_str text)
{
    flare_json_key(json, key);
    flare_json_string(json, text);
}

/* The front of a line about something other than a message. */
static void note(const char *who)
{
    fprintf(stderr, "%s- %s%s", tool_style(stderr, TOOL_DIM),
            who != NULL ? who : "", who != NULL ? " " : "");
}

static void note_end(void)
{
    fprintf(stderr, "%s\n", tool_style(stderr, TOOL_PLAIN));
}

/* ---- connections ---- */

void show_open(const char *who, struct flare_str protocol)
{
    struct flare_json json;

    if (ws.json) {
        begin(&json, "open", who);
        if (protocol.len > 0)
            put_string(&json, "subprotocol", protocol);
        end(&json);
        return;
    }
    if (ws.quiet)
        return;
    note(who);
    fputs("open", stderr);
    if (protocol.len > 0)
        fprintf(stderr, ", subprotocol %.*s", FLARE_STR_ARG(protocol));
    note_end();
}

void show_closed(const char *who, uint16_t code, struct flare_str reason)
{
    struct flare_json json;

    if (ws.json) {
        begin(&json, "closed", who);
        flare_json_key(&json, "code");
        flare_json_u64(&json, code);
        put_string(&json, "reason", reason);
        end(&json);
        return;
    }
    if (ws.quiet)
        return;
    note(who);
    if (code == FLARE_WS_CLOSE_ABNORMAL)
        fputs("lost", stderr);
    else if (code == FLARE_WS_CLOSE_NONE)
        fputs("closed", stderr);
    else
        fprintf(stderr, "closed with %u ", code);
    tool_put_escaped(stderr, reason);
    note_end();
}

void show_failed(int status, const struct flare_error *err)
{
    struct flare_json json;

    if (!ws.json) {
        tool_warn("%s", err->text);
        return;
    }
    begin(&json, "failed", NULL);
    put_string(&json, "code", flare_str(flare_error_name(err->code)));
    put_string(&json, "text", flare_str(err->text));
    if (status != 0) {
        flare_json_key(&json, "status");
        flare_json_i64(&json, status);
    }
    end(&json);
}

void show_listening(const char *address)
{
    struct flare_json json;

    if (ws.json) {
        begin(&json, "listening", NULL);
        put_string(&json, "address", flare_str(address));
        end(&json);
    } else {
        fprintf(stderr, "listening on %s\n", address);
    }
}

void show_retry(uint32_t in_ms)
{
    struct flare_json json;

    if (ws.json) {
        begin(&json, "retry", NULL);
        flare_json_key(&json, "in_ms");
        flare_json_u64(&json, in_ms);
        end(&json);
    } else if (!ws.quiet) {
        note(NULL);
        fprintf(stderr, "again in %u ms", in_ms);
        note_end();
    }
}

/* ---- messages ---- */

static void put_hex(FILE *file, struct flare_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        fprintf(file, "%02x", (unsigned char)bytes.ptr[i]);
}

static void json_message(const char *who, enum flare_ws_kind kind,
                         struct flare_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct flare_json json;
    char *hex;

    begin(&json, "message", who);
    put_string(&json, "kind",
               flare_str(kind == FLARE_WS_TEXT ? "text" : "binary"));
    if (kind == FLARE_WS_TEXT) {
        put_string(&json, "text", bytes);
    } else {
        hex = malloc(bytes.len * 2 + 1);
        if (hex == NULL)
            tool_die("%s", flare_strerror(-ENOMEM));
        for (size_t i = 0; i < bytes.len; i++) {
            hex[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
            hex[2 * i + 1] = digits[bytes.ptr[i] & 15];
        }
        put_string(&json, "hex", (struct flare_str){hex, bytes.len * 2});
        free(hex);
    }
    end(&json);
}

void show_message(const char *who, enum flare_ws_kind kind,
                  struct flare_str bytes)
{
    bool is_terminal = isatty(STDOUT_FILENO) == 1;

    if (ws.json) {
        json_message(who, kind, bytes);
        return;
    }
    if (who != NULL)
        printf("%s ", who);
    if (is_terminal)
        printf("%s<%s ", tool_style(stdout, TOOL_GREEN),
               tool_style(stdout, TOOL_PLAIN));
    if (kind == FLARE_WS_BINARY && (is_terminal || ws.hex))
        put_hex(stdout, bytes);
    else if (is_terminal)
        tool_put_escaped(stdout, bytes);
    else
        fwrite(bytes.ptr, 1, bytes.len, stdout);
    putchar('\n');
    if (fflush(stdout) != 0)
        tool_die("standard output: %s", flare_strerror(-errno));
}

/* ---- pings ---- */

void show_pong(const char *who, uint64_t seq, uint64_t rtt_ns)
{
    struct flare_json json;
    char text[TOOL_TEXT_BYTES];

    if (ws.json) {
        begin(&json, "pong", who);
        flare_json_key(&json, "seq");
        flare_json_u64(&json, seq);
        flare_json_key(&json, "rtt_ms");
        flare_json_double(&json, (double)rtt_ns / 1e6);
        end(&json);
        return;
    }
    printf("pong from %s: seq=%llu time=%s\n", who, (unsigned long long)seq,
           tool_show_ns(text, (double)rtt_ns));
    fflush(stdout);
}

static void json_pings(const struct show_pings *p, double mean, double spread)
{
    struct flare_json json;
    const struct {
        const char *key;
        double ns;
    } rows[] = {{"min", (double)p->min_ns},
                {"mean", mean},
                {"max", (double)p->max_ns},
                {"deviation", spread}};

    begin(&json, "pings", NULL);
    flare_json_key(&json, "sent");
    flare_json_u64(&json, p->sent);
    flare_json_key(&json, "answered");
    flare_json_u64(&json, p->answered);
    flare_json_key(&json, "rtt_ms");
    flare_json_begin_object(&json);
    for (size_t i = 0; i < 4; i++) {
        flare_json_key(&json, rows[i].key);
        if (p->answered == 0)
            flare_json_null(&json);
        else
            flare_json_double(&json, rows[i].ns / 1e6);
    }
    flare_json_end_object(&json);
    end(&json);
}

void show_pings(const struct show_pings *p)
{
    double n = p->answered > 0 ? (double)p->answered : 1;
    double mean = p->sum_ns / n;
    double variance = p->sum_of_squares / n - mean * mean;
    double spread = variance > 0 ? sqrt(variance) : 0;

    if (ws.json) {
        json_pings(p, mean, spread);
        return;
    }
    printf("%llu pings, %llu answered, %.0f%% lost\n",
           (unsigned long long)p->sent, (unsigned long long)p->answered,
           p->sent > 0 ? 100 * (double)(p->sent - p->answered) / (double)p->sent
                       : 0);
    if (p->answered > 0)
        printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n",
               (double)p->min_ns / 1e6, mean / 1e6, (double)p->max_ns / 1e6,
               spread / 1e6);
}
