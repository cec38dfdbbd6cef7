/* SPDX-License-Identifier: MIT */
/*
 * A chat of all who look at the page, on whichever worker they are: what one
 * says is published to all, and so is who comes and goes.
 *
 *   ws_chat [ADDRESS [FOLDER]]    listens on 127.0.0.1:8080 unless told
 *                                 otherwise; ws_chat.html is in that folder
 *
 * The name is in the query; the server says it, so that nobody speaks in the
 * name of another connection: {"kind":"text","name":"Ada","text":"hello"}.
 */
#include <flare/flare.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WS_CHAT_FOLDER /* the build says where the sources are */
#define WS_CHAT_FOLDER "examples"
#endif

enum { NAME_MAX_BYTES = 96, TEXT_MAX_BYTES = 4096 };

struct person {
    bool is_here; /* and counted */
    size_t name_len;
    char name[NAME_MAX_BYTES];
};

static flare_files *files;
static flare_ws_hub *hub;
/* The counts that are told are in the order in which they were true. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned people;

/* Tells all; `text` of what was said, else how many there are. */
static int tell(const char *kind, const struct person *p,
                const struct flare_str *text)
{
    struct flare_json json;
    int rc;

    flare_json_init(&json, NULL, 8 * TEXT_MAX_BYTES);
    flare_json_set_utf8(&json, FLARE_JSON_UTF8_REPLACE); /* of a query */
    flare_json_begin_object(&json);
    flare_json_key(&json, "kind");
    flare_json_string(&json, flare_str(kind));
    flare_json_key(&json, "name");
    flare_json_string(&json, (struct flare_str){p->name, p->name_len});
    flare_json_key(&json, text != NULL ? "text" : "people");
    if (text != NULL)
        flare_json_string(&json, *text);
    else
        flare_json_u64(&json, people);
    flare_json_end_object(&json);
    rc = flare_json_finish(&json);
    if (rc == 0)
        rc = flare_ws_publish(hub, FLARE_STR("room"), FLARE_WS_TEXT,
                              flare_json_bytes(&json));
    flare_json_fini(&json);
    return rc;
}

static void tell_move(const char *kind, const struct person *p, int more)
{
    pthread_mutex_lock(&lock);
    people += (unsigned)more;
    (void)!tell(kind, p, NULL); /* without memory they learn it with the next */
    pthread_mutex_unlock(&lock);
}

static void on_open(flare_ws *ws, void *ctx)
{
    struct person *p = ctx;

    p->is_here = true;
    if (flare_ws_subscribe(ws, hub, FLARE_STR("room")) < 0)
        flare_ws_abort(ws);
    tell_move("join", p, 1);
}

static void on_message(flare_ws *ws, enum flare_ws_kind kind,
                       struct flare_str bytes, void *ctx)
{
    if (kind != FLARE_WS_TEXT)
        flare_ws_close(ws, FLARE_WS_CLOSE_UNSUPPORTED, FLARE_STR("text only"));
    else if (tell("text", ctx, &bytes) < 0)
        flare_ws_close(ws, FLARE_WS_CLOSE_INTERNAL, FLARE_STR("no memory"));
}

static void on_closed(flare_ws *ws, uint16_t code, struct flare_str reason,
                      void *ctx)
{
    struct person *p = ctx;

    (void)ws, (void)code, (void)reason;
    if (p->is_here)
        tell_move("leave", p, -1);
    free(p);
}

static const struct flare_ws_handler chat = {
    .on_open = on_open,
    .on_message = on_message,
    .on_closed = on_closed,
    .message_bytes_max = TEXT_MAX_BYTES,
    .closes_slow = true,
};

static int on_chat(flare_req *req, flare_res *res)
{
    struct flare_str name = FLARE_STR("somebody");
    bool is_open = false;
    struct person *p;
    int rc = flare_req_query_str_or(req, "name", name, &name);

    if (rc < 0 || name.len > NAME_MAX_BYTES)
        return FLARE_E_BAD_INPUT;
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        return FLARE_E_OVERLOADED;
    p->name_len = name.len;
    memcpy(p->name, name.ptr, name.len);
    rc = flare_ws_accept(req, res, &chat, p, &is_open);
    if (!is_open)
        free(p);
    return rc;
}

static int on_page(flare_req *req, flare_res *res)
{
    return flare_files_send(files, req, res, FLARE_STR("ws_chat.html"));
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct flare_route routes[] = {
        FLARE_GET("/", on_page),
        FLARE_GET("/chat", on_chat),
    };
    const struct flare_files_config folder = {
        .root = argc > 2 ? argv[2] : WS_CHAT_FOLDER};
    const struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .workers = 4,
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    struct flare_error err = {.text = "no memory"};
    int rc = flare_files_open(&files, &folder, &err);

    if (rc == 0)
        rc = flare_ws_hub_new(&hub, NULL);
    if (rc == 0)
        rc = flare_serve(&config, &err);
    if (rc < 0)
        fprintf(stderr, "ws_chat: %s\n", err.text);
    flare_ws_hub_free(hub);
    flare_files_close(files);
    return rc < 0;
}
