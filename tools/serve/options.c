/* SPDX-License-Identifier: MIT */
/*
 * The command line: one row for each option says what it is called, and one
 * where its value goes.  What cannot be meant together is told at the end.
 */
#include "tools/common/tool.h"
#include "tools/serve/serve.h"

#include <stdlib.h>
#include <string.h>

struct serve_settings serve = {
    .workers = 1,
    .drain_ms = 10000,
    .listing = true,
    .gzip = true,
    .precompressed = true,
    .realm = "flare-serve",
    .upload_max = 100 << 20,
    .root_fd = -1,
};

static const struct tool_option options[] = {
    TOOL_GROUP("Where"),
    {'l', "listen", "ADDRESS",
     "host:port, port, unix:/path, inherit: for the service\n"
     "manager's sockets; several with commas [127.0.0.1:8080]"},
    {0, "public", NULL, "on all addresses of this machine, port 8080"},
    {0, "plain", "ADDRESS", "with TLS: also listen there without"},
    {'w', "workers", "N", "threads; 0: one for each CPU [1]"},
    {0, "pin", NULL, "each worker on a CPU of its own"},
    {0, "backend", "NAME", "uring or epoll [the best there is]"},
    {0, "drain", "TIME", "for what is under way at the end [10s]"},
    {0, "restart-socket", "PATH",
     "take over from, and hand over to, another one"},
    TOOL_GROUP("Files"),
    {0, "no-listing", NULL, "a directory without an index is a 404"},
    {'i', "index", "NAME", "of a directory; up to four times [index.html]"},
    {0, "spa", NULL, "index.html answers for paths that are not there"},
    {0, "404", "PAGE", "a file below the directory, for what is not there"},
    {0, "dotfiles", NULL, "names with a dot in front are there"},
    {0, "symlinks", NULL, "follow links that stay below the directory"},
    {0, "no-precompressed", NULL, "do not look for .br and .gz"},
    {0, "no-gzip", NULL, "do not compress on the fly"},
    {0, "cache", "VALUE", "the Cache-Control of files, \"max-age=3600\""},
    {0, "live", NULL, "pages load again when a file changes"},
    TOOL_GROUP("TLS"),
    {0, "cert", "FILE", "certificate and its issuers, PEM; with --key"},
    {0, "key", "FILE", "its key, PEM"},
    {0, "self-signed", NULL, "make both up, for development"},
    {0, "ca-out", "FILE", "write what was made up there, for curl --cacert"},
    TOOL_GROUP("Who and what"),
    {0, "auth-file", "FILE", "NAME:HASH lines of htpasswd -B"},
    {0, "auth", "NAME:PASSWORD", "one user; others on this machine see it"},
    {0, "realm", "TEXT", "what is asked for [flare-serve]"},
    {0, "cors", "ORIGIN", "whose scripts may read; '*': anyone's; repeatable"},
    {'H', "header", "NAME: VALUE", "added to every answer; repeatable"},
    {0, "trust", "NETWORKS", "proxies whose X-Forwarded-For counts"},
    TOOL_GROUP("More than files"),
    {0, "proxy", "PREFIX=URL",
     "ask another server, /api=http://[::1]:3000;\n"
     "repeatable"},
    {0, "upload", NULL, "take PUT, and POST of forms"},
    {0, "overwrite", NULL, "of files that are there, too"},
    {0, "upload-max", "SIZE", "of one request [100m]"},
    {0, "metrics", "PATH", "counters for Prometheus there"},
    {0, "health", "PATH", "200 there, 503 in the drain; without --auth"},
    TOOL_GROUP("Output"),
    {0, "log", "FILE", "requests, one a line; -: standard error"},
    {0, "log-format", "NAME", "common, combined or json [combined]"},
    {'q', "quiet", NULL, "neither banner nor summary"},
    {0, "json", NULL, "both as JSON, a line each, on standard output"},
    {0, "color", "WHEN", "auto, always or never [auto]"},
    TOOL_GROUP("Privileges"),
    {'u', "user", "NAME[:GROUP]", "become that user once it listens"},
    {0, "chroot", "DIRECTORY", "and see nothing but that; with --user"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-serve",
    .usage = "[OPTION]... [DIRECTORY]",
    .about = "Serves the files of a directory [.] over HTTP, to this machine "
             "only unless told.",
    .options = options,
    .more = "Examples:\n"
            "  flare-serve                       this directory, to yourself\n"
            "  flare-serve --public --self-signed site\n"
            "  flare-serve --live --proxy /api=http://127.0.0.1:3000 dist\n",
};

/* ---- what takes more than a line ---- */

static size_t index_count;

static void take_index(const char *value)
{
    if (index_count == FLARE_FILES_INDEX_MAX)
        tool_usage("--index: more than %d names", FLARE_FILES_INDEX_MAX);
    serve.index[index_count++] = value;
}

static void take_spa(const char *value)
{
    (void)value;
    serve.spa = true;
    serve.listing = false;
}

static void take_cors(const char *value)
{
    if (serve.cors_count == FLARE_LIST_MAX)
        tool_usage("--cors: more than %d origins", FLARE_LIST_MAX);
    serve.cors.origins[serve.cors_count++] = value;
}

static void take_header(const char *value)
{
    const char *colon = strchr(value, ':');
    const char *rest;

    if (colon == NULL || colon == value)
        tool_usage("--header '%s': write it as 'Name: value'", value);
    if (serve.header_count == SERVE_HEADERS_MAX)
        tool_usage("--header: more than %d", SERVE_HEADERS_MAX);
    for (rest = colon + 1; *rest == ' ' || *rest == '\t';)
        rest++;
    serve.headers[serve.header_count].value = flare_str(rest);
    serve.header_names[serve.header_count] =
        strndup(value, (size_t)(colon - value));
    if (serve.header_names[serve.header_count++] == NULL)
        tool_die("out of memory");
}

static void take_proxy(const char *value)
{
    const char *equals = strchr(value, '=');
    struct serve_proxy *p = &serve.proxies[serve.proxy_count];
    struct flare_url url;
    struct flare_error err;
    size_t len;
    char *prefix;

    if (value[0] != '/' || equals == NULL || equals == value + 1)
        tool_usage("--proxy '%s': write it as /prefix=http://host:port", value);
    if (serve.proxy_count++ == SERVE_PROXIES_MAX)
        tool_usage("--proxy: more than %d", SERVE_PROXIES_MAX);
    p->origin = equals + 1;
    if (flare_url_parse(&url, flare_str(p->origin), &err) < 0)
        tool_usage("--proxy '%s': %s", value, err.text);
    if (strncmp(p->origin, "http://", 7) != 0 &&
        strncmp(p->origin, "https://", 8) != 0)
        tool_usage("--proxy '%s': the URL is neither http nor https", value);
    if (strpbrk(p->origin, "?#") != NULL)
        tool_usage("--proxy '%s': the URL must end with its path", value);
    len = (size_t)(equals - value);
    while (len > 1 && value[len - 1] == '/')
        len--;
    prefix = strndup(value, len);
    p->routes[1] = malloc(len + sizeof("/*path"));
    if (prefix == NULL || p->routes[1] == NULL)
        tool_die("out of memory");
    snprintf(p->routes[1], len + sizeof("/*path"), "%s/*path", prefix);
    p->routes[0] = prefix;
    p->prefix = prefix;
}

static void take_workers(const char *value)
{
    serve.workers = (uint32_t)tool_number("--workers", value, 0, 1024);
    if (serve.workers == 0)
        serve.workers = FLARE_WORKERS_AUTO;
}

static void take_drain(const char *value)
{
    serve.drain_ms = (uint32_t)(tool_duration("--drain", value, 1000000,
                                              UINT64_C(3600000000000)) /
                                1000000);
}

static void take_upload_max(const char *value)
{
    serve.upload_max = tool_size("--upload-max", value, 1, UINT64_C(1) << 50);
}

static void take_format(const char *value)
{
    static const char *const names[] = {"common", "combined", "json"};

    for (int i = 0; i < 3; i++)
        if (strcmp(value, names[i]) == 0) {
            serve.log_format = (enum flare_log_format)i;
            return;
        }
    tool_usage("--log-format '%s' is none of common, combined and json", value);
}

static void take_public(const char *value)
{
    (void)value;
    serve.listen = "0.0.0.0:8080,[::]:8080";
}

/* ---- where each goes ---- */

static const struct {
    const char *name;
    const char **text;
    bool *flag;
    bool becomes;
    void (*take)(const char *value);
} rows[] = {
    {"listen", &serve.listen, NULL, false, NULL},
    {"public", NULL, NULL, false, take_public},
    {"plain", &serve.tls_listen, NULL, false, NULL}, /* swapped by finish */
    {"workers", NULL, NULL, false, take_workers},
    {"pin", NULL, &serve.pin, true, NULL},
    {"backend", &serve.backend, NULL, false, NULL},
    {"drain", NULL, NULL, false, take_drain},
    {"restart-socket", &serve.restart_socket, NULL, false, NULL},
    {"no-listing", NULL, &serve.listing, false, NULL},
    {"index", NULL, NULL, false, take_index},
    {"spa", NULL, NULL, false, take_spa},
    {"404", &serve.page_404, NULL, false, NULL},
    {"dotfiles", NULL, &serve.dotfiles, true, NULL},
    {"symlinks", NULL, &serve.symlinks, true, NULL},
    {"no-precompressed", NULL, &serve.precompressed, false, NULL},
    {"no-gzip", NULL, &serve.gzip, false, NULL},
    {"cache", &serve.cache_control, NULL, false, NULL},
    {"live", NULL, &serve.live, true, NULL},
    {"cert", &serve.cert, NULL, false, NULL},
    {"key", &serve.key, NULL, false, NULL},
    {"self-signed", NULL, &serve.self_signed, true, NULL},
    {"ca-out", &serve.ca_out, NULL, false, NULL},
    {"auth-file", &serve.auth_file, NULL, false, NULL},
    {"auth", &serve.auth, NULL, false, NULL},
    {"realm", &serve.realm, NULL, false, NULL},
    {"cors", NULL, NULL, false, take_cors},
    {"header", NULL, NULL, false, take_header},
    {"trust", &serve.trusted, NULL, false, NULL},
    {"proxy", NULL, NULL, false, take_proxy},
    {"upload", NULL, &serve.upload, true, NULL},
    {"overwrite", NULL, &serve.overwrite, true, NULL},
    {"upload-max", NULL, NULL, false, take_upload_max},
    {"metrics", &serve.metrics, NULL, false, NULL},
    {"health", &serve.health, NULL, false, NULL},
    {"log", &serve.log, NULL, false, NULL},
    {"log-format", NULL, NULL, false, take_format},
    {"quiet", NULL, &serve.quiet, true, NULL},
    {"json", NULL, &serve.json, true, NULL},
    {"color", NULL, NULL, false, tool_set_colour},
    {"user", &serve.user, NULL, false, NULL},
    {"chroot", &serve.chroot, NULL, false, NULL},
};

static void take(const struct tool_option *option, const char *value)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!tool_is(option, rows[i].name))
            continue;
        if (rows[i].text != NULL)
            *rows[i].text = value;
        else if (rows[i].flag != NULL)
            *rows[i].flag = rows[i].becomes;
        else
            rows[i].take(value);
        return;
    }
}

