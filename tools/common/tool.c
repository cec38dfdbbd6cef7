/* SPDX-License-Identifier: MIT */
/* Options, values, colours; see tool.h. */
#include "tools/common/tool.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct tool_option tool_plain;

static const struct tool *the_tool;
static const char *colour_when = "auto";

static const struct tool_option help_option = {'h', "help", NULL, "this text"};
static const struct tool_option version_option = {'V', "version", NULL,
                                                  "the version"};

void tool_begin(const struct tool *tool)
{
    the_tool = tool;
    signal(SIGPIPE, SIG_IGN);
}

/* ---- what goes wrong ---- */

__attribute__((format(printf, 1, 0))) static void say(const char *format,
                                                      va_list ap)
{
    fprintf(stderr, "%s: ", the_tool->name);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
}

void tool_usage(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    fprintf(stderr, "Try '%s --help'.\n", the_tool->name);
    exit(TOOL_EXIT_USAGE);
}

void tool_warn(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
}

void tool_die(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    exit(TOOL_EXIT_FAILED);
}

/* ---- help ---- */

enum { HELP_COLUMN = 28 };

/* `text` with its further lines below its first. */
static void put_lines(const char *text, int column)
{
    for (;;) {
        size_t len = strcspn(text, "\n");

        printf("%.*s\n", (int)len, text);
        if (text[len] == '\0')
            return;
        printf("%*s", column, "");
        text += len + 1;
    }
}

static void put_option(const struct tool_option *option)
{
    char form[80];
    int len = snprintf(
        form, sizeof(form), "  %c%c%s --%s%s%s", option->letter ? '-' : ' ',
        option->letter ? option->letter : ' ', option->letter ? "," : " ",
        option->name, option->argument != NULL ? "=" : "",
        option->argument != NULL ? option->argument : "");

    printf("%-*s", HELP_COLUMN, form);
    if (len >= HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    put_lines(option->help, HELP_COLUMN);
}

static _Noreturn void put_help(void)
{
    const struct tool_option *option = the_tool->options;
    const char *bold = tool_style(stdout, TOOL_BOLD);
    const char *plain = tool_style(stdout, TOOL_PLAIN);

    printf("%sUsage:%s %s ", bold, plain, the_tool->name);
    put_lines(the_tool->usage, (int)strlen("Usage: "));
    printf("%s\n", the_tool->about);
    for (; option->name != NULL || option->help != NULL; option++) {
        if (option->name == NULL)
            printf("\n%s%s:%s\n", bold, option->help, plain);
        else
            put_option(option);
    }
    printf("\n");
    put_option(&help_option);
    put_option(&version_option);
    if (the_tool->more != NULL)
        printf("\n%s\n", the_tool->more);
    exit(fflush(stdout) == 0 ? TOOL_EXIT_OK : TOOL_EXIT_FAILED);
}

static _Noreturn void put_version(void)
{
    printf("%s %s\n", the_tool->name, flare_version());
    exit(fflush(stdout) == 0 ? TOOL_EXIT_OK : TOOL_EXIT_FAILED);
}

/* ---- the command line ---- */

static const struct tool_option *find_long(const char *name, size_t len)
{
    const struct tool_option *option = the_tool->options;

    if (len == 4 && memcmp(name, "help", 4) == 0)
        return &help_option;
    if (len == 7 && memcmp(name, "version", 7) == 0)
        return &version_option;
    for (; option->name != NULL || option->help != NULL; option++)
        if (option->name != NULL && strlen(option->name) == len &&
            memcmp(option->name, name, len) == 0)
            return option;
    tool_usage("there is no option --%.*s", (int)len, name);
}

static const struct tool_option *find_letter(char letter)
{
    const struct tool_option *option = the_tool->options;

    for (; option->name != NULL || option->help != NULL; option++)
        if (option->name != NULL && option->letter == letter)
            return option;
    if (letter == 'h')
        return &help_option;
    if (letter == 'V')
        return &version_option;
    tool_usage("there is no option -%c", letter);
}

static const struct tool_option *done(const struct tool_option *option)
{
    if (option == &help_option)
        put_help();
    if (option == &version_option)
        put_version();
    return option;
}

/* The argument is the next word. */
static void take_word(struct tool_args *args, const struct tool_option *option)
{
    if (args->at >= args->argc)
        tool_usage("--%s takes %s", option->name, option->argument);
    args->value = args->argv[args->at++];
}

static const struct tool_option *next_long(struct tool_args *args,
                                           const char *word)
{
    size_t len = strcspn(word, "=");
    const struct tool_option *option = find_long(word, len);

    if (option->argument == NULL && word[len] == '=')
        tool_usage("--%s takes no argument", option->name);
    if (word[len] == '=')
        args->value = word + len + 1;
    else if (option->argument != NULL)
        take_word(args, option);
    return done(option);
}

static const struct tool_option *next_letter(struct tool_args *args)
{
    const struct tool_option *option = find_letter(*args->group);

    args->group++;
    if (option->argument != NULL && *args->group != '\0')
        args->value = args->group;
    else if (option->argument != NULL)
        take_word(args, option);
    if (option->argument != NULL || *args->group == '\0')
        args->group = NULL;
    return done(option);
}

const struct tool_option *tool_next(struct tool_args *args)
{
    const char *word;

    args->value = NULL;
    if (args->group != NULL)
        return next_letter(args);
    if (args->at >= args->argc)
        return NULL;
    word = args->argv[args->at++];
    if (!args->is_plain && strcmp(word, "--") == 0) {
        args->is_plain = true;
        return tool_next(args);
    }
    if (!args->is_plain && word[0] == '-' && word[1] == '-')
        return next_long(args, word + 2);
    if (!args->is_plain && word[0] == '-' && word[1] != '\0') {
        args->group = word + 1;
        return next_letter(args);
    }
    args->value = word;
    return &tool_plain;
}

bool tool_is(const struct tool_option *option, const char *name)
{
    return option->name != NULL && strcmp(option->name, name) == 0;
}

/* ---- values ---- */

/* A decimal without sign, exponent or other bases; what is behind it in
 * `*rest`. */
static bool read_decimal(const char *text, double *value, const char **rest)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    if (text[strspn(text, "0123456789.")] == 'e' || text[1] == 'x' ||
        text[1] == 'X')
        return false;
    *value = strtod(text, &end);
    *rest = end;
    return isfinite(*value);
}

