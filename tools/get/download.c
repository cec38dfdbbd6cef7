/* SPDX-License-Identifier: MIT */
/* flare-get --output: a download with its progress. */
#include "tools/common/tool.h"
#include "tools/get/get.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, BAR_EVERY_MS = 100 };

struct progress {
    bool is_shown;
    uint64_t start_ms;
    uint64_t shown_ms;
    uint64_t start; /* what was there already */
    uint64_t received;
    bool has_start;
};

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void put_bar(uint64_t received, uint64_t total)
{
    int full = total > 0 ? (int)(received * BAR_WIDTH / total) : BAR_WIDTH;

    if (full > BAR_WIDTH)
        full = BAR_WIDTH;
    fprintf(stderr, "[%s", tool_style(stderr, TOOL_GREEN));
    for (int i = 0; i < full; i++)
        fputc('=', stderr);
    fprintf(stderr, "%s%*s] ", tool_style(stderr, TOOL_PLAIN), BAR_WIDTH - full,
            "");
    fprintf(stderr, "%3d%% ",
            total > 0 ? (int)((double)received * 100 / (double)total) : 100);
}

static void put_progress(const struct progress *p, uint64_t total,
                         uint64_t at_ms)
{
    double seconds = (double)(at_ms - p->start_ms + 1) / 1000;
    double rate = (double)(p->received - p->start) / seconds;
    char done[TOOL_TEXT_BYTES];
    char speed[TOOL_TEXT_BYTES];
    char left[TOOL_TEXT_BYTES];

    fputs("\r\033[K", stderr);
    if (total != FLARE_LENGTH_UNKNOWN)
        put_bar(p->received, total);
    fprintf(stderr, "%s at %s/s", tool_show_bytes(done, (double)p->received),
            tool_show_bytes(speed, rate));
    if (total != FLARE_LENGTH_UNKNOWN && rate > 0 && p->received < total)
        fprintf(stderr, ", %s to go",
                tool_show_ns(left, (double)(total - p->received) / rate * 1e9));
    fflush(stderr);
}

static int on_progress(uint64_t received, uint64_t total, void *ctx)
{
    struct progress *p = ctx;
    uint64_t at_ms = now_ms();

    if (!p->has_start)
        p->start = received;
    p->has_start = true;
    p->received = received;
    if (!p->is_shown ||
        (at_ms - p->shown_ms < BAR_EVERY_MS && received != total))
        return 0;
    p->shown_ms = at_ms;
    put_progress(p, total, at_ms);
    return 0;
}

static void put_result(const struct get *get, const struct progress *p,
                       uint64_t ms)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 1 << 20);
    flare_json_set_utf8(&json, FLARE_JSON_UTF8_REPLACE);
    flare_json_begin_object(&json);
    flare_json_key(&json, "url");
    flare_json_string(&json, flare_str(get->url));
    flare_json_key(&json, "file");
    flare_json_string(&json, flare_str(get->output));
    flare_json_key(&json, "file_bytes");
    flare_json_u64(&json, p->received);
    flare_json_key(&json, "resumed_at");
    flare_json_u64(&json, get->resume ? p->start : 0);
    flare_json_key(&json, "elapsed_ms");
    flare_json_u64(&json, ms);
    flare_json_end_object(&json);
    tool_put_json(&json);
}

int get_download(const struct get *get, flare_client *client)
{
    struct progress p = {.start_ms = now_ms()};
    struct flare_download_options options = {
        .on_progress = on_progress, .ctx = &p, .resume = get->resume};
    struct flare_error err;
    char text[TOOL_TEXT_BYTES];
    int rc;

    p.is_shown = !get->quiet && isatty(STDERR_FILENO) == 1;
    rc = flare_client_download(client, get->url, get->output, &options, &err);
    if (p.shown_ms != 0)
        fputc('\n', stderr);
    if (rc < 0) {
        if (get->json || !get->quiet)
            get_put_failure(get, &err);
        return TOOL_EXIT_FAILED;
    }
    if (get->json)
        put_result(get, &p, now_ms() - p.start_ms);
    else if (!get->quiet)
        fprintf(stderr, "%s: %s\n", get->output,
                tool_show_bytes(text, (double)p.received));
    return TOOL_EXIT_OK;
}

const char *get_remote_name(const struct get *get)
{
    struct flare_error err;
    struct flare_url url;
    struct flare_str name;
    char *decoded;
    int len;

    if (flare_url_parse(&url, flare_str(get->url), &err) < 0)
        tool_usage("the URL: %s", err.text);
    name = url.path;
    for (size_t i = url.path.len; i > 0; i--)
        if (url.path.ptr[i - 1] == '/') {
            name.ptr = url.path.ptr + i;
            name.len = url.path.len - i;
            break;
        }
    decoded = malloc(name.len + 1);
    if (decoded == NULL)
        tool_die("no memory");
    len = flare_percent_decode(FLARE_PERCENT_SEGMENT, name, decoded,
                               name.len + 1);
    name = (struct flare_str){decoded, len > 0 ? (size_t)len : 0};
    if (flare_filename_safe(name).ptr != decoded)
        tool_usage("the URL ends in no name for a file: use --output");
    return decoded;
}
