/* SPDX-License-Identifier: MIT */
/* See sim_response.h. */
#include "tests/support/sim_response.h"

#include <string.h>

struct fields {
    uint32_t dates, servers, lengths, connections, codings;
};

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

void sim_response_start(struct sim_response *r, bool is_to_head)
{
    r->is_to_head = is_to_head;
    r->is_to_old = false;
    r->is_chunked = false;
    r->is_until_close = false;
    r->trailers = 0;
    r->chunk_state = CHUNK_SIZE;
    r->line_len = 0;
    r->in_body = false;
    r->status = 0;
    r->is_last = false;
    r->has_id = false;
    r->length = 0;
    r->received = 0;
    r->fault = NULL;
    r->head_len = 0;
}

bool sim_response_is_begun(const struct sim_response *r)
{
    return r->head_len > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Plain digits up to `end`; false if there is anything else, or nothing. */
static bool read_number(const char **p, const char *end, uint64_t *out)
{
    const char *start = *p;

    *out = 0;
    while (*p < end && is_digit(**p))
        *out = *out * 10 + (uint64_t)(*(*p)++ - '0');
    return *p > start && *p - start < 19;
}

/* "HTTP/1.1 200 OK" */
static const char *read_status(struct sim_response *r, const char *p,
                               const char *end)
{
    static const char start[] = "HTTP/1.1 ";

    if (end - p < 13 || memcmp(p, start, 9) != 0 || p[12] != ' ')
        return "status line";
    for (int i = 9; i < 12; i++) {
        if (!is_digit(p[i]))
            return "status";
        r->status = r->status * 10 + (p[i] - '0');
    }
    if (r->status < 100 || r->status > 599)
        return "status out of range";
    for (p += 13; p < end; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return "control character in the reason";
    return NULL;
}

static bool name_is(const char *p, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(p, name, len) == 0;
}

static const char *read_known(struct sim_response *r, struct fields *seen,
                              struct flare_str name, struct flare_str value)
{
    const char *p = value.ptr;
    const char *end = p + value.len;
    uint64_t a, b;

    if (name_is(name.ptr, name.len, "Date"))
        return ++seen->dates > 1 || value.len != 29 ? "Date" : NULL;
    if (name_is(name.ptr, name.len, "Server"))
        return ++seen->servers > 1 ? "Server" : NULL;
    if (name_is(name.ptr, name.len, "Content-Length")) {
        seen->lengths++;
        return read_number(&p, end, &r->length) && p == end
                   ? NULL
                   : "Content-Length is no number";
    }
    if (name_is(name.ptr, name.len, "Connection")) {
        r->is_last = name_is(value.ptr, value.len, "close");
        return ++seen->connections > 1 ? "Connection twice" : NULL;
    }
    if (name_is(name.ptr, name.len, "Transfer-Encoding")) {
        r->is_chunked = name_is(value.ptr, value.len, "chunked");
        return ++seen->codings > 1 || !r->is_chunked || r->is_to_old
                   ? "Transfer-Encoding"
                   : NULL;
    }
    if (!name_is(name.ptr, name.len, "X-Id"))
        return NULL;
    if (!read_number(&p, end, &a) || p == end || *p++ != '-' ||
        !read_number(&p, end, &b) || p != end)
        return "X-Id";
    r->has_id = true;
    r->id_conn = (uint32_t)a;
    r->id_request = (uint32_t)b;
    return NULL;
}

static const char *read_field(struct sim_response *r, struct fields *seen,
                              const char *p, const char *end)
{
    const char *colon = memchr(p, ':', (size_t)(end - p));

    if (colon == NULL || colon == p)
        return "field without a name";
    for (const char *c = p; c < colon; c++)
        if (!is_digit(*c) && *c != '-' && (*c | 32) < 'a' && (*c | 32) > 'z')
            return "field name";
    for (const char *c = colon; c < end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 127)
            return "control character in a field";
    if (end - colon < 2 || colon[1] != ' ' || end[-1] == ' ')
        return "white space of a field";
    return read_known(r, seen, (struct flare_str){p, (size_t)(colon - p)},
                      (struct flare_str){colon + 2, (size_t)(end - colon) - 2});
}

static const char *check_fields(struct sim_response *r,
                                const struct fields *seen)
{
    bool has_body = r->status >= 200 && r->status != 204 && r->status != 304;

    if (r->status < 200)
        return seen->lengths + seen->connections + seen->codings > 0
                   ? "field in a 1xx"
                   : NULL;
    if (seen->dates != 1 || seen->servers != 1)
        return "Date or Server is missing";
    if (seen->lengths + seen->codings > 1)
        return "framed twice";
    if (has_body && seen->lengths + seen->codings == 0 &&
        (!r->is_to_old || !r->is_last))
        return "a body without an end";
    if (r->status == 204 && seen->lengths + seen->codings != 0)
        return "a framed 204";
    r->is_until_close = has_body && seen->lengths + seen->codings == 0;
    if (r->is_chunked || r->is_until_close)
        r->length = UINT64_MAX;
    return NULL;
}

static const char *read_head(struct sim_response *r)
{
    const char *p = r->head;
    const char *end = r->head + r->head_len - 2; /* of the last field */
    struct fields seen = {0};
    const char *fault = NULL;

    for (bool is_first = true; p < end && fault == NULL; is_first = false) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));

        if (eol == NULL || eol == p || eol[-1] != '\r')
            return "bare LF";
        fault = is_first ? read_status(r, p, eol - 1)
                         : read_field(r, &seen, p, eol - 1);
        p = eol + 1;
    }
    return fault != NULL ? fault : check_fields(r, &seen);
}

