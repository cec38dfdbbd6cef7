/* SPDX-License-Identifier: MIT */
/* See fake_system.h.  One lock; who waits for the gate waits inside. */
#include "tests/dns/fake_system.h"

#include "base/alloc.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

int __wrap_getaddrinfo(const char *node, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);
void *__real_flare__alloc(const struct flare_allocator *al, size_t size);
void *__wrap_flare__alloc(const struct flare_allocator *al, size_t size);
void *__real_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size);
void *__wrap_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size);
void *__real_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size);
void *__wrap_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size);
void __real_flare__free(const struct flare_allocator *al, void *block);
void __wrap_flare__free(const struct flare_allocator *al, void *block);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_system script;
    bool is_closed;
    int inside;
    int calls;
    char name[300];
    struct addrinfo hints;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .changed = PTHREAD_COND_INITIALIZER};

static atomic_int live_blocks;
static _Atomic(struct fault *) fault;

void fake_system_set(const struct fake_system *script)
{
    pthread_mutex_lock(&fake.lock);
    fake.script = *script;
    fake.is_closed = false;
    fake.calls = 0;
    fake.name[0] = '\0';
    pthread_mutex_unlock(&fake.lock);
}

void fake_system_one(const char *ip)
{
    static const char *ips[1];

    ips[0] = ip;
    fake_system_set(&(struct fake_system){.ips = ips, .count = 1});
}

int fake_system_calls(void)
{
    int calls;

    pthread_mutex_lock(&fake.lock);
    calls = fake.calls;
    pthread_mutex_unlock(&fake.lock);
    return calls;
}

const char *fake_system_name(void)
{
    return fake.name;
}

struct addrinfo fake_system_hints(void)
{
    return fake.hints;
}

void fake_gate_close(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.is_closed = true;
    pthread_mutex_unlock(&fake.lock);
}

void fake_gate_open(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.is_closed = false;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

void fake_gate_await(int inside)
{
    pthread_mutex_lock(&fake.lock);
    while (fake.inside < inside)
        pthread_cond_wait(&fake.changed, &fake.lock);
    pthread_mutex_unlock(&fake.lock);
}

int fake_gate_inside(void)
{
    int inside;

    pthread_mutex_lock(&fake.lock);
    inside = fake.inside;
    pthread_mutex_unlock(&fake.lock);
    return inside;
}

/* ---- getaddrinfo ---- */

static struct addrinfo *addrinfo_of(const char *ip)
{
    struct fake_info {
        struct addrinfo ai;
        union {
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } addr;
    } *info = calloc(1, sizeof(*info));
    char text[64];
    char *zone;

    ck_assert_ptr_nonnull(info);
    ck_assert_uint_lt(strlen(ip), sizeof(text));
    snprintf(text, sizeof(text), "%s", ip);
    zone = strchr(text, '%');
    if (zone != NULL)
        *zone++ = '\0';
    info->ai.ai_addr = (struct sockaddr *)&info->addr;
    if (inet_pton(AF_INET, text, &info->addr.v4.sin_addr) == 1) {
        info->ai.ai_family = AF_INET;
        info->ai.ai_addrlen = sizeof(info->addr.v4);
    } else if (inet_pton(AF_INET6, text, &info->addr.v6.sin6_addr) == 1) {
        info->ai.ai_family = AF_INET6;
        info->ai.ai_addrlen = sizeof(info->addr.v6);
        if (zone != NULL)
            info->addr.v6.sin6_scope_id = (uint32_t)strtoul(zone, NULL, 10);
    } else {
        info->ai.ai_family = AF_UNIX; /* what nobody asked for */
        info->ai.ai_addrlen = sizeof(struct sockaddr);
    }
    info->ai.ai_addr->sa_family = (sa_family_t)info->ai.ai_family;
    return &info->ai;
}

int __wrap_getaddrinfo(const char *node, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out)
{
    struct fake_system script;
    struct addrinfo **end = out;

    ck_assert_ptr_null(service);
    ck_assert_uint_lt(strlen(node), sizeof(fake.name));
    pthread_mutex_lock(&fake.lock);
    snprintf(fake.name, sizeof(fake.name), "%s", node);
    fake.hints = *hints;
    fake.calls++;
    fake.inside++;
    pthread_cond_broadcast(&fake.changed);
    while (fake.is_closed)
        pthread_cond_wait(&fake.changed, &fake.lock);
    fake.inside--;
    script = fake.script;
    pthread_mutex_unlock(&fake.lock);
    errno = script.number;
    if (script.eai != 0)
        return script.eai; /* and `*out` as it was */
    for (int i = 0; i < script.count; i++) {
        *end = addrinfo_of(script.ips[i]);
        end = &(*end)->ai_next;
    }
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list);
        list = next;
    }
}

/* ---- memory ---- */

void fake_fault(struct fault *f)
{
    atomic_store(&fault, f);
}

int fake_live_blocks(void)
{
    return atomic_load(&live_blocks);
}

void fake_live_await_none(void)
{
    while (atomic_load(&live_blocks) != 0)
        (void)sched_yield();
}

static bool is_malloc(const struct flare_allocator *al)
{
    return al->alloc_fn == flare__allocator_default.alloc_fn;
}

static bool memory_fails(const struct flare_allocator *al)
{
    struct fault *f = atomic_load(&fault);

    return f != NULL && is_malloc(al) && fault_site(f);
}

static void *memory_note(const struct flare_allocator *al, void *block)
{
    if (block != NULL && is_malloc(al))
        atomic_fetch_add(&live_blocks, 1);
    return block;
}

void *__wrap_flare__alloc(const struct flare_allocator *al, size_t size)
{
    if (memory_fails(al))
        return NULL;
    return memory_note(al, __real_flare__alloc(al, size));
}

void *__wrap_flare__calloc(const struct flare_allocator *al, size_t count,
                           size_t size)
{
    if (memory_fails(al))
        return NULL;
    return memory_note(al, __real_flare__calloc(al, count, size));
}

void *__wrap_flare__realloc(const struct flare_allocator *al, void *block,
                            size_t size)
{
    void *grown;

    if (memory_fails(al))
        return NULL;
    grown = __real_flare__realloc(al, block, size);
    return block == NULL ? memory_note(al, grown) : grown;
}

void __wrap_flare__free(const struct flare_allocator *al, void *block)
{
    bool is_counted = block != NULL && is_malloc(al);

    __real_flare__free(al, block);
    if (is_counted)
        atomic_fetch_sub(&live_blocks, 1);
}
