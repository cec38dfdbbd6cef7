/* SPDX-License-Identifier: MIT */
/* See e2e_tls.h. */
#include "tests/support/e2e_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAIRS_MAX = 8,
    PIECE = 10000,
    PULLED = 1 << 20,
    EVENTS = 3,
    EVENT_MS = 10
};

static struct flare_tls_cert pairs[PAIRS_MAX];
static const char *alpn[2];
static struct flare_tls_server_config the_config = {.certs = pairs,
                                                    .alpn = NULL};
static flare_tls_server *the_tls;
static const char *the_file;

/* ---- words */

static void take_pair(char *value)
{
    struct flare_tls_cert *pair = &pairs[the_config.cert_count];
    char *at = value;

    if (the_config.cert_count == PAIRS_MAX)
        return;
    the_config.cert_count++;
    pair->chain.file = strsep(&at, ",");
    pair->key.file = strsep(&at, ",");
    pair->staple.file = strsep(&at, ",");
}

static bool is_word(const char *word, const char *name, char *value)
{
    size_t len = strlen(name);

    return value != NULL && (size_t)(value - word) == len + 1 &&
           strncmp(word, name, len) == 0;
}

bool e2e_tls_take(struct flare_server_config *config, char *word)
{
    char *value = strchr(word, '=');

    if (value != NULL)
        value++;
    if (is_word(word, "tls_listen", value)) {
        config->tls_listen = value;
    } else if (is_word(word, "tls_pair", value)) {
        take_pair(value);
    } else if (is_word(word, "tls_ca", value)) {
        the_config.client_ca.file = value;
    } else if (is_word(word, "tls_auth", value)) {
        the_config.client_auth = strcmp(value, "required") == 0
                                     ? FLARE_TLS_CLIENT_REQUIRED
                                     : FLARE_TLS_CLIENT_ASKED;
    } else if (is_word(word, "tls_alpn", value)) {
        alpn[0] = value;
        the_config.alpn = alpn;
    } else if (is_word(word, "tls_max", value)) {
        the_config.version_max = FLARE_TLS_1_2;
    } else if (is_word(word, "file", value)) {
        the_file = value;
    } else {
        return false;
    }
    return true;
}

/* ---- its life */

static void on_hup(int number, void *ctx)
{
    struct flare_error err;
    int rc = flare_tls_server_reload(the_tls, &the_config, &err);

    (void)ctx;
    printf("signal %d: %s\n", number, rc < 0 ? err.text : "reloaded");
    fflush(stdout);
}

static int on_worker_start(flare_worker *worker)
{
    flare_signal *hup;

    if (flare_worker_index(worker) != 0)
        return 0;
    return flare_signal_new(flare_worker_loop(worker), &hup, SIGHUP, on_hup,
                            NULL);
}

int e2e_tls_open(struct flare_server_config *config, struct flare_error *err)
{
    sigset_t hup;
    int rc;

    if (config->tls_listen == NULL)
        return 0;
    (void)sigemptyset(&hup);
    (void)sigaddset(&hup, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &hup, NULL); /* of all workers' threads */
    the_config.log = config->on_log;
    rc = flare_tls_server_new(&the_tls, &the_config, err);
    config->tls = the_tls;
    config->on_worker_start = on_worker_start;
    return rc;
}

void e2e_tls_close(void)
{
    flare_tls_server_free(the_tls);
    the_tls = NULL;
}

/* ---- routes */

