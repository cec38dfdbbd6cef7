/* SPDX-License-Identifier: MIT */
/*
 * What was found out, in sections, and what one might do about it.  Keys are
 * those of the JSON; people see them with spaces.  Texts are copied; keys and
 * sections are literals.
 */
#ifndef FLARE_TOOL_PROBE_FACTS_H
#define FLARE_TOOL_PROBE_FACTS_H

#include <flare/base.h>
#include <stdbool.h>
#include <stdint.h>

/* The facts that follow are of it. */
void facts_section(const char *name);

void facts_text(const char *key, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void facts_number(const char *key, uint64_t value);

/* `note` is shown behind it: why, or since when; may be NULL. */
void facts_bool(const char *key, bool value, const char *note);

/* A sentence of what costs speed, or stands in the way. */
void facts_advise(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* All of it on standard output. */
void facts_put_text(void);
void facts_put_json(void);

#endif
