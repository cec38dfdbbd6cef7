/* SPDX-License-Identifier: MIT */
/*
 * A database that blocks (SQLite), off the loop: whatever a query takes, every
 * other request is answered at once.
 *   offload [ADDRESS]     listens on 127.0.0.1:8080 unless told otherwise
 *   curl http://127.0.0.1:8080/query & curl http://127.0.0.1:8080/health
 */
#include <flare/flare.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define QUERY                                                                  \
    "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n "        \
    "WHERE x < 8000000) SELECT sum(x) FROM n"
enum { TEXT_MAX = 64 };

static int on_row(void *text, int count, char **values, char **names)
{
    (void)count, (void)names;
    return snprintf(text, TEXT_MAX, "%s\n", values[0]) < 0;
}

static void work(void *text) /* on a thread of the pool: it may block */
{
    sqlite3 *db = NULL;

    if (sqlite3_open(":memory:", &db) == SQLITE_OK)
        sqlite3_exec(db, QUERY, on_row, text, NULL);
    sqlite3_close(db);
}

static void done(flare_req *req, flare_res *res, void *text) /* on the loop */
{
    (void)req;
    if (res != NULL && flare_res_text(res, 200, text) < 0)
        flare_res_abort(res); /* out of memory: the peer gets a 500 */
    free(text);
}

static int on_query(flare_req *req, flare_res *res)
{
    char *text = calloc(1, TEXT_MAX);

    (void)req;
    if (text != NULL && flare_offload(res, work, done, text) == 0)
        return FLARE_LATER;
    free(text);
    return FLARE_E_OVERLOADED; /* a 503 */
}

static int on_health(flare_req *req, flare_res *res)
{
    (void)req;
    return flare_res_text(res, 200, "ok\n");
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct flare_route routes[] = {FLARE_GET("/query", on_query),
                                         FLARE_GET("/health", on_health)};
    struct flare_server_config config = {
        .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
        .routes = FLARE_ROUTES(routes),
        .handle_signals = true,
        .on_listening = on_listening,
    };
    int rc = flare_serve(&config, NULL);

    return rc < 0 ? fprintf(stderr, "%s\n", flare_strerror(rc)), 1 : 0;
}
