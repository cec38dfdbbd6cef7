/* SPDX-License-Identifier: MIT */
/*
 * The client that tests/e2e/test_client.py drives; knows the public headers
 * only.  Options are those of a client:
 *
 *   e2e_client [base=URL] [proxy=URL] [no_proxy=HOSTS] [user=] [password=]
 *              [bearer=] [ca=FILE] [jar=1] [downgrade=1] [header=NAME: VALUE]
 *              [per_origin=N] [body_max=N]
 *
 * A line of input is a request, in columns parted by tabs: a method, a URL, and
 * any of body=, size= (that many bytes of 'x'), chunked=, type=, header=,
 * user=, password=, bearer=, raw=1, stay=1, expect=1, download=FILE, resume=1.
 * Each gives a line of JSON.
 */
#include <flare/flare.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_ = 65536, HEADERS_MAX = 16, SHOWN_MAX = 4096, PIECE = 1000 };

struct made {
    const char *body;
    size_t size; /* with body NULL: of 'x' */
    size_t at;
    struct flare_field headers[HEADERS_MAX + 1];
    struct flare_ask_source source;
    const char *download;
    bool resumes;
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "e2e_client: %s: %s\n", what, why);
    return 1;
}

static bool take(const char *text, const char *key, const char **value)
{
    size_t len = strlen(key);

    if (strncmp(text, key, len) != 0 || text[len] != '=')
        return false;
    *value = text + len + 1;
    return true;
}

static void add_header(struct flare_field *headers, const char *text)
{
    const char *colon = strchr(text, ':');

    while (headers->name.len > 0)
        headers++;
    headers->name = (struct flare_str){text, (size_t)(colon - text)};
    headers->value = flare_str(colon + 1 + strspn(colon + 1, " "));
}

/* ---- a body that is made ---- */

static int on_pull(flare_call *call, void *ctx)
{
    static char piece[PIECE];
    struct made *m = ctx;
    size_t n = m->size - m->at < PIECE ? m->size - m->at : PIECE;
    int rc;

    memset(piece, 'x', sizeof(piece));
    if (n == 0)
        return flare_call_finish(call);
    rc = flare_call_write(
        call, (struct flare_str){m->body ? m->body + m->at : piece, n});
    if (rc >= 0)
        m->at += n;
    return rc < 0 ? rc : 0;
}

static int on_rewind(flare_call *call, void *ctx)
{
    (void)call;
    ((struct made *)ctx)->at = 0;
    return 0;
}

static void read_option(struct flare_ask *ask, struct made *m, char *option)
{
    const char *value;

    if (take(option, "body", &m->body)) {
        m->size = strlen(m->body);
        ask->body = flare_str(m->body);
        ask->has_body = true;
    } else if (take(option, "size", &value)) {
        m->size = strtoull(value, NULL, 10);
        m->source = (struct flare_ask_source){on_pull, on_rewind, m, m->size};
        ask->source = &m->source;
    } else if (take(option, "chunked", &value)) {
        m->source.length = FLARE_LENGTH_UNKNOWN;
        if (ask->has_body)
            m->source = (struct flare_ask_source){on_pull, on_rewind, m,
                                                  FLARE_LENGTH_UNKNOWN};
        ask->has_body = false;
        ask->body = (struct flare_str){NULL, 0};
        ask->source = &m->source;
    } else if (take(option, "type", &value)) {
        ask->content_type = flare_str(value);
    } else if (take(option, "header", &value)) {
        add_header(m->headers, value);
    } else if (take(option, "raw", &value)) {
        ask->raw = true;
    } else if (take(option, "stay", &value)) {
        ask->no_redirects = true;
    } else if (take(option, "expect", &value)) {
        ask->expect_continue = true;
    } else if (take(option, "resume", &value)) {
        m->resumes = true;
    } else if (!take(option, "user", &ask->user) &&
               !take(option, "password", &ask->password) &&
               !take(option, "bearer", &ask->bearer) &&
               !take(option, "download", &m->download)) {
        exit(fail(option, "no such option of a request"));
    }
}

/* ---- what came ---- */

static void write_text(struct flare_json *json, const char *key,
                       struct flare_str text)
{
    flare_json_key(json, key);
    flare_json_string(json, text);
}

static uint64_t sum_of(struct flare_str bytes)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void write_fields(struct flare_json *json, const flare_reply *reply)
{
    struct flare_str name, value;

    flare_json_key(json, "headers");
    flare_json_begin_array(json);
    for (size_t i = 0; flare_reply_header_at(reply, i, &name, &value) == 0;
         i++) {
        flare_json_begin_array(json);
        flare_json_string(json, name);
        flare_json_string(json, value);
        flare_json_end_array(json);
    }
    flare_json_end_array(json);
    flare_json_key(json, "trailers");
    flare_json_begin_array(json);
    for (size_t i = 0; flare_reply_trailer_at(reply, i, &name, &value) == 0;
         i++) {
        flare_json_begin_array(json);
        flare_json_string(json, name);
        flare_json_string(json, value);
        flare_json_end_array(json);
    }
    flare_json_end_array(json);
}

