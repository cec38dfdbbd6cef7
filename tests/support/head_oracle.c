/* SPDX-License-Identifier: MIT */
/* Quoted grammar is RFC 9112 and 9110 unless it says 3986. */
#include "tests/support/head_oracle.h"

#include "tests/support/host_oracle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define HEXDIG DIGIT "abcdefABCDEF"
#define TCHAR "!#$%&'*+-.^_`|~" DIGIT ALPHA
#define PCHAR                                                                  \
    ALPHA DIGIT "-._~" /* unreserved, sub-delims, ":", "@" */                  \
                "!$&'()*+,;="                                                  \
                ":@"

enum state {
    START,
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    LINE,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF
};

struct reader {
    struct head_oracle *o;
    const struct flare__head_limits *limits;
    enum state state;
    size_t at;            /* of the present byte */
    size_t hex_due;       /* digits of an escape still to come */
    size_t section_bytes; /* of the field section so far */
    struct oracle_part part;
    struct oracle_field field;
    char text[ORACLE_BYTES_MAX + 1]; /* of the present part */
    char name[ORACLE_BYTES_MAX + 1];
    unsigned hosts, lengths, codings;
    bool close, keep_alive, upgrade, expects;
};

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool only_of(const char *text, const char *set)
{
    return text[0] != '\0' && text[strspn(text, set)] == '\0';
}

static void part_start(struct reader *r, size_t at)
{
    r->part = (struct oracle_part){at, 0};
    r->text[0] = '\0';
}

static void part_add(struct reader *r, char c)
{
    r->text[r->part.len++] = c;
    r->text[r->part.len] = '\0';
}

