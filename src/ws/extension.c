/* SPDX-License-Identifier: MIT */
/* Extensions and their parameters.  See extension.h. */
#include "ws/extension.h"

#include "base/assert.h"

#include <stdio.h>

#define FIELD FLARE_STR("Sec-WebSocket-Extensions")

/* ---- grammar ---- */

/* Takes a quoted string that is a token inside; text->ptr is at its quote. */
static bool take_quoted(struct flare_str *text, struct flare_str *inside)
{
    const char *p = text->ptr;
    size_t i = 1;

    while (i < text->len && p[i] != '"') {
        if (p[i] == '\\')
            i++;
        if (i == text->len || !flare__ws_is_token_char(p[i]))
            return false;
        i++;
    }
    if (i >= text->len || i == 1)
        return false;
    *inside = (struct flare_str){p + 1, i - 1};
    flare__ws_skip(text, i + 1);
    return true;
}

static bool is_next(struct flare_str text, char c)
{
    return text.len > 0 && text.ptr[0] == c;
}

/* Takes a parameter and the white space behind it. */
static bool take_param(struct flare_str *text, struct flare__ws_param *param)
{
    *param = (struct flare__ws_param){0};
    if (flare__ws_take_token(text, &param->name) == 0)
        return false;
    flare__ws_skip_white(text);
    if (!is_next(*text, '='))
        return true;
    flare__ws_skip(text, 1);
    flare__ws_skip_white(text);
    param->has_value = true;
    if (is_next(*text, '"')) {
        if (!take_quoted(text, &param->value))
            return false;
    } else if (flare__ws_take_token(text, &param->value) == 0) {
        return false;
    }
    flare__ws_skip_white(text);
    return true;
}

/* Takes "; param" if there is one: 1, 0, or FLARE_E_BAD_INPUT. */
static int take_next_param(struct flare_str *text,
                           struct flare__ws_param *param)
{
    if (!is_next(*text, ';'))
        return 0;
    flare__ws_skip(text, 1);
    flare__ws_skip_white(text);
    return take_param(text, param) ? 1 : FLARE_E_BAD_INPUT;
}

int flare__ws_extension_next(struct flare_str *rest,
                             struct flare__ws_extension *extension)
{
    struct flare__ws_param param;
    const char *start;
    int rc;

    flare__ws_skip_white(rest);
    while (is_next(*rest, ',')) { /* an empty element */
        flare__ws_skip(rest, 1);
        flare__ws_skip_white(rest);
    }
    if (rest->len == 0)
        return 0;
    if (flare__ws_take_token(rest, &extension->name) == 0)
        return FLARE_E_BAD_INPUT;
    flare__ws_skip_white(rest);
    start = rest->ptr;
    do
        rc = take_next_param(rest, &param);
    while (rc > 0);
    extension->params = (struct flare_str){start, (size_t)(rest->ptr - start)};
    if (rc < 0 || (rest->len > 0 && !is_next(*rest, ',')))
        return FLARE_E_BAD_INPUT;
    return 1;
}

bool flare__ws_param_next(struct flare_str *params,
                          struct flare__ws_param *param)
{
    int rc = take_next_param(params, param);

    FLARE_ASSERT(rc >= 0); /* flare__ws_extension_next has read them all */
    return rc > 0;
}

/* ---- permessage-deflate ---- */

/* Bits of parameters that have come; as many as there are names. */
enum {
    SERVER_BITS = 1,
    CLIENT_BITS = 2,
    SERVER_NO_CONTEXT = 4,
    CLIENT_NO_CONTEXT = 8
};

static const struct {
    const char *name;
    unsigned bit;
} param_names[] = {
    {"server_max_window_bits", SERVER_BITS},
    {"client_max_window_bits", CLIENT_BITS},
    {"server_no_context_takeover", SERVER_NO_CONTEXT},
    {"client_no_context_takeover", CLIENT_NO_CONTEXT},
};

/* What came: the parameters, and which of them. */
struct heard {
    struct flare__ws_deflate_params params;
    unsigned seen;
    bool has_client_value; /* client_max_window_bits has one */
};

/* 8 to 15 in decimal without a leading zero, backslashes aside; 0: not so. */
static uint8_t bits_of(struct flare_str value)
{
    unsigned bits = 0, digits = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '\\')
            continue; /* inside quotes only: no token has one */
        if (c < '0' || c > '9' || (digits == 0 && c == '0') || digits == 2)
            return 0;
        bits = bits * 10 + (unsigned)(c - '0');
        digits++;
    }
    if (bits < FLARE__WS_WINDOW_BITS_MIN || bits > FLARE__WS_WINDOW_BITS_MAX)
        return 0;
    return (uint8_t)bits;
}