/* ---- what was meant ---- */

/* "8080" is a port of this machine, to itself. */
static const char *address_of(const char *given)
{
    size_t size;
    char *text;

    if (given == NULL || given[strspn(given, "0123456789")] != '\0')
        return given;
    size = strlen(given) + sizeof("127.0.0.1:");
    text = malloc(size);
    if (text == NULL)
        tool_die("out of memory");
    snprintf(text, size, "127.0.0.1:%s", given);
    return text;
}

static void check_path(const char *option, const char *path)
{
    if (path != NULL && (path[0] != '/' || path[1] == '\0'))
        tool_usage("%s '%s': a path below /, like /metrics", option, path);
}

static void check_tls(void)
{
    bool has_tls = serve.self_signed || serve.cert != NULL;
    const char *plain = serve.tls_listen;

    if ((serve.cert == NULL) != (serve.key == NULL))
        tool_usage("--cert and --key need each other");
    if (serve.self_signed && serve.cert != NULL)
        tool_usage("--self-signed makes what --cert gives: one of them");
    if (serve.ca_out != NULL && !serve.self_signed)
        tool_usage("--ca-out writes what --self-signed makes");
    if (plain != NULL && !has_tls)
        tool_usage("--plain is for addresses beside TLS: use --listen");
    serve.tls_listen = has_tls ? serve.listen : NULL;
    serve.listen = has_tls ? address_of(plain) : serve.listen;
}

