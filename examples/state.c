/* SPDX-License-Identifier: MIT */
/*
 * State with types: one for the application, shared, and one for each worker,
 * which needs no lock.
 *
 *   state [ADDRESS]      curl http://127.0.0.1:8080/
 */
#include <flare/flare.h>

#include <stdio.h>
#include <stdlib.h>

struct app {
    const char *greeting;
};

struct counters {
    uint64_t visits;
};

FLARE_APP_TYPE(struct app);
FLARE_WORKER_TYPE(struct counters);

static int on_visit(flare_req *req, flare_res *res)
{
    const struct app *app = flare_app(req, struct app);
    struct counters *c = flare_worker_state(req, struct counters);

    c->visits++;
    return flare_res_printf(res, 200, "%s, visitor %" PRIu64 "\n",
                            app->greeting, c->visits);
}

static int on_worker_start(flare_worker *worker)
{
    struct counters *c = calloc(1, sizeof(*c));

    flare_worker_set_state(worker, struct counters, c);
    return c != NULL ? 0 : FLARE_E_INTERNAL;
}

static void on_worker_stop(flare_worker *worker)
{
    free(flare_worker_get_state(worker, struct counters));
}

static void on_listening(const char *address, void *ctx)
{
    (void)ctx;
    printf("listening on %s\n", address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct app app = {.greeting = "hello"};
    struct flare_error err;
    int rc = flare_serve(
        &(struct flare_server_config){
            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
            .handler = {on_visit, NULL},
            .app = FLARE_APP(struct app, &app),
            .on_worker_start = on_worker_start,
            .on_worker_stop = on_worker_stop,
            .on_listening = on_listening,
            .handle_signals = true,
        },
        &err);

    if (rc < 0)
        return fprintf(stderr, "state: %s\n", err.text), 1;
    return 0;
}
