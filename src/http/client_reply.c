/* SPDX-License-Identifier: MIT */
/* See client_reply.h and flare/reply.h. */
#include "http/client_reply.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

enum { BYTES_MIN = 256 };

/* ---- memory ---- */

int flare__bytes_room(struct flare__bytes *b, const struct flare_allocator *al,
                      size_t more)
{
    size_t cap = b->cap < BYTES_MIN ? BYTES_MIN : b->cap;
    char *ptr;

    if (more < b->cap - b->len) /* one is the NUL's */
        return 0;
    if (more >= SIZE_MAX / 4 - b->len)
        return -ENOMEM;
    while (cap - b->len <= more)
        cap *= 2;
    ptr = flare__realloc(al, b->ptr, cap);
    if (ptr == NULL)
        return -ENOMEM;
    b->ptr = ptr;
    b->cap = cap;
    return 0;
}

int flare__bytes_add(struct flare__bytes *b, const struct flare_allocator *al,
                     struct flare_str text)
{
    int rc = flare__bytes_room(b, al, text.len);

    if (rc < 0)
        return rc;
    if (text.len > 0)
        memcpy(b->ptr + b->len, text.ptr, text.len);
    b->len += text.len;
    b->ptr[b->len] = '\0';
    return 0;
}

static const char *settle_text(struct flare__bytes *b, const char *text,
                               size_t len)
{
    char *to = b->ptr + b->len;

    if (len > 0)
        memcpy(to, text, len);
    b->len += len;
    return to;
}

int flare__reply_settle(flare_reply *reply)
{
    struct flare__bytes *b = &reply->head;
    size_t size = reply->field_count * sizeof(struct flare__field);
    size_t text = reply->reason.len;
    struct flare__field *fields;

    if (reply->is_settled)
        return 0;
    for (uint32_t i = 0; i < reply->field_count; i++)
        text += reply->fields[i].name_len + reply->fields[i].value_len;
    b->len = 0;
    if (flare__bytes_room(b, &reply->al, size + text) < 0)
        return -ENOMEM;
    fields = (struct flare__field *)(void *)b->ptr;
    b->len = size;
    for (uint32_t i = 0; i < reply->field_count; i++) {
        const struct flare__field *from = &reply->fields[i];

        fields[i] = *from;
        fields[i].name = settle_text(b, from->name, from->name_len);
        fields[i].value = settle_text(b, from->value, from->value_len);
    }
    reply->reason.ptr = settle_text(b, reply->reason.ptr, reply->reason.len);
    reply->fields = fields;
    reply->is_settled = true;
    return 0;
}

void flare__reply_forget(flare_reply *reply)
{
    reply->fields = NULL;
    reply->field_count = 0;
    reply->reason.len = 0;
    reply->is_settled = true;
}

void flare__reply_release(flare_reply *reply)
{
    struct flare_allocator al = reply->al;

    flare__free(&al, reply->head.ptr);
    flare__free(&al, reply->trailer.ptr);
    flare__free(&al, reply->trailers);
    flare__free(&al, reply->body.ptr);
    flare__free(&al, reply->url.ptr);
    flare__free(&al, reply);
}

int flare_reply_keep(flare_reply *reply)
{
    int rc = flare__reply_settle(reply);

    if (rc == 0)
        reply->is_kept = true;
    return rc;
}

void flare_reply_free(flare_reply *reply)
{
    if (reply == NULL)
        return;
    FLARE_ASSERT(reply->is_kept); /* else it is the call's */
    flare__reply_release(reply);
}

/* ---- what came ---- */

int flare_reply_status(const flare_reply *reply)
{
    return reply->status;
}

struct flare_str flare_reply_reason(const flare_reply *reply)
{
    return reply->reason;
}

int flare_reply_version_minor(const flare_reply *reply)
{
    return reply->minor;
}

static int field_at(const struct flare__field *fields, size_t count,
                    size_t index, struct flare_str *name,
                    struct flare_str *value)
{
    if (index >= count)
        return FLARE_E_RANGE;
    *name = (struct flare_str){fields[index].name, fields[index].name_len};
    *value = (struct flare_str){fields[index].value, fields[index].value_len};
    return 0;
}

