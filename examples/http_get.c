/* SPDX-License-Identifier: MIT */
/*
 * One request of any method; or several URLs over kept connections.
 *
 *   http_get [-i] [-X METHOD] [-t TYPE] [-d BODY] [-H 'NAME: VALUE'] URL ...
 *   http_get http://127.0.0.1:8080/
 *   http_get -X PUT -t text/plain -d 'some text' http://127.0.0.1:8080/echo
 *   http_get -o FILE URL       downloads; goes on where it was broken off
 */
#include <flare/flare.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADERS_MAX = 16 };

static struct flare_field headers[HEADERS_MAX + 1]; /* ended by an empty one */
static bool shows_head;
static const char *file;

static void print_reply(const flare_reply *reply)
{
    struct flare_str body = flare_reply_body(reply);
    struct flare_str name, value;

    if (shows_head) {
        printf("HTTP/1.%d %d %.*s\n", flare_reply_version_minor(reply),
               flare_reply_status(reply),
               FLARE_STR_ARG(flare_reply_reason(reply)));
        for (size_t i = 0; flare_reply_header_at(reply, i, &name, &value) == 0;
             i++)
            printf("%.*s: %.*s\n", FLARE_STR_ARG(name), FLARE_STR_ARG(value));
        printf("\n");
    }
    fwrite(body.ptr, 1, body.len, stdout);
}

static int add_header(const char *text)
{
    const char *colon = strchr(text, ':');
    size_t i = 0;

    while (headers[i].name.len > 0)
        i++;
    if (colon == NULL || i == HEADERS_MAX)
        return -1;
    headers[i].name = (struct flare_str){text, (size_t)(colon - text)};
    headers[i].value = flare_str(colon + 1 + strspn(colon + 1, " "));
    return 0;
}

/* Reads the options; the index of the first URL, or -1. */
static int read_options(struct flare_ask *ask, int argc, char **argv)
{
    int option, rc = 0;

    while (rc == 0 && (option = getopt(argc, argv, "iX:t:d:H:o:")) != -1) {
        if (option == 'i')
            shows_head = true;
        else if (option == 'X')
            ask->method_name = optarg;
        else if (option == 't')
            ask->content_type = flare_str(optarg);
        else if (option == 'd')
            ask->body = flare_str(optarg), ask->has_body = true;
        else if (option == 'H')
            rc = add_header(optarg);
        else if (option == 'o')
            file = optarg;
        else
            rc = -1;
    }
    ask->headers = headers;
    return rc == 0 && optind < argc ? optind : -1;
}

static int one(flare_client *client, struct flare_ask *ask, const char *url,
               struct flare_error *err)
{
    const struct flare_download_options resume = {.resume = true};
    flare_reply *reply;
    int rc;

    if (file != NULL)
        return flare_client_download(client, url, file, &resume, err);
    ask->url = flare_str(url);
    rc = flare_client_do(client, ask, &reply, err);
    if (rc < 0)
        return rc;
    print_reply(reply);
    rc = flare_reply_raise_for_status(reply, err);
    flare_reply_free(reply);
    return rc;
}

int main(int argc, char **argv)
{
    struct flare_ask ask = {.method = FLARE_METHOD_GET};
    struct flare_error err;
    flare_client *client;
    int at = read_options(&ask, argc, argv);
    int rc;

    if (at < 0)
        return fprintf(stderr, "usage: http_get [OPTION ...] URL ...\n"), 2;
    rc = flare_client_new(&client, NULL, NULL, &err);
    if (rc == 0) {
        for (; rc == 0 && at < argc; at++)
            rc = one(client, &ask, argv[at], &err);
        flare_client_free(client);
    }
    return rc < 0 ? fprintf(stderr, "http_get: %s\n", err.text), 1 : 0;
}
