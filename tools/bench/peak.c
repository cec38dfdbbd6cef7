/* SPDX-License-Identifier: MIT */
/*
 * First as fast as answers come: more than that it cannot be.  Then the middle
 * between the best rate that held and the lowest that did not, until they are 3
 * % apart.  A step that fails is tried once more before it is believed, as a
 * machine has hiccups; and the answer is measured once more: where it does not
 * hold again, what is a tenth below is.
 */
#include "tools/bench/peak.h"

#include "tools/common/tool.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETTLED_PER_CENT = 3,
    BEHIND_PER_CENT = 98,
    LEAST_PER_CENT = 1 /* of all it can: below it nothing is looked for */
};

struct search {
    struct peak *peak;
    struct run *run;
    struct phase phase;
    const struct condition *keep;
    struct outcome *outcome; /* of the step under way */
    struct outcome *best;
    void (*on_step)(const struct peak_step *step);
};

const char *peak_verdict_words(enum peak_verdict verdict)
{
    static const char *const words[] = {"holds", "too slow", "falls behind",
                                        "errors"};

    return words[verdict];
}

static enum peak_verdict judge(const struct search *s, double wanted)
{
    const struct tally *tally = &s->outcome->tally;

    if (tally_errors(tally) > 0 || tally_class(tally, 5) > 0 ||
        tally->answers == 0)
        return PEAK_ERRORS;
    if (outcome_rate(s->outcome) < wanted * BEHIND_PER_CENT / 100 ||
        tally->unsent * 100 > tally->answers * (100 - BEHIND_PER_CENT))
        return PEAK_BEHIND;
    return condition_holds(s->keep, s->outcome) ? PEAK_HOLDS : PEAK_SLOW;
}

static bool is_over(const struct search *s)
{
    return run_is_interrupted(s->run) || s->peak->count == PEAK_STEPS_MAX;
}

/* Measures at `wanted`; what was interrupted is no step. */
static bool measure(struct search *s, double wanted)
{
    const struct histogram *latency = &s->outcome->tally.latency;
    struct peak_step *step;

    if (is_over(s))
        return false;
    s->phase.rate = wanted;
    run_phase(s->run, &s->phase, s->outcome);
    if (s->outcome->is_partial)
        return false;
    step = &s->peak->steps[s->peak->count++];
    *step = (struct peak_step){
        .wanted = wanted,
        .rate = outcome_rate(s->outcome),
        .p50_ns = (double)histogram_at(latency, 0.5),
        .p99_ns = (double)histogram_at(latency, 0.99),
        .metric_ns = condition_measure(s->keep, s->outcome),
        .errors = tally_errors(&s->outcome->tally) +
                  tally_class(&s->outcome->tally, 5),
        .verdict = judge(s, wanted),
    };
    if (s->on_step != NULL)
        s->on_step(step);
    if (step->verdict != PEAK_HOLDS || wanted == 0)
        return false;
    *s->best = *s->outcome;
    return true;
}

static bool measure_twice(struct search *s, double wanted)
{
    return measure(s, wanted) || measure(s, wanted);
}

/* Between what holds and what does not. */
static double narrow(struct search *s, double low, double high)
{
    double least = high * LEAST_PER_CENT / 100;

    while (!is_over(s) && high - low > high * SETTLED_PER_CENT / 100 &&
           high > least) {
        double middle = low > 0 ? (low + high) / 2 : high / 2;

        if (measure_twice(s, middle))
            low = middle;
        else if (!run_is_interrupted(s->run))
            high = middle;
    }
    return low;
}

void peak_find(struct peak *peak, struct run *run, const struct phase *phase,
               const struct condition *keep, struct outcome *outcome,
               void (*on_step)(const struct peak_step *step))
{
    struct search s = {
        .peak = peak,
        .run = run,
        .phase = *phase,
        .keep = keep,
        .outcome = malloc(sizeof(*s.outcome)),
        .best = outcome,
        .on_step = on_step,
    };
    double low;

    if (s.outcome == NULL)
        tool_die("no memory");
    memset(peak, 0, sizeof(*peak));
    memset(s.outcome, 0, sizeof(*s.outcome));
    measure(&s, 0);
    *outcome = *s.outcome;
    low = narrow(&s, 0, outcome_rate(outcome));
    while (low > 0 && !measure_twice(&s, low))
        low = is_over(&s) ? 0 : low * 0.9;
    peak->rate = low;
    peak->is_partial = run_is_interrupted(run);
    if (low == 0)
        *outcome = *s.outcome;
    free(s.outcome);
}

/* ---- for people ---- */

void peak_print_head(const struct condition *keep, FILE *file)
{
    fprintf(file, "  %12s %12s %11s %11s %11s %8s\n", "wanted/s", "answers/s",
            "p50", "p99", keep->text, "errors");
}

void peak_print_step(const struct peak_step *step, FILE *file)
{
    char p50[TOOL_TEXT_BYTES];
    char p99[TOOL_TEXT_BYTES];
    char metric[TOOL_TEXT_BYTES];
    enum tool_style style = step->verdict == PEAK_HOLDS ? TOOL_GREEN : TOOL_RED;

    if (step->wanted > 0)
        fprintf(file, "  %12.0f", step->wanted);
    else
        fprintf(file, "  %12s", "all it can");
    fprintf(file, " %12.0f %11s %11s %11s %8llu  %s%s%s\n", step->rate,
            tool_show_ns(p50, step->p50_ns), tool_show_ns(p99, step->p99_ns),
            tool_show_ns(metric, step->metric_ns),
            (unsigned long long)step->errors,
            tool_style(file, step->wanted > 0 ? style : TOOL_DIM),
            step->wanted > 0 ? peak_verdict_words(step->verdict)
                             : "as the upper end",
            tool_style(file, TOOL_PLAIN));
}