static struct flare_str field_value(const struct flare__field *field)
{
    if (field == NULL)
        return (struct flare_str){NULL, 0};
    return (struct flare_str){field->value, field->value_len};
}

struct flare_str flare_reply_header(const flare_reply *reply, const char *name)
{
    return field_value(
        flare__field_find(reply->fields, reply->field_count, flare_str(name)));
}

struct flare_str flare_reply_header_next(const flare_reply *reply,
                                         const char *name, size_t *place)
{
    const struct flare__field *found;

    if (*place >= reply->field_count)
        return (struct flare_str){NULL, 0};
    found = flare__field_find(reply->fields + *place,
                              reply->field_count - (uint32_t)*place,
                              flare_str(name));
    *place = found != NULL ? (size_t)(found - reply->fields) + 1
                           : reply->field_count;
    return field_value(found);
}

size_t flare_reply_header_count(const flare_reply *reply)
{
    return reply->field_count;
}

int flare_reply_header_at(const flare_reply *reply, size_t index,
                          struct flare_str *name, struct flare_str *value)
{
    return field_at(reply->fields, reply->field_count, index, name, value);
}

struct flare_str flare_reply_trailer(const flare_reply *reply, const char *name)
{
    return field_value(flare__field_find(reply->trailers, reply->trailer_count,
                                         flare_str(name)));
}

size_t flare_reply_trailer_count(const flare_reply *reply)
{
    return reply->trailer_count;
}

int flare_reply_trailer_at(const flare_reply *reply, size_t index,
                           struct flare_str *name, struct flare_str *value)
{
    return field_at(reply->trailers, reply->trailer_count, index, name, value);
}

struct flare_str flare_reply_body(const flare_reply *reply)
{
    if (reply->body.len == 0) /* there may be no memory, or of an older one */
        return FLARE_STR("");
    return (struct flare_str){reply->body.ptr, reply->body.len};
}

const char *flare_reply_text(const flare_reply *reply)
{
    struct flare_str body = flare_reply_body(reply);

    if (memchr(body.ptr, '\0', body.len) != NULL || !flare__utf8_is_valid(body))
        return NULL;
    return body.ptr;
}

uint64_t flare_reply_length(const flare_reply *reply)
{
    return reply->length;
}

/* ---- about it ---- */

struct flare_str flare_reply_url(const flare_reply *reply)
{
    if (reply->url.len == 0)
        return FLARE_STR("");
    return (struct flare_str){reply->url.ptr, reply->url.len};
}

uint32_t flare_reply_redirects(const flare_reply *reply)
{
    return reply->redirects;
}

uint64_t flare_reply_elapsed_ms(const flare_reply *reply)
{
    return reply->elapsed_ms;
}

bool flare_reply_is_reused(const flare_reply *reply)
{
    return reply->is_reused;
}

int flare_reply_tls_info(const flare_reply *reply, struct flare_reply_tls *out)
{
    if (!reply->has_tls)
        return -ENOTCONN;
    *out = reply->tls;
    return 0;
}

void flare_reply_timings_sized(const flare_reply *reply, size_t size,
                               struct flare_reply_timings *out)
{
    size_t known = sizeof(reply->timings);

    memset(out, 0, size);
    memcpy(out, &reply->timings, size < known ? size : known);
}

struct flare_addr flare_reply_peer(const flare_reply *reply)
{
    struct flare_addr addr = {.kind = FLARE_ADDR_NONE};

    if (reply->peer.family != FLARE_IP_NONE) {
        addr.kind = FLARE_ADDR_IP;
        addr.ip = reply->peer;
        addr.port = reply->peer_port;
    }
    return addr;
}

int flare_reply_raise_for_status(const flare_reply *reply,
                                 struct flare_error *err)
{
    enum { SHOWN_MAX = 120 }; /* of a URL, of a reason */
    char url[SHOWN_MAX], reason[SHOWN_MAX];

    if (reply->status < 400)
        return 0;
    flare__log_escape(url, sizeof(url), flare_reply_url(reply));
    flare__log_escape(reason, sizeof(reason), reply->reason);
    return flare__error(err, FLARE_E_HTTP_STATUS, "%s %s: %d %s", reply->method,
                        url, reply->status,
                        reason[0] != '\0' ? reason
                                          : flare_status_reason(reply->status));
}