uint64_t tool_number(const char *what, const char *text, uint64_t min,
                     uint64_t max)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
        value < min || value > max)
        tool_usage("%s is a number from %llu to %llu, not '%s'", what,
                   (unsigned long long)min, (unsigned long long)max, text);
    return value;
}

double tool_decimal(const char *what, const char *text, double min, double max)
{
    const char *rest;
    double value;

    if (!read_decimal(text, &value, &rest) || *rest != '\0' || value < min ||
        value > max)
        tool_usage("%s is a number from %g to %g, not '%s'", what, min, max,
                   text);
    return value;
}

struct unit {
    const char *name;
    double factor;
};

static double read_unit(const char *text, const struct unit *units)
{
    for (; units->name != NULL; units++)
        if (strcmp(text, units->name) == 0)
            return units->factor;
    return 0;
}

uint64_t tool_duration(const char *what, const char *text, uint64_t min_ns,
                       uint64_t max_ns)
{
    static const struct unit units[] = {
        {"", 1e9},   {"s", 1e9},    {"ms", 1e6},   {"us", 1e3},    {"ns", 1},
        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0},
    };
    const char *rest;
    double value;
    double ns;

    if (!read_decimal(text, &value, &rest))
        rest = "?";
    ns = read_unit(rest, units);
    if (ns == 0)
        tool_usage("%s is a time like 10s, 250ms or 2m, not '%s'", what, text);
    ns *= value;
    if (ns < (double)min_ns || ns > (double)max_ns) {
        char low[TOOL_TEXT_BYTES];
        char high[TOOL_TEXT_BYTES];

        tool_usage("%s is from %s to %s, not '%s'", what,
                   tool_show_ns(low, (double)min_ns),
                   tool_show_ns(high, (double)max_ns), text);
    }
    return (uint64_t)(ns + 0.5);
}

