/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses: one after the other, waiting for each; then all at once
 * on a loop, which goes on with other things meanwhile.
 *
 *   dns [HOST ...]
 *   dns localhost example.org 127.0.0.1 no-such-host.invalid 'bad host'
 */
#include <flare/flare.h>

#include <stdio.h>

static void print_answer(const char *host,
                         const struct flare_dns_result *result)
{
    printf("%s:", host);
    for (uint32_t i = 0; i < result->count; i++) {
        char text[FLARE_IP_TEXT_MAX];

        flare_ip_format(&result->ips[i], text, sizeof(text));
        printf(" %s (%s)", text,
               flare_ip_class_name(flare_ip_class(&result->ips[i])));
    }
    printf("%s\n", result->is_truncated ? " ..." : "");
}

static void on_answer(int rc, const struct flare_dns_result *result,
                      const struct flare_error *err, void *ctx)
{
    if (rc < 0)
        printf("on the loop: %s: %s\n", flare_error_name(rc), err->text);
    else
        print_answer(ctx, result);
}

static int resolve_each(char **hosts, int count)
{
    const struct flare_dns_options options = {.timeout_ms = 10000};
    struct flare_dns_result result;
    struct flare_error err;
    int failed = 0;

    for (int i = 0; i < count; i++) {
        if (flare_dns_resolve(&result, flare_str(hosts[i]), &options, &err) < 0)
            failed = printf("%s: %s\n", flare_error_name(err.code), err.text);
        else
            print_answer(hosts[i], &result);
    }
    return failed > 0;
}

static int resolve_together(char **hosts, int count)
{
    flare_loop *loop;
    int rc = flare_loop_new(&loop, NULL, NULL);

    if (rc < 0)
        return rc;
    for (int i = 0; i < count; i++) {
        rc = flare_dns_start(loop, NULL, flare_str(hosts[i]), NULL, on_answer,
                             hosts[i]);
        if (rc < 0)
            printf("at once: %s\n", flare_error_name(rc));
    }
    rc = flare_loop_run(loop); /* until the last has been answered */
    flare_loop_free(loop);
    return rc;
}

int main(int argc, char **argv)
{
    static char localhost[] = "localhost";
    char *local[] = {localhost};
    char **hosts = argc > 1 ? argv + 1 : local;
    int count = argc > 1 ? argc - 1 : 1;
    int failed = resolve_each(hosts, count);

    return resolve_together(hosts, count) < 0 || failed;
}
