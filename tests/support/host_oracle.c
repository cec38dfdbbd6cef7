/* SPDX-License-Identifier: MIT */
/* RFC 3986 section 3.2.2, less IPvFuture, the empty name and the comma. */
#include "tests/support/host_oracle.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool is_port(const char *port)
{
    size_t len = strlen(port);

    return len >= 1 && len <= 5 && strspn(port, "0123456789") == len &&
           strtol(port, NULL, 10) <= 65535;
}

static bool is_reg_name(const char *name)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~!$&'()*+;=";

    if (*name == '\0')
        return false;
    while (*name != '\0') {
        if (*name == '%') {
            if (strspn(name + 1, hex) < 2)
                return false;
            name += 3;
        } else if (strchr(plain, *name++) == NULL) {
            return false;
        }
    }
    return true;
}

bool host_oracle(const char *host, bool needs_port)
{
    char name[4200];
    struct in6_addr address;
    const char *port;
    size_t len = strlen(host);

    if (len >= sizeof(name))
        abort();
    memcpy(name, host, len + 1);
    if (name[0] == '[') {
        char *close = strchr(name, ']');

        if (close == NULL)
            return false;
        *close = '\0';
        port = close[1] == '\0' ? NULL : close + 1;
        if (port != NULL && *port++ != ':')
            return false;
        if (inet_pton(AF_INET6, name + 1, &address) != 1)
            return false;
    } else {
        char *colon = strchr(name, ':');

        port = colon != NULL ? colon + 1 : NULL;
        if (colon != NULL)
            *colon = '\0';
        if (!is_reg_name(name))
            return false;
    }
    return port != NULL ? is_port(port) : !needs_port;
}