uint64_t tool_size(const char *what, const char *text, uint64_t min,
                   uint64_t max)
{
    static const double k = 1024;
    const struct unit units[] = {
        {"", 1},        {"b", 1},         {"B", 1},         {"k", k},
        {"K", k},       {"KiB", k},       {"m", k * k},     {"M", k * k},
        {"MiB", k * k}, {"g", k * k * k}, {"G", k * k * k}, {"GiB", k * k * k},
        {NULL, 0},
    };
    const char *rest;
    double value;
    double bytes;

    if (!read_decimal(text, &value, &rest))
        rest = "?";
    bytes = read_unit(rest, units);
    if (bytes == 0)
        tool_usage("%s is a size like 512, 64k or 10MiB, not '%s'", what, text);
    bytes *= value;
    if (bytes < (double)min || bytes > (double)max) {
        char low[TOOL_TEXT_BYTES];
        char high[TOOL_TEXT_BYTES];

        tool_usage("%s is from %s to %s, not '%s'", what,
                   tool_show_bytes(low, (double)min),
                   tool_show_bytes(high, (double)max), text);
    }
    return (uint64_t)bytes;
}

/* ---- output ---- */

void tool_set_colour(const char *when)
{
    if (strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
        strcmp(when, "never") != 0)
        tool_usage("--color is auto, always or never, not '%s'", when);
    colour_when = when;
}

bool tool_has_colour(FILE *file)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (strcmp(colour_when, "auto") != 0)
        return strcmp(colour_when, "always") == 0;
    if ((no != NULL && *no != '\0') || term == NULL ||
        strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(file)) == 1;
}

const char *tool_style(FILE *file, enum tool_style style)
{
    static const char *const escapes[] = {
        [TOOL_PLAIN] = "\033[0m",  [TOOL_BOLD] = "\033[1m",
        [TOOL_DIM] = "\033[2m",    [TOOL_RED] = "\033[31m",
        [TOOL_GREEN] = "\033[32m", [TOOL_YELLOW] = "\033[33m",
        [TOOL_BLUE] = "\033[34m",
    };

    return tool_has_colour(file) ? escapes[style] : "";
}

/* Three digits and a unit. */
static const char *show(char text[TOOL_TEXT_BYTES], double value,
                        const char *unit)
{
    int digits = value < 10 ? 2 : value < 100 ? 1 : 0;

    snprintf(text, TOOL_TEXT_BYTES, "%.*f %s", digits, value, unit);
    return text;
}

const char *tool_show_ns(char text[TOOL_TEXT_BYTES], double ns)
{
    if (ns < 999.5)
        return show(text, ns, "ns");
    if (ns < 999.5e3)
        return show(text, ns / 1e3, "us");
    if (ns < 999.5e6)
        return show(text, ns / 1e6, "ms");
    if (ns < 120e9)
        return show(text, ns / 1e9, "s");
    if (ns < 2 * 3600e9)
        return show(text, ns / 60e9, "min");
    return show(text, ns / 3600e9, "h");
}

const char *tool_show_bytes(char text[TOOL_TEXT_BYTES], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t i = 0;

    while (bytes >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        i++;
    }
    if (i == 0) {
        snprintf(text, TOOL_TEXT_BYTES, "%.0f B", bytes);
        return text;
    }
    return show(text, bytes, units[i]);
}

/* Length of the character that begins `bytes` if it is UTF-8 and printable; 0
 * if not. */
static size_t printable(struct flare_str bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    uint32_t code = at[0];
    size_t len = code < 0x80 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;

    if (len > 1)
        code &= 0xffU >> (len + 1);
    if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4 || len > bytes.len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
        (len == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
        (len == 4 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    return len;
}

void tool_put_escaped(FILE *file, struct flare_str bytes)
{
    while (bytes.len > 0) {
        size_t len = printable(bytes);

        if (len > 0)
            fwrite(bytes.ptr, 1, len, file);
        else
            fprintf(file, "\\x%02x", (unsigned char)*bytes.ptr);
        bytes.ptr += len > 0 ? len : 1;
        bytes.len -= len > 0 ? len : 1;
    }
}

void tool_put_json(struct flare_json *json)
{
    int rc = flare_json_finish(json);
    struct flare_str text;

    if (rc < 0)
        tool_die("the result is no JSON: %s", flare_strerror(rc));
    text = flare_json_bytes(json);
    fwrite(text.ptr, 1, text.len, stdout);
    fputc('\n', stdout);
    if (fflush(stdout) != 0)
        tool_die("standard output: %s", flare_strerror(-errno));
    flare_json_fini(json);
}
