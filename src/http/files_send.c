/* SPDX-License-Identifier: MIT */
/*
 * The answer of one file: its validators, conditions (RFC 9110 section 13) and
 * ranges (section 14), and where its bytes come from.
 *
 * One range is answered with 206.  Several are answered with the whole, which
 * section 14.2 allows: multipart/byteranges is asked for by nearly nobody, and
 * was what denials of service were made of (FAILURES H44).
 */
#include "http/files.h"

#include "http/conditions.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/range.h"
#include "http/res.h"
#include "net/clock.h"

#include <errno.h>
#include <string.h>

/* Up to here a copy behind the head costs less than a second buffer. */
enum { FILES_COPY_MAX = 2048 };

/* ---- validators ---- */

size_t flare__files_etag(char out[FLARE__FILES_ETAG_MAX],
                         const struct flare__file_facts *facts)
{
    char inode[FLARE__ETAG_LEN_MAX];
    size_t len = flare__etag_write(out, facts->modified_ns, facts->size);
    size_t more = flare__etag_write(inode, (int64_t)facts->inode, 0);

    /* "time-size" and "inode-0": one quotation mark gives way to the other */
    more -= sizeof("-0\"") - 1;
    out[len - 1] = '-';
    memcpy(out + len, inode + 1, more - 1);
    len += more - 1;
    out[len++] = '"';
    return len;
}

static int64_t modified_seconds(const struct flare__file_facts *facts)
{
    int64_t s = facts->modified_ns / 1000000000;

    return facts->modified_ns % 1000000000 < 0 ? s - 1 : s;
}

static char *put_text(char *p, struct flare_str text)
{
    memcpy(p, text.ptr, text.len);
    return p + text.len;
}

void flare__files_validate(struct flare__files_validators *v,
                           const struct flare_files *files,
                           const struct flare__file_facts *facts)
{
    char *p = v->lines;

    v->etag_at = 0;
    v->etag_len = 0;
    if (!files->config.no_etag) {
        p = put_text(p, FLARE_STR("ETag: "));
        v->etag_at = (uint8_t)(p - v->lines);
        v->etag_len = (uint8_t)flare__files_etag(p, facts);
        p = put_text(p + v->etag_len, FLARE_STR("\r\n"));
    }
    p = put_text(p, FLARE_STR("Last-Modified: "));
    flare__date_write(p, modified_seconds(facts));
    p = put_text(p + FLARE__DATE_LEN, FLARE_STR("\r\n"));
    v->len = (uint8_t)(p - v->lines);
}

_Static_assert(FLARE__FILES_LINES_MAX >=
                   sizeof("ETag: \r\nLast-Modified: \r\n") +
                       FLARE__FILES_ETAG_MAX + FLARE__DATE_LEN,
               "room for both lines");

/* ---- what the request asks ---- */

struct flare__values flare__files_values(struct flare_req *req,
                                         const char *name,
                                         struct flare_str *first)
{
    const struct flare__head *head = req->head;
    struct flare_str wanted = flare_str(name);
    struct flare__values v = {first, 0};
    struct flare_str *list = first;

    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];

        if (f->name_len != wanted.len ||
            !flare_str_equal_nocase((struct flare_str){f->name, f->name_len},
                                    wanted))
            continue;
        if (v.count == 1) {
            list = flare_req_alloc(req, head->field_count * sizeof(*list));
            if (list == NULL)
                return v; /* as if it had come once */
            list[0] = *first;
            v.at = list;
        }
        list[v.count++] = (struct flare_str){f->value, f->value_len};
    }
    return v;
}

/* Whether the request has a field that this file asks about. */
static bool is_conditional(const struct flare__head *head)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct flare__field *f = &head->fields[i];
        char c = (char)(f->name[0] | 0x20);

        if ((c == 'i' && f->name_len >= 8) || (c == 'r' && f->name_len == 5))
            return true;
    }
    return false;
}

/* What is to be sent: the whole, or of one range. */
struct files_part {
    int status;
    struct flare__range range;
};

static enum flare__verdict ask_conditions(flare_req *req,
                                          const struct flare__files_file *file)
{
    struct flare_str first[5];
    struct flare__conditions c = {
        .if_match = flare__files_values(req, "If-Match", &first[0]),
        .if_none_match = flare__files_values(req, "If-None-Match", &first[1]),
        .if_modified_since =
            flare__files_values(req, "If-Modified-Since", &first[2]),
        .if_unmodified_since =
            flare__files_values(req, "If-Unmodified-Since", &first[3]),
        .if_range = flare__files_values(req, "If-Range", &first[4]),
        .has_range = flare_req_header(req, "Range").ptr != NULL,
    };
    struct flare__validators mine = {
        .exists = true,
        .has_modified = true,
        .modified = modified_seconds(&file->facts),
        .etag = {file->validators->lines + file->validators->etag_at,
                 file->validators->etag_len},
    };

    return flare__conditions_check(flare_req_method(req), &c, &mine,
                                   flare__clock_realtime());
}

