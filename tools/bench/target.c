/* SPDX-License-Identifier: MIT */
/* URL and address; see target.h. */
#include "tools/bench/target.h"

#include "tools/common/tool.h"

#include <string.h>
#include <unistd.h>

/* The URL with a digit for each byte of a placeholder: there is no brace in
 * one. */
static void parse_url(struct flare_url *url, const char *text, char *copy,
                      size_t size)
{
    struct flare_error err;
    bool is_in_brace = false;
    size_t len = strlen(text);

    if (len >= size)
        tool_usage("the URL is too long");
    for (size_t i = 0; i < len; i++) {
        is_in_brace = is_in_brace || text[i] == '{';
        copy[i] = is_in_brace ? '0' : text[i];
        is_in_brace = is_in_brace && text[i] != '}';
    }
    if (flare_url_parse(url, (struct flare_str){copy, len}, &err) < 0)
        tool_usage("the URL: %s", err.text);
    if (url->has_userinfo)
        tool_usage("the URL has a user in it: use --header "
                   "'Authorization: ...'");
}

static bool is_scheme(const struct flare_url *url, const char *name)
{
    return flare_str_equal_nocase(url->scheme, flare_str(name));
}

static void set_authority(struct job *job, const struct flare_url *url)
{
    const char *open = url->has_brackets ? "[" : "";
    const char *close = url->has_brackets ? "]" : "";
    char port[8] = "";

    if (url->host.len == 0 || url->host.len >= sizeof(job->host))
        tool_usage("the URL has no host");
    snprintf(job->host, sizeof(job->host), "%.*s", FLARE_STR_ARG(url->host));
    job->port = flare_url_port(url);
    if (url->port != 0 && url->port != (job->is_tls ? 443 : 80))
        snprintf(port, sizeof(port), ":%u", url->port);
    snprintf(job->authority, sizeof(job->authority), "%s%s%s%s", open,
             job->host, close, port);
}

/* Path and query as they were given, placeholders and all. */
static void set_target(struct job *job, const char *text)
{
    const char *authority = strstr(text, "//") + 2;
    const char *path = authority + strcspn(authority, "/?#");
    size_t len = strcspn(path, "#");
    int used = snprintf(job->target, sizeof(job->target), "%s%.*s",
                        *path == '/' ? "" : "/", (int)len, path);

    if ((size_t)used >= sizeof(job->target))
        tool_usage("the URL's path is too long");
}

void target_read(struct job *job, const char *text)
{
    struct flare_url url;
    char copy[8192];

    parse_url(&url, text, copy, sizeof(copy));
    job->url = text;
    job->is_tls = is_scheme(&url, "https") || is_scheme(&url, "wss");
    if (is_scheme(&url, "ws") || is_scheme(&url, "wss"))
        job->is_ws = true;
    else if (!is_scheme(&url, "http") && !is_scheme(&url, "https"))
        tool_usage("the URL begins with http://, https://, ws:// or wss://");
    set_authority(job, &url);
    set_target(job, text);
}

/* ---- the address ---- */

static void use_text(struct job *job, const char *text)
{
    struct flare_error err;

    if (flare_addr_parse(&job->addr, flare_str(text), &err) < 0)
        tool_usage("%s", err.text);
}

/* A relative path is one of the working directory. */
static void use_unix(struct job *job, const char *path)
{
    char text[4096 + FLARE_ADDR_TEXT_MAX] = "unix:";
    size_t len = strlen(text);

    if (*path != '/' && *path != '@') {
        if (getcwd(text + len, 4096) == NULL)
            tool_die("the working directory has no name");
        len = strlen(text);
        text[len++] = '/';
    }
    snprintf(text + len, sizeof(text) - len, "%s", path);
    use_text(job, text);
}

static bool can_connect(const struct job *job, struct flare_error *err)
{
    struct flare_tcp_options options = {.connect_timeout_ms = 5000};
    flare_conn *conn;

    if (flare_conn_open_addr(&conn, &job->addr, &options, err) < 0)
        return false;
    flare_conn_close(conn);
    return true;
}

static void resolve(struct job *job)
{
    struct flare_dns_result result;
    struct flare_error err;

    if (flare_dns_resolve(&result, flare_str(job->host), NULL, &err) < 0)
        tool_die("%s", err.text);
    for (uint32_t i = 0; i < result.count; i++) {
        job->addr = (struct flare_addr){
            .kind = FLARE_ADDR_IP, .ip = result.ips[i], .port = job->port};
        /* All load goes to one address: if there are several, to one that
         * listens. */
        if (result.count == 1 || can_connect(job, &err))
            return;
    }
    tool_die("%s", err.text);
}

void target_find(struct job *job, const char *unix_path, const char *connect)
{
    if (unix_path != NULL)
        use_unix(job, unix_path);
    else if (connect != NULL)
        use_text(job, connect);
    else
        resolve(job);
}
