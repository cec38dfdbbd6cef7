/* SPDX-License-Identifier: MIT */
/* See loop_rig.h. */
#include "tests/support/loop_rig.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <errno.h>

static const char *const names[LOOP_RIG_BACKENDS] = {"uring", "epoll", "kqueue",
                                                     "sim"};

/* As flare_loop_new, with the world of the test. */
static int sim_open(struct loop_rig *rig, const struct flare_allocator *al)
{
    struct flare__backend_config bc = {0};
    const struct flare__loop_config lc = {.al = al};
    int rc;

    rig->world = flare__sim_new(
        &(struct flare__sim_config){.is_calm = true, .is_threaded = true});
    if (rig->world == NULL)
        return -ENOMEM;
    rc = flare__loop_alloc(&rig->loop, &lc);
    if (rc < 0)
        goto fail;
    bc.al = &rig->loop->allocator;
    bc.log = &rig->loop->log;
    bc.sim = rig->world;
    rig->loop->ops = &flare__backend_sim;
    rc = flare__backend_sim.open(&rig->loop->backend, &bc, NULL);
    if (rc < 0) {
        flare__loop_free(rig->loop);
        goto fail;
    }
    flare__loop_begin(rig->loop);
    return 0;

fail:
    flare__sim_free(rig->world);
    rig->loop = NULL;
    return rc;
}

int loop_rig_try(struct loop_rig *rig, int backend,
                 const struct flare_allocator *al)
{
    *rig = (struct loop_rig){.name = names[backend]};
    if (backend == LOOP_RIG_SIM)
        return sim_open(rig, al);
    return flare_loop_new(
        &rig->loop,
        &(struct flare_loop_config){.backend = rig->name, .allocator = al},
        NULL);
}

bool loop_rig_open(struct loop_rig *rig, int backend)
{
    int rc = loop_rig_try(rig, backend, &flare__allocator_default);

    if (rc == FLARE_E_BACKEND_UNAVAILABLE || rc == FLARE_E_BAD_CONFIG) {
        printf("SKIP: no backend %s here\n", rig->name);
        return false;
    }
    ck_assert_msg(rc == 0, "%s: %s", rig->name, flare_strerror(rc));
    return true;
}

void loop_rig_close(struct loop_rig *rig)
{
    flare_loop_free(rig->loop);
    flare__sim_free(rig->world);
    rig->loop = NULL;
    rig->world = NULL;
}
