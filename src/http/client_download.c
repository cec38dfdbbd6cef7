/* SPDX-License-Identifier: MIT */
/*
 * Downloads into a file (net/part_file.h).  Nothing is put behind what is there
 * unless the server says twice that it fits: by its 206 to an If-Range with the
 * strong validator that lies beside the part, and by a Content-Range that
 * begins where the part ends.  Otherwise it begins anew.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "http/client.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/range.h"
#include "net/part_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MODE = 0644, SHOWN_MAX = 120, RANGE_MAX = 40 };

static const char part_suffix[] = ".part";

struct download {
    const struct flare_allocator *al;
    const struct flare_download_options *o;
    const char *url;
    struct flare__part_file file;
    uint64_t total; /* FLARE_LENGTH_UNKNOWN: not known */
    int rc;         /* why we have ended the call, with `err` */
    struct flare_error err;
    bool is_anew;     /* what is there is of no use: once more, from 0 */
    bool is_complete; /* all of it was there before */
    /* The note: validator, LF, URL. */
    char note[FLARE__PART_NOTE_MAX];
    size_t note_len;
};

/* ---- failing ---- */

static int file_error(struct flare_error *err, int rc, const char *path)
{
    char shown[SHOWN_MAX];

    flare__log_escape(shown, sizeof(shown), flare_str(path));
    return flare__error(err, rc, "file '%s': %s", shown, flare_strerror(rc));
}

/* For `d->rc` and `d->err`, which are set. */
static void download_end(struct download *d, flare_call *call, int rc)
{
    d->rc = rc;
    flare_call_cancel(call);
}

/* ---- what the head says ---- */

/* A date that nothing can have changed behind (RFC 9110 section 8.8.2.2). */
static bool is_strong_date(const flare_reply *reply, struct flare_str modified)
{
    struct flare_str date = flare_reply_header(reply, "Date");
    int64_t modified_s, date_s;

    return modified.ptr != NULL && date.ptr != NULL &&
           flare__date_parse(modified, 0, &modified_s) == 0 &&
           flare__date_parse(date, 0, &date_s) == 0 && modified_s < date_s;
}

/* What If-Range may say (section 13.1.5); ptr NULL: nothing. */
static struct flare_str validator_of(const flare_reply *reply)
{
    struct flare_str etag = flare_reply_header(reply, "ETag");
    struct flare_str modified = flare_reply_header(reply, "Last-Modified");
    struct flare__etag tag;

    if (etag.ptr != NULL)
        return flare__etag_parse(etag, &tag) && !tag.is_weak
                   ? etag
                   : (struct flare_str){NULL, 0};
    return is_strong_date(reply, modified) ? modified
                                           : (struct flare_str){NULL, 0};
}

/* The validator of the note; false: it is not for this URL. */
static bool note_read(const struct download *d, struct flare_str *validator)
{
    const char *lf = memchr(d->note, '\n', d->note_len);
    struct flare_str url;

    if (lf == NULL)
        return false;
    validator->ptr = d->note;
    validator->len = (size_t)(lf - d->note);
    url.ptr = lf + 1;
    url.len = d->note_len - validator->len - 1;
    return validator->len > 0 && flare_str_equal(url, flare_str(d->url));
}

static void note_write(struct download *d, struct flare_str validator)
{
    size_t url_len = strlen(d->url);

    d->note_len = 0;
    if (validator.ptr == NULL || validator.len + 1 + url_len > sizeof(d->note))
        return;
    memcpy(d->note, validator.ptr, validator.len);
    d->note[validator.len] = '\n';
    memcpy(d->note + validator.len + 1, d->url, url_len);
    d->note_len = validator.len + 1 + url_len;
}

/* Whether a part of it was found to be of another one after all. */
static bool is_another(const struct download *d, const flare_reply *reply)
{
    struct flare_str etag = flare_reply_header(reply, "ETag");
    struct flare_str validator;
    struct flare__etag old, new;

    return etag.ptr != NULL && note_read(d, &validator) &&
           flare__etag_parse(validator, &old) &&
           flare__etag_parse(etag, &new) && !flare__etag_same_strong(old, new);
}

static int head_whole(struct download *d, const flare_reply *reply)
{
    int rc;

    note_write(d, validator_of(reply));
    rc = flare__part_file_begin(&d->file,
                                (struct flare_str){d->note, d->note_len});
    if (rc < 0)
        return file_error(&d->err, rc, d->file.path);
    d->total = flare_reply_length(reply);
    return 0;
}

/* Of a 206 or 416 to our Range; -EAGAIN: it does not fit. */
static int head_range(struct download *d, const flare_reply *reply)
{
    struct flare_str field = flare_reply_header(reply, "Content-Range");
    struct flare__range range;
    uint64_t size;
    int rc = field.ptr != NULL
                 ? flare__content_range_parse(field, &range, &size)
                 : FLARE_E_BAD_RANGE;

    d->is_complete =
        rc == 0 && flare_reply_status(reply) == 416 && size == d->file.size;
    if (d->is_complete)
        return -ECANCELED;
    d->is_anew =
        flare_reply_status(reply) == 416 || rc != 1 ||
        range.offset != d->file.size || is_another(d, reply) ||
        (size != FLARE__RANGE_SIZE_UNKNOWN && range.offset + range.len != size);
    if (d->is_anew)
        return -EAGAIN;
    d->total = range.offset + range.len;
    return 0;
}

