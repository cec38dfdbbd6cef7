/* SPDX-License-Identifier: MIT */
/* The report; see html.h. */
#include "tools/bench/html.h"

#include "tools/bench/chart.h"
#include "tools/common/tool.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width'>\n"
    "<meta name='color-scheme' content='light dark'>\n"
    "<title>flare-bench</title>\n<style>\n"
    ":root{--paper:#fdfdfc;--ink:#1b1f24;--soft:#5d6670;--grid:#e2e5e9;"
    "--card:#f4f5f6;--line-1:#1f62c9;--line-2:#b8480b;--line-3:#16794a;"
    "--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e6e8ea;"
    "--soft:#9aa4ae;--grid:#2c3238;--card:#1c2024;--line-1:#7db0ff;"
    "--line-2:#ffa062;--line-3:#6fd3a0;--bad:#ff8a80}}\n"
    "body{background:var(--paper);color:var(--ink);margin:2rem auto;"
    "max-width:52rem;padding:0 1rem;font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.3rem;overflow-wrap:anywhere;margin:0}"
    "h2{font-size:1.05rem;margin:2rem 0 .4rem}\n"
    "p{color:var(--soft);margin:.2rem 0}"
    ".bad{color:var(--bad)}\n"
    "table{border-collapse:collapse;width:100%;"
    "font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.25rem .6rem;"
    "border-bottom:1px solid var(--grid)}"
    "th:first-child,td:first-child{text-align:left}"
    "th{color:var(--soft);font-weight:600}\n"
    "svg{width:100%;height:auto;background:var(--card);border-radius:6px}"
    "svg text{fill:var(--soft);font-size:11px}"
    ".grid{stroke:var(--grid);fill:none}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".dashed{stroke-dasharray:5 4}"
    ".line-1{stroke:var(--line-1)}.line-2{stroke:var(--line-2)}"
    ".line-3{stroke:var(--line-3)}\n"
    "</style></head><body>\n";

static void put_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escape = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                                            : NULL;

        if (escape != NULL)
            fputs(escape, file);
        else if ((unsigned char)*text < ' ')
            fputc('?', file);
        else
            fputc(*text, file);
    }
}

/* ---- what was done ---- */

static void put_settings(FILE *file, const struct summary *s, const char *name)
{
    fprintf(file, "<p>%s", name);
    put_escaped(file, s->url);
    fprintf(file, ": %u connection%s", s->connections,
            s->connections == 1 ? "" : "s");
    if (s->depth > 1)
        fprintf(file, " of %u requests at a time", s->depth);
    if (s->closes)
        fprintf(file, ", a new one for each request");
    fprintf(file, ", %u thread%s, %s, ", s->threads, s->threads == 1 ? "" : "s",
            s->backend);
    if (s->rate_wanted > 0)
        fprintf(file, "%g/s wanted", s->rate_wanted);
    else
        fprintf(file, "as fast as answers come");
    fprintf(file, "; %.1f s after %.1f s of warm-up, %s, flare-bench ",
            s->seconds, s->warmup_s, s->started);
    put_escaped(file, s->version);
    fprintf(file, "</p>\n");
    if (s->is_partial)
        fprintf(file, "<p class='bad'>Interrupted.</p>\n");
    if (s->fault[0] != '\0') {
        fprintf(file, "<p class='bad'>The first error: ");
        put_escaped(file, s->fault);
        fprintf(file, "</p>\n");
    }
}

/* ---- the table ---- */

static void put_row(FILE *file, const char *name, const char *one,
                    const char *two)
{
    fprintf(file, "<tr><td>%s</td><td>%s</td>", name, one);
    if (two != NULL)
        fprintf(file, "<td>%s</td>", two);
    fprintf(file, "</tr>\n");
}

static void put_times(FILE *file, const char *name, double one,
                      const double *two)
{
    char a[TOOL_TEXT_BYTES];
    char b[TOOL_TEXT_BYTES];

    put_row(file, name, tool_show_ns(a, one),
            two != NULL ? tool_show_ns(b, *two) : NULL);
}

