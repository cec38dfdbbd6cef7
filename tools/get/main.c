/* SPDX-License-Identifier: MIT */
/*
 * flare-get: one HTTP request, and its answer for people or for a pipe.
 *
 * A body is passed on as it comes, so that an endless one is seen too.  What a
 * peer has written reaches a terminal with its control characters escaped, and
 * what is no text does not reach one at all.
 */
#include "tools/common/tool.h"
#include "tools/get/get.h"
#include "tools/get/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How the body leaves. */
enum sink { SINK_RAW, SINK_SCREEN, SINK_NOTHING, SINK_WITHHELD };

struct answer {
    const struct get *get;
    struct screen screen;
    enum sink sink;
    bool has_begun;
    uint64_t bytes;
};

/* ---- the answer ---- */

static bool is_json(struct flare_str type)
{
    size_t len = 0;

    while (len < type.len && type.ptr[len] != ';' && type.ptr[len] != ' ')
        len++;
    type.len = len;
    return flare_str_equal_nocase(type, FLARE_STR("application/json")) ||
           (len > 5 &&
            flare_str_equal_nocase((struct flare_str){type.ptr + len - 5, 5},
                                   FLARE_STR("+json")));
}

static void put_connection(const flare_reply *reply)
{
    const struct flare_addr peer = flare_reply_peer(reply);
    struct flare_reply_tls tls;
    char text[FLARE_ADDR_TEXT_MAX];

    (void)flare_addr_format(&peer, text, sizeof(text));
    fprintf(stderr, "%s* %s", tool_style(stderr, TOOL_DIM), text);
    if (flare_reply_tls_info(reply, &tls) == 0)
        fprintf(stderr, ", %s, %s, %s", tls.version, tls.cipher,
                tls.is_verified ? "verified" : "not verified");
    if (flare_reply_redirects(reply) > 0) {
        fprintf(stderr, ", after %u redirects: ", flare_reply_redirects(reply));
        tool_put_escaped(stderr, flare_reply_url(reply));
    }
    fprintf(stderr, "%s\n", tool_style(stderr, TOOL_PLAIN));
}

static void on_head(flare_call *call, const flare_reply *reply, void *ctx)
{
    struct answer *a = ctx;
    const struct get *get = a->get;
    bool is_terminal = isatty(STDOUT_FILENO) == 1;
    bool is_pretty = get->pretty == GET_PRETTY_ALWAYS ||
                     (get->pretty == GET_PRETTY_AUTO && is_terminal);

    (void)call;
    if (get->verbose)
        put_connection(reply);
    a->sink = get->json                  ? SINK_NOTHING
              : is_pretty || is_terminal ? SINK_SCREEN
                                         : SINK_RAW;
    screen_begin(&a->screen, stdout,
                 is_pretty &&
                     is_json(flare_reply_header(reply, "Content-Type")));
    if (!get->json && (is_terminal || get->include || get->head))
        get_put_head(stdout, reply);
    fflush(stdout);
}

/* A NUL in the first piece: no text. */
static void look_at(struct answer *a, struct flare_str data)
{
    a->has_begun = true;
    if (a->sink == SINK_SCREEN && memchr(data.ptr, '\0', data.len) != NULL)
        a->sink = SINK_WITHHELD;
}

static void on_data(flare_call *call, struct flare_str data, void *ctx)
{
    struct answer *a = ctx;

    if (!a->has_begun)
        look_at(a, data);
    a->bytes += data.len;
    if (a->sink == SINK_RAW)
        fwrite(data.ptr, 1, data.len, stdout);
    else if (a->sink == SINK_SCREEN)
        screen_put(&a->screen, data);
    if (fflush(stdout) != 0 && a->sink != SINK_NOTHING)
        flare_call_cancel(call); /* nobody reads it any more */
}

static void put_end(struct answer *a)
{
    char text[TOOL_TEXT_BYTES];

    if (a->sink == SINK_SCREEN)
        screen_end(&a->screen);
    else if (a->sink == SINK_WITHHELD)
        printf("%s(%s of no text, not shown: --output FILE)%s\n",
               tool_style(stdout, TOOL_DIM),
               tool_show_bytes(text, (double)a->bytes),
               tool_style(stdout, TOOL_PLAIN));
    if (fflush(stdout) != 0)
        tool_die("standard output: %s", flare_strerror(-errno));
}

static int exit_code(const struct get *get, const flare_reply *reply)
{
    int status = flare_reply_status(reply);

    if (!get->check_status || status < 300)
        return TOOL_EXIT_OK;
    return status < 400   ? GET_EXIT_3XX
           : status < 500 ? GET_EXIT_4XX
                          : GET_EXIT_5XX;
}

/* ---- the request ---- */

