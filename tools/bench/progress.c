/* SPDX-License-Identifier: MIT */
/* The live line; see progress.h. */
#include "tools/bench/progress.h"

#include "tools/common/tool.h"

#include <unistd.h>

static bool is_shown;

void progress_clear(void)
{
    if (is_shown)
        fputs("\r\033[K", stderr);
    is_shown = false;
}

static void on_connecting(void *ctx, uint64_t connected, uint64_t wanted)
{
    (void)ctx;
    progress_clear();
    is_shown = true;
    fprintf(stderr, "connecting: %llu of %llu", (unsigned long long)connected,
            (unsigned long long)wanted);
}

static void on_sample(void *ctx, const struct sample *sample, double left_s)
{
    char p50[TOOL_TEXT_BYTES];
    char p99[TOOL_TEXT_BYTES];

    (void)ctx;
    if (sample->seconds <= 0)
        return;
    progress_clear();
    is_shown = true;
    fprintf(stderr, "%s%.0f/s%s  p50 %s  p99 %s", tool_style(stderr, TOOL_BOLD),
            (double)sample->answers / sample->seconds,
            tool_style(stderr, TOOL_PLAIN),
            tool_show_ns(p50, (double)sample->p50_ns),
            tool_show_ns(p99, (double)sample->p99_ns));
    if (sample->errors > 0)
        fprintf(stderr, "  %s%llu errors%s", tool_style(stderr, TOOL_RED),
                (unsigned long long)sample->errors,
                tool_style(stderr, TOOL_PLAIN));
    if (left_s >= 0)
        fprintf(stderr, "  %.0f s left", left_s);
}

struct run_watcher progress_watcher(bool is_quiet)
{
    if (is_quiet || isatty(STDERR_FILENO) != 1)
        return (struct run_watcher){.ctx = NULL};
    return (struct run_watcher){.on_connecting = on_connecting,
                                .on_sample = on_sample};
}
