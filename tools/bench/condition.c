/* SPDX-License-Identifier: MIT */
/* Conditions read and looked at; see condition.h. */
#include "tools/bench/condition.h"

#include "tools/common/tool.h"

#include <string.h>

static const struct {
    const char *name;
    enum condition_metric metric;
} metrics[] = {
    {"mean", CONDITION_MEAN},       {"min", CONDITION_MIN},
    {"max", CONDITION_MAX},         {"rate", CONDITION_RATE},
    {"answers", CONDITION_ANSWERS}, {"errors", CONDITION_ERRORS},
    {"unsent", CONDITION_UNSENT},   {"unanswered", CONDITION_UNANSWERED},
};

bool condition_is_time(const struct condition *c)
{
    return c->metric == CONDITION_PERCENTILE || c->metric == CONDITION_MEAN ||
           c->metric == CONDITION_MIN || c->metric == CONDITION_MAX;
}

static void read_metric(struct condition *c, const char *option,
                        const char *name)
{
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        if (strcmp(metrics[i].name, name) != 0)
            continue;
        c->metric = metrics[i].metric;
        return;
    }
    if (name[0] >= '1' && name[0] <= '5' && strcmp(name + 1, "xx") == 0) {
        c->metric = CONDITION_CLASS;
        c->level = name[0] - '0';
        return;
    }
    if (name[0] != 'p')
        tool_usage("%s: '%s' is nothing that is measured (p99, mean, max, "
                   "rate, errors, 5xx ...)",
                   option, name);
    c->metric = CONDITION_PERCENTILE;
    c->level = tool_decimal(option, name + 1, 0, 100);
}

static const char *read_operator(struct condition *c, const char *text)
{
    bool has_equal = text[1] == '=';

    switch (text[0]) {
    case '>':
        c->op = has_equal ? CONDITION_AT_LEAST : CONDITION_ABOVE;
        break;
    case '<':
        c->op = has_equal ? CONDITION_AT_MOST : CONDITION_BELOW;
        break;
    default:
        c->op = CONDITION_EQUAL;
        break;
    }
    return text + 1 + has_equal;
}

static void read_value(struct condition *c, const char *option,
                       const char *text)
{
    const uint64_t day_ns = UINT64_C(86400) * 1000000000;
    size_t len = strlen(text);
    char number[32];

    if (condition_is_time(c)) {
        c->value = (double)tool_duration(option, text, 0, day_ns);
        return;
    }
    if (len == 0 || len >= sizeof(number))
        tool_usage("%s: '%s' has no value", option, c->text);
    memcpy(number, text, len + 1);
    if (number[len - 1] == '%' && c->metric != CONDITION_RATE) {
        c->is_share = true;
        number[len - 1] = '\0';
    }
    c->value = tool_decimal(option, number, 0, 1e18);
}

void condition_parse(struct condition *c, const char *option, const char *text)
{
    size_t len = strcspn(text, "<>=");
    char name[32];

    *c = (struct condition){.text = text};
    if (text[len] == '\0' || len >= sizeof(name))
        tool_usage("%s takes a condition like 'p99>5ms', not '%s'", option,
                   text);
    memcpy(name, text, len);
    name[len] = '\0';
    read_metric(c, option, name);
    read_value(c, option, read_operator(c, text + len));
}

static double count_of(const struct condition *c, const struct tally *tally)
{
    switch (c->metric) {
    case CONDITION_ANSWERS:
        return (double)tally->answers;
    case CONDITION_ERRORS:
        return (double)tally_errors(tally);
    case CONDITION_UNSENT:
        return (double)tally->unsent;
    case CONDITION_UNANSWERED:
        return (double)tally->unanswered;
    default:
        return (double)tally_class(tally, (unsigned)c->level);
    }
}

double condition_measure(const struct condition *c, const struct outcome *o)
{
    const struct tally *tally = &o->tally;
    struct histogram_facts facts;
    double all;

    if (c->metric == CONDITION_RATE)
        return outcome_rate(o);
    if (c->metric == CONDITION_PERCENTILE)
        return (double)histogram_at(&tally->latency, c->level / 100);
    if (condition_is_time(c)) {
        facts = histogram_facts(&tally->latency);
        return c->metric == CONDITION_MEAN  ? facts.mean
               : c->metric == CONDITION_MIN ? (double)facts.min
                                            : (double)facts.max;
    }
    if (!c->is_share)
        return count_of(c, tally);
    all = (double)(tally->answers + tally_errors(tally) + tally->unsent);
    return all > 0 ? 100 * count_of(c, tally) / all : 0;
}

bool condition_holds(const struct condition *c, const struct outcome *o)
{
    double is = condition_measure(c, o);

    switch (c->op) {
    case CONDITION_ABOVE:
        return is > c->value;
    case CONDITION_AT_LEAST:
        return is >= c->value;
    case CONDITION_BELOW:
        return is < c->value;
    case CONDITION_AT_MOST:
        return is <= c->value;
    default:
        return is == c->value;
    }
}