int e2e_on_tls(flare_req *req, flare_res *res)
{
    struct flare_str scheme = flare_req_scheme(req);
    struct flare_tls_peer peer;
    struct flare_tls_info t;
    int rc = flare_req_tls(req, &t);
    int peer_rc = flare_req_tls_peer(req, &peer);

    if (rc < 0)
        return flare_res_printf(res, 200, "plain %s\nscheme %.*s\n",
                                flare_error_name(rc), FLARE_STR_ARG(scheme));
    if (peer_rc < 0)
        peer = (struct flare_tls_peer){
            .subject = flare_str(flare_error_name(peer_rc))};
    return flare_res_printf(
        res, 200,
        "version %s\ncipher %s\nalpn %.*s\nname %.*s\nresumed %d\n"
        "verified %d\nscheme %.*s\nsubject %.*s\nissuer %.*s\n"
        "fingerprint %.*s\nsan %.*s\n",
        t.version, t.cipher, FLARE_STR_ARG(t.alpn),
        FLARE_STR_ARG(t.server_name), t.is_resumed, t.is_verified,
        FLARE_STR_ARG(scheme), FLARE_STR_ARG(peer.subject),
        FLARE_STR_ARG(peer.issuer), FLARE_STR_ARG(peer.fingerprint),
        FLARE_STR_ARG(peer.san));
}

int e2e_on_tls_stats(flare_req *req, flare_res *res)
{
    struct flare_tls_stats s;

    (void)req;
    if (the_tls == NULL)
        return FLARE_E_NOT_FOUND;
    flare_tls_server_stats(the_tls, &s);
    return flare_res_printf(
        res, 200,
        "handshakes %" PRIu64 "\nresumed %" PRIu64 "\nfailed %" PRIu64
        "\nkernel_tx %" PRIu64 "\nkernel_rx %" PRIu64 "\n",
        s.handshakes, s.resumed, s.failed, s.kernel_tx, s.kernel_rx);
}

int e2e_on_file(flare_req *req, flare_res *res)
{
    struct stat st;
    int fd, rc;

    (void)req;
    if (the_file == NULL)
        return FLARE_E_NOT_FOUND;
    fd = open(the_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = fstat(fd, &st) < 0
             ? -errno
             : flare_res_file(res, 200, FLARE_STR("application/octet-stream"),
                              fd, 0, (uint64_t)st.st_size);
    if (rc < 0)
        (void)close(fd);
    return rc;
}

static int on_pull(flare_req *req, flare_res *res, void *ctx)
{
    uint32_t *at = ctx;
    char piece[PIECE];
    uint32_t len = PULLED - *at < PIECE ? PULLED - *at : PIECE;
    int rc;

    (void)req;
    if (len == 0)
        return flare_res_finish(res);
    for (uint32_t i = 0; i < len; i++)
        piece[i] = (char)('a' + (*at + i) % 26);
    rc = flare_res_write(res, (struct flare_str){piece, len});
    if (rc >= 0)
        *at += len;
    return rc < 0 ? rc : 0;
}

int e2e_on_pulled(flare_req *req, flare_res *res)
{
    uint32_t *at = flare_req_alloc(req, sizeof(*at));

    if (at == NULL)
        return FLARE_E_OVERLOADED;
    *at = 0;
    return flare_res_pull(res, 200, FLARE_STR("text/plain"),
                          FLARE_LENGTH_UNKNOWN, on_pull, at);
}

static void on_event_time(flare_req *req, flare_res *res, void *ctx)
{
    uint32_t *count = ctx;
    struct flare_sse_event event = {.data = FLARE_STR("tick")};
    int rc = flare_sse_send(res, &event);

    (void)req;
    if (rc >= 0 && ++*count < EVENTS)
        rc = flare_res_timer(res, EVENT_MS, on_event_time, count);
    else if (rc >= 0)
        rc = flare_res_finish(res);
    if (rc < 0)
        flare_res_abort(res);
}

int e2e_on_events(flare_req *req, flare_res *res)
{
    uint32_t *count = flare_req_alloc(req, sizeof(*count));
    int rc;

    if (count == NULL)
        return FLARE_E_OVERLOADED;
    *count = 0;
    rc = flare_res_timer(res, EVENT_MS, on_event_time, count);
    return rc < 0 ? rc : flare_sse_start(res, NULL);
}
