/* SPDX-License-Identifier: MIT */
/* See facts.h. */
#include "tools/probe/facts.h"

#include "tools/common/tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FACTS_MAX = 256, ADVICE_MAX = 32, KEY_WIDTH = 26 };

enum fact_kind { FACT_SECTION, FACT_TEXT, FACT_NUMBER, FACT_BOOL };

static struct fact {
    enum fact_kind kind;
    const char *key;
    char *text; /* of a bool its note, or NULL */
    uint64_t number;
} facts[FACTS_MAX];
static size_t fact_count;
static char *advice[ADVICE_MAX];
static size_t advice_count;

static struct fact *add(enum fact_kind kind, const char *key)
{
    struct fact *fact = &facts[fact_count];

    if (fact_count == FACTS_MAX)
        tool_die("more facts than there is room for");
    fact_count++;
    *fact = (struct fact){.kind = kind, .key = key};
    return fact;
}

__attribute__((format(printf, 1, 0))) static char *format_new(
    const char *format, va_list ap)
{
    char text[512];
    char *copy;

    vsnprintf(text, sizeof(text), format, ap);
    copy = strdup(text);
    if (copy == NULL)
        tool_die("no memory");
    return copy;
}

void facts_section(const char *name)
{
    (void)add(FACT_SECTION, name);
}

void facts_text(const char *key, const char *format, ...)
{
    struct fact *fact = add(FACT_TEXT, key);
    va_list ap;

    va_start(ap, format);
    fact->text = format_new(format, ap);
    va_end(ap);
}

void facts_number(const char *key, uint64_t value)
{
    add(FACT_NUMBER, key)->number = value;
}

void facts_bool(const char *key, bool value, const char *note)
{
    struct fact *fact = add(FACT_BOOL, key);

    fact->number = value;
    fact->text = note != NULL ? strdup(note) : NULL;
}

void facts_advise(const char *format, ...)
{
    va_list ap;

    if (advice_count == ADVICE_MAX)
        return;
    va_start(ap, format);
    advice[advice_count++] = format_new(format, ap);
    va_end(ap);
}

/* ---- for people ---- */

static void put_key(const char *key)
{
    int width = 2;

    fputs("  ", stdout);
    for (; *key != '\0'; key++, width++)
        putchar(*key == '_' ? ' ' : *key);
    printf("%*s ", width < KEY_WIDTH ? KEY_WIDTH - width : 0, "");
}

static void put_bool(const struct fact *fact)
{
    printf("%s%s%s",
           tool_style(stdout, fact->number ? TOOL_GREEN : TOOL_YELLOW),
           fact->number ? "yes" : "no", tool_style(stdout, TOOL_PLAIN));
    if (fact->text != NULL)
        printf("%s  (%s)%s", tool_style(stdout, TOOL_DIM), fact->text,
               tool_style(stdout, TOOL_PLAIN));
    putchar('\n');
}

static void put_fact(const struct fact *fact)
{
    if (fact->kind == FACT_SECTION) {
        printf("%s%s%s%s\n", fact == facts ? "" : "\n",
               tool_style(stdout, TOOL_BOLD), fact->key,
               tool_style(stdout, TOOL_PLAIN));
        return;
    }
    put_key(fact->key);
    if (fact->kind == FACT_BOOL) {
        put_bool(fact);
    } else if (fact->kind == FACT_NUMBER) {
        printf("%llu\n", (unsigned long long)fact->number);
    } else {
        tool_put_escaped(stdout, flare_str(fact->text));
        putchar('\n');
    }
}

void facts_put_text(void)
{
    for (size_t i = 0; i < fact_count; i++)
        put_fact(&facts[i]);
    if (advice_count > 0)
        printf("\n%sadvice%s\n", tool_style(stdout, TOOL_BOLD),
               tool_style(stdout, TOOL_PLAIN));
    for (size_t i = 0; i < advice_count; i++)
        printf("  %s*%s %s\n", tool_style(stdout, TOOL_YELLOW),
               tool_style(stdout, TOOL_PLAIN), advice[i]);
    if (fflush(stdout) != 0)
        tool_die("standard output cannot be written");
}

/* ---- JSON ---- */

static void json_fact(struct flare_json *json, const struct fact *fact)
{
    flare_json_key(json, fact->key);
    if (fact->kind == FACT_BOOL)
        flare_json_bool(json, fact->number != 0);
    else if (fact->kind == FACT_NUMBER)
        flare_json_u64(json, fact->number);
    else
        flare_json_string(json, flare_str(fact->text));
}

void facts_put_json(void)
{
    struct flare_json json;
    bool is_open = false;

    flare_json_init(&json, NULL, 1 << 20);
    flare_json_set_utf8(&json, FLARE_JSON_UTF8_REPLACE);
    flare_json_begin_object(&json);
    for (size_t i = 0; i < fact_count; i++) {
        if (facts[i].kind != FACT_SECTION) {
            json_fact(&json, &facts[i]);
            continue;
        }
        if (is_open)
            flare_json_end_object(&json);
        is_open = true;
        flare_json_key(&json, facts[i].key);
        flare_json_begin_object(&json);
    }
    if (is_open)
        flare_json_end_object(&json);
    flare_json_key(&json, "advice");
    flare_json_begin_array(&json);
    for (size_t i = 0; i < advice_count; i++)
        flare_json_string(&json, flare_str(advice[i]));
    flare_json_end_array(&json);
    flare_json_end_object(&json);
    tool_put_json(&json);
}
