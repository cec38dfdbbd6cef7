/* SPDX-License-Identifier: MIT */
/*
 * What an address is, without asking the system: its one canonical text, what
 * it is for, and whether a server may be sent there by a stranger.
 *
 *   addresses [TEXT ...]
 *   addresses ::FFFF:10.0.0.1 '[2001:db8::1]:80' 10.0.0.0/8 unix:@name
 * 010.1.2.3
 */
#include <flare/flare.h>

#include <stdio.h>

static void print_ip(const char *what, const struct flare_ip *ip)
{
    char text[FLARE_IP_TEXT_MAX];

    flare_ip_format(ip, text, sizeof(text));
    printf("  %s %s, IPv%d, %s%s\n", what, text, (int)ip->family,
           flare_ip_class_name(flare_ip_class(ip)),
           flare_ip_is_global(ip) ? "" : ": not to be connected to on demand");
}

static void print_net(const struct flare_ip_net *net)
{
    struct flare_ip here = flare_ip_v4((const uint8_t[]){10, 1, 2, 3});
    char text[FLARE_IP_TEXT_MAX];

    flare_ip_net_format(net, text, sizeof(text));
    printf("  network %s, 10.1.2.3 is %sin it\n", text,
           flare_ip_net_contains(net, &here) ? "" : "not ");
}

static void print_addr(const struct flare_addr *addr)
{
    char text[FLARE_ADDR_TEXT_MAX];

    flare_addr_format(addr, text, sizeof(text));
    printf("  socket %s\n", text);
    if (addr->kind == FLARE_ADDR_IP)
        print_ip("host", &addr->ip);
}

/* One text may be one of three things, or none; then the parsers say why. */
static int print_text(struct flare_str text)
{
    struct flare_ip_net net;
    struct flare_addr addr;
    struct flare_ip ip;
    struct flare_error no_addr, no_net;

    printf("%.*s\n", FLARE_STR_ARG(text));
    if (flare_addr_parse(&addr, text, &no_addr) == 0)
        print_addr(&addr);
    else if (flare_ip_parse(&ip, text, NULL) == 0)
        print_ip("address", &ip);
    else if (flare_ip_net_parse(&net, text, &no_net) == 0)
        print_net(&net);
    else
        return printf("  no %s\n  no %s\n", no_addr.text, no_net.text), 1;
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const some[] = {
        "127.0.0.1:8080",     "[2001:DB8:0:0::1]:443",
        "unix:/run/app.sock", "::ffff:10.0.0.1",
        "fe80::1%2",          "169.254.169.254",
        "10.0.0.0/8",         "127.1",
    };
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= print_text(flare_str(argv[i]));
    for (size_t i = 0; argc == 1 && i < sizeof(some) / sizeof(*some); i++)
        (void)print_text(flare_str(some[i])); /* the last is none */
    return failed;
}