static void ask_range(flare_req *req, uint64_t size, struct files_part *part)
{
    struct flare_str first;
    struct flare__values v = flare__files_values(req, "Range", &first);
    struct flare__range ranges[FLARE__RANGES_MAX];
    int count;

    if (v.count != 1 || flare_req_method(req) != FLARE_METHOD_GET)
        return;
    count = flare__range_parse(v.at[0], size, ranges);
    if (count == FLARE_E_BAD_RANGE)
        part->status = 416;
    if (count != 1)
        return;
    part->status = 206;
    part->range = ranges[0];
}

static void ask(flare_req *req, const struct flare__files_file *file,
                struct files_part *part)
{
    *part = (struct files_part){200, {0, file->facts.size}};
    if (!is_conditional(req->head))
        return;
    switch (ask_conditions(req, file)) {
    case FLARE__VERDICT_PROCEED:
        ask_range(req, file->facts.size, part);
        return;
    case FLARE__VERDICT_PROCEED_WHOLE:
        return;
    case FLARE__VERDICT_NOT_MODIFIED:
        part->status = 304;
        return;
    case FLARE__VERDICT_FAILED:
        part->status = 412;
        return;
    }
}

/* ---- fields ---- */

static int put_field(flare_res *res, const char *name, struct flare_str value,
                     int rc)
{
    return rc < 0 ? rc : flare__res_field(res, flare_str(name), value);
}

static int put_content_range(flare_res *res, const struct files_part *part,
                             uint64_t size, int rc)
{
    char text[FLARE__CONTENT_RANGE_LEN_MAX];
    size_t len = flare__content_range_write(
        text, part->status == 206 ? &part->range : NULL, size);

    return put_field(res, "Content-Range", (struct flare_str){text, len}, rc);
}

static int put_fields(flare_res *res, const struct flare__files_answer *answer,
                      const struct files_part *part)
{
    const struct flare__files_validators *v = answer->file.validators;
    bool is_error = part->status >= 400;
    int rc = 0;

    if (!is_error)
        rc = flare__res_lines(res, (struct flare_str){v->lines, v->len});
    if (answer->cache_control != NULL && !is_error)
        rc = put_field(res, "Cache-Control", flare_str(answer->cache_control),
                       rc);
    if (answer->has_variants)
        rc = put_field(res, "Vary", FLARE_STR("Accept-Encoding"), rc);
    if (part->status == 304 || part->status == 412)
        return rc;
    if (rc == 0)
        rc = flare__res_lines(res, FLARE_STR("Accept-Ranges: bytes\r\n"));
    if (answer->coding != FLARE__CODING_IDENTITY && !is_error)
        rc = put_field(res, "Content-Encoding",
                       flare__coding_name(answer->coding), rc);
    if (part->status != 200)
        rc = put_content_range(res, part, answer->file.facts.size, rc);
    return rc;
}

/* ---- the answer ---- */

/* Content in memory; the entry that lends it is taken on success. */
static int answer_kept(flare_res *res, struct flare_str type,
                       const struct flare__files_file *file,
                       const struct files_part *part)
{
    struct flare_str body = {file->content + part->range.offset,
                             (size_t)part->range.len};
    int rc;

    if (body.len > FILES_COPY_MAX)
        return flare_res_give(res, part->status, type, body,
                              flare__files_unlend, file->entry);
    rc = flare_res_copy(res, part->status, type, body);
    if (rc == 0)
        flare__files_unlend(file->entry, NULL);
    return rc;
}

int flare__files_answer(const struct flare_files *files, flare_req *req,
                        flare_res *res, struct flare__files_answer *answer)
{
    struct flare__files_file *file = &answer->file;
    struct flare__files_validators validators;
    struct files_part part;
    int rc;

    if (res->state != FLARE__RES_OPEN)
        return FLARE_E_ALREADY_ANSWERED;
    if (file->validators == NULL) {
        flare__files_validate(&validators, files, &file->facts);
        file->validators = &validators;
    }
    ask(req, file, &part);
    rc = put_fields(res, answer, &part);
    if (rc < 0)
        return rc;
    if (part.status == 304)
        rc = flare_res_empty(res, 304);
    else if (part.status >= 400)
        rc = flare__res_plain(res, part.status);
    else if (file->content != NULL)
        return answer_kept(res, answer->type, file, &part);
    else
        return flare_res_file(res, part.status, answer->type, file->fd,
                              part.range.offset, part.range.len);
    if (rc == 0)
        flare__files_drop(file);
    return rc;
}
