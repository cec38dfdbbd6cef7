/* SPDX-License-Identifier: MIT */
/*
 * What handlers work on, typed: one state of the application, shared by all
 * workers, and one for each worker, which needs no lock.
 *
 *     FLARE_APP_TYPE(struct app);           once, in a header of the program
 *     FLARE_WORKER_TYPE(struct counters);
 *
 *     .app = FLARE_APP(struct app, &app),   in the configuration
 *
 *     struct app *app = flare_app(req, struct app);          in a handler
 *     struct counters *c = flare_worker_state(req, struct counters);
 *
 * A pointer to something else, also to const, and the name of another type do
 * not compile.  That a state was given is checked by who reads it: NULL if
 * not.  Files that declare different types are not caught: hence one header.
 */
#ifndef FLARE_STATE_H
#define FLARE_STATE_H

#include <flare/handler.h>
#include <flare/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The types behind the macros; a second type in one file does not compile. */
#define FLARE_APP_TYPE(type) typedef type flare__app_type
#define FLARE_WORKER_TYPE(type) typedef type flare__worker_type

#ifdef __cplusplus
/* C++ has no _Generic, but overloads: T is both or there is no such call. */
extern "C++" {
template <class T> static inline T *flare__state_same(T *ptr, T *)
{
    return ptr;
}
}
#define FLARE__STATE_GIVE(type, declared, ptr)                                 \
    ((void *)flare__state_same((ptr),                                          \
                               flare__state_same((declared *)0, (type *)0)))
#define FLARE__STATE_TAKE(type, declared, ptr)                                 \
    (flare__state_same((declared *)(ptr), (type *)0))
#else
#define FLARE__STATE_GIVE(type, declared, ptr)                                 \
    _Generic((type *)0, declared *                                             \
             : _Generic((ptr), declared *                                      \
                        : (void *)(ptr)))
#define FLARE__STATE_TAKE(type, declared, ptr)                                 \
    _Generic((type *)0, declared * : (declared *)(ptr))
#endif

/* The value of config.app.  Borrows `ptr` until flare_server_free. */
#define FLARE_APP(type, ptr) FLARE__STATE_GIVE(type, flare__app_type, ptr)

/* Lends the application's state.  Thread: any; it is shared by all workers. */
#define flare_app(req, type)                                                   \
    FLARE__STATE_TAKE(type, flare__app_type, flare_req_app(req))

/* Lends the state of the worker that serves `req`.  Thread: owner loop. */
#define flare_worker_state(req, type)                                          \
    FLARE__STATE_TAKE(type, flare__worker_type,                                \
                      flare_worker_get(flare_req_worker(req)))

/* ---- in on_worker_start and on_worker_stop ---- */

/* As flare_app. */
#define flare_worker_app(worker, type)                                         \
    FLARE__STATE_TAKE(type, flare__app_type, flare_worker_app_get(worker))

/* Borrows `ptr` until on_worker_stop has returned. */
#define flare_worker_set_state(worker, type, ptr)                              \
    flare_worker_set(worker, FLARE__STATE_GIVE(type, flare__worker_type, ptr))

/* What was set. */
#define flare_worker_get_state(worker, type)                                   \
    FLARE__STATE_TAKE(type, flare__worker_type, flare_worker_get(worker))

/* 0 to workers - 1. */
FLARE_API uint32_t flare_worker_index(const flare_worker *worker);

/* The worker's loop, for flare_loop_post to it. */
FLARE_API flare_loop *flare_worker_loop(const flare_worker *worker);

/* ---- without types: what the macros call ---- */

/* config.app. */
FLARE_API void *flare_req_app(const flare_req *req);

/* The worker that serves it. */
FLARE_API flare_worker *flare_req_worker(const flare_req *req);

/* config.app. */
FLARE_API void *flare_worker_app_get(const flare_worker *worker);

/* The worker's state; NULL: none was set. */
FLARE_API void *flare_worker_get(const flare_worker *worker);

/* Sets it; in on_worker_start. */
FLARE_API void flare_worker_set(flare_worker *worker, void *state);

#ifdef __cplusplus
}
#endif
#endif
