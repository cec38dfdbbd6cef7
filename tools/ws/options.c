/* SPDX-License-Identifier: MIT */
/* The command line of flare-ws; see ws.h. */
#include "tools/common/tool.h"
#include "tools/ws/ws.h"

#include <stdlib.h>
#include <string.h>

struct ws ws = {
    .wait_ms = 1000, .interval_ms = 1000, .close_code = FLARE_WS_CLOSE_NORMAL};

static const struct tool_option options[] = {
    TOOL_GROUP("Connection"),
    {'H', "header", "'NAME: VALUE'", "a field of the handshake"},
    {'s', "subprotocol", "NAME", "offered, or taken by a server; repeatable"},
    {'o', "origin", "ORIGIN", "sent; of a server: whose pages may connect"},
    {'a', "auth", "USER:PASSWORD", "Basic credentials"},
    {'z', "deflate", NULL, "compress messages, if the other side does"},
    {'k', "insecure", NULL, "verify no certificate"},
    {0, "cacert", "FILE", "trust these CAs [the system's]"},
    {'x', "proxy", "URL", "through an HTTP proxy"},
    {0, "timeout", "TIME", "to connect; as long again to open [10s]"},
    {'r', "reconnect", NULL, "connect anew when it is lost, ever slower"},
    TOOL_GROUP("Messages"),
    {'m', "message", "TEXT", "send this, and no lines of input; repeatable"},
    {'n', "count", "N", "end when so many messages have come"},
    {'1', "one-shot", NULL, "the same as --count 1"},
    {'b', "binary", NULL, "lines are binary messages"},
    {0, "hex", NULL, "they are, and written in hexadecimal, both ways"},
    {0, "stay", NULL, "do not end when the input does"},
    {'w', "wait", "TIME", "of quiet before the end of input closes [1s]"},
    {'p', "ping", "N", "send N pings, and tell their times"},
    {'i', "interval", "TIME", "between two of them [1s]"},
    {0, "close-code", "N", "to close with [1000]"},
    {0, "close-reason", "TEXT", "likewise [none]"},
    TOOL_GROUP("Server"),
    {'l', "listen", "ADDRESS", "be a server: 127.0.0.1:8080, :8080, unix:PATH"},
    {0, "echo", NULL, "which sends every message back"},
    {0, "broadcast", NULL, "or to all who are connected"},
    {0, "self-signed", NULL, "with TLS and a certificate for this machine"},
    {0, "cert", "FILE", "with TLS and this certificate, with --key"},
    {0, "key", "FILE", "its key"},
    TOOL_GROUP("Output"),
    {0, "json", NULL, "a line of JSON for everything that happens"},
    {'q', "quiet", NULL, "messages and errors only"},
    {0, "color", "WHEN", "always, never [auto]"},
    TOOL_OPTIONS_END,
};

static const struct tool tool = {
    .name = "flare-ws",
    .usage = "[OPTION]... URL\n       flare-ws [OPTION]... --listen ADDRESS",
    .about = "Speaks WebSocket: lines of standard input are messages to the\n"
             "other side, what comes from there is written to standard output.",
    .options = options,
    .more = "Examples:\n"
            "  flare-ws wss://example.com/chat\n"
            "  echo hello | flare-ws -1 ws://localhost:8080/\n"
            "  flare-ws --ping 5 ws://localhost:8080/\n"
            "  flare-ws --listen :8080 --echo\n"
            "Exit: 0 closed in order, 1 failed or lost, 2 usage, 3 closed by\n"
            "the other side with a code that tells of a fault.",
};

static uint32_t ms_of(const char *what, const char *text)
{
    uint64_t ns = tool_duration(what, text, 1000000, 86400000000000);

    return (uint32_t)((ns + 999999) / 1000000);
}

static void take_header(const char *text)
{
    size_t len = strcspn(text, ":");
    struct flare_str value = flare_str(text + len);

    if (len == 0 || value.len == 0)
        tool_usage("--header takes 'Name: value', not '%s'", text);
    if (ws.header_count == WS_LIST_MAX)
        tool_usage("more than %d --header", WS_LIST_MAX);
    do {
        value.ptr++;
        value.len--;
    } while (value.len > 0 && *value.ptr == ' ');
    ws.headers[ws.header_count++] = (struct flare_field){{text, len}, value};
}

static void take_auth(const char *text)
{
    char *copy = strdup(text);
    char *colon = copy != NULL ? strchr(copy, ':') : NULL;

    if (colon == NULL)
        tool_usage("--auth takes USER:PASSWORD");
    *colon = '\0';
    ws.auth_user = copy;
    ws.auth_password = colon + 1;
}

static void add_message(const char *text)
{
    if (ws.message_count == WS_LIST_MAX)
        tool_usage("more than %d --message", WS_LIST_MAX);
    ws.messages[ws.message_count++] = text;
}

static void add_protocol(const char *name)
{
    if (ws.protocol_count == WS_LIST_MAX)
        tool_usage("more than %d --subprotocol", WS_LIST_MAX);
    ws.protocols[ws.protocol_count++] = flare_str(name);
}

