/* SPDX-License-Identifier: MIT */
/* See keys.h.  A forked child counts one more, and so drops what is left of the
 * keys that its parent has, too. */
#include "ws/keys.h"

#include "net/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static pthread_once_t keys_once = PTHREAD_ONCE_INIT;
static int keys_rc;
static atomic_uint keys_forks;

static void keys_on_fork(void)
{
    (void)atomic_fetch_add_explicit(&keys_forks, 1, memory_order_relaxed);
}

static void keys_watch(void)
{
    keys_rc = -pthread_atfork(NULL, NULL, keys_on_fork);
}

static int keys_fill(struct flare__ws_keys *keys, uint32_t forks)
{
    int rc = pthread_once(&keys_once, keys_watch);

    if (rc != 0 || keys_rc != 0)
        return rc != 0 ? -rc : keys_rc;
    rc = flare__random(keys->bytes, sizeof(keys->bytes));
    if (rc < 0)
        return rc;
    keys->forks = forks;
    keys->left = sizeof(keys->bytes);
    return 0;
}

int flare__ws_keys_take(struct flare__ws_keys *keys, char out[4])
{
    uint32_t forks = atomic_load_explicit(&keys_forks, memory_order_relaxed);
    char *key;
    int rc;

    if (keys->left == 0 || keys->forks != forks) {
        keys->left = 0;
        rc = keys_fill(keys, forks);
        if (rc < 0)
            return rc;
    }
    keys->left -= 4;
    key = keys->bytes + keys->left;
    memcpy(out, key, 4);
    memset(key, 0, 4); /* the memory does not tell what was sent */
    return 0;
}
