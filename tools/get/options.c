/* SPDX-License-Identifier: MIT */
/* The command line of flare-get; see get.h. */
#include "tools/common/tool.h"
#include "tools/get/get.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct tool_option options[] = {
    TOOL_GROUP("Request"),
    {'X', "request", "METHOD", "the method [GET; POST with a body]"},
    {'I', "head", NULL, "HEAD: the head of the answer alone"},
    {'H', "header", "'NAME: VALUE'",
     "a header field; without a value: none of that name"},
    {'d', "data", "TEXT|@FILE",
     "the body; \"@-\" is standard input.  Its type is\n"
     "JSON if it begins with { or [, else a form"},
    {'f', "form", NULL, "the items are a form, not JSON"},
    {'a', "auth", "USER:PASSWORD|@FILE",
     "Basic credentials, or a file with them"},
    {0, "bearer", "TOKEN|@FILE", "a bearer token, or a file with one"},
    {'b', "cookies", "FILE",
     "cookies come from there and go there; curl's format"},
    {0, "compressed", NULL, "ask for gzip and deflate, and undo them"},
    TOOL_GROUP("Connection"),
    {'L', "follow", NULL, "follow redirects"},
    {'x', "proxy", "URL", "through an HTTP proxy"},
    {0, "no-proxy", "HOSTS", "but for these, separated by commas"},
    {'k', "insecure", NULL, "verify no certificate"},
    {0, "cacert", "FILE", "trust these CAs [the system's]"},
    {'E', "cert", "FILE", "a certificate to show, PEM, with --key"},
    {0, "key", "FILE", "its key"},
    {'m', "timeout", "TIME", "of the whole request [none]"},
    {0, "connect-timeout", "TIME", "name, TCP, proxy and TLS [10s]"},
    {0, "idle-timeout", "TIME", "until the first byte, between two [30s]"},
    TOOL_GROUP("Output"),
    {'o', "output", "FILE",
     "the body to a file; written beside it, then moved"},
    {'O', "remote-name", NULL, "to a file named as the URL's end"},
    {'C', "resume", NULL, "go on where an earlier download ended"},
    {'i', "include", NULL, "the head too, where not on a terminal"},
    {'v', "verbose", NULL, "also the request, the connection and the times"},
    {'t', "times", NULL, "what took how long, on standard error"},
    {0, "pretty", "WHEN", "JSON indented: always, never [auto: a terminal]"},
    {'q', "quiet", NULL, "no progress, and nothing about errors"},
    {0, "check-status", NULL, "exit with 3, 4 or 5 for a 3xx, 4xx or 5xx"},
    {0, "json", NULL, "facts about the answer as JSON, in place of it"},
    {0, "color", "WHEN", "always, never [auto]"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-get",
    .usage = "[OPTION]... [METHOD] URL [ITEM]...",
    .about =
        "Makes an HTTP request and shows the answer.\n\n"
        "Items: name=text and name:=json make a JSON body (or --form),\n"
        "name@file a form with a file, name=@file and name:=@file read one,\n"
        "name==value adds to the query, name:value is a header field.",
    .options = options,
    .more = "Examples:\n"
            "  flare-get example.com\n"
            "  flare-get :8080/users name=Ann age:=41 X-Trace:1\n"
            "  flare-get -t https://example.com/\n"
            "  flare-get -OC https://example.com/large.iso\n"
            "Exit: 0 answered, 1 failed, 2 usage; see --check-status.",
};

/* ---- values ---- */

static uint32_t ms_of(const char *what, const char *text)
{
    uint64_t ns = tool_duration(what, text, 1000000, 86400000000000);

    return (uint32_t)((ns + 999999) / 1000000);
}

static char *copy_of(struct flare_str text)
{
    char *copy = strndup(text.ptr, text.len);

    if (copy == NULL)
        tool_die("%s", flare_strerror(-ENOMEM));
    return copy;
}

/* The text, or the first line of the file behind '@'. */
static char *secret_of(const char *text)
{
    struct flare_str bytes = flare_str(text);

    if (*text == '@')
        bytes = get_read_file(text + 1, 65536);
    bytes.len = strcspn(bytes.ptr, "\r\n");
    return copy_of(bytes);
}

