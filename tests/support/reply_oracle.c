/* SPDX-License-Identifier: MIT */
/* Quoted grammar is RFC 9112 and 9110. */
#include "tests/support/reply_oracle.h"

#include "tests/support/chunked_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGIT "0123456789"
#define TCHAR                                                                  \
    "!#$%&'*+-.^_`|~" DIGIT                                                    \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum state { LINE, REASON, REASON_LF, FIELD, NAME, VALUE, VALUE_LF, END_LF };

struct reader {
    struct reply_head_oracle *o;
    const struct flare__reply_head_limits *limits;
    enum state state;
    size_t at;            /* of the present byte */
    size_t section_bytes; /* of the field section so far */
    struct oracle_part part;
    struct oracle_field field;
    char text[ORACLE_BYTES_MAX + 1]; /* of the present part */
    char name[ORACLE_BYTES_MAX + 1];
    unsigned lengths, codings;
    bool close, keep_alive, upgrade;
};

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool only_of(const char *text, const char *set)
{
    return text[0] != '\0' && text[strspn(text, set)] == '\0';
}

/* HTAB / SP / VCHAR / obs-text */
static bool is_text(char c)
{
    unsigned char byte = (unsigned char)c;

    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
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

/* HTTP-version SP status-code [ SP ] */
static int read_line(struct reader *r, char c)
{
    static const char *const allowed[] = {"H",   "T",   "T",   "P", "/",
                                          DIGIT, ".",   DIGIT, " ", "12345",
                                          DIGIT, DIGIT, " \r"};
    size_t n = r->part.len;

    if (!is_in(c, allowed[n]))
        return FLARE_E_REPLY_STATUS;
    part_add(r, c);
    if (n == 8 && strcmp(r->text, "HTTP/1.0 ") && strcmp(r->text, "HTTP/1.1 "))
        return FLARE_E_REPLY_VERSION;
    if (n < 12)
        return 0;
    r->o->minor = r->text[7] - '0';
    r->o->status = (int)strtol(r->text + 9, NULL, 10);
    part_start(r, c == ' ' ? r->at + 1 : r->at);
    r->o->reason = r->part;
    r->state = c == ' ' ? REASON : REASON_LF;
    return 0;
}

static int read_reason(struct reader *r, char c)
{
    if (c == '\r') {
        r->o->reason = r->part;
        r->state = REASON_LF;
        return 0;
    }
    if (!is_text(c))
        return FLARE_E_REPLY_STATUS;
    part_add(r, c);
    return r->part.len > r->limits->reason_bytes_max ? FLARE_E_REPLY_TOO_LARGE
                                                     : 0;
}

/* One decimal number up to 2^63 - 1, the only one, without zeros in front. */
static int length_rule(struct reader *r, const char *value)
{
    if (++r->lengths > 1 || !only_of(value, DIGIT) || strlen(value) > 19 ||
        (value[0] == '0' && value[1] != '\0'))
        return FLARE_E_REPLY_LENGTH;
    r->o->content_length = strtoull(value, NULL, 10);
    return r->o->content_length > INT64_MAX ? FLARE_E_REPLY_LENGTH : 0;
}

/* Splits off the element in front of the next comma, trimmed; NULL: none. */
static char *list_element(char **list)
{
    char *element = *list;
    char *comma;
    size_t n;

    if (element == NULL)
        return NULL;
    comma = strchr(element, ',');
    *list = comma != NULL ? comma + 1 : NULL;
    if (comma != NULL)
        *comma = '\0';
    element += strspn(element, " \t");
    for (n = strlen(element); n > 0 && is_in(element[n - 1], " \t"); n--)
        element[n - 1] = '\0';
    return element;
}

static int coding_rule(struct reader *r, char *value)
{
    unsigned count = 0, chunked = 0;
    bool is_last = false;

    if (++r->codings > 1 || r->o->minor == 0)
        return FLARE_E_REPLY_LENGTH;
    for (char *e = list_element(&value); e != NULL; e = list_element(&value)) {
        if (!only_of(e, TCHAR))
            return FLARE_E_REPLY_LENGTH;
        count++;
        is_last = strcasecmp(e, "chunked") == 0;
        chunked += is_last;
    }
    if (chunked != 1 || !is_last)
        return FLARE_E_REPLY_LENGTH;
    return count == 1 ? 0 : FLARE_E_REPLY_CODING;
}

static int connection_rule(struct reader *r, char *value)
{
    for (char *e = list_element(&value); e != NULL; e = list_element(&value)) {
        if (e[0] != '\0' && !only_of(e, TCHAR))
            return FLARE_E_REPLY_FIELD;
        r->close |= strcasecmp(e, "close") == 0;
        r->keep_alive |= strcasecmp(e, "keep-alive") == 0;
        r->upgrade |= strcasecmp(e, "upgrade") == 0;
    }
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
    r->state = FIELD;
    if (strcasecmp(r->name, "content-length") == 0)
        return length_rule(r, value);
    if (strcasecmp(r->name, "transfer-encoding") == 0)
        return coding_rule(r, value);
    return strcasecmp(r->name, "connection") == 0 ? connection_rule(r, value)
                                                  : 0;
}

static int head_done(struct reader *r)
{
    struct reply_head_oracle *o = r->o;

    if (r->lengths > 0 && r->codings > 0)
        return FLARE_E_REPLY_LENGTH;
    if (!r->close && (o->minor == 1 || r->keep_alive))
        o->flags |= FLARE__HEAD_KEEP_ALIVE;
    if (r->codings > 0)
        o->flags |= FLARE__HEAD_CHUNKED;
    if (r->lengths > 0)
        o->flags |= FLARE__HEAD_HAS_LENGTH;
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
        return FLARE_E_REPLY_FIELD;
    if (r->o->field_count == r->limits->fields_max)
        return FLARE_E_REPLY_TOO_LARGE;
    part_start(r, r->at);
    part_add(r, c);
    r->state = NAME;
    return 0;
}

static int read_name(struct reader *r, char c)
{
    if (c != ':') {
        part_add(r, c);
        return is_in(c, TCHAR) ? 0 : FLARE_E_REPLY_FIELD;
    }
    memcpy(r->name, r->text, r->part.len + 1);
    r->field.name = r->part;
    part_start(r, r->at + 1);
    r->state = VALUE;
    return 0;
}

static int read_value(struct reader *r, char c)
{
    if (c == '\r') {
        r->state = VALUE_LF;
        return 0;
    }
    part_add(r, c);
    return is_text(c) ? 0 : FLARE_E_REPLY_FIELD;
}

static int read_byte(struct reader *r, char c)
{
    if (r->state >= FIELD && r->section_bytes++ == r->limits->fields_bytes_max)
        return FLARE_E_REPLY_TOO_LARGE;
    switch (r->state) {
    case LINE:
        return read_line(r, c);
    case REASON:
        return read_reason(r, c);
    case REASON_LF:
        r->state = FIELD;
        return c == '\n' ? 0 : FLARE_E_REPLY_STATUS;
    case FIELD:
        return read_line_start(r, c);
    case NAME:
        return read_name(r, c);
    case VALUE:
        return read_value(r, c);
    case VALUE_LF:
        return c == '\n' ? field_done(r) : FLARE_E_REPLY_FIELD;
    default:
        return c == '\n' ? head_done(r) : FLARE_E_REPLY_FIELD;
    }
}

void reply_head_oracle(struct reply_head_oracle *o,
                       const struct flare__reply_head_limits *limits,
                       const char *bytes, size_t len)
{
    struct reader r;

    memset(&r, 0, offsetof(struct reader, text));
    r.text[0] = '\0';
    r.lengths = r.codings = 0;
    r.close = r.keep_alive = r.upgrade = false;
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

/* ---- messages ---- */

void reply_log_add(struct reply_log *log, const char *bytes, size_t len)
{
    if (len > sizeof(log->text) - log->len)
        abort();
    if (len > 0)
        memcpy(log->text + log->len, bytes, len);
    log->len += len;
}

void reply_log_head(struct reply_log *log, char kind, int minor, int status,
                    unsigned flags, uint64_t length)
{
    char line[80];
    int n = snprintf(line, sizeof(line), "[%c 1.%d %d %x %llu]", kind, minor,
                     status, flags, (unsigned long long)length);

    reply_log_add(log, line, (size_t)n);
}

enum framing { NONE, CHUNKS, LENGTH, END, TUNNEL };

static enum framing framing_of(const struct reply_head_oracle *head,
                               unsigned request)
{
    if (head->status == 101)
        return TUNNEL;
    if ((request & FLARE__REPLY_TO_CONNECT) && head->status >= 200 &&
        head->status <= 299)
        return TUNNEL;
    if ((request & FLARE__REPLY_TO_HEAD) || head->status == 204 ||
        head->status == 304)
        return NONE;
    if (head->flags & FLARE__HEAD_CHUNKED)
        return CHUNKS;
    return head->flags & FLARE__HEAD_HAS_LENGTH ? LENGTH : END;
}

static void ends(struct reply_oracle *o, int rc, size_t at)
{
    o->rc = o->rc_clean = o->rc_unclean = rc;
    o->at = at;
}

/* More must come, and it is an error if it does not. */
static void waits(struct reply_oracle *o, size_t at, int rc)
{
    o->rc = FLARE__REPLY_MORE;
    o->at = at;
    o->rc_clean = o->rc_unclean = rc;
}

/* The trailer section of a chunked body that is known to be good. */
static void log_trailers(struct reply_oracle *o, const char *p, const char *end)
{
    for (;;) {
        size_t size = strtoul(p, NULL, 16);

        while (*p != '\n')
            p++;
        p++;
        if (size == 0)
            break;
        p += size + 2;
    }
    reply_log_add(&o->trailers, p, (size_t)(end - 2 - p));
}

static void read_chunks(struct reply_oracle *o,
                        const struct flare__reply_limits *limits,
                        const char *bytes, size_t at, size_t len)
{
    static struct chunked_oracle c;

    chunked_oracle(&c, &limits->chunked, bytes + at, len - at);
    reply_log_add(&o->body, c.body, c.body_len);
    if (c.rc == FLARE__CHUNKED_MORE) {
        waits(o, len, FLARE_E_REPLY_SHORT);
    } else if (c.rc == FLARE__CHUNKED_END) {
        ends(o, FLARE__REPLY_DONE, at + c.at);
        if (limits->trailers_max > 0)
            log_trailers(o, bytes + at, bytes + at + c.at);
    } else if (c.rc == FLARE_E_BAD_FRAMING) {
        ends(o, FLARE_E_REPLY_FIELD, at + c.at);
    } else {
        ends(o,
             c.rc == FLARE_E_BAD_CHUNK ? FLARE_E_REPLY_CHUNK
                                       : FLARE_E_REPLY_TOO_LARGE,
             at + c.at);
    }
}

static void read_length(struct reply_oracle *o, uint64_t length,
                        const char *bytes, size_t at, size_t len)
{
    if (length <= len - at) {
        reply_log_add(&o->body, bytes + at, (size_t)length);
        ends(o, FLARE__REPLY_DONE, at + (size_t)length);
        return;
    }
    reply_log_add(&o->body, bytes + at, len - at);
    waits(o, len, FLARE_E_REPLY_SHORT);
}

static void read_to_end(struct reply_oracle *o, const char *bytes, size_t at,
                        size_t len)
{
    reply_log_add(&o->body, bytes + at, len - at);
    waits(o, len, FLARE__REPLY_DONE);
    o->rc_unclean = FLARE_E_TLS_TRUNCATED;
}

static void log_head(struct reply_log *log, char kind, const char *bytes,
                     const struct reply_head_oracle *head)
{
    reply_log_head(log, kind, head->minor, head->status, head->flags,
                   head->content_length);
    reply_log_add(log, bytes + head->reason.at, head->reason.len);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct oracle_field *f = &head->fields[i];

        reply_log_add(log, "|", 1);
        reply_log_add(log, bytes + f->name.at, f->name.len);
        reply_log_add(log, ":", 1);
        reply_log_add(log, bytes + f->value.at, f->value.len);
    }
}

/* A head with a body that its status must not have. */
static bool is_odd(const struct reply_head_oracle *head)
{
    return (head->status < 200 || head->status == 204) &&
           (head->content_length > 0 || (head->flags & FLARE__HEAD_CHUNKED));
}

/*
 * Reads one head at `*at`, moved behind it.  False: there is none, and `o` says
 * why.
 */
static bool read_head(struct reply_oracle *o,
                      const struct flare__reply_limits *limits,
                      struct reply_head_oracle *head, const char *bytes,
                      size_t *at, size_t len)
{
    size_t end = limits->heads_bytes_max < len ? limits->heads_bytes_max : len;

    reply_head_oracle(head, &limits->head, bytes + *at, end - *at);
    if (head->rc < 0)
        ends(o, head->rc, *at + head->at);
    else if (head->rc == 0 && end < len)
        ends(o, FLARE_E_REPLY_TOO_LARGE, end + 1);
    else if (head->rc == 0)
        waits(o, len, len == 0 ? FLARE_E_REPLY_NONE : FLARE_E_REPLY_SHORT);
    else
        *at += (size_t)head->rc;
    return head->rc > 0;
}

/* A head that is no answer to such a request; `interim` heads came before. */
static int head_fault(const struct reply_head_oracle *head,
                      const struct flare__reply_limits *limits,
                      unsigned request, uint32_t interim)
{
    if (head->status == 101)
        return (request & FLARE__REPLY_TO_UPGRADE) && head->minor == 1
                   ? 0
                   : FLARE_E_REPLY_UPGRADE;
    return head->status < 200 && interim == limits->interim_max
               ? FLARE_E_REPLY_INTERIM
               : 0;
}

void reply_oracle(struct reply_oracle *o,
                  const struct flare__reply_limits *limits, unsigned request,
                  const char *bytes, size_t len)
{
    static struct reply_head_oracle head;
    enum framing framing;
    size_t at = 0;
    bool is_strange = false;

    o->heads.len = o->body.len = o->trailers.len = 0;
    o->is_reusable = false;
    for (uint32_t interim = 0;; interim++) {
        size_t from = at;
        bool is_last;
        int fault;

        if (!read_head(o, limits, &head, bytes, &at, len))
            return;
        is_strange |= is_odd(&head);
        fault = head_fault(&head, limits, request, interim);
        if (fault < 0) {
            ends(o, fault, at);
            return;
        }
        is_last = head.status >= 200 || head.status == 101;
        log_head(&o->heads, is_last ? 'H' : 'I', bytes + from, &head);
        if (is_last)
            break;
    }
    framing = framing_of(&head, request);
    if (framing == TUNNEL || framing == NONE)
        ends(o, framing == NONE ? FLARE__REPLY_DONE : FLARE__REPLY_TUNNEL, at);
    else if (framing == CHUNKS)
        read_chunks(o, limits, bytes, at, len);
    else if (framing == LENGTH)
        read_length(o, head.content_length, bytes, at, len);
    else
        read_to_end(o, bytes, at, len);
    o->is_reusable = o->rc == FLARE__REPLY_DONE && o->at == len &&
                     framing != END && !is_strange &&
                     (head.flags & FLARE__HEAD_KEEP_ALIVE);
}
