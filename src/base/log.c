/* SPDX-License-Identifier: MIT */
/*
 * Lines for the log hook and sentences for struct flare_error.  What a peer
 * sent goes through flare__log_escape first; as a second fence no control
 * byte leaves flare__log, so one call is always one line.
 */
#include "base/log.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LOG_LINE_MAX = 1024 /* longer lines are cut; lives on the stack */
};

static void log_line_clean(char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char byte = (unsigned char)*line;

        if (byte < 0x20 || byte == 0x7f)
            *line = '?';
    }
}

void flare__log(const struct flare__log *log, enum flare_log_level level,
                const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    int len;

    if (log == NULL || log->fn == NULL)
        return;
    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len < 0)
        return;
    log_line_clean(line);
    log->fn(level, line, log->ctx);
}

int flare__error(struct flare_error *err, int code, const char *format, ...)
{
    va_list args;
    int len;

    if (err == NULL)
        return code;
    err->code = code;
    va_start(args, format);
    len = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (len < 0)
        err->text[0] = '\0';
    return code;
}

/* Writes the form of one byte to `out`, which has room for 4. */
static size_t log_escape_byte(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    if (byte == '\\') {
        memcpy(out, "\\\\", 2);
        return 2;
    }
    if (byte >= 0x20 && byte < 0x7f) {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[byte >> 4];
    out[3] = hex[byte & 15];
    return 4;
}

size_t flare__log_escape(char *out, size_t size, struct flare_str bytes)
{
    size_t len = 0;

    FLARE_ASSERT(size > 0);
    for (size_t i = 0; i < bytes.len; i++) {
        char form[4];
        size_t form_len = log_escape_byte(form, (unsigned char)bytes.ptr[i]);

        /* an escape is never cut in two */
        if (form_len >= size - len)
            break;
        memcpy(out + len, form, form_len);
        len += form_len;
    }
    out[len] = '\0';
    return len;
}
