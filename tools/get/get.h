/* SPDX-License-Identifier: MIT */
/* What flare-get is to do: the command line, and what becomes of the answer. */
#ifndef FLARE_TOOL_GET_H
#define FLARE_TOOL_GET_H

#include <flare/flare.h>
#include <stdio.h>

/* Exit codes beside those of every tool, with --check-status. */
enum { GET_EXIT_3XX = 3, GET_EXIT_4XX = 4, GET_EXIT_5XX = 5 };

enum { GET_FIELDS_MAX = 256 };

/* Whether the answer is laid out for people. */
enum get_pretty { GET_PRETTY_AUTO, GET_PRETTY_ALWAYS, GET_PRETTY_NEVER };

/* A request item, "name=value" and so on. */
enum get_item_kind {
    GET_ITEM_HEADER, /* name:value */
    GET_ITEM_QUERY,  /* name==value */
    GET_ITEM_TEXT,   /* name=value */
    GET_ITEM_JSON,   /* name:=json */
    GET_ITEM_FILE    /* name@path */
};

struct get_item {
    enum get_item_kind kind;
    struct flare_str name;
    struct flare_str value; /* of a file its path, terminated */
    bool is_from_file;      /* "=@path", ":=@path": it was read from there */
};

struct get {
    const char *method; /* NULL: GET, or POST with a body */
    char *url;          /* whole */
    const char *data;   /* of --data; NULL: none */
    const char *type;   /* Content-Type of the body; NULL: none */
    struct get_item items[GET_FIELDS_MAX];
    size_t item_count;
    bool form;      /* items are a form, not JSON */
    bool multipart; /* one of them is a file */

    struct flare_field headers[GET_FIELDS_MAX + 1];
    size_t header_count;
    struct flare_field query[GET_FIELDS_MAX + 1];
    size_t query_count;
    char *user;
    char *password;
    const char *bearer;

    bool follow;
    bool compressed;
    bool insecure;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *proxy;
    const char *no_proxy;
    const char *cookie_file;
    uint32_t total_ms; /* FLARE_UNLIMITED: none */
    uint32_t connect_ms;
    uint32_t idle_ms;

    const char *output; /* NULL: standard output */
    bool remote_name;
    bool resume;
    bool quiet;
    bool include; /* the head, too */
    bool head;    /* HEAD, and the head alone */
    bool verbose;
    bool times;
    bool json;
    bool check_status;
    enum get_pretty pretty;
};

/* options.c: the command line; usage errors end the program. */
void get_options(struct get *get, int argc, char **argv);

/* body.c: what the items or --data are as a body: in `ask`, for the life of the
 * program. */
void get_body(struct get *get, struct flare_ask *ask);

/* A file's bytes, at most `max`, terminated; what fails ends the program. */
struct flare_str get_read_file(const char *path, size_t max);

/* download.c: the answer to a GET into a file; the exit code. */
int get_download(const struct get *get, flare_client *client);

/* The file's name for --remote-name; usage error without one. */
const char *get_remote_name(const struct get *get);

/* facts.c: what is told of an answer. */
void get_put_head(FILE *file, const flare_reply *reply);
void get_put_times(const flare_reply *reply);
void get_put_facts(const struct get *get, const flare_reply *reply,
                   uint64_t body_bytes);
void get_put_failure(const struct get *get, const struct flare_error *err);

#endif