static void put_number(FILE *file, const char *name, double one,
                       const double *two)
{
    char a[32];
    char b[32];

    snprintf(a, sizeof(a), "%.0f", one);
    if (two != NULL)
        snprintf(b, sizeof(b), "%.0f", *two);
    put_row(file, name, a, two != NULL ? b : NULL);
}

static double cpu_of(const struct summary *s)
{
    double ns = (s->cpu_user_s + s->cpu_system_s) * 1e9;

    return s->answers > 0 ? ns / (double)s->answers : 0;
}

static void put_table(FILE *file, const struct summary *s,
                      const struct summary *o)
{
    static const double levels[] = {50, 90, 99, 99.9, 99.99, 100};
    double two;

#define OTHER(value) (o != NULL ? (two = (double)(value), &two) : NULL)
    fprintf(file, "<table><tr><th></th><th>%s</th>%s</tr>\n",
            o != NULL ? "A" : "", o != NULL ? "<th>B</th>" : "");
    put_number(file, "answers", (double)s->answers, OTHER(o->answers));
    put_number(file, "answers a second", s->rate, OTHER(o->rate));
    put_number(file, "errors", (double)s->error_total, OTHER(o->error_total));
    put_number(file, "due and never sent", (double)s->unsent, OTHER(o->unsent));
    for (size_t i = 0; i < s->status_count; i++) {
        char name[32];
        double count = 0;

        snprintf(name, sizeof(name), "status %u", s->status[i].code);
        for (size_t k = 0; o != NULL && k < o->status_count; k++)
            if (o->status[k].code == s->status[i].code)
                count = (double)o->status[k].count;
        put_number(file, name, (double)s->status[i].count, OTHER(count));
    }
    put_times(file, "latency, mean", s->latency.mean, OTHER(o->latency.mean));
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        char name[32];

        snprintf(name, sizeof(name), "latency, p%g", levels[i]);
        put_times(file, name, summary_at(&s->latency, levels[i]),
                  OTHER(summary_at(&o->latency, levels[i])));
    }
    put_times(file, "connecting, p50", summary_at(&s->connect, 50),
              OTHER(summary_at(&o->connect, 50)));
    put_times(file, "own CPU for an answer", cpu_of(s), OTHER(cpu_of(o)));
    fprintf(file, "</table>\n");
#undef OTHER
}

/* ---- charts ---- */

struct points {
    struct chart_point p[OUTCOME_SAMPLES_MAX];
    size_t count;
};

static void add_point(struct points *points, double x, double y)
{
    points->p[points->count++] = (struct chart_point){x, y};
}

static void add_line(struct chart *chart, const char *name,
                     const struct points *points, unsigned colour,
                     bool is_dashed)
{
    chart->lines[chart->line_count++] = (struct chart_line){
        .name = name,
        .points = points->p,
        .count = points->count,
        .colour = colour,
        .is_dashed = is_dashed,
    };
}

/* What is above it, in powers of ten: 90 % is 1, 99 % is 2. */
static double nines(double level)
{
    return -log10(1 - level / 100);
}

static void percentile_points(struct points *points,
                              const struct summary_times *times)
{
    points->count = 0;
    for (size_t i = 0; i < SUMMARY_LEVELS && summary_levels[i] < 100; i++)
        /* Beyond what the number of values can tell, there is nothing. */
        if ((100 - summary_levels[i]) / 100 * (double)times->count >= 1)
            add_point(points, nines(summary_levels[i]), times->at[i]);
}

static void put_percentiles(FILE *file, const struct summary *s,
                            const struct summary *o)
{
    static struct points lines[2];
    static const char *const names[] = {
        "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"};
    struct chart_tick ticks[7];
    struct chart chart = {.title = "Latency by percentile",
                          .x_name = "share of answers",
                          .ticks = ticks,
                          .tick_count = 7,
                          .is_time = true};

    for (size_t i = 0; i < 7; i++)
        ticks[i] =
            (struct chart_tick){i == 0 ? nines(50) : (double)i, names[i]};
    percentile_points(&lines[0], &s->latency);
    add_line(&chart, o != NULL ? "A" : "latency", &lines[0], 1, false);
    if (o != NULL) {
        percentile_points(&lines[1], &o->latency);
        add_line(&chart, "B", &lines[1], 2, false);
    } else if (s->service.count > 0) {
        percentile_points(&lines[1], &s->service);
        add_line(&chart, "from when it was sent", &lines[1], 2, true);
    }
    fprintf(file, "<h2>Latency by percentile</h2>\n");
    chart_write(&chart, file);
}

