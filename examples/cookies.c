/* SPDX-License-Identifier: MIT */
/*
 * A cookie jar in a file: takes what a server at https://HOST/PATH has set,
 * says what is in it, and what the next request there would send.  The file is
 * curl's, too: curl -b FILE -c FILE.
 *
 *   cookies FILE HOST PATH [SET-COOKIE ...]
 *   cookies jar.txt www.example.com / 'id=7; Domain=example.com; Max-Age=60'
 */
#include <flare/flare.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int print_cookie(const struct flare_cookie_info *info, void *ctx)
{
    const int64_t *now_s = ctx;

    printf("  %.*s=%.*s for %s%.*s%.*s", FLARE_STR_ARG(info->name),
           FLARE_STR_ARG(info->value), info->is_host_only ? "" : "*.",
           FLARE_STR_ARG(info->domain), FLARE_STR_ARG(info->path));
    if (info->is_session)
        printf(", until the session ends\n");
    else
        printf(", %lld s\n", (long long)(info->expires_s - *now_s));
    return 0;
}

static void print_field(flare_cookie_jar *jar,
                        const struct flare_cookie_url *url, int64_t now_s)
{
    char field[8192];
    int len = flare_cookie_jar_header(jar, url, now_s, field, sizeof(field));

    if (len > 0 && (size_t)len <= sizeof(field))
        printf("Cookie: %.*s\n", len, field);
}

static int use(flare_cookie_jar *jar, char **argv, struct flare_error *err)
{
    const struct flare_cookie_save_options options = {
        .format = FLARE_COOKIE_FORMAT_NETSCAPE, .has_session = true};
    const struct flare_cookie_url url = {.host = flare_str(argv[2]),
                                         .path = flare_str(argv[3]),
                                         .is_secure = true};
    int64_t now_s = time(NULL);
    int rc = flare_cookie_jar_load(jar, argv[1], now_s, err);

    if (rc < 0 && rc != -ENOENT)
        return rc;
    for (char **field = argv + 4; *field != NULL; field++)
        if (flare_cookie_jar_store(jar, &url, flare_str(*field), now_s, err) <
            0)
            printf("%s: %s\n", flare_error_name(err->code), err->text);
    printf("%zu in the jar\n", flare_cookie_jar_count(jar));
    (void)flare_cookie_jar_each(jar, print_cookie, &now_s);
    print_field(jar, &url, now_s);
    return flare_cookie_jar_save(jar, argv[1], &options, now_s, err);
}

int main(int argc, char **argv)
{
    flare_cookie_jar *jar;
    struct flare_error err;
    int rc;

    if (argc < 4)
        return fprintf(stderr, "cookies FILE HOST PATH [SET-COOKIE ...]\n"), 2;
    rc = flare_cookie_jar_new(&jar, NULL, &err);
    if (rc >= 0) {
        rc = use(jar, argv, &err);
        flare_cookie_jar_free(jar);
    }
    if (rc < 0)
        fprintf(stderr, "cookies: %s\n", err.text);
    return rc < 0;
}