static void on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct download *d = ctx;
    int status = flare_reply_status(reply);
    int rc;

    if (status == 200)
        rc = head_whole(d, reply);
    else if (d->file.size > 0 && (status == 206 || status == 416))
        rc = head_range(d, reply);
    else
        rc = flare__error(&d->err, FLARE_E_HTTP_STATUS, "GET %s: %d %s",
                          flare_reply_url(reply).ptr, status,
                          flare_status_reason(status));
    if (rc < 0)
        download_end(d, call, rc);
}

/* ---- what comes behind it ---- */

static int data_write(struct download *d, struct flare_str data)
{
    uint64_t max = d->o->bytes_max;
    int rc;

    if (max != 0 && max != FLARE_UNLIMITED &&
        (d->file.size > max || data.len > max - d->file.size))
        return flare__error(&d->err, FLARE_E_REPLY_BODY,
                            "GET %s: more than %llu bytes", d->url,
                            (unsigned long long)max);
    rc = flare__part_file_write(&d->file, data);
    if (rc < 0)
        return file_error(&d->err, rc, d->file.path);
    if (d->o->on_progress != NULL &&
        d->o->on_progress(d->file.size, d->total, d->o->ctx) != 0)
        return flare__error(&d->err, -ECANCELED, "GET %s: %s", d->url,
                            flare_strerror(-ECANCELED));
    return 0;
}

static void on_data(flare_call *call, struct flare_str data, void *ctx)
{
    struct download *d = ctx;
    int rc;

    if (d->rc < 0)
        return; /* its end is under way */
    rc = data_write(d, data);
    if (rc < 0)
        download_end(d, call, rc);
}

static const struct flare_call_handler handler = {.on_head = on_head,
                                                  .on_data = on_data};

/* ---- asking ---- */

static int download_ask(struct download *d, flare_client *client,
                        struct flare_error *err)
{
    char range[RANGE_MAX];
    struct flare_field fields[3] = {{{NULL, 0}, {NULL, 0}}};
    struct flare_ask ask = {.url = flare_str(d->url), .raw = true};
    struct flare_str validator;
    flare_reply *reply = NULL;
    int rc;

    if (d->file.size > 0 && note_read(d, &validator)) {
        (void)snprintf(range, sizeof(range), "bytes=%llu-",
                       (unsigned long long)d->file.size);
        fields[0] = (struct flare_field){FLARE_STR("Range"), flare_str(range)};
        fields[1] = (struct flare_field){FLARE_STR("If-Range"), validator};
        ask.headers = fields;
    }
    d->rc = 0;
    d->total = FLARE_LENGTH_UNKNOWN;
    rc = flare_client_stream(client, &ask, &handler, d, &reply, err);
    flare_reply_free(reply);
    if (d->rc < 0 && !d->is_complete && !d->is_anew && err != NULL)
        *err = d->err;
    if (d->is_complete)
        return 0;
    return d->rc < 0 ? d->rc : rc;
}

/* With the part open; it is what it was afterwards, or has its place. */
static int download_run(struct download *d, flare_client *client,
                        const char *path, struct flare_error *err)
{
    struct flare_str validator;
    int rc = 0;

    if (d->file.size > 0 && !note_read(d, &validator))
        rc = flare__part_file_begin(&d->file, (struct flare_str){NULL, 0});
    if (rc < 0)
        return file_error(err, rc, d->file.path);
    rc = download_ask(d, client, err);
    if (d->is_anew) {
        d->is_anew = false;
        rc = flare__part_file_begin(&d->file, (struct flare_str){NULL, 0});
        if (rc < 0)
            return file_error(err, rc, d->file.path);
        rc = download_ask(d, client, err);
    }
    if (rc < 0)
        return rc;
    rc = flare__part_file_finish(&d->file, path);
    return rc < 0 ? file_error(err, rc, path) : 0;
}

/* The name of the part; to be freed if it is not the caller's. */
static int part_name(const struct download *d, const char *path, char **out)
{
    size_t len = strlen(path);

    if (d->o->part != NULL)
        return 0;
    *out = flare__alloc(d->al, len + sizeof(part_suffix));
    if (*out == NULL)
        return -ENOMEM;
    memcpy(*out, path, len);
    memcpy(*out + len, part_suffix, sizeof(part_suffix));
    return 0;
}

static int download_open(struct download *d, const char *path)
{
    char *own = NULL;
    int rc = part_name(d, path, &own);

    if (rc == 0)
        rc = flare__part_file_open(&d->file, d->al,
                                   own != NULL ? own : d->o->part,
                                   d->o->mode != 0 ? d->o->mode : MODE,
                                   d->o->resume ? d->note : NULL, &d->note_len);
    flare__free(d->al, own);
    return rc;
}

int flare_client_download(flare_client *client, const char *url,
                          const char *path,
                          const struct flare_download_options *options,
                          struct flare_error *err)
{
    static const struct flare_download_options defaults = {0};
    struct download *d = flare__calloc(&client->al, 1, sizeof(*d));
    int rc;

    if (d == NULL)
        return flare__error(err, -ENOMEM, "download: %s",
                            flare_strerror(-ENOMEM));
    d->al = &client->al;
    d->o = options != NULL ? options : &defaults;
    d->url = url;
    rc = download_open(d, path);
    if (rc < 0) {
        (void)file_error(err, rc, d->o->part != NULL ? d->o->part : path);
    } else {
        rc = download_run(d, client, path, err);
        if (rc < 0 && !d->o->resume)
            flare__part_file_drop(&d->file);
        flare__part_file_close(&d->file);
    }
    flare__free(d->al, d);
    return rc;
}