static unsigned param_bit(struct flare_str name)
{
    for (size_t i = 0; i < sizeof(param_names) / sizeof(param_names[0]); i++) {
        if (flare_str_equal(name, flare_str(param_names[i].name)))
            return param_names[i].bit;
    }
    return 0;
}

/* One of the two that are a number; false: not valid. */
static bool hear_bits(struct heard *heard, unsigned bit,
                      const struct flare__ws_param *param)
{
    uint8_t bits = bits_of(param->value);

    if (bit == CLIENT_BITS) {
        heard->has_client_value = param->has_value;
        if (!param->has_value)
            return true; /* in an offer; an answer's is looked at again */
        heard->params.client_max_window_bits = bits;
    } else {
        heard->params.server_max_window_bits = bits;
    }
    return param->has_value && bits != 0;
}

/* Reads all parameters; NULL, or a sentence about the first that is wrong. */
static const char *hear(struct heard *heard, struct flare_str params)
{
    struct flare__ws_param param;

    *heard = (struct heard){.params = FLARE__WS_DEFLATE_ANY};
    while (flare__ws_param_next(&params, &param)) {
        unsigned bit = param_bit(param.name);

        if (bit == 0)
            return "permessage-deflate has an unknown parameter";
        if ((heard->seen & bit) != 0)
            return "permessage-deflate has a parameter twice";
        heard->seen |= bit;
        if ((bit & (SERVER_BITS | CLIENT_BITS)) != 0) {
            if (!hear_bits(heard, bit, &param))
                return "permessage-deflate's window is not 8 to 15 bits";
        } else if (param.has_value) {
            return "permessage-deflate's context takeover has a value";
        }
    }
    heard->params.server_no_context_takeover =
        (heard->seen & SERVER_NO_CONTEXT) != 0;
    heard->params.client_no_context_takeover =
        (heard->seen & CLIENT_NO_CONTEXT) != 0;
    heard->params.has_server_bits = (heard->seen & SERVER_BITS) != 0;
    return NULL;
}

