/* SPDX-License-Identifier: MIT */
/* The body of flare-get's request: given, JSON, a form, or one with files. */
#include "tools/common/tool.h"
#include "tools/get/get.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 1 << 30, BODY_JSON_MAX = 64 * 1024 * 1024 };

/* ---- bytes that grow ---- */

/* They live as long as the program, which is one request. */
struct bytes {
    char *ptr;
    size_t len;
    size_t size;
    struct bytes *next;
};

static struct bytes *all_bytes;

static struct bytes *bytes_new(void)
{
    struct bytes *b = calloc(1, sizeof(*b));

    if (b == NULL)
        tool_die("%s", flare_strerror(-ENOMEM));
    b->next = all_bytes;
    all_bytes = b;
    return b;
}

/* Room for `more` and a NUL. */
static char *room(struct bytes *b, size_t more)
{
    size_t size = b->size < 4096 ? 4096 : b->size;

    if (more > BODY_BYTES_MAX - b->len)
        tool_die("the body is over %d bytes; --data @FILE has no limit",
                 BODY_BYTES_MAX);
    while (size - b->len <= more)
        size *= 2;
    if (size != b->size)
        b->ptr = realloc(b->ptr, size);
    if (b->ptr == NULL)
        tool_die("%s", flare_strerror(-ENOMEM));
    b->size = size;
    return b->ptr + b->len;
}

static void add(struct bytes *b, struct flare_str text)
{
    char *to = room(b, text.len);

    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    b->len += text.len;
    b->ptr[b->len] = '\0';
}

/* ---- files ---- */

static struct flare_str read_all(int fd, const char *path, size_t max)
{
    struct bytes *b = bytes_new();
    ssize_t n;

    do {
        n = read(fd, room(b, 65536), 65536);
        if (n > 0)
            b->len += (size_t)n;
        if (b->len > max)
            tool_die("%s: over %zu bytes", path, max);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0)
        tool_die("%s: %s", path, flare_strerror(-errno));
    b->ptr[b->len] = '\0';
    return (struct flare_str){b->ptr, b->len};
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        tool_die("%s: %s", path, flare_strerror(-errno));
    return fd;
}

struct flare_str get_read_file(const char *path, size_t max)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open_file(path);
    struct flare_str text = read_all(fd, path, max);

    if (!is_input)
        (void)close(fd); /* it was read only */
    return text;
}

/* The item's text, read if it is to be. */
static struct flare_str text_of(const struct get_item *item)
{
    if (!item->is_from_file)
        return item->value;
    return get_read_file(item->value.ptr + 1, BODY_JSON_MAX);
}

/* ---- the kinds of body ---- */

static void make_json(struct get *get, struct flare_ask *ask)
{
    static struct flare_json json; /* the body is its text */

    flare_json_init(&json, NULL, BODY_JSON_MAX);
    flare_json_begin_object(&json);
    for (size_t i = 0; i < get->item_count; i++) {
        const struct get_item *item = &get->items[i];
        struct flare_str text = text_of(item);

        flare_json_key_str(&json, item->name);
        if (item->kind == GET_ITEM_JSON)
            flare_json_raw(&json, text);
        else
            flare_json_string(&json, text);
    }
    flare_json_end_object(&json);
    if (flare_json_finish(&json) < 0)
        tool_usage("the items make no JSON: is all of it UTF-8, and a value "
                   "behind each \":=\"?");
    ask->body = flare_json_bytes(&json);
    get->type = "application/json";
}

static void add_encoded(struct bytes *b, struct flare_str text)
{
    char *to = room(b, text.len * 3 + 1);
    int len =
        flare_percent_encode(FLARE_PERCENT_FORM, text, to, text.len * 3 + 1);

    if (len > 0)
        b->len += (size_t)len;
}

