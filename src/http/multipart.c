/* SPDX-License-Identifier: MIT */
/*
 * A boundary is "\r\n--" and what Content-Type says, which has no CR in it: one
 * that turns out to be none has no other inside it.  So each byte is looked at
 * once, and what was held back at the end of a piece need not be kept: it is
 * the start of the boundary.
 */
#include "http/multipart.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "http/chars.h"
#include "http/fieldparam.h"

#include <string.h>

enum { STEP_ON = 100 }; /* no event yet; behind those of the API */

enum {
    STATE_START,
    STATE_OPENING,
    STATE_TAIL,
    STATE_HEAD,
    STATE_DATA,
    STATE_EPILOGUE,
    STATE_DONE
};

/* ---- Content-Type ---- */

/* RFC 2046 section 5.1.1: bchars. */
static bool is_boundary(struct flare_str text)
{
    static const char marks[] = "'()+_,-./:=? ";

    if (text.len == 0 || text.len > FLARE__MULTIPART_BOUNDARY_MAX ||
        text.ptr[text.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!is_letter && (c < '0' || c > '9') &&
            memchr(marks, c, sizeof(marks) - 1) == NULL)
            return false;
    }
    return true;
}

int flare__multipart_init(struct flare_multipart *m, struct flare_str type)
{
    struct flare__fieldparam param;
    struct flare_str boundary = {NULL, 0};
    struct flare_str word;
    int rc = flare__fieldparam_first(&type, &word);

    if (rc < 0 ||
        !flare_str_equal_nocase(word, FLARE_STR("multipart/form-data")))
        return FLARE_E_BAD_INPUT;
    while ((rc = flare__fieldparam_next(&type, &param)) > 0) {
        if (!flare_str_equal_nocase(param.name, FLARE_STR("boundary")))
            continue;
        if (boundary.ptr != NULL || !is_boundary(param.value))
            return FLARE_E_BAD_INPUT;
        boundary = param.value;
    }
    if (rc < 0 || boundary.ptr == NULL)
        return FLARE_E_BAD_INPUT;
    memset(m, 0, offsetof(struct flare_multipart, head));
    memcpy(m->delim, "\r\n--", 4);
    memcpy(m->delim + 4, boundary.ptr, boundary.len);
    m->delim_len = (uint8_t)(4 + boundary.len);
    return 0;
}

/* ---- the head of a part ---- */

/*
 * The text of a parameter, in place.  A backslash escapes a quote and itself.
 * Elsewhere it is one: browsers write file names as they are, but for quotes
 * and line ends, which they percent-encode; those stay as they came.
 */
static bool head_text(char *line, const struct flare__fieldparam *param,
                      struct flare_str *out)
{
    char *start = line + (param->value.ptr - line);
    char *to = start;
    const char *end = start + param->value.len;

    *out = param->value;
    if (param->is_quoted && memchr(start, '\\', param->value.len) != NULL) {
        for (const char *p = start; p < end; p++) {
            if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
                p++;
            *to++ = *p;
        }
        out->len = (size_t)(to - start);
    }
    return memchr(out->ptr, '\t', out->len) == NULL &&
           flare__utf8_is_valid(*out);
}

/* The value of Content-Disposition, in `line`. */
static int head_disposition(struct flare_multipart *m, char *line,
                            struct flare_str value)
{
    struct flare__fieldparam param;
    struct flare_str word;
    int rc = flare__fieldparam_first(&value, &word);

    if (rc < 0 || !flare_str_equal_nocase(word, FLARE_STR("form-data")))
        return FLARE_E_BAD_INPUT;
    while ((rc = flare__fieldparam_next(&value, &param)) > 0) {
        struct flare_str *out = NULL;

        if (flare_str_equal_nocase(param.name, FLARE_STR("name")))
            out = &m->part.name;
        else if (flare_str_equal_nocase(param.name, FLARE_STR("filename")))
            out = &m->part.filename;
        if (out != NULL && (out->ptr != NULL || !head_text(line, &param, out)))
            return FLARE_E_BAD_INPUT;
    }
    return rc < 0 || m->part.name.ptr == NULL ? FLARE_E_BAD_INPUT : 0;
}