static uint8_t lesser(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static bool is_wish(const struct flare__ws_deflate_params *p)
{
    return p->server_max_window_bits >= FLARE__WS_WINDOW_BITS_MIN &&
           p->server_max_window_bits <= FLARE__WS_WINDOW_BITS_MAX &&
           p->client_max_window_bits >= FLARE__WS_WINDOW_BITS_MIN &&
           p->client_max_window_bits <= FLARE__WS_WINDOW_BITS_MAX;
}

/* Meets one offer, or declines it. */
static bool meet(struct flare_str params,
                 const struct flare__ws_deflate_params *wish,
                 struct flare__ws_deflate_params *agreed)
{
    struct heard offer;

    if (hear(&offer, params) != NULL)
        return false;
    /* only a client that says so can be limited: section 7.1.2.2 */
    if ((offer.seen & CLIENT_BITS) == 0 &&
        wish->client_max_window_bits < FLARE__WS_WINDOW_BITS_MAX)
        return false;
    *agreed = offer.params;
    agreed->server_max_window_bits =
        lesser(agreed->server_max_window_bits, wish->server_max_window_bits);
    agreed->client_max_window_bits =
        lesser(agreed->client_max_window_bits, wish->client_max_window_bits);
    agreed->server_no_context_takeover |= wish->server_no_context_takeover;
    agreed->client_no_context_takeover |= wish->client_no_context_takeover;
    return true;
}

int flare__ws_deflate_accept(const struct flare__ws_fields *fields,
                             const struct flare__ws_deflate_params *wish,
                             struct flare__ws_deflate_params *agreed)
{
    struct flare__ws_lines lines = {fields, FIELD, 0};
    struct flare__ws_extension extension;
    struct flare_str line;
    bool is_met = false;

    FLARE_ASSERT(is_wish(wish));
    while (flare__ws_line_next(&lines, &line)) {
        int rc;

        while ((rc = flare__ws_extension_next(&line, &extension)) > 0) {
            if (!is_met && flare__ws_deflate_is_here() &&
                flare_str_equal(extension.name, FLARE_STR(FLARE__WS_DEFLATE)))
                is_met = meet(extension.params, wish, agreed);
        }
        if (rc < 0)
            return rc;
    }
    return is_met ? 1 : 0;
}

/* The answer's parameters against the offer's. */
static const char *confirm(struct flare_str params,
                           const struct flare__ws_deflate_params *wish,
                           struct flare__ws_deflate_params *agreed)
{
    struct heard answer;
    const char *fault = hear(&answer, params);

    if (fault != NULL)
        return fault;
    if ((answer.seen & CLIENT_BITS) != 0 && !answer.has_client_value)
        return "permessage-deflate's client_max_window_bits has no value";
    if (answer.params.server_max_window_bits > wish->server_max_window_bits)
        return "the server does not keep to server_max_window_bits";
    if ((answer.seen & CLIENT_BITS) != 0 &&
        answer.params.client_max_window_bits > wish->client_max_window_bits)
        return "the server's client_max_window_bits is more than was offered";
    if (wish->server_no_context_takeover &&
        !answer.params.server_no_context_takeover)
        return "the server does not keep to server_no_context_takeover";
    *agreed = answer.params;
    /* what an offer says of the client holds without an answer */
    agreed->client_max_window_bits =
        lesser(agreed->client_max_window_bits, wish->client_max_window_bits);
    agreed->client_no_context_takeover |= wish->client_no_context_takeover;
    return NULL;
}

int flare__ws_deflate_confirm(const struct flare__ws_fields *fields,
                              const struct flare__ws_deflate_params *wish,
                              struct flare__ws_deflate_params *agreed,
                              const char **fault)
{
    struct flare__ws_lines lines = {fields, FIELD, 0};
    struct flare__ws_extension extension;
    struct flare_str line;
    int count = 0, rc = 0;

    FLARE_ASSERT(wish == NULL || is_wish(wish));
    *fault = NULL;
    while (*fault == NULL && flare__ws_line_next(&lines, &line)) {
        while (*fault == NULL &&
               (rc = flare__ws_extension_next(&line, &extension)) > 0) {
            if (wish == NULL ||
                !flare_str_equal(extension.name, FLARE_STR(FLARE__WS_DEFLATE)))
                *fault = "the server uses an extension that was not offered";
            else if (count++ > 0)
                *fault = "the server uses permessage-deflate twice";
            else
                *fault = confirm(extension.params, wish, agreed);
        }
        if (rc < 0)
            *fault = "Sec-WebSocket-Extensions is malformed";
    }
    return *fault != NULL ? FLARE_E_BAD_INPUT : count;
}

void flare__ws_deflate_prepare(struct flare__ws_deflate *to,
                               struct flare__ws_inflate *from,
                               const struct flare_allocator *al,
                               const struct flare__ws_deflate_params *agreed,
                               bool is_server, uint64_t message_bytes_max)
{
    uint8_t bits[2] = {agreed->client_max_window_bits,
                       agreed->server_max_window_bits};
    bool has_takeover[2] = {!agreed->client_no_context_takeover,
                            !agreed->server_no_context_takeover};

    flare__ws_deflate_init(to, al, bits[is_server], has_takeover[is_server]);
    flare__ws_inflate_init(from, al, bits[!is_server], has_takeover[!is_server],
                           message_bytes_max);
}

/* ---- writing ---- */

static void add_flag(char *out, size_t *len, const char *name, bool is_on)
{
    if (is_on)
        *len += (size_t)snprintf(
            out + *len, FLARE__WS_EXTENSION_BYTES_MAX - *len, "; %s", name);
}

static void add_bits(char *out, size_t *len, const char *name, uint8_t bits)
{
    *len += (size_t)snprintf(out + *len, FLARE__WS_EXTENSION_BYTES_MAX - *len,
                             "; %s=%d", name, bits);
}

/* The name, and the two parameters that are written alike. */
static size_t write_start(char *out, const struct flare__ws_deflate_params *p)
{
    size_t len = (size_t)snprintf(out, FLARE__WS_EXTENSION_BYTES_MAX, "%s",
                                  FLARE__WS_DEFLATE);

    add_flag(out, &len, "server_no_context_takeover",
             p->server_no_context_takeover);
    add_flag(out, &len, "client_no_context_takeover",
             p->client_no_context_takeover);
    return len;
}

size_t flare__ws_offer_write(char out[FLARE__WS_EXTENSION_BYTES_MAX],
                             const struct flare__ws_deflate_params *wish)
{
    size_t len = write_start(out, wish);

    if (wish->server_max_window_bits < FLARE__WS_WINDOW_BITS_MAX)
        add_bits(out, &len, "server_max_window_bits",
                 wish->server_max_window_bits);
    if (wish->client_max_window_bits < FLARE__WS_WINDOW_BITS_MAX)
        add_bits(out, &len, "client_max_window_bits",
                 wish->client_max_window_bits);
    else
        add_flag(out, &len, "client_max_window_bits", true);
    return len;
}

size_t flare__ws_agreed_write(char out[FLARE__WS_EXTENSION_BYTES_MAX],
                              const struct flare__ws_deflate_params *agreed)
{
    size_t len = write_start(out, agreed);

    if (agreed->has_server_bits ||
        agreed->server_max_window_bits < FLARE__WS_WINDOW_BITS_MAX)
        add_bits(out, &len, "server_max_window_bits",
                 agreed->server_max_window_bits);
    if (agreed->client_max_window_bits < FLARE__WS_WINDOW_BITS_MAX)
        add_bits(out, &len, "client_max_window_bits",
                 agreed->client_max_window_bits);
    return len;
}