static void take_auth(struct get *get, const char *text)
{
    char *colon;

    get->user = secret_of(text);
    colon = strchr(get->user, ':');
    if (colon == NULL)
        tool_usage("--auth takes USER:PASSWORD");
    *colon = '\0';
    get->password = colon + 1;
}

static void add_header(struct get *get, struct flare_str name,
                       struct flare_str value)
{
    if (get->header_count == GET_FIELDS_MAX)
        tool_usage("more than %d header fields", GET_FIELDS_MAX);
    while (value.len > 0 && (*value.ptr == ' ' || *value.ptr == '\t')) {
        value.ptr++;
        value.len--;
    }
    get->headers[get->header_count++] = (struct flare_field){name, value};
}

static void take_header(struct get *get, const char *text)
{
    size_t len = strcspn(text, ":");

    if (len == 0 || text[len] != ':')
        tool_usage("--header takes 'Name: value', not '%s'", text);
    add_header(get, (struct flare_str){text, len}, flare_str(text + len + 1));
}

static void take_pretty(struct get *get, const char *text)
{
    if (strcmp(text, "always") == 0)
        get->pretty = GET_PRETTY_ALWAYS;
    else if (strcmp(text, "never") == 0)
        get->pretty = GET_PRETTY_NEVER;
    else if (strcmp(text, "auto") != 0)
        tool_usage("--pretty is auto, always or never, not '%s'", text);
}

/* ---- items ---- */

/* Where the first mark of an item is, and how long it is; 0: there is none. */
static size_t find_mark(const char *text, size_t *at, enum get_item_kind *kind)
{
    size_t i = strcspn(text, ":=@");

    *at = i;
    *kind = GET_ITEM_HEADER;
    if (text[i] == '@')
        return *kind = GET_ITEM_FILE, 1;
    if (text[i] == ':' && text[i + 1] == '=')
        return *kind = GET_ITEM_JSON, 2;
    if (text[i] == '=' && text[i + 1] == '=')
        return *kind = GET_ITEM_QUERY, 2;
    if (text[i] == '=')
        *kind = GET_ITEM_TEXT;
    return text[i] == '\0' ? 0 : 1;
}

static void add_query(struct get *get, const struct get_item *item)
{
    if (get->query_count == GET_FIELDS_MAX)
        tool_usage("more than %d parts of a query", GET_FIELDS_MAX);
    get->query[get->query_count++] =
        (struct flare_field){item->name, item->value};
}

static void take_item(struct get *get, const char *text)
{
    struct get_item item = {.name = {text, 0}};
    size_t mark = find_mark(text, &item.name.len, &item.kind);

    if (mark == 0 || item.name.len == 0)
        tool_usage("'%s' is no item: name=text, name:=json, name:header, "
                   "name==query or name@file",
                   text);
    item.value = flare_str(text + item.name.len + mark);
    if (item.kind == GET_ITEM_HEADER) {
        add_header(get, item.name, item.value);
        return;
    }
    if (item.kind == GET_ITEM_QUERY) {
        add_query(get, &item);
        return;
    }
    if (get->item_count == GET_FIELDS_MAX)
        tool_usage("more than %d items", GET_FIELDS_MAX);
    if (item.kind == GET_ITEM_FILE)
        get->multipart = true;
    item.is_from_file = item.kind != GET_ITEM_FILE && item.value.len > 0 &&
                        *item.value.ptr == '@';
    get->items[get->item_count++] = item;
}

/* ---- the URL ---- */

/* ":8080/x" is of this machine; without a scheme it is http. */
static char *url_of(const char *text)
{
    bool has_scheme = strncasecmp(text, "http://", 7) == 0 ||
                      strncasecmp(text, "https://", 8) == 0;
    size_t size = strlen(text) + sizeof("http://localhost");
    char *url = malloc(size);

    if (url == NULL)
        tool_die("%s", flare_strerror(-ENOMEM));
    if (!has_scheme && strstr(text, "://") != NULL)
        tool_usage("the URL is http or https, not '%s'", text);
    snprintf(url, size, "%s%s%s", has_scheme ? "" : "http://",
             *text == ':' ? "localhost" : "", text);
    return url;
}

