/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets sends back what it gets, as its documentation says to: a
 * message is kept until the callback that may write, which writes one.
 *
 *   lws_echo PORT
 */
#include "bench/number.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 65536 };

/* One message, behind the room that lws_write wants for the header. */
struct message {
    struct message *next;
    size_t len;
    int is_text;
    unsigned char bytes[];
};

struct session {
    struct message *first;
    struct message **last;
    struct message *partial; /* of which more frames or reads come */
};

/* Appends to the message under way; 0, or -1: it is too long. */
static int session_read(struct session *s, struct lws *wsi, const void *in,
                        size_t len)
{
    struct message *m = s->partial;

    if (m == NULL) {
        size_t room =
            lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi)
                ? MESSAGE_MAX
                : len;

        m = malloc(sizeof(*m) + LWS_PRE + room);
        if (m == NULL)
            return -1;
        *m = (struct message){.is_text = !lws_frame_is_binary(wsi)};
        s->partial = m;
    }
    if (m->len + len > MESSAGE_MAX)
        return -1;
    memcpy(m->bytes + LWS_PRE + m->len, in, len);
    m->len += len;
    if (lws_remaining_packet_payload(wsi) > 0 || !lws_is_final_fragment(wsi))
        return 0;
    *s->last = m;
    s->last = &m->next;
    s->partial = NULL;
    lws_callback_on_writable(wsi);
    return 0;
}

static int session_write(struct session *s, struct lws *wsi)
{
    struct message *m = s->first;
    int rc;

    if (m == NULL)
        return 0;
    s->first = m->next;
    if (s->first == NULL)
        s->last = &s->first;
    rc = lws_write(wsi, m->bytes + LWS_PRE, m->len,
                   m->is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
    free(m);
    if (s->first != NULL)
        lws_callback_on_writable(wsi);
    return rc < 0 ? -1 : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason,
                    void *user, void *in, size_t len)
{
    struct session *s = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *s = (struct session){.last = &s->first};
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return session_read(s, wsi, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return session_write(s, wsi);
    case LWS_CALLBACK_CLOSED:
        for (struct message *m = s->first, *next; m != NULL; m = next) {
            next = m->next;
            free(m);
        }
        free(s->partial);
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo",
         .callback = on_event,
         .per_session_data_size = sizeof(struct session),
         .rx_buffer_size = MESSAGE_MAX},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {
        .protocols = protocols,
        .iface = "127.0.0.1",
        .options = LWS_SERVER_OPTION_DISABLE_IPV6,
    };
    struct lws_context *context;
    int rc = 0;

    if (argc != 2)
        return fprintf(stderr, "usage: lws_echo PORT\n"), 2;
    info.port = (int)bench_number("PORT", argv[1], 1, 65535);
    lws_set_log_level(LLL_ERR, NULL);
    context = lws_create_context(&info);
    if (context == NULL)
        return fprintf(stderr, "lws_echo: no context\n"), 1;
    printf("listening on 127.0.0.1:%d\n", info.port);
    fflush(stdout);
    while (rc >= 0)
        rc = lws_service(context, 0);
    lws_context_destroy(context);
    return 1;
}
