/* SPDX-License-Identifier: MIT */
/* Naive on purpose: copies, splits, and asks libc. */
#include "tests/support/dns_host_oracle.h"

#include <arpa/inet.h>
#include <string.h>

static const char digits[] = "0123456789";
static const char hexes[] = "0123456789abcdefABCDEF";
static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

static bool is_number(const char *part)
{
    if (part[0] == '0' && (part[1] == 'x' || part[1] == 'X'))
        return strspn(part + 2, hexes) == strlen(part + 2);
    return strspn(part, digits) == strlen(part);
}

static bool is_name(char *name)
{
    const char *last = "";
    char *dot;

    if (strspn(name, letters) != strlen(name) || name[0] == '-')
        return false;
    if (name[0] != '\0' && name[strlen(name) - 1] == '.')
        name[strlen(name) - 1] = '\0';
    if (strlen(name) > 253)
        return false;
    while (name != NULL) {
        last = name;
        dot = strchr(name, '.');
        if (dot != NULL)
            *dot++ = '\0';
        if (strlen(last) < 1 || strlen(last) > 63)
            return false;
        name = dot;
    }
    return !is_number(last);
}

char dns_host_oracle(struct flare_str host)
{
    char copy[300];
    char inner[300];
    unsigned char bytes[16];

    if (host.len >= sizeof(copy) || memchr(host.ptr, 0, host.len) != NULL)
        return 'b';
    memcpy(copy, host.ptr, host.len);
    copy[host.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1 ||
        inet_pton(AF_INET6, copy, bytes) == 1)
        return 'a';
    if (copy[0] == '[' && copy[host.len - 1] == ']') {
        memcpy(inner, copy + 1, host.len);
        inner[host.len - 2] = '\0';
        return inet_pton(AF_INET6, inner, bytes) == 1 ? 'a' : 'b';
    }
    return is_name(copy) ? 'n' : 'b';
}
