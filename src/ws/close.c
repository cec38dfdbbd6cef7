/* SPDX-License-Identifier: MIT */
/* A close payload is empty, or two bytes of code and a reason in UTF-8. */
#include "ws/close.h"

#include "base/utf8.h"

#include <string.h>

bool flare__ws_close_may_come(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

bool flare__ws_close_may_go(unsigned code, bool is_client)
{
    return flare__ws_close_may_come(code) &&
           (is_client || code != FLARE__WS_CLOSE_EXTENSION);
}

int flare__ws_close_parse(struct flare_str payload, unsigned *code,
                          struct flare_str *reason)
{
    const unsigned char *p = (const unsigned char *)payload.ptr;

    *code = FLARE__WS_CLOSE_NONE;
    *reason = (struct flare_str){payload.ptr, 0};
    if (payload.len == 0)
        return 0;
    if (payload.len == 1)
        return FLARE_E_WS_PROTOCOL;
    *code = (unsigned)p[0] << 8 | p[1];
    *reason = (struct flare_str){payload.ptr + 2, payload.len - 2};
    if (!flare__ws_close_may_come(*code))
        return FLARE_E_WS_PROTOCOL;
    return flare__utf8_is_valid(*reason) ? 0 : FLARE_E_WS_TEXT;
}

int flare__ws_close_write(char out[125], unsigned code, struct flare_str reason,
                          bool is_client)
{
    if (code == FLARE__WS_CLOSE_NONE)
        return reason.len == 0 ? 0 : FLARE_E_WS_BAD_CLOSE;
    if (!flare__ws_close_may_go(code, is_client) ||
        reason.len > FLARE__WS_CLOSE_REASON_MAX ||
        !flare__utf8_is_valid(reason))
        return FLARE_E_WS_BAD_CLOSE;
    out[0] = (char)(code >> 8);
    out[1] = (char)(code & 0xff);
    if (reason.len > 0)
        memcpy(out + 2, reason.ptr, reason.len);
    return (int)(2 + reason.len);
}
