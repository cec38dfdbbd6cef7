/* SPDX-License-Identifier: MIT */
/*
 * flare-bench: loads a server and says what it took.  The parts:
 *
 *   settings, target   the command line, the URL      -> job.h, phase
 *   text, requests     what is sent, with placeholders
 *   run                threads through phases         -> outcome.h
 *   worker, pace       one thread: connections, moments
 *   http, ws, answer   the protocols
 *   histogram, tally   what is counted
 *   summary, html      what is told; peak, condition: what is made of it
 */
#include "tools/bench/html.h"
#include "tools/bench/peak.h"
#include "tools/bench/progress.h"
#include "tools/bench/run.h"
#include "tools/bench/settings.h"
#include "tools/bench/summary.h"
#include "tools/common/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings settings;
static struct outcome outcome;
static struct summary summary;
static struct summary other;
static struct peak peak;

/* ---- what is asked for ---- */

static void write_hgrm(const char *path)
{
    FILE *file = fopen(path, "w");
    bool has_failed;

    if (file == NULL)
        tool_die("%s: %s", path, strerror(errno));
    histogram_write_hgrm(&outcome.tally.latency, file);
    has_failed = ferror(file);
    if (fclose(file) != 0 || has_failed)
        tool_die("%s: could not be written", path);
}

static void put_steps(struct flare_json *json)
{
    flare_json_key(json, "steps");
    flare_json_begin_array(json);
    for (size_t i = 0; i < peak.count; i++) {
        const struct peak_step *step = &peak.steps[i];

        flare_json_begin_object(json);
        flare_json_key(json, "wanted_per_s");
        flare_json_double(json, step->wanted);
        flare_json_key(json, "answers_per_s");
        flare_json_double(json, step->rate);
        flare_json_key(json, "p50_ns");
        flare_json_double(json, step->p50_ns);
        flare_json_key(json, "p99_ns");
        flare_json_double(json, step->p99_ns);
        flare_json_key(json, "metric_ns");
        flare_json_double(json, step->metric_ns);
        flare_json_key(json, "errors");
        flare_json_u64(json, step->errors);
        flare_json_key(json, "verdict");
        flare_json_string(json, flare_str(peak_verdict_words(step->verdict)));
        flare_json_end_object(json);
    }
    flare_json_end_array(json);
}

static void put_peak(struct flare_json *json)
{
    flare_json_key(json, "peak");
    flare_json_begin_object(json);
    flare_json_key(json, "keep");
    flare_json_string(json, flare_str(settings.peak.text));
    flare_json_key(json, "rate");
    flare_json_double(json, peak.rate);
    flare_json_key(json, "partial");
    flare_json_bool(json, peak.is_partial);
    put_steps(json);
    flare_json_end_object(json);
}

static void put_conditions(struct flare_json *json)
{
    flare_json_key(json, "fail_if");
    flare_json_begin_array(json);
    for (size_t i = 0; i < settings.fail_if_count; i++) {
        const struct condition *c = &settings.fail_if[i];

        flare_json_begin_object(json);
        flare_json_key(json, "condition");
        flare_json_string(json, flare_str(c->text));
        flare_json_key(json, "value");
        flare_json_double(json, condition_measure(c, &outcome));
        flare_json_key(json, "met");
        flare_json_bool(json, condition_holds(c, &outcome));
        flare_json_end_object(json);
    }
    flare_json_end_array(json);
}

static void write_json(void)
{
    struct flare_json json;

    flare_json_init(&json, NULL, 1024 * 1024);
    flare_json_set_utf8(&json, FLARE_JSON_UTF8_REPLACE);
    flare_json_begin_object(&json);
    summary_write(&summary, &json);
    put_conditions(&json);
    if (settings.has_peak)
        put_peak(&json);
    flare_json_end_object(&json);
    tool_put_json(&json);
    flare_json_fini(&json);
}

static void print_result(void)
{
    if (settings.has_peak && peak.rate > 0)
        printf("\n%sThe highest rate that keeps %s: %.0f/s%s\n\n",
               tool_style(stdout, TOOL_BOLD), settings.peak.text, peak.rate,
               tool_style(stdout, TOOL_PLAIN));
    else if (settings.has_peak)
        printf("\nNo rate that was tried keeps %s.\n\n", settings.peak.text);
    summary_print(&summary, stdout);
    if (fflush(stdout) != 0)
        tool_die("standard output: %s", strerror(errno));
}

/* The exit code, the gravest first. */
static int judge(void)
{
    int code = TOOL_EXIT_OK;

    for (size_t i = 0; i < settings.fail_if_count; i++) {
        const struct condition *c = &settings.fail_if[i];

        if (!condition_holds(c, &outcome))
            continue;
        tool_warn("it is so: %s", c->text);
        code = EXIT_CONDITION;
    }
    if (settings.has_peak && peak.rate == 0)
        code = EXIT_CONDITION;
    if (outcome.tally.answers == 0 || outcome.has_failed)
        code = TOOL_EXIT_FAILED;
    return outcome.is_partial || peak.is_partial ? EXIT_INTERRUPTED : code;
}

/* ---- what is done ---- */

static void on_step(const struct peak_step *step)
{
    progress_clear();
    peak_print_step(step, stdout);
    fflush(stdout);
}

static void measure(void)
{
    struct run_watcher watcher =
        progress_watcher(settings.is_quiet || settings.has_json);
    bool is_told = !settings.is_quiet && !settings.has_json;
    struct run *run = run_open(&settings.job, &watcher);

    if (settings.has_peak) {
        progress_clear();
        if (is_told)
            peak_print_head(&settings.peak, stdout);
        peak_find(&peak, run, &settings.phase, &settings.peak, &outcome,
                  is_told ? on_step : NULL);
    } else {
        run_phase(run, &settings.phase, &outcome);
    }
    progress_clear();
    summary_make(&summary, &settings.job, &outcome);
    run_close(run);
}

static int compare(void)
{
    summary_read(&summary, settings.compare[0]);
    summary_read(&other, settings.compare[1]);
    summary_compare(&summary, &other, stdout);
    if (settings.html != NULL)
        html_write(settings.html, &summary, &other, NULL);
    return fflush(stdout) == 0 ? TOOL_EXIT_OK : TOOL_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    int code;

    settings_read(&settings, argc, argv);
    if (settings.compare[0] != NULL)
        return compare();
    measure();
    if (settings.hgrm != NULL)
        write_hgrm(settings.hgrm);
    if (settings.html != NULL)
        html_write(settings.html, &summary, NULL,
                   settings.has_peak ? &peak : NULL);
    if (settings.has_json)
        write_json();
    else if (!settings.is_quiet)
        print_result();
    code = judge();
    settings_fini(&settings);
    return code;
}
