/* SPDX-License-Identifier: MIT */
/*
 * What a URL is made of, where a reference in a page at it leads, and whether
 * that is still the same origin.
 *
 *   url [BASE [REFERENCE ...]]
 *   url http://joe:secret@example.com/a/b '../c?d' //other.example/
 */
#include <flare/flare.h>

#include <stdio.h>

static char text[FLARE_URL_MAX + 1];

static void print_parts(const struct flare_url *url)
{
    printf("  scheme '%.*s'\n  host '%.*s'%s\n  port %u\n",
           FLARE_STR_ARG(url->scheme), FLARE_STR_ARG(url->host),
           url->ip.family != FLARE_IP_NONE ? ", an address" : "",
           (unsigned)flare_url_port(url));
    printf("  path '%.*s'\n", FLARE_STR_ARG(url->path));
    if (url->has_query)
        printf("  query '%.*s'\n", FLARE_STR_ARG(url->query));
    if (url->has_userinfo)
        printf("  credentials, which are for nobody to see\n");
}

/* Names on the way from a stranger's page: each is read before it is used. */
static int follow(const struct flare_url *base, const char *reference)
{
    struct flare_error err;
    struct flare_url url;

    if (flare_url_parse(&url, flare_str(reference), &err) < 0)
        return printf("%s: %s\n", reference, err.text), 1;
    if (flare_url_resolve(base, &url, text, sizeof(text)) < 0 ||
        flare_url_parse(&url, flare_str(text), NULL) < 0)
        return printf("%s: leads nowhere\n", reference), 1;
    printf("%s: %s%s\n", reference, text,
           flare_url_same_origin(base, &url) ? "" : " (another origin)");
    return 0;
}

int main(int argc, char **argv)
{
    const char *given =
        argc > 1 ? argv[1] : "HTTP://joe:secret@EXAMPLE.com:80/a/./%7Eb";
    struct flare_error err;
    struct flare_url base;
    int failed = 0;

    if (flare_url_parse(&base, flare_str(given), &err) < 0)
        return fprintf(stderr, "url: %s\n", err.text), 1;
    print_parts(&base);
    if (flare_url_format(&base, FLARE_URL_PUBLIC, text, sizeof(text)) >= 0)
        printf("  for logs: %s\n", text);
    if (flare_url_normalize(&base, text, sizeof(text)) >= 0)
        printf("  is the same as: %s\n", text);
    for (int i = 2; i < argc; i++)
        failed |= follow(&base, argv[i]);
    return failed;
}
