/* SPDX-License-Identifier: MIT */
/* What both roles share: keys and lines.  See handshake.h. */
#include "ws/handshake.h"

#include "base/base64.h"
#include "base/sha1.h"
#include "ws/handshake_lines.h"

#include <errno.h>
#include <string.h>

void flare__ws_accept_of(char out[FLARE__WS_ACCEPT_LEN],
                         const char key[FLARE__WS_KEY_LEN])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[FLARE__WS_KEY_LEN + sizeof(guid) - 1];
    uint8_t digest[FLARE__SHA1_BYTES];

    memcpy(text, key, FLARE__WS_KEY_LEN);
    memcpy(text + FLARE__WS_KEY_LEN, guid, sizeof(guid) - 1);
    flare__sha1(digest, (struct flare_str){text, sizeof(text)});
    flare__base64_encode(out,
                         (struct flare_str){(char *)digest, sizeof(digest)});
}

void flare__ws_key_of(char out[FLARE__WS_KEY_LEN],
                      const uint8_t nonce[FLARE__WS_NONCE_BYTES])
{
    flare__base64_encode(
        out, (struct flare_str){(const char *)nonce, FLARE__WS_NONCE_BYTES});
}

void flare__ws_add(struct flare__ws_text *text, struct flare_str part)
{
    if (part.len > text->room - text->len) {
        text->is_full = true;
        return;
    }
    if (part.len > 0)
        memcpy(text->out + text->len, part.ptr, part.len);
    text->len += part.len;
}

void flare__ws_add_line(struct flare__ws_text *text, const char *name,
                        struct flare_str value)
{
    flare__ws_add(text, flare_str(name));
    flare__ws_add(text, FLARE_STR(": "));
    flare__ws_add(text, value);
    flare__ws_add(text, FLARE_STR("\r\n"));
}

int flare__ws_text_length(const struct flare__ws_text *text)
{
    return text->is_full || text->len > INT32_MAX ? -ENOBUFS : (int)text->len;
}