static void make_form(struct get *get, struct flare_ask *ask)
{
    struct bytes *b = bytes_new();

    for (size_t i = 0; i < get->item_count; i++) {
        if (i > 0)
            add(b, FLARE_STR("&"));
        add_encoded(b, get->items[i].name);
        add(b, FLARE_STR("="));
        add_encoded(b, text_of(&get->items[i]));
    }
    ask->body = (struct flare_str){b->ptr, b->len};
    get->type = "application/x-www-form-urlencoded";
}

/* A name in quotes, as browsers write it (WHATWG, "multipart/form-data encoding
 * algorithm"). */
static void add_quoted(struct bytes *b, struct flare_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '"')
            add(b, FLARE_STR("%22"));
        else if (c == '\r')
            add(b, FLARE_STR("%0D"));
        else if (c == '\n')
            add(b, FLARE_STR("%0A"));
        else
            add(b, (struct flare_str){&c, 1});
    }
}

static void add_part(struct bytes *b, const struct get_item *item,
                     const char *boundary)
{
    const char *slash = strrchr(item->value.ptr, '/');

    add(b, FLARE_STR("--"));
    add(b, flare_str(boundary));
    add(b, FLARE_STR("\r\nContent-Disposition: form-data; name=\""));
    add_quoted(b, item->name);
    if (item->kind == GET_ITEM_FILE) {
        add(b, FLARE_STR("\"; filename=\""));
        add_quoted(b, flare_str(slash != NULL ? slash + 1 : item->value.ptr));
        add(b, FLARE_STR("\"\r\nContent-Type: application/octet-stream"));
        add(b, FLARE_STR("\r\n\r\n"));
        add(b, get_read_file(item->value.ptr, BODY_BYTES_MAX));
    } else {
        add(b, FLARE_STR("\"\r\n\r\n"));
        add(b, text_of(item));
    }
    add(b, FLARE_STR("\r\n"));
}

static void make_multipart(struct get *get, struct flare_ask *ask)
{
    static char type[96];
    struct bytes *b = bytes_new();
    unsigned char random[16];
    char boundary[48] = "flare-";

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        tool_die("no random bytes: %s", flare_strerror(-errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(boundary + 6 + 2 * i, 3, "%02x", random[i]);
    for (size_t i = 0; i < get->item_count; i++)
        add_part(b, &get->items[i], boundary);
    add(b, FLARE_STR("--"));
    add(b, flare_str(boundary));
    add(b, FLARE_STR("--\r\n"));
    ask->body = (struct flare_str){b->ptr, b->len};
    snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
    get->type = type;
}

/* ---- --data ---- */

/* A regular file is sent as it is read. */
static void make_file(struct flare_ask *ask, const char *path)
{
    static struct flare_ask_file file;
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open_file(path);

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        lseek(fd, 0, SEEK_CUR) != 0) {
        ask->body = read_all(fd, path, BODY_BYTES_MAX);
        return;
    }
    file = (struct flare_ask_file){.fd = fd, .length = (uint64_t)st.st_size};
    ask->file = &file;
}

static void make_data(struct get *get, struct flare_ask *ask)
{
    const char *text = get->data;

    get->type = "application/octet-stream";
    if (*text == '@') {
        make_file(ask, text + 1);
    } else {
        ask->body = flare_str(text);
        get->type = *text == '{' || *text == '['
                        ? "application/json"
                        : "application/x-www-form-urlencoded";
    }
}

static bool has_type(const struct get *get)
{
    for (size_t i = 0; i < get->header_count; i++)
        if (flare_str_equal_nocase(get->headers[i].name,
                                   FLARE_STR("Content-Type")))
            return true;
    return false;
}

void get_body(struct get *get, struct flare_ask *ask)
{
    if (get->data == NULL && get->item_count == 0)
        return;
    ask->has_body = true;
    if (get->data != NULL)
        make_data(get, ask);
    else if (get->multipart)
        make_multipart(get, ask);
    else if (get->form)
        make_form(get, ask);
    else
        make_json(get, ask);
    if (ask->file != NULL)
        ask->has_body = false;
    if (!has_type(get))
        ask->content_type = flare_str(get->type);
}