static void check_rest(void)
{
    if (serve.auth != NULL && serve.auth_file != NULL)
        tool_usage("--auth and --auth-file: one of them");
    if (serve.auth != NULL &&
        (strchr(serve.auth, ':') == NULL || serve.auth[0] == ':'))
        tool_usage("--auth '...': write it as NAME:PASSWORD");
    if (serve.overwrite && !serve.upload)
        tool_usage("--overwrite is for --upload");
    if (serve.spa && serve.page_404 != NULL)
        tool_usage("--spa answers what --404 would: one of them");
    if (serve.chroot != NULL && serve.user == NULL)
        tool_usage("--chroot without --user: root would find a way out");
    if (serve.chroot != NULL && serve.live)
        tool_usage("--live is for development: not with --chroot");
    check_path("--metrics", serve.metrics);
    check_path("--health", serve.health);
}

void serve_options(int argc, char **argv)
{
    struct tool_args args = {.argc = argc, .argv = argv, .at = 1};
    const struct tool_option *option;

    serve.log_format = FLARE_LOG_COMBINED;
    tool_begin(&tool);
    while ((option = tool_next(&args)) != NULL) {
        if (option != &tool_plain)
            take(option, args.value);
        else if (serve.root != NULL)
            tool_usage("one directory, not '%s' and '%s'", serve.root,
                       args.value);
        else
            serve.root = args.value;
    }
    if (serve.root == NULL)
        serve.root = ".";
    if (index_count == 0)
        serve.index[0] = "index.html";
    serve.spa_page = serve.spa ? serve.index[0] : NULL;
    if (serve.listen == NULL)
        serve.listen =
            getenv("LISTEN_FDS") != NULL ? "inherit:" : "127.0.0.1:8080";
    serve.listen = address_of(serve.listen);
    serve.forwarded =
        serve.trusted != NULL ? FLARE_FORWARDED_X : FLARE_FORWARDED_NONE;
    check_tls();
    check_rest();
}