static void write_reply(struct flare_json *json, const flare_reply *reply)
{
    struct flare_str body = flare_reply_body(reply);
    const char *text = flare_reply_text(reply);
    struct flare_reply_tls tls;
    char sum[24];

    flare_json_key(json, "status");
    flare_json_u64(json, (uint64_t)flare_reply_status(reply));
    flare_json_key(json, "minor");
    flare_json_u64(json, (uint64_t)flare_reply_version_minor(reply));
    write_text(json, "url", flare_reply_url(reply));
    flare_json_key(json, "redirects");
    flare_json_u64(json, flare_reply_redirects(reply));
    flare_json_key(json, "reused");
    flare_json_bool(json, flare_reply_is_reused(reply));
    flare_json_key(json, "length");
    flare_json_u64(json, body.len);
    (void)snprintf(sum, sizeof(sum), "%016llx",
                   (unsigned long long)sum_of(body));
    write_text(json, "sum", flare_str(sum));
    if (text != NULL && body.len <= SHOWN_MAX)
        write_text(json, "body", body);
    if (flare_reply_tls_info(reply, &tls) == 0)
        write_text(json, "tls", flare_str(tls.version));
    write_fields(json, reply);
}

static int answer(flare_client *client, int rc, const flare_reply *reply,
                  const struct flare_error *err)
{
    struct flare_client_stats stats;
    struct flare_json json;

    flare_json_init(&json, NULL, 1 << 20);
    flare_json_begin_object(&json);
    write_text(&json, "rc", flare_str(rc < 0 ? flare_error_name(rc) : "0"));
    if (rc < 0)
        write_text(&json, "error", flare_str(err->text));
    if (reply != NULL)
        write_reply(&json, reply);
    flare_client_stats(client, &stats);
    flare_json_key(&json, "connections");
    flare_json_u64(&json, stats.connections);
    flare_json_key(&json, "retried");
    flare_json_u64(&json, stats.retried);
    flare_json_end_object(&json);
    rc = flare_json_finish(&json);
    if (rc < 0)
        return fail("JSON", flare_strerror(rc));
    printf("%.*s\n", FLARE_STR_ARG(flare_json_bytes(&json)));
    flare_json_fini(&json);
    return fflush(stdout);
}

/* ---- asking ---- */

static int run_line(flare_client *client, char *line)
{
    char *rest;
    struct flare_ask ask = {.method_name = strtok_r(line, "\t", &rest)};
    const char *url = strtok_r(NULL, "\t", &rest);
    struct made made = {0};
    flare_reply *reply = NULL;
    struct flare_error err = {0};
    char *option;
    int rc;

    if (url == NULL)
        return fail("line", "no URL");
    ask.url = flare_str(url);
    ask.headers = made.headers;
    while ((option = strtok_r(NULL, "\t", &rest)) != NULL)
        read_option(&ask, &made, option);
    if (made.download != NULL) {
        const struct flare_download_options options = {.resume = made.resumes};

        rc = flare_client_download(client, url, made.download, &options, &err);
    } else {
        rc = flare_client_do(client, &ask, &reply, &err);
    }
    rc = answer(client, rc, reply, &err);
    flare_reply_free(reply);
    return rc;
}

static int trust(flare_tls_client **out, const char *file)
{
    const struct flare_tls_client_config config = {.ca = {.file = file}};
    struct flare_error err;

    return flare_tls_client_new(out, &config, &err) < 0 ? fail("ca", err.text)
                                                        : 0;
}

static int number(const char *text, uint32_t *out)
{
    uint64_t n;

    if (flare_u64_parse(flare_str(text), &n) < 0 || n > UINT32_MAX)
        return fail(text, "no number");
    *out = (uint32_t)n;
    return 0;
}

static int read_config(struct flare_client_config *config,
                       struct flare_field *headers, char **argv)
{
    const char *value;
    int rc = 0;

    for (; rc == 0 && *argv != NULL; argv++) {
        if (take(*argv, "ca", &value))
            rc = trust(&config->tls, value);
        else if (take(*argv, "jar", &value))
            rc = flare_cookie_jar_new(&config->jar, NULL, NULL);
        else if (take(*argv, "downgrade", &value))
            config->allow_downgrade = true;
        else if (take(*argv, "header", &value))
            add_header(headers, value);
        else if (take(*argv, "per_origin", &value))
            rc = number(value, &config->connections_per_origin_max);
        else if (take(*argv, "body_max", &value))
            rc = number(value, &config->body_bytes_max);
        else if (!take(*argv, "base", &config->base_url) &&
                 !take(*argv, "proxy", &config->proxy) &&
                 !take(*argv, "no_proxy", &config->no_proxy) &&
                 !take(*argv, "user", &config->user) &&
                 !take(*argv, "password", &config->password) &&
                 !take(*argv, "bearer", &config->bearer))
            rc = fail(*argv, "no such option");
    }
    config->headers = headers;
    return rc;
}

int main(int argc, char **argv)
{
    static char line[LINE_MAX_];
    struct flare_field headers[HEADERS_MAX + 1] = {{{NULL, 0}, {NULL, 0}}};
    struct flare_client_config config = {0};
    struct flare_error err;
    flare_client *client;
    int rc;

    (void)argc;
    rc = read_config(&config, headers, argv + 1);
    if (rc != 0)
        return rc;
    if (flare_client_new(&client, NULL, &config, &err) < 0)
        return fail("client", err.text);
    while (rc == 0 && fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        rc = run_line(client, line);
    }
    flare_client_free(client);
    flare_cookie_jar_free(config.jar);
    flare_tls_client_free(config.tls);
    return rc;
}
