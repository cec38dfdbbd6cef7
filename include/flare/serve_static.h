/* SPDX-License-Identifier: MIT */
/*
 * A server of one handler with constant limits, the fastest form:
 *
 *     static inline int on_any(flare_req *req, flare_res *res)
 *     {
 *         (void)req;
 *         return flare_static_text(res, 200, "hello\n");
 *     }
 *
 *     #define LIMITS(X) X(workers, 2) X(body_bytes_max, 65536)
 *     FLARE_SERVE_STATIC(app, on_any, LIMITS);
 *
 *     int main(void)
 *     {
 *         return app_serve((struct flare_server_config){
 *             .listen = "127.0.0.1:8080",
 *         }, NULL) < 0;
 *     }
 *
 * The handler and all it calls in its file are inlined into one function, which
 * the connection calls with each parsed request: no routes, no search.  The
 * limits are checked when this is compiled.  The lengths of constant texts are
 * counted by the compiler.  What it gains is in docs/http.md.
 */
#ifndef FLARE_SERVE_STATIC_H
#define FLARE_SERVE_STATIC_H

#include <flare/limits.h>

/* flare_res_text for a string literal, whose length the compiler knows. */
#define flare_static_text(res, status, literal)                                \
    flare_res_copy((res), (status), FLARE_STR("text/plain; charset=utf-8"),    \
                   FLARE_STR(literal))

/*
 * Defines `int name_serve(struct flare_server_config config, struct flare_error
 * *err)`, which is flare_serve with `function` (a flare_handler_fn of this
 * file) and the constant limits of `list`, as FLARE_CONSTANT_CONFIG takes it,
 * in place of the configuration's.
 */
#define FLARE_SERVE_STATIC(name, function, list)                               \
    FLARE_CONSTANT_CONFIG(name, list);                                         \
    __attribute__((flatten)) static int name##_handle(flare_req *req,          \
                                                      flare_res *res)          \
    {                                                                          \
        return function(req, res);                                             \
    }                                                                          \
    static inline int name##_serve(struct flare_server_config config,          \
                                   struct flare_error *err)                    \
    {                                                                          \
        config.handler.fn = name##_handle;                                     \
        name##_apply(&config);                                                 \
        return flare_serve(&config, err);                                      \
    }                                                                          \
    struct flare__static_of_##name

#endif
