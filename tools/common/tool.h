/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tools/ have in common: options, help, values with
 * units, colours, and how they end.
 *
 *     static const struct tool_option options[] = {
 *         TOOL_GROUP("Load"),
 *         { 'c', "connections", "N", "kept open at a time [10]" },
 *         { 0, "json", NULL, "the result as JSON on standard output" },
 *         TOOL_OPTIONS_END,
 *     };
 *     static const struct tool tool = {
 *         .name = "flare-x", .usage = "[OPTION]... URL",
 *         .about = "Does x.", .options = options,
 *     };
 *
 *     tool_begin(&tool);
 *     while ((option = tool_next(&args)) != NULL)
 *         ...
 *
 * A usage error ends the program with TOOL_EXIT_USAGE and one line on standard
 * error that names the option; --help and --version end it with 0.  One thread.
 */
#ifndef FLARE_TOOL_H
#define FLARE_TOOL_H

#include <flare/flare.h>
#include <stdio.h>

/* Every tool's; what more there is, its man page says. */
enum tool_exit {
    TOOL_EXIT_OK = 0,
    TOOL_EXIT_FAILED = 1, /* it was tried, and did not succeed */
    TOOL_EXIT_USAGE = 2   /* options or arguments are wrong; nothing was done */
};

struct tool_option {
    char letter;          /* 0: only the long form */
    const char *name;     /* without dashes; NULL: a heading, or the end */
    const char *argument; /* what it takes, in capitals; NULL: nothing */
    const char *help;     /* lines at "\n"; the default in brackets */
};

#define TOOL_GROUP(title)                                                      \
    {                                                                          \
        0, NULL, NULL, title                                                   \
    }
#define TOOL_OPTIONS_END                                                       \
    {                                                                          \
        0, NULL, NULL, NULL                                                    \
    }

struct tool {
    const char *name;
    const char *usage;                 /* behind the name; lines at "\n" */
    const char *about;                 /* a sentence or two */
    const struct tool_option *options; /* --help and --version are added */
    const char *more;                  /* examples; or NULL */
};

/* Names the tool for what is said later.  SIGPIPE is ignored from here on. */
void tool_begin(const struct tool *tool);

/* The command line as it is walked; `argv` is borrowed. */
struct tool_args {
    int argc;
    char **argv;
    int at;            /* of the next word; starts as 1 */
    const char *group; /* the rest of "-abc"; or NULL */
    const char *value; /* of the option given last, or the plain argument */
    bool is_plain;     /* after "--" */
};

/* What tool_next gives for a word that is not an option. */
extern const struct tool_option tool_plain;

/*
 * The next option, its argument in `args->value` (NULL: it takes none), or
 * &tool_plain with the word there; NULL at the end.  "--name value",
 * "--name=value", "-n value", "-nvalue" and "-abc" are understood, and "--".
 */
const struct tool_option *tool_next(struct tool_args *args);

/* Whether `option` is --NAME. */
bool tool_is(const struct tool_option *option, const char *name);

/* Usage errors; they do not return. */
_Noreturn void tool_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* "NAME: TEXT" on standard error. */
void tool_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the end with TOOL_EXIT_FAILED. */
_Noreturn void tool_die(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* ---- values; a faulty one is a usage error that names `what` ---- */

uint64_t tool_number(const char *what, const char *text, uint64_t min,
                     uint64_t max);
double tool_decimal(const char *what, const char *text, double min, double max);

/* "250us", "1.5s", "10m", "2h", "1d"; a plain number is seconds.  In
 * nanoseconds. */
uint64_t tool_duration(const char *what, const char *text, uint64_t min_ns,
                       uint64_t max_ns);

/* "512", "64k", "10MiB", "1g": powers of 1024. */
uint64_t tool_size(const char *what, const char *text, uint64_t min,
                   uint64_t max);

/* ---- output for people ---- */

/* Whether escapes fit there: a terminal, NO_COLOR unset or empty, TERM not
 * "dumb"; --color=always and never come before (tool_set_colour). */
bool tool_has_colour(FILE *file);
void tool_set_colour(const char *when); /* "auto", "always", "never" */

enum tool_style {
    TOOL_PLAIN,
    TOOL_BOLD,
    TOOL_DIM,
    TOOL_RED,
    TOOL_GREEN,
    TOOL_YELLOW,
    TOOL_BLUE
};

/* The escape, or "" where colours do not fit.  TOOL_PLAIN ends the others. */
const char *tool_style(FILE *file, enum tool_style style);

enum { TOOL_TEXT_BYTES = 32 };

/* "1.23 ms", "12.3 s"; "1.2 MiB"; in `text`, which is returned. */
const char *tool_show_ns(char text[TOOL_TEXT_BYTES], double ns);
const char *tool_show_bytes(char text[TOOL_TEXT_BYTES], double bytes);

/* Writes bytes of a peer: what is not UTF-8, and control characters of both
 * sets, as \xNN. */
void tool_put_escaped(FILE *file, struct flare_str bytes);

/* Writes a finished JSON text and a newline to standard output; an error of
 * `json` or of the file ends the program. */
void tool_put_json(struct flare_json *json);

#endif