static void put_request(const struct get *get, const struct flare_ask *ask)
{
    fprintf(stderr, "%s> %s ", tool_style(stderr, TOOL_DIM), ask->method_name);
    tool_put_escaped(stderr, ask->url);
    for (size_t i = 0; i < get->query_count; i++) {
        fprintf(stderr, " %.*s==", FLARE_STR_ARG(get->query[i].name));
        tool_put_escaped(stderr, get->query[i].value);
    }
    for (size_t i = 0; i < get->header_count; i++) {
        fprintf(stderr, "\n> %.*s: ", FLARE_STR_ARG(get->headers[i].name));
        tool_put_escaped(stderr, get->headers[i].value);
    }
    if (ask->content_type.len > 0)
        fprintf(stderr, "\n> Content-Type: %.*s",
                FLARE_STR_ARG(ask->content_type));
    if (ask->body.len > 0 && ask->body.len <= 4096) {
        fputs("\n> ", stderr);
        tool_put_escaped(stderr, ask->body);
    }
    fprintf(stderr, "%s\n", tool_style(stderr, TOOL_PLAIN));
}

static int request(struct get *get, flare_client *client)
{
    static const struct flare_call_handler handler = {.on_head = on_head,
                                                      .on_data = on_data};
    struct answer answer = {.get = get};
    struct flare_ask ask = {
        .url = flare_str(get->url),
        .query = get->query,
        .no_redirects = !get->follow,
        .raw = !get->compressed,
    };
    struct flare_error err;
    flare_reply *reply;
    int rc;

    get_body(get, &ask);
    ask.method_name = get->head                          ? "HEAD"
                      : get->method != NULL              ? get->method
                      : ask.has_body || ask.file != NULL ? "POST"
                                                         : "GET";
    if (get->verbose)
        put_request(get, &ask);
    rc = flare_client_stream(client, &ask, &handler, &answer, &reply, &err);
    if (rc < 0) {
        if (answer.has_begun)
            put_end(&answer);
        if (get->json || !get->quiet)
            get_put_failure(get, &err);
        return rc == FLARE_E_BAD_URL || rc == FLARE_E_BAD_METHOD ||
                       rc == FLARE_E_BAD_HEADER
                   ? TOOL_EXIT_USAGE
                   : TOOL_EXIT_FAILED;
    }
    put_end(&answer);
    if (get->json)
        get_put_facts(get, reply, answer.bytes);
    if (get->times || get->verbose)
        get_put_times(reply);
    rc = exit_code(get, reply);
    flare_reply_free(reply);
    return rc;
}

/* ---- around it ---- */

static flare_tls_client *make_tls(const struct get *get)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct flare_tls_cert cert = {.chain.file = get->cert_file,
                                  .key.file = get->key_file};
    struct flare_tls_client_config config = {
        .alpn = alpn,
        .ca.file = get->ca_file,
        .insecure = get->insecure,
        .cert = get->cert_file != NULL ? &cert : NULL,
    };
    struct flare_error err;
    flare_tls_client *tls;

    if (!get->insecure && get->ca_file == NULL && get->cert_file == NULL)
        return NULL;
    if (flare_tls_client_new(&tls, &config, &err) < 0)
        tool_die("%s", err.text);
    return tls;
}

static flare_cookie_jar *make_jar(const struct get *get)
{
    struct flare_error err;
    flare_cookie_jar *jar;
    int rc;

    if (get->cookie_file == NULL)
        return NULL;
    if (flare_cookie_jar_new(&jar, NULL, &err) < 0)
        tool_die("%s", err.text);
    rc = flare_cookie_jar_load(jar, get->cookie_file, time(NULL), &err);
    if (rc < 0 && rc != -ENOENT)
        tool_die("%s", err.text);
    return jar;
}

static void save_jar(const struct get *get, flare_cookie_jar *jar)
{
    const struct flare_cookie_save_options options = {
        .format = FLARE_COOKIE_FORMAT_NETSCAPE, .has_session = true};
    struct flare_error err;

    if (jar != NULL && flare_cookie_jar_save(jar, get->cookie_file, &options,
                                             time(NULL), &err) < 0)
        tool_die("%s", err.text);
}

int main(int argc, char **argv)
{
    static struct get get;
    struct flare_client_config config = {.user_agent =
                                             "flare-get/" FLARE_VERSION};
    flare_client *client;
    struct flare_error err;
    int code;

    get_options(&get, argc, argv);
    config.headers = get.headers;
    config.user = get.user;
    config.password = get.password;
    config.bearer = get.bearer;
    config.proxy = get.proxy;
    config.no_proxy = get.no_proxy;
    config.total_timeout_ms = get.total_ms;
    config.connect_timeout_ms = get.connect_ms;
    config.first_byte_timeout_ms = config.between_bytes_timeout_ms =
        get.idle_ms;
    config.no_decoding = !get.compressed;
    config.tls = make_tls(&get);
    config.jar = make_jar(&get);
    if (flare_client_new(&client, NULL, &config, &err) < 0)
        tool_usage("%s", err.text);
    code =
        get.output != NULL ? get_download(&get, client) : request(&get, client);
    flare_client_free(client);
    save_jar(&get, config.jar);
    flare_cookie_jar_free(config.jar);
    flare_tls_client_free((flare_tls_client *)config.tls);
    return code;
}