static int method_id(const char *name)
{
    static const char *const names[] = {"GET",     "HEAD",    "POST",
                                        "PUT",     "PATCH",   "DELETE",
                                        "OPTIONS", "CONNECT", "TRACE"};

    for (int i = 0; i < FLARE_METHOD_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return FLARE_METHOD_COUNT;
}

static int read_method(struct reader *r, char c)
{
    if (c == ' ' && r->part.len > 0) {
        r->o->method = r->part;
        r->o->method_id = method_id(r->text);
        if (strcmp(r->text, "PRI") == 0)
            r->o->method_id = FLARE_METHOD_COUNT + 1;
        part_start(r, r->at + 1);
        r->state = TARGET;
        return 0;
    }
    if (!is_in(c, TCHAR))
        return FLARE_E_BAD_REQUEST;
    if (r->part.len == 32)
        return FLARE_E_METHOD_UNKNOWN;
    part_add(r, c);
    return 0;
}

/* path-absolute with the query behind it, at text[from]. */
static int path_and_query(struct reader *r, size_t from)
{
    const char *path = r->text + from;
    const char *mark = strchr(path, '?');
    size_t path_len = mark ? (size_t)(mark - path) : strlen(path);

    if (strchr(path, '[') || strchr(path, ']') || strncmp(path, "//", 2) == 0)
        return FLARE_E_BAD_REQUEST;
    r->o->path = (struct oracle_part){r->part.at + from, path_len};
    r->o->has_query = mark != NULL;
    if (mark)
        r->o->query = (struct oracle_part){r->part.at + from + path_len + 1,
                                           strlen(mark + 1)};
    return 0;
}

/* absolute-form = absolute-URI, of http and https */
static int absolute_form(struct reader *r, size_t scheme)
{
    char host[ORACLE_BYTES_MAX + 1];
    size_t len = strcspn(r->text + scheme, "/?");

    memcpy(host, r->text + scheme, len);
    host[len] = '\0';
    if (!host_oracle(host, /* needs_port = */ false))
        return FLARE_E_BAD_REQUEST;
    r->o->form = FLARE__TARGET_ABSOLUTE;
    r->o->host = (struct oracle_part){r->part.at + scheme, len};
    return path_and_query(r, scheme + len);
}

static int target_form(struct reader *r)
{
    struct head_oracle *o = r->o;

    o->target = r->part;
    o->has_query = false;
    o->host = (struct oracle_part){0, 0};
    o->path = (struct oracle_part){0, 0};
    if (o->method_id == FLARE_METHOD_CONNECT) {
        o->form = FLARE__TARGET_AUTHORITY;
        o->host = r->part;
        return host_oracle(r->text, /* needs_port = */ true)
                   ? 0
                   : FLARE_E_BAD_REQUEST;
    }
    if (strcmp(r->text, "*") == 0) {
        o->form = FLARE__TARGET_ASTERISK;
        o->path = r->part;
        return o->method_id == FLARE_METHOD_OPTIONS ||
                       o->method_id == FLARE_METHOD_COUNT + 1
                   ? 0
                   : FLARE_E_BAD_REQUEST;
    }
    if (strncasecmp(r->text, "http://", 7) == 0)
        return absolute_form(r, 7);
    if (strncasecmp(r->text, "https://", 8) == 0)
        return absolute_form(r, 8);
    o->form = FLARE__TARGET_ORIGIN;
    return r->text[0] == '/' ? path_and_query(r, 0) : FLARE_E_BAD_REQUEST;
}

static int target_done(struct reader *r)
{
    int rc = r->hex_due > 0 ? FLARE_E_BAD_REQUEST : target_form(r);

    part_start(r, r->at + 1);
    r->state = VERSION;
    return rc;
}

static int read_target(struct reader *r, char c)
{
    if (c == ' ')
        return target_done(r);
    if (r->part.len == r->limits->target_bytes_max)
        return FLARE_E_URI_TOO_LONG;
    part_add(r, c);
    if (r->hex_due > 0) {
        r->hex_due--;
        return is_in(c, HEXDIG) ? 0 : FLARE_E_BAD_REQUEST;
    }
    if (c == '%') {
        r->hex_due = 2;
        return 0;
    }
    if (is_in(c, "[]") && r->text[0] != '/')
        return 0;
    return is_in(c, PCHAR "/?") ? 0 : FLARE_E_BAD_REQUEST;
}

/* HTTP-name "/" DIGIT "." DIGIT CRLF */
static int read_version(struct reader *r, char c)
{
    static const char *const allowed[] = {"H",   "T", "T",   "P",  "/",
                                          DIGIT, ".", DIGIT, "\r", "\n"};

    if (!is_in(c, allowed[r->part.len]))
        return FLARE_E_BAD_REQUEST;
    part_add(r, c);
    if (c != '\n')
        return 0;
    if (strcmp(r->text, "HTTP/1.0\r\n") && strcmp(r->text, "HTTP/1.1\r\n"))
        return FLARE_E_VERSION_UNKNOWN;
    if (r->o->method_id >= FLARE_METHOD_COUNT)
        return FLARE_E_METHOD_UNKNOWN;
    r->o->minor = r->text[7] - '0';
    r->state = LINE;
    return 0;
}

static int length_rule(struct reader *r, const char *value)
{
    char *end;

    if (++r->lengths > 1 || !only_of(value, DIGIT) || strlen(value) > 19 ||
        (value[0] == '0' && value[1] != '\0'))
        return FLARE_E_BAD_FRAMING;
    r->o->content_length = strtoull(value, &end, 10);
    return r->o->content_length >> 63 ? FLARE_E_BAD_FRAMING : 0;
}

/* Splits off the element in front of the next comma, trimmed; NULL: none. */
static char *list_element(char **list)
{
    char *element = *list;
    char *comma;

    if (!element)
        return NULL;
    comma = strchr(element, ',');
    *list = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    element += strspn(element, " \t");
    for (size_t n = strlen(element); n > 0 && is_in(element[n - 1], " \t"); n--)
        element[n - 1] = '\0';
    return element;
}

static int coding_rule(struct reader *r, char *value)
{
    unsigned count = 0;
    unsigned chunked = 0;
    bool last = false;

    if (++r->codings > 1 || r->o->minor == 0)
        return FLARE_E_BAD_FRAMING;
    for (char *e = list_element(&value); e; e = list_element(&value)) {
        if (!only_of(e, TCHAR))
            return FLARE_E_BAD_FRAMING;
        count++;
        last = strcasecmp(e, "chunked") == 0;
        chunked += last;
    }
    if (chunked != 1 || !last)
        return FLARE_E_BAD_FRAMING;
    return count == 1 ? 0 : FLARE_E_CODING_UNKNOWN;
}

static int connection_rule(struct reader *r, char *value)
{
    for (char *e = list_element(&value); e; e = list_element(&value)) {
        if (e[0] != '\0' && !only_of(e, TCHAR))
            return FLARE_E_BAD_REQUEST;
        r->close |= strcasecmp(e, "close") == 0;
        r->keep_alive |= strcasecmp(e, "keep-alive") == 0;
        r->upgrade |= strcasecmp(e, "upgrade") == 0;
    }
    return 0;
}

static int host_rule(struct reader *r, const char *value)
{
    if (++r->hosts > 1 || !host_oracle(value, /* needs_port = */ false))
        return FLARE_E_BAD_HOST;
    if (r->o->form == FLARE__TARGET_ORIGIN ||
        r->o->form == FLARE__TARGET_ASTERISK)
        r->o->host = r->field.value;
    return 0;
}

static int field_done(struct reader *r)
{
    size_t front = strspn(r->text, " \t");
    char *value = r->text + front;
    size_t len = strlen(value);

    while (len > 0 && is_in(value[len - 1], " \t"))
        value[--len] = '\0';
    r->field.value = (struct oracle_part){r->part.at + front, len};
    r->o->fields[r->o->field_count++] = r->field;
    r->state = LINE;
    if (strcasecmp(r->name, "host") == 0)
        return host_rule(r, value);
    if (strcasecmp(r->name, "content-length") == 0)
        return length_rule(r, value);
    if (strcasecmp(r->name, "transfer-encoding") == 0)
        return coding_rule(r, value);
    if (strcasecmp(r->name, "connection") == 0)
        return connection_rule(r, value);
    if (strcasecmp(r->name, "expect") == 0 && r->o->minor == 1) {
        r->expects = true;
        return strcasecmp(value, "100-continue") ? FLARE_E_EXPECTATION : 0;
    }
    return 0;
}

static int head_done(struct reader *r)
{
    struct head_oracle *o = r->o;

    if (r->lengths > 0 && r->codings > 0)
        return FLARE_E_BAD_FRAMING;
    if (o->minor == 1 && r->hosts == 0)
        return FLARE_E_BAD_HOST;
    if (!r->close && (o->minor == 1 || r->keep_alive))
        o->flags |= FLARE__HEAD_KEEP_ALIVE;
    if (r->codings)
        o->flags |= FLARE__HEAD_CHUNKED;
    if (r->lengths)
        o->flags |= FLARE__HEAD_HAS_LENGTH;
    if (r->expects && (r->codings || o->content_length > 0))
        o->flags |= FLARE__HEAD_CONTINUE;
    if (r->upgrade && o->minor == 1)
        o->flags |= FLARE__HEAD_UPGRADE;
    return (int)r->at + 1;
}

static int read_line_start(struct reader *r, char c)
{
    if (c == '\r') {
        r->state = END_LF;
        return 0;
    }
    if (!is_in(c, TCHAR))
        return FLARE_E_BAD_REQUEST;
    if (r->o->field_count == r->limits->fields_max)
        return FLARE_E_HEAD_TOO_LARGE;
    part_start(r, r->at);
    part_add(r, c);
    r->state = NAME;
    return 0;
}

static int read_name(struct reader *r, char c)
{
    if (c != ':') {
        part_add(r, c);
        return is_in(c, TCHAR) ? 0 : FLARE_E_BAD_REQUEST;
    }
    memcpy(r->name, r->text, r->part.len + 1);
    r->field.name = r->part;
    part_start(r, r->at + 1);
    r->state = VALUE;
    return 0;
}

static int read_value(struct reader *r, char c)
{
    unsigned char byte = (unsigned char)c;

    if (c == '\r') {
        r->state = VALUE_LF;
        return 0;
    }
    part_add(r, c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t' ? 0
                                                       : FLARE_E_BAD_REQUEST;
}

static int read_field_byte(struct reader *r, char c)
{
    if (r->section_bytes++ == r->limits->fields_bytes_max)
        return FLARE_E_HEAD_TOO_LARGE;
    switch (r->state) {
    case LINE:
        return read_line_start(r, c);
    case NAME:
        return read_name(r, c);
    case VALUE:
        return read_value(r, c);
    case VALUE_LF:
        return c == '\n' ? field_done(r) : FLARE_E_BAD_REQUEST;
    default:
        return c == '\n' ? head_done(r) : FLARE_E_BAD_REQUEST;
    }
}

static int read_byte(struct reader *r, char c)
{
    switch (r->state) {
    case START:
        if (c == '\r') {
            r->state = START_LF;
            return 0;
        }
        r->state = METHOD;
        return read_method(r, c);
    case START_LF:
        r->state = METHOD;
        part_start(r, r->at + 1);
        return c == '\n' ? 0 : FLARE_E_BAD_REQUEST;
    case METHOD:
        return read_method(r, c);
    case TARGET:
        return read_target(r, c);
    case VERSION:
        return read_version(r, c);
    default:
        return read_field_byte(r, c);
    }
}

void head_oracle(struct head_oracle *o, const struct flare__head_limits *limits,
                 const char *bytes, size_t len)
{
    struct reader r;

    memset(&r, 0, offsetof(struct reader, text));
    r.hosts = r.lengths = r.codings = 0;
    r.close = r.keep_alive = r.upgrade = r.expects = false;
    r.o = o;
    r.limits = limits;
    o->rc = 0;
    o->flags = 0;
    o->content_length = 0;
    o->field_count = 0;
    for (r.at = 0; r.at < len && o->rc == 0; r.at++)
        o->rc = read_byte(&r, bytes[r.at]);
    o->at = r.at;
}