static bool is_method(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return len > 0 && text[len] == '\0';
}

static void take_plain(struct get *get, const char *text)
{
    if (get->url != NULL)
        take_item(get, text);
    else if (get->method == NULL && is_method(text))
        get->method = text;
    else
        get->url = url_of(text);
}

/* ---- all of it ---- */

static bool take_flag(struct get *get, const struct tool_option *option)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"head", &get->head},
        {"form", &get->form},
        {"compressed", &get->compressed},
        {"follow", &get->follow},
        {"insecure", &get->insecure},
        {"remote-name", &get->remote_name},
        {"resume", &get->resume},
        {"include", &get->include},
        {"verbose", &get->verbose},
        {"times", &get->times},
        {"quiet", &get->quiet},
        {"check-status", &get->check_status},
        {"json", &get->json},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!tool_is(option, flags[i].name))
            continue;
        *flags[i].flag = true;
        return true;
    }
    return false;
}

static bool take_text(struct get *get, const struct tool_option *option,
                      const char *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"request", &get->method},      {"data", &get->data},
        {"cookies", &get->cookie_file}, {"proxy", &get->proxy},
        {"no-proxy", &get->no_proxy},   {"cacert", &get->ca_file},
        {"cert", &get->cert_file},      {"key", &get->key_file},
        {"output", &get->output},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!tool_is(option, texts[i].name))
            continue;
        *texts[i].text = value;
        return true;
    }
    return false;
}

static void take(struct get *get, const struct tool_option *option,
                 const char *value)
{
    if (take_flag(get, option) || take_text(get, option, value))
        return;
    if (tool_is(option, "header"))
        take_header(get, value);
    else if (tool_is(option, "auth"))
        take_auth(get, value);
    else if (tool_is(option, "bearer"))
        get->bearer = secret_of(value);
    else if (tool_is(option, "timeout"))
        get->total_ms = ms_of("--timeout", value);
    else if (tool_is(option, "connect-timeout"))
        get->connect_ms = ms_of("--connect-timeout", value);
    else if (tool_is(option, "idle-timeout"))
        get->idle_ms = ms_of("--idle-timeout", value);
    else if (tool_is(option, "pretty"))
        take_pretty(get, value);
    else if (tool_is(option, "color"))
        tool_set_colour(value);
}

static void check(struct get *get)
{
    bool has_file = get->output != NULL || get->remote_name;

    if (get->url == NULL)
        tool_usage("a URL is wanted");
    if (get->output != NULL && get->remote_name)
        tool_usage("--output or --remote-name");
    if (get->resume && !has_file)
        tool_usage("--resume is for --output or --remote-name");
    if (get->data != NULL && get->item_count > 0)
        tool_usage("--data or items, not both");
    if (has_file && (get->data != NULL || get->item_count > 0 || get->head ||
                     (get->method != NULL && strcmp(get->method, "GET") != 0)))
        tool_usage("--output and --remote-name are for GET without a body");
    if (get->head && get->method != NULL)
        tool_usage("--head or --request");
    if (get->user != NULL && get->bearer != NULL)
        tool_usage("--auth or --bearer");
    if ((get->cert_file == NULL) != (get->key_file == NULL))
        tool_usage("--cert and --key go together");
    if (get->form && get->item_count == 0)
        tool_usage("--form is for items");
    if (get->remote_name)
        get->output = get_remote_name(get);
}

void get_options(struct get *get, int argc, char **argv)
{
    struct tool_args args = {.argc = argc, .argv = argv, .at = 1};
    const struct tool_option *option;

    *get = (struct get){.total_ms = FLARE_UNLIMITED};
    tool_begin(&tool);
    while ((option = tool_next(&args)) != NULL) {
        if (option == &tool_plain)
            take_plain(get, args.value);
        else
            take(get, option, args.value);
    }
    check(get);
}