static void put_rates(FILE *file, const struct summary *s,
                      const struct summary *o)
{
    static struct points lines[2];
    struct chart chart = {.title = "Answers a second", .x_name = "seconds"};
    const struct summary *both[2] = {s, o};

    for (size_t i = 0; i < 2 && both[i] != NULL; i++) {
        lines[i].count = 0;
        for (size_t k = 0; k < both[i]->sample_count; k++) {
            const struct sample *sample = &both[i]->samples[k];

            if (sample->seconds > 0)
                add_point(&lines[i], sample->at_s,
                          (double)sample->answers / sample->seconds);
        }
        add_line(&chart,
                 o == NULL ? "answers a second"
                 : i == 0  ? "A"
                           : "B",
                 &lines[i], (unsigned)i + 1, false);
    }
    fprintf(file, "<h2>Answers a second, over time</h2>\n");
    chart_write(&chart, file);
}

static void put_latencies(FILE *file, const struct summary *s)
{
    static struct points lines[3];
    struct chart chart = {
        .title = "Latency over time", .x_name = "seconds", .is_time = true};

    memset(lines, 0, sizeof(lines));
    for (size_t i = 0; i < s->sample_count; i++) {
        const struct sample *sample = &s->samples[i];

        if (sample->answers == 0)
            continue;
        add_point(&lines[0], sample->at_s, (double)sample->p50_ns);
        add_point(&lines[1], sample->at_s, (double)sample->p99_ns);
        add_point(&lines[2], sample->at_s, (double)sample->max_ns);
    }
    add_line(&chart, "p50", &lines[0], 1, false);
    add_line(&chart, "p99", &lines[1], 2, false);
    add_line(&chart, "max", &lines[2], 3, true);
    fprintf(file, "<h2>Latency over time</h2>\n");
    chart_write(&chart, file);
}

/* ---- a search ---- */

static void put_peak(FILE *file, const struct peak *peak)
{
    fprintf(file,
            "<h2>The highest rate: %.0f a second</h2>\n<table>"
            "<tr><th>wanted</th><th>answers a second</th><th>p50</th>"
            "<th>p99</th><th>errors</th><th></th></tr>\n",
            peak->rate);
    for (size_t i = 0; i < peak->count; i++) {
        const struct peak_step *step = &peak->steps[i];
        char p50[TOOL_TEXT_BYTES];
        char p99[TOOL_TEXT_BYTES];

        fprintf(file,
                "<tr><td>%.0f</td><td>%.0f</td><td>%s</td><td>%s</td>"
                "<td>%llu</td><td>%s</td></tr>\n",
                step->wanted, step->rate, tool_show_ns(p50, step->p50_ns),
                tool_show_ns(p99, step->p99_ns),
                (unsigned long long)step->errors,
                step->wanted > 0 ? peak_verdict_words(step->verdict)
                                 : "as the upper end");
    }
    fprintf(file, "</table>\n");
}

void html_write(const char *path, const struct summary *s,
                const struct summary *other, const struct peak *peak)
{
    FILE *file = fopen(path, "w");
    bool has_failed;

    if (file == NULL)
        tool_die("%s: %s", path, strerror(errno));
    fputs(head, file);
    fprintf(file, "<h1>");
    put_escaped(file, s->url);
    fprintf(file, "</h1>\n");
    put_settings(file, s, other != NULL ? "A: " : "");
    if (other != NULL)
        put_settings(file, other, "B: ");
    put_table(file, s, other);
    if (peak != NULL)
        put_peak(file, peak);
    put_percentiles(file, s, other);
    put_rates(file, s, other);
    if (other == NULL)
        put_latencies(file, s);
    fprintf(file, "</body></html>\n");
    has_failed = ferror(file);
    if (fclose(file) != 0 || has_failed)
        tool_die("%s: could not be written", path);
}
