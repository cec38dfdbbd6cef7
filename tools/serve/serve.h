/* SPDX-License-Identifier: MIT */
/*
 * flare-serve: what its command line says, and what its files share.  The
 * settings are written before the workers start and only read from then on.
 */
#ifndef FLARE_SERVE_SERVE_H
#define FLARE_SERVE_SERVE_H

#include <flare/flare.h>

enum {
    SERVE_HEADERS_MAX = 32,
    SERVE_PROXIES_MAX = 16,
    SERVE_PATH_BYTES = 4096 /* of a path below the root */
};

/* Where clients of --live listen; no file is ever there: dotfiles are not. */
#define SERVE_LIVE_PATH "/.flare/live"
#define SERVE_LIVE_SCRIPT "/.flare/live.js"

/* "/api=http://127.0.0.1:3000": what is below the prefix is asked there. */
struct serve_proxy {
    const char *prefix; /* "/api" */
    char *routes[2];    /* the prefix, and what is below it */
    const char *origin; /* "http://127.0.0.1:3000", perhaps with a path */
};

struct serve_settings {
    const char *root;
    const char *listen;
    const char *tls_listen;
    const char *backend;
    uint32_t workers;
    bool pin;
    uint32_t drain_ms;

    bool listing;
    bool spa;
    const char *spa_page;
    const char *index[FLARE_FILES_INDEX_MAX + 1];
    const char *page_404;
    bool dotfiles;
    bool symlinks;
    bool precompressed;
    bool gzip;
    const char *cache_control;

    const char *cert;
    const char *key;
    bool self_signed;
    const char *ca_out; /* where its certificate is written */

    const char *auth_file;
    const char *auth;
    const char *realm;
    struct flare_cors cors;
    size_t cors_count;
    struct flare_field headers[SERVE_HEADERS_MAX];
    const char *header_names[SERVE_HEADERS_MAX];
    size_t header_count;

    bool upload;
    bool overwrite;
    uint64_t upload_max;
    struct serve_proxy proxies[SERVE_PROXIES_MAX];
    size_t proxy_count;
    bool live;
    const char *metrics;
    const char *health;

    const char *log; /* "-": standard error; else a file; NULL: none */
    enum flare_log_format log_format;
    const char *trusted;
    enum flare_forwarded forwarded;

    const char *user;
    const char *chroot;
    const char *restart_socket;
    bool quiet;
    bool json;

    int root_fd; /* of `root`, while the program runs */
    flare_files *files;
};

extern struct serve_settings serve;

/* Fills `serve`; ends the program where the line is wrong. */
void serve_options(int argc, char **argv);

/* Becomes --user and enters --chroot; a failure ends the program. */
void serve_drop_privileges(void);

#endif
