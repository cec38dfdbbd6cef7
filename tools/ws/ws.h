/* SPDX-License-Identifier: MIT */
/* What flare-ws is to do: the command line, and the three files that do it. */
#ifndef FLARE_TOOL_WS_H
#define FLARE_TOOL_WS_H

#include <flare/flare.h>

/* Beside those of every tool: the peer has closed with a code that tells of a
 * fault. */
enum { WS_EXIT_CODE = 3 };

enum { WS_LIST_MAX = 64, WS_LINE_MAX = 16 * 1024 * 1024 };

enum ws_role { WS_PRINT, WS_ECHO, WS_BROADCAST }; /* of one who listens */

struct ws {
    const char *url;    /* one of the two */
    const char *listen; /* an address */
    enum ws_role role;

    struct flare_field headers[WS_LIST_MAX + 1];
    size_t header_count;
    struct flare_str protocols[WS_LIST_MAX];
    size_t protocol_count;
    const char *origin;
    bool deflate;
    bool insecure;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    bool self_signed;
    const char *proxy;
    const char *auth_user; /* NULL: none */
    const char *auth_password;
    uint32_t connect_ms;

    bool binary; /* lines are binary messages */
    bool hex;    /* and written in hexadecimal, both ways */
    const char *messages[WS_LIST_MAX]; /* sent instead of lines */
    size_t message_count;
    uint64_t count;   /* ends after so many messages; 0: does not */
    bool stay;        /* goes on when the input has ended */
    uint32_t wait_ms; /* of quiet, between that and the close */
    uint64_t pings;   /* 0: no mode of pings */
    uint32_t interval_ms;
    bool reconnect;
    uint16_t close_code;
    const char *close_reason;
    bool json;
    bool quiet;
};

extern struct ws ws; /* set by ws_options, then only read */

/* options.c: usage errors end the program. */
void ws_options(int argc, char **argv);

/* A line as the message it is: with --hex decoded, in place.  false: it is no
 * hexadecimal. */
bool ws_decode(struct flare_str *line);

/* connect.c and listen.c; the exit code. */
int ws_connect(void);
int ws_listen(void);

#endif