static bool take_flag(const struct tool_option *option)
{
    static const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"deflate", &ws.deflate},
        {"insecure", &ws.insecure},
        {"reconnect", &ws.reconnect},
        {"binary", &ws.binary},
        {"hex", &ws.hex},
        {"stay", &ws.stay},
        {"json", &ws.json},
        {"quiet", &ws.quiet},
        {"self-signed", &ws.self_signed},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!tool_is(option, flags[i].name))
            continue;
        *flags[i].flag = true;
        return true;
    }
    return false;
}

static bool take_text(const struct tool_option *option, const char *value)
{
    static const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"origin", &ws.origin}, {"cacert", &ws.ca_file},
        {"proxy", &ws.proxy},   {"close-reason", &ws.close_reason},
        {"listen", &ws.listen}, {"cert", &ws.cert_file},
        {"key", &ws.key_file},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!tool_is(option, texts[i].name))
            continue;
        *texts[i].text = value;
        return true;
    }
    return false;
}

static void take(const struct tool_option *option, const char *value)
{
    if (take_flag(option) || take_text(option, value))
        return;
    if (tool_is(option, "header"))
        take_header(value);
    else if (tool_is(option, "subprotocol"))
        add_protocol(value);
    else if (tool_is(option, "auth"))
        take_auth(value);
    else if (tool_is(option, "timeout"))
        ws.connect_ms = ms_of("--timeout", value);
    else if (tool_is(option, "message"))
        add_message(value);
    else if (tool_is(option, "count"))
        ws.count = tool_number("--count", value, 1, UINT64_MAX);
    else if (tool_is(option, "one-shot"))
        ws.count = 1;
    else if (tool_is(option, "wait"))
        ws.wait_ms = ms_of("--wait", value);
    else if (tool_is(option, "ping"))
        ws.pings = tool_number("--ping", value, 1, UINT32_MAX);
    else if (tool_is(option, "interval"))
        ws.interval_ms = ms_of("--interval", value);
    else if (tool_is(option, "close-code"))
        ws.close_code =
            (uint16_t)tool_number("--close-code", value, 1000, 4999);
    else if (tool_is(option, "echo"))
        ws.role = WS_ECHO;
    else if (tool_is(option, "broadcast"))
        ws.role = WS_BROADCAST;
    else if (tool_is(option, "color"))
        tool_set_colour(value);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ws_decode(struct flare_str *line)
{
    char *to = (char *)(uintptr_t)line->ptr;
    size_t n = 0;

    if (!ws.hex)
        return true;
    for (size_t i = 0; i < line->len; i++) {
        int high = digit(line->ptr[i]);
        int low = i + 1 < line->len ? digit(line->ptr[i + 1]) : -1;

        if (line->ptr[i] == ' ')
            continue;
        if (high < 0 || low < 0)
            return false;
        to[n++] = (char)(high << 4 | low);
        i++;
    }
    line->len = n;
    return true;
}

/* A scheme is ws unless it is given; ":8080/x" is on this machine. */
static const char *url_of(const char *text)
{
    size_t size = strlen(text) + sizeof("ws://localhost");
    char *url;

    if (strstr(text, "://") != NULL)
        return text;
    url = malloc(size);
    if (url == NULL)
        tool_die("no memory");
    snprintf(url, size, "ws://%s%s", *text == ':' ? "localhost" : "", text);
    return url;
}

static const char *address_of(const char *text)
{
    size_t size = strlen(text) + sizeof("127.0.0.1");
    char *address = malloc(size);

    if (address == NULL)
        tool_die("no memory");
    snprintf(address, size, "%s%s", *text == ':' ? "127.0.0.1" : "", text);
    return address;
}

static void check(void)
{
    bool is_server = ws.listen != NULL;

    if ((ws.url != NULL) == is_server)
        tool_usage("a URL, or --listen, is wanted");
    if (!is_server && (ws.role != WS_PRINT || ws.self_signed ||
                       ws.cert_file != NULL || ws.key_file != NULL))
        tool_usage("--echo, --broadcast, --self-signed, --cert and --key are "
                   "for --listen");
    if (is_server && (ws.pings > 0 || ws.reconnect || ws.message_count > 0 ||
                      ws.count > 0 || ws.proxy != NULL))
        tool_usage("--ping, --reconnect, --message, --count and --proxy are "
                   "not for --listen");
    if ((ws.cert_file == NULL) != (ws.key_file == NULL))
        tool_usage("--cert and --key go together");
    if (ws.close_reason != NULL && strlen(ws.close_reason) > 123)
        tool_usage("--close-reason has at most 123 bytes");
    ws.binary = ws.binary || ws.hex;
    if (is_server)
        ws.listen = address_of(ws.listen);
    else
        ws.url = url_of(ws.url);
}

void ws_options(int argc, char **argv)
{
    struct tool_args args = {.argc = argc, .argv = argv, .at = 1};
    const struct tool_option *option;

    tool_begin(&tool);
    while ((option = tool_next(&args)) != NULL) {
        if (option != &tool_plain)
            take(option, args.value);
        else if (ws.url != NULL)
            tool_usage("one URL, not '%s' and '%s'", ws.url, args.value);
        else
            ws.url = args.value;
    }
    check();
}