static int head_type(struct flare_multipart *m, struct flare_str value)
{
    static const struct flare_str nested = {"multipart/", 10};
    struct flare_str start = {value.ptr, nested.len};

    if (value.len >= nested.len && flare_str_equal_nocase(start, nested))
        return FLARE_E_BAD_INPUT;
    m->part.type = value;
    return 0;
}

/* Those that change nothing; RFC 7578 section 4.7 has done with them all. */
static int head_encoding(struct flare_str value)
{
    static const struct flare_str same[] = {
        {"7bit", 4}, {"8bit", 4}, {"binary", 6}};

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (flare_str_equal_nocase(value, same[i]))
            return 0;
    return FLARE_E_BAD_INPUT;
}

/* Notes that a field is there; false if it was before. */
static bool is_first(bool *seen)
{
    bool was_seen = *seen;

    *seen = true;
    return !was_seen;
}

/* One field of a part's head, without its CRLF. */
static int head_line(struct flare_multipart *m, char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    struct flare_str name, value;

    if (colon == NULL || colon == line)
        return FLARE_E_BAD_INPUT;
    name = (struct flare_str){line, (size_t)(colon - line)};
    value = (struct flare_str){colon + 1, len - name.len - 1};
    for (size_t i = 0; i < name.len; i++)
        if (!flare__char_is(name.ptr[i], FLARE__CHAR_TOKEN))
            return FLARE_E_BAD_INPUT;
    for (size_t i = 0; i < value.len; i++)
        if (!flare__char_is(value.ptr[i], FLARE__CHAR_VALUE))
            return FLARE_E_BAD_INPUT;
    while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value.ptr++;
        value.len--;
    }
    while (value.len > 0 && (value.ptr[value.len - 1] == ' ' ||
                             value.ptr[value.len - 1] == '\t'))
        value.len--;

    if (flare_str_equal_nocase(name, FLARE_STR("Content-Disposition")))
        return is_first(&m->has_disposition) ? head_disposition(m, line, value)
                                             : FLARE_E_BAD_INPUT;
    if (flare_str_equal_nocase(name, FLARE_STR("Content-Type")))
        return is_first(&m->has_type) ? head_type(m, value) : FLARE_E_BAD_INPUT;
    if (flare_str_equal_nocase(name, FLARE_STR("Content-Transfer-Encoding")))
        return is_first(&m->has_encoding) ? head_encoding(value)
                                          : FLARE_E_BAD_INPUT;
    return 0;
}

/* ---- steps: an event, STEP_ON, or MORE with nothing left ---- */

static size_t left_of(const struct flare_multipart *m)
{
    return (size_t)(m->end - m->at);
}

/* How many bytes from `p` on go on with the boundary after `matched`. */
static size_t delim_common(const struct flare_multipart *m, const char *p,
                           size_t matched)
{
    size_t left = (size_t)(m->end - p);
    size_t wanted = m->delim_len - matched;
    size_t n = 0;

    if (wanted > left)
        wanted = left;
    while (n < wanted && p[n] == m->delim[matched + n])
        n++;
    return n;
}

static int step_start(struct flare_multipart *m)
{
    if (left_of(m) == 0)
        return FLARE_MULTIPART_MORE;
    m->matched = *m->at == '\r' ? 0 : 2; /* its CRLF may be missing */
    m->state = STATE_OPENING;
    return STEP_ON;
}

static int step_opening(struct flare_multipart *m)
{
    size_t n = delim_common(m, m->at, m->matched);

    m->at += n;
    m->matched = (uint8_t)(m->matched + n);
    if (m->matched == m->delim_len) {
        m->state = STATE_TAIL;
        m->tail = 0;
        return STEP_ON;
    }
    return left_of(m) > 0 ? FLARE_E_BAD_INPUT : FLARE_MULTIPART_MORE;
}

