/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket client that sends its arguments and prints what comes back.
 *
 *   ws_echo &
 *   ws_client ws://127.0.0.1:8080/echo hello world
 */
#include <flare/flare.h>

#include <stdio.h>

/* Sends one message and waits for the next.  1; 0: the server has closed. */
static int say(flare_ws_client *client, const char *text)
{
    struct flare_ws_message message;
    int rc = flare_ws_client_send_text(client, flare_str(text));

    if (rc == 0 || rc == FLARE_E_GONE) /* then it says how it ended */
        rc = flare_ws_client_recv(client, &message);
    if (rc == 1)
        printf("%.*s\n", FLARE_STR_ARG(message.bytes));
    else if (rc == 0)
        fprintf(stderr, "closed with %u %.*s\n", message.close_code,
                FLARE_STR_ARG(message.bytes));
    else
        fprintf(stderr, "%s\n", flare_strerror(rc));
    return rc;
}

int main(int argc, char **argv)
{
    const struct flare_ws_client_options options = {
        .protocols = &(const struct flare_str){"echo", 4},
        .protocol_count = 1,
        .deflate.is_on = true,
        .recv_timeout_ms = 10000,
    };
    struct flare_ws_client_config config = {.url = argv[1]};
    struct flare_error err;
    flare_ws_client *client;
    int rc;

    if (argc < 2)
        return fprintf(stderr, "usage: ws_client URL [TEXT...]\n"), 2;
    rc = flare_ws_client_open(&client, &config, &options, &err);
    if (rc < 0)
        return fprintf(stderr, "%s\n", err.text), 1;
    for (int i = 2; i < argc && rc >= 0; i++) {
        rc = say(client, argv[i]);
        if (rc == 0)
            break;
    }
    if (rc >= 0)
        rc = flare_ws_client_close(client, FLARE_WS_CLOSE_NORMAL,
                                   FLARE_STR("bye"));
    flare_ws_client_free(client);
    return rc < 0;
}
