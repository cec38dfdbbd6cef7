/* SPDX-License-Identifier: MIT */
/*
 * HTTPS with a pair of files for each name, and HTTP that only leads there.
 * SIGHUP reads the files again; what is open keeps what it was shown.
 *
 *   https_server HTTP HTTPS --self-signed | CERT.pem KEY.pem ...
 *   https_server 127.0.0.1:8080 127.0.0.1:8443 --self-signed
 *   curl -kL http://localhost:8080/
 */
#include <flare/flare.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static flare_tls_server *tls;
static struct flare_tls_cert certs[8];
static struct flare_tls_server_config tls_config = {.certs = certs};
static char port[8]; /* of HTTPS */

static void on_hup(int number, void *ctx)
{
    struct flare_error err;
    int rc = flare_tls_server_reload(ctx, &tls_config, &err);

    fprintf(stderr, "https_server: signal %d, %s\n", number,
            rc < 0 ? err.text : "reloaded");
}

static int on_worker_start(flare_worker *worker)
{
    flare_signal *hup; /* ends with the loop */

    return flare_signal_new(flare_worker_loop(worker), &hup, SIGHUP, on_hup,
                            tls);
}

static int on_request(flare_req *req, flare_res *res)
{
    struct flare_tls_info info;
    char to[64];

    if (flare_req_tls(req, &info) == 0)
        return flare_res_printf(res, 200, "hello by %s\n", info.version);
    (void)snprintf(to, sizeof(to), "https://localhost:%s/", port);
    return flare_res_redirect(res, 308, to); /* never where the Host says */
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    (void)snprintf(port, sizeof(port), "%s", strrchr(address, ':') + 1);
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct flare_server_config config = {.handler.fn = on_request,
                                         .on_worker_start = on_worker_start,
                                         .on_listening = on_listening,
                                         .handle_signals = true};
    bool is_signed = argc == 4 && strcmp(argv[3], "--self-signed") == 0;
    struct flare_error err;
    int rc = is_signed ? flare_tls_self_signed(certs, NULL, 30, &err) : 0;

    tls_config.cert_count = is_signed;
    for (int i = 3; i + 1 < argc && tls_config.cert_count < 8; i += 2)
        certs[tls_config.cert_count++] = (struct flare_tls_cert){
            .chain.file = argv[i], .key.file = argv[i + 1]};
    if (rc < 0 || flare_tls_server_new(&tls, &tls_config, &err) < 0)
        return fprintf(stderr, "https_server: %s\n", err.text), 1;
    config.listen = argv[1];
    config.tls_listen = argv[2];
    config.tls = tls;
    if (flare_serve(&config, &err) < 0)
        return fprintf(stderr, "https_server: %s\n", err.text), 1;
    flare_tls_server_free(tls);
    return 0;
}