static int head_begin(struct flare_multipart *m)
{
    if (m->parts == FLARE__MULTIPART_PARTS_MAX)
        return FLARE_E_BODY_TOO_LARGE;
    m->parts++;
    m->part = (struct flare_part){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    m->has_disposition = false;
    m->has_type = false;
    m->has_encoding = false;
    m->head_len = 0;
    m->line_at = 0;
    return STEP_ON;
}

/* Two bytes: CRLF or "--"; `tail` is 1 after CR, 2 after a hyphen. */
static int step_tail(struct flare_multipart *m, struct flare_part *part)
{
    bool has_part = m->parts > 0;
    char c;

    if (left_of(m) == 0)
        return FLARE_MULTIPART_MORE;
    c = *m->at++;
    if (m->tail == 0) {
        m->tail = c == '\r' ? 1 : 2;
        return c == '\r' || c == '-' ? STEP_ON : FLARE_E_BAD_INPUT;
    }
    if (c != (m->tail == 1 ? '\n' : '-'))
        return FLARE_E_BAD_INPUT;
    m->state = m->tail == 1 ? STATE_HEAD : STATE_EPILOGUE;
    m->tail = 0;
    m->line_at = UINT32_MAX; /* head_begin is due */
    if (!has_part)
        return STEP_ON;
    *part = m->part;
    return FLARE_MULTIPART_PART_END;
}

/* Gathers a line of the head; true: it is complete, or none will be. */
static bool head_gather(struct flare_multipart *m)
{
    size_t room = FLARE__MULTIPART_HEAD_MAX - m->head_len;
    size_t n = left_of(m) < room ? left_of(m) : room;
    const char *line_end = n > 0 ? memchr(m->at, '\n', n) : NULL;

    if (line_end != NULL)
        n = (size_t)(line_end + 1 - m->at);
    if (n > 0)
        memcpy(m->head + m->head_len, m->at, n);
    m->head_len += (uint32_t)n;
    m->at += n;
    return line_end != NULL;
}

static int step_head(struct flare_multipart *m, struct flare_part *part)
{
    uint32_t line = m->line_at;
    size_t len;

    if (line == UINT32_MAX)
        return head_begin(m);
    if (!head_gather(m))
        return m->head_len == FLARE__MULTIPART_HEAD_MAX ? FLARE_E_BODY_TOO_LARGE
                                                        : FLARE_MULTIPART_MORE;
    len = m->head_len - line;
    if (len < 2 || m->head[m->head_len - 2] != '\r')
        return FLARE_E_BAD_INPUT;
    m->line_at = m->head_len;
    if (len > 2) {
        int rc = head_line(m, m->head + line, len - 2);

        return rc < 0 ? rc : STEP_ON;
    }
    if (!m->has_disposition)
        return FLARE_E_BAD_INPUT;
    /* a boundary right here would lack its CRLF: RFC 2046's is the head's */
    m->state = STATE_DATA;
    m->matched = 2;
    m->unsent_at = 2;
    *part = m->part;
    return FLARE_MULTIPART_PART;
}

static int data_event(const struct flare_multipart *m, struct flare_part *part,
                      const char *from, const char *to)
{
    if (from == to)
        return STEP_ON;
    *part = m->part;
    part->body = (struct flare_str){from, (size_t)(to - from)};
    return FLARE_MULTIPART_DATA;
}

/* A piece before this one ended with the start of a boundary. */
static int data_held(struct flare_multipart *m, struct flare_part *part)
{
    const char *held = m->delim + m->unsent_at;
    size_t matched = m->matched;
    size_t n = delim_common(m, m->at, matched);

    if (matched + n == m->delim_len) {
        m->at += n;
        m->state = STATE_TAIL;
        m->tail = 0;
        return m->unsent_at > 0 ? FLARE_E_BAD_INPUT : STEP_ON;
    }
    if (n == left_of(m)) {
        m->at = m->end;
        m->matched = (uint8_t)(matched + n);
        return FLARE_MULTIPART_MORE;
    }
    /* it was content; the n bytes still lie in this piece */
    m->matched = 0;
    m->unsent_at = 0;
    return data_event(m, part, held, m->delim + matched);
}

static int step_data(struct flare_multipart *m, struct flare_part *part)
{
    const char *start = m->at;
    const char *p = start;

    if (m->matched > 0)
        return data_held(m, part);
    while (p < m->end) {
        const char *cr = *p == '\r' ? p : memchr(p, '\r', (size_t)(m->end - p));
        size_t n;

        if (cr == NULL)
            break;
        n = delim_common(m, cr, 0);
        if (n == m->delim_len || cr + n == m->end) {
            m->at = cr + n;
            m->matched = (uint8_t)n;
            m->tail = 0;
            if (n == m->delim_len)
                m->state = STATE_TAIL;
            return data_event(m, part, start, cr);
        }
        p = cr + n; /* no CR in between */
    }
    m->at = m->end;
    if (start == m->end)
        return FLARE_MULTIPART_MORE;
    return data_event(m, part, start, m->end);
}

static int step_epilogue(struct flare_multipart *m)
{
    if (left_of(m) > 0) {
        if (m->tail == 2 || *m->at != "\r\n"[m->tail])
            return FLARE_E_BAD_INPUT;
        m->at++;
        m->tail++;
        return STEP_ON;
    }
    if (!m->is_last || m->tail == 1)
        return FLARE_MULTIPART_MORE;
    m->state = STATE_DONE;
    return FLARE_MULTIPART_END;
}

static int step(struct flare_multipart *m, struct flare_part *part)
{
    switch (m->state) {
    case STATE_START:
        return step_start(m);
    case STATE_OPENING:
        return step_opening(m);
    case STATE_TAIL:
        return step_tail(m, part);
    case STATE_HEAD:
        return step_head(m, part);
    case STATE_DATA:
        return step_data(m, part);
    case STATE_EPILOGUE:
        return step_epilogue(m);
    default:
        return FLARE_MULTIPART_MORE;
    }
}

void flare_multipart_feed(flare_multipart *m, struct flare_str piece,
                          bool is_last)
{
    FLARE_ASSERT(m->at == m->end || m->rc < 0);
    FLARE_ASSERT(!m->is_last);
    if (piece.len > 0) {
        m->at = piece.ptr;
        m->end = piece.ptr + piece.len;
    }
    m->is_last = is_last;
}

int flare_multipart_read(flare_multipart *m, struct flare_part *part)
{
    int rc = m->rc;

    if (rc < 0)
        return rc;
    do
        rc = step(m, part);
    while (rc == STEP_ON);
    if (rc == FLARE_MULTIPART_MORE && m->is_last && m->state != STATE_DONE)
        rc = FLARE_E_BAD_INPUT; /* cut off */
    if (rc < 0)
        m->rc = rc;
    return rc;
}

struct flare_str flare_filename_safe(struct flare_str filename)
{
    static const struct flare_str none = {NULL, 0};
    struct flare_str base = filename;

    for (size_t i = 0; i < filename.len; i++)
        if (filename.ptr[i] == '/' || filename.ptr[i] == '\\')
            base =
                (struct flare_str){filename.ptr + i + 1, filename.len - i - 1};
    if (base.len == 0 || base.len > 255 || base.ptr[0] == '.')
        return none;
    for (size_t i = 0; i < base.len; i++) {
        unsigned char c = (unsigned char)base.ptr[i];

        if (c < 0x20 || c == 0x7F || c == ':')
            return none;
    }
    return base;
}