static enum sim_response_what take_head(struct sim_response *r,
                                        struct flare_str *in)
{
    while (in->len > 0) {
        if (r->head_len == SIM_RESPONSE_HEAD_MAX) {
            r->fault = "head without an end";
            return SIM_RESPONSE_BAD;
        }
        r->head[r->head_len++] = *in->ptr++;
        in->len--;
        if (r->head_len < 4 ||
            memcmp(r->head + r->head_len - 4, "\r\n\r\n", 4) != 0)
            continue;
        r->fault = read_head(r);
        if (r->fault != NULL)
            return SIM_RESPONSE_BAD;
        r->in_body = true;
        if (r->is_to_head || r->status < 200 || r->status == 204 ||
            r->status == 304) {
            r->length = 0;
            r->is_chunked = r->is_until_close = false;
        }
        return SIM_RESPONSE_HEAD;
    }
    return SIM_RESPONSE_MORE;
}

/* ---- chunks: sizes in lower case, without leading zeros or extensions ---- */

static const char *chunk_size(struct sim_response *r)
{
    uint64_t size = 0;

    if (r->line_len == 0 || r->line_len > 8 ||
        (r->line[0] == '0' && r->line_len > 1))
        return "chunk size";
    for (uint32_t i = 0; i < r->line_len; i++) {
        char c = r->line[i];

        if (!is_digit(c) && (c < 'a' || c > 'f'))
            return "chunk size";
        size = size * 16 + (uint64_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    r->chunk_left = size;
    r->chunk_state = size == 0 ? CHUNK_TRAILER : CHUNK_DATA;
    return NULL;
}

/* The line in hand is whole; an empty trailer is the end of all. */
static const char *chunk_line(struct sim_response *r)
{
    struct fields seen = {0};
    const char *fault = NULL;

    switch ((enum chunk_state)r->chunk_state) {
    case CHUNK_SIZE:
        fault = chunk_size(r);
        break;
    case CHUNK_DATA_END:
        fault = r->line_len == 0 ? NULL : "bytes behind a chunk";
        r->chunk_state = CHUNK_SIZE;
        break;
    case CHUNK_TRAILER:
        if (r->line_len == 0) {
            r->is_chunked = false;
            r->length = r->received;
            return NULL;
        }
        r->trailers++;
        fault = read_field(r, &seen, r->line, r->line + r->line_len);
        if (seen.lengths + seen.codings + seen.connections > 0)
            fault = "framing in a trailer";
        break;
    case CHUNK_DATA:
        break;
    }
    r->line_len = 0;
    return fault;
}

/* A byte of a line; whether it was its last, and nothing is wrong. */
static bool chunk_byte(struct sim_response *r, char c)
{
    if (c == '\n') {
        if (r->line_len == 0 || r->line[r->line_len - 1] != '\r')
            r->fault = "bare LF in a chunk";
        else
            r->line_len--;
        return r->fault == NULL;
    }
    if (r->line_len == sizeof(r->line))
        r->fault = "a long line in a chunk";
    else
        r->line[r->line_len++] = c;
    return false;
}

static enum sim_response_what take_chunked(struct sim_response *r,
                                           struct flare_str *in,
                                           struct flare_str *data)
{
    while (r->chunk_state != CHUNK_DATA) {
        if (in->len == 0)
            return SIM_RESPONSE_MORE;
        in->len--;
        if (chunk_byte(r, *in->ptr++))
            r->fault = chunk_line(r);
        if (r->fault != NULL)
            return SIM_RESPONSE_BAD;
        if (!r->is_chunked)
            return SIM_RESPONSE_END;
    }
    if (in->len == 0)
        return SIM_RESPONSE_MORE;
    *data = *in;
    if (data->len > r->chunk_left)
        data->len = (size_t)r->chunk_left;
    r->chunk_left -= data->len;
    if (r->chunk_left == 0)
        r->chunk_state = CHUNK_DATA_END;
    in->ptr += data->len;
    in->len -= data->len;
    r->received += data->len;
    return SIM_RESPONSE_BODY;
}

bool sim_response_end(struct sim_response *r)
{
    if (!r->in_body || !r->is_until_close)
        return false;
    r->is_until_close = false;
    r->length = r->received;
    return true;
}

enum sim_response_what sim_response_next(struct sim_response *r,
                                         struct flare_str *in,
                                         struct flare_str *data)
{
    uint64_t left = r->length - r->received;

    if (!r->in_body)
        return take_head(r, in);
    if (r->is_chunked)
        return take_chunked(r, in, data);
    if (left == 0)
        return SIM_RESPONSE_END;
    if (in->len == 0)
        return SIM_RESPONSE_MORE;
    *data = *in;
    if (data->len > left)
        data->len = left;
    in->ptr += data->len;
    in->len -= data->len;
    r->received += data->len;
    return SIM_RESPONSE_BODY;
}
