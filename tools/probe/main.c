/* SPDX-License-Identifier: MIT */
/* flare-probe: what this machine offers to flare, and what it lacks. */
#include "tools/common/tool.h"
#include "tools/probe/facts.h"
#include "tools/probe/probe.h"

static const struct tool_option options[] = {
    TOOL_GROUP("Output"),
    {0, "json", NULL, "one JSON object"},
    {0, "color", "WHEN", "always, never [auto]"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-probe",
    .usage = "[OPTION]...",
    .about = "Tells what this machine offers: the kernel, io_uring feature by\n"
             "feature or why it is refused, kernel TLS, CPUs, limits; which\n"
             "backend flare chooses, and what costs speed.",
    .options = options,
};

int main(int argc, char **argv)
{
    struct tool_args args = {.argc = argc, .argv = argv, .at = 1};
    const struct tool_option *option;
    bool json = false;

    tool_begin(&tool);
    while ((option = tool_next(&args)) != NULL) {
        if (tool_is(option, "json"))
            json = true;
        else if (tool_is(option, "color"))
            tool_set_colour(args.value);
        else
            tool_usage("there are no arguments, but '%s'", args.value);
    }
    probe_system();
    probe_flare();
    probe_ring();
    probe_ktls();
    probe_limits();
    if (json)
        facts_put_json();
    else
        facts_put_text();
    return TOOL_EXIT_OK;
}
