/* SPDX-License-Identifier: MIT */
/* A result for people, alone and beside another; see summary.h. */
#include "tools/bench/summary.h"
#include "tools/common/tool.h"

#include <string.h>

static const double told_levels[] = {50, 75, 90, 99, 99.9, 99.99, 100};

enum { TOLD = sizeof(told_levels) / sizeof(told_levels[0]), COUNT_BYTES = 40 };

/* "1 234 567". */
static const char *show_count(char text[COUNT_BYTES], double value)
{
    char digits[32];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%.0f", value);
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text[at++] = ' ';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static const char *bold(FILE *file)
{
    return tool_style(file, TOOL_BOLD);
}

static const char *plain(FILE *file)
{
    return tool_style(file, TOOL_PLAIN);
}

static void print_settings(const struct summary *s, FILE *file)
{
    char count[COUNT_BYTES];

    fprintf(file, "%s%s%s\n", bold(file), s->url, plain(file));
    fprintf(file, "  %u connection%s", s->connections,
            s->connections == 1 ? "" : "s");
    if (s->depth > 1)
        fprintf(file, " of %u requests at a time", s->depth);
    if (s->closes)
        fprintf(file, ", a new one for each request");
    fprintf(file, ", %u thread%s, %s, ", s->threads, s->threads == 1 ? "" : "s",
            s->backend);
    if (s->rate_wanted > 0)
        fprintf(file, "%s/s wanted%s\n", show_count(count, s->rate_wanted),
                s->is_poisson ? " at random moments" : "");
    else
        fprintf(file, "as fast as answers come\n");
    if (s->is_partial)
        fprintf(file, "  %sinterrupted: what there was until then%s\n",
                tool_style(file, TOOL_YELLOW), plain(file));
}

static void print_counts(const struct summary *s, FILE *file)
{
    char count[COUNT_BYTES];
    char rate[COUNT_BYTES];
    char bytes[TOOL_TEXT_BYTES];

    fprintf(file, "\n  %sAnswers%s   %s in %.2f s, %s%s/s%s", bold(file),
            plain(file), show_count(count, (double)s->answers), s->seconds,
            bold(file), show_count(rate, s->rate), plain(file));
    if (s->seconds > 0)
        fprintf(file, ", %s/s received",
                tool_show_bytes(bytes, (double)s->bytes_in / s->seconds));
    fputc('\n', file);
    for (size_t i = 0; i < s->status_count; i++)
        fprintf(
            file, "            %s%3u%s  %s\n",
            tool_style(file, s->status[i].code >= 400 ? TOOL_RED : TOOL_GREEN),
            s->status[i].code, plain(file),
            show_count(count, (double)s->status[i].count));
}

static void print_line(FILE *file, const char *words, uint64_t value)
{
    char count[COUNT_BYTES];

    if (value > 0)
        fprintf(file, "            %s%s%s  %s\n", tool_style(file, TOOL_RED),
                show_count(count, (double)value), plain(file), words);
}

static void print_errors(const struct summary *s, FILE *file)
{
    char count[COUNT_BYTES];

    fprintf(file, "  %sErrors%s    %s\n", bold(file), plain(file),
            show_count(count, (double)s->error_total));
    for (int i = 0; i < TALLY_ERROR_COUNT; i++)
        print_line(file, tally_error_words((enum tally_error)i), s->errors[i]);
    if (s->fault[0] != '\0') {
        fprintf(file, "            the first: ");
        tool_put_escaped(file, flare_str(s->fault));
        fputc('\n', file);
    }
    if (s->rate_wanted > 0)
        print_line(file, "were due and found no connection free", s->unsent);
    if (s->rate_wanted > 0 || s->answers == 0)
        print_line(file, "were under way at the end", s->unanswered);
    if (s->resent > 0)
        fprintf(file,
                "            %s sent again, as the server closed in "
                "order\n",
                show_count(count, (double)s->resent));
}

static void print_times(const struct summary *s, FILE *file)
{
    bool has_service = s->service.count > 0;
    char one[TOOL_TEXT_BYTES];
    char two[TOOL_TEXT_BYTES];

    fprintf(file, "\n  %sLatency%s   %10s", bold(file), plain(file),
            has_service ? "since due" : "");
    fprintf(file, has_service ? "%12s\n" : "\n", "since sent");
    for (size_t i = 0; i < TOLD; i++) {
        double at = summary_at(&s->latency, told_levels[i]);

        fprintf(file, "    %5g %% %11s", told_levels[i], tool_show_ns(one, at));
        if (has_service)
            fprintf(file, " %11s",
                    tool_show_ns(two, summary_at(&s->service, told_levels[i])));
        fputc('\n', file);
    }
    fprintf(file, "    mean    %11s", tool_show_ns(one, s->latency.mean));
    if (has_service)
        fprintf(file, " %11s", tool_show_ns(two, s->service.mean));
    fprintf(file, "\n    stdev   %11s\n", tool_show_ns(one, s->latency.stdev));
}

void summary_print(const struct summary *s, FILE *file)
{
    double cpu = s->cpu_user_s + s->cpu_system_s;
    char one[TOOL_TEXT_BYTES];
    char two[TOOL_TEXT_BYTES];

    print_settings(s, file);
    print_counts(s, file);
    print_errors(s, file);
    if (s->latency.count > 0)
        print_times(s, file);
    if (s->connect.count > 0)
        fprintf(file, "  %sConnect%s   %llu, median %s, slowest %s\n",
                bold(file), plain(file), (unsigned long long)s->connect.count,
                tool_show_ns(one, summary_at(&s->connect, 50)),
                tool_show_ns(two, s->connect.max));
    if (s->answers > 0 && s->seconds > 0)
        fprintf(file, "  %sOwn CPU%s   %.0f %% of one, %s for each answer\n",
                bold(file), plain(file), 100 * cpu / s->seconds,
                tool_show_ns(one, cpu * 1e9 / (double)s->answers));
}

/* ---- two of them ---- */

enum better { HIGHER, LOWER };

/* The change in per cent, green or red where it is more than noise of the
 * machine often is. */
static void print_change(FILE *file, double a, double b, enum better better)
{
    double change = a > 0 ? 100 * (b - a) / a : 0;
    enum tool_style style = TOOL_PLAIN;

    if (a <= 0) {
        fprintf(file, "%10s\n", a == b ? "=" : "new");
        return;
    }
    if (change > 3)
        style = better == HIGHER ? TOOL_GREEN : TOOL_RED;
    if (change < -3)
        style = better == HIGHER ? TOOL_RED : TOOL_GREEN;
    fprintf(file, "%s%+9.1f %%%s\n", tool_style(file, style), change,
            plain(file));
}

static void compare_counts(FILE *file, const char *name, double a, double b,
                           enum better better)
{
    char one[COUNT_BYTES];
    char two[COUNT_BYTES];

    fprintf(file, "  %-14s %14s %14s ", name, show_count(one, a),
            show_count(two, b));
    print_change(file, a, b, better);
}

static void compare_times(FILE *file, const char *name, double a, double b)
{
    char one[TOOL_TEXT_BYTES];
    char two[TOOL_TEXT_BYTES];

    fprintf(file, "  %-14s %14s %14s ", name, tool_show_ns(one, a),
            tool_show_ns(two, b));
    print_change(file, a, b, LOWER);
}

static double cpu_per_answer(const struct summary *s)
{
    return s->answers > 0
               ? (s->cpu_user_s + s->cpu_system_s) * 1e9 / (double)s->answers
               : 0;
}

static void warn_of_settings(const struct summary *a, const struct summary *b)
{
    if (strcmp(a->url, b->url) != 0 || a->connections != b->connections ||
        a->threads != b->threads || a->depth != b->depth ||
        a->closes != b->closes || a->rate_wanted != b->rate_wanted)
        tool_warn("the two runs differ in more than their results");
    if (a->is_partial || b->is_partial)
        tool_warn("one of the runs was interrupted");
}

void summary_compare(const struct summary *a, const struct summary *b,
                     FILE *file)
{
    warn_of_settings(a, b);
    fprintf(file, "A  ");
    print_settings(a, file);
    fprintf(file, "B  ");
    print_settings(b, file);
    fprintf(file, "\n  %s%-14s %14s %14s %11s%s\n", bold(file), "", "A", "B",
            "change", plain(file));
    compare_counts(file, "answers/s", a->rate, b->rate, HIGHER);
    compare_counts(file, "errors", (double)a->error_total,
                   (double)b->error_total, LOWER);
    compare_counts(file, "unsent", (double)a->unsent, (double)b->unsent, LOWER);
    compare_times(file, "mean", a->latency.mean, b->latency.mean);
    for (size_t i = 0; i < TOLD; i++) {
        char name[24];

        snprintf(name, sizeof(name), "p%g", told_levels[i]);
        compare_times(file, name, summary_at(&a->latency, told_levels[i]),
                      summary_at(&b->latency, told_levels[i]));
    }
    compare_times(file, "connect p50", summary_at(&a->connect, 50),
                  summary_at(&b->connect, 50));
    compare_times(file, "own CPU/answer", cpu_per_answer(a), cpu_per_answer(b));
}
