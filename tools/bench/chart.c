/* SPDX-License-Identifier: MIT */
/* SVG by hand; see chart.h. */
#include "tools/bench/chart.h"

#include "tools/common/tool.h"

#include <math.h>

enum {
    WIDTH = 720,
    HEIGHT = 280,
    LEFT = 74,
    RIGHT = 14,
    TOP = 30,
    BOTTOM = 44,
    Y_TICKS = 5,
    SPREAD = 20 /* from here on, a logarithm */
};

/* What is drawn, and how numbers become places. */
struct frame {
    FILE *file;
    const struct chart *chart;
    double x_low, x_high;
    double y_low, y_high;
    bool is_log;
};

static double place(double value, double low, double high, double size)
{
    return high > low ? (value - low) / (high - low) * size : 0;
}

static double x_of(const struct frame *f, double x)
{
    return LEFT + place(x, f->x_low, f->x_high, WIDTH - LEFT - RIGHT);
}

static double y_of(const struct frame *f, double y)
{
    double size = HEIGHT - TOP - BOTTOM;

    if (f->is_log)
        return TOP + size -
               place(log10(y < f->y_low ? f->y_low : y), log10(f->y_low),
                     log10(f->y_high), size);
    return TOP + size - place(y, f->y_low, f->y_high, size);
}

/* The least of 1, 2 and 5 times a power of ten that is not below `value`. */
static double round_up(double value)
{
    double power = pow(10, floor(log10(value)));

    for (double factor = 1; factor < 10; factor *= factor < 2 ? 2 : 2.5)
        if (factor * power >= value * (1 - 1e-9))
            return factor * power;
    return 10 * power;
}

static void measure(struct frame *f)
{
    double low = INFINITY;
    bool is_first = true;

    for (size_t i = 0; i < f->chart->line_count; i++) {
        const struct chart_line *line = &f->chart->lines[i];

        for (size_t k = 0; k < line->count; k++) {
            struct chart_point p = line->points[k];

            f->x_low = is_first || p.x < f->x_low ? p.x : f->x_low;
            f->x_high = is_first || p.x > f->x_high ? p.x : f->x_high;
            f->y_high = is_first || p.y > f->y_high ? p.y : f->y_high;
            if (p.y > 0 && p.y < low)
                low = p.y;
            is_first = false;
        }
    }
    f->is_log = f->chart->is_time && f->y_high > SPREAD * low;
    if (f->is_log) {
        f->y_low = pow(10, floor(log10(low)));
        f->y_high = round_up(f->y_high);
    }
}

/* ---- parts ---- */

static void put_text(const struct frame *f, double x, double y,
                     const char *anchor, const char *text)
{
    fprintf(f->file, "<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>\n", x,
            y, anchor, text);
}

static void put_y_tick(const struct frame *f, double value)
{
    double y = y_of(f, value);
    char text[TOOL_TEXT_BYTES];

    if (f->chart->is_time)
        tool_show_ns(text, value);
    else if (value >= 1e6)
        snprintf(text, sizeof(text), "%.4gM", value / 1e6);
    else if (value >= 1e3)
        snprintf(text, sizeof(text), "%.4gk", value / 1e3);
    else
        snprintf(text, sizeof(text), "%.4g", value);
    fprintf(f->file, "<path class='grid' d='M%d %.1fH%d'/>\n", LEFT, y,
            WIDTH - RIGHT);
    put_text(f, LEFT - 8, y + 4, "end", text);
}

static void put_y_axis(struct frame *f)
{
    double step;

    if (f->is_log) {
        for (double at = f->y_low; at <= f->y_high * 1.001; at *= 10)
            put_y_tick(f, at);
        return;
    }
    step = f->y_high > 0 ? round_up(f->y_high / Y_TICKS) : 1;
    f->y_high = ceil(f->y_high / step) * step;
    if (f->y_high == 0)
        f->y_high = step;
    for (double at = 0; at <= f->y_high * 1.001; at += step)
        put_y_tick(f, at);
}

static void put_x_tick(const struct frame *f, double at, const char *text)
{
    double x = x_of(f, at);

    if (at < f->x_low || at > f->x_high * (1 + 1e-9))
        return;
    fprintf(f->file, "<path class='grid' d='M%.1f %dV%d'/>\n", x, TOP,
            HEIGHT - BOTTOM);
    put_text(f, x, HEIGHT - BOTTOM + 16, "middle", text);
}

static void put_x_axis(const struct frame *f)
{
    const struct chart *chart = f->chart;
    double step;

    put_text(f, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 6, "middle",
             chart->x_name);
    for (size_t i = 0; i < chart->tick_count; i++)
        put_x_tick(f, chart->ticks[i].at, chart->ticks[i].text);
    if (chart->ticks != NULL || f->x_high <= f->x_low)
        return;
    step = round_up((f->x_high - f->x_low) / 8);
    for (double at = ceil(f->x_low / step) * step; at <= f->x_high;
         at += step) {
        char text[32];

        snprintf(text, sizeof(text), "%g", at);
        put_x_tick(f, at, text);
    }
}

static void put_line(const struct frame *f, size_t index)
{
    const struct chart_line *line = &f->chart->lines[index];
    double x = LEFT + 8 + (double)index * 160;

    fprintf(f->file, "<path class='line line-%u%s' d='", line->colour,
            line->is_dashed ? " dashed" : "");
    for (size_t i = 0; i < line->count; i++)
        fprintf(f->file, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                x_of(f, line->points[i].x), y_of(f, line->points[i].y));
    fprintf(f->file, "'/>\n");
    fprintf(f->file, "<path class='line line-%u%s' d='M%.1f 14h22'/>\n",
            line->colour, line->is_dashed ? " dashed" : "", x);
    put_text(f, x + 28, 18, "start", line->name);
}

void chart_write(const struct chart *chart, FILE *file)
{
    struct frame f = {.file = file, .chart = chart};

    measure(&f);
    if (f.x_high <= f.x_low)
        return;
    fprintf(file, "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>\n",
            WIDTH, HEIGHT, chart->title);
    put_y_axis(&f);
    put_x_axis(&f);
    for (size_t i = 0; i < chart->line_count; i++)
        put_line(&f, i);
    fprintf(file, "</svg>\n");
}
